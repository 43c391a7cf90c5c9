//! Points in time.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

/// The text is no RFC 3339 time, or one outside 1970–2554.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a time: write it as RFC 3339 does, such as 2026-11-21T08:00:00Z")]
pub struct ParseTimestampError {
    text: String,
}

const NANOS: u64 = 1_000_000_000;

impl Timestamp {
    /// The start of the epoch.
    pub const EPOCH: Timestamp = Timestamp(0);

    /// From nanoseconds since the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From seconds since the epoch; saturates at the end of time (2554).
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(NANOS))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / NANOS
    }

    /// The nanoseconds from `earlier` to this time; 0 where `earlier` is later.
    #[must_use]
    pub const fn nanos_since(self, earlier: Timestamp) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This time moved on by nanoseconds; saturates.
    #[must_use]
    pub const fn plus_nanos(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Parses an RFC 3339 time.
    ///
    /// # Errors
    /// When the text is no such time, or lies outside 1970–2554.
    pub fn parse(text: &str) -> Result<Self, ParseTimestampError> {
        let fail = || ParseTimestampError { text: text.to_owned() };
        let parsed = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| fail())?;
        u64::try_from(parsed.unix_timestamp_nanos())
            .map(Self)
            .map_err(|_| fail())
    }
}

/// RFC 3339 in UTC, with as many digits of the second's fraction as are needed and at least six.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(t) = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0)) else {
            return f.write_str("9999-12-31T23:59:59.999999999Z");
        };
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        )?;
        let nanos = t.nanosecond();
        if nanos % 1_000 == 0 {
            write!(f, "{:06}Z", nanos / 1_000)
        } else {
            write!(f, "{nanos:09}Z")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_rfc_3339() {
        let t = Timestamp::from_nanos(1_700_000_000_123_456_000);
        assert_eq!(t.to_string(), "2023-11-14T22:13:20.123456Z");
        assert_eq!(Timestamp::parse(&t.to_string()), Ok(t));
        let t = Timestamp::from_nanos(1_700_000_000_000_000_001);
        assert_eq!(t.to_string(), "2023-11-14T22:13:20.000000001Z");
        assert_eq!(Timestamp::parse(&t.to_string()), Ok(t));
    }

    #[test]
    fn the_last_representable_time_prints() {
        assert_eq!(
            Timestamp::from_nanos(u64::MAX).to_string(),
            "2554-07-21T23:34:33.709551615Z"
        );
    }

    #[test]
    fn refuses_what_is_no_time() {
        assert!(
            Timestamp::parse("yesterday")
                .unwrap_err()
                .to_string()
                .contains("yesterday")
        );
        assert!(Timestamp::parse("1969-12-31T23:59:59Z").is_err());
    }
}
