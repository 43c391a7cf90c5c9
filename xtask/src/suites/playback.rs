//! A capture that plays into a guest's port while a suite does other things.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;

use crate::qemu::Guest;
use crate::run::Replay;

/// The capture that the project recorded.
pub(super) fn office() -> PathBuf {
    crate::root().join("tests/captures/office.pcap")
}

/// Plays until dropped.
pub(super) struct Playback {
    stop: Arc<AtomicBool>,
    player: Option<JoinHandle<()>>,
}

impl Playback {
    /// Plays `capture` into a capture port (0 is the first), in a loop.
    pub(super) fn start(guest: &Guest, port: usize, capture: &Path) -> Result<Self> {
        let wire = guest.wire(port)?;
        let mut replay = Replay::open(capture)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let player = std::thread::spawn(move || {
            // a guest that is gone refuses frames; the suite that killed it knows
            let send = |frame: &[u8]| wire.send(frame).map_or(Ok(()), |_| Ok(()));
            while !stopped.load(Ordering::Relaxed) {
                if let Err(error) = replay.step(send, Duration::from_millis(100)) {
                    eprintln!("    playback ended: {error:#}");
                    return;
                }
            }
        });
        Ok(Self {
            stop,
            player: Some(player),
        })
    }
}

impl Drop for Playback {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(player) = self.player.take() {
            let _ = player.join();
        }
    }
}
