//! What nearly all frames are, read in one go: Ethernet, then IPv4 without options or IPv6 without extension headers, then
//! TCP or UDP, whole and sound. Everything else is left to the modules that know it; where both can read a frame they say
//! the same.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::MacAddr;

use crate::link::{IPV4, IPV6};
use crate::view::be16;
use crate::{Frame, Packet, Payload, tunnel};

const ETHERNET: usize = 14;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// What the network header says.
struct Network {
    src: IpAddr,
    dst: IpAddr,
    protocol: u8,
    tos: u8,
    ttl: u8,
    /// Octets of the IP packet.
    ip_bytes: u32,
    /// Octets of its header.
    header: u32,
}

/// Reads a frame that is as usual into `packet`; `None` where it has to be looked at closely.
#[inline]
pub(crate) fn read(frame: &Frame<'_>, packet: &mut Packet) -> Option<()> {
    // The least that Ethernet, IPv4 and UDP have.
    let h = frame.data.first_chunk::<42>()?;
    if frame.link_type != 1 {
        return None;
    }
    let (network, transport) = match be16(h[12], h[13]) {
        IPV4 => (v4(h)?, frame.data.get(34..)?),
        IPV6 => (v6(frame.data)?, frame.data.get(54..)?),
        _ => return None,
    };
    let captured = u32::try_from(frame.data.len()).ok()?;
    let body = network.ip_bytes.checked_sub(network.header)?;
    // 14 octets of Ethernet.
    let after_link = frame.wire_len.max(captured) - 14;
    if network.ip_bytes > after_link {
        return None;
    }
    let t = transport.first_chunk::<8>()?;
    let (src_port, dst_port) = (be16(t[0], t[1]), be16(t[2], t[3]));
    let header = match network.protocol {
        TCP => {
            let t = transport.first_chunk::<20>()?;
            let header = u32::from(t[12] >> 4) * 4;
            if header < 20 || header > body {
                return None;
            }
            packet.tcp_seq = u32::from_be_bytes([t[4], t[5], t[6], t[7]]);
            packet.tcp_ack = u32::from_be_bytes([t[8], t[9], t[10], t[11]]);
            packet.tcp_flags = t[13];
            packet.tcp_window = Some(be16(t[14], t[15]));
            header
        }
        UDP => {
            let length = u32::from(be16(t[4], t[5]));
            if length < 8 || length > body || tunnel::may_carry(src_port, dst_port) {
                return None;
            }
            packet.tcp_seq = 0;
            packet.tcp_ack = 0;
            packet.tcp_flags = 0;
            packet.tcp_window = None;
            8
        }
        _ => return None,
    };
    let offset = 14 + network.header + header;
    let length = body - header;
    let vlan = frame.vlan_tci.map_or(0, |tci| tci & 0x0fff);
    packet.src = network.src;
    packet.dst = network.dst;
    packet.src_port = src_port;
    packet.dst_port = dst_port;
    packet.protocol = network.protocol;
    packet.tos = network.tos;
    packet.ttl = network.ttl;
    packet.ip_bytes = network.ip_bytes;
    packet.icmp = None;
    packet.fragment = None;
    packet.has_transport = true;
    // Identifier 0 is a priority tag, which names no VLAN.
    packet.vlan = (vlan != 0).then_some(vlan);
    packet.vlan_inner = None;
    packet.src_mac = Some(MacAddr([h[6], h[7], h[8], h[9], h[10], h[11]]));
    packet.dst_mac = Some(MacAddr([h[0], h[1], h[2], h[3], h[4], h[5]]));
    packet.tunnels = 0;
    packet.payload = Payload {
        offset,
        captured: captured.saturating_sub(offset).min(length),
        length,
    };
    Some(())
}

/// Neither options nor a fragment.
#[inline]
fn v4(h: &[u8; 42]) -> Option<Network> {
    if h[ETHERNET] != 0x45 || be16(h[20], h[21]) & 0x3fff != 0 {
        return None;
    }
    Some(Network {
        src: IpAddr::V4(Ipv4Addr::new(h[26], h[27], h[28], h[29])),
        dst: IpAddr::V4(Ipv4Addr::new(h[30], h[31], h[32], h[33])),
        protocol: h[23],
        tos: h[15],
        ttl: h[22],
        ip_bytes: u32::from(be16(h[16], h[17])),
        header: 20,
    })
}

/// No jumbogram.
#[inline]
fn v6(data: &[u8]) -> Option<Network> {
    let h = data.get(ETHERNET..)?.first_chunk::<40>()?;
    let length = u32::from(be16(h[4], h[5]));
    if h[0] >> 4 != 6 || length == 0 {
        return None;
    }
    let (_, addresses) = h.split_first_chunk::<8>()?;
    let (src, dst) = addresses.split_first_chunk::<16>()?;
    Some(Network {
        src: IpAddr::V6(Ipv6Addr::from(*src)),
        dst: IpAddr::V6(Ipv6Addr::from(*dst.first_chunk::<16>()?)),
        protocol: h[6],
        tos: (h[0] << 4) | (h[1] >> 4),
        ttl: h[7],
        ip_bytes: length + 40,
        header: 40,
    })
}
