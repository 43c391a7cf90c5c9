//! Makes the columns of keys.

use std::collections::HashMap;

use model::{BlockError, Codes, Dictionary, Field, Key, TextDictionary};

use super::{DENSE, Decode, KeyColumn, Keys, NO_SECOND, Rows, by_row, gather};
use crate::compile::Node;
use crate::group::value::PartValue;
use crate::scan::bits::Chosen;
use crate::scan::codes::cardinality;
use crate::scan::columns::Plain;
use crate::scan::select::{choose, small};

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

    pub(super) fn values(&mut self, field: Field, shift: u32, rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
        self.codes(field, rows, Decode::Values(field, shift))
    }

    pub(super) fn addresses(&mut self, field: Field, rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
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
    pub(super) fn place_codes(&mut self, field: Field, rows: Rows<'_>) -> Result<(Vec<u32>, u32), BlockError> {
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

    pub(super) fn places(&mut self, rows: Rows<'_>) -> Result<(KeyColumn, KeyColumn), BlockError> {
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
