//! `NVMe`'s log 02h (NVM Express base specification 2.0, figure 207).

use super::{Findings, Weight, percent};
use crate::State;
use crate::drive::Nvme;
use crate::why::{Phrase, phrases};

/// The bits of the critical warning.
const BITS: [(u8, &str, &Phrase); 6] = [
    (0x01, "spare", phrases::NVME_SPARE),
    (0x02, "temperature", phrases::NVME_HEAT),
    (0x04, "reliability", phrases::NVME_RELIABILITY),
    (0x08, "read_only", phrases::NVME_READ_ONLY),
    (0x10, "backup", phrases::NVME_BACKUP),
    (0x20, "persistent_memory", phrases::NVME_MEMORY),
];

/// Judges it; whether it says enough to do without the drive's own verdict, which is nothing but these bits.
pub(super) fn judge(nvme: &Nvme, findings: &mut Findings) -> bool {
    let warning = nvme.critical_warning.unwrap_or(0);
    for (bit, code, text) in BITS {
        if warning & bit != 0 {
            let text = phrases::NVME_WARNING.with([text.into()]);
            findings.add(Weight::Failing, code, text);
        }
    }
    if warning & 0xc0 != 0 {
        findings.add(
            Weight::Failing,
            "critical_warning",
            phrases::NVME_BITS.with([format!("{:#04x}", warning & 0xc0).into()]),
        );
    }
    if let Some(spare) = nvme.spare {
        let reading = percent("spare", phrases::R_SPARE, u32::from(spare));
        match nvme.spare_threshold {
            Some(threshold) if spare < threshold => {
                let text = phrases::SPARE_LOW.with([spare.into(), threshold.into()]);
                findings.read(reading.judged(State::Critical, text.clone()));
                if warning & 1 == 0 {
                    findings.add(Weight::Failing, "spare", text);
                }
            }
            Some(threshold) => {
                findings.read(reading.judged(State::Ok, phrases::SPARE_FINE.with([threshold.into()])));
            }
            None => findings.read(reading),
        }
    }
    findings.bad_count(
        "media_errors",
        phrases::N_MEDIA,
        nvme.media_errors,
        Weight::Warning,
        phrases::M_NOT_READ_BACK,
    );
    findings.bad_count(
        "error_log",
        phrases::N_ENTRIES,
        nvme.error_entries,
        Weight::Note,
        phrases::M_UNKNOWN_COMMANDS,
    );
    findings.bad_count(
        "unsafe_shutdowns",
        phrases::N_UNSAFE,
        nvme.unsafe_shutdowns,
        Weight::Note,
        phrases::M_POWER_CUT,
    );
    let [hot, critical] = nvme.hot_minutes;
    findings.bad_count("hot_minutes", phrases::N_HOT, hot, Weight::Note, phrases::M_LIFE);
    findings.bad_count(
        "critical_minutes",
        phrases::N_CRITICAL_HOT,
        critical,
        Weight::Note,
        phrases::M_LIFE,
    );
    nvme.critical_warning.is_some()
}
