//! Which flow a fragment belongs to: the first fragment of a datagram has the ports, the others
//! have its identification. Those that come before the first are held back for it.
//!
//! Fragments that overlap others of their datagram, other than as the same once more, are what evasion is made of
//! (RFC 5722); so are beginnings of TCP too short for its flags (RFC 1858), and fragments behind the end of the longest
//! datagram. They are counted, and their flow is marked. Of two beginnings of a datagram the first one's ports count.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use dissect::{Fragment, Packet};
use model::{Counters, IcmpType};

use crate::flow::{Arrival, TCP};

/// Datagrams that are remembered.
const MAX_DATAGRAMS: usize = 4096;
/// How long: RFC 791 and RFC 8200 give reassembly 15 to 60 seconds.
const TIMEOUT: u64 = 30_000_000_000;
/// The age of a datagram's fragments at which its identification may have come again.
const REUSED: u64 = 1_000_000_000;
/// Fragments of a datagram whose places are remembered: more than 64 KiB has on Ethernet.
const MAX_PLACES: usize = 64;
/// Octets of TCP's header, without options.
const TCP_HEADER: u32 = 20;
/// The longest datagram.
const MAX_LENGTH: u32 = 65_535;

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
    /// When the first of them came: nanoseconds since the epoch.
    since: u64,
    /// Where the last one ends.
    end: Option<u32>,
    odd: Odd,
}

/// What is wrong with the fragments of a datagram, as far as is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Odd {
    /// Some overlap.
    pub(crate) overlaps: bool,
    /// TCP's header is cut into pieces.
    pub(crate) tiny: bool,
    /// Some lie behind the end of the longest datagram.
    pub(crate) too_long: bool,
}

impl Odd {
    /// Whether anything is.
    pub(crate) const fn is_any(self) -> bool {
        self.overlaps || self.tiny || self.too_long
    }
}

/// What becomes of a fragment.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Resolved {
    /// It is counted, with those that were held back for it.
    Counts {
        /// What is counted.
        arrival: Arrival,
        /// What is wrong with the datagram's fragments.
        odd: Odd,
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
    odd: u64,
}

impl Fragments {
    /// Finds the ports of a fragment and sets them in `packet`.
    pub(crate) fn resolve(&mut self, packet: &mut Packet, arrival: Arrival) -> Resolved {
        let Some(fragment) = packet.fragment else {
            let odd = Odd::default();
            return Resolved::Counts { arrival, odd };
        };
        let datagram = Datagram {
            src: packet.src,
            dst: packet.dst,
            protocol: packet.src.is_ipv4().then_some(packet.protocol),
            id: fragment.id,
        };
        let is_first = fragment.offset == 0;
        let first = *packet;
        let header = || Known::Header {
            protocol: first.protocol,
            src_port: first.src_port,
            dst_port: first.dst_port,
            icmp: first.icmp,
        };
        let Some((known, extent)) = self.datagrams.get_mut(&datagram) else {
            let mut extent = Extent::default();
            extent.add(fragment, packet.protocol, arrival.first);
            let odd = extent.odd;
            self.odd += u64::from(odd.tiny || odd.too_long);
            let (known, resolved) = if is_first {
                (header(), Resolved::Counts { arrival, odd })
            } else {
                (Known::Held(Box::new((*packet, arrival))), Resolved::Held)
            };
            self.datagrams.insert(datagram, (known, extent));
            self.order.push_back((arrival.last, datagram));
            return resolved;
        };
        let is_anew = is_first && matches!(known, Known::Header { .. }) && extent.is_over(arrival.first);
        if is_anew {
            *extent = Extent::default();
            *known = header();
        }
        let before = extent.odd;
        let is_another = match known {
            Known::Header { src_port, dst_port, .. } => {
                is_first && packet.has_transport && (packet.src_port, packet.dst_port) != (*src_port, *dst_port)
            }
            Known::Held(_) => false,
        };
        extent.odd.overlaps |= is_another;
        let overlaps = extent.add(fragment, packet.protocol, arrival.first) || is_another;
        let odd = extent.odd;
        self.overlapping += u64::from(overlaps);
        self.odd += u64::from((odd.tiny && !before.tiny) || (odd.too_long && !before.too_long));
        if is_first && let Known::Held(held) = known {
            let arrival = held.1.with(&arrival);
            *known = header();
            return Resolved::Counts { arrival, odd };
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
                Resolved::Counts { arrival, odd }
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

    /// Fragments that made a datagram tiny or too long.
    pub(crate) const fn odd(&self) -> u64 {
        self.odd
    }
}

impl Extent {
    /// Whether a beginning that comes now is another datagram's: all of this one are there, or they are old. Senders use
    /// their 65,536 identifications again within seconds.
    fn is_over(&self, now: u64) -> bool {
        self.places.is_empty() || now.saturating_sub(self.since) > REUSED
    }

    /// Takes note of where a fragment lies; whether it overlaps another one. Once all are there, the identification may
    /// come again for another datagram.
    fn add(&mut self, fragment: Fragment, protocol: u8, now: u64) -> bool {
        if self.places.is_empty() {
            self.since = now;
        }
        let place = (fragment.offset, fragment.offset.saturating_add(fragment.length));
        if self.places.contains(&place) || self.places.len() >= MAX_PLACES {
            return false;
        }
        let overlaps = self.places.iter().any(|&(start, end)| start < place.1 && place.0 < end);
        self.odd.overlaps |= overlaps;
        self.odd.tiny |=
            protocol == TCP && (fragment.more && place.1 < TCP_HEADER || (1..TCP_HEADER).contains(&fragment.offset));
        self.odd.too_long |= place.1 > MAX_LENGTH;
        self.places.push(place);
        if !fragment.more {
            self.end = Some(place.1);
        }
        let octets: u64 = self.places.iter().map(|(start, end)| u64::from(end - start)).sum();
        if !self.odd.is_any() && self.end.map(u64::from) == Some(octets) {
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
