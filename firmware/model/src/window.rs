//! Windows: closed intervals of aggregated counters.

mod former;

use std::fmt;
use std::net::IpAddr;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::{App, Direction, Timestamp};

pub use former::{FormerCounters, FormerLosses, FormerSizes};

/// The number of a link: for a capture port its place in PCI order, the first being 1; for an exporter its number in the
/// settings above [`LinkId::EXPORTERS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LinkId(pub u32);

impl LinkId {
    /// Numbers above this are exporters.
    pub const EXPORTERS: u32 = 0xffff;

    /// The collector's own link: records of the packets that it tests itself with, and nothing else.
    pub const SELF_TEST: Self = Self(0xfffe);

    /// The link of an exporter by its number in the settings, from 1.
    #[must_use]
    pub const fn of_exporter(number: u32) -> Self {
        Self(Self::EXPORTERS.saturating_add(number))
    }

    /// Whether it is a capture port: neither an exporter nor the sum of all exporters.
    #[must_use]
    pub const fn is_port(self) -> bool {
        self.0 < Self::EXPORTERS
    }

    /// The exporter's number in the settings; `None` for a capture port.
    #[must_use]
    pub const fn exporter(self) -> Option<u32> {
        match self.0.checked_sub(Self::EXPORTERS) {
            None | Some(0) => None,
            number => number,
        }
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Packets and octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Packets or frames.
    pub packets: u64,
    /// Octets; of which layer, the owner says.
    pub bytes: u64,
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// A total with the parts that go in and out. Traffic that is internal, external or of unknown
/// direction counts in the total alone, so `inbound + outbound` may be less than `total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Split {
    /// All of it.
    pub total: Counters,
    /// What goes in.
    pub inbound: Counters,
    /// What goes out.
    pub outbound: Counters,
}

impl Split {
    /// Adds counters that go in one direction.
    pub fn add(&mut self, direction: Direction, counters: Counters) {
        self.total += counters;
        match direction {
            Direction::In => self.inbound += counters,
            Direction::Out => self.outbound += counters,
            Direction::Internal | Direction::External | Direction::Unknown => {}
        }
    }
}

impl AddAssign for Split {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.inbound += other.inbound;
        self.outbound += other.outbound;
    }
}

/// Why a frame could not be dissected to its transport header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MalformedKind {
    /// The frame ends within the link-layer header.
    LinkHeader,
    /// The frame ends within the IP header, or the header's length is impossible.
    IpHeader,
    /// The IP version is neither 4 nor 6.
    IpVersion,
    /// The IP total length is smaller than the header, or larger than the frame on the wire.
    IpLength,
    /// An IPv6 extension header is cut off, or their chain has no end.
    ExtensionHeader,
    /// The packet ends within the TCP, UDP or ICMP header, or that header's length is impossible.
    TransportHeader,
    /// The ARP message is cut off or of impossible lengths.
    Arp,
    /// A VLAN, MPLS or tunnel header is cut off, or they nest too deep.
    Encapsulation,
}

impl MalformedKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [MalformedKind; 8] = [
        Self::LinkHeader,
        Self::IpHeader,
        Self::IpVersion,
        Self::IpLength,
        Self::ExtensionHeader,
        Self::TransportHeader,
        Self::Arp,
        Self::Encapsulation,
    ];

    /// The place in arrays indexed by kind.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name, as JSON and the command line write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LinkHeader => "link_header",
            Self::IpHeader => "ip_header",
            Self::IpVersion => "ip_version",
            Self::IpLength => "ip_length",
            Self::ExtensionHeader => "extension_header",
            Self::TransportHeader => "transport_header",
            Self::Arp => "arp",
            Self::Encapsulation => "encapsulation",
        }
    }
}

/// What was lost, by where; each is a count of packets in the window, or of records where it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct DropCounters {
    /// Frames that the kernel dropped because the ring was full (PACKET_STATISTICS `tp_drops`).
    pub ring: u64,
    /// Frames that the NIC or its driver dropped (`rx_dropped`, `rx_missed_errors`).
    pub nic: u64,
    /// Frames with errors that the NIC saw (`rx_errors`).
    pub nic_errors: u64,
    /// Flows that were closed early because the flow cache was full.
    pub flow_cache_evictions: u64,
    /// Records lost because the queue towards the analyzer and its spool were full.
    pub records: u64,
    /// Exported records or datagrams that never came, by the exporter's sequence numbers.
    #[serde(default)]
    pub export: u64,
    /// Datagrams that the kernel dropped because the receive buffer was full (SO_RXQ_OVFL).
    #[serde(default)]
    pub socket: u64,
    /// Records lost because the queue between a port's packet threads and its encoder was full.
    #[serde(default)]
    pub queue: u64,
    /// Application log lines that were not kept: more than the settings allow a second, or no room on their way.
    #[serde(default)]
    pub logs: u64,
}

impl AddAssign for DropCounters {
    fn add_assign(&mut self, other: Self) {
        self.ring = self.ring.saturating_add(other.ring);
        self.nic = self.nic.saturating_add(other.nic);
        self.nic_errors = self.nic_errors.saturating_add(other.nic_errors);
        self.flow_cache_evictions = self.flow_cache_evictions.saturating_add(other.flow_cache_evictions);
        self.records = self.records.saturating_add(other.records);
        self.export = self.export.saturating_add(other.export);
        self.socket = self.socket.saturating_add(other.socket);
        self.queue = self.queue.saturating_add(other.queue);
        self.logs = self.logs.saturating_add(other.logs);
    }
}

/// Classes of frames by their length on the wire in octets, FCS included (RFC 2819, etherStatsPkts…Octets).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SizeClass {
    /// 64, and the shorter ones that virtual links carry.
    #[serde(rename = "64")]
    To64,
    /// 65–127.
    #[serde(rename = "65-127")]
    To127,
    /// 128–255.
    #[serde(rename = "128-255")]
    To255,
    /// 256–511.
    #[serde(rename = "256-511")]
    To511,
    /// 512–1023.
    #[serde(rename = "512-1023")]
    To1023,
    /// 1024–1518.
    #[serde(rename = "1024-1518")]
    To1518,
    /// Longer: tagged full-sized and jumbo frames.
    #[serde(rename = ">1518")]
    Larger,
}

impl SizeClass {
    /// Every class, in the order of their places.
    pub const ALL: [Self; 7] = [
        Self::To64,
        Self::To127,
        Self::To255,
        Self::To511,
        Self::To1023,
        Self::To1518,
        Self::Larger,
    ];

    /// The class of a frame of so many octets without its FCS of 4.
    #[must_use]
    pub const fn of(octets: u64) -> Self {
        match octets.saturating_add(4) {
            ..=64 => Self::To64,
            65..=127 => Self::To127,
            128..=255 => Self::To255,
            256..=511 => Self::To511,
            512..=1023 => Self::To1023,
            1024..=1518 => Self::To1518,
            _ => Self::Larger,
        }
    }

    /// The place in arrays indexed by class.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The bounds as people write them.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::To64 => "64",
            Self::To127 => "65-127",
            Self::To255 => "128-255",
            Self::To511 => "256-511",
            Self::To1023 => "512-1023",
            Self::To1518 => "1024-1518",
            Self::Larger => ">1518",
        }
    }
}

/// What a port's NIC counted of frames that it could not hand over whole; `None` where it has no such counter, or
/// where nobody read it. Some of it also counts in [`DropCounters::nic`] or [`DropCounters::nic_errors`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct NicErrors {
    /// Frames with a wrong FCS.
    pub crc: Option<u64>,
    /// Frames that do not end at an octet, and other framing errors.
    pub alignment: Option<u64>,
    /// Frames that are too short or too long.
    pub length: Option<u64>,
    /// Frames that found no room in the NIC's own memory.
    pub missed: Option<u64>,
    /// Frames that found no buffer of the driver.
    pub no_buffer: Option<u64>,
}

impl AddAssign for NicErrors {
    fn add_assign(&mut self, other: Self) {
        add_known(&mut self.crc, other.crc);
        add_known(&mut self.alignment, other.alignment);
        add_known(&mut self.length, other.length);
        add_known(&mut self.missed, other.missed);
        add_known(&mut self.no_buffer, other.no_buffer);
    }
}

/// What is missing adds nothing, and stays missing.
fn add_known(mine: &mut Option<u64>, theirs: Option<u64>) {
    if let Some(theirs) = theirs {
        *mine = Some(mine.unwrap_or(0).saturating_add(theirs));
    }
}

/// The same of counts that are known together.
fn add_each<const N: usize>(mine: &mut Option<[u64; N]>, theirs: Option<[u64; N]>) {
    if let Some(theirs) = theirs {
        for (mine, theirs) in mine.get_or_insert([0; N]).iter_mut().zip(theirs) {
            *mine = mine.saturating_add(theirs);
        }
    }
}

/// What a link carried in a window. Octets are those of the frames, without FCS. What only somebody who sees the frames
/// themselves can count is `None` where nobody did, as of exporters' links; in sums, that adds nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LinkCounters {
    /// All frames, with the parts in and out of home (or by the port's direction).
    pub frames: Split,
    /// Broadcast frames.
    pub broadcast: Option<u64>,
    /// Multicast frames, broadcast not counted.
    pub multicast: Option<u64>,
    /// Frames that are not IP.
    pub non_ip: Option<u64>,
    /// Malformed frames, indexed by [`MalformedKind::index`].
    pub malformed: Option<[u64; MalformedKind::ALL.len()]>,
    /// What was lost.
    pub drops: DropCounters,
    /// Frames by size, indexed by [`SizeClass::index`].
    #[serde(default)]
    pub sizes: Option<[u64; SizeClass::ALL.len()]>,
    /// What the NIC counted besides.
    #[serde(default)]
    pub nic: NicErrors,
}

impl AddAssign<&LinkCounters> for LinkCounters {
    fn add_assign(&mut self, other: &LinkCounters) {
        self.frames += other.frames;
        add_known(&mut self.broadcast, other.broadcast);
        add_known(&mut self.multicast, other.multicast);
        add_known(&mut self.non_ip, other.non_ip);
        add_each(&mut self.malformed, other.malformed);
        self.drops += other.drops;
        add_each(&mut self.sizes, other.sizes);
        self.nic += other.nic;
    }
}

impl LinkCounters {
    /// Frames that are neither broadcast nor multicast; `None` where nobody saw which are.
    #[must_use]
    pub fn unicast(&self) -> Option<u64> {
        let others = self.broadcast?.saturating_add(self.multicast?);
        Some(self.frames.total.packets.saturating_sub(others))
    }

    /// Malformed frames of a kind; `None` where nobody saw the frames.
    #[must_use]
    pub fn malformed_of(&self, kind: MalformedKind) -> Option<u64> {
        self.malformed.as_ref()?.get(kind.index()).copied()
    }

    /// Malformed frames of all kinds; `None` where nobody saw the frames.
    #[must_use]
    pub fn malformed_all(&self) -> Option<u64> {
        let kinds = self.malformed.as_ref()?;
        Some(kinds.iter().fold(0, |sum, kind| sum.saturating_add(*kind)))
    }

    /// Frames of a size; `None` where nobody saw the frames.
    #[must_use]
    pub fn frames_of(&self, class: SizeClass) -> Option<u64> {
        self.sizes.as_ref()?.get(class.index()).copied()
    }
}

/// What a top-N table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// One address; `outbound` is what it sent, `inbound` what it received.
    Host,
    /// An IP protocol, or the EtherType of what is not IP; in and out of home.
    Protocol,
    /// An application; in and out of home.
    App,
    /// A pair of addresses, the smaller first; `outbound` goes from the first to the second.
    Conversation,
}

/// A row's key in a top-N table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TopKey {
    /// An address.
    Host(IpAddr),
    /// An IP protocol number.
    Protocol(u8),
    /// The EtherType of frames that are not IP (0x0806 is ARP).
    EtherType(u16),
    /// An application.
    App(App),
    /// Two addresses, the smaller first.
    Conversation(Conversation),
}

/// Two addresses that talk to each other, the smaller first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Conversation {
    low: IpAddr,
    high: IpAddr,
}

impl Conversation {
    /// The conversation of two addresses, and whether `a` is the first of the pair.
    #[must_use]
    pub fn of(a: IpAddr, b: IpAddr) -> (Self, bool) {
        if a <= b {
            (Self { low: a, high: b }, true)
        } else {
            (Self { low: b, high: a }, false)
        }
    }

    /// The smaller address.
    #[must_use]
    pub const fn low(&self) -> IpAddr {
        self.low
    }

    /// The larger address.
    #[must_use]
    pub const fn high(&self) -> IpAddr {
        self.high
    }
}

/// The heaviest rows of one dimension, the heaviest by total octets first, and the sum of the rest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TopTable {
    /// The rows that were kept.
    pub rows: Vec<(TopKey, Split)>,
    /// The sum of what was not kept; all zero when the table is complete.
    pub others: Split,
}

/// A closed interval of one link. In 1 s windows the rows of the tables are exact for what they
/// keep; in merged windows a row may miss what it had in windows where it was not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The link.
    pub link: LinkId,
    /// The start; a multiple of the length.
    pub start: Timestamp,
    /// The length in seconds: 1, 60, 3,600 or 86,400. Of exporters come windows of 60 s; several of the same minute add
    /// up, since records of one minute come in several.
    pub seconds: u32,
    /// The link's counters.
    pub counters: LinkCounters,
    /// Addresses.
    pub hosts: TopTable,
    /// Protocols.
    pub protocols: TopTable,
    /// Applications.
    pub apps: TopTable,
    /// Pairs of addresses.
    pub conversations: TopTable,
}

/// What one flow carried since it was last asked: the input of the windows. Octets are IP-layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowDelta {
    /// Source address, forward.
    pub src_ip: IpAddr,
    /// Destination address, forward.
    pub dst_ip: IpAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// The application.
    pub app: App,
    /// Direction forward; the reverse goes the other way.
    pub direction: Direction,
    /// Forward.
    pub forward: Counters,
    /// Reverse.
    pub reverse: Counters,
}

impl Direction {
    /// The direction of what comes back.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::In => Self::Out,
            Self::Out => Self::In,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_the_same_from_both_ends() {
        let (a, b) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        assert_eq!(Conversation::of(a, b).0, Conversation::of(b, a).0);
        assert!(Conversation::of(a, b).1 && !Conversation::of(b, a).1);
    }

    #[test]
    fn kinds_have_their_own_places() {
        for (place, kind) in MalformedKind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), place);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn size_classes_include_the_fcs() {
        for (place, class) in SizeClass::ALL.into_iter().enumerate() {
            assert_eq!(class.index(), place);
            assert_eq!(serde_json::to_value(class).unwrap(), class.name());
        }
        for (octets, class) in [
            (0, "64"),
            (60, "64"),
            (61, "65-127"),
            (123, "65-127"),
            (124, "128-255"),
            (251, "128-255"),
        ] {
            assert_eq!(SizeClass::of(octets).name(), class, "{octets}");
        }
        for (octets, class) in [
            (507, "256-511"),
            (1_019, "512-1023"),
            (1_514, "1024-1518"),
            (1_515, ">1518"),
            (u64::MAX, ">1518"),
        ] {
            assert_eq!(SizeClass::of(octets).name(), class, "{octets}");
        }
    }

    #[test]
    fn a_counter_that_is_missing_adds_nothing_and_stays_missing() {
        let mut sum = NicErrors {
            crc: Some(2),
            ..NicErrors::default()
        };
        sum += NicErrors {
            crc: Some(3),
            missed: Some(0),
            ..NicErrors::default()
        };
        sum += NicErrors::default();
        assert_eq!((sum.crc, sum.missed, sum.length), (Some(5), Some(0), None));
        let seen = LinkCounters {
            broadcast: Some(1),
            sizes: Some([0, 1, 0, 0, 0, 0, 0]),
            ..LinkCounters::default()
        };
        let mut sum = LinkCounters::default();
        for counters in [&seen, &LinkCounters::default(), &seen] {
            sum += counters;
        }
        assert_eq!((sum.broadcast, sum.multicast, sum.unicast()), (Some(2), None, None));
        assert_eq!((sum.sizes, sum.malformed_all()), (Some([0, 2, 0, 0, 0, 0, 0]), None));
    }

    #[test]
    fn what_is_neither_in_nor_out_counts_in_the_total() {
        let mut split = Split::default();
        let one = Counters { packets: 1, bytes: 100 };
        for direction in [Direction::In, Direction::Out, Direction::Internal, Direction::External] {
            split.add(direction, one);
        }
        assert_eq!(split.total, Counters { packets: 4, bytes: 400 });
        assert_eq!((split.inbound, split.outbound), (one, one));
    }
}
