//! Supplies, fans, ports and bays that have to be there, and what is left of their redundancy.

use std::collections::BTreeMap;

use super::sensors::{Sensor, Sensors};
use super::{Sample, finding};
use crate::board::{Board, Component};
use crate::policy::{Finding, Part, Redundancy, redundancy};
use crate::why::{Phrase, phrases};
use crate::{NoData, State};

pub(super) fn judge(board: &Board, sensors: &Sensors, sample: &Sample<'_>, findings: &mut Vec<Finding>) {
    let supplies = Set {
        one: Component::Supply,
        all: Component::Supplies,
        named: board.supplies().iter().map(|s| (s.number, s.required)).collect(),
        needed: Some(board.supplies_needed()),
        what: phrases::SUPPLIES,
    };
    supplies.judge(sensors, findings);
    let fans = Set {
        one: Component::Fan,
        all: Component::Fans,
        named: board.fans().iter().map(|f| (f.number, f.required)).collect(),
        needed: board.fans_needed(),
        what: phrases::FANS,
    };
    fans.judge(sensors, findings);
    ports(board, sample, findings);
}

/// Parts of one kind.
struct Set {
    one: fn(u8) -> Component,
    all: Component,
    /// What the board names, and whether it has to be there.
    named: BTreeMap<u8, bool>,
    needed: Option<usize>,
    what: &'static Phrase,
}

impl Set {
    fn judge(&self, sensors: &Sensors, findings: &mut Vec<Finding>) {
        let mut parts: BTreeMap<u8, Part> = BTreeMap::new();
        for sensor in sensors.all() {
            let number = match (&self.all, &sensor.component) {
                (Component::Supplies, Component::Supply(n)) | (Component::Fans, Component::Fan(n)) => *n,
                _ => continue,
            };
            // what never worked and is not there may be an empty place
            let Some(part) = part(sensor) else { continue };
            let known = parts.entry(number).or_insert(part);
            *known = worse(*known, part);
        }
        if parts.is_empty() {
            // nothing of the kind can be read: nobody can tell what is missing
            return;
        }
        for (number, required) in &self.named {
            if *required {
                parts.entry(*number).or_insert(Part::Absent);
            }
        }
        for (number, part) in &parts {
            if *part == Part::Absent && self.named.get(number).copied().unwrap_or(true) {
                let component = (self.one)(*number);
                findings.push(finding(&component, "absent", State::Critical, phrases::PART_ABSENT));
            }
        }
        let all: Vec<Part> = parts.values().copied().collect();
        if all.len() < 2 {
            return;
        }
        let needed = self.needed.unwrap_or(all.len() - 1);
        let works = all.iter().filter(|part| **part == Part::Works).count();
        let (state, words) = match redundancy(&all, needed, all.len()) {
            Redundancy::Full | Redundancy::Unknown => return,
            Redundancy::Reduced => (State::Warning, phrases::REDUNDANCY_LEFT),
            Redundancy::Lost => (State::Critical, phrases::REDUNDANCY_NONE),
            Redundancy::Insufficient => (State::Critical, phrases::REDUNDANCY_SHORT),
        };
        let text = phrases::SOME_WORK.with([works.into(), all.len().into(), self.what.into(), words.into()]);
        findings.push(finding(&self.all, "redundancy", state, text));
    }
}

/// What one reading says of its part; `None` where it says nothing.
fn part(sensor: &Sensor) -> Option<Part> {
    if !sensor.there || sensor.missing == Some(NoData::NotPresent) {
        return sensor.worked.then_some(Part::Absent);
    }
    if sensor.critical() {
        return Some(Part::Failed);
    }
    match sensor.missing {
        Some(_) if sensor.worked => Some(Part::Unknown),
        Some(_) => None,
        None => sensor.worked.then_some(Part::Works),
    }
}

/// Of two readings' words about a part, the one that counts: a part that fails or is gone by any of them is no use, and one
/// that some reading knows to work is not unknown.
fn worse(a: Part, b: Part) -> Part {
    let rank = |part: Part| match part {
        Part::Unknown => 0,
        Part::Works => 1,
        Part::Absent => 2,
        Part::Failed => 3,
    };
    if rank(a) >= rank(b) { a } else { b }
}

fn ports(board: &Board, sample: &Sample<'_>, findings: &mut Vec<Finding>) {
    for (port, place) in board.ports().iter().zip(board.interfaces(sample.ports)) {
        if port.required && place.is_none() && !sample.ports.is_empty() {
            let component = Component::Port(port.name.clone());
            findings.push(finding(&component, "absent", State::Critical, phrases::CARD_ABSENT));
        }
    }
}
