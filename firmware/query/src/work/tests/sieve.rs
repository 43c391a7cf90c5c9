//! Tops of more groups than fit.

use std::net::IpAddr;

use filter::Expr;
use model::{Ask, Block, FlowRecord, Found, Key, Measure, Timestamp};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::random::{KEYS, context, query};
use super::{FROM, cases, encode, sample};
use crate::work::Finished;
use crate::{Compiled, naive};

fn top(by: Vec<Key>, measure: Measure, limit: u32, compare: bool) -> Ask {
    Ask::Top {
        by,
        measure,
        limit,
        ascending: false,
        compare,
        quality: false,
    }
}

/// What several workers find, and whether they had to look twice.
fn find(compiled: &Compiled, blocks: &[Block], of_worker: usize) -> (Finished, bool) {
    let all = |compiled: &Compiled| {
        let mut sum = compiled.partial();
        for blocks in blocks.chunks(of_worker) {
            let mut worker = compiled.worker();
            for block in blocks {
                worker.block(&block.view()).unwrap();
            }
            sum.merge(worker.into_partial());
        }
        sum
    };
    let mut partial = all(compiled);
    let again = compiled.again(&partial);
    if let Some(again) = &again {
        partial.complete(&all(again));
    }
    (compiled.finish(partial), again.is_some())
}

/// A record of a group among many.
fn record(like: &FlowRecord, at: u64, group: u32, bytes: u64) -> FlowRecord {
    let end = Timestamp::from_nanos(FROM + at);
    let address = match group % 5 {
        4 => IpAddr::V6((0xfd00 << 112 | u128::from(group / 3)).into()),
        _ => IpAddr::V4((0x0a00_0000 + group * 101).into()),
    };
    FlowRecord {
        start: end,
        end,
        src_ip: address,
        dst_port: u16::try_from(group % 7_919).unwrap(),
        bytes,
        bytes_rev: 0,
        ..like.clone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn what_is_called_exact_is_that_of_the_reference(
        like in super::records(),
        rows in prop::collection::vec(
            (
                prop_oneof![2 => 0..12_u32, 3 => 0..150_u32, 3 => 0..4_000_u32],
                prop_oneof![4 => Just(1_u64), 2 => 0..3_u64, 2 => 0..40_u64, 1 => 0..2_000_u64, 1 => Just(u64::MAX)],
            ),
            50..900,
        ),
        by in prop_oneof![
            Just(vec![Key::SrcIp, Key::DstPort]),
            Just(vec![Key::Conversation]),
            subsequence(KEYS.to_vec(), 1..3),
        ],
        measure in select(vec![Measure::Bytes, Measure::Flows, Measure::Packets, Measure::BytesReverse]),
        (limit, compare) in (1..6_u32, any::<bool>()),
        (memory, of_worker) in (select(vec![2_000_usize, 6_000, 20_000, 60_000]), 1..9_usize),
        light in any::<bool>(),
    ) {
        let context = context();
        let rows: Vec<FlowRecord> = (0..)
            .zip(&rows)
            // The few heaviest may hide all others.
            .map(|(n, (group, bytes))| record(&like, n, *group, if light { bytes % 64 } else { *bytes }))
            .collect();
        let blocks = encode(&rows.chunks(90).map(<[_]>::to_vec).collect::<Vec<_>>());
        let query = query(top(by, measure, limit, compare), 1, None);
        let now = Timestamp::from_nanos(FROM);
        let compiled = Compiled::new(&query, &Expr::All, &context, now).unwrap();
        let compiled = compiled.bounded(memory, blocks.len().div_ceil(of_worker)).sieved();
        let (finished, _) = find(&compiled, &blocks, of_worker);
        let Found::Top { rows: expected, total, before, groups, .. } =
            naive::answer(&query, &Expr::All, &context, now, &rows) else { unreachable!() };
        let Found::Top { rows: found, total: sum, before: sum_before, groups: count, .. } = finished.found else {
            unreachable!()
        };
        prop_assert_eq!((sum, sum_before), (total, before));
        if finished.exact {
            prop_assert_eq!(found, expected);
            if finished.notes.is_empty() {
                prop_assert_eq!(count, groups);
            } else {
                prop_assert!(count.abs_diff(groups) <= groups / 10 + 2, "{} of {}", count, groups);
            }
        } else {
            prop_assert!(!finished.notes.is_empty());
        }
    }
}

/// Light groups, a few heavy ones from the beginning on, and some that become heavy late.
fn uneven(groups: u32) -> Vec<FlowRecord> {
    let like = sample(1).remove(0);
    let rows = (0..groups * 2).map(|n| {
        let (group, bytes) = match n % 10 {
            3 => (n / 10 % 4, 500),
            7 if n > groups => (groups * 2 + n / 10 % 4, 900),
            _ => (8 + n, 1 + u64::from(n % 7)),
        };
        record(&like, n.into(), group, bytes)
    });
    rows.collect()
}

#[test]
fn the_heaviest_of_too_many_are_exact() {
    let context = context();
    let rows = uneven(1_500);
    let blocks = encode(&rows.chunks(150).map(<[_]>::to_vec).collect::<Vec<_>>());
    let now = Timestamp::from_nanos(FROM);
    for (by, of_worker) in [
        (vec![Key::SrcIp, Key::DstPort], 20),
        (vec![Key::SrcIp], 7),
        (vec![Key::DstIp, Key::Host], 7),
    ] {
        let query = query(top(by, Measure::Bytes, 8, false), 1, None);
        let compiled = Compiled::new(&query, &Expr::All, &context, now).unwrap();
        let compiled = compiled.bounded(30_000, 1).sieved();
        let (finished, again) = find(&compiled, &blocks, of_worker);
        // Those that came late were looked at twice.
        assert!(finished.exact && again, "{:?}", finished.notes);
        assert_eq!(finished.notes.len(), 1);
        let expected = naive::answer(&query, &Expr::All, &context, now, &rows);
        let (
            Found::Top { rows: found, .. },
            Found::Top {
                rows: expected, groups, ..
            },
        ) = (finished.found, expected)
        else {
            unreachable!()
        };
        assert!(groups > 1_500);
        assert_eq!(found, expected);
    }
}

#[test]
fn what_cannot_be_told_apart_is_not_exact() {
    let context = context();
    let like = sample(1).remove(0);
    let rows: Vec<FlowRecord> = (0..20_000).map(|n| record(&like, n.into(), n, 1)).collect();
    let blocks = encode(&rows.chunks(2_000).map(<[_]>::to_vec).collect::<Vec<_>>());
    let now = Timestamp::from_nanos(FROM);
    for measure in [Measure::Bytes, Measure::Flows, Measure::BytesReverse] {
        let query = query(top(vec![Key::SrcIp, Key::DstPort], measure, 8, false), 1, None);
        let compiled = Compiled::new(&query, &Expr::All, &context, now).unwrap();
        let (finished, _) = find(&compiled.bounded(100_000, 1).sieved(), &blocks, 5);
        assert!(!finished.exact && finished.notes.len() == 1);
        let Found::Top { groups, .. } = finished.found else {
            unreachable!()
        };
        assert!(groups.abs_diff(20_000) < 800, "{groups}");
    }
}
