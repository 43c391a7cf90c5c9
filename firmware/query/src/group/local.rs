//! Groups within a block.

use model::BlockError;

use super::intern::Intern;
use super::keys::{DENSE, KeyColumn};
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
    words: Vec<u64>,
    parts: Vec<PartValue>,
}

impl Local {
    /// Numbers the rows' groups and sums up what rows add to them.
    pub(crate) fn sum(&mut self, columns: &[Coded<'_>], rows: usize, amounts: Amounts<'_>) {
        let one = match columns {
            [one] if one.card <= DENSE => Some((one.codes, one.card as usize)),
            _ => None,
        };
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

    /// Numbers rows by several columns; answers how many numbers there are.
    #[allow(clippy::cast_possible_truncation, reason = "below DENSE, or a number of a row")]
    fn number(&mut self, columns: &[Coded<'_>], rows: usize) -> usize {
        let room = columns
            .iter()
            .try_fold(1u64, |room, column| room.checked_mul(column.card.into()));
        if let Some(room) = room.filter(|room| *room <= u64::from(DENSE)) {
            self.numbers.clear();
            self.numbers.resize(rows, 0);
            for column in columns.iter().filter(|column| column.card > 1) {
                for (number, code) in self.numbers.iter_mut().zip(column.codes) {
                    *number = *number * column.card + code;
                }
            }
            return room as usize;
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
        self.intern.words().len()
    }

    /// Gives each group's words and sums; a group of several objects for each of them. `point` is a column whose codes
    /// go behind the key's words.
    pub(crate) fn each(
        &mut self,
        shape: &Shape,
        columns: &[KeyColumn],
        point: Option<&[u32]>,
        unpacked: &Unpacked<'_, '_>,
        mut give: impl FnMut(&[u64], &[u64; SUMS]),
    ) -> Result<(), BlockError> {
        let has_sets = columns.iter().any(|column| column.set(0).is_some());
        for (row, sums) in self.rows.iter().zip(&self.sums) {
            if *row == NOBODY {
                continue;
            }
            let row = *row as usize;
            let point = point.map(|points| points.get(row).copied().unwrap_or(0));
            self.parts.clear();
            for column in columns {
                let code = column.codes.get(row).copied().unwrap_or(0);
                self.parts.push(column.value(code, unpacked)?);
            }
            if has_sets {
                let sets: Vec<Option<&[u32]>> = columns
                    .iter()
                    .map(|column| column.set(column.codes.get(row).copied().unwrap_or(0)))
                    .collect();
                combine(&sets, 0, &mut self.parts, &mut |parts| {
                    shape.write(parts.iter().copied(), &mut self.words);
                    self.words.extend(point.map(u64::from));
                    give(&self.words, sums);
                });
            } else {
                shape.write(self.parts.iter().copied(), &mut self.words);
                self.words.extend(point.map(u64::from));
                give(&self.words, sums);
            }
        }
        Ok(())
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
