//! Windows against a model that keeps everything.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use aggregate::{FrameSeen, ROWS_KEPT, TopMerger, WindowBuilder, merge};
use model::{
    App, Conversation, Counters, Direction, FlowDelta, LinkId, MalformedKind, Split, Timestamp, TopKey, TopTable,
    Window,
};
use proptest::prelude::*;

fn direction() -> impl Strategy<Value = Direction> {
    prop::sample::select(vec![
        Direction::In,
        Direction::Out,
        Direction::Internal,
        Direction::External,
        Direction::Unknown,
    ])
}

fn counters() -> impl Strategy<Value = Counters> {
    (0u64..1_000, 0u64..100_000).prop_map(|(packets, bytes)| Counters { packets, bytes })
}

prop_compose! {
    /// `hosts` bounds the number of different addresses.
    fn delta(hosts: u32)(
        src in 0..hosts,
        dst in 0..hosts,
        protocol in prop::sample::select(vec![1u8, 6, 17]),
        app in 0u16..5,
        direction in direction(),
        forward in counters(),
        reverse in counters(),
    ) -> FlowDelta {
        FlowDelta {
            src_ip: Ipv4Addr::from(0x0a00_0000 + src).into(),
            dst_ip: Ipv4Addr::from(0x0a00_0000 + dst).into(),
            protocol,
            app: App::from_number(app),
            direction,
            forward,
            reverse,
        }
    }
}

fn window(deltas: &[FlowDelta]) -> Window {
    let mut builder = WindowBuilder::new(LinkId(1), Timestamp::from_secs(7), 1);
    deltas.iter().for_each(|d| builder.observe(d));
    builder.close()
}

type Naive = BTreeMap<TopKey, Split>;
/// Octets, direction, 1 broadcast or 2 multicast, EtherType, kind of malformation.
type Seen = (u64, Direction, u8, Option<u16>, Option<usize>);

fn way(split: &mut Split, direction: Direction, c: Counters) {
    split.total += c;
    match direction {
        Direction::In => split.inbound += c,
        Direction::Out => split.outbound += c,
        _ => {}
    }
}

fn naive_hosts(deltas: &[FlowDelta]) -> Naive {
    let mut hosts = Naive::new();
    for d in deltas {
        let sent = |hosts: &mut Naive, ip: IpAddr, c: Counters| {
            way(hosts.entry(TopKey::Host(ip)).or_default(), Direction::Out, c);
        };
        sent(&mut hosts, d.src_ip, d.forward);
        if d.src_ip == d.dst_ip {
            way(
                hosts.entry(TopKey::Host(d.src_ip)).or_default(),
                Direction::In,
                d.reverse,
            );
            continue;
        }
        sent(&mut hosts, d.dst_ip, d.reverse);
        way(
            hosts.entry(TopKey::Host(d.dst_ip)).or_default(),
            Direction::In,
            d.forward,
        );
        way(
            hosts.entry(TopKey::Host(d.src_ip)).or_default(),
            Direction::In,
            d.reverse,
        );
    }
    hosts
}

fn naive_home(deltas: &[FlowDelta], key: impl Fn(&FlowDelta) -> TopKey) -> Naive {
    let mut rows = Naive::new();
    for d in deltas {
        let row = rows.entry(key(d)).or_default();
        way(row, d.direction, d.forward);
        way(row, d.direction.reversed(), d.reverse);
    }
    rows
}

fn naive_conversations(deltas: &[FlowDelta]) -> Naive {
    let mut rows = Naive::new();
    for d in deltas {
        let row = rows
            .entry(TopKey::Conversation(Conversation::of(d.src_ip, d.dst_ip).0))
            .or_default();
        let from_low = d.src_ip <= d.dst_ip;
        let (low, high) = (Direction::Out, Direction::In);
        way(row, if from_low { low } else { high }, d.forward);
        way(row, if from_low { high } else { low }, d.reverse);
    }
    rows
}

/// The table holds the heaviest rows of the model, and the rest as a sum.
fn holds(table: &TopTable, naive: &Naive, limit: usize) -> Result<(), TestCaseError> {
    let mut expected: Vec<(TopKey, Split)> = naive.iter().map(|(k, s)| (*k, *s)).collect();
    expected.sort_by_key(|(key, s)| (std::cmp::Reverse((s.total.bytes, s.total.packets)), *key));
    let rest = expected.split_off(expected.len().min(limit));
    let mut others = Split::default();
    rest.iter().for_each(|(_, s)| others += *s);
    prop_assert_eq!(&table.rows, &expected);
    prop_assert_eq!(table.others, others);
    Ok(())
}

fn add(into: &mut Naive, other: Naive) {
    for (key, split) in other {
        *into.entry(key).or_default() += split;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_window_is_what_the_model_says(
        deltas in prop_oneof![
            prop::collection::vec(delta(4), 0..50),
            prop::collection::vec(delta(2_000), 300..900),
        ],
    ) {
        let w = window(&deltas);
        holds(&w.hosts, &naive_hosts(&deltas), ROWS_KEPT)?;
        holds(&w.protocols, &naive_home(&deltas, |d| TopKey::Protocol(d.protocol)), ROWS_KEPT)?;
        holds(&w.apps, &naive_home(&deltas, |d| TopKey::App(d.app)), ROWS_KEPT)?;
        holds(&w.conversations, &naive_conversations(&deltas), ROWS_KEPT)?;
    }

    #[test]
    fn merged_windows_that_are_complete_are_exact(
        seconds in prop::collection::vec(prop::collection::vec(delta(12), 0..20), 1..8),
        limit in 1usize..20,
    ) {
        let windows: Vec<Window> = seconds.iter().map(|s| window(s)).collect();
        let merged = merge(&windows, 60).unwrap();
        let all: Vec<FlowDelta> = seconds.concat();
        holds(&merged.hosts, &naive_hosts(&all), ROWS_KEPT)?;
        holds(&merged.conversations, &naive_conversations(&all), ROWS_KEPT)?;
        prop_assert_eq!(merged.start, Timestamp::from_secs(0));

        let mut merger = TopMerger::default();
        windows.iter().for_each(|w| merger.add(&w.hosts));
        let (table, exact) = merger.finish(limit);
        prop_assert!(exact);
        let mut sum = Naive::new();
        seconds.iter().for_each(|s| add(&mut sum, naive_hosts(s)));
        holds(&table, &sum, limit)?;
    }

    #[test]
    fn what_a_merge_leaves_out_is_in_the_others(
        seconds in prop::collection::vec(prop::collection::vec(delta(3_000), 200..500), 2..4),
    ) {
        let windows: Vec<Window> = seconds.iter().map(|s| window(s)).collect();
        let mut merger = TopMerger::default();
        windows.iter().for_each(|w| merger.add(&w.hosts));
        let (table, exact) = merger.finish(10);
        let cut = windows.iter().any(|w| w.hosts.others != Split::default());
        prop_assert_eq!(exact, !cut);
        let mut total = table.others;
        table.rows.iter().for_each(|(_, s)| total += *s);
        let mut expected = Split::default();
        naive_hosts(&seconds.concat()).values().for_each(|s| expected += *s);
        prop_assert_eq!(total, expected);
    }

    #[test]
    fn frames_are_counted_once(
        frames in prop::collection::vec(
            (1u64..1_600, direction(), 0u8..3, prop::option::of(0u16..3), prop::option::of(0usize..8)), 0..60),
    ) {
        let mut builder = WindowBuilder::new(LinkId(1), Timestamp::from_secs(7), 1);
        let mut expected = Split::default();
        for (bytes, direction, cast, non_ip, malformed) in &frames {
            builder.observe_frame(&FrameSeen {
                bytes: *bytes,
                direction: *direction,
                broadcast: *cast == 1,
                multicast: *cast == 2,
                non_ip: *non_ip,
                malformed: malformed.map(|m| MalformedKind::ALL[m]),
            });
            way(&mut expected, *direction, Counters { packets: 1, bytes: *bytes });
        }
        let w = builder.close();
        let count = |f: &dyn Fn(&Seen) -> bool| {
            frames.iter().filter(|x| f(x)).count() as u64
        };
        prop_assert_eq!(w.counters.frames, expected);
        prop_assert_eq!(w.counters.broadcast, Some(count(&|f| f.2 == 1)));
        prop_assert_eq!(w.counters.multicast, Some(count(&|f| f.2 == 2)));
        prop_assert_eq!(w.counters.non_ip, Some(count(&|f| f.3.is_some())));
        for kind in MalformedKind::ALL {
            prop_assert_eq!(w.counters.malformed_of(kind), Some(count(&|f| f.4 == Some(kind.index()))));
        }
        for class in model::SizeClass::ALL {
            let of_class = count(&|f| model::SizeClass::of(f.0) == class);
            prop_assert_eq!(w.counters.frames_of(class), Some(of_class));
        }
        let ethers: u64 = w.protocols.rows.iter().map(|(_, s)| s.total.packets).sum();
        prop_assert_eq!(Some(ethers), w.counters.non_ip);
    }
}

#[test]
fn tables_are_bounded_and_lose_nothing() {
    let mut builder = WindowBuilder::new(LinkId(1), Timestamp::EPOCH, 1);
    let one = Counters { packets: 1, bytes: 60 };
    let count = 100_000u32;
    for n in 0..count {
        builder.observe(&FlowDelta {
            src_ip: Ipv4Addr::from(n).into(),
            dst_ip: Ipv4Addr::from(u32::MAX).into(),
            protocol: 17,
            app: App::UNKNOWN,
            direction: Direction::In,
            forward: one,
            reverse: Counters::default(),
        });
    }
    let window = builder.close();
    assert_eq!(window.hosts.rows.len(), ROWS_KEPT);
    let mut total = window.hosts.others;
    window.hosts.rows.iter().for_each(|(_, s)| total += *s);
    assert_eq!(total.total.packets, 2 * u64::from(count));
    // The victim that everybody talks to came first and is counted in full.
    let (key, victim) = window.hosts.rows[0];
    assert_eq!(key, TopKey::Host(Ipv4Addr::from(u32::MAX).into()));
    assert_eq!(victim.inbound.packets, u64::from(count));
}
