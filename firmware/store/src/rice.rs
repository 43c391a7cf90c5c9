//! Sets of hashes in few bits: fingerprints, sorted, their differences Golomb-Rice coded (docs/formats.md).
//!
//! Of `n` hashes each becomes a number below `n` × 2^[`SPARSE`], so that one that is not in the set is taken for one that
//! is with a probability of at most 2^-[`SPARSE`]. A number takes `SPARSE` + 1.6 bits. Numbers without their lowest bits are
//! those of a smaller factor: that is how sets of a day are made of those of its hours.

/// Bits of a difference that stand as they are; the rest is in unary.
pub(crate) const SPARSE: u32 = 10;

/// A hash's number among those below `n` × 2^`sparse`. `hash` is uniform over 64 bits.
fn place(hash: u64, n: u64, sparse: u32) -> u64 {
    let span = u128::from(n) << sparse;
    u64::try_from((u128::from(hash) * span) >> 64).unwrap_or(u64::MAX)
}

/// Writes the set of `hashes`, which ascend.
pub(crate) fn encode(hashes: impl ExactSizeIterator<Item = u64>, out: &mut Vec<u8>) {
    let n = hashes.len() as u64;
    put_varint(n, out);
    let mut bits = BitWriter::new(out);
    let mut before = 0;
    for hash in hashes {
        let place = place(hash, n, SPARSE);
        bits.put_difference(place.saturating_sub(before), SPARSE);
        before = place;
    }
    bits.finish();
}

/// Whether the set may hold `hash`; `None`: the octets are not a set.
pub(crate) fn may_hold(octets: &[u8], hash: u64) -> Option<bool> {
    let (n, octets) = take_varint(octets)?;
    let mut bits = BitReader::new(octets);
    let wanted = place(hash, bits.bounded(n)?, SPARSE);
    let mut place = 0u64;
    for _ in 0..n {
        place = place.checked_add(bits.difference(SPARSE)?)?;
        if place >= wanted {
            return Some(place == wanted);
        }
    }
    Some(false)
}

/// The numbers that a set holds, in ascending order; `None`: the octets are not a set.
pub(crate) fn places(octets: &[u8]) -> Option<Vec<u64>> {
    let (n, octets) = take_varint(octets)?;
    let mut bits = BitReader::new(octets);
    bits.places(n, SPARSE)
}

/// How sparse sets of a day are.
pub(crate) const SPARSE_DAY: u32 = 7;

/// Makes the numbers of a set that is so sparse those of a day's.
pub(crate) fn thin_out(places: &mut [u64], sparse: u32) {
    places.iter_mut().for_each(|place| *place >>= sparse - SPARSE_DAY);
}

/// The bits that a set of a day takes.
pub(crate) fn day_bits(places: &[u64]) -> usize {
    let mut before = 0;
    let differences = places.iter().map(|place| {
        let difference = place.saturating_sub(before);
        before = *place;
        usize::try_from(difference >> SPARSE_DAY).unwrap_or(usize::MAX)
    });
    let number = 8 * (places.len().max(1).ilog2() as usize / 7 + 1);
    differences.fold(number, |sum, high| sum.saturating_add(high + 1 + SPARSE_DAY as usize))
}

/// Writes a day's set that is so sparse: how many numbers, in groups of 7 bits, and their differences.
pub(crate) fn put_day(bits: &mut BitWriter<'_>, places: &[u64], sparse: u32) {
    let mut n = places.len() as u64;
    while n >= 0x80 {
        bits.put(n & 0x7f | 0x80, 8);
        n >>= 7;
    }
    bits.put(n, 8);
    let mut before = 0;
    for place in places {
        bits.put_difference(place.saturating_sub(before), sparse);
        before = *place;
    }
}

/// Reads how many numbers the next set of a day has; they follow.
pub(crate) fn take_day(bits: &mut BitReader<'_>) -> Option<u64> {
    let mut n = 0;
    for shift in (0..).step_by(7).take(6) {
        let group = bits.take(8)?;
        n |= (group & 0x7f) << shift;
        if group & 0x80 == 0 {
            return bits.bounded(n);
        }
    }
    None
}

/// Reads the numbers of a day's set that is so sparse.
pub(crate) fn day_places(bits: &mut BitReader<'_>, n: u64, sparse: u32) -> Option<Vec<u64>> {
    bits.places(n, sparse)
}

/// Whether a day's set that is so sparse may hold `hash`; reads all of it.
pub(crate) fn day_may_hold(bits: &mut BitReader<'_>, n: u64, sparse: u32, hash: u64) -> Option<bool> {
    let wanted = place(hash, n, sparse);
    let (mut place, mut holds) = (0u64, false);
    for _ in 0..n {
        place = place.checked_add(bits.difference(sparse)?)?;
        holds |= place == wanted;
    }
    Some(holds)
}

/// Steps over the numbers of a day's set that is so sparse.
pub(crate) fn skip_day(bits: &mut BitReader<'_>, n: u64, sparse: u32) -> Option<()> {
    (0..n).try_for_each(|_| bits.difference(sparse).map(drop))
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
pub(crate) struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    held: u64,
    filled: u32,
}

impl<'a> BitWriter<'a> {
    /// Appends to the octets.
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self {
            out,
            held: 0,
            filled: 0,
        }
    }

    fn put_difference(&mut self, difference: u64, sparse: u32) {
        for _ in 0..difference >> sparse {
            self.put(1, 1);
        }
        self.put(0, 1);
        self.put(difference & ((1 << sparse) - 1), sparse);
    }

    fn put(&mut self, value: u64, bits: u32) {
        self.held |= value << self.filled;
        self.filled += bits;
        while self.filled >= 8 {
            self.out.push(u8::try_from(self.held & 0xff).unwrap_or(0));
            self.held >>= 8;
            self.filled -= 8;
        }
    }

    /// Ends with a whole octet.
    pub(crate) fn finish(self) {
        if self.filled > 0 {
            self.out.push(u8::try_from(self.held & 0xff).unwrap_or(0));
        }
    }
}

/// Reads bits as [`BitWriter`] writes them.
pub(crate) struct BitReader<'a> {
    octets: &'a [u8],
    /// In bits.
    at: usize,
}

impl<'a> BitReader<'a> {
    /// From the first bit of the octets.
    pub(crate) const fn new(octets: &'a [u8]) -> Self {
        Self { octets, at: 0 }
    }

    /// Bits from here on, at least 57 of them but at the end, where zeros follow.
    fn ahead(&self) -> u64 {
        let rest = self.octets.get(self.at / 8..).unwrap_or_default();
        let word = match rest.first_chunk::<8>() {
            Some(octets) => u64::from_le_bytes(*octets),
            None => rest.iter().rev().fold(0, |word, octet| word << 8 | u64::from(*octet)),
        };
        word >> (self.at % 8)
    }

    fn left(&self) -> usize {
        self.octets.len().saturating_mul(8).saturating_sub(self.at)
    }

    /// `bits`: at most 56.
    fn take(&mut self, bits: u32) -> Option<u64> {
        let value = self.ahead() & ((1 << bits) - 1);
        self.advance(bits)?;
        Some(value)
    }

    fn advance(&mut self, bits: u32) -> Option<()> {
        let bits = usize::try_from(bits).ok()?;
        (bits <= self.left()).then(|| self.at += bits)
    }

    /// A difference of a set.
    fn difference(&mut self, sparse: u32) -> Option<u64> {
        let mut high = 0u64;
        loop {
            // Of so many bits all are there.
            let ones = self.ahead().trailing_ones().min(56);
            self.advance(ones)?;
            high += u64::from(ones);
            if ones < 56 {
                break;
            }
        }
        self.advance(1)?;
        Some((high << sparse) + self.take(sparse)?)
    }

    /// So many numbers, if there can be as many in what is left: each takes 8 bits or more.
    fn bounded(&self, n: u64) -> Option<u64> {
        (n <= self.left() as u64 / 8).then_some(n)
    }

    fn places(&mut self, n: u64, sparse: u32) -> Option<Vec<u64>> {
        let mut places = Vec::with_capacity(usize::try_from(self.bounded(n)?).ok()?);
        let mut place = 0u64;
        for _ in 0..n {
            place = place.checked_add(self.difference(sparse)?)?;
            places.push(place);
        }
        Some(places)
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
            let _ = places(&octets);
            let mut bits = BitReader::new(&octets);
            while let Some(n) = take_day(&mut bits) {
                if day_may_hold(&mut bits, n, SPARSE_DAY, hash).is_none() {
                    break;
                }
            }
        }

        #[test]
        fn what_is_in_hours_is_found_in_days(
            hours in prop::collection::vec(prop::collection::btree_set(any::<u64>(), 0..200), 1..5),
        ) {
            let mut octets = Vec::new();
            let mut expected = 0;
            let mut bits = BitWriter::new(&mut octets);
            for hashes in &hours {
                let mut places = places(&set_of(hashes)).unwrap();
                thin_out(&mut places, SPARSE);
                expected += day_bits(&places);
                put_day(&mut bits, &places, SPARSE_DAY);
            }
            bits.finish();
            prop_assert_eq!(octets.len(), expected.div_ceil(8));
            for hash in hours.iter().flatten().chain([&7]) {
                let mut bits = BitReader::new(&octets);
                for hashes in &hours {
                    let n = take_day(&mut bits).unwrap();
                    prop_assert_eq!(n, hashes.len() as u64);
                    let held = day_may_hold(&mut bits, n, SPARSE_DAY, *hash).unwrap();
                    prop_assert!(held || !hashes.contains(hash));
                }
            }
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
