//! Numbers, addresses and times as text, without detours: a capture may have millions of flows.

use std::io::Write;
use std::net::IpAddr;

use model::{App, MacAddr, Timestamp};

/// Appends a decimal number.
pub(crate) fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + digit(value % 10);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a number of exactly `width` digits.
fn padded(out: &mut Vec<u8>, value: u64, width: u32) {
    for place in (0..width).rev() {
        out.push(b'0' + digit(value / 10_u64.pow(place) % 10));
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a remainder of 10")]
const fn digit(value: u64) -> u8 {
    value as u8
}

/// Appends an address: IPv6 as RFC 5952 has it.
pub(crate) fn address(out: &mut Vec<u8>, addr: IpAddr) {
    match addr {
        IpAddr::V4(v4) => {
            for (place, octet) in v4.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                number(out, u64::from(octet));
            }
        }
        IpAddr::V6(v6) => append(out, format_args!("{v6}")),
    }
}

/// Appends a hardware address.
pub(crate) fn mac(out: &mut Vec<u8>, mac: MacAddr) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for (place, octet) in mac.0.into_iter().enumerate() {
        if place > 0 {
            out.push(b':');
        }
        out.push(HEX[usize::from(octet >> 4)]);
        out.push(HEX[usize::from(octet & 15)]);
    }
}

/// Appends a time as RFC 3339 has it, in UTC, with six digits of the second's fraction, or nine
/// where they say more.
pub(crate) fn time(out: &mut Vec<u8>, time: Timestamp) {
    let seconds = time.as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    padded(out, year, 4);
    out.push(b'-');
    padded(out, month, 2);
    out.push(b'-');
    padded(out, day, 2);
    out.push(b'T');
    padded(out, seconds / 3_600 % 24, 2);
    out.push(b':');
    padded(out, seconds / 60 % 60, 2);
    out.push(b':');
    padded(out, seconds % 60, 2);
    out.push(b'.');
    let nanos = time.as_nanos() % 1_000_000_000;
    if nanos.is_multiple_of(1_000) {
        padded(out, nanos / 1_000, 6);
    } else {
        padded(out, nanos, 9);
    }
    out.push(b'Z');
}

/// Year, month and day of a number of days since 1970-01-01 (Howard Hinnant's `civil_from_days`).
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Appends an application's name.
pub(crate) fn app(out: &mut Vec<u8>, app: App) {
    match app.name() {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => append(out, format_args!("{app}")),
    }
}

/// Appends text as JSON has it, in quotes.
pub(crate) fn json(out: &mut Vec<u8>, text: &str) {
    if text
        .bytes()
        .all(|octet| octet >= b' ' && octet != b'"' && octet != b'\\')
    {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
        return;
    }
    // Writing to a Vec cannot fail.
    let _ = serde_json::to_writer(out, text);
}

/// Appends formatted text.
fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = out.write_fmt(text);
}

/// A number of things: "1 flow", "2 flows".
pub(crate) fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// A quantity of octets for people: three digits and a unit.
pub(crate) fn octets(value: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if value < 1_000 {
        return format!("{value} B");
    }
    #[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut scaled = value as f64 / 1_000.0;
    let mut unit = 0;
    while scaled >= 999.5 && unit + 1 < UNITS.len() {
        scaled /= 1_000.0;
        unit += 1;
    }
    let digits = if scaled < 9.995 {
        2
    } else if scaled < 99.95 {
        1
    } else {
        0
    };
    format!("{scaled:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_are_those_of_the_model() {
        let nanos = [
            0,
            951_782_399_999_999_999,
            951_782_400_000_000_000,
            1_700_000_000_123_456_000,
            1_709_164_800_000_000_001,
            4_107_542_400_000_001_000,
            u64::MAX,
        ];
        let leap_years = (0..200_000).map(|day| day * 86_400_000_000_000);
        for time in nanos.into_iter().chain(leap_years).map(Timestamp::from_nanos) {
            assert_eq!(text(|out| super::time(out, time)), time.to_string());
        }
    }

    #[test]
    fn numbers_and_addresses() {
        for value in [0, 9, 10, 12_345, u64::MAX] {
            assert_eq!(text(|out| number(out, value)), value.to_string());
        }
        for addr in ["0.0.0.0", "192.0.2.255", "::", "2001:db8::1", "::ffff:1.2.3.4"] {
            assert_eq!(text(|out| address(out, addr.parse().unwrap())), addr);
        }
        let mac_addr = MacAddr([0, 0x1a, 0xff, 9, 0x90, 0xa0]);
        assert_eq!(text(|out| mac(out, mac_addr)), mac_addr.to_string());
    }

    #[test]
    fn octets_have_three_digits() {
        for (value, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (9_999, "10.0 kB"),
            (99_990, "100 kB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (12_345_678_901, "12.3 GB"),
        ] {
            assert_eq!(octets(value), expected);
        }
    }
}
