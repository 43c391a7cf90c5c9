//! Reading octets in order.

/// What is left of some octets. Each reading takes from the front, or leaves all as it was and says `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Octets<'a>(pub(crate) &'a [u8]);

impl<'a> Octets<'a> {
    /// The next `count` octets.
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next `count` octets, or what there is of them.
    pub(crate) fn take_up_to(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// An octet.
    pub(crate) fn u8(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A number of two octets, the high one first.
    pub(crate) fn u16(&mut self) -> Option<u16> {
        let (first, rest) = self.0.split_first_chunk::<2>()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*first))
    }

    /// A number of three octets.
    pub(crate) fn u24(&mut self) -> Option<usize> {
        let (&[a, b, c], rest) = self.0.split_first_chunk::<3>()?;
        self.0 = rest;
        Some(usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c))
    }

    /// A number of four octets.
    pub(crate) fn u32(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*first))
    }

    /// Octets after their length in one octet.
    pub(crate) fn vector8(&mut self) -> Option<&'a [u8]> {
        let mut rest = *self;
        let length = rest.u8()?;
        let taken = rest.take(usize::from(length))?;
        *self = rest;
        Some(taken)
    }

    /// Octets after their length in two octets.
    pub(crate) fn vector16(&mut self) -> Option<&'a [u8]> {
        let mut rest = *self;
        let length = rest.u16()?;
        let taken = rest.take(usize::from(length))?;
        *self = rest;
        Some(taken)
    }
}

/// A list's numbers of two octets; an odd octet at the end is nothing.
pub(crate) fn numbers(list: &[u8]) -> impl Iterator<Item = u16> + Clone {
    list.as_chunks::<2>().0.iter().map(|number| u16::from_be_bytes(*number))
}
