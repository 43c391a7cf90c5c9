//! Reads records with several threads.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use model::{BlockRef, Field, Timestamp};
use store::{BlockId, BlockMeta, Store, StoreError};

use super::{Question, Tally, Watch};
use crate::plan::Span;
use crate::work::{Compiled, Partial, Worker, latest_number};

/// Blocks that a thread takes at a time, at most: few enough that all end together.
const CHUNK: usize = 16;
/// Problems that are kept of a question.
const PROBLEMS_MAX: usize = 64;

/// Blocks that one thread reads one after the other.
struct Job {
    /// The part of the question's time; `None`: all of it.
    span: Option<Span>,
    blocks: Vec<BlockMeta>,
}

/// What the threads share.
struct Work<'a> {
    compiled: &'a Compiled,
    /// Whether these blocks were read before: their records were counted then.
    again: bool,
    store: &'a Store,
    watch: &'a Watch,
    jobs: &'a [Job],
    next: AtomicUsize,
    found: Mutex<Found>,
    latest: Latest,
    /// What of blocks is to be read; `None`: all of it.
    fields: Option<Vec<Field>>,
}

/// What all threads together have of a page of the latest records: which ends are too early to be on it.
struct Latest {
    /// What each thread's records are ordered by.
    numbers: Mutex<Vec<Vec<u64>>>,
    /// Of as many records as the page has, the last number, where there are more than these; else the largest of all.
    last: AtomicU64,
}

/// Pages of more records are not looked at together.
const LATEST_MAX: usize = 1_000;

impl Latest {
    fn new(threads: usize) -> Self {
        Self {
            numbers: Mutex::new(vec![Vec::new(); threads]),
            last: AtomicU64::new(u64::MAX),
        }
    }

    /// What a thread has now.
    fn tell(&self, thread: usize, worker: &Worker) {
        let Some((most, own)) = worker.latest().filter(|(most, _)| *most <= LATEST_MAX) else {
            return;
        };
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        match numbers.get_mut(thread) {
            Some(place) if *place != own => *place = own,
            _ => return,
        }
        let mut all = numbers.concat();
        if most > 0 && all.len() > most {
            let (_, last, _) = all.select_nth_unstable(most - 1);
            self.last.fetch_min(*last, Ordering::Relaxed);
        }
    }

    /// Whether records that end then or before cannot be on the page, and that there are more is known.
    fn settled_at(&self, end: Timestamp) -> bool {
        latest_number(end) > self.last.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
struct Found {
    partial: Option<Partial>,
    problems: Vec<StoreError>,
    /// Blocks that their filters or bounds ruled out, or that could no longer change the answer.
    skipped: u64,
    bytes: u64,
}

impl Found {
    fn add(&mut self, other: Self) {
        match (&mut self.partial, other.partial) {
            (Some(sum), Some(more)) => sum.merge(more),
            (place, more) => *place = more.or(place.take()),
        }
        let room = PROBLEMS_MAX.saturating_sub(self.problems.len());
        self.problems.extend(other.problems.into_iter().take(room));
        self.skipped += other.skipped;
        self.bytes += other.bytes;
    }
}

impl Question {
    /// Reads all of the question's time.
    pub(super) fn read_all(&self, store: &Store, watch: &Watch, partial: &mut Partial, tally: &mut Tally) {
        let span = self.compiled.span();
        let jobs = self.jobs(store, span, None, tally);
        self.work(store, watch, &jobs, &self.compiled, partial, tally);
        if watch.stops() {
            return;
        }
        // The very blocks again, for groups of which something may be missing.
        if let Some(again) = self.compiled.again(partial) {
            let (mut more, mut of_more) = (again.partial(), Tally::default());
            watch.publish_base(partial);
            self.work(store, watch, &jobs, &again, &mut more, &mut of_more);
            if !watch.stops() {
                partial.complete(&more);
            }
            tally.read.bytes += of_more.read.bytes;
            tally.incomplete |= of_more.incomplete;
            of_more.notes.into_iter().for_each(|note| tally.note(note));
        }
    }

    /// Reads records that end in parts of the question's time.
    pub(super) fn read(&self, store: &Store, watch: &Watch, spans: &[Span], partial: &mut Partial, tally: &mut Tally) {
        // The newest first.
        let jobs = spans.iter().rev();
        let jobs = jobs
            .flat_map(|span| self.jobs(store, *span, Some(*span), tally))
            .collect::<Vec<_>>();
        self.work(store, watch, &jobs, &self.compiled, partial, tally);
    }

    fn jobs(&self, store: &Store, span: Span, part: Option<Span>, tally: &mut Tally) -> Vec<Job> {
        let candidates = store.candidates(span, &self.compiled.probe());
        let blocks = candidates.blocks;
        tally.read.blocks += candidates.in_span;
        tally.read.blocks_skipped += candidates.in_span.saturating_sub(blocks.len() as u64);
        for problem in candidates.problems {
            tally.problem(store, problem);
        }
        // Of the latest records a few blocks have enough: no more than those are to be read.
        let most = if self.compiled.worker().latest().is_some() {
            1
        } else {
            CHUNK
        };
        let chunk = (blocks.len() / (self.threads.get() * 8)).clamp(1, most);
        let chunks = blocks.chunks(chunk);
        chunks
            .map(|blocks| Job {
                span: part,
                blocks: blocks.to_vec(),
            })
            .collect()
    }

    fn work(
        &self,
        store: &Store,
        watch: &Watch,
        jobs: &[Job],
        compiled: &Compiled,
        partial: &mut Partial,
        tally: &mut Tally,
    ) {
        watch.expect(jobs.iter().map(|job| job.blocks.len() as u64).sum());
        let threads = self.threads.get().min(jobs.len());
        let work = Work {
            compiled,
            again: !std::ptr::eq(compiled, &raw const self.compiled),
            store,
            watch,
            jobs,
            next: AtomicUsize::new(0),
            found: Mutex::default(),
            latest: Latest::new(threads),
            fields: compiled.fields(),
        };
        if threads > 0 {
            std::thread::scope(|scope| {
                let others: Vec<_> = (1..threads)
                    .map(|number| {
                        let work = &work;
                        std::thread::Builder::new()
                            .name("query".to_owned())
                            .spawn_scoped(scope, move || work.run(number))
                    })
                    .collect();
                // Where no more threads are to be had, this one does it alone.
                work.run(0);
                for other in others.into_iter().flatten() {
                    if other.join().is_err() {
                        tally.incomplete = true;
                        tally.note("a part of the records could not be read: a thread failed");
                    }
                }
            });
        }
        watch.forget();
        let found = work.found.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(more) = found.partial {
            partial.merge(more);
        }
        tally.read.blocks_skipped += found.skipped;
        tally.read.bytes += found.bytes;
        for problem in found.problems {
            tally.problem(store, problem);
        }
    }
}

impl Work<'_> {
    fn run(&self, thread: usize) {
        let mut found = Found::default();
        let mut wish = self.watch.wish();
        let mut worker: Option<(Option<Span>, Worker)> = None;
        while let Some(job) = self.jobs.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            if self.watch.stops() {
                break;
            }
            let (span, mut at) = match worker.take() {
                Some((span, worker)) if span == job.span => (span, worker),
                other => {
                    found.add(Found {
                        partial: other.map(|(_, worker)| worker.into_partial()),
                        ..Found::default()
                    });
                    let compiled = self.compiled;
                    let new = job
                        .span
                        .map_or_else(|| compiled.worker(), |span| compiled.worker_in(span));
                    (job.span, new)
                }
            };
            self.do_job(job, &mut at, &mut found);
            self.latest.tell(thread, &at);
            if wish != self.watch.wish() && !self.again {
                wish = self.watch.wish();
                let mut copy = at.partial().clone();
                if let Some(before) = &found.partial {
                    copy.merge(before.clone());
                }
                self.watch.publish(thread, copy);
            }
            worker = Some((span, at));
        }
        found.add(Found {
            partial: worker.map(|(_, worker)| worker.into_partial()),
            ..Found::default()
        });
        self.found.lock().unwrap_or_else(PoisonError::into_inner).add(found);
    }

    /// Those blocks that their filters do not rule out: of the others no more is read. A block that cannot be read is
    /// among them, so that it is said.
    fn may_match(&self, blocks: &[BlockId], worker: &Worker, found: &mut Found) -> Vec<BlockId> {
        let mut kept = Vec::with_capacity(blocks.len());
        self.store.read_columns(blocks, &[], true, |id, octets| {
            let may = octets.map_or(true, |octets| {
                let block = BlockRef::open(octets);
                block.and_then(|block| worker.may_match(&block)).unwrap_or(true)
            });
            if may {
                kept.push(*id);
            } else {
                found.skipped += 1;
                self.watch.did(1, 0, 0);
            }
            match self.watch.stops() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        kept
    }

    fn do_job(&self, job: &Job, worker: &mut Worker, found: &mut Found) {
        // The latest end comes first: once one cannot change the answer, none after it can.
        let needed: Vec<BlockId> = job
            .blocks
            .iter()
            .take_while(|block| !worker.settled_at(block.max_end) && !self.latest.settled_at(block.max_end))
            .map(|block| block.id)
            .collect();
        let settled = (job.blocks.len() - needed.len()) as u64;
        found.skipped += settled;
        self.watch.did(settled, 0, 0);
        let filters = self.compiled.needs_filters();
        let needed = if filters {
            self.may_match(&needed, worker, found)
        } else {
            needed
        };
        let read = |id: &BlockId, octets: Result<&[u8], StoreError>| {
            if self.watch.stops() {
                return ControlFlow::Break(());
            }
            let read = octets.and_then(|octets| {
                found.bytes += octets.len() as u64;
                BlockRef::open(octets)
                    .and_then(|block| worker.block(&block))
                    .map_err(|source| id.damaged(source))
            });
            match read {
                Ok(outcome) => {
                    found.skipped += u64::from(outcome.skipped);
                    let (records, matched) = match self.again {
                        true => (0, 0),
                        false => (outcome.records, outcome.matched),
                    };
                    self.watch.did(1, records, matched);
                }
                Err(problem) => {
                    if found.problems.len() < PROBLEMS_MAX {
                        found.problems.push(problem);
                    }
                    self.watch.did(1, 0, 0);
                }
            }
            ControlFlow::Continue(())
        };
        match &self.fields {
            Some(fields) => {
                self.store.read_columns(&needed, fields, filters, read);
            }
            None => self.store.read_blocks(&needed, read),
        }
    }
}
