//! What interfaces are: IF-MIB (RFC 2863) and EtherLike-MIB's duplex (RFC 3635).

use std::collections::BTreeMap;

use async_snmp::{Oid, Value};
use model::{InterfaceFacts, LinkState};

use crate::error::Failure;
use crate::mib::{column, mac_text, number, small, text};
use crate::walk::{Limits, Row, Table, Walk};
use crate::wire::Session;

/// Interfaces of an agent that are kept.
pub(crate) const INTERFACES_MAX: usize = 4_096;

/// ifEntry.
pub(crate) const IF_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1];
/// ifXEntry.
pub(crate) const IF_X_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1];
/// dot3StatsEntry, whose index is an ifIndex.
pub(crate) const DOT3_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 10, 7, 2, 1];

const DESCRIPTION: usize = 0;
const TYPE: usize = 1;
const SPEED: usize = 2;
const PHYSICAL: usize = 3;
const ADMIN: usize = 4;
const OPER: usize = 5;
const NAME: usize = 6;
const HIGH_SPEED: usize = 7;
const ALIAS: usize = 8;
const DUPLEX: usize = 9;

fn columns() -> [Oid; 10] {
    [
        column(IF_ENTRY, 2),
        column(IF_ENTRY, 3),
        column(IF_ENTRY, 5),
        column(IF_ENTRY, 6),
        column(IF_ENTRY, 7),
        column(IF_ENTRY, 8),
        column(IF_X_ENTRY, 1),
        column(IF_X_ENTRY, 15),
        column(IF_X_ENTRY, 18),
        column(DOT3_ENTRY, 19),
    ]
}

/// The agent's interfaces by ifIndex; `None` where it shows none.
pub(crate) async fn read(session: &Session) -> Result<Option<Vec<InterfaceFacts>>, Failure> {
    let table = session.walk(Walk::new(columns(), Limits::rows(INTERFACES_MAX))).await?;
    Ok((!table.is_empty()).then(|| facts(&table)))
}

pub(super) fn facts(table: &Table) -> Vec<InterfaceFacts> {
    let of = |(index, row): (u32, &Row)| {
        let word = |place| row.cell(place).and_then(text).unwrap_or_default();
        InterfaceFacts {
            index,
            name: word(NAME),
            description: word(DESCRIPTION),
            alias: word(ALIAS),
            kind: row.cell(TYPE).and_then(small),
            speed_bps: speed(row.cell(SPEED), row.cell(HIGH_SPEED)),
            mac: row
                .cell(PHYSICAL)
                .and_then(Value::as_bytes)
                .map(mac_text)
                .unwrap_or_default(),
            admin: state(row.cell(ADMIN)),
            oper: state(row.cell(OPER)),
            full_duplex: row.cell(DUPLEX).and_then(small).and_then(|n| match n {
                2 => Some(false),
                3 => Some(true),
                _ => None,
            }),
            ..InterfaceFacts::default()
        }
    };
    table.by_number().map(of).collect::<Vec<_>>()
}

/// ifSpeed in bit/s unless it is at its end or missing, where ifHighSpeed in Mbit/s tells (RFC 2863, section 3.1.6).
fn speed(low: Option<&Value>, high: Option<&Value>) -> Option<u64> {
    let low = low.and_then(number).filter(|&n| n > 0);
    let high = high
        .and_then(number)
        .filter(|&n| n > 0)
        .map(|n| n.saturating_mul(1_000_000));
    match (low, high) {
        (Some(low), Some(high)) if low >= u64::from(u32::MAX) || high > u64::from(u32::MAX) => Some(high),
        (Some(low), _) if low < u64::from(u32::MAX) => Some(low),
        (_, high) => high,
    }
}

/// ifAdminStatus and ifOperStatus have up and down in common.
pub(crate) fn state(value: Option<&Value>) -> LinkState {
    match value.and_then(small) {
        None | Some(4) => LinkState::Unknown,
        Some(1) => LinkState::Up,
        Some(2 | 7) => LinkState::Down,
        Some(_) => LinkState::Other,
    }
}

/// Finds the one interface that a text names; `None` where it names none or several.
pub(crate) struct Names {
    names: BTreeMap<String, Option<u32>>,
}

impl Names {
    pub(crate) fn new(interfaces: &[InterfaceFacts]) -> Self {
        let mut names = BTreeMap::new();
        for interface in interfaces {
            let words = [
                &interface.name,
                &interface.description,
                &interface.alias,
                &interface.mac,
            ];
            let words: std::collections::BTreeSet<_> = words.into_iter().filter(|w| !w.is_empty()).collect();
            for word in words {
                names
                    .entry(word.clone())
                    .and_modify(|index| *index = None)
                    .or_insert(Some(interface.index));
            }
        }
        Self { names }
    }

    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_above_four_gigabits_are_in_the_other_column() {
        let gauge = |n| Some(Value::Gauge32(n));
        let speed = |low: Option<Value>, high: Option<Value>| speed(low.as_ref(), high.as_ref());
        assert_eq!(speed(gauge(1_544_000), gauge(2)), Some(1_544_000));
        assert_eq!(speed(gauge(u32::MAX), gauge(10_000)), Some(10_000_000_000));
        assert_eq!(speed(gauge(1_410_065_408), gauge(10_000)), Some(10_000_000_000));
        assert_eq!(speed(None, gauge(100)), Some(100_000_000));
        assert_eq!(speed(gauge(0), gauge(0)), None);
        assert_eq!(speed(gauge(u32::MAX), None), None);
    }

    #[test]
    fn a_name_that_two_interfaces_have_finds_neither() {
        let interface = |index, name: &str, alias: &str| InterfaceFacts {
            index,
            name: name.to_owned(),
            description: name.to_owned(),
            alias: alias.to_owned(),
            ..InterfaceFacts::default()
        };
        let names = Names::new(&[interface(1, "Gi0/1", "uplink"), interface(2, "Gi0/2", "uplink")]);
        assert_eq!(
            (names.find("Gi0/1"), names.find("uplink"), names.find("Gi0/3")),
            (Some(1), None, None)
        );
    }
}
