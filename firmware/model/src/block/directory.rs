//! The directory: what a column is, its smallest and largest value, and where its octets lie.

use super::BlockError;
use super::field::Field;
use super::fuse::{Fingerprint, Shape};
use super::planes::{plane_bits, plane_octets, planes};

/// How an array of codes lies in a column's octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Part {
    pub(super) bits: u32,
    /// Of each plane: its octets in the block, and whether they are a zstd frame.
    pub(super) planes: [(u32, bool); 8],
}

impl Part {
    fn octets(&self) -> u64 {
        self.planes.iter().map(|(octets, _)| u64::from(*octets)).sum()
    }
}

/// How a column's values follow from its octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// All are the smallest value; no octets.
    Constant,
    /// Value = smallest + code × scale.
    Scaled { scale: u64, codes: Part },
    /// The distinct values less the smallest, ascending, and each value's place among them.
    Distinct { count: u32, values: Part, codes: Part },
    /// A value is the one before plus its code; the first is the smallest, its code 0.
    Ascending { codes: Part },
}

/// A column's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) number: u8,
    /// Code 0 is "no value" and the others are one larger.
    pub(super) optional: bool,
    /// The number of a column of address places. There is a value for each address then, and a record has its address's.
    pub(super) follows: Option<u8>,
    pub(super) values: u32,
    pub(super) min: u64,
    pub(super) max: u64,
    /// The smallest and the largest address of a column of places.
    pub(super) addresses: Option<(u128, u128)>,
    pub(super) form: Form,
    pub(super) body: Extent,
}

/// A column's octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Extent {
    /// Where they begin in the body.
    pub(super) offset: usize,
    pub(super) octets: usize,
    /// Their checksum; 0 where there is none.
    pub(super) crc: u32,
}

impl Extent {
    /// The octets, out of the body.
    pub(super) fn of<'a>(&self, body: &'a [u8]) -> &'a [u8] {
        body.get(self.offset..self.offset.saturating_add(self.octets))
            .unwrap_or_default()
    }

    /// Whether the octets are what their writer wrote.
    pub(super) fn verify(&self, octets: &[u8]) -> Result<(), BlockError> {
        let found = crc32fast::hash(octets);
        if octets.len() != self.octets || found != self.crc {
            return Err(BlockError::Checksum {
                found,
                expected: self.crc,
            });
        }
        Ok(())
    }
}

/// Divisors that times have in common.
pub(super) const SCALES: [u64; 4] = [1, 1_000, 1_000_000, 1_000_000_000];

const CONSTANT: u8 = 0;
const SCALED: u8 = 1;
const DISTINCT: u8 = 2;
const ASCENDING: u8 = 3;
const OPTIONAL: u8 = 4;
const ADDRESSES: u8 = 8;
const FOLLOWS: u8 = 16;

impl Entry {
    /// Appends the entry: number, octets of the rest, octets in the body, their checksum, the rest.
    pub(super) fn write(&self, out: &mut Vec<u8>, room: &mut Vec<u8>) {
        room.clear();
        let form = match self.form {
            Form::Constant => CONSTANT,
            Form::Scaled { .. } => SCALED,
            Form::Distinct { .. } => DISTINCT,
            Form::Ascending { .. } => ASCENDING,
        };
        let follows = if self.follows.is_some() { FOLLOWS } else { 0 };
        let addresses = if self.addresses.is_some() { ADDRESSES } else { 0 };
        room.push(form | if self.optional { OPTIONAL } else { 0 } | addresses | follows);
        room.extend(self.follows);
        if self.number >= Field::SIDE || self.follows.is_some() {
            put(room, u128::from(self.values));
        }
        put(room, u128::from(self.min));
        put(room, u128::from(self.max - self.min));
        if let Some((min, max)) = self.addresses {
            put(room, min);
            put(room, max - min);
        }
        match &self.form {
            Form::Constant => {}
            Form::Scaled { scale, codes } => {
                let place = SCALES.iter().position(|s| s == scale).unwrap_or(0);
                put(room, place as u128);
                put_part(room, codes);
            }
            Form::Distinct { count, values, codes } => {
                put(room, u128::from(*count));
                put_part(room, values);
                put_part(room, codes);
            }
            Form::Ascending { codes } => put_part(room, codes),
        }
        out.push(self.number);
        put(out, room.len() as u128);
        put(out, self.body.octets as u128);
        if self.body.octets > 0 {
            out.extend_from_slice(&self.body.crc.to_le_bytes());
        }
        out.extend_from_slice(room);
    }

    fn read(number: u8, mut fields: Fields<'_>, records: u32, body: Extent) -> Result<Self, BlockError> {
        let flags = fields.octet()?;
        if flags & !(3 | OPTIONAL | ADDRESSES | FOLLOWS) != 0 {
            return Err(FAULT);
        }
        let optional = flags & OPTIONAL != 0;
        let follows = if flags & FOLLOWS == 0 {
            None
        } else {
            Some(fields.octet()?)
        };
        let values = if number < Field::SIDE && follows.is_none() {
            records
        } else {
            fields.u32()?
        };
        if OCTETS.contains(&number) {
            bound(values as usize <= super::Block::SIDE_OCTETS_MAX)?;
        } else {
            bound(values as usize <= super::Block::RECORDS_MAX * 10)?;
        }
        let min = fields.u64()?;
        let max = min.checked_add(fields.u64()?).ok_or(FAULT)?;
        let addresses = match flags & ADDRESSES {
            0 => None,
            _ => {
                let min = fields.number()?;
                Some((min, min.checked_add(fields.number()?).ok_or(FAULT)?))
            }
        };
        let form = match flags & 3 {
            CONSTANT => Form::Constant,
            SCALED => Form::Scaled {
                scale: *usize::try_from(fields.u64()?)
                    .ok()
                    .and_then(|at| SCALES.get(at))
                    .ok_or(FAULT)?,
                codes: fields.part(values)?,
            },
            DISTINCT => {
                let count = fields.u32()?;
                bound(count >= 1 && count as usize <= super::Block::RECORDS_MAX)?;
                Form::Distinct {
                    count,
                    values: fields.part(count)?,
                    codes: fields.part(values)?,
                }
            }
            _ => Form::Ascending {
                codes: fields.part(values)?,
            },
        };
        let announced = match &form {
            Form::Constant => 0,
            Form::Scaled { codes, .. } | Form::Ascending { codes } => codes.octets(),
            Form::Distinct { values, codes, .. } => values.octets() + codes.octets(),
        };
        let constant = matches!(form, Form::Constant);
        bound(
            announced == body.octets as u64
                && fields.0.is_empty()
                && !(constant && (min != max || optional || follows.is_some())),
        )?;
        Ok(Self {
            number,
            optional,
            follows,
            values,
            min,
            max,
            addresses,
            form,
            body,
        })
    }
}

/// A block's directory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Directory {
    /// The columns' entries, ordered by number.
    pub(super) entries: Vec<Entry>,
    /// The octets of columns that this release does not know.
    pub(super) unknown: Vec<Extent>,
    /// The filters of addresses and of 5-tuples.
    pub(super) filters: [Option<(Shape, Extent)>; 2],
}

/// The numbers of the filters.
pub(super) const FILTERS: [u8; 2] = [240, 241];

/// Appends a filter's entry; `body` are its octets.
pub(super) fn write_filter(number: u8, shape: &Shape, body: &[u8], out: &mut Vec<u8>, room: &mut Vec<u8>) {
    room.clear();
    room.push(shape.fingerprint as u8);
    room.extend_from_slice(&shape.seed.to_le_bytes());
    put(room, u128::from(shape.bits));
    put(room, u128::from(shape.segments));
    out.push(number);
    put(out, room.len() as u128);
    put(out, body.len() as u128);
    out.extend_from_slice(&crc32fast::hash(body).to_le_bytes());
    out.extend_from_slice(room);
}

/// The shape of a filter of so many octets; `None` where it is of a kind that this release does not know.
fn read_filter(mut fields: Fields<'_>, octets: usize) -> Result<Option<Shape>, BlockError> {
    let Some(fingerprint) = Fingerprint::from_kind(fields.octet()?) else {
        return Ok(None);
    };
    let shape = Shape {
        fingerprint,
        seed: u64::from_le_bytes(fields.take()?),
        bits: fields.u32()?,
        segments: fields.u32()?,
    };
    bound(fields.0.is_empty() && shape.fits(octets))?;
    Ok(Some(shape))
}

impl Directory {
    /// Reads a directory, whose octets' checksum fits.
    pub(super) fn read(directory: &[u8], records: u32, body: usize) -> Result<Self, BlockError> {
        let mut read = Self::default();
        let mut rest = Fields(directory);
        let (mut offset, mut before) = (0usize, 0);
        while !rest.0.is_empty() {
            let number = rest.octet()?;
            bound(number > before)?;
            before = number;
            let length = rest.u32()? as usize;
            let octets = rest.u32()? as usize;
            let crc = if octets > 0 {
                u32::from_le_bytes(rest.take()?)
            } else {
                0
            };
            let (entry, after) = rest.0.split_at_checked(length).ok_or(FAULT)?;
            rest = Fields(after);
            let extent = Extent { offset, octets, crc };
            let filter = FILTERS.iter().zip(&mut read.filters).find(|(own, _)| **own == number);
            if is_known(number) {
                read.entries.push(Entry::read(number, Fields(entry), records, extent)?);
            } else if let Some((_, filter)) = filter
                && let Some(shape) = read_filter(Fields(entry), octets)?
            {
                *filter = Some((shape, extent));
            } else {
                read.unknown.push(extent);
            }
            offset = offset.checked_add(octets).ok_or(FAULT)?;
        }
        bound(offset == body)?;
        Ok(read)
    }

    /// The entry of a column.
    pub(super) fn find(&self, number: u8) -> Option<&Entry> {
        let found = self.entries.binary_search_by_key(&number, |entry| entry.number);
        found.ok().and_then(|at| self.entries.get(at))
    }
}

/// The columns of octets, as many as there may be besides numbers.
const OCTETS: [u8; 3] = [
    Field::EnterpriseOctets as u8,
    Field::HostOctets as u8,
    Field::DetailOctets as u8,
];

/// The column of the last key of details.
#[allow(clippy::cast_possible_truncation, reason = "there are few keys")]
const DETAIL_LAST: u8 = Field::Host as u8 + crate::DetailKey::ALL.len() as u8;

const fn is_known(number: u8) -> bool {
    matches!(number, 1..=24 | 32..=61 | 64..=DETAIL_LAST | 96..=115 | 128..=140)
}

const FAULT: BlockError = BlockError::Contents("directory");

fn bound(holds: bool) -> Result<(), BlockError> {
    if holds { Ok(()) } else { Err(FAULT) }
}

fn put_part(out: &mut Vec<u8>, part: &Part) {
    put(out, u128::from(part.bits));
    for (octets, compressed) in part.planes.iter().take(planes(part.bits) as usize) {
        put(out, u128::from(*octets) << 1 | u128::from(*compressed));
    }
}

#[allow(clippy::cast_possible_truncation, reason = "seven bits at a time")]
fn put(out: &mut Vec<u8>, mut value: u128) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes fields from the front.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], BlockError> {
        let (field, rest) = self.0.split_first_chunk::<N>().ok_or(FAULT)?;
        self.0 = rest;
        Ok(*field)
    }

    fn octet(&mut self) -> Result<u8, BlockError> {
        self.take::<1>().map(|[octet]| octet)
    }

    fn number(&mut self) -> Result<u128, BlockError> {
        let mut value = 0u128;
        for shift in (0..128).step_by(7) {
            let octet = self.octet()?;
            let bits = u128::from(octet & 0x7f);
            if shift == 126 && bits > 3 {
                break;
            }
            value |= bits << shift;
            if octet & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(FAULT)
    }

    fn u64(&mut self) -> Result<u64, BlockError> {
        u64::try_from(self.number()?).map_err(|_| FAULT)
    }

    fn u32(&mut self) -> Result<u32, BlockError> {
        u32::try_from(self.number()?).map_err(|_| FAULT)
    }

    fn part(&mut self, count: u32) -> Result<Part, BlockError> {
        let bits = self.u32()?;
        bound(bits <= 64)?;
        let mut part = Part {
            bits,
            ..Part::default()
        };
        for (plane, place) in (0..planes(bits)).zip(&mut part.planes) {
            let field = self.u32()?;
            let (octets, compressed) = (field >> 1, field & 1 == 1);
            let plain = plane_octets(count as usize, plane_bits(bits, plane));
            bound(if compressed {
                (octets as usize) < plain
            } else {
                octets as usize == plain
            })?;
            *place = (octets, compressed);
        }
        Ok(part)
    }
}
