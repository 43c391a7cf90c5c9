//! Address resolution: IP-MIB's ipNetToPhysicalTable (RFC 4293), or ipNetToMediaTable where the agent has that alone.

use model::ArpEntry;

use crate::error::Failure;
use crate::mib::{column, ip_of_octets, mac, octets, small};
use crate::walk::{Limits, Row, Table, Walk};
use crate::wire::Session;

/// Entries of an agent that are kept.
const ENTRIES_MAX: usize = 16_384;

const PHYSICAL_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 4, 35, 1];
const MEDIA_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 4, 22, 1];

/// The entries; `None` where the agent has none.
pub(crate) async fn read(session: &Session) -> Result<Option<Vec<ArpEntry>>, Failure> {
    let limits = Limits::rows(ENTRIES_MAX);
    let table = session
        .walk(Walk::new([4, 6].map(|n| column(PHYSICAL_ENTRY, n)), limits))
        .await?;
    let entries = of_physical(&table);
    if !entries.is_empty() {
        return Ok(Some(entries));
    }
    let table = session
        .walk(Walk::new([2, 4].map(|n| column(MEDIA_ENTRY, n)), limits))
        .await?;
    let entries = of_media(&table);
    Ok((!entries.is_empty()).then_some(entries))
}

fn entry(index: u32, address: &[u32], row: &Row) -> Option<ArpEntry> {
    // Types: 2 is invalid, 5 (local) is the agent's own.
    if matches!(row.cell(1).and_then(small), Some(2 | 5)) {
        return None;
    }
    Some(ArpEntry {
        index,
        ip: ip_of_octets(&octets(address)?)?,
        mac: row.cell(0).and_then(mac)?,
    })
}

/// Index: ifIndex, address type, length, address.
pub(super) fn of_physical(table: &Table) -> Vec<ArpEntry> {
    let rows = table.rows.iter().filter_map(|(index, row)| match &**index {
        [interface, 1..=4, length, address @ ..] if usize::try_from(*length) == Ok(address.len()) => {
            entry(*interface, address, row)
        }
        _ => None,
    });
    rows.collect()
}

/// Index: ifIndex and the four octets of an IPv4 address.
pub(super) fn of_media(table: &Table) -> Vec<ArpEntry> {
    let rows = table.rows.iter().filter_map(|(index, row)| match &**index {
        [interface, address @ ..] if address.len() == 4 => entry(*interface, address, row),
        _ => None,
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::walk::VARIABLES_MAX;
    use async_snmp::{Value, VarBind};
    use model::MacAddr;

    fn table(entry: &[u32], columns: [u32; 2], rows: &[(&[u32], [Value; 2])]) -> Table {
        let mut walk = Walk::new(columns.map(|n| column(entry, n)), Limits::rows(100));
        let ask = walk.ask(VARIABLES_MAX, true).unwrap();
        let mut variables = Vec::new();
        for (index, values) in rows {
            for (number, value) in columns.iter().zip(values) {
                let oid = async_snmp::Oid::new(
                    column(entry, *number)
                        .arcs()
                        .iter()
                        .copied()
                        .chain(index.iter().copied()),
                );
                variables.push(VarBind::new(oid, value.clone()));
            }
        }
        walk.push(&ask, &variables, 0);
        walk.finish()
    }

    #[test]
    fn both_tables_and_both_families() {
        let mac = || Value::OctetString(vec![2, 0, 0, 0, 0, 9].into());
        let six: Vec<u32> = [3, 2, 16]
            .into_iter()
            .chain([0xfe, 0x80])
            .chain([0; 13])
            .chain([1])
            .collect();
        let table_physical = table(
            PHYSICAL_ENTRY,
            [4, 6],
            &[
                (&[2, 1, 4, 192, 0, 2, 1], [mac(), Value::Integer(3)]),
                (&[2, 1, 4, 192, 0, 2, 2], [mac(), Value::Integer(2)]),
                (&[2, 1, 9, 192, 0, 2, 3], [mac(), Value::Integer(3)]),
                (&six, [mac(), Value::Integer(3)]),
            ],
        );
        let mac_read = MacAddr([2, 0, 0, 0, 0, 9]);
        let wanted = [
            ArpEntry {
                index: 2,
                ip: "192.0.2.1".parse().unwrap(),
                mac: mac_read,
            },
            ArpEntry {
                index: 3,
                ip: "fe80::1".parse().unwrap(),
                mac: mac_read,
            },
        ];
        assert_eq!(of_physical(&table_physical), wanted);
        let media = table(
            MEDIA_ENTRY,
            [2, 4],
            &[
                (&[2, 192, 0, 2, 1], [mac(), Value::Integer(4)]),
                (&[2, 192, 0, 2, 300], [mac(), Value::Integer(4)]),
                (
                    &[2, 192, 0, 3, 0],
                    [Value::OctetString(vec![].into()), Value::Integer(3)],
                ),
            ],
        );
        assert_eq!(of_media(&media), wanted[..1]);
    }
}
