//! What is read for a question: rollups of whole days and hours, records for the rest.

use std::ops::Range;

use model::Timestamp;

/// Seconds of an hour.
pub(crate) const HOUR_S: u64 = 3_600;
/// Hours of a day.
pub(crate) const DAY_H: u32 = 24;

/// A span: the start included, the end excluded.
pub(crate) type Span = (Timestamp, Timestamp);

/// The parts of spans, each moment in exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Parts {
    /// Read from rollups of days: hours since 1970, whole days (UTC).
    pub(crate) days: Vec<Range<u32>>,
    /// Read from rollups of hours.
    pub(crate) hours: Vec<Range<u32>>,
    /// Read from records.
    pub(crate) raw: Vec<Span>,
}

/// The hour that begins then.
pub(crate) const fn hour_start(hour: u32) -> Timestamp {
    Timestamp::from_secs(hour as u64 * HOUR_S)
}

/// The whole hours of a span.
pub(crate) fn whole_hours((from, to): Span) -> Range<u32> {
    let hour = |secs: u64| u32::try_from(secs / HOUR_S).unwrap_or(u32::MAX);
    let first = hour(from.as_nanos().div_ceil(1_000_000_000).saturating_add(HOUR_S - 1));
    first..hour(to.as_secs()).max(first)
}

impl Parts {
    /// Parts that are read from records alone.
    #[cfg(test)]
    fn raw(spans: &[Span]) -> Self {
        let mut parts = Self::default();
        spans.iter().for_each(|span| parts.push_raw(*span));
        parts
    }

    /// The parts of spans that are in order of time: whole days and hours that `day` and `hour` allow, given by their
    /// first hours, are read from rollups.
    pub(crate) fn of(spans: &[Span], day: impl Fn(u32) -> bool, hour: impl Fn(u32) -> bool) -> Self {
        let mut parts = Self::default();
        for span in spans {
            let hours = whole_hours(*span);
            if hours.is_empty() {
                parts.push_raw(*span);
                continue;
            }
            parts.push_raw((span.0, hour_start(hours.start)));
            let mut at = hours.start;
            while at < hours.end {
                if at.is_multiple_of(DAY_H) && hours.end - at >= DAY_H && day(at) {
                    push(&mut parts.days, at..at + DAY_H);
                    at += DAY_H;
                    continue;
                }
                if hour(at) {
                    push(&mut parts.hours, at..at + 1);
                } else {
                    parts.push_raw((hour_start(at), hour_start(at + 1)));
                }
                at += 1;
            }
            parts.push_raw((hour_start(hours.end), span.1));
        }
        parts
    }

    fn push_raw(&mut self, (from, to): Span) {
        if from >= to {
            return;
        }
        match self.raw.last_mut() {
            Some(last) if last.1 == from => last.1 = to,
            _ => self.raw.push((from, to)),
        }
    }

    /// Hours that are read from rollups.
    pub(crate) fn rolled_hours(&self) -> u64 {
        let length = |range: &Range<u32>| u64::from(range.end - range.start);
        self.days.iter().chain(&self.hours).map(length).sum()
    }
}

fn push(ranges: &mut Vec<Range<u32>>, range: Range<u32>) {
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_whole_hour_begins_and_ends_within_the_span() {
        let at = |secs, nanos| Timestamp::from_secs(secs).plus_nanos(nanos);
        assert_eq!(whole_hours((at(0, 0), at(7_200, 0))), 0..2);
        assert_eq!(whole_hours((at(0, 1), at(7_199, 999_999_999))), 1..1);
        assert_eq!(whole_hours((at(3_600, 1), at(7_200, 0))), 2..2);
        assert!(whole_hours((at(0, 0), at(u64::MAX, 0))).start == 0);
    }

    proptest! {
        #[test]
        fn every_moment_is_in_one_part(
            cuts in prop::collection::btree_set(0..400_000_u64, 2..5),
            gap in any::<bool>(),
            closed in any::<u128>(),
            closed_days in any::<u8>(),
            sub in 0..2_000_000_000_u64,
        ) {
            let cuts: Vec<_> = cuts.into_iter().map(|s| Timestamp::from_secs(s).plus_nanos(sub)).collect();
            let mut spans: Vec<Span> = cuts.windows(2).map(|w| (w[0], w[1])).collect();
            if gap && spans.len() == 3 {
                spans.remove(1);
            }
            let parts = Parts::of(
                &spans,
                |hour| closed_days >> (hour / 24) & 1 == 1,
                |hour| closed >> (hour % 128) & 1 == 1,
            );
            let of = |ranges: &[Range<u32>]| -> Vec<Span> {
                ranges.iter().map(|r| (hour_start(r.start), hour_start(r.end))).collect()
            };
            let mut all: Vec<Span> = [of(&parts.days), of(&parts.hours), parts.raw.clone()].concat();
            all.sort();
            prop_assert_eq!(Parts::raw(&all).raw, Parts::raw(&spans).raw);
            prop_assert!(all.windows(2).all(|w| w[0].1 <= w[1].0));
            for range in &parts.days {
                prop_assert!(range.start % 24 == 0 && range.end % 24 == 0);
            }
        }
    }
}
