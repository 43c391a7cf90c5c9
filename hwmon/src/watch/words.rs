//! What people read of an alarm, in Chinese and English: what is wrong, and what to do.

use api::hardware::Text;

use crate::board::{Board, Component};
use crate::policy::Alarm;
use crate::why::{Phrase, Value, Why, phrases};

/// An alarm in one language.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Words {
    /// What is wrong, with the part's name.
    pub title: String,
    /// What to do; never empty.
    pub todo: String,
}

/// An alarm's words, Chinese and English. What was measured stands in the alarm's own text.
#[must_use]
pub fn words(board: &Board, alarm: &Alarm) -> [Words; 2] {
    let (component, part) = about(board, alarm);
    let (problem, todo) = (problem(&alarm.code), todo(&alarm.code, component.as_ref()));
    [
        Words {
            title: format!("{}：{}", part.zh, problem.zh),
            todo: spaced(todo.zh, &part.zh),
        },
        Words {
            title: format!("{}: {}", part.en, problem.en),
            todo: todo.en.replace("{part}", &part.en),
        },
    ]
}

/// A Chinese text with the part's name in it: blanks stand only between Chinese and other letters.
fn spaced(text: &str, part: &str) -> String {
    let chinese = |c: Option<char>| c.is_some_and(|c| !c.is_ascii());
    let before = if chinese(part.chars().next()) {
        " {part}"
    } else {
        "{part}"
    };
    let text = text.replace(before, "{part}");
    let after = if chinese(part.chars().last()) {
        "{part} "
    } else {
        "{part}"
    };
    text.replace(after, "{part}").replace("{part}", part)
}

/// What an alarm is about, and what people call that.
#[must_use]
pub fn about(board: &Board, alarm: &Alarm) -> (Option<Component>, Text) {
    let component: Option<Component> = alarm.subject.place.parse().ok();
    let part = component
        .as_ref()
        .map_or_else(|| Why::given(alarm.subject.place.as_str()), |c| part(board, c));
    (component, part.into())
}

/// A part's name: the board's, or else its kind and number.
fn part(board: &Board, component: &Component) -> Why {
    let one = |phrase: &'static Phrase, which: Value| phrase.with([which]);
    match component {
        Component::Bay(n) => one(phrases::PART_BAY, (*n).into()),
        Component::Disk(name) => one(phrases::PART_DISK, name.into()),
        Component::Supply(n) => {
            // a name of its own is what is printed on the chassis
            let own = board.supplies().iter().find(|s| s.number == *n);
            match own.filter(|s| s.name != format!("PSU {n}")) {
                Some(own) => Why::given(own.name.as_str()),
                None => one(phrases::PART_SUPPLY, (*n).into()),
            }
        }
        Component::Supplies => phrases::PART_SUPPLIES.into(),
        Component::Fan(n) => {
            let own = board.fans().iter().find(|f| f.number == *n);
            match own.filter(|f| f.name != format!("Fan {n}")) {
                Some(own) => Why::given(own.name.as_str()),
                None => one(phrases::PART_FAN, (*n).into()),
            }
        }
        Component::Fans => phrases::PART_FANS.into(),
        Component::Port(name) => one(phrases::PART_PORT, name.into()),
        Component::Memory(name) => one(phrases::PART_MEMORY, name.into()),
        Component::Processor(n) => one(phrases::PART_PROCESSOR, (*n).into()),
        Component::Room => phrases::PART_ROOM.into(),
        Component::Array(name) => one(phrases::PART_ARRAY, name.into()),
        // an id's parts are divided by slashes, so those of a path are not
        Component::FileSystem(name) => one(phrases::PART_FILE_SYSTEM, name.replace('\\', "/").into()),
        Component::Card(name) => one(phrases::PART_CARD, name.into()),
        Component::Controller => phrases::PART_CONTROLLER.into(),
        Component::Clock => phrases::PART_CLOCK.into(),
        Component::Sensor(id) => sensor(id),
    }
}

/// A sensor's name, from its reading's id or that of its source.
fn sensor(id: &str) -> Why {
    let parts: Vec<&str> = id.split('/').collect();
    match parts.as_slice() {
        [from] => phrases::PART_SOURCE.with([source(from).into()]),
        ["watchdog", watchdog, ..] => phrases::PART_WATCHDOG.with([(*watchdog).into()]),
        ["cpu", ..] => phrases::PART_PROCESSORS.into(),
        ["ipmi", "chassis", ..] => phrases::PART_CHASSIS.into(),
        ["ipmi", "dcmi", ..] => phrases::R_BOX_POWER.into(),
        ["hwmon", chip, sensor] => {
            let chip = chip.split('@').next().unwrap_or(chip);
            let quantity = sensor.trim_end_matches(|c: char| c.is_ascii_digit());
            let number = sensor.strip_prefix(quantity).unwrap_or_default();
            match crate::sysfs::named(quantity) {
                Some(what) => phrases::NUMBERED.with([chip.into(), what.into(), number.into()]),
                None => phrases::PART_SENSOR.with([format!("{chip} {sensor}").into()]),
            }
        }
        [.., last] => phrases::PART_SENSOR.with([(*last).into()]),
        [] => phrases::K_SENSOR.into(),
    }
}

/// Who is asked for readings, by the name among [`Sample::silent`](super::Sample::silent): a disk's name is its own.
#[must_use]
pub fn source(name: &str) -> Why {
    let phrase = match name {
        "sysfs" => phrases::SOURCE_KERNEL,
        "ipmi" => phrases::SOURCE_CONTROLLER,
        "space" => phrases::SOURCE_SPACE,
        "optics" => phrases::SOURCE_OPTICS,
        "clock" => phrases::SOURCE_CLOCK,
        disk => return Why::given(disk),
    };
    phrase.into()
}

/// The same in both languages.
#[derive(Clone, Copy)]
struct Said {
    zh: &'static str,
    en: &'static str,
}

const fn of(zh: &'static str, en: &'static str) -> Said {
    Said { zh, en }
}

fn problem(code: &str) -> Said {
    match code {
        // drives
        "self_assessment" => of("硬盘自检判定即将失效", "the drive says itself that it fails"),
        "attribute_now" => of("健康指标已越过阈值", "an attribute is at its threshold"),
        "attribute_past" => of("健康指标曾越过阈值", "an attribute was at its threshold"),
        "reallocated" => of("有被备用扇区替换的坏扇区", "bad sectors were replaced by spare ones"),
        "grown_defects" => of("缺陷扇区增多", "defective sectors were replaced"),
        "pending" | "pending_log" => of("有待替换的坏扇区", "sectors wait to be replaced"),
        "offline_uncorrectable" => of("有无法读取的扇区", "sectors cannot be read"),
        "reported_uncorrectable"
        | "uncorrected_reads"
        | "uncorrected_writes"
        | "uncorrected_verifies"
        | "media_errors" => of("出现不可纠正的读写错误", "there were uncorrectable errors"),
        "end_to_end" => of("盘内数据校验出错", "data was damaged inside the drive"),
        "spin_retries" => of("电机多次尝试才能起转", "the motor needed several tries to spin up"),
        "life_left" | "life_used" => of("写入寿命即将用尽", "its rated life is nearly used up"),
        "self_test" => of("硬盘自检未通过", "a self-test failed"),
        "spare" => of("备用块不足", "too few spare blocks are left"),
        "reliability" => of("可靠性下降", "its reliability is degraded"),
        "read_only" => of("已变为只读", "it can only be read"),
        "backup" | "persistent_memory" => of("掉电保护失效", "its protection against loss of power has failed"),
        "critical_warning" => of("硬盘报告严重警告", "the drive gives a critical warning"),
        "growing" => of("坏扇区或读写错误正在增加", "bad sectors or errors are growing"),
        "timeouts_growing" => of("命令超时增多", "commands take too long more and more often"),
        "cable_growing" => of("线缆或背板通信错误增多", "errors on the cable or backplane are growing"),
        "removed" => of("硬盘已被拔出或失联", "its disk was pulled or lost"),
        "bay" => of("管理控制器报告槽位异常", "the management controller reports a problem"),
        "offline" => of("系统已停用该硬盘", "the system has given the disk up"),
        // parts
        "absent" => of("未安装或已被拔出", "is missing"),
        "supply" => of("电源故障", "has failed or has no input"),
        "fan" => of("风扇停转或过慢", "stands still or is too slow"),
        "redundancy" => of("冗余下降", "redundancy is reduced"),
        "lost" => of("长时间没有读数", "has had no reading for long"),
        "no_answer" => of("没有应答", "does not answer"),
        // the rest
        "temperature" => of("温度过高", "too hot"),
        "room_hot" => of("进风温度过高", "the air is too warm"),
        "room_cold" => of("进风温度过低", "the air is too cold"),
        "voltage" => of("电压超出范围", "a voltage is out of range"),
        "power" => of("功率或电流超出范围", "power or current is out of range"),
        "memory_corrected" => of("可纠正的内存错误过多", "too many corrected memory errors"),
        "memory_uncorrected" => of("出现不可纠正的内存错误", "uncorrected memory errors"),
        "array" => of("磁盘阵列降级或失效", "is degraded or has failed"),
        "member" => of("阵列成员盘失效", "a member has failed"),
        "link" => of("没有链路", "has no link"),
        "port_errors" => of("收发错误增多", "receives or sends with errors"),
        "optics" => of("光模块读数超限", "the transceiver is out of its limits"),
        "pcie" => of("PCIe 总线错误", "PCIe errors"),
        "pcie_corrected" => of("可纠正的 PCIe 错误增多", "corrected PCIe errors are growing"),
        "throttled" => of("因过热而降频", "slows down for heat"),
        "filesystem" => of("文件系统有错误", "is damaged"),
        "full" => of("空间或 inode 即将用尽", "is nearly full"),
        "clock" => of("长时间没有同步", "has not been set for long"),
        "watchdog" => of("看门狗曾复位设备", "the watchdog has reset the box"),
        _ => of("状态异常", "is not as it should be"),
    }
}

const PULL: Said = of(
    "先确认数据有冗余或备份。用“定位”点亮 {part} 的指示灯，直接拔出坏盘，换上同等或更大容量的空盘（无分区）：支持热插拔，无需停机，阵列会自动重建。",
    "Make sure that the data is redundant or saved. Locate {part} by its light, pull the disk and put in an empty one (without partitions) of the same size or larger: it can be swapped while the box runs, and the array rebuilds by itself.",
);

fn todo(code: &str, component: Option<&Component>) -> Said {
    match code {
        "self_assessment" | "spare" | "reliability" | "read_only" | "backup" | "persistent_memory"
        | "critical_warning" | "self_test" | "growing" | "offline" | "member" | "bay" => PULL,
        "attribute_now"
        | "attribute_past"
        | "reallocated"
        | "grown_defects"
        | "pending"
        | "pending_log"
        | "offline_uncorrectable"
        | "reported_uncorrectable"
        | "uncorrected_reads"
        | "uncorrected_writes"
        | "uncorrected_verifies"
        | "media_errors"
        | "end_to_end"
        | "spin_retries"
        | "life_left"
        | "life_used" => of(
            "准备一块备用盘并运行扩展自检；若数值继续增长，尽快更换 {part} 的硬盘（可热插拔）。",
            "Keep a spare disk ready and run an extended self-test; if the numbers grow, replace the disk of {part} soon (it can be swapped while the box runs).",
        ),
        "timeouts_growing" | "cable_growing" => of(
            "重新插拔 {part} 的硬盘；若仍增长，依次更换线缆或背板、硬盘。",
            "Reseat the disk of {part}; if it goes on, replace cable or backplane, then the disk.",
        ),
        "removed" => of(
            "若是有意拔出，确认此告警即可；否则重新插入硬盘，仍不识别时更换硬盘或检修槽位。",
            "If it was meant, acknowledge this alarm. Else put the disk back; if it is not found, replace the disk or look at the bay.",
        ),
        "array" => of(
            "查看哪一块成员盘失效，热插拔换上空盘（无分区）；重建期间避免断电，也不要再拔其他硬盘。",
            "See which member has failed and swap it for an empty disk (without partitions) while the box runs; keep the power on during the rebuild, and pull no other disk.",
        ),
        "absent" => match component {
            Some(Component::Bay(_)) => of(
                "把硬盘插入 {part}（可热插拔）。",
                "Put a disk into {part} (it can be done while the box runs).",
            ),
            Some(Component::Supply(_)) => of(
                "把 {part} 插回并接好电源线（可热插拔）。",
                "Put {part} back and plug its cord in (it can be done while the box runs).",
            ),
            Some(Component::Fan(_)) => of(
                "装回 {part}；缺少风扇时尽快处理，以免过热。",
                "Put {part} back soon, before the box gets too hot.",
            ),
            _ => of(
                "装回该部件，或修改主板描述文件。",
                "Put the part back, or mend the board file.",
            ),
        },
        "supply" => of(
            "检查 {part} 的电源线和供电插座；仍故障时拔出更换（可热插拔，另一电源会继续供电）。",
            "Look after the cord and the socket of {part}; if it still fails, replace it (while the box runs: the other supply carries it).",
        ),
        "fan" => of(
            "检查 {part} 是否被线缆或异物卡住；更换风扇（可热插拔），期间注意温度。",
            "See whether a cable blocks {part}; replace the fan (while the box runs), and watch the temperatures.",
        ),
        "redundancy" => match component {
            Some(Component::Fans) => of(
                "更换停转的风扇；在此之前再坏一个就可能过热停机。",
                "Replace the fan that stands still: with the next failure the box may get too hot.",
            ),
            _ => of(
                "恢复失效的那一路电源；在此之前再断一路就会停机。",
                "Bring the failed supply back: with the next failure the box stops.",
            ),
        },
        "lost" | "no_answer" => match component {
            Some(Component::Controller) => of(
                "检查管理控制器（BMC）的网线和设置，或重启它；期间看不到它的传感器。",
                "Look after the management controller's cable and settings, or restart it; its sensors are not seen meanwhile.",
            ),
            Some(Component::Bay(_) | Component::Disk(_)) => of(
                "重新插拔 {part} 的硬盘；仍无应答时更换。",
                "Reseat the disk of {part}; if it still does not answer, replace it.",
            ),
            // a source's name, which has no slash: a program of this box reads it
            Some(Component::Sensor(id)) if !id.contains('/') => of(
                "在命令行执行“restart hwmon”；反复出现时请联系维修。",
                "Restart the hardware monitor (`restart hwmon`); if it happens again, ask for service.",
            ),
            _ => of(
                "检查 {part} 的连接；长期没有读数时更换该部件或传感器。",
                "Look after the connection of {part}; if there is no reading for long, replace the part or its sensor.",
            ),
        },
        "temperature" | "throttled" => of(
            "检查风扇、滤网和机房空调，清除进出风口的遮挡；持续过热请关机。",
            "Look after fans, filters and the room's cooling, and clear inlet and outlet; if it stays too hot, shut the box down.",
        ),
        "room_hot" => of(
            "降低机房温度（应为 10–35 °C），检查空调和机柜气流。",
            "Cool the room (10–35 °C); look after its cooling and the rack's air flow.",
        ),
        "room_cold" => of(
            "提高机房温度（应为 10–35 °C），防止结露。",
            "Warm the room (10–35 °C); mind condensation.",
        ),
        "voltage" | "power" => of(
            "检查供电；若只有一路电源异常，更换该电源，否则联系维修。",
            "Look after the mains; if one supply alone is off, replace it, else ask for service.",
        ),
        "memory_corrected" => of(
            "安排停机更换 {part} 的内存条；更换前先重新插拔一次。",
            "Plan a stop and replace the module of {part}; reseat it first.",
        ),
        "memory_uncorrected" => of(
            "尽快停机更换 {part} 的内存条：数据可能已经损坏。",
            "Stop the box soon and replace the module of {part}: data may be damaged.",
        ),
        "link" => of(
            "检查 {part} 的网线或光模块，以及对端端口。",
            "Look after the cable or transceiver of {part}, and the port at its other end.",
        ),
        "port_errors" => of(
            "更换 {part} 的网线或光模块，清洁光纤接头，检查对端的双工和速率。",
            "Replace cable or transceiver of {part}, clean the fibre's ends, and compare duplex and speed with the other end.",
        ),
        "optics" => of(
            "清洁光纤接头；收光弱时检查光纤和对端，其他读数超限时更换 {part} 的光模块。",
            "Clean the fibre's ends; where little light comes in, look after fibre and other end, else replace the transceiver of {part}.",
        ),
        "pcie" | "pcie_corrected" => of(
            "停机重新插紧 {part}；仍有错误时更换扩展卡或插槽。",
            "Stop the box and reseat {part}; if errors go on, replace the card or use another slot.",
        ),
        "filesystem" => of(
            "下次重启时检查文件系统；同时查看所在硬盘的健康状态。",
            "Check the file system at the next restart, and look at the health of its disks.",
        ),
        "full" => of(
            "在存储页缩短保留时间或删除不需要的数据，或换用更大的硬盘。",
            "Shorten what is kept on the storage page, delete what is not needed, or use larger disks.",
        ),
        "clock" => of(
            "在设置页检查 NTP 服务器是否填写并可达。",
            "See on the settings page whether an NTP server is set and can be reached.",
        ),
        "watchdog" => of(
            "查看上次启动的日志，找出设备为何失去响应；反复出现请联系维修。",
            "Read the journal of the boot before to see why the box hung; if it happens again, ask for service.",
        ),
        _ => of(
            "查看详细读数；持续出现请联系维修。",
            "Look at the readings; if it goes on, ask for service.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::State;
    use crate::policy::{Book, Finding, Subject};

    fn alarm(place: &str, code: &str) -> Alarm {
        let finding = Finding {
            subject: Subject {
                place: place.to_owned(),
                serial: None,
            },
            code: code.to_owned(),
            state: State::Critical,
            text: api::hardware::Text::default(),
        };
        let mut book = Book::default();
        book.update(0, &[finding], &[], &[]).remove(0).alarm
    }

    #[test]
    fn a_disk_is_pulled_from_its_bay_in_both_languages() {
        let [zh, en] = words(&Board::unknown(), &alarm("bay 3", "self_assessment"));
        assert!(zh.title.starts_with("槽位 3：") && zh.todo.contains("热插拔"), "{zh:?}");
        assert!(zh.todo.contains("点亮槽位 3 的指示灯"), "{zh:?}");
        assert!(
            en.title.starts_with("bay 3: ") && en.todo.contains("Locate bay 3"),
            "{en:?}"
        );
    }

    #[test]
    fn no_code_is_without_words() {
        for code in ["supply", "fan", "absent", "what nobody knows", "no_answer"] {
            for place in ["supply 1", "fans", "controller", "nonsense"] {
                for words in words(&Board::unknown(), &alarm(place, code)) {
                    assert!(!words.todo.is_empty() && !words.todo.contains('{'), "{words:?}");
                }
            }
        }
    }
}
