//! Log blocks of one class, messages or application logs: one redb file a day, so that forgetting a day is unlinking a
//! file.

mod page;
mod search;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{LogBlock, LogHead, Timestamp};
use redb::{ReadTransaction, ReadableTable, TableDefinition};

use crate::append::BatchKey;
use crate::check::FileCheck;
use crate::day::Day;
use crate::dayfiles::DayFiles;
use crate::disk::Disk;
use crate::error::StoreError;
use crate::file::DbFile;
use crate::value::opened;

use page::Page;
use search::Conditions;

pub use page::{LogCursor, ParseLogCursorError};

/// (latest time of a record, epoch, sequence): a batch that comes twice has the same key.
type Key = (u64, u64, u64);
/// The blocks' heads: what a search needs to step over a block.
const HEADS: TableDefinition<Key, &[u8]> = TableDefinition::new("heads");
/// What follows the heads.
const BODIES: TableDefinition<Key, &[u8]> = TableDefinition::new("bodies");
/// Earliest time of a record: enough to step over a block that is later than what is asked for.
const INDEX: TableDefinition<Key, u64> = TableDefinition::new("index");

/// How many records the file has; not in files of the release before.
const RECORDS: TableDefinition<u8, u64> = TableDefinition::new("records");

/// The classes' files: messages, and application logs.
pub(crate) const MESSAGES: &str = "logs";
pub(crate) const TRANSACTIONS: &str = "transactions";
/// Memory for one file's pages.
const CACHE_BYTES: usize = 4 << 20;

/// A search for log records. All conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogSearch {
    /// Of application logs; else of messages.
    pub transactions: bool,
    /// The start, included.
    pub from: Timestamp,
    /// The end, excluded.
    pub to: Timestamp,
    /// Of these exporters alone; empty: of all.
    pub exporters: Vec<model::LinkId>,
    /// That came in one of these ways; empty: in any.
    pub kinds: Vec<model::LogSource>,
    /// The addresses that the record came from: of application logs the client's.
    pub client: Option<model::AddressRange>,
    /// The addresses of the server, and its port; only application logs have one.
    pub server: Option<(model::AddressRange, Option<u16>)>,
    /// The code, whole, whatever the case.
    pub code: Option<String>,
    /// A part of the host's name or of the address that the record came from, whatever the case.
    pub host: Option<String>,
    /// At least as grave as this.
    pub severity: Option<model::Severity>,
    /// A facility.
    pub facility: Option<u8>,
    /// A part of the program's or module's name, whatever the case.
    pub app: Option<String>,
    /// Words, each of which stands in the text, data, host, app or code, whatever the case.
    pub keywords: Vec<String>,
    /// At most so many records.
    pub limit: usize,
    /// Goes on after the page that ended with this.
    pub before: Option<LogCursor>,
}

/// What a search for log records found.
#[derive(Debug, Default)]
pub struct LogsFound {
    /// The records, newest first: at most as many as were asked for, and some 8 MiB of them.
    pub records: Vec<model::LogRecord>,
    /// Where the next page begins; `None`: there is none.
    pub next: Option<LogCursor>,
    /// Records that were looked at.
    pub read: u64,
    /// Records in blocks that were stepped over unread.
    pub stepped_over: u64,
    /// Whether everything up to `next` was searched; else the search was broken off, and `next` goes on from there.
    pub complete: bool,
    /// What could not be read; the rest was answered.
    pub problems: Vec<StoreError>,
}

/// The log files of a class.
#[derive(Debug)]
pub(crate) struct Logs {
    kind: &'static str,
    files: DayFiles,
    /// Records of days that were counted.
    counted: Mutex<BTreeMap<Day, u64>>,
}

impl Logs {
    pub(crate) fn open(disk: Arc<dyn Disk>, kind: &'static str, names: &[(String, u64)]) -> Self {
        Self {
            kind,
            files: DayFiles::open(disk, kind, CACHE_BYTES, names),
            counted: Mutex::default(),
        }
    }

    pub(crate) fn files(&self) -> &DayFiles {
        &self.files
    }

    /// The day that a block is filed under: its latest record's, but no later than tomorrow, lest a
    /// wrong clock makes a file that is the newest for years.
    pub(crate) fn day_of(block: &LogBlock, now: Timestamp) -> Day {
        Day::of(block.max_time()).min(Day::of(now).next())
    }

    /// Stores blocks of one day in one transaction; answers which of them are new.
    pub(crate) fn append(&self, day: Day, blocks: &[(BatchKey, &LogBlock)]) -> Result<Vec<bool>, StoreError> {
        let stored = self.files.file(day).write(|txn| {
            let mut index = txn.open_table(INDEX)?;
            let mut heads = txn.open_table(HEADS)?;
            let mut bodies = txn.open_table(BODIES)?;
            let mut records = match txn.open_table(RECORDS)?.get(0)? {
                Some(records) => records.value(),
                None => count(&heads)?,
            };
            let mut new = Vec::with_capacity(blocks.len());
            for (batch, block) in blocks {
                let key = (block.max_time().as_nanos(), batch.epoch, batch.sequence);
                let before = index.insert(key, block.min_time().as_nanos())?.is_some();
                if !before {
                    heads.insert(key, block.head().bytes())?;
                    bodies.insert(key, block.body())?;
                    records += block.len() as u64;
                }
                new.push(!before);
            }
            txn.open_table(RECORDS)?.insert(0, records)?;
            Ok((new, records))
        });
        self.files.close_if_old(day);
        let (new, records) = stored?;
        self.counted().insert(day, records);
        Ok(new)
    }

    fn counted(&self) -> MutexGuard<'_, BTreeMap<Day, u64>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many records there are; `None` while that takes more than `limit` further files to be asked.
    pub(crate) fn records(&self, limit: usize) -> Result<Option<u64>, StoreError> {
        let days = self.files.days();
        let unknown: Vec<Day> = {
            let mut counted = self.counted();
            counted.retain(|day, _| days.contains(day));
            days.iter().copied().filter(|day| !counted.contains_key(day)).collect()
        };
        for day in unknown.iter().take(limit) {
            match self.records_of(*day) {
                Ok(records) => drop(self.counted().insert(*day, records)),
                // Whoever searches it finds that out, and it is set aside.
                Err(_) => drop(self.counted().insert(*day, 0)),
            }
        }
        Ok((unknown.len() <= limit).then(|| self.counted().values().sum()))
    }

    /// How many records a day has.
    pub(crate) fn records_of(&self, day: Day) -> Result<u64, StoreError> {
        let Some(file) = self.files.existing(day) else {
            return Ok(0);
        };
        let read = file.read(|txn| {
            let records = match opened(txn.open_table(RECORDS))? {
                Some(records) => records.get(0)?.map(|records| records.value()),
                None => None,
            };
            match (records, opened(txn.open_table(HEADS))?) {
                (None, Some(heads)) => count(&heads),
                (records, _) => Ok(records.unwrap_or(0)),
            }
        });
        self.files.close_if_old(day);
        read
    }

    /// Reads all blocks of a day.
    pub(crate) fn check(&self, day: Day, check: &mut FileCheck) -> Result<(), StoreError> {
        let Some(file) = self.files.existing(day) else {
            return Ok(());
        };
        file.read(|txn| {
            let (Some(heads), Some(bodies)) = (opened(txn.open_table(HEADS))?, opened(txn.open_table(BODIES))?) else {
                return Ok(());
            };
            for entry in heads.iter()? {
                let (key, head) = entry?;
                let key = key.value();
                let body = bodies.get(key)?;
                let body = body.as_ref().map_or(&[][..], |body| body.value());
                match LogBlock::parse([head.value(), body].concat()).and_then(|block| block.records()) {
                    Ok(records) => {
                        check.blocks += 1;
                        check.records += records.len() as u64;
                    }
                    Err(source) => check.problems.push(StoreError::Block {
                        file: day.file_name(self.kind),
                        batch: BatchKey {
                            epoch: key.1,
                            sequence: key.2,
                        },
                        source,
                    }),
                }
            }
            Ok(())
        })
    }

    /// Searches, newest first. `go_on` is asked before each block that may hold something: where it
    /// says no, the page ends there, and the next one goes on.
    pub(crate) fn search(&self, search: &LogSearch, mut go_on: impl FnMut() -> bool) -> LogsFound {
        let mut found = LogsFound::default();
        let conditions = Conditions::new(search);
        let mut page = Page::new(search);
        let days = self.files.days();
        // A block is filed under the day of its latest record, or an earlier one (see `day_of`).
        let first = days.last().map_or(Day(0), |last| Day::of(search.from).min(*last));
        for day in days.into_iter().rev().take_while(|day| *day >= first) {
            let Some(file) = self.files.existing(day) else { continue };
            let read = file.read(|txn| search_day(txn, &file, &conditions, &mut page, &mut found, &mut go_on));
            self.files.close_if_old(day);
            match read {
                Ok(true) => {}
                Ok(false) => break,
                Err(problem) => found.problems.push(problem),
            }
        }
        page.finish(found)
    }
}

/// The records of the blocks: their heads say how many.
fn count(heads: &impl ReadableTable<Key, &'static [u8]>) -> Result<u64, redb::Error> {
    let mut records = 0;
    for entry in heads.iter()? {
        let (_, head) = entry?;
        let number = head.value().get(8..12).and_then(|octets| octets.try_into().ok());
        records += number.map_or(0, |octets| u64::from(u32::from_le_bytes(octets)));
    }
    Ok(records)
}

/// Searches a day's file; answers whether to go on with the day before.
fn search_day(
    txn: &ReadTransaction,
    file: &DbFile,
    conditions: &Conditions,
    page: &mut Page,
    found: &mut LogsFound,
    go_on: &mut impl FnMut() -> bool,
) -> Result<bool, redb::Error> {
    // Made, and then the power went: there is no table.
    let (Some(index), Some(heads), Some(bodies)) = (
        opened(txn.open_table(INDEX))?,
        opened(txn.open_table(HEADS))?,
        opened(txn.open_table(BODIES))?,
    ) else {
        return Ok(true);
    };
    for entry in index.range((conditions.from().as_nanos(), 0, 0)..)?.rev() {
        let (key, min_time) = entry?;
        let (key, min_time) = (key.value(), Timestamp::from_nanos(min_time.value()));
        let max_time = Timestamp::from_nanos(key.0);
        if page.is_settled_at(max_time) {
            return Ok(false);
        }
        if !page.may_take(min_time) {
            continue;
        }
        if page.may_end_at(max_time) && !go_on() {
            page.end_at(max_time);
            return Ok(false);
        }
        let batch = BatchKey {
            epoch: key.1,
            sequence: key.2,
        };
        let (Some(head), Some(body)) = (heads.get(key)?, bodies.get(key)?) else {
            continue;
        };
        let searched = LogHead::parse(head.value()).and_then(|parsed| {
            if !conditions.may_hold(&parsed)? {
                found.stepped_over += parsed.len() as u64;
                return Ok(());
            }
            let block = LogBlock::parse([head.value(), body.value()].concat())?;
            found.read += block.len() as u64;
            conditions.search(&block, batch, page)
        });
        if let Err(source) = searched {
            found.problems.push(StoreError::Block {
                file: file.name().to_owned(),
                batch,
                source,
            });
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
