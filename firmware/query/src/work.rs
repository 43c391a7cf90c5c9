//! From a question and blocks to an answer.
//!
//! [`Compiled`] is a question made ready; each thread has a [`Worker`] of it, which is given blocks and gathers a
//! [`Partial`]; partials are merged and finished. Nothing here reads a file or a clock.
//!
//! # Rules
//!
//! - A record counts where it ends. Packets and octets of a series with steps below an hour, and of intervals that a 95th
//!   percentile is taken of, are spread over the record's duration (see `series.rs`); the record itself counts in the point
//!   where it ends. Such a series takes records in that end up to an hour after its span; what of them lies outside of the
//!   span is not counted. A percentile takes the records in that end in the span, those that its sums are of.
//! - A port, as a key, is a value of TCP, UDP and SCTP alone, flags are of TCP alone; others have [`model::KeyValue::None`], as
//!   has what an exporter did not say. A record without packets is of the smallest class of sizes.
//! - A record with several values of several keys counts in each combination.
//! - Groups of equal weight are ordered by their values, ascending. A series orders by octets where it is asked for
//!   [`model::Measure::P95`]. A group that has nothing in the span, but in the span before, is none.
//! - The rest of a series is the sum of all groups that are not shown, so records with several values count in it as
//!   often as in those groups. It is there when there are such groups.
//! - "No value" is not counted among different values.
//! - Numbers stop at the largest of 64 bits.
//! - Records of the box's tests of itself ([`LinkId::SELF_TEST`], in blocks of their own) count where their link is the
//!   scope, and nowhere else.
//!
//! # Memory
//!
//! Groups beyond the bound ([`Compiled::bounded`]) are dropped, the lighter half at a time; the answer is not exact
//! then. A group that is dropped and comes again has lost what it had. Where the heaviest groups alone are wanted
//! ([`Compiled::sieved`]), the weights of those that are dropped are kept by hash: they say of which groups nothing was
//! lost, and which are to be read again ([`Compiled::again`]).

mod again;
mod finish;
mod gather;
mod groups;
mod partial;
mod quality;

use std::sync::Arc;

use filter::Expr;
use model::{Ask, BlockError, BlockRef, Definitions, Field, LinkId, Query, Scope, Timestamp};

use crate::compile::ask::{Plan, Work};
use crate::compile::{self, Node};
use crate::context::Context;
use crate::error::QueryError;
use crate::group::keys::Belonging;
use crate::group::table::Table;
use crate::scan::columns::{Room, Unpacked};
use crate::scan::select::Lore;

pub use finish::Finished;
pub use partial::Partial;

use gather::Gatherer;

/// The memory of a question, where nothing else is said: 256 MiB.
const MEMORY: usize = 256 << 20;

/// A question made ready, for all threads.
#[derive(Debug, Clone)]
pub struct Compiled(Arc<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    ask: Ask,
    expr: Expr,
    plan: Plan,
    /// Scope and filter.
    node: Node,
    /// Whether the records of the box's tests of itself are asked for: else their blocks are stepped over.
    self_tests: bool,
    probe: store::Probe,
    lore: Lore,
    belonging: Belonging,
    memory: usize,
    workers: usize,
    seed: u64,
    /// Whether groups that are too many are sieved, rather than dropped.
    sieves: bool,
    /// No other groups count.
    only: Option<Arc<Table>>,
}

impl Inner {
    /// What the sieve of a worker may take.
    const fn sieve_octets(&self) -> usize {
        self.memory / 2 / self.workers / 2
    }
}

/// What became of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockOutcome {
    /// Records in it; 0 where it was stepped over.
    pub records: u64,
    /// Of those, records that count in the answer, in either span.
    pub matched: u64,
    /// Whether its directory and filters alone said that none does.
    pub skipped: bool,
}

impl Compiled {
    /// Makes a question ready. `expr` is what `query.filter` says; the text itself is not looked at. `now` is the end
    /// where that is left open.
    ///
    /// # Errors
    /// When a number of the question is out of bounds, or a name means nothing.
    pub fn new(query: &Query, expr: &Expr, context: &Context, now: Timestamp) -> Result<Self, QueryError> {
        let plan = Plan::new(query, now, context.countries.is_some())?;
        let scope = query.scope.map_or(Node::All, compile::scope);
        let node = Node::and([scope, compile::filter(expr, context)?]);
        Ok(Self(Arc::new(Inner {
            ask: query.ask.clone(),
            expr: expr.clone(),
            plan,
            node,
            self_tests: query.scope == Some(Scope::Link(LinkId::SELF_TEST)),
            probe: compile::probe::probe(expr, context),
            lore: Lore {
                definitions: Definitions::new(&context.objects.applications),
                countries: context.countries.clone(),
            },
            belonging: Belonging::new(&context.objects),
            memory: MEMORY,
            workers: 1,
            seed: seed(),
            sieves: false,
            only: None,
        })))
    }

    /// The same with another bound of memory, in octets, that so many workers share; about, for groups alone.
    #[must_use]
    pub fn bounded(mut self, memory: usize, workers: usize) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        (inner.memory, inner.workers) = (memory, workers.max(1));
        self
    }

    /// The same, for an answer of the heaviest groups alone: of others, where they are too many, no more than their
    /// weights is kept, so that it can be proven which are the heaviest. [`Partial::groups`] leaves them out then.
    #[must_use]
    pub fn sieved(mut self) -> Self {
        Arc::make_mut(&mut self.0).sieves = true;
        self
    }

    /// What is asked.
    #[must_use]
    pub fn ask(&self) -> &Ask {
        &self.0.ask
    }

    /// Which records.
    #[must_use]
    pub fn expr(&self) -> &Expr {
        &self.0.expr
    }

    /// What every record that is meant has in common.
    #[must_use]
    pub fn probe(&self) -> store::Probe {
        self.0.probe.clone()
    }

    /// The columns that the question may look at; `None`: all of them.
    #[must_use]
    pub fn fields(&self) -> Option<Vec<Field>> {
        let defined = !self.0.lore.definitions.is_empty();
        compile::needs::fields(&self.0.node, &self.0.plan.work, defined)
    }

    /// Whether the question looks at blocks' filters.
    #[must_use]
    pub fn needs_filters(&self) -> bool {
        let probe = &self.0.probe;
        !(probe.addresses.is_empty() && probe.flows.is_empty())
    }

    /// In which span records end that count: from, included, to, excluded. Covers the span before too, where it is
    /// compared with.
    #[must_use]
    pub fn span(&self) -> (Timestamp, Timestamp) {
        let spans = self.0.plan.ends();
        let all = spans.iter().flatten();
        let (from, to) = (all.clone().map(|s| s.0).min(), all.map(|s| s.1).max());
        (from.unwrap_or_default(), to.unwrap_or_default())
    }

    /// The span that is asked about, and the one before where it is compared with.
    #[must_use]
    pub fn spans(&self) -> ((Timestamp, Timestamp), Option<(Timestamp, Timestamp)>) {
        ((self.0.plan.from, self.0.plan.to), self.0.plan.before)
    }

    /// Seconds a point, and the zone, of a series.
    #[must_use]
    pub fn steps(&self) -> Option<(u32, i32)> {
        match &self.0.plan.work {
            Work::Series { points, zone_s, .. } => Some((u32::try_from(points.step_s()).unwrap_or(u32::MAX), *zone_s)),
            _ => None,
        }
    }

    /// A worker on all of the span.
    #[must_use]
    pub fn worker(&self) -> Worker {
        self.worker_in(self.span())
    }

    /// A worker that takes in records that end in a part of the span alone.
    #[must_use]
    pub fn worker_in(&self, part: (Timestamp, Timestamp)) -> Worker {
        let node = |span: Option<(Timestamp, Timestamp)>| {
            let (from, to) = span?;
            let (from, to) = (from.max(part.0).as_nanos(), to.min(part.1).as_nanos());
            let ends = Node::number(Field::End, vec![(from, to.checked_sub(1)?)]);
            (from < to).then(|| Node::and([ends, self.0.node.clone()]))
        };
        Worker {
            nodes: self.0.plan.ends().map(node),
            room: Room::default(),
            gatherer: Gatherer::default(),
            partial: Partial::new(self, self.0.memory / 2 / self.0.workers),
            compiled: self.clone(),
        }
    }

    /// A partial without anything in it, to merge those of workers into.
    #[must_use]
    pub fn partial(&self) -> Partial {
        Partial::new(self, self.0.memory / 2)
    }
}

/// What a record that ends then is ordered by on a page of the latest: smaller ones come first.
pub(crate) const fn latest_number(end: Timestamp) -> u64 {
    crate::records::number(end.as_nanos(), false)
}

/// Whether a block has records of the box's tests of itself, and no others.
fn is_self_test(block: &BlockRef<'_>) -> Result<bool, BlockError> {
    let link = u64::from(LinkId::SELF_TEST.0);
    Ok(block.column(Field::Link)?.range() == Some((link, link)))
}

/// Groups meet in tables by hashes that senders of flows must not be able to foresee.
fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// One thread's part of a question.
#[derive(Debug)]
pub struct Worker {
    compiled: Compiled,
    nodes: [Option<Node>; 2],
    room: Room,
    gatherer: Gatherer,
    partial: Partial,
}

impl Worker {
    /// Takes a block in.
    ///
    /// # Errors
    /// When the block is damaged. What it had is partly in the answer then, or not at all.
    pub fn block(&mut self, block: &BlockRef<'_>) -> Result<BlockOutcome, BlockError> {
        let mut room = std::mem::take(&mut self.room);
        let done = self.unpacked(&mut Unpacked::new(block, &mut room));
        self.room = room;
        done
    }

    /// Takes a block in whose columns others look at too: each is unpacked once.
    ///
    /// # Errors
    /// When the block is damaged. What it had is partly in the answer then, or not at all.
    pub fn unpacked(&mut self, columns: &mut Unpacked<'_, '_>) -> Result<BlockOutcome, BlockError> {
        let mut outcome = BlockOutcome {
            skipped: true,
            ..BlockOutcome::default()
        };
        if !self.may_match(columns.block())? {
            return Ok(outcome);
        }
        self.gatherer.clear();
        for (which, node) in (0..).zip(&self.nodes) {
            let Some(node) = node else { continue };
            let Some(matched) = self
                .gatherer
                .take(&self.compiled, node, which, columns, &mut self.partial)?
            else {
                continue;
            };
            outcome.skipped = false;
            outcome.records = columns.len() as u64;
            outcome.matched += matched;
        }
        Ok(outcome)
    }

    /// Whether a block may have a record that is meant, by its span and filters; no column is looked at.
    ///
    /// # Errors
    /// When a filter is damaged.
    pub(crate) fn may_match(&self, block: &BlockRef<'_>) -> Result<bool, BlockError> {
        let probe = &self.compiled.0.probe;
        let (min, max) = block.ends();
        let (from, to) = self.compiled.span();
        if max < from || min >= to {
            return Ok(false);
        }
        if !self.compiled.0.self_tests && is_self_test(block)? {
            return Ok(false);
        }
        if !probe.addresses.is_empty()
            && let Some(filter) = block.address_filter()?
            && !probe
                .addresses
                .iter()
                .all(|any| any.iter().any(|hash| filter.may_have(*hash)))
        {
            return Ok(false);
        }
        if !probe.flows.is_empty()
            && let Some(filter) = block.flow_filter()?
            && !probe.flows.iter().any(|hash| filter.may_have(*hash))
        {
            return Ok(false);
        }
        Ok(true)
    }

    /// Whether records that end at `max_end` or before can change nothing any more: of a page of the latest records.
    #[must_use]
    pub fn settled_at(&self, max_end: Timestamp) -> bool {
        self.partial.settled_at(&self.compiled, max_end)
    }

    /// Of a page of the latest records: how many it has at most, and what those on it are ordered by, smaller first;
    /// [`latest_number`] says it of a time.
    pub(crate) fn latest(&self) -> Option<(usize, Vec<u64>)> {
        let (most, numbers) = self.partial.latest()?;
        Some((most, numbers.collect()))
    }

    /// What was gathered so far.
    #[must_use]
    pub const fn partial(&self) -> &Partial {
        &self.partial
    }

    /// What was gathered.
    #[must_use]
    pub fn into_partial(self) -> Partial {
        self.partial
    }
}

#[cfg(test)]
mod tests;
