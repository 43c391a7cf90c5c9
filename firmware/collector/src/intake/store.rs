//! What exporters taught (templates, sampling rates, names), kept in files, so that a collector that is started again
//! decodes from the first datagram on. docs/formats.md says what is in them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::source::Source;

/// How long what is new waits for more of it.
const SETTLE: Duration = Duration::from_secs(2);
/// How often everything is written at least where datagrams come: clocks and last times go on.
const EVERY: Duration = Duration::from_secs(60);
/// The longest file that is read.
const FILE_MAX: u64 = 1 << 30;

/// A thread's file, and those of all threads.
#[derive(Debug)]
pub(super) struct Saver {
    folder: PathBuf,
    place: usize,
    threads: usize,
    saved: u64,
    due: Option<Instant>,
    next: Instant,
    failing: bool,
}

impl Saver {
    /// Of the thread at a place. The folder is made when something is saved.
    pub(super) fn new(folder: &Path, place: usize, threads: usize) -> Self {
        Self {
            folder: folder.to_owned(),
            place,
            threads,
            saved: 0,
            due: None,
            next: Instant::now() + EVERY,
            failing: false,
        }
    }

    pub(super) const fn place(&self) -> (usize, usize) {
        (self.place, self.threads)
    }

    fn path(&self, place: usize) -> PathBuf {
        self.folder.join(format!("{place}.state"))
    }

    /// What all threads of the last run had saved, whatever their number was.
    pub(super) fn load(&self) -> Vec<Vec<u8>> {
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        let files = entries.filter_map(Result::ok).map(|entry| entry.path());
        let states = files.filter(|path| path.extension().is_some_and(|e| e == "state"));
        let read = |path: PathBuf| {
            let small = fs::metadata(&path).is_ok_and(|m| m.len() <= FILE_MAX);
            match fs::read(&path) {
                Ok(octets) if small => Some(octets),
                Ok(_) => None,
                Err(e) => {
                    log::warn!(EVENT = "templates_lost"; "cannot read {}: {e}", path.display());
                    None
                }
            }
        };
        states.filter_map(read).collect()
    }

    /// Saves what is new a little later, and everything now and then.
    pub(super) fn turn(&mut self, source: &Source) {
        let learnt = source.learnt();
        if learnt != self.saved && self.due.is_none() {
            self.due = Some(Instant::now() + SETTLE);
        }
        let now = Instant::now();
        let due = self.due.is_some_and(|due| now >= due) || (now >= self.next && self.saved > 0);
        if due {
            self.save(source);
        }
    }

    /// Saves everything: the thread ends.
    pub(super) fn finish(&mut self, source: &Source) {
        if source.learnt() > 0 || self.saved > 0 {
            self.save(source);
        }
        // Files of a run with more threads hold nothing that is not in ours now, or else belongs to nobody.
        if self.place == 0 {
            for place in self.threads.. {
                if fs::remove_file(self.path(place)).is_err() {
                    break;
                }
            }
        }
    }

    fn save(&mut self, source: &Source) {
        self.due = None;
        self.next = Instant::now() + EVERY;
        self.saved = source.learnt();
        match self.write(&source.save()) {
            Ok(()) => self.failing = false,
            Err(e) if !std::mem::replace(&mut self.failing, true) => {
                log::error!(EVENT = "not_saved"; "{} cannot be written, templates are lost at a restart: {e}", self.folder.display());
            }
            Err(_) => {}
        }
    }

    /// Writes the file so that it is there wholly or not at all.
    fn write(&self, octets: &[u8]) -> std::io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let path = self.path(self.place);
        let new = path.with_extension("new");
        let mut file = fs::File::create(&new)?;
        file.write_all(octets)?;
        file.sync_data()?;
        fs::rename(&new, &path)
    }
}
