//! From a record's numbers to a flow record.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;

use model::{
    App, Definitions, Direction, EndReason, Exported, FlowRecord, IcmpType, LinkId, MacAddr, MplsLabels, Observed,
    Timestamp, Translated,
};

use crate::apps;
use crate::clocks::times;
use crate::exporter::Names;
use crate::head;
use crate::home::Home;
use crate::plan::{Addresses, Piece, Plan, Section};
use crate::sampling::{Rates, Statement};
use crate::slot::{Mask, Numbers, Slot};

const ICMP: u8 = 1;
const TCP: u8 = 6;
const ICMP6: u8 = 58;
const FIN_OR_RST: u8 = 1 | 4;

/// What is known beside a record's own numbers.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) exported: Timestamp,
    /// The exporter's uptime in the header, in ms.
    pub(crate) uptime: Option<u32>,
    /// When the exporter started, from its options.
    pub(crate) boot: Option<Timestamp>,
    pub(crate) rates: &'a Rates,
    /// The rate that the header gives (NetFlow v5).
    pub(crate) header_rate: Option<NonZeroU32>,
    /// The rate that the settings give, whatever the exporter says.
    pub(crate) rate_override: Option<NonZeroU32>,
    pub(crate) names: &'a Names,
    pub(crate) home: &'a Home,
    pub(crate) definitions: &'a Definitions,
}

/// A flow record that says nothing.
const BLANK: FlowRecord = FlowRecord {
    link: LinkId(0),
    start: Timestamp::EPOCH,
    end: Timestamp::EPOCH,
    src_ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    dst_ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    src_port: 0,
    dst_port: 0,
    protocol: 0,
    vlan: None,
    vlan_inner: None,
    src_mac: None,
    dst_mac: None,
    packets: 0,
    bytes: 0,
    packets_rev: 0,
    bytes_rev: 0,
    tcp_flags: 0,
    tcp_flags_rev: 0,
    icmp: None,
    icmp_rev: None,
    tos: 0,
    app: App::UNKNOWN,
    direction: Direction::Unknown,
    end_reason: EndReason::Idle,
    export: None,
    l7: None,
    quality: None,
};

/// A flow record that says nothing, with room for what an exporter says.
pub(crate) fn blank() -> FlowRecord {
    FlowRecord {
        export: Some(Box::default()),
        ..BLANK
    }
}

/// Makes a record say nothing, and keeps its room for what an exporter says.
pub(crate) fn clear(record: &mut FlowRecord, domain: u32) {
    let mut export = record.export.take().unwrap_or_default();
    let mut enterprise = std::mem::take(&mut export.enterprise);
    enterprise.clear();
    *export = Exported {
        domain,
        enterprise,
        ..Exported::default()
    };
    *record = FlowRecord {
        export: Some(export),
        ..BLANK
    };
}

/// Fills a flow record from a record's numbers and pieces.
///
/// What a plan does not read is left as it is: the record has to be [`clear`] when the plan is another than before, and
/// for every record where a plan has the head of a packet; enterprise fields are added to those that are there.
///
/// # Errors
/// When the record carries the head of a packet that is none; the record is filled as far as it goes.
#[inline]
pub(crate) fn assemble(
    plan: &Plan,
    numbers: &Numbers,
    pieces: &[Piece],
    octets: &[u8],
    around: &Surroundings<'_>,
    record: &mut FlowRecord,
) -> Result<(), head::Unsound> {
    let has = plan.present;
    let mut export = record.export.take().unwrap_or_default();
    (record.src_ip, record.dst_ip) = addresses(plan, numbers);
    record.protocol = low8(numbers.get(Slot::Protocol));
    record.tos = if has.has(Slot::Tos) {
        low8(numbers.get(Slot::Tos))
    } else {
        low8(numbers.get(Slot::Dscp) << 2)
    };
    let carries = has.has(Slot::InnerProtocol) && numbers.get(Slot::InnerProtocol) != 0;
    if carries {
        tunnelled(has, numbers, record);
    }
    transport(has, numbers, carries, record);
    (record.packets, record.bytes) = forward(has, numbers);
    if has.any(REVERSES) {
        reverse(has, numbers, record);
    }
    if has.any(LINK_LAYER) {
        link_layer(has, numbers, record);
    }
    (record.start, record.end) = times(has, numbers, around);
    besides(has, numbers, &mut export);
    let mut outcome = Ok(());
    if !pieces.is_empty() {
        for (section, at, length) in pieces {
            let at = usize::from(*at);
            let piece = octets.get(at..at + usize::from(*length)).unwrap_or(&[]);
            match section {
                Section::Application => export.application = apps::identifier(piece),
                Section::Enterprise(element) => {
                    export.enterprise.push(element.enterprise, element.number, piece);
                }
                Section::IpHeader => outcome = outcome.and(head::ip(piece, plan, numbers, record)),
                Section::Frame => outcome = outcome.and(head::frame(piece, plan, numbers, record)),
            }
        }
    }
    record.end_reason = match numbers.get(Slot::EndReason) {
        1 => EndReason::Idle,
        2 => EndReason::Active,
        3 => EndReason::EndOfFlow,
        4 => EndReason::Forced,
        5 => EndReason::LackOfResources,
        // The exporter does not say.
        _ if record.tcp_flags & FIN_OR_RST != 0 => EndReason::EndOfFlow,
        _ => EndReason::Idle,
    };
    let rate = rate(has, numbers, &export, around);
    export.sampling = rate;
    if let Some(rate) = rate.filter(|rate| rate.get() > 1) {
        multiply(record, rate);
    }
    record.app = application(record, export.application, around);
    record.direction = around.home.direction(record.src_ip, record.dst_ip);
    record.export = Some(export);
    outcome
}

#[inline]
fn addresses(plan: &Plan, numbers: &Numbers) -> (IpAddr, IpAddr) {
    let four = |slot| IpAddr::V4(Ipv4Addr::from_bits(low32(numbers.get(slot))));
    let six = |slot| IpAddr::V6(Ipv6Addr::from_bits(numbers.wide(slot)));
    let v4 = || (four(Slot::Src4), four(Slot::Dst4));
    let v6 = || (six(Slot::Src6), six(Slot::Dst6));
    match plan.addresses {
        Addresses::V4 => v4(),
        Addresses::V6 => v6(),
        Addresses::Both { six_last } => {
            let has_four = numbers.get(Slot::Src4) | numbers.get(Slot::Dst4) != 0;
            let has_six = numbers.wide(Slot::Src6) | numbers.wide(Slot::Dst6) != 0;
            match (has_four, has_six, numbers.get(Slot::IpVersion)) {
                (true, true, _) if six_last => v6(),
                (false, true, _) | (false, false, 6) => v6(),
                _ => v4(),
            }
        }
        Addresses::None if numbers.get(Slot::IpVersion) == 6 => {
            (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into())
        }
        Addresses::None => (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()),
    }
}

/// The inner packet of a tunnel, whose outer one the record describes before: its class, protocol and addresses. Where
/// inner and outer addresses are of different versions, [`addresses`] took the inner ones already.
#[cold]
fn tunnelled(has: Mask, numbers: &Numbers, record: &mut FlowRecord) {
    record.protocol = low8(numbers.get(Slot::InnerProtocol));
    if has.has(Slot::InnerTos) {
        record.tos = low8(numbers.get(Slot::InnerTos));
    }
    if numbers.get(Slot::InnerSrc4) | numbers.get(Slot::InnerDst4) != 0 {
        let ip = |slot| IpAddr::V4(Ipv4Addr::from_bits(low32(numbers.get(slot))));
        (record.src_ip, record.dst_ip) = (ip(Slot::InnerSrc4), ip(Slot::InnerDst4));
    } else if numbers.wide(Slot::InnerSrc6) | numbers.wide(Slot::InnerDst6) != 0 {
        let ip = |slot| IpAddr::V6(Ipv6Addr::from_bits(numbers.wide(slot)));
        (record.src_ip, record.dst_ip) = (ip(Slot::InnerSrc6), ip(Slot::InnerDst6));
    }
}

const ICMPS: Mask = Mask::of(&[
    Slot::Icmp4,
    Slot::Icmp6,
    Slot::Icmp4Type,
    Slot::Icmp6Type,
    Slot::Icmp4Code,
    Slot::Icmp6Code,
]);
const PORTS_BY_PROTOCOL: Mask = Mask::of(&[Slot::UdpSrcPort, Slot::UdpDstPort, Slot::TcpSrcPort, Slot::TcpDstPort]);

/// Ports, flags and the ICMP message.
#[inline]
fn transport(has: Mask, numbers: &Numbers, carries: bool, record: &mut FlowRecord) {
    let [src, dst, flags] = match carries {
        true => [Slot::InnerSrcPort, Slot::InnerDstPort, Slot::InnerFlags],
        false => [Slot::SrcPort, Slot::DstPort, Slot::Flags],
    };
    let (mut src, mut dst) = (low16(numbers.get(src)), low16(numbers.get(dst)));
    if has.any(PORTS_BY_PROTOCOL) {
        let first = |port: u16, a, b| match port {
            0 => low16(numbers.get(a) | numbers.get(b)),
            port => port,
        };
        src = first(src, Slot::UdpSrcPort, Slot::TcpSrcPort);
        dst = first(dst, Slot::UdpDstPort, Slot::TcpDstPort);
    }
    record.tcp_flags = 0;
    record.icmp = None;
    match record.protocol {
        TCP => record.tcp_flags = low8(numbers.get(flags) | numbers.get(Slot::FlagsFirst)),
        17 | 33 | 132 | 136 => {}
        ICMP | ICMP6 => {
            // Many exporters say type and code in the destination port alone.
            let said = if has.any(ICMPS) {
                icmp(record.protocol, numbers)
            } else {
                0
            };
            record.icmp = Some(icmp_type(if said == 0 { dst } else { said }));
            (src, dst) = (0, 0);
        }
        _ => (src, dst) = (0, 0),
    }
    (record.src_port, record.dst_port) = (src, dst);
}

/// type × 256 + code.
fn icmp(protocol: u8, numbers: &Numbers) -> u16 {
    let [both, kind, code] = match protocol {
        ICMP => [Slot::Icmp4, Slot::Icmp4Type, Slot::Icmp4Code],
        _ => [Slot::Icmp6, Slot::Icmp6Type, Slot::Icmp6Code],
    };
    match low16(numbers.get(both)) {
        0 => u16::from_be_bytes([low8(numbers.get(kind)), low8(numbers.get(code))]),
        both => both,
    }
}

const fn icmp_type(both: u16) -> IcmpType {
    let [kind, code] = both.to_be_bytes();
    IcmpType { kind, code }
}

/// Packets and octets forward: as they came, since the last report or in all; as they left, where that alone is said.
#[inline]
fn forward(has: Mask, numbers: &Numbers) -> (u64, u64) {
    let first = |slots: &[Slot]| {
        let slot = slots.iter().find(|slot| has.has(**slot));
        slot.map_or(0, |slot| numbers.get(*slot))
    };
    let packets = if has.has(Slot::Packets) {
        numbers.get(Slot::Packets)
    } else {
        first(&[Slot::PacketsInitiator, Slot::PacketsTotal])
    };
    let bytes = if has.has(Slot::Bytes) {
        numbers.get(Slot::Bytes)
    } else {
        first(&[Slot::BytesInitiator, Slot::BytesTotal, Slot::BytesLayer2])
    };
    // What is seen on egress alone has zeros for what came in.
    if packets | bytes == 0 && has.any(POSTS) {
        return (numbers.get(Slot::PacketsPost), numbers.get(Slot::BytesPost));
    }
    (packets, bytes)
}

const POSTS: Mask = Mask::of(&[Slot::BytesPost, Slot::PacketsPost]);

const REVERSES: Mask = Mask::of(&[
    Slot::BytesReverse,
    Slot::PacketsReverse,
    Slot::BytesTotalReverse,
    Slot::PacketsTotalReverse,
    Slot::BytesResponder,
    Slot::PacketsResponder,
    Slot::FlagsReverse,
    Slot::IcmpReverse,
]);

/// The other direction of a biflow (RFC 5103), or the responder's (IPFIX elements 232 and 299).
fn reverse(has: Mask, numbers: &Numbers, record: &mut FlowRecord) {
    let first = |slots: [Slot; 3]| {
        slots
            .into_iter()
            .find(|slot| has.has(*slot))
            .map_or(0, |slot| numbers.get(slot))
    };
    record.packets_rev = first([Slot::PacketsReverse, Slot::PacketsResponder, Slot::PacketsTotalReverse]);
    record.bytes_rev = first([Slot::BytesReverse, Slot::BytesResponder, Slot::BytesTotalReverse]);
    record.tcp_flags_rev = match record.protocol {
        TCP => low8(numbers.get(Slot::FlagsReverse) | numbers.get(Slot::FlagsFirstReverse)),
        _ => 0,
    };
    let is_icmp = matches!(record.protocol, ICMP | ICMP6) && has.has(Slot::IcmpReverse);
    record.icmp_rev = is_icmp.then(|| icmp_type(low16(numbers.get(Slot::IcmpReverse))));
}

const LINK_LAYER: Mask = Mask::of(&[
    Slot::SrcMac,
    Slot::DstMac,
    Slot::SrcMacPost,
    Slot::DstMacPost,
    Slot::Vlan,
    Slot::VlanDot1q,
    Slot::VlanCustomer,
]);

fn link_layer(has: Mask, numbers: &Numbers, record: &mut FlowRecord) {
    let vlan = |slot| Some(low16(numbers.get(slot)) & 0xfff).filter(|vlan| *vlan != 0);
    record.vlan = vlan(Slot::VlanDot1q).or_else(|| vlan(Slot::Vlan));
    record.vlan_inner = vlan(Slot::VlanCustomer);
    let mac = |before, after| {
        let slot = if has.has(before) { before } else { after };
        let [_, _, address @ ..] = numbers.get(slot).to_be_bytes();
        Some(MacAddr(address)).filter(|_| address != [0; 6])
    };
    record.src_mac = mac(Slot::SrcMac, Slot::SrcMacPost);
    record.dst_mac = mac(Slot::DstMac, Slot::DstMacPost);
}

const SAMPLING: Mask = Mask::of(&[
    Slot::SampleInterval,
    Slot::SampleRandom,
    Slot::SamplePackets,
    Slot::SampleSize,
]);

/// How many packets each stands for: as the settings say, the record itself, its sampler, or the header.
#[inline]
fn rate(has: Mask, numbers: &Numbers, export: &Exported, around: &Surroundings<'_>) -> Option<NonZeroU32> {
    if around.rate_override.is_some() {
        return around.rate_override;
    }
    if has.any(SAMPLING) {
        let said = Statement {
            interval: numbers.get(Slot::SampleRandom).max(numbers.get(Slot::SampleInterval)),
            packets: numbers.get(Slot::SamplePackets),
            space: numbers.get(Slot::SampleSpace),
            size: numbers.get(Slot::SampleSize),
            population: numbers.get(Slot::SamplePopulation),
            probability: 0.0,
        };
        if let Some(rate) = said.rate() {
            return Some(rate);
        }
    }
    let sampler = [Slot::Selector, Slot::Sampler].into_iter().find(|slot| has.has(*slot));
    let sampler = sampler.map(|slot| numbers.get(slot));
    around
        .rates
        .of(sampler, export.ingress_if, export.egress_if)
        .or(around.header_rate)
}

fn multiply(record: &mut FlowRecord, rate: NonZeroU32) {
    let rate = u64::from(rate.get());
    for counter in [
        &mut record.packets,
        &mut record.bytes,
        &mut record.packets_rev,
        &mut record.bytes_rev,
    ] {
        *counter = counter.saturating_mul(rate);
    }
}

#[inline]
fn application(record: &FlowRecord, id: Option<u64>, around: &Surroundings<'_>) -> App {
    if let Some(id) = id.filter(|id| *id != 0) {
        let known = around.names.application(id).map_or(App::UNKNOWN, |(app, _)| app);
        if known != App::UNKNOWN {
            return known;
        }
        let said = apps::by_identifier(id, record.protocol);
        if said != App::UNKNOWN {
            return said;
        }
    }
    apps::of(record, around.definitions)
}

const ROUTING: Mask = Mask::of(&[
    Slot::SrcAs,
    Slot::DstAs,
    Slot::PrevAs,
    Slot::NextAs,
    Slot::SrcPrefix4,
    Slot::DstPrefix4,
    Slot::SrcPrefix6,
    Slot::DstPrefix6,
    Slot::NextHop4,
    Slot::NextHop6,
    Slot::BgpNextHop4,
    Slot::BgpNextHop6,
    Slot::IngressVrf,
    Slot::EgressVrf,
]);
const LABELS: [Slot; 10] = [
    Slot::Mpls1,
    Slot::Mpls2,
    Slot::Mpls3,
    Slot::Mpls4,
    Slot::Mpls5,
    Slot::Mpls6,
    Slot::Mpls7,
    Slot::Mpls8,
    Slot::Mpls9,
    Slot::Mpls10,
];
const NAT: Mask = Mask::of(&[
    Slot::NatSrc4,
    Slot::NatDst4,
    Slot::NatSrc6,
    Slot::NatDst6,
    Slot::NatSrcPort,
    Slot::NatDstPort,
    Slot::NatEvent,
    Slot::Firewall,
]);
const PACKET: Mask = Mask::of(&[
    Slot::TtlMin,
    Slot::TtlMax,
    Slot::Ttl,
    Slot::FlowLabel,
    Slot::Segment,
    Slot::Srv6,
    Slot::Forwarding,
]);

/// What an exporter says besides.
#[inline]
fn besides(has: Mask, numbers: &Numbers, export: &mut Exported) {
    let said = |slot| has.has(slot).then(|| numbers.get(slot));
    export.ingress_if = said(Slot::Ingress).or_else(|| said(Slot::IngressPhysical)).map(low32);
    export.egress_if = said(Slot::Egress).or_else(|| said(Slot::EgressPhysical)).map(low32);
    if has.has(Slot::Observed) {
        export.observed = match numbers.get(Slot::Observed) {
            0 => Observed::Ingress,
            1 => Observed::Egress,
            _ => Observed::Unknown,
        };
    }
    if has.any(ROUTING) {
        routing(has, numbers, export);
    }
    if has.has(Slot::Mpls1) {
        export.mpls = labels(has, numbers);
    }
    if has.any(NAT) {
        export.translated = Translated {
            src_ip: ip(has, numbers, Slot::NatSrc4, Slot::NatSrc6),
            dst_ip: ip(has, numbers, Slot::NatDst4, Slot::NatDst6),
            src_port: said(Slot::NatSrcPort).map(low16),
            dst_port: said(Slot::NatDstPort).map(low16),
        };
        export.nat_event = said(Slot::NatEvent).map(low8);
        export.firewall_event = said(Slot::Firewall).map(low8);
    }
    if has.any(PACKET) {
        let ttl = [Slot::TtlMin, Slot::TtlMax, Slot::Ttl].map(|slot| said(slot).map(low8));
        let [min, max, one] = ttl;
        export.ttl = min.or(one).or(max).zip(max.or(one).or(min));
        export.flow_label = said(Slot::FlowLabel).map(low32);
        // The upper octet says what kind of segment it is (RFC 7133, section 4.2): 1 is VXLAN.
        export.vni = said(Slot::Segment)
            .map(|segment| low32(segment) & 0xff_ffff)
            .filter(|vni| *vni != 0);
        export.srv6_segment = said(Slot::Srv6)
            .map(|_| Ipv6Addr::from_bits(numbers.wide(Slot::Srv6)))
            .filter(|segment| !segment.is_unspecified())
            .map(IpAddr::V6);
        export.forwarding_status = said(Slot::Forwarding).map(low8);
    }
}

fn routing(has: Mask, numbers: &Numbers, export: &mut Exported) {
    let said = |slot| has.has(slot).then(|| numbers.get(slot));
    export.src_as = said(Slot::SrcAs).or_else(|| said(Slot::PrevAs)).map(low32);
    export.dst_as = said(Slot::DstAs).or_else(|| said(Slot::NextAs)).map(low32);
    export.src_prefix = either(said(Slot::SrcPrefix4), said(Slot::SrcPrefix6)).map(low8);
    export.dst_prefix = either(said(Slot::DstPrefix4), said(Slot::DstPrefix6)).map(low8);
    export.next_hop = ip(has, numbers, Slot::NextHop4, Slot::NextHop6);
    export.bgp_next_hop = ip(has, numbers, Slot::BgpNextHop4, Slot::BgpNextHop6);
    export.ingress_vrf = said(Slot::IngressVrf).map(low32);
    export.egress_vrf = said(Slot::EgressVrf).map(low32);
}

/// The one that says something, where a template has both.
fn either(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.filter(|n| *n != 0).or(b).or(a)
}

/// An address of either version; `None` where it is unspecified.
fn ip(has: Mask, numbers: &Numbers, four: Slot, six: Slot) -> Option<IpAddr> {
    if has.has(four) && numbers.get(four) != 0 {
        return Some(IpAddr::V4(Ipv4Addr::from_bits(low32(numbers.get(four)))));
    }
    (has.has(six) && numbers.wide(six) != 0).then(|| IpAddr::V6(Ipv6Addr::from_bits(numbers.wide(six))))
}

/// The label stack: 20 bits of label, 3 of traffic class, 1 at the bottom. What lies below the bottom is padding.
fn labels(has: Mask, numbers: &Numbers) -> MplsLabels {
    let mut labels = MplsLabels::default();
    for slot in LABELS {
        let entry = low32(numbers.get(slot));
        if !has.has(slot) || entry == 0 {
            break;
        }
        labels.push(entry >> 4);
        if entry & 1 != 0 {
            break;
        }
    }
    labels
}

#[allow(clippy::cast_possible_truncation, reason = "the lower bits are wanted")]
pub(crate) const fn low8(n: u64) -> u8 {
    n as u8
}

#[allow(clippy::cast_possible_truncation, reason = "the lower bits are wanted")]
pub(crate) const fn low16(n: u64) -> u16 {
    n as u16
}

#[allow(clippy::cast_possible_truncation, reason = "the lower bits are wanted")]
pub(crate) const fn low32(n: u64) -> u32 {
    n as u32
}
