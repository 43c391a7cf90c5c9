//! What this machine has, by sysfs: disks, network ports, sensors, its own serial number.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::answers::machine_serial;
use crate::disk::{Contents, Disk, HEAD};
use crate::smart::Condition;

const BLOCK: &str = "/sys/block";

/// Devices that are no disks.
const NOT_DISKS: [&str; 9] = ["loop", "ram", "dm-", "md", "sr", "zram", "nbd", "fd", "mtd"];

/// The text of a small file of sysfs, without blanks around it; none when it is missing or empty.
pub(crate) fn text(path: impl AsRef<Path>) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

/// The names in a folder, in the order that people count: sda, sdb, … sdaa.
pub(crate) fn names(dir: impl AsRef<Path>) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_by_key(|name| (name.len(), name.clone()));
    names
}

/// The disks.
pub(crate) fn disks() -> Vec<Disk> {
    let disks = names(BLOCK)
        .into_iter()
        .filter(|name| NOT_DISKS.iter().all(|not| !name.starts_with(not)));
    disks.filter_map(|name| disk(&name)).collect()
}

fn disk(name: &str) -> Option<Disk> {
    let dir = Path::new(BLOCK).join(name);
    let number = |file: &str| text(dir.join(file)).and_then(|text| text.parse::<u64>().ok());
    let octets = number("size")? * 512;
    if octets == 0 {
        // a card reader without a card
        return None;
    }
    let path = std::fs::canonicalize(&dir).unwrap_or_else(|_| dir.clone());
    let usb = path
        .components()
        .any(|part| part.as_os_str().to_string_lossy().starts_with("usb"));
    let maker = text(dir.join("device/vendor")).filter(|text| !text.starts_with("0x") && text != "ATA");
    let model: Vec<String> = maker.into_iter().chain(text(dir.join("device/model"))).collect();
    Some(Disk {
        name: name.to_owned(),
        octets,
        sector: number("queue/logical_block_size").unwrap_or(512),
        model: model.join(" "),
        serial: serial(&dir),
        removable: usb || number("removable") == Some(1),
        read_only: number("ro") == Some(1),
        condition: Condition::read(name),
        contents: head(name),
    })
}

/// NVMe and virtio disks have a file for it; SCSI and SATA have page 0x80 of their vital product data:
/// four octets of header, then the number (SPC-4, section 7.8.15).
fn serial(dir: &Path) -> Option<String> {
    if let Some(serial) = text(dir.join("serial")).or_else(|| text(dir.join("device/serial"))) {
        return Some(serial);
    }
    let page = std::fs::read(dir.join("device/vpd_pg80")).ok()?;
    let serial = String::from_utf8_lossy(page.get(4..)?)
        .trim_matches(['\0', ' '])
        .to_owned();
    (!serial.is_empty()).then_some(serial)
}

fn head(name: &str) -> Contents {
    let mut head = vec![0; HEAD];
    match File::open(Path::new("/dev").join(name)).and_then(|mut file| file.read_exact(&mut head)) {
        Ok(()) => Contents::of(&head),
        Err(error) => Contents::Unreadable(error.to_string()),
    }
}

/// A partition's device: `sda1`, `nvme0n1p1`.
pub(crate) fn partition(disk: &str, number: usize) -> String {
    let between = if disk.ends_with(|c: char| c.is_ascii_digit()) {
        "p"
    } else {
        ""
    };
    format!("{disk}{between}{number}")
}

/// Where a partition starts and how many octets it has, as the kernel sees it.
pub(crate) fn extent(disk: &str, number: usize) -> Option<(u64, u64)> {
    let dir = Path::new(BLOCK).join(disk).join(partition(disk, number));
    let sectors = |file: &str| text(dir.join(file))?.parse::<u64>().ok();
    Some((sectors("start")? * 512, sectors("size")? * 512))
}

/// The sectors of 512 octets of a block device.
pub(crate) fn sectors(name: &str) -> Result<u64> {
    let path = Path::new(BLOCK).join(name).join("size");
    text(&path)
        .and_then(|text| text.parse().ok())
        .with_context(|| format!("cannot read {}", path.display()))
}

/// The serial number in the machine's own tables.
pub(crate) fn own_serial() -> Option<String> {
    let dir = Path::new("/sys/class/dmi/id");
    ["product_serial", "chassis_serial", "board_serial"]
        .iter()
        .find_map(|file| machine_serial(&text(dir.join(file))?))
}

/// Maker, model and firmware of the machine, as its tables say.
pub(crate) fn tables() -> BTreeMap<&'static str, String> {
    let dir = Path::new("/sys/class/dmi/id");
    let files = ["sys_vendor", "product_name", "board_name", "bios_version", "bios_date"];
    files
        .iter()
        .filter_map(|file| Some((*file, text(dir.join(file))?)))
        .collect()
}

/// The network ports that are hardware, with the names of their devices in sysfs.
pub(crate) fn ports() -> Vec<(String, PathBuf)> {
    let all = names("/sys/class/net").into_iter();
    all.map(|name| (name.clone(), Path::new("/sys/class/net").join(name)))
        .filter(|(_, dir)| dir.join("device").exists())
        .collect()
}

/// A random identifier of version 4 (RFC 9562), in the order of octets that a partition table has.
pub(crate) fn random_id() -> [u8; 16] {
    let mut id = [0; 16];
    let filled = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut id));
    debug_assert!(filled.is_ok());
    let [_, _, _, _, _, _, _, version, variant, ..] = &mut id;
    *version = (*version & 0x0f) | 0x40;
    *variant = (*variant & 0x3f) | 0x80;
    id
}
