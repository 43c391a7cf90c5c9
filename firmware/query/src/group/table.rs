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
    /// Sums of a row now; those behind are all 0.
    sums: usize,
    /// Sums that a row may have.
    wide: usize,
    seed: u64,
    weight: Weight,
    /// Key, then sums; group after group.
    rows: Vec<u64>,
    /// The hash's upper half, whose lower bits say where it belongs, and one more than the group's number; 0 where there
    /// is none. A power of two.
    slots: Vec<u64>,
    len: usize,
    /// Groups beyond which the lighter half is dropped.
    most: usize,
    /// Whether the owner prunes.
    by_owner: bool,
    dropped: u64,
    pruned: bool,
    /// A bit for each of the sums that is none, but the largest that came.
    largest: u32,
}

/// Keys that are added together.
pub(crate) const BATCH: usize = 128;

/// Keys one after the other, at most [`BATCH`], and which sums each has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'x> {
    pub(crate) words: usize,
    pub(crate) keys: &'x [u64],
    pub(crate) groups: &'x [u32],
    pub(crate) sums: &'x [[u64; super::local::SUMS]],
}

impl<'x> Batch<'x> {
    const fn len(&self) -> usize {
        self.groups.len()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &'x [u64]> + use<'x> {
        self.keys.chunks_exact(self.words)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'x [u64], &'x [u64])> + use<'x> {
        let sums = self.sums;
        let of = move |group: &u32| sums.get(*group as usize).map_or(&[][..], |sums| sums.as_slice());
        self.keys().zip(self.groups.iter().map(of))
    }
}

/// Sums of one direction: those that come first.
const FORWARD: usize = 3;
const UPPER: u64 = 0xffff_ffff_0000_0000;
const SLOTS_MIN: usize = 64;

impl Table {
    /// A table that takes about so many octets at most.
    pub(crate) fn new(key: usize, sums: usize, seed: u64, weight: Weight, octets: usize) -> Self {
        // Slots are a fourth to a half full; room of a vector that was not used yet takes no memory.
        let group = (key + sums) * 8 + 32;
        // Exporters count one direction: rows without what both have are shorter, and more of them are in the caches.
        let narrow = if sums == super::local::SUMS { FORWARD } else { sums };
        Self {
            key,
            sums: narrow,
            wide: sums,
            seed,
            weight,
            rows: Vec::new(),
            slots: vec![0; SLOTS_MIN],
            len: 0,
            most: (octets / group).clamp(16, u32::MAX as usize - 1),
            by_owner: false,
            dropped: 0,
            pruned: false,
            largest: 0,
        }
    }

    /// Lets the table grow beyond its bound: its owner looks at [`Table::is_full`].
    pub(crate) const fn never_prune(&mut self) {
        self.by_owner = true;
    }

    /// Keeps the largest of what comes in some places of the sums: a bit for each.
    pub(crate) const fn keep_largest(&mut self, places: u32) {
        self.largest = places;
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

    /// Adds to the sums of a key that is there; false where it is not.
    pub(crate) fn add_known(&mut self, key: &[u64], hash: u64, from: usize, sums: &[u64]) -> bool {
        let known = self.probe(key, hash).is_ok();
        if known {
            self.add(key, hash, from, sums);
        }
        known
    }

    /// Groups beyond which it is full.
    pub(crate) const fn most(&self) -> usize {
        self.most
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
        let mut at = (hash >> 32) as usize & mask;
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
        if self.sums < self.wide && sums.iter().skip(self.sums).any(|sum| *sum > 0) {
            self.widen();
        }
        let group = match self.probe(key, hash) {
            Ok(group) => group,
            Err(at) => self.insert(key, hash, at),
        };
        let stride = self.key + self.sums;
        let start = group * stride + self.key + from;
        let row = self.rows[start..(group + 1) * stride].iter_mut().zip(sums);
        if self.largest == 0 {
            row.for_each(|(sum, more)| *sum = sum.saturating_add(*more));
            return;
        }
        for (at, (sum, more)) in row.enumerate() {
            *sum = if self.largest >> at & 1 == 1 {
                (*sum).max(*more)
            } else {
                sum.saturating_add(*more)
            };
        }
    }

    /// Adds many at once: slots and rows are looked at before they are needed, so that the memory's delays overlap.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a mask of the slots, the lower half of a slot"
    )]
    pub(crate) fn add_all(&mut self, batch: &Batch<'_>, from: usize) {
        let mut hashes = [0u64; BATCH];
        let mut groups = [0usize; BATCH];
        let (mask, stride) = (self.slots.len() - 1, self.key + self.sums);
        if stride == 0 {
            return;
        }
        let count = batch.len().min(BATCH);
        for ((key, hash), group) in batch.keys().zip(&mut hashes).zip(&mut groups) {
            *hash = self.hash(key);
            *group = self.slots[(*hash >> 32) as usize & mask] as u32 as usize;
        }
        let mut sum = 0;
        for group in groups.iter().take(count).filter(|group| **group > 0) {
            let row = (group - 1) * stride;
            sum ^= self.rows[row] ^ self.rows[row + stride - 1];
        }
        std::hint::black_box(sum);
        for ((key, sums), hash) in batch.iter().zip(hashes) {
            self.add(key, hash, from, sums);
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
            self.grow();
            at = self.probe(key, hash).unwrap_or_else(|at| at);
        }
        let group = self.len;
        self.slots[at] = hash & UPPER | (group as u64 + 1);
        self.rows.extend_from_slice(key);
        self.rows.resize((group + 1) * (self.key + self.sums), 0);
        self.len += 1;
        group
    }

    /// Gives rows all of their sums.
    fn widen(&mut self) {
        let (before, after) = (self.key + self.sums, self.key + self.wide);
        let mut rows = Vec::with_capacity(self.len * after);
        for row in self.rows.chunks_exact(before) {
            rows.extend_from_slice(row);
            rows.resize(rows.len() + after - before, 0);
        }
        (self.rows, self.sums) = (rows, self.wide);
    }

    /// Gives the slots more room: they know where they belong.
    fn grow(&mut self) {
        let factor = if self.slots.len() < 1 << 18 { 4 } else { 2 };
        let slots = vec![0; self.slots.len() * factor];
        let before = std::mem::replace(&mut self.slots, slots);
        for slot in before.into_iter().filter(|slot| *slot != 0) {
            self.place(slot);
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "a mask of the slots")]
    fn place(&mut self, slot: u64) {
        let mask = self.slots.len() - 1;
        let mut at = (slot >> 32) as usize & mask;
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }

    /// Makes the slots anew, of the rows.
    fn rehash(&mut self) {
        self.slots.fill(0);
        for group in 0..self.len {
            let hash = self.hash(self.row(group).0);
            self.place(hash & UPPER | (group as u64 + 1));
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
        self.rehash();
    }

    /// The weight of the n-th heaviest group; 0 where there are fewer.
    pub(crate) fn weight_at(&self, n: usize) -> u64 {
        let mut weights: Vec<u64> = (0..self.len).map(|group| self.weigh(group)).collect();
        match n.checked_sub(1).filter(|at| *at < weights.len()) {
            Some(at) => *weights.select_nth_unstable_by(at, |a, b| b.cmp(a)).1,
            None => 0,
        }
    }

    /// Gives back what memory groups took that are gone.
    pub(crate) fn shrink(&mut self) {
        self.rows.shrink_to_fit();
        self.slots = vec![0; (self.len * 4).next_power_of_two().max(SLOTS_MIN)];
        self.rehash();
    }

    /// Sets the sums of a key that is there.
    pub(crate) fn set(&mut self, key: &[u64], sums: &[u64]) {
        if self.sums < self.wide && sums.iter().skip(self.sums).any(|sum| *sum > 0) {
            self.widen();
        }
        let Some(group) = self.find(key) else { return };
        let stride = self.key + self.sums;
        let row = self.rows.get_mut(group * stride + self.key..(group + 1) * stride);
        let all = sums.iter().copied().chain(std::iter::repeat(0));
        row.unwrap_or_default()
            .iter_mut()
            .zip(all)
            .for_each(|(sum, now)| *sum = now);
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
    use crate::group::local::SUMS;
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
    fn rows_are_as_wide_as_their_sums() {
        let mut table = Table::new(1, SUMS, 7, Weight(2, Some(4)), 1 << 20);
        for n in 0..1_000u64 {
            let both = u64::from(n > 500);
            table.add(&[n % 700], table.hash(&[n % 700]), 0, &[1, n, n * 2, both, both * n]);
        }
        let row = |n: u64| table.row(table.find(&[n]).unwrap()).1;
        assert_eq!(
            (row(10), row(600)),
            (&[2, 720, 1_440, 1, 710][..], &[1, 600, 1_200, 1, 600][..])
        );
        let mut narrow = Table::new(1, SUMS, 7, Weight(2, Some(4)), 1 << 20);
        narrow.add(&[10], narrow.hash(&[10]), 0, &[1, 2, 3, 0, 0]);
        assert_eq!(narrow.row(0).1, [1, 2, 3]);
        narrow.merge(&table);
        assert_eq!(
            (narrow.row(0).1, narrow.weigh(0)),
            (&[3, 722, 1_443, 1, 710][..], 2_153)
        );
    }

    #[test]
    fn the_heaviest_stay_when_there_are_too_many() {
        let mut table = Table::new(1, 1, 7, Weight(0, None), 1 << 16);
        let most = table.most as u64;
        // Heavy ones come again and again among very many light ones.
        let many = most * 20 / 8 * 8;
        for n in 0..many {
            table.add(&[n], table.hash(&[n]), 0, &[1]);
            let heavy = [u64::MAX - n % 8];
            table.add(&heavy, table.hash(&heavy), 0, &[5]);
        }
        assert!(table.len() as u64 <= most && table.dropped() > 0);
        for n in 0..8 {
            let group = table.find(&[u64::MAX - n]).unwrap();
            assert_eq!(table.weigh(group), many / 8 * 5);
        }
    }
}
