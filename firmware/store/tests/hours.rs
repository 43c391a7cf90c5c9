//! Closing hours and looking blocks up, against a model that keeps every record.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod made;
mod medium;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use made::record;
use medium::Medium;
use model::{Block, BlockRef, FlowRecord, Timestamp};
use proptest::prelude::*;
use store::{
    Batch, BatchKey, BlockId, BlockMeta, Content, Event, Hour, HourIndex, HourIndexBuilder, HourToClose, Keep, Outcome,
    Period, Probe, RollupRow, Store, StoreError,
};

/// At 01:00:00 of a day.
const NOON: u64 = 1_800_000_000 / 86_400 * 86_400 + 3_600;
const OBJECTS: u64 = 7;

fn secs(s: u64) -> Timestamp {
    Timestamp::from_secs(s)
}

/// A hash that is spread over 64 bits, as the model's are.
fn hash(number: u64) -> u64 {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 32).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// What is stored, as the model keeps it: by batch the records' numbers and times.
type Model = BTreeMap<u64, Vec<FlowRecord>>;

fn number(record: &FlowRecord) -> u64 {
    match record.src_ip {
        std::net::IpAddr::V4(v4) => u32::from(v4).into(),
        std::net::IpAddr::V6(_) => panic!("not stored here"),
    }
}

fn batch(sequence: u64, records: &[FlowRecord]) -> Batch {
    Batch {
        key: BatchKey { epoch: 9, sequence },
        content: Content::Block(Block::encode(records).unwrap()),
    }
}

fn records_of(store: &Store, blocks: &[BlockMeta]) -> Vec<FlowRecord> {
    let ids: Vec<BlockId> = blocks.iter().map(|b| b.id).collect();
    let mut records = Vec::new();
    store.read_blocks(&ids, |_, octets| {
        records.extend(BlockRef::open(octets.unwrap()).unwrap().records().unwrap());
        ControlFlow::Continue(())
    });
    records
}

fn index_of(store: &Store, hour: &HourToClose) -> HourIndex {
    let mut index = HourIndexBuilder::new();
    for record in records_of(store, &hour.filed) {
        index.address(hash(number(&record)));
        index.flow(hash(number(&record) << 32));
    }
    index.finish()
}

/// The hour's records, counted: one row.
fn rows_of(store: &Store, hour: &HourToClose) -> Vec<RollupRow> {
    let ends = |r: &&FlowRecord| Hour::of(r.end) == hour.hour;
    let records = records_of(store, &hour.rolled);
    let count = records.iter().filter(ends).count() as u64;
    match count {
        0 => Vec::new(),
        count => vec![RollupRow {
            table: 3,
            scope: 1,
            octets: count.to_le_bytes().to_vec(),
        }],
    }
}

fn close(store: &Store, hour: HourToClose, objects: u64) -> bool {
    let (index, rows) = (index_of(store, &hour), rows_of(store, &hour));
    store.close_hour(hour.token, index, rows, objects).unwrap()
}

fn counts(store: &Store, period: Period) -> BTreeMap<u32, u64> {
    let mut counts = BTreeMap::new();
    store
        .rollups(period, 3, 1, 0..u32::MAX, |hour, octets| {
            counts.insert(hour, u64::from_le_bytes(octets.try_into().unwrap()));
        })
        .unwrap();
    counts
}

/// What the store says of closed hours is what the model has, and nothing is left out of a look-up.
fn check(store: &Store, model: &Model) {
    let counts = counts(store, Period::Hour);
    let first = Hour::of(secs(NOON)).0 - 100;
    let whole: BTreeMap<u32, Option<u64>> = store.closed_hours(first..first + 200).unwrap().into_iter().collect();
    for hour in first..first + 200 {
        let ends = |r: &&FlowRecord| Hour::of(r.end).0 == hour;
        let expected = model.values().flatten().filter(ends).count() as u64;
        match whole.get(&hour) {
            Some(Some(_)) => assert_eq!(counts.get(&hour).copied().unwrap_or(0), expected, "hour {hour}"),
            Some(None) => assert_eq!(expected, 0, "hour {hour}"),
            None => assert!(!counts.contains_key(&hour), "hour {hour}"),
        }
    }
    let everything = (Timestamp::EPOCH, secs(NOON * 2));
    let all = store.candidates(everything, &Probe::default());
    assert!(all.problems.is_empty(), "{:?}", all.problems);
    assert_eq!((all.blocks.len(), all.in_span), (model.len(), model.len() as u64));
    assert!(all.blocks.is_sorted_by(|a, b| a.max_end >= b.max_end));
    for back in [0, 3, 30] {
        let span = (secs(NOON - (back + 1) * 3_600), secs(NOON - back * 3_600 + 1_800));
        let in_span = |r: &&FlowRecord| r.end >= span.0 && r.end < span.1;
        for wanted in 0..6 {
            let probe = Probe {
                addresses: vec![vec![hash(wanted), hash(77)]],
                flows: if back == 3 {
                    vec![hash(wanted << 32)]
                } else {
                    Vec::new()
                },
            };
            let found = store.candidates(span, &probe);
            assert!(found.problems.is_empty(), "{:?}", found.problems);
            let with = |list: &Vec<FlowRecord>| list.iter().filter(in_span).any(|r| number(r) == wanted);
            let expected: BTreeSet<u64> = model.iter().filter(|(_, list)| with(list)).map(|(n, _)| *n).collect();
            let there: BTreeSet<u64> = found.blocks.iter().map(|b| b.id.batch().sequence).collect();
            assert!(there.is_superset(&expected), "{wanted}: {expected:?} in {there:?}");
            let reaches = |list: &&Vec<FlowRecord>| {
                list.iter().map(|r| r.end).max() >= Some(span.0) && list.iter().map(|r| r.start).min() < Some(span.1)
            };
            assert_eq!(found.in_span, model.values().filter(reaches).count() as u64);
        }
    }
}

/// What happens to the store.
#[derive(Debug, Clone)]
enum Step {
    /// A block of records that end so many seconds ago.
    Append(Vec<(u32, u64, u64)>),
    /// Time goes by: hours.
    Wait(u64),
    /// So many hours are closed.
    Close(usize),
    /// Hours are read, a block comes, and then they are closed.
    Race(Vec<(u32, u64, u64)>),
    /// Other objects.
    Objects,
    /// Days are closed.
    Days,
    /// It is closed and opened.
    Restart,
    /// The power goes.
    PowerOff,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let back = prop_oneof![4 => 0u64..7_200, 1 => 0u64..160_000];
    let records = prop::collection::vec((0u32..4, back, 0u64..4_000), 1..5);
    let step = prop_oneof![
        4 => records.clone().prop_map(Step::Append),
        3 => (1u64..30).prop_map(Step::Wait),
        3 => (1usize..8).prop_map(Step::Close),
        2 => records.prop_map(Step::Race),
        1 => Just(Step::Objects),
        2 => Just(Step::Days),
        1 => Just(Step::Restart),
        1 => Just(Step::PowerOff),
    ];
    prop::collection::vec(step, 1..25)
}

fn run(steps: &[Step]) {
    let mut disk = Medium::new();
    let mut now = NOON;
    let mut store = Store::open(disk.clone(), Keep::default(), secs(now)).unwrap();
    let mut model = Model::new();
    let mut sequence = 0;
    let mut objects = OBJECTS;
    let put = |store: &Store, model: &mut Model, sequence: &mut u64, list: &[(u32, u64, u64)], now: u64| {
        let one = |(n, back, long): &(u32, u64, u64)| record(*n, now - back - long, now - back);
        let records: Vec<FlowRecord> = list.iter().map(one).collect();
        *sequence += 1;
        let outcomes = store.append(&[batch(*sequence, &records)], secs(now));
        assert!(matches!(outcomes.as_slice(), [Outcome::Stored]), "{outcomes:?}");
        model.insert(*sequence, records);
    };
    for step in steps {
        match step {
            Step::Append(list) => put(&store, &mut model, &mut sequence, list, now),
            Step::Wait(hours) => now += hours * 3_600,
            Step::Close(limit) => {
                for hour in store.hours_to_close(secs(now), objects, *limit).unwrap() {
                    assert!(close(&store, hour, objects));
                }
            }
            Step::Race(list) => {
                let hours = store.hours_to_close(secs(now), objects, 3).unwrap();
                let one = |(_, back, _): &(u32, u64, u64)| Hour::of(secs(now - back)).0;
                let touched: BTreeSet<u32> = list.iter().map(one).collect();
                let read: Vec<_> = hours
                    .into_iter()
                    .map(|hour| (index_of(&store, &hour), rows_of(&store, &hour), hour))
                    .collect();
                put(&store, &mut model, &mut sequence, list, now);
                for (index, rows, hour) in read {
                    let expected = !touched.contains(&hour.hour.0);
                    let closed = store.close_hour(hour.token, index, rows, objects).unwrap();
                    assert_eq!(closed, expected, "{:?}", hour.hour);
                }
            }
            Step::Objects => objects += 1,
            Step::Days => {
                for day in store.days_to_close(secs(now), objects, 10).unwrap() {
                    let mut sum = 0;
                    for (table, scope) in &day.rows {
                        let read = |_, octets: &[u8]| sum += u64::from_le_bytes(octets.try_into().unwrap());
                        store
                            .rollups(Period::Hour, *table, *scope, day.hours.clone(), read)
                            .unwrap();
                    }
                    let octets = sum.to_le_bytes().to_vec();
                    let rows = vec![RollupRow {
                        table: 3,
                        scope: 1,
                        octets,
                    }];
                    assert!(store.close_day(day.token, rows, objects).unwrap());
                }
                for (start, count) in counts(&store, Period::Day) {
                    let in_day = |r: &&FlowRecord| Hour::of(r.end).0 / 24 == start / 24;
                    assert_eq!(count, model.values().flatten().filter(in_day).count() as u64);
                }
            }
            Step::Restart => {
                drop(store);
                store = Store::open(disk.clone(), Keep::default(), secs(now)).unwrap();
            }
            Step::PowerOff => {
                disk = disk.lose_power();
                store = Store::open(disk.clone(), Keep::default(), secs(now)).unwrap();
            }
        }
        assert!(store.take_events().is_empty());
    }
    check(&store, &model);
    // In time, all is closed, and nothing is to be done again.
    now += 30 * 3_600;
    loop {
        let hours = store.hours_to_close(secs(now), objects, 1_000).unwrap();
        if hours.is_empty() {
            break;
        }
        for hour in hours {
            assert!(close(&store, hour, objects));
        }
    }
    check(&store, &model);
    let hours: BTreeSet<u32> = model.values().flatten().map(|r| Hour::of(r.end).0).collect();
    let counted: BTreeSet<u32> = counts(&store, Period::Hour).into_keys().collect();
    assert_eq!(hours, counted);
    // An hour that a record began in, and none ended, may turn up once more after a start.
    for round in 0..2 {
        disk = disk.lose_power();
        store = Store::open(disk.clone(), Keep::default(), secs(now)).unwrap();
        for hour in store.hours_to_close(secs(now), objects, 1_000).unwrap() {
            assert!(round == 0 && hour.filed.is_empty() && !hours.contains(&hour.hour.0));
            assert!(close(&store, hour, objects));
        }
        check(&store, &model);
        assert_eq!(
            counts(&store, Period::Hour).into_keys().collect::<BTreeSet<u32>>(),
            hours
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn closed_hours_are_right_whatever_comes_between(steps in steps()) {
        run(&steps);
    }
}

#[test]
fn a_look_up_leaves_out_the_hours_without() {
    let store = Store::open(Medium::new(), Keep::default(), secs(NOON)).unwrap();
    for hour in 0..40 {
        let at = NOON - hour * 3_600 - 60;
        let records: Vec<FlowRecord> = (0..50)
            .map(|n| record(n + 100 * u32::try_from(hour).unwrap(), at - 9, at))
            .collect();
        let outcomes = store.append(&[batch(hour + 1, &records)], secs(NOON));
        assert!(matches!(outcomes.as_slice(), [Outcome::Stored]));
    }
    let later = secs(NOON + 7_200);
    for hour in store.hours_to_close(later, OBJECTS, 100).unwrap() {
        assert!(close(&store, hour, OBJECTS));
    }
    let probe = Probe {
        addresses: vec![vec![hash(100 * 17 + 3)]],
        flows: Vec::new(),
    };
    let found = store.candidates((Timestamp::EPOCH, later), &probe);
    assert!(found.blocks.iter().any(|b| b.id.batch().sequence == 18));
    assert!(found.blocks.len() <= 2, "{}", found.blocks.len());
    assert_eq!(found.in_span, 40);
}

/// Blocks of 30 hours from 70 hours ago on, each with so many records of addresses that no other has.
fn busy(store: &Store, records: u32) -> Model {
    let mut model = Model::new();
    for hour in 0..30u32 {
        let at = NOON - u64::from(70 - hour) * 3_600;
        let list: Vec<FlowRecord> = (0..records).map(|n| record(hour * records + n, at, at + 60)).collect();
        let sequence = u64::from(hour) + 1;
        let outcomes = store.append(&[batch(sequence, &list)], secs(NOON));
        assert!(matches!(outcomes.as_slice(), [Outcome::Stored]));
        model.insert(sequence, list);
    }
    model
}

/// Closes all that can be closed; what whole days have is merged then.
fn close_all(store: &Store) {
    loop {
        let hours = store.hours_to_close(secs(NOON + 7_200), OBJECTS, 1_000).unwrap();
        if hours.is_empty() {
            return;
        }
        for hour in hours {
            assert!(close(store, hour, OBJECTS));
        }
    }
}

/// Rows of the index's tables.
fn index_rows(store: &Store, name: &str) -> u64 {
    let files = store.stats().unwrap();
    let index = files.iter().find(|file| file.file == "index.redb").unwrap();
    index
        .tables
        .iter()
        .find(|table| table.name == name)
        .map_or(0, |table| table.rows)
}

/// That every record is found, and of those that are not there few are looked for, but in the blocks of open hours.
fn look_up(store: &Store, model: &Model, open: usize) {
    let find = |probe: &Probe| {
        let found = store.candidates((Timestamp::EPOCH, secs(NOON * 2)), probe);
        assert!(found.problems.is_empty(), "{:?}", found.problems);
        assert_eq!(found.in_span, model.len() as u64);
        found
            .blocks
            .iter()
            .map(|b| b.id.batch().sequence)
            .collect::<BTreeSet<u64>>()
    };
    let address = |hash| Probe {
        addresses: vec![vec![hash]],
        flows: Vec::new(),
    };
    let flow = |hash| Probe {
        addresses: Vec::new(),
        flows: vec![hash],
    };
    for (sequence, list) in model {
        for wanted in list.iter().step_by(list.len() / 40 + 1).map(number) {
            assert!(find(&address(hash(wanted))).contains(sequence), "{wanted}");
            assert!(find(&flow(hash(wanted << 32))).contains(sequence), "{wanted}");
        }
    }
    let others = 1_000_000..1_000_300u64;
    let wrong = |probe: &dyn Fn(u64) -> Probe| others.clone().map(|n| find(&probe(n)).len()).sum::<usize>();
    let most = 300 * open + 300 * model.len() / 48;
    let (addresses, flows) = (wrong(&|n| address(hash(n))), wrong(&|n| flow(hash(n << 32))));
    assert!(addresses < most && flows < most, "{addresses} {flows} of {most}");
}

#[test]
fn whole_days_are_merged_and_found_whatever_comes_late() {
    let mut disk = Medium::new();
    let mut store = Store::open(disk.clone(), Keep::default(), secs(NOON)).unwrap();
    // Of few hours there is one piece a kind and day, of many records several.
    let mut model = busy(&store, 700);
    for hour in store.hours_to_close(secs(NOON + 7_200), OBJECTS, 1_000).unwrap() {
        assert!(close(&store, hour, OBJECTS));
    }
    // As the release before left it: rows of hours.
    let rows = index_rows(&store, "sets");
    assert!(rows > 100 && index_rows(&store, "pieces") == 0, "{rows}");
    look_up(&store, &model, 0);
    drop(store);
    store = Store::open(disk.clone(), Keep::default(), secs(NOON)).unwrap();
    close_all(&store);
    assert_eq!((index_rows(&store, "sets"), index_rows(&store, "merged")), (0, 2));
    let pieces = index_rows(&store, "pieces");
    assert!((4..40).contains(&pieces), "{pieces}");
    look_up(&store, &model, 0);
    store
        .check(|file| assert!(file.problems.is_empty(), "{:?}", file.problems))
        .unwrap();
    // A late block opens its hour again, in the midst of a day.
    let at = NOON - 50 * 3_600;
    let late: Vec<FlowRecord> = (500_000..500_040).map(|n| record(n, at, at + 9)).collect();
    assert!(matches!(
        store.append(&[batch(100, &late)], secs(NOON)).as_slice(),
        [Outcome::Stored]
    ));
    model.insert(100, late);
    look_up(&store, &model, 2);
    store
        .check(|file| assert!(file.problems.is_empty(), "{:?}", file.problems))
        .unwrap();
    // Closed, and not merged yet: the power goes at each of the steps.
    for hour in store.hours_to_close(secs(NOON + 7_200), OBJECTS, 1_000).unwrap() {
        assert!(close(&store, hour, OBJECTS));
    }
    assert!(index_rows(&store, "sets") > 0);
    look_up(&store, &model, 0);
    disk = disk.lose_power();
    store = Store::open(disk.clone(), Keep::default(), secs(NOON)).unwrap();
    look_up(&store, &model, 0);
    close_all(&store);
    assert_eq!(index_rows(&store, "sets"), 0);
    disk = disk.lose_power();
    store = Store::open(disk.clone(), Keep::default(), secs(NOON)).unwrap();
    look_up(&store, &model, 0);
    store
        .check(|file| assert!(file.problems.is_empty(), "{:?}", file.problems))
        .unwrap();
    store.compact(|_, _, _| {}).unwrap();
    look_up(&store, &model, 0);
    // What is forgotten leaves nothing behind.
    store.set_keep(Keep {
        record_days: 1,
        ..Keep::default()
    });
    while store.maintain(secs(NOON + 86_400)).unwrap() {}
    assert!(index_rows(&store, "merged") <= 1, "{}", index_rows(&store, "merged"));
}

#[test]
fn a_piece_that_is_damaged_is_told_of() {
    let disk = Medium::new();
    let store = Store::open(disk.clone(), Keep::default(), secs(NOON)).unwrap();
    busy(&store, 100);
    close_all(&store);
    drop(store);
    // A row of the first of the days, which begins at 3, knows its version and its hours' levels; redb does not look at
    // its pages' checksums then.
    let files = disk.files.lock().unwrap();
    let mut octets = files["index.redb"].written.lock().unwrap();
    let head: Vec<u8> = [&[2, 255, 255, 255][..], &[2; 21]].concat();
    let mut places = Vec::new();
    for (at, octets) in octets.windows(head.len()).enumerate() {
        if octets == head {
            places.push(at);
        }
    }
    assert!(!places.is_empty());
    for at in places {
        octets[at + head.len() + 9] ^= 1;
    }
    drop(octets);
    drop(files);
    let store = Store::open(disk, Keep::default(), secs(NOON)).unwrap();
    let probe = Probe {
        addresses: Vec::new(),
        flows: vec![hash(7 << 32)],
    };
    let found = store.candidates((Timestamp::EPOCH, secs(NOON * 2)), &probe);
    assert!(
        matches!(found.problems.as_slice(), [StoreError::Damaged { file, .. }] if file == "index.redb"),
        "{found:?}"
    );
    // Nothing is left out.
    assert_eq!(found.blocks.len(), 30);
}

#[test]
fn a_store_of_the_release_before_is_indexed_in_time() {
    let disk = Medium::new();
    let store = Store::open(disk.clone(), Keep::default(), secs(NOON)).unwrap();
    let mut model = Model::new();
    for hour in 0..5 {
        let records = vec![record(1, NOON - hour * 3_600 - 90, NOON - hour * 3_600 - 60)];
        store.append(&[batch(hour + 1, &records)], secs(NOON));
        model.insert(hour + 1, records);
    }
    drop(store);
    for name in ["index.redb", "rollups.redb"] {
        disk.files.lock().unwrap().remove(name).unwrap();
    }
    let store = Store::open(disk.clone(), Keep::default(), secs(NOON)).unwrap();
    assert!(store.take_events().is_empty());
    check(&store, &model);
    let later = secs(NOON + 7_200);
    let hours = store.hours_to_close(later, OBJECTS, 100).unwrap();
    assert_eq!(hours.len(), 5);
    assert!(hours.is_sorted_by(|a, b| a.hour > b.hour));
    for hour in hours {
        assert!(close(&store, hour, OBJECTS));
    }
    check(&store, &model);
    assert_eq!(counts(&store, Period::Hour).len(), 5);
}

#[test]
fn an_index_that_is_damaged_is_set_aside_and_made_anew() {
    for broken in ["index.redb", "rollups.redb"] {
        let disk = Medium::new();
        let store = Store::open(disk.clone(), Keep::default(), secs(NOON)).unwrap();
        let mut model = Model::new();
        for hour in 0..5 {
            let records = vec![record(1, NOON - hour * 3_600 - 90, NOON - hour * 3_600 - 60)];
            store.append(&[batch(hour + 1, &records)], secs(NOON));
            model.insert(hour + 1, records);
        }
        let later = secs(NOON + 7_200);
        for hour in store.hours_to_close(later, OBJECTS, 100).unwrap() {
            assert!(close(&store, hour, OBJECTS));
        }
        drop(store);
        let disk = disk.lose_power();
        let file = disk.files.lock().unwrap()[broken].clone();
        file.written.lock().unwrap()[..4_096].fill(0x5a);
        let store = Store::open(disk.clone(), Keep::default(), later).unwrap();
        assert!(matches!(store.take_events().as_slice(), [store::Event::SetAside { file, .. }] if file == broken));
        check(&store, &model);
        let hours = store.hours_to_close(later, OBJECTS, 100).unwrap();
        assert_eq!(hours.len(), 5);
        for hour in hours {
            assert!(close(&store, hour, OBJECTS));
        }
        check(&store, &model);
        let _: Arc<Medium> = disk;
    }
}

/// What a run does until the power goes: blocks, late ones among them, and closings. Answers what was acknowledged.
fn run_until_power_goes(disk: &Arc<Medium>) -> (Model, Model) {
    let (mut acknowledged, mut tried) = (Model::new(), Model::new());
    let Ok(store) = Store::open(disk.clone(), Keep::default(), secs(NOON)) else {
        return (acknowledged, tried);
    };
    let mut now = NOON;
    for round in 0..8u64 {
        let late = now - 3 * 3_600 * (round % 3) - 20 * 3_600 * (round % 2);
        let records = vec![record(1, now - 9, now), record(2, late - 9, late)];
        let records = if round % 4 == 3 { records[1..].to_vec() } else { records };
        tried.insert(round + 1, records.clone());
        let outcomes = store.append(&[batch(round + 1, &records)], secs(now));
        if !matches!(outcomes.as_slice(), [Outcome::Stored]) {
            break;
        }
        acknowledged.insert(round + 1, records);
        now += 3_600;
        if round % 2 == 1 {
            let Ok(hours) = store.hours_to_close(secs(now), OBJECTS, 3) else {
                break;
            };
            for hour in hours {
                let (index, rows) = (index_of(&store, &hour), rows_of(&store, &hour));
                let _ = store.close_hour(hour.token, index, rows, OBJECTS);
            }
        }
    }
    (acknowledged, tried)
}

#[test]
fn wherever_the_power_goes_what_is_closed_is_right_and_what_was_acknowledged_is_there() {
    let whole = Medium::new();
    let enough = 1 << 40;
    whole.lose_power_after(enough);
    let (acknowledged, _) = run_until_power_goes(&whole);
    assert_eq!(acknowledged.len(), 8);
    let all = whole.changes_since(enough);
    assert!(all > 300, "{all}");
    for changes in (0..all).step_by(7) {
        let disk = Medium::new();
        disk.lose_power_after(changes);
        let (acknowledged, tried) = run_until_power_goes(&disk);
        let disk = disk.lose_power_halfway(changes.unsigned_abs() * 7_919 + 11);
        let later = NOON + 100 * 3_600;
        let store = Store::open(disk.clone(), Keep::default(), secs(later)).unwrap();
        // A file that was never made to its end is set aside; nothing was in it.
        let unmade = |e: &Event| matches!(e, Event::SetAside { reason, .. } if reason.contains("magic number"));
        let events = store.take_events();
        assert!(events.iter().all(unmade), "{changes}: {events:?}");
        let there = store.candidates((Timestamp::EPOCH, secs(NOON * 2)), &Probe::default());
        assert!(there.problems.is_empty(), "{changes}: {:?}", there.problems);
        let mut model = Model::new();
        for block in &there.blocks {
            let records = records_of(&store, std::slice::from_ref(block));
            let sequence = block.id.batch().sequence;
            assert_eq!(tried.get(&sequence), Some(&records), "{changes}");
            assert!(model.insert(sequence, records).is_none(), "{changes}: twice");
        }
        assert!(acknowledged.keys().all(|n| model.contains_key(n)), "{changes}");
        check(&store, &model);
        // What was not acknowledged comes again, and all is closed in time.
        for (sequence, records) in &tried {
            let outcomes = store.append(&[batch(*sequence, records)], secs(later));
            assert!(
                matches!(outcomes.as_slice(), [Outcome::Stored | Outcome::Duplicate]),
                "{outcomes:?}"
            );
        }
        let later = secs(NOON + 101 * 3_600);
        for hour in store.hours_to_close(later, OBJECTS, 1_000).unwrap() {
            assert!(close(&store, hour, OBJECTS));
        }
        check(&store, &tried);
        assert_eq!(store.hours_to_close(later, OBJECTS, 1_000).unwrap().len(), 0);
    }
}

#[test]
fn a_flipped_bit_in_any_octet_of_a_block_is_noticed_and_the_rest_answered() {
    let disk = Medium::new();
    let store = Store::open(disk.clone(), Keep::default(), secs(NOON)).unwrap();
    let records: Vec<FlowRecord> = (0..20).map(|n| record(n, NOON - 20, NOON - u64::from(n))).collect();
    let (one, two) = (batch(1, &records), batch(2, &records[..7]));
    let Content::Block(wanted) = &one.content else {
        panic!("a block");
    };
    let wanted = wanted.bytes().to_vec();
    store.append(&[one, two], secs(NOON));
    drop(store);
    let disk = disk.lose_power();
    let file = {
        let files = disk.files.lock().unwrap();
        let (_, file) = files.iter().find(|(name, _)| name.starts_with("blocks-")).unwrap();
        file.clone()
    };
    let at = {
        let octets = file.written.lock().unwrap();
        octets.windows(wanted.len()).position(|w| w == wanted).unwrap()
    };
    for octet in 0..wanted.len() {
        file.written.lock().unwrap()[at + octet] ^= 1 << (octet % 8);
        let store = Store::open(disk.clone(), Keep::default(), secs(NOON)).unwrap();
        let found = store.candidates((Timestamp::EPOCH, secs(NOON * 2)), &Probe::default());
        let ids: Vec<BlockId> = found.blocks.iter().map(|b| b.id).collect();
        let (mut whole, mut damaged) = (Vec::new(), Vec::new());
        store.read_blocks(&ids, |id, octets| {
            match Block::parse(octets.unwrap().to_vec()) {
                Ok(block) => whole.push((id.batch().sequence, block.len())),
                Err(source) => damaged.push(id.damaged(source).to_string()),
            }
            ControlFlow::Continue(())
        });
        assert_eq!(whole, [(2, 7)], "octet {octet}");
        assert!(
            damaged[0].contains("batch 9-1 in blocks-") && damaged.len() == 1,
            "{damaged:?}"
        );
        drop(store);
        file.written.lock().unwrap()[at + octet] ^= 1 << (octet % 8);
    }
}

#[test]
fn a_merged_index_is_made_smaller_whenever_the_power_goes() {
    let before = i64::MAX / 2;
    let disk = Medium::new();
    let mut store = Store::open(disk.clone(), Keep::default(), secs(NOON)).unwrap();
    let model = busy(&store, 2_000);
    // Rows of hours first, then the days' pieces: what the rows took stays free.
    for hour in store.hours_to_close(secs(NOON + 7_200), OBJECTS, 1_000).unwrap() {
        assert!(close(&store, hour, OBJECTS));
    }
    drop(store);
    store = Store::open(disk.clone(), Keep::default(), secs(NOON)).unwrap();
    close_all(&store);
    drop(store);
    let octets = |disk: &Medium| disk.files.lock().unwrap()["index.redb"].written.lock().unwrap().len();
    let large = octets(&disk);
    let compact = |disk: &Arc<Medium>| {
        let store = Store::open(disk.clone(), Keep::default(), secs(NOON)).unwrap();
        disk.lose_power_after(before);
        let mut smaller = Vec::new();
        let done = store.compact(|name, _, _| smaller.push(name.to_owned()));
        (done.is_ok(), smaller)
    };
    let whole = disk.lose_power();
    let (done, smaller) = compact(&whole);
    let changes = whole.changes_since(before);
    let small = octets(&whole);
    assert!(
        done && smaller.contains(&"index.redb".to_owned()),
        "{smaller:?}: {small} of {large}"
    );
    assert!(small <= large / 10 * 9, "{small} of {large}");
    look_up(&Store::open(whole, Keep::default(), secs(NOON)).unwrap(), &model, 0);
    for after in (0..changes).step_by(usize::try_from(changes / 12).unwrap().max(1)) {
        let cut = disk.lose_power();
        let store = Store::open(cut.clone(), Keep::default(), secs(NOON)).unwrap();
        cut.lose_power_after(after);
        let _ = store.compact(|_, _, _| {});
        drop(store);
        let found = cut.lose_power();
        let store = Store::open(found.clone(), Keep::default(), secs(NOON)).unwrap();
        store
            .check(|file| assert!(file.problems.is_empty(), "{:?}", file.problems))
            .unwrap();
        assert_eq!((index_rows(&store, "sets"), index_rows(&store, "merged")), (0, 2));
        drop(store);
        assert!(
            found
                .files
                .lock()
                .unwrap()
                .keys()
                .all(|name| !name.ends_with(".unfinished"))
        );
        assert!(octets(&found) <= large);
    }
}
