//! ECC memory: devices/system/edac/mc (Documentation/driver-api/edac.rst). The rate of corrected errors is judged where
//! two readings are known; one says only whether there were any.

use super::Root;
use crate::why::{Why, phrases};
use crate::{Kind, NoData, Reading, State, Unit};

pub(super) fn read(root: &Root, out: &mut Vec<Reading>) {
    for controller in root.names("devices/system/edac/mc") {
        let folder = format!("devices/system/edac/mc/{controller}");
        if !controller.starts_with("mc") || !root.is_folder(&folder) {
            continue;
        }
        let count = |name: &str| root.count(&format!("{folder}/{name}"));
        let id = |part: &str| format!("edac/{controller}/{part}");
        corrected(id("corrected"), &controller, count("ce_count"), out);
        uncorrected(id("uncorrected"), &controller, count("ue_count"), out);
        let names = root.names(&folder);
        let dimms = |prefix: &str| {
            names
                .iter()
                .filter(|n| n.starts_with(prefix))
                .cloned()
                .collect::<Vec<_>>()
        };
        let modules = [dimms("dimm"), dimms("rank")].concat();
        for module in &modules {
            let at = format!("{folder}/{module}");
            let label = label(root.text(&format!("{at}/dimm_label")), &controller, module);
            corrected(
                id(&format!("{module}/corrected")),
                &label,
                root.count(&format!("{at}/dimm_ce_count")),
                out,
            );
            uncorrected(
                id(&format!("{module}/uncorrected")),
                &label,
                root.count(&format!("{at}/dimm_ue_count")),
                out,
            );
        }
        if modules.is_empty() {
            for row in dimms("csrow") {
                channels(root, &folder, &controller, &row, out);
            }
        }
    }
}

/// Rows and channels, as older drivers tell them.
fn channels(root: &Root, folder: &str, controller: &str, row: &str, out: &mut Vec<Reading>) {
    let at = format!("{folder}/{row}");
    for name in root.names(&at) {
        let Some(channel) = name.strip_suffix("_ce_count").filter(|c| c.starts_with("ch")) else {
            continue;
        };
        let label = label(
            root.text(&format!("{at}/{channel}_dimm_label")),
            controller,
            &format!("{row} {channel}"),
        );
        let id = format!("edac/{controller}/{row}/{channel}");
        corrected(
            format!("{id}/corrected"),
            &label,
            root.count(&format!("{at}/{name}")),
            out,
        );
    }
    // a row may know more than its channels do
    let count = root.count(&format!("{at}/ce_count"));
    corrected(
        format!("edac/{controller}/{row}/corrected"),
        &format!("{controller} {row}"),
        count,
        out,
    );
    // uncorrected errors hit all channels of a row
    let count = root.count(&format!("{at}/ue_count"));
    uncorrected(
        format!("edac/{controller}/{row}/uncorrected"),
        &format!("{controller} {row}"),
        count,
        out,
    );
}

fn label(told: Result<String, NoData>, controller: &str, place: &str) -> String {
    told.ok()
        .and_then(|text| crate::drive::label(&text))
        .unwrap_or_else(|| format!("{controller} {place}"))
}

fn corrected(id: String, name: &str, count: Result<f64, NoData>, out: &mut Vec<Reading>) {
    let (state, reason) = match count {
        Ok(n) if n > 0.0 => (State::Info, phrases::MEMORY_CORRECTED),
        _ => (State::Ok, phrases::NONE),
    };
    let name = Why::of(name, phrases::R_MEMORY_CORRECTED);
    out.push(Reading::fact(id, name, Kind::Counter, Unit::Count, count).judged(state, reason));
}

fn uncorrected(id: String, name: &str, count: Result<f64, NoData>, out: &mut Vec<Reading>) {
    let (state, reason) = match count {
        Ok(n) if n > 0.0 => (State::Critical, phrases::MEMORY_LOST),
        _ => (State::Ok, phrases::NONE),
    };
    let name = Why::of(name, phrases::R_MEMORY_UNCORRECTED);
    out.push(Reading::fact(id, name, Kind::Counter, Unit::Count, count).judged(state, reason));
}
