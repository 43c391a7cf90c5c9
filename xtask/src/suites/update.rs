//! Firmware updates of the booted image: what is refused, what becomes good, what rolls back.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::playback::{Playback, office};
use super::session::{BOOT_WITHIN, Session, first_boot};
use super::tally::Tally;
use crate::image::bundle::{self, Contents};
use crate::keys::{self, Keys};
use crate::qemu::{Guest, Machine};
use crate::rootfs::Release;

/// The versions after the current one: one that works, one without a console, one that raises the floor.
const NEXT: &str = "0.2.0";
const MUTE: &str = "0.3.0";
const RAISES: &str = "0.4.0";
/// A minute of probes on a machine that is emulated and shared.
const PROVED_WITHIN: Duration = Duration::from_secs(400);
const INSTALLED_WITHIN: Duration = Duration::from_secs(600);
const SHUT_DOWN_WITHIN: Duration = Duration::from_secs(180);
/// Five minutes of trial, the way back, and a minute of probes.
const ROLLED_BACK_WITHIN: Duration = Duration::from_secs(1_200);

/// Bundles that are refused, and an update that becomes good.
pub(super) fn run(tally: &mut Tally) -> Result<()> {
    let mut bench = Bench::start("update")?;
    let next = bundle::build(&Release::other(NEXT, None)?)?;
    // While the box still proves itself.
    refused(tally, &bench)?;
    tally.check(
        "the factory's version is marked good",
        bench.good(&bench.first.clone(), "a"),
    );
    tally.check(
        "an update installs, starts in the other slot and becomes good",
        bench.update(&next, NEXT, "b"),
    );
    let next = next.display().to_string();
    super::browser::play(tally, &bench.session, "firmware.mjs", &[("SPANWATCH_BUNDLE", &next)])?;
    tally.check("the box shuts down in order", bench.guest.shut_down(SHUT_DOWN_WITHIN));
    Ok(())
}

/// The way back to the version before, and the floor that ends it.
pub(super) fn back(tally: &mut Tally) -> Result<()> {
    let mut bench = Bench::start("update-back")?;
    let (first, version) = (bundle::build(&Release::current()?)?, bench.first.clone());
    let next = bundle::build(&Release::other(NEXT, None)?)?;
    let raises = bundle::build(&Release::other(RAISES, Some(NEXT))?)?;
    tally.check("N-1 is marked good", bench.good(&version, "a"));
    tally.check(
        "one bit flipped in the middle: the installation fails, and nothing of it starts",
        bench.fails(&flipped(&next)?),
    );
    tally.check("N-1 is still good", bench.good(&version, "a"));
    tally.check("N-1 to N", bench.update(&next, NEXT, "b"));
    tally.check(
        "back to N-1, once that is confirmed",
        bench.update(&first, &version, "a"),
    );
    tally.check(
        "N-1 to N+1, which raises the floor to N",
        bench.update(&raises, RAISES, "b"),
    );
    tally.check("back to N", bench.update(&next, NEXT, "a"));
    tally.check(
        "below the floor: refused, whatever is confirmed",
        bench.refused(&first, "lowest that may be installed"),
    );
    Ok(())
}

/// Settings and records over an update, a trial that is given up, and the way back.
pub(super) fn chain(tally: &mut Tally) -> Result<()> {
    let mut bench = Bench::start("update-chain")?;
    let (first, version) = (bundle::build(&Release::current()?)?, bench.first.clone());
    let next = bundle::build(&Release::other(NEXT, None)?)?;
    let mute = bundle::build(&Release {
        without: Some("console"),
        ..Release::other(MUTE, None)?
    })?;
    let _office = Playback::start(&bench.guest, 0, &office())?;
    bench.session.cli("set hostname before")?;
    let mut flows = bench.flows(1)?;
    tally.check("N-1 is marked good", bench.good(&version, "a"));
    tally.check(
        "N-1 to N: settings and records are there",
        bench
            .update(&next, NEXT, "b")
            .and_then(|()| bench.serves("before", &mut flows)),
    );
    bench.session.cli("set hostname between")?;
    tally.check(
        "N+1 is given up: the settings of N are in force again, with the records from before and during the trial",
        bench.tries_in_vain(&mute, &mut flows),
    );
    tally.check("N is good again", bench.good(NEXT, "b"));
    tally.check(
        "back to N-1: settings and records of N are there",
        bench
            .update(&first, &version, "a")
            .and_then(|()| bench.serves("between", &mut flows)),
    );
    Ok(())
}

/// How long an update takes.
pub(super) struct Took {
    /// The bundle's octets.
    pub(super) octets: u64,
    /// From its first octet on the way until it is installed.
    pub(super) installed: Duration,
    /// The restart, until the new version's console answers.
    pub(super) restarted: Duration,
}

/// Measures an update by a bundle of about so many octets: its root has random octets behind it.
pub(super) fn measure(octets: u64) -> Result<Took> {
    let next = Release::other(NEXT, None)?;
    let plain = bundle::build(&next)?;
    let dir = crate::build_dir()?.join("bench/update-bundle");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir)?;
    let contents = Contents::of(&next);
    for name in ["root.img", "spanwatch-a.efi", "spanwatch-b.efi"] {
        std::fs::copy(contents.parts.join(name), dir.join(name))?;
    }
    let more = octets.saturating_sub(std::fs::metadata(&plain)?.len());
    let mut random = std::fs::File::open("/dev/urandom")?.take(more / 4096 * 4096);
    let mut root = std::fs::File::options().append(true).open(dir.join("root.img"))?;
    std::io::copy(&mut random, &mut root)?;
    let large = dir.join("large.raucb");
    let contents = Contents { parts: dir, ..contents };
    contents.pack(&Keys::get()?, "1700000000", &large)?;

    let mut bench = Bench::start("update-bench")?;
    bench.good(&bench.first.clone(), "a")?;
    let began = Instant::now();
    bench.session.cli_with_file("firmware receive", &large)?;
    bench.session.cli("firmware install")?;
    bench.session.wait_for("firmware", INSTALLED_WITHIN, |now| {
        (text(now, "/update/state") == "ready").then_some(())
    })?;
    let installed = began.elapsed();
    let (began, starts) = (Instant::now(), bench.guest.starts());
    let _ = bench.session.cli("firmware restart");
    bench.await_restart(starts)?;
    let restarted = began.elapsed();
    bench.good(NEXT, "b")?;
    Ok(Took {
        octets: std::fs::metadata(&large)?.len(),
        installed,
        restarted,
    })
}

/// A guest that is updated.
struct Bench {
    guest: Guest,
    session: Session,
    /// The version that it was flashed with.
    first: String,
}

impl Bench {
    fn start(name: &str) -> Result<Self> {
        let image = crate::image::build()?;
        let dir = crate::build_dir()?.join("test").join(name);
        let mut guest = Machine::new(image, &dir).cold_reboots().start()?;
        let (session, code) = first_boot(&mut guest)?;
        session.set_up(&code)?;
        Ok(Self {
            guest,
            session,
            first: Release::current()?.version,
        })
    }

    fn firmware(&self) -> Result<Value> {
        self.session.show("firmware")
    }

    /// Waits until this version runs in this slot and is good.
    fn good(&self, version: &str, slot: &str) -> Result<()> {
        self.session.wait_for("firmware", PROVED_WITHIN, |now| {
            let good = text(now, "/health/state") == "good" && text(now, "/update/state") == "idle";
            (good && text(now, "/version") == version && text(now, "/running") == slot).then_some(())
        })
    }

    /// Sends a bundle and has it installed, whatever must be confirmed; the box restarts.
    fn install(&self, bundle: &Path) -> Result<()> {
        let answer = self.session.cli_with_file("firmware receive | json", bundle)?;
        let answer: Value = serde_json::from_str(&answer).context("`firmware receive | json` printed no JSON")?;
        ensure!(
            text(&answer, "/update/state") == "verified",
            "it is not verified: {answer}"
        );
        if answer.pointer("/update/bundle/confirmations/0").is_some() {
            self.session.cli_refused("firmware install")?;
        }
        self.session.cli("firmware install anyway")?;
        let state = self.session.wait_for("firmware", INSTALLED_WITHIN, |now| {
            let state = text(now, "/update/state");
            (state != "installing").then(|| now.clone())
        })?;
        ensure!(text(&state, "/update/state") == "ready", "it is not installed: {state}");
        let _ = self.session.cli("firmware restart");
        Ok(())
    }

    fn update(&mut self, bundle: &Path, version: &str, slot: &str) -> Result<()> {
        let starts = self.guest.starts();
        self.install(bundle)?;
        self.await_restart(starts)?;
        self.good(version, slot)?;
        let now = self.firmware()?;
        ensure!(
            text(&now, "/last/result/kind") == "good",
            "how it ended is not told: {now}"
        );
        Ok(())
    }

    /// Waits until the box has started once more than so often, and its console answers.
    fn await_restart(&mut self, starts: usize) -> Result<()> {
        let again = |guest: &Guest| (guest.starts() > starts).then_some(());
        self.guest.poll("restart", SHUT_DOWN_WITHIN, again)?;
        self.guest.wait_for_https(BOOT_WITHIN).map(drop)
    }

    /// The number of the office's flows that a question finds, once there are so many.
    fn flows(&self, at_least: u64) -> Result<u64> {
        let question = "totals filter \"udp and dport 53\" last 1d";
        self.session.wait_for(question, BOOT_WITHIN, |answer| {
            let row = answer.get("rows")?.as_array()?.first()?;
            row.get("flows")?.as_u64().filter(|flows| *flows >= at_least)
        })
    }

    /// Expects this name among the settings, and as many flows as before.
    fn serves(&self, hostname: &str, flows: &mut u64) -> Result<()> {
        let settings = self.session.show("settings")?;
        ensure!(
            settings.to_string().contains(&format!("\"{hostname}\"")),
            "the settings are others: {settings}"
        );
        *flows = self.flows(*flows)?;
        Ok(())
    }

    /// A version that serves everything but its console: it is used while it is on trial, and given up.
    fn tries_in_vain(&mut self, bundle: &Path, flows: &mut u64) -> Result<()> {
        self.install(bundle)?;
        self.session.wait_for("firmware", BOOT_WITHIN, |now| {
            (text(now, "/update/state") == "trying").then_some(())
        })?;
        self.serves("between", flows)?;
        self.session.cli("set hostname trial")?;
        // Some that came during the trial.
        *flows = self.flows(*flows + 1)?;
        let last = self.session.wait_for("firmware", ROLLED_BACK_WITHIN, |now| {
            (text(now, "/last/version") == MUTE).then(|| now.clone())
        })?;
        ensure!(
            text(&last, "/last/result/kind") == "rolled_back",
            "it did not roll back: {last}"
        );
        let reason = last.pointer("/last/result/reason").cloned().unwrap_or_default();
        ensure!(text(&reason, "/kind") == "unhealthy", "the reason is {reason}");
        ensure!(
            text(&reason, "/detail").contains("login page"),
            "the reason is {reason}"
        );
        let words = self.session.cli("show firmware")?;
        ensure!(
            words.contains("a service did not work"),
            "the command line says: {words}"
        );
        self.serves("between", flows)?;
        let system = self.session.cli("show system")?;
        ensure!(
            system.contains("settings were changed while version"),
            "that the trial's settings are gone is not said: {system}"
        );
        Ok(())
    }

    /// Sends a bundle that must be refused with these words, and looks that nothing changed.
    fn refused(&self, bundle: &Path, words: &str) -> Result<()> {
        let said = self.session.cli_refused_with_file("firmware receive", bundle)?;
        ensure!(said.contains(words), "it is refused with other words: {said}");
        let now = self.firmware()?;
        ensure!(text(&now, "/update/state") == "idle", "it is kept: {now}");
        Ok(())
    }

    /// Sends a bundle whose damage shows when it is written: nothing of it starts.
    fn fails(&self, bundle: &Path) -> Result<()> {
        self.session.cli_with_file("firmware receive", bundle)?;
        self.session.cli("firmware install")?;
        let state = self.session.wait_for("firmware", INSTALLED_WITHIN, |now| {
            (text(now, "/update/state") != "installing").then(|| now.clone())
        })?;
        ensure!(
            text(&state, "/last/result/kind") == "failed",
            "it did not fail: {state}"
        );
        self.session.cli("firmware cancel")?;
        self.session.cli_refused("firmware restart")?;
        Ok(())
    }
}

/// A copy of a bundle with one bit flipped in its middle.
fn flipped(bundle: &Path) -> Result<PathBuf> {
    let mut bytes = std::fs::read(bundle)?;
    let middle = bytes.len() / 2;
    if let Some(octet) = bytes.get_mut(middle) {
        *octet ^= 0x10;
    }
    let path = crate::build_dir()?.join("test/flipped.raucb");
    std::fs::write(&path, bytes)?;
    Ok(path)
}

fn refused(tally: &mut Tally, bench: &Bench) -> Result<()> {
    let dir = crate::build_dir()?.join("test/bundles");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir)?;
    let ours = Keys::get()?;
    let other = dir.join("keys");
    keys::make(&other)?;
    // Small ones: what is refused is refused before its contents are read.
    let parts = dir.join("parts");
    std::fs::create_dir_all(&parts)?;
    for (name, octets) in [
        ("root.img", 1_u32 << 20),
        ("spanwatch-a.efi", 4096),
        ("spanwatch-b.efi", 4096),
    ] {
        // Octets that cannot be packed: a bundle has to have a size.
        let mixed = (0..octets).map(|at| at.wrapping_mul(0x9e37_79b9).to_be_bytes()[1]);
        std::fs::write(parts.join(name), mixed.collect::<Vec<u8>>())?;
    }
    let contents = Contents {
        parts,
        ..Contents::of(&Release::other(NEXT, None)?)
    };
    let pack = |name: &str, contents: &Contents, keys: &Keys| -> Result<PathBuf> {
        let path = dir.join(format!("{name}.raucb"));
        contents.pack(keys, "1700000000", &path)?;
        Ok(path)
    };
    let bytes = std::fs::read(pack("whole", &contents, &ours)?)?;
    let damaged = |name: &str, bytes: &[u8]| -> Result<PathBuf> {
        let path = dir.join(format!("{name}.raucb"));
        std::fs::write(&path, bytes)?;
        Ok(path)
    };
    // The last eight octets are the length of the signature before them.
    let signature = bytes
        .len()
        .checked_sub(8)
        .and_then(|at| bytes.get(at..))
        .context("the bundle is too short")?;
    let length = usize::try_from(u64::from_be_bytes(signature.try_into()?))?;
    let unsigned = bytes
        .len()
        .checked_sub(8 + length)
        .and_then(|end| bytes.get(..end))
        .context("no signature")?;

    tally.check(
        "no signature: refused",
        bench.refused(&damaged("unsigned", unsigned)?, "refused"),
    );
    tally.check(
        "another authority: refused",
        bench.refused(
            &pack("other-ca", &contents, &Keys::of(&other))?,
            "signature verification failed",
        ),
    );
    tally.check("a signer that had expired: refused", {
        let expired = expired(&dir)?;
        bench.refused(&pack("expired", &contents, &expired)?, "signature verification failed")
    });
    let wrong = Contents {
        compatible: "spanwatch-other".to_owned(),
        ..contents.clone()
    };
    tally.check(
        "another board: refused",
        bench.refused(&pack("board", &wrong, &ours)?, "for this model"),
    );
    let plain = Contents {
        format: "plain",
        ..contents.clone()
    };
    tally.check(
        "plain format: refused",
        bench.refused(&pack("plain", &plain, &ours)?, "refused"),
    );
    let below = Contents {
        version: "0.0.9".to_owned(),
        ..contents.clone()
    };
    tally.check(
        "below the floor: refused",
        bench.refused(&pack("below", &below, &ours)?, "lowest that may be installed"),
    );
    tally.check(
        "truncated: refused",
        bench.refused(
            &damaged("truncated", bytes.get(..bytes.len() / 2).unwrap_or_default())?,
            "refused",
        ),
    );
    Ok(())
}

/// Our own authority with a signer whose time is over.
fn expired(dir: &Path) -> Result<Keys> {
    let from = Keys::get()?;
    let source = from
        .bundle_ca
        .parent()
        .context("the authority's certificate has no folder")?;
    let copy = dir.join("expired-keys");
    std::fs::create_dir_all(&copy)?;
    for entry in std::fs::read_dir(source)?.flatten() {
        std::fs::copy(entry.path(), copy.join(entry.file_name()))?;
    }
    keys::signer(&copy, "bundle", ("20200101000000Z", "20210101000000Z"))?;
    Ok(Keys::of(&copy))
}

fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
