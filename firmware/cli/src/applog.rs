//! Application logs, and the signatures that applications are known by.

use std::io::Read as _;

use api::analyzer::{LogClass, LogsQuery};
use api::supervisor::{ApplyAnswer, SettingsAnswer, SettingsQuery};
use dissect::l7::Signatures;
use model::{LogSource, Timestamp};
use settings::{Language, SIGNATURES_MAX};

use crate::commands::Action;
use crate::grammar::Parsed;
use crate::kinds;
use crate::lang::say;
use crate::session::{Format, Session, limit, option};
use crate::show::Show;
use crate::when;

/// What is asked about where no time is given.
const LAST_S: u64 = 3_600;

impl Session {
    /// Searches application logs.
    pub(crate) fn show_applog(&self, parsed: &Parsed, format: Format) -> Result<String, String> {
        let query = applog_query(parsed, crate::offline::now());
        let full = option(parsed, "view") == Some("full");
        self.print(format, self.ask(query)?, |logs| Show(self.language).applog(logs, full))
    }

    /// The signatures that were added.
    pub(crate) fn show_signatures(&self, format: Format) -> Result<String, String> {
        let text = self.ask(SettingsQuery::default())?.settings.signatures;
        self.print(format, text, |text| match text.trim() {
            "" => {
                let none = (
                    "None were added: the built-in ones hold.\n",
                    "没有添加特征，只使用内置特征。\n",
                );
                say(self.language, none).to_owned()
            }
            text => format!("{text}\n"),
        })
    }

    /// Changes the signatures; what cannot be read is refused with its place.
    pub(crate) fn set_signatures(&self, parsed: &Parsed) -> Result<ApplyAnswer, String> {
        let read = match parsed.action {
            Action::ImportSignatures => Some(self.typed_signatures()?),
            _ => None,
        };
        self.apply(|answer| {
            let text = match (&read, parsed.action) {
                (Some(read), _) => read.clone(),
                (None, Action::AddSignature) => with_rule(&answer.settings.signatures, &parsed.values),
                (None, _) => String::new(),
            };
            self.check_signatures(&text, answer)?;
            answer.settings.signatures = text;
            Ok(())
        })
    }

    /// All that is sent until the end of input.
    fn typed_signatures(&self) -> Result<String, String> {
        if self.interactive {
            let hint = (
                "Type the rules, a line each; Ctrl-D on an empty line ends them.\n",
                "逐行输入规则，在空行按 Ctrl-D 结束。\n",
            );
            print!("{}", say(self.language, hint));
        }
        let mut text = String::new();
        let most = u64::try_from(SIGNATURES_MAX).unwrap_or(u64::MAX).saturating_add(1);
        let read = std::io::stdin().lock().take(most).read_to_string(&mut text);
        read.map_err(|e| match self.language {
            Language::English => format!("the signatures cannot be read: {e}"),
            Language::Chinese => format!("无法读取特征：{e}"),
        })?;
        Ok(text)
    }

    fn check_signatures(&self, text: &str, answer: &SettingsAnswer) -> Result<(), String> {
        let objects = &answer.settings.objects;
        let Err(wrong) = Signatures::with(text, &|name| objects.app_of(name)) else {
            return Ok(());
        };
        let line = text.lines().nth(wrong.line.saturating_sub(1)).unwrap_or_default();
        let (at, problem) = ((wrong.line, wrong.column), &wrong.problem);
        Err(match self.language {
            Language::English => format!("line {}, character {}: {problem}\n  {line}", at.0, at.1),
            Language::Chinese => format!("第 {} 行第 {} 个字符：{}\n  {line}", at.0, at.1, problem.chinese()),
        })
    }
}

/// A text with one rule more. The words lost their quotation marks: those of a pattern of text come back.
fn with_rule(text: &str, words: &[String]) -> String {
    let mut rule: Vec<String> = Vec::new();
    for word in words {
        let quoted = rule.last().is_some_and(|before| before == "text");
        rule.push(if quoted { format!("\"{word}\"") } else { word.clone() });
    }
    let mut text = text.to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text + &rule.join(" ") + "\n"
}

fn applog_query(parsed: &Parsed, now: Timestamp) -> LogsQuery {
    let text = |name: &str| option(parsed, name).map(str::to_owned);
    let last = option(parsed, "last").and_then(when::length_s).unwrap_or(LAST_S);
    let kind = parsed.values.first().and_then(|word| kinds::one_of::<LogSource>(word));
    LogsQuery {
        class: LogClass::Transactions,
        from: Timestamp::from_secs(now.as_secs().saturating_sub(last)),
        kinds: kind.into_iter().collect(),
        client: text("client"),
        server: text("server"),
        code: text("code"),
        host: text("name"),
        severity: option(parsed, "severity").and_then(kinds::one_of),
        app: text("app"),
        keywords: option(parsed, "keyword")
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
        limit: limit(parsed, 20),
        ..LogsQuery::default()
    }
}

#[cfg(test)]
mod tests {
    use model::Severity;

    use super::*;
    use crate::grammar::{Grammar, split};

    #[test]
    fn application_logs_are_asked_for_as_the_line_says() {
        let parse = |line: &str| {
            let words = split(line, Language::English).unwrap();
            let parsed = Grammar::new(Language::English, true).parse(&words).unwrap();
            assert_eq!(parsed.action, Action::ShowApplog);
            applog_query(&parsed, Timestamp::from_secs(1_000_000))
        };
        let all = parse("show applog");
        assert_eq!((all.class, all.kinds.len(), all.limit), (LogClass::Transactions, 0, 20));
        assert_eq!(all.from, Timestamp::from_secs(996_400));
        let line = "sh applog dns client 10.0.0.0/8 server 192.0.2.1:53 name example.com code NXDOMAIN severity warning last 2h limit 5";
        let one = parse(line);
        assert_eq!((one.kinds, one.limit), (vec![LogSource::Dns], 5));
        assert_eq!(
            (one.client.as_deref(), one.server.as_deref()),
            (Some("10.0.0.0/8"), Some("192.0.2.1:53"))
        );
        assert_eq!(
            (one.host.as_deref(), one.code.as_deref()),
            (Some("example.com"), Some("NXDOMAIN"))
        );
        assert_eq!(
            (one.severity, one.from),
            (Some(Severity::Warning), Timestamp::from_secs(992_800))
        );
        assert_eq!(parse("show applog keyword \"GET login\"").keywords, ["GET", "login"]);
    }

    #[test]
    fn a_rule_is_added_with_its_quotation_marks() {
        let words = split("app ssh tcp payload 0 text \"SSH-\"", Language::English).unwrap();
        let text = with_rule("# ours", &words);
        assert_eq!(text, "# ours\napp ssh tcp payload 0 text \"SSH-\"\n");
        assert!(Signatures::with(&text, &model::App::by_name).is_ok());
    }
}
