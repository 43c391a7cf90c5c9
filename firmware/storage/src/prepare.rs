//! A data partition before it is mounted.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::contents::{self, Contents, HEAD};

/// Why the data partition cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
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

/// Makes the data partition ready to be mounted: a file system where it is blank, a check where it has one.
///
/// # Errors
/// [`Unusable`], or what could not be read or started.
pub fn prepare(device: &Path) -> Result<()> {
    let mut head = vec![0; HEAD];
    File::open(device)
        .and_then(|mut file| file.read_exact(&mut head))
        .with_context(|| format!("cannot read {}: the disk may be missing or failing", device.display()))?;
    match contents::of(&head) {
        Contents::Blank => make(device, Discard::No),
        Contents::Ext4 => check(device),
        Contents::Other => Err(Unusable::Unknown(device.to_owned()).into()),
    }
}

/// Whether the disk is told that nothing of before is needed.
pub(crate) enum Discard {
    /// It was empty.
    No,
    /// What was there goes.
    Yes,
}

/// 4 KiB blocks whatever the size now, since they bound what it can grow to; 1 % stays for root,
/// so that settings can be changed on a full disk.
pub(crate) fn make(device: &Path, discard: Discard) -> Result<()> {
    let discard = match discard {
        Discard::No => "nodiscard",
        Discard::Yes => "discard",
    };
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
        .args(["-E", &format!("{discard},lazy_itable_init=1,lazy_journal_init=1")])
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
