//! Metrics for Prometheus: the token, and who reads them.

use api::metrics::{ChangeMetricsRequest, MetricsAccess, MetricsQuery, MetricsToken};

use crate::amounts::{or_dash, time};
use crate::columns::pairs;
use crate::commands::Action;
use crate::grammar::Parsed;
use crate::session::{Format, Session, user};
use crate::show::Show;

impl Session {
    /// Shows whether metrics are answered, makes a token, or takes it away.
    pub(crate) fn about_metrics(&self, parsed: &Parsed, format: Format) -> Result<String, String> {
        let show = Show(self.language);
        let on = match parsed.action {
            Action::ShowMetrics => {
                return self.print(format, self.ask(MetricsQuery {})?, |access| show.metrics(access));
            }
            action => action == Action::SetMetricsToken,
        };
        let answer = self.ask(ChangeMetricsRequest { on, user: user() })?;
        self.print(format, answer, |answer| match answer {
            MetricsToken { token: Some(token) } => show.metrics_token(token),
            MetricsToken { token: None } => self.done(),
        })
    }
}

impl Show {
    /// Whether metrics are answered, and who read them.
    fn metrics(self, access: &MetricsAccess) -> String {
        let state = match access.made {
            Some(_) => self.say(
                "on: GET /metrics with the token as bearer",
                "已启用：携带令牌（Bearer）访问 /metrics",
            ),
            None => self.say(
                "off: `set metrics token` makes a token",
                "未启用：用 set metrics token 生成令牌",
            ),
        };
        let read = access.read.as_ref();
        pairs(&[
            (self.say("Metrics", "指标接口"), state.to_owned()),
            (self.say("Token made", "令牌生成时间"), or_dash(access.made, time)),
            (self.say("Last read", "最近抓取"), or_dash(read, |read| time(read.at))),
            (
                self.say("Last read from", "最近抓取来源"),
                or_dash(read, |read| read.source.to_string()),
            ),
        ])
    }

    /// A new token, this once.
    fn metrics_token(self, token: &str) -> String {
        let once = self.say(
            "Keep it: it is not shown again. The token before it is void.",
            "请妥善保存：令牌只显示这一次，之前的令牌立即失效。",
        );
        format!("{token}\n{once}\n")
    }
}

#[cfg(test)]
mod tests {
    use api::metrics::MetricsRead;
    use model::Timestamp;
    use settings::Language;

    use super::*;
    use crate::grammar::{Grammar, split};

    #[test]
    fn words_are_read() {
        let read = |line: &str| {
            let words = split(line, Language::English).unwrap();
            Grammar::new(Language::English, true).parse(&words).unwrap().action
        };
        assert_eq!(read("set metrics token"), Action::SetMetricsToken);
        assert_eq!(read("set metrics off"), Action::SetMetricsOff);
        assert_eq!(read("show metrics"), Action::ShowMetrics);
    }

    #[test]
    fn both_languages_say_who_reads() {
        let access = MetricsAccess {
            made: Some(Timestamp::from_secs(1_700_000_000)),
            read: Some(MetricsRead {
                at: Timestamp::from_secs(1_700_000_060),
                source: [192, 0, 2, 7].into(),
            }),
        };
        for language in [Language::English, Language::Chinese] {
            let text = Show(language).metrics(&access);
            assert!(text.contains("192.0.2.7") && text.contains("2023-11-1"), "{text}");
            let off = Show(language).metrics(&MetricsAccess::default());
            assert!(off.contains("set metrics token") && !off.contains("192"), "{off}");
            assert!(Show(language).metrics_token("0a1b").starts_with("0a1b\n"));
        }
    }
}
