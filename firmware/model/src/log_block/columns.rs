//! A log block's columns: numbers, lengths and octets, so that a reader takes what it knows and
//! steps over what a later release added.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;

use super::{Frame, LogBlock};
use crate::{BlockError, LogRecord};

/// Numbers of the directory's columns; they are stored, so they never change their meaning.
pub(super) mod directory {
    pub(crate) const EXPORTERS: u8 = 1;
    pub(crate) const PEERS4: u8 = 2;
    pub(crate) const PEERS6: u8 = 3;
    pub(crate) const HOSTS: u8 = 4;
    pub(crate) const APPS: u8 = 5;
}

/// Numbers of the rows' columns.
pub(super) mod row {
    pub(crate) const TIME: u8 = 1;
    pub(crate) const RECEIVED: u8 = 2;
    pub(crate) const EXPORTER: u8 = 3;
    pub(crate) const PEER: u8 = 4;
    pub(crate) const SOURCE: u8 = 5;
    pub(crate) const SEVERITY: u8 = 6;
    pub(crate) const FACILITY: u8 = 7;
    pub(crate) const HOST: u8 = 8;
    pub(crate) const APP: u8 = 9;
    pub(crate) const CODES: u8 = 10;
    pub(crate) const CODE: u8 = 11;
    pub(crate) const PID_LEN: u8 = 12;
    pub(crate) const TEXT_LEN: u8 = 13;
    pub(crate) const DATA_LEN: u8 = 14;
}

/// Numbers of the texts' columns.
pub(super) mod text {
    pub(crate) const PIDS: u8 = 1;
    pub(crate) const TEXTS: u8 = 2;
    pub(crate) const DATA: u8 = 3;
}

/// A block's parts before compression.
pub(super) struct Written {
    pub(super) directory: Vec<u8>,
    pub(super) rows: Vec<u8>,
    pub(super) texts: Vec<u8>,
}

/// A host, app, pid or code, cut to what a block takes.
pub(super) fn name(name: &str) -> &str {
    cut(name, LogBlock::NAME_MAX)
}

/// A text or data, cut to what a block takes.
pub(super) fn text(text: &str) -> &str {
    cut(text, LogBlock::TEXT_MAX)
}

fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or(text)
}

/// Every column of the records, which are sorted by time.
pub(super) fn write<'r>(records: &[&'r LogRecord]) -> Written {
    let mut exporters = Dictionary::default();
    let (mut fours, mut sixes) = (Dictionary::default(), Dictionary::default());
    let (mut hosts, mut apps, mut codes) = (
        Dictionary::<&'r str>::default(),
        Dictionary::default(),
        Dictionary::default(),
    );

    let mut rows = Columns::default();
    let mut before = 0;
    rows.varints(row::TIME, records, |r| {
        // The first difference is the time itself.
        let time = r.time.as_nanos();
        time.wrapping_sub(std::mem::replace(&mut before, time))
    });
    rows.varints(row::RECEIVED, records, |r| {
        zigzag(r.received.as_nanos().wrapping_sub(r.time.as_nanos()))
    });
    rows.varints(row::EXPORTER, records, |r| exporters.index(r.exporter.0));
    // IPv4 has even numbers, IPv6 odd ones.
    rows.varints(row::PEER, records, |r| match r.peer {
        IpAddr::V4(v4) => fours.index(v4.octets()) * 2,
        IpAddr::V6(v6) => sixes.index(v6.octets()) * 2 + 1,
    });
    rows.octets(row::SOURCE, records, |r| r.source as u8);
    rows.octets(row::SEVERITY, records, |r| r.severity as u8);
    rows.octets(row::FACILITY, records, |r| r.facility);
    rows.varints(row::HOST, records, |r| hosts.index(name(&r.host)));
    rows.varints(row::APP, records, |r| apps.index(name(&r.app)));
    rows.varints(row::CODE, records, |r| codes.index(name(&r.code)));
    rows.strings(row::CODES, &codes.order);
    rows.varints(row::PID_LEN, records, |r| name(&r.pid).len() as u64);
    rows.varints(row::TEXT_LEN, records, |r| text(&r.text).len() as u64);
    rows.varints(row::DATA_LEN, records, |r| text(&r.data).len() as u64);

    let mut directory = Columns::default();
    directory.column(directory::EXPORTERS, |out| {
        exporters.order.iter().for_each(|e| put_varint(out, u64::from(*e)));
    });
    directory.column(directory::PEERS4, |out| out.extend(fours.order.as_flattened()));
    directory.column(directory::PEERS6, |out| out.extend(sixes.order.as_flattened()));
    directory.strings(directory::HOSTS, &hosts.order);
    directory.strings(directory::APPS, &apps.order);

    let mut texts = Columns::default();
    let mut joined = |number: u8, part: fn(&LogRecord) -> &str| {
        texts.column(number, |out| {
            records.iter().for_each(|r| out.extend_from_slice(part(r).as_bytes()));
        });
    };
    joined(text::PIDS, |r| name(&r.pid));
    joined(text::TEXTS, |r| text(&r.text));
    joined(text::DATA, |r| text(&r.data));
    Written {
        directory: directory.0,
        rows: rows.0,
        texts: texts.0,
    }
}

/// Columns one after the other.
#[derive(Default)]
struct Columns(Vec<u8>);

impl Columns {
    fn column(&mut self, number: u8, write: impl FnOnce(&mut Vec<u8>)) {
        self.0.push(number);
        let length_at = self.0.len();
        self.0.extend_from_slice(&[0; 4]);
        let from = self.0.len();
        write(&mut self.0);
        // A block's parts stay below RAW_MAX.
        let length = u32::try_from(self.0.len() - from).unwrap_or(u32::MAX);
        if let Some(place) = self.0.get_mut(length_at..from) {
            place.copy_from_slice(&length.to_le_bytes());
        }
    }

    fn varints<'r>(&mut self, number: u8, records: &[&'r LogRecord], mut value: impl FnMut(&'r LogRecord) -> u64) {
        self.column(number, |out| records.iter().for_each(|r| put_varint(out, value(r))));
    }

    fn octets(&mut self, number: u8, records: &[&LogRecord], value: impl Fn(&LogRecord) -> u8) {
        self.column(number, |out| out.extend(records.iter().map(|r| value(r))));
    }

    fn strings(&mut self, number: u8, strings: &[&str]) {
        self.column(number, |out| {
            for string in strings {
                put_varint(out, string.len() as u64);
                out.extend_from_slice(string.as_bytes());
            }
        });
    }
}

/// Values in the order of their first appearance.
struct Dictionary<T> {
    order: Vec<T>,
    places: HashMap<T, u64>,
}

impl<T> Default for Dictionary<T> {
    fn default() -> Self {
        Self {
            order: Vec::new(),
            places: HashMap::new(),
        }
    }
}

impl<T: Copy + Eq + Hash> Dictionary<T> {
    fn index(&mut self, value: T) -> u64 {
        *self.places.entry(value).or_insert_with(|| {
            self.order.push(value);
            self.order.len() as u64 - 1
        })
    }
}

/// The columns of a part, by their numbers; unknown ones are stepped over.
pub(super) struct Part<'a>([Option<&'a [u8]>; 16]);

impl<'a> Part<'a> {
    pub(super) fn open(mut raw: &'a [u8]) -> Result<Self, BlockError> {
        let cut = BlockError::Contents("length of a column");
        let mut columns = [None; 16];
        while let Some((number, rest)) = raw.split_first() {
            let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(|| cut.clone())?;
            let length = u32::from_le_bytes(*length) as usize;
            let (octets, rest) = rest.split_at_checked(length).ok_or_else(|| cut.clone())?;
            if let Some(place) = columns.get_mut(usize::from(*number))
                && place.replace(octets).is_some()
            {
                return Err(BlockError::Contents("column, which comes twice,"));
            }
            raw = rest;
        }
        Ok(Self(columns))
    }

    pub(super) fn octets(&self, number: u8) -> Result<&'a [u8], BlockError> {
        let column = self.0.get(usize::from(number)).copied().flatten();
        column.ok_or(BlockError::Contents("column, which is missing,"))
    }

    /// One octet a record.
    pub(super) fn octets_of(&self, number: u8, count: usize) -> Result<&'a [u8], BlockError> {
        let octets = self.octets(number)?;
        if octets.len() == count {
            Ok(octets)
        } else {
            Err(BlockError::Contents("length of a column"))
        }
    }

    /// One number a record, each made into what it stands for.
    pub(super) fn numbers<T>(
        &self,
        number: u8,
        count: usize,
        mut make: impl FnMut(u64) -> Result<T, BlockError>,
    ) -> Result<Vec<T>, BlockError> {
        let mut varints = Varints(self.octets(number)?);
        // Each takes an octet or more.
        if count > varints.0.len() {
            return Err(BlockError::Contents("length of a column"));
        }
        let numbers = (0..count)
            .map(|_| make(varints.next()?))
            .collect::<Result<Vec<T>, _>>()?;
        if varints.0.is_empty() {
            Ok(numbers)
        } else {
            Err(BlockError::Contents("length of a column"))
        }
    }

    /// One place in a dictionary of `entries` a record.
    pub(super) fn places(&self, number: u8, count: usize, entries: usize) -> Result<Vec<u32>, BlockError> {
        self.numbers(number, count, |place| {
            let place = u32::try_from(place).ok().filter(|place| (*place as usize) < entries);
            place.ok_or(BlockError::Contents("place in a dictionary"))
        })
    }

    /// Strings with their lengths.
    pub(super) fn strings(&self, number: u8) -> Result<Vec<String>, BlockError> {
        let mut rest = self.octets(number)?;
        let mut strings = Vec::new();
        while !rest.is_empty() {
            let mut varints = Varints(rest);
            let length = usize::try_from(varints.next()?).unwrap_or(usize::MAX);
            let bad = BlockError::Contents("string");
            let (octets, after) = varints.0.split_at_checked(length).ok_or_else(|| bad.clone())?;
            if length > LogBlock::NAME_MAX {
                return Err(bad);
            }
            strings.push(std::str::from_utf8(octets).map_err(|_| bad)?.to_owned());
            rest = after;
        }
        Ok(strings)
    }
}

/// LEB128 numbers, read one by one.
pub(super) struct Varints<'a>(pub(super) &'a [u8]);

impl Varints<'_> {
    pub(super) fn next(&mut self) -> Result<u64, BlockError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let Some((&octet, rest)) = self.0.split_first() else {
                return Err(BlockError::Contents("length of a column"));
            };
            self.0 = rest;
            let bits = u64::from(octet & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if octet & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(BlockError::Contents("number"))
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    #[allow(clippy::cast_possible_truncation, reason = "below 0x80")]
    out.push(value as u8);
}

/// Small differences of either sign become small numbers.
const fn zigzag(difference: u64) -> u64 {
    (difference << 1) ^ (if difference >> 63 == 1 { u64::MAX } else { 0 })
}

pub(super) const fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ (if number & 1 == 1 { u64::MAX } else { 0 })
}

/// Takes little-endian fields from a header whose length was checked.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk::<N>().unwrap_or((&[0; N], &[]));
        self.0 = rest;
        *field
    }

    pub(super) fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.take())
    }

    pub(super) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    pub(super) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }

    pub(super) fn frame(&mut self) -> Frame {
        Frame {
            len: self.u32(),
            raw_len: self.u32(),
        }
    }
}
