//! Blocks: one redb file a day, so that forgetting a day is unlinking a file.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{Block, FlowRecord, Timestamp};
use redb::{TableDefinition, TableError};

use crate::day::Day;
use crate::disk::Disk;
use crate::file::DbFile;
use crate::{BatchKey, StoreError};

/// (latest end of a record, epoch, sequence): a batch that comes twice has the same key.
type Key = (u64, u64, u64);
/// The blocks' octets.
const BLOCKS: TableDefinition<Key, &[u8]> = TableDefinition::new("blocks");
/// (earliest start of a record, number of records): what a query needs to step over a block.
const INDEX: TableDefinition<Key, (u64, u32)> = TableDefinition::new("index");

/// Memory for one file's pages; at most the newest two stay open, and those that a query reads.
const CACHE_BYTES: usize = 4 << 20;

/// The block files.
#[derive(Debug)]
pub(crate) struct Blocks {
    disk: Arc<dyn Disk>,
    files: Mutex<BTreeMap<Day, Arc<DbFile>>>,
}

/// What a query for records found.
#[derive(Debug, Default)]
pub struct Found {
    /// The records, the latest end first.
    pub records: Vec<FlowRecord>,
    /// Whether there are more than were asked for.
    pub more: bool,
    /// What could not be read; the rest was answered.
    pub problems: Vec<StoreError>,
}

impl Blocks {
    pub(crate) fn open(disk: Arc<dyn Disk>, names: &[(String, u64)]) -> Self {
        let days = names.iter().filter_map(|(name, _)| Day::from_file_name(name));
        let files = days.map(|day| (day, Arc::new(DbFile::new(disk.clone(), day.file_name(), CACHE_BYTES))));
        Self {
            files: Mutex::new(files.collect()),
            disk,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Day, Arc<DbFile>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The days that there are files of, the oldest first.
    pub(crate) fn days(&self) -> Vec<Day> {
        self.lock().keys().copied().collect()
    }

    fn file(&self, day: Day) -> Arc<DbFile> {
        let mut files = self.lock();
        let make = || Arc::new(DbFile::new(self.disk.clone(), day.file_name(), CACHE_BYTES));
        files.entry(day).or_insert_with(make).clone()
    }

    fn close_if_old(&self, day: Day) {
        let files = self.lock();
        if files.keys().rev().take(2).all(|newer| *newer != day)
            && let Some(file) = files.get(&day)
        {
            file.close();
        }
    }

    /// The day that a block is filed under: its latest end's, but no later than tomorrow, lest a
    /// wrong clock makes a file that is the newest for years.
    pub(crate) fn day_of(block: &Block, now: Timestamp) -> Day {
        Day::of(block.max_end()).min(Day::of(now).next())
    }

    /// Stores blocks of one day in one transaction; answers which of them are new.
    pub(crate) fn append(&self, day: Day, blocks: &[(BatchKey, &Block)]) -> Result<Vec<bool>, StoreError> {
        let stored = self.file(day).write(|txn| {
            let mut index = txn.open_table(INDEX)?;
            let mut table = txn.open_table(BLOCKS)?;
            let mut new = Vec::with_capacity(blocks.len());
            for (batch, block) in blocks {
                let key = (block.max_end().as_nanos(), batch.epoch, batch.sequence);
                let count = u32::try_from(block.len()).unwrap_or(u32::MAX);
                let before = index.insert(key, (block.min_start().as_nanos(), count))?.is_some();
                if !before {
                    table.insert(key, block.bytes())?;
                }
                new.push(!before);
            }
            Ok(new)
        });
        self.close_if_old(day);
        stored
    }

    /// Removes a day's file.
    pub(crate) fn forget(&self, day: Day) -> Result<(), StoreError> {
        let file = self.lock().remove(&day);
        if let Some(file) = file {
            file.close();
        }
        self.disk.remove(&day.file_name()).map_err(|source| StoreError::Disk {
            doing: format!("removing {}", day.file_name()),
            source,
        })
    }

    /// Renames a damaged file; the next block of that day begins a new one.
    pub(crate) fn set_aside(&self, name: &str, now: Timestamp) -> Option<Result<String, StoreError>> {
        let file = self.lock().remove(&Day::from_file_name(name)?)?;
        Some(file.set_aside(now))
    }

    /// Records that end at or after `from` and start before `to`, the latest end first.
    pub(crate) fn records(&self, from: Timestamp, to: Timestamp, limit: usize) -> Found {
        let mut found = Found::default();
        let mut newest = Newest::new(limit);
        let days = self.days();
        // A block is filed under the day of its latest end, or an earlier one (see `day_of`).
        let first = days.last().map_or(Day(0), |last| Day::of(from).min(*last));
        for day in days.into_iter().rev().take_while(|day| *day >= first) {
            let file = self.file(day);
            let read = file.read(|txn| {
                let (index, blocks) = match (txn.open_table(INDEX), txn.open_table(BLOCKS)) {
                    (Ok(index), Ok(blocks)) => (index, blocks),
                    // Made, and then the power went.
                    (Err(TableError::TableDoesNotExist(_)), _) => return Ok(()),
                    (Err(e), _) | (_, Err(e)) => return Err(e.into()),
                };
                for entry in index.range((from.as_nanos(), 0, 0)..)?.rev() {
                    let (key, meta) = entry?;
                    let (key, (min_start, _)) = (key.value(), meta.value());
                    if newest.is_settled_at(key.0) {
                        break;
                    }
                    if min_start >= to.as_nanos() {
                        continue;
                    }
                    let Some(bytes) = blocks.get(key)? else { continue };
                    match Block::parse(bytes.value().to_vec()).and_then(|block| block.records()) {
                        Ok(records) => {
                            let wanted = records.into_iter().filter(|r| r.end >= from && r.start < to);
                            wanted.for_each(|r| newest.push(r));
                        }
                        Err(source) => found.problems.push(StoreError::Block {
                            file: day.file_name(),
                            batch: BatchKey {
                                epoch: key.1,
                                sequence: key.2,
                            },
                            source,
                        }),
                    }
                }
                Ok(())
            });
            self.close_if_old(day);
            if let Err(problem) = read {
                found.problems.push(problem);
            }
        }
        (found.records, found.more) = newest.finish();
        found
    }
}

/// The records with the latest ends, a bounded number of them.
struct Newest {
    limit: usize,
    /// The earliest end on top; `seen` breaks ties in order of arrival.
    heap: BinaryHeap<Reverse<Entry>>,
    seen: u64,
    more: bool,
}

struct Entry {
    end: Timestamp,
    seen: u64,
    record: FlowRecord,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.end.cmp(&other.end).then(other.seen.cmp(&self.seen))
    }
}

impl Newest {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            heap: BinaryHeap::new(),
            seen: 0,
            more: false,
        }
    }

    /// Whether no record that ends at or before `latest_end` can change the answer any more.
    fn is_settled_at(&self, latest_end: u64) -> bool {
        let full = self.more && self.heap.len() >= self.limit;
        full && self.heap.peek().is_none_or(|Reverse(e)| e.end.as_nanos() >= latest_end)
    }

    fn push(&mut self, record: FlowRecord) {
        self.seen += 1;
        self.heap.push(Reverse(Entry {
            end: record.end,
            seen: self.seen,
            record,
        }));
        if self.heap.len() > self.limit {
            self.heap.pop();
            self.more = true;
        }
    }

    fn finish(self) -> (Vec<FlowRecord>, bool) {
        let entries = self.heap.into_sorted_vec();
        (entries.into_iter().map(|Reverse(e)| e.record).collect(), self.more)
    }
}
