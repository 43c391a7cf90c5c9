//! Blocks: one redb file a day, so that forgetting a day is unlinking a file.

mod filter;
mod flows;
mod pieces;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;
use std::sync::Arc;

use model::{Block, BlockError, BlockRef, FlowRecord, InterfaceId, Timestamp, Unpacker};
use redb::{ReadTransaction, TableDefinition};

use crate::day::Day;
use crate::dayfiles::DayFiles;
use crate::disk::Disk;
use crate::file::DbFile;
use crate::value::opened;
use crate::{BatchKey, BlockId, BlockMeta, StoreError};

pub use filter::Filter;
pub use flows::InterfaceRecord;
pub(crate) use pieces::Wanted;

/// (latest end of a record, epoch, sequence): a batch that comes twice has the same key.
pub(crate) type Key = (u64, u64, u64);
/// (earliest start of a record, number of records): what a query needs to step over a block.
const INDEX: TableDefinition<Key, (u64, u32)> = TableDefinition::new("index");

pub(crate) const KIND: &str = "blocks";
/// Memory for one file's pages.
const CACHE_BYTES: usize = 4 << 20;
/// Blocks that are read in one transaction.
const BLOCKS_A_READ: usize = 16;

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
    /// Records in the blocks that were read, wanted or not.
    pub read: u64,
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
            let mut table = pieces::Writer::open(txn)?;
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

    /// The days whose files may hold records that end at or after `from`, the latest first.
    pub(crate) fn days_from(&self, from: Timestamp) -> impl Iterator<Item = Day> + use<> {
        let days = self.files.days();
        // A block is filed under the day of its latest end, or an earlier one (see `day_of`).
        let first = days.last().map_or(Day(0), |last| Day::of(from).min(*last));
        days.into_iter().rev().take_while(move |day| *day >= first)
    }

    /// A day's blocks whose latest end is at or after `from`.
    pub(crate) fn list(&self, day: Day, from: Timestamp) -> Result<Vec<BlockMeta>, StoreError> {
        let Some(file) = self.files.existing(day) else {
            return Ok(Vec::new());
        };
        let list = file.read(|txn| {
            let mut list = Vec::new();
            let Some(index) = opened(txn.open_table(INDEX))? else {
                return Ok(list);
            };
            for entry in index.range((from.as_nanos(), 0, 0)..)? {
                let (key, meta) = entry?;
                let (key, (min_start, records)) = (key.value(), meta.value());
                list.push(BlockMeta {
                    id: BlockId { day, key },
                    min_start: Timestamp::from_nanos(min_start),
                    max_end: Timestamp::from_nanos(key.0),
                    records,
                });
            }
            Ok(list)
        });
        self.files.close_if_old(day);
        list
    }

    /// Gives the octets of blocks of one day to `each`: all of them, or those that are wanted in their places.
    pub(crate) fn read(
        &self,
        ids: &[&BlockId],
        wanted: Option<Wanted<'_>>,
        each: &mut impl FnMut(&BlockId, Result<&[u8], StoreError>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some(day) = ids.first().map(|id| id.day) else {
            return ControlFlow::Continue(());
        };
        // A late block may wait for the file: it gets its turn every few blocks.
        let read = ids
            .chunks(BLOCKS_A_READ)
            .try_for_each(|ids| match self.files.existing(day) {
                Some(file) => read_some(&file, ids, wanted, each),
                None => {
                    let gone = || StoreError::Gone {
                        file: day.file_name(KIND),
                    };
                    ids.iter().try_for_each(|id| each(id, Err(gone())))
                }
            });
        self.files.close_if_old(day);
        read
    }

    /// Records that the filter takes, that end at or after `from` and start before `to`, the latest end first. `go_on`
    /// is asked before each block that is read: where it says no, what was found until then is the answer.
    pub(crate) fn records(
        &self,
        (from, to): (Timestamp, Timestamp),
        limit: usize,
        filter: &Filter,
        go_on: impl Fn() -> bool,
    ) -> Found {
        let mut search = Search {
            newest: Newest::new(limit),
            filter,
            span: (from, to),
            go_on,
            stopped: false,
            unpacker: Unpacker::new(),
        };
        let mut found = Found::default();
        self.walk((from, to), &mut search, &mut found.problems);
        let stopped = search.stopped;
        (found.records, found.more) = search.newest.finish();
        found.more |= stopped;
        found
    }

    /// Gives each record of the interface's exporter that came in or left by the interface, ends at or after `from` and
    /// starts before `to` to `each`, block by block from the newest. `go_on` is asked before each block that is read,
    /// with the number of records in blocks until then.
    pub(crate) fn interface_records(
        &self,
        interface: InterfaceId,
        span: (Timestamp, Timestamp),
        go_on: impl Fn(u64) -> bool,
        each: impl FnMut(&InterfaceRecord),
    ) -> Walked {
        let mut walk = InterfaceWalk {
            filter: Filter::default().and_interface(interface),
            span,
            go_on,
            each,
            walked: Walked {
                complete: true,
                read: 0,
                problems: Vec::new(),
            },
            unpacker: Unpacker::new(),
        };
        let mut problems = Vec::new();
        self.walk(span, &mut walk, &mut problems);
        walk.walked.problems = problems;
        walk.walked
    }

    /// Walks through the blocks of a span, those with later ends first.
    fn walk(&self, (from, to): (Timestamp, Timestamp), walker: &mut impl Walker, problems: &mut Vec<StoreError>) {
        for day in self.days_from(from) {
            let Some(file) = self.files.existing(day) else { continue };
            let read = file.read(|txn| walk_day(txn, day, (from, to), walker, problems));
            self.files.close_if_old(day);
            match read {
                Ok(true) => {}
                Ok(false) => return,
                Err(problem) => problems.push(problem),
            }
        }
    }
}

/// Gives the octets of a few blocks to `each`, in one transaction.
fn read_some(
    file: &DbFile,
    ids: &[&BlockId],
    wanted: Option<Wanted<'_>>,
    each: &mut impl FnMut(&BlockId, Result<&[u8], StoreError>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let gone = || StoreError::Gone {
        file: file.name().to_owned(),
    };
    let mut done = 0;
    let read = file.read(|txn| {
        let blocks = pieces::Reader::open(txn)?;
        let mut buffer = Vec::new();
        for id in ids {
            let octets = match &wanted {
                Some(wanted) => blocks.get_some(id.key, wanted, &mut buffer)?,
                None => blocks.get(id.key, &mut buffer)?,
            };
            done += 1;
            let went = match octets {
                Some(octets) => each(id, Ok(octets)),
                None => each(id, Err(gone())),
            };
            if went.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    });
    match read {
        Ok(went) => went,
        Err(problem) => {
            // The first that could not be read says why; the others may be readable, but not now.
            let file = file.name().to_owned();
            let mut problems =
                std::iter::once(problem).chain(std::iter::repeat_with(|| StoreError::Unread { file: file.clone() }));
            let rest = ids.iter().skip(done);
            rest.zip(&mut problems)
                .try_for_each(|(id, problem)| each(id, Err(problem)))
        }
    }
}

/// What is done on the way through blocks.
trait Walker {
    /// Whether to go on to blocks whose latest end is `latest_end`, or earlier.
    fn goes_on(&self, latest_end: u64) -> bool;

    /// At a block that may hold something in the span. Answers whether to go on.
    fn visit(&mut self, block: &BlockRef<'_>) -> Result<bool, BlockError>;
}

fn walk_day(
    txn: &ReadTransaction,
    day: Day,
    (from, to): (Timestamp, Timestamp),
    walker: &mut impl Walker,
    problems: &mut Vec<StoreError>,
) -> Result<bool, redb::Error> {
    // Made, and then the power went: there is no table.
    let Some(index) = opened(txn.open_table(INDEX))? else {
        return Ok(true);
    };
    let blocks = pieces::Reader::open(txn)?;
    let mut buffer = Vec::new();
    for entry in index.range((from.as_nanos(), 0, 0)..)?.rev() {
        let (key, meta) = entry?;
        let (key, (min_start, _)) = (key.value(), meta.value());
        if !walker.goes_on(key.0) {
            return Ok(false);
        }
        if min_start >= to.as_nanos() {
            continue;
        }
        let Some(bytes) = blocks.get(key, &mut buffer)? else {
            continue;
        };
        match BlockRef::open(bytes).and_then(|block| walker.visit(&block)) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
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

/// A search for the newest records.
struct Search<'a, G> {
    newest: Newest,
    filter: &'a Filter,
    span: (Timestamp, Timestamp),
    go_on: G,
    stopped: bool,
    unpacker: Unpacker,
}

impl<G: Fn() -> bool> Walker for Search<'_, G> {
    fn goes_on(&self, latest_end: u64) -> bool {
        !self.newest.is_settled_at(latest_end)
    }

    fn visit(&mut self, block: &BlockRef<'_>) -> Result<bool, BlockError> {
        if !self.filter.may_take(block)? {
            return Ok(true);
        }
        if !(self.go_on)() {
            self.stopped = true;
            return Ok(false);
        }
        let places = self.filter.places(block, &mut self.unpacker)?;
        if places.as_ref().is_some_and(Vec::is_empty) {
            return Ok(true);
        }
        let (from, to) = self.span;
        let records = block.records()?;
        let wanted = records.iter().filter(|r| r.end >= from && r.start < to);
        wanted
            .filter(|r| self.filter.takes(r))
            .for_each(|r| self.newest.offer(r));
        Ok(true)
    }
}

/// A walk through an interface's records.
struct InterfaceWalk<G, E> {
    filter: Filter,
    span: (Timestamp, Timestamp),
    go_on: G,
    each: E,
    walked: Walked,
    unpacker: Unpacker,
}

impl<G: Fn(u64) -> bool, E: FnMut(&InterfaceRecord)> Walker for InterfaceWalk<G, E> {
    fn goes_on(&self, _: u64) -> bool {
        true
    }

    fn visit(&mut self, block: &BlockRef<'_>) -> Result<bool, BlockError> {
        if !self.filter.may_take(block)? {
            return Ok(true);
        }
        if !(self.go_on)(self.walked.read) {
            self.walked.complete = false;
            return Ok(false);
        }
        self.walked.read += block.len() as u64;
        let (from, to) = self.span;
        flows::read(block, &self.filter, &mut self.unpacker, |record| {
            if record.end >= from && record.start < to {
                (self.each)(record);
            }
        })?;
        Ok(true)
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
