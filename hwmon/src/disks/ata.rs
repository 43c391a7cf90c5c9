//! ATA's pages (ACS-3, and SFF-8035i for attributes): octets in, facts out.

use super::names;
use super::octets::{array, le16, le32, le64};
use crate::NoData;
use crate::drive::{Ata, Attribute, Identity, Outcome, Raw, Running, SelfTest, TemperatureLimits, label};

/// Rows of the attribute table.
const ROWS: usize = 30;

/// IDENTIFY DEVICE: who the disk is, and what it can.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// Who it is.
    pub identity: Identity,
    /// Whether SMART can be asked; else why not.
    pub smart: Result<(), NoData>,
    /// Whether it has logs that are read by READ LOG EXT.
    pub general_logs: bool,
}

/// Reads IDENTIFY DEVICE's 512 octets; `None` where they are fewer, or hold nothing.
#[must_use]
pub fn identify(page: &[u8]) -> Option<Identified> {
    let page: [u8; 512] = array(page, 0)?;
    let word = |n: usize| le16(&page, n * 2).unwrap_or(0);
    if page.iter().all(|octet| *octet == 0) {
        return None;
    }
    // words 83 and 87 are valid where their upper bits are 01
    let valid = |word: u16| word & 0xc000 == 0x4000;
    let long = valid(word(83)) && word(83) & 1 << 10 != 0;
    let sectors = if long {
        le64(&page, 200)
    } else {
        le32(&page, 120).map(u64::from)
    };
    let sector = if valid(word(106)) && word(106) & 1 << 12 != 0 {
        le32(&page, 234).map_or(512, |words| u64::from(words) * 2)
    } else {
        512
    };
    let identity = Identity {
        model: swapped(&page, 27, 20),
        family: None,
        serial: swapped(&page, 10, 10),
        firmware: swapped(&page, 23, 4),
        capacity: sectors.filter(|n| *n > 0).map(|n| n.saturating_mul(sector)),
        rotation: match word(217) {
            1 => Some(0),
            rpm @ 0x0401..=0xfffe => Some(u32::from(rpm)),
            _ => None,
        },
    };
    let known = valid(word(83));
    let smart = match (known && word(82) & 1 != 0, word(85) & 1 != 0) {
        (false, _) => Err(NoData::Unsupported),
        (true, false) => Err(NoData::Disabled),
        (true, true) => Ok(()),
    };
    let general_logs = valid(word(84)) && word(84) & 1 << 5 != 0 || valid(word(87)) && word(87) & 1 << 5 != 0;
    Some(Identified {
        identity,
        smart,
        general_logs,
    })
}

/// Text in words whose first character is the upper octet.
fn swapped(page: &[u8; 512], from: usize, words: usize) -> Option<String> {
    let octets = page.get(from * 2..(from + words) * 2)?;
    let (pairs, _) = octets.as_chunks::<2>();
    let straight: Vec<u8> = pairs.iter().flat_map(|[low, high]| [*high, *low]).collect();
    super::octets::text(&straight)
}

/// SMART RETURN STATUS: the middle and upper octets of the LBA register.
#[must_use]
pub fn healthy(middle: u8, upper: u8) -> Option<bool> {
    match (middle, upper) {
        (0x4f, 0xc2) => Some(true),
        (0xf4, 0x2c) => Some(false),
        _ => None,
    }
}

/// What CHECK POWER MODE's count says: whether the disk sleeps.
#[must_use]
pub fn sleeps(count: u8) -> bool {
    // PM2 and PM1 of standby (ACS-3, table 204)
    matches!(count, 0x00 | 0x01)
}

/// SMART READ DATA and SMART READ THRESHOLDS, 512 octets each; without thresholds none judges. `solid_state` decides what
/// numbers are called.
#[must_use]
pub fn attributes(data: &[u8], thresholds: Option<&[u8]>, solid_state: bool) -> Vec<Attribute> {
    let row = |page: &[u8], n: usize| array::<12>(page, 2 + n * 12);
    let threshold = |id: u8| {
        let page = thresholds?;
        let found = (0..ROWS)
            .filter_map(|n| row(page, n))
            .find(|row| row.first() == Some(&id))?;
        found.get(1).copied()
    };
    let mut seen = [false; 256];
    (0..ROWS)
        .filter_map(|n| row(data, n))
        .filter_map(|[id, flags, _, value, worst, raw @ ..]| {
            let twice = seen
                .get_mut(usize::from(id))
                .is_none_or(|seen| std::mem::replace(seen, true));
            if id == 0 || twice {
                return None;
            }
            let [a, b, c, d, e, f, _] = raw;
            Some(Attribute {
                id,
                name: names::name(id, solid_state).to_owned(),
                prefail: Some(flags & 1 != 0),
                value: Some(value),
                worst: Some(worst),
                threshold: threshold(id),
                printed: None,
                raw: unpacked(id, [a, b, c, d, e, f]),
            })
        })
        .collect()
}

/// The 48 bits as a number; where vendors commonly pack more than one into them, the one that counts first.
fn unpacked(id: u8, raw: [u8; 6]) -> Raw {
    let [a, b, c, d, e, f] = raw;
    let bits = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
    let word = |low: u8, high: u8| u16::from_le_bytes([low, high]);
    let text = match id {
        // a count, and two words of the vendor's own
        5 | 196 if bits >> 16 != 0 => format!("{} ({} {})", word(a, b), word(e, f), word(c, d)),
        // 24 bits of hours, and three octets
        9 if d != 0 || e != 0 || f != 0 => format!("{} ({f} {e} {d})", bits & 0xff_ffff),
        _ => bits.to_string(),
    };
    Raw::from_text(&text).with_bits(Some(bits))
}

/// Where the disk says in SMART READ DATA how its last self-test ended.
#[must_use]
pub fn last_test(data: &[u8]) -> Option<Outcome> {
    data.get(363).copied().and_then(Outcome::from_ata)
}

/// A self-test that runs now, from SMART READ DATA: its status octet has what is left in tenths.
#[must_use]
pub fn running(data: &[u8]) -> Option<Running> {
    let status = data.get(363).copied()?;
    (status >> 4 == 15).then(|| Running {
        extended: None,
        done: 10u8.checked_sub(status & 0x0f).map(|tenths| tenths * 10),
    })
}

/// Whether SMART READ DATA says that the disk has self-tests: the off-line collection capabilities' bit 4.
#[must_use]
pub fn has_self_tests(data: &[u8]) -> bool {
    data.get(367).is_some_and(|can| can & 0x10 != 0)
}

/// The self-test log, 06h: newest first. `hours` are the disk's hours of service, by which the log's 16 bits are completed.
#[must_use]
pub fn self_tests(log: &[u8], hours: Option<u64>) -> Vec<SelfTest> {
    const ENTRIES: usize = 21;
    let newest = log.get(508).map_or(0, |n| usize::from(*n));
    logged(newest, ENTRIES, hours, |at| {
        array::<24>(log, 2 + at * 24)?.first_chunk().copied()
    })
}

/// Pages of the extended self-test log that are read.
pub const TEST_PAGES_MAX: u16 = 4;

/// The extended self-test log, 07h (ACS-3, A.21), all of its pages in one: newest first. `None` where it has another form.
#[must_use]
pub fn extended_self_tests(log: &[u8], hours: Option<u64>) -> Option<Vec<SelfTest>> {
    const ENTRIES: usize = 19;
    if log.first() != Some(&1) {
        return None;
    }
    let newest = usize::from(le16(log, 2)?);
    let (pages, _) = log.as_chunks::<512>();
    if newest > pages.len() * ENTRIES {
        // it lies in pages that were not read: the other log tells
        return None;
    }
    Some(logged(newest, pages.len() * ENTRIES, hours, |at| {
        array::<4>(pages.get(at / ENTRIES)?, 4 + at % ENTRIES * 26)
    }))
}

/// The entries of a log that is a ring, newest first: their number, status and hours. `newest` counts from 1; 0 is none.
fn logged(
    newest: usize,
    entries: usize,
    hours: Option<u64>,
    entry: impl Fn(usize) -> Option<[u8; 4]>,
) -> Vec<SelfTest> {
    if !(1..=entries).contains(&newest) {
        return Vec::new();
    }
    let backwards = (0..entries).map(|step| (newest - 1 + entries - step) % entries);
    backwards
        .filter_map(entry)
        .filter(|octets| *octets != [0; 4])
        .filter_map(|[number, status, low, high]| {
            let told = u64::from(u16::from_le_bytes([low, high]));
            Some(SelfTest {
                // 2 extended, 82h the same while the host waits
                extended: number & 0x7f == 2,
                outcome: Outcome::from_ata(status)?,
                hours: Some(hours.map_or(told, |now| completed(told, now))),
            })
        })
        .collect()
}

/// The latest time, up to `now`, with these lower 16 bits.
fn completed(told: u64, now: u64) -> u64 {
    if told > now {
        return told;
    }
    now - (now - told) % 0x1_0000
}

/// The error log, 01h: how many errors there were over the disk's life.
#[must_use]
pub fn errors(log: &[u8]) -> Option<u64> {
    // 0 and FFh as the index of the newest entry mean that the log is empty or unused
    let count = le16(log, 452)?;
    Some(u64::from(count))
}

/// Pages of each log, from the directory 00h.
#[must_use]
pub fn log_pages(directory: &[u8], log: u8) -> u16 {
    le16(directory, usize::from(log) * 2).unwrap_or(0)
}

/// The pending defects log, 0Ch: how many sectors wait.
#[must_use]
pub fn pending(log: &[u8]) -> Option<u64> {
    le32(log, 0).map(u64::from)
}

/// Device statistics, log 04h, page 07h: the part of the rated life that is used, in percent.
#[must_use]
pub fn life_used(page: &[u8]) -> Option<u32> {
    statistic(page, 7, 8).map(u32::from)
}

/// Device statistics, log 04h, page 05h: the temperature, and the highest that the maker allows.
#[must_use]
pub fn temperatures(page: &[u8]) -> (Option<i32>, TemperatureLimits) {
    let celsius = |at: usize| statistic(page, 5, at).map(|octet| i32::from(i8::from_le_bytes([octet])));
    let limits = TemperatureLimits {
        warning: celsius(0x58),
        critical: None,
    };
    (celsius(8), limits)
}

/// A statistic of one octet: its flags are in the upper octet, and say whether it is there and means something.
fn statistic(page: &[u8], number: u8, at: usize) -> Option<u8> {
    if page.get(2) != Some(&number) {
        return None;
    }
    let value: [u8; 8] = array(page, at)?;
    let [octet, .., flags] = value;
    (flags & 0xc0 == 0xc0).then_some(octet)
}

/// All that ATA's part of a drive has, from what could be read.
#[must_use]
pub fn part(attributes: Vec<Attribute>, errors: Option<u64>, pending_log: Option<u64>) -> Ata {
    Ata {
        attributes,
        errors,
        pending_log,
    }
}

/// The temperature that attributes tell: 194, then 190.
#[must_use]
pub fn celsius(attributes: &[Attribute]) -> Option<i32> {
    let of = |id: u8| {
        attributes
            .iter()
            .find(|a| a.id == id)
            .and_then(|a| a.raw.celsius(&a.name))
    };
    of(194).or_else(|| of(190)).filter(|celsius| *celsius != 0)
}

/// Hours of service that attribute 9 tells.
#[must_use]
pub fn hours(attributes: &[Attribute]) -> Option<u64> {
    let nine = attributes.iter().find(|a| a.id == 9)?;
    nine.raw.hours(&nine.name)
}

/// The registers in an answer's sense data: count, and the middle and upper octets of the LBA (SAT-3, 12.2.7). Descriptor and
/// fixed form.
#[must_use]
pub fn registers(sense: &[u8]) -> Option<(u8, u8, u8)> {
    match sense.first()? & 0x7f {
        0x72 | 0x73 => {
            let mut rest = sense.get(8..)?;
            // each descriptor: its type, its length, and so many octets
            while let [kind, length, body @ ..] = rest {
                let body_length = usize::from(*length);
                if *kind == 0x09
                    && let [_, _, _, count, _, _, _, middle, _, upper, ..] = body
                {
                    return Some((*count, *middle, *upper));
                }
                rest = body.get(body_length..)?;
            }
            None
        }
        0x70 | 0x71 => {
            // "ATA pass-through information available", 00/1Dh
            if sense.get(12..14)? != [0x00, 0x1d] {
                return None;
            }
            let at = |n: usize| sense.get(n).copied();
            Some((at(6)?, at(10)?, at(11)?))
        }
        _ => None,
    }
}

/// An identity's words from VPD page 89h, which translators keep, so that no sleeping disk is asked.
#[must_use]
pub fn cached_identity(page: &[u8]) -> Option<Identified> {
    if page.get(1) != Some(&0x89) {
        return None;
    }
    identify(page.get(60..)?)
}

/// A standard inquiry's names where there is no better.
#[must_use]
pub fn inquiry_identity(vendor: &str, product: &str, revision: &str) -> Identity {
    Identity {
        model: label(product).or_else(|| label(vendor)),
        firmware: label(revision),
        ..Identity::default()
    }
}
