//! Prepares the data partition before it is mounted: makes the file system of a blank one, mends
//! that of a used one, and leaves alone what it does not know. systemd mounts it afterwards.

mod contents;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use contents::{Contents, HEAD};

/// Why the data partition cannot be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    /// It holds something, and no ext4 file system can be seen in it.
    #[error(
        "{0} is not blank and holds no ext4 file system that can be recognised; it is left as it is: \
         have it repaired, or do a factory reset to start with an empty one"
    )]
    Unknown(PathBuf),
    /// The file system check could not mend everything.
    #[error(
        "{device} is damaged beyond what e2fsck mends by itself (exit {code}): have it repaired, or do a factory reset"
    )]
    Damaged {
        /// The partition.
        device: PathBuf,
        /// What e2fsck ended with, see e2fsck(8).
        code: i32,
    },
    /// The file system could not be made.
    #[error("mke2fs could not make a file system on {device} ({status}): the disk may be read-only or failing")]
    NotMade {
        /// The partition.
        device: PathBuf,
        /// What mke2fs ended with.
        status: std::process::ExitStatus,
    },
}

fn prepare(device: &Path) -> Result<()> {
    let mut head = vec![0; HEAD];
    File::open(device)
        .and_then(|mut file| file.read_exact(&mut head))
        .with_context(|| format!("cannot read {}: the disk may be missing or failing", device.display()))?;
    match contents::of(&head) {
        Contents::Blank => make(device),
        Contents::Ext4 => check(device),
        Contents::Other => Err(Unusable::Unknown(device.to_owned()).into()),
    }
}

/// 4 KiB blocks whatever the size now, since they bound what it can grow to; 1 % stays for root,
/// so that settings can be changed on a full disk.
fn make(device: &Path) -> Result<()> {
    let status = Command::new("/usr/sbin/mke2fs")
        .args([
            "-q",
            "-F",
            "-t",
            "ext4",
            "-b",
            "4096",
            "-I",
            "256",
            "-m",
            "1",
            "-L",
            "spanwatch-data",
        ])
        .args(["-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1"])
        .arg(device)
        .status()
        .context("cannot start mke2fs")?;
    if !status.success() {
        return Err(Unusable::NotMade {
            device: device.to_owned(),
            status,
        }
        .into());
    }
    println!("made a file system on {}", device.display());
    Ok(())
}

/// Replays the journal and mends what is safe to mend.
fn check(device: &Path) -> Result<()> {
    let status = Command::new("/usr/sbin/e2fsck")
        .arg("-p")
        .arg(device)
        .status()
        .context("cannot start e2fsck")?;
    match status.code() {
        // 1: errors were corrected; 2: and the machine should be restarted, were it mounted
        Some(0..=3) => Ok(()),
        code => Err(Unusable::Damaged {
            device: device.to_owned(),
            code: code.unwrap_or(-1),
        }
        .into()),
    }
}

fn main() -> ExitCode {
    let Some(device) = std::env::args_os().nth(1) else {
        eprintln!("usage: storage DEVICE");
        return ExitCode::from(2);
    };
    match prepare(Path::new(&device)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // <3>: an error for the journal
            eprintln!("<3>{error:#}");
            ExitCode::FAILURE
        }
    }
}
