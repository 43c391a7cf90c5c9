//! What lies on the disk, and what goes next.

use std::collections::BTreeMap;

use model::Timestamp;
use settings::KeptClass;

use crate::day::Day;
use crate::hours::State;
use crate::retention::{Days, Keep, Usage, on_disk, over};
use crate::windows::Class;
use crate::{Hour, Removed, RemovedWhy, Room, Store, StoreError};

const DAY_S: u64 = 86_400;
/// Days whose mean says how much comes in a day.
const RECENT_DAYS: u64 = 7;
/// Files of log records that are asked how many they have, each time.
const LOG_FILES: usize = 16;

/// What is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StorageFacts {
    /// The disk's size, and what of it is free.
    pub room: Room,
    /// The share in use, in percent, from which on the oldest is removed.
    pub full_percent: u64,
    /// By class; packets are not the store's.
    pub classes: Vec<ClassFacts>,
    /// What was removed lately, the newest first, at most 200.
    pub removed: Vec<Removed>,
    /// Files that were set aside because they are damaged, with their octets.
    pub damaged: Vec<(String, u64)>,
    /// Hours that are over and not in index and rollups yet.
    pub hours_open: u64,
}

/// What is kept of a class.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassFacts {
    /// Which.
    pub class: KeptClass,
    /// Octets on disk; of what shares a file with other things, an estimate.
    pub octets: u64,
    /// Flow records or log records; `None` where it has neither, or they are not counted yet.
    pub records: Option<u64>,
    /// The start of the oldest: of its day, or its hour.
    pub oldest: Option<Timestamp>,
    /// The end of the newest.
    pub newest: Option<Timestamp>,
    /// Octets a day, by the last 7 whole days (of seconds: hours).
    pub octets_a_day: Option<u64>,
    /// What goes next; `None` while there is only the newest, which stays.
    pub next: Option<NextRemoval>,
}

/// What goes next of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextRemoval {
    /// A file, or a day of what has no files of its own.
    pub what: String,
    /// When: by age, or by size at the rate of now.
    pub at: Timestamp,
    /// Why.
    pub why: RemovedWhy,
}

impl Store {
    /// What lies on the disk. Reads a few rows only, so that it can be asked every few seconds; how many log records
    /// there are is known after a few times.
    ///
    /// # Errors
    /// When the folder or a file cannot be read.
    pub fn storage(&self, now: Timestamp) -> Result<StorageFacts, StoreError> {
        let keep = self.keep();
        let usage = self.usage_now()?;
        let room = self.room()?;
        let log_records = self.logs.records(LOG_FILES)?;
        let transactions = self.transactions.records(LOG_FILES)?;
        let seconds = self.windows.sizes(Class::Seconds)?;
        let mut classes = vec![of_seconds(&seconds, &keep, now)];
        for class in [
            KeptClass::Records,
            KeptClass::Minutes,
            KeptClass::Rollups,
            KeptClass::Logs,
            KeptClass::Transactions,
        ] {
            let days = self.days_of(class, &usage)?;
            let mut facts = of_days(class, &days, &keep, now);
            match class {
                KeptClass::Records => {
                    let state = self.hours.lock();
                    facts.records = Some(records(&state));
                    (facts.oldest, facts.newest) = span(&state);
                }
                KeptClass::Rollups => facts.octets += self.hours.index_octets(),
                KeptClass::Logs => facts.records = log_records,
                KeptClass::Transactions => facts.records = transactions,
                _ => {}
            }
            if let Some(next) = &mut facts.next {
                let oldest = days.first_key_value().map_or(Day(0), |(day, _)| *day);
                next.what = match class {
                    KeptClass::Records => self.blocks.files().name(oldest),
                    KeptClass::Minutes => self.exporters.files().name(oldest),
                    KeptClass::Logs => self.logs.files().name(oldest),
                    KeptClass::Transactions => self.transactions.files().name(oldest),
                    _ => oldest.name(),
                };
            }
            classes.push(facts);
        }
        self.full_next(&mut classes, &usage, room, &keep, now);
        classes.sort_by_key(|facts| KeptClass::ALL.into_iter().position(|class| class == facts.class));
        let aside = |(name, octets): (&String, u64)| name.contains(".damaged-").then(|| (name.clone(), octets));
        Ok(StorageFacts {
            room,
            full_percent: keep.full_percent,
            classes,
            removed: self.removed()?,
            damaged: usage.names().filter_map(aside).collect(),
            hours_open: self.hours.hours_open(now),
        })
    }

    /// Where the disk is full before anything else happens: the oldest file of the class that takes most goes.
    fn full_next(&self, classes: &mut [ClassFacts], usage: &Usage, room: Room, keep: &Keep, now: Timestamp) {
        let rate: u64 = classes.iter().filter_map(|facts| facts.octets_a_day).sum();
        let used = room.total.saturating_sub(room.available);
        let at = if over(room, keep.full_percent) > 0 {
            Some(now)
        } else {
            let most = u128::from(room.total) * u128::from(keep.full_percent) / 100;
            let left = u64::try_from(most).unwrap_or(u64::MAX).saturating_sub(used);
            (rate > 0).then(|| after(now, left, rate))
        };
        let files = [
            (KeptClass::Records, self.blocks.files()),
            (KeptClass::Logs, self.logs.files()),
            (KeptClass::Transactions, self.transactions.files()),
            (KeptClass::Minutes, self.exporters.files()),
        ];
        let several = files.into_iter().filter_map(|(class, files)| {
            let days = usage.days(files);
            let oldest = days.first_key_value().map(|(day, _)| files.name(*day))?;
            (days.len() > 1).then(|| (days.values().sum::<u64>(), class, oldest))
        });
        let (Some(at), Some((_, class, what))) = (at, several.max()) else {
            return;
        };
        let facts = classes.iter_mut().find(|facts| facts.class == class);
        if let Some(facts) = facts
            && facts.next.as_ref().is_none_or(|next| at < next.at)
        {
            facts.next = Some(NextRemoval {
                what,
                at,
                why: RemovedWhy::DiskFull,
            });
        }
    }
}

/// When so many octets will have come at so many a day.
fn after(now: Timestamp, octets: u64, a_day: u64) -> Timestamp {
    let seconds = u128::from(octets) * u128::from(DAY_S) / u128::from(a_day.max(1));
    let most = 100 * 366 * DAY_S;
    Timestamp::from_secs(now.as_secs() + u64::try_from(seconds).unwrap_or(most).min(most))
}

/// The facts of a class that goes by days; what goes next has no name yet.
fn of_days(class: KeptClass, days: &Days, keep: &Keep, now: Timestamp) -> ClassFacts {
    let today = Day::of(now);
    let octets = days.values().sum();
    let first = days.first_key_value().map(|(day, _)| *day);
    let recent = first.map_or(today, |first| first.max(Day(today.0.saturating_sub(RECENT_DAYS))));
    let octets_a_day = (recent < today).then(|| {
        let sum: u64 = days.range(recent..today).map(|(_, octets)| octets).sum();
        sum / (today.0 - recent.0)
    });
    let last = days.last_key_value().map(|(day, _)| *day);
    let next = first.filter(|_| days.len() > 1).map(|first| {
        let age = Day(first.0 + keep.days(class).unwrap_or(0) + 1).start().max(now);
        let most = keep.most(class);
        let size = match octets_a_day {
            _ if octets > most => Some(now),
            Some(rate) if rate > 0 && most < u64::MAX => Some(after(now, most - octets, rate)),
            _ => None,
        };
        let (at, why) = match size {
            Some(size) if size < age => (size, RemovedWhy::Size),
            _ => (age, RemovedWhy::Age),
        };
        NextRemoval {
            what: String::new(),
            at,
            why,
        }
    });
    ClassFacts {
        class,
        octets,
        records: None,
        oldest: first.map(Day::start),
        newest: last.map(|day| day.next().start().min(now)),
        octets_a_day,
        next,
    }
}

/// The facts of seconds, which go by hours.
fn of_seconds(sizes: &BTreeMap<u64, u64>, keep: &Keep, now: Timestamp) -> ClassFacts {
    let octets = sizes.values().map(|octets| on_disk(*octets)).sum();
    let step = Class::Seconds.step();
    let this = now.as_secs() - now.as_secs() % step;
    let first = sizes.keys().next().copied();
    let whole: Vec<u64> = sizes.range(..this).map(|(_, octets)| on_disk(*octets)).collect();
    let octets_a_day = (!whole.is_empty()).then(|| whole.iter().sum::<u64>() / whole.len() as u64 * 24);
    let most = keep.most(KeptClass::Seconds);
    let next = first.filter(|_| sizes.len() > 1).map(|first| {
        let (at, why) = match octets > most {
            true => (now, RemovedWhy::Size),
            false => (Timestamp::from_secs(first + keep.seconds).max(now), RemovedWhy::Age),
        };
        NextRemoval {
            what: Day(first / DAY_S).name(),
            at,
            why,
        }
    });
    let last = sizes.keys().next_back().copied();
    ClassFacts {
        class: KeptClass::Seconds,
        octets,
        records: None,
        oldest: first.map(Timestamp::from_secs),
        newest: last.map(|last| Timestamp::from_secs(last + step).min(now)),
        octets_a_day,
        next,
    }
}

fn records(state: &State) -> u64 {
    let closed: u64 = state.closed.values().map(|(row, _)| row.records).sum();
    let open: u64 = state.open.values().map(|open| open.records).sum();
    closed + open
}

/// The start of the oldest hour with records, and the latest end of the newest.
fn span(state: &State) -> (Option<Timestamp>, Option<Timestamp>) {
    let first = state
        .closed
        .keys()
        .next()
        .into_iter()
        .chain(state.open.keys().next())
        .min();
    let closed = state.closed.last_key_value().map(|(_, (row, _))| row.max_end.1);
    let open = state.open.last_key_value().map(|(_, open)| open.max_end);
    (
        first.map(|hour| Hour(*hour).start()),
        closed.max(open).map(Timestamp::from_nanos),
    )
}
