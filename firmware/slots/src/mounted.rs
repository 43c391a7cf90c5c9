//! The mounted EFI system partition, and the identity partition's version floor.

use std::ffi::CString;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};

use crate::{Esp, Step};

const PLACE: &str = "/run/spanwatch-esp";
const IDENTITY: &str = "/identity";
const FLOOR_OF_IMAGE: &str = "/usr/lib/spanwatch/version-floor";
const KERNELS: &str = "EFI/Linux";
/// An empty file whose name takes as many entries of a folder as a kernel's: three. See [`sweep`].
const PLACEHOLDER: &str = "spanwatch-placeholder";
/// Not DIRSYNC: that writes a new name with the size 0 first, and its size afterwards; see [`rename`].
const FLAGS: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);

/// Where the kernels are while the partition is mounted.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(PLACE).join(KERNELS)
}

/// The EFI system partition, mounted until this is dropped.
pub struct Mounted {
    _lock: File,
}

impl Mounted {
    /// Mounts the EFI system partition of the disk that the root came from; waits while another
    /// command has it mounted.
    ///
    /// # Errors
    /// The partition is not found, or cannot be mounted.
    pub fn read_only() -> Result<Self> {
        Self::of(&partition()?)
    }

    /// Mounts this EFI system partition; waits while another command has one mounted.
    ///
    /// # Errors
    /// It cannot be mounted.
    pub fn of(device: &Path) -> Result<Self> {
        let lock = File::create("/run/spanwatch-esp.lock").context("cannot make a lock in /run")?;
        lock.lock().context("cannot lock the EFI system partition")?;
        std::fs::create_dir_all(PLACE).with_context(|| format!("cannot make {PLACE}"))?;
        let flags = FLAGS | MountFlags::RDONLY;
        // continue: names that share clusters must not make the partition unwritable
        let options = CString::new("umask=0077,errors=continue")?;
        mount(device, PLACE, c"vfat", flags, options.as_c_str())
            .with_context(|| format!("cannot mount the EFI system partition {}", device.display()))?;
        Ok(Self { _lock: lock })
    }

    /// The kernels that are there.
    ///
    /// # Errors
    /// Their folder cannot be read.
    pub fn listing(&self) -> Result<Esp> {
        let dir = Path::new(PLACE).join(KERNELS);
        let names = with_contents(&dir).with_context(|| format!("cannot list {}", dir.display()))?;
        Ok(Esp::of(names.iter().map(String::as_str)))
    }

    /// Carries out steps, each on the disk before the next; `kernel` is what is written.
    ///
    /// # Errors
    /// A step could not be done; those before it are on the disk.
    pub fn carry_out(&mut self, steps: &[Step], kernel: Option<&Path>) -> Result<()> {
        mount_remount(PLACE, FLAGS, c"umask=0077,errors=continue")
            .context("cannot make the EFI system partition writable")?;
        let dir = Path::new(PLACE).join(KERNELS);
        sweep(&dir).with_context(|| format!("cannot remove an empty file of {}", dir.display()))?;
        for step in steps {
            one(&dir, step, kernel)?;
            File::open(&dir)
                .and_then(|dir| dir.sync_all())
                .with_context(|| format!("cannot flush {}", dir.display()))?;
        }
        Ok(())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(error) = unmount(PLACE, UnmountFlags::empty()) {
            eprintln!("slots: cannot unmount the EFI system partition: {error}");
        }
    }
}

fn one(dir: &Path, step: &Step, kernel: Option<&Path>) -> Result<()> {
    match step {
        Step::Write(new) => {
            let kernel = kernel.context("there is no kernel to install")?;
            let to = dir.join(new.to_string());
            // FAT gives the first free place in the folder: this keeps the one before for the kernel's last name, so
            // that the firmware's next rename stays in the same sector
            let first = dir.join(PLACEHOLDER);
            File::create(&first).with_context(|| format!("cannot make {}", first.display()))?;
            copy(kernel, &to).with_context(|| format!("cannot write {}", to.display()))?;
            remove(&first)
        }
        Step::Publish(from, to) => rename(&dir.join(from.to_string()), &dir.join(to.to_string())),
        Step::Rename(from, to) => rename(&dir.join(from.to_string()), &dir.join(to.to_string())),
        Step::Discard(file) => remove(&dir.join(file.to_string())),
        Step::Remove(file) => remove(&dir.join(file.to_string())),
    }
}

/// The names in a folder but those of empty files: power that failed while FAT was changed can leave such a name, which the
/// boot loader skips, too.
fn with_contents(dir: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if !is_empty_file(&entry)? {
            names.extend(entry.file_name().into_string());
        }
    }
    Ok(names)
}

/// Removes our empty files, so that their names are free.
fn sweep(dir: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if is_empty_file(&entry)? && entry.file_name().as_encoded_bytes().starts_with(b"spanwatch-") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn is_empty_file(entry: &std::fs::DirEntry) -> std::io::Result<bool> {
    let about = entry.metadata()?;
    Ok(about.is_file() && about.len() == 0)
}

/// Gives a file another name, which is on the disk, with size and place, before the old one goes: flushing the file writes
/// its own entry alone, and flushing the folder, which comes after, the rest (vfat_rename and fat_file_fsync in fs/fat).
fn rename(from: &Path, to: &Path) -> Result<()> {
    ensure!(!to.exists(), "{} exists already", to.display());
    std::fs::rename(from, to).with_context(|| format!("cannot rename {}", from.display()))?;
    File::open(to)
        .and_then(|file| file.sync_all())
        .with_context(|| format!("cannot flush {}", to.display()))
}

fn remove(file: &Path) -> Result<()> {
    std::fs::remove_file(file).with_context(|| format!("cannot remove {}", file.display()))
}

/// Copies a file, flushes it and reads it back.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let bytes = std::fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    ensure!(!bytes.is_empty(), "{} is empty", from.display());
    let mut file = File::create(to)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    ensure!(std::fs::read(to)? == bytes, "{} reads back differently", to.display());
    Ok(())
}

/// The EFI system partition of the disk that the root's partition is on, by sysfs: names in
/// /dev/disk may be those of another disk with the same image, a USB stick.
fn partition() -> Result<PathBuf> {
    esp_beside(Path::new("/sys"), "dm-0").map(|name| Path::new("/dev").join(name))
}

fn esp_beside(sys: &Path, root: &str) -> Result<String> {
    let slaves = sys.join("class/block").join(root).join("slaves");
    let below = std::fs::read_dir(&slaves)
        .with_context(|| format!("cannot tell which partition is behind {root}"))?
        .next()
        .with_context(|| format!("{root} has no partition behind it"))??;
    let partition = std::fs::canonicalize(below.path())?;
    let disk = partition.parent().context("the root's partition has no disk")?;
    for entry in std::fs::read_dir(disk)? {
        let entry = entry?;
        let Ok(uevent) = std::fs::read_to_string(entry.path().join("uevent")) else {
            continue;
        };
        if uevent.lines().any(|line| line == "PARTNAME=spanwatch-esp") {
            return entry.file_name().into_string().ok().context("a device has an odd name");
        }
    }
    bail!("no partition of {} is called spanwatch-esp", disk.display())
}

/// Writes the image's version floor to the identity partition when it is higher than what is there.
///
/// # Errors
/// A floor cannot be read, or the partition cannot be written.
pub fn raise_floor() -> Result<String> {
    let image = std::fs::read_to_string(FLOOR_OF_IMAGE).with_context(|| format!("cannot read {FLOOR_OF_IMAGE}"))?;
    let image = image.trim();
    let file = Path::new(IDENTITY).join("version-floor");
    let kept = match std::fs::read_to_string(&file) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
    };
    let kept = kept.as_deref().map(str::trim).filter(|text| !text.is_empty());
    if kept.is_some_and(|kept| crate::floor::version(kept) >= crate::floor::version(image)) {
        return Ok(String::new());
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::NOATIME;
    mount_remount(IDENTITY, flags, c"").context("cannot make the identity partition writable")?;
    let written = replace(&file, image);
    let back = mount_remount(IDENTITY, flags | MountFlags::RDONLY, c"");
    written.with_context(|| format!("cannot write {}", file.display()))?;
    back.context("cannot make the identity partition read-only again")?;
    Ok(String::new())
}

fn replace(file: &Path, text: &str) -> Result<()> {
    let new = file.with_extension("new");
    let mut out = File::create(&new)?;
    out.write_all(format!("{text}\n").as_bytes())?;
    out.sync_all()?;
    std::fs::rename(&new, file)?;
    let dir = file.parent().context("a file without a folder")?;
    File::open(dir)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_is_on_the_roots_own_disk() {
        let sys = tempfile::tempdir().expect("a folder");
        let sys = sys.path();
        for (disk, parts) in [("vda", ["vda1", "vda2"]), ("sda", ["sda1", "sda2"])] {
            for (part, name) in parts.iter().zip(["spanwatch-esp", "spanwatch-root-a"]) {
                let dir = sys.join("devices").join(disk).join(part);
                std::fs::create_dir_all(&dir).expect("a folder");
                std::fs::write(dir.join("uevent"), format!("DEVNAME={part}\nPARTNAME={name}\n")).expect("a file");
            }
        }
        let slaves = sys.join("class/block/dm-0/slaves");
        std::fs::create_dir_all(&slaves).expect("a folder");
        std::os::unix::fs::symlink(sys.join("devices/vda/vda2"), slaves.join("vda2")).expect("a link");
        assert_eq!(esp_beside(sys, "dm-0").expect("it is there"), "vda1");
    }

    #[test]
    fn names_without_contents_are_none_and_are_swept_away() {
        let dir = tempfile::tempdir().expect("a folder");
        let names = || {
            let mut names = with_contents(dir.path()).expect("it is there");
            names.sort();
            names
        };
        for (name, contents) in [
            ("spanwatch-000002-b+3.efi", ""),
            ("spanwatch-000002-b+2-1.efi", "MZ"),
            ("other.efi", ""),
        ] {
            std::fs::write(dir.path().join(name), contents).expect("a file");
        }
        std::fs::create_dir(dir.path().join("spanwatch-folder")).expect("a folder");
        assert_eq!(names(), ["spanwatch-000002-b+2-1.efi", "spanwatch-folder"]);
        sweep(dir.path()).expect("they can be removed");
        assert!(!dir.path().join("spanwatch-000002-b+3.efi").exists());
        assert!(dir.path().join("other.efi").exists() && names().len() == 2);
        let (from, to) = (names()[0].clone(), "spanwatch-000002-b+3.efi");
        rename(&dir.path().join(from), &dir.path().join(to)).expect("the name is free");
        assert_eq!(names(), [to, "spanwatch-folder"]);
    }

    #[test]
    fn the_floor_is_replaced_whole() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("version-floor");
        replace(&file, "1.2.0").expect("a file");
        replace(&file, "1.3.0").expect("a file");
        assert_eq!(std::fs::read_to_string(&file).expect("a file"), "1.3.0\n");
    }
}
