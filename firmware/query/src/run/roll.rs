//! Answers what rollups can answer from them.

use std::collections::{BTreeMap, BTreeSet};

use model::{KeyValue, LinkId, Sums};
use store::{Period, Store};

use super::{Closed, Question, Tally, Watch, without_records};
use crate::plan::{Parts, hour_start};
use crate::rollup::{RollupScope, Rows, Table};
use crate::serve::{Groups, Serving};
use crate::work::Partial;

impl Question {
    /// Adds what rollups say to `partial`, and answers which parts of the time they answered and which are to be read.
    /// `None`: all is to be read, and nothing was added.
    pub(super) fn roll(
        &self,
        store: &Store,
        watch: &Watch,
        serving: &Serving,
        partial: &mut Partial,
        tally: &mut Tally,
    ) -> Option<Parts> {
        let mut rolled = Tally::default();
        let closed = match self.closed(store, serving, &mut rolled) {
            Ok(closed) => closed,
            Err(problem) => {
                tally.note(problem.to_string());
                store.report(problem);
                return None;
            }
        };
        if closed.parts(&self.spans()).rolled_hours() == 0 {
            return None;
        }
        let parts = match &serving.pick {
            Some((table, values)) => self.pick(store, closed, serving, (*table, values), partial, &mut rolled),
            None => self.add_groups(store, watch, &closed, serving, partial, &mut rolled),
        };
        // A block that came meanwhile took hours back: what was read of them may be missing.
        let still = |parts: &Parts| {
            let closed = self.closed(store, serving, &mut Tally::default());
            closed.is_ok_and(|closed| closed.holds(parts))
        };
        match parts {
            Some(parts) if parts.rolled_hours() > 0 && still(&parts) => {
                tally.read.rollups += rolled.read.rollups;
                tally.incomplete |= rolled.incomplete;
                tally.inexact |= rolled.inexact;
                rolled.notes.into_iter().for_each(|note| tally.note(note));
                Some(parts)
            }
            _ => {
                *partial = self.compiled.partial();
                watch.begin_anew();
                None
            }
        }
    }

    /// Adds totals and groups. `None` where they would be rough and the records are few enough to be read instead.
    fn add_groups(
        &self,
        store: &Store,
        watch: &Watch,
        closed: &Closed,
        serving: &Serving,
        partial: &mut Partial,
        tally: &mut Tally,
    ) -> Option<Parts> {
        let parts = closed.parts(&self.spans());
        watch.expect(parts.rolled_hours());
        let mut all = Sums::default();
        for scope in &serving.scopes {
            each(store, &parts, Table::Total, *scope, tally, |at, rows| {
                let Some(sums) = rows.get(&KeyValue::None) else { return };
                all += sums;
                partial.add_total(sums, hour_start(at));
                if serving.groups == Groups::Scopes {
                    let link = KeyValue::Link(LinkId(scope.number()));
                    partial.add_group(&[link], sums, hour_start(at));
                }
            });
        }
        let tables = match &serving.groups {
            Groups::Of(table) => std::slice::from_ref(table),
            Groups::Counted(tables) => tables,
            Groups::None | Groups::Scopes => &[],
        };
        let (mut cut, mut at_least) = (false, false);
        for table in tables {
            for scope in &serving.scopes {
                each(store, &parts, *table, *scope, tally, |at, rows| {
                    cut |= rows.cut;
                    at_least |= rows.at_least;
                    for (value, sums) in rows.rows {
                        partial.add_group(&[value], sums, hour_start(at));
                    }
                    if rows.cut {
                        partial.add_others(rows.others, hour_start(at));
                    }
                });
            }
        }
        if cut || at_least {
            // What was left out cannot be counted at all.
            let few = all.flows <= self.read_instead || matches!(serving.groups, Groups::Counted(_));
            if few && self.has_records(store, all.flows) {
                return None;
            }
            tally.inexact = true;
            if !cut {
                tally.note("some rollups were made of more groups than memory holds: their sums may be too small");
            }
        }
        watch.did(parts.rolled_hours(), 0, 0);
        Some(parts)
    }

    /// Whether blocks of so many records are there for the whole time.
    fn has_records(&self, store: &Store, records: u64) -> bool {
        let spans = self.spans().into_iter();
        let blocks = spans.flat_map(|span| store.candidates(span, &self.compiled.probe()).blocks);
        blocks.map(|block| u64::from(block.records)).sum::<u64>() >= records
    }

    /// Adds the rows of some values as the total. Where a table was cut and has no row of a value, that hour's records
    /// are to be read.
    fn pick(
        &self,
        store: &Store,
        mut closed: Closed,
        serving: &Serving,
        (table, values): (Table, &[KeyValue]),
        partial: &mut Partial,
        tally: &mut Tally,
    ) -> Option<Parts> {
        // Days give way to hours, and hours to records: each round leaves less of them.
        for _ in 0..3 {
            let parts = closed.parts(&self.spans());
            let mut sums: BTreeMap<u32, Option<Sums>> = BTreeMap::new();
            let mut round = Tally::default();
            for scope in &serving.scopes {
                each(store, &parts, table, *scope, &mut round, |at, rows| {
                    let known = |value: &KeyValue| match rows.get(value) {
                        Some(sums) if !rows.at_least => Some(sums),
                        None if !rows.cut && !rows.at_least => Some(Sums::default()),
                        _ => None,
                    };
                    let sum = values.iter().try_fold(Sums::default(), |mut sum, value| {
                        sum += known(value)?;
                        Some(sum)
                    });
                    let place = sums.entry(at).or_insert_with(|| Some(Sums::default()));
                    *place = place.zip(sum).map(|(mut all, sum)| {
                        all += sum;
                        all
                    });
                });
            }
            let unknown: Vec<u32> = sums
                .iter()
                .filter(|(_, sum)| sum.is_none())
                .map(|(at, _)| *at)
                .collect();
            if unknown.is_empty() {
                for (at, sum) in sums {
                    partial.add_total(sum.unwrap_or_default(), hour_start(at));
                }
                tally.read.rollups += round.read.rollups;
                tally.incomplete |= round.incomplete;
                round.notes.into_iter().for_each(|note| tally.note(note));
                return Some(parts);
            }
            let mut to_read = BTreeSet::new();
            for at in unknown {
                if !closed.days.remove(&at) {
                    closed.hours.remove(&at);
                    to_read.insert(at);
                }
            }
            if !without_records(store, &to_read).is_empty() {
                tally.incomplete = true;
                tally.note(
                    "in some hours whose records are no longer kept, rollups have the heaviest groups alone, and what was \
                     asked for is not among them",
                );
            }
        }
        None
    }
}

/// Gives the tables of the parts' days and hours to `each`, with the first hour of the period.
fn each(
    store: &Store,
    parts: &Parts,
    table: Table,
    scope: RollupScope,
    tally: &mut Tally,
    mut each: impl FnMut(u32, Rows),
) {
    let periods = [(Period::Day, &parts.days), (Period::Hour, &parts.hours)];
    for (period, ranges) in periods {
        for range in ranges {
            let mut problem = None;
            let mut rollups = 0;
            let mut bytes = 0;
            let read = store.rollups(period, table as u8, scope.number(), range.clone(), |at, octets| {
                rollups += 1;
                bytes += octets.len() as u64;
                match Rows::decode(octets) {
                    Ok(rows) => each(at, rows),
                    Err(e) => problem = Some(e),
                }
            });
            tally.read.rollups += rollups;
            tally.read.bytes += bytes;
            if let Some(e) = problem {
                tally.incomplete = true;
                tally.note(e.to_string());
            }
            if let Err(problem) = read {
                tally.problem(store, problem);
            }
        }
    }
}
