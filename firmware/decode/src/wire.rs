//! Numbers in network byte order, read without panics.

/// Octets that are read from the front; every read says whether they were there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// What was not read yet.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.0
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.chunk().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.chunk().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.chunk().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.chunk().map(u64::from_be_bytes)
    }

    /// The length before a variable-length field: one octet, or 255 and two more (RFC 7011, section 7).
    pub(crate) fn variable_length(&mut self) -> Option<usize> {
        match self.u8()? {
            255 => self.u16().map(usize::from),
            short => Some(usize::from(short)),
        }
    }
}

/// A number of at most eight octets; of a longer one the last eight.
pub(crate) fn number(octets: &[u8]) -> u64 {
    octets.iter().fold(0, |n, &octet| (n << 8) | u64::from(octet))
}

/// A signed number of at most eight octets, sign extended (RFC 7011, section 6.2).
pub(crate) fn signed(octets: &[u8]) -> i64 {
    let bits = 8 * u32::try_from(octets.len().min(8)).unwrap_or(8);
    if bits == 0 {
        return 0;
    }
    (number(octets) << (64 - bits)).cast_signed() >> (64 - bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reduced_numbers_keep_their_sign() {
        assert_eq!(number(&[1, 2, 3]), 0x01_02_03);
        assert_eq!(signed(&[0xff, 0xfe]), -2);
        assert_eq!(signed(&[0x7f]), 127);
        assert_eq!(signed(&[]), 0);
        assert_eq!(signed(&[0xff; 8]), -1);
    }

    #[test]
    fn lengths_have_one_octet_or_three() {
        let mut short = Reader::new(&[254, 9]);
        assert_eq!((short.variable_length(), short.rest()), (Some(254), &[9][..]));
        let mut long = Reader::new(&[255, 1, 2]);
        assert_eq!(long.variable_length(), Some(258));
        assert_eq!(Reader::new(&[255, 1]).variable_length(), None);
    }
}
