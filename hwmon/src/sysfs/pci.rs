//! PCI Express: errors by Advanced Error Reporting, bus/pci/devices/*/aer_dev_*
//! (Documentation/ABI/testing/sysfs-bus-pci-devices-aer_stats).

use super::Root;
use crate::why::{Why, phrases};
use crate::{Kind, NoData, Reading, State, Unit};

pub(super) fn read(root: &Root, out: &mut Vec<Reading>) {
    for device in root.names("bus/pci/devices") {
        let folder = format!("bus/pci/devices/{device}");
        for (file, name, bad) in [
            ("aer_dev_correctable", phrases::R_PCI_CORRECTED, State::Info),
            ("aer_dev_nonfatal", phrases::R_PCI_UNCORRECTED, State::Warning),
            ("aer_dev_fatal", phrases::R_PCI_FATAL, State::Critical),
        ] {
            let Ok(text) = root.text(&format!("{folder}/{file}")) else {
                continue;
            };
            let count = total(&text);
            let (state, reason) = match count {
                Ok(n) if n > 0.0 && bad == State::Info => (bad, phrases::PCI_GROWTH),
                Ok(n) if n > 0.0 => (bad, phrases::PCI_RESEAT),
                _ => (State::Ok, phrases::NONE),
            };
            out.push(
                Reading::fact(
                    format!("pci/{device}/{file}"),
                    Why::of(device.as_str(), name),
                    Kind::Counter,
                    Unit::Count,
                    count,
                )
                .judged(state, reason),
            );
        }
    }
}

/// The line `TOTAL_ERR_COR 3`, or the sum of all lines where there is none.
fn total(text: &str) -> Result<f64, NoData> {
    let mut sum: Option<f64> = None;
    for line in text.lines() {
        let Some((name, count)) = line.rsplit_once(' ') else {
            continue;
        };
        let Ok(count) = count.trim().parse::<u32>() else {
            continue;
        };
        if name.starts_with("TOTAL_ERR") {
            return Ok(f64::from(count));
        }
        sum = Some(sum.unwrap_or(0.0) + f64::from(count));
    }
    sum.ok_or(NoData::Invalid)
}
