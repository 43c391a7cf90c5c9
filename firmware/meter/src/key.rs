//! What identifies a flow, and its keyed hash.

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dissect::Packet;

/// The ends of a flow in an order that both directions share, and what else tells flows apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// SipHash-1-3 (Aumasson and Bernstein, 2012; the hash of Rust's own maps) with a random key a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hasher {
    k0: u64,
    k1: u64,
}

impl Hasher {
    pub(crate) fn random() -> Self {
        let state = RandomState::new();
        Self {
            k0: state.hash_one(0_u8),
            k1: state.hash_one(1_u8),
        }
    }

    #[inline]
    pub(crate) fn hash(&self, key: &Key) -> u64 {
        if key.meta & IPV6 == 0 {
            self.words(&[key.ends[0], key.meta])
        } else {
            self.words(&[key.ends[0], key.ends[1], key.high[0], key.high[1], key.meta])
        }
    }

    /// Of octets, such as a packed identity.
    pub(crate) fn octets(&self, octets: &[u8]) -> u64 {
        let mut v = self.start();
        let (words, tail) = octets.as_chunks::<8>();
        for word in words {
            mix(&mut v, u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(tail) {
            *to = *from;
        }
        finish(v, u64::from_le_bytes(last) | (octets.len() as u64) << 56)
    }

    const fn start(&self) -> [u64; 4] {
        [
            self.k0 ^ 0x736f_6d65_7073_6575,
            self.k1 ^ 0x646f_7261_6e64_6f6d,
            self.k0 ^ 0x6c79_6765_6e65_7261,
            self.k1 ^ 0x7465_6462_7974_6573,
        ]
    }

    #[inline]
    fn words<const N: usize>(&self, words: &[u64; N]) -> u64 {
        let mut v = self.start();
        for &word in words {
            mix(&mut v, word);
        }
        finish(v, (N as u64 * 8) << 56)
    }
}

#[inline]
const fn mix(v: &mut [u64; 4], word: u64) {
    v[3] ^= word;
    round(v);
    v[0] ^= word;
}

/// The last word holds what is left of the octets, and their number in its top octet.
#[inline]
const fn finish(mut v: [u64; 4], last: u64) -> u64 {
    mix(&mut v, last);
    v[2] ^= 0xff;
    round(&mut v);
    round(&mut v);
    round(&mut v);
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

#[inline]
const fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[2] = v[2].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[1]);
    v[0] = v[0].wrapping_add(v[3]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hasher as _};

    use super::*;

    #[test]
    fn the_hash_is_siphash_1_3() {
        let words = [1, 0xffff_ffff_ffff_ffff, 3, 0x0123_4567_89ab_cdef, 5];
        let mut theirs = DefaultHasher::new();
        for word in words {
            theirs.write_u64(word);
        }
        assert_eq!(Hasher { k0: 0, k1: 0 }.words(&words), theirs.finish());
        let mut theirs = DefaultHasher::new();
        theirs.write(b"octets of any number");
        assert_eq!(Hasher { k0: 0, k1: 0 }.octets(b"octets of any number"), theirs.finish());
    }

    #[test]
    fn each_meter_hashes_differently() {
        let (a, b) = (Hasher::random(), Hasher::random());
        assert_ne!(a.words(&[1, 2]), b.words(&[1, 2]));
    }
}
