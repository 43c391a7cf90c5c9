//! Memory in large pages.
#![allow(unsafe_code, reason = "advising the kernel takes a pointer")]

use nix::libc;

/// Octets of a page.
const PAGE: usize = 4_096;

/// Asks the kernel for large pages where memory is looked at here and there: each page that is not known to the processor
/// costs a walk through the page tables, which in a virtual machine are two. A kernel without large pages declines, and
/// nothing is lost. Any memory will do; what it holds stays.
pub fn favour_large_pages(address: *const u8, length: usize) {
    let start = address.addr().next_multiple_of(PAGE);
    let end = address.addr().saturating_add(length) / PAGE * PAGE;
    if let Some(whole) = end.checked_sub(start).filter(|whole| *whole > 0) {
        // SAFETY: the advice concerns whole pages and changes nothing that can be seen in them, whoever owns them; where
        // nothing is mapped the call fails.
        unsafe { libc::madvise(address.with_addr(start).cast_mut().cast(), whole, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_memory_holds_stays() {
        let mut octets = vec![7_u8; 6 << 20];
        for (from, length) in [(0, octets.len()), (1, 5 << 20), (3, 100), (4_095, 4_098), (9, 0)] {
            favour_large_pages(octets.as_ptr().wrapping_add(from), length);
        }
        favour_large_pages(std::ptr::null(), usize::MAX);
        assert!(octets.iter().all(|octet| *octet == 7));
        octets.fill(8);
        assert!(octets.iter().all(|octet| *octet == 8));
    }
}
