//! Counts of checks.

use anyhow::Result;

/// Checks that passed, failed and were skipped.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) passed: usize,
    pub(super) skipped: usize,
    pub(super) failures: Vec<String>,
}

impl Tally {
    /// Counts a check by its result, and says so.
    pub(super) fn check(&mut self, name: &str, result: Result<()>) {
        match result {
            Ok(()) => self.pass(name),
            Err(error) => self.fail(name, &format!("{error:#}")),
        }
    }

    /// Counts a check that passed.
    pub(super) fn pass(&mut self, name: &str) {
        eprintln!("    ok      {name}");
        self.passed += 1;
    }

    /// Counts a check that failed.
    pub(super) fn fail(&mut self, name: &str, why: &str) {
        eprintln!("    FAILED  {name}: {why}");
        self.failures.push(format!("{name}: {why}"));
    }

    /// Counts a check that cannot run here, and why.
    pub(super) fn skip(&mut self, name: &str, why: &str) {
        eprintln!("    skipped {name}: {why}");
        self.skipped += 1;
    }

    /// The number of checks that failed.
    pub(super) fn failed(&self) -> usize {
        self.failures.len()
    }

    /// Takes another suite's counts in.
    pub(super) fn join(&mut self, other: Tally) {
        self.passed += other.passed;
        self.skipped += other.skipped;
        self.failures.extend(other.failures);
    }
}
