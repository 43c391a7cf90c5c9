//! What identifies a flow, and its keyed hash.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dissect::Packet;
use dissect::l7::Keyed;

/// The ends of a flow in an order that both directions share, and what else tells flows apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Key {
    /// IPv4: both addresses, the low end's in the upper half. IPv6: the low end's.
    ends: [u64; 2],
    /// The high end's address of IPv6.
    high: [u64; 2],
    /// Low port, high port, protocol, then [`Self::aux`].
    meta: u64,
}

/// VLAN identifiers have 12 bits and 4095 is reserved (802.1Q): it stands for "not in the key".
const NO_VLAN: u64 = 0x0fff;
const FROM_LOW: u64 = 1 << 12;
const FROM_HIGH: u64 = 2 << 12;
const IPV6: u64 = 1 << 14;

impl Key {
    /// The key of a packet, and whether its sender is the low end.
    #[inline]
    pub(crate) fn of(packet: &Packet, vlan_in_key: bool) -> (Self, bool) {
        let (src_port, dst_port, one_way) = match packet.icmp {
            None => (packet.src_port, packet.dst_port, false),
            Some(icmp) if is_neighbour_discovery(packet.protocol, icmp.kind) => {
                (u16::from(icmp.kind), u16::from(icmp.kind), true)
            }
            Some(_) => (0, 0, false),
        };
        let mut aux = match packet.vlan {
            Some(vlan) if vlan_in_key => u64::from(vlan),
            _ => NO_VLAN,
        };
        let (ends, high, from_low) = match (packet.src, packet.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let (src, dst) = (u64::from(u32::from(src)), u64::from(u32::from(dst)));
                let from_low = (src, src_port) <= (dst, dst_port);
                let both = if from_low { src << 32 | dst } else { dst << 32 | src };
                ([both, 0], [0, 0], from_low)
            }
            (src, dst) => {
                aux |= IPV6;
                let (src, dst) = (halves(src), halves(dst));
                let from_low = (src, src_port) <= (dst, dst_port);
                if from_low { (src, dst, true) } else { (dst, src, false) }
            }
        };
        if one_way {
            aux |= if from_low { FROM_LOW } else { FROM_HIGH };
        }
        let (low_port, high_port) = if from_low {
            (src_port, dst_port)
        } else {
            (dst_port, src_port)
        };
        let meta = u64::from(low_port) << 48 | u64::from(high_port) << 32 | u64::from(packet.protocol) << 24 | aux;
        (Self { ends, high, meta }, from_low)
    }

    /// Address and port of the low end and of the high end; ports are 0 for ICMP.
    pub(crate) fn ends(&self) -> [(IpAddr, u16); 2] {
        let [low, high] = if self.meta & IPV6 == 0 {
            #[allow(clippy::cast_possible_truncation, reason = "each half is an address")]
            [self.ends[0] >> 32, self.ends[0]].map(|half| IpAddr::V4(Ipv4Addr::from(half as u32)))
        } else {
            [self.ends, self.high]
                .map(|[upper, lower]| IpAddr::V6(Ipv6Addr::from(u128::from(upper) << 64 | u128::from(lower))))
        };
        if matches!(self.protocol(), 1 | 58) {
            return [(low, 0), (high, 0)];
        }
        #[allow(clippy::cast_possible_truncation, reason = "each has 16 bits")]
        [(low, (self.meta >> 48) as u16), (high, (self.meta >> 32) as u16)]
    }

    /// The IP protocol number.
    #[allow(clippy::cast_possible_truncation, reason = "eight bits")]
    pub(crate) const fn protocol(&self) -> u8 {
        (self.meta >> 24) as u8
    }
}

fn halves(addr: IpAddr) -> [u64; 2] {
    let bits = match addr {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    };
    #[allow(clippy::cast_possible_truncation, reason = "the lower half is meant")]
    [(bits >> 64) as u64, bits as u64]
}

/// Whether an ICMP message is one of IPv6 neighbour discovery (RFC 4861): router and neighbour
/// solicitation and advertisement, redirect.
const fn is_neighbour_discovery(protocol: u8, kind: u8) -> bool {
    protocol == 58 && matches!(kind, 133..=137)
}

/// Keyed hashes, with random keys a meter.
///
/// Keys of flows are hashed by a sum of products modulo 2^128 (Lemire and Kaser, "Strongly universal string hashing is
/// fast", 2014): for any two of them, whoever chose them, all pairs of the upper 64 bits are as likely. That holds for
/// who does not see the keys, and nobody sees or times what a meter does. Octets are hashed by SipHash-1-3 (Aumasson and
/// Bernstein, 2012; the hash of Rust's own maps).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hasher {
    keyed: Keyed,
    add: u128,
    multiply: [u128; 5],
}

impl Hasher {
    pub(crate) fn random() -> Self {
        let state = RandomState::new();
        let mut number = 0_u64;
        let mut next = || {
            number += 1;
            state.hash_one(number)
        };
        let mut wide = || u128::from(next()) << 64 | u128::from(next());
        Self {
            add: wide(),
            multiply: std::array::from_fn(|_| wide()),
            keyed: Keyed::random(),
        }
    }

    #[inline]
    pub(crate) fn hash(&self, key: &Key) -> u64 {
        let [meta, low, low_end, high, high_end] = self.multiply;
        // Addresses of IPv4 are one word; the others, which are zero, add nothing.
        let mut sum = self
            .add
            .wrapping_add(times(meta, key.meta))
            .wrapping_add(times(low, key.ends[0]));
        if key.meta & IPV6 != 0 {
            sum = sum
                .wrapping_add(times(low_end, key.ends[1]))
                .wrapping_add(times(high, key.high[0]))
                .wrapping_add(times(high_end, key.high[1]));
        }
        #[allow(clippy::cast_possible_truncation, reason = "the upper half")]
        let upper = (sum >> 64) as u64;
        // Keys in a row are no longer in a row (the end of SplitMix64); still one to one.
        let mixed = (upper ^ (upper >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 31)
    }

    /// Of octets, such as a packed identity.
    pub(crate) fn octets(&self, octets: &[u8]) -> u64 {
        self.keyed.octets(octets)
    }
}

#[inline]
fn times(key: u128, word: u64) -> u128 {
    key.wrapping_mul(u128::from(word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_meter_hashes_differently() {
        let key = Key::default();
        assert_ne!(Hasher::random().hash(&key), Hasher::random().hash(&key));
        assert_ne!(Hasher::random().octets(&[1]), Hasher::random().octets(&[1]));
    }

    /// What the table looks at: the hash's upper half, its low bits first. Keys in a row, as scanners make them.
    #[test]
    fn keys_in_a_row_are_spread() {
        for is_v6 in [0, IPV6] {
            let hasher = Hasher::random();
            let mut rows = vec![0_u32; 4_096];
            for number in 0..65_536_u64 {
                let key = Key {
                    ends: [0x0a00_0001_0a00_0002, 0],
                    high: [0, 0],
                    meta: number << 32 | 6 << 24 | is_v6,
                };
                rows[usize::try_from(hasher.hash(&key) >> 32).unwrap() & 4_095] += 1;
            }
            // 16 a row in the mean, and 4 the deviation of chance.
            assert!(rows.iter().all(|&row| row < 64), "{:?}", rows.iter().max());
        }
    }

    proptest! {
        #[test]
        fn every_word_of_a_key_counts(words in any::<[u64; 5]>(), which in 0_usize..5, bit in 0_u32..64) {
            let key = |words: [u64; 5]| {
                let [low, low_end, high, high_end, meta] = words;
                Key { ends: [low, low_end], high: [high, high_end], meta: meta | IPV6 }
            };
            let mut other = words;
            other[which] ^= 1 << bit;
            prop_assume!(key(words) != key(other));
            let hasher = Hasher::random();
            // Chance has them equal once in 2^64.
            prop_assert_ne!(hasher.hash(&key(words)), hasher.hash(&key(other)));
        }
    }
}
