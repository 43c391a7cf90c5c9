//! Hardware as tables.

use api::hardware::{
    Alarm, Drive, EventLog, Hardware, Health, PartKind, PartState, Reading, State, TestExtent, TestOutcome, Text,
};
use settings::Language;

use super::Show;
use crate::amounts::{or_dash, scaled, time};
use crate::columns::Align::{Left, Right};
use crate::columns::{Table, pairs};

impl Show {
    /// What is wrong and what to do, and the parts.
    pub(crate) fn hardware(self, hardware: &Hardware) -> String {
        let board = hardware.chassis.board.clone();
        let mut text = pairs(&[
            (self.say("Health", "健康状况"), self.fitness(hardware.health).to_owned()),
            (
                self.say("Chassis", "机箱"),
                board.unwrap_or_else(|| self.say("not described", "未描述").to_owned()),
            ),
        ]);
        for alarm in &hardware.alarms {
            text.push_str(&self.alarm_text(alarm));
        }
        if hardware.alarms.is_empty() {
            text.push_str(self.say("Nothing is wrong.\n", "没有硬件告警。\n"));
        }
        text.push('\n');
        let mut table = Table::new(&[
            (self.say("Part", "部件"), Left),
            (self.say("State", "状态"), Left),
            (self.say("Value", "读数"), Left),
            (self.say("Why", "说明"), Left),
        ]);
        for part in &hardware.chassis.parts {
            let kind = match part.kind {
                PartKind::Bay => self.say("bay", "槽位"),
                PartKind::Supply => self.say("supply", "电源"),
                PartKind::Fan => self.say("fan", "风扇"),
                PartKind::Port => self.say("port", "网口"),
            };
            let own = hardware.readings.iter().filter(|r| part.readings.contains(&r.id));
            let values: Vec<String> = match part.kind {
                PartKind::Bay => hardware
                    .drives
                    .iter()
                    .filter(|drive| part.id == drive.bay.map_or_else(String::new, |bay| format!("bay {bay}")))
                    .map(|drive| drive.name.clone())
                    .collect(),
                PartKind::Port => own
                    .filter(|r| r.unit == "bit_per_second")
                    .map(|r| self.quantity(r))
                    .collect(),
                PartKind::Supply | PartKind::Fan => own
                    .filter(|r| r.value.is_some() && r.unit != "boolean" && r.kind != "state")
                    .take(4)
                    .map(|r| self.quantity(r))
                    .collect(),
            };
            table.row([
                format!("{kind} {}", part.label),
                self.condition(part.state).to_owned(),
                values.join(", "),
                self.text(&part.reason),
            ]);
        }
        text.push_str(&table.render());
        text.push('\n');
        let mut table = Table::new(&[
            (self.say("Source", "来源"), Left),
            (self.say("Answered", "最近应答"), Left),
            (self.say("Took", "耗时"), Right),
            (self.say("Trouble", "问题"), Left),
        ]);
        for source in &hardware.sources {
            table.row([
                self.text(&source.label),
                or_dash(source.answered, time),
                or_dash(source.took_ms, |ms| format!("{ms} ms")),
                source
                    .trouble
                    .as_ref()
                    .map(|trouble| self.text(trouble))
                    .unwrap_or_default(),
            ]);
        }
        text.push_str(&table.render());
        if let Some(unsaved) = &hardware.unsaved {
            let hint = self.say("Nothing is kept over a restart", "重启后不保留");
            text.push_str(&format!("{hint}: {unsaved}\n"));
        }
        text
    }

    fn alarm_text(self, alarm: &Alarm) -> String {
        let words = match self.0 {
            Language::Chinese => &alarm.zh,
            Language::English => &alarm.en,
        };
        let clean = |text: &str| -> String { text.chars().filter(|c| !c.is_control()).collect() };
        let mut text = format!("\n{}: {}\n", self.grade(alarm.state), clean(&words.title));
        let mut rows = vec![
            (self.say("  what", "  现象"), clean(&self.text(&alarm.text))),
            (self.say("  do", "  处理"), clean(&words.todo)),
            (self.say("  since", "  开始"), time(alarm.since)),
            (self.say("  name", "  名称"), clean(&alarm.id)),
        ];
        rows.retain(|(_, value)| !value.is_empty());
        if let Some(serial) = &alarm.serial {
            rows.push((self.say("  serial", "  序列号"), clean(serial)));
        }
        if let Some(who) = &alarm.acknowledged {
            rows.push((self.say("  seen by", "  已确认"), clean(who)));
        }
        text.push_str(&pairs(&rows));
        text
    }

    /// Drives.
    pub(crate) fn disks(self, drives: &[Drive]) -> String {
        if drives.is_empty() {
            return self.say("No drive has been found.\n", "未发现磁盘。\n").to_owned();
        }
        let mut table = Table::new(&[
            (self.say("Bay", "槽位"), Right),
            (self.say("Disk", "磁盘"), Left),
            (self.say("Health", "健康状况"), Left),
            (self.say("Model", "型号"), Left),
            (self.say("Serial number", "序列号"), Left),
            (self.say("Size", "容量"), Right),
            (self.say("Heat", "温度"), Right),
            (self.say("Hours", "通电小时"), Right),
            (self.say("Worn", "磨损"), Right),
            (self.say("Self-test", "自检"), Left),
            (self.say("Why", "说明"), Left),
        ]);
        for drive in drives {
            let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            table.row([
                or_dash(drive.bay, |bay| bay.to_string()),
                drive.name.clone(),
                self.fitness(drive.health).to_owned(),
                dash(&drive.model),
                dash(&drive.serial),
                or_dash(drive.capacity_octets, |octets| scaled(octets, "B")),
                or_dash(drive.temperature, |heat| format!("{heat} °C")),
                or_dash(drive.hours, |hours| hours.to_string()),
                or_dash(drive.used, |used| format!("{used} %")),
                self.self_test(drive),
                drive
                    .reasons
                    .first()
                    .map(|reason| self.text(&reason.text))
                    .unwrap_or_default(),
            ]);
        }
        table.render()
    }

    /// The self-test that runs, or else the newest one's end.
    fn self_test(self, drive: &Drive) -> String {
        let extent = |extent: TestExtent| match extent {
            TestExtent::Short => self.say("short", "快速"),
            TestExtent::Long => self.say("long", "扩展"),
        };
        if let Some(testing) = drive.testing {
            let extent = testing.extent.map(extent);
            let done = testing.done.map(|done| format!("{done} %"));
            let words = [
                Some(self.say("running", "进行中").to_owned()),
                extent.map(str::to_owned),
                done,
            ];
            return words.into_iter().flatten().collect::<Vec<_>>().join(" ");
        }
        let Some(tested) = &drive.tested else {
            return "-".to_owned();
        };
        let ended = match tested.outcome {
            TestOutcome::Passed => self.say("passed", "通过"),
            TestOutcome::Aborted => self.say("broken off", "已中止"),
            TestOutcome::Unreadable => self.say("CANNOT READ ALL", "有扇区读取失败"),
            TestOutcome::Failed => self.say("FAILED", "未通过"),
        };
        let at = tested.hours.map_or_else(String::new, |hours| format!(" @{hours} h"));
        format!("{ended} {}{at}", extent(tested.extent))
    }

    /// Every reading.
    pub(crate) fn sensors(self, hardware: &Hardware) -> String {
        let mut table = Table::new(&[
            (self.say("Source", "来源"), Left),
            (self.say("Reading", "读数名称"), Left),
            (self.say("Value", "数值"), Right),
            (self.say("State", "状态"), Left),
            (self.say("Why", "说明"), Left),
        ]);
        for reading in &hardware.readings {
            table.row([
                self.source(hardware, &reading.source),
                self.text(&reading.name),
                self.quantity(reading),
                self.grade(reading.state).to_owned(),
                self.text(&reading.reason),
            ]);
        }
        table.render()
    }

    /// The management controller's event log.
    pub(crate) fn event_log(self, log: &EventLog) -> String {
        let mut text = String::new();
        if !log.entries.is_empty() {
            let mut table = Table::new(&[
                ("#", Right),
                (self.say("Time", "时间"), Left),
                (self.say("Sensor", "传感器"), Left),
                (self.say("State", "状态"), Left),
                (self.say("Event", "事件"), Left),
                (self.say("Begins or ends", "开始/结束"), Left),
            ]);
            for entry in &log.entries {
                let edge = match entry.asserted {
                    true => self.say("begins", "开始"),
                    false => self.say("ends", "结束"),
                };
                table.row([
                    entry.number.to_string(),
                    or_dash(entry.at, time),
                    self.text(&entry.sensor),
                    self.grade(entry.state).to_owned(),
                    self.text(&entry.text),
                    edge.to_owned(),
                ]);
            }
            text = table.render();
        }
        match &log.trouble {
            Some(trouble) => text.push_str(&format!("{}\n", self.text(trouble))),
            None if log.entries.is_empty() => text.push_str(self.say("The log is empty.\n", "日志为空。\n")),
            None => {}
        }
        text
    }

    pub(super) fn text(self, text: &Text) -> String {
        match self.0 {
            Language::Chinese => text.zh.clone(),
            Language::English => text.en.clone(),
        }
    }

    /// What people call a reading's source.
    fn source(self, hardware: &Hardware, name: &str) -> String {
        let known = hardware.sources.iter().find(|source| source.name == name);
        known.map_or_else(|| name.to_owned(), |source| self.text(&source.label))
    }

    fn quantity(self, reading: &Reading) -> String {
        let Some(value) = reading.value else {
            return "-".to_owned();
        };
        let unit = match reading.unit.as_str() {
            "boolean" => {
                return if value == 0.0 {
                    self.say("no", "否")
                } else {
                    self.say("yes", "是")
                }
                .to_owned();
            }
            "celsius" => " °C",
            "rpm" => " rpm",
            "volt" => " V",
            "ampere" => " A",
            "watt" => " W",
            "joule" => " J",
            "percent" => " %",
            "hour" => " h",
            "minute" => " min",
            "second" => " s",
            "octet" => " B",
            "hertz" => " Hz",
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a bit rate")]
            "bit_per_second" => return scaled(value.max(0.0) as u64, "bit/s"),
            _ => "",
        };
        let rounded = (value * 1_000.0).round() / 1_000.0;
        format!("{rounded}{unit}")
    }

    fn fitness(self, health: Health) -> &'static str {
        match health {
            Health::Ok => self.say("ok", "正常"),
            Health::Warning => self.say("warning", "警告"),
            Health::Failing => self.say("FAILING", "故障"),
            Health::Unknown => self.say("unknown", "未知"),
        }
    }

    fn grade(self, state: State) -> &'static str {
        match state {
            State::Info => "",
            State::Ok => self.say("ok", "正常"),
            State::Unknown => self.say("unknown", "未知"),
            State::Warning => self.say("warning", "警告"),
            State::Critical => self.say("CRITICAL", "严重"),
        }
    }

    fn condition(self, state: PartState) -> &'static str {
        match state {
            PartState::Ok => self.say("ok", "正常"),
            PartState::Warning => self.say("warning", "警告"),
            PartState::Critical => self.say("CRITICAL", "严重"),
            PartState::Empty => self.say("empty", "空"),
            PartState::Unknown => self.say("unknown", "未知"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Hardware {
        serde_json::from_str(include_str!("../../golden/hardware.json")).unwrap()
    }

    #[test]
    fn hardware_is_told_in_both_languages() {
        let hardware = sample();
        let log = EventLog {
            entries: vec![api::hardware::LogEntry {
                number: 7,
                at: Some(model::Timestamp::from_secs(1_700_000_000)),
                sensor: Text {
                    zh: "PSU2 Status".to_owned(),
                    en: "PSU2 Status".to_owned(),
                },
                text: Text {
                    zh: "输入丢失或超范围".to_owned(),
                    en: "input lost or out of range".to_owned(),
                },
                asserted: true,
                state: State::Critical,
            }],
            trouble: None,
        };
        let mut text = String::new();
        for language in [Language::English, Language::Chinese] {
            let show = Show(language);
            text.push_str(&show.hardware(&hardware));
            text.push('\n');
            text.push_str(&show.disks(&hardware.drives));
            text.push('\n');
            text.push_str(&show.sensors(&hardware));
            text.push('\n');
            text.push_str(&show.event_log(&log));
            text.push_str(&show.event_log(&EventLog::default()));
            text.push('\n');
        }
        crate::tests::golden("golden/hardware.txt", &text);
    }
}
