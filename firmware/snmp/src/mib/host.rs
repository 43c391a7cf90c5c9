//! Processors, memory and storage: HOST-RESOURCES-MIB (RFC 2790), UCD-SNMP-MIB, and what Cisco, Huawei and H3C have instead.

use async_snmp::{Oid, Value, oid};
use model::{GaugeKind, Storage};

use crate::error::Failure;
use crate::mib::{column, number, small, text};
use crate::reading::Reading;
use crate::walk::{Limits, Table, Walk};
use crate::wire::Session;

/// Processors of an agent that are read.
const PROCESSORS_MAX: usize = 256;

/// Storage areas of an agent that are kept.
const STORAGE_MAX: usize = 256;

/// Rows of a vendor's table that are read.
const VENDOR_ROWS_MAX: usize = 1_024;

const PROCESSOR_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 25, 3, 3, 1];
const STORAGE_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 25, 2, 3, 1];
/// hrStorageTypes.
const STORAGE_TYPES: &[u32] = &[1, 3, 6, 1, 2, 1, 25, 2, 1];
const UCD_MEMORY: &[u32] = &[1, 3, 6, 1, 4, 1, 2021, 4];

/// hrProcessorLoad, a reading a processor and one over all.
pub(crate) async fn processors(session: &Session) -> Result<Vec<Reading>, Failure> {
    let table = session
        .walk(Walk::new([column(PROCESSOR_ENTRY, 2)], Limits::rows(PROCESSORS_MAX)))
        .await?;
    Ok(processor_loads(&table))
}

#[expect(clippy::cast_precision_loss, reason = "percentages and counts below 300")]
pub(super) fn processor_loads(table: &Table) -> Vec<Reading> {
    let loads: Vec<u64> = table
        .rows
        .values()
        .filter_map(|row| row.cell(0).and_then(number))
        .filter(|&load| load <= 100)
        .collect();
    if loads.is_empty() {
        return Vec::new();
    }
    let mean = loads.iter().sum::<u64>() as f64 / loads.len() as f64 / 100.0;
    let one = |(n, &load): (usize, &u64)| Reading::new(GaugeKind::Cpu, format!("cpu{n}"), load as f64 / 100.0);
    let mut readings = vec![Reading::new(GaugeKind::Cpu, "all", mean)];
    if loads.len() > 1 {
        readings.extend(loads.iter().enumerate().map(one));
    }
    readings
}

/// UCD-SNMP's load average, idle processor time and memory; empty where the agent has none of it. The idle time counts
/// only where `processors` is set, as hrProcessorLoad says it better.
pub(crate) async fn ucd(session: &Session, processors: bool) -> Result<Vec<Reading>, Failure> {
    let memory = |n| Oid::new(UCD_MEMORY.iter().copied().chain([n, 0]));
    let load = oid!(1, 3, 6, 1, 4, 1, 2021, 10, 1, 5, 1);
    let idle = oid!(1, 3, 6, 1, 4, 1, 2021, 11, 11, 0);
    let values = session
        .get(&[load, idle, memory(5), memory(6), memory(14), memory(15)])
        .await?;
    Ok(ucd_readings(&values, processors))
}

#[expect(clippy::cast_precision_loss, reason = "figures of 32 bits")]
pub(super) fn ucd_readings(values: &[Option<Value>], processors: bool) -> Vec<Reading> {
    let value = |place: usize| values.get(place)?.as_ref().and_then(number).map(|n| n as f64);
    let mut readings = Vec::new();
    if let Some(hundredths) = value(0) {
        readings.push(Reading::new(GaugeKind::Load, "1min", hundredths / 100.0));
    }
    if let Some(idle) = value(1).filter(|&idle| processors && idle <= 100.0) {
        readings.push(Reading::new(GaugeKind::Cpu, "all", 1.0 - idle / 100.0));
    }
    // In use is what neither lies free nor holds copies of files.
    if let (Some(total), Some(free)) = (value(2).filter(|&t| t > 0.0), value(3)) {
        let copies = value(4).unwrap_or(0.0) + value(5).unwrap_or(0.0);
        readings.push(Reading::new(
            GaugeKind::Memory,
            "ram",
            ((total - free - copies) / total).clamp(0.0, 1.0),
        ));
    }
    readings
}

/// hrStorageTable; `None` where the agent has none.
pub(crate) async fn storage(session: &Session) -> Result<Option<Vec<Storage>>, Failure> {
    let table = session
        .walk(Walk::new(
            (2..=6).map(|n| column(STORAGE_ENTRY, n)),
            Limits::rows(STORAGE_MAX),
        ))
        .await?;
    let areas = areas(&table);
    Ok((!areas.is_empty()).then_some(areas))
}

pub(super) fn areas(table: &Table) -> Vec<Storage> {
    let rows = table.rows.values().filter_map(|row| {
        let cell = |place| row.cell(place).and_then(number);
        let unit = cell(2)?;
        let kind = row
            .cell(0)
            .and_then(Value::as_oid)
            .and_then(|oid| oid.arcs().strip_prefix(STORAGE_TYPES));
        Some(Storage {
            name: row.cell(1).and_then(text).unwrap_or_default(),
            memory: match kind {
                Some([2 | 3]) => Some(true),
                Some([4..=10]) => Some(false),
                _ => None,
            },
            total: cell(3)?.saturating_mul(unit),
            used: cell(4)?.saturating_mul(unit),
        })
    });
    rows.collect()
}

/// How full the storage areas are. `memory` says whether memory counts too, as it does where UCD-SNMP-MIB is missing.
#[expect(clippy::cast_precision_loss, reason = "a share of octets")]
pub(crate) fn fill(storage: &[Storage], memory: bool) -> Vec<Reading> {
    let readings = storage.iter().filter(|area| area.total > 0).filter_map(|area| {
        let share = area.used as f64 / area.total as f64;
        match area.memory {
            Some(false) => Some(Reading::new(GaugeKind::Storage, area.name.clone(), share)),
            Some(true) if memory => Some(Reading::new(GaugeKind::Memory, area.name.clone(), share)),
            _ => None,
        }
    });
    readings.collect()
}

/// A column of a vendor's table that is a gauge.
struct VendorColumn {
    column: &'static [u32],
    kind: GaugeKind,
    scale: f64,
    /// Values outside mean that the row has no such thing.
    valid: std::ops::RangeInclusive<u64>,
}

const PERCENT: std::ops::RangeInclusive<u64> = 1..=100;

/// hwEntityStateTable (HUAWEI-ENTITY-EXTENT-MIB): hwEntityCpuUsage, hwEntityMemUsage, hwEntityTemperature.
const HUAWEI: &[VendorColumn] = &[
    VendorColumn {
        column: &[1, 3, 6, 1, 4, 1, 2011, 5, 25, 31, 1, 1, 1, 1, 5],
        kind: GaugeKind::Cpu,
        scale: 0.01,
        valid: PERCENT,
    },
    VendorColumn {
        column: &[1, 3, 6, 1, 4, 1, 2011, 5, 25, 31, 1, 1, 1, 1, 7],
        kind: GaugeKind::Memory,
        scale: 0.01,
        valid: PERCENT,
    },
    VendorColumn {
        column: &[1, 3, 6, 1, 4, 1, 2011, 5, 25, 31, 1, 1, 1, 1, 11],
        kind: GaugeKind::Celsius,
        scale: 1.0,
        valid: 1..=200,
    },
];

/// hh3cEntityExtStateTable (HH3C-ENTITY-EXT-MIB): CpuUsage, MemUsage, Temperature.
const H3C: &[VendorColumn] = &[
    VendorColumn {
        column: &[1, 3, 6, 1, 4, 1, 25506, 2, 6, 1, 1, 1, 1, 6],
        kind: GaugeKind::Cpu,
        scale: 0.01,
        valid: PERCENT,
    },
    VendorColumn {
        column: &[1, 3, 6, 1, 4, 1, 25506, 2, 6, 1, 1, 1, 1, 8],
        kind: GaugeKind::Memory,
        scale: 0.01,
        valid: PERCENT,
    },
    VendorColumn {
        column: &[1, 3, 6, 1, 4, 1, 25506, 2, 6, 1, 1, 1, 1, 12],
        kind: GaugeKind::Celsius,
        scale: 1.0,
        valid: 1..=200,
    },
];

/// cpmCPUTotal1minRev (CISCO-PROCESS-MIB).
const CISCO: &[VendorColumn] = &[VendorColumn {
    column: &[1, 3, 6, 1, 4, 1, 9, 9, 109, 1, 1, 1, 1, 7],
    kind: GaugeKind::Cpu,
    scale: 0.01,
    valid: 0..=100,
}];

fn vendor_columns(object_id: &str) -> &'static [VendorColumn] {
    let enterprise = object_id
        .strip_prefix("1.3.6.1.4.1.")
        .and_then(|rest| rest.split('.').next());
    match enterprise {
        Some("9") => CISCO,
        Some("2011") => HUAWEI,
        Some("25506") => H3C,
        _ => &[],
    }
}

/// What the vendor that sysObjectID names has in tables of its own; rows are named by entPhysicalName where it is known.
pub(crate) async fn vendor(
    session: &Session,
    object_id: &str,
    name: impl Fn(u32) -> Option<String>,
) -> Result<Vec<Reading>, Failure> {
    let columns = vendor_columns(object_id);
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let walk = Walk::new(
        columns.iter().map(|c| Oid::from_slice(c.column)),
        Limits::rows(VENDOR_ROWS_MAX),
    );
    let table = session.walk(walk).await?;
    let mut readings = Vec::new();
    for (index, row) in table.by_number() {
        for (place, column) in columns.iter().enumerate() {
            if let Some(value) = row
                .cell(place)
                .and_then(small)
                .filter(|&v| column.valid.contains(&u64::from(v)))
            {
                let name = name(index).unwrap_or_else(|| index.to_string());
                readings.push(Reading::new(column.kind, name, f64::from(value) * column.scale));
            }
        }
    }
    Ok(readings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::walk::VARIABLES_MAX;
    use async_snmp::VarBind;

    #[test]
    fn storage_of_two_terabytes_and_more_wraps_into_the_sign() {
        let mut walk = Walk::new((2..=6).map(|n| column(STORAGE_ENTRY, n)), Limits::rows(9));
        let ask = walk.ask(VARIABLES_MAX, true).unwrap();
        let disk = oid!(1, 3, 6, 1, 2, 1, 25, 2, 1, 4);
        let cells = [
            Value::ObjectIdentifier(disk),
            Value::OctetString("/data".into()),
            Value::Integer(4_096),
            Value::Integer(-2),
            Value::Integer(1_000),
        ];
        let at = |n| column(STORAGE_ENTRY, n).child(31);
        let variables: Vec<_> = (2..=6)
            .map(at)
            .zip(cells)
            .map(|(oid, value)| VarBind::new(oid, value))
            .collect();
        walk.push(&ask, &variables, 0);
        let areas = areas(&walk.finish());
        let wanted = Storage {
            name: "/data".to_owned(),
            memory: Some(false),
            total: 4_096 * 0xffff_fffe,
            used: 4_096_000,
        };
        assert_eq!(areas, std::slice::from_ref(&wanted));
        let fill = fill(&areas, true);
        assert_eq!((fill[0].kind, fill[0].name.as_str()), (GaugeKind::Storage, "/data"));
    }

    #[test]
    fn memory_in_use_leaves_copies_of_files_out() {
        let kib = |n| Some(Value::Integer(n));
        let values = [kib(150), kib(90), kib(1_000), kib(200), kib(100), kib(300)];
        let readings = ucd_readings(&values, true);
        let read: Vec<_> = readings.iter().map(|r| (r.kind, (r.value * 100.0).round())).collect();
        assert_eq!(
            read,
            [
                (GaugeKind::Load, 150.0),
                (GaugeKind::Cpu, 10.0),
                (GaugeKind::Memory, 40.0)
            ]
        );
        assert_eq!(ucd_readings(&[None, None, None, None, None, None], true), []);
    }

    #[test]
    fn vendors_are_known_by_their_enterprise() {
        assert_eq!(vendor_columns("1.3.6.1.4.1.2011.2.239.12").len(), 3);
        assert_eq!(vendor_columns("1.3.6.1.4.1.20110.2").len(), 0);
        assert_eq!(vendor_columns("").len(), 0);
    }
}
