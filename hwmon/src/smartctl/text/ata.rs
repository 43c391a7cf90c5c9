//! ATA's lines: the attribute table in both of its forms, error and self-test logs, SCT.

use super::{celsius, grouped, limit};
use crate::drive::{ATTRIBUTES_MAX, Ata, Attribute, Drive, Meaning, Outcome, Raw, SelfTest, WhenFailed, label};

#[derive(Debug, Default)]
pub(super) struct Reader {
    ata: Ata,
    seen: bool,
    table: bool,
    sct: Option<i32>,
    used: Option<u32>,
}

impl Reader {
    pub(super) fn found(&self) -> bool {
        self.seen
    }

    /// Whether the line was one of ATA's.
    pub(super) fn line(&mut self, line: &str, drive: &mut Drive) -> bool {
        if line.starts_with("ID#") && line.contains("ATTRIBUTE_NAME") {
            self.seen = true;
            self.table = true;
            return true;
        }
        if self.table {
            if let Some(attribute) = attribute(line) {
                if self.ata.attributes.len() < ATTRIBUTES_MAX {
                    self.ata.attributes.push(attribute);
                }
                return true;
            }
            self.table = false;
        }
        if line.starts_with("SMART Attributes Data Structure") || line.starts_with("Vendor Specific SMART Attributes") {
            self.seen = true;
            return true;
        }
        if let Some(count) = line
            .strip_prefix("ATA Error Count:")
            .or_else(|| line.strip_prefix("Device Error Count:"))
        {
            self.seen = true;
            self.ata.errors = grouped(count);
            return true;
        }
        if line == "No Errors Logged" {
            self.ata.errors = self.ata.errors.or(Some(0));
            return true;
        }
        if let Some(status) = line.strip_prefix("Self-test execution status:") {
            // SCSI prints "90% of test remaining" here
            if let Some(number) = status.trim().strip_prefix('(') {
                self.seen = true;
                if let Some(outcome) = grouped(number)
                    .and_then(|n| u8::try_from(n).ok())
                    .and_then(Outcome::from_ata)
                {
                    drive.tests.set_last(outcome);
                }
            }
            return true;
        }
        if let Some(value) = line.strip_prefix("Current Temperature:") {
            self.sct = self.sct.or(celsius(value));
            return true;
        }
        if let Some(value) = line.strip_prefix("Specified Max Operating Temperature:") {
            limit(&mut drive.limits, celsius(value), None);
            return true;
        }
        if let Some(value) = line.strip_prefix("Min/Max Temperature Limit:") {
            limit(
                &mut drive.limits,
                None,
                value.split_once('/').and_then(|(_, max)| celsius(max)),
            );
            return true;
        }
        if line.ends_with("Percentage Used Endurance Indicator") {
            // page, offset, size, value, flags
            self.used = line.split_whitespace().nth(3).and_then(|v| v.parse().ok());
            return true;
        }
        if line.starts_with('#')
            && let Some(test) = test(line)
        {
            drive.tests.push(test);
            return true;
        }
        false
    }

    pub(super) fn finish(self, drive: &mut Drive) {
        let of = |meaning: Meaning| {
            // 194 before 190: the last of the table first
            self.ata
                .attributes
                .iter()
                .rev()
                .filter(move |a| a.meaning(false) == Some(meaning))
        };
        let sensed = of(Meaning::Temperature).find_map(|a| a.raw.celsius(&a.name).filter(|t| *t != 0));
        if let Some(celsius) = sensed.or(self.sct.filter(|t| *t != 0)) {
            drive.temperature = Ok(celsius);
        }
        if let Some(hours) = of(Meaning::PowerOn).find_map(|a| a.raw.hours(&a.name)) {
            drive.hours = Ok(hours);
        }
        drive.used = drive.used.or(self.used);
        drive.ata = Some(self.ata);
    }
}

/// `  5 Reallocated_Sector_Ct   PO--CK   100   100   010    -    0`, or
/// `  5 Reallocated_Sector_Ct   0x0033   100   100   010    Pre-fail  Always       -       0`.
fn attribute(line: &str) -> Option<Attribute> {
    let mut tokens = line.split_whitespace();
    let id = tokens.next()?;
    let id = match id.strip_prefix("0x") {
        Some(hex) => u8::from_str_radix(hex, 16).ok()?,
        None => id.parse().ok()?,
    };
    let name = label(tokens.next()?)?;
    let flags = tokens.next()?;
    // `---` stands where the drive says nothing
    let number = |token: &str| -> Option<Option<u8>> {
        if token.chars().all(|c| c == '-') {
            Some(None)
        } else {
            token.parse().ok().map(Some)
        }
    };
    let value = number(tokens.next()?)?;
    let worst = number(tokens.next()?)?;
    let threshold = number(tokens.next()?)?;
    let mut next = tokens.next()?;
    let mut prefail = match flags.strip_prefix("0x") {
        Some(hex) => u16::from_str_radix(hex, 16).ok().map(|bits| bits & 1 != 0),
        None => Some(flags.starts_with('P')),
    };
    if matches!(next, "Pre-fail" | "Old_age") {
        prefail = Some(next == "Pre-fail");
        let _updated = tokens.next()?;
        next = tokens.next()?;
    }
    let printed = match next {
        "NOW" | "FAILING_NOW" => Some(WhenFailed::Now),
        "Past" | "In_the_past" => Some(WhenFailed::Past),
        "-" => Some(WhenFailed::Never),
        _ => None,
    };
    let raw: Vec<&str> = tokens.collect();
    Some(Attribute {
        id,
        name,
        prefail,
        value,
        worst,
        threshold,
        printed,
        raw: Raw::from_text(&raw.join(" ")),
    })
}

/// `# 1  Extended offline    Completed: read failure       90%     30003         3303232`, or SCSI's
/// `# 1  Background long   Failed in segment -->       3   33994            1234567 [0x3 0x11 0x0]`.
fn test(line: &str) -> Option<SelfTest> {
    const STATUS: [&str; 8] = [
        "Completed",
        "Aborted",
        "Interrupted",
        "Fatal",
        "Self-test routine",
        "Self test",
        "Failed in",
        "Unknown error",
    ];
    let rest = line.strip_prefix('#')?.trim_start();
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    let begins = STATUS.iter().filter_map(|begin| rest.find(begin)).filter(|at| *at > 0);
    let (kind, status) = begins.min().and_then(|at| rest.split_at_checked(at))?;
    // the hours follow the percents that remain
    let hours = status
        .split_once('%')
        .and_then(|(_, behind)| behind.split_whitespace().next())
        .and_then(|token| token.parse().ok());
    let kind = kind.trim();
    Some(SelfTest {
        extended: kind.starts_with("Extended") || kind.contains("long"),
        outcome: Outcome::from_words(column(status))?,
        hours,
    })
}

/// The words of a column: up to two spaces or a number.
fn column(text: &str) -> &str {
    let words = text.split_once("  ").map_or(text, |(words, _)| words);
    let end = words.find(|c: char| c.is_ascii_digit()).unwrap_or(words.len());
    words.get(..end).unwrap_or(words).trim()
}
