//! How far an import is, on a terminal.

use std::cell::Cell;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::flows::text::{count, octets};

const EVERY: Duration = Duration::from_millis(200);

/// A line that is written again and again.
pub(super) struct Progress {
    shown: bool,
    files: usize,
    file: usize,
    name: String,
    size: u64,
    last: Cell<Instant>,
    drawn: Cell<bool>,
}

impl Progress {
    /// Of so many files; nothing is shown where nobody looks.
    pub(super) fn new(files: usize) -> Self {
        Self {
            shown: std::io::stderr().is_terminal(),
            files,
            file: 0,
            name: String::new(),
            size: 0,
            last: Cell::new(Instant::now()),
            drawn: Cell::new(false),
        }
    }

    /// The next file begins.
    pub(super) fn begin(&mut self, name: &str, path: &Path) {
        self.file += 1;
        self.name = name.chars().filter(|c| !c.is_control()).collect();
        self.size = std::fs::metadata(path).map_or(0, |about| about.len());
    }

    /// Hours are next.
    pub(super) fn of_hours(&mut self) {
        self.clear();
        self.last.set(Instant::now());
    }

    /// Hours that have index and rollups now.
    pub(super) fn tick_hours(&self, hours: u64) {
        self.draw(|| format!("index and rollups: {}", count(hours, "hour")));
    }

    /// Octets and records that were read.
    pub(super) fn tick(&self, read: u64, records: u64) {
        self.draw(|| {
            let share = match read.checked_mul(100).and_then(|read| read.checked_div(self.size)) {
                Some(percent @ 0..=100) => format!("{percent} %"),
                // A gzipped file is larger than it looks.
                _ => octets(read),
            };
            let records = count(records, "record");
            format!("[{}/{}] {}: {share}, {records}", self.file, self.files, self.name)
        });
    }

    fn draw(&self, line: impl FnOnce() -> String) {
        if !self.shown || self.last.get().elapsed() < EVERY {
            return;
        }
        self.last.set(Instant::now());
        self.drawn.set(true);
        let mut out = std::io::stderr();
        let _ = write!(out, "\r\x1b[K{}", line()).and_then(|()| out.flush());
    }

    /// Takes the line away.
    pub(super) fn clear(&self) {
        if self.drawn.replace(false) {
            let mut out = std::io::stderr();
            let _ = write!(out, "\r\x1b[K").and_then(|()| out.flush());
        }
    }
}
