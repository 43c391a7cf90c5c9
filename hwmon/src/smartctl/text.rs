//! `smartctl -a`, `-x`, `-H`, `-A` as text.

mod ata;
mod nvme;
mod scsi;

use super::{DRIVES_MAX, grouped, trouble};
use crate::drive::{Assessment, Drive, Identity, Protocol, TemperatureLimits, label};
use crate::why::Why;
use crate::{Error, NoData};

/// The most lines that are read of one drive; `-x` prints some 500.
const LINES_MAX: usize = 20_000;

pub(super) fn read(whence: &str, text: &str) -> Result<Vec<Drive>, Error> {
    if text.trim().is_empty() {
        return Err(Error::Empty {
            whence: whence.to_owned(),
        });
    }
    let mut drives = Vec::new();
    for (number, lines) in outputs(text).into_iter().take(DRIVES_MAX).enumerate() {
        let whence = || match number {
            0 => whence.to_owned(),
            more => format!("{whence}, output {}", more + 1),
        };
        drives.push(drive(&lines).map_err(|why| Error::NotSmartctl {
            whence: whence(),
            why,
            make: "smartctl -x DEVICE",
        })?);
    }
    Ok(drives)
}

/// Cuts a file into outputs of smartctl: each begins with its banner.
fn outputs(text: &str) -> Vec<Vec<&str>> {
    let mut outputs: Vec<Vec<&str>> = vec![Vec::new()];
    for line in text.lines() {
        let begun = outputs
            .last()
            .is_some_and(|lines| lines.iter().any(|l| !l.trim().is_empty()));
        if banner(line) && begun {
            outputs.push(Vec::new());
        }
        if let Some(lines) = outputs.last_mut()
            && lines.len() < LINES_MAX
        {
            lines.push(line);
        }
    }
    // what came before the first banner, such as the shell's prompt, is no drive of its own
    if outputs.len() > 1
        && outputs
            .first()
            .is_some_and(|lines| !lines.iter().any(|line| recognised(line)))
    {
        outputs.remove(0);
    }
    outputs
}

/// `smartctl 7.3 2022-02-28 r5338 [...]`, `smartctl version 5.38 [...]`, `smartctl pre-7.5 ...`.
fn banner(line: &str) -> bool {
    line.strip_prefix("smartctl ").is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_digit()) || rest.starts_with("version ") || rest.starts_with("pre-")
    })
}

/// Whether only smartctl prints such a line.
fn recognised(line: &str) -> bool {
    const STARTS: [&str; 12] = [
        "=== START OF ",
        "SMART overall-health self-assessment",
        "SMART Health Status:",
        "SMART/Health Information",
        "SMART support is",
        "Vendor Specific SMART Attributes",
        "SMART Attributes Data Structure",
        "ID# ATTRIBUTE_NAME",
        "Smartctl open device",
        "Smartctl: ",
        "Device is in STANDBY",
        "Device Model:",
    ];
    banner(line) || STARTS.iter().any(|start| line.starts_with(start))
}

/// What SCSI's and `NVMe`'s sections both tell.
#[derive(Debug, Default)]
struct Vitals {
    temperature: Option<i32>,
    hours: Option<u64>,
    used: Option<u32>,
}

impl Vitals {
    /// Gives the drive what was told; what was not stays as it is.
    fn give(self, drive: &mut Drive) {
        if let Some(celsius) = self.temperature {
            drive.temperature = Ok(celsius);
        }
        if let Some(hours) = self.hours {
            drive.hours = Ok(hours);
        }
        drive.used = drive.used.or(self.used);
    }
}

/// What the sections of an output have in common, line by line.
struct Reader {
    drive: Drive,
    missing: Option<NoData>,
    /// Whether anything but banner and greeting was there.
    content: bool,
    marks: usize,
    ata: ata::Reader,
    scsi: scsi::Reader,
    nvme: nvme::Reader,
}

fn drive(lines: &[&str]) -> Result<Drive, &'static str> {
    let mut reader = Reader {
        drive: Drive::unknown(NoData::NotReported),
        missing: None,
        content: false,
        marks: 0,
        ata: ata::Reader::default(),
        scsi: scsi::Reader::default(),
        nvme: nvme::Reader::default(),
    };
    for line in lines {
        reader.line(line.trim_end());
    }
    reader.finish()
}

impl Reader {
    fn line(&mut self, line: &str) {
        if recognised(line) {
            self.marks += 1;
        }
        if !line.is_empty() && !banner(line) && !line.starts_with("Copyright") && !line.starts_with("Home page is") {
            self.content = true;
        }
        if self.assessment(line) {
            return;
        }
        if let Some(found) = trouble::classify(line) {
            self.missing = Some(trouble::stronger(self.missing, found));
            if self.drive.trouble.is_none() {
                self.drive.trouble = label(line);
            }
            return;
        }
        let drive = &mut self.drive;
        if self.ata.line(line, drive) || self.nvme.line(line, drive) || self.scsi.line(line, drive) {
            return;
        }
        if let Some((key, value)) = line.split_once(':') {
            identity(key.trim(), value.trim(), drive);
        }
    }

    /// The drive's own verdict. A failure that is printed anywhere stands.
    fn assessment(&mut self, line: &str) -> bool {
        let verdict = if let Some(verdict) = line.strip_prefix("SMART overall-health self-assessment test result:") {
            verdict.trim()
        } else if let Some(verdict) = line
            .strip_prefix("SMART Health Status:")
            .or_else(|| line.strip_prefix("SMART Sense:"))
        {
            self.scsi.seen();
            verdict.trim()
        } else if let Some(status) = line.strip_prefix("SMART Status:") {
            // SCT status, which repeats it: 0x2cf4 (FAILED), 0xc24f (PASSED)
            match () {
                () if status.contains("(FAILED)") => "FAILED!",
                () if status.contains("(PASSED)") => "PASSED",
                () => return true,
            }
        } else {
            return false;
        };
        let upper = verdict.to_ascii_uppercase();
        if upper == "PASSED" || upper == "OK" || upper.starts_with("OK ") || upper == "OK!" || upper.starts_with("OKAY")
        {
            if matches!(self.drive.assessment, Assessment::Missing(_)) {
                self.drive.assessment = Assessment::Passed;
            }
        } else if upper.is_empty() || upper.starts_with("UNKNOWN") || upper.contains("NOT AVAILABLE") {
            self.missing = Some(trouble::stronger(self.missing, NoData::Failed));
        } else {
            // a SCSI drive says how it fails
            let how = (!upper.starts_with("FAILED")).then(|| label(verdict)).flatten();
            if !matches!(self.drive.assessment, Assessment::Failed(Some(_))) {
                self.drive.assessment = Assessment::Failed(how.map(Why::own_words));
            }
        }
        true
    }

    fn finish(self) -> Result<Drive, &'static str> {
        let Self {
            mut drive,
            missing,
            content,
            marks,
            ata,
            scsi,
            nvme,
        } = self;
        if marks == 0 {
            return Err("no line of it is one that smartctl prints");
        }
        if !content {
            return Err("it ends behind smartctl's first line");
        }
        let named = drive.protocol != Protocol::Unknown || drive.identity != Identity::default();
        let silent = matches!(drive.assessment, Assessment::Missing(_));
        if !named && silent && missing.is_none() && !ata.found() && !scsi.found() && !nvme.found() {
            return Err("it says nothing of a drive");
        }
        // An NVMe drive's own lines decide before ATA's and SCSI's, which share words
        if nvme.found() {
            drive.protocol = Protocol::Nvme;
        } else if ata.found() {
            drive.protocol = Protocol::Ata;
        } else if scsi.found() {
            drive.protocol = Protocol::Scsi;
        }
        match drive.protocol {
            Protocol::Nvme => nvme.finish(&mut drive),
            Protocol::Ata => ata.finish(&mut drive),
            Protocol::Scsi => scsi.finish(&mut drive),
            Protocol::Unknown => {}
        }
        let why = missing.unwrap_or(NoData::NotReported);
        if let Assessment::Missing(missing) = &mut drive.assessment {
            *missing = why;
        }
        if drive.temperature == Err(NoData::NotReported) {
            drive.temperature = Err(why);
        }
        if drive.hours == Err(NoData::NotReported) {
            drive.hours = Err(why);
        }
        Ok(drive)
    }
}

fn identity(key: &str, value: &str, drive: &mut Drive) {
    let set = |field: &mut Option<String>| {
        if field.is_none() {
            *field = label(value);
        }
    };
    let identity = &mut drive.identity;
    match key {
        "Device Model" | "Model Number" | "Device" => set(&mut identity.model),
        "Vendor" => set(&mut identity.model),
        "Product" => {
            if let Some(product) = label(value) {
                identity.model = Some(match identity.model.take() {
                    Some(vendor) => format!("{vendor} {product}"),
                    None => product,
                });
            }
        }
        "Model Family" => set(&mut identity.family),
        "Serial Number" | "Serial number" => set(&mut identity.serial),
        "Firmware Version" | "Revision" => set(&mut identity.firmware),
        "User Capacity" | "Namespace 1 Size/Capacity" | "Total NVM Capacity" => {
            identity.capacity = identity.capacity.or(grouped(value).filter(|n| *n > 0));
        }
        "Rotation Rate" => {
            identity.rotation = if value.starts_with("Solid State") {
                Some(0)
            } else {
                grouped(value).and_then(|n| u32::try_from(n).ok())
            };
        }
        _ => {}
    }
    match key {
        "Device Model" | "ATA Version is" | "SATA Version is" => drive.protocol = Protocol::Ata,
        "Model Number" | "NVMe Version" | "PCI Vendor/Subsystem ID" => drive.protocol = Protocol::Nvme,
        "Product" | "Transport protocol" | "Logical Unit id" if drive.protocol == Protocol::Unknown => {
            drive.protocol = Protocol::Scsi;
        }
        _ => {}
    }
}

/// Degrees from `34 C`, `23 Celsius`, `-5 Celsius`; `None` where there is no number or none that a drive can have.
fn celsius(text: &str) -> Option<i32> {
    let token = text.split_whitespace().next()?;
    token.parse::<i32>().ok().filter(|t| (-60..150).contains(t))
}

/// Sets a limit that no line before set.
fn limit(limits: &mut TemperatureLimits, warning: Option<i32>, critical: Option<i32>) {
    limits.warning = limits.warning.or(warning);
    limits.critical = limits.critical.or(critical);
}

#[cfg(test)]
mod tests;
