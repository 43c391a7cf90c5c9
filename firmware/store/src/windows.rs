//! Windows: seconds for hours, minutes for weeks, in one redb file with the numbers of the batches
//! that brought them, so that a batch and its number are stored together or not at all.
//!
//! A second is rolled into its minute once. Until then it stands in `unrolled`: minutes and
//! unrolled seconds together are each second exactly once, whatever came late.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use model::{Dimension, LinkCounters, LinkId, Timestamp, TopTable, Window};
use redb::{ReadTransaction, ReadableTable, TableDefinition, TableError, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::disk::Disk;
use crate::file::DbFile;
use crate::seen::Seen;
use crate::{BatchKey, StoreError};

/// (start in seconds, link, epoch, sequence, place in the batch).
type SecondKey = (u64, u32, u64, u64, u16);
/// The same, and the dimension.
type SecondTopKey = (u64, u32, u64, u64, u16, u8);
/// (start in seconds, link).
type MinuteKey = (u64, u32);
type MinuteTopKey = (u64, u32, u8);

const SECONDS: TableDefinition<SecondKey, &[u8]> = TableDefinition::new("seconds");
const SECOND_TOPS: TableDefinition<SecondTopKey, &[u8]> = TableDefinition::new("second_tops");
const MINUTES: TableDefinition<MinuteKey, &[u8]> = TableDefinition::new("minutes");
const MINUTE_TOPS: TableDefinition<MinuteTopKey, &[u8]> = TableDefinition::new("minute_tops");
const UNROLLED: TableDefinition<SecondKey, ()> = TableDefinition::new("unrolled");
/// Epoch → the sequences that are stored.
const BATCHES: TableDefinition<u64, &[u8]> = TableDefinition::new("batches");

pub(crate) const FILE: &str = "windows.redb";
const CACHE_BYTES: usize = 6 << 20;
/// The version of the values in this file.
const VERSION: u8 = 2;
/// Seconds after its end that a minute waits for stragglers; later ones are rolled in later.
const GRACE_S: u64 = 5;
/// Minutes rolled, and rows pruned, in one transaction.
const ROLLS_MAX: usize = 16;
const PRUNES_MAX: usize = 4_096;
/// The most octets that a table may take when decompressed.
const TABLE_MAX: usize = 1 << 20;

const DIMENSIONS: [Dimension; 4] = [
    Dimension::Host,
    Dimension::Protocol,
    Dimension::App,
    Dimension::Conversation,
];

const fn dimension_number(dimension: Dimension) -> u8 {
    match dimension {
        Dimension::Host => 1,
        Dimension::Protocol => 2,
        Dimension::App => 3,
        Dimension::Conversation => 4,
    }
}

fn table_of(window: &Window, dimension: Dimension) -> &TopTable {
    match dimension {
        Dimension::Host => &window.hosts,
        Dimension::Protocol => &window.protocols,
        Dimension::App => &window.apps,
        Dimension::Conversation => &window.conversations,
    }
}

/// How fine an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// Windows of one second, as far back as they are kept.
    Second,
    /// Windows of one minute, and the seconds that are in none yet.
    Minute,
}

/// A stored window's counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The link.
    pub link: LinkId,
    /// The start.
    pub start: Timestamp,
    /// The length in seconds: 1 or 60.
    pub seconds: u32,
    /// The seconds within that there were windows of: bit 0 is the first.
    pub covered: u64,
    /// The counters.
    pub counters: LinkCounters,
}

/// The file of windows.
#[derive(Debug)]
pub(crate) struct Windows {
    file: DbFile,
}

/// What a pass of roll-up did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rolled {
    pub(crate) minutes: usize,
    pub(crate) pruned: usize,
}

impl Windows {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            file: DbFile::new(disk, FILE.to_owned(), CACHE_BYTES),
        }
    }

    pub(crate) fn file(&self) -> &DbFile {
        &self.file
    }

    /// Which of the batches are stored already.
    pub(crate) fn seen(&self, batches: &[BatchKey]) -> Result<Vec<bool>, StoreError> {
        self.file.read(|txn| {
            let Some(table) = opened(txn.open_table(BATCHES))? else {
                return Ok(vec![false; batches.len()]);
            };
            let mut epochs: BTreeMap<u64, Seen> = BTreeMap::new();
            let mut answers = Vec::with_capacity(batches.len());
            for batch in batches {
                if let std::collections::btree_map::Entry::Vacant(place) = epochs.entry(batch.epoch) {
                    let stored = table.get(batch.epoch)?;
                    place.insert(stored.map_or(Ok(Seen::default()), |v| decode(v.value()))?);
                }
                answers.push(epochs.get(&batch.epoch).is_some_and(|s| s.contains(batch.sequence)));
            }
            Ok(answers)
        })
    }

    /// Stores windows, and the numbers of these and of other batches, in one transaction.
    pub(crate) fn append(&self, windows: &[(BatchKey, &[Window])], others: &[BatchKey]) -> Result<(), StoreError> {
        self.file.write(|txn| {
            let mut seconds = txn.open_table(SECONDS)?;
            let mut tops = txn.open_table(SECOND_TOPS)?;
            let mut unrolled = txn.open_table(UNROLLED)?;
            for (batch, windows) in windows {
                for (place, window) in (0u16..).zip(*windows) {
                    let start = window.start.as_secs();
                    let key = (start, window.link.0, batch.epoch, batch.sequence, place);
                    seconds.insert(key, encode(&(1u64, &window.counters))?.as_slice())?;
                    unrolled.insert(key, ())?;
                    for dimension in DIMENSIONS {
                        let table = table_of(window, dimension);
                        if *table != TopTable::default() {
                            let key = (key.0, key.1, key.2, key.3, key.4, dimension_number(dimension));
                            tops.insert(key, pack(table)?.as_slice())?;
                        }
                    }
                }
            }
            let mut table = txn.open_table(BATCHES)?;
            let mut epochs: BTreeMap<u64, Seen> = BTreeMap::new();
            for batch in windows.iter().map(|(batch, _)| batch).chain(others) {
                if let std::collections::btree_map::Entry::Vacant(place) = epochs.entry(batch.epoch) {
                    let stored = table.get(batch.epoch)?;
                    place.insert(stored.map_or(Ok(Seen::default()), |v| decode(v.value()))?);
                }
                if let Some(seen) = epochs.get_mut(&batch.epoch) {
                    seen.insert(batch.sequence);
                }
            }
            for (epoch, seen) in epochs {
                table.insert(epoch, encode(&seen)?.as_slice())?;
            }
            while redb::ReadableTableMetadata::len(&table)? > Seen::EPOCHS_MAX {
                table.pop_first()?;
            }
            Ok(())
        })
    }

    /// Rolls seconds into minutes that are over, and forgets what is older than the two ages.
    /// One bounded transaction; call again while it answers that it did something.
    pub(crate) fn maintain(&self, now: Timestamp, seconds_kept: u64, minutes_kept: u64) -> Result<Rolled, StoreError> {
        let now = now.as_secs();
        let (over, old_seconds, old_minutes) = (
            now.saturating_sub(GRACE_S) / 60 * 60,
            now.saturating_sub(seconds_kept),
            now.saturating_sub(minutes_kept),
        );
        // Most passes find nothing: a read tells without a commit.
        let due = self.file.read(|txn| {
            let Some(unrolled) = opened(txn.open_table(UNROLLED))? else {
                return Ok(false);
            };
            let before = |key: Option<u64>, limit: u64| key.is_some_and(|k| k < limit);
            let first_unrolled = unrolled.first()?.map(|(k, _)| k.value().0);
            let first_second = txn.open_table(SECONDS)?.first()?.map(|(k, _)| k.value().0);
            let first_minute = opened(txn.open_table(MINUTES))?
                .map(|t| Ok::<_, redb::Error>(t.first()?.map(|(k, _)| k.value().0)))
                .transpose()?
                .flatten();
            Ok(before(first_unrolled, over)
                || before(first_second, old_seconds.min(over))
                || before(first_minute, old_minutes))
        })?;
        if !due {
            return Ok(Rolled::default());
        }
        self.file.write(|txn| {
            let minutes = roll(txn, over)?;
            // What is not rolled yet must stay.
            let pruned = if minutes == ROLLS_MAX {
                0
            } else {
                prune(txn, old_seconds.min(over), old_minutes)?
            };
            Ok(Rolled { minutes, pruned })
        })
    }

    /// Gives each stored window that starts in `[from, to)` to `each`, with the table of the
    /// dimension that was asked for.
    pub(crate) fn scan(
        &self,
        (from, to): (u64, u64),
        links: &RangeInclusive<LinkId>,
        grain: Grain,
        dimension: Option<Dimension>,
        mut each: impl FnMut(Row, TopTable),
    ) -> Result<(), StoreError> {
        let wanted = |number: u32| links.contains(&LinkId(number));
        self.file.read(|txn| {
            let Some(tables) = Tables::open(txn)? else {
                return Ok(());
            };
            let mut second = |key: SecondKey, value: &[u8]| {
                let top = dimension.map_or(Ok(TopTable::default()), |d| tables.second_top(key, d))?;
                let (covered, counters) = decode(value)?;
                each(
                    Row {
                        link: LinkId(key.1),
                        start: Timestamp::from_secs(key.0),
                        seconds: 1,
                        covered,
                        counters,
                    },
                    top,
                );
                Ok::<_, redb::Error>(())
            };
            let span = (from, 0, 0, 0, 0)..(to.max(from), 0, 0, 0, 0);
            match grain {
                Grain::Second => {
                    for entry in tables.seconds.range(span)? {
                        let (key, value) = entry?;
                        if wanted(key.value().1) {
                            second(key.value(), value.value())?;
                        }
                    }
                }
                Grain::Minute => {
                    for entry in tables.unrolled.range(span)? {
                        let key = entry?.0.value();
                        if wanted(key.1)
                            && let Some(value) = tables.seconds.get(key)?
                        {
                            second(key, value.value())?;
                        }
                    }
                    let Some(minutes) = opened(txn.open_table(MINUTES))? else {
                        return Ok(());
                    };
                    for entry in minutes.range((from, 0)..(to.max(from), 0))? {
                        let (key, value) = entry?;
                        let key = key.value();
                        if wanted(key.1) {
                            let (covered, counters) = decode(value.value())?;
                            let top = dimension.map_or(Ok(TopTable::default()), |d| minute_top(txn, key, d))?;
                            each(
                                Row {
                                    link: LinkId(key.1),
                                    start: Timestamp::from_secs(key.0),
                                    seconds: 60,
                                    covered,
                                    counters,
                                },
                                top,
                            );
                        }
                    }
                }
            }
            Ok(())
        })
    }

    /// Whole windows of one second that start in `[from, to)`, in order of time.
    pub(crate) fn seconds(&self, from: u64, to: u64) -> Result<Vec<Window>, StoreError> {
        self.file.read(|txn| {
            let Some(tables) = Tables::open(txn)? else {
                return Ok(Vec::new());
            };
            let mut windows = Vec::new();
            for entry in tables.seconds.range((from, 0, 0, 0, 0)..(to.max(from), 0, 0, 0, 0))? {
                let (key, value) = entry?;
                windows.push(tables.window(key.value(), value.value())?);
            }
            Ok(windows)
        })
    }

    /// The starts of the oldest window of all and of the newest second before `before`.
    pub(crate) fn span(&self, before: u64) -> Result<(Option<Timestamp>, Option<Timestamp>), StoreError> {
        self.file.read(|txn| {
            let seconds = opened(txn.open_table(SECONDS))?;
            let minutes = opened(txn.open_table(MINUTES))?;
            let (mut oldest, mut newest) = (None, None);
            if let Some(seconds) = seconds {
                oldest = seconds.first()?.map(|(k, _)| k.value().0);
                newest = seconds
                    .range(..(before, 0, 0, 0, 0))?
                    .next_back()
                    .transpose()?
                    .map(|(k, _)| k.value().0);
            }
            if let Some(minutes) = minutes {
                let first = minutes.first()?.map(|(k, _)| k.value().0);
                oldest = [oldest, first].into_iter().flatten().min();
            }
            Ok((oldest.map(Timestamp::from_secs), newest.map(Timestamp::from_secs)))
        })
    }
}

/// A table; `None` where nothing was ever written to it.
fn opened<T>(table: Result<T, TableError>) -> Result<Option<T>, redb::Error> {
    match table {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// The tables of seconds, open for reading.
struct Tables {
    seconds: redb::ReadOnlyTable<SecondKey, &'static [u8]>,
    tops: redb::ReadOnlyTable<SecondTopKey, &'static [u8]>,
    unrolled: redb::ReadOnlyTable<SecondKey, ()>,
}

impl Tables {
    fn open(txn: &ReadTransaction) -> Result<Option<Self>, redb::Error> {
        let Some(seconds) = opened(txn.open_table(SECONDS))? else {
            return Ok(None);
        };
        Ok(Some(Self {
            seconds,
            tops: txn.open_table(SECOND_TOPS)?,
            unrolled: txn.open_table(UNROLLED)?,
        }))
    }

    fn second_top(&self, key: SecondKey, dimension: Dimension) -> Result<TopTable, redb::Error> {
        second_top(&self.tops, key, dimension)
    }

    fn window(&self, key: SecondKey, value: &[u8]) -> Result<Window, redb::Error> {
        window(&self.tops, key, value)
    }
}

fn second_top(
    tops: &impl ReadableTable<SecondTopKey, &'static [u8]>,
    key: SecondKey,
    dimension: Dimension,
) -> Result<TopTable, redb::Error> {
    let key = (key.0, key.1, key.2, key.3, key.4, dimension_number(dimension));
    tops.get(key)?.map_or(Ok(TopTable::default()), |v| unpack(v.value()))
}

fn window(
    tops: &impl ReadableTable<SecondTopKey, &'static [u8]>,
    key: SecondKey,
    value: &[u8],
) -> Result<Window, redb::Error> {
    let (_, counters): (u64, LinkCounters) = decode(value)?;
    Ok(Window {
        link: LinkId(key.1),
        start: Timestamp::from_secs(key.0),
        seconds: 1,
        counters,
        hosts: second_top(tops, key, Dimension::Host)?,
        protocols: second_top(tops, key, Dimension::Protocol)?,
        apps: second_top(tops, key, Dimension::App)?,
        conversations: second_top(tops, key, Dimension::Conversation)?,
    })
}

fn minute_top(txn: &ReadTransaction, key: MinuteKey, dimension: Dimension) -> Result<TopTable, redb::Error> {
    let Some(tops) = opened(txn.open_table(MINUTE_TOPS))? else {
        return Ok(TopTable::default());
    };
    let found = tops.get((key.0, key.1, dimension_number(dimension)))?;
    found.map_or(Ok(TopTable::default()), |v| unpack(v.value()))
}

/// Rolls unrolled seconds before `over`; answers how many minutes changed.
fn roll(txn: &WriteTransaction, over: u64) -> Result<usize, redb::Error> {
    let mut unrolled = txn.open_table(UNROLLED)?;
    let seconds = txn.open_table(SECONDS)?;
    let second_tops = txn.open_table(SECOND_TOPS)?;
    let mut minutes = txn.open_table(MINUTES)?;
    let mut minute_tops = txn.open_table(MINUTE_TOPS)?;

    let mut groups: BTreeMap<MinuteKey, Vec<SecondKey>> = BTreeMap::new();
    for entry in unrolled.range(..(over, 0, 0, 0, 0))? {
        let key = entry?.0.value();
        let minute = (key.0 / 60 * 60, key.1);
        if groups.len() == ROLLS_MAX && !groups.contains_key(&minute) {
            // Keys are in order of time: a group that is left out now is whole next time.
            continue;
        }
        groups.entry(minute).or_default().push(key);
        if groups.len() == ROLLS_MAX && groups.keys().next().is_some_and(|first| first.0 + 60 < key.0) {
            break;
        }
    }
    for (minute, keys) in &groups {
        let mut windows = Vec::with_capacity(keys.len() + 1);
        let mut covered = 0u64;
        if let Some(value) = minutes.get(minute)? {
            let (before, counters): (u64, LinkCounters) = decode(value.value())?;
            covered = before;
            let top = |dimension| -> Result<TopTable, redb::Error> {
                let found = minute_tops.get((minute.0, minute.1, dimension_number(dimension)))?;
                found.map_or(Ok(TopTable::default()), |v| unpack(v.value()))
            };
            windows.push(Window {
                link: LinkId(minute.1),
                start: Timestamp::from_secs(minute.0),
                seconds: 60,
                counters,
                hosts: top(Dimension::Host)?,
                protocols: top(Dimension::Protocol)?,
                apps: top(Dimension::App)?,
                conversations: top(Dimension::Conversation)?,
            });
        }
        for key in keys {
            if let Some(value) = seconds.get(key)? {
                covered |= 1 << (key.0 % 60);
                windows.push(window(&second_tops, *key, value.value())?);
            }
            unrolled.remove(key)?;
        }
        if let Some(merged) = aggregate::merge(&windows, 60) {
            minutes.insert(minute, encode(&(covered, &merged.counters))?.as_slice())?;
            for dimension in DIMENSIONS {
                let table = table_of(&merged, dimension);
                if *table != TopTable::default() {
                    let key = (minute.0, minute.1, dimension_number(dimension));
                    minute_tops.insert(key, pack(table)?.as_slice())?;
                }
            }
        }
    }
    Ok(groups.len())
}

/// Removes rolled seconds before `seconds` and minutes before `minutes`; answers how many rows.
fn prune(txn: &WriteTransaction, before_second: u64, before_minute: u64) -> Result<usize, redb::Error> {
    let mut seconds = txn.open_table(SECONDS)?;
    let mut second_tops = txn.open_table(SECOND_TOPS)?;
    let unrolled = txn.open_table(UNROLLED)?;
    let mut pruned = 0;
    let old: Vec<SecondKey> = seconds
        .range(..(before_second, 0, 0, 0, 0))?
        .take(PRUNES_MAX)
        .map(|entry| entry.map(|(key, _)| key.value()))
        .collect::<Result<_, _>>()?;
    for key in old {
        if unrolled.get(key)?.is_none() {
            seconds.remove(key)?;
            for dimension in DIMENSIONS {
                second_tops.remove((key.0, key.1, key.2, key.3, key.4, dimension_number(dimension)))?;
            }
            pruned += 1;
        }
    }
    let mut minutes = txn.open_table(MINUTES)?;
    let mut minute_tops = txn.open_table(MINUTE_TOPS)?;
    let old: Vec<MinuteKey> = minutes
        .range(..(before_minute, 0))?
        .take(PRUNES_MAX)
        .map(|entry| entry.map(|(key, _)| key.value()))
        .collect::<Result<_, _>>()?;
    for key in old {
        minutes.remove(key)?;
        for dimension in DIMENSIONS {
            minute_tops.remove((key.0, key.1, dimension_number(dimension)))?;
        }
        pruned += 1;
    }
    Ok(pruned)
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, redb::Error> {
    let out = postcard::to_extend(value, vec![VERSION]);
    out.map_err(|e| redb::Error::Corrupted(format!("a value cannot be written: {e}")))
}

fn decode<T: DeserializeOwned>(octets: &[u8]) -> Result<T, redb::Error> {
    match octets.split_first() {
        Some((&VERSION, rest)) => {
            postcard::from_bytes(rest).map_err(|e| redb::Error::Corrupted(format!("a value is not readable: {e}")))
        }
        found => {
            let version = found.map(|(v, _)| *v);
            Err(redb::Error::Corrupted(format!(
                "a value is of version {version:?}, not {VERSION}"
            )))
        }
    }
}

/// Tables are long and repetitive: they are compressed.
fn pack(table: &TopTable) -> Result<Vec<u8>, redb::Error> {
    Ok(zstd::bulk::compress(&encode(table)?, 1)?)
}

fn unpack(octets: &[u8]) -> Result<TopTable, redb::Error> {
    decode(&zstd::bulk::decompress(octets, TABLE_MAX)?)
}
