//! The index of an hour: of which addresses and 5-tuples it has records.

use std::fmt;

/// Hashes that an hour's index takes of a kind; beyond, it answers that there may be anything.
const HASHES_MAX: usize = 8 << 20;
/// From so many on, hashes that came twice are removed as they come.
const SORT_FROM: usize = 1 << 16;

/// Hashes of one kind.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Hashes {
    list: Vec<u64>,
    /// Where the list is sorted next.
    sort_at: usize,
    too_many: bool,
}

impl Hashes {
    fn push(&mut self, hash: u64) {
        if self.too_many {
            return;
        }
        self.list.push(hash);
        if self.list.len() >= self.sort_at.max(SORT_FROM) {
            self.sort();
        }
    }

    fn sort(&mut self) {
        self.list.sort_unstable();
        self.list.dedup();
        self.sort_at = 2 * self.list.len();
        if self.list.len() > HASHES_MAX {
            self.too_many = true;
            self.list = Vec::new();
        }
    }

    /// The hashes, ascending, each once; `None`: too many.
    pub(crate) fn list(&self) -> Option<&[u64]> {
        (!self.too_many).then_some(self.list.as_slice())
    }
}

/// What an hour's records have, to be stored by [`Store::close_hour`](crate::Store::close_hour).
#[derive(Clone, PartialEq, Eq)]
pub struct HourIndex {
    pub(crate) addresses: Hashes,
    pub(crate) flows: Hashes,
}

impl fmt::Debug for HourIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |hashes: &Hashes| hashes.list().map(<[u64]>::len);
        f.debug_struct("HourIndex")
            .field("addresses", &count(&self.addresses))
            .field("flows", &count(&self.flows))
            .finish()
    }
}

/// Collects what an hour's records have.
#[derive(Debug, Default)]
pub struct HourIndexBuilder {
    addresses: Hashes,
    flows: Hashes,
}

impl HourIndexBuilder {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an address: its `model::address_hash`. It may come any number of times; once a block is enough.
    pub fn address(&mut self, hash: u64) {
        self.addresses.push(hash);
    }

    /// Adds a 5-tuple: its `model::flow_hash`.
    pub fn flow(&mut self, hash: u64) {
        self.flows.push(hash);
    }

    /// What there was.
    #[must_use]
    pub fn finish(mut self) -> HourIndex {
        self.addresses.sort();
        self.flows.sort();
        HourIndex {
            addresses: self.addresses,
            flows: self.flows,
        }
    }
}
