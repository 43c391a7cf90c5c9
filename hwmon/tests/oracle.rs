//! smartctl as the oracle for our own decoders: the same octets, read by both.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hwmon::disks::ata;
use hwmon::drive::{Assessment, Drive, Meaning, Protocol};
use hwmon::{NoData, smartctl, verdict};
use serde_json::Value;

/// The folder of readings of real hardware, or nothing, visibly.
fn hardware() -> Option<PathBuf> {
    let folder = std::env::var_os("SPANWATCH_HARDWARE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/hardware"),
        PathBuf::from,
    );
    let found = folder.join("smartctl-json").is_dir();
    if !found {
        eprintln!("skipped: {} is not there", folder.display());
    }
    found.then_some(folder)
}

/// The pages that an ATA disk must have had, from what smartctl printed of them.
struct Pages {
    identify: [u8; 512],
    data: [u8; 512],
    thresholds: [u8; 512],
    tests: [u8; 512],
    failing: bool,
}

fn checksum(page: &mut [u8; 512]) {
    page[511] = 0;
    page[511] = page
        .iter()
        .fold(0u8, |sum, octet| sum.wrapping_add(*octet))
        .wrapping_neg();
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn octet(value: &Value) -> u8 {
    u8::try_from(number(value)).expect("an octet")
}

fn swapped(page: &mut [u8; 512], word: usize, text: &str, octets: usize) {
    let padded = format!("{text:octets$.octets$}");
    for (pair, at) in padded.as_bytes().chunks(2).zip(word..) {
        (page[at * 2], page[at * 2 + 1]) = (pair[1], pair[0]);
    }
}

fn pages(document: &Value) -> Option<Pages> {
    let rows = document["ata_smart_attributes"]["table"].as_array()?;
    let (mut identify, mut data, mut thresholds, mut tests) = ([0u8; 512], [0u8; 512], [0u8; 512], [0u8; 512]);
    let word = |page: &mut [u8; 512], at: usize, value: u16| {
        page[at * 2..at * 2 + 2].copy_from_slice(&value.to_le_bytes());
    };
    // a disk of ATA-8 with SMART, its logs and self-tests, and nothing beyond
    let rotation = number(&document["rotation_rate"]);
    let rotation = if rotation == 0 {
        1
    } else {
        u16::try_from(rotation).ok()?
    };
    for (at, value) in [
        (0, 0x0040),
        (49, 0x0200),
        (80, 0x01f0),
        (82, 0x0001),
        (83, 0x4400),
        (84, 0x4003),
        (85, 0x0001),
        (86, 0x0400),
        (87, 0x4003),
        (217, rotation),
    ] {
        word(&mut identify, at, value);
    }
    let sectors = number(&document["user_capacity"]["bytes"]) / 512;
    identify[200..208].copy_from_slice(&sectors.to_le_bytes());
    identify[120..124].copy_from_slice(&u32::try_from(sectors).unwrap_or(0x0fff_ffff).to_le_bytes());
    swapped(&mut identify, 10, document["serial_number"].as_str()?, 20);
    swapped(&mut identify, 23, document["firmware_version"].as_str()?, 8);
    // a model that no table of smartmontools knows, so that both go by the numbers alone
    swapped(&mut identify, 27, "Oracle 1", 40);
    identify[510] = 0xa5;
    checksum(&mut identify);
    for (row, n) in rows.iter().zip(0..30) {
        let at = 2 + n * 12;
        (data[at], data[at + 1]) = (octet(&row["id"]), octet(&row["flags"]["value"]));
        (data[at + 3], data[at + 4]) = (octet(&row["value"]), octet(&row["worst"]));
        data[at + 5..at + 11].copy_from_slice(&number(&row["raw"]["value"]).to_le_bytes()[..6]);
        (thresholds[at], thresholds[at + 1]) = (octet(&row["id"]), octet(&row["thresh"]));
    }
    // it can test itself, and keeps a log
    (data[0], data[367], data[368]) = (16, 0x5b, 3);
    data[370] = 1;
    thresholds[0] = 16;
    tests[0] = 1;
    let log = document["ata_smart_self_test_log"]["standard"]["table"].as_array();
    let entries: Vec<&Value> = log.into_iter().flatten().take(21).collect();
    for (entry, n) in entries.iter().zip(0..) {
        // the newest is the last in the log
        let at = 2 + (entries.len() - 1 - n) * 24;
        tests[at] = octet(&entry["type"]["value"]);
        tests[at + 1] = octet(&entry["status"]["value"]);
        let hours = u16::try_from(number(&entry["lifetime_hours"]) & 0xffff).ok()?;
        tests[at + 2..at + 4].copy_from_slice(&hours.to_le_bytes());
        tests[at + 4] = 0x0a;
    }
    tests[508] = u8::try_from(entries.len()).ok()?;
    for page in [&mut data, &mut thresholds, &mut tests] {
        checksum(page);
    }
    Some(Pages {
        identify,
        data,
        thresholds,
        tests,
        failing: document["smart_status"]["passed"] == Value::Bool(false),
    })
}

/// Our reading of the pages.
fn ours(pages: &Pages) -> Drive {
    let mut drive = Drive::unknown(NoData::NotReported);
    drive.protocol = Protocol::Ata;
    drive.identity = ata::identify(&pages.identify).expect("an identity").identity;
    let flash = drive.identity.rotation == Some(0);
    let attributes = ata::attributes(&pages.data, Some(&pages.thresholds), flash);
    drive.temperature = ata::celsius(&attributes).ok_or(NoData::NotReported);
    drive.hours = ata::hours(&attributes).ok_or(NoData::NotReported);
    for test in ata::self_tests(&pages.tests, None) {
        drive.tests.push(test);
    }
    drive.ata = Some(ata::part(attributes, None, None));
    drive.assessment = if pages.failing {
        Assessment::Failed(None)
    } else {
        Assessment::Passed
    };
    drive
}

/// What smartctl calls a transcript of its questions and the disk's answers.
fn transcript(pages: &Pages) -> String {
    let mut out = String::new();
    let mut command = |name: &str, returned: u8, page: Option<&[u8; 512]>, parameter: &str| {
        out += &format!("\nREPORT-IOCTL: Device=/dev/sda Command={name}{parameter}\n");
        out += &format!("REPORT-IOCTL: Device=/dev/sda Command={name} returned {returned}\n");
        let Some(page) = page else { return };
        out += &format!("\n===== [{name}] DATA START (BASE-16) =====\n");
        for (line, n) in page.chunks(16).zip(0..) {
            let octets: Vec<String> = line.iter().map(|o| format!("{o:02x}")).collect();
            let octets = octets.join(" ");
            out += &format!("{:03}-{:03}: {octets} |................|\n", n * 16, n * 16 + 15);
        }
        out += &format!("===== [{name}] DATA END (512 Bytes) =====\n\n");
    };
    command("IDENTIFY DEVICE", 0, Some(&pages.identify), "");
    command("SMART STATUS CHECK", u8::from(pages.failing), None, "");
    command("SMART READ ATTRIBUTE VALUES", 0, Some(&pages.data), "");
    command("SMART READ ATTRIBUTE THRESHOLDS", 0, Some(&pages.thresholds), "");
    command("SMART READ LOG", 0, Some(&pages.tests), " InputParameter=6");
    out
}

fn replay(program: &Path, pages: &Pages) -> Value {
    let mut child = Command::new(program)
        .args(["-j", "-i", "-H", "-A", "-l", "selftest", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("smartctl runs");
    let text = transcript(pages);
    let mut input = child.stdin.take().expect("its input");
    input.write_all(text.as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    serde_json::from_slice(&output.stdout).expect("a document")
}

fn documents(folder: &Path) -> Vec<(String, Value)> {
    let mut documents = Vec::new();
    for entry in std::fs::read_dir(folder.join("smartctl-json")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).expect("a file");
        documents.push((name, serde_json::from_str(&text).expect("JSON")));
    }
    documents
}

#[test]
fn both_read_the_same_from_the_same_octets() {
    let Some(folder) = hardware() else { return };
    let program = Path::new("/usr/sbin/smartctl");
    if !program.exists() {
        eprintln!("skipped: smartmontools is not installed");
        return;
    }
    let mut compared = 0;
    for (name, document) in documents(&folder) {
        let Some(pages) = pages(&document) else { continue };
        let replayed = replay(program, &pages);
        let bytes = serde_json::to_vec(&replayed).expect("JSON");
        let theirs = smartctl::json(&name, &bytes).expect("a drive").remove(0);
        let ours = ours(&pages);
        assert_eq!(ours.identity.serial, theirs.identity.serial, "{name}");
        assert_eq!(ours.identity.capacity, theirs.identity.capacity, "{name}");
        assert_eq!(ours.assessment, theirs.assessment, "{name}: {replayed:#}");
        assert_eq!(ours.temperature, theirs.temperature, "{name}");
        assert_eq!(ours.hours, theirs.hours, "{name}");
        assert_eq!(ours.tests.entries(), theirs.tests.entries(), "{name}");
        let flash = ours.solid_state();
        let of = |drive: &Drive| -> Vec<_> {
            let rows = drive.ata.as_ref().expect("ATA").attributes.iter();
            rows.map(|a| {
                let values = (
                    a.id,
                    a.prefail,
                    a.value,
                    a.worst,
                    a.threshold.unwrap_or(0),
                    a.when_failed(),
                );
                let meaning = a.meaning(flash);
                let number = match meaning {
                    Some(Meaning::Temperature) => a.raw.celsius(&a.name).map(i64::from),
                    Some(Meaning::Timeouts) => a.raw.timeouts().map(u64::cast_signed),
                    Some(_) => a.raw.count().map(u64::cast_signed),
                    None => None,
                };
                (values, meaning, number)
            })
            .collect()
        };
        assert_eq!(of(&ours), of(&theirs), "{name}");
        let health = |drive: &Drive| verdict::judge(drive).health;
        assert_eq!(health(&ours), health(&theirs), "{name}");
        compared += 1;
    }
    assert!(compared > 40, "only {compared} drives were compared");
}

/// Without tables of models our verdict is never better than smartctl's of the same drive.
#[test]
fn no_failing_drive_is_called_ok() {
    let Some(folder) = hardware() else { return };
    for (name, document) in documents(&folder) {
        let Some(pages) = pages(&document) else { continue };
        let verdict = verdict::judge(&ours(&pages));
        if pages.failing {
            assert_eq!(verdict.health, verdict::Health::Failing, "{name}");
        }
        assert_ne!(verdict.health, verdict::Health::Unknown, "{name}");
    }
}
