//! From [`Expr`] to text. What is printed reads as an equal expression.

use std::fmt::{self, Display as _};

use crate::names::NameKind;
use crate::parse::may_name;
use crate::token::in_word;
use crate::values::{CONFIDENCES, DIRECTIONS, DSCPS, END_REASONS, FlagLetters, PROTOCOLS, QuantityText, name_of};
use crate::words::{Word, row_of, word};
use crate::{Compare, End, Expr, InterfaceEnd, InterfaceTerm, Sign, Test};

/// A name, in quotes where it is needed.
pub(crate) struct Name<'a> {
    name: &'a str,
    /// Whether words of the language that begin a test need no quotes: the firmware's applications are called so.
    words: bool,
    /// Whether numbers need no quotes: they stand for the thing too.
    numbers: bool,
}

impl NameKind {
    /// A name as it is printed.
    pub(crate) const fn print(self, name: &str) -> Name<'_> {
        Name {
            name,
            words: matches!(self, Self::App),
            numbers: self.numbered(),
        }
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name;
        let plain =
            |c: char| c.is_ascii_alphanumeric() || "-_./@#+*".contains(c) || ('\u{4e00}'..='\u{9fff}').contains(&c);
        let reserved = word(name).is_some_and(|word| !(self.words && may_name(word)));
        let number = name.bytes().all(|b| b.is_ascii_digit()) && !self.numbers;
        let bare = !name.is_empty() && name.chars().all(|c| plain(c) && in_word(c));
        if bare && !reserved && !number && !name.starts_with('-') {
            return f.write_str(name);
        }
        f.write_str("\"")?;
        for c in name.chars() {
            if matches!(c, '"' | '＂' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}

impl fmt::Display for InterfaceTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Numbers are interfaces too, and `:` parts the two unless it is in quotes.
        let print = |name| NameKind::Exporter.print(name);
        if let Some(exporter) = &self.exporter {
            write!(f, "{}:", print(exporter))?;
        }
        write!(f, "{}", print(&self.interface))
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => Ok(()),
            _ => write(self, f),
        }
    }
}

/// An expression that is a part of another.
fn write(expr: &Expr, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match expr {
        Expr::All => f.write_str("any"),
        Expr::And(parts) => joined(parts, " and ", f, |part| matches!(part, Expr::And(_) | Expr::Or(_))),
        Expr::Or(parts) => joined(parts, " or ", f, |part| matches!(part, Expr::Or(_))),
        Expr::Not(inner) => {
            f.write_str("not ")?;
            grouped(inner, f, matches!(**inner, Expr::And(_) | Expr::Or(_)))
        }
        Expr::Test(test) => test.fmt(f),
    }
}

fn joined(parts: &[Expr], join: &str, f: &mut fmt::Formatter<'_>, group: impl Fn(&Expr) -> bool) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            f.write_str(join)?;
        }
        grouped(part, f, group(part))?;
    }
    Ok(())
}

fn grouped(expr: &Expr, f: &mut fmt::Formatter<'_>, group: bool) -> fmt::Result {
    if !group {
        return write(expr, f);
    }
    f.write_str("(")?;
    write(expr, f)?;
    f.write_str(")")
}

/// Values with commas between.
fn list<T>(
    f: &mut fmt::Formatter<'_>,
    values: &[T],
    mut one: impl FnMut(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (place, value) in values.iter().enumerate() {
        if place > 0 {
            f.write_str(",")?;
        }
        one(f, value)?;
    }
    Ok(())
}

fn shown<T: fmt::Display>(f: &mut fmt::Formatter<'_>, values: &[T]) -> fmt::Result {
    list(f, values, |f, value| value.fmt(f))
}

fn names(f: &mut fmt::Formatter<'_>, kind: NameKind, values: &[String]) -> fmt::Result {
    list(f, values, |f, value| kind.print(value).fmt(f))
}

/// Texts that are no names of things: numbers need no quotes, words of the language do.
fn texts(f: &mut fmt::Formatter<'_>, values: &[String]) -> fmt::Result {
    list(f, values, |f, name| {
        let (words, numbers) = (false, true);
        Name { name, words, numbers }.fmt(f)
    })
}

fn range<T: fmt::Display + PartialEq>(f: &mut fmt::Formatter<'_>, (first, last): &(T, T)) -> fmt::Result {
    if first == last {
        return first.fmt(f);
    }
    write!(f, "{first}-{last}")
}

/// `src `, `dst ` or what stands for both.
const fn side(end: End, any: &'static str) -> &'static str {
    match end {
        End::Any => any,
        End::Src => "src ",
        End::Dst => "dst ",
    }
}

const fn interface(end: InterfaceEnd) -> &'static str {
    match end {
        InterfaceEnd::Any => "if ",
        InterfaceEnd::In => "inif ",
        InterfaceEnd::Out => "outif ",
    }
}

fn named<T: PartialEq>(
    f: &mut fmt::Formatter<'_>,
    all: &'static [crate::values::Named<T>],
    value: &T,
) -> Option<fmt::Result> {
    name_of(all, value).map(|name| f.write_str(name))
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |f: &mut fmt::Formatter<'_>, value: &u8| value.fmt(f);
        match self {
            Self::Address(end, values) => {
                f.write_str(side(*end, "host "))?;
                shown(f, values)
            }
            Self::IpGroup(end, values) => {
                f.write_str(side(*end, "host "))?;
                f.write_str("group ")?;
                names(f, NameKind::IpGroup, values)
            }
            Self::Port(end, values) => {
                f.write_str(match end {
                    End::Any => "port ",
                    End::Src => "sport ",
                    End::Dst => "dport ",
                })?;
                shown(f, values)
            }
            Self::Protocol(values) => {
                if let [one] = **values
                    && let Some(row) = row_of(Word::Protocol(one))
                {
                    return f.write_str(row.name);
                }
                f.write_str("proto ")?;
                list(f, values, |f, value| {
                    named(f, PROTOCOLS, value).unwrap_or_else(|| number(f, value))
                })
            }
            Self::App(values) => {
                f.write_str("app ")?;
                names(f, NameKind::App, values)
            }
            Self::Business(values) => {
                f.write_str("business ")?;
                names(f, NameKind::Business, values)
            }
            Self::Link(values) => {
                f.write_str("link ")?;
                names(f, NameKind::Link, values)
            }
            Self::LinkGroup(values) => {
                f.write_str("link group ")?;
                names(f, NameKind::LinkGroup, values)
            }
            Self::Exporter(values) => {
                f.write_str("exporter ")?;
                names(f, NameKind::Exporter, values)
            }
            Self::Interface(end, values) => {
                f.write_str(interface(*end))?;
                shown(f, values)
            }
            Self::InterfaceGroup(end, values) => {
                f.write_str(interface(*end))?;
                f.write_str("group ")?;
                names(f, NameKind::InterfaceGroup, values)
            }
            Self::Direction(values) => {
                f.write_str("dir ")?;
                list(f, values, |f, value| {
                    named(f, DIRECTIONS, value).unwrap_or(Err(fmt::Error))
                })
            }
            Self::Flags(set, clear) => {
                write!(f, "flags {}", FlagLetters(*set))?;
                match clear {
                    0 => Ok(()),
                    _ => write!(f, "/{}", FlagLetters(set | clear)),
                }
            }
            Self::Compare(compare) => compare.fmt(f),
            Self::Vlan(values) => {
                f.write_str("vlan ")?;
                list(f, values, range)
            }
            Self::Mac(end, values) => {
                f.write_str(match end {
                    End::Any => "mac ",
                    End::Src => "smac ",
                    End::Dst => "dmac ",
                })?;
                shown(f, values)
            }
            Self::As(end, values) => {
                f.write_str(match end {
                    End::Any => "as ",
                    End::Src => "srcas ",
                    End::Dst => "dstas ",
                })?;
                list(f, values, range)
            }
            Self::Dscp(values) => {
                f.write_str("dscp ")?;
                list(f, values, |f, value| {
                    named(f, DSCPS, value).unwrap_or_else(|| number(f, value))
                })
            }
            Self::Country(end, values) => {
                f.write_str(side(*end, ""))?;
                f.write_str("country ")?;
                list(f, values, |f, [a, b]| {
                    let (a, b) = (char::from(*a), char::from(*b));
                    // No country has these letters, but nobody need know that here.
                    let quote = if (a, b) == ('O', 'R') { "\"" } else { "" };
                    write!(f, "{quote}{a}{b}{quote}")
                })
            }
            Self::IpVersion(version) => write!(f, "ipv{version}"),
            Self::Icmp(kind, code) => match code {
                Some(code) => write!(f, "icmp {kind}/{code}"),
                None => write!(f, "icmp {kind}"),
            },
            Self::EndReason(values) => {
                f.write_str("end ")?;
                list(f, values, |f, value| {
                    named(f, END_REASONS, value).unwrap_or(Err(fmt::Error))
                })
            }
            Self::Domain(values) => {
                f.write_str("domain ")?;
                texts(f, values)
            }
            Self::Confidence(values) => {
                f.write_str("confidence ")?;
                list(f, values, |f, value| {
                    named(f, CONFIDENCES, value).unwrap_or(Err(fmt::Error))
                })
            }
            Self::Detail(key, values) => {
                let row = row_of(Word::Detail(*key)).ok_or(fmt::Error)?;
                write!(f, "{} ", row.name)?;
                texts(f, values)
            }
            Self::Measured => f.write_str("measured"),
            Self::NextHop(values) => {
                f.write_str("next-hop ")?;
                shown(f, values)
            }
        }
    }
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        })
    }
}

impl fmt::Display for Compare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quantity = row_of(Word::Quantity(self.quantity)).map_or("", |row| row.name);
        let value = QuantityText(self.quantity, self.value);
        write!(f, "{quantity} {} {value}", self.sign)
    }
}
