//! Storing batches: each once, each whole, with as few transactions as there are files.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Block, DeviceFacts, Gauge, InterfaceMinute, LinkId, LogBlock, Timestamp, Window};

use crate::blocks::Blocks;
use crate::day::Day;
use crate::exporters::Parts;
use crate::logs::Logs;
use crate::{BlockId, BlockMeta, Event, Store, StoreError, windows};

/// The number of a batch, unique for ever: a collector's run, and a count within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchKey {
    /// When the collector's run began, nanoseconds since 1970.
    pub epoch: u64,
    /// Counts the run's batches.
    pub sequence: u64,
}

/// What a batch holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Records.
    Block(Block),
    /// Windows of one second of ports, and parts of minutes of exporters.
    Windows(Vec<Window>),
    /// Parts of minutes of exporters' interfaces.
    Interfaces(Vec<InterfaceMinute>),
    /// Readings of exporters' sensors.
    Gauges(Vec<Gauge>),
    /// What is known of exporters.
    Devices(Vec<(LinkId, DeviceFacts)>),
    /// Log records, messages or application logs.
    Logs(LogBlock),
}

/// A batch to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Its number.
    pub key: BatchKey,
    /// What it holds.
    pub content: Content,
}

/// What became of a batch.
#[derive(Debug)]
pub enum Outcome {
    /// It is on disk.
    Stored,
    /// It was on disk before.
    Duplicate,
    /// It can never be stored.
    Refused(StoreError),
    /// It is not on disk; try again later.
    Later(Arc<StoreError>),
}

/// What is known of exporters, as a batch has it.
type Facts = [(LinkId, DeviceFacts)];

/// Blocks by their days, each with its place in the call.
type ByDay<'a, B> = BTreeMap<Day, Vec<(usize, BatchKey, &'a B)>>;

/// Windows that a batch may hold: their places in it have 16 bits.
const WINDOWS_MAX: usize = 1 << 16;

/// What came to be of a call's batches, by their places.
struct Outcomes(Vec<Outcome>);

impl Outcomes {
    fn set(&mut self, at: usize, outcome: Outcome) {
        if let Some(place) = self.0.get_mut(at) {
            *place = outcome;
        }
    }

    fn later(&mut self, places: impl IntoIterator<Item = usize>, problem: StoreError) {
        let problem = Arc::new(problem);
        for at in places {
            self.set(at, Outcome::Later(problem.clone()));
        }
    }

    /// What came of the first of two batches with one number comes of the second.
    fn repeat(&mut self, at: usize, first: usize, batches: &[Batch]) {
        let refused = batches.get(at).and_then(|batch| check(&batch.content).err());
        let outcome = match (self.0.get(first), refused) {
            (Some(Outcome::Later(problem)), _) => Outcome::Later(problem.clone()),
            (Some(Outcome::Refused(_)), Some(problem)) => Outcome::Refused(problem),
            _ => Outcome::Duplicate,
        };
        self.set(at, outcome);
    }

    fn is_stored(&self, at: usize) -> bool {
        matches!(self.0.get(at), Some(Outcome::Stored))
    }
}

/// A call's new batches by the files that they go to, each with its place in the call.
#[derive(Default)]
struct Sorted<'a> {
    blocks: ByDay<'a, Block>,
    logs: ByDay<'a, LogBlock>,
    transactions: ByDay<'a, LogBlock>,
    windows: Vec<(usize, BatchKey, &'a [Window])>,
    exporters: Parts<'a>,
    devices: Vec<(usize, BatchKey, &'a Facts)>,
    /// The places of the batches in `exporters`, which may be in several days' files.
    places: BTreeMap<BatchKey, usize>,
    /// Batches that are there twice in the call: the place of the second and of the first.
    twice: Vec<(usize, usize)>,
}

impl Store {
    /// Stores batches with as few transactions as there are files; one outcome for each.
    ///
    /// The numbers of the batches are stored last, in the file of windows. A batch that is in another file by then, and
    /// comes again because its number is not stored, is known to that file.
    pub fn append(&self, batches: &[Batch], now: Timestamp) -> Vec<Outcome> {
        let keys: Vec<BatchKey> = batches.iter().map(|b| b.key).collect();
        let seen = self.room_for_more().and_then(|()| self.windows.seen(&keys));
        let seen = match seen {
            Ok(seen) => seen,
            Err(problem) => {
                self.mend(&problem, now);
                let problem = Arc::new(problem);
                return batches.iter().map(|_| Outcome::Later(problem.clone())).collect();
            }
        };
        let mut outcomes = Outcomes(batches.iter().map(|_| Outcome::Stored).collect());
        let sorted = self.sort(batches, &seen, &mut outcomes, now);
        // Batches whose contents are on disk and whose numbers are not yet.
        let mut others = Vec::new();
        for (day, list) in &sorted.blocks {
            let appended = self.append_blocks(*day, list, now);
            self.note(list, appended, &mut others, &mut outcomes, now);
        }
        for (logs, sorted) in [(&self.logs, &sorted.logs), (&self.transactions, &sorted.transactions)] {
            for (day, list) in sorted {
                let blocks: Vec<_> = list.iter().map(|(_, key, block)| (*key, *block)).collect();
                let appended = logs.append(*day, &blocks);
                self.note(list, appended, &mut others, &mut outcomes, now);
            }
        }
        self.append_exporters(&sorted, &mut others, &mut outcomes, now);
        self.append_devices(&sorted.devices, &mut others, &mut outcomes, now);
        if !(sorted.windows.is_empty() && others.is_empty()) {
            let list: Vec<_> = sorted.windows.iter().map(|(_, key, list)| (*key, *list)).collect();
            if let Err(problem) = self.windows.append(&list, &others) {
                self.mend(&problem, now);
                // The others are stored all the same.
                outcomes.later(sorted.windows.iter().map(|(at, ..)| *at), problem);
            }
        }
        for (at, first) in sorted.twice {
            outcomes.repeat(at, first, batches);
        }
        outcomes.0
    }

    fn sort<'a>(&self, batches: &'a [Batch], seen: &[bool], outcomes: &mut Outcomes, now: Timestamp) -> Sorted<'a> {
        let mut sorted = Sorted::default();
        let mut first: BTreeMap<BatchKey, usize> = BTreeMap::new();
        for (at, (batch, seen)) in batches.iter().zip(seen).enumerate() {
            if *seen {
                outcomes.set(at, Outcome::Duplicate);
                continue;
            }
            if let Some(first) = first.get(&batch.key) {
                sorted.twice.push((at, *first));
                continue;
            }
            first.insert(batch.key, at);
            if let Err(problem) = check(&batch.content) {
                outcomes.set(at, Outcome::Refused(problem));
                continue;
            }
            match &batch.content {
                Content::Block(block) => {
                    let day = Blocks::day_of(block, now);
                    sorted.blocks.entry(day).or_default().push((at, batch.key, block));
                }
                Content::Windows(list) => sorted.windows.push((at, batch.key, list)),
                Content::Interfaces(minutes) => {
                    self.exporters
                        .file_minutes(&mut sorted.exporters, batch.key, minutes, now);
                    sorted.places.insert(batch.key, at);
                }
                Content::Gauges(gauges) => {
                    self.exporters
                        .file_gauges(&mut sorted.exporters, batch.key, gauges, now);
                    sorted.places.insert(batch.key, at);
                }
                Content::Logs(block) => {
                    let day = Logs::day_of(block, now);
                    let of_class = match block.is_application() {
                        true => &mut sorted.transactions,
                        false => &mut sorted.logs,
                    };
                    of_class.entry(day).or_default().push((at, batch.key, block));
                }
                Content::Devices(devices) => sorted.devices.push((at, batch.key, devices)),
            }
        }
        sorted
    }

    /// Stores a day's blocks, after what is closed and would not be right with them was taken back.
    fn append_blocks(
        &self,
        day: Day,
        list: &[(usize, BatchKey, &Block)],
        now: Timestamp,
    ) -> Result<Vec<bool>, StoreError> {
        let days: Vec<_> = list.iter().map(|(_, _, block)| (day, *block)).collect();
        let coming = match self.hours.begin(&days, now) {
            // Without the damaged file nothing is closed that would have to be taken back.
            Err(problem @ StoreError::Damaged { .. }) => {
                self.mend(&problem, now);
                self.hours.begin(&days, now)?
            }
            coming => coming?,
        };
        let blocks: Vec<_> = list.iter().map(|(_, key, block)| (*key, *block)).collect();
        let new = self.blocks.append(day, &blocks)?;
        let metas = blocks
            .iter()
            .zip(&new)
            .map(|((key, block), new)| new.then(|| meta(day, *key, block)));
        coming.stored(metas);
        Ok(new)
    }

    /// Notes what became of a day's blocks: which are new to it, or why none is stored.
    fn note<B>(
        &self,
        list: &[(usize, BatchKey, &B)],
        appended: Result<Vec<bool>, StoreError>,
        stored: &mut Vec<BatchKey>,
        outcomes: &mut Outcomes,
        now: Timestamp,
    ) {
        match appended {
            Ok(new) => {
                for ((at, key, _), new) in list.iter().zip(new) {
                    stored.push(*key);
                    if !new {
                        outcomes.set(*at, Outcome::Duplicate);
                    }
                }
            }
            Err(problem) => {
                self.mend(&problem, now);
                outcomes.later(list.iter().map(|(at, ..)| *at), problem);
            }
        }
    }

    fn append_exporters(
        &self,
        sorted: &Sorted<'_>,
        stored: &mut Vec<BatchKey>,
        outcomes: &mut Outcomes,
        now: Timestamp,
    ) {
        for (day, parts) in &sorted.exporters {
            match self.exporters.append(*day, parts) {
                Ok(added) if added.gauges_left_out > 0 => self.event(Event::GaugesLeftOut {
                    readings: added.gauges_left_out,
                }),
                Ok(_) => {}
                Err(problem) => {
                    self.mend(&problem, now);
                    let places = parts.keys().filter_map(|key| sorted.places.get(key).copied());
                    outcomes.later(places, problem);
                }
            }
        }
        // All of a batch's days have it, or it comes again.
        let whole = sorted.places.iter().filter(|(_, at)| outcomes.is_stored(**at));
        stored.extend(whole.map(|(key, _)| *key));
    }

    fn append_devices(
        &self,
        devices: &[(usize, BatchKey, &Facts)],
        stored: &mut Vec<BatchKey>,
        outcomes: &mut Outcomes,
        now: Timestamp,
    ) {
        if devices.is_empty() {
            return;
        }
        let list: Vec<_> = devices.iter().map(|(_, key, devices)| (*key, *devices)).collect();
        match self.devices.put(&list, now) {
            Ok(()) => stored.extend(list.iter().map(|(key, _)| *key)),
            Err(problem) => {
                self.mend(&problem, now);
                outcomes.later(devices.iter().map(|(at, ..)| *at), problem);
            }
        }
    }
}

fn meta(day: Day, batch: BatchKey, block: &Block) -> BlockMeta {
    BlockMeta {
        id: BlockId {
            day,
            key: (block.max_end().as_nanos(), batch.epoch, batch.sequence),
        },
        min_start: block.min_start(),
        max_end: block.max_end(),
        records: u32::try_from(block.len()).unwrap_or(u32::MAX),
    }
}

/// Whether a collector may send such contents.
fn check(content: &Content) -> Result<(), StoreError> {
    match content {
        Content::Windows(list) if list.len() > WINDOWS_MAX => Err(StoreError::TooMany {
            found: list.len(),
            most: WINDOWS_MAX,
        }),
        Content::Windows(list) => match list.iter().find(|w| !is_sound(w)) {
            Some(w) => Err(StoreError::Window {
                link: w.link,
                start: w.start,
                seconds: w.seconds,
            }),
            None => Ok(()),
        },
        Content::Interfaces(minutes) => match minutes.iter().find(|m| !is_sound_part(m)) {
            Some(m) => Err(StoreError::InterfaceMinute {
                exporter: m.interface.exporter,
                index: m.interface.index,
                start: m.start,
                seconds: m.seconds,
            }),
            None => Ok(()),
        },
        Content::Block(_) | Content::Logs(_) | Content::Gauges(_) | Content::Devices(_) => Ok(()),
    }
}

/// Whether a collector may send such a window: one second of a port, one minute of an exporter.
fn is_sound(window: &Window) -> bool {
    let exporter = window.link.exporter().is_some();
    let seconds = if exporter { 60 } else { 1 };
    window.link != windows::ALL_EXPORTERS
        && window.seconds == seconds
        && window.start == aggregate::align(window.start, seconds)
}

fn is_sound_part(minute: &InterfaceMinute) -> bool {
    minute.interface.exporter.exporter().is_some()
        && minute.seconds <= 60
        && minute.start == aggregate::align(minute.start, 60)
}
