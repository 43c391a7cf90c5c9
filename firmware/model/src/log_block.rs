//! The log block: log records in columns, compressed and checksummed, with what a search needs to
//! step over it. The collector writes it once; the wire and the disk carry the same octets.
//! docs/formats.md has every octet.

mod columns;
mod filter;
mod rows;

use crate::{BlockError, LogRecord, LogSource, Severity, Timestamp};

pub use filter::{Keyword, fold};
pub use rows::{LogDirectory, LogRow, LogRows, LogTexts};

const MAGIC: [u8; 4] = *b"SWLB";
/// The format's version that this release writes and reads.
const VERSION: u16 = 1;
const HEADER: usize = 72;
/// Where the head's checksum stands in the header: its last field.
const CRC_AT: usize = HEADER - 4;
/// zstd's level: the default.
const LEVEL: i32 = 3;
/// What a record takes in the columns beside its strings, at most.
const RECORD_OVERHEAD: usize = 80;

/// Log records as they travel and rest: verified octets, and what the header says of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogBlock {
    bytes: Vec<u8>,
    header: Header,
}

/// A log block's beginning, which is enough to know whether a search may step over the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHead<'a> {
    bytes: &'a [u8],
    header: Header,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    severities: u8,
    /// Of application logs: bit n is set for source n. 0: messages.
    kinds: u8,
    count: u32,
    facilities: u32,
    min_time: u64,
    max_time: u64,
    filter_len: u32,
    directory: Frame,
    rows: Frame,
    texts: Frame,
    body_crc: u32,
}

/// A part that is compressed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    len: u32,
    raw_len: u32,
}

impl Header {
    fn head_len(&self) -> usize {
        HEADER + self.filter_len as usize + self.directory.len as usize
    }

    fn body_len(&self) -> usize {
        self.rows.len as usize + self.texts.len as usize
    }
}

impl LogBlock {
    /// The most records in a block.
    pub const RECORDS_MAX: usize = 65_536;
    /// The most octets that each of a block's three parts may take when decompressed.
    pub const RAW_MAX: usize = (2 << 20) + 1_024;
    /// The most octets of a block.
    pub const BYTES_MAX: usize = HEADER + filter::OCTETS_MAX + 3 * (Self::RAW_MAX + Self::RAW_MAX / 128 + 1_024);
    /// The most octets of a record's host, app, pid and code each; longer ones are cut.
    pub const NAME_MAX: usize = 1_024;
    /// The most octets of a record's text and data each; longer ones are cut.
    pub const TEXT_MAX: usize = 65_536;
    /// The sum of [`LogBlock::weight`] that a block takes: a writer with so much need wait for no more.
    pub const WEIGHT_MAX: usize = 2 << 20;

    /// What a record counts towards a block's size, in octets.
    #[must_use]
    pub fn weight(record: &LogRecord) -> usize {
        let names = [&record.host, &record.app, &record.pid, &record.code];
        let names: usize = names.iter().map(|name| name.len().min(Self::NAME_MAX)).sum();
        let texts = record.text.len().min(Self::TEXT_MAX) + record.data.len().min(Self::TEXT_MAX);
        RECORD_OVERHEAD + names + texts
    }

    /// Writes records into as many blocks as it takes, sorted by their time (records of the same
    /// time keep their order). Application logs and messages are in blocks of their own, since they are kept apart.
    ///
    /// # Errors
    /// When there is no record.
    pub fn encode(records: &[LogRecord]) -> Result<Vec<Self>, BlockError> {
        if records.is_empty() {
            return Err(BlockError::Count(0));
        }
        let mut blocks = Vec::new();
        for is_application in [false, true] {
            let of_class = |record: &&LogRecord| record.source.is_application() == is_application;
            let mut sorted: Vec<&LogRecord> = records.iter().filter(of_class).collect();
            sorted.sort_by_key(|r| r.time);
            let mut rest = sorted.as_slice();
            while !rest.is_empty() {
                let mut weight = 0;
                let fits = rest.iter().take(Self::RECORDS_MAX).take_while(|record| {
                    weight += Self::weight(record);
                    weight <= Self::WEIGHT_MAX
                });
                // One record always fits: its strings are bounded.
                let count = fits.count().max(1);
                let (part, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
                blocks.push(Self::encode_one(part)?);
                rest = after;
            }
        }
        Ok(blocks)
    }

    /// Writes one block of sorted records that fit.
    fn encode_one(records: &[&LogRecord]) -> Result<Self, BlockError> {
        let columns::Written { directory, rows, texts } = columns::write(records);
        let filter = filter::build(records);
        let length = |n: usize| u32::try_from(n).map_err(|_| BlockError::Contents("length"));
        let compress = |raw: &[u8]| zstd::bulk::compress(raw, LEVEL).map_err(|e| BlockError::Compress(e.to_string()));
        let frame = |raw: &[u8], packed: &[u8]| {
            Ok::<_, BlockError>(Frame {
                len: length(packed.len())?,
                raw_len: length(raw.len())?,
            })
        };
        let (packed_directory, packed_rows, packed_texts) =
            (compress(&directory)?, compress(&rows)?, compress(&texts)?);
        let header = Header {
            severities: records.iter().fold(0, |all, r| all | severity_bit(r.severity)),
            kinds: records.iter().fold(0, |all, r| all | kind_bit(r.source)),
            count: length(records.len())?,
            facilities: records.iter().fold(0, |all, r| all | facility_bit(r.facility)),
            min_time: records.first().map_or(0, |r| r.time.as_nanos()),
            max_time: records.last().map_or(0, |r| r.time.as_nanos()),
            filter_len: length(filter.len())?,
            directory: frame(&directory, &packed_directory)?,
            rows: frame(&rows, &packed_rows)?,
            texts: frame(&texts, &packed_texts)?,
            body_crc: checksum(&[&packed_rows, &packed_texts]),
        };
        let mut bytes = Vec::with_capacity(header.head_len() + header.body_len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[header.severities, header.kinds]);
        bytes.extend_from_slice(&header.count.to_le_bytes());
        bytes.extend_from_slice(&header.facilities.to_le_bytes());
        bytes.extend_from_slice(&header.min_time.to_le_bytes());
        bytes.extend_from_slice(&header.max_time.to_le_bytes());
        bytes.extend_from_slice(&header.filter_len.to_le_bytes());
        for Frame { len, raw_len } in [header.directory, header.rows, header.texts] {
            bytes.extend_from_slice(&len.to_le_bytes());
            bytes.extend_from_slice(&raw_len.to_le_bytes());
        }
        bytes.extend_from_slice(&header.body_crc.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        let crc = checksum(&[&bytes, &filter, &packed_directory]);
        bytes.extend_from_slice(&crc.to_le_bytes());
        for part in [&filter, &packed_directory, &packed_rows, &packed_texts] {
            bytes.extend_from_slice(part);
        }
        Ok(Self { bytes, header })
    }

    /// Takes a block's octets after checking length, version, checksums and header.
    ///
    /// # Errors
    /// Says what is wrong with them. Any octets are safe to give; nothing is decompressed here.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, BlockError> {
        let header = Header::read(&bytes)?;
        let expected = header.head_len() + header.body_len();
        if bytes.len() != expected {
            return Err(BlockError::Length {
                found: bytes.len(),
                expected,
            });
        }
        header.check_head(&bytes)?;
        let found = checksum(&[bytes.get(header.head_len()..).unwrap_or_default()]);
        if found != header.body_crc {
            return Err(BlockError::Checksum {
                found,
                expected: header.body_crc,
            });
        }
        Ok(Self { bytes, header })
    }

    /// The records, sorted by time. Allocates at most three times [`LogBlock::RAW_MAX`] octets and the records.
    ///
    /// # Errors
    /// When the contents contradict the header, which a good checksum leaves to a writer's fault.
    pub fn records(&self) -> Result<Vec<LogRecord>, BlockError> {
        let rows = self.rows()?;
        let texts = self.texts(&rows)?;
        Ok((0..self.len()).filter_map(|row| rows.record(row, &texts)).collect())
    }

    /// What is known of each record but its texts.
    ///
    /// # Errors
    /// When the contents contradict the header.
    pub fn rows(&self) -> Result<LogRows, BlockError> {
        let directory = self.head().directory()?;
        let raw = decompress(self.body().get(..self.header.rows.len as usize), self.header.rows)?;
        let rows = LogRows::read(&raw, self.len(), directory)?;
        let times = (rows.min_time(), rows.max_time()) == (self.min_time(), self.max_time());
        let seen = (rows.severities(), rows.facilities(), rows.kinds());
        if !times || seen != (self.header.severities, self.header.facilities, Some(self.header.kinds)) {
            return Err(BlockError::Contents("summary of the records"));
        }
        Ok(rows)
    }

    /// The texts of the records that `rows` are of.
    ///
    /// # Errors
    /// When the contents contradict the header.
    pub fn texts(&self, rows: &LogRows) -> Result<LogTexts, BlockError> {
        let raw = decompress(self.body().get(self.header.rows.len as usize..), self.header.texts)?;
        LogTexts::read(&raw, rows)
    }

    /// The beginning, for stepping over blocks.
    #[must_use]
    pub fn head(&self) -> LogHead<'_> {
        LogHead {
            bytes: self.bytes.get(..self.header.head_len()).unwrap_or_default(),
            header: self.header,
        }
    }

    /// The octets after the head.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.bytes.get(self.header.head_len()..).unwrap_or_default()
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

    /// Whether the records are application logs; else they are messages. See [`LogSource::is_application`].
    #[must_use]
    pub const fn is_application(&self) -> bool {
        self.header.kinds != 0
    }

    /// The earliest time of a record.
    #[must_use]
    pub const fn min_time(&self) -> Timestamp {
        Timestamp::from_nanos(self.header.min_time)
    }

    /// The latest time of a record.
    #[must_use]
    pub const fn max_time(&self) -> Timestamp {
        Timestamp::from_nanos(self.header.max_time)
    }
}

impl<'a> LogHead<'a> {
    /// Takes a head's octets: a block's, up to [`LogBlock::body`].
    ///
    /// # Errors
    /// Says what is wrong with them. Any octets are safe to give.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BlockError> {
        let header = Header::read(bytes)?;
        if bytes.len() != header.head_len() {
            return Err(BlockError::Length {
                found: bytes.len(),
                expected: header.head_len(),
            });
        }
        header.check_head(bytes)?;
        Ok(Self { bytes, header })
    }

    /// The octets.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many records there are; never 0.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a block is never empty")]
    pub const fn len(&self) -> usize {
        self.header.count as usize
    }

    /// The earliest time of a record.
    #[must_use]
    pub const fn min_time(&self) -> Timestamp {
        Timestamp::from_nanos(self.header.min_time)
    }

    /// The latest time of a record.
    #[must_use]
    pub const fn max_time(&self) -> Timestamp {
        Timestamp::from_nanos(self.header.max_time)
    }

    /// Whether there is a record at least as grave.
    #[must_use]
    pub const fn has_severity(&self, least: Severity) -> bool {
        // Bits of the graver ones are below.
        self.header.severities & (severity_bit(least) | (severity_bit(least) - 1)) != 0
    }

    /// Whether there may be a record of the source: for messages the head does not say.
    #[must_use]
    pub const fn may_have_source(&self, source: LogSource) -> bool {
        match source.is_application() {
            true => self.header.kinds & kind_bit(source) != 0,
            false => self.header.kinds == 0,
        }
    }

    /// Whether there is a record of the facility.
    #[must_use]
    pub const fn has_facility(&self, facility: u8) -> bool {
        self.header.facilities & facility_bit(facility) != 0
    }

    /// Whether there may be a record with the keyword in one of its strings; `false` is certain.
    #[must_use]
    pub fn may_hold(&self, keyword: &Keyword) -> bool {
        let filter = self.bytes.get(HEADER..HEADER + self.header.filter_len as usize);
        keyword.may_be_in(filter.unwrap_or_default())
    }

    /// Whom the records are of.
    ///
    /// # Errors
    /// When the contents contradict the header.
    pub fn directory(&self) -> Result<LogDirectory, BlockError> {
        let packed = self.bytes.get(HEADER + self.header.filter_len as usize..);
        LogDirectory::read(&decompress(packed, self.header.directory)?)
    }
}

impl Header {
    /// Reads and checks a header; what follows it is not looked at.
    fn read(bytes: &[u8]) -> Result<Self, BlockError> {
        let length = BlockError::Length {
            found: bytes.len(),
            expected: HEADER,
        };
        let magic = bytes.first_chunk::<4>().ok_or_else(|| length.clone())?;
        if *magic != MAGIC {
            return Err(BlockError::Magic(*magic));
        }
        let mut fields = columns::Fields(bytes.get(4..CRC_AT).ok_or(length)?);
        let version = fields.u16();
        if version != VERSION {
            return Err(BlockError::Version {
                found: version,
                known: VERSION,
            });
        }
        let (severities, kinds) = (fields.u8(), fields.u8());
        let header = Self {
            severities,
            kinds,
            count: fields.u32(),
            facilities: fields.u32(),
            min_time: fields.u64(),
            max_time: fields.u64(),
            filter_len: fields.u32(),
            directory: fields.frame(),
            rows: fields.frame(),
            texts: fields.frame(),
            body_crc: fields.u32(),
        };
        let reserved = fields.u32();
        if reserved != 0 || severities == 0 || header.min_time > header.max_time {
            return Err(BlockError::Contents("header"));
        }
        if header.count == 0 || header.count as usize > LogBlock::RECORDS_MAX {
            return Err(BlockError::Count(header.count as usize));
        }
        if !filter::is_length(header.filter_len as usize) {
            return Err(BlockError::Contents("length of the filter"));
        }
        let frames = [header.directory, header.rows, header.texts];
        if frames.iter().any(|frame| frame.raw_len as usize > LogBlock::RAW_MAX) {
            return Err(BlockError::Contents("decompressed length"));
        }
        Ok(header)
    }

    fn check_head(&self, bytes: &[u8]) -> Result<(), BlockError> {
        let stated = bytes.get(CRC_AT..).and_then(|b| b.first_chunk::<4>());
        let expected = u32::from_le_bytes(stated.copied().unwrap_or_default());
        let parts = [bytes.get(..CRC_AT), bytes.get(HEADER..self.head_len())];
        let found = checksum(&parts.map(Option::unwrap_or_default));
        if found == expected {
            Ok(())
        } else {
            Err(BlockError::Checksum { found, expected })
        }
    }
}

/// Of an application log its source's bit; of a message none.
const fn kind_bit(source: LogSource) -> u8 {
    if source.is_application() { 1 << source as u8 } else { 0 }
}

const fn severity_bit(severity: Severity) -> u8 {
    1 << severity as u8
}

/// Facilities above 31, which no peer may send, share the last bit.
const fn facility_bit(facility: u8) -> u32 {
    1 << if facility < 31 { facility } else { 31 }
}

fn checksum(parts: &[&[u8]]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    parts.iter().for_each(|part| crc.update(part));
    crc.finalize()
}

fn decompress(packed: Option<&[u8]>, frame: Frame) -> Result<Vec<u8>, BlockError> {
    let raw_len = frame.raw_len as usize;
    let raw =
        zstd::bulk::decompress(packed.unwrap_or_default(), raw_len).map_err(|_| BlockError::Contents("compression"))?;
    if raw.len() != raw_len {
        return Err(BlockError::Contents("decompressed length"));
    }
    Ok(raw)
}

#[cfg(test)]
mod tests;
