//! The MIB modules that are read: which objects, and what they become. Nothing here does I/O but ask a [`Session`].

pub(crate) mod addresses;
pub(crate) mod bridge;
pub(crate) mod counters;
pub(crate) mod host;
pub(crate) mod interfaces;
pub(crate) mod neighbours;
pub(crate) mod sensors;
pub(crate) mod system;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use async_snmp::{Oid, Value};
use model::MacAddr;

#[cfg(doc)]
use crate::wire::Session;

/// Characters of a text that are kept.
pub(crate) const TEXT_MAX: usize = 256;

/// The object identifier of a column.
pub(crate) fn column(entry: &[u32], number: u32) -> Oid {
    Oid::new(entry.iter().copied().chain([number]))
}

/// A number of any of the types that agents use for it; a negative one is taken as its 32 bits, as agents that count past
/// 2^31 in an INTEGER mean it.
pub(crate) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Integer(n) => Some(u64::from(n.cast_unsigned())),
        other => other.as_u64(),
    }
}

/// A small number such as an index or an enumeration.
pub(crate) fn small(value: &Value) -> Option<u32> {
    u32::try_from(number(value)?).ok()
}

/// Octets as text: UTF-8 where it is, else Latin-1; without control characters, at most [`TEXT_MAX`] characters.
pub(crate) fn text(value: &Value) -> Option<String> {
    Some(text_of(value.as_bytes()?, TEXT_MAX))
}

/// See [`text`].
pub(crate) fn text_of(bytes: &[u8], most: usize) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let trimmed = |text: String| text.trim().to_owned();
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => trimmed(text.chars().map(clean).take(most).collect()),
        Err(_) => trimmed(bytes.iter().map(|&b| clean(char::from(b))).take(most).collect()),
    }
}

/// A hardware address of six octets.
pub(crate) fn mac(value: &Value) -> Option<MacAddr> {
    Some(MacAddr(value.as_bytes()?.try_into().ok()?))
}

/// A hardware address of any length as text; empty where there is none.
pub(crate) fn mac_text(bytes: &[u8]) -> String {
    bytes
        .iter()
        .take(32)
        .map(|b| format!("{b:02x}"))
        .collect::<Vec<_>>()
        .join(":")
}

/// A hardware address that is part of an index, an arc an octet.
pub(crate) fn mac_of_index(arcs: &[u32]) -> Option<MacAddr> {
    Some(MacAddr(octets(arcs)?.as_slice().try_into().ok()?))
}

/// An address of the octets that InetAddress has (RFC 4001): 4, 8, 16 or 20, a zone being left out.
pub(crate) fn ip_of_octets(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 | 8 => Some(Ipv4Addr::from(*octets.first_chunk::<4>()?).into()),
        16 | 20 => Some(Ipv6Addr::from(*octets.first_chunk::<16>()?).into()),
        _ => None,
    }
}

/// Arcs that are octets.
pub(crate) fn octets(arcs: &[u32]) -> Option<Vec<u8>> {
    arcs.iter().map(|&arc| u8::try_from(arc).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::walk::{Limits, Table, Walk};
    use async_snmp::VarBind;
    use proptest::prelude::*;

    #[test]
    fn texts_are_cleaned() {
        assert_eq!(text_of("核心 1\r\n\0".as_bytes(), 20), "核心 1");
        assert_eq!(text_of(b"Stra\xdfe", 20), "Straße");
        assert_eq!(text_of(b"a\x1b[31mb", 3), "a [");
    }

    #[test]
    fn addresses_come_of_their_octets() {
        assert_eq!(ip_of_octets(&[192, 0, 2, 7]), Some(IpAddr::from([192, 0, 2, 7])));
        assert_eq!(ip_of_octets(&[0; 5]), None);
        assert_eq!(mac_of_index(&[1, 2, 3, 4, 5, 256]), None);
        assert_eq!(number(&Value::Integer(-1)), Some(u64::from(u32::MAX)));
    }

    fn values() -> impl Strategy<Value = Value> {
        let octets = || prop::collection::vec(any::<u8>(), 0..40);
        let arcs = prop_oneof![
            prop::collection::vec(any::<u32>(), 0..20),
            (0u32..4, 0u32..20).prop_map(|(end, kind)| [&[1, 3, 6, 1, 2, 1, 25, 2, 1][..], &[kind, end]].concat()),
            any::<u32>().prop_map(|index| [&[1, 3, 6, 1, 2, 1, 2, 2, 1, 1][..], &[index]].concat()),
        ];
        prop_oneof![
            any::<i32>().prop_map(Value::Integer),
            (0i32..20).prop_map(Value::Integer),
            octets().prop_map(|o| Value::OctetString(o.into())),
            octets().prop_map(|o| Value::Opaque(o.into())),
            any::<u32>().prop_map(Value::Counter32),
            any::<u32>().prop_map(Value::Gauge32),
            any::<u64>().prop_map(Value::Counter64),
            any::<u32>().prop_map(Value::TimeTicks),
            any::<[u8; 4]>().prop_map(Value::IpAddress),
            arcs.prop_map(|arcs| Value::ObjectIdentifier(Oid::from(arcs))),
            Just(Value::Null),
        ]
    }

    /// Rows of ten columns: indexes of many lengths, cells of all types, some missing.
    fn tables() -> impl Strategy<Value = Table> {
        let arc = prop_oneof![any::<u32>(), 0u32..300, Just(4), Just(6), Just(16)];
        let row = (
            prop::collection::vec(arc, 1..24),
            prop::collection::vec(prop::option::of(values()), 10),
        );
        prop::collection::vec(row, 0..8).prop_map(|mut rows| {
            rows.sort_by(|a, b| a.0.cmp(&b.0));
            let entry = [1, 3, 6, 1, 9, 1];
            let mut walk = Walk::new((1..=10).map(|n| column(&entry, n)), Limits::rows(100));
            let mut rows = rows.into_iter();
            while let Some(ask) = walk.ask(10, true) {
                let Some((index, cells)) = rows.next() else { break };
                let answers: Vec<_> = (1..)
                    .zip(cells)
                    .map(|(number, cell)| match cell {
                        Some(value) => {
                            let oid = Oid::new(column(&entry, number).arcs().iter().chain(&index).copied());
                            VarBind::new(oid, value)
                        }
                        // Another object of the same column keeps it open.
                        None => VarBind::new(column(&entry, number).child(0), Value::Null),
                    })
                    .collect();
                walk.push(&ask, &answers, 0);
            }
            walk.finish()
        })
    }

    proptest! {
        /// Whatever an agent has in its tables, they are read without harm and their texts are bounded.
        #[test]
        fn no_table_is_too_strange(tables in prop::collection::vec(tables(), 4)) {
            let [one, two, three, four] = tables.as_slice() else { unreachable!() };
            let interfaces = interfaces::facts(one);
            for interface in &interfaces {
                prop_assert!(interface.alias.chars().count() <= TEXT_MAX && interface.mac.len() <= 96);
            }
            let names = interfaces::Names::new(&interfaces);
            for neighbour in neighbours::neighbours(two, three, four, &names) {
                prop_assert!(neighbour.chassis.chars().count() <= TEXT_MAX);
            }
            addresses::of_physical(one);
            addresses::of_media(one);
            let ports = bridge::Ports::from([(1, 10_001), (2, 10_002)]);
            bridge::of_bridge(one, &ports);
            bridge::of_vlan_bridge(one, &ports, &bridge::vlans_of(two));
            let loads = host::processor_loads(one);
            prop_assert!(loads.iter().all(|load| (0.0..=1.0).contains(&load.value)));
            host::fill(&host::areas(one), true);
            for reading in sensors::readings(one, &sensors::Entities::new()) {
                prop_assert!(reading.value.is_finite());
            }
            counters::tests::samples_of(one);
            for row in one.rows.values() {
                let cells: Vec<_> = (0..6).map(|place| row.cell(place).cloned()).collect();
                for reading in host::ucd_readings(&cells, true) {
                    prop_assert!(reading.value.is_finite());
                }
            }
        }
    }
}
