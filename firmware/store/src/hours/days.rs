//! Whole days in the hours' index: the sets of a day's hours, merged into rows that fill redb's pages (docs/formats.md).
//!
//! An hour's bucket begins at a *cell*, of which there are 2^12 whatever the hour's level is; sets are ordered by their
//! position: cell, then hour of the day. A row is a piece of that order.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use redb::{ReadOnlyTable, Table, TableDefinition, WriteTransaction};

use super::index::{ClosedHour, Kind, LEVEL_MAX, SetKey, bucket, damaged, hour_set, within};
use crate::rice::{self, BitReader, BitWriter, put_varint, take_varint};
use crate::value;

/// (kind, day, position of the first set) → sets.
pub(super) type PieceKey = (u8, u32, u32);
pub(super) const PIECES: TableDefinition<PieceKey, &[u8]> = TableDefinition::new("pieces");
/// Bit h of a day: hour h is in its pieces, and not in `sets`.
pub(super) const MERGED: TableDefinition<u32, u32> = TableDefinition::new("merged");

const VERSION: u8 = 2;
/// The version before, and how sparse its sets are.
const BEFORE: (u8, u32) = (1, 8);
const HOURS: usize = 24;
const HOUR_BITS: u32 = 5;
/// The level of an hour that is not there.
const NONE: u8 = u8::MAX;
/// A row has so many octets at least and at most, so that it fills a run of pages, and what redb needs for itself.
const RUN_MIN: usize = 8 << 10;
const RUN_MAX: usize = 32 << 10;
const ROOM: usize = 64;
/// Sets that a row has at least, unless it is as long as it may be: the last one leaves half of its own size empty.
const SETS_A_ROW: usize = 32;
/// What stands before a row's bits: checksum, version, levels, the number of sets.
const HEADER: usize = 4 + 1 + HOURS + 4;

type Levels = [u8; HOURS];

/// The positions that hours with these levels have sets at.
fn is_position(levels: &Levels, position: u32) -> bool {
    let (cell, hour) = (position >> HOUR_BITS, position & ((1 << HOUR_BITS) - 1));
    let level = levels.get(hour as usize).copied().unwrap_or(NONE);
    level <= LEVEL_MAX && cell < 1 << LEVEL_MAX && cell % (1 << (LEVEL_MAX - level)) == 0
}

/// The first position that is one, from `position` on.
fn position_from(levels: &Levels, position: u32) -> Option<u32> {
    (position..1 << (u32::from(LEVEL_MAX) + HOUR_BITS)).find(|position| is_position(levels, *position))
}

fn position_of(hash: u64, level: u8, hour_of_day: u8) -> u32 {
    let cell = u32::from(bucket(hash, level)) << (LEVEL_MAX - level);
    cell << HOUR_BITS | u32::from(hour_of_day)
}

/// Walks through the sets of a piece.
struct Piece<'a> {
    levels: Levels,
    /// Sets that are left.
    left: u64,
    next: u32,
    /// How sparse they are.
    sparse: u32,
    bits: BitReader<'a>,
}

impl<'a> Piece<'a> {
    fn open(first: u32, row: &'a [u8]) -> Option<Self> {
        let (version, rest) = row.split_first()?;
        let (levels, rest) = rest.split_first_chunk::<HOURS>()?;
        let (left, rest) = take_varint(rest)?;
        let sparse = match *version {
            VERSION => rice::SPARSE_DAY,
            version if version == BEFORE.0 => BEFORE.1,
            _ => return None,
        };
        Some(Self {
            levels: *levels,
            left,
            next: first,
            sparse,
            bits: BitReader::new(rest),
        })
    }

    /// The position of the next set and how many numbers it has, which are to be read before the next is asked for.
    fn set(&mut self) -> Option<(u32, u64)> {
        let position = position_from(&self.levels, self.next)?;
        self.left = self.left.checked_sub(1)?;
        self.next = position + 1;
        Some((position, rice::take_day(&mut self.bits)?))
    }
}

/// Gives each of the hours whose set may hold the hash to `hit`: hours of a day that are merged, with their levels.
pub(super) fn probe(
    pieces: &ReadOnlyTable<PieceKey, &'static [u8]>,
    (kind, day): (Kind, u32),
    hash: u64,
    hours: &[(u8, u8)],
    mut hit: impl FnMut(u8),
) -> Result<(), redb::Error> {
    let mut wanted: Vec<(u32, u8, u8)> = hours
        .iter()
        .map(|(hour, level)| (position_of(hash, *level, *hour), *hour, *level))
        .collect();
    wanted.sort_unstable();
    let mut wanted = wanted.as_slice();
    while let Some((first, ..)) = wanted.first() {
        let key = |position| (kind.number(), day, position);
        let entry = pieces.range(key(0)..=key(*first))?.next_back().ok_or_else(damaged)?;
        let (key, row) = entry?;
        let mut piece = Piece::open(key.value().2, value::unseal(row.value())?).ok_or_else(damaged)?;
        let before = wanted.len();
        while let Some((position, hour, level)) = wanted.first()
            && piece.left > 0
        {
            let (at, n) = piece.set().ok_or_else(damaged)?;
            if at < *position {
                rice::skip_day(&mut piece.bits, n, piece.sparse).ok_or_else(damaged)?;
                continue;
            }
            let within = within(hash, *level);
            if at != *position {
                return Err(damaged());
            }
            if rice::day_may_hold(&mut piece.bits, n, piece.sparse, within).ok_or_else(damaged)? {
                hit(*hour);
            }
            wanted = wanted.get(1..).unwrap_or_default();
        }
        if wanted.len() == before {
            return Err(damaged());
        }
    }
    Ok(())
}

/// Whether a day's pieces are those of these hours, each with all its sets and nothing else.
pub(super) fn check(
    pieces: &ReadOnlyTable<PieceKey, &'static [u8]>,
    (kind, day): (Kind, u32),
    levels: &BTreeMap<u8, u8>,
) -> Result<(), redb::Error> {
    let expected = table_of(levels);
    let mut next = position_from(&expected, 0);
    for entry in pieces.range(all_of(kind, day))? {
        let (key, row) = entry?;
        let mut piece = Piece::open(key.value().2, value::unseal(row.value())?).ok_or_else(damaged)?;
        if piece.levels != expected {
            return Err(damaged());
        }
        while piece.left > 0 {
            let (at, n) = piece.set().ok_or_else(damaged)?;
            rice::skip_day(&mut piece.bits, n, piece.sparse).ok_or_else(damaged)?;
            if Some(at) != next {
                return Err(damaged());
            }
            next = position_from(&expected, at + 1);
        }
    }
    match next {
        None => Ok(()),
        Some(_) => Err(damaged()),
    }
}

fn all_of(kind: Kind, day: u32) -> RangeInclusive<PieceKey> {
    (kind.number(), day, 0)..=(kind.number(), day, u32::MAX)
}

fn table_of(levels: &BTreeMap<u8, u8>) -> Levels {
    let mut table = [NONE; HOURS];
    for (hour, level) in levels {
        if let Some(place) = table.get_mut(usize::from(*hour)) {
            *place = *level;
        }
    }
    table
}

/// Merges the sets of one kind: those of `hours`, by hour of the day, which are in `sets`, but of `kept` in pieces before.
pub(super) fn merge(
    txn: &WriteTransaction,
    sets: &Table<'_, SetKey, &'static [u8]>,
    (kind, day): (Kind, u32),
    hours: &BTreeMap<u8, ClosedHour>,
    kept: u32,
) -> Result<(), redb::Error> {
    let mut pieces = txn.open_table(PIECES)?;
    let mut before = Vec::new();
    for entry in pieces.extract_from_if(all_of(kind, day), |_, _| true)? {
        let (key, row) = entry?;
        before.push((key.value().2, row.value().to_vec()));
    }
    let mut before = Before {
        rows: before.into_iter(),
        piece: None,
    };
    let level = |row: &ClosedHour| row.level(kind);
    let levels: BTreeMap<u8, u8> = hours.iter().filter_map(|(h, row)| Some((*h, level(row)?))).collect();
    let table = table_of(&levels);
    let mut writer = Writer::new(table, run(hours));
    let mut next = position_from(&table, 0);
    while let Some(position) = next {
        let hour = u8::try_from(position & ((1 << HOUR_BITS) - 1)).unwrap_or(u8::MAX);
        let places = if kept & (1 << hour) != 0 {
            before.take(position)?
        } else {
            let level = levels.get(&hour).copied().unwrap_or(NONE).min(LEVEL_MAX);
            let bucket = u16::try_from(position >> HOUR_BITS >> (LEVEL_MAX - level)).unwrap_or(u16::MAX);
            let hour = day.saturating_mul(24).saturating_add(hour.into());
            match hour_set(sets, (kind, level, bucket), hour)? {
                Some(mut places) => {
                    rice::thin_out(&mut places, rice::SPARSE);
                    places
                }
                None => Vec::new(),
            }
        };
        if let Some((first, row)) = writer.put(position, &places) {
            pieces.insert((kind.number(), day, first), row.as_slice())?;
        }
        next = position_from(&table, position + 1);
    }
    if let Some((first, row)) = writer.finish() {
        pieces.insert((kind.number(), day, first), row.as_slice())?;
    }
    Ok(())
}

/// Removes a day's pieces.
pub(super) fn forget(txn: &WriteTransaction, day: u32) -> Result<(), redb::Error> {
    let mut pieces = txn.open_table(PIECES)?;
    for kind in Kind::ALL {
        pieces.retain_in(all_of(kind, day), |_, _| false)?;
    }
    txn.open_table(MERGED)?.remove(day)?;
    Ok(())
}

/// The run of pages that a row fills: by what the hours' sets have on average.
fn run(hours: &BTreeMap<u8, ClosedHour>) -> usize {
    let octets: u64 = hours.values().map(|row| row.octets).sum();
    let sets = |kind| move |row: &ClosedHour| row.level(kind).map_or(0, |level| 1u64 << level);
    let sets: u64 = hours
        .values()
        .map(|row| sets(Kind::Address)(row) + sets(Kind::Flow)(row))
        .sum();
    let mean = usize::try_from(octets / sets.max(1)).unwrap_or(usize::MAX);
    let mut run = RUN_MIN;
    while run < RUN_MAX && run < mean.saturating_mul(SETS_A_ROW) {
        run *= 2;
    }
    run
}

/// A day's pieces as they were, read in the order of their sets.
struct Before {
    rows: std::vec::IntoIter<(u32, Vec<u8>)>,
    /// The piece at hand: its first set's position, its octets without checksum, and the sets of it that were taken.
    piece: Option<std::vec::IntoIter<(u32, Vec<u64>)>>,
}

impl Before {
    /// The numbers of the set at a position; positions ascend.
    fn take(&mut self, wanted: u32) -> Result<Vec<u64>, redb::Error> {
        loop {
            let found = self
                .piece
                .iter_mut()
                .flatten()
                .find(|(position, _)| *position >= wanted);
            match found {
                Some((position, places)) if position == wanted => return Ok(places),
                Some(_) => return Err(damaged()),
                None => {}
            }
            let (first, row) = self.rows.next().ok_or_else(damaged)?;
            let mut piece = Piece::open(first, value::unseal(&row)?).ok_or_else(damaged)?;
            let mut sets = Vec::new();
            while piece.left > 0 {
                let (position, n) = piece.set().ok_or_else(damaged)?;
                let mut places = rice::day_places(&mut piece.bits, n, piece.sparse).ok_or_else(damaged)?;
                rice::thin_out(&mut places, piece.sparse);
                sets.push((position, places));
            }
            self.piece = Some(sets.into_iter());
        }
    }
}

/// Cuts a day's sets into rows.
struct Writer {
    levels: Levels,
    /// Octets of a row.
    room: usize,
    first: u32,
    sets: Vec<Vec<u64>>,
    bits: usize,
}

impl Writer {
    const fn new(levels: Levels, run: usize) -> Self {
        Self {
            levels,
            room: run - ROOM,
            first: 0,
            sets: Vec::new(),
            bits: 0,
        }
    }

    /// Adds a set; answers a row that is full without it.
    fn put(&mut self, position: u32, places: &[u64]) -> Option<(u32, Vec<u8>)> {
        let bits = rice::day_bits(places);
        let full = HEADER + (self.bits + bits).div_ceil(8) > self.room;
        let row = if full { self.finish() } else { None };
        if self.sets.is_empty() {
            self.first = position;
        }
        self.sets.push(places.to_vec());
        self.bits += bits;
        row
    }

    /// The row of what there is.
    fn finish(&mut self) -> Option<(u32, Vec<u8>)> {
        if self.sets.is_empty() {
            return None;
        }
        let mut row = vec![VERSION];
        row.extend_from_slice(&self.levels);
        put_varint(self.sets.len() as u64, &mut row);
        let mut bits = BitWriter::new(&mut row);
        for places in self.sets.drain(..) {
            rice::put_day(&mut bits, &places, rice::SPARSE_DAY);
        }
        bits.finish();
        self.bits = 0;
        Some((self.first, value::seal(&row)))
    }
}

#[cfg(test)]
mod tests {
    use redb::{Database, ReadableDatabase, ReadableTable};

    use super::*;

    fn hash(n: u64) -> u64 {
        let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 32).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    /// Pieces of the version before, of two hours with four sets each, found and merged anew.
    #[test]
    fn pieces_of_the_version_before_are_read_and_merged_anew() {
        const DAY: u32 = 20_000;
        let (level, kind) = (2, Kind::Flow);
        let levels: BTreeMap<u8, u8> = [(3, level), (9, level)].into();
        let of_hour = |hour: u8| (0..400u64).map(move |n| hash(n * 24 + u64::from(hour)));
        let table = table_of(&levels);
        let mut row = vec![BEFORE.0];
        row.extend_from_slice(&table);
        put_varint(8, &mut row);
        let mut bits = BitWriter::new(&mut row);
        let mut next = position_from(&table, 0);
        let first = next.unwrap();
        while let Some(position) = next {
            let hour = if position & 31 == 3 { 3 } else { 9 };
            let ours = of_hour(hour).filter(|hash| position_of(*hash, level, hour) == position);
            let mut hashes: Vec<u64> = ours.map(|hash| within(hash, level)).collect();
            hashes.sort_unstable();
            let mut octets = Vec::new();
            rice::encode(hashes.into_iter(), &mut octets);
            let mut places = rice::places(&octets).unwrap();
            places.iter_mut().for_each(|place| *place >>= rice::SPARSE - BEFORE.1);
            rice::put_day(&mut bits, &places, BEFORE.1);
            next = position_from(&table, position + 1);
        }
        bits.finish();
        let db = Database::builder()
            .create_with_backend(redb::backends::InMemoryBackend::new())
            .unwrap();
        let txn = db.begin_write().unwrap();
        let row = value::seal(&row);
        let before = row.len();
        txn.open_table(PIECES)
            .unwrap()
            .insert((kind.number(), DAY, first), row.as_slice())
            .unwrap();
        txn.commit().unwrap();
        let find = |wrong_max: usize| {
            let txn = db.begin_read().unwrap();
            let pieces = txn.open_table(PIECES).unwrap();
            check(&pieces, (kind, DAY), &levels).unwrap();
            let hits = |hash| {
                let mut hits = Vec::new();
                probe(&pieces, (kind, DAY), hash, &[(3, level), (9, level)], |hour| {
                    hits.push(hour)
                })
                .unwrap();
                hits
            };
            for hour in [3, 9] {
                assert!(of_hour(hour).all(|hash| hits(hash).contains(&hour)));
            }
            let wrong: usize = (1_000_000..1_004_000).map(|n| hits(hash(n)).len()).sum();
            assert!(wrong < wrong_max, "{wrong}");
        };
        find(8_000 / 200);
        let txn = db.begin_write().unwrap();
        {
            const SETS: redb::TableDefinition<'_, SetKey, &[u8]> = redb::TableDefinition::new("sets");
            let sets = txn.open_table(SETS).unwrap();
            let hours = levels
                .keys()
                .map(|hour| (*hour, ClosedHour::of_levels(level, level)))
                .collect();
            merge(&txn, &sets, (kind, DAY), &hours, 1 << 3 | 1 << 9).unwrap();
        }
        txn.commit().unwrap();
        find(8_000 / 100);
        let txn = db.begin_read().unwrap();
        let rows = txn.open_table(PIECES).unwrap();
        let octets: usize = rows.iter().unwrap().map(|row| row.unwrap().1.value().len()).sum();
        assert!(octets + 80 < before, "{octets} of {before}");
    }
}
