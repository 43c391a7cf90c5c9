//! Each reading's own alarm: by its state, by limits, by its growth, by its silence.

use std::collections::BTreeMap;

use api::hardware::Text;
use serde::{Deserialize, Serialize};

use super::{Sample, counters, finding};
use crate::board::{Board, Component, Limits};
use crate::policy::{Finding, Limit, Rate, Trigger};
use crate::why::{Why, phrases};
use crate::{Kind, NoData, Reading, State, Unit};

/// Readings that are remembered.
const SENSORS_MAX: usize = 4_096;
/// Seconds for which one that is gone is remembered.
const FORGOTTEN: u64 = 30 * 86_400;
/// Seconds for which an analogue reading has to be back before its alarm is over.
const BACK: u64 = 60;
/// Seconds for which a fan or supply may say nothing.
const LOST: u64 = 600;
/// Seconds for which nobody may have set the clock: after a start it takes its time.
const UNSET: u64 = 900;
/// Seconds for which a port that the board requires may have no link.
const UNLINKED: u64 = 10;
/// Degrees by which the room has to be back.
const ROOM_HYSTERESIS: f64 = 2.0;

/// What is remembered of one reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Sensor {
    pub(super) component: Component,
    source: String,
    kind: Kind,
    seen: u64,
    /// Whether it once said that all is well: a fan that turned, a supply that was there.
    pub(super) worked: bool,
    /// How bad its own state was when it last had a value, and what was said of it.
    level: State,
    text: Text,
    code: String,
    /// Since when it has been better than `level`.
    better: Option<u64>,
    /// Since when it has been worse, where that has to last.
    worse: Option<u64>,
    /// Critical below, warning below, warning above, critical above.
    triggers: [Trigger; 4],
    rate: Option<Rate>,
    /// Since when it has had no value.
    lost: Option<u64>,
    /// Whether the last sample had it, or its source was silent.
    pub(super) there: bool,
    /// Why it has no value.
    pub(super) missing: Option<NoData>,
}

/// All of them, by id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Sensors {
    by_id: BTreeMap<String, Sensor>,
}

impl Sensors {
    /// What is known of readings about supplies, fans and so on.
    pub(super) fn all(&self) -> impl Iterator<Item = &Sensor> {
        self.by_id.values()
    }

    pub(super) fn take(&mut self, now: u64, board: &Board, sample: &Sample<'_>, findings: &mut Vec<Finding>) {
        for sensor in self.by_id.values_mut() {
            sensor.there = sample.silent.contains(&sensor.source);
        }
        let modules = sample
            .readings
            .iter()
            .any(|(_, r)| r.id().starts_with("edac/") && r.id().matches('/').count() > 2);
        let required = required_links(board, sample);
        for (source, reading) in sample.readings {
            // a controller's total counts what its modules count
            if modules && reading.id().starts_with("edac/") && reading.id().matches('/').count() == 2 {
                continue;
            }
            if !self.by_id.contains_key(reading.id()) && self.by_id.len() >= SENSORS_MAX {
                continue;
            }
            let component = whose(board.component(reading), reading, sample);
            let sensor = self
                .by_id
                .entry(reading.id().to_owned())
                .or_insert_with(|| Sensor::new(reading, component.clone()));
            sensor.component = component;
            sensor.source.clone_from(source);
            sensor.take(now, board, reading, findings);
            if required.iter().any(|id| id == reading.id()) {
                sensor.link(now, reading, findings);
            }
        }
        self.by_id
            .retain(|_, sensor| sensor.there || now.saturating_sub(sensor.seen) < FORGOTTEN);
        for sensor in self.by_id.values() {
            sensor.say(findings);
        }
    }
}

/// The ids of the links that the board requires.
fn required_links(board: &Board, sample: &Sample<'_>) -> Vec<String> {
    let interfaces = board.interfaces(sample.ports);
    let required = board.ports().iter().zip(interfaces).filter(|(port, _)| port.required);
    required
        .filter_map(|(_, place)| Some(format!("net/{}/link", place?.interface)))
        .collect()
}

/// A disk that is known to sit in a bay is that bay.
fn whose(component: Component, reading: &Reading, sample: &Sample<'_>) -> Component {
    let id = reading.id();
    let drives = sample.drives.unwrap_or_default();
    let drive = match &component {
        Component::Disk(name) => drives.iter().find(|d| d.place.disk == *name),
        Component::Sensor(_) => {
            let chip = id
                .strip_prefix("hwmon/drivetemp@")
                .or_else(|| id.strip_prefix("hwmon/nvme@"));
            let address = chip.and_then(|rest| rest.split('/').next());
            address.and_then(|a| drives.iter().find(|d| d.place.address.as_deref() == Some(a)))
        }
        _ => None,
    };
    drive.map_or(component, super::drives::component)
}

impl Sensor {
    fn new(reading: &Reading, component: Component) -> Self {
        Self {
            component,
            source: String::new(),
            kind: reading.kind(),
            seen: 0,
            worked: false,
            level: State::Ok,
            text: Text::default(),
            code: String::new(),
            better: None,
            worse: None,
            triggers: [Trigger::default(); 4],
            rate: None,
            lost: None,
            there: true,
            missing: None,
        }
    }

    fn take(&mut self, now: u64, board: &Board, reading: &Reading, findings: &mut Vec<Finding>) {
        self.there = true;
        self.seen = now;
        self.kind = reading.kind();
        self.missing = reading.value().err();
        if let Ok(value) = reading.value() {
            self.lost = None;
            self.own_state(now, reading, value);
            self.worked |=
                matches!(reading.state(), State::Ok | State::Info) && (self.kind != Kind::Fan || value > 0.0);
        } else if reading.value() == Err(NoData::NotPresent) {
            // what is not there is judged by the parts that have to be there
            (self.level, self.better, self.lost) = (State::Ok, None, None);
        } else {
            self.lost.get_or_insert(now);
        }
        self.limits(now, board, reading, findings);
        self.growth(now, reading, findings);
        self.silence(now, reading, findings);
    }

    /// The state that the reading brings, as a latch.
    fn own_state(&mut self, now: u64, reading: &Reading, value: f64) {
        let stopped = self.kind == Kind::Fan && value <= 0.0 && self.worked && reading.state() == State::Info;
        let told = match reading.state() {
            _ if stopped => State::Critical,
            bad @ (State::Warning | State::Critical) => bad,
            _ => State::Ok,
        };
        let text = || {
            let reason = if stopped {
                Why::from(phrases::FAN_STANDS)
            } else {
                reading.reason().clone()
            };
            let name = reading.name().clone().into();
            // of what is or is not, the reason says all
            if reading.unit() == Unit::Boolean {
                return phrases::NAMED.with([name, reason.into()]).into();
            }
            let value = format!("{value}{}", reading.unit().symbol());
            phrases::NAMED_VALUE.with([name, value.into(), reason.into()]).into()
        };
        if told <= self.level {
            self.worse = None;
        }
        if told > State::Ok && told >= self.level {
            let hold = if self.component == Component::Clock { UNSET } else { 0 };
            if told > self.level && now.saturating_sub(*self.worse.get_or_insert(now)) < hold {
                return;
            }
            (self.level, self.better, self.text) = (told, None, text());
            self.code = code(&self.component, reading).to_owned();
            return;
        }
        if told == self.level {
            return;
        }
        let discrete = matches!(self.kind, Kind::State | Kind::Counter);
        let since = *self.better.get_or_insert(now);
        if discrete || now.saturating_sub(since) >= BACK {
            (self.level, self.better) = (told, None);
            if told > State::Ok {
                self.text = text();
            }
        }
    }

    /// Whether its own state is critical.
    pub(super) fn critical(&self) -> bool {
        self.level == State::Critical
    }

    /// What the latch says.
    fn say(&self, findings: &mut Vec<Finding>) {
        if self.there && self.level > State::Ok {
            findings.push(finding(&self.component, &self.code, self.level, self.text.clone()));
        }
    }

    /// The board's limits and the room's.
    fn limits(&mut self, now: u64, board: &Board, reading: &Reading, findings: &mut Vec<Finding>) {
        let room;
        let mut code = code(&self.component, reading);
        let limits = match board.limits(reading) {
            Some(limits) => limits,
            None if self.component == Component::Room && self.kind == Kind::Temperature => {
                let (low, high) = board.room();
                room = Limits {
                    warning_below: Some(low),
                    warning_above: Some(high),
                    hysteresis: ROOM_HYSTERESIS,
                    ..Limits::default()
                };
                &room
            }
            None => return,
        };
        let bounds = [
            (limits.critical_below, State::Critical, false),
            (limits.warning_below, State::Warning, false),
            (limits.warning_above, State::Warning, true),
            (limits.critical_above, State::Critical, true),
        ];
        for ((bound, state, above), trigger) in bounds.into_iter().zip(&mut self.triggers) {
            let Some(bound) = bound else { continue };
            let limit = if above {
                Limit::above(bound, limits.hysteresis)
            } else {
                Limit::below(bound, limits.hysteresis)
            };
            trigger.observe(now, reading.value(), &limit.held(limits.hold, 0));
            if !trigger.raised() {
                continue;
            }
            let unit = reading.unit().symbol();
            let side = if above {
                phrases::OVER_LIMIT
            } else {
                phrases::UNDER_LIMIT
            };
            if self.component == Component::Room {
                code = if above { "room_hot" } else { "room_cold" };
            }
            let value = match reading.value() {
                Ok(value) => format!("{value}{unit}").into(),
                Err(missing) => missing.why().into(),
            };
            let text = side.with([reading.name().clone().into(), value, format!("{bound}{unit}").into()]);
            findings.push(finding(&self.component, code, state, text));
        }
    }

    fn growth(&mut self, now: u64, reading: &Reading, findings: &mut Vec<Finding>) {
        let Some(rule) = counters::of_box(reading.id()) else {
            return;
        };
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count, whole and not negative"
        )]
        let value = reading.value().ok().map(|v| v as u64);
        let grown = self.rate.get_or_insert_default().observe(now, value);
        if grown >= rule.daily {
            let text = phrases::MORE_IN_A_DAY.with([reading.name().clone().into(), grown.into()]);
            findings.push(finding(&self.component, rule.code, State::Warning, text));
        }
    }

    /// A port that has to have a link.
    fn link(&mut self, now: u64, reading: &Reading, findings: &mut Vec<Finding>) {
        let limit = Limit::below(0.0, 1.0).held(UNLINKED, 0);
        // the first trigger is free: links have no limits
        let [trigger, ..] = &mut self.triggers;
        trigger.observe(now, reading.value(), &limit);
        if trigger.raised() {
            findings.push(finding(
                &self.component,
                "link",
                State::Critical,
                phrases::NAMED.with([reading.name().clone().into(), phrases::NONE.into()]),
            ));
        }
    }

    /// Fans, supplies and the room that say nothing for long.
    fn silence(&mut self, now: u64, reading: &Reading, findings: &mut Vec<Finding>) {
        let matters = matches!(
            self.component,
            Component::Fan(_) | Component::Supply(_) | Component::Room
        );
        let lost = self.lost.is_some_and(|since| now.saturating_sub(since) >= LOST);
        if matters && lost && self.worked {
            let text = reading.told();
            findings.push(finding(&self.component, "lost", State::Warning, text));
        }
    }
}

/// What is wrong, in a word that stays the same.
fn code(component: &Component, reading: &Reading) -> &'static str {
    let last = reading.id().rsplit('/').next().unwrap_or_default();
    match component {
        Component::Array(_) if matches!(last, "missing" | "works") => "array",
        Component::Array(_) => "member",
        Component::Memory(_) => "memory_uncorrected",
        Component::Port(_) if reading.id().starts_with("sfp/") => "optics",
        Component::Port(_) => "link",
        Component::Card(_) => "pcie",
        Component::FileSystem(_) if last == "errors" => "filesystem",
        Component::FileSystem(_) => "full",
        Component::Clock => "clock",
        Component::Supplies | Component::Fans => "redundancy",
        Component::Supply(_) => "supply",
        Component::Fan(_) => "fan",
        Component::Bay(_) | Component::Disk(_) if reading.kind() == Kind::Temperature => "temperature",
        Component::Bay(_) => "bay",
        Component::Disk(_) => "offline",
        _ => match reading.kind() {
            _ if reading.id().starts_with("watchdog/") => "watchdog",
            Kind::Temperature => "temperature",
            Kind::Fan => "fan",
            Kind::Voltage => "voltage",
            Kind::Current | Kind::Power => "power",
            _ => "state",
        },
    }
}
