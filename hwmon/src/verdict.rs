//! How a drive is, and why: a pure judgement of its facts.
//!
//! | health | when |
//! | --- | --- |
//! | failing | the drive says so itself, an attribute that foretells failure is at its threshold, its spare blocks are used up, or a self-test found a defect of the drive's mechanics or electronics |
//! | warning | something that often precedes failure: sectors that cannot be read or wait to be replaced, uncorrectable errors, a self-test that could not read, a life nearly used up, too much heat |
//! | ok | the drive says that it is well, or its attributes do where it says nothing, and nothing speaks against it |
//! | unknown | nothing is known |

mod ata;
mod nvme;
mod scsi;

pub use api::hardware::Health;
use serde::{Deserialize, Serialize};

use crate::drive::{Assessment, Drive, Outcome};
use crate::{Kind, NoData, Reading, State, Unit};

/// How much a reason weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Worth knowing; it changes no verdict.
    Note,
    /// It makes the drive [`Health::Warning`].
    Warning,
    /// It makes the drive [`Health::Failing`].
    Failing,
}

/// One reason for a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// A word for programs; it stays the same over releases.
    pub code: &'static str,
    /// How much it weighs.
    pub weight: Weight,
    /// What was seen.
    pub text: String,
}

/// Health, why, and what to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The drive's health.
    pub health: Health,
    /// Why, the weightiest first. Never empty.
    pub reasons: Vec<Reason>,
    /// What to do; `None` where nothing is to be done.
    pub advice: Option<&'static str>,
    /// The drive's readings.
    pub readings: Vec<Reading>,
}

/// From this part of the rated life on, in percent, a drive's end is to be planned for.
const LIFE_USED_WARNING: u32 = 90;

/// Hours of service after which a self-test that found a defect only warns: the drive has worked since.
const TEST_OLD: u64 = 2_000;

/// Reasons and readings while they are gathered.
#[derive(Debug, Default)]
struct Findings {
    reasons: Vec<Reason>,
    readings: Vec<Reading>,
}

impl Findings {
    fn add(&mut self, weight: Weight, code: &'static str, text: impl Into<String>) {
        self.reasons.push(Reason {
            code,
            weight,
            text: text.into(),
        });
    }

    fn read(&mut self, reading: Reading) {
        self.readings.push(reading);
    }

    /// A count of bad things: a reading, and a reason of `weight` where it is not zero.
    fn bad_count(&mut self, id: &'static str, name: &str, count: Option<u64>, weight: Weight, means: &str) {
        let Some(count) = count else { return };
        let reading = counter(id, name, count);
        self.read(match (count, weight) {
            (0, _) => reading.judged(State::Ok, "none"),
            (_, Weight::Note) => reading.judged(State::Info, means),
            (_, Weight::Warning) => reading.judged(State::Warning, means),
            (_, Weight::Failing) => reading.judged(State::Critical, means),
        });
        if count > 0 {
            self.add(weight, id, format!("{count} {name}: {means}"));
        }
    }
}

fn counter(id: &'static str, name: &str, count: u64) -> Reading {
    #[allow(clippy::cast_precision_loss, reason = "a count beyond 2^53 is as good rounded")]
    Reading::fact(id, name, Kind::Counter, Unit::Count, Ok(count as f64))
}

fn percent(id: &'static str, name: &str, value: u32) -> Reading {
    Reading::fact(id, name, Kind::Share, Unit::Percent, Ok(f64::from(value)))
}

/// Judges a drive.
#[must_use]
pub fn judge(drive: &Drive) -> Verdict {
    let mut findings = Findings::default();
    let solid_state = drive.solid_state();
    let evidence = [
        drive
            .ata
            .as_ref()
            .is_some_and(|ata| ata::judge(ata, drive, solid_state, &mut findings)),
        drive
            .scsi
            .as_ref()
            .is_some_and(|scsi| scsi::judge(scsi, solid_state, &mut findings)),
        drive.nvme.as_ref().is_some_and(|nvme| nvme::judge(nvme, &mut findings)),
    ]
    .contains(&true);
    match &drive.assessment {
        Assessment::Failed(how) => {
            let how = how.as_deref().map_or(String::new(), |how| format!(": {how}"));
            findings.add(
                Weight::Failing,
                "self_assessment",
                format!("the drive says itself that it fails{how}"),
            );
        }
        Assessment::Passed => {}
        Assessment::Missing(_) if evidence => {
            let text = "the drive's own verdict is missing; its counters and thresholds are judged instead";
            findings.add(Weight::Note, "no_self_assessment", text);
        }
        Assessment::Missing(why) => {
            let said = drive
                .trouble
                .as_deref()
                .map_or(String::new(), |said| format!(" (smartctl: {said})"));
            findings.add(
                Weight::Note,
                unread(*why),
                format!("the drive was not read: {why}{said}"),
            );
        }
    }
    used(drive, &mut findings);
    temperature(drive, solid_state, &mut findings);
    hours(drive, &mut findings);
    tests(drive, &mut findings);
    conclude(findings, drive, evidence)
}

fn unread(why: NoData) -> &'static str {
    match why {
        NoData::NotPresent => "not_present",
        NoData::Timeout => "timeout",
        NoData::Unsupported => "unsupported",
        NoData::Disabled => "disabled",
        NoData::Standby => "standby",
        NoData::Denied => "denied",
        NoData::Failed => "failed_to_answer",
        NoData::Invalid => "invalid",
        NoData::NotReported => "not_reported",
    }
}

fn conclude(findings: Findings, drive: &Drive, evidence: bool) -> Verdict {
    let Findings { mut reasons, readings } = findings;
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.weight));
    let worst = reasons.first().map(|reason| reason.weight);
    let health = match (worst, &drive.assessment) {
        (Some(Weight::Failing), _) => Health::Failing,
        (Some(Weight::Warning), _) => Health::Warning,
        (_, Assessment::Missing(_)) if !evidence => Health::Unknown,
        _ => Health::Ok,
    };
    if reasons.is_empty() {
        reasons.push(Reason {
            code: "self_assessment",
            weight: Weight::Note,
            text: "the drive says that it is well, and nothing speaks against it".to_owned(),
        });
    }
    let has = |code: &str| reasons.iter().any(|r| r.code == code && r.weight > Weight::Note);
    let advice = match (health, &drive.assessment) {
        (Health::Ok, _) => None,
        (Health::Failing, _) => {
            Some("Save what is on it and replace it now; in a redundant array it can be pulled while the box runs.")
        }
        (Health::Warning, _)
            if has("temperature")
                && !reasons
                    .iter()
                    .any(|r| r.weight > Weight::Note && r.code != "temperature") =>
        {
            Some("Look after the cooling: fans, filters, the room's temperature.")
        }
        (Health::Warning, _) => {
            Some("Keep a spare ready, run an extended self-test, and replace the drive if the counters grow.")
        }
        (Health::Unknown, Assessment::Missing(why)) => Some(unknown_advice(*why)),
        (Health::Unknown, _) => None,
    };
    Verdict {
        health,
        reasons,
        advice,
        readings,
    }
}

fn unknown_advice(why: NoData) -> &'static str {
    match why {
        NoData::NotPresent => "Put the drive in, or name the device that is there.",
        NoData::Timeout | NoData::Failed => "Ask again; if it stays so, reseat the drive, then replace it.",
        NoData::Unsupported => {
            "Name the drive's type (smartctl -d), or the disk behind its controller (-d megaraid,N)."
        }
        NoData::Disabled => "Turn SMART on: smartctl -s on DEVICE.",
        NoData::Standby => "Nothing: it is read when it wakes.",
        NoData::Denied => "Ask as root.",
        NoData::Invalid | NoData::NotReported => "Ask for all that the drive tells: smartctl -x DEVICE.",
    }
}

fn used(drive: &Drive, findings: &mut Findings) {
    let Some(used) = drive.used else { return };
    let reading = percent("life_used", "rated life used", used);
    if used >= LIFE_USED_WARNING {
        let text = if used >= 100 {
            format!("{used} % of the rated life is used: it works on borrowed time")
        } else {
            format!("{used} % of the rated life is used")
        };
        findings.read(reading.judged(State::Warning, text.clone()));
        findings.add(Weight::Warning, "life_used", text);
    } else {
        findings.read(reading.judged(State::Ok, format!("below {LIFE_USED_WARNING} %")));
    }
}

/// Degrees Celsius above which a drive is too hot, where its maker says nothing: disks that spin, SATA and SAS flash, and
/// `NVMe`.
fn hot(drive: &Drive, solid_state: bool) -> i32 {
    match (drive.nvme.is_some(), solid_state) {
        (true, _) => 75,
        (false, true) => 70,
        (false, false) => 60,
    }
}

fn temperature(drive: &Drive, solid_state: bool, findings: &mut Findings) {
    let reading = Reading::fact(
        "temperature",
        "temperature",
        Kind::Temperature,
        Unit::Celsius,
        drive.temperature.map(f64::from),
    );
    let Ok(celsius) = drive.temperature else {
        findings.read(reading);
        return;
    };
    // limits below 45 °C are not believed: some drives give the coldest that they were as their highest
    let believed = |limit: Option<i32>| limit.filter(|l| (45..=120).contains(l));
    let critical = believed(drive.limits.critical);
    let warning = believed(drive.limits.warning)
        .filter(|w| critical.is_none_or(|c| *w < c))
        .unwrap_or_else(|| critical.map_or_else(|| hot(drive, solid_state), |c| hot(drive, solid_state).min(c)));
    let (state, text) = match critical {
        Some(critical) if celsius >= critical => (
            State::Critical,
            format!("{celsius} °C, at or above its critical {critical} °C"),
        ),
        _ if celsius >= warning => (State::Warning, format!("{celsius} °C, at or above {warning} °C")),
        _ => (State::Ok, format!("below {warning} °C")),
    };
    if state != State::Ok {
        findings.add(Weight::Warning, "temperature", text.clone());
    }
    findings.read(reading.judged(state, text));
}

fn hours(drive: &Drive, findings: &mut Findings) {
    #[allow(clippy::cast_precision_loss, reason = "hours of service")]
    let value = drive.hours.map(|h| h as f64);
    findings.read(Reading::fact(
        "power_on_hours",
        "hours of service",
        Kind::Duration,
        Unit::Hour,
        value,
    ));
}

fn tests(drive: &Drive, findings: &mut Findings) {
    let tests = &drive.tests;
    let failure = tests.standing_failure().map(|t| (&t.outcome, t.hours));
    match failure.or_else(|| tests.failed_last().map(|o| (o, None))) {
        Some((outcome, hours)) => {
            let when = match (hours, drive.hours) {
                (Some(at), Ok(now)) if now >= at => format!(", {} hours of service ago", now - at),
                (Some(at), _) => format!(", at {at} hours of service"),
                (None, _) => String::new(),
            };
            match outcome {
                Outcome::Failure(words) => {
                    let old = hours
                        .zip(drive.hours.ok())
                        .is_some_and(|(at, now)| now >= at.saturating_add(TEST_OLD));
                    let weight = if old { Weight::Warning } else { Weight::Failing };
                    findings.add(weight, "self_test", format!("a self-test failed{when}: {words}"));
                }
                _ => findings.add(
                    Weight::Warning,
                    "self_test",
                    format!("a self-test could not read all of it{when}"),
                ),
            }
        }
        None if tests.refuted() > 0 => {
            let text = format!(
                "{} failed self-tests before an extended one that passed",
                tests.refuted()
            );
            findings.add(Weight::Note, "self_test", text);
        }
        None => {}
    }
}

#[cfg(test)]
mod tests_of_verdicts;
