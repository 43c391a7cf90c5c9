//! SipHash-1-3 with a key of its own each (Aumasson and Bernstein, 2012), of whole words: what peers choose cannot be made
//! to collide.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

/// A key, and the hashes under it.
#[derive(Debug, Clone, Copy)]
pub struct Keyed {
    k0: u64,
    k1: u64,
}

impl Keyed {
    /// A key that nobody knows.
    #[must_use]
    pub fn random() -> Self {
        let random = RandomState::new();
        Self {
            k0: random.hash_one(0_u8),
            k1: random.hash_one(1_u8),
        }
    }

    /// The hash of two addresses; the first may be missing.
    #[inline]
    pub(super) fn addresses(&self, first: Option<IpAddr>, second: IpAddr) -> u64 {
        let kinds = u64::from(first.is_some()) << 2 | u64::from(first.is_some_and(|ip| ip.is_ipv6())) << 1;
        let [a, b] = first.map_or([0; 2], words);
        let [c, d] = words(second);
        let mut v = self.start();
        for word in [a, b, c, d] {
            mix(&mut v, word);
        }
        finish(v, kinds | u64::from(second.is_ipv6()) | 32 << 56)
    }

    /// The hash of octets.
    #[inline]
    #[must_use]
    pub fn octets(&self, octets: &[u8]) -> u64 {
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
}

/// An address in two words.
fn words(ip: IpAddr) -> [u64; 2] {
    match ip {
        IpAddr::V4(ip) => [u64::from(u32::from(ip)), 0],
        IpAddr::V6(ip) => {
            let octets = ip.octets();
            let (halves, _) = octets.as_chunks::<8>();
            [0, 1].map(|at| halves.get(at).map_or(0, |half| u64::from_be_bytes(*half)))
        }
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
    use std::hash::{DefaultHasher, Hasher};

    use super::*;

    #[test]
    fn it_is_siphash_1_3() {
        let keyed = Keyed { k0: 0, k1: 0 };
        for text in [&b""[..], b"a", b"12345678", b"octets of any number"] {
            let mut theirs = DefaultHasher::new();
            theirs.write(text);
            assert_eq!(keyed.octets(text), theirs.finish());
        }
        assert_ne!(Keyed::random().octets(b"a"), Keyed::random().octets(b"a"));
    }

    #[test]
    fn addresses_of_both_versions_differ() {
        let keyed = Keyed::random();
        let (four, six) = (IpAddr::from([0, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]));
        let hashes = [
            keyed.addresses(None, four),
            keyed.addresses(None, six),
            keyed.addresses(Some(four), four),
            keyed.addresses(Some(six), four),
            keyed.addresses(Some(four), six),
            keyed.addresses(Some(six), six),
        ];
        let distinct: std::collections::HashSet<_> = hashes.into_iter().collect();
        assert_eq!(distinct.len(), hashes.len());
        assert_eq!(keyed.addresses(None, four), keyed.addresses(None, four));
    }
}
