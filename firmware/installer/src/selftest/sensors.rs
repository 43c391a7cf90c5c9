//! Sensors as the kernel's hwmon class shows them (Linux, Documentation/hwmon/sysfs-interface.rst).

use std::path::Path;

use serde_json::{Value, json};

use super::{Part, Verdict};
use crate::machine::{names, text};

/// File name's start, unit, and how many of the file's units make one of it.
const KINDS: [(&str, &str, f64); 5] = [
    ("temp", "°C", 1000.0),
    ("fan", "1/min", 1.0),
    ("in", "V", 1000.0),
    ("power", "W", 1_000_000.0),
    ("curr", "A", 1000.0),
];

/// Reads all of them; a temperature at its critical limit or a fan's alarm fails.
pub(super) fn read(root: &Path) -> Part {
    let (mut seen, mut wrong) = (Vec::new(), Vec::new());
    for chip in names(root) {
        let dir = root.join(&chip);
        let chip = text(dir.join("name")).unwrap_or(chip);
        for file in names(&dir) {
            if let Some(value) = sensor(&dir, &chip, &file) {
                if value.get("wrong").is_some_and(|wrong| wrong == true) {
                    wrong.push(format!(
                        "{chip} {}",
                        value.get("name").and_then(Value::as_str).unwrap_or("?")
                    ));
                }
                seen.push(value);
            }
        }
    }
    let verdict = match (seen.is_empty(), wrong.is_empty()) {
        (true, _) => Verdict::Skipped,
        (_, true) => Verdict::Passed,
        _ => Verdict::Failed,
    };
    let summary = match (seen.is_empty(), wrong.is_empty()) {
        (true, _) => "this machine shows no sensors".to_owned(),
        (_, true) => format!("{} sensors, none outside its limits", seen.len()),
        _ => format!("outside its limits: {}", wrong.join(", ")),
    };
    Part {
        name: "sensors",
        verdict,
        summary,
        seen: json!({ "sensors": seen }),
    }
}

fn sensor(dir: &Path, chip: &str, file: &str) -> Option<Value> {
    let stem = file.strip_suffix("_input")?;
    let (kind, unit, scale) = KINDS.into_iter().find(|(kind, ..)| {
        stem.strip_prefix(kind)
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|c| c.is_ascii_digit()))
    })?;
    let number = |suffix: &str| text(dir.join(format!("{stem}_{suffix}")))?.parse::<f64>().ok();
    let value = number("input").map(|value| value / scale);
    let limit = number("crit").map(|limit| limit / scale);
    let alarm = number("alarm").is_some_and(|alarm| alarm > 0.0);
    let hot = kind == "temp" && matches!((value, limit), (Some(value), Some(limit)) if limit > 0.0 && value >= limit);
    Some(json!({
        "chip": chip, "name": text(dir.join(format!("{stem}_label"))).unwrap_or_else(|| stem.to_owned()),
        "value": value, "unit": unit, "critical": limit.filter(|_| kind == "temp"), "wrong": hot || (kind == "fan" && alarm),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chip(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a folder");
        let dir = root.path().join("hwmon0");
        std::fs::create_dir(&dir).expect("a folder");
        for (name, text) in files {
            std::fs::write(dir.join(name), text).expect("a file");
        }
        root
    }

    #[test]
    fn a_machine_without_sensors_is_skipped() {
        let root = tempfile::tempdir().expect("a folder");
        assert_eq!(read(root.path()).verdict, Verdict::Skipped);
    }

    #[test]
    fn values_and_limits_are_read() {
        let files = [
            ("name", "coretemp\n"),
            ("temp1_input", "41500\n"),
            ("temp1_crit", "90000\n"),
            ("temp1_label", "Package id 0\n"),
            ("fan1_input", "4200\n"),
            ("intrusion0_alarm", "1\n"),
        ];
        let part = read(chip(&files).path());
        assert_eq!(part.verdict, Verdict::Passed, "{}", part.summary);
        let sensors = part.seen.pointer("/sensors").and_then(Value::as_array).expect("a list");
        assert_eq!(sensors.len(), 2);
        assert!(
            sensors
                .iter()
                .any(|sensor| sensor["name"] == "Package id 0" && sensor["value"] == 41.5)
        );
    }

    #[test]
    fn what_is_too_hot_fails_and_is_named() {
        let files = [("name", "coretemp"), ("temp1_input", "95000"), ("temp1_crit", "90000")];
        let part = read(chip(&files).path());
        assert_eq!(part.verdict, Verdict::Failed);
        assert!(part.summary.contains("coretemp temp1"), "{}", part.summary);
    }
}
