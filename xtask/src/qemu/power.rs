//! The process of a machine: one for all starts of the guest, or a new one for each.

use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};

/// A machine that is switched on.
pub(super) struct Power {
    child: Arc<Mutex<Child>>,
    /// No new process for the next start.
    hold: Arc<AtomicBool>,
    starter: Option<JoinHandle<()>>,
    starts: Arc<AtomicUsize>,
}

impl Power {
    /// Starts QEMU; with `again` once more whenever it ends well, as it does when the guest restarts.
    pub(super) fn on(mut qemu: Command, again: bool) -> Result<Self> {
        let mut start = move || qemu.spawn();
        let child = start().context("cannot start qemu-system-x86_64: install the package qemu-system-x86")?;
        let child = Arc::new(Mutex::new(child));
        let hold = Arc::new(AtomicBool::new(false));
        let starts = Arc::new(AtomicUsize::new(1));
        let (mine, held, counted) = (child.clone(), hold.clone(), starts.clone());
        // A process ends with the thread that started it, so this one lives as long.
        let follow = move || {
            loop {
                std::thread::sleep(Duration::from_millis(100));
                let mut child = lock(&mine);
                match child.try_wait() {
                    Ok(None) => {}
                    Ok(Some(status)) if status.success() && !held.load(Ordering::Relaxed) => match start() {
                        Ok(next) => {
                            *child = next;
                            counted.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(_) => return,
                    },
                    Ok(Some(_)) | Err(_) => return,
                }
            }
        };
        Ok(Self {
            child,
            starter: again.then(|| std::thread::spawn(follow)),
            hold,
            starts,
        })
    }

    /// How it ended, unless it goes on or is about to start again.
    pub(super) fn ended(&self) -> Result<Option<ExitStatus>> {
        let again = self.starter.is_some() && !self.hold.load(Ordering::Relaxed);
        let status = lock(&self.child).try_wait()?;
        Ok(status.filter(|status| !(again && status.success())))
    }

    /// How many processes there were.
    pub(super) fn starts(&self) -> usize {
        self.starts.load(Ordering::Relaxed)
    }

    /// The next end is the last.
    pub(super) fn hold(&self) {
        self.hold.store(true, Ordering::Relaxed);
    }

    /// Cuts the power.
    pub(super) fn cut(&mut self) -> Result<()> {
        self.hold();
        let mut child = lock(&self.child);
        child.kill()?;
        child.wait()?;
        drop(child);
        if let Some(starter) = self.starter.take() {
            let _ = starter.join();
        }
        Ok(())
    }
}

impl Drop for Power {
    fn drop(&mut self) {
        let _ = self.cut();
    }
}

fn lock(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}
