//! The columns' numbers.

use crate::DetailKey;

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
    /// `l7.confidence`, the enumeration's number; none where there is no `l7`.
    Confidence = 64,
    /// `l7.host`: places in [`TextDictionary::Hosts`].
    Host = 65,
    /// `l7.details`' `Alpn`: places in [`TextDictionary::Details`].
    L7Alpn = 66,
    /// `l7.details`' `Ja4`: places in [`TextDictionary::Details`].
    L7Ja4 = 67,
    /// `l7.details`' `TlsVersion`: places in [`TextDictionary::Details`].
    L7TlsVersion = 68,
    /// `l7.details`' `Cipher`: places in [`TextDictionary::Details`].
    L7Cipher = 69,
    /// `l7.details`' `Subject`: places in [`TextDictionary::Details`].
    L7Subject = 70,
    /// `l7.details`' `Issuer`: places in [`TextDictionary::Details`].
    L7Issuer = 71,
    /// `l7.details`' `CertificateNames`: places in [`TextDictionary::Details`].
    L7CertificateNames = 72,
    /// `l7.details`' `DnsType`: places in [`TextDictionary::Details`].
    L7DnsType = 73,
    /// `l7.details`' `DnsCode`: places in [`TextDictionary::Details`].
    L7DnsCode = 74,
    /// `l7.details`' `Method`: places in [`TextDictionary::Details`].
    L7Method = 75,
    /// `l7.details`' `Path`: places in [`TextDictionary::Details`].
    L7Path = 76,
    /// `l7.details`' `Status`: places in [`TextDictionary::Details`].
    L7Status = 77,
    /// `l7.details`' `Agent`: places in [`TextDictionary::Details`].
    L7Agent = 78,
    /// `l7.details`' `Server`: places in [`TextDictionary::Details`].
    L7Server = 79,
    /// `l7.details`' `ContentType`: places in [`TextDictionary::Details`].
    L7ContentType = 80,
    /// `l7.details`' `User`: places in [`TextDictionary::Details`].
    L7User = 81,
    /// `l7.details`' `Anomaly`: places in [`TextDictionary::Details`].
    L7Anomaly = 82,
    /// `l7.details`' `Version`: places in [`TextDictionary::Details`].
    L7Version = 83,
    /// `l7.details`' `Ja3`: places in [`TextDictionary::Details`].
    L7Ja3 = 84,
    /// `l7.details`' `TlsClientVersion`: places in [`TextDictionary::Details`].
    L7TlsClientVersion = 85,
    /// `l7.details`' `ValidFrom`: places in [`TextDictionary::Details`].
    L7ValidFrom = 86,
    /// `l7.details`' `ValidUntil`: places in [`TextDictionary::Details`].
    L7ValidUntil = 87,
    /// `l7.details`' `KeyAlgorithm`: places in [`TextDictionary::Details`].
    L7KeyAlgorithm = 88,
    /// `l7.details`' `DnsAnswers`: places in [`TextDictionary::Details`].
    L7DnsAnswers = 89,
    /// Whether there is a `quality`: 0 or 1.
    Measured = 96,
    /// `quality.connect_client_us`.
    ConnectClient = 97,
    /// `quality.connect_server_us`.
    ConnectServer = 98,
    /// `quality.response.count`.
    Responses = 99,
    /// `quality.response.total_us` − `quality.response.max_us`, modulo 2⁶⁴: 0 where there was one response.
    ResponseRest = 100,
    /// `quality.response.max_us`.
    ResponseMax = 101,
    /// `quality.forward.retransmitted`.
    Retransmitted = 102,
    /// `quality.forward.out_of_order`.
    OutOfOrder = 103,
    /// `quality.forward.zero_windows`.
    ZeroWindows = 104,
    /// `quality.forward.resets`.
    Resets = 105,
    /// `quality.forward.rtp_packets`.
    RtpPackets = 106,
    /// `quality.forward.rtp_lost`.
    RtpLost = 107,
    /// `quality.forward.rtp_jitter_us`.
    RtpJitter = 108,
    /// `quality.reverse.retransmitted`.
    RetransmittedRev = 109,
    /// `quality.reverse.out_of_order`.
    OutOfOrderRev = 110,
    /// `quality.reverse.zero_windows`.
    ZeroWindowsRev = 111,
    /// `quality.reverse.resets`.
    ResetsRev = 112,
    /// `quality.reverse.rtp_packets`.
    RtpPacketsRev = 113,
    /// `quality.reverse.rtp_lost`.
    RtpLostRev = 114,
    /// `quality.reverse.rtp_jitter_us`.
    RtpJitterRev = 115,
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
    /// How many octets each text of [`TextDictionary::Hosts`] has.
    HostLengths = 137,
    /// The texts, one after another.
    HostOctets = 138,
    /// How many octets each text of [`TextDictionary::Details`] has.
    DetailLengths = 139,
    /// The texts, one after another.
    DetailOctets = 140,
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

/// The texts that columns refer to by their places, each once and in ascending order of their octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextDictionary {
    /// Names of hosts.
    Hosts,
    /// What [`crate::Details`] say.
    Details,
}

impl TextDictionary {
    /// The columns of the texts' lengths and octets.
    pub(super) const fn columns(self) -> [Field; 2] {
        match self {
            Self::Hosts => [Field::HostLengths, Field::HostOctets],
            Self::Details => [Field::DetailLengths, Field::DetailOctets],
        }
    }
}

/// The columns of details, by the number of their key. Their numbers end below [`Field::Measured`].
const DETAILS: [Field; DetailKey::ALL.len()] = [
    Field::L7Alpn,
    Field::L7Ja4,
    Field::L7TlsVersion,
    Field::L7Cipher,
    Field::L7Subject,
    Field::L7Issuer,
    Field::L7CertificateNames,
    Field::L7DnsType,
    Field::L7DnsCode,
    Field::L7Method,
    Field::L7Path,
    Field::L7Status,
    Field::L7Agent,
    Field::L7Server,
    Field::L7ContentType,
    Field::L7User,
    Field::L7Anomaly,
    Field::L7Version,
    Field::L7Ja3,
    Field::L7TlsClientVersion,
    Field::L7ValidFrom,
    Field::L7ValidUntil,
    Field::L7KeyAlgorithm,
    Field::L7DnsAnswers,
];

impl Field {
    /// The column of a key of [`crate::Details`].
    #[must_use]
    pub fn detail(key: DetailKey) -> Self {
        // The numbers of keys begin with 1 and have no gap.
        DETAILS.get(key as usize - 1).copied().unwrap_or(Self::L7Alpn)
    }

    const fn is_detail(self) -> bool {
        self as u8 > Self::Host as u8 && (self as u8) < Self::Measured as u8
    }

    /// The key whose column this is.
    #[must_use]
    pub fn detail_key(self) -> Option<DetailKey> {
        self.is_detail()
            .then(|| DetailKey::from_number(self as u8 - Self::Host as u8))?
    }

    /// Whether the column holds places in a dictionary of texts, and which.
    #[must_use]
    pub fn text_dictionary(self) -> Option<TextDictionary> {
        match self {
            Self::Host => Some(TextDictionary::Hosts),
            _ => self.detail_key().map(|_| TextDictionary::Details),
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
                | Self::Confidence
                | Self::Host
                | Self::ConnectClient
                | Self::ConnectServer
        ) || self.is_detail()
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
            | Self::Routers6Lower
            | Self::ResponseRest => 64,
            Self::ApplicationSelector => 56,
            Self::Macs => 48,
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
            Self::Exported | Self::Measured => 1,
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
            | Self::EnterpriseOctets
            | Self::Confidence
            | Self::HostLengths
            | Self::HostOctets
            | Self::DetailLengths
            | Self::DetailOctets => 8,
            // Links, places, interfaces, AS numbers, delays and counts of quality.
            _ => 32,
        }
    }
}
