//! What can be asked of stored flow records, and what is answered.
//!
//! **Time.** A record counts where it *ends*: in the span with `from ≤ end < to`. So every record is in exactly one of
//! two spans that meet, sums of both add up, and rollups equal what they were made of. Points of a series shorter than
//! an hour are the exception: there a record's packets and octets are spread evenly over its duration.
//!
//! **Octets** are the IP layer's, both directions of a record together unless said otherwise, multiplied by the
//! sampling rate where an exporter sampled.

mod quality;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use quality::{DelaySums, QualitySums, SideSums};

use crate::{App, Conversation, Direction, EndReason, FlowRecord, InterfaceId, LinkId, MacAddr, Prefix, Timestamp};

/// Which links are asked about. Ports and exporters are not added together: they may have seen the same packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All capture ports.
    #[default]
    Ports,
    /// All exporters.
    Exporters,
    /// One link.
    Link(LinkId),
}

impl Scope {
    /// Whether a link belongs to it.
    #[must_use]
    pub fn holds(self, link: LinkId) -> bool {
        match self {
            Self::Ports => link.exporter().is_none(),
            Self::Exporters => link.exporter().is_some(),
            Self::Link(one) => one == link,
        }
    }
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// The start, included.
    pub from: Timestamp,
    /// The end, excluded; `None` is now.
    #[serde(default)]
    pub to: Option<Timestamp>,
    /// Of these links alone; `None`: of all.
    #[serde(default)]
    pub scope: Option<Scope>,
    /// Which records, in the filter language; empty: all.
    #[serde(default)]
    pub filter: String,
    /// What of them.
    pub ask: Ask,
    /// After so long the answer is what was found until then, and says so; 1–600,000 ms.
    #[serde(default = "ten_seconds")]
    pub timeout_ms: u32,
}

const fn ten_seconds() -> u32 {
    10_000
}

/// What is asked of the records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// The records themselves.
    Records {
        /// In which order.
        #[serde(default)]
        order: Order,
        /// The smallest first.
        #[serde(default)]
        ascending: bool,
        /// Records before the page; `offset + limit` is at most 100,000.
        #[serde(default)]
        offset: u32,
        /// At most so many, 1–10,000.
        limit: u32,
    },
    /// The groups of records that weigh most.
    Top {
        /// What makes a group: 1–8 keys.
        by: Vec<Key>,
        /// What weighs.
        #[serde(default)]
        measure: Measure,
        /// Groups, 1–10,000.
        limit: u32,
        /// The smallest first.
        #[serde(default)]
        ascending: bool,
        /// Also what the same groups had in the span of equal length before.
        #[serde(default)]
        compare: bool,
        /// Also the quality of each group; reads records, since rollups do not have it.
        #[serde(default)]
        quality: bool,
    },
    /// Sums over time.
    Series {
        /// Seconds a point; `None`: as fine as gives at most 720 points. Points begin at multiples of it, in the zone of
        /// `zone_s`. A series has at most 10,000 points.
        #[serde(default)]
        step_s: Option<u32>,
        /// Seconds east of UTC, at most 14 h: where a day begins.
        #[serde(default)]
        zone_s: i32,
        /// A series for each of the heaviest groups, and one for the rest; empty: one series of all.
        #[serde(default)]
        by: Vec<Key>,
        /// What weighs.
        #[serde(default)]
        measure: Measure,
        /// Groups, 1–100; without effect where `by` is empty.
        #[serde(default = "ten")]
        limit: u32,
        /// Also the same span before.
        #[serde(default)]
        compare: bool,
        /// Also the quality point by point, each record where it ends; reads records, since rollups do not have it.
        #[serde(default)]
        quality: bool,
    },
    /// The sum of all of them, and how many different values some keys have.
    Totals {
        /// Counted apart, each: at most 8.
        #[serde(default)]
        distinct: Vec<Key>,
        /// Also the span of equal length before.
        #[serde(default)]
        compare: bool,
        /// Also the quality of the records; reads records, since rollups do not have it.
        #[serde(default)]
        quality: bool,
    },
}

const fn ten() -> u32 {
    10
}

/// The order of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the fields' own names")]
pub enum Order {
    /// By time of the last packet.
    #[default]
    End,
    Start,
    Duration,
    /// Both directions.
    Bytes,
    /// Both directions.
    Packets,
}

/// What weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Octets, both directions.
    #[default]
    Bytes,
    /// Packets, both directions.
    Packets,
    /// Records.
    Flows,
    /// Octets forward.
    BytesForward,
    /// Octets in reverse.
    BytesReverse,
    /// Bit/s over the whole span: the order is that of octets.
    Rate,
    /// The 95th percentile of bit/s in intervals of 5 min (60 s in spans below 6 h), intervals without traffic counted
    /// as 0: nearest rank.
    P95,
    /// Mean delay from request to answer, in microseconds; groups where none was measured come last in either order.
    Response,
    /// Mean delay of handshakes on the server's side, likewise.
    Connect,
    /// TCP segments that were sent again, by both sides; 0 where nothing was measured.
    Retransmissions,
}

impl Measure {
    /// Whether it is of quality: answers have that then, whether it was asked for or not.
    #[must_use]
    pub const fn is_quality(self) -> bool {
        matches!(self, Self::Response | Self::Connect | Self::Retransmissions)
    }
}

/// What records are grouped by. A record may have several values of a key, such as both hosts or two overlapping
/// groups: it then counts in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    /// Source address.
    SrcIp,
    /// Destination address.
    DstIp,
    /// Either address.
    Host,
    /// Both addresses, the smaller first.
    Conversation,
    /// Source network: /24, or /64 of IPv6.
    SrcNet,
    /// Destination network.
    DstNet,
    /// Source port.
    SrcPort,
    /// Destination port.
    DstPort,
    /// IP protocol.
    Protocol,
    /// Application, by the definitions of today where the record's is unknown.
    App,
    /// Business; a record without any has [`KeyValue::None`].
    Business,
    /// IP group of either end; a record without any has [`KeyValue::None`].
    IpGroup,
    /// IP group of the source.
    SrcGroup,
    /// IP group of the destination.
    DstGroup,
    /// Link: capture port or exporter.
    Link,
    /// Link group.
    LinkGroup,
    /// Interface of an exporter that the flow came in by.
    InIf,
    /// Interface that it left by.
    OutIf,
    /// Either interface.
    Interface,
    /// Interface group of either interface.
    InterfaceGroup,
    /// Direction of the first packet.
    Direction,
    /// TCP flags of both directions, or-ed.
    TcpFlags,
    /// Outer VLAN.
    Vlan,
    /// Source hardware address.
    SrcMac,
    /// Destination hardware address.
    DstMac,
    /// Source AS.
    SrcAs,
    /// Destination AS.
    DstAs,
    /// DSCP: the upper six bits of the traffic class.
    Dscp,
    /// Country of the source.
    SrcCountry,
    /// Country of the destination.
    DstCountry,
    /// Class of the mean packet size, octets of both directions ÷ packets: 0 up to 64, 1 up to 128, 2 up to 256, 3 up
    /// to 512, 4 up to 1,024, 5 up to 1,518, 6 above.
    PacketSize,
    /// 4 or 6.
    IpVersion,
    /// Why the record was closed.
    EndReason,
    /// The server's name, as the first packets or DNS said it: [`L7::host`](crate::L7::host).
    Domain,
}

/// A value of a [`Key`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyValue {
    /// The record has none.
    None,
    /// An address.
    Address(IpAddr),
    /// Two addresses.
    Conversation(Conversation),
    /// A network.
    Network(Prefix),
    /// A port, protocol, VLAN, AS, DSCP, set of flags, class of size or IP version.
    Number(u64),
    /// An application.
    App(App),
    /// An object's number: business or group.
    Object(u32),
    /// A link.
    Link(LinkId),
    /// An interface.
    Interface(InterfaceId),
    /// A hardware address.
    Mac(MacAddr),
    /// A direction.
    Direction(Direction),
    /// A country: ISO 3166-1 alpha-2.
    Country([u8; 2]),
    /// An end reason.
    EndReason(EndReason),
    /// A name.
    Text(Box<str>),
}

/// Sums over records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Sums {
    /// Records.
    pub flows: u64,
    /// Packets forward.
    pub packets: u64,
    /// Octets forward.
    pub bytes: u64,
    /// Packets in reverse.
    pub packets_rev: u64,
    /// Octets in reverse.
    pub bytes_rev: u64,
}

impl std::ops::AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.flows = self.flows.saturating_add(other.flows);
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.packets_rev = self.packets_rev.saturating_add(other.packets_rev);
        self.bytes_rev = self.bytes_rev.saturating_add(other.bytes_rev);
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The start that was asked about.
    pub from: Timestamp,
    /// The end, made out where it was left open.
    pub to: Timestamp,
    /// The filter as it was understood, printed anew.
    pub filter: String,
    /// What was found.
    pub found: Found,
    /// What was read for it.
    pub read: Read,
    /// Whether everything was read that belongs to it: else time or a damaged file cut it short, and sums are at least
    /// what is said.
    pub complete: bool,
    /// Whether the numbers are exact, for what was read: else memory or a rollup left something out.
    pub exact: bool,
    /// Why it is incomplete or inexact, in English.
    pub notes: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// To [`Ask::Records`].
    Records {
        /// The page.
        records: Vec<FlowRecord>,
        /// Records of today's definitions where theirs is unknown: the application of each.
        apps: Vec<App>,
        /// Whether there are more.
        more: bool,
    },
    /// To [`Ask::Top`].
    Top {
        /// The groups, heaviest first.
        rows: Vec<TopRow>,
        /// All records, each once; in groups of a key with several values the rows may sum up to more.
        total: Sums,
        /// The same of the span before, where it was asked for.
        before: Option<Sums>,
        /// Groups that there are; where a note says so an estimate, and at least so many where the answer is not exact.
        groups: u64,
        /// The quality of all records, where it was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quality: Option<Box<QualitySums>>,
    },
    /// To [`Ask::Series`].
    Series {
        /// Seconds a point.
        step_s: u32,
        /// The start of each point.
        at: Vec<Timestamp>,
        /// The series.
        series: Vec<SeriesRow>,
    },
    /// To [`Ask::Totals`].
    Totals {
        /// The sum.
        total: Sums,
        /// The same of the span before.
        before: Option<Sums>,
        /// By key, how many different values there are.
        distinct: Vec<(Key, u64)>,
        /// The quality of all records, where it was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        quality: Option<Box<QualitySums>>,
    },
}

/// A group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TopRow {
    /// A value for each key, in their order.
    pub values: Vec<KeyValue>,
    /// The sums.
    pub sums: Sums,
    /// Bit/s where the measure is [`Measure::P95`].
    #[serde(default)]
    pub p95_bps: Option<f64>,
    /// What it had in the span before, where that was asked for.
    #[serde(default)]
    pub before: Option<Sums>,
    /// The quality of its records, where it was asked for and any was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Box<QualitySums>>,
}

/// A series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesRow {
    /// A value for each key; empty for the series of all, and for the rest.
    pub values: Vec<KeyValue>,
    /// Whether this is the rest.
    #[serde(default)]
    pub rest: bool,
    /// Sums by point; a point without records has zeros, since whether a record is missing cannot be known.
    pub points: Vec<Sums>,
    /// The span before, point by point, where it was asked for.
    #[serde(default)]
    pub before: Vec<Sums>,
    /// The quality of the records that end in each point, where it was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quality: Vec<QualitySums>,
}

/// What an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredFrom {
    /// Stored records.
    #[default]
    Records,
    /// Rollups of hours and days.
    Rollups,
    /// Rollups for whole hours, records for the rest.
    Both,
}

/// What was read for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Read {
    /// What it comes from.
    pub from: AnsweredFrom,
    /// Rows of rollups that were read.
    pub rollups: u64,
    /// Blocks in the span.
    pub blocks: u64,
    /// Of those, blocks that needed not be read: by the hours' index, their filters, or the bounds of their columns.
    pub blocks_skipped: u64,
    /// Records in blocks that were read, matching or not.
    pub records: u64,
    /// Of those, records that matched.
    pub matched: u64,
    /// Octets that were read.
    pub bytes: u64,
    /// Milliseconds from question to answer.
    pub elapsed_ms: u64,
}

/// How far a question is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Blocks and rollups that are done.
    pub done: u64,
    /// Of so many.
    pub total: u64,
    /// Records that were read.
    pub records: u64,
    /// Of those, records that matched.
    pub matched: u64,
    /// Milliseconds since the question.
    pub elapsed_ms: u64,
}
