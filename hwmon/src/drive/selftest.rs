//! Self-tests: what the drive found when it was asked to look.

use crate::why::{Phrase, Why, phrases};

/// The most self-tests that are kept; a drive keeps 21.
const TESTS_MAX: usize = 64;

/// How a self-test ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was found.
    Passed,
    /// Broken off, by the host or a reset: it says nothing of the drive.
    Aborted,
    /// Still at it.
    Running,
    /// Something could not be read.
    ReadFailure,
    /// Another part failed: electronics, servo, a segment that is not named.
    Failure(Why),
}

impl Outcome {
    /// Reads the words that smartctl prints for ATA, SCSI and `NVMe`; `None` for words that mean no outcome.
    #[must_use]
    pub fn from_words(words: &str) -> Option<Self> {
        let words = words.trim();
        let lower = words.to_ascii_lowercase();
        let starts = |prefix: &str| lower.starts_with(prefix);
        if starts("completed without error") || lower == "completed" {
            Some(Self::Passed)
        } else if starts("aborted") || starts("interrupted") || starts("unknown error, incomplete") {
            Some(Self::Aborted)
        } else if starts("self-test routine in progress") || starts("self test in progress") {
            Some(Self::Running)
        } else if starts("completed: read failure") {
            Some(Self::ReadFailure)
        } else if starts("completed") || starts("failed in") || starts("fatal or unknown") {
            Some(Self::Failure(failure(words, &lower)))
        } else {
            None
        }
    }

    /// The upper half of ATA's self-test execution status octet (ACS-3, table 137).
    #[must_use]
    pub fn from_ata(status: u8) -> Option<Self> {
        let failure = |what: &'static Phrase| Some(Self::Failure(what.into()));
        match status >> 4 {
            0 => Some(Self::Passed),
            1 | 2 => Some(Self::Aborted),
            3 => failure(phrases::TEST_FATAL),
            4 => failure(phrases::TEST_UNKNOWN),
            5 => failure(phrases::TEST_ELECTRICAL),
            6 => failure(phrases::TEST_SERVO),
            7 => Some(Self::ReadFailure),
            8 => failure(phrases::TEST_HANDLING),
            15 => Some(Self::Running),
            _ => None,
        }
    }

    fn is_failure(&self) -> bool {
        matches!(self, Self::ReadFailure | Self::Failure(_))
    }
}

/// What failed, by smartctl's words.
fn failure(words: &str, lower: &str) -> Why {
    let has = |part: &str| lower.contains(part);
    match () {
        () if has("fatal or unknown") => phrases::TEST_FATAL.into(),
        () if has("unknown failure") => phrases::TEST_UNKNOWN.into(),
        () if has("electrical") => phrases::TEST_ELECTRICAL.into(),
        () if has("servo") => phrases::TEST_SERVO.into(),
        () if has("handling") => phrases::TEST_HANDLING.into(),
        () if has("first segment") => phrases::TEST_SEGMENT.with([1u8.into()]),
        () if has("second segment") => phrases::TEST_SEGMENT.with([2u8.into()]),
        () if has("segment") => phrases::TEST_SOME_SEGMENT.into(),
        () => Why::own_words(words),
    }
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfTest {
    /// Whether it looked at the whole drive: the extended (long) test.
    pub extended: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// Hours of service at which it ran.
    pub hours: Option<u64>,
}

/// A self-test that runs now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// Whether it looks at the whole drive; `None` where the drive does not say.
    pub extended: Option<bool>,
    /// How much of it is done, in percent; `None` where the drive does not say.
    pub done: Option<u8>,
}

/// The log of self-tests, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SelfTests {
    entries: Vec<SelfTest>,
    /// What the drive says of the last test, apart from its log.
    last: Option<Outcome>,
    /// The one that runs now.
    running: Option<Running>,
}

impl SelfTests {
    /// Adds an entry that is older than all before it; beyond 64 they are left out.
    pub fn push(&mut self, test: SelfTest) {
        if self.entries.len() < TESTS_MAX {
            self.entries.push(test);
        }
    }

    /// Sets what the drive says of the last test, apart from its log.
    pub fn set_last(&mut self, outcome: Outcome) {
        self.last = Some(outcome);
    }

    /// Sets the one that runs now.
    pub fn set_running(&mut self, running: Option<Running>) {
        self.running = running;
    }

    /// The one that runs now.
    #[must_use]
    pub fn running(&self) -> Option<Running> {
        self.running
    }

    /// The newest that has ended.
    #[must_use]
    pub fn newest(&self) -> Option<&SelfTest> {
        self.entries.iter().find(|test| test.outcome != Outcome::Running)
    }

    /// The entries, newest first.
    #[must_use]
    pub fn entries(&self) -> &[SelfTest] {
        &self.entries
    }

    /// The newest failure that no later extended test has refuted: a short test that passes does not read the sector
    /// that an extended one could not read.
    #[must_use]
    pub fn standing_failure(&self) -> Option<&SelfTest> {
        self.entries
            .iter()
            .take_while(|t| !(t.extended && t.outcome == Outcome::Passed))
            .find(|t| t.outcome.is_failure())
    }

    /// The same for a drive that keeps no log of them: what it says of the last one.
    #[must_use]
    pub fn failed_last(&self) -> Option<&Outcome> {
        self.last.as_ref().filter(|o| self.entries.is_empty() && o.is_failure())
    }

    /// Failures that a later extended test has refuted.
    #[must_use]
    pub fn refuted(&self) -> usize {
        self.entries
            .iter()
            .skip_while(|t| !(t.extended && t.outcome == Outcome::Passed))
            .filter(|t| t.outcome.is_failure())
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(entries: &[(bool, &str)]) -> SelfTests {
        let mut log = SelfTests::default();
        for (extended, words) in entries {
            log.push(SelfTest {
                extended: *extended,
                outcome: Outcome::from_words(words).expect("known words"),
                hours: None,
            });
        }
        log
    }

    #[test]
    fn a_short_test_refutes_nothing_and_an_extended_one_does() {
        let bad = "Completed: read failure";
        let good = "Completed without error";
        assert!(log(&[(false, good), (true, bad)]).standing_failure().is_some());
        assert!(log(&[(true, good), (true, bad)]).standing_failure().is_none());
        assert_eq!(log(&[(true, good), (true, bad)]).refuted(), 1);
        assert!(
            log(&[(true, "Aborted by host"), (false, bad), (true, good)])
                .standing_failure()
                .is_some()
        );
        assert!(log(&[(true, "Interrupted (host reset)")]).standing_failure().is_none());
    }

    #[test]
    fn words_of_all_three_protocols_are_known() {
        for (words, failure) in [
            ("Completed: servo/seek failure", true),
            ("Fatal or unknown error", true),
            ("Completed, segment failed", true),
            ("Failed in second segment", true),
            ("Failed in segment -->", true),
            ("Completed                ", false),
            ("Completed: failed segments", true),
            ("Completed: unknown failed segment", true),
            ("Fatal or unknown test error", true),
            ("Aborted: Controller Reset", false),
            ("Aborted (by user command)", false),
            ("Self test in progress ...", false),
            ("Unknown error, incomplete", false),
        ] {
            assert_eq!(
                Outcome::from_words(words).map(|o| o.is_failure()),
                Some(failure),
                "{words}"
            );
        }
        assert_eq!(Outcome::from_words("Reserved(9)"), None);
    }
}
