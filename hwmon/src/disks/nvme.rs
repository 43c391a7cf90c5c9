//! `NVMe`'s pages (NVM Express base specification 2.0): octets in, facts out.

use super::octets::{le16, le32, le64, le128, text};
use crate::NoData;
use crate::drive::{Assessment, Identity, Nvme, Outcome, Running, SelfTest, TemperatureLimits};
use crate::why::{Why, phrases};

/// What Identify Controller (figure 276) tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// Who it is.
    pub identity: Identity,
    /// Its maker's limits.
    pub limits: TemperatureLimits,
    /// Whether it has self-tests.
    pub self_tests: bool,
}

/// Reads Identify Controller's 4,096 octets; `None` where they are cut off.
#[must_use]
pub fn identify(page: &[u8]) -> Option<Identified> {
    let kelvin = |at: usize| le16(page, at).and_then(celsius);
    Some(Identified {
        identity: Identity {
            serial: text(page.get(4..24)?),
            model: text(page.get(24..64)?),
            firmware: text(page.get(64..72)?),
            family: None,
            capacity: le128(page, 280).filter(|octets| *octets > 0),
            rotation: Some(0),
        },
        limits: TemperatureLimits {
            warning: kelvin(266),
            critical: kelvin(268),
        },
        self_tests: le16(page, 256)? & 0x10 != 0,
    })
}

/// Kelvin; 0 means that there is none.
fn celsius(kelvin: u16) -> Option<i32> {
    let celsius = i32::from(kelvin) - 273;
    (-60..150).contains(&celsius).then_some(celsius)
}

/// Log 02h: health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The drive's own verdict: its critical warning, which has to be 0.
    pub assessment: Assessment,
    /// Degrees Celsius.
    pub temperature: Result<i32, NoData>,
    /// Hours of service.
    pub hours: u64,
    /// The part of the rated life that is used, in percent.
    pub used: u32,
    /// The rest.
    pub nvme: Nvme,
}

/// Reads log 02h's 512 octets; `None` where they are cut off.
#[must_use]
pub fn health(log: &[u8]) -> Option<Health> {
    let octet = |at: usize| log.get(at).copied();
    let warning = octet(0)?;
    log.get(511)?;
    Some(Health {
        assessment: if warning == 0 {
            Assessment::Passed
        } else {
            Assessment::Failed(None)
        },
        temperature: le16(log, 1).and_then(celsius).ok_or(NoData::NotReported),
        hours: le128(log, 128)?,
        used: u32::from(octet(5)?),
        nvme: Nvme {
            critical_warning: Some(warning),
            spare: octet(3),
            spare_threshold: octet(4),
            media_errors: le128(log, 160),
            error_entries: le128(log, 176),
            unsafe_shutdowns: le128(log, 144),
            hot_minutes: [le32(log, 192).map(u64::from), le32(log, 196).map(u64::from)],
        },
    })
}

/// The most namespaces whose sizes are added up.
const NAMESPACES_MAX: usize = 16;

/// The active namespaces, from Identify's list of them (CNS 02h): numbers up to the first 0.
#[must_use]
pub fn namespaces(page: &[u8]) -> Vec<u32> {
    let (numbers, _) = page.as_chunks::<4>();
    numbers
        .iter()
        .map(|octets| u32::from_le_bytes(*octets))
        .take_while(|number| *number != 0)
        .take(NAMESPACES_MAX)
        .collect()
}

/// A namespace's octets, from Identify Namespace (NVM command set 1.0, figure 97): its blocks, and a block's size by the format
/// that it has.
#[must_use]
pub fn namespace(page: &[u8]) -> Option<u64> {
    let blocks = le64(page, 0)?;
    let flbas = page.get(26)?;
    let format = usize::from(flbas & 0x0f | (flbas >> 5 & 0x03) << 4);
    let shift = *page.get(128 + format * 4 + 2)?;
    // blocks have at least 512 octets
    if !(9..=32).contains(&shift) {
        return None;
    }
    blocks.checked_mul(1 << shift)
}

/// A self-test that runs now, from log 06h.
#[must_use]
pub fn running(log: &[u8]) -> Option<Running> {
    let kind = log.first()? & 0x0f;
    (kind != 0).then(|| Running {
        extended: match kind {
            1 => Some(false),
            2 => Some(true),
            _ => None,
        },
        done: log.get(1).map(|done| (done & 0x7f).min(100)),
    })
}

/// Log 06h: self-tests, newest first, and whether one is under way.
#[must_use]
pub fn self_tests(log: &[u8]) -> Vec<SelfTest> {
    let mut tests = Vec::new();
    let running = log.first().copied().unwrap_or(0) & 0x0f;
    if running != 0 && log.len() > 1 {
        tests.push(SelfTest {
            extended: running == 2,
            outcome: Outcome::Running,
            hours: None,
        });
    }
    let (entries, _) = log.get(4..).unwrap_or_default().as_chunks::<28>();
    for entry in entries.iter().take(20) {
        let [status, segment, ..] = entry;
        let failure = |what: Why| Some(Outcome::Failure(what));
        let outcome = match status & 0x0f {
            0 if status >> 4 != 0 => Some(Outcome::Passed),
            1..=4 | 8 | 9 => Some(Outcome::Aborted),
            5 => failure(phrases::TEST_FATAL.into()),
            6 => failure(phrases::TEST_SOME_SEGMENT.into()),
            7 => failure(phrases::TEST_SEGMENT.with([(*segment).into()])),
            // Fh: never used
            _ => None,
        };
        if let Some(outcome) = outcome {
            tests.push(SelfTest {
                extended: status >> 4 == 2,
                outcome,
                hours: le64(entry, 4),
            });
        }
    }
    tests
}
