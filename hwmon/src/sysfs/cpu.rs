//! Processors that slowed down for heat: devices/system/cpu/cpu*/thermal_throttle.

use std::collections::BTreeMap;

use super::Root;
use crate::why::phrases;
use crate::{Kind, NoData, Reading, State, Unit};

pub(super) fn read(root: &Root, out: &mut Vec<Reading>) {
    let mut packages: BTreeMap<i64, Result<f64, NoData>> = BTreeMap::new();
    let mut cores: Option<f64> = None;
    for cpu in root.names("devices/system/cpu") {
        let folder = format!("devices/system/cpu/{cpu}");
        let throttle = format!("{folder}/thermal_throttle");
        if !cpu.starts_with("cpu") || !root.is_folder(&throttle) {
            continue;
        }
        let package = root
            .number(&format!("{folder}/topology/physical_package_id"))
            .unwrap_or(0);
        // every processor of a package tells the package's count
        let count = root.count(&format!("{throttle}/package_throttle_count"));
        let known = packages.entry(package).or_insert(count);
        if let (Ok(old), Ok(new)) = (&known, count)
            && new > *old
        {
            *known = Ok(new);
        } else if known.is_err() {
            *known = count;
        }
        if let Ok(count) = root.count(&format!("{throttle}/core_throttle_count")) {
            cores = Some(cores.unwrap_or(0.0) + count);
        }
    }
    let told = phrases::THROTTLED;
    for (package, count) in packages {
        let (id, name) = (
            format!("cpu/package{package}/throttled"),
            phrases::R_THROTTLED.with([package.into()]),
        );
        out.push(Reading::fact(id, name, Kind::Counter, Unit::Count, count).judged(State::Info, told));
    }
    if let Some(count) = cores {
        let reading = Reading::fact(
            "cpu/cores/throttled",
            phrases::R_CORES_THROTTLED,
            Kind::Counter,
            Unit::Count,
            Ok(count),
        );
        out.push(reading.judged(State::Info, told));
    }
}
