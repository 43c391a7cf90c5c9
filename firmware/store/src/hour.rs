//! Hours and days as the index and the rollups count them (UTC).

use model::Timestamp;

const SECONDS: u64 = 3_600;

/// An hour: how many there were since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(pub u32);

impl Hour {
    /// The hour that a moment is in.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        Self(u32::try_from(time.as_secs() / SECONDS).unwrap_or(u32::MAX))
    }

    /// Its first moment.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        Timestamp::from_secs(self.0 as u64 * SECONDS)
    }

    /// The first moment after it.
    #[must_use]
    pub const fn end(self) -> Timestamp {
        Timestamp::from_secs((self.0 as u64 + 1) * SECONDS)
    }
}

/// How long a rollup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// An hour.
    Hour,
    /// A day, UTC.
    Day,
}

impl Period {
    /// Its number in the file: the hours that it has.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Hour => 1,
            Self::Day => 24,
        }
    }
}

/// A row of rollups: octets whose meaning is the query engine's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollupRow {
    /// Which table.
    pub table: u8,
    /// What it is of: a link's number; 0 all capture ports; 65,535 all exporters.
    pub scope: u32,
    /// The contents, at most 16 MiB.
    pub octets: Vec<u8>,
}
