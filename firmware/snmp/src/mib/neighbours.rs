//! Neighbours by LLDP-MIB (IEEE 802.1AB).

use std::collections::BTreeMap;
use std::net::IpAddr;

use async_snmp::Value;
use model::{InterfaceFacts, Neighbour};

use crate::error::Failure;
use crate::mib::interfaces::Names;
use crate::mib::{column, ip_of_octets, mac_text, octets, small, text};
use crate::walk::{Limits, Row, Table, Walk};
use crate::wire::Session;

/// Neighbours of an agent that are kept.
const NEIGHBOURS_MAX: usize = 1_024;

const REMOTE_ENTRY: &[u32] = &[1, 0, 8802, 1, 1, 2, 1, 4, 1, 1];
const REMOTE_ADDRESS_ENTRY: &[u32] = &[1, 0, 8802, 1, 1, 2, 1, 4, 2, 1];
const LOCAL_PORT_ENTRY: &[u32] = &[1, 0, 8802, 1, 1, 2, 1, 3, 7, 1];

/// The neighbours; `None` where the agent has none. The agent's interfaces tell which port is which ifIndex.
pub(crate) async fn read(session: &Session, interfaces: &[InterfaceFacts]) -> Result<Option<Vec<Neighbour>>, Failure> {
    let limits = Limits::rows(NEIGHBOURS_MAX);
    let remote = session
        .walk(Walk::new((4..=10).map(|n| column(REMOTE_ENTRY, n)), limits))
        .await?;
    if remote.is_empty() {
        return Ok(None);
    }
    let addresses = session
        .walk(Walk::new([column(REMOTE_ADDRESS_ENTRY, 3)], limits))
        .await?;
    let ports = session
        .walk(Walk::new([2, 3, 4].map(|n| column(LOCAL_PORT_ENTRY, n)), limits))
        .await?;
    Ok(Some(neighbours(&remote, &addresses, &ports, &Names::new(interfaces))))
}

pub(super) fn neighbours(remote: &Table, addresses: &Table, ports: &Table, names: &Names) -> Vec<Neighbour> {
    let addresses = management(addresses);
    let ports: BTreeMap<u32, &Row> = ports.by_number().collect();
    let rows = remote.rows.iter().filter_map(|(index, row)| {
        // Index: a time mark, the local port, and a number.
        let [_, local, _] = **index else { return None };
        let word = |place| row.cell(place).and_then(text).unwrap_or_default();
        let port = ports.get(&local);
        Some(Neighbour {
            local_index: port.and_then(|port| local_index(port, names)),
            local_port: port.map_or_else(|| local.to_string(), |port| local_name(port)),
            chassis: identity(row.cell(0), row.cell(1), 4, 5),
            port: identity(row.cell(2), row.cell(3), 3, 4),
            port_description: word(4),
            system_name: word(5),
            system_description: word(6),
            management: addresses.get(&**index).copied(),
        })
    });
    rows.collect()
}

/// An LLDP identity as text: by its subtype a hardware address, a network address, or text.
fn identity(subtype: Option<&Value>, value: Option<&Value>, mac: u32, network: u32) -> String {
    let Some(bytes) = value.and_then(Value::as_bytes) else {
        return String::new();
    };
    match subtype.and_then(small) {
        Some(kind) if kind == mac => mac_text(bytes),
        // The first octet is the address family (IANA: 1 IPv4, 2 IPv6).
        Some(kind) if kind == network => {
            let address = bytes.split_first().and_then(|(_, address)| ip_of_octets(address));
            address.map_or_else(|| mac_text(bytes), |ip| ip.to_string())
        }
        _ => value.and_then(text).unwrap_or_default(),
    }
}

fn local_name(port: &Row) -> String {
    let id = identity(port.cell(0), port.cell(1), 3, 4);
    let description = port.cell(2).and_then(text).unwrap_or_default();
    // A number of the agent's own (subtype 7) or a hardware address says less than the description.
    if matches!(port.cell(0).and_then(small), Some(3 | 7)) && !description.is_empty() {
        description
    } else {
        id
    }
}

fn local_index(port: &Row, names: &Names) -> Option<u32> {
    let id = identity(port.cell(0), port.cell(1), 3, 4);
    let description = port.cell(2).and_then(text).unwrap_or_default();
    names.find(&id).or_else(|| names.find(&description))
}

/// The first management address of each neighbour. Index: the neighbour's, then subtype, length and address.
fn management(table: &Table) -> BTreeMap<&[u32], IpAddr> {
    let mut found = BTreeMap::new();
    for index in table.rows.keys() {
        let Some((neighbour, [1 | 2, length, address @ ..])) = index.split_at_checked(3) else {
            continue;
        };
        if usize::try_from(*length) != Ok(address.len()) {
            continue;
        }
        if let Some(ip) = octets(address).as_deref().and_then(ip_of_octets) {
            found.entry(neighbour).or_insert(ip);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::walk::VARIABLES_MAX;
    use async_snmp::{Oid, VarBind};

    fn table(entry: &[u32], columns: &[u32], rows: &[(&[u32], &[Value])]) -> Table {
        let mut walk = Walk::new(columns.iter().map(|&n| column(entry, n)), Limits::rows(100));
        let ask = walk.ask(VARIABLES_MAX, true).unwrap();
        let mut variables = Vec::new();
        for (index, values) in rows {
            for (number, value) in columns.iter().zip(*values) {
                variables.push(VarBind::new(
                    Oid::new(column(entry, *number).arcs().iter().chain(*index).copied()),
                    value.clone(),
                ));
            }
        }
        walk.push(&ask, &variables, 0);
        walk.finish()
    }

    #[test]
    fn a_neighbour_is_joined_with_its_address_and_our_port() {
        let words = |w: &str| Value::OctetString(w.as_bytes().to_vec().into());
        let remote = table(
            REMOTE_ENTRY,
            &[4, 5, 6, 7, 8, 9, 10],
            &[(
                &[123, 5, 1],
                &[
                    Value::Integer(4),
                    Value::OctetString(vec![2, 0, 0, 0, 0, 9].into()),
                    Value::Integer(5),
                    words("ge-0/0/1"),
                    words("to core"),
                    words("edge-7"),
                    words("a router"),
                ],
            )],
        );
        let addresses = table(
            REMOTE_ADDRESS_ENTRY,
            &[3],
            &[(&[123, 5, 1, 1, 4, 192, 0, 2, 7], &[Value::Integer(2)])],
        );
        let ports = table(
            LOCAL_PORT_ENTRY,
            &[2, 3, 4],
            &[(&[5], &[Value::Integer(7), words("5"), words("Gi0/5")])],
        );
        let interface = InterfaceFacts {
            index: 10_005,
            name: "Gi0/5".to_owned(),
            ..InterfaceFacts::default()
        };
        let found = neighbours(&remote, &addresses, &ports, &Names::new(&[interface]));
        let wanted = Neighbour {
            local_index: Some(10_005),
            local_port: "Gi0/5".to_owned(),
            chassis: "02:00:00:00:00:09".to_owned(),
            port: "ge-0/0/1".to_owned(),
            port_description: "to core".to_owned(),
            system_name: "edge-7".to_owned(),
            system_description: "a router".to_owned(),
            management: Some("192.0.2.7".parse().unwrap()),
        };
        assert_eq!(found, [wanted]);
    }
}
