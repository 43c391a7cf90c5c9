//! What an agent's counters were at the last poll, and so what they have moved by since. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{CounterSource, Counters, InterfaceDetail, InterfaceId, InterfaceMinute, LinkId, Timestamp};

use crate::delta::Continuity;
use crate::mib::counters::{Group, Moved, Sample, moved};
use crate::spread::spread;

/// The longest span between two polls that a delta is spread over, unless the interval is longer than a third of it.
pub(crate) const SPAN_MAX: Duration = Duration::from_secs(900);

/// The last samples of an agent.
#[derive(Debug, Default)]
pub(crate) struct History {
    continuity: Option<Continuity>,
    groups: BTreeMap<Group, BTreeMap<u32, Sample>>,
}

/// A moment on both clocks, by which readings of the steady one are put into the calendar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// The steady clock, in nanoseconds.
    pub(crate) steady: u64,
    /// The calendar.
    pub(crate) calendar: Timestamp,
}

impl Moment {
    fn place(self, at: u64) -> Timestamp {
        let ago = self.steady.saturating_sub(at);
        Timestamp::from_nanos(self.calendar.as_nanos().saturating_sub(ago))
    }
}

impl History {
    /// Takes what tells whether the agent ran on. Says whether it did; else nothing from before is compared with.
    pub(crate) fn observe(&mut self, continuity: Option<Continuity>) -> bool {
        let runs = match (&self.continuity, &continuity) {
            (Some(before), Some(now)) => now.follows(before),
            (None, Some(_)) => self.groups.is_empty(),
            (_, None) => false,
        };
        if !runs {
            self.groups.clear();
        }
        self.continuity = continuity;
        runs
    }

    /// Takes a group's samples and gives what each interface carried since the last ones, minute by minute.
    pub(crate) fn push(
        &mut self,
        exporter: LinkId,
        group: Group,
        samples: BTreeMap<u32, Sample>,
        speed: impl Fn(u32) -> Option<u64>,
        span_max: Duration,
        now: Moment,
    ) -> Vec<InterfaceMinute> {
        // Without sysUpTime nobody can tell a restart.
        if self.continuity.is_none() {
            return Vec::new();
        }
        let span_max = u64::try_from(span_max.as_nanos()).unwrap_or(u64::MAX);
        let rmon: BTreeSet<u32> = self
            .groups
            .get(&Group::Rmon)
            .into_iter()
            .flat_map(BTreeMap::keys)
            .copied()
            .collect();
        let before = self.groups.remove(&group).unwrap_or_default();
        let mut minutes = Vec::new();
        for (&index, after) in &samples {
            let Some(before) = before.get(&index).filter(|b| after.at.saturating_sub(b.at) <= span_max) else {
                continue;
            };
            let Some(mut moved) = moved(group, before, after, speed(index)) else {
                continue;
            };
            if group == Group::EtherLike && rmon.contains(&index) {
                moved.leave_to_rmon();
            }
            let interface = InterfaceId { exporter, index };
            minutes.extend(minutes_of(
                interface,
                group,
                &moved,
                now.place(before.at),
                now.place(after.at),
            ));
        }
        self.groups.insert(group, samples);
        minutes
    }
}

fn minutes_of(
    interface: InterfaceId,
    group: Group,
    moved: &Moved,
    start: Timestamp,
    end: Timestamp,
) -> impl Iterator<Item = InterfaceMinute> {
    spread(start, end).into_iter().filter_map(move |part| {
        let carried = moved.carried(&part);
        let (inbound, outbound) = carried.traffic.unwrap_or((Counters::default(), Counters::default()));
        // Seconds are what traffic is divided by: without traffic there are none.
        let seconds = if group == Group::Interfaces && carried.traffic.is_some() {
            part.seconds
        } else {
            0
        };
        (carried.traffic.is_some() || carried.detail != InterfaceDetail::default()).then_some(InterfaceMinute {
            interface,
            start: part.minute,
            source: CounterSource::Snmp,
            seconds,
            inbound,
            outbound,
            detail: carried.detail,
        })
    })
}
