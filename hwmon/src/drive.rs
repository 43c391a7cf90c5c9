//! What a drive says of itself, whoever asked it: facts without a judgement.

mod attribute;
mod selftest;

pub use attribute::{Attribute, Meaning, Raw, WhenFailed};
pub use selftest::{Outcome, Running, SelfTest, SelfTests};

use serde::Serialize;

use crate::NoData;
use crate::why::Why;

/// The most attributes that are kept; a table has 30.
pub const ATTRIBUTES_MAX: usize = 64;
/// The most octets of a name, serial number or message that are kept.
pub const TEXT_MAX: usize = 256;

/// The command set that a drive speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// ATA, also behind SAS.
    Ata,
    /// SCSI, that is SAS and Fibre Channel.
    Scsi,
    /// `NVMe`.
    Nvme,
    /// Not said.
    #[default]
    Unknown,
}

/// Who a drive is. What the source hides or lacks is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Identity {
    /// Model, as the drive says it.
    pub model: Option<String>,
    /// The family that smartmontools knows the model by.
    pub family: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
    /// Firmware version.
    pub firmware: Option<String>,
    /// Size in octets.
    pub capacity: Option<u64>,
    /// Revolutions a minute; 0 is an SSD.
    pub rotation: Option<u32>,
}

/// What the drive itself says of its health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assessment {
    /// It says that it is well.
    Passed,
    /// It says that it fails, and perhaps how.
    Failed(Option<Why>),
    /// It says nothing.
    Missing(NoData),
}

/// The temperatures that the drive's maker allows, in degrees Celsius.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TemperatureLimits {
    /// Above this the drive is too hot.
    pub warning: Option<i32>,
    /// At this the drive protects itself or is harmed.
    pub critical: Option<i32>,
}

/// What only ATA drives tell.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ata {
    /// SMART attributes, at most [`ATTRIBUTES_MAX`].
    pub attributes: Vec<Attribute>,
    /// Errors in the drive's error log, over its life.
    pub errors: Option<u64>,
    /// Sectors in the pending defects log.
    pub pending_log: Option<u64>,
}

/// What only SCSI drives tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scsi {
    /// Elements in the grown defect list.
    pub grown_defects: Option<u64>,
    /// Errors that could not be corrected, while reading, writing and verifying.
    pub uncorrected: [Option<u64>; 3],
    /// Errors that are not the medium's.
    pub non_medium: Option<u64>,
    /// Sectors that wait to be reassigned.
    pub pending: Option<u64>,
}

/// What only `NVMe` drives tell: log 02h.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Nvme {
    /// Critical warning, a set of bits.
    pub critical_warning: Option<u8>,
    /// Spare blocks left, in percent.
    pub spare: Option<u8>,
    /// The least spare in percent that the maker allows.
    pub spare_threshold: Option<u8>,
    /// Errors of media and data integrity.
    pub media_errors: Option<u64>,
    /// Entries of the error log, over its life.
    pub error_entries: Option<u64>,
    /// Shutdowns without notice.
    pub unsafe_shutdowns: Option<u64>,
    /// Minutes above the warning temperature, and above the critical one.
    pub hot_minutes: [Option<u64>; 2],
}

/// All that is known of one drive.
#[derive(Debug, Clone, PartialEq)]
pub struct Drive {
    /// Who it is.
    pub identity: Identity,
    /// What it speaks.
    pub protocol: Protocol,
    /// What it says of its health.
    pub assessment: Assessment,
    /// Temperature in degrees Celsius.
    pub temperature: Result<i32, NoData>,
    /// Its maker's limits.
    pub limits: TemperatureLimits,
    /// Hours of service.
    pub hours: Result<u64, NoData>,
    /// The part of its rated life that is used up, in percent; beyond 100 it works on borrowed time.
    pub used: Option<u32>,
    /// ATA's part.
    pub ata: Option<Ata>,
    /// SCSI's part.
    pub scsi: Option<Scsi>,
    /// NVMe's part.
    pub nvme: Option<Nvme>,
    /// Self-tests.
    pub tests: SelfTests,
    /// What the source says about why readings are missing.
    pub trouble: Option<String>,
}

impl Drive {
    /// A drive of which nothing is known, because of `missing`.
    #[must_use]
    pub fn unknown(missing: NoData) -> Self {
        Self {
            identity: Identity::default(),
            protocol: Protocol::Unknown,
            assessment: Assessment::Missing(missing),
            temperature: Err(missing),
            limits: TemperatureLimits::default(),
            hours: Err(missing),
            used: None,
            ata: None,
            scsi: None,
            nvme: None,
            tests: SelfTests::default(),
            trouble: None,
        }
    }

    /// Whether it is known to have no moving parts: an `NVMe` drive, or one that says so, or one with the attributes of
    /// flash memory.
    #[must_use]
    pub fn solid_state(&self) -> bool {
        if self.protocol == Protocol::Nvme {
            return true;
        }
        match self.identity.rotation {
            Some(rpm) => rpm == 0,
            None => {
                let family = self.identity.family.as_deref().unwrap_or_default();
                let model = self.identity.model.as_deref().unwrap_or_default();
                let named = |text: &str| text.contains("SSD") || text.contains("Solid State");
                named(family)
                    || named(model)
                    || self.used.is_some()
                    || self
                        .ata
                        .as_ref()
                        .is_some_and(|ata| ata.attributes.iter().any(|a| of_flash(&a.name)))
            }
        }
    }

    /// Whether Seagate made it, whose raw values pack several counters.
    #[must_use]
    pub fn seagate(&self) -> bool {
        let model = self.identity.model.as_deref().unwrap_or_default().trim_start();
        let family = self.identity.family.as_deref().unwrap_or_default();
        let numbered = |rest: &str| rest.bytes().next().is_some_and(|b| b.is_ascii_digit());
        family.contains("Seagate")
            || model.to_ascii_uppercase().contains("SEAGATE")
            || model.strip_prefix("ST").is_some_and(numbered)
    }
}

/// Names that only flash memory has.
fn of_flash(name: &str) -> bool {
    const PARTS: [&str; 9] = [
        "SSD",
        "Wear",
        "NAND",
        "Flash",
        "Erase",
        "Program_Fail",
        "Lifetime",
        "Life_Left",
        "Rsvd_Blk",
    ];
    PARTS.iter().any(|part| name.contains(part))
}

/// A text of a drive, cut to [`TEXT_MAX`] octets, without control characters; `None` where it is empty or hidden.
#[must_use]
pub fn label(text: &str) -> Option<String> {
    let mut kept = String::new();
    for c in text.trim().chars().filter(|c| !c.is_control()) {
        if kept.len() + c.len_utf8() > TEXT_MAX {
            break;
        }
        kept.push(c);
    }
    kept.truncate(kept.trim_end().len());
    let hidden = kept.is_empty()
        || kept.chars().all(|c| matches!(c, '-' | '.' | '*' | 'x' | 'X'))
        || kept.starts_with("[No Information");
    (!hidden).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_labels_are_missing() {
        assert_eq!(label(" -- "), None);
        assert_eq!(label(""), None);
        assert_eq!(label("[No Information Found]"), None);
        assert_eq!(label(" ST4000 \u{7}").as_deref(), Some("ST4000"));
        assert_eq!(label(&"é".repeat(500)).map(|s| s.len()), Some(TEXT_MAX));
    }
}
