//! What the field does to a box: a full disk, a damaged one, a power cut.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

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
    storage.get("oldest_window")?.as_u64()
}

fn frames(links: &Value) -> Option<u64> {
    links.pointer("/0/second/frames/total/packets")?.as_u64()
}

fn full(image: &Path, dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let disk = dir.join("full.img");
    let data = prepare_disk(image, &disk, 256 << 20)?;
    // a file system as the first boot makes it, with one file that leaves no room
    let tree = dir.join("tree");
    std::fs::create_dir_all(&tree)?;
    std::fs::write(tree.join("filler"), "")?;
    let size = format!("{}k", data.bytes / 1024);
    let part = dir.join("data.img");
    let _ = std::fs::remove_file(&part);
    exec(
        Command::new("mke2fs")
            .args(["-q", "-t", "ext4", "-b", "4096", "-m", "0", "-d"])
            .arg(&tree)
            .arg(&part)
            .arg(&size),
    )?;
    fill(&part)?;
    copy_into(&part, &disk, data.start)?;
    live_and_troubled(image, dir, &disk)
}

/// Grows the file `filler` inside an ext4 image until it has no room left for anything else.
fn fill(part: &Path) -> Result<()> {
    let text = output(
        Command::new("dumpe2fs")
            .arg("-h")
            .arg(part)
            .stderr(std::process::Stdio::null()),
    )?;
    let free = text
        .lines()
        .find_map(|line| line.strip_prefix("Free blocks:")?.trim().parse::<u64>().ok());
    // a few blocks stay, for the extents of the filler itself
    let blocks = free.context("dumpe2fs tells no free blocks")?.saturating_sub(24);
    for request in [
        format!("fallocate filler 0 {}", blocks - 1),
        format!("set_inode_field filler size {}", blocks * 4096),
    ] {
        exec(Command::new("debugfs").args(["-w", "-R", &request]).arg(part))?;
    }
    Ok(())
}

fn damaged(image: &Path, dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    let disk = dir.join("damaged.img");
    let data = prepare_disk(image, &disk, 256 << 20)?;
    // looks like ext4 to every probe, and cannot be mounted or repaired
    let part = dir.join("data.img");
    let _ = std::fs::remove_file(&part);
    exec(
        Command::new("mke2fs")
            .args(["-q", "-t", "ext4", "-b", "4096"])
            .arg(&part)
            .arg(format!("{}k", data.bytes / 1024)),
    )?;
    let mut file = std::fs::File::options().write(true).open(&part)?;
    for place in (4096..data.bytes.saturating_sub(65_536)).step_by(1 << 20) {
        file.seek(SeekFrom::Start(place))?;
        file.write_all(&[0xa5; 65_536])?;
    }
    drop(file);
    copy_into(&part, &disk, data.start)?;
    live_and_troubled(image, dir, &disk)
}

/// Boots, sets up, and expects live traffic and a trouble that is said in words.
fn live_and_troubled(image: &Path, dir: &Path, disk: &Path) -> Result<()> {
    let mut guest: Guest = Machine::new(image, dir).disk(disk).start()?;
    let (session, code) = first_boot(&mut guest)?;
    session.set_up(&code)?;
    let _replay = Playback::start(&guest, 0, &office())?;
    session
        .wait_for("links", SOON, |links| frames(links).filter(|n| *n > 0))
        .context("live traffic")?;
    session
        .wait_for("system", SOON, |system| {
            let own = system.get("troubles")?.as_array()?;
            own.iter()
                .any(|trouble| trouble.as_str().is_some_and(|text| text.contains("/data")))
                .then_some(())
        })
        .context("a trouble that names /data")
}

/// Where the data partition lies on a disk.
struct Partition {
    start: u64,
    bytes: u64,
}

/// Copies the image and grows its last partition by `extra` octets, as the first boot does.
fn prepare_disk(image: &Path, disk: &Path, extra: u64) -> Result<Partition> {
    let _ = std::fs::remove_file(disk);
    exec(Command::new("cp").arg("--sparse=always").arg(image).arg(disk))?;
    let file = std::fs::File::options().write(true).open(disk)?;
    file.set_len(file.metadata()?.len() + extra)?;
    drop(file);
    exec(
        Command::new("sfdisk")
            .args(["-q", "--relocate", "gpt-bak-std"])
            .arg(disk),
    )?;
    exec(
        Command::new("sh")
            .arg("-c")
            .arg(format!("echo ', +' | sfdisk -q -N 4 {}", disk.display())),
    )?;
    let text = output(Command::new("sfdisk").args(["--json"]).arg(disk))?;
    let table: Value = serde_json::from_str(&text)?;
    let field = |name: &str| {
        table
            .pointer(&format!("/partitiontable/partitions/3/{name}"))
            .and_then(Value::as_u64)
    };
    let (start, size) = field("start")
        .zip(field("size"))
        .context("the disk has no fourth partition")?;
    Ok(Partition {
        start: start * 512,
        bytes: size * 512,
    })
}

fn copy_into(part: &Path, disk: &Path, start: u64) -> Result<()> {
    let (from, to) = (format!("if={}", part.display()), format!("of={}", disk.display()));
    exec(
        Command::new("dd")
            .args([
                from.as_str(),
                to.as_str(),
                "bs=1M",
                "conv=notrunc,sparse",
                "oflag=seek_bytes",
                "status=none",
            ])
            .arg(format!("seek={start}")),
    )
}
