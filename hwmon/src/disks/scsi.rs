//! SCSI's pages (SPC-5, SBC-4): octets in, facts out.

use super::octets::{be, text};
use crate::drive::{Assessment, Outcome, SelfTest};
use crate::why::{Phrase, Why, phrases};

/// The most parameters of a log page.
const PARAMETERS_MAX: usize = 512;

/// A standard inquiry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiry {
    /// The peripheral device type: 0 is a disk.
    pub kind: u8,
    /// Vendor; `ATA` where an ATA disk is behind a translator.
    pub vendor: String,
    /// Product.
    pub product: String,
    /// Revision of its firmware.
    pub revision: String,
}

/// Reads a standard inquiry; `None` where it is cut off.
#[must_use]
pub fn inquiry(page: &[u8]) -> Option<Inquiry> {
    let name = |from: usize, to: usize| page.get(from..to).map(|o| text(o).unwrap_or_default());
    Some(Inquiry {
        kind: page.first()? & 0x1f,
        vendor: name(8, 16)?,
        product: name(16, 32)?,
        revision: name(32, 36)?,
    })
}

/// VPD page 80h: the serial number.
#[must_use]
pub fn serial(page: &[u8]) -> Option<String> {
    let [_, 0x80, high, low, rest @ ..] = page else {
        return None;
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    text(rest.get(..length).unwrap_or(rest))
}

/// VPD page B1h: revolutions a minute, 0 for flash.
#[must_use]
pub fn rotation(page: &[u8]) -> Option<u32> {
    let [_, 0xb1, _, _, high, low, ..] = page else {
        return None;
    };
    match u16::from_be_bytes([*high, *low]) {
        1 => Some(0),
        rpm @ 0x0401..=0xfffe => Some(u32::from(rpm)),
        _ => None,
    }
}

/// READ CAPACITY (16): octets.
#[must_use]
pub fn capacity(data: &[u8]) -> Option<u64> {
    let last = be(data.get(..8)?)?;
    let block = be(data.get(8..12)?)?;
    last.checked_add(1)?.checked_mul(block).filter(|octets| *octets > 0)
}

/// Sense key, additional code and its qualifier, in both forms.
#[must_use]
pub fn sense(octets: &[u8]) -> Option<(u8, u8, u8)> {
    let at = |n: usize| octets.get(n).copied();
    match at(0)? & 0x7f {
        0x70 | 0x71 => Some((at(2)? & 0x0f, at(12).unwrap_or(0), at(13).unwrap_or(0))),
        0x72 | 0x73 => Some((at(1)? & 0x0f, at(2)?, at(3)?)),
        _ => None,
    }
}

/// Whether sense data say that the disk sleeps: 5Eh with standby's and sleep's qualifiers, or "not ready, start it".
#[must_use]
pub fn sleeps(octets: &[u8]) -> bool {
    match sense(octets) {
        Some((_, 0x5e, qualifier)) => matches!(qualifier, 0x02 | 0x04 | 0x09 | 0x0a | 0x43 | 0x45),
        Some((0x02, 0x04, 0x02)) => true,
        _ => false,
    }
}

/// A log page's parameters: codes and values. An answer about another page gives none.
#[must_use]
pub fn parameters(page: &[u8], number: u8) -> Vec<(u16, &[u8])> {
    let [code, _, high, low, rest @ ..] = page else {
        return Vec::new();
    };
    if code & 0x3f != number {
        return Vec::new();
    }
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let mut rest = rest.get(..length).unwrap_or(rest);
    let mut out = Vec::new();
    while let [high, low, _, length, body @ ..] = rest {
        let length = usize::from(*length);
        let Some(value) = body.get(..length) else { break };
        if out.len() >= PARAMETERS_MAX {
            break;
        }
        out.push((u16::from_be_bytes([*high, *low]), value));
        rest = body.get(length..).unwrap_or_default();
    }
    out
}

/// A log page's parameter.
fn parameter(page: &[u8], number: u8, code: u16) -> Option<&[u8]> {
    parameters(page, number)
        .into_iter()
        .find(|(c, _)| *c == code)
        .map(|(_, value)| value)
}

/// Pages 02h, 03h, 05h: errors that could not be corrected.
#[must_use]
pub fn uncorrected(page: &[u8], number: u8) -> Option<u64> {
    be(parameter(page, number, 0x0006)?)
}

/// Page 06h: errors that are not the medium's.
#[must_use]
pub fn non_medium(page: &[u8]) -> Option<u64> {
    be(parameter(page, 0x06, 0)?)
}

/// Page 0Dh: the temperature, and the highest that is allowed over the disk's life.
#[must_use]
pub fn temperatures(page: &[u8]) -> (Option<i32>, Option<i32>) {
    let celsius = |code: u16| {
        let value = parameter(page, 0x0d, code)?;
        // 0 and FFh: it does not know
        value.get(1).copied().filter(|t| !matches!(t, 0 | 0xff)).map(i32::from)
    };
    (celsius(0), celsius(1))
}

/// Page 2Fh: what the disk says of its health, and the temperature that some have only there.
#[must_use]
pub fn informational(page: &[u8]) -> Option<(Assessment, Option<i32>)> {
    let value = parameter(page, 0x2f, 0)?;
    let (asc, ascq) = (*value.first()?, *value.get(1)?);
    let celsius = value.get(2).copied().filter(|t| !matches!(t, 0 | 0xff)).map(i32::from);
    let failed =
        |what: &'static Phrase| Assessment::Failed(Some(what.with([format!("{asc:02x}h/{ascq:02x}h").into()])));
    let assessment = match asc {
        0x5d => failed(phrases::SENSE_PREDICTED),
        0x0b => failed(warning(ascq)),
        _ => Assessment::Passed,
    };
    Some((assessment, celsius))
}

/// Additional sense codes 0Bh.
fn warning(ascq: u8) -> &'static Phrase {
    match ascq {
        0x01 => phrases::SENSE_HEAT,
        0x02 => phrases::SENSE_ENCLOSURE,
        0x03 => phrases::SENSE_SELF_TEST,
        0x04 => phrases::SENSE_PRE_SCAN,
        0x05 => phrases::SENSE_SCAN,
        _ => phrases::SENSE_WARNING,
    }
}

/// Page 15h: hours of service.
#[must_use]
pub fn hours(page: &[u8]) -> Option<u64> {
    let minutes = be(parameter(page, 0x15, 0)?.get(..4)?)?;
    Some(minutes / 60)
}

/// Page 11h: the part of the rated life that is used, in percent.
#[must_use]
pub fn life_used(page: &[u8]) -> Option<u32> {
    parameter(page, 0x11, 1)?.get(3).copied().map(u32::from)
}

/// Page 10h: self-tests, newest first.
#[must_use]
pub fn self_tests(page: &[u8]) -> Vec<SelfTest> {
    let mut tests = Vec::new();
    for (_, value) in parameters(page, 0x10)
        .into_iter()
        .filter(|(code, _)| (1..=20).contains(code))
    {
        let [first, _, high, low, ..] = value else { continue };
        let hours = u16::from_be_bytes([*high, *low]);
        let result = first & 0x0f;
        if result == 0 && hours == 0 {
            // the rest was never used
            break;
        }
        let failure = |what: Why| Some(Outcome::Failure(what));
        let outcome = match result {
            0 => Some(Outcome::Passed),
            1 | 2 => Some(Outcome::Aborted),
            3 => failure(phrases::TEST_FATAL.into()),
            4 => failure(phrases::TEST_SOME_SEGMENT.into()),
            5 => failure(phrases::TEST_SEGMENT.with([1u8.into()])),
            6 => failure(phrases::TEST_SEGMENT.with([2u8.into()])),
            7 => failure(phrases::TEST_SOME_SEGMENT.into()),
            15 => Some(Outcome::Running),
            _ => None,
        };
        if let Some(outcome) = outcome {
            tests.push(SelfTest {
                extended: matches!(first >> 5, 2 | 6),
                outcome,
                hours: Some(u64::from(hours)),
            });
        }
    }
    tests
}

/// READ DEFECT DATA (10), its head: how many elements the grown list has.
#[must_use]
pub fn grown_defects(head: &[u8]) -> Option<u64> {
    let [_, format, high, low, ..] = head else { return None };
    let octets = u64::from(u16::from_be_bytes([*high, *low]));
    // octets of one element, by the format (SBC-4, 4.13.2)
    match format & 0x07 {
        0 => Some(octets / 4),
        1..=5 => Some(octets / 8),
        _ => None,
    }
}
