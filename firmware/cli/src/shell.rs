//! The interactive command line.

use std::time::Duration;

use api::analyzer::FilterRequest;
use api::supervisor::SettingsQuery;
use model::ObjectKind;
use rustyline::completion::{Completer, Pair};
use rustyline::config::{BellStyle, CompletionType};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{Config, Editor, Helper};

use crate::ask::Appliance;
use crate::grammar::{Expected, Grammar, is_start, split};
use crate::idle::Idle;
use crate::kinds::Kind;
use crate::lang::say;
use crate::session::{Outcome, Session};

/// The line editor; its history stays in memory.
pub(crate) type Lines = Editor<Completion, MemHistory>;

/// Makes the line editor.
pub(crate) fn lines() -> rustyline::Result<Lines> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .bell_style(BellStyle::None)
        .bracketed_paste(false)
        .max_history_size(200)?
        .build();
    Editor::with_history(config, MemHistory::new())
}

/// Completes commands, and the names of ports.
pub(crate) struct Completion {
    grammar: Grammar,
    appliance: Option<Appliance>,
}

impl Completion {
    /// The names that a value of a kind can be now.
    fn names(&self, kind: Kind) -> Vec<String> {
        let asked = [Kind::Port, Kind::Exporter, Kind::Credentials, Kind::Link];
        if !asked.contains(&kind) && object_kinds(kind).is_empty() {
            return Vec::new();
        }
        let answer = self
            .appliance
            .as_ref()
            .and_then(|appliance| appliance.ask(SettingsQuery::default()).ok());
        let Some(answer) = answer else { return Vec::new() };
        match kind {
            Kind::Port => {
                let capture = answer.ports.into_iter().filter(|port| port.link.is_some());
                capture.map(|port| port.name).collect()
            }
            Kind::Exporter => answer.settings.exporters.into_values().map(|e| e.name).collect(),
            Kind::Link => {
                let capture = answer.ports.into_iter().filter(|port| port.link.is_some());
                let exporters = answer.settings.exporters.into_values().map(|e| e.name);
                capture.map(|port| port.name).chain(exporters).collect()
            }
            Kind::Credentials => answer.settings.snmp.into_keys().collect(),
            kind => {
                let names = object_kinds(kind)
                    .iter()
                    .flat_map(|kind| answer.settings.objects.names(*kind));
                names.map(|(_, name)| name.to_owned()).collect()
            }
        }
    }
}

/// The objects that a value names.
fn object_kinds(kind: Kind) -> &'static [ObjectKind] {
    match kind {
        Kind::Application => &[ObjectKind::Applications],
        Kind::Business => &[ObjectKind::Businesses],
        Kind::IpGroup => &[ObjectKind::IpGroups],
        Kind::InterfaceGroup => &[ObjectKind::InterfaceGroups],
        Kind::LinkGroup => &[ObjectKind::LinkGroups],
        Kind::Object => &ObjectKind::ALL,
        _ => &[],
    }
}

/// A name as it is typed: with quotation marks where it has spaces.
fn typed_name(name: String) -> String {
    match name.contains(char::is_whitespace) {
        true => format!("\"{name}\""),
        false => name,
    }
}

/// What may complete the word before the cursor: where that word starts, and the candidates.
fn candidates(grammar: &Grammar, before: &str, named: impl Fn(Kind) -> Vec<String>) -> (usize, Vec<String>) {
    let start = before
        .rfind(char::is_whitespace)
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let (done, typed) = before.split_at(start);
    let Ok(words) = split(done, settings::Language::English) else {
        return (start, Vec::new());
    };
    let expected = grammar.expected(&words);
    let mut names: Vec<String> = Vec::new();
    for expected in &expected {
        if let Expected::Value(kind) = expected {
            names.extend(named(*kind).into_iter().map(typed_name));
            // Of several values with commas between, the last is completed.
            let before = match kind {
                Kind::Keys => typed.rfind(',').and_then(|at| typed.get(..=at)).unwrap_or_default(),
                _ => "",
            };
            names.extend(kind.choices().iter().map(|word| format!("{before}{word}")));
        }
    }
    names.extend(expected.iter().filter_map(|expected| match expected {
        Expected::Word(word) => Some((*word).to_owned()),
        Expected::Value(_) => None,
    }));
    names.retain(|name| typed.is_empty() || is_start(typed, name));
    (start, names)
}

/// The filter that is being typed before the cursor.
#[derive(Debug, PartialEq, Eq)]
struct Filtering<'a> {
    /// Where its text starts, in octets: behind the quotation mark, if there is one.
    start: usize,
    quoted: bool,
    text: &'a str,
}

impl<'a> Filtering<'a> {
    /// `None` where something else is typed.
    fn of(grammar: &Grammar, before: &'a str) -> Option<Self> {
        let quoted = before.matches('"').count() % 2 == 1;
        let start = match quoted {
            true => before.rfind('"')? + 1,
            false => before.rfind(char::is_whitespace)? + 1,
        };
        let (done, text) = before.split_at_checked(start)?;
        let words = split(done.strip_suffix('"').unwrap_or(done), settings::Language::English).ok()?;
        let expected = grammar.expected(&words);
        expected
            .contains(&Expected::Value(Kind::Filter))
            .then_some(Self { start, quoted, text })
    }

    /// What may stand at the cursor, and where it begins on the line. A filter without its quotation mark gets one.
    fn pairs(&self, completions: Vec<api::analyzer::Completion>) -> (usize, Vec<Pair>) {
        let first = completions.first().map_or(0, |c| c.at.0);
        let place = self
            .text
            .char_indices()
            .nth(first as usize)
            .map_or(self.text.len(), |(at, _)| at);
        let same = completions.into_iter().filter(|c| c.at.0 == first);
        let kept = self.text.get(..place).unwrap_or_default();
        let pair = |c: api::analyzer::Completion| Pair {
            replacement: match self.quoted {
                true => format!("{} ", c.text),
                false => format!("\"{kept}{} ", c.text),
            },
            display: c.text,
        };
        let start = if self.quoted { self.start + place } else { self.start };
        (start, same.map(pair).collect())
    }
}

impl Completer for Completion {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &rustyline::Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..pos).unwrap_or_default();
        if let Some(filtering) = Filtering::of(&self.grammar, before) {
            let request = FilterRequest {
                text: filtering.text.to_owned(),
                cursor: u32::try_from(filtering.text.chars().count()).ok(),
            };
            let answer = self
                .appliance
                .as_ref()
                .and_then(|appliance| appliance.ask(request).ok());
            return Ok(filtering.pairs(answer.map(|answer| answer.completions).unwrap_or_default()));
        }
        let (start, names) = candidates(&self.grammar, before, |kind| self.names(kind));
        let pair = |name: String| Pair {
            replacement: format!("{name} "),
            display: name,
        };
        Ok((start, names.into_iter().map(pair).collect()))
    }
}

impl Hinter for Completion {
    type Hint = String;
}
impl Highlighter for Completion {}
impl Validator for Completion {}
impl Helper for Completion {}

/// Why a command line ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The person left, or the terminal went away.
    Left,
    /// The session is no longer what it was: ask again who is there.
    Changed,
}

/// Reads and does lines until the end. `still` is asked before each command is done.
pub(crate) fn run(
    lines: &mut Lines,
    session: &mut Session,
    idle: (&Idle, Option<Duration>),
    still: impl Fn(&Session) -> bool,
) -> Ended {
    let mut initial = String::new();
    loop {
        lines.set_helper(Some(Completion {
            grammar: session.grammar(),
            appliance: Appliance::new().ok(),
        }));
        idle.0.wind(idle.1);
        let line = lines.readline_with_initial(&prompt(session), (&initial, ""));
        idle.0.wind(None);
        initial.clear();
        let line = match line {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(_) => return Ended::Left,
        };
        if !still(session) {
            return Ended::Changed;
        }
        if line.trim().is_empty() {
            continue;
        }
        let _ = lines.add_history_entry(line.trim());
        match session.line(&line) {
            Ok(Outcome::Said(text)) => print!("{text}"),
            Ok(Outcome::Helped(text)) => {
                print!("{text}");
                line.trim_end().trim_end_matches('?').clone_into(&mut initial);
            }
            Ok(Outcome::Left) => return Ended::Left,
            Err(message) => println!("{} {message}", say(session.language, ("Error:", "错误："))),
        }
    }
}

fn prompt(session: &Session) -> String {
    let name = session
        .appliance
        .ask(api::supervisor::SetupQuery {})
        .map(|state| state.hostname);
    let mark = if session.set_up { "" } else { " (setup)" };
    format!("{}{mark}> ", name.unwrap_or_else(|_| "spanwatch".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use settings::Language;

    fn complete(line: &str) -> (usize, Vec<String>) {
        candidates(&Grammar::new(Language::English, true), line, |kind| match kind {
            Kind::Port => vec!["enp0s3".to_owned(), "enp0s4".to_owned()],
            Kind::Exporter => vec!["core-1".to_owned(), "edge router".to_owned()],
            Kind::Application => vec!["erp".to_owned()],
            Kind::Object => vec!["erp".to_owned(), "head office".to_owned()],
            _ => Vec::new(),
        })
    }

    #[test]
    fn words_and_ports_are_completed() {
        assert_eq!(complete("sh").1, ["show"]);
        assert_eq!(
            complete("show s").1,
            ["series", "services", "settings", "signatures", "storage", "system"]
        );
        assert_eq!(complete("show device ").1, ["core-1", "\"edge router\""]);
        assert_eq!(complete("show device c").1, ["core-1"]);
        assert_eq!(complete("show logs severity e").1, ["emergency", "error"]);
        assert_eq!(complete("set application e").1, ["erp"]);
        assert_eq!(complete("set application erp protocol s").1, ["sctp"]);
        assert_eq!(complete("set application erp protocol sctp p").1, ["ports"]);
        assert_eq!(complete("delete group ").1, ["erp", "\"head office\""]);
        assert_eq!(complete("set retention logs gb ").1, ["unlimited"]);
        assert_eq!(complete("sh top co"), (7, vec!["conversations".to_owned()]));
        assert_eq!(complete("set port ").1, ["enp0s3", "enp0s4"]);
        assert_eq!(complete("set port enp0s4 d").1, ["direction"]);
        assert_eq!(complete("show top hosts last ").1, Vec::<String>::new());
        assert_eq!(complete("show top hosts last 60 ").1, ["exporter", "limit"]);
    }

    #[test]
    fn keys_are_completed_one_by_one() {
        assert_eq!(complete("show top by src_i").1, ["src_ip"]);
        assert_eq!(complete("show top by src_ip,dst_p").1, ["src_ip,dst_port"]);
        assert_eq!(
            complete("show records order ").1,
            ["end", "start", "duration", "bytes", "packets"]
        );
    }

    #[test]
    fn filters_are_completed_by_the_analyzer() {
        let grammar = Grammar::new(Language::English, true);
        let of = |line: &'static str| {
            Filtering::of(&grammar, line).map(|f| {
                let from = f.text.chars().filter(|c| *c == ' ').count();
                let at = f.text.rfind(' ').map_or(0, |at| f.text[..=at].chars().count());
                let at = (
                    u32::try_from(at).unwrap(),
                    u32::try_from(f.text.chars().count()).unwrap(),
                );
                let word = |text: &str, at| api::analyzer::Completion {
                    at,
                    text: text.to_owned(),
                    english: String::new(),
                    chinese: String::new(),
                };
                let elsewhere = word("and", (at.1 + 1, at.1 + 1));
                let (start, pairs) = f.pairs(vec![word("proto", at), elsewhere]);
                let replaced: Vec<_> = pairs.into_iter().map(|pair| pair.replacement).collect();
                (from, format!("{}{}", &line[..start], replaced.join("|")))
            })
        };
        let line = "show records filter \"src 10.0.0.0/8 and 业务 x pr";
        let whole = "show records filter \"src 10.0.0.0/8 and 业务 x proto ";
        assert_eq!(of(line), Some((5, whole.to_owned())));
        assert_eq!(
            of("show totals filter pr"),
            Some((0, "show totals filter \"proto ".to_owned()))
        );
        assert_eq!(of("show records filter \"src 10.0.0.1\" "), None);
        assert_eq!(of("show records "), None);
        assert_eq!(of("set port enp0s3 label \"core sw"), None);
    }

    proptest! {
        #[test]
        fn completion_never_panics(line in "\\PC{0,30}") {
            let (start, _) = complete(&line);
            prop_assert!(line.is_char_boundary(start));
            for before in [line.clone(), format!("show records filter {line}"), format!("show totals filter \"{line}")] {
                let _ = Filtering::of(&Grammar::new(Language::English, true), &before);
            }
        }
    }
}
