//! Ends a session that nobody uses.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A clock that ends the program when it runs out. It stands still until it is first wound.
#[derive(Debug, Clone, Default)]
pub(crate) struct Idle {
    ends: Arc<Mutex<Option<Instant>>>,
}

impl Idle {
    /// Starts watching; `goodbye` is printed at the end.
    pub(crate) fn watch(goodbye: &'static str) -> Self {
        let idle = Self::default();
        let ends = idle.ends.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_secs(5));
                let over = ends
                    .lock()
                    .is_ok_and(|ends| ends.is_some_and(|at| Instant::now() >= at));
                if over {
                    println!("\r\n{goodbye}\r");
                    std::process::exit(0);
                }
            }
        });
        idle
    }

    /// Sets the time from now at which the session ends; `None` stops the clock.
    pub(crate) fn wind(&self, within: Option<Duration>) {
        if let Ok(mut ends) = self.ends.lock() {
            *ends = within.map(|within| Instant::now() + within);
        }
    }
}
