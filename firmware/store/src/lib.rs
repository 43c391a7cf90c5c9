//! The analyzer's disk: blocks of flow records, windows, and a little state, in redb files.
//!
//! What [`Store::append`] answers `Stored` for is on disk, whatever happens next. A batch is stored
//! once, however often it comes. A full disk or a damaged file stops neither the rest nor answers.

mod blocks;
mod day;
mod disk;
mod file;
mod seen;
mod state;
mod windows;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use model::{Block, BlockError, Dimension, LinkId, Timestamp, TopTable, Window};

use blocks::Blocks;
use day::Day;
use file::DbFile;
use state::State;
use windows::Windows;

pub use blocks::Found;
pub use disk::{Disk, Folder, Room};
pub use file::file_in_use;
pub use windows::{Grain, Row};

/// The number of a batch, unique for ever: a collector's run, and a count within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchKey {
    /// When the collector's run began, nanoseconds since 1970.
    pub epoch: u64,
    /// Counts the run's batches.
    pub sequence: u64,
}

/// Something could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full.
    #[error("no room to write {file}: free space on the data disk, or keep records for a shorter time")]
    Full {
        /// The file.
        file: String,
    },
    /// The disk is so full that nothing is begun on it.
    #[error("only {available} octets are free on the data disk and {needed} are kept for the system: free space on it")]
    Reserve {
        /// Octets that are free.
        available: u64,
        /// Octets that are left free.
        needed: u64,
    },
    /// A file is not what was written.
    #[error("{file} is damaged: {reason}")]
    Damaged {
        /// The file.
        file: String,
        /// What redb said.
        reason: String,
    },
    /// A block is not what was written.
    #[error("batch {}-{} in {file} is lost: {source}", batch.epoch, batch.sequence)]
    Block {
        /// The file.
        file: String,
        /// The batch.
        batch: BatchKey,
        /// What is wrong with the block.
        source: BlockError,
    },
    /// The disk or redb failed.
    #[error("{file} cannot be used: {source}; check the disk's health")]
    Failed {
        /// The file.
        file: String,
        /// What was said.
        source: Box<redb::Error>,
    },
    /// The folder failed.
    #[error("{doing} failed: {source}; check the disk's health")]
    Disk {
        /// What was being done.
        doing: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A window is not one that a collector may send.
    #[error("the batch holds a window of {seconds} s that starts at {start}: collectors send aligned windows of 1 s")]
    Window {
        /// The window's start.
        start: Timestamp,
        /// Its length.
        seconds: u32,
    },
}

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Seconds that windows of 1 s are kept.
    pub seconds: u64,
    /// Seconds that windows of 1 min are kept.
    pub minutes: u64,
    /// Days that records are kept.
    pub record_days: u64,
    /// The share of the disk in use, in percent, at which the oldest records are removed.
    pub full_percent: u64,
    /// Octets of the disk that are left free: below, nothing is stored.
    pub reserve: u64,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            seconds: 2 * 3_600,
            minutes: 31 * 86_400,
            record_days: 180,
            full_percent: 90,
            reserve: 32 << 20,
        }
    }
}

/// What a batch holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Records.
    Block(Block),
    /// Windows of one second.
    Windows(Vec<Window>),
}

/// A batch to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Its number.
    pub key: BatchKey,
    /// What it holds.
    pub content: Content,
}

/// What became of a batch.
#[derive(Debug)]
pub enum Outcome {
    /// It is on disk.
    Stored,
    /// It was on disk before.
    Duplicate,
    /// It can never be stored.
    Refused(StoreError),
    /// It is not on disk; try again later.
    Later(Arc<StoreError>),
}

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Records were removed.
    Forgotten {
        /// The file that was removed.
        file: String,
        /// Why.
        reason: &'static str,
    },
    /// A damaged file was renamed.
    SetAside {
        /// The file.
        file: String,
        /// Its name now.
        aside: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The files in the analyzer's folder. Reads and writes may run in several threads; `append` and
/// `maintain` are meant for one.
#[derive(Debug)]
pub struct Store {
    disk: Arc<dyn Disk>,
    keep: Keep,
    blocks: Blocks,
    windows: Windows,
    state: State,
    events: Mutex<Vec<Event>>,
    /// Damage that queries found.
    found: Mutex<Vec<StoreError>>,
}

impl Store {
    /// Opens the folder's files. Damaged ones are set aside: see [`Store::take_events`].
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn open(disk: Arc<dyn Disk>, keep: Keep, now: Timestamp) -> Result<Self, StoreError> {
        let names = disk.list().map_err(|source| StoreError::Disk {
            doing: "reading the data folder".to_owned(),
            source,
        })?;
        let store = Self {
            blocks: Blocks::open(disk.clone(), &names),
            windows: Windows::new(disk.clone()),
            state: State::new(disk.clone()),
            events: Mutex::new(Vec::new()),
            found: Mutex::new(Vec::new()),
            disk,
            keep,
        };
        // The newest files are used at once: that they open is known before the first batch.
        for problem in [store.windows.span(0).err(), store.state.all().err()]
            .into_iter()
            .flatten()
        {
            store.mend(&problem, now);
        }
        if let Some(problem) = store.records(now, now, 1).problems.pop() {
            store.mend(&problem, now);
        }
        Ok(store)
    }

    /// Stores batches with as few transactions as there are files; one outcome for each.
    pub fn append(&self, batches: &[Batch], now: Timestamp) -> Vec<Outcome> {
        let keys: Vec<BatchKey> = batches.iter().map(|b| b.key).collect();
        let seen = self.room_for_more().and_then(|()| self.windows.seen(&keys));
        let seen = match seen {
            Ok(seen) => seen,
            Err(problem) => {
                self.mend(&problem, now);
                let problem = Arc::new(problem);
                return batches.iter().map(|_| Outcome::Later(problem.clone())).collect();
            }
        };
        let mut outcomes: Vec<Outcome> = batches.iter().map(|_| Outcome::Stored).collect();
        let mut days: BTreeMap<Day, Vec<(usize, BatchKey, &Block)>> = BTreeMap::new();
        let mut windows: Vec<(usize, BatchKey, &[Window])> = Vec::new();
        let mut others = Vec::new();
        let mut in_this_call = std::collections::BTreeSet::new();
        for (at, ((batch, seen), outcome)) in batches.iter().zip(seen).zip(&mut outcomes).enumerate() {
            if seen || !in_this_call.insert(batch.key) {
                *outcome = Outcome::Duplicate;
                continue;
            }
            match &batch.content {
                Content::Block(block) => {
                    let day = Blocks::day_of(block, now);
                    days.entry(day).or_default().push((at, batch.key, block));
                }
                Content::Windows(list) => match list.iter().find(|w| !is_second(w)) {
                    Some(w) => {
                        *outcome = Outcome::Refused(StoreError::Window {
                            start: w.start,
                            seconds: w.seconds,
                        });
                    }
                    None => windows.push((at, batch.key, list)),
                },
            }
        }
        let mut set = |at: usize, outcome: Outcome| {
            if let Some(place) = outcomes.get_mut(at) {
                *place = outcome;
            }
        };
        for (day, list) in days {
            let blocks: Vec<_> = list.iter().map(|(_, key, block)| (*key, *block)).collect();
            match self.blocks.append(day, &blocks) {
                Ok(new) => {
                    for ((at, key, _), new) in list.iter().zip(new) {
                        others.push(*key);
                        if !new {
                            set(*at, Outcome::Duplicate);
                        }
                    }
                }
                Err(problem) => {
                    self.mend(&problem, now);
                    let problem = Arc::new(problem);
                    list.iter()
                        .for_each(|(at, ..)| set(*at, Outcome::Later(problem.clone())));
                }
            }
        }
        if !(windows.is_empty() && others.is_empty()) {
            let list: Vec<_> = windows.iter().map(|(_, key, windows)| (*key, *windows)).collect();
            if let Err(problem) = self.windows.append(&list, &others) {
                self.mend(&problem, now);
                let problem = Arc::new(problem);
                // The blocks are stored all the same: one that comes again has its own key's place.
                windows
                    .iter()
                    .for_each(|(at, ..)| set(*at, Outcome::Later(problem.clone())));
            }
        }
        outcomes
    }

    /// Rolls seconds into minutes and removes what is too old or what a full disk has no room for.
    /// Answers whether there is more to do at once.
    ///
    /// # Errors
    /// When the disk fails; the store goes on.
    pub fn maintain(&self, now: Timestamp) -> Result<bool, StoreError> {
        let found = std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner));
        found.iter().for_each(|problem| self.mend(problem, now));
        self.forget_old(now)?;
        let rolled = self
            .windows
            .maintain(now, self.keep.seconds, self.keep.minutes)
            .inspect_err(|problem| self.mend(problem, now))?;
        Ok(rolled != windows::Rolled::default())
    }

    fn forget_old(&self, now: Timestamp) -> Result<(), StoreError> {
        let oldest_kept = Day(Day::of(now).0.saturating_sub(self.keep.record_days));
        loop {
            let days = self.blocks.days();
            // The newest is never removed.
            let [oldest, _, ..] = days.as_slice() else {
                return Ok(());
            };
            let reason = if *oldest < oldest_kept {
                "too old"
            } else if self.room()?.used_percent() >= self.keep.full_percent {
                "the disk is full"
            } else {
                return Ok(());
            };
            self.blocks.forget(*oldest)?;
            self.event(Event::Forgotten {
                file: oldest.file_name(),
                reason,
            });
        }
    }

    fn room(&self) -> Result<Room, StoreError> {
        self.disk.room().map_err(|source| StoreError::Disk {
            doing: "asking for the disk's free space".to_owned(),
            source,
        })
    }

    fn room_for_more(&self) -> Result<(), StoreError> {
        let available = self.room()?.available;
        if available < self.keep.reserve {
            return Err(StoreError::Reserve {
                available,
                needed: self.keep.reserve,
            });
        }
        Ok(())
    }

    /// Sets a damaged file aside, so that the next write begins a new one.
    fn mend(&self, problem: &StoreError, now: Timestamp) {
        let StoreError::Damaged { file, reason } = problem else {
            return;
        };
        let known: [&DbFile; 2] = [self.windows.file(), self.state.file()];
        let aside = match known.into_iter().find(|f| f.name() == file) {
            Some(found) => Some(found.set_aside(now)),
            None => self.blocks.set_aside(file, now),
        };
        if let Some(Ok(aside)) = aside {
            self.event(Event::SetAside {
                file: file.clone(),
                aside,
                reason: reason.clone(),
            });
        }
    }

    fn event(&self, event: Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    /// What happened since this was last asked.
    pub fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records that end at or after `from` and start before `to`, the latest end first.
    #[must_use]
    pub fn records(&self, from: Timestamp, to: Timestamp, limit: usize) -> Found {
        self.blocks.records(from, to, limit)
    }

    /// Tells of a problem that a query found. A damaged file is set aside at the next upkeep: by the
    /// thread that writes, lest a batch is committed to a file that is no longer served.
    pub fn report(&self, problem: StoreError) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() < 64 {
            found.push(problem);
        }
    }

    /// Gives each stored window of the links that starts in `[from, to)` to `each`, with the dimension's table
    /// where one is asked for. Seconds come in order of time; with [`Grain::Minute`] they come before the minutes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn scan(
        &self,
        span: (Timestamp, Timestamp),
        links: &RangeInclusive<LinkId>,
        grain: Grain,
        dimension: Option<Dimension>,
        each: impl FnMut(Row, TopTable),
    ) -> Result<(), StoreError> {
        let span = (span.0.as_secs(), span.1.as_secs());
        self.windows.scan(span, links, grain, dimension, each)
    }

    /// Whole windows of one second that start in `[from, to)`, in order of time.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn seconds(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Window>, StoreError> {
        self.windows.seconds(from.as_secs(), to.as_secs())
    }

    /// The starts of the oldest window that is kept and of the newest second before `before`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn span(&self, before: Timestamp) -> Result<(Option<Timestamp>, Option<Timestamp>), StoreError> {
        self.windows.span(before.as_secs())
    }

    /// Keeps a small value under a name; what was there before is replaced.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put_state(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.state.put(name, value)
    }

    /// All small values by name.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn state(&self) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        self.state.all()
    }

    /// Octets that the files take, and the names of those that were set aside.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn usage(&self) -> Result<(u64, Vec<String>), StoreError> {
        let files = self.disk.list().map_err(|source| StoreError::Disk {
            doing: "reading the data folder".to_owned(),
            source,
        })?;
        let octets = files.iter().map(|(_, octets)| octets).sum();
        let aside = files
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| name.contains(".damaged-"));
        Ok((octets, aside.collect()))
    }
}

fn is_second(window: &Window) -> bool {
    window.seconds == 1 && window.start == aggregate::align(window.start, 1)
}
