//! Minutes of interfaces: rows of one interface and source lie together, in order of time.

use std::collections::BTreeMap;

use model::{CounterSource, Counters, InterfaceDetail, InterfaceId, InterfaceMinute, LinkId, Timestamp};
use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::VERSION;
use crate::value::{decode, encode, opened};

/// (exporter, ifIndex, source, start in seconds).
type Key = (u32, u32, u8, u64);
const INTERFACES: TableDefinition<Key, &[u8]> = TableDefinition::new("interfaces");

/// A row's value.
#[derive(Serialize, Deserialize)]
struct Value {
    seconds: u8,
    inbound: Counters,
    outbound: Counters,
    /// Bit n is set when counter n of [`InterfaceDetail::NAMES`] is known.
    known: u32,
    /// The known counters in order.
    detail: Vec<u64>,
}

fn key_of(minute: &InterfaceMinute) -> Key {
    let InterfaceId { exporter, index } = minute.interface;
    (exporter.0, index, minute.source as u8, minute.start.as_secs())
}

fn source_of(number: u8) -> Result<CounterSource, redb::Error> {
    match number {
        1 => Ok(CounterSource::Flow),
        2 => Ok(CounterSource::Snmp),
        3 => Ok(CounterSource::Sflow),
        other => Err(redb::Error::Corrupted(format!("there is no source {other}"))),
    }
}

fn pack(minute: &InterfaceMinute) -> Result<Vec<u8>, redb::Error> {
    let mut known = 0;
    for (place, value) in minute.detail.values().enumerate() {
        known |= u32::from(value.is_some()) << place;
    }
    encode(
        VERSION,
        &Value {
            seconds: minute.seconds,
            inbound: minute.inbound,
            outbound: minute.outbound,
            known,
            detail: minute.detail.values().flatten().collect(),
        },
    )
}

fn unpack(key: Key, octets: &[u8]) -> Result<InterfaceMinute, redb::Error> {
    let value: Value = decode(VERSION, octets)?;
    let mut detail = value.detail.into_iter();
    let places = 0..InterfaceDetail::NAMES.len();
    Ok(InterfaceMinute {
        interface: InterfaceId {
            exporter: LinkId(key.0),
            index: key.1,
        },
        start: Timestamp::from_secs(key.3),
        source: source_of(key.2)?,
        seconds: value.seconds,
        inbound: value.inbound,
        outbound: value.outbound,
        detail: InterfaceDetail::from_values(places.map(|place| {
            let known = value.known.checked_shr(u32::try_from(place).ok()?)? & 1 == 1;
            known.then(|| detail.next()).flatten()
        })),
    })
}

/// Adds parts to their minutes' rows.
pub(super) fn add<'a>(
    txn: &WriteTransaction,
    parts: impl Iterator<Item = &'a InterfaceMinute>,
) -> Result<(), redb::Error> {
    let mut sums: BTreeMap<Key, InterfaceMinute> = BTreeMap::new();
    for part in parts {
        sums.entry(key_of(part))
            .and_modify(|sum| sum.add(part))
            .or_insert_with(|| part.clone());
    }
    if sums.is_empty() {
        return Ok(());
    }
    let mut table = txn.open_table(INTERFACES)?;
    for (key, mut sum) in sums {
        if let Some(before) = table.get(key)? {
            sum.add(&unpack(key, before.value())?);
        }
        table.insert(key, pack(&sum)?.as_slice())?;
    }
    Ok(())
}

/// Gives an interface's minutes that start in `[from, to)` to `each`.
pub(super) fn minutes(
    txn: &ReadTransaction,
    interface: InterfaceId,
    (from, to): (u64, u64),
    each: &mut impl FnMut(InterfaceMinute),
) -> Result<(), redb::Error> {
    let Some(table) = opened(txn.open_table(INTERFACES))? else {
        return Ok(());
    };
    let InterfaceId { exporter, index } = interface;
    for source in [CounterSource::Flow, CounterSource::Snmp, CounterSource::Sflow] {
        let at = |time| (exporter.0, index, source as u8, time);
        for entry in table.range(at(from)..at(to.max(from)))? {
            let (key, value) = entry?;
            each(unpack(key.value(), value.value())?);
        }
    }
    Ok(())
}

/// Adds at most `few` of the newest minutes of each interface and source to `newest`.
pub(super) fn newest(
    txn: &ReadTransaction,
    exporter: Option<LinkId>,
    (from, to): (u64, u64),
    few: usize,
    newest: &mut Vec<InterfaceMinute>,
) -> Result<(), redb::Error> {
    let Some(table) = opened(txn.open_table(INTERFACES))? else {
        return Ok(());
    };
    let (first, last) = exporter.map_or((0, u32::MAX), |e| (e.0, e.0));
    let mut next: Key = (first, 0, 0, 0);
    loop {
        let Some(entry) = table.range(next..=(last, u32::MAX, u8::MAX, u64::MAX))?.next() else {
            return Ok(());
        };
        let (exporter, index, source, _) = entry?.0.value();
        let at = |time| (exporter, index, source, time);
        for entry in table.range(at(from)..at(to.max(from)))?.rev().take(few) {
            let (key, value) = entry?;
            newest.push(unpack(key.value(), value.value())?);
        }
        // Sources are few: the next number is always there.
        next = (exporter, index, source.saturating_add(1), 0);
    }
}
