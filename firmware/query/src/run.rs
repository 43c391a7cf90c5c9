//! Runs a question: decides what to read, reads it with several threads, and puts the answer together.

mod read;
mod roll;
mod watch;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use filter::Expr;
use model::{Answer, AnsweredFrom, Ask, Query, Read, Timestamp};
use store::{Probe, Store, StoreError};

use crate::context::Context;
use crate::error::{QueryError, check};
use crate::plan::{DAY_H, HOUR_S, Parts, Span, hour_start, whole_hours};
use crate::serve::{Serving, serving};
use crate::stamp::stamp;
use crate::work::{Compiled, Partial};

pub use watch::Watch;

/// Octets that the groups of a question may take; beyond, the lightest are dropped.
const MEMORY: usize = 256 << 20;
/// Points of all series of an answer together.
const POINTS_MAX: u64 = 100_000;
/// Where rollups would answer roughly, so many records are read instead, which takes a moment; for a series, whose groups
/// take more memory by every point, fewer.
const READ_INSTEAD: u64 = 4_000_000;
const READ_INSTEAD_FOR_SERIES: u64 = 500_000;
/// Notes of an answer.
const NOTES_MAX: usize = 20;

/// A question that can be answered.
#[derive(Debug)]
pub struct Question {
    query: Query,
    filter: String,
    compiled: Compiled,
    /// How rollups answer it, where they can.
    serving: Option<Serving>,
    /// Which definitions its rollups must be made by.
    stamp: u64,
    threads: NonZeroUsize,
    /// Records that are read rather than answered roughly.
    read_instead: u64,
}

/// What is found out on the way.
#[derive(Debug, Default)]
struct Tally {
    read: Read,
    /// Something that belongs to the answer could not be read.
    incomplete: bool,
    inexact: bool,
    notes: Vec<String>,
    notes_left_out: u64,
}

impl Tally {
    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if self.notes.contains(&note) {
            return;
        }
        if self.notes.len() < NOTES_MAX {
            self.notes.push(note);
        } else {
            self.notes_left_out += 1;
        }
    }

    /// What could not be read is said, and told to the store.
    fn problem(&mut self, store: &Store, problem: StoreError) {
        self.incomplete = true;
        self.note(problem.to_string());
        store.report(problem);
    }
}

impl Question {
    /// Makes a question ready; `filter` is what its text means. It will be read with so many threads.
    ///
    /// # Errors
    /// When it asks for what there is not, or for more than is answered.
    pub fn new(
        query: &Query,
        filter: &Expr,
        context: &Context,
        now: Timestamp,
        threads: NonZeroUsize,
    ) -> Result<Self, QueryError> {
        check("the time-out in milliseconds", query.timeout_ms.into(), 1, 600_000)?;
        let compiled = Compiled::new(query, filter, context, now)?;
        let compiled = compiled.bounded(MEMORY, threads.get()).sieved();
        let ((from, to), _) = compiled.spans();
        let steps = compiled.steps();
        let mut query = query.clone();
        query.to = Some(to);
        query.filter = filter.to_string();
        if let (Ask::Series { by, limit, compare, .. }, Some(step)) = (&query.ask, steps) {
            let points = to.nanos_since(from) / 1_000_000_000 / u64::from(step.0.max(1)) + 1;
            let series = if by.is_empty() { 1 } else { u64::from(*limit) + 1 };
            let all = points * series * if *compare { 2 } else { 1 };
            check("the number of points of all series together", all, 0, POINTS_MAX)?;
        }
        let serving = serving(&query.ask, query.scope, filter, steps, context);
        Ok(Self {
            filter: query.filter.clone(),
            query,
            serving,
            stamp: stamp(&context.objects),
            compiled,
            threads,
            read_instead: match steps {
                None => READ_INSTEAD,
                Some(_) => READ_INSTEAD_FOR_SERIES,
            },
        })
    }

    /// The question, its end made out and its filter printed anew.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Answers it. `watch` tells how far it is, and ends it: the answer is then what was found until then. The calling
    /// thread and those that it starts should have a low priority: see [`lower_priority`](crate::lower_priority).
    #[must_use]
    pub fn run(&self, store: &Store, watch: &Watch) -> Answer {
        let mut tally = Tally::default();
        let mut partial = self.compiled.partial();
        let mut raw = None;
        if let Some(serving) = &self.serving {
            raw = self.roll(store, watch, serving, &mut partial, &mut tally);
        }
        match raw {
            Some(parts) => {
                tally.read.from = match parts.raw.is_empty() {
                    true => AnsweredFrom::Rollups,
                    false => AnsweredFrom::Both,
                };
                watch.publish_base(&partial);
                self.read(store, watch, &parts.raw, &mut partial, &mut tally);
            }
            None => {
                tally.read.from = AnsweredFrom::Records;
                self.read_all(store, watch, &mut partial, &mut tally);
            }
        }
        if let Some(why) = watch.stopped_why() {
            tally.incomplete = true;
            tally.note(why);
        }
        self.answer(partial, tally, watch)
    }

    /// What was found so far, while it runs; `None` before there is anything.
    #[must_use]
    pub fn so_far(&self, watch: &Watch) -> Option<Answer> {
        let partial = watch.gather()?;
        let tally = Tally {
            incomplete: true,
            ..Tally::default()
        };
        Some(self.answer(partial, tally, watch))
    }

    fn answer(&self, partial: Partial, mut tally: Tally, watch: &Watch) -> Answer {
        let finished = self.compiled.finish(partial);
        finished.notes.into_iter().for_each(|note| tally.note(note));
        if tally.notes_left_out > 0 {
            tally.notes.push(format!("and {} notes more", tally.notes_left_out));
        }
        let progress = watch.progress();
        tally.read.records = progress.records;
        tally.read.matched = progress.matched;
        tally.read.elapsed_ms = progress.elapsed_ms;
        Answer {
            from: self.query.from,
            to: self.query.to.unwrap_or_default(),
            filter: self.filter.clone(),
            found: finished.found,
            read: tally.read,
            complete: !tally.incomplete,
            exact: finished.exact && !tally.inexact,
            notes: tally.notes,
        }
    }

    fn spans(&self) -> Vec<Span> {
        let (span, before) = self.compiled.spans();
        before.into_iter().chain([span]).collect()
    }

    /// The days and hours of the spans whose rollups answer the question.
    fn closed(&self, store: &Store, serving: &Serving, tally: &mut Tally) -> Result<Closed, StoreError> {
        let mut closed = Closed::default();
        // Of other definitions than today's.
        let mut of_then = Closed::default();
        let as_today = |stamp: u64| !serving.follows_definitions() || stamp == self.stamp;
        for span in self.spans() {
            let (takes_hours, takes_days) = self.takes(span);
            if !takes_hours {
                continue;
            }
            let hours = whole_hours(span);
            for (hour, stamp) in store.closed_hours(hours.clone())? {
                let place = if stamp.is_none_or(as_today) {
                    &mut closed
                } else {
                    &mut of_then
                };
                place.hours.insert(hour);
            }
            let days = hours.start.div_ceil(DAY_H)..hours.end / DAY_H;
            if takes_days && !days.is_empty() {
                for (day, stamp) in store.closed_days(days)? {
                    let place = if as_today(stamp) { &mut closed } else { &mut of_then };
                    place.days.insert(day * DAY_H);
                }
            }
        }
        let gone = without_records(store, &of_then.hours);
        if !gone.is_empty() {
            tally.inexact = true;
            tally.note(
                "records of some hours are no longer kept: applications, groups and businesses there are those of the \
                 definitions of then",
            );
            closed.days.extend(
                of_then
                    .days
                    .iter()
                    .filter(|day| (**day..**day + DAY_H).all(|hour| gone.contains(&hour))),
            );
            closed.hours.extend(gone);
        }
        Ok(closed)
    }

    /// Whether each hour of a span is in one point of the question's series, and whether each day is.
    fn takes(&self, span: Span) -> (bool, bool) {
        let Some((step, zone)) = self.compiled.steps() else {
            return (true, true);
        };
        let ((from, to), _) = self.compiled.spans();
        // The span before is shown as much later as it is long.
        let later = if span.0 < from { to.nanos_since(from) } else { 0 };
        let hours = later % (HOUR_S * 1_000_000_000) == 0;
        let days = later % (24 * HOUR_S * 1_000_000_000) == 0 && step % 86_400 == 0 && zone % 86_400 == 0;
        (hours, days)
    }
}

/// Of these hours, those that no block has records of any more: rollups alone know of them.
fn without_records(store: &Store, hours: &BTreeSet<u32>) -> BTreeSet<u32> {
    let since = store.records_since();
    let old = |hour: &&u32| since.is_none_or(|since| hour_start(**hour + 1) <= since);
    let mut gone: BTreeSet<u32> = hours.iter().filter(old).copied().collect();
    if let (Some(first), Some(last)) = (gone.first(), gone.last()) {
        // A block is filed by its latest record, and may have earlier ones.
        let span = (hour_start(*first), hour_start(*last + 1));
        for block in store.candidates(span, &Probe::default()).blocks {
            let of = |time: Timestamp| u32::try_from(time.as_secs() / HOUR_S).unwrap_or(u32::MAX);
            let last = of(block.max_end);
            let held: Vec<u32> = gone.range(of(block.min_start).min(last)..=last).copied().collect();
            held.iter().for_each(|hour| {
                gone.remove(hour);
            });
        }
    }
    gone
}

/// What is closed, by first hours.
#[derive(Debug, Default)]
struct Closed {
    hours: BTreeSet<u32>,
    days: BTreeSet<u32>,
}

impl Closed {
    /// Whether the days and hours of these parts are among it.
    fn holds(&self, parts: &Parts) -> bool {
        let mut days = parts
            .days
            .iter()
            .flat_map(|range| range.clone().step_by(DAY_H as usize));
        let mut hours = parts.hours.iter().flat_map(Clone::clone);
        days.all(|day| self.days.contains(&day)) && hours.all(|hour| self.hours.contains(&hour))
    }

    fn parts(&self, spans: &[Span]) -> Parts {
        Parts::of(spans, |day| self.days.contains(&day), |hour| self.hours.contains(&hour))
    }
}

#[cfg(test)]
mod tests;
