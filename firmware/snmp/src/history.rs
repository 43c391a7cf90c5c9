//! What an agent's counters were at the last poll, and so what they have moved by since. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{CounterSource, Counters, InterfaceDetail, InterfaceId, InterfaceMinute, LinkId, Timestamp};

use crate::delta::Continuity;
use crate::mib::counters::{Group, Moved, Sample, is_ambiguous, moved};
use crate::spread::spread;

/// The longest span between two polls that a delta is spread over, unless the interval is longer than a third of it.
pub(crate) const SPAN_MAX: Duration = Duration::from_secs(900);

/// The last samples of an agent.
#[derive(Debug, Default)]
pub(crate) struct History {
    continuity: Option<Continuity>,
    groups: BTreeMap<Group, BTreeMap<u32, Sample>>,
    ambiguous: usize,
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
        let mut ambiguous = 0;
        for (&index, after) in &samples {
            let Some(before) = before.get(&index).filter(|b| after.at.saturating_sub(b.at) <= span_max) else {
                continue;
            };
            ambiguous += usize::from(is_ambiguous(before, after, speed(index)));
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
        if group == Group::Interfaces {
            self.ambiguous = ambiguous;
        }
        minutes
    }

    /// Interfaces that carried something between the last two polls, but nobody knows how much.
    pub(crate) fn ambiguous(&self) -> usize {
        self.ambiguous
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

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "the wire cuts the model's 128 bits")]
mod tests {
    use super::*;
    use crate::mib::counters::tests::{IN_OCTETS, OUT_OCTETS, sample_of};
    use crate::mib::interfaces::{IF_ENTRY, IF_X_ENTRY};
    use async_snmp::Value;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;
    /// A calendar that the steady clock's zero stands for.
    const EPOCH: u64 = 1_700_000_000;

    /// What happens to an agent.
    #[derive(Debug, Clone)]
    enum Event {
        /// So many seconds pass, at a part (of 1,000) of the line's speed.
        Run(u64, u64),
        /// It is polled.
        Poll,
        /// It restarts: counters and up-time begin anew.
        Restart,
        /// Its counters are set to zero, which it declares.
        Discontinuity,
        /// It shows no up-time at the next poll.
        Hide,
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let one = prop_oneof![
            4 => (1u64..200, 0u64..=1_000).prop_map(|(seconds, part)| Event::Run(seconds, part)),
            6 => Just(Event::Poll),
            1 => Just(Event::Restart),
            1 => Just(Event::Discontinuity),
            1 => Just(Event::Hide),
        ];
        prop::collection::vec(one, 1..60)
    }

    proptest! {
        /// Whatever happens to the agent, what is given is exactly what the interface carried between two polls, or nothing.
        #[test]
        fn the_truth_or_nothing(
            events in events(),
            start: u64,
            wide: bool,
            speed in prop::sample::select(vec![10_000_000u64, 100_000_000, 1_000_000_000, 100_000_000_000]),
            uptime: u32,
        ) {
            let id = LinkId::of_exporter(1);
            let mut history = History::default();
            let (mut now, mut total, mut counter) = (10 * SECOND, 0u128, u128::from(start));
            let (mut since, mut before_zero, mut discontinuity, mut hidden) = (0u64, u64::from(uptime), 0u32, false);
            // What was carried at the last poll, and whether anything has broken the count since.
            let (mut last, mut polled): (Option<u128>, u64) = (None, 0);
            let mut broken = false;
            for event in events {
                match event {
                    Event::Run(seconds, part) => {
                        now += seconds * SECOND;
                        let carried = u128::from(speed / 8 * part / 1_000) * u128::from(seconds);
                        total += carried;
                        counter += carried;
                    }
                    Event::Restart => (since, before_zero, counter, broken) = (now, 0, 0, true),
                    Event::Discontinuity => {
                        counter = 0;
                        discontinuity += 1;
                        broken = true;
                    }
                    Event::Hide => hidden = true,
                    Event::Poll => {
                        now += SECOND;
                        let uptime = (before_zero + (now - since) / (SECOND / 100)) as u32;
                        // A restart within seconds of the last poll of an agent that had just started is told by its boots.
                        let boots = Some((since / SECOND) as u32);
                        let continuity = (!hidden).then_some(Continuity { at: now, uptime, boots });
                        history.observe(continuity);
                        let value = if wide { Value::Counter64(counter as u64) } else { Value::Counter32(counter as u32) };
                        let (in_column, out_column) =
                            if wide { (IN_OCTETS, OUT_OCTETS) } else { ((IF_ENTRY, 10), (IF_ENTRY, 16)) };
                        let objects = [
                            (in_column.0, in_column.1, value.clone()),
                            (out_column.0, out_column.1, value),
                            (IF_X_ENTRY, 19, Value::TimeTicks(discontinuity)),
                        ];
                        let samples = BTreeMap::from_iter(sample_of(Group::Interfaces, 1, now, &objects));
                        let calendar = Timestamp::from_nanos(EPOCH * SECOND + now);
                        let moment = Moment { steady: now, calendar };
                        let minutes = history.push(id, Group::Interfaces, samples, |_| Some(speed), SPAN_MAX, moment);
                        let given: u128 = minutes.iter().map(|m| u128::from(m.inbound.bytes)).sum();
                        match last {
                            Some(then) if !broken && !hidden => {
                                prop_assert!(minutes.is_empty() || given == total - then, "{given} of {}", total - then);
                                // With 64 bits nothing is left out within the longest span.
                                let long = Duration::from_nanos(now - polled) > SPAN_MAX;
                                prop_assert!(!wide || long || !minutes.is_empty());
                            }
                            _ => prop_assert!(minutes.is_empty(), "{minutes:?}"),
                        }
                        (last, polled) = ((!hidden).then_some(total), now);
                        (broken, hidden) = (false, false);
                    }
                }
            }
        }
    }
}
