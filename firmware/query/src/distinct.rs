//! How many different values a key has: exact while they fit into memory, then estimated.

use crate::group::table::{Table, Weight, hash};

/// Registers of an estimate: the standard error is 1.04 ÷ √registers, 0.4 %.
const REGISTERS: u32 = 1 << 16;
/// Estimates are the same in every run.
const SEED: u64 = 0x5377_6e77_6174_6368;

/// The different keys that came.
#[derive(Debug, Clone)]
pub(crate) enum Distinct {
    /// All of them.
    Exact(Table),
    /// What is left of too many: HyperLogLog (Flajolet, Fusy, Gandouet and Meunier, 2007) with 64-bit hashes, which
    /// need no correction for large counts.
    Estimate(Vec<u8>),
}

impl Distinct {
    /// None yet, of keys of so many words, in about so many octets.
    pub(crate) fn new(words: usize, seed: u64, octets: usize) -> Self {
        Self::Exact(Table::new(words, 0, seed, Weight(0, None), octets))
    }

    pub(crate) fn add(&mut self, key: &[u64]) {
        match self {
            Self::Exact(table) => {
                table.insert_new(key, table.hash(key));
                if table.is_full() {
                    *self = Self::Estimate(estimate(table));
                }
            }
            Self::Estimate(registers) => register(registers, key),
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (_, Self::Exact(table)) => table.rows().for_each(|(key, _)| self.add(key)),
            (Self::Exact(table), Self::Estimate(registers)) => {
                let mut sum = estimate(table);
                join(&mut sum, registers);
                *self = Self::Estimate(sum);
            }
            (Self::Estimate(sum), Self::Estimate(registers)) => join(sum, registers),
        }
    }

    pub(crate) const fn is_exact(&self) -> bool {
        matches!(self, Self::Exact(_))
    }

    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::Exact(table) => table.len() as u64,
            Self::Estimate(registers) => estimated(registers),
        }
    }
}

/// How many different hashes registers stand for.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate: positive, and below 2⁶⁴"
)]
pub(crate) fn estimated(registers: &[u8]) -> u64 {
    let m = registers.len() as f64;
    let sum: f64 = registers.iter().map(|r| (-f64::from(*r)).exp2()).sum();
    let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
    let empty = registers.iter().filter(|r| **r == 0).count();
    if raw <= 2.5 * m && empty > 0 {
        return (m * (m / empty as f64).ln()).round() as u64;
    }
    raw.round() as u64
}

fn estimate(table: &Table) -> Vec<u8> {
    let mut registers = vec![0; REGISTERS as usize];
    table.rows().for_each(|(key, _)| register(&mut registers, key));
    registers
}

#[allow(clippy::cast_possible_truncation, reason = "the uppermost bits; at most 64 zeros")]
fn register(registers: &mut [u8], key: &[u64]) {
    let hash = hash(key, SEED);
    let bits = REGISTERS.trailing_zeros();
    let place = (hash >> (64 - bits)) as usize;
    let rank = (hash << bits | 1 << (bits - 1)).leading_zeros() as u8 + 1;
    if let Some(register) = registers.get_mut(place) {
        *register = (*register).max(rank);
    }
}

fn join(sum: &mut [u8], other: &[u8]) {
    sum.iter_mut().zip(other).for_each(|(a, b)| *a = (*a).max(*b));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_close_and_do_not_depend_on_the_way() {
        for count in [3_000u64, 200_000, 2_000_000] {
            let mut one = Distinct::new(2, 1, 1 << 10);
            let (mut a, mut b) = (Distinct::new(2, 1, 1 << 10), Distinct::new(2, 1, 1 << 26));
            for n in 0..count {
                let key = [n * 977, n / 3];
                one.add(&key);
                one.add(&key);
                if n % 3 == 0 {
                    a.add(&key);
                } else {
                    b.add(&key);
                }
            }
            assert!(!one.is_exact() && !a.is_exact());
            let off = one.count().abs_diff(count) as f64 / count as f64;
            assert!(off < 0.02, "{count}: {} is off by {off}", one.count());
            b.merge(&a);
            assert_eq!(b.count(), one.count());
            a.merge(&one);
            assert_eq!(a.count(), one.count());
        }
    }
}
