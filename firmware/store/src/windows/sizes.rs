//! How much the file's windows take, by hour of seconds and by day of minutes: octets of keys and values, counted in the
//! transaction that changes them.

use std::collections::BTreeMap;

use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use super::rows::{MINUTE_TOPS, MINUTES, SECOND_TOPS, SECONDS};
use crate::value::opened;

/// (class, start in s) → octets. The class 0 has one row, which says that all windows are counted.
const SIZES: TableDefinition<(u8, u64), u64> = TableDefinition::new("sizes");
const COUNTED: (u8, u64) = (0, 0);
/// What was pruned of a class on a day (its start in s), some of which may still be there.
const PRUNED: TableDefinition<(u8, u64), u64> = TableDefinition::new("pruned");
/// What a row takes besides its value.
const ROW: u64 = 40;
const DAY: u64 = 86_400;

/// Seconds or minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Seconds,
    Minutes,
}

impl Class {
    pub(crate) const ALL: [Self; 2] = [Self::Seconds, Self::Minutes];

    const fn number(self) -> u8 {
        match self {
            Self::Seconds => 1,
            Self::Minutes => 2,
        }
    }

    /// Seconds that are counted together.
    pub(crate) const fn step(self) -> u64 {
        match self {
            Self::Seconds => 3_600,
            Self::Minutes => DAY,
        }
    }
}

/// Changes of the sizes in a transaction.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    added: BTreeMap<(u8, u64), u64>,
    removed: BTreeMap<(u8, u64), u64>,
    pruned: BTreeMap<(u8, u64), u64>,
}

impl Sizes {
    fn place(class: Class, start: u64) -> (u8, u64) {
        (class.number(), start - start % class.step())
    }

    /// A row was written, perhaps in place of one of `before` octets.
    pub(super) fn put(&mut self, class: Class, start: u64, octets: usize, before: Option<usize>) {
        let place = Self::place(class, start);
        *self.added.entry(place).or_default() += octets as u64 + ROW;
        if let Some(before) = before {
            *self.removed.entry(place).or_default() += before as u64 + ROW;
        }
    }

    /// A row of so many octets was pruned.
    pub(super) fn prune(&mut self, class: Class, start: u64, octets: usize) {
        let octets = octets as u64 + ROW;
        *self.removed.entry(Self::place(class, start)).or_default() += octets;
        let day = (class.number(), start - start % DAY);
        *self.pruned.entry(day).or_default() += octets;
    }

    /// Writes the changes down. The tables of windows must not be open.
    pub(super) fn finish(self, txn: &WriteTransaction) -> Result<(), redb::Error> {
        let mut table = txn.open_table(SIZES)?;
        if table.get(COUNTED)?.is_none() {
            // The release before did not count: what is there now is what counts.
            let all = count(txn)?;
            for (place, octets) in all {
                table.insert(place, octets)?;
            }
            table.insert(COUNTED, 0)?;
        } else {
            let places: Vec<(u8, u64)> = self.added.keys().chain(self.removed.keys()).copied().collect();
            for place in places.into_iter().collect::<std::collections::BTreeSet<_>>() {
                let change = |of: &BTreeMap<(u8, u64), u64>| of.get(&place).copied().unwrap_or(0);
                let before = table.get(place)?.map_or(0, |octets| octets.value());
                let now = (before + change(&self.added)).saturating_sub(change(&self.removed));
                match now {
                    0 => drop(table.remove(place)?),
                    now => drop(table.insert(place, now)?),
                }
            }
        }
        let mut pruned = txn.open_table(PRUNED)?;
        for (day, octets) in self.pruned {
            let before = pruned.get(day)?.map_or(0, |octets| octets.value());
            pruned.insert(day, before + octets)?;
        }
        Ok(())
    }
}

fn count(txn: &WriteTransaction) -> Result<BTreeMap<(u8, u64), u64>, redb::Error> {
    let mut sizes = Sizes::default();
    for entry in txn.open_table(SECONDS)?.iter()? {
        let (key, value) = entry?;
        sizes.put(Class::Seconds, key.value().0, value.value().len(), None);
    }
    for entry in txn.open_table(SECOND_TOPS)?.iter()? {
        let (key, value) = entry?;
        sizes.put(Class::Seconds, key.value().0, value.value().len(), None);
    }
    for entry in txn.open_table(MINUTES)?.iter()? {
        let (key, value) = entry?;
        sizes.put(Class::Minutes, key.value().0, value.value().len(), None);
    }
    for entry in txn.open_table(MINUTE_TOPS)?.iter()? {
        let (key, value) = entry?;
        sizes.put(Class::Minutes, key.value().0, value.value().len(), None);
    }
    Ok(sizes.added)
}

/// Octets of a class by where the hours or days start.
pub(super) fn read(txn: &ReadTransaction, class: Class) -> Result<BTreeMap<u64, u64>, redb::Error> {
    let mut sizes = BTreeMap::new();
    if let Some(table) = opened(txn.open_table(SIZES))? {
        for entry in table.range((class.number(), 0)..=(class.number(), u64::MAX))? {
            let (place, octets) = entry?;
            sizes.insert(place.value().1, octets.value());
        }
    }
    Ok(sizes)
}

/// Days of which everything was pruned: class, start of the day in s, octets. They are not given again.
pub(super) fn take_pruned(txn: &WriteTransaction) -> Result<Vec<(Class, u64, u64)>, redb::Error> {
    let mut pruned = txn.open_table(PRUNED)?;
    let sizes = txn.open_table(SIZES)?;
    let mut gone = Vec::new();
    for class in Class::ALL {
        for entry in pruned.range((class.number(), 0)..=(class.number(), u64::MAX))? {
            let (day, octets) = entry?;
            let day = day.value().1;
            let left = sizes
                .range((class.number(), day)..(class.number(), day.saturating_add(DAY)))?
                .next();
            if left.is_none() {
                gone.push((class, day, octets.value()));
            }
        }
    }
    for (class, day, _) in &gone {
        pruned.remove((class.number(), *day))?;
    }
    Ok(gone)
}
