//! The quality of a block's records: sums by group, of records that were measured alone.

use model::{BlockError, DelaySums, Field, QualitySums, SideSums};

use super::Inner;
use super::gather::Gatherer;
use super::partial::Partial;
use crate::compile::ask::Work;
use crate::group::keys::Rows;
use crate::group::local::{Amounts, Coded};
use crate::scan::columns::{Plain, Unpacked};
use crate::scan::select::narrow8;
use crate::series::Points;

/// Words of [`QualitySums`].
pub(crate) const QUALITY: usize = 26;
/// Which of them are the largest of all rather than sums.
pub(crate) const LARGEST: u32 = 1 << 3 | 1 << 6 | 1 << 9 | 1 << 17 | 1 << 25;

pub(crate) type Words = [u64; QUALITY];

/// Adds up words; `largest` says of which the larger is taken instead.
pub(crate) fn join(words: &mut [u64], more: &[u64]) {
    for (at, (word, more)) in words.iter_mut().zip(more).enumerate() {
        *word = if LARGEST >> at & 1 == 1 {
            (*word).max(*more)
        } else {
            word.saturating_add(*more)
        };
    }
}

/// What words say; `None` where no record was measured.
pub(crate) fn read(words: &[u64]) -> Option<QualitySums> {
    let words: &Words = words.first_chunk()?;
    let delays = |at: usize| DelaySums {
        count: words[at],
        total_us: words[at + 1],
        max_us: words[at + 2],
    };
    let side = |at: usize| SideSums {
        tcp_packets: words[at],
        retransmitted: words[at + 1],
        out_of_order: words[at + 2],
        zero_windows: words[at + 3],
        resets: words[at + 4],
        rtp_packets: words[at + 5],
        rtp_lost: words[at + 6],
        rtp_jitter_us: words[at + 7],
    };
    (words[0] > 0).then(|| QualitySums {
        flows: words[0],
        connect_client: delays(1),
        connect_server: delays(4),
        response: delays(7),
        forward: side(10),
        reverse: side(18),
    })
}

const TCP: u8 = 6;

/// A record's words; its columns were loaded.
fn words_of(columns: &Unpacked<'_, '_>, row: u32) -> Words {
    let at = row as usize;
    let of = |plain: Plain| columns.plain(plain).and_then(|n| n.get(at)).copied().unwrap_or(0);
    let mut words = [0; QUALITY];
    words[0] = 1;
    for (to, plain) in [(1, Plain::ConnectClient), (4, Plain::ConnectServer)] {
        // One larger, and 0 for none.
        if let Some(us) = of(plain).checked_sub(1) {
            (words[to], words[to + 1], words[to + 2]) = (1, us, us);
        }
    }
    words[7] = of(Plain::Responses);
    words[9] = of(Plain::ResponseMax);
    words[8] = of(Plain::ResponseRest).wrapping_add(words[9]);
    let tcp = narrow8(columns.values(Field::Protocol).get(at).unwrap_or(0)) == TCP;
    for (to, packets, plains) in [
        (10, Plain::Packets, Plain::FORWARD),
        (18, Plain::PacketsRev, Plain::REVERSE),
    ] {
        words[to] = if tcp { of(packets) } else { 0 };
        for (n, plain) in plains.into_iter().enumerate() {
            words[to + 1 + n] = of(plain);
        }
    }
    words
}

/// Room to work in.
#[derive(Debug, Default)]
pub(super) struct Measured {
    rows: Vec<u32>,
    points: Vec<u32>,
    /// By group, the place of its words; [`NOWHERE`] where there are none yet.
    places: Vec<u32>,
    words: Vec<Words>,
}

const NOWHERE: u32 = u32::MAX;

impl Gatherer {
    /// Adds the quality of records to what was asked for: of all of them, of their groups, and of the points where they
    /// end.
    pub(super) fn quality(
        &mut self,
        inner: &Inner,
        rows: Rows<'_>,
        columns: &mut Unpacked<'_, '_>,
        partial: &mut Partial,
    ) -> Result<(), BlockError> {
        if columns.column(Field::Measured)?.range() != Some((0, 0)) {
            let mut room = std::mem::take(&mut self.measured);
            let done = self.measured(inner, rows, columns, partial, &mut room);
            self.measured = room;
            return done;
        }
        Ok(())
    }

    fn measured(
        &mut self,
        inner: &Inner,
        rows: Rows<'_>,
        columns: &mut Unpacked<'_, '_>,
        partial: &mut Partial,
        room: &mut Measured,
    ) -> Result<(), BlockError> {
        columns.load(Field::Measured)?;
        let values = columns.values(Field::Measured);
        room.rows.clear();
        let there = |row: &u32| values.get(*row as usize) == Some(1);
        match rows {
            Rows::All(len) => room.rows.extend((0u32..).take(len).filter(there)),
            Rows::List(rows) => room.rows.extend(rows.iter().copied().filter(there)),
        }
        let points = match &inner.plan.work {
            Work::Series { points, .. } => Some(points),
            _ => None,
        };
        room.points.clear();
        if let Some(points) = points {
            ends(points, columns, room)?;
        }
        if room.rows.is_empty() {
            return Ok(());
        }
        columns.load(Field::Protocol)?;
        let mut plains = [Plain::Packets, Plain::PacketsRev].into_iter().chain(Plain::quality());
        plains.try_for_each(|plain| columns.load_plain(plain))?;
        let (Work::Top { shape, .. } | Work::Series { shape, .. }, true) = (&inner.plan.work, partial.groups.is_some())
        else {
            for (n, row) in room.rows.iter().enumerate() {
                let point = room.points.get(n).map_or(0, |point| *point as usize);
                if let Some(words) = partial.quality.get_mut(point) {
                    join(words, &words_of(columns, *row));
                }
            }
            return Ok(());
        };
        let (keys, origins) = self.keys(inner, shape, Rows::List(&room.rows), columns, &mut partial.texts)?;
        let origin = |row: usize| {
            origins
                .as_ref()
                .map_or(row, |origins| origins.get(row).map_or(0, |n| *n as usize))
        };
        let count = origins.as_ref().map_or(room.rows.len(), Vec::len);
        let at: Vec<u32> = match points {
            Some(_) => (0..count)
                .map(|row| room.points.get(origin(row)).copied().unwrap_or(0))
                .collect(),
            None => Vec::new(),
        };
        let mut coded: Vec<Coded<'_>> = keys.iter().map(super::gather::coded).collect();
        if let Some(points) = points {
            coded.push(Coded {
                codes: &at,
                card: points.count(),
            });
        }
        self.local.sum(&coded, count, Amounts::default());
        room.places.clear();
        room.places.resize(self.local.groups(), NOWHERE);
        room.words.clear();
        for (row, group) in self.local.numbers(&coded).iter().enumerate().take(count) {
            let Some(record) = room.rows.get(origin(row)) else {
                continue;
            };
            let words = words_of(columns, *record);
            let Some(place) = room.places.get_mut(*group as usize) else {
                continue;
            };
            if *place == NOWHERE {
                *place = u32::try_from(room.words.len()).unwrap_or(NOWHERE);
                room.words.push(words);
            } else if let Some(sum) = room.words.get_mut(*place as usize) {
                join(sum, &words);
            }
        }
        if points.is_none()
            && let Some(all) = partial.quality.first_mut()
        {
            // Each record once, however many groups it is in.
            for record in &room.rows {
                join(all, &words_of(columns, *record));
            }
        }
        let Some(table) = partial.groups.as_mut().and_then(|groups| groups.quality.as_mut()) else {
            return Ok(());
        };
        let point = points.map(|_| (at.as_slice(), 0));
        self.local.each(shape, &keys, point, columns, |batch| {
            for (key, group) in batch.keys().zip(batch.groups) {
                let place = room.places.get(*group as usize).copied().unwrap_or(NOWHERE);
                if let Some(words) = room.words.get(place as usize) {
                    table.add(key, table.hash(key), 0, words);
                }
            }
        })
    }
}

/// Keeps the rows that end within the points, and says in which.
fn ends(points: &Points, columns: &mut Unpacked<'_, '_>, room: &mut Measured) -> Result<(), BlockError> {
    columns.load_plain(Plain::End)?;
    let ends = columns.plain(Plain::End).unwrap_or_default();
    let points_of = &mut room.points;
    room.rows.retain(|row| {
        let point = points.counts(ends.get(*row as usize).copied().unwrap_or(0), 0);
        points_of.extend(point);
        point.is_some()
    });
    Ok(())
}
