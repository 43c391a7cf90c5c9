//! Reading a table: what to ask next, and what the answers make of it. No I/O.
//!
//! Several columns are read side by side, so that a row's counters come from one moment. An agent
//! cannot make a walk endless: object identifiers must increase in each column, and rows, octets
//! and requests are bounded.

use std::collections::BTreeMap;

use async_snmp::{Oid, Value, VarBind};

/// Variables of an answer, so that it fits into a datagram of about 1,400 octets.
pub(crate) const VARIABLES_MAX: usize = 40;

/// Columns of one request.
const COLUMNS_MAX: usize = 20;

/// Bounds of one walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Rows that are kept.
    pub(crate) rows: usize,
    /// Octets of values and indexes that are kept.
    pub(crate) octets: usize,
}

impl Limits {
    /// So many rows of at most 8 MiB in all.
    pub(crate) const fn rows(rows: usize) -> Self {
        Self { rows, octets: 8 << 20 }
    }
}

/// How a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ended {
    /// Each column was read to its end.
    Complete,
    /// The agent has more rows than are kept.
    Rows,
    /// The rows are larger than is kept.
    Octets,
    /// The agent took more requests than the rows are worth.
    Requests,
    /// An object identifier did not increase: the agent would have gone round in circles.
    Loop,
}

/// A row: when it was read, and its cells in the order of the columns asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// When the first cell came, as [`Walk::push`] was told.
    pub(crate) at: u64,
    cells: Vec<Option<Value>>,
}

impl Row {
    /// The cell of a column, by its place among the columns asked for.
    pub(crate) fn cell(&self, column: usize) -> Option<&Value> {
        self.cells.get(column)?.as_ref()
    }
}

/// A table, by index.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    /// The rows by what follows the column in the object identifier.
    pub(crate) rows: BTreeMap<Box<[u32]>, Row>,
    /// How reading ended.
    pub(crate) ended: Ended,
}

impl Table {
    /// Whether the agent has nothing of it.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Rows whose index is one number, such as ifIndex.
    pub(crate) fn by_number(&self) -> impl Iterator<Item = (u32, &Row)> {
        self.rows.iter().filter_map(|(index, row)| match **index {
            [number] => Some((number, row)),
            _ => None,
        })
    }
}

/// The next request of a walk.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ask {
    /// Where each column stands.
    pub(crate) oids: Vec<Oid>,
    /// GETBULK's max-repetitions; 1 may be asked by GETNEXT as well.
    pub(crate) repetitions: u32,
    columns: Vec<usize>,
}

#[derive(Debug)]
struct Column {
    base: Oid,
    at: Oid,
    done: bool,
}

/// A walk through some columns of tables with the same index.
#[derive(Debug)]
pub(crate) struct Walk {
    columns: Vec<Column>,
    limits: Limits,
    table: Table,
    octets: usize,
    requests_left: usize,
}

impl Walk {
    /// A walk through columns, each given by its object identifier without an index.
    pub(crate) fn new(columns: impl IntoIterator<Item = Oid>, limits: Limits) -> Self {
        let columns: Vec<_> = columns
            .into_iter()
            .map(|base| Column {
                at: base.clone(),
                base,
                done: false,
            })
            .collect();
        let requests_left = limits.rows.saturating_mul(columns.len().max(1)).saturating_add(64);
        Self {
            columns,
            limits,
            table: Table {
                rows: BTreeMap::new(),
                ended: Ended::Complete,
            },
            octets: 0,
            requests_left,
        }
    }

    /// What to ask for an answer of at most so many variables, by GETBULK or else a row at a time; `None` at the end. Where
    /// there are too many columns, those that lag furthest behind go first.
    pub(crate) fn ask(&mut self, variables: usize, bulk: bool) -> Option<Ask> {
        let mut open: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .filter(|(_, c)| !c.done)
            .map(|(i, _)| i)
            .collect();
        if open.is_empty() {
            return None;
        }
        if self.requests_left == 0 {
            self.end(Ended::Requests);
            return None;
        }
        self.requests_left -= 1;
        let columns = variables.clamp(1, COLUMNS_MAX);
        if open.len() > columns {
            open.sort_by(|&a, &b| self.progress(a).cmp(self.progress(b)));
            open.truncate(columns);
            open.sort_unstable();
        }
        let repetitions = if bulk { (variables / open.len()).max(1) } else { 1 };
        let oids = open
            .iter()
            .filter_map(|&i| self.columns.get(i))
            .map(|c| c.at.clone())
            .collect();
        Some(Ask {
            oids,
            repetitions: u32::try_from(repetitions).unwrap_or(1),
            columns: open,
        })
    }

    /// Takes an answer's variables, in their order: one repetition after another.
    pub(crate) fn push(&mut self, ask: &Ask, variables: &[VarBind], now: u64) {
        if variables.is_empty() {
            // An agent that has nothing to say about any column would be asked the same for ever.
            return self.close(ask.columns.iter().copied());
        }
        let open = |columns: &[Column]| columns.iter().filter(|c| !c.done).count();
        let before = open(&self.columns);
        let mut moved = false;
        for (place, variable) in variables.iter().enumerate() {
            let place = place % ask.columns.len();
            let Some(&number) = ask.columns.get(place) else { return };
            let Some(column) = self.columns.get_mut(number) else {
                return;
            };
            if column.done {
                continue;
            }
            let index = variable
                .oid
                .arcs()
                .strip_prefix(column.base.arcs())
                .filter(|index| !index.is_empty());
            let Some(index) = index.filter(|_| !variable.value.is_exception()) else {
                column.done = true;
                continue;
            };
            if variable.oid <= column.at {
                column.done = true;
                self.table.ended = self.table.ended.max(Ended::Loop);
                continue;
            }
            column.at = variable.oid.clone();
            moved = true;
            let size = size_of_value(&variable.value);
            if !self.keep(number, index, size, &variable.value, now) {
                return;
            }
        }
        // A short answer leaves its last columns for the next request; one that brings nothing new ends them.
        if !moved && open(&self.columns) == before {
            self.close(ask.columns.iter().copied());
        }
    }

    /// The agent has nothing after this variable of the request (SNMPv1's noSuchName), counted from 1; 0 is all of them.
    pub(crate) fn end_of(&mut self, ask: &Ask, variable: usize) {
        match variable.checked_sub(1).and_then(|place| ask.columns.get(place)) {
            Some(&column) => self.close([column]),
            None => self.close(ask.columns.iter().copied()),
        }
    }

    /// What was read.
    pub(crate) fn finish(self) -> Table {
        self.table
    }

    fn progress(&self, column: usize) -> &[u32] {
        self.columns
            .get(column)
            .and_then(|c| c.at.arcs().strip_prefix(c.base.arcs()))
            .unwrap_or(&[])
    }

    fn keep(&mut self, column: usize, index: &[u32], size: usize, value: &Value, now: u64) -> bool {
        let width = self.columns.len();
        let known = self.table.rows.contains_key(index);
        let size = size + if known { 0 } else { index.len() * 4 };
        if self.octets + size > self.limits.octets {
            self.end(Ended::Octets);
            return false;
        }
        if !known {
            if self.table.rows.len() >= self.limits.rows {
                // The column has reached a row that is not kept, and so have all that come after it.
                self.table.ended = self.table.ended.max(Ended::Rows);
                self.close([column]);
                return true;
            }
            self.table.rows.insert(
                index.into(),
                Row {
                    at: now,
                    cells: vec![None; width],
                },
            );
        }
        self.octets += size;
        if let Some(cell) = self.table.rows.get_mut(index).and_then(|row| row.cells.get_mut(column)) {
            *cell = Some(value.clone());
        }
        true
    }

    fn end(&mut self, how: Ended) {
        self.table.ended = self.table.ended.max(how);
        self.columns.iter_mut().for_each(|c| c.done = true);
    }

    fn close(&mut self, columns: impl IntoIterator<Item = usize>) {
        for column in columns {
            if let Some(column) = self.columns.get_mut(column) {
                column.done = true;
            }
        }
    }
}

fn size_of_value(value: &Value) -> usize {
    match value {
        Value::OctetString(bytes) | Value::Opaque(bytes) | Value::Nsap(bytes) => bytes.len() + 8,
        Value::Unknown { data, .. } => data.len() + 8,
        Value::ObjectIdentifier(oid) => oid.len() * 4 + 8,
        _ => 8,
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "three columns")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn base(column: u32) -> Oid {
        Oid::from_slice(&[1, 3, 6, 1, 9, 1, column])
    }

    type Naive = BTreeMap<(u32, Vec<u32>), i32>;

    /// An honest agent over a map of (column, index) → value.
    fn answer(objects: &Naive, ask: &Ask) -> Vec<VarBind> {
        let mut at = ask.oids.clone();
        let mut out = Vec::new();
        for _ in 0..ask.repetitions {
            for oid in &mut at {
                let next = objects
                    .iter()
                    .map(|((c, index), v)| {
                        let arcs: Vec<u32> = base(*c).arcs().iter().chain(index).copied().collect();
                        (Oid::from(arcs), *v)
                    })
                    .filter(|(o, _)| o > &*oid)
                    .min_by(|a, b| a.0.cmp(&b.0));
                match next {
                    Some((o, v)) => {
                        *oid = o.clone();
                        out.push(VarBind::new(o, Value::Integer(v)));
                    }
                    None => out.push(VarBind::new(oid.clone(), Value::EndOfMibView)),
                }
            }
        }
        out
    }

    proptest! {
        /// However sparse the columns, however the answers are cut, every object under a limit is read once.
        #[test]
        fn reads_what_a_naive_model_has(
            objects in prop::collection::btree_map((1u32..5, prop::collection::vec(0u32..4, 1..3)), any::<i32>(), 0..60),
            variables in 1usize..40,
            bulk: bool,
            cuts in prop::collection::vec(1usize..50, 1..8),
        ) {
            let mut walk = Walk::new([1, 2, 3].map(base), Limits::rows(1_000));
            let mut turn = 0;
            while let Some(ask) = walk.ask(variables, bulk) {
                let mut answer = answer(&objects, &ask);
                answer.truncate(cuts[turn % cuts.len()]);
                walk.push(&ask, &answer, turn as u64);
                turn += 1;
                prop_assert!(turn < 2_000);
            }
            let table = walk.finish();
            prop_assert_eq!(table.ended, Ended::Complete);
            let mut read = Naive::new();
            for (index, row) in &table.rows {
                for column in 0..3usize {
                    if let Some(value) = row.cell(column) {
                        read.insert((column as u32 + 1, index.to_vec()), value.as_i32().unwrap());
                    }
                }
            }
            let wanted: Naive = objects.into_iter().filter(|((c, _), _)| *c <= 3).collect();
            prop_assert_eq!(read, wanted);
        }

        /// Whatever an agent answers, a walk ends within its bounds.
        #[test]
        fn no_agent_keeps_a_walk_going(
            answers in prop::collection::vec(prop::collection::vec((0u32..4, prop::collection::vec(0u32..6, 0..4)), 0..30), 1..6),
        ) {
            let limits = Limits { rows: 5, octets: 200 };
            let mut walk = Walk::new([1, 2].map(base), limits);
            let mut turn = 0usize;
            while let Some(ask) = walk.ask(10, true) {
                let variables: Vec<_> = answers[turn % answers.len()].iter().map(|(c, index)| {
                    let arcs: Vec<u32> = base(*c).arcs().iter().chain(index).copied().collect();
                    VarBind::new(Oid::from(arcs), Value::Integer(1))
                }).collect();
                walk.push(&ask, &variables, 0);
                turn += 1;
                prop_assert!(turn <= 5 * 2 + 64);
            }
            let table = walk.finish();
            prop_assert!(table.rows.len() <= 5);
        }
    }

    #[test]
    fn an_endless_table_is_cut_at_its_rows() {
        let mut walk = Walk::new([base(1)], Limits::rows(100));
        let mut next = 1;
        while let Some(ask) = walk.ask(10, true) {
            let variables: Vec<_> = (0..ask.repetitions)
                .map(|_| {
                    next += 1;
                    VarBind::new(base(1).child(next), Value::Counter32(next))
                })
                .collect();
            walk.push(&ask, &variables, 0);
        }
        let table = walk.finish();
        assert_eq!((table.rows.len(), table.ended), (100, Ended::Rows));
    }

    #[test]
    fn a_loop_ends_the_column_and_keeps_what_was_read() {
        let mut walk = Walk::new([base(1)], Limits::rows(100));
        let ask = walk.ask(10, true).unwrap();
        let at = |n| VarBind::new(base(1).child(n), Value::Counter32(n));
        walk.push(&ask, &[at(1), at(2), at(2)], 0);
        assert!(walk.ask(10, true).is_none());
        let table = walk.finish();
        assert_eq!((table.rows.len(), table.ended), (2, Ended::Loop));
    }

    #[test]
    fn an_error_of_version_1_ends_the_column_it_names() {
        let mut walk = Walk::new([1, 2].map(base), Limits::rows(100));
        let ask = walk.ask(1, true).unwrap();
        walk.end_of(&ask, 1);
        let ask = walk.ask(1, true).unwrap();
        assert_eq!(ask.oids, [base(2)]);
        walk.end_of(&ask, 0);
        assert!(walk.ask(1, true).is_none());
    }

    #[test]
    fn fewer_variables_are_fewer_rows_and_then_fewer_columns() {
        let mut walk = Walk::new((1..=8).map(base), Limits::rows(100));
        let shape = |ask: Option<Ask>| ask.map(|ask| (ask.oids.len(), ask.repetitions)).unwrap();
        assert_eq!(shape(walk.ask(40, true)), (8, 5));
        assert_eq!(shape(walk.ask(40, false)), (8, 1));
        assert_eq!(shape(walk.ask(10, true)), (8, 1));
        assert_eq!(shape(walk.ask(2, true)), (2, 1));
        assert_eq!(shape(walk.ask(0, true)), (1, 1));
    }
}
