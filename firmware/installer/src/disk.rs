//! A disk as the installer sees it: what it is, what is on it, and whether it will do.

use crate::gpt::{SECTOR, Table};
use crate::smart::Condition;
use crate::talk::{Said, both};

/// How many octets of a disk's start are looked at.
pub(crate) const HEAD: usize = 64 << 10;

/// The least that a system disk has: the system's partitions and some room for data.
pub(crate) const SYSTEM_MIN: u64 = 4 << 30;

/// The least that another disk of an array has.
pub(crate) const MEMBER_MIN: u64 = 1 << 30;

/// The volume's name of the medium that this program comes from (xtask/src/factory.rs).
const MEDIUM: &[u8] = b"SPANWATCH_INSTALL";

/// What is on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// Zeros.
    Blank,
    /// Spanwatch.
    Spanwatch(Table),
    /// A part of a Spanwatch's data array.
    Member,
    /// Other partitions, by their names.
    Partitions(Vec<String>),
    /// The medium that the installer was started from, or another copy of it.
    Medium,
    /// A file system or something else without partitions.
    Other(&'static str),
    /// It cannot be read.
    Unreadable(String),
}

impl Contents {
    /// Judges the first octets of a disk.
    pub(crate) fn of(head: &[u8]) -> Self {
        let at = |from: usize, what: &[u8]| head.get(from..from + what.len()) == Some(what);
        // ISO 9660: the volume's name stands in octet 40 of sector 16
        if at(16 * 2048 + 40, MEDIUM) {
            return Self::Medium;
        }
        if let Some(table) = Table::parse(head) {
            if table.named("spanwatch-identity").is_some() && table.named("spanwatch-esp").is_some() {
                return Self::Spanwatch(table);
            }
            if table.named("spanwatch-member").is_some() {
                return Self::Member;
            }
            let names = table.partitions.into_iter().map(|partition| partition.name).collect();
            return Self::Partitions(names);
        }
        if head.iter().all(|&octet| octet == 0) {
            return Self::Blank;
        }
        let known = [
            (at(1024 + 0x38, &[0x53, 0xef]), "ext4"),
            (at(0, b"XFSB"), "XFS"),
            (at(4096, &0xa92b_4efc_u32.to_le_bytes()), "Linux RAID"),
            (at(512, b"LABELONE"), "LVM"),
            (at(3, b"NTFS    "), "NTFS"),
            (at(0x52, b"FAT32") || at(0x36, b"FAT16"), "FAT"),
            (at(32769, b"CD001"), "ISO 9660"),
            (at(512, b"EFI PART"), "GPT?"),
            (at(510, &[0x55, 0xaa]), "MBR"),
        ];
        Self::Other(known.iter().find(|(is, _)| *is).map_or("?", |(_, name)| name))
    }

    /// In words.
    pub(crate) fn words(&self) -> Said {
        match self {
            Self::Blank => both("empty", "空"),
            Self::Spanwatch(_) => both("Spanwatch", "网镜系统"),
            Self::Member => both("data of a Spanwatch array", "网镜数据阵列成员"),
            Self::Partitions(names) => {
                let names = names
                    .iter()
                    .take(6)
                    .map(|name| if name.is_empty() { "-" } else { name.as_str() });
                let names = names.collect::<Vec<_>>().join(", ");
                both(format!("partitions: {names}"), format!("已有分区：{names}"))
            }
            Self::Medium => both("installation medium", "安装介质"),
            Self::Other(what) => both(format!("data ({what})"), format!("已有数据（{what}）")),
            Self::Unreadable(why) => both(format!("unreadable: {why}"), format!("无法读取：{why}")),
        }
    }
}

/// A disk.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    /// The kernel's name of it: `sda`.
    pub(crate) name: String,
    /// Its size.
    pub(crate) octets: u64,
    /// Its sectors' octets.
    pub(crate) sector: u64,
    /// Maker and model, as far as the disk tells.
    pub(crate) model: String,
    /// Its own serial number.
    pub(crate) serial: Option<String>,
    /// Whether it is on USB, or its medium can be taken out.
    pub(crate) removable: bool,
    /// Whether it cannot be written.
    pub(crate) read_only: bool,
    /// What it says of its own health.
    pub(crate) condition: Condition,
    /// What is on it.
    pub(crate) contents: Contents,
}

/// Why a disk will not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unsuitable {
    /// It is what the installer came on.
    Medium,
    /// It can be taken out, or is on USB.
    Removable,
    /// It cannot be written.
    ReadOnly,
    /// It has fewer octets than these.
    TooSmall(u64),
    /// Its sectors have so many octets and not 512.
    Sectors(u64),
    /// It says so itself.
    Failing(Said),
    /// Its first octets cannot be read.
    Unreadable(String),
}

impl Unsuitable {
    /// In words.
    pub(crate) fn words(&self) -> Said {
        match self {
            Self::Medium => both("is an installation medium", "是安装介质"),
            Self::Removable => both("is removable or on USB", "是可移动或 USB 设备"),
            Self::ReadOnly => both("is read-only", "是只读磁盘"),
            Self::TooSmall(need) => both(
                format!("is too small: {} are needed", size(*need)),
                format!("容量太小：至少需要 {}", size(*need)),
            ),
            Self::Sectors(octets) => both(
                format!("has sectors of {octets} octets; only 512 are supported: format it to 512"),
                format!("扇区为 {octets} 字节，仅支持 512 字节：请先低级格式化为 512 字节扇区"),
            ),
            Self::Failing(why) => both(
                format!("is failing, says SMART: {}", why.en),
                format!("SMART 报告磁盘即将失效：{}", why.zh),
            ),
            Self::Unreadable(why) => both(format!("cannot be read: {why}"), format!("无法读取：{why}")),
        }
    }
}

impl Disk {
    /// Whether it will do as a disk of so many octets.
    pub(crate) fn suits(&self, least: u64) -> Result<(), Unsuitable> {
        if self.contents == Contents::Medium {
            return Err(Unsuitable::Medium);
        }
        if self.removable {
            return Err(Unsuitable::Removable);
        }
        if self.read_only {
            return Err(Unsuitable::ReadOnly);
        }
        if self.octets < least {
            return Err(Unsuitable::TooSmall(least));
        }
        if self.sector != SECTOR {
            return Err(Unsuitable::Sectors(self.sector));
        }
        if let Some(why) = self.condition.failing() {
            return Err(Unsuitable::Failing(why));
        }
        if let Contents::Unreadable(why) = &self.contents {
            return Err(Unsuitable::Unreadable(why.clone()));
        }
        Ok(())
    }

    /// Its size in sectors.
    pub(crate) fn sectors(&self) -> u64 {
        self.octets / SECTOR
    }

    /// Whether people mean this disk by `name`: its serial number, `sda` or `/dev/sda`.
    pub(crate) fn is(&self, name: &str) -> bool {
        name.strip_prefix("/dev/").unwrap_or(name) == self.name || self.serial.as_deref() == Some(name)
    }
}

/// Octets as disks are sold: `3.0 TB`.
pub(crate) fn size(octets: u64) -> String {
    let units = [("TB", 1_000_000_000_000_u64), ("GB", 1_000_000_000), ("MB", 1_000_000)];
    let (name, unit) = units
        .into_iter()
        .find(|(_, unit)| octets >= *unit)
        .unwrap_or(("MB", 1_000_000));
    let tenths = octets / (unit / 10);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

#[cfg(test)]
pub(crate) mod tests {
    use hwmon::verdict::Health;

    use super::*;
    use crate::gpt::tests::image_table;

    /// An empty disk that will do.
    pub(crate) fn disk(name: &str, octets: u64) -> Disk {
        Disk {
            name: name.to_owned(),
            octets,
            sector: 512,
            model: "Test".to_owned(),
            serial: Some(format!("S-{name}")),
            removable: false,
            read_only: false,
            condition: Condition {
                health: Health::Ok,
                reasons: Vec::new(),
            },
            contents: Contents::Blank,
        }
    }

    #[test]
    fn contents_are_told_apart() {
        let mut head = vec![0; HEAD];
        assert_eq!(Contents::of(&head), Contents::Blank);
        head[HEAD - 1] = 1;
        assert_eq!(Contents::of(&head), Contents::Other("?"));
        let table = image_table();
        let mut spanwatch = table.encode(1 << 24).0;
        spanwatch.resize(HEAD, 0);
        assert_eq!(Contents::of(&spanwatch), Contents::Spanwatch(table.clone()));
        let mut other = table;
        other.partitions.truncate(1);
        let mut head = other.encode(1 << 24).0;
        head.resize(HEAD, 0);
        assert_eq!(
            Contents::of(&head),
            Contents::Partitions(vec!["spanwatch-esp".to_owned()])
        );
        head[16 * 2048 + 40..][..MEDIUM.len()].copy_from_slice(MEDIUM);
        assert_eq!(Contents::of(&head), Contents::Medium);
    }

    #[test]
    fn each_reason_is_found() {
        let good = disk("sda", 8 << 30);
        assert_eq!(good.suits(SYSTEM_MIN), Ok(()));
        assert_eq!(
            disk("sda", SYSTEM_MIN - 512).suits(SYSTEM_MIN),
            Err(Unsuitable::TooSmall(SYSTEM_MIN))
        );
        let with = |change: fn(&mut Disk)| {
            let mut disk = good.clone();
            change(&mut disk);
            disk.suits(SYSTEM_MIN)
        };
        assert_eq!(with(|disk| disk.contents = Contents::Medium), Err(Unsuitable::Medium));
        assert_eq!(with(|disk| disk.removable = true), Err(Unsuitable::Removable));
        assert_eq!(with(|disk| disk.read_only = true), Err(Unsuitable::ReadOnly));
        assert_eq!(with(|disk| disk.sector = 4096), Err(Unsuitable::Sectors(4096)));
        assert_eq!(
            with(|disk| disk.condition = Condition {
                health: Health::Failing,
                reasons: vec![both("x", "x")],
            }),
            Err(Unsuitable::Failing(both("x", "x")))
        );
        assert_eq!(
            with(|disk| disk.contents = Contents::Unreadable("x".into())),
            Err(Unsuitable::Unreadable("x".into()))
        );
    }

    #[test]
    fn sizes_are_told_as_on_the_label() {
        assert_eq!(size(3_000_592_982_016), "3.0 TB");
        assert_eq!(size(300_000_000_000), "300.0 GB");
        assert_eq!(size(4 << 30), "4.2 GB");
    }
}
