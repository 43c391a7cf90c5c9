//! Planes: how an array of codes becomes octets. A code of `bits` bits is cut into octets, the lowest first; each octet's
//! array is a plane. What is left at the top takes 1, 2, 4 or 8 bits, so that a plane's octets hold whole codes: an
//! entropy coder sees how they are distributed, which it cannot where codes straddle octets.

use super::BlockError;

/// What a code or a value is an array of.
pub(super) trait Number: Copy + Ord + Default + Into<u64> {
    /// The octet above `shift` bits, once `base` is taken off; 0 for what is below `base`.
    fn octet(self, base: Self, shift: u32) -> u8;
    /// The lower bits.
    fn from_u64(value: u64) -> Self;
    /// One less; 0 becomes the largest.
    fn before(self) -> Self;
    /// One more; the largest becomes 0.
    fn after(self) -> Self;
}

macro_rules! number {
    ($($t:ty),*) => {$(
        impl Number for $t {
            #[inline]
            #[allow(clippy::cast_possible_truncation, reason = "the octet that is asked for")]
            fn octet(self, base: Self, shift: u32) -> u8 {
                (self.saturating_sub(base) >> shift) as u8
            }

            #[inline]
            #[allow(clippy::cast_possible_truncation, reason = "the callers' values fit: they came from this type")]
            fn from_u64(value: u64) -> Self {
                value as $t
            }

            #[inline]
            fn before(self) -> Self {
                self.wrapping_sub(1)
            }

            #[inline]
            fn after(self) -> Self {
                self.wrapping_add(1)
            }
        }
    )*};
}
number!(u8, u16, u32, u64);

/// Planes of codes of so many bits.
pub(super) const fn planes(bits: u32) -> u32 {
    bits.div_ceil(8)
}

/// Bits that a plane keeps of each code: 8 but for the uppermost plane.
pub(super) const fn plane_bits(bits: u32, plane: u32) -> u32 {
    match bits.saturating_sub(plane * 8) {
        left @ 0..=2 => left,
        3 | 4 => 4,
        _ => 8,
    }
}

/// Octets of a plane of `count` codes before it is compressed.
pub(super) const fn plane_octets(count: usize, plane_bits: u32) -> usize {
    (count * plane_bits as usize).div_ceil(8)
}

/// Takes one plane out of values; `lanes` is room to work in.
pub(super) fn split<T: Number>(values: &[T], base: T, plane: u32, bits: u32, lanes: &mut Vec<u8>, out: &mut Vec<u8>) {
    out.clear();
    let octets = values.iter().map(|v| v.octet(base, plane * 8));
    let width = plane_bits(bits, plane);
    if width == 8 {
        out.extend(octets);
        return;
    }
    lanes.clear();
    lanes.extend(octets);
    match width {
        1 => squeeze::<8>(lanes, out),
        2 => squeeze::<4>(lanes, out),
        _ => squeeze::<2>(lanes, out),
    }
}

/// Puts `N` codes of 8 / `N` bits into each octet, the first in the lowest bits.
fn squeeze<const N: usize>(lanes: &mut Vec<u8>, out: &mut Vec<u8>) {
    lanes.resize(lanes.len().next_multiple_of(N), 0);
    let (groups, _) = lanes.as_chunks::<N>();
    out.extend(groups.iter().map(|group| {
        let mut octet = 0;
        for (n, code) in group.iter().enumerate() {
            octet |= code << (n * 8 / N);
        }
        octet
    }));
}

/// The codes of an uppermost plane of 1, 2 or 4 bits, an octet each; `out` holds `count` of them afterwards.
pub(super) fn spread(plane: &[u8], plane_bits: u32, count: usize, out: &mut Vec<u8>) -> Result<(), BlockError> {
    out.clear();
    match plane_bits {
        1 => out.extend(plane.iter().flat_map(|octet| {
            let lanes = (u64::from(*octet) * 0x0101_0101_0101_0101) & 0x8040_2010_0804_0201;
            (((lanes + 0x7f7f_7f7f_7f7f_7f7f) >> 7) & 0x0101_0101_0101_0101).to_le_bytes()
        })),
        2 => out.extend(plane.iter().flat_map(|octet| {
            let lanes = u32::from(*octet);
            let lanes = (lanes | lanes << 12) & 0x000f_000f;
            ((lanes | lanes << 6) & 0x0303_0303).to_le_bytes()
        })),
        4 => out.extend(plane.iter().flat_map(|octet| [octet & 15, octet >> 4])),
        _ => out.extend_from_slice(plane),
    }
    if out.len() < count {
        return Err(BlockError::Contents("length of a plane"));
    }
    out.truncate(count);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_every_width_come_back() {
        for bits in 1..=64u32 {
            let mask = u64::MAX >> (64 - bits);
            let codes: Vec<u64> = (0..133u64)
                .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask)
                .collect();
            let mut back = vec![0u64; codes.len()];
            let (mut plane, mut lanes, mut room) = (Vec::new(), Vec::new(), Vec::new());
            for p in 0..planes(bits) {
                split(&codes, 0, p, bits, &mut room, &mut plane);
                let width = plane_bits(bits, p);
                assert_eq!(plane.len(), plane_octets(codes.len(), width));
                spread(&plane, width, codes.len(), &mut lanes).unwrap();
                back.iter_mut()
                    .zip(&lanes)
                    .for_each(|(b, l)| *b |= u64::from(*l) << (p * 8));
            }
            assert_eq!(back, codes, "{bits} bits");
        }
    }
}
