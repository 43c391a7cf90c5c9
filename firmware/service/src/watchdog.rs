//! Readiness and the watchdog's pulse.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sd_notify::NotifyState;

/// Tells systemd; without systemd it does nothing.
pub fn tell(states: &[NotifyState<'_>]) {
    // a notification that does not arrive is systemd's to notice
    let _ = sd_notify::notify(states);
}

/// Counts the turns of a worker's loop.
#[derive(Debug, Clone, Default)]
pub struct Turns(Arc<AtomicU64>);

impl Turns {
    /// The worker went round once.
    pub fn tick(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The workers that must all make progress for the program to count as alive. Each goes round at
/// least four times within the unit's WatchdogSec.
#[derive(Debug, Clone, Default)]
pub struct Workers(Arc<Mutex<BTreeMap<String, Turns>>>);

impl Workers {
    /// Watches one more worker, by a name of its own.
    #[must_use]
    pub fn add(&self, name: &str) -> Turns {
        let turns = Turns::default();
        self.lock().insert(name.to_owned(), turns.clone());
        turns
    }

    /// The worker ended as it should.
    pub fn remove(&self, name: &str) {
        self.lock().remove(name);
    }

    /// Feeds systemd's watchdog while all workers make progress; for ever.
    pub async fn beat(&self) {
        let Some(limit) = sd_notify::watchdog_enabled() else {
            return std::future::pending().await;
        };
        let mut every = tokio::time::interval((limit / 4).max(Duration::from_millis(250)));
        let mut before = BTreeMap::new();
        loop {
            every.tick().await;
            let now = self.counts();
            if all_moved(&before, &now) {
                tell(&[NotifyState::Watchdog]);
            }
            before = now;
        }
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        self.lock()
            .iter()
            .map(|(name, turns)| (name.clone(), turns.0.load(Ordering::Relaxed)))
            .collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Turns>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether every worker went round since `before`; one that is new has.
fn all_moved(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> bool {
    now.iter().all(|(name, turns)| before.get(name) != Some(turns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stuck_worker_stops_the_pulse() {
        let workers = Workers::default();
        let (a, b) = (workers.add("a"), workers.add("b"));
        let start = workers.counts();
        assert!(all_moved(&BTreeMap::new(), &start));
        a.tick();
        assert!(!all_moved(&start, &workers.counts()));
        b.tick();
        assert!(all_moved(&start, &workers.counts()));
        workers.remove("b");
        let later = workers.counts();
        a.tick();
        assert!(all_moved(&later, &workers.counts()));
    }
}
