//! Times as people, nfdump and `spanwatch flows` write them.

use model::Timestamp;

const NANOS: u64 = 1_000_000_000;

/// A time, and whether it was cut to whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct When {
    /// Nanoseconds since 1970.
    pub(crate) nanos: u64,
    /// Whether its text had no fraction.
    pub(crate) is_cut: bool,
}

impl When {
    /// Milliseconds since 1970 where there are 12 digits or more, else seconds; `None`: it is 1970-01-01.
    pub(crate) fn of_number(number: u64) -> Option<Self> {
        let (unit, is_cut) = match number {
            100_000_000_000.. => (1_000_000, false),
            _ => (NANOS, true),
        };
        let nanos = number.saturating_mul(unit);
        (nanos >= NANOS * 86_400).then_some(Self { nanos, is_cut })
    }

    /// `2026-11-21 10:00:00.123`, with `T` or a blank, a fraction or none, `Z`, `+08:00` or no zone: `zone_s` seconds east
    /// of UTC then. A number is milliseconds since 1970 where it has no fraction and 12 digits or more, else seconds. The
    /// outer `None`: it is no time; the inner: it is 1970-01-01, nfdump's way of saying that there is none.
    pub(crate) fn parse(value: &str, zone_s: i32) -> Option<Option<Self>> {
        let text = value.trim();
        if let Ok(number) = text.parse() {
            return Some(Self::of_number(number));
        }
        let when = match text.split_once('.') {
            Some((seconds, fraction)) if seconds.bytes().all(|b| b.is_ascii_digit()) => {
                let seconds: u64 = seconds.parse().ok()?;
                Self {
                    nanos: seconds.checked_mul(NANOS)?.checked_add(nanos_of(fraction)?)?,
                    is_cut: false,
                }
            }
            _ => calendar(text, zone_s)?,
        };
        Some((when.nanos >= NANOS * 86_400).then_some(when))
    }
}

/// What a person asks about: `now`; `-2h` or `now-2h`, before now; `2026-11-21`, `2026-11-21 10:00` and whatever else
/// [`When::parse`] takes.
pub(crate) fn asked(text: &str, now: Timestamp, zone_s: i32) -> Option<Timestamp> {
    let text = text.trim();
    if text == "now" {
        return Some(now);
    }
    if let Some(ago) = text.strip_prefix("now").unwrap_or(text).strip_prefix('-') {
        let nanos = length_s(ago)?.checked_mul(NANOS)?;
        return Some(Timestamp::from_nanos(now.as_nanos().saturating_sub(nanos)));
    }
    let (date, clock) = text.split_once([' ', 'T']).unwrap_or((text, "00:00:00"));
    let is_date = date.len() == 10 && date.split('-').count() == 3;
    let whole = match (is_date, clock.len()) {
        (true, 5) => format!("{date} {clock}:00"),
        (true, _) => format!("{date} {clock}"),
        (false, _) => text.to_owned(),
    };
    match When::parse(&whole, zone_s)? {
        Some(when) => Some(Timestamp::from_nanos(when.nanos)),
        None => Some(Timestamp::EPOCH),
    }
}

/// A length of time in seconds: a number with s, m, h, d or w; without one, seconds.
pub(crate) fn length_s(text: &str) -> Option<u64> {
    let (digits, unit) = match text.char_indices().next_back()? {
        (at, 's') => (text.get(..at)?, 1),
        (at, 'm') => (text.get(..at)?, 60),
        (at, 'h') => (text.get(..at)?, 3_600),
        (at, 'd') => (text.get(..at)?, 86_400),
        (at, 'w') => (text.get(..at)?, 7 * 86_400),
        _ => (text, 1),
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

/// Digits after the point as nanoseconds; more than nine are cut.
fn nanos_of(fraction: &str) -> Option<u64> {
    let digits = fraction.get(..fraction.len().min(9))?;
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let unit = 10_u64.pow(u32::try_from(9 - digits.len()).ok()?);
    Some(digits.parse::<u64>().ok()? * unit)
}

fn calendar(text: &str, zone_s: i32) -> Option<When> {
    let (date, clock) = text.split_once(['T', ' ', 't'])?;
    let mut date = date.split('-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    if date.next().is_some() || !(1970..=2554).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day)
    {
        return None;
    }
    let (clock, zone_s) = match clock.find(['Z', 'z', '+', '-']) {
        Some(at) => (clock.get(..at)?, zone_of(clock.get(at..)?)?),
        None => (clock, zone_s),
    };
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, Some(nanos_of(fraction)?)),
        None => (clock, None),
    };
    let mut clock = clock.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if clock.next().is_some() || hour > 23 || minute > 59 || second > 60 || hour.min(minute).min(second) < 0 {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - i64::from(zone_s);
    let nanos = u64::try_from(seconds.max(0)).ok()?.checked_mul(NANOS)?;
    Some(When {
        nanos: nanos.checked_add(fraction.unwrap_or(0))?,
        is_cut: fraction.is_none(),
    })
}

/// `Z`, `+08:00`, `-0330` or `+08` as seconds east of UTC.
pub(crate) fn zone_of(text: &str) -> Option<i32> {
    if matches!(text, "Z" | "z" | "UTC" | "utc") {
        return Some(0);
    }
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None => digits.split_at_checked(2)?,
    };
    let minutes = if minutes.is_empty() { "0" } else { minutes };
    let plain = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| text.parse::<i32>().ok())?
    };
    let (hours, minutes) = (plain(hours)?, plain(minutes)?);
    (hours <= 14 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Seconds with a fraction, or `HH:MM:SS.fff` with days before it.
pub(crate) fn duration_nanos(value: &str) -> Option<u64> {
    let text = value.trim();
    let (days, clock) = match text.split_once("d ") {
        Some((days, clock)) => (days.trim().parse::<u64>().ok()?, clock.trim()),
        None => (0, text),
    };
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut seconds = 0_u64;
    for part in whole.split(':') {
        seconds = seconds.checked_mul(60)?.checked_add(part.parse().ok()?)?;
    }
    let seconds = days.checked_mul(86_400)?.checked_add(seconds)?;
    seconds.checked_mul(NANOS)?.checked_add(nanos_of(fraction)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nanos(text: &str, zone_s: i32) -> Option<u64> {
        When::parse(text, zone_s)?.map(|when| when.nanos)
    }

    #[test]
    fn times_keep_their_precision() {
        let base = 1_605_291_686_000_000_000;
        for (text, zone_s, expected) in [
            ("2020-11-13 18:21:26", 0, base),
            ("2020-11-13T18:21:26.099", 0, base + 99_000_000),
            ("2020-11-14 02:21:26.099", 28_800, base + 99_000_000),
            ("2020-11-14T02:21:26.123456789+08:00", 0, base + 123_456_789),
            ("2020-11-13T18:21:26.000001Z", 28_800, base + 1_000),
            ("1605291686099", 28_800, base + 99_000_000),
            ("1605291686.099", 0, base + 99_000_000),
            ("1605291686", 0, base),
        ] {
            assert_eq!(nanos(text, zone_s), Some(expected), "{text}");
        }
        assert_eq!(When::parse("1970-01-01 00:00:00", 0), Some(None));
        for bad in [
            "",
            "yesterday",
            "2020-13-01 00:00:00",
            "2020-11-13",
            "2020-11-13 25:00:00",
            "2020-11-13 1:2",
        ] {
            assert_eq!(When::parse(bad, 0), None, "{bad}");
        }
    }

    #[test]
    fn durations_are_read_both_ways() {
        for (text, expected) in [
            ("0.097", 97_000_000),
            ("00:00:00.097", 97_000_000),
            ("01:02:03.5", 3_723_500_000_000),
            ("2d 00:00:01.000", 172_801_000_000_000),
            ("12", 12_000_000_000),
        ] {
            assert_eq!(duration_nanos(text), Some(expected), "{text}");
        }
        assert_eq!(duration_nanos("-1"), None);
    }

    #[test]
    fn people_write_times_in_many_ways() {
        let now = Timestamp::from_secs(1_795_000_000);
        let secs = |text: &str, zone_s| asked(text, now, zone_s).map(Timestamp::as_secs);
        for (text, zone_s, expected) in [
            ("now", 0, 1_795_000_000),
            ("-2h", 0, 1_795_000_000 - 7_200),
            ("now-30s", 0, 1_795_000_000 - 30),
            ("-1w", 0, 1_795_000_000 - 604_800),
            ("2026-11-21", 0, 1_795_219_200),
            ("2026-11-21", 28_800, 1_795_219_200 - 28_800),
            ("2026-11-21 10:00", 0, 1_795_255_200),
            ("2026-11-21T10:00", 0, 1_795_255_200),
            ("2026-11-21 10:00:01.5", 0, 1_795_255_201),
            ("2026-11-21T10:00:00+08:00", 0, 1_795_255_200 - 28_800),
            ("2026-11-21T10:00:00Z", 28_800, 1_795_255_200),
            ("1795255200", 28_800, 1_795_255_200),
            ("0", 0, 0),
        ] {
            assert_eq!(secs(text, zone_s), Some(expected), "{text}");
        }
        for bad in [
            "",
            "-",
            "-h",
            "--2h",
            "tomorrow",
            "2026-11",
            "2026-11-32",
            "2026-11-21 10",
            "+2h",
        ] {
            assert_eq!(secs(bad, 0), None, "{bad}");
        }
        assert_eq!(
            (length_s("1m"), length_s("90"), length_s("1.5h")),
            (Some(60), Some(90), None)
        );
    }

    proptest! {
        #[test]
        fn what_the_model_prints_is_read(nanos in 86_400_000_000_000_u64..) {
            let text = Timestamp::from_nanos(nanos).to_string();
            prop_assert_eq!(super::tests::nanos(&text, 0), Some(nanos));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,30}", zone_s in -50_000..50_000) {
            let _ = (When::parse(&text, zone_s), duration_nanos(&text), zone_of(&text), length_s(&text));
            let _ = asked(&text, Timestamp::EPOCH, zone_s);
        }
    }
}
