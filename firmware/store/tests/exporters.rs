//! Parts that add up, against a model that keeps every part: minutes of exporters and of their interfaces, and gauges.
//! Batches come twice, files are reopened, the power goes, the disk fills up.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod medium;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use aggregate::TopMerger;
use medium::Medium;
use model::{
    App, CounterSource, Counters, DeviceFacts, Dimension, Direction, FlowDelta, Gauge, GaugeKind, InterfaceDetail,
    InterfaceFacts, InterfaceId, InterfaceMinute, LinkId, SystemFacts, Timestamp, Window,
};
use proptest::prelude::*;
use store::{ALL_EXPORTERS, Batch, BatchKey, Content, Disk, Event, Grain, Keep, Outcome, Store, StoreError};

/// Ten minutes after midnight, so that parts are of two days.
const NOW: u64 = 1_800_000_000 / 86_400 * 86_400 + 600;
const LINKS: [LinkId; 2] = [LinkId::of_exporter(1), LinkId::of_exporter(2)];

fn secs(s: u64) -> Timestamp {
    Timestamp::from_secs(s)
}

fn open(disk: &Arc<Medium>) -> Store {
    Store::open(disk.clone(), Keep::default(), secs(NOW)).unwrap()
}

fn batch(sequence: u64, content: Content) -> Batch {
    Batch {
        key: BatchKey { epoch: 3, sequence },
        content,
    }
}

fn window(link: LinkId, start: u64, host: u8, bytes: u64) -> Window {
    let mut builder = aggregate::WindowBuilder::new(link, secs(start), 60);
    builder.observe_exported(&FlowDelta {
        src_ip: Ipv4Addr::new(10, 0, 0, host).into(),
        dst_ip: Ipv4Addr::new(192, 0, 2, 1).into(),
        protocol: 6,
        app: App::UNKNOWN,
        direction: Direction::Out,
        forward: Counters { packets: 1, bytes },
        reverse: Counters::default(),
    });
    builder.close()
}

fn part(link: LinkId, index: u32, source: CounterSource, start: u64, bytes: u64) -> InterfaceMinute {
    InterfaceMinute {
        interface: InterfaceId { exporter: link, index },
        start: secs(start),
        source,
        seconds: 20,
        inbound: Counters { packets: 1, bytes },
        outbound: Counters { packets: 2, bytes: 7 },
        detail: InterfaceDetail {
            in_errors: bytes.is_multiple_of(3).then_some(bytes),
            size_1024_1518: bytes.is_multiple_of(2).then_some(1),
            ..InterfaceDetail::default()
        },
    }
}

fn gauge(link: LinkId, name: &str, at: u64, value: f64) -> Gauge {
    Gauge {
        exporter: link,
        at: Timestamp::from_nanos(at),
        kind: GaugeKind::Celsius,
        name: name.to_owned(),
        value,
        ok: Some(true),
    }
}

fn sources() -> impl Strategy<Value = CounterSource> {
    prop_oneof![
        Just(CounterSource::Flow),
        Just(CounterSource::Snmp),
        Just(CounterSource::Sflow)
    ]
}

/// A batch of any kind about the last twenty minutes.
fn contents() -> impl Strategy<Value = Content> {
    let link = || (0usize..2).prop_map(|n| LINKS[n]);
    let minute = || (0u64..20).prop_map(|back| (NOW - back * 60) / 60 * 60);
    let windows = (link(), minute(), 0u8..6, 1u64..1_000).prop_map(|(l, m, h, b)| window(l, m, h, b));
    let parts = (link(), 1u32..4, sources(), minute(), 1u64..1_000).prop_map(|(l, i, s, m, b)| part(l, i, s, m, b));
    let gauges = (link(), 0u8..3, 0u64..1_200, -5i32..40).prop_map(|(l, n, back, value)| {
        let nanos = (NOW - back) * 1_000_000_000;
        gauge(l, &format!("sensor {n}"), nanos, f64::from(value))
    });
    prop_oneof![
        prop::collection::vec(windows, 0..8).prop_map(Content::Windows),
        prop::collection::vec(parts, 0..8).prop_map(Content::Interfaces),
        prop::collection::vec(gauges, 0..8).prop_map(Content::Gauges),
    ]
}

/// A table's keys and octets.
type Rows = Vec<(String, u64)>;

/// What is stored, or what should be.
#[derive(Debug, Default, PartialEq)]
struct Stored {
    /// By link and minute: octets, and the hosts' table.
    minutes: BTreeMap<(LinkId, u64), (u64, Rows)>,
    interfaces: BTreeMap<(InterfaceId, CounterSource, u64), InterfaceMinute>,
    gauges: BTreeMap<(LinkId, String, u64), f64>,
}

fn rows(table: &model::TopTable) -> Rows {
    table
        .rows
        .iter()
        .map(|(k, s)| (format!("{k:?}"), s.total.bytes))
        .collect()
}

/// What the parts add up to.
fn expected<'a>(batches: impl Iterator<Item = &'a Batch>) -> Stored {
    let mut stored = Stored::default();
    let mut tops: BTreeMap<(LinkId, u64), TopMerger> = BTreeMap::new();
    for batch in batches {
        match &batch.content {
            Content::Windows(list) => {
                for w in list {
                    for link in [w.link, ALL_EXPORTERS] {
                        let key = (link, w.start.as_secs());
                        stored.minutes.entry(key).or_default().0 += w.counters.frames.total.bytes;
                        tops.entry(key).or_default().add(&w.hosts);
                    }
                }
            }
            Content::Interfaces(list) => {
                for m in list {
                    stored
                        .interfaces
                        .entry((m.interface, m.source, m.start.as_secs()))
                        .and_modify(|sum| sum.add(m))
                        .or_insert_with(|| m.clone());
                }
            }
            Content::Gauges(list) => {
                for g in list {
                    let key = (g.exporter, g.name.clone(), g.at.as_nanos());
                    stored.gauges.insert(key, g.value);
                }
            }
            _ => {}
        }
    }
    for (key, merger) in tops {
        stored.minutes.get_mut(&key).unwrap().1 = rows(&merger.finish(256).0);
    }
    stored
}

/// What the store answers.
fn found(store: &Store) -> Stored {
    let mut stored = Stored::default();
    let (from, to) = (secs(NOW - 2 * 3_600), secs(NOW + 3_600));
    let links = ALL_EXPORTERS..=LinkId(u32::MAX);
    store
        .scan(
            (from, to),
            &links,
            Grain::Minute,
            Some(Dimension::Host),
            |row, table| {
                assert_eq!((row.seconds, row.covered.count_ones()), (60, 60));
                let key = (row.link, row.start.as_secs());
                let value = (row.counters.frames.total.bytes, rows(&table));
                assert!(stored.minutes.insert(key, value).is_none());
            },
        )
        .unwrap();
    for exporter in LINKS {
        for index in 0..5 {
            let interface = InterfaceId { exporter, index };
            store
                .interface_minutes(interface, from, to, |m| {
                    let key = (m.interface, m.source, m.start.as_secs());
                    assert!(stored.interfaces.insert(key, m).is_none());
                })
                .unwrap();
        }
        store
            .gauges(exporter, (GaugeKind::Celsius, None), (from, to), |g| {
                let key = (g.exporter, g.name, g.at.as_nanos());
                assert!(stored.gauges.insert(key, g.value).is_none());
            })
            .unwrap();
    }
    stored
}

fn is_stored(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Stored | Outcome::Duplicate)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parts_add_up_once_however_often_they_come(
        contents in prop::collection::vec(contents(), 1..40),
        group in 1usize..6,
        reopen in prop::collection::vec(0u8..3, 40),
    ) {
        let mut disk = Medium::new();
        let mut store = open(&disk);
        let batches: Vec<Batch> = (1u64..).zip(contents).map(|(n, c)| batch(n, c)).collect();
        for (at, chunk) in batches.chunks(group).enumerate() {
            prop_assert!(store.append(chunk, secs(NOW)).iter().all(|o| matches!(o, Outcome::Stored)));
            match reopen[at % reopen.len()] {
                0 => {
                    // The collector did not get the receipts, and sends all again.
                    let again = store.append(chunk, secs(NOW));
                    prop_assert!(again.iter().all(|o| matches!(o, Outcome::Duplicate)), "{again:?}");
                }
                1 => {
                    disk = disk.lose_power();
                    store = open(&disk);
                }
                _ => while store.maintain(secs(NOW)).unwrap() {},
            }
        }
        prop_assert!(store.take_events().is_empty());
        prop_assert_eq!(found(&store), expected(batches.iter()));
    }

    #[test]
    fn a_series_and_the_newest_are_what_a_scan_of_everything_finds(
        parts in prop::collection::vec(
            (0usize..2, 1u32..4, sources(), 0u64..3_000, 1u64..9), 1..60),
        from in 0u64..3_000, length in 0u64..3_000, few in 1usize..4,
    ) {
        // Fifty hours: three days' files.
        let store = open(&Medium::new());
        let minute = |back: u64| NOW / 60 * 60 - back * 60;
        let minutes: Vec<_> = parts.iter().map(|(l, i, s, back, b)| part(LINKS[*l], *i, *s, minute(*back), *b)).collect();
        let all = batch(1, Content::Interfaces(minutes));
        prop_assert!(is_stored(&store.append(std::slice::from_ref(&all), secs(NOW))[0]));
        let naive = expected(std::iter::once(&all)).interfaces;
        let span = (secs(minute(from)), secs(minute(from) + length * 60));
        let within = |m: &InterfaceMinute| span.0 <= m.start && m.start < span.1;
        for exporter in LINKS {
            for index in 1..4 {
                let interface = InterfaceId { exporter, index };
                let mut series = Vec::new();
                store.interface_minutes(interface, span.0, span.1, |m| series.push(m)).unwrap();
                series.sort_by_key(|m| (m.source, m.start));
                let expected: Vec<_> =
                    naive.values().filter(|m| m.interface == interface && within(m)).cloned().collect();
                prop_assert_eq!(series, expected);
            }
        }
        for exporter in [None, Some(LINKS[1])] {
            let mut expected: BTreeMap<_, Vec<InterfaceMinute>> = BTreeMap::new();
            for m in naive.values().rev().filter(|m| within(m)) {
                let list = expected.entry((m.interface, m.source)).or_default();
                if exporter.is_none_or(|e| e == m.interface.exporter) && list.len() < few {
                    list.push(m.clone());
                }
            }
            let expected: Vec<_> = expected.into_values().flatten().collect();
            prop_assert_eq!(store.newest_interface_minutes(exporter, span, few).unwrap(), expected);
        }
    }
}

/// One of each kind, in turn, so that every file is written.
fn content(n: u64) -> Content {
    let minute = (NOW - n % 15 * 60) / 60 * 60;
    match n % 4 {
        0 => Content::Windows(vec![window(LINKS[0], minute, 1, n)]),
        // Two days' files in one batch.
        1 => Content::Interfaces(vec![
            part(LINKS[0], 1, CounterSource::Flow, NOW / 60 * 60, n),
            part(LINKS[0], 1, CounterSource::Flow, NOW / 60 * 60 - 1_200, n),
        ]),
        2 => Content::Gauges(vec![gauge(LINKS[1], "fan", NOW * 1_000_000_000 - n, 20.0)]),
        _ => Content::Devices(vec![(LINKS[1], device(&n.to_string(), None))]),
    }
}

fn device(name: &str, interfaces: Option<Vec<InterfaceFacts>>) -> DeviceFacts {
    DeviceFacts {
        system: Some(SystemFacts {
            name: name.to_owned(),
            ..SystemFacts::default()
        }),
        interfaces,
        ..DeviceFacts::default()
    }
}

fn name_of(store: &Store) -> Option<u64> {
    let (facts, _) = store.device(LINKS[1]).unwrap();
    facts.system.map(|s| s.name.parse().unwrap())
}

#[test]
fn a_disk_that_fills_up_anywhere_adds_nothing_twice_and_loses_nothing() {
    for octets in (0..400_000).step_by(9_973) {
        let disk = Medium::new();
        let store = open(&disk);
        let all: Vec<Batch> = (1..80).map(|n| batch(n, content(n))).collect();
        let (first, rest) = all.split_at(4);
        assert!(store.append(first, secs(NOW)).iter().all(is_stored));
        disk.fill_up_after(octets);
        let mut acknowledged = first.to_vec();
        let mut later = Vec::new();
        for group in rest.chunks(5) {
            for (batch, outcome) in group.iter().zip(store.append(group, secs(NOW))) {
                match outcome {
                    Outcome::Stored => acknowledged.push(batch.clone()),
                    Outcome::Later(problem) => {
                        assert!(!problem.to_string().contains("damaged"), "{problem}");
                        later.push(batch.clone());
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        assert!(!later.is_empty(), "the disk was never full at {octets}");
        // The power goes: what was acknowledged is there, and each part at most once.
        let after = disk.lose_power();
        let reopened = open(&after);
        let (there, least, most) = (found(&reopened), expected(acknowledged.iter()), expected(all.iter()));
        for (key, sum) in &least.interfaces {
            assert!(there.interfaces[key].inbound.bytes >= sum.inbound.bytes, "{octets}");
        }
        for (key, sum) in &there.interfaces {
            assert!(sum.inbound.bytes <= most.interfaces[key].inbound.bytes, "{octets}");
        }
        assert_eq!(there.minutes, least.minutes, "{octets}");
        assert!(least.gauges.keys().all(|g| there.gauges.contains_key(g)), "{octets}");
        // All of them come again there, and where somebody made room.
        disk.fill_up_after(i64::MAX / 2);
        for store in [reopened, store] {
            let outcomes = store.append(&later, secs(NOW));
            assert!(outcomes.iter().all(is_stored), "{octets}: {outcomes:?}");
            let outcomes = store.append(&all, secs(NOW));
            assert!(outcomes.iter().all(is_stored), "{octets}: {outcomes:?}");
            assert_eq!(found(&store), most, "{octets}");
            assert_eq!(name_of(&store), Some(79), "{octets}");
            assert!(store.take_events().is_empty());
        }
    }
}

#[test]
fn what_no_collector_may_send_is_refused() {
    let disk = Medium::new();
    let store = open(&disk);
    let sound = part(LINKS[0], 1, CounterSource::Snmp, NOW / 60 * 60, 1);
    let bad_parts = [
        InterfaceMinute {
            start: secs(NOW / 60 * 60 + 1),
            ..sound.clone()
        },
        InterfaceMinute {
            seconds: 61,
            ..sound.clone()
        },
        InterfaceMinute {
            interface: InterfaceId {
                exporter: LinkId(1),
                index: 1,
            },
            ..sound.clone()
        },
        InterfaceMinute {
            interface: InterfaceId {
                exporter: ALL_EXPORTERS,
                index: 1,
            },
            ..sound.clone()
        },
    ];
    let mut second = window(LINKS[0], NOW, 1, 1);
    second.seconds = 1;
    let mut port = window(LINKS[0], NOW / 60 * 60, 1, 1);
    port.link = LinkId(1);
    let mut sum = second.clone();
    sum.link = ALL_EXPORTERS;
    let bad = bad_parts
        .into_iter()
        .map(|p| Content::Interfaces(vec![sound.clone(), p]));
    let bad = bad.chain([second, port, sum].map(|w| Content::Windows(vec![w])));
    let many = vec![window(LINKS[0], NOW / 60 * 60, 1, 1); 65_537];
    for (n, content) in (1..).zip(bad.chain([Content::Windows(many)])) {
        let outcomes = store.append(&[batch(n, content)], secs(NOW));
        assert!(
            matches!(outcomes.as_slice(), [Outcome::Refused(_)]),
            "{n}: {outcomes:?}"
        );
    }
    assert_eq!(found(&store), Stored::default());
}

#[test]
fn a_second_of_the_same_number_waits_with_the_first() {
    let disk = Medium::new();
    let store = open(&disk);
    disk.fill_up_after(0);
    for n in 1..5 {
        let twice = [batch(n, content(n)), batch(n, content(n))];
        let outcomes = store.append(&twice, secs(NOW));
        assert!(outcomes.iter().all(|o| matches!(o, Outcome::Later(_))), "{outcomes:?}");
    }
    disk.fill_up_after(i64::MAX / 2);
    let mut bad = window(LINKS[0], NOW / 60 * 60, 1, 1);
    bad.seconds = 1;
    let twice = [
        batch(9, Content::Windows(vec![bad.clone()])),
        batch(9, Content::Windows(vec![bad])),
    ];
    let outcomes = store.append(&twice, secs(NOW));
    assert!(
        outcomes
            .iter()
            .all(|o| matches!(o, Outcome::Refused(StoreError::Window { .. })))
    );
}

#[test]
fn the_newest_of_each_part_of_a_device_is_known() {
    let facts = |index| InterfaceFacts {
        index,
        name: format!("ge-0/0/{index}"),
        ..InterfaceFacts::default()
    };
    let disk = Medium::new();
    let store = open(&disk);
    let of = |sequence, facts: DeviceFacts| batch(sequence, Content::Devices(vec![(LINKS[0], facts)]));
    let put = |b: Batch, now| assert!(is_stored(&store.append(&[b], secs(now))[0]));
    put(of(2, device("two", Some(vec![facts(1), facts(2)]))), NOW);
    // It had to wait: its name is older, its interfaces too.
    put(of(1, device("one", Some(vec![facts(9)]))), NOW + 1);
    put(of(3, device("three", None)), NOW + 2);
    let (known, at) = store.device(LINKS[0]).unwrap();
    assert_eq!(known, device("three", Some(vec![facts(1), facts(2)])));
    assert_eq!(at, Some(secs(NOW + 2)));
    assert_eq!(store.device(LINKS[1]).unwrap(), (DeviceFacts::default(), None));
    assert_eq!(
        store.interface_facts(None).unwrap(),
        store.interface_facts(Some(LINKS[0])).unwrap()
    );
    assert_eq!(store.interface_facts(None).unwrap()[&LINKS[0]].len(), 2);
    // A collector's new run replaces whatever the numbers.
    let mut restarted = of(1, device("four", None));
    restarted.key.epoch = 1;
    put(restarted, NOW + 3);
    let (known, _) = store.device(LINKS[0]).unwrap();
    assert_eq!(known.system.unwrap().name, "four");
}

#[test]
fn gauges_are_bounded_and_what_is_no_number_is_no_reading() {
    let store = open(&Medium::new());
    let at = NOW * 1_000_000_000;
    let mut gauges: Vec<Gauge> = (0..1_030).map(|n| gauge(LINKS[0], &format!("s{n}"), at, 1.0)).collect();
    gauges.push(gauge(LINKS[1], "nan", at, f64::NAN));
    gauges.push(gauge(LINKS[1], &"é".repeat(70), at, 2.0));
    assert!(is_stored(
        &store.append(&[batch(1, Content::Gauges(gauges))], secs(NOW))[0]
    ));
    assert_eq!(store.take_events(), [Event::GaugesLeftOut { readings: 6 }]);
    let newest = |link| store.newest_gauges(link, (secs(NOW - 60), secs(NOW + 60))).unwrap();
    assert_eq!(newest(LINKS[0]).len(), 1_024);
    let names: Vec<String> = newest(LINKS[1]).into_iter().map(|g| g.name).collect();
    assert_eq!(names, ["é".repeat(64)]);
    // Its full name finds it.
    let mut count = 0;
    let which = (GaugeKind::Celsius, Some(&*"é".repeat(70)));
    store
        .gauges(LINKS[1], which, (secs(0), secs(NOW + 60)), |_| count += 1)
        .unwrap();
    assert_eq!(count, 1);
}

#[test]
fn a_wrong_clock_makes_few_files_and_old_days_go() {
    const DAY: u64 = 86_400;
    let disk = Medium::new();
    let keep = Keep {
        minutes: 3 * DAY,
        ..Keep::default()
    };
    let store = Store::open(disk.clone(), keep, secs(NOW)).unwrap();
    for (n, day) in (1..).zip([0, 3_000, 10_000, 15_000, 20_832, 20_833, 20_834, 30_000, 200_000]) {
        let minutes = vec![part(LINKS[0], 1, CounterSource::Snmp, day * DAY, 1)];
        assert!(is_stored(
            &store.append(&[batch(n, Content::Interfaces(minutes))], secs(NOW))[0]
        ));
    }
    let files = |disk: &Medium| {
        let names = disk.list().unwrap().into_iter().map(|(name, _)| name);
        names.filter(|n| n.starts_with("exporters-")).count()
    };
    assert!(files(&disk) <= 5, "{:?}", disk.list());
    // What is of times to come is found.
    let interface = InterfaceId {
        exporter: LINKS[0],
        index: 1,
    };
    let mut count = 0;
    store
        .interface_minutes(interface, secs(NOW), secs(u64::MAX / 2_000_000_000), |_| count += 1)
        .unwrap();
    assert_eq!(count, 2);
    while store.maintain(secs(NOW + 30 * DAY)).unwrap() {}
    assert_eq!(files(&disk), 1, "{:?}", disk.list());
    let forgotten = store.take_events();
    assert!(
        forgotten
            .iter()
            .all(|e| matches!(e, Event::Forgotten { reason: "too old", .. }))
    );
}
