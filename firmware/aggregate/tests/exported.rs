//! Exporters' minutes and interfaces against a model that keeps everything.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use aggregate::{InterfaceFlow, InterfaceMeter, Limits, MinuteWindows, same_interval, spread};
use model::{App, Counters, Direction, FlowDelta, LinkId, Observed, Timestamp};
use proptest::prelude::*;

const LINK: LinkId = LinkId::of_exporter(7);

fn counters() -> impl Strategy<Value = Counters> {
    (0u64..1_000, 0u64..1_000_000).prop_map(|(packets, bytes)| Counters { packets, bytes })
}

proptest! {
    #[test]
    fn spreading_loses_nothing_and_invents_nothing(
        start in 0u64..10_000_000_000_000,
        length in 0u64..8_000_000_000_000,
        seconds in prop::sample::select(vec![1u32, 10, 60]),
        max in 1u32..70,
        counts in prop::array::uniform3(prop_oneof![0u64..10, any::<u64>()]),
    ) {
        let (from, to) = (Timestamp::from_nanos(start), Timestamp::from_nanos(start + length));
        let parts: Vec<_> = spread(from, to, seconds, max, counts).collect();
        prop_assert!(parts.len() <= max as usize);
        let mut sum = [0u128; 3];
        let mut before = None;
        for (at, part) in &parts {
            prop_assert!(at.as_secs() % u64::from(seconds) == 0 && before < Some(*at));
            prop_assert!(at.as_secs() <= to.as_secs());
            prop_assert!(at.as_secs() + u64::from(seconds) * u64::from(max) > to.as_secs());
            prop_assert!(at.as_secs() + u64::from(seconds) > from.as_secs());
            before = Some(*at);
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += u128::from(*part));
        }
        prop_assert_eq!(sum, counts.map(u128::from));
        if same_interval(from, to, seconds) {
            prop_assert!(parts.len() <= 1);
        }
    }

    #[test]
    fn spreading_is_even(start in 0u64..1_000_000, minutes in 1u64..50, rate in 1u64..1_000) {
        // A flow of so many octets a second has 60 times as many in each whole minute.
        let (from, to) = (Timestamp::from_secs(start), Timestamp::from_secs(start + minutes * 60));
        let parts: Vec<_> = spread(from, to, 60, 60, [rate * minutes * 60]).collect();
        for (at, [octets]) in &parts {
            let (low, high) = (at.as_secs().max(start), (at.as_secs() + 60).min(start + minutes * 60));
            prop_assert!(octets.abs_diff((high - low) * rate) <= 1);
        }
    }
}

prop_compose! {
    fn flow()(
        ingress in prop::option::of(0u32..6),
        egress in prop::option::of(0u32..6),
        observed in prop::sample::select(vec![Observed::Unknown, Observed::Ingress, Observed::Egress]),
        forward in counters(),
        reverse in counters(),
    ) -> InterfaceFlow {
        InterfaceFlow { ingress, egress, observed, forward, reverse }
    }
}

type Sums = BTreeMap<(u32, u64), (Counters, Counters)>;

proptest! {
    #[test]
    fn interfaces_count_each_way_once(mut flows in prop::collection::vec((0u64..5, flow()), 0..60)) {
        // One-way records, as most are; both ways have their own test below.
        flows.iter_mut().for_each(|(_, f)| f.reverse = Counters::default());
        let egress: BTreeSet<u32> = flows
            .iter()
            .filter(|(_, f)| f.observed == Observed::Egress)
            .filter_map(|(_, f)| f.egress)
            .collect();
        let mut meter = InterfaceMeter::new(LINK, 100);
        let now = Timestamp::from_secs(1_000);
        for (minute, f) in &flows {
            meter.observe(now, Timestamp::from_secs(minute * 60), f);
        }
        let mut out = Vec::new();
        meter.flush(now, &mut out);
        let got: Sums = out
            .iter()
            .map(|m| ((m.interface.index, m.start.as_secs() / 60), (m.inbound, m.outbound)))
            .collect();
        prop_assert_eq!(got.len(), out.len());
        let mut expected = Sums::new();
        for (minute, f) in &flows {
            let seen_out = f.observed == Observed::Egress;
            if let Some(index) = f.ingress.filter(|&i| i > 0 && !seen_out) {
                expected.entry((index, *minute)).or_default().0 += f.forward;
            }
            if let Some(index) = f.egress.filter(|&i| i > 0 && seen_out == egress.contains(&i)) {
                expected.entry((index, *minute)).or_default().1 += f.forward;
            }
        }
        expected.retain(|_, (i, o)| *i != Counters::default() || *o != Counters::default());
        prop_assert_eq!(got, expected);
        let mut again = Vec::new();
        meter.flush(now, &mut again);
        prop_assert!(again.is_empty(), "what was given is not given again");
    }

    #[test]
    fn minutes_add_up_however_often_they_are_given(
        records in prop::collection::vec((0u64..240, 0u32..20, counters(), counters(), any::<bool>()), 0..80),
    ) {
        let mut minutes = MinuteWindows::new(LINK, Limits::default());
        let mut windows = Vec::new();
        let mut expected: BTreeMap<u64, (Counters, Counters)> = BTreeMap::new();
        for (at, host, forward, reverse, flush) in records {
            minutes.observe(Timestamp::from_secs(at), &FlowDelta {
                src_ip: [10, 0, 0, 1].into(),
                dst_ip: std::net::Ipv4Addr::from(0x0808_0000 + host).into(),
                protocol: 6,
                app: App::from_number(3),
                direction: Direction::Out,
                forward,
                reverse,
            });
            let sum = expected.entry(at / 60 * 60).or_default();
            sum.0 += forward;
            sum.1 += reverse;
            if flush {
                minutes.flush(&mut windows);
            }
        }
        minutes.flush(&mut windows);
        prop_assert!(minutes.is_empty());
        let mut got: BTreeMap<u64, (Counters, Counters)> = BTreeMap::new();
        for w in &windows {
            prop_assert_eq!((w.link, w.seconds), (LINK, 60));
            let sum = got.entry(w.start.as_secs()).or_default();
            sum.0 += w.counters.frames.outbound;
            sum.1 += w.counters.frames.inbound;
            let hosts: u64 = w.conversations.rows.iter().map(|(_, s)| s.total.bytes).sum();
            prop_assert_eq!(hosts + w.conversations.others.total.bytes, w.counters.frames.total.bytes);
        }
        prop_assert_eq!(got, expected);
    }
}

#[test]
fn a_record_of_both_ways_counts_in_and_out_on_both_interfaces() {
    let (forward, reverse) = (Counters { packets: 2, bytes: 200 }, Counters { packets: 1, bytes: 50 });
    for observed in [Observed::Ingress, Observed::Egress] {
        let mut meter = InterfaceMeter::new(LINK, 10);
        let now = Timestamp::from_secs(600);
        let flow = InterfaceFlow {
            ingress: Some(1),
            egress: Some(2),
            observed,
            forward,
            reverse,
        };
        meter.observe(now, now, &flow);
        let mut out = Vec::new();
        meter.flush(now, &mut out);
        let of = |index| out.iter().find(|m| m.interface.index == index);
        assert_eq!(of(2).map(|m| (m.inbound, m.outbound)), Some((reverse, forward)));
        match observed {
            // Of the other side an exporter that meters egress says nothing here.
            Observed::Egress => assert_eq!(of(1), None),
            _ => assert_eq!(of(1).map(|m| (m.inbound, m.outbound)), Some((forward, reverse))),
        }
    }
}

#[test]
fn one_interface_too_many_is_counted_and_a_silent_one_makes_room() {
    let mut meter = InterfaceMeter::new(LINK, 2);
    let now = Timestamp::from_secs(600);
    let flow = |index| InterfaceFlow {
        ingress: Some(index),
        egress: None,
        observed: Observed::Ingress,
        forward: Counters { packets: 1, bytes: 1 },
        reverse: Counters::default(),
    };
    (1..=3).for_each(|index| meter.observe(now, now, &flow(index)));
    assert_eq!((meter.len(), meter.refused()), (2, 1));
    let mut out = Vec::new();
    meter.flush(now, &mut out);
    assert_eq!(out.len(), 2);
    meter.flush(Timestamp::from_secs(600 + 3_600), &mut out);
    assert!(meter.is_empty());
}
