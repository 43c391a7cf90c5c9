//! pcap: a header of 24 octets, then packets. Magic numbers: a1b2c3d4 (µs), a1b23c4d (ns), a1b2cd34
//! (µs, Kuznetzov's variant with 8 more octets a packet), each in both byte orders.

use model::Timestamp;

use super::buffer::Buffer;
use super::{MAX_RECORD, Step};
use crate::ahead::fetch;
use crate::{Error, Frame};

/// What the file header says.
pub(crate) struct Header {
    big_endian: bool,
    nanoseconds: bool,
    /// Octets of a packet's header.
    record: usize,
    link_type: u16,
    fcs: u32,
}

impl Header {
    /// Parses a file header; `None` where the magic number is another.
    pub(crate) fn parse(ahead: &[u8]) -> Option<Result<Self, Error>> {
        let magic = *ahead.first_chunk::<4>()?;
        let little = u32::from_le_bytes(magic);
        let big = u32::from_be_bytes(magic);
        let known = |m| matches!(m, 0xa1b2_c3d4 | 0xa1b2_3c4d | 0xa1b2_cd34);
        let (big_endian, kind) = match (known(little), known(big)) {
            (true, _) => (false, little),
            (_, true) => (true, big),
            _ => return None,
        };
        let Some(&[.., n0, n1, n2, n3]) = ahead.first_chunk::<24>() else {
            return Some(Err(Error::Truncated {
                offset: 0,
                end: ahead.len() as u64,
                what: "file header",
            }));
        };
        let network = number(big_endian, [n0, n1, n2, n3]);
        // Bit 26: the top four bits count the FCS in 16-bit words.
        let fcs = if network & 0x0400_0000 != 0 {
            (network >> 28) * 2
        } else {
            0
        };
        Some(Ok(Self {
            big_endian,
            nanoseconds: kind == 0xa1b2_3c4d,
            record: if kind == 0xa1b2_cd34 { 24 } else { 16 },
            link_type: (network & 0xffff) as u16,
            fcs,
        }))
    }

    /// Hands over the whole packets that the buffer holds, and adds their number to `frames`.
    pub(crate) fn read(
        &mut self,
        buffer: &mut Buffer,
        frames: &mut usize,
        on_frames: &mut impl FnMut(&mut dyn Iterator<Item = Frame<'_>>),
    ) -> Result<Step, Error> {
        // One loop a byte order and header length: the constants fold.
        match (self.big_endian, self.record) {
            (false, 16) => self.run::<false, 16>(buffer, frames, on_frames),
            (true, 16) => self.run::<true, 16>(buffer, frames, on_frames),
            (false, _) => self.run::<false, 24>(buffer, frames, on_frames),
            (true, _) => self.run::<true, 24>(buffer, frames, on_frames),
        }
    }

    fn run<const BIG: bool, const HEADER: usize>(
        &self,
        buffer: &mut Buffer,
        frames: &mut usize,
        on_frames: &mut impl FnMut(&mut dyn Iterator<Item = Frame<'_>>),
    ) -> Result<Step, Error> {
        let ahead = buffer.ahead();
        let mut records = Records::<BIG, HEADER> {
            header: self,
            rest: ahead,
            frames: 0,
            scout: ahead,
            lead: 0,
        };
        on_frames(&mut records);
        // What nobody asked for.
        records.by_ref().for_each(drop);
        *frames += records.frames;
        let step = records.stopped();
        let used = ahead.len() - records.rest.len();
        let offset = buffer.position() + used as u64;
        buffer.consume(used);
        step.map_err(|what| Error::Damaged { offset, what })
    }
}

/// The packets of a buffer.
struct Records<'a, const BIG: bool, const HEADER: usize> {
    header: &'a Header,
    rest: &'a [u8],
    frames: usize,
    /// What is behind the packets whose headers are fetched, and how many of those were not asked for yet.
    scout: &'a [u8],
    lead: usize,
}

/// Packets whose headers are fetched before they are asked for.
const LEAD: usize = 6;

impl<'a, const BIG: bool, const HEADER: usize> Records<'a, BIG, HEADER> {
    /// Fetches the header of the next packet whose place is known: where it is, the header before it says, which was
    /// fetched a packet ago.
    #[inline]
    fn scout(&mut self) {
        let Some(&[c0, c1, c2, c3]) = self.scout.get(8..).and_then(<[u8]>::first_chunk) else {
            return;
        };
        let captured = number(BIG, [c0, c1, c2, c3]) as usize;
        self.scout = self.scout.get(HEADER.saturating_add(captured)..).unwrap_or(&[]);
        fetch::<3>(self.scout);
        self.lead += 1;
    }

    /// Why there is no next packet.
    fn stopped(&self) -> Result<Step, String> {
        let Some(captured) = self.rest.get(..HEADER).and_then(|h| h.get(8..12)) else {
            return Ok(Step::Starved {
                needed: HEADER,
                what: "packet header",
            });
        };
        let captured = number(BIG, captured.first_chunk().copied().unwrap_or_default()) as usize;
        if captured > MAX_RECORD - HEADER {
            return Err(format!("a packet of {captured} bytes"));
        }
        Ok(Step::Starved {
            needed: HEADER + captured,
            what: "packet",
        })
    }
}

impl<'a, const BIG: bool, const HEADER: usize> Iterator for Records<'a, BIG, HEADER> {
    type Item = Frame<'a>;

    #[inline]
    fn next(&mut self) -> Option<Frame<'a>> {
        let (h, after) = self.rest.split_first_chunk::<HEADER>()?;
        let &[s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, w0, w1, w2, w3] = h.first_chunk::<16>()?;
        let captured = number(BIG, [c0, c1, c2, c3]) as usize;
        if captured > MAX_RECORD - HEADER {
            return None;
        }
        let (data, rest) = after.split_at_checked(captured)?;
        self.rest = rest;
        self.lead = self.lead.saturating_sub(1);
        self.scout();
        if self.lead < LEAD {
            self.scout();
        }
        self.frames += 1;
        let fraction = u64::from(number(BIG, [f0, f1, f2, f3]));
        let nanos = if self.header.nanoseconds {
            fraction
        } else {
            fraction * 1_000
        };
        let wire = number(BIG, [w0, w1, w2, w3]);
        Some(Frame {
            time: Timestamp::from_secs(u64::from(number(BIG, [s0, s1, s2, s3]))).plus_nanos(nanos),
            link_type: self.header.link_type,
            data,
            wire_len: wire.saturating_sub(self.header.fcs),
            vlan_tci: None,
            vlan_tpid: crate::TPID,
        })
    }
}

#[inline]
const fn number(big_endian: bool, octets: [u8; 4]) -> u32 {
    if big_endian {
        u32::from_be_bytes(octets)
    } else {
        u32::from_le_bytes(octets)
    }
}
