//! Windows: seconds for hours, minutes for weeks, in one redb file with the numbers of the batches
//! that brought them, so that a batch and its number are stored together or not at all.
//!
//! A second is rolled into its minute once. Until then it stands in `unrolled`: minutes and
//! unrolled seconds together are each second exactly once, whatever came late.

mod minutes;
mod rows;
mod sizes;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use model::{Dimension, LinkCounters, LinkId, Timestamp, TopTable, Window};
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable};

use crate::disk::Disk;
use crate::file::DbFile;
use crate::seen::Seen;
use crate::value::opened;
use crate::{BatchKey, StoreError};

pub(crate) use sizes::Class;

use minutes::{Minutes, prune, roll};
use rows::{
    BATCHES, DIMENSIONS, MINUTE_TOPS, MINUTES, MinuteKey, MinuteTopKey, SECOND_TOPS, SECONDS, SecondKey, SecondTopKey,
    UNROLLED, decode, decode_counters, dimension_number, encode, minute_top, pack, second_top, table_of, window,
};
use sizes::Sizes;

pub(crate) const FILE: &str = "windows.redb";
const CACHE_BYTES: usize = 6 << 20;
/// Seconds after its end that a minute waits for stragglers; later ones are rolled in later.
const GRACE_S: u64 = 5;
/// Minutes rolled, and rows pruned, in one transaction.
const ROLLS_MAX: usize = 16;
const PRUNES_MAX: usize = 4_096;
/// Every second of a minute.
const WHOLE_MINUTE: u64 = (1 << 60) - 1;
/// The link number of the rows that add up all exporters.
pub const ALL_EXPORTERS: LinkId = LinkId(LinkId::EXPORTERS);

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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rolled {
    pub(crate) minutes: usize,
    pub(crate) pruned: usize,
    /// Days of which nothing is left: class, start in s, octets that they took.
    pub(crate) gone: Vec<(Class, u64, u64)>,
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
            let mut sizes = Sizes::default();
            let mut seconds = txn.open_table(SECONDS)?;
            let mut tops = txn.open_table(SECOND_TOPS)?;
            let mut unrolled = txn.open_table(UNROLLED)?;
            let mut whole: BTreeMap<MinuteKey, Vec<&Window>> = BTreeMap::new();
            for (batch, windows) in windows {
                for (place, window) in (0..=u16::MAX).zip(*windows) {
                    let start = window.start.as_secs();
                    if window.seconds == 60 {
                        whole.entry((start, window.link.0)).or_default().push(window);
                        whole.entry((start, ALL_EXPORTERS.0)).or_default().push(window);
                        continue;
                    }
                    let key = (start, window.link.0, batch.epoch, batch.sequence, place);
                    let row = encode(&(1u64, &window.counters))?;
                    let before = seconds.insert(key, row.as_slice())?.map(|row| row.value().len());
                    sizes.put(Class::Seconds, start, row.len(), before);
                    unrolled.insert(key, ())?;
                    for dimension in DIMENSIONS {
                        let table = table_of(window, dimension);
                        if *table != TopTable::default() {
                            let key = (key.0, key.1, key.2, key.3, key.4, dimension_number(dimension));
                            let row = pack(table)?;
                            let before = tops.insert(key, row.as_slice())?.map(|row| row.value().len());
                            sizes.put(Class::Seconds, start, row.len(), before);
                        }
                    }
                }
            }
            drop((seconds, tops, unrolled));
            let any = !windows.is_empty();
            if !whole.is_empty() {
                let mut minutes = Minutes::open(txn, &mut sizes)?;
                for (minute, windows) in whole {
                    minutes.add(minute, WHOLE_MINUTE, &windows)?;
                }
            }
            if any {
                sizes.finish(txn)?;
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

    /// Rolls seconds into minutes that are over, and forgets seconds and minutes before two moments.
    /// One bounded transaction; call again while it answers that it did something.
    pub(crate) fn maintain(
        &self,
        now: Timestamp,
        old_seconds: Timestamp,
        old_minutes: Timestamp,
    ) -> Result<Rolled, StoreError> {
        let over = now.as_secs().saturating_sub(GRACE_S) / 60 * 60;
        let (old_seconds, old_minutes) = (old_seconds.as_secs(), old_minutes.as_secs());
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
            let mut sizes = Sizes::default();
            let minutes = roll(txn, &mut sizes, over)?;
            // What is not rolled yet must stay.
            let pruned = if minutes == ROLLS_MAX {
                0
            } else {
                prune(txn, &mut sizes, old_seconds.min(over), old_minutes)?
            };
            sizes.finish(txn)?;
            let gone = match pruned {
                0 => Vec::new(),
                _ => sizes::take_pruned(txn)?,
            };
            Ok(Rolled { minutes, pruned, gone })
        })
    }

    /// Octets of a class, by where its hours (of seconds) or days (of minutes) start, in s.
    pub(crate) fn sizes(&self, class: Class) -> Result<BTreeMap<u64, u64>, StoreError> {
        self.file.read(|txn| sizes::read(txn, class))
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
        let (low, high) = (links.start().0, links.end().0);
        let span = (from, 0, 0, 0, 0)..(to.max(from), 0, 0, 0, 0);
        self.file.read(|txn| {
            if let Some(tables) = Tables::open(txn)? {
                let mut second = |key: SecondKey, value: &[u8]| {
                    let top = dimension.map_or(Ok(TopTable::default()), |d| tables.second_top(key, d))?;
                    let (covered, counters) = decode_counters(LinkId(key.1), value)?;
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
                let wanted = |key: SecondKey| low <= key.1 && key.1 <= high;
                match grain {
                    Grain::Second => {
                        for entry in tables.seconds.range(span)? {
                            let (key, value) = entry?;
                            if wanted(key.value()) {
                                second(key.value(), value.value())?;
                            }
                        }
                    }
                    Grain::Minute => {
                        for entry in tables.unrolled.range(span)? {
                            let key = entry?.0.value();
                            if wanted(key)
                                && let Some(value) = tables.seconds.get(key)?
                            {
                                second(key, value.value())?;
                            }
                        }
                    }
                }
            }
            if grain == Grain::Minute
                && let Some(minutes) = MinuteRows::open(txn)?
            {
                minutes.scan((from, to), (low, high), dimension, &mut each)?;
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

/// The tables of seconds, open for reading.
struct Tables {
    seconds: ReadOnlyTable<SecondKey, &'static [u8]>,
    tops: ReadOnlyTable<SecondTopKey, &'static [u8]>,
    unrolled: ReadOnlyTable<SecondKey, ()>,
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

/// The tables of minutes, open for reading.
struct MinuteRows {
    rows: ReadOnlyTable<MinuteKey, &'static [u8]>,
    tops: ReadOnlyTable<MinuteTopKey, &'static [u8]>,
}

impl MinuteRows {
    fn open(txn: &ReadTransaction) -> Result<Option<Self>, redb::Error> {
        let Some(rows) = opened(txn.open_table(MINUTES))? else {
            return Ok(None);
        };
        Ok(Some(Self {
            rows,
            tops: txn.open_table(MINUTE_TOPS)?,
        }))
    }

    fn scan(
        &self,
        (from, to): (u64, u64),
        (low, high): (u32, u32),
        dimension: Option<Dimension>,
        each: &mut impl FnMut(Row, TopTable),
    ) -> Result<(), redb::Error> {
        // Where the next wanted row may be: a minute has rows of many links, and few are wanted.
        let mut next = (from, low);
        'seek: while next.0 < to {
            for entry in self.rows.range(next..(to, 0))? {
                let (key, value) = entry?;
                let key = key.value();
                if key.1 < low {
                    next = (key.0, low);
                    continue 'seek;
                }
                if key.1 > high {
                    next = (key.0 + 1, low);
                    continue 'seek;
                }
                let (covered, counters) = decode_counters(LinkId(key.1), value.value())?;
                let top = dimension.map_or(Ok(TopTable::default()), |d| minute_top(&self.tops, key, d))?;
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
            break;
        }
        Ok(())
    }
}
