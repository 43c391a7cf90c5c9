//! What smartctl says where it cannot read a drive.

use crate::NoData;

/// Why readings are missing, from one line of smartctl's; `None` for lines that say nothing of the kind.
pub(super) fn classify(line: &str) -> Option<NoData> {
    let lower = line.to_ascii_lowercase();
    let has = |part: &str| lower.contains(part);
    let device = has("open device") || has("unable to detect device type") || has("open failed");
    let failed = has("failed") || has("error");
    match () {
        () if has("in standby") || has("in sleep mode") || has("standby mode, exit") => Some(NoData::Standby),
        () if has("device lacks smart capability") || has("device does not support smart") => Some(NoData::Unsupported),
        () if has("smart support is:") && has("unavailable") => Some(NoData::Unsupported),
        () if has("smart support is:") && has("disabled") => Some(NoData::Disabled),
        () if lower.starts_with("smart disabled. use option") => Some(NoData::Disabled),
        () if (failed || device) && has("timed out") || has("timeout") && failed => Some(NoData::Timeout),
        () if failed && (has("permission denied") || has("operation not permitted") || has("access denied")) => {
            Some(NoData::Denied)
        }
        () if failed && (has("no such device") || has("no such file") || has("no such id") || has("no medium")) => {
            Some(NoData::NotPresent)
        }
        () if device && failed => Some(NoData::Failed),
        () if has("unable to detect device type") || has("unknown usb bridge") => Some(NoData::Unsupported),
        () if has("please try adding '-d") || has("please specify device type") => Some(NoData::Unsupported),
        () if has("terminate command early due to bad response") => Some(NoData::Failed),
        () if lower.starts_with("read device identity failed")
            || lower.starts_with("read nvme identify controller failed")
            || lower.starts_with("read nvme smart/health information failed")
            || lower.starts_with("read smart data failed")
            || lower.starts_with("smart status command failed")
            || has("a mandatory smart command failed")
            || lower.starts_with("standard inquiry") && failed
            || lower.starts_with("scsi device: ") && failed
            || lower.starts_with("inquiry") && failed =>
        {
            Some(NoData::Failed)
        }
        () => None,
    }
}

/// Of two reasons the one that says more: a device that was refused, asleep or absent explains all that follows.
pub(super) fn stronger(old: Option<NoData>, new: NoData) -> NoData {
    match old {
        None | Some(NoData::NotReported | NoData::Failed) => new,
        Some(old) => old,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_type() {
        for (line, missing) in [
            ("Device is in STANDBY mode, exit(2)", NoData::Standby),
            ("Device is in STANDBY (OS) mode, exit(2)", NoData::Standby),
            (
                "Smartctl open device: /dev/sdz failed: No such device",
                NoData::NotPresent,
            ),
            (
                "Smartctl open device: /dev/sda failed: Permission denied",
                NoData::Denied,
            ),
            (
                "Smartctl open device: /dev/sda failed: Connection timed out",
                NoData::Timeout,
            ),
            (
                "Smartctl open device: /dev/sda failed: DELL or MegaRaid controller, please try adding '-d megaraid,N'",
                NoData::Failed,
            ),
            ("/dev/sdb: Unable to detect device type", NoData::Unsupported),
            (
                "/dev/sdb: Unknown USB bridge [0x1234:0x5678 (0x100)]",
                NoData::Unsupported,
            ),
            (
                "SMART support is: Unavailable - device lacks SMART capability.",
                NoData::Unsupported,
            ),
            ("SMART support is: Disabled", NoData::Disabled),
            (
                "SMART Disabled. Use option -s with argument 'on' to enable it.",
                NoData::Disabled,
            ),
            (
                "Read Device Identity failed: scsi error aborted command",
                NoData::Failed,
            ),
            (
                "A mandatory SMART command failed: exiting. To continue, add one or more '-T permissive' options.",
                NoData::Failed,
            ),
        ] {
            assert_eq!(classify(line), Some(missing), "{line}");
        }
        for line in [
            "SMART overall-health self-assessment test result: FAILED!",
            "Device is in ACTIVE or IDLE mode",
            "SMART support is: Available - device has SMART capability.",
            "0x0001  2            0  Command failed due to ICRC error",
            "APM level is:     128 (minimum power consumption without standby)",
            "Read Self-test Log failed: Invalid Field in Command (0x002)",
            "188 Command_Timeout         -O--CK   100   099   000    -    1 1 1",
            "Failed Attributes:",
        ] {
            assert_eq!(classify(line), None, "{line}");
        }
    }
}
