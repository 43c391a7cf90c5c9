//! USB sticks as files: good, foreign and broken ones.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::step::exec;

const MIB: u64 = 1 << 20;

/// Four sticks: one with a vfat and an exfat partition, one with ext4, one that is broken, one with a CD's image.
pub(super) fn make(dir: &Path, bundle: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(dir)?;
    Ok(vec![
        parted(&dir.join("parted.img"), bundle)?,
        foreign(dir, "foreign", false)?,
        foreign(dir, "broken", true)?,
        image_of_a_cd(dir)?,
    ])
}

fn file_of(path: &Path, octets: u64) -> Result<File> {
    let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
    file.set_len(octets)?;
    Ok(file)
}

/// A partition table with vfat, which has the bundle, and exfat.
fn parted(path: &Path, bundle: &Path) -> Result<PathBuf> {
    let vfat = (fs::metadata(bundle)?.len() / MIB + 40) * MIB;
    let exfat = 16 * MIB;
    let mut disk = file_of(path, MIB + vfat + exfat)?;
    let sectors = |octets: u64| octets / 512;
    let table = format!(
        "label: dos\nstart={},size={},type=c\nstart={},size={},type=7\n",
        sectors(MIB),
        sectors(vfat),
        sectors(MIB + vfat),
        sectors(exfat)
    );
    let mut sfdisk = Command::new("sfdisk")
        .arg("--quiet")
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot start sfdisk")?;
    sfdisk
        .stdin
        .take()
        .context("sfdisk has no input")?
        .write_all(table.as_bytes())?;
    ensure!(sfdisk.wait()?.success(), "sfdisk failed");
    let place = format!("{}@@{MIB}", path.display());
    exec(Command::new("mformat").args(["-i", &place, "-F", "-T", &sectors(vfat).to_string(), "::"]))?;
    for name in ["::/next.raucb", "::/notes.txt", "::/.hidden.raucb"] {
        let from = if name.ends_with("next.raucb") {
            bundle.to_owned()
        } else {
            let small = path.with_extension("small");
            fs::write(&small, "small")?;
            small
        };
        exec(Command::new("mcopy").args(["-i", &place]).arg(from).arg(name))?;
    }
    let part = path.with_extension("exfat");
    drop(file_of(&part, exfat)?);
    exec(Command::new("mkfs.exfat").arg(&part).stdout(Stdio::null()))?;
    disk.seek(SeekFrom::Start(MIB + vfat))?;
    disk.write_all(&fs::read(&part)?)?;
    Ok(path.to_owned())
}

/// ext4 without a partition table, with all that a stick should not have. A broken one asks the kernel to stop the
/// machine at the first error, and has errors.
fn foreign(dir: &Path, name: &str, broken: bool) -> Result<PathBuf> {
    let from = dir.join(format!("{name}.d"));
    fs::create_dir_all(from.join("folder.raucb"))?;
    fs::write(from.join("garbage.raucb"), vec![0x5a; 100_000])?;
    fs::write(from.join("升级包 1.raucb"), "small")?;
    symlink("/data/settings/settings.json", from.join("link.raucb"))?;
    for strange in ["a\u{1b}[2J.raucb", "rtl\u{202e}x.raucb", "a\nb.raucb"] {
        fs::write(from.join(strange), "small")?;
    }
    for number in 0..3_000 {
        fs::write(from.join(format!("{number}.txt")), "")?;
    }
    let image = dir.join(format!("{name}.img"));
    drop(file_of(&image, 32 * MIB)?);
    let mut mke2fs = Command::new("mke2fs");
    mke2fs.args(["-q", "-F", "-t", "ext4", "-b", "1024", "-N", "4096"]);
    exec(mke2fs.args(["-e", "panic", "-d"]).arg(&from).arg(&image))?;
    if broken {
        // The group descriptors, behind the superblock: the kernel must not believe them.
        let mut file = File::options().write(true).open(&image)?;
        file.seek(SeekFrom::Start(2_048))?;
        file.write_all(&[0xa5; 2_048])?;
    }
    Ok(image)
}

/// ISO 9660 with Joliet and Rock Ridge, as on a management controller's virtual CD.
fn image_of_a_cd(dir: &Path) -> Result<PathBuf> {
    let from = dir.join("cd.d");
    fs::create_dir_all(&from)?;
    fs::write(from.join("on-a-cd.raucb"), vec![1; 5_000])?;
    let image = dir.join("cd.iso");
    let mut xorriso = Command::new("xorriso");
    xorriso.args(["-as", "mkisofs", "-quiet", "-J", "-R", "-o"]);
    exec(xorriso.arg(&image).arg(&from))?;
    Ok(image)
}
