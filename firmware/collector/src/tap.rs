//! An open ring of a port.

use std::time::Duration;

use api::collector::Timestamps;
use capture::nic::Device;
use capture::ring::{LinkState, Ring, RingConfig};
use capture::{Frame, Polled, Source};

use crate::chain;

/// Why there is no link where there is no interface.
pub(crate) const GONE: &str = "the interface is gone";
/// Octets of a ring's block.
const BLOCK: u32 = 1 << 20;

/// An open ring.
#[derive(Debug)]
pub(crate) struct Tap {
    ring: Ring,
    /// What the kernel counted when it was opened, frames and drops.
    counted: (u64, u64),
}

/// What the kernel counted of a ring since it was last asked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counted {
    pub(crate) frames: u64,
    pub(crate) drops: u64,
    /// How often the ring was full since it was opened.
    pub(crate) freezes: u64,
}

impl Tap {
    /// Opens rings that share an interface's frames; needs CAP_NET_RAW, and CAP_NET_ADMIN to make the NIC stamp them.
    /// A single ring outlives the interface going down, vanishing and coming back; a group outlives its going down.
    ///
    /// # Errors
    /// Says why not, in one line.
    pub(crate) fn open(name: &str, rings: u16, ring_bytes: u64) -> Result<Vec<Self>, String> {
        let blocks = (ring_bytes / u64::from(BLOCK)).clamp(4, 4_096);
        let config = RingConfig {
            block_size: BLOCK,
            blocks: u32::try_from(blocks).unwrap_or(4),
            hardware_time: Device::new(name).stamp_packets(),
            ..RingConfig::default()
        };
        let group = Ring::open_group(name, &config, rings).map_err(|e| chain(&e))?;
        let open = |mut ring: Ring| {
            let before = ring.counters().map_err(|e| chain(&e))?;
            Ok(Self {
                counted: (before.packets, before.drops),
                ring,
            })
        };
        group.into_iter().map(open).collect()
    }

    /// Hands over frames, waiting up to `wait` for the first.
    ///
    /// # Errors
    /// When the ring is of no more use.
    pub(crate) fn poll(
        &mut self,
        wait: Duration,
        on_frames: impl FnMut(&mut dyn Iterator<Item = Frame<'_>>),
    ) -> Result<Polled, String> {
        self.ring.poll_together(wait, on_frames).map_err(|e| chain(&e))
    }

    /// Why there is no link; `None` when it is up.
    pub(crate) fn no_link(&self) -> Option<&'static str> {
        match self.ring.link_state() {
            LinkState::Up => None,
            LinkState::Down => Some("the link is down: check the cable and the mirror port"),
            LinkState::Missing => Some(GONE),
        }
    }

    /// What the kernel counted since this was last asked.
    pub(crate) fn count(&mut self) -> Counted {
        let Ok(now) = self.ring.counters() else {
            return Counted::default();
        };
        let (frames, drops) = std::mem::replace(&mut self.counted, (now.packets, now.drops));
        Counted {
            frames: now.packets.saturating_sub(frames),
            drops: now.drops.saturating_sub(drops),
            freezes: now.freezes,
        }
    }

    /// Octets of the ring's memory.
    pub(crate) fn memory(&self) -> u64 {
        self.ring.memory()
    }

    /// Whose clock frames' times come from; the kernel's until the first frame says otherwise.
    pub(crate) fn timestamps(&self) -> Timestamps {
        match self.ring.stamped_by_nic() {
            Some(true) => Timestamps::Hardware,
            Some(false) | None => Timestamps::Software,
        }
    }
}
