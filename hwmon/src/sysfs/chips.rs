//! Hardware monitoring chips: class/hwmon (Documentation/hwmon/sysfs-interface.rst).

use std::collections::{BTreeMap, BTreeSet};

use super::Root;
use crate::why::{Phrase, Why, phrases};
use crate::{Kind, NoData, Reading, State, Unit};

/// One measured quantity of a chip.
#[derive(Debug, Clone, Copy)]
struct Quantity {
    prefix: &'static str,
    kind: Kind,
    unit: Unit,
    /// What the attribute's number is to be divided by.
    scale: f64,
    what: &'static Phrase,
}

const QUANTITIES: [Quantity; 7] = [
    quantity("temp", Kind::Temperature, Unit::Celsius, 1e3, phrases::R_TEMPERATURE),
    quantity("in", Kind::Voltage, Unit::Volt, 1e3, phrases::R_VOLTAGE),
    quantity("fan", Kind::Fan, Unit::Rpm, 1.0, phrases::R_FAN),
    quantity("curr", Kind::Current, Unit::Ampere, 1e3, phrases::R_CURRENT),
    quantity("power", Kind::Power, Unit::Watt, 1e6, phrases::R_POWER),
    quantity("energy", Kind::Energy, Unit::Joule, 1e6, phrases::R_ENERGY),
    quantity("humidity", Kind::Humidity, Unit::Percent, 1e3, phrases::R_HUMIDITY),
];

/// What the sensors are called whose names the kernel begins so: `temp`, `in`, `fan`.
pub(crate) fn named(prefix: &str) -> Option<&'static Phrase> {
    let found = QUANTITIES.iter().find(|quantity| quantity.prefix == prefix);
    found.map(|quantity| quantity.what)
}

const fn quantity(prefix: &'static str, kind: Kind, unit: Unit, scale: f64, what: &'static Phrase) -> Quantity {
    Quantity {
        prefix,
        kind,
        unit,
        scale,
        what,
    }
}

pub(super) fn read(root: &Root, out: &mut Vec<Reading>) {
    let mut taken = BTreeSet::new();
    for number in root.names("class/hwmon") {
        let folder = format!("class/hwmon/{number}");
        // older drivers put their attributes into the device itself
        let device = format!("{folder}/device");
        let chip = root
            .text(&format!("{folder}/name"))
            .or_else(|_| root.text(&format!("{device}/name")))
            .ok()
            .filter(|name| !name.is_empty());
        let at = root.link_name(&device).or_else(|| parent(root.link(&folder)?.as_str()));
        let mut id = match (&chip, &at) {
            (Some(chip), Some(at)) => format!("{chip}@{at}"),
            (Some(chip), None) => chip.clone(),
            (None, Some(at)) => at.clone(),
            (None, None) => number.clone(),
        };
        if !taken.insert(id.clone()) {
            id = format!("{id}#{number}");
            taken.insert(id.clone());
        }
        let mut attributes = BTreeMap::new();
        for from in [&device, &folder] {
            for name in root.names(from) {
                attributes.insert(name.clone(), format!("{from}/{name}"));
            }
        }
        Chip {
            root,
            id: &id,
            name: chip.as_deref().or(at.as_deref()).unwrap_or(&number),
            attributes: &attributes,
        }
        .read(out);
    }
}

/// `coretemp.0` of `../../devices/platform/coretemp.0/hwmon/hwmon0`.
fn parent(link: &str) -> Option<String> {
    let (device, _) = link.trim_end_matches('/').rsplit_once("/hwmon/")?;
    device.rsplit('/').next().map(str::to_owned)
}

struct Chip<'a> {
    root: &'a Root,
    id: &'a str,
    name: &'a str,
    /// Attribute names and their paths.
    attributes: &'a BTreeMap<String, String>,
}

/// A sensor's limits, those that can be believed.
#[derive(Debug, Default)]
struct Limits {
    low_critical: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    critical: Option<f64>,
    /// Whether limits are there that were never set, so that the chip's alarm flag means nothing.
    unset: bool,
}

impl Chip<'_> {
    fn read(&self, out: &mut Vec<Reading>) {
        for quantity in &QUANTITIES {
            for number in self.numbers(quantity.prefix) {
                if let Some(reading) = self.sensor(quantity, number) {
                    out.push(reading);
                }
            }
        }
        for number in self.numbers("intrusion") {
            let value = self.raw(&format!("intrusion{number}_alarm"));
            let id = format!("hwmon/{}/intrusion{number}", self.id);
            let name = Why::of(self.name, phrases::R_OPENED);
            out.push(
                Reading::fact(id, name, Kind::State, Unit::Boolean, value).judged(State::Info, phrases::INTRUSION),
            );
        }
    }

    /// The numbers of the sensors with a prefix, in their order.
    fn numbers(&self, prefix: &str) -> BTreeSet<u32> {
        let number = |name: &str| -> Option<u32> {
            let (number, attribute) = name.strip_prefix(prefix)?.split_once('_')?;
            let told =
                matches!(attribute, "input" | "average" | "fault") || prefix == "intrusion" && attribute == "alarm";
            number.parse().ok().filter(|_| told)
        };
        self.attributes.keys().filter_map(|name| number(name)).collect()
    }

    fn raw(&self, attribute: &str) -> Result<f64, NoData> {
        let path = self.attributes.get(attribute).ok_or(NoData::NotReported)?;
        let number = self.root.number(path)?;
        #[allow(clippy::cast_precision_loss, reason = "sensors have few digits")]
        Ok(number as f64)
    }

    fn sensor(&self, quantity: &Quantity, number: u32) -> Option<Reading> {
        let Quantity { prefix, scale, .. } = *quantity;
        let of = |attribute: &str| self.raw(&format!("{prefix}{number}_{attribute}"));
        let scaled = |attribute: &str| of(attribute).ok().map(|v| v / scale);
        let flag = |attribute: &str| of(attribute) == Ok(1.0);
        let mut value = match of("input") {
            Err(NoData::NotReported) => of("average"),
            told => told,
        }
        .map(|v| v / scale);
        if flag("fault") {
            value = Err(NoData::Failed);
        } else if value == Err(NoData::NotReported) && !self.attributes.contains_key(&format!("{prefix}{number}_input"))
        {
            return None;
        }
        if quantity.kind == Kind::Temperature && value.is_ok_and(|v| !(-60.0..=150.0).contains(&v)) {
            // what a chip shows where no sensor is connected: -62, 127.5 and beyond
            value = Err(NoData::Invalid);
        }
        let label = self
            .attributes
            .get(&format!("{prefix}{number}_label"))
            .and_then(|path| self.root.text(path).ok())
            .and_then(|label| crate::drive::label(&label));
        let name = match label {
            Some(label) => Why::given(format!("{} {label}", self.name)),
            None => phrases::NUMBERED.with([self.name.into(), quantity.what.into(), number.into()]),
        };
        let id = format!("hwmon/{}/{prefix}{number}", self.id);
        let reading = Reading::fact(id, name, quantity.kind, quantity.unit, value);
        let Ok(value) = value else {
            return Some(if flag("fault") {
                reading.because(phrases::SENSOR_BROKEN)
            } else {
                reading
            });
        };
        let limits = limits(quantity.kind, &scaled);
        let alarms = Alarms {
            critical: flag("crit_alarm") || flag("lcrit_alarm") || flag("emergency_alarm"),
            warning: flag("alarm") || flag("max_alarm") || flag("min_alarm") || flag("cap_alarm"),
        };
        let (state, reason) = judge(quantity, value, &limits, &alarms);
        Some(reading.judged(state, reason))
    }
}

struct Alarms {
    critical: bool,
    warning: bool,
}

fn limits(kind: Kind, scaled: &dyn Fn(&str) -> Option<f64>) -> Limits {
    let signed = matches!(kind, Kind::Temperature | Kind::Voltage | Kind::Current);
    let top = match kind {
        Kind::Temperature => 150.0,
        _ => f64::INFINITY,
    };
    // 0 and the end of the scale mean that nobody set it
    let high = |name: &str| scaled(name).filter(|v| *v > 0.0 && *v < top);
    let low = |name: &str| scaled(name).filter(|v| if signed { *v != 0.0 && *v > -100.0 } else { *v > 0.0 });
    let mut limits = Limits {
        low_critical: low("lcrit"),
        low: low("min"),
        high: high("max"),
        critical: high("crit").or_else(|| high("emergency")),
        unset: scaled("max").is_some_and(|v| v == 0.0) || scaled("min") == Some(0.0) && scaled("max").is_none(),
    };
    if let (Some(low), Some(high)) = (limits.low, limits.high)
        && low >= high
    {
        (limits.low, limits.high) = (None, None);
        limits.unset = true;
    }
    limits
}

fn judge(quantity: &Quantity, value: f64, limits: &Limits, alarms: &Alarms) -> (State, Why) {
    let unit = quantity.unit.symbol();
    let by = |limit: Option<f64>| format!("{}{unit}", limit.unwrap_or(0.0)).into();
    let above = |limit: Option<f64>| limit.filter(|l| value >= *l);
    let below = |limit: Option<f64>| limit.filter(|l| value <= *l);
    let stopped = quantity.kind == Kind::Fan && value == 0.0;
    match () {
        () if above(limits.critical).is_some() => {
            (State::Critical, phrases::CRITICAL_ABOVE.with([by(limits.critical)]))
        }
        () if below(limits.low_critical).is_some() => {
            (State::Critical, phrases::CRITICAL_BELOW.with([by(limits.low_critical)]))
        }
        () if stopped && limits.low.is_some() => (State::Critical, phrases::STOPPED.with([by(limits.low)])),
        () if alarms.critical => (State::Critical, phrases::CHIP_CRITICAL.into()),
        () if limits.high.is_some_and(|l| value > l) => (State::Warning, phrases::LIMIT_ABOVE.with([by(limits.high)])),
        () if limits.low.is_some_and(|l| value < l) => (State::Warning, phrases::LIMIT_BELOW.with([by(limits.low)])),
        () if alarms.warning && !limits.unset => (State::Warning, phrases::CHIP_ALARM.into()),
        () if alarms.warning => (State::Info, phrases::CHIP_UNSET.into()),
        () if stopped => (State::Info, phrases::FAN_OR_NONE.into()),
        () => match (limits.low.or(limits.low_critical), limits.high.or(limits.critical)) {
            (low @ Some(_), high @ Some(_)) => (State::Ok, phrases::BETWEEN.with([by(low), by(high)])),
            (low @ Some(_), None) => (State::Ok, phrases::NOT_BELOW.with([by(low)])),
            (None, high @ Some(_)) => (State::Ok, phrases::NOT_ABOVE.with([by(high)])),
            (None, None) => (State::Info, phrases::LIMIT_UNKNOWN.into()),
        },
    }
}
