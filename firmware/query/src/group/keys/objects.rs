//! Keys of what an administrator defines: a record belongs to several objects, or to none.

use std::collections::HashMap;
use std::net::IpAddr;

use model::{BlockError, Dictionary, EndpointIndex, Field, GroupIndex, InterfaceId, LinkId, Objects, Values};

use super::{DENSE, Decode, KeyColumn, Keys, NO_SECOND, Rows, by_row};
use crate::group::intern::Intern;
use crate::group::value::PartValue;
use crate::scan::codes::cardinality;
use crate::scan::select::{narrow8, narrow16};

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
    pub(super) fn businesses(&mut self, rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
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

    pub(super) fn groups(&mut self, fields: &[Field], rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
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

    pub(super) fn link_groups(&mut self, rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
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

    pub(super) fn interfaces(&mut self, fields: &[Field], rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
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

    pub(super) fn interface_groups(&mut self, rows: Rows<'_>) -> Result<KeyColumn, BlockError> {
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
}
