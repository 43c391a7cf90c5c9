//! Log records on disks that fill up, fail or forget: what was acknowledged is found, once.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod medium;

use std::net::IpAddr;
use std::sync::Arc;

use medium::Medium;
use model::{LinkId, LogBlock, LogRecord, LogSource, Severity, Timestamp};
use store::{Batch, BatchKey, Content, Event, Folder, Keep, LogSearch, Outcome, Room, Store};

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 86_400;

fn secs(s: u64) -> Timestamp {
    Timestamp::from_secs(s)
}

/// One record whose text is the batch's number.
fn logs(sequence: u64, time: u64) -> Batch {
    let record = LogRecord {
        time: secs(time),
        received: secs(NOW),
        exporter: LinkId::of_exporter(1),
        peer: IpAddr::from([192, 0, 2, 1]),
        source: LogSource::Syslog,
        severity: Severity::Notice,
        facility: 23,
        host: "core".to_owned(),
        app: "IFNET".to_owned(),
        pid: String::new(),
        code: "IF_STATE".to_owned(),
        text: sequence.to_string(),
        data: String::new(),
    };
    Batch {
        key: BatchKey { epoch: 5, sequence },
        content: Content::Logs(LogBlock::encode(&[record]).unwrap().remove(0)),
    }
}

/// The numbers of the records that are found, newest first.
fn found(store: &Store) -> Vec<u64> {
    let search = LogSearch {
        to: secs(NOW * 2),
        limit: 1_000,
        ..LogSearch::default()
    };
    let found = store.logs(&search, || true);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    assert!(found.complete && found.next.is_none());
    found.records.iter().map(|r| r.text.parse().unwrap()).collect()
}

fn open(disk: &Arc<Medium>) -> Store {
    Store::open(disk.clone(), Keep::default(), secs(NOW)).unwrap()
}

fn is_stored(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Stored | Outcome::Duplicate)
}

#[test]
fn a_batch_is_stored_once_however_often_it_comes_and_wherever_the_power_goes() {
    let mut disk = Medium::new();
    let mut expected = Vec::new();
    for sequence in 1..20 {
        let store = open(&disk);
        let group = [logs(sequence, NOW + sequence), logs(sequence, NOW + sequence)];
        let outcomes = store.append(&group, secs(NOW));
        assert!(
            matches!(outcomes.as_slice(), [Outcome::Stored, Outcome::Duplicate]),
            "{outcomes:?}"
        );
        expected.insert(0, sequence);
        // While the store is open: nothing is closed in order.
        disk = disk.lose_power();
        let store = open(&disk);
        assert!(store.take_events().is_empty());
        let again = store.append(&group, secs(NOW));
        assert!(again.iter().all(|o| matches!(o, Outcome::Duplicate)), "{again:?}");
        assert_eq!(found(&store), expected);
    }
}

#[test]
fn a_disk_that_fills_up_anywhere_loses_and_doubles_nothing() {
    let mut refused = 0;
    for room in (0..400_000).step_by(9_973) {
        let disk = Medium::new();
        let store = open(&disk);
        disk.fill_up_after(room);
        let groups: Vec<[Batch; 2]> = (0..8)
            .map(|n| [logs(2 * n, NOW + n), logs(2 * n + 1, NOW - DAY)])
            .collect();
        let outcomes: Vec<_> = groups.iter().flat_map(|group| store.append(group, secs(NOW))).collect();
        refused += outcomes.iter().filter(|o| matches!(o, Outcome::Later(_))).count();
        disk.fill_up_after(i64::MAX / 2);
        drop(store);
        let disk = disk.lose_power();
        let store = open(&disk);
        let kept = found(&store);
        for (number, outcome) in outcomes.iter().enumerate() {
            assert!(
                !is_stored(outcome) || kept.contains(&(number as u64)),
                "{number} is lost with room for {room}"
            );
        }
        // What waited comes again.
        let again: Vec<_> = groups.iter().flat_map(|group| store.append(group, secs(NOW))).collect();
        assert!(again.iter().all(is_stored), "{again:?}");
        let mut all = found(&store);
        all.sort_unstable();
        assert_eq!(all, (0..16).collect::<Vec<_>>());
    }
    assert!(refused > 0);
}

#[test]
fn retention_removes_whole_days_and_never_the_newest() {
    let disk = Medium::new();
    let keep = Keep {
        log_days: 3,
        ..Keep::default()
    };
    let store = Store::open(disk.clone(), keep, secs(NOW)).unwrap();
    for day in 0..6u64 {
        assert!(
            store
                .append(&[logs(day, NOW - (5 - day) * DAY)], secs(NOW))
                .iter()
                .all(is_stored)
        );
    }
    store.maintain(secs(NOW)).unwrap();
    let too_old = |e: &Event| matches!(e, Event::Forgotten { file, reason: "too old" } if file.starts_with("logs-"));
    let events = store.take_events();
    assert!(events.len() == 2 && events.iter().all(too_old), "{events:?}");
    assert_eq!(found(&store), [5, 4, 3, 2]);

    // A disk that stays full whatever is removed: all go but the newest.
    *disk.room.lock().unwrap() = Some(Room {
        total: 100 << 30,
        available: 9 << 30,
    });
    store.maintain(secs(NOW)).unwrap();
    assert_eq!(found(&store), [5]);
}

#[test]
fn a_damaged_file_is_set_aside_and_the_rest_found() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let disk = Folder::open(folder.path()).unwrap();
        Store::open(Arc::new(disk), Keep::default(), secs(NOW)).unwrap()
    };
    let store = open();
    let group = [logs(1, NOW - DAY), logs(2, NOW)];
    assert!(store.append(&group, secs(NOW)).iter().all(is_stored));
    drop(store);
    let names = || {
        let mut names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        names.sort();
        names.into_iter().filter(|p| p.to_string_lossy().contains("/logs-"))
    };
    let newest = names().next_back().unwrap();
    std::fs::write(&newest, b"this is no database, whatever its name says").unwrap();
    let store = open();
    let events = store.take_events();
    assert!(matches!(events.as_slice(), [Event::SetAside { .. }]), "{events:?}");
    assert_eq!(found(&store), [1]);
    // It goes on with a new file.
    assert!(store.append(&[logs(3, NOW)], secs(NOW)).iter().all(is_stored));
    assert_eq!(found(&store), [3, 1]);
    assert_eq!(names().filter(|p| p.to_string_lossy().contains(".damaged-")).count(), 1);
}
