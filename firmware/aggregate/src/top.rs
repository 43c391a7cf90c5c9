//! Top-N tables: the heaviest rows, and the sum of the rest.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;
use model::{Split, TopKey, TopTable};

/// The most keys that a merge holds at a time; what comes beyond them goes to `others`.
const KEYS_MAX: usize = 65_536;

/// Sums of keys, of a bounded number of them: what finds no place goes to `others`.
#[derive(Debug, Clone)]
pub(crate) struct Sums<K> {
    rows: HashMap<K, Split, RandomState>,
    others: Split,
    keys_max: usize,
}

impl<K: Eq + Hash + Ord + Copy> Sums<K> {
    pub(crate) fn new(keys_max: usize) -> Self {
        Self {
            rows: HashMap::default(),
            others: Split::default(),
            keys_max,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    #[inline]
    pub(crate) fn add(&mut self, key: K, amount: impl FnOnce(&mut Split)) {
        // `len` counts before the entry is made, so the bound holds exactly.
        if self.rows.len() < self.keys_max {
            amount(self.rows.entry(key).or_default());
        } else {
            amount(self.rows.get_mut(&key).unwrap_or(&mut self.others));
        }
    }

    /// Adds all of another's.
    pub(crate) fn absorb(&mut self, other: Self) {
        for (key, split) in other.rows {
            self.add(key, |sum| *sum += split);
        }
        self.others += other.others;
    }

    /// The `limit` heaviest by octets, then packets, then the smaller key.
    pub(crate) fn finish(self, limit: usize, key: impl Fn(K) -> TopKey) -> TopTable {
        let mut rows: Vec<(K, Split)> = self.rows.into_iter().collect();
        let heavier = |a: &(K, Split), b: &(K, Split)| {
            let weight = |s: &Split| (s.total.bytes, s.total.packets);
            weight(&b.1).cmp(&weight(&a.1)).then(a.0.cmp(&b.0))
        };
        let mut others = self.others;
        if limit < rows.len() {
            if limit > 0 {
                rows.select_nth_unstable_by(limit - 1, heavier);
            }
            for (_, rest) in rows.drain(limit..) {
                others += rest;
            }
        }
        rows.sort_unstable_by(heavier);
        TopTable {
            rows: rows.into_iter().map(|(k, split)| (key(k), split)).collect(),
            others,
        }
    }
}

/// Merges tables of one dimension.
#[derive(Debug, Clone)]
pub struct TopMerger {
    sums: Sums<TopKey>,
    tables: u32,
    incomplete: bool,
}

impl Default for TopMerger {
    fn default() -> Self {
        Self {
            sums: Sums::new(KEYS_MAX),
            tables: 0,
            incomplete: false,
        }
    }
}

impl TopMerger {
    /// Adds a table.
    pub fn add(&mut self, table: &TopTable) {
        self.tables = self.tables.saturating_add(1);
        self.incomplete |= table.others != Split::default();
        for (key, split) in &table.rows {
            self.sums.add(*key, |sum| *sum += *split);
        }
        self.sums.others += table.others;
    }

    /// The `limit` heaviest rows, and whether each is exact: all tables were complete, or there was
    /// but one. (A merged window's own rows may lack something already: that its caller knows.)
    #[must_use]
    pub fn finish(self, limit: usize) -> (TopTable, bool) {
        // Keys that found no place in the merge show in `others` too.
        let overflowed = !self.incomplete && self.sums.others != Split::default();
        let exact = !overflowed && (!self.incomplete || self.tables <= 1);
        (self.sums.finish(limit, |key| key), exact)
    }
}
