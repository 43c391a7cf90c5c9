//! The file of the hours' index: which closed hours have which addresses and 5-tuples, and which blocks they have.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use model::Timestamp;
use redb::{ReadTransaction, ReadableTable, Table, TableDefinition, TableHandle, WriteTransaction};
use serde::{Deserialize, Serialize};

use crate::day::Day;
use crate::disk::Disk;
use crate::file::{DbFile, copy_table};
use crate::hour_index::Hashes;
use crate::rice::{self, put_varint, take_varint};
use crate::value::{self, opened};
use crate::{BlockMeta, HourIndex, StoreError};

use super::days::{self, MERGED, PIECES, PieceKey};
use super::hour_bit;
use super::lists::{pack_list, unpack_list};

pub(crate) const FILE: &str = "index.redb";
const CACHE_BYTES: usize = 8 << 20;
const VERSION: u8 = 1;

/// The hours that are closed.
const HOURS: TableDefinition<u32, &[u8]> = TableDefinition::new("hours");
/// Hours that were closed and are not any more: their rows in `sets` are of this shape.
const STALE: TableDefinition<u32, &[u8]> = TableDefinition::new("stale");
/// The blocks of closed hours.
const LISTS: TableDefinition<u32, &[u8]> = TableDefinition::new("lists");
/// (kind, level, bucket, group of hours) → the sets of the group's hours.
pub(super) type SetKey = (u8, u8, u16, u32);
const SETS: TableDefinition<SetKey, &[u8]> = TableDefinition::new("sets");
/// Days whose blocks are all in closed hours.
const DAYS: TableDefinition<u32, ()> = TableDefinition::new("days");

/// Hours whose sets stand in one row.
pub(crate) const GROUP: u32 = 8;
/// Hashes that a bucket of an hour has, at least half of it on average.
const BUCKET: usize = 48;
/// An hour has at most 2^12 buckets a kind.
pub(super) const LEVEL_MAX: u8 = 12;
/// The level of an hour that may have anything.
const ANYTHING: u8 = u8::MAX;

/// What a hash is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Address,
    Flow,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Address, Self::Flow];

    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Address => 1,
            Self::Flow => 2,
        }
    }
}

/// A closed hour, without its sets and blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClosedHour {
    /// log₂ of the number of buckets of addresses and of 5-tuples.
    levels: (u8, u8),
    pub(crate) blocks: u32,
    pub(crate) records: u64,
    /// Earliest start of a record, and the latest of the blocks' earliest starts.
    pub(crate) min_start: (u64, u64),
    /// The earliest and the latest of the blocks' latest ends.
    pub(crate) max_end: (u64, u64),
    /// Octets of its sets and its list.
    pub(crate) octets: u64,
}

impl ClosedHour {
    #[cfg(test)]
    pub(super) fn of_levels(addresses: u8, flows: u8) -> Self {
        Self {
            levels: (addresses, flows),
            blocks: 1,
            records: 1,
            min_start: (0, 0),
            max_end: (0, 0),
            octets: 1_000,
        }
    }

    /// The level of a kind; `None`: the hour may have anything.
    pub(crate) fn level(&self, kind: Kind) -> Option<u8> {
        let level = match kind {
            Kind::Address => self.levels.0,
            Kind::Flow => self.levels.1,
        };
        (level <= LEVEL_MAX).then_some(level)
    }
}

/// The bucket of a hash.
pub(super) fn bucket(hash: u64, level: u8) -> u16 {
    u16::try_from(hash.checked_shr(64 - u32::from(level)).unwrap_or(0)).unwrap_or(u16::MAX)
}

/// The hash within its bucket, spread over 64 bits.
pub(super) const fn within(hash: u64, level: u8) -> u64 {
    hash << level
}

/// The file.
#[derive(Debug)]
pub(crate) struct Index {
    file: DbFile,
}

/// What is in the file when it is opened.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) hours: BTreeMap<u32, ClosedHour>,
    pub(crate) days: Vec<Day>,
    /// By day, which of its hours are merged: bit h.
    pub(crate) merged: BTreeMap<Day, u32>,
}

impl Index {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            file: DbFile::new(disk, FILE.to_owned(), CACHE_BYTES),
        }
    }

    pub(crate) fn file(&self) -> &DbFile {
        &self.file
    }

    /// Writes the file anew where that makes it smaller by `least` octets or more; answers whether it did. Nobody else may
    /// use it meanwhile.
    pub(crate) fn renew(&self, least: u64) -> Result<bool, StoreError> {
        let names = [
            HOURS.name(),
            STALE.name(),
            LISTS.name(),
            SETS.name(),
            DAYS.name(),
            PIECES.name(),
            MERGED.name(),
        ];
        self.file.renew(least, |from, to| {
            // A later release's file stays as it is.
            if from.list_tables()?.any(|table| !names.contains(&table.name()))
                || from.list_multimap_tables()?.count() > 0
            {
                return Ok(false);
            }
            copy_table(HOURS, from, to)?;
            copy_table(STALE, from, to)?;
            copy_table(LISTS, from, to)?;
            copy_table(SETS, from, to)?;
            copy_table(DAYS, from, to)?;
            copy_table(PIECES, from, to)?;
            copy_table(MERGED, from, to)?;
            Ok(true)
        })
    }

    pub(crate) fn load(&self) -> Result<Loaded, StoreError> {
        self.file.read(|txn| {
            let mut loaded = Loaded::default();
            if let Some(hours) = opened(txn.open_table(HOURS))? {
                for entry in hours.iter()? {
                    let (hour, row) = entry?;
                    loaded.hours.insert(hour.value(), unpack(row.value())?);
                }
            }
            if let Some(days) = opened(txn.open_table(DAYS))? {
                for entry in days.iter()? {
                    loaded.days.push(Day(entry?.0.value().into()));
                }
            }
            let merged = read_merged(txn)?.into_iter();
            loaded.merged = merged.map(|(day, hours)| (Day(day.into()), hours)).collect();
            Ok(loaded)
        })
    }

    /// Stores an hour; `whole` is its day if all its blocks are in closed hours now.
    pub(crate) fn close(
        &self,
        hour: u32,
        blocks: &[BlockMeta],
        index: &HourIndex,
        whole: Option<Day>,
    ) -> Result<ClosedHour, StoreError> {
        self.file.write(|txn| {
            let mut hours = txn.open_table(HOURS)?;
            let mut stale = txn.open_table(STALE)?;
            for before in [hours.remove(hour)?, stale.remove(hour)?].into_iter().flatten() {
                let before = unpack(before.value())?;
                // What is in the day's pieces stays there until they are made anew, and means nothing.
                if !take_from_merged(txn, hour)? {
                    for kind in Kind::ALL {
                        take_out(txn, kind, &before, hour)?;
                    }
                }
            }
            let list = value::seal(&pack_list(blocks));
            let mut octets = list.len() as u64;
            txn.open_table(LISTS)?.insert(hour, list.as_slice())?;
            let mut levels = [ANYTHING; 2];
            for ((kind, hashes), level) in Kind::ALL
                .into_iter()
                .zip([&index.addresses, &index.flows])
                .zip(&mut levels)
            {
                let put;
                (*level, put) = put_in(txn, kind, hashes, hour)?;
                octets += put;
            }
            let times = |of: fn(&BlockMeta) -> Timestamp| {
                let nanos = blocks.iter().map(|b| of(b).as_nanos());
                (nanos.clone().min().unwrap_or(0), nanos.max().unwrap_or(0))
            };
            let row = ClosedHour {
                levels: (levels[0], levels[1]),
                blocks: u32::try_from(blocks.len()).unwrap_or(u32::MAX),
                records: blocks.iter().map(|b| u64::from(b.records)).sum(),
                min_start: times(|b| b.min_start),
                max_end: times(|b| b.max_end),
                octets,
            };
            let packed = value::seal(&value::encode(VERSION, &row)?);
            hours.insert(hour, packed.as_slice())?;
            if let Some(day) = whole {
                txn.open_table(DAYS)?.insert(number(day), ())?;
            }
            Ok(row)
        })
    }

    /// Notes that all blocks of the days are in closed hours.
    pub(crate) fn whole(&self, days: &[Day]) -> Result<(), StoreError> {
        self.file.write(|txn| {
            let mut table = txn.open_table(DAYS)?;
            for day in days {
                table.insert(number(*day), ())?;
            }
            Ok(())
        })
    }

    /// Takes it back that hours are closed and days are whole.
    pub(crate) fn unclose(&self, hours: &[u32], days: &[Day]) -> Result<(), StoreError> {
        self.file.write(|txn| {
            let (mut rows, mut stale) = (txn.open_table(HOURS)?, txn.open_table(STALE)?);
            for hour in hours {
                if let Some(row) = rows.remove(hour)? {
                    stale.insert(hour, row.value())?;
                }
            }
            let mut table = txn.open_table(DAYS)?;
            for day in days {
                table.remove(number(*day))?;
            }
            Ok(())
        })
    }

    /// Removes all that there is of a day.
    pub(crate) fn forget(&self, day: Day) -> Result<(), StoreError> {
        self.file.write(|txn| {
            let hours = hours_of(day);
            let merged = merged_of(txn, day)?;
            let mut in_sets = BTreeMap::new();
            for definition in [HOURS, STALE] {
                let mut table = txn.open_table(definition)?;
                for entry in table.extract_from_if(hours.clone(), |_, _| true)? {
                    let (hour, row) = entry?;
                    if merged & hour_bit(hour.value()) == 0 {
                        in_sets.insert(hour.value(), unpack(row.value())?);
                    }
                }
            }
            txn.open_table(LISTS)?.retain_in(hours, |_, _| false)?;
            remove_rows(txn, &in_sets)?;
            days::forget(txn, number(day))?;
            txn.open_table(DAYS)?.remove(number(day))?;
            Ok(())
        })
    }

    /// Merges the sets of the days' hours into rows that fill pages; the hours' own rows are gone then.
    pub(crate) fn merge(&self, days: &[Day]) -> Result<(), StoreError> {
        self.file
            .write(|txn| days.iter().try_for_each(|day| merge_day(txn, *day)))
    }

    /// Runs a read.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Reader) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        self.file.read(|txn| work(&Reader::open(txn)?))
    }
}

/// The file's tables, open for reading.
pub(crate) struct Reader {
    lists: Option<redb::ReadOnlyTable<u32, &'static [u8]>>,
    sets: Option<redb::ReadOnlyTable<SetKey, &'static [u8]>>,
    pieces: Option<redb::ReadOnlyTable<PieceKey, &'static [u8]>>,
    /// By day, which of its hours are in pieces, and not in sets: bit h.
    merged: BTreeMap<u32, u32>,
}

impl Reader {
    fn open(txn: &ReadTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            lists: opened(txn.open_table(LISTS))?,
            sets: opened(txn.open_table(SETS))?,
            pieces: opened(txn.open_table(PIECES))?,
            merged: read_merged(txn)?,
        })
    }

    /// The blocks of an hour; `None` where it has no list.
    pub(crate) fn list(&self, hour: u32) -> Result<Option<Vec<BlockMeta>>, redb::Error> {
        let Some(lists) = &self.lists else { return Ok(None) };
        let row = lists.get(hour)?;
        row.map(|row| unpack_list(hour, value::unseal(row.value())?))
            .transpose()
    }

    /// Whether an hour is to be asked of its day.
    pub(crate) fn is_merged(&self, hour: u32) -> bool {
        self.merged
            .get(&(hour / 24))
            .is_some_and(|hours| hours & hour_bit(hour) != 0)
    }

    /// Gives each hour of a day, of those given with their levels, whose set may hold the hash to `hit`. All are merged.
    pub(crate) fn probe_day(
        &self,
        kind: Kind,
        hash: u64,
        day: u32,
        hours: &[(u32, u8)],
        mut hit: impl FnMut(u32),
    ) -> Result<(), redb::Error> {
        let Some(pieces) = &self.pieces else {
            return Err(damaged());
        };
        let hours: Vec<(u8, u8)> = hours.iter().map(|(hour, level)| (of_day(*hour), *level)).collect();
        let first = day.saturating_mul(24);
        days::probe(pieces, (kind, day), hash, &hours, |hour| {
            hit(first.saturating_add(hour.into()));
        })
    }

    /// Whether a day's pieces are those of its closed hours that are merged.
    pub(crate) fn check_day(&self, day: Day, closed: &BTreeMap<u32, ClosedHour>) -> Result<(), redb::Error> {
        let merged = self.merged.get(&number(day)).copied().unwrap_or(0);
        let (Some(pieces), true) = (&self.pieces, merged != 0) else {
            return Ok(());
        };
        // Those that are not closed any more are in there still.
        if closed.keys().fold(0, |all, hour| all | hour_bit(*hour)) & merged != merged {
            return Ok(());
        }
        for kind in Kind::ALL {
            let merged = closed.iter().filter(|(hour, _)| merged & hour_bit(**hour) != 0);
            let levels = merged.filter_map(|(hour, row)| Some((of_day(*hour), row.level(kind)?)));
            days::check(pieces, (kind, number(day)), &levels.collect())?;
        }
        Ok(())
    }

    /// Gives each hour whose set at this level may hold the hash to `hit`, among those of the level in `hours`.
    pub(crate) fn probe(
        &self,
        kind: Kind,
        level: u8,
        hash: u64,
        hours: RangeInclusive<u32>,
        mut hit: impl FnMut(u32),
    ) -> Result<(), redb::Error> {
        let Some(sets) = &self.sets else { return Ok(()) };
        let key = |hour: u32| (kind.number(), level, bucket(hash, level), hour / GROUP);
        for entry in sets.range(key(*hours.start())..=key(*hours.end()))? {
            let (key, row) = entry?;
            let first = key.value().3.saturating_mul(GROUP);
            for part in parts(value::unseal(row.value())?) {
                let (place, set) = part?;
                if rice::may_hold(set, within(hash, level)).ok_or_else(damaged)? {
                    hit(first.saturating_add(place.into()));
                }
            }
        }
        Ok(())
    }
}

fn unpack(row: &[u8]) -> Result<ClosedHour, redb::Error> {
    value::decode(VERSION, value::unseal(row)?)
}

fn number(day: Day) -> u32 {
    u32::try_from(day.0).unwrap_or(u32::MAX)
}

/// The hours of a day.
pub(crate) fn hours_of(day: Day) -> RangeInclusive<u32> {
    let first = number(day).saturating_mul(24);
    first..=first.saturating_add(23)
}

/// An hour's place in its day.
fn of_day(hour: u32) -> u8 {
    u8::try_from(hour % 24).unwrap_or(u8::MAX)
}

fn read_merged(txn: &ReadTransaction) -> Result<BTreeMap<u32, u32>, redb::Error> {
    let mut merged = BTreeMap::new();
    if let Some(table) = opened(txn.open_table(MERGED))? {
        for entry in table.iter()? {
            let (day, hours) = entry?;
            merged.insert(day.value(), hours.value());
        }
    }
    Ok(merged)
}

fn merged_of(txn: &WriteTransaction, day: Day) -> Result<u32, redb::Error> {
    let hours = txn.open_table(MERGED)?.get(number(day))?.map(|hours| hours.value());
    Ok(hours.unwrap_or(0))
}

/// Notes that an hour is not merged; answers whether it was.
fn take_from_merged(txn: &WriteTransaction, hour: u32) -> Result<bool, redb::Error> {
    let mut table = txn.open_table(MERGED)?;
    let hours = table.get(hour / 24)?.map_or(0, |hours| hours.value());
    let was = hours & hour_bit(hour) != 0;
    if was {
        table.insert(hour / 24, hours & !hour_bit(hour))?;
    }
    Ok(was)
}

fn merge_day(txn: &WriteTransaction, day: Day) -> Result<(), redb::Error> {
    let merged = merged_of(txn, day)?;
    let mut hours = BTreeMap::new();
    for entry in txn.open_table(HOURS)?.range(hours_of(day))? {
        let (hour, row) = entry?;
        hours.insert(hour.value(), unpack(row.value())?);
    }
    let all = hours.keys().fold(0, |all, hour| all | hour_bit(*hour));
    // What was closed once and is not any more goes.
    let mut rows: BTreeMap<u32, ClosedHour> = BTreeMap::new();
    for entry in txn.open_table(STALE)?.extract_from_if(hours_of(day), |_, _| true)? {
        let (hour, row) = entry?;
        rows.insert(hour.value(), unpack(row.value())?);
    }
    rows.extend(&hours);
    rows.retain(|hour, _| merged & hour_bit(*hour) == 0);
    let by_place = hours.iter().map(|(hour, row)| (of_day(*hour), *row)).collect();
    {
        let sets = txn.open_table(SETS)?;
        for kind in Kind::ALL {
            days::merge(txn, &sets, (kind, number(day)), &by_place, merged)?;
        }
    }
    remove_rows(txn, &rows)?;
    txn.open_table(MERGED)?.insert(number(day), all)?;
    Ok(())
}

/// Removes the rows of sets that hours have, and others of their groups and levels.
fn remove_rows(txn: &WriteTransaction, hours: &BTreeMap<u32, ClosedHour>) -> Result<(), redb::Error> {
    let keys = hours.iter().flat_map(|(hour, row)| {
        let levels = Kind::ALL.into_iter().filter_map(|kind| Some((kind, row.level(kind)?)));
        levels.map(move |(kind, level)| (kind.number(), level, hour / GROUP))
    });
    let keys: BTreeSet<(u8, u8, u32)> = keys.collect();
    let mut sets = txn.open_table(SETS)?;
    for (kind, level, group) in keys {
        for bucket in buckets(level) {
            sets.remove((kind, level, bucket, group))?;
        }
    }
    Ok(())
}

/// The numbers of an hour's set; `None`: it has none in this bucket.
pub(super) fn hour_set(
    sets: &Table<'_, SetKey, &'static [u8]>,
    (kind, level, bucket): (Kind, u8, u16),
    hour: u32,
) -> Result<Option<Vec<u64>>, redb::Error> {
    let Some(row) = sets.get((kind.number(), level, bucket, hour / GROUP))? else {
        return Ok(None);
    };
    for part in parts(value::unseal(row.value())?) {
        let (place, set) = part?;
        if u32::from(place) == hour % GROUP {
            return rice::places(set).ok_or_else(damaged).map(Some);
        }
    }
    Ok(None)
}

fn buckets(level: u8) -> RangeInclusive<u16> {
    0..=u16::try_from((1u32 << level.min(LEVEL_MAX)) - 1).unwrap_or(u16::MAX)
}

pub(super) fn damaged() -> redb::Error {
    redb::Error::Corrupted("a row of the hours' index is not readable".to_owned())
}

/// The parts of a row: the place of the hour in the group, and its set.
fn parts(mut row: &[u8]) -> impl Iterator<Item = Result<(u8, &[u8]), redb::Error>> {
    std::iter::from_fn(move || {
        let (place, rest) = row.split_first()?;
        let part = take_varint(rest).and_then(|(length, rest)| rest.split_at_checked(usize::try_from(length).ok()?));
        match part {
            Some((set, rest)) => {
                row = rest;
                Some(Ok((*place, set)))
            }
            None => {
                row = &[];
                Some(Err(damaged()))
            }
        }
    })
}

/// Replaces an hour's part in a row; the row is gone with its last part.
fn replace(
    sets: &mut redb::Table<'_, SetKey, &'static [u8]>,
    key: SetKey,
    hour: u32,
    set: Option<&[u8]>,
    row: &mut Vec<u8>,
) -> Result<(), redb::Error> {
    let place = u8::try_from(hour % GROUP).unwrap_or(u8::MAX);
    row.clear();
    let mut put = |place: u8, set: &[u8]| {
        row.push(place);
        put_varint(set.len() as u64, row);
        row.extend_from_slice(set);
    };
    let mut had_any = false;
    if let Some(had) = sets.get(key)? {
        had_any = true;
        for part in parts(value::unseal(had.value())?) {
            let (other, set) = part?;
            if other != place {
                put(other, set);
            }
        }
    }
    if let Some(set) = set {
        put(place, set);
    }
    if !row.is_empty() {
        sets.insert(key, value::seal(row).as_slice())?;
    } else if had_any {
        sets.remove(key)?;
    }
    Ok(())
}

/// Takes an hour's sets of a kind out of their rows.
fn take_out(txn: &WriteTransaction, kind: Kind, before: &ClosedHour, hour: u32) -> Result<(), redb::Error> {
    let Some(level) = before.level(kind) else {
        return Ok(());
    };
    let mut sets = txn.open_table(SETS)?;
    let mut row = Vec::new();
    for bucket in buckets(level) {
        replace(
            &mut sets,
            (kind.number(), level, bucket, hour / GROUP),
            hour,
            None,
            &mut row,
        )?;
    }
    Ok(())
}

/// Puts an hour's hashes of a kind into the rows; answers their level and how many octets they took.
fn put_in(txn: &WriteTransaction, kind: Kind, hashes: &Hashes, hour: u32) -> Result<(u8, u64), redb::Error> {
    let Some(mut rest) = hashes.list() else {
        return Ok((ANYTHING, 0));
    };
    let mut level = 0;
    while level < LEVEL_MAX && rest.len() >> level > BUCKET {
        level += 1;
    }
    let mut sets = txn.open_table(SETS)?;
    let (mut set, mut row, mut octets) = (Vec::new(), Vec::new(), 0);
    while let Some(first) = rest.first() {
        let place = bucket(*first, level);
        let (here, later) = rest.split_at(rest.partition_point(|hash| bucket(*hash, level) <= place));
        rest = later;
        set.clear();
        rice::encode(here.iter().map(|hash| within(*hash, level)), &mut set);
        octets += set.len() as u64 + 2;
        replace(
            &mut sets,
            (kind.number(), level, place, hour / GROUP),
            hour,
            Some(&set),
            &mut row,
        )?;
    }
    Ok((level, octets))
}
