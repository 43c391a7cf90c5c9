//! Hardware: sensors, parts of the chassis, drives and arrays.

use std::collections::BTreeMap;

use api::hardware::{Drive, Hardware, Health, PartKind, PartState, Reading, State};

use super::exposition::{Exposition, Family};
use super::{families as f, flag, number, states};

const HEALTH: [(Health, &str); 4] = [
    (Health::Ok, "ok"),
    (Health::Warning, "warning"),
    (Health::Failing, "failing"),
    (Health::Unknown, "unknown"),
];
const PARTS: [(PartState, &str); 5] = [
    (PartState::Ok, "ok"),
    (PartState::Warning, "warning"),
    (PartState::Critical, "critical"),
    (PartState::Empty, "empty"),
    (PartState::Unknown, "unknown"),
];

/// What the hardware monitor says.
pub(super) fn all(out: &mut Exposition, hardware: &Hardware) {
    out.family(
        &f::HARDWARE_HEALTH,
        states(HEALTH, hardware.health).map(|(name, value)| ([name.to_owned()], value)),
    );
    let sources = hardware.sources.iter().map(|source| {
        let whole = source.trouble.is_none() && source.answered.is_some();
        ([source.name.clone()], flag(whole))
    });
    out.family(&f::HARDWARE_SOURCE, sources);
    let parts = hardware.chassis.parts.iter().flat_map(|part| {
        let kind = match part.kind {
            PartKind::Bay => "bay",
            PartKind::Supply => "supply",
            PartKind::Fan => "fan",
            PartKind::Port => "port",
        };
        states(PARTS, part.state).map(move |(state, value)| {
            let labels = [part.id.as_str(), kind, part.label.as_str(), state];
            (labels.map(str::to_owned), value)
        })
    });
    out.family(&f::PART, parts);
    let (arrays, others): (Vec<&Reading>, Vec<&Reading>) = hardware
        .readings
        .iter()
        .partition(|reading| reading.id.starts_with("md/"));
    sensors(out, hardware, &others);
    raid(out, &arrays);
    drives(out, &hardware.drives);
}

/// The management controller's source: a unit of its own that we do not have (cubic feet, lux, a fan without revolutions) is
/// a bare number to us, which goes up and down.
const CONTROLLER: &str = "ipmi";

/// Readings, each in the family of its unit.
fn sensors(out: &mut Exposition, hardware: &Hardware, readings: &[&Reading]) {
    let parts = &hardware.chassis.parts;
    let owners: BTreeMap<&str, &str> = parts
        .iter()
        .flat_map(|part| part.readings.iter().map(|id| (id.as_str(), part.id.as_str())))
        .collect();
    let labels = |reading: &Reading| {
        let component = owners.get(reading.id.as_str()).copied().unwrap_or_default();
        [reading.id.clone(), reading.name.en.clone(), component.to_owned()]
    };
    let judged = readings.iter().filter_map(|reading| {
        let state = match reading.state {
            State::Ok => 0.0,
            State::Warning => 1.0,
            State::Critical => 2.0,
            State::Info | State::Unknown => return None,
        };
        Some((labels(reading), state))
    });
    out.family(&f::SENSOR_STATE, judged);
    let units: [(&Family<3>, &[(&str, f64)]); 12] = [
        (&f::CELSIUS, &[("celsius", 1.0)]),
        (&f::RPM, &[("rpm", 1.0)]),
        (&f::VOLTS, &[("volt", 1.0)]),
        (&f::AMPERES, &[("ampere", 1.0)]),
        (&f::WATTS, &[("watt", 1.0)]),
        (&f::JOULES, &[("joule", 1.0)]),
        (&f::RATIO, &[("percent", 0.01)]),
        (&f::EVENTS, &[("count", 1.0)]),
        (&f::SECONDS, &[("hour", 3_600.0), ("minute", 60.0), ("second", 1.0)]),
        (&f::AMOUNT, &[("octet", 1.0)]),
        (&f::HERTZ, &[("hertz", 1.0)]),
        (&f::FLAG, &[("boolean", 1.0)]),
    ];
    let (bare, known): (Vec<&Reading>, Vec<&Reading>) = readings
        .iter()
        .partition(|reading| reading.source == CONTROLLER && reading.unit == "count");
    for (family, units) in units {
        let of_it = known.iter().filter_map(|reading| {
            let (_, factor) = units.iter().find(|(unit, _)| *unit == reading.unit)?;
            Some((labels(reading), reading.value? * factor))
        });
        out.family(family, of_it);
    }
    let bare = bare
        .iter()
        .filter_map(|reading| Some((labels(reading), reading.value?)));
    out.family(&f::VALUE, bare);
}

/// Readings of arrays: `md/ARRAY/missing`, `/works`, `/sync`, else a member.
fn raid(out: &mut Exposition, readings: &[&Reading]) {
    let told = || {
        readings.iter().filter_map(|reading| {
            let (array, what) = reading.id.strip_prefix("md/")?.split_once('/')?;
            Some((array.to_owned(), what, reading.value?))
        })
    };
    let mut of_arrays = |family: &Family<1>, what: &str, factor: f64| {
        let same = told().filter(|(_, other, _)| *other == what);
        out.family(family, same.map(|(array, _, value)| ([array], value * factor)));
    };
    of_arrays(&f::RAID_MISSING, "missing", 1.0);
    of_arrays(&f::RAID_WORKS, "works", 1.0);
    of_arrays(&f::RAID_SYNC, "sync", 0.01);
    let members = told().filter(|(_, what, _)| !matches!(*what, "missing" | "works" | "sync"));
    out.family(
        &f::RAID_MEMBER,
        members.map(|(array, member, value)| ([array, member.to_owned()], value)),
    );
}

fn drives(out: &mut Exposition, drives: &[Drive]) {
    let bay = |drive: &Drive| drive.bay.map(|bay| bay.to_string()).unwrap_or_default();
    let known = |text: &Option<String>| text.clone().unwrap_or_default();
    let who = drives.iter().map(|drive| {
        let labels = [
            drive.name.clone(),
            bay(drive),
            known(&drive.model),
            known(&drive.serial),
            known(&drive.firmware),
            drive.protocol.clone(),
        ];
        (labels, 1.0)
    });
    out.family(&f::DRIVE, who);
    let health = drives.iter().flat_map(|drive| {
        states(HEALTH, drive.health)
            .map(move |(state, value)| ([drive.name.clone(), bay(drive), state.to_owned()], value))
    });
    out.family(&f::DRIVE_HEALTH, health);
    let mut each = |family: &Family<2>, value: fn(&Drive) -> Option<f64>| {
        let known = drives
            .iter()
            .filter_map(|drive| Some(([drive.name.clone(), bay(drive)], value(drive)?)));
        out.family(family, known);
    };
    each(&f::DRIVE_CELSIUS, |drive| drive.temperature.map(f64::from));
    each(&f::DRIVE_POWER_ON, |drive| {
        drive.hours.map(|hours| number(hours) * 3_600.0)
    });
    each(&f::DRIVE_USED, |drive| {
        drive.used.map(|percent| f64::from(percent) / 100.0)
    });
    each(&f::DRIVE_CAPACITY, |drive| drive.capacity_octets.map(number));
    let errors = drives.iter().flat_map(|drive| {
        let counts = drive.counts.iter();
        counts.map(move |counted| {
            (
                [drive.name.clone(), bay(drive), counted.code.clone()],
                number(counted.count),
            )
        })
    });
    out.family(&f::DRIVE_ERRORS, errors);
}
