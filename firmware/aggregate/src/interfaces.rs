//! What an exporter's interfaces carried, by its records.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use model::{CounterSource, Counters, InterfaceDetail, InterfaceId, InterfaceMinute, LinkId, Observed, Timestamp};

/// How long an interface counts as one whose egress is exported, after the last record that says so; and how long one
/// without records is remembered. Nanoseconds.
const REMEMBERED: u64 = 3_600_000_000_000;

/// What a record says of interfaces, or the part of it that falls into a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceFlow {
    /// ifIndex that it came in by; `None` or 0: none that is counted.
    pub ingress: Option<u32>,
    /// ifIndex that it left by; `None` or 0: none that is counted.
    pub egress: Option<u32>,
    /// On which side it was seen.
    pub observed: Observed,
    /// Forward: from ingress to egress.
    pub forward: Counters,
    /// In reverse: from egress to ingress (RFC 5103).
    pub reverse: Counters,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Minute {
    start: u64,
    inbound: Counters,
    /// Out, by records that were seen when they came in by another interface.
    out_by_ingress: Counters,
    /// Out, by records that were seen here on their way out.
    out_by_egress: Counters,
}

#[derive(Debug, Clone, Default)]
struct Interface {
    minutes: Vec<Minute>,
    used: Timestamp,
    /// When a record that was seen on its way out came last.
    egress_seen: Option<Timestamp>,
}

/// The interfaces of one exporter. What comes in is counted from records that were not seen on egress; what goes out
/// from those that were, if the exporter has such for the interface, else from the others: never from both.
#[derive(Debug, Clone)]
pub struct InterfaceMeter {
    exporter: LinkId,
    interfaces: HashMap<u32, Interface, RandomState>,
    interfaces_max: usize,
    refused: u64,
}

impl InterfaceMeter {
    /// No interfaces yet, and at most so many ever.
    #[must_use]
    pub fn new(exporter: LinkId, interfaces_max: usize) -> Self {
        Self {
            exporter,
            interfaces: HashMap::default(),
            interfaces_max,
            refused: 0,
        }
    }

    /// Interfaces that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.interfaces.len()
    }

    /// Whether none is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.interfaces.is_empty()
    }

    /// How often a record named an interface that found no place.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Counts a record, or its part, in the minute that starts at `minute`.
    pub fn observe(&mut self, now: Timestamp, minute: Timestamp, flow: &InterfaceFlow) {
        let egress_side = flow.observed == Observed::Egress;
        self.count(now, minute, flow.ingress, |interface, minute| {
            if egress_side {
                return;
            }
            let minute = interface.minute(minute);
            minute.inbound += flow.forward;
            minute.out_by_ingress += flow.reverse;
        });
        self.count(now, minute, flow.egress, |interface, minute| {
            if egress_side {
                interface.egress_seen = Some(now);
                let minute = interface.minute(minute);
                minute.out_by_egress += flow.forward;
                // The other way of the same flow, seen where it left: here it came in.
                minute.inbound += flow.reverse;
            } else {
                let minute = interface.minute(minute);
                minute.out_by_ingress += flow.forward;
                minute.inbound += flow.reverse;
            }
        });
    }

    fn count(&mut self, now: Timestamp, minute: Timestamp, index: Option<u32>, with: impl FnOnce(&mut Interface, u64)) {
        let Some(index) = index.filter(|&index| index > 0) else {
            return;
        };
        let full = self.interfaces.len() >= self.interfaces_max;
        let interface = match self.interfaces.get_mut(&index) {
            Some(interface) => interface,
            None if full => {
                self.refused += 1;
                return;
            }
            None => self.interfaces.entry(index).or_default(),
        };
        interface.used = now;
        with(interface, minute.as_secs());
    }

    /// What was counted since this was last called, to be added to what was given before. Interfaces that were not
    /// seen for long are forgotten.
    pub fn flush(&mut self, now: Timestamp, out: &mut Vec<InterfaceMinute>) {
        let exporter = self.exporter;
        self.interfaces.retain(|&index, interface| {
            let by_egress = interface
                .egress_seen
                .is_some_and(|seen| now.nanos_since(seen) < REMEMBERED);
            for minute in interface.minutes.drain(..) {
                let outbound = if by_egress {
                    minute.out_by_egress
                } else {
                    minute.out_by_ingress
                };
                if minute.inbound != Counters::default() || outbound != Counters::default() {
                    out.push(InterfaceMinute {
                        interface: InterfaceId { exporter, index },
                        start: Timestamp::from_secs(minute.start),
                        source: CounterSource::Flow,
                        seconds: 0,
                        inbound: minute.inbound,
                        outbound,
                        detail: InterfaceDetail::default(),
                    });
                }
            }
            now.nanos_since(interface.used) < REMEMBERED
        });
    }
}

impl Interface {
    /// The counts of a minute. Few are open at a time.
    fn minute(&mut self, start: u64) -> &mut Minute {
        let place = self.minutes.iter().position(|m| m.start == start).unwrap_or_else(|| {
            self.minutes.push(Minute {
                start,
                ..Minute::default()
            });
            self.minutes.len() - 1
        });
        // The place is that of a minute that is there.
        &mut self.minutes[place]
    }
}
