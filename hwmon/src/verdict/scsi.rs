//! SCSI's counters.

use super::{Findings, Weight};
use crate::drive::Scsi;
use crate::why::phrases;

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
        phrases::N_GROWN,
        scsi.grown_defects,
        grown,
        phrases::M_SPARE_USED,
    );
    findings.bad_count(
        "pending",
        phrases::N_PENDING,
        scsi.pending,
        Weight::Warning,
        phrases::M_UNREAD,
    );
    let [read, write, verify] = scsi.uncorrected;
    let means = phrases::M_LIFE;
    findings.bad_count("uncorrected_reads", phrases::N_READS, read, Weight::Warning, means);
    findings.bad_count("uncorrected_writes", phrases::N_WRITES, write, Weight::Warning, means);
    findings.bad_count(
        "uncorrected_verifies",
        phrases::N_VERIFIES,
        verify,
        Weight::Warning,
        means,
    );
    findings.bad_count(
        "non_medium",
        phrases::N_NON_MEDIUM,
        scsi.non_medium,
        Weight::Note,
        phrases::M_HOST,
    );
    scsi.grown_defects.is_some() && (read.is_some() || write.is_some())
}
