use super::super::start::{Extent, TestError, start_test, test_scsi};
use super::*;
use crate::verdict::{Health, judge};

/// An ATA disk in memory, behind a translator: what it was asked, and what it answers.
#[derive(Default)]
struct AtaDisk {
    asked: Vec<Vec<u8>>,
    asleep: bool,
    failing: bool,
    identify: Vec<u8>,
    data: Vec<u8>,
    thresholds: Vec<u8>,
    tests: Vec<u8>,
    /// Page 0 of the extended self-test log.
    extended: Option<Vec<u8>>,
}

fn words(page: &mut [u8], from: usize, text: &str, octets: usize) {
    let padded = format!("{text:octets$}");
    for (pair, at) in padded.as_bytes().chunks(2).zip(from..) {
        page[at * 2] = pair[1];
        page[at * 2 + 1] = pair[0];
    }
}

fn word(page: &mut [u8], at: usize, value: u16) {
    page[at * 2..at * 2 + 2].copy_from_slice(&value.to_le_bytes());
}

fn row(page: &mut [u8], number: usize, octets: [u8; 12]) {
    page[2 + number * 12..14 + number * 12].copy_from_slice(&octets);
}

fn ata_disk() -> AtaDisk {
    let mut identify = vec![0; 512];
    words(&mut identify, 10, "SERIAL7", 20);
    words(&mut identify, 23, "FW1", 8);
    words(&mut identify, 27, "Model One", 40);
    for (at, value) in [
        (82, 1),
        (83, 0x4400),
        (84, 0x4002),
        (85, 1),
        (217, 7200),
        (100, 0),
        (101, 1),
    ] {
        word(&mut identify, at, value);
    }
    let (mut data, mut thresholds, mut tests) = (vec![0; 512], vec![0; 512], vec![0; 512]);
    row(&mut data, 0, [5, 3, 0, 100, 100, 8, 0, 0, 0, 0, 0, 0]);
    row(&mut data, 1, [9, 2, 0, 90, 90, 0x10, 0x27, 0, 0, 0, 0, 0]);
    row(&mut data, 2, [194, 2, 0, 60, 50, 34, 0, 20, 0, 45, 0, 0]);
    row(&mut thresholds, 0, [5, 36, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    // it has self-tests
    data[367] = 0x10;
    // the newest in the first place, an older one in the last
    tests[508] = 1;
    tests[2..7].copy_from_slice(&[2, 0x70, 0x0f, 0x27, 0x0a]);
    tests[2 + 20 * 24..7 + 20 * 24].copy_from_slice(&[1, 0, 0x01, 0x20, 0]);
    AtaDisk {
        identify,
        data,
        thresholds,
        tests,
        ..AtaDisk::default()
    }
}

fn good(octets: usize) -> Answer {
    Answer {
        status: 0,
        host: 0,
        sense: Vec::new(),
        octets,
    }
}

fn illegal() -> Answer {
    Answer {
        status: 2,
        host: 0,
        sense: vec![0x72, 5, 0x20, 0, 0, 0, 0, 0],
        octets: 0,
    }
}

/// The registers, as a translator reports them.
fn registers(count: u8, middle: u8, upper: u8) -> Answer {
    let mut sense = vec![
        0x72, 1, 0, 0x1d, 0, 0, 0, 14, 9, 12, 0, 0, 0, count, 0, 0, 0, middle, 0, upper,
    ];
    sense.extend([0xa0, 0x50]);
    Answer {
        status: 2,
        host: 0,
        sense,
        octets: 0,
    }
}

fn give(data: &mut [u8], page: &[u8]) -> Answer {
    let octets = data.len().min(page.len());
    data[..octets].copy_from_slice(&page[..octets]);
    good(octets)
}

impl AtaDisk {
    fn answer(&mut self, command: &[u8], data: &mut [u8]) -> Answer {
        self.asked.push(command.to_vec());
        match command {
            [0x12, 0, ..] => give(data, b"\0\0\x05\x02\x5b\0\0\0ATA     Model One       FW1 "),
            [0x12, 1, 0x89, ..] => {
                let mut page = vec![0; 60];
                page[1] = 0x89;
                page.extend(&self.identify);
                give(data, &page)
            }
            [0x85, ..] => match (command[14], command[4], command[8]) {
                (0xe5, ..) => registers(if self.asleep { 0 } else { 0xff }, 0, 0),
                (0xec, ..) => give(data, &self.identify.clone()),
                (0xb0, 0xda, _) if self.failing => registers(0, 0xf4, 0x2c),
                (0xb0, 0xda, _) => registers(0, 0x4f, 0xc2),
                (0xb0, 0xd0, _) => give(data, &self.data.clone()),
                (0xb0, 0xd1, _) => give(data, &self.thresholds.clone()),
                (0xb0, 0xd5, 6) => give(data, &self.tests.clone()),
                (0xb0, 0xd4, _) => registers(0, 0x4f, 0xc2),
                // the directory of the general logs: one page of 07h
                (0x2f, _, 0) if self.extended.is_some() => {
                    let mut directory = vec![0; 512];
                    directory[14] = 1;
                    give(data, &directory)
                }
                (0x2f, _, 7) if self.extended.is_some() => give(data, &self.extended.clone().unwrap_or_default()),
                _ => illegal(),
            },
            _ => illegal(),
        }
    }

    fn read(&mut self) -> Drive {
        read_scsi(&mut |command, _, data| Ok(self.answer(command, data)))
    }
}

#[test]
fn a_disk_that_works_tells_who_and_how_it_is() {
    let drive = ata_disk().read();
    assert_eq!(drive.identity.serial.as_deref(), Some("SERIAL7"));
    assert_eq!(drive.identity.model.as_deref(), Some("Model One"));
    assert_eq!(
        (drive.identity.capacity, drive.identity.rotation),
        (Some(65_536 * 512), Some(7200))
    );
    assert_eq!(drive.assessment, Assessment::Passed);
    assert_eq!((drive.temperature, drive.hours), (Ok(34), Ok(10_000)));
    let attributes = &drive.ata.as_ref().expect("ATA").attributes;
    assert_eq!(attributes.len(), 3);
    assert_eq!(
        (attributes[0].threshold, attributes[0].raw.count()),
        (Some(36), Some(8))
    );
    let tests = drive.tests.entries();
    assert_eq!(
        (tests.len(), tests[0].extended, &tests[0].outcome),
        (2, true, &Outcome::ReadFailure)
    );
    assert_eq!(
        (tests[0].hours, tests[1].extended, tests[1].hours),
        (Some(9_999), false, Some(8_193))
    );
    assert_eq!(judge(&drive).health, Health::Warning);
}

#[test]
fn a_disk_that_sleeps_is_known_and_not_woken() {
    let mut disk = AtaDisk {
        asleep: true,
        ..ata_disk()
    };
    let drive = disk.read();
    assert_eq!(drive.assessment, Assessment::Missing(NoData::Standby));
    assert_eq!(drive.identity.serial.as_deref(), Some("SERIAL7"));
    let sent: Vec<u8> = disk.asked.iter().filter(|c| c[0] == 0x85).map(|c| c[14]).collect();
    assert_eq!(sent, [0xe5], "{:x?}", disk.asked);
}

#[test]
fn a_disk_that_fails_says_so_and_one_without_smart_says_nothing() {
    let mut disk = AtaDisk {
        failing: true,
        ..ata_disk()
    };
    assert_eq!(judge(&disk.read()).health, Health::Failing);
    let mut disk = ata_disk();
    word(&mut disk.identify, 85, 0);
    assert_eq!(disk.read().assessment, Assessment::Missing(NoData::Disabled));
    word(&mut disk.identify, 82, 0);
    assert_eq!(disk.read().assessment, Assessment::Missing(NoData::Unsupported));
}

#[test]
fn silence_has_its_type() {
    let host = |host| Answer { host, ..good(0) };
    for (answer, why) in [
        (host(3), NoData::Timeout),
        (host(1), NoData::NotPresent),
        (host(7), NoData::Failed),
    ] {
        let drive = read_scsi(&mut |_, _, _| Ok(answer.clone()));
        assert_eq!(drive.assessment, Assessment::Missing(why));
    }
    let drive = read_scsi(&mut |_, _, _| Err(io::Error::from_raw_os_error(25)));
    assert_eq!(drive.assessment, Assessment::Missing(NoData::Unsupported));
    assert_eq!(
        read(Path::new("/dev/null")).assessment,
        Assessment::Missing(NoData::Unsupported)
    );
    assert_eq!(
        read(Path::new("/dev/no such disk")).assessment,
        Assessment::Missing(NoData::NotPresent)
    );
    assert_eq!(
        start_test(Path::new("/dev/null"), Extent::Short),
        Err(TestError::Missing(NoData::Unsupported))
    );
}

#[test]
fn a_self_test_is_started_in_the_background() {
    let mut disk = ata_disk();
    let told = test_scsi(&mut |command, _, data| Ok(disk.answer(command, data)), Extent::Extended);
    assert_eq!(told, Ok(()));
    let sent = disk.asked.last().expect("a command");
    assert_eq!(
        (sent[14], sent[4], sent[8], sent[10], sent[12]),
        (0xb0, 0xd4, 2, 0x4f, 0xc2)
    );
}

#[test]
fn no_second_self_test_breaks_off_the_first() {
    let mut disk = ata_disk();
    // 70 % are left
    disk.data[363] = 0xf7;
    let read = disk.read();
    let running = Running {
        extended: None,
        done: Some(30),
    };
    assert_eq!(read.tests.running(), Some(running));
    assert_eq!(judge(&read).health, Health::Warning, "by the test that failed before");
    disk.asked.clear();
    let told = test_scsi(&mut |command, _, data| Ok(disk.answer(command, data)), Extent::Short);
    assert_eq!(told, Err(TestError::Busy));
    assert!(disk.asked.iter().all(|command| command.get(4) != Some(&0xd4)));
    disk.data[363] = 0;
    disk.data[367] = 0;
    let told = test_scsi(&mut |command, _, data| Ok(disk.answer(command, data)), Extent::Short);
    assert_eq!(told, Err(TestError::Missing(NoData::Unsupported)));
}

#[test]
fn a_disk_that_refuses_a_self_test_is_not_said_to_run_one() {
    let mut disk = ata_disk();
    let mut refuse = |command: &[u8], _: Way, data: &mut [u8]| {
        let mut answer = disk.answer(command, data);
        if command[0] == 0x85 && command[4] == 0xd4 {
            // aborted command, with the registers
            answer.sense[1] = 0x0b;
        }
        Ok(answer)
    };
    assert_eq!(
        test_scsi(&mut refuse, Extent::Short),
        Err(TestError::Missing(NoData::Unsupported))
    );
}

#[test]
fn the_extended_log_outweighs_the_short_one() {
    let mut log = vec![0; 512];
    (log[0], log[2]) = (1, 2);
    // the newest in the second place, an older one before it; the ring's end has the oldest
    log[4..8].copy_from_slice(&[1, 0x00, 0x00, 0x20]);
    log[30..34].copy_from_slice(&[2, 0x70, 0x10, 0x27]);
    log[4 + 18 * 26..8 + 18 * 26].copy_from_slice(&[2, 0x00, 0x00, 0x10]);
    let mut disk = AtaDisk {
        extended: Some(log.clone()),
        ..ata_disk()
    };
    // it has general logs
    word(&mut disk.identify, 84, 0x4022);
    let read = disk.read();
    let entries: Vec<_> = read.tests.entries().iter().map(|t| (t.extended, t.hours)).collect();
    assert_eq!(
        entries,
        [(true, Some(10_000)), (false, Some(8_192)), (true, Some(4_096))]
    );
    assert!(read.tests.standing_failure().is_some());
    // a version that nobody knows: the other log is read
    log[0] = 9;
    disk.extended = Some(log);
    assert_eq!(disk.read().tests.entries().len(), 2);
    assert_eq!(ata::extended_self_tests(&[1, 0, 0xff, 0xff], None), None);
}

/// A SAS disk's answers.
fn sas(command: &[u8], data: &mut [u8], sense: &[u8]) -> Answer {
    match command {
        [0x12, 0, ..] => give(data, b"\0\0\x06\x12\x5b\0\0\0HGST    HUC101890CS4200 A280"),
        [0x12, 1, 0x80, ..] => give(data, b"\0\x80\0\x08 W123456"),
        [0x12, 1, 0xb1, ..] => give(data, &[0, 0xb1, 0, 0x3c, 0x29, 0x04]),
        [0x03, ..] => give(data, sense),
        [0x9e, 0x10, ..] => give(data, &[0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 2, 0, 0, 0, 0, 0]),
        [0x4d, _, page, ..] => match page & 0x3f {
            0x2f => give(data, &[0x2f, 0, 0, 8, 0, 0, 3, 4, 0x5d, 0x10, 31, 0]),
            0x0d => give(data, &[0x0d, 0, 0, 12, 0, 0, 3, 2, 0, 33, 0, 1, 3, 2, 0, 60]),
            0x03 => give(data, &[0x03, 0, 0, 12, 0, 6, 3, 8, 0, 0, 0, 0, 0, 0, 1, 2]),
            0x06 => give(data, &[0x06, 0, 0, 6, 0, 0, 3, 2, 0, 5]),
            0x15 => give(data, &[0x15, 0, 0, 12, 0, 0, 3, 8, 0, 0, 0x0e, 0x10, 0, 0, 0, 0]),
            0x10 => {
                let mut page = vec![0x10, 0, 0, 40];
                page.extend([0, 1, 3, 16, 2 << 5 | 4, 0, 0, 50]);
                page.extend([0; 12]);
                page.extend([0, 2, 3, 16]);
                page.extend([0; 16]);
                give(data, &page)
            }
            _ => illegal(),
        },
        [0x37, ..] => give(data, &[0, 0x0d, 0, 24]),
        _ => illegal(),
    }
}

#[test]
fn a_sas_disk_tells_by_its_log_pages() {
    let drive =
        read_scsi(&mut |command, _, data| Ok(sas(command, data, &[0x70, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0])));
    assert_eq!(drive.identity.model.as_deref(), Some("HGST HUC101890CS4200"));
    assert_eq!(
        (drive.identity.serial.as_deref(), drive.identity.rotation),
        (Some("W123456"), Some(10_500))
    );
    assert_eq!(drive.identity.capacity, Some(65_536 * 512));
    assert!(matches!(&drive.assessment, Assessment::Failed(Some(how)) if how.en().contains("5dh/10h")));
    assert_eq!(
        (drive.temperature, drive.limits.critical, drive.hours),
        (Ok(33), Some(60), Ok(60))
    );
    let expected = Scsi {
        grown_defects: Some(3),
        uncorrected: [Some(258), None, None],
        non_medium: Some(5),
        pending: None,
    };
    assert_eq!(drive.scsi, Some(expected));
    let tests = drive.tests.entries();
    assert_eq!((tests.len(), tests[0].extended, tests[0].hours), (1, true, Some(50)));
}

#[test]
fn a_sas_disk_that_sleeps_is_not_asked_for_its_pages() {
    let mut asked = Vec::new();
    let drive = read_scsi(&mut |command, _, data| {
        asked.push(command[0]);
        Ok(sas(command, data, &[0x72, 0, 0x5e, 0x43, 0, 0, 0, 0]))
    });
    assert_eq!(drive.assessment, Assessment::Missing(NoData::Standby));
    assert_eq!(drive.identity.serial.as_deref(), Some("W123456"));
    assert!(!asked.contains(&0x4d) && !asked.contains(&0x9e), "{asked:x?}");
}

mod hostile {
    use super::*;
    use crate::disks::{ata, nvme, scsi};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_octets_panic(octets in proptest::collection::vec(any::<u8>(), 0..600), flash: bool, hours: Option<u64>) {
            let _ = ata::identify(&octets);
            let _ = ata::cached_identity(&octets);
            let attributes = ata::attributes(&octets, Some(&octets), flash);
            prop_assert!(attributes.len() <= 30);
            let _ = (ata::celsius(&attributes), ata::hours(&attributes), ata::last_test(&octets), ata::errors(&octets));
            prop_assert!(ata::self_tests(&octets, hours).len() <= 21);
            prop_assert!(ata::extended_self_tests(&octets, hours).is_none_or(|tests| tests.len() <= 19));
            let _ = (ata::running(&octets), nvme::running(&octets), nvme::namespace(&octets));
            prop_assert!(nvme::namespaces(&octets).len() <= 16);
            let _ = (ata::registers(&octets), ata::pending(&octets), ata::life_used(&octets), ata::temperatures(&octets));
            let _ = (scsi::inquiry(&octets), scsi::serial(&octets), scsi::rotation(&octets), scsi::capacity(&octets));
            let _ = (scsi::sense(&octets), scsi::sleeps(&octets), scsi::grown_defects(&octets));
            let page = octets.first().copied().unwrap_or(0) & 0x3f;
            let _ = scsi::parameters(&octets, page);
            let _ = (scsi::uncorrected(&octets, page), scsi::non_medium(&octets), scsi::temperatures(&octets));
            let _ = (scsi::informational(&octets), scsi::hours(&octets), scsi::life_used(&octets));
            prop_assert!(scsi::self_tests(&octets).len() <= 20);
            let _ = nvme::health(&octets);
            prop_assert!(nvme::self_tests(&octets).len() <= 21);
        }

        /// Whatever a disk answers, reading it ends, and what is missing is unknown.
        #[test]
        fn no_disk_panics(answers in proptest::collection::vec((0u8..3, 0u16..5, proptest::collection::vec(any::<u8>(), 0..80)), 1..40), ata: bool) {
            let mut at = 0;
            let mut send = |command: &[u8], _: Way, data: &mut [u8]| {
                if matches!(command, [0x12, 0, ..]) && ata {
                    return Ok(give(data, b"\0\0\x05\x02\x5b\0\0\0ATA     Model One       FW1 "));
                }
                let (status, host, octets) = &answers[at % answers.len()];
                at += 1;
                let count = data.len().min(octets.len() * 9);
                for (to, from) in data.iter_mut().zip(octets.iter().cycle()) {
                    *to = *from;
                }
                Ok(Answer { status: *status, host: *host, sense: octets.clone(), octets: count })
            };
            let drive = read_scsi(&mut send);
            let _ = judge(&drive);
        }

        /// Hours that are completed are the latest with these bits that lie not after now.
        #[test]
        fn hours_are_completed(now in 0u64..400_000, before in 0u64..65_536) {
            let mut log = vec![0; 512];
            let at = now.saturating_sub(before);
            log[508] = 1;
            log[2] = 1;
            log[4..6].copy_from_slice(&u16::try_from(at & 0xffff).expect("16 bits").to_le_bytes());
            log[6] = 1;
            let tests = ata::self_tests(&log, Some(now));
            prop_assert_eq!(tests[0].hours, Some(at));
        }
    }

    #[test]
    fn nvmes_logs_are_read() {
        let mut log = [0u8; 512];
        log[1..3].copy_from_slice(&313u16.to_le_bytes());
        (log[3], log[4], log[5]) = (100, 10, 3);
        log[128..136].copy_from_slice(&8760u64.to_le_bytes());
        log[160] = 2;
        log[176..192].copy_from_slice(&[0xff; 16]);
        let health = nvme::health(&log).expect("health");
        assert_eq!(
            (health.assessment, health.temperature, health.hours, health.used),
            (Assessment::Passed, Ok(40), 8760, 3)
        );
        assert_eq!(
            (health.nvme.media_errors, health.nvme.error_entries),
            (Some(2), Some(u64::MAX))
        );
        log[0] = 4;
        assert_eq!(nvme::health(&log).expect("health").assessment, Assessment::Failed(None));
        assert_eq!(nvme::health(&log[..511]), None);
        let mut tests = [0u8; 564];
        tests[4..].chunks_mut(28).for_each(|entry| entry[0] = 0x0f);
        tests[4] = 0x27;
        tests[5] = 3;
        tests[4 + 28] = 0x10;
        let read = nvme::self_tests(&tests);
        assert_eq!((read.len(), read[0].extended), (2, true));
        assert_eq!(
            read[0].outcome,
            Outcome::Failure(crate::why::phrases::TEST_SEGMENT.with([3u8.into()]))
        );
        assert_eq!(nvme::running(&tests), None);
        (tests[0], tests[1]) = (2, 40);
        let running = Running {
            extended: Some(true),
            done: Some(40),
        };
        assert_eq!(nvme::running(&tests), Some(running));
    }

    #[test]
    fn a_namespaces_size_is_its_blocks_by_its_format() {
        let mut page = vec![0u8; 4096];
        page[..8].copy_from_slice(&1_000u64.to_le_bytes());
        // the second format: 4,096 octets
        (page[26], page[130], page[134]) = (1, 9, 12);
        assert_eq!(nvme::namespace(&page), Some(4_096_000));
        page[26] = 0;
        assert_eq!(nvme::namespace(&page), Some(512_000));
        page[130] = 0;
        assert_eq!(nvme::namespace(&page), None);
        page[..8].fill(0xff);
        page[130] = 12;
        assert_eq!(nvme::namespace(&page), None);
        assert_eq!(
            nvme::namespaces(&[1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0]),
            [1, 3]
        );
    }
}
