//! The one thread that writes: takes batches from the collectors' connections, stores as many as
//! wait in one go, and tells each connection what became of them.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use api::ingest::{BatchId, Receipt};
use model::{Timestamp, Window};
use service::Turns;
use store::{Batch, Content, Event, Outcome, Store, StoreError};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::alarms::AlarmList;
use crate::countries::CountryFile;
use crate::known::Known;
use crate::links::Links;
use crate::live::Live;
use crate::questions::Questions;
use crate::recent::Recent;

/// Batches that wait; their octets are bounded by the connections' permits.
pub(crate) const QUEUE: usize = 64;
/// Batches stored in one go.
const GROUP: usize = 64;
/// How often a state of trouble is logged again.
const REMIND: Duration = Duration::from_secs(300);

/// What the writer is given.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly all of them are batches")]
pub(crate) enum Job {
    /// A batch to be stored.
    Batch {
        /// The batch.
        batch: Batch,
        /// Where its receipt goes.
        receipts: mpsc::UnboundedSender<(Receipt, OwnedSemaphorePermit)>,
        /// The room that its octets take in the queue.
        permit: OwnedSemaphorePermit,
    },
    /// The links changed.
    Links(Links),
    /// Time for upkeep.
    Upkeep,
}

/// What the programs' parts share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) live: RwLock<Live>,
    pub(crate) recent: RwLock<Recent>,
    pub(crate) links: RwLock<Links>,
    pub(crate) known: Known,
    pub(crate) alarms: AlarmList,
    pub(crate) countries: CountryFile,
    pub(crate) questions: Questions,
    pub(crate) started: Timestamp,
    pub(crate) collectors: AtomicU64,
    pub(crate) records: AtomicU64,
    pub(crate) blocks: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) deferred: AtomicU64,
    pub(crate) trouble: Mutex<Option<String>>,
}

impl Shared {
    pub(crate) fn new(store: Store, folder: &Path, live: Live, recent: Recent, links: Links) -> Self {
        Self {
            known: Known::default(),
            alarms: AlarmList::open(&store),
            countries: CountryFile::open(folder, &store),
            questions: Questions::new(),
            store,
            live: RwLock::new(live),
            recent: RwLock::new(recent),
            links: RwLock::new(links),
            started: now(),
            collectors: AtomicU64::new(0),
            records: AtomicU64::new(0),
            blocks: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            deferred: AtomicU64::new(0),
            trouble: Mutex::new(None),
        }
    }

    fn set_trouble(&self, trouble: Option<String>) -> Option<String> {
        let mut place = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *place, trouble)
    }
}

/// The machine's clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_nanos(since.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
}

/// Stores until every sender is gone.
pub(crate) fn run(shared: &Arc<Shared>, mut jobs: mpsc::Receiver<Job>, turns: &Turns) {
    let mut reported = Reported::default();
    while let Some(first) = jobs.blocking_recv() {
        let mut batches = Vec::new();
        let mut replies = Vec::new();
        let mut upkeep = false;
        let mut links = None;
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Batch {
                    batch,
                    receipts,
                    permit,
                } => {
                    batches.push(batch);
                    replies.push((receipts, permit));
                }
                Job::Links(newest) => links = Some(newest),
                Job::Upkeep => upkeep = true,
            }
            next = if batches.len() < GROUP {
                jobs.try_recv().ok()
            } else {
                None
            };
        }
        if !batches.is_empty() {
            store_group(shared, batches, replies, &mut reported);
        }
        if let Some(links) = links {
            keep_links(&shared.store, &links);
        }
        if upkeep {
            shared.alarms.maintain(&shared.store, now());
            // Bounded, so that batches do not wait for long; the rest is done next time.
            for _ in 0..8 {
                match shared.store.maintain(now()) {
                    Ok(true) => turns.tick(),
                    Ok(false) => break,
                    Err(problem) => {
                        reported.trouble(shared, &problem);
                        break;
                    }
                }
            }
        }
        reported.events(&shared.store);
        turns.tick();
    }
}

fn store_group(
    shared: &Shared,
    batches: Vec<Batch>,
    replies: Vec<(
        mpsc::UnboundedSender<(Receipt, OwnedSemaphorePermit)>,
        OwnedSemaphorePermit,
    )>,
    reported: &mut Reported,
) {
    let now = now();
    let outcomes = shared.store.append(&batches, now);
    let mut newest: Vec<Window> = Vec::new();
    let (mut stored, mut later) = (false, None);
    for ((batch, outcome), (receipts, permit)) in batches.into_iter().zip(outcomes).zip(replies) {
        let id = BatchId {
            epoch: batch.key.epoch,
            sequence: batch.key.sequence,
        };
        let receipt = match outcome {
            Outcome::Stored => {
                stored = true;
                match batch.content {
                    Content::Block(block) => {
                        shared.blocks.fetch_add(1, Ordering::Relaxed);
                        shared.records.fetch_add(block.len() as u64, Ordering::Relaxed);
                    }
                    Content::Windows(windows) => newest.extend(windows),
                    Content::Interfaces(_) | Content::Gauges(_) | Content::Devices(_) | Content::Logs(_) => {}
                }
                Receipt::Stored { id }
            }
            Outcome::Duplicate => {
                shared.duplicates.fetch_add(1, Ordering::Relaxed);
                Receipt::Stored { id }
            }
            Outcome::Refused(problem) => {
                shared.refused.fetch_add(1, Ordering::Relaxed);
                log::warn!(EVENT = "refused"; "a batch was refused: {problem}");
                Receipt::Refused {
                    id,
                    reason: problem.to_string(),
                }
            }
            Outcome::Later(problem) => {
                shared.deferred.fetch_add(1, Ordering::Relaxed);
                let reason = problem.to_string();
                later = Some(problem);
                Receipt::Later { id, reason }
            }
        };
        // A connection that is gone takes no receipt; the collector sends the batch again.
        let _ = receipts.send((receipt, permit));
    }
    let (minutes, seconds): (Vec<_>, Vec<_>) = newest.into_iter().partition(|w| w.link.exporter().is_some());
    if !minutes.is_empty() {
        let mut recent = shared.recent.write().unwrap_or_else(PoisonError::into_inner);
        minutes.iter().for_each(|window| recent.push(window, now));
    }
    if !seconds.is_empty() {
        let mut live = shared.live.write().unwrap_or_else(PoisonError::into_inner);
        seconds.into_iter().for_each(|window| live.push(window, now));
    }
    match later {
        Some(problem) => reported.trouble(shared, &problem),
        None if stored => reported.well(shared),
        None => {}
    }
}

/// Says what is wrong when it begins, when it changes and now and then; and that it is over.
#[derive(Debug, Default)]
pub(crate) struct Reported {
    last: Option<Instant>,
    gauges: Option<Instant>,
}

impl Reported {
    /// Logs what the store did by itself.
    pub(crate) fn events(&mut self, store: &Store) {
        for event in store.take_events() {
            match event {
                Event::Forgotten { file, reason } => {
                    log::warn!(EVENT = "forgotten", FILE = file.as_str(); "removed {file}, the oldest of its kind: {reason}");
                }
                Event::SetAside { file, aside, reason } => {
                    log::error!(EVENT = "set_aside", FILE = file.as_str(); "{file} is damaged and is now {aside}: {reason}");
                }
                Event::GaugesLeftOut { readings } => {
                    if self.gauges.is_none_or(|at| at.elapsed() >= REMIND) {
                        self.gauges = Some(Instant::now());
                        log::warn!(EVENT = "gauges_left_out"; "an exporter has more sensors than are kept: {readings} readings were left out now, and others may follow");
                    }
                }
            }
        }
    }

    fn trouble(&mut self, shared: &Shared, problem: &StoreError) {
        let text = problem.to_string();
        let before = shared.set_trouble(Some(text.clone()));
        if before.is_none() || self.last.is_none_or(|at| at.elapsed() >= REMIND) {
            self.last = Some(Instant::now());
            log::error!(EVENT = "not_stored"; "nothing is stored now: {text}");
        }
    }

    fn well(&mut self, shared: &Shared) {
        if shared.set_trouble(None).is_some() {
            self.last = None;
            log::info!(EVENT = "stored_again"; "records are stored again");
        }
    }
}

fn keep_links(store: &Store, links: &Links) {
    let kept = links
        .to_json()
        .map_err(anyhow::Error::from)
        .and_then(|json| Ok(store.put_state("links", &json)?));
    if let Err(e) = kept {
        log::warn!(EVENT = "links_not_kept"; "the names of the links are not kept over a restart: {e:#}");
    }
}
