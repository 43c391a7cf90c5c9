//! Counters whose growth counts: bad sectors, corrected memory errors.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// By how much a counter grew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grown {
    /// What it was.
    pub from: u64,
    /// What it is.
    pub to: u64,
}

/// A counter over the life of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Growth {
    last: Option<u64>,
}

impl Growth {
    /// Takes a value; the first is where it begins. A counter that falls was reset, and begins anew. A missing value is
    /// passed over.
    pub fn observe(&mut self, value: Option<u64>) -> Option<Grown> {
        let to = value?;
        let from = self.last.replace(to)?;
        (to > from).then_some(Grown { from, to })
    }
}

/// Seconds of one slot of a [`Rate`].
const SLOT: u64 = 3_600;
/// Slots that are counted: a day.
const SLOTS: u64 = 24;

/// How much a counter grew in the last 24 hours, counted by the hour: growth is forgotten 23 to 24 hours after it came.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rate {
    growth: Growth,
    /// Hours since 1970 with their growth, oldest first; at most 24.
    slots: VecDeque<(u64, u64)>,
}

impl Rate {
    /// Takes a value at `now` and gives the growth in the last 24 hours.
    pub fn observe(&mut self, now: u64, value: Option<u64>) -> u64 {
        let newest = self.slots.back().map_or(0, |(hour, _)| *hour);
        let hour = (now / SLOT).max(newest);
        if let Some(grown) = self.growth.observe(value) {
            let by = grown.to - grown.from;
            match self.slots.back_mut() {
                Some((last, sum)) if *last == hour => *sum = sum.saturating_add(by),
                _ => self.slots.push_back((hour, by)),
            }
        }
        while self.slots.front().is_some_and(|(old, _)| old + SLOTS <= hour) {
            self.slots.pop_front();
        }
        self.slots.iter().fold(0, |sum: u64, (_, by)| sum.saturating_add(*by))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn growth_begins_with_the_first_value_and_after_a_reset() {
        let mut growth = Growth::default();
        assert_eq!(growth.observe(Some(8)), None);
        assert_eq!(growth.observe(Some(8)), None);
        assert_eq!(growth.observe(None), None);
        assert_eq!(growth.observe(Some(9)), Some(Grown { from: 8, to: 9 }));
        assert_eq!(growth.observe(Some(0)), None);
        assert_eq!(growth.observe(Some(2)), Some(Grown { from: 0, to: 2 }));
    }

    proptest! {
        #[test]
        fn a_rate_is_the_growth_of_a_days_hours(steps in proptest::collection::vec((0u64..20_000, 0u64..5), 1..80)) {
            let mut rate = Rate::default();
            let (mut now, mut counter) = (1_700_000_000, 100);
            let mut growths: Vec<(u64, u64)> = Vec::new();
            rate.observe(now, Some(counter));
            for (step, by) in steps {
                now += step;
                counter += by;
                growths.push((now, by));
                let naive: u64 = growths.iter().filter(|(at, _)| at / SLOT + SLOTS > now / SLOT).map(|(_, by)| by).sum();
                prop_assert_eq!(rate.observe(now, Some(counter)), naive);
                prop_assert!(rate.slots.len() <= 24);
            }
        }
    }
}
