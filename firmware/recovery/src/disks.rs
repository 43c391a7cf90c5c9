//! Disks and partitions as sysfs tells of them.

use std::path::{Path, PathBuf};

/// Partitions and whole disks that are looked at.
const MAX: usize = 512;

/// A partition, or a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The kernel's name, such as `sda2`.
    pub name: String,
    /// The disk that it is on; its own name for a disk.
    pub disk: String,
    /// The partition's name in the partition table.
    pub label: Option<String>,
    /// Size in octets.
    pub octets: u64,
    /// Whether it is on USB, or its medium can be taken out.
    pub portable: bool,
}

impl Block {
    /// The device node.
    #[must_use]
    pub fn device(&self) -> PathBuf {
        Path::new("/dev").join(&self.name)
    }
}

/// The partitions of the box's own disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ours {
    /// The boot loader's partition.
    pub esp: Block,
    /// The root partitions of slot A and B.
    pub roots: [Block; 2],
    /// Who this box is.
    pub identity: Block,
}

/// Why the box's own disk is not known.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoDisk {
    /// None has our partitions.
    #[error("no disk of this box holds Spanwatch: check its disks and their cables, or install it anew")]
    None,
    /// More than one has.
    #[error("{0} disks hold Spanwatch ({1}): take all but this box's own one out")]
    Many(usize, String),
}

/// All partitions and disks with a medium, by name.
#[must_use]
pub fn list(sys: &Path) -> Vec<Block> {
    let entries = std::fs::read_dir(sys.join("class/block"))
        .into_iter()
        .flatten()
        .flatten();
    let mut found: Vec<Block> = entries.take(MAX).filter_map(|entry| read(&entry.path())).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn read(link: &Path) -> Option<Block> {
    let path = std::fs::canonicalize(link).ok()?;
    let name = path.file_name()?.to_str()?.to_owned();
    let text = |path: &Path| Some(std::fs::read_to_string(path).ok()?.trim().to_owned());
    let disk = if path.join("partition").exists() {
        path.parent()?.to_owned()
    } else {
        path.clone()
    };
    let octets = text(&path.join("size"))?.parse::<u64>().ok()?.saturating_mul(512);
    // loop, dm and the like have no device behind them
    let real = disk.join("device").exists();
    if octets == 0 || !real {
        return None;
    }
    let uevent = text(&path.join("uevent")).unwrap_or_default();
    let usb = disk.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        part.strip_prefix("usb").is_some_and(|rest| rest.parse::<u32>().is_ok())
    });
    Some(Block {
        disk: disk.file_name()?.to_str()?.to_owned(),
        label: uevent
            .lines()
            .find_map(|line| line.strip_prefix("PARTNAME="))
            .map(str::to_owned),
        octets,
        portable: usb || text(&disk.join("removable")).is_some_and(|text| text == "1"),
        name,
    })
}

/// The box's own disk: the one inside the box that has all of our partitions.
///
/// # Errors
/// None has, or several.
pub fn ours(blocks: &[Block]) -> Result<Ours, NoDisk> {
    let named = |disk: &str, label: &str| {
        let mut found = blocks.iter().filter(|block| block.disk == disk);
        found.find(|block| block.label.as_deref() == Some(label)).cloned()
    };
    let mut found: Vec<Ours> = Vec::new();
    for esp in blocks
        .iter()
        .filter(|block| block.label.as_deref() == Some("spanwatch-esp") && !block.portable)
    {
        let part = |label: &str| named(&esp.disk, label);
        if let (Some(a), Some(b), Some(identity)) = (
            part("spanwatch-root-a"),
            part("spanwatch-root-b"),
            part("spanwatch-identity"),
        ) {
            found.push(Ours {
                esp: esp.clone(),
                roots: [a, b],
                identity,
            });
        }
    }
    let names: Vec<&str> = found.iter().map(|ours| ours.esp.disk.as_str()).collect();
    match found.len() {
        0 => Err(NoDisk::None),
        1 => found.pop().ok_or(NoDisk::None),
        many => Err(NoDisk::Many(many, names.join(", "))),
    }
}

/// What may hold a bundle: partitions of portable media, and such media that have none.
#[must_use]
pub fn sticks(blocks: &[Block]) -> Vec<Block> {
    let portable = blocks.iter().filter(|block| block.portable);
    let parted = |disk: &str| blocks.iter().any(|block| block.disk == disk && block.name != disk);
    portable
        .filter(|block| block.name != block.disk || !parted(&block.name))
        .cloned()
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn disk(sys: &Path, at: &str, name: &str, removable: bool, parts: &[&str]) {
        let disk = sys.join("devices").join(at).join("block").join(name);
        let class = sys.join("class/block");
        std::fs::create_dir_all(disk.join("device")).expect("a folder");
        std::fs::create_dir_all(&class).expect("a folder");
        let put = |dir: &Path, file: &str, text: &str| std::fs::write(dir.join(file), text).expect("a file");
        put(&disk, "removable", if removable { "1\n" } else { "0\n" });
        put(&disk, "size", "1000\n");
        put(&disk, "uevent", "DEVTYPE=disk\n");
        std::os::unix::fs::symlink(&disk, class.join(name)).expect("a link");
        for (place, part) in parts.iter().enumerate() {
            let name = format!("{name}{}", place + 1);
            let dir = disk.join(&name);
            std::fs::create_dir_all(&dir).expect("a folder");
            put(&dir, "partition", "1\n");
            put(&dir, "size", "10\n");
            put(&dir, "uevent", &format!("DEVNAME={name}\nPARTNAME={part}\n"));
            std::os::unix::fs::symlink(&dir, class.join(&name)).expect("a link");
        }
    }

    const OURS: [&str; 5] = [
        "spanwatch-esp",
        "spanwatch-root-a",
        "spanwatch-root-b",
        "spanwatch-identity",
        "spanwatch-data",
    ];

    #[test]
    fn the_box_s_own_disk_is_inside_the_box_and_alone() {
        let sys = tempfile::tempdir().expect("a folder");
        let sys = sys.path();
        assert_eq!(ours(&list(sys)), Err(NoDisk::None));
        disk(sys, "pci0000:00/usb1/1-1/host0", "sda", false, &OURS);
        disk(sys, "pci0000:00/0000:00:1f.2/host1", "sdb", false, &["other"]);
        assert_eq!(ours(&list(sys)), Err(NoDisk::None));
        disk(sys, "pci0000:00/0000:00:1f.2/host2", "sdc", false, &OURS);
        let found = ours(&list(sys)).expect("one");
        assert_eq!(
            (
                found.esp.name.as_str(),
                found.roots[1].name.as_str(),
                found.identity.name.as_str()
            ),
            ("sdc1", "sdc3", "sdc4")
        );
        disk(sys, "pci0000:00/0000:00:1f.2/host3", "sdd", false, &OURS);
        assert_eq!(ours(&list(sys)), Err(NoDisk::Many(2, "sdc, sdd".to_owned())));
    }

    #[test]
    fn sticks_are_portable_and_looked_at_by_partition() {
        let sys = tempfile::tempdir().expect("a folder");
        let sys = sys.path();
        disk(sys, "pci0000:00/0000:00:1f.2/host2", "sda", false, &OURS);
        disk(sys, "pci0000:00/usb1/1-1/host0", "sdb", true, &["STICK", "MORE"]);
        disk(sys, "pci0000:00/usb1/1-2/host4", "sdc", false, &[]);
        disk(sys, "pci0000:00/0000:00:1f.3/host5", "sr0", true, &[]);
        let blocks = list(sys);
        let names: Vec<String> = sticks(&blocks).into_iter().map(|block| block.name).collect();
        assert_eq!(names, ["sdb1", "sdb2", "sdc", "sr0"]);
        assert_eq!(
            blocks
                .iter()
                .find(|block| block.name == "sdb1")
                .map(|block| block.octets),
            Some(5_120)
        );
    }
}
