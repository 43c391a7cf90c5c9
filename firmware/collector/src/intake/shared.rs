//! What the threads that receive have in common.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use model::LinkId;
use tokio::sync::mpsc;

use super::facts::Facts;
use super::ledger::Pace;
use super::listener::Listener;
use super::logbook::LogBook;
use super::plan::Registry;
use crate::output::Output;
use crate::uplink::{Health, Outgoing};

/// What is received on, and from whom; replaced as a whole.
#[derive(Debug, Default)]
pub(super) struct Setup {
    pub(super) listeners: Vec<Arc<Listener>>,
    pub(super) registry: Arc<Registry>,
}

/// A datagram that came to a thread which is not its exporter's: while a port is opened, or from an exporter's second
/// address.
#[derive(Debug)]
pub(super) struct Strayed {
    pub(super) from: IpAddr,
    pub(super) octets: Vec<u8>,
}

/// What the threads have in common.
#[derive(Debug)]
pub(super) struct Shared {
    setup: Mutex<Arc<Setup>>,
    generation: AtomicU64,
    pub(super) stop: AtomicBool,
    pub(super) book: LogBook,
    pub(super) facts: Facts,
    pub(super) pace: Pace,
    pub(super) health: Arc<Health>,
}

impl Shared {
    pub(super) fn new(health: Arc<Health>, pace: Pace) -> Self {
        Self {
            setup: Mutex::default(),
            generation: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            book: LogBook::default(),
            facts: Facts::default(),
            pace,
            health,
        }
    }

    pub(super) fn setup(&self) -> Arc<Setup> {
        self.setup.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_up(&self, setup: Setup) {
        *self.setup.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(setup);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// The new set-up, if it is another than that of `seen`, which is then its number.
    pub(super) fn newer(&self, seen: &mut u64) -> Option<Arc<Setup>> {
        let now = self.generation.load(Ordering::Acquire);
        (std::mem::replace(seen, now) != now).then(|| self.setup())
    }

    pub(super) fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Outputs that wait in a thread when the uplink's queue is full.
const WAITING_MAX: usize = 16;

/// A thread's way to the uplink: a little waits here when its queue is full, and beyond that the newest is lost.
#[derive(Debug)]
pub(super) struct Exit {
    outgoing: mpsc::Sender<Outgoing>,
    health: Arc<Health>,
    waiting: VecDeque<Output>,
}

impl Exit {
    pub(super) fn new(outgoing: mpsc::Sender<Outgoing>, health: Arc<Health>) -> Self {
        Self {
            outgoing,
            health,
            waiting: VecDeque::new(),
        }
    }

    /// Gives what is ready.
    pub(super) fn give(&mut self, outputs: impl IntoIterator<Item = Output>) {
        self.waiting.extend(outputs);
        while let Some(output) = self.waiting.pop_front() {
            if let Err(e) = self.outgoing.try_send((LinkId::default(), output)) {
                let (_, output) = e.into_inner();
                self.waiting.push_front(output);
                break;
            }
        }
        while self.waiting.len() > WAITING_MAX {
            if let Some(output) = self.waiting.pop_back() {
                self.lose(&output);
            }
        }
    }

    /// Whether there is no more room: what comes now would be lost.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= WAITING_MAX
    }

    /// Gives everything, waiting for room: the thread ends, and the uplink takes everything until the last is gone.
    pub(super) fn finish(mut self) {
        while let Some(output) = self.waiting.pop_front() {
            if let Err(e) = self.outgoing.blocking_send((LinkId::default(), output)) {
                self.lose(&e.0.1);
            }
        }
    }

    fn lose(&self, output: &Output) {
        self.health.lose_all(output.shares(LinkId::default()));
    }
}
