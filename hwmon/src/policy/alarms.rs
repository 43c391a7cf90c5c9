//! The book of alarms: what was raised, acknowledged, reminded of and cleared. It is all the state that a restart has to keep.

use std::collections::BTreeMap;

use api::hardware::Text;
use serde::{Deserialize, Serialize};

use super::reminder::due;
use crate::State;

// a box has some hundred parts
const OPEN_MAX: usize = api::alarms::REPORTED_MAX;

/// What an alarm is about. A drive is known by its serial number, and by its slot only where it hides it, so that a replaced
/// drive is a new one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// The slot, sensor or port.
    pub place: String,
    /// The serial number of what is there, where it has one.
    pub serial: Option<String>,
}

/// Something that is wrong now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub subject: Subject,
    /// Its kind, a word that stays the same: `pending`, `fan`, `redundancy`.
    pub code: String,
    /// How bad: [`State::Warning`] or [`State::Critical`]. Others are no alarm.
    pub state: State,
    /// What people read.
    pub text: Text,
}

/// An open alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// What is wrong.
    pub subject: Subject,
    /// Its kind.
    pub code: String,
    /// How bad.
    pub state: State,
    /// What people read.
    pub text: Text,
    /// When it began.
    pub since: u64,
    /// Who acknowledged it, if anybody.
    pub acknowledged: Option<String>,
    reminded: u32,
    last: u64,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It begins.
    Raised,
    /// It got worse: an acknowledgement no longer holds.
    Worse,
    /// It got better, and is still there.
    Better,
    /// It goes on, and nobody has acknowledged it.
    Reminder,
    /// It is over.
    Cleared,
    /// The part that it was about was replaced.
    Replaced,
}

/// One edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What changed.
    pub change: Change,
    /// The alarm after the change.
    pub alarm: Alarm,
}

/// All open alarms.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Alarm>", into = "Vec<Alarm>")]
pub struct Book {
    open: BTreeMap<(Subject, String), Alarm>,
}

impl From<Vec<Alarm>> for Book {
    fn from(alarms: Vec<Alarm>) -> Self {
        Self::of(alarms)
    }
}

impl From<Book> for Vec<Alarm> {
    fn from(book: Book) -> Self {
        book.open.into_values().collect()
    }
}

impl Book {
    /// A book of alarms that were open before, as [`Self::open`] gave them.
    #[must_use]
    pub fn of(alarms: impl IntoIterator<Item = Alarm>) -> Self {
        let open = alarms.into_iter().take(OPEN_MAX);
        Self {
            open: open.map(|a| ((a.subject.clone(), a.code.clone()), a)).collect(),
        }
    }

    /// The open alarms, by place.
    pub fn open(&self) -> impl Iterator<Item = &Alarm> {
        self.open.values()
    }

    /// Takes all that is wrong at `now`. `silent` are the places that could not be read: their alarms stay as they are, since
    /// what is missing is not ok. `present` are the serial numbers that are known to be in a place now.
    pub fn update(&mut self, now: u64, findings: &[Finding], silent: &[String], present: &[Subject]) -> Vec<Event> {
        let mut events = Vec::new();
        let mut seen: BTreeMap<(Subject, String), &Finding> = BTreeMap::new();
        for finding in findings
            .iter()
            .filter(|f| matches!(f.state, State::Warning | State::Critical))
        {
            let key = (finding.subject.clone(), finding.code.clone());
            let worst = seen.entry(key).or_insert(finding);
            if finding.state > worst.state {
                *worst = finding;
            }
        }
        self.open.retain(|key, alarm| {
            if seen.contains_key(key) {
                return true;
            }
            let replaced = alarm.subject.serial.is_some()
                && present
                    .iter()
                    .any(|p| p.place == alarm.subject.place && p.serial.is_some() && p.serial != alarm.subject.serial);
            if !replaced && silent.contains(&alarm.subject.place) {
                return true;
            }
            let change = if replaced { Change::Replaced } else { Change::Cleared };
            events.push(Event {
                change,
                alarm: alarm.clone(),
            });
            false
        });
        for (key, finding) in seen {
            if let Some(alarm) = self.open.get_mut(&key) {
                let change = alarm.take(now, finding);
                events.extend(change.map(|change| Event {
                    change,
                    alarm: alarm.clone(),
                }));
            } else if self.open.len() < OPEN_MAX {
                let alarm = Alarm::new(now, finding);
                events.push(Event {
                    change: Change::Raised,
                    alarm: alarm.clone(),
                });
                self.open.insert(key, alarm);
            }
        }
        events
    }

    /// Notes that `who` has seen the alarm; whether there is one.
    pub fn acknowledge(&mut self, subject: &Subject, code: &str, who: &str) -> bool {
        let alarm = self.open.get_mut(&(subject.clone(), code.to_owned()));
        alarm.map(|alarm| alarm.acknowledged = Some(who.to_owned())).is_some()
    }
}

impl Alarm {
    fn new(now: u64, finding: &Finding) -> Self {
        Self {
            subject: finding.subject.clone(),
            code: finding.code.clone(),
            state: finding.state,
            text: finding.text.clone(),
            since: now,
            acknowledged: None,
            reminded: 0,
            last: now,
        }
    }

    fn take(&mut self, now: u64, finding: &Finding) -> Option<Change> {
        self.text.clone_from(&finding.text);
        let before = std::mem::replace(&mut self.state, finding.state);
        if finding.state > before {
            self.acknowledged = None;
            (self.reminded, self.last) = (0, now);
            return Some(Change::Worse);
        }
        if finding.state < before {
            return Some(Change::Better);
        }
        if self.acknowledged.is_none() && due(now, self.last, self.reminded) {
            self.reminded = self.reminded.saturating_add(1);
            self.last = now;
            return Some(Change::Reminder);
        }
        None
    }
}

#[cfg(test)]
mod tests;
