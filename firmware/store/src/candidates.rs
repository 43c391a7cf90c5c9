//! Which blocks a question has to look into.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use model::{Field, Timestamp};

use crate::blocks::{Key, Wanted};
use crate::day::Day;
use crate::hours::{ClosedHour, Hours, Kind, Reader, filed};
use crate::{BatchKey, Store, StoreError};

/// A stored block: the day's file that it is in, and its key there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId {
    pub(crate) day: Day,
    pub(crate) key: Key,
}

impl BlockId {
    /// The number of the batch that brought it.
    #[must_use]
    pub const fn batch(&self) -> BatchKey {
        BatchKey {
            epoch: self.key.1,
            sequence: self.key.2,
        }
    }

    /// What is wrong with the block, in terms of the store.
    #[must_use]
    pub fn damaged(&self, source: model::BlockError) -> StoreError {
        StoreError::Block {
            file: self.day.file_name(crate::blocks::KIND),
            batch: self.batch(),
            source,
        }
    }
}

/// What is known of a block without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockMeta {
    /// Which.
    pub id: BlockId,
    /// Earliest start of a record.
    pub min_start: Timestamp,
    /// Latest end.
    pub max_end: Timestamp,
    /// Records.
    pub records: u32,
}

/// What records have to have in common: hashes of `model::address_hash` and `model::flow_hash`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probe {
    /// Of every list, a record has at least one address. Empty: no condition; an empty list is met by no record.
    pub addresses: Vec<Vec<u64>>,
    /// A record has one of these 5-tuples. Empty: no condition.
    pub flows: Vec<u64>,
}

impl Probe {
    /// Whether it leaves nothing out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.flows.is_empty()
    }
}

/// Blocks to look into.
#[derive(Debug, Default)]
pub struct Candidates {
    /// The blocks, the latest end first.
    pub blocks: Vec<BlockMeta>,
    /// Blocks of the span, those included that the hours' index rules out.
    pub in_span: u64,
    /// What could not be read; what is in there is missing.
    pub problems: Vec<StoreError>,
}

impl Store {
    /// The blocks that may hold a record that ends in `[from, to)` and meets the probe. Days' files are opened for hours
    /// that are not closed alone.
    #[must_use]
    pub fn candidates(&self, (from, to): (Timestamp, Timestamp), probe: &Probe) -> Candidates {
        let mut found = Candidates::default();
        if to <= from {
            return found;
        }
        let span = (from.as_nanos(), to.as_nanos());
        let mut search = Search::begin(&self.hours, span);
        match self.hours.index.read(|index| search.hours(index, probe)) {
            Ok(looked_up) => {
                found.in_span += looked_up.ruled_out;
                found.blocks = looked_up.blocks;
                // What was taken back meanwhile may be looked up wrongly.
                let taken_back = search.taken_back(&self.hours);
                if !taken_back.is_empty() {
                    found.blocks.retain(|block| !taken_back.contains(&filed(block)));
                    search.open.extend(taken_back);
                }
            }
            Err(problem) => {
                found.problems.push(problem);
                search.open.extend(search.closed.keys());
            }
        }
        let days: BTreeSet<Day> = search.open.iter().map(|hour| Day(u64::from(*hour) / 24)).collect();
        for day in days {
            match self.blocks.list(day, from) {
                Ok(list) => {
                    let open = list.into_iter().filter(|block| search.open.contains(&filed(block)));
                    found.blocks.extend(open);
                }
                Err(problem) => found.problems.push(problem),
            }
        }
        found
            .blocks
            .retain(|block| block.max_end >= from && block.min_start < to);
        found.in_span += found.blocks.len() as u64;
        found.blocks.sort_unstable_by_key(|b| Reverse((b.max_end, b.id)));
        found
    }

    /// The start of the oldest day that has blocks: records that end before it are not kept any more.
    #[must_use]
    pub fn records_since(&self) -> Option<Timestamp> {
        self.blocks.files().days().first().map(|day| day.start())
    }

    /// Gives the octets of blocks to `each`, day by day in one read transaction a day, within a day in the order given.
    /// A block that is gone is an error of its own; a file that cannot be read is one for each of its blocks. `each`
    /// ends it with `Break`. What it gets is not verified.
    ///
    /// Several threads may do so at once.
    pub fn read_blocks(
        &self,
        blocks: &[BlockId],
        each: impl FnMut(&BlockId, Result<&[u8], StoreError>) -> ControlFlow<()>,
    ) {
        self.read_wanted(blocks, None, each);
    }

    /// The same, but of each block's octets no more than its beginning, some columns and, where `filters`, its filters
    /// have to be what they are: others may be anything. [`model::BlockRef`] can read these columns of it, and no others.
    pub fn read_columns(
        &self,
        blocks: &[BlockId],
        fields: &[Field],
        filters: bool,
        each: impl FnMut(&BlockId, Result<&[u8], StoreError>) -> ControlFlow<()>,
    ) {
        self.read_wanted(blocks, Some(Wanted { fields, filters }), each);
    }

    fn read_wanted(
        &self,
        blocks: &[BlockId],
        wanted: Option<Wanted<'_>>,
        mut each: impl FnMut(&BlockId, Result<&[u8], StoreError>) -> ControlFlow<()>,
    ) {
        let mut ordered: Vec<(usize, &BlockId)> = Vec::with_capacity(blocks.len());
        let mut days: Vec<Day> = Vec::new();
        for block in blocks {
            let place = days.iter().rposition(|day| *day == block.day).unwrap_or_else(|| {
                days.push(block.day);
                days.len() - 1
            });
            ordered.push((place, block));
        }
        ordered.sort_by_key(|(place, _)| *place);
        for day in ordered.chunk_by(|a, b| a.0 == b.0) {
            let ids: Vec<&BlockId> = day.iter().map(|(_, id)| *id).collect();
            if self.blocks.read(&ids, wanted, &mut each).is_break() {
                return;
            }
        }
    }
}

/// Conditions of more hashes are left out: blocks' own filters decide.
const HASHES_MAX: usize = 64;

/// The hours that a question is about.
struct Search {
    span: (u64, u64),
    /// Closed hours, each with the number of its closing.
    closed: BTreeMap<u32, (ClosedHour, u64)>,
    /// Hours that the index does not help with.
    open: BTreeSet<u32>,
}

/// What the index said.
#[derive(Default)]
struct LookedUp {
    blocks: Vec<BlockMeta>,
    /// Blocks of the span that are not among them.
    ruled_out: u64,
}

impl Search {
    fn begin(hours: &Hours, span: (u64, u64)) -> Self {
        let (from, to) = span;
        let state = hours.lock();
        // A block is filed in the hour of its latest end, or an earlier one.
        let closed = state
            .closed
            .iter()
            .filter(|(_, (row, _))| row.max_end.1 >= from && row.min_start.0 < to);
        let open = state
            .open
            .iter()
            .filter(|(_, open)| open.max_end >= from && open.min_start < to);
        Self {
            span,
            closed: closed.map(|(hour, row)| (*hour, *row)).collect(),
            open: open.map(|(hour, _)| *hour).collect(),
        }
    }

    /// Hours that are not what they were when this began.
    fn taken_back(&self, hours: &Hours) -> BTreeSet<u32> {
        let state = hours.lock();
        let same = |hour: &u32, closing: u64| state.closed.get(hour).is_some_and(|(_, now)| *now == closing);
        let changed = self.closed.iter().filter(|(hour, (_, closing))| !same(hour, *closing));
        changed.map(|(hour, _)| *hour).collect()
    }

    /// Looks the closed hours up.
    fn hours(&self, index: &Reader, probe: &Probe) -> Result<LookedUp, redb::Error> {
        let mut left: BTreeSet<u32> = self.closed.keys().copied().collect();
        let flows = (!probe.flows.is_empty()).then_some((Kind::Flow, &probe.flows));
        let lists = probe.addresses.iter().map(|list| (Kind::Address, list));
        let mut conditions: Vec<(Kind, &Vec<u64>)> = flows.into_iter().chain(lists).collect();
        // What is fewest first: the others are asked of few hours then.
        conditions.sort_by_key(|(_, list)| list.len());
        for (kind, list) in conditions.into_iter().filter(|(_, list)| list.len() <= HASHES_MAX) {
            left = self.meets(index, kind, list, &left)?;
        }
        let mut looked_up = LookedUp::default();
        for (hour, (row, _)) in &self.closed {
            let is_left = left.contains(hour);
            if !is_left && self.is_inside(row) {
                looked_up.ruled_out += u64::from(row.blocks);
                continue;
            }
            let list = index.list(*hour)?.ok_or_else(|| {
                redb::Error::Corrupted(format!("hour {hour} is closed and has no list of its blocks"))
            })?;
            if is_left {
                looked_up.blocks.extend(list);
            } else {
                let (from, to) = self.span;
                let reaches = |b: &&BlockMeta| b.max_end.as_nanos() >= from && b.min_start.as_nanos() < to;
                looked_up.ruled_out += list.iter().filter(reaches).count() as u64;
            }
        }
        Ok(looked_up)
    }

    /// Whether all blocks of an hour reach into the span.
    fn is_inside(&self, row: &ClosedHour) -> bool {
        row.max_end.0 >= self.span.0 && row.min_start.1 < self.span.1
    }

    /// Those of the hours `left` that may have one of the hashes.
    fn meets(
        &self,
        index: &Reader,
        kind: Kind,
        hashes: &[u64],
        left: &BTreeSet<u32>,
    ) -> Result<BTreeSet<u32>, redb::Error> {
        let mut met = BTreeSet::new();
        // By level, the first and the last hour of each run: few hours far apart are asked for one by one.
        let mut runs: BTreeMap<u8, Vec<(u32, u32)>> = BTreeMap::new();
        // By day, the hours that are merged, and their levels.
        let mut days: BTreeMap<u32, Vec<(u32, u8)>> = BTreeMap::new();
        let mut levels: BTreeMap<u32, u8> = BTreeMap::new();
        for hour in left {
            let level = self.closed.get(hour).and_then(|(row, _)| row.level(kind));
            let Some(level) = level else {
                met.insert(*hour);
                continue;
            };
            if index.is_merged(*hour) {
                days.entry(*hour / 24).or_default().push((*hour, level));
                continue;
            }
            levels.insert(*hour, level);
            let runs = runs.entry(level).or_default();
            match runs.last_mut() {
                Some((_, last)) if *hour - *last <= NEAR => *last = *hour,
                _ => runs.push((*hour, *hour)),
            }
        }
        for (day, hours) in days {
            for hash in hashes {
                index.probe_day(kind, *hash, day, &hours, |hour| {
                    met.insert(hour);
                })?;
            }
        }
        for (level, runs) in runs {
            for hash in hashes {
                for (first, last) in &runs {
                    index.probe(kind, level, *hash, *first..=*last, |hour| {
                        if levels.get(&hour) == Some(&level) {
                            met.insert(hour);
                        }
                    })?;
                }
            }
        }
        Ok(met)
    }
}

/// Hours between two that are read with them.
const NEAR: u32 = 48;
