//! A management controller for the machine: `ipmi_sim` of Debian's openipmi, which QEMU puts behind a KCS interface.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::suites::session::Session;

const PROGRAM: &str = "/usr/bin/ipmi_sim";
const SOON: Duration = Duration::from_secs(90);

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

impl Controller {
    /// Two supplies and their redundancy, all well; `None` where the simulator is not installed.
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
        let bits = "000000011111111";
        // number, sensor type, event type (IPMI 2.0, tables 42-2 and 42-3)
        for (number, kind, event) in [(2, 8, 0x0b), (3, 8, 0x6f), (4, 8, 0x6f)] {
            writeln!(emulated, "sensor_add 0x20 0 {number} {kind} {event}")?;
            writeln!(
                emulated,
                "sensor_set_event_support 0x20 0 {number} enable scanning per-state {bits} {bits} {bits} {bits}"
            )?;
            writeln!(emulated, "sensor_set_bit 0x20 0 {number} 0 1 0")?;
        }
        for record in [
            discrete(1, 2, 8, 0x0b, "PSU Redundancy")?,
            discrete(2, 3, 8, 0x6f, "PSU1 Status")?,
            discrete(3, 4, 8, 0x6f, "PSU2 Status")?,
        ] {
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

    /// A supply loses its input: an alarm, an entry of the event log, and the end of both.
    pub(super) fn pull_a_supply(&mut self, session: &Session) -> Result<()> {
        let part = |hardware: &Value, id: &str| -> Option<Value> {
            let parts = hardware["chassis"]["parts"].as_array()?;
            parts
                .iter()
                .find(|part| part["id"] == id)
                .map(|part| part["state"].clone())
        };
        session
            .wait_for("hardware", SOON, |hardware| {
                (part(hardware, "supply 1")? == "ok" && part(hardware, "supply 2")? == "ok").then_some(())
            })
            .context("both supplies")?;
        self.say("sensor_set_bit 0x20 0 4 3 1 1")?;
        self.say("sensor_set_bit_clr_rest 0x20 0 2 1 1")?;
        let pulled = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs_f64();
        let alarm = session
            .wait_for("hardware", SOON, |hardware| {
                let alarms = hardware["alarms"].as_array()?;
                alarms.iter().find(|alarm| alarm["component"] == "supply 2").cloned()
            })
            .context("an alarm of the supply")?;
        ensure!(
            alarm["state"] == "critical" && alarm["zh"]["todo"] != "",
            "the alarm is {alarm}"
        );
        let since = alarm["since"].as_f64().context("the alarm has no time")? / 1e9;
        // whole seconds, by the guest's clock
        eprintln!(
            "    hwmon: a pulled supply alarms after {:.0} s",
            (since - pulled).max(0.0)
        );
        session
            .wait_for("hardware events", SOON, |log| {
                let entries = log["entries"].as_array()?;
                entries.iter().find(|entry| entry["sensor"] == "PSU2 Status").map(drop)
            })
            .context("the event log")?;
        self.say("sensor_set_bit 0x20 0 4 3 0 1")?;
        self.say("sensor_set_bit_clr_rest 0x20 0 2 0 1")?;
        session
            .wait_for("hardware", SOON, |hardware| {
                let alarms = hardware["alarms"].as_array()?;
                let open = alarms
                    .iter()
                    .any(|alarm| alarm["component"] == "supply 2" || alarm["component"] == "supplies");
                (!open).then_some(())
            })
            .context("the end of the alarms")
    }
}
