//! Days of the calendar (UTC), as files are named after them.

use model::Timestamp;
use time::{Date, Month, OffsetDateTime};

const SECONDS: u64 = 86_400;

/// A day: how many there were since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Day(pub(crate) u64);

impl Day {
    pub(crate) const fn of(time: Timestamp) -> Self {
        Self(time.as_secs() / SECONDS)
    }

    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The day's first moment.
    pub(crate) const fn start(self) -> Timestamp {
        Timestamp::from_secs(self.0 * SECONDS)
    }

    fn date(self) -> Date {
        let secs = i64::try_from(self.start().as_secs()).unwrap_or(i64::MAX);
        OffsetDateTime::from_unix_timestamp(secs).map_or(Date::MAX, OffsetDateTime::date)
    }

    /// `YYYY-MM-DD`.
    pub(crate) fn name(self) -> String {
        let date = self.date();
        format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
    }

    /// `KIND-YYYYMMDD.redb`.
    pub(crate) fn file_name(self, kind: &str) -> String {
        let date = self.date();
        format!(
            "{kind}-{:04}{:02}{:02}.redb",
            date.year(),
            u8::from(date.month()),
            date.day()
        )
    }

    /// The day of a file of the kind; `None` for any other file.
    pub(crate) fn from_file_name(kind: &str, name: &str) -> Option<Self> {
        let digits = name.strip_prefix(kind)?.strip_prefix('-')?.strip_suffix(".redb")?;
        if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let year = digits.get(..4)?.parse().ok()?;
        let month = Month::try_from(digits.get(4..6)?.parse::<u8>().ok()?).ok()?;
        let date = Date::from_calendar_date(year, month, digits.get(6..)?.parse().ok()?).ok()?;
        let secs = date.midnight().assume_utc().unix_timestamp();
        Some(Self(u64::try_from(secs).ok()? / SECONDS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_name_their_day() {
        let day = Day::of(Timestamp::parse("2026-11-21T23:59:59Z").unwrap());
        assert_eq!(day.file_name("blocks"), "blocks-20261121.redb");
        assert_eq!(Day::from_file_name("blocks", "blocks-20261121.redb"), Some(day));
        assert_eq!(day.next().file_name("blocks"), "blocks-20261122.redb");
        for other in [
            "windows.redb",
            "logs-20261121.redb",
            "blocks-20261131.redb",
            "blocks-2026112.redb",
            "blocks-20261121.redb.damaged-7",
        ] {
            assert_eq!(Day::from_file_name("blocks", other), None, "{other}");
        }
    }
}
