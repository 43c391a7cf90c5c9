//! Readings of gauges: rows of one gauge lie together, in order of time.

use std::collections::BTreeMap;

use model::{Gauge, GaugeKind, LinkId, Timestamp};
use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use super::VERSION;
use crate::value::{decode, encode, opened};

/// (exporter, kind, name) → the gauge's number among its exporter's in this file.
const NAMES: TableDefinition<(u32, u8, &str), u32> = TableDefinition::new("gauge_names");
/// (exporter, gauge, time in nanoseconds).
type Key = (u32, u32, u64);
const GAUGES: TableDefinition<Key, &[u8]> = TableDefinition::new("gauges");

/// Gauges of an exporter that a day's file takes.
const GAUGES_MAX: u32 = 1_024;
/// Characters of a name that are kept.
const NAME_MAX: usize = 64;

/// Every kind in the order of its number.
const KINDS: [GaugeKind; 14] = [
    GaugeKind::Cpu,
    GaugeKind::Memory,
    GaugeKind::Storage,
    GaugeKind::Load,
    GaugeKind::Celsius,
    GaugeKind::Rpm,
    GaugeKind::Volts,
    GaugeKind::Amperes,
    GaugeKind::Watts,
    GaugeKind::Humidity,
    GaugeKind::Dbm,
    GaugeKind::Hertz,
    GaugeKind::Truth,
    GaugeKind::Other,
];

fn kind_of(number: u8) -> Result<GaugeKind, redb::Error> {
    let kind = KINDS.into_iter().find(|kind| *kind as u8 == number);
    kind.ok_or_else(|| redb::Error::Corrupted(format!("there is no kind of gauge {number}")))
}

/// The part of a name that is kept.
fn cut(name: &str) -> &str {
    name.char_indices()
        .nth(NAME_MAX)
        .map_or(name, |(end, _)| name.get(..end).unwrap_or(name))
}

/// Adds readings; answers how many found no place because their exporter has too many gauges. What is no number is no
/// reading.
pub(super) fn add<'a>(txn: &WriteTransaction, gauges: impl Iterator<Item = &'a Gauge>) -> Result<usize, redb::Error> {
    let mut gauges = gauges.filter(|g| g.value.is_finite()).peekable();
    if gauges.peek().is_none() {
        return Ok(0);
    }
    let mut names = txn.open_table(NAMES)?;
    let mut table = txn.open_table(GAUGES)?;
    let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
    let mut left_out = 0;
    for gauge in gauges {
        let exporter = gauge.exporter.0;
        let name = (exporter, gauge.kind as u8, cut(&gauge.name));
        let known = names.get(name)?.map(|number| number.value());
        let number = match known {
            Some(number) => number,
            None => {
                let count = match counts.get(&exporter) {
                    Some(count) => *count,
                    None => count_of(&names, exporter)?,
                };
                if count >= GAUGES_MAX {
                    left_out += 1;
                    continue;
                }
                counts.insert(exporter, count + 1);
                names.insert(name, count)?;
                count
            }
        };
        let value = encode(VERSION, &(gauge.value, gauge.ok))?;
        table.insert((exporter, number, gauge.at.as_nanos()), value.as_slice())?;
    }
    Ok(left_out)
}

fn count_of(names: &impl ReadableTable<(u32, u8, &'static str), u32>, exporter: u32) -> Result<u32, redb::Error> {
    let mut count = 0;
    for entry in names.range((exporter, 0, "")..)? {
        if entry?.0.value().0 != exporter {
            break;
        }
        count += 1;
    }
    Ok(count)
}

/// An exporter's gauges: kind, name, number.
fn named(txn: &ReadTransaction, exporter: LinkId) -> Result<Vec<(GaugeKind, String, u32)>, redb::Error> {
    let Some(names) = opened(txn.open_table(NAMES))? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for entry in names.range((exporter.0, 0, "")..)? {
        let (key, number) = entry?;
        let (of, kind, name) = key.value();
        if of != exporter.0 {
            break;
        }
        found.push((kind_of(kind)?, name.to_owned(), number.value()));
    }
    Ok(found)
}

/// Gives an exporter's readings of a kind (and a name) in `[from, to)` to `each`.
pub(super) fn readings(
    txn: &ReadTransaction,
    exporter: LinkId,
    (kind, name): (GaugeKind, Option<&str>),
    (from, to): (u64, u64),
    each: &mut impl FnMut(Gauge),
) -> Result<(), redb::Error> {
    let wanted = named(txn, exporter)?.into_iter();
    let wanted = wanted.filter(|(of, called, _)| *of == kind && name.is_none_or(|n| cut(n) == called));
    let Some(table) = opened(txn.open_table(GAUGES))? else {
        return Ok(());
    };
    for (kind, name, number) in wanted {
        for entry in table.range((exporter.0, number, from)..(exporter.0, number, to.max(from)))? {
            let (key, value) = entry?;
            each(gauge(exporter, kind, name.clone(), key.value(), value.value())?);
        }
    }
    Ok(())
}

/// Gives the newest reading of each of an exporter's gauges in `[from, to)` to `each`.
pub(super) fn newest(
    txn: &ReadTransaction,
    exporter: LinkId,
    (from, to): (u64, u64),
    mut each: impl FnMut(Gauge),
) -> Result<(), redb::Error> {
    let named = named(txn, exporter)?;
    let Some(table) = opened(txn.open_table(GAUGES))? else {
        return Ok(());
    };
    for (kind, name, number) in named {
        let mut range = table.range((exporter.0, number, from)..(exporter.0, number, to.max(from)))?;
        if let Some(entry) = range.next_back() {
            let (key, value) = entry?;
            each(gauge(exporter, kind, name, key.value(), value.value())?);
        }
    }
    Ok(())
}

fn gauge(exporter: LinkId, kind: GaugeKind, name: String, key: Key, octets: &[u8]) -> Result<Gauge, redb::Error> {
    let (value, ok) = decode(VERSION, octets)?;
    Ok(Gauge {
        exporter,
        at: Timestamp::from_nanos(key.2),
        kind,
        name,
        value,
        ok,
    })
}
