//! SFP, SFP+ and SFP28: SFF-8472. The first 256 octets say who the module is, the second what it measures.

use super::{Module, Side, dark, judged, name, rounded, word};
use crate::why::{Phrase, Why, phrases};
use crate::{Kind, NoData, Reading, Unit};

/// Where the second page begins.
const DIAGNOSTICS: usize = 256;

/// Who it is, from the first page.
pub(super) fn module(octets: &[u8]) -> Module {
    Module {
        vendor: name(octets, 20..36),
        part: name(octets, 40..56),
        serial: name(octets, 68..84),
    }
}

/// One measured quantity: temperature, voltage, current, and light.
struct Quantity {
    id: &'static str,
    name: &'static Phrase,
    kind: Kind,
    unit: Unit,
    /// Its thresholds and its value on the second page.
    limits: usize,
    value: usize,
    /// Slope and offset for modules that do not calibrate themselves.
    calibration: Option<usize>,
    signed: bool,
    scale: f64,
}

const QUANTITIES: [Quantity; 5] = [
    quantity(
        "temperature",
        phrases::R_TEMPERATURE,
        (Kind::Temperature, Unit::Celsius),
        0,
        96,
        Some(84),
        256.0,
    ),
    quantity(
        "voltage",
        phrases::R_VOLTAGE,
        (Kind::Voltage, Unit::Volt),
        8,
        98,
        Some(88),
        10_000.0,
    ),
    quantity(
        "bias",
        phrases::R_BIAS,
        (Kind::Current, Unit::Ampere),
        16,
        100,
        Some(76),
        500_000.0,
    ),
    quantity(
        "sent",
        phrases::R_LIGHT_SENT,
        (Kind::Power, Unit::Watt),
        24,
        102,
        Some(80),
        10_000_000.0,
    ),
    quantity(
        "received",
        phrases::R_LIGHT_RECEIVED,
        (Kind::Power, Unit::Watt),
        32,
        104,
        None,
        10_000_000.0,
    ),
];

const fn quantity(
    id: &'static str,
    name: &'static Phrase,
    (kind, unit): (Kind, Unit),
    limits: usize,
    value: usize,
    calibration: Option<usize>,
    scale: f64,
) -> Quantity {
    Quantity {
        id,
        name,
        kind,
        unit,
        limits,
        value,
        calibration,
        signed: matches!(kind, Kind::Temperature),
        scale,
    }
}

/// The readings of both pages. A module without diagnostics, or whose thresholds are all zero, has none.
pub(super) fn readings(interface: &str, octets: &[u8]) -> Vec<Reading> {
    // byte 92: bit 6 diagnostics, bit 5 calibrated inside, bit 4 outside
    let kind = octets.get(92).copied().unwrap_or(0);
    let Some(page) = octets.get(DIAGNOSTICS..DIAGNOSTICS + 128) else {
        return Vec::new();
    };
    let none = page.iter().take(40).all(|octet| *octet == 0);
    if kind & 0x40 == 0 || none {
        return Vec::new();
    }
    QUANTITIES
        .iter()
        .map(|q| q.read(interface, page, kind & 0x10 != 0))
        .collect()
}

impl Quantity {
    fn read(&self, interface: &str, page: &[u8], external: bool) -> Reading {
        let value = self.value(page, external).ok_or(NoData::Unsupported);
        let id = format!("sfp/{interface}/{}", self.id);
        let reading = Reading::fact(id, Why::of(interface, self.name), self.kind, self.unit, value);
        let limit = |n: usize| word(page, self.limits + n * 2).map(|raw| self.number(raw));
        // byte 110: bit 1 says that no light comes in, bit 7 that the laser is off
        let status = page.get(110).copied().unwrap_or(0);
        let dark = match self.id {
            "received" => dark(Side::Receives, status & 0x02 != 0, &reading),
            "sent" | "bias" => dark(Side::Sends, status & 0x80 != 0, &reading),
            _ => None,
        };
        judged(reading, dark, [limit(0), limit(1), limit(2), limit(3)])
    }

    fn number(&self, raw: u16) -> f64 {
        if self.signed {
            f64::from(i16::from_ne_bytes(raw.to_ne_bytes())) / self.scale
        } else {
            f64::from(raw) / self.scale
        }
    }

    fn value(&self, page: &[u8], external: bool) -> Option<f64> {
        let raw = word(page, self.value)?;
        if !external {
            return Some(rounded(self.number(raw), self.scale));
        }
        let x = if self.signed {
            f64::from(i16::from_ne_bytes(raw.to_ne_bytes()))
        } else {
            f64::from(raw)
        };
        let calibrated = match self.calibration {
            Some(at) => {
                let slope = f64::from(word(page, at)?) / 256.0;
                let offset = f64::from(i16::from_ne_bytes(word(page, at + 2)?.to_ne_bytes()));
                x * slope + offset
            }
            // received light: a polynomial of the fourth degree, the highest first
            None => {
                let factor = |n: usize| {
                    page.get(56 + n * 4..)?
                        .first_chunk::<4>()
                        .copied()
                        .map(f32::from_be_bytes)
                };
                let mut sum = 0.0;
                for n in 0..5 {
                    sum = sum * x + f64::from(factor(n)?);
                }
                sum
            }
        };
        let value = calibrated / self.scale;
        value.is_finite().then(|| rounded(value, self.scale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::State;
    use proptest::prelude::*;

    fn eeprom() -> Vec<u8> {
        let mut octets = vec![0; 512];
        octets[20..36].copy_from_slice(b"FINISAR CORP.   ");
        octets[40..56].copy_from_slice(b"FTLX8574D3BCL   ");
        octets[68..84].copy_from_slice(b"ABC1234         ");
        octets[92] = 0x68;
        let mut put = |at: usize, value: u16| octets[256 + at..258 + at].copy_from_slice(&value.to_be_bytes());
        for (at, limits) in [
            (0, [78 << 8, 0xf300, 73 << 8, 0xf800]),
            (8, [37_000, 29_000, 36_000, 30_000]),
            (16, [5_900, 2_000, 5_500, 2_500]),
            (24, [15_849, 1_000, 12_589, 1_585]),
            (32, [10_000, 100, 7_943, 158]),
        ] {
            limits
                .iter()
                .zip((at..).step_by(2))
                .for_each(|(limit, at)| put(at, *limit));
        }
        for (at, value) in [
            (96, 33 << 8 | 0x80),
            (98, 33_000),
            (100, 4_000),
            (102, 5_000),
            (104, 120),
        ] {
            put(at, value);
        }
        octets
    }

    #[test]
    fn a_module_tells_its_light() {
        let octets = eeprom();
        let module = super::module(&octets);
        assert_eq!(
            (module.vendor.as_deref(), module.serial.as_deref()),
            (Some("FINISAR CORP."), Some("ABC1234"))
        );
        let readings = readings("eth4", &octets);
        let values: Vec<_> = readings
            .iter()
            .map(|r| (r.id().rsplit('/').next().expect("an id"), r.value(), r.state()))
            .collect();
        assert_eq!(
            values,
            [
                ("temperature", Ok(33.5), State::Ok),
                ("voltage", Ok(3.3), State::Ok),
                ("bias", Ok(0.008), State::Ok),
                ("sent", Ok(0.0005), State::Ok),
                ("received", Ok(0.000_012), State::Warning),
            ]
        );
        assert_eq!(readings[4].reason().en(), "-19.2 dBm, below -18.0 dBm");
    }

    #[test]
    fn a_port_that_is_not_used_is_dark_and_no_alarm() {
        let mut octets = eeprom();
        // no fibre, and the laser switched off
        octets[256 + 100..256 + 106].fill(0);
        octets[256 + 110] = 0x82;
        let states = |octets: &[u8]| -> Vec<State> { readings("e", octets).iter().map(Reading::state).collect() };
        assert_eq!(
            states(&octets),
            [State::Ok, State::Ok, State::Info, State::Info, State::Info]
        );
        // a laser that should be on
        octets[256 + 110] = 0;
        assert_eq!(states(&octets)[2..], [State::Critical, State::Critical, State::Info]);
    }

    #[test]
    fn thresholds_of_zero_and_missing_pages_mean_no_diagnostics() {
        let mut octets = eeprom();
        octets[256..296].fill(0);
        assert!(readings("e", &octets).is_empty());
        assert!(readings("e", &eeprom()[..256]).is_empty());
        let mut octets = eeprom();
        octets[92] = 0;
        assert!(readings("e", &octets).is_empty());
    }

    #[test]
    fn a_module_that_is_calibrated_outside_is_calibrated_here() {
        let mut octets = eeprom();
        octets[92] = 0x58;
        let mut put = |at: usize, bytes: &[u8]| octets[256 + at..256 + at + bytes.len()].copy_from_slice(bytes);
        for at in [76, 80, 84, 88] {
            put(at, &[1, 0, 0, 0]);
        }
        put(84, &[2, 0, 1, 0]);
        put(56, &[0; 20]);
        put(68, &2.0f32.to_be_bytes());
        let readings = readings("e", &octets);
        assert_eq!(readings[0].value(), Ok(68.0));
        assert_eq!(readings[1].value(), Ok(3.3));
        assert_eq!(readings[4].value(), Ok(0.000_024));
    }

    proptest! {
        #[test]
        fn no_octets_panic(mut octets in proptest::collection::vec(any::<u8>(), 0..600), outside: bool) {
            if let Some(kind) = octets.get_mut(92) {
                *kind = if outside { 0x58 } else { 0x68 };
            }
            let _ = module(&octets);
            for reading in readings("e", &octets) {
                prop_assert!(reading.value().is_ok_and(f64::is_finite) || reading.state() == State::Unknown);
            }
        }
    }
}
