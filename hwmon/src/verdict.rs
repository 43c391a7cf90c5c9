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
use crate::why::{Phrase, Why, phrases};
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
    pub text: Why,
}

/// Health, why, and what to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The drive's health.
    pub health: Health,
    /// Why, the weightiest first. Never empty.
    pub reasons: Vec<Reason>,
    /// What to do; `None` where nothing is to be done.
    pub advice: Option<&'static Phrase>,
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
    fn add(&mut self, weight: Weight, code: &'static str, text: impl Into<Why>) {
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
    fn bad_count(
        &mut self,
        id: &'static str,
        name: &'static Phrase,
        count: Option<u64>,
        weight: Weight,
        means: &'static Phrase,
    ) {
        let Some(count) = count else { return };
        let reading = counter(id, name, count);
        self.read(match (count, weight) {
            (0, _) => reading.judged(State::Ok, phrases::NONE),
            (_, Weight::Note) => reading.judged(State::Info, means),
            (_, Weight::Warning) => reading.judged(State::Warning, means),
            (_, Weight::Failing) => reading.judged(State::Critical, means),
        });
        if count > 0 {
            self.add(
                weight,
                id,
                phrases::COUNTED.with([count.into(), name.into(), means.into()]),
            );
        }
    }
}

fn counter(id: &'static str, name: &'static Phrase, count: u64) -> Reading {
    #[allow(clippy::cast_precision_loss, reason = "a count beyond 2^53 is as good rounded")]
    Reading::fact(id, name, Kind::Counter, Unit::Count, Ok(count as f64))
}

fn percent(id: &'static str, name: &'static Phrase, value: u32) -> Reading {
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
            let text = match how {
                Some(how) => phrases::SELF_FAILS_SAID.with([how.clone().into()]),
                None => phrases::SELF_FAILS.into(),
            };
            findings.add(Weight::Failing, "self_assessment", text);
        }
        Assessment::Passed => {}
        Assessment::Missing(_) if evidence => {
            findings.add(Weight::Note, "no_self_assessment", phrases::NO_ASSESSMENT);
        }
        Assessment::Missing(why) => {
            let missing = why.why();
            let text = match &drive.trouble {
                Some(said) => phrases::UNREAD_SAID.with([missing.into(), said.into()]),
                None => phrases::UNREAD.with([missing.into()]),
            };
            findings.add(Weight::Note, unread(*why), text);
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
            text: phrases::WELL.into(),
        });
    }
    let has = |code: &str| reasons.iter().any(|r| r.code == code && r.weight > Weight::Note);
    let advice = match (health, &drive.assessment) {
        (Health::Ok, _) => None,
        (Health::Failing, _) => Some(phrases::DO_REPLACE),
        (Health::Warning, _)
            if has("temperature")
                && !reasons
                    .iter()
                    .any(|r| r.weight > Weight::Note && r.code != "temperature") =>
        {
            Some(phrases::DO_COOL)
        }
        (Health::Warning, _) => Some(phrases::DO_SPARE),
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

fn unknown_advice(why: NoData) -> &'static Phrase {
    match why {
        NoData::NotPresent => phrases::DO_PUT_IN,
        NoData::Timeout | NoData::Failed => phrases::DO_RESEAT,
        NoData::Unsupported => phrases::DO_TYPE,
        NoData::Disabled => phrases::DO_SMART,
        NoData::Standby => phrases::DO_NOTHING,
        NoData::Denied => phrases::DO_ROOT,
        NoData::Invalid | NoData::NotReported => phrases::DO_ALL,
    }
}

fn used(drive: &Drive, findings: &mut Findings) {
    let Some(used) = drive.used else { return };
    let reading = percent("life_used", phrases::R_LIFE_USED, used);
    if used >= LIFE_USED_WARNING {
        let phrase = if used >= 100 {
            phrases::LIFE_OVER
        } else {
            phrases::LIFE_USED
        };
        let text = phrase.with([used.into()]);
        findings.read(reading.judged(State::Warning, text.clone()));
        findings.add(Weight::Warning, "life_used", text);
    } else {
        findings.read(reading.judged(
            State::Ok,
            phrases::BELOW.with([format!("{LIFE_USED_WARNING} %").into()]),
        ));
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
        phrases::R_TEMPERATURE,
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
            phrases::HEAT_CRITICAL.with([celsius.into(), critical.into()]),
        ),
        _ if celsius >= warning => (
            State::Warning,
            phrases::HEAT_WARNING.with([celsius.into(), warning.into()]),
        ),
        _ => (State::Ok, phrases::BELOW.with([format!("{warning} °C").into()])),
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
        phrases::R_HOURS,
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
                (Some(at), Ok(now)) if now >= at => phrases::HOURS_AGO.with([(now - at).into()]).into(),
                (Some(at), _) => phrases::AT_HOURS.with([at.into()]).into(),
                (None, _) => "".into(),
            };
            match outcome {
                Outcome::Failure(what) => {
                    let old = hours
                        .zip(drive.hours.ok())
                        .is_some_and(|(at, now)| now >= at.saturating_add(TEST_OLD));
                    let weight = if old { Weight::Warning } else { Weight::Failing };
                    findings.add(
                        weight,
                        "self_test",
                        phrases::TEST_FAILED.with([when, what.clone().into()]),
                    );
                }
                _ => findings.add(Weight::Warning, "self_test", phrases::TEST_UNREAD.with([when])),
            }
        }
        None if tests.refuted() > 0 => {
            let text = phrases::TEST_REFUTED.with([tests.refuted().into()]);
            findings.add(Weight::Note, "self_test", text);
        }
        None => {}
    }
}

#[cfg(test)]
mod tests_of_verdicts;
