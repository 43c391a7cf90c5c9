//! The places that a record's numbers are read into before they become a flow record.

use crate::registry::{CERT, CISCO, ElementId, REVERSE};

/// What a record's number is. An IPv6 address takes two places: the upper and the lower half.
#[allow(dead_code, reason = "the lower halves of addresses are reached by counting")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Slot {
    Bytes,
    Packets,
    BytesTotal,
    PacketsTotal,
    BytesPost,
    PacketsPost,
    BytesLayer2,
    BytesInitiator,
    PacketsInitiator,
    BytesReverse,
    PacketsReverse,
    BytesTotalReverse,
    PacketsTotalReverse,
    BytesResponder,
    PacketsResponder,
    Protocol,
    Tos,
    Dscp,
    Flags,
    FlagsReverse,
    // Of the first packet alone.
    FlagsFirst,
    FlagsFirstReverse,
    SrcPort,
    DstPort,
    UdpSrcPort,
    UdpDstPort,
    TcpSrcPort,
    TcpDstPort,
    Src4,
    Dst4,
    Src6,
    Src6Low,
    Dst6,
    Dst6Low,
    IpVersion,
    Icmp4,
    Icmp6,
    Icmp4Type,
    Icmp4Code,
    Icmp6Type,
    Icmp6Code,
    IcmpReverse,
    SrcMac,
    DstMac,
    SrcMacPost,
    DstMacPost,
    Vlan,
    VlanDot1q,
    VlanCustomer,
    EndReason,
    // Times.
    StartUptime,
    EndUptime,
    StartSeconds,
    EndSeconds,
    StartMillis,
    EndMillis,
    StartMicros,
    EndMicros,
    StartNanos,
    EndNanos,
    StartDelta,
    EndDelta,
    DurationMillis,
    DurationMicros,
    ObservedSeconds,
    ObservedMillis,
    ObservedMicros,
    ObservedNanos,
    BootMillis,
    // Sampling.
    Sampler,
    Selector,
    SampleInterval,
    SampleRandom,
    SamplePackets,
    SampleSpace,
    SampleSize,
    SamplePopulation,
    // What an exporter says besides.
    Ingress,
    Egress,
    IngressPhysical,
    EgressPhysical,
    Observed,
    SrcAs,
    DstAs,
    PrevAs,
    NextAs,
    SrcPrefix4,
    DstPrefix4,
    SrcPrefix6,
    DstPrefix6,
    NextHop4,
    NextHop6,
    NextHop6Low,
    BgpNextHop4,
    BgpNextHop6,
    BgpNextHop6Low,
    IngressVrf,
    EgressVrf,
    Mpls1,
    Mpls2,
    Mpls3,
    Mpls4,
    Mpls5,
    Mpls6,
    Mpls7,
    Mpls8,
    Mpls9,
    Mpls10,
    NatSrc4,
    NatDst4,
    NatSrc6,
    NatSrc6Low,
    NatDst6,
    NatDst6Low,
    NatSrcPort,
    NatDstPort,
    NatEvent,
    Firewall,
    Forwarding,
    TtlMin,
    TtlMax,
    Ttl,
    FlowLabel,
    Segment,
    Srv6,
    Srv6Low,
    // Of single packets.
    IpLength,
    FrameSize,
    // Of the inner packet of a tunnel, where a template has the outer one's before (RFC 7011, section 8).
    InnerProtocol,
    InnerTos,
    InnerFlags,
    InnerSrcPort,
    InnerDstPort,
    InnerSrc4,
    InnerDst4,
    InnerSrc6,
    InnerSrc6Low,
    InnerDst6,
    InnerDst6Low,
}

/// All places.
pub(crate) const SLOTS: usize = Slot::InnerDst6Low as usize + 1;

impl Slot {
    /// The place of a second value: of what a tunnel carries.
    pub(crate) const fn inner(self) -> Option<Self> {
        Some(match self {
            Self::Protocol => Self::InnerProtocol,
            Self::Tos => Self::InnerTos,
            Self::Flags => Self::InnerFlags,
            Self::SrcPort => Self::InnerSrcPort,
            Self::DstPort => Self::InnerDstPort,
            Self::Src4 => Self::InnerSrc4,
            Self::Dst4 => Self::InnerDst4,
            Self::Src6 => Self::InnerSrc6,
            Self::Dst6 => Self::InnerDst6,
            _ => return None,
        })
    }
}

/// Which octets an element has to have to be read into its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// A number: one to eight.
    Number,
    /// So many.
    Exactly(u16),
    /// A label stack entry: three, or four with its TTL, which is left out.
    Label,
}

/// Where an element's number goes.
pub(crate) fn place(element: ElementId) -> Option<(Slot, Width)> {
    use Slot as S;
    let number = |slot| Some((slot, Width::Number));
    let ip4 = |slot| Some((slot, Width::Exactly(4)));
    let ip6 = |slot| Some((slot, Width::Exactly(16)));
    let mac = |slot| Some((slot, Width::Exactly(6)));
    let label = |slot| Some((slot, Width::Label));
    match (element.enterprise, element.number) {
        (0, iana) => match iana {
            1 => number(S::Bytes),
            2 => number(S::Packets),
            4 => number(S::Protocol),
            5 => number(S::Tos),
            6 => number(S::Flags),
            7 => number(S::SrcPort),
            8 => ip4(S::Src4),
            9 => number(S::SrcPrefix4),
            10 => number(S::Ingress),
            11 => number(S::DstPort),
            12 => ip4(S::Dst4),
            13 => number(S::DstPrefix4),
            14 => number(S::Egress),
            15 => ip4(S::NextHop4),
            16 => number(S::SrcAs),
            17 => number(S::DstAs),
            18 => ip4(S::BgpNextHop4),
            21 => number(S::EndUptime),
            22 => number(S::StartUptime),
            23 => number(S::BytesPost),
            24 => number(S::PacketsPost),
            27 => ip6(S::Src6),
            28 => ip6(S::Dst6),
            29 => number(S::SrcPrefix6),
            30 => number(S::DstPrefix6),
            31 => number(S::FlowLabel),
            32 => number(S::Icmp4),
            34 => number(S::SampleInterval),
            48 => number(S::Sampler),
            50 => number(S::SampleRandom),
            52 => number(S::TtlMin),
            53 => number(S::TtlMax),
            56 => mac(S::SrcMac),
            57 => mac(S::DstMacPost),
            58 => number(S::Vlan),
            60 => number(S::IpVersion),
            61 => number(S::Observed),
            62 => ip6(S::NextHop6),
            63 => ip6(S::BgpNextHop6),
            70 => label(S::Mpls1),
            71 => label(S::Mpls2),
            72 => label(S::Mpls3),
            73 => label(S::Mpls4),
            74 => label(S::Mpls5),
            75 => label(S::Mpls6),
            76 => label(S::Mpls7),
            77 => label(S::Mpls8),
            78 => label(S::Mpls9),
            79 => label(S::Mpls10),
            80 => mac(S::DstMac),
            81 => mac(S::SrcMacPost),
            85 => number(S::BytesTotal),
            86 => number(S::PacketsTotal),
            89 => number(S::Forwarding),
            128 => number(S::NextAs),
            129 => number(S::PrevAs),
            136 => number(S::EndReason),
            139 => number(S::Icmp6),
            150 => number(S::StartSeconds),
            151 => number(S::EndSeconds),
            152 => number(S::StartMillis),
            153 => number(S::EndMillis),
            154 => number(S::StartMicros),
            155 => number(S::EndMicros),
            156 => number(S::StartNanos),
            157 => number(S::EndNanos),
            158 => number(S::StartDelta),
            159 => number(S::EndDelta),
            160 => number(S::BootMillis),
            161 => number(S::DurationMillis),
            162 => number(S::DurationMicros),
            176 => number(S::Icmp4Type),
            177 => number(S::Icmp4Code),
            178 => number(S::Icmp6Type),
            179 => number(S::Icmp6Code),
            180 => number(S::UdpSrcPort),
            181 => number(S::UdpDstPort),
            182 => number(S::TcpSrcPort),
            183 => number(S::TcpDstPort),
            192 => number(S::Ttl),
            195 => number(S::Dscp),
            224 => number(S::IpLength),
            225 => ip4(S::NatSrc4),
            226 => ip4(S::NatDst4),
            227 => number(S::NatSrcPort),
            228 => number(S::NatDstPort),
            230 => number(S::NatEvent),
            231 => number(S::BytesInitiator),
            232 => number(S::BytesResponder),
            233 => number(S::Firewall),
            234 => number(S::IngressVrf),
            235 => number(S::EgressVrf),
            243 => number(S::VlanDot1q),
            245 => number(S::VlanCustomer),
            252 => number(S::IngressPhysical),
            253 => number(S::EgressPhysical),
            281 => ip6(S::NatSrc6),
            282 => ip6(S::NatDst6),
            298 => number(S::PacketsInitiator),
            299 => number(S::PacketsResponder),
            302 => number(S::Selector),
            305 => number(S::SamplePackets),
            306 => number(S::SampleSpace),
            309 => number(S::SampleSize),
            310 => number(S::SamplePopulation),
            312 => number(S::FrameSize),
            322 => number(S::ObservedSeconds),
            323 => number(S::ObservedMillis),
            324 => number(S::ObservedMicros),
            325 => number(S::ObservedNanos),
            351 => number(S::Segment),
            352 => number(S::BytesLayer2),
            495 => ip6(S::Srv6),
            _ => None,
        },
        (REVERSE, iana) => match iana {
            1 => number(S::BytesReverse),
            2 => number(S::PacketsReverse),
            6 => number(S::FlagsReverse),
            32 | 139 => number(S::IcmpReverse),
            85 => number(S::BytesTotalReverse),
            86 => number(S::PacketsTotalReverse),
            _ => None,
        },
        // NetFlow Secure Event Logging, which came before the elements of RFC 8158: 40001–40005 in v9.
        (CISCO, 7_233) => ip4(S::NatSrc4),
        (CISCO, 7_234) => ip4(S::NatDst4),
        (CISCO, 7_235) => number(S::NatSrcPort),
        (CISCO, 7_236) => number(S::NatDstPort),
        (CISCO, 7_237) => number(S::Firewall),
        // YAF's initialTCPFlags and unionTCPFlags; 16,384 more is the reverse direction.
        (CERT, 14) => number(S::FlagsFirst),
        (CERT, 15) => number(S::Flags),
        (CERT, 16_398) => number(S::FlagsFirstReverse),
        (CERT, 16_399) => number(S::FlagsReverse),
        _ => None,
    }
}

/// A set of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mask {
    low: u128,
    high: u64,
}

impl Mask {
    pub(crate) const fn of(slots: &[Slot]) -> Self {
        let mut mask = Self { low: 0, high: 0 };
        let mut rest = slots;
        while let [first, after @ ..] = rest {
            mask = mask.with(*first);
            rest = after;
        }
        mask
    }

    const fn with(self, slot: Slot) -> Self {
        match slot as u8 {
            low @ 0..128 => Self {
                low: self.low | 1 << low,
                ..self
            },
            high => Self {
                high: self.high | 1 << (high - 128),
                ..self
            },
        }
    }

    #[inline(always)]
    pub(crate) const fn has(self, slot: Slot) -> bool {
        match slot as u8 {
            low @ 0..128 => self.low & 1 << low != 0,
            high => self.high & 1 << (high - 128) != 0,
        }
    }

    #[inline(always)]
    pub(crate) const fn any(self, of: Self) -> bool {
        self.low & of.low != 0 || self.high & of.high != 0
    }

    pub(crate) fn insert(&mut self, slot: Slot) {
        *self = self.with(slot);
    }
}

/// The numbers of one record.
#[derive(Debug, Clone)]
pub(crate) struct Numbers([u64; SLOTS]);

impl Default for Numbers {
    fn default() -> Self {
        Self([0; SLOTS])
    }
}

impl Numbers {
    #[inline(always)]
    pub(crate) fn get(&self, slot: Slot) -> u64 {
        // Slots are fewer than places; with a constant slot nothing is checked.
        self.0.get(slot as usize).copied().unwrap_or(0)
    }

    /// The two halves of an IPv6 address.
    #[inline(always)]
    pub(crate) fn wide(&self, slot: Slot) -> u128 {
        let low = self.0.get(slot as usize + 1).copied().unwrap_or(0);
        u128::from(self.get(slot)) << 64 | u128::from(low)
    }

    #[inline(always)]
    pub(crate) fn set(&mut self, place: u8, value: u64) {
        if let Some(number) = self.0.get_mut(usize::from(place)) {
            *number = value;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0 = [0; SLOTS];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_all_places() {
        const { assert!(SLOTS <= 128 + 64) };
    }

    #[test]
    fn masks_hold_their_slots() {
        let mut mask = Mask::of(&[Slot::Bytes, Slot::InnerDst6]);
        assert!(mask.has(Slot::Bytes) && mask.has(Slot::InnerDst6) && !mask.has(Slot::Tos));
        mask.insert(Slot::Tos);
        assert!(mask.any(Mask::of(&[Slot::Tos])) && !mask.any(Mask::of(&[Slot::Ttl])));
    }
}
