//! No English in Chinese: what the monitor says of real and of made hardware has no word in small letters but names that the
//! hardware or the kernel gave, units, and what is typed as it stands. What a device says in its own words is in quotes.

use std::collections::BTreeSet;
use std::path::Path;

use hwmon::board::{Board, DiskPlace, PortPlace};
use hwmon::drive::{Assessment, Drive, Outcome, Protocol, SelfTest};
use hwmon::ipmi::sel;
use hwmon::policy::{Alarm, Event};
use hwmon::sysfs::Root;
use hwmon::verdict::judge;
use hwmon::watch::{Sample, SeenDrive, Watch, about, source, words};
use hwmon::{NoData, Reading, smartctl};

use super::{files, hardware, unpack};

/// Units, and words that people type or read as they are.
const ALLOWED: &[&str] = &[
    "rpm", "min", "bit", "dBm", "sysfs", "inode", "smartctl", "megaraid", "root", "on", "dev", "ipmi", "sys", "fsck",
];

/// The words of a Chinese text that are English, but for `given` names.
fn english(text: &str, given: &BTreeSet<String>) -> Vec<String> {
    let mut rest = String::new();
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '“' => quoted = true,
            '”' => quoted = false,
            c if !quoted => rest.push(c),
            _ => {}
        }
    }
    let mut longest: Vec<&String> = given.iter().filter(|name| name.len() > 1).collect();
    longest.sort_by_key(|name| std::cmp::Reverse(name.len()));
    for name in longest {
        rest = rest.replace(name.as_str(), "·");
    }
    rest.split(|c: char| !c.is_ascii_alphanumeric())
        // a number, hexadecimal ones too
        .filter(|word| !word.starts_with(|c: char| c.is_ascii_digit()))
        .flat_map(|word| word.split(|c: char| c.is_ascii_digit()))
        .filter(|word| word.len() > 1 && word.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter(|word| !ALLOWED.contains(word))
        .map(str::to_owned)
        .collect()
}

/// What was found, so that all of it is told at once.
#[derive(Default)]
struct Found(BTreeSet<String>, usize);

impl Found {
    fn look(&mut self, zh: &str, given: &BTreeSet<String>) {
        self.1 += 1;
        let words = english(zh, given);
        if !words.is_empty() || zh.is_empty() {
            self.0.insert(format!("{words:?} in {zh:?}"));
        }
    }

    fn reading(&mut self, reading: &Reading, given: &BTreeSet<String>) {
        self.look(&reading.name().zh(), given);
        self.look(&reading.reason().zh(), given);
    }

    fn alarm(&mut self, alarm: &Alarm, given: &BTreeSet<String>) {
        let board = Board::unknown();
        let [zh, _] = words(&board, alarm);
        for text in [zh.title, zh.todo, about(&board, alarm).1.zh, alarm.text.zh.clone()] {
            self.look(&text, given);
        }
    }

    fn nothing(self, least: usize) {
        assert!(self.0.is_empty(), "{:#?}", self.0);
        assert!(self.1 >= least, "{} texts", self.1);
    }
}

#[test]
fn the_test_itself_finds_english() {
    let given = BTreeSet::from(["eth0".to_owned(), "pmbus vin".to_owned()]);
    assert!(english("eth0 链路：没有链路，pmbus vin 12.1 V，1098 rpm，“in_sync”", &given).is_empty());
    assert_eq!(english("eth0 link：没有链路", &given), ["link"]);
    assert_eq!(english("正在进行 resync，eth1，0bh", &given), ["resync", "eth"]);
}

/// Every literal with Chinese in the sources: phrases, titles, what to do.
#[test]
fn no_chinese_literal_has_an_english_word() {
    fn walk(folder: &Path, found: &mut Found) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ext| ext == "rs") && !path.ends_with("why.rs") {
                let text = std::fs::read_to_string(&path).expect("a source");
                let literals = text.lines().flat_map(|line| line.split('"').skip(1).step_by(2));
                let chinese = |text: &&str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
                for literal in literals.filter(chinese) {
                    found.look(&literal.replace("{part}", ""), &BTreeSet::new());
                }
            }
        }
    }
    let mut found = Found::default();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found.nothing(300);
}

/// The names below a folder of a /sys.
fn entries(sys: &Path, folder: &str) -> Vec<String> {
    let found = std::fs::read_dir(sys.join(folder)).into_iter().flatten();
    found
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect()
}

/// The names that the kernel and the hardware give in a /sys.
fn names(sys: &Path) -> BTreeSet<String> {
    let mut given = BTreeSet::new();
    for folder in [
        "block",
        "class/net",
        "fs/ext4",
        "bus/pci/devices",
        "class/watchdog",
        "class/hwmon",
    ] {
        given.extend(entries(sys, folder));
    }
    let mut said = |path: String| {
        let text = std::fs::read_to_string(sys.join(path));
        given.extend(
            text.ok()
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty()),
        );
    };
    for chip in entries(sys, "class/hwmon") {
        let folder = format!("class/hwmon/{chip}");
        for at in [folder.clone(), format!("{folder}/device")] {
            let labels = entries(sys, &at)
                .into_iter()
                .filter(|name| name == "name" || name.ends_with("_label"));
            labels.for_each(|label| said(format!("{at}/{label}")));
        }
    }
    for watchdog in entries(sys, "class/watchdog") {
        said(format!("class/watchdog/{watchdog}/identity"));
    }
    for array in entries(sys, "block") {
        let members = entries(sys, &format!("block/{array}/md"));
        given.extend(
            members
                .iter()
                .filter_map(|name| Some(name.strip_prefix("dev-")?.to_owned())),
        );
    }
    for chip in entries(sys, "class/hwmon") {
        // one without a name is called after its device
        let target = std::fs::read_link(sys.join(format!("class/hwmon/{chip}/device")));
        given.extend(target.ok().and_then(|to| Some(to.file_name()?.to_str()?.to_owned())));
        let target = std::fs::read_link(sys.join("class/hwmon").join(&chip));
        let target = target.ok().map(|to| to.display().to_string()).unwrap_or_default();
        let device = target.split("/hwmon/").next().and_then(|way| way.rsplit('/').next());
        given.extend(device.map(str::to_owned));
    }
    // memory controllers, their rows and the modules' labels
    for controller in entries(sys, "devices/system/edac/mc") {
        let folder = format!("devices/system/edac/mc/{controller}");
        for row in entries(sys, &folder) {
            for label in entries(sys, &format!("{folder}/{row}")) {
                if label.ends_with("dimm_label") {
                    let text = std::fs::read_to_string(sys.join(format!("{folder}/{row}/{label}")));
                    given.extend(text.ok().map(|text| text.trim().to_owned()));
                }
            }
            given.insert(row);
        }
        given.insert(controller);
    }
    for port in entries(sys, "class/net") {
        let bond = entries(sys, &format!("class/net/{port}/bonding"));
        given.extend(bond);
        let slaves = entries(sys, &format!("class/net/{port}"));
        let of = |name: &String| {
            let member = name.strip_prefix("slave_").or_else(|| name.strip_prefix("lower_"));
            member.map(str::to_owned)
        };
        given.extend(slaves.iter().filter_map(of));
    }
    // paths of chips are no words
    given.retain(|name| !["power", "device", "link", "speed", "state", "name"].contains(&name.as_str()));
    given
}

#[test]
fn real_hardware_is_told_in_chinese() {
    let Some(folder) = hardware() else { return };
    let into = tempfile::tempdir().expect("a folder");
    unpack(&folder.join("sysfs/node_exporter-sys.ttar"), into.path());
    let mut found = Found::default();
    let root = Root::open(into.path()).expect("a sysfs");
    let given = names(root.path());
    let readings = root.readings();
    for reading in &readings {
        found.reading(reading, &given);
    }
    let mut watch = Watch::new(Board::unknown());
    for event in step(&mut watch, 0, &readings, None, &[]) {
        found.alarm(&event.alarm, &given);
    }
    let mut drives = Vec::new();
    for path in files(&folder.join("smartctl-json")) {
        let octets = std::fs::read(&path).expect("a file");
        drives.extend(smartctl::json(&path, &octets).expect("drives"));
    }
    for kind in ["failing", "passing"] {
        for path in files(&folder.join("smartctl-text").join(kind)) {
            let octets = std::fs::read(&path).expect("a file");
            drives.extend(smartctl::text(&path, &octets).expect("drives"));
        }
    }
    for drive in &drives {
        // attributes have the names that the drives' makers gave
        let given = drive
            .ata
            .iter()
            .flat_map(|ata| ata.attributes.iter().map(|a| a.name.clone()));
        told(&mut found, drive, &given.collect());
    }
    found.nothing(2_000);
}

/// All that a drive's verdict says.
fn told(found: &mut Found, drive: &Drive, given: &BTreeSet<String>) {
    let verdict = judge(drive);
    for reading in &verdict.readings {
        found.reading(reading, given);
    }
    for reason in &verdict.reasons {
        found.look(&reason.text.zh(), given);
    }
}

fn step(
    watch: &mut Watch,
    now: u64,
    readings: &[Reading],
    drives: Option<&[SeenDrive]>,
    silent: &[String],
) -> Vec<Event> {
    let readings: Vec<(String, Reading)> = readings.iter().map(|r| ("sysfs".to_owned(), r.clone())).collect();
    let ports = [PortPlace {
        interface: "eth0".to_owned(),
        ..PortPlace::default()
    }];
    let sample = Sample {
        readings: &readings,
        drives,
        ports: &ports,
        silent,
    };
    watch.step(now, &sample)
}

/// A /sys with one of everything, well (`false`) or not.
fn tree(sys: &Path, bad: bool) {
    let of = |well: &'static str, ill: &'static str| if bad { ill } else { well };
    for (path, content) in [
        ("block/sda/device/state", of("running", "transport-offline")),
        ("block/sdb/device/state", of("live", "blocked")),
        ("block/sdc/device/state", of("created", "deleted")),
        ("block/sdd/device/state", of("new", "a state of tomorrow")),
        ("block/md0/md/level", "raid1"),
        ("block/md0/md/raid_disks", "3"),
        ("block/md0/md/degraded", of("0", "1")),
        ("block/md0/md/array_state", of("clean", "suspended")),
        ("block/md0/md/sync_action", of("idle", "recover")),
        ("block/md0/md/sync_completed", "10 / 40"),
        (
            "block/md0/md/dev-sda/state",
            of("in_sync,write_mostly", "faulty,blocked"),
        ),
        ("block/md0/md/dev-sdb/state", of("spare", "in_sync,want_replacement")),
        (
            "block/md0/md/dev-sdc/state",
            of("journal,failfast", "write_error,tomorrow"),
        ),
        ("block/md1/md/level", "raid5"),
        ("block/md1/md/raid_disks", "3"),
        ("block/md1/md/degraded", of("0", "1")),
        ("block/md1/md/array_state", of("active", "broken")),
        ("block/md1/md/sync_action", of("check", "reshape")),
        ("block/md2/md/level", "linear"),
        ("block/md2/md/raid_disks", "2"),
        ("block/md2/md/degraded", of("0", "1")),
        ("block/md2/md/array_state", of("write-pending", "inactive")),
        ("block/md2/md/sync_action", of("resync", "tomorrow")),
        ("block/md3/md/array_state", of("readonly", "tomorrow")),
        ("block/md3/md/sync_action", "repair"),
        ("block/md4/md/array_state", of("read-auto", "clear")),
        ("block/md5/md/array_state", of("active-idle", "active-idle")),
        ("fs/ext4/md0/errors_count", of("0", "2")),
        ("devices/system/edac/mc/mc0/ce_count", of("0", "1000")),
        ("devices/system/edac/mc/mc0/ue_count", of("0", "1")),
        (
            "devices/system/cpu/cpu0/thermal_throttle/package_throttle_count",
            of("0", "1000"),
        ),
        (
            "devices/system/cpu/cpu0/thermal_throttle/core_throttle_count",
            of("0", "1000"),
        ),
        (
            "bus/pci/devices/0000:01:00.0/aer_dev_correctable",
            of("TOTAL_ERR_COR 0", "TOTAL_ERR_COR 1000"),
        ),
        (
            "bus/pci/devices/0000:01:00.0/aer_dev_nonfatal",
            of("TOTAL_ERR_NONFATAL 0", "TOTAL_ERR_NONFATAL 1"),
        ),
        (
            "bus/pci/devices/0000:01:00.0/aer_dev_fatal",
            of("TOTAL_ERR_FATAL 0", "TOTAL_ERR_FATAL 1"),
        ),
        ("class/watchdog/watchdog0/identity", "iTCO_wdt"),
        ("class/watchdog/watchdog0/state", of("active", "inactive")),
        ("class/watchdog/watchdog0/bootstatus", of("0", "32")),
        ("class/net/eth0/device/vendor", "0x8086"),
        ("class/net/eth0/flags", "0x1003"),
        ("class/net/eth0/carrier", of("1", "0")),
        ("class/net/eth0/speed", "10000"),
        ("class/net/eth0/statistics/rx_errors", of("0", "1000")),
        ("class/net/eth0/statistics/rx_crc_errors", of("0", "1000")),
        ("class/net/eth0/statistics/rx_missed_errors", of("0", "1000")),
        ("class/net/eth0/statistics/tx_errors", of("0", "1000")),
        ("class/net/eth1/device/vendor", "0x8086"),
        ("class/net/eth1/flags", "0x1002"),
        ("class/net/bond0/bonding/mode", "802.3ad 4"),
        ("class/net/bond0/slave_eth1/bonding_slave/mii_status", of("up", "down")),
        ("class/hwmon/hwmon0/name", "pmbus"),
        ("class/hwmon/hwmon0/in1_input", of("12000", "20000")),
        ("class/hwmon/hwmon0/in1_max", "13000"),
        ("class/hwmon/hwmon0/curr1_input", of("100", "2000")),
        ("class/hwmon/hwmon0/curr1_crit", "1000"),
        ("class/hwmon/hwmon0/power1_input", "270000000"),
        ("class/hwmon/hwmon0/energy1_input", "270000000"),
        ("class/hwmon/hwmon0/humidity1_input", "27000"),
        ("class/hwmon/hwmon0/fan1_input", of("5000", "0")),
        ("class/hwmon/hwmon0/fan2_input", "5000"),
        ("class/hwmon/hwmon0/temp1_input", of("30000", "99000")),
        ("class/hwmon/hwmon0/temp1_max", "80000"),
        ("class/hwmon/hwmon0/temp2_input", "30000"),
        ("class/hwmon/hwmon0/temp2_fault", of("0", "1")),
        ("class/hwmon/hwmon0/temp3_input", of("30000", "90000")),
        ("class/hwmon/hwmon0/intrusion0_alarm", of("0", "1")),
    ] {
        let path = sys.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(path, content).expect("a file");
    }
}

const BOARD: &str = r#"
name = "bench"
front = { rows = 1, columns = 2 }
rear = { rows = 1, columns = 3 }
supplies = { needed = 1 }
[[bay]]
number = 1
at = [1, 1]
required = true
disk = [{ ata = 1 }]
[[bay]]
number = 2
at = [1, 2]
disk = [{ ata = 2 }]
[[supply]]
number = 1
[[port]]
name = "MGMT"
kind = "rj45"
required = true
interface = [{ name = "eth0" }]
[[port]]
name = "CARD"
kind = "rj45"
required = true
interface = [{ name = "eth9" }]
[[limit]]
readings = ["hwmon/pmbus/temp3"]
critical_above = 80
warning_below = 40
hysteresis = 5
"#;

#[test]
fn every_alarm_of_the_kernels_readings_is_told_in_chinese() {
    let folder = tempfile::tempdir().expect("a folder");
    let sys = folder.path().join("sys");
    std::fs::create_dir_all(sys.join("class")).expect("a folder");
    let root = Root::open(folder.path()).expect("a sysfs");
    let mut watch = Watch::new(Board::parse("bench", BOARD).expect("a board"));
    let (mut found, mut codes) = (Found::default(), BTreeSet::new());
    let clock = folder.path().join("timesync");
    std::fs::create_dir_all(&clock).expect("a folder");
    let mounts = [folder.path().to_owned()];
    let silent: Vec<String> = ["sysfs", "ipmi", "space", "optics", "clock", "sda"]
        .map(str::to_owned)
        .into();
    for (round, bad) in [false, true, true, true].into_iter().enumerate() {
        tree(&sys, bad);
        let mut given = names(root.path());
        given.insert(folder.path().display().to_string());
        let mut readings = root.readings();
        readings.extend(hwmon::clock::readings(&clock, std::time::SystemTime::now()));
        readings.extend(hwmon::filesystems::readings(&mounts));
        for reading in &readings {
            found.reading(reading, &given);
        }
        let silent = if round == 0 { &[][..] } else { &silent };
        let now = 1_000_000 + round as u64 * 1_000;
        for event in step(&mut watch, now, &readings, None, silent) {
            codes.insert(event.alarm.code.clone());
            found.alarm(&event.alarm, &given);
        }
    }
    for name in &silent {
        found.look(&source(name).zh(), &BTreeSet::from(["sda".to_owned()]));
    }
    for code in [
        "absent",
        "array",
        "clock",
        "fan",
        "filesystem",
        "link",
        "member",
        "memory_corrected",
        "memory_uncorrected",
        "no_answer",
        "offline",
        "pcie",
        "pcie_corrected",
        "port_errors",
        "power",
        "temperature",
        "throttled",
        "voltage",
        "watchdog",
    ] {
        assert!(codes.contains(code), "no {code} in {codes:?}");
    }
    found.nothing(400);
}

#[test]
fn drives_that_fail_grow_hang_and_go_are_told_in_chinese() {
    let mut found = Found::default();
    let none = BTreeSet::new();
    for missing in [
        NoData::NotPresent,
        NoData::Timeout,
        NoData::Unsupported,
        NoData::Disabled,
        NoData::Standby,
        NoData::Denied,
        NoData::Failed,
        NoData::Invalid,
        NoData::NotReported,
    ] {
        let mut drive = Drive::unknown(missing);
        drive.trouble = Some("Device open failed".to_owned());
        told(&mut found, &drive, &none);
    }
    // ATA's statuses, and smartctl's words for all three protocols
    let mut outcomes: Vec<Outcome> = (0..=15u8).filter_map(|status| Outcome::from_ata(status << 4)).collect();
    outcomes.extend(
        [
            "Completed: servo/seek failure",
            "Completed, segment failed",
            "Failed in first segment",
            "Failed in second segment",
            "Failed in segment -->",
            "Completed: failed segments",
            "Completed: unknown failed segment",
            "Completed: something of tomorrow",
            "Fatal or unknown test error",
        ]
        .into_iter()
        .filter_map(Outcome::from_words),
    );
    assert!(outcomes.len() > 15);
    for outcome in outcomes {
        let mut drive = Drive::unknown(NoData::NotReported);
        drive.assessment = Assessment::Passed;
        drive.hours = Ok(100);
        drive.tests.push(SelfTest {
            extended: true,
            outcome,
            hours: Some(90),
        });
        told(&mut found, &drive, &none);
    }
    // SCSI's informational exceptions
    for (asc, ascq) in [
        (0x5d, 0x10),
        (0x0b, 1),
        (0x0b, 2),
        (0x0b, 3),
        (0x0b, 4),
        (0x0b, 5),
        (0x0b, 0x77),
    ] {
        let page = [0x2f, 0, 0, 8, 0, 0, 3, 4, asc, ascq, 40, 0];
        let (assessment, _) = hwmon::disks::scsi::informational(&page).expect("a page");
        assert!(matches!(assessment, Assessment::Failed(Some(_))));
        let mut drive = Drive::unknown(NoData::NotReported);
        drive.assessment = assessment;
        told(&mut found, &drive, &none);
    }
    let seen = |serial: Option<&str>, defects: u64, failing: bool| {
        let mut drive = Drive::unknown(NoData::Timeout);
        drive.identity.serial = serial.map(str::to_owned);
        if serial.is_some() {
            drive.protocol = Protocol::Scsi;
            drive.assessment = if failing {
                Assessment::Failed(None)
            } else {
                Assessment::Passed
            };
            drive.scsi = Some(hwmon::drive::Scsi {
                grown_defects: Some(defects),
                pending: Some(defects),
                uncorrected: [Some(defects); 3],
                non_medium: Some(defects),
            });
            drive.temperature = Ok(if failing { 99 } else { 30 });
            drive.used = Some(if failing { 101 } else { 10 });
        }
        SeenDrive {
            place: DiskPlace {
                disk: "sda".to_owned(),
                ..DiskPlace::default()
            },
            bay: None,
            verdict: judge(&drive),
            drive,
        }
    };
    let given = BTreeSet::from(["sda".to_owned()]);
    let mut watch = Watch::new(Board::unknown());
    let mut codes = BTreeSet::new();
    for (now, drives) in [
        (0, vec![seen(Some("S1"), 0, false)]),
        (60, vec![seen(Some("S1"), 50, true)]),
        (120, vec![seen(None, 0, false)]),
        (600, vec![seen(None, 0, false)]),
        (700, Vec::new()),
    ] {
        for event in step(&mut watch, now, &[], Some(&drives), &[]) {
            codes.insert(event.alarm.code.clone());
            found.alarm(&event.alarm, &given);
        }
    }
    for code in [
        "growing",
        "pending",
        "no_answer",
        "removed",
        "self_assessment",
        "temperature",
        "life_used",
    ] {
        assert!(codes.contains(code), "no {code} in {codes:?}");
    }
    found.nothing(150);
}

#[test]
fn the_controllers_events_are_told_in_chinese() {
    let mut found = Found::default();
    let none = BTreeSet::new();
    for kind in 0..=0x2c_u8 {
        for event in [0x01, 0x04, 0x05, 0x06, 0x07, 0x0b, 0x6f, 0xef, 0x7e] {
            for offset in 0..16_u8 {
                let record = [7, 0, 2, 0, 0, 0, 0x60, 0x20, 0, 4, kind, 3, event, offset, 0xff, 0xff];
                let told = sel::event(&record, &[]).expect("an event");
                found.look(&told.sensor.zh(), &none);
                found.look(&told.text.zh(), &none);
            }
        }
    }
    let mut maker = [7, 0, 0xc0, 0, 0, 0, 0x60, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    for kind in [0xc0, 0xe0] {
        maker[2] = kind;
        let told = sel::event(&maker, &[]).expect("an event");
        found.look(&told.sensor.zh(), &none);
    }
    found.nothing(10_000);
}
