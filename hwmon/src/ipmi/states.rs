//! Answers to Get Sensor Reading (IPMI 2.0, section 35.14), and what state bits mean (tables 42-2 and 42-3).

use super::sdr::Sensor;
use crate::{Kind, NoData, Reading, State, Unit};

/// One meaning of a bit.
pub(super) type Bit = (u8, State, &'static str);

const REDUNDANCY: [Bit; 8] = [
    (0, State::Ok, "fully redundant"),
    (1, State::Critical, "redundancy lost"),
    (2, State::Warning, "redundancy degraded"),
    (3, State::Critical, "not redundant: sufficient, after it was redundant"),
    (4, State::Critical, "not redundant: sufficient, after it was not"),
    (5, State::Critical, "not redundant: insufficient"),
    (6, State::Warning, "redundancy degraded from full"),
    (7, State::Warning, "redundancy degraded, from none"),
];
const SEVERITY: [Bit; 9] = [
    (0, State::Ok, "ok"),
    (1, State::Warning, "not critical, from ok"),
    (2, State::Critical, "critical, from less severe"),
    (3, State::Critical, "not recoverable, from less severe"),
    (4, State::Warning, "not critical, from more severe"),
    (5, State::Critical, "critical, from not recoverable"),
    (6, State::Critical, "not recoverable"),
    (7, State::Info, "monitor"),
    (8, State::Info, "informational"),
];
const PREDICTIVE: [Bit; 2] = [
    (0, State::Ok, "no failure foretold"),
    (1, State::Warning, "failure foretold"),
];
const LIMIT: [Bit; 2] = [
    (0, State::Ok, "limit not exceeded"),
    (1, State::Warning, "limit exceeded"),
];
const PERFORMANCE: [Bit; 2] = [
    (0, State::Ok, "performance met"),
    (1, State::Warning, "performance lags"),
];
const SUPPLY: [Bit; 8] = [
    (0, State::Ok, "present"),
    (1, State::Critical, "failed: replace it"),
    (2, State::Warning, "failure foretold: replace it soon"),
    (3, State::Critical, "no input: plug it in"),
    (4, State::Critical, "input lost or out of range"),
    (5, State::Warning, "input out of range"),
    (
        6,
        State::Critical,
        "wrong configuration: another model than its neighbour's",
    ),
    (7, State::Info, "inactive"),
];
const DRIVE: [Bit; 9] = [
    (0, State::Ok, "present"),
    (1, State::Critical, "failed: replace it"),
    (2, State::Warning, "failure foretold: replace it soon"),
    (3, State::Ok, "hot spare"),
    (4, State::Info, "checking consistency"),
    (5, State::Critical, "in an array without redundancy"),
    (6, State::Critical, "in a failed array"),
    (7, State::Warning, "rebuilding"),
    (8, State::Critical, "rebuild broken off"),
];
const MEMORY: [Bit; 11] = [
    (0, State::Warning, "corrected errors"),
    (1, State::Critical, "uncorrected errors: replace it"),
    (2, State::Critical, "parity error"),
    (3, State::Critical, "scrub failed"),
    (4, State::Warning, "disabled"),
    (5, State::Critical, "too many corrected errors: replace it"),
    (6, State::Ok, "present"),
    (7, State::Critical, "wrong configuration"),
    (8, State::Ok, "spare"),
    (9, State::Warning, "throttled"),
    (10, State::Critical, "far too hot"),
];
const PROCESSOR: [Bit; 12] = [
    (0, State::Critical, "internal error"),
    (1, State::Critical, "stopped for heat"),
    (2, State::Critical, "failed at start"),
    (3, State::Critical, "hung in self-test"),
    (4, State::Critical, "did not start"),
    (5, State::Critical, "wrong configuration"),
    (6, State::Critical, "uncorrectable error"),
    (7, State::Ok, "present"),
    (8, State::Warning, "disabled"),
    (10, State::Warning, "throttled for heat"),
    (11, State::Critical, "uncorrectable machine check"),
    (12, State::Warning, "corrected machine check"),
];
const SECURITY: [Bit; 2] = [
    (0, State::Warning, "the chassis was opened"),
    (4, State::Warning, "a cable was pulled"),
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
    let fact = |value| Reading::fact(id, sensor.name.clone(), kind, unit, value);
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
        return fact(Err(NoData::NotReported)).because("the controller says that there is no reading now");
    }
    if flags & 0x40 == 0 {
        return fact(Err(NoData::Disabled)).because("the controller does not scan this sensor");
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
    let by = |at: usize| limit(at).map_or(String::new(), |l| format!(" of {l}{symbol}"));
    // table 35-15: lower non-critical, critical, non-recoverable, and upper ones
    let has = |bit: u16| states >> bit & 1 == 1;
    let worst = [5, 2, 4, 1, 3, 0].into_iter().find(|bit| has(*bit));
    let name = [
        "lower",
        "lower critical",
        "lower destructive",
        "upper",
        "upper critical",
        "upper destructive",
    ];
    match worst {
        Some(bit) => {
            let state = if matches!(bit, 0 | 3) {
                State::Warning
            } else {
                State::Critical
            };
            let at = usize::from(bit);
            let side = if bit < 3 { "at or below" } else { "at or above" };
            let text = format!(
                "{side} its {} limit{}",
                name.get(at).copied().unwrap_or_default(),
                by(at)
            );
            fact(value).judged(state, text)
        }
        None if sensor.thresholds.iter().any(Option::is_some) => fact(value).judged(State::Ok, "within its limits"),
        None => fact(value),
    }
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
    let words: Vec<&str> = set.iter().map(|(.., words)| *words).collect();
    let state = worst.unwrap_or(if table.is_empty() { State::Info } else { State::Ok });
    let reason = match (words.is_empty(), table.is_empty()) {
        (false, _) => words.join(", "),
        (true, true) => format!("states {states:#06x} of a kind without a judgement"),
        (true, false) => "no state is set".to_owned(),
    };
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
        assert_eq!(said(2).reason(), "redundancy lost");
    }

    #[test]
    fn a_supply_is_judged_by_its_bits() {
        let said = |states| reading(&sensor(0x08, 0x6f), Ok(&[0, 0xc0, states, 0x80]));
        assert_eq!(said(0b0001).state(), State::Ok);
        assert_eq!(said(0b1001).state(), State::Critical);
        assert_eq!(said(0b0011).reason(), "present, failed: replace it");
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
