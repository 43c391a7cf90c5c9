//! The health gate's verdict: good after a minute without a failure, given up after five. Time is a parameter.

use api::firmware::Health;

/// Seconds that every probe must succeed.
const PROVING_S: u64 = 60;
/// Seconds after the start in which the box must have proved itself.
const WITHIN_S: u64 = 300;
/// A gate that is silent for longer counts as a failure. Seconds.
const SILENCE_S: u64 = 30;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Wait.
    Wait,
    /// The box is good: once.
    Good,
    /// It is not: once.
    Bad(String),
}

/// What was reported since the start.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    started_s: u64,
    /// Since when every report was good, and when the last came.
    proving: Option<(u64, u64)>,
    problem: Option<String>,
    marked: bool,
    given_up: bool,
}

impl Gate {
    /// A gate that begins to count `now_s` seconds after the kernel's start.
    pub(crate) const fn new(now_s: u64) -> Self {
        Self {
            started_s: now_s,
            proving: None,
            problem: None,
            marked: false,
            given_up: false,
        }
    }

    /// The probes found a problem, or none.
    pub(crate) fn report(&mut self, problem: Option<String>, now_s: u64) {
        self.proving = match (&problem, self.proving) {
            (Some(_), _) => None,
            (None, Some((since, last))) if now_s.saturating_sub(last) <= SILENCE_S => Some((since, now_s)),
            (None, _) => Some((now_s, now_s)),
        };
        self.problem = problem;
    }

    /// Time goes on.
    pub(crate) fn tick(&mut self, now_s: u64) -> Verdict {
        if self.marked {
            return Verdict::Wait;
        }
        if self
            .proving
            .is_some_and(|(since, last)| last.saturating_sub(since) >= PROVING_S)
        {
            return Verdict::Good;
        }
        if !self.given_up && now_s.saturating_sub(self.started_s) >= WITHIN_S {
            self.given_up = true;
            let silent = || "the health gate did not report".to_owned();
            let unsteady = || "the probes did not succeed for long enough".to_owned();
            let otherwise = if self.proving.is_some() { unsteady() } else { silent() };
            return Verdict::Bad(self.problem.clone().unwrap_or(otherwise));
        }
        Verdict::Wait
    }

    /// The boot loader knows that the box is good.
    pub(crate) fn marked(&mut self) {
        self.marked = true;
    }

    /// The boot loader could not be told: that is a failure like any other.
    pub(crate) fn not_marked(&mut self, problem: String) {
        self.proving = None;
        self.problem = Some(problem);
    }

    /// For the status.
    pub(crate) fn health(&self) -> Health {
        match (&self.problem, self.proving) {
            _ if self.marked => Health::Good,
            (Some(problem), _) => Health::Failing {
                problem: problem.clone(),
            },
            (None, Some((since, last))) => Health::Proving {
                seconds: u32::try_from(last.saturating_sub(since)).unwrap_or(u32::MAX),
            },
            (None, None) => Health::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_minute_without_a_failure_is_good_once() {
        let mut gate = Gate::new(20);
        for now in (30..90).step_by(5) {
            gate.report(None, now);
            assert_eq!(gate.tick(now), Verdict::Wait, "{now}");
        }
        gate.report(None, 90);
        assert_eq!(gate.tick(90), Verdict::Good);
        gate.marked();
        assert_eq!(gate.tick(1_000), Verdict::Wait);
        assert_eq!(gate.health(), Health::Good);
    }

    #[test]
    fn five_minutes_without_that_are_bad_once() {
        let mut silent = Gate::new(20);
        assert_eq!(silent.tick(319), Verdict::Wait);
        assert!(matches!(silent.tick(320), Verdict::Bad(why) if why.contains("did not report")));
        assert_eq!(silent.tick(321), Verdict::Wait);
        let mut failing = Gate::new(0);
        failing.report(Some("the analyzer is away".to_owned()), 299);
        assert_eq!(failing.tick(300), Verdict::Bad("the analyzer is away".to_owned()));
        // A box that is not on trial may still become good.
        for now in (400..=460).step_by(5) {
            failing.report(None, now);
        }
        assert_eq!(failing.tick(461), Verdict::Good);
    }

    #[test]
    fn a_slot_that_cannot_be_marked_is_not_good() {
        let mut gate = Gate::new(0);
        for now in (0..=60).step_by(5) {
            gate.report(None, now);
        }
        assert_eq!(gate.tick(60), Verdict::Good);
        gate.not_marked("the boot loader's partition is read-only".to_owned());
        assert_eq!(gate.tick(61), Verdict::Wait);
        assert!(matches!(gate.health(), Health::Failing { .. }));
    }

    proptest! {
        #[test]
        fn good_is_said_after_a_whole_minute_of_good_reports_alone(
            reports in proptest::collection::vec((1u64..40, proptest::bool::weighted(0.9)), 1..60)
        ) {
            let mut gate = Gate::new(0);
            let (mut now, mut since, mut last) = (0, None, 0);
            for (pause, good) in reports {
                now += pause;
                since = if !good { None } else if now - last > SILENCE_S { Some(now) } else { since.or(Some(now)) };
                last = now;
                gate.report((!good).then(|| "no".to_owned()), now);
                let expected = since.is_some_and(|since| now - since >= PROVING_S);
                prop_assert_eq!(gate.tick(now) == Verdict::Good, expected);
                if expected { return Ok(()); }
            }
        }
    }
}
