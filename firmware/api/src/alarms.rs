//! The alarm list. The analyzer keeps it; the sources of alarms report to it, and decide about theirs.
//!
//! A source reports all alarms that are open and its newest edges, as often as it likes: what was reported before changes
//! nothing. Its edges are numbered by run and count, in which they come, so that none counts twice.

use model::{Alarm, AlarmEnd, AlarmSeverity, AlarmSource, Timestamp};
use serde::{Deserialize, Serialize};

use crate::hardware;

/// The most alarms of a page of those that are over.
pub const PAGE_MAX: u32 = 1_000;
/// The most edges of a report: more do not wait with the hardware monitor.
pub const EDGES_MAX: usize = 256;
/// The most open alarms of a report: more does the hardware monitor not have.
pub const REPORTED_MAX: usize = 1_024;
/// The longest text that is searched for, in octets.
pub const TEXT_MAX: usize = 256;

/// Asks for alarms. All conditions must hold; open ones and those that are over are asked for apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmsQuery {
    /// Those that are open.
    #[serde(default)]
    pub open: bool,
    /// Those that are over.
    #[serde(default)]
    pub history: bool,
    /// That were not over before this time.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// That began before this time.
    #[serde(default)]
    pub to: Option<Timestamp>,
    /// Of this source alone.
    #[serde(default)]
    pub source: Option<AlarmSource>,
    /// At least so grave.
    #[serde(default)]
    pub severity: Option<AlarmSeverity>,
    /// Words that all stand in component, serial number, code, name, text or words of either language, whatever the case.
    #[serde(default)]
    pub text: String,
    /// At most so many of those that are over, 1–1000.
    #[serde(default)]
    pub limit: u32,
    /// Of those that are over, the ones behind the page that ended with this number.
    #[serde(default)]
    pub before: Option<u64>,
}

/// Alarms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarms {
    /// When this was said.
    pub now: Timestamp,
    /// All that are open, whatever was asked for.
    pub counts: AlarmCounts,
    /// The open ones: the gravest first, of these those that nobody has seen, of these the newest.
    pub open: Vec<Alarm>,
    /// Those that are over, the last one raised first.
    pub history: Vec<Alarm>,
    /// Where the next page begins; `None`: there is none.
    pub next: Option<u64>,
}

/// How many alarms are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AlarmCounts {
    /// Critical ones.
    pub critical: u32,
    /// Warnings.
    pub warning: u32,
    /// Of both, those that nobody has acknowledged.
    pub unseen: u32,
}

/// Notes that somebody has seen an alarm. One of the hardware monitor's is acknowledged there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgeAlarm {
    /// Its number.
    pub id: u64,
    /// Who.
    pub user: String,
}

/// Names an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeId {
    /// The source's run.
    pub run: u64,
    /// Counts the run's edges, from 1.
    pub number: u64,
}

/// An edge of a hardware alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HardwareEdge {
    /// Names it.
    pub id: EdgeId,
    /// When.
    pub at: Timestamp,
    /// The alarm after it.
    pub alarm: hardware::Alarm,
    /// How it ended; `None`: it is open, or somebody has acknowledged it.
    pub end: Option<AlarmEnd>,
}

/// What the hardware monitor tells the alarm list. Its user may ask for nothing else there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HardwareReport {
    /// The monitor's run: later ones have greater numbers.
    pub run: u64,
    /// When this was said.
    pub at: Timestamp,
    /// The edges that the run had until then.
    pub edges_so_far: u64,
    /// Edges that nobody has confirmed, the oldest first.
    pub edges: Vec<HardwareEdge>,
    /// All that are open after them.
    pub open: Vec<hardware::Alarm>,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportReceipt {
    /// The last edge that was in it: up to this all are on the disk.
    pub last: Option<EdgeId>,
    /// It was passed over, since a run of this number reported already, or more under this very number: who still runs takes
    /// a greater one, and its edges wait on.
    pub newer: Option<u64>,
}
