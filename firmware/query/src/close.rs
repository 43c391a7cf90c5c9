//! Closes hours and days: once over, an hour's blocks are read once to make its index and its rollups; a day's rollups
//! are made of its hours'.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;

use filter::Expr;
use model::{Ask, BlockHashes, BlockRef, Key, KeyValue, LinkId, Measure, Query, Sums, Timestamp, Unpacker};
use store::{BlockId, DayToClose, HourIndexBuilder, HourToClose, Period, RollupRow, Store, StoreError};

use crate::context::Context;
use crate::error::QueryError;
use crate::rollup::{RollupError, RollupScope, Rows, Table};
use crate::scan::columns::{Room, Unpacked};
use crate::stamp::stamp;
use crate::work::{Compiled, Worker};

/// Octets that the groups of a table may take while an hour is read: of addresses, and of all else.
const MEMORY_LARGE: usize = 96 << 20;
const MEMORY: usize = 8 << 20;

/// An hour or a day could not be closed.
#[derive(Debug, thiserror::Error)]
pub enum CloseError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A table is not what was written, or cannot be written.
    #[error(transparent)]
    Rollup(#[from] RollupError),
    /// The definitions make no sense.
    #[error(transparent)]
    Question(#[from] QueryError),
}

/// What was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Closed {
    /// Hours.
    pub hours: u32,
    /// Days.
    pub days: u32,
    /// Records that were read for it.
    pub records: u64,
    /// Blocks that could not be read: the rest of their hours was closed.
    pub damaged: u32,
    /// Hours and days that changed meanwhile, or were given up: they are closed another time.
    pub put_off: u32,
}

impl Closed {
    /// Whether nothing was left to close.
    #[must_use]
    pub fn nothing(&self) -> bool {
        self.hours + self.days + self.put_off == 0
    }
}

/// Closes at most so many hours, and as many days. `go_on` is asked before each block: where it says no, the hour is
/// put off.
///
/// # Errors
/// When the store cannot be read or written; what was closed before stays so.
pub fn close(
    store: &Store,
    context: &Context,
    now: Timestamp,
    limit: usize,
    go_on: impl Fn() -> bool,
) -> Result<Closed, CloseError> {
    let objects = stamp(&context.objects);
    let mut closed = Closed::default();
    for hour in store.hours_to_close(now, objects, limit)? {
        if !go_on() {
            closed.put_off += 1;
            break;
        }
        close_hour(store, context, hour, objects, &go_on, &mut closed)?;
    }
    for day in store.days_to_close(now, objects, limit)? {
        if !go_on() {
            closed.put_off += 1;
            break;
        }
        match close_day(store, day, objects)? {
            true => closed.days += 1,
            false => closed.put_off += 1,
        }
    }
    Ok(closed)
}

/// Closes all that can be closed.
///
/// # Errors
/// As for [`close`].
pub fn close_all(
    store: &Store,
    context: &Context,
    now: Timestamp,
    go_on: impl Fn() -> bool,
) -> Result<Closed, CloseError> {
    let mut all = Closed::default();
    loop {
        let more = close(store, context, now, 1, &go_on)?;
        all.hours += more.hours;
        all.days += more.days;
        all.records += more.records;
        all.damaged += more.damaged;
        all.put_off += more.put_off;
        if more.hours + more.days == 0 {
            return Ok(all);
        }
    }
}

/// A table in the making.
struct Making {
    table: Table,
    compiled: Compiled,
    worker: Worker,
}

fn close_hour(
    store: &Store,
    context: &Context,
    hour: HourToClose,
    objects: u64,
    go_on: &impl Fn() -> bool,
    closed: &mut Closed,
) -> Result<(), CloseError> {
    let mut makings = if hour.rolled.is_empty() {
        Vec::new()
    } else {
        let span = (hour.hour.start(), hour.hour.end());
        let make = |table| making(table, context, span);
        // The rows by link are the totals of the links.
        let tables = Table::ALL.into_iter().filter(|table| *table != Table::Link);
        tables.map(make).collect::<Result<Vec<_>, _>>()?
    };
    let filed: BTreeSet<BlockId> = hour.filed.iter().map(|block| block.id).collect();
    let rolled: BTreeSet<BlockId> = hour.rolled.iter().map(|block| block.id).collect();
    let all: Vec<BlockId> = filed.union(&rolled).copied().collect();
    let mut index = HourIndexBuilder::new();
    let (mut unpacker, mut hashes, mut room) = (Unpacker::new(), BlockHashes::new(), Room::default());
    let (mut failed, mut given_up) = (None, false);
    store.read_blocks(&all, |id, octets| {
        if !go_on() {
            given_up = true;
            return ControlFlow::Break(());
        }
        let read = octets.and_then(|octets| {
            let mut work = || {
                let block = BlockRef::open(octets)?;
                closed.records += block.len() as u64;
                if filed.contains(id) {
                    hashes.read(&block, &mut unpacker)?;
                    hashes.addresses().iter().for_each(|hash| index.address(*hash));
                    hashes.flows().iter().for_each(|hash| index.flow(*hash));
                }
                if rolled.contains(id) {
                    let mut unpacked = Unpacked::new(&block, &mut room);
                    for making in &mut makings {
                        making.worker.unpacked(&mut unpacked)?;
                    }
                }
                Ok(())
            };
            work().map_err(|source| id.damaged(source))
        });
        match read {
            Ok(()) => {}
            Err(problem @ StoreError::Block { .. }) => {
                closed.damaged += 1;
                store.report(problem);
            }
            Err(problem) => {
                failed = Some(problem);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    });
    if let Some(problem) = failed {
        return Err(problem.into());
    }
    if given_up {
        closed.put_off += 1;
        return Ok(());
    }
    let mut rows = Vec::new();
    let mut links = BTreeMap::new();
    for making in makings {
        rows.extend(finish(making, &mut links)?);
    }
    match store.close_hour(hour.token, index.finish(), rows, objects)? {
        true => closed.hours += 1,
        false => closed.put_off += 1,
    }
    Ok(())
}

/// The rows of a table are the groups of a question.
fn making(table: Table, context: &Context, (from, to): (Timestamp, Timestamp)) -> Result<Making, QueryError> {
    let mut by = vec![Key::Link];
    by.extend(table.key());
    let query = Query {
        from,
        to: Some(to),
        scope: None,
        filter: String::new(),
        ask: Ask::Top {
            by,
            measure: Measure::Bytes,
            limit: 1,
            ascending: false,
            compare: false,
            quality: false,
        },
        timeout_ms: 1,
    };
    let memory = if table.is_large() { MEMORY_LARGE } else { MEMORY };
    let compiled = Compiled::new(&query, &Expr::All, context, to)?.bounded(memory, 1);
    Ok(Making {
        table,
        worker: compiled.worker(),
        compiled,
    })
}

/// The rows of a table: of each link, of all ports and of all exporters. `links` has the links of the hour by scope; the
/// totals, which come first, say which there are.
fn finish(making: Making, links: &mut BTreeMap<RollupScope, usize>) -> Result<Vec<RollupRow>, RollupError> {
    let Making {
        table,
        worker,
        compiled,
    } = making;
    let partial = worker.into_partial();
    let at_least = !partial.is_exact();
    drop(compiled);
    let mut of_links: BTreeMap<LinkId, Vec<(KeyValue, Sums)>> = BTreeMap::new();
    let mut of_all: BTreeMap<RollupScope, HashMap<KeyValue, Sums>> = BTreeMap::new();
    let mut by_link: BTreeMap<RollupScope, Vec<(KeyValue, Sums)>> = BTreeMap::new();
    for (values, sums) in partial.groups() {
        let mut values = values.into_iter();
        let Some(KeyValue::Link(link)) = values.next() else {
            continue;
        };
        let all = RollupScope::all_like(link);
        let value = values.next().unwrap_or(KeyValue::None);
        *of_all.entry(all).or_default().entry(value.clone()).or_default() += sums;
        of_links.entry(link).or_default().push((value, sums));
        if table == Table::Total {
            by_link.entry(all).or_default().push((KeyValue::Link(link), sums));
            *links.entry(all).or_default() += 1;
        }
    }
    let mut rows = Vec::new();
    let mut row = |table: Table, scope: RollupScope, groups, most| {
        let mut made = Rows::of(groups, most);
        made.at_least |= at_least;
        let octets = made.encode()?;
        rows.push(RollupRow {
            table: table as u8,
            scope: scope.number(),
            octets,
        });
        Ok(())
    };
    for (scope, groups) in of_all {
        let most = table.rows_max(scope, 1);
        row(table, scope, groups.into_iter().collect(), most)?;
    }
    for (scope, groups) in by_link {
        row(Table::Link, scope, groups, Table::Link.rows_max(scope, 1))?;
    }
    for (link, groups) in of_links {
        // The two numbers that stand for all links are nobody's own.
        let Some(scope) = RollupScope::of_link(link) else {
            continue;
        };
        let others = links.get(&RollupScope::all_like(link)).copied().unwrap_or(1);
        row(table, scope, groups, table.rows_max(scope, others))?;
    }
    Ok(rows)
}

fn close_day(store: &Store, day: DayToClose, objects: u64) -> Result<bool, CloseError> {
    let mut links: BTreeMap<RollupScope, BTreeSet<u32>> = BTreeMap::new();
    for (_, scope) in &day.rows {
        if let Some(scope) = RollupScope::of_link(LinkId(*scope)) {
            let all = RollupScope::all_like(LinkId(scope.number()));
            links.entry(all).or_default().insert(scope.number());
        }
    }
    let mut made = Vec::with_capacity(day.rows.len());
    for (number, scope) in day.rows {
        // A table of a later release, which an earlier one runs after.
        let Some(table) = Table::ALL.into_iter().find(|table| *table as u8 == number) else {
            continue;
        };
        let mut hours = Vec::new();
        let mut problem = None;
        store.rollups(
            Period::Hour,
            number,
            scope,
            day.hours.clone(),
            |_, octets| match Rows::decode(octets) {
                Ok(rows) => hours.push(rows),
                Err(e) => problem = Some(e),
            },
        )?;
        if let Some(e) = problem {
            return Err(e.into());
        }
        let link = LinkId(scope);
        let most = match RollupScope::of_link(link) {
            None => table.rows_max(RollupScope::all_like(link), 1),
            Some(own) => {
                let others = links.get(&RollupScope::all_like(link)).map_or(1, BTreeSet::len);
                table.rows_max(own, others)
            }
        };
        made.push(RollupRow {
            table: number,
            scope,
            octets: Rows::merge(hours, most).encode()?,
        });
    }
    Ok(store.close_day(day.token, made, objects)?)
}
