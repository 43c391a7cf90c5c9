//! A block's records by key: a code for each row, and what codes stand for.

mod make;
mod objects;

use std::net::IpAddr;

use model::{Codes, Dictionary, Field, Values};

use super::intern::Intern;
use super::texts::KeyTexts;
use super::value::PartValue;
use crate::scan::columns::Unpacked;
use crate::scan::select::{Desk, Lore};

pub(crate) use objects::Belonging;

/// Codes below this stand in arrays by code; few of them in tests, whose blocks are small.
pub(crate) const DENSE: u32 = if cfg!(test) { 16 } else { 1 << 17 };
/// No second value.
const NO_SECOND: u32 = u32::MAX;

/// What codes stand for.
#[derive(Debug)]
pub(crate) enum Decode {
    /// The value that a column has by the code; its lowest bits are shifted out.
    Values(Field, u32),
    /// The same by code less one; 0 is none.
    After(Field),
    /// The address that a column has by the code.
    Address(Field),
    /// The address of a place.
    Place,
    /// The hardware address that a column has by the code.
    Mac(Field),
    /// What stands there.
    List(Vec<PartValue>),
    /// A column's value up to a code, then what stands there.
    App(u32, Vec<PartValue>),
    /// Objects: several.
    Sets(Vec<Vec<u32>>),
}

/// A part of a key, by row.
#[derive(Debug)]
pub(crate) struct KeyColumn {
    pub(crate) codes: Vec<u32>,
    /// One more than the largest code.
    pub(crate) card: u32,
    pub(crate) decode: Decode,
    /// Column's codes by ours, where the column's are too many to be ours.
    originals: Option<Vec<u64>>,
    /// A second value of the row, or [`NO_SECOND`]; empty where no row has one.
    second: Vec<u32>,
}

/// Which records of a block are rows; a record may be several rows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rows<'r> {
    /// Each record one.
    All(usize),
    /// These.
    List(&'r [u32]),
}

impl Rows<'_> {
    pub(crate) const fn len(&self) -> usize {
        match self {
            Self::All(len) => *len,
            Self::List(rows) => rows.len(),
        }
    }

    fn map<T>(&self, mut each: impl FnMut(usize) -> T) -> Vec<T> {
        match self {
            Self::All(len) => (0..*len).map(each).collect(),
            Self::List(rows) => rows.iter().map(|row| each(*row as usize)).collect(),
        }
    }
}

/// Makes key columns of a block.
pub(crate) struct Keys<'k, 'a, 'b> {
    pub(crate) columns: &'k mut Unpacked<'a, 'b>,
    pub(crate) lore: &'k Lore,
    pub(crate) belonging: &'k Belonging,
    pub(crate) desk: &'k mut Desk,
    pub(crate) intern: &'k mut Intern,
    pub(crate) texts: &'k mut KeyTexts,
}

fn gather<T: Copy + Into<u64>>(codes: &[T], rows: Rows<'_>) -> Vec<u64> {
    match rows {
        Rows::All(_) => codes.iter().map(|code| (*code).into()).collect(),
        Rows::List(rows) => rows
            .iter()
            .map(|row| codes.get(*row as usize).map_or(0, |c| (*c).into()))
            .collect(),
    }
}

fn gather32<T: Copy + Into<u32>>(codes: &[T], rows: Rows<'_>) -> Vec<u32> {
    match rows {
        Rows::All(_) => codes.iter().map(|code| (*code).into()).collect(),
        Rows::List(rows) => rows
            .iter()
            .map(|row| codes.get(*row as usize).map_or(0, |c| (*c).into()))
            .collect(),
    }
}

/// A column's codes, which have 32 bits.
fn by_row(values: &Values, rows: Rows<'_>) -> Vec<u32> {
    match values.codes() {
        Codes::Zero | Codes::U64(_) => vec![0; rows.len()],
        Codes::U8(codes) => gather32(codes, rows),
        Codes::U16(codes) => gather32(codes, rows),
        Codes::U32(codes) => gather32(codes, rows),
    }
}

impl KeyColumn {
    fn new(codes: Vec<u32>, card: u32, decode: Decode) -> Self {
        Self {
            codes,
            card,
            decode,
            originals: None,
            second: Vec::new(),
        }
    }

    fn constant(value: PartValue, rows: Rows<'_>) -> Self {
        Self::new(vec![0; rows.len()], 1, Decode::List(vec![value]))
    }

    /// Whether a row has a second value.
    pub(crate) const fn has_second(&self) -> bool {
        !self.second.is_empty()
    }

    /// The second values by row, where there is none the code after the last; for who adds them apart.
    pub(crate) fn take_second(&mut self) -> Vec<u32> {
        let mut second = std::mem::take(&mut self.second);
        let card = self.card;
        second.iter_mut().for_each(|code| *code = (*code).min(card));
        second
    }

    /// Rows for second values: which row each new row was before, and the column with both.
    pub(crate) fn expand(&mut self) -> Vec<u32> {
        let mut origins = Vec::with_capacity(self.codes.len() * 2);
        let mut codes = Vec::with_capacity(self.codes.len() * 2);
        let seconds = std::mem::take(&mut self.second);
        for ((row, code), second) in (0u32..).zip(&self.codes).zip(seconds) {
            origins.push(row);
            codes.push(*code);
            if second != NO_SECOND {
                origins.push(row);
                codes.push(second);
            }
        }
        self.codes = codes;
        origins
    }

    /// The same column with other rows.
    pub(crate) fn reorder(&mut self, origins: &[u32]) {
        let pick = |from: &[u32]| {
            origins
                .iter()
                .map(|row| from.get(*row as usize).copied().unwrap_or(0))
                .collect()
        };
        self.codes = pick(&self.codes);
        if !self.second.is_empty() {
            self.second = pick(&self.second);
        }
    }

    /// What a code stands for; of a key of objects, that is in [`KeyColumn::set`]. `None` where the block contradicts
    /// itself.
    #[inline]
    pub(crate) fn value(&self, code: u32, columns: &Unpacked<'_, '_>) -> Option<PartValue> {
        let original = match &self.originals {
            Some(originals) => originals.get(code as usize).copied().unwrap_or(0),
            None => code.into(),
        };
        Some(match &self.decode {
            Decode::Values(field, shift) => {
                PartValue::optional(columns.values(*field).value(original).map(|v| v >> shift))
            }
            Decode::After(field) => match original.checked_sub(1) {
                None => PartValue::NONE,
                Some(code) => PartValue::optional(columns.values(*field).value(code)),
            },
            Decode::Address(field) => PartValue::address(address(columns, columns.values(*field).value(original)?)?),
            Decode::Place => PartValue::address(address(columns, original)?),
            Decode::Mac(field) => match columns.values(*field).value(original) {
                None => PartValue::NONE,
                Some(place) => PartValue::number(columns.values(Field::Macs).get(usize::try_from(place).ok()?)?),
            },
            Decode::List(list) => list.get(code as usize).copied().unwrap_or(PartValue::NONE),
            Decode::App(known, list) => match code.checked_sub(*known) {
                None => PartValue::optional(columns.values(Field::App).value(original)),
                Some(at) => list.get(at as usize).copied().unwrap_or(PartValue::NONE),
            },
            Decode::Sets(_) => PartValue::NONE,
        })
    }

    /// The objects of a code, where the key is of objects.
    pub(crate) fn set(&self, code: u32) -> Option<&[u32]> {
        match &self.decode {
            Decode::Sets(sets) => Some(sets.get(code as usize).map_or(&[], Vec::as_slice)),
            _ => None,
        }
    }
}

#[inline]
fn address(columns: &Unpacked<'_, '_>, place: u64) -> Option<IpAddr> {
    columns.addresses(Dictionary::Addresses).get(place)
}
