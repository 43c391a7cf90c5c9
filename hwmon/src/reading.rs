//! One reading: what was measured, in which unit, how it is, and why.

pub use api::hardware::State;
use serde::{Serialize, Serializer};

use crate::why::{Why, phrases};

/// Why a value is missing. A missing value is never zero, never ok and never failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoData {
    /// The device, or this part of it, is not there.
    NotPresent,
    /// The device did not answer in time.
    Timeout,
    /// The device has no such reading.
    Unsupported,
    /// The device can tell, but that is turned off.
    Disabled,
    /// The disk sleeps, and was not woken.
    Standby,
    /// Access was refused.
    Denied,
    /// The device or its driver answered with an error.
    Failed,
    /// The answer makes no sense, so it is not believed.
    Invalid,
    /// The source does not hold it.
    NotReported,
}

impl NoData {
    /// In words.
    #[must_use]
    pub fn why(self) -> Why {
        let phrase = match self {
            Self::NotPresent => phrases::NOT_PRESENT,
            Self::Timeout => phrases::TIMEOUT,
            Self::Unsupported => phrases::UNSUPPORTED,
            Self::Disabled => phrases::DISABLED,
            Self::Standby => phrases::STANDBY,
            Self::Denied => phrases::DENIED,
            Self::Failed => phrases::FAILED,
            Self::Invalid => phrases::INVALID,
            Self::NotReported => phrases::NOT_REPORTED,
        };
        phrase.into()
    }
}

/// What a reading is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A temperature.
    Temperature,
    /// A fan's speed.
    Fan,
    /// A voltage.
    Voltage,
    /// A current.
    Current,
    /// A power.
    Power,
    /// An energy.
    Energy,
    /// A relative humidity.
    Humidity,
    /// Events since some beginning.
    Counter,
    /// A share of something.
    Share,
    /// A time.
    Duration,
    /// Octets.
    Amount,
    /// A bit rate.
    Rate,
    /// Something that is or is not, or one state of several.
    State,
}

/// What a value is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Degrees Celsius.
    Celsius,
    /// Revolutions a minute.
    Rpm,
    /// Volts.
    Volt,
    /// Amperes.
    Ampere,
    /// Watts.
    Watt,
    /// Joules.
    Joule,
    /// Hundredths.
    Percent,
    /// A number of things.
    Count,
    /// Hours.
    Hour,
    /// Minutes.
    Minute,
    /// Seconds.
    Second,
    /// Octets.
    Octet,
    /// Bits a second.
    BitPerSecond,
    /// Hertz.
    Hertz,
    /// No unit: 1 is yes, 0 is no.
    Boolean,
}

impl Unit {
    /// As people write it after a number.
    #[must_use]
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Celsius => " °C",
            Self::Rpm => " rpm",
            Self::Volt => " V",
            Self::Ampere => " A",
            Self::Watt => " W",
            Self::Joule => " J",
            Self::Percent => " %",
            Self::Count | Self::Boolean => "",
            Self::Hour => " h",
            Self::Minute => " min",
            Self::Second => " s",
            Self::Octet => " B",
            Self::BitPerSecond => " bit/s",
            Self::Hertz => " Hz",
        }
    }
}

/// One reading with its unit, state and reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// Where it was read, unique within its report: `hwmon/coretemp/temp1`, `reallocated_sectors`.
    id: String,
    /// What people call it.
    name: Why,
    kind: Kind,
    #[serde(flatten, serialize_with = "value_or_missing")]
    value: Result<f64, NoData>,
    unit: Unit,
    state: State,
    /// Why the state is what it is.
    #[serde(flatten, serialize_with = "code_and_words")]
    reason: Why,
}

fn code_and_words<S: Serializer>(why: &Why, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap as _;
    let mut map = serializer.serialize_map(Some(2))?;
    map.serialize_entry("reason_code", why.code())?;
    map.serialize_entry("reason", why)?;
    map.end()
}

fn value_or_missing<S: Serializer>(value: &Result<f64, NoData>, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap as _;
    let mut map = serializer.serialize_map(Some(2))?;
    map.serialize_entry("value", &value.ok().map(number))?;
    map.serialize_entry("missing", &value.err())?;
    map.end()
}

/// A number as JSON prints it: whole ones without a fraction.
fn number(value: f64) -> serde_json::Number {
    #[allow(clippy::cast_possible_truncation, reason = "whole and far below the bounds of i64")]
    if value.fract() == 0.0 && value.abs() < 9.0e15 {
        return serde_json::Number::from(value as i64);
    }
    serde_json::Number::from_f64(value).unwrap_or_else(|| serde_json::Number::from(0))
}

impl Reading {
    /// A reading without a judgement: [`State::Info`], or [`State::Unknown`] where the value is missing. A value that is
    /// no number counts as [`NoData::Invalid`].
    #[must_use]
    pub fn fact(
        id: impl Into<String>,
        name: impl Into<Why>,
        kind: Kind,
        unit: Unit,
        value: Result<f64, NoData>,
    ) -> Self {
        let value = value.and_then(|v| if v.is_finite() { Ok(v) } else { Err(NoData::Invalid) });
        let (state, reason) = match value {
            Ok(_) => (State::Info, phrases::NO_LIMIT.into()),
            Err(missing) => (State::Unknown, missing.why()),
        };
        Self {
            id: id.into(),
            name: name.into(),
            kind,
            value,
            unit,
            state,
            reason,
        }
    }

    /// The same reading, judged. A missing value stays [`State::Unknown`], whatever is said of it.
    #[must_use]
    pub fn judged(mut self, state: State, reason: impl Into<Why>) -> Self {
        if self.value.is_ok() {
            self.state = state;
            self.reason = reason.into();
        }
        self
    }

    /// The same reading with more said about why its value is missing; a present value stays as it is.
    #[must_use]
    pub fn because(mut self, reason: impl Into<Why>) -> Self {
        if self.value.is_err() {
            self.reason = reason.into();
        }
        self
    }

    /// Where it was read.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What people call it. A name that hardware gives itself is the same in both languages.
    #[must_use]
    pub fn name(&self) -> &Why {
        &self.name
    }

    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The value in [`Self::unit`], or why there is none.
    ///
    /// # Errors
    /// Why the value is missing.
    pub fn value(&self) -> Result<f64, NoData> {
        self.value
    }

    /// What the value is counted in.
    #[must_use]
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// How it is.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Its name and why it is so.
    #[must_use]
    pub fn told(&self) -> Why {
        phrases::NAMED.with([self.name.clone().into(), self.reason.clone().into()])
    }

    /// Why it is so.
    #[must_use]
    pub fn reason(&self) -> &Why {
        &self.reason
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_null_and_unknown_and_cannot_be_judged_ok() {
        let reading = Reading::fact(
            "fan1",
            Why::given("Fan 1"),
            Kind::Fan,
            Unit::Rpm,
            Err(NoData::NotPresent),
        )
        .judged(State::Ok, phrases::WITHIN);
        let json = serde_json::to_value(&reading).expect("json");
        assert_eq!(json["value"], serde_json::Value::Null);
        assert_eq!(json["missing"], "not_present");
        assert_eq!(json["state"], "unknown");
        assert_eq!(json["reason"], "not present");
        assert_eq!(json["reason_code"], "not_present");
        assert_eq!(reading.reason().zh(), "不在位");
    }

    #[test]
    fn what_is_no_number_is_missing() {
        let reading = Reading::fact("t", Why::given("T"), Kind::Temperature, Unit::Celsius, Ok(f64::NAN));
        assert_eq!(reading.value(), Err(NoData::Invalid));
        assert_eq!(reading.state(), State::Unknown);
    }

    #[test]
    fn whole_numbers_have_no_fraction() {
        let json = |v| {
            serde_json::to_value(Reading::fact(
                "t",
                Why::given("T"),
                Kind::Temperature,
                Unit::Celsius,
                Ok(v),
            ))
            .expect("json")
        };
        assert_eq!(json(46.0)["value"].to_string(), "46");
        assert_eq!(json(46.5)["value"].to_string(), "46.5");
        assert_eq!(json(46.5)["missing"], serde_json::Value::Null);
        assert_eq!(json(46.5)["state"], "info");
    }
}
