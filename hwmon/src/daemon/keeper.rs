//! Writes the state file in a thread of its own, so that a data disk that hangs stops nobody else.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hwmon::memory::Memory;
use hwmon::outbox::Kept;
use hwmon::series::Unsaved;
use hwmon::watch::WatchState;
use serde::de::DeserializeOwned;

/// The name of the watch's state in the file, and that of the edges that wait.
const STATE: &str = "watch";
const OUTBOX: &str = "outbox";
/// Jobs that may wait.
const QUEUE: usize = 8;
/// How long the last write is waited for.
const FINISH: Duration = Duration::from_secs(3);

enum Job {
    State(Box<(WatchState, Kept)>),
    Courses(Unsaved),
    Done(SyncSender<()>),
}

/// The file and its writer.
pub(crate) struct Keeper {
    memory: Option<Arc<Memory>>,
    jobs: Option<SyncSender<Job>>,
    trouble: Arc<Mutex<Option<String>>>,
}

impl Keeper {
    /// Opens `state.redb` in a folder. One that cannot be used is put aside and begun anew; where that fails, nothing is
    /// kept, which is told but stops nothing.
    pub(crate) fn open(folder: &Path) -> Self {
        let path = folder.join("state.redb");
        mark_when_redb_panics(&path);
        let (memory, trouble) = match open(&path) {
            Ok(memory) => (Some(Arc::new(memory)), None),
            Err(e) => {
                log::error!(EVENT = "unsaved"; "{e:#}");
                (None, Some(format!("{e:#}")))
            }
        };
        let trouble = Arc::new(Mutex::new(trouble));
        let jobs = memory.clone().and_then(|memory| {
            let (jobs, queue) = sync_channel(QUEUE);
            let trouble = trouble.clone();
            std::thread::Builder::new()
                .name("keeper".to_owned())
                .stack_size(512 << 10)
                .spawn(move || write(&memory, &queue, &trouble))
                .inspect_err(|e| log::error!(EVENT = "unsaved"; "cannot start the state's writer: {e}"))
                .ok()
                .map(|_| jobs)
        });
        Self { memory, jobs, trouble }
    }

    /// The file, for those who read.
    pub(crate) fn memory(&self) -> Option<Arc<Memory>> {
        self.memory.clone()
    }

    /// What was kept before, as far as it can be read.
    pub(crate) fn state(&self) -> WatchState {
        self.kept(STATE)
    }

    /// Edges that the alarm list has not confirmed.
    pub(crate) fn outbox(&self) -> Kept {
        self.kept(OUTBOX)
    }

    fn kept<T: Default + DeserializeOwned>(&self, name: &str) -> T {
        let read = self.memory.as_ref().map(|memory| memory.state(name));
        match read {
            Some(Ok(Some(state))) => state,
            Some(Err(e)) => {
                log::error!(EVENT = "unreadable"; "{e}");
                T::default()
            }
            None | Some(Ok(None)) => T::default(),
        }
    }

    /// Why nothing is kept, if so.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the watch's state, and the edges of alarms that wait, in one go.
    pub(crate) fn keep_state(&self, state: WatchState, outbox: Kept) {
        self.queue(Job::State(Box::new((state, outbox))));
    }

    /// Keeps courses.
    pub(crate) fn keep_courses(&self, unsaved: Unsaved) {
        self.queue(Job::Courses(unsaved));
    }

    fn queue(&self, job: Job) {
        let Some(jobs) = &self.jobs else { return };
        if let Err(TrySendError::Full(_)) = jobs.try_send(job) {
            set(
                &self.trouble,
                Some("the data disk does not take what is to be kept".to_owned()),
            );
        }
    }

    /// Keeps all once more and waits for it, a little.
    pub(crate) fn finish(&self, state: WatchState, outbox: Kept, courses: Unsaved) {
        self.keep_courses(courses);
        self.keep_state(state, outbox);
        let (done, finished) = sync_channel(1);
        self.queue(Job::Done(done));
        let _ = finished.recv_timeout(FINISH);
    }
}

fn set(trouble: &Mutex<Option<String>>, now: Option<String>) {
    let mut trouble = trouble.lock().unwrap_or_else(PoisonError::into_inner);
    if *trouble != now {
        match &now {
            Some(text) => log::error!(EVENT = "unsaved"; "{text}"),
            None => log::info!(EVENT = "saved"; "the hardware monitor's state is kept again"),
        }
        *trouble = now;
    }
}

fn write(memory: &Memory, queue: &Receiver<Job>, trouble: &Mutex<Option<String>>) {
    while let Ok(job) = queue.recv() {
        let kept = match job {
            Job::State(kept) => memory.keep_states((STATE, &kept.0), (OUTBOX, &kept.1)),
            Job::Courses(unsaved) => memory.keep_courses(&unsaved),
            Job::Done(done) => {
                let _ = done.send(());
                continue;
            }
        };
        set(trouble, kept.err().map(|e| format!("{:#}", anyhow::Error::from(e))));
    }
}

fn marker(path: &Path) -> PathBuf {
    path.with_extension("suspect")
}

/// Opens the file; one that made redb panic, or that redb refuses, is put aside.
fn open(path: &Path) -> anyhow::Result<Memory> {
    let marker = marker(path);
    let refused = match marker.exists() {
        true => anyhow::anyhow!("it failed while in use"),
        false => match Memory::open(path) {
            Ok(memory) => return Ok(memory),
            Err(e) => anyhow::Error::from(e),
        },
    };
    let aside = path.with_extension("damaged");
    if let Err(e) = std::fs::rename(path, &aside) {
        return match marker.exists() && std::fs::remove_file(&marker).is_ok() {
            // the mark alone was left
            true if !path.exists() => Ok(Memory::open(path)?),
            _ => Err(refused.context(format!("cannot put {} aside: {e}", path.display()))),
        };
    }
    let _ = std::fs::remove_file(&marker);
    log::error!(EVENT = "damaged"; "begins anew, and keeps the old state as {}: {refused:#}", aside.display());
    Ok(Memory::open(path)?)
}

/// A damaged file may make redb panic, which ends the program: it is marked, so that the next start does without it.
fn mark_when_redb_panics(path: &Path) {
    let marker = marker(path);
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.location().is_some_and(|at| at.file().contains("redb")) {
            let _ = std::fs::write(&marker, "");
        }
        log::error!(EVENT = "panic"; "failed: {panic}");
        report(panic);
    }));
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_damaged_file_is_put_aside_and_begun_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.redb");
        std::fs::write(&path, "no database, though long enough to look like one").expect("written");
        let keeper = Keeper::open(folder.path());
        assert_eq!(keeper.trouble(), None);
        assert!(folder.path().join("state.damaged").exists());
        keeper.finish(WatchState::default(), Kept::default(), Unsaved::default());
        drop(keeper);
        // a mark puts aside what could be opened
        std::fs::write(folder.path().join("state.suspect"), "").expect("written");
        let begun = Instant::now();
        loop {
            // the writer lets the file go a moment after its keeper
            if Memory::open(&path).is_ok() {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "the file stays locked");
        }
        let keeper = Keeper::open(folder.path());
        assert_eq!(keeper.trouble(), None);
        assert!(!folder.path().join("state.suspect").exists());
    }

    #[test]
    fn without_a_folder_nothing_is_kept_and_that_is_said() {
        let keeper = Keeper::open(Path::new("/nowhere/at/all"));
        assert!(keeper.trouble().is_some());
        keeper.keep_state(WatchState::default(), Kept::default());
        keeper.finish(WatchState::default(), Kept::default(), Unsaved::default());
    }
}
