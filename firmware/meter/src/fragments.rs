//! Which flow a fragment belongs to: the first fragment of a datagram has the ports, the others
//! have its identification. Those that come before the first are held back for it.
//!
//! Fragments that overlap others of their datagram, other than as the same once more, are what evasion is made of
//! (RFC 5722): they are counted, and their flow is marked.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use dissect::{Fragment, Packet};
use model::{Counters, IcmpType};

use crate::flow::Arrival;

/// Datagrams that are remembered.
const MAX_DATAGRAMS: usize = 4096;
/// How long: RFC 791 and RFC 8200 give reassembly 15 to 60 seconds.
const TIMEOUT: u64 = 30_000_000_000;
/// Fragments of a datagram whose places are remembered: more than 64 KiB has on Ethernet.
const MAX_PLACES: usize = 64;

/// What fragments of one datagram share: RFC 791 (source, destination, protocol, identification);
/// RFC 8200, section 4.5 leaves the protocol out, since only the first fragment's counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Datagram {
    src: IpAddr,
    dst: IpAddr,
    protocol: Option<u8>,
    id: u32,
}

#[derive(Debug)]
enum Known {
    /// The first fragment was seen.
    Header {
        protocol: u8,
        src_port: u16,
        dst_port: u16,
        icmp: Option<IcmpType>,
    },
    /// It was not: the packet that came first, and all so far.
    Held(Box<(Packet, Arrival)>),
}

/// Where the fragments of a datagram lie, until all are there.
#[derive(Debug, Default)]
struct Extent {
    places: Vec<(u32, u32)>,
    /// Where the last one ends.
    end: Option<u32>,
    /// Some overlapped.
    overlaps: bool,
}

/// What becomes of a fragment.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resolved {
    /// It is counted, with those that were held back for it.
    Counts {
        /// What is counted.
        arrival: Arrival,
        /// Whether fragments of the datagram overlap, as far as is known now.
        overlaps: bool,
    },
    /// It is held back.
    Held,
}

/// The datagrams that are remembered, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    datagrams: HashMap<Datagram, (Known, Extent)>,
    order: VecDeque<(u64, Datagram)>,
    overlapping: u64,
}

impl Fragments {
    /// Finds the ports of a fragment and sets them in `packet`.
    pub(crate) fn resolve(&mut self, packet: &mut Packet, arrival: Arrival) -> Resolved {
        let Some(fragment) = packet.fragment else {
            let overlaps = false;
            return Resolved::Counts { arrival, overlaps };
        };
        let datagram = Datagram {
            src: packet.src,
            dst: packet.dst,
            protocol: packet.src.is_ipv4().then_some(packet.protocol),
            id: fragment.id,
        };
        let is_first = fragment.offset == 0;
        let header = Known::Header {
            protocol: packet.protocol,
            src_port: packet.src_port,
            dst_port: packet.dst_port,
            icmp: packet.icmp,
        };
        let Some((known, extent)) = self.datagrams.get_mut(&datagram) else {
            let mut extent = Extent::default();
            extent.add(fragment);
            let (known, resolved) = if is_first {
                let overlaps = false;
                (header, Resolved::Counts { arrival, overlaps })
            } else {
                (Known::Held(Box::new((*packet, arrival))), Resolved::Held)
            };
            self.datagrams.insert(datagram, (known, extent));
            self.order.push_back((arrival.last, datagram));
            return resolved;
        };
        self.overlapping += u64::from(extent.add(fragment));
        let overlaps = extent.overlaps;
        if is_first {
            let arrival = match std::mem::replace(known, header) {
                Known::Held(held) => held.1.with(&arrival),
                Known::Header { .. } => arrival,
            };
            return Resolved::Counts { arrival, overlaps };
        }
        match known {
            Known::Header {
                protocol,
                src_port,
                dst_port,
                icmp,
            } => {
                packet.protocol = *protocol;
                packet.src_port = *src_port;
                packet.dst_port = *dst_port;
                packet.icmp = *icmp;
                Resolved::Counts { arrival, overlaps }
            }
            Known::Held(held) => {
                held.1 = held.1.with(&arrival);
                Resolved::Held
            }
        }
    }

    /// The next fragment that was held back in vain: too old, or one too many.
    pub(crate) fn expired(&mut self, now: u64) -> Option<(Packet, Arrival)> {
        while let Some(&(since, datagram)) = self.order.front() {
            if now.saturating_sub(since) <= TIMEOUT && self.order.len() <= MAX_DATAGRAMS {
                return None;
            }
            self.order.pop_front();
            if let Some((Known::Held(held), _)) = self.datagrams.remove(&datagram) {
                return Some(*held);
            }
        }
        None
    }

    /// Whether nothing is remembered.
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Fragments that overlapped others.
    pub(crate) const fn overlapping(&self) -> u64 {
        self.overlapping
    }
}

impl Extent {
    /// Takes note of where a fragment lies; whether it overlaps another one. Once all are there, the identification may
    /// come again for another datagram.
    fn add(&mut self, fragment: Fragment) -> bool {
        let place = (fragment.offset, fragment.offset.saturating_add(fragment.length));
        if self.places.contains(&place) || self.places.len() >= MAX_PLACES {
            return false;
        }
        let overlaps = self.places.iter().any(|&(start, end)| start < place.1 && place.0 < end);
        self.overlaps |= overlaps;
        self.places.push(place);
        if !fragment.more {
            self.end = Some(place.1);
        }
        let octets: u64 = self.places.iter().map(|(start, end)| u64::from(end - start)).sum();
        if !self.overlaps && self.end.map(u64::from) == Some(octets) {
            *self = Self::default();
        }
        overlaps
    }
}

impl Arrival {
    fn with(&self, other: &Self) -> Self {
        let mut counters: Counters = self.counters;
        counters += other.counters;
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            counters,
        }
    }
}
