//! The link types of capture files, <https://www.tcpdump.org/linktypes.html>: what stands in front
//! of the network header in each.

use model::{MacAddr, MalformedKind};

use crate::ip::Found;
use crate::link::{self, IPV4, IPV6};
use crate::view::{View, be16};
use crate::{Frame, NotMetered};

const SHORT: MalformedKind = MalformedKind::LinkHeader;
/// Link headers that name another link type, inside each other.
const MAX_WRAPPERS: u8 = 3;

type Opened<'a> = Result<(u16, View<'a>), NotMetered>;

/// How a frame is addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cast {
    /// To one station.
    Unicast,
    /// To a group.
    Multicast,
    /// To all.
    Broadcast,
    /// The link type does not say.
    Unknown,
}

/// How a frame is addressed on its link.
#[must_use]
pub fn cast(frame: &Frame<'_>) -> Cast {
    match (frame.link_type, frame.data) {
        (1, [first, rest @ ..]) => match (first & 1, rest) {
            (0, _) => Cast::Unicast,
            (_, [0xff, 0xff, 0xff, 0xff, 0xff, ..]) if *first == 0xff => Cast::Broadcast,
            _ => Cast::Multicast,
        },
        // The packet type of a "cooked" capture.
        (113, [0, kind, ..]) | (276, [_, _, _, _, _, _, _, _, _, _, kind, ..]) => match kind {
            1 => Cast::Broadcast,
            2 => Cast::Multicast,
            _ => Cast::Unicast,
        },
        _ => Cast::Unknown,
    }
}

/// Whether frames of the link type can be dissected.
#[must_use]
pub const fn is_supported(link_type: u16) -> bool {
    matches!(
        link_type,
        0 | 1 | 9 | 12 | 14 | 50 | 51 | 101 | 104 | 105 | 107
            ..=109 | 113 | 117 | 127 | 166 | 192 | 204 | 228 | 229 | 239 | 240 | 258 | 276
    )
}

/// Reads the link-layer header: the EtherType and what follows it.
#[inline]
pub(crate) fn open<'a>(link_type: u16, view: View<'a>, found: &mut Found) -> Opened<'a> {
    match link_type {
        1 => link::ethernet(view, found),
        _ => other(link_type, view, found, 0),
    }
}

fn other<'a>(link_type: u16, view: View<'a>, found: &mut Found, depth: u8) -> Opened<'a> {
    let skip = |n| view.skip(n).map_err(|s| s.of(SHORT));
    match link_type {
        0 => null(view),
        1 => link::ethernet(view, found),
        9 => ppp(address_control(view), 0),
        50 => ppp_serial(view, found),
        51 => ppp(skip(6)?, 0),
        12 | 14 | 101 => link::raw(view),
        104 => {
            let (h, rest) = view.split::<4>().map_err(|s| s.of(SHORT))?;
            link::tags(be16(h[2], h[3]), rest, found)
        }
        105 => ieee80211(view, found),
        107 => frame_relay(view, found),
        108 => null(view),
        109 => null_family(view, skip(12)?),
        113 => sll(view, found),
        117 => pflog(view),
        127 => {
            let (h, _) = view.split::<4>().map_err(|s| s.of(SHORT))?;
            ieee80211(skip(u32::from(u16::from_le_bytes([h[2], h[3]])))?, found)
        }
        // A direction octet, then PPP.
        166 | 204 => ppp(address_control(skip(1)?), 0),
        192 if depth < MAX_WRAPPERS => {
            let (h, _) = view.split::<8>().map_err(|s| s.of(SHORT))?;
            let inner = u16::from_le_bytes([h[4], h[5]]);
            let header = u32::from(u16::from_le_bytes([h[2], h[3]]));
            other(inner, skip(header.max(8))?, found, depth + 1)
        }
        228 => Ok((IPV4, view)),
        229 => Ok((IPV6, view)),
        239 => nflog(view),
        240 => link::ethernet(skip(4)?, found),
        258 if depth < MAX_WRAPPERS => {
            let (h, _) = view.split::<12>().map_err(|s| s.of(SHORT))?;
            let header = u32::from_le_bytes([h[0], h[1], h[2], h[3]]);
            let inner = u16::from_le_bytes([h[8], h[9]]);
            other(inner, skip(header.max(12))?, found, depth + 1)
        }
        276 => sll2(view, found),
        unknown => Err(NotMetered::UnsupportedLink(unknown)),
    }
}

/// BSD loopback: an address family in the byte order of the machine that captured.
fn null(view: View<'_>) -> Opened<'_> {
    let rest = view.skip(4).map_err(|s| s.of(SHORT))?;
    null_family(view, rest)
}

fn null_family<'a>(view: View<'a>, rest: View<'a>) -> Opened<'a> {
    let (h, _) = view.split::<4>().map_err(|s| s.of(SHORT))?;
    let little = u32::from_le_bytes(*h);
    let family = if little > 0xffff { little.swap_bytes() } else { little };
    match family {
        2 => Ok((IPV4, rest)),
        // AF_INET6 of Linux, of NetBSD and OpenBSD, of FreeBSD, of Darwin.
        10 | 24 | 28 | 30 => Ok((IPV6, rest)),
        _ => Err(NotMetered::NonIp(0)),
    }
}

/// Takes off the address and control octets that PPP in HDLC-like framing has (RFC 1662).
fn address_control(view: View<'_>) -> View<'_> {
    match view.split::<2>() {
        Ok(([0xff, 3], rest)) => rest,
        _ => view,
    }
}

/// PPP (RFC 1661): a protocol number of one or two octets. `carrier` is the EtherType to name where it is not IP.
pub(crate) fn ppp(view: View<'_>, carrier: u16) -> Opened<'_> {
    let kind = if carrier == 0 {
        SHORT
    } else {
        MalformedKind::Encapsulation
    };
    let (h, rest) = view.split::<1>().map_err(|s| s.of(kind))?;
    let (protocol, rest) = if h[0] & 1 == 1 {
        (u16::from(h[0]), rest)
    } else {
        let (h, rest) = view.split::<2>().map_err(|s| s.of(kind))?;
        (be16(h[0], h[1]), rest)
    };
    match protocol {
        0x21 => Ok((IPV4, rest)),
        0x57 => Ok((IPV6, rest)),
        _ => Err(NotMetered::NonIp(carrier)),
    }
}

/// PPP or Cisco's framing, told apart by the address octet.
fn ppp_serial<'a>(view: View<'a>, found: &mut Found) -> Opened<'a> {
    match view.split::<4>() {
        Ok(([0x0f | 0x8f, _, high, low], rest)) => link::tags(be16(*high, *low), rest, found),
        _ => ppp(address_control(view), 0),
    }
}

/// Q.922 address, then RFC 2427's control octet and NLPID, or Cisco's EtherType.
fn frame_relay<'a>(view: View<'a>, found: &mut Found) -> Opened<'a> {
    let mut rest = view;
    for _ in 0..4 {
        let ([octet], after) = rest.split::<1>().map_err(|s| s.of(SHORT))?;
        rest = after;
        if octet & 1 == 1 {
            break;
        }
    }
    let (h, after) = rest.split::<2>().map_err(|s| s.of(SHORT))?;
    match h {
        [3, 0xcc] => Ok((IPV4, after)),
        [3, 0x8e] => Ok((IPV6, after)),
        [3, 0] => match after.split::<6>() {
            // Padding, the NLPID of SNAP, organisation code, EtherType.
            Ok(([0x80, 0, 0, 0, high, low], inner)) => link::tags(be16(*high, *low), inner, found),
            _ => Err(NotMetered::NonIp(0)),
        },
        [3, _] => Err(NotMetered::NonIp(0)),
        [high, low] => link::tags(be16(*high, *low), after, found),
    }
}

/// Linux "cooked" capture, version 1.
fn sll<'a>(view: View<'a>, found: &mut Found) -> Opened<'a> {
    let (h, rest) = view.split::<16>().map_err(|s| s.of(SHORT))?;
    if (h[2], h[3], h[4], h[5]) == (0, 1, 0, 6) {
        found.src_mac = Some(MacAddr([h[6], h[7], h[8], h[9], h[10], h[11]]));
    }
    cooked(be16(h[14], h[15]), rest, found)
}

/// Linux "cooked" capture, version 2.
fn sll2<'a>(view: View<'a>, found: &mut Found) -> Opened<'a> {
    let (h, rest) = view.split::<20>().map_err(|s| s.of(SHORT))?;
    if (h[8], h[9], h[11]) == (0, 1, 6) {
        found.src_mac = Some(MacAddr([h[12], h[13], h[14], h[15], h[16], h[17]]));
    }
    cooked(be16(h[0], h[1]), rest, found)
}

/// The protocol field is an EtherType, or one of Linux's own small numbers.
fn cooked<'a>(protocol: u16, rest: View<'a>, found: &mut Found) -> Opened<'a> {
    match protocol {
        // ETH_P_802_2
        4 => link::llc(rest, found),
        0..=0x05ff => Err(NotMetered::NonIp(0)),
        ether_type => link::tags(ether_type, rest, found),
    }
}

/// OpenBSD's packet filter log: its own length, the address family.
fn pflog(view: View<'_>) -> Opened<'_> {
    let (h, _) = view.split::<2>().map_err(|s| s.of(SHORT))?;
    let header = (u32::from(h[0]) + 3) & !3;
    let rest = view.skip(header).map_err(|s| s.of(SHORT))?;
    match h[1] {
        2 => Ok((IPV4, rest)),
        10 | 24 | 28 | 30 => Ok((IPV6, rest)),
        _ => Err(NotMetered::NonIp(0)),
    }
}

/// Netfilter log: attributes, of which NFULA_PAYLOAD (9) is the packet. Lengths are in the byte
/// order of the machine that captured; little-endian ones are all that is met.
fn nflog(view: View<'_>) -> Opened<'_> {
    let (h, mut rest) = view.split::<4>().map_err(|s| s.of(SHORT))?;
    loop {
        let (attribute, after) = rest.split::<4>().map_err(|s| s.of(SHORT))?;
        let length = u32::from(u16::from_le_bytes([attribute[0], attribute[1]]));
        let kind = u16::from_le_bytes([attribute[2], attribute[3]]) & 0x7fff;
        if length < 4 {
            return Err(NotMetered::Malformed(SHORT));
        }
        if kind == 9 {
            let packet = after.limit(length - 4);
            return match h[0] {
                2 => Ok((IPV4, packet)),
                10 => Ok((IPV6, packet)),
                _ => Err(NotMetered::NonIp(0)),
            };
        }
        rest = rest.skip((length + 3) & !3).map_err(|s| s.of(SHORT))?;
    }
}

/// IEEE 802.11: data frames that are not encrypted carry LLC.
fn ieee80211<'a>(view: View<'a>, found: &mut Found) -> Opened<'a> {
    let not_ip = NotMetered::NonIp(0);
    let (control, _) = view.split::<2>().map_err(|s| s.of(SHORT))?;
    let (frame_type, subtype) = ((control[0] >> 2) & 3, control[0] >> 4);
    // Not data, without data (bit 2 of the subtype), or protected.
    if control[0] & 3 != 0 || frame_type != 2 || subtype & 4 != 0 || control[1] & 0x40 != 0 {
        return Err(not_ip);
    }
    let (h, mut rest) = view.split::<24>().map_err(|s| s.of(SHORT))?;
    let [one, two, three] = [4, 10, 16].map(|at| {
        let octets = h.get(at..).and_then(|tail| tail.first_chunk::<6>());
        MacAddr(octets.copied().unwrap_or_default())
    });
    let (to_ds, from_ds) = (control[1] & 1 != 0, control[1] & 2 != 0);
    found.dst_mac = Some(if to_ds { three } else { one });
    found.src_mac = Some(match (to_ds, from_ds) {
        (_, false) => two,
        (false, true) => three,
        (true, true) => {
            let (four, after) = rest.split::<6>().map_err(|s| s.of(SHORT))?;
            rest = after;
            MacAddr(*four)
        }
    });
    if subtype & 8 != 0 {
        let (qos, after) = rest.split::<2>().map_err(|s| s.of(SHORT))?;
        // An aggregate of several frames.
        if qos[0] & 0x80 != 0 {
            return Err(not_ip);
        }
        rest = after
            .skip(if control[1] & 0x80 != 0 { 4 } else { 0 })
            .map_err(|s| s.of(SHORT))?;
    }
    link::llc(rest, found)
}
