//! What a block's directory says of a condition: true of all records, of none, or neither is known.

use filter::Quantity;
use model::{BlockError, Field, TextDictionary, address_order};

use super::columns::Unpacked;
use super::summed::Summed;
use crate::compile::{Leaf, Node};

/// Whether all records meet the condition, or none does; `None`: their columns have to tell.
pub(crate) fn verdict(node: &Node, columns: &Unpacked<'_, '_>) -> Result<Option<bool>, BlockError> {
    Ok(match node {
        Node::All => Some(true),
        Node::None => Some(false),
        Node::Not(node) => verdict(node, columns)?.map(|all| !all),
        Node::And(nodes) => {
            let mut all = Some(true);
            for node in nodes {
                match verdict(node, columns)? {
                    Some(false) => return Ok(Some(false)),
                    Some(true) => {}
                    None => all = None,
                }
            }
            all
        }
        Node::Or(nodes) => {
            let mut any = Some(false);
            for node in nodes {
                match verdict(node, columns)? {
                    Some(true) => return Ok(Some(true)),
                    Some(false) => {}
                    None => any = None,
                }
            }
            any
        }
        Node::Leaf(leaf) => self::leaf(leaf, columns)?,
    })
}

/// What the bounds of a value say of its ranges.
fn within((min, max): (u64, u64), ranges: &[(u64, u64)]) -> Option<bool> {
    let at = ranges.partition_point(|(_, last)| *last < min);
    match ranges.get(at) {
        Some((first, last)) if *first <= min && max <= *last => Some(true),
        Some((first, _)) if *first <= max => None,
        _ => Some(false),
    }
}

fn leaf(leaf: &Leaf, columns: &Unpacked<'_, '_>) -> Result<Option<bool>, BlockError> {
    match leaf {
        Leaf::Number(field, ranges) => {
            let column = columns.column(*field)?;
            let Some(range) = column.range() else {
                return Ok(Some(false));
            };
            let all = within(range, ranges);
            Ok(all.filter(|all| !all || !column.has_absent()))
        }
        Leaf::Address(field, ranges) => {
            let column = columns.column(*field)?;
            let Some((min, max)) = column.address_range() else {
                return Ok(None);
            };
            // IPv4 addresses are ordered among the IPv6 ones: bounds of both versions say less.
            let mapped = |four: u32| address_order(std::net::IpAddr::V4(four.into()));
            let fours = ranges.fours.iter().map(|(first, last)| (mapped(*first), mapped(*last)));
            let meets = |(first, last): (u128, u128)| first <= max && min <= last;
            let any = fours.chain(ranges.sixes.iter().copied()).any(meets);
            Ok(if any { None } else { Some(false) })
        }
        Leaf::Mac(field, _) | Leaf::Text(field, _) => Ok(columns.column(*field)?.range().map_or(Some(false), |_| None)),
        Leaf::App(_) | Leaf::Flags(..) | Leaf::Country(..) => Ok(None),
        Leaf::Quantity(quantity, first, last) => {
            Ok(bounds(*quantity, columns)?.and_then(|bounds| within(bounds, &[(*first, *last)])))
        }
    }
}

/// The bounds of a quantity, as far as the directory says.
fn bounds(quantity: Quantity, columns: &Unpacked<'_, '_>) -> Result<Option<(u64, u64)>, BlockError> {
    let of = |field| columns.column(field).map(|column| column.range());
    let both = |forward, reverse| -> Result<_, BlockError> {
        let (a, b) = (of(forward)?, of(reverse)?);
        let sum = |((a, b), (c, d)): ((u64, u64), (u64, u64))| (a.saturating_add(c), b.saturating_add(d));
        Ok(a.zip(b).map(sum))
    };
    match quantity {
        Quantity::Bytes => both(Field::Bytes, Field::BytesRev),
        Quantity::Packets => both(Field::Packets, Field::PacketsRev),
        Quantity::BytesForward => of(Field::Bytes),
        Quantity::BytesReverse => of(Field::BytesRev),
        Quantity::PacketsForward => of(Field::Packets),
        Quantity::PacketsReverse => of(Field::PacketsRev),
        Quantity::Duration if columns.durations_hold()? => of(Field::Duration),
        Quantity::Retransmissions => both(Field::Retransmitted, Field::RetransmittedRev),
        Quantity::OutOfOrder => both(Field::OutOfOrder, Field::OutOfOrderRev),
        Quantity::ZeroWindows => both(Field::ZeroWindows, Field::ZeroWindowsRev),
        Quantity::Resets => both(Field::Resets, Field::ResetsRev),
        Quantity::RtpPackets => both(Field::RtpPackets, Field::RtpPacketsRev),
        Quantity::RtpLost => both(Field::RtpLost, Field::RtpLostRev),
        _ => Ok(None),
    }
}

/// Octets that have to be unpacked for a condition and are not yet.
pub(super) fn cost(node: &Node, columns: &Unpacked<'_, '_>) -> Result<usize, BlockError> {
    let of = |fields: &[Field]| -> Result<usize, BlockError> {
        let mut sum = 0;
        for field in fields.iter().filter(|field| !columns.is_loaded(**field)) {
            // What is there already still has to be looked at.
            sum += columns.column(*field)?.packed_octets();
        }
        Ok(sum + 1_000)
    };
    Ok(match node {
        Node::All | Node::None => 0,
        Node::Not(node) => cost(node, columns)?,
        Node::And(nodes) | Node::Or(nodes) => {
            let mut sum = 0;
            for node in nodes {
                sum += cost(node, columns)?;
            }
            sum
        }
        Node::Leaf(Leaf::Number(field, _)) => of(&[*field])?,
        Node::Leaf(Leaf::Address(field, _)) => of(&[*field, Field::Addresses4])?,
        Node::Leaf(Leaf::Mac(field, _)) => of(&[*field, Field::Macs])?,
        Node::Leaf(Leaf::Country(field, _)) => of(&[*field, Field::Addresses4])?.saturating_mul(8),
        Node::Leaf(Leaf::Text(field, _)) => match field.text_dictionary() {
            Some(TextDictionary::Hosts) => of(&[*field, Field::HostOctets])?,
            _ => of(&[*field, Field::DetailOctets])?,
        }
        .saturating_mul(2),
        Node::Leaf(Leaf::App(_)) => of(&[Field::App])?,
        Node::Leaf(Leaf::Flags(..)) => of(&[Field::TcpFlags, Field::TcpFlagsRev])?,
        Node::Leaf(Leaf::Quantity(quantity, ..)) => match quantity {
            Quantity::Bytes => of(&[Field::Bytes, Field::BytesRev])?,
            Quantity::Packets => of(&[Field::Packets, Field::PacketsRev])?,
            Quantity::BytesForward => of(&[Field::Bytes])?,
            Quantity::BytesReverse => of(&[Field::BytesRev])?,
            Quantity::PacketsForward => of(&[Field::Packets])?,
            Quantity::PacketsReverse => of(&[Field::PacketsRev])?,
            Quantity::Duration => of(&[Field::Duration])?,
            Quantity::BitsPerSecond => of(&[Field::Bytes, Field::BytesRev, Field::Duration])?,
            Quantity::PacketsPerSecond => of(&[Field::Packets, Field::PacketsRev, Field::Duration])?,
            Quantity::BytesPerPacket => of(&[Field::Bytes, Field::BytesRev, Field::Packets, Field::PacketsRev])?,
            quality => of(&Summed::of(*quality).fields())?,
        },
    })
}
