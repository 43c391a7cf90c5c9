//! A management controller for the machine: `ipmi_sim` of Debian's openipmi, which QEMU puts behind a KCS interface.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{SOON, alarm_of};
use crate::suites::session::Session;
use crate::suites::tally::Tally;

const PROGRAM: &str = "/usr/bin/ipmi_sim";
/// Analogue readings have to be back for a minute.
const OVER_WITHIN: Duration = Duration::from_secs(240);

/// Discrete sensors: number, type, event type (IPMI 2.0, tables 42-2 and 42-3), name.
const DISCRETE: [(u8, u8, u8, &str); 5] = [
    (2, 0x08, 0x0b, "PSU Redundancy"),
    (3, 0x08, 0x6f, "PSU1 Status"),
    (4, 0x08, 0x6f, "PSU2 Status"),
    (7, 0x04, 0x0b, "Fan Redundancy"),
    (8, 0x0d, 0x6f, "Bay 7 Status"),
];
/// Fans, in steps of 50 rpm: number, name.
const FANS: [(u8, &str); 2] = [(5, "Fan 1"), (6, "Fan 2")];
const FAN_STEP: u8 = 50;
/// 4800 rpm, and the lower critical limit of 1000 rpm.
const TURNS: u8 = 96;
const SLOWEST: u8 = 20;

/// Something that breaks, and is mended.
struct Fault {
    name: &'static str,
    component: &'static str,
    /// Another part that is alarmed with it.
    beside: Option<&'static str>,
    /// The sensor that the event log names.
    sensor: &'static str,
    breaks: &'static [&'static str],
    mended: &'static [&'static str],
}

const FAULTS: [Fault; 3] = [
    Fault {
        name: "a supply that loses its input, and the redundancy that goes with it",
        component: "supply 2",
        beside: Some("supplies"),
        sensor: "PSU2 Status",
        breaks: &["sensor_set_bit 0x20 0 4 3 1 1", "sensor_set_bit_clr_rest 0x20 0 2 1 1"],
        mended: &["sensor_set_bit 0x20 0 4 3 0 1", "sensor_set_bit_clr_rest 0x20 0 2 0 1"],
    },
    Fault {
        name: "a fan that stops, and the redundancy that goes with it",
        component: "fan 2",
        beside: Some("fans"),
        sensor: "Fan 2",
        breaks: &["sensor_set_value 0x20 0 6 0 1", "sensor_set_bit_clr_rest 0x20 0 7 1 1"],
        mended: &["sensor_set_value 0x20 0 6 96 1", "sensor_set_bit_clr_rest 0x20 0 7 0 1"],
    },
    Fault {
        name: "a drive that the backplane calls failed",
        component: "bay 7",
        beside: None,
        sensor: "Bay 7 Status",
        breaks: &["sensor_set_bit 0x20 0 8 1 1 1"],
        mended: &["sensor_set_bit 0x20 0 8 1 0 1"],
    },
];

/// The simulator.
pub(super) struct Controller {
    child: Child,
    console: ChildStdin,
    /// Where QEMU connects to.
    pub(super) port: u16,
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The end of a record: its name, and its length at its place.
fn finish(mut record: Vec<u8>, name: &str) -> Result<Vec<u8>> {
    record.push(0xc0 | u8::try_from(name.len())?);
    record.extend(name.bytes());
    let length = u8::try_from(record.len() - 5)?;
    *record.get_mut(4).context("a record is longer")? = length;
    Ok(record)
}

/// A compact record of a discrete sensor (IPMI 2.0, section 43.2).
fn discrete(record: u8, number: u8, kind: u8, event: u8, name: &str) -> Result<Vec<u8>> {
    let mut octets = vec![record, 0, 0x51, 2, 0, 0x20, 0, number, 10, 1, 0x67, 0x40, kind, event];
    octets.extend([0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f, 0xc0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0]);
    finish(octets, name)
}

/// A full record of a fan (section 43.1).
fn fan(record: u8, number: u8, name: &str) -> Result<Vec<u8>> {
    let mut octets = vec![record, 0, 0x51, 1, 0, 0x20, 0, number, 29, 1, 0x67, 0x48, 4, 1];
    // what it tells of, and the lower critical limit, which can be read
    octets.extend([0x04, 0x20, 0x04, 0x20, 0x02, 0]);
    // unsigned; rpm; linear: value = step times what is read
    octets.extend([0, 18, 0, 0, FAN_STEP, 0, 0, 0, 0, 0]);
    // nothing nominal; greatest and least of the scale; upper limits, lower ones, hysteresis
    octets.extend([0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, SLOWEST, 0, 0, 0, 0, 0, 0]);
    finish(octets, name)
}

impl Controller {
    /// Two supplies, two fans, their redundancy and a drive, all well; `None` where the simulator is not installed.
    pub(super) fn start(dir: &Path) -> Result<Option<Self>> {
        if !Path::new(PROGRAM).exists() {
            return Ok(None);
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let state = dir.join("bmc-state");
        std::fs::create_dir_all(&state)?;
        let lan = format!("name \"bench\"\nset_working_mc 0x20\nserial 15 127.0.0.1 {port} codec VM\n");
        let mut emulated = String::from(
            "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\nsel_enable 0x20 1000 0x0a\n",
        );
        let bits = "000111111111111";
        let mut records = Vec::new();
        for (number, kind, event, name) in DISCRETE {
            writeln!(emulated, "sensor_add 0x20 0 {number} {kind} {event}")?;
            writeln!(emulated, "{}", events(number, "000000011111111"))?;
            writeln!(emulated, "sensor_set_bit 0x20 0 {number} 0 1 0")?;
            records.push(discrete(number, number, kind, event, name)?);
        }
        for (number, name) in FANS {
            writeln!(emulated, "sensor_add 0x20 0 {number} 4 1")?;
            writeln!(emulated, "sensor_set_value 0x20 0 {number} {TURNS} 0")?;
            writeln!(
                emulated,
                "sensor_set_threshold 0x20 0 {number} readable 000010 0 0 0 0 {SLOWEST} 0"
            )?;
            writeln!(emulated, "{}", events(number, bits))?;
            records.push(fan(number, number, name)?);
        }
        for record in records {
            let octets: Vec<String> = record.iter().map(|octet| format!("{octet:#04x}")).collect();
            writeln!(emulated, "main_sdr_add 0x20 {}", octets.join(" "))?;
        }
        emulated += "mc_enable 0x20\n";
        let (lan_path, emulated_path) = (dir.join("bmc-lan.conf"), dir.join("bmc.emu"));
        std::fs::write(&lan_path, lan)?;
        std::fs::write(&emulated_path, emulated)?;
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", PROGRAM, "-c"])
            .arg(&lan_path)
            .arg("-f")
            .arg(&emulated_path)
            .arg("-s")
            .arg(&state)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start ipmi_sim")?;
        let console = child.stdin.take().context("ipmi_sim has no console")?;
        Ok(Some(Self { child, console, port }))
    }

    fn say(&mut self, line: &str) -> Result<()> {
        writeln!(self.console, "{line}")?;
        self.console.flush().context("ipmi_sim takes no orders")
    }

    /// What breaks is an alarm and an entry of the event log, until it is mended.
    pub(super) fn checks(&mut self, tally: &mut Tally, session: &Session) {
        for fault in &FAULTS {
            tally.check(
                &format!("{}: an alarm, an entry of the event log, and their end", fault.name),
                self.happens(session, fault),
            );
        }
    }

    fn happens(&mut self, session: &Session, fault: &Fault) -> Result<()> {
        let parts = ["supply 1", "supply 2", "fan 1", "fan 2"];
        session
            .wait_for("hardware", SOON, |hardware| {
                let known = hardware["chassis"]["parts"].as_array()?;
                let ok = |id: &&str| known.iter().any(|part| part["id"] == **id && part["state"] == "ok");
                (parts.iter().all(ok) && alarm_of(hardware, fault.component).is_none()).then_some(())
            })
            .context("all parts, well")?;
        for line in fault.breaks {
            self.say(line)?;
        }
        let broken = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs_f64();
        let alarm = session
            .wait_for("hardware", SOON, |hardware| {
                alarm_of(hardware, fault.component).cloned()
            })
            .context("the alarm")?;
        ensure!(
            alarm["state"] == "critical" && alarm["zh"]["todo"] != "" && alarm["en"]["todo"] != "",
            "the alarm is {alarm}"
        );
        let since = alarm["since"].as_f64().context("the alarm has no time")? / 1e9;
        // whole seconds, by the guest's clock
        eprintln!(
            "    hwmon: {} alarms after {:.0} s",
            fault.component,
            (since - broken).max(0.0)
        );
        if let Some(beside) = fault.beside {
            session
                .wait_for("hardware", SOON, |hardware| alarm_of(hardware, beside).map(drop))
                .with_context(|| format!("the alarm of {beside}"))?;
        }
        session
            .wait_for("hardware events", SOON, |log| {
                let entries = log["entries"].as_array()?;
                entries
                    .iter()
                    .find(|entry| entry["sensor"]["en"] == fault.sensor)
                    .map(drop)
            })
            .context("the event log")?;
        for line in fault.mended {
            self.say(line)?;
        }
        session
            .wait_for("hardware", OVER_WITHIN, |hardware| {
                let over = |component| alarm_of(hardware, component).is_none();
                (over(fault.component) && fault.beside.is_none_or(over)).then_some(())
            })
            .context("the end of the alarms")
    }
}

/// Events of all states of a sensor, which is scanned.
fn events(number: u8, bits: &str) -> String {
    format!("sensor_set_event_support 0x20 0 {number} enable scanning per-state {bits} {bits} {bits} {bits}")
}
