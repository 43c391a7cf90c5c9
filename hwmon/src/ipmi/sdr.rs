//! Sensor data records (IPMI 2.0, chapter 43): full and compact ones.

use crate::{Kind, Unit};

/// The most sensors of a compact record that many share.
const SHARED_MAX: u8 = 15;

/// How a raw reading becomes a value (section 36.3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Factors {
    /// 0 unsigned, 1 one's complement, 2 two's complement.
    format: u8,
    m: f64,
    b: f64,
    b_exponent: i32,
    r_exponent: i32,
    linearisation: u8,
}

impl Factors {
    pub(super) fn value(&self, raw: u8) -> Option<f64> {
        let signed = i8::from_le_bytes([raw]);
        let x = match self.format {
            0 => f64::from(raw),
            1 if signed < 0 => f64::from(signed) + 1.0,
            1 | 2 => f64::from(signed),
            _ => return None,
        };
        let y = (self.m * x + self.b * 10f64.powi(self.b_exponent)) * 10f64.powi(self.r_exponent);
        // table 43-1, byte 24
        let value = match self.linearisation & 0x7f {
            0 => y,
            1 => y.ln(),
            2 => y.log10(),
            3 => y.log2(),
            4 => y.exp(),
            5 => 10f64.powf(y),
            6 => y.exp2(),
            7 => y.recip(),
            8 => y * y,
            9 => y * y * y,
            10 => y.sqrt(),
            11 => y.cbrt(),
            _ => return None,
        };
        let rounded = (value * 1e6).round() / 1e6;
        rounded.is_finite().then_some(rounded)
    }
}

/// One sensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensor {
    /// The logical unit that is asked for it.
    pub lun: u8,
    /// Its number there.
    pub number: u8,
    /// What it looks at (table 42-3): 1 temperature, 4 fan, 8 power supply.
    pub kind: u8,
    /// Event and reading type (table 42-1): 1 threshold, 2 to 0Ch generic, 6Fh specific to the kind.
    pub event: u8,
    /// What people call it.
    pub name: String,
    /// The unit and kind of an analog reading.
    pub unit: (Kind, Unit),
    pub(super) factors: Option<Factors>,
    /// Thresholds that can be read: lower non-critical, critical, non-recoverable, upper ones; raw.
    pub(super) thresholds: [Option<u8>; 6],
}

/// Octet `at` of the record.
fn octet(record: &[u8], at: usize) -> Option<u8> {
    record.get(at).copied()
}

/// Reads a record with its header; one of another type, or one that makes no sense, gives no sensor.
#[must_use]
pub fn parse(record: &[u8]) -> Vec<Sensor> {
    match octet(record, 3) {
        Some(0x01) => full(record).into_iter().collect(),
        Some(0x02) => compact(record).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn signed(value: u16, bits: u32) -> f64 {
    let half = 1u16 << (bits - 1);
    let value = value & (half | (half - 1));
    if value >= half {
        f64::from(value) - f64::from(half) * 2.0
    } else {
        f64::from(value)
    }
}

fn full(record: &[u8]) -> Option<Sensor> {
    let at = |n: usize| octet(record, n);
    let event = at(13)?;
    let units = at(20)?;
    let ten = |low: u8, high: u8| signed(u16::from(low) | u16::from(high & 0xc0) << 2, 10);
    let exponents = at(29)?;
    let nibble = |n: u8| if n >= 8 { i32::from(n) - 16 } else { i32::from(n) };
    let factors = (units >> 6 != 3).then_some(Factors {
        format: units >> 6,
        m: ten(at(24)?, at(25)?),
        b: ten(at(26)?, at(27)?),
        b_exponent: nibble(exponents & 0x0f),
        r_exponent: nibble(exponents >> 4),
        linearisation: at(23)?,
    });
    // readable thresholds: lower non-critical, critical, non-recoverable, then upper ones
    let readable = if event == 1 { at(18)? } else { 0 };
    let mut thresholds = [None; 6];
    for ((slot, bit), offset) in thresholds.iter_mut().zip(0..6).zip([41, 40, 39, 38, 37, 36]) {
        if readable >> bit & 1 == 1 {
            *slot = at(offset);
        }
    }
    Some(Sensor {
        lun: at(6)? & 3,
        number: at(7)?,
        kind: at(12)?,
        event,
        name: name(record, 47)?,
        unit: unit(at(12)?, units, at(21)?),
        factors,
        thresholds,
    })
}

fn compact(record: &[u8]) -> Option<Vec<Sensor>> {
    let at = |n: usize| octet(record, n);
    let base = name(record, 31)?;
    let shared = (at(23)? & 0x0f).clamp(1, SHARED_MAX);
    let (modifier, offset) = (at(23)? >> 4 & 3, at(24)? & 0x7f);
    let mut sensors = Vec::new();
    for step in 0..shared {
        let instance = offset.wrapping_add(step);
        let suffix = match (shared, modifier) {
            (1, _) => String::new(),
            (_, 1) => char::from(b'A' + instance % 26).to_string(),
            _ => instance.to_string(),
        };
        sensors.push(Sensor {
            lun: at(6)? & 3,
            number: at(7)?.checked_add(step)?,
            kind: at(12)?,
            event: at(13)?,
            name: format!("{base}{suffix}"),
            unit: (Kind::State, Unit::Boolean),
            factors: None,
            thresholds: [None; 6],
        });
    }
    Some(sensors)
}

/// Base units (table 43-15) that we have; the rest are counts.
fn unit(kind: u8, units: u8, base: u8) -> (Kind, Unit) {
    if units & 1 == 1 {
        return (Kind::Share, Unit::Percent);
    }
    match base {
        1 => (Kind::Temperature, Unit::Celsius),
        4 => (Kind::Voltage, Unit::Volt),
        5 => (Kind::Current, Unit::Ampere),
        6 => (Kind::Power, Unit::Watt),
        7 => (Kind::Energy, Unit::Joule),
        18 => (Kind::Fan, Unit::Rpm),
        19 => (Kind::Counter, Unit::Hertz),
        _ if kind == 4 => (Kind::Fan, Unit::Count),
        _ => (Kind::Counter, Unit::Count),
    }
}

/// Text of a type: 1 BCD plus, 2 six bits, 3 eight (section 43.15).
pub(super) fn typed_text(kind: u8, octets: &[u8]) -> String {
    match kind {
        // BCD plus
        1 => octets
            .iter()
            .flat_map(|o| [o >> 4, o & 15])
            .filter_map(|n| b"0123456789 -.   ".get(usize::from(n)).map(|c| char::from(*c)))
            .collect(),
        // four characters in three octets, low bits first, from blank on
        2 => {
            let bits = octets
                .iter()
                .flat_map(|o| (0..8).map(move |bit| o >> bit & 1))
                .collect::<Vec<_>>();
            let (sixes, _) = bits.as_chunks::<6>();
            let char_of = |six: &[u8; 6]| char::from(0x20 + six.iter().rev().fold(0u8, |n, bit| n << 1 | bit));
            sixes.iter().map(char_of).collect()
        }
        // 8-bit ASCII and Latin 1
        _ => octets.iter().map(|o| char::from(*o)).collect(),
    }
}

/// An id string: type and length, then octets (section 43.15).
fn name(record: &[u8], at: usize) -> Option<String> {
    let code = octet(record, at)?;
    let length = usize::from(code & 0x1f);
    let rest = record.get(at + 1..)?;
    let octets = rest.get(..length).unwrap_or(rest);
    let text = typed_text(code >> 6, octets);
    Some(
        crate::drive::label(&text.replace('\0', ""))
            .unwrap_or_else(|| format!("sensor {}", octet(record, 7).unwrap_or(0))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn full_record(format: u8, m: u8, r: u8, name: &[u8]) -> Vec<u8> {
        let mut record = vec![0; 48];
        record[3] = 1;
        record[7] = 0x30;
        record[12] = 1;
        record[13] = 1;
        record[18] = 0x18;
        record[20] = format << 6;
        record[21] = 1;
        record[24] = m;
        record[29] = r << 4;
        record[37] = 90;
        record[38] = 80;
        record[47] = 0xc0 | u8::try_from(name.len()).expect("short");
        record.extend(name);
        record
    }

    #[test]
    fn factors_signs_and_thresholds_are_read() {
        let sensor = parse(&full_record(2, 5, 0x0f, b"Inlet")).remove(0);
        assert_eq!((sensor.name.as_str(), sensor.number), ("Inlet", 0x30));
        assert_eq!(sensor.unit, (Kind::Temperature, Unit::Celsius));
        let factors = sensor.factors.expect("factors");
        assert_eq!(factors.value(50), Some(25.0));
        assert_eq!(factors.value(0xf6), Some(-5.0));
        assert_eq!(sensor.thresholds, [None, None, None, Some(80), Some(90), None]);
        let ones = parse(&full_record(1, 1, 0, b"x")).remove(0).factors.expect("factors");
        assert_eq!(ones.value(0xfe), Some(-1.0));
        assert_eq!(parse(&full_record(3, 1, 0, b"x")).remove(0).factors, None);
    }

    #[test]
    fn names_come_packed_in_six_bits() {
        // "IPMI" of section 43.15's example: 29h DCh A6h
        let mut record = full_record(0, 1, 0, &[]);
        record[47] = 0x83;
        record.extend([0x29, 0xdc, 0xa6]);
        assert_eq!(parse(&record).remove(0).name, "IPMI");
        record[47] = 0x41;
        record[48] = 0x42;
        assert_eq!(parse(&record).remove(0).name, "42");
    }

    #[test]
    fn a_compact_record_is_many_sensors() {
        let mut record = vec![0; 32];
        (record[3], record[7], record[12], record[13]) = (2, 0x60, 0x0d, 0x6f);
        (record[23], record[24], record[31]) = (8, 1, 0xc4);
        record.extend(b"Bay ");
        let sensors = parse(&record);
        assert_eq!(sensors.len(), 8);
        assert_eq!((sensors[7].name.as_str(), sensors[7].number), ("Bay8", 0x67));
    }

    /// Found by chance: a finite number whose rounding was not.
    #[test]
    fn a_number_too_large_to_be_rounded_is_none() {
        let mut record = vec![0; 48];
        (record[3], record[20], record[23]) = (1, 64, 132);
        record[24..30].copy_from_slice(&[107, 64, 10, 64, 0, 241]);
        let sensors = parse(&record);
        let factors = sensors.first().and_then(|sensor| sensor.factors).expect("factors");
        for raw in 0..=255 {
            assert!(factors.value(raw).is_none_or(f64::is_finite), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn no_record_panics(mut record in proptest::collection::vec(any::<u8>(), 0..80), kind in 1u8..4) {
            if let Some(octet) = record.get_mut(3) {
                *octet = kind;
            }
            for sensor in parse(&record) {
                for raw in 0..=255 {
                    let value = sensor.factors.and_then(|f| f.value(raw));
                    prop_assert!(value.is_none_or(f64::is_finite));
                }
            }
        }
    }
}
