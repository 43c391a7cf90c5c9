//! SCSI's lines: temperatures, error counters, grown defects, self-tests.

use super::{Vitals, celsius, grouped, limit};
use crate::drive::{Drive, Scsi};

#[derive(Debug, Default)]
pub(super) struct Reader {
    scsi: Scsi,
    seen: bool,
    vitals: Vitals,
    counters: bool,
}

impl Reader {
    pub(super) fn found(&self) -> bool {
        self.seen
    }

    /// A line of SCSI's was seen elsewhere.
    pub(super) fn seen(&mut self) {
        self.seen = true;
    }

    /// Whether the line was one of SCSI's.
    pub(super) fn line(&mut self, line: &str, drive: &mut Drive) -> bool {
        if line.starts_with("Error counter log:") {
            self.seen = true;
            self.counters = true;
            return true;
        }
        if let Some(count) = line.strip_prefix("Elements in grown defect list:") {
            self.seen = true;
            self.scsi.grown_defects = grouped(count);
            return true;
        }
        if let Some((before, hours)) = line.split_once("number of hours powered up =") {
            if before.trim().is_empty() {
                self.vitals.hours = self.vitals.hours.or(whole(hours));
            }
            return true;
        }
        let Some((key, value)) = line.split_once(':') else {
            return false;
        };
        let [read, write, verify] = &mut self.scsi.uncorrected;
        // fast, delayed, rereads, total, invocations, gigabytes, uncorrected
        let last = || value.split_whitespace().nth(6).and_then(|v| v.parse().ok());
        match key.trim() {
            "read" if self.counters => *read = last(),
            "write" if self.counters => *write = last(),
            "verify" if self.counters => *verify = last(),
            "Current Drive Temperature" => {
                self.seen = true;
                // a drive without a sensor says 0
                self.vitals.temperature = celsius(value).filter(|t| *t != 0);
            }
            "Drive Trip Temperature" => limit(&mut drive.limits, None, celsius(value).filter(|t| *t > 0)),
            "Non-medium error count" => self.scsi.non_medium = grouped(value),
            "Percentage used endurance indicator" | "SS Media used endurance indicator" => {
                self.seen = true;
                self.vitals.used = grouped(value).and_then(|n| u32::try_from(n).ok());
            }
            "Pending defect count" => self.scsi.pending = grouped(value),
            "Accumulated power on time, hours" => {
                // `hours:minutes 12345:12 [740712 minutes]`
                self.vitals.hours = value
                    .trim()
                    .strip_prefix("minutes")
                    .and_then(whole)
                    .or(self.vitals.hours);
            }
            _ => return false,
        }
        true
    }

    pub(super) fn finish(self, drive: &mut Drive) {
        self.vitals.give(drive);
        drive.scsi = Some(self.scsi);
    }
}

/// The digits at the beginning: `12345:12`, `12345.67`.
fn whole(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}
