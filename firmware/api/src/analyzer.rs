//! What the analyzer is asked.

use model::{Dimension, FlowRecord, LinkCounters, LinkId, Split, Timestamp, TopTable};
use serde::{Deserialize, Serialize};

use crate::ingest::LinkInfo;
use crate::service;

service! {
    /// A request to the analyzer.
    Analyzer, AnalyzerRequest {
        /// How it is.
        Status(StatusQuery) -> AnalyzerStatus,
        /// The links.
        Links(LinksQuery) -> Vec<LinkNow>,
        /// A time series.
        Series(SeriesQuery) -> Series,
        /// Top-N.
        Top(TopQuery) -> Top,
        /// Records.
        Records(RecordsQuery) -> Records,
    }
}

/// Asks how the analyzer is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StatusQuery {}

/// How the analyzer is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnalyzerStatus {
    /// The release.
    pub version: String,
    /// When it started.
    pub started: Timestamp,
    /// Collectors that are connected.
    pub collectors: u32,
    /// Records stored since the start.
    pub records: u64,
    /// Blocks stored since the start.
    pub blocks: u64,
    /// Batches that came twice and were stored once.
    pub duplicates: u64,
    /// Batches refused because they were damaged.
    pub refused: u64,
    /// Batches sent back because the disk was full or failed.
    pub deferred: u64,
    /// The end of the newest window; `None` before the first.
    pub newest_window: Option<Timestamp>,
    /// The start of the oldest window that is kept.
    pub oldest_window: Option<Timestamp>,
    /// Octets of the record and window files on disk.
    pub disk_bytes: u64,
    /// Files set aside because they were damaged.
    pub damaged_files: Vec<String>,
    /// Why nothing is stored now; `None` when all is well.
    pub trouble: Option<String>,
}

/// Asks for the links.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LinksQuery {}

/// A link with its newest second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkNow {
    /// The link.
    pub info: LinkInfo,
    /// The newest closed second; `None` when the collector sent none in the last 10 s.
    pub second: Option<LinkCounters>,
    /// When that second began.
    pub at: Option<Timestamp>,
}

/// Asks for a link's counters over time. The analyzer answers at most 3,600 points.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SeriesQuery {
    /// The link; `None` is the sum of all.
    pub link: Option<LinkId>,
    /// The start, included.
    pub from: Timestamp,
    /// The end, excluded; `None` is the end of the newest closed second.
    pub to: Option<Timestamp>,
    /// Seconds a point: any whole number from 1; points start at multiples of it.
    pub step_s: u32,
}

/// A time series: points in order of time. A time without any window has no point: missing is not zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Seconds a point.
    pub step_s: u32,
    /// The capacity in bit/s (the sum of all links'); `None` where one is unknown.
    pub capacity_bps: Option<u64>,
    /// The points.
    pub points: Vec<Point>,
}

/// A point of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The start.
    pub at: Timestamp,
    /// Seconds that the point holds windows for; less than the step at an edge or after a gap.
    pub seconds: u32,
    /// The sums of the counters over those seconds.
    pub counters: LinkCounters,
    /// Utilisation of the capacity, 0–1, from frame octets; `None` where the capacity is unknown.
    pub utilisation: Option<Utilisation>,
}

/// Utilisation: octets × 8 ÷ seconds ÷ capacity. Total can exceed 1 on a full-duplex link.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Utilisation {
    /// Of all frames.
    pub total: f64,
    /// Of what goes in.
    pub inbound: f64,
    /// Of what goes out.
    pub outbound: f64,
}

/// Asks for the heaviest rows of a dimension.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TopQuery {
    /// Of what.
    pub by: Dimension,
    /// The link; `None` is the sum of all.
    pub link: Option<LinkId>,
    /// The start, included.
    pub from: Timestamp,
    /// The end, excluded; `None` is the end of the newest closed second.
    pub to: Option<Timestamp>,
    /// Rows, 1–1000.
    pub limit: u32,
}

/// The heaviest rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Top {
    /// The start that was covered.
    pub from: Timestamp,
    /// The end that was covered.
    pub to: Timestamp,
    /// Seconds that windows were there for.
    pub seconds: u32,
    /// The rows, heaviest first, and the sum of the rest.
    pub table: TopTable,
    /// The sum of everything, rows and rest.
    pub total: Split,
    /// Whether each row is exact: no window that was merged had left rows out.
    pub exact: bool,
}

/// Asks for stored records, newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordsQuery {
    /// Records that end at or after this time.
    pub from: Timestamp,
    /// Records that start before this time; `None` is now.
    pub to: Option<Timestamp>,
    /// At most so many, 1–10000.
    pub limit: u32,
}

/// Stored records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Records {
    /// The records, the latest end first.
    pub records: Vec<FlowRecord>,
    /// Whether there are more than the limit.
    pub more: bool,
}
