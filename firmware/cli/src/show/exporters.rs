//! Exporters, their interfaces and their logs.

use api::analyzer::{InterfaceNow, LimitState, Logs};
use api::collector::{ExporterDetail, ExporterStatus, Exporters, ProbeAnswer, Protocol, SocketPurpose, StreamStatus};
use api::supervisor::SettingsAnswer;
use model::{CounterSource, LinkState, Severity, Timestamp};
use settings::{Listen, Settings, SnmpCredentials};

use super::Show;
use crate::amounts::{bytes, or_dash, percent, scaled, span, time};
use crate::columns::Align::{Left, Right};
use crate::columns::{Table, pairs};

impl Show {
    /// All exporters, a line each.
    pub(crate) fn exporters(self, all: &Exporters) -> String {
        let mut table = Table::new(&[
            (self.say("Exporter", "网元"), Left),
            (self.say("Addresses", "地址"), Left),
            (self.say("Protocols", "协议"), Left),
            (self.say("Last seen", "最后收到"), Right),
            (self.say("Records/s", "记录/秒"), Right),
            (self.say("Traffic", "流量"), Right),
            (self.say("Sampling", "采样"), Right),
            (self.say("Lost", "丢失"), Right),
            (self.say("Errors", "错误"), Right),
            ("SNMP", Left),
        ]);
        for one in &all.exporters {
            table.row([
                one.name.clone(),
                one.addresses
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" "),
                protocols(&one.protocols),
                self.seen(one),
                format!("{:.1}", one.records_per_s),
                rate(one.bits_per_s),
                sampling(&one.sampling),
                one.lost.to_string(),
                one.errors.to_string(),
                self.snmp(one),
            ]);
        }
        if all.exporters.is_empty() {
            return self
                .say(
                    "No exporter is registered: `set exporter NAME address ADDRESS` does that.\n",
                    "还没有登记网元：请用 set exporter 名称 address 地址 登记。\n",
                )
                .to_owned();
        }
        let mut text = table.render();
        if !all.pending.is_empty() {
            let note = self.say(
                "Others send as well: see `show pending`.\n",
                "另有未登记的发送者：请查看 show pending。\n",
            );
            text.push_str(note);
        }
        text
    }

    fn seen(self, one: &ExporterStatus) -> String {
        match one.last_seen {
            _ if !one.enabled => self.say("off", "已停用").to_owned(),
            None => self.say("never", "尚未").to_owned(),
            Some(at) => ago(at),
        }
    }

    fn snmp(self, one: &ExporterStatus) -> String {
        match &one.snmp {
            None => "-".to_owned(),
            Some(status) => match (&status.trouble, status.round_trip_ms) {
                (Some(_), _) => self.say("no answer", "无应答").to_owned(),
                (None, Some(ms)) => format!("{ms:.1} ms"),
                (None, None) => self.say("waiting", "等待").to_owned(),
            },
        }
    }

    /// One exporter in full.
    pub(crate) fn exporter(self, detail: &ExporterDetail) -> String {
        let one = &detail.status;
        let snmp = match &one.snmp {
            None => self.say("not polled", "未轮询").to_owned(),
            Some(snmp) => {
                let trouble = snmp.trouble.as_ref().map(|why| format!(" ! {why}")).unwrap_or_default();
                let answered = or_dash(snmp.last_answer, ago);
                let timeouts = format!("{} {}", snmp.timeouts, self.say("timeouts", "次超时"));
                format!(
                    "{answered}, {} {}, {timeouts}{trouble}",
                    snmp.requests,
                    self.say("requests", "次请求")
                )
            }
        };
        let mut text = pairs(&[
            (self.say("Exporter", "网元"), one.name.clone()),
            (
                self.say("Addresses", "地址"),
                one.addresses
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" "),
            ),
            (self.say("Protocols", "协议"), protocols(&one.protocols)),
            (self.say("Last seen", "最后收到"), self.seen(one)),
            (
                self.say("Datagrams", "报文"),
                format!(
                    "{} ({}), {:.1}/s",
                    one.datagrams,
                    bytes(one.octets),
                    one.datagrams_per_s
                ),
            ),
            (
                self.say("Records", "记录"),
                format!("{}, {:.1}/s", one.records, one.records_per_s),
            ),
            (self.say("Logs and traps", "日志与 Trap"), one.messages.to_string()),
            (self.say("Traffic", "流量"), rate(one.bits_per_s)),
            (self.say("Sampling", "采样"), sampling(&one.sampling)),
            (self.say("Lost", "丢失"), one.lost.to_string()),
            ("SNMP", snmp),
        ]);
        for stream in &detail.streams {
            text.push('\n');
            text.push_str(&self.stream(stream));
        }
        if detail.errors.iter().any(|(_, times)| *times > 0) {
            let mut errors = Table::new(&[
                (self.say("Decode error", "解码错误"), Left),
                (self.say("Times", "次数"), Right),
            ]);
            for (kind, times) in detail.errors.iter().filter(|(_, times)| *times > 0) {
                errors.row([kind.clone(), times.to_string()]);
            }
            text.push('\n');
            text.push_str(&errors.render());
        }
        if let Some(last) = &detail.last_error {
            text.push_str(&pairs(&[(self.say("The newest:", "最近一次："), last.clone())]));
        }
        text
    }

    fn stream(self, stream: &StreamStatus) -> String {
        let rates = stream.sampling.iter().map(|(of, rate)| match of {
            Some(of) => format!("{of}: 1:{rate}"),
            None => format!("1:{rate}"),
        });
        let rates = rates.collect::<Vec<_>>().join(", ");
        let mut text = format!(
            "{} {} {} {}\n",
            stream.address,
            protocol(stream.protocol),
            self.say("domain", "观测域"),
            stream.domain
        );
        text.push_str(&pairs(&[
            (self.say("  datagrams", "  报文"), stream.datagrams.to_string()),
            (self.say("  records", "  记录"), stream.records.to_string()),
            (
                self.say("  lost", "  丢失"),
                format!(
                    "{}, {} {}",
                    stream.lost,
                    stream.restarts,
                    self.say("restarts", "次序列重启")
                ),
            ),
            (
                self.say("  without a template", "  缺少模板"),
                format!(
                    "{} {}, {} {}",
                    bytes(stream.pending_octets),
                    self.say("waiting", "等待"),
                    stream.undecodable,
                    self.say("given up", "已放弃")
                ),
            ),
            (
                self.say("  sampling", "  采样"),
                if rates.is_empty() { "-".to_owned() } else { rates },
            ),
        ]));
        for template in &stream.templates {
            let kind = if template.options {
                self.say("options template", "选项模板")
            } else {
                self.say("template", "模板")
            };
            let fields = template.fields.iter().map(|(name, length)| match length {
                0xffff => name.clone(),
                length => format!("{name}/{length}"),
            });
            text.push_str(&pairs(&[(
                &format!("  {kind} {}", template.id),
                format!(
                    "{} {}, {}: {}",
                    template.records,
                    self.say("records", "条记录"),
                    ago(template.seen),
                    fields.collect::<Vec<_>>().join(" ")
                ),
            )]));
        }
        text
    }

    /// Who else sends, and what is received on.
    pub(crate) fn pending(self, all: &Exporters) -> String {
        let mut pending = Table::new(&[
            (self.say("Address", "地址"), Left),
            (self.say("Protocols", "协议"), Left),
            (self.say("Datagrams", "报文"), Right),
            (self.say("First seen", "首次收到"), Right),
            (self.say("Last seen", "最后收到"), Right),
        ]);
        for one in &all.pending {
            pending.row([
                one.address.to_string(),
                protocols(&one.protocols),
                one.datagrams.to_string(),
                ago(one.first_seen),
                ago(one.last_seen),
            ]);
        }
        let mut text = if all.pending.is_empty() {
            let none = (
                "No sender is pending. `set discovery on` lists those that are not registered.\n",
                "没有待登记的发送者。set discovery on 可列出未登记的发送者。\n",
            );
            self.say(none.0, none.1).to_owned()
        } else {
            pending.render()
        };
        let mut sockets = Table::new(&[
            (self.say("Received on", "接收端口"), Left),
            (self.say("What", "用途"), Left),
            (self.say("Datagrams", "报文"), Right),
            (self.say("Dropped by the kernel", "内核丢弃"), Right),
            (self.say("Not registered", "未登记来源"), Right),
            (self.say("Buffer", "缓冲区"), Right),
            ("", Left),
        ]);
        for socket in &all.sockets {
            let purpose = match socket.purpose {
                SocketPurpose::Flow => "NetFlow, IPFIX, sFlow",
                SocketPurpose::Syslog => "syslog",
                SocketPurpose::SyslogTls => "syslog TLS",
                SocketPurpose::Traps => self.say("SNMP traps", "SNMP Trap"),
            };
            sockets.row([
                socket.address.to_string(),
                purpose.to_owned(),
                socket.datagrams.to_string(),
                socket.dropped.to_string(),
                socket.unregistered.to_string(),
                bytes(socket.buffer),
                socket
                    .trouble
                    .as_ref()
                    .map(|why| format!("! {why}"))
                    .unwrap_or_default(),
            ]);
        }
        text.push('\n');
        text.push_str(&sockets.render());
        text
    }

    /// Interfaces with their newest minutes.
    pub(crate) fn interfaces(self, all: &[InterfaceNow], settings: &Settings) -> String {
        let mut table = Table::new(&[
            (self.say("Exporter", "网元"), Left),
            ("ifIndex", Right),
            (self.say("Interface", "接口"), Left),
            (self.say("Description", "描述"), Left),
            (self.say("State", "状态"), Left),
            (self.say("Speed", "速率"), Right),
            (self.say("In", "流入"), Right),
            (self.say("Out", "流出"), Right),
            (self.say("Use in", "流入利用率"), Right),
            (self.say("Use out", "流出利用率"), Right),
            (self.say("By", "来源"), Left),
        ]);
        for one in all {
            let exporter = one.id.exporter.exporter().and_then(|n| settings.exporters.get(&n));
            let facts = &one.facts;
            let names = [&facts.label, &facts.name, &facts.description];
            let name = names.into_iter().find(|name| !name.is_empty());
            let now = one.counters.as_ref().or(one.flow.as_ref());
            let usage = |place: fn((f64, f64)) -> f64, limit: LimitState| {
                let mark = match limit {
                    LimitState::Above | LimitState::Below => "! ",
                    LimitState::None | LimitState::Within => "",
                };
                or_dash(one.utilisation, |both| format!("{mark}{}", percent(place(both))))
            };
            let source = now.map(|now| match now.source {
                CounterSource::Flow => self.say("flow records", "流记录"),
                CounterSource::Snmp => "SNMP",
                CounterSource::Sflow => "sFlow",
            });
            table.row([
                or_dash(exporter, |exporter| exporter.name.clone()),
                facts.index.to_string(),
                or_dash(name, Clone::clone),
                facts.alias.clone(),
                self.state(facts.admin, facts.oper).to_owned(),
                or_dash(facts.speed_bps, |s| scaled(s, "bit/s")),
                or_dash(now, |now| rate(now.bits_per_s.0)),
                or_dash(now, |now| rate(now.bits_per_s.1)),
                usage(|both| both.0, one.limits.0),
                usage(|both| both.1, one.limits.1),
                source.unwrap_or("-").to_owned(),
            ]);
        }
        if all.is_empty() {
            self.say("No interface is known yet.\n", "还不知道任何接口。\n")
                .to_owned()
        } else {
            table.render()
        }
    }

    fn state(self, admin: LinkState, oper: LinkState) -> &'static str {
        match (admin, oper) {
            (LinkState::Down, _) => self.say("shut down", "已关闭"),
            (_, LinkState::Up) => self.say("up", "已连接"),
            (_, LinkState::Down) => self.say("down", "未连接"),
            (_, LinkState::Other) => self.say("other", "其他"),
            (_, LinkState::Unknown) => "-",
        }
    }

    /// Log records.
    pub(crate) fn logs(self, logs: &Logs) -> String {
        if logs.records.is_empty() && logs.next.is_none() {
            let none = self.say(
                "No log record of that time matches.\n",
                "这段时间没有符合条件的日志。\n",
            );
            return none.to_owned();
        }
        let mut table = Table::new(&[
            (self.say("Time", "时间"), Left),
            (self.say("Severity", "级别"), Left),
            (self.say("Host", "主机"), Left),
            (self.say("Program", "程序"), Left),
            (self.say("Text", "内容"), Left),
        ]);
        for log in &logs.records {
            let program = [log.app.as_str(), log.code.as_str()];
            let program: Vec<_> = program.into_iter().filter(|text| !text.is_empty()).collect();
            table.row([
                time(log.time),
                self.severity(log.severity).to_owned(),
                log.host.clone(),
                program.join("/"),
                log.text.replace('\n', " "),
            ]);
        }
        let mut text = table.render();
        if !logs.complete {
            text.push_str(self.say(
                "Time ran out before all was searched.\n",
                "查询时间已到，未搜索全部日志。\n",
            ));
        } else if logs.next.is_some() {
            text.push_str(self.say("There are more: raise `limit`.\n", "还有更多日志：请增大 limit。\n"));
        }
        text
    }

    fn severity(self, severity: Severity) -> &'static str {
        match severity {
            Severity::Emergency => self.say("emergency", "紧急"),
            Severity::Alert => self.say("alert", "警报"),
            Severity::Critical => self.say("critical", "严重"),
            Severity::Error => self.say("error", "错误"),
            Severity::Warning => self.say("warning", "警告"),
            Severity::Notice => self.say("notice", "通知"),
            Severity::Informational => self.say("informational", "信息"),
            Severity::Debug => self.say("debug", "调试"),
        }
    }

    /// What an SNMP agent answered.
    pub(crate) fn probe(self, answer: &ProbeAnswer) -> String {
        match &answer.system {
            Ok(system) => {
                let mut text = format!(
                    "{} {:.1} ms\n",
                    self.say("The agent answered within", "代理应答，用时"),
                    answer.took_ms
                );
                text.push_str(&self.system_facts(system));
                text
            }
            Err(why) => format!("{} {why}\n", self.say("! No answer:", "! 没有应答：")),
        }
    }

    /// Where exporters are received, and the names of credentials.
    pub(crate) fn collection(self, answer: &SettingsAnswer) -> String {
        let settings = &answer.settings;
        let collection = &settings.collection;
        let management = || self.say("management", "管理口").to_owned();
        let listen = |listen: &Listen| match listen.enabled {
            true => listen
                .ports
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" "),
            false => self.say("off", "关闭").to_owned(),
        };
        let on = |on: bool| {
            if on {
                self.say("on", "开启")
            } else {
                self.say("off", "关闭")
            }
        };
        let mut text = pairs(&[
            (
                self.say("Port", "接收网口"),
                collection.port.clone().unwrap_or_else(management),
            ),
            ("NetFlow, IPFIX, sFlow", listen(&collection.flow)),
            ("syslog UDP", listen(&collection.syslog)),
            ("syslog TLS", listen(&collection.syslog_tls)),
            (self.say("SNMP traps", "SNMP Trap"), listen(&collection.traps)),
            (self.say("Discovery", "发现模式"), on(collection.discovery).to_owned()),
            (self.say("Exporters", "网元"), settings.exporters.len().to_string()),
        ]);
        for (name, credentials) in &settings.snmp {
            let kind = match credentials {
                SnmpCredentials::V1 { .. } => "v1".to_owned(),
                SnmpCredentials::V2c { .. } => "v2c".to_owned(),
                SnmpCredentials::V3 { user, .. } => format!("v3 {user}"),
            };
            text.push_str(&pairs(&[(
                self.say("SNMP credentials", "SNMP 凭据"),
                format!("{name}: {kind}"),
            )]));
        }
        text
    }
}

/// A time in the past, from now.
pub(super) fn ago(at: Timestamp) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    span(now.unwrap_or_default().as_secs().saturating_sub(at.as_secs()))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate in bit/s, three digits of which are shown"
)]
fn rate(bits_per_s: f64) -> String {
    scaled(bits_per_s.max(0.0) as u64, "bit/s")
}

fn sampling(rates: &[u32]) -> String {
    match rates {
        [] => "-".to_owned(),
        rates => rates
            .iter()
            .map(|rate| format!("1:{rate}"))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

fn protocols(all: &[Protocol]) -> String {
    match all {
        [] => "-".to_owned(),
        all => all.iter().map(|one| protocol(*one)).collect::<Vec<_>>().join(" "),
    }
}

const fn protocol(one: Protocol) -> &'static str {
    match one {
        Protocol::NetflowV1 => "netflow-v1",
        Protocol::NetflowV5 => "netflow-v5",
        Protocol::NetflowV7 => "netflow-v7",
        Protocol::NetflowV9 => "netflow-v9",
        Protocol::Ipfix => "ipfix",
        Protocol::Sflow => "sflow",
        Protocol::Syslog => "syslog",
        Protocol::SyslogTls => "syslog-tls",
        Protocol::Trap => "trap",
    }
}

#[cfg(test)]
mod tests {
    use api::analyzer::InterfaceRate;
    use model::{InterfaceFacts, InterfaceId, LinkId, LogRecord, LogSource};
    use settings::Language;

    use super::*;

    fn interface() -> InterfaceNow {
        let rate = |source, bits| InterfaceRate {
            at: Timestamp::from_secs(60),
            source,
            bits_per_s: bits,
            packets_per_s: (1.0, 1.0),
        };
        InterfaceNow {
            id: InterfaceId {
                exporter: LinkId::of_exporter(1),
                index: 3,
            },
            facts: InterfaceFacts {
                index: 3,
                name: "Gi1/0/3".into(),
                alias: "上联".into(),
                speed_bps: Some(1_000_000_000),
                oper: LinkState::Up,
                ..InterfaceFacts::default()
            },
            flow: Some(rate(CounterSource::Flow, (9e8, 1e6))),
            counters: Some(rate(CounterSource::Snmp, (9.3e8, 1.1e6))),
            utilisation: Some((0.93, 0.0011)),
            limits: (LimitState::Above, LimitState::None),
        }
    }

    fn log() -> LogRecord {
        LogRecord {
            time: Timestamp::from_secs(1_700_000_000),
            received: Timestamp::from_secs(1_700_000_001),
            exporter: LinkId::of_exporter(1),
            peer: [192, 0, 2, 1].into(),
            source: LogSource::Syslog,
            severity: Severity::Warning,
            facility: 23,
            host: "core-1".into(),
            app: "IFMGR".into(),
            pid: String::new(),
            code: "LINK_DOWN".into(),
            text: "接口 Gi1/0/3\u{1b}[2J down\nfor 3 s".into(),
            data: String::new(),
        }
    }

    #[test]
    fn interfaces_and_logs_are_these() {
        let mut text = String::new();
        for language in [Language::English, Language::Chinese] {
            let show = Show(language);
            text.push_str(&show.interfaces(&[interface()], &Settings::default()));
            let mut unknown = interface();
            (unknown.facts.speed_bps, unknown.utilisation) = (None, None);
            (unknown.flow, unknown.counters) = (None, None);
            text.push_str(&show.interfaces(&[unknown], &Settings::default()));
            let logs = |records, next: Option<&str>| Logs {
                records,
                next: next.map(str::to_owned),
                read: 1,
                complete: true,
            };
            text.push_str(&show.logs(&logs(vec![log()], Some("x"))));
            text.push_str(&show.logs(&logs(Vec::new(), None)));
            let empty = Exporters {
                exporters: Vec::new(),
                pending: Vec::new(),
                sockets: Vec::new(),
                syslog_certificate: None,
            };
            text.push_str(&show.exporters(&empty));
            text.push_str(&show.pending(&empty));
        }
        assert!(!text.contains('\u{1b}'), "a log must not steer the terminal");
        crate::tests::golden("golden/exporters.txt", &text);
    }
}
