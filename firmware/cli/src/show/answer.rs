//! Answers to questions about flow records, as tables.

use api::labels::{Labels, protocol};
use model::{
    Answer, AnsweredFrom, App, Ask, FlowRecord, Found, Key, KeyValue, Measure, Query, SeriesRow, Sums, Timestamp,
    TopRow,
};

use super::Show;
use crate::amounts::{bytes, or_dash, scaled, share};
use crate::columns::Align::{Left, Right};
use crate::columns::{Table, pairs};
use crate::keys::title;
use crate::lang::say;

/// An answer with what it takes to print it.
#[derive(Clone, Copy)]
pub(crate) struct Answered<'a> {
    /// The question.
    pub(crate) query: &'a Query,
    /// The answer.
    pub(crate) answer: &'a Answer,
    /// Names.
    pub(crate) labels: &'a Labels,
    /// Seconds east of UTC that times are printed in.
    pub(crate) zone_s: i32,
}

/// A time to the second, or to the millisecond, in a zone.
pub(super) fn time(at: Timestamp, zone_s: i32, millis: bool) -> String {
    let seconds = i64::try_from(at.as_secs())
        .unwrap_or(i64::MAX)
        .saturating_add(zone_s.into());
    let local = Timestamp::from_secs(u64::try_from(seconds).unwrap_or(0)).to_string();
    let local = local.get(..19).unwrap_or_default().replace('T', " ");
    let fraction = match millis {
        true => format!(".{:03}", at.as_nanos() / 1_000_000 % 1_000),
        false => String::new(),
    };
    local + &fraction
}

/// A zone behind a time: `Z`, `+08:00`.
pub(super) fn zone(zone_s: i32) -> String {
    match zone_s {
        0 => "Z".to_owned(),
        seconds => {
            let minutes = seconds.abs() / 60;
            let sign = if seconds < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        }
    }
}

/// The server's name that the first packets of a flow said.
fn host(record: &FlowRecord) -> Option<&str> {
    record.l7.as_ref()?.host.as_deref()
}

fn both(sums: &Sums) -> (u64, u64) {
    let packets = sums.packets.saturating_add(sums.packets_rev);
    (packets, sums.bytes.saturating_add(sums.bytes_rev))
}

/// Bit/s of octets over a span.
fn rate(bytes: u64, (from, to): (Timestamp, Timestamp)) -> String {
    let nanos = u128::from(to.nanos_since(from));
    let bits = u128::from(bytes) * 8 * 1_000_000_000;
    match bits.checked_div(nanos) {
        None => "-".to_owned(),
        Some(bits) => scaled(u64::try_from(bits).unwrap_or(u64::MAX), "bit/s"),
    }
}

/// What weighs of sums, as a number and for people.
fn weight(measure: Measure, sums: &Sums, span: (Timestamp, Timestamp)) -> (u64, String) {
    let (packets, octets) = both(sums);
    match measure {
        Measure::Packets => (packets, packets.to_string()),
        Measure::Flows => (sums.flows, sums.flows.to_string()),
        Measure::BytesForward => (sums.bytes, bytes(sums.bytes)),
        Measure::BytesReverse => (sums.bytes_rev, bytes(sums.bytes_rev)),
        Measure::Rate | Measure::P95 => (octets, rate(octets, span)),
        // What quality orders by stands in columns of its own.
        Measure::Bytes | Measure::Response | Measure::Connect | Measure::Retransmissions => (octets, bytes(octets)),
    }
}

/// By how much something changed.
#[allow(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn change(now: u64, before: u64) -> String {
    match before {
        0 => "-".to_owned(),
        before => format!("{:+.1} %", (now as f64 / before as f64 - 1.0) * 100.0),
    }
}

impl Show {
    /// The answer as a table.
    pub(crate) fn answer(self, answered: Answered<'_>) -> String {
        let Answered { answer, .. } = answered;
        match &answer.found {
            Found::Records { records, apps, more } => self.records(answered, records, apps, *more),
            Found::Top {
                rows, total, groups, ..
            } => self.top_rows(answered, rows, total, *groups),
            Found::Series { step_s, at, series } => self.series(answered, *step_s, at, series),
            Found::Totals {
                total,
                before,
                distinct,
                ..
            } => self.totals(answered, total, before.as_ref(), distinct),
        }
    }

    fn records(self, answered: Answered<'_>, records: &[FlowRecord], apps: &[App], more: bool) -> String {
        if records.is_empty() {
            return self.say("No record matches.\n", "没有符合条件的流记录。\n").to_owned();
        }
        let Answered { labels, zone_s, .. } = answered;
        let ended = format!("{} ({})", self.say("End", "结束"), zone(zone_s));
        let mut head = vec![
            (ended.as_str(), Left),
            (self.say("Seconds", "时长"), Right),
            (self.say("Link", "链路"), Left),
            (self.say("From", "源"), Left),
            (self.say("To", "目的"), Left),
            (self.say("Protocol", "协议"), Left),
            (self.say("Application", "应用"), Left),
            (self.say("Packets", "包数"), Right),
            (self.say("Octets", "字节"), Right),
            (self.say("Packets back", "反向包数"), Right),
            (self.say("Octets back", "反向字节"), Right),
        ];
        // Records of exporters have no names of hosts.
        let named = records.iter().any(|record| host(record).is_some());
        if named {
            head.push((self.say("Host name", "主机名"), Left));
        }
        let mut table = Table::new(&head);
        let end = |ip: std::net::IpAddr, port: u16| match port {
            0 => ip.to_string(),
            port => std::net::SocketAddr::new(ip, port).to_string(),
        };
        for (place, record) in records.iter().enumerate() {
            let millis = record.end.nanos_since(record.start) / 1_000_000;
            let app = apps.get(place).copied().unwrap_or(record.app);
            let mut cells = vec![
                time(record.end, zone_s, true),
                format!("{}.{:03}", millis / 1_000, millis % 1_000),
                labels.link(record.link),
                end(record.src_ip, record.src_port),
                end(record.dst_ip, record.dst_port),
                protocol(record.protocol),
                self.app(labels, app),
                record.packets.to_string(),
                bytes(record.bytes),
                record.packets_rev.to_string(),
                bytes(record.bytes_rev),
            ];
            if named {
                cells.push(host(record).unwrap_or_default().to_owned());
            }
            table.row(cells);
        }
        let mut text = table.render();
        if more {
            text.push_str(self.say(
                "There are more: raise the limit, or go on at an offset.\n",
                "还有更多记录：请增大行数上限，或设置起始行。\n",
            ));
        }
        text
    }

    fn app(self, labels: &Labels, app: App) -> String {
        match app {
            App::UNKNOWN => self.say("unknown", "未知").to_owned(),
            app => self.app_called(app, labels.app(app)),
        }
    }

    fn names(self, by: &[Key], labels: &Labels, values: &[KeyValue]) -> Vec<String> {
        let none = || self.say("none", "无").to_owned();
        let name = |(key, value): (&Key, &KeyValue)| match (value, labels.value(*key, value)) {
            (KeyValue::App(app), _) => self.app(labels, *app),
            (_, text) if text.is_empty() => none(),
            (_, text) => text,
        };
        by.iter().zip(values).map(name).collect()
    }

    fn top_rows(self, answered: Answered<'_>, rows: &[TopRow], total: &Sums, groups: u64) -> String {
        let Answered {
            query, answer, labels, ..
        } = answered;
        let (by, measure): (&[Key], _) = match &query.ask {
            Ask::Top { by, measure, .. } => (by, *measure),
            _ => (&[], Measure::default()),
        };
        if rows.is_empty() {
            return self.say("No record matches.\n", "没有符合条件的流记录。\n").to_owned();
        }
        let span = (answer.from, answer.to);
        let p95 = rows.iter().any(|row| row.p95_bps.is_some());
        let compared = rows.iter().any(|row| row.before.is_some());
        let mut head = vec![("#", Right)];
        head.extend(by.iter().map(|key| (say(self.0, title(*key)), Left)));
        if p95 {
            head.push((self.say("95th percentile", "95 百分位"), Right));
        }
        head.extend([
            (self.say("Octets", "字节"), Right),
            (self.say("Share", "占比"), Right),
            (self.say("Rate", "速率"), Right),
            (self.say("Packets", "包数"), Right),
            (self.say("Flows", "流数"), Right),
            (self.say("Octets back", "反向字节"), Right),
        ]);
        if compared {
            head.extend([
                (self.say("Before", "上一周期"), Right),
                (self.say("Change", "变化"), Right),
            ]);
        }
        let mut table = Table::new(&head);
        let part = |sums: &Sums| match measure {
            Measure::P95 | Measure::Rate => (both(sums).1, both(total).1),
            measure => (weight(measure, sums, span).0, weight(measure, total, span).0),
        };
        let cells = |head: Vec<String>, sums: &Sums, p95_bps: Option<f64>, before: Option<&Sums>| {
            let (packets, octets) = both(sums);
            let (mine, all) = part(sums);
            let mut cells = head;
            if p95 {
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "three digits are shown"
                )]
                cells.push(or_dash(p95_bps, |bps| scaled(bps as u64, "bit/s")));
            }
            cells.extend([
                bytes(octets),
                share(mine, all),
                rate(octets, span),
                packets.to_string(),
                sums.flows.to_string(),
                bytes(sums.bytes_rev),
            ]);
            if compared {
                let was = before.map(|before| weight(measure, before, span));
                cells.push(or_dash(was.as_ref(), |(_, text)| text.clone()));
                cells.push(or_dash(was, |(was, _)| change(weight(measure, sums, span).0, was)));
            }
            cells
        };
        for (place, row) in rows.iter().enumerate() {
            let mut head = vec![(place + 1).to_string()];
            head.extend(self.names(by, labels, &row.values));
            table.row(cells(head, &row.sums, row.p95_bps, row.before.as_ref()));
        }
        let mut head = vec![String::new(), self.say("All records", "全部记录").to_owned()];
        head.resize(by.len() + 1, String::new());
        let before = match &answer.found {
            Found::Top { before, .. } => before.as_ref(),
            _ => None,
        };
        table.row(cells(head, total, None, before));
        let mut text = table.render();
        if groups > rows.len() as u64 {
            let shown = rows.len();
            text.push_str(&match self.0 {
                settings::Language::English => format!("{shown} of {groups} are shown.\n"),
                settings::Language::Chinese => format!("共 {groups} 项，显示 {shown} 项。\n"),
            });
        }
        text
    }

    fn series(self, answered: Answered<'_>, step_s: u32, at: &[Timestamp], series: &[SeriesRow]) -> String {
        let Answered {
            query, labels, zone_s, ..
        } = answered;
        let (by, measure): (&[Key], _) = match &query.ask {
            Ask::Series { by, measure, .. } => (by, *measure),
            _ => (&[], Measure::default()),
        };
        let when = format!("{} ({})", self.say("Time", "时间"), zone(zone_s));
        let point = |start: Timestamp| (start, start.plus_nanos(u64::from(step_s) * 1_000_000_000));
        if series.is_empty() {
            return self.say("No record matches.\n", "没有符合条件的流记录。\n").to_owned();
        }
        let mut text;
        match (by, series) {
            ([], [one, ..]) => {
                let mut head = vec![
                    (when.as_str(), Left),
                    (self.say("Octets", "字节"), Right),
                    (self.say("Rate", "速率"), Right),
                    (self.say("Packets", "包数"), Right),
                    (self.say("Flows", "流数"), Right),
                ];
                if !one.before.is_empty() {
                    head.extend([
                        (self.say("Octets before", "上一周期字节"), Right),
                        (self.say("Change", "变化"), Right),
                    ]);
                }
                let mut table = Table::new(&head);
                for (place, (start, sums)) in at.iter().zip(&one.points).enumerate() {
                    let (packets, octets) = both(sums);
                    let mut cells = vec![
                        time(*start, zone_s, false),
                        bytes(octets),
                        rate(octets, point(*start)),
                        packets.to_string(),
                        sums.flows.to_string(),
                    ];
                    if let Some(before) = one.before.get(place) {
                        let was = both(before).1;
                        cells.extend([bytes(was), change(octets, was)]);
                    }
                    table.row(cells);
                }
                text = table.render();
            }
            _ => {
                let mut names: Vec<String> = Vec::new();
                for row in series {
                    names.push(match row.rest {
                        true => self.say("all others", "其余").to_owned(),
                        false => self.names(by, labels, &row.values).join(", "),
                    });
                }
                let mut head = vec![(when.as_str(), Left)];
                head.extend(names.iter().map(|name| (name.as_str(), Right)));
                let mut table = Table::new(&head);
                for (place, start) in at.iter().enumerate() {
                    let mut cells = vec![time(*start, zone_s, false)];
                    for row in series {
                        let sums = row.points.get(place).copied().unwrap_or_default();
                        cells.push(weight(measure, &sums, point(*start)).1);
                    }
                    table.row(cells);
                }
                text = table.render();
            }
        }
        let step = match step_s {
            s if s % 86_400 == 0 => format!("{} d", s / 86_400),
            s if s % 3_600 == 0 => format!("{} h", s / 3_600),
            s if s % 60 == 0 => format!("{} min", s / 60),
            s => format!("{s} s"),
        };
        text.push_str(&match self.0 {
            settings::Language::English => format!("A row is {step}.\n"),
            settings::Language::Chinese => format!("每行为 {step}。\n"),
        });
        text
    }

    fn totals(self, answered: Answered<'_>, total: &Sums, before: Option<&Sums>, distinct: &[(Key, u64)]) -> String {
        let Answered { answer, zone_s, .. } = answered;
        let span = (answer.from, answer.to);
        let zoned = |at| format!("{}{}", time(at, zone_s, false), zone(zone_s));
        let versus = |now: u64, was: fn(&Sums) -> u64, text: String| match before {
            None => text,
            Some(before) => format!(
                "{text}  ({} {}, {})",
                self.say("before", "上一周期"),
                was(before),
                change(now, was(before))
            ),
        };
        let (packets, octets) = both(total);
        let exact = |octets: u64| format!("{} ({octets})", bytes(octets));
        let mut rows = vec![
            (self.say("From", "开始"), zoned(span.0)),
            (self.say("To", "结束"), zoned(span.1)),
            (
                self.say("Flows", "流数"),
                versus(total.flows, |s| s.flows, total.flows.to_string()),
            ),
            (
                self.say("Packets", "包数"),
                versus(packets, |s| both(s).0, packets.to_string()),
            ),
            (self.say("Octets", "字节"), versus(octets, |s| both(s).1, exact(octets))),
            (self.say("Octets forward", "正向字节"), exact(total.bytes)),
            (self.say("Octets back", "反向字节"), exact(total.bytes_rev)),
            (self.say("Mean rate", "平均速率"), rate(octets, span)),
        ];
        for (key, count) in distinct {
            rows.push((say(self.0, title(*key)), count.to_string()));
        }
        pairs(&rows)
    }

    /// Where the answer comes from and how good it is, in a line; notes in lines of their own.
    pub(crate) fn footing(self, answer: &Answer) -> String {
        let read = &answer.read;
        let from = match read.from {
            AnsweredFrom::Records => self.say("records", "流记录"),
            AnsweredFrom::Rollups => self.say("rollups", "汇总数据"),
            AnsweredFrom::Both => self.say("rollups and records", "汇总数据和流记录"),
        };
        let seconds = format!("{}.{:03} s", read.elapsed_ms / 1_000, read.elapsed_ms % 1_000);
        let state = match (answer.complete, answer.exact) {
            (true, true) => self.say("exact", "精确"),
            (true, false) => self.say("not exact", "近似"),
            (false, _) => self.say("incomplete", "不完整"),
        };
        let mut parts = Vec::new();
        match self.0 {
            settings::Language::English => {
                if read.rollups > 0 {
                    parts.push(format!("{} rows of rollups", read.rollups));
                }
                if read.blocks > 0 {
                    let (skipped, all) = (read.blocks_skipped, read.blocks);
                    parts.push(format!("{} of {all} blocks", all.saturating_sub(skipped)));
                    parts.push(format!("{} records, {} of them match", read.records, read.matched));
                    parts.push(bytes(read.bytes));
                }
                parts.push(seconds);
                parts.push(state.to_owned());
                let mut text = format!("From {from}: {}.\n", parts.join(", "));
                for note in &answer.notes {
                    text.push_str(&format!("Note: {note}\n"));
                }
                text
            }
            settings::Language::Chinese => {
                if read.rollups > 0 {
                    parts.push(format!("读取 {} 行汇总", read.rollups));
                }
                if read.blocks > 0 {
                    let (skipped, all) = (read.blocks_skipped, read.blocks);
                    parts.push(format!("{all} 个数据块中的 {} 个", all.saturating_sub(skipped)));
                    parts.push(format!("{} 条记录，其中 {} 条符合", read.records, read.matched));
                    parts.push(bytes(read.bytes));
                }
                parts.push(format!("用时 {seconds}"));
                parts.push(state.to_owned());
                let mut text = format!("来自{from}：{}。\n", parts.join("，"));
                for note in &answer.notes {
                    text.push_str(&format!("注意：{note}\n"));
                }
                text
            }
        }
    }
}

#[cfg(test)]
mod tests;
