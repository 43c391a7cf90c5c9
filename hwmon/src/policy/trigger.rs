//! A Schmitt trigger with hold times.

use serde::{Deserialize, Serialize};

use crate::NoData;

/// When to raise and when to clear. A value between both changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    raise: f64,
    clear: f64,
    /// Seconds for which the value has to be beyond the limit.
    hold_raise: u64,
    /// Seconds for which it has to be back.
    hold_clear: u64,
}

impl Limit {
    /// Raised at `limit` or above, cleared at `limit - hysteresis` or below.
    #[must_use]
    pub fn above(limit: f64, hysteresis: f64) -> Self {
        Self {
            raise: limit,
            clear: limit - hysteresis.abs(),
            hold_raise: 0,
            hold_clear: 0,
        }
    }

    /// Raised at `limit` or below, cleared at `limit + hysteresis` or above.
    #[must_use]
    pub fn below(limit: f64, hysteresis: f64) -> Self {
        Self {
            raise: limit,
            clear: limit + hysteresis.abs(),
            hold_raise: 0,
            hold_clear: 0,
        }
    }

    /// The same with hold times in seconds; without, both happen at once.
    #[must_use]
    pub fn held(self, hold_raise: u64, hold_clear: u64) -> Self {
        Self {
            hold_raise,
            hold_clear,
            ..self
        }
    }

    /// Without hysteresis nobody can tell above from below, so `above` makes the limit itself not clear.
    fn upward(&self) -> bool {
        self.raise >= self.clear
    }

    fn beyond(&self, value: f64) -> bool {
        if self.upward() {
            value >= self.raise
        } else {
            value <= self.raise
        }
    }

    fn back(&self, value: f64) -> bool {
        if self.upward() {
            value <= self.clear && !self.beyond(value)
        } else {
            value >= self.clear
        }
    }
}

/// What a value did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// The alarm begins.
    Raised,
    /// The alarm ends.
    Cleared,
}

/// The state of one limit of one sensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Trigger {
    raised: bool,
    /// Since when the value has been where it would change the state.
    since: Option<u64>,
}

impl Trigger {
    /// Whether the alarm is on.
    #[must_use]
    pub fn raised(&self) -> bool {
        self.raised
    }

    /// Takes a value at `now`. A missing one neither raises nor clears, and breaks a hold.
    pub fn observe(&mut self, now: u64, value: Result<f64, NoData>, limit: &Limit) -> Option<Edge> {
        let (turns, hold) = match (value, self.raised) {
            (Ok(value), false) => (limit.beyond(value), limit.hold_raise),
            (Ok(value), true) => (limit.back(value), limit.hold_clear),
            (Err(_), _) => (false, 0),
        };
        if !turns {
            self.since = None;
            return None;
        }
        let since = *self.since.get_or_insert(now);
        if now.saturating_sub(since) < hold {
            return None;
        }
        self.since = None;
        self.raised = !self.raised;
        Some(if self.raised { Edge::Raised } else { Edge::Cleared })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_value_that_trembles_at_the_limit_raises_once() {
        let limit = Limit::above(35.0, 2.0);
        let mut trigger = Trigger::default();
        let edges: Vec<_> = [34.9, 35.0, 34.9, 35.1, 33.1, 33.0, 34.9, 35.0]
            .iter()
            .enumerate()
            .filter_map(|(at, value)| trigger.observe(at as u64, Ok(*value), &limit))
            .collect();
        assert_eq!(edges, [Edge::Raised, Edge::Cleared, Edge::Raised]);
    }

    #[test]
    fn a_limit_without_hysteresis_and_one_below_work() {
        let mut trigger = Trigger::default();
        let limit = Limit::above(35.0, 0.0);
        assert_eq!(trigger.observe(0, Ok(35.0), &limit), Some(Edge::Raised));
        assert_eq!(trigger.observe(1, Ok(35.0), &limit), None);
        assert_eq!(trigger.observe(2, Ok(34.9), &limit), Some(Edge::Cleared));
        let low = Limit::below(600.0, 50.0);
        assert_eq!(trigger.observe(3, Ok(600.0), &low), Some(Edge::Raised));
        assert_eq!(trigger.observe(4, Ok(649.0), &low), None);
        assert_eq!(trigger.observe(5, Ok(650.0), &low), Some(Edge::Cleared));
    }

    #[test]
    fn what_is_missing_neither_raises_nor_clears() {
        let limit = Limit::above(35.0, 2.0);
        let mut trigger = Trigger::default();
        assert_eq!(trigger.observe(0, Err(NoData::Timeout), &limit), None);
        assert!(!trigger.raised());
        assert_eq!(trigger.observe(1, Ok(40.0), &limit), Some(Edge::Raised));
        assert_eq!(trigger.observe(2, Err(NoData::NotPresent), &limit), None);
        assert!(trigger.raised());
    }

    /// The whole history, looked through anew at each step: the longest run of values, up to the newest, that all are where
    /// they would change the state, and that all came after its last change.
    fn naive(history: &[(u64, Option<f64>)], limit: f64, hysteresis: f64, holds: (u64, u64)) -> bool {
        let mut raised = false;
        let mut changed = 0;
        for newest in 0..history.len() {
            let turns = |value: Option<f64>| {
                value.is_some_and(|v| {
                    if raised {
                        v <= limit - hysteresis && v < limit
                    } else {
                        v >= limit
                    }
                })
            };
            let run = history[changed..=newest]
                .iter()
                .rev()
                .take_while(|(_, v)| turns(*v))
                .last();
            let hold = if raised { holds.1 } else { holds.0 };
            if run.is_some_and(|(begun, _)| history[newest].0 - begun >= hold) {
                raised = !raised;
                changed = newest + 1;
            }
        }
        raised
    }

    proptest! {
        #[test]
        fn it_does_what_the_naive_one_does(
            steps in proptest::collection::vec((0u64..4, proptest::option::weighted(0.9, 28.0..42.0f64)), 0..60),
            hysteresis in 0.0..4.0f64,
            holds in (0u64..6, 0u64..6),
        ) {
            let limit = Limit::above(35.0, hysteresis).held(holds.0, holds.1);
            let mut trigger = Trigger::default();
            let mut now = 0;
            let mut history = Vec::new();
            for (step, value) in steps {
                now += step;
                let before = trigger.raised();
                let edge = trigger.observe(now, value.ok_or(NoData::Timeout), &limit);
                history.push((now, value));
                prop_assert_eq!(edge.is_some(), before != trigger.raised());
                prop_assert_eq!(trigger.raised(), naive(&history, 35.0, hysteresis, holds), "{:?}", history);
            }
        }
    }
}
