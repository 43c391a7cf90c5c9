//! Filters: which addresses and which 5-tuples a block may have, without unpacking a column. A filter never denies a key
//! that it was made of; of others it does not deny one in 256 addresses and one in 8 5-tuples.
//!
//! They are 3-wise binary fuse filters (Graf and Lemire, "Binary Fuse Filters: Fast and Smaller Than Xor Filters", 2022)
//! of 8 and 3 bits: about 1.2 times as much a key, three places looked at. docs/formats.md has every octet.

use std::net::IpAddr;

use super::address_order;

/// Seeds that are tried before a block goes without a filter. One in a few fails where keys are few, hardly any where
/// they are many.
const TRIES: u64 = 64;
/// Bits of the longest segment that is written or read.
const BITS_MAX: u32 = 18;

/// Each bit of the value moves each bit of the answer; no two values have the same (the finalizer of MurmurHash3).
#[inline]
const fn mix(value: u64) -> u64 {
    let value = (value ^ value >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let value = (value ^ value >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    value ^ value >> 33
}

/// Set values of what is hashed apart: so many multiples of the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// What filters and the hours' index know an address by. It is stored: the same for ever. An IPv4 address has that of its
/// mapping into IPv6 (RFC 4291, section 2.5.5.2).
#[must_use]
#[inline]
pub const fn address_hash(address: IpAddr) -> u64 {
    address_key(address_order(address))
}

/// The hash of an address in [`address_order`]'s form.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the halves of an address")]
pub(super) const fn address_key(order: u128) -> u64 {
    mix(mix((order >> 64) as u64 ^ STEP) ^ order as u64)
}

/// What filters and the hours' index know a 5-tuple by; the same for both directions of a conversation. It is stored:
/// the same for ever.
#[must_use]
#[inline]
pub const fn flow_hash(src_ip: IpAddr, dst_ip: IpAddr, src_port: u16, dst_port: u16, protocol: u8) -> u64 {
    flow_of(
        end_of(address_hash(src_ip), src_port),
        end_of(address_hash(dst_ip), dst_port),
        protocol,
    )
}

/// One end of a conversation.
#[inline]
pub(super) const fn end_of(address: u64, port: u16) -> u64 {
    mix(address.wrapping_add((port as u64 + 1).wrapping_mul(STEP)))
}

/// A sum knows nothing of the order of its ends.
#[inline]
pub(super) const fn flow_of(one: u64, other: u64, protocol: u8) -> u64 {
    mix(one.wrapping_add(other) ^ (protocol as u64 + 1).wrapping_mul(STEP))
}

/// What a filter keeps of a key: more bits deny more of what is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fingerprint {
    /// An octet.
    Eight = 1,
    /// Half of one; two lie in an octet, the first in the lower bits. Read, and not made any more.
    Four = 2,
    /// Three bits; eight lie in three octets, the first in the lowest bits of the first.
    Three = 3,
}

impl Fingerprint {
    /// From the number that is stored.
    pub(super) const fn from_kind(kind: u8) -> Option<Self> {
        match kind {
            1 => Some(Self::Eight),
            2 => Some(Self::Four),
            3 => Some(Self::Three),
            _ => None,
        }
    }

    const fn mask(self) -> u8 {
        match self {
            Self::Eight => 0xff,
            Self::Four => 0x0f,
            Self::Three => 0x07,
        }
    }

    const fn bits(self) -> usize {
        match self {
            Self::Eight => 8,
            Self::Four => 4,
            Self::Three => 3,
        }
    }
}

/// What says how a filter's octets are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) fingerprint: Fingerprint,
    pub(super) seed: u64,
    /// A segment has 2 to the power of so many fingerprints.
    pub(super) bits: u32,
    /// Segments that a key's first fingerprint may lie in; two more follow.
    pub(super) segments: u32,
}

impl Shape {
    /// How large a filter of so many keys is made: the sizes that the paper found to succeed.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "some hundred thousand keys"
    )]
    fn of(keys: usize, fingerprint: Fingerprint) -> Self {
        let log = (keys.max(2) as f64).ln();
        let bits = ((log / 3.33_f64.ln() + 2.25) as u32).min(BITS_MAX);
        let factor = (0.875 + 0.25 * 1e6_f64.ln() / log).max(1.125);
        let segments = ((keys as f64 * factor) as usize).div_ceil(1 << bits);
        Self {
            fingerprint,
            seed: 0,
            bits,
            segments: u32::try_from(segments.saturating_sub(2).max(1)).unwrap_or(u32::MAX),
        }
    }

    /// Whether a reader takes it for a filter of so many octets.
    pub(super) fn fits(&self, octets: usize) -> bool {
        // First, since the room of a hostile shape cannot be counted.
        if self.bits > BITS_MAX || self.segments < 1 {
            return false;
        }
        // A room is below 2⁵¹ now.
        let expected = (self.room() * self.fingerprint.bits() as u64).div_ceil(8);
        expected == octets as u64
    }

    /// How many fingerprints it has.
    const fn room(&self) -> u64 {
        (self.segments as u64 + 2) << self.bits
    }

    /// A key, mixed with the seed: 56 bits.
    #[inline]
    const fn mixed(&self, key: u64) -> u64 {
        mix(key.wrapping_add(self.seed)) >> 8
    }

    /// The three places of a mixed key, all below [`Shape::room`].
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "below the number of places")]
    const fn places(&self, mixed: u64) -> [usize; 3] {
        let (length, mask) = (1usize << self.bits, (1u64 << self.bits) - 1);
        let room = (self.segments as u64) << self.bits;
        let first = ((mixed as u128 * room as u128) >> MIXED_BITS) as usize;
        let second = (first + length) ^ (mixed >> 18 & mask) as usize;
        let third = (first + 2 * length) ^ (mixed & mask) as usize;
        [first, second, third]
    }
}

const MIXED_BITS: u32 = 56;

/// What a mixed key leaves in its places.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the lowest octet")]
const fn fingerprint(mixed: u64) -> u8 {
    (mixed ^ mixed >> 32) as u8
}

/// A filter of a block: of its addresses, or of its 5-tuples.
#[derive(Debug, Clone, Copy)]
pub struct Filter<'a> {
    shape: Shape,
    octets: &'a [u8],
}

impl<'a> Filter<'a> {
    /// The shape must fit the octets.
    pub(super) const fn new(shape: Shape, octets: &'a [u8]) -> Self {
        Self { shape, octets }
    }

    /// Whether the block may have the key: an [`address_hash`] or a [`flow_hash`]. Never false where it has it.
    #[must_use]
    #[inline]
    pub fn may_have(&self, key: u64) -> bool {
        let mixed = self.shape.mixed(key);
        let octet = |at: usize| u16::from(self.octets.get(at).copied().unwrap_or_default());
        // It may lie in two octets.
        let stored = |place: usize| {
            let bit = place * self.shape.fingerprint.bits();
            (octet(bit / 8) | octet(bit / 8 + 1) << 8) >> (bit % 8)
        };
        let [a, b, c] = self.shape.places(mixed);
        let mask = u16::from(self.shape.fingerprint.mask());
        (stored(a) ^ stored(b) ^ stored(c) ^ u16::from(fingerprint(mixed))) & mask == 0
    }
}

/// Of what lies in a place: the exclusive or of the mixed keys; above it how many they are × 4, with the exclusive or of
/// which of its three places it is for each of them.
type Cell = u64;
const ONE: Cell = 4 << MIXED_BITS;

/// Whether one key alone lies there.
#[inline]
const fn is_alone(cell: Cell) -> bool {
    cell >> (MIXED_BITS + 2) == 1
}

/// The mixed key that lies alone, and which of its places it is.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "two bits")]
const fn parts(cell: Cell) -> (u64, usize) {
    let which = (cell >> MIXED_BITS & 3) as usize;
    (cell & ((1 << MIXED_BITS) - 1), if which > 2 { 2 } else { which })
}

/// The two places beside each of three.
const OTHERS: [[usize; 2]; 3] = [[1, 2], [0, 2], [0, 1]];

/// Makes filters; keeps its room from one to the next.
#[derive(Debug, Default)]
pub(super) struct Maker {
    keys: Vec<u64>,
    /// Of open addressing; 0 is empty.
    seen: Vec<u64>,
    mixed: Vec<u64>,
    cells: Vec<Cell>,
    /// Places that one key alone lies in.
    alone: Vec<u32>,
    /// The cells of keys as they were taken out: each alone.
    order: Vec<Cell>,
    octets: Vec<u8>,
}

impl Maker {
    /// The next filter's keys, which may repeat.
    pub(super) fn set_keys(&mut self, keys: impl Iterator<Item = u64>) {
        let most = keys.size_hint().1.unwrap_or_default();
        self.keys.clear();
        self.seen.clear();
        self.seen.resize((most * 2).next_power_of_two().max(2), 0);
        let (last, shift) = (self.seen.len() - 1, 64 - self.seen.len().trailing_zeros());
        let mut zero = false;
        for key in keys {
            if key == 0 {
                zero = true;
                continue;
            }
            // The upper bits: fewer than the length.
            let mut at = usize::try_from(key >> shift).unwrap_or_default();
            while let Some(slot) = self.seen.get_mut(at) {
                if *slot == 0 {
                    *slot = key;
                    self.keys.push(key);
                }
                if *slot == key {
                    break;
                }
                at = (at + 1) & last;
            }
        }
        if zero {
            self.keys.push(0);
        }
    }

    /// The filter of the keys that were set; `None` where there is none, or no seed did.
    pub(super) fn make(&mut self, fingerprint: Fingerprint) -> Option<(Shape, &[u8])> {
        let mut shape = Shape::of(self.keys.len(), fingerprint);
        // Whoever sends some of the records does not know it: so nobody can choose keys that no filter takes.
        let base = self.keys.iter().fold(0u64, |sum, key| sum.wrapping_add(*key));
        let found = !self.keys.is_empty()
            && (0..TRIES).any(|n| {
                shape.seed = mix(base.wrapping_add(n));
                self.peel(&shape)
            });
        if !found {
            return None;
        }
        self.assign(&shape);
        self.squeeze(fingerprint);
        Some((shape, &self.octets))
    }

    /// Takes out key by key one that lies alone in a place; answers whether all could be.
    #[allow(clippy::indexing_slicing, reason = "places are below the length of each array")]
    fn peel(&mut self, shape: &Shape) -> bool {
        let length = usize::try_from(shape.room()).unwrap_or_default();
        self.sort(shape);
        self.cells.clear();
        self.cells.resize(length, 0);
        let mut crowded = false;
        for mixed in &self.mixed {
            for (place, which) in shape.places(*mixed).into_iter().zip(0..) {
                let cell = self.cells[place];
                crowded |= cell >= u64::MAX - ONE;
                self.cells[place] = cell.wrapping_add(ONE) ^ mixed ^ which << MIXED_BITS;
            }
        }
        if crowded {
            return false;
        }
        // One more than there can be, so that each is written before it is known to count.
        self.alone.resize(length + 1, 0);
        let mut alone = 0;
        for (place, cell) in (0u32..).zip(&self.cells) {
            self.alone[alone] = place;
            alone += usize::from(is_alone(*cell));
        }
        self.order.clear();
        while alone > 0 {
            alone -= 1;
            let cell = self.cells[self.alone[alone] as usize];
            if !is_alone(cell) {
                continue;
            }
            self.order.push(cell);
            let (mixed, which) = parts(cell);
            let places = shape.places(mixed);
            for other in OTHERS[which] {
                let place = places[other];
                let cell = (self.cells[place] - ONE) ^ mixed ^ (other as u64) << MIXED_BITS;
                self.cells[place] = cell;
                self.alone[alone] = u32::try_from(place).unwrap_or(u32::MAX);
                alone += usize::from(is_alone(cell));
            }
        }
        self.order.len() == self.keys.len()
    }

    /// Mixes the keys with the seed and puts them into about the order of their first places: what is touched together is
    /// in the cache together.
    #[allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "eight bits")]
    fn sort(&mut self, shape: &Shape) {
        let bucket = |mixed: u64| (mixed >> (MIXED_BITS - 8)) as usize;
        let mut starts = [0usize; 257];
        for key in &self.keys {
            starts[bucket(shape.mixed(*key)) + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        self.mixed.resize(self.keys.len(), 0);
        for key in &self.keys {
            let mixed = shape.mixed(*key);
            let start = &mut starts[bucket(mixed)];
            self.mixed[*start] = mixed;
            *start += 1;
        }
    }

    /// Gives the places their fingerprints, the key that was taken out last first: those before it find theirs free.
    #[allow(clippy::indexing_slicing, reason = "places are below the length")]
    fn assign(&mut self, shape: &Shape) {
        self.octets.clear();
        self.octets.resize(self.cells.len(), 0);
        for cell in self.order.iter().rev() {
            let (mixed, which) = parts(*cell);
            let places = shape.places(mixed);
            let [a, b] = OTHERS[which].map(|other| self.octets[places[other]]);
            self.octets[places[which]] = fingerprint(mixed) ^ a ^ b;
        }
    }

    /// Keeps the lowest bits of each fingerprint, one behind the other.
    fn squeeze(&mut self, fingerprint: Fingerprint) {
        let (bits, mask) = (fingerprint.bits(), fingerprint.mask());
        if bits == 8 {
            return;
        }
        let (mut room, mut used, mut end) = (0u16, 0, 0);
        for at in 0..self.octets.len() {
            room |= u16::from(self.octets.get(at).copied().unwrap_or_default() & mask) << used;
            used += bits;
            // What is written was read before.
            if used >= 8 || at + 1 == self.octets.len() {
                if let Some(place) = self.octets.get_mut(end) {
                    [*place, _] = room.to_le_bytes();
                }
                end += 1;
                room >>= 8;
                used = used.saturating_sub(8);
            }
        }
        if used > 0 && end * 8 < self.octets.len() * bits {
            if let Some(place) = self.octets.get_mut(end) {
                [*place, _] = room.to_le_bytes();
            }
            end += 1;
        }
        self.octets.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hashes_stay_what_they_are() {
        let four: IpAddr = Ipv4Addr::new(10, 1, 2, 3).into();
        let mapped: IpAddr = Ipv4Addr::new(10, 1, 2, 3).to_ipv6_mapped().into();
        let six: IpAddr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into();
        assert_eq!(address_hash(four), address_hash(mapped));
        assert_eq!(
            [address_hash(four), address_hash(six), flow_hash(four, six, 1, 443, 6)],
            [
                11_344_599_213_719_415_080,
                18_241_498_090_404_357_327,
                17_904_191_670_133_477_622
            ]
        );
    }

    #[test]
    fn no_hostile_shape_fits() {
        for bits in [BITS_MAX + 1, 63, 64, 255, u32::MAX] {
            for segments in [0, 1, u32::MAX] {
                let fingerprint = Fingerprint::Four;
                let shape = Shape {
                    fingerprint,
                    seed: 0,
                    bits,
                    segments,
                };
                assert!(!shape.fits(0) && !shape.fits(usize::MAX), "{shape:?}");
            }
        }
    }

    #[test]
    fn both_directions_are_one_conversation_and_nothing_else_is() {
        let addresses: Vec<IpAddr> = (0..6u32).map(|n| Ipv4Addr::from(n).into()).collect();
        let mut flows = HashSet::new();
        let mut made = 0;
        for (n, one) in addresses.iter().enumerate() {
            for other in addresses.iter().skip(n) {
                for port in 0..40 {
                    for protocol in [0, 6, 17] {
                        let hash = flow_hash(*one, *other, port, 50, protocol);
                        assert_eq!(hash, flow_hash(*other, *one, 50, port, protocol));
                        flows.insert(hash);
                        made += 1;
                    }
                }
            }
        }
        assert_eq!(flows.len(), made);
    }

    const ALL: [Fingerprint; 3] = [Fingerprint::Eight, Fingerprint::Four, Fingerprint::Three];

    fn filter(keys: &[u64], fingerprint: Fingerprint) -> Option<(Shape, Vec<u8>)> {
        let mut maker = Maker::default();
        maker.set_keys(keys.iter().copied());
        let (shape, octets) = maker.make(fingerprint)?;
        assert!(shape.fits(octets.len()));
        Some((shape, octets.to_vec()))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_there_is_never_denied(keys in prop::collection::vec(prop_oneof![any::<u64>(), 0..9u64], 1..2_000)) {
            for fingerprint in ALL {
                let (shape, octets) = filter(&keys, fingerprint).unwrap();
                let filter = Filter::new(shape, &octets);
                prop_assert!(keys.iter().all(|key| filter.may_have(*key)));
            }
        }

        #[test]
        fn any_shape_that_fits_is_safe_to_ask(
            seed: u64, bits in 0..12u32, segments in 1..9u32, key: u64, octet: u8, kind in 0..3usize,
        ) {
            let fingerprint = ALL[kind];
            let shape = Shape { fingerprint, seed, bits, segments };
            let room = usize::try_from(shape.room()).unwrap();
            let octets = vec![octet; (room * fingerprint.bits()).div_ceil(8)];
            prop_assert!(shape.fits(octets.len()) && !shape.fits(octets.len() + 1));
            prop_assert!(shape.places(shape.mixed(key)).into_iter().all(|place| place < room));
            let _ = Filter::new(shape, &octets).may_have(key);
        }
    }

    #[test]
    fn every_number_of_keys_has_a_filter_that_is_hardly_larger_than_its_fingerprints() {
        let keys: Vec<u64> = (0..131_072u64).map(|n| mix(n ^ STEP)).collect();
        let counts = (1..300).chain([1_000, 5_000, 30_000, 65_535, 65_536, 131_072]);
        for count in counts {
            for fingerprint in ALL {
                let (shape, octets) = filter(&keys[..count], fingerprint).unwrap();
                let filter = Filter::new(shape, &octets);
                assert!(keys[..count].iter().all(|key| filter.may_have(*key)), "{count}");
                let most = if count < 30_000 { 48 + count * 2 } else { count * 5 / 4 };
                let most = (most * fingerprint.bits()).div_ceil(8);
                assert!(octets.len() <= most, "{count}: {}", octets.len());
            }
        }
        assert!(filter(&[], Fingerprint::Eight).is_none());
    }

    #[test]
    fn one_in_256_16_or_8_others_is_not_denied() {
        // The keys are always the same, so the counts are too: 3,906, 62,500 and 125,000 are expected, with deviations of
        // 62, 242 and 331.
        let keys: Vec<u64> = (0..20_000u64).map(|n| mix(n ^ STEP)).collect();
        for (fingerprint, expected) in ALL.into_iter().zip([3_600..4_200, 61_300..63_700, 123_300..126_700]) {
            let (shape, octets) = filter(&keys, fingerprint).unwrap();
            let filter = Filter::new(shape, &octets);
            let others = (1 << 40..(1 << 40) + 1_000_000u64).filter(|n| filter.may_have(mix(*n)));
            let count = others.count();
            assert!(expected.contains(&count), "{count}");
        }
    }
}
