//! The event log (IPMI 2.0, chapter 32): records in, events with their words out.

use serde::Serialize;

use super::sdr::Sensor;
use super::states::{crossed, table};
use crate::State;
use crate::why::{Phrase, Why, phrases};

/// How far the log was read: the last record and its time, by which a log that was cleared is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Cursor {
    /// Its number.
    pub record: u16,
    /// Its time, in seconds since 1970 by the controller's clock; 0 where the record has none.
    pub time: u32,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Where it stands.
    pub cursor: Cursor,
    /// Seconds since 1970 by the controller's clock, which may be wrong; `None` before that was set, and without one.
    pub time: Option<u32>,
    /// The sensor, or what else it is about.
    pub sensor: Why,
    /// How bad it is. The end of something bad is [`State::Info`].
    pub state: State,
    /// Whether it begins; otherwise it ends.
    pub begins: bool,
    /// What people read.
    pub text: Why,
}

/// Times below this count from the controller's start (section 37.1).
const UNSET: u32 = 0x2000_0000;

/// Reads a record of 16 octets; one that is cut off gives none.
#[must_use]
pub fn event(record: &[u8], sensors: &[Sensor]) -> Option<Event> {
    let record: &[u8; 16] = record.first_chunk()?;
    let [r0, r1, kind, t0, t1, t2, t3, g0, _, _, about, number, event, d1, d2, d3] = *record;
    let stamped = kind < 0xe0;
    let time = if stamped {
        u32::from_le_bytes([t0, t1, t2, t3])
    } else {
        0
    };
    let cursor = Cursor {
        record: u16::from_le_bytes([r0, r1]),
        time,
    };
    let time = (stamped && time >= UNSET && time != u32::MAX).then_some(time);
    if kind != 0x02 {
        let from = if stamped { 7 } else { 3 };
        let octets: Vec<String> = record.iter().skip(from).map(|o| format!("{o:02x}")).collect();
        return Some(Event {
            cursor,
            time,
            sensor: phrases::BMC_RECORD_KIND.with([format!("{kind:02x}h").into()]),
            state: State::Info,
            begins: true,
            text: phrases::BMC_RECORD.with([octets.join(" ").into()]),
        });
    }
    // system software has numbers of its own
    let own = g0 & 1 == 0;
    let sensor = sensors.iter().find(|s| own && s.number == number && s.kind == about);
    let begins = event & 0x80 == 0;
    let (state, words) = meaning(event & 0x7f, about, [d1, d2, d3], sensor);
    Some(Event {
        cursor,
        time,
        sensor: match sensor {
            Some(sensor) => Why::given(sensor.name.as_str()),
            None => Why::of(kind_of(about), format!("{number:02x}h")),
        },
        state: if begins { state } else { State::Info },
        begins,
        text: if begins {
            words
        } else {
            phrases::BMC_OVER.with([words.into()])
        },
    })
}

fn meaning(event: u8, kind: u8, data: [u8; 3], sensor: Option<&Sensor>) -> (State, Why) {
    let [d1, reading, threshold] = data;
    let offset = d1 & 0x0f;
    if event == 1 {
        // table 42-2: low and high crossings of six thresholds
        let value = |raw: u8, told: bool| {
            let sensor = sensor.filter(|_| told)?;
            Some(format!("{}{}", sensor.factors?.value(raw)?, sensor.unit.1.symbol()))
        };
        let mut text = crossed(usize::from(offset / 2), value(threshold, d1 >> 4 & 3 == 1));
        if let Some(value) = value(reading, d1 >> 6 == 1) {
            text = phrases::NAMED.with([text.into(), value.into()]);
        }
        let state = if matches!(offset / 2, 0 | 3) {
            State::Warning
        } else {
            State::Critical
        };
        return (state, text);
    }
    let known = table(event, kind).iter().find(|(bit, ..)| *bit == offset);
    match known {
        // that something is there, or well, is no more than worth knowing
        Some((_, state, words)) => ((*state).max(State::Info), (*words).into()),
        None => (
            State::Info,
            phrases::BMC_EVENT.with([format!("{event:02x}h").into(), offset.into()]),
        ),
    }
}

/// Names of sensor types (table 42-3).
fn kind_of(kind: u8) -> &'static Phrase {
    match kind {
        0x01 => phrases::K_TEMPERATURE,
        0x02 => phrases::K_VOLTAGE,
        0x03 => phrases::K_CURRENT,
        0x04 => phrases::K_FAN,
        0x05 => phrases::K_CHASSIS,
        0x07 => phrases::K_PROCESSOR,
        0x08 => phrases::K_SUPPLY,
        0x09 => phrases::K_POWER_UNIT,
        0x0c => phrases::K_MEMORY,
        0x0d => phrases::K_BAY,
        0x0f => phrases::K_FIRMWARE,
        0x10 => phrases::K_LOG,
        0x12 => phrases::K_SYSTEM,
        0x13 => phrases::K_INTERRUPT,
        0x19 => phrases::K_CHIP_SET,
        0x1b => phrases::K_CABLE,
        0x1d => phrases::K_BOOT,
        0x20 => phrases::K_OS_STOP,
        0x22 => phrases::K_POWER_STATE,
        0x23 => phrases::K_WATCHDOG,
        0x28 => phrases::K_CONTROLLER,
        0x29 => phrases::K_BATTERY,
        _ => phrases::K_SENSOR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(about: u8, number: u8, event: u8, data: [u8; 3]) -> [u8; 16] {
        let [d1, d2, d3] = data;
        let [t0, t1, t2, t3] = 1_700_000_000u32.to_le_bytes();
        [7, 0, 2, t0, t1, t2, t3, 0x20, 0, 4, about, number, event, d1, d2, d3]
    }

    #[test]
    fn a_supply_that_fails_and_comes_back_is_said_in_words() {
        let begun = event(&record(0x08, 3, 0x6f, [1, 0xff, 0xff]), &[]).expect("an event");
        assert_eq!((begun.cursor.record, begun.time), (7, Some(1_700_000_000)));
        assert_eq!(
            (begun.state, begun.sensor.en().as_str()),
            (State::Critical, "power supply 03h")
        );
        assert_eq!(begun.text.en(), "failed: replace it");
        let over = event(&record(0x08, 3, 0xef, [1, 0xff, 0xff]), &[]).expect("an event");
        assert_eq!(
            (over.state, over.begins, over.text.en().as_str()),
            (State::Info, false, "no longer: failed: replace it")
        );
        let lost = event(&record(0x08, 2, 0x0b, [1, 0, 0]), &[]).expect("an event");
        assert_eq!(
            (lost.state, lost.text.en().as_str()),
            (State::Critical, "redundancy lost")
        );
    }

    #[test]
    fn a_threshold_is_told_with_its_value_where_the_sensor_is_known() {
        let mut octets = vec![0; 48];
        (
            octets[3], octets[7], octets[12], octets[13], octets[21], octets[24], octets[47],
        ) = (1, 0x30, 1, 1, 1, 1, 0xc5);
        octets.extend(b"Inlet");
        let sensors = super::super::sdr::parse(&octets);
        let hot = event(&record(1, 0x30, 0x01, [0x59, 85, 80]), &sensors).expect("an event");
        assert_eq!(hot.text.en(), "at or above its upper critical limit of 80 °C: 85 °C");
        assert_eq!((hot.sensor.en().as_str(), hot.state), ("Inlet", State::Critical));
        let bare = event(&record(1, 0x31, 0x01, [0x57, 85, 80]), &sensors).expect("an event");
        assert_eq!(
            (bare.text.en().as_str(), bare.state),
            ("at or above its upper limit", State::Warning)
        );
    }

    #[test]
    fn times_before_the_clock_was_set_are_none() {
        let mut octets = record(8, 3, 0x6f, [0, 0, 0]);
        octets[3..7].copy_from_slice(&90u32.to_le_bytes());
        assert_eq!(event(&octets, &[]).expect("an event").time, None);
        octets[2] = 0xe1;
        let maker = event(&octets, &[]).expect("an event");
        assert_eq!((maker.time, maker.cursor.time, maker.state), (None, 0, State::Info));
        assert_eq!(event(&octets[..15], &[]), None);
    }

    proptest! {
        #[test]
        fn no_record_panics(octets in proptest::collection::vec(any::<u8>(), 16..20)) {
            let told = event(&octets, &[]).expect("an event");
            prop_assert!(told.begins || told.state == State::Info);
        }
    }
}
