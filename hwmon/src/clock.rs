//! Whether somebody keeps the box's clock: adjtimex(2).

use crate::why::phrases;
use crate::{Kind, NoData, Reading, State, Unit};

/// The clock's readings. A clock that nobody sets is [`State::Warning`]; whether that is an alarm is [`crate::watch`]'s to say,
/// since after a start it takes its time.
#[must_use]
pub fn readings() -> Vec<Reading> {
    of(passthrough::clock().ok().map(|clock| (clock.synchronised, clock.error)))
}

/// The same from what the kernel said: whether the clock is kept, and how wrong it may be in microseconds.
fn of(told: Option<(bool, i64)>) -> Vec<Reading> {
    let kept = told.map(|(kept, _)| f64::from(u8::from(kept))).ok_or(NoData::Failed);
    #[allow(clippy::cast_precision_loss, reason = "the kernel counts up to 16 seconds")]
    let error = match told {
        Some((true, error)) => Ok(error as f64 / 1e6),
        Some((false, _)) => Err(NoData::NotReported),
        None => Err(NoData::Failed),
    };
    let (state, reason) = match told {
        Some((true, _)) => (State::Ok, phrases::CLOCK_KEPT),
        _ => (State::Warning, phrases::CLOCK_UNSET),
    };
    vec![
        Reading::fact("clock/synchronised", "clock is kept", Kind::State, Unit::Boolean, kept).judged(state, reason),
        Reading::fact(
            "clock/error",
            "clock's largest error",
            Kind::Duration,
            Unit::Second,
            error,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_nobody_keeps_has_no_error_that_means_anything() {
        let [kept, error] = of(Some((true, 2_500))).try_into().expect("two");
        assert_eq!((kept.state(), error.value()), (State::Ok, Ok(0.0025)));
        let [kept, error] = of(Some((false, 16_000_000))).try_into().expect("two");
        assert_eq!(
            (kept.state(), kept.value(), error.value()),
            (State::Warning, Ok(0.0), Err(NoData::NotReported))
        );
        let [kept, _] = of(None).try_into().expect("two");
        assert_eq!(kept.state(), State::Unknown);
        assert_eq!(readings().len(), 2);
    }
}
