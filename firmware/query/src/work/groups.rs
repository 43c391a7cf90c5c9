//! The groups of a question, in bounded memory.

use super::Inner;
use super::quality::{LARGEST, QUALITY};
use crate::compile::ask::Work;
use crate::group::local::SUMS;
use crate::group::sieve::{Place, Sieve, Sieving};
use crate::group::table::{Batch, Table, Weight};

/// Groups, and their points where there are any.
#[derive(Debug, Clone)]
pub(super) struct Groups {
    /// Words of a key.
    words: usize,
    /// Key, the span's sums, those of the span before.
    pub(super) table: Table,
    /// Key and point, sums. Points of the span before come after those of the span.
    pub(super) cells: Option<Table>,
    /// Key, or key and point of a series: the quality of the span's records, where that is asked for.
    pub(super) quality: Option<Table>,
    /// How groups are sieved where they are too many; `None`: the lightest are dropped.
    sieving: Option<Sieving>,
    /// Once there were.
    sieve: Option<Sieve>,
    /// Groups beyond which the light ones go into the sieve again.
    sift_at: usize,
}

/// Sums of a group: in the span, and before.
pub(super) const BOTH: usize = SUMS * 2;

impl Groups {
    pub(super) fn new(words: usize, weight: Weight, inner: &Inner, octets: usize, cells: bool) -> Self {
        let seed = inner.seed;
        let quality = inner.plan.work.quality();
        let points = matches!(inner.plan.work, Work::Series { .. });
        let (own, theirs, of_quality) = match (cells, quality) {
            (false, false) => (octets, 0, 0),
            (true, false) => (octets / 4, octets / 4 * 3, 0),
            (false, true) => (octets / 4, 0, octets / 4 * 3),
            (true, true) => (octets / 8, octets / 8 * 3, octets / 2),
        };
        let sums = if inner.plan.before.is_some() { BOTH } else { SUMS };
        let mut table = Table::new(words, sums, seed, weight, own);
        if inner.only.is_some() {
            // No more than had rows before.
            table.never_prune();
        }
        let sieving = match &inner.plan.work {
            Work::Top {
                shape,
                limit,
                ascending: false,
                intervals: None,
                quality: false,
                ..
            } if inner.sieves && !shape.has_texts() => {
                table.never_prune();
                Some(Sieving::new(shape, weight, seed, *limit, inner.sieve_octets()))
            }
            _ => None,
        };
        Self {
            words,
            sieve: None,
            sift_at: table.most(),
            sieving,
            table,
            cells: cells.then(|| {
                let mut table = Table::new(words + 1, SUMS, seed, weight, theirs);
                table.never_prune();
                table
            }),
            quality: quality.then(|| {
                let words = words + usize::from(points);
                let mut table = Table::new(words, QUALITY, seed, weight, of_quality);
                table.never_prune();
                table.keep_largest(LARGEST);
                table
            }),
        }
    }

    /// Adds sums of a group, in the span (0) or the one before (1).
    pub(super) fn add(&mut self, key: &[u64], which: usize, sums: &[u64]) {
        let (hash, from) = (self.table.hash(key), which * SUMS);
        let (Some(sieve), Some(sieving)) = (&mut self.sieve, &self.sieving) else {
            return self.table.add(key, hash, from, sums);
        };
        if self.table.add_known(key, hash, from, sums) {
            return;
        }
        if let Place::Row(missing) = sieve.take(sieving.hash(key), sieving.weigh(sums, which)) {
            sieve.note_late(key, missing);
            self.table.add(key, hash, from, sums);
        }
    }

    /// Adds sums of several groups.
    pub(super) fn add_all(&mut self, batch: &Batch<'_>, which: usize) {
        if self.sieve.is_none() {
            return self.table.add_all(batch, which * SUMS);
        }
        for (key, sums) in batch.iter() {
            self.add(key, which, sums);
        }
    }

    /// What takes the groups that are too many, once there were.
    pub(super) fn sieve(&mut self) -> Option<(&Sieving, &mut Sieve)> {
        self.sieving.as_ref().zip(self.sieve.as_mut())
    }

    /// How many groups there are; about, where not all of them have rows, at least, where some were dropped.
    pub(super) fn count(&self, with_rows: u64) -> u64 {
        match &self.sieve {
            Some(sieve) => sieve.groups().max(with_rows),
            None => with_rows + self.table.dropped(),
        }
    }

    /// Whether the number of groups is an estimate.
    pub(super) const fn is_estimate(&self) -> bool {
        self.sieve.is_some()
    }

    /// Whether nothing is missing of the so many heaviest groups.
    pub(super) fn is_whole(&self, limit: usize) -> bool {
        match &self.sieve {
            Some(_) => self.unsure(limit).is_some_and(|unsure| unsure.is_empty()),
            None => self.table.dropped() == 0,
        }
    }

    /// The groups of which something may be missing, and that may be among the so many heaviest; `None` where others
    /// may.
    pub(super) fn unsure(&self, limit: usize) -> Option<Vec<Vec<u64>>> {
        self.sieve.as_ref()?.unsure(&self.table, limit)
    }

    /// Takes over sums of groups that were read again.
    pub(super) fn settle_unsure(&mut self, keys: &Table, again: &Self) {
        let Some(sieve) = &mut self.sieve else { return };
        for (key, _) in keys.rows() {
            let sums = again.table.find(key).map_or(&[][..], |at| again.table.row(at).1);
            self.table.set(key, sums);
        }
        sieve.settle(keys);
    }

    /// Makes room: points and quality go with their groups, the lightest groups first.
    pub(super) fn settle(&mut self) {
        if let Some(sieving) = &self.sieving {
            if self.table.len() >= self.sift_at {
                let new = || Sieve::new(sieving, self.words, &self.table);
                let sieve = match &mut self.sieve {
                    Some(sieve) => sieve,
                    none => none.insert(new()),
                };
                let most = self.table.most();
                sieve.sift(sieving, &mut self.table, most / 2);
                self.sift_at = (self.table.len() * 2).max(sieving.keep * 4).min(most);
            }
            return;
        }
        let full = |groups: &Self| {
            let mut tables = groups.cells.iter().chain(&groups.quality);
            tables.any(Table::is_full) && groups.table.len() > 1
        };
        let mut dropped = self.table.take_pruned();
        while full(self) {
            self.prune();
            dropped = false;
        }
        if dropped {
            self.sweep();
        }
    }

    pub(super) fn prune(&mut self) {
        self.table.prune();
        self.table.take_pruned();
        self.sweep();
    }

    fn sweep(&mut self) {
        let (table, words) = (&self.table, self.words);
        for more in self.cells.iter_mut().chain(&mut self.quality) {
            more.retain(|_, key| key.get(..words).is_some_and(|group| table.find(group).is_some()));
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if let (Some(sieving), true) = (&self.sieving, self.sieve.is_some() || other.sieve.is_some()) {
            let ours = (self.sieve.as_ref(), &self.table);
            let sum = Sieve::merged(sieving, self.words, ours, (other.sieve.as_ref(), &other.table));
            self.sieve = Some(sum);
        }
        self.table.merge(&other.table);
        if let (Some(cells), Some(others)) = (&mut self.cells, &other.cells) {
            cells.merge(others);
        }
        if let (Some(quality), Some(others)) = (&mut self.quality, &other.quality) {
            quality.merge(others);
        }
        self.settle();
    }
}
