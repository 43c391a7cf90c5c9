//! What is plugged in, by sysfs.

use std::fs;
use std::path::Path;

/// Partitions that are looked at.
const MOST: usize = 32;

/// A partition of a USB stick, or a stick or CD without partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The kernel's name, such as `sda1`.
    pub name: String,
    /// The kernel's name of the whole, such as `sda`.
    pub disk: String,
    /// Maker and model as the stick tells.
    pub model: String,
    /// Its octets.
    pub octets: u64,
    /// It is a whole disk whose partitions follow: only of use as a CD's image.
    pub whole: bool,
}

/// All partitions on USB sticks, in the order of their names; those of a disk with our own slots are left out.
#[must_use]
pub fn devices(sys: &Path) -> Vec<Device> {
    let mut disks = names(&sys.join("block"));
    disks.retain(|disk| is_usb(sys, disk));
    let mut found = Vec::new();
    for disk in disks {
        let folder = sys.join("block").join(&disk);
        let mut parts = names(&folder);
        parts.retain(|part| folder.join(part).join("partition").exists());
        parts.sort_by_key(|part| (part.len(), part.clone()));
        let ours = |part: &String| {
            let uevent = fs::read_to_string(folder.join(part).join("uevent")).unwrap_or_default();
            uevent.lines().any(|line| line.starts_with("PARTNAME=spanwatch-root"))
        };
        if parts.iter().any(ours) {
            continue;
        }
        let model = [text(&folder.join("device/vendor")), text(&folder.join("device/model"))].join(" ");
        let device = |name: &str, size: &Path, whole: bool| Device {
            name: name.to_owned(),
            disk: disk.clone(),
            model: model.trim().to_owned(),
            // In sectors of 512 octets, whatever the disk's are.
            octets: text(size).parse::<u64>().unwrap_or(0).saturating_mul(512),
            whole,
        };
        found.push(device(&disk, &folder.join("size"), !parts.is_empty()));
        found.extend(
            parts
                .iter()
                .map(|part| device(part, &folder.join(part).join("size"), false)),
        );
    }
    // A drive without a disk in it has no octets.
    found.retain(|device| device.octets > 0);
    found.truncate(MOST);
    found
}

fn is_usb(sys: &Path, disk: &str) -> bool {
    if !(disk.starts_with("sd") || disk.starts_with("sr")) {
        return false;
    }
    let Ok(path) = fs::canonicalize(sys.join("block").join(disk)) else {
        return false;
    };
    path.components().any(|part| {
        let name = part.as_os_str().to_string_lossy();
        name.strip_prefix("usb")
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit()))
    })
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

fn text(file: &Path) -> String {
    let text = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.trim()
        .chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .take(40)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn disk(sys: &Path, bus: &str, disk: &str, parts: &[(&str, &str)]) {
        let folder = sys.join("devices/pci0000:00").join(bus).join("block").join(disk);
        fs::create_dir_all(folder.join("device")).unwrap();
        fs::write(folder.join("size"), "2048\n").unwrap();
        fs::write(folder.join("device/vendor"), "QEMU    \n").unwrap();
        fs::write(folder.join("device/model"), "HARD\x1b[2JDISK\n").unwrap();
        for (part, name) in parts {
            fs::create_dir_all(folder.join(part)).unwrap();
            fs::write(folder.join(part).join("partition"), "1\n").unwrap();
            fs::write(folder.join(part).join("size"), "1024\n").unwrap();
            fs::write(folder.join(part).join("uevent"), format!("PARTNAME={name}\n")).unwrap();
        }
        fs::create_dir_all(sys.join("block")).unwrap();
        symlink(&folder, sys.join("block").join(disk)).unwrap();
    }

    #[test]
    fn sticks_are_found_and_other_disks_are_not() {
        let sys = tempfile::tempdir().unwrap();
        let sys = sys.path();
        disk(sys, "usb1/1-1/host2", "sda", &[("sda10", "x"), ("sda2", "x")]);
        disk(sys, "ata1/host0", "sdb", &[("sdb1", "x")]);
        disk(
            sys,
            "usb1/1-2/host3",
            "sdc",
            &[("sdc1", "spanwatch-esp"), ("sdc2", "spanwatch-root-a")],
        );
        disk(sys, "usb2/2-1/host4", "sr0", &[]);
        disk(sys, "usbfoo/host5", "sdd", &[]);
        let found = devices(sys);
        let names: Vec<(&str, bool)> = found.iter().map(|one| (one.name.as_str(), one.whole)).collect();
        assert_eq!(
            names,
            [("sda", true), ("sda2", false), ("sda10", false), ("sr0", false)]
        );
        assert_eq!(found[1].model, "QEMU HARD[2JDISK");
        assert_eq!((found[1].disk.as_str(), found[1].octets), ("sda", 524_288));
        assert_eq!(devices(Path::new("/nonexistent")), []);
    }
}
