//! What a worker gathered.

use std::sync::Arc;

use model::{Ask, KeyValue, Order, Sums, Timestamp};

use super::groups::Groups;
use super::quality::{QUALITY, Words, join};
use super::{Compiled, Inner};
use crate::compile::ask::Work;
use crate::distinct::Distinct;
use crate::group::local::SUMS;
use crate::group::table::Table;
use crate::group::texts::KeyTexts;
use crate::group::value::Shape;
use crate::records::{Page, number};

/// What blocks and rollups gave a question so far; a clone is a state to show meanwhile.
#[derive(Debug, Clone)]
pub struct Partial {
    pub(super) inner: Arc<Inner>,
    /// Of all records, in the span and in the one before.
    pub(super) totals: [[u64; SUMS]; 2],
    pub(super) groups: Option<Groups>,
    /// The points of all groups together, or of all records where there are no groups; then those of the span before.
    pub(super) line: Vec<[u64; SUMS]>,
    pub(super) distinct: Vec<Distinct>,
    pub(super) page: Option<Page>,
    /// What texts in keys are.
    pub(super) texts: KeyTexts,
    /// The quality of all records of the span, or by point where there are no groups; empty where it is not asked for.
    pub(super) quality: Vec<Words>,
    /// Octets for texts.
    texts_most: usize,
    /// A rollup left groups out.
    pub(super) cut: bool,
}

impl Partial {
    pub(super) fn new(compiled: &Compiled, octets: usize) -> Self {
        let inner = &compiled.0;
        let (mut groups, mut line, mut distinct, mut page) = (None, Vec::new(), Vec::new(), None);
        match &inner.plan.work {
            Work::Records { offset, limit, .. } => page = Some(Page::new(*offset as usize + *limit as usize)),
            Work::Top {
                shape,
                weight,
                intervals,
                ..
            } => groups = Some(Groups::new(shape.words(), *weight, inner, octets, intervals.is_some())),
            Work::Series {
                shape, weight, points, ..
            } => {
                let spans = 1 + usize::from(inner.plan.before.is_some());
                line = vec![[0; SUMS]; points.count() as usize * spans];
                if !shape.keys().is_empty() {
                    groups = Some(Groups::new(shape.words(), *weight, inner, octets, true));
                }
            }
            Work::Totals { distinct: shapes, .. } => {
                let each = octets / shapes.len().max(1);
                let new = |shape: &Shape| Distinct::new(shape.words(), inner.seed, each);
                distinct = shapes.iter().map(new).collect();
            }
        }
        let quality = match &inner.plan.work {
            work if !work.quality() => 0,
            Work::Series { points, .. } => points.count() as usize,
            _ => 1,
        };
        Self {
            inner: Arc::clone(inner),
            totals: [[0; SUMS]; 2],
            groups,
            line,
            distinct,
            page,
            cut: false,
            texts: KeyTexts::new(inner.seed),
            quality: vec![[0; QUALITY]; quality],
            texts_most: octets / 4,
        }
    }

    /// Makes room: the lightest groups go, and texts of groups that are gone.
    pub(super) fn settle(&mut self, shape: &Shape) {
        let Some(groups) = &mut self.groups else { return };
        groups.settle();
        if !shape.has_texts() {
            return;
        }
        while self.texts.octets() > self.texts_most {
            let keys = groups.table.rows().flat_map(|(key, _)| shape.texts(key)).collect();
            self.texts.keep(&keys);
            if self.texts.octets() <= self.texts_most / 4 * 3 || groups.table.len() <= 1 {
                break;
            }
            groups.prune();
        }
    }

    /// Adds what another has, of the same question.
    pub fn merge(&mut self, other: Self) {
        self.texts.merge(&other.texts);
        for (words, more) in self.quality.iter_mut().zip(&other.quality) {
            join(words, more);
        }
        for (sums, more) in self.totals.iter_mut().zip(&other.totals) {
            add(sums, more);
        }
        if let (Some(groups), Some(others)) = (&mut self.groups, &other.groups) {
            groups.merge(others);
        }
        for (sums, more) in self.line.iter_mut().zip(&other.line) {
            add(sums, more);
        }
        for (distinct, more) in self.distinct.iter_mut().zip(&other.distinct) {
            distinct.merge(more);
        }
        if let (Some(page), Some(more)) = (&mut self.page, other.page) {
            page.merge(more);
        }
        let inner = Arc::clone(&self.inner);
        if let Work::Top { shape, .. } | Work::Series { shape, .. } = &inner.plan.work {
            self.settle(shape);
        }
        self.cut |= other.cut;
    }

    /// Which span a time is in, and its point: of a rollup that begins there.
    fn place(&self, at: Timestamp) -> Option<(usize, usize)> {
        let plan = &self.inner.plan;
        let inside = |(from, to): (Timestamp, Timestamp)| from <= at && at < to;
        let which = if inside((plan.from, plan.to)) {
            0
        } else if plan.before.is_some_and(inside) {
            1
        } else {
            return None;
        };
        let point = match &plan.work {
            Work::Series { points, .. } => {
                let later = if which == 1 { plan.length() } else { 0 };
                points.of(at.as_nanos(), later) as usize + which * points.count() as usize
            }
            _ => 0,
        };
        Some((which, point))
    }

    /// Adds a rollup's sums of a group; `at` is its start, and says which span and point it belongs to. Totals are
    /// another matter: [`Partial::add_total`]. Of no effect where the question has no groups, or of other keys, or the
    /// time is in neither span.
    pub fn add_group(&mut self, values: &[KeyValue], sums: Sums, at: Timestamp) {
        let Some((which, point)) = self.place(at) else { return };
        let sums = words(sums);
        match &self.inner.plan.work {
            Work::Top { shape, .. } | Work::Series { shape, .. } => {
                let (Some(groups), Some(mut key)) = (&mut self.groups, shape.of(values)) else {
                    return;
                };
                groups.add(&key, which, &sums);
                if let (Some(cells), Work::Series { .. }) = (&mut groups.cells, &self.inner.plan.work) {
                    key.push(point as u64);
                    let hash = cells.hash(&key);
                    cells.add(&key, hash, 0, &sums);
                    if let Some(line) = self.line.get_mut(point) {
                        add(line, &sums);
                    }
                }
                groups.settle();
            }
            Work::Totals { distinct: shapes, .. } => {
                for (shape, distinct) in shapes.iter().zip(&mut self.distinct) {
                    if let Some(key) = shape.of(values).filter(|key| which == 0 && !shape.has_none(key)) {
                        distinct.add(&key);
                    }
                }
            }
            Work::Records { .. } => {}
        }
    }

    /// Adds a rollup's sums of all records, each once, that ended in a time that starts at `at`.
    pub fn add_total(&mut self, sums: Sums, at: Timestamp) {
        let Some((which, point)) = self.place(at) else { return };
        let sums = words(sums);
        add(&mut self.totals[which], &sums);
        if let (None, Some(line)) = (&self.groups, self.line.get_mut(point)) {
            add(line, &sums);
        }
    }

    /// Adds the sums of groups that a rollup left out: they are in the rest of a series, and the answer is not exact.
    pub fn add_others(&mut self, sums: Sums, at: Timestamp) {
        let Some((_, point)) = self.place(at) else { return };
        if sums == Sums::default() {
            return;
        }
        self.cut = true;
        if let (Some(_), Some(line)) = (&self.groups, self.line.get_mut(point)) {
            add(line, &words(sums));
        }
    }

    /// Adds a value of a rollup to those that are counted: of the key at a place of [`Ask::Totals`]. No value is none.
    pub fn add_distinct(&mut self, place: usize, value: &KeyValue, at: Timestamp) {
        let (Work::Totals { distinct: shapes, .. }, Some((0, _))) = (&self.inner.plan.work, self.place(at)) else {
            return;
        };
        let key = shapes.get(place).and_then(|shape| {
            let key = shape.of(std::slice::from_ref(value))?;
            (!shape.has_none(&key)).then_some(key)
        });
        if let (Some(distinct), Some(key)) = (self.distinct.get_mut(place), key) {
            distinct.add(&key);
        }
    }

    /// The groups and their sums in the span, in no order.
    pub fn groups(&self) -> impl Iterator<Item = (Vec<KeyValue>, Sums)> {
        let shape = match &self.inner.plan.work {
            Work::Top { shape, .. } | Work::Series { shape, .. } => Some(shape),
            _ => None,
        };
        let rows = self.groups.iter().flat_map(|groups| groups.table.rows());
        let pairs = shape
            .into_iter()
            .flat_map(move |shape| rows.clone().map(move |row| (shape, row)));
        pairs.map(|(shape, (key, sums))| (shape.read(key, &self.texts), super::finish::sums(sums)))
    }

    /// The sum of all records of the span.
    #[must_use]
    pub fn total(&self) -> Sums {
        super::finish::sums(&self.totals[0])
    }

    /// Whether nothing was left out for want of memory, or by a rollup.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        let whole = |groups: &Groups| groups.is_whole(self.inner.plan.work.limit());
        !self.cut && self.groups.as_ref().is_none_or(whole) && self.distinct.iter().all(Distinct::is_exact)
    }

    /// The groups of a top that may weigh as much as those to be shown, and of which something may be missing; `None`
    /// where reading them again would not make the answer exact, or it is.
    pub(super) fn unsure(&self) -> Option<Vec<Vec<u64>>> {
        let groups = self.groups.as_ref().filter(|_| !self.cut)?;
        let unsure = groups.unsure(self.inner.plan.work.limit())?;
        (!unsure.is_empty()).then_some(unsure)
    }

    /// Puts the sums of groups that were read again, all of which are `keys`, in place of what it has of them.
    pub(super) fn settle_unsure(&mut self, keys: &Table, again: &Self) {
        if let (Some(groups), Some(again)) = (&mut self.groups, &again.groups) {
            groups.settle_unsure(keys, again);
        }
    }

    /// Of a page of the latest records: how many it has at most, and the numbers of those on it, of which smaller ones
    /// come first.
    pub(super) fn latest(&self) -> Option<(usize, impl Iterator<Item = u64>)> {
        let page = self.page.as_ref().filter(|_| is_latest(&self.inner.ask))?;
        Some((page.most(), page.numbers()))
    }

    pub(super) fn settled_at(&self, compiled: &Compiled, max_end: Timestamp) -> bool {
        if !is_latest(compiled.ask()) {
            return false;
        }
        // A record of the same end may still come to stand before another.
        let number = number(max_end.as_nanos(), false);
        self.page
            .as_ref()
            .is_some_and(|page| page.knows_of_more() && !page.takes_number(number))
    }
}

/// Whether the latest records are asked for.
const fn is_latest(ask: &Ask) -> bool {
    matches!(
        ask,
        Ask::Records {
            order: Order::End,
            ascending: false,
            ..
        }
    )
}

pub(super) fn add(sums: &mut [u64], more: &[u64]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum = sum.saturating_add(*more);
    }
}

const fn words(sums: Sums) -> [u64; SUMS] {
    [sums.flows, sums.packets, sums.bytes, sums.packets_rev, sums.bytes_rev]
}
