//! What the menu offers.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use argon2::Argon2;
use argon2::password_hash::PasswordHasher as _;
use argon2::password_hash::phc::PasswordHash;
use recovery::disks::{self, Ours};
use recovery::place::Place;
use recovery::stick::{self, Found};
use recovery::{bundle, state};
use settings::password_problem;
use slots::mounted::{Mounted, folder};
use slots::{Esp, Slot};
use storage::password::{self, Recovery};
use storage::reset::{self, Identity, Request};

use crate::menu::Person;

const SYS: &str = "/sys";
const STICK: &str = "/run/stick";
const IDENTITY: &str = "/run/identity";
/// Where a bundle is copied to: memory, of which a bundle may take what it needs.
const COPY: &str = "/run/bundle.raucb";
const FLOOR: &str = "/usr/lib/spanwatch/version-floor";
/// Who did it, in the box's history.
const BY: &str = "recovery console";

fn ours() -> Result<Ours> {
    Ok(disks::ours(&disks::list(Path::new(SYS)))?)
}

fn identity(ours: &Ours, writable: bool) -> Result<Place> {
    Place::mount(&ours.identity.device(), Path::new(IDENTITY), &["ext4"], writable)
}

fn now_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Installs a bundle from a stick.
pub(crate) fn install(person: &mut Person<'_>) -> Result<()> {
    let ours = ours()?;
    let sticks = disks::sticks(&disks::list(Path::new(SYS)));
    let found = stick::find(&sticks, Path::new(STICK));
    let chosen = choose(person, &found)?;
    let copy = PathBuf::from(COPY);
    chosen.fetch(Path::new(STICK), &copy, person.progress("Reading"))?;
    let done = install_copy(person, &ours, &copy);
    let _ = std::fs::remove_file(&copy);
    done
}

fn choose<'a>(person: &mut Person<'_>, found: &'a [Found]) -> Result<&'a Found> {
    for (at, bundle) in found.iter().enumerate() {
        person.say(&format!(
            "  {}  {} ({} MB) on {}\n",
            at + 1,
            bundle.path.display(),
            bundle.octets / 1_000_000,
            bundle.block.name
        ));
    }
    match found {
        [] => {
            bail!("no bundle (*.raucb) is on a USB stick with FAT, exFAT, ext4 or ISO 9660: plug one in and try again")
        }
        [only] => Ok(only),
        _ => {
            let answer = person.ask("Which one? ")?;
            let at: Option<usize> = answer.parse().ok();
            at.and_then(|at| found.get(at.checked_sub(1)?))
                .context("there is no such bundle")
        }
    }
}

fn install_copy(person: &mut Person<'_>, ours: &Ours, copy: &Path) -> Result<()> {
    let manifest = bundle::inspect(copy)?;
    let kept = {
        let identity = identity(ours, false)?;
        std::fs::read_to_string(identity.path().join("version-floor")).ok()
    };
    let own = std::fs::read_to_string(FLOOR).ok();
    bundle::admit(&manifest, [own.as_deref(), kept.as_deref()])?;
    let target = bundle::target(&Mounted::of(&ours.esp.device())?.listing()?);
    person.confirm(
        &format!(
            "Version {} is signed and for this box. It replaces what is in slot {target}.",
            manifest.version
        ),
        "yes",
    )?;
    let opened = bundle::Opened::mount(copy)?;
    // The kernel that is there belongs to the root that goes now.
    change(ours, None, |esp| Ok(esp.mark_bad(target)))?;
    let [a, b] = &ours.roots;
    let root = if target == Slot::A { a } else { b };
    bundle::write(&opened.root(), &root.device(), root.octets, person.progress("Writing"))?;
    change(ours, Some(&opened.kernel(target)), |esp| esp.install(target, None))?;
    person.say(&format!(
        "Version {} is in slot {target} and starts next: choose 5.\n",
        manifest.version
    ));
    Ok(())
}

fn change(
    ours: &Ours,
    kernel: Option<&Path>,
    plan: impl FnOnce(&Esp) -> Result<Vec<slots::Step>, slots::Refused>,
) -> Result<()> {
    let mut mounted = Mounted::of(&ours.esp.device())?;
    let steps = plan(&mounted.listing()?)?;
    mounted.carry_out(&steps, kernel)
}

/// Notes a factory reset; the next start carries it out, as it knows what the data is on.
pub(crate) fn factory_reset(person: &mut Person<'_>) -> Result<()> {
    let ours = ours()?;
    person.confirm(
        "All records, settings, accounts, keys and logs are wiped at the next start. The firmware stays.",
        "ERASE",
    )?;
    let place = identity(&ours, true)?;
    let request = Request {
        at_s: now_s(),
        by: BY.to_owned(),
        begun: 0,
    };
    reset::request(&Identity::writable(place.path()), &request)?;
    person.say("The data is wiped at the next start: choose 5.\n");
    Ok(())
}

/// Sets the administrator's password; the next start takes it over.
pub(crate) fn password(person: &mut Person<'_>) -> Result<()> {
    let ours = ours()?;
    let new = person.ask_hidden("New password of admin (not shown): ")?;
    if let Some(problem) = password_problem(&new) {
        bail!("{problem}");
    }
    if person.ask_hidden("The same again: ")? != new {
        bail!("the two differ: nothing was changed");
    }
    let hash: PasswordHash = Argon2::default()
        .hash_password(new.as_bytes())
        .map_err(|e| anyhow::anyhow!("the password cannot be hashed: {e}"))?;
    let place = identity(&ours, true)?;
    let recovery = Recovery {
        at_s: now_s(),
        hash: hash.to_string(),
    };
    password::note(&Identity::writable(place.path()), &recovery)?;
    person.say("The new password holds from the next start on: choose 5.\n");
    Ok(())
}

/// Tells about the box.
pub(crate) fn show(person: &mut Person<'_>) -> Result<()> {
    let mut lines = Vec::new();
    let ours = ours();
    let place = ours.as_ref().ok().and_then(|ours| identity(ours, false).ok());
    lines.extend(state::serial_numbers(Path::new(SYS), place.as_ref().map(Place::path)));
    match &ours {
        Err(error) => lines.push(format!("disk: {error}")),
        Ok(ours) => {
            lines.push(format!("disk: {}", ours.esp.disk));
            lines.extend(slots(ours)?);
        }
    }
    match &place {
        None => lines.push("identity: its partition cannot be read".to_owned()),
        Some(place) => {
            let floor = std::fs::read_to_string(place.path().join("version-floor")).unwrap_or_default();
            let floor = if floor.trim().is_empty() { "none" } else { floor.trim() };
            lines.push(format!("lowest version that may be installed: {floor}"));
            if reset::waits(place.path()) {
                lines.push("a factory reset waits for the next start".to_owned());
            }
            let book = reset::book(place.path());
            lines.push(format!("factory resets: {}", book.count));
        }
    }
    person.say(&format!("{}\n", lines.join("\n")));
    Ok(())
}

fn slots(ours: &Ours) -> Result<Vec<String>> {
    let mounted = Mounted::of(&ours.esp.device())?;
    let esp = mounted.listing()?;
    let line = |slot: Slot| {
        let file = esp.kernel(slot).map(|entry| folder().join(entry.to_string()));
        let version = file.as_deref().and_then(state::version);
        state::slot(&esp, slot, version.as_deref())
    };
    Ok(Slot::ALL.into_iter().map(line).collect())
}

/// Gives slots that are out of tries new ones; whether one may start then.
pub(crate) fn try_again() -> Result<bool> {
    let ours = ours()?;
    change(&ours, None, |esp| Ok(esp.retry()))?;
    let esp = Mounted::of(&ours.esp.device())?.listing()?;
    Ok(Slot::ALL.into_iter().any(|slot| esp.good(slot)))
}
