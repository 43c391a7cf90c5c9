//! Sticks and CDs: where the answer file is looked for, and where reports are left.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::disk::{Contents, HEAD};
use crate::machine::{names, text};

/// The answer file's name.
pub(crate) const ANSWERS: &str = "spanwatch-install.json";

/// The largest answer file that is read.
const ANSWERS_MAX: u64 = 64 << 10;

const PLACE: &str = "/run/spanwatch-medium";

/// How long USB and CD drives may take to show up.
const SETTLE: Duration = Duration::from_secs(10);

/// A file system that can be taken out of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Volume {
    device: String,
    kind: &'static std::ffi::CStr,
}

/// Waits until the list of devices does not change any more.
pub(crate) fn settle() {
    let began = Instant::now();
    let (mut last, mut since) = (names("/sys/class/block"), Instant::now());
    while began.elapsed() < SETTLE {
        std::thread::sleep(Duration::from_millis(250));
        let now = names("/sys/class/block");
        if now != last {
            (last, since) = (now, Instant::now());
        }
        if volumes().iter().any(holds) || (since.elapsed() > SETTLE / 3 && !volumes().is_empty()) {
            return;
        }
    }
}

/// The answer file of the first medium that has one, and the device that it is on.
pub(crate) fn answers() -> Option<(String, Result<String>)> {
    for volume in volumes() {
        let read = with(&volume, MountFlags::RDONLY, |dir| {
            let path = dir.join(ANSWERS);
            if !path.exists() {
                return Ok(None);
            }
            let mut answers = String::new();
            File::open(&path)?.take(ANSWERS_MAX).read_to_string(&mut answers)?;
            Ok(Some(answers))
        });
        match read {
            Ok(Some(answers)) => return Some((volume.device, Ok(answers))),
            Err(error) if holds(&volume) => return Some((volume.device, Err(error))),
            _ => {}
        }
    }
    None
}

fn holds(volume: &Volume) -> bool {
    with(volume, MountFlags::RDONLY, |dir| Ok(dir.join(ANSWERS).exists())).unwrap_or(false)
}

/// Writes files to every stick that takes them, and returns their devices.
pub(crate) fn save(files: &[(String, Vec<u8>)]) -> Vec<String> {
    let mut saved = Vec::new();
    for volume in volumes().into_iter().filter(|volume| volume.kind == c"vfat") {
        let done = with(&volume, MountFlags::empty(), |dir| {
            for (name, octets) in files {
                let mut file = File::create(dir.join(name))?;
                file.write_all(octets)?;
                file.sync_all()?;
            }
            Ok(())
        });
        if done.is_ok() {
            saved.push(volume.device);
        }
    }
    saved
}

/// The FAT and ISO 9660 file systems on USB, on other media that can be taken out, and on CDs.
fn volumes() -> Vec<Volume> {
    let mut found = candidates();
    // a FAT file system without partitions may look as if it had some
    let fat = found.iter().filter(|volume| volume.kind == c"vfat");
    let fat: Vec<String> = fat.map(|volume| volume.device.clone()).collect();
    found.retain(|volume| {
        let path = std::fs::canonicalize(Path::new("/sys/class/block").join(&volume.device)).unwrap_or_default();
        let disk = path
            .parent()
            .and_then(Path::file_name)
            .map(|name| name.to_string_lossy().into_owned());
        !disk.is_some_and(|disk| fat.contains(&disk))
    });
    found
}

fn candidates() -> Vec<Volume> {
    let all = names("/sys/class/block").into_iter();
    all.filter(|name| ["loop", "ram", "md", "dm-"].iter().all(|not| !name.starts_with(not)))
        .filter(|name| {
            let dir = Path::new("/sys/class/block").join(name);
            let path = std::fs::canonicalize(&dir).unwrap_or_default();
            let flag = |dir: &Path| text(dir.join("removable")).as_deref() == Some("1");
            let usb = path
                .components()
                .any(|part| part.as_os_str().to_string_lossy().starts_with("usb"));
            let removable = flag(&path) || path.parent().is_some_and(flag);
            text(dir.join("size")).is_some_and(|size| size != "0") && (usb || removable || name.starts_with("sr"))
        })
        .filter_map(|device| {
            let mut head = vec![0; HEAD];
            File::open(Path::new("/dev").join(&device))
                .and_then(|mut file| file.read_exact(&mut head))
                .ok()?;
            let kind = match Contents::of(&head) {
                Contents::Other("FAT") => c"vfat",
                Contents::Other("ISO 9660") | Contents::Medium => c"iso9660",
                // FAT12 and small FAT16 say less; the kernel looks closer
                Contents::Other("MBR") => c"vfat",
                _ => return None,
            };
            Some(Volume { device, kind })
        })
        .collect()
}

fn with<T>(volume: &Volume, flags: MountFlags, work: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    std::fs::create_dir_all(PLACE)?;
    let device = Path::new("/dev").join(&volume.device);
    let flags = flags | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount(&device, PLACE, volume.kind, flags, c"").with_context(|| format!("cannot mount {}", device.display()))?;
    let done = work(Path::new(PLACE));
    let back = unmount(PLACE, UnmountFlags::empty());
    let done = done.with_context(|| format!("on {}", device.display()))?;
    back.with_context(|| format!("cannot unmount {}", device.display()))?;
    Ok(done)
}
