//! Sensors: the kernel's chips and memory controllers, and those of the management controller where there is one.

use std::path::Path;
use std::time::Duration;

use hwmon::ipmi::{Controller, Device};
use hwmon::{Reading, State, sysfs};
use serde_json::json;

use super::{Part, Verdict};

/// What of the kernel's readings is about this machine's sensors; disks, ports and arrays have tests of their own.
const SOURCES: [&str; 3] = ["hwmon/", "edac/", "cpu"];

/// How long the management controller may take to tell all of its sensors.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads all of them. What the kernel calls critical fails; what warns, and what the management controller finds wrong (a
/// supply without its cord, an open lid), is for somebody to look at.
pub(super) fn read(sys: &Path, controller: &Path) -> Part {
    let kernel = sysfs::Root::open(sys).map(|root| root.readings()).unwrap_or_default();
    let kernel = kernel
        .into_iter()
        .filter(|reading| SOURCES.iter().any(|source| reading.id().starts_with(source)))
        .collect();
    let controller = match controller.exists() {
        true => Device::open(controller, PATIENCE)
            .and_then(|device| Controller::new(device).readings())
            .map_err(|error| error.to_string()),
        false => Ok(Vec::new()),
    };
    part(kernel, controller)
}

fn part(kernel: Vec<Reading>, controller: Result<Vec<Reading>, String>) -> Part {
    let (own, trouble) = match controller {
        Ok(readings) => (readings, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let judged = |reading: &Reading, by_controller: bool| match reading.state() {
        State::Critical if by_controller => Verdict::Warning,
        State::Critical => Verdict::Failed,
        State::Warning => Verdict::Warning,
        State::Ok | State::Info | State::Unknown => Verdict::Passed,
    };
    let all: Vec<(Verdict, &Reading)> = kernel
        .iter()
        .map(|reading| (judged(reading, false), reading))
        .chain(own.iter().map(|reading| (judged(reading, true), reading)))
        .collect();
    let told = all.iter().filter(|(_, reading)| reading.value().is_ok()).count();
    let wrong: Vec<String> = all
        .iter()
        .filter(|(verdict, _)| *verdict != Verdict::Passed)
        .map(|(_, reading)| format!("{}: {}", reading.name(), reading.reason().en()))
        .chain(trouble.clone())
        .collect();
    let worst = all.iter().map(|(verdict, _)| *verdict).max();
    let silent = trouble.as_ref().map(|_| Verdict::Warning);
    let verdict = match worst.max(silent) {
        Some(Verdict::Passed) if told == 0 => Verdict::Skipped,
        None => Verdict::Skipped,
        Some(verdict) => verdict,
    };
    let summary = match (wrong.is_empty(), told) {
        (true, 0) => "this machine shows no sensors".to_owned(),
        (true, _) => format!("{told} sensors, none outside its limits"),
        _ => wrong.join(", "),
    };
    Part {
        name: "sensors",
        verdict,
        summary,
        seen: json!({ "sensors": kernel, "controller": own, "controller_trouble": trouble }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn sys(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        let dir = root.path().join("class/hwmon/hwmon0");
        std::fs::create_dir_all(&dir).expect("a folder");
        for (name, text) in files {
            std::fs::write(dir.join(name), text).expect("a file");
        }
        root
    }

    fn tested(files: &[(&str, &str)]) -> Part {
        let root = sys(files);
        read(root.path(), &root.path().join("no-controller"))
    }

    #[test]
    fn a_machine_without_sensors_is_skipped() {
        let root = tempfile::tempdir().expect("a folder");
        let part = read(root.path(), &root.path().join("no-controller"));
        assert_eq!(part.verdict, Verdict::Skipped);
    }

    #[test]
    fn values_and_limits_are_read() {
        let part = tested(&[
            ("name", "coretemp\n"),
            ("temp1_input", "41500\n"),
            ("temp1_crit", "90000\n"),
            ("temp1_label", "Package id 0\n"),
            ("fan1_input", "4200\n"),
        ]);
        assert_eq!(part.verdict, Verdict::Passed, "{}", part.summary);
        let sensors = part.seen.pointer("/sensors").and_then(Value::as_array).expect("a list");
        assert_eq!(sensors.len(), 2, "{sensors:?}");
        assert!(sensors.iter().any(|sensor| sensor["value"] == 41.5), "{sensors:?}");
    }

    #[test]
    fn what_is_too_hot_fails_and_is_named() {
        let part = tested(&[("name", "coretemp"), ("temp1_input", "95000"), ("temp1_crit", "90000")]);
        assert_eq!(part.verdict, Verdict::Failed);
        assert!(part.summary.contains("coretemp temperature 1"), "{}", part.summary);
    }

    #[test]
    fn what_the_controller_finds_wrong_is_looked_at_and_so_is_its_silence() {
        use hwmon::why::phrases;
        use hwmon::{Kind, Unit};
        let lost = Reading::fact(
            "ipmi/1",
            hwmon::why::Why::given("PS Redundancy"),
            Kind::State,
            Unit::Boolean,
            Ok(1.0),
        )
        .judged(State::Critical, phrases::S_REDUNDANCY_LOST);
        let part_of = |told| part(Vec::new(), told);
        let found = part_of(Ok(vec![lost]));
        assert_eq!(found.verdict, Verdict::Warning);
        assert!(found.summary.contains("redundancy lost"), "{}", found.summary);
        let silent = part_of(Err("no answer".to_owned()));
        assert_eq!(
            (silent.verdict, silent.summary.as_str()),
            (Verdict::Warning, "no answer")
        );
    }
}
