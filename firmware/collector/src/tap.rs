//! A port's ring with the NIC's counters beside it.

use std::path::Path;
use std::time::Duration;

use capture::nic;
use capture::ring::{LinkState, Ring, RingConfig};
use capture::{Frame, Polled, Source};
use model::DropCounters;

use crate::chain;

const CLASS_NET: &str = "/sys/class/net";

/// An open port.
#[derive(Debug)]
pub(crate) struct Tap {
    ring: Ring,
    ring_drops: u64,
    nic: Nic,
}

#[derive(Debug, Clone, Copy, Default)]
struct Nic {
    dropped: Option<u64>,
    errors: Option<u64>,
}

impl Nic {
    fn read(name: &str) -> Self {
        let counters = nic::counters(Path::new(CLASS_NET), name);
        let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
        };
        Self {
            dropped: sum(counters.rx_dropped, counters.rx_missed_errors),
            errors: counters.rx_errors,
        }
    }
}

impl Tap {
    /// Opens an interface; needs CAP_NET_RAW. The ring outlives the interface going down, vanishing
    /// and coming back.
    ///
    /// # Errors
    /// Says why not, in one line.
    pub(crate) fn open(name: &str) -> Result<Self, String> {
        let mut ring = Ring::open(name, &RingConfig::default()).map_err(|e| chain(&e))?;
        Ok(Self {
            ring_drops: ring.counters().map_err(|e| chain(&e))?.drops,
            ring,
            nic: Nic::read(name),
        })
    }

    /// Hands over frames, waiting up to `wait` for the first.
    ///
    /// # Errors
    /// When the ring is of no more use.
    pub(crate) fn poll(&mut self, wait: Duration, on_frame: impl FnMut(&Frame<'_>)) -> Result<Polled, String> {
        self.ring.poll(wait, on_frame).map_err(|e| chain(&e))
    }

    /// Why there is no link; `None` when it is up.
    pub(crate) fn no_link(&self) -> Option<&'static str> {
        match self.ring.link_state() {
            LinkState::Up => None,
            LinkState::Down => Some("the link is down: check the cable and the mirror port"),
            LinkState::Missing => Some("the interface is gone"),
        }
    }

    /// Adds what was lost since this was last asked.
    pub(crate) fn count_drops(&mut self, drops: &mut DropCounters) {
        if let Ok(counters) = self.ring.counters() {
            drops.ring += counters.drops.saturating_sub(self.ring_drops);
            self.ring_drops = counters.drops;
        }
        // A NIC's counters begin anew when its driver does; a counter that was not there is no loss.
        let now = Nic::read(self.ring.interface());
        let since = |now: Option<u64>, before: Option<u64>| match (now, before) {
            (Some(now), Some(before)) => now.saturating_sub(before),
            _ => 0,
        };
        drops.nic += since(now.dropped, self.nic.dropped);
        drops.nic_errors += since(now.errors, self.nic.errors);
        self.nic = now;
    }
}
