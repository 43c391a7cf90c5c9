//! The records that come first in some order.

use model::{App, FlowRecord, Order};

/// What a record is ordered by: the number asked for, then what tells records apart, so that pages do not overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    /// The number; smaller ranks come first.
    pub(crate) number: u64,
    /// Its block: later ones first, where the numbers are the same.
    pub(crate) block: u64,
    /// Its place in the block.
    pub(crate) at: u32,
}

/// The records of the smallest ranks, as many as are wanted.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    most: usize,
    found: Vec<(Rank, FlowRecord, App)>,
    /// Ranks beyond this do not get in.
    worst: Option<Rank>,
    more: bool,
}

impl Page {
    /// A page of so many records, those before it included.
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            most,
            found: Vec::new(),
            worst: None,
            more: false,
        }
    }

    pub(crate) const fn most(&self) -> usize {
        self.most
    }

    /// Whether a record of the rank may come to stand on the page.
    pub(crate) fn takes(&self, rank: Rank) -> bool {
        self.worst.is_none_or(|worst| rank < worst)
    }

    /// Whether a number may: others are only to be known of.
    pub(crate) fn takes_number(&self, number: u64) -> bool {
        self.worst.is_none_or(|worst| number <= worst.number)
    }

    /// Whether the page is full and there are more records.
    pub(crate) const fn knows_of_more(&self) -> bool {
        self.worst.is_some() && self.more
    }

    /// Notes that there are records that did not get in.
    pub(crate) const fn has_more(&mut self) {
        self.more = true;
    }

    pub(crate) fn add(&mut self, rank: Rank, record: FlowRecord, app: App) {
        self.found.push((rank, record, app));
    }

    /// Keeps the best; to be called after each block.
    pub(crate) fn settle(&mut self) {
        if self.found.len() >= self.most && self.most > 0 {
            if self.found.len() > self.most {
                self.found.select_nth_unstable_by_key(self.most - 1, |(rank, ..)| *rank);
                self.found.truncate(self.most);
                self.more = true;
            }
            self.worst = self.found.iter().map(|(rank, ..)| *rank).max();
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.more |= other.more;
        self.found.extend(other.found);
        self.settle();
    }

    /// The numbers of the best so far, in no order.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.found.iter().map(|(rank, ..)| rank.number)
    }

    /// The records after `offset`, and whether there are more after them.
    pub(crate) fn finish(mut self, offset: usize) -> (Vec<FlowRecord>, Vec<App>, bool) {
        self.found.sort_unstable_by_key(|(rank, ..)| *rank);
        let page = self.found.into_iter().skip(offset);
        let (records, apps) = page.map(|(_, record, app)| (record, app)).unzip();
        (records, apps, self.more)
    }
}

/// The number of a rank for a record's: the larger come first unless ascending.
pub(crate) const fn number(value: u64, ascending: bool) -> u64 {
    if ascending { value } else { u64::MAX - value }
}

/// What tells a block from others.
pub(crate) fn block_rank(block: &model::BlockRef<'_>, order: Order) -> u64 {
    let (starts, ends) = (block.starts(), block.ends());
    let words = [
        starts.0.as_nanos(),
        starts.1.as_nanos(),
        ends.0.as_nanos(),
        ends.1.as_nanos(),
        block.len() as u64,
    ];
    let tail = crate::group::table::hash(&words, 0);
    match order {
        Order::End => tail,
        // Of records that weigh the same, those of later blocks first.
        _ => (u64::MAX - ends.1.as_nanos()) & !0xffff_ffff | tail >> 32,
    }
}
