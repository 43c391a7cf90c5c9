//! Which columns of a block a question may look at: the others need not be read.

use filter::Quantity;
use model::{Dictionary, Field, Key, TextDictionary};

use super::ask::Work;
use super::{Leaf, Node};
use crate::scan::columns::Plain;

const ADDRESSES: [Field; 3] = [Field::Addresses4, Field::Addresses6Upper, Field::Addresses6Lower];
const ROUTERS: [Field; 3] = [Field::Routers4, Field::Routers6Upper, Field::Routers6Lower];
const ENDS: [Field; 5] = [
    Field::Protocol,
    Field::SrcIp,
    Field::DstIp,
    Field::SrcPort,
    Field::DstPort,
];

/// Columns, each once.
#[derive(Debug, Default)]
struct Needs(Vec<Field>);

/// What a condition and the work on its records may look at; `None`: everything. `defined`: whether applications are
/// defined.
pub(crate) fn fields(node: &Node, work: &Work, defined: bool) -> Option<Vec<Field>> {
    let mut needs = Needs::default();
    needs.node(node, defined);
    // Which span a record is in.
    needs.add([Field::End]);
    match work {
        // Records are given as they are.
        Work::Records { .. } => return None,
        Work::Totals { distinct, .. } => {
            let keys = distinct.iter().flat_map(|shape| shape.keys());
            keys.for_each(|key| needs.key(*key, defined));
        }
        Work::Top { shape, intervals, .. } => {
            shape.keys().iter().for_each(|key| needs.key(*key, defined));
            needs.add(intervals.map(|_| Field::Duration));
        }
        Work::Series { shape, .. } => {
            shape.keys().iter().for_each(|key| needs.key(*key, defined));
            needs.add([Field::Duration]);
        }
    }
    needs.add(Plain::AMOUNTS.map(Plain::field));
    if work.quality() {
        needs.add([Field::Measured, Field::Protocol]);
        needs.add(Plain::quality().map(Plain::field));
    }
    Some(needs.0)
}

impl Needs {
    fn add(&mut self, fields: impl IntoIterator<Item = Field>) {
        for field in fields {
            if !self.0.contains(&field) {
                self.0.push(field);
            }
        }
    }

    fn address(&mut self, field: Field) {
        self.add([field]);
        self.add(match field.dictionary() {
            Some(Dictionary::Routers) => ROUTERS,
            _ => ADDRESSES,
        });
    }

    fn text(&mut self, field: Field) {
        self.add([field]);
        self.add(match field.text_dictionary() {
            Some(TextDictionary::Hosts) => [Field::HostLengths, Field::HostOctets],
            _ => [Field::DetailLengths, Field::DetailOctets],
        });
    }

    fn apps(&mut self, defined: bool) {
        self.add([Field::App]);
        if defined {
            self.add(ENDS);
            self.add(ADDRESSES);
        }
    }

    fn node(&mut self, node: &Node, defined: bool) {
        match node {
            Node::All | Node::None => {}
            Node::Not(node) => self.node(node, defined),
            Node::And(nodes) | Node::Or(nodes) => nodes.iter().for_each(|node| self.node(node, defined)),
            Node::Leaf(leaf) => match leaf {
                Leaf::Number(field, _) => self.add([*field]),
                Leaf::Address(field, _) | Leaf::Country(field, _) => self.address(*field),
                Leaf::Mac(field, _) => self.add([*field, Field::Macs]),
                Leaf::App(_) => self.apps(defined),
                Leaf::Flags(..) => self.add([Field::TcpFlags, Field::TcpFlagsRev]),
                Leaf::Text(field, _) => self.text(*field),
                Leaf::Quantity(quantity, ..) => self.quantity(*quantity),
            },
        }
    }

    fn quantity(&mut self, quantity: Quantity) {
        match quantity {
            Quantity::Bytes => self.add([Field::Bytes, Field::BytesRev]),
            Quantity::BytesForward => self.add([Field::Bytes]),
            Quantity::BytesReverse => self.add([Field::BytesRev]),
            Quantity::Packets => self.add([Field::Packets, Field::PacketsRev]),
            Quantity::PacketsForward => self.add([Field::Packets]),
            Quantity::PacketsReverse => self.add([Field::PacketsRev]),
            // Durations of records that start after their end are told by the end.
            Quantity::Duration => self.add([Field::Duration, Field::End]),
            Quantity::BitsPerSecond | Quantity::PacketsPerSecond | Quantity::BytesPerPacket => {
                self.add(Plain::AMOUNTS.map(Plain::field));
                self.add([Field::Duration, Field::End]);
            }
            _ => self.add(Plain::quality().map(Plain::field)),
        }
    }

    fn key(&mut self, key: Key, defined: bool) {
        match key {
            Key::SrcIp | Key::SrcNet | Key::SrcCountry | Key::SrcGroup | Key::IpVersion => self.address(Field::SrcIp),
            Key::DstIp | Key::DstNet | Key::DstCountry | Key::DstGroup => self.address(Field::DstIp),
            Key::Host | Key::Conversation | Key::IpGroup => {
                self.address(Field::SrcIp);
                self.address(Field::DstIp);
            }
            Key::SrcPort => self.add([Field::SrcPort, Field::Protocol]),
            Key::DstPort => self.add([Field::DstPort, Field::Protocol]),
            Key::Protocol => self.add([Field::Protocol]),
            Key::App => self.apps(defined),
            Key::Business => {
                self.add(ENDS);
                self.add(ADDRESSES);
            }
            Key::Link | Key::LinkGroup => self.add([Field::Link]),
            Key::InIf => self.add([Field::Link, Field::IngressIf]),
            Key::OutIf => self.add([Field::Link, Field::EgressIf]),
            Key::Interface | Key::InterfaceGroup => self.add([Field::Link, Field::IngressIf, Field::EgressIf]),
            Key::Direction => self.add([Field::Direction]),
            Key::TcpFlags => self.add([Field::Protocol, Field::TcpFlags, Field::TcpFlagsRev]),
            Key::Vlan => self.add([Field::Vlan]),
            Key::SrcMac => self.add([Field::SrcMac, Field::Macs]),
            Key::DstMac => self.add([Field::DstMac, Field::Macs]),
            Key::SrcAs => self.add([Field::SrcAs]),
            Key::DstAs => self.add([Field::DstAs]),
            Key::Dscp => self.add([Field::Tos]),
            // What sums are made of is there.
            Key::PacketSize => {}
            Key::EndReason => self.add([Field::EndReason]),
            Key::Domain => self.text(Field::Host),
        }
    }
}
