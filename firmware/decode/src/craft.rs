//! Datagrams made to order, for tests and measurements: the encoders of what [`crate::Decoder`] reads, written plainly.

use std::net::IpAddr;

use crate::registry::{CISCO, ElementId, V9_SCOPE};
use crate::template::{FieldSpec, VARIABLE};

/// A set of a NetFlow v9 or IPFIX message.
#[derive(Debug, Clone)]
pub enum Set {
    /// A template.
    Template(u16, Vec<FieldSpec>),
    /// An options template: how many of the fields are the scope.
    Options(u16, u16, Vec<FieldSpec>),
    /// Records, as [`record`] makes them.
    Data(u16, Vec<Vec<u8>>),
    /// An IPFIX template withdrawal.
    Withdrawal(u16),
    /// An IPFIX options template withdrawal.
    OptionsWithdrawal(u16),
    /// Any octets under a set identifier.
    Raw(u16, Vec<u8>),
}

/// A record's octets from its fields' values; a variable-length one gets its length before it.
///
/// # Panics
/// When a value has another length than its field.
#[must_use]
pub fn record(fields: &[FieldSpec], values: &[Vec<u8>]) -> Vec<u8> {
    assert_eq!(fields.len(), values.len(), "a value a field");
    let mut octets = Vec::new();
    for (field, value) in fields.iter().zip(values) {
        if field.length == VARIABLE {
            octets.extend(variable_length(value.len()));
        } else {
            assert_eq!(usize::from(field.length), value.len(), "{field:?}");
        }
        octets.extend_from_slice(value);
    }
    octets
}

/// The length before a variable-length value (RFC 7011, section 7).
///
/// # Panics
/// From 65,536 on.
#[must_use]
pub fn variable_length(length: usize) -> Vec<u8> {
    match u8::try_from(length) {
        Ok(short) if short < 255 => vec![short],
        _ => {
            let long = u16::try_from(length).expect("a length below 65,536");
            [&[255], &long.to_be_bytes()[..]].concat()
        }
    }
}

/// The header of a NetFlow v9 datagram.
#[derive(Debug, Clone, Copy, Default)]
pub struct V9 {
    /// Uptime in ms.
    pub uptime: u32,
    /// Seconds since 1970.
    pub secs: u32,
    /// Datagrams before.
    pub sequence: u32,
    /// Source id.
    pub source: u32,
}

impl V9 {
    /// A datagram of sets; each is padded to four octets.
    #[must_use]
    pub fn datagram(&self, sets: &[Set]) -> Vec<u8> {
        let mut octets = Vec::new();
        let records: usize = sets
            .iter()
            .map(|set| match set {
                Set::Data(_, records) => records.len(),
                _ => 1,
            })
            .sum();
        octets.extend(9_u16.to_be_bytes());
        octets.extend(low16(records).to_be_bytes());
        for word in [self.uptime, self.secs, self.sequence, self.source] {
            octets.extend(word.to_be_bytes());
        }
        sets.iter().for_each(|set| set.encode(true, &mut octets));
        octets
    }
}

/// The header of an IPFIX message.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ipfix {
    /// Seconds since 1970.
    pub secs: u32,
    /// Data records before.
    pub sequence: u32,
    /// Observation domain.
    pub domain: u32,
}

impl Ipfix {
    /// A message of sets.
    #[must_use]
    pub fn message(&self, sets: &[Set]) -> Vec<u8> {
        let mut body = Vec::new();
        sets.iter().for_each(|set| set.encode(false, &mut body));
        let mut octets = Vec::new();
        octets.extend(10_u16.to_be_bytes());
        octets.extend(low16(body.len() + 16).to_be_bytes());
        for word in [self.secs, self.sequence, self.domain] {
            octets.extend(word.to_be_bytes());
        }
        octets.extend(body);
        octets
    }
}

impl Set {
    fn encode(&self, is_v9: bool, octets: &mut Vec<u8>) {
        let mut body = Vec::new();
        let id = match self {
            Self::Template(id, fields) => {
                body.extend(id.to_be_bytes());
                body.extend(low16(fields.len()).to_be_bytes());
                fields.iter().for_each(|field| specifier(*field, is_v9, &mut body));
                if is_v9 { 0 } else { 2 }
            }
            Self::Options(id, scope, fields) => {
                body.extend(id.to_be_bytes());
                let all = low16(fields.len());
                let counts = if is_v9 {
                    [scope * 4, (all - scope) * 4]
                } else {
                    [all, *scope]
                };
                counts.iter().for_each(|count| body.extend(count.to_be_bytes()));
                fields.iter().for_each(|field| specifier(*field, is_v9, &mut body));
                if is_v9 { 1 } else { 3 }
            }
            Self::Data(id, records) => {
                records.iter().for_each(|record| body.extend_from_slice(record));
                *id
            }
            Self::Withdrawal(id) => {
                body.extend(id.to_be_bytes());
                body.extend([0; 2]);
                2
            }
            Self::OptionsWithdrawal(id) => {
                body.extend(id.to_be_bytes());
                body.extend([0; 2]);
                3
            }
            Self::Raw(id, raw) => {
                body.extend_from_slice(raw);
                *id
            }
        };
        if is_v9 {
            body.resize(body.len().next_multiple_of(4), 0);
        }
        octets.extend(id.to_be_bytes());
        octets.extend(low16(body.len() + 4).to_be_bytes());
        octets.extend(body);
    }
}

fn specifier(field: FieldSpec, is_v9: bool, octets: &mut Vec<u8>) {
    let ElementId { enterprise, number } = field.element;
    let length = field.length.to_be_bytes();
    match (is_v9, enterprise) {
        (_, 0) | (true, V9_SCOPE) => octets.extend([number.to_be_bytes(), length].concat()),
        (true, CISCO) => octets.extend([(number | 0x8000).to_be_bytes(), length].concat()),
        (true, _) => octets.extend([(57_472 + number).to_be_bytes(), length].concat()),
        (false, enterprise) => {
            octets.extend([(number | 0x8000).to_be_bytes(), length].concat());
            octets.extend(enterprise.to_be_bytes());
        }
    }
}

/// A NetFlow v5 datagram's header and records.
#[derive(Debug, Clone, Default)]
pub struct V5 {
    /// Uptime in ms.
    pub uptime: u32,
    /// Seconds since 1970.
    pub secs: u32,
    /// And nanoseconds.
    pub nanos: u32,
    /// Records before.
    pub sequence: u32,
    /// Engine type × 256 + engine id.
    pub engine: u16,
    /// Mode × 16,384 + interval.
    pub sampling: u16,
}

/// A NetFlow v5 record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the format's")]
pub struct V5Record {
    pub src: u32,
    pub dst: u32,
    pub next_hop: u32,
    pub input: u16,
    pub output: u16,
    pub packets: u32,
    pub octets: u32,
    pub first: u32,
    pub last: u32,
    pub src_port: u16,
    pub dst_port: u16,
    pub tcp_flags: u8,
    pub protocol: u8,
    pub tos: u8,
    pub src_as: u16,
    pub dst_as: u16,
    pub src_mask: u8,
    pub dst_mask: u8,
}

impl V5 {
    /// A datagram.
    #[must_use]
    pub fn datagram(&self, records: &[V5Record]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(5_u16.to_be_bytes());
        out.extend(low16(records.len()).to_be_bytes());
        for word in [self.uptime, self.secs, self.nanos, self.sequence] {
            out.extend(word.to_be_bytes());
        }
        out.extend(self.engine.to_be_bytes());
        out.extend(self.sampling.to_be_bytes());
        for r in records {
            for word in [r.src, r.dst, r.next_hop] {
                out.extend(word.to_be_bytes());
            }
            out.extend([r.input.to_be_bytes(), r.output.to_be_bytes()].concat());
            for word in [r.packets, r.octets, r.first, r.last] {
                out.extend(word.to_be_bytes());
            }
            out.extend([r.src_port.to_be_bytes(), r.dst_port.to_be_bytes()].concat());
            out.extend([0, r.tcp_flags, r.protocol, r.tos]);
            out.extend([r.src_as.to_be_bytes(), r.dst_as.to_be_bytes()].concat());
            out.extend([r.src_mask, r.dst_mask, 0, 0]);
        }
        out
    }
}

/// The header of an sFlow v5 datagram.
#[derive(Debug, Clone, Copy)]
pub struct Sflow {
    /// The agent.
    pub agent: IpAddr,
    /// The sub-agent.
    pub sub_agent: u32,
    /// Datagrams before.
    pub sequence: u32,
    /// Uptime in ms.
    pub uptime: u32,
}

/// A sample of an sFlow datagram; structures are (format, octets).
#[derive(Debug, Clone)]
pub enum Sample {
    /// A flow sample.
    Flow(FlowSample),
    /// An expanded flow sample.
    ExpandedFlow(FlowSample),
    /// A counter sample: number, source index, structures.
    Counters(u32, u32, Vec<(u32, Vec<u8>)>),
    /// An expanded counter sample.
    ExpandedCounters(u32, u32, Vec<(u32, Vec<u8>)>),
    /// Any octets under a format.
    Raw(u32, Vec<u8>),
}

/// What a flow sample says.
#[derive(Debug, Clone, Default)]
pub struct FlowSample {
    /// Samples before.
    pub sequence: u32,
    /// The source's index; its class is 0, an interface.
    pub source: u32,
    /// One of so many packets.
    pub rate: u32,
    /// Packets that could have been sampled.
    pub pool: u32,
    /// Packets that could not be for want of resources.
    pub drops: u32,
    /// Came in: format and value.
    pub input: (u32, u32),
    /// Left: format and value.
    pub output: (u32, u32),
    /// Structures.
    pub records: Vec<(u32, Vec<u8>)>,
}

impl Sflow {
    /// A datagram.
    #[must_use]
    pub fn datagram(&self, samples: &[Sample]) -> Vec<u8> {
        let mut out = 5_u32.to_be_bytes().to_vec();
        out.extend(address(self.agent));
        for word in [self.sub_agent, self.sequence, self.uptime, low32(samples.len())] {
            out.extend(word.to_be_bytes());
        }
        for sample in samples {
            let (format, body) = sample.encode();
            out.extend(format.to_be_bytes());
            out.extend(low32(body.len()).to_be_bytes());
            out.extend(body);
        }
        out
    }
}

/// An address as sFlow writes it.
#[must_use]
pub fn address(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => [&1_u32.to_be_bytes(), &v4.octets()[..]].concat(),
        IpAddr::V6(v6) => [&2_u32.to_be_bytes(), &v6.octets()[..]].concat(),
    }
}

impl Sample {
    fn encode(&self) -> (u32, Vec<u8>) {
        let mut out = Vec::new();
        let mut words = |words: &[u32]| words.iter().for_each(|word| out.extend(word.to_be_bytes()));
        let (format, records) = match self {
            Self::Flow(s) => {
                let port = |(format, value): (u32, u32)| format << 30 | value;
                words(&[
                    s.sequence,
                    s.source,
                    s.rate,
                    s.pool,
                    s.drops,
                    port(s.input),
                    port(s.output),
                ]);
                (1, &s.records)
            }
            Self::ExpandedFlow(s) => {
                words(&[s.sequence, 0, s.source, s.rate, s.pool, s.drops]);
                words(&[s.input.0, s.input.1, s.output.0, s.output.1]);
                (3, &s.records)
            }
            Self::Counters(sequence, source, records) => {
                words(&[*sequence, *source]);
                (2, records)
            }
            Self::ExpandedCounters(sequence, source, records) => {
                words(&[*sequence, 0, *source]);
                (4, records)
            }
            Self::Raw(format, octets) => return (*format, octets.clone()),
        };
        words(&[low32(records.len())]);
        for (format, body) in records {
            out.extend(format.to_be_bytes());
            out.extend(low32(body.len()).to_be_bytes());
            out.extend_from_slice(body);
        }
        (format, out)
    }
}

/// The structure of a sampled header (format 1): its protocol, the frame's length on the wire, its first octets.
#[must_use]
pub fn sampled_header(protocol: u32, wire_len: u32, octets: &[u8]) -> (u32, Vec<u8>) {
    let mut out = Vec::new();
    // Of the frame, four octets of checksum were stripped.
    for word in [protocol, wire_len + 4, 4, low32(octets.len())] {
        out.extend(word.to_be_bytes());
    }
    out.extend_from_slice(octets);
    out.resize(out.len().next_multiple_of(4), 0);
    (1, out)
}

/// An Ethernet frame with IPv4 and TCP, whose IP packet is said to have so many octets; headers alone are there.
#[must_use]
pub fn tcp_frame(src: u32, dst: u32, src_port: u16, dst_port: u16, flags: u8, ip_octets: u16) -> Vec<u8> {
    let mut out = vec![0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 8, 0];
    out.extend([0x45, 0x10]);
    out.extend(ip_octets.to_be_bytes());
    out.extend([0, 1, 0, 0, 61, 6, 0, 0]);
    out.extend(src.to_be_bytes());
    out.extend(dst.to_be_bytes());
    out.extend([src_port.to_be_bytes(), dst_port.to_be_bytes()].concat());
    out.extend([0, 0, 0, 9, 0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    out
}

#[allow(clippy::cast_possible_truncation, reason = "what is crafted is small")]
fn low16(n: usize) -> u16 {
    n as u16
}

#[allow(clippy::cast_possible_truncation, reason = "what is crafted is small")]
fn low32(n: usize) -> u32 {
    n as u32
}
