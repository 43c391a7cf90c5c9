//! All that is known now, the watch over it, and its courses.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use api::hardware::{EventLog, Text};
use hwmon::board::{Board, DiskPlace, PortPlace};
use hwmon::drive::Drive;
use hwmon::ipmi::sel::Event as LogEvent;
use hwmon::policy::{Alarm, Event, Subject};
use hwmon::series::{Courses, Unsaved};
use hwmon::verdict::judge;
use hwmon::watch::{Sample, SeenDrive, Watch, WatchState};
use hwmon::why::{Why, phrases};
use hwmon::{Kind, NoData, Reading, Unit};

use super::keeper::Keeper;
use super::readers::{Answer, Told};

/// When something was last heard of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    /// Seconds since 1970.
    pub(crate) at: u64,
    /// Milliseconds that it took.
    pub(crate) took_ms: u32,
}

impl Heard {
    /// Now, after so long.
    pub(crate) fn new(at: u64, took: Duration) -> Self {
        Self {
            at,
            took_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
        }
    }
}

/// The most events of the controller's log that are kept here; it holds them all.
const LOG_MAX: usize = 1_024;

/// What is known.
pub(crate) struct Monitor {
    watch: Watch,
    readings: Vec<(String, Reading)>,
    drives: Vec<SeenDrive>,
    /// Whether every drive that is there was read, or waited for in vain.
    looked: bool,
    places: Vec<DiskPlace>,
    interfaces: Vec<PortPlace>,
    /// Sources that are waited for too long.
    late: Vec<String>,
    heard: BTreeMap<String, Heard>,
    failed: BTreeMap<String, Why>,
    courses: Courses,
    /// The controller's newest events, the newest last.
    log: VecDeque<LogEvent>,
}

impl Monitor {
    /// Goes on where the last run ended.
    pub(crate) fn resume(board: Board, keeper: &Keeper, now: u64) -> Self {
        let courses = keeper.memory().map(|memory| Courses::resume(&memory, now));
        let courses = courses.and_then(|read| read.inspect_err(|e| log::error!(EVENT = "unreadable"; "{e}")).ok());
        Self::new(Watch::resume(board, keeper.state()), courses.unwrap_or_default())
    }

    fn new(watch: Watch, courses: Courses) -> Self {
        Self {
            watch,
            readings: Vec::new(),
            drives: Vec::new(),
            looked: false,
            places: Vec::new(),
            interfaces: Vec::new(),
            late: Vec::new(),
            heard: BTreeMap::new(),
            failed: BTreeMap::new(),
            courses,
            log: VecDeque::new(),
        }
    }

    /// Takes a source's answer.
    pub(crate) fn take(&mut self, now: u64, answer: Answer) {
        let source = answer.source;
        self.heard.insert(source.clone(), Heard::new(now, answer.took));
        self.failed.remove(&source);
        match answer.told {
            Told::Readings(readings) => self.take_readings(&source, readings),
            Told::Drive(drive) => self.take_drive(&source, *drive),
            Told::Controller { readings, events } => {
                if let Some(readings) = readings {
                    self.take_readings(&source, readings);
                }
                for event in events {
                    if self.log.len() >= LOG_MAX {
                        self.log.pop_front();
                    }
                    // a log that was cleared begins with its first number again
                    self.log.retain(|known| known.cursor.record != event.cursor.record);
                    self.log.push_back(event);
                }
            }
            Told::Failed(why) => {
                self.failed.insert(source, why);
            }
        }
    }

    fn take_readings(&mut self, source: &str, readings: Vec<Reading>) {
        self.readings.retain(|(from, _)| from != source);
        let named = readings.into_iter().map(|reading| (source.to_owned(), reading));
        self.readings.extend(named);
    }

    fn take_drive(&mut self, name: &str, drive: Drive) {
        let Some(place) = self.places.iter().find(|place| place.disk == name) else {
            return;
        };
        let seen = SeenDrive {
            place: place.clone(),
            bay: self.watch.board().bay(place),
            verdict: judge(&drive),
            drive,
        };
        match self.drives.iter_mut().find(|seen| seen.place.disk == name) {
            Some(before) => *before = seen,
            None => self.drives.push(seen),
        }
    }

    /// Takes where disks and ports are now, and who is waited for too long.
    pub(crate) fn places(&mut self, places: &[DiskPlace], interfaces: &[PortPlace], late: Vec<String>) {
        if self.interfaces != interfaces {
            self.interfaces = interfaces.to_vec();
        }
        if self.places != places {
            self.places = places.to_vec();
            self.drives.retain(|seen| places.contains(&seen.place));
        }
        for place in places {
            let seen = self.drives.iter().find(|seen| seen.place.disk == place.disk);
            if late.contains(&place.disk) && seen.is_none_or(|seen| seen.drive.hours != Err(NoData::Timeout)) {
                // who it is stays known
                let mut drive = Drive::unknown(NoData::Timeout);
                if let Some(seen) = seen {
                    drive.identity = seen.drive.identity.clone();
                    drive.protocol = seen.drive.protocol;
                }
                self.take_drive(&place.disk, drive);
            }
        }
        self.looked |= places
            .iter()
            .all(|place| self.drives.iter().any(|seen| seen.place.disk == place.disk));
        self.heard.retain(|source, _| {
            ["sysfs", "ipmi", "space", "optics", "clock"].contains(&source.as_str())
                || places.iter().any(|p| p.disk == *source)
        });
        self.late = late;
    }

    /// Judges all that is known.
    pub(crate) fn judge(&mut self, now: u64) -> Vec<Event> {
        let drives = |source: &String| self.places.iter().any(|place| place.disk == *source);
        let silent: Vec<String> = self
            .late
            .iter()
            .chain(self.failed.keys())
            .filter(|source| !drives(source))
            .cloned()
            .collect();
        let sample = Sample {
            readings: &self.readings,
            drives: self.looked.then_some(self.drives.as_slice()),
            ports: &self.interfaces,
            silent: &silent,
        };
        self.watch.step(now, &sample)
    }

    /// Puts the newest values into the courses. What was not read again since is no newer value.
    pub(crate) fn push(&mut self, now: u64) {
        let heard = &self.heard;
        let fresh = |source: &str| {
            heard
                .get(source)
                .is_some_and(|heard| now.saturating_sub(heard.at) <= 30)
        };
        let readings = self.readings.iter().filter(|(source, _)| fresh(source)).map(|(_, r)| r);
        self.courses.push(now, readings);
        let heat: Vec<Reading> = self
            .drives
            .iter()
            .filter(|seen| fresh(&seen.place.disk))
            .map(temperature)
            .collect();
        self.courses.push(now, &heat);
    }

    /// The state that a restart must not forget.
    pub(crate) fn state(&self) -> WatchState {
        self.watch.state().clone()
    }

    /// Courses that want to be written.
    pub(crate) fn unsaved(&mut self, now: u64) -> Unsaved {
        self.courses.unsaved(now)
    }

    /// The courses.
    pub(crate) fn courses(&self) -> &Courses {
        &self.courses
    }

    /// The board.
    pub(crate) fn board(&self) -> &Board {
        self.watch.board()
    }

    /// Open alarms.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Alarm> {
        self.watch.open()
    }

    /// All readings but those of drives, with their sources.
    pub(crate) fn readings(&self) -> &[(String, Reading)] {
        &self.readings
    }

    /// The drives that were read.
    pub(crate) fn drives(&self) -> &[SeenDrive] {
        &self.drives
    }

    /// When sources were last heard of.
    pub(crate) fn heard(&self) -> &BTreeMap<String, Heard> {
        &self.heard
    }

    /// Why a source gives nothing.
    pub(crate) fn trouble(&self, source: &str) -> Option<Text> {
        let failed = self.failed.get(source).map(Text::from);
        failed.or_else(|| {
            let late = self.late.iter().any(|late| late == source);
            late.then(|| phrases::SOURCE_LATE.into())
        })
    }

    /// Sources without an answer so far.
    pub(crate) fn troubled(&self) -> impl Iterator<Item = &String> {
        self.late.iter().chain(self.failed.keys())
    }

    /// The network interfaces.
    pub(crate) fn interfaces(&self) -> &[PortPlace] {
        &self.interfaces
    }

    /// The disks in a bay.
    pub(crate) fn in_bay(&self, bay: u8) -> Vec<DiskPlace> {
        let board = self.watch.board();
        let there = self.places.iter().filter(|place| board.bay(place) == Some(bay));
        there.cloned().collect()
    }

    /// The drives that can be asked for a self-test, with their bays.
    pub(crate) fn tested_drives(&self) -> Vec<(DiskPlace, Option<u8>)> {
        let board = self.watch.board();
        let tell = self.places.iter().filter(|place| super::sources::tells(&place.disk));
        tell.map(|place| (place.clone(), board.bay(place))).collect()
    }

    /// Notes that somebody has seen an alarm; whether there is one by that id.
    pub(crate) fn acknowledge(&mut self, id: &str, who: &str) -> bool {
        let meant: Vec<(Subject, String)> = self
            .open()
            .filter(|alarm| alarm_id(alarm) == id)
            .map(|alarm| (alarm.subject.clone(), alarm.code.clone()))
            .collect();
        let mut found = false;
        for (subject, code) in meant {
            found |= self.watch.acknowledge(&subject, &code, who);
        }
        found
    }

    /// The management controller's event log.
    pub(crate) fn event_log(&self) -> EventLog {
        let trouble = match self.heard.contains_key("ipmi") {
            true => self.trouble("ipmi"),
            false => Some(phrases::NO_CONTROLLER.into()),
        };
        EventLog {
            entries: self.log.iter().rev().map(super::wire::entry).collect(),
            trouble,
        }
    }
}

/// A drive's temperature as a reading of the box.
fn temperature(seen: &SeenDrive) -> Reading {
    let name = &seen.place.disk;
    let value = seen.drive.temperature.map(f64::from);
    Reading::fact(
        temperature_id(seen),
        named_temperature(name),
        Kind::Temperature,
        Unit::Celsius,
        value,
    )
}

/// What people call a drive's temperature.
pub(crate) fn named_temperature(disk: &str) -> Why {
    Why::of(disk, phrases::R_TEMPERATURE)
}

/// The id of a drive's temperature, which stays with the drive.
pub(crate) fn temperature_id(seen: &SeenDrive) -> String {
    let key = seen.drive.identity.serial.as_deref().unwrap_or(&seen.place.disk);
    format!("drive/{key}/temperature")
}

/// The name of an open alarm: one word that can be typed, such as `bay-2.pending`.
pub(crate) fn alarm_id(alarm: &Alarm) -> String {
    let place = alarm.subject.place.chars();
    let place: String = place
        .map(|c| if c.is_whitespace() || c.is_control() { '-' } else { c })
        .collect();
    format!("{place}.{}", alarm.code)
}
