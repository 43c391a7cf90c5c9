//! The power fails in every phase of an update, and what was not flushed is lost: the box starts a good slot, and has
//! every record that it showed.
//!
//! One update is recorded, with every write and every flush of its disk. Then the disk is made anew as it was at many
//! moments, each time with other writes lost, and looked at; some of these disks are started.

mod cut;
mod nbd;
mod proof;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::disk::Partition;
use super::playback::{Playback, office};
use super::session::{BOOT_WITHIN, Session, first_boot};
use super::tally::Tally;
use crate::image::bundle;
use crate::qemu::Machine;
use crate::rootfs::Release;
use crate::step::{exec, human};
use cut::{Chance, Cut, Disks, Lost};
use nbd::{Event, Recording};
use proof::Expected;

const NEXT: &str = "0.2.0";
/// Flows of the office that is played all the time.
const OFFICE: &str = "udp and dport 53";
/// Moments of each phase.
const CUTS: usize = 24;
/// How many of all disks are started, unless `SPANWATCH_KILL_BOOTS` says another number.
const BOOTS: usize = 12;
/// How many disks that failed are left for a look.
const KEPT: usize = 4;
/// The disk is small, so that many copies of it are quick.
const DISK: u64 = 1200 << 20;
const SOON: Duration = Duration::from_secs(120);
const INSTALLED_WITHIN: Duration = Duration::from_secs(900);
const PROVED_WITHIN: Duration = Duration::from_secs(600);

/// A hundred power cuts and more.
pub(super) fn run(tally: &mut Tally) -> Result<()> {
    let dir = crate::build_dir()?.join("test/kills");
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir)?;
    let taken = record(&dir)?;
    let seed = match std::env::var("SPANWATCH_SEED") {
        Ok(text) => text.parse().context("SPANWATCH_SEED is no number")?,
        Err(_) => std::time::UNIX_EPOCH.elapsed()?.as_secs(),
    };
    eprintln!("    seed {seed} (SPANWATCH_SEED)");
    let cuts = taken.cuts(&mut Chance(seed));
    let boots = match std::env::var("SPANWATCH_KILL_BOOTS") {
        Ok(text) => text.parse().context("SPANWATCH_KILL_BOOTS is no number")?,
        Err(_) => BOOTS,
    };
    let reader = crate::programs::build()?.join("spanwatch");
    let expected = Expected::of(&Release::current()?, &Release::other(NEXT, None)?, &taken.first, reader)?;
    let every = cuts.len().div_ceil(boots.max(1)).max(1);
    let mut disks = Disks::new(&taken.recording, &taken.first);
    let mut table = Table::default();
    let disk = dir.join("cut.img");
    let mut kept = 0;
    for (number, cut) in cuts.iter().enumerate() {
        let what = format!(
            "power cut {} of {} ({}, event {})",
            number + 1,
            cuts.len(),
            cut.phase,
            cut.at
        );
        let flows = taken.shown(cut.at);
        let made = disks.make(cut, &disk)?;
        let looked = expected.check(&disk, flows, &dir.join("scratch"));
        table.looked(cut, made, looked.is_ok());
        let looked = looked.with_context(|| format!("seed {}", cut.seed)).map(drop);
        if looked.is_err() && kept < KEPT {
            kept += 1;
            let failed = dir.join(format!("failed-{}.img", number + 1));
            exec(Command::new("cp").arg("--sparse=always").arg(&disk).arg(failed))?;
        }
        if number % every == every / 2 {
            let began = Instant::now();
            let started = starts(&dir, &disk, flows).with_context(|| format!("seed {}", cut.seed));
            table.started(cut, started.is_ok());
            tally.check(&format!("{what}: it starts, in {}", human(began.elapsed())), started);
        }
        tally.check(&what, looked);
    }
    table.print();
    Ok(())
}

/// A recorded update.
struct Taken {
    recording: Arc<Recording>,
    /// The disk before.
    first: PathBuf,
    /// Each phase's name and where it begins; the last entry ends the last phase.
    phases: Vec<(&'static str, usize)>,
    /// How many flows a question found, and how many events there were then.
    shown: Vec<(usize, u64)>,
    esp: Partition,
}

impl Taken {
    /// What was shown of the office's flows before an event.
    fn shown(&self, at: usize) -> u64 {
        let before = self.shown.iter().filter(|(when, _)| *when <= at);
        before.map(|(_, flows)| *flows).max().unwrap_or(0)
    }

    /// Moments of every phase, half of them close to a change of the boot partition where there is one.
    fn cuts(&self, chance: &mut Chance) -> Vec<Cut> {
        let events = self.recording.events();
        let esp = |event: &Event| match event {
            Event::Write { at, .. } => (self.esp.start..self.esp.start + self.esp.bytes).contains(at),
            Event::Flush => false,
        };
        let mut cuts = Vec::new();
        for (phase, end) in self.phases.iter().zip(self.phases.iter().skip(1)) {
            let (from, to) = (phase.1, end.1.max(phase.1 + 1));
            let near: Vec<usize> = (from..to)
                .filter(|at| {
                    let around = events.get(at.saturating_sub(3)..(at + 3).min(events.len()));
                    around.is_some_and(|around| around.iter().any(esp))
                })
                .collect();
            let mut chosen = BTreeSet::new();
            for draw in 0..CUTS * 20 {
                if chosen.len() == CUTS.min(to - from) {
                    break;
                }
                let at = match near.get(chance.below(near.len())) {
                    Some(at) if draw % 2 == 0 => *at,
                    _ => from + chance.below(to - from),
                };
                chosen.insert(at + 1);
            }
            cuts.extend(chosen.into_iter().map(|at| Cut {
                at: at.min(events.len()),
                phase: phase.0,
                seed: chance.next(),
            }));
        }
        cuts
    }
}

/// Plays an update from its first octet to its mark, and records the disk.
fn record(dir: &Path) -> Result<Taken> {
    let image = crate::image::build()?;
    let bundle = bundle::build(&Release::other(NEXT, None)?)?;
    let (first, disk) = (dir.join("first.img"), dir.join("recorded.img"));
    for copy in [&first, &disk] {
        exec(Command::new("cp").arg("--sparse=always").arg(&image).arg(copy))?;
        std::fs::File::options().write(true).open(copy)?.set_len(DISK)?;
    }
    let recording = Recording::start(&disk, &dir.join("octets"), &dir.join("disk.sock"))?;
    let machine = Machine::new(&image, dir)
        .disk(&disk)
        .drive(recording.address())
        .cold_reboots();
    let mut guest = machine.start()?;
    let (session, code) = first_boot(&mut guest)?;
    session.set_up(&code)?;
    session.cli("set hostname cut-proof")?;
    let _office = Playback::start(&guest, 0, &office())?;
    session.wait_for(&question(), SOON, |answer| flows(answer).filter(|flows| *flows > 0))?;
    session.wait_for("firmware", PROVED_WITHIN, |now| state(now, "/health/state", "good"))?;

    let asking = Asking::start(&session, &recording);
    let mut phases = vec![("receive", recording.len())];
    session.cli_with_file("firmware receive | json", &bundle)?;
    phases.push(("write", recording.len()));
    session.cli("firmware install")?;
    session.wait_for("firmware", INSTALLED_WITHIN, |now| state(now, "/update/state", "ready"))?;
    phases.push(("first boot", recording.len()));
    let starts = guest.starts();
    let _ = session.cli("firmware restart");
    guest.poll("restart", SOON, |guest| (guest.starts() > starts).then_some(()))?;
    guest.wait_for_https(BOOT_WITHIN)?;
    phases.push(("mark-good", recording.len()));
    session.wait_for("firmware", PROVED_WITHIN, |now| {
        let good = state(now, "/health/state", "good").and(state(now, "/update/state", "idle"));
        good.and(state(now, "/version", NEXT))
    })?;
    // What the last changes leave in the machine's memory is part of the phase.
    std::thread::sleep(Duration::from_secs(5));
    phases.push(("", recording.len()));
    let shown = asking.end();
    guest.kill()?;
    ensure!(shown.len() > 5, "the records were asked for {} times only", shown.len());
    let esp = Partition::named(&first, "spanwatch-esp")?;
    let mut taken = Taken {
        recording,
        first,
        phases,
        shown,
        esp,
    };
    taken.split_the_switch()?;
    Ok(taken)
}

impl Taken {
    /// The boot loader is switched from the first change of its partition on, once the root is written.
    fn split_the_switch(&mut self) -> Result<()> {
        let root = Partition::named(&self.first, "spanwatch-root-b")?;
        let inside = |event: &Event, place: &Partition| match event {
            Event::Write { at, .. } => (place.start..place.start + place.bytes).contains(at),
            Event::Flush => false,
        };
        let events = self.recording.events();
        let place = self
            .phases
            .iter()
            .position(|(name, _)| *name == "first boot")
            .context("no first boot")?;
        let end = self.phases.get(place).map_or(0, |phase| phase.1);
        let written = events.get(..end).unwrap_or_default();
        let last = written
            .iter()
            .rposition(|event| inside(event, &root))
            .context("the root was never written")?;
        let rest = written.get(last..).unwrap_or_default();
        let switch = rest
            .iter()
            .position(|event| inside(event, &self.esp))
            .context("the boot partition was never written")?;
        self.phases.insert(place, ("switch", last + switch));
        Ok(())
    }
}

/// Asks for the office's flows again and again, and remembers what was shown when.
struct Asking {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Vec<(usize, u64)>>,
}

impl Asking {
    fn start(session: &Session, recording: &Arc<Recording>) -> Self {
        let (session, recording) = (session.clone(), recording.clone());
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut shown = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                // While the box restarts there is no answer.
                if let Some(flows) = session.show(&question()).ok().as_ref().and_then(flows) {
                    shown.push((recording.len(), flows));
                }
                std::thread::sleep(Duration::from_secs(4));
            }
            shown
        });
        Self { stop, thread }
    }

    fn end(self) -> Vec<(usize, u64)> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}

/// Starts a disk as the power cut left it: it must come up, have its settings and records, and become good.
fn starts(dir: &Path, disk: &Path, shown: u64) -> Result<()> {
    let _ = std::fs::remove_file(disk.with_extension("vars.fd"));
    let image = crate::image::build()?;
    let mut guest = Machine::new(image, dir.join("started"))
        .disk(disk)
        .cold_reboots()
        .start()?;
    guest.wait_for_https(2 * BOOT_WITHIN)?;
    let session = Session::forwarded(guest.forwards()?);
    session.wait_for("firmware", PROVED_WITHIN, |now| {
        let idle = state(now, "/update/state", "idle").or(state(now, "/update/state", "ready"));
        state(now, "/health/state", "good").and(idle)
    })?;
    let settings = session.show("settings")?;
    ensure!(
        settings.to_string().contains("cut-proof"),
        "the settings are gone: {settings}"
    );
    let found = session.wait_for(&question(), SOON, flows)?;
    ensure!(found >= shown, "{found} flows are left of {shown} that were shown");
    guest.kill()
}

fn question() -> String {
    format!("totals filter \"{OFFICE}\" last 1d")
}

/// How many flows an answer counts.
fn flows(answer: &Value) -> Option<u64> {
    answer.get("rows")?.as_array()?.first()?.get("flows")?.as_u64()
}

fn state(now: &Value, pointer: &str, wanted: &str) -> Option<()> {
    (now.pointer(pointer)?.as_str()? == wanted).then_some(())
}

/// What came of the cuts, by phase.
#[derive(Default)]
struct Table {
    rows: Vec<(&'static str, Row)>,
}

#[derive(Default)]
struct Row {
    cuts: usize,
    pending: usize,
    lost: usize,
    torn: usize,
    good: usize,
    started: usize,
    started_good: usize,
}

impl Table {
    fn row(&mut self, phase: &'static str) -> &mut Row {
        let place = match self.rows.iter().position(|(name, _)| *name == phase) {
            Some(place) => place,
            None => {
                self.rows.push((phase, Row::default()));
                self.rows.len() - 1
            }
        };
        &mut self.rows[place].1
    }

    fn looked(&mut self, cut: &Cut, made: Lost, good: bool) {
        let row = self.row(cut.phase);
        row.cuts += 1;
        row.pending += made.pending;
        row.lost += made.lost;
        row.torn += made.torn;
        row.good += usize::from(good);
    }

    fn started(&mut self, cut: &Cut, good: bool) {
        let row = self.row(cut.phase);
        row.started += 1;
        row.started_good += usize::from(good);
    }

    fn print(&self) {
        println!(
            "\n{:<12} {:>5} {:>10} {:>6} {:>6} {:>6} {:>8} {:>6}",
            "phase", "cuts", "unflushed", "lost", "torn", "good", "started", "good"
        );
        for (phase, row) in &self.rows {
            println!(
                "{phase:<12} {:>5} {:>10} {:>6} {:>6} {:>6} {:>8} {:>6}",
                row.cuts, row.pending, row.lost, row.torn, row.good, row.started, row.started_good
            );
        }
    }
}
