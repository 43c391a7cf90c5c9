//! What a source's report makes of the alarm list. Reports and the time go in, rows to be written come out; what was
//! reported before changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use api::alarms::{AlarmCounts, EdgeId, HardwareReport, ReportReceipt};
use api::hardware;
use model::{Acknowledged, Alarm, AlarmEnd, AlarmSeverity, AlarmSource, AlarmText, AlarmWords, Cleared, Timestamp};
use serde::{Deserialize, Serialize};

/// The most alarms that are open at a time; what is raised beyond is left out, and comes with a later report.
pub(super) const OPEN_MAX: usize = 2_048;
/// Alarms that are over and kept, and for how many seconds.
pub(super) const HISTORY_MAX: usize = 10_000;
pub(super) const HISTORY_S: u64 = 400 * 86_400;
/// Runs of a source whose edges are remembered.
const RUNS_MAX: usize = 64;
/// The longest texts, in octets.
const COMPONENT_MAX: usize = 128;
const SERIAL_MAX: usize = 64;
const CODE_MAX: usize = 64;
const NAME_MAX: usize = 256;
const WORDS_MAX: usize = 1_024;

/// What makes two alarms the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    source: AlarmSource,
    component: String,
    serial: Option<String>,
    code: String,
}

impl Key {
    fn of(alarm: &Alarm) -> Self {
        Self {
            source: alarm.source,
            component: alarm.component.clone(),
            serial: alarm.serial.clone(),
            code: alarm.code.clone(),
        }
    }

    fn is_of(&self, alarm: &Alarm) -> bool {
        (self.source, &self.component, &self.serial, &self.code)
            == (alarm.source, &alarm.component, &alarm.serial, &alarm.code)
    }

    fn said(alarm: &hardware::Alarm) -> Self {
        Self {
            source: AlarmSource::Hardware,
            component: clipped(&alarm.component, COMPONENT_MAX),
            serial: alarm.serial.as_deref().map(|serial| clipped(serial, SERIAL_MAX)),
            code: clipped(&alarm.code, CODE_MAX),
        }
    }
}

/// What must outlast a restart beside the alarms.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Saved {
    /// The last number that an alarm got.
    last: u64,
    /// The run that reports now, and the edges that it had at its newest report.
    reporter: Option<(u64, u64)>,
    /// Runs and their newest edge that was taken, the newest run last.
    runs: Vec<(u64, u64)>,
}

/// The last alarm of a key that is over.
#[derive(Debug, Clone, Copy)]
struct Last {
    id: u64,
    raised: Timestamp,
    recurrences: u32,
}

/// The alarms that are open, and what is known of those that are over.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    open: BTreeMap<Key, Alarm>,
    saved: Saved,
    last: BTreeMap<Key, Last>,
    /// Those that are over: when they ended, and their key.
    over: BTreeMap<u64, (Timestamp, Key)>,
}

/// A change that is not written yet.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    ledger: &'a Ledger,
    open: BTreeMap<Key, Alarm>,
    saved: Saved,
    changed: BTreeMap<u64, Alarm>,
    removed: Vec<u64>,
    left_out: usize,
}

/// What is to be written, all of it in one go.
#[derive(Debug, Default)]
pub(super) struct Written {
    open: BTreeMap<Key, Alarm>,
    pub(super) saved: Saved,
    pub(super) changed: Vec<Alarm>,
    pub(super) removed: Vec<u64>,
    /// Alarms for which there was no room.
    pub(super) left_out: usize,
}

impl Ledger {
    /// A ledger of the alarms and of what was saved before.
    pub(super) fn of(saved: Saved, alarms: impl IntoIterator<Item = Alarm>) -> Self {
        let mut ledger = Self {
            saved,
            ..Self::default()
        };
        for alarm in alarms {
            // a damaged file begins anew, and numbers still go on
            ledger.saved.last = ledger.saved.last.max(alarm.id);
            match alarm.cleared {
                None => drop(ledger.open.insert(Key::of(&alarm), alarm)),
                Some(_) => ledger.put_over(&alarm),
            }
        }
        ledger
    }

    fn put_over(&mut self, alarm: &Alarm) {
        let Some(cleared) = alarm.cleared else { return };
        let key = Key::of(alarm);
        let last = Last {
            id: alarm.id,
            raised: alarm.raised,
            recurrences: alarm.recurrences,
        };
        self.over.insert(alarm.id, (cleared.at, key.clone()));
        let known = self.last.entry(key).or_insert(last);
        if known.id < alarm.id {
            *known = last;
        }
    }

    /// The open alarms.
    pub(super) fn open(&self) -> impl Iterator<Item = &Alarm> {
        self.open.values()
    }

    /// How many are open.
    pub(super) fn counts(&self) -> AlarmCounts {
        let mut counts = AlarmCounts::default();
        for alarm in self.open() {
            match alarm.severity {
                AlarmSeverity::Critical => counts.critical += 1,
                AlarmSeverity::Warning => counts.warning += 1,
            }
            counts.unseen += u32::from(alarm.acknowledged.is_none());
        }
        counts
    }

    /// Begins a change.
    pub(super) fn draft(&self) -> Draft<'_> {
        Draft {
            ledger: self,
            open: self.open.clone(),
            saved: self.saved.clone(),
            changed: BTreeMap::new(),
            removed: Vec::new(),
            left_out: 0,
        }
    }

    /// Takes over what has been written.
    pub(super) fn accept(&mut self, written: Written) {
        self.open = written.open;
        self.saved = written.saved;
        for alarm in &written.changed {
            self.put_over(alarm);
        }
        for id in &written.removed {
            if let Some((_, key)) = self.over.remove(id)
                && self.last.get(&key).is_some_and(|last| last.id == *id)
            {
                self.last.remove(&key);
            }
        }
    }
}

impl Draft<'_> {
    /// Takes a report of the hardware monitor. One that was overtaken by a later one changes nothing.
    pub(super) fn report(&mut self, report: &HardwareReport) -> ReportReceipt {
        let receipt = |newer: Option<u64>| ReportReceipt {
            last: report.edges.last().filter(|_| newer.is_none()).map(|edge| edge.id),
            newer,
        };
        if let Some((run, so_far)) = self.saved.reporter {
            if report.run < run {
                return receipt(Some(run));
            }
            if report.run == run && report.edges_so_far < so_far {
                // overtaken, or another run under a number that is taken: its edges were perhaps never seen
                return receipt(Some(run));
            }
        }
        for edge in &report.edges {
            if !self.is_new(edge.id) {
                continue;
            }
            match edge.end {
                None => self.raise(&edge.alarm, edge.at),
                Some(how) => self.end(&edge.alarm, Cleared { at: edge.at, how }),
            }
        }
        self.saved.reporter = Some((report.run, report.edges_so_far));
        let there: BTreeSet<Key> = report.open.iter().map(Key::said).collect();
        let gone = self
            .open
            .keys()
            .filter(|key| key.source == AlarmSource::Hardware && !there.contains(key));
        for key in gone.cloned().collect::<Vec<_>>() {
            self.clear(
                &key,
                Cleared {
                    at: report.at,
                    how: AlarmEnd::Unseen,
                },
            );
        }
        for alarm in &report.open {
            self.raise(alarm, report.at);
        }
        self.make_room();
        receipt(None)
    }

    /// Whether an edge was not taken before; it counts as taken from now on.
    fn is_new(&mut self, edge: EdgeId) -> bool {
        let runs = &mut self.saved.runs;
        if let Some((_, newest)) = runs.iter_mut().find(|(run, _)| *run == edge.run) {
            let is_new = *newest < edge.number;
            *newest = edge.number.max(*newest);
            return is_new;
        }
        if runs.len() >= RUNS_MAX {
            runs.remove(0);
        }
        runs.push((edge.run, edge.number));
        true
    }

    fn before(&self, key: &Key) -> Option<Last> {
        let mut now = self.changed.values().rev();
        let now = now.find(|alarm| alarm.cleared.is_some() && key.is_of(alarm));
        now.map(|alarm| Last {
            id: alarm.id,
            raised: alarm.raised,
            recurrences: alarm.recurrences,
        })
        .or_else(|| self.ledger.last.get(key).copied())
    }

    /// An alarm that is open, as its source says it now.
    fn raise(&mut self, said: &hardware::Alarm, at: Timestamp) {
        let key = Key::said(said);
        if self.open.get(&key).is_some_and(|known| known.raised != said.since) {
            // its end and the new beginning were not heard
            self.clear(
                &key,
                Cleared {
                    at,
                    how: AlarmEnd::Unseen,
                },
            );
        }
        let known = self.open.get(&key);
        if known.is_none() && self.open.len() >= OPEN_MAX {
            self.left_out += 1;
            return;
        }
        let alarm = match known {
            Some(known) => Alarm {
                acknowledged: seen(known.acknowledged.as_ref(), said, at),
                ..self.alarm(known.id, known.recurrences, said)
            },
            None => {
                let recurrences = self.before(&key).map_or(0, |last| last.recurrences.saturating_add(1));
                self.saved.last += 1;
                Alarm {
                    acknowledged: seen(None, said, at),
                    ..self.alarm(self.saved.last, recurrences, said)
                }
            }
        };
        if known != Some(&alarm) {
            self.changed.insert(alarm.id, alarm.clone());
            self.open.insert(key, alarm);
        }
    }

    fn alarm(&self, id: u64, recurrences: u32, said: &hardware::Alarm) -> Alarm {
        let key = Key::said(said);
        let text = |text: &AlarmText, most: usize| AlarmText {
            zh: clipped(&text.zh, most),
            en: clipped(&text.en, most),
        };
        let words = |words: &AlarmWords| AlarmWords {
            title: clipped(&words.title, WORDS_MAX),
            todo: clipped(&words.todo, WORDS_MAX),
        };
        Alarm {
            id,
            source: key.source,
            name: clipped(&said.id, NAME_MAX),
            component: key.component,
            serial: key.serial,
            code: key.code,
            severity: match said.state {
                hardware::State::Critical => AlarmSeverity::Critical,
                _ => AlarmSeverity::Warning,
            },
            text: text(&said.text, WORDS_MAX),
            zh: words(&said.zh),
            en: words(&said.en),
            raised: said.since,
            recurrences,
            acknowledged: None,
            cleared: None,
            part: text(&said.part, NAME_MAX),
        }
    }

    fn clear(&mut self, key: &Key, cleared: Cleared) {
        if let Some(mut alarm) = self.open.remove(key) {
            alarm.cleared = Some(cleared);
            self.changed.insert(alarm.id, alarm);
        }
    }

    /// An alarm that is over, as its source says.
    fn end(&mut self, said: &hardware::Alarm, cleared: Cleared) {
        let key = Key::said(said);
        if self.open.contains_key(&key) {
            self.clear(&key, cleared);
        } else if self.before(&key).is_none_or(|last| last.raised != said.since) {
            // its beginning was not heard
            self.raise(said, cleared.at);
            self.clear(&key, cleared);
        }
    }

    /// Notes that somebody has seen an open alarm; whether there is one of that number.
    pub(super) fn acknowledge(&mut self, id: u64, by: &str, at: Timestamp) -> bool {
        let Some(alarm) = self.open.values_mut().find(|alarm| alarm.id == id) else {
            return false;
        };
        if alarm.acknowledged.as_ref().is_none_or(|seen| seen.by != by) {
            let by = clipped(by, NAME_MAX);
            alarm.acknowledged = Some(Acknowledged { at, by });
            self.changed.insert(id, alarm.clone());
        }
        true
    }

    /// Lets the oldest go of those that are over, where they are too many.
    fn make_room(&mut self) {
        let more = self.changed.values().filter(|alarm| alarm.cleared.is_some()).count();
        let excess = (self.ledger.over.len() + more).saturating_sub(HISTORY_MAX);
        let oldest = self.ledger.over.keys().take(excess);
        self.removed.extend(oldest);
    }

    /// Lets those go that are over for too long.
    pub(super) fn forget(&mut self, now: Timestamp) {
        let from = Timestamp::from_secs(now.as_secs().saturating_sub(HISTORY_S));
        let old = self.ledger.over.iter().filter(|(_, (ended, _))| *ended < from);
        self.removed.extend(old.map(|(id, _)| id));
    }

    /// What is to be written; `None` where nothing changed.
    pub(super) fn finish(self) -> Option<Written> {
        let same = self.changed.is_empty() && self.removed.is_empty() && self.saved == self.ledger.saved;
        (!same).then(|| Written {
            open: self.open,
            saved: self.saved,
            changed: self.changed.into_values().collect(),
            removed: self.removed,
            left_out: self.left_out,
        })
    }
}

/// Who has seen it and when, as far as the source says now; its own time is when that was first heard.
fn seen(known: Option<&Acknowledged>, said: &hardware::Alarm, at: Timestamp) -> Option<Acknowledged> {
    let by = clipped(said.acknowledged.as_deref()?, NAME_MAX);
    match known {
        Some(known) if known.by == by => Some(known.clone()),
        _ => Some(Acknowledged { at, by }),
    }
}

/// A text without control characters, of so many octets at most.
fn clipped(text: &str, most: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        let c = if c.is_control() { ' ' } else { c };
        if out.len() + c.len_utf8() > most {
            break;
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests;
