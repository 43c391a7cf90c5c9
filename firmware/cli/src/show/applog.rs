//! Application logs: a line a transaction.

use api::analyzer::Logs;
use model::{LogRecord, LogSource, Severity};

use super::Show;
use crate::amounts::{delay, or_dash, time};
use crate::columns::Align::{Left, Right};
use crate::columns::{Table, pairs};

impl Show {
    /// Lines of application logs; in full each with all that is known of it.
    pub(crate) fn applog(self, logs: &Logs, full: bool) -> String {
        if logs.records.is_empty() && logs.next.is_none() {
            let none = self.say(
                "No application log of that time matches.\n",
                "这段时间没有符合条件的应用日志。\n",
            );
            return none.to_owned();
        }
        let mut text = match full {
            true => logs.records.iter().map(|record| self.transaction(record)).collect(),
            false => self.transactions(&logs.records),
        };
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

    fn transactions(self, records: &[LogRecord]) -> String {
        let mut table = Table::new(&[
            (self.say("Time", "时间"), Left),
            (self.say("Kind", "类型"), Left),
            (self.say("Client", "客户端"), Left),
            (self.say("Server's name", "服务端名称"), Left),
            (self.say("Application", "应用"), Left),
            (self.say("Outcome", "结果"), Left),
            (self.say("Response", "响应时间"), Right),
            (self.say("Text", "内容"), Left),
        ]);
        for record in records {
            let fields = record.fields();
            let field = |name: &str| fields.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
            let took = field("response_us").and_then(|us| us.parse().ok());
            table.row([
                time(record.time),
                self.log_kind(record.source).to_owned(),
                field("client").cloned().unwrap_or_else(|| record.peer.to_string()),
                record.host.clone(),
                self.app_word(&record.app),
                mark(record),
                or_dash(took, delay),
                record.text.replace('\n', " "),
            ]);
        }
        table.render()
    }

    /// All of one, a field a line.
    fn transaction(self, record: &LogRecord) -> String {
        let fields = record.fields();
        let mut rows = vec![
            (self.say("  link", "  链路"), record.exporter.to_string()),
            (self.say("  server's name", "  服务端名称"), record.host.clone()),
            (self.say("  application", "  应用"), self.app_word(&record.app)),
            (self.say("  outcome", "  结果"), mark(record)),
        ];
        let named: Vec<_> = fields
            .iter()
            .map(|(name, value)| (format!("  {name}"), value))
            .collect();
        rows.extend(named.iter().map(|(name, value)| (name.as_str(), (*value).clone())));
        let head = format!("{} {}", self.log_kind(record.source), record.text);
        pairs(&[(&time(record.time), head)]) + &pairs(&rows)
    }

    const fn log_kind_text(source: LogSource) -> crate::lang::Text {
        match source {
            LogSource::Dns => ("dns", "DNS"),
            LogSource::Http => ("http", "HTTP"),
            LogSource::Tls => ("tls", "TLS"),
            LogSource::Mail => ("mail", "邮件"),
            LogSource::Session => ("session", "会话"),
            LogSource::Syslog => ("syslog", "Syslog"),
            LogSource::Trap => ("trap", "Trap"),
        }
    }

    fn log_kind(self, source: LogSource) -> &'static str {
        crate::lang::say(self.0, Self::log_kind_text(source))
    }
}

/// The outcome; a failure has a mark.
fn mark(record: &LogRecord) -> String {
    let failed = record.severity <= Severity::Warning;
    match (failed, record.code.as_str()) {
        (true, "") => "!".to_owned(),
        (true, code) => format!("! {code}"),
        (false, code) => code.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use model::{LinkId, Timestamp};
    use settings::Language;

    use super::*;

    fn record(source: LogSource, severity: Severity, host: &str, code: &str, text: &str, data: &str) -> LogRecord {
        LogRecord {
            time: Timestamp::from_secs(1_795_255_200),
            received: Timestamp::from_secs(1_795_255_200),
            exporter: LinkId(1),
            peer: "10.0.0.1".parse().unwrap(),
            source,
            severity,
            facility: 1,
            host: host.to_owned(),
            app: if source == LogSource::Tls { "wechat" } else { "dns" }.to_owned(),
            pid: String::new(),
            code: code.to_owned(),
            text: text.to_owned(),
            data: data.to_owned(),
        }
    }

    #[test]
    fn application_logs_are_printed_as_lines_and_in_full() {
        let logs = Logs {
            records: vec![
                record(
                    LogSource::Dns,
                    Severity::Warning,
                    "nowhere.example",
                    "NXDOMAIN",
                    "A nowhere.example NXDOMAIN",
                    r#"client="10.0.0.1:50000" server="192.0.2.53:53" dns_type="A" response_us="12300""#,
                ),
                record(
                    LogSource::Tls,
                    Severity::Informational,
                    "short.weixin.qq.com",
                    "TLS 1.3",
                    "short.weixin.qq.com TLS 1.3 \u{1b}[2J",
                    r#"client="[2001:db8::1]:50001" server="[2001:db8::2]:443" alpn="h2""#,
                ),
            ],
            next: Some("x".to_owned()),
            read: 2,
            complete: true,
        };
        let mut transcript = String::new();
        for language in [Language::English, Language::Chinese] {
            for full in [false, true] {
                transcript.push_str(&Show(language).applog(&logs, full));
                transcript.push('\n');
            }
        }
        crate::tests::golden("golden/applog.txt", &transcript);
    }
}
