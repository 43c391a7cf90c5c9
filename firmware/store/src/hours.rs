//! Which hours have blocks, which of them are closed, and what happens to that as blocks come and go.
//!
//! What is closed stands in two files, each of which is right by itself: an hour that `index.redb` has is looked up there,
//! an hour that `rollups.redb` has needs no records. A block that belongs to such an hour is committed only after the
//! hour's rows were durably taken back; whoever was closing the hour meanwhile finds that out and begins anew.

mod coming;
mod days;
mod index;
mod lists;
mod rollups;
mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use model::{Block, Timestamp};

use crate::blocks::Blocks;
use crate::day::Day;
use crate::disk::Disk;
use crate::retention::on_disk;
use crate::{BlockMeta, Hour, HourIndex, Period, RollupRow, StoreError};

use coming::hours_of_ends;
use state::{Closing, GRACE_S, OpenHour, ROLLED_AHEAD, ROLLED_BACK};

pub(crate) use coming::{Coming, filed, filed_in};
pub(crate) use index::{ClosedHour, FILE as INDEX, Index, Kind, Reader, hours_of};
pub(crate) use rollups::{FILE as ROLLUPS, Rolled, Rollups, first_hour};
pub(crate) use state::State;

/// Hours that a block's records are taken to reach back where its columns were not read.
const REACH: u32 = 48;
/// Octets of sets that are merged in one transaction, or one day's.
const MERGE_OCTETS: u64 = 32 << 20;

/// What is to be done for an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) hour: u32,
    pub(crate) index: bool,
    pub(crate) rollups: bool,
    pub(crate) generation: u64,
}

/// The hours, and the two files.
#[derive(Debug)]
pub(crate) struct Hours {
    pub(crate) index: Index,
    pub(crate) rollups: Rollups,
    state: Mutex<State>,
    changed: Condvar,
}

impl Hours {
    pub(crate) fn new(disk: &Arc<dyn Disk>) -> Self {
        Self {
            index: Index::new(disk.clone()),
            rollups: Rollups::new(disk.clone()),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // What is behind the lock is whole whenever it is released.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what the two files and the days' files have. To be called before anything else, and again after a file was
    /// set aside; by the thread that writes. What cannot be read is answered, and left out.
    pub(crate) fn load(&self, blocks: &Blocks, now: Timestamp) -> Vec<StoreError> {
        let mut problems = Vec::new();
        let index = self.index.load().unwrap_or_else(|problem| {
            problems.push(problem);
            index::Loaded::default()
        });
        let rollups = self.rollups.load().unwrap_or_else(|problem| {
            problems.push(problem);
            rollups::Loaded::default()
        });
        let days: BTreeSet<Day> = blocks.files().days().into_iter().collect();
        let mut state = self.lock();
        while state.closing.is_some() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let generation = state.generation + 1;
        let mut fresh = State {
            rolled: rollups.hours,
            days: rollups.days,
            frozen: rollups.frozen,
            // Whoever closes an hour by what was known before fails.
            forgotten: generation,
            generation,
            pending: std::mem::take(&mut state.pending),
            ..State::default()
        };
        let day_of = |hour: u32| Day(u64::from(hour) / 24);
        // Days whose files are gone, in one way or another.
        let gone: BTreeSet<Day> = index.hours.keys().map(|hour| day_of(*hour)).collect();
        let gone: Vec<Day> = gone.difference(&days).copied().collect();
        let here = index
            .hours
            .into_iter()
            .filter(|(hour, _)| days.contains(&day_of(*hour)));
        fresh.closed = here.map(|(hour, row)| (hour, (row, generation))).collect();
        fresh.whole = index.days.into_iter().filter(|day| days.contains(day)).collect();
        fresh.merged = index.merged;
        let mut now_whole = Vec::new();
        for day in &days {
            if fresh.whole.contains(day) {
                continue;
            }
            match blocks.list(*day, Timestamp::EPOCH) {
                Ok(list) => {
                    let mut open = false;
                    for block in list {
                        let hour = filed(&block);
                        if !fresh.closed.contains_key(&hour) {
                            fresh.open(hour, OpenHour::of(&block));
                            open = true;
                        }
                    }
                    if !open && *day < Day::of(now) {
                        now_whole.push(*day);
                    }
                }
                Err(problem) => problems.push(problem),
            }
        }
        let reach = |hour: u32, min_start: u64| {
            let first = Hour::of(Timestamp::from_nanos(min_start)).0;
            first.max(hour.saturating_sub(REACH))..=hour
        };
        let closed = fresh
            .closed
            .iter()
            .map(|(hour, (row, _))| reach(*hour, row.min_start.0));
        let open = fresh.open.iter().map(|(hour, open)| reach(*hour, open.min_start));
        let hours: BTreeSet<u32> = closed.chain(open).flatten().collect();
        fresh.unroll(hours.into_iter(), now);
        *state = fresh;
        drop(state);
        for day in gone {
            problems.extend(self.index.forget(day).err());
        }
        if !now_whole.is_empty() {
            match self.index.whole(&now_whole) {
                Ok(()) => self.lock().whole.extend(now_whole),
                Err(problem) => problems.push(problem),
            }
        }
        problems
    }

    /// Begins to store blocks: what is closed and would not be right with them is durably taken back. The blocks may be
    /// committed once this has answered, and as long as the answer lives.
    pub(crate) fn begin(&self, blocks: &[(Day, &Block)], now: Timestamp) -> Result<Coming<'_>, StoreError> {
        let mut coming = Vec::with_capacity(blocks.len());
        let mut hours = BTreeSet::new();
        for (day, block) in blocks {
            let filed = filed_in(*day, block.max_end());
            let ends = hours_of_ends(block);
            hours.insert(filed);
            hours.extend(&ends);
            coming.push((filed, ends));
        }
        let days: BTreeSet<Day> = blocks.iter().map(|(day, _)| *day).collect();
        let mut state = self.lock();
        while state.closing.as_ref().is_some_and(|closing| {
            hours.range(closing.hours.clone()).next().is_some() || closing.day.is_some_and(|day| days.contains(&day))
        }) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        for hour in &hours {
            *state.pending.entry(*hour).or_default() += 1;
        }
        state.touch(hours.iter().copied(), now);
        let unindex: BTreeSet<u32> = coming.iter().map(|(filed, _)| *filed).collect();
        let unindex: Vec<u32> = unindex.into_iter().filter(|h| state.closed.contains_key(h)).collect();
        let unwhole: Vec<Day> = days.into_iter().filter(|day| state.whole.contains(day)).collect();
        let ends = coming.iter().flat_map(|(_, ends)| ends);
        let ends: BTreeSet<u32> = ends.copied().filter(|hour| !state.is_frozen(*hour)).collect();
        // A day may be closed although this hour of it had no records.
        let days: BTreeSet<u32> = ends.iter().map(|hour| first_hour(*hour)).collect();
        let undo_days: Vec<u32> = days.into_iter().filter(|day| state.days.contains_key(day)).collect();
        let unroll: Vec<u32> = ends
            .into_iter()
            .filter(|hour| state.rolled.contains_key(hour))
            .collect();
        drop(state);
        let coming = Coming {
            hours: self,
            now,
            all: hours,
            blocks: coming,
        };
        if !(unindex.is_empty() && unwhole.is_empty()) {
            self.index.unclose(&unindex, &unwhole)?;
            let mut state = self.lock();
            for hour in unindex {
                if let Some((row, _)) = state.closed.remove(&hour) {
                    state.open(
                        hour,
                        OpenHour {
                            blocks: row.blocks.into(),
                            records: row.records,
                            min_start: row.min_start.0,
                            max_end: row.max_end.1,
                        },
                    );
                }
            }
            unwhole.iter().for_each(|day| {
                state.whole.remove(day);
            });
        }
        if !(unroll.is_empty() && undo_days.is_empty()) {
            self.rollups.unclose(&unroll, &undo_days)?;
            let mut state = self.lock();
            unroll.iter().for_each(|hour| {
                state.rolled.remove(hour);
            });
            undo_days.iter().for_each(|day| {
                state.days.remove(day);
            });
            state.unroll(unroll.into_iter(), now);
        }
        Ok(coming)
    }

    /// Hours that are over and of which something is to be made; the newest first.
    pub(crate) fn due(&self, now: Timestamp, objects: u64, has: impl Fn(Day) -> bool) -> Vec<Due> {
        let state = self.lock();
        let generation = state.generation;
        let over = Hour::of(now).0;
        let mut hours: BTreeSet<u32> = state.open.range(..=over).map(|(hour, _)| *hour).collect();
        hours.extend(state.unrolled.range(..=over));
        let due = |hour: u32| Due {
            hour,
            index: state.open.contains_key(&hour),
            rollups: state.unrolled.contains(&hour),
            generation,
        };
        let first = hours
            .iter()
            .rev()
            .filter(|hour| state.is_over(**hour, now))
            .map(|hour| due(*hour));
        let again = state.rolled.iter().rev().filter(|(hour, rolled)| {
            rolled.objects != objects
                && !hours.contains(hour)
                && !state.is_frozen(**hour)
                && has(Day(u64::from(**hour) / 24))
                && state.is_over(**hour, now)
        });
        let again = again.map(|(hour, _)| Due {
            rollups: true,
            ..due(*hour)
        });
        first.chain(again).collect()
    }

    /// Notes that an hour turned out to have no blocks.
    pub(crate) fn has_no_blocks(&self, due: Due) {
        let mut state = self.lock();
        if !state.touched_after(due.hour, due.generation) {
            state.open.remove(&due.hour);
        }
    }

    /// Stores what was made of an hour, unless something came meanwhile.
    pub(crate) fn close(
        &self,
        due: Due,
        now: Timestamp,
        filed: &[BlockMeta],
        made: (&HourIndex, &[RollupRow]),
        objects: u64,
    ) -> Result<bool, StoreError> {
        let hour = due.hour;
        let day = Day(u64::from(hour) / 24);
        let mut state = self.lock();
        while state.closing.is_some() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.touched_after(hour, due.generation) {
            return Ok(false);
        }
        let of_day = hours_of(day);
        let is_last = due.index
            && day < Day::of(now)
            && state.open.range(of_day.clone()).all(|(other, _)| *other == hour)
            && state.pending.range(of_day).next().is_none();
        let whole = is_last.then_some(day);
        // A frozen day's records may be gone by now.
        let roll = due.rollups && !state.is_frozen(hour);
        state.closing = Some(Closing {
            hours: hour..hour.saturating_add(1),
            day: whole,
        });
        drop(state);
        let _done = Closed(self);
        let (index, rows) = made;
        if roll {
            let rolled = self.rollups.close(Period::Hour, hour, rows, objects)?;
            let mut state = self.lock();
            state.rolled.insert(hour, rolled);
            state.days.remove(&first_hour(hour));
            state.unrolled.remove(&hour);
        }
        if due.index {
            let row = self.index.close(hour, filed, index, whole)?;
            let mut state = self.lock();
            state.generation += 1;
            let generation = state.generation;
            state.closed.insert(hour, (row, generation));
            state.open.remove(&hour);
            // Whether it was merged or not, it has rows of its own again.
            state.merged.entry(day).and_modify(|hours| *hours &= !hour_bit(hour));
            state.whole.extend(whole);
        }
        Ok(true)
    }

    /// Merges the sets of days that are whole: of as many as one transaction may have, the newest first. Answers whether there
    /// are more.
    pub(crate) fn merge(&self) -> Result<bool, StoreError> {
        let mut state = self.lock();
        while state.closing.is_some() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let (mut days, mut octets, mut more) = (Vec::new(), 0, false);
        for day in state.whole.iter().rev() {
            let merged = state.merged.get(day).copied().unwrap_or(0);
            let mut unmerged = 0;
            for (hour, (row, _)) in state.closed.range(hours_of(*day)) {
                if merged & hour_bit(*hour) == 0 {
                    unmerged += row.octets.max(1);
                }
            }
            if unmerged == 0 || state.pending.range(hours_of(*day)).next().is_some() {
                continue;
            }
            octets += unmerged;
            if !days.is_empty() && octets > MERGE_OCTETS {
                more = true;
                break;
            }
            days.push(*day);
        }
        let (Some(newest), Some(oldest)) = (days.first(), days.last()) else {
            return Ok(false);
        };
        // Blocks that would take one of the hours back wait.
        state.closing = Some(Closing {
            hours: *hours_of(*oldest).start()..hours_of(*newest).end().saturating_add(1),
            day: None,
        });
        drop(state);
        let _done = Closed(self);
        self.index.merge(&days)?;
        let mut state = self.lock();
        for day in &days {
            let hours = state.closed.range(hours_of(*day));
            let hours = hours.fold(0, |all, (hour, _)| all | hour_bit(*hour));
            state.merged.insert(*day, hours);
        }
        Ok(more)
    }

    /// Days that are over, whose hours are closed with these objects, and that are not closed; the newest first.
    pub(crate) fn days_due(&self, now: Timestamp, objects: u64) -> Vec<(u32, u64)> {
        let state = self.lock();
        let mut starts: BTreeSet<u32> = BTreeSet::new();
        let today = first_hour(Hour::of(now).0);
        for hour in state.rolled.range(..today).map(|(hour, _)| *hour) {
            starts.insert(first_hour(hour));
        }
        let due = starts.into_iter().rev().filter(|start| {
            let hours = *start..start.saturating_add(24);
            state.days.get(start).is_none_or(|day| day.objects != objects)
                && state.unrolled.range(hours.clone()).next().is_none()
                && state.pending.range(hours.clone()).next().is_none()
                && state
                    .rolled
                    .range(hours.clone())
                    .all(|(_, rolled)| rolled.objects == objects)
                && hours.clone().all(|hour| state.is_over(hour, now))
        });
        due.map(|start| (start, state.generation)).collect()
    }

    /// Stores a day's rows, unless something came for one of its hours meanwhile.
    pub(crate) fn close_day(
        &self,
        (start, generation): (u32, u64),
        rows: &[RollupRow],
        objects: u64,
    ) -> Result<bool, StoreError> {
        let hours = start..start.saturating_add(24);
        let mut state = self.lock();
        while state.closing.is_some() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let changed = hours.clone().any(|hour| state.touched_after(hour, generation))
            || state.unrolled.range(hours.clone()).next().is_some()
            || state
                .rolled
                .range(hours.clone())
                .any(|(_, rolled)| rolled.objects != objects)
            || state.rolled.range(hours.clone()).next().is_none();
        if changed {
            return Ok(false);
        }
        state.closing = Some(Closing { hours, day: None });
        drop(state);
        let _done = Closed(self);
        let rolled = self.rollups.close(Period::Day, start, rows, objects)?;
        self.lock().days.insert(start, rolled);
        Ok(true)
    }

    /// The hours of a range that are rolled up, with the objects by which they were, and those that have no records.
    pub(crate) fn whole_hours(&self, range: Range<u32>) -> Vec<(u32, Option<u64>)> {
        let state = self.lock();
        let newest = state
            .rolled
            .keys()
            .next_back()
            .into_iter()
            .chain(state.closed.keys().next_back());
        let newest = newest.chain(state.open.keys().next_back()).max().copied().unwrap_or(0);
        // What is further away is not rolled up; and nobody has to count the hours since 1970.
        let range =
            range.start.max(newest.saturating_sub(ROLLED_BACK))..range.end.min(newest.saturating_add(ROLLED_AHEAD));
        if range.is_empty() {
            return Vec::new();
        }
        // How many blocks' spans begin and end at each hour of the range.
        let mut steps: BTreeMap<u32, i64> = BTreeMap::new();
        let closed = state.closed.values().map(|(row, _)| (row.min_start.0, row.max_end.1));
        let open = state.open.values().map(|open| (open.min_start, open.max_end));
        let hour = |nanos| Hour::of(Timestamp::from_nanos(nanos)).0;
        for (first, last) in closed.chain(open).map(|(start, end)| (hour(start), hour(end))) {
            if first < range.end && last >= range.start {
                *steps.entry(first.max(range.start)).or_default() += 1;
                *steps.entry(last.saturating_add(1)).or_default() -= 1;
            }
        }
        let mut spans = 0;
        let whole = range.filter_map(|hour| {
            spans += steps.get(&hour).copied().unwrap_or(0);
            match state.rolled.get(&hour) {
                Some(rolled) => Some((hour, Some(rolled.objects))),
                None if spans == 0 && !state.pending.contains_key(&hour) => Some((hour, None)),
                None => None,
            }
        });
        whole.collect()
    }

    /// Prepares that a day's file goes: its rollups stay as they are.
    pub(crate) fn freeze(&self, day: Day) -> Result<(), StoreError> {
        let number = u32::try_from(day.0).unwrap_or(u32::MAX);
        if !self.lock().frozen.contains(&number) {
            self.rollups.freeze(day)?;
            self.lock().frozen.insert(number);
        }
        let mut state = self.lock();
        let gone: Vec<u32> = state.unrolled.range(hours_of(day)).copied().collect();
        gone.iter().for_each(|hour| {
            state.unrolled.remove(hour);
        });
        Ok(())
    }

    /// Notes that a day's file is gone.
    pub(crate) fn forget(&self, day: Day) -> Result<(), StoreError> {
        let mut state = self.lock();
        while state.closing.is_some() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let hours = hours_of(day);
        state.closed.retain(|hour, _| !hours.contains(hour));
        state.open.retain(|hour, _| !hours.contains(hour));
        state.whole.remove(&day);
        state.merged.remove(&day);
        // Whoever is closing an hour of it fails.
        state.touch(hours.clone(), Timestamp::EPOCH);
        drop(state);
        self.index.forget(day)
    }

    /// What rollups take on disk by day.
    pub(crate) fn rollup_days(&self) -> BTreeMap<Day, u64> {
        let state = self.lock();
        let rolled = state
            .rolled
            .iter()
            .chain(&state.days)
            .map(|(hour, row)| (hour, row.octets));
        let mut days = BTreeMap::new();
        for (hour, octets) in rolled {
            *days.entry(Day(u64::from(*hour) / 24)).or_default() += on_disk(octets);
        }
        days
    }

    /// What the index takes on disk.
    pub(crate) fn index_octets(&self) -> u64 {
        let state = self.lock();
        let octets = state.closed.iter().map(|(hour, (row, _))| {
            let merged = state.merged.get(&Day(u64::from(*hour) / 24)).copied().unwrap_or(0);
            match merged & hour_bit(*hour) {
                0 => on_disk(row.octets),
                // In fewer bits, and in pages that are full.
                _ => row.octets / 6 * 5,
            }
        });
        octets.sum()
    }

    /// Hours that are over and not closed.
    pub(crate) fn hours_open(&self, now: Timestamp) -> u64 {
        let state = self.lock();
        let mut hours: BTreeSet<u32> = state.open.keys().copied().collect();
        hours.extend(&state.unrolled);
        hours
            .into_iter()
            .filter(|hour| Hour(*hour).end().as_secs() + GRACE_S <= now.as_secs())
            .count() as u64
    }

    /// Removes a day's rollups; where the day still has records, they are not rolled up again.
    pub(crate) fn forget_rollups(&self, day: Day, has_records: bool) -> Result<(), StoreError> {
        self.rollups.forget(day, has_records)?;
        let number = u32::try_from(day.0).unwrap_or(u32::MAX);
        let mut state = self.lock();
        for hour in hours_of(day) {
            state.rolled.remove(&hour);
            state.days.remove(&hour);
            state.unrolled.remove(&hour);
        }
        match has_records {
            true => state.frozen.insert(number),
            false => state.frozen.remove(&number),
        };
        Ok(())
    }
}

/// An hour's bit among those of its day.
const fn hour_bit(hour: u32) -> u32 {
    1 << (hour % 24)
}

/// Says that nothing is being closed any more.
struct Closed<'a>(&'a Hours);

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.lock().closing = None;
        self.0.changed.notify_all();
    }
}
