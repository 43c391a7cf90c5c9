//! Memory that is looked at soon, fetched before.
#![allow(unsafe_code, reason = "prefetching takes a pointer")]

/// Octets of a cache line.
const LINE: usize = 64;

/// Lines come in pairs: the processor fetches the other one by itself.
const PAIR: usize = 2 * LINE;
/// How far the octets of a file are fetched ahead of where it is read: a few frames.
const DISTANCE: usize = 2_048;

/// Fetches the first cache lines of `octets`: where a frame's headers are.
#[inline]
pub(crate) fn fetch<const LINES: usize>(octets: &[u8]) {
    octets
        .chunks(LINE)
        .take(LINES)
        .for_each(|line| fetch_line(line.as_ptr()));
}

/// Fetches what is read some frames later, where `octets` are passed by now. Whoever walks from frame to frame needs each
/// one's length to find the next; memory that comes in a row does not wait for that.
#[inline]
pub(crate) fn follow(rest: &[u8], octets: usize) {
    let from = rest.get(DISTANCE..).unwrap_or(&[]);
    let lines = from.get(..octets).unwrap_or(from).chunks(PAIR);
    lines.for_each(|line| fetch_line(line.as_ptr()));
}

/// Fetches the cache line of an address that is read soon, while the processor works on. Any address will do.
#[inline]
pub fn fetch_line(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint, which changes nothing that can be seen, wherever it points; SSE is part of x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::hint::black_box(address);
}
