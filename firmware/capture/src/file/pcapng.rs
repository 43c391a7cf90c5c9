//! pcapng: blocks of a type, a length, a body and the length again. Sections have their own byte
//! order and interfaces. Blocks that hold no packets are passed over.

use model::Timestamp;

use super::buffer::Buffer;
use super::{MAX_RECORD, Step};
use crate::ahead::{fetch, follow};
use crate::{Error, Frame};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
/// Interfaces of one section; each costs memory.
const MAX_INTERFACES: usize = 65_536;

/// The section that is being read.
pub(crate) struct Section {
    big_endian: bool,
    interfaces: Vec<Interface>,
    /// The time of the latest packet: simple packet blocks have none of their own.
    latest: Timestamp,
}

impl Default for Section {
    fn default() -> Self {
        Self {
            big_endian: false,
            interfaces: Vec::new(),
            latest: Timestamp::EPOCH,
        }
    }
}

#[derive(Clone, Copy)]
struct Interface {
    link_type: u16,
    /// 0 is "no limit".
    snaplen: u32,
    resolution: Resolution,
    /// Seconds to add to each time.
    offset: i64,
    fcs: u32,
}

/// Units of time stamps, if_tsresol.
#[derive(Clone, Copy)]
enum Resolution {
    /// A unit is this many nanoseconds.
    Nanos(u64),
    /// A second has this many units.
    PerSecond(u128),
}

impl Resolution {
    fn parse(octet: u8) -> Self {
        let exponent = u32::from(octet & 0x7f);
        if octet & 0x80 != 0 {
            // Finer than 2^-127 s is finer than the format can use.
            return Self::PerSecond(1 << exponent.min(127));
        }
        match exponent {
            0..=9 => Self::Nanos(10_u64.pow(9 - exponent)),
            _ => Self::PerSecond(10_u128.checked_pow(exponent).unwrap_or(u128::MAX)),
        }
    }

    fn nanos(self, units: u64) -> u64 {
        match self {
            Self::Nanos(nanos) => units.saturating_mul(nanos),
            // 64 bits × 30 bits fit in 128.
            Self::PerSecond(per_second) => {
                u64::try_from(u128::from(units) * 1_000_000_000 / per_second).unwrap_or(u64::MAX)
            }
        }
    }
}

impl Interface {
    fn time(&self, high: u32, low: u32) -> Timestamp {
        let nanos = self.resolution.nanos(u64::from(high) << 32 | u64::from(low));
        let shift = self.offset.unsigned_abs().saturating_mul(1_000_000_000);
        Timestamp::from_nanos(if self.offset < 0 {
            nanos.saturating_sub(shift)
        } else {
            nanos.saturating_add(shift)
        })
    }
}

/// Whether a file starts with a section header.
pub(crate) fn is_section(ahead: &[u8]) -> bool {
    let is_type = ahead.first_chunk::<4>() == Some(&SECTION_HEADER.to_be_bytes());
    is_type && ahead.get(8..).and_then(byte_order).is_some()
}

/// The byte-order magic 1a2b3c4d: whether it is big-endian.
fn byte_order(body: &[u8]) -> Option<bool> {
    match body.first_chunk::<4>()? {
        [0x1a, 0x2b, 0x3c, 0x4d] => Some(true),
        [0x4d, 0x3c, 0x2b, 0x1a] => Some(false),
        _ => None,
    }
}

/// Why there is no next packet.
enum Stop {
    /// The next block is not all there: it has so many octets, as far as is known.
    Starved(usize),
    /// A block to pass over, which is not all there.
    Skip(u64),
    Damaged(String),
}

/// The packets of a buffer.
struct Packets<'a, 's> {
    section: &'s mut Section,
    rest: &'a [u8],
    frames: usize,
    stopped: Option<Stop>,
}

impl<'a> Packets<'a, '_> {
    /// Reads the next block; its packet, if it has one.
    #[inline]
    fn block(&mut self) -> Result<Option<Frame<'a>>, Stop> {
        let section = &mut *self.section;
        let Some((head, _)) = self.rest.split_first_chunk::<8>() else {
            return Err(Stop::Starved(8));
        };
        let [t0, t1, t2, t3, l0, l1, l2, l3] = *head;
        // Reads the same in both byte orders.
        if u32::from_be_bytes([t0, t1, t2, t3]) == SECTION_HEADER {
            let Some(body) = self.rest.get(8..12) else {
                return Err(Stop::Starved(12));
            };
            let Some(order) = byte_order(body) else {
                return Err(Stop::Damaged(
                    "a section header without its byte-order magic".to_owned(),
                ));
            };
            section.big_endian = order;
            section.interfaces.clear();
        }
        let kind = section.number([t0, t1, t2, t3]);
        let length = section.number([l0, l1, l2, l3]);
        // Lengths count in 32-bit words; some writers forget the padding in them.
        if length < 12 {
            return Err(Stop::Damaged(format!("a block of {length} bytes")));
        }
        let padded = (length as usize).next_multiple_of(4);
        let of_interest = matches!(
            kind,
            SECTION_HEADER | INTERFACE_DESCRIPTION | OBSOLETE_PACKET | SIMPLE_PACKET | ENHANCED_PACKET
        );
        if !of_interest && padded > self.rest.len() {
            return Err(Stop::Skip(padded as u64));
        }
        if padded > MAX_RECORD {
            return Err(Stop::Damaged(format!("a block of {length} bytes")));
        }
        let Some((block, next)) = self.rest.split_at_checked(padded) else {
            return Err(Stop::Starved(padded));
        };
        fetch::<2>(next);
        follow(next, padded);
        let Some((body, trailer)) = block.get(8..).and_then(<[u8]>::split_last_chunk::<4>) else {
            return Err(Stop::Damaged(format!("a block of {length} bytes")));
        };
        if section.number(*trailer) != length {
            return Err(Stop::Damaged(format!(
                "a block of {length} bytes that ends in another length"
            )));
        }
        let frame = section.block(kind, body).map_err(Stop::Damaged)?;
        self.rest = next;
        Ok(frame)
    }
}

impl<'a> Iterator for Packets<'a, '_> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        while self.stopped.is_none() {
            match self.block() {
                Ok(None) => {}
                Ok(Some(frame)) => {
                    self.frames += 1;
                    return Some(frame);
                }
                Err(stop) => self.stopped = Some(stop),
            }
        }
        None
    }
}

impl Section {
    /// Hands over the packets of the whole blocks that the buffer holds, and adds their number to `frames`.
    pub(crate) fn read(
        &mut self,
        buffer: &mut Buffer,
        frames: &mut usize,
        on_frames: &mut impl FnMut(&mut dyn Iterator<Item = Frame<'_>>),
    ) -> Result<Step, Error> {
        let ahead = buffer.ahead();
        let mut packets = Packets {
            section: self,
            rest: ahead,
            frames: 0,
            stopped: None,
        };
        on_frames(&mut packets);
        // What nobody asked for.
        packets.by_ref().for_each(drop);
        *frames += packets.frames;
        let Packets { rest, stopped, .. } = packets;
        let used = ahead.len() - rest.len();
        let offset = buffer.position() + used as u64;
        buffer.consume(used);
        match stopped.unwrap_or(Stop::Starved(8)) {
            Stop::Starved(needed) => Ok(Step::Starved { needed, what: "block" }),
            Stop::Skip(octets) => Ok(Step::Skip(octets)),
            Stop::Damaged(what) => Err(Error::Damaged { offset, what }),
        }
    }

    /// What a block says; its packet, if it has one.
    #[inline]
    fn block<'a>(&mut self, kind: u32, body: &'a [u8]) -> Result<Option<Frame<'a>>, String> {
        match kind {
            ENHANCED_PACKET => self.enhanced(body).map(Some),
            INTERFACE_DESCRIPTION => self.interface(body).map(|()| None),
            SIMPLE_PACKET => self.simple(body).map(Some),
            OBSOLETE_PACKET => self.obsolete(body).map(Some),
            _ => Ok(None),
        }
    }

    #[inline]
    fn enhanced<'a>(&mut self, body: &'a [u8]) -> Result<Frame<'a>, String> {
        let Some((h, rest)) = body.split_first_chunk::<20>() else {
            return Err("an enhanced packet block without its header".to_owned());
        };
        let id = self.number([h[0], h[1], h[2], h[3]]);
        let high = self.number([h[4], h[5], h[6], h[7]]);
        let low = self.number([h[8], h[9], h[10], h[11]]);
        let captured = self.number([h[12], h[13], h[14], h[15]]);
        let wire = self.number([h[16], h[17], h[18], h[19]]);
        self.packet(id, Some((high, low)), captured, wire, rest)
    }

    fn obsolete<'a>(&mut self, body: &'a [u8]) -> Result<Frame<'a>, String> {
        let Some((h, rest)) = body.split_first_chunk::<20>() else {
            return Err("a packet block without its header".to_owned());
        };
        // The second 16 bits count drops.
        let id = self.short([h[0], h[1]]);
        let high = self.number([h[4], h[5], h[6], h[7]]);
        let low = self.number([h[8], h[9], h[10], h[11]]);
        let captured = self.number([h[12], h[13], h[14], h[15]]);
        let wire = self.number([h[16], h[17], h[18], h[19]]);
        self.packet(u32::from(id), Some((high, low)), captured, wire, rest)
    }

    fn simple<'a>(&mut self, body: &'a [u8]) -> Result<Frame<'a>, String> {
        let Some((h, rest)) = body.split_first_chunk::<4>() else {
            return Err("a simple packet block without its header".to_owned());
        };
        let wire = self.number(*h);
        let limit = match self.interfaces.first().map_or(0, |i| i.snaplen) {
            0 => u32::MAX,
            snaplen => snaplen,
        };
        // The captured length is not written: the packet, the snap length or the block bounds it.
        let captured = wire.min(limit).min(u32::try_from(rest.len()).unwrap_or(u32::MAX));
        self.packet(0, None, captured, wire, rest)
    }

    #[inline]
    fn packet<'a>(
        &mut self,
        id: u32,
        time: Option<(u32, u32)>,
        captured: u32,
        wire: u32,
        rest: &'a [u8],
    ) -> Result<Frame<'a>, String> {
        let Some(interface) = self.interfaces.get(id as usize) else {
            return Err(format!("a packet of interface {id}, which is not described"));
        };
        let Some(data) = rest.get(..captured as usize) else {
            return Err(format!("a packet of {captured} bytes in a block of {}", rest.len()));
        };
        if let Some((high, low)) = time {
            self.latest = interface.time(high, low);
        }
        Ok(Frame {
            time: self.latest,
            link_type: interface.link_type,
            data,
            wire_len: wire.saturating_sub(interface.fcs),
            vlan_tci: None,
            vlan_tpid: crate::TPID,
        })
    }

    fn interface(&mut self, body: &[u8]) -> Result<(), String> {
        let Some((h, options)) = body.split_first_chunk::<8>() else {
            return Err("an interface description block without its header".to_owned());
        };
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(format!("more than {MAX_INTERFACES} interfaces"));
        }
        let mut interface = Interface {
            link_type: self.short([h[0], h[1]]),
            snaplen: self.number([h[4], h[5], h[6], h[7]]),
            resolution: Resolution::Nanos(1_000),
            offset: 0,
            fcs: 0,
        };
        let mut rest = options;
        while let Some(([c0, c1, l0, l1], after)) = rest.split_first_chunk::<4>() {
            let code = self.short([*c0, *c1]);
            let length = usize::from(self.short([*l0, *l1]));
            let Some(value) = after.get(..length) else { break };
            match (code, value) {
                (0, _) => break,
                (9, [resolution]) => interface.resolution = Resolution::parse(*resolution),
                (13, [fcs]) => interface.fcs = u32::from(*fcs),
                (14, value) => {
                    if let Some(octets) = value.first_chunk::<8>() {
                        interface.offset = if self.big_endian {
                            i64::from_be_bytes(*octets)
                        } else {
                            i64::from_le_bytes(*octets)
                        };
                    }
                }
                _ => {}
            }
            rest = after.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        }
        self.interfaces.push(interface);
        Ok(())
    }

    #[inline]
    const fn number(&self, octets: [u8; 4]) -> u32 {
        if self.big_endian {
            u32::from_be_bytes(octets)
        } else {
            u32::from_le_bytes(octets)
        }
    }

    const fn short(&self, octets: [u8; 2]) -> u16 {
        if self.big_endian {
            u16::from_be_bytes(octets)
        } else {
            u16::from_le_bytes(octets)
        }
    }
}
