//! Rows of minutes: made from seconds, or from what exporters' collectors sent of a minute.

use std::collections::BTreeMap;

use model::{LinkId, Timestamp, TopTable, Window};
use redb::{ReadableTable, Table, WriteTransaction};

use super::rows::{
    DIMENSIONS, MINUTE_TOPS, MINUTES, MinuteKey, MinuteTopKey, SECOND_TOPS, SECONDS, SecondKey, UNROLLED,
    decode_counters, dimension_number, encode, minute_top, pack, table_of, window,
};
use super::sizes::{Class, Sizes};
use super::{PRUNES_MAX, ROLLS_MAX};

/// The rows of minutes, open for writing.
pub(super) struct Minutes<'txn> {
    sizes: &'txn mut Sizes,
    rows: Table<'txn, MinuteKey, &'static [u8]>,
    tops: Table<'txn, MinuteTopKey, &'static [u8]>,
}

impl<'txn> Minutes<'txn> {
    pub(super) fn open(txn: &'txn WriteTransaction, sizes: &'txn mut Sizes) -> Result<Self, redb::Error> {
        Ok(Self {
            sizes,
            rows: txn.open_table(MINUTES)?,
            tops: txn.open_table(MINUTE_TOPS)?,
        })
    }

    /// Adds windows within a minute to its row. `covered` are the seconds that they cover.
    pub(super) fn add(&mut self, minute: MinuteKey, covered: u64, windows: &[&Window]) -> Result<(), redb::Error> {
        let before = self.row(minute)?;
        let covered = covered | before.as_ref().map_or(0, |(covered, _)| *covered);
        let parts = before.iter().map(|(_, window)| window).chain(windows.iter().copied());
        let Some(merged) = aggregate::merge(parts, 60) else {
            return Ok(());
        };
        let row = encode(&(covered, &merged.counters))?;
        let before = self.rows.insert(minute, row.as_slice())?.map(|row| row.value().len());
        self.sizes.put(Class::Minutes, minute.0, row.len(), before);
        for dimension in DIMENSIONS {
            let table = table_of(&merged, dimension);
            if *table != TopTable::default() {
                let key = (minute.0, minute.1, dimension_number(dimension));
                let row = pack(table)?;
                let before = self.tops.insert(key, row.as_slice())?.map(|row| row.value().len());
                self.sizes.put(Class::Minutes, minute.0, row.len(), before);
            }
        }
        Ok(())
    }

    fn row(&self, minute: MinuteKey) -> Result<Option<(u64, Window)>, redb::Error> {
        let Some(value) = self.rows.get(minute)? else {
            return Ok(None);
        };
        let (covered, counters) = decode_counters(LinkId(minute.1), value.value())?;
        let [hosts, protocols, apps, conversations] = DIMENSIONS.map(|d| minute_top(&self.tops, minute, d));
        let window = Window {
            link: LinkId(minute.1),
            start: Timestamp::from_secs(minute.0),
            seconds: 60,
            counters,
            hosts: hosts?,
            protocols: protocols?,
            apps: apps?,
            conversations: conversations?,
        };
        Ok(Some((covered, window)))
    }
}

/// Rolls unrolled seconds before `over`; answers how many minutes changed.
pub(super) fn roll(txn: &WriteTransaction, sizes: &mut Sizes, over: u64) -> Result<usize, redb::Error> {
    let mut unrolled = txn.open_table(UNROLLED)?;
    let seconds = txn.open_table(SECONDS)?;
    let second_tops = txn.open_table(SECOND_TOPS)?;
    let mut minutes = Minutes::open(txn, sizes)?;

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
        let mut windows = Vec::with_capacity(keys.len());
        let mut covered = 0u64;
        for key in keys {
            if let Some(value) = seconds.get(key)? {
                covered |= 1 << (key.0 % 60);
                windows.push(window(&second_tops, *key, value.value())?);
            }
            unrolled.remove(key)?;
        }
        minutes.add(*minute, covered, &windows.iter().collect::<Vec<_>>())?;
    }
    Ok(groups.len())
}

/// Removes rolled seconds before `seconds` and minutes before `minutes`; answers how many rows.
pub(super) fn prune(
    txn: &WriteTransaction,
    sizes: &mut Sizes,
    before_second: u64,
    before_minute: u64,
) -> Result<usize, redb::Error> {
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
            if let Some(row) = seconds.remove(key)? {
                sizes.prune(Class::Seconds, key.0, row.value().len());
            }
            for dimension in DIMENSIONS {
                let top = (key.0, key.1, key.2, key.3, key.4, dimension_number(dimension));
                if let Some(row) = second_tops.remove(top)? {
                    sizes.prune(Class::Seconds, key.0, row.value().len());
                }
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
        if let Some(row) = minutes.remove(key)? {
            sizes.prune(Class::Minutes, key.0, row.value().len());
        }
        for dimension in DIMENSIONS {
            if let Some(row) = minute_tops.remove((key.0, key.1, dimension_number(dimension)))? {
                sizes.prune(Class::Minutes, key.0, row.value().len());
            }
        }
        pruned += 1;
    }
    Ok(pruned)
}
