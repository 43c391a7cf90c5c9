//! Alarms: something that is wrong, from when to when, and who has seen it.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Who finds an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmSource {
    /// The box's own hardware.
    Hardware,
}

impl AlarmSource {
    /// Every source.
    pub const ALL: [Self; 1] = [Self::Hardware];
}

/// How grave an alarm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmSeverity {
    /// It asks for attention.
    Warning,
    /// Harm is near or done.
    Critical,
}

impl AlarmSeverity {
    /// Every severity, the gravest first.
    pub const ALL: [Self; 2] = [Self::Critical, Self::Warning];
}

/// Words for people, in one language.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AlarmWords {
    /// What is wrong.
    pub title: String,
    /// What to do.
    pub todo: String,
}

/// What a source said or calls something, in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AlarmText {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// In English, as the journal has it.
impl std::fmt::Display for AlarmText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.en)
    }
}

/// That somebody has seen an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
}

/// How an alarm came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmEnd {
    /// What was wrong is well again.
    Over,
    /// The part that it was about was replaced.
    Replaced,
    /// Its source no longer has it, and did not tell when it ended.
    Unseen,
}

/// The end of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleared {
    /// When; of [`AlarmEnd::Unseen`] when that was noticed.
    pub at: Timestamp,
    /// How.
    pub how: AlarmEnd,
}

/// An alarm in the analyzer's list: once from when it was raised until it was cleared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// Its number, which no other alarm ever has.
    pub id: u64,
    /// Who found it.
    pub source: AlarmSource,
    /// Its name at its source: one word that can be typed.
    pub name: String,
    /// What it is about: `bay 2`, `supply 1`.
    pub component: String,
    /// The serial number of what is there, where it has one.
    pub serial: Option<String>,
    /// Its kind, a word that stays the same.
    pub code: String,
    /// How grave it is; of one that is over, how grave it was last.
    pub severity: AlarmSeverity,
    /// What the source said.
    pub text: AlarmText,
    /// Words in Chinese.
    pub zh: AlarmWords,
    /// Words in English.
    pub en: AlarmWords,
    /// When it began.
    pub raised: Timestamp,
    /// How often the same was there before, as far as that is kept.
    pub recurrences: u32,
    /// Whether somebody has seen it.
    pub acknowledged: Option<Acknowledged>,
    /// When it was over; `None`: it is open.
    pub cleared: Option<Cleared>,
    /// What people call the component; empty where an earlier release wrote the alarm. It stays the last field: see the store.
    pub part: AlarmText,
}
