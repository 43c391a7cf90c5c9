//! A table's rows, and the octets that they rest in.

use std::collections::HashMap;
use std::net::IpAddr;

use model::{App, Conversation, Direction, InterfaceId, KeyValue, LinkId, Sums};

/// The version of the octets.
const VERSION: u8 = 1;
const CUT: u8 = 1;
const AT_LEAST: u8 = 2;
/// zstd's level: rows are written once and read for years.
const LEVEL: i32 = 5;
/// Octets that a table may have when it is unpacked: more than the largest that is written.
const UNPACKED_MAX: usize = 4 << 20;

/// A stored table is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RollupError {
    /// Another release wrote it.
    #[error("a table of the rollups is of format {0}, which this release does not read: its hours are made anew")]
    Version(u8),
    /// The octets contradict themselves.
    #[error("a table of the rollups is damaged: {0}")]
    Contents(&'static str),
    /// It cannot be compressed.
    #[error("a table of the rollups cannot be compressed: {0}")]
    Compress(String),
}

/// The rows of a table: sums by value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    /// By value, ascending; each value once.
    pub rows: Vec<(KeyValue, Sums)>,
    /// The sum of the rows that were left out.
    pub others: Sums,
    /// Whether rows were left out.
    pub cut: bool,
    /// Whether the sums may be less than they should be: the table was made of tables that were cut, or memory ran out.
    pub at_least: bool,
}

impl Rows {
    /// Rows of groups, of which at most `most` are kept: the heaviest by octets.
    #[must_use]
    pub fn of(groups: Vec<(KeyValue, Sums)>, most: usize) -> Self {
        let mut rows = Self {
            rows: groups,
            ..Self::default()
        };
        rows.cut_to(most);
        rows
    }

    fn cut_to(&mut self, most: usize) {
        let weight = |(value, sums): &(KeyValue, Sums)| {
            let octets = sums.bytes.saturating_add(sums.bytes_rev);
            (std::cmp::Reverse((octets, sums.flows)), value.clone())
        };
        if self.rows.len() > most {
            self.rows.sort_by_cached_key(weight);
            for (_, sums) in self.rows.drain(most..) {
                self.others += sums;
            }
            self.cut = true;
        }
        self.rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    }

    /// The sums of a value.
    #[must_use]
    pub fn get(&self, value: &KeyValue) -> Option<Sums> {
        let place = self.rows.binary_search_by(|(v, _)| v.cmp(value)).ok()?;
        self.rows.get(place).map(|(_, sums)| *sums)
    }

    /// Rows of several periods or links together, cut anew.
    #[must_use]
    pub fn merge(tables: impl IntoIterator<Item = Self>, most: usize) -> Self {
        let mut sums: HashMap<KeyValue, Sums> = HashMap::new();
        let mut merged = Self::default();
        for table in tables {
            for (value, more) in table.rows {
                *sums.entry(value).or_default() += more;
            }
            merged.others += table.others;
            merged.cut |= table.cut;
            merged.at_least |= table.cut | table.at_least;
        }
        merged.rows = sums.into_iter().collect();
        merged.cut_to(most);
        merged
    }

    /// The octets that are stored.
    ///
    /// # Errors
    /// When the compressor fails.
    pub fn encode(&self) -> Result<Vec<u8>, RollupError> {
        let mut body = vec![if self.cut { CUT } else { 0 } | if self.at_least { AT_LEAST } else { 0 }];
        varint(&mut body, self.rows.len() as u64);
        numbers(&self.others).into_iter().for_each(|n| varint(&mut body, n));
        self.rows.iter().for_each(|(v, _)| value(&mut body, v));
        for place in 0..5 {
            for (_, sums) in &self.rows {
                let number = numbers(sums).get(place).copied().unwrap_or_default();
                varint(&mut body, number);
            }
        }
        let mut octets = vec![VERSION];
        let compress = || {
            let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
            encoder.include_checksum(true)?;
            encoder.set_pledged_src_size(Some(body.len() as u64))?;
            std::io::Write::write_all(&mut encoder, &body)?;
            encoder.finish()
        };
        octets.extend(compress().map_err(|e: std::io::Error| RollupError::Compress(e.to_string()))?);
        Ok(octets)
    }

    /// Reads what was stored.
    ///
    /// # Errors
    /// Says what is wrong with the octets. Any octets are safe to give.
    pub fn decode(octets: &[u8]) -> Result<Self, RollupError> {
        let (version, frame) = octets.split_first().ok_or(RollupError::Contents("length"))?;
        if *version != VERSION {
            return Err(RollupError::Version(*version));
        }
        let size = zstd::zstd_safe::get_frame_content_size(frame).ok().flatten();
        let size = size
            .and_then(|n| usize::try_from(n).ok())
            .filter(|n| *n <= UNPACKED_MAX);
        let size = size.ok_or(RollupError::Contents("size"))?;
        let body = zstd::bulk::decompress(frame, size).map_err(|_| RollupError::Contents("checksum"))?;
        let mut from = Reader(&body);
        let [flags] = from.take()?;
        if flags & !(CUT | AT_LEAST) != 0 {
            return Err(RollupError::Contents("flags"));
        }
        let count = from.varint()?;
        // A row takes six octets or more.
        let count = usize::try_from(count).ok().filter(|n| *n <= body.len() / 6);
        let count = count.ok_or(RollupError::Contents("number of rows"))?;
        let others = from.sums()?;
        let mut rows = Vec::with_capacity(count);
        for _ in 0..count {
            rows.push((from.value()?, Sums::default()));
        }
        let parts: [fn(&mut Sums) -> &mut u64; 5] = [
            |s| &mut s.flows,
            |s| &mut s.packets,
            |s| &mut s.bytes,
            |s| &mut s.packets_rev,
            |s| &mut s.bytes_rev,
        ];
        for part in parts {
            for (_, sums) in &mut rows {
                *part(sums) = from.varint()?;
            }
        }
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        if !from.0.is_empty() || !rows.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(RollupError::Contents("rows"));
        }
        Ok(Self {
            rows,
            others,
            cut: flags & CUT != 0,
            at_least: flags & AT_LEAST != 0,
        })
    }
}

const fn numbers(sums: &Sums) -> [u64; 5] {
    [sums.flows, sums.packets, sums.bytes, sums.packets_rev, sums.bytes_rev]
}

fn varint(to: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            return to.push(low);
        }
        to.push(low | 0x80);
    }
}

fn address(to: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(four) => {
            to.push(1);
            to.extend(four.octets());
        }
        IpAddr::V6(six) => {
            to.push(2);
            to.extend(six.octets());
        }
    }
}

/// Kinds of value that no table has are written as none.
fn value(to: &mut Vec<u8>, value: &KeyValue) {
    match value {
        KeyValue::Address(one) => address(to, *one),
        KeyValue::Conversation(both) => {
            to.push(3);
            address(to, both.low());
            address(to, both.high());
        }
        KeyValue::Number(number) => {
            to.push(4);
            varint(to, *number);
        }
        KeyValue::App(app) => {
            to.push(5);
            varint(to, app.number().into());
        }
        KeyValue::Object(number) => {
            to.push(6);
            varint(to, (*number).into());
        }
        KeyValue::Link(link) => {
            to.push(7);
            varint(to, link.0.into());
        }
        KeyValue::Interface(interface) => {
            to.push(8);
            varint(to, interface.exporter.0.into());
            varint(to, interface.index.into());
        }
        KeyValue::Direction(direction) => to.extend([9, *direction as u8]),
        KeyValue::None
        | KeyValue::Network(_)
        | KeyValue::Mac(_)
        | KeyValue::Country(_)
        | KeyValue::EndReason(_)
        | KeyValue::Text(_) => to.push(0),
    }
}

/// Takes what was written from the front.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], RollupError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(RollupError::Contents("length"))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn varint(&mut self) -> Result<u64, RollupError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let [octet] = self.take()?;
            let low = u64::from(octet & 0x7f);
            let moved = low << shift;
            if moved >> shift != low {
                break;
            }
            number |= moved;
            if octet & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(RollupError::Contents("number"))
    }

    fn number<T: TryFrom<u64>>(&mut self) -> Result<T, RollupError> {
        T::try_from(self.varint()?).map_err(|_| RollupError::Contents("number"))
    }

    fn sums(&mut self) -> Result<Sums, RollupError> {
        Ok(Sums {
            flows: self.varint()?,
            packets: self.varint()?,
            bytes: self.varint()?,
            packets_rev: self.varint()?,
            bytes_rev: self.varint()?,
        })
    }

    fn address(&mut self) -> Result<IpAddr, RollupError> {
        match self.take()? {
            [1] => Ok(IpAddr::from(self.take::<4>()?)),
            [2] => Ok(IpAddr::from(self.take::<16>()?)),
            _ => Err(RollupError::Contents("address")),
        }
    }

    fn value(&mut self) -> Result<KeyValue, RollupError> {
        let kind = self.0.first().copied();
        if !matches!(kind, Some(1 | 2)) {
            self.take::<1>()?;
        }
        Ok(match kind {
            Some(0) => KeyValue::None,
            Some(1 | 2) => KeyValue::Address(self.address()?),
            Some(3) => KeyValue::Conversation(Conversation::of(self.address()?, self.address()?).0),
            Some(4) => KeyValue::Number(self.varint()?),
            Some(5) => KeyValue::App(App::from_number(self.number()?)),
            Some(6) => KeyValue::Object(self.number()?),
            Some(7) => KeyValue::Link(LinkId(self.number()?)),
            Some(8) => KeyValue::Interface(InterfaceId {
                exporter: LinkId(self.number()?),
                index: self.number()?,
            }),
            Some(9) => KeyValue::Direction(match self.take()? {
                [1] => Direction::In,
                [2] => Direction::Out,
                [3] => Direction::Internal,
                [4] => Direction::External,
                [5] => Direction::Unknown,
                _ => return Err(RollupError::Contents("direction")),
            }),
            _ => return Err(RollupError::Contents("kind of value")),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = KeyValue> {
        let ip = || {
            prop_oneof![
                any::<[u8; 4]>().prop_map(IpAddr::from),
                any::<[u8; 16]>().prop_map(IpAddr::from)
            ]
        };
        prop_oneof![
            Just(KeyValue::None),
            ip().prop_map(KeyValue::Address),
            (ip(), ip()).prop_map(|(a, b)| KeyValue::Conversation(Conversation::of(a, b).0)),
            any::<u64>().prop_map(KeyValue::Number),
            any::<u16>().prop_map(|n| KeyValue::App(App::from_number(n))),
            any::<u32>().prop_map(KeyValue::Object),
            any::<u32>().prop_map(|n| KeyValue::Link(LinkId(n))),
            any::<(u32, u32)>().prop_map(|(e, index)| KeyValue::Interface(InterfaceId {
                exporter: LinkId(e),
                index
            })),
            Just(KeyValue::Direction(Direction::External)),
        ]
    }

    fn sums() -> impl Strategy<Value = Sums> {
        let number = || prop_oneof![0..1_000_u64, 0..u64::MAX / 1_000];
        (number(), number(), number(), number(), number()).prop_map(
            |(flows, packets, bytes, packets_rev, bytes_rev)| Sums {
                flows,
                packets,
                bytes,
                packets_rev,
                bytes_rev,
            },
        )
    }

    fn tables() -> impl Strategy<Value = Vec<(KeyValue, Sums)>> {
        prop::collection::btree_map(values(), sums(), 0..40).prop_map(|map| map.into_iter().collect())
    }

    fn all(rows: &Rows) -> Sums {
        let mut sum = rows.others;
        rows.rows.iter().for_each(|(_, sums)| sum += *sums);
        sum
    }

    proptest! {
        #[test]
        fn rows_come_back_as_they_were(groups in tables(), most in 1_usize..50) {
            let rows = Rows::of(groups.clone(), most);
            prop_assert_eq!(rows.cut, groups.len() > most);
            prop_assert_eq!(rows.rows.len(), groups.len().min(most));
            let mut whole = Rows::of(groups.clone(), usize::MAX);
            prop_assert_eq!(all(&rows), all(&whole));
            for (value, sums) in &groups {
                prop_assert_eq!(whole.get(value), Some(*sums));
            }
            prop_assert_eq!(Rows::decode(&rows.encode().unwrap()).unwrap(), rows);
            whole.at_least = true;
            prop_assert_eq!(Rows::decode(&whole.encode().unwrap()).unwrap(), whole);
        }

        #[test]
        fn merged_rows_lose_nothing(a in tables(), b in tables(), most in 1_usize..50) {
            let both = Rows::merge([Rows::of(a.clone(), usize::MAX), Rows::of(b.clone(), usize::MAX)], most);
            let mut sum = Sums::default();
            a.iter().chain(&b).for_each(|(_, sums)| sum += *sums);
            prop_assert_eq!(all(&both), sum);
            prop_assert!(!both.at_least);
            let again = Rows::merge([both.clone()], most);
            prop_assert_eq!(again.at_least, both.cut);
        }

        #[test]
        fn any_octets_are_safe(groups in tables(), at in any::<prop::sample::Index>(), bit in 0..8_u8, cut in any::<prop::sample::Index>()) {
            let octets = Rows::of(groups, 20).encode().unwrap();
            let mut bent = octets.clone();
            bent[at.index(octets.len())] ^= 1 << bit;
            // A bit of zstd's header may mean nothing.
            if let Ok(rows) = Rows::decode(&bent) {
                prop_assert_eq!(rows.encode().unwrap(), octets.clone());
            }
            prop_assert!(Rows::decode(&octets[..cut.index(octets.len())]).is_err());
        }
    }
}
