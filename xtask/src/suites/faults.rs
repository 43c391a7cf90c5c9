//! What the field does to a box: a full disk, a damaged one, a power cut.

use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::disk::Partition;
use super::playback::{Playback, office};
use super::session::{BOOT_WITHIN, Session, first_boot};
use super::tally::Tally;
use crate::qemu::{Guest, Machine};
use crate::step::{exec, output};

const SOON: Duration = Duration::from_secs(120);

/// A power cut, a full /data, a damaged /data.
pub(super) fn run(tally: &mut Tally) -> Result<()> {
    let image = crate::image::build()?;
    let dir = crate::build_dir()?.join("test/faults");
    tally.check(
        "a power cut keeps the set-up, the settings and the windows",
        power_cut(&image, &dir.join("cut"), 1),
    );
    tally.check(
        "a full /data: live traffic goes on, and the state is shown",
        full(&image, &dir.join("full")),
    );
    tally.check(
        "a damaged /data: the box boots, and the state is shown",
        damaged(&image, &dir.join("damaged")),
    );
    Ok(())
}

/// Power cuts at many moments.
pub(super) fn power(tally: &mut Tally) -> Result<()> {
    let image = crate::image::build()?;
    let dir = crate::build_dir()?.join("test/power");
    tally.check("ten power cuts in a row", power_cut(&image, &dir, 10));
    Ok(())
}

fn power_cut(image: &Path, dir: &Path, times: u32) -> Result<()> {
    let disk = dir.join("kept.img");
    let _ = std::fs::remove_file(&disk);
    let machine = || Machine::new(image, dir).disk(&disk);
    let mut guest = machine().start()?;
    let (session, code) = first_boot(&mut guest)?;
    session.set_up(&code)?;
    session.cli("set hostname cut-proof")?;
    for cut in 0..times {
        let session = Session::forwarded(guest.forwards()?);
        let replay = Playback::start(&guest, 0, &office())?;
        session.wait_for("links", SOON, |links| frames(links).filter(|n| *n > 0))?;
        // moments that differ: windows and records are being written all the time
        std::thread::sleep(Duration::from_millis(3_000 + u64::from(cut) * 1_370 % 5_000));
        let records = stored(&session)?;
        drop(replay);
        guest.kill()?;
        guest = machine().start()?;
        guest
            .wait_for_https(BOOT_WITHIN)
            .with_context(|| format!("boot after power cut {}", cut + 1))?;
        let session = Session::forwarded(guest.forwards()?);
        let now = session
            .wait_for("storage", SOON, oldest)
            .context("windows after the power cut")?;
        ensure!(
            now <= records,
            "windows from before the power cut are gone: the oldest is {now}, it was {records}"
        );
        let name = session.show("settings")?;
        ensure!(name.to_string().contains("cut-proof"), "the settings are gone: {name}");
    }
    Ok(())
}

/// The start of the oldest window that the analyzer keeps.
fn stored(session: &Session) -> Result<u64> {
    session.wait_for("storage", SOON, oldest)
}

fn oldest(storage: &Value) -> Option<u64> {
    storage.pointer("/status/oldest_window")?.as_u64()
}

fn frames(links: &Value) -> Option<u64> {
    links.pointer("/0/second/frames/total/packets")?.as_u64()
}

fn full(image: &Path, dir: &Path) -> Result<()> {
    let disk = used_disk(image, dir)?;
    let file_system = {
        let data = Partition::named(&disk, "spanwatch-data")?;
        // as e2fsprogs name a file system inside a file
        format!("{}?offset={}", disk.display(), data.start)
    };
    let text = output(
        Command::new("dumpe2fs")
            .args(["-h", &file_system])
            .stderr(Stdio::null()),
    )?;
    let blocks = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok())
    };
    let (free, reserved) = blocks("Free blocks:")
        .zip(blocks("Reserved block count:"))
        .context("dumpe2fs tells no free blocks")?;
    // what is reserved for root stays, as when a program of ours has filled the disk
    let filler = free.saturating_sub(reserved + 64);
    let empty = dir.join("empty");
    std::fs::write(&empty, "")?;
    for request in [
        format!("write {} filler", empty.display()),
        format!("fallocate filler 0 {}", filler - 1),
        format!("set_inode_field filler size {}", filler * 4096),
    ] {
        exec(
            Command::new("debugfs")
                .args(["-w", "-R", &request, &file_system])
                .stderr(Stdio::null()),
        )?;
    }
    let mut guest = Machine::new(image, dir).disk(&disk).start()?;
    guest.wait_for_https(BOOT_WITHIN)?;
    live_and_troubled(&guest, "data partition is full")?;
    let bundle = dir.join("bundle");
    std::fs::write(&bundle, "whatever it is")?;
    let said = Session::forwarded(guest.forwards()?).cli_refused_with_file("firmware receive", &bundle)?;
    ensure!(
        said.contains("are free for it"),
        "a bundle finds room on a full /data: {said}"
    );
    Ok(())
}

fn damaged(image: &Path, dir: &Path) -> Result<()> {
    let disk = used_disk(image, dir)?;
    let data = Partition::named(&disk, "spanwatch-data")?;
    // the superblock stays, so that it looks like a file system; what it leads to is gone
    let mut file = std::fs::File::options().write(true).open(&disk)?;
    for place in (4096..data.bytes.saturating_sub(1 << 20)).step_by(1 << 20).take(600) {
        file.seek(SeekFrom::Start(data.start + place))?;
        file.write_all(&[0xa5; 256 << 10])?;
    }
    drop(file);
    let mut guest = Machine::new(image, dir).disk(&disk).start()?;
    // accounts and settings are gone with the partition: the box asks for the set-up again
    let (session, code) = first_boot(&mut guest)?;
    session.set_up(&code)?;
    live_and_troubled(&guest, "missing or damaged")
}

/// A disk that the box has set up and used, and shut down in order.
fn used_disk(image: &Path, dir: &Path) -> Result<PathBuf> {
    let disk = dir.join("used.img");
    let _ = std::fs::remove_file(&disk);
    let mut guest = Machine::new(image, dir).disk(&disk).disk_size(1 << 30).start()?;
    let (session, code) = first_boot(&mut guest)?;
    session.set_up(&code)?;
    guest.shut_down(Duration::from_secs(120))?;
    Ok(disk)
}

/// Expects live traffic and a trouble that is said in words.
fn live_and_troubled(guest: &Guest, trouble: &str) -> Result<()> {
    let session = Session::forwarded(guest.forwards()?);
    let _replay = Playback::start(guest, 0, &office())?;
    session
        .wait_for("links", SOON, |links| frames(links).filter(|n| *n > 0))
        .context("live traffic")?;
    session
        .wait_for("system", SOON, |system| {
            let troubles = system.get("troubles")?.as_array()?;
            troubles
                .iter()
                .any(|text| text.as_str().is_some_and(|text| text.contains(trouble)))
                .then_some(())
        })
        .with_context(|| format!("a trouble with the words {trouble:?}"))
}
