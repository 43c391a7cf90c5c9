//! sFlow version 5 (sflow_version_5.txt, sflow_tunnels.txt, sflow_drops.txt): a sampled packet becomes a flow of the
//! packets that it stands for.

use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;

use dissect::{Frame, NotMetered, Packet, dissect};
use model::{EndReason, Exported, FlowRecord, IcmpType, MacAddr, MplsLabels};

use crate::apps;
use crate::assemble;
use crate::counters::{CounterSample, DataSource, OPAQUE, layout, opaque};
use crate::error::ErrorKind;
use crate::exporter::{Domain, SampleSource};
use crate::head;
use crate::job::Job;
use crate::parts::Parts;
use crate::record::{Context, Kind, Origin, Record, Version};
use crate::sink::Sink;
use crate::wire::Reader;

/// The port of a packet that the switch itself sent or received: "internal" in sFlow, 0 in IPFIX.
const INTERNAL: u32 = 0x3fff_ffff;

/// The head of a sample.
#[derive(Debug, Clone, Copy)]
struct Sample {
    sequence: u32,
    source: DataSource,
    rate: u32,
    pool: u32,
    drops: u32,
    input: Port,
    output: Port,
    reason: Option<u32>,
}

/// Where a packet came in or left: format 0 is one interface, 1 that it was dropped (and why), 2 several interfaces.
#[derive(Debug, Clone, Copy)]
struct Port {
    format: u32,
    value: u32,
}

impl Port {
    /// Two bits of format and 30 of value.
    const fn compact(both: u32) -> Self {
        Self {
            format: both >> 30,
            value: both & INTERNAL,
        }
    }

    /// The ifIndex; 0 where it is the switch itself, or dropped; `None` where it is not known or not one.
    const fn index(self) -> Option<u32> {
        match self {
            Self { format: 0, value: 0 } => None,
            Self {
                format: 0,
                value: INTERNAL,
            }
            | Self { format: 1, .. } => Some(0),
            Self { format: 0, value } => Some(value),
            _ => None,
        }
    }
}

/// What the records of a sample say.
#[derive(Debug, Default)]
struct Found {
    /// Whether a packet's ends are known: by its header, or by a record of its IP header.
    has_ends: bool,
    /// Whether a packet header was there that could not be dissected.
    unsound: bool,
}

impl<S: Sink> Job<'_, S> {
    pub(crate) fn sflow(&mut self, mut rest: Reader<'_>) -> Result<(), ErrorKind> {
        let agent = address(&mut rest).ok_or(ErrorKind::TooShort)?;
        let mut header = || Some((rest.u32()?, rest.u32()?, rest.u32()?, rest.u32()?));
        let (id, sequence, uptime, samples) = header().ok_or(ErrorKind::TooShort)?;
        let place = self.domain(Version::SflowV5, id, agent)?;
        self.begin(place, self.now, Some(uptime))?;
        let origin = Origin {
            exporter: self.address,
            version: Version::SflowV5,
            domain: id,
            agent,
            sequence,
            exported: self.now,
            received: self.now,
            uptime: Some(uptime),
        };
        if let Some(domain) = self.exporter.domains.get_mut(place) {
            domain.sequence.observe(sequence, Some(1));
        }
        for _ in 0..samples {
            let (format, length) = rest.u32().zip(rest.u32()).ok_or(ErrorKind::BadLength)?;
            let body = usize::try_from(length).ok().and_then(|length| rest.take(length));
            let body = body.ok_or(ErrorKind::BadLength)?;
            let known = match format {
                1 | 3 | 5 => self.flow_sample(place, &origin, format, body),
                2 | 4 => self.counter_sample(place, &origin, format, body),
                // Another enterprise's.
                _ => {
                    self.exporter.others += 1;
                    Some(())
                }
            };
            if known.is_none() {
                self.exporter.errors.count(ErrorKind::BadSample);
            }
        }
        Ok(())
    }

    /// Follows the numbers of a source.
    fn follow(&mut self, place: usize, sample: &Sample) {
        let limits = self.shared.config.limits;
        let Some(domain) = self.exporter.domains.get_mut(place) else {
            return;
        };
        let Domain { sources, drops, .. } = domain;
        let count = sources.len();
        let source = match sources.entry(sample.source) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if count >= limits.sources || self.shared.entries_left == 0 => {
                self.exporter.evictions.entries += 1;
                return;
            }
            Entry::Vacant(new) => {
                self.shared.entries_left -= 1;
                new.insert(SampleSource::default())
            }
        };
        source.sequence.observe(sample.sequence, Some(1));
        if sample.rate > 0 {
            // The count begins anew with the agent.
            if let Some(before) = source.drops.replace(sample.drops) {
                *drops += u64::from(sample.drops.saturating_sub(before));
            }
        }
    }

    fn flow_sample(&mut self, place: usize, origin: &Origin, format: u32, body: &[u8]) -> Option<()> {
        let mut rest = Reader::new(body);
        let sample = head_of(format, &mut rest)?;
        self.follow(place, &sample);
        let records = rest.u32()?;
        let scratch = &mut self.shared.scratch;
        assemble::clear(&mut scratch.record, origin.domain);
        scratch.parts.clear();
        if S::RECORDS {
            name_sample(&sample, &mut scratch.parts);
        }
        let record = &mut scratch.record;
        let mut found = Found::default();
        let mut whole = true;
        for _ in 0..records {
            let structure = rest
                .u32()
                .zip(rest.u32())
                .and_then(|(format, length)| Some((format, rest.take(usize::try_from(length).ok()?)?)));
            let Some((structure, body)) = structure else {
                whole = false;
                break;
            };
            let parts = S::RECORDS.then_some(&mut scratch.parts);
            if take(structure, body, record, &mut found, parts).is_none() {
                whole = false;
            }
        }
        let rate = self.rate_override.or(NonZeroU32::new(sample.rate));
        let is_flow = found.has_ends && format != 5;
        if let Some(export) = record.export.as_deref_mut() {
            export.ingress_if = sample.input.index();
            export.egress_if = sample.output.index();
            export.sampling = rate;
            if sample.output.format == 1 {
                // Dropped, as forwardingStatus (89) says it: RFC 7270, section 4.12.
                export.forwarding_status = Some(0x80);
            }
        }
        if S::RECORDS {
            self.sink.record(&Record {
                origin,
                kind: Kind::Flow,
                template_id: u16::try_from(format).unwrap_or(0),
                shape: &scratch.parts.specs,
                scope: 0,
                data: &scratch.parts.data,
                context: Context::default(),
            });
        }
        if is_flow {
            let each = rate.map_or(1, |rate| u64::from(rate.get()));
            record.packets = each;
            record.bytes = record.bytes.saturating_mul(each);
            (record.start, record.end) = (self.now, self.now);
            record.end_reason = EndReason::Active;
            record.app = apps::by_port(record.protocol, record.src_port, record.dst_port);
            record.direction = self.shared.home.direction(record.src_ip, record.dst_ip);
            record.link = self.sink.link(origin, sample.input.index(), sample.output.index());
            self.sink.flow(origin, record);
            self.exporter.flows += 1;
        } else {
            self.exporter.others += 1;
        }
        if found.unsound {
            self.exporter.errors.count(ErrorKind::BadHeader);
        }
        if let Some(domain) = self.exporter.domains.get_mut(place) {
            domain.header_rate = rate;
            domain.records += 1;
        }
        whole.then_some(())
    }

    fn counter_sample(&mut self, place: usize, origin: &Origin, format: u32, body: &[u8]) -> Option<()> {
        let mut rest = Reader::new(body);
        let sequence = rest.u32()?;
        let source = source(format == 4, &mut rest)?;
        let records = rest.u32()?;
        // Flow and counter samples of a source are numbered apart.
        let numbered = Sample {
            sequence,
            source: DataSource {
                class: source.class | 1 << 31,
                ..source
            },
            rate: 0,
            pool: 0,
            drops: 0,
            input: Port::compact(0),
            output: Port::compact(0),
            reason: None,
        };
        self.follow(place, &numbered);
        let mut sample = CounterSample {
            source,
            sequence,
            ..CounterSample::default()
        };
        let parts = &mut self.shared.scratch.parts;
        parts.clear();
        if S::RECORDS {
            parts.sflow(1, &sequence.to_be_bytes());
            parts.sflow(2, &source.class.to_be_bytes());
            parts.sflow(3, &source.index.to_be_bytes());
        }
        let mut whole = true;
        for _ in 0..records {
            let structure = rest
                .u32()
                .zip(rest.u32())
                .and_then(|(format, length)| Some((format, rest.take(usize::try_from(length).ok()?)?)));
            let Some((structure, body)) = structure else {
                whole = false;
                break;
            };
            if sample.take(structure, body).is_none() {
                whole = false;
            }
            if S::RECORDS {
                name_counters(structure, body, parts);
            }
        }
        if S::RECORDS {
            self.sink.record(&Record {
                origin,
                kind: Kind::Counter,
                template_id: u16::try_from(format).unwrap_or(0),
                shape: &parts.specs,
                scope: 0,
                data: &parts.data,
                context: Context::default(),
            });
        }
        self.sink.counters(origin, &sample);
        self.exporter.counters += 1;
        whole.then_some(())
    }
}

/// An address: its kind (1 IPv4, 2 IPv6, 0 none) and its octets.
fn address(rest: &mut Reader<'_>) -> Option<Option<IpAddr>> {
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

fn source(is_expanded: bool, rest: &mut Reader<'_>) -> Option<DataSource> {
    if is_expanded {
        let (class, index) = rest.u32().zip(rest.u32())?;
        return Some(DataSource { class, index });
    }
    let both = rest.u32()?;
    Some(DataSource {
        class: both >> 24,
        index: both & 0xff_ffff,
    })
}

/// The head of a flow sample (1), an expanded one (3), or of a discarded packet (5).
fn head_of(format: u32, rest: &mut Reader<'_>) -> Option<Sample> {
    let sequence = rest.u32()?;
    let source = source(format != 1, rest)?;
    let (rate, pool) = match format {
        5 => (0, 0),
        _ => (rest.u32()?, rest.u32()?),
    };
    let drops = rest.u32()?;
    let mut port = |is_plain: bool| {
        Some(match format {
            1 => Port::compact(rest.u32()?),
            5 if is_plain => Port {
                format: 0,
                value: rest.u32()?,
            },
            _ => Port {
                format: rest.u32()?,
                value: rest.u32()?,
            },
        })
    };
    let (input, output) = (port(true)?, port(true)?);
    let reason = match format {
        5 => Some(rest.u32()?),
        _ => None,
    };
    Some(Sample {
        sequence,
        source,
        rate,
        pool,
        drops,
        input,
        output,
        reason,
    })
}

fn name_sample(sample: &Sample, parts: &mut Parts) {
    parts.sflow(1, &sample.sequence.to_be_bytes());
    parts.sflow(2, &sample.source.class.to_be_bytes());
    parts.sflow(3, &sample.source.index.to_be_bytes());
    match sample.reason {
        Some(reason) => parts.sflow(25, &reason.to_be_bytes()),
        None => {
            parts.iana(34, &sample.rate.to_be_bytes());
            parts.sflow(4, &sample.pool.to_be_bytes());
        }
    }
    parts.sflow(5, &sample.drops.to_be_bytes());
    for (port, interface, format) in [(sample.input, 10, 23), (sample.output, 14, 24)] {
        parts.iana(interface, &port.value.to_be_bytes());
        if port.format != 0 {
            parts.sflow(format, &port.format.to_be_bytes());
        }
    }
}

/// The fields of a counter structure; one that is not known stays octets.
fn name_counters(format: u32, body: &[u8], parts: &mut Parts) {
    let Some(layout) = layout(format) else {
        unknown(format, body, parts);
        return;
    };
    let mut rest = Reader::new(body);
    for (element, width) in (layout.first..).zip(layout.widths) {
        let octets = match *width {
            OPAQUE => opaque(&mut rest),
            width => rest.take(usize::from(width)),
        };
        // Agents of older versions end earlier.
        let Some(octets) = octets else { return };
        parts.sflow(element, octets);
    }
}

fn unknown(format: u32, body: &[u8], parts: &mut Parts) {
    let mut octets = format.to_be_bytes().to_vec();
    octets.extend_from_slice(body);
    parts.sflow(22, &octets);
}

/// Takes a structure of a flow sample; `None` where it is shorter than it has to be.
fn take(format: u32, body: &[u8], record: &mut FlowRecord, found: &mut Found, parts: Option<&mut Parts>) -> Option<()> {
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
