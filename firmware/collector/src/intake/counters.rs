//! Interface counters that exporters send by themselves (sFlow counter samples): what they moved by, in minutes.

use std::collections::HashMap;
use std::net::IpAddr;

use decode::CounterSample;
use foldhash::fast::RandomState;
use model::{CounterSource, Counters, InterfaceDetail, InterfaceId, InterfaceMinute, LinkId, Timestamp};
use snmp::{Continuity, Counted, Counter, Step, spread, step};

use super::account::INTERFACES_MAX;

/// Samples that lie further apart say nothing of the minutes between them. Nanoseconds.
const APART_MAX: u64 = 3_600_000_000_000;
/// The speed of an interface whose agent does not say, in bit/s.
const SPEED: u64 = 100_000_000_000;

#[derive(Debug)]
struct Reading {
    at: Timestamp,
    continuity: Continuity,
    sample: CounterSample,
}

/// The newest sample of each interface of an exporter.
#[derive(Debug, Default)]
pub(super) struct CounterTrack {
    /// By the agent's address, which may be another than the sender's, and the ifIndex.
    readings: HashMap<(IpAddr, u32), Reading, RandomState>,
}

impl CounterTrack {
    /// Takes a sample that came at `now`, the agent's uptime being so many milliseconds. Gives what the interface
    /// carried since the sample before, where that is certain.
    pub(super) fn take(
        &mut self,
        exporter: LinkId,
        agent: IpAddr,
        now: Timestamp,
        uptime: Option<u32>,
        sample: &CounterSample,
        out: &mut Vec<InterfaceMinute>,
    ) {
        let Some(interface) = &sample.interface else { return };
        let index = interface.index;
        let reading = Reading {
            at: now,
            continuity: Continuity {
                at: now.as_nanos(),
                uptime: uptime.unwrap_or(0) / 10,
                boots: None,
            },
            sample: sample.clone(),
        };
        let key = (agent, index);
        if self.readings.len() >= INTERFACES_MAX && !self.readings.contains_key(&key) {
            self.readings.retain(|_, old| now.nanos_since(old.at) < APART_MAX);
            if self.readings.len() >= INTERFACES_MAX {
                return;
            }
        }
        let Some(before) = self.readings.insert(key, reading) else {
            return;
        };
        let Some(after) = self.readings.get(&key) else { return };
        let Some((inbound, outbound, detail)) = moved(&before, after) else {
            return;
        };
        for part in spread(before.at, now) {
            let share = |c: Counters| Counters {
                packets: part.share(c.packets),
                bytes: part.share(c.bytes),
            };
            out.push(InterfaceMinute {
                interface: InterfaceId { exporter, index },
                start: part.minute,
                source: CounterSource::Sflow,
                seconds: part.seconds,
                inbound: share(inbound),
                outbound: share(outbound),
                detail: InterfaceDetail::from_values(detail.values().map(|v| v.map(|n| part.share(n)))),
            });
        }
    }
}

/// What moved between two readings; `None` where it is not certain.
fn moved(before: &Reading, after: &Reading) -> Option<(Counters, Counters, InterfaceDetail)> {
    let elapsed = after.at.nanos_since(before.at);
    if elapsed == 0 || elapsed > APART_MAX || !after.continuity.follows(&before.continuity) {
        return None;
    }
    let (old, new) = (before.sample.interface.as_ref()?, after.sample.interface.as_ref()?);
    let (old_detail, new_detail) = (&before.sample.detail, &after.sample.detail);
    let speed = Some(new.speed.unwrap_or(SPEED));
    let by = |step| match step {
        Step::By(moved) => Some(moved),
        Step::Unknown | Step::Reset => None,
    };
    let octets = |old: Option<u64>, new: Option<u64>| {
        let (old, new) = (Counter::C64(old?), Counter::C64(new?));
        by(step(old, new, Counted::Octets, elapsed, speed))
    };
    let small = |counted, old: Option<u64>, new: Option<u64>| {
        let narrow = |n: u64| u32::try_from(n).ok().map(Counter::C32);
        by(step(narrow(old?)?, narrow(new?)?, counted, elapsed, speed))
    };
    let packets = |old, new| small(Counted::Packets, old, new);
    // Agents that do not tell groups apart count them with the others.
    let group = |old: Option<u64>, new: Option<u64>| match (old, new) {
        (None, None) => Some(0),
        (old, new) => packets(old, new),
    };
    let inbound = Counters {
        bytes: octets(old.in_octets, new.in_octets)?,
        packets: packets(old.in_unicast, new.in_unicast)?
            + group(old_detail.in_multicast, new_detail.in_multicast)?
            + group(old_detail.in_broadcast, new_detail.in_broadcast)?,
    };
    let outbound = Counters {
        bytes: octets(old.out_octets, new.out_octets)?,
        packets: packets(old.out_unicast, new.out_unicast)?
            + group(old_detail.out_multicast, new_detail.out_multicast)?
            + group(old_detail.out_broadcast, new_detail.out_broadcast)?,
    };
    let events = |old, new| small(Counted::Events, old, new);
    let detail = InterfaceDetail {
        in_multicast: packets(old_detail.in_multicast, new_detail.in_multicast),
        in_broadcast: packets(old_detail.in_broadcast, new_detail.in_broadcast),
        out_multicast: packets(old_detail.out_multicast, new_detail.out_multicast),
        out_broadcast: packets(old_detail.out_broadcast, new_detail.out_broadcast),
        in_discards: events(old_detail.in_discards, new_detail.in_discards),
        out_discards: events(old_detail.out_discards, new_detail.out_discards),
        in_errors: events(old_detail.in_errors, new_detail.in_errors),
        out_errors: events(old_detail.out_errors, new_detail.out_errors),
        in_unknown: events(old_detail.in_unknown, new_detail.in_unknown),
        fcs_errors: events(old_detail.fcs_errors, new_detail.fcs_errors),
        alignment_errors: events(old_detail.alignment_errors, new_detail.alignment_errors),
        collisions: events(old_detail.collisions, new_detail.collisions),
        late_collisions: events(old_detail.late_collisions, new_detail.late_collisions),
        oversize: events(old_detail.oversize, new_detail.oversize),
        ..InterfaceDetail::default()
    };
    Some((inbound, outbound, detail))
}

#[cfg(test)]
mod tests {
    use decode::InterfaceCounters;

    use super::*;

    const LINK: LinkId = LinkId::of_exporter(3);

    fn sample(octets: u64, packets: u64, errors: u64) -> CounterSample {
        CounterSample {
            interface: Some(InterfaceCounters {
                index: 5,
                speed: Some(1_000_000_000),
                in_octets: Some(octets),
                in_unicast: Some(packets),
                out_octets: Some(2 * octets),
                out_unicast: Some(packets),
                ..InterfaceCounters::default()
            }),
            detail: InterfaceDetail {
                in_errors: Some(errors),
                ..InterfaceDetail::default()
            },
            ..CounterSample::default()
        }
    }

    fn run(samples: &[(u64, u32, CounterSample)]) -> Vec<InterfaceMinute> {
        let mut track = CounterTrack::default();
        let mut out = Vec::new();
        let agent = IpAddr::from([192, 0, 2, 1]);
        for (at, uptime_s, sample) in samples {
            let now = Timestamp::from_secs(600 + at);
            track.take(LINK, agent, now, Some(uptime_s * 1_000), sample, &mut out);
        }
        out
    }

    #[test]
    fn what_moved_is_in_the_minutes_that_it_moved_in() {
        let out = run(&[(30, 1_000, sample(1_000, 10, 1)), (90, 1_060, sample(7_000, 40, 3))]);
        let of = |m: &InterfaceMinute| (m.start.as_secs(), m.seconds, m.inbound.bytes, m.inbound.packets);
        assert_eq!(
            out.iter().map(of).collect::<Vec<_>>(),
            [(600, 30, 3_000, 15), (660, 30, 3_000, 15)]
        );
        assert_eq!(out.iter().map(|m| m.outbound.bytes).sum::<u64>(), 12_000);
        assert_eq!(out.iter().filter_map(|m| m.detail.in_errors).sum::<u64>(), 2);
        assert!(
            out.iter()
                .all(|m| m.source == CounterSource::Sflow && m.detail.fcs_errors.is_none())
        );
    }

    #[test]
    fn counters_of_32_bits_wrap() {
        let top = u64::from(u32::MAX);
        let out = run(&[(0, 1_000, sample(0, top - 9, 0)), (20, 1_020, sample(1_000, 20, 0))]);
        assert_eq!(out.iter().map(|m| m.inbound.packets).sum::<u64>(), 30);
    }

    #[test]
    fn a_restart_says_nothing() {
        assert!(run(&[(0, 1_000, sample(50_000, 100, 0)), (20, 5, sample(60_000, 120, 0))]).is_empty());
        assert!(run(&[(0, 1_000, sample(50_000, 100, 0)), (20, 1_020, sample(10, 1, 0))]).is_empty());
        assert!(run(&[(0, 1_000, sample(1, 1, 0)), (4_000, 5_000, sample(2, 2, 0))]).is_empty());
    }
}
