//! Disks that fill up, fail, forget or rot: no acknowledged batch is lost and none is there twice.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod made;
mod medium;

use std::collections::BTreeMap;
use std::sync::Arc;

use made::record;
use medium::{Bytes, Medium};
use model::{Block, Direction, FlowRecord, LinkId, Timestamp, Window};
use store::{Batch, BatchKey, Content, Disk, Event, Filter, Folder, Grain, Keep, Outcome, Room, Store, StoreError};

const NOW: u64 = 1_800_000_000;

fn secs(s: u64) -> Timestamp {
    Timestamp::from_secs(s)
}

fn key(sequence: u64) -> BatchKey {
    BatchKey { epoch: 5, sequence }
}

/// One record whose number is the batch's.
fn block(sequence: u64, end: u64) -> Batch {
    let number = u32::try_from(sequence).unwrap();
    Batch {
        key: key(sequence),
        content: Content::Block(Block::encode(&[record(number, end - 1, end)]).unwrap()),
    }
}

fn window(start: u64) -> Window {
    let mut builder = aggregate::WindowBuilder::new(LinkId(1), secs(start), 1);
    builder.observe_frame(&aggregate::FrameSeen {
        bytes: 100,
        direction: Direction::In,
        broadcast: false,
        multicast: false,
        non_ip: Some(0x0806),
        malformed: None,
    });
    builder.close()
}

fn windows(sequence: u64, start: u64) -> Batch {
    Batch {
        key: key(sequence),
        content: Content::Windows(vec![window(start)]),
    }
}

/// The numbers of the records that are stored, each as often as it is there.
fn stored(store: &Store) -> Vec<u32> {
    let found = store.records((Timestamp::EPOCH, secs(NOW * 2)), 10_000, &Filter::default(), || true);
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    let number = |r: &FlowRecord| match r.src_ip {
        std::net::IpAddr::V4(v4) => u32::from(v4),
        std::net::IpAddr::V6(_) => panic!("not stored here"),
    };
    let mut numbers: Vec<u32> = found.records.iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

fn frames(store: &Store, grain: Grain) -> u64 {
    let mut frames = 0;
    store
        .scan(
            (Timestamp::EPOCH, secs(NOW * 2)),
            &(LinkId(0)..=LinkId(9)),
            grain,
            None,
            |row, _| frames += row.counters.frames.total.packets,
        )
        .unwrap();
    frames
}

fn open(disk: &Arc<Medium>) -> Store {
    Store::open(disk.clone(), Keep::default(), secs(NOW)).unwrap()
}

fn is_stored(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Stored | Outcome::Duplicate)
}

#[test]
fn a_batch_is_stored_once_however_often_it_comes() {
    let disk = Medium::new();
    let store = open(&disk);
    let group = [block(1, NOW), windows(2, NOW), block(1, NOW)];
    let outcomes = store.append(&group, secs(NOW));
    assert!(matches!(
        outcomes.as_slice(),
        [Outcome::Stored, Outcome::Stored, Outcome::Duplicate]
    ));
    for _ in 0..2 {
        let again = store.append(&group, secs(NOW));
        assert!(again.iter().all(|o| matches!(o, Outcome::Duplicate)), "{again:?}");
    }
    drop(store);
    let store = open(&disk);
    let again = store.append(&group, secs(NOW));
    assert!(again.iter().all(|o| matches!(o, Outcome::Duplicate)), "{again:?}");
    assert_eq!((stored(&store), frames(&store, Grain::Second)), (vec![1], 1));
}

#[test]
fn lost_syncs_lose_nothing_that_was_acknowledged() {
    let mut disk = Medium::new();
    let mut acknowledged = Vec::new();
    let mut sequence = 0;
    for _ in 0..30 {
        let store = open(&disk);
        for _ in 0..3 {
            let group = [block(sequence + 1, NOW), windows(sequence + 2, NOW - 300 + sequence)];
            let outcomes = store.append(&group, secs(NOW));
            assert!(outcomes.iter().all(is_stored));
            acknowledged.push(u32::try_from(sequence + 1).unwrap());
            sequence += 2;
            store.maintain(secs(NOW)).unwrap();
        }
        // The power goes while the store is open: nothing is closed in order.
        disk = disk.lose_power();
        let store = open(&disk);
        assert!(store.take_events().is_empty());
        assert_eq!(stored(&store), acknowledged);
        assert_eq!(frames(&store, Grain::Second), acknowledged.len() as u64);
        assert_eq!(frames(&store, Grain::Minute), acknowledged.len() as u64);
    }
}

#[test]
fn a_disk_that_fills_up_anywhere_loses_nothing_that_was_acknowledged() {
    // The disk fills up after every so many octets: in the middle of each step of a commit.
    for octets in (0..200_000).step_by(4_099) {
        let disk = Medium::new();
        let store = open(&disk);
        assert!(
            store
                .append(&[block(1, NOW), windows(2, NOW)], secs(NOW))
                .iter()
                .all(is_stored)
        );
        disk.fill_up_after(octets);
        let mut acknowledged = vec![1];
        let mut batches: Vec<Batch> = (2..40)
            .flat_map(|n| [block(2 * n - 1, NOW), windows(2 * n, NOW - n)])
            .collect();
        let mut later = Vec::new();
        for group in batches.chunks(4) {
            let outcomes = store.append(group, secs(NOW));
            for (batch, outcome) in group.iter().zip(&outcomes) {
                match outcome {
                    Outcome::Stored => acknowledged.extend(number(batch)),
                    Outcome::Later(problem) => {
                        assert!(!problem.to_string().contains("damaged"), "{problem}");
                        later.push(batch.clone());
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        assert!(!later.is_empty(), "the disk was never full at {octets}");
        assert!(store.take_events().is_empty());
        // Either the power goes now, or somebody makes room: what was acknowledged is there.
        let after = disk.lose_power();
        let reopened = open(&after);
        let there = stored(&reopened);
        assert!(acknowledged.iter().all(|n| there.contains(n)), "{octets}");

        disk.fill_up_after(i64::MAX / 2);
        batches.clear();
        let outcomes = store.append(&later, secs(NOW));
        assert!(outcomes.iter().all(is_stored), "{octets}: {outcomes:?}");
        acknowledged.extend(later.iter().flat_map(number));
        acknowledged.sort_unstable();
        assert_eq!(stored(&store), acknowledged, "{octets}");
        assert_eq!(frames(&store, Grain::Second), 39, "{octets}");
    }
}

#[test]
fn a_disk_that_is_full_from_the_start_leaves_no_debris() {
    for octets in (0..40_000).step_by(1_021) {
        let disk = Medium::new();
        disk.fill_up_after(octets);
        let store = open(&disk);
        let first = store.append(&[block(1, NOW)], secs(NOW));
        assert!(
            matches!(first.as_slice(), [Outcome::Later(_) | Outcome::Stored]),
            "{first:?}"
        );
        disk.fill_up_after(i64::MAX / 2);
        assert!(
            store
                .append(&[block(1, NOW), windows(2, NOW)], secs(NOW))
                .iter()
                .all(is_stored)
        );
        assert_eq!((stored(&store), frames(&store, Grain::Second)), (vec![1], 1));
        assert!(store.take_events().is_empty(), "{octets}: {:?}", disk.list());
    }
}

fn number(batch: &Batch) -> Option<u32> {
    match batch.content {
        Content::Block(_) => Some(u32::try_from(batch.key.sequence).unwrap()),
        _ => None,
    }
}

#[test]
fn below_the_reserve_nothing_is_begun_and_answers_go_on() {
    let disk = Medium::new();
    let store = open(&disk);
    assert!(store.append(&[block(1, NOW)], secs(NOW)).iter().all(is_stored));
    *disk.room.lock().unwrap() = Some(Room {
        total: 1 << 40,
        available: 1 << 20,
    });
    let outcomes = store.append(&[block(2, NOW)], secs(NOW));
    let [Outcome::Later(problem)] = outcomes.as_slice() else {
        panic!("{outcomes:?}");
    };
    assert!(matches!(**problem, StoreError::Reserve { .. }));
    assert_eq!(stored(&store), [1]);
    *disk.room.lock().unwrap() = None;
    assert!(store.append(&[block(2, NOW)], secs(NOW)).iter().all(is_stored));
    assert_eq!(stored(&store), [1, 2]);
}

#[test]
fn a_disk_that_can_only_be_read_is_read() {
    let disk = Medium::new();
    let store = open(&disk);
    let group = [
        block(1, NOW - 400_000),
        block(2, NOW - 86_400),
        block(3, NOW),
        windows(4, NOW),
    ];
    assert!(store.append(&group, secs(NOW)).iter().all(is_stored));
    drop(store);
    disk.read_only.store(true, std::sync::atomic::Ordering::Relaxed);
    let store = open(&disk);
    assert!(store.take_events().is_empty());
    assert_eq!((stored(&store), frames(&store, Grain::Second)), (vec![1, 2, 3], 1));
    let outcomes = store.append(&[block(5, NOW)], secs(NOW));
    let [Outcome::Later(problem)] = outcomes.as_slice() else {
        panic!("{outcomes:?}");
    };
    assert!(matches!(**problem, StoreError::ReadOnly { .. }), "{problem}");
    assert!(problem.to_string().contains("read-only"));
    disk.read_only.store(false, std::sync::atomic::Ordering::Relaxed);
    assert!(store.append(&[block(5, NOW)], secs(NOW)).iter().all(is_stored));
    assert_eq!(stored(&store), [1, 2, 3, 5]);
}

#[test]
fn retention_removes_the_oldest_and_never_the_newest() {
    const DAY: u64 = 86_400;
    let disk = Medium::new();
    let keep = Keep {
        record_days: 3,
        ..Keep::default()
    };
    let store = Store::open(disk.clone(), keep, secs(NOW)).unwrap();
    for day in 0..6u64 {
        let at = NOW - (5 - day) * DAY;
        assert!(store.append(&[block(day + 1, at)], secs(NOW)).iter().all(is_stored));
    }
    store.maintain(secs(NOW)).unwrap();
    let events = store.take_events();
    assert_eq!(events.len(), 2);
    assert!(
        events
            .iter()
            .all(|e| matches!(e, Event::Forgotten { reason: "too old", .. }))
    );
    assert_eq!(stored(&store), [3, 4, 5, 6]);

    // A disk that stays full whatever is removed: all go but the newest.
    *disk.room.lock().unwrap() = Some(Room {
        total: 100 << 30,
        available: 9 << 30,
    });
    store.maintain(secs(NOW)).unwrap();
    assert_eq!(stored(&store), [6]);
    assert_eq!(store.take_events().len(), 3);
}

#[test]
fn a_damaged_file_is_set_aside_and_the_rest_served() {
    const DAY: u64 = 86_400;
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
    let group = [block(1, NOW - DAY), block(2, NOW), windows(3, NOW)];
    assert!(store.append(&group, secs(NOW)).iter().all(is_stored));
    store.put_state("links", b"[]").unwrap();
    drop(store);
    let of = |part: &str| {
        let mut names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().path())
            .filter(|p| p.to_string_lossy().contains(part))
            .collect();
        names.sort();
        names
    };
    let newest = of("blocks-").pop().unwrap();
    for (path, rest) in [(newest, vec![1u32]), (of("windows").pop().unwrap(), vec![1])] {
        std::fs::write(&path, b"this is no database, whatever its name says").unwrap();
        let store = open();
        let events = store.take_events();
        assert!(
            matches!(events.as_slice(), [Event::SetAside { .. }]),
            "{path:?}: {events:?}"
        );
        assert_eq!(stored(&store), rest);
        assert!(!store.usage().unwrap().1.is_empty());
        drop(store);
    }
    // It goes on with new files.
    let store = open();
    assert!(
        store
            .append(&[block(7, NOW), windows(8, NOW)], secs(NOW))
            .iter()
            .all(is_stored)
    );
    assert_eq!((stored(&store), frames(&store, Grain::Second)), (vec![1, 7], 1));
    assert_eq!(of(".damaged-").len(), 2);
}

#[test]
fn a_flipped_bit_in_a_block_is_noticed_and_the_rest_answered() {
    let disk = Medium::new();
    let store = open(&disk);
    assert!(
        store
            .append(&[block(1, NOW), block(2, NOW - 1)], secs(NOW))
            .iter()
            .all(is_stored)
    );
    drop(store);
    let rotten = disk.lose_power();
    {
        let files = rotten.files.lock().unwrap();
        let (_, file) = files.iter().find(|(name, _)| name.starts_with("blocks-")).unwrap();
        let mut octets = file.written.lock().unwrap();
        let Content::Block(block) = block(1, NOW).content else {
            panic!("a block");
        };
        let wanted = &block.bytes()[20..];
        let at = octets.windows(wanted.len()).position(|w| w == wanted).unwrap();
        octets[at + 40] ^= 4;
    }
    let store = open(&rotten);
    let found = store.records((Timestamp::EPOCH, secs(NOW * 2)), 10, &Filter::default(), || true);
    assert_eq!(found.records.len(), 1);
    assert!(matches!(found.problems.as_slice(), [StoreError::Block { batch, .. }] if *batch == key(1)));
}

#[test]
fn a_file_that_is_suspected_is_checked_before_it_is_trusted() {
    let disk = Medium::new();
    let store = open(&disk);
    let group: Vec<Batch> = (1..200).map(|n| block(n, NOW)).collect();
    assert!(store.append(&group, secs(NOW)).iter().all(is_stored));
    drop(store);
    let mark = |disk: &Medium, name: &str| {
        disk.files
            .lock()
            .unwrap()
            .insert(format!("{name}.suspect"), Arc::default());
    };
    let name = |disk: &Medium| {
        let files = disk.files.lock().unwrap();
        name_of_blocks(&files)
    };
    // A sound file is cleared of it.
    let sound = disk.lose_power();
    mark(&sound, &name(&sound));
    let store = open(&sound);
    assert_eq!(stored(&store).len(), 199);
    assert!(store.take_events().is_empty());
    assert!(!sound.list().unwrap().iter().any(|(n, _)| n.ends_with(".suspect")));
    // One with pages that are not what redb wrote is set aside.
    let rotten = disk.lose_power();
    mark(&rotten, &name(&rotten));
    {
        let files = rotten.files.lock().unwrap();
        let mut octets = files[&name_of_blocks(&files)].written.lock().unwrap();
        let half = octets.len() / 2;
        octets[8_192..half].fill(0xa5);
    }
    let store = open(&rotten);
    assert!(matches!(store.take_events().as_slice(), [Event::SetAside { .. }]));
    assert!(store.append(&[block(500, NOW)], secs(NOW)).iter().all(is_stored));
    assert_eq!(stored(&store), [500]);
}

fn name_of_blocks(files: &BTreeMap<String, Arc<Bytes>>) -> String {
    files
        .keys()
        .find(|n| n.starts_with("blocks-") && n.ends_with(".redb"))
        .unwrap()
        .clone()
}

#[test]
fn a_window_that_no_collector_may_send_is_refused() {
    let store = open(&Medium::new());
    let mut bad = window(NOW);
    bad.seconds = 60;
    let batch = Batch {
        key: key(1),
        content: Content::Windows(vec![bad]),
    };
    assert!(matches!(
        store.append(&[batch], secs(NOW)).as_slice(),
        [Outcome::Refused(_)]
    ));
}
