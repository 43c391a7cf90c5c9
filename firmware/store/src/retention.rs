//! What is kept how long: by age, by octets a class, and by how full the disk is; oldest first, never the newest.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use model::Timestamp;
use serde::{Deserialize, Serialize};
use settings::{KeepLimit, KeptClass, Retention};

use crate::day::Day;
use crate::dayfiles::DayFiles;
use crate::windows::Class;
use crate::{Event, Room, Store, StoreError};

/// Under which name the list of what was removed is kept.
const REMOVED: &str = "removed";
/// So many removals are remembered.
const REMOVED_MAX: usize = 200;
/// After files were removed from a full disk: readers may still hold their room.
const PATIENCE_S: u64 = 30;
/// Classes of which every day is a file, or several: what goes first when the disk is full.
const BY_FILE: [KeptClass; 4] = [
    KeptClass::Records,
    KeptClass::Logs,
    KeptClass::Transactions,
    KeptClass::Minutes,
];
const GB: u64 = 1_000_000_000;
const DAY_S: u64 = 86_400;

/// How much is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keep {
    /// Seconds that windows of 1 s are kept.
    pub seconds: u64,
    /// Seconds that windows of 1 min are kept; minutes of interfaces and readings of gauges go by whole days.
    pub minutes: u64,
    /// Days that records are kept.
    pub record_days: u64,
    /// Days that log records are kept.
    pub log_days: u64,
    /// Days that application logs are kept.
    pub transaction_days: u64,
    /// Days that rollups are kept.
    pub rollup_days: u64,
    /// Octets that a class may take; a class that is not there: as many as the disk has room for.
    pub octets: BTreeMap<KeptClass, u64>,
    /// The share of the disk in use, in percent, at which the oldest is removed.
    pub full_percent: u64,
    /// Octets of the disk that are left free: below, nothing is stored.
    pub reserve: u64,
}

impl Default for Keep {
    fn default() -> Self {
        Self::of(&Retention::default())
    }
}

impl Keep {
    /// What the settings say.
    #[must_use]
    pub fn of(retention: &Retention) -> Self {
        let days = |limit: KeepLimit| u64::from(limit.age);
        let octets = KeptClass::ALL.into_iter().filter_map(|class| {
            let gb = retention.of(class).gb?;
            Some((class, u64::from(gb) * GB))
        });
        Self {
            seconds: 3_600 * u64::from(retention.seconds.age),
            minutes: DAY_S * days(retention.minutes),
            record_days: days(retention.records),
            log_days: days(retention.logs),
            transaction_days: days(retention.transactions),
            rollup_days: days(retention.rollups),
            octets: octets.collect(),
            full_percent: retention.full_percent.into(),
            reserve: 32 << 20,
        }
    }

    pub(crate) fn most(&self, class: KeptClass) -> u64 {
        self.octets.get(&class).copied().unwrap_or(u64::MAX)
    }

    /// Days that a class is kept; `None`: it does not go by days.
    pub(crate) const fn days(&self, class: KeptClass) -> Option<u64> {
        match class {
            KeptClass::Records => Some(self.record_days),
            KeptClass::Minutes => Some(self.minutes / DAY_S),
            KeptClass::Logs => Some(self.log_days),
            KeptClass::Transactions => Some(self.transaction_days),
            KeptClass::Rollups => Some(self.rollup_days),
            KeptClass::Seconds | KeptClass::Packets => None,
        }
    }
}

/// Why something was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovedWhy {
    /// It was older than its class is kept.
    Age,
    /// The class took more than it may.
    Size,
    /// The disk was full.
    DiskFull,
}

impl RemovedWhy {
    const fn text(self) -> &'static str {
        match self {
            Self::Age => "too old",
            Self::Size => "more than is to be kept",
            Self::DiskFull => "the disk is full",
        }
    }
}

/// Something that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// When.
    pub at: Timestamp,
    /// Of which class.
    pub class: KeptClass,
    /// A file, or a day of what has no files of its own.
    pub what: String,
    /// Octets that it took.
    pub octets: u64,
    /// Why.
    pub why: RemovedWhy,
}

/// What the store keeps in memory for this.
#[derive(Debug, Default)]
pub(crate) struct Upkeep {
    /// When a full disk last had files removed, in s.
    full_at: AtomicU64,
}

/// Octets of the days of a class, the oldest first.
pub(crate) type Days = BTreeMap<Day, u64>;

/// What lies in the folder.
#[derive(Debug)]
pub(crate) struct Usage(BTreeMap<String, u64>);

impl Usage {
    /// The octets of a kind's days.
    pub(crate) fn days(&self, files: &DayFiles) -> Days {
        let named = |day: Day| self.0.get(&files.name(day)).map(|octets| (day, *octets));
        files.days().into_iter().filter_map(named).collect()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = (&String, u64)> {
        self.0.iter().map(|(name, octets)| (name, *octets))
    }
}

impl Store {
    /// Keeps so much from now on; what is more than that goes at the next upkeep.
    pub fn set_keep(&self, keep: Keep) {
        self.exporters.keep_days(keep.minutes / DAY_S);
        *self.keep.write().unwrap_or_else(PoisonError::into_inner) = keep;
    }

    /// How much is kept.
    #[must_use]
    pub fn keep(&self) -> Keep {
        self.keep.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn usage_now(&self) -> Result<Usage, StoreError> {
        let files = self.disk.list().map_err(|source| StoreError::Disk {
            doing: "reading the data folder".to_owned(),
            source,
        })?;
        Ok(Usage(files.into_iter().collect()))
    }

    fn files_of(&self, class: KeptClass) -> Option<&DayFiles> {
        match class {
            KeptClass::Records => Some(self.blocks.files()),
            KeptClass::Minutes => Some(self.exporters.files()),
            KeptClass::Logs => Some(self.logs.files()),
            KeptClass::Transactions => Some(self.transactions.files()),
            KeptClass::Seconds | KeptClass::Rollups | KeptClass::Packets => None,
        }
    }

    /// Removes what is too old, what is more than is to be kept, and what a full disk has no room for.
    pub(crate) fn forget_old(&self, now: Timestamp) -> Result<(), StoreError> {
        let keep = self.keep();
        let usage = self.usage_now()?;
        let mut removed = Vec::new();
        let mut done = Ok(());
        for class in [
            KeptClass::Records,
            KeptClass::Minutes,
            KeptClass::Logs,
            KeptClass::Transactions,
            KeptClass::Rollups,
        ] {
            let went = self.forget_class(class, &keep, &usage, now, &mut removed);
            done = done.and(went);
        }
        let full = self.forget_for_room(&keep, now, &mut removed);
        self.note_removed(removed, now)?;
        done.and(full)
    }

    /// Octets of the days of a class that go by whole days.
    pub(crate) fn days_of(&self, class: KeptClass, usage: &Usage) -> Result<Days, StoreError> {
        match class {
            KeptClass::Rollups => Ok(self.hours.rollup_days()),
            KeptClass::Minutes => {
                let mut days = usage.days(self.exporters.files());
                for (start, octets) in self.windows.sizes(Class::Minutes)? {
                    *days.entry(Day(start / DAY_S)).or_default() += on_disk(octets);
                }
                Ok(days)
            }
            class => Ok(self.files_of(class).map(|files| usage.days(files)).unwrap_or_default()),
        }
    }

    /// Removes days of a class that are too old or too much.
    fn forget_class(
        &self,
        class: KeptClass,
        keep: &Keep,
        usage: &Usage,
        now: Timestamp,
        removed: &mut Vec<Removed>,
    ) -> Result<(), StoreError> {
        let oldest_kept = Day(Day::of(now).0.saturating_sub(keep.days(class).unwrap_or(u64::MAX)));
        let most = keep.most(class);
        let mut days = self.days_of(class, usage)?;
        let mut octets: u64 = days.values().sum();
        if class == KeptClass::Rollups {
            // The index goes with the records that it is of.
            octets += self.hours.index_octets();
        }
        // The newest is never removed.
        while days.len() > 1
            && let Some((day, size)) = days.pop_first()
        {
            let why = if day < oldest_kept {
                RemovedWhy::Age
            } else if octets > most {
                RemovedWhy::Size
            } else {
                break;
            };
            octets -= size;
            self.forget_day(class, day, size, (why, now), removed)?;
        }
        Ok(())
    }

    /// Removes the oldest days while the disk is full: of what takes most of it, again and again.
    fn forget_for_room(&self, keep: &Keep, now: Timestamp, removed: &mut Vec<Removed>) -> Result<(), StoreError> {
        let room = self.room()?;
        let last = self.upkeep.full_at.load(Ordering::Relaxed);
        let waits = (last..last.saturating_add(PATIENCE_S)).contains(&now.as_secs());
        if room.used_percent() < keep.full_percent || waits {
            return Ok(());
        }
        let mut left = over(room, keep.full_percent).max(1);
        let usage = self.usage_now()?;
        let mut classes: Vec<(KeptClass, Days)> = BY_FILE
            .into_iter()
            .filter_map(|class| Some((class, usage.days(self.files_of(class)?))))
            .collect();
        while left > 0 {
            let most = classes.iter_mut().filter(|(_, days)| days.len() > 1);
            let Some((class, days)) = most.max_by_key(|(_, days)| days.values().sum::<u64>()) else {
                break;
            };
            let Some((day, size)) = days.pop_first() else { break };
            left = left.saturating_sub(size);
            self.upkeep.full_at.store(now.as_secs(), Ordering::Relaxed);
            self.forget_day(*class, day, size, (RemovedWhy::DiskFull, now), removed)?;
        }
        Ok(())
    }

    /// Removes a day of a class.
    fn forget_day(
        &self,
        class: KeptClass,
        day: Day,
        octets: u64,
        (why, at): (RemovedWhy, Timestamp),
        removed: &mut Vec<Removed>,
    ) -> Result<(), StoreError> {
        let what = match self.files_of(class) {
            Some(files) if files.has(day) => {
                if class == KeptClass::Records {
                    self.hours.freeze(day)?;
                }
                let file = files.forget(day)?;
                if class == KeptClass::Records {
                    self.hours.forget(day)?;
                }
                file
            }
            // Minutes of links alone: they go by `maintain`, row by row.
            Some(_) => return Ok(()),
            None => {
                self.hours.forget_rollups(day, self.blocks.files().has(day))?;
                day.name()
            }
        };
        removed.push(Removed {
            at,
            class,
            what,
            octets,
            why,
        });
        Ok(())
    }

    /// Seconds and minutes before these moments go.
    pub(crate) fn oldest_windows(&self, now: Timestamp) -> Result<(Timestamp, Timestamp), StoreError> {
        let keep = self.keep();
        let before = |age: u64| Timestamp::from_secs(now.as_secs().saturating_sub(age));
        let (mut seconds, mut minutes) = (before(keep.seconds), before(keep.minutes));
        if keep.octets.contains_key(&KeptClass::Seconds) {
            let sizes = self.windows.sizes(Class::Seconds)?;
            seconds = seconds.max(first_kept(&sizes, keep.most(KeptClass::Seconds)));
        }
        if keep.octets.contains_key(&KeptClass::Minutes) {
            let days = self.days_of(KeptClass::Minutes, &self.usage_now()?)?;
            let sizes = days
                .into_iter()
                .map(|(day, octets)| (day.0 * DAY_S, octets * 2 / 3))
                .collect();
            minutes = minutes.max(first_kept(&sizes, keep.most(KeptClass::Minutes)));
        }
        Ok((seconds, minutes))
    }

    /// Tells of days of seconds and minutes that are gone.
    pub(crate) fn note_gone(&self, gone: &[(Class, u64, u64)], now: Timestamp) -> Result<(), StoreError> {
        let keep = self.keep();
        let removed = gone.iter().map(|(class, start, octets)| {
            let (class, age) = match class {
                Class::Seconds => (KeptClass::Seconds, keep.seconds),
                Class::Minutes => (KeptClass::Minutes, keep.minutes),
            };
            let aged = start + DAY_S + age <= now.as_secs();
            Removed {
                at: now,
                class,
                what: Day(start / DAY_S).name(),
                octets: on_disk(*octets),
                why: if aged { RemovedWhy::Age } else { RemovedWhy::Size },
            }
        });
        self.note_removed(removed.collect(), now)
    }

    /// What was removed lately, the newest first.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn removed(&self) -> Result<Vec<Removed>, StoreError> {
        let list = self.state.get(REMOVED)?;
        // A list of another release is as good as none.
        Ok(list
            .and_then(|list| postcard::from_bytes(&list).ok())
            .unwrap_or_default())
    }

    fn note_removed(&self, removed: Vec<Removed>, now: Timestamp) -> Result<(), StoreError> {
        if removed.is_empty() {
            return Ok(());
        }
        let mut list = self
            .removed()
            .inspect_err(|problem| self.mend(problem, now))
            .unwrap_or_default();
        for one in removed {
            self.event(Event::Forgotten {
                file: one.what.clone(),
                reason: one.why.text(),
            });
            list.insert(0, one);
        }
        list.truncate(REMOVED_MAX);
        let list = postcard::to_allocvec(&list).unwrap_or_default();
        self.state.put(REMOVED, &list)
    }
}

/// What rows of so many octets take on disk: two thirds of a tree's pages are full.
pub(crate) const fn on_disk(octets: u64) -> u64 {
    octets + octets / 2
}

/// Octets in use beyond a share of the disk.
pub(crate) fn over(room: Room, percent: u64) -> u64 {
    let most = u128::from(room.total) * u128::from(percent) / 100;
    let used = u128::from(room.total.saturating_sub(room.available));
    u64::try_from(used.saturating_sub(most)).unwrap_or(u64::MAX)
}

/// Where what is kept begins if it may take `most` octets on disk: at the newest, however large that is.
fn first_kept(sizes: &BTreeMap<u64, u64>, most: u64) -> Timestamp {
    let mut sum = 0;
    let mut first = 0;
    for (start, octets) in sizes.iter().rev() {
        sum += on_disk(*octets);
        if sum > most && first != 0 {
            break;
        }
        first = *start;
    }
    Timestamp::from_secs(first)
}
