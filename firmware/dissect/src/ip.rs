//! IPv4 (RFC 791) and IPv6 (RFC 8200) with its extension headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::{MacAddr, MalformedKind};
use pnet_packet::ip::IpNextHeaderProtocols as Proto;

use crate::view::{Short, View, be16};
use crate::{Fragment, NotMetered, Packet, Payload, transport, tunnel};

/// Extension headers in one IPv6 packet; RFC 8200, section 4.1 recommends at most seven.
const MAX_EXTENSIONS: usize = 16;
/// IP headers inside each other.
const MAX_TUNNELS: u8 = 4;

/// What the headers in front of an IP packet said.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Found {
    pub(crate) vlan: Option<u16>,
    pub(crate) vlan_inner: Option<u16>,
    pub(crate) src_mac: Option<MacAddr>,
    pub(crate) dst_mac: Option<MacAddr>,
    pub(crate) tunnels: u8,
}

impl Found {
    /// Takes note of one more VLAN tag; identifier 0 is a priority tag, which names no VLAN.
    pub(crate) fn push_vlan(&mut self, tci: u16) {
        let id = tci & 0x0fff;
        if id == 0 {
            return;
        }
        if self.vlan.is_none() {
            self.vlan = Some(id);
        } else if self.vlan_inner.is_none() {
            self.vlan_inner = Some(id);
        }
    }

    /// The same, one tunnel further in; `None` where they nest too deep.
    pub(crate) fn inside(&self) -> Option<Self> {
        (self.tunnels < MAX_TUNNELS).then_some(Self {
            tunnels: self.tunnels + 1,
            ..*self
        })
    }

    pub(crate) fn packet(&self, src: IpAddr, dst: IpAddr, protocol: u8) -> Packet {
        Packet {
            src,
            dst,
            src_port: 0,
            dst_port: 0,
            protocol,
            tos: 0,
            ttl: 0,
            tcp_flags: 0,
            tcp_seq: 0,
            tcp_ack: 0,
            tcp_window: None,
            ip_bytes: 0,
            icmp: None,
            fragment: None,
            has_transport: false,
            vlan: self.vlan,
            vlan_inner: self.vlan_inner,
            src_mac: self.src_mac,
            dst_mac: self.dst_mac,
            tunnels: self.tunnels,
            payload: Payload::default(),
        }
    }
}

/// An IP packet whose version is in its first four bits.
pub(crate) fn any_version(view: View<'_>, found: &Found) -> Result<Packet, NotMetered> {
    let [first] = view.peek::<1>().map_err(|s| s.of(MalformedKind::IpHeader))?;
    match first >> 4 {
        4 => v4(view, found),
        6 => v6(view, found),
        _ => Err(NotMetered::Malformed(MalformedKind::IpVersion)),
    }
}

#[inline]
pub(crate) fn v4(view: View<'_>, found: &Found) -> Result<Packet, NotMetered> {
    let (h, _) = view.split::<20>().map_err(|s| version_or(view, 4, s))?;
    if h[0] >> 4 != 4 {
        return Err(NotMetered::Malformed(MalformedKind::IpVersion));
    }
    let header = u32::from(h[0] & 0x0f) * 4;
    if header < 20 {
        return Err(NotMetered::Malformed(MalformedKind::IpHeader));
    }
    // A total length of 0 is what a sender writes who leaves the segmentation to his NIC.
    let total = match be16(h[2], h[3]) {
        0 => view.wire(),
        total => u32::from(total),
    };
    if total < header || total > view.wire() {
        return Err(NotMetered::Malformed(MalformedKind::IpLength));
    }
    let body = view
        .limit(total)
        .skip(header)
        .map_err(|s| s.of(MalformedKind::IpHeader))?;

    let src = IpAddr::V4(Ipv4Addr::new(h[12], h[13], h[14], h[15]));
    let dst = IpAddr::V4(Ipv4Addr::new(h[16], h[17], h[18], h[19]));
    let mut packet = found.packet(src, dst, h[9]);
    packet.tos = h[1];
    packet.ttl = h[8];
    packet.ip_bytes = total;
    let flags_offset = be16(h[6], h[7]);
    // More fragments, or an offset.
    if flags_offset & 0x3fff != 0 {
        packet.fragment = Some(Fragment {
            id: u32::from(be16(h[4], h[5])),
            offset: u32::from(flags_offset & 0x1fff) * 8,
            length: body.wire(),
            more: flags_offset & 0x2000 != 0,
        });
    }
    upper(packet, body, found)
}

#[inline]
pub(crate) fn v6(view: View<'_>, found: &Found) -> Result<Packet, NotMetered> {
    let (h, after) = view.split::<40>().map_err(|s| version_or(view, 6, s))?;
    if h[0] >> 4 != 6 {
        return Err(NotMetered::Malformed(MalformedKind::IpVersion));
    }
    let mut next = h[6];
    let length = match be16(h[4], h[5]) {
        // RFC 2675: the length stands in a hop-by-hop option; or a sender leaves it to his NIC.
        0 if next != Proto::Ipv6NoNxt.0 => jumbo_length(next, after).unwrap_or(after.wire()),
        length => u32::from(length),
    };
    if length > after.wire() {
        return Err(NotMetered::Malformed(MalformedKind::IpLength));
    }
    let mut body = after.limit(length);

    let (src, dst) = (address(h, 8), address(h, 24));
    let mut packet = found.packet(IpAddr::V6(src), IpAddr::V6(dst), next);
    packet.tos = (h[0] << 4) | (h[1] >> 4);
    packet.ttl = h[7];
    packet.ip_bytes = length.saturating_add(40);

    for _ in 0..MAX_EXTENSIONS {
        packet.protocol = next;
        let units = match next {
            0 | 43 | 60 | 135 | 139 | 140 => 8,
            51 => 4,
            44 => {
                let (f, rest) = match body.split::<8>() {
                    Ok(split) => split,
                    Err(short) => return cut_extension(packet, short),
                };
                next = f[0];
                body = rest;
                let offset_more = be16(f[2], f[3]);
                // RFC 6946: an atomic fragment is a whole datagram.
                if offset_more & 0xfff9 != 0 {
                    packet.fragment = Some(Fragment {
                        id: u32::from_be_bytes([f[4], f[5], f[6], f[7]]),
                        offset: u32::from(offset_more & 0xfff8),
                        length: body.wire(),
                        more: offset_more & 1 != 0,
                    });
                }
                // What follows the offset is no header in a later fragment.
                if offset_more & 0xfff8 != 0 {
                    packet.protocol = next;
                    return upper(packet, body, found);
                }
                continue;
            }
            _ => return upper(packet, body, found),
        };
        let [following, len] = match body.peek::<2>() {
            Ok(head) => *head,
            Err(short) => return cut_extension(packet, short),
        };
        // Lengths count 8-octet units beyond the first; in AH 4-octet units beyond the first two.
        let length = if units == 4 {
            (u32::from(len) + 2) * 4
        } else {
            (u32::from(len) + 1) * 8
        };
        body = match body.skip(length) {
            Ok(rest) => rest,
            // The rest of an extension header that the first fragment cannot hold.
            Err(short) => return cut_extension(packet, short),
        };
        next = following;
    }
    Err(NotMetered::Malformed(MalformedKind::ExtensionHeader))
}

/// A chain that ends early: malformed on the wire; beyond the snap length, metered without ports.
fn cut_extension(packet: Packet, short: Short) -> Result<Packet, NotMetered> {
    match short {
        Short::Ended => Err(NotMetered::Malformed(MalformedKind::ExtensionHeader)),
        Short::Cut => Ok(packet),
    }
}

/// The header is not all there; that its first octet is of another version says more.
fn version_or(view: View<'_>, version: u8, short: Short) -> NotMetered {
    match view.peek::<1>() {
        Ok([first]) if first >> 4 != version => NotMetered::Malformed(MalformedKind::IpVersion),
        _ => short.of(MalformedKind::IpHeader),
    }
}

/// RFC 2675: the jumbo payload option of a hop-by-hop header.
fn jumbo_length(next: u8, mut body: View<'_>) -> Option<u32> {
    if next != Proto::Hopopt.0 {
        return None;
    }
    let (&[_, units], rest) = body.split::<2>().ok()?;
    body = rest.limit(u32::from(units) * 8 + 6);
    loop {
        let (&[kind], rest) = body.split::<1>().ok()?;
        if kind == 0 {
            body = rest;
            continue;
        }
        let (&[len], rest) = rest.split::<1>().ok()?;
        if kind == 0xc2 && len == 4 {
            return rest.peek::<4>().ok().map(|b| u32::from_be_bytes(*b));
        }
        body = rest.skip(u32::from(len)).ok()?;
    }
}

fn address(header: &[u8; 40], at: usize) -> Ipv6Addr {
    let octets = header.get(at..).and_then(|tail| tail.first_chunk::<16>());
    Ipv6Addr::from(octets.copied().unwrap_or_default())
}

/// The transport header, and the tunnel that may be behind it.
#[inline]
fn upper(mut packet: Packet, body: View<'_>, found: &Found) -> Result<Packet, NotMetered> {
    packet.payload = Payload {
        offset: body.at(),
        captured: body.captured(),
        length: body.wire(),
    };
    if packet.fragment.is_some_and(|f| f.offset != 0) {
        return Ok(packet);
    }
    transport::read(&mut packet, body)?;
    if packet.fragment.is_none()
        && let Some(inner) = tunnel::enter(&packet, body, found)
    {
        return Ok(inner);
    }
    Ok(packet)
}
