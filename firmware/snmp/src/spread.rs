//! Deltas spread onto the minutes that they cover.

use model::Timestamp;

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;

/// The part of a span that lies within one minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The minute's start.
    pub minute: Timestamp,
    /// Seconds of the minute that the span covers, 0–60; spans that follow each other add up to 60 a minute.
    pub seconds: u8,
    from: u64,
    to: u64,
    length: u64,
}

impl Part {
    /// This part's share of an amount that came evenly over the span. The shares of all parts add up to the amount.
    #[must_use]
    pub fn share(&self, amount: u64) -> u64 {
        let until = |at: u64| u128::from(amount) * u128::from(at) / u128::from(self.length.max(1));
        u64::try_from(until(self.to) - until(self.from)).unwrap_or(u64::MAX)
    }
}

/// The parts of the span from `start` to `end`, a minute each, the earliest first. A span without length is one part.
#[must_use]
pub fn spread(start: Timestamp, end: Timestamp) -> Vec<Part> {
    let (start, end) = (start.as_nanos(), end.as_nanos().max(start.as_nanos()));
    let length = end - start;
    if length == 0 {
        let minute = Timestamp::from_nanos(start / MINUTE * MINUTE);
        return vec![Part {
            minute,
            seconds: 0,
            from: 0,
            to: 1,
            length: 1,
        }];
    }
    let mut parts = Vec::new();
    let mut at = start;
    while at < end {
        let minute = at / MINUTE * MINUTE;
        let until = end.min(minute.saturating_add(MINUTE));
        let seconds = u8::try_from(until / SECOND - at / SECOND).unwrap_or(60).min(60);
        parts.push(Part {
            minute: Timestamp::from_nanos(minute),
            seconds,
            from: at - start,
            to: until - start,
            length,
        });
        at = until;
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ninety_seconds_lie_in_two_minutes_by_their_seconds() {
        let parts = spread(Timestamp::from_secs(1_230), Timestamp::from_secs(1_320));
        let shares: Vec<_> = parts
            .iter()
            .map(|p| (p.minute.as_secs(), p.seconds, p.share(900)))
            .collect();
        assert_eq!(shares, [(1_200, 30, 300), (1_260, 60, 600)]);
    }

    proptest! {
        #[test]
        fn shares_add_up(start in 0u64..4_000_000_000_000, length in 0u64..1_000_000_000_000, amount: u64) {
            let parts = spread(Timestamp::from_nanos(start), Timestamp::from_nanos(start + length));
            prop_assert_eq!(parts.iter().map(|p| u128::from(p.share(amount))).sum::<u128>(), u128::from(amount));
            prop_assert!(parts.len() <= 18);
            prop_assert!(parts.iter().all(|p| p.minute.as_nanos() % MINUTE == 0));
        }

        #[test]
        fn spans_that_follow_each_other_fill_each_minute(gaps in prop::collection::vec(1u64..200_000_000_000, 1..20)) {
            let mut covered: BTreeMap<u64, u32> = BTreeMap::new();
            let mut at = 600 * SECOND;
            for gap in gaps {
                for part in spread(Timestamp::from_nanos(at), Timestamp::from_nanos(at + gap)) {
                    *covered.entry(part.minute.as_secs()).or_default() += u32::from(part.seconds);
                }
                at += gap;
            }
            covered.pop_last();
            prop_assert!(covered.values().all(|&seconds| seconds == 60));
        }
    }
}
