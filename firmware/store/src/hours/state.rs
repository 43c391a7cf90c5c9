//! What is known of the hours.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use model::Timestamp;

use super::{ClosedHour, Rolled};
use crate::day::Day;
use crate::{BlockMeta, Hour};

/// Hours, before and after now, that are ever rolled up: what is beyond is a wrong clock's.
pub(super) const ROLLED_BACK: u32 = 3_660 * 24;
pub(super) const ROLLED_AHEAD: u32 = 24;
/// Hours of which it is remembered when a block last came.
const TOUCHED_MAX: usize = 16_384;
/// After the end of an hour, and after the last block that belongs to it, it waits so long for more.
pub(super) const GRACE_S: u64 = 600;
const QUIET_S: u64 = 180;

/// Blocks of an hour that is not in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenHour {
    pub(crate) blocks: u64,
    pub(crate) records: u64,
    pub(crate) min_start: u64,
    pub(crate) max_end: u64,
}

impl OpenHour {
    pub(super) fn of(block: &BlockMeta) -> Self {
        Self {
            blocks: 1,
            records: block.records.into(),
            min_start: block.min_start.as_nanos(),
            max_end: block.max_end.as_nanos(),
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.records += other.records;
        self.min_start = self.min_start.min(other.min_start);
        self.max_end = self.max_end.max(other.max_end);
    }
}

/// When something last came for an hour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Touched {
    pub(super) generation: u64,
    pub(super) at: Timestamp,
}

/// What is being closed: blocks that change it wait.
#[derive(Debug, Clone)]
pub(super) struct Closing {
    pub(super) hours: Range<u32>,
    /// A day that becomes whole.
    pub(super) day: Option<Day>,
}

/// What is known of the hours.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Hours in the index, each with a number of this very closing.
    pub(crate) closed: BTreeMap<u32, (ClosedHour, u64)>,
    /// Hours with blocks that are not in the index.
    pub(crate) open: BTreeMap<u32, OpenHour>,
    /// Days whose blocks are all in closed hours.
    pub(super) whole: BTreeSet<Day>,
    /// Days with closed hours that are merged, each with these: bit h.
    pub(super) merged: BTreeMap<Day, u32>,
    pub(crate) rolled: BTreeMap<u32, Rolled>,
    /// By their first hour.
    pub(crate) days: BTreeMap<u32, Rolled>,
    /// Days whose records are gone.
    pub(crate) frozen: BTreeSet<u32>,
    /// Hours that have records, or may have, and are not rolled up.
    pub(crate) unrolled: BTreeSet<u32>,
    pub(super) touched: BTreeMap<u32, Touched>,
    /// What hours had that are not in `touched` any more.
    pub(super) forgotten: u64,
    /// Hours that blocks are being committed for.
    pub(super) pending: BTreeMap<u32, u32>,
    pub(super) closing: Option<Closing>,
    pub(super) generation: u64,
}

impl State {
    pub(super) fn is_frozen(&self, hour: u32) -> bool {
        self.frozen.contains(&(hour / 24))
    }

    pub(super) fn touch(&mut self, hours: impl Iterator<Item = u32>, now: Timestamp) {
        self.generation += 1;
        for hour in hours {
            let generation = self.generation;
            self.touched.insert(hour, Touched { generation, at: now });
        }
        while self.touched.len() > TOUCHED_MAX
            && let Some((_, oldest)) = self.touched.pop_first()
        {
            self.forgotten = self.forgotten.max(oldest.generation);
        }
    }

    pub(super) fn touched_after(&self, hour: u32, generation: u64) -> bool {
        let last = self.touched.get(&hour).map_or(self.forgotten, |t| t.generation);
        self.pending.contains_key(&hour) || last > generation
    }

    /// Whether nothing is expected for an hour any more.
    pub(super) fn is_over(&self, hour: u32, now: Timestamp) -> bool {
        let now = now.as_secs();
        let quiet = self.touched.get(&hour).is_none_or(|touched| {
            let at = touched.at.as_secs();
            at > now || now - at >= QUIET_S
        });
        Hour(hour).end().as_secs() + GRACE_S <= now && quiet && !self.pending.contains_key(&hour)
    }

    pub(super) fn open(&mut self, hour: u32, blocks: OpenHour) {
        self.open
            .entry(hour)
            .and_modify(|open| open.add(blocks))
            .or_insert(blocks);
    }

    /// Notes that an hour may have records to be rolled up.
    pub(super) fn unroll(&mut self, hours: impl Iterator<Item = u32>, now: Timestamp) {
        let today = Hour::of(now).0;
        let hours = hours.filter(|hour| {
            let sane = today.saturating_sub(ROLLED_BACK)..=today.saturating_add(ROLLED_AHEAD);
            sane.contains(hour) && !self.rolled.contains_key(hour) && !self.frozen.contains(&(hour / 24))
        });
        let hours: Vec<u32> = hours.collect();
        self.unrolled.extend(hours);
    }
}
