//! What `hwmon --once` prints: every source that was asked, every drive and reading, and what could not be read.

use serde::Serialize;
use serde_json::{Value, json};

use crate::drive::Drive;
use crate::verdict::{Health, Verdict, judge};
use crate::{Error, Reading, State};

/// The form of the JSON document; it grows by keys, and this number changes when one goes or changes its meaning.
pub const FORMAT: u32 = 1;

/// A drive with its verdict.
#[derive(Debug, Clone, PartialEq)]
pub struct DriveReport {
    /// The file or device that it was read from.
    pub source: String,
    /// Its facts.
    pub drive: Drive,
    /// What follows from them.
    pub verdict: Verdict,
}

/// A source that gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trouble {
    /// The source.
    pub source: String,
    /// What is wrong, where, and what to do, with all causes.
    pub error: String,
}

/// All that was read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Drives.
    pub drives: Vec<DriveReport>,
    /// Readings of everything else, by the source's name.
    pub readings: Vec<(String, Reading)>,
    /// Sources that gave nothing.
    pub troubles: Vec<Trouble>,
}

impl Report {
    /// Adds what a source of drives gave. One that cannot be read becomes a drive of which nothing is known, and a trouble.
    pub fn add_drives(&mut self, source: &str, read: Result<Vec<Drive>, Error>) {
        match read {
            Ok(drives) => self.drives.extend(drives.into_iter().map(|drive| DriveReport {
                source: source.to_owned(),
                verdict: judge(&drive),
                drive,
            })),
            Err(error) => {
                let missing = match &error {
                    Error::Read { source, .. } => match source.kind() {
                        std::io::ErrorKind::NotFound => crate::NoData::NotPresent,
                        std::io::ErrorKind::PermissionDenied => crate::NoData::Denied,
                        _ => crate::NoData::Failed,
                    },
                    Error::Empty { .. } => crate::NoData::NotReported,
                    _ => crate::NoData::Invalid,
                };
                let mut drive = Drive::unknown(missing);
                drive.trouble = Some(error.to_string());
                self.drives.push(DriveReport {
                    source: source.to_owned(),
                    verdict: judge(&drive),
                    drive,
                });
                self.trouble(source, &error);
            }
        }
    }

    /// Adds a source that gave nothing.
    pub fn trouble(&mut self, source: &str, error: &dyn std::error::Error) {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        self.troubles.push(Trouble {
            source: source.to_owned(),
            error: text,
        });
    }

    /// The worst of all: failing before warning before unknown before ok.
    #[must_use]
    pub fn health(&self) -> Health {
        let drives = self.drives.iter().map(|d| d.verdict.health);
        let readings = self.readings.iter().map(|(_, r)| match r.state() {
            State::Critical => Health::Failing,
            State::Warning => Health::Warning,
            // a sensor that is not there is no reason to doubt the rest
            State::Unknown | State::Info | State::Ok => Health::Ok,
        });
        let rank = |health: &Health| match health {
            Health::Ok => 0,
            Health::Unknown => 1,
            Health::Warning => 2,
            Health::Failing => 3,
        };
        let nothing = self.drives.is_empty() && self.readings.is_empty() || !self.troubles.is_empty();
        let floor = if nothing { Health::Unknown } else { Health::Ok };
        drives
            .chain(readings)
            .chain([floor])
            .max_by_key(rank)
            .unwrap_or(Health::Unknown)
    }

    /// The JSON document.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "format": FORMAT,
            "health": self.health(),
            "drives": self.drives.iter().map(drive_json).collect::<Vec<_>>(),
            "readings": self.readings.iter().map(|(source, reading)| {
                let mut value = json!(reading);
                if let Value::Object(map) = &mut value {
                    map.insert("source".to_owned(), json!(source));
                }
                value
            }).collect::<Vec<_>>(),
            "errors": self.troubles,
        })
    }

    /// The same for people.
    #[must_use]
    pub fn text(&self) -> String {
        use std::fmt::Write as _;
        let mut out = String::new();
        for report in &self.drives {
            let identity = &report.drive.identity;
            let name = identity.model.as_deref().unwrap_or("unknown drive");
            let serial = identity.serial.as_deref().map_or(String::new(), |s| format!(" {s}"));
            let _ = writeln!(
                out,
                "{:8} {name}{serial} ({})",
                word(report.verdict.health),
                report.source
            );
            for reason in &report.verdict.reasons {
                let _ = writeln!(out, "           {}", reason.text);
            }
            if let Some(advice) = report.verdict.advice {
                let _ = writeln!(out, "           -> {}", advice.en());
            }
            for reading in &report.verdict.readings {
                let _ = writeln!(out, "           {}", line(reading));
            }
        }
        for (source, reading) in &self.readings {
            let _ = writeln!(out, "{source} {}", line(reading));
        }
        out
    }
}

fn word(health: Health) -> &'static str {
    match health {
        Health::Ok => "ok",
        Health::Warning => "warning",
        Health::Failing => "FAILING",
        Health::Unknown => "unknown",
    }
}

fn line(reading: &Reading) -> String {
    let value = match reading.value() {
        Ok(value) => format!("{value}{}", reading.unit().symbol()),
        Err(_) => "-".to_owned(),
    };
    let state = match reading.state() {
        State::Info => "",
        State::Ok => " [ok]",
        State::Unknown => " [unknown]",
        State::Warning => " [warning]",
        State::Critical => " [CRITICAL]",
    };
    format!("{}: {value}{state} {}", reading.name(), reading.reason())
}

fn drive_json(report: &DriveReport) -> Value {
    let drive = &report.drive;
    let identity = &drive.identity;
    let attributes = drive.ata.iter().flat_map(|ata| &ata.attributes).map(|a| {
        json!({
            "id": a.id,
            "name": a.name,
            "prefail": a.prefail,
            "value": a.value,
            "worst": a.worst,
            "threshold": a.threshold,
            "failed": match a.when_failed() {
                crate::drive::WhenFailed::Never => "never",
                crate::drive::WhenFailed::Past => "past",
                crate::drive::WhenFailed::Now => "now",
            },
            "raw": a.raw.text(),
        })
    });
    json!({
        "source": report.source,
        "model": identity.model,
        "family": identity.family,
        "serial": identity.serial,
        "firmware": identity.firmware,
        "capacity_octets": identity.capacity,
        "protocol": drive.protocol,
        "solid_state": drive.solid_state(),
        "health": report.verdict.health,
        "reasons": report.verdict.reasons,
        "advice": report.verdict.advice.map(crate::why::Phrase::en),
        "readings": report.verdict.readings,
        "attributes": attributes.collect::<Vec<_>>(),
    })
}
