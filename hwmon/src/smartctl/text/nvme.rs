//! NVMe's lines: log 02h, the temperature limits of the controller, log 06h.

use super::{Vitals, celsius, grouped, limit};
use crate::drive::{Drive, Nvme, Outcome, SelfTest};

#[derive(Debug, Default)]
pub(super) struct Reader {
    nvme: Nvme,
    seen: bool,
    vitals: Vitals,
    tests: bool,
}

impl Reader {
    pub(super) fn found(&self) -> bool {
        self.seen
    }

    /// Whether the line was one of NVMe's.
    pub(super) fn line(&mut self, line: &str, drive: &mut Drive) -> bool {
        if line.starts_with("SMART/Health Information (NVMe") || line.starts_with("NVMe Version:") {
            self.seen = true;
            return true;
        }
        if line.starts_with("Num  Test_Description") && line.contains("Power_on_Hours") {
            self.seen = true;
            self.tests = true;
            return true;
        }
        if self.tests {
            if let Some(test) = test(line) {
                drive.tests.push(test);
                return true;
            }
            self.tests = false;
        }
        let Some((key, value)) = line.split_once(':') else {
            return false;
        };
        let value = value.trim();
        let octet = || grouped(value).and_then(|n| u8::try_from(n).ok());
        let nvme = &mut self.nvme;
        match key.trim() {
            "Critical Warning" => {
                self.seen = true;
                nvme.critical_warning = octet();
            }
            "Temperature" => self.vitals.temperature = celsius(value),
            "Available Spare" => nvme.spare = octet(),
            "Available Spare Threshold" => nvme.spare_threshold = octet(),
            "Percentage Used" => {
                self.seen = true;
                self.vitals.used = grouped(value).and_then(|n| u32::try_from(n).ok());
            }
            "Power On Hours" => self.vitals.hours = grouped(value),
            "Unsafe Shutdowns" => nvme.unsafe_shutdowns = grouped(value),
            "Media and Data Integrity Errors" => nvme.media_errors = grouped(value),
            "Error Information Log Entries" => nvme.error_entries = grouped(value),
            "Warning  Comp. Temperature Time" => {
                let [warning, _] = &mut nvme.hot_minutes;
                *warning = grouped(value);
            }
            "Critical Comp. Temperature Time" => {
                let [_, critical] = &mut nvme.hot_minutes;
                *critical = grouped(value);
            }
            "Warning  Comp. Temp. Threshold" => limit(&mut drive.limits, celsius(value), None),
            "Critical Comp. Temp. Threshold" => limit(&mut drive.limits, None, celsius(value)),
            _ => return false,
        }
        true
    }

    pub(super) fn finish(self, drive: &mut Drive) {
        self.vitals.give(drive);
        drive.nvme = Some(self.nvme);
    }
}

/// ` 0   Extended          Completed: failed segments               1234  0x1a  1   7   -    -`.
fn test(line: &str) -> Option<SelfTest> {
    let rest = line.trim_start();
    let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|n| *n > 0)?;
    let rest = rest.get(digits..)?.trim_start();
    let begins = ["Completed", "Aborted", "Fatal"]
        .iter()
        .filter_map(|begin| rest.find(begin));
    let (kind, status) = rest.split_at_checked(begins.min()?)?;
    let (words, behind) = status.split_once("  ").unwrap_or((status, ""));
    Some(SelfTest {
        extended: kind.starts_with("Extended"),
        outcome: Outcome::from_words(words)?,
        hours: behind.split_whitespace().next().and_then(grouped),
    })
}
