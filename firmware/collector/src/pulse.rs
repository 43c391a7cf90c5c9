//! What systemd hears: readiness, a line of state, and a watchdog's pulse as long as every worker goes on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sd_notify::NotifyState;

/// The workers that must make progress.
#[derive(Debug, Clone, Default)]
pub(crate) struct Workers(Arc<Mutex<BTreeMap<String, Turns>>>);

/// Counts the turns of a worker's loop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns(Arc<AtomicU64>);

impl Turns {
    /// The worker went round once.
    pub(crate) fn tick(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Workers {
    /// Watches one more worker.
    pub(crate) fn add(&self, name: &str) -> Turns {
        let turns = Turns::default();
        self.lock().insert(name.to_owned(), turns.clone());
        turns
    }

    /// The worker ended as it should.
    pub(crate) fn remove(&self, name: &str) {
        self.lock().remove(name);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Turns>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Feeds systemd's watchdog while all workers make progress; for ever.
    pub(crate) async fn beat(&self) {
        let Some(limit) = sd_notify::watchdog_enabled() else {
            return std::future::pending().await;
        };
        let mut every = tokio::time::interval((limit / 4).max(Duration::from_millis(250)));
        let mut before: BTreeMap<String, u64> = BTreeMap::new();
        loop {
            every.tick().await;
            let now: BTreeMap<String, u64> = {
                let workers = self.lock();
                let count = |turns: &Turns| turns.0.load(Ordering::Relaxed);
                workers
                    .iter()
                    .map(|(name, turns)| (name.clone(), count(turns)))
                    .collect()
            };
            // A worker that is new has made its first turn.
            let stuck = now.iter().any(|(name, turns)| before.get(name) == Some(turns));
            if !stuck {
                tell(&[NotifyState::Watchdog]);
            }
            before = now;
        }
    }
}

/// Tells systemd; without systemd it does nothing.
pub(crate) fn tell(states: &[NotifyState<'_>]) {
    // A notification that does not arrive is systemd's to notice.
    let _ = sd_notify::notify(states);
}
