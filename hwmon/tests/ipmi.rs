//! Against `ipmi_sim` of Debian's openipmi, run for real on the loopback.

use std::io::Write as _;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use hwmon::State;
use hwmon::ipmi::sel::Cursor;
use hwmon::ipmi::{Client, Controller, Login};
use serde_json::Value;

/// Longer than the simulator takes on a busy machine; nothing is judged by it.
const PATIENCE: Duration = Duration::from_secs(60);

struct Sim {
    child: Child,
    console: ChildStdin,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Sim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A full record of a temperature with 80, 90 and 160 °C as upper limits.
fn temperature(record: u8, number: u8, name: &str) -> Vec<u8> {
    let mut r = vec![
        record, 0, 0x51, 1, 0, 0x20, 0, number, 7, 1, 0x7f, 0x68, 1, 1, 0, 0, 0, 0, 0x38, 0x38, 0, 1, 0, 0, 1,
    ];
    r.extend([0; 9]);
    r.extend([255, 0, 0xa0, 0x5a, 0x50, 0, 0, 0, 2, 2, 0, 0, 0]);
    finish(r, name)
}

/// A compact record of a discrete sensor, or of `share` of them.
fn discrete(record: u8, number: u8, kind: u8, event: u8, share: u8, name: &str) -> Vec<u8> {
    let mut r = vec![record, 0, 0x51, 2, 0, 0x20, 0, number, 10, 1, 0x67, 0x40, kind, event];
    r.extend([
        0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xc0, 0, 0, share, 1, 0, 0, 0, 0, 0, 0,
    ]);
    finish(r, name)
}

fn finish(mut record: Vec<u8>, name: &str) -> Vec<u8> {
    record.push(0xc0 | u8::try_from(name.len()).expect("short"));
    record.extend(name.bytes());
    record[4] = u8::try_from(record.len() - 5).expect("short");
    record
}

/// What a supply says it is: a product area alone, with its checksums.
fn supply() -> Vec<u8> {
    let sum = |octets: &[u8]| octets.iter().fold(0u8, |sum, o| sum.wrapping_add(*o)).wrapping_neg();
    let mut area = vec![1, 0, 0];
    for text in ["ACME", "PSU 800", "P-800", "1.0", "S7"] {
        area.push(0xc0 | u8::try_from(text.len()).expect("short"));
        area.extend(text.bytes());
    }
    area.push(0xc1);
    area.resize((area.len() + 1).next_multiple_of(8) - 1, 0);
    area[1] = u8::try_from(area.len() / 8 + 1).expect("short");
    area.push(sum(&area));
    let mut octets = vec![1, 0, 0, 0, 1, 0, 0];
    octets.push(sum(&octets));
    octets.extend(area);
    octets
}

/// The simulator with two supplies, their redundancy, two fans, a temperature and eight bays; or nothing, visibly.
fn sim() -> Option<Sim> {
    let program = Path::new("/usr/bin/ipmi_sim");
    if !program.exists() {
        eprintln!("skipped: ipmi_sim is not installed");
        return None;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|s| s.local_addr())
        .expect("a port")
        .port();
    let lan = format!(
        "name \"bench\"\nset_working_mc 0x20\nstartlan 1\n  addr 127.0.0.1 {port}\n  priv_limit admin\n\
         allowed_auths_callback none md5 straight\n  allowed_auths_user none md5 straight\n\
         allowed_auths_operator none md5 straight\n  allowed_auths_admin none md5 straight\n\
         guid a123456789abcdefa123456789abcdef\nendlan\n\
         user 1 true \"\" \"\" admin 10 none md5 straight\nuser 2 true \"mei\" \"secret\" admin 10 none md5 straight\n"
    );
    let mut emulated = String::from(
        "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\nsel_enable 0x20 1000 0x0a\n",
    );
    let bits = "000000011111111";
    let mut sensor = |number: u8, kind: u8, event: u8| {
        emulated += &format!("sensor_add 0x20 0 {number} {kind} {event}\n");
        if event == 1 {
            emulated += &format!("sensor_set_value 0x20 0 {number} 0x28 0\n");
            emulated += &format!("sensor_set_threshold 0x20 0 {number} settable 111000 0xa0 0x5a 0x50 0 0 0\n");
            let all = "000111111000000";
            emulated += &format!(
                "sensor_set_event_support 0x20 0 {number} enable scanning per-state {all} {all} {all} {all}\n"
            );
        } else {
            emulated += &format!(
                "sensor_set_event_support 0x20 0 {number} enable scanning per-state {bits} {bits} {bits} {bits}\n"
            );
            emulated += &format!("sensor_set_bit 0x20 0 {number} 0 1 0\n");
        }
    };
    sensor(1, 1, 1);
    sensor(2, 8, 0x0b);
    sensor(3, 8, 0x6f);
    sensor(4, 8, 0x6f);
    (0x60..0x68).for_each(|number| sensor(number, 0x0d, 0x6f));
    let records = [
        temperature(1, 1, "Inlet Temp"),
        discrete(2, 2, 8, 0x0b, 1, "PSU Redundancy"),
        discrete(3, 3, 8, 0x6f, 1, "PSU1 Status"),
        discrete(4, 4, 8, 0x6f, 1, "PSU2 Status"),
        discrete(5, 0x60, 0x0d, 0x6f, 8, "Bay "),
    ];
    for record in records {
        let octets: Vec<String> = record.iter().map(|o| format!("{o:#04x}")).collect();
        emulated += &format!("main_sdr_add 0x20 {}\n", octets.join(" "));
    }
    let octets: Vec<String> = supply().iter().map(|o| format!("{o:#04x}")).collect();
    emulated += &format!("mc_add_fru_data 0x20 1 {} data {}\n", octets.len(), octets.join(" "));
    emulated += "mc_enable 0x20\n";
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    std::fs::write(path("lan.conf"), lan).expect("a file");
    std::fs::write(path("sim.emu"), emulated).expect("a file");
    std::fs::create_dir(path("state")).expect("a folder");
    let mut child = Command::new(program)
        .arg("-c")
        .arg(path("lan.conf"))
        .arg("-f")
        .arg(path("sim.emu"))
        .arg("-s")
        .arg(path("state"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("ipmi_sim starts");
    let console = child.stdin.take().expect("its console");
    Some(Sim {
        child,
        console,
        port,
        _folder: folder,
    })
}

impl Sim {
    fn say(&mut self, line: &str) {
        writeln!(self.console, "{line}")
            .and_then(|()| self.console.flush())
            .expect("the console takes it");
    }

    fn read(&self, login: &[&str]) -> (Value, Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_hwmon"))
            .args(["--once", "--json", "--ipmi", &format!("127.0.0.1:{}", self.port)])
            .args(login)
            .env("HWMON_IPMI_PASSWORD", if login.is_empty() { "" } else { "secret" })
            .output()
            .expect("hwmon runs");
        let document = serde_json::from_slice(&output.stdout).expect("a document");
        (
            document,
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }

    /// Reads until `wanted` holds, since the simulator takes its orders in its own time.
    fn until(&self, login: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let (document, _, said) = self.read(login);
            if wanted(&document) {
                return document;
            }
            assert!(begun.elapsed() < PATIENCE, "{said}: {document:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn state(document: &Value, name: &str) -> Option<String> {
    let readings = document["readings"].as_array()?;
    let reading = readings.iter().find(|r| r["name"] == name)?;
    reading["state"].as_str().map(str::to_owned)
}

#[test]
fn a_chassis_is_driven_through_failures() {
    let Some(mut sim) = sim() else { return };
    let is = |name: &'static str, wanted: &'static str| move |d: &Value| state(d, name).as_deref() == Some(wanted);
    for login in [&["--ipmi-user", "mei"][..], &[]] {
        let well = sim.until(login, is("PSU Redundancy", "ok"));
        let readings = well["readings"].as_array().expect("readings");
        let own = |id: &str| id.starts_with("ipmi/chassis/") || id.starts_with("ipmi/dcmi/");
        let sensors = readings.iter().filter(|r| !r["id"].as_str().is_some_and(own));
        assert_eq!(sensors.count(), 12, "{well:#}");
        for name in ["Inlet Temp", "PSU1 Status", "PSU2 Status", "Bay1", "Bay8"] {
            assert_eq!(state(&well, name).as_deref(), Some("ok"), "{name}");
        }
        let inlet = well["readings"]
            .as_array()
            .and_then(|r| r.iter().find(|r| r["name"] == "Inlet Temp"))
            .expect("inlet");
        assert_eq!(
            (inlet["value"].as_f64(), inlet["unit"].as_str()),
            (Some(40.0), Some("celsius"))
        );
    }
    let login = ["--ipmi-user", "mei"];
    // a supply loses its input, and redundancy is lost: ipmitool prints "ok" beside it
    sim.say("sensor_set_bit 0x20 0 4 3 1 0");
    sim.say("sensor_set_bit_clr_rest 0x20 0 2 1 0");
    let lost = sim.until(&login, is("PSU Redundancy", "critical"));
    assert_eq!(state(&lost, "PSU2 Status").as_deref(), Some("critical"));
    assert_eq!(state(&lost, "PSU1 Status").as_deref(), Some("ok"));
    assert_eq!(lost["health"], "failing");
    // a bay fails, and the inlet gets hot
    sim.say("sensor_set_bit 0x20 0 0x62 1 1 0");
    sim.say("sensor_set_value 0x20 0 1 0x55 0");
    sim.until(&login, is("Bay3", "critical"));
    sim.until(&login, is("Inlet Temp", "warning"));
    sim.say("sensor_set_value 0x20 0 1 0x28 0");
    sim.until(&login, is("Inlet Temp", "ok"));
}

#[test]
fn the_event_log_is_read_piece_by_piece_and_a_supply_says_who_it_is() {
    let Some(mut sim) = sim() else { return };
    sim.until(&[], |d| d["readings"].as_array().is_some_and(|r| !r.is_empty()));
    let at = format!("127.0.0.1:{}", sim.port);
    let link = Client::connect(&at, &Login::default(), PATIENCE).expect("a session");
    let mut controller = Controller::new(link);
    controller.sensors().expect("sensors");
    let part = controller.part(1).expect("a description");
    assert_eq!(
        (part.product.as_deref(), part.serial.as_deref()),
        (Some("PSU 800"), Some("S7"))
    );
    let mut seen = controller
        .events(None)
        .expect("the log")
        .last()
        .map(|event| event.cursor);
    // each order makes an event, which is told once
    for (order, sensor, text) in [
        ("sensor_set_bit 0x20 0 4 1 1 1", "PSU2 Status", "failed: replace it"),
        ("sensor_set_bit 0x20 0 2 1 1 1", "PSU Redundancy", "redundancy lost"),
        ("sensor_set_bit 0x20 0 0x62 1 1 1", "Bay3", "failed: replace it"),
    ] {
        sim.say(order);
        let begun = Instant::now();
        let event = loop {
            controller.within(PATIENCE);
            let events = controller.events(seen).expect("the log");
            if let Some(event) = events.into_iter().next() {
                break event;
            }
            assert!(begun.elapsed() < PATIENCE, "no event after {order}");
            std::thread::sleep(Duration::from_millis(50));
        };
        assert_eq!((event.sensor.en().as_str(), event.text.en().as_str()), (sensor, text));
        assert_eq!((event.state, event.begins), (State::Critical, true));
        seen = Some(event.cursor);
    }
    assert_eq!(controller.events(seen).expect("the log"), []);
    // a cursor into a log that was cleared since begins anew
    let other = seen.map(|cursor| Cursor { time: 1, ..cursor });
    assert!(controller.events(other).expect("the log").len() >= 3);
}

#[test]
fn a_wrong_user_and_a_silent_controller_are_told_apart() {
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let at = silent.local_addr().expect("an address").to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_hwmon"))
        .args(["--once", "--json", "--ipmi", &at])
        .output()
        .expect("hwmon runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&at) && said.contains("does not answer"), "{said}");
    let Some(sim) = sim() else { return };
    sim.until(&[], |d| d["readings"].as_array().is_some_and(|r| !r.is_empty()));
    let (_, code, said) = sim.read(&["--ipmi-user", "nobody"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("refuses the user"), "{said}");
}
