//! What is known of groups that have no row, once there are more than fit: their weights, added up by hash.
//!
//! A group without a row weighs at most what its cell has, and so does what is missing of a group that got its row late:
//! whether an answer's groups are the heaviest, and their sums whole, can be proven. A cell counts a weight of 0 as 1, so
//! that one which is 0 says that nothing is missing at all.

use super::local::{Amounts, Coded};
use super::table::{Table, Weight, hash};
use super::value::{PartValue, Shape};
use crate::distinct::estimated;

/// A group of this cell has a row, or had one.
const HAS_ROW: u64 = 1 << 63;
/// The largest weight of a cell; it may be more then.
const FULL: u64 = HAS_ROW - 1;
/// Registers of the number of groups: the standard error is 0.8 %.
const REGISTERS: usize = 1 << 14;
/// Rows whose cells are looked at before they are needed, so that the memory's delays overlap.
const TOGETHER: usize = 256;
/// What a hash of no part is.
const START: u64 = 0x9e37_79b9_7f4a_7c15;
/// Cells that a sieve has at least, and at most: 4 MiB stay in the caches. The weight of all that is light is spread over
/// them, so that a group of a hundred-thousandth of all stands out.
const CELLS_MIN: usize = 1 << 6;
const CELLS_MAX: usize = 1 << 19;

/// What sieves of a question have in common.
#[derive(Debug, Clone)]
pub(crate) struct Sieving {
    shape: Shape,
    weight: Weight,
    seed: u64,
    /// A power of two.
    cells: usize,
    /// Groups that are to have rows.
    pub(crate) keep: usize,
}

impl Sieving {
    /// Sieves of so many octets at most, where an answer has so many groups.
    pub(crate) fn new(shape: &Shape, weight: Weight, seed: u64, limit: u32, octets: usize) -> Self {
        let cells = (octets / 8).clamp(CELLS_MIN, CELLS_MAX);
        let cells = 1 << cells.ilog2();
        Self {
            shape: shape.clone(),
            weight,
            seed,
            cells,
            keep: (limit as usize).saturating_mul(4).clamp(KEEP_MIN, 1 << 14),
        }
    }

    /// A hash of a key, other than its table's: of its parts' hashes, which a block's rows share.
    pub(crate) fn hash(&self, key: &[u64]) -> u64 {
        let parts = self.shape.values(key);
        parts.fold(START, |state, part| join(state, self.part(part)))
    }

    /// Never 0.
    fn part(&self, value: PartValue) -> u64 {
        hash(&[value.tag.into(), value.words[0], value.words[1]], self.seed) | 1
    }

    /// What sums of the span weigh for a cell: of the span before they only say that there is something.
    pub(crate) fn weigh(&self, sums: &[u64], which: usize) -> u64 {
        if which == 0 { self.weight.of(sums).max(1) } else { 1 }
    }
}

/// What the last of so many groups weighs is asked of newcomers, at least; few of them in tests.
const KEEP_MIN: usize = if cfg!(test) { 8 } else { 1 << 8 };
/// So many times as many keep the rows that they have: nothing is missing of what came early.
const EARLY: usize = 64;

fn join(state: u64, part: u64) -> u64 {
    let product = u128::from(state.rotate_left(29) ^ part) * 0xa076_1d64_78bd_642f_u128;
    #[allow(clippy::cast_possible_truncation, reason = "both halves are taken")]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}

/// Weights by hash.
#[derive(Debug, Clone)]
pub(crate) struct Sieve {
    cells: Vec<u64>,
    /// A hash's uppermost bits are its cell.
    shift: u32,
    /// A cell below this takes a group's weight; above, the group gets a row.
    bar: u64,
    /// Of every group that came, with a row or without: HyperLogLog.
    registers: Vec<u8>,
    /// What may be missing of groups whose rows came late: where nothing may, there is no entry.
    late: Table,
    hashes: Vec<u64>,
}

/// Where a group belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The sieve took it.
    Cell,
    /// It gets a row; so much of it may be missing.
    Row(u64),
}

/// A part of rows' keys: codes, and what they stand for.
pub(crate) struct Hashed<'h, F> {
    pub(crate) coded: Coded<'h>,
    /// 0 where a code was not asked for yet.
    memo: Vec<u64>,
    value: F,
}

impl<'h, F: Fn(u32) -> Option<PartValue>> Hashed<'h, F> {
    pub(crate) fn new(coded: Coded<'h>, value: F) -> Self {
        Self {
            memo: vec![0; coded.card as usize],
            coded,
            value,
        }
    }

    fn of(&mut self, code: u32, sieving: &Sieving) -> Option<u64> {
        let memo = self.memo.get_mut(code as usize)?;
        if *memo == 0 {
            *memo = sieving.part((self.value)(code)?);
        }
        Some(*memo)
    }
}

impl Sieve {
    /// A sieve that nothing went through, but groups that all have rows.
    pub(crate) fn new(sieving: &Sieving, words: usize, table: &Table) -> Self {
        let mut late = Table::new(words, 1, sieving.seed, Weight(0, None), 0);
        late.never_prune();
        let mut sieve = Self {
            cells: vec![0; sieving.cells],
            shift: 64 - sieving.cells.trailing_zeros(),
            bar: 1,
            registers: vec![0; REGISTERS],
            late,
            hashes: Vec::new(),
        };
        sieve.register_all(sieving, table);
        sieve
    }

    fn register_all(&mut self, sieving: &Sieving, table: &Table) {
        for (key, _) in table.rows() {
            register(&mut self.registers, sieving.hash(key));
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "a place among the cells")]
    fn place(&self, hash: u64) -> usize {
        (hash >> self.shift) as usize
    }

    fn cell(&self, hash: u64) -> u64 {
        self.cells.get(self.place(hash)).map_or(FULL, |cell| cell & FULL)
    }

    /// Takes the weight of a group that has no row, unless it may be a heavy one.
    pub(crate) fn take(&mut self, hash: u64, weight: u64) -> Place {
        register(&mut self.registers, hash);
        let bar = self.bar;
        let place = self.place(hash);
        let Some(cell) = self.cells.get_mut(place) else {
            return Place::Row(FULL);
        };
        let before = *cell & FULL;
        if before.saturating_add(weight) < bar {
            *cell += weight;
            return Place::Cell;
        }
        *cell |= HAS_ROW;
        Place::Row(before)
    }

    /// Notes what may be missing of a group that got its row now.
    pub(crate) fn note_late(&mut self, key: &[u64], missing: u64) {
        if missing > 0 {
            self.late.add(key, self.late.hash(key), 0, &[missing]);
        }
    }

    fn missing(&self, key: &[u64]) -> u64 {
        self.late.find(key).map_or(0, |at| self.late.weigh(at))
    }

    /// Takes rows whose groups are in cells without a row; the others come into `out`.
    pub(crate) fn pass<F: Fn(u32) -> Option<PartValue>>(
        &mut self,
        sieving: &Sieving,
        columns: &mut [Hashed<'_, F>],
        (rows, which): (usize, usize),
        amounts: Amounts<'_>,
        out: &mut Vec<u32>,
    ) {
        let ones = |at: usize| match at {
            0 => amounts.flows,
            at => amounts.of.get(at - 1).copied().flatten(),
        };
        let Weight(first, second) = sieving.weight;
        // Records count as 1 each where there are no numbers.
        let (first_is_count, first, second) = (
            first == 0 && amounts.flows.is_none(),
            ones(first),
            second.and_then(ones),
        );
        let at = |numbers: Option<&[u64]>, row: usize| numbers.and_then(|n| n.get(row)).copied().unwrap_or(0);
        let weigh = |row: usize| -> u64 {
            if which != 0 || first_is_count {
                return 1;
            }
            at(first, row).saturating_add(at(second, row)).max(1)
        };
        out.clear();
        let mut hashes = std::mem::take(&mut self.hashes);
        let mut from = 0;
        while from < rows {
            let to = (from + TOGETHER).min(rows);
            hashes.clear();
            hashes.resize(to - from, START);
            for column in &mut *columns {
                let codes = column.coded.codes.get(from..to).unwrap_or_default();
                for (hash, code) in hashes.iter_mut().zip(codes) {
                    // What cannot be read is told where the row's key is made.
                    let part = column.of(*code, sieving).unwrap_or(0);
                    *hash = if part == 0 || *hash == 0 { 0 } else { join(*hash, part) };
                }
            }
            let touched = hashes.iter().fold(0, |sum, hash| {
                sum ^ self.cells.get(self.place(*hash)).copied().unwrap_or(0)
            });
            std::hint::black_box(touched);
            for (row, hash) in (from..to).zip(&hashes) {
                register(&mut self.registers, *hash);
                let weight = weigh(row);
                let (bar, place) = (self.bar, self.place(*hash));
                match self.cells.get_mut(place) {
                    Some(cell) if *hash != 0 && cell.saturating_add(weight) < bar => *cell += weight,
                    _ => out.push(u32::try_from(row).unwrap_or(u32::MAX)),
                }
            }
            from = to;
        }
        self.hashes = hashes;
    }

    /// Takes the rows of the light groups; in no case more than about `most` are left.
    pub(crate) fn sift(&mut self, sieving: &Sieving, table: &mut Table, most: usize) {
        let mut bar = table.weight_at(sieving.keep).clamp(self.bar, FULL);
        let mut least = table.weight_at((sieving.keep * EARLY).min(most)).min(bar);
        for forced in [false, true, true, true, true, true, true, true] {
            self.bar = bar;
            table.retain(|weight, key| {
                let hash = sieving.hash(key);
                let light = weight < least && (forced || self.cell(hash).saturating_add(weight.max(1)) < bar);
                let place = self.place(hash);
                if let Some(cell) = self.cells.get_mut(place) {
                    *cell = match light {
                        true => cell_sum(*cell, weight.max(1)),
                        false => *cell | HAS_ROW,
                    };
                }
                !light
            });
            if table.len() <= most {
                break;
            }
            // So many are alike that none of them is to be kept.
            bar = table
                .weight_at(most / 2)
                .saturating_add(1)
                .max(bar.saturating_mul(2))
                .min(FULL);
            least = bar;
        }
        table.shrink();
        self.late.retain(|_, key| table.find(key).is_some());
    }

    /// What may be missing of a group of a table, or all that it weighs.
    fn missing_of(sieve: Option<&Self>, table: &Table, key: &[u64], hash: u64) -> u64 {
        sieve.map_or(0, |sieve| match table.find(key) {
            Some(_) => sieve.missing(key),
            None => sieve.cell(hash),
        })
    }

    /// The sieve of two tables' groups together, before the tables are.
    pub(crate) fn merged(
        sieving: &Sieving,
        words: usize,
        (ours, own): (Option<&Self>, &Table),
        (theirs, other): (Option<&Self>, &Table),
    ) -> Self {
        let mut sum = Self::new(sieving, words, own);
        sum.register_all(sieving, other);
        let keys = own
            .rows()
            .chain(other.rows().filter(|(key, _)| own.find(key).is_none()));
        for (key, _) in keys {
            let hash = sieving.hash(key);
            let missing = Self::missing_of(ours, own, key, hash);
            sum.note_late(key, missing.saturating_add(Self::missing_of(theirs, other, key, hash)));
            let place = sum.place(hash);
            if let Some(cell) = sum.cells.get_mut(place) {
                *cell |= HAS_ROW;
            }
        }
        for sieve in [ours, theirs].into_iter().flatten() {
            for (cell, more) in sum.cells.iter_mut().zip(&sieve.cells) {
                *cell = cell_sum(*cell, more & FULL) | more & HAS_ROW;
            }
            for (register, more) in sum.registers.iter_mut().zip(&sieve.registers) {
                *register = (*register).max(*more);
            }
            sum.bar = sum.bar.max(sieve.bar);
        }
        sum
    }

    /// About how many groups there are.
    pub(crate) fn groups(&self) -> u64 {
        estimated(&self.registers)
    }

    /// Which groups may weigh as much as the `limit` heaviest, and are not whole; `None` where some without a row may.
    pub(crate) fn unsure(&self, table: &Table, limit: usize) -> Option<Vec<Vec<u64>>> {
        let least = if table.len() < limit { 0 } else { table.weight_at(limit) };
        let heaviest = self.cells.iter().map(|cell| cell & FULL).max().unwrap_or(0);
        if heaviest >= least || heaviest == FULL {
            return None;
        }
        let unsure = self.late.rows().filter(|(key, missing)| {
            let weight = table.find(key).map_or(0, |at| table.weigh(at));
            weight.saturating_add(missing.first().copied().unwrap_or(0)) >= least
        });
        Some(unsure.map(|(key, _)| key.to_vec()).collect())
    }

    /// Notes that nothing is missing of these any more.
    pub(crate) fn settle(&mut self, keys: &Table) {
        self.late.retain(|_, key| keys.find(key).is_none());
    }
}

/// What a cell has with more, which it says to be full of where that is too much.
fn cell_sum(cell: u64, weight: u64) -> u64 {
    (cell & FULL).saturating_add(weight).min(FULL) | cell & HAS_ROW
}

#[allow(clippy::cast_possible_truncation, reason = "a place among the registers; at most 50")]
fn register(registers: &mut [u8], hash: u64) {
    let bits = REGISTERS.trailing_zeros();
    let rank = ((hash >> bits) | 1 << (63 - bits)).trailing_zeros() as u8 + 1;
    if let Some(register) = registers.get_mut(hash as usize & (REGISTERS - 1)) {
        *register = (*register).max(rank);
    }
}
