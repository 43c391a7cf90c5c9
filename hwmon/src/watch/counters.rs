//! Which counters' growth is an alarm.

use crate::policy::CORRECTED_ERRORS_DAILY;

/// How much growth in 24 hours is too much, and what it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) daily: u64,
    pub(super) code: &'static str,
}

/// The rule for a reading of the box, by its id.
pub(super) fn of_box(id: &str) -> Option<Rule> {
    let (source, last) = (id.split('/').next()?, id.rsplit('/').next()?);
    let (daily, code) = match (source, last) {
        ("edac", "corrected") => (CORRECTED_ERRORS_DAILY, "memory_corrected"),
        // a cable that is plugged makes some
        ("net", "rx_crc_errors" | "tx_errors") => (100, "port_errors"),
        ("cpu", "throttled") => (10, "throttled"),
        ("pci", "aer_dev_correctable") => (100, "pcie_corrected"),
        _ => return None,
    };
    Some(Rule { daily, code })
}

/// The rule for a reading of a drive, by its id in the verdict. Timeouts and cable errors have causes outside the drive, and
/// flash replaces blocks all its life: a few are no alarm.
pub(super) fn of_drive(id: &str, solid_state: bool) -> Option<Rule> {
    let (daily, code) = match id {
        "reallocated" | "grown_defects" if solid_state => (10, "growing"),
        "reallocated"
        | "grown_defects"
        | "reported_uncorrectable"
        | "pending"
        | "offline_uncorrectable"
        | "uncorrected_reads"
        | "uncorrected_writes"
        | "uncorrected_verifies"
        | "media_errors" => (1, "growing"),
        "timeouts" => (10, "timeouts_growing"),
        "cable_errors" => (10, "cable_growing"),
        _ => return None,
    };
    Some(Rule { daily, code })
}
