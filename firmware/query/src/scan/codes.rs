//! Values' ranges as ranges of codes.

use model::{Addresses, Codes, Values};

use crate::compile::ranges;

/// Ranges of codes, first and last, that stand for values within ranges: sorted, and without "no value".
pub(crate) fn of_values(values: &Values, ranges: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let absent = u64::from(values.zero_is_absent());
    let mut out = Vec::with_capacity(ranges.len());
    if let Some(distinct) = values.distinct() {
        for (first, last) in ranges {
            let from = distinct.partition_point(|v| v < first) as u64;
            let to = distinct.partition_point(|v| v <= last) as u64;
            if from < to {
                out.push((from + absent, to - 1 + absent));
            }
        }
        return out;
    }
    let (min, scale) = values.scaling();
    for (first, last) in ranges {
        let Some(to) = last.checked_sub(min) else { continue };
        let from = first.saturating_sub(min).div_ceil(scale).saturating_add(absent);
        let to = (to / scale).saturating_add(absent);
        if from <= to {
            out.push((from, to));
        }
    }
    out
}

/// Ranges of places in a dictionary whose addresses lie within ranges.
pub(crate) fn places(addresses: &Addresses, ranges: &ranges::Addresses) -> Vec<(u64, u64)> {
    let (fours, sixes) = (addresses.fours(), addresses.sixes());
    let mut out = Vec::new();
    for (first, last) in &ranges.fours {
        let (from, to) = (
            fours.partition_point(|a| a < first),
            fours.partition_point(|a| a <= last),
        );
        if from < to {
            out.push((from as u64, to as u64 - 1));
        }
    }
    for (first, last) in &ranges.sixes {
        let (from, to) = (
            sixes.partition_point(|a| a < first),
            sixes.partition_point(|a| a <= last),
        );
        if from < to {
            let base = fours.len();
            out.push(((base + from) as u64, (base + to) as u64 - 1));
        }
    }
    out
}

/// One more than the largest code that the values can have, "no value" counted; `None` where that is not known to be
/// within `u32`.
pub(crate) fn cardinality(values: &Values, range: Option<(u64, u64)>) -> Option<u32> {
    let absent = u64::from(values.zero_is_absent());
    let largest = match values.codes() {
        Codes::Zero => return Some(1),
        Codes::U64(_) => return None,
        _ => match (values.distinct(), range) {
            (Some(distinct), _) => distinct.len() as u64 + absent,
            (None, Some((min, max))) => ((max - min) / values.scaling().1).saturating_add(1 + absent),
            (None, None) => 1,
        },
    };
    u32::try_from(largest).ok()
}
