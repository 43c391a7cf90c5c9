//! Edges of alarms on their way to the alarm list: kept until the list has confirmed that it keeps them.

use std::collections::VecDeque;

use api::alarms::{EdgeId, HardwareEdge, HardwareReport, ReportReceipt};
use api::hardware::Alarm;
use model::{AlarmEnd, Timestamp};
use serde::{Deserialize, Serialize};

/// Edges that wait. Beyond it the oldest go: what is open, every report says anyway.
pub const WAITING_MAX: usize = api::alarms::EDGES_MAX;

/// What of an outbox must outlast a restart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Kept {
    /// The run's number: the next one's is greater, whatever the clock says.
    run: u64,
    /// Edges that wait, the oldest first.
    waiting: Vec<HardwareEdge>,
}

/// Edges that wait, of this run and of those before.
#[derive(Debug, Clone, PartialEq)]
pub struct Outbox {
    run: u64,
    /// Edges of this run so far.
    edges: u64,
    waiting: VecDeque<HardwareEdge>,
}

impl Outbox {
    /// An outbox with what an earlier run left, and the number `run` if that is greater than the earlier one's.
    #[must_use]
    pub fn resume(run: u64, kept: Kept) -> Self {
        let mut waiting = VecDeque::from(kept.waiting);
        waiting.drain(..waiting.len().saturating_sub(WAITING_MAX));
        Self {
            run: run.max(kept.run.saturating_add(1)),
            edges: 0,
            waiting,
        }
    }

    /// What is to be kept over a restart.
    #[must_use]
    pub fn kept(&self) -> Kept {
        Kept {
            run: self.run,
            waiting: self.waiting.iter().cloned().collect(),
        }
    }

    /// Takes another number, `run` or a greater one: the list knows the run `newer`, which is no earlier than this. Where it is
    /// this one's number, it was another run's before, and the edges that wait get numbers that the list does not know.
    pub fn renew(&mut self, newer: u64, run: u64) {
        let run = run.max(newer.saturating_add(1));
        let mut edges = 0;
        if newer == self.run {
            for edge in self.waiting.iter_mut().filter(|edge| edge.id.run == newer) {
                edges += 1;
                edge.id = EdgeId { run, number: edges };
            }
        }
        (self.run, self.edges) = (run, edges);
    }

    /// Takes an edge: the alarm after it, and how it ended where it did.
    pub fn push(&mut self, at: Timestamp, alarm: Alarm, end: Option<AlarmEnd>) {
        self.edges += 1;
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(HardwareEdge {
            id: EdgeId {
                run: self.run,
                number: self.edges,
            },
            at,
            alarm,
            end,
        });
    }

    /// What waits, the oldest first.
    pub fn waiting(&self) -> impl ExactSizeIterator<Item = &HardwareEdge> {
        self.waiting.iter()
    }

    /// A report with all that waits, and all that is open.
    #[must_use]
    pub fn report(&self, at: Timestamp, open: Vec<Alarm>) -> HardwareReport {
        HardwareReport {
            run: self.run,
            at,
            edges_so_far: self.edges,
            edges: self.waiting.iter().cloned().collect(),
            open,
        }
    }

    /// Lets go what was confirmed; whether anything was.
    pub fn confirmed(&mut self, receipt: ReportReceipt) -> bool {
        let last = self.waiting.iter().position(|edge| Some(edge.id) == receipt.last);
        if let Some(last) = last {
            self.waiting.drain(..=last);
        }
        last.is_some()
    }
}

#[cfg(test)]
mod tests {
    use api::hardware::{State, Words};

    use super::*;

    fn alarm(n: u64) -> Alarm {
        Alarm {
            id: format!("bay-{n}.pending"),
            component: format!("bay {n}"),
            part: api::hardware::Text::default(),
            serial: None,
            code: "pending".to_owned(),
            state: State::Warning,
            text: api::hardware::Text::default(),
            zh: Words::default(),
            en: Words::default(),
            since: Timestamp::from_secs(n),
            acknowledged: None,
        }
    }

    fn receipt(report: &HardwareReport) -> ReportReceipt {
        ReportReceipt {
            last: report.edges.last().map(|edge| edge.id),
            newer: None,
        }
    }

    #[test]
    fn what_is_not_confirmed_waits_over_restarts() {
        let at = Timestamp::from_secs(9);
        let mut outbox = Outbox::resume(1, Kept::default());
        outbox.push(at, alarm(1), None);
        let first = outbox.report(at, vec![alarm(1)]);
        outbox.push(at, alarm(1), Some(AlarmEnd::Over));
        // what came meanwhile is not confirmed with it
        assert!(outbox.confirmed(receipt(&first)));
        assert!(!outbox.confirmed(receipt(&first)), "twice");
        // the clock went back: the next run's number is greater all the same
        let mut outbox = Outbox::resume(0, outbox.kept());
        outbox.push(at, alarm(2), None);
        let report = outbox.report(at, vec![alarm(2)]);
        let ids: Vec<(u64, u64)> = report.edges.iter().map(|e| (e.id.run, e.id.number)).collect();
        assert_eq!(ids, [(1, 2), (2, 1)]);
        assert_eq!((report.run, report.edges_so_far), (2, 1));
        // under another number, edges are still those that they were
        outbox.renew(6, 3);
        outbox.push(at, alarm(3), None);
        let again = outbox.report(at, vec![alarm(2), alarm(3)]);
        assert_eq!(again.edges.get(..2), Some(report.edges.as_slice()));
        assert_eq!((again.run, again.edges_so_far), (7, 1));
        assert!(outbox.confirmed(receipt(&again)));
        assert_eq!(outbox.waiting().len(), 0);
    }

    #[test]
    fn the_oldest_go_when_too_many_wait() {
        let mut outbox = Outbox::resume(1, Kept::default());
        for n in 0..WAITING_MAX as u64 + 10 {
            outbox.push(Timestamp::EPOCH, alarm(n), None);
        }
        assert_eq!(outbox.waiting().len(), WAITING_MAX);
        assert_eq!(outbox.waiting().next().expect("an edge").id.number, 11);
        let left = (0..WAITING_MAX + 5).map(|n| HardwareEdge {
            id: EdgeId {
                run: 1,
                number: n as u64,
            },
            at: Timestamp::EPOCH,
            alarm: alarm(1),
            end: None,
        });
        let waiting = left.collect();
        let outbox = Outbox::resume(2, Kept { run: 1, waiting });
        assert_eq!(outbox.waiting().next().expect("an edge").id.number, 5);
    }
}
