//! ATA's attributes.

use super::{Findings, LIFE_USED_WARNING, Weight, counter, percent};
use crate::State;
use crate::drive::{Ata, Attribute, Drive, Meaning, WhenFailed};

/// Judges them; whether they say enough to do without the drive's own verdict: at least one that foretells failure has a
/// threshold.
pub(super) fn judge(ata: &Ata, drive: &Drive, solid_state: bool, findings: &mut Findings) -> bool {
    for attribute in &ata.attributes {
        threshold(attribute, findings);
    }
    for attribute in &ata.attributes {
        if let Some(meaning) = attribute.meaning(solid_state) {
            raw(attribute, meaning, drive, solid_state, findings);
        }
    }
    findings.bad_count(
        "pending_log",
        "sectors in the pending defects log",
        ata.pending_log,
        Weight::Warning,
        "they could not be read and wait to be replaced",
    );
    findings.bad_count(
        "error_log",
        "errors in the drive's log",
        ata.errors,
        Weight::Note,
        "commands that failed over its life, also by the host's or the cable's fault",
    );
    ata.attributes
        .iter()
        .any(|a| a.prefail == Some(true) && a.value.is_some() && a.threshold.is_some_and(|t| t > 0))
}

fn threshold(attribute: &Attribute, findings: &mut Findings) {
    let name = format!("{} {}", attribute.id, attribute.name);
    let heat = attribute.meaning(false) == Some(Meaning::Temperature) || attribute.name.contains("Temp");
    let at = match (attribute.value, attribute.threshold) {
        (Some(value), Some(threshold)) => format!(" (value {value}, threshold {threshold})"),
        _ => String::new(),
    };
    let prefail = attribute.prefail == Some(true);
    match attribute.when_failed() {
        WhenFailed::Never => {}
        WhenFailed::Now if heat => {
            findings.add(
                Weight::Warning,
                "temperature",
                format!("{name} is at its threshold now{at}"),
            );
        }
        WhenFailed::Now if prefail => {
            let text = format!("{name} is at its threshold now{at}, which foretells failure");
            findings.add(Weight::Failing, "attribute_now", text);
        }
        WhenFailed::Now => {
            let text = format!("{name} is at its threshold now{at}: past the age or use that its maker allows");
            findings.add(Weight::Warning, "attribute_now", text);
        }
        WhenFailed::Past if heat => {
            findings.add(
                Weight::Note,
                "attribute_past",
                format!("{name} was at its threshold once: it was too hot"),
            );
        }
        WhenFailed::Past if prefail => {
            let text = format!("{name} was at its threshold once, which foretells failure");
            findings.add(Weight::Warning, "attribute_past", text);
        }
        WhenFailed::Past => findings.add(
            Weight::Note,
            "attribute_past",
            format!("{name} was at its threshold once"),
        ),
    }
}

fn raw(attribute: &Attribute, meaning: Meaning, drive: &Drive, solid_state: bool, findings: &mut Findings) {
    let count = attribute.raw.count();
    match meaning {
        Meaning::Reallocated => {
            // flash replaces blocks all its life; its spare ones have a threshold of their own
            let weight = if solid_state { Weight::Note } else { Weight::Warning };
            findings.bad_count(
                "reallocated",
                "sectors replaced by spare ones",
                count,
                weight,
                "they could not be written",
            );
        }
        Meaning::Pending => findings.bad_count(
            "pending",
            "sectors that wait to be replaced",
            count,
            Weight::Warning,
            "they could not be read",
        ),
        Meaning::Offline => findings.bad_count(
            "offline_uncorrectable",
            "sectors that a scan could not read",
            count,
            Weight::Warning,
            "they are lost unless the array has them",
        ),
        Meaning::Uncorrectable => findings.bad_count(
            "reported_uncorrectable",
            "uncorrectable errors",
            count,
            Weight::Warning,
            "reads that the host was refused over the drive's life",
        ),
        Meaning::EndToEnd => findings.bad_count(
            "end_to_end",
            "end-to-end errors",
            count,
            Weight::Warning,
            "data was damaged inside the drive",
        ),
        Meaning::SpinRetries => findings.bad_count(
            "spin_retries",
            "attempts to spin up again",
            count,
            Weight::Warning,
            "motor, bearings or power are weak",
        ),
        Meaning::Timeouts => findings.bad_count(
            "timeouts",
            "commands that took too long",
            attribute.raw.timeouts(),
            Weight::Note,
            "cable, power or drive; only their growth tells",
        ),
        Meaning::ReallocationEvents => findings.bad_count(
            "reallocation_events",
            "attempts to replace sectors",
            count,
            Weight::Note,
            "counted over its life",
        ),
        Meaning::Cable => findings.bad_count(
            "cable_errors",
            "errors on the cable",
            count,
            Weight::Note,
            "cable, backplane or connector over the drive's life; only their growth tells",
        ),
        Meaning::LifeLeft if drive.used.is_none() => life(attribute, findings),
        Meaning::Rate if drive.seagate() && !solid_state => {
            if let Some((errors, _)) = attribute.raw.seagate_rate() {
                let (id, name) = match attribute.id {
                    1 => ("read_errors", "read errors"),
                    _ => ("seek_errors", "seek errors"),
                };
                findings.read(
                    counter(id, name, errors)
                        .judged(State::Info, "unpacked from Seagate's raw value; the threshold judges"),
                );
            }
        }
        Meaning::LifeLeft | Meaning::Temperature | Meaning::PowerOn | Meaning::Rate => {}
    }
}

fn life(attribute: &Attribute, findings: &mut Findings) {
    let Some(left) = attribute.value.filter(|v| *v <= 100) else {
        return;
    };
    let reading = percent("life_left", "rated life left", u32::from(left));
    if u32::from(left) <= 100 - LIFE_USED_WARNING {
        let text = format!(
            "{left} % of the rated life is left ({} {})",
            attribute.id, attribute.name
        );
        findings.read(reading.judged(State::Warning, text.clone()));
        findings.add(Weight::Warning, "life_left", text);
    } else {
        findings.read(reading.judged(State::Ok, format!("above {} %", 100 - LIFE_USED_WARNING)));
    }
}
