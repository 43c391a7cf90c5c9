//! Numbers and names in octets that a device sent, however few there are.

/// A number of `N` octets at `at`.
pub(super) fn array<const N: usize>(octets: &[u8], at: usize) -> Option<[u8; N]> {
    octets.get(at..)?.first_chunk::<N>().copied()
}

/// Little endian.
pub(super) fn le16(octets: &[u8], at: usize) -> Option<u16> {
    array(octets, at).map(u16::from_le_bytes)
}

/// Little endian.
pub(super) fn le32(octets: &[u8], at: usize) -> Option<u32> {
    array(octets, at).map(u32::from_le_bytes)
}

/// Little endian.
pub(super) fn le64(octets: &[u8], at: usize) -> Option<u64> {
    array(octets, at).map(u64::from_le_bytes)
}

/// Little endian, 16 octets; a number beyond 64 bits is the largest of them.
pub(super) fn le128(octets: &[u8], at: usize) -> Option<u64> {
    array(octets, at).map(|o| u64::try_from(u128::from_le_bytes(o)).unwrap_or(u64::MAX))
}

/// Big endian, of 1 to 8 octets; a longer one with more than 64 bits is the largest.
pub(super) fn be(octets: &[u8]) -> Option<u64> {
    if octets.is_empty() {
        return None;
    }
    octets
        .iter()
        .try_fold(0u64, |n, octet| n.checked_mul(256)?.checked_add(u64::from(*octet)))
        .or(Some(u64::MAX))
}

/// A name in ASCII, as devices pad it.
pub(super) fn text(octets: &[u8]) -> Option<String> {
    let printable = octets
        .iter()
        .map(|o| if (0x20..0x7f).contains(o) { char::from(*o) } else { ' ' });
    crate::drive::label(&printable.collect::<String>())
}
