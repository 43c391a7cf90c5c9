//! Which flow a fragment belongs to: the first fragment of a datagram has the ports, the others
//! have its identification. Those that come before the first are held back for it.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use dissect::Packet;
use model::{Counters, IcmpType};

use crate::flow::Arrival;

/// Datagrams that are remembered.
const MAX_DATAGRAMS: usize = 4096;
/// How long: RFC 791 and RFC 8200 give reassembly 15 to 60 seconds.
const TIMEOUT: u64 = 30_000_000_000;

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
    Held(Packet, Arrival),
}

/// The datagrams that are remembered, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    datagrams: HashMap<Datagram, Known>,
    order: VecDeque<(u64, Datagram)>,
}

impl Fragments {
    /// Finds the ports of a fragment and sets them in `packet`. Gives what is to be counted: the
    /// fragment with those held back for it, or `None` where it is itself held back.
    pub(crate) fn resolve(&mut self, packet: &mut Packet, arrival: Arrival) -> Option<Arrival> {
        let Some(fragment) = packet.fragment else {
            return Some(arrival);
        };
        let datagram = Datagram {
            src: packet.src,
            dst: packet.dst,
            protocol: packet.src.is_ipv4().then_some(packet.protocol),
            id: fragment.id,
        };
        let known = self.datagrams.get_mut(&datagram);
        if fragment.offset == 0 {
            let header = Known::Header {
                protocol: packet.protocol,
                src_port: packet.src_port,
                dst_port: packet.dst_port,
                icmp: packet.icmp,
            };
            return match known.map(|k| std::mem::replace(k, header)) {
                Some(Known::Held(_, held)) => Some(held.with(&arrival)),
                Some(Known::Header { .. }) => Some(arrival),
                None => {
                    self.remember(
                        datagram,
                        arrival.last,
                        Known::Header {
                            protocol: packet.protocol,
                            src_port: packet.src_port,
                            dst_port: packet.dst_port,
                            icmp: packet.icmp,
                        },
                    );
                    Some(arrival)
                }
            };
        }
        match known {
            Some(Known::Header {
                protocol,
                src_port,
                dst_port,
                icmp,
            }) => {
                packet.protocol = *protocol;
                packet.src_port = *src_port;
                packet.dst_port = *dst_port;
                packet.icmp = *icmp;
                Some(arrival)
            }
            Some(Known::Held(_, held)) => {
                *held = held.with(&arrival);
                None
            }
            None => {
                self.remember(datagram, arrival.last, Known::Held(*packet, arrival));
                None
            }
        }
    }

    fn remember(&mut self, datagram: Datagram, now: u64, known: Known) {
        self.datagrams.insert(datagram, known);
        self.order.push_back((now, datagram));
    }

    /// The next fragment that was held back in vain: too old, or one too many.
    pub(crate) fn expired(&mut self, now: u64) -> Option<(Packet, Arrival)> {
        while let Some(&(since, datagram)) = self.order.front() {
            if now.saturating_sub(since) <= TIMEOUT && self.order.len() <= MAX_DATAGRAMS {
                return None;
            }
            self.order.pop_front();
            if let Some(Known::Held(packet, held)) = self.datagrams.remove(&datagram) {
                return Some((packet, held));
            }
        }
        None
    }

    /// Whether nothing is remembered.
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
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
