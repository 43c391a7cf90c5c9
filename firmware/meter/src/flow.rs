//! A flow in the cache.

use dissect::Packet;
use dissect::l7::{CALLS, Inspection};
use model::{
    App, Counters, Definitions, Delays, Direction, EndReason, FlowDelta, FlowRecord, IcmpType, L7, LinkId, MacAddr,
    Quality, Timestamp,
};
use std::net::IpAddr;

use crate::fragments::Odd;
use crate::identity::NOBODY;
use crate::key::Key;
use crate::rtp;
use crate::tcp::{ACK, FIN, Measured, RST, SYN, Track};
use crate::trouble::Trouble;

/// What a flow has seen of TCP's end, and its marks.
const FIN_FORWARD: u16 = 1;
const FIN_REVERSE: u16 = 2;
const RESET: u16 = 4;
/// In the list of flows that have something new.
const DIRTY: u16 = 8;
/// The sender of the first packet is the key's low end.
const FROM_LOW: u16 = 16;
/// In use.
const USED: u16 = 32;
/// Layer 7 has no more to learn.
const DECIDED: u16 = 64;
/// Layer 7 has named the application, and looks on.
const NAMED: u16 = 128;
/// A media stream.
const MEDIA: u16 = 256;
/// Datagrams go to and fro, a request and its response each.
const TURNS: u16 = 512;
/// Fragments overlapped, cut TCP's header, or were beyond the longest datagram.
const OVERLAP: u16 = 1024;
const TINY: u16 = 2048;
const TOO_LONG: u16 = 4096;
/// A packet of it waits for layer 7's look.
const WAITS: u16 = 8192;

pub(crate) const TCP: u8 = 6;
const UDP: u8 = 17;

const RTP_APP: App = App::named("rtp");
/// Whether media streams are in an application: STUN opens the way for them (RFC 7983), and may name whose they are.
fn has_media(app: App) -> bool {
    app == RTP_APP || CALLS.contains(&app)
}

/// Applications over UDP in which each request has its response.
const TURN_APPS: [App; 6] = [
    App::named("dns"),
    App::named("ntp"),
    App::named("snmp"),
    App::named("radius"),
    App::named("ldap"),
    App::named("kerberos"),
];

/// A flow. What each packet touches comes first: two cache lines of four.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Flow {
    pub(crate) key: Key,
    /// Nanoseconds since the epoch, of the latest packet.
    pub(crate) last: u64,
    /// What came since the latest delta, forward and reverse.
    fresh: [Counters; 2],
    /// Time of the first packet in the record.
    pub(crate) start: u64,
    track: Track,
    /// While layer 7 looks. The inspector has to close it.
    pub(crate) inspection: Option<Inspection>,
    marks: u16,
    tcp_flags: [u8; 2],

    app: App,
    pub(crate) direction: Direction,
    tos: u8,
    /// What came before the latest delta.
    reported: [Counters; 2],
    measured: Measured,
    trouble: Option<Box<Trouble>>,
    /// What layer 7 said, in the meter's identities, or [`NOBODY`]. The meter has to release it.
    pub(crate) identity: u32,
    /// The sequence number of the first packet, if it was a SYN.
    syn_seq: u32,
    vlan: Option<u16>,
    vlan_inner: Option<u16>,
    src_mac: Option<MacAddr>,
    dst_mac: Option<MacAddr>,
    icmp: [Option<IcmpType>; 2],
    // Where the packets of a flow are kept, the position of its first one goes here, and into its record.
}

const _: () = assert!(size_of::<Flow>() <= 256, "a million flows have 256 MB");

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
        let app = App::by_port(packet.protocol, packet.src_port, packet.dst_port);
        let turns = packet.protocol == UDP && TURN_APPS.contains(&app);
        Self {
            key,
            last: first,
            fresh: [Counters::default(); 2],
            start: first,
            track: Track::new(packet),
            inspection: None,
            marks: USED | if from_low { FROM_LOW } else { 0 } | if turns { TURNS } else { 0 },
            tcp_flags: [0; 2],
            app,
            direction,
            tos: packet.tos,
            reported: [Counters::default(); 2],
            measured: Measured::default(),
            trouble: None,
            identity: NOBODY,
            syn_seq: if is_syn { packet.tcp_seq } else { 0 },
            vlan: packet.vlan,
            vlan_inner: packet.vlan_inner,
            src_mac: packet.src_mac,
            dst_mac: packet.dst_mac,
            icmp: [None; 2],
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
        if definitions.is_empty() && self.app.definition().is_none() {
            return;
        }
        let ((src_ip, src_port), (dst_ip, dst_port)) = self.ends();
        self.app = definitions.name(self.app, self.key.protocol(), src_ip, src_port, dst_ip, dst_port);
    }

    /// Source and destination of the first packet.
    fn ends(&self) -> ((IpAddr, u16), (IpAddr, u16)) {
        let [low, high] = self.key.ends();
        if self.marks & FROM_LOW != 0 {
            (low, high)
        } else {
            (high, low)
        }
    }

    /// Counts a packet; whether it goes forward.
    #[inline]
    pub(crate) fn count(&mut self, from_low: bool, packet: &Packet, payload: &[u8], arrival: &Arrival) -> bool {
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
            let (measured, trouble) = (&mut self.measured, &mut self.trouble);
            self.track.segment(packet, side, arrival.last, measured, trouble);
        } else if packet.protocol == UDP {
            if self.marks & MEDIA != 0 {
                self.media(side, payload, arrival.last);
            } else if packet.payload.length != 0 {
                if self.marks & (DECIDED | TURNS) == 0 {
                    // A media stream is known by its second packet at best; the first ones count as well.
                    self.media(side, payload, arrival.last);
                }
                let turns = self.marks & TURNS != 0;
                self.track.datagram(side, arrival.last, turns, &mut self.measured);
            }
        } else if packet.icmp.is_some() && self.icmp[side].is_none() {
            self.icmp[side] = packet.icmp;
        }
        forward
    }

    fn media(&mut self, side: usize, payload: &[u8], now: u64) {
        let Some(header) = rtp::Header::read(payload) else {
            return;
        };
        let rtp = Trouble::of(&mut self.trouble).rtp.get_or_insert_default();
        rtp[side & 1].packet(&header, now);
    }

    /// The sequence numbers that come next, where they are known.
    #[inline]
    pub(crate) fn expected(&self) -> [Option<u32>; 2] {
        self.track.expected()
    }

    /// Whether layer 7 wants to see the packet.
    #[inline]
    pub(crate) fn is_looked_at(&self, packet: &Packet, payload: &[u8]) -> bool {
        self.marks & DECIDED == 0
            && (!payload.is_empty()
                || self.inspection.is_some()
                    && (packet.payload.length != 0 || packet.tcp_flags & (SYN | FIN | RST) != 0))
    }

    /// Whether a packet of it waits for layer 7's look.
    #[inline]
    pub(crate) const fn waits(&self) -> bool {
        self.marks & WAITS != 0
    }

    /// A packet of it begins to wait for layer 7's look, or waits no more.
    pub(crate) const fn set_waits(&mut self, waits: bool) {
        if waits {
            self.marks |= WAITS;
        } else {
            self.marks &= !WAITS;
        }
    }

    /// Layer 7 has no more to learn.
    pub(crate) const fn decide(&mut self) {
        self.marks |= DECIDED;
    }

    /// Whether layer 7 names the flow for the first time.
    pub(crate) const fn is_news(&mut self) -> bool {
        let news = self.marks & NAMED == 0;
        self.marks |= NAMED;
        news
    }

    /// The application that layer 7 knows. `payload` is the packet's that made it known.
    pub(crate) fn identify(&mut self, app: Option<App>, forward: bool, payload: &[u8], now: u64) {
        if !app.is_some_and(has_media)
            && self.marks & MEDIA == 0
            && let Some(trouble) = &mut self.trouble
        {
            trouble.rtp = None;
        }
        let Some(app) = app else { return };
        self.app = app;
        if self.key.protocol() != UDP {
            return;
        }
        if has_media(app) && self.marks & MEDIA == 0 {
            self.marks |= MEDIA;
            if app == RTP_APP && self.track.leave_responses() {
                self.measured.forget_responses();
            }
            if self.trouble.as_ref().is_none_or(|trouble| trouble.rtp.is_none()) {
                self.media(usize::from(!forward), payload, now);
            }
        }
        if TURN_APPS.contains(&app) {
            self.marks |= TURNS;
        }
    }

    /// Takes responses that layer 7 measured; the flow's own no longer count.
    pub(crate) fn respond(&mut self, responses: Delays) {
        if self.track.leave_responses() {
            self.measured.forget_responses();
        }
        self.measured.add(responses);
    }

    /// Something is wrong with the fragments of one of its datagrams.
    pub(crate) const fn mark_odd(&mut self, odd: Odd) {
        if odd.overlaps {
            self.marks |= OVERLAP;
        }
        if odd.tiny {
            self.marks |= TINY;
        }
        if odd.too_long {
            self.marks |= TOO_LONG;
        }
    }

    /// What is wrong with the fragments of its datagrams.
    pub(crate) const fn odd(&self) -> Odd {
        Odd {
            overlaps: self.marks & OVERLAP != 0,
            tiny: self.marks & TINY != 0,
            too_long: self.marks & TOO_LONG != 0,
        }
    }

    /// Addresses of the cache lines that a packet looks at.
    #[inline]
    pub(crate) fn addresses(&self) -> [*const u8; 3] {
        [
            std::ptr::from_ref(&self.key).cast(),
            std::ptr::from_ref(&self.start).cast(),
            std::ptr::from_ref(&self.measured).cast(),
        ]
    }

    /// Whether nothing was counted since the last record.
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        // What is fresh comes first: it is at hand.
        self.fresh[0].packets | self.fresh[1].packets == 0 && self.reported[0].packets | self.reported[1].packets == 0
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

    pub(crate) fn release(&mut self) {
        self.marks = 0;
        self.trouble = None;
    }

    /// What is new, once.
    pub(crate) fn take_delta(&mut self) -> Option<FlowDelta> {
        if self.marks & DIRTY == 0 {
            return None;
        }
        self.marks &= !DIRTY;
        let [forward, reverse] = self.fresh;
        self.fold();
        let ((src_ip, _), (dst_ip, _)) = self.ends();
        Some(FlowDelta {
            src_ip,
            dst_ip,
            protocol: self.key.protocol(),
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
    pub(crate) fn take_record(
        &mut self,
        link: LinkId,
        end_reason: EndReason,
        l7: impl FnOnce(&mut Self) -> Option<Box<L7>>,
    ) -> Option<FlowRecord> {
        if self.is_empty() {
            return None;
        }
        self.fold();
        let [forward, reverse] = std::mem::take(&mut self.reported);
        let [tcp_flags, tcp_flags_rev] = std::mem::take(&mut self.tcp_flags);
        let [icmp, icmp_rev] = std::mem::take(&mut self.icmp);
        let l7 = l7(self);
        let quality = self.take_quality();
        let ((src_ip, src_port), (dst_ip, dst_port)) = self.ends();
        Some(FlowRecord {
            link,
            start: Timestamp::from_nanos(self.start),
            end: Timestamp::from_nanos(self.last),
            src_ip,
            dst_ip,
            src_port,
            dst_port,
            protocol: self.key.protocol(),
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
            l7,
            quality,
        })
    }

    fn take_quality(&mut self) -> Option<Box<Quality>> {
        let mut quality = Quality::default();
        self.measured.take(&mut quality);
        if let Some(trouble) = &mut self.trouble {
            trouble.take(&mut quality, self.marks & MEDIA != 0);
        }
        (!quality.is_empty()).then(|| Box::new(quality))
    }
}
