//! Sensors: ENTITY-SENSOR-MIB (RFC 3433) with names of ENTITY-MIB (RFC 6933), Cisco's forerunner of it, and LM-SENSORS-MIB.

use std::collections::BTreeMap;

use async_snmp::Value;
use model::GaugeKind;

use crate::error::Failure;
use crate::mib::{column, small, text};
use crate::reading::Reading;
use crate::walk::{Limits, Row, Table, Walk};
use crate::wire::Session;

/// Sensors of an agent that are read.
const SENSORS_MAX: usize = 1_024;

/// Physical entities of an agent whose names are kept.
const ENTITIES_MAX: usize = 4_096;

const SENSOR_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 99, 1, 1, 1];
const CISCO_SENSOR_ENTRY: &[u32] = &[1, 3, 6, 1, 4, 1, 9, 9, 91, 1, 1, 1, 1];
const PHYSICAL_ENTRY: &[u32] = &[1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1];
/// lmSensors: tables 2 (temperatures), 3 (fans) and 4 (voltages).
const LM_SENSORS: &[u32] = &[1, 3, 6, 1, 4, 1, 2021, 13, 16];

/// Names of physical entities, by entPhysicalIndex.
pub(crate) type Entities = BTreeMap<u32, String>;

/// entPhysicalName, or entPhysicalDescr where that is empty.
pub(crate) async fn entities(session: &Session) -> Result<Entities, Failure> {
    let table = session
        .walk(Walk::new(
            [7, 2].map(|n| column(PHYSICAL_ENTRY, n)),
            Limits::rows(ENTITIES_MAX),
        ))
        .await?;
    let name = |row: &Row| {
        [0, 1]
            .into_iter()
            .filter_map(|place| row.cell(place).and_then(text))
            .find(|n| !n.is_empty())
    };
    Ok(table
        .by_number()
        .filter_map(|(index, row)| Some((index, name(row)?)))
        .collect())
}

/// Which tables of sensors an agent has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// entPhySensorTable.
    Standard,
    /// entSensorValueTable of CISCO-ENTITY-SENSOR-MIB.
    Cisco,
    /// LM-SENSORS-MIB.
    LmSensors,
}

impl Source {
    pub(crate) const ALL: [Self; 3] = [Self::Standard, Self::Cisco, Self::LmSensors];
}

/// The sensors of one source; empty where the agent has none.
pub(crate) async fn read(session: &Session, source: Source, names: &Entities) -> Result<Vec<Reading>, Failure> {
    let limits = Limits::rows(SENSORS_MAX);
    let entry = match source {
        Source::Standard => SENSOR_ENTRY,
        Source::Cisco => CISCO_SENSOR_ENTRY,
        Source::LmSensors => {
            let mut readings = Vec::new();
            for (table, kind, scale) in [
                (2, GaugeKind::Celsius, 0.001),
                (3, GaugeKind::Rpm, 1.0),
                (4, GaugeKind::Volts, 0.001),
            ] {
                let entry: Vec<u32> = LM_SENSORS.iter().copied().chain([table, 1]).collect();
                let table = session
                    .walk(Walk::new([2, 3].map(|n| column(&entry, n)), limits))
                    .await?;
                readings.extend(table.rows.values().filter_map(|row| {
                    let name = row.cell(0).and_then(text)?;
                    Some(Reading::new(
                        kind,
                        name,
                        f64::from(row.cell(1).and_then(small)?) * scale,
                    ))
                }));
            }
            return Ok(readings);
        }
    };
    // The status is column 5 in both MIBs.
    let table = session
        .walk(Walk::new((1..=5).map(|n| column(entry, n)), limits))
        .await?;
    Ok(readings(&table, names))
}

pub(super) fn readings(table: &Table, names: &Entities) -> Vec<Reading> {
    let rows = table.by_number().filter_map(|(index, row)| {
        let cell = |place| row.cell(place).and_then(small);
        let status = cell(4);
        // Status 2: the agent cannot read it now. What it shows then is no value.
        if status == Some(2) {
            return None;
        }
        let value = match row.cell(3)? {
            Value::Integer(value) => f64::from(*value),
            other => f64::from(small(other)?),
        };
        let (kind, unit) = kind(cell(0)?)?;
        let name = names.get(&index).cloned().unwrap_or_else(|| index.to_string());
        let mut reading = Reading::new(kind, name, value * scale(cell(1)?, row.cell(2))? * unit);
        reading.ok = status.map(|status| status == 1);
        Some(reading)
    });
    rows.collect()
}

/// EntitySensorDataType, and what its unit is of the kind's. Cisco's two further ones are 13 and 14.
fn kind(number: u32) -> Option<(GaugeKind, f64)> {
    Some(match number {
        1 | 11 => (GaugeKind::Other, 1.0),
        3 | 4 => (GaugeKind::Volts, 1.0),
        5 => (GaugeKind::Amperes, 1.0),
        6 => (GaugeKind::Watts, 1.0),
        7 => (GaugeKind::Hertz, 1.0),
        8 => (GaugeKind::Celsius, 1.0),
        9 => (GaugeKind::Humidity, 0.01),
        10 => (GaugeKind::Rpm, 1.0),
        12 => (GaugeKind::Truth, 1.0),
        14 => (GaugeKind::Dbm, 1.0),
        _ => return None,
    })
}

/// EntitySensorDataScale (9 is 10^0, each step 10^3) and EntitySensorPrecision (decimal places, 0–9).
fn scale(scale: u32, precision: Option<&Value>) -> Option<f64> {
    let exponent = (1..=17)
        .contains(&scale)
        .then(|| (i32::try_from(scale).unwrap_or(9) - 9) * 3)?;
    let places = precision
        .and_then(Value::as_i32)
        .filter(|p| (0..=9).contains(p))
        .unwrap_or(0);
    Some(10f64.powi(exponent - places))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::walk::VARIABLES_MAX;
    use async_snmp::VarBind;

    #[test]
    fn values_come_in_their_units() {
        let mut walk = Walk::new((1..=5).map(|n| column(SENSOR_ENTRY, n)), Limits::rows(9));
        let rows: [(u32, [i32; 5]); 6] = [
            // type, scale, precision, value, status
            (10, [8, 9, 1, 415, 1]),
            (11, [3, 8, 0, 12_050, 1]),
            (12, [10, 9, 0, 7_200, 3]),
            (13, [8, 9, 0, 0, 2]),
            (14, [14, 9, 1, -43, 1]),
            (15, [99, 9, 0, 1, 1]),
        ];
        let ask = walk.ask(VARIABLES_MAX, true).unwrap();
        let mut variables = Vec::new();
        for (index, cells) in rows {
            for (number, value) in (1..=5).zip(cells) {
                variables.push(VarBind::new(
                    column(SENSOR_ENTRY, number).child(index),
                    Value::Integer(value),
                ));
            }
        }
        walk.push(&ask, &variables, 0);
        let names = Entities::from([(10, "inlet".to_owned())]);
        let readings = readings(&walk.finish(), &names);
        let read: Vec<_> = readings
            .iter()
            .map(|r| (r.name.as_str(), r.kind, (r.value * 100.0).round() / 100.0, r.ok))
            .collect();
        assert_eq!(
            read,
            [
                ("inlet", GaugeKind::Celsius, 41.5, Some(true)),
                ("11", GaugeKind::Volts, 12.05, Some(true)),
                ("12", GaugeKind::Rpm, 7_200.0, Some(false)),
                ("14", GaugeKind::Dbm, -4.3, Some(true)),
            ]
        );
    }
}
