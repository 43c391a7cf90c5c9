//! The block: up to 65,536 flow records in columns, compressed and checksummed. The collector
//! writes it once; the wire and the disk carry the same octets. docs/formats.md has every octet.

mod column;

use crate::{FlowRecord, Timestamp};

use column::{Reader, Writer};

const MAGIC: [u8; 4] = *b"SWBK";
/// The format's version that this release writes and reads.
const VERSION: u16 = 1;
const HEADER: usize = 56;
/// Where the checksum stands in the header: its last field.
const CRC_AT: usize = 52;
/// zstd's level: the default, about 200 MB/s on the target's cores.
const LEVEL: i32 = 3;

/// A block could not be made or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// No record, or more than a block takes.
    #[error("a block holds 1 to 65536 records, not {0}")]
    Count(usize),
    /// The octets are cut off, or there are more than the header says.
    #[error("the block is {found} octets long and should be {expected}: it was cut off or joined with something else")]
    Length {
        /// Octets that are there.
        found: usize,
        /// Octets that the header announces.
        expected: usize,
    },
    /// The octets do not begin as a block does.
    #[error("this is no block: it begins with {0:02x?}")]
    Magic([u8; 4]),
    /// A later release wrote the block.
    #[error("the block is of format {found} and this release reads format {known}: upgrade this box first")]
    Version {
        /// The block's format.
        found: u16,
        /// The newest that this release reads.
        known: u16,
    },
    /// The checksum does not match.
    #[error(
        "the block is damaged: its checksum is {found:08x} and should be {expected:08x}; what it held must be sent again"
    )]
    Checksum {
        /// The octets' checksum.
        found: u32,
        /// The checksum that the header has.
        expected: u32,
    },
    /// The checksum matches but the contents contradict themselves.
    #[error("the block's {0} is not what the format allows: its writer is at fault")]
    Contents(&'static str),
    /// The compressor failed.
    #[error("the block cannot be compressed: {0}")]
    Compress(String),
}

/// Flow records as they travel and rest: verified octets, and what the header says of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    bytes: Vec<u8>,
    header: Header,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    count: u32,
    raw_len: u32,
    min_start: u64,
    max_start: u64,
    min_end: u64,
    max_end: u64,
}

impl Block {
    /// The most records in a block.
    pub const RECORDS_MAX: usize = 65_536;
    /// The most octets that a block's columns may take when decompressed: what reading one may allocate.
    pub const RAW_MAX: usize = Self::RECORDS_MAX * 160 + 1_024;
    /// The most octets of a block.
    pub const BYTES_MAX: usize = Self::RAW_MAX + Self::RAW_MAX / 128 + 1_024;

    /// Writes records into a block, sorted by their start (records of the same start keep their order).
    ///
    /// # Errors
    /// When there is no record or more than [`Block::RECORDS_MAX`].
    pub fn encode(records: &[FlowRecord]) -> Result<Self, BlockError> {
        if records.is_empty() || records.len() > Self::RECORDS_MAX {
            return Err(BlockError::Count(records.len()));
        }
        let mut sorted: Vec<&FlowRecord> = records.iter().collect();
        sorted.sort_by_key(|r| r.start);
        let mut raw = Writer::default();
        raw.records(&sorted);
        let raw = raw.finish();
        let body = zstd::bulk::compress(&raw, LEVEL).map_err(|e| BlockError::Compress(e.to_string()))?;
        let ends = || sorted.iter().map(|r| r.end.as_nanos());
        let header = Header {
            count: u32::try_from(sorted.len()).map_err(|_| BlockError::Count(records.len()))?,
            raw_len: u32::try_from(raw.len()).map_err(|_| BlockError::Contents("length"))?,
            min_start: sorted.first().map_or(0, |r| r.start.as_nanos()),
            max_start: sorted.last().map_or(0, |r| r.start.as_nanos()),
            min_end: ends().min().unwrap_or(0),
            max_end: ends().max().unwrap_or(0),
        };
        let body_len = u32::try_from(body.len()).map_err(|_| BlockError::Contents("length"))?;

        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[0, 0]);
        for n in [header.count, header.raw_len] {
            bytes.extend_from_slice(&n.to_le_bytes());
        }
        for n in [header.min_start, header.max_start, header.min_end, header.max_end] {
            bytes.extend_from_slice(&n.to_le_bytes());
        }
        bytes.extend_from_slice(&body_len.to_le_bytes());
        let crc = checksum(&bytes, &body);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes.extend_from_slice(&body);
        Ok(Self { bytes, header })
    }

    /// Takes a block's octets after checking length, version, checksum and header.
    ///
    /// # Errors
    /// Says what is wrong with them. Any octets are safe to give; nothing is decompressed here.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, BlockError> {
        let length = |expected| BlockError::Length {
            found: bytes.len(),
            expected,
        };
        let magic = bytes.first_chunk::<4>().ok_or_else(|| length(HEADER))?;
        if *magic != MAGIC {
            return Err(BlockError::Magic(*magic));
        }
        let mut fields = Fields(bytes.get(4..HEADER).ok_or_else(|| length(HEADER))?);
        let version = fields.u16();
        if version != VERSION {
            return Err(BlockError::Version {
                found: version,
                known: VERSION,
            });
        }
        let reserved = fields.u16();
        let header = Header {
            count: fields.u32(),
            raw_len: fields.u32(),
            min_start: fields.u64(),
            max_start: fields.u64(),
            min_end: fields.u64(),
            max_end: fields.u64(),
        };
        let body_len = fields.u32() as usize;
        let expected = fields.u32();
        if body_len > Self::BYTES_MAX - HEADER || bytes.len() != HEADER + body_len {
            return Err(length(HEADER.saturating_add(body_len)));
        }
        let (head, body) = (bytes.get(..CRC_AT), bytes.get(HEADER..));
        let found = checksum(head.unwrap_or_default(), body.unwrap_or_default());
        if found != expected {
            return Err(BlockError::Checksum { found, expected });
        }
        let ordered = header.min_start <= header.max_start && header.min_end <= header.max_end;
        if reserved != 0 || !ordered {
            return Err(BlockError::Contents("header"));
        }
        if header.count == 0 || header.count as usize > Self::RECORDS_MAX {
            return Err(BlockError::Count(header.count as usize));
        }
        if header.raw_len as usize > Self::RAW_MAX {
            return Err(BlockError::Contents("decompressed length"));
        }
        Ok(Self { bytes, header })
    }

    /// The records, sorted by start. Allocates at most [`Block::RAW_MAX`] octets and the records.
    ///
    /// # Errors
    /// When the contents contradict the header, which a good checksum leaves to a writer's fault.
    pub fn records(&self) -> Result<Vec<FlowRecord>, BlockError> {
        let raw_len = self.header.raw_len as usize;
        let body = self.bytes.get(HEADER..).unwrap_or_default();
        let raw = zstd::bulk::decompress(body, raw_len).map_err(|_| BlockError::Contents("compression"))?;
        if raw.len() != raw_len {
            return Err(BlockError::Contents("decompressed length"));
        }
        let records = Reader::open(&raw)?.records(self.len())?;
        let span = |time: fn(&FlowRecord) -> Timestamp| {
            let times = || records.iter().map(|r| time(r).as_nanos());
            (times().min().unwrap_or(0), times().max().unwrap_or(0))
        };
        let header = (
            (self.header.min_start, self.header.max_start),
            (self.header.min_end, self.header.max_end),
        );
        if (span(|r| r.start), span(|r| r.end)) != header {
            return Err(BlockError::Contents("time span"));
        }
        Ok(records)
    }

    /// The octets that travel and rest.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The octets, given away.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many records there are; never 0.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a block is never empty")]
    pub const fn len(&self) -> usize {
        self.header.count as usize
    }

    /// The earliest start of a record.
    #[must_use]
    pub const fn min_start(&self) -> Timestamp {
        Timestamp::from_nanos(self.header.min_start)
    }

    /// The latest start of a record.
    #[must_use]
    pub const fn max_start(&self) -> Timestamp {
        Timestamp::from_nanos(self.header.max_start)
    }

    /// The earliest end of a record.
    #[must_use]
    pub const fn min_end(&self) -> Timestamp {
        Timestamp::from_nanos(self.header.min_end)
    }

    /// The latest end of a record.
    #[must_use]
    pub const fn max_end(&self) -> Timestamp {
        Timestamp::from_nanos(self.header.max_end)
    }
}

fn checksum(head: &[u8], body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(head);
    crc.update(body);
    crc.finalize()
}

/// Takes little-endian fields from a header whose length was checked.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk::<N>().unwrap_or((&[0; N], &[]));
        self.0 = rest;
        *field
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}

#[cfg(test)]
mod tests;
