//! Forwarding databases: Q-BRIDGE-MIB (RFC 4363), or BRIDGE-MIB (RFC 4188) where the agent has that alone.

use std::collections::BTreeMap;

use model::ForwardingEntry;

use crate::error::Failure;
use crate::mib::{column, mac_of_index, small};
use crate::walk::{Limits, Row, Table, Walk};
use crate::wire::Session;

/// Entries of an agent that are kept.
const ENTRIES_MAX: usize = 16_384;

/// Ports and VLANs of an agent that are kept.
const PORTS_MAX: usize = 4_096;

const BASE_PORT_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 1, 4, 1];
const FDB_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 4, 3, 1];
const Q_FDB_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 2, 1];
const Q_VLAN_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 17, 7, 1, 4, 2, 1];

/// The entries; `None` where the agent is no bridge or has none.
pub(crate) async fn read(session: &Session) -> Result<Option<Vec<ForwardingEntry>>, Failure> {
    let ports = session
        .walk(Walk::new([column(BASE_PORT_ENTRY, 2)], Limits::rows(PORTS_MAX)))
        .await?;
    let ports = ports
        .by_number()
        .filter_map(|(port, row)| Some((port, row.cell(0).and_then(small)?)))
        .collect();
    let table = session
        .walk(Walk::new(
            [2, 3].map(|n| column(Q_FDB_ENTRY, n)),
            Limits::rows(ENTRIES_MAX),
        ))
        .await?;
    let entries = if table.is_empty() {
        let table = session
            .walk(Walk::new(
                [2, 3].map(|n| column(FDB_ENTRY, n)),
                Limits::rows(ENTRIES_MAX),
            ))
            .await?;
        of_bridge(&table, &ports)
    } else {
        let vlans = session
            .walk(Walk::new([column(Q_VLAN_ENTRY, 3)], Limits::rows(PORTS_MAX)))
            .await?;
        of_vlan_bridge(&table, &ports, &vlans_of(&vlans))
    };
    Ok((!entries.is_empty()).then_some(entries))
}

pub(super) type Ports = BTreeMap<u32, u32>;

fn entry(mac: &[u32], vlan: Option<u32>, row: &Row, ports: &Ports) -> Option<ForwardingEntry> {
    // Status: 2 is invalid, 4 (self) is the bridge's own.
    if matches!(row.cell(1).and_then(small), Some(2 | 4)) {
        return None;
    }
    let port = row.cell(0).and_then(small);
    Some(ForwardingEntry {
        mac: mac_of_index(mac)?,
        vlan,
        index: port.and_then(|p| ports.get(&p).copied()),
    })
}

/// Index: the six octets.
pub(super) fn of_bridge(table: &Table, ports: &Ports) -> Vec<ForwardingEntry> {
    table
        .rows
        .iter()
        .filter_map(|(mac, row)| entry(mac, None, row, ports))
        .collect()
}

/// Index: dot1qFdbId and the six octets.
pub(super) fn of_vlan_bridge(table: &Table, ports: &Ports, vlans: &BTreeMap<u32, u32>) -> Vec<ForwardingEntry> {
    let rows = table.rows.iter().filter_map(|(index, row)| {
        let (database, mac) = index.split_first()?;
        entry(mac, Some(vlans.get(database).copied().unwrap_or(*database)), row, ports)
    });
    rows.collect()
}

/// The VLAN of each filtering database that one VLAN alone uses. Index: a time mark and the VLAN.
pub(super) fn vlans_of(table: &Table) -> BTreeMap<u32, u32> {
    let mut vlans: BTreeMap<u32, Option<u32>> = BTreeMap::new();
    for (index, row) in &table.rows {
        if let ([_, vlan], Some(database)) = (&**index, row.cell(0).and_then(small)) {
            vlans
                .entry(database)
                .and_modify(|v| *v = v.filter(|v| v == vlan))
                .or_insert(Some(*vlan));
        }
    }
    vlans
        .into_iter()
        .filter_map(|(database, vlan)| Some((database, vlan?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::walk::VARIABLES_MAX;
    use async_snmp::{Oid, Value, VarBind};
    use model::MacAddr;

    fn table(entry: &[u32], columns: &[u32], rows: &[(&[u32], &[i32])]) -> Table {
        let mut walk = Walk::new(columns.iter().map(|&n| column(entry, n)), Limits::rows(100));
        let ask = walk.ask(VARIABLES_MAX, true).unwrap();
        let mut variables = Vec::new();
        for (index, values) in rows {
            for (number, value) in columns.iter().zip(*values) {
                let oid = Oid::new(column(entry, *number).arcs().iter().chain(*index).copied());
                variables.push(VarBind::new(oid, Value::Integer(*value)));
            }
        }
        walk.push(&ask, &variables, 0);
        walk.finish()
    }

    #[test]
    fn entries_lead_to_interfaces_and_vlans() {
        let ports = Ports::from([(1, 10_001)]);
        let vlans = table(
            Q_VLAN_ENTRY,
            &[3],
            &[(&[0, 20], &[7]), (&[0, 30], &[8]), (&[0, 31], &[8])],
        );
        let vlans = vlans_of(&vlans);
        let rows = table(
            Q_FDB_ENTRY,
            &[2, 3],
            &[
                (&[7, 2, 0, 0, 0, 0, 1], &[1, 3]),
                (&[7, 2, 0, 0, 0, 0, 2], &[1, 4]),
                (&[8, 2, 0, 0, 0, 0, 3], &[9, 3]),
                (&[8, 2, 0, 0, 0, 0], &[9, 3]),
            ],
        );
        let wanted = [
            ForwardingEntry {
                mac: MacAddr([2, 0, 0, 0, 0, 1]),
                vlan: Some(20),
                index: Some(10_001),
            },
            ForwardingEntry {
                mac: MacAddr([2, 0, 0, 0, 0, 3]),
                vlan: Some(8),
                index: None,
            },
        ];
        assert_eq!(of_vlan_bridge(&rows, &ports, &vlans), wanted);
        let rows = table(FDB_ENTRY, &[2, 3], &[(&[2, 0, 0, 0, 0, 1], &[1, 3])]);
        assert_eq!(
            of_bridge(&rows, &ports),
            [ForwardingEntry {
                vlan: None,
                ..wanted[0].clone()
            }]
        );
    }
}
