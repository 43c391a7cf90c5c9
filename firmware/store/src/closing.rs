//! Closing hours and days: once over, an hour's blocks are read once to make its index and its rollups.

use std::ops::Range;

use model::Timestamp;

use crate::{BlockMeta, Hour, HourIndex, Period, RollupRow, Store, StoreError};

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
    pub(crate) hour: Hour,
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
    pub(crate) day: u32,
}

impl Store {
    /// Hours that are over and not closed, at most `limit`: the newest first, and after them those that were closed with
    /// other objects. An hour in which records still arrive waits.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn hours_to_close(&self, now: Timestamp, objects: u64, limit: usize) -> Result<Vec<HourToClose>, StoreError> {
        let _ = (now, objects, limit);
        Ok(Vec::new())
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
        let _ = (token.hour, index, rollups, objects);
        Ok(false)
    }

    /// Days that are over, whose hours are all closed with these objects, and that are not closed themselves; the newest
    /// first.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn days_to_close(&self, now: Timestamp, objects: u64, limit: usize) -> Result<Vec<DayToClose>, StoreError> {
        let _ = (now, objects, limit);
        Ok(Vec::new())
    }

    /// Stores a day's rollups; see [`Store::close_hour`].
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn close_day(&self, token: DayToken, rollups: Vec<RollupRow>, objects: u64) -> Result<bool, StoreError> {
        let _ = (token.day, rollups, objects);
        Ok(false)
    }

    /// The hours of a range whose rollups are whole, each with the objects that they were made by; `None` where no block
    /// holds records that end in it, so that it has no rows.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn closed_hours(&self, range: Range<u32>) -> Result<Vec<(u32, Option<u64>)>, StoreError> {
        let _ = range;
        Ok(Vec::new())
    }

    /// The days, counted from 1970-01-01, of a range whose rollups are whole, each with the objects that they were made by.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn closed_days(&self, range: Range<u32>) -> Result<Vec<(u32, u64)>, StoreError> {
        let _ = range;
        Ok(Vec::new())
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
        each: impl FnMut(u32, &[u8]),
    ) -> Result<(), StoreError> {
        let _ = (period.number(), table, scope, hours, each);
        Ok(())
    }
}
