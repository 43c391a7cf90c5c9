//! Which records of a block a condition means.

use std::sync::Arc;

use filter::Quantity;
use model::{BlockError, Codes, Definitions, Dictionary, Field, TextDictionary, Values};

use super::bits::{Bits, Chosen, pack};
use super::codes;
use super::columns::{Plain, Unpacked};
use super::marks::mark;
use super::summed::Summed;
use super::verdict::{cost, verdict};
use crate::compile::{Leaf, Node};
use crate::context::CountryOf;

/// What a condition needs besides the block.
#[derive(Debug, Clone)]
pub(crate) struct Lore {
    pub(crate) definitions: Definitions,
    pub(crate) countries: Option<Arc<dyn CountryOf>>,
}

/// Room to work in, and what was made out of the block at hand.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pool: Vec<Bits>,
    octets: Vec<u8>,
    others: Vec<u8>,
    apps: Vec<u16>,
    has_apps: bool,
}

impl Desk {
    /// Before another block.
    pub(crate) fn clear(&mut self) {
        self.has_apps = false;
    }

    fn bits(&mut self, len: usize) -> Bits {
        let mut bits = self.pool.pop().unwrap_or_default();
        bits.clear(len);
        bits
    }

    /// Takes bits back to use their room again.
    pub(crate) fn give_back(&mut self, chosen: Chosen) {
        if let Chosen::Some(bits) = chosen {
            self.pool.push(bits);
        }
    }

    /// The applications of records by today's definitions, where the record's is unknown; of use after
    /// [`Desk::load_apps`] said that there are such.
    pub(crate) fn apps(&self) -> &[u16] {
        &self.apps
    }

    /// Makes the applications by record; false where the column itself says all.
    pub(crate) fn load_apps(&mut self, columns: &mut Unpacked<'_, '_>, lore: &Lore) -> Result<bool, BlockError> {
        let unknown = columns.column(Field::App)?.range().is_none_or(|(min, _)| min == 0);
        if lore.definitions.is_empty() || !unknown {
            return Ok(false);
        }
        if self.has_apps {
            return Ok(true);
        }
        let fields = [
            Field::App,
            Field::Protocol,
            Field::SrcIp,
            Field::DstIp,
            Field::SrcPort,
            Field::DstPort,
        ];
        fields.iter().try_for_each(|field| columns.load(*field))?;
        columns.load_addresses(Dictionary::Addresses)?;
        let [apps, protocols, srcs, dsts, sports, dports] = fields.map(|field| columns.values(field));
        let addresses = columns.addresses(Dictionary::Addresses);
        let index = lore.definitions.index();
        let mut places = vec![None; addresses.len()];
        let mut first = |protocol: u8, place: u64, port: u16| -> Result<Option<u32>, BlockError> {
            let fault = BlockError::Contents("place of an address");
            let at = usize::try_from(place).unwrap_or(usize::MAX);
            let memo = places.get_mut(at).ok_or(fault.clone())?;
            let place = match memo {
                Some(place) => *place,
                None => *memo.insert(index.place(addresses.get(place).ok_or(fault)?)),
            };
            Ok(index.first(protocol, place, port))
        };
        self.apps.clear();
        for at in 0..columns.len() {
            let app = narrow16(apps.get(at).unwrap_or(0));
            let app = if app == 0 {
                let protocol = narrow8(protocols.get(at).unwrap_or(0));
                let of = |values: &Values| values.get(at).unwrap_or(0);
                let src = first(protocol, of(srcs), narrow16(of(sports)))?;
                let dst = first(protocol, of(dsts), narrow16(of(dports)))?;
                let number = src.into_iter().chain(dst).min();
                number.and_then(model::App::defined).map_or(0, model::App::number)
            } else {
                app
            };
            self.apps.push(app);
        }
        self.has_apps = true;
        Ok(true)
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the field's bits, checked when the column was opened"
)]
pub(crate) const fn narrow8(value: u64) -> u8 {
    value as u8
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the field's bits, checked when the column was opened"
)]
pub(crate) const fn narrow16(value: u64) -> u16 {
    value as u16
}

/// The records that a condition means.
pub(crate) fn choose(
    node: &Node,
    columns: &mut Unpacked<'_, '_>,
    lore: &Lore,
    desk: &mut Desk,
) -> Result<Chosen, BlockError> {
    if let Some(all) = verdict(node, columns)? {
        return Ok(if all { Chosen::All } else { Chosen::None });
    }
    match node {
        Node::All => Ok(Chosen::All),
        Node::None => Ok(Chosen::None),
        Node::Not(node) => Ok(match choose(node, columns, lore, desk)? {
            Chosen::All => Chosen::None,
            Chosen::None => Chosen::All,
            Chosen::Some(mut bits) => {
                bits.flip();
                Chosen::Some(bits)
            }
        }),
        Node::And(nodes) => several(nodes, true, columns, lore, desk),
        Node::Or(nodes) => several(nodes, false, columns, lore, desk),
        Node::Leaf(leaf) => {
            let mut bits = desk.bits(columns.len());
            match self::leaf(leaf, columns, lore, desk, &mut bits) {
                Ok(()) => Ok(Chosen::Some(bits)),
                Err(e) => Err(e),
            }
        }
    }
}

/// The records that all conditions mean, or one of them: the cheapest first, and no more once all is decided.
fn several(
    nodes: &[Node],
    all: bool,
    columns: &mut Unpacked<'_, '_>,
    lore: &Lore,
    desk: &mut Desk,
) -> Result<Chosen, BlockError> {
    let mut order = Vec::with_capacity(nodes.len());
    for node in nodes {
        order.push((cost(node, columns)?, node));
    }
    order.sort_by_key(|(cost, _)| *cost);
    let mut sum: Option<Bits> = None;
    for (_, node) in order {
        match choose(node, columns, lore, desk)? {
            Chosen::All if all => {}
            Chosen::None if !all => {}
            decided @ (Chosen::All | Chosen::None) => {
                desk.pool.extend(sum);
                return Ok(decided);
            }
            Chosen::Some(bits) => {
                let so_far = match sum.take() {
                    None => bits,
                    Some(mut before) => {
                        if all {
                            before.and(&bits);
                        } else {
                            before.or(&bits);
                        }
                        desk.pool.push(bits);
                        before
                    }
                };
                if all && so_far.is_empty() {
                    desk.pool.push(so_far);
                    return Ok(Chosen::None);
                }
                sum = Some(so_far);
            }
        }
    }
    Ok(match sum {
        Some(bits) => Chosen::Some(bits),
        None if all => Chosen::All,
        None => Chosen::None,
    })
}

fn leaf(
    leaf: &Leaf,
    columns: &mut Unpacked<'_, '_>,
    lore: &Lore,
    desk: &mut Desk,
    bits: &mut Bits,
) -> Result<(), BlockError> {
    match leaf {
        Leaf::Number(field, ranges) => number(*field, ranges, columns, desk, bits),
        Leaf::Address(field, ranges) => {
            let dictionary = field.dictionary().unwrap_or(Dictionary::Addresses);
            columns.load_addresses(dictionary)?;
            let places = codes::places(columns.addresses(dictionary), ranges);
            number(*field, &places, columns, desk, bits)
        }
        Leaf::Mac(field, macs) => {
            columns.load(Field::Macs)?;
            let values = columns.values(Field::Macs);
            let places = (0..values.len() as u64).zip(0..);
            let ours = places.filter(|(_, at)| values.get(*at).is_some_and(|mac| macs.binary_search(&mac).is_ok()));
            let places: Vec<_> = ours.map(|(place, _)| (place, place)).collect();
            number(*field, &crate::compile::ranges::joined(places), columns, desk, bits)
        }
        Leaf::Country(field, list) => {
            columns.load_addresses(Dictionary::Addresses)?;
            let addresses = columns.addresses(Dictionary::Addresses);
            let mut places = Vec::new();
            if let Some(countries) = &lore.countries {
                let all = (0..addresses.len() as u64).filter_map(|place| Some((place, addresses.get(place)?)));
                for (place, address) in all {
                    if countries
                        .country(address)
                        .is_some_and(|c| list.binary_search(&c).is_ok())
                    {
                        places.push((place, place));
                    }
                }
            }
            number(*field, &crate::compile::ranges::joined(places), columns, desk, bits)
        }
        Leaf::Text(field, texts) => {
            let dictionary = field.text_dictionary().unwrap_or(TextDictionary::Details);
            columns.load_texts(dictionary)?;
            let all = (0u64..).zip(columns.texts(dictionary).iter());
            let places: Vec<_> = all.filter(|(_, text)| texts.mean(text)).map(|(n, _)| (n, n)).collect();
            number(*field, &crate::compile::ranges::joined(places), columns, desk, bits)
        }
        Leaf::App(apps) => {
            if !desk.load_apps(columns, lore)? {
                let ranges: Vec<_> = apps.iter().map(|app| (u64::from(*app), u64::from(*app))).collect();
                return number(Field::App, &crate::compile::ranges::joined(ranges), columns, desk, bits);
            }
            desk.octets.clear();
            let ours = desk.apps.iter().map(|app| u8::from(apps.binary_search(app).is_ok()));
            desk.octets.extend(ours);
            pack(&desk.octets, bits.words_mut());
            Ok(())
        }
        Leaf::Flags(set, unset) => {
            columns.load(Field::TcpFlags)?;
            columns.load(Field::TcpFlagsRev)?;
            small(columns.values(Field::TcpFlags), &mut desk.octets);
            small(columns.values(Field::TcpFlagsRev), &mut desk.others);
            for (flags, reverse) in desk.octets.iter_mut().zip(&desk.others) {
                let both = *flags | reverse;
                *flags = u8::from(both & set == *set) & u8::from(both & unset == 0);
            }
            pack(&desk.octets, bits.words_mut());
            Ok(())
        }
        Leaf::Quantity(quantity, first, last) => self::quantity(*quantity, (*first, *last), columns, desk, bits),
    }
}

fn number(
    field: Field,
    ranges: &[(u64, u64)],
    columns: &mut Unpacked<'_, '_>,
    desk: &mut Desk,
    bits: &mut Bits,
) -> Result<(), BlockError> {
    if ranges.is_empty() {
        return Ok(());
    }
    columns.load(field)?;
    let values = columns.values(field);
    mark(
        values.codes(),
        &codes::of_values(values, ranges),
        bits,
        &mut desk.octets,
    );
    Ok(())
}

/// Values of at most 8 bits, by record.
pub(crate) fn small(values: &Values, out: &mut Vec<u8>) {
    out.clear();
    match values.codes() {
        Codes::Zero => out.resize(values.len(), narrow8(values.value(0).unwrap_or(0))),
        Codes::U8(codes) => {
            let table: [u8; 256] = std::array::from_fn(|code| narrow8(values.value(code as u64).unwrap_or(0)));
            out.extend(codes.iter().map(|code| table[usize::from(*code)]));
        }
        _ => out.extend((0..values.len()).map(|at| narrow8(values.get(at).unwrap_or(0)))),
    }
}

fn quantity(
    quantity: Quantity,
    range: (u64, u64),
    columns: &mut Unpacked<'_, '_>,
    desk: &mut Desk,
    bits: &mut Bits,
) -> Result<(), BlockError> {
    let one = match quantity {
        Quantity::BytesForward => Some(Field::Bytes),
        Quantity::BytesReverse => Some(Field::BytesRev),
        Quantity::PacketsForward => Some(Field::Packets),
        Quantity::PacketsReverse => Some(Field::PacketsRev),
        Quantity::Duration if columns.durations_hold()? => Some(Field::Duration),
        Quantity::Bytes if columns.column(Field::BytesRev)?.range() == Some((0, 0)) => Some(Field::Bytes),
        Quantity::Packets if columns.column(Field::PacketsRev)?.range() == Some((0, 0)) => Some(Field::Packets),
        _ => None,
    };
    if let Some(field) = one {
        return number(field, &[range], columns, desk, bits);
    }
    if quantity.is_quality() {
        Summed::of(quantity).mark(range, columns, &mut desk.octets)?;
        pack(&desk.octets, bits.words_mut());
        return Ok(());
    }
    let needed: &[Plain] = match quantity {
        Quantity::Bytes => &[Plain::Bytes, Plain::BytesRev],
        Quantity::Packets => &[Plain::Packets, Plain::PacketsRev],
        Quantity::Duration => &[Plain::Duration],
        Quantity::BitsPerSecond => &[Plain::Bytes, Plain::BytesRev, Plain::Duration],
        Quantity::PacketsPerSecond => &[Plain::Packets, Plain::PacketsRev, Plain::Duration],
        _ => &[Plain::Bytes, Plain::BytesRev, Plain::Packets, Plain::PacketsRev],
    };
    needed.iter().try_for_each(|plain| columns.load_plain(*plain))?;
    let numbers = Numbers(columns);
    let (first, last) = range;
    let inside = |value: u64| u8::from(first <= value && value <= last);
    desk.octets.clear();
    let all = 0..columns.len();
    match quantity {
        Quantity::Bytes => desk.octets.extend(all.map(|at| inside(numbers.bytes(at)))),
        Quantity::Packets => desk.octets.extend(all.map(|at| inside(numbers.packets(at)))),
        Quantity::Duration => desk
            .octets
            .extend(all.map(|at| inside(numbers.of(Plain::Duration, at)))),
        Quantity::BitsPerSecond => desk.octets.extend(all.map(|at| {
            let bits = u128::from(numbers.bytes(at)) * (8 * SECOND);
            u8::from(ratio_within(bits, u128::from(numbers.duration(at)), range))
        })),
        Quantity::PacketsPerSecond => desk.octets.extend(all.map(|at| {
            let packets = u128::from(numbers.packets(at)) * SECOND;
            u8::from(ratio_within(packets, u128::from(numbers.duration(at)), range))
        })),
        _ => desk.octets.extend(all.map(|at| match numbers.packets(at) {
            0 => inside(0),
            packets => u8::from(ratio_within(u128::from(numbers.bytes(at)), packets.into(), range)),
        })),
    }
    pack(&desk.octets, bits.words_mut());
    Ok(())
}

const SECOND: u128 = 1_000_000_000;
/// What a record without duration counts as.
const MILLISECOND: u64 = 1_000_000;

/// Whether the quotient, rounded down, lies in the range; without dividing. A quotient beyond 64 bits is the largest.
fn ratio_within(dividend: u128, divisor: u128, (first, last): (u64, u64)) -> bool {
    dividend >= u128::from(first) * divisor && (last == u64::MAX || dividend < (u128::from(last) + 1) * divisor)
}

/// A record's numbers.
struct Numbers<'c, 'a, 'b>(&'c Unpacked<'a, 'b>);

impl Numbers<'_, '_, '_> {
    fn of(&self, plain: Plain, at: usize) -> u64 {
        self.0
            .plain(plain)
            .and_then(|numbers| numbers.get(at))
            .copied()
            .unwrap_or(0)
    }

    fn bytes(&self, at: usize) -> u64 {
        self.of(Plain::Bytes, at).saturating_add(self.of(Plain::BytesRev, at))
    }

    fn packets(&self, at: usize) -> u64 {
        self.of(Plain::Packets, at)
            .saturating_add(self.of(Plain::PacketsRev, at))
    }

    fn duration(&self, at: usize) -> u64 {
        match self.of(Plain::Duration, at) {
            0 => MILLISECOND,
            duration => duration,
        }
    }
}
