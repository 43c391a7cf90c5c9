//! Sets of hashes in few bits: fingerprints, sorted, their differences Golomb-Rice coded (docs/formats.md).
//!
//! Of `n` hashes each becomes a number below `n` × 2^[`SPARSE`], so that one that is not in the set is taken for one that
//! is with a probability of at most 2^-[`SPARSE`]. A number takes `SPARSE` + 1.6 bits.

/// Bits of a difference that stand as they are; the rest is in unary.
pub(crate) const SPARSE: u32 = 10;

/// A hash's number among those below `n` × 2^SPARSE. `hash` is uniform over 64 bits.
fn place(hash: u64, n: usize) -> u64 {
    let span = (n as u128) << SPARSE;
    u64::try_from((u128::from(hash) * span) >> 64).unwrap_or(u64::MAX)
}

/// Writes the set of `hashes`, which ascend.
pub(crate) fn encode(hashes: impl ExactSizeIterator<Item = u64>, out: &mut Vec<u8>) {
    let n = hashes.len();
    put_varint(n as u64, out);
    let mut bits = BitWriter {
        out,
        held: 0,
        filled: 0,
    };
    let mut before = 0;
    for hash in hashes {
        let place = place(hash, n);
        let difference = place.saturating_sub(before);
        before = place;
        for _ in 0..difference >> SPARSE {
            bits.put(1, 1);
        }
        bits.put(0, 1);
        bits.put(difference & ((1 << SPARSE) - 1), SPARSE);
    }
    bits.finish();
}

/// Whether the set may hold `hash`; `None`: the octets are not a set.
pub(crate) fn may_hold(octets: &[u8], hash: u64) -> Option<bool> {
    let (n, octets) = take_varint(octets)?;
    // Each takes more than SPARSE bits.
    let n = usize::try_from(n)
        .ok()
        .filter(|n| *n <= octets.len().saturating_mul(8))?;
    let wanted = place(hash, n);
    let mut bits = BitReader { octets, at: 0 };
    let mut place = 0u64;
    for _ in 0..n {
        let mut difference = 0;
        while bits.take(1)? == 1 {
            difference += 1 << SPARSE;
        }
        place += difference + bits.take(SPARSE)?;
        if place >= wanted {
            return Some(place == wanted);
        }
    }
    Some(false)
}

pub(crate) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

pub(crate) fn take_varint(octets: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, octet) in octets.iter().take(10).enumerate() {
        let low = u64::from(octet & 0x7f);
        if at == 9 && low > 1 {
            return None;
        }
        value |= low << (7 * at);
        if octet & 0x80 == 0 {
            return Some((value, octets.get(at + 1..)?));
        }
    }
    None
}

/// Writes bits, the first in the lowest bit of the first octet.
struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    held: u64,
    filled: u32,
}

impl BitWriter<'_> {
    fn put(&mut self, value: u64, bits: u32) {
        self.held |= value << self.filled;
        self.filled += bits;
        while self.filled >= 8 {
            self.out.push(u8::try_from(self.held & 0xff).unwrap_or(0));
            self.held >>= 8;
            self.filled -= 8;
        }
    }

    fn finish(self) {
        if self.filled > 0 {
            self.out.push(u8::try_from(self.held & 0xff).unwrap_or(0));
        }
    }
}

struct BitReader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl BitReader<'_> {
    fn take(&mut self, bits: u32) -> Option<u64> {
        let mut value = 0;
        let mut have = 0;
        while have < bits {
            let octet = u64::from(*self.octets.get(self.at / 8)?);
            let offset = u32::try_from(self.at % 8).ok()?;
            let here = (8 - offset).min(bits - have);
            value |= ((octet >> offset) & ((1 << here) - 1)) << have;
            have += here;
            self.at += usize::try_from(here).ok()?;
        }
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn set_of(hashes: &BTreeSet<u64>) -> Vec<u8> {
        let sorted: Vec<u64> = hashes.iter().copied().collect();
        let mut octets = Vec::new();
        encode(sorted.iter().copied(), &mut octets);
        octets
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_in_it_is_found(hashes in prop::collection::btree_set(any::<u64>(), 0..300)) {
            let octets = set_of(&hashes);
            for hash in &hashes {
                prop_assert_eq!(may_hold(&octets, *hash), Some(true));
            }
        }

        #[test]
        fn octets_that_are_no_set_do_no_harm(octets in prop::collection::vec(any::<u8>(), 0..100), hash: u64) {
            let _ = may_hold(&octets, hash);
        }

        #[test]
        fn varints_come_back(value: u64, bits in 0u32..64, rest in prop::collection::vec(any::<u8>(), 0..3)) {
            let value = value >> bits;
            let mut out = Vec::new();
            put_varint(value, &mut out);
            out.extend(&rest);
            prop_assert_eq!(take_varint(&out), Some((value, rest.as_slice())));
        }
    }

    #[test]
    fn few_others_are_taken_for_members_and_a_member_takes_few_bits() {
        // A sequence that is spread evenly over 64 bits.
        let spread = |n: u64| {
            n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29)
                .wrapping_mul(0xbf58_476d_1ce4_e5b9)
        };
        let hashes: BTreeSet<u64> = (0..1_000).map(spread).collect();
        let octets = set_of(&hashes);
        let others = (1_000_000..1_020_000u64).map(spread);
        let wrong = others.filter(|h| may_hold(&octets, *h) == Some(true)).count();
        assert!(wrong <= 20_000 / 512, "{wrong}");
        assert!(octets.len() * 8 <= 1_000 * 12, "{}", octets.len());
        assert_eq!(may_hold(&octets[..octets.len() / 2], u64::MAX), None);
    }
}
