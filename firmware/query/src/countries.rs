//! Which country an address is in, by a database that an administrator imported: CSV or MaxMind DB.
//!
//! Ranges do not overlap: a file in which an address has two countries is refused. What is said of IPv4 addresses
//! mapped into IPv6 (`::ffff:0:0/96`) is said of the IPv4 addresses, in files and when asked.

mod bytes;
mod csv;
mod mmdb;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::context::CountryOf;

/// The most ranges that a database may have, both IP versions together.
pub const COUNTRY_RANGES_MAX: usize = 4_000_000;

/// A country, ISO 3166-1 alpha-2 in upper case.
type Code = [u8; 2];

/// What stands where no country is said.
const NONE: Code = [0, 0];

/// Countries by ranges of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CountryTable {
    v4: Steps<u32>,
    v6: Steps<u128>,
}

/// The first address from which on a country is said, or none, ascending; neighbours differ, and the first is of a
/// country.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Steps<A> {
    starts: Vec<A>,
    codes: Vec<Code>,
}

/// A database of countries that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CountriesError {
    /// A line of a CSV file.
    #[error(
        "line {line} of the database of countries: {problem}; each line is `first address,last address,country`, such as 1.0.0.0,1.0.0.255,AU"
    )]
    Line {
        /// Its number, from 1.
        line: u32,
        /// What is wrong with it.
        problem: String,
    },
    /// Two ranges share addresses, and the countries differ.
    #[error(
        "the database of countries says two countries of {address}, in lines {first} and {second}: import a file without overlaps"
    )]
    Overlap {
        /// The first address that both hold.
        address: IpAddr,
        /// A line, from 1.
        first: u32,
        /// Another line.
        second: u32,
    },
    /// No range says a country.
    #[error(
        "the database of countries has no range of addresses with a country: import a CSV file of lines `first address,last address,country`, or a MaxMind DB file of countries"
    )]
    Empty,
    /// More ranges than are kept.
    #[error(
        "the database of countries has more than {COUNTRY_RANGES_MAX} ranges: import one of countries, not of cities"
    )]
    TooMany,
    /// A MaxMind DB file that breaks its format.
    #[error("the MaxMind DB file cannot be read: {0}; fetch it again")]
    MaxMind(&'static str),
    /// What was kept is damaged, or of another version.
    #[error("the kept table of countries cannot be read: {0}; import the database again")]
    Kept(&'static str),
}

/// Addresses of a country as a file says it. `last` is included; those of IPv4 are given as they are mapped into IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Range {
    first: u128,
    last: u128,
    code: Code,
    /// Where the file says it: a line, or 0.
    line: u32,
}

/// The first address of `::ffff:0:0/96`, and the last.
const MAPPED: (u128, u128) = (0xffff_0000_0000, 0xffff_ffff_ffff);

impl CountryTable {
    /// Reads a database: a CSV file, a MaxMind DB file, or what [`Self::to_bytes`] made. Which it is, the octets say.
    ///
    /// # Errors
    ///
    /// Says what cannot be read, and in which line.
    pub fn parse(octets: &[u8]) -> Result<Self, CountriesError> {
        if octets.starts_with(bytes::MAGIC) {
            return Self::from_bytes(octets);
        }
        let ranges = match mmdb::metadata(octets) {
            Some(metadata) => mmdb::ranges(octets, metadata)?,
            None => csv::ranges(octets)?,
        };
        Self::of(ranges)
    }

    /// A table of ranges in any order.
    fn of(mut ranges: Vec<Range>) -> Result<Self, CountriesError> {
        ranges.sort_unstable();
        let mut table = Self::default();
        let mut last: Option<Range> = None;
        for mut range in ranges {
            if let Some(before) = last
                && range.first <= before.last
            {
                if range.code != before.code {
                    return Err(CountriesError::Overlap {
                        address: Ipv6Addr::from(range.first).to_canonical(),
                        first: before.line.min(range.line),
                        second: before.line.max(range.line),
                    });
                }
                if range.last <= before.last {
                    continue;
                }
                range.first = before.last + 1;
            }
            table.push(range);
            last = Some(range);
        }
        if table.ranges() == 0 {
            return Err(CountriesError::Empty);
        }
        Ok(table)
    }

    /// Adds a range after all that are there, cut where IPv4 begins and ends.
    fn push(&mut self, range: Range) {
        let (begin, end) = MAPPED;
        let narrow = |address: u128| u32::try_from(address - begin).unwrap_or(u32::MAX);
        if range.first < begin {
            self.v6
                .push(range.first, range.last.min(begin - 1).checked_add(1), range.code);
        }
        if range.first <= end && range.last >= begin {
            let (first, last) = (narrow(range.first.max(begin)), narrow(range.last.min(end)));
            self.v4.push(first, last.checked_add(1), range.code);
        }
        if range.last > end {
            self.v6
                .push(range.first.max(end + 1), range.last.checked_add(1), range.code);
        }
    }

    /// The country of an address; `None` where the database does not say.
    #[must_use]
    pub fn country(&self, address: IpAddr) -> Option<[u8; 2]> {
        match address.to_canonical() {
            IpAddr::V4(v4) => self.v4.at(u32::from(v4)),
            IpAddr::V6(v6) => self.v6.at(u128::from(v6)),
        }
    }

    /// Ranges of addresses with a country; neighbours of one country are one.
    #[must_use]
    pub fn ranges(&self) -> u64 {
        (self.v4.ranges() + self.v6.ranges()) as u64
    }

    /// All ranges with their countries, IPv4 first, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, IpAddr, [u8; 2])> {
        let v4 = self.v4.iter(u32::MAX, |end| end - 1);
        let v6 = self.v6.iter(u128::MAX, |end| end - 1);
        let v4 = v4.map(|(a, b, code)| (IpAddr::V4(Ipv4Addr::from(a)), IpAddr::V4(Ipv4Addr::from(b)), code));
        let v6 = v6.map(|(a, b, code)| (IpAddr::V6(Ipv6Addr::from(a)), IpAddr::V6(Ipv6Addr::from(b)), code));
        v4.chain(v6)
    }
}

impl CountryOf for CountryTable {
    fn country(&self, address: IpAddr) -> Option<[u8; 2]> {
        Self::country(self, address)
    }
}

impl<A: Copy + Ord> Steps<A> {
    /// A country from `first` on, until before `end`; `None` is the end of all addresses.
    fn push(&mut self, first: A, end: Option<A>, code: Code) {
        if self.starts.last() == Some(&first) {
            // The range before ended here: there is no gap.
            self.starts.pop();
            self.codes.pop();
        }
        if self.codes.last() != Some(&code) {
            self.starts.push(first);
            self.codes.push(code);
        }
        if let Some(end) = end {
            self.starts.push(end);
            self.codes.push(NONE);
        }
    }

    fn at(&self, address: A) -> Option<Code> {
        let place = self.starts.partition_point(|start| *start <= address).checked_sub(1)?;
        self.codes.get(place).copied().filter(|code| *code != NONE)
    }

    fn ranges(&self) -> usize {
        self.codes.iter().filter(|code| **code != NONE).count()
    }

    /// First and last address of each range. `before` is the address before one that is not the first of all.
    fn iter(&self, most: A, before: impl Fn(A) -> A) -> impl Iterator<Item = (A, A, Code)> {
        let ends = self
            .starts
            .iter()
            .skip(1)
            .map(move |end| before(*end))
            .chain(std::iter::once(most));
        let all = self.starts.iter().zip(ends).zip(&self.codes);
        all.filter(|(_, code)| **code != NONE)
            .map(|((first, last), code)| (*first, last, *code))
    }
}

/// Two letters as a country's code.
fn code(text: &[u8]) -> Option<Code> {
    match *text {
        [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
            Some([a.to_ascii_uppercase(), b.to_ascii_uppercase()])
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
