//! The interactive command line.

use std::time::Duration;

use api::supervisor::SettingsQuery;
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
    fn ports(&self) -> Vec<String> {
        let answer = self
            .appliance
            .as_ref()
            .and_then(|appliance| appliance.ask(SettingsQuery::default()).ok());
        let capture = answer
            .into_iter()
            .flat_map(|answer| answer.ports)
            .filter(|port| port.link.is_some());
        capture.map(|port| port.name).collect()
    }
}

/// What may complete the word before the cursor: where that word starts, and the candidates.
fn candidates(grammar: &Grammar, before: &str, ports: impl FnOnce() -> Vec<String>) -> (usize, Vec<String>) {
    let start = before
        .rfind(char::is_whitespace)
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let (done, typed) = before.split_at(start);
    let Ok(words) = split(done, settings::Language::English) else {
        return (start, Vec::new());
    };
    let expected = grammar.expected(&words);
    let mut names: Vec<String> = Vec::new();
    if expected.contains(&Expected::Value(Kind::Port)) {
        names.extend(ports());
    }
    names.extend(expected.iter().filter_map(|expected| match expected {
        Expected::Word(word) => Some((*word).to_owned()),
        Expected::Value(_) => None,
    }));
    names.retain(|name| typed.is_empty() || is_start(typed, name));
    (start, names)
}

impl Completer for Completion {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &rustyline::Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..pos).unwrap_or_default();
        let (start, names) = candidates(&self.grammar, before, || self.ports());
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
        candidates(&Grammar::new(Language::English, true), line, || {
            vec!["enp0s3".to_owned(), "enp0s4".to_owned()]
        })
    }

    #[test]
    fn words_and_ports_are_completed() {
        assert_eq!(complete("sh").1, ["show"]);
        assert_eq!(complete("show s").1, ["services", "settings", "storage", "system"]);
        assert_eq!(complete("sh to co"), (6, vec!["conversations".to_owned()]));
        assert_eq!(complete("set port ").1, ["enp0s3", "enp0s4"]);
        assert_eq!(complete("set port enp0s4 d").1, ["direction"]);
        assert_eq!(complete("show top hosts last ").1, Vec::<String>::new());
        assert_eq!(complete("show top hosts last 60 ").1, ["limit"]);
    }

    proptest! {
        #[test]
        fn completion_never_panics(line in "\\PC{0,30}") {
            let (start, _) = complete(&line);
            prop_assert!(line.is_char_boundary(start));
        }
    }
}
