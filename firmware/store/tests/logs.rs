//! Log records, messages and application logs alike, on disks that fill up, fail or forget: what was acknowledged is found,
//! once.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod medium;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use medium::Medium;
use model::{LinkId, LogBlock, LogRecord, LogSource, Severity, Timestamp};
use settings::KeptClass;
use store::{Batch, BatchKey, Content, Event, Folder, Keep, LogSearch, Outcome, Room, Store, StoreError};

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 86_400;

fn secs(s: u64) -> Timestamp {
    Timestamp::from_secs(s)
}

/// Both kinds of logs: a message, and what an application did. Each has files of its own.
const KINDS: [LogSource; 2] = [LogSource::Syslog, LogSource::Dns];

/// How the names of a kind's files begin.
fn prefix(kind: LogSource) -> &'static str {
    if kind.is_application() {
        "transactions-"
    } else {
        "logs-"
    }
}

/// One record of a kind whose text is the batch's number.
fn logs(kind: LogSource, sequence: u64, time: u64) -> Batch {
    batch(kind, sequence, time, "")
}

fn batch(kind: LogSource, sequence: u64, time: u64, data: &str) -> Batch {
    let record = LogRecord {
        time: secs(time),
        received: secs(NOW),
        exporter: LinkId::of_exporter(1),
        peer: IpAddr::from([192, 0, 2, 1]),
        source: kind,
        severity: Severity::Notice,
        facility: 23,
        host: "core".to_owned(),
        app: "IFNET".to_owned(),
        pid: String::new(),
        code: "IF_STATE".to_owned(),
        text: sequence.to_string(),
        data: data.to_owned(),
    };
    Batch {
        key: BatchKey { epoch: 5, sequence },
        content: Content::Logs(LogBlock::encode(&[record]).unwrap().remove(0)),
    }
}

/// The numbers of the records that are found, newest first.
fn found(store: &Store, kind: LogSource) -> Vec<u64> {
    let search = LogSearch {
        transactions: kind.is_application(),
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
    for kind in KINDS {
        let mut disk = Medium::new();
        let mut expected = Vec::new();
        for sequence in 1..20 {
            let store = open(&disk);
            let group = [
                logs(kind, sequence, NOW + sequence),
                logs(kind, sequence, NOW + sequence),
            ];
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
            assert_eq!(found(&store, kind), expected);
        }
    }
}

#[test]
fn a_disk_that_fills_up_anywhere_loses_and_doubles_nothing() {
    for kind in KINDS {
        let mut refused = 0;
        for room in (0..400_000).step_by(9_973) {
            let disk = Medium::new();
            let store = open(&disk);
            disk.fill_up_after(room);
            let groups: Vec<[Batch; 2]> = (0..8)
                .map(|n| [logs(kind, 2 * n, NOW + n), logs(kind, 2 * n + 1, NOW - DAY)])
                .collect();
            let outcomes: Vec<_> = groups.iter().flat_map(|group| store.append(group, secs(NOW))).collect();
            refused += outcomes.iter().filter(|o| matches!(o, Outcome::Later(_))).count();
            disk.fill_up_after(i64::MAX / 2);
            drop(store);
            let disk = disk.lose_power();
            let store = open(&disk);
            let kept = found(&store, kind);
            for (number, outcome) in outcomes.iter().enumerate() {
                assert!(
                    !is_stored(outcome) || kept.contains(&(number as u64)),
                    "{number} is lost with room for {room}"
                );
            }
            // What waited comes again.
            let again: Vec<_> = groups.iter().flat_map(|group| store.append(group, secs(NOW))).collect();
            assert!(again.iter().all(is_stored), "{again:?}");
            let mut all = found(&store, kind);
            all.sort_unstable();
            assert_eq!(all, (0..16).collect::<Vec<_>>());
        }
        assert!(refused > 0);
    }
}

#[test]
fn retention_removes_whole_days_and_never_the_newest() {
    for kind in KINDS {
        let disk = Medium::new();
        let keep = Keep {
            log_days: if kind.is_application() { 100 } else { 3 },
            transaction_days: if kind.is_application() { 3 } else { 100 },
            ..Keep::default()
        };
        let store = Store::open(disk.clone(), keep, secs(NOW)).unwrap();
        for day in 0..6u64 {
            assert!(
                store
                    .append(&[logs(kind, day, NOW - (5 - day) * DAY)], secs(NOW))
                    .iter()
                    .all(is_stored)
            );
        }
        store.maintain(secs(NOW)).unwrap();
        let too_old =
            |e: &Event| matches!(e, Event::Forgotten { file, reason: "too old" } if file.starts_with(prefix(kind)));
        let events = store.take_events();
        assert!(events.len() == 2 && events.iter().all(too_old), "{events:?}");
        assert_eq!(found(&store, kind), [5, 4, 3, 2]);

        // A disk that stays full whatever is removed: all go but the newest.
        *disk.room.lock().unwrap() = Some(Room {
            total: 100 << 30,
            available: 9 << 30,
        });
        store.maintain(secs(NOW)).unwrap();
        assert_eq!(found(&store, kind), [5]);
    }
}

#[test]
fn a_damaged_file_is_set_aside_and_the_rest_found() {
    for kind in KINDS {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            let disk = Folder::open(folder.path()).unwrap();
            Store::open(Arc::new(disk), Keep::default(), secs(NOW)).unwrap()
        };
        let store = open();
        let group = [logs(kind, 1, NOW - DAY), logs(kind, 2, NOW)];
        assert!(store.append(&group, secs(NOW)).iter().all(is_stored));
        drop(store);
        let names = || {
            let mut names: Vec<_> = std::fs::read_dir(folder.path())
                .unwrap()
                .map(|e| e.unwrap().path())
                .collect();
            names.sort();
            names
                .into_iter()
                .filter(|p| p.to_string_lossy().contains(&format!("/{}", prefix(kind))))
        };
        let newest = names().next_back().unwrap();
        std::fs::write(&newest, b"this is no database, whatever its name says").unwrap();
        let store = open();
        let events = store.take_events();
        assert!(matches!(events.as_slice(), [Event::SetAside { .. }]), "{events:?}");
        assert_eq!(found(&store, kind), [1]);
        // It goes on with a new file.
        assert!(store.append(&[logs(kind, 3, NOW)], secs(NOW)).iter().all(is_stored));
        assert_eq!(found(&store, kind), [3, 1]);
        assert_eq!(names().filter(|p| p.to_string_lossy().contains(".damaged-")).count(), 1);
    }
}

/// Text that does not shrink, so that files grow.
fn noise(sequence: u64) -> String {
    let mut state = sequence + 1;
    let mut letter = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + u8::try_from((state >> 33) % 90).unwrap())
    };
    std::iter::repeat_with(&mut letter).take(900).collect()
}

#[test]
fn each_kind_keeps_to_the_octets_that_it_may_take() {
    for kind in KINDS {
        let disk = Medium::new();
        let store = Store::open(disk.clone(), Keep::default(), secs(NOW)).unwrap();
        for day in 0..6_u64 {
            for of in KINDS {
                let group: Vec<Batch> = (0..200)
                    .map(|n| 1_000 * day + 2 * n + u64::from(of == kind))
                    .map(|sequence| batch(of, sequence, NOW - (5 - day) * DAY, &noise(sequence)))
                    .collect();
                assert!(store.append(&group, secs(NOW)).iter().all(is_stored));
            }
        }
        let sizes = |of: LogSource| {
            let files = disk.files.lock().unwrap();
            let of_kind = files.iter().filter(|(name, _)| name.starts_with(prefix(of)));
            of_kind
                .map(|(_, bytes)| bytes.written.lock().unwrap().len() as u64)
                .collect::<Vec<_>>()
        };
        let other = KINDS[usize::from(kind == KINDS[0])];
        let (mine, others) = (sizes(kind), sizes(other));
        assert_eq!((mine.len(), others.len()), (6, 6));
        let class = if kind.is_application() {
            KeptClass::Transactions
        } else {
            KeptClass::Logs
        };
        // Room for the newest three days, not for the fourth.
        let most = mine[3..].iter().sum::<u64>() + mine[2] / 2;
        store.set_keep(Keep {
            octets: BTreeMap::from([(class, most)]),
            ..Keep::default()
        });
        store.maintain(secs(NOW)).unwrap();
        let events = store.take_events();
        let too_much = |e: &Event| matches!(e, Event::Forgotten { file, reason: "more than is to be kept" } if file.starts_with(prefix(kind)));
        assert!(events.len() == 3 && events.iter().all(too_much), "{events:?}");
        assert_eq!((sizes(kind).as_slice(), sizes(other)), (&mine[3..], others));
        let kept = found(&store, kind);
        assert!(
            kept.len() == 600 && kept.iter().all(|sequence| *sequence >= 3_000),
            "{kept:?}"
        );
        // A batch of a day that went comes again after its acknowledgement was lost: it is not told as lost.
        let again = store.append(&[batch(kind, 1, NOW - 5 * DAY, "")], secs(NOW));
        assert!(again.iter().all(is_stored), "{again:?}");
    }
}

#[test]
fn a_full_disk_says_so_and_takes_on_when_there_is_room() {
    for kind in KINDS {
        let disk = Medium::new();
        let store = open(&disk);
        assert!(store.append(&[logs(kind, 1, NOW)], secs(NOW)).iter().all(is_stored));
        // The system's reserve is left alone: nothing is even begun.
        *disk.room.lock().unwrap() = Some(Room {
            total: 100 << 30,
            available: 31 << 20,
        });
        let later = store.append(&[logs(kind, 2, NOW)], secs(NOW));
        let [Outcome::Later(error)] = later.as_slice() else {
            panic!("{later:?}")
        };
        assert!(matches!(&**error, StoreError::Reserve { .. }), "{error}");
        assert!(error.to_string().ends_with("free space on it"), "{error}");
        // Room by the count, and none in truth.
        *disk.room.lock().unwrap() = None;
        disk.fill_up_after(0);
        let later = store.append(&[logs(kind, 2, NOW)], secs(NOW));
        let [Outcome::Later(error)] = later.as_slice() else {
            panic!("{later:?}")
        };
        let file = matches!(&**error, StoreError::Full { file } if file.starts_with(prefix(kind)));
        assert!(
            file && error.to_string().contains("free space on the data disk"),
            "{error}"
        );
        disk.fill_up_after(i64::MAX / 2);
        assert_eq!(found(&store, kind), [1]);
        assert!(store.append(&[logs(kind, 2, NOW)], secs(NOW)).iter().all(is_stored));
        drop(store);
        assert_eq!(found(&open(&disk.lose_power()), kind), [2, 1]);
    }
}
