//! The box's data on a RAID 1 of two bays: a member that fails, and the empty disk that takes its place.

mod members;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{SATA, SOON, alarm_of, drive};
use crate::qemu::{Bay, Guest, Machine};
use crate::step::exec;
use crate::suites::session::{BOOT_WITHIN, Session};
use crate::suites::tally::Tally;

/// The bay of the NVMe member. The other one is the SATA disk.
const MEMBER: u8 = 5;
const ARRAY: &str = "array md127";
/// The file of the NVMe disk, and of the one that takes its place.
const NVME_MEMBER: &str = "member-nvme.img";
const REPLACED: &str = "empty.img";
/// How long a rebuild may take.
const REBUILT_WITHIN: Duration = Duration::from_secs(900);

/// The machine with its data on an array, and none on its system disk.
pub(super) fn machine(image: &Path, dir: &Path) -> Result<Machine> {
    let at = |name: &str| dir.join(name);
    let system = at("system.img");
    for old in ["system.img", "system.vars.fd"] {
        let _ = std::fs::remove_file(at(old));
    }
    exec(Command::new("cp").arg("--sparse=always").arg(image).arg(&system))?;
    exec(
        Command::new("sfdisk")
            .args(["--quiet", "--delete"])
            .arg(&system)
            .arg("5"),
    )?;
    let (sata, nvme) = (at("member-sata.img"), at(NVME_MEMBER));
    members::make([&sata, &nvme])?;
    Ok(with_members(image, dir, sata, nvme))
}

fn with_members(image: &Path, dir: &Path, sata: PathBuf, nvme: PathBuf) -> Machine {
    Machine::new(image, dir)
        .disk(dir.join("system.img"))
        .bay(Bay::Sata(SATA), sata)
        .bay(Bay::Nvme(MEMBER), nvme)
}

/// After [`checks`] the box is switched off, its failed SATA disk is exchanged for an empty one, and it is started again.
pub(super) fn exchanged_while_off(image: &Path, dir: &Path) -> Result<()> {
    let new = members::empty(dir.join("empty-sata.img"))?;
    let mut guest = with_members(image, dir, new, dir.join(REPLACED)).start()?;
    guest.wait_for_https(BOOT_WITHIN)?;
    let session = Session::forwarded(guest.forwards()?);
    session
        .wait_for("hardware", REBUILT_WITHIN, is_whole)
        .context("the array with its new disk")?;
    let settings = session.show("settings")?.to_string();
    ensure!(
        settings.contains(&format!("without-{}", Bay::Sata(SATA).id())),
        "what was set without the disk is lost: {settings}"
    );
    guest.shut_down(SOON)
}

/// What happens to a member in its life.
pub(super) fn checks(tally: &mut Tally, session: &Session, guest: &mut Guest, dir: &Path) {
    tally.check("the data is on a RAID 1 of two bays", whole(session));
    tally.check(
        "a member that is pulled by mistake and put back takes its place again",
        put_back(session, guest, &dir.join(NVME_MEMBER)),
    );
    tally.check(
        "a member that fails is an alarm with what to do",
        failing(session, guest, Bay::Nvme(MEMBER)),
    );
    tally.check(
        "it is pulled, and an empty disk in its bay is a new disk: rebuilt, and the alarms are over",
        replaced(session, guest, dir.join(REPLACED)),
    );
    tally.check(
        "a SATA disk whose reads and writes fail is an alarm of the array, and keeps its own word",
        failing(session, guest, Bay::Sata(SATA)).and_then(|()| own_word(session)),
    );
}

fn reading<'a>(hardware: &'a Value, id: &str) -> Option<&'a Value> {
    hardware["readings"].as_array()?.iter().find(|one| one["id"] == id)
}

/// Without a missing disk, a rebuild, or an alarm.
fn is_whole(hardware: &Value) -> Option<()> {
    let missing = reading(hardware, "md/md127/missing")?;
    let idle = reading(hardware, "md/md127/sync").is_none();
    (missing["value"] == 0.0 && idle && alarm_of(hardware, ARRAY).is_none()).then_some(())
}

fn whole(session: &Session) -> Result<()> {
    session.wait_for("hardware", SOON, is_whole)
}

fn put_back(session: &Session, guest: &mut Guest, file: &Path) -> Result<()> {
    let bay = Bay::Nvme(MEMBER);
    guest.pull(bay)?;
    session
        .wait_for("hardware", SOON, |hardware| alarm_of(hardware, ARRAY).map(drop))
        .context("an alarm of the array")?;
    // it has to catch up with what was written without it
    session.cli("set hostname pulled-by-mistake")?;
    guest.put_in(bay, file, &bay.serial())?;
    session
        .wait_for("hardware", REBUILT_WITHIN, is_whole)
        .context("the disk that is back")?;
    let written = guest.written(bay)?;
    ensure!(
        written < members::DISK / 4,
        "{written} octets were written to it: it was rebuilt whole"
    );
    Ok(())
}

fn failing(session: &Session, guest: &Guest, bay: Bay) -> Result<()> {
    session
        .wait_for("hardware", REBUILT_WITHIN, is_whole)
        .context("before")?;
    guest.fail(bay)?;
    let failed = SystemTime::UNIX_EPOCH.elapsed()?.as_secs_f64();
    // the kernel finds out when it writes
    session.cli(&format!("set hostname without-{}", bay.id()))?;
    let raised = session
        .wait_for("hardware", SOON, |hardware| alarm_of(hardware, ARRAY).cloned())
        .context("an alarm of the array")?;
    let words = |language: &str| raised[language]["todo"].as_str().is_some_and(|todo| !todo.is_empty());
    ensure!(
        raised["state"] == "critical" && words("zh") && words("en"),
        "the alarm is {raised}"
    );
    let since = raised["since"].as_f64().context("the alarm has no time")? / 1e9;
    // whole seconds, by the guest's clock
    eprintln!(
        "    hwmon: {} fails, and alarms after {:.0} s",
        bay.id(),
        (since - failed).max(0.0)
    );
    session
        .wait_for("hardware", SOON, |hardware| {
            let missing = reading(hardware, "md/md127/missing")?;
            (missing["value"] == 1.0 && missing["state"] == "critical").then_some(())
        })
        .context("the missing disk")
}

fn replaced(session: &Session, guest: &mut Guest, empty: PathBuf) -> Result<()> {
    let bay = Bay::Nvme(MEMBER);
    guest.pull(bay)?;
    let component = format!("bay {MEMBER}");
    session
        .wait_for("hardware", SOON, |hardware| {
            let pulled = alarm_of(hardware, &component)?;
            (pulled["code"] == "removed" && pulled["serial"] == bay.serial()).then_some(())
        })
        .context("the alarm of the pulled disk")?;
    let serial = "NVME-5-NEW";
    guest.put_in(bay, &members::empty(empty)?, serial)?;
    let share = session
        .wait_for("hardware", SOON, |hardware| {
            let sync = reading(hardware, "md/md127/sync")?;
            sync["name"]["en"].as_str()?.ends_with("recover").then_some(())?;
            sync["value"].as_f64()
        })
        .context("the rebuild's progress")?;
    ensure!((0.0..=100.0).contains(&share), "{share} % of the rebuild are done");
    session
        .wait_for("hardware", REBUILT_WITHIN, |hardware| {
            let new = drive(&hardware["drives"], serial)?;
            let over = is_whole(hardware).is_some() && alarm_of(hardware, &component).is_none();
            (over && new["bay"] == MEMBER).then_some(())
        })
        .context("the end of the rebuild and of the alarms")
}

/// The drive answers for itself: the array's failure does not make it say that it fails.
fn own_word(session: &Session) -> Result<()> {
    let drives = session.show("disks")?;
    let sata = drive(&drives, &Bay::Sata(SATA).serial()).context("the SATA disk is gone")?;
    ensure!(
        sata["bay"] == SATA && sata["health"] == "ok",
        "the SATA disk says {sata}"
    );
    Ok(())
}
