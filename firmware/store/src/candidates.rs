//! Which blocks a question has to look into.

use std::cmp::Reverse;
use std::ops::ControlFlow;

use model::Timestamp;

use crate::blocks::Key;
use crate::day::Day;
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
    /// The blocks that may hold a record that ends in `[from, to)` and meets the probe.
    #[must_use]
    pub fn candidates(&self, (from, to): (Timestamp, Timestamp), probe: &Probe) -> Candidates {
        let mut found = Candidates::default();
        if to <= from {
            return found;
        }
        let _ = probe;
        for day in self.blocks.days_from(from) {
            match self.blocks.list(day, from) {
                Ok(list) => found.blocks.extend(list.into_iter().filter(|b| b.min_start < to)),
                Err(problem) => found.problems.push(problem),
            }
        }
        found.in_span = found.blocks.len() as u64;
        found.blocks.sort_unstable_by_key(|b| Reverse((b.max_end, b.id)));
        found
    }

    /// Gives the octets of blocks to `each`, day by day in one read transaction a day, within a day in the order given.
    /// A block that is gone is an error of its own; a file that cannot be read is one for each of its blocks. `each`
    /// ends it with `Break`. What it gets is not verified.
    ///
    /// Several threads may do so at once.
    pub fn read_blocks(
        &self,
        blocks: &[BlockId],
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
            if self.blocks.read(&ids, &mut each).is_break() {
                return;
            }
        }
    }
}
