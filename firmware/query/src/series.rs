//! Points of time, and a record's share in each.
//!
//! **Spreading.** Of a count `n` of a record from `start` to `end`, what is due until a time `t` within it is
//! `n × (t − start) ÷ (end − start)`, rounded down; at `end` all of it. A point has what is due at its end less what was
//! due at its start. So the parts add up exactly, and a remainder is in the last point. A record that ends where it starts
//! or before belongs to the point of its end; one that ends where a point begins has nothing there otherwise.

use std::ops::Range;

use model::Timestamp;

/// Points of equal length over a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Points {
    /// The span, in nanoseconds, moved by [`SHIFT`].
    from: u64,
    to: u64,
    /// Where the first point begins, moved by [`SHIFT`]: at or before the span's start.
    first: u64,
    step: u64,
    count: u32,
}

/// Days begin up to 14 h before or after those of UTC: with this no time is before 0.
const SHIFT: u64 = 2 * 86_400 * SECOND;
const SECOND: u64 = 1_000_000_000;

/// Records that end later than this after a span are not part of its points.
pub(crate) const LATE: u64 = 3_600 * SECOND;

/// Steps that are chosen among, in seconds.
const STEPS: [u32; 23] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 28_800, 43_200, 86_400,
    604_800, 2_592_000, 31_536_000,
];

/// The finest step that gives a span at most 720 points.
pub(crate) fn step_for(from: Timestamp, to: Timestamp, zone_s: i32) -> u32 {
    let fits = |step: &u32| Points::new(from, to, *step, zone_s).is_some_and(|points| points.count <= 720);
    STEPS.into_iter().find(fits).unwrap_or(31_536_000)
}

impl Points {
    /// Points that begin at multiples of the step in a zone; `None` where there are more than `u32` has numbers.
    pub(crate) fn new(from: Timestamp, to: Timestamp, step_s: u32, zone_s: i32) -> Option<Self> {
        let step = u64::from(step_s.max(1)) * SECOND;
        let from_zone = i128::from(from.as_nanos()) + i128::from(zone_s) * i128::from(SECOND);
        let into = u64::try_from(from_zone.rem_euclid(i128::from(step))).unwrap_or(0);
        Self::starting(from, to, step, into)
    }

    /// Points that begin with the span.
    pub(crate) fn from_start(from: Timestamp, to: Timestamp, step_s: u32) -> Option<Self> {
        Self::starting(from, to, u64::from(step_s.max(1)) * SECOND, 0)
    }

    fn starting(from: Timestamp, to: Timestamp, step: u64, into: u64) -> Option<Self> {
        let shifted = |t: Timestamp| t.as_nanos().checked_add(SHIFT);
        let (from, to) = (shifted(from)?, shifted(to)?);
        // A step longer than the shift would begin before 0: such a point begins there.
        let first = from.saturating_sub(into);
        let count = u32::try_from((to - first).div_ceil(step)).ok()?;
        Some(Self {
            from,
            to,
            first,
            step,
            count,
        })
    }

    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    pub(crate) const fn step_s(&self) -> u64 {
        self.step / SECOND
    }

    /// The start of a point.
    pub(crate) const fn at(&self, point: u32) -> Timestamp {
        Timestamp::from_nanos(self.start(point as u64).saturating_sub(SHIFT))
    }

    const fn start(&self, point: u64) -> u64 {
        self.first.saturating_add(point.saturating_mul(self.step))
    }

    /// The point of a time within the span; `later` is added to the time before.
    #[inline]
    #[allow(
        clippy::cast_possible_truncation,
        reason = "below the count, for a time within the span"
    )]
    pub(crate) const fn of(&self, nanos: u64, later: u64) -> u32 {
        let time = nanos.saturating_add(SHIFT).saturating_add(later);
        let point = time.saturating_sub(self.first) / self.step;
        if point < self.count as u64 {
            point as u32
        } else {
            self.count.saturating_sub(1)
        }
    }

    /// The point where a record that ends then is counted; `None` outside of the span.
    #[inline]
    pub(crate) fn counts(&self, nanos: u64, later: u64) -> Option<u32> {
        let time = nanos.saturating_add(SHIFT).saturating_add(later);
        (self.from <= time && time < self.to).then(|| self.place(time))
    }

    /// Where a record from start to end has shares: the points, and its times among them.
    #[inline]
    pub(crate) fn lie(&self, start: u64, end: u64, later: u64) -> Lie {
        let moved = |nanos: u64| nanos.saturating_add(SHIFT).saturating_add(later);
        let (start, end) = (moved(start).min(moved(end)), moved(end));
        let nothing = Lie {
            points: 0..0,
            start,
            end,
        };
        if start >= end {
            let inside = self.from <= end && end < self.to;
            let point = self.place(end);
            return Lie {
                points: if inside { point..point + 1 } else { 0..0 },
                ..nothing
            };
        }
        // The first and the last moment that count.
        let (first, last) = (start.max(self.from), (end - 1).min(self.to - 1));
        if first > last {
            return nothing;
        }
        Lie {
            points: self.place(first)..self.place(last) + 1,
            ..nothing
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "the callers' times lie within the span")]
    const fn place(&self, time: u64) -> u32 {
        (time.saturating_sub(self.first) / self.step) as u32
    }

    /// The share of a count that a point has.
    pub(crate) fn share(&self, lie: &Lie, point: u32, count: u64) -> u64 {
        if lie.start >= lie.end {
            return count;
        }
        let start = self.start(u64::from(point)).max(self.from);
        let end = self.start(u64::from(point) + 1).min(self.to);
        lie.due(end, count) - lie.due(start, count)
    }
}

/// Where a record lies among points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lie {
    /// The points that it has shares in.
    pub(crate) points: Range<u32>,
    start: u64,
    end: u64,
}

impl Lie {
    /// Whether all of it lies in its one point: nothing is to be shared out.
    pub(crate) const fn is_whole(&self, points: &Points) -> bool {
        self.points.end == self.points.start + 1
            && (self.start >= self.end || self.start >= points.from && self.end <= points.to)
    }

    fn due(&self, time: u64, count: u64) -> u64 {
        if time >= self.end {
            return count;
        }
        let (into, length) = (time.saturating_sub(self.start), self.end - self.start);
        match count.checked_mul(into) {
            Some(product) => product / length,
            None => u64::try_from(u128::from(count) * u128::from(into) / u128::from(length)).unwrap_or(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(points: &Points, start: u64, end: u64, count: u64) -> Vec<(u32, u64)> {
        let lie = points.lie(start, end, 0);
        lie.points
            .clone()
            .map(|point| (point, points.share(&lie, point, count)))
            .collect()
    }

    #[test]
    fn shares_add_up_and_the_rest_is_in_the_last() {
        let at = Timestamp::from_nanos;
        let points = Points::from_start(at(0), at(50 * SECOND), 10).unwrap();
        let second = SECOND;
        assert_eq!(shares(&points, 5 * second, 25 * second, 10), [(0, 2), (1, 5), (2, 3)]);
        assert_eq!(shares(&points, 5 * second, 20 * second, 7), [(0, 2), (1, 5)]);
        assert_eq!(shares(&points, 20 * second, 20 * second, 7), [(2, 7)]);
        assert_eq!(shares(&points, 45 * second, 55 * second, 7), [(4, 3)]);
        assert_eq!(shares(&points, 0, 10 * second, 7), [(0, 7)]);
        assert_eq!(shares(&points, 50 * second, 50 * second, 7), []);
        let whole = shares(&points, 1, 50 * second, u64::MAX / 3);
        assert_eq!(whole.iter().map(|(_, n)| n).sum::<u64>(), u64::MAX / 3);
    }

    #[test]
    fn points_begin_at_multiples_in_their_zone() {
        let from = Timestamp::parse("2026-03-01T10:20:30Z").unwrap();
        let to = Timestamp::parse("2026-03-03T10:20:30Z").unwrap();
        let points = Points::new(from, to, 86_400, 8 * 3_600).unwrap();
        assert_eq!(points.at(0), Timestamp::parse("2026-02-28T16:00:00Z").unwrap());
        assert_eq!(points.count(), 3);
        assert_eq!(points.of(to.as_nanos() - 1, 0), 2);
        assert_eq!(points.of(from.as_nanos() - 86_400 * SECOND, 86_400 * SECOND), 0);
        assert_eq!(step_for(from, to, 0), 300);
        assert_eq!(step_for(from, Timestamp::parse("2026-03-01T10:32:30Z").unwrap(), 0), 1);
        assert_eq!(
            step_for(from, Timestamp::parse("2026-08-28T10:20:30Z").unwrap(), 0),
            28_800
        );
    }
}
