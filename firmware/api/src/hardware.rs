//! Hardware: drives, supplies, fans, sensors, what is wrong with them and what to do. `hwmon` answers.

use model::Timestamp;
pub use model::{AlarmText as Text, AlarmWords as Words};
use serde::{Deserialize, Serialize};

use crate::service;

/// The most readings that one question for their course may name.
pub const COURSES_MAX: usize = 16;
/// The most points of one course.
pub const POINTS_MAX: u16 = 2_000;

service! {
    /// A request to the hardware monitor.
    Hwmon, HwmonRequest {
        /// How the hardware is.
        Status(HardwareQuery) -> Hardware,
        /// Readings over time.
        Courses(CoursesQuery) -> Courses,
        /// The management controller's event log.
        EventLog(EventLogQuery) -> EventLog,
        /// Notes that somebody has seen an alarm.
        Acknowledge(AcknowledgeRequest) -> (),
        /// Lights a bay's locating light, or turns it off.
        Locate(LocateRequest) -> Located,
        /// Starts a drive's self-test.
        TestDrive(TestDriveRequest) -> TestStarted,
    }
}

/// Asks how the hardware is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HardwareQuery {}

/// How the hardware is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hardware {
    /// When this was said.
    pub now: Timestamp,
    /// The worst of all.
    pub health: Health,
    /// What is known of the chassis.
    pub chassis: Chassis,
    /// Open alarms, the gravest first.
    pub alarms: Vec<Alarm>,
    /// Drives, by bay and name.
    pub drives: Vec<Drive>,
    /// Every reading, by source and id.
    pub readings: Vec<Reading>,
    /// Who was asked, and how that went.
    pub sources: Vec<Source>,
    /// Why nothing is kept over a restart, in words; `None` where it is.
    pub unsaved: Option<String>,
}

/// How a thing is, all in all: the box, or a drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Nothing speaks against it.
    Ok,
    /// Somebody should look after it.
    Warning,
    /// It fails or has failed.
    Failing,
    /// Too little is known, or nothing.
    Unknown,
}

/// How a reading is, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A fact that no limit judges.
    Info,
    /// Within its limits.
    Ok,
    /// There is no value.
    Unknown,
    /// It asks for attention.
    Warning,
    /// Harm is near or done.
    Critical,
}

/// The chassis with its parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chassis {
    /// The board's name; `None` where no file describes it, and the parts are those that were found.
    pub board: Option<String>,
    /// The front's grid.
    pub front: Grid,
    /// The rear's grid.
    pub rear: Grid,
    /// Bays, supplies, fans and ports, in the order of the board's file.
    pub parts: Vec<Part>,
}

/// A side's grid, in which its parts sit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grid {
    /// Rows, from the top.
    pub rows: u8,
    /// Columns, from the left of who looks at that side.
    pub columns: u8,
}

/// The kinds of part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// A place for a drive.
    Bay,
    /// A power supply.
    Supply,
    /// A fan.
    Fan,
    /// A network port.
    Port,
}

/// A side of the chassis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Face {
    /// Where drives are pulled.
    Front,
    /// Where cables are plugged.
    Rear,
}

/// Where a part sits in its side's [`Grid`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The side.
    pub face: Face,
    /// Row, from 1.
    pub row: u8,
    /// Column, from 1.
    pub column: u8,
}

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    /// It works.
    Ok,
    /// It asks for attention.
    Warning,
    /// It has failed, or is missing and must not be.
    Critical,
    /// Nothing is there, and nothing has to be.
    Empty,
    /// Nobody can tell.
    Unknown,
}

/// A bay, supply, fan or port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The component, as alarms name it: `bay 2`, `supply 1`.
    pub id: String,
    /// Its kind.
    pub kind: PartKind,
    /// What is printed on the chassis: `2`, `MGMT`.
    pub label: String,
    /// Where it sits; `None` where no file says so.
    pub place: Option<Place>,
    /// How it is.
    pub state: PartState,
    /// Why, in a few words.
    pub reason: Text,
    /// The readings that tell of it.
    pub readings: Vec<String>,
    /// Whether its locating light shines; `None` where it has none.
    pub locating: Option<bool>,
    /// Whether it can be pulled while the box runs.
    pub hot_swap: bool,
}

/// An open alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// Names it among the open ones.
    pub id: String,
    /// The component: `bay 2`, `supply 1`, or a reading's id.
    pub component: String,
    /// What people call the component.
    #[serde(default)]
    pub part: Text,
    /// The serial number of what is there, where it has one.
    pub serial: Option<String>,
    /// Its kind, a word that stays the same.
    pub code: String,
    /// [`State::Warning`] or [`State::Critical`].
    pub state: State,
    /// What the source said.
    pub text: Text,
    /// The same for people, in Chinese.
    pub zh: Words,
    /// The same for people, in English.
    pub en: Words,
    /// When it began.
    pub since: Timestamp,
    /// Who acknowledged it.
    pub acknowledged: Option<String>,
}

/// A reason for a drive's health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveReason {
    /// A word that stays the same.
    pub code: String,
    /// `note`, `warning` or `failing`.
    pub weight: String,
    /// What was seen.
    pub text: Text,
}

/// What a drive counts of sectors or errors over its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveCount {
    /// A word that stays the same: `reallocated`, `pending`, `media_errors`.
    pub code: String,
    /// How many.
    pub count: u64,
}

/// A drive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drive {
    /// The kernel's name: `sda`, `nvme0`.
    pub name: String,
    /// Its bay; `None` where nothing tells.
    pub bay: Option<u8>,
    /// Model.
    pub model: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// Firmware.
    pub firmware: Option<String>,
    /// Octets.
    pub capacity_octets: Option<u64>,
    /// `ata`, `scsi`, `nvme` or `unknown`.
    pub protocol: String,
    /// Whether it has no moving parts.
    pub solid_state: bool,
    /// How it is.
    pub health: Health,
    /// Why, the weightiest first.
    pub reasons: Vec<DriveReason>,
    /// What to do.
    pub advice: Option<Text>,
    /// Degrees Celsius.
    pub temperature: Option<i32>,
    /// Hours of service.
    pub hours: Option<u64>,
    /// Part of the rated life that is used, in percent.
    pub used: Option<u32>,
    /// What it counts of sectors and errors; what it does not count is not there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counts: Vec<DriveCount>,
    /// The self-test that runs now.
    pub testing: Option<Testing>,
    /// The newest self-test that has ended.
    pub tested: Option<Tested>,
}

/// A self-test that runs now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testing {
    /// How much it looks at; `None` where the drive does not say.
    pub extent: Option<TestExtent>,
    /// How much of it is done, in percent; `None` where the drive does not say.
    pub done: Option<u8>,
}

/// A self-test that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tested {
    /// How much it looked at.
    pub extent: TestExtent,
    /// How it ended.
    pub outcome: TestOutcome,
    /// Hours of service at which it ran.
    pub hours: Option<u64>,
}

/// How much a self-test looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestExtent {
    /// Some minutes: electronics, and a part of the medium.
    Short,
    /// Hours: all of it.
    Long,
}

/// How a self-test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    /// Nothing was found.
    Passed,
    /// Broken off: it says nothing of the drive.
    Aborted,
    /// Something could not be read.
    Unreadable,
    /// Another part failed.
    Failed,
}

/// A reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Who told it: `sysfs`, `ipmi`, `sda`.
    pub source: String,
    /// Its name over restarts.
    pub id: String,
    /// What people call it.
    pub name: Text,
    /// What it is about: `temperature`, `fan`, `voltage` and so on.
    pub kind: String,
    /// The value; `None` where it is missing.
    pub value: Option<f64>,
    /// Why it is missing: `not_present`, `timeout` and so on.
    pub missing: Option<String>,
    /// `celsius`, `rpm`, `volt` and so on.
    pub unit: String,
    /// How it is.
    pub state: State,
    /// Why.
    pub reason: Text,
    /// Whether its course is kept.
    pub kept: bool,
}

/// Who is asked for readings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name: `sysfs`, `ipmi`, `sda`.
    pub name: String,
    /// What people call it.
    pub label: Text,
    /// When it last answered.
    pub answered: Option<Timestamp>,
    /// Milliseconds that the last answer took.
    pub took_ms: Option<u32>,
    /// Why there is no answer, or less than there should be, in words.
    pub trouble: Option<Text>,
}

/// Asks for readings over time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CoursesQuery {
    /// The readings, at most [`COURSES_MAX`].
    pub ids: Vec<String>,
    /// From this time on.
    pub from: Timestamp,
    /// Until this time; `None`: now.
    pub to: Option<Timestamp>,
    /// At most so many points each, at most [`POINTS_MAX`].
    pub points: u16,
}

/// Readings over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Courses {
    /// When the first point begins.
    pub from: Timestamp,
    /// Seconds from point to point.
    pub step_s: u32,
    /// In the order of the question; readings that are not kept are left out.
    pub courses: Vec<Course>,
}

/// One reading over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// The reading.
    pub id: String,
    /// Its name.
    pub name: Text,
    /// Its unit.
    pub unit: String,
    /// Least, mean and greatest of each step; `None` where nothing was read.
    pub points: Vec<Option<[f32; 3]>>,
}

/// Asks for the management controller's event log.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct EventLogQuery {}

/// The management controller's event log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EventLog {
    /// Entries, the newest first.
    pub entries: Vec<LogEntry>,
    /// Why there is none, or not all, in words.
    pub trouble: Option<Text>,
}

/// An entry of the management controller's event log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Its number.
    pub number: u16,
    /// When, by the controller's clock; `None` where it had none.
    pub at: Option<Timestamp>,
    /// Who: a sensor's name.
    pub sensor: Text,
    /// What.
    pub text: Text,
    /// Whether it begins (`true`) or ends.
    pub asserted: bool,
    /// How grave.
    pub state: State,
}

/// Notes that somebody has seen an alarm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AcknowledgeRequest {
    /// The alarm.
    pub id: String,
    /// Who.
    pub user: String,
}

/// Lights a bay's locating light, or turns it off.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LocateRequest {
    /// The bay's number.
    pub bay: u8,
    /// Whether it shall shine.
    pub on: bool,
    /// Who asks.
    pub user: String,
}

/// A bay's locating light.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Located {
    /// The bay's number.
    pub bay: u8,
    /// Whether the light shines now.
    pub on: bool,
    /// What was switched, such as an enclosure's slot.
    pub by: String,
}

/// Starts a drive's self-test.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TestDriveRequest {
    /// The drive: its bay's number, or its name.
    pub drive: String,
    /// How much it shall look at.
    pub extent: TestExtent,
    /// Who asks.
    pub user: String,
}

/// A self-test that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestStarted {
    /// The drive's name.
    pub drive: String,
    /// Its bay; `None` where nothing tells.
    pub bay: Option<u8>,
    /// How much it looks at.
    pub extent: TestExtent,
}
