//! The program, as others run it: what it prints, its exit status, and how it refuses bad files.

mod chinese;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn hwmon(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hwmon"))
        .args(arguments)
        .output()
        .expect("hwmon runs")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("one JSON document on the standard output")
}

fn file(folder: &Path, name: &str, text: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

const PASSED: &str = r#"{"smartctl": {"version": [7, 3], "exit_status": 0}, "device": {"protocol": "NVMe"}, "model_name": "M",
"serial_number": "S", "smart_status": {"passed": true, "nvme": {"value": 0}}, "temperature": {"current": 40},
"nvme_smart_health_information_log": {"critical_warning": 0, "available_spare": 100, "available_spare_threshold": 10}}"#;

#[test]
fn a_good_drive_is_ok_and_every_reading_has_unit_state_and_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), "good.json", PASSED.as_bytes());
    let output = hwmon(&["--once", "--json", "--smartctl-json", &path]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let document = json(&output);
    assert_eq!(document["health"], "ok");
    let drive = &document["drives"][0];
    assert_eq!(
        (drive["health"].as_str(), drive["serial"].as_str()),
        (Some("ok"), Some("S"))
    );
    let readings = drive["readings"].as_array().expect("readings");
    assert!(readings.len() >= 3);
    for reading in readings {
        for key in ["id", "name", "unit", "state", "reason"] {
            assert!(reading[key].as_str().is_some_and(|text| !text.is_empty()), "{reading}");
        }
        assert_ne!(reading["value"].is_null(), reading["missing"].is_null(), "{reading}");
    }
    // hours of service are not in the file: missing, and never 0
    let hours = readings.iter().find(|r| r["id"] == "power_on_hours").expect("hours");
    assert_eq!(
        (hours["value"].is_null(), hours["missing"].as_str()),
        (true, Some("not_reported"))
    );
}

#[test]
fn a_failing_drive_is_no_failure_of_the_program() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = file(folder.path(), "bad.json", PASSED.replace("true", "false").as_bytes());
    let output = hwmon(&["--once", "--json", "--smartctl-json", &path]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(json(&output)["drives"][0]["health"], "failing");
}

#[test]
fn bad_files_say_what_is_wrong_where_and_what_to_do_and_the_rest_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let good = file(folder, "good.json", PASSED.as_bytes());
    let cut = file(folder, "cut.json", &PASSED.as_bytes()[..200]);
    let noise = file(folder, "noise.txt", &[0x80, 0, 0xff, 7, b'\n', b'x']);
    let empty = file(folder, "empty.txt", b"");
    let missing = folder.join("missing.txt").display().to_string();
    let output = hwmon(&[
        "--once",
        "--json",
        "--smartctl-json",
        &good,
        &cut,
        "--smartctl-text",
        &noise,
        &empty,
        &missing,
        "/",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let document = json(&output);
    let health = |number: usize| document["drives"][number]["health"].as_str();
    assert_eq!(health(0), Some("ok"));
    for number in 1..6 {
        assert_eq!(health(number), Some("unknown"), "{number}");
        assert!(document["drives"][number]["advice"].is_string());
    }
    assert_eq!(document["errors"].as_array().map(Vec::len), Some(5));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.lines().count(), 5, "{said}");
    for (path, todo) in [
        (cut.as_str(), "smartctl --json -x"),
        (noise.as_str(), "make it by"),
        (empty.as_str(), "run smartctl again"),
        (missing.as_str(), "check that the file is there"),
        ("/", "name a file"),
    ] {
        assert!(
            said.lines().any(|line| line.contains(path) && line.contains(todo)),
            "{path}: {said}"
        );
    }
}

#[test]
fn a_wrong_command_line_is_told_apart() {
    assert_eq!(hwmon(&["--json"]).status.code(), Some(2));
    assert_eq!(hwmon(&["--once", "--jsno"]).status.code(), Some(2));
}

/// The folder of readings of real hardware, or nothing, visibly.
fn hardware() -> Option<PathBuf> {
    let folder = std::env::var_os("SPANWATCH_HARDWARE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/hardware"),
        PathBuf::from,
    );
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "skipped: {} is not there; SPANWATCH_HARDWARE names the folder of hardware readings",
        folder.display()
    );
    None
}

fn files(folder: &Path) -> Vec<String> {
    let mut paths: Vec<String> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path().display().to_string())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

fn verdicts(option: &str, paths: &[String]) -> Vec<(Value, String)> {
    let arguments: Vec<&str> = ["--once", "--json", option]
        .into_iter()
        .chain(paths.iter().map(String::as_str))
        .collect();
    let output = hwmon(&arguments);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let document = json(&output);
    let drives = document["drives"].as_array().expect("drives").clone();
    assert_eq!(drives.len(), paths.len());
    drives
        .into_iter()
        .map(|drive| {
            let health = drive["health"].as_str().expect("health").to_owned();
            (drive, health)
        })
        .collect()
}

#[test]
fn real_drives_that_smartctl_calls_failed_fail_and_others_do_not() {
    let Some(folder) = hardware() else { return };
    for (drive, health) in verdicts("--smartctl-text", &files(&folder.join("smartctl-text/failing"))) {
        assert_eq!(health, "failing", "{}", drive["source"]);
    }
    let passing = verdicts("--smartctl-text", &files(&folder.join("smartctl-text/passing")));
    for (drive, health) in &passing {
        assert!(
            health == "ok" || health == "warning",
            "{}: {health} {}",
            drive["source"],
            drive["reasons"]
        );
    }
    let warned = passing.iter().filter(|(_, health)| health == "warning").count();
    assert!(
        warned * 10 <= passing.len(),
        "{warned} of {} are warned of",
        passing.len()
    );
    for (drive, health) in verdicts("--smartctl-json", &files(&folder.join("smartctl-json"))) {
        let source = drive["source"].as_str().expect("source");
        let said: Value = serde_json::from_slice(&std::fs::read(source).expect("a file")).expect("json");
        match said["smart_status"]["passed"].as_bool() {
            Some(true) => assert!(
                health == "ok" || health == "warning",
                "{source}: {health} {}",
                drive["reasons"]
            ),
            Some(false) => assert_eq!(health, "failing", "{source}"),
            None => assert_eq!(health, "unknown", "{source}"),
        }
    }
}

/// Unpacks a text archive of ttar's form.
fn unpack(archive: &Path, into: &Path) {
    let text = std::fs::read_to_string(archive).expect("an archive");
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(folder) = line.strip_prefix("Directory: ") {
            std::fs::create_dir_all(into.join(folder)).expect("a folder");
        } else if let Some(path) = line.strip_prefix("Path: ") {
            let path = into.join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            let next = lines.next().expect("what it is");
            if let Some(target) = next.strip_prefix("SymlinkTo: ") {
                std::os::unix::fs::symlink(target, path).expect("a link");
            } else {
                let count: usize = next
                    .strip_prefix("Lines: ")
                    .expect("a length")
                    .parse()
                    .expect("a number");
                let body: Vec<&str> = lines.by_ref().take(count).collect();
                // the last line of a file that ends without one
                let body = body.join("\n");
                std::fs::write(path, body.strip_suffix("EOF").unwrap_or(&body)).expect("a file");
            }
        }
    }
}

#[test]
fn real_trees_of_sysfs_are_read() {
    let Some(folder) = hardware() else { return };
    let into = tempfile::tempdir().expect("a folder");
    unpack(&folder.join("sysfs/node_exporter-sys.ttar"), into.path());
    let path = into.path().display().to_string();
    let output = hwmon(&["--once", "--json", "--sysfs", &path]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let document = json(&output);
    let readings = document["readings"].as_array().expect("readings");
    let one = |id: &str| {
        let reading = readings
            .iter()
            .find(|r| r["id"] == id)
            .unwrap_or_else(|| panic!("no {id}"));
        (
            reading["value"].as_f64(),
            reading["unit"].as_str().expect("unit"),
            reading["state"].as_str().expect("state"),
        )
    };
    assert_eq!(one("hwmon/coretemp@coretemp.0/temp1"), (Some(55.0), "celsius", "ok"));
    assert_eq!(one("hwmon/coretemp@coretemp.1/temp5"), (Some(50.0), "celsius", "ok"));
    assert_eq!(one("hwmon/applesmc@applesmc.768/fan1"), (Some(0.0), "rpm", "critical"));
    assert_eq!(one("hwmon/nct6779@nct6775.656/fan2"), (Some(1098.0), "rpm", "info"));
    assert_eq!(one("hwmon/nct6779@nct6775.656/in0"), (Some(0.792), "volt", "ok"));
    assert_eq!(one("hwmon/nct6779@nct6775.656/in1").2, "info");
    assert_eq!(one("md/md5/missing"), (Some(1.0), "count", "critical"));
    assert_eq!(one("md/md5/sdp").2, "critical");
    assert_eq!(one("md/md6/missing").2, "warning");
    assert_eq!(one("md/md6/sync"), (Some(75.0), "percent", "info"));
    assert_eq!(one("md/md1/missing").2, "ok");
    assert_eq!(one("edac/mc0/uncorrected"), (Some(5.0), "count", "critical"));
    assert_eq!(one("net/int/eth1").2, "warning");
    assert_eq!(one("disk/sdl/answers").2, "critical");
    assert_eq!(one("cpu/package0/throttled"), (Some(30.0), "count", "info"));
    // a folder without a name does not stop the rest
    assert!(
        readings
            .iter()
            .any(|r| r["id"].as_str().is_some_and(|id| id.starts_with("hwmon/mt7996")))
    );
    let ids: std::collections::BTreeSet<&str> = readings.iter().filter_map(|r| r["id"].as_str()).collect();
    assert_eq!(ids.len(), readings.len(), "every reading has an id of its own");
}
