//! What a disk says of its own health: its own commands and the verdict of the hardware monitor.

use std::path::Path;

use hwmon::board::DiskPlace;
use hwmon::sysfs::Root;
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
        let places = Root::open(Path::new("/sys"))
            .map(|root| root.disks())
            .unwrap_or_default();
        let found = places.into_iter().find(|place| place.disk == name);
        let place = found.unwrap_or_else(|| DiskPlace {
            disk: name.to_owned(),
            ..DiskPlace::default()
        });
        Self::of(&judge(&hwmon::disks::read(&hwmon::disks::device(&place))))
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

#[cfg(test)]
mod tests {
    use hwmon::drive::{Assessment, Drive};

    use super::*;

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
