//! What one exporter's records come to: its minutes, its interfaces, and how it is.

use std::collections::BTreeSet;
use std::sync::Arc;

use aggregate::{InterfaceFlow, InterfaceMeter, Limits, MinuteWindows, same_interval, spread};
use api::collector::Protocol;
use model::{Counters, DropCounters, FlowDelta, FlowRecord, InterfaceMinute, Timestamp, Window};

use super::plan::ExporterPlan;
use super::rates::Rates;

/// Interfaces of an exporter that are counted.
pub(super) const INTERFACES_MAX: usize = 4_096;
/// Addresses, and pairs of them, that a minute of an exporter counts apart.
const KEYS_MAX: usize = 32_768;
/// Seconds of the windows.
const MINUTE: u32 = 60;
/// Minutes over which a record is spread at most.
const MINUTES_MAX: u32 = 60;
const SECOND: u64 = 1_000_000_000;
/// A record that ended longer ago is not believed.
const OLD: u64 = 86_400 * SECOND;
/// Nor one that ends so far in the future.
const EARLY: u64 = 60 * SECOND;

/// Counts of an exporter since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) datagrams: u64,
    pub(super) octets: u64,
    pub(super) records: u64,
    /// Records whose time was not believed.
    pub(super) clock: u64,
}

/// An exporter as one thread knows it.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) plan: Arc<ExporterPlan>,
    pub(super) first_seen: Option<Timestamp>,
    pub(super) last_seen: Option<Timestamp>,
    pub(super) protocols: BTreeSet<Protocol>,
    pub(super) counts: Counts,
    /// Octets of traffic by its records, with sampling applied.
    pub(super) traffic: u64,
    /// Datagrams, records and octets of traffic of the last minute.
    pub(super) rates: Rates<3>,
    pub(super) interfaces: InterfaceMeter,
    pub(super) minutes: MinuteWindows,
    /// Datagrams since drops were last shared out.
    pub(super) recent: u64,
    /// Records in the block that is open.
    pub(super) in_block: u64,
}

impl Account {
    pub(super) fn new(plan: Arc<ExporterPlan>) -> Self {
        let limits = Limits {
            hosts: KEYS_MAX,
            conversations: KEYS_MAX,
        };
        Self {
            interfaces: InterfaceMeter::new(plan.link, INTERFACES_MAX),
            minutes: MinuteWindows::new(plan.link, limits),
            plan,
            first_seen: None,
            last_seen: None,
            protocols: BTreeSet::new(),
            counts: Counts::default(),
            traffic: 0,
            rates: Rates::default(),
            recent: 0,
            in_block: 0,
        }
    }

    /// Counts a datagram, and what its records came to since the one before.
    pub(super) fn datagram(&mut self, now: Timestamp, octets: usize, protocol: Option<Protocol>, before: (u64, u64)) {
        self.first_seen.get_or_insert(now);
        self.last_seen = Some(now);
        if let Some(protocol) = protocol
            && !self.protocols.contains(&protocol)
        {
            self.protocols.insert(protocol);
        }
        self.counts.datagrams += 1;
        self.counts.octets += octets as u64;
        self.recent += 1;
        let (records, traffic) = before;
        let came = [1, self.counts.records - records, self.traffic.saturating_sub(traffic)];
        self.rates.add(now, came);
    }

    /// Records and octets of traffic until now.
    pub(super) const fn so_far(&self) -> (u64, u64) {
        (self.counts.records, self.traffic)
    }

    /// Counts a record that came at `now`, with what it says of times believed only as far as it can be true. Answers
    /// how many keys the windows got more, and the record's start and end where they had to be moved.
    pub(super) fn record(&mut self, now: Timestamp, record: &FlowRecord) -> (usize, Option<(Timestamp, Timestamp)>) {
        let moved = believable(now, record.start, record.end);
        let (start, end) = moved.unwrap_or((record.start, record.end));
        self.counts.records += 1;
        self.counts.clock += u64::from(moved.is_some());
        self.traffic = self
            .traffic
            .saturating_add(record.bytes)
            .saturating_add(record.bytes_rev);
        let keys = if same_interval(start, end, MINUTE) {
            let counts = [record.packets, record.bytes, record.packets_rev, record.bytes_rev];
            self.part(now, aggregate::align(end, MINUTE), record, counts)
        } else {
            let counts = [record.packets, record.bytes, record.packets_rev, record.bytes_rev];
            let parts = spread(start, end, MINUTE, MINUTES_MAX, counts);
            parts
                .map(|(minute, counts)| self.part(now, minute, record, counts))
                .sum()
        };
        (keys, moved)
    }

    fn part(&mut self, now: Timestamp, minute: Timestamp, record: &FlowRecord, counts: [u64; 4]) -> usize {
        let [packets, bytes, packets_rev, bytes_rev] = counts;
        let forward = Counters { packets, bytes };
        let reverse = Counters {
            packets: packets_rev,
            bytes: bytes_rev,
        };
        if let Some(export) = &record.export
            && (export.ingress_if.is_some() || export.egress_if.is_some())
        {
            let flow = InterfaceFlow {
                ingress: export.ingress_if,
                egress: export.egress_if,
                observed: export.observed,
                forward,
                reverse,
            };
            self.interfaces.observe(now, minute, &flow);
        }
        self.minutes.observe(
            minute,
            &FlowDelta {
                src_ip: record.src_ip,
                dst_ip: record.dst_ip,
                protocol: record.protocol,
                app: record.app,
                direction: record.direction,
                forward,
                reverse,
            },
        )
    }

    /// Counts what was lost.
    pub(super) fn lose(&mut self, now: Timestamp, drops: DropCounters) {
        self.minutes.lose(now, drops);
    }

    /// Gives what was counted since the last time.
    pub(super) fn flush(&mut self, now: Timestamp, windows: &mut Vec<Window>, interfaces: &mut Vec<InterfaceMinute>) {
        self.minutes.flush(windows);
        self.interfaces.flush(now, interfaces);
    }
}

/// Where a record's times cannot be true: the times that it gets, at its arrival.
fn believable(now: Timestamp, start: Timestamp, end: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let late = now.nanos_since(end) > OLD;
    let early = end.nanos_since(now) > EARLY || start.nanos_since(now) > EARLY;
    if late || early {
        let length = end.nanos_since(start).min(now.as_nanos());
        let length = if length > OLD { 0 } else { length };
        return Some((Timestamp::from_nanos(now.as_nanos() - length), now));
    }
    // An end before the start is a clock that was set meanwhile.
    (end < start).then_some((end, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_cannot_be_true_are_moved_to_the_arrival() {
        let at = Timestamp::from_secs;
        let now = at(1_000_000);
        assert_eq!(believable(now, at(999_000), at(999_500)), None);
        assert_eq!(believable(now, at(1_000_020), at(1_000_050)), None);
        assert_eq!(believable(now, at(10), at(40)), Some((at(999_970), now)));
        assert_eq!(believable(now, at(1_000_100), at(1_000_130)), Some((at(999_970), now)));
        assert_eq!(believable(now, at(1), at(2_000_000)), Some((now, now)));
        assert_eq!(
            believable(now, at(999_900), at(999_800)),
            Some((at(999_800), at(999_800)))
        );
    }
}
