//! The columns inside a block. Each is a number, a length and its octets, so that a reader takes
//! what it needs and steps over what a later release added.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use super::BlockError;
use crate::{App, Direction, EndReason, FlowRecord, IcmpType, LinkId, MacAddr, Timestamp};

/// The columns' numbers; they are stored, so they never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Column {
    Link = 1,
    Start,
    Duration,
    Addresses4,
    Addresses6,
    SrcIp,
    DstIp,
    SrcPort,
    DstPort,
    Protocol,
    Vlan,
    VlanInner,
    Macs,
    SrcMac,
    DstMac,
    Packets,
    Bytes,
    PacketsRev,
    BytesRev,
    TcpFlags,
    TcpFlagsRev,
    Icmp,
    IcmpRev,
    Tos,
    App,
    Direction,
    EndReason,
}

const COLUMNS: usize = Column::EndReason as usize + 1;

/// Writes columns one after the other.
#[derive(Default)]
pub(super) struct Writer {
    raw: Vec<u8>,
}

impl Writer {
    /// Every column of the records, which are sorted by start.
    pub(super) fn records(&mut self, records: &[&FlowRecord]) {
        let mut before = 0;
        self.varints(Column::Start, records, |r| {
            // The first difference is the time itself.
            let start = r.start.as_nanos();
            start.wrapping_sub(std::mem::replace(&mut before, start))
        });
        self.varints(Column::Duration, records, |r| {
            zigzag(r.end.as_nanos().wrapping_sub(r.start.as_nanos()))
        });
        self.varints(Column::Link, records, |r| u64::from(r.link.0));
        self.addresses(records);
        self.octets(Column::Protocol, records, |r| r.protocol);
        self.varints(Column::SrcPort, records, |r| u64::from(r.src_port));
        self.varints(Column::DstPort, records, |r| u64::from(r.dst_port));
        self.varints(Column::Vlan, records, |r| optional(r.vlan));
        self.varints(Column::VlanInner, records, |r| optional(r.vlan_inner));
        self.macs(records);
        self.varints(Column::Packets, records, |r| r.packets);
        self.varints(Column::Bytes, records, |r| r.bytes);
        self.varints(Column::PacketsRev, records, |r| r.packets_rev);
        self.varints(Column::BytesRev, records, |r| r.bytes_rev);
        self.octets(Column::TcpFlags, records, |r| r.tcp_flags);
        self.octets(Column::TcpFlagsRev, records, |r| r.tcp_flags_rev);
        let icmp = |message: Option<IcmpType>| optional(message.map(|m| u16::from_be_bytes([m.kind, m.code])));
        self.varints(Column::Icmp, records, |r| icmp(r.icmp));
        self.varints(Column::IcmpRev, records, |r| icmp(r.icmp_rev));
        self.octets(Column::Tos, records, |r| r.tos);
        self.varints(Column::App, records, |r| u64::from(r.app.number()));
        self.octets(Column::Direction, records, |r| r.direction as u8);
        self.octets(Column::EndReason, records, |r| r.end_reason as u8);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.raw
    }

    fn column(&mut self, column: Column, write: impl FnOnce(&mut Vec<u8>)) {
        self.raw.push(column as u8);
        let length_at = self.raw.len();
        self.raw.extend_from_slice(&[0; 4]);
        let from = self.raw.len();
        write(&mut self.raw);
        // A block's columns stay below RAW_MAX, some 10 MiB.
        let length = u32::try_from(self.raw.len() - from).unwrap_or(u32::MAX);
        if let Some(place) = self.raw.get_mut(length_at..from) {
            place.copy_from_slice(&length.to_le_bytes());
        }
    }

    fn varints(&mut self, column: Column, records: &[&FlowRecord], mut value: impl FnMut(&FlowRecord) -> u64) {
        self.column(column, |out| records.iter().for_each(|r| put_varint(out, value(r))));
    }

    fn octets(&mut self, column: Column, records: &[&FlowRecord], value: impl Fn(&FlowRecord) -> u8) {
        self.column(column, |out| out.extend(records.iter().map(|r| value(r))));
    }

    fn addresses(&mut self, records: &[&FlowRecord]) {
        let (mut fours, mut sixes) = (Dictionary::default(), Dictionary::default());
        // IPv4 has even numbers, IPv6 odd ones: both dictionaries grow side by side.
        let mut index = |addr| match addr {
            IpAddr::V4(v4) => fours.index(v4) * 2,
            IpAddr::V6(v6) => sixes.index(v6) * 2 + 1,
        };
        let pairs: Vec<_> = records.iter().map(|r| (index(r.src_ip), index(r.dst_ip))).collect();
        self.column(Column::Addresses4, |out| {
            out.extend(fours.order.iter().flat_map(|a| a.octets()));
        });
        self.column(Column::Addresses6, |out| {
            out.extend(sixes.order.iter().flat_map(|a| a.octets()));
        });
        self.column(Column::SrcIp, |out| pairs.iter().for_each(|p| put_varint(out, p.0)));
        self.column(Column::DstIp, |out| pairs.iter().for_each(|p| put_varint(out, p.1)));
    }

    fn macs(&mut self, records: &[&FlowRecord]) {
        let mut macs = Dictionary::default();
        let mut index = |mac: Option<MacAddr>| mac.map_or(0, |mac| macs.index(mac) + 1);
        let pairs: Vec<_> = records.iter().map(|r| (index(r.src_mac), index(r.dst_mac))).collect();
        self.column(Column::Macs, |out| out.extend(macs.order.iter().flat_map(|m| m.0)));
        self.column(Column::SrcMac, |out| pairs.iter().for_each(|p| put_varint(out, p.0)));
        self.column(Column::DstMac, |out| pairs.iter().for_each(|p| put_varint(out, p.1)));
    }
}

/// Values in the order of their first appearance.
struct Dictionary<T> {
    places: HashMap<T, u64>,
    order: Vec<T>,
}

impl<T> Default for Dictionary<T> {
    fn default() -> Self {
        Self {
            places: HashMap::new(),
            order: Vec::new(),
        }
    }
}

impl<T: Copy + Eq + Hash> Dictionary<T> {
    fn index(&mut self, value: T) -> u64 {
        *self.places.entry(value).or_insert_with(|| {
            self.order.push(value);
            self.order.len() as u64 - 1
        })
    }
}

/// Finds columns and reads them.
pub(super) struct Reader<'a> {
    columns: [Option<&'a [u8]>; COLUMNS],
}

impl<'a> Reader<'a> {
    pub(super) fn open(raw: &'a [u8]) -> Result<Self, BlockError> {
        let fault = BlockError::Contents("column directory");
        let mut columns = [None; COLUMNS];
        let mut rest = raw;
        while let Some((&number, after)) = rest.split_first() {
            let (length, after) = after.split_first_chunk::<4>().ok_or(fault.clone())?;
            let length = u32::from_le_bytes(*length) as usize;
            let (octets, after) = after.split_at_checked(length).ok_or(fault.clone())?;
            // A number that is not known here belongs to a later release.
            if let Some(place) = columns.get_mut(usize::from(number))
                && place.replace(octets).is_some()
            {
                return Err(fault);
            }
            rest = after;
        }
        Ok(Self { columns })
    }

    fn column(&self, column: Column) -> Result<&'a [u8], BlockError> {
        let found = self.columns.get(column as usize).copied().flatten();
        found.ok_or(BlockError::Contents("set of columns"))
    }

    fn varints(&self, column: Column) -> Result<Varints<'a>, BlockError> {
        self.column(column).map(Varints)
    }

    fn octets(&self, column: Column, count: usize) -> Result<std::slice::Iter<'a, u8>, BlockError> {
        let octets = self.column(column)?;
        if octets.len() != count {
            return Err(BlockError::Contents("length of a column"));
        }
        Ok(octets.iter())
    }

    pub(super) fn records(&self, count: usize) -> Result<Vec<FlowRecord>, BlockError> {
        let (fours, sixes) = (self.column(Column::Addresses4)?, self.column(Column::Addresses6)?);
        let (fours, sixes) = (Entries::<4>::of(fours)?, Entries::<16>::of(sixes)?);
        let macs = Entries::<6>::of(self.column(Column::Macs)?)?;
        let address = |index: u64| {
            let found = if index & 1 == 0 {
                fours.get(index >> 1).map(IpAddr::from)
            } else {
                sixes.get(index >> 1).map(IpAddr::from)
            };
            found.ok_or(BlockError::Contents("address index"))
        };
        let mac = |index: u64| match index.checked_sub(1) {
            None => Ok(None),
            Some(index) => macs
                .get(index)
                .map(|octets| Some(MacAddr(octets)))
                .ok_or(BlockError::Contents("hardware address index")),
        };
        let (mut start, mut duration) = (self.varints(Column::Start)?, self.varints(Column::Duration)?);
        let mut link = self.varints(Column::Link)?;
        let (mut src_ip, mut dst_ip) = (self.varints(Column::SrcIp)?, self.varints(Column::DstIp)?);
        let (mut src_port, mut dst_port) = (self.varints(Column::SrcPort)?, self.varints(Column::DstPort)?);
        let (mut vlan, mut vlan_inner) = (self.varints(Column::Vlan)?, self.varints(Column::VlanInner)?);
        let (mut src_mac, mut dst_mac) = (self.varints(Column::SrcMac)?, self.varints(Column::DstMac)?);
        let (mut packets, mut bytes) = (self.varints(Column::Packets)?, self.varints(Column::Bytes)?);
        let (mut packets_rev, mut bytes_rev) = (self.varints(Column::PacketsRev)?, self.varints(Column::BytesRev)?);
        let (mut icmp, mut icmp_rev) = (self.varints(Column::Icmp)?, self.varints(Column::IcmpRev)?);
        let mut app = self.varints(Column::App)?;
        let protocols = self.octets(Column::Protocol, count)?;
        let flags = self.octets(Column::TcpFlags, count)?;
        let flags_rev = self.octets(Column::TcpFlagsRev, count)?;
        let tos = self.octets(Column::Tos, count)?;
        let directions = self.octets(Column::Direction, count)?;
        let reasons = self.octets(Column::EndReason, count)?;

        let mut records = Vec::with_capacity(count);
        let mut now = 0u64;
        let octets = protocols
            .zip(flags)
            .zip(flags_rev)
            .zip(tos)
            .zip(directions)
            .zip(reasons);
        for (((((protocol, tcp_flags), tcp_flags_rev), tos), direction), end_reason) in octets {
            now = now
                .checked_add(start.next()?)
                .ok_or(BlockError::Contents("start of a record"))?;
            records.push(FlowRecord {
                link: LinkId(link.u32()?),
                start: Timestamp::from_nanos(now),
                end: Timestamp::from_nanos(now.wrapping_add(unzigzag(duration.next()?))),
                src_ip: address(src_ip.next()?)?,
                dst_ip: address(dst_ip.next()?)?,
                src_port: src_port.u16()?,
                dst_port: dst_port.u16()?,
                protocol: *protocol,
                vlan: vlan.optional()?,
                vlan_inner: vlan_inner.optional()?,
                src_mac: mac(src_mac.next()?)?,
                dst_mac: mac(dst_mac.next()?)?,
                packets: packets.next()?,
                bytes: bytes.next()?,
                packets_rev: packets_rev.next()?,
                bytes_rev: bytes_rev.next()?,
                tcp_flags: *tcp_flags,
                tcp_flags_rev: *tcp_flags_rev,
                icmp: icmp.icmp()?,
                icmp_rev: icmp_rev.icmp()?,
                tos: *tos,
                app: App::from_number(app.u16()?),
                direction: direction_of(*direction)?,
                end_reason: end_reason_of(*end_reason)?,
                export: None,
            });
        }
        let all = [
            start,
            duration,
            link,
            src_ip,
            dst_ip,
            src_port,
            dst_port,
            vlan,
            vlan_inner,
            src_mac,
            dst_mac,
            packets,
            bytes,
            packets_rev,
            bytes_rev,
            icmp,
            icmp_rev,
            app,
        ];
        if all.iter().any(|column| !column.0.is_empty()) {
            return Err(BlockError::Contents("length of a column"));
        }
        Ok(records)
    }
}

fn direction_of(octet: u8) -> Result<Direction, BlockError> {
    Ok(match octet {
        1 => Direction::In,
        2 => Direction::Out,
        3 => Direction::Internal,
        4 => Direction::External,
        5 => Direction::Unknown,
        _ => return Err(BlockError::Contents("direction")),
    })
}

fn end_reason_of(octet: u8) -> Result<EndReason, BlockError> {
    Ok(match octet {
        1 => EndReason::Idle,
        2 => EndReason::Active,
        3 => EndReason::EndOfFlow,
        4 => EndReason::Forced,
        5 => EndReason::LackOfResources,
        _ => return Err(BlockError::Contents("end reason")),
    })
}

/// A dictionary's entries of `N` octets each.
struct Entries<'a, const N: usize>(&'a [[u8; N]]);

impl<'a, const N: usize> Entries<'a, N> {
    fn of(octets: &'a [u8]) -> Result<Self, BlockError> {
        match octets.as_chunks::<N>() {
            (entries, []) => Ok(Self(entries)),
            _ => Err(BlockError::Contents("dictionary")),
        }
    }

    fn get(&self, index: u64) -> Option<[u8; N]> {
        self.0.get(usize::try_from(index).ok()?).copied()
    }
}

/// LEB128 numbers, read one by one.
struct Varints<'a>(&'a [u8]);

impl Varints<'_> {
    fn next(&mut self) -> Result<u64, BlockError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let Some((&octet, rest)) = self.0.split_first() else {
                return Err(BlockError::Contents("length of a column"));
            };
            self.0 = rest;
            let bits = u64::from(octet & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if octet & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(BlockError::Contents("number"))
    }

    fn u32(&mut self) -> Result<u32, BlockError> {
        u32::try_from(self.next()?).map_err(|_| BlockError::Contents("32-bit number"))
    }

    fn u16(&mut self) -> Result<u16, BlockError> {
        u16::try_from(self.next()?).map_err(|_| BlockError::Contents("16-bit number"))
    }

    fn optional(&mut self) -> Result<Option<u16>, BlockError> {
        match self.next()?.checked_sub(1) {
            None => Ok(None),
            Some(value) => u16::try_from(value)
                .map(Some)
                .map_err(|_| BlockError::Contents("16-bit number")),
        }
    }

    fn icmp(&mut self) -> Result<Option<IcmpType>, BlockError> {
        let message = self.optional()?.map(u16::to_be_bytes);
        Ok(message.map(|[kind, code]| IcmpType { kind, code }))
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    #[allow(clippy::cast_possible_truncation, reason = "below 0x80")]
    out.push(value as u8);
}

/// None is 0, a value is itself plus one.
fn optional(value: Option<u16>) -> u64 {
    value.map_or(0, |v| u64::from(v) + 1)
}

/// Small differences of either sign become small numbers.
const fn zigzag(difference: u64) -> u64 {
    (difference << 1) ^ (if difference >> 63 == 1 { u64::MAX } else { 0 })
}

const fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ (if number & 1 == 1 { u64::MAX } else { 0 })
}
