//! `NVMe`'s log 02h (NVM Express base specification 2.0, figure 207).

use super::{Findings, Weight, percent};
use crate::State;
use crate::drive::Nvme;

/// The bits of the critical warning.
const BITS: [(u8, &str, &str); 6] = [
    (0x01, "spare", "available spare has fallen below its threshold"),
    (0x02, "temperature", "temperature is above or below its threshold"),
    (
        0x04,
        "reliability",
        "reliability is degraded by media or internal errors",
    ),
    (0x08, "read_only", "the media can only be read"),
    (0x10, "backup", "the backup of volatile memory has failed"),
    (
        0x20,
        "persistent_memory",
        "the persistent memory region is read-only or unreliable",
    ),
];

/// Judges it; whether it says enough to do without the drive's own verdict, which is nothing but these bits.
pub(super) fn judge(nvme: &Nvme, findings: &mut Findings) -> bool {
    let warning = nvme.critical_warning.unwrap_or(0);
    for (bit, code, text) in BITS {
        if warning & bit != 0 {
            findings.add(Weight::Failing, code, format!("critical warning: {text}"));
        }
    }
    if warning & 0xc0 != 0 {
        findings.add(
            Weight::Failing,
            "critical_warning",
            format!("critical warning: unknown bits {:#04x}", warning & 0xc0),
        );
    }
    if let Some(spare) = nvme.spare {
        let reading = percent("spare", "spare blocks left", u32::from(spare));
        match nvme.spare_threshold {
            Some(threshold) if spare < threshold => {
                let text = format!("{spare} % spare blocks left, below the threshold of {threshold} %");
                findings.read(reading.judged(State::Critical, text.clone()));
                if warning & 1 == 0 {
                    findings.add(Weight::Failing, "spare", text);
                }
            }
            Some(threshold) => {
                findings.read(reading.judged(State::Ok, format!("not below its threshold of {threshold} %")))
            }
            None => findings.read(reading),
        }
    }
    findings.bad_count(
        "media_errors",
        "media and data integrity errors",
        nvme.media_errors,
        Weight::Warning,
        "data that could not be read back over the drive's life",
    );
    findings.bad_count(
        "error_log",
        "entries in the error log",
        nvme.error_entries,
        Weight::Note,
        "commands that failed over its life, mostly ones that it does not know",
    );
    findings.bad_count(
        "unsafe_shutdowns",
        "shutdowns without notice",
        nvme.unsafe_shutdowns,
        Weight::Note,
        "power was cut",
    );
    let [hot, critical] = nvme.hot_minutes;
    findings.bad_count(
        "hot_minutes",
        "minutes above the warning temperature",
        hot,
        Weight::Note,
        "over the drive's life",
    );
    findings.bad_count(
        "critical_minutes",
        "minutes above the critical temperature",
        critical,
        Weight::Note,
        "over the drive's life",
    );
    nvme.critical_warning.is_some()
}
