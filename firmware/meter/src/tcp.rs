//! What a TCP connection's segments say of its quality. Only sequence numbers and flags are looked at (RFC 9293); the
//! same states keep the time of a request of other protocols.
//!
//! A segment is judged by the octets that it carries, SYN and FIN counted as one each, and by what its side sent before:
//!
//! - its octets begin where the highest ones seen ended: the stream goes on;
//! - they begin later: the octets between are missing, a hole;
//! - they fill a hole that opened less than a round trip ago: the segment came out of order. A hole that is older was
//!   filled by sending again what was lost before it came here, since whoever receives has to ask for it first;
//! - else they were seen before: a retransmission.
//!
//! Keep-alives (at most one octet, just below what was sent; RFC 9293, section 3.8.4) and probes of a closed window
//! (section 3.8.6.1) are none of these.

use dissect::Packet;
use model::{Delays, Quality};

use crate::trouble::{Hole, Trouble};

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const ACK: u8 = 16;

/// The next sequence number of a side is known: one bit a side.
const KNOWN: u16 = 1;
/// A side's latest window was closed: one bit a side.
const CLOSED: u16 = 4;
/// The client's SYN was seen; `mark` is its time.
const SYN_SENT: u16 = 16;
/// The server's SYN/ACK was seen; `mark` is its time.
const SYN_ACKED: u16 = 32;
/// A request was seen; `mark` is the time of its last octet.
const ASKED: u16 = 64;
/// The client is the receiver of the flow's first packet.
const CLIENT_REVERSE: u16 = 128;
/// Responses are measured by who knows the transactions.
const ELSEWHERE: u16 = 256;
/// A response was measured.
const ANSWERED: u16 = 512;
/// A retransmission's sequence number is at most this far below the highest, and a hole at most this large: half of
/// the largest window (RFC 7323, section 2.3). Beyond, the side is taken to have begun anew.
const FAR: i32 = 1 << 29;
/// The age at which a filled hole tells a retransmission, where the round trip is not known.
const REORDERED: u64 = 3_000_000;

/// The state that every flow has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Track {
    /// Nanoseconds since the epoch; what of is in the state.
    mark: u64,
    /// The sequence number after the highest one seen, a side.
    next: [u32; 2],
    state: u16,
}

/// What is measured once or seldom, and reported.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Measured {
    /// Delays of the handshake, client and server, in microseconds plus one; 0 where there is none. They stay after they
    /// were reported.
    connect: [u32; 2],
    /// Whether each was reported: a record may end between the two.
    connect_reported: [bool; 2],
    responses: u32,
    response_max_us: u32,
    response_total_us: u64,
    resets: [u16; 2],
}

impl Track {
    /// The state of a flow that starts with this packet.
    pub(crate) fn new(packet: &Packet) -> Self {
        let server_first = match packet.tcp_flags & (SYN | ACK) {
            SYN => false,
            // SYN/ACK
            flags if flags & SYN != 0 => true,
            // In the middle: servers have the small ports.
            _ => packet.src_port < 1024 && packet.dst_port >= 1024,
        };
        Self {
            state: if server_first { CLIENT_REVERSE } else { 0 },
            ..Self::default()
        }
    }

    const fn is(&self, state: u16) -> bool {
        self.state & state != 0
    }

    const fn set(&mut self, state: u16, on: bool) {
        if on {
            self.state |= state;
        } else {
            self.state &= !state;
        }
    }

    /// The next sequence number of each side, where it is known.
    pub(crate) fn expected(&self) -> [Option<u32>; 2] {
        [0, 1].map(|side| self.is(KNOWN << side).then(|| self.next[side]))
    }

    /// Responses are measured by another one from now on; whether that is news.
    pub(crate) const fn leave_responses(&mut self) -> bool {
        let news = !self.is(ELSEWHERE);
        self.state = self.state & !ASKED | ELSEWHERE;
        news
    }

    /// A segment, from the flow's first sender (side 0) or to it (side 1).
    #[inline]
    pub(crate) fn segment(
        &mut self,
        packet: &Packet,
        side: usize,
        now: u64,
        measured: &mut Measured,
        trouble: &mut Option<Box<Trouble>>,
    ) {
        let flags = packet.tcp_flags;
        if packet.fragment.is_some() {
            // How many octets it has is in its other fragments.
            self.set(KNOWN << side, false);
            return;
        }
        if flags & RST != 0 {
            let resets = &mut measured.resets[side & 1];
            *resets = resets.saturating_add(1);
            return;
        }
        // A header that was cut off, or none that TCP sends.
        let Some(window) = packet.tcp_window.filter(|_| flags & (SYN | FIN | ACK) != 0) else {
            return;
        };
        let other_closed = self.is(CLOSED << (side ^ 1));
        if window == 0 && flags & (SYN | FIN) == 0 {
            self.set(CLOSED << side, true);
            let of = &mut Trouble::of(trouble).sides[side & 1];
            of.zero_windows = of.zero_windows.saturating_add(1);
        } else {
            self.set(CLOSED << side, false);
        }
        if flags & SYN != 0 || (flags & ACK != 0 && self.is(SYN_SENT | SYN_ACKED)) {
            self.handshake(packet, side, now, measured, trouble);
        }
        let octets = packet.payload.length;
        let span = octets + u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        let next = &mut self.next[side & 1];
        let end = packet.tcp_seq.wrapping_add(span);
        if self.state & (KNOWN << side) == 0 {
            self.state |= KNOWN << side;
            *next = end;
        } else if span == 0 && distance(*next, packet.tcp_seq) <= 0 {
            // An acknowledgement ahead of its side's octets tells of a hole as they do.
            return;
        } else if packet.tcp_seq == *next && !(octets == 1 && span == 1 && other_closed) {
            *next = end;
        } else if !self.unusual(packet, side, span, now, other_closed, measured, trouble) {
            return;
        }
        if octets != 0 {
            self.exchange(side, now, measured);
        }
    }

    /// A segment that does not go on where the highest one ended; whether it brought octets beyond it.
    #[cold]
    #[allow(clippy::too_many_arguments, reason = "the parts of one flow, apart for speed")]
    fn unusual(
        &mut self,
        packet: &Packet,
        side: usize,
        span: u32,
        now: u64,
        other_closed: bool,
        measured: &Measured,
        trouble: &mut Option<Box<Trouble>>,
    ) -> bool {
        let next = &mut self.next[side & 1];
        let (seq, end) = (packet.tcp_seq, packet.tcp_seq.wrapping_add(span));
        let (ahead, ends_ahead) = (distance(*next, seq), distance(*next, end));
        if ahead == 0 || (ahead == -1 && span <= 1) && packet.tcp_flags & (SYN | FIN) == 0 {
            // A probe of a closed window, or a keep-alive.
            debug_assert!(ahead != 0 || other_closed, "what goes on is no exception");
            return false;
        }
        if !(-FAR..=FAR).contains(&ahead) {
            *next = end;
            if let Some(trouble) = trouble {
                trouble.holes[side & 1].clear();
            }
            return true;
        }
        if ahead > 0 {
            *next = end;
            Trouble::of(trouble).open(
                side,
                Hole {
                    from: next_of(seq, ahead),
                    to: seq,
                    since: now,
                },
            );
            return true;
        }
        let round_trip = measured.round_trip().unwrap_or(REORDERED);
        let trouble = Trouble::of(trouble);
        let filled = trouble.fill(side, seq, end);
        let of = &mut trouble.sides[side & 1];
        match filled {
            Some(since) if now.saturating_sub(since) < round_trip => {
                of.out_of_order = of.out_of_order.saturating_add(1)
            }
            _ => of.retransmitted = of.retransmitted.saturating_add(1),
        }
        if ends_ahead > 0 {
            *next = end;
        }
        ends_ahead > 0
    }

    /// The client's SYN, the server's SYN/ACK, the client's ACK.
    #[cold]
    fn handshake(
        &mut self,
        packet: &Packet,
        side: usize,
        now: u64,
        measured: &mut Measured,
        trouble: &mut Option<Box<Trouble>>,
    ) {
        let client = usize::from(self.is(CLIENT_REVERSE));
        match packet.tcp_flags & (SYN | ACK) {
            SYN => {
                let anew = self.is(KNOWN << side) && packet.tcp_seq.wrapping_add(1) != self.next[side & 1];
                if anew && distance(self.next[side & 1], packet.tcp_seq).unsigned_abs() > 1 << 16 {
                    // Another connection on the same ports, whose end was not seen.
                    self.state = 0;
                    measured.connect = [0; 2];
                    measured.connect_reported = [false; 2];
                    if let Some(trouble) = trouble {
                        trouble.holes = Default::default();
                    }
                } else if anew || self.is(SYN_ACKED) || measured.connect != [0; 2] {
                    return;
                }
                self.set(CLIENT_REVERSE, side != 0);
                self.set(ASKED, false);
                self.set(SYN_SENT, true);
                self.mark = now;
            }
            ACK if side == client && self.is(SYN_ACKED) => {
                measured.connect[0] = micros(now, self.mark).saturating_add(1);
                self.set(SYN_SENT | SYN_ACKED, false);
            }
            ACK => {
                // The answer went another way.
                if side == client {
                    self.set(SYN_SENT, false);
                }
            }
            _ if side == client && self.is(SYN_SENT) => {}
            // SYN/ACK
            _ => {
                if self.is(SYN_SENT) {
                    measured.connect[1] = micros(now, self.mark).saturating_add(1);
                } else if !self.is(SYN_ACKED) && self.is(KNOWN << (side ^ 1)) {
                    // One that comes again when the connection is open.
                    return;
                }
                self.set(CLIENT_REVERSE, side == 0);
                self.set(SYN_SENT | ASKED, false);
                self.set(SYN_ACKED, true);
                self.mark = now;
            }
        }
    }

    /// New octets of one side: of a request, or of its response.
    #[inline]
    fn exchange(&mut self, side: usize, now: u64, measured: &mut Measured) {
        if self.is(ELSEWHERE | SYN_SENT | SYN_ACKED) {
            return;
        }
        if side == usize::from(self.is(CLIENT_REVERSE)) {
            self.mark = now;
            self.state |= ASKED;
        } else if self.is(ASKED) {
            self.state = self.state & !ASKED | ANSWERED;
            measured.answer(micros(now, self.mark));
        }
    }

    /// A datagram with payload. `each`: every request has its response; else only the first ones of the flow are
    /// taken for them.
    #[inline]
    pub(crate) fn datagram(&mut self, side: usize, now: u64, each: bool, measured: &mut Measured) {
        if each || !self.is(ANSWERED) {
            self.exchange(side, now, measured);
        }
    }
}

impl Measured {
    fn answer(&mut self, us: u32) {
        self.responses = self.responses.saturating_add(1);
        self.response_max_us = self.response_max_us.max(us);
        self.response_total_us = self.response_total_us.saturating_add(us.into());
    }

    /// From the client to the server and back, in nanoseconds.
    fn round_trip(&self) -> Option<u64> {
        let [client, server] = self.connect.map(|us| us.checked_sub(1).map(u64::from));
        Some((client? + server?) * 1_000)
    }

    /// Moves what was measured since the last time into `quality`.
    pub(crate) fn take(&mut self, quality: &mut Quality) {
        let reported = std::mem::replace(&mut self.connect_reported, self.connect.map(|us| us != 0));
        [quality.connect_client_us, quality.connect_server_us] =
            [0, 1].map(|side| self.connect[side].checked_sub(1).filter(|_| !reported[side]));
        quality.response = Delays {
            count: std::mem::take(&mut self.responses),
            total_us: std::mem::take(&mut self.response_total_us),
            max_us: std::mem::take(&mut self.response_max_us),
        };
        let [forward, reverse] = std::mem::take(&mut self.resets);
        (quality.forward.resets, quality.reverse.resets) = (forward.into(), reverse.into());
    }

    /// Adds responses that somebody else measured.
    pub(crate) fn add(&mut self, responses: Delays) {
        self.responses = self.responses.saturating_add(responses.count);
        self.response_max_us = self.response_max_us.max(responses.max_us);
        self.response_total_us = self.response_total_us.saturating_add(responses.total_us);
    }

    /// Forgets the responses, which somebody else measured as well.
    pub(crate) const fn forget_responses(&mut self) {
        (self.responses, self.response_total_us, self.response_max_us) = (0, 0, 0);
    }
}

/// How far `to` is ahead of `from`, in sequence numbers (RFC 9293, section 3.4).
#[allow(clippy::cast_possible_wrap, reason = "the arithmetic of sequence numbers")]
const fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from) as i32
}

/// The sequence number that is `ahead` below `seq`.
const fn next_of(seq: u32, ahead: i32) -> u32 {
    seq.wrapping_sub(ahead.unsigned_abs())
}

fn micros(now: u64, since: u64) -> u32 {
    u32::try_from(now.saturating_sub(since) / 1_000).unwrap_or(u32::MAX)
}
