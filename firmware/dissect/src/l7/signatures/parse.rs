//! The language of signatures: one rule a line.

use model::App;

use super::super::sample::{SCTP, TCP, UDP};

/// Why a text of signatures is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct SignatureError {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: SignatureProblem,
}

/// What is wrong with a rule, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureProblem {
    /// The text is too long.
    #[error("the text has {0} octets and may have {max}: remove rules", max = super::Signatures::TEXT_MAX)]
    TooLong(usize),
    /// A line does not begin as a rule does.
    #[error(
        "a rule begins with `app NAME`, and {0:?} is not `app`: write `app NAME host SUFFIX` or `app NAME tcp payload 0 text \"…\"`, or `#` before a comment"
    )]
    NotARule(String),
    /// The name of the application is missing.
    #[error("the application's name is missing: write it after `app`")]
    NoName,
    /// No application has this name.
    #[error("no application is called {0:?}: take a name of the list of applications, or define the application first")]
    UnknownApp(String),
    /// The rule matches nothing.
    #[error(
        "the rule says nothing to look for: add `host SUFFIX …` or `payload OFFSET hex|text PATTERN`; ports alone belong into the definition of an application"
    )]
    NothingToMatch,
    /// A word that has no meaning there.
    #[error("{0:?} is not understood here: `tcp`, `udp`, `sctp`, `ports`, `host`, `payload` or `length` may follow")]
    UnknownWord(String),
    /// Host names cannot be limited to ports.
    #[error("`host` stands alone after the application's name: take `{0}` away")]
    HostWith(String),
    /// No host name follows `host`.
    #[error(
        "no host name follows `host`: write `host example.com` (and all below it) or `host =www.example.com` (it alone)"
    )]
    NoHost,
    /// A host name that cannot be one.
    #[error(
        "{0:?} is no host name: letters, digits, `-`, `_` and dots between them, at most 253, at most 8 labels, and at least two unless it is exact (`=name`)"
    )]
    BadHost(String),
    /// Ports that cannot be read.
    #[error("{0:?} is no list of ports: write `ports 80,8000-8010`, from 1 to 65535")]
    BadPorts(String),
    /// Offset that cannot be read.
    #[error("{0:?} is no offset: write the octets before the pattern, 0 to 1,024")]
    BadOffset(String),
    /// Length that cannot be read.
    #[error("{0:?} is no length: write `length 48` or `length 20-64`, in octets, for `udp`")]
    BadLength(String),
    /// Neither hex nor text.
    #[error("{0:?} is no kind of pattern: write `hex 16??01` or `text \"GET \"`")]
    BadKind(String),
    /// A pattern of hexadecimal octets that cannot be read.
    #[error(
        "{0:?} is no pattern: two hexadecimal digits an octet, or `??` for any, 1 to 64 octets, one of them not `??`"
    )]
    BadHex(String),
    /// A quoted text that cannot be read.
    #[error(
        "the text is not understood: write it between double quotes, 1 to 64 octets, with \\r \\n \\t \\\\ \\\" and \\xHH for others"
    )]
    BadText,
    /// Too many conditions.
    #[error("a rule has at most 8 patterns: make it shorter")]
    TooManyPatterns,
    /// A pattern without a transport.
    #[error("a rule with `payload` says which transport: write `tcp`, `udp` or `sctp` after the name")]
    NoTransport,
}

impl SignatureProblem {
    /// The problem in Chinese.
    #[must_use]
    pub fn chinese(&self) -> String {
        match self {
            Self::TooLong(octets) => {
                let max = super::Signatures::TEXT_MAX;
                format!("文本有 {octets} 字节，最多 {max} 字节：请删去一些规则")
            }
            Self::NotARule(word) => format!(
                "规则以 `app 名称` 开头，而 {word:?} 不是 `app`：请写 `app 名称 host 域名后缀` 或 `app 名称 tcp payload 0 text \"…\"`，注释以 `#` 开头"
            ),
            Self::NoName => "缺少应用名称：请写在 `app` 之后".to_owned(),
            Self::UnknownApp(name) => format!("没有名为 {name:?} 的应用：请使用应用列表中的名称，或先定义该应用"),
            Self::NothingToMatch => {
                "规则没有匹配条件：请加上 `host 域名后缀 …` 或 `payload 偏移 hex|text 模式`；只按端口识别请用应用定义"
                    .to_owned()
            }
            Self::UnknownWord(word) => {
                format!("此处不能写 {word:?}：可以写 `tcp`、`udp`、`sctp`、`ports`、`host`、`payload` 或 `length`")
            }
            Self::HostWith(word) => format!("`host` 紧跟在应用名称之后：请去掉 `{word}`"),
            Self::NoHost => {
                "`host` 之后没有域名：请写 `host example.com`（含所有下级域名）或 `host =www.example.com`（仅此一个）"
                    .to_owned()
            }
            Self::BadHost(name) => format!(
                "{name:?} 不是域名：由字母、数字、`-`、`_` 及其间的点组成，最多 253 个字符、8 级，除非写成 `=名称`，否则至少两级"
            ),
            Self::BadPorts(word) => format!("{word:?} 不是端口列表：请写如 `ports 80,8000-8010`，范围 1 到 65535"),
            Self::BadOffset(word) => format!("{word:?} 不是偏移：请写模式之前的字节数，0 到 1024"),
            Self::BadLength(word) => {
                format!("{word:?} 不是长度：请写 `length 48` 或 `length 20-64`，单位字节，用于 `udp`")
            }
            Self::BadKind(word) => format!("{word:?} 不是模式类型：请写 `hex 16??01` 或 `text \"GET \"`"),
            Self::BadHex(word) => {
                format!("{word:?} 不是模式：每字节两位十六进制数，`??` 表示任意字节，1 到 64 字节，不能全是 `??`")
            }
            Self::BadText => {
                "文本无法识别：请写在双引号之间，1 到 64 字节，可用 \\r \\n \\t \\\\ \\\" 以及 \\xHH".to_owned()
            }
            Self::TooManyPatterns => "一条规则最多 8 个模式：请缩短".to_owned(),
            Self::NoTransport => "带 `payload` 的规则要写明传输协议：请在名称之后写 `tcp`、`udp` 或 `sctp`".to_owned(),
        }
    }
}

impl SignatureError {
    /// The text has too many octets.
    pub(super) fn too_long(text: &str) -> Self {
        let problem = SignatureProblem::TooLong(text.len());
        Self {
            line: text.lines().count(),
            column: 1,
            problem,
        }
    }
}

/// A host name of a rule, lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    pub name: Box<str>,
    /// It alone, and not what is below it.
    pub is_exact: bool,
}

/// What a line says.
#[derive(Debug, Clone)]
pub(super) enum Statement {
    Host(App, Host),
    Pattern(Rule),
}

/// Patterns that the first octets of one side must match, all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub app: App,
    /// Bits of the transports.
    pub transports: u8,
    /// Ranges, ends included; none for any port.
    pub ports: Vec<(u16, u16)>,
    /// Bounds of a datagram's length, ends included.
    pub length: Option<(usize, usize)>,
    pub patterns: Vec<Pattern>,
}

/// Octets at an offset; `None` matches any octet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Whose octets: the client's (`Some(true)`), the server's, or either's.
    pub is_client: Option<bool>,
    pub offset: usize,
    pub octets: Vec<Option<u8>>,
}

impl Rule {
    /// The octet with which the first octets must begin, where the rule says it.
    pub(super) fn first_octet(&self) -> Option<u8> {
        let first = |pattern: &Pattern| {
            (pattern.offset == 0)
                .then(|| pattern.octets.first().copied().flatten())
                .flatten()
        };
        self.patterns.iter().find_map(first)
    }

    /// Whether the first octets of a side match.
    pub(super) fn matches(&self, transport: u8, ports: [u16; 2], octets: &[u8], is_client: bool) -> bool {
        self.transports & transport != 0
            && (self.ports.is_empty()
                || self
                    .ports
                    .iter()
                    .any(|(low, high)| ports.iter().any(|port| (low..=high).contains(&port))))
            && self
                .length
                .is_none_or(|(low, high)| (low..=high).contains(&octets.len()))
            && self.patterns.iter().all(|pattern| pattern.matches(octets, is_client))
    }
}

impl Pattern {
    fn matches(&self, octets: &[u8], is_client: bool) -> bool {
        let Some(there) = octets.get(self.offset..).and_then(|rest| rest.get(..self.octets.len())) else {
            return false;
        };
        self.is_client.is_none_or(|side| side == is_client)
            && self
                .octets
                .iter()
                .zip(there)
                .all(|(wanted, found)| wanted.is_none_or(|octet| octet == *found))
    }
}

/// Reads all lines.
pub(super) fn statements(text: &str, app_of: &dyn Fn(&str) -> Option<App>) -> Result<Vec<Statement>, SignatureError> {
    let mut all = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let mut words = Words { line, at: 0 };
        read(&mut words, app_of, &mut all).map_err(|(at, problem)| SignatureError {
            line: number + 1,
            column: line.get(..at).unwrap_or(line).chars().count() + 1,
            problem,
        })?;
    }
    Ok(all)
}

/// A problem, and the octet of the line where it lies.
type At = (usize, SignatureProblem);

/// Reads one line.
fn read(words: &mut Words<'_>, app_of: &dyn Fn(&str) -> Option<App>, all: &mut Vec<Statement>) -> Result<(), At> {
    let Some((at, word)) = words.next() else { return Ok(()) };
    if word != "app" {
        return Err((at, SignatureProblem::NotARule(word.to_owned())));
    }
    let (at, name) = words.next().ok_or((words.at, SignatureProblem::NoName))?;
    let app = app_of(name)
        .filter(|app| *app != App::UNKNOWN)
        .ok_or_else(|| (at, SignatureProblem::UnknownApp(name.to_owned())))?;
    let mut rule = Rule {
        app,
        transports: 0,
        ports: Vec::new(),
        length: None,
        patterns: Vec::new(),
    };
    let mut limit = None;
    while let Some((at, word)) = words.next() {
        match word {
            "tcp" => rule.transports |= TCP,
            "udp" => rule.transports |= UDP,
            "sctp" => rule.transports |= SCTP,
            "ports" => rule.ports = ports(words)?,
            "length" => rule.length = Some(length(words)?),
            "payload" if rule.patterns.len() == 8 => return Err((at, SignatureProblem::TooManyPatterns)),
            "payload" => rule.patterns.push(pattern(words)?),
            "host" => match limit {
                Some((at, word)) => return Err((at, SignatureProblem::HostWith(word))),
                None => return hosts(words, app, all),
            },
            _ => return Err((at, SignatureProblem::UnknownWord(word.to_owned()))),
        }
        limit.get_or_insert((at, word.to_owned()));
    }
    if rule.patterns.is_empty() {
        return Err((words.at, SignatureProblem::NothingToMatch));
    }
    if rule.transports == 0 {
        return Err((at, SignatureProblem::NoTransport));
    }
    all.push(Statement::Pattern(rule));
    Ok(())
}

/// The rest of a line: host names.
fn hosts(words: &mut Words<'_>, app: App, all: &mut Vec<Statement>) -> Result<(), At> {
    let before = all.len();
    while let Some((at, word)) = words.next() {
        let (name, is_exact) = word.strip_prefix('=').map_or((word, false), |name| (name, true));
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
        };
        let labels = name.split('.').count();
        let least = if is_exact { 1 } else { 2 };
        if name.len() > 253 || !(least..=8).contains(&labels) || !name.split('.').all(is_label) {
            return Err((at, SignatureProblem::BadHost(word.to_owned())));
        }
        let name = name.to_ascii_lowercase().into();
        all.push(Statement::Host(app, Host { name, is_exact }));
    }
    match all.len() == before {
        true => Err((words.at, SignatureProblem::NoHost)),
        false => Ok(()),
    }
}

/// `80,8000-8010`.
fn ports(words: &mut Words<'_>) -> Result<Vec<(u16, u16)>, At> {
    let (at, word) = words.next().unwrap_or((words.at, ""));
    let range = |range: &str| {
        let (low, high) = range.split_once('-').unwrap_or((range, range));
        let (low, high) = (number(low)?, number(high)?);
        (low >= 1 && low <= high).then_some((u16::try_from(low).ok()?, u16::try_from(high).ok()?))
    };
    let ranges: Option<Vec<_>> = word.split(',').map(range).collect();
    ranges.ok_or_else(|| (at, SignatureProblem::BadPorts(word.to_owned())))
}

/// `48` or `20-64`.
fn length(words: &mut Words<'_>) -> Result<(usize, usize), At> {
    let (at, word) = words.next().unwrap_or((words.at, ""));
    let (low, high) = word.split_once('-').unwrap_or((word, word));
    match (number(low), number(high)) {
        (Some(low), Some(high)) if low <= high => Ok((low, high)),
        _ => Err((at, SignatureProblem::BadLength(word.to_owned()))),
    }
}

/// `[client|server] OFFSET hex|text PATTERN`.
fn pattern(words: &mut Words<'_>) -> Result<Pattern, At> {
    let (mut at, mut word) = words.next().unwrap_or((words.at, ""));
    let is_client = match word {
        "client" => Some(true),
        "server" => Some(false),
        _ => None,
    };
    if is_client.is_some() {
        (at, word) = words.next().unwrap_or((words.at, ""));
    }
    let offset = number(word).filter(|offset| *offset <= 1_024);
    let offset = offset.ok_or_else(|| (at, SignatureProblem::BadOffset(word.to_owned())))?;
    let (at, kind) = words.next().unwrap_or((words.at, ""));
    let octets = match kind {
        "hex" => hex(words)?,
        "text" => words.quoted()?,
        _ => return Err((at, SignatureProblem::BadKind(kind.to_owned()))),
    };
    Ok(Pattern {
        is_client,
        offset,
        octets,
    })
}

/// `16??01`.
fn hex(words: &mut Words<'_>) -> Result<Vec<Option<u8>>, At> {
    let (at, word) = words.next().unwrap_or((words.at, ""));
    let bad = || (at, SignatureProblem::BadHex(word.to_owned()));
    let octet = |pair: &[u8]| match pair {
        b"??" => Ok(None),
        [high, low] => two_digits(*high, *low).map(Some).ok_or_else(bad),
        _ => Err(bad()),
    };
    let octets: Vec<Option<u8>> = word.as_bytes().chunks(2).map(octet).collect::<Result<_, _>>()?;
    let is_pattern = octets.len() <= 64 && octets.iter().any(Option::is_some);
    is_pattern.then_some(octets).ok_or_else(bad)
}

/// The octet of two hexadecimal digits.
fn two_digits(high: u8, low: u8) -> Option<u8> {
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

/// A decimal number of few digits.
fn number(word: &str) -> Option<usize> {
    let is_number = (1..=5).contains(&word.len()) && word.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then(|| word.parse().ok()).flatten()
}

/// The words of a line, up to a comment.
struct Words<'a> {
    line: &'a str,
    /// Octets that were read.
    at: usize,
}

impl<'a> Words<'a> {
    fn rest(&self) -> &'a str {
        self.line.get(self.at..).unwrap_or_default()
    }

    /// The next word, and where it begins.
    fn next(&mut self) -> Option<(usize, &'a str)> {
        let rest = self.rest();
        let begin = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        self.at += begin;
        let rest = self.rest();
        if rest.is_empty() || rest.starts_with('#') {
            return None;
        }
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let begin = self.at;
        self.at += end;
        rest.get(..end).map(|word| (begin, word))
    }

    /// The next text between double quotes.
    fn quoted(&mut self) -> Result<Vec<Option<u8>>, At> {
        let rest = self.rest();
        let begin = self.at + rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
        let bad = || (begin, SignatureProblem::BadText);
        let inside = self
            .line
            .get(begin..)
            .and_then(|text| text.strip_prefix('"'))
            .ok_or_else(bad)?;
        let mut octets = Vec::new();
        let mut left = inside.bytes();
        loop {
            let octet = match left.next().ok_or_else(bad)? {
                b'"' => break,
                b'\\' => match left.next().ok_or_else(bad)? {
                    b'r' => b'\r',
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'x' => match (left.next(), left.next()) {
                        (Some(high), Some(low)) => two_digits(high, low).ok_or_else(bad)?,
                        _ => return Err(bad()),
                    },
                    octet @ (b'"' | b'\\') => octet,
                    _ => return Err(bad()),
                },
                octet => octet,
            };
            octets.push(Some(octet));
        }
        self.at = begin + 1 + inside.len() - left.len();
        let is_end = self.rest().is_empty() || self.rest().starts_with(|c: char| c.is_whitespace() || c == '#');
        ((1..=64).contains(&octets.len()) && is_end)
            .then_some(octets)
            .ok_or_else(bad)
    }
}
