#![no_main]
//! Octets as what hardware says: sensor records, event logs, parts, messages of a management controller; pages of ATA, SCSI
//! and `NVMe` disks; smartctl's output; transceivers' EEPROM; the board's file; the kernel's events. The first octet says which.

use std::str;

use hwmon::board::Board;
use hwmon::disks::{ata, nvme, scsi};
use hwmon::drive::Drive;
use hwmon::ipmi::{Question, Session, fru, parse_sdr, reading, sel};
use hwmon::report::Report;
use hwmon::{Error, NoData, Reading, State, filesystems, optics, smartctl, uevent};

/// What is said of a reading has words, and what is missing is neither well nor failed.
fn holds(reading: &Reading) {
    assert!(reading.value().map_or(reading.state() == State::Unknown, f64::is_finite));
    assert!(!reading.reason().en().is_empty() && !reading.reason().zh().is_empty());
}

fn sensors(input: &[u8]) {
    let (answer, record) = input.split_at(input.len().min(4));
    let sensors = parse_sdr(record);
    assert!(sensors.len() <= 16);
    for sensor in &sensors {
        holds(&reading(sensor, Ok(answer)));
        holds(&reading(sensor, Err(NoData::Timeout)));
    }
    let _ = sel::event(record, &sensors);
    let _ = sel::event(input, &sensors);
}

fn controller(input: &[u8]) {
    if let Ok(fru) = fru::parse(input) {
        let _ = format!("{fru:?}");
    }
    let mut session = Session::default();
    let question = Question::new(0x0a, 0x23, &[]);
    session.request(question);
    let _ = session.answer(question, input);
}

fn ata(input: &[u8]) {
    let _ = (ata::identify(input), ata::cached_identity(input), ata::registers(input));
    for solid_state in [false, true] {
        let attributes = ata::attributes(input, Some(input), solid_state);
        assert!(attributes.len() <= 30);
        let _ = (ata::celsius(&attributes), ata::hours(&attributes));
        let mut drive = Drive::unknown(NoData::NotReported);
        drive.ata = Some(ata::part(attributes, ata::errors(input), ata::pending(input)));
        judged(drive);
    }
    assert!(ata::self_tests(input, Some(90_000)).len() <= 21);
    let pages = input.len() / 512;
    assert!(ata::extended_self_tests(input, None).is_none_or(|tests| tests.len() <= pages * 19));
    let _ = (ata::life_used(input), ata::temperatures(input), ata::running(input), ata::last_test(input));
}

fn scsi(input: &[u8]) {
    let _ = (scsi::inquiry(input), scsi::serial(input), scsi::rotation(input), scsi::capacity(input));
    let _ = (scsi::sense(input), scsi::sleeps(input), scsi::grown_defects(input), scsi::self_tests(input));
    let page = input.first().copied().unwrap_or(0) & 0x3f;
    let _ = (scsi::parameters(input, page), scsi::uncorrected(input, page), scsi::non_medium(input));
    let _ = (scsi::temperatures(input), scsi::informational(input), scsi::hours(input), scsi::life_used(input));
}

fn nvme(input: &[u8]) {
    let _ = (nvme::identify(input), nvme::namespace(input), nvme::running(input));
    assert!(nvme::namespaces(input).len() <= 16);
    assert!(nvme::self_tests(input).len() <= 21);
    if let Some(health) = nvme::health(input) {
        let mut drive = Drive::unknown(NoData::NotReported);
        drive.assessment = health.assessment;
        drive.temperature = health.temperature;
        drive.used = Some(health.used);
        drive.nvme = Some(health.nvme);
        judged(drive);
    }
}

fn judged(drive: Drive) {
    told(Ok(vec![drive]));
}

/// Drives and all that is said of them.
fn told(read: Result<Vec<Drive>, Error>) {
    let mut report = Report::default();
    report.add_drives("fuzz", read);
    for drive in &report.drives {
        assert!(!drive.verdict.reasons.is_empty());
        drive.verdict.readings.iter().for_each(holds);
    }
    assert!(!report.text().is_empty());
    let _ = report.json().to_string();
}

fn text(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let _ = filesystems::mounts(text);
    match Board::parse("board.toml", text) {
        Ok(board) => assert!(board.bays().len() <= 255),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((which, input)) = input.split_first() else { return };
    match which % 9 {
        0 => sensors(input),
        1 => controller(input),
        2 => ata(input),
        3 => scsi(input),
        4 => nvme(input),
        5 => told(smartctl::json("fuzz", input)),
        6 => told(smartctl::text("fuzz", input)),
        7 => optics::readings("eth0", input).iter().for_each(holds),
        _ => {
            text(input);
            if let Some(event) = uevent::parse(input) {
                let _ = (event.array().map(str::len), event.hot_plug());
            }
        }
    }
});
