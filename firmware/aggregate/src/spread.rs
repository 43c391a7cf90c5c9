//! A record's counts over the intervals that it lasted.

use model::Timestamp;

use crate::align;

/// The parts of counts that fall into intervals of a length, in order of time: proportional to the time in each, as if
/// the flow had gone on evenly. The parts of a count add up to it exactly; an interval without any is left out.
#[derive(Debug, Clone)]
pub struct Spread<const N: usize> {
    start: u64,
    nanos: u64,
    totals: [u64; N],
    given: [u64; N],
    /// The next interval's start, in seconds.
    next: u64,
    /// The last interval's start.
    last: u64,
    seconds: u64,
}

const SECOND: u64 = 1_000_000_000;

/// Spreads counts over the intervals of `seconds` that lie between `start` and `end`; over the last `intervals_max`
/// (1 or more) of them where there are more. An end before the start is taken for the start.
#[must_use]
pub fn spread<const N: usize>(
    start: Timestamp,
    end: Timestamp,
    seconds: u32,
    intervals_max: u32,
    counts: [u64; N],
) -> Spread<N> {
    let seconds = u64::from(seconds.max(1));
    let end = end.max(start);
    let last = end.as_secs() / seconds * seconds;
    let first = last.saturating_sub(seconds * u64::from(intervals_max.saturating_sub(1)));
    let start = start.max(Timestamp::from_secs(first));
    Spread {
        start: start.as_nanos(),
        nanos: end.nanos_since(start),
        totals: counts,
        given: [0; N],
        next: start.as_secs() / seconds * seconds,
        last,
        seconds,
    }
}

impl<const N: usize> Iterator for Spread<N> {
    type Item = (Timestamp, [u64; N]);

    fn next(&mut self) -> Option<Self::Item> {
        while self.next <= self.last {
            let interval = self.next;
            self.next += self.seconds;
            let parts = if interval == self.last {
                std::array::from_fn(|n| self.rest(n))
            } else {
                // The first interval's end is after the start, the last one's is not reached here: below `nanos`.
                let elapsed = self.next.saturating_mul(SECOND).saturating_sub(self.start);
                std::array::from_fn(|n| self.until(n, elapsed))
            };
            if parts.iter().any(|&part| part > 0) {
                return Some((Timestamp::from_secs(interval), parts));
            }
        }
        None
    }
}

impl<const N: usize> Spread<N> {
    fn rest(&mut self, n: usize) -> u64 {
        match (self.totals.get(n), self.given.get(n)) {
            (Some(total), Some(given)) => total - given,
            _ => 0,
        }
    }

    /// What is due after `elapsed` of all nanoseconds and was not given yet.
    fn until(&mut self, n: usize, elapsed: u64) -> u64 {
        let (Some(&total), Some(given)) = (self.totals.get(n), self.given.get_mut(n)) else {
            return 0;
        };
        let due = u128::from(total) * u128::from(elapsed.min(self.nanos)) / u128::from(self.nanos.max(1));
        let due = u64::try_from(due).unwrap_or(total);
        due - std::mem::replace(given, due)
    }
}

/// Whether both times lie in the same interval: then there is nothing to spread.
#[inline]
#[must_use]
pub fn same_interval(start: Timestamp, end: Timestamp, seconds: u32) -> bool {
    align(start, seconds) == align(end, seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(start: u64, end: u64, max: u32, count: u64) -> Vec<(u64, u64)> {
        spread(Timestamp::from_secs(start), Timestamp::from_secs(end), 60, max, [count])
            .map(|(at, [n])| (at.as_secs(), n))
            .collect()
    }

    #[test]
    fn a_long_flow_is_even_over_its_minutes() {
        assert_eq!(
            parts(90, 330, 60, 240),
            [(60, 30), (120, 60), (180, 60), (240, 60), (300, 30)]
        );
        assert_eq!(parts(61, 119, 60, 7), [(60, 7)]);
        assert_eq!(
            parts(60, 120, 60, 7),
            [(60, 7)],
            "nothing is left for a minute that it only touches"
        );
        assert_eq!(parts(100, 100, 60, 7), [(60, 7)]);
        assert_eq!(parts(200, 100, 60, 7), [(180, 7)]);
    }

    #[test]
    fn one_packet_is_not_cut() {
        assert_eq!(parts(0, 600, 60, 1), [(540, 1)]);
    }

    #[test]
    fn a_flow_that_is_too_long_is_spread_over_its_last_minutes() {
        assert_eq!(parts(0, 7_200, 3, 100), [(7_080, 50), (7_140, 50)]);
        assert_eq!(parts(0, 7_199, 1, 100), [(7_140, 100)]);
    }
}
