//! What the other programs are told, in the words of [`api::hardware`].

use api::hardware::{self as said, Text};
use hwmon::board::{Board, Component, Field, Side};
use hwmon::drive::{Outcome, Protocol, SelfTest};
use hwmon::policy::Alarm;
use hwmon::series::{Answer, Courses};
use hwmon::verdict::{Health, Weight};
use hwmon::watch::{SeenDrive, about, source, words};
use hwmon::why::phrases;
use hwmon::{NoData, Reading, State, Unit};
use model::Timestamp;

use super::lights::{self, Light};
use super::monitor::{Monitor, alarm_id, named_temperature, temperature_id};

/// All that is known.
pub(super) fn hardware(monitor: &Monitor, now: u64, lights: &[Light], unsaved: Option<String>) -> said::Hardware {
    let mut alarms: Vec<said::Alarm> = monitor.open().map(|one| alarm(monitor.board(), one)).collect();
    alarms.sort_by_key(|alarm| (alarm.state != State::Critical, alarm.since));
    let mut drives: Vec<said::Drive> = monitor.drives().iter().map(drive).collect();
    drives.sort_by(|a, b| (a.bay.is_none(), a.bay, &a.name).cmp(&(b.bay.is_none(), b.bay, &b.name)));
    let mut readings: Vec<said::Reading> = monitor
        .readings()
        .iter()
        .map(|(source, one)| reading(source, one.id().to_owned(), one, monitor.courses()))
        .collect();
    for seen in monitor.drives() {
        let heat = seen.verdict.readings.iter().find(|one| one.id() == "temperature");
        readings.extend(heat.map(|heat| {
            let mut told = reading(&seen.place.disk, temperature_id(seen), heat, monitor.courses());
            told.name = named_temperature(&seen.place.disk).into();
            told
        }));
    }
    said::Hardware {
        now: Timestamp::from_secs(now),
        health: health(&alarms, monitor),
        chassis: said::Chassis {
            board: monitor.board().known().then(|| monitor.board().name().to_owned()),
            front: grid(monitor.board().front()),
            rear: grid(monitor.board().rear()),
            parts: parts(monitor, &alarms, lights),
        },
        alarms,
        drives,
        readings,
        sources: sources(monitor),
        unsaved,
    }
}

fn grid(grid: hwmon::board::Grid) -> said::Grid {
    said::Grid {
        rows: grid.rows,
        columns: grid.columns,
    }
}

/// The worst alarm; without any, whether anything was read.
fn health(alarms: &[said::Alarm], monitor: &Monitor) -> Health {
    let any = |state| alarms.iter().any(|alarm| alarm.state == state);
    if any(State::Critical) {
        Health::Failing
    } else if any(State::Warning) {
        Health::Warning
    } else if monitor.readings().is_empty() && monitor.drives().is_empty() {
        Health::Unknown
    } else {
        Health::Ok
    }
}

/// An alarm with its words.
pub(super) fn alarm(board: &Board, alarm: &Alarm) -> said::Alarm {
    let [zh, en] = words(board, alarm).map(|words| said::Words {
        title: words.title,
        todo: words.todo,
    });
    said::Alarm {
        id: alarm_id(alarm),
        component: alarm.subject.place.clone(),
        part: about(board, alarm).1,
        serial: alarm.subject.serial.clone(),
        code: alarm.code.clone(),
        state: alarm.state,
        text: alarm.text.clone(),
        zh,
        en,
        since: Timestamp::from_secs(alarm.since),
        acknowledged: alarm.acknowledged.clone(),
    }
}

/// A word that stays the same, as serde writes it.
fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn reading(source: &str, id: String, reading: &Reading, courses: &Courses) -> said::Reading {
    said::Reading {
        source: source.to_owned(),
        kept: courses.has(&id),
        id,
        name: reading.name().into(),
        kind: word(&reading.kind()),
        value: reading.value().ok(),
        missing: reading.value().err().map(|missing| word(&missing)),
        unit: word(&reading.unit()),
        state: reading.state(),
        reason: reading.reason().into(),
    }
}

fn drive(seen: &SeenDrive) -> said::Drive {
    let (identity, drive) = (&seen.drive.identity, &seen.drive);
    said::Drive {
        name: seen.place.disk.clone(),
        bay: seen.bay,
        model: identity.model.clone(),
        serial: identity.serial.clone(),
        firmware: identity.firmware.clone(),
        capacity_octets: identity.capacity,
        protocol: word(&drive.protocol),
        solid_state: drive.protocol != Protocol::Unknown && drive.solid_state(),
        health: seen.verdict.health,
        reasons: seen
            .verdict
            .reasons
            .iter()
            .map(|reason| said::DriveReason {
                code: reason.code.to_owned(),
                weight: match reason.weight {
                    Weight::Note => "note",
                    Weight::Warning => "warning",
                    Weight::Failing => "failing",
                }
                .to_owned(),
                text: (&reason.text).into(),
            })
            .collect(),
        advice: seen.verdict.advice.map(Text::from),
        temperature: drive.temperature.ok(),
        hours: drive.hours.ok(),
        used: drive.used,
        counts: counts(&seen.verdict.readings),
        testing: drive.tests.running().map(|test| said::Testing {
            extent: test.extended.map(extent),
            done: test.done,
        }),
        tested: drive.tests.newest().and_then(tested),
    }
}

/// What a drive counts that is no error: minutes above a temperature, cuts of its power, and the entries of its log, most of
/// which are commands that it does not know or that the host or the cable spoilt.
const NO_ERRORS: [&str; 4] = ["hot_minutes", "critical_minutes", "unsafe_shutdowns", "error_log"];

/// The counters of sectors and errors among a drive's readings.
fn counts(readings: &[Reading]) -> Vec<said::DriveCount> {
    let counters = readings
        .iter()
        .filter(|one| one.unit() == Unit::Count && !NO_ERRORS.contains(&one.id()));
    let known = counters.filter_map(|one| Some((one.id(), one.value().ok()?)));
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count, and casts of numbers end at the bounds"
    )]
    let told = known.map(|(code, count)| said::DriveCount {
        code: code.to_owned(),
        count: count as u64,
    });
    told.collect()
}

fn extent(extended: bool) -> said::TestExtent {
    match extended {
        true => said::TestExtent::Long,
        false => said::TestExtent::Short,
    }
}

fn tested(test: &SelfTest) -> Option<said::Tested> {
    let outcome = match test.outcome {
        Outcome::Passed => said::TestOutcome::Passed,
        Outcome::Aborted => said::TestOutcome::Aborted,
        Outcome::ReadFailure => said::TestOutcome::Unreadable,
        Outcome::Failure(_) => said::TestOutcome::Failed,
        Outcome::Running => return None,
    };
    Some(said::Tested {
        extent: extent(test.extended),
        outcome,
        hours: test.hours,
    })
}

fn sources(monitor: &Monitor) -> Vec<said::Source> {
    let mut names: Vec<&String> = monitor.heard().keys().chain(monitor.troubled()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .map(|name| {
            let heard = monitor.heard().get(name);
            said::Source {
                name: name.clone(),
                label: source(name).into(),
                answered: heard.map(|heard| Timestamp::from_secs(heard.at)),
                took_ms: heard.map(|heard| heard.took_ms),
                trouble: monitor.trouble(name),
            }
        })
        .collect()
}

fn place(face: said::Face, at: Option<Field>) -> Option<said::Place> {
    at.map(|(row, column)| said::Place { face, row, column })
}

/// Readings with what they are about.
struct Known<'a>(Vec<(Component, &'a Reading)>);

impl<'a> Known<'a> {
    fn of(monitor: &'a Monitor) -> Self {
        let board = monitor.board();
        let readings = monitor.readings().iter();
        Self(
            readings
                .map(|(_, reading)| (board.component(reading), reading))
                .collect(),
        )
    }

    fn about(&self, component: &Component) -> Vec<&'a Reading> {
        let own = self.0.iter().filter(|(of, _)| of == component);
        own.map(|(_, reading)| *reading).collect()
    }
}

/// The parts that the board names, and those that were found besides.
fn parts(monitor: &Monitor, alarms: &[said::Alarm], lights: &[Light]) -> Vec<said::Part> {
    let board = monitor.board();
    let known = Known::of(monitor);
    let mut parts = Vec::new();
    for bay in board.bays() {
        let component = Component::Bay(bay.number);
        let disks = monitor.in_bay(bay.number);
        let seen: Vec<&SeenDrive> = monitor.drives().iter().filter(|d| d.bay == Some(bay.number)).collect();
        let readings = known.about(&component);
        let (state, reason) = match seen.first() {
            Some(seen) => of_drive(seen),
            None if !disks.is_empty() => (said::PartState::Unknown, phrases::PART_UNREAD.into()),
            None => (said::PartState::Empty, phrases::PART_EMPTY.into()),
        };
        let light = lights::of(lights, bay.number, &disks);
        parts.push(said::Part {
            place: place(said::Face::Front, bay.at),
            locating: light.map(Light::on),
            hot_swap: true,
            ..part(
                &component,
                said::PartKind::Bay,
                &bay.number.to_string(),
                (state, reason),
                &readings,
                alarms,
            )
        });
    }
    let supplies = board.supplies().iter().map(|s| (s.number, s.number.to_string(), s.at));
    for (number, name, at) in with_found(supplies.collect(), &known, |c| match c {
        Component::Supply(n) => Some(*n),
        _ => None,
    }) {
        let component = Component::Supply(number);
        let readings = known.about(&component);
        parts.push(said::Part {
            place: place(said::Face::Rear, at),
            hot_swap: true,
            ..part(
                &component,
                said::PartKind::Supply,
                &name,
                of_readings(&readings),
                &readings,
                alarms,
            )
        });
    }
    let fans = board.fans().iter().map(|f| (f.number, f.number.to_string(), None));
    for (number, name, _) in with_found(fans.collect(), &known, |c| match c {
        Component::Fan(n) => Some(*n),
        _ => None,
    }) {
        let component = Component::Fan(number);
        let readings = known.about(&component);
        parts.push(part(
            &component,
            said::PartKind::Fan,
            &name,
            of_readings(&readings),
            &readings,
            alarms,
        ));
    }
    parts.extend(ports(monitor, &known, alarms, board));
    parts
}

/// Parts of the board, and those that only readings know.
fn with_found(
    mut named: Vec<(u8, String, Option<Field>)>,
    known: &Known<'_>,
    number: impl Fn(&Component) -> Option<u8>,
) -> Vec<(u8, String, Option<Field>)> {
    let mut found: Vec<u8> = known.0.iter().filter_map(|(component, _)| number(component)).collect();
    found.sort_unstable();
    found.dedup();
    for number in found {
        if !named.iter().any(|(known, _, _)| *known == number) {
            named.push((number, number.to_string(), None));
        }
    }
    named
}

fn ports(monitor: &Monitor, known: &Known<'_>, alarms: &[said::Alarm], board: &Board) -> Vec<said::Part> {
    let interfaces = monitor.interfaces();
    let mut named: Vec<(String, Option<said::Place>, Option<String>)> = board
        .ports()
        .iter()
        .zip(board.interfaces(interfaces))
        .map(|(port, found)| {
            let face = match port.side {
                Side::Front => said::Face::Front,
                Side::Rear => said::Face::Rear,
            };
            (
                port.name.clone(),
                place(face, port.at),
                found.map(|found| found.interface.clone()),
            )
        })
        .collect();
    for found in interfaces {
        if !named
            .iter()
            .any(|(_, _, known)| known.as_ref() == Some(&found.interface))
        {
            named.push((found.interface.clone(), None, Some(found.interface.clone())));
        }
    }
    named
        .into_iter()
        .map(|(name, place, interface)| {
            let component = Component::Port(interface.clone().unwrap_or_else(|| name.clone()));
            let readings = known.about(&component);
            let link = readings.iter().find(|reading| reading.id().ends_with("/link"));
            let found = match (interface, link.map(|link| link.value())) {
                (None, _) => (said::PartState::Unknown, phrases::PORT_UNFOUND.into()),
                (Some(_), Some(Ok(up))) if up > 0.0 => (said::PartState::Ok, phrases::PORT_CONNECTED.into()),
                (Some(_), Some(Ok(_))) => (said::PartState::Empty, phrases::PORT_NO_LINK.into()),
                (Some(_), Some(Err(why))) => (said::PartState::Empty, why.why().into()),
                (Some(_), None) => (said::PartState::Unknown, phrases::PART_UNREAD.into()),
            };
            said::Part {
                place,
                ..part(&component, said::PartKind::Port, &name, found, &readings, alarms)
            }
        })
        .collect()
}

/// A part; an alarm about it outweighs what was found.
fn part(
    component: &Component,
    kind: said::PartKind,
    label: &str,
    (mut state, mut reason): (said::PartState, Text),
    readings: &[&Reading],
    alarms: &[said::Alarm],
) -> said::Part {
    let id = component.to_string();
    // the gravest is the first
    if let Some(alarm) = alarms.iter().find(|alarm| alarm.component == id) {
        state = match alarm.state {
            State::Critical => said::PartState::Critical,
            _ => said::PartState::Warning,
        };
        reason.clone_from(&alarm.text);
    }
    said::Part {
        id,
        kind,
        label: label.to_owned(),
        place: None,
        state,
        reason,
        readings: readings.iter().map(|reading| reading.id().to_owned()).collect(),
        locating: None,
        hot_swap: false,
    }
}

fn of_drive(seen: &SeenDrive) -> (said::PartState, Text) {
    let state = match seen.verdict.health {
        Health::Ok => said::PartState::Ok,
        Health::Warning => said::PartState::Warning,
        Health::Failing => said::PartState::Critical,
        Health::Unknown => said::PartState::Unknown,
    };
    let reason = seen.verdict.reasons.first().map(|reason| Text::from(&reason.text));
    (state, reason.unwrap_or_default())
}

/// The worst of a part's readings. Where all are absent, so is the part.
fn of_readings(readings: &[&Reading]) -> (said::PartState, Text) {
    let worst = readings
        .iter()
        .filter(|r| matches!(r.state(), State::Warning | State::Critical))
        .max_by_key(|r| r.state());
    if let Some(worst) = worst {
        let state = match worst.state() {
            State::Critical => said::PartState::Critical,
            _ => said::PartState::Warning,
        };
        return (state, worst.told().into());
    }
    if readings.iter().any(|r| r.value().is_ok()) {
        return (said::PartState::Ok, Text::default());
    }
    match readings.first().map(|r| r.value()) {
        Some(Err(NoData::NotPresent)) => (said::PartState::Empty, NoData::NotPresent.why().into()),
        Some(Err(why)) => (said::PartState::Unknown, why.why().into()),
        _ => (said::PartState::Unknown, phrases::PART_UNTOLD.into()),
    }
}

/// An entry of the management controller's event log.
pub(super) fn entry(event: &hwmon::ipmi::sel::Event) -> said::LogEntry {
    said::LogEntry {
        number: event.cursor.record,
        at: event.time.map(|at| Timestamp::from_secs(u64::from(at))),
        sensor: (&event.sensor).into(),
        text: (&event.text).into(),
        asserted: event.begins,
        state: event.state,
    }
}

/// A course.
pub(super) fn course(answer: Answer) -> said::Course {
    said::Course {
        id: answer.label.id,
        name: answer.label.name,
        unit: word(&answer.label.unit),
        points: answer
            .points
            .into_iter()
            .map(|point| point.map(|p| [p.least, p.mean, p.greatest]))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use hwmon::Kind;

    use super::*;

    #[test]
    fn what_a_drive_does_not_count_is_not_there() {
        let reading = |id: &str, unit, value| Reading::fact(id, phrases::N_MEDIA, Kind::Counter, unit, value);
        let told = counts(&[
            reading("media_errors", Unit::Count, Ok(8.0)),
            reading("pending", Unit::Count, Err(NoData::Unsupported)),
            reading("used", Unit::Percent, Ok(3.0)),
            reading("reallocated", Unit::Count, Ok(0.0)),
        ]);
        let told: Vec<(&str, u64)> = told.iter().map(|one| (one.code.as_str(), one.count)).collect();
        assert_eq!(told, [("media_errors", 8), ("reallocated", 0)]);
    }

    /// What a solid-state drive says of its heat and its power is not among its errors.
    #[test]
    fn only_errors_are_counted() {
        let drive = hwmon::drive::Drive {
            protocol: Protocol::Nvme,
            nvme: Some(hwmon::drive::Nvme {
                critical_warning: Some(0),
                media_errors: Some(2),
                error_entries: Some(400),
                unsafe_shutdowns: Some(31),
                hot_minutes: [Some(12), Some(3)],
                ..hwmon::drive::Nvme::default()
            }),
            ..hwmon::drive::Drive::unknown(NoData::NotReported)
        };
        let verdict = hwmon::verdict::judge(&drive);
        for id in NO_ERRORS {
            assert!(verdict.readings.iter().any(|one| one.id() == id), "{id} is not read");
        }
        let told: Vec<(String, u64)> = counts(&verdict.readings)
            .into_iter()
            .map(|one| (one.code, one.count))
            .collect();
        assert_eq!(told, [("media_errors".to_owned(), 2)]);
    }
}
