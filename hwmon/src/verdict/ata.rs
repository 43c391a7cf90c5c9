//! ATA's attributes.

use super::{Findings, LIFE_USED_WARNING, Weight, counter, percent};
use crate::State;
use crate::drive::{Ata, Attribute, Drive, Meaning, WhenFailed};
use crate::why::phrases;

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
        phrases::N_PENDING_LOG,
        ata.pending_log,
        Weight::Warning,
        phrases::M_UNREAD_WAIT,
    );
    findings.bad_count(
        "error_log",
        phrases::N_ERRORS,
        ata.errors,
        Weight::Note,
        phrases::M_COMMANDS,
    );
    ata.attributes
        .iter()
        .any(|a| a.prefail == Some(true) && a.value.is_some() && a.threshold.is_some_and(|t| t > 0))
}

fn threshold(attribute: &Attribute, findings: &mut Findings) {
    let name = format!("{} {}", attribute.id, attribute.name);
    let heat = attribute.meaning(false) == Some(Meaning::Temperature) || attribute.name.contains("Temp");
    let at = match (attribute.value, attribute.threshold) {
        (Some(value), Some(threshold)) => phrases::VALUE_THRESHOLD.with([value.into(), threshold.into()]).into(),
        _ => "".into(),
    };
    let prefail = attribute.prefail == Some(true);
    match attribute.when_failed() {
        WhenFailed::Never => {}
        WhenFailed::Now if heat => {
            findings.add(
                Weight::Warning,
                "temperature",
                phrases::ATTRIBUTE_HOT.with([name.into(), at]),
            );
        }
        WhenFailed::Now if prefail => {
            let text = phrases::ATTRIBUTE_PREFAIL.with([name.into(), at]);
            findings.add(Weight::Failing, "attribute_now", text);
        }
        WhenFailed::Now => {
            let text = phrases::ATTRIBUTE_OLD.with([name.into(), at]);
            findings.add(Weight::Warning, "attribute_now", text);
        }
        WhenFailed::Past if heat => {
            findings.add(
                Weight::Note,
                "attribute_past",
                phrases::ATTRIBUTE_WAS_HOT.with([name.into()]),
            );
        }
        WhenFailed::Past if prefail => {
            let text = phrases::ATTRIBUTE_WAS_PREFAIL.with([name.into()]);
            findings.add(Weight::Warning, "attribute_past", text);
        }
        WhenFailed::Past => findings.add(
            Weight::Note,
            "attribute_past",
            phrases::ATTRIBUTE_WAS.with([name.into()]),
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
                phrases::N_REALLOCATED,
                count,
                weight,
                phrases::M_UNWRITTEN,
            );
        }
        Meaning::Pending => {
            findings.bad_count("pending", phrases::N_PENDING, count, Weight::Warning, phrases::M_UNREAD)
        }
        Meaning::Offline => findings.bad_count(
            "offline_uncorrectable",
            phrases::N_OFFLINE,
            count,
            Weight::Warning,
            phrases::M_LOST,
        ),
        Meaning::Uncorrectable => findings.bad_count(
            "reported_uncorrectable",
            phrases::N_UNCORRECTABLE,
            count,
            Weight::Warning,
            phrases::M_REFUSED,
        ),
        Meaning::EndToEnd => findings.bad_count(
            "end_to_end",
            phrases::N_END_TO_END,
            count,
            Weight::Warning,
            phrases::M_DAMAGED,
        ),
        Meaning::SpinRetries => findings.bad_count(
            "spin_retries",
            phrases::N_SPIN_RETRIES,
            count,
            Weight::Warning,
            phrases::M_WEAK,
        ),
        Meaning::Timeouts => findings.bad_count(
            "timeouts",
            phrases::N_TIMEOUTS,
            attribute.raw.timeouts(),
            Weight::Note,
            phrases::M_SLOW,
        ),
        Meaning::ReallocationEvents => findings.bad_count(
            "reallocation_events",
            phrases::N_REALLOCATIONS,
            count,
            Weight::Note,
            phrases::M_LIFE_COUNT,
        ),
        Meaning::Cable => findings.bad_count("cable_errors", phrases::N_CABLE, count, Weight::Note, phrases::M_CABLE),
        Meaning::LifeLeft if drive.used.is_none() => life(attribute, findings),
        Meaning::Rate if drive.seagate() && !solid_state => {
            if let Some((errors, _)) = attribute.raw.seagate_rate() {
                let (id, name) = match attribute.id {
                    1 => ("read_errors", phrases::R_READ_ERRORS),
                    _ => ("seek_errors", phrases::R_SEEK_ERRORS),
                };
                findings.read(counter(id, name, errors).judged(State::Info, phrases::SEAGATE));
            }
        }
        Meaning::LifeLeft | Meaning::Temperature | Meaning::PowerOn | Meaning::Rate => {}
    }
}

fn life(attribute: &Attribute, findings: &mut Findings) {
    let Some(left) = attribute.value.filter(|v| *v <= 100) else {
        return;
    };
    let reading = percent("life_left", phrases::R_LIFE_LEFT, u32::from(left));
    if u32::from(left) <= 100 - LIFE_USED_WARNING {
        let name = format!("{} {}", attribute.id, attribute.name);
        let text = phrases::LIFE_LEFT.with([left.into(), name.into()]);
        findings.read(reading.judged(State::Warning, text.clone()));
        findings.add(Weight::Warning, "life_left", text);
    } else {
        let limit = format!("{} %", 100 - LIFE_USED_WARNING);
        findings.read(reading.judged(State::Ok, phrases::ABOVE.with([limit.into()])));
    }
}
