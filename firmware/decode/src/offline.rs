//! Exporters' datagrams in captures.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;

use dissect::{Frame, dissect};

/// Datagrams in pieces that are put together at the same time.
const OPEN_MAX: usize = 256;
/// The longest UDP payload.
const LENGTH_MAX: usize = 65_535;
const UDP: u8 = 17;

/// A UDP datagram of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// The sender.
    pub src: IpAddr,
    /// The receiver.
    pub dst: IpAddr,
    /// The sender's port.
    pub src_port: u16,
    /// The receiver's port.
    pub dst_port: u16,
    /// Its payload.
    pub payload: Cow<'a, [u8]>,
}

/// Finds UDP datagrams in frames, and puts fragmented ones together.
#[derive(Debug, Default)]
pub struct Extractor {
    open: HashMap<(IpAddr, IpAddr, u32), Pieces>,
    turn: u64,
    /// Datagrams that were given up because a fragment was missing or too many were open.
    given_up: u64,
}

/// Fragments of a datagram.
#[derive(Debug, Default)]
struct Pieces {
    parts: Vec<(usize, Vec<u8>)>,
    /// Octets in all, once the last fragment came.
    length: Option<usize>,
    turn: u64,
}

impl Pieces {
    fn add(&mut self, offset: usize, octets: &[u8], more: bool) {
        if offset + octets.len() > LENGTH_MAX || self.parts.iter().any(|(at, _)| *at == offset) {
            return;
        }
        if !more {
            self.length = Some(offset + octets.len());
        }
        self.parts.push((offset, octets.to_vec()));
    }

    /// The whole, if it is.
    fn whole(&mut self) -> Option<Vec<u8>> {
        let length = self.length?;
        if self.parts.iter().map(|(_, part)| part.len()).sum::<usize>() < length {
            return None;
        }
        self.parts.sort_by_key(|(offset, _)| *offset);
        let mut whole = Vec::with_capacity(length);
        for (offset, part) in &self.parts {
            if *offset != whole.len() {
                return None;
            }
            whole.extend_from_slice(part);
        }
        (whole.len() == length).then_some(whole)
    }
}

impl Extractor {
    /// The datagram that a frame is, or that it completes.
    pub fn push<'a>(&mut self, frame: &Frame<'a>) -> Option<Datagram<'a>> {
        let packet = dissect(frame).ok().filter(|packet| packet.protocol == UDP)?;
        let start = usize::try_from(packet.payload.offset).ok()?;
        let captured = usize::try_from(packet.payload.captured).ok()?;
        let payload = frame.data.get(start..start + captured)?;
        let Some(fragment) = packet.fragment else {
            return packet.has_transport.then_some(Datagram {
                src: packet.src,
                dst: packet.dst,
                src_port: packet.src_port,
                dst_port: packet.dst_port,
                payload: Cow::Borrowed(payload),
            });
        };
        // The first fragment's UDP header lies before its payload.
        let offset = usize::try_from(fragment.offset).ok()?;
        let octets = match packet.has_transport {
            true => frame.data.get(start.checked_sub(8)?..start + captured)?,
            false => payload,
        };
        self.turn += 1;
        let key = (packet.src, packet.dst, fragment.id);
        if self.open.len() >= OPEN_MAX && !self.open.contains_key(&key) {
            let oldest = self
                .open
                .iter()
                .min_by_key(|(_, pieces)| pieces.turn)
                .map(|(key, _)| *key)?;
            self.open.remove(&oldest);
            self.given_up += 1;
        }
        let pieces = self.open.entry(key).or_default();
        pieces.turn = self.turn;
        pieces.add(offset, octets, fragment.more);
        let whole = pieces.whole()?;
        self.open.remove(&key);
        let (&[a, b, c, d, ..], body) = whole.split_first_chunk::<8>()?;
        Some(Datagram {
            src: packet.src,
            dst: packet.dst,
            src_port: u16::from_be_bytes([a, b]),
            dst_port: u16::from_be_bytes([c, d]),
            payload: Cow::Owned(body.to_vec()),
        })
    }

    /// Datagrams that were never completed.
    #[must_use]
    pub fn incomplete(&self) -> u64 {
        self.given_up + self.open.len() as u64
    }
}

/// Whether a datagram can be one of the exporters' protocols, by its header and length: for captures that hold others.
#[must_use]
pub fn looks_exported(payload: &[u8]) -> bool {
    let fixed = |count: u8, header: usize, record: usize| {
        (1..=40).contains(&count) && payload.len() >= header + usize::from(count) * record
    };
    match payload {
        [0, 1, 0, count, ..] => fixed(*count, 16, 48),
        [0, 5, 0, count, ..] => fixed(*count, 24, 48),
        [0, 7, 0, count, ..] => fixed(*count, 24, 52),
        // The first set has an identifier of a template or of data, and fits.
        [0, 9, ..] => payload.get(20..24).is_some_and(|set| match set {
            [high, low, a, b] => {
                let length = usize::from(u16::from_be_bytes([*a, *b]));
                (*high != 0 || *low < 2) && (4..=payload.len() - 20).contains(&length)
            }
            _ => false,
        }),
        [0, 10, a, b, ..] => payload.len() >= 16 && usize::from(u16::from_be_bytes([*a, *b])) == payload.len(),
        [0, 0, 0, 5, 0, 0, 0, 1 | 2, ..] => payload.len() >= 28,
        _ => false,
    }
}
