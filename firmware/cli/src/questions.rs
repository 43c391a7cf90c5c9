//! Commands that ask the analyzer about stored flow records.

use std::io::{IsTerminal as _, Write as _};

use api::analyzer::{
    CancelQuery, FilterRequest, InterfacesQuery, LinksQuery, PollQuery, QueryState, StartQuery, StatusQuery,
    StorageQuery,
};
use api::client::CallError;
use api::labels::Labels;
use model::{Ask, Key, LinkId, Measure, Query, Scope, Timestamp};
use settings::Language;

use crate::ask::{Appliance, explain};
use crate::commands::Action;
use crate::flows::text::count;
use crate::grammar::Parsed;
use crate::lang::say;
use crate::session::{Format, Session, limit, option};
use crate::show::Show;
use crate::show::answer::Answered;
use crate::show::quality::{SERVERS, STREAMS};
use crate::{keys, kinds, when};

/// How long a question may take.
const TIMEOUT_MS: u32 = 120_000;
/// What is asked about where no time is given.
const LAST_S: u64 = 3_600;

impl Session {
    /// Asks, and prints the answer with where it comes from.
    pub(crate) fn ask_records(&self, parsed: &Parsed, format: Format) -> Result<String, String> {
        self.check_filter(option(parsed, "filter").unwrap_or_default())?;
        let query = self.question(parsed)?;
        let state = self.answered(query)?;
        let Some(answer) = &state.answer else {
            return Ok(say(self.language, ("Nothing was found until then.\n", "尚无结果。\n")).to_owned());
        };
        let labels = self.labels()?;
        match format {
            Format::Json => crate::query::json(&state.query, answer, &labels).map_err(|e| e.to_string()),
            Format::Text => {
                let show = Show(self.language);
                let answered = Answered {
                    query: &state.query,
                    answer,
                    labels: &labels,
                    zone_s: 0,
                };
                let text = match parsed.action {
                    Action::ShowQuality | Action::ShowQualitySeries => show.quality(answered, false),
                    Action::ShowStreams => show.quality(answered, true),
                    _ => show.answer(answered),
                };
                Ok(text + &show.footing(answer))
            }
        }
    }

    /// What the store keeps, and the analyzer's state.
    pub(crate) fn show_storage(&self, format: Format) -> Result<String, String> {
        let status = self.ask(StatusQuery {})?;
        let storage = self.ask(StorageQuery {})?;
        let show = Show(self.language);
        let both = serde_json::json!({ "status": status, "storage": storage });
        self.print(format, both, |_| show.storage(&status) + &show.kept(&storage))
    }

    /// What a command asks, and of which time and links.
    pub(crate) fn question(&self, parsed: &Parsed) -> Result<Query, String> {
        let now = crate::offline::now();
        let wrong = |text: &str| match self.language {
            Language::English => format!("{text:?} is not a time"),
            Language::Chinese => format!("{text:?} 不是有效的时间"),
        };
        let time = |name: &str| {
            let text = option(parsed, name);
            text.map(|text| when::asked(text, now, 0).ok_or_else(|| wrong(text)))
                .transpose()
        };
        let last = option(parsed, "last").and_then(when::length_s).unwrap_or(LAST_S);
        let to = time("to")?;
        let ago =
            |end: Timestamp| Timestamp::from_nanos(end.as_nanos().saturating_sub(last.saturating_mul(1_000_000_000)));
        Ok(Query {
            from: time("from")?.unwrap_or_else(|| ago(to.unwrap_or(now))),
            to,
            scope: self.query_scope(parsed)?,
            filter: filter(parsed),
            ask: ask(parsed)?,
            timeout_ms: TIMEOUT_MS,
        })
    }

    fn query_scope(&self, parsed: &Parsed) -> Result<Option<Scope>, String> {
        let name = match option(parsed, "scope") {
            None => return Ok(None),
            Some("ports") => return Ok(Some(Scope::Ports)),
            Some("exporters") => return Ok(Some(Scope::Exporters)),
            Some(name) => name,
        };
        let links = self.ask(LinksQuery {})?;
        let named: Vec<LinkId> = links
            .iter()
            .filter(|link| link.info.name == name || link.info.label == name)
            .map(|link| link.info.id)
            .collect();
        match (named.as_slice(), name.parse()) {
            ([link], _) => Ok(Some(Scope::Link(*link))),
            ([], Ok(number)) => Ok(Some(Scope::Link(LinkId(number)))),
            _ => Err(match self.language {
                Language::English => format!("there is no one link named {name:?}: see `show links`"),
                Language::Chinese => format!("没有唯一的链路 {name:?}：请查看 show links"),
            }),
        }
    }

    /// A filter that is wrong is shown with the place.
    fn check_filter(&self, text: &str) -> Result<(), String> {
        if text.trim().is_empty() {
            return Ok(());
        }
        let answer = self.ask(FilterRequest {
            text: text.to_owned(),
            cursor: None,
        })?;
        let Some(problem) = answer.problem else { return Ok(()) };
        let what = say_either(self.language, &problem.english, &problem.chinese);
        let suggestion = problem.suggestion.as_deref();
        Err(crate::filters::explain(
            text,
            problem.at,
            what,
            suggestion,
            self.language,
        ))
    }

    /// Waits for the answer. Ctrl-C ends it with what was found.
    pub(crate) fn answered(&self, query: Query) -> Result<QueryState, String> {
        let shown = self.interactive && std::io::stderr().is_terminal();
        let mut drawn = false;
        let state = self.appliance.ask_at_length(query, |state| {
            if !shown || state.progress.elapsed_ms < 500 {
                return;
            }
            drawn = true;
            let progress = state.progress;
            let share = progress
                .done
                .saturating_mul(100)
                .checked_div(progress.total)
                .unwrap_or(0);
            let records = match self.language {
                Language::English => format!("{} read, Ctrl-C stops", count(progress.records, "record")),
                Language::Chinese => format!("已读取 {} 条记录，按 Ctrl-C 停止", progress.records),
            };
            let mut out = std::io::stderr();
            let _ = write!(out, "\r\x1b[K{share} %, {records}").and_then(|()| out.flush());
        });
        if drawn {
            let mut out = std::io::stderr();
            let _ = write!(out, "\r\x1b[K").and_then(|()| out.flush());
        }
        state.map_err(|e| explain(&e, self.language))
    }

    /// The names that analyzer and supervisor know.
    pub(crate) fn labels(&self) -> Result<Labels, String> {
        let links = self.ask(LinksQuery {})?;
        // There may be more interfaces than are answered at a time: they are then known by their numbers.
        let interfaces = self.ask(InterfacesQuery::default()).unwrap_or_default();
        Ok(Labels::new(
            links.into_iter().map(|link| (link.info.id, link.info.name)),
            interfaces
                .into_iter()
                .map(|interface| (interface.id, interface.facts.name)),
            self.objects(),
        ))
    }
}

fn say_either<'a>(language: Language, english: &'a str, chinese: &'a str) -> &'a str {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

impl Appliance {
    /// Asks a question and waits for its answer; `watch` sees how far it is. After Ctrl-C the answer is what was found
    /// until then, if that is anything.
    fn ask_at_length(&self, query: Query, mut watch: impl FnMut(&QueryState)) -> Result<QueryState, CallError> {
        const WAIT_MS: u32 = 300;
        self.run(async |client| {
            let id = client.call(StartQuery { query }).await?.id;
            let poll = |wait_ms, partial| client.call(PollQuery { id, wait_ms, partial });
            let stopped = tokio::signal::ctrl_c();
            tokio::pin!(stopped);
            loop {
                tokio::select! {
                    state = poll(WAIT_MS, false) => {
                        let state = state?;
                        if state.done {
                            // It is kept for a while; nobody will ask again.
                            let _ = client.call(CancelQuery { id }).await;
                            return Ok(state);
                        }
                        watch(&state);
                    }
                    _ = &mut stopped => {
                        let state = poll(0, true).await;
                        let _ = client.call(CancelQuery { id }).await;
                        return state;
                    }
                }
            }
        })
    }
}

/// The filter of a command: what was typed, and what the command is about.
fn filter(parsed: &Parsed) -> String {
    let typed = option(parsed, "filter").unwrap_or_default().trim();
    let about = match parsed.action {
        Action::ShowQuality | Action::ShowQualitySeries => "measured",
        Action::ShowStreams => "rtp-packets > 0",
        _ => return typed.to_owned(),
    };
    match typed {
        "" => about.to_owned(),
        typed => format!("({typed}) and {about}"),
    }
}

/// A ranking of servers or streams with their quality.
fn served(parsed: &Parsed, by: &[Key]) -> Ask {
    Ask::Top {
        by: by.to_vec(),
        measure: option(parsed, "order")
            .and_then(kinds::one_of)
            .unwrap_or(Measure::Flows),
        limit: limit(parsed, 20),
        ascending: false,
        compare: false,
        quality: true,
    }
}

/// What a command asks.
fn ask(parsed: &Parsed) -> Result<Ask, String> {
    let keys = |text: Option<&str>| text.map_or_else(|| Ok(Vec::new()), keys::keys);
    let measure = option(parsed, "measure")
        .map(keys::measure)
        .transpose()?
        .unwrap_or_default();
    Ok(match parsed.action {
        Action::ShowQuality => served(parsed, &SERVERS),
        Action::ShowStreams => served(parsed, &STREAMS),
        Action::ShowQualitySeries => Ask::Series {
            step_s: option(parsed, "step")
                .and_then(when::length_s)
                .and_then(|s| s.try_into().ok()),
            zone_s: 0,
            by: Vec::new(),
            measure: Measure::Flows,
            limit: 1,
            compare: false,
            quality: true,
        },
        Action::ShowTopBy => Ask::Top {
            by: keys(parsed.values.first().map(String::as_str))?,
            measure,
            limit: limit(parsed, 10),
            ascending: false,
            compare: false,
            quality: false,
        },
        Action::ShowSeries => Ask::Series {
            step_s: option(parsed, "step")
                .and_then(when::length_s)
                .and_then(|s| s.try_into().ok()),
            zone_s: 0,
            by: keys(option(parsed, "split"))?,
            measure,
            limit: limit(parsed, 5).min(100),
            compare: false,
            quality: false,
        },
        Action::ShowTotals => Ask::Totals {
            distinct: keys(option(parsed, "distinct"))?,
            compare: true,
            quality: false,
        },
        _ => Ask::Records {
            order: option(parsed, "order")
                .map(keys::order)
                .transpose()?
                .unwrap_or_default(),
            ascending: false,
            offset: option(parsed, "offset").and_then(|text| text.parse().ok()).unwrap_or(0),
            limit: limit(parsed, 20),
        },
    })
}

#[cfg(test)]
mod tests {
    use model::Order;

    use super::*;
    use crate::grammar::{Grammar, split};

    fn asked(line: &str) -> Ask {
        let words = split(line, Language::English).unwrap();
        let parsed = Grammar::new(Language::English, true).parse(&words).unwrap();
        assert!(line.contains("filter") == option(&parsed, "filter").is_some());
        ask(&parsed).unwrap()
    }

    #[test]
    fn quality_is_asked_of_what_was_measured() {
        let parse = |line: &str| {
            let words = split(line, Language::English).unwrap();
            Grammar::new(Language::English, true).parse(&words).unwrap()
        };
        let servers = parse("show quality order response filter \"dport 53 or dport 443\" limit 5");
        assert_eq!(filter(&servers), "(dport 53 or dport 443) and measured");
        let Ask::Top {
            by,
            measure,
            limit,
            quality,
            ..
        } = ask(&servers).unwrap()
        else {
            panic!("not a ranking");
        };
        assert_eq!(
            (by.as_slice(), measure, limit, quality),
            (&SERVERS[..], Measure::Response, 5, true)
        );
        assert_eq!(filter(&parse("show quality streams")), "rtp-packets > 0");
        assert!(matches!(
            ask(&parse("show quality series step 5m")),
            Ok(Ask::Series {
                step_s: Some(300),
                quality: true,
                ..
            })
        ));
    }

    #[test]
    fn commands_ask_what_they_say() {
        assert_eq!(
            asked("show top by src_ip,app measure p95 filter \"src 10.0.0.0/8 and dport 443\" last 90d limit 3"),
            Ask::Top {
                by: vec![Key::SrcIp, Key::App],
                measure: Measure::P95,
                limit: 3,
                ascending: false,
                compare: false,
                quality: false
            }
        );
        assert_eq!(
            asked("sh rec order bytes offset 20 from \"2026-11-21 10:00\" to now scope exporters"),
            Ask::Records {
                order: Order::Bytes,
                ascending: false,
                offset: 20,
                limit: 20,
            }
        );
        assert_eq!(
            asked("show series step 5m split app filter proto=tcp"),
            Ask::Series {
                step_s: Some(300),
                zone_s: 0,
                by: vec![Key::App],
                measure: Measure::Bytes,
                limit: 5,
                compare: false,
                quality: false
            }
        );
        assert_eq!(
            asked("show totals distinct src_ip,dst_port"),
            Ask::Totals {
                distinct: vec![Key::SrcIp, Key::DstPort],
                compare: true,
                quality: false
            }
        );
    }
}
