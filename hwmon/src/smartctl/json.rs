//! `smartctl --json`, format 1.0.

use serde_json::Value;

use super::{DRIVES_MAX, trouble};
use crate::drive::{
    ATTRIBUTES_MAX, Assessment, Ata, Attribute, Drive, Identity, Nvme, Outcome, Protocol, Raw, Scsi, SelfTest,
    WhenFailed, label,
};
use crate::why::Why;
use crate::{Error, NoData, input};

const MAKE: &str = "smartctl --json -x DEVICE";

pub(super) fn read(whence: &str, bytes: &[u8]) -> Result<Vec<Drive>, Error> {
    let text = input::text(bytes);
    if text.trim().is_empty() {
        return Err(Error::Empty {
            whence: whence.to_owned(),
        });
    }
    let mut drives = Vec::new();
    for document in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        let document = document.map_err(|source| Error::Json {
            whence: whence.to_owned(),
            source,
        })?;
        let documents = match document {
            Value::Array(several) => several,
            one => vec![one],
        };
        for document in documents {
            if drives.len() < DRIVES_MAX {
                drives.push(drive(&document).map_err(|why| Error::NotSmartctl {
                    whence: whence.to_owned(),
                    why,
                    make: MAKE,
                })?);
            }
        }
    }
    if drives.is_empty() {
        return Err(Error::Empty {
            whence: whence.to_owned(),
        });
    }
    Ok(drives)
}

/// The value at a path of keys.
fn at<'a>(value: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(value, |v, key| v.get(key).unwrap_or(&Value::Null))
}

/// A count: a number, or digits in a string, as smartctl gives numbers beyond 53 bits.
fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Number(n) => n.as_u64().or_else(|| {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a cast of a large float saturates"
            )]
            n.as_f64().filter(|f| *f >= 0.0).map(|f| f as u64)
        }),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    }
}

fn small<T: TryFrom<u64>>(value: &Value) -> Option<T> {
    count(value).and_then(|n| T::try_from(n).ok())
}

fn words(value: &Value) -> Option<String> {
    value.as_str().and_then(label)
}

fn drive(root: &Value) -> Result<Drive, &'static str> {
    if !root.is_object() {
        return Err("it is JSON, but no object");
    }
    if !root.get("smartctl").is_some_and(Value::is_object) && root.get("smart_status").is_none() {
        return Err("it is JSON without the keys `smartctl` and `smart_status`");
    }
    if root.get("devices").is_some() && root.get("device").is_none() {
        return Err("it is a list of devices, by --scan");
    }
    let (missing, said) = refusal(root);
    let mut drive = Drive::unknown(missing);
    drive.trouble = said;
    drive.protocol = protocol(root);
    drive.identity = identity(root);
    drive.temperature = temperature(root, drive.protocol).ok_or(missing);
    drive.limits = crate::drive::TemperatureLimits {
        warning: small(at(root, &["nvme_composite_temperature_threshold", "warning"]))
            .or_else(|| small(at(root, &["temperature", "op_limit_max"])))
            .or_else(|| small(at(root, &["ata_sct_status", "temperature", "op_limit_max"]))),
        critical: small(at(root, &["nvme_composite_temperature_threshold", "critical"]))
            .or_else(|| small(at(root, &["temperature", "drive_trip"])))
            .or_else(|| small(at(root, &["temperature", "limit_max"]))),
    };
    drive.hours = count(at(root, &["power_on_time", "hours"])).ok_or(missing);
    drive.used = used(root);
    match drive.protocol {
        Protocol::Ata => drive.ata = Some(ata(root)),
        Protocol::Scsi => drive.scsi = Some(scsi(root)),
        Protocol::Nvme => drive.nvme = Some(nvme(root)),
        Protocol::Unknown => {}
    }
    tests(root, &mut drive);
    drive.assessment = assessment(root, missing);
    Ok(drive)
}

/// Why readings may be missing, as smartctl's messages and exit status say it.
fn refusal(root: &Value) -> (NoData, Option<String>) {
    let mut missing = None;
    let mut said = None;
    let messages = at(root, &["smartctl", "messages"]).as_array();
    let messages = messages
        .into_iter()
        .flatten()
        .filter_map(|m| m.get("string").and_then(Value::as_str));
    // text beside the JSON, by --json=o
    let output = at(root, &["smartctl", "output"]).as_array();
    let output = output.into_iter().flatten().filter_map(Value::as_str);
    for line in messages.chain(output).take(4096) {
        if let Some(found) = trouble::classify(line) {
            missing = Some(trouble::stronger(missing, found));
            said = said.or_else(|| label(line));
        }
    }
    let power = at(root, &["power_mode", "name"]).as_str().unwrap_or_default();
    let asleep = power.contains("STANDBY") || power.contains("SLEEP");
    let silent = root.get("smart_status").is_none();
    let no = |path: &[&str]| at(root, path).as_bool() == Some(false);
    let status = count(at(root, &["smartctl", "exit_status"])).unwrap_or(0);
    let missing = missing.unwrap_or(match () {
        () if asleep && silent => NoData::Standby,
        () if no(&["smart_support", "available"]) => NoData::Unsupported,
        () if no(&["smart_support", "enabled"]) => NoData::Disabled,
        () if silent && status & 0b110 != 0 => NoData::Failed,
        () => NoData::NotReported,
    });
    (missing, said)
}

fn protocol(root: &Value) -> Protocol {
    let has = |key: &str| root.get(key).is_some();
    let prefix = |p: &str| root.as_object().is_some_and(|o| o.keys().any(|k| k.starts_with(p)));
    match at(root, &["device", "protocol"]).as_str() {
        Some("ATA") => Protocol::Ata,
        Some("SCSI") => Protocol::Scsi,
        Some("NVMe") => Protocol::Nvme,
        _ if has("nvme_smart_health_information_log") || prefix("nvme_") => Protocol::Nvme,
        _ if has("ata_smart_attributes") || prefix("ata_") => Protocol::Ata,
        _ if prefix("scsi_") => Protocol::Scsi,
        _ => Protocol::Unknown,
    }
}

fn identity(root: &Value) -> Identity {
    let first = |keys: &[&str]| keys.iter().find_map(|key| words(at(root, &[key])));
    let product = || {
        let vendor = first(&["scsi_vendor", "vendor"]);
        let product = first(&["scsi_product", "product"]);
        vendor.into_iter().chain(product).reduce(|a, b| format!("{a} {b}"))
    };
    Identity {
        model: first(&["model_name", "scsi_model_name"]).or_else(product),
        family: first(&["model_family"]),
        serial: first(&["serial_number"]),
        firmware: first(&["firmware_version", "scsi_revision", "revision"]),
        capacity: count(at(root, &["user_capacity", "bytes"])).or_else(|| count(at(root, &["nvme_total_capacity"]))),
        rotation: small(at(root, &["rotation_rate"])),
    }
}

fn temperature(root: &Value, protocol: Protocol) -> Option<i32> {
    let current = |path: &[&str]| at(root, path).as_i64().and_then(|t| i32::try_from(t).ok());
    let value = current(&["temperature", "current"])
        .or_else(|| current(&["nvme_smart_health_information_log", "temperature"]))
        .or_else(|| current(&["ata_sct_status", "temperature", "current"]))?;
    believed(value, protocol)
}

/// No drive is so cold or hot; 0 kelvin and, from SCSI drives and ATA drives without a sensor, 0 °C mean that there is
/// none.
fn believed(celsius: i32, protocol: Protocol) -> Option<i32> {
    let sensorless = celsius == 0 && protocol != Protocol::Nvme;
    ((-60..150).contains(&celsius) && !sensorless).then_some(celsius)
}

fn used(root: &Value) -> Option<u32> {
    small(at(root, &["endurance_used", "current_percent"]))
        .or_else(|| small(at(root, &["nvme_smart_health_information_log", "percentage_used"])))
        .or_else(|| small(at(root, &["scsi_percentage_used_endurance_indicator"])))
        .or_else(|| {
            let pages = at(root, &["ata_device_statistics", "pages"]).as_array()?;
            let rows = pages.iter().filter_map(|page| page.get("table")?.as_array()).flatten();
            rows.filter(|row| at(row, &["flags", "valid"]).as_bool() != Some(false))
                .find(|row| row.get("name").and_then(Value::as_str) == Some("Percentage Used Endurance Indicator"))
                .and_then(|row| small(row.get("value")?))
        })
}

fn ata(root: &Value) -> Ata {
    let table = at(root, &["ata_smart_attributes", "table"]).as_array();
    let log = |part: &str| count(at(root, &["ata_smart_error_log", part, "count"]));
    Ata {
        attributes: table
            .into_iter()
            .flatten()
            .filter_map(attribute)
            .take(ATTRIBUTES_MAX)
            .collect(),
        errors: log("extended").or_else(|| log("summary")),
        pending_log: count(at(root, &["ata_pending_defects_log", "count"])),
    }
}

fn attribute(row: &Value) -> Option<Attribute> {
    Some(Attribute {
        id: small(row.get("id")?)?,
        name: words(at(row, &["name"])).unwrap_or_else(|| "Unknown_Attribute".to_owned()),
        prefail: at(row, &["flags", "prefailure"]).as_bool(),
        value: small(at(row, &["value"])),
        worst: small(at(row, &["worst"])),
        threshold: small(at(row, &["thresh"])),
        printed: match at(row, &["when_failed"]).as_str() {
            Some("now" | "FAILING_NOW") => Some(WhenFailed::Now),
            Some("past" | "In_the_past") => Some(WhenFailed::Past),
            Some(_) => Some(WhenFailed::Never),
            None => None,
        },
        raw: Raw::from_text(at(row, &["raw", "string"]).as_str().unwrap_or_default())
            .with_bits(count(at(row, &["raw", "value"]))),
    })
}

fn scsi(root: &Value) -> Scsi {
    let log = |part: &str| count(at(root, &["scsi_error_counter_log", part, "total_uncorrected_errors"]));
    Scsi {
        grown_defects: count(at(root, &["scsi_grown_defect_list"])),
        uncorrected: [log("read"), log("write"), log("verify")],
        non_medium: count(at(root, &["scsi_nonmedium_error_count"]))
            .or_else(|| count(at(root, &["scsi_non_medium_error_count"]))),
        pending: count(at(root, &["scsi_pending_defects", "count"])),
    }
}

fn nvme(root: &Value) -> Nvme {
    let log = at(root, &["nvme_smart_health_information_log"]);
    let number = |key: &str| count(at(log, &[key])).or_else(|| count(at(log, &[&format!("{key}_s")])));
    Nvme {
        critical_warning: small(at(log, &["critical_warning"]))
            .or_else(|| small(at(root, &["smart_status", "nvme", "value"]))),
        spare: small(at(log, &["available_spare"]))
            .or_else(|| small(at(root, &["spare_available", "current_percent"]))),
        spare_threshold: small(at(log, &["available_spare_threshold"]))
            .or_else(|| small(at(root, &["spare_available", "threshold_percent"]))),
        media_errors: number("media_errors"),
        error_entries: number("num_err_log_entries"),
        unsafe_shutdowns: number("unsafe_shutdowns"),
        hot_minutes: [number("warning_temp_time"), number("critical_comp_time")],
    }
}

fn tests(root: &Value, drive: &mut Drive) {
    let mut push = |extended: bool, outcome: Option<Outcome>, hours: Option<u64>| {
        if let Some(outcome) = outcome {
            drive.tests.push(SelfTest {
                extended,
                outcome,
                hours,
            });
        }
    };
    let string = |value: &Value, path: &[&str]| at(value, path).as_str().unwrap_or_default().to_owned();
    // ATA: one of the two logs, or both with the same entries
    let standard = at(root, &["ata_smart_self_test_log", "standard", "table"]).as_array();
    let extended = at(root, &["ata_smart_self_test_log", "extended", "table"]).as_array();
    for row in extended.or(standard).into_iter().flatten() {
        let outcome = Outcome::from_words(&string(row, &["status", "string"]))
            .or_else(|| small(at(row, &["status", "value"])).and_then(Outcome::from_ata));
        push(
            string(row, &["type", "string"]).starts_with("Extended"),
            outcome,
            count(at(row, &["lifetime_hours"])),
        );
    }
    // SCSI: scsi_self_test_0 to _19
    for number in 0..20 {
        let row = at(root, &[&format!("scsi_self_test_{number}")]);
        let outcome = Outcome::from_words(&string(row, &["result", "string"]));
        let code = string(row, &["code", "string"]);
        push(
            code.contains("long"),
            outcome,
            count(at(row, &["power_on_time", "hours"])),
        );
    }
    // NVMe: log 06h
    let table = at(root, &["nvme_self_test_log", "table"]).as_array();
    for row in table.into_iter().flatten() {
        let outcome = Outcome::from_words(&string(row, &["self_test_result", "string"]));
        let extended = string(row, &["self_test_code", "string"]).starts_with("Extended");
        push(extended, outcome, count(at(row, &["power_on_hours"])));
    }
    if let Some(outcome) =
        small(at(root, &["ata_smart_data", "self_test", "status", "value"])).and_then(Outcome::from_ata)
    {
        drive.tests.set_last(outcome);
    }
}

fn assessment(root: &Value, missing: NoData) -> Assessment {
    let status = count(at(root, &["smartctl", "exit_status"])).unwrap_or(0);
    let passed = at(root, &["smart_status", "passed"]).as_bool();
    let sct = at(root, &["ata_sct_status", "smart_status", "passed"]).as_bool();
    // bit 3 of the exit status: "SMART status check returned DISK FAILING"
    if passed == Some(false) || sct == Some(false) || status & 8 != 0 {
        return Assessment::Failed(words(at(root, &["smart_status", "scsi", "ie_string"])).map(Why::own_words));
    }
    if passed == Some(true) {
        return Assessment::Passed;
    }
    match sct {
        Some(true) => Assessment::Passed,
        _ => Assessment::Missing(missing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Drive {
        read("test", text.as_bytes()).expect("a drive").remove(0)
    }

    #[test]
    fn bad_files_say_what_is_wrong() {
        let error = |text: &str| read("x.json", text.as_bytes()).expect_err("an error").to_string();
        assert!(error(" \n").contains("is empty"));
        assert!(error("[]").contains("is empty"));
        assert!(error(r#"{"smartctl": {"exit_status": 0"#).contains("no whole JSON"));
        assert!(error("smartctl 7.3").contains("--smartctl-text"));
        assert!(error(r#"{"hello": 1}"#).contains("without the keys"));
        assert!(error("[1]").contains("no object"));
        assert!(error(r#"{"smartctl": {}, "devices": []}"#).contains("--scan"));
    }

    #[test]
    fn a_sleeping_disk_is_asleep_and_no_more() {
        let drive = one(
            r#"{"smartctl": {"exit_status": 2, "messages": [{"string": "Device is in STANDBY mode, exit(2)", "severity": "information"}]},
            "device": {"name": "/dev/sda", "protocol": "ATA"}}"#,
        );
        assert_eq!(drive.assessment, Assessment::Missing(NoData::Standby));
        assert_eq!(drive.temperature, Err(NoData::Standby));
        assert_eq!(drive.hours, Err(NoData::Standby));
    }

    #[test]
    fn failure_is_read_from_the_exit_status_too() {
        let drive = one(r#"{"smartctl": {"exit_status": 8}}"#);
        assert_eq!(drive.assessment, Assessment::Failed(None));
    }

    #[test]
    fn scsi_says_how_it_fails() {
        let drive = one(
            r#"{"smartctl": {}, "device": {"protocol": "SCSI"}, "smart_status": {"passed": false, "scsi": {"asc": 93, "ascq": 16,
            "ie_string": "HARDWARE IMPENDING FAILURE GENERAL HARD DRIVE FAILURE"}},
            "scsi_self_test_0": {"code": {"value": 2, "string": "Background long"}, "result": {"value": 4, "string": "Completed, segment failed"},
            "power_on_time": {"hours": 33}}, "scsi_grown_defect_list": 7}"#,
        );
        assert!(
            matches!(&drive.assessment, Assessment::Failed(Some(how)) if how.en().starts_with("HARDWARE IMPENDING"))
        );
        assert_eq!(drive.scsi.and_then(|s| s.grown_defects), Some(7));
        assert_eq!(drive.tests.standing_failure().and_then(|t| t.hours), Some(33));
    }

    #[test]
    fn numbers_beyond_64_bits_do_not_stop_it() {
        let drive = one(
            r#"{"smartctl": {}, "device": {"protocol": "NVMe"}, "nvme_smart_health_information_log":
            {"media_errors": 340282366920938463463374607431768211455, "temperature": -273, "available_spare": 300}}"#,
        );
        assert_eq!(drive.temperature, Err(NoData::NotReported));
        let nvme = drive.nvme.expect("nvme");
        assert_eq!((nvme.media_errors, nvme.spare), (Some(u64::MAX), None));
    }
}
