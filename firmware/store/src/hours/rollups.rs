//! The file of rollups: rows of hours and days, and which of these are whole.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use redb::{ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use crate::day::Day;
use crate::disk::Disk;
use crate::file::DbFile;
use crate::hours::hours_of;
use crate::value::{self, opened};
use crate::{Period, RollupRow, StoreError};

pub(crate) const FILE: &str = "rollups.redb";
const CACHE_BYTES: usize = 8 << 20;
const VERSION: u8 = 1;

/// (table, scope, period, first hour) → octets whose meaning is the query engine's.
type RowKey = (u8, u32, u8, u32);
const ROWS: TableDefinition<RowKey, &[u8]> = TableDefinition::new("rows");
/// (period, first hour) → the periods that are closed.
const PERIODS: TableDefinition<(u8, u32), &[u8]> = TableDefinition::new("periods");
/// (period, first hour) → periods that were closed, are not any more, and have rows.
const STALE: TableDefinition<(u8, u32), &[u8]> = TableDefinition::new("stale");
/// Days whose records are gone, wholly or in part: their rollups stay as they are.
const FROZEN: TableDefinition<u32, ()> = TableDefinition::new("frozen");

/// A closed hour or day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PeriodRow {
    objects: u64,
    octets: u64,
    /// Table and scope of each row.
    rows: Vec<(u8, u32)>,
}

/// A closed hour or day, without its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rolled {
    /// The objects by which its rows were made.
    pub(crate) objects: u64,
    /// Octets of its rows.
    pub(crate) octets: u64,
}

/// What is in the file when it is opened.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) hours: BTreeMap<u32, Rolled>,
    /// By the first hour of the day.
    pub(crate) days: BTreeMap<u32, Rolled>,
    pub(crate) frozen: BTreeSet<u32>,
}

/// The file.
#[derive(Debug)]
pub(crate) struct Rollups {
    file: DbFile,
}

impl Rollups {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            file: DbFile::new(disk, FILE.to_owned(), CACHE_BYTES),
        }
    }

    pub(crate) fn file(&self) -> &DbFile {
        &self.file
    }

    pub(crate) fn load(&self) -> Result<Loaded, StoreError> {
        self.file.read(|txn| {
            let mut loaded = Loaded::default();
            if let Some(periods) = opened(txn.open_table(PERIODS))? {
                for entry in periods.iter()? {
                    let (key, row) = entry?;
                    let row = unpack(row.value())?;
                    let (period, start) = key.value();
                    let to = match period {
                        1 => &mut loaded.hours,
                        _ => &mut loaded.days,
                    };
                    to.insert(
                        start,
                        Rolled {
                            objects: row.objects,
                            octets: row.octets,
                        },
                    );
                }
            }
            if let Some(frozen) = opened(txn.open_table(FROZEN))? {
                for entry in frozen.iter()? {
                    loaded.frozen.insert(entry?.0.value());
                }
            }
            Ok(loaded)
        })
    }

    /// Stores a period's rows instead of those that it had; a day whose hour it is is not closed any more.
    pub(crate) fn close(
        &self,
        period: Period,
        start: u32,
        rows: &[RollupRow],
        objects: u64,
    ) -> Result<Rolled, StoreError> {
        self.file.write(|txn| {
            remove(txn, (period.number(), start))?;
            let mut table = txn.open_table(ROWS)?;
            let mut octets = 0;
            for row in rows {
                let key = (row.table, row.scope, period.number(), start);
                table.insert(key, row.octets.as_slice())?;
                octets += row.octets.len() as u64 + 24;
            }
            let row = PeriodRow {
                objects,
                octets,
                rows: rows.iter().map(|row| (row.table, row.scope)).collect(),
            };
            let mut periods = txn.open_table(PERIODS)?;
            let packed = value::seal(&value::encode(VERSION, &row)?);
            periods.insert((period.number(), start), packed.as_slice())?;
            drop(periods);
            if period == Period::Hour {
                unclose(txn, (Period::Day.number(), first_hour(start)))?;
            }
            Ok(Rolled { objects, octets })
        })
    }

    /// Takes it back that hours and days, by their first hours, are closed.
    pub(crate) fn unclose(&self, hours: &[u32], days: &[u32]) -> Result<(), StoreError> {
        self.file.write(|txn| {
            for hour in hours {
                unclose(txn, (Period::Hour.number(), *hour))?;
            }
            for day in days {
                unclose(txn, (Period::Day.number(), *day))?;
            }
            Ok(())
        })
    }

    /// Notes that records of a day go: its rollups stay as they are.
    pub(crate) fn freeze(&self, day: Day) -> Result<(), StoreError> {
        self.file.write(|txn| {
            txn.open_table(FROZEN)?
                .insert(u32::try_from(day.0).unwrap_or(u32::MAX), ())?;
            Ok(())
        })
    }

    /// Removes all that there is of a day, and notes whether it stays so.
    pub(crate) fn forget(&self, day: Day, freeze: bool) -> Result<(), StoreError> {
        self.file.write(|txn| {
            let hours = hours_of(day);
            remove(txn, (Period::Day.number(), *hours.start()))?;
            for hour in hours {
                remove(txn, (Period::Hour.number(), hour))?;
            }
            let mut frozen = txn.open_table(FROZEN)?;
            let day = u32::try_from(day.0).unwrap_or(u32::MAX);
            match freeze {
                true => frozen.insert(day, ())?,
                false => frozen.remove(day)?,
            };
            Ok(())
        })
    }

    /// Gives each row in `hours` to `each`, whether its period is closed or not.
    pub(crate) fn rows(
        &self,
        period: Period,
        (table, scope): (u8, u32),
        hours: Range<u32>,
        mut each: impl FnMut(u32, &[u8]),
    ) -> Result<(), StoreError> {
        let key = |hour| (table, scope, period.number(), hour);
        if hours.is_empty() {
            return Ok(());
        }
        self.file.read(|txn| {
            let Some(rows) = opened(txn.open_table(ROWS))? else {
                return Ok(());
            };
            for entry in rows.range(key(hours.start)..key(hours.end))? {
                let (key, row) = entry?;
                each(key.value().3, row.value());
            }
            Ok(())
        })
    }

    /// The tables and scopes that hours in the range have rows of, each once.
    pub(crate) fn scopes(&self, hours: Range<u32>) -> Result<Vec<(u8, u32)>, StoreError> {
        self.file.read(|txn| {
            let mut scopes = BTreeSet::new();
            let Some(periods) = opened(txn.open_table(PERIODS))? else {
                return Ok(Vec::new());
            };
            let key = |hour| (Period::Hour.number(), hour);
            for entry in periods.range(key(hours.start)..key(hours.end.max(hours.start)))? {
                let row = unpack(entry?.1.value())?;
                scopes.extend(row.rows);
            }
            Ok(scopes.into_iter().collect())
        })
    }
}

fn unpack(row: &[u8]) -> Result<PeriodRow, redb::Error> {
    value::decode(VERSION, value::unseal(row)?)
}

/// The first hour of an hour's day.
pub(crate) const fn first_hour(hour: u32) -> u32 {
    hour - hour % 24
}

fn unclose(txn: &WriteTransaction, key: (u8, u32)) -> Result<(), redb::Error> {
    let mut periods = txn.open_table(PERIODS)?;
    if let Some(row) = periods.remove(key)? {
        txn.open_table(STALE)?.insert(key, row.value())?;
    }
    Ok(())
}

/// Removes a period with its rows.
fn remove(txn: &WriteTransaction, key: (u8, u32)) -> Result<(), redb::Error> {
    let mut rows = txn.open_table(ROWS)?;
    for definition in [PERIODS, STALE] {
        if let Some(row) = txn.open_table(definition)?.remove(key)? {
            let row = unpack(row.value())?;
            for (table, scope) in row.rows {
                rows.remove((table, scope, key.0, key.1))?;
            }
        }
    }
    Ok(())
}
