//! The engine against the naive reference.

mod random;
mod sieve;

use std::net::IpAddr;

use filter::{Compare, End, Expr, InterfaceEnd, InterfaceTerm, Quantity, Sign, Test};
use model::{AddressRange, Ask, Block, FlowRecord, Found, Key, Measure, Order, PortRange, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;

use crate::naive;
use crate::{Compiled, Context};
use random::{KEYS, PORTS, addresses, asks, blocks, context, ends, exprs, query, records, scopes, tests};

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
/// The start of the spans that are asked about.
const FROM: u64 = 1_790_000_000 * SECOND;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// The same block with all octets spoilt that a question says it does not look at.
fn spoilt(block: &Block, compiled: &Compiled) -> Vec<u8> {
    let mut bytes = block.bytes().to_vec();
    let Some(fields) = compiled.fields() else { return bytes };
    let begin = model::BlockOutline::needs(&bytes).unwrap();
    let outline = model::BlockOutline::read(&bytes[..begin]).unwrap();
    assert_eq!(outline.len(), bytes.len());
    let places = outline.places(&fields, compiled.needs_filters());
    for (at, octet) in bytes.iter_mut().enumerate().skip(begin) {
        *octet = if places.iter().any(|place| place.contains(&at)) {
            *octet
        } else {
            !*octet
        };
    }
    bytes
}

fn encode(blocks: &[Vec<FlowRecord>]) -> Vec<Block> {
    blocks.iter().map(|records| Block::encode(records).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn answers_are_those_of_the_reference(
        blocks in blocks(),
        expr in exprs(),
        ask in asks(),
        minutes in select(vec![1u64, 30, 61, 400]),
        scope in scopes(),
    ) {
        let context = context();
        let query = query(ask, minutes, scope);
        let now = Timestamp::from_nanos(FROM);
        let all: Vec<FlowRecord> = blocks.concat();
        let expected = naive::answer(&query, &expr, &context, now, &all);
        let compiled = Compiled::new(&query, &expr, &context, now).unwrap();
        // Two threads, and a third that has the edges of the span alone.
        let (from, to) = compiled.span();
        let middle = Timestamp::from_nanos(FROM + 11 * MINUTE).clamp(from, to);
        let mut partial = compiled.partial();
        let mut matched = 0;
        let mut steady = compiled.worker();
        for (n, block) in encode(&blocks).iter().enumerate() {
            if n != 1 {
                let bytes = spoilt(block, &compiled);
                matched += steady.block(&model::BlockRef::open(&bytes).unwrap()).unwrap().matched;
                continue;
            }
            for part in [(from, middle), (middle, to)] {
                let mut worker = compiled.worker_in(part);
                matched += worker.block(&block.view()).unwrap().matched;
                partial.merge(worker.into_partial());
            }
        }
        partial.merge(steady.into_partial());
        let finished = compiled.finish(partial);
        prop_assert!(finished.exact && finished.notes.is_empty());
        prop_assert_eq!(&finished.found, &expected);
        if let Found::Totals { total, before, .. } = finished.found {
            prop_assert_eq!(matched, total.flows + before.map_or(0, |b| b.flows));
        }
    }

    #[test]
    fn pages_are_those_of_the_reference(
        blocks in blocks(),
        expr in exprs(),
        order in select(vec![Order::End, Order::Start, Order::Duration, Order::Bytes, Order::Packets]),
        ascending in any::<bool>(),
        limit in 1u32..15,
        minutes in select(vec![30u64, 400]),
    ) {
        let context = context();
        let now = Timestamp::from_nanos(FROM);
        let encoded = encode(&blocks);
        let value = |r: &FlowRecord| match order {
            Order::End => r.end.as_nanos(),
            Order::Start => r.start.as_nanos(),
            Order::Duration => r.end.nanos_since(r.start),
            Order::Bytes => r.bytes.saturating_add(r.bytes_rev),
            Order::Packets => r.packets.saturating_add(r.packets_rev),
        };
        let mut expected: Vec<FlowRecord> = blocks.concat();
        let to = Timestamp::from_nanos(FROM + minutes * MINUTE);
        expected.retain(|r| r.end.as_nanos() >= FROM && r.end < to && naive::matches(&expr, r, &context));
        expected.sort_by_key(|r| value(r));
        if !ascending {
            expected.reverse();
        }
        let mut pages: Vec<FlowRecord> = Vec::new();
        loop {
            let offset = u32::try_from(pages.len()).unwrap();
            let query = query(Ask::Records { order, ascending, offset, limit }, minutes, None);
            let compiled = Compiled::new(&query, &expr, &context, now).unwrap();
            let mut partial = compiled.partial();
            for half in encoded.chunks(2) {
                let mut worker = compiled.worker();
                for block in half {
                    worker.block(&block.view()).unwrap();
                }
                partial.merge(worker.into_partial());
            }
            let Found::Records { records, apps, more } = compiled.finish(partial).found else { unreachable!() };
            prop_assert!(records.len() <= limit as usize);
            for (record, app) in records.iter().zip(&apps) {
                prop_assert_eq!(*app, naive::app(record, &context));
            }
            let done = pages.len() + records.len();
            prop_assert_eq!(more, done < expected.len());
            prop_assert!(!more || records.len() == limit as usize);
            pages.extend(records);
            if !more {
                break;
            }
        }
        let values = |list: &[FlowRecord]| list.iter().map(value).collect::<Vec<_>>();
        prop_assert_eq!(values(&pages), values(&expected));
        // Ties may stand in any order, but each record is there once.
        let key = |r: &FlowRecord| format!("{r:?}");
        pages.sort_by_key(key);
        expected.sort_by_key(key);
        prop_assert_eq!(pages, expected);
    }
}

fn cases() -> u32 {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok());
    cases.unwrap_or(150)
}

/// A few records that differ in everything that a test looks at.
fn sample(count: usize) -> Vec<FlowRecord> {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let tree = prop::collection::vec(records(), count).new_tree(&mut runner).unwrap();
    proptest::strategy::ValueTree::current(&tree)
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0;
    for shift in (0..56).step_by(7) {
        let octet = *bytes.get(*at)?;
        *at += 1;
        value |= usize::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Makes a block's checksums those of what it holds, so that what was changed in it is read. `None` where the directory
/// cannot be walked through any more.
fn sealed(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let word = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let end = 56 + word(&bytes, 12);
    let (mut at, mut column) = (56, end);
    while at < end {
        at += 1;
        let rest = varint(&bytes, &mut at)?;
        let length = varint(&bytes, &mut at)?;
        let octets = bytes.get(column..column.checked_add(length)?)?;
        if length > 0 {
            let crc = crc32fast::hash(octets).to_le_bytes();
            bytes.get_mut(at..at + 4)?.copy_from_slice(&crc);
            at += 4;
        }
        column += length;
        at = at.checked_add(rest)?;
    }
    let mut crc = crc32fast::Hasher::new();
    crc.update(&bytes[..52]);
    crc.update(bytes.get(56..end)?);
    bytes[52..56].copy_from_slice(&crc.finalize().to_le_bytes());
    Some(bytes)
}

/// Questions that together look at every column.
fn all_questions() -> Vec<(Expr, Ask)> {
    let top = |by: Vec<Key>| Ask::Top {
        by,
        measure: Measure::P95,
        limit: 10,
        ascending: false,
        compare: true,
        quality: false,
    };
    let mut all: Vec<(Expr, Ask)> = KEYS.iter().map(|key| (Expr::All, top(vec![*key]))).collect();
    all.push((Expr::All, top(KEYS[..8].to_vec())));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..60 {
        let test = tests().new_tree(&mut runner).unwrap();
        let test = proptest::strategy::ValueTree::current(&test);
        let totals = Ask::Totals {
            distinct: vec![],
            compare: false,
            quality: false,
        };
        all.push((Expr::Test(test), totals));
    }
    for order in [Order::End, Order::Start, Order::Duration] {
        let ask = Ask::Records {
            order,
            ascending: true,
            offset: 0,
            limit: 5,
        };
        all.push((Expr::All, ask));
    }
    all.push((
        Expr::All,
        Ask::Series {
            step_s: Some(60),
            zone_s: 0,
            by: vec![Key::Interface, Key::Host],
            measure: Measure::Bytes,
            limit: 3,
            compare: true,
            quality: false,
        },
    ));
    all
}

#[test]
fn hostile_blocks_are_errors_or_answers() {
    let context = context();
    let block = Block::encode(&sample(120)).unwrap();
    let questions: Vec<Compiled> = all_questions()
        .into_iter()
        .map(|(expr, ask)| Compiled::new(&query(ask, 400, None), &expr, &context, Timestamp::EPOCH).unwrap())
        .collect();
    let length = block.bytes().len();
    let (mut errors, mut answers) = (0, 0);
    // The directory is where harm is done: each octet of it, and some of the columns'.
    let directory = u32::from_le_bytes(block.bytes()[12..16].try_into().unwrap()) as usize;
    let places = (56..56 + directory).chain((56 + directory..length).step_by(17));
    for (n, place) in places.enumerate() {
        let mut bytes = block.bytes().to_vec();
        bytes[place] ^= [0x01, 0xff, 0x10, 0x80][n % 4];
        let Some(bytes) = sealed(bytes) else { continue };
        let Ok(block) = model::BlockRef::open(&bytes) else {
            errors += 1;
            continue;
        };
        let mut room = crate::Room::default();
        let mut unpacked = crate::Unpacked::new(&block, &mut room);
        for (at, compiled) in questions.iter().enumerate() {
            if at % 4 != n % 4 {
                continue;
            }
            let mut worker = compiled.worker();
            match worker.unpacked(&mut unpacked) {
                Ok(_) => answers += 1,
                Err(_) => errors += 1,
            }
            let _ = compiled.finish(worker.into_partial());
        }
    }
    assert!(errors > 500 && answers > 500, "{errors} errors, {answers} answers");
}

#[test]
fn each_key_and_each_test_is_as_the_reference_has_it() {
    let context = context();
    let records = sample(400);
    let blocks: Vec<Block> = records.chunks(100).map(|r| Block::encode(r).unwrap()).collect();
    let mut questions: Vec<(Expr, Ask)> = Vec::new();
    for key in KEYS {
        let top = Ask::Top {
            by: vec![key],
            measure: Measure::Flows,
            limit: 10_000,
            ascending: false,
            compare: true,
            quality: false,
        };
        let series = Ask::Series {
            step_s: Some(600),
            zone_s: 0,
            by: vec![key],
            measure: Measure::Packets,
            limit: 3,
            compare: true,
            quality: false,
        };
        let totals = Ask::Totals {
            distinct: vec![key],
            compare: false,
            quality: false,
        };
        questions.extend([top, series, totals].map(|ask| (Expr::All, ask)));
    }
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..600 {
        let test = tests().new_tree(&mut runner).unwrap();
        let totals = Ask::Totals {
            distinct: vec![],
            compare: false,
            quality: false,
        };
        questions.push((Expr::Test(proptest::strategy::ValueTree::current(&test)), totals));
    }
    for (expr, ask) in questions {
        let query = query(ask, 100, None);
        let expected = naive::answer(&query, &expr, &context, Timestamp::EPOCH, &records);
        let compiled = Compiled::new(&query, &expr, &context, Timestamp::EPOCH).unwrap();
        let mut worker = compiled.worker();
        for block in &blocks {
            let bytes = spoilt(block, &compiled);
            worker.block(&model::BlockRef::open(&bytes).unwrap()).unwrap();
        }
        assert_eq!(
            compiled.finish(worker.into_partial()).found,
            expected,
            "{expr:?} {:?}",
            query.ask
        );
    }
}

#[test]
fn bounds_between_what_a_clock_tells_are_kept() {
    let context = context();
    let mut records = sample(64);
    for (n, r) in (0u64..).zip(&mut records) {
        r.end = Timestamp::from_nanos(FROM + n * 1_000_000);
        r.start = Timestamp::from_nanos(FROM + n / 8 * 8 * 1_000_000);
    }
    let block = Block::encode(&records).unwrap();
    for value in [0, 1, 999_999, 1_000_000, 1_000_001, 6_999_999, 7_000_001] {
        for sign in [
            Sign::Less,
            Sign::LessOrEqual,
            Sign::Equal,
            Sign::NotEqual,
            Sign::Greater,
        ] {
            let quantity = Quantity::Duration;
            let expr = Expr::Test(Test::Compare(Compare { quantity, sign, value }));
            let totals = Ask::Totals {
                distinct: vec![],
                compare: false,
                quality: false,
            };
            let mut query = query(totals, 1, None);
            query.from = Timestamp::from_nanos(FROM + value);
            let expected = naive::answer(&query, &expr, &context, Timestamp::EPOCH, &records);
            let compiled = Compiled::new(&query, &expr, &context, Timestamp::EPOCH).unwrap();
            let mut worker = compiled.worker();
            worker.block(&block.view()).unwrap();
            assert_eq!(compiled.finish(worker.into_partial()).found, expected, "{expr:?}");
        }
    }
}

#[test]
fn little_memory_keeps_the_heaviest_and_says_so() {
    let context = context();
    let mut records = Vec::new();
    let first = sample(1).remove(0);
    for n in 0..40_000u32 {
        let mut record = first.clone();
        record.end = Timestamp::from_nanos(FROM + u64::from(n));
        record.start = record.end;
        // Eight heavy sources among very many light ones.
        let heavy = n % 5 == 0;
        record.src_ip = IpAddr::V4(
            (if heavy {
                0x0a00_0000 + n / 5 % 8
            } else {
                0x1400_0000 + n
            })
            .into(),
        );
        (record.bytes, record.bytes_rev) = (if heavy { 1_000 } else { 1 }, 0);
        records.push(record);
    }
    let top = |measure| Ask::Top {
        by: vec![Key::SrcIp],
        measure,
        limit: 8,
        ascending: false,
        compare: false,
        quality: false,
    };
    let series = Ask::Series {
        step_s: Some(60),
        zone_s: 0,
        by: vec![Key::SrcIp],
        measure: Measure::Bytes,
        limit: 8,
        compare: false,
        quality: false,
    };
    let totals = Ask::Totals {
        distinct: vec![Key::SrcIp],
        compare: false,
        quality: false,
    };
    let blocks: Vec<Block> = records.chunks(4_000).map(|r| Block::encode(r).unwrap()).collect();
    for ask in [top(Measure::Bytes), top(Measure::P95), series, totals] {
        let query = query(ask, 1, None);
        let compiled = Compiled::new(&query, &Expr::All, &context, Timestamp::EPOCH).unwrap();
        let compiled = compiled.bounded(1 << 20, 1);
        let mut worker = compiled.worker();
        for block in &blocks {
            worker.block(&block.view()).unwrap();
        }
        let mut partial = compiled.partial();
        partial.merge(worker.into_partial());
        let finished = compiled.finish(partial);
        assert!(!finished.exact && finished.notes.len() == 1, "{:?}", finished.notes);
        match finished.found {
            Found::Top {
                rows, total, groups, ..
            } => {
                assert_eq!((total.flows, rows.len()), (40_000, 8));
                assert!(rows.iter().all(|row| row.sums.bytes == 1_000_000), "{rows:?}");
                assert!(groups > 8);
            }
            Found::Series { series, .. } => {
                let bytes: u64 = series.iter().flat_map(|row| &row.points).map(|point| point.bytes).sum();
                assert_eq!(bytes, 8_000 * 1_000 + 32_000);
                let named: Vec<u64> = series
                    .iter()
                    .filter(|row| !row.rest)
                    .map(|row| row.points.iter().map(|point| point.bytes).sum())
                    .collect();
                assert_eq!((named, series.len()), (vec![1_000_000; 8], 9));
            }
            Found::Totals { total, distinct, .. } => {
                assert_eq!(total.flows, 40_000);
                let off = distinct[0].1.abs_diff(32_008);
                assert!(off < 640, "{distinct:?}");
            }
            Found::Records { .. } => unreachable!(),
        }
    }
}

#[test]
fn a_name_that_nothing_has_is_told() {
    let context = context();
    let ask = Ask::Totals {
        distinct: vec![],
        compare: false,
        quality: false,
    };
    let named = |n: &str| vec![n.to_owned()];
    let term = |exporter: Option<&str>, interface: &str| InterfaceTerm {
        exporter: exporter.map(str::to_owned),
        interface: interface.to_owned(),
    };
    for (test, kind, name) in [
        (Test::IpGroup(End::Any, named("x")), "IP group", "x"),
        (Test::App(named("nothing")), "application", "nothing"),
        (Test::Business(named("x")), "business", "x"),
        (Test::Link(named("eth9")), "link", "eth9"),
        (Test::LinkGroup(named("x")), "link group", "x"),
        (Test::Exporter(named("eth0")), "exporter", "eth0"),
        (Test::Exporter(named("0")), "exporter", "0"),
        (
            Test::InterfaceGroup(InterfaceEnd::Any, named("x")),
            "interface group",
            "x",
        ),
        (
            Test::Interface(InterfaceEnd::In, vec![term(None, "Gi9")]),
            "interface",
            "Gi9",
        ),
        (
            Test::Interface(InterfaceEnd::In, vec![term(Some("core-1"), "Te1")]),
            "interface",
            "core-1:Te1",
        ),
        (
            Test::Interface(InterfaceEnd::In, vec![term(Some("nobody"), "1")]),
            "exporter",
            "nobody",
        ),
    ] {
        let error = Compiled::new(
            &query(ask.clone(), 1, None),
            &Expr::Test(test),
            &context,
            Timestamp::EPOCH,
        );
        let expected = crate::QueryError::Unknown {
            kind,
            name: name.to_owned(),
        };
        assert_eq!(error.err(), Some(expected));
    }
    let nowhere = Context {
        countries: None,
        ..context
    };
    let country = Expr::Test(Test::Country(End::Any, vec![*b"CN"]));
    let error = Compiled::new(&query(ask, 1, None), &country, &nowhere, Timestamp::EPOCH);
    assert_eq!(error.err(), Some(crate::QueryError::NoCountries));
}

proptest! {
    #[test]
    fn a_probe_leaves_no_record_out(expr in probed(), records in prop::collection::vec(records(), 1..60)) {
        let context = context();
        let ask = Ask::Totals { distinct: vec![], compare: false, quality: false };
        let compiled = Compiled::new(&query(ask, 1, None), &expr, &context, Timestamp::EPOCH).unwrap();
        let probe = compiled.probe();
        for r in records.iter().filter(|r| naive::matches(&expr, r, &context)) {
            let ends = [model::address_hash(r.src_ip), model::address_hash(r.dst_ip)];
            prop_assert!(probe.addresses.iter().all(|any| any.iter().any(|hash| ends.contains(hash))));
            let flow = model::flow_hash(r.src_ip, r.dst_ip, r.src_port, r.dst_port, r.protocol);
            prop_assert!(probe.flows.is_empty() || probe.flows.contains(&flow));
        }
    }
}

/// Filters of a single record's ends, and others.
fn probed() -> impl Strategy<Value = Expr> {
    let one = |address: IpAddr| vec![AddressRange::One(address)];
    let port = |p: u16| vec![PortRange::new(p, p).unwrap()];
    let flow = (
        addresses(),
        addresses(),
        select(PORTS.to_vec()),
        select(PORTS.to_vec()),
        prop::option::of(Just(6u8)),
    );
    let flow = flow.prop_map(move |(src, dst, sport, dport, protocol)| {
        let mut all = vec![
            Expr::Test(Test::Address(End::Src, one(src))),
            Expr::Test(Test::Address(End::Dst, one(dst))),
            Expr::Test(Test::Port(End::Src, port(sport))),
            Expr::Test(Test::Port(End::Dst, port(dport))),
        ];
        all.extend(protocol.map(|p| Expr::Test(Test::Protocol(vec![p]))));
        Expr::And(all)
    });
    let host = (ends(), addresses()).prop_map(move |(end, address)| Expr::Test(Test::Address(end, one(address))));
    prop_oneof![4 => flow, 3 => host, 2 => exprs()].prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..3).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 2..3).prop_map(Expr::Or),
            inner.prop_map(|e| Expr::Not(Box::new(e))),
        ]
    })
}
