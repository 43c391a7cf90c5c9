//! A flow in the cache.

use dissect::Packet;
use model::{
    App, Counters, Definitions, Direction, EndReason, FlowDelta, FlowRecord, IcmpType, LinkId, MacAddr, Timestamp,
};
use std::net::IpAddr;
use std::ops::{Index, IndexMut};

use crate::key::Key;

/// What a flow has seen of TCP's end, and its marks.
const FIN_FORWARD: u8 = 1;
const FIN_REVERSE: u8 = 2;
const RESET: u8 = 4;
/// In the list of flows that have something new.
const DIRTY: u8 = 8;
/// The sender of the first packet is the key's low end.
const FROM_LOW: u8 = 16;
/// In use.
const USED: u8 = 32;

pub(crate) const TCP: u8 = 6;
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// A flow. What each packet touches comes first: two cache lines.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub(crate) struct Flow {
    pub(crate) key: Key,
    /// Nanoseconds since the epoch, of the latest packet.
    pub(crate) last: u64,
    /// What came since the latest delta, forward and reverse.
    fresh: [Counters; 2],
    /// Time of the first packet in the record.
    pub(crate) start: u64,
    marks: u8,
    tcp_flags: [u8; 2],
    tos: u8,
    /// The sequence number of the first packet, if it was a SYN.
    syn_seq: u32,

    /// What came before the latest delta.
    reported: [Counters; 2],
    src_ip: IpAddr,
    dst_ip: IpAddr,
    src_port: u16,
    dst_port: u16,
    protocol: u8,
    vlan: Option<u16>,
    vlan_inner: Option<u16>,
    src_mac: Option<MacAddr>,
    dst_mac: Option<MacAddr>,
    icmp: [Option<IcmpType>; 2],
    app: App,
    pub(crate) direction: Direction,
}

/// Flows in chunks: growing copies nothing, and a flow's number stays.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    chunks: Vec<Vec<Flow>>,
}

const CHUNK: usize = 4096;

impl Flows {
    /// Adds a flow behind the others; its number.
    pub(crate) fn push(&mut self, flow: Flow) -> u32 {
        match self.chunks.last_mut() {
            Some(last) if last.len() < CHUNK => last.push(flow),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(flow);
                self.chunks.push(chunk);
            }
        }
        #[allow(
            clippy::cast_possible_truncation,
            reason = "the meter holds fewer flows than u32::MAX"
        )]
        let number = (self.len() - 1) as u32;
        number
    }

    pub(crate) fn len(&self) -> usize {
        let last = self.chunks.last().map_or(CHUNK, Vec::len);
        self.chunks.len() * CHUNK + last - CHUNK
    }
}

impl Index<u32> for Flows {
    type Output = Flow;

    #[inline]
    fn index(&self, number: u32) -> &Flow {
        &self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }
}

impl IndexMut<u32> for Flows {
    #[inline]
    fn index_mut(&mut self, number: u32) -> &mut Flow {
        &mut self.chunks[number as usize / CHUNK][number as usize % CHUNK]
    }
}

/// One packet, or the fragments that were held back with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) counters: Counters,
}

impl Flow {
    /// An empty flow that starts with this packet.
    pub(crate) fn new(
        key: Key,
        from_low: bool,
        packet: &Packet,
        first: u64,
        direction: Direction,
        definitions: &Definitions,
    ) -> Self {
        let is_syn = packet.protocol == TCP && packet.tcp_flags & (SYN | ACK) == SYN;
        Self {
            key,
            last: first,
            fresh: [Counters::default(); 2],
            start: first,
            marks: USED | if from_low { FROM_LOW } else { 0 },
            tcp_flags: [0; 2],
            tos: packet.tos,
            syn_seq: if is_syn { packet.tcp_seq } else { 0 },
            reported: [Counters::default(); 2],
            src_ip: packet.src,
            dst_ip: packet.dst,
            src_port: packet.src_port,
            dst_port: packet.dst_port,
            protocol: packet.protocol,
            vlan: packet.vlan,
            vlan_inner: packet.vlan_inner,
            src_mac: packet.src_mac,
            dst_mac: packet.dst_mac,
            icmp: [None; 2],
            app: App::by_port(packet.protocol, packet.src_port, packet.dst_port),
            direction,
        }
        .named(definitions)
    }

    fn named(mut self, definitions: &Definitions) -> Self {
        self.name(definitions);
        self
    }

    /// Names the flow by the definitions, where the firmware does not know what it is.
    #[inline]
    pub(crate) fn name(&mut self, definitions: &Definitions) {
        self.app = definitions.name(
            self.app,
            self.protocol,
            self.src_ip,
            self.src_port,
            self.dst_ip,
            self.dst_port,
        );
    }

    /// Counts a packet; whether it goes forward.
    #[inline]
    pub(crate) fn count(&mut self, from_low: bool, packet: &Packet, arrival: &Arrival) -> bool {
        let forward = (self.marks & FROM_LOW != 0) == from_low;
        let side = usize::from(!forward);
        if self.is_empty() {
            self.start = arrival.first;
            self.last = arrival.last;
        } else {
            // A late packet may be older than the first.
            self.start = self.start.min(arrival.first);
            self.last = self.last.max(arrival.last);
        }
        self.fresh[side] += arrival.counters;
        if packet.protocol == TCP {
            self.tcp_flags[side] |= packet.tcp_flags;
            if packet.tcp_flags & (FIN | RST) != 0 {
                if packet.tcp_flags & FIN != 0 {
                    self.marks |= if forward { FIN_FORWARD } else { FIN_REVERSE };
                }
                if packet.tcp_flags & RST != 0 {
                    self.marks |= RESET;
                }
            }
        } else if packet.icmp.is_some() && self.icmp[side].is_none() {
            self.icmp[side] = packet.icmp;
        }
        forward
    }

    /// Whether nothing was counted since the last record.
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.fresh[0].packets | self.fresh[1].packets | self.reported[0].packets | self.reported[1].packets == 0
    }

    /// Whether TCP's connection is over.
    #[inline]
    pub(crate) const fn is_over(&self) -> bool {
        self.marks & RESET != 0 || self.marks & (FIN_FORWARD | FIN_REVERSE) == FIN_FORWARD | FIN_REVERSE
    }

    /// Whether the packet opens another connection on the ports of this flow, which is over: a SYN
    /// with another sequence number than the one that was seen (which may come again).
    #[inline]
    pub(crate) const fn is_reused_by(&self, packet: &Packet) -> bool {
        packet.protocol == TCP
            && packet.tcp_flags & (SYN | ACK) == SYN
            && self.is_over()
            && packet.tcp_seq != self.syn_seq
    }

    /// Marks the flow as having something new; whether that is news.
    #[inline]
    pub(crate) const fn mark_dirty(&mut self) -> bool {
        let news = self.marks & DIRTY == 0;
        self.marks |= DIRTY;
        news
    }

    pub(crate) const fn is_used(&self) -> bool {
        self.marks & USED != 0
    }

    pub(crate) const fn release(&mut self) {
        self.marks = 0;
    }

    /// What is new, once.
    pub(crate) fn take_delta(&mut self) -> Option<FlowDelta> {
        if self.marks & DIRTY == 0 {
            return None;
        }
        self.marks &= !DIRTY;
        let [forward, reverse] = self.fresh;
        self.fold();
        Some(FlowDelta {
            src_ip: self.src_ip,
            dst_ip: self.dst_ip,
            protocol: self.protocol,
            app: self.app,
            direction: self.direction,
            forward,
            reverse,
        })
    }

    fn fold(&mut self) {
        for (total, fresh) in self.reported.iter_mut().zip(&mut self.fresh) {
            *total += std::mem::take(fresh);
        }
    }

    /// The record of what was counted, and an empty flow that goes on; `None` where nothing was
    /// counted. The delta has to be taken before.
    pub(crate) fn take_record(&mut self, link: LinkId, end_reason: EndReason) -> Option<FlowRecord> {
        if self.is_empty() {
            return None;
        }
        self.fold();
        let [forward, reverse] = std::mem::take(&mut self.reported);
        let [tcp_flags, tcp_flags_rev] = std::mem::take(&mut self.tcp_flags);
        let [icmp, icmp_rev] = std::mem::take(&mut self.icmp);
        Some(FlowRecord {
            link,
            start: Timestamp::from_nanos(self.start),
            end: Timestamp::from_nanos(self.last),
            src_ip: self.src_ip,
            dst_ip: self.dst_ip,
            src_port: self.src_port,
            dst_port: self.dst_port,
            protocol: self.protocol,
            vlan: self.vlan,
            vlan_inner: self.vlan_inner,
            src_mac: self.src_mac,
            dst_mac: self.dst_mac,
            packets: forward.packets,
            bytes: forward.bytes,
            packets_rev: reverse.packets,
            bytes_rev: reverse.bytes,
            tcp_flags,
            tcp_flags_rev,
            icmp,
            icmp_rev,
            tos: self.tos,
            app: self.app,
            direction: self.direction,
            end_reason,
            export: None,
            l7: None,
            quality: None,
        })
    }
}
