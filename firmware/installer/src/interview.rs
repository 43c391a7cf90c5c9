//! What an operator is shown and asked, once, before anything is written.

use crate::answers::{Answers, Depth, Existing, Finish, Layout, Members, serial_number};
use crate::disk::{Contents, Disk, SYSTEM_MIN, size};
use crate::plan::Choice;
use crate::talk::{Consoles, both, same};

/// Shows every disk: what it is, what is on it, why it will not do.
pub(crate) fn show(consoles: &mut Consoles, disks: &[Disk]) {
    consoles.say(&both("Disks:", "磁盘："));
    if disks.is_empty() {
        consoles.say(&both("  none", "  无"));
    }
    for (index, disk) in disks.iter().enumerate() {
        let head = format!(
            "  {} {:8} {:>9}  {} {}",
            index + 1,
            disk.name,
            size(disk.octets),
            disk.model,
            disk.serial.as_deref().unwrap_or("-")
        );
        let holds = disk.contents.words();
        let (en, zh) = match disk.suits(SYSTEM_MIN) {
            Ok(()) => (String::new(), String::new()),
            Err(why) => {
                let why = why.words();
                (format!("; NOT SUITABLE: {}", why.en), format!("；不可用：{}", why.zh))
            }
        };
        consoles.say(&both(
            format!("{head}  {}{en}", holds.en),
            format!("{head}  {}{zh}", holds.zh),
        ));
    }
}

/// Asks for everything at once.
pub(crate) fn ask(consoles: &mut Consoles, disks: &[Disk], machine_serial: Option<&str>) -> Answers {
    let disk = loop {
        let line = consoles.ask(&both(
            "Number of the system disk (Enter: the first that will do)",
            "系统盘编号（回车：第一块可用磁盘）",
        ));
        if line.is_empty() {
            break None;
        }
        let index = line.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        match index.and_then(|index| disks.get(index)) {
            Some(disk) => break Some(disk.name.clone()),
            None => consoles.say(&both("There is no such disk", "没有该磁盘")),
        }
    };
    let layout = loop {
        let line = consoles.ask(&both(
            "Data: single, raid1, raid5, raid6 or raid10 (Enter: single, on the rest of the system disk)",
            "数据布局：single、raid1、raid5、raid6 或 raid10（回车：single，使用系统盘剩余空间）",
        ));
        if line.is_empty() {
            break Layout::Single;
        }
        match Layout::named(&line) {
            Some(layout) => break layout,
            None => consoles.say(&both("There is no such layout", "没有该布局")),
        }
    };
    let members = match layout {
        Layout::Single => Members::All,
        Layout::Raid(_) => members(consoles, disks),
    };
    let system = disks.iter().find(|known| match &disk {
        Some(name) => known.is(name),
        None => known.suits(SYSTEM_MIN).is_ok(),
    });
    let existing = match system.map(|disk| &disk.contents) {
        Some(Contents::Spanwatch(_)) => existing(consoles),
        _ => Existing::Refuse,
    };
    let serial = match (machine_serial, existing) {
        (Some(_), _) | (_, Existing::KeepIdentity) => None,
        _ => Some(loop {
            let line = consoles.ask(&both("Serial number of this box", "本机序列号"));
            if serial_number(&line) {
                break line;
            }
            consoles.say(&both(
                "Letters, digits, dots, hyphens and underscores, 32 at most",
                "仅限字母、数字、点、连字符和下划线，最多 32 个字符",
            ));
        }),
    };
    Answers {
        disk,
        layout,
        members,
        serial_number: serial,
        existing,
        // the plan is shown with what is on the disks, and confirmed
        erase: true,
        self_test: match consoles
            .ask(&both(
                "Self-test: quick or full (Enter: quick)",
                "自检：quick 快速 或 full 完整（回车：quick）",
            ))
            .as_str()
        {
            "full" => Depth::Full,
            _ => Depth::Quick,
        },
        finish: Finish::PowerOff,
    }
}

fn members(consoles: &mut Consoles, disks: &[Disk]) -> Members {
    loop {
        let line = consoles.ask(&both(
            "Numbers of the array's disks, with blanks between (Enter: all that will do)",
            "阵列磁盘编号，用空格分隔（回车：所有可用磁盘）",
        ));
        if line.is_empty() {
            return Members::All;
        }
        let names: Option<Vec<String>> = line
            .split_whitespace()
            .map(|word| Some(disks.get(word.parse::<usize>().ok()?.checked_sub(1)?)?.name.clone()))
            .collect();
        match names {
            Some(names) => return Members::These(names),
            None => consoles.say(&both("There is no such disk", "没有该磁盘")),
        }
    }
}

fn existing(consoles: &mut Consoles) -> Existing {
    consoles.say(&both(
        "This disk holds a Spanwatch already. Its data will be lost.",
        "该磁盘上已有网镜系统，其数据将丢失。",
    ));
    loop {
        let line = consoles.ask(&both(
            "keep: the box keeps its identity; new: it gets a new one (Enter: keep)",
            "keep：保留原有身份；new：生成新身份（回车：keep）",
        ));
        match line.as_str() {
            "" | "keep" => return Existing::KeepIdentity,
            "new" => return Existing::NewIdentity,
            _ => {}
        }
    }
}

/// Shows what will be done.
pub(crate) fn plan(consoles: &mut Consoles, choice: &Choice, disks: &[Disk]) {
    let name = |index: usize| disks.get(index).map_or("?", |disk| disk.name.as_str());
    consoles.say(&both("Plan:", "计划："));
    let mut lost: Vec<usize> = choice.members.iter().copied().chain([choice.system]).collect();
    lost.sort_unstable();
    lost.dedup();
    for disk in lost.into_iter().filter_map(|index| disks.get(index)) {
        let holds = disk.contents.words();
        consoles.say(&both(
            format!("  {} ({}, {}) will be ERASED", disk.name, size(disk.octets), holds.en),
            format!("  {}（{}，{}）将被清除", disk.name, size(disk.octets), holds.zh),
        ));
    }
    consoles.say(&both(
        format!("  system on {}, data {}", name(choice.system), choice.layout.name()),
        format!("  系统：{}，数据：{}", name(choice.system), choice.layout.name()),
    ));
    if !choice.members.is_empty() {
        let all: Vec<&str> = choice.members.iter().map(|index| name(*index)).collect();
        consoles.say(&same(format!("  {}: {}", choice.layout.name(), all.join(" "))));
    }
    let serial = choice.serial_number.as_deref().unwrap_or("-");
    consoles.say(&match choice.keep_identity {
        true => both("  the box keeps its identity", "  保留原有身份"),
        false => both(
            format!("  new identity, serial number {serial}"),
            format!("  新身份，序列号 {serial}"),
        ),
    });
}

/// Whether the operator wants it, by the word typed.
pub(crate) fn confirmed(consoles: &mut Consoles) -> bool {
    consoles.ask(&both("Type INSTALL to begin", "输入 INSTALL 开始安装")) == "INSTALL"
}
