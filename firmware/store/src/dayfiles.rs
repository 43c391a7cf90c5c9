//! Files of one kind, one a day, so that forgetting a day is unlinking a file.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Timestamp;

use crate::StoreError;
use crate::day::Day;
use crate::disk::Disk;
use crate::file::DbFile;

/// Days whose files stay open.
const NEWEST: usize = 2;
/// Files of older days that stay open after they were read.
const OLDER_OPEN: usize = 4;

/// The files of one kind. The newest two stay open, and of the others those that were read last.
#[derive(Debug)]
pub(crate) struct DayFiles {
    disk: Arc<dyn Disk>,
    kind: &'static str,
    cache_bytes: usize,
    files: Mutex<BTreeMap<Day, Arc<DbFile>>>,
    /// Older days whose files are open, the one that was read last at the end.
    read_last: Mutex<VecDeque<Day>>,
}

impl DayFiles {
    /// The files named `KIND-YYYYMMDD.redb` among `names`; each has `cache_bytes` for its pages.
    pub(crate) fn open(disk: Arc<dyn Disk>, kind: &'static str, cache_bytes: usize, names: &[(String, u64)]) -> Self {
        let days = names.iter().filter_map(|(name, _)| Day::from_file_name(kind, name));
        let file = |day: Day| Arc::new(DbFile::new(disk.clone(), day.file_name(kind), cache_bytes));
        Self {
            files: Mutex::new(days.map(|day| (day, file(day))).collect()),
            read_last: Mutex::default(),
            kind,
            cache_bytes,
            disk,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Day, Arc<DbFile>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The days that there are files of, the oldest first.
    pub(crate) fn days(&self) -> Vec<Day> {
        self.lock().keys().copied().collect()
    }

    /// The days whose files may hold something from `from` on and, as long as nothing is filed later than its own
    /// day, before `to`; the oldest first. What a wrong clock made later than tomorrow is in the newest file.
    pub(crate) fn days_between(&self, from: Timestamp, to: Timestamp) -> Vec<Day> {
        let files = self.lock();
        let Some((newest, _)) = files.last_key_value() else {
            return Vec::new();
        };
        let first = Day::of(from).min(*newest);
        let last = Day::of(to).max(first);
        files.range(first..=last).map(|(day, _)| *day).collect()
    }

    /// A day's file to be written, which is then made where there is none.
    pub(crate) fn file(&self, day: Day) -> Arc<DbFile> {
        let mut files = self.lock();
        let make = || {
            Arc::new(DbFile::new(
                self.disk.clone(),
                day.file_name(self.kind),
                self.cache_bytes,
            ))
        };
        let file = files.entry(day).or_insert_with(make).clone();
        settle(&files, day, &file);
        file
    }

    /// A day's file to be read, if there is one.
    pub(crate) fn existing(&self, day: Day) -> Option<Arc<DbFile>> {
        let files = self.lock();
        let file = files.get(&day)?.clone();
        settle(&files, day, &file);
        Some(file)
    }

    /// Closes old days' files but those that were used last.
    pub(crate) fn close_if_old(&self, day: Day) {
        let files = self.lock();
        let mut last = self.read_last.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|other| *other != day);
        if is_old(&files, day) {
            last.push_back(day);
        }
        while last.len() > OLDER_OPEN
            && let Some(old) = last.pop_front()
        {
            if let Some(file) = files.get(&old).filter(|_| is_old(&files, old)) {
                file.close();
            }
        }
    }

    /// Removes a day's file; answers its name.
    pub(crate) fn forget(&self, day: Day) -> Result<String, StoreError> {
        let file = self.lock().remove(&day);
        if let Some(file) = file {
            file.retire();
        }
        let name = day.file_name(self.kind);
        self.disk.remove(&name).map_err(|source| StoreError::Disk {
            doing: format!("removing {name}"),
            source,
        })?;
        Ok(name)
    }

    /// The name of a day's file.
    pub(crate) fn name(&self, day: Day) -> String {
        day.file_name(self.kind)
    }

    /// Whether there is a file of the day.
    pub(crate) fn has(&self, day: Day) -> bool {
        self.lock().contains_key(&day)
    }

    /// The day of a file of this kind, by its name.
    pub(crate) fn day_of(&self, name: &str) -> Option<Day> {
        Day::from_file_name(self.kind, name)
    }

    /// Renames a damaged file of this kind; the next write of that day begins a new one.
    pub(crate) fn set_aside(&self, name: &str, now: Timestamp) -> Option<Result<String, StoreError>> {
        let file = self.lock().remove(&Day::from_file_name(self.kind, name)?)?;
        file.retire();
        Some(file.set_aside(now))
    }
}

/// Whether a day is older than those whose files stay open.
fn is_old(files: &BTreeMap<Day, Arc<DbFile>>, day: Day) -> bool {
    files.keys().rev().take(NEWEST).all(|newer| *newer != day)
}

fn settle(files: &BTreeMap<Day, Arc<DbFile>>, day: Day, file: &DbFile) {
    file.settle(is_old(files, day));
}
