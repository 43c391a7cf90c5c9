//! Time stamps: RFC 3339, RFC 3164's, and vendors' own.

use model::Timestamp;
use time::{Date, Month};

use crate::zone::{Zone, named};

const SECOND: u64 = 1_000_000_000;

/// A stamp as it is written: its parts are in range, the date may still not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// `None` where it is to be guessed.
    year: Option<u16>,
    month: u8,
    day: u8,
    nanos_of_day: u64,
    zone: Zone,
}

impl Stamp {
    /// Reads a stamp; answers what follows it.
    pub(crate) fn read(text: &str) -> Option<(Self, &str)> {
        let mut at = Cursor(text.as_bytes());
        let stamp = match text.as_bytes().first()? {
            b'0'..=b'9' => at.numeric()?,
            b'A'..=b'Z' | b'a'..=b'z' => at.alphabetic()?,
            _ => return None,
        };
        text.get(text.len().checked_sub(at.0.len())?..)
            .map(|rest| (stamp, rest))
    }

    /// The point in time: the year that is missing is that which comes nearest to `now`.
    pub(crate) fn resolve(&self, now: Timestamp, utc_offset: i32) -> Option<Timestamp> {
        let (first, second) = match self.zone {
            Zone::Unstated => (utc_offset, utc_offset),
            Zone::Offset(offset) => (offset, offset),
            Zone::Either(one, other) => (one, other),
        };
        let distance = |t: &Timestamp| t.nanos_since(now).max(now.nanos_since(*t));
        let in_year = |year: i32| {
            let date = Date::from_calendar_date(year, Month::try_from(self.month).ok()?, self.day).ok()?;
            let days = i64::from(date.to_julian_day()) - EPOCH_JULIAN_DAY;
            let nanos = i128::from(days) * i128::from(86_400 * SECOND) + i128::from(self.nanos_of_day);
            let at = |offset: i32| {
                let utc = nanos - i128::from(offset) * i128::from(SECOND);
                u64::try_from(utc).ok().map(Timestamp::from_nanos)
            };
            let one = at(first);
            if first == second {
                one
            } else {
                [one, at(second)].into_iter().flatten().min_by_key(distance)
            }
        };
        match self.year {
            Some(year) => in_year(i32::from(year)),
            None => {
                let this = year_of(now);
                (this - 1..=this + 1).filter_map(in_year).min_by_key(distance)
            }
        }
    }
}

const EPOCH_JULIAN_DAY: i64 = 2_440_588;

fn year_of(time: Timestamp) -> i32 {
    let secs = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    time::OffsetDateTime::from_unix_timestamp(secs).map_or(9999, time::OffsetDateTime::year)
}

/// Seconds since 1970 with a fraction, such as `1563249630.774247467`; answers what follows a space.
pub(crate) fn epoch(text: &str) -> Option<(Timestamp, &str)> {
    let (word, rest) = text.split_once(' ')?;
    Some((epoch_word(word)?, rest))
}

/// Seconds since 1970: ten digits, and a fraction of at most nine where there is one.
pub(crate) fn epoch_word(word: &str) -> Option<Timestamp> {
    let mut at = Cursor(word.as_bytes());
    let secs = at.digits(10, 10)?;
    let nanos = if at.eat(b'.') { at.fraction()? } else { 0 };
    at.0.is_empty()
        .then(|| Timestamp::from_secs(u64::from(secs)).plus_nanos(nanos))
}

/// Steps over a time since the start, as devices without a clock write it: `00:00:46`, `1d02h`, `3w4d`, `1y12w`,
/// `2:03:04:05`.
pub(crate) fn uptime(text: &str) -> Option<&str> {
    let end = text
        .bytes()
        .position(|b| !(b.is_ascii_digit() || b"ywdhms:.".contains(&b)))?;
    let (word, rest) = text.split_at_checked(end)?;
    let word = word.strip_suffix(':').filter(|word| word.len() <= 20)?;
    let mut at = Cursor(word.as_bytes());
    at.digits(1, 5)?;
    match at.take()? {
        b':' => {
            at.digits(2, 2)?;
            at.eat(b':').then_some(())?;
            at.digits(2, 2)?;
            if at.eat(b':') {
                at.digits(2, 2)?;
            }
            if at.eat(b'.') {
                at.fraction()?;
            }
        }
        b'y' | b'w' | b'd' => {
            at.digits(1, 3)?;
            matches!(at.take()?, b'w' | b'd' | b'h').then_some(())?;
        }
        _ => return None,
    }
    at.0.is_empty().then_some(rest)
}

/// Octets that are still to be read.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    fn take(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn eat(&mut self, octet: u8) -> bool {
        let found = self.peek() == Some(octet);
        if found {
            self.take();
        }
        found
    }

    fn spaces(&mut self) -> Option<()> {
        self.eat(b' ').then_some(())?;
        while self.eat(b' ') {}
        Some(())
    }

    /// A number of `least` to `most` digits, at most ten.
    fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let mut value = 0u64;
        let mut count = 0;
        while count < most {
            match self.peek() {
                Some(digit @ b'0'..=b'9') => value = value * 10 + u64::from(digit - b'0'),
                _ => break,
            }
            self.take();
            count += 1;
        }
        (count >= least).then_some(u32::try_from(value).ok()).flatten()
    }

    fn small(&mut self, least: usize, most: usize, range: std::ops::RangeInclusive<u32>) -> Option<u8> {
        let value = self.digits(least, most).filter(|value| range.contains(value))?;
        u8::try_from(value).ok()
    }

    fn year(&mut self) -> Option<u16> {
        let value = self.digits(4, 4).filter(|year| (1970..=2554).contains(year))?;
        u16::try_from(value).ok()
    }

    fn month_name(&mut self) -> Option<u8> {
        let (name, rest) = self.0.split_first_chunk::<3>()?;
        let month = match name {
            b"Jan" | b"JAN" | b"jan" => 1,
            b"Feb" | b"FEB" | b"feb" => 2,
            b"Mar" | b"MAR" | b"mar" => 3,
            b"Apr" | b"APR" | b"apr" => 4,
            b"May" | b"MAY" | b"may" => 5,
            b"Jun" | b"JUN" | b"jun" => 6,
            b"Jul" | b"JUL" | b"jul" => 7,
            b"Aug" | b"AUG" | b"aug" => 8,
            b"Sep" | b"SEP" | b"sep" => 9,
            b"Oct" | b"OCT" | b"oct" => 10,
            b"Nov" | b"NOV" | b"nov" => 11,
            b"Dec" | b"DEC" | b"dec" => 12,
            _ => return None,
        };
        self.0 = rest;
        Some(month)
    }

    fn weekday(&mut self) -> bool {
        let Some((name, rest)) = self.0.split_first_chunk::<3>() else {
            return false;
        };
        let found = matches!(name, b"Mon" | b"Tue" | b"Wed" | b"Thu" | b"Fri" | b"Sat" | b"Sun");
        if found {
            self.0 = rest;
            self.eat(b',');
        }
        found
    }

    fn day(&mut self) -> Option<u8> {
        self.small(1, 2, 1..=31)
    }

    /// `Mon D [YYYY] TIME [YYYY] [ZONE]`, perhaps after a weekday.
    fn alphabetic(&mut self) -> Option<Stamp> {
        if self.weekday() {
            self.spaces()?;
        }
        let month = self.month_name()?;
        self.spaces()?;
        let day = self.day()?;
        self.eat(b',');
        self.spaces()?;
        let mut year = None;
        let before = self.0;
        if let Some(found) = self.year().filter(|_| matches!(self.peek(), Some(b' ' | b','))) {
            year = Some(found);
            self.eat(b',');
            self.spaces()?;
        } else {
            self.0 = before;
        }
        let nanos_of_day = self.time()?;
        if year.is_none() {
            year = self.trailing_year();
        }
        // Some write UTC with the offset of the local time beside it, most write the local time.
        let attached = matches!(self.peek(), Some(b'+' | b'-'));
        let zone = match self.zone(true) {
            Zone::Offset(offset) if attached && offset != 0 => Zone::Either(offset, 0),
            zone => zone,
        };
        if year.is_none() {
            year = self.trailing_year();
        }
        Some(Stamp {
            year,
            month,
            day,
            nanos_of_day,
            zone,
        })
    }

    /// A year after the time, as in `12:00:00 2021`.
    fn trailing_year(&mut self) -> Option<u16> {
        let before = self.0;
        let year = self.eat(b' ').then(|| self.year()).flatten();
        let year = year.filter(|_| matches!(self.peek(), None | Some(b' ' | b':' | b',')));
        if year.is_none() {
            self.0 = before;
        }
        year
    }

    fn numeric(&mut self) -> Option<Stamp> {
        let before = self.0;
        if let Some(year) = self.year() {
            match self.take()? {
                // 2021-01-05T12:00:00, 2021/1/5 12:00:00
                separator @ (b'-' | b'/') => {
                    let month = self.small(1, 2, 1..=12)?;
                    self.eat(separator).then_some(())?;
                    let day = self.day()?;
                    let between = self.take().filter(|b| matches!(b, b'T' | b't' | b' ' | b':'))?;
                    let nanos_of_day = self.time()?;
                    // RFC 3339 has its zone at once, or none: the word that follows is a host.
                    let strict = matches!(between, b'T' | b't');
                    let zone = match self.peek() {
                        Some(b' ') if strict => Zone::Unstated,
                        _ => self.zone(!strict),
                    };
                    return Some(Stamp {
                        year: Some(year),
                        month,
                        day,
                        nanos_of_day,
                        zone,
                    });
                }
                // 2021 Jan  5 12:00:00
                b' ' => {
                    let month = self.month_name()?;
                    self.spaces()?;
                    let day = self.day()?;
                    self.spaces()?;
                    let nanos_of_day = self.time()?;
                    let zone = self.zone(true);
                    return Some(Stamp {
                        year: Some(year),
                        month,
                        day,
                        nanos_of_day,
                        zone,
                    });
                }
                _ => return None,
            }
        }
        self.0 = before;
        let first = self.small(1, 2, 1..=31)?;
        match self.take()? {
            // 05/21/2017:00:00:00 GMT
            b'/' => {
                let month = Some(first).filter(|m| *m <= 12)?;
                let day = self.day()?;
                self.eat(b'/').then_some(())?;
                let year = self.year()?;
                matches!(self.take()?, b':' | b' ').then_some(())?;
                let nanos_of_day = self.time()?;
                let zone = self.zone(true);
                Some(Stamp {
                    year: Some(year),
                    month,
                    day,
                    nanos_of_day,
                    zone,
                })
            }
            // 5 Jan 2021 12:00:00
            b' ' => {
                let month = self.month_name()?;
                self.spaces()?;
                let year = self.year()?;
                self.spaces()?;
                let nanos_of_day = self.time()?;
                let zone = self.zone(true);
                Some(Stamp {
                    year: Some(year),
                    month,
                    day: first,
                    nanos_of_day,
                    zone,
                })
            }
            _ => None,
        }
    }

    /// `HH:MM:SS` and a fraction after a dot or a comma, or three digits of it after a colon.
    fn time(&mut self) -> Option<u64> {
        let hour = u64::from(self.small(1, 2, 0..=23)?);
        self.eat(b':').then_some(())?;
        let minute = u64::from(self.small(2, 2, 0..=59)?);
        self.eat(b':').then_some(())?;
        // A leap second is the one before it, prolonged.
        let second = u64::from(self.small(2, 2, 0..=60)?.min(59));
        let mut nanos = (hour * 3_600 + minute * 60 + second) * SECOND;
        let before = self.0;
        match self.peek() {
            Some(b'.' | b',') => {
                self.take();
                match self.fraction() {
                    Some(fraction) => nanos += fraction,
                    None => self.0 = before,
                }
            }
            Some(b':') => {
                self.take();
                match self
                    .digits(3, 3)
                    .filter(|_| !matches!(self.peek(), Some(b'0'..=b'9' | b':')))
                {
                    Some(millis) => nanos += u64::from(millis) * 1_000_000,
                    None => self.0 = before,
                }
            }
            _ => {}
        }
        Some(nanos)
    }

    /// Digits of a second's fraction, as nanoseconds; more than nine are stepped over.
    fn fraction(&mut self) -> Option<u64> {
        let before = self.0.len();
        let digits = u64::from(self.digits(1, 9)?);
        let count = u32::try_from(before - self.0.len()).ok()?;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.take();
        }
        Some(digits * 10u64.pow(9u32.saturating_sub(count)))
    }

    /// `Z`, `+08:00`, ` UTC`, ` GMT+8`, ` CST`, and where `daylight` may be marked ` DST` after it;
    /// nothing is taken where there is no zone.
    fn zone(&mut self, daylight: bool) -> Zone {
        let before = self.0;
        let found = match self.peek() {
            Some(b'+' | b'-') => self.offset(),
            Some(b'Z' | b'z') => {
                self.take();
                Some(Zone::Offset(0))
            }
            Some(b' ') => {
                self.take();
                match self.peek() {
                    Some(b'+' | b'-') => self.offset(),
                    _ => self.zone_name(),
                }
            }
            Some(b'A'..=b'Y') => self.zone_name(),
            _ => None,
        };
        let ends = matches!(self.peek(), None | Some(b' ' | b':' | b',' | b']' | b'\t'));
        let Some(zone) = found.filter(|_| ends) else {
            self.0 = before;
            return Zone::Unstated;
        };
        if daylight
            && let Some(rest) = self.0.strip_prefix(b" DST")
            && matches!(rest.first(), None | Some(b' ' | b':'))
        {
            self.0 = rest;
        }
        zone
    }

    fn offset(&mut self) -> Option<Zone> {
        let sign = if self.take()? == b'-' { -1 } else { 1 };
        let hours = i32::from(self.small(1, 2, 0..=15)?);
        let minutes = match self.0 {
            [b':', b'0'..=b'9', ..] => {
                self.take();
                i32::from(self.small(2, 2, 0..=59)?)
            }
            [b'0'..=b'9', ..] => i32::from(self.small(2, 2, 0..=59)?),
            _ => 0,
        };
        Some(Zone::Offset(sign * (hours * 3_600 + minutes * 60)))
    }

    fn zone_name(&mut self) -> Option<Zone> {
        let end = self
            .0
            .iter()
            .take(8)
            .position(|b| !b.is_ascii_alphabetic())
            .unwrap_or(self.0.len().min(8));
        let (word, rest) = self.0.split_at_checked(end)?;
        let name = std::str::from_utf8(word).ok()?;
        let zone = match named(name) {
            Some(zone) => zone,
            // Cisco's `clock timezone` takes any name: what precedes the mnemonic is one.
            None if (1..=7).contains(&end) && rest.starts_with(b": %") => Zone::Unstated,
            None => return None,
        };
        self.0 = rest;
        // GMT+8, UTC+08:00: the offset is said after the name.
        if matches!(name, "UTC" | "GMT") && matches!(self.peek(), Some(b'+' | b'-')) {
            return self.offset();
        }
        Some(zone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, now: &str, offset: i32) -> Option<(String, String)> {
        let now = Timestamp::parse(now).unwrap();
        let (stamp, rest) = Stamp::read(text)?;
        Some((stamp.resolve(now, offset)?.to_string(), rest.to_owned()))
    }

    #[test]
    fn every_form_is_read() {
        const NOW: &str = "2021-01-05T12:00:30Z";
        for (text, time, rest) in [
            ("Jan  5 12:00:00 host", "2021-01-05T12:00:00.000000Z", " host"),
            ("Jan 5 12:00:00.123456 host", "2021-01-05T12:00:00.123456Z", " host"),
            ("Jan 05 2021 12:00:00: %ASA", "2021-01-05T12:00:00.000000Z", ": %ASA"),
            ("Jan  5 12:00:00:123 2021 H3C", "2021-01-05T12:00:00.123000Z", " H3C"),
            ("Jan  5 12:00:00 2021 H3C", "2021-01-05T12:00:00.000000Z", " H3C"),
            ("Jan  5 2021 20:00:00+08:00 CE", "2021-01-05T12:00:00.000000Z", " CE"),
            (
                "Jan  5 2021 12:00:00+08:00 HUAWEI",
                "2021-01-05T12:00:00.000000Z",
                " HUAWEI",
            ),
            (
                "Jan  5 2021 12:00:00 DST HUAWEI",
                "2021-01-05T12:00:00.000000Z",
                " HUAWEI",
            ),
            ("Jan  5 20:00:00.5 CST: %SYS", "2021-01-05T12:00:00.500000Z", ": %SYS"),
            ("Jan  5 06:00:00 CST: %SYS", "2021-01-05T12:00:00.000000Z", ": %SYS"),
            ("Jan  5 12:00:00.123 XYZ: %SYS", "2021-01-05T12:00:00.123000Z", ": %SYS"),
            ("Jan  5 12:00:00 CRON: run", "2021-01-05T12:00:00.000000Z", " CRON: run"),
            ("Tue Jan  5 12:00:00 2021 x", "2021-01-05T12:00:00.000000Z", " x"),
            ("2021-01-05T12:00:00.123Z esx", "2021-01-05T12:00:00.123000Z", " esx"),
            (
                "2021-01-05T20:00:00.123456789+08:00 a",
                "2021-01-05T12:00:00.123456789Z",
                " a",
            ),
            ("2021-1-5 12:00:00 zte", "2021-01-05T12:00:00.000000Z", " zte"),
            ("2021/01/05 12:00:00,0072", "2021-01-05T12:00:00.007200Z", ""),
            ("2021 Jan  5 12:00:00 UTC: %A", "2021-01-05T12:00:00.000000Z", ": %A"),
            ("2021 Jan 5 20:00:00 GMT+8: %A", "2021-01-05T12:00:00.000000Z", ": %A"),
            ("01/05/2021:12:00:00 GMT ns", "2021-01-05T12:00:00.000000Z", " ns"),
            ("5 Jan 2021 12:00:00 x", "2021-01-05T12:00:00.000000Z", " x"),
            ("Jan  5 12:00:60 x", "2021-01-05T12:00:59.000000Z", " x"),
        ] {
            assert_eq!(read(text, NOW, 0), Some((time.to_owned(), rest.to_owned())), "{text}");
        }
        for text in [
            "",
            "Jan",
            "Jan 32 12:00:00",
            "Jan 5 24:00:00",
            "12:00:00",
            "2021-13-01T00:00:00Z",
            "Foo 5 1:2:3",
            "May be",
        ] {
            assert_eq!(Stamp::read(text), None, "{text}");
        }
    }

    #[test]
    fn the_year_is_the_nearest() {
        let at = |text, now| read(text, now, 0).unwrap().0;
        assert_eq!(
            at("Dec 31 23:59:59 x", "2021-01-01T00:00:01Z"),
            "2020-12-31T23:59:59.000000Z"
        );
        assert_eq!(
            at("Jan  1 00:00:00 x", "2020-12-31T23:59:59Z"),
            "2021-01-01T00:00:00.000000Z"
        );
        assert_eq!(
            at("Feb 29 00:00:00 x", "2021-02-27T00:00:00Z"),
            "2020-02-29T00:00:00.000000Z"
        );
        assert_eq!(read("Feb 29 00:00:00 x", "2026-02-27T00:00:00Z", 0), None);
        assert_eq!(read("Feb 30 00:00:00 x", "2026-02-27T00:00:00Z", 0), None);
    }

    #[test]
    fn the_exporters_offset_counts_where_none_is_stated() {
        let at = |text| read(text, "2021-01-05T12:00:00Z", 28_800).unwrap().0;
        assert_eq!(at("Jan  5 20:00:00 x"), "2021-01-05T12:00:00.000000Z");
        assert_eq!(at("Jan  5 12:00:00 UTC x"), "2021-01-05T12:00:00.000000Z");
        assert_eq!(at("2021-01-05 20:00:00 x"), "2021-01-05T12:00:00.000000Z");
    }

    #[test]
    fn uptimes_are_stepped_over() {
        for text in [
            "00:00:46: x",
            "1d02h: x",
            "3w4d: x",
            "1y12w: x",
            "2:03:04:05: x",
            "00:00:46.123: x",
        ] {
            assert_eq!(uptime(text), Some(" x"), "{text}");
        }
        for text in ["00:46: x", "1d: x", "hello: x", "00:00:46", "12:00: x", "1.2: x"] {
            assert_eq!(uptime(text), None, "{text}");
        }
    }

    #[test]
    fn epochs_are_read() {
        let (time, rest) = epoch("1563249630.774247467 MX84").unwrap();
        assert_eq!((time.as_nanos(), rest), (1_563_249_630_774_247_467, "MX84"));
        assert_eq!(epoch("15632496301 MX84"), None);
        assert_eq!(epoch("hello x"), None);
    }
}
