//! From columns to octets.

use super::builder::{Addresses, Column, Contents, SIX};
use super::dictionary::{Dictionary, Seed};
use super::directory::{Entry, Extent, Form, Part, SCALES};
use super::field::Field;
use super::planes::{Number, planes, split};
use super::{Block, BlockError, Head, LEVEL};

/// Values of more bits than these may go by their places among the distinct ones.
const PLAIN_BITS: u32 = 8;
/// The most distinct values, for values of at most 16 bits and for wider ones.
const DISTINCT_MAX: [usize; 2] = [256, 4_096];

/// Packs columns; keeps its room from block to block.
pub(super) struct Packer {
    compressor: Option<zstd::bulk::Compressor<'static>>,
    distinct: Dictionary<u64>,
    directory: Vec<u8>,
    body: Vec<u8>,
    lanes: Vec<u8>,
    plane: Vec<u8>,
    frame: Vec<u8>,
    room: Vec<u8>,
}

/// What is known of a column before its octets are.
struct About {
    field: Field,
    optional: bool,
    addresses: Option<(u128, u128)>,
}

impl Packer {
    pub(super) fn new(seed: Seed) -> Self {
        Self {
            compressor: None,
            distinct: Dictionary::new(seed),
            directory: Vec::new(),
            body: Vec::new(),
            lanes: Vec::new(),
            plane: Vec::new(),
            frame: Vec::new(),
            room: Vec::new(),
        }
    }

    /// A block of the columns.
    pub(super) fn pack(&mut self, contents: &Contents) -> Result<Block, BlockError> {
        if contents.len == 0 {
            return Err(BlockError::Count(0));
        }
        self.directory.clear();
        self.body.clear();
        let c = &contents.columns;
        let n = contents.len;
        self.numbers(Field::Link, &c.link, n)?;
        self.times(Field::End, &c.end, n)?;
        self.times(Field::Duration, &c.duration, n)?;
        self.places(Field::SrcIp, &c.src_ip, n, false, &contents.addresses)?;
        self.places(Field::DstIp, &c.dst_ip, n, false, &contents.addresses)?;
        self.numbers(Field::SrcPort, &c.src_port, n)?;
        self.numbers(Field::DstPort, &c.dst_port, n)?;
        self.numbers(Field::Protocol, &c.protocol, n)?;
        self.optional(Field::Vlan, &c.vlan, n)?;
        self.optional(Field::VlanInner, &c.vlan_inner, n)?;
        self.optional(Field::SrcMac, &c.src_mac, n)?;
        self.optional(Field::DstMac, &c.dst_mac, n)?;
        self.numbers(Field::Packets, &c.packets, n)?;
        self.numbers(Field::Bytes, &c.bytes, n)?;
        self.numbers(Field::PacketsRev, &c.packets_rev, n)?;
        self.numbers(Field::BytesRev, &c.bytes_rev, n)?;
        self.numbers(Field::TcpFlags, &c.tcp_flags, n)?;
        self.numbers(Field::TcpFlagsRev, &c.tcp_flags_rev, n)?;
        self.optional(Field::Icmp, &c.icmp, n)?;
        self.optional(Field::IcmpRev, &c.icmp_rev, n)?;
        self.numbers(Field::Tos, &c.tos, n)?;
        self.numbers(Field::App, &c.app, n)?;
        self.numbers(Field::Direction, &c.direction, n)?;
        self.numbers(Field::EndReason, &c.end_reason, n)?;
        self.numbers(Field::Exported, &c.exported, n)?;
        self.numbers(Field::Domain, &c.domain, n)?;
        self.optional(Field::Sampling, &c.sampling, n)?;
        self.optional(Field::IngressIf, &c.ingress_if, n)?;
        self.optional(Field::EgressIf, &c.egress_if, n)?;
        self.numbers(Field::Observed, &c.observed, n)?;
        self.optional(Field::SrcAs, &c.src_as, n)?;
        self.optional(Field::DstAs, &c.dst_as, n)?;
        self.optional(Field::SrcPrefix, &c.src_prefix, n)?;
        self.optional(Field::DstPrefix, &c.dst_prefix, n)?;
        self.places(Field::NextHop, &c.next_hop, n, true, &contents.routers)?;
        self.places(Field::BgpNextHop, &c.bgp_next_hop, n, true, &contents.routers)?;
        self.optional(Field::IngressVrf, &c.ingress_vrf, n)?;
        self.optional(Field::EgressVrf, &c.egress_vrf, n)?;
        self.numbers(Field::MplsDepth, &c.mpls_depth, n)?;
        self.places(
            Field::TranslatedSrcIp,
            &c.translated_src_ip,
            n,
            true,
            &contents.addresses,
        )?;
        self.places(
            Field::TranslatedDstIp,
            &c.translated_dst_ip,
            n,
            true,
            &contents.addresses,
        )?;
        self.optional(Field::TranslatedSrcPort, &c.translated_src_port, n)?;
        self.optional(Field::TranslatedDstPort, &c.translated_dst_port, n)?;
        self.optional(Field::NatEvent, &c.nat_event, n)?;
        self.optional(Field::FirewallEvent, &c.firewall_event, n)?;
        self.optional(Field::ForwardingStatus, &c.forwarding_status, n)?;
        self.optional(Field::ApplicationEngine, &c.application_engine, n)?;
        self.numbers(Field::ApplicationSelector, &c.application_selector, n)?;
        self.optional(Field::TtlMin, &c.ttl_min, n)?;
        self.optional(Field::TtlMax, &c.ttl_max, n)?;
        self.optional(Field::FlowLabel, &c.flow_label, n)?;
        self.optional(Field::Vni, &c.vni, n)?;
        self.places(Field::Srv6Segment, &c.srv6_segment, n, true, &contents.routers)?;
        self.numbers(Field::EnterpriseLength, &c.enterprise_length, n)?;
        self.addresses(
            [Field::Addresses4, Field::Addresses6Upper, Field::Addresses6Lower],
            &contents.addresses,
        )?;
        self.addresses(
            [Field::Routers4, Field::Routers6Upper, Field::Routers6Lower],
            &contents.routers,
        )?;
        self.side(Field::Macs, contents.macs.values())?;
        self.side(Field::MplsLabels, &contents.labels)?;
        self.side(Field::EnterpriseOctets, &contents.enterprise)?;
        let ends = (c.end.values.iter().min().copied(), c.end.values.iter().max().copied());
        let (min_end, max_end) = match (c.end.varied, ends) {
            (true, (Some(min), Some(max))) => (min, max),
            _ => (c.end.first, c.end.first),
        };
        let count = u32::try_from(n).map_err(|_| BlockError::Count(n))?;
        let spans = [contents.min_start, contents.max_start, min_end, max_end];
        let bytes = Head::write(count, spans, &self.directory, &self.body)?;
        Block::open(bytes)
    }

    fn numbers<T: Number>(&mut self, field: Field, column: &Column<T>, count: usize) -> Result<(), BlockError> {
        self.column(field, column, count, false, 1)
    }

    fn optional<T: Number>(&mut self, field: Field, column: &Column<T>, count: usize) -> Result<(), BlockError> {
        self.column(field, column, count, true, 1)
    }

    fn times(&mut self, field: Field, column: &Column<u64>, count: usize) -> Result<(), BlockError> {
        let scale = if column.varied { common_scale(&column.values) } else { 1 };
        self.column(field, column, count, false, scale)
    }

    /// A column of one value a record; left out where all are 0, or none.
    fn column<T: Number>(
        &mut self,
        field: Field,
        column: &Column<T>,
        count: usize,
        optional: bool,
        scale: u64,
    ) -> Result<(), BlockError> {
        let about = About {
            field,
            optional,
            addresses: None,
        };
        if column.varied {
            return self.values(about, &column.values, scale);
        }
        if column.first != T::default() {
            self.constant(about, column.first.into(), count);
        }
        Ok(())
    }

    /// A column of places in a dictionary of addresses: the IPv6 ones follow the IPv4 ones.
    fn places(
        &mut self,
        field: Field,
        column: &Column<u32>,
        count: usize,
        optional: bool,
        addresses: &Addresses,
    ) -> Result<(), BlockError> {
        let (fours, sixes) = (addresses.fours.values(), addresses.sixes.values());
        // Optional places are one larger, so that 0 is none; so are the marked ones.
        let after_fours = u32::try_from(fours.len()).unwrap_or(u32::MAX);
        let place = |number: u32| {
            if number & SIX == 0 {
                number
            } else {
                (number & !SIX) + after_fours
            }
        };
        let base = u32::from(optional);
        if !column.varied {
            if optional && column.first == 0 {
                return Ok(());
            }
            let first = place(column.first);
            let key = address_key(fours, sixes, first - base);
            let addresses = Some((key, key));
            self.constant(
                About {
                    field,
                    optional,
                    addresses,
                },
                u64::from(first),
                count,
            );
            return Ok(());
        }
        let moved: Vec<u32>;
        let values = if sixes.is_empty() {
            &column.values
        } else {
            moved = column.values.iter().map(|v| place(*v)).collect();
            &moved
        };
        let mut used = vec![false; fours.len() + sixes.len() + 1];
        for value in values {
            if let Some(used) = used.get_mut(*value as usize) {
                *used = true;
            }
        }
        let mut bounds = (u128::MAX, 0);
        for (used, place) in used.iter().skip(base as usize).zip(0..) {
            if *used {
                let key = address_key(fours, sixes, place);
                bounds = (bounds.0.min(key), bounds.1.max(key));
            }
        }
        let addresses = Some(bounds);
        self.values(
            About {
                field,
                optional,
                addresses,
            },
            values,
            1,
        )
    }

    fn addresses(&mut self, fields: [Field; 3], addresses: &Addresses) -> Result<(), BlockError> {
        let [fours, upper, lower] = fields;
        self.side(fours, addresses.fours.values())?;
        let sixes = addresses.sixes.values();
        #[allow(clippy::cast_possible_truncation, reason = "the halves of an address")]
        let halves = |shift: u32| sixes.iter().map(|six| (six >> shift) as u64).collect::<Vec<_>>();
        self.side(upper, &halves(64))?;
        self.side(lower, &halves(0))
    }

    /// A column that has a length of its own; left out where it is 0.
    fn side<T: Number>(&mut self, field: Field, values: &[T]) -> Result<(), BlockError> {
        let about = About {
            field,
            optional: false,
            addresses: None,
        };
        match values.first() {
            None => Ok(()),
            Some(first) if values.iter().all(|v| v == first) => {
                self.constant(about, (*first).into(), values.len());
                Ok(())
            }
            Some(_) => self.values(about, values, 1),
        }
    }

    /// An optional column's `value` is one larger, and not 0.
    fn constant(&mut self, about: About, value: u64, count: usize) {
        let value = value - u64::from(about.optional);
        let entry = Entry {
            number: about.field as u8,
            optional: false,
            values: u32::try_from(count).unwrap_or(u32::MAX),
            min: value,
            max: value,
            addresses: about.addresses,
            form: Form::Constant,
            body: Extent::default(),
        };
        entry.write(&mut self.directory, &mut self.room);
    }

    /// Values that are not all the same.
    fn values<T: Number>(&mut self, about: About, values: &[T], scale: u64) -> Result<(), BlockError> {
        let offset = self.body.len();
        let max = values.iter().copied().max().unwrap_or_default();
        // The smallest that is one: none is 0, which becomes the largest.
        let min = match about.optional {
            true => values
                .iter()
                .copied()
                .fold(max, |min, v| if v.before() < min.before() { v } else { min }),
            false => values.iter().copied().min().unwrap_or_default(),
        };
        let absent = about.optional && values.iter().copied().min().unwrap_or_default() == T::default();
        let (min, max) = (min.into(), max.into());
        let bits = bits_of(((max - min) / scale).saturating_add(u64::from(absent)));
        // Code 0 is none where that occurs.
        let base = T::from_u64(min - u64::from(absent));
        let form = if scale != 1 {
            let codes: Vec<u64> = values.iter().map(|v| ((*v).into() - min) / scale).collect();
            Form::Scaled {
                scale,
                codes: self.codes(&codes, 0, bits)?,
            }
        } else if bits > PLAIN_BITS && self.find_distinct(values, bits) {
            self.distinct(values, min, absent)?
        } else {
            Form::Scaled {
                scale: 1,
                codes: self.codes(values, base, bits)?,
            }
        };
        let octets = self.body.len() - offset;
        let crc = crc32fast::hash(self.body.get(offset..).unwrap_or_default());
        let entry = Entry {
            number: about.field as u8,
            optional: absent,
            values: u32::try_from(values.len()).unwrap_or(u32::MAX),
            min: min - u64::from(about.optional),
            max: max - u64::from(about.optional),
            addresses: about.addresses,
            form,
            body: Extent { offset, octets, crc },
        };
        entry.write(&mut self.directory, &mut self.room);
        Ok(())
    }

    /// Numbers the distinct values, unless there are so many that their places are no shorter.
    fn find_distinct<T: Number>(&mut self, values: &[T], bits: u32) -> bool {
        self.distinct.reset();
        let most = if bits <= 16 { DISTINCT_MAX[0] } else { DISTINCT_MAX[1] };
        for (group, seen) in values.chunks(256).zip((256..).step_by(256)) {
            for value in group {
                self.distinct.number((*value).into());
            }
            let found = self.distinct.values().len();
            if found > most || found > 128 + seen / 4 {
                return false;
            }
        }
        true
    }

    /// Values by their places among the distinct ones, which [`Packer::find_distinct`] has numbered.
    fn distinct<T: Number>(&mut self, values: &[T], min: u64, absent: bool) -> Result<Form, BlockError> {
        let mut distinct = std::mem::replace(&mut self.distinct, Dictionary::new(Seed::NONE));
        let mut ranks = vec![0u16; distinct.values().len()];
        let mut sorted: Vec<(u64, u32)> = distinct.values().iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        // "None" is 0 and therefore the first: its code is 0 without a place among the values.
        for ((_, number), rank) in sorted.iter().zip(0..) {
            if let Some(place) = ranks.get_mut(*number as usize) {
                *place = rank;
            }
        }
        let codes: Vec<u16> = values
            .iter()
            .map(|v| {
                ranks
                    .get(distinct.number((*v).into()) as usize)
                    .copied()
                    .unwrap_or_default()
            })
            .collect();
        distinct.reset();
        self.distinct = distinct;
        let present: Vec<u64> = sorted.iter().skip(usize::from(absent)).map(|(v, _)| v - min).collect();
        let span = present.last().copied().unwrap_or_default();
        let largest = sorted.len().saturating_sub(1) as u64;
        Ok(Form::Distinct {
            count: u32::try_from(present.len()).unwrap_or(u32::MAX),
            values: self.codes(&present, 0, bits_of(span))?,
            codes: self.codes(&codes, 0, bits_of(largest))?,
        })
    }

    /// Appends the planes of the values less `base`, of so many bits.
    fn codes<T: Number>(&mut self, values: &[T], base: T, bits: u32) -> Result<Part, BlockError> {
        let mut part = Part {
            bits,
            ..Part::default()
        };
        for (plane, place) in (0..planes(bits)).zip(&mut part.planes) {
            split(values, base, plane, bits, &mut self.lanes, &mut self.plane);
            *place = self.append_plane()?;
        }
        Ok(part)
    }

    /// Appends a plane, compressed where that helps; says how many octets it took and whether they are compressed.
    fn append_plane(&mut self) -> Result<(u32, bool), BlockError> {
        let plain = self.plane.len();
        let compress = |e: std::io::Error| BlockError::Compress(e.to_string());
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(zstd::bulk::Compressor::new(LEVEL).map_err(compress)?),
        };
        self.frame.clear();
        self.frame.reserve(zstd::zstd_safe::compress_bound(plain));
        compressor
            .compress_to_buffer(&self.plane, &mut self.frame)
            .map_err(compress)?;
        let helps = self.frame.len() < plain - plain / 32;
        let octets = if helps { &self.frame } else { &self.plane };
        self.body.extend_from_slice(octets);
        let length = u32::try_from(octets.len()).map_err(|_| BlockError::Contents("length"))?;
        Ok((length, helps))
    }
}

/// The order of addresses: IPv4 ones as RFC 4291, section 2.5.5.2, maps them into IPv6.
pub(super) const fn mapped(four: u32) -> u128 {
    0xffff_0000_0000 | four as u128
}

fn address_key(fours: &[u32], sixes: &[u128], place: u32) -> u128 {
    let place = place as usize;
    match fours.get(place) {
        Some(four) => mapped(*four),
        None => sixes.get(place - fours.len()).copied().unwrap_or_default(),
    }
}

/// Bits that the numbers up to `largest` take.
const fn bits_of(largest: u64) -> u32 {
    64 - largest.leading_zeros()
}

/// The largest scale that all differences have.
fn common_scale(values: &[u64]) -> u64 {
    let first = values.first().copied().unwrap_or_default();
    let fits = |scale: u64| values.iter().all(|v| v.abs_diff(first) % scale == 0);
    let [one, micro, milli, second] = SCALES;
    match fits(milli) {
        true if fits(second) => second,
        true => milli,
        false if fits(micro) => micro,
        false => one,
    }
}
