//! Tunnels: IP in IP (RFC 2003, RFC 4213, RFC 2473), GRE (RFC 2784, RFC 2890), VXLAN (RFC 7348),
//! Geneve (RFC 8926) and GTP-U (3GPP TS 29.281).
//!
//! A port number alone proves no tunnel: the tunnel's own header has to be sound and an IP packet
//! has to be inside. Else the packet that carries it is what is metered.

use pnet_packet::ip::IpNextHeaderProtocols as Proto;

use crate::ip::{self, Found};
use crate::view::{Short, View, be16};
use crate::{Packet, link, network};

const VXLAN: u16 = 4789;
const GENEVE: u16 = 6081;
const GTP_U: u16 = 2152;
/// Transparent Ethernet bridging, the EtherType of an inner Ethernet frame.
const TRANSPARENT_ETHERNET: u16 = 0x6558;

/// Whether UDP between these ports may be a tunnel.
#[inline]
pub(crate) const fn may_carry(src_port: u16, dst_port: u16) -> bool {
    matches!(dst_port, VXLAN | GENEVE | GTP_U) || src_port == GTP_U
}

/// The IP packet inside the tunnel that `outer` carries, if it does.
#[inline]
pub(crate) fn enter(outer: &Packet, body: View<'_>, found: &Found) -> Option<Packet> {
    match outer.protocol {
        p if p == Proto::Tcp.0 => None,
        p if p == Proto::Udp.0 => match (outer.dst_port, outer.src_port) {
            (VXLAN, _) => vxlan(body.skip(8).ok()?, &found.inside()?),
            (GENEVE, _) => geneve(body.skip(8).ok()?, &found.inside()?),
            (GTP_U, _) | (_, GTP_U) => gtp_u(body.skip(8).ok()?, &found.inside()?),
            _ => None,
        },
        p if p == Proto::Ipv4.0 => ip::v4(body, &found.inside()?).ok(),
        p if p == Proto::Ipv6.0 => ip::v6(body, &found.inside()?).ok(),
        p if p == Proto::Gre.0 => gre(body, &found.inside()?),
        _ => None,
    }
}

fn inner(ether_type: u16, body: View<'_>, found: &Found) -> Option<Packet> {
    if ether_type == TRANSPARENT_ETHERNET {
        return ethernet(body, found);
    }
    let mut found = *found;
    let (ether_type, rest) = link::tags(ether_type, body, &mut found).ok()?;
    network(ether_type, rest, &found).ok()
}

fn ethernet(body: View<'_>, found: &Found) -> Option<Packet> {
    let (ether_type, rest, found) = link::inner_ethernet(body, found).ok()?;
    network(ether_type, rest, &found).ok()
}

fn gre(body: View<'_>, found: &Found) -> Option<Packet> {
    let (h, rest) = body.split::<4>().ok()?;
    // Version 0, no source routing, no recursion bits.
    if h[0] & 0x4f != 0 || h[1] != 0 {
        return None;
    }
    let optional = [0x80, 0x20, 0x10].iter().filter(|&&bit| h[0] & bit != 0).count();
    let rest = rest.skip(u32::try_from(optional * 4).ok()?).ok()?;
    match be16(h[2], h[3]) {
        // ERSPAN type II has a sequence number and 8 octets of its own, type III 12 and perhaps 8 more.
        0x88be if h[0] & 0x10 != 0 => ethernet(rest.skip(8).ok()?, found),
        0x88be => ethernet(rest, found),
        0x22eb => {
            let (e, rest) = rest.split::<12>().ok()?;
            let platform = if e[11] & 1 != 0 { 8 } else { 0 };
            ethernet(rest.skip(platform).ok()?, found)
        }
        ether_type => inner(ether_type, rest, found),
    }
}

fn vxlan(body: View<'_>, found: &Found) -> Option<Packet> {
    let (h, rest) = body.split::<8>().ok()?;
    // The I flag set, reserved fields zero but for the bits of the group policy extension.
    (h[0] & 0x7f == 0x08 && h[7] == 0)
        .then(|| ethernet(rest, found))
        .flatten()
}

fn geneve(body: View<'_>, found: &Found) -> Option<Packet> {
    let (h, rest) = body.split::<8>().ok()?;
    // Version 0, reserved zero.
    if h[0] >> 6 != 0 || h[1] & 0x3f != 0 || h[7] != 0 {
        return None;
    }
    let rest = rest.skip(u32::from(h[0] & 0x3f) * 4).ok()?;
    inner(be16(h[2], h[3]), rest, found)
}

fn gtp_u(body: View<'_>, found: &Found) -> Option<Packet> {
    let (h, mut rest) = body.split::<8>().ok()?;
    // Version 1, protocol type GTP, message type 255: a G-PDU.
    if h[0] & 0xf0 != 0x30 || h[1] != 255 || u32::from(be16(h[2], h[3])) > rest.wire() {
        return None;
    }
    rest = rest.limit(u32::from(be16(h[2], h[3])));
    if h[0] & 0x07 != 0 {
        let (optional, after) = rest.split::<4>().ok()?;
        rest = after;
        let mut next = if h[0] & 0x04 != 0 { optional[3] } else { 0 };
        // Each extension header is at least four octets: the payload bounds their number.
        while next != 0 {
            let [units] = rest.peek::<1>().ok()?;
            let length = u32::from(*units) * 4;
            next = last_octet(rest, length).ok()?;
            rest = rest.skip(length).ok()?;
        }
    }
    ip::any_version(rest, found).ok()
}

/// The last octet of an extension header of `length` octets: the type of the next one.
fn last_octet(view: View<'_>, length: u32) -> Result<u8, Short> {
    let before = length.checked_sub(1).ok_or(Short::Ended)?;
    view.skip(before)?.peek::<1>().map(|[octet]| *octet)
}
