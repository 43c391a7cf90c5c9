//! How far a question is, and how it is ended.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::Progress;

use crate::work::Partial;

/// The least time between two copies of what was found so far.
const COPY_EVERY: Duration = Duration::from_millis(400);

/// Shared by who runs a question and who waits for it.
#[derive(Debug)]
pub struct Watch {
    begun: Instant,
    timeout: Duration,
    cancelled: AtomicBool,
    /// Whether the time-out was met by someone who had more to do.
    late: AtomicBool,
    done: AtomicU64,
    total: AtomicU64,
    records: AtomicU64,
    matched: AtomicU64,
    /// How often a copy of what was found was wished for.
    wishes: AtomicU32,
    copies: Mutex<Copies>,
}

/// What was found, as it was when it was last wished for.
#[derive(Debug, Default)]
struct Copies {
    base: Option<Partial>,
    /// By thread.
    of_threads: Vec<Option<Partial>>,
    wished: Option<Instant>,
}

impl Watch {
    /// Of a question that is asked now and may take so long.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self {
            begun: Instant::now(),
            timeout,
            cancelled: AtomicBool::new(false),
            late: AtomicBool::new(false),
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
            records: AtomicU64::new(0),
            matched: AtomicU64::new(0),
            wishes: AtomicU32::new(0),
            copies: Mutex::default(),
        }
    }

    /// Gives the question up: whoever runs it ends soon.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// How far it is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Progress {
            done: load(&self.done),
            total: load(&self.total),
            records: load(&self.records),
            matched: load(&self.matched),
            elapsed_ms: u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Whether to stop; asked before each piece of work.
    pub(crate) fn stops(&self) -> bool {
        if self.cancelled.load(Ordering::Relaxed) {
            return true;
        }
        let late = self.begun.elapsed() >= self.timeout;
        if late {
            self.late.store(true, Ordering::Relaxed);
        }
        late
    }

    /// Why it was stopped before its end.
    pub(crate) fn stopped_why(&self) -> Option<String> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Some("the question was given up before its end".to_owned());
        }
        let late = self.late.load(Ordering::Relaxed);
        late.then(|| {
            format!(
                "not everything was read within {} s: ask for a shorter time or fewer records, or allow more time",
                self.timeout.as_secs_f64()
            )
        })
    }

    /// So much more is to be done.
    pub(crate) fn expect(&self, pieces: u64) {
        self.total.fetch_add(pieces, Ordering::Relaxed);
    }

    /// A piece is done.
    pub(crate) fn did(&self, pieces: u64, records: u64, matched: u64) {
        self.done.fetch_add(pieces, Ordering::Relaxed);
        self.records.fetch_add(records, Ordering::Relaxed);
        self.matched.fetch_add(matched, Ordering::Relaxed);
    }

    /// Forgets what was counted: it is done otherwise.
    pub(crate) fn begin_anew(&self) {
        for counter in [&self.done, &self.total, &self.records, &self.matched] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    /// The number of the newest wish for a copy.
    pub(crate) fn wish(&self) -> u32 {
        self.wishes.load(Ordering::Relaxed)
    }

    /// Keeps what is known before records are read.
    pub(crate) fn publish_base(&self, partial: &Partial) {
        self.copies().base = Some(partial.clone());
    }

    /// Keeps a copy of what a thread found.
    pub(crate) fn publish(&self, thread: usize, partial: Partial) {
        let mut copies = self.copies();
        if copies.of_threads.len() <= thread {
            copies.of_threads.resize(thread + 1, None);
        }
        if let Some(place) = copies.of_threads.get_mut(thread) {
            *place = Some(partial);
        }
    }

    /// Forgets the copies: the answer is there.
    pub(crate) fn forget(&self) {
        *self.copies() = Copies::default();
    }

    /// What the copies add up to; wishes for new ones.
    pub(crate) fn gather(&self) -> Option<Partial> {
        let mut copies = self.copies();
        if copies.wished.is_none_or(|at| at.elapsed() >= COPY_EVERY) {
            copies.wished = Some(Instant::now());
            self.wishes.fetch_add(1, Ordering::Relaxed);
        }
        let mut all = copies.base.iter().chain(copies.of_threads.iter().flatten()).cloned();
        let first = all.next()?;
        Some(all.fold(first, |mut sum, more| {
            sum.merge(more);
            sum
        }))
    }

    fn copies(&self) -> MutexGuard<'_, Copies> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
