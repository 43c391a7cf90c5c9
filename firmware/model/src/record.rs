//! The flow record.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{App, Exported, L7, LinkId, MacAddr, Quality, Timestamp};

/// Why a record was closed: flowEndReason, IPFIX element 136 (RFC 5102, section 5.11.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum EndReason {
    /// No packet for the idle timeout.
    Idle = 1,
    /// The flow goes on; it was reported after the active timeout.
    Active = 2,
    /// FIN both ways, or RST.
    EndOfFlow = 3,
    /// The meter stopped, or the capture ended.
    Forced = 4,
    /// The flow cache was full.
    LackOfResources = 5,
}

/// Where traffic goes, relative to the home network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Direction {
    /// From outside to home.
    In = 1,
    /// From home to outside.
    Out = 2,
    /// Within the home network.
    Internal = 3,
    /// Neither end is at home.
    External = 4,
    /// The frame has no address that says.
    Unknown = 5,
}

/// Type and code of an ICMP or ICMPv6 message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IcmpType {
    /// The type.
    pub kind: u8,
    /// The code.
    pub code: u8,
}

/// One bidirectional flow, or a part of a long one. "Forward" is the direction of the first packet
/// seen; the fields that end in `_rev` count the other one (RFC 5103).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FlowRecord {
    /// The link that saw it.
    pub link: LinkId,
    /// Time of the first packet in this record.
    pub start: Timestamp,
    /// Time of the last packet in this record.
    pub end: Timestamp,
    /// Source address of the first packet.
    pub src_ip: IpAddr,
    /// Destination address of the first packet; the same IP version as `src_ip`.
    pub dst_ip: IpAddr,
    /// TCP, UDP or SCTP port; 0 for other protocols and for fragments without a header.
    pub src_port: u16,
    /// TCP, UDP or SCTP port; 0 for other protocols and for fragments without a header.
    pub dst_port: u16,
    /// The IP protocol number after all extension headers (IANA protocol-numbers).
    pub protocol: u8,
    /// The outer VLAN identifier, where the frames carried one.
    pub vlan: Option<u16>,
    /// The inner VLAN identifier of QinQ frames.
    pub vlan_inner: Option<u16>,
    /// Source hardware address of the first packet, where the link type has one.
    pub src_mac: Option<MacAddr>,
    /// Destination hardware address of the first packet, where the link type has one.
    pub dst_mac: Option<MacAddr>,
    /// Packets forward.
    pub packets: u64,
    /// IP-layer octets forward: header and payload, without link-layer framing and padding.
    pub bytes: u64,
    /// Packets in reverse.
    pub packets_rev: u64,
    /// IP-layer octets in reverse.
    pub bytes_rev: u64,
    /// The TCP control bits seen forward, or-ed: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
    pub tcp_flags: u8,
    /// The TCP control bits seen in reverse, or-ed.
    pub tcp_flags_rev: u8,
    /// Type and code of the first ICMP message forward.
    pub icmp: Option<IcmpType>,
    /// Type and code of the first ICMP message in reverse.
    pub icmp_rev: Option<IcmpType>,
    /// The traffic class octet (DSCP and ECN) of the first packet.
    pub tos: u8,
    /// The application, as far as it is known.
    pub app: App,
    /// Direction of the first packet.
    pub direction: Direction,
    /// Why the record was closed.
    pub end_reason: EndReason,
    /// What an exporter said besides; `None` for what was metered from packets here.
    pub export: Option<Box<Exported>>,
    /// What its first packets said; `None` where `app` is known by port or protocol alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l7: Option<Box<L7>>,
    /// How well it was served; `None` where nothing was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Box<Quality>>,
}

impl FlowRecord {
    /// 4 or 6.
    #[must_use]
    pub const fn ip_version(&self) -> u8 {
        match self.src_ip {
            IpAddr::V4(_) => 4,
            IpAddr::V6(_) => 6,
        }
    }
}
