//! How much is kept of what.

use super::{SettingsError, field};
use crate::{KeptClass, Retention};

pub(super) fn check(retention: &Retention) -> Result<(), SettingsError> {
    for class in KeptClass::ALL {
        let limit = retention.of(class);
        let (most, unit) = match class {
            KeptClass::Seconds => (48, "hours"),
            KeptClass::Minutes => (400, "days"),
            KeptClass::Records
            | KeptClass::Rollups
            | KeptClass::Logs
            | KeptClass::Transactions
            | KeptClass::Packets => (3_650, "days"),
        };
        if !(1..=most).contains(&limit.age) {
            return field(
                format!("retention.{}.age", class.field()),
                format!("{} is not between 1 and {most} {unit}", limit.age),
            );
        }
        if limit.gb == Some(0) {
            return field(
                format!("retention.{}.gb", class.field()),
                "at least 1 GB; leave it out to keep as much as the disk has room for".to_owned(),
            );
        }
    }
    let (records, rollups) = (retention.records.age, retention.rollups.age);
    if rollups < records {
        return field(
            "retention.rollups.age",
            format!("rollups outlive the records that they are made of: keep them for at least {records} days"),
        );
    }
    if !(50..=95).contains(&retention.full_percent) {
        return field(
            "retention.full_percent",
            format!("{} is not between 50 and 95 percent", retention.full_percent),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    fn problem(change: impl FnOnce(&mut Retention)) -> String {
        let mut settings = Settings::default();
        change(&mut settings.retention);
        settings.check().unwrap_err().to_string()
    }

    #[test]
    fn bounds_hold_and_errors_name_the_field() {
        assert_eq!(
            problem(|r| r.records.age = 0),
            "retention.records.age: 0 is not between 1 and 3650 days"
        );
        assert!(problem(|r| r.seconds.age = 49).starts_with("retention.seconds.age: 49 is not between 1 and 48 hours"));
        assert!(problem(|r| r.minutes.age = 401).starts_with("retention.minutes.age: "));
        assert!(problem(|r| r.rollups.age = 3_651).starts_with("retention.rollups.age: "));
        assert!(problem(|r| r.logs.age = 3_651).starts_with("retention.logs.age: "));
        assert!(problem(|r| r.transactions.age = 0).starts_with("retention.transactions.age: "));
        assert!(problem(|r| r.packets.gb = Some(0)).starts_with("retention.packets.gb: at least 1 GB"));
        assert!(problem(|r| r.full_percent = 49).starts_with("retention.full_percent: "));
        assert!(problem(|r| r.full_percent = 96).starts_with("retention.full_percent: "));
        assert!(problem(|r| r.rollups.age = 179).ends_with("for at least 180 days"));
    }

    #[test]
    fn the_bounds_themselves_are_good() {
        let mut settings = Settings::default();
        for (age, seconds, minutes, full) in [(1, 1, 1, 50), (3_650, 48, 400, 95)] {
            let retention = &mut settings.retention;
            (retention.records.age, retention.rollups.age) = (age, age);
            (retention.logs.age, retention.packets.age) = (age, age);
            retention.transactions.age = age;
            (retention.seconds.age, retention.minutes.age) = (seconds, minutes);
            retention.full_percent = full;
            retention.logs.gb = Some(1);
            assert_eq!(settings.check(), Ok(()));
        }
    }
}
