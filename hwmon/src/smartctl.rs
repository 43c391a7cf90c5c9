//! What smartctl printed, as JSON or as text, of ATA, SCSI and `NVMe` drives, by any version from 5.40 to 7.5.
//!
//! The formats were learned from what smartmontools prints (ataprint, scsiprint, nvmeprint), not from examples alone:
//! a line or key that is not there leaves its reading missing, and what is unknown is passed over.

mod json;
mod text;
mod trouble;

use crate::drive::Drive;
use crate::{Error, input};

/// The most drives that one file is read for.
pub const DRIVES_MAX: usize = 256;

/// Reads a file of `smartctl --json`: one document, an array of them, or one after another. `whence` names the file in
/// errors.
///
/// # Errors
/// Where the file is empty, is no JSON, is cut off, or is no output of smartctl.
pub fn json(whence: &str, bytes: &[u8]) -> Result<Vec<Drive>, Error> {
    json::read(whence, bytes)
}

/// Reads a file of `smartctl -a`, `-x`, `-H` or the like; several outputs may follow one another. `whence` names the
/// file in errors.
///
/// # Errors
/// Where the file is empty or holds nothing that smartctl prints.
pub fn text(whence: &str, bytes: &[u8]) -> Result<Vec<Drive>, Error> {
    text::read(whence, &input::text(bytes))
}

/// A number as smartctl prints it in the locales of its users: `1,234`, `1.234`, `1 234`, `1'234`. Anything behind it is
/// left.
fn grouped(text: &str) -> Option<u64> {
    let text = text.trim_start();
    if let Some(hex) = text.strip_prefix("0x") {
        let end = hex.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(hex.len());
        return u64::from_str_radix(hex.get(..end)?, 16).ok();
    }
    let mut value: Option<u64> = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if let Some(digit) = c.to_digit(10) {
            value = Some(value.unwrap_or(0).saturating_mul(10).saturating_add(u64::from(digit)));
        } else {
            let separates = matches!(
                c,
                ',' | '.' | '\'' | '\u{a0}' | '\u{202f}' | '\u{2019}' | ' ' | '\u{fffd}'
            );
            if value.is_none() || !separates || !chars.peek().is_some_and(char::is_ascii_digit) {
                break;
            }
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_locale() {
        for text in [
            "1234567",
            "1,234,567",
            "1.234.567",
            "1 234 567",
            "1'234'567",
            "1\u{202f}234\u{202f}567 [x]",
        ] {
            assert_eq!(grouped(text), Some(1_234_567), "{text}");
        }
        assert_eq!(grouped("0x0d"), Some(13));
        assert_eq!(grouped("105%"), Some(105));
        assert_eq!(grouped("99999999999999999999999"), Some(u64::MAX));
        assert_eq!(grouped("-"), None);
        assert_eq!(grouped(""), None);
    }
}
