//! The columns' numbers.

/// A column of a block. The numbers are stored, so they never change their meaning; a reader steps over those that it
/// does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Field {
    /// `link`.
    Link = 1,
    /// `end` in nanoseconds.
    End = 2,
    /// `end` − `start` in nanoseconds, modulo 2⁶⁴.
    Duration = 3,
    /// `src_ip`: places in [`Dictionary::Addresses`].
    SrcIp = 4,
    /// `dst_ip`: places in [`Dictionary::Addresses`].
    DstIp = 5,
    /// `src_port`.
    SrcPort = 6,
    /// `dst_port`.
    DstPort = 7,
    /// `protocol`.
    Protocol = 8,
    /// `vlan`.
    Vlan = 9,
    /// `vlan_inner`.
    VlanInner = 10,
    /// `src_mac`: places in [`Field::Macs`].
    SrcMac = 11,
    /// `dst_mac`: places in [`Field::Macs`].
    DstMac = 12,
    /// `packets`.
    Packets = 13,
    /// `bytes`.
    Bytes = 14,
    /// `packets_rev`.
    PacketsRev = 15,
    /// `bytes_rev`.
    BytesRev = 16,
    /// `tcp_flags`.
    TcpFlags = 17,
    /// `tcp_flags_rev`.
    TcpFlagsRev = 18,
    /// `icmp`: type × 256 + code.
    Icmp = 19,
    /// `icmp_rev`.
    IcmpRev = 20,
    /// `tos`.
    Tos = 21,
    /// `app`.
    App = 22,
    /// `direction`, the enumeration's number.
    Direction = 23,
    /// `end_reason`, the enumeration's number.
    EndReason = 24,
    /// Whether there is an `export`: 0 or 1.
    Exported = 32,
    /// `export.domain`.
    Domain = 33,
    /// `export.sampling`.
    Sampling = 34,
    /// `export.ingress_if`.
    IngressIf = 35,
    /// `export.egress_if`.
    EgressIf = 36,
    /// `export.observed`, the enumeration's number.
    Observed = 37,
    /// `export.src_as`.
    SrcAs = 38,
    /// `export.dst_as`.
    DstAs = 39,
    /// `export.src_prefix`.
    SrcPrefix = 40,
    /// `export.dst_prefix`.
    DstPrefix = 41,
    /// `export.next_hop`: places in [`Dictionary::Routers`].
    NextHop = 42,
    /// `export.bgp_next_hop`: places in [`Dictionary::Routers`].
    BgpNextHop = 43,
    /// `export.ingress_vrf`.
    IngressVrf = 44,
    /// `export.egress_vrf`.
    EgressVrf = 45,
    /// How many labels `export.mpls` has.
    MplsDepth = 46,
    /// `export.translated.src_ip`: places in [`Dictionary::Addresses`].
    TranslatedSrcIp = 47,
    /// `export.translated.dst_ip`: places in [`Dictionary::Addresses`].
    TranslatedDstIp = 48,
    /// `export.translated.src_port`.
    TranslatedSrcPort = 49,
    /// `export.translated.dst_port`.
    TranslatedDstPort = 50,
    /// `export.nat_event`.
    NatEvent = 51,
    /// `export.firewall_event`.
    FirewallEvent = 52,
    /// `export.forwarding_status`.
    ForwardingStatus = 53,
    /// The upper 8 bits of `export.application`.
    ApplicationEngine = 54,
    /// The lower 56 bits of `export.application`; 0 where there is none.
    ApplicationSelector = 55,
    /// The smaller of `export.ttl`.
    TtlMin = 56,
    /// The larger of `export.ttl`.
    TtlMax = 57,
    /// `export.flow_label`.
    FlowLabel = 58,
    /// `export.vni`.
    Vni = 59,
    /// `export.srv6_segment`: places in [`Dictionary::Routers`].
    Srv6Segment = 60,
    /// How many octets `export.enterprise` has.
    EnterpriseLength = 61,
    /// The IPv4 addresses of [`Dictionary::Addresses`].
    Addresses4 = 128,
    /// The upper halves of the IPv6 addresses of [`Dictionary::Addresses`].
    Addresses6Upper = 129,
    /// The lower halves.
    Addresses6Lower = 130,
    /// The IPv4 addresses of [`Dictionary::Routers`].
    Routers4 = 131,
    /// The upper halves of the IPv6 addresses of [`Dictionary::Routers`].
    Routers6Upper = 132,
    /// The lower halves.
    Routers6Lower = 133,
    /// Hardware addresses, 48 bits each.
    Macs = 134,
    /// The labels of all `export.mpls`, one record's after another's.
    MplsLabels = 135,
    /// The octets of all `export.enterprise`, one record's after another's.
    EnterpriseOctets = 136,
}

impl Field {
    /// Columns from this number on have a length of their own; below it, one value a record.
    pub(super) const SIDE: u8 = 128;

    /// Whether the column holds places in a dictionary of addresses, and which.
    #[must_use]
    pub const fn dictionary(self) -> Option<Dictionary> {
        match self {
            Self::SrcIp | Self::DstIp | Self::TranslatedSrcIp | Self::TranslatedDstIp => Some(Dictionary::Addresses),
            Self::NextHop | Self::BgpNextHop | Self::Srv6Segment => Some(Dictionary::Routers),
            _ => None,
        }
    }
}

/// The addresses that columns refer to by their places: the IPv4 ones first, then the IPv6 ones, each in
/// ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dictionary {
    /// Ends of flows.
    Addresses,
    /// Next hops and segments.
    Routers,
}

impl Dictionary {
    /// The columns of the IPv4 addresses, and of the upper and lower halves of the IPv6 ones.
    pub(super) const fn columns(self) -> [Field; 3] {
        match self {
            Self::Addresses => [Field::Addresses4, Field::Addresses6Upper, Field::Addresses6Lower],
            Self::Routers => [Field::Routers4, Field::Routers6Upper, Field::Routers6Lower],
        }
    }
}

impl Field {
    /// Whether a record may have no value.
    #[must_use]
    pub const fn is_optional(self) -> bool {
        matches!(
            self,
            Self::Vlan
                | Self::VlanInner
                | Self::SrcMac
                | Self::DstMac
                | Self::Icmp
                | Self::IcmpRev
                | Self::Sampling
                | Self::IngressIf
                | Self::EgressIf
                | Self::SrcAs
                | Self::DstAs
                | Self::SrcPrefix
                | Self::DstPrefix
                | Self::NextHop
                | Self::BgpNextHop
                | Self::IngressVrf
                | Self::EgressVrf
                | Self::TranslatedSrcIp
                | Self::TranslatedDstIp
                | Self::TranslatedSrcPort
                | Self::TranslatedDstPort
                | Self::NatEvent
                | Self::FirewallEvent
                | Self::ForwardingStatus
                | Self::ApplicationEngine
                | Self::TtlMin
                | Self::TtlMax
                | Self::FlowLabel
                | Self::Vni
                | Self::Srv6Segment
        )
    }

    /// Bits that a value has at most.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::End
            | Self::Duration
            | Self::Packets
            | Self::Bytes
            | Self::PacketsRev
            | Self::BytesRev
            | Self::Addresses6Upper
            | Self::Addresses6Lower
            | Self::Routers6Upper
            | Self::Routers6Lower => 64,
            Self::ApplicationSelector => 56,
            Self::Macs => 48,
            Self::Link
            | Self::SrcIp
            | Self::DstIp
            | Self::SrcMac
            | Self::DstMac
            | Self::Domain
            | Self::Sampling
            | Self::IngressIf
            | Self::EgressIf
            | Self::SrcAs
            | Self::DstAs
            | Self::NextHop
            | Self::BgpNextHop
            | Self::IngressVrf
            | Self::EgressVrf
            | Self::TranslatedSrcIp
            | Self::TranslatedDstIp
            | Self::FlowLabel
            | Self::Vni
            | Self::Srv6Segment
            | Self::Addresses4
            | Self::Routers4
            | Self::MplsLabels => 32,
            Self::SrcPort
            | Self::DstPort
            | Self::Vlan
            | Self::VlanInner
            | Self::Icmp
            | Self::IcmpRev
            | Self::App
            | Self::TranslatedSrcPort
            | Self::TranslatedDstPort
            | Self::EnterpriseLength => 16,
            Self::Exported => 1,
            Self::Protocol
            | Self::TcpFlags
            | Self::TcpFlagsRev
            | Self::Tos
            | Self::Direction
            | Self::EndReason
            | Self::Observed
            | Self::SrcPrefix
            | Self::DstPrefix
            | Self::MplsDepth
            | Self::NatEvent
            | Self::FirewallEvent
            | Self::ForwardingStatus
            | Self::ApplicationEngine
            | Self::TtlMin
            | Self::TtlMax
            | Self::EnterpriseOctets => 8,
        }
    }
}
