//! SCSI's counters.

use super::{Findings, Weight};
use crate::drive::Scsi;

/// Grown defects of a disk that spins from which on it is more than the few that most disks get with age.
const GROWN_DEFECTS_WARNING: u64 = 10;

/// Judges them; whether they say enough to do without the drive's own verdict.
pub(super) fn judge(scsi: &Scsi, solid_state: bool, findings: &mut Findings) -> bool {
    let grown = if scsi.grown_defects.is_some_and(|n| n >= GROWN_DEFECTS_WARNING) && !solid_state {
        Weight::Warning
    } else {
        Weight::Note
    };
    findings.bad_count(
        "grown_defects",
        "grown defects",
        scsi.grown_defects,
        grown,
        "sectors that were replaced by spare ones",
    );
    findings.bad_count(
        "pending",
        "sectors that wait to be replaced",
        scsi.pending,
        Weight::Warning,
        "they could not be read",
    );
    let [read, write, verify] = scsi.uncorrected;
    let means = "over the drive's life";
    findings.bad_count(
        "uncorrected_reads",
        "uncorrected read errors",
        read,
        Weight::Warning,
        means,
    );
    findings.bad_count(
        "uncorrected_writes",
        "uncorrected write errors",
        write,
        Weight::Warning,
        means,
    );
    findings.bad_count(
        "uncorrected_verifies",
        "uncorrected verify errors",
        verify,
        Weight::Warning,
        means,
    );
    findings.bad_count(
        "non_medium",
        "errors that are not the medium's",
        scsi.non_medium,
        Weight::Note,
        "cable, backplane or host over the drive's life; only their growth tells",
    );
    scsi.grown_defects.is_some() && (read.is_some() || write.is_some())
}
