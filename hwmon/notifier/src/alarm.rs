//! What is told.

/// Who tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The host's name or address, as receivers shall show it.
    pub host: &'a str,
    /// The private enterprise number under which our data stands; 32473 is the one for documentation (RFC 5612).
    pub enterprise: u32,
}

/// How bad it is (RFC 5424, section 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Severity {
    /// Act now.
    Critical = 2,
    /// Something is broken.
    Error = 3,
    /// Something will break, or redundancy is lost.
    Warning = 4,
    /// Worth knowing.
    Notice = 5,
}

/// Whether it begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// It begins, or goes on.
    Raised = 1,
    /// It is over.
    Cleared = 2,
}

/// One alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarm<'a> {
    /// How bad it is.
    pub severity: Severity,
    /// Whether it begins or ends.
    pub state: State,
    /// Its kind, a word: `FAN`, `DISK`, `RAID`.
    pub code: &'a str,
    /// The part of the box: `fan3`, `bay 2`.
    pub source: &'a str,
    /// What was measured, with its unit; empty where there is nothing to tell.
    pub value: &'a str,
    /// What people shall read. It is cut where the message has no room for it.
    pub text: &'a str,
}
