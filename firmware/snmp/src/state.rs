//! How an agent is.

use std::time::Duration;

use model::{LinkId, Timestamp};

use crate::error::Failure;
use crate::wire::Tally;

/// How an agent is. Counts are since it was first polled with its present settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentState {
    /// The exporter.
    pub id: LinkId,
    /// Whether it answered when it was last asked; `None` before the first attempt has ended.
    pub reachable: Option<bool>,
    /// Since when that is so.
    pub since: Option<Timestamp>,
    /// When it last answered.
    pub last_answer: Option<Timestamp>,
    /// What went wrong at the last poll, for people; `None` when all is well.
    pub failure: Option<Failure>,
    /// Polls in a row that failed.
    pub failures: u32,
    /// Round trip, smoothed over the last answers.
    pub round_trip: Option<Duration>,
    /// How long the last poll of the counters took in all.
    pub poll: Option<Duration>,
    /// Requests sent, repeated ones included.
    pub requests: u64,
    /// Answers.
    pub responses: u64,
    /// Requests that were not answered in time.
    pub time_outs: u64,
    /// Interfaces whose counters were read at the last poll.
    pub interfaces: usize,
    /// When the tables that change seldom were last read.
    pub tables_read: Option<Timestamp>,
    /// What went wrong then; the tables that could be read are given all the same.
    pub tables_failure: Option<Failure>,
    /// When it was seen to have restarted, or to have set all its counters to zero.
    pub last_restart: Option<Timestamp>,
}

impl AgentState {
    pub(crate) fn new(id: LinkId) -> Self {
        Self {
            id,
            reachable: None,
            since: None,
            last_answer: None,
            failure: None,
            failures: 0,
            round_trip: None,
            poll: None,
            requests: 0,
            responses: 0,
            time_outs: 0,
            interfaces: 0,
            tables_read: None,
            tables_failure: None,
            last_restart: None,
        }
    }

    pub(crate) fn count(&mut self, tally: &Tally) {
        self.requests = tally.requests;
        self.responses = tally.responses;
        self.time_outs = tally.time_outs;
        self.round_trip = tally.round_trip;
    }

    /// Takes a poll's outcome: whether the agent answered at all, and what went wrong. Says whether that is news.
    pub(crate) fn settle(&mut self, answered: bool, failure: Option<Failure>, now: Timestamp) -> bool {
        let news = self.reachable != Some(answered) || self.failure != failure;
        if self.reachable != Some(answered) {
            self.reachable = Some(answered);
            self.since = Some(now);
        }
        if answered {
            self.last_answer = Some(now);
            self.failures = 0;
        } else {
            self.failures = self.failures.saturating_add(1);
        }
        self.failure = failure;
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reachability_has_a_since_and_failures_are_counted_in_a_row() {
        let mut state = AgentState::new(LinkId::of_exporter(1));
        let at = Timestamp::from_secs;
        assert!(state.settle(false, Some(Failure::TimedOut), at(1)));
        assert!(!state.settle(false, Some(Failure::TimedOut), at(2)));
        assert_eq!((state.failures, state.since), (2, Some(at(1))));
        assert!(state.settle(true, None, at(3)));
        assert!(!state.settle(true, None, at(4)));
        assert_eq!(
            (state.failures, state.since, state.last_answer),
            (0, Some(at(3)), Some(at(4)))
        );
        assert!(state.settle(true, Some(Failure::TooSlow(5)), at(5)));
        assert_eq!(state.since, Some(at(3)));
    }
}
