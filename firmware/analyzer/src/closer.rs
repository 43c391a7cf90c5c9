//! Closes hours and days in the background: index and rollups of what is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::known::named;
use crate::writer::{Shared, now};

/// Pause when there is nothing to close, and after a failure.
const REST: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(60);
/// The shortest pause between two hours.
const BREATH: Duration = Duration::from_millis(20);
/// How often it is looked whether to stop.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Closes what can be closed until `stop` turns true.
pub(crate) fn run(shared: &Arc<Shared>, stop: &AtomicBool) {
    query::lower_priority();
    let goes_on = || !stop.load(Ordering::Relaxed);
    while goes_on() {
        let begun = Instant::now();
        // Without the settings it is not known which definitions hold.
        let closed = match shared.known.settings() {
            None => Ok(query::Closed::default()),
            Some(_) => {
                let named = named(shared);
                query::close(&shared.store, &named.context, now(), 1, goes_on)
            }
        };
        let rest = match closed {
            Ok(closed) if closed.nothing() => REST,
            Ok(closed) => {
                log::debug!("closed {closed:?} in {:?}", begun.elapsed());
                // At most half of the time is spent on it, so that questions are not held up for long.
                match closed.put_off {
                    0 => begun.elapsed().max(BREATH),
                    _ => begun.elapsed().max(REST),
                }
            }
            Err(e) => {
                log::warn!(EVENT = "not_closed"; "an hour is not in index and rollups yet: {e}");
                PAUSE
            }
        };
        let until = Instant::now() + rest;
        while goes_on() && Instant::now() < until {
            std::thread::sleep(LOOK_EVERY.min(until.saturating_duration_since(Instant::now())));
        }
    }
}
