//! One thread for one disk.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::NoData;
use crate::drive::Drive;

/// Reads one disk on a thread of its own. A question that is not answered in time is not asked again before its answer came, so
/// that a disk that hangs in the kernel has one thread and no more, and is [`NoData::Timeout`] until it is back. The thread ends
/// after the reader is dropped, as soon as its disk lets it.
#[derive(Debug)]
pub struct Reader {
    ask: Sender<()>,
    told: Receiver<Drive>,
    waiting: bool,
}

impl Reader {
    /// A reader of a device as [`super::read`] takes it.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn new(device: PathBuf) -> io::Result<Self> {
        Self::of(move || super::read(&device))
    }

    /// A reader that gets its drive from `read`.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn of(mut read: impl FnMut() -> Drive + Send + 'static) -> io::Result<Self> {
        let (ask, asked) = channel::<()>();
        let (tell, told) = channel();
        std::thread::Builder::new()
            .name("disk".to_owned())
            // little is on it: pages of 4 kB
            .stack_size(256 * 1024)
            .spawn(move || {
                while asked.recv().is_ok() {
                    if tell.send(read()).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self {
            ask,
            told,
            waiting: false,
        })
    }

    /// Asks, unless an earlier question is still open, so that several readers ask at the same time.
    pub fn begin(&mut self) {
        if !self.waiting {
            // a thread that is gone is told by `read`
            self.waiting = self.ask.send(()).is_ok();
        }
    }

    /// The drive, or one of which nothing is known because it did not answer within `patience`.
    pub fn read(&mut self, patience: Duration) -> Drive {
        self.begin();
        match self.told.recv_timeout(patience) {
            Ok(drive) => {
                self.waiting = false;
                drive
            }
            Err(RecvTimeoutError::Timeout) => Drive::unknown(NoData::Timeout),
            Err(RecvTimeoutError::Disconnected) => Drive::unknown(NoData::Failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_disk_that_hangs_is_asked_once_and_comes_back() {
        let (release, hangs) = channel::<()>();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let mut reader = Reader::of(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            hangs.recv().expect("released");
            Drive::unknown(NoData::Standby)
        })
        .expect("a thread");
        for _ in 0..5 {
            assert_eq!(reader.read(Duration::ZERO), Drive::unknown(NoData::Timeout));
        }
        release.send(()).expect("it waits");
        assert_eq!(reader.read(Duration::from_secs(600)), Drive::unknown(NoData::Standby));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        release.send(()).expect("it waits again");
        assert_eq!(reader.read(Duration::from_secs(600)), Drive::unknown(NoData::Standby));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}
