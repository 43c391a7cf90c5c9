//! Groups and their sums, in bounded memory.

/// Multiplies and folds: each bit of a word moves half of the result's.
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    #[allow(clippy::cast_possible_truncation, reason = "both halves are taken")]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}

/// A hash of words; `seed` keeps senders of flows from choosing which meet.
pub(crate) fn hash(words: &[u64], seed: u64) -> u64 {
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    for word in words {
        state = mix(state ^ word, 0xa076_1d64_78bd_642f ^ seed.rotate_left(32)) ^ word.rotate_left(23);
    }
    mix(state, 0xe703_7ed1_a0b4_28db)
}

/// Which sums weigh: the first, and the second where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weight(pub(crate) usize, pub(crate) Option<usize>);

impl Weight {
    pub(crate) fn of(self, sums: &[u64]) -> u64 {
        let at = |at: usize| sums.get(at).copied().unwrap_or(0);
        at(self.0).saturating_add(self.1.map_or(0, at))
    }
}

/// Keys of so many words, each with so many sums.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    key: usize,
    sums: usize,
    seed: u64,
    weight: Weight,
    /// Key, then sums; group after group.
    rows: Vec<u64>,
    /// The hash's upper half and one more than the group's number; 0 where there is none. A power of two.
    slots: Vec<u64>,
    len: usize,
    /// Groups beyond which the lighter half is dropped.
    most: usize,
    /// Whether the owner prunes.
    by_owner: bool,
    dropped: u64,
    pruned: bool,
}

const UPPER: u64 = 0xffff_ffff_0000_0000;
const SLOTS_MIN: usize = 64;

impl Table {
    /// A table that takes about so many octets at most.
    pub(crate) fn new(key: usize, sums: usize, seed: u64, weight: Weight, octets: usize) -> Self {
        // Slots are at most half full after they grew, and a vector that grows is there twice for a moment.
        let group = (key + sums) * 8 * 2 + 32;
        Self {
            key,
            sums,
            seed,
            weight,
            rows: Vec::new(),
            slots: vec![0; SLOTS_MIN],
            len: 0,
            most: (octets / group).clamp(16, u32::MAX as usize - 1),
            by_owner: false,
            dropped: 0,
            pruned: false,
        }
    }

    /// Lets the table grow beyond its bound: its owner looks at [`Table::is_full`].
    pub(crate) const fn never_prune(&mut self) {
        self.by_owner = true;
    }

    /// Whether groups were dropped for want of room since this was last asked.
    pub(crate) const fn take_pruned(&mut self) -> bool {
        std::mem::replace(&mut self.pruned, false)
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Groups that were dropped since there were too many; some may be counted several times.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether the next new key would be one too many.
    pub(crate) const fn is_full(&self) -> bool {
        self.len >= self.most
    }

    pub(crate) fn hash(&self, key: &[u64]) -> u64 {
        hash(key, self.seed)
    }

    /// A group's key and sums.
    pub(crate) fn row(&self, group: usize) -> (&[u64], &[u64]) {
        let stride = self.key + self.sums;
        let row = self.rows.get(group * stride..(group + 1) * stride).unwrap_or_default();
        row.split_at_checked(self.key).unwrap_or_default()
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = (&[u64], &[u64])> + Clone {
        (0..self.len).map(|group| self.row(group))
    }

    pub(crate) fn weigh(&self, group: usize) -> u64 {
        self.weight.of(self.row(group).1)
    }

    /// The group of a key, where there is one.
    pub(crate) fn find(&self, key: &[u64]) -> Option<usize> {
        self.probe(key, self.hash(key)).ok()
    }

    /// The group, or the slot where it would be.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the lower half of a slot; a mask of the slots"
    )]
    fn probe(&self, key: &[u64], hash: u64) -> Result<usize, usize> {
        let mask = self.slots.len() - 1;
        let stride = self.key + self.sums;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return Err(at);
            }
            if (slot ^ hash) & UPPER == 0 {
                let group = (slot as u32 - 1) as usize;
                if self.rows[group * stride..].iter().zip(key).all(|(a, b)| a == b) {
                    return Ok(group);
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds to the sums of a key from place `from` on; `hash` is the key's.
    pub(crate) fn add(&mut self, key: &[u64], hash: u64, from: usize, sums: &[u64]) {
        let group = match self.probe(key, hash) {
            Ok(group) => group,
            Err(at) => self.insert(key, hash, at),
        };
        let stride = self.key + self.sums;
        let start = group * stride + self.key + from;
        for (sum, more) in self.rows[start..].iter_mut().zip(sums) {
            *sum = sum.saturating_add(*more);
        }
    }

    /// Adds a key without sums; whether it is new.
    pub(crate) fn insert_new(&mut self, key: &[u64], hash: u64) -> bool {
        match self.probe(key, hash) {
            Ok(_) => false,
            Err(at) => {
                self.insert(key, hash, at);
                true
            }
        }
    }

    fn insert(&mut self, key: &[u64], hash: u64, at: usize) -> usize {
        let mut at = at;
        if self.len >= self.most && !self.by_owner {
            self.prune();
            at = self.probe(key, hash).unwrap_or_else(|at| at);
        }
        if (self.len + 1) * 2 > self.slots.len() {
            self.rehash(self.slots.len() * 2);
            at = self.probe(key, hash).unwrap_or_else(|at| at);
        }
        let group = self.len;
        self.slots[at] = hash & UPPER | (group as u64 + 1);
        self.rows.extend_from_slice(key);
        self.rows.resize((group + 1) * (self.key + self.sums), 0);
        self.len += 1;
        group
    }

    fn rehash(&mut self, slots: usize) {
        self.slots.clear();
        self.slots.resize(slots, 0);
        let mask = slots - 1;
        for group in 0..self.len {
            let hash = self.hash(self.row(group).0);
            #[allow(clippy::cast_possible_truncation, reason = "a mask of the slots")]
            let mut at = hash as usize & mask;
            while self.slots[at] != 0 {
                at = (at + 1) & mask;
            }
            self.slots[at] = hash & UPPER | (group as u64 + 1);
        }
    }

    /// Drops the lighter half of the groups.
    pub(crate) fn prune(&mut self) {
        self.pruned = true;
        let keep = (self.len / 2).max(1);
        let mut weights: Vec<u64> = (0..self.len).map(|group| self.weigh(group)).collect();
        let (_, least, _) = weights.select_nth_unstable_by(keep - 1, |a, b| b.cmp(a));
        let least = *least;
        let above = weights.iter().filter(|weight| **weight > least).count();
        let mut ties = keep - above.min(keep);
        self.retain(|weight, _| {
            if weight == least && ties > 0 {
                ties -= 1;
                return true;
            }
            weight > least
        });
    }

    /// Keeps groups of which the function, given weight and key, says so; the others count as dropped.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(u64, &[u64]) -> bool) {
        let stride = self.key + self.sums;
        let mut kept = 0;
        for group in 0..self.len {
            if keep(self.weigh(group), self.row(group).0) {
                self.rows
                    .copy_within(group * stride..(group + 1) * stride, kept * stride);
                kept += 1;
            }
        }
        self.dropped += (self.len - kept) as u64;
        self.len = kept;
        self.rows.truncate(kept * stride);
        self.rehash(self.slots.len());
    }

    /// Adds all of another table of the same shape.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.dropped += other.dropped;
        for (key, sums) in other.rows() {
            self.add(key, self.hash(key), 0, sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn sums_are_those_of_a_map() {
        let mut table = Table::new(2, 3, 7, Weight(0, Some(2)), 1 << 24);
        let mut map: HashMap<[u64; 2], [u64; 3]> = HashMap::new();
        for n in 0..50_000u64 {
            let key = [n * n % 1_009, n % 3];
            let sums = [1, n, n / 7];
            table.add(&key, table.hash(&key), 0, &sums);
            map.entry(key)
                .or_default()
                .iter_mut()
                .zip(sums)
                .for_each(|(a, b)| *a += b);
        }
        assert_eq!(table.len(), map.len());
        for (key, sums) in table.rows() {
            assert_eq!(map[key], sums);
        }
        let mut twice = table.clone();
        twice.merge(&table);
        assert_eq!((twice.len(), twice.dropped()), (map.len(), 0));
        let key = [0, 0];
        assert_eq!(twice.row(twice.find(&key).unwrap()).1[0], map[&key][0] * 2);
        assert_eq!(twice.find(&[5_000, 5]), None);
    }

    #[test]
    fn the_heaviest_stay_when_there_are_too_many() {
        let mut table = Table::new(1, 1, 7, Weight(0, None), 1 << 16);
        let most = table.most as u64;
        // Heavy ones come again and again among very many light ones.
        for n in 0..most * 20 {
            table.add(&[n], table.hash(&[n]), 0, &[1]);
            let heavy = [u64::MAX - n % 8];
            table.add(&heavy, table.hash(&heavy), 0, &[5]);
        }
        assert!(table.len() as u64 <= most && table.dropped() > 0);
        for n in 0..8 {
            let group = table.find(&[u64::MAX - n]).unwrap();
            assert_eq!(table.weigh(group), most * 20 / 8 * 5);
        }
    }
}
