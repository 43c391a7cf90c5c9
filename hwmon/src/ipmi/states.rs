//! Answers to Get Sensor Reading (IPMI 2.0, section 35.14), and what state bits mean (tables 42-2 and 42-3).

use super::sdr::Sensor;
use crate::why::{Phrase, Value, Why, phrases};
use crate::{Kind, NoData, Reading, State, Unit};

/// One meaning of a bit.
pub(super) type Bit = (u8, State, &'static Phrase);

const REDUNDANCY: [Bit; 8] = [
    (0, State::Ok, phrases::S_REDUNDANT),
    (1, State::Critical, phrases::S_REDUNDANCY_LOST),
    (2, State::Warning, phrases::S_REDUNDANCY_DEGRADED),
    (3, State::Critical, phrases::S_SUFFICIENT_WAS),
    (4, State::Critical, phrases::S_SUFFICIENT_NOT),
    (5, State::Critical, phrases::S_INSUFFICIENT),
    (6, State::Warning, phrases::S_DEGRADED_FULL),
    (7, State::Warning, phrases::S_DEGRADED_NONE),
];
const SEVERITY: [Bit; 9] = [
    (0, State::Ok, phrases::S_OK),
    (1, State::Warning, phrases::S_NOT_CRITICAL),
    (2, State::Critical, phrases::S_CRITICAL),
    (3, State::Critical, phrases::S_NOT_RECOVERABLE_FROM),
    (4, State::Warning, phrases::S_LESS),
    (5, State::Critical, phrases::S_CRITICAL_FROM),
    (6, State::Critical, phrases::S_NOT_RECOVERABLE),
    (7, State::Info, phrases::S_MONITOR),
    (8, State::Info, phrases::S_INFORMATIONAL),
];
const PREDICTIVE: [Bit; 2] = [
    (0, State::Ok, phrases::S_NOT_FORETOLD),
    (1, State::Warning, phrases::S_FORETOLD),
];
const LIMIT: [Bit; 2] = [
    (0, State::Ok, phrases::S_LIMIT_KEPT),
    (1, State::Warning, phrases::S_LIMIT_EXCEEDED),
];
const PERFORMANCE: [Bit; 2] = [
    (0, State::Ok, phrases::S_PERFORMS),
    (1, State::Warning, phrases::S_LAGS),
];
const SUPPLY: [Bit; 8] = [
    (0, State::Ok, phrases::S_PRESENT),
    (1, State::Critical, phrases::S_REPLACE),
    (2, State::Warning, phrases::S_REPLACE_SOON),
    (3, State::Critical, phrases::S_NO_INPUT),
    (4, State::Critical, phrases::S_INPUT_LOST),
    (5, State::Warning, phrases::S_INPUT_RANGE),
    (6, State::Critical, phrases::S_MISMATCH),
    (7, State::Info, phrases::S_INACTIVE),
];
const DRIVE: [Bit; 9] = [
    (0, State::Ok, phrases::S_PRESENT),
    (1, State::Critical, phrases::S_REPLACE),
    (2, State::Warning, phrases::S_REPLACE_SOON),
    (3, State::Ok, phrases::S_HOT_SPARE),
    (4, State::Info, phrases::S_CHECKING),
    (5, State::Critical, phrases::S_NO_REDUNDANCY),
    (6, State::Critical, phrases::S_FAILED_ARRAY),
    (7, State::Warning, phrases::S_REBUILDING),
    (8, State::Critical, phrases::S_REBUILD_STOPPED),
];
const MEMORY: [Bit; 11] = [
    (0, State::Warning, phrases::S_CORRECTED),
    (1, State::Critical, phrases::S_UNCORRECTED),
    (2, State::Critical, phrases::S_PARITY),
    (3, State::Critical, phrases::S_SCRUB),
    (4, State::Warning, phrases::S_DISABLED),
    (5, State::Critical, phrases::S_TOO_MANY),
    (6, State::Ok, phrases::S_PRESENT),
    (7, State::Critical, phrases::S_CONFIGURATION),
    (8, State::Ok, phrases::S_SPARE),
    (9, State::Warning, phrases::S_THROTTLED),
    (10, State::Critical, phrases::S_FAR_TOO_HOT),
];
const PROCESSOR: [Bit; 12] = [
    (0, State::Critical, phrases::S_INTERNAL),
    (1, State::Critical, phrases::S_HEAT_STOP),
    (2, State::Critical, phrases::S_START_FAILED),
    (3, State::Critical, phrases::S_HUNG),
    (4, State::Critical, phrases::S_NOT_STARTED),
    (5, State::Critical, phrases::S_CONFIGURATION),
    (6, State::Critical, phrases::S_UNCORRECTABLE),
    (7, State::Ok, phrases::S_PRESENT),
    (8, State::Warning, phrases::S_DISABLED),
    (10, State::Warning, phrases::S_HEAT_THROTTLED),
    (11, State::Critical, phrases::S_MACHINE_CHECK),
    (12, State::Warning, phrases::S_MACHINE_CORRECTED),
];
const SECURITY: [Bit; 2] = [
    (0, State::Warning, phrases::S_OPENED),
    (4, State::Warning, phrases::S_CABLE),
];

/// The meanings of the bits of an event and reading type and a kind of sensor.
pub(super) fn table(event: u8, kind: u8) -> &'static [Bit] {
    match (event, kind) {
        (0x0b, _) => &REDUNDANCY,
        (0x07, _) => &SEVERITY,
        (0x04, _) => &PREDICTIVE,
        (0x05, _) => &LIMIT,
        (0x06, _) => &PERFORMANCE,
        (0x6f, 0x05) => &SECURITY,
        (0x6f, 0x07) => &PROCESSOR,
        (0x6f, 0x08) => &SUPPLY,
        (0x6f, 0x0c) => &MEMORY,
        (0x6f, 0x0d) => &DRIVE,
        _ => &[],
    }
}

/// A sensor's reading from the answer's data (without the completion code), or from why there is none.
#[must_use]
pub fn reading(sensor: &Sensor, answer: Result<&[u8], NoData>) -> Reading {
    let id = format!("ipmi/{}.{}/{}", sensor.lun, sensor.number, sensor.name);
    let discrete = sensor.event != 1;
    let (kind, unit) = if discrete {
        (Kind::State, Unit::Boolean)
    } else {
        sensor.unit
    };
    let fact = |value| Reading::fact(id, Why::given(sensor.name.as_str()), kind, unit, value);
    let (raw, flags, states) = match answer {
        Ok([raw, flags, rest @ ..]) => {
            let low = rest.first().copied().unwrap_or(0);
            let high = rest.get(1).copied().unwrap_or(0) & 0x7f;
            (*raw, *flags, u16::from(low) | u16::from(high) << 8)
        }
        Ok(_) => return fact(Err(NoData::Invalid)),
        Err(why) => return fact(Err(why)),
    };
    // scanning off, or unavailable, in table 35-15's second octet
    if flags & 0x20 != 0 {
        return fact(Err(NoData::NotReported)).because(phrases::BMC_NO_READING);
    }
    if flags & 0x40 == 0 {
        return fact(Err(NoData::Disabled)).because(phrases::BMC_NOT_SCANNED);
    }
    if discrete {
        judge_states(sensor, states, fact)
    } else {
        judge_value(sensor, raw, states, fact)
    }
}

fn judge_value(sensor: &Sensor, raw: u8, states: u16, fact: impl FnOnce(Result<f64, NoData>) -> Reading) -> Reading {
    let value = sensor.factors.and_then(|f| f.value(raw)).ok_or(NoData::Unsupported);
    let limit = |at: usize| {
        let raw = sensor.thresholds.get(at).copied().flatten()?;
        sensor.factors?.value(raw)
    };
    let symbol = sensor.unit.1.symbol();
    let of = |at: usize| limit(at).map(|limit| format!("{limit}{symbol}"));
    // table 35-15: lower non-critical, critical, non-recoverable, and upper ones
    let has = |bit: u16| states >> bit & 1 == 1;
    let worst = [5, 2, 4, 1, 3, 0].into_iter().find(|bit| has(*bit));
    match worst {
        Some(bit) => {
            let state = if matches!(bit, 0 | 3) {
                State::Warning
            } else {
                State::Critical
            };
            let text = crossed(usize::from(bit), of(usize::from(bit)));
            fact(value).judged(state, text)
        }
        None if sensor.thresholds.iter().any(Option::is_some) => fact(value).judged(State::Ok, phrases::WITHIN),
        None => fact(value),
    }
}

/// That a limit was crossed: 0 lower, 1 lower critical, 2 lower destructive, 3 to 5 the upper ones.
pub(super) fn crossed(limit: usize, of: Option<String>) -> Why {
    const LIMITS: [&Phrase; 6] = [
        phrases::BMC_LOWER,
        phrases::BMC_LOWER_CRITICAL,
        phrases::BMC_LOWER_DESTRUCTIVE,
        phrases::BMC_UPPER,
        phrases::BMC_UPPER_CRITICAL,
        phrases::BMC_UPPER_DESTRUCTIVE,
    ];
    let phrase = LIMITS.get(limit).copied().unwrap_or(phrases::BMC_UNKNOWN_LIMIT);
    let of = of.map_or_else(|| Value::from(""), |of| phrases::OF.with([of.into()]).into());
    phrase.with([of])
}

fn judge_states(sensor: &Sensor, states: u16, fact: impl FnOnce(Result<f64, NoData>) -> Reading) -> Reading {
    let table = table(sensor.event, sensor.kind);
    let set: Vec<&Bit> = table.iter().filter(|(bit, ..)| states >> bit & 1 == 1).collect();
    let present = matches!((sensor.event, sensor.kind), (0x6f, 0x08 | 0x0d));
    if present && states == 0 {
        // no supply, no drive: the board says whether there has to be one
        return fact(Err(NoData::NotPresent));
    }
    let worst = set.iter().map(|(_, state, _)| *state).max();
    let words = Why::all(set.iter().map(|(.., words)| Why::from(*words)));
    let state = worst.unwrap_or(if table.is_empty() { State::Info } else { State::Ok });
    let reason = words.unwrap_or_else(|| match table.is_empty() {
        true => phrases::BMC_STATES.with([format!("{states:#06x}").into()]),
        false => phrases::BMC_NO_STATE.into(),
    });
    fact(Ok(f64::from(u8::from(!matches!(
        state,
        State::Warning | State::Critical
    )))))
    .judged(state, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sensor(kind: u8, event: u8) -> Sensor {
        Sensor {
            lun: 0,
            number: 1,
            kind,
            event,
            name: "s".to_owned(),
            unit: (Kind::Temperature, Unit::Celsius),
            factors: None,
            thresholds: [None; 6],
        }
    }

    #[test]
    fn redundancy_lost_is_an_alarm() {
        let said = |states| reading(&sensor(0x08, 0x0b), Ok(&[0, 0xc0, states, 0x80]));
        assert_eq!(said(1).state(), State::Ok);
        assert_eq!((said(2).state(), said(2).value()), (State::Critical, Ok(0.0)));
        assert_eq!(said(2).reason().en(), "redundancy lost");
    }

    #[test]
    fn a_supply_is_judged_by_its_bits() {
        let said = |states| reading(&sensor(0x08, 0x6f), Ok(&[0, 0xc0, states, 0x80]));
        assert_eq!(said(0b0001).state(), State::Ok);
        assert_eq!(said(0b1001).state(), State::Critical);
        assert_eq!(said(0b0011).reason().en(), "present, failed: replace it");
        assert_eq!(said(0).value(), Err(NoData::NotPresent));
    }

    #[test]
    fn what_is_not_scanned_is_missing() {
        let said = |flags| reading(&sensor(0x08, 0x0b), Ok(&[0, flags, 2, 0]));
        assert_eq!(said(0xe0).value(), Err(NoData::NotReported));
        assert_eq!(said(0x80).value(), Err(NoData::Disabled));
        assert_eq!(reading(&sensor(1, 1), Ok(&[0])).value(), Err(NoData::Invalid));
        assert_eq!(
            reading(&sensor(1, 1), Err(NoData::Timeout)).value(),
            Err(NoData::Timeout)
        );
    }

    proptest! {
        #[test]
        fn no_answer_panics_and_none_without_a_value_is_ok(kind: u8, event: u8, octets in proptest::collection::vec(any::<u8>(), 0..6)) {
            let said = reading(&sensor(kind, event), Ok(&octets));
            prop_assert!(said.value().is_ok() || said.state() == State::Unknown);
        }
    }
}
