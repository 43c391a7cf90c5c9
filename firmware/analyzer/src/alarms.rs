//! The alarm list: open alarms in memory and on the disk, those that are over on the disk alone.

mod ledger;

use std::cmp::Reverse;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use api::alarms::{
    AlarmCounts, Alarms, AlarmsQuery, EDGES_MAX, HardwareReport, PAGE_MAX, REPORTED_MAX, ReportReceipt, TEXT_MAX,
};
use api::{Failure, FailureKind};
use model::{Alarm, Timestamp};
use store::{Store, StoreError};

use self::ledger::{Draft, Ledger};

/// The name of what must outlast a restart beside the alarms.
const SAVED: &str = "alarms";
/// Seconds between two looks for what is too old.
const FORGET_EVERY_S: u64 = 3_600;

/// The list.
#[derive(Debug)]
pub(crate) struct AlarmList {
    ledger: Mutex<Ledger>,
    /// When it was last looked for what is too old, in seconds since 1970.
    looked: AtomicU64,
}

impl AlarmList {
    /// The list as it was kept. Where it cannot be read it is empty, and its sources tell anew what is open.
    pub(crate) fn open(store: &Store) -> Self {
        let mut alarms = Vec::new();
        let read = store
            .alarms(None, |alarm| {
                alarms.push(alarm);
                true
            })
            .and_then(|()| store.state());
        let saved = match read {
            Ok(mut values) => {
                let saved = values.remove(SAVED).unwrap_or_default();
                serde_json::from_slice(&saved).unwrap_or_default()
            }
            Err(problem) => {
                log::error!(EVENT = "unreadable"; "the alarm list cannot be read: {problem}");
                store.report(problem);
                ledger::Saved::default()
            }
        };
        Self {
            ledger: Mutex::new(Ledger::of(saved, alarms)),
            looked: AtomicU64::new(0),
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // a change is taken over in one go, after it was written
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a change: first on the disk, then here.
    fn change<T>(&self, store: &Store, make: impl FnOnce(&mut Draft<'_>) -> T) -> Result<T, Failure> {
        let mut ledger = self.ledger();
        let mut draft = ledger.draft();
        let made = make(&mut draft);
        let Some(written) = draft.finish() else { return Ok(made) };
        if written.left_out > 0 {
            log::warn!(EVENT = "alarms_left_out"; "{} alarms are not in the list: too many are open", written.left_out);
        }
        let put = serde_json::to_vec(&written.saved)
            .map_err(|e| e.to_string())
            .and_then(|saved| {
                let put = store.put_alarms(&written.changed, &written.removed, (SAVED, &saved));
                put.map_err(|problem| tell(store, problem))
            });
        put.map_err(|why| {
            Failure::new(
                FailureKind::Unavailable,
                format!("the alarm list cannot be written: {why}"),
            )
        })?;
        ledger.accept(written);
        Ok(made)
    }

    /// Takes a report; what is confirmed is on the disk.
    pub(crate) fn report(&self, store: &Store, report: &HardwareReport) -> Result<ReportReceipt, Failure> {
        let sizes = [(report.edges.len(), EDGES_MAX), (report.open.len(), REPORTED_MAX)];
        // a later run takes a greater number, and there is none
        if report.run == u64::MAX || sizes.iter().any(|(length, most)| length > most) {
            return Err(Failure::new(
                FailureKind::BadRequest,
                format!("a report has {EDGES_MAX} edges and {REPORTED_MAX} open alarms at most"),
            ));
        }
        self.change(store, |draft| draft.report(report))
    }

    /// The open alarm of a number.
    pub(crate) fn find(&self, id: u64) -> Result<Alarm, Failure> {
        let ledger = self.ledger();
        let found = ledger.open().find(|alarm| alarm.id == id).cloned();
        found.ok_or_else(|| {
            Failure::new(
                FailureKind::NotFound,
                format!("there is no open alarm {id}: see `show alarms`"),
            )
        })
    }

    /// Notes that somebody has seen an alarm, where it is still open.
    pub(crate) fn acknowledge(&self, store: &Store, id: u64, by: &str, now: Timestamp) -> Result<bool, Failure> {
        self.change(store, |draft| draft.acknowledge(id, by, now))
    }

    /// Lets go what is over for too long, now and then.
    pub(crate) fn maintain(&self, store: &Store, now: Timestamp) {
        let looked = self.looked.load(Ordering::Relaxed);
        if now.as_secs().abs_diff(looked) < FORGET_EVERY_S {
            return;
        }
        self.looked.store(now.as_secs(), Ordering::Relaxed);
        if let Err(failure) = self.change(store, |draft| draft.forget(now)) {
            log::warn!(EVENT = "not_forgotten"; "{failure}");
        }
    }

    /// How many are open.
    pub(crate) fn counts(&self) -> AlarmCounts {
        self.ledger().counts()
    }

    /// Alarms that a query asks for.
    pub(crate) fn ask(&self, store: &Store, query: &AlarmsQuery, now: Timestamp) -> Result<Alarms, Failure> {
        let bad = |why: String| Failure::new(FailureKind::BadRequest, why);
        if query.history && (query.limit == 0 || query.limit > PAGE_MAX) {
            return Err(bad(format!("a page has 1 to {PAGE_MAX} alarms, not {}", query.limit)));
        }
        if query.text.len() > TEXT_MAX {
            return Err(bad(format!(
                "a text that is searched for has at most {TEXT_MAX} octets"
            )));
        }
        let words: Vec<String> = query.text.split_whitespace().map(str::to_lowercase).collect();
        let mut answer = Alarms {
            now,
            counts: self.counts(),
            open: Vec::new(),
            history: Vec::new(),
            next: None,
        };
        if query.open {
            let ledger = self.ledger();
            let open = ledger.open().filter(|alarm| matches(alarm, query, &words));
            answer.open = open.cloned().collect();
            answer
                .open
                .sort_by_key(|a| (Reverse(a.severity), a.acknowledged.is_some(), Reverse((a.raised, a.id))));
        }
        if query.history {
            let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
            let read = store.alarms(query.before, |alarm| {
                if alarm.cleared.is_none() || !matches(&alarm, query, &words) {
                    return true;
                }
                if answer.history.len() >= limit {
                    answer.next = answer.history.last().map(|last| last.id);
                    return false;
                }
                answer.history.push(alarm);
                true
            });
            read.map_err(|problem| Failure::new(FailureKind::Unavailable, tell(store, problem)))?;
        }
        Ok(answer)
    }
}

/// Tells the store of what it could not read or write, so that it mends it.
fn tell(store: &Store, problem: StoreError) -> String {
    let why = problem.to_string();
    store.report(problem);
    why
}

fn matches(alarm: &Alarm, query: &AlarmsQuery, words: &[String]) -> bool {
    let in_time = query
        .from
        .is_none_or(|from| alarm.cleared.is_none_or(|cleared| cleared.at >= from))
        && query.to.is_none_or(|to| alarm.raised < to);
    let of_kind = query.source.is_none_or(|source| alarm.source == source)
        && query.severity.is_none_or(|least| alarm.severity >= least);
    if !in_time || !of_kind {
        return false;
    }
    let texts = [
        alarm.component.as_str(),
        &alarm.part.zh,
        &alarm.part.en,
        alarm.serial.as_deref().unwrap_or_default(),
        &alarm.code,
        &alarm.name,
        &alarm.text.zh,
        &alarm.text.en,
        &alarm.zh.title,
        &alarm.zh.todo,
        &alarm.en.title,
        &alarm.en.todo,
    ]
    .join("\n")
    .to_lowercase();
    words.iter().all(|word| texts.contains(word.as_str()))
}

#[cfg(test)]
mod tests;
