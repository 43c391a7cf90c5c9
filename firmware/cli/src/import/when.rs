//! Times as nfdump and `spanwatch flows` write them.

use super::row::Datum;

const NANOS: u64 = 1_000_000_000;

/// A time, and whether it was cut to whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct When {
    /// Nanoseconds since 1970.
    pub(super) nanos: u64,
    /// Whether its text had no fraction.
    pub(super) is_cut: bool,
}

impl When {
    /// `2026-11-21 10:00:00.123`, with `T` or a blank, a fraction or none, `Z`, `+08:00` or no zone: `zone_s` seconds east
    /// of UTC then. A number is milliseconds since 1970 where it has no fraction and 12 digits or more, else seconds. The
    /// outer `None`: it is no time; the inner: it is 1970-01-01, nfdump's way of saying that there is none.
    pub(super) fn parse(value: Datum<'_>, zone_s: i32) -> Option<Option<Self>> {
        let text = match value {
            Datum::Number(number) => return Some(number_of(number)),
            Datum::Text(text) => text.trim(),
        };
        if let Ok(number) = text.parse() {
            return Some(number_of(number));
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

fn number_of(number: u64) -> Option<When> {
    let (unit, is_cut) = match number {
        100_000_000_000.. => (1_000_000, false),
        _ => (NANOS, true),
    };
    let nanos = number.saturating_mul(unit);
    (nanos >= NANOS * 86_400).then_some(When { nanos, is_cut })
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
pub(super) fn zone_of(text: &str) -> Option<i32> {
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
pub(super) fn duration_nanos(value: Datum<'_>) -> Option<u64> {
    let text = match value {
        Datum::Number(seconds) => return seconds.checked_mul(NANOS),
        Datum::Text(text) => text.trim(),
    };
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
    use model::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn nanos(text: &str, zone_s: i32) -> Option<u64> {
        When::parse(Datum::Text(text), zone_s)?.map(|when| when.nanos)
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
        assert_eq!(When::parse(Datum::Text("1970-01-01 00:00:00"), 0), Some(None));
        for bad in [
            "",
            "yesterday",
            "2020-13-01 00:00:00",
            "2020-11-13",
            "2020-11-13 25:00:00",
            "2020-11-13 1:2",
        ] {
            assert_eq!(When::parse(Datum::Text(bad), 0), None, "{bad}");
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
            assert_eq!(duration_nanos(Datum::Text(text)), Some(expected), "{text}");
        }
        assert_eq!(duration_nanos(Datum::Text("-1")), None);
    }

    proptest! {
        #[test]
        fn what_the_model_prints_is_read(nanos in 86_400_000_000_000_u64..) {
            let text = Timestamp::from_nanos(nanos).to_string();
            prop_assert_eq!(super::tests::nanos(&text, 0), Some(nanos));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,30}", zone_s in -50_000..50_000) {
            let _ = (When::parse(Datum::Text(&text), zone_s), duration_nanos(Datum::Text(&text)), zone_of(&text));
        }
    }
}
