//! The structures of a flow sample: what a packet's header says, and what a switch, router or tunnel end adds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dissect::{Frame, NotMetered, Packet, dissect};
use model::{Exported, FlowRecord, IcmpType, MacAddr, MplsLabels};

use crate::assemble;
use crate::counters::opaque;
use crate::head;
use crate::parts::Parts;
use crate::wire::Reader;

/// What the records of a sample say.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Whether a packet's ends are known: by its header, or by a record of its IP header.
    pub(super) has_ends: bool,
    /// Whether a packet header was there that could not be dissected.
    pub(super) unsound: bool,
}

/// An address: its kind (1 IPv4, 2 IPv6, 0 none) and its octets.
pub(super) fn address(rest: &mut Reader<'_>) -> Option<Option<IpAddr>> {
    Some(match rest.u32()? {
        0 => None,
        1 => Some(IpAddr::V4(Ipv4Addr::from_bits(rest.u32()?))),
        2 => {
            let (high, low) = (rest.u64()?, rest.u64()?);
            Some(IpAddr::V6(Ipv6Addr::from_bits(
                u128::from(high) << 64 | u128::from(low),
            )))
        }
        _ => return None,
    })
}

/// The octets of an address.
fn octets_of(address: IpAddr) -> ([u8; 16], usize) {
    let mut octets = [0; 16];
    match address {
        IpAddr::V4(v4) => {
            if let Some(first) = octets.first_chunk_mut::<4>() {
                *first = v4.octets();
            }
            (octets, 4)
        }
        IpAddr::V6(v6) => (v6.octets(), 16),
    }
}

pub(super) fn unknown(format: u32, body: &[u8], parts: &mut Parts) {
    let mut octets = format.to_be_bytes().to_vec();
    octets.extend_from_slice(body);
    parts.sflow(22, &octets);
}

/// Takes a structure of a flow sample; `None` where it is shorter than it has to be.
pub(super) fn take(
    format: u32,
    body: &[u8],
    record: &mut FlowRecord,
    found: &mut Found,
    parts: Option<&mut Parts>,
) -> Option<()> {
    let mut rest = Reader::new(body);
    let mut nothing = Parts::default();
    let named = parts.is_some();
    let parts = parts.unwrap_or(&mut nothing);
    let mut export = record.export.take().unwrap_or_default();
    let taken = match format {
        1 => header(&mut rest, record, &mut export, found, named.then_some(&mut *parts)),
        2 => ethernet(&mut rest, record, found, named.then_some(&mut *parts)),
        3 | 4 => ip(format == 4, &mut rest, record, found, named.then_some(&mut *parts)),
        _ => extended(format, &mut rest, record, &mut export, named.then_some(&mut *parts)),
    };
    record.export = Some(export);
    if taken.is_none() && named {
        unknown(format, body, parts);
    }
    taken
}

/// A sampled header: its protocol, the frame's length, what was stripped of it, its first octets.
fn header(
    rest: &mut Reader<'_>,
    record: &mut FlowRecord,
    export: &mut Exported,
    found: &mut Found,
    parts: Option<&mut Parts>,
) -> Option<()> {
    let (protocol, length, stripped) = (rest.u32()?, rest.u32()?, rest.u32()?);
    let octets = opaque(rest)?;
    let link_type = match protocol {
        1 => Some(1),
        // PPP, 802.11, IPv4, IPv6.
        7 => Some(9),
        8 | 15 => Some(105),
        11 => Some(228),
        12 => Some(229),
        _ => None,
    };
    let dissected = link_type.map(|link_type| {
        dissect(&Frame {
            link_type,
            data: octets,
            wire_len: length.saturating_sub(stripped),
            vlan_tci: None,
        })
    });
    if let Some(Ok(packet)) = &dissected {
        head::ends(packet, record);
        record.vlan = record.vlan.or(packet.vlan);
        record.vlan_inner = record.vlan_inner.or(packet.vlan_inner);
        record.src_mac = packet.src_mac;
        record.dst_mac = packet.dst_mac;
        record.bytes = u64::from(packet.ip_bytes);
        export.ttl = Some((packet.ttl, packet.ttl));
        found.has_ends = true;
    }
    found.unsound |= matches!(
        dissected,
        None | Some(Err(NotMetered::Malformed(_)
            | NotMetered::CutShort
            | NotMetered::UnsupportedLink(_)))
    );
    if let Some(parts) = parts {
        parts.sflow(20, &protocol.to_be_bytes());
        parts.iana(312, &length.to_be_bytes());
        parts.sflow(21, &stripped.to_be_bytes());
        parts.iana(if matches!(protocol, 11 | 12) { 313 } else { 315 }, octets);
        if let Some(Ok(packet)) = &dissected {
            name_packet(packet, parts);
        }
    }
    Some(())
}

fn name_packet(packet: &Packet, parts: &mut Parts) {
    for (mac, element) in [(packet.src_mac, 56), (packet.dst_mac, 80)] {
        if let Some(mac) = mac {
            parts.iana(element, &mac.0);
        }
    }
    for (vlan, element) in [(packet.vlan, 243), (packet.vlan_inner, 245)] {
        if let Some(vlan) = vlan {
            parts.iana(element, &vlan.to_be_bytes());
        }
    }
    for (addr, four, six) in [(packet.src, 8, 27), (packet.dst, 12, 28)] {
        name_address(addr, four, six, parts);
    }
    parts.iana(4, &[packet.protocol]);
    parts.iana(5, &[packet.tos]);
    parts.iana(192, &[packet.ttl]);
    if let Some(icmp) = packet.icmp {
        parts.iana(if packet.src.is_ipv4() { 32 } else { 139 }, &[icmp.kind, icmp.code]);
    } else if packet.has_transport {
        parts.iana(7, &packet.src_port.to_be_bytes());
        parts.iana(11, &packet.dst_port.to_be_bytes());
    }
    if packet.protocol == 6 {
        parts.iana(6, &[packet.tcp_flags]);
    }
    parts.iana(1, &packet.ip_bytes.to_be_bytes());
    parts.iana(2, &[1]);
}

fn name_address(addr: IpAddr, four: u16, six: u16, parts: &mut Parts) {
    let (octets, length) = octets_of(addr);
    parts.iana(
        if addr.is_ipv4() { four } else { six },
        octets.get(..length).unwrap_or(&octets),
    );
}

/// Sampled Ethernet: the frame's length, two addresses padded to eight octets, the type.
fn ethernet(
    rest: &mut Reader<'_>,
    record: &mut FlowRecord,
    found: &mut Found,
    parts: Option<&mut Parts>,
) -> Option<()> {
    let length = rest.u32()?;
    let mut mac = || rest.take(8).and_then(|octets| octets.first_chunk::<6>().copied());
    let (src, dst) = (mac()?, mac()?);
    let kind = rest.u32()?;
    if !found.has_ends {
        record.src_mac = Some(MacAddr(src));
        record.dst_mac = Some(MacAddr(dst));
    }
    if let Some(parts) = parts {
        parts.iana(312, &length.to_be_bytes());
        parts.iana(56, &src);
        parts.iana(80, &dst);
        parts.iana(256, &assemble::low16(u64::from(kind)).to_be_bytes());
    }
    Some(())
}

/// Sampled IPv4 or IPv6: length, protocol, addresses, ports, flags, traffic class.
fn ip(
    is_six: bool,
    rest: &mut Reader<'_>,
    record: &mut FlowRecord,
    found: &mut Found,
    parts: Option<&mut Parts>,
) -> Option<()> {
    let (length, protocol) = (rest.u32()?, rest.u32()?);
    let mut addr = || {
        Some(if is_six {
            let (high, low) = (rest.u64()?, rest.u64()?);
            IpAddr::V6(Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low)))
        } else {
            IpAddr::V4(Ipv4Addr::from_bits(rest.u32()?))
        })
    };
    let (src, dst) = (addr()?, addr()?);
    let [src_port, dst_port, flags, class] = [rest.u32()?, rest.u32()?, rest.u32()?, rest.u32()?];
    let low = |n: u32| assemble::low16(u64::from(n));
    let octet = |n: u32| assemble::low8(u64::from(n));
    if !found.has_ends {
        let protocol = octet(protocol);
        record.src_ip = src;
        record.dst_ip = dst;
        record.protocol = protocol;
        record.tos = octet(class);
        record.bytes = u64::from(length);
        match protocol {
            1 | 58 => {
                record.icmp = Some(IcmpType {
                    kind: octet(src_port),
                    code: octet(dst_port),
                });
            }
            _ => (record.src_port, record.dst_port) = (low(src_port), low(dst_port)),
        }
        if protocol == 6 {
            record.tcp_flags = octet(flags);
        }
        found.has_ends = true;
        found.unsound = false;
    }
    if let Some(parts) = parts {
        parts.iana(224, &length.to_be_bytes());
        parts.iana(4, &[octet(protocol)]);
        name_address(src, 8, 27, parts);
        name_address(dst, 12, 28, parts);
        parts.iana(7, &low(src_port).to_be_bytes());
        parts.iana(11, &low(dst_port).to_be_bytes());
        parts.iana(6, &[octet(flags)]);
        parts.iana(5, &[octet(class)]);
    }
    Some(())
}

/// What a switch, router or tunnel end says of a packet.
fn extended(
    format: u32,
    rest: &mut Reader<'_>,
    record: &mut FlowRecord,
    export: &mut Exported,
    parts: Option<&mut Parts>,
) -> Option<()> {
    let mut nothing = Parts::default();
    let is_named = parts.is_some();
    let parts = parts.unwrap_or(&mut nothing);
    let whole = rest.rest();
    match format {
        // Switch: VLAN and priority in and out.
        1_001 => {
            let [vlan, priority, vlan_out, priority_out] = [rest.u32()?, rest.u32()?, rest.u32()?, rest.u32()?];
            let id = |vlan: u32| Some(assemble::low16(u64::from(vlan))).filter(|_| (1..4_096).contains(&vlan));
            record.vlan = id(vlan).or(record.vlan);
            parts.iana(58, &vlan.to_be_bytes());
            parts.iana(244, &priority.to_be_bytes());
            parts.iana(59, &vlan_out.to_be_bytes());
            parts.sflow(6, &priority_out.to_be_bytes());
        }
        // Router: the next one, prefix lengths.
        1_002 => {
            let next = address(rest)?;
            let (src, dst) = rest.u32().zip(rest.u32())?;
            export.next_hop = next.filter(|next| !next.is_unspecified());
            export.src_prefix = u8::try_from(src).ok();
            export.dst_prefix = u8::try_from(dst).ok();
            let is_six = next.is_some_and(|next| next.is_ipv6());
            if let Some(next) = next {
                name_address(next, 15, 62, parts);
            }
            parts.iana(if is_six { 29 } else { 9 }, &src.to_be_bytes());
            parts.iana(if is_six { 30 } else { 13 }, &dst.to_be_bytes());
        }
        1_003 => gateway(rest, export, parts)?,
        // The users' names, each behind its character set.
        1_004 => {
            for element in [11, 12] {
                rest.u32()?;
                parts.sflow(element, opaque(rest)?);
            }
        }
        1_005 => {
            let direction = rest.u32()?;
            parts.sflow(13, &direction.to_be_bytes());
            parts.sflow(14, opaque(rest)?);
            parts.sflow(15, opaque(rest)?);
        }
        // MPLS: the next router, the stacks in and out.
        1_006 => {
            let next = address(rest)?;
            export.next_hop = next.filter(|next| !next.is_unspecified()).or(export.next_hop);
            if let Some(next) = next {
                name_address(next, 15, 62, parts);
            }
            let stack = words(rest)?;
            export.mpls = MplsLabels::default();
            let (entries, _) = stack.as_chunks::<4>();
            for entry in entries {
                export.mpls.push(u32::from_be_bytes(*entry) >> 12);
            }
            parts.sflow(16, stack);
            parts.sflow(17, words(rest)?);
        }
        // Address translation.
        1_007 => {
            let (src, dst) = (address(rest)?, address(rest)?);
            export.translated.src_ip = src;
            export.translated.dst_ip = dst;
            for (addr, four, six) in [(src, 225, 281), (dst, 226, 282)] {
                if let Some(addr) = addr {
                    name_address(addr, four, six, parts);
                }
            }
        }
        1_020 => {
            let (src, dst) = rest.u32().zip(rest.u32())?;
            let port = |n: u32| assemble::low16(u64::from(n));
            export.translated.src_port = Some(port(src));
            export.translated.dst_port = Some(port(dst));
            parts.iana(227, &port(src).to_be_bytes());
            parts.iana(228, &port(dst).to_be_bytes());
        }
        // VXLAN network identifiers, on egress and on ingress.
        1_029 | 1_030 => {
            let vni = rest.u32()?;
            if format == 1_030 || export.vni.is_none() {
                export.vni = Some(vni & 0xff_ffff);
            }
            parts.sflow(if format == 1_030 { 18 } else { 19 }, &vni.to_be_bytes());
        }
        _ if is_named => unknown(format, whole, parts),
        _ => {}
    }
    Some(())
}

/// BGP: the next hop, our AS, the source's AS and the AS that it came from, the path, communities, local preference.
fn gateway(rest: &mut Reader<'_>, export: &mut Exported, parts: &mut Parts) -> Option<()> {
    let next = address(rest)?;
    let [own, src, peer] = [rest.u32()?, rest.u32()?, rest.u32()?];
    export.bgp_next_hop = next.filter(|next| !next.is_unspecified());
    // 0: the source is in our own AS.
    export.src_as = Some(if src == 0 { own } else { src });
    let (mut first, mut last) = (None, None);
    let before = rest.rest();
    for _ in 0..rest.u32()? {
        let _kind = rest.u32()?;
        let path = words(rest)?;
        let (numbers, _) = path.as_chunks::<4>();
        first = first.or(numbers.first().map(|number| u32::from_be_bytes(*number)));
        last = numbers.last().map(|number| u32::from_be_bytes(*number)).or(last);
    }
    let path = before.get(..before.len() - rest.len()).unwrap_or(&[]);
    // An empty path: the destination is in our own AS.
    export.dst_as = Some(last.unwrap_or(own));
    let communities = words(rest)?;
    let preference = rest.u32()?;
    if let Some(next) = next {
        name_address(next, 18, 63, parts);
    }
    parts.sflow(7, &own.to_be_bytes());
    parts.iana(16, &src.to_be_bytes());
    parts.iana(129, &peer.to_be_bytes());
    if let Some(first) = first {
        parts.iana(128, &first.to_be_bytes());
    }
    if let Some(last) = last {
        parts.iana(17, &last.to_be_bytes());
    }
    parts.sflow(8, path);
    parts.sflow(9, communities);
    parts.sflow(10, &preference.to_be_bytes());
    Some(())
}

/// Numbers of four octets behind their count.
fn words<'a>(rest: &mut Reader<'a>) -> Option<&'a [u8]> {
    let count = usize::try_from(rest.u32()?).ok()?;
    rest.take(count.checked_mul(4)?)
}
