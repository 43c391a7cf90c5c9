//! Closing hours and days: once over, an hour's blocks are read once to make its index and its rollups.

use std::collections::BTreeSet;
use std::ops::Range;

use model::Timestamp;

use crate::day::Day;
use crate::hours::{Due, filed};
use crate::{BlockMeta, Hour, HourIndex, Period, Probe, RollupRow, Store, StoreError};

/// An hour that is over and is not in index or rollups yet.
#[derive(Debug)]
pub struct HourToClose {
    /// To be handed to [`Store::close_hour`].
    pub token: HourToken,
    /// The hour.
    pub hour: Hour,
    /// The blocks whose addresses and 5-tuples, of all their records, make the hour's index; none where it has one.
    pub filed: Vec<BlockMeta>,
    /// The blocks that may hold records that end in the hour: these records make its rollups. None where the rollups are
    /// not to be made anew.
    pub rolled: Vec<BlockMeta>,
}

/// Says which state of an hour was read.
#[derive(Debug)]
pub struct HourToken {
    due: Due,
    now: Timestamp,
    filed: Vec<BlockMeta>,
}

/// A day that is over and whose hours are closed.
#[derive(Debug)]
pub struct DayToClose {
    /// To be handed to [`Store::close_day`].
    pub token: DayToken,
    /// Its hours.
    pub hours: Range<u32>,
    /// The tables and scopes that its hours have rows of: each is read with [`Store::rollups`] and makes one row.
    pub rows: Vec<(u8, u32)>,
}

/// Says which state of a day's hours was read.
#[derive(Debug)]
pub struct DayToken {
    start: u32,
    generation: u64,
}

impl Store {
    /// Hours that are over and not closed, at most `limit`: the newest first, and after them those that were closed with
    /// other objects. An hour in which records still arrive waits. Before that, what a few whole days have in the hours'
    /// index is merged, and of all of them where nothing is to be closed.
    ///
    /// # Errors
    /// When a file cannot be read, or the index not be written.
    pub fn hours_to_close(&self, now: Timestamp, objects: u64, limit: usize) -> Result<Vec<HourToClose>, StoreError> {
        let mut more = self.merge_days()?;
        let files = self.blocks.files();
        let mut hours = Vec::new();
        for due in self.hours.due(now, objects, |day| files.existing(day).is_some()) {
            if hours.len() >= limit {
                break;
            }
            match self.to_close(due, now) {
                Ok(Some(hour)) => hours.push(hour),
                Ok(None) => {}
                // What is damaged is set aside at the next upkeep; the others go on.
                Err(problem @ StoreError::Damaged { .. }) => self.report(problem),
                Err(problem) => return Err(problem),
            }
        }
        while hours.is_empty() && more {
            more = self.merge_days()?;
        }
        Ok(hours)
    }

    /// Merges what a few whole days have in the index; answers whether there is more to merge.
    fn merge_days(&self) -> Result<bool, StoreError> {
        match self.hours.merge() {
            Ok(more) => Ok(more),
            // Where there is no room, there may be some another time; look-ups find what they did before.
            Err(StoreError::Full { .. }) => Ok(false),
            Err(problem @ StoreError::Damaged { .. }) => {
                self.report(problem);
                Ok(false)
            }
            Err(problem) => Err(problem),
        }
    }

    fn to_close(&self, due: Due, now: Timestamp) -> Result<Option<HourToClose>, StoreError> {
        let hour = Hour(due.hour);
        let mut list = Vec::new();
        if due.index {
            list = self.blocks.list(Day::of(hour.start()), hour.start())?;
            list.retain(|block| filed(block) == due.hour);
            if list.is_empty() {
                self.hours.has_no_blocks(due);
            }
        }
        let mut rolled = Vec::new();
        if due.rollups {
            let candidates = self.candidates((hour.start(), hour.end()), &Probe::default());
            if let Some(problem) = candidates.problems.into_iter().next() {
                return Err(problem);
            }
            rolled = candidates.blocks;
        }
        let due = Due {
            index: !list.is_empty(),
            ..due
        };
        if !due.index && !due.rollups {
            return Ok(None);
        }
        let token = HourToken {
            due,
            now,
            filed: list.clone(),
        };
        Ok(Some(HourToClose {
            token,
            hour,
            filed: list,
            rolled,
        }))
    }

    /// Stores an hour's index and rollups; what it had before is replaced. `objects` says by which objects the rollups
    /// were made. Answers `false`, and stores nothing, where a block came meanwhile: the hour is to be closed again.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn close_hour(
        &self,
        token: HourToken,
        index: HourIndex,
        rollups: Vec<RollupRow>,
        objects: u64,
    ) -> Result<bool, StoreError> {
        let made = (&index, rollups.as_slice());
        self.hours.close(token.due, token.now, &token.filed, made, objects)
    }

    /// Days that are over, whose hours are all closed with these objects, and that are not closed themselves; the newest
    /// first.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn days_to_close(&self, now: Timestamp, objects: u64, limit: usize) -> Result<Vec<DayToClose>, StoreError> {
        let due = self.hours.days_due(now, objects).into_iter().take(limit);
        let day = |(start, generation): (u32, u64)| {
            let hours = start..start.saturating_add(24);
            Ok(DayToClose {
                token: DayToken { start, generation },
                rows: self.hours.rollups.scopes(hours.clone())?,
                hours,
            })
        };
        due.map(day).collect()
    }

    /// Stores a day's rollups; see [`Store::close_hour`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn close_day(&self, token: DayToken, rollups: Vec<RollupRow>, objects: u64) -> Result<bool, StoreError> {
        self.hours.close_day((token.start, token.generation), &rollups, objects)
    }

    /// The hours of a range whose rollups are whole, each with the objects that they were made by; `None` where no block
    /// holds records that end in it, so that it has no rows.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn closed_hours(&self, range: Range<u32>) -> Result<Vec<(u32, Option<u64>)>, StoreError> {
        Ok(self.hours.whole_hours(range))
    }

    /// The days, counted from 1970-01-01, of a range whose rollups are whole, each with the objects that they were made by.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn closed_days(&self, range: Range<u32>) -> Result<Vec<(u32, u64)>, StoreError> {
        let state = self.hours.lock();
        let starts = range.start.saturating_mul(24)..range.end.saturating_mul(24);
        let days = state.days.range(starts).map(|(start, day)| (start / 24, day.objects));
        Ok(days.collect())
    }

    /// Gives each row of a table and scope to `each`: the first hour of its period, and its octets, in order of time. The
    /// periods are those that begin in `hours` and are closed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn rollups(
        &self,
        period: Period,
        table: u8,
        scope: u32,
        hours: Range<u32>,
        mut each: impl FnMut(u32, &[u8]),
    ) -> Result<(), StoreError> {
        let closed: BTreeSet<u32> = {
            let state = self.hours.lock();
            let closed = match period {
                Period::Hour => &state.rolled,
                Period::Day => &state.days,
            };
            closed
                .range(hours.start..hours.end.max(hours.start))
                .map(|(start, _)| *start)
                .collect()
        };
        self.hours.rollups.rows(period, (table, scope), hours, |start, octets| {
            if closed.contains(&start) {
                each(start, octets);
            }
        })
    }
}
