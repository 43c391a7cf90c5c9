//! Blocks on their way into the files, and the hours that they belong to.

use std::collections::BTreeSet;

use model::{Block, BlockError, Field, Timestamp, Unpacker, Values};

use super::state::OpenHour;
use super::{Hours, hours_of};
use crate::day::Day;
use crate::{BlockMeta, Hour};

/// Blocks that are being committed; until this is dropped, their hours are not closed.
#[derive(Debug)]
pub(crate) struct Coming<'a> {
    pub(super) hours: &'a Hours,
    pub(super) now: Timestamp,
    pub(super) all: BTreeSet<u32>,
    /// By block: the hour that it is filed in, and the hours that its records end in.
    pub(super) blocks: Vec<(u32, BTreeSet<u32>)>,
}

impl Coming<'_> {
    /// Notes which of the blocks were new, and are stored.
    pub(crate) fn stored(&self, metas: impl Iterator<Item = Option<BlockMeta>>) {
        let mut state = self.hours.lock();
        for ((filed, ends), meta) in self.blocks.iter().zip(metas) {
            if let Some(meta) = meta {
                state.open(*filed, OpenHour::of(&meta));
                state.unroll(ends.iter().copied(), self.now);
            }
        }
    }
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        let mut state = self.hours.lock();
        for hour in &self.all {
            if let Some(count) = state.pending.get_mut(hour) {
                *count -= 1;
                if *count == 0 {
                    state.pending.remove(hour);
                }
            }
        }
        // What was read since they began may have them or not.
        state.touch(self.all.iter().copied(), self.now);
        drop(state);
        self.hours.changed.notify_all();
    }
}

/// The hour that a block is filed in: that of its latest end, but no later than its day's last.
pub(crate) fn filed_in(day: Day, max_end: Timestamp) -> u32 {
    Hour::of(max_end).0.min(*hours_of(day).end())
}

/// The hour that a stored block is filed in.
pub(crate) fn filed(block: &BlockMeta) -> u32 {
    filed_in(block.id.day, block.max_end)
}

/// The hours that a block's records end in.
pub(super) fn hours_of_ends(block: &Block) -> BTreeSet<u32> {
    let (first, last) = (Hour::of(block.min_end()).0, Hour::of(block.max_end()).0);
    if last - first <= 1 {
        return (first..=last).collect();
    }
    let ends = || {
        let mut values = Values::default();
        Unpacker::new().unpack(&block.view().column(Field::End)?, &mut values)?;
        Ok::<_, BlockError>(values)
    };
    match ends() {
        Ok(values) => (0..values.len())
            .filter_map(|at| values.get(at))
            .map(|end| Hour::of(Timestamp::from_nanos(end)).0)
            .collect(),
        // A parsed block's columns can be read; if not, nobody reads its records either.
        Err(_) => [first, last].into(),
    }
}
