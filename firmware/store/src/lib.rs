//! The analyzer's disk: blocks of flow records, windows, and a little state, in redb files.
//!
//! What [`Store::append`] answers `Stored` for is on disk, whatever happens next. A batch is stored
//! once, however often it comes. A full disk or a damaged file stops neither the rest nor answers.

mod alarms;
mod append;
mod blocks;
mod candidates;
mod check;
mod closing;
mod day;
mod dayfiles;
mod devices;
mod disk;
mod error;
mod exporters;
mod file;
mod hour;
mod hour_index;
mod hours;
mod logs;
mod retention;
mod rice;
mod seen;
mod state;
mod storage;
mod value;
mod windows;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use model::{
    Alarm, DeviceFacts, Dimension, Gauge, GaugeKind, InterfaceFacts, InterfaceId, InterfaceMinute, LinkId, Timestamp,
    TopTable, Window,
};

use blocks::Blocks;
use devices::Devices;
use exporters::Exporters;
use file::DbFile;
use hours::Hours;
use logs::Logs;
use retention::Upkeep;
use state::State;
use windows::Windows;

pub use append::{Batch, BatchKey, Content, Outcome};
pub use blocks::{Filter, Found, InterfaceRecord, Walked};
pub use candidates::{BlockId, BlockMeta, Candidates, Probe};
pub use check::{FileCheck, FileStats, TableStats};
pub use closing::{DayToClose, DayToken, HourToClose, HourToken};
pub use disk::{Disk, Folder, Room};
pub use error::StoreError;
pub use file::file_in_use;
pub use hour::{Hour, Period, RollupRow};
pub use hour_index::{HourIndex, HourIndexBuilder};
pub use logs::{LogCursor, LogSearch, LogsFound, ParseLogCursorError};
pub use retention::{Keep, Removed, RemovedWhy};
pub use storage::{ClassFacts, NextRemoval, StorageFacts};
pub use windows::{ALL_EXPORTERS, Grain, Row};

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Something was removed.
    Forgotten {
        /// The file, or the day of what has no files of its own.
        file: String,
        /// Why.
        reason: &'static str,
    },
    /// A damaged file was renamed.
    SetAside {
        /// The file.
        file: String,
        /// Its name now.
        aside: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An exporter has more gauges than are kept.
    GaugesLeftOut {
        /// Readings that were not kept.
        readings: usize,
    },
}

/// The files in the analyzer's folder. Reads and writes may run in several threads; `append` and
/// `maintain` are meant for one.
#[derive(Debug)]
pub struct Store {
    disk: Arc<dyn Disk>,
    keep: RwLock<Keep>,
    upkeep: Upkeep,
    blocks: Blocks,
    hours: Hours,
    windows: Windows,
    exporters: Exporters,
    devices: Devices,
    logs: Logs,
    /// Application logs.
    transactions: Logs,
    state: State,
    events: Mutex<Vec<Event>>,
    /// Damage that queries found.
    found: Mutex<Vec<StoreError>>,
}

impl Store {
    /// Opens the folder's files. Damaged ones are set aside: see [`Store::take_events`].
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn open(disk: Arc<dyn Disk>, keep: Keep, now: Timestamp) -> Result<Self, StoreError> {
        let names = disk.list().map_err(|source| StoreError::Disk {
            doing: "reading the data folder".to_owned(),
            source,
        })?;
        for (name, _) in names.iter().filter(|(name, _)| name.ends_with(file::UNFINISHED)) {
            // Nobody was promised what is in it; on a disk that can only be read it stays.
            let _ = disk.remove(name);
        }
        let store = Self {
            blocks: Blocks::open(disk.clone(), &names),
            hours: Hours::new(&disk),
            windows: Windows::new(disk.clone()),
            exporters: Exporters::open(disk.clone(), keep.minutes / 86_400, &names),
            devices: Devices::new(disk.clone()),
            logs: Logs::open(disk.clone(), logs::MESSAGES, &names),
            transactions: Logs::open(disk.clone(), logs::TRANSACTIONS, &names),
            state: State::new(disk.clone()),
            events: Mutex::new(Vec::new()),
            found: Mutex::new(Vec::new()),
            disk,
            keep: RwLock::new(keep),
            upkeep: Upkeep::default(),
        };
        // The newest files are used at once: that they open is known before the first batch.
        let nobody = Some(LinkId::default());
        let problems = [
            store.windows.span(0).err(),
            store.state.all().err(),
            store.devices.interfaces(nobody).err(),
            store.exporters.newest_minutes(nobody, (now, now), 1).err(),
        ];
        for problem in problems.into_iter().flatten() {
            store.mend(&problem, now);
        }
        let newest_log = LogSearch {
            from: now,
            to: now,
            limit: 1,
            ..LogSearch::default()
        };
        let newest = store.blocks.files().days().pop();
        let blocks = newest.and_then(|day| store.blocks.list(day, day.next().start()).err());
        let logs = [&store.logs, &store.transactions].map(|logs| logs.search(&newest_log, || true).problems);
        for problem in blocks.into_iter().chain(logs.into_iter().flatten()) {
            store.mend(&problem, now);
        }
        store.load_hours(now);
        Ok(store)
    }

    /// Reads which hours are closed; damaged files are set aside, and what they had is made anew in time.
    fn load_hours(&self, now: Timestamp) {
        // Once as it is, once without what was damaged then.
        for _ in 0..2 {
            let problems = self.hours.load(&self.blocks, now);
            let mut changed = false;
            for problem in &problems {
                changed |= self.set_aside(problem, now);
            }
            if !changed {
                return;
            }
        }
    }

    /// Rolls seconds into minutes and removes what is too old or what a full disk has no room for.
    /// Answers whether there is more to do at once.
    ///
    /// # Errors
    /// When the disk fails; the store goes on.
    pub fn maintain(&self, now: Timestamp) -> Result<bool, StoreError> {
        let found = std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner));
        found.iter().for_each(|problem| self.mend(problem, now));
        self.forget_old(now)?;
        let (seconds, minutes) = self.oldest_windows(now)?;
        let rolled = self
            .windows
            .maintain(now, seconds, minutes)
            .inspect_err(|problem| self.mend(problem, now))?;
        self.note_gone(&rolled.gone, now)?;
        Ok(rolled != windows::Rolled::default())
    }

    fn room(&self) -> Result<Room, StoreError> {
        self.disk.room().map_err(|source| StoreError::Disk {
            doing: "asking for the disk's free space".to_owned(),
            source,
        })
    }

    fn room_for_more(&self) -> Result<(), StoreError> {
        let available = self.room()?.available;
        let needed = self.keep.read().unwrap_or_else(PoisonError::into_inner).reserve;
        if available < needed {
            return Err(StoreError::Reserve { available, needed });
        }
        Ok(())
    }

    /// Sets a damaged file aside, so that the next write begins a new one.
    fn mend(&self, problem: &StoreError, now: Timestamp) {
        if self.set_aside(problem, now) {
            self.load_hours(now);
        }
    }

    /// Sets a damaged file aside; answers whether the hours have to be read anew.
    fn set_aside(&self, problem: &StoreError, now: Timestamp) -> bool {
        let StoreError::Damaged { file, reason } = problem else {
            return false;
        };
        let known: [&DbFile; 5] = [
            self.windows.file(),
            self.state.file(),
            self.devices.file(),
            self.hours.index.file(),
            self.hours.rollups.file(),
        ];
        let day = self.blocks.files().day_of(file);
        if let Some(day) = day {
            // Its rollups are all that is left of the day. Where that cannot be noted, they may be made anew from less.
            let _ = self.hours.freeze(day);
        }
        let aside = match known.into_iter().find(|f| f.name() == file) {
            Some(found) => Some(found.set_aside(now)),
            None => [
                self.blocks.files(),
                self.logs.files(),
                self.transactions.files(),
                self.exporters.files(),
            ]
            .into_iter()
            .find_map(|files| files.set_aside(file, now)),
        };
        if let Some(Ok(aside)) = aside {
            self.event(Event::SetAside {
                file: file.clone(),
                aside,
                reason: reason.clone(),
            });
            return day.is_some() || [hours::INDEX, hours::ROLLUPS].contains(&file.as_str());
        }
        false
    }

    fn event(&self, event: Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    /// What happened since this was last asked.
    pub fn take_events(&self) -> Vec<Event> {
        std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records that the filter takes, that end at or after `from` and start before `to`, the latest end first. `go_on`
    /// is asked before each block that is read: where it says no, what was found until then is the answer.
    #[must_use]
    pub fn records(
        &self,
        span: (Timestamp, Timestamp),
        limit: usize,
        filter: &Filter,
        go_on: impl Fn() -> bool,
    ) -> Found {
        self.blocks.records(span, limit, filter, go_on)
    }

    /// Gives each record that came in or left by the interface, ends at or after `from` and starts before `to` to
    /// `each`, block by block from the newest. `go_on` is asked before each block that is read, with the number of
    /// records in the blocks that were read until then.
    #[must_use]
    pub fn interface_records(
        &self,
        interface: InterfaceId,
        span: (Timestamp, Timestamp),
        go_on: impl Fn(u64) -> bool,
        each: impl FnMut(&InterfaceRecord),
    ) -> Walked {
        self.blocks.interface_records(interface, span, go_on, each)
    }

    /// Log records, newest first. `go_on` is asked before each block that may hold something: where it says no, the page
    /// ends there, and the next one goes on.
    #[must_use]
    pub fn logs(&self, search: &LogSearch, go_on: impl FnMut() -> bool) -> LogsFound {
        let logs = match search.transactions {
            true => &self.transactions,
            false => &self.logs,
        };
        logs.search(search, go_on)
    }

    /// Tells of a problem that a query found. A damaged file is set aside at the next upkeep: by the
    /// thread that writes, lest a batch is committed to a file that is no longer served.
    pub fn report(&self, problem: StoreError) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() < 64 {
            found.push(problem);
        }
    }

    /// Gives each stored window of the links that starts in `[from, to)` to `each`, with the dimension's table
    /// where one is asked for. Seconds come in order of time; with [`Grain::Minute`] they come before the minutes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn scan(
        &self,
        span: (Timestamp, Timestamp),
        links: &RangeInclusive<LinkId>,
        grain: Grain,
        dimension: Option<Dimension>,
        each: impl FnMut(Row, TopTable),
    ) -> Result<(), StoreError> {
        let span = (span.0.as_secs(), span.1.as_secs());
        self.windows.scan(span, links, grain, dimension, each)
    }

    /// Whole windows of one second that start in `[from, to)`, in order of time.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn seconds(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Window>, StoreError> {
        self.windows.seconds(from.as_secs(), to.as_secs())
    }

    /// The starts of the oldest window that is kept and of the newest second before `before`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn span(&self, before: Timestamp) -> Result<(Option<Timestamp>, Option<Timestamp>), StoreError> {
        self.windows.span(before.as_secs())
    }

    /// Gives an interface's minutes that start in `[from, to)` to `each`: by source in order of time.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn interface_minutes(
        &self,
        interface: InterfaceId,
        from: Timestamp,
        to: Timestamp,
        each: impl FnMut(InterfaceMinute),
    ) -> Result<(), StoreError> {
        self.exporters.minutes(interface, from, to, each)
    }

    /// The newest minutes, at most `few` of each interface and source, of one exporter or of all, that start in
    /// `[from, to)`: by interface and source, the newest first.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn newest_interface_minutes(
        &self,
        exporter: Option<LinkId>,
        span: (Timestamp, Timestamp),
        few: usize,
    ) -> Result<Vec<InterfaceMinute>, StoreError> {
        self.exporters.newest_minutes(exporter, span, few)
    }

    /// Gives an exporter's readings of a kind, and of a name where one is given, in `[from, to)` to `each`: of one name
    /// in order of time.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn gauges(
        &self,
        exporter: LinkId,
        which: (GaugeKind, Option<&str>),
        span: (Timestamp, Timestamp),
        each: impl FnMut(Gauge),
    ) -> Result<(), StoreError> {
        self.exporters.gauges(exporter, which, span, each)
    }

    /// The newest reading of each of an exporter's gauges in `[from, to)`.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn newest_gauges(&self, exporter: LinkId, span: (Timestamp, Timestamp)) -> Result<Vec<Gauge>, StoreError> {
        self.exporters.newest_gauges(exporter, span)
    }

    /// What is known of an exporter, and when a part of it was last stored.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn device(&self, exporter: LinkId) -> Result<(DeviceFacts, Option<Timestamp>), StoreError> {
        self.devices.get(exporter)
    }

    /// What is known of the interfaces of one exporter, or of all.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn interface_facts(
        &self,
        exporter: Option<LinkId>,
    ) -> Result<BTreeMap<LinkId, Vec<InterfaceFacts>>, StoreError> {
        self.devices.interfaces(exporter)
    }

    /// Keeps a small value under a name; what was there before is replaced.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put_state(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.state.put(name, value)
    }

    /// All small values by name.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn state(&self) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        self.state.all()
    }

    /// Gives alarms to `each`, the last number first, from the one below `before` on, until it says no.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn alarms(&self, before: Option<u64>, each: impl FnMut(Alarm) -> bool) -> Result<(), StoreError> {
        self.state.alarms(before, each)
    }

    /// Writes and removes alarms, and keeps a small value under a name, in one go: all of it is on disk, or nothing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put_alarms(&self, changed: &[Alarm], removed: &[u64], state: (&str, &[u8])) -> Result<(), StoreError> {
        self.state.put_alarms(changed, removed, state)
    }

    /// Octets that the files take, and the names of those that were set aside.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn usage(&self) -> Result<(u64, Vec<String>), StoreError> {
        let files = self.disk.list().map_err(|source| StoreError::Disk {
            doing: "reading the data folder".to_owned(),
            source,
        })?;
        let octets = files.iter().map(|(_, octets)| octets).sum();
        let aside = files
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| name.contains(".damaged-"));
        Ok((octets, aside.collect()))
    }
}
