//! Transceivers: what a module tells of itself and of its light. The supervisor leaves each module's octets below /run; here
//! they are decoded, whatever they are. The first octet says of which kind the module is.

mod qsfp;
mod sfp;

use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, SystemTime};

use api::eeprom::{self, Found};

use crate::drive::label;
use crate::why::{Phrase, Value, Why, phrases};
use crate::{Kind, NoData, Reading, State, Unit};

/// The most ports.
const PORTS_MAX: usize = 64;
/// After this the octets say nothing of now.
const STALE: Duration = Duration::from_secs(4 * eeprom::EVERY_S);

/// Who a transceiver is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Module {
    vendor: Option<String>,
    part: Option<String>,
    serial: Option<String>,
}

/// The readings of all ports whose modules' octets lie in `folder`. A folder that is not there has none.
#[must_use]
pub fn left(folder: &Path, now: SystemTime) -> Vec<Reading> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut ports: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|port| is_port(port))
        .take(PORTS_MAX)
        .collect();
    ports.sort_unstable();
    ports
        .iter()
        .flat_map(|port| match one(&folder.join(port), now) {
            Ok(octets) => readings(port, &octets),
            // a port for copper
            Err(NoData::Unsupported) => Vec::new(),
            Err(why) => vec![there(port, Err(why))],
        })
        .collect()
}

/// A name of a network interface, and of nothing else: a file that is being written has a dot in its name.
fn is_port(name: &str) -> bool {
    let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'@');
    (1..16).contains(&name.len()) && name.bytes().all(known)
}

fn one(file: &Path, now: SystemTime) -> Result<Vec<u8>, NoData> {
    let failed = |_| NoData::Failed;
    let file = File::open(file).map_err(failed)?;
    let written = file.metadata().and_then(|data| data.modified()).map_err(failed)?;
    if now.duration_since(written).is_ok_and(|age| age > STALE) {
        return Err(NoData::Timeout);
    }
    let mut octets = Vec::new();
    let most = u64::try_from(eeprom::FILE_MAX).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut octets).map_err(failed)?;
    match Found::read(&octets) {
        Some(Found::Octets(octets)) => Ok(octets),
        Some(Found::Empty) => Err(NoData::NotPresent),
        Some(Found::None) => Err(NoData::Unsupported),
        Some(Found::Denied) => Err(NoData::Denied),
        Some(Found::Failed) => Err(NoData::Failed),
        None => Err(NoData::Invalid),
    }
}

/// Whether there is a module.
fn there(port: &str, value: Result<f64, NoData>) -> Reading {
    Reading::fact(
        format!("sfp/{port}/module"),
        Why::of(port, phrases::R_MODULE),
        Kind::State,
        Unit::Boolean,
        value,
    )
}

/// The readings of one module.
#[must_use]
pub fn readings(port: &str, octets: &[u8]) -> Vec<Reading> {
    // SFF-8024, table 4-1
    let (form, module, readings) = match octets.first() {
        Some(0x03) => ("SFP", sfp::module(octets), sfp::readings(port, octets)),
        Some(0x0c) => ("QSFP", qsfp::module(octets), qsfp::readings(port, octets)),
        Some(0x0d) => ("QSFP+", qsfp::module(octets), qsfp::readings(port, octets)),
        Some(0x11) => ("QSFP28", qsfp::module(octets), qsfp::readings(port, octets)),
        Some(_) => return vec![there(port, Err(NoData::Unsupported))],
        None => return vec![there(port, Err(NoData::Invalid))],
    };
    let words: Vec<String> = [module.vendor, module.part, module.serial]
        .into_iter()
        .flatten()
        .collect();
    let who = phrases::MODULE.with([form.into(), words.join(" ").into()]);
    let mut out = vec![there(port, Ok(1.0)).judged(State::Info, who)];
    out.extend(readings);
    out
}

/// A name in the octets, as modules pad it.
fn name(octets: &[u8], at: Range<usize>) -> Option<String> {
    let text: String = octets.get(at)?.iter().map(|o| char::from(*o)).collect();
    label(&text)
}

fn word(page: &[u8], at: usize) -> Option<u16> {
    page.get(at..)?.first_chunk::<2>().copied().map(u16::from_be_bytes)
}

/// High and low alarm, high and low warning.
type Limits = [Option<f64>; 4];

/// Which way light goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Receives,
    Sends,
}

/// Why there is no light, where that is nobody's fault: nothing comes in, or the laser is off. `told` is the module's own word.
fn dark(side: Side, told: bool, reading: &Reading) -> Option<&'static Phrase> {
    let zero = reading.value().is_ok_and(|value| value <= 0.0);
    match side {
        // what an unplugged fibre looks like: the link tells
        Side::Receives => (told || zero).then_some(phrases::NO_LIGHT_IN),
        Side::Sends => told.then_some(phrases::LASER_OFF),
    }
}

/// A reading by the module's own limits, unless it is dark; limits that make no sense judge nothing.
fn judged(reading: Reading, dark: Option<&'static Phrase>, limits: Limits) -> Reading {
    if let Some(dark) = dark {
        return reading.judged(State::Info, dark);
    }
    let Ok(value) = reading.value() else { return reading };
    let [Some(high), Some(low), Some(warn_high), Some(warn_low)] = limits else {
        return reading;
    };
    if low >= high {
        return reading;
    }
    let words = |value: f64| words(&reading, value);
    let above = |limit: f64| phrases::ABOVE.with([words(limit)]);
    let below = |limit: f64| phrases::BELOW.with([words(limit)]);
    let (state, bound): (State, Why) = match () {
        () if value > high => (State::Critical, above(high)),
        () if value < low => (State::Critical, below(low)),
        () if value > warn_high && warn_high > low => (State::Warning, above(warn_high)),
        () if value < warn_low && warn_low < high => (State::Warning, below(warn_low)),
        () => (State::Ok, phrases::BETWEEN.with([words(low), words(high)])),
    };
    let reason = match reading.kind() {
        Kind::Power => phrases::AND.with([words(value), bound.into()]),
        _ => bound,
    };
    reading.judged(state, reason)
}

/// A value with its unit; light is said in dBm.
fn words(reading: &Reading, value: f64) -> Value {
    match reading.kind() {
        Kind::Power if value <= 0.0 => phrases::NO_LIGHT.into(),
        Kind::Power => format!("{:.1} dBm", 10.0 * (value * 1_000.0).log10()).into(),
        _ => format!("{value}{}", reading.unit().symbol()).into(),
    }
}

/// No more digits than were measured.
fn rounded(value: f64, scale: f64) -> f64 {
    let digits = scale.max(1_000.0);
    (value * digits).round() / digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_supervisor_left_is_read_and_its_absence_is_typed() {
        let folder = tempfile::tempdir().expect("a folder");
        let leave = |port: &str, found: &[u8]| std::fs::write(folder.path().join(port), found).expect("written");
        leave("eth0", &Found::None.file());
        leave("eth1", &Found::Empty.file());
        leave("eth2", &Found::Denied.file());
        leave("eth3", &Found::Failed.file());
        leave("eth4", b"nonsense");
        leave("eth5", &Found::Octets(vec![0x19, 0, 0]).file());
        leave("eth6", &Found::Octets(Vec::new()).file());
        leave("eth7.new", &Found::Empty.file());
        leave("a name that is too long", &Found::Empty.file());
        let now = SystemTime::now();
        let said: Vec<_> = left(folder.path(), now)
            .iter()
            .map(|reading| (reading.id().to_owned(), reading.value()))
            .collect();
        let expected = [
            ("sfp/eth1/module", NoData::NotPresent),
            ("sfp/eth2/module", NoData::Denied),
            ("sfp/eth3/module", NoData::Failed),
            ("sfp/eth4/module", NoData::Invalid),
            ("sfp/eth5/module", NoData::Unsupported),
            ("sfp/eth6/module", NoData::Invalid),
        ];
        assert_eq!(said, expected.map(|(id, why)| (id.to_owned(), Err(why))));
        let later = left(folder.path(), now + STALE * 2);
        assert!(!later.is_empty() && later.iter().all(|reading| reading.value() == Err(NoData::Timeout)));
        assert!(left(&folder.path().join("none"), now).is_empty());
    }
}
