//! How windows lie in their file.

use model::{Dimension, FormerCounters, FormerLosses, FormerSizes, LinkCounters, LinkId, Timestamp, TopTable, Window};
use redb::{ReadableTable, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;

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
const VERSION: u8 = 5;
/// The versions of releases before, which are read: their counters are zero where nobody measured anything, and those of
/// 3 and 2 end with seven and with five counts of losses.
const VERSIONS_BEFORE: [u8; 3] = [4, 3, 2];
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
    let link = LinkId(key.1);
    let (_, counters) = decode_counters(link, value)?;
    Ok(Window {
        link,
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

/// The seconds that a window of a link covers, and its counters.
pub(super) fn decode_counters(link: LinkId, octets: &[u8]) -> Result<(u64, LinkCounters), redb::Error> {
    match version_of(octets) {
        2 => former::<[u64; 5]>(link, octets),
        3 => former::<[u64; 7]>(link, octets),
        4 => former::<FormerSizes>(link, octets),
        version => value::decode(version, octets),
    }
}

fn former<Losses: FormerLosses + DeserializeOwned>(
    link: LinkId,
    octets: &[u8],
) -> Result<(u64, LinkCounters), redb::Error> {
    let (covered, before): (u64, FormerCounters<Losses>) = decode(octets)?;
    Ok((covered, before.of(link)))
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
    use model::{Counters, DropCounters};

    use super::*;

    const PORT: LinkId = LinkId(1);

    #[test]
    fn what_releases_before_wrote_is_read() {
        let begin = [1, 1, 100, 1, 100, 0, 0, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0];
        let row = |version: u8, losses: &[u8]| [&[version], begin.as_slice(), losses].concat();
        let (covered, counters) = decode_counters(PORT, &row(2, &[6, 7, 8, 9, 10])).unwrap();
        let one = Counters { packets: 1, bytes: 100 };
        assert_eq!((covered, counters.frames.total, counters.frames.inbound), (1, one, one));
        assert_eq!(
            (counters.broadcast, counters.multicast, counters.non_ip),
            (Some(2), Some(3), Some(4))
        );
        assert_eq!(counters.malformed, Some([5, 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(counters.sizes, None, "it did not measure them");
        let drops = DropCounters {
            ring: 6,
            nic: 7,
            nic_errors: 8,
            flow_cache_evictions: 9,
            records: 10,
            ..DropCounters::default()
        };
        assert_eq!(counters.drops, drops);

        let (_, with_exporters) = decode_counters(PORT, &row(3, &[6, 7, 8, 9, 10, 11, 12])).unwrap();
        let drops = DropCounters {
            export: 11,
            socket: 12,
            ..drops
        };
        assert_eq!(with_exporters, LinkCounters { drops, ..counters });

        let losses = [6, 7, 8, 9, 10, 11, 12, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let with_sizes = row(4, &losses);
        let (_, seen) = decode_counters(PORT, &with_sizes).unwrap();
        let sizes = Some([1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(
            seen,
            LinkCounters {
                sizes,
                ..with_exporters
            }
        );
        let (_, exported) = decode_counters(LinkId(LinkId::EXPORTERS), &with_sizes).unwrap();
        assert_eq!(
            exported,
            decode_counters(LinkId::of_exporter(1), &with_sizes).unwrap().1
        );
        let unseen = LinkCounters {
            frames: seen.frames,
            drops,
            ..LinkCounters::default()
        };
        assert_eq!(exported, unseen, "nobody saw an exporter's frames");

        for counters in [seen, exported] {
            let again = encode(&(covered, &counters)).unwrap();
            assert_eq!(again.first(), Some(&VERSION));
            assert_eq!(decode_counters(PORT, &again).unwrap(), (covered, counters));
        }
        assert!(decode_counters(PORT, &[1, 0]).is_err() && decode_counters(PORT, &[]).is_err());
    }
}
