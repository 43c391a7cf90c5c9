//! What a disk says of its own health: its own commands and the verdict of the hardware monitor.

use std::path::{Path, PathBuf};

use hwmon::verdict::{Health, Verdict, Weight, judge};
use serde_json::{Value, json};

use crate::talk::{Said, both};

/// A disk's health and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// As the hardware monitor judges it.
    pub(crate) health: Health,
    /// What was seen, the weightiest first.
    pub(crate) reasons: Vec<Said>,
}

impl Condition {
    /// Asks a disk by the kernel's name of it: `sda`, `nvme0n1`. One that cannot be asked is [`Health::Unknown`].
    pub(crate) fn read(name: &str) -> Self {
        Self::of(&judge(&hwmon::disks::read(&asked(name))))
    }

    fn of(verdict: &Verdict) -> Self {
        // notes change no verdict; without a verdict they are all that is known
        let weighs = |weight: Weight| weight != Weight::Note || verdict.health == Health::Unknown;
        let reasons = verdict.reasons.iter().filter(|reason| weighs(reason.weight));
        Self {
            health: verdict.health,
            reasons: reasons.map(|reason| both(reason.text.en(), reason.text.zh())).collect(),
        }
    }

    /// Why the disk must not be used, if so.
    pub(crate) fn failing(&self) -> Option<Said> {
        (self.health == Health::Failing).then(|| self.words())
    }

    /// All reasons in words.
    pub(crate) fn words(&self) -> Said {
        let all = |text: fn(&Said) -> &str, between| self.reasons.iter().map(text).collect::<Vec<_>>().join(between);
        both(all(|said| &said.en, "; "), all(|said| &said.zh, "；"))
    }

    /// As the report has it.
    pub(crate) fn json(&self) -> Value {
        let reasons: Vec<&str> = self.reasons.iter().map(|said| said.en.as_str()).collect();
        json!({ "health": self.health, "reasons": reasons })
    }
}

/// The device that answers for a disk: an `NVMe` drive's controller, `nvme0` of `nvme0n1`.
fn asked(name: &str) -> PathBuf {
    let controller = name
        .strip_prefix("nvme")
        .and_then(|rest| rest.split_once('n'))
        .filter(|(number, _)| !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit()))
        .map(|(number, _)| format!("nvme{number}"));
    Path::new("/dev").join(controller.as_deref().unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use hwmon::drive::{Assessment, Drive};

    use super::*;

    #[test]
    fn the_controller_answers_for_its_disk() {
        assert_eq!(asked("nvme0n1"), Path::new("/dev/nvme0"));
        assert_eq!(asked("nvme12n3"), Path::new("/dev/nvme12"));
        assert_eq!(asked("sda"), Path::new("/dev/sda"));
        assert_eq!(asked("vdn1"), Path::new("/dev/vdn1"));
    }

    #[test]
    fn a_disk_that_says_it_fails_must_not_be_used_and_one_that_says_nothing_may() {
        let mut drive = Drive::unknown(hwmon::NoData::Unsupported);
        let silent = Condition::of(&judge(&drive));
        assert_eq!((silent.health, silent.failing()), (Health::Unknown, None));
        assert!(!silent.reasons.is_empty(), "why nothing is known");
        drive.assessment = Assessment::Failed(None);
        let failing = Condition::of(&judge(&drive));
        assert_eq!(failing.health, Health::Failing);
        assert!(
            failing
                .failing()
                .is_some_and(|why| !why.en.is_empty() && !why.zh.is_empty())
        );
        assert_eq!(failing.json()["health"], "failing");
    }

    #[test]
    fn a_disk_that_is_not_there_is_unknown() {
        assert_eq!(Condition::read("no-such-disk").health, Health::Unknown);
    }
}
