//! The analyzer's alarm list on the booted image: what the hardware monitor finds comes into it, is acknowledged there, and
//! both outlast restarts of either.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::session::Session;
use super::tally::Tally;
use crate::qemu::Guest;

const SOON: Duration = Duration::from_secs(90);
/// The drive that fails, by what the machine calls it and by its serial number.
const DRIVE: &str = "/machine/peripheral/nvme-4";
const SERIAL: &str = "NVME-4";

/// What holds on a machine with `hardware::drives`, while none of them fails.
pub(super) fn checks(tally: &mut Tally, session: &Session, guest: &Guest) {
    for line in ["show alarms", "show alarms all", "show alarms history last 7d limit 5"] {
        tally.check(&format!("ssh: {line}"), session.cli(line).map(drop));
    }
    tally.check(
        "an alarm that is not there cannot be acknowledged",
        session.cli_refused("acknowledge 999999").map(drop),
    );
    tally.check(
        "a drive that fails comes into the alarm list, stays acknowledged over restarts, and is history when it is over",
        from_beginning_to_end(session, guest),
    );
}

/// The drive's open alarm that `is` what is looked for. It has several at a time, and those that nobody has seen come first.
fn alarm<'a>(alarms: &'a Value, is: &dyn Fn(&Value) -> bool) -> Option<&'a Value> {
    let open = alarms["open"].as_array()?;
    open.iter().find(|alarm| alarm["serial"] == SERIAL && is(alarm))
}

fn from_beginning_to_end(session: &Session, guest: &Guest) -> Result<()> {
    let warn = |bits: u8| {
        let property = json!({ "path": DRIVE, "property": "smart_critical_warning", "value": bits });
        guest.qmp("qom-set", &property).map(drop)
    };
    let open = |what: &'static str, is: &dyn Fn(&Value) -> bool| {
        session
            .wait_for("alarms", SOON, |alarms| alarm(alarms, is).cloned())
            .context(what)
    };
    // the medium is read-only (NVMe base specification, log 02h)
    warn(8)?;
    let raised = open("an alarm of the drive", &|_| true)?;
    ensure!(
        raised["source"] == "hardware"
            && raised["component"] == "bay 4"
            && raised["part"] == json!({ "zh": "槽位 4", "en": "bay 4" })
            && raised["severity"] == "critical"
            && raised["zh"]["todo"] != "",
        "the alarm is {raised}"
    );
    let id = raised["id"].as_u64().context("the alarm has no number")?;
    let is_seen = |alarm: &Value| {
        alarm["id"] == id && alarm["raised"] == raised["raised"] && alarm["acknowledged"]["by"] == "admin"
    };
    // the list has all of a restarted monitor's alarms as they were
    session.cli(&format!("acknowledge {id}"))?;
    open("the acknowledged alarm", &is_seen)?;
    session
        .wait_for("hardware", SOON, |hardware| {
            let alarms = hardware["alarms"].as_array()?;
            let same = alarms.iter().find(|alarm| alarm["id"] == raised["name"])?;
            (same["acknowledged"] == "admin").then_some(())
        })
        .context("the acknowledgement in the hardware monitor")?;
    for program in ["analyzer", "hwmon"] {
        session.cli(&format!("restart {program}"))?;
        open("the acknowledged alarm after a restart", &is_seen)?;
    }
    // its end comes while the list is away, or just before
    warn(0)?;
    session.cli("restart analyzer")?;
    let over = session
        .wait_for("alarms history last 1h", SOON, |alarms| {
            let past = alarms["history"].as_array()?;
            past.iter().find(|alarm| alarm["id"] == id).cloned()
        })
        .context("the alarm in the history")?;
    ensure!(
        over["cleared"]["how"] == "over" && over["acknowledged"]["by"] == "admin",
        "the alarm is {over}"
    );
    Ok(())
}
