//! From a frame to what the meter needs: addresses, ports, lengths and flags of its innermost IP
//! packet. Pure: bytes go in, a value comes out; nothing is allocated and no input panics.
//!
//! Two lengths are kept apart all the way: what was captured and what was on the wire. A header
//! that the wire did not carry makes the frame malformed; a header that the capture's snap length
//! cut off does not.

mod encap;
mod ip;
pub mod l7;
mod link;
mod plain;
mod transport;
mod tunnel;
mod view;

use std::net::{IpAddr, Ipv4Addr};

use model::{IcmpType, MacAddr, MalformedKind};
use pnet_packet::ethernet::EtherTypes;

pub use encap::{Cast, cast, is_supported};

const ARP: u16 = EtherTypes::Arp.0;

/// One captured frame. Link types are those of <https://www.tcpdump.org/linktypes.html>.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The LINKTYPE_ number, such as 1 for Ethernet.
    pub link_type: u16,
    /// What was captured, from the first octet of the link-layer header.
    pub data: &'a [u8],
    /// The octets that the wire carried, without FCS; never less than `data.len()` counts.
    pub wire_len: u32,
    /// The tag control information of a VLAN tag that the NIC took off.
    pub vlan_tci: Option<u16>,
}

/// Where a packet's transport payload lies in [`Frame::data`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Payload {
    /// The offset of its first octet.
    pub offset: u32,
    /// How many of its octets were captured.
    pub captured: u32,
    /// How many the IP header announces.
    pub length: u32,
}

/// The place of an IP fragment in its datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// The datagram's identification: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
    /// Octets before this fragment.
    pub offset: u32,
    /// Octets in this fragment.
    pub length: u32,
    /// Whether more fragments follow.
    pub more: bool,
}

/// The innermost IP packet of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Source address.
    pub src: IpAddr,
    /// Destination address; the same version as `src`.
    pub dst: IpAddr,
    /// Source port of TCP, UDP, UDP-Lite, SCTP or DCCP, else 0.
    pub src_port: u16,
    /// Destination port, else 0.
    pub dst_port: u16,
    /// IP protocol number, after all IPv6 extension headers.
    pub protocol: u8,
    /// Traffic class octet: DSCP and ECN.
    pub tos: u8,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// TCP control bits: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
    pub tcp_flags: u8,
    /// TCP sequence number.
    pub tcp_seq: u32,
    /// TCP acknowledgement number; it says something where ACK is set.
    pub tcp_ack: u32,
    /// TCP window as it stands in the header, before scaling; `None` where it was not read.
    pub tcp_window: Option<u16>,
    /// Octets of the IP packet, header included, without padding.
    pub ip_bytes: u32,
    /// ICMP or ICMPv6 type and code.
    pub icmp: Option<IcmpType>,
    /// Set where the packet is a fragment.
    pub fragment: Option<Fragment>,
    /// Whether the ports (or the ICMP type) were there to be read. They are missing in later
    /// fragments and beyond a snap length.
    pub has_transport: bool,
    /// Outer VLAN identifier.
    pub vlan: Option<u16>,
    /// Inner VLAN identifier.
    pub vlan_inner: Option<u16>,
    /// Source hardware address; of the innermost Ethernet header.
    pub src_mac: Option<MacAddr>,
    /// Destination hardware address; of the innermost Ethernet header.
    pub dst_mac: Option<MacAddr>,
    /// How many tunnel headers were taken off.
    pub tunnels: u8,
    /// The transport payload; empty where the transport header was cut off.
    pub payload: Payload,
}

impl Default for Packet {
    /// From nowhere to nowhere.
    fn default() -> Self {
        let nowhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        ip::Found::default().packet(nowhere, nowhere, 0)
    }
}

impl Packet {
    /// What was captured of the transport payload, of the frame that the packet came from.
    #[inline]
    #[must_use]
    pub fn payload_in<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        let start = self.payload.offset as usize;
        let end = start.saturating_add(self.payload.captured as usize);
        frame.get(start..end).unwrap_or_default()
    }
}

/// Why a frame is not metered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotMetered {
    /// A sound ARP message.
    Arp,
    /// Another protocol than IP: its EtherType, or 0 where the frame has none (802.2 LLC).
    NonIp(u16),
    /// The frame contradicts its protocol.
    Malformed(MalformedKind),
    /// The capture's snap length cut off the headers that are needed.
    CutShort,
    /// The link type is not known here.
    UnsupportedLink(u16),
}

impl NotMetered {
    /// The EtherType of what is sound but not IP.
    #[must_use]
    pub const fn ether_type(self) -> Option<u16> {
        match self {
            Self::Arp => Some(ARP),
            Self::NonIp(ether_type) => Some(ether_type),
            Self::Malformed(_) | Self::CutShort | Self::UnsupportedLink(_) => None,
        }
    }
}

/// Dissects a frame down to the transport header of its innermost IP packet.
///
/// Tunnels (IP in IP, GRE, VXLAN, Geneve, GTP-U) are entered as long as they hold a sound IP packet; where
/// they do not, the packet that carries the tunnel is the answer.
///
/// # Errors
/// What the frame is, where it is not an IP packet that can be metered.
#[inline]
pub fn dissect(frame: &Frame<'_>) -> Result<Packet, NotMetered> {
    let mut packet = Packet::default();
    dissect_into(frame, &mut packet).map(|()| packet)
}

/// The same, into a packet that is there; where the frame is not metered it holds anything.
///
/// # Errors
/// As [`dissect`].
#[inline]
pub fn dissect_into(frame: &Frame<'_>, packet: &mut Packet) -> Result<(), NotMetered> {
    if plain::read(frame, packet).is_none() {
        *packet = closely(frame)?;
    }
    Ok(())
}

/// Dissects a frame that may be anything.
#[inline(never)]
fn closely(frame: &Frame<'_>) -> Result<Packet, NotMetered> {
    let outer = view::View::new(frame.data, frame.wire_len);
    let mut found = ip::Found::default();
    if let Some(tci) = frame.vlan_tci {
        found.push_vlan(tci);
    }
    let (ether_type, rest) = encap::open(frame.link_type, outer, &mut found)?;
    network(ether_type, rest, &found)
}

/// Dissects what follows an EtherType.
fn network(ether_type: u16, rest: view::View<'_>, found: &ip::Found) -> Result<Packet, NotMetered> {
    match ether_type {
        link::IPV4 => ip::v4(rest, found),
        link::IPV6 => ip::v6(rest, found),
        ARP => Err(link::arp(rest)),
        other => Err(NotMetered::NonIp(other)),
    }
}

#[cfg(test)]
mod tests;
