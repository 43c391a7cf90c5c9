//! Whether somebody keeps the box's clock: systemd-timesyncd leaves a mark below /run whenever it sets it.

use std::path::Path;
use std::time::SystemTime;

use crate::why::phrases;
use crate::{Kind, NoData, Reading, State, Unit};

/// Where it leaves the mark.
pub const MARKS: &str = "/run/systemd/timesync";
/// Seconds after which the kernel calls a clock that nobody sets unsynchronised: 16 s of error at 500 ppm
/// (kernel/time/ntp.c).
const KEPT: f64 = 32_000.0;

/// The clock's readings, from timesyncd's folder. A clock that nobody sets is [`State::Warning`]; whether that is an alarm is
/// [`crate::watch`]'s to say, since after a start it takes its time. Where timesyncd does not run, both are missing.
#[must_use]
pub fn readings(folder: &Path, now: SystemTime) -> Vec<Reading> {
    if !folder.is_dir() {
        return of(Err(NoData::Disabled));
    }
    let mark = std::fs::metadata(folder.join("synchronized")).and_then(|mark| mark.modified());
    // a mark from the future was left before the clock was set back
    let age = mark
        .ok()
        .map(|set| now.duration_since(set).map_or(0.0, |age| age.as_secs_f64()));
    of(Ok(age))
}

/// The same from the seconds since the clock was set; `None` is never.
fn of(told: Result<Option<f64>, NoData>) -> Vec<Reading> {
    let is_kept = |age: Option<f64>| age.is_some_and(|age| age < KEPT);
    let kept = told.map(|age| f64::from(u8::from(is_kept(age))));
    let age = told.and_then(|age| age.map(f64::round).ok_or(NoData::NotReported));
    let (state, reason) = match told {
        Ok(age) if is_kept(age) => (State::Ok, phrases::CLOCK_KEPT),
        _ => (State::Warning, phrases::CLOCK_UNSET),
    };
    vec![
        Reading::fact(
            "clock/synchronised",
            phrases::R_CLOCK_KEPT,
            Kind::State,
            Unit::Boolean,
            kept,
        )
        .judged(state, reason),
        Reading::fact("clock/age", phrases::R_CLOCK_AGE, Kind::Duration, Unit::Second, age),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(folder: &Path, now: SystemTime) -> (State, Result<f64, NoData>, Result<f64, NoData>) {
        let [kept, age] = readings(folder, now).try_into().expect("two");
        (kept.state(), kept.value(), age.value())
    }

    #[test]
    fn a_clock_is_kept_as_long_as_it_is_set() {
        let folder = tempfile::tempdir().expect("a folder");
        let now = SystemTime::now();
        assert_eq!(
            read(folder.path(), now),
            (State::Warning, Ok(0.0), Err(NoData::NotReported))
        );
        let mark = std::fs::File::create(folder.path().join("synchronized")).expect("a mark");
        mark.set_modified(now).expect("a time");
        let after = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(read(folder.path(), after(60)), (State::Ok, Ok(1.0), Ok(60.0)));
        assert_eq!(
            read(folder.path(), now - Duration::from_secs(9)),
            (State::Ok, Ok(1.0), Ok(0.0))
        );
        assert_eq!(
            read(folder.path(), after(32_000)),
            (State::Warning, Ok(0.0), Ok(32_000.0))
        );
        let none = (State::Unknown, Err(NoData::Disabled), Err(NoData::Disabled));
        assert_eq!(read(&folder.path().join("none"), now), none);
    }
}
