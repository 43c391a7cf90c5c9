//! What is written where, and in which order: pure, so that tests carry it out on disks of memory.

use crate::answers::{Answers, Existing, Layout, Members, serial_number};
use crate::disk::{Contents, Disk, MEMBER_MIN, SYSTEM_MIN, Unsuitable};
use crate::gpt::{LINUX, Partition, RAID, SECTOR, TAIL, Table, last_usable};
use crate::talk::{Said, both};

/// What is erased at both ends of a disk, and the grain of partitions.
pub(crate) const MIB: u64 = 1 << 20;

/// The disk image that is installed.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// Its partitions.
    pub(crate) table: Table,
}

/// What was decided, on the disks that are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The system disk, as an index.
    pub(crate) system: usize,
    /// How the data is kept.
    pub(crate) layout: Layout,
    /// The array's disks, as indices; empty when there is no array.
    pub(crate) members: Vec<usize>,
    /// Whether the identity that is on the system disk stays.
    pub(crate) keep_identity: bool,
    /// The box's serial number; none when the identity that stays has it.
    pub(crate) serial_number: Option<String>,
}

/// Why nothing can be installed as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No disk will do; why each will not.
    NoDisk(Vec<(String, Unsuitable)>),
    /// There is no such disk.
    Unknown(String),
    /// This disk will not do.
    Unsuitable(String, Unsuitable),
    /// The disk holds something, and it was not said that it may be erased.
    Used(String, Contents),
    /// The disk holds a Spanwatch, and it was not said what becomes of it.
    Existing(String),
    /// The identity cannot stay, as it lies elsewhere than in this image.
    Moved(String),
    /// So few disks make no such array.
    TooFew(Layout, usize),
    /// A disk is named twice.
    Twice(String),
    /// The machine has no serial number of its own, and none was given.
    NoSerial,
}

impl Refused {
    /// In words, with what to do.
    pub(crate) fn words(&self) -> Said {
        match self {
            Self::NoDisk(why) => {
                let list = |text: fn(&Said) -> &str| {
                    let each = why
                        .iter()
                        .map(|(name, why)| format!("\n  {name} {}", text(&why.words())));
                    each.collect::<String>()
                };
                both(
                    format!("disk: no disk will do{}", list(|said| &said.en)),
                    format!("disk：没有可用的磁盘{}", list(|said| &said.zh)),
                )
            }
            Self::Unknown(name) => both(
                format!("disk: there is no disk {name:?}"),
                format!("disk：没有磁盘 {name:?}"),
            ),
            Self::Unsuitable(name, why) => {
                let why = why.words();
                both(format!("disk: {name} {}", why.en), format!("disk：{name} {}", why.zh))
            }
            Self::Used(name, contents) => {
                let what = contents.words();
                both(
                    format!("used_disks: {name} holds {}; say \"erase\" to erase it", what.en),
                    format!("used_disks：{name} 上有{}；填写 \"erase\" 才会清除", what.zh),
                )
            }
            Self::Existing(name) => both(
                format!(
                    "existing: {name} holds a Spanwatch; say \"keep-identity\" or \"new-identity\" to install it anew"
                ),
                format!("existing：{name} 上已有网镜系统；填写 \"keep-identity\" 或 \"new-identity\" 才会重新安装"),
            ),
            Self::Moved(name) => both(
                format!(
                    "existing: the identity on {name} lies elsewhere than in this version and cannot stay; say \"new-identity\""
                ),
                format!("existing：{name} 上身份分区的位置与本版本不同，无法保留；请填写 \"new-identity\""),
            ),
            Self::TooFew(layout, have) => both(
                format!(
                    "data.layout: {} takes {} disks or more; {have} will do here",
                    layout.name(),
                    layout.fewest()
                ),
                format!(
                    "data.layout：{} 至少需要 {} 块磁盘，现有 {have} 块可用",
                    layout.name(),
                    layout.fewest()
                ),
            ),
            Self::Twice(name) => both(
                format!("data.disks: {name} is named twice"),
                format!("data.disks：{name} 重复"),
            ),
            Self::NoSerial => both(
                "serial_number: the machine's own tables hold none; give it one",
                "serial_number：主板信息中没有序列号，请填写",
            ),
        }
    }
}

/// Decides which disks are taken; nothing is written by it.
pub(crate) fn choose(
    answers: &Answers,
    disks: &[Disk],
    image: &Image,
    machine_serial: Option<&str>,
) -> Result<Choice, Refused> {
    let system = system_disk(answers, disks)?;
    let disk = disks.get(system).ok_or_else(|| Refused::NoDisk(Vec::new()))?;
    let members = match answers.layout {
        Layout::Single => Vec::new(),
        Layout::Raid(_) => members(answers, disks)?,
    };
    let mut keep_identity = false;
    match (&disk.contents, answers.existing) {
        (Contents::Spanwatch(_), Existing::Refuse) => return Err(Refused::Existing(disk.name.clone())),
        (Contents::Spanwatch(table), Existing::KeepIdentity) => {
            let place = |table: &Table| {
                let (number, partition) = table.named("spanwatch-identity")?;
                Some((number, partition.first, partition.last))
            };
            if place(table) != place(&image.table) {
                return Err(Refused::Moved(disk.name.clone()));
            }
            keep_identity = true;
        }
        _ => {}
    }
    for index in members.iter().chain([&system]) {
        let Some(disk) = disks.get(*index) else { continue };
        let used = match disk.contents {
            Contents::Blank => false,
            Contents::Spanwatch(_) => *index != system,
            _ => true,
        };
        if used && !answers.erase {
            return Err(Refused::Used(disk.name.clone(), disk.contents.clone()));
        }
    }
    let serial = answers
        .serial_number
        .as_deref()
        .or(machine_serial)
        .filter(|text| serial_number(text));
    if serial.is_none() && !keep_identity {
        return Err(Refused::NoSerial);
    }
    Ok(Choice {
        system,
        layout: answers.layout,
        members,
        keep_identity,
        serial_number: serial.map(str::to_owned),
    })
}

fn named(disks: &[Disk], name: &str, least: u64) -> Result<usize, Refused> {
    let found = disks.iter().enumerate().find(|(_, disk)| disk.is(name));
    let (index, disk) = found.ok_or_else(|| Refused::Unknown(name.to_owned()))?;
    disk.suits(least)
        .map_err(|why| Refused::Unsuitable(disk.name.clone(), why))?;
    Ok(index)
}

fn system_disk(answers: &Answers, disks: &[Disk]) -> Result<usize, Refused> {
    if let Some(name) = &answers.disk {
        return named(disks, name, SYSTEM_MIN);
    }
    let mut why = Vec::new();
    for (index, disk) in disks.iter().enumerate() {
        match disk.suits(SYSTEM_MIN) {
            Ok(()) => return Ok(index),
            Err(reason) => why.push((disk.name.clone(), reason)),
        }
    }
    Err(Refused::NoDisk(why))
}

fn members(answers: &Answers, disks: &[Disk]) -> Result<Vec<usize>, Refused> {
    let mut found = match &answers.members {
        Members::All => {
            let suitable = disks
                .iter()
                .enumerate()
                .filter(|(_, disk)| disk.suits(MEMBER_MIN).is_ok());
            suitable.map(|(index, _)| index).collect::<Vec<_>>()
        }
        Members::These(names) => names
            .iter()
            .map(|name| named(disks, name, MEMBER_MIN))
            .collect::<Result<Vec<_>, _>>()?,
    };
    found.sort_unstable();
    if let Some(twice) = found.windows(2).find(|pair| pair.first() == pair.last()) {
        let name = twice
            .first()
            .and_then(|index| disks.get(*index))
            .map(|disk| disk.name.clone());
        return Err(Refused::Twice(name.unwrap_or_default()));
    }
    match found.len() >= answers.layout.fewest() {
        true => Ok(found),
        false => Err(Refused::TooFew(answers.layout, found.len())),
    }
}

/// One thing that is done to a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Zeros are written.
    Zero(Area),
    /// The image's octets are written to the same place.
    Copy(Area),
    /// The image's octets are compared with those at the same place.
    Compare(Area),
    /// Octets are written, flushed and read back.
    Put(usize, u64, Vec<u8>),
    /// What was written is on the medium afterwards.
    Flush(usize),
}

/// A part of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    /// The disk's index.
    pub(crate) disk: usize,
    /// The first octet.
    pub(crate) at: u64,
    /// The octets.
    pub(crate) octets: u64,
}

/// Everything that is done.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The steps, in their order.
    pub(crate) steps: Vec<Step>,
    /// The system disk's partitions, as they are then.
    pub(crate) table: Table,
    /// The array's partitions: disk and number.
    pub(crate) members: Vec<(usize, usize)>,
    /// Where the self-test may write on each disk that is taken.
    pub(crate) free: Vec<Area>,
}

impl Plan {
    /// Plans it. Until the last steps no disk that is written can be started from, and an identity that
    /// stays is found again whenever this ends early: its partition and the table that leads to it are not touched.
    /// `id` makes identifiers of new partitions and disks.
    pub(crate) fn make(choice: &Choice, disks: &[Disk], image: &Image, mut id: impl FnMut() -> [u8; 16]) -> Self {
        let sectors = |index: usize| disks.get(index).map_or(0, Disk::sectors);
        let system = choice.system;
        let mut table = image.table.clone();
        let mut member_of_system = false;
        let end = aligned_end(sectors(system));
        if let Some((number, _)) = image.table.named("spanwatch-data") {
            let index = number - 1;
            match (choice.layout, choice.members.contains(&system)) {
                (Layout::Raid(_), false) => {
                    table.partitions.truncate(index);
                }
                (layout, _) => {
                    if let Some(partition) = table.partitions.get_mut(index) {
                        partition.last = end;
                        if layout != Layout::Single {
                            partition.kind = RAID;
                            partition.name = "spanwatch-member".to_owned();
                            member_of_system = true;
                        }
                    }
                }
            }
        }
        let mut plan = Self {
            steps: Vec::new(),
            table,
            members: Vec::new(),
            free: Vec::new(),
        };
        let whole = |partition: &Partition| Area {
            disk: system,
            at: partition.start(),
            octets: partition.octets(),
        };
        let mut copies = Vec::new();
        let mut start = None;
        for partition in &image.table.partitions {
            let area = whole(partition);
            match partition.name.as_str() {
                "spanwatch-esp" => {
                    let head = area.octets.min(MIB);
                    start = Some(Area { octets: head, ..area });
                    copies.push(Area {
                        at: area.at + head,
                        octets: area.octets - head,
                        ..area
                    });
                }
                "spanwatch-identity" if choice.keep_identity => {}
                "spanwatch-data" => {
                    copies.push(area);
                    let octets = ((end + 1) * SECTOR).saturating_sub(area.at);
                    plan.free.push(Area { octets, ..area });
                }
                _ => copies.push(area),
            }
        }
        plan.steps.extend(start.map(Step::Zero));
        if !choice.keep_identity {
            plan.erase(system, sectors(system));
        }
        let others: Vec<usize> = choice
            .members
            .iter()
            .copied()
            .filter(|index| *index != system)
            .collect();
        for index in &others {
            plan.erase(*index, sectors(*index));
        }
        let flushes: Vec<Step> = others
            .iter()
            .chain([&system])
            .map(|index| Step::Flush(*index))
            .collect();
        plan.steps.extend(flushes.clone());
        plan.steps.extend(copies.iter().copied().map(Step::Copy));
        plan.steps.extend(flushes);
        plan.steps.extend(copies.iter().copied().map(Step::Compare));
        if let Some(start) = start {
            plan.steps
                .extend([Step::Copy(start), Step::Flush(system), Step::Compare(start)]);
        }
        for index in &choice.members {
            if *index == system {
                if member_of_system {
                    plan.members.push((system, plan.table.partitions.len()));
                }
                continue;
            }
            let last = aligned_end(sectors(*index));
            plan.free.push(Area {
                disk: *index,
                at: MIB,
                octets: (last + 1) * SECTOR - MIB,
            });
            let bay = Table {
                id: id(),
                partitions: vec![data_partition(RAID, "spanwatch-member", last, id())],
            };
            plan.put_table(*index, &bay, sectors(*index));
            plan.members.push((*index, 1));
        }
        let table = plan.table.clone();
        plan.put_table(system, &table, sectors(system));
        plan
    }

    /// What an array's own table is: one partition that the installed system takes for its data.
    pub(crate) fn array_table(sectors: u64, mut id: impl FnMut() -> [u8; 16]) -> Vec<Step> {
        let mut plan = Self {
            steps: Vec::new(),
            table: Table {
                id: id(),
                partitions: Vec::new(),
            },
            members: Vec::new(),
            free: Vec::new(),
        };
        let last = aligned_end(sectors);
        plan.erase(0, sectors);
        // the first mebibyte of the partition: zeros are what makes the system make a file system
        plan.steps.push(Step::Zero(Area {
            disk: 0,
            at: MIB,
            octets: MIB,
        }));
        plan.steps.push(Step::Flush(0));
        let table = Table {
            id: plan.table.id,
            partitions: vec![data_partition(LINUX, "spanwatch-data", last, id())],
        };
        plan.put_table(0, &table, sectors);
        plan.steps
    }

    fn erase(&mut self, disk: usize, sectors: u64) {
        let octets = sectors * SECTOR;
        self.steps.push(Step::Zero(Area {
            disk,
            at: 0,
            octets: MIB.min(octets),
        }));
        let at = octets.saturating_sub(MIB);
        self.steps.push(Step::Zero(Area {
            disk,
            at,
            octets: octets - at,
        }));
    }

    /// The spare first: a table that is there is whole.
    fn put_table(&mut self, disk: usize, table: &Table, sectors: u64) {
        let (head, tail) = table.encode(sectors);
        self.steps.push(Step::Put(disk, sectors * SECTOR - TAIL as u64, tail));
        self.steps.push(Step::Put(disk, 0, head));
    }
}

fn data_partition(kind: [u8; 16], name: &str, last: u64, id: [u8; 16]) -> Partition {
    Partition {
        kind,
        id,
        first: MIB / SECTOR,
        last,
        attributes: 0,
        name: name.to_owned(),
    }
}

/// The last sector of a partition that reaches a disk's end, so that its size is a multiple of a mebibyte.
fn aligned_end(sectors: u64) -> u64 {
    let grain = MIB / SECTOR;
    ((last_usable(sectors) + 1) / grain * grain).saturating_sub(1)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
