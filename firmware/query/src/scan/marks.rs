//! Codes to bits.

use model::Codes;

use super::bits::{Bits, pack};

/// Codes that a table is made for: as many octets.
const TABLE: usize = 1 << 18;

/// The records whose codes lie in one of the ranges: sorted, not overlapping.
pub(super) fn mark(codes: Codes<'_>, ranges: &[(u64, u64)], out: &mut Bits, octets: &mut Vec<u8>) {
    match codes {
        Codes::Zero => {
            if ranges.first().is_some_and(|(first, _)| *first == 0) {
                out.flip();
            }
        }
        Codes::U8(codes) => each(codes, ranges, out, octets),
        Codes::U16(codes) => each(codes, ranges, out, octets),
        Codes::U32(codes) => each(codes, ranges, out, octets),
        Codes::U64(codes) => each(codes, ranges, out, octets),
    }
}

trait Code: Copy + Ord + Into<u64> {
    const LARGEST: u64;
    fn narrow(value: u64) -> Self;
    /// This less another, modulo the type.
    fn less(self, other: Self) -> Self;
}

macro_rules! code {
    ($($t:ty),*) => {$(
        impl Code for $t {
            #[allow(clippy::unnecessary_cast, reason = "the macro's other types")]
            const LARGEST: u64 = <$t>::MAX as u64;

            #[allow(clippy::cast_possible_truncation, reason = "callers hold the value to LARGEST")]
            fn narrow(value: u64) -> Self {
                value as $t
            }

            fn less(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
        }
    )*};
}
code!(u8, u16, u32, u64);

fn each<T: Code>(codes: &[T], ranges: &[(u64, u64)], out: &mut Bits, octets: &mut Vec<u8>) {
    let ranges: Vec<(T, T)> = ranges
        .iter()
        .filter(|(first, _)| *first <= T::LARGEST)
        .map(|(first, last)| (T::narrow(*first), T::narrow((*last).min(T::LARGEST))))
        .collect();
    octets.clear();
    match ranges.as_slice() {
        [] => return,
        [(first, last)] => {
            let width = last.less(*first);
            octets.extend(codes.iter().map(|code| u8::from(code.less(*first) <= width)));
        }
        [(a, b), (c, d)] => {
            let (ab, cd) = (b.less(*a), d.less(*c));
            octets.extend(
                codes
                    .iter()
                    .map(|code| u8::from(code.less(*a) <= ab) | u8::from(code.less(*c) <= cd)),
            );
        }
        [.., (_, last)] => {
            let last: u64 = (*last).into();
            // Codes of small types, and places, are below this; a range to the end of the type is cut to what is there.
            let top = codes.iter().copied().max().map_or(0, Into::into).min(last);
            match usize::try_from(top).ok().filter(|top| *top < TABLE) {
                Some(top) => by_table(codes, &ranges, top, octets),
                None => octets.extend(codes.iter().map(|code| {
                    let at = ranges.partition_point(|(_, last)| last < code);
                    u8::from(ranges.get(at).is_some_and(|(first, _)| first <= code))
                })),
            }
        }
    }
    pack(octets, out.words_mut());
}

fn by_table<T: Code>(codes: &[T], ranges: &[(T, T)], top: usize, octets: &mut Vec<u8>) {
    let mut table = vec![0u8; top + 1];
    for (first, last) in ranges {
        let (first, last): (u64, u64) = ((*first).into(), (*last).into());
        let end = usize::try_from(last).unwrap_or(usize::MAX).min(top);
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        if let Some(part) = table.get_mut(first..=end) {
            part.fill(1);
        }
    }
    octets.extend(codes.iter().map(|code| {
        let at = usize::try_from((*code).into()).unwrap_or(usize::MAX);
        table.get(at).copied().unwrap_or(0)
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(codes: Codes<'_>, len: usize, ranges: &[(u64, u64)]) -> Vec<u32> {
        let (mut bits, mut list) = (Bits::default(), Vec::new());
        bits.clear(len);
        mark(codes, ranges, &mut bits, &mut Vec::new());
        bits.list(&mut list);
        list
    }

    #[test]
    fn codes_within_ranges_are_marked() {
        let wide: Vec<u64> = (0..200u64).map(|n| n * n * 1_000_003).collect();
        let narrow: Vec<u8> = (0..=255).collect();
        let short: Vec<u16> = (0..1_000u16).map(|n| n.wrapping_mul(77)).collect();
        let long: Vec<u32> = (0..1_000u32).map(|n| n * 400).collect();
        for ranges in [
            &[][..],
            &[(0, 0)],
            &[(3, 9), (200, 70_000)],
            &[(1, 1), (5, 8), (100, 300_000), (1 << 40, u64::MAX)],
            &[(0, 2), (77, 77), (154, 308)],
        ] {
            let naive = |codes: Vec<u64>| -> Vec<u32> {
                let inside = |code: &u64| ranges.iter().any(|(a, b)| a <= code && code <= b);
                (0u32..)
                    .zip(&codes)
                    .filter(|(_, code)| inside(code))
                    .map(|(n, _)| n)
                    .collect()
            };
            assert_eq!(
                marked(Codes::U64(&wide), 200, ranges),
                naive(wide.clone()),
                "{ranges:?}"
            );
            let as_wide = narrow.iter().map(|n| u64::from(*n)).collect();
            assert_eq!(marked(Codes::U8(&narrow), 256, ranges), naive(as_wide), "{ranges:?}");
            let as_wide = short.iter().map(|n| u64::from(*n)).collect();
            assert_eq!(marked(Codes::U16(&short), 1_000, ranges), naive(as_wide), "{ranges:?}");
            let as_wide = long.iter().map(|n| u64::from(*n)).collect();
            assert_eq!(marked(Codes::U32(&long), 1_000, ranges), naive(as_wide), "{ranges:?}");
            assert_eq!(marked(Codes::Zero, 70, ranges), naive(vec![0; 70]), "{ranges:?}");
        }
    }
}
