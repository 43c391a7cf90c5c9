//! From records to columns: a few hundred records at a time are turned into short arrays, which then go to the columns;
//! a column that has seen one value only stays a count.

use std::net::IpAddr;

use super::dictionary::{Dictionary, Seed};
use super::pack::Packer;
use super::planes::Number;
use super::texts::TextNumbers;
use super::{Block, BlockError};
use crate::{DetailKey, EnterpriseFields, Exported, FlowRecord, IcmpType, L7, MacAddr, Quality};

/// Records in a short array: few enough to stay in the first cache.
const LANES: usize = 128;

/// Columns of details.
const DETAILS: usize = DetailKey::ALL.len();

/// A column's values so far.
#[derive(Debug, Default)]
pub(super) struct Column<T> {
    /// The value of all records while `varied` is false.
    pub(super) first: T,
    pub(super) varied: bool,
    pub(super) values: Vec<T>,
}

impl<T: Number> Column<T> {
    /// Adds values to `before` that are there.
    fn extend(&mut self, lanes: &[T], before: usize) {
        if !self.varied {
            if before == 0 {
                self.first = lanes.first().copied().unwrap_or_default();
            }
            let first = self.first;
            if lanes.iter().fold(true, |same, v| same & (*v == first)) {
                return;
            }
            self.values.clear();
            self.values.resize(before, first);
            self.varied = true;
        }
        self.values.extend_from_slice(lanes);
    }

    /// The value of a record.
    #[inline]
    pub(super) fn at(&self, at: usize) -> T {
        if self.varied {
            self.values.get(at).copied().unwrap_or_default()
        } else {
            self.first
        }
    }

    /// Octets of a value, once there are several.
    const fn width(&self) -> usize {
        if self.varied { size_of::<T>() } else { 0 }
    }

    fn clear(&mut self) {
        self.first = T::default();
        self.varied = false;
    }
}

/// Declares the columns of one value a record, of records (`always`), of exporters (`exported`) and of quality
/// (`measured`).
macro_rules! columns {
    (
        always { $($name:ident: $t:ty),* $(,)? }
        exported { $($xname:ident: $xt:ty),* $(,)? }
        measured { $($mname:ident: $mt:ty),* $(,)? }
    ) => {
        /// The short arrays. Those of layer 7 and of quality are 0 where nothing was put since the last turn.
        #[derive(Debug)]
        struct Lanes {
            start: [u64; LANES],
            $($name: [$t; LANES],)*
            $($xname: [$xt; LANES],)*
            $($mname: [$mt; LANES],)*
            confidence: [u8; LANES],
            host: [u32; LANES],
            details: [[u32; LANES]; DETAILS],
        }

        impl Lanes {
            fn new() -> Box<Self> {
                Box::new(Self {
                    start: [0; LANES],
                    $($name: [0; LANES],)*
                    $($xname: [0; LANES],)*
                    $($mname: [0; LANES],)*
                    confidence: [0; LANES],
                    host: [0; LANES],
                    details: [[0; LANES]; DETAILS],
                })
            }

            fn clear_measured(&mut self) {
                $(self.$mname.fill(0);)*
            }

            fn clear_l7(&mut self) {
                self.confidence.fill(0);
                self.host.fill(0);
                self.details.iter_mut().for_each(|lane| lane.fill(0));
            }

            /// Makes the exporters' arrays say nothing of a record.
            #[allow(clippy::indexing_slicing, reason = "the place is below the length of every array")]
            fn clear_exported(&mut self, at: usize) {
                let at = at % LANES;
                $(self.$xname[at] = 0;)*
            }
        }

        /// The columns.
        #[derive(Debug, Default)]
        pub(super) struct Columns {
            $(pub(super) $name: Column<$t>,)*
            $(pub(super) $xname: Column<$xt>,)*
            $(pub(super) $mname: Column<$mt>,)*
            pub(super) confidence: Column<u8>,
            pub(super) host: Column<u32>,
            /// By key, whose number is one larger.
            pub(super) details: [Column<u32>; DETAILS],
        }

        impl Columns {
            fn extend(&mut self, lanes: &Lanes, count: usize, before: usize, there: There) {
                $(self.$name.extend(lanes.$name.get(..count).unwrap_or_default(), before);)*
                if there.exported {
                    $(self.$xname.extend(lanes.$xname.get(..count).unwrap_or_default(), before);)*
                }
                if there.measured {
                    $(self.$mname.extend(lanes.$mname.get(..count).unwrap_or_default(), before);)*
                }
                if there.l7 {
                    self.confidence.extend(lanes.confidence.get(..count).unwrap_or_default(), before);
                    self.host.extend(lanes.host.get(..count).unwrap_or_default(), before);
                    for (column, lane) in self.details.iter_mut().zip(&lanes.details) {
                        column.extend(lane.get(..count).unwrap_or_default(), before);
                    }
                }
            }

            /// Octets of a record in the columns that are more than a count: all that is not compressed to next to
            /// nothing.
            fn width(&self) -> usize {
                let mut width = self.confidence.width() + self.host.width();
                width += self.details.iter().map(Column::width).sum::<usize>();
                $(width += self.$name.width();)*
                $(width += self.$xname.width();)*
                $(width += self.$mname.width();)*
                width
            }

            fn clear(&mut self) {
                $(self.$name.clear();)*
                $(self.$xname.clear();)*
                $(self.$mname.clear();)*
                self.confidence.clear();
                self.host.clear();
                self.details.iter_mut().for_each(Column::clear);
            }
        }
    };
}

// Optional numbers are one larger, and 0 for none; so are places of optional addresses.
columns! {
    always {
        link: u32,
        end: u64,
        duration: u64,
        src_ip: u32,
        dst_ip: u32,
        src_port: u16,
        dst_port: u16,
        protocol: u8,
        vlan: u32,
        vlan_inner: u32,
        src_mac: u32,
        dst_mac: u32,
        packets: u64,
        bytes: u64,
        packets_rev: u64,
        bytes_rev: u64,
        tcp_flags: u8,
        tcp_flags_rev: u8,
        icmp: u32,
        icmp_rev: u32,
        tos: u8,
        app: u16,
        direction: u8,
        end_reason: u8,
    }
    exported {
        exported: u8,
        domain: u32,
        sampling: u64,
        ingress_if: u64,
        egress_if: u64,
        observed: u8,
        src_as: u64,
        dst_as: u64,
        src_prefix: u16,
        dst_prefix: u16,
        next_hop: u32,
        bgp_next_hop: u32,
        ingress_vrf: u64,
        egress_vrf: u64,
        mpls_depth: u8,
        translated_src_ip: u32,
        translated_dst_ip: u32,
        translated_src_port: u32,
        translated_dst_port: u32,
        nat_event: u16,
        firewall_event: u16,
        forwarding_status: u16,
        application_engine: u16,
        application_selector: u64,
        ttl_min: u16,
        ttl_max: u16,
        flow_label: u64,
        vni: u64,
        srv6_segment: u32,
        enterprise_length: u16,
    }
    measured {
        measured: u8,
        connect_client: u64,
        connect_server: u64,
        responses: u32,
        response_rest: u64,
        response_max: u32,
        retransmitted: u32,
        out_of_order: u32,
        zero_windows: u32,
        resets: u32,
        rtp_packets: u32,
        rtp_lost: u32,
        rtp_jitter: u32,
        retransmitted_rev: u32,
        out_of_order_rev: u32,
        zero_windows_rev: u32,
        resets_rev: u32,
        rtp_packets_rev: u32,
        rtp_lost_rev: u32,
        rtp_jitter_rev: u32,
    }
}

/// What some record of a block has.
#[derive(Debug, Clone, Copy, Default)]
struct There {
    exported: bool,
    l7: bool,
    measured: bool,
}

/// IPv4 and IPv6 addresses, numbered apart until all are known.
#[derive(Debug)]
pub(super) struct Addresses {
    pub(super) fours: Dictionary<u32>,
    pub(super) sixes: Dictionary<u128>,
}

/// Marks the number of an IPv6 address.
pub(super) const SIX: u32 = 1 << 31;

impl Addresses {
    fn new(seed: Seed) -> Self {
        Self {
            fours: Dictionary::new(seed),
            sixes: Dictionary::new(seed),
        }
    }

    #[inline]
    fn number(&mut self, address: IpAddr) -> u32 {
        match address {
            IpAddr::V4(four) => self.fours.number(four.into()),
            IpAddr::V6(six) => self.sixes.number(six.into()) | SIX,
        }
    }

    /// One larger, and 0 for none.
    #[inline]
    fn optional(&mut self, address: Option<IpAddr>) -> u32 {
        // Fewer than 2³¹ addresses: the mark is never carried into.
        address.map_or(0, |address| self.number(address) + 1)
    }

    fn octets(&self) -> usize {
        self.fours.values().len() * 4 + self.sixes.values().len() * 16
    }

    fn clear(&mut self) {
        self.fours.clear();
        self.sixes.clear();
    }
}

/// What a block is made of.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) len: usize,
    there: There,
    /// [`Columns::width`].
    width: usize,
    pub(super) min_start: u64,
    pub(super) max_start: u64,
    pub(super) columns: Columns,
    pub(super) addresses: Addresses,
    pub(super) routers: Addresses,
    pub(super) macs: Dictionary<u64>,
    pub(super) labels: Vec<u32>,
    pub(super) enterprise: Vec<u8>,
    pub(super) hosts: TextNumbers,
    pub(super) details: TextNumbers,
}

impl Contents {
    fn side_octets(&self) -> usize {
        let addresses = self.addresses.octets() + self.routers.octets();
        let texts = self.hosts.octets() + self.details.octets();
        addresses + texts + self.macs.values().len() * 6 + self.labels.len() * 3 + self.enterprise.len()
    }

    /// Whether another turn of the short arrays could make the block longer than [`Block::BYTES_MAX`].
    fn is_large(&self) -> bool {
        let sides = self.side_octets() + SIDE_ROOM;
        // What was the same for all so far is compressed to nothing even if the next turn varies.
        let records = self.len * self.width + LANES * Block::RECORD_OCTETS_MAX;
        let longest = records + sides + TEXT_ROOM + Block::DIRECTORY_MAX;
        let sides = if self.there.l7 { sides + TEXT_ROOM } else { sides };
        sides > Block::SIDE_OCTETS_MAX || longest > Block::BYTES_MAX
    }

    fn clear(&mut self) {
        self.len = 0;
        self.there = There::default();
        self.width = 0;
        (self.min_start, self.max_start) = (u64::MAX, 0);
        self.columns.clear();
        self.addresses.clear();
        self.routers.clear();
        self.macs.clear();
        self.labels.clear();
        self.enterprise.clear();
        self.hosts.clear();
        self.details.clear();
    }
}

/// Makes blocks of records, one after the other, and keeps its room from one to the next.
pub struct BlockBuilder {
    lanes: Box<Lanes>,
    /// Records in `lanes`; fewer than [`LANES`].
    filled: usize,
    contents: Contents,
    packer: Packer,
}

impl std::fmt::Debug for BlockBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockBuilder")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Default for BlockBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl BlockBuilder {
    /// A builder of an empty block.
    #[must_use]
    pub fn new() -> Self {
        let seed = Seed::random();
        Self {
            lanes: Lanes::new(),
            filled: 0,
            contents: Contents {
                len: 0,
                there: There::default(),
                width: 0,
                min_start: u64::MAX,
                max_start: 0,
                columns: Columns::default(),
                addresses: Addresses::new(seed),
                routers: Addresses::new(seed),
                macs: Dictionary::new(seed),
                labels: Vec::new(),
                enterprise: Vec::new(),
                hosts: TextNumbers::new(seed),
                details: TextNumbers::new(seed),
            },
            packer: Packer::new(seed),
        }
    }

    /// Records that were pushed since the last block.
    #[must_use]
    pub fn len(&self) -> usize {
        self.contents.len + self.filled
    }

    /// Whether no record was pushed since the last block.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the block must be finished before another record is pushed: it has [`Block::RECORDS_MAX`], or what its
    /// records have beyond numbers (addresses, labels, enterprise fields) takes the room that [`Block::BYTES_MAX`] leaves.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= Block::RECORDS_MAX || (self.filled == 0 && self.contents.is_large())
    }

    /// Adds a record.
    ///
    /// # Errors
    /// [`BlockError::Full`] where [`BlockBuilder::is_full`]; the record is not in the block then.
    #[inline]
    pub fn push(&mut self, record: &FlowRecord) -> Result<(), BlockError> {
        if self.filled == 0 && self.is_full() {
            return Err(BlockError::Full(self.len()));
        }
        self.put(record);
        self.filled += 1;
        if self.filled == LANES {
            self.flush();
        }
        Ok(())
    }

    #[inline]
    #[allow(clippy::indexing_slicing, reason = "the place is below the length of every array")]
    fn put(&mut self, record: &FlowRecord) {
        let at = self.filled % LANES;
        let (lanes, contents) = (&mut *self.lanes, &mut self.contents);
        lanes.start[at] = record.start.as_nanos();
        lanes.link[at] = record.link.0;
        lanes.end[at] = record.end.as_nanos();
        lanes.duration[at] = record.end.as_nanos().wrapping_sub(record.start.as_nanos());
        lanes.src_ip[at] = contents.addresses.number(record.src_ip);
        lanes.dst_ip[at] = contents.addresses.number(record.dst_ip);
        lanes.src_port[at] = record.src_port;
        lanes.dst_port[at] = record.dst_port;
        lanes.protocol[at] = record.protocol;
        lanes.vlan[at] = optional16(record.vlan);
        lanes.vlan_inner[at] = optional16(record.vlan_inner);
        let mut mac = |mac: Option<MacAddr>| mac.map_or(0, |mac| contents.macs.number(number_of(mac)) + 1);
        lanes.src_mac[at] = mac(record.src_mac);
        lanes.dst_mac[at] = mac(record.dst_mac);
        lanes.packets[at] = record.packets;
        lanes.bytes[at] = record.bytes;
        lanes.packets_rev[at] = record.packets_rev;
        lanes.bytes_rev[at] = record.bytes_rev;
        lanes.tcp_flags[at] = record.tcp_flags;
        lanes.tcp_flags_rev[at] = record.tcp_flags_rev;
        let icmp = |message: Option<IcmpType>| optional16(message.map(|m| u16::from_be_bytes([m.kind, m.code])));
        lanes.icmp[at] = icmp(record.icmp);
        lanes.icmp_rev[at] = icmp(record.icmp_rev);
        lanes.tos[at] = record.tos;
        lanes.app[at] = record.app.number();
        lanes.direction[at] = record.direction as u8;
        lanes.end_reason[at] = record.end_reason as u8;
        if let Some(export) = &record.export {
            self.put_export(export);
        } else if contents.there.exported {
            // The arrays still hold what earlier records said.
            lanes.clear_exported(at);
        }
        if let Some(l7) = &record.l7 {
            self.put_l7(l7);
        }
        if let Some(quality) = &record.quality {
            self.put_quality(quality);
        }
    }

    #[allow(clippy::indexing_slicing, reason = "the place is below the length of every array")]
    fn put_l7(&mut self, l7: &L7) {
        let at = self.filled % LANES;
        let (lanes, contents) = (&mut *self.lanes, &mut self.contents);
        contents.there.l7 = true;
        lanes.confidence[at] = l7.confidence as u8 + 1;
        lanes.host[at] = l7.host.as_deref().map_or(0, |host| contents.hosts.number(host) + 1);
        for (key, text) in l7.details.iter() {
            if let Some(lane) = lanes.details.get_mut(key as usize - 1) {
                lane[at] = contents.details.number(text) + 1;
            }
        }
    }

    #[allow(clippy::indexing_slicing, reason = "the place is below the length of every array")]
    fn put_quality(&mut self, quality: &Quality) {
        let at = self.filled % LANES;
        let lanes = &mut *self.lanes;
        self.contents.there.measured = true;
        lanes.measured[at] = 1;
        lanes.connect_client[at] = optional32(quality.connect_client_us);
        lanes.connect_server[at] = optional32(quality.connect_server_us);
        lanes.responses[at] = quality.response.count;
        lanes.response_rest[at] = (quality.response.total_us).wrapping_sub(quality.response.max_us.into());
        lanes.response_max[at] = quality.response.max_us;
        let side = &quality.forward;
        lanes.retransmitted[at] = side.retransmitted;
        lanes.out_of_order[at] = side.out_of_order;
        lanes.zero_windows[at] = side.zero_windows;
        lanes.resets[at] = side.resets;
        lanes.rtp_packets[at] = side.rtp_packets;
        lanes.rtp_lost[at] = side.rtp_lost;
        lanes.rtp_jitter[at] = side.rtp_jitter_us;
        let side = &quality.reverse;
        lanes.retransmitted_rev[at] = side.retransmitted;
        lanes.out_of_order_rev[at] = side.out_of_order;
        lanes.zero_windows_rev[at] = side.zero_windows;
        lanes.resets_rev[at] = side.resets;
        lanes.rtp_packets_rev[at] = side.rtp_packets;
        lanes.rtp_lost_rev[at] = side.rtp_lost;
        lanes.rtp_jitter_rev[at] = side.rtp_jitter_us;
    }

    #[inline]
    #[allow(clippy::indexing_slicing, reason = "the place is below the length of every array")]
    fn put_export(&mut self, export: &Exported) {
        let at = self.filled % LANES;
        let (lanes, contents) = (&mut *self.lanes, &mut self.contents);
        if !contents.there.exported {
            contents.there.exported = true;
            (0..at).for_each(|at| lanes.clear_exported(at));
        }
        lanes.exported[at] = 1;
        lanes.domain[at] = export.domain;
        lanes.sampling[at] = optional32(export.sampling.map(std::num::NonZero::get));
        lanes.ingress_if[at] = optional32(export.ingress_if);
        lanes.egress_if[at] = optional32(export.egress_if);
        lanes.observed[at] = export.observed as u8;
        lanes.src_as[at] = optional32(export.src_as);
        lanes.dst_as[at] = optional32(export.dst_as);
        lanes.src_prefix[at] = optional8(export.src_prefix);
        lanes.dst_prefix[at] = optional8(export.dst_prefix);
        lanes.next_hop[at] = contents.routers.optional(export.next_hop);
        lanes.bgp_next_hop[at] = contents.routers.optional(export.bgp_next_hop);
        lanes.ingress_vrf[at] = optional32(export.ingress_vrf);
        lanes.egress_vrf[at] = optional32(export.egress_vrf);
        let labels = export.mpls.as_slice();
        // At most MplsLabels::MAX.
        lanes.mpls_depth[at] = u8::try_from(labels.len()).unwrap_or(0);
        contents.labels.extend_from_slice(labels);
        lanes.translated_src_ip[at] = contents.addresses.optional(export.translated.src_ip);
        lanes.translated_dst_ip[at] = contents.addresses.optional(export.translated.dst_ip);
        lanes.translated_src_port[at] = optional16(export.translated.src_port);
        lanes.translated_dst_port[at] = optional16(export.translated.dst_port);
        lanes.nat_event[at] = optional8(export.nat_event);
        lanes.firewall_event[at] = optional8(export.firewall_event);
        lanes.forwarding_status[at] = optional8(export.forwarding_status);
        let [engine, a, b, c, d, e, f, g] = export.application.unwrap_or(0).to_be_bytes();
        lanes.application_engine[at] = optional8(export.application.map(|_| engine));
        lanes.application_selector[at] = u64::from_be_bytes([0, a, b, c, d, e, f, g]);
        lanes.ttl_min[at] = optional8(export.ttl.map(|ttl| ttl.0));
        lanes.ttl_max[at] = optional8(export.ttl.map(|ttl| ttl.1));
        lanes.flow_label[at] = optional32(export.flow_label);
        lanes.vni[at] = optional32(export.vni);
        lanes.srv6_segment[at] = contents.routers.optional(export.srv6_segment);
        let enterprise = export.enterprise.as_bytes();
        // More came from a deserializer, and is not what the format keeps.
        let kept = if enterprise.len() > EnterpriseFields::BYTES_MAX {
            &[]
        } else {
            enterprise
        };
        lanes.enterprise_length[at] = u16::try_from(kept.len()).unwrap_or(0);
        contents.enterprise.extend_from_slice(kept);
    }

    /// Moves the short arrays to the columns.
    fn flush(&mut self) {
        let count = std::mem::take(&mut self.filled);
        let contents = &mut self.contents;
        let starts = self.lanes.start.get(..count).unwrap_or_default();
        contents.min_start = starts.iter().fold(contents.min_start, |min, v| min.min(*v));
        contents.max_start = starts.iter().fold(contents.max_start, |max, v| max.max(*v));
        contents
            .columns
            .extend(&self.lanes, count, contents.len, contents.there);
        contents.len += count;
        contents.width = contents.columns.width();
        self.clear_lanes();
    }

    /// The arrays of layer 7 and of quality say nothing again.
    fn clear_lanes(&mut self) {
        if self.contents.there.l7 {
            self.lanes.clear_l7();
        }
        if self.contents.there.measured {
            self.lanes.clear_measured();
        }
    }

    /// Forgets the records that were pushed since the last block.
    pub fn clear(&mut self) {
        self.filled = 0;
        self.clear_lanes();
        self.contents.clear();
    }

    /// The block of the records that were pushed, in their order; the builder is empty then, whatever the answer.
    ///
    /// # Errors
    /// When no record was pushed, or the compressor fails.
    pub fn finish(&mut self) -> Result<Block, BlockError> {
        if self.filled > 0 {
            self.flush();
        }
        let block = self.packer.pack(&self.contents);
        self.contents.clear();
        block
    }
}

/// What the records of one turn of the short arrays may add to the sides: addresses of 16 octets each, labels,
/// enterprise fields.
const SIDE_ROOM: usize = LANES * (7 * 16 + 2 * 6 + 3 * crate::MplsLabels::MAX + EnterpriseFields::BYTES_MAX);

/// What the texts of their layer 7 may add.
const TEXT_ROOM: usize = LANES * (1 + DETAILS) * TextNumbers::octets_of_one();

const fn number_of(mac: MacAddr) -> u64 {
    let [a, b, c, d, e, f] = mac.0;
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

#[inline]
fn optional8(value: Option<u8>) -> u16 {
    value.map_or(0, |v| u16::from(v) + 1)
}

#[inline]
fn optional16(value: Option<u16>) -> u32 {
    value.map_or(0, |v| u32::from(v) + 1)
}

#[inline]
fn optional32(value: Option<u32>) -> u64 {
    value.map_or(0, |v| u64::from(v) + 1)
}
