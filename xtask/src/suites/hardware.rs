//! The hardware monitor on the booted image: drives in their bays, one that begins to fail, alarms that outlast a restart.

mod array;
mod controller;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::session::{Session, first_boot};
use super::tally::Tally;
use crate::qemu::{Bay, Guest, Machine};
use controller::Controller;

/// Octets of a drive in a bay.
const DRIVE: u64 = 64 << 20;
/// The bay of the SATA drive, and that of the NVMe drive.
const SATA: u8 = 3;
const NVME: u8 = 4;
const SOON: Duration = Duration::from_secs(90);
/// How long the monitor's use of the processor is measured.
const MEASURED: Duration = Duration::from_secs(120);

/// Puts a drive of each kind into a machine.
pub(super) fn drives(machine: Machine, dir: &Path) -> Result<Machine> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(machine
        .bay(Bay::Sata(SATA), empty(dir, "sata.img")?)
        .bay(Bay::Nvme(NVME), empty(dir, "nvme.img")?))
}

/// A drive without anything on it.
fn empty(dir: &Path, name: &str) -> Result<PathBuf> {
    let path = dir.join(name);
    std::fs::File::create(&path)?.set_len(DRIVE)?;
    Ok(path)
}

/// A machine for this alone, and what the monitor costs there.
pub(super) fn run(tally: &mut Tally) -> Result<()> {
    let image = crate::image::build()?;
    let dir = crate::build_dir()?.join("test/hardware");
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut machine = array::machine(&image, &dir)?.bay(Bay::Nvme(NVME), empty(&dir, "nvme.img")?);
    let mut controller = Controller::start(&dir)?;
    if let Some(controller) = &controller {
        machine = machine.controller(controller.port);
    }
    let mut guest = machine.start()?;
    let (session, code) = first_boot(&mut guest)?;
    session.set_up(&code)?;
    checks(tally, &session, &guest);
    match &mut controller {
        Some(controller) => controller.checks(tally, &session),
        None => tally.skip("the management controller's parts", "ipmi_sim is not installed"),
    }
    array::checks(tally, &session, &mut guest, &dir);
    tally.check("the hardware monitor takes little", cost(&session));
    tally.check("the box shuts down in order", guest.shut_down(Duration::from_secs(120)));
    tally.check(
        "an empty disk that is put in while the box is off is rebuilt when it starts",
        array::exchanged_while_off(&image, &dir),
    );
    Ok(())
}

/// What holds on any machine with [`drives`].
pub(super) fn checks(tally: &mut Tally, session: &Session, guest: &Guest) {
    tally.check("show disks finds both drives in their bays", both(session));
    tally.check(
        "show hardware draws the chassis from the board's file",
        chassis(session),
    );
    for line in [
        "show hardware",
        "show hardware sensors",
        "show hardware events",
        "show disks",
    ] {
        tally.check(&format!("ssh: {line}"), session.cli(line).map(drop));
    }
    tally.check("a bay without a light says so", no_light(session));
    tally.check(
        "a drive that begins to fail is an alarm with what to do, until it is well again",
        failing(session, guest),
    );
}

fn drive<'a>(drives: &'a Value, serial: &str) -> Option<&'a Value> {
    drives.as_array()?.iter().find(|drive| drive["serial"] == serial)
}

fn both(session: &Session) -> Result<()> {
    session
        .wait_for("disks", SOON, |drives| {
            let (sata, nvme) = (drive(drives, "SATA-3")?, drive(drives, "NVME-4")?);
            let good = sata["bay"] == SATA && nvme["bay"] == NVME && sata["health"] == "ok" && nvme["health"] == "ok";
            good.then_some(())
        })
        .map(drop)
}

fn chassis(session: &Session) -> Result<()> {
    session
        .wait_for("hardware", SOON, |hardware| {
            let parts = hardware["chassis"]["parts"].as_array()?;
            let count = |kind: &str| parts.iter().filter(|part| part["kind"] == kind).count();
            let bay = |id: &str, state: &str| parts.iter().any(|part| part["id"] == id && part["state"] == state);
            let drawn = hardware["chassis"]["board"].is_string()
                && (count("bay"), count("supply")) == (8, 2)
                && count("port") >= 6
                && bay("bay 3", "ok")
                && bay("bay 1", "empty");
            let sources = hardware["sources"].as_array()?;
            let read = sources.iter().all(|source| source["trouble"].is_null());
            (drawn && read && hardware["unsaved"].is_null()).then_some(())
        })
        .map(drop)
}

fn no_light(session: &Session) -> Result<()> {
    let said = session.cli_refused("locate bay 3")?;
    ensure!(said.contains("show disks"), "{said}");
    Ok(())
}

fn alarm(hardware: &Value) -> Option<&Value> {
    let alarms = hardware["alarms"].as_array()?;
    alarms.iter().find(|alarm| alarm["serial"] == "NVME-4")
}

/// The gravest alarm of a component.
fn alarm_of<'a>(hardware: &'a Value, component: &str) -> Option<&'a Value> {
    let alarms = hardware["alarms"].as_array()?;
    alarms.iter().find(|alarm| alarm["component"] == component)
}

fn failing(session: &Session, guest: &Guest) -> Result<()> {
    let warn = |bits: u8| {
        let property = json!({
            "path": format!("/machine/peripheral/nvme-{NVME}"),
            "property": "smart_critical_warning",
            "value": bits,
        });
        guest.qmp("qom-set", &property).map(drop)
    };
    // the medium is read-only (NVMe base specification, log 02h)
    warn(8)?;
    let raised = session
        .wait_for("hardware", SOON, |hardware| alarm(hardware).cloned())
        .context("an alarm of the drive")?;
    ensure!(
        raised["component"] == "bay 4" && raised["state"] == "critical" && raised["en"]["todo"] != "",
        "the alarm is {raised}"
    );
    let id = raised["id"].as_str().context("the alarm has no name")?;
    session.cli(&format!("acknowledge {id}"))?;
    session.cli("restart hwmon")?;
    session
        .wait_for("hardware", SOON, |hardware| {
            let kept = alarm(hardware)?;
            (kept["acknowledged"] == "admin" && kept["since"] == raised["since"]).then_some(())
        })
        .context("the acknowledged alarm after a restart")?;
    warn(0)?;
    session
        .wait_for("hardware", SOON, |hardware| alarm(hardware).is_none().then_some(()))
        .context("the end of the alarm")?;
    Ok(())
}

/// Seconds of processor time and octets of memory of the monitor.
fn usage(session: &Session) -> Result<(f64, f64)> {
    let status = session.show("services")?;
    let units = status["units"].as_array().context("no units")?;
    let unit = units
        .iter()
        .find(|unit| unit["name"] == "spanwatch-hwmon.service")
        .context("no unit of the hardware monitor")?;
    let number = |key: &str| unit[key].as_f64().with_context(|| format!("no {key}"));
    Ok((number("cpu_nanos")? / 1e9, number("memory")?))
}

fn cost(session: &Session) -> Result<()> {
    let (before, _) = usage(session)?;
    let begun = std::time::Instant::now();
    std::thread::sleep(MEASURED);
    let (after, memory) = usage(session)?;
    let share = (after - before) / begun.elapsed().as_secs_f64() * 100.0;
    let memory = memory / 1e6;
    eprintln!("    hwmon: {share:.2} % of an emulated core, {memory:.1} MB");
    ensure!(memory <= 12.0, "it takes {memory:.1} MB");
    Ok(())
}
