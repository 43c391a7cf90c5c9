//! Loss and jitter of a media stream, by RFC 3550, appendices A.1, A.3 and A.8.

use model::SideQuality;

/// A jump ahead that is a gap; a larger one is a stream that begins anew (appendix A.1).
const MAX_DROPOUT: u16 = 3000;
/// How far behind a packet is late; further, the stream began anew.
const MAX_MISORDER: u16 = 100;
/// Packets, and nanoseconds, after which the clock of a dynamic payload type is told from its timestamps.
const CLOCK_PACKETS: u32 = 16;
const CLOCK_NANOS: u64 = 400_000_000;
/// Clocks that dynamic payload types have.
const CLOCKS: [u32; 7] = [8_000, 16_000, 24_000, 32_000, 44_100, 48_000, 90_000];

/// One direction's stream.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rtp {
    is_open: bool,
    ssrc: u32,
    payload_type: u8,
    /// Highest sequence number, extended by its cycles, from the first one on.
    highest: u64,
    first: u64,
    received: u64,
    /// Packets missing of earlier streams of the direction, and how many were reported.
    lost_before: u64,
    reported_lost: u64,
    packets: u32,
    /// In timestamp units a second; `None` while it is not known.
    clock: Option<u32>,
    /// Of the packet with which the clock's measuring began.
    began: (u64, u32, u32),
    /// Arrival in nanoseconds and timestamp of the latest packet.
    latest: (u64, u32),
    /// In timestamp units, times 16 (appendix A.8).
    jitter: u64,
    max_jitter_us: u32,
}

/// What of a packet's header matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
}

impl Header {
    /// The header of a datagram; `None` where it is not RTP: other protocols share its port (RFC 7983), and RTCP
    /// (RFC 5761) does.
    pub(crate) fn read(payload: &[u8]) -> Option<Self> {
        let h = payload.first_chunk::<12>()?;
        if h[0] >> 6 != 2 || matches!(h[1], 192..=223) {
            return None;
        }
        Some(Self {
            payload_type: h[1] & 0x7f,
            sequence: u16::from_be_bytes([h[2], h[3]]),
            timestamp: u32::from_be_bytes([h[4], h[5], h[6], h[7]]),
            ssrc: u32::from_be_bytes([h[8], h[9], h[10], h[11]]),
        })
    }
}

impl Rtp {
    /// Counts a packet that arrived at `now`, nanoseconds since the epoch.
    pub(crate) fn packet(&mut self, header: &Header, now: u64) {
        if !self.is_open || header.ssrc != self.ssrc || !self.advance(header.sequence) {
            self.begin(header, now);
            return;
        }
        self.received += 1;
        // One packet alone is no stream (appendix A.1): octets that nobody can read look like that by chance.
        let confirmed = if self.received == 2 { 2 } else { 1 };
        self.packets = self.packets.saturating_add(confirmed);
        if header.payload_type != self.payload_type {
            // Comfort noise (13) and telephone events keep the clock of the stream that they are in (RFC 3389,
            // section 5.1; RFC 4733, section 2.1), another codec need not: its first packet is compared with nothing.
            self.payload_type = header.payload_type;
            if let Some(clock) = static_clock(header.payload_type)
                && self.clock.is_some_and(|old| old != clock)
            {
                self.clock = Some(clock);
                self.latest = (now, header.timestamp);
                return;
            }
        }
        match self.clock {
            Some(clock) => self.measure(header.timestamp, now, clock),
            None => self.learn_clock(header.timestamp, now),
        }
        self.latest = (now, header.timestamp);
    }

    fn begin(&mut self, header: &Header, now: u64) {
        *self = Self {
            is_open: true,
            ssrc: header.ssrc,
            payload_type: header.payload_type,
            // Room for packets that come late.
            highest: u64::from(header.sequence) + 0x1_0000,
            first: u64::from(header.sequence) + 0x1_0000,
            received: 1,
            lost_before: self.lost_before + self.lost(),
            reported_lost: self.reported_lost,
            packets: self.packets,
            clock: static_clock(header.payload_type),
            began: (now, header.timestamp, self.packets),
            latest: (now, header.timestamp),
            jitter: 0,
            max_jitter_us: self.max_jitter_us,
        };
    }

    /// Moves the highest number on; whether the stream goes on.
    fn advance(&mut self, sequence: u16) -> bool {
        #[allow(clippy::cast_possible_truncation, reason = "the number without its cycles")]
        let ahead = sequence.wrapping_sub(self.highest as u16);
        if ahead < MAX_DROPOUT {
            self.highest += u64::from(ahead);
            return true;
        }
        // Late, or twice: numbers before the first one make the stream begin earlier.
        let behind = ahead.wrapping_neg();
        if behind > MAX_MISORDER {
            return false;
        }
        self.first = self.first.min(self.highest - u64::from(behind));
        true
    }

    /// Packets that are missing between the first and the highest (appendix A.3). Packets that came twice hide some.
    const fn lost(&self) -> u64 {
        if !self.is_open {
            return 0;
        }
        (self.highest - self.first + 1).saturating_sub(self.received)
    }

    /// Appendix A.8.
    fn measure(&mut self, timestamp: u32, now: u64, clock: u32) {
        let (then, before) = self.latest;
        #[allow(clippy::cast_possible_wrap, reason = "timestamps wrap around")]
        let sent = i128::from(timestamp.wrapping_sub(before) as i32);
        let arrived = (i128::from(now) - i128::from(then)) * i128::from(clock);
        // In 1/1,000,000,000 of a timestamp unit.
        let difference = (arrived - sent * 1_000_000_000).unsigned_abs();
        let units = u64::try_from(difference / 1_000_000_000).unwrap_or(u64::MAX);
        // More than ten seconds: the sender's timestamps jumped.
        if units > u64::from(clock) * 10 {
            return;
        }
        self.jitter = (self.jitter + units).saturating_sub((self.jitter + 8) >> 4);
        let us = (self.jitter >> 4) * 1_000_000 / u64::from(clock);
        self.max_jitter_us = self.max_jitter_us.max(u32::try_from(us).unwrap_or(u32::MAX));
    }

    /// The clock of a dynamic payload type, from how its timestamps go.
    fn learn_clock(&mut self, timestamp: u32, now: u64) {
        let (then, before, packets) = self.began;
        let nanos = now.saturating_sub(then);
        if self.packets.saturating_sub(packets) < CLOCK_PACKETS || nanos < CLOCK_NANOS {
            return;
        }
        let rate = u128::from(timestamp.wrapping_sub(before)) * 1_000_000_000 / u128::from(nanos);
        let near = |clock: &&u32| u128::from(**clock).abs_diff(rate) * 8 < u128::from(**clock);
        match CLOCKS
            .iter()
            .filter(near)
            .min_by_key(|clock| u128::from(**clock).abs_diff(rate))
        {
            Some(clock) => self.clock = Some(*clock),
            // Silence, or a burst: from here on again.
            None => self.began = (now, timestamp, self.packets),
        }
    }

    /// Moves what was counted since the last time into `side`.
    pub(crate) fn take(&mut self, side: &mut SideQuality) {
        let lost = self.lost_before + self.lost();
        // Late packets may have taken back what was reported.
        let news = lost.saturating_sub(self.reported_lost);
        self.reported_lost = self.reported_lost.max(lost);
        side.rtp_packets = side.rtp_packets.saturating_add(std::mem::take(&mut self.packets));
        side.rtp_lost = side.rtp_lost.saturating_add(u32::try_from(news).unwrap_or(u32::MAX));
        side.rtp_jitter_us = side.rtp_jitter_us.max(std::mem::take(&mut self.max_jitter_us));
        self.began.2 = 0;
    }
}

/// The clock of a static payload type (RFC 3551, tables 4 and 5).
const fn static_clock(payload_type: u8) -> Option<u32> {
    match payload_type {
        0 | 3..=5 | 7..=9 | 12 | 13 | 15 | 18 => Some(8_000),
        6 => Some(16_000),
        10 | 11 => Some(44_100),
        16 => Some(11_025),
        17 => Some(22_050),
        14 | 25 | 26 | 28 | 31..=34 => Some(90_000),
        _ => None,
    }
}
