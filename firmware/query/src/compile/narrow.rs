//! From groups to a condition that all of their records meet, and few others.

use model::{Field, Key};

use super::ranges::Addresses;
use super::{Leaf, Node};
use crate::group::value::{NONE, PartValue, SIX, Shape};

/// A condition that the records of some groups meet, key by key; a key that is not easily told is left out.
pub(crate) fn narrow(shape: &Shape, groups: &[Vec<u64>]) -> Node {
    let groups: Vec<Vec<PartValue>> = groups.iter().map(|key| shape.values(key).collect()).collect();
    let mut at = 0;
    let nodes = shape.keys().iter().map(|key| {
        let parts = if *key == Key::Conversation { 2 } else { 1 };
        let values = groups.iter().flat_map(|group| group.iter().skip(at).take(parts));
        let values: Vec<PartValue> = values.copied().collect();
        at += parts;
        node(*key, &values)
    });
    Node::and(nodes.collect::<Vec<_>>())
}

fn node(key: Key, values: &[PartValue]) -> Node {
    if values.iter().any(|value| value.tag == NONE) {
        return Node::All;
    }
    let numbers = |field, width: u64| {
        let range = |value: &PartValue| (value.words[0] * width, value.words[0] * width + (width - 1));
        Node::number(field, values.iter().map(range).collect())
    };
    let one = |field| numbers(field, 1);
    match key {
        Key::SrcIp => Node::address(Field::SrcIp, hosts(values)),
        Key::DstIp => Node::address(Field::DstIp, hosts(values)),
        Key::Host => Node::or([Field::SrcIp, Field::DstIp].map(|field| Node::address(field, hosts(values)))),
        Key::Conversation => Node::and([Field::SrcIp, Field::DstIp].map(|field| Node::address(field, hosts(values)))),
        Key::SrcNet => Node::address(Field::SrcIp, networks(values)),
        Key::DstNet => Node::address(Field::DstIp, networks(values)),
        Key::SrcPort => one(Field::SrcPort),
        Key::DstPort => one(Field::DstPort),
        Key::Protocol => one(Field::Protocol),
        Key::Link => one(Field::Link),
        Key::Vlan => one(Field::Vlan),
        Key::SrcAs => one(Field::SrcAs),
        Key::DstAs => one(Field::DstAs),
        Key::Direction => one(Field::Direction),
        Key::EndReason => one(Field::EndReason),
        // The two lowest bits of the octet are another matter.
        Key::Dscp => numbers(Field::Tos, 4),
        Key::App => {
            let mut apps: Vec<u16> = values.iter().filter_map(|v| u16::try_from(v.words[0]).ok()).collect();
            apps.sort_unstable();
            apps.dedup();
            Node::Leaf(Leaf::App(apps))
        }
        _ => Node::All,
    }
}

fn hosts(values: &[PartValue]) -> Addresses {
    addresses(values, |four| (four, four), |six| (six, six))
}

/// As [`PartValue::network`] has them.
fn networks(values: &[PartValue]) -> Addresses {
    let fours = |four: u32| (four, four | 0xff);
    addresses(values, fours, |six| (six, six | u128::from(u64::MAX)))
}

fn addresses(values: &[PartValue], four: impl Fn(u32) -> (u32, u32), six: impl Fn(u128) -> (u128, u128)) -> Addresses {
    let mut all = Addresses::default();
    for value in values {
        let [upper, lower] = value.words;
        if value.tag == SIX {
            all.sixes.push(six(u128::from(upper) << 64 | u128::from(lower)));
        } else {
            // Of an address the second word has it, of a network the first.
            all.fours.push(four(u32::try_from(upper | lower).unwrap_or(u32::MAX)));
        }
    }
    all.fours.sort_unstable();
    all.fours.dedup();
    all.sixes.sort_unstable();
    all.sixes.dedup();
    all
}
