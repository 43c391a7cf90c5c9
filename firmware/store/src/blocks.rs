//! Blocks: one redb file a day, so that forgetting a day is unlinking a file.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use model::{Block, FlowRecord, Timestamp};
use redb::{ReadTransaction, TableDefinition};

use crate::day::Day;
use crate::dayfiles::DayFiles;
use crate::disk::Disk;
use crate::value::opened;
use crate::{BatchKey, StoreError};

/// (latest end of a record, epoch, sequence): a batch that comes twice has the same key.
type Key = (u64, u64, u64);
/// The blocks' octets.
const BLOCKS: TableDefinition<Key, &[u8]> = TableDefinition::new("blocks");
/// (earliest start of a record, number of records): what a query needs to step over a block.
const INDEX: TableDefinition<Key, (u64, u32)> = TableDefinition::new("index");

const KIND: &str = "blocks";
/// Memory for one file's pages.
const CACHE_BYTES: usize = 4 << 20;

/// The block files.
#[derive(Debug)]
pub(crate) struct Blocks {
    files: DayFiles,
}

/// What a query for records found.
#[derive(Debug, Default)]
pub struct Found {
    /// The records, the latest end first.
    pub records: Vec<FlowRecord>,
    /// Whether there are more than were asked for, or may be where the search was stopped.
    pub more: bool,
    /// What could not be read; the rest was answered.
    pub problems: Vec<StoreError>,
}

/// How a walk through records ended.
#[derive(Debug)]
pub struct Walked {
    /// Whether it came to the end.
    pub complete: bool,
    /// What could not be read; the rest was given.
    pub problems: Vec<StoreError>,
}

impl Blocks {
    pub(crate) fn open(disk: Arc<dyn Disk>, names: &[(String, u64)]) -> Self {
        Self {
            files: DayFiles::open(disk, KIND, CACHE_BYTES, names),
        }
    }

    pub(crate) fn files(&self) -> &DayFiles {
        &self.files
    }

    /// The day that a block is filed under: its latest end's, but no later than tomorrow, lest a
    /// wrong clock makes a file that is the newest for years.
    pub(crate) fn day_of(block: &Block, now: Timestamp) -> Day {
        Day::of(block.max_end()).min(Day::of(now).next())
    }

    /// Stores blocks of one day in one transaction; answers which of them are new.
    pub(crate) fn append(&self, day: Day, blocks: &[(BatchKey, &Block)]) -> Result<Vec<bool>, StoreError> {
        let stored = self.files.file(day).write(|txn| {
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
        self.files.close_if_old(day);
        stored
    }

    /// Records that `wanted` takes, that end at or after `from` and start before `to`, the latest end first. Before
    /// each block `go_on` is asked: where it says no, what was found until then is the answer.
    pub(crate) fn records(
        &self,
        span: (Timestamp, Timestamp),
        limit: usize,
        wanted: impl Fn(&FlowRecord) -> bool,
        go_on: impl Fn() -> bool,
    ) -> Found {
        let mut newest = Newest::new(limit);
        let mut found = Found::default();
        let mut stopped = false;
        let step = |step: Step<'_>| match step {
            Step::Block(latest_end) if newest.is_settled_at(latest_end) => false,
            Step::Block(_) => {
                stopped = !go_on();
                !stopped
            }
            Step::Record(record) => {
                if wanted(record) {
                    newest.offer(record);
                }
                true
            }
        };
        self.walk(span, step, &mut found.problems);
        (found.records, found.more) = newest.finish();
        found.more |= stopped;
        found
    }

    /// Gives each record that ends at or after `from` and starts before `to` to `each`, those of blocks with later ends
    /// first; before each block `go_on` is asked. Answers whether it was let to read all of them.
    pub(crate) fn each_record(
        &self,
        span: (Timestamp, Timestamp),
        go_on: impl Fn() -> bool,
        mut each: impl FnMut(&FlowRecord),
    ) -> Walked {
        let mut walked = Walked {
            complete: true,
            problems: Vec::new(),
        };
        let step = |step: Step<'_>| match step {
            Step::Block(_) => {
                walked.complete = go_on();
                walked.complete
            }
            Step::Record(record) => {
                each(record);
                true
            }
        };
        self.walk(span, step, &mut walked.problems);
        walked
    }

    /// Walks through the blocks of a span, those with later ends first, and through their records that lie in it.
    fn walk(
        &self,
        (from, to): (Timestamp, Timestamp),
        mut step: impl FnMut(Step<'_>) -> bool,
        problems: &mut Vec<StoreError>,
    ) {
        let days = self.files.days();
        // A block is filed under the day of its latest end, or an earlier one (see `day_of`).
        let first = days.last().map_or(Day(0), |last| Day::of(from).min(*last));
        for day in days.into_iter().rev().take_while(|day| *day >= first) {
            let read = self
                .files
                .file(day)
                .read(|txn| walk_day(txn, day, (from, to), &mut step, problems));
            self.files.close_if_old(day);
            match read {
                Ok(true) => {}
                Ok(false) => return,
                Err(problem) => problems.push(problem),
            }
        }
    }
}

/// Where a walk through blocks is. The answer says whether to go on.
enum Step<'a> {
    /// Before a block, by its latest end.
    Block(u64),
    /// At a record of it.
    Record(&'a FlowRecord),
}

fn walk_day(
    txn: &ReadTransaction,
    day: Day,
    (from, to): (Timestamp, Timestamp),
    step: &mut impl FnMut(Step<'_>) -> bool,
    problems: &mut Vec<StoreError>,
) -> Result<bool, redb::Error> {
    let (index, blocks) = match (opened(txn.open_table(INDEX))?, opened(txn.open_table(BLOCKS))?) {
        (Some(index), Some(blocks)) => (index, blocks),
        // Made, and then the power went.
        _ => return Ok(true),
    };
    for entry in index.range((from.as_nanos(), 0, 0)..)?.rev() {
        let (key, meta) = entry?;
        let (key, (min_start, _)) = (key.value(), meta.value());
        if min_start >= to.as_nanos() {
            continue;
        }
        if !step(Step::Block(key.0)) {
            return Ok(false);
        }
        let Some(bytes) = blocks.get(key)? else { continue };
        match Block::parse(bytes.value().to_vec()).and_then(|block| block.records()) {
            Ok(records) => {
                for record in records.iter().filter(|r| r.end >= from && r.start < to) {
                    step(Step::Record(record));
                }
            }
            Err(source) => problems.push(StoreError::Block {
                file: day.file_name(KIND),
                batch: BatchKey {
                    epoch: key.1,
                    sequence: key.2,
                },
                source,
            }),
        }
    }
    Ok(true)
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

    fn offer(&mut self, record: &FlowRecord) {
        self.seen += 1;
        let full = self.heap.len() >= self.limit;
        if full && self.heap.peek().is_none_or(|Reverse(e)| e.end >= record.end) {
            self.more = true;
            return;
        }
        self.heap.push(Reverse(Entry {
            end: record.end,
            seen: self.seen,
            record: record.clone(),
        }));
        if full {
            self.heap.pop();
            self.more = true;
        }
    }

    fn finish(self) -> (Vec<FlowRecord>, bool) {
        let entries = self.heap.into_sorted_vec();
        (entries.into_iter().map(|Reverse(e)| e.record).collect(), self.more)
    }
}
