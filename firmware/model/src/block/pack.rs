//! From columns to octets.

use zstd::zstd_safe::CParameter;

use super::builder::{Column, Columns, Contents};
use super::dictionary::{Dictionary, Seed};
use super::directory::{Entry, Extent, FILTERS, Form, Part, SCALES, write_filter};
use super::field::Field;
use super::field::TextDictionary;
use super::fuse::{Fingerprint, Maker, address_key, end_of, flow_of};
use super::places::{Places, Sorted};
use super::planes::{Number, planes, split};
use super::texts::SortedTexts;
use super::{Block, BlockError, Dictionary as AddressDictionary, Head, LEVEL, TEXT_LEVEL};
use crate::DetailKey;

/// Values of more bits than these may go by their places among the distinct ones.
const PLAIN_BITS: u32 = 8;
/// The most distinct values, for values of at most 16 bits and for wider ones.
const DISTINCT_MAX: [usize; 2] = [256, 4_096];

/// Packs columns; keeps its room from block to block.
pub(super) struct Packer {
    compressor: Option<zstd::bulk::Compressor<'static>>,
    /// Of texts.
    text_compressor: Option<zstd::bulk::Compressor<'static>>,
    /// Whether a plane is text.
    prose: bool,
    distinct: Dictionary<u64>,
    directory: Vec<u8>,
    body: Vec<u8>,
    lanes: Vec<u8>,
    plane: Vec<u8>,
    frame: Vec<u8>,
    room: Vec<u8>,
    /// What addresses are known by, in the order of their places.
    keys: Vec<u64>,
    maker: Maker,
}

/// What is known of a column before its octets are.
struct About {
    field: Field,
    optional: bool,
    follows: Option<u8>,
    addresses: Option<(u128, u128)>,
}

impl About {
    const fn new(field: Field) -> Self {
        Self {
            optional: field.is_optional(),
            follows: None,
            addresses: None,
            field,
        }
    }
}

/// A column of addresses that another's values may follow from.
type Leader<'a> = Option<(Field, &'a Places)>;

impl Packer {
    pub(super) fn new(seed: Seed) -> Self {
        Self {
            compressor: None,
            text_compressor: None,
            prose: false,
            distinct: Dictionary::new(seed),
            directory: Vec::new(),
            body: Vec::new(),
            lanes: Vec::new(),
            plane: Vec::new(),
            frame: Vec::new(),
            room: Vec::new(),
            keys: Vec::new(),
            maker: Maker::default(),
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
        let addresses = Sorted::of(&contents.addresses);
        let routers = Sorted::of(&contents.routers);
        let (mut src, mut dst) = (Places::default(), Places::default());
        self.places(Field::SrcIp, &c.src_ip, n, &addresses, &mut src, None)?;
        self.places(Field::DstIp, &c.dst_ip, n, &addresses, &mut dst, None)?;
        let by_src = Some((Field::SrcIp, &src));
        let by_dst = Some((Field::DstIp, &dst));
        let mut room = Places::default();
        self.numbers(Field::SrcPort, &c.src_port, n)?;
        self.numbers(Field::DstPort, &c.dst_port, n)?;
        self.numbers(Field::Protocol, &c.protocol, n)?;
        self.numbers(Field::Vlan, &c.vlan, n)?;
        self.numbers(Field::VlanInner, &c.vlan_inner, n)?;
        self.led(Field::SrcMac, &c.src_mac, n, by_src)?;
        self.led(Field::DstMac, &c.dst_mac, n, by_dst)?;
        self.numbers(Field::Packets, &c.packets, n)?;
        self.numbers(Field::Bytes, &c.bytes, n)?;
        self.numbers(Field::PacketsRev, &c.packets_rev, n)?;
        self.numbers(Field::BytesRev, &c.bytes_rev, n)?;
        self.numbers(Field::TcpFlags, &c.tcp_flags, n)?;
        self.numbers(Field::TcpFlagsRev, &c.tcp_flags_rev, n)?;
        self.numbers(Field::Icmp, &c.icmp, n)?;
        self.numbers(Field::IcmpRev, &c.icmp_rev, n)?;
        self.numbers(Field::Tos, &c.tos, n)?;
        self.numbers(Field::App, &c.app, n)?;
        self.led(Field::Direction, &c.direction, n, by_src)?;
        self.numbers(Field::EndReason, &c.end_reason, n)?;
        self.numbers(Field::Exported, &c.exported, n)?;
        self.numbers(Field::Domain, &c.domain, n)?;
        self.numbers(Field::Sampling, &c.sampling, n)?;
        self.led(Field::IngressIf, &c.ingress_if, n, by_src)?;
        self.led(Field::EgressIf, &c.egress_if, n, by_dst)?;
        self.numbers(Field::Observed, &c.observed, n)?;
        self.led(Field::SrcAs, &c.src_as, n, by_src)?;
        self.led(Field::DstAs, &c.dst_as, n, by_dst)?;
        self.led(Field::SrcPrefix, &c.src_prefix, n, by_src)?;
        self.led(Field::DstPrefix, &c.dst_prefix, n, by_dst)?;
        self.places(Field::NextHop, &c.next_hop, n, &routers, &mut room, by_dst)?;
        self.places(Field::BgpNextHop, &c.bgp_next_hop, n, &routers, &mut room, by_dst)?;
        self.numbers(Field::IngressVrf, &c.ingress_vrf, n)?;
        self.numbers(Field::EgressVrf, &c.egress_vrf, n)?;
        self.numbers(Field::MplsDepth, &c.mpls_depth, n)?;
        self.places(
            Field::TranslatedSrcIp,
            &c.translated_src_ip,
            n,
            &addresses,
            &mut room,
            None,
        )?;
        self.places(
            Field::TranslatedDstIp,
            &c.translated_dst_ip,
            n,
            &addresses,
            &mut room,
            None,
        )?;
        self.numbers(Field::TranslatedSrcPort, &c.translated_src_port, n)?;
        self.numbers(Field::TranslatedDstPort, &c.translated_dst_port, n)?;
        self.numbers(Field::NatEvent, &c.nat_event, n)?;
        self.numbers(Field::FirewallEvent, &c.firewall_event, n)?;
        self.numbers(Field::ForwardingStatus, &c.forwarding_status, n)?;
        self.numbers(Field::ApplicationEngine, &c.application_engine, n)?;
        self.numbers(Field::ApplicationSelector, &c.application_selector, n)?;
        self.numbers(Field::TtlMin, &c.ttl_min, n)?;
        self.numbers(Field::TtlMax, &c.ttl_max, n)?;
        self.numbers(Field::FlowLabel, &c.flow_label, n)?;
        self.numbers(Field::Vni, &c.vni, n)?;
        self.places(Field::Srv6Segment, &c.srv6_segment, n, &routers, &mut room, None)?;
        self.numbers(Field::EnterpriseLength, &c.enterprise_length, n)?;
        let (hosts, details) = (contents.hosts.sorted(), contents.details.sorted());
        self.numbers(Field::Confidence, &c.confidence, n)?;
        self.texts(Field::Host, &c.host, n, &hosts, by_dst)?;
        for (key, column) in DetailKey::ALL.into_iter().zip(&c.details) {
            self.texts(Field::detail(key), column, n, &details, None)?;
        }
        self.quality(c, n)?;
        self.addresses(AddressDictionary::Addresses, &addresses)?;
        self.addresses(AddressDictionary::Routers, &routers)?;
        self.side(Field::Macs, contents.macs.values())?;
        self.side(Field::MplsLabels, &contents.labels)?;
        self.side(Field::EnterpriseOctets, &contents.enterprise)?;
        self.dictionary(TextDictionary::Hosts, &hosts)?;
        self.dictionary(TextDictionary::Details, &details)?;
        self.filters(contents, &addresses, &src, &dst);
        let ends = if c.end.varied {
            c.end.values.as_slice()
        } else {
            std::slice::from_ref(&c.end.first)
        };
        let ends = Bounds::of(ends);
        let count = u32::try_from(n).map_err(|_| BlockError::Count(n))?;
        let spans = [contents.min_start, contents.max_start, ends.min, ends.max];
        let bytes = Head::write(count, spans, &self.directory, &self.body)?;
        Block::open(bytes)
    }

    fn quality(&mut self, c: &Columns, n: usize) -> Result<(), BlockError> {
        self.numbers(Field::Measured, &c.measured, n)?;
        self.numbers(Field::ConnectClient, &c.connect_client, n)?;
        self.numbers(Field::ConnectServer, &c.connect_server, n)?;
        self.numbers(Field::Responses, &c.responses, n)?;
        self.numbers(Field::ResponseRest, &c.response_rest, n)?;
        self.numbers(Field::ResponseMax, &c.response_max, n)?;
        self.numbers(Field::Retransmitted, &c.retransmitted, n)?;
        self.numbers(Field::OutOfOrder, &c.out_of_order, n)?;
        self.numbers(Field::ZeroWindows, &c.zero_windows, n)?;
        self.numbers(Field::Resets, &c.resets, n)?;
        self.numbers(Field::RtpPackets, &c.rtp_packets, n)?;
        self.numbers(Field::RtpLost, &c.rtp_lost, n)?;
        self.numbers(Field::RtpJitter, &c.rtp_jitter, n)?;
        self.numbers(Field::RetransmittedRev, &c.retransmitted_rev, n)?;
        self.numbers(Field::OutOfOrderRev, &c.out_of_order_rev, n)?;
        self.numbers(Field::ZeroWindowsRev, &c.zero_windows_rev, n)?;
        self.numbers(Field::ResetsRev, &c.resets_rev, n)?;
        self.numbers(Field::RtpPacketsRev, &c.rtp_packets_rev, n)?;
        self.numbers(Field::RtpLostRev, &c.rtp_lost_rev, n)?;
        self.numbers(Field::RtpJitterRev, &c.rtp_jitter_rev, n)
    }

    /// A column of places in a dictionary of texts.
    fn texts(
        &mut self,
        field: Field,
        column: &Column<u32>,
        count: usize,
        texts: &SortedTexts,
        leader: Leader<'_>,
    ) -> Result<(), BlockError> {
        let about = About::new(field);
        if !column.varied {
            if column.first != 0 {
                self.constant(about, texts.place(column.first).into(), count);
            }
            return Ok(());
        }
        let places: Vec<u32> = column.values.iter().map(|number| texts.place(*number)).collect();
        self.led_values(about, &places, leader)
    }

    fn dictionary(&mut self, dictionary: TextDictionary, texts: &SortedTexts) -> Result<(), BlockError> {
        let [lengths, octets] = dictionary.columns();
        self.side(lengths, &texts.lengths)?;
        self.prose = true;
        let done = self.side(octets, &texts.octets);
        self.prose = false;
        done
    }

    /// The filters of the addresses and of the 5-tuples; left out where none could be made.
    fn filters(&mut self, contents: &Contents, addresses: &Sorted, src: &Places, dst: &Places) {
        let c = &contents.columns;
        self.keys.clear();
        self.keys
            .extend((0..addresses.len()).map(|place| address_key(addresses.key(place))));
        let used = (0..).zip(&self.keys).filter(|(at, _)| src.has(*at) || dst.has(*at));
        self.maker.set_keys(used.map(|(_, key)| *key));
        self.filter(FILTERS[0], Fingerprint::Eight);
        let keys = &self.keys;
        let end = |place: Option<&u32>, port: u16| {
            let key = place.and_then(|place| keys.get(*place as usize));
            end_of(key.copied().unwrap_or_default(), port)
        };
        let flow = |at: usize| {
            flow_of(
                end(src.at(at), c.src_port.at(at)),
                end(dst.at(at), c.dst_port.at(at)),
                c.protocol.at(at),
            )
        };
        self.maker.set_keys((0..contents.len).map(flow));
        self.filter(FILTERS[1], Fingerprint::Three);
    }

    fn filter(&mut self, number: u8, fingerprint: Fingerprint) {
        if let Some((shape, octets)) = self.maker.make(fingerprint) {
            self.body.extend_from_slice(octets);
            write_filter(number, &shape, octets, &mut self.directory, &mut self.room);
        }
    }

    fn numbers<T: Number>(&mut self, field: Field, column: &Column<T>, count: usize) -> Result<(), BlockError> {
        self.led(field, column, count, None)
    }

    fn times(&mut self, field: Field, column: &Column<u64>, count: usize) -> Result<(), BlockError> {
        if !column.varied {
            return self.numbers(field, column, count);
        }
        self.values(About::new(field), &column.values, common_scale(&column.values))
    }

    /// A column of one value a record; left out where all are 0, or none. `leader`: the addresses that its values may
    /// follow from.
    fn led<T: Number>(
        &mut self,
        field: Field,
        column: &Column<T>,
        count: usize,
        leader: Leader<'_>,
    ) -> Result<(), BlockError> {
        if column.varied {
            return self.led_values(About::new(field), &column.values, leader);
        }
        if column.first != T::default() {
            self.constant(About::new(field), column.first.into(), count);
        }
        Ok(())
    }

    fn led_values<T: Number>(&mut self, mut about: About, values: &[T], leader: Leader<'_>) -> Result<(), BlockError> {
        if let Some((leader, places)) = leader
            && let Some(by_place) = places.led(values)
        {
            about.follows = Some(leader as u8);
            return self.values(about, &by_place, 1);
        }
        self.values(about, values, 1)
    }

    /// A column of places in a dictionary of addresses.
    fn places(
        &mut self,
        field: Field,
        column: &Column<u32>,
        count: usize,
        addresses: &Sorted,
        places: &mut Places,
        leader: Leader<'_>,
    ) -> Result<(), BlockError> {
        let mut about = About::new(field);
        if about.optional && !column.varied && column.first == 0 {
            return Ok(());
        }
        places.set(column, about.optional, addresses);
        about.addresses = Some(places.bounds);
        if column.varied {
            return self.led_values(about, &places.values, leader);
        }
        let place = places.values.first().copied().unwrap_or_default();
        self.constant(about, place.into(), count);
        Ok(())
    }

    fn addresses(&mut self, dictionary: AddressDictionary, addresses: &Sorted) -> Result<(), BlockError> {
        let [fours, upper, lower] = dictionary.columns();
        self.ascending(fours, addresses.fours.iter().copied().map(u64::from))?;
        let sixes = &addresses.sixes;
        #[allow(clippy::cast_possible_truncation, reason = "the halves of an address")]
        let half = |shift: u32| sixes.iter().map(move |six| (six >> shift) as u64);
        self.ascending(upper, half(64))?;
        self.side(lower, &half(0).collect::<Vec<_>>())
    }

    /// A column of a length of its own whose values ascend; left out where that is 0.
    fn ascending(&mut self, field: Field, values: impl Iterator<Item = u64> + Clone) -> Result<(), BlockError> {
        let (Some(min), Some(max)) = (values.clone().next(), values.clone().last()) else {
            return Ok(());
        };
        let mut before = min;
        let codes: Vec<u64> = values.map(|v| v - std::mem::replace(&mut before, v)).collect();
        if min == max {
            self.constant(About::new(field), min, codes.len());
            return Ok(());
        }
        let offset = self.body.len();
        let largest = codes.iter().copied().max().unwrap_or_default();
        let codes_part = self.codes(&codes, 0, bits_of(largest))?;
        self.entry(
            About::new(field),
            codes.len(),
            (min, max),
            false,
            Form::Ascending { codes: codes_part },
            offset,
        );
        Ok(())
    }

    /// A column that has a length of its own; left out where it is 0.
    fn side<T: Number>(&mut self, field: Field, values: &[T]) -> Result<(), BlockError> {
        match values.first() {
            None => Ok(()),
            Some(first) if values.iter().all(|v| v == first) => {
                self.constant(About::new(field), (*first).into(), values.len());
                Ok(())
            }
            Some(_) => self.values(About::new(field), values, 1),
        }
    }

    /// Appends the entry of what was appended to the body from `offset` on.
    fn entry(&mut self, about: About, values: usize, (min, max): (u64, u64), absent: bool, form: Form, offset: usize) {
        let body = self.body.get(offset..).unwrap_or_default();
        let entry = Entry {
            number: about.field as u8,
            optional: absent,
            follows: about.follows,
            // A block has fewer than 2³² values of a kind.
            values: u32::try_from(values).unwrap_or(u32::MAX),
            min,
            max,
            addresses: about.addresses,
            form,
            body: Extent {
                offset,
                octets: body.len(),
                crc: crc32fast::hash(body),
            },
        };
        entry.write(&mut self.directory, &mut self.room);
    }

    /// An optional column's `value` is one larger, and not 0.
    fn constant(&mut self, about: About, value: u64, count: usize) {
        let value = value - u64::from(about.optional);
        let offset = self.body.len();
        self.entry(about, count, (value, value), false, Form::Constant, offset);
    }

    /// Values that are not all the same.
    fn values<T: Number>(&mut self, about: About, values: &[T], scale: u64) -> Result<(), BlockError> {
        let offset = self.body.len();
        let bounds = Bounds::of(values);
        let absent = about.optional && bounds.min == T::default();
        let min = if absent { bounds.min_above_0 } else { bounds.min };
        let (min, max) = (min.into(), bounds.max.into());
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
        let one = u64::from(about.optional);
        self.entry(about, values.len(), (min - one, max - one), absent, form, offset);
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
        let compressor = match (self.prose, &mut self.compressor, &mut self.text_compressor) {
            (false, Some(compressor), _) | (true, _, Some(compressor)) => compressor,
            (false, none, _) => none.insert(compressor().map_err(compress)?),
            (true, _, none) => none.insert(zstd::bulk::Compressor::new(TEXT_LEVEL).map_err(compress)?),
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

/// Planes are codes rather than text: few long matches are worth more than many short ones, and the little table that
/// finds them stays in the cache.
fn compressor() -> std::io::Result<zstd::bulk::Compressor<'static>> {
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    compressor.set_parameter(CParameter::HashLog(10))?;
    compressor.set_parameter(CParameter::MinMatch(7))?;
    Ok(compressor)
}

/// The smallest, the smallest but for 0, and the largest of values.
struct Bounds<T> {
    min: T,
    min_above_0: T,
    max: T,
}

impl<T: Number> Bounds<T> {
    fn of(values: &[T]) -> Self {
        let first = values.first().copied().unwrap_or_default();
        // "Less than" by hand: what `Iterator::min` makes of it is not turned into vector instructions.
        let (mut min, mut before, mut max) = (first, first.before(), first);
        for v in values {
            min = if *v < min { *v } else { min };
            max = if *v > max { *v } else { max };
            // 0 becomes the largest.
            let b = v.before();
            before = if b < before { b } else { before };
        }
        Self {
            min,
            min_above_0: before.after(),
            max,
        }
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
