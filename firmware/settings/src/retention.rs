//! How much is kept of what.

use serde::{Deserialize, Serialize};

/// What is kept apart, each with limits of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptClass {
    /// Flow records.
    Records,
    /// Windows of a second.
    Seconds,
    /// Windows of a minute, of links and of exporters' interfaces; readings.
    Minutes,
    /// Rollups of hours and days, and the hours' index.
    Rollups,
    /// Log records: messages that were sent to us.
    Logs,
    /// Packets.
    Packets,
    /// Application logs.
    Transactions,
}

impl KeptClass {
    /// All of them, in the order of [`Retention`].
    pub const ALL: [Self; 7] = [
        Self::Records,
        Self::Seconds,
        Self::Minutes,
        Self::Rollups,
        Self::Logs,
        Self::Transactions,
        Self::Packets,
    ];

    /// The name in [`Retention`].
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Seconds => "seconds",
            Self::Minutes => "minutes",
            Self::Rollups => "rollups",
            Self::Logs => "logs",
            Self::Transactions => "transactions",
            Self::Packets => "packets",
        }
    }
}

/// How much is kept of a class: whatever is reached first removes the oldest, never the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeepLimit {
    /// For so long: hours of seconds, days of all else.
    pub age: u32,
    /// So many GB (10⁹ octets), 1 at least; `None`: as much as the disk has room for.
    #[serde(default)]
    pub gb: Option<u32>,
}

/// How much is kept of what. Rollups outlive the records that they were made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Flow records: 1–3,650 days.
    pub records: KeepLimit,
    /// Windows of a second: 1–48 hours.
    pub seconds: KeepLimit,
    /// Windows of a minute: 1–400 days.
    pub minutes: KeepLimit,
    /// Rollups of hours and days: 1–3,650 days, no less than records.
    pub rollups: KeepLimit,
    /// Log records: 1–3,650 days.
    pub logs: KeepLimit,
    /// Application logs: 1–3,650 days.
    pub transactions: KeepLimit,
    /// Packets: 1–3,650 days.
    pub packets: KeepLimit,
    /// The share of the disk in use, in percent, from which on the oldest is removed: 50–95.
    pub full_percent: u8,
}

impl Default for Retention {
    fn default() -> Self {
        let limit = |age| KeepLimit { age, gb: None };
        Self {
            records: limit(180),
            seconds: limit(2),
            minutes: limit(31),
            rollups: limit(1_096),
            logs: limit(180),
            transactions: limit(30),
            packets: limit(7),
            full_percent: 90,
        }
    }
}

impl Retention {
    /// The limit of a class.
    #[must_use]
    pub const fn of(&self, class: KeptClass) -> KeepLimit {
        match class {
            KeptClass::Records => self.records,
            KeptClass::Seconds => self.seconds,
            KeptClass::Minutes => self.minutes,
            KeptClass::Rollups => self.rollups,
            KeptClass::Logs => self.logs,
            KeptClass::Transactions => self.transactions,
            KeptClass::Packets => self.packets,
        }
    }

    /// The limit of a class, to be changed.
    pub const fn of_mut(&mut self, class: KeptClass) -> &mut KeepLimit {
        match class {
            KeptClass::Records => &mut self.records,
            KeptClass::Seconds => &mut self.seconds,
            KeptClass::Minutes => &mut self.minutes,
            KeptClass::Rollups => &mut self.rollups,
            KeptClass::Logs => &mut self.logs,
            KeptClass::Transactions => &mut self.transactions,
            KeptClass::Packets => &mut self.packets,
        }
    }
}
