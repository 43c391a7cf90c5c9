//! Alarms as text.

use api::alarms::{Alarms, AlarmsQuery};
use model::{Alarm, AlarmEnd, AlarmSeverity, AlarmSource};
use settings::Language;

use super::Show;
use crate::amounts::{span, time};
use crate::columns::Align::{Left, Right};
use crate::columns::{Table, pairs};

impl Show {
    /// Open alarms one by one, those that are over as a table.
    pub(crate) fn alarms(self, query: &AlarmsQuery, alarms: &Alarms) -> String {
        let mut text = String::new();
        if query.open {
            if alarms.open.is_empty() {
                text.push_str(self.say("No alarm is open.\n", "当前没有告警。\n"));
            }
            for (place, alarm) in alarms.open.iter().enumerate() {
                if place > 0 {
                    text.push('\n');
                }
                text.push_str(&self.open_alarm(alarms, alarm));
            }
        }
        if query.open && query.history {
            text.push('\n');
        }
        if query.history {
            text.push_str(&self.past_alarms(alarms));
        }
        text
    }

    fn open_alarm(self, alarms: &Alarms, alarm: &Alarm) -> String {
        let (words, said) = match self.0 {
            Language::Chinese => (&alarm.zh, &alarm.text.zh),
            Language::English => (&alarm.en, &alarm.text.en),
        };
        let mut text = format!("{}: {}\n", self.alarm_severity(alarm.severity), words.title);
        let lasts = span(alarms.now.as_secs().saturating_sub(alarm.raised.as_secs()));
        let mut rows = vec![
            (self.say("  number", "  编号"), alarm.id.to_string()),
            (self.say("  what", "  现象"), said.clone()),
            (self.say("  do", "  处理"), words.todo.clone()),
            (self.say("  of", "  部件"), self.alarm_of(alarm)),
            (
                self.say("  since", "  开始"),
                format!("{} ({lasts})", time(alarm.raised)),
            ),
        ];
        if alarm.recurrences > 0 {
            let times = alarm.recurrences.saturating_add(1);
            rows.push((self.say("  occurrence", "  出现次数"), times.to_string()));
        }
        if let Some(seen) = &alarm.acknowledged {
            let who = format!("{} ({})", seen.by, time(seen.at));
            rows.push((self.say("  seen by", "  已确认"), who));
        }
        rows.retain(|(_, value)| !value.is_empty());
        text.push_str(&pairs(&rows));
        text
    }

    fn past_alarms(self, alarms: &Alarms) -> String {
        if alarms.history.is_empty() {
            return self
                .say("No alarm ended in this time.\n", "该时间段内没有已恢复的告警。\n")
                .to_owned();
        }
        let mut table = Table::new(&[
            (self.say("No.", "编号"), Right),
            (self.say("Raised", "发生时间"), Left),
            (self.say("Cleared", "恢复时间"), Left),
            (self.say("Severity", "级别"), Left),
            (self.say("Of", "部件"), Left),
            (self.say("What", "告警内容"), Left),
            (self.say("How it ended", "恢复方式"), Left),
            (self.say("Seen by", "确认人"), Left),
        ]);
        for alarm in &alarms.history {
            let words = match self.0 {
                Language::Chinese => &alarm.zh,
                Language::English => &alarm.en,
            };
            let how = alarm.cleared.map_or("", |cleared| match cleared.how {
                AlarmEnd::Over => self.say("well again", "已恢复"),
                AlarmEnd::Replaced => self.say("part replaced", "部件已更换"),
                AlarmEnd::Unseen => self.say("noticed then", "此时发现已恢复"),
            });
            table.row([
                alarm.id.to_string(),
                time(alarm.raised),
                alarm.cleared.map_or_else(String::new, |cleared| time(cleared.at)),
                self.alarm_severity(alarm.severity).to_owned(),
                self.alarm_of(alarm),
                words.title.clone(),
                how.to_owned(),
                alarm
                    .acknowledged
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), |seen| seen.by.clone()),
            ]);
        }
        let mut text = table.render();
        if alarms.next.is_some() {
            text.push_str(self.say(
                "There are more: `limit` shows up to 1000.\n",
                "还有更多：limit 最多可显示 1000 条。\n",
            ));
        }
        text
    }

    fn alarm_of(self, alarm: &Alarm) -> String {
        let source = match alarm.source {
            AlarmSource::Hardware => self.say("hardware", "硬件"),
        };
        // alarms of earlier releases have no name for it
        let part = match self.text(&alarm.part) {
            named if named.is_empty() => alarm.component.clone(),
            named => named,
        };
        match (&alarm.serial, self.0) {
            (Some(serial), Language::English) => format!("{source}: {part} ({serial})"),
            (Some(serial), Language::Chinese) => format!("{source}：{part}（{serial}）"),
            (None, Language::English) => format!("{source}: {part}"),
            (None, Language::Chinese) => format!("{source}：{part}"),
        }
    }

    fn alarm_severity(self, severity: AlarmSeverity) -> &'static str {
        match severity {
            AlarmSeverity::Warning => self.say("warning", "警告"),
            AlarmSeverity::Critical => self.say("CRITICAL", "严重"),
        }
    }
}

#[cfg(test)]
mod tests {
    use api::alarms::AlarmCounts;
    use model::{Acknowledged, AlarmText, AlarmWords, Cleared, Timestamp};

    use super::*;

    fn alarm(id: u64) -> Alarm {
        Alarm {
            id,
            source: AlarmSource::Hardware,
            name: "bay-2.pending".to_owned(),
            component: "bay 2".to_owned(),
            part: AlarmText {
                zh: "槽位 2".to_owned(),
                en: "bay 2".to_owned(),
            },
            serial: Some("WD-77".to_owned()),
            code: "pending".to_owned(),
            severity: AlarmSeverity::Warning,
            text: AlarmText {
                zh: "8 个扇区待重映射".to_owned(),
                en: "8 sectors wait to be replaced".to_owned(),
            },
            zh: AlarmWords {
                title: "槽位 2 的磁盘有待重映射扇区".to_owned(),
                todo: "请更换该磁盘".to_owned(),
            },
            en: AlarmWords {
                title: "The drive in bay 2 has sectors that wait to be replaced".to_owned(),
                todo: "Replace the drive".to_owned(),
            },
            raised: Timestamp::from_secs(1_700_000_000),
            recurrences: 0,
            acknowledged: None,
            cleared: None,
        }
    }

    #[test]
    fn alarms_are_told_in_both_languages() {
        let seen = Acknowledged {
            at: Timestamp::from_secs(1_700_000_060),
            by: "admin".to_owned(),
        };
        let over = |how| Cleared {
            at: Timestamp::from_secs(1_700_003_600),
            how,
        };
        let alarms = Alarms {
            now: Timestamp::from_secs(1_700_090_000),
            counts: AlarmCounts::default(),
            open: vec![
                Alarm {
                    severity: AlarmSeverity::Critical,
                    recurrences: 2,
                    ..alarm(9)
                },
                Alarm {
                    acknowledged: Some(seen.clone()),
                    serial: None,
                    part: AlarmText::default(),
                    ..alarm(7)
                },
            ],
            history: vec![
                Alarm {
                    cleared: Some(over(AlarmEnd::Over)),
                    acknowledged: Some(seen),
                    ..alarm(5)
                },
                Alarm {
                    cleared: Some(over(AlarmEnd::Unseen)),
                    ..alarm(4)
                },
                Alarm {
                    cleared: Some(over(AlarmEnd::Replaced)),
                    ..alarm(3)
                },
            ],
            next: Some(3),
        };
        let none = Alarms {
            open: Vec::new(),
            history: Vec::new(),
            next: None,
            ..alarms.clone()
        };
        let query = AlarmsQuery {
            open: true,
            history: true,
            ..AlarmsQuery::default()
        };
        let mut text = String::new();
        for language in [Language::English, Language::Chinese] {
            let show = Show(language);
            text.push_str(&show.alarms(&query, &alarms));
            text.push('\n');
            text.push_str(&show.alarms(&query, &none));
            text.push('\n');
        }
        crate::tests::golden("golden/alarms.txt", &text);
    }
}
