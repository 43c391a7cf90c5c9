//! From columns back to records.

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;

use super::texts::Texts;
use super::unpack::Addresses;
use super::{BlockError, BlockRef, Dictionary, Field, TextDictionary, Unpacker, Values};
use crate::{
    App, Confidence, DetailKey, Direction, EndReason, EnterpriseFields, FlowRecord, IcmpType, L7, LinkId, MacAddr,
    MplsLabels, Observed, Timestamp,
};

/// Records that are filled in together: few enough to stay in the cache from one column to the next.
const LANES: usize = 256;

/// The columns of one value a record, in the order of their numbers.
const FIELDS: &[Field] = &[
    Field::Link,
    Field::End,
    Field::Duration,
    Field::SrcIp,
    Field::DstIp,
    Field::SrcPort,
    Field::DstPort,
    Field::Protocol,
    Field::Vlan,
    Field::VlanInner,
    Field::SrcMac,
    Field::DstMac,
    Field::Packets,
    Field::Bytes,
    Field::PacketsRev,
    Field::BytesRev,
    Field::TcpFlags,
    Field::TcpFlagsRev,
    Field::Icmp,
    Field::IcmpRev,
    Field::Tos,
    Field::App,
    Field::Direction,
    Field::EndReason,
    // Makes the room for what follows.
    Field::Exported,
    Field::Domain,
    Field::Sampling,
    Field::IngressIf,
    Field::EgressIf,
    Field::Observed,
    Field::SrcAs,
    Field::DstAs,
    Field::SrcPrefix,
    Field::DstPrefix,
    Field::NextHop,
    Field::BgpNextHop,
    Field::IngressVrf,
    Field::EgressVrf,
    Field::MplsDepth,
    Field::TranslatedSrcIp,
    Field::TranslatedDstIp,
    Field::TranslatedSrcPort,
    Field::TranslatedDstPort,
    Field::NatEvent,
    Field::FirewallEvent,
    Field::ForwardingStatus,
    Field::ApplicationEngine,
    Field::ApplicationSelector,
    Field::TtlMin,
    Field::TtlMax,
    Field::FlowLabel,
    Field::Vni,
    Field::Srv6Segment,
    Field::EnterpriseLength,
    // Makes the room for what follows.
    Field::Confidence,
    Field::Host,
    // Makes the room for what follows.
    Field::Measured,
    Field::ConnectClient,
    Field::ConnectServer,
    Field::Responses,
    Field::ResponseRest,
    Field::ResponseMax,
    Field::Retransmitted,
    Field::OutOfOrder,
    Field::ZeroWindows,
    Field::Resets,
    Field::RtpPackets,
    Field::RtpLost,
    Field::RtpJitter,
    Field::RetransmittedRev,
    Field::OutOfOrderRev,
    Field::ZeroWindowsRev,
    Field::ResetsRev,
    Field::RtpPacketsRev,
    Field::RtpLostRev,
    Field::RtpJitterRev,
];

/// What the records of a block may have a value of, in the order in which it is given to them.
fn fields() -> impl Iterator<Item = Field> {
    FIELDS
        .iter()
        .copied()
        .chain(DetailKey::ALL.into_iter().map(Field::detail))
}

/// A block's columns, and what they refer to.
fn unpack(block: &BlockRef<'_>) -> Result<(Vec<(Field, Values)>, Sides), BlockError> {
    let mut unpacker = Unpacker::new();
    let mut columns = Vec::new();
    for field in fields() {
        let column = block.column(field)?;
        // What no record has is what a blank record says.
        if column.is_there() || matches!(field, Field::Direction | Field::EndReason) {
            let mut values = Values::default();
            unpacker.unpack(&column, &mut values)?;
            columns.push((field, values));
        }
    }
    let side = |field: Field, unpacker: &mut Unpacker| {
        let mut values = Values::default();
        unpacker.unpack(&block.column(field)?, &mut values)?;
        Ok::<_, BlockError>(values)
    };
    let sides = Sides {
        addresses: block.addresses(Dictionary::Addresses, &mut unpacker)?,
        routers: block.addresses(Dictionary::Routers, &mut unpacker)?,
        macs: side(Field::Macs, &mut unpacker)?,
        labels: side(Field::MplsLabels, &mut unpacker)?,
        label: 0,
        enterprise: side(Field::EnterpriseOctets, &mut unpacker)?,
        octet: 0,
        hosts: block.texts(TextDictionary::Hosts, &mut unpacker)?,
        details: block.texts(TextDictionary::Details, &mut unpacker)?,
    };
    Ok((columns, sides))
}

/// Records of a block by their numbers, which ascend.
pub(super) fn read_some(block: &BlockRef<'_>, numbers: &[u32]) -> Result<Vec<FlowRecord>, BlockError> {
    let (columns, mut sides) = unpack(block)?;
    let inside = numbers.iter().map(|n| *n as usize).filter(|n| *n < block.len());
    let rows: Vec<usize> = inside.collect();
    let mut records = vec![blank(); rows.len()];
    let mut values_of = vec![0; rows.len()];
    for (field, values) in &columns {
        let optional = u64::from(field.is_optional());
        for (out, row) in values_of.iter_mut().zip(&rows) {
            *out = values.get(*row).map_or(0, |value| value.saturating_add(optional));
        }
        if !matches!(field, Field::MplsDepth | Field::EnterpriseLength) {
            sides.fill(*field, &mut records, &values_of)?;
            continue;
        }
        // These are one record's after another's: those of records between are stepped over.
        let mut next = 0;
        for ((record, value), row) in records.iter_mut().zip(&values_of).zip(&rows) {
            for between in next..*row {
                let length = values
                    .get(between)
                    .and_then(|length| usize::try_from(length).ok())
                    .unwrap_or(0);
                match field {
                    Field::MplsDepth => sides.label = sides.label.saturating_add(length),
                    _ => sides.octet = sides.octet.saturating_add(length),
                }
            }
            next = row + 1;
            sides.fill(*field, std::slice::from_mut(record), &[*value])?;
        }
    }
    Ok(records)
}

/// All records of a block.
pub(super) fn read(block: &BlockRef<'_>) -> Result<Vec<FlowRecord>, BlockError> {
    let (columns, mut sides) = unpack(block)?;
    let mut records = vec![blank(); block.len()];
    let mut numbers = [0; LANES];
    for (lane, from) in records.chunks_mut(LANES).zip((0..).step_by(LANES)) {
        for (field, values) in &columns {
            let numbers = numbers.get_mut(..lane.len()).unwrap_or_default();
            if field.is_optional() {
                values.copy_optional(from, numbers);
            } else {
                values.copy(from, numbers);
            }
            sides.fill(*field, lane, numbers)?;
        }
    }
    if sides.label != sides.labels.len() || sides.octet != sides.enterprise.len() {
        return Err(BlockError::Contents("length of a column"));
    }
    let starts = records.iter().map(|r| r.start);
    if (starts.clone().min(), starts.max()) != (Some(block.starts().0), Some(block.starts().1)) {
        return Err(BlockError::Contents("time span"));
    }
    Ok(records)
}

/// What every column replaces.
fn blank() -> FlowRecord {
    FlowRecord {
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
        end_reason: EndReason::Forced,
        export: None,
        l7: None,
        quality: None,
    }
}

/// Checked against [`Field::bits`] when the column was opened.
#[allow(clippy::cast_possible_truncation, reason = "the field's bits")]
const fn narrow8(value: u64) -> u8 {
    value as u8
}

#[allow(clippy::cast_possible_truncation, reason = "the field's bits")]
const fn narrow16(value: u64) -> u16 {
    value as u16
}

#[allow(clippy::cast_possible_truncation, reason = "the field's bits")]
const fn narrow32(value: u64) -> u32 {
    value as u32
}

/// Optional numbers are one larger, and 0 is none.
fn optional<T>(number: u64, narrow: fn(u64) -> T) -> Option<T> {
    number.checked_sub(1).map(narrow)
}

fn icmp(number: u64) -> Option<IcmpType> {
    let [kind, code] = optional(number, narrow16)?.to_be_bytes();
    Some(IcmpType { kind, code })
}

/// What columns refer to, and how far the records have come in it.
struct Sides {
    addresses: Addresses,
    routers: Addresses,
    macs: Values,
    labels: Values,
    label: usize,
    enterprise: Values,
    octet: usize,
    hosts: Texts,
    details: Texts,
}

fn text(texts: &Texts, number: u64) -> Result<Option<&str>, BlockError> {
    let place = number.checked_sub(1);
    place
        .map(|place| texts.get(place).ok_or(BlockError::Contents("place of a text")))
        .transpose()
}

fn address(addresses: &Addresses, place: u64) -> Result<IpAddr, BlockError> {
    addresses.get(place).ok_or(BlockError::Contents("place of an address"))
}

fn optional_address(addresses: &Addresses, number: u64) -> Result<Option<IpAddr>, BlockError> {
    number.checked_sub(1).map(|place| address(addresses, place)).transpose()
}

impl Sides {
    /// Gives records their values of a column.
    fn fill(&mut self, field: Field, records: &mut [FlowRecord], numbers: &[u64]) -> Result<(), BlockError> {
        /// An infallible or fallible statement for each record and number.
        macro_rules! each {
            ($record:ident, $number:ident => $set:expr) => {
                for ($record, &$number) in records.iter_mut().zip(numbers) {
                    $set;
                }
            };
        }
        /// The same for each record's export.
        macro_rules! export {
            ($export:ident, $number:ident => $set:expr) => {
                each!(record, $number => if let Some($export) = &mut record.export { $set })
            };
        }
        /// The same for each record's quality.
        macro_rules! quality {
            ($($part:ident).+, $number:ident => $set:expr) => {
                each!(record, $number => if let Some(quality) = &mut record.quality { quality.$($part).+ = $set })
            };
        }
        let (addresses, routers) = (&self.addresses, &self.routers);
        match field {
            Field::Link => each!(r, n => r.link = LinkId(narrow32(n))),
            Field::End => each!(r, n => (r.start, r.end) = (Timestamp::from_nanos(n), Timestamp::from_nanos(n))),
            Field::Duration => each!(r, n => r.start = Timestamp::from_nanos(r.end.as_nanos().wrapping_sub(n))),
            Field::SrcIp => each!(r, n => r.src_ip = address(addresses, n)?),
            Field::DstIp => each!(r, n => r.dst_ip = address(addresses, n)?),
            Field::SrcPort => each!(r, n => r.src_port = narrow16(n)),
            Field::DstPort => each!(r, n => r.dst_port = narrow16(n)),
            Field::Protocol => each!(r, n => r.protocol = narrow8(n)),
            Field::Vlan => each!(r, n => r.vlan = optional(n, narrow16)),
            Field::VlanInner => each!(r, n => r.vlan_inner = optional(n, narrow16)),
            Field::SrcMac => each!(r, n => r.src_mac = self.mac(n)?),
            Field::DstMac => each!(r, n => r.dst_mac = self.mac(n)?),
            Field::Packets => each!(r, n => r.packets = n),
            Field::Bytes => each!(r, n => r.bytes = n),
            Field::PacketsRev => each!(r, n => r.packets_rev = n),
            Field::BytesRev => each!(r, n => r.bytes_rev = n),
            Field::TcpFlags => each!(r, n => r.tcp_flags = narrow8(n)),
            Field::TcpFlagsRev => each!(r, n => r.tcp_flags_rev = narrow8(n)),
            Field::Icmp => each!(r, n => r.icmp = icmp(n)),
            Field::IcmpRev => each!(r, n => r.icmp_rev = icmp(n)),
            Field::Tos => each!(r, n => r.tos = narrow8(n)),
            Field::App => each!(r, n => r.app = App::from_number(narrow16(n))),
            Field::Direction => each!(r, n => r.direction = direction_of(n)?),
            Field::EndReason => each!(r, n => r.end_reason = end_reason_of(n)?),
            Field::Exported => each!(r, n => r.export = (n == 1).then(Box::default)),
            Field::Domain => export!(e, n => e.domain = narrow32(n)),
            Field::Sampling => export!(e, n => e.sampling = sampling(n)?),
            Field::IngressIf => export!(e, n => e.ingress_if = optional(n, narrow32)),
            Field::EgressIf => export!(e, n => e.egress_if = optional(n, narrow32)),
            Field::Observed => export!(e, n => e.observed = observed_of(n)?),
            Field::SrcAs => export!(e, n => e.src_as = optional(n, narrow32)),
            Field::DstAs => export!(e, n => e.dst_as = optional(n, narrow32)),
            Field::SrcPrefix => export!(e, n => e.src_prefix = optional(n, narrow8)),
            Field::DstPrefix => export!(e, n => e.dst_prefix = optional(n, narrow8)),
            Field::NextHop => export!(e, n => e.next_hop = optional_address(routers, n)?),
            Field::BgpNextHop => export!(e, n => e.bgp_next_hop = optional_address(routers, n)?),
            Field::IngressVrf => export!(e, n => e.ingress_vrf = optional(n, narrow32)),
            Field::EgressVrf => export!(e, n => e.egress_vrf = optional(n, narrow32)),
            Field::MplsDepth => each!(r, n => self.mpls(r, n)?),
            Field::TranslatedSrcIp => export!(e, n => e.translated.src_ip = optional_address(addresses, n)?),
            Field::TranslatedDstIp => export!(e, n => e.translated.dst_ip = optional_address(addresses, n)?),
            Field::TranslatedSrcPort => export!(e, n => e.translated.src_port = optional(n, narrow16)),
            Field::TranslatedDstPort => export!(e, n => e.translated.dst_port = optional(n, narrow16)),
            Field::NatEvent => export!(e, n => e.nat_event = optional(n, narrow8)),
            Field::FirewallEvent => export!(e, n => e.firewall_event = optional(n, narrow8)),
            Field::ForwardingStatus => export!(e, n => e.forwarding_status = optional(n, narrow8)),
            Field::ApplicationEngine => export!(e, n => e.application = n.checked_sub(1).map(|engine| engine << 56)),
            Field::ApplicationSelector => export!(e, n => e.application = e.application.map(|engine| engine | n)),
            Field::TtlMin => export!(e, n => e.ttl = optional(n, narrow8).map(|ttl| (ttl, ttl))),
            Field::TtlMax => export!(e, n => e.ttl = e.ttl.zip(optional(n, narrow8)).map(|((min, _), max)| (min, max))),
            Field::FlowLabel => export!(e, n => e.flow_label = optional(n, narrow32)),
            Field::Vni => export!(e, n => e.vni = optional(n, narrow32)),
            Field::Srv6Segment => export!(e, n => e.srv6_segment = optional_address(routers, n)?),
            Field::EnterpriseLength => each!(r, n => self.enterprise(r, n)?),
            Field::Confidence => each!(r, n => r.l7 = l7(n)?),
            Field::Host => {
                each!(r, n => if let Some(l7) = &mut r.l7 { l7.host = text(&self.hosts, n)?.map(Box::from) })
            }
            Field::Measured => each!(r, n => r.quality = (n == 1).then(Box::default)),
            Field::ConnectClient => quality!(connect_client_us, n => optional(n, narrow32)),
            Field::ConnectServer => quality!(connect_server_us, n => optional(n, narrow32)),
            Field::Responses => quality!(response.count, n => narrow32(n)),
            Field::ResponseRest => quality!(response.total_us, n => n),
            Field::ResponseMax => each!(r, n => if let Some(quality) = &mut r.quality {
                let response = &mut quality.response;
                (response.total_us, response.max_us) = (response.total_us.wrapping_add(n), narrow32(n));
            }),
            Field::Retransmitted => quality!(forward.retransmitted, n => narrow32(n)),
            Field::OutOfOrder => quality!(forward.out_of_order, n => narrow32(n)),
            Field::ZeroWindows => quality!(forward.zero_windows, n => narrow32(n)),
            Field::Resets => quality!(forward.resets, n => narrow32(n)),
            Field::RtpPackets => quality!(forward.rtp_packets, n => narrow32(n)),
            Field::RtpLost => quality!(forward.rtp_lost, n => narrow32(n)),
            Field::RtpJitter => quality!(forward.rtp_jitter_us, n => narrow32(n)),
            Field::RetransmittedRev => quality!(reverse.retransmitted, n => narrow32(n)),
            Field::OutOfOrderRev => quality!(reverse.out_of_order, n => narrow32(n)),
            Field::ZeroWindowsRev => quality!(reverse.zero_windows, n => narrow32(n)),
            Field::ResetsRev => quality!(reverse.resets, n => narrow32(n)),
            Field::RtpPacketsRev => quality!(reverse.rtp_packets, n => narrow32(n)),
            Field::RtpLostRev => quality!(reverse.rtp_lost, n => narrow32(n)),
            Field::RtpJitterRev => quality!(reverse.rtp_jitter_us, n => narrow32(n)),
            _ => {
                if let Some(key) = field.detail_key() {
                    let details = &self.details;
                    each!(r, n => if let (Some(l7), Some(text)) = (&mut r.l7, text(details, n)?) { l7.details.set(key, text) });
                }
            }
        }
        Ok(())
    }

    fn mac(&self, number: u64) -> Result<Option<MacAddr>, BlockError> {
        let Some(place) = number.checked_sub(1) else {
            return Ok(None);
        };
        let found = usize::try_from(place).ok().and_then(|place| self.macs.get(place));
        let [_, _, mac @ ..] = found
            .ok_or(BlockError::Contents("place of a hardware address"))?
            .to_be_bytes();
        Ok(Some(MacAddr(mac)))
    }

    fn mpls(&mut self, record: &mut FlowRecord, depth: u64) -> Result<(), BlockError> {
        let mut labels = MplsLabels::default();
        for _ in 0..depth.min(MplsLabels::MAX as u64 + 1) {
            let label = self.labels.get(self.label).filter(|label| *label <= 0xf_ffff);
            labels.push(narrow32(label.ok_or(BlockError::Contents("MPLS labels"))?));
            self.label += 1;
        }
        if labels.as_slice().len() as u64 != depth {
            return Err(BlockError::Contents("MPLS labels"));
        }
        if let Some(export) = &mut record.export {
            export.mpls = labels;
        }
        Ok(())
    }

    fn enterprise(&mut self, record: &mut FlowRecord, length: u64) -> Result<(), BlockError> {
        if length == 0 {
            return Ok(());
        }
        let fault = BlockError::Contents("enterprise fields");
        let length = usize::from(narrow16(length));
        let octets: Option<Vec<u8>> = (self.octet..self.octet + length)
            .map(|at| self.enterprise.get(at).map(narrow8))
            .collect();
        self.octet += length;
        let fields = octets
            .and_then(|octets| EnterpriseFields::from_bytes(&octets))
            .ok_or(fault)?;
        if let Some(export) = &mut record.export {
            export.enterprise = fields;
        }
        Ok(())
    }
}

fn l7(number: u64) -> Result<Option<Box<L7>>, BlockError> {
    let Some(number) = number.checked_sub(1) else {
        return Ok(None);
    };
    let confidence = Confidence::from_number(narrow8(number)).ok_or(BlockError::Contents("confidence"))?;
    Ok(Some(Box::new(L7 {
        confidence,
        ..L7::default()
    })))
}

fn sampling(number: u64) -> Result<Option<NonZeroU32>, BlockError> {
    let rate = optional(number, narrow32).map(NonZeroU32::new);
    rate.map(|rate| rate.ok_or(BlockError::Contents("sampling rate")))
        .transpose()
}

fn direction_of(number: u64) -> Result<Direction, BlockError> {
    Ok(match number {
        1 => Direction::In,
        2 => Direction::Out,
        3 => Direction::Internal,
        4 => Direction::External,
        5 => Direction::Unknown,
        _ => return Err(BlockError::Contents("direction")),
    })
}

fn end_reason_of(number: u64) -> Result<EndReason, BlockError> {
    Ok(match number {
        1 => EndReason::Idle,
        2 => EndReason::Active,
        3 => EndReason::EndOfFlow,
        4 => EndReason::Forced,
        5 => EndReason::LackOfResources,
        _ => return Err(BlockError::Contents("end reason")),
    })
}

fn observed_of(number: u64) -> Result<Observed, BlockError> {
    Ok(match number {
        0 => Observed::Unknown,
        1 => Observed::Ingress,
        2 => Observed::Egress,
        _ => return Err(BlockError::Contents("side of an interface")),
    })
}
