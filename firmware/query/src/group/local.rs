//! Groups within a block.

use model::BlockError;

use super::intern::Intern;
use super::keys::{DENSE, KeyColumn};
use super::table::{BATCH, Batch};
use super::value::{PartValue, Shape};
use crate::scan::columns::Unpacked;

/// Sums' words: records, packets, octets, packets and octets in reverse.
pub(crate) const SUMS: usize = 5;

/// No row.
const NOBODY: u32 = u32::MAX;

/// What rows add to their groups' sums, by row.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Amounts<'x> {
    /// 1 each where there are none.
    pub(crate) flows: Option<&'x [u64]>,
    /// Packets, octets, both in reverse; 0 each where there are none.
    pub(crate) of: [Option<&'x [u64]>; 4],
}

impl Amounts<'_> {
    /// The sum of all rows, of which there are so many.
    pub(crate) fn sum(&self, rows: usize) -> [u64; SUMS] {
        let sum = |numbers: &[u64]| numbers.iter().fold(0u64, |sum, n| sum.saturating_add(*n));
        let mut sums = [0; SUMS];
        sums[0] = self.flows.map_or(rows as u64, sum);
        for (out, numbers) in sums.iter_mut().skip(1).zip(self.of) {
            *out = numbers.map_or(0, sum);
        }
        sums
    }
}

/// A column of codes to number rows by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coded<'c> {
    pub(crate) codes: &'c [u32],
    pub(crate) card: u32,
}

/// Room for the groups of a block.
#[derive(Debug, Default)]
pub(crate) struct Local {
    packed: Vec<u64>,
    intern: Intern,
    numbers: Vec<u32>,
    /// For each group one of its rows.
    rows: Vec<u32>,
    sums: Vec<[u64; SUMS]>,
    /// Groups' numbers are the codes of the only column.
    single: bool,
    /// Blocks that are still taken as having hardly two rows alike, as the one before had.
    apart: u32,
    keys: Vec<u64>,
    groups: Vec<u32>,
}

/// So many blocks are taken as the last that was looked at.
const APART: u32 = 15;

/// Products of columns' codes below this stand in arrays.
const DENSE_PRODUCT: u64 = if cfg!(test) { 64 } else { 1 << 14 };

impl Local {
    /// Numbers the rows' groups and sums up what rows add to them.
    pub(crate) fn sum(&mut self, columns: &[Coded<'_>], rows: usize, amounts: Amounts<'_>) {
        let one = match columns {
            [one] if one.card <= DENSE => Some((one.codes, one.card as usize)),
            _ => None,
        };
        self.single = one.is_some();
        let (numbers, count) = match one {
            Some(one) => one,
            None => {
                let count = self.number(columns, rows);
                (self.numbers.as_slice(), count)
            }
        };
        self.rows.clear();
        self.rows.resize(count, NOBODY);
        self.sums.clear();
        self.sums.resize(count, [0; SUMS]);
        for (row, number) in (0u32..).zip(numbers) {
            self.rows[*number as usize] = row;
        }
        add(numbers, amounts, &mut self.sums);
    }

    /// The same for one column of which rows may have a second code; rows without have the code after the last.
    pub(crate) fn sum_both(&mut self, column: Coded<'_>, seconds: &[u32], amounts: Amounts<'_>) {
        self.sum(&[column], column.codes.len(), amounts);
        let nobody = column.card as usize;
        self.rows.resize(nobody + 1, NOBODY);
        self.sums.resize(nobody + 1, [0; SUMS]);
        for (row, number) in (0u32..).zip(seconds) {
            self.rows[*number as usize] = row;
        }
        add(seconds, amounts, &mut self.sums);
        self.rows.truncate(nobody);
    }

    /// Numbers rows by several columns; answers how many numbers there are.
    #[allow(clippy::cast_possible_truncation, reason = "below DENSE, or a number of a row")]
    fn number(&mut self, columns: &[Coded<'_>], rows: usize) -> usize {
        let room = columns
            .iter()
            .try_fold(1u64, |room, column| room.checked_mul(column.card.into()));
        if let Some(room) = room.filter(|room| *room <= DENSE_PRODUCT) {
            self.numbers.clear();
            self.numbers.resize(rows, 0);
            for column in columns.iter().filter(|column| column.card > 1) {
                for (number, code) in self.numbers.iter_mut().zip(column.codes) {
                    *number = *number * column.card + code;
                }
            }
            return room as usize;
        }
        if self.apart > 0 {
            // Each row is a group of its own: they meet in the table of all blocks.
            self.apart -= 1;
            self.numbers.clear();
            self.numbers.extend((0u32..).take(rows));
            return rows;
        }
        self.packed.clear();
        self.packed.resize(rows, 0);
        let mut room = 1u64;
        for column in columns.iter().filter(|column| column.card > 1) {
            room = match room.checked_mul(column.card.into()) {
                Some(room) => room,
                None => {
                    // Too many to pack: the numbers so far are at most as many as rows.
                    self.intern.clear();
                    for word in &mut self.packed {
                        *word = self.intern.number(*word).into();
                    }
                    (self.intern.words().len() as u64).saturating_mul(column.card.into())
                }
            };
            for (word, code) in self.packed.iter_mut().zip(column.codes) {
                *word = *word * u64::from(column.card) + u64::from(*code);
            }
        }
        self.intern.clear();
        self.numbers.clear();
        self.numbers
            .extend(self.packed.iter().map(|word| self.intern.number(*word)));
        let count = self.intern.words().len();
        if count > rows - rows / 4 {
            self.apart = APART;
        }
        count
    }

    /// Gives groups' words and sums, some at a time; a group of several objects for each of them. A point's codes, with
    /// the first of them, go behind the key's words.
    pub(crate) fn each(
        &mut self,
        shape: &Shape,
        columns: &[KeyColumn],
        point: Option<(&[u32], u32)>,
        unpacked: &Unpacked<'_, '_>,
        mut give: impl FnMut(&Batch<'_>),
    ) -> Result<(), BlockError> {
        let fault = BlockError::Contents("place of an address");
        let has_sets = columns.iter().any(|column| column.set(0).is_some());
        let words = shape.words() + usize::from(point.is_some());
        let Self {
            rows,
            sums,
            single,
            keys,
            groups,
            ..
        } = self;
        let mut flush = |keys: &mut Vec<u64>, groups: &mut Vec<u32>| {
            give(&Batch {
                words,
                keys,
                groups,
                sums,
            });
            keys.clear();
            groups.clear();
        };
        keys.clear();
        groups.clear();
        for (group, row) in (0u32..).zip(rows.iter()) {
            if *row == NOBODY {
                continue;
            }
            let row = *row as usize;
            let code = |column: &KeyColumn| {
                if *single {
                    group
                } else {
                    column.codes.get(row).copied().unwrap_or(0)
                }
            };
            let point = point.map(|(points, first)| points.get(row).copied().unwrap_or(0) + first);
            if has_sets {
                let sets: Vec<Option<&[u32]>> = columns.iter().map(|column| column.set(code(column))).collect();
                let mut parts = Vec::with_capacity(columns.len());
                for column in columns {
                    parts.push(column.value(code(column), unpacked).ok_or(fault.clone())?);
                }
                combine(&sets, 0, &mut parts, &mut |parts| {
                    shape.write(parts.iter().copied(), keys);
                    keys.extend(point.map(u64::from));
                    groups.push(group);
                    if groups.len() == BATCH {
                        flush(keys, groups);
                    }
                });
                continue;
            }
            let mut writer = shape.writer(keys);
            for column in columns {
                writer.push(column.value(code(column), unpacked).ok_or(fault.clone())?);
            }
            writer.finish();
            keys.extend(point.map(u64::from));
            groups.push(group);
            if groups.len() == BATCH {
                flush(keys, groups);
            }
        }
        if !groups.is_empty() {
            flush(keys, groups);
        }
        Ok(())
    }

    /// How many numbers of groups there are; some may be nobody's.
    pub(crate) const fn groups(&self) -> usize {
        self.rows.len()
    }

    /// The groups' numbers by row, of the columns that were summed up by last.
    pub(crate) fn numbers<'n>(&'n self, columns: &[Coded<'n>]) -> &'n [u32] {
        match columns {
            [one] if self.single => one.codes,
            _ => &self.numbers,
        }
    }

    /// The sums by code, of a single column.
    pub(crate) fn by_code(&self, column: Coded<'_>) -> impl Iterator<Item = (u32, &[u64; SUMS])> {
        let there = self.rows.iter().zip(&self.sums).filter(|(row, _)| **row != NOBODY);
        there.map(move |(row, sums)| (column.codes.get(*row as usize).copied().unwrap_or(0), sums))
    }
}

/// Gives every combination of the sets' objects.
fn combine(sets: &[Option<&[u32]>], from: usize, parts: &mut Vec<PartValue>, give: &mut impl FnMut(&[PartValue])) {
    let Some(set) = sets.get(from) else {
        give(parts);
        return;
    };
    match set {
        None => combine(sets, from + 1, parts, give),
        Some([]) => {
            parts[from] = PartValue::NONE;
            combine(sets, from + 1, parts, give);
        }
        Some(objects) => {
            for object in *objects {
                parts[from] = PartValue::number((*object).into());
                combine(sets, from + 1, parts, give);
            }
        }
    }
}

fn add(numbers: &[u32], amounts: Amounts<'_>, sums: &mut [[u64; SUMS]]) {
    match amounts {
        Amounts {
            flows: None,
            of: [Some(packets), Some(bytes), None, None],
        } => {
            for ((number, packets), bytes) in numbers.iter().zip(packets).zip(bytes) {
                let sum = &mut sums[*number as usize];
                sum[0] += 1;
                sum[1] = sum[1].saturating_add(*packets);
                sum[2] = sum[2].saturating_add(*bytes);
            }
        }
        Amounts {
            flows: None,
            of: [Some(packets), Some(bytes), Some(packets_rev), Some(bytes_rev)],
        } => {
            let rest = packets_rev.iter().zip(bytes_rev);
            for (((number, packets), bytes), rest) in numbers.iter().zip(packets).zip(bytes).zip(rest) {
                let sum = &mut sums[*number as usize];
                sum[0] += 1;
                sum[1] = sum[1].saturating_add(*packets);
                sum[2] = sum[2].saturating_add(*bytes);
                sum[3] = sum[3].saturating_add(*rest.0);
                sum[4] = sum[4].saturating_add(*rest.1);
            }
        }
        amounts => {
            match amounts.flows {
                None => numbers.iter().for_each(|number| sums[*number as usize][0] += 1),
                Some(flows) => {
                    for (number, flows) in numbers.iter().zip(flows) {
                        sums[*number as usize][0] += flows;
                    }
                }
            }
            for (at, amounts) in (1..).zip(amounts.of) {
                for (number, amount) in numbers.iter().zip(amounts.unwrap_or_default()) {
                    let sum = &mut sums[*number as usize][at];
                    *sum = sum.saturating_add(*amount);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn rows_of_equal_codes_have_one_number() {
        let code = |n: u32, column: u32| n.wrapping_mul(2_654_435_761 + column * 40_503) >> (30 - column);
        for card in [u32::MAX, 1 << 20, 40] {
            let columns: Vec<Vec<u32>> = (0..4)
                .map(|column| (0..2_000).map(|n| code(n % 900, column) % card).collect())
                .collect();
            let coded: Vec<Coded<'_>> = columns.iter().map(|codes| Coded { codes, card }).collect();
            let mut local = Local::default();
            let count = local.number(&coded, 2_000);
            let mut numbers = HashMap::new();
            for (row, number) in local.numbers.iter().enumerate() {
                let key: Vec<u32> = columns.iter().map(|codes| codes[row]).collect();
                assert_eq!(numbers.entry(key).or_insert(*number), number);
            }
            assert_eq!(numbers.len(), count);
        }
    }
}
