//! Records by filter and by interface against a model that keeps every record.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use model::{
    App, Block, Counters, Direction, EndReason, Exported, FlowRecord, InterfaceId, LinkId, Observed, Timestamp,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use store::{Batch, BatchKey, Content, Filter, Folder, InterfaceRecord, Keep, Outcome, Store};

const NOW: u64 = 1_800_000_000;
const LINKS: [LinkId; 4] = [LinkId(1), LinkId(2), LinkId::of_exporter(1), LinkId::of_exporter(2)];

fn at(back: u64) -> Timestamp {
    Timestamp::from_secs(NOW - back)
}

fn ip(number: u8) -> IpAddr {
    match number % 2 {
        0 => Ipv4Addr::new(10, 0, 0, number).into(),
        _ => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into()).into(),
    }
}

fn interfaces() -> impl Strategy<Value = Option<u32>> {
    prop_oneof![Just(None), (0u32..4).prop_map(Some)]
}

fn records() -> impl Strategy<Value = FlowRecord> {
    let observed = prop_oneof![Just(Observed::Unknown), Just(Observed::Ingress), Just(Observed::Egress)];
    let sides = (interfaces(), interfaces(), observed);
    // Over two days, so that blocks are in several files.
    let times = (0u64..120_000, 0u64..900);
    (0usize..4, sides, times, 0u8..5, 0u8..5, any::<u32>()).prop_map(|(link, sides, (back, long), src, dst, bytes)| {
        let link = LINKS[link];
        let (ingress_if, egress_if, observed) = sides;
        FlowRecord {
            link,
            start: at(back + long),
            end: at(back),
            src_ip: ip(src),
            dst_ip: ip(dst),
            src_port: 1,
            dst_port: 2,
            protocol: src,
            vlan: None,
            vlan_inner: None,
            src_mac: None,
            dst_mac: None,
            packets: 1,
            bytes: bytes.into(),
            packets_rev: u64::from(dst),
            bytes_rev: 7 * u64::from(dst),
            tcp_flags: 0,
            tcp_flags_rev: 0,
            icmp: None,
            icmp_rev: None,
            tos: 0,
            app: App::from_number(dst.into()),
            direction: Direction::In,
            end_reason: EndReason::Idle,
            l7: None,
            quality: None,
            export: link.exporter().map(|_| {
                Box::new(Exported {
                    ingress_if,
                    egress_if,
                    observed,
                    ..Exported::default()
                })
            }),
        }
    })
}

/// A store of the blocks; the folder goes with the answer's first part.
fn store_of(blocks: &[Vec<FlowRecord>]) -> (tempfile::TempDir, Store) {
    let now = Timestamp::from_secs(NOW);
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Folder::open(folder.path()).unwrap());
    let store = Store::open(disk, Keep::default(), now).unwrap();
    for (sequence, records) in (1u64..).zip(blocks) {
        let key = BatchKey { epoch: 1, sequence };
        let content = Content::Block(Block::encode(records).unwrap());
        let outcomes = store.append(&[Batch { key, content }], now);
        assert!(matches!(outcomes.as_slice(), [Outcome::Stored]));
    }
    (folder, store)
}

/// Records in an order of their own.
fn sorted(records: impl Iterator<Item = FlowRecord>) -> Vec<String> {
    let mut texts: Vec<String> = records.map(|r| format!("{r:?}")).collect();
    texts.sort();
    texts
}

fn seen(r: &FlowRecord) -> InterfaceRecord {
    let export = r.export.as_ref().unwrap();
    InterfaceRecord {
        start: r.start,
        end: r.end,
        src_ip: r.src_ip,
        dst_ip: r.dst_ip,
        protocol: r.protocol,
        app: r.app,
        ingress: export.ingress_if,
        egress: export.egress_if,
        observed: export.observed,
        forward: Counters {
            packets: r.packets,
            bytes: r.bytes,
        },
        reverse: Counters {
            packets: r.packets_rev,
            bytes: r.bytes_rev,
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_search_finds_what_a_look_at_every_record_finds(
        blocks in prop::collection::vec(prop::collection::vec(records(), 1..30), 1..8),
        from in 0u64..130_000, to in 0u64..130_000, limit in 1usize..60,
        link in 0usize..4, index in 0u32..5,
    ) {
        let (_folder, store) = store_of(&blocks);
        let (from, to) = (at(from.max(to)), at(from.min(to)));
        let all = || blocks.iter().flatten().filter(|r| r.end >= from && r.start < to);
        let one = LINKS[link]..=LINKS[link];
        let interface = InterfaceId { exporter: LINKS[2 + link % 2], index };
        let filters = [
            Filter::default(),
            Filter::of_links(one),
            Filter::of_links(LINKS[2]..=LinkId(u32::MAX)),
            Filter::default().and_interface(interface),
        ];
        let touches = |r: &FlowRecord| r.link == interface.exporter && r.export.as_ref()
            .is_some_and(|e| e.ingress_if == Some(index) || e.egress_if == Some(index));
        let takes: [&dyn Fn(&FlowRecord) -> bool; 4] = [
            &|_| true, &|r| r.link == LINKS[link], &|r| r.link >= LINKS[2], &touches,
        ];
        for (filter, takes) in filters.iter().zip(takes) {
            let found = store.records((from, to), limit, filter, || true);
            prop_assert!(found.problems.is_empty());
            let mut expected: Vec<_> = all().filter(|r| takes(r)).cloned().collect();
            prop_assert_eq!(found.more, expected.len() > limit);
            prop_assert!(found.records.is_sorted_by(|a, b| a.end >= b.end));
            // Of those that end at the same time, any may be left out.
            expected.sort_by_key(|r| std::cmp::Reverse(r.end));
            expected.truncate(limit);
            let ends = |records: &[FlowRecord]| records.iter().map(|r| r.end).collect::<Vec<_>>();
            prop_assert_eq!(ends(&found.records), ends(&expected));
            prop_assert!(found.records.iter().all(takes));
            let everything = store.records((from, to), 1_000, filter, || true);
            prop_assert_eq!(
                sorted(everything.records.into_iter()), sorted(all().filter(|r| takes(r)).cloned()));
        }
        let mut found = Vec::new();
        let walked = store.interface_records(interface, (from, to), |_| true, |r| found.push(format!("{r:?}")));
        prop_assert!(walked.complete && walked.problems.is_empty());
        found.sort();
        let mut expected: Vec<String> = all().filter(|r| touches(r)).map(|r| format!("{:?}", seen(r))).collect();
        expected.sort();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_search_that_is_stopped_says_so() {
    let mut one = proptest::test_runner::TestRunner::deterministic();
    let record = records().new_tree(&mut one).unwrap().current();
    let of = |back: u64, link| FlowRecord {
        start: at(back),
        end: at(back),
        link,
        ..record.clone()
    };
    let blocks: Vec<Vec<FlowRecord>> = (0..10).map(|n| vec![of(n, LinkId(1)), of(n, LinkId(2))]).collect();
    let (_folder, store) = store_of(&blocks);
    let asked = Cell::new(0);
    let thrice = || {
        asked.set(asked.get() + 1);
        asked.get() <= 3
    };
    let span = (at(1_000), at(0).plus_nanos(1));
    let found = store.records(span, 100, &Filter::of_links(LinkId(2)..=LinkId(2)), thrice);
    assert_eq!((found.records.len(), found.more), (3, true));
    // Blocks without such records are stepped over, and nobody is asked.
    let found = store.records(span, 100, &Filter::of_links(LinkId(3)..=LinkId(9)), || panic!("asked"));
    assert_eq!((found.records.len(), found.more), (0, false));
    let interface = InterfaceId {
        exporter: LinkId(3),
        index: 1,
    };
    let walked = store.interface_records(interface, span, |_| panic!("asked"), |_| panic!("found"));
    assert!(walked.complete && walked.read == 0);
}
