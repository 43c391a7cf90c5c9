//! What the analyzer is asked.

use model::{
    CounterSource, Counters, DeviceFacts, Dimension, FlowRecord, Gauge, GaugeKind, InterfaceDetail, InterfaceFacts,
    InterfaceId, LinkCounters, LinkId, LogRecord, LogSource, Severity, Split, Timestamp, TopTable,
};
use serde::{Deserialize, Serialize};

use crate::alarms::{AcknowledgeAlarm, Alarms, AlarmsQuery, HardwareReport, ReportReceipt};
use crate::ingest::LinkInfo;
use crate::service;

pub use model::Scope;

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
        /// Exporters' interfaces with their newest minutes.
        Interfaces(InterfacesQuery) -> Vec<InterfaceNow>,
        /// An interface's counters over time.
        InterfaceSeries(InterfaceSeriesQuery) -> InterfaceSeries,
        /// Top-N of one interface.
        InterfaceTop(InterfaceTopQuery) -> InterfaceTop,
        /// What is known of an exporter by SNMP.
        Device(DeviceQuery) -> Device,
        /// A reading over time.
        GaugeSeries(GaugeSeriesQuery) -> GaugeSeries,
        /// Log records.
        Logs(LogsQuery) -> Logs,
        /// Begins to answer a question about flow records.
        StartQuery(StartQuery) -> Started,
        /// How far a question is; its answer once it is there.
        PollQuery(PollQuery) -> QueryState,
        /// Gives a question up.
        CancelQuery(CancelQuery) -> (),
        /// Reads a filter, and says what may come next.
        Filter(FilterRequest) -> FilterAnswer,
        /// What is kept, and what takes how much room.
        Storage(StorageQuery) -> Storage,
        /// Replaces the database of countries.
        ImportCountries(ImportCountries) -> Countries,
        /// Alarms.
        Alarms(AlarmsQuery) -> Alarms,
        /// Notes that somebody has seen an alarm.
        AcknowledgeAlarm(AcknowledgeAlarm) -> (),
        /// Takes what the hardware monitor says of its alarms.
        ReportHardware(HardwareReport) -> ReportReceipt,
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

/// A link with what it carried lately.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkNow {
    /// The link.
    pub info: LinkInfo,
    /// What a port carried in its newest closed second, `None` when the collector sent none in the last 10 s; what an
    /// exporter's records say of the newest minute that is over, `None` when that ended more than 3 min ago.
    pub second: Option<LinkCounters>,
    /// When that second or minute began.
    pub at: Option<Timestamp>,
    /// Seconds that the counters are of: 1 for a port, 60 for an exporter. Rates are the counters divided by it.
    #[serde(default = "one_second")]
    pub seconds: u32,
    /// No collector has this exporter any more: it is here so that its name stays known with what was stored of it.
    #[serde(default)]
    pub removed: bool,
}

const fn one_second() -> u32 {
    1
}

/// Asks for a link's counters over time. The analyzer answers at most 3,600 points.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SeriesQuery {
    /// Which links.
    pub scope: Scope,
    /// The start, included.
    pub from: Timestamp,
    /// The end, excluded; `None` is the end of the newest closed second, or of the newest minute of exporters.
    pub to: Option<Timestamp>,
    /// Seconds a point: any whole number from 1, of exporters whole minutes; points start at multiples of it.
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
    /// Which links.
    pub scope: Scope,
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
    /// Of these links alone; `None`: of all.
    #[serde(default)]
    pub scope: Option<Scope>,
    /// Of this interface of an exporter alone, whichever way.
    #[serde(default)]
    pub interface: Option<InterfaceId>,
}

/// Stored records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Records {
    /// The records, the latest end first.
    pub records: Vec<FlowRecord>,
    /// Whether there are more than the limit.
    pub more: bool,
}

/// Asks for exporters' interfaces.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct InterfacesQuery {
    /// Of this exporter alone.
    #[serde(default)]
    pub exporter: Option<LinkId>,
}

/// Where a utilisation stands against its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitState {
    /// No limit is set, or the utilisation is unknown.
    None,
    /// Within the limits.
    Within,
    /// Less than the minimum.
    Below,
    /// More than the maximum.
    Above,
}

/// An interface with its newest minute of each source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InterfaceNow {
    /// Which one.
    pub id: InterfaceId,
    /// What is known of it; the name may be empty.
    pub facts: InterfaceFacts,
    /// The newest whole minute by flow records; `None`: none in the last 15 min.
    pub flow: Option<InterfaceRate>,
    /// The newest minute by SNMP, or by sFlow counters where there is none.
    pub counters: Option<InterfaceRate>,
    /// Utilisation in and out, 0–1, by counters where there are any, else by flow records; `None` without a speed.
    pub utilisation: Option<(f64, f64)>,
    /// In and out against the limits.
    pub limits: (LimitState, LimitState),
}

/// Rates of an interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InterfaceRate {
    /// The minute's start.
    pub at: Timestamp,
    /// Who counted.
    pub source: CounterSource,
    /// Octets × 8 a second, in and out.
    pub bits_per_s: (f64, f64),
    /// Packets a second, in and out.
    pub packets_per_s: (f64, f64),
}

/// Asks for an interface's counters over time; at most 3,600 points.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InterfaceSeriesQuery {
    /// Which interface.
    pub interface: InterfaceId,
    /// The start, included.
    pub from: Timestamp,
    /// The end, excluded; `None` is now.
    pub to: Option<Timestamp>,
    /// Seconds a point: a multiple of 60.
    pub step_s: u32,
}

/// An interface's counters over time, by source: missing is not zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InterfaceSeries {
    /// Seconds a point.
    pub step_s: u32,
    /// What is known of it.
    pub facts: InterfaceFacts,
    /// By source, the points in order of time.
    pub sources: Vec<(CounterSource, Vec<InterfacePoint>)>,
}

/// A point of an interface's series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InterfacePoint {
    /// The start.
    pub at: Timestamp,
    /// Seconds that are covered; for flow records the whole minutes that had any.
    pub seconds: u32,
    /// In.
    pub inbound: Counters,
    /// Out.
    pub outbound: Counters,
    /// What an agent counts besides.
    pub detail: InterfaceDetail,
}

/// Asks for the heaviest rows of an interface, from stored records.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InterfaceTopQuery {
    /// Which interface.
    pub interface: InterfaceId,
    /// Of what.
    pub by: Dimension,
    /// The start, included.
    pub from: Timestamp,
    /// The end, excluded; `None` is now.
    pub to: Option<Timestamp>,
    /// Rows, 1–1000.
    pub limit: u32,
}

/// The heaviest rows of an interface. In a row's split, in and out are as the interface sees them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InterfaceTop {
    /// The rows, heaviest first, and the sum of the rest.
    pub table: TopTable,
    /// The sum of everything.
    pub total: Split,
    /// Records that were read.
    pub read: u64,
    /// Whether all records of the time were read: else the time or the bound ran out.
    pub complete: bool,
}

/// Asks what is known of an exporter by SNMP.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeviceQuery {
    /// The exporter.
    pub exporter: LinkId,
}

/// What is known of an exporter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// The facts.
    pub facts: DeviceFacts,
    /// When they were last renewed; `None`: nothing is known.
    pub at: Option<Timestamp>,
    /// The newest reading of each gauge.
    pub gauges: Vec<Gauge>,
}

/// Asks for a reading over time; at most 3,600 points.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GaugeSeriesQuery {
    /// The exporter.
    pub exporter: LinkId,
    /// What it measures.
    pub kind: GaugeKind,
    /// Which one; `None`: all of the kind.
    #[serde(default)]
    pub name: Option<String>,
    /// The start, included.
    pub from: Timestamp,
    /// The end, excluded; `None` is now.
    pub to: Option<Timestamp>,
    /// Seconds a point.
    pub step_s: u32,
}

/// Readings over time: each gauge's name with (start of the point, mean).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GaugeSeries {
    /// Seconds a point.
    pub step_s: u32,
    /// By name.
    pub series: Vec<(String, Vec<(Timestamp, f64)>)>,
}

/// Which log records are asked for: the classes are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogClass {
    /// Messages that were sent to us: syslog and SNMP notifications.
    #[default]
    Messages,
    /// Application logs: transactions that were seen on a link.
    Transactions,
}

/// Asks for log records, newest first. All conditions must hold.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LogsQuery {
    /// Which class.
    #[serde(default)]
    pub class: LogClass,
    /// The start, included.
    pub from: Timestamp,
    /// The end, excluded; `None` is now.
    pub to: Option<Timestamp>,
    /// Of these exporters alone, of application logs: seen on these links; empty: of all.
    #[serde(default)]
    pub exporters: Vec<LinkId>,
    /// That came in one of these ways; empty: in any of the class.
    #[serde(default)]
    pub kinds: Vec<LogSource>,
    /// An address or a subnet (`10.0.0.0/8`) that the record came from: of application logs the client.
    #[serde(default)]
    pub client: Option<String>,
    /// An address or a subnet of the server, with `:PORT` behind it or not (`10.0.0.2:443`, `[2001:db8::2]:443`); of
    /// application logs alone.
    #[serde(default)]
    pub server: Option<String>,
    /// The outcome or the message's identifier, whole, whatever the case.
    #[serde(default)]
    pub code: Option<String>,
    /// A part of the host's name or address, whatever the case.
    #[serde(default)]
    pub host: Option<String>,
    /// At least as grave as this.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// A facility.
    #[serde(default)]
    pub facility: Option<u8>,
    /// A part of the program's name, whatever the case.
    #[serde(default)]
    pub app: Option<String>,
    /// Words that all stand in text, data, program, code or host, whatever the case.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// At most so many, 1–10000.
    pub limit: u32,
    /// Goes on after the page that ended with this cursor.
    #[serde(default)]
    pub after: Option<String>,
}

/// Log records, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logs {
    /// The records.
    pub records: Vec<LogRecord>,
    /// Where the next page begins; `None`: there is none.
    pub next: Option<String>,
    /// Records that were read.
    pub read: u64,
    /// Whether everything up to `next` was searched: else time ran out, and `next` goes on from there.
    pub complete: bool,
}

/// Begins to answer a question. At most 16 are answered or kept at a time, and 2 of them read at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartQuery {
    /// The question.
    pub query: model::Query,
}

/// A question that was accepted: its filter is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Its number, hard to guess, since whoever knows it may read the answer.
    pub id: u64,
}

/// Asks how far a question is. A question that nobody asks about for 30 s is given up, and its answer forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollQuery {
    /// Its number.
    pub id: u64,
    /// Waits so long for the answer, at most 10,000 ms.
    #[serde(default)]
    pub wait_ms: u32,
    /// Also what was found so far, while it is not done.
    #[serde(default)]
    pub partial: bool,
}

/// How far a question is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueryState {
    /// The question, its end made out.
    pub query: model::Query,
    /// How far.
    pub progress: model::Progress,
    /// Whether it is done: then the answer is there, and is forgotten 30 s after it was last asked for.
    pub done: bool,
    /// The answer; before it is done, what was found so far where that was asked for.
    pub answer: Option<model::Answer>,
}

/// Gives a question up; one that is not there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelQuery {
    /// Its number.
    pub id: u64,
}

/// Asks about the text of a filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterRequest {
    /// The text.
    pub text: String,
    /// Where the writer is, in characters (Unicode scalar values), for completion.
    #[serde(default)]
    pub cursor: Option<u32>,
}

/// What a filter's text is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterAnswer {
    /// The filter, printed anew; `None` where it is wrong.
    pub filter: Option<String>,
    /// What is wrong.
    pub problem: Option<FilterProblem>,
    /// What may stand at the cursor; at most 50.
    pub completions: Vec<Completion>,
}

/// What is wrong with a filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterProblem {
    /// Where: the first character, and the one after the last.
    pub at: (u32, u32),
    /// What, in English.
    pub english: String,
    /// What, in Chinese.
    pub chinese: String,
    /// What may have been meant: the text in that place, replaced.
    pub suggestion: Option<String>,
}

/// What may stand somewhere in a filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// The characters that it replaces: the first, and the one after the last.
    pub at: (u32, u32),
    /// The text.
    pub text: String,
    /// What it is, in English.
    pub english: String,
    /// What it is, in Chinese.
    pub chinese: String,
}

/// Asks what is kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct StorageQuery {}

/// What is kept on the analyzer's disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Storage {
    /// The disk's size in octets.
    pub disk_bytes: u64,
    /// Octets of it that are free.
    pub free_bytes: u64,
    /// The share in use, in percent, from which on the oldest is removed.
    pub full_percent: u8,
    /// By class.
    pub classes: Vec<StorageClass>,
    /// What was removed lately, and why; the newest first, at most 200.
    pub removed: Vec<Removed>,
    /// Files set aside because they were damaged.
    pub damaged_files: Vec<DamagedFile>,
    /// Hours that are over and not in index and rollups yet.
    pub hours_open: u64,
    /// The database of countries.
    pub countries: Option<Countries>,
}

/// What is kept of a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StorageClass {
    /// Which.
    pub class: settings::KeptClass,
    /// How much of it is to be kept.
    pub limit: settings::KeepLimit,
    /// Octets that it takes.
    pub bytes: u64,
    /// Flow records or log records; `None` where it has none of either.
    pub records: Option<u64>,
    /// The start of the oldest that is there.
    pub oldest: Option<Timestamp>,
    /// The end of the newest.
    pub newest: Option<Timestamp>,
    /// Octets a day, by the last 7 days; `None` before there is a whole day.
    pub bytes_per_day: Option<u64>,
    /// What is removed next: a file or a day.
    pub next: Option<String>,
    /// When, by age, or by size at the rate of now; `None` where that cannot be said.
    pub next_at: Option<Timestamp>,
    /// Why that will be.
    pub next_why: Option<RemovedWhy>,
}

/// Something that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// When.
    pub at: Timestamp,
    /// Of which class.
    pub class: settings::KeptClass,
    /// The file or the day.
    pub what: String,
    /// Octets that it took.
    pub bytes: u64,
    /// Why.
    pub why: RemovedWhy,
}

/// Why something is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovedWhy {
    /// It is older than the class is kept.
    Age,
    /// The class takes more than it may.
    Size,
    /// The disk is full.
    DiskFull,
}

/// A file that was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedFile {
    /// Its name now.
    pub name: String,
    /// Its octets.
    pub bytes: u64,
}

/// Replaces the database of countries, or takes it away. Larger files come in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportCountries {
    /// What it is called: the file's name.
    pub name: String,
    /// Lines `first address,last address,country` (quotes and further fields are allowed), or a MaxMind DB file, in
    /// base64; at most 8 MiB of octets a part.
    pub part: String,
    /// Octets of the file before this part; 0 begins anew.
    pub offset: u64,
    /// Whether this is the last part. An empty file takes the database away.
    pub last: bool,
}

/// The database of countries.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Countries {
    /// What it is called; empty where there is none.
    pub name: String,
    /// When it was imported.
    pub imported: Option<Timestamp>,
    /// Ranges of addresses in it.
    pub ranges: u64,
}
