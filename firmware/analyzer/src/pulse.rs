//! What systemd hears: readiness, a line of state, and a watchdog's pulse as long as the work goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;

/// Counts the turns of a worker's loop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns(Arc<AtomicU64>);

impl Turns {
    /// The worker went round once.
    pub(crate) fn tick(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Tells systemd; without systemd it does nothing.
pub(crate) fn tell(states: &[NotifyState<'_>]) {
    // A notification that does not arrive is systemd's to notice.
    let _ = sd_notify::notify(states);
}

/// Feeds systemd's watchdog while the worker makes progress; for ever.
pub(crate) async fn beat(turns: Turns) {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    let mut every = tokio::time::interval((limit / 4).max(Duration::from_millis(250)));
    let mut before = None;
    loop {
        every.tick().await;
        let now = turns.count();
        if before.replace(now) != Some(now) {
            tell(&[NotifyState::Watchdog]);
        }
    }
}
