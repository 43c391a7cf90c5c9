//! The block: up to 65,536 flow records in columns, compressed and checksummed. The collector
//! writes it once; the wire and the disk carry the same octets. docs/formats.md has every octet.
//!
//! [`BlockBuilder`] makes blocks of records. [`Block`] owns the octets of one, all of them verified; [`BlockRef`]
//! borrows them, and verifies what is read when it is read: a query opens a block, looks at the smallest and largest
//! value of a [`Column`], and unpacks those columns that it needs.

mod builder;
mod dictionary;
mod directory;
mod field;
mod fuse;
mod hashes;
mod outline;
mod pack;
mod places;
mod planes;
mod records;
mod texts;
mod unpack;

use crate::{FlowRecord, Timestamp};

use directory::{Directory, FILTERS};

pub use builder::BlockBuilder;
pub use field::{Dictionary, Field, TextDictionary};
pub use fuse::{Filter, address_hash, flow_hash};
pub use hashes::BlockHashes;
pub use outline::BlockOutline;
pub use texts::Texts;
pub use unpack::{Addresses, Codes, Column, Unpacker, Values, address_order};

const MAGIC: [u8; 4] = *b"SWBK";
/// The format's version that this release writes and reads.
const VERSION: u16 = 2;
const HEADER: usize = 56;
/// Where the checksum stands in the header: its last field.
const CRC_AT: usize = 52;
/// zstd's level; see docs/decisions/records.md for what others cost and give.
const LEVEL: i32 = 1;
/// The same of texts, of which there are few octets.
const TEXT_LEVEL: i32 = 3;

/// A block could not be made or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// No record, or more than a block takes.
    #[error("a block holds 1 to 65536 records, not {0}")]
    Count(usize),
    /// The builder takes no more records.
    #[error("a block of {0} records is full: finish it first")]
    Full(usize),
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
    /// Another release wrote the block.
    #[error("the block is of format {found} and this release reads format {known}: upgrade this box first")]
    Version {
        /// The block's format.
        found: u16,
        /// The newest that this release reads.
        known: u16,
    },
    /// A checksum does not match.
    #[error(
        "the block is damaged: a checksum is {found:08x} and should be {expected:08x}; what it held must be sent again"
    )]
    Checksum {
        /// The octets' checksum.
        found: u32,
        /// The checksum that the block has.
        expected: u32,
    },
    /// The checksum matches but the contents contradict themselves.
    #[error("the block's {0} is not what the format allows: its writer is at fault")]
    Contents(&'static str),
    /// The compressor failed.
    #[error("the block cannot be compressed: {0}")]
    Compress(String),
}

/// Flow records as they travel and rest: verified octets, and what the directory says of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    bytes: Vec<u8>,
    head: Head,
}

/// A block whose octets are elsewhere. Header and directory were verified; each column is when it is unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRef<'a> {
    bytes: &'a [u8],
    head: Head,
}

/// Header and directory.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    count: u32,
    min_start: u64,
    max_start: u64,
    min_end: u64,
    max_end: u64,
    directory: Directory,
    /// Where the columns' octets begin.
    body: usize,
}

impl Head {
    /// A block's octets: counts, spans (`[min_start, max_start, min_end, max_end]`), directory and body together.
    fn write(count: u32, spans: [u64; 4], directory: &[u8], body: &[u8]) -> Result<Vec<u8>, BlockError> {
        let length = |octets: &[u8]| u32::try_from(octets.len()).map_err(|_| BlockError::Contents("length"));
        let mut bytes = Vec::with_capacity(HEADER + directory.len() + body.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[0, 0]);
        for n in [count, length(directory)?, length(body)?] {
            bytes.extend_from_slice(&n.to_le_bytes());
        }
        for n in spans {
            bytes.extend_from_slice(&n.to_le_bytes());
        }
        let crc = checksum(&bytes, directory);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes.extend_from_slice(directory);
        bytes.extend_from_slice(body);
        Ok(bytes)
    }

    /// Header and directory of a block; its body is not looked at, but must be there.
    fn parse(bytes: &[u8]) -> Result<Self, BlockError> {
        let (head, announced) = Self::begin(bytes)?;
        if announced != bytes.len() {
            return Err(BlockError::Length {
                found: bytes.len(),
                expected: announced,
            });
        }
        Ok(head)
    }

    /// Header and directory of a block, which must be there, and how long all of it is.
    fn begin(bytes: &[u8]) -> Result<(Self, usize), BlockError> {
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
        let count = fields.u32();
        let (directory_len, body_len) = (fields.u32() as usize, fields.u32() as usize);
        let [min_start, max_start, min_end, max_end] = std::array::from_fn(|_| fields.u64());
        let expected = fields.u32();
        let announced = HEADER.saturating_add(directory_len).saturating_add(body_len);
        let body = HEADER.saturating_add(directory_len);
        if announced > Block::BYTES_MAX || bytes.len() < body {
            return Err(length(announced));
        }
        let directory = bytes.get(HEADER..body).unwrap_or_default();
        let found = checksum(bytes.get(..CRC_AT).unwrap_or_default(), directory);
        if found != expected {
            return Err(BlockError::Checksum { found, expected });
        }
        if reserved != 0 || min_start > max_start || min_end > max_end {
            return Err(BlockError::Contents("header"));
        }
        if count == 0 || count as usize > Block::RECORDS_MAX {
            return Err(BlockError::Count(count as usize));
        }
        let directory = Directory::read(directory, count, body_len)?;
        let ends = directory.find(Field::End as u8).map_or((0, 0), |c| (c.min, c.max));
        if ends != (min_end, max_end) {
            return Err(BlockError::Contents("time span"));
        }
        let head = Self {
            count,
            min_start,
            max_start,
            min_end,
            max_end,
            directory,
            body,
        };
        Ok((head, announced))
    }

    fn column<'a>(&self, bytes: &'a [u8], field: Field) -> Result<Column<'a>, BlockError> {
        let Some(entry) = self.directory.find(field as u8) else {
            return Ok(Column::absent(field, self.count));
        };
        Column::new(field, &self.directory, *entry, self.body(bytes))
    }

    fn body<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.body..).unwrap_or_default()
    }
}

impl Block {
    /// The most records in a block.
    pub const RECORDS_MAX: usize = 65_536;
    /// The most octets of what records have beyond numbers: addresses, labels, texts, enterprise fields. A builder says that
    /// it is full before.
    pub const SIDE_OCTETS_MAX: usize = 6 << 20;
    /// The most octets of a block; a frame between collector and analyzer holds it.
    pub const BYTES_MAX: usize = 15_269_888;
    /// The most octets that the numbers of one record take, every column at its widest.
    const RECORD_OCTETS_MAX: usize = 400;
    /// More than header, directory and the short lists of distinct values take.
    const DIRECTORY_MAX: usize = 64 << 10;

    /// Writes records into a block; they keep their order. [`BlockBuilder`] does the same without the slice.
    ///
    /// # Errors
    /// When there is no record, or more than a block takes: see [`BlockBuilder::is_full`].
    pub fn encode(records: &[FlowRecord]) -> Result<Self, BlockError> {
        if records.is_empty() || records.len() > Self::RECORDS_MAX {
            return Err(BlockError::Count(records.len()));
        }
        let mut builder = BlockBuilder::new();
        records.iter().try_for_each(|record| builder.push(record))?;
        builder.finish()
    }

    /// Takes a block's octets after checking length, version, directory and every checksum.
    ///
    /// # Errors
    /// Says what is wrong with them. Any octets are safe to give; nothing is decompressed here.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, BlockError> {
        let block = Self::open(bytes)?;
        let body = block.head.body(&block.bytes);
        let Directory {
            entries,
            unknown,
            filters,
        } = &block.head.directory;
        let known = entries.iter().map(|entry| &entry.body);
        let filters = filters.iter().flatten().map(|(_, extent)| extent);
        known
            .chain(unknown)
            .chain(filters)
            .try_for_each(|extent| extent.verify(extent.of(body)))?;
        Ok(block)
    }

    fn open(bytes: Vec<u8>) -> Result<Self, BlockError> {
        let head = Head::parse(&bytes)?;
        Ok(Self { bytes, head })
    }

    /// The records, in the order in which they were written.
    ///
    /// # Errors
    /// When the contents contradict the directory, which a good checksum leaves to a writer's fault.
    pub fn records(&self) -> Result<Vec<FlowRecord>, BlockError> {
        self.view().records()
    }

    /// A column.
    ///
    /// # Errors
    /// When the directory says of it what cannot be.
    pub fn column(&self, field: Field) -> Result<Column<'_>, BlockError> {
        self.head.column(&self.bytes, field)
    }

    /// The same block, borrowed.
    #[must_use]
    pub fn view(&self) -> BlockRef<'_> {
        BlockRef {
            bytes: &self.bytes,
            head: self.head.clone(),
        }
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
        self.head.count as usize
    }

    /// The earliest start of a record.
    #[must_use]
    pub const fn min_start(&self) -> Timestamp {
        Timestamp::from_nanos(self.head.min_start)
    }

    /// The latest start of a record.
    #[must_use]
    pub const fn max_start(&self) -> Timestamp {
        Timestamp::from_nanos(self.head.max_start)
    }

    /// The earliest end of a record.
    #[must_use]
    pub const fn min_end(&self) -> Timestamp {
        Timestamp::from_nanos(self.head.min_end)
    }

    /// The latest end of a record.
    #[must_use]
    pub const fn max_end(&self) -> Timestamp {
        Timestamp::from_nanos(self.head.max_end)
    }
}

impl<'a> BlockRef<'a> {
    /// Reads header and directory; the columns' checksums are verified as the columns are unpacked.
    ///
    /// # Errors
    /// Says what is wrong with the octets. Any octets are safe to give.
    pub fn open(bytes: &'a [u8]) -> Result<Self, BlockError> {
        let head = Head::parse(bytes)?;
        Ok(Self { bytes, head })
    }

    /// A column.
    ///
    /// # Errors
    /// When the directory says of it what cannot be.
    pub fn column(&self, field: Field) -> Result<Column<'a>, BlockError> {
        self.head.column(self.bytes, field)
    }

    /// The filter of the addresses of [`Field::SrcIp`] and [`Field::DstIp`], to be asked with [`address_hash`]; `None`
    /// where the block has none, as those of earlier releases.
    ///
    /// # Errors
    /// When its octets are damaged.
    pub fn address_filter(&self) -> Result<Option<Filter<'a>>, BlockError> {
        self.filter(0)
    }

    /// The filter of the 5-tuples, to be asked with [`flow_hash`]; `None` where the block has none, as those of earlier
    /// releases.
    ///
    /// # Errors
    /// When its octets are damaged.
    pub fn flow_filter(&self) -> Result<Option<Filter<'a>>, BlockError> {
        self.filter(1)
    }

    fn filter(&self, which: usize) -> Result<Option<Filter<'a>>, BlockError> {
        let Some((shape, extent)) = self.head.directory.filters.get(which).copied().flatten() else {
            return Ok(None);
        };
        let octets = extent.of(self.head.body(self.bytes));
        extent.verify(octets)?;
        Ok(Some(Filter::new(shape, octets)))
    }

    /// Whether a record may have the address as source or destination; `hash` is its [`address_hash`]. Never false
    /// where one has it. Verifies the filter each time: who asks more than once takes [`BlockRef::address_filter`].
    ///
    /// # Errors
    /// When the filter's octets are damaged.
    pub fn may_have_address(&self, hash: u64) -> Result<bool, BlockError> {
        Ok(self.address_filter()?.is_none_or(|filter| filter.may_have(hash)))
    }

    /// Whether a record may have the 5-tuple, in either direction; `hash` is its [`flow_hash`]. Never false where one
    /// has it. Verifies the filter each time: who asks more than once takes [`BlockRef::flow_filter`].
    ///
    /// # Errors
    /// When the filter's octets are damaged.
    pub fn may_have_flow(&self, hash: u64) -> Result<bool, BlockError> {
        Ok(self.flow_filter()?.is_none_or(|filter| filter.may_have(hash)))
    }

    /// The addresses that columns refer to.
    ///
    /// # Errors
    /// When their octets are damaged or contradict the directory.
    pub fn addresses(&self, dictionary: Dictionary, unpacker: &mut Unpacker) -> Result<Addresses, BlockError> {
        let [fours, upper, lower] = dictionary.columns();
        Addresses::read(self.column(fours)?, self.column(upper)?, self.column(lower)?, unpacker)
    }

    /// The texts that columns refer to.
    ///
    /// # Errors
    /// When their octets are damaged or contradict the directory.
    pub fn texts(&self, dictionary: TextDictionary, unpacker: &mut Unpacker) -> Result<Texts, BlockError> {
        let [lengths, octets] = dictionary.columns();
        Texts::read(self.column(lengths)?, self.column(octets)?, unpacker)
    }

    /// The records, in the order in which they were written.
    ///
    /// # Errors
    /// When the octets are damaged or contradict the directory.
    pub fn records(&self) -> Result<Vec<FlowRecord>, BlockError> {
        records::read(self)
    }

    /// What takes how many octets: the numbers of columns and filters (docs/formats.md), without their places in the
    /// directory, which is number 0.
    #[must_use]
    pub fn octets(&self) -> Vec<(u8, usize)> {
        let directory = &self.head.directory;
        let columns = directory.entries.iter().map(|entry| (entry.number, entry.body.octets));
        let filters = FILTERS.into_iter().zip(&directory.filters);
        let filters = filters.filter_map(|(number, filter)| Some((number, filter.as_ref()?.1.octets)));
        std::iter::once((0, self.head.body))
            .chain(columns)
            .chain(filters)
            .collect()
    }

    /// The records of some numbers, which ascend; a number that no record has is stepped over.
    ///
    /// # Errors
    /// When the octets are damaged or contradict the directory.
    pub fn records_at(&self, numbers: &[u32]) -> Result<Vec<FlowRecord>, BlockError> {
        records::read_some(self, numbers)
    }

    /// How many records there are; never 0.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a block is never empty")]
    pub const fn len(&self) -> usize {
        self.head.count as usize
    }

    /// The earliest and the latest start of a record.
    #[must_use]
    pub const fn starts(&self) -> (Timestamp, Timestamp) {
        (
            Timestamp::from_nanos(self.head.min_start),
            Timestamp::from_nanos(self.head.max_start),
        )
    }

    /// The earliest and the latest end of a record.
    #[must_use]
    pub const fn ends(&self) -> (Timestamp, Timestamp) {
        (
            Timestamp::from_nanos(self.head.min_end),
            Timestamp::from_nanos(self.head.max_end),
        )
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
