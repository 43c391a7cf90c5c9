//! Drives: their verdicts' reasons, the growth of their counters, and whether they are still there.

use std::collections::BTreeMap;

use api::hardware::Text;
use serde::{Deserialize, Serialize};

use super::{SeenDrive, counters, finding};
use crate::board::{Board, Component};
use crate::drive::Assessment;
use crate::policy::{Finding, Rate, Subject};
use crate::verdict::Weight;
use crate::why::{Value, phrases};
use crate::{NoData, State};

/// The code of a drive that was pulled.
pub(super) const REMOVED: &str = "removed";
/// Drives that are remembered.
const DRIVES_MAX: usize = 512;
/// Seconds for which a drive may not answer: one that spins up takes its time.
const SILENT: u64 = 300;

/// A finding of a drive, as it is remembered while the drive says nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Said {
    code: String,
    state: State,
    text: Text,
}

/// What is remembered of one drive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Known {
    component: Component,
    /// The kernel's name for it, as long as it is there.
    disk: String,
    model: Option<String>,
    /// Its counters' growth, by the reading's id.
    rates: BTreeMap<String, Rate>,
    said: Vec<Said>,
    /// Since when it has not answered.
    silent: Option<u64>,
    there: bool,
}

/// All of them, by serial number.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Drives {
    by_serial: BTreeMap<String, Known>,
}

/// Where a drive is: its bay, or else itself, by what stays the same over restarts.
pub(super) fn component(seen: &SeenDrive) -> Component {
    match (seen.bay, &seen.drive.identity.serial) {
        (Some(bay), _) => Component::Bay(bay),
        (None, Some(serial)) => Component::Disk(serial.clone()),
        (None, None) => Component::Disk(seen.place.disk.clone()),
    }
}

impl Drives {
    /// The drives that are there, with their places.
    pub(super) fn present(&self) -> Vec<Subject> {
        let there = self.by_serial.iter().filter(|(_, known)| known.there);
        there
            .map(|(serial, known)| Subject {
                place: known.component.to_string(),
                serial: Some(serial.clone()),
            })
            .collect()
    }

    pub(super) fn forget(&mut self, subject: &Subject) {
        if let Some(serial) = &subject.serial
            && self.by_serial.get(serial).is_some_and(|known| !known.there)
        {
            self.by_serial.remove(serial);
        }
    }

    pub(super) fn take(&mut self, now: u64, board: &Board, seen: Option<&[SeenDrive]>, findings: &mut Vec<Finding>) {
        if let Some(seen) = seen {
            self.look(now, seen);
            for drive in seen.iter().filter(|d| self.serial(d).is_none()) {
                // without a serial number nothing can be remembered
                findings.extend(said(drive).into_iter().map(|s| s.of(&component(drive), None)));
            }
            empty_bays(board, seen, findings);
        }
        let taken: Vec<Component> = self
            .by_serial
            .values()
            .filter(|k| k.there)
            .map(|k| k.component.clone())
            .collect();
        // a pulled drive whose bay has another one was replaced
        self.by_serial.retain(|_, known| {
            known.there || matches!(known.component, Component::Disk(_)) || !taken.contains(&known.component)
        });
        for (serial, known) in &self.by_serial {
            if !known.there {
                let model = known
                    .model
                    .as_ref()
                    .map_or(Value::from(phrases::SOME_DRIVE), Value::from);
                let removed = Said {
                    code: REMOVED.to_owned(),
                    state: State::Warning,
                    text: phrases::DRIVE_GONE.with([model, serial.into()]).into(),
                };
                findings.push(removed.of(&known.component, Some(serial)));
                continue;
            }
            findings.extend(
                known
                    .said
                    .iter()
                    .map(|said| said.clone().of(&known.component, Some(serial))),
            );
            if known.silent.is_some_and(|since| now.saturating_sub(since) >= SILENT) {
                let silent = Said {
                    code: "no_answer".to_owned(),
                    state: State::Warning,
                    text: phrases::DRIVE_SILENT.into(),
                };
                findings.push(silent.of(&known.component, Some(serial)));
            }
        }
    }

    /// The serial number that a drive is known by: its own, or while it does not answer that of the drive that was there.
    fn serial(&self, seen: &SeenDrive) -> Option<String> {
        if let Some(serial) = &seen.drive.identity.serial {
            return Some(serial.clone());
        }
        let same = |known: &Known| match seen.bay {
            Some(bay) => known.component == Component::Bay(bay),
            None => known.disk == seen.place.disk,
        };
        let known = self.by_serial.iter().find(|(_, known)| known.there && same(known));
        known.map(|(serial, _)| serial.clone())
    }

    fn look(&mut self, now: u64, seen: &[SeenDrive]) {
        let serials: Vec<Option<String>> = seen.iter().map(|drive| self.serial(drive)).collect();
        for known in self.by_serial.values_mut() {
            known.there = false;
        }
        for (drive, serial) in seen.iter().zip(serials) {
            let Some(serial) = serial else { continue };
            if !self.by_serial.contains_key(&serial) && self.by_serial.len() >= DRIVES_MAX {
                continue;
            }
            let known = self.by_serial.entry(serial).or_insert_with(|| Known {
                component: component(drive),
                disk: String::new(),
                model: None,
                rates: BTreeMap::new(),
                said: Vec::new(),
                silent: None,
                there: true,
            });
            known.there = true;
            known.take(now, drive);
        }
    }
}

impl Known {
    fn take(&mut self, now: u64, seen: &SeenDrive) {
        self.disk.clone_from(&seen.place.disk);
        if seen.bay.is_some() || seen.drive.identity.serial.is_some() {
            self.component = component(seen);
        }
        if let Some(model) = &seen.drive.identity.model {
            self.model = Some(model.clone());
        }
        match seen.drive.assessment {
            Assessment::Missing(NoData::Timeout | NoData::Failed | NoData::NotPresent) if !has_facts(seen) => {
                self.silent.get_or_insert(now);
                return;
            }
            // what was said before it fell asleep still stands
            Assessment::Missing(NoData::Standby) if !has_facts(seen) => {
                self.silent = None;
                return;
            }
            _ => self.silent = None,
        }
        self.said = said(seen);
        let solid_state = seen.drive.solid_state();
        for reading in &seen.verdict.readings {
            let Some(rule) = counters::of_drive(reading.id(), solid_state) else {
                continue;
            };
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count, whole and not negative"
            )]
            let value = reading.value().ok().map(|v| v as u64);
            let rate = self.rates.entry(reading.id().to_owned()).or_default();
            let grown = rate.observe(now, value);
            if grown < rule.daily {
                continue;
            }
            let text = Text::from(phrases::DRIVE_MORE.with([grown.into(), reading.name().clone().into()]));
            match self.said.iter_mut().find(|s| s.code == rule.code) {
                Some(said) => {
                    said.text = Text {
                        zh: format!("{}；{}", said.text.zh, text.zh),
                        en: format!("{}; {}", said.text.en, text.en),
                    };
                }
                None => self.said.push(Said {
                    code: rule.code.to_owned(),
                    state: State::Warning,
                    text,
                }),
            }
        }
    }
}

impl Said {
    fn of(self, component: &Component, serial: Option<&str>) -> Finding {
        let mut finding = finding(component, &self.code, self.state, self.text);
        finding.subject.serial = serial.map(str::to_owned);
        finding
    }
}

fn has_facts(seen: &SeenDrive) -> bool {
    let drive = &seen.drive;
    drive.ata.is_some() || drive.scsi.is_some() || drive.nvme.is_some()
}

/// The reasons that weigh.
fn said(seen: &SeenDrive) -> Vec<Said> {
    let state = |weight: Weight| match weight {
        Weight::Note => None,
        Weight::Warning => Some(State::Warning),
        Weight::Failing => Some(State::Critical),
    };
    let reasons = seen.verdict.reasons.iter();
    reasons
        .filter_map(|reason| {
            Some(Said {
                code: reason.code.to_owned(),
                state: state(reason.weight)?,
                text: (&reason.text).into(),
            })
        })
        .collect()
}

/// Bays that have to be filled, once any disk is known to sit in a bay: else the board file does not fit the box.
fn empty_bays(board: &Board, seen: &[SeenDrive], findings: &mut Vec<Finding>) {
    if seen.iter().all(|drive| drive.bay.is_none()) {
        return;
    }
    for bay in board.bays().iter().filter(|bay| bay.required) {
        if seen.iter().all(|drive| drive.bay != Some(bay.number)) {
            findings.push(finding(
                &Component::Bay(bay.number),
                "absent",
                State::Critical,
                phrases::BAY_EMPTY,
            ));
        }
    }
}
