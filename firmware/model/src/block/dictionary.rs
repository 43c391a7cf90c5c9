//! Dictionaries: values numbered in the order of their first appearance. The hash is keyed, since those who send
//! traffic choose the addresses.

use std::hash::{BuildHasher, RandomState};

/// The key of the hash: two numbers that nobody outside knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seed(u64, u64);

impl Seed {
    /// Stands in for a moment where nothing is hashed.
    pub(super) const NONE: Self = Self(0, 1);

    pub(super) fn random() -> Self {
        let state = RandomState::new();
        Self(state.hash_one(1u8), state.hash_one(2u8) | 1)
    }

    /// Both halves of the 128-bit product, folded: each bit of the key moves each bit of the hash.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "the halves of a product")]
    const fn mix(self, value: u64) -> u64 {
        let product = (value ^ self.0) as u128 * self.1 as u128;
        product as u64 ^ (product >> 64) as u64
    }

    /// The hash of octets, eight at a time.
    #[inline]
    pub(super) fn hash(self, octets: &[u8]) -> u64 {
        let (chunks, rest) = octets.as_chunks::<8>();
        let mut last = [0; 8];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        let length = self.mix(octets.len() as u64);
        let all = chunks.iter().chain(std::iter::once(&last));
        all.fold(length, |hash, chunk| self.mix(hash ^ u64::from_le_bytes(*chunk)))
    }
}

/// What a dictionary numbers.
pub(super) trait Key: Copy + Eq + Default {
    fn hash(self, seed: Seed) -> u64;
}

impl Key for u32 {
    #[inline]
    fn hash(self, seed: Seed) -> u64 {
        seed.mix(u64::from(self))
    }
}

impl Key for u64 {
    #[inline]
    fn hash(self, seed: Seed) -> u64 {
        seed.mix(self)
    }
}

impl Key for u128 {
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "the halves of an address")]
    fn hash(self, seed: Seed) -> u64 {
        seed.mix(seed.mix((self >> 64) as u64) ^ self as u64)
    }
}

/// Values and their numbers.
#[derive(Debug)]
pub(super) struct Dictionary<K> {
    seed: Seed,
    /// A value and its number plus one; 0 is an empty slot. A power of two of them, at most half of them taken.
    slots: Vec<(K, u32)>,
    order: Vec<K>,
}

const SLOTS_MIN: usize = 1 << 10;

impl<K: Key> Dictionary<K> {
    pub(super) fn new(seed: Seed) -> Self {
        Self {
            seed,
            slots: Vec::new(),
            order: Vec::new(),
        }
    }

    /// The number of a value: the next one where it is new.
    #[inline]
    pub(super) fn number(&mut self, value: K) -> u32 {
        if self.order.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let mut at = place(value.hash(self.seed), self.slots.len());
        loop {
            match self.slots.get(at) {
                Some((key, number)) if *number != 0 => {
                    if *key == value {
                        return number - 1;
                    }
                }
                _ => break,
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.order.push(value);
        // A block has fewer than 2³¹ values of a kind.
        let number = u32::try_from(self.order.len()).unwrap_or(u32::MAX);
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = (value, number);
        }
        number - 1
    }

    #[cold]
    fn grow(&mut self) {
        let length = (self.slots.len() * 4).max(SLOTS_MIN);
        self.slots.clear();
        self.slots.resize(length, (K::default(), 0));
        for (value, number) in self.order.iter().zip(1..) {
            let mut at = place(value.hash(self.seed), length);
            while self.slots.get(at).is_some_and(|slot| slot.1 != 0) {
                at = (at + 1) & (length - 1);
            }
            if let Some(slot) = self.slots.get_mut(at) {
                *slot = (*value, number);
            }
        }
    }

    /// The values, the first to appear first.
    pub(super) fn values(&self) -> &[K] {
        &self.order
    }

    /// Forgets the values and keeps the room.
    pub(super) fn clear(&mut self) {
        if !self.order.is_empty() {
            self.order.clear();
            self.slots.fill((K::default(), 0));
        }
    }

    /// Forgets the values and most of the room, for the next dictionary is likely small.
    pub(super) fn reset(&mut self) {
        self.slots.truncate(SLOTS_MIN);
        self.clear();
    }
}

/// The upper bits of a hash, which depend on all of the value.
#[inline]
#[allow(
    clippy::cast_possible_truncation,
    reason = "the upper bits of a hash, below the length"
)]
const fn place(hash: u64, length: usize) -> usize {
    ((hash as u128 * length as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn numbers_are_those_of_a_naive_map() {
        let mut dictionary = Dictionary::new(Seed::random());
        for _ in 0..2 {
            let mut naive = HashMap::new();
            for n in 0..20_000u64 {
                let value = (n * n) % 7_919;
                let next = u32::try_from(naive.len()).unwrap();
                assert_eq!(dictionary.number(value), *naive.entry(value).or_insert(next));
            }
            assert_eq!(dictionary.values().len(), naive.len());
            dictionary.clear();
        }
    }
}
