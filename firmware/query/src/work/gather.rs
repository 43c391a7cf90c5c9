//! What a block gives a question.

use model::{App, BlockError, Field, Order};

use super::partial::{Partial, add};
use super::quality::Measured;
use super::{Compiled, Inner};
use crate::compile::Node;
use crate::compile::ask::Work;
use crate::group::intern::Intern;
use crate::group::keys::{DENSE, KeyColumn, Keys, Rows};
use crate::group::local::{Amounts, Coded, Local, SUMS};
use crate::group::sieve::Hashed;
use crate::group::texts::KeyTexts;
use crate::group::value::Shape;
use crate::records::{Page, Rank, block_rank, number};
use crate::scan::bits::Chosen;
use crate::scan::columns::{Plain, Unpacked};
use crate::scan::select::{Desk, choose};
use crate::series::Points;

/// Room to work in, kept from block to block.
#[derive(Debug, Default)]
pub(super) struct Gatherer {
    desk: Desk,
    intern: Intern,
    pub(super) local: Local,
    rows: Vec<u32>,
    /// Rows whose groups have a row in the table, or get one.
    kept: Vec<u32>,
    amounts: [Vec<u64>; 4],
    shares: Shares,
    pub(super) measured: Measured,
}

/// Rows of records that are spread over points.
#[derive(Debug, Default)]
struct Shares {
    rows: Vec<u32>,
    points: Vec<u32>,
    flows: Vec<u64>,
    amounts: [Vec<u64>; 4],
}

/// What a block's records are for one of both spans.
struct Span<'g> {
    inner: &'g Inner,
    /// 0 the span, 1 the one before.
    which: usize,
    /// By how much it is earlier.
    later: u64,
}

impl Gatherer {
    /// Before another block.
    pub(super) fn clear(&mut self) {
        self.desk.clear();
    }

    /// Takes in the records that a condition means; answers how many count, or `None` where nothing had to be unpacked
    /// to know that there is none.
    pub(super) fn take(
        &mut self,
        compiled: &Compiled,
        node: &Node,
        which: usize,
        columns: &mut Unpacked<'_, '_>,
        partial: &mut Partial,
    ) -> Result<Option<u64>, BlockError> {
        let inner = &*compiled.0;
        if crate::scan::decided(node, columns)? == Some(false) {
            return Ok(None);
        }
        let chosen = choose(node, columns, &inner.lore, &mut self.desk)?;
        let span = Span {
            inner,
            which,
            later: if which == 1 { inner.plan.length() } else { 0 },
        };
        let all = match &chosen {
            Chosen::None => return Ok(Some(0)),
            Chosen::All => true,
            Chosen::Some(bits) => {
                bits.list(&mut self.rows);
                self.rows.len() == columns.len()
            }
        };
        self.desk.give_back(chosen);
        let list = std::mem::take(&mut self.rows);
        let rows = if all {
            Rows::All(columns.len())
        } else {
            Rows::List(&list)
        };
        let done = match rows.len() {
            0 => Ok(0),
            _ => self.rows(&span, rows, columns, partial),
        };
        self.rows = list;
        done.map(Some)
    }

    fn rows(
        &mut self,
        span: &Span<'_>,
        rows: Rows<'_>,
        columns: &mut Unpacked<'_, '_>,
        partial: &mut Partial,
    ) -> Result<u64, BlockError> {
        let count = rows.len() as u64;
        if span.which == 0 && span.inner.plan.work.quality() {
            self.quality(span.inner, rows, columns, partial)?;
        }
        match &span.inner.plan.work {
            Work::Records { order, ascending, .. } => {
                if let Some(page) = &mut partial.page {
                    self.records(span, (*order, *ascending), rows, columns, page)?;
                }
                Ok(count)
            }
            Work::Totals { distinct, .. } => {
                self.total(span, rows, columns, partial)?;
                if span.which == 0 {
                    for (at, shape) in distinct.iter().enumerate() {
                        self.distinct(span, at, shape, rows, columns, partial)?;
                    }
                }
                Ok(count)
            }
            Work::Top { shape, intervals, .. } => {
                self.total(span, rows, columns, partial)?;
                self.top(span, shape, rows, columns, partial)?;
                if let (Some(points), 0) = (intervals, span.which) {
                    self.spread(span, (shape, points), rows, columns, partial, false)?;
                }
                partial.settle(shape);
                Ok(count)
            }
            Work::Series {
                shape, points, spread, ..
            } => {
                let matched = if *spread {
                    self.spread(span, (shape, points), rows, columns, partial, true)?
                } else {
                    self.by_end(points, span.later, rows, columns)?;
                    self.points(span, shape, points, columns, partial, true)?;
                    count
                };
                partial.settle(shape);
                Ok(matched)
            }
        }
    }

    /// Unpacks what sums are made of, and gathers it by row unless the rows are all records.
    fn gather_amounts(&mut self, rows: Rows<'_>, columns: &mut Unpacked<'_, '_>) -> Result<(), BlockError> {
        for (plain, out) in Plain::AMOUNTS.into_iter().zip(&mut self.amounts) {
            match rows {
                Rows::All(_) => columns.load_plain(plain)?,
                Rows::List(rows) => {
                    columns.pick(plain, rows, out)?;
                }
            }
        }
        Ok(())
    }

    fn total(
        &mut self,
        span: &Span<'_>,
        rows: Rows<'_>,
        columns: &mut Unpacked<'_, '_>,
        partial: &mut Partial,
    ) -> Result<(), BlockError> {
        self.gather_amounts(rows, columns)?;
        let sums = amounts(&self.amounts, rows, columns).sum(rows.len());
        add(&mut partial.totals[span.which], &sums);
        Ok(())
    }

    /// The columns of keys; a row may have several values.
    fn columns(
        &mut self,
        inner: &Inner,
        shape: &Shape,
        rows: Rows<'_>,
        columns: &mut Unpacked<'_, '_>,
        texts: &mut KeyTexts,
    ) -> Result<Vec<KeyColumn>, BlockError> {
        let mut made: Vec<KeyColumn> = Vec::new();
        for key in shape.keys() {
            let mut keys = Keys {
                columns,
                lore: &inner.lore,
                belonging: &inner.belonging,
                desk: &mut self.desk,
                intern: &mut self.intern,
                texts,
            };
            made.extend(keys.make(*key, rows)?);
        }
        Ok(made)
    }

    /// The columns of keys, and the rows that they are for: several for a record of several values. Rows that became
    /// more are answered as the rows they were.
    pub(super) fn keys(
        &mut self,
        inner: &Inner,
        shape: &Shape,
        rows: Rows<'_>,
        columns: &mut Unpacked<'_, '_>,
        texts: &mut KeyTexts,
    ) -> Result<(Vec<KeyColumn>, Option<Vec<u32>>), BlockError> {
        let mut made = self.columns(inner, shape, rows, columns, texts)?;
        let origins = expand(&mut made);
        Ok((made, origins))
    }

    fn top(
        &mut self,
        span: &Span<'_>,
        shape: &Shape,
        rows: Rows<'_>,
        columns: &mut Unpacked<'_, '_>,
        partial: &mut Partial,
    ) -> Result<(), BlockError> {
        let mut keys = self.columns(span.inner, shape, rows, columns, &mut partial.texts)?;
        let own = amounts(&self.amounts, rows, columns);
        let Some(groups) = &mut partial.groups else {
            return Ok(());
        };
        if let [key] = keys.as_mut_slice()
            && key.has_second()
            && key.card <= DENSE
            && groups.sieve().is_none()
        {
            let second = key.take_second();
            self.local.sum_both(coded(key), &second, own);
        } else {
            let origins = expand(&mut keys);
            let mut count = origins.as_ref().map_or(rows.len(), Vec::len);
            let mut more = origins.as_deref().map(|origins| of_rows(own, origins));
            if let Some((sieving, sieve)) = groups.sieve()
                && keys.iter().all(|key| key.set(0).is_none())
            {
                let unpacked = &*columns;
                let value = |key| move |code| KeyColumn::value(key, code, unpacked);
                let mut hashed: Vec<_> = keys.iter().map(|key| Hashed::new(coded(key), value(key))).collect();
                let amounts = more.as_ref().map_or(own, as_amounts);
                sieve.pass(sieving, &mut hashed, (count, span.which), amounts, &mut self.kept);
                drop(hashed);
                keys.iter_mut().for_each(|key| key.reorder(&self.kept));
                (count, more) = (self.kept.len(), Some(of_rows(amounts, &self.kept)));
            }
            let coded: Vec<Coded<'_>> = keys.iter().map(coded).collect();
            self.local.sum(&coded, count, more.as_ref().map_or(own, as_amounts));
        }
        let only = span.inner.only.as_deref();
        self.local.each(shape, &keys, None, columns, |batch| match only {
            None => groups.add_all(batch, span.which),
            Some(only) => {
                let known = batch.iter().filter(|(key, _)| only.find(key).is_some());
                known.for_each(|(key, sums)| groups.add(key, span.which, sums));
            }
        })
    }

    fn distinct(
        &mut self,
        span: &Span<'_>,
        at: usize,
        shape: &Shape,
        rows: Rows<'_>,
        columns: &mut Unpacked<'_, '_>,
        partial: &mut Partial,
    ) -> Result<(), BlockError> {
        let (keys, origins) = self.keys(span.inner, shape, rows, columns, &mut partial.texts)?;
        let coded: Vec<Coded<'_>> = keys.iter().map(coded).collect();
        let count = origins.as_ref().map_or(rows.len(), Vec::len);
        self.local.sum(&coded, count, Amounts::default());
        let Some(distinct) = partial.distinct.get_mut(at) else {
            return Ok(());
        };
        self.local.each(shape, &keys, None, columns, |batch| {
            batch
                .keys()
                .filter(|key| !shape.has_none(key))
                .for_each(|key| distinct.add(key));
        })
    }

    /// Rows for records by the point of their end.
    fn by_end(
        &mut self,
        points: &Points,
        later: u64,
        rows: Rows<'_>,
        columns: &mut Unpacked<'_, '_>,
    ) -> Result<(), BlockError> {
        self.gather_amounts(rows, columns)?;
        let (first, last) = columns.block().ends();
        let shares = &mut self.shares;
        shares.clear();
        match rows {
            Rows::All(len) => shares.rows.extend((0u32..).take(len)),
            Rows::List(rows) => shares.rows.extend_from_slice(rows),
        }
        let point = points.of(first.as_nanos(), later);
        if point == points.of(last.as_nanos(), later) {
            shares.points.resize(rows.len(), point);
        } else {
            columns.load_plain(Plain::End)?;
            let ends = columns.plain(Plain::End).unwrap_or_default();
            let end = |row: &u32| ends.get(*row as usize).copied().unwrap_or(0);
            shares
                .points
                .extend(shares.rows.iter().map(|row| points.of(end(row), later)));
        }
        for (numbers, out) in amounts(&self.amounts, rows, columns)
            .of
            .into_iter()
            .zip(&mut shares.amounts)
        {
            out.extend_from_slice(numbers.unwrap_or_default());
        }
        Ok(())
    }

    /// Takes in records' shares in points, some rows at a time: a record may have very many. Answers how many records
    /// have any.
    fn spread(
        &mut self,
        span: &Span<'_>,
        (shape, points): (&Shape, &Points),
        rows: Rows<'_>,
        columns: &mut Unpacked<'_, '_>,
        partial: &mut Partial,
        series: bool,
    ) -> Result<u64, BlockError> {
        for plain in Plain::AMOUNTS.into_iter().chain([Plain::End, Plain::Duration]) {
            columns.load_plain(plain)?;
        }
        let (mut next, mut matched) = (0, 0);
        while next < rows.len() {
            matched += self.share(points, span.later, rows, columns, &mut next);
            self.points(span, shape, points, columns, partial, series)?;
            partial.settle(shape);
        }
        Ok(matched)
    }

    /// Rows for records' shares, from the record `next` on, until there are many; answers how many records have any.
    fn share(
        &mut self,
        points: &Points,
        later: u64,
        rows: Rows<'_>,
        columns: &Unpacked<'_, '_>,
        next: &mut usize,
    ) -> u64 {
        let at = |numbers: Option<&[u64]>, row: u32| numbers.and_then(|n| n.get(row as usize)).copied().unwrap_or(0);
        let (ends, durations) = (columns.plain(Plain::End), columns.plain(Plain::Duration));
        let numbers = Plain::AMOUNTS.map(|plain| columns.plain(plain));
        let shares = &mut self.shares;
        shares.clear();
        shares.flows.clear();
        let mut matched = 0;
        let mut each = |row: u32| -> usize {
            let end = at(ends, row);
            let lie = points.lie(end.saturating_sub(at(durations, row)), end, later);
            let counts = points.counts(end, later);
            matched += u64::from(counts.is_some() || !lie.points.is_empty());
            if lie.is_whole(points) && counts.is_none_or(|point| lie.points.start == point) {
                shares.rows.push(row);
                shares.points.push(lie.points.start);
                shares.flows.push(counts.is_some().into());
                for (out, numbers) in shares.amounts.iter_mut().zip(numbers) {
                    if let Some(numbers) = numbers {
                        out.push(numbers.get(row as usize).copied().unwrap_or(0));
                    }
                }
                return shares.rows.len();
            }
            // The point of the end may be after the last that has a share.
            let last = lie.points.end.max(counts.map_or(0, |point| point + 1));
            let first = if lie.points.is_empty() {
                last.saturating_sub(1)
            } else {
                lie.points.start
            };
            for point in first..last {
                let flows = u64::from(counts == Some(point));
                let inside = lie.points.contains(&point);
                shares.rows.push(row);
                shares.points.push(point);
                shares.flows.push(flows);
                for (out, numbers) in shares.amounts.iter_mut().zip(numbers) {
                    if let Some(numbers) = numbers {
                        let count = numbers.get(row as usize).copied().unwrap_or(0);
                        out.push(if inside { points.share(&lie, point, count) } else { 0 });
                    }
                }
            }
            shares.rows.len()
        };
        while *next < rows.len() {
            let row = match rows {
                Rows::All(_) => u32::try_from(*next).unwrap_or(u32::MAX),
                Rows::List(rows) => rows.get(*next).copied().unwrap_or(u32::MAX),
            };
            *next += 1;
            if each(row) > SHARES_MAX {
                break;
            }
        }
        matched
    }

    /// Adds the rows of [`Shares`] to groups, their points, and the line of all.
    fn points(
        &mut self,
        span: &Span<'_>,
        shape: &Shape,
        points: &Points,
        columns: &mut Unpacked<'_, '_>,
        partial: &mut Partial,
        series: bool,
    ) -> Result<(), BlockError> {
        let rows = std::mem::take(&mut self.shares.rows);
        let done = self.points_of(&rows, span, shape, points, columns, partial, series);
        self.shares.rows = rows;
        done
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "the rows stand apart from the rest of the room"
    )]
    fn points_of(
        &mut self,
        rows: &[u32],
        span: &Span<'_>,
        shape: &Shape,
        points: &Points,
        columns: &mut Unpacked<'_, '_>,
        partial: &mut Partial,
        series: bool,
    ) -> Result<(), BlockError> {
        if rows.is_empty() {
            return Ok(());
        }
        let base = u32::try_from(span.which).unwrap_or(0) * points.count();
        if let (true, None) = (series, &partial.groups) {
            let point = Coded {
                codes: &self.shares.points,
                card: points.count(),
            };
            self.local.sum(&[point], rows.len(), self.shares.amounts());
            for (at, sums) in self.local.by_code(point) {
                if let Some(line) = partial.line.get_mut((base + at) as usize) {
                    add(line, sums);
                }
            }
            return Ok(());
        }
        let (keys, origins) = self.keys(span.inner, shape, Rows::List(rows), columns, &mut partial.texts)?;
        let own = self.shares.amounts();
        let more = origins.as_deref().map(|origins| {
            let pick = |numbers: Option<&[u64]>| numbers.map(|numbers| pick(numbers, origins));
            let at: Vec<u32> = origins.iter().map(|row| self.shares.points[*row as usize]).collect();
            (pick(own.flows), own.of.map(pick), at)
        });
        let (own, at) = match &more {
            None => (own, self.shares.points.as_slice()),
            Some((flows, of, at)) => (
                Amounts {
                    flows: flows.as_deref(),
                    of: of.each_ref().map(|numbers| numbers.as_deref()),
                },
                at.as_slice(),
            ),
        };
        let mut coded: Vec<Coded<'_>> = keys.iter().map(coded).collect();
        let Some(groups) = &mut partial.groups else {
            return Ok(());
        };
        if series {
            self.local.sum(&coded, at.len(), own);
            let table = &mut groups.table;
            self.local.each(shape, &keys, None, columns, |batch| {
                table.add_all(batch, span.which * SUMS)
            })?;
        }
        let Some(cells) = &mut groups.cells else { return Ok(()) };
        coded.push(Coded {
            codes: at,
            card: points.count(),
        });
        self.local.sum(&coded, at.len(), own);
        let line = &mut partial.line;
        self.local.each(shape, &keys, Some((at, base)), columns, |batch| {
            cells.add_all(batch, 0);
            for (key, sums) in batch.iter().filter(|_| series) {
                let point = key.last().and_then(|point| usize::try_from(*point).ok());
                if let Some(line) = point.and_then(|point| line.get_mut(point)) {
                    add(line, sums);
                }
            }
        })
    }

    /// The records that may come to stand on the page.
    fn records(
        &mut self,
        span: &Span<'_>,
        (order, ascending): (Order, bool),
        rows: Rows<'_>,
        columns: &mut Unpacked<'_, '_>,
        page: &mut Page,
    ) -> Result<(), BlockError> {
        let values = self.order_values(order, rows, columns)?;
        let block = block_rank(columns.block(), order);
        let mut best: Vec<Rank> = Vec::new();
        for (n, value) in values.into_iter().enumerate() {
            let number = number(value, ascending);
            let at = match rows {
                Rows::All(_) => u32::try_from(n).unwrap_or(u32::MAX),
                Rows::List(rows) => rows.get(n).copied().unwrap_or(u32::MAX),
            };
            let rank = Rank { number, block, at };
            if page.takes(rank) {
                best.push(rank);
            } else {
                page.has_more();
            }
        }
        let most = page.most();
        if best.len() > most {
            best.select_nth_unstable(most - 1);
            best.truncate(most);
            page.has_more();
        }
        if best.is_empty() {
            return Ok(());
        }
        best.sort_unstable_by_key(|rank| rank.at);
        let at: Vec<u32> = best.iter().map(|rank| rank.at).collect();
        let renamed = self.desk.load_apps(columns, &span.inner.lore)?;
        let records = columns.block().records_at(&at)?;
        for (rank, record) in best.into_iter().zip(records) {
            let app = match self.desk.apps().get(rank.at as usize) {
                Some(app) if renamed => App::from_number(*app),
                _ => record.app,
            };
            page.add(rank, record, app);
        }
        page.settle();
        Ok(())
    }

    /// What records are ordered by, by row.
    fn order_values(
        &mut self,
        order: Order,
        rows: Rows<'_>,
        columns: &mut Unpacked<'_, '_>,
    ) -> Result<Vec<u64>, BlockError> {
        let needed: &[Plain] = match order {
            Order::End | Order::Start => &[Plain::End],
            Order::Duration => &[Plain::Duration],
            Order::Bytes => &[Plain::Bytes, Plain::BytesRev],
            Order::Packets => &[Plain::Packets, Plain::PacketsRev],
        };
        needed.iter().try_for_each(|plain| columns.load_plain(*plain))?;
        if order == Order::Start {
            columns.load(Field::Duration)?;
        }
        let of = |plain: Plain, row: usize| columns.plain(plain).and_then(|n| n.get(row)).copied().unwrap_or(0);
        let value = |row: usize| match order {
            Order::Start => {
                // As the record has it, even where it lies after the end.
                let duration = columns.values(Field::Duration).get(row).unwrap_or(0);
                of(Plain::End, row).wrapping_sub(duration)
            }
            _ => needed
                .iter()
                .fold(0u64, |sum, plain| sum.saturating_add(of(*plain, row))),
        };
        Ok(match rows {
            Rows::All(len) => (0..len).map(value).collect(),
            Rows::List(rows) => rows.iter().map(|row| value(*row as usize)).collect(),
        })
    }
}

/// Rows of shares that are added to groups together.
const SHARES_MAX: usize = 1 << 18;

impl Shares {
    fn clear(&mut self) {
        self.rows.clear();
        self.points.clear();
        self.flows.clear();
        self.amounts.iter_mut().for_each(Vec::clear);
    }

    fn amounts(&self) -> Amounts<'_> {
        let some = |numbers: &'_ [u64]| !numbers.is_empty();
        Amounts {
            flows: Some(self.flows.as_slice()).filter(|numbers| some(numbers)),
            of: self
                .amounts
                .each_ref()
                .map(|numbers| Some(numbers.as_slice()).filter(|numbers| some(numbers))),
        }
    }
}

pub(super) const fn coded(column: &KeyColumn) -> Coded<'_> {
    Coded {
        codes: column.codes.as_slice(),
        card: column.card,
    }
}

/// Makes rows of rows with several values: answers which row each was, where any became more.
fn expand(columns: &mut [KeyColumn]) -> Option<Vec<u32>> {
    let mut origins: Option<Vec<u32>> = None;
    for at in 0..columns.len() {
        if !columns[at].has_second() {
            continue;
        }
        let now = columns[at].expand();
        for (other, column) in columns.iter_mut().enumerate() {
            if other != at {
                column.reorder(&now);
            }
        }
        origins = Some(match origins {
            None => now,
            Some(before) => now.iter().map(|row| before[*row as usize]).collect(),
        });
    }
    origins
}

fn pick(numbers: &[u64], origins: &[u32]) -> Vec<u64> {
    origins
        .iter()
        .map(|row| numbers.get(*row as usize).copied().unwrap_or(0))
        .collect()
}

/// What some of the rows add to sums.
fn of_rows(amounts: Amounts<'_>, rows: &[u32]) -> [Option<Vec<u64>>; 4] {
    amounts.of.map(|numbers| numbers.map(|numbers| pick(numbers, rows)))
}

fn as_amounts(of: &[Option<Vec<u64>>; 4]) -> Amounts<'_> {
    Amounts {
        flows: None,
        of: of.each_ref().map(Option::as_deref),
    }
}

/// What rows add to sums: gathered, or the columns themselves.
fn amounts<'x>(gathered: &'x [Vec<u64>; 4], rows: Rows<'_>, columns: &'x Unpacked<'_, '_>) -> Amounts<'x> {
    let mut of = [None; 4];
    for ((out, plain), gathered) in of.iter_mut().zip(Plain::AMOUNTS).zip(gathered) {
        *out = match rows {
            Rows::All(_) => columns.plain(plain),
            Rows::List(_) => Some(gathered.as_slice()).filter(|numbers| !numbers.is_empty()),
        };
    }
    Amounts { flows: None, of }
}
