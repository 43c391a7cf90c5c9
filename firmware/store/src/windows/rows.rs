//! How windows lie in their file.

use model::{Dimension, DropCounters, LinkCounters, LinkId, Split, Timestamp, TopTable, Window};
use redb::{ReadableTable, TableDefinition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::value;

/// (start in seconds, link, epoch, sequence, place in the batch).
pub(super) type SecondKey = (u64, u32, u64, u64, u16);
/// The same, and the dimension.
pub(super) type SecondTopKey = (u64, u32, u64, u64, u16, u8);
/// (start in seconds, link).
pub(super) type MinuteKey = (u64, u32);
pub(super) type MinuteTopKey = (u64, u32, u8);

pub(super) const SECONDS: TableDefinition<SecondKey, &[u8]> = TableDefinition::new("seconds");
pub(super) const SECOND_TOPS: TableDefinition<SecondTopKey, &[u8]> = TableDefinition::new("second_tops");
pub(super) const MINUTES: TableDefinition<MinuteKey, &[u8]> = TableDefinition::new("minutes");
pub(super) const MINUTE_TOPS: TableDefinition<MinuteTopKey, &[u8]> = TableDefinition::new("minute_tops");
pub(super) const UNROLLED: TableDefinition<SecondKey, ()> = TableDefinition::new("unrolled");
/// Epoch → the sequences that are stored.
pub(super) const BATCHES: TableDefinition<u64, &[u8]> = TableDefinition::new("batches");

/// The version of the values in this file.
const VERSION: u8 = 4;
/// The versions of releases before, which are read: their counters end with seven and with five counts of losses.
const VERSIONS_BEFORE: [u8; 2] = [3, 2];
/// The most octets that a table may take when decompressed.
const TABLE_MAX: usize = 1 << 20;

pub(super) const DIMENSIONS: [Dimension; 4] = [
    Dimension::Host,
    Dimension::Protocol,
    Dimension::App,
    Dimension::Conversation,
];

pub(super) const fn dimension_number(dimension: Dimension) -> u8 {
    match dimension {
        Dimension::Host => 1,
        Dimension::Protocol => 2,
        Dimension::App => 3,
        Dimension::Conversation => 4,
    }
}

pub(super) fn table_of(window: &Window, dimension: Dimension) -> &TopTable {
    match dimension {
        Dimension::Host => &window.hosts,
        Dimension::Protocol => &window.protocols,
        Dimension::App => &window.apps,
        Dimension::Conversation => &window.conversations,
    }
}

pub(super) fn second_top(
    tops: &impl ReadableTable<SecondTopKey, &'static [u8]>,
    key: SecondKey,
    dimension: Dimension,
) -> Result<TopTable, redb::Error> {
    let key = (key.0, key.1, key.2, key.3, key.4, dimension_number(dimension));
    tops.get(key)?.map_or(Ok(TopTable::default()), |v| unpack(v.value()))
}

pub(super) fn window(
    tops: &impl ReadableTable<SecondTopKey, &'static [u8]>,
    key: SecondKey,
    value: &[u8],
) -> Result<Window, redb::Error> {
    let (_, counters) = decode_counters(value)?;
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

pub(super) fn minute_top(
    tops: &impl ReadableTable<MinuteTopKey, &'static [u8]>,
    minute: MinuteKey,
    dimension: Dimension,
) -> Result<TopTable, redb::Error> {
    let found = tops.get((minute.0, minute.1, dimension_number(dimension)))?;
    found.map_or(Ok(TopTable::default()), |v| unpack(v.value()))
}

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, redb::Error> {
    value::encode(VERSION, value)
}

/// A value that is the same in all versions.
pub(super) fn decode<T: DeserializeOwned>(octets: &[u8]) -> Result<T, redb::Error> {
    value::decode(version_of(octets), octets)
}

fn version_of(octets: &[u8]) -> u8 {
    let first = octets.first().copied().filter(|v| VERSIONS_BEFORE.contains(v));
    first.unwrap_or(VERSION)
}

/// The seconds that a window covers, and its counters.
pub(super) fn decode_counters(octets: &[u8]) -> Result<(u64, LinkCounters), redb::Error> {
    match version_of(octets) {
        2 => {
            let (covered, before): (u64, CountersBefore<[u64; 5]>) = value::decode(2, octets)?;
            let [ring, nic, nic_errors, flow_cache_evictions, records] = before.drops;
            let drops = [ring, nic, nic_errors, flow_cache_evictions, records, 0, 0];
            Ok((covered, before.with(drops)))
        }
        3 => {
            let (covered, before): (u64, CountersBefore<[u64; 7]>) = value::decode(3, octets)?;
            Ok((covered, before.with(before.drops)))
        }
        version => value::decode(version, octets),
    }
}

/// Counters of the versions before: no sizes, nothing of the NIC's, and fewer causes of loss.
#[derive(Deserialize)]
struct CountersBefore<Drops> {
    frames: Split,
    broadcast: u64,
    multicast: u64,
    non_ip: u64,
    malformed: [u64; 8],
    drops: Drops,
}

impl<Drops> CountersBefore<Drops> {
    fn with(&self, [ring, nic, nic_errors, flow_cache_evictions, records, export, socket]: [u64; 7]) -> LinkCounters {
        LinkCounters {
            frames: self.frames,
            broadcast: self.broadcast,
            multicast: self.multicast,
            non_ip: self.non_ip,
            malformed: self.malformed,
            drops: DropCounters {
                ring,
                nic,
                nic_errors,
                flow_cache_evictions,
                records,
                export,
                socket,
                ..DropCounters::default()
            },
            ..LinkCounters::default()
        }
    }
}

/// Tables are long and repetitive: they are compressed.
pub(super) fn pack(table: &TopTable) -> Result<Vec<u8>, redb::Error> {
    Ok(zstd::bulk::compress(&encode(table)?, 1)?)
}

pub(super) fn unpack(octets: &[u8]) -> Result<TopTable, redb::Error> {
    decode(&zstd::bulk::decompress(octets, TABLE_MAX)?)
}

#[cfg(test)]
mod tests {
    use model::Counters;

    use super::*;

    #[test]
    fn what_the_release_before_wrote_is_read() {
        let octets = [
            2, 1, 1, 100, 1, 100, 0, 0, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 6, 7, 8, 9, 10,
        ];
        let (covered, counters) = decode_counters(&octets).unwrap();
        let one = Counters { packets: 1, bytes: 100 };
        assert_eq!((covered, counters.frames.total, counters.frames.inbound), (1, one, one));
        assert_eq!((counters.broadcast, counters.multicast, counters.non_ip), (2, 3, 4));
        assert_eq!(counters.malformed, [5, 0, 0, 0, 0, 0, 0, 0]);
        let drops = DropCounters {
            ring: 6,
            nic: 7,
            nic_errors: 8,
            flow_cache_evictions: 9,
            records: 10,
            ..DropCounters::default()
        };
        assert_eq!(counters.drops, drops);
        let octets = [
            3, 1, 1, 100, 1, 100, 0, 0, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 6, 7, 8, 9, 10, 11, 12,
        ];
        let (_, with_exporters) = decode_counters(&octets).unwrap();
        let drops = DropCounters {
            export: 11,
            socket: 12,
            ..drops
        };
        assert_eq!(
            with_exporters,
            LinkCounters {
                drops,
                ..counters.clone()
            }
        );
        let again = encode(&(covered, &counters)).unwrap();
        assert_eq!(again.first(), Some(&4));
        assert_eq!(decode_counters(&again).unwrap(), (covered, counters));
        assert!(decode_counters(&[1, 0]).is_err() && decode_counters(&[]).is_err());
    }
}
