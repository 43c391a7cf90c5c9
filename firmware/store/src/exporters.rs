//! What exporters' interfaces carried and what their sensors read: one redb file a day, each with the numbers of the
//! batches that brought it something, so that parts that add up are added once.

mod gauges;
mod interfaces;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use model::{Gauge, GaugeKind, InterfaceId, InterfaceMinute, LinkId, Timestamp};
use redb::TableDefinition;

use crate::day::Day;
use crate::dayfiles::DayFiles;
use crate::disk::Disk;
use crate::{BatchKey, StoreError};

/// (epoch, sequence) of each batch that is in the file. It goes with the file.
const BATCHES: TableDefinition<(u64, u64), ()> = TableDefinition::new("batches");

const KIND: &str = "exporters";
const CACHE_BYTES: usize = 8 << 20;
/// The version of the values in these files.
const VERSION: u8 = 1;

/// The part of a batch that belongs to one day.
#[derive(Debug, Default)]
pub(crate) struct Part<'a> {
    minutes: Vec<&'a InterfaceMinute>,
    gauges: Vec<&'a Gauge>,
}

/// What a day's batches came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Added {
    /// Gauges that found no place: their exporter has too many.
    pub(crate) gauges_left_out: usize,
}

/// Parts of batches by day, each with the batch that it is of.
pub(crate) type Parts<'a> = BTreeMap<Day, BTreeMap<BatchKey, Part<'a>>>;

/// The files.
#[derive(Debug)]
pub(crate) struct Exporters {
    files: DayFiles,
    /// Days that are kept, today included.
    days: AtomicU64,
}

impl Exporters {
    pub(crate) fn open(disk: Arc<dyn Disk>, days: u64, names: &[(String, u64)]) -> Self {
        Self {
            files: DayFiles::open(disk, KIND, CACHE_BYTES, names),
            days: AtomicU64::new(days),
        }
    }

    pub(crate) fn files(&self) -> &DayFiles {
        &self.files
    }

    /// Keeps so many days from now on.
    pub(crate) fn keep_days(&self, days: u64) {
        self.days.store(days, Ordering::Relaxed);
    }

    /// The oldest day that is kept.
    fn oldest(&self, now: Timestamp) -> Day {
        Day(Day::of(now).0.saturating_sub(self.days.load(Ordering::Relaxed)))
    }

    /// The day that something is filed under: its own, but no later than tomorrow, and no earlier than what is kept: a
    /// wrong clock makes few files.
    fn day_of(&self, at: Timestamp, now: Timestamp) -> Day {
        Day::of(at).clamp(self.oldest(now), Day::of(now).next())
    }

    /// Files a batch's minutes under their days.
    pub(crate) fn file_minutes<'a>(
        &self,
        parts: &mut Parts<'a>,
        batch: BatchKey,
        minutes: &'a [InterfaceMinute],
        now: Timestamp,
    ) {
        for minute in minutes {
            let day = parts.entry(self.day_of(minute.start, now)).or_default();
            day.entry(batch).or_default().minutes.push(minute);
        }
    }

    /// Files a batch's readings under their days.
    pub(crate) fn file_gauges<'a>(&self, parts: &mut Parts<'a>, batch: BatchKey, gauges: &'a [Gauge], now: Timestamp) {
        for gauge in gauges {
            let day = parts.entry(self.day_of(gauge.at, now)).or_default();
            day.entry(batch).or_default().gauges.push(gauge);
        }
    }

    /// Adds a day's parts in one transaction; those of batches that the file knows are left out.
    pub(crate) fn append(&self, day: Day, parts: &BTreeMap<BatchKey, Part<'_>>) -> Result<Added, StoreError> {
        let added = self.files.file(day).write(|txn| {
            let mut batches = txn.open_table(BATCHES)?;
            let mut fresh: Vec<&Part<'_>> = Vec::with_capacity(parts.len());
            for (batch, part) in parts {
                if batches.insert((batch.epoch, batch.sequence), ())?.is_none() {
                    fresh.push(part);
                }
            }
            interfaces::add(txn, fresh.iter().flat_map(|part| part.minutes.iter().copied()))?;
            let gauges_left_out = gauges::add(txn, fresh.iter().flat_map(|part| part.gauges.iter().copied()))?;
            Ok(Added { gauges_left_out })
        });
        self.files.close_if_old(day);
        added
    }

    /// Gives an interface's minutes that start in `[from, to)` to `each`: day by day, and within a day by source.
    pub(crate) fn minutes(
        &self,
        interface: InterfaceId,
        from: Timestamp,
        to: Timestamp,
        mut each: impl FnMut(InterfaceMinute),
    ) -> Result<(), StoreError> {
        for day in self.files.days_between(from, to) {
            let Some(file) = self.files.existing(day) else { continue };
            let read = file.read(|txn| {
                let span = (from.as_secs(), to.as_secs());
                interfaces::minutes(txn, interface, span, &mut each)
            });
            self.files.close_if_old(day);
            read?;
        }
        Ok(())
    }

    /// The newest minutes, at most `few` of each interface and source, that start in `[from, to)`; the newest first.
    pub(crate) fn newest_minutes(
        &self,
        exporter: Option<LinkId>,
        (from, to): (Timestamp, Timestamp),
        few: usize,
    ) -> Result<Vec<InterfaceMinute>, StoreError> {
        let mut newest = Vec::new();
        for day in self.files.days_between(from, to).into_iter().rev() {
            let Some(file) = self.files.existing(day) else { continue };
            let read = file.read(|txn| {
                let span = (from.as_secs(), to.as_secs());
                interfaces::newest(txn, exporter, span, few, &mut newest)
            });
            self.files.close_if_old(day);
            read?;
        }
        // Two days may both have some of the same interface.
        newest.sort_by(|a: &InterfaceMinute, b| {
            let key = |m: &InterfaceMinute| (m.interface, m.source);
            key(a).cmp(&key(b)).then(b.start.cmp(&a.start))
        });
        let mut run = (None, 0);
        newest.retain(|m| {
            let key = Some((m.interface, m.source));
            run = if run.0 == key { (key, run.1 + 1) } else { (key, 1) };
            run.1 <= few
        });
        Ok(newest)
    }

    /// Gives an exporter's readings of a kind (and a name) in `[from, to)` to `each`, in order of time within a name
    /// and a day.
    pub(crate) fn gauges(
        &self,
        exporter: LinkId,
        (kind, name): (GaugeKind, Option<&str>),
        (from, to): (Timestamp, Timestamp),
        mut each: impl FnMut(Gauge),
    ) -> Result<(), StoreError> {
        for day in self.files.days_between(from, to) {
            let Some(file) = self.files.existing(day) else { continue };
            let read = file.read(|txn| {
                let span = (from.as_nanos(), to.as_nanos());
                gauges::readings(txn, exporter, (kind, name), span, &mut each)
            });
            self.files.close_if_old(day);
            read?;
        }
        Ok(())
    }

    /// The newest reading of each of an exporter's gauges in `[from, to)`, by kind and name.
    pub(crate) fn newest_gauges(
        &self,
        exporter: LinkId,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<Gauge>, StoreError> {
        let mut newest: BTreeMap<(GaugeKind, String), Gauge> = BTreeMap::new();
        for day in self.files.days_between(from, to).into_iter().rev() {
            let Some(file) = self.files.existing(day) else { continue };
            let read = file.read(|txn| {
                let span = (from.as_nanos(), to.as_nanos());
                gauges::newest(txn, exporter, span, |gauge| {
                    newest.entry((gauge.kind, gauge.name.clone())).or_insert(gauge);
                })
            });
            self.files.close_if_old(day);
            read?;
        }
        Ok(newest.into_values().collect())
    }
}
