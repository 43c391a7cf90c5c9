//! Where a block's columns lie, told by its first octets alone.

use std::ops::Range;

use super::directory::Entry;
use super::{BlockError, Field, HEADER, Head};

/// Header and directory of a block whose columns are elsewhere: who needs a few columns need not read the others.
#[derive(Debug)]
pub struct BlockOutline {
    head: Head,
    octets: usize,
}

impl BlockOutline {
    /// Octets that say how long header and directory are together: see [`BlockOutline::needs`].
    pub const BEGIN: usize = HEADER;

    /// How many octets header and directory take, told by the first [`BlockOutline::BEGIN`]; `None` where they are too
    /// few. Nothing of it is checked: [`BlockOutline::read`] does that.
    #[must_use]
    pub fn needs(begin: &[u8]) -> Option<usize> {
        let directory = begin.get(12..16)?.first_chunk::<4>()?;
        let directory = usize::try_from(u32::from_le_bytes(*directory)).ok()?;
        (begin.len() >= HEADER).then(|| HEADER.saturating_add(directory))
    }

    /// Reads header and directory, with which `begin` begins.
    ///
    /// # Errors
    /// Says what is wrong with them. Any octets are safe to give.
    pub fn read(begin: &[u8]) -> Result<Self, BlockError> {
        let (head, octets) = Head::begin(begin)?;
        Ok(Self { head, octets })
    }

    /// Octets of the whole block.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a block is never empty")]
    pub const fn len(&self) -> usize {
        self.octets
    }

    /// Where the octets of these columns lie, with those of columns that they follow from, and of both filters where
    /// they are wanted; in order. [`super::BlockRef`] can read these columns where the other octets are anything.
    #[must_use]
    pub fn places(&self, fields: &[Field], filters: bool) -> Vec<Range<usize>> {
        let directory = &self.head.directory;
        let wanted = |number: u8| fields.iter().any(|field| *field as u8 == number);
        let entries = || directory.entries.iter();
        let leads = |entry: &Entry| entries().any(|led| led.follows == Some(entry.number) && wanted(led.number));
        let columns = entries().filter(|entry| wanted(entry.number) || leads(entry));
        let filters = directory.filters.iter().flatten().filter(|_| filters);
        let extents = columns
            .map(|entry| &entry.body)
            .chain(filters.map(|(_, extent)| extent));
        let place = |offset: usize, octets: usize| {
            let from = self.head.body.saturating_add(offset);
            from..from.saturating_add(octets)
        };
        extents
            .filter(|extent| extent.octets > 0)
            .map(|extent| place(extent.offset, extent.octets))
            .collect()
    }
}
