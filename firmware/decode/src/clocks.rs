//! When a flow began and ended, by whichever of its clocks a record was given.

use model::Timestamp;

use crate::assemble::{Surroundings, low32};
use crate::slot::{Mask, Numbers, Slot};
use crate::value::ntp;

const MILLI: u64 = 1_000_000;
const MICRO: u64 = 1_000;

const ABSOLUTE: Mask = Mask::of(&[
    Slot::StartSeconds,
    Slot::StartMillis,
    Slot::StartMicros,
    Slot::StartNanos,
    Slot::StartDelta,
    Slot::EndSeconds,
    Slot::EndMillis,
    Slot::EndMicros,
    Slot::EndNanos,
    Slot::EndDelta,
]);
const UPTIMES: Mask = Mask::of(&[Slot::StartUptime, Slot::EndUptime]);
const DURATIONS: Mask = Mask::of(&[Slot::DurationMillis, Slot::DurationMicros]);

/// First and last packet, from whichever clock the record uses; the export's time where it has none.
#[inline]
pub(crate) fn times(has: Mask, numbers: &Numbers, around: &Surroundings<'_>) -> (Timestamp, Timestamp) {
    let (mut start, mut end) = (None, None);
    if has.any(ABSOLUTE) {
        let clocks = [
            Slot::StartNanos,
            Slot::StartMicros,
            Slot::StartMillis,
            Slot::StartSeconds,
            Slot::StartDelta,
        ];
        start = absolute(has, numbers, around, clocks);
        let clocks = [
            Slot::EndNanos,
            Slot::EndMicros,
            Slot::EndMillis,
            Slot::EndSeconds,
            Slot::EndDelta,
        ];
        end = absolute(has, numbers, around, clocks);
    }
    if has.any(UPTIMES) && (start.is_none() || end.is_none()) {
        let (by_start, by_end) = since_boot(has, numbers, around);
        start = start.or(by_start);
        end = end.or(by_end);
    }
    if start.is_none() || end.is_none() {
        (start, end) = derived(has, numbers, start, end);
    }
    let end = end.or(start).unwrap_or(around.exported);
    let start = start.unwrap_or(end);
    // Clocks that are set meanwhile can make a flow end before it began.
    (start.min(end), end)
}

/// A time in one of the absolute clocks, the finest first: nanoseconds, microseconds, milliseconds, seconds, and
/// microseconds before the export.
#[inline]
fn absolute(has: Mask, numbers: &Numbers, around: &Surroundings<'_>, clocks: [Slot; 5]) -> Option<Timestamp> {
    let [nanos, micros, millis, seconds, delta] = clocks;
    let scaled = |slot, unit: u64| {
        let number = if has.has(slot) { numbers.get(slot) } else { 0 };
        (number != 0).then(|| Timestamp::from_nanos(number.saturating_mul(unit)))
    };
    if let Some(time) = scaled(millis, MILLI).filter(|_| !has.has(nanos) && !has.has(micros)) {
        return Some(time);
    }
    let fine = if has.has(nanos) {
        ntp(numbers.get(nanos), false)
    } else if has.has(micros) {
        ntp(numbers.get(micros), true)
    } else {
        None
    };
    fine.or_else(|| scaled(millis, MILLI))
        .or_else(|| scaled(seconds, MILLI * 1_000))
        .or_else(|| {
            let before = numbers.get(delta).saturating_mul(MICRO);
            has.has(delta)
                .then(|| Timestamp::from_nanos(around.exported.as_nanos().saturating_sub(before)))
        })
}

/// Times in milliseconds since the exporter started, modulo 2³² (49.7 days): counted back from the header's uptime, or
/// on from the start that the exporter told. Where neither is known, the flow is taken to end with the export.
fn since_boot(has: Mask, numbers: &Numbers, around: &Surroundings<'_>) -> (Option<Timestamp>, Option<Timestamp>) {
    let exported = around.exported;
    let boot = match numbers.get(Slot::BootMillis) {
        0 => around.boot,
        millis => Some(Timestamp::from_nanos(millis.saturating_mul(MILLI))),
    };
    let now = match (around.uptime, boot) {
        (Some(uptime), _) => uptime,
        (None, Some(boot)) => low32(exported.nanos_since(boot) / MILLI),
        // Nothing says when the exporter started: the flow ends with the export.
        (None, None) if has.has(Slot::EndUptime) => low32(numbers.get(Slot::EndUptime)),
        (None, None) => low32(numbers.get(Slot::StartUptime)),
    };
    let exported_at = match (around.uptime, boot) {
        // The milliseconds that the export's time lacks are those of the start.
        (None, Some(boot)) => boot.plus_nanos(exported.nanos_since(boot) / MILLI * MILLI),
        _ => exported,
    };
    let time = |slot| {
        has.has(slot).then(|| {
            // Within 24.8 days before the export, or ahead of it as clocks are read one after the other.
            let ago = i64::from(now.wrapping_sub(low32(numbers.get(slot))).cast_signed()) * MILLI.cast_signed();
            Timestamp::from_nanos(exported_at.as_nanos().saturating_add_signed(-ago))
        })
    };
    (time(Slot::StartUptime), time(Slot::EndUptime))
}

/// What is missing, from a duration, or from the time of an event (322–325).
fn derived(
    has: Mask,
    numbers: &Numbers,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
) -> (Option<Timestamp>, Option<Timestamp>) {
    let duration = has.any(DURATIONS).then(|| {
        if has.has(Slot::DurationMicros) {
            numbers.get(Slot::DurationMicros).saturating_mul(MICRO)
        } else {
            numbers.get(Slot::DurationMillis).saturating_mul(MILLI)
        }
    });
    let observed = || {
        let nonzero = |slot| Some(numbers.get(slot)).filter(|n| *n != 0);
        nonzero(Slot::ObservedNanos)
            .and_then(|n| ntp(n, false))
            .or_else(|| nonzero(Slot::ObservedMicros).and_then(|n| ntp(n, true)))
            .or_else(|| nonzero(Slot::ObservedMillis).map(|n| Timestamp::from_nanos(n.saturating_mul(MILLI))))
            .or_else(|| nonzero(Slot::ObservedSeconds).map(Timestamp::from_secs))
    };
    match (start, end, duration) {
        (Some(start), None, Some(duration)) => (Some(start), Some(start.plus_nanos(duration))),
        (None, end, duration) => {
            let end = end.or_else(observed);
            let start = end
                .zip(duration)
                .map(|(end, duration)| end.as_nanos().saturating_sub(duration));
            (start.map(Timestamp::from_nanos).or(end), end)
        }
        // An event's own time ends what only began.
        (start, None, None) => (start, observed().or(start)),
        both => (both.0, both.1),
    }
}
