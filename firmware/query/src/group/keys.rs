//! A block's records by key: a code for each row, and what codes stand for.

use std::collections::HashMap;
use std::net::IpAddr;

use model::{
    BlockError, Codes, Dictionary, EndpointIndex, Field, GroupIndex, InterfaceId, Key, LinkId, Objects, TextDictionary,
    Values,
};

use super::intern::Intern;
use super::texts::KeyTexts;
use super::value::PartValue;
use crate::compile::Node;
use crate::scan::bits::Chosen;
use crate::scan::codes::cardinality;
use crate::scan::columns::{Plain, Unpacked};
use crate::scan::select::{Desk, Lore, choose, narrow8, narrow16, small};

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

/// Which objects addresses and ends belong to.
#[derive(Debug, Clone)]
pub(crate) struct Belonging {
    pub(crate) groups: GroupIndex,
    pub(crate) businesses: EndpointIndex,
    pub(crate) links: HashMap<LinkId, Vec<u32>>,
    pub(crate) interfaces: HashMap<InterfaceId, Vec<u32>>,
}

impl Belonging {
    pub(crate) fn new(objects: &Objects) -> Self {
        let mut links = HashMap::<_, Vec<u32>>::new();
        for (number, group) in &objects.link_groups {
            for link in &group.links {
                links.entry(*link).or_default().push(*number);
            }
        }
        let mut interfaces = HashMap::<_, Vec<u32>>::new();
        for (number, group) in &objects.interface_groups {
            for interface in &group.interfaces {
                interfaces.entry(*interface).or_default().push(*number);
            }
        }
        let lists = links.values_mut().chain(interfaces.values_mut());
        lists.for_each(Vec::dedup);
        Self {
            groups: GroupIndex::new(&objects.ip_groups),
            businesses: EndpointIndex::businesses(objects),
            links,
            interfaces,
        }
    }
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

/// Numbers of different sets.
#[derive(Default)]
struct Sets {
    sets: Vec<Vec<u32>>,
    numbers: HashMap<Vec<u32>, u32>,
}

impl Sets {
    #[allow(clippy::cast_possible_truncation, reason = "a few sets a record of a block")]
    fn number(&mut self, set: &mut Vec<u32>) -> u32 {
        set.sort_unstable();
        set.dedup();
        if let Some(number) = self.numbers.get(set.as_slice()) {
            return *number;
        }
        let number = self.sets.len() as u32;
        self.sets.push(set.clone());
        self.numbers.insert(set.clone(), number);
        number
    }

    fn column(self, codes: Vec<u32>) -> KeyColumn {
        let card = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
        KeyColumn::new(codes, card.max(1), Decode::Sets(self.sets))
    }
}

impl Keys<'_, '_, '_> {
    /// The columns of a key's parts.
    pub(crate) fn make(&mut self, key: Key, rows: Rows<'_>) -> Result<Vec<KeyColumn>, BlockError> {
        let column = match key {
            Key::SrcIp => self.addresses(Field::SrcIp, rows)?,
            Key::DstIp => self.addresses(Field::DstIp, rows)?,
            Key::Host => {
                let (mut src, dst) = self.places(rows)?;
                src.second = dst.codes;
                for (src, second) in src.codes.iter().zip(&mut src.second) {
                    if src == second {
                        *second = NO_SECOND;
                    }
                }
                src
            }
            Key::Conversation => {
                let (mut src, mut dst) = self.places(rows)?;
                // Places are in the order of addresses.
                for (src, dst) in src.codes.iter_mut().zip(&mut dst.codes) {
                    (*src, *dst) = ((*src).min(*dst), (*src).max(*dst));
                }
                return Ok(vec![src, dst]);
            }
            Key::SrcNet => self.networks(Field::SrcIp, rows)?,
            Key::DstNet => self.networks(Field::DstIp, rows)?,
            Key::SrcCountry => self.countries(Field::SrcIp, rows)?,
            Key::DstCountry => self.countries(Field::DstIp, rows)?,
            Key::SrcPort => self.ports(Field::SrcPort, rows)?,
            Key::DstPort => self.ports(Field::DstPort, rows)?,
            Key::Protocol => self.values(Field::Protocol, 0, rows)?,
            Key::App => self.apps(rows)?,
            Key::Business => self.businesses(rows)?,
            Key::IpGroup => self.groups(&[Field::SrcIp, Field::DstIp], rows)?,
            Key::SrcGroup => self.groups(&[Field::SrcIp], rows)?,
            Key::DstGroup => self.groups(&[Field::DstIp], rows)?,
            Key::Link => self.values(Field::Link, 0, rows)?,
            Key::LinkGroup => self.link_groups(rows)?,
            Key::InIf => self.interfaces(&[Field::IngressIf], rows)?,
            Key::OutIf => self.interfaces(&[Field::EgressIf], rows)?,
            Key::Interface => self.interfaces(&[Field::IngressIf, Field::EgressIf], rows)?,
            Key::InterfaceGroup => self.interface_groups(rows)?,
            Key::Direction => {
                self.known(Field::Direction, "direction")?;
                self.values(Field::Direction, 0, rows)?
            }
            Key::EndReason => {
                self.known(Field::EndReason, "end reason")?;
                self.values(Field::EndReason, 0, rows)?
            }
            Key::TcpFlags => self.flags(rows)?,
            Key::Vlan => self.values(Field::Vlan, 0, rows)?,
            Key::SrcMac => self.macs(Field::SrcMac, rows)?,
            Key::DstMac => self.macs(Field::DstMac, rows)?,
            Key::SrcAs => self.values(Field::SrcAs, 0, rows)?,
            Key::DstAs => self.values(Field::DstAs, 0, rows)?,
            Key::Dscp => self.values(Field::Tos, 2, rows)?,
            Key::PacketSize => self.sizes(rows)?,
            Key::Domain => self.texts(Field::Host, TextDictionary::Hosts, rows)?,
            Key::IpVersion => {
                let (mut src, _) = self.sources(rows)?;
                let fours = self.columns.addresses(Dictionary::Addresses).fours().len();
                src.codes
                    .iter_mut()
                    .for_each(|place| *place = u32::from(*place as usize >= fours));
                let list = [4, 6].map(PartValue::number).to_vec();
                KeyColumn::new(src.codes, 2, Decode::List(list))
            }
        };
        Ok(vec![column])
    }

    /// Enumerations of five members, from 1 on.
    fn known(&self, field: Field, what: &'static str) -> Result<(), BlockError> {
        match self.columns.column(field)?.range() {
            Some((1.., 0..=5)) => Ok(()),
            _ => Err(BlockError::Contents(what)),
        }
    }

    /// A column's codes by row.
    fn codes(&mut self, field: Field, rows: Rows<'_>, decode: Decode) -> Result<KeyColumn, BlockError> {
        self.columns.load(field)?;
        let range = self.columns.column(field)?.range();
        let values = self.columns.values(field);
        let card = cardinality(values, range).filter(|card| *card <= DENSE);
        let Some(card) = card else {
            let wide = match values.codes() {
                Codes::Zero => vec![0; rows.len()],
                Codes::U8(codes) => gather(codes, rows),
                Codes::U16(codes) => gather(codes, rows),
                Codes::U32(codes) => gather(codes, rows),
                Codes::U64(codes) => gather(codes, rows),
            };
            return Ok(self.interned(wide, decode));
        };
        Ok(KeyColumn::new(by_row(values, rows), card, decode))
    }

    /// Codes that are too large to be ours are numbered.
    fn interned(&mut self, wide: Vec<u64>, decode: Decode) -> KeyColumn {
        self.intern.clear();
        let codes = wide.iter().map(|code| self.intern.number(*code)).collect();
        let originals = self.intern.words().to_vec();
        let card = u32::try_from(originals.len()).unwrap_or(u32::MAX).max(1);
        let mut column = KeyColumn::new(codes, card, decode);
        column.originals = Some(originals);
        column
    }

    fn values(&mut self, field: Field, shift: u32, rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
        self.codes(field, rows, Decode::Values(field, shift))
    }

    fn addresses(&mut self, field: Field, rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
        self.columns.load_addresses(Dictionary::Addresses)?;
        self.codes(field, rows, Decode::Address(field))
    }

    fn macs(&mut self, field: Field, rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
        self.columns.load(Field::Macs)?;
        self.codes(field, rows, Decode::Mac(field))
    }

    /// Texts, of which those that a row has are kept.
    fn texts(&mut self, field: Field, dictionary: TextDictionary, rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
        let mut column = self.values(field, 0, rows)?;
        self.columns.load_texts(dictionary)?;
        let (values, all) = (self.columns.values(field), self.columns.texts(dictionary));
        let mut list = vec![PartValue::NONE; column.card as usize];
        let mut seen = vec![false; column.card as usize];
        for code in &column.codes {
            if std::mem::replace(&mut seen[*code as usize], true) {
                continue;
            }
            let original = match &column.originals {
                Some(originals) => originals.get(*code as usize).copied().unwrap_or(0),
                None => (*code).into(),
            };
            if let Some(place) = values.value(original) {
                let text = all.get(place).ok_or(BlockError::Contents("place of a text"))?;
                list[*code as usize] = PartValue::text(self.texts.key(text));
            }
        }
        column.decode = Decode::List(list);
        Ok(column)
    }

    /// The places of a column of addresses, by row, and how many addresses there are.
    fn place_codes(&mut self, field: Field, rows: Rows<'_>) -> Result<(Vec<u32>, u32), BlockError> {
        let column = self.addresses(field, rows)?;
        let fault = BlockError::Contents("place of an address");
        let count = self.columns.addresses(Dictionary::Addresses).len();
        let values = self.columns.values(field);
        let place = |code: u64| -> Result<u32, BlockError> {
            let place = values.value(code).filter(|place| *place < count as u64);
            place.and_then(|place| u32::try_from(place).ok()).ok_or(fault.clone())
        };
        // Codes that no record has may mean places that are not there.
        let by_code: Vec<Result<u32, BlockError>> = match &column.originals {
            Some(originals) => originals.iter().map(|code| place(*code)).collect(),
            None => (0..column.card).map(|code| place(code.into())).collect(),
        };
        let mut codes = column.codes;
        for code in &mut codes {
            *code = match by_code.get(*code as usize) {
                Some(Ok(place)) => *place,
                _ => return Err(fault),
            };
        }
        Ok((codes, u32::try_from(count).unwrap_or(u32::MAX)))
    }

    fn sources(&mut self, rows: Rows<'_>) -> Result<(KeyColumn, u32), BlockError> {
        let (codes, count) = self.place_codes(Field::SrcIp, rows)?;
        Ok((KeyColumn::new(codes, count.max(1), Decode::Place), count))
    }

    fn places(&mut self, rows: Rows<'_>) -> Result<(KeyColumn, KeyColumn), BlockError> {
        let (src, count) = self.sources(rows)?;
        let (dst, _) = self.place_codes(Field::DstIp, rows)?;
        Ok((src, KeyColumn::new(dst, count.max(1), Decode::Place)))
    }

    /// Networks of addresses: these ascend, so networks follow each other.
    fn networks(&mut self, field: Field, rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
        let (mut codes, count) = self.place_codes(field, rows)?;
        let addresses = self.columns.addresses(Dictionary::Addresses);
        let mut by_place = Vec::with_capacity(count as usize);
        let mut list: Vec<PartValue> = Vec::new();
        for place in 0..count {
            let network = addresses.get(place.into()).map_or(PartValue::NONE, PartValue::network);
            if list.last() != Some(&network) {
                list.push(network);
            }
            by_place.push(u32::try_from(list.len() - 1).unwrap_or(0));
        }
        codes.iter_mut().for_each(|code| *code = by_place[*code as usize]);
        let card = u32::try_from(list.len()).unwrap_or(u32::MAX).max(1);
        Ok(KeyColumn::new(codes, card, Decode::List(list)))
    }

    /// Countries of addresses: asked once for each that a row has.
    fn countries(&mut self, field: Field, rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
        let (mut codes, count) = self.place_codes(field, rows)?;
        let addresses = self.columns.addresses(Dictionary::Addresses);
        let mut by_place = vec![u32::MAX; count as usize];
        self.intern.clear();
        for code in &mut codes {
            let memo = &mut by_place[*code as usize];
            if *memo == u32::MAX {
                let address = addresses.get((*code).into());
                let country = address.and_then(|address| self.lore.countries.as_ref()?.country(address));
                // 0 is none: no country has that code.
                *memo = self.intern.number(country.map_or(0, |c| u16::from_be_bytes(c).into()));
            }
            *code = *memo;
        }
        let words = self.intern.words().iter();
        let list: Vec<_> = words
            .map(|word| PartValue::optional((*word > 0).then_some(*word)))
            .collect();
        let card = u32::try_from(list.len()).unwrap_or(u32::MAX).max(1);
        Ok(KeyColumn::new(codes, card, Decode::List(list)))
    }

    /// Ports of records whose protocol has them.
    fn ports(&mut self, field: Field, rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
        let chosen = choose(&Node::with_ports(), self.columns, self.lore, self.desk)?;
        let with = match chosen {
            Chosen::All => return self.values(field, 0, rows),
            Chosen::None => return Ok(KeyColumn::constant(PartValue::NONE, rows)),
            Chosen::Some(with) => with,
        };
        let mut column = self.values(field, 0, rows)?;
        let words = with.words();
        let has = |row: usize| words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1);
        let mask = |code: &mut u32, row: usize| *code = if has(row) { *code + 1 } else { 0 };
        match rows {
            Rows::All(_) => column.codes.iter_mut().zip(0..).for_each(|(code, row)| mask(code, row)),
            Rows::List(rows) => column
                .codes
                .iter_mut()
                .zip(rows)
                .for_each(|(code, row)| mask(code, *row as usize)),
        }
        if let Some(originals) = &mut column.originals {
            originals.iter_mut().for_each(|code| *code += 1);
            originals.insert(0, 0);
        }
        column.card += 1;
        column.decode = Decode::After(field);
        self.desk.give_back(Chosen::Some(with));
        Ok(column)
    }

    fn apps(&mut self, rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
        let mut column = self.values(Field::App, 0, rows)?;
        if !self.desk.load_apps(self.columns, self.lore)? {
            return Ok(column);
        }
        let values = self.columns.values(Field::App);
        let apps = self.desk.apps();
        let (mut list, mut numbers) = (Vec::new(), HashMap::new());
        let known = column.card;
        let all = rows.map(|row| (apps.get(row).copied().unwrap_or(0), values.get(row).unwrap_or(0)));
        for (code, (app, stored)) in column.codes.iter_mut().zip(all) {
            if u64::from(app) != stored {
                *code = *numbers.entry(app).or_insert_with(|| {
                    list.push(PartValue::number(app.into()));
                    known + u32::try_from(list.len() - 1).unwrap_or(0)
                });
            }
        }
        column.card += u32::try_from(list.len()).unwrap_or(0);
        column.decode = Decode::App(known, list);
        Ok(column)
    }

    fn businesses(&mut self, rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
        let index = &self.belonging.businesses;
        if index.is_empty() {
            return Ok(KeyColumn::constant(PartValue::NONE, rows));
        }
        let (src, dst) = self.places(rows)?;
        let fields = [Field::Protocol, Field::SrcPort, Field::DstPort];
        fields.iter().try_for_each(|field| self.columns.load(*field))?;
        let [protocols, sports, dports] = fields.map(|field| self.columns.values(field));
        let addresses = self.columns.addresses(Dictionary::Addresses);
        let mut places = vec![None; addresses.len()];
        let mut place = |at: u32| {
            let memo = &mut places[at as usize];
            match memo {
                Some(place) => *place,
                None => *memo.insert(index.place(addresses.get(at.into()).unwrap_or(IpAddr::from([0; 4])))),
            }
        };
        let mut sets = Sets::default();
        let ends = rows.map(|row| {
            let of = |values: &Values| values.get(row).unwrap_or(0);
            (narrow8(of(protocols)), narrow16(of(sports)), narrow16(of(dports)))
        });
        let mut found = Vec::new();
        let mut codes = Vec::with_capacity(rows.len());
        for ((protocol, sport, dport), (src, dst)) in ends.into_iter().zip(src.codes.iter().zip(&dst.codes)) {
            found.clear();
            index.all(protocol, place(*src), sport, &mut found);
            index.all(protocol, place(*dst), dport, &mut found);
            codes.push(sets.number(&mut found));
        }
        Ok(sets.column(codes))
    }

    fn groups(&mut self, fields: &[Field], rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
        let index = &self.belonging.groups;
        let mut sets = Sets::default();
        let mut by_field = Vec::with_capacity(2);
        for field in fields {
            let (mut codes, count) = self.place_codes(*field, rows)?;
            let addresses = self.columns.addresses(Dictionary::Addresses);
            let mut by_place = vec![u32::MAX; count as usize];
            for code in &mut codes {
                let memo = &mut by_place[*code as usize];
                if *memo == u32::MAX {
                    let address = addresses
                        .get((*code).into())
                        .ok_or(BlockError::Contents("place of an address"))?;
                    *memo = sets.number(&mut index.groups_of(address).collect());
                }
                *code = *memo;
            }
            by_field.push(codes);
        }
        let Some(mut codes) = by_field.pop() else {
            return Ok(KeyColumn::constant(PartValue::NONE, rows));
        };
        if let Some(others) = by_field.pop() {
            let mut unions = HashMap::new();
            for (code, other) in codes.iter_mut().zip(others) {
                let pair = ((*code).min(other), (*code).max(other));
                *code = *unions.entry(pair).or_insert_with(|| {
                    let of = |set: u32| sets.sets.get(set as usize).cloned().unwrap_or_default();
                    let mut union = of(pair.0);
                    union.extend(of(pair.1));
                    sets.number(&mut union)
                });
            }
        }
        Ok(sets.column(codes))
    }

    /// Sets by a number that follows from the row.
    fn sets_by(&mut self, numbers: Vec<u64>, set: impl Fn(u64) -> Vec<u32>) -> KeyColumn {
        self.intern.clear();
        let mut codes: Vec<u32> = numbers.iter().map(|number| self.intern.number(*number)).collect();
        let mut sets = Sets::default();
        let by_number: Vec<u32> = self
            .intern
            .words()
            .iter()
            .map(|number| sets.number(&mut set(*number)))
            .collect();
        codes.iter_mut().for_each(|code| *code = by_number[*code as usize]);
        sets.column(codes)
    }

    fn link_groups(&mut self, rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
        self.columns.load(Field::Link)?;
        let values = self.columns.values(Field::Link);
        let links = rows.map(|row| values.get(row).unwrap_or(0));
        let groups = &self.belonging.links;
        Ok(self.sets_by(links, |link| {
            let link = LinkId(u32::try_from(link).unwrap_or(u32::MAX));
            groups.get(&link).cloned().unwrap_or_default()
        }))
    }

    /// Numbers of the interfaces of each row, from 1 on; 0 where it has none on that side. [`Intern::words`] has link
    /// above, ifIndex below.
    fn interface_numbers(&mut self, field: Field, rows: Rows<'_>) -> Result<Vec<u32>, BlockError> {
        self.columns.load(Field::Link)?;
        self.columns.load(field)?;
        let range = |field: Field| self.columns.column(field).map(|column| column.range());
        let (links, indexes) = (self.columns.values(Field::Link), self.columns.values(field));
        let cards = (
            cardinality(links, range(Field::Link)?),
            cardinality(indexes, range(field)?),
        );
        let number = |intern: &mut Intern, link: Option<u64>, index: Option<u64>| match index {
            None => 0,
            Some(index) => intern.number(link.unwrap_or(0) << 32 | index) + 1,
        };
        let pairs = match cards {
            (Some(links), Some(indexes)) => links
                .checked_mul(indexes)
                .filter(|pairs| *pairs <= DENSE)
                .zip(Some(indexes)),
            _ => None,
        };
        let Some((pairs, stride)) = pairs else {
            return Ok(rows.map(|row| number(self.intern, links.get(row), indexes.get(row))));
        };
        // Each pair of codes is asked about once.
        let mut memo = vec![u32::MAX; pairs as usize];
        let (links_of, indexes_of) = (by_row(links, rows), by_row(indexes, rows));
        let codes = links_of.into_iter().zip(indexes_of).map(|(link, index)| {
            let memo = &mut memo[(link * stride + index) as usize];
            if *memo == u32::MAX {
                *memo = number(self.intern, links.value(link.into()), indexes.value(index.into()));
            }
            *memo
        });
        Ok(codes.collect())
    }

    fn interfaces(&mut self, fields: &[Field], rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
        self.intern.clear();
        let mut sides = Vec::with_capacity(2);
        for field in fields {
            sides.push(self.interface_numbers(*field, rows)?);
        }
        let words = self.intern.words().iter().map(|word| PartValue::number(*word));
        let list: Vec<_> = std::iter::once(PartValue::NONE).chain(words).collect();
        let card = u32::try_from(list.len()).unwrap_or(u32::MAX);
        let second = if sides.len() > 1 { sides.pop() } else { None };
        let mut codes = sides.pop().unwrap_or_default();
        let mut second = second.unwrap_or_default();
        for (first, second) in codes.iter_mut().zip(&mut second) {
            if *first == 0 {
                *first = *second;
            }
            if *second == *first || *second == 0 {
                *second = NO_SECOND;
            }
        }
        let mut column = KeyColumn::new(codes, card, Decode::List(list));
        column.second = second;
        Ok(column)
    }

    fn interface_groups(&mut self, rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
        self.intern.clear();
        let ins = self.interface_numbers(Field::IngressIf, rows)?;
        let outs = self.interface_numbers(Field::EgressIf, rows)?;
        let words = self.intern.words().to_vec();
        let groups = &self.belonging.interfaces;
        let of = |number: u32| {
            let word = number.checked_sub(1).and_then(|at| words.get(at as usize)).copied();
            #[allow(clippy::cast_possible_truncation, reason = "both halves are taken")]
            let id = word.map(|word| InterfaceId {
                exporter: LinkId((word >> 32) as u32),
                index: word as u32,
            });
            id.and_then(|id| groups.get(&id).cloned()).unwrap_or_default()
        };
        let pairs = ins
            .iter()
            .zip(&outs)
            .map(|(a, b)| u64::from(*a) << 32 | u64::from(*b))
            .collect();
        #[allow(clippy::cast_possible_truncation, reason = "both halves are taken")]
        Ok(self.sets_by(pairs, |pair| [of((pair >> 32) as u32), of(pair as u32)].concat()))
    }

    /// TCP flags of both directions; 256 is none.
    fn flags(&mut self, rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
        let fields = [Field::Protocol, Field::TcpFlags, Field::TcpFlagsRev];
        let mut octets: [Vec<u8>; 3] = Default::default();
        for (field, out) in fields.into_iter().zip(&mut octets) {
            self.columns.load(field)?;
            small(self.columns.values(field), out);
        }
        let [protocols, forward, reverse] = octets;
        let codes = rows.map(|row| {
            let of = |octets: &[u8]| octets.get(row).copied().unwrap_or(0);
            if of(&protocols) == 6 {
                u32::from(of(&forward) | of(&reverse))
            } else {
                256
            }
        });
        let mut list: Vec<_> = (0..256).map(PartValue::number).collect();
        list.push(PartValue::NONE);
        Ok(KeyColumn::new(codes, 257, Decode::List(list)))
    }

    /// Classes of the mean packet size.
    fn sizes(&mut self, rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
        Plain::AMOUNTS
            .iter()
            .try_for_each(|plain| self.columns.load_plain(*plain))?;
        let [packets, bytes, packets_rev, bytes_rev] = Plain::AMOUNTS.map(|plain| self.columns.plain(plain));
        let codes = rows.map(|row| {
            let of = |numbers: Option<&[u64]>| numbers.and_then(|n| n.get(row)).copied().unwrap_or(0);
            let packets = of(packets).saturating_add(of(packets_rev));
            size_class(of(bytes).saturating_add(of(bytes_rev)), packets)
        });
        let list = (0..7).map(PartValue::number).collect();
        Ok(KeyColumn::new(codes, 7, Decode::List(list)))
    }
}

/// The class of a mean packet size; 0 without packets.
fn size_class(bytes: u64, packets: u64) -> u32 {
    if packets == 0 {
        return 0;
    }
    // A product beyond 64 bits is more than any octets.
    let above = |bound: u64| u32::from(bytes > packets.saturating_mul(bound));
    [64, 128, 256, 512, 1_024, 1_518].into_iter().map(above).sum()
}
