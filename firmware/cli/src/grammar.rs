//! Reads command lines by the table of commands: words may be shortened as long as they are unambiguous.

use std::collections::BTreeSet;

use settings::Language;

use crate::commands::{Action, Command, WORDS, commands};
use crate::kinds::Kind;
use crate::lang::say;

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Words(Vec<&'static str>),
    Value(Kind),
    Many(Kind),
    Option(&'static str, Kind),
}

/// The commands, ready to read.
#[derive(Debug)]
pub(crate) struct Grammar {
    commands: Vec<(&'static Command, Vec<Part>)>,
    language: Language,
}

/// A command that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// What to do.
    pub(crate) action: Action,
    /// Chosen words and values in their order, options left out.
    pub(crate) values: Vec<String>,
    /// Options by their word.
    pub(crate) options: Vec<(&'static str, String)>,
}

/// A command that is being read: how far it got.
#[derive(Debug, Clone)]
struct Reading {
    command: usize,
    /// The next part.
    part: usize,
    /// Values that a repeated part has.
    repeated: usize,
    /// The option that waits for its value.
    option: Option<(&'static str, Kind)>,
    values: Vec<String>,
    options: Vec<(&'static str, String)>,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Expected {
    /// A word.
    Word(&'static str),
    /// A value.
    Value(Kind),
}

impl Grammar {
    /// All commands, or those that the physical console offers before the first set-up.
    pub(crate) fn new(language: Language, set_up: bool) -> Self {
        let offered = commands().filter(|command| set_up || command.before_setup);
        Self {
            commands: offered.map(|command| (command, parts(command.pattern))).collect(),
            language,
        }
    }

    /// Reads a command.
    ///
    /// # Errors
    /// Says which word is wrong and what could stand there.
    pub(crate) fn parse(&self, words: &[String]) -> Result<Parsed, String> {
        let readings = self.follow(words)?;
        let complete = readings.iter().find(|reading| self.is_complete(reading));
        match complete {
            Some(reading) => {
                let (command, _) = self.commands.get(reading.command).ok_or_else(String::new)?;
                Ok(Parsed {
                    action: command.action,
                    values: reading.values.clone(),
                    options: reading.options.clone(),
                })
            }
            None => Err(match self.language {
                Language::English => format!("the command is incomplete: next comes {}", self.list(&readings)),
                Language::Chinese => format!("命令不完整：接下来应为 {}", self.list(&readings)),
            }),
        }
    }

    /// What may come after these words.
    pub(crate) fn expected(&self, words: &[String]) -> Vec<Expected> {
        let readings = self.follow(words).unwrap_or_default();
        let all: BTreeSet<Expected> = readings.iter().flat_map(|reading| self.next(reading)).collect();
        all.into_iter().collect()
    }

    /// Help on what may come after these words, a line each.
    pub(crate) fn help(&self, words: &[String]) -> Result<String, String> {
        if words.is_empty() {
            return Ok(self.overview());
        }
        let readings = self.follow(words)?;
        let mut rows = Vec::new();
        let all: BTreeSet<Expected> = readings.iter().flat_map(|reading| self.next(reading)).collect();
        for expected in all {
            match expected {
                Expected::Word(word) => rows.push((word.to_owned(), self.describe(word, &readings))),
                Expected::Value(kind) => rows.push((
                    kind.placeholder().to_owned(),
                    say(self.language, kind.describe()).to_owned(),
                )),
            }
        }
        if let Some(reading) = readings.iter().find(|reading| self.is_complete(reading)) {
            let help = self
                .commands
                .get(reading.command)
                .map_or("", |(command, _)| say(self.language, command.help));
            rows.push(("<Enter>".to_owned(), help.to_owned()));
        }
        Ok(two_columns(&rows))
    }

    fn overview(&self) -> String {
        let row = |(command, _): &(&'static Command, Vec<Part>)| {
            (command.pattern.to_owned(), say(self.language, command.help).to_owned())
        };
        let rows: Vec<_> = self.commands.iter().map(row).collect();
        let hint = say(
            self.language,
            (
                "Words may be shortened. Tab completes; `?` at the end tells what may come next; `| json` prints JSON.",
                "命令可以缩写；按 Tab 补全；末尾输入 ? 查看后续参数；加 | json 以 JSON 输出。",
            ),
        );
        format!("{}\n{hint}\n", two_columns(&rows))
    }

    fn describe(&self, word: &'static str, readings: &[Reading]) -> String {
        let mut leading = readings
            .iter()
            .filter(|reading| self.next(reading).contains(&Expected::Word(word)));
        let first = leading.next();
        let ends = |reading: &&Reading| match self.parts_of(reading).get(reading.part..) {
            Some([Part::Words(words)]) => words.len() == 1,
            _ => false,
        };
        // A word that ends a command says what the command does, whatever it means as an option of others.
        let known = WORDS.iter().find(|(name, _)| *name == word).map(|(_, text)| *text);
        let known = known.filter(|_| !first.as_ref().is_some_and(ends));
        let text = match (first, known) {
            (_, Some(text)) => Some(text),
            (Some(only), None) => self.commands.get(only.command).map(|(command, _)| command.help),
            (None, None) => None,
        };
        text.map_or_else(String::new, |text| say(self.language, text).to_owned())
    }

    fn list(&self, readings: &[Reading]) -> String {
        let all: BTreeSet<Expected> = readings.iter().flat_map(|reading| self.next(reading)).collect();
        let names = all.into_iter().map(|expected| match expected {
            Expected::Word(word) => word.to_owned(),
            Expected::Value(kind) => format!("{} ({})", kind.placeholder(), say(self.language, kind.describe())),
        });
        names.collect::<Vec<_>>().join(", ")
    }

    /// Follows the words through all commands at once.
    fn follow(&self, words: &[String]) -> Result<Vec<Reading>, String> {
        let mut readings: Vec<Reading> = (0..self.commands.len())
            .map(|command| Reading {
                command,
                part: 0,
                repeated: 0,
                option: None,
                values: Vec::new(),
                options: Vec::new(),
            })
            .collect();
        for word in words {
            readings = self.step(&readings, word)?;
        }
        Ok(readings)
    }

    /// An exact word goes before the start of one, and both before a value.
    fn step(&self, readings: &[Reading], word: &str) -> Result<Vec<Reading>, String> {
        let mut candidates: BTreeSet<&'static str> = BTreeSet::new();
        for reading in readings {
            for expected in self.next(reading) {
                if let Expected::Word(name) = expected
                    && is_start(word, name)
                {
                    candidates.insert(name);
                }
            }
        }
        let exact = candidates.iter().find(|name| name.eq_ignore_ascii_case(word)).copied();
        let chosen = match (exact, candidates.len()) {
            (Some(name), _) => Some(name),
            (None, 0) => None,
            (None, 1) => candidates.first().copied(),
            (None, _) => {
                let names = candidates.into_iter().collect::<Vec<_>>().join(", ");
                return Err(match self.language {
                    Language::English => format!("{word:?} is ambiguous: {names}"),
                    Language::Chinese => format!("{word:?} 有歧义：{names}"),
                });
            }
        };
        let after: Vec<Reading> = readings
            .iter()
            .filter_map(|reading| self.take(reading, chosen, word))
            .collect();
        if after.is_empty() {
            let list = self.list(readings);
            return Err(match (self.language, list.is_empty()) {
                (Language::English, true) => format!("nothing comes after the command, but {word:?} does"),
                (Language::Chinese, true) => format!("命令之后多出了 {word:?}"),
                (Language::English, false) => format!("{word:?} does not fit here: expected {list}"),
                (Language::Chinese, false) => format!("{word:?} 不适用：应为 {list}"),
            });
        }
        Ok(after)
    }

    fn parts_of(&self, reading: &Reading) -> &[Part] {
        self.commands
            .get(reading.command)
            .map_or(&[], |(_, parts)| parts.as_slice())
    }

    fn next(&self, reading: &Reading) -> Vec<Expected> {
        if let Some((_, kind)) = reading.option {
            return vec![Expected::Value(kind)];
        }
        let mut expected = Vec::new();
        for part in self.parts_of(reading).iter().skip(reading.part) {
            match part {
                Part::Words(words) => {
                    expected.extend(words.iter().map(|word| Expected::Word(word)));
                    break;
                }
                Part::Value(kind) => {
                    expected.push(Expected::Value(*kind));
                    break;
                }
                Part::Many(kind) => {
                    expected.push(Expected::Value(*kind));
                    if reading.repeated == 0 {
                        break;
                    }
                }
                Part::Option(word, _) => {
                    if !reading.options.iter().any(|(used, _)| used == word) {
                        expected.push(Expected::Word(word));
                    }
                }
            }
        }
        expected
    }

    fn take(&self, reading: &Reading, chosen: Option<&'static str>, word: &str) -> Option<Reading> {
        let mut next = reading.clone();
        if let Some((option, kind)) = reading.option {
            (chosen.is_none() && kind.accepts(word)).then_some(())?;
            next.option = None;
            next.options.push((option, word.to_owned()));
            return Some(next);
        }
        let parts = self.parts_of(reading);
        if let Some(name) = chosen {
            let at = (reading.part..parts.len()).find(|at| match parts.get(*at) {
                Some(Part::Words(words)) => *at == reading.part && words.contains(&name),
                Some(Part::Option(option, _)) => *option == name && self.next(reading).contains(&Expected::Word(name)),
                _ => false,
            })?;
            match parts.get(at)? {
                Part::Words(words) => {
                    if words.len() > 1 {
                        next.values.push(name.to_owned());
                    }
                    next.part = at + 1;
                }
                Part::Option(option, kind) => next.option = Some((option, *kind)),
                Part::Value(_) | Part::Many(_) => return None,
            }
            return Some(next);
        }
        match parts.get(reading.part)? {
            Part::Value(kind) if kind.accepts(word) => next.part += 1,
            Part::Many(kind) if kind.accepts(word) => next.repeated += 1,
            _ => return None,
        }
        next.values.push(word.to_owned());
        Some(next)
    }

    fn is_complete(&self, reading: &Reading) -> bool {
        let rest = self.parts_of(reading).iter().skip(reading.part);
        let optional = |part: &Part| match part {
            Part::Option(..) => true,
            Part::Many(_) => reading.repeated > 0,
            Part::Words(_) | Part::Value(_) => false,
        };
        reading.option.is_none() && rest.into_iter().all(optional)
    }
}

/// Whether what was typed is the start of a name, whatever the case.
pub(crate) fn is_start(typed: &str, name: &str) -> bool {
    !typed.is_empty()
        && name
            .get(..typed.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(typed))
}

fn parts(pattern: &'static str) -> Vec<Part> {
    let kind = |name: &str| Kind::ALL.into_iter().find(|kind| kind.placeholder() == name);
    let mut parts = Vec::new();
    let mut words = pattern.split(' ');
    while let Some(word) = words.next() {
        if let Some(option) = word.strip_prefix('[') {
            let value = words.next().and_then(|value| kind(value.trim_end_matches(']')));
            parts.extend(value.map(|value| Part::Option(option, value)));
        } else if let Some(value) = kind(word) {
            parts.push(Part::Value(value));
        } else if let Some(many) = word.strip_suffix("...").and_then(kind) {
            parts.push(Part::Many(many));
        } else {
            parts.push(Part::Words(word.split('|').collect()));
        }
    }
    parts
}

/// What is wider than the column has its explanation on a line of its own.
fn two_columns(rows: &[(String, String)]) -> String {
    const WIDEST: usize = 44;
    let widths = rows.iter().map(|(left, _)| left.len()).filter(|width| *width <= WIDEST);
    let width = widths.max().unwrap_or(0);
    let row = |(left, right): &(String, String)| {
        if left.len() > width {
            format!("  {left}\n  {:width$}  {right}\n", "")
        } else {
            format!("  {left:<width$}  {right}\n")
        }
    };
    rows.iter().map(row).collect()
}

/// Splits a line into words; double quotes keep spaces together.
///
/// # Errors
/// When a quote is not closed.
pub(crate) fn split(line: &str, language: Language) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if quoted {
        let text = ("a quotation mark is missing at the end", "缺少右引号");
        return Err(say(language, text).to_owned());
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str) -> Result<Parsed, String> {
        Grammar::new(Language::English, true).parse(&split(line, Language::English).unwrap())
    }

    #[test]
    fn every_pattern_is_understood() {
        for command in commands() {
            for part in parts(command.pattern) {
                if let Part::Words(words) = &part {
                    let plain = |word: &&str| {
                        word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                            && word.chars().any(char::is_lowercase)
                    };
                    assert!(words.iter().all(plain), "{}: {part:?}", command.pattern);
                }
            }
            assert_eq!(commands().filter(|other| other.pattern == command.pattern).count(), 1);
        }
    }

    #[test]
    fn words_may_be_shortened() {
        assert_eq!(read("sh ver").unwrap().action, Action::ShowVersion);
        assert_eq!(read("SHOW VERSION").unwrap().action, Action::ShowVersion);
        assert_eq!(read("sho serv").unwrap().action, Action::ShowServices);
        assert!(
            read("show s")
                .unwrap_err()
                .contains("series, services, settings, signatures, storage, system")
        );
        assert!(read("s ver").unwrap_err().contains("ambiguous"));
    }

    #[test]
    fn options_come_in_any_order_and_once() {
        let parsed = read("show top hosts limit 5 last 60").unwrap();
        assert_eq!(parsed.values, ["hosts"]);
        assert_eq!(parsed.options, [("limit", "5".to_owned()), ("last", "60".to_owned())]);
        assert_eq!(read("show top apps").unwrap().options, []);
        assert!(read("show top hosts last 60 last 60").is_err());
        assert!(read("show top hosts last").unwrap_err().contains("SECONDS"));
        assert!(read("show top hosts limit 0").unwrap_err().contains("1 to 1000"));
    }

    #[test]
    fn values_are_checked_where_they_are_typed() {
        let parsed = read("set management ipv4 static 192.0.2.10/24 gateway 192.0.2.1").unwrap();
        assert_eq!(
            (parsed.action, parsed.values),
            (Action::SetIpv4Static, vec!["192.0.2.10/24".to_owned()])
        );
        assert_eq!(parsed.options, [("gateway", "192.0.2.1".to_owned())]);
        assert!(
            read("set management ipv4 static 192.0.2.10")
                .unwrap_err()
                .contains("192.0.2.10/24")
        );
        assert_eq!(read("set home-networks 10.0.0.0/8 fd00::/8").unwrap().values.len(), 2);
        assert_eq!(
            read("set port enp0s3 label \"core switch\" 1/0/24").unwrap().values,
            ["enp0s3", "core switch", "1/0/24"]
        );
        assert_eq!(
            read("set port e cap auto").unwrap().action,
            Action::SetPortCapacityAutomatic
        );
        assert_eq!(
            read("set man dns 192.0.2.53 2001:db8::53").unwrap().action,
            Action::SetDns
        );
    }

    #[test]
    fn what_is_left_or_missing_is_said() {
        assert!(read("show version now").unwrap_err().contains("\"now\""));
        assert!(read("set").unwrap_err().contains("hostname"));
        assert!(split("a \"b", Language::English).is_err());
        assert_eq!(
            split("a \"\" \"b  c\"d", Language::English).unwrap(),
            ["a", "", "b  cd"]
        );
    }

    #[test]
    fn before_the_set_up_less_is_offered() {
        let grammar = Grammar::new(Language::English, false);
        let words = split("show links", Language::English).unwrap();
        assert!(grammar.parse(&words).is_err());
        assert!(
            grammar
                .parse(&split("set management ipv4 dhcp", Language::English).unwrap())
                .is_ok()
        );
    }

    #[test]
    fn help_and_completion_are_these() {
        let mut transcript = String::new();
        for language in [Language::English, Language::Chinese] {
            let grammar = Grammar::new(language, true);
            for line in [
                "",
                "show",
                "show top",
                "show top hosts",
                "show logs",
                "show logs severity",
                "show top by",
                "show links",
                "show applog dns client 10.0.0.1",
                "show quality",
                "show records",
                "show series step 5m",
                "show totals",
                "show hardware",
                "locate",
                "locate bay 2",
                "set exporter core-1 address 192.0.2.1",
                "set snmp core",
                "set application erp",
                "set retention records",
                "delete",
                "set",
                "set management",
                "set port enp0s3",
                "set port enp0s3 capacity",
                "set signatures",
                "import",
                "nonsense",
            ] {
                let words = split(line, language).unwrap();
                let help = grammar.help(&words).unwrap_or_else(|error| format!("{error}\n"));
                transcript.push_str(&format!("> {line} ?\n{help}"));
                transcript.push_str(&format!("> {line} <Tab>\n  {:?}\n\n", grammar.expected(&words)));
            }
        }
        crate::tests::golden("golden/help.txt", &transcript);
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "\\PC{0,40}", chinese: bool, set_up: bool) {
            let language = if chinese { Language::Chinese } else { Language::English };
            let grammar = Grammar::new(language, set_up);
            if let Ok(words) = split(&line, language) {
                let _ = (grammar.parse(&words), grammar.help(&words), grammar.expected(&words));
            }
        }

        #[test]
        fn lines_of_known_words_never_panic_and_what_is_read_is_offered(
            line in prop::collection::vec(prop::sample::select(vec![
                "show", "set", "s", "top", "hosts", "last", "60", "limit", "management", "ipv4", "static", "10.0.0.1/8",
                "gateway", "10.0.0.2", "port", "p", "label", "", "网镜", "dns", "automatic", "confirm", "?",
            ]), 0..8),
        ) {
            let grammar = Grammar::new(Language::English, true);
            let words: Vec<String> = line.iter().map(|w| (*w).to_owned()).collect();
            let _ = grammar.help(&words);
            if let Ok(parsed) = grammar.parse(&words) {
                prop_assert!(commands().any(|command| command.action == parsed.action));
            }
        }
    }
}
