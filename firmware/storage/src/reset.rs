//! The factory reset: what was asked for is kept with the box's identity, which no reset touches, until the data
//! partition has a new file system.
//!
//! Whenever the power fails, the next start finds the request and begins again. It goes last, once the new file system
//! is on the disk and the reset is counted; before anything is wiped, the request is written anew, so that a box whose
//! identity cannot be written does not lose its data at each start.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rustix::mount::{MountFlags, mount_remount};
use serde::{Deserialize, Serialize};

use crate::contents::HEAD;
use crate::prepare::{Discard, make};

/// The request, on the identity partition.
pub const REQUEST: &str = "factory-reset";
/// How many resets there were, and the last one, on the identity partition.
pub const BOOK: &str = "factory-resets.json";
/// Where the identity partition is mounted.
pub const IDENTITY: &str = "/identity";
/// The longest name that is kept.
const NAME_MAX: usize = 64;

/// A factory reset that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// When, in seconds since 1970 by the box's clock.
    pub at_s: u64,
    /// Who asked for it, in words.
    pub by: String,
    /// How often it was begun: more than once where the power failed.
    #[serde(default)]
    pub begun: u32,
}

/// The resets of this box.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// How many there were.
    pub count: u32,
    /// The last one.
    pub last: Option<Request>,
}

/// The identity partition's files.
#[derive(Debug, Clone)]
pub struct Identity {
    folder: PathBuf,
    /// Whether it is mounted read-only, and made writable for the moment of a change.
    sealed: bool,
}

impl Identity {
    /// The running system's: mounted read-only.
    #[must_use]
    pub fn of_this_box() -> Self {
        Self {
            folder: PathBuf::from(IDENTITY),
            sealed: true,
        }
    }

    /// One that can be written.
    #[must_use]
    pub fn writable(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            sealed: false,
        }
    }

    pub(crate) fn open<T>(&self, work: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        if !self.sealed {
            return work(&self.folder);
        }
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::NOATIME;
        mount_remount(&self.folder, flags, c"").context("the identity partition cannot be made writable")?;
        let done = work(&self.folder);
        let back = mount_remount(&self.folder, flags | MountFlags::RDONLY, c"");
        let done = done?;
        back.context("the identity partition cannot be made read-only again")?;
        Ok(done)
    }
}

/// Reads a request.
///
/// # Errors
/// The file is missing, or is none.
pub fn read(file: &Path) -> Result<Request> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut request: Request =
        serde_json::from_str(&text).with_context(|| format!("{} holds no request", file.display()))?;
    request.by = request.by.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
    Ok(request)
}

/// Whether a reset waits for the next start.
#[must_use]
pub fn waits(folder: &Path) -> bool {
    folder.join(REQUEST).exists()
}

/// The resets of a box; none where they cannot be read.
#[must_use]
pub fn book(folder: &Path) -> Book {
    let text = std::fs::read_to_string(folder.join(BOOK)).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or_default()
}

/// Notes that the data is to be wiped at the next start.
///
/// # Errors
/// The identity partition cannot be written: nothing will be wiped.
pub fn request(identity: &Identity, request: &Request) -> Result<()> {
    identity.open(|folder| replace(folder, REQUEST, request, 0o644))
}

/// Carries out the reset that was asked for: empties the data partition, counts the reset, and forgets the request.
///
/// # Errors
/// What could not be done; the request stays where the data partition may not be empty.
pub fn carry_out(identity: &Identity, device: &Path) -> Result<()> {
    let file = identity.folder.join(REQUEST);
    let mut asked = read(&file)?;
    asked.begun = asked.begun.saturating_add(1);
    identity.open(|folder| replace(folder, REQUEST, &asked, 0o644))?;
    println!(
        "factory reset: {} asked for it; the data partition is emptied",
        asked.by
    );
    empty(device)?;
    identity.open(|folder| {
        let mut book = book(folder);
        let counted = book
            .last
            .as_ref()
            .is_some_and(|last| last.at_s == asked.at_s && last.by == asked.by);
        if !counted {
            book.count = book.count.saturating_add(1);
            book.last = Some(asked);
            replace(folder, BOOK, &book, 0o644)?;
        }
        std::fs::remove_file(folder.join(REQUEST)).context("the request cannot be removed")?;
        sync(folder)
    })?;
    println!("factory reset: the data partition is empty");
    Ok(())
}

/// Makes a new file system where one may be. The first mebibyte goes before: cut off here, nothing of the old one is
/// ever mounted again.
fn empty(device: &Path) -> Result<()> {
    let disk = File::options()
        .write(true)
        .open(device)
        .with_context(|| format!("cannot write {}", device.display()))?;
    disk.write_all_at(&vec![0; HEAD], 0)
        .and_then(|()| disk.sync_all())
        .with_context(|| format!("cannot write {}: the disk may be failing", device.display()))?;
    drop(disk);
    make(device, Discard::Yes)?;
    File::open(device)
        .and_then(|disk| disk.sync_all())
        .with_context(|| format!("cannot flush {}", device.display()))
}

/// Replaces a file whole: the old one is there until the new one is on the disk.
pub(crate) fn replace(folder: &Path, name: &str, value: &impl Serialize, mode: u32) -> Result<()> {
    let (file, new) = (folder.join(name), folder.join(format!("{name}.new")));
    let text = serde_json::to_string(value)?;
    let write = || -> std::io::Result<()> {
        match std::fs::remove_file(&new) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut out = File::options().write(true).create_new(true).mode(mode).open(&new)?;
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")?;
        out.sync_all()?;
        std::fs::rename(&new, &file)
    };
    write().with_context(|| format!("cannot write {}", file.display()))?;
    sync(folder)
}

pub(crate) fn sync(folder: &Path) -> Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("cannot flush {}", folder.display()))
}

/// Removes a request that was not carried out yet.
///
/// # Errors
/// The identity partition cannot be written, or there is none.
pub fn withdraw(identity: &Identity) -> Result<()> {
    ensure!(waits(&identity.folder), "no factory reset waits");
    identity.open(|folder| match std::fs::remove_file(folder.join(REQUEST)) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e.into()),
        _ => sync(folder),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contents::{self, Contents};

    fn asked() -> Request {
        Request {
            at_s: 1_700_000_000,
            by: "admin\u{1b}".to_owned(),
            begun: 0,
        }
    }

    fn head(device: &Path) -> Contents {
        let mut head = std::fs::read(device).expect("the partition");
        head.truncate(HEAD);
        contents::of(&head)
    }

    fn partition(dir: &Path) -> PathBuf {
        let device = dir.join("data");
        std::fs::write(&device, vec![0xA5; 64 << 20]).expect("64 MiB");
        device
    }

    #[test]
    fn a_reset_is_done_once_counted_once_and_told() {
        let dir = tempfile::tempdir().expect("a folder");
        let identity = Identity::writable(dir.path());
        let device = partition(dir.path());
        request(&identity, &asked()).expect("noted");
        assert!(waits(dir.path()));
        carry_out(&identity, &device).expect("done");
        assert_eq!(head(&device), Contents::Ext4);
        assert!(!waits(dir.path()));
        let book = book(dir.path());
        let last = book.last.expect("the last one");
        assert_eq!((book.count, last.by.as_str(), last.begun), (1, "admin", 1));
        assert!(carry_out(&identity, &device).is_err(), "nobody asked for another one");
    }

    #[test]
    fn cut_off_anywhere_the_next_start_ends_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let identity = Identity::writable(dir.path());
        let device = partition(dir.path());
        // cut off while the file system is made
        request(&identity, &asked()).expect("noted");
        std::fs::write(&device, vec![0; 64 << 20]).expect("wiped");
        carry_out(&identity, &device).expect("done");
        // cut off before the request goes
        request(&identity, &asked()).expect("noted");
        carry_out(&identity, &device).expect("done");
        assert_eq!((head(&device), book(dir.path()).count), (Contents::Ext4, 1));
        // another one
        request(
            &identity,
            &Request {
                at_s: 1_700_000_001,
                ..asked()
            },
        )
        .expect("noted");
        carry_out(&identity, &device).expect("done");
        assert_eq!(book(dir.path()).count, 2);
    }

    #[test]
    fn nothing_is_wiped_where_the_request_cannot_go() {
        let dir = tempfile::tempdir().expect("a folder");
        let device = partition(dir.path());
        let folder = dir.path().join("identity");
        std::fs::create_dir(&folder).expect("a folder");
        request(&Identity::writable(&folder), &asked()).expect("noted");
        // a folder in the new file's place: it cannot be written
        std::fs::create_dir(folder.join("factory-reset.new")).expect("a folder");
        assert!(carry_out(&Identity::writable(&folder), &device).is_err());
        assert_eq!(head(&device), Contents::Other);
    }

    #[test]
    fn other_text_is_no_request() {
        let dir = tempfile::tempdir().expect("a folder");
        let device = partition(dir.path());
        std::fs::write(dir.path().join(REQUEST), "yes").expect("a file");
        assert!(carry_out(&Identity::writable(dir.path()), &device).is_err());
        assert_eq!(head(&device), Contents::Other);
        withdraw(&Identity::writable(dir.path())).expect("removed");
        assert!(!waits(dir.path()) && withdraw(&Identity::writable(dir.path())).is_err());
    }
}
