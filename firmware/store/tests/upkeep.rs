//! What is kept how long, what is said of it, and what a look at every octet finds.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod made;
mod medium;

use std::net::Ipv4Addr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use medium::Medium;
use model::{Block, FlowRecord, LinkId, LogBlock, LogRecord, LogSource, Severity, Timestamp, Window};
use settings::{KeptClass, Retention};
use store::{
    Batch, BatchKey, ClassFacts, Content, Disk, Event, Folder, HourIndexBuilder, Keep, Outcome, Probe, RemovedWhy,
    RollupRow, Room, Store, StoreError,
};

const DAY: u64 = 86_400;
/// Noon of a day.
const NOW: u64 = 1_800_000_000 / DAY * DAY + DAY / 2;

fn secs(s: u64) -> Timestamp {
    Timestamp::from_secs(s)
}

/// Bits without a pattern.
fn mixed(n: u32) -> u32 {
    let n = (n ^ n >> 16).wrapping_mul(0x85eb_ca6b);
    let n = (n ^ n >> 13).wrapping_mul(0xc2b2_ae35);
    n ^ n >> 16
}

/// Records that do not compress to nothing.
fn block(sequence: u64, end: u64, records: u32) -> Batch {
    let record = |n: u32| FlowRecord {
        bytes: u64::from(mixed(n + 1_000_000)) << 20 | u64::from(mixed(n + 2_000_000)),
        ..made::record(mixed(n), end, end)
    };
    let records: Vec<FlowRecord> = (0..records).map(record).collect();
    Batch {
        key: BatchKey { epoch: 5, sequence },
        content: Content::Block(Block::encode(&records).unwrap()),
    }
}

fn windows(sequence: u64, start: u64) -> Batch {
    let builder = aggregate::WindowBuilder::new(LinkId(1), secs(start), 1);
    let window: Window = builder.close();
    Batch {
        key: BatchKey { epoch: 6, sequence },
        content: Content::Windows(vec![window]),
    }
}

fn put(store: &Store, batches: &[Batch], now: u64) {
    let outcomes = store.append(batches, secs(now));
    assert!(outcomes.iter().all(|o| matches!(o, Outcome::Stored)), "{outcomes:?}");
}

fn maintain(store: &Store, now: u64) {
    while store.maintain(secs(now)).unwrap() {}
}

/// Closes what can be closed, with one row of so many octets an hour.
fn close(store: &Store, now: u64, octets: usize) {
    for hour in store.hours_to_close(secs(now), 1, 10_000).unwrap() {
        let rows = vec![RollupRow {
            table: 1,
            scope: 0,
            octets: vec![7; octets],
        }];
        assert!(
            store
                .close_hour(hour.token, HourIndexBuilder::new().finish(), rows, 1)
                .unwrap()
        );
    }
}

fn of(store: &Store, class: KeptClass, now: u64) -> ClassFacts {
    let facts = store.storage(secs(now)).unwrap();
    facts.classes.into_iter().find(|facts| facts.class == class).unwrap()
}

fn blocks_of(store: &Store) -> usize {
    let all = store.candidates((Timestamp::EPOCH, secs(NOW * 2)), &Probe::default());
    assert!(all.problems.is_empty(), "{:?}", all.problems);
    let ids: Vec<_> = all.blocks.iter().map(|b| b.id).collect();
    store.read_blocks(&ids, |_, octets| {
        Block::parse(octets.unwrap().to_vec()).unwrap();
        ControlFlow::Continue(())
    });
    ids.len()
}

#[test]
fn records_go_by_size_the_oldest_first_and_are_told_of() {
    let disk = Medium::new();
    let store = Store::open(disk.clone(), Keep::default(), secs(NOW)).unwrap();
    for day in 0..10u64 {
        put(&store, &[block(day + 1, NOW - (9 - day) * DAY, 60_000)], NOW);
    }
    close(&store, NOW + 7_200, 100);
    let before = of(&store, KeptClass::Records, NOW);
    assert_eq!(before.records, Some(600_000));
    assert_eq!(before.oldest, Some(secs(NOW - 9 * DAY)));
    assert_eq!(before.newest, Some(secs(NOW)));
    let a_day = before.octets / 10;
    assert!(before.octets_a_day.unwrap().abs_diff(a_day) < a_day / 10);
    let next = before.next.unwrap();
    assert_eq!(next.why, RemovedWhy::Age);
    assert_eq!(next.at, secs((NOW / DAY - 9 + 181) * DAY));
    let mut keep = Keep::default();
    keep.octets.insert(KeptClass::Records, 4 * a_day + a_day / 2);
    store.set_keep(keep);
    // At this rate it is full in half a day, and is too full now.
    assert_eq!(of(&store, KeptClass::Records, NOW).next.unwrap().why, RemovedWhy::Size);
    maintain(&store, NOW);
    let after = of(&store, KeptClass::Records, NOW);
    assert_eq!((after.records, blocks_of(&store)), (Some(240_000), 4));
    assert!(after.next.unwrap().at > secs(NOW));
    let removed = store.removed().unwrap();
    assert_eq!(removed.len(), 6);
    assert!(removed.is_sorted_by(|a, b| a.what >= b.what));
    assert!(
        removed
            .iter()
            .all(|r| r.class == KeptClass::Records && r.why == RemovedWhy::Size && r.octets > 0)
    );
    assert_eq!(store.take_events().len(), 6);
    // Rollups of days that are gone stay, and are not made anew from what comes late.
    let rollups = |store: &Store| {
        store
            .closed_hours(0..u32::MAX)
            .unwrap()
            .iter()
            .filter(|(_, by)| by.is_some())
            .count()
    };
    assert_eq!(rollups(&store), 10);
    put(&store, &[block(99, NOW - 9 * DAY, 10)], NOW);
    close(&store, NOW + 7_200, 100);
    assert_eq!(rollups(&store), 10);
    drop(store);
    let store = Store::open(disk.lose_power(), Keep::default(), secs(NOW)).unwrap();
    assert_eq!(store.removed().unwrap().len(), 6);
    assert_eq!((rollups(&store), blocks_of(&store)), (10, 5));
    assert_eq!(store.hours_to_close(secs(NOW + 7_200), 1, 9).unwrap().len(), 0);
    let days = store.candidates((secs(NOW - 9 * DAY), secs(NOW)), &Probe::default());
    assert_eq!(days.blocks.len(), 4);
}

#[test]
fn rollups_go_by_size_and_by_age_but_not_the_newest() {
    let store = Store::open(Medium::new(), Keep::default(), secs(NOW)).unwrap();
    for day in 0..10u64 {
        put(&store, &[block(day + 1, NOW - (9 - day) * DAY, 10)], NOW);
    }
    close(&store, NOW + 7_200, 10_000);
    let hours = |store: &Store| {
        let closed = store.closed_hours(0..u32::MAX).unwrap();
        closed.iter().filter(|(_, objects)| objects.is_some()).count()
    };
    assert_eq!(hours(&store), 10);
    let mut keep = Keep {
        rollup_days: 7,
        ..Keep::default()
    };
    store.set_keep(keep.clone());
    maintain(&store, NOW);
    assert_eq!(hours(&store), 8);
    keep.octets.insert(KeptClass::Rollups, 50_000);
    store.set_keep(keep.clone());
    maintain(&store, NOW);
    assert_eq!(hours(&store), 3);
    keep.octets.insert(KeptClass::Rollups, 1);
    store.set_keep(keep);
    maintain(&store, NOW);
    assert_eq!(hours(&store), 1);
    // What is gone although it could be made anew is not made anew.
    assert_eq!(store.hours_to_close(secs(NOW + 7_200), 1, 100).unwrap().len(), 0);
    let why: Vec<RemovedWhy> = store.removed().unwrap().iter().map(|r| r.why).collect();
    assert_eq!(why.iter().filter(|why| **why == RemovedWhy::Age).count(), 2);
    assert_eq!(why.len(), 9);
    assert_eq!(blocks_of(&store), 10);
}

#[test]
fn seconds_and_minutes_are_counted_and_go_by_size() {
    let disk = Medium::new();
    let store = Store::open(disk.clone(), Keep::default(), secs(NOW)).unwrap();
    let hours = 30u64;
    let batches: Vec<Batch> = (0..hours * 60).map(|n| windows(n + 1, NOW - n * 60)).collect();
    put(&store, &batches, NOW);
    let counted = of(&store, KeptClass::Seconds, NOW).octets;
    assert!(counted > 0);
    maintain(&store, NOW);
    let seconds = of(&store, KeptClass::Seconds, NOW);
    // Two hours, and what of the hour before is not two hours old.
    assert!(
        seconds.octets > counted / 20 && seconds.octets < counted / 10,
        "{seconds:?} of {counted}"
    );
    assert_eq!(seconds.oldest, Some(secs(NOW - 7_200)));
    let minutes = of(&store, KeptClass::Minutes, NOW);
    assert!(minutes.octets > counted / 2, "{minutes:?} of {counted}");
    assert_eq!(minutes.oldest, Some(secs((NOW / DAY - 1) * DAY)));
    // A day of seconds is gone, and that is told once.
    let removed = store.removed().unwrap();
    assert_eq!(removed.len(), 1);
    assert_eq!(
        (removed[0].class, removed[0].why),
        (KeptClass::Seconds, RemovedWhy::Age)
    );
    let mut keep = Keep::default();
    keep.octets.insert(KeptClass::Minutes, minutes.octets / 2);
    store.set_keep(keep);
    maintain(&store, NOW);
    let left = of(&store, KeptClass::Minutes, NOW);
    assert_eq!(left.oldest, Some(secs(NOW / DAY * DAY)));
    assert!(left.octets < minutes.octets * 3 / 4);
    assert_eq!(store.removed().unwrap()[0].why, RemovedWhy::Size);
    // The count is what a store that has not counted yet counts.
    let count = |store: &Store| {
        (
            of(store, KeptClass::Seconds, NOW).octets,
            of(store, KeptClass::Minutes, NOW).octets,
        )
    };
    let expected = count(&store);
    drop(store);
    let store = Store::open(disk.lose_power(), Keep::default(), secs(NOW)).unwrap();
    assert_eq!(count(&store), expected);
}

#[test]
fn a_full_disk_takes_from_what_takes_most_and_only_as_much_as_it_needs() {
    let disk = Medium::new();
    let store = Store::open(disk.clone(), Keep::default(), secs(NOW)).unwrap();
    for day in 0..6u64 {
        let at = NOW - (5 - day) * DAY;
        let group: Vec<Batch> = (1..5).map(|n| block(day * 10 + n, at, 60_000)).collect();
        put(&store, &group, NOW);
        let record = LogRecord {
            time: secs(NOW - (5 - day) * DAY),
            received: secs(NOW),
            exporter: LinkId::of_exporter(1),
            peer: Ipv4Addr::new(192, 0, 2, 1).into(),
            source: LogSource::Syslog,
            severity: Severity::Error,
            facility: 3,
            host: "a".to_owned(),
            app: "b".to_owned(),
            pid: String::new(),
            code: String::new(),
            text: "link down".to_owned(),
            data: String::new(),
        };
        let log = Batch {
            key: BatchKey {
                epoch: 7,
                sequence: day,
            },
            content: Content::Logs(LogBlock::encode(&[record]).unwrap().remove(0)),
        };
        put(&store, &[log], NOW);
    }
    let a_day = of(&store, KeptClass::Records, NOW).octets / 6;
    let total = a_day * 100;
    *disk.room.lock().unwrap() = Some(Room {
        total,
        available: total / 10 - a_day * 3 / 2,
    });
    let next = of(&store, KeptClass::Records, NOW).next.unwrap();
    assert_eq!((next.why, next.at), (RemovedWhy::DiskFull, secs(NOW)));
    store.maintain(secs(NOW)).unwrap();
    // Readers may still hold what was removed: it is not asked for again at once.
    store.maintain(secs(NOW + 1)).unwrap();
    assert_eq!(blocks_of(&store), 16);
    assert_eq!(of(&store, KeptClass::Logs, NOW).records, Some(6));
    for round in 1..10 {
        store.maintain(secs(NOW + 40 * round)).unwrap();
    }
    assert_eq!(blocks_of(&store), 4);
    let removed = store.removed().unwrap();
    assert!(removed.iter().all(|r| r.why == RemovedWhy::DiskFull));
    // Once records have but their newest day, logs go.
    assert_eq!(of(&store, KeptClass::Logs, NOW).records, Some(1));
}

#[test]
fn settings_become_what_is_kept() {
    let mut retention = Retention::default();
    retention.records.gb = Some(2_000);
    retention.seconds.age = 3;
    let keep = Keep::of(&retention);
    assert_eq!((keep.seconds, keep.minutes, keep.record_days), (10_800, 31 * DAY, 180));
    assert_eq!(keep.octets.get(&KeptClass::Records), Some(&2_000_000_000_000));
    assert_eq!(keep.octets.len(), 1);
}

#[test]
fn every_octet_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        Store::open(
            Arc::new(Folder::open(folder.path()).unwrap()),
            Keep::default(),
            secs(NOW),
        )
        .unwrap()
    };
    let store = open();
    for day in 0..4u64 {
        put(
            &store,
            &[block(day + 1, NOW - day * DAY, 3_000), windows(day + 1, NOW - day)],
            NOW,
        );
    }
    close(&store, NOW + 7_200, 100);
    let check = |store: &Store| {
        let (mut files, mut blocks, mut records, mut problems) = (0, 0, 0, Vec::new());
        store
            .check(|file| {
                files += 1;
                blocks += file.blocks;
                records += file.records;
                problems.extend(file.problems.iter().map(|problem| format!("{}: {problem}", file.file)));
            })
            .unwrap();
        (files, blocks, records, problems)
    };
    let (files, blocks, records, problems) = check(&store);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!((blocks, records), (4, 12_000));
    assert!(files >= 8, "{files}");
    let stats = store.stats().unwrap();
    assert_eq!(stats.len(), files);
    assert_eq!(stats.iter().filter_map(|s| s.records).sum::<u64>(), 12_000);
    assert!(
        stats
            .iter()
            .all(|s| s.tables.iter().map(|t| t.octets + t.overhead).sum::<u64>() <= s.octets)
    );
    store.compact(|_, before, after| assert!(after < before)).unwrap();
    assert!(check(&store).3.is_empty());
    assert_eq!(blocks_of(&store), 4);
    drop(store);
    // One octet in the middle of a block.
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    names.retain(|path| path.to_string_lossy().contains("blocks-"));
    names.sort();
    let Content::Block(wanted) = block(4, NOW - 3 * DAY, 3_000).content else {
        panic!("a block");
    };
    let mut octets = std::fs::read(&names[0]).unwrap();
    let part = &wanted.bytes()[2_000..2_040];
    let at = octets.windows(part.len()).position(|w| w == part).unwrap();
    octets[at] ^= 1;
    std::fs::write(&names[0], octets).unwrap();
    let store = open();
    let (_, blocks, _, problems) = check(&store);
    assert_eq!(blocks, 3);
    assert!(
        !problems.is_empty() && problems.iter().all(|p| p.starts_with("blocks-")),
        "{problems:?}"
    );
}

#[test]
fn a_folder_is_one_programs_alone() {
    let folder = tempfile::tempdir().unwrap();
    let first = Folder::open(folder.path()).unwrap();
    let second = Folder::open(folder.path()).unwrap_err();
    assert_eq!(second.kind(), std::io::ErrorKind::ResourceBusy);
    assert!(second.to_string().contains("another program"));
    drop(first);
    Folder::open(folder.path()).unwrap();
}

#[test]
fn late_blocks_come_while_the_day_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Folder::open(folder.path()).unwrap());
    let store = Store::open(disk, Keep::default(), secs(NOW)).unwrap();
    let mut sequence = 0;
    for day in 0..6u64 {
        for _ in 0..40 {
            sequence += 1;
            put(&store, &[block(sequence, NOW - day * DAY, 50)], NOW);
        }
    }
    let all = store.candidates((Timestamp::EPOCH, secs(NOW * 2)), &Probe::default());
    let ids: Vec<_> = all.blocks.iter().map(|b| b.id).collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        for thread in 0..3 {
            let (store, ids, done) = (&store, &ids, &done);
            threads.spawn(move || {
                let mut rounds = 0;
                while !done.load(Ordering::Relaxed) || rounds < 2 {
                    rounds += 1;
                    let mut read = 0;
                    let turned: Vec<_> = ids[thread * 40..].iter().chain(&ids[..thread * 40]).copied().collect();
                    store.read_blocks(&turned, |_, octets| {
                        Block::parse(octets.unwrap().to_vec()).unwrap();
                        read += 1;
                        ControlFlow::Continue(())
                    });
                    assert_eq!(read, ids.len());
                }
            });
        }
        for day in 0..6u64 {
            sequence += 1;
            put(&store, &[block(sequence, NOW - day * DAY - 60, 50)], NOW);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(blocks_of(&store), 246);
}

#[test]
fn what_is_read_of_a_day_that_was_removed_is_gone_and_stays_gone() {
    let disk = Medium::new();
    let keep = Keep {
        record_days: 3,
        ..Keep::default()
    };
    let store = Store::open(disk.clone(), keep, secs(NOW)).unwrap();
    for day in 0..6u64 {
        put(&store, &[block(day + 1, NOW - day * DAY, 5)], NOW);
    }
    let all = store.candidates((Timestamp::EPOCH, secs(NOW * 2)), &Probe::default());
    let ids: Vec<_> = all.blocks.iter().map(|b| b.id).collect();
    maintain(&store, NOW);
    let (mut there, mut gone) = (0, 0);
    store.read_blocks(&ids, |_, octets| {
        match octets {
            Ok(_) => there += 1,
            Err(StoreError::Gone { .. }) => gone += 1,
            Err(other) => panic!("{other}"),
        }
        ControlFlow::Continue(())
    });
    assert_eq!((there, gone), (4, 2));
    let files = disk.list().unwrap();
    assert_eq!(files.iter().filter(|(name, _)| name.starts_with("blocks-")).count(), 4);
    assert!(store.take_events().iter().all(|e| matches!(e, Event::Forgotten { .. })));
}
