//! What is known of exporters: the newest of each part.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{DeviceFacts, LinkId, Timestamp};
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::disk::Disk;
use crate::file::DbFile;
use crate::value::{self, opened};
use crate::{BatchKey, StoreError};

/// (exporter, part) → when it was stored, the batch that brought it, and the part, compressed.
type Key = (u32, u8);
type Row = (u64, u64, u64, &'static [u8]);
const PARTS: TableDefinition<Key, Row> = TableDefinition::new("parts");

const FILE: &str = "devices.redb";
const CACHE_BYTES: usize = 1 << 20;
/// The version of the parts' values.
const VERSION: u8 = 1;
/// The most octets of a part when decompressed: no message is longer.
const PART_MAX: usize = 16 << 20;

// The parts' numbers.
const SYSTEM: u8 = 1;
const INTERFACES: u8 = 2;
const NEIGHBOURS: u8 = 3;
const FORWARDING: u8 = 4;
const ARP: u8 = 5;
const STORAGE: u8 = 6;

/// The file of what is known of exporters.
#[derive(Debug)]
pub(crate) struct Devices {
    file: DbFile,
}

impl Devices {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            file: DbFile::new(disk, FILE.to_owned(), CACHE_BYTES),
        }
    }

    pub(crate) fn file(&self) -> &DbFile {
        &self.file
    }

    /// Replaces the parts that are there, in the order of the batches.
    pub(crate) fn put(
        &self,
        batches: &[(BatchKey, &[(LinkId, DeviceFacts)])],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.file.write(|txn| {
            for (batch, devices) in batches {
                for (exporter, facts) in *devices {
                    let put = |part, value: Option<Vec<u8>>| match value {
                        Some(value) => put(txn, (exporter.0, part), *batch, now, &value),
                        None => Ok(()),
                    };
                    put(SYSTEM, pack(facts.system.as_ref())?)?;
                    put(INTERFACES, pack(facts.interfaces.as_ref())?)?;
                    put(NEIGHBOURS, pack(facts.neighbours.as_ref())?)?;
                    put(FORWARDING, pack(facts.forwarding.as_ref())?)?;
                    put(ARP, pack(facts.arp.as_ref())?)?;
                    put(STORAGE, pack(facts.storage.as_ref())?)?;
                }
            }
            Ok(())
        })
    }

    /// What is known of an exporter, and when a part of it was last stored.
    pub(crate) fn get(&self, exporter: LinkId) -> Result<(DeviceFacts, Option<Timestamp>), StoreError> {
        self.file.read(|txn| {
            let mut facts = DeviceFacts::default();
            let mut at = None;
            let Some(table) = opened(txn.open_table(PARTS))? else {
                return Ok((facts, at));
            };
            for entry in table.range((exporter.0, 0)..=(exporter.0, u8::MAX))? {
                let (key, value) = entry?;
                let (stored, _, _, octets) = value.value();
                at = at.max(Some(Timestamp::from_nanos(stored)));
                match key.value().1 {
                    SYSTEM => facts.system = Some(unpack(octets)?),
                    INTERFACES => facts.interfaces = Some(unpack(octets)?),
                    NEIGHBOURS => facts.neighbours = Some(unpack(octets)?),
                    FORWARDING => facts.forwarding = Some(unpack(octets)?),
                    ARP => facts.arp = Some(unpack(octets)?),
                    STORAGE => facts.storage = Some(unpack(octets)?),
                    // A later release's part.
                    _ => {}
                }
            }
            Ok((facts, at))
        })
    }

    /// The interfaces of one exporter, or of all, by exporter.
    pub(crate) fn interfaces(
        &self,
        exporter: Option<LinkId>,
    ) -> Result<BTreeMap<LinkId, Vec<model::InterfaceFacts>>, StoreError> {
        let (first, last) = exporter.map_or((0, u32::MAX), |e| (e.0, e.0));
        self.file.read(|txn| {
            let mut found = BTreeMap::new();
            let Some(table) = opened(txn.open_table(PARTS))? else {
                return Ok(found);
            };
            for entry in table.range((first, 0)..=(last, u8::MAX))? {
                let (key, value) = entry?;
                if let (exporter, INTERFACES) = key.value() {
                    found.insert(LinkId(exporter), unpack(value.value().3)?);
                }
            }
            Ok(found)
        })
    }
}

fn put(txn: &WriteTransaction, key: Key, batch: BatchKey, now: Timestamp, value: &[u8]) -> Result<(), redb::Error> {
    let mut table = txn.open_table(PARTS)?;
    // A batch that had to wait must not replace what a later one of its run brought.
    let newer = table
        .get(key)?
        .is_some_and(|row| row.value().1 == batch.epoch && row.value().2 > batch.sequence);
    if !newer {
        table.insert(key, (now.as_nanos(), batch.epoch, batch.sequence, value))?;
    }
    Ok(())
}

fn pack<T: Serialize>(part: Option<&T>) -> Result<Option<Vec<u8>>, redb::Error> {
    let Some(part) = part else { return Ok(None) };
    let octets = value::encode(VERSION, part)?;
    Ok(Some(zstd::bulk::compress(&octets, 1)?))
}

fn unpack<T: DeserializeOwned>(octets: &[u8]) -> Result<T, redb::Error> {
    let size = zstd::zstd_safe::get_frame_content_size(octets).ok().flatten();
    let size = size.and_then(|size| usize::try_from(size).ok()).unwrap_or(PART_MAX);
    value::decode(VERSION, &zstd::bulk::decompress(octets, size.min(PART_MAX))?)
}
