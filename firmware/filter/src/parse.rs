//! From text to [`Expr`]: recursive descent, `not` before `and` before `or`.

use std::ops::Range;

use model::DetailKey;

use crate::address;
use crate::error::{FilterError, Say, say};
use crate::names::{NameKind, Names};
use crate::token::{Kind, Token, Tokens, tokens};
use crate::values;
use crate::words::Word;
use crate::{Compare, End, Expr, Quantity, Sign, Test};

mod lists;
mod named;
mod problems;
mod texts;

pub(crate) use lists::may_name;

/// The longest text, in characters; what a filter prints as is no longer either.
pub const TEXT_MAX: usize = 4_096;
/// The deepest nesting of parentheses and `not`.
pub const DEPTH_MAX: usize = 64;
/// The most tests and members of their lists together.
pub const TERMS_MAX: usize = 1_000;

/// What could stand at the end of a text; for completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// A test.
    Test,
    /// `and`, `or`.
    Join,
    /// `)`.
    Close,
    /// What follows `src` and `dst`.
    Side,
    /// A word alone.
    Word(Word),
    /// A sign of comparison.
    Sign,
    /// A value of a quantity.
    Amount(Quantity),
    /// A value of a field.
    Value(Field),
}

/// What kind of values a list has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Address,
    Port,
    Protocol,
    Name(NameKind),
    Interface,
    Direction,
    Flags,
    Vlan,
    Mac,
    As,
    Dscp,
    Country,
    Icmp,
    EndReason,
    Domain,
    Confidence,
    Detail(DetailKey),
}

pub(crate) struct Parser<'a> {
    text: &'a [char],
    tokens: &'a [Token],
    next: usize,
    names: &'a Names,
    /// Whether names must be known.
    checked: bool,
    depth: usize,
    /// Where the test being read begins, in characters.
    test: usize,
    /// What could have stood at the end.
    pub(crate) wanted: Vec<Want>,
}

/// Reads a filter. The result is in normal form and prints as text that reads as the same.
///
/// # Errors
///
/// Says where the text is wrong, what may stand there, and often what was meant.
pub fn parse(text: &str, names: &Names) -> Result<Expr, FilterError> {
    let text: Vec<char> = text.chars().take(TEXT_MAX + 1).collect();
    if text.len() > TEXT_MAX {
        let say = say!(
            "the filter is longer than {TEXT_MAX} characters: put addresses into an IP group or ports into a business",
            "过滤条件超过 {TEXT_MAX} 个字符：请把地址放入 IP 组，或把端口放入业务",
        );
        return Err(FilterError::new(TEXT_MAX..TEXT_MAX + 1, say));
    }
    let cut = tokens(&text);
    let mut parser = Parser::new(&text, &cut, names, true);
    let expr = parser.filter(&cut)?;
    within_limits(&expr, text.len())?;
    Ok(expr)
}

/// Whether what was read keeps the limits when it is printed and read again.
fn within_limits(expr: &Expr, end: usize) -> Result<(), FilterError> {
    let terms = expr.terms();
    let say = if terms > TERMS_MAX {
        say!(
            "the filter has {terms} tests and values, and may have {TERMS_MAX}: put addresses into an IP group or ports into a business",
            "过滤条件含 {terms} 个条件和值，最多 {TERMS_MAX} 个：请把地址放入 IP 组，或把端口放入业务",
        )
    } else if expr.depth() > DEPTH_MAX {
        too_deep()
    } else if expr.to_string().chars().count() > TEXT_MAX {
        say!(
            "the filter is longer than {TEXT_MAX} characters when all its words are written out",
            "过滤条件展开书写后超过 {TEXT_MAX} 个字符",
        )
    } else {
        return Ok(());
    };
    Err(FilterError::new(0..end, say))
}

fn too_deep() -> Say {
    say!(
        "parentheses and `not` are nested deeper than {DEPTH_MAX}",
        "括号和 `not` 的嵌套超过 {DEPTH_MAX} 层",
    )
}

impl<'a> Parser<'a> {
    pub(crate) fn new(text: &'a [char], cut: &'a Tokens, names: &'a Names, checked: bool) -> Self {
        Self {
            text,
            tokens: &cut.tokens,
            next: 0,
            names,
            checked,
            depth: 0,
            test: 0,
            wanted: Vec::new(),
        }
    }

    /// The whole text.
    pub(crate) fn filter(&mut self, cut: &Tokens) -> Result<Expr, FilterError> {
        cut.check(self.text.len())?;
        self.want(Want::Test);
        if self.tokens.is_empty() {
            return Ok(Expr::All);
        }
        let expr = self.or()?;
        match self.peek() {
            None => Ok(expr),
            Some(token) => Err(self.unexpected(token)),
        }
    }

    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.next)
    }

    fn peek_word(&self) -> Option<Word> {
        self.peek().and_then(|token| token.word)
    }

    fn word_after(&self, ahead: usize) -> Option<Word> {
        self.tokens.get(self.next + ahead).and_then(|token| token.word)
    }

    /// The next word, if it is this one.
    fn take(&mut self, word: Word) -> bool {
        let there = self.peek_word() == Some(word);
        self.next += usize::from(there);
        there
    }

    fn take_kind(&mut self, kind: Kind) -> bool {
        let there = self.peek().is_some_and(|token| token.kind == kind);
        self.next += usize::from(there);
        there
    }

    /// Notes what could stand here, if the text ends here.
    fn want(&mut self, want: Want) {
        if self.next == self.tokens.len() && !self.wanted.contains(&want) {
            self.wanted.push(want);
        }
    }

    /// An error at a piece of text, or at the end of it.
    fn error(&self, token: Option<&Token>, say: Say) -> FilterError {
        match token {
            Some(token) => FilterError::new(token.at.clone(), say),
            None => FilterError::new(self.text.len()..self.text.len(), say).unfinished_text(),
        }
    }

    /// What was written at a place, as it was written.
    fn written(&self, at: Range<usize>) -> String {
        self.text.get(at).unwrap_or(&[]).iter().collect()
    }

    /// The last piece that was read, as it was written.
    fn last_written(&self) -> Option<String> {
        let last = self.tokens.get(self.next.checked_sub(1)?)?;
        Some(self.written(last.at.clone()))
    }

    /// The test being read, up to here, as it was written.
    fn test_so_far(&self) -> String {
        let last = self.next.checked_sub(1).and_then(|last| self.tokens.get(last));
        self.written(self.test..last.map_or(self.test, |token| token.at.end))
    }

    fn deeper(&mut self, token: &Token) -> Result<(), FilterError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error(Some(token), too_deep()));
        }
        Ok(())
    }

    fn or(&mut self) -> Result<Expr, FilterError> {
        let mut parts = vec![self.and()?];
        while self.take(Word::Or) {
            parts.push(self.and()?);
        }
        Ok(Expr::any_of(parts))
    }

    fn and(&mut self) -> Result<Expr, FilterError> {
        let mut parts = vec![self.not()?];
        loop {
            self.want(Want::Join);
            if !(self.take(Word::And) || self.take_kind(Kind::Comma { wide: true })) {
                return Ok(Expr::all_of(parts));
            }
            parts.push(self.not()?);
        }
    }

    fn not(&mut self) -> Result<Expr, FilterError> {
        self.want(Want::Test);
        match self.peek() {
            Some(token) if token.word == Some(Word::Not) => {
                self.deeper(token)?;
                self.next += 1;
                let inner = self.not()?;
                self.depth -= 1;
                Ok(Expr::Not(Box::new(inner)))
            }
            Some(token) if token.kind == Kind::Open => {
                self.deeper(token)?;
                self.next += 1;
                let inner = self.or()?;
                self.want(Want::Close);
                if !self.take_kind(Kind::Close) {
                    return Err(match self.peek() {
                        Some(other) => self.unexpected(other),
                        None => FilterError::new(
                            token.at.clone(),
                            say!("this parenthesis is not closed: write `)`", "括号没有闭合：请加上 `)`"),
                        )
                        .unfinished_text(),
                    });
                }
                self.depth -= 1;
                Ok(inner)
            }
            Some(token) => {
                self.test = token.at.start;
                self.test(token)
            }
            None => Err(self.missing_test(None)),
        }
    }

    /// A test, which begins with this piece.
    fn test(&mut self, first: &'a Token) -> Result<Expr, FilterError> {
        match (first.kind, first.word) {
            (Kind::Word, Some(word)) if word.begins() => {
                self.next += 1;
                self.test_of(word, first)
            }
            (Kind::Word, Some(Word::In)) if self.nfdump_side() => {
                self.next += 2;
                Ok(self.quantity_or_interface(true)?)
            }
            (Kind::Word, None) if first.text.eq_ignore_ascii_case("out") && self.nfdump_side() => {
                self.next += 2;
                Ok(self.quantity_or_interface(false)?)
            }
            (Kind::Word, None) if values::mac(&first.text).is_some() => self.macs(End::Any),
            (Kind::Word, None) if address::looks_like_address(&first.text) => self.addresses(End::Any),
            (Kind::Close, _) if self.next == 0 => Err(self.unexpected(first)),
            (Kind::Word, None) | (Kind::Quoted, _) => Err(self.unknown(first)),
            _ => Err(self.missing_test(Some(first))),
        }
    }

    /// Whether `in` or `out` is followed by a word of which nfdump knows two directions.
    fn nfdump_side(&self) -> bool {
        use crate::InterfaceEnd;
        matches!(
            self.word_after(1),
            Some(Word::Interface(InterfaceEnd::Any) | Word::Quantity(Quantity::Bytes | Quantity::Packets))
        )
    }

    /// After nfdump's `in bytes`, `out packets`, `in if`.
    fn quantity_or_interface(&mut self, inwards: bool) -> Result<Expr, FilterError> {
        use crate::InterfaceEnd;
        let word = self
            .next
            .checked_sub(1)
            .and_then(|at| self.tokens.get(at))
            .and_then(|t| t.word);
        match (word, inwards) {
            (Some(Word::Quantity(Quantity::Bytes)), true) => self.compare(Quantity::BytesForward),
            (Some(Word::Quantity(Quantity::Bytes)), false) => self.compare(Quantity::BytesReverse),
            (Some(Word::Quantity(_)), true) => self.compare(Quantity::PacketsForward),
            (Some(Word::Quantity(_)), false) => self.compare(Quantity::PacketsReverse),
            (_, true) => self.interfaces(InterfaceEnd::In),
            (_, false) => self.interfaces(InterfaceEnd::Out),
        }
    }

    /// The rest of a test, after its first word.
    fn test_of(&mut self, word: Word, first: &Token) -> Result<Expr, FilterError> {
        match word {
            Word::Any => Ok(Expr::All),
            Word::Side(end) => self.side(end),
            Word::Address(end) => self.host(end),
            Word::Group(end) => self.named(NameKind::IpGroup, |names| Test::IpGroup(end, names)),
            Word::Port(end) => self.ports(end),
            Word::PortOf(protocol, end) => {
                let ports = self.ports(end)?;
                // `tcp.port != 443` means other TCP, as `tcp and not port 443` does.
                Ok(Expr::all_of(vec![Expr::Test(Test::Protocol(vec![protocol])), ports]))
            }
            Word::Proto => self.protocols(),
            Word::Protocol(protocol) => self.protocol(protocol),
            Word::App => self.named(NameKind::App, Test::App),
            Word::Business => self.named(NameKind::Business, Test::Business),
            Word::Link => {
                self.want(Want::Word(Word::Group(End::Any)));
                if self.take(Word::Group(End::Any)) {
                    return self.named(NameKind::LinkGroup, Test::LinkGroup);
                }
                self.named(NameKind::Link, Test::Link)
            }
            Word::LinkGroup => self.named(NameKind::LinkGroup, Test::LinkGroup),
            Word::Exporter => self.named(NameKind::Exporter, Test::Exporter),
            Word::Interface(end) => {
                self.want(Want::Word(Word::Group(End::Any)));
                if self.take(Word::Group(End::Any)) {
                    return self.named(NameKind::InterfaceGroup, |names| Test::InterfaceGroup(end, names));
                }
                self.interfaces(end)
            }
            Word::InterfaceGroup => {
                let end = crate::InterfaceEnd::Any;
                self.named(NameKind::InterfaceGroup, |names| Test::InterfaceGroup(end, names))
            }
            Word::Direction => self.directions(),
            Word::Flags => self.flags(),
            Word::Quantity(Quantity::Connect) => {
                // `connect client > 50ms`
                let side = self.peek().and_then(|token| connect_side(&token.text));
                self.next += usize::from(side.is_some());
                self.compare(side.unwrap_or(Quantity::Connect))
            }
            Word::Quantity(quantity) => self.compare(quantity),
            Word::Vlan => self.vlans(),
            Word::Mac(End::Any) => match self.peek_word() {
                Some(Word::Side(end)) => {
                    self.next += 1;
                    self.macs(end)
                }
                _ => self.macs(End::Any),
            },
            Word::Mac(end) => self.macs(end),
            Word::As(end) => self.as_numbers(end),
            Word::Dscp => self.dscps(),
            Word::Country(end) => self.countries(end),
            Word::IpVersion(version) => Ok(Expr::Test(Test::IpVersion(version))),
            Word::EndReason => self.end_reasons(),
            Word::Domain => self.domains(),
            Word::Confidence => self.confidences(),
            Word::Detail(key) => self.details(key),
            Word::Measured => Ok(Expr::Test(Test::Measured)),
            Word::NextHop => {
                // `next hop` and nfdump's `next ip`
                let hop = self.peek().is_some_and(|token| token.text.eq_ignore_ascii_case("hop"));
                if hop || self.peek_word() == Some(Word::Address(End::Any)) {
                    self.next += 1;
                }
                self.next_hops()
            }
            Word::And | Word::Or | Word::Not | Word::In | Word::Sign(_) => Err(self.missing_test(Some(first))),
        }
    }

    /// After `src` and `dst`.
    fn side(&mut self, end: End) -> Result<Expr, FilterError> {
        // tcpdump's `src or dst port 53`, `src and dst net 10.0.0.0/8`
        if let (Some(join), Some(Word::Side(other))) = (self.peek_word(), self.word_after(1))
            && join.joins()
            && other != end
        {
            self.next += 2;
            if join == Word::Or {
                return self.field(End::Any);
            }
            let begin = self.next;
            let source = self.field(End::Src)?;
            self.next = begin;
            return Ok(Expr::all_of(vec![source, self.field(End::Dst)?]));
        }
        self.field(end)
    }

    /// What is said of an end of a flow.
    fn field(&mut self, end: End) -> Result<Expr, FilterError> {
        self.want(Want::Side);
        let Some(word) = self.peek_word() else {
            let values = matches!(
                self.peek().map(|token| token.kind),
                Some(Kind::Word | Kind::Quoted | Kind::ListOpen)
            );
            self.want(Want::Value(Field::Address));
            return if values {
                self.addresses(end)
            } else {
                Err(self.no_field())
            };
        };
        let known = matches!(
            word,
            Word::Address(End::Any)
                | Word::Group(End::Any)
                | Word::Port(End::Any)
                | Word::Mac(End::Any)
                | Word::As(End::Any)
                | Word::Country(End::Any)
        );
        self.next += usize::from(known);
        match word {
            Word::Address(End::Any) => self.host(end),
            Word::Group(End::Any) => self.named(NameKind::IpGroup, |names| Test::IpGroup(end, names)),
            Word::Port(End::Any) => self.ports(end),
            Word::Mac(End::Any) => self.macs(end),
            Word::As(End::Any) => self.as_numbers(end),
            Word::Country(End::Any) => self.countries(end),
            Word::In | Word::Not | Word::Sign(_) => self.addresses(end),
            _ => Err(self.no_field()),
        }
    }

    /// After `host`, `ip`, `net`.
    fn host(&mut self, end: End) -> Result<Expr, FilterError> {
        self.want(Want::Word(Word::Group(End::Any)));
        match self.peek_word() {
            Some(Word::Group(End::Any)) => {
                self.next += 1;
                self.named(NameKind::IpGroup, |names| Test::IpGroup(end, names))
            }
            // `ip host 10.0.0.1`
            Some(Word::Address(End::Any)) => {
                self.next += 1;
                self.addresses(end)
            }
            // `ip src 10.0.0.1`
            Some(Word::Side(side)) if end == End::Any => {
                self.next += 1;
                self.side(side)
            }
            _ => self.addresses(end),
        }
    }

    /// After a protocol's name: tcpdump's `tcp port 443`, and types of ICMP.
    fn protocol(&mut self, protocol: u8) -> Result<Expr, FilterError> {
        let test = Expr::Test(Test::Protocol(vec![protocol]));
        let ports = match (self.peek_word(), self.word_after(1)) {
            (Some(Word::Port(end)), _) => Some((1, end)),
            (Some(Word::Side(end)), Some(Word::Port(End::Any))) => Some((2, end)),
            _ => None,
        };
        match (protocol, ports) {
            (6 | 17 | 132, Some((words, end))) => {
                self.next += words;
                let ports = self.ports(end)?;
                Ok(Expr::all_of(vec![test, ports]))
            }
            (1, _) if self.icmp_follows() => self.icmp(),
            (58, _) if self.icmp_follows() => {
                let types = self.icmp()?;
                Ok(Expr::all_of(vec![test, types]))
            }
            _ => Ok(test),
        }
    }

    /// After a quantity.
    fn compare(&mut self, quantity: Quantity) -> Result<Expr, FilterError> {
        self.want(Want::Sign);
        let before = self.test_so_far();
        let Some(Word::Sign(sign)) = self.peek_word() else {
            let say = say!(
                "after `{before}` comes a comparison: > >= < <= = or !=",
                "`{before}` 后应为比较符：> >= < <= = 或 !=",
            );
            return Err(self.error(self.peek(), say));
        };
        self.next += 1;
        self.want(Want::Amount(quantity));
        let before = self.test_so_far();
        let example = if quantity.is_time() { "5s" } else { "10k" };
        let Some(token) = self
            .peek()
            .filter(|token| token.kind == Kind::Word && token.word.is_none())
        else {
            let say = say!(
                "after `{before}` comes a number, such as `{example}`",
                "`{before}` 后应为数字，如 `{example}`",
            );
            return Err(self.error(self.peek(), say));
        };
        self.next += 1;
        // The unit may stand apart: `10 MB`, `5 s`.
        let unit = self
            .peek()
            .filter(|token| token.kind == Kind::Word && !token.text.starts_with(|c: char| c.is_ascii_digit()));
        let joined = unit.map(|unit| format!("{}{}", token.text, unit.text));
        let value = match joined.map(|joined| values::quantity(quantity, &joined)) {
            Some(Ok(value)) => {
                self.next += 1;
                value
            }
            _ => values::quantity(quantity, &token.text).map_err(|say| self.error(Some(token), say))?,
        };
        Ok(Expr::Test(Test::Compare(Compare { quantity, sign, value })))
    }
}

fn connect_side(text: &str) -> Option<Quantity> {
    match text.to_lowercase().as_str() {
        "client" | "客户端" => Some(Quantity::ConnectClient),
        "server" | "服务端" => Some(Quantity::ConnectServer),
        _ => None,
    }
}

/// A test, or what it does not mean.
fn negated(test: Test, negative: bool) -> Expr {
    let test = Expr::Test(test);
    if negative { Expr::Not(Box::new(test)) } else { test }
}

/// Numbers that a sign compares with one: `> 1023` is 1024 to the largest.
fn range_of(sign: Sign, value: u32, most: u32) -> Option<(u32, u32)> {
    let (first, last) = match sign {
        Sign::Less => (0, value.checked_sub(1)?),
        Sign::LessOrEqual => (0, value),
        Sign::Greater => (value.checked_add(1)?, most),
        Sign::GreaterOrEqual => (value, most),
        Sign::Equal | Sign::NotEqual => (value, value),
    };
    (first <= last).then_some((first, last))
}
