//! Numbers for people.

use std::time::Duration;

use model::Timestamp;

const STEPS: [&str; 6] = ["", "k", "M", "G", "T", "P"];

/// Three digits and a prefix of 1000: `1.23 M`.
#[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn scaled(value: u64, unit: &str) -> String {
    let mut number = value as f64;
    let mut step = 0;
    while number >= 999.5 && step + 1 < STEPS.len() {
        number /= 1_000.0;
        step += 1;
    }
    let prefix = STEPS.get(step).copied().unwrap_or_default();
    let digits = match (step, number) {
        (0, _) => format!("{number:.0}"),
        (_, n) if n < 9.995 => format!("{n:.2}"),
        (_, n) if n < 99.95 => format!("{n:.1}"),
        (_, n) => format!("{n:.0}"),
    };
    format!("{digits} {prefix}{unit}").trim_end().to_owned()
}

/// Octets.
pub(crate) fn bytes(value: u64) -> String {
    scaled(value, "B")
}

/// The rate of octets over seconds, in bit/s.
pub(crate) fn bit_rate(bytes: u64, seconds: u32) -> String {
    match seconds {
        0 => "-".to_owned(),
        seconds => scaled(bytes.saturating_mul(8) / u64::from(seconds), "bit/s"),
    }
}

/// A delay of so many microseconds.
#[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(crate) fn delay(us: u64) -> String {
    let digits = |value: f64, unit: &str| match value {
        v if v < 9.995 => format!("{v:.2} {unit}"),
        v if v < 99.95 => format!("{v:.1} {unit}"),
        v => format!("{v:.0} {unit}"),
    };
    match us {
        0..1_000 => format!("{us} us"),
        1_000..999_500 => digits(us as f64 / 1e3, "ms"),
        _ => digits(us as f64 / 1e6, "s"),
    }
}

/// A share, 0–1.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A part of a whole; `-` of nothing.
#[allow(clippy::cast_precision_loss, reason = "one decimal is shown")]
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        "-".to_owned()
    } else {
        percent(part as f64 / whole as f64)
    }
}

/// A length of time: `3 d 04:05:06`.
pub(crate) fn span(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{:02}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60);
    if days == 0 { clock } else { format!("{days} d {clock}") }
}

/// A time to the second, UTC.
pub(crate) fn time(at: Timestamp) -> String {
    let text = Timestamp::from_secs(at.as_secs()).to_string();
    text.replace('T', " ").replace(".000000Z", "Z")
}

/// Seconds from now until a time.
pub(crate) fn seconds_until(at: Timestamp) -> u64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    at.as_secs().saturating_sub(now.as_secs())
}

/// A figure that may be missing.
pub(crate) fn or_dash<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), show)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_shown() {
        let shown: Vec<_> = [0, 999, 1_000, 9_994, 9_996, 123_456, 999_600, u64::MAX]
            .map(|v| scaled(v, "B"))
            .into();
        assert_eq!(
            shown,
            [
                "0 B", "999 B", "1.00 kB", "9.99 kB", "10.0 kB", "123 kB", "1.00 MB", "18447 PB"
            ]
        );
        assert_eq!(bit_rate(125, 1), "1.00 kbit/s");
        assert_eq!(
            (bit_rate(1, 0), share(1, 0), share(1, 8)),
            ("-".into(), "-".into(), "12.5 %".into())
        );
    }

    #[test]
    fn delays_have_three_digits() {
        let shown: Vec<_> = [0, 999, 1_000, 99_950, 999_499, 999_500, 61_000_000].map(delay).into();
        assert_eq!(
            shown,
            ["0 us", "999 us", "1.00 ms", "100 ms", "999 ms", "1.00 s", "61.0 s"]
        );
    }

    #[test]
    fn times_are_short() {
        assert_eq!(span(273_906), "3 d 04:05:06");
        assert_eq!(
            time(Timestamp::from_nanos(1_700_000_000_123_456_789)),
            "2023-11-14 22:13:20Z"
        );
    }
}
