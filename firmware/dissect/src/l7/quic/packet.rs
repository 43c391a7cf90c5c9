//! Long headers (RFC 9000, section 17.2).

use super::version;
use crate::l7::tls::octets::Octets;

/// The longest connection identifier of the versions that are known.
const CONNECTION_MAX: usize = 20;

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Initial,
    ZeroRtt,
    Handshake,
    Retry,
    /// The server names the versions that it has.
    Versions,
}

/// A packet with a long header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Long<'a> {
    pub(super) kind: Kind,
    pub(super) version: u32,
    /// The receiver's connection identifier.
    pub(super) destination: &'a [u8],
    /// The whole packet.
    pub(super) octets: &'a [u8],
    /// Where its number begins.
    pub(super) number_at: usize,
    /// Whether all of it is there.
    pub(super) whole: bool,
}

/// A number of variable length (RFC 9000, section 16).
pub(super) fn variable(octets: &mut Octets<'_>) -> Option<u64> {
    let first = octets.u8()?;
    let mut value = u64::from(first & 0x3f);
    for octet in octets.take((1 << (first >> 6)) - 1)? {
        value = value << 8 | u64::from(*octet);
    }
    Some(value)
}

/// Splits the first packet off a datagram; `None` where none with a long header begins. It may be cut short.
pub(super) fn long(datagram: &[u8]) -> Option<(Long<'_>, &[u8])> {
    let mut octets = Octets(datagram);
    let first = octets.u8()?;
    if first & 0x80 == 0 {
        return None;
    }
    let version = octets.u32()?;
    if google_46(version) {
        return Some((google(datagram, version), &[]));
    }
    let destination = octets.vector8()?;
    let source = octets.vector8()?;
    let whole = |kind| {
        let packet = Long {
            kind,
            version,
            destination,
            octets: datagram,
            number_at: 0,
            whole: true,
        };
        Some((packet, &[][..]))
    };
    if version == 0 {
        return whole(Kind::Versions);
    }
    // the second bit is 1, or anything among those who agreed on that (RFC 9287)
    if destination.len() > CONNECTION_MAX || source.len() > CONNECTION_MAX {
        return None;
    }
    let kind = match (version, first >> 4 & 3) {
        (version::V2, 1) => Kind::Initial,
        (version::V2, 2) => Kind::ZeroRtt,
        (version::V2, 3) => Kind::Handshake,
        (version::V2, _) => Kind::Retry,
        (_, 0) => Kind::Initial,
        (_, 1) => Kind::ZeroRtt,
        (_, 2) => Kind::Handshake,
        _ => Kind::Retry,
    };
    if kind == Kind::Retry {
        return whole(kind);
    }
    if kind == Kind::Initial {
        let token = usize::try_from(variable(&mut octets)?).ok()?;
        octets.take(token)?;
    }
    let length = usize::try_from(variable(&mut octets)?).ok()?;
    let number_at = datagram.len() - octets.0.len();
    let whole = octets.take_up_to(length).len() == length;
    let (packet, rest) = datagram.split_at(datagram.len() - octets.0.len());
    let packet = Long {
        kind,
        version,
        destination,
        octets: packet,
        number_at,
        whole,
    };
    Some((packet, rest))
}

/// Google's versions 44 to 49: a long header of their own, and no encryption that others could not read.
fn google_46(version: u32) -> bool {
    (u32::from_be_bytes(*b"Q044")..=u32::from_be_bytes(*b"Q049")).contains(&version)
}

fn google(datagram: &[u8], version: u32) -> Long<'_> {
    Long {
        kind: Kind::Initial,
        version,
        destination: &[],
        octets: datagram,
        number_at: 0,
        whole: true,
    }
}
