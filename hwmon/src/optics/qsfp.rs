//! QSFP, QSFP+ and QSFP28: SFF-8636. As Linux lays them out: the lower page, then the upper pages 00h to 03h of 128 octets each.

use super::{Module, Side, dark, judged, name, rounded, word};
use crate::why::{Phrase, Why, phrases};
use crate::{Kind, NoData, Reading, Unit};

/// Upper page 03h, the thresholds.
const THRESHOLDS: usize = 512;
/// Lanes.
const LANES: usize = 4;
/// 1/256 °C, 100 µV, 2 µA and 0.1 µW, of one.
const CELSIUS: f64 = 256.0;
const VOLT: f64 = 10_000.0;
const AMPERE: f64 = 500_000.0;
const WATT: f64 = 10_000_000.0;

/// Who it is, from page 00h.
pub(super) fn module(octets: &[u8]) -> Module {
    Module {
        vendor: name(octets, 148..164),
        part: name(octets, 168..184),
        serial: name(octets, 196..212),
    }
}

/// A quantity that the module measures.
struct Quantity {
    id: &'static str,
    name: &'static Phrase,
    kind: Kind,
    unit: Unit,
    /// Of one, as the module counts.
    scale: f64,
    /// Its thresholds on page 03h, from the page's beginning.
    limits: usize,
    /// Which way light goes, where it is about light.
    side: Option<Side>,
}

impl Quantity {
    fn number(&self, raw: u16) -> f64 {
        match self.kind {
            Kind::Temperature => f64::from(i16::from_ne_bytes(raw.to_ne_bytes())) / self.scale,
            _ => f64::from(raw) / self.scale,
        }
    }

    /// Its reading from the lower page, of a lane from 1 on or of the whole module.
    fn read(&self, port: &str, octets: &[u8], at: usize, lane: Option<usize>) -> Reading {
        let value = word(octets, at).map(|raw| rounded(self.number(raw), self.scale));
        let (id, name) = match lane {
            Some(lane) => (
                format!("sfp/{port}/{}{lane}", self.id),
                Why::of(port, phrases::LANE.with([self.name.into(), lane.into()])),
            ),
            None => (format!("sfp/{port}/{}", self.id), Why::of(port, self.name)),
        };
        let reading = Reading::fact(id, name, self.kind, self.unit, value.ok_or(NoData::Unsupported));
        // byte 2, bit 2: there are no upper pages but 00h
        let flat = octets.get(2).is_none_or(|status| status & 0x04 != 0);
        let limit = |n: usize| word(octets, THRESHOLDS + self.limits + n * 2).map(|raw| self.number(raw));
        let limits = [limit(0), limit(1), limit(2), limit(3)];
        if flat || limits.iter().all(|limit| limit.is_none_or(|limit| limit == 0.0)) {
            return reading;
        }
        // byte 3, bits 3:0: no light comes in, by lane; byte 86, bits 3:0: lasers that are off
        let dark = lane.zip(self.side).and_then(|(lane, side)| {
            let at = if side == Side::Receives { 3 } else { 86 };
            let bits = octets.get(at).copied().unwrap_or(0);
            dark(side, bits >> (lane - 1) & 1 == 1, &reading)
        });
        judged(reading, dark, limits)
    }
}

const TEMPERATURE: Quantity = Quantity {
    id: "temperature",
    name: phrases::R_TEMPERATURE,
    kind: Kind::Temperature,
    unit: Unit::Celsius,
    scale: CELSIUS,
    limits: 0,
    side: None,
};
const VOLTAGE: Quantity = Quantity {
    id: "voltage",
    name: phrases::R_VOLTAGE,
    kind: Kind::Voltage,
    unit: Unit::Volt,
    scale: VOLT,
    limits: 16,
    side: None,
};
const RECEIVED: Quantity = Quantity {
    id: "received",
    name: phrases::R_LIGHT_RECEIVED,
    kind: Kind::Power,
    unit: Unit::Watt,
    scale: WATT,
    limits: 48,
    side: Some(Side::Receives),
};
const BIAS: Quantity = Quantity {
    id: "bias",
    name: phrases::R_BIAS,
    kind: Kind::Current,
    unit: Unit::Ampere,
    scale: AMPERE,
    limits: 56,
    side: Some(Side::Sends),
};
const SENT: Quantity = Quantity {
    id: "sent",
    name: phrases::R_LIGHT_SENT,
    kind: Kind::Power,
    unit: Unit::Watt,
    scale: WATT,
    limits: 64,
    side: Some(Side::Sends),
};

/// The readings of a module that measures; one of copper has zeros alone, and none.
pub(super) fn readings(port: &str, octets: &[u8]) -> Vec<Reading> {
    let Some(measured) = octets.get(22..58) else {
        return Vec::new();
    };
    if measured.iter().all(|octet| *octet == 0) {
        return Vec::new();
    }
    // byte 220, bit 2: it measures what it sends
    let sends = octets.get(220).is_some_and(|kinds| kinds & 0x04 != 0);
    let mut out = vec![
        TEMPERATURE.read(port, octets, 22, None),
        VOLTAGE.read(port, octets, 26, None),
    ];
    let lanes = [(&RECEIVED, 34, true), (&BIAS, 42, true), (&SENT, 50, sends)];
    for (quantity, at, _) in lanes.into_iter().filter(|(.., there)| *there) {
        out.extend((0..LANES).map(|lane| quantity.read(port, octets, at + lane * 2, Some(lane + 1))));
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::State;

    /// A 100GBASE-SR4 module, by SFF-8636's tables 6-2 to 6-28.
    fn eeprom() -> Vec<u8> {
        let mut octets = vec![0u8; 640];
        octets[0] = 0x11;
        octets[148..164].copy_from_slice(b"FINISAR CORP    ");
        octets[168..184].copy_from_slice(b"FTLC9555REPM    ");
        octets[196..212].copy_from_slice(b"X9A0001         ");
        octets[220] = 0x0c;
        let mut put = |at: usize, value: u16| octets[at..at + 2].copy_from_slice(&value.to_be_bytes());
        put(22, 41 << 8 | 0x40);
        put(26, 32_900);
        for (lane, (received, bias, sent)) in [
            (9_000, 3_700, 10_000),
            (8_000, 3_750, 9_500),
            (250, 3_700, 9_000),
            (0, 0, 0),
        ]
        .into_iter()
        .enumerate()
        {
            put(34 + lane * 2, received);
            put(42 + lane * 2, bias);
            put(50 + lane * 2, sent);
        }
        // page 03h: 75, -5, 70 and 0 °C; volts; light received; current; light sent
        for (at, limits) in [
            (512, [75 << 8, 0xfb00, 70 << 8, 0]),
            (528, [36_300, 29_700, 34_650, 31_350]),
            (560, [21_878, 350, 17_378, 891]),
            (568, [6_000, 1_000, 5_500, 1_250]),
            (576, [25_119, 400, 19_953, 1_023]),
        ] {
            for (n, limit) in limits.into_iter().enumerate() {
                put(at + n * 2, limit);
            }
        }
        octets
    }

    #[test]
    fn every_lane_is_read_and_judged_by_page_3() {
        let octets = eeprom();
        let who = module(&octets);
        assert_eq!(
            (who.vendor.as_deref(), who.part.as_deref(), who.serial.as_deref()),
            (Some("FINISAR CORP"), Some("FTLC9555REPM"), Some("X9A0001"))
        );
        let said = readings("eth4", &octets);
        let find = |id: &str| {
            let reading = said.iter().find(|r| r.id() == format!("sfp/eth4/{id}")).expect(id);
            (reading.value(), reading.state())
        };
        assert_eq!(said.len(), 14);
        assert_eq!(find("temperature"), (Ok(41.25), State::Ok));
        assert_eq!(find("voltage"), (Ok(3.29), State::Ok));
        assert_eq!(find("received1"), (Ok(0.000_9), State::Ok));
        assert_eq!(find("received3"), (Ok(0.000_025), State::Critical));
        assert_eq!(find("bias1"), (Ok(0.0074), State::Ok));
        assert_eq!(find("sent2"), (Ok(0.000_95), State::Ok));
        // a lane without light is no alarm, one whose laser should be on is
        assert_eq!(find("received4"), (Ok(0.0), State::Info));
        assert_eq!(find("sent4"), (Ok(0.0), State::Critical));
        let dark = said.iter().find(|r| r.id() == "sfp/eth4/received3").expect("a lane");
        assert_eq!(dark.reason().en(), "-16.0 dBm, below -14.6 dBm");
    }

    #[test]
    fn lanes_that_are_switched_off_or_dark_are_no_alarm() {
        let mut octets = eeprom();
        (octets[3], octets[86]) = (0x04, 0x08);
        let said = readings("e", &octets);
        let state = |id: &str| said.iter().find(|r| r.id() == format!("sfp/e/{id}")).expect(id).state();
        assert_eq!(
            (state("received3"), state("bias4"), state("sent4"), state("sent1")),
            (State::Info, State::Info, State::Info, State::Ok)
        );
    }

    #[test]
    fn a_module_without_page_3_or_without_a_laser_is_not_judged() {
        let mut octets = eeprom();
        octets[2] = 0x04;
        assert!(readings("e", &octets).iter().all(|r| r.state() == State::Info));
        assert!(readings("e", &eeprom()[..256]).iter().all(|r| r.state() == State::Info));
        let mut octets = eeprom();
        octets[220] = 0;
        assert_eq!(readings("e", &octets).len(), 10);
        octets[22..58].fill(0);
        assert!(readings("e", &octets).is_empty());
    }

    proptest! {
        #[test]
        fn no_octets_panic(octets in proptest::collection::vec(any::<u8>(), 0..700)) {
            let _ = module(&octets);
            for reading in readings("e", &octets) {
                prop_assert!(reading.value().is_ok_and(f64::is_finite) || reading.state() == State::Unknown);
            }
        }
    }
}
