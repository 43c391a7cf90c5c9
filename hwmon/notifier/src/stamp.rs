//! Time as RFC 3339 writes it, without a calendar library.

/// A time, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(Option<(u64, u16)>);

/// The first second of the year 10000, which RFC 3339 cannot write.
const END: u64 = 253_402_300_800;

impl Stamp {
    /// For who has no clock: the message says that it does not know.
    pub const UNKNOWN: Self = Self(None);

    /// Seconds since 1970 and milliseconds beside them. Beyond the year 9999 it is [`Self::UNKNOWN`].
    #[must_use]
    pub const fn from_unix(seconds: u64, milliseconds: u16) -> Self {
        if seconds < END && milliseconds < 1000 {
            Self(Some((seconds, milliseconds)))
        } else {
            Self::UNKNOWN
        }
    }

    /// `2021-01-05T12:00:10.005Z`, or `None`.
    pub(crate) fn text(self) -> Option<[u8; 24]> {
        let (seconds, milliseconds) = self.0?;
        let (year, month, day) = civil(seconds / 86_400);
        let second = seconds % 86_400;
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let mut rest = text.as_mut_slice();
        for (digits, value) in [
            (4, year),
            (2, month),
            (2, day),
            (2, second / 3600),
            (2, second / 60 % 60),
            (2, second % 60),
            (3, u64::from(milliseconds)),
        ] {
            let (field, behind) = rest.split_at_mut_checked(digits)?;
            let mut value = value;
            for digit in field.iter_mut().rev() {
                *digit += u8::try_from(value % 10).unwrap_or(0);
                value /= 10;
            }
            rest = behind.split_first_mut()?.1;
        }
        Some(text)
    }
}

/// Year, month and day of a day since 1970. A year that begins in March puts the leap day at its end.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + carry, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leap_days_and_centuries_are_right() {
        for (seconds, text) in [
            (0, b"1970-01-01T00:00:00.007Z"),
            (951_782_400, b"2000-02-29T00:00:00.007Z"),
            (1_609_848_010, b"2021-01-05T12:00:10.007Z"),
            (4_107_542_399, b"2100-02-28T23:59:59.007Z"),
            (4_107_542_400, b"2100-03-01T00:00:00.007Z"),
            (END - 1, b"9999-12-31T23:59:59.007Z"),
        ] {
            assert_eq!(Stamp::from_unix(seconds, 7).text().as_ref(), Some(text));
        }
        assert_eq!(Stamp::from_unix(END, 0), Stamp::UNKNOWN);
        assert_eq!(Stamp::UNKNOWN.text(), None);
    }
}
