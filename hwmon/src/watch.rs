//! The watch over the whole box: everything known now and the time go in, edges of alarms come out.
//!
//! | what | rule |
//! | --- | --- |
//! | a reading's own state | alarms at once; an analogue one is over when it has been back for a minute |
//! | limits of the board, the room's 10–35 °C | Schmitt triggers, see [`crate::policy::Limit`] |
//! | a fan that turned and stands still | critical, also where nobody gave it a limit |
//! | supplies and fans | those that the board names or that were seen before; redundancy by [`crate::policy::redundancy`] |
//! | counters | their growth in 24 hours: corrected memory errors, CRC errors, throttling, PCIe errors, and a drive's counters that foretell failure |
//! | drives | every reason of the verdict that weighs; one that was pulled, and one that does not answer |
//! | what is missing | neither raises nor clears; a source, fan or supply that stays silent is an alarm of its own |
//!
//! A drive with another serial number in the same place is another drive. All state is one value, to be kept over restarts.

mod counters;
mod drives;
mod parts;
mod sensors;
mod words;

pub use words::{Words, about, source, words};

use std::collections::BTreeMap;

use api::hardware::Text;
use serde::{Deserialize, Serialize};

use crate::board::{Board, Component, DiskPlace, PortPlace};
use crate::drive::Drive;
use crate::policy::{Alarm, Book, Event, Finding, Subject};
use crate::verdict::Verdict;
use crate::why::phrases;
use crate::{Reading, State};
use drives::Drives;
use sensors::Sensors;

/// Seconds for which a source may be silent before that is an alarm.
const SILENCE: u64 = 120;
/// The most sources that are remembered.
const SOURCES_MAX: usize = 64;

/// A drive and where it is.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenDrive {
    /// The way to it.
    pub place: DiskPlace,
    /// Its bay, by [`Board::bay`].
    pub bay: Option<u8>,
    /// Its facts.
    pub drive: Drive,
    /// What follows from them.
    pub verdict: Verdict,
}

/// Everything that is known now. What was read earlier and still stands is said again: what is left out is gone.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// Readings with their sources' names, the drives' own left out.
    pub readings: &'a [(String, Reading)],
    /// The drives that are there, also those that do not answer; `None` where nobody could look.
    pub drives: Option<&'a [SeenDrive]>,
    /// The network interfaces that are there, so that the board's ports find theirs.
    pub ports: &'a [PortPlace],
    /// Sources that did not answer: what they said before still stands.
    pub silent: &'a [String],
}

/// All that a restart must not forget.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WatchState {
    book: Book,
    sensors: Sensors,
    drives: Drives,
    /// Since when sources have been silent.
    silent: BTreeMap<String, u64>,
}

/// The watch.
#[derive(Debug, Clone)]
pub struct Watch {
    board: Board,
    state: WatchState,
}

impl Watch {
    /// A watch that has seen nothing yet.
    #[must_use]
    pub fn new(board: Board) -> Self {
        Self::resume(board, WatchState::default())
    }

    /// A watch that goes on where another one ended.
    #[must_use]
    pub fn resume(board: Board, state: WatchState) -> Self {
        Self { board, state }
    }

    /// The board.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// What is to be kept. It changes with every step; what must not be lost changes with events alone.
    #[must_use]
    pub fn state(&self) -> &WatchState {
        &self.state
    }

    /// The open alarms, by place.
    pub fn open(&self) -> impl Iterator<Item = &Alarm> {
        self.state.book.open()
    }

    /// Takes what is known at `now`, in seconds since 1970, and gives what changed.
    pub fn step(&mut self, now: u64, sample: &Sample<'_>) -> Vec<Event> {
        let (board, state) = (&self.board, &mut self.state);
        let mut findings = Vec::new();
        state.sensors.take(now, board, sample, &mut findings);
        parts::judge(board, &state.sensors, sample, &mut findings);
        state.drives.take(now, board, sample.drives, &mut findings);
        silence(now, &mut state.silent, sample.silent, &mut findings);
        let present = state.drives.present();
        state.book.update(now, &findings, &[], &present)
    }

    /// Notes that `who` has seen an alarm; whether there is one. That a drive was pulled is over with that.
    pub fn acknowledge(&mut self, subject: &Subject, code: &str, who: &str) -> bool {
        let found = self.state.book.acknowledge(subject, code, who);
        if found && code == drives::REMOVED {
            self.state.drives.forget(subject);
        }
        found
    }
}

fn silence(now: u64, since: &mut BTreeMap<String, u64>, silent: &[String], findings: &mut Vec<Finding>) {
    since.retain(|source, _| silent.contains(source));
    for source in silent {
        if since.len() >= SOURCES_MAX && !since.contains_key(source) {
            continue;
        }
        let begun = *since.entry(source.clone()).or_insert(now);
        if now.saturating_sub(begun) >= SILENCE {
            let component = match source.as_str() {
                "ipmi" => Component::Controller,
                other => Component::Sensor(other.to_owned()),
            };
            findings.push(finding(
                &component,
                "no_answer",
                State::Warning,
                phrases::SOURCE_SILENT.with([words::source(source).into()]),
            ));
        }
    }
}

fn finding(component: &Component, code: &str, state: State, text: impl Into<Text>) -> Finding {
    Finding {
        subject: Subject {
            place: component.to_string(),
            serial: None,
        },
        code: code.to_owned(),
        state,
        text: text.into(),
    }
}

#[cfg(test)]
mod tests;
