//! The tests that have a list of values.

use std::ops::Range;

use model::PortRange;

use super::{Field, Parser, Want, negated, range_of};
use crate::address;
use crate::countries;
use crate::error::{FilterError, Say, say};
use crate::names::{NameKind, nearest};
use crate::token::{Kind, Token};
use crate::values::{self, CONFIDENCES, DIRECTIONS, DSCPS, END_REASONS, Named, PROTOCOLS};
use crate::words::Word;
use crate::{End, Expr, Sign, Test};

const PORTS: (&str, &str) = ("port", "端口");
const VLANS: (&str, &str) = ("VLAN", "VLAN");
const AS_NUMBERS: (&str, &str) = ("AS number", "AS 号");
const VLAN_MAX: u32 = 4_095;

impl Field {
    /// What its values are, in English and in Chinese.
    pub(crate) fn said(self) -> (String, String) {
        let (english, chinese) = match self {
            Self::Address => (
                "an address, a network or a range, such as 10.0.0.1, 10.0.0.0/8 or 10.0.0.1-10.0.0.9",
                "地址、网段或范围，如 10.0.0.1、10.0.0.0/8、10.0.0.1-10.0.0.9",
            ),
            Self::Port => (
                "a port or a range, such as 443 or 8000-8099",
                "端口或范围，如 443、8000-8099",
            ),
            Self::Protocol => ("a protocol, such as tcp, udp or 47", "协议，如 tcp、udp、47"),
            Self::Name(kind) => {
                let (english, chinese) = kind.said();
                return (format!("the name of {english}"), format!("{chinese}名称"));
            }
            Self::Interface => (
                "an interface, such as core-1:17, core-1:Gi0/1 or 17",
                "接口，如 core-1:17、core-1:Gi0/1、17",
            ),
            Self::Direction => (
                "a direction: in, out, internal, external or unknown",
                "方向：in、out、internal、external、unknown",
            ),
            Self::Flags => ("TCP flags, such as S, SA or S/SA", "TCP 标志，如 S、SA、S/SA"),
            Self::Vlan => (
                "a VLAN or a range, such as 100 or 100-199",
                "VLAN 或范围，如 100、100-199",
            ),
            Self::Mac => (
                "a hardware address, such as 00:11:22:33:44:55",
                "MAC 地址，如 00:11:22:33:44:55",
            ),
            Self::As => (
                "an AS number or a range, such as 4134 or 64512-65534",
                "AS 号或范围，如 4134、64512-65534",
            ),
            Self::Dscp => ("a DSCP, such as ef, af41 or 46", "DSCP，如 ef、af41、46"),
            Self::Country => (
                "a country's two letters, such as CN or US",
                "两个字母的国家代码，如 CN、US",
            ),
            Self::Icmp => (
                "a type, or a type and a code, such as 3 or 3/1",
                "类型，或类型和代码，如 3、3/1",
            ),
            Self::EndReason => (
                "an end reason: idle, active, end-of-flow, forced or lack-of-resources",
                "结束原因：idle、active、end-of-flow、forced、lack-of-resources",
            ),
            Self::Domain => ("a host's name, such as example.com", "主机名，如 example.com"),
            Self::Confidence => (
                "how the application is known: port, dns, pattern or parsed",
                "识别依据：port、dns、pattern、parsed",
            ),
            Self::Detail(_) => (
                "a text, in quotes where it has spaces or is a word of this language; * stands for any characters",
                "文本，含空格或为本语言的词时加引号；* 代表任意字符",
            ),
        };
        (english.to_owned(), chinese.to_owned())
    }
}

/// Whether a piece of text is a range's mark by itself.
fn is_dash(token: &Token) -> bool {
    token.kind == Kind::Word
        && matches!(
            token.text.to_lowercase().as_str(),
            "-" | ".." | "~" | "to" | "到" | "至"
        )
}

impl<'a> Parser<'a> {
    /// Values with what may stand before them (`=`, `!=`, `in`, `not in`), in brackets or with commas between; and
    /// whether they are what is not meant.
    pub(super) fn list<T>(
        &mut self,
        field: Field,
        mut read: impl FnMut(&mut Self, &'a Token) -> Result<T, FilterError>,
    ) -> Result<(Vec<T>, bool), FilterError> {
        let (negative, is_in) = self.operator(field)?;
        let mut values = Vec::new();
        self.want(Want::Value(field));
        let open = self.peek();
        if self.take_kind(Kind::ListOpen) || (is_in && self.take_kind(Kind::Open)) {
            loop {
                self.want(Want::Value(field));
                while matches!(self.peek().map(|token| token.kind), Some(Kind::Comma { .. })) {
                    self.next += 1;
                    self.want(Want::Value(field));
                }
                let close = match open.map(|open| open.kind) {
                    Some(Kind::Open) => Kind::Close,
                    _ => Kind::ListClose,
                };
                match self.peek() {
                    Some(token) if token.kind == close => {
                        if values.is_empty() {
                            return Err(self.missing_value(field, Some(token)));
                        }
                        self.next += 1;
                        return Ok((values, negative));
                    }
                    None => {
                        let at = open.map_or(0..0, |open| open.at.clone());
                        let say = say!(
                            "this list is not closed: write the bracket that closes it after its last value",
                            "列表没有闭合：请在最后一个值后加上右括号",
                        );
                        return Err(FilterError::new(at, say).unfinished_text());
                    }
                    Some(_) => values.push(self.value(field, &mut read)?),
                }
            }
        }
        values.push(self.value(field, &mut read)?);
        while let Some(comma) = self.peek()
            && let Kind::Comma { wide } = comma.kind
        {
            let after = self.tokens.get(self.next + 1);
            let other = after.is_some_and(|after| !self.could_be(field, after, self.next + 1));
            if other && wide {
                break;
            }
            if other && after.is_some_and(|after| after.word.is_some_and(Word::begins) || after.kind == Kind::Open) {
                return Err(self.unexpected(comma));
            }
            self.next += 1;
            self.want(Want::Value(field));
            values.push(self.value(field, &mut read)?);
        }
        Ok((values, negative))
    }

    /// What stands before values: whether they are what is not meant, and whether it was `in`.
    fn operator(&mut self, field: Field) -> Result<(bool, bool), FilterError> {
        let Some(token) = self.peek() else {
            return Ok((false, false));
        };
        // `country IN`, `dir in`: values that are words of the language.
        let letters = token.text.chars().all(char::is_alphabetic);
        if letters && self.could_be(field, token, self.next) {
            let list = |next: &Token| {
                matches!(next.kind, Kind::ListOpen | Kind::Open) || self.could_be(field, next, self.next + 1)
            };
            if !self.tokens.get(self.next + 1).is_some_and(list) {
                return Ok((false, false));
            }
        }
        let (words, negative, is_in) = match (token.word, self.word_after(1)) {
            (Some(Word::Not), Some(Word::In)) => (2, true, true),
            (Some(Word::In), _) => (1, false, true),
            (Some(Word::Sign(Sign::Equal | Sign::NotEqual)), Some(Word::In)) => {
                (2, token.word == Some(Word::Sign(Sign::NotEqual)), true)
            }
            (Some(Word::Sign(Sign::Equal)), _) => (1, false, false),
            (Some(Word::Sign(Sign::NotEqual)), _) => (1, true, false),
            (Some(Word::Sign(_)), _) => {
                let before = self.test_so_far();
                let say = say!(
                    "`{before}` has no order: write `=`, `!=` or the value alone",
                    "`{before}` 不能比较大小：请写 `=`、`!=` 或直接写值",
                );
                return Err(self.error(Some(token), say));
            }
            _ => return Ok((false, false)),
        };
        self.next += words;
        Ok((negative, is_in))
    }

    /// Whether a piece of text, which stands at `place`, can be a value of a field.
    fn could_be(&self, field: Field, token: &Token, place: usize) -> bool {
        if token.kind == Kind::Quoted {
            return true;
        }
        if token.kind != Kind::Word || token.word.is_some_and(Word::joins) {
            return false;
        }
        let text = token.text.as_str();
        match field {
            Field::Protocol => token.word.is_none() || values::by_name(PROTOCOLS, text).is_some(),
            Field::Name(kind) => token
                .word
                .is_none_or(|word| may_name(word) && self.names.find(kind, text).is_some()),
            Field::Direction => values::by_name(DIRECTIONS, text).is_some(),
            Field::Flags => token.word.is_none() || values::flags(text).is_ok(),
            Field::Dscp => token.word.is_none() || values::by_name(DSCPS, text).is_some(),
            Field::EndReason => values::by_name(END_REASONS, text).is_some(),
            Field::Confidence => values::by_name(CONFIDENCES, text).is_some(),
            Field::Country => {
                // A word such as `as` is a country where nothing follows that it could be said of.
                let next = self.tokens.get(place + 1);
                let ends = next.is_none_or(|next| {
                    next.kind != Kind::Quoted && (next.kind != Kind::Word || next.word.is_some_and(Word::joins))
                });
                countries::code(text).is_some() && (token.word.is_none() || ends)
            }
            _ => token.word.is_none(),
        }
    }

    fn value<T>(
        &mut self,
        field: Field,
        read: &mut impl FnMut(&mut Self, &'a Token) -> Result<T, FilterError>,
    ) -> Result<T, FilterError> {
        match self.peek() {
            Some(token) if matches!(token.kind, Kind::Quoted | Kind::Word) => {
                let joins = token.word.is_some_and(|word| word.joins() || matches!(word, Word::Not));
                if joins || (token.word.is_some() && !self.could_be(field, token, self.next)) {
                    return Err(self.missing_value(field, Some(token)));
                }
                self.next += 1;
                read(self, token)
            }
            other => Err(self.missing_value(field, other)),
        }
    }

    /// A value must stand here, and something else does, or nothing.
    pub(super) fn missing_value(&self, field: Field, token: Option<&Token>) -> FilterError {
        let (english, chinese) = field.said();
        let before = self.test_so_far();
        let say = match (field, token) {
            (Field::Name(_), Some(token)) if token.word.is_some() => {
                let written = self.written(token.at.clone());
                say!(
                    "after `{before}` comes {english}; `{written}` is a word of the language: if it is the name, write it in quotes",
                    "`{before}` 后应为{chinese}；`{written}` 是语言的关键词：如果是名称，请加引号",
                )
            }
            _ => say!("after `{before}` comes {english}", "`{before}` 后应为{chinese}"),
        };
        self.error(token, say)
    }

    /// The text of a range, whose mark may stand apart: `10 - 20`.
    fn range_text(&mut self, token: &Token) -> (String, Range<usize>) {
        let dash = self.peek().is_some_and(is_dash);
        match self.tokens.get(self.next + 1) {
            Some(last) if dash && last.kind == Kind::Word && last.word.is_none() => {
                self.next += 2;
                (format!("{}-{}", token.text, last.text), token.at.start..last.at.end)
            }
            _ => (token.text.clone(), token.at.clone()),
        }
    }

    fn address_list(&mut self, field: Field) -> Result<(Vec<model::AddressRange>, bool), FilterError> {
        self.list(field, |this, token| {
            let (text, at) = this.range_text(token);
            address::addresses(&text).map_err(|say| FilterError::new(at, this.instead_of_address(&text, say)))
        })
    }

    /// What was meant in the place of an address: a port, a group, or what the message says already.
    fn instead_of_address(&self, text: &str, say: Say) -> Say {
        if text.parse::<u16>().is_ok() {
            return say!(
                "{text} is no address: if it is a port, write `port {text}`",
                "{text} 不是地址：如果是端口，请写 `port {text}`",
            )
            .suggest(format!("port {text}"));
        }
        if let Some(group) = self.names.find(NameKind::IpGroup, text) {
            let meant = format!("group {}", NameKind::IpGroup.print(group));
            return say!(
                "`{text}` is the name of an IP group: write `{meant}`",
                "`{text}` 是 IP 组名称：请写 `{meant}`",
            )
            .suggest(meant);
        }
        say
    }

    pub(super) fn addresses(&mut self, end: End) -> Result<Expr, FilterError> {
        let (list, negative) = self.address_list(Field::Address)?;
        Ok(negated(Test::Address(end, list), negative))
    }

    pub(super) fn next_hops(&mut self) -> Result<Expr, FilterError> {
        let (list, negative) = self.address_list(Field::Address)?;
        Ok(negated(Test::NextHop(list), negative))
    }

    /// Numbers in ranges, or compared with one.
    fn number_list(
        &mut self,
        field: Field,
        most: u32,
        what: (&str, &str),
    ) -> Result<(Vec<(u32, u32)>, bool), FilterError> {
        if let Some(Word::Sign(sign)) = self.peek_word()
            && !matches!(sign, Sign::Equal | Sign::NotEqual)
        {
            self.next += 1;
            let mut last = None;
            let value = self.value(field, &mut |this: &mut Self, token: &'a Token| {
                last = Some(token);
                let number = address::numbers(&token.text, most, what);
                number.map_err(|say| this.error(Some(token), say))
            })?;
            let range = Some(value).filter(|(first, last)| first == last);
            let Some(range) = range.and_then(|(value, _)| range_of(sign, value, most)) else {
                let (english, chinese) = what;
                let written = last.map_or("", |last| last.text.as_str());
                let say = say!(
                    "no {english} is {sign} {written}: one number from 0 to {most} is compared with",
                    "没有{chinese} {sign} {written}：应与 0 到 {most} 的一个数比较",
                );
                return Err(self.error(last, say));
            };
            return Ok((vec![range], false));
        }
        self.list(field, |this, token| {
            let (text, at) = this.range_text(token);
            let text = if field == Field::As { without_as(&text) } else { text };
            address::numbers(&text, most, what).map_err(|mut say| {
                if let (Field::Port, Some(port)) = (field, address::service_port(&text)) {
                    say = say!(
                        "`{text}` is no port but a service: write `port {port}`, or `app` and an application",
                        "`{text}` 是服务而不是端口：请写 `port {port}`，或用 `app` 加应用名称",
                    )
                    .suggest(port.to_string());
                }
                FilterError::new(at, say)
            })
        })
    }

    pub(super) fn ports(&mut self, end: End) -> Result<Expr, FilterError> {
        let (list, negative) = self.number_list(Field::Port, u32::from(u16::MAX), PORTS)?;
        let port = |number: u32| u16::try_from(number).ok();
        let list = list
            .into_iter()
            .filter_map(|(first, last)| PortRange::new(port(first)?, port(last)?));
        Ok(negated(Test::Port(end, list.collect()), negative))
    }

    pub(super) fn vlans(&mut self) -> Result<Expr, FilterError> {
        let (list, negative) = self.number_list(Field::Vlan, VLAN_MAX, VLANS)?;
        let vlan = |number: u32| u16::try_from(number).ok();
        let list = list
            .into_iter()
            .filter_map(|(first, last)| Some((vlan(first)?, vlan(last)?)));
        Ok(negated(Test::Vlan(list.collect()), negative))
    }

    pub(super) fn as_numbers(&mut self, end: End) -> Result<Expr, FilterError> {
        let (list, negative) = self.number_list(Field::As, u32::MAX, AS_NUMBERS)?;
        Ok(negated(Test::As(end, list), negative))
    }

    pub(super) fn macs(&mut self, end: End) -> Result<Expr, FilterError> {
        let (list, negative) = self.list(Field::Mac, |this, token| {
            values::mac(&token.text).ok_or_else(|| {
                let text = &token.text;
                let say = say!(
                    "`{text}` is no hardware address: write six pairs of hexadecimal digits, such as 00:11:22:33:44:55",
                    "`{text}` 不是 MAC 地址：请写六组两位十六进制数，如 00:11:22:33:44:55",
                );
                this.error(Some(token), say)
            })
        })?;
        Ok(negated(Test::Mac(end, list), negative))
    }

    /// The value of a name, or of a number up to `most`.
    pub(super) fn named_value<T: Copy>(
        &self,
        all: &[Named<T>],
        token: &Token,
        field: Field,
        number: impl Fn(u8) -> Option<T>,
    ) -> Result<T, FilterError> {
        let text = token.text.as_str();
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let numeric = text.parse::<u8>().ok().filter(|_| digits).and_then(number);
        if let Some(value) = values::by_name(all, text).or(numeric) {
            return Ok(value);
        }
        let (english, chinese) = field.said();
        let names = all
            .iter()
            .flat_map(|one| std::iter::once(one.name).chain(one.aliases.iter().copied()));
        let say = match nearest(names, text) {
            Some(near) => say!(
                "`{text}` is not {english}; did you mean `{near}`?",
                "`{text}` 不是{chinese}；是否想写 `{near}`？",
            )
            .suggest(near),
            None => say!("`{text}` is not {english}", "`{text}` 不是{chinese}"),
        };
        Err(self.error(Some(token), say))
    }

    pub(super) fn protocols(&mut self) -> Result<Expr, FilterError> {
        let (list, negative) = self.list(Field::Protocol, |this, token| {
            this.named_value(PROTOCOLS, token, Field::Protocol, Some)
        })?;
        Ok(negated(Test::Protocol(list), negative))
    }

    pub(super) fn directions(&mut self) -> Result<Expr, FilterError> {
        let (list, negative) = self.list(Field::Direction, |this, token| {
            this.named_value(DIRECTIONS, token, Field::Direction, |_| None)
        })?;
        Ok(negated(Test::Direction(list), negative))
    }

    pub(super) fn end_reasons(&mut self) -> Result<Expr, FilterError> {
        let (list, negative) = self.list(Field::EndReason, |this, token| {
            this.named_value(END_REASONS, token, Field::EndReason, |_| None)
        })?;
        Ok(negated(Test::EndReason(list), negative))
    }

    pub(super) fn dscps(&mut self) -> Result<Expr, FilterError> {
        let (list, negative) = self.list(Field::Dscp, |this, token| {
            this.named_value(DSCPS, token, Field::Dscp, |number| Some(number).filter(|n| *n < 64))
        })?;
        Ok(negated(Test::Dscp(list), negative))
    }

    pub(super) fn countries(&mut self, end: End) -> Result<Expr, FilterError> {
        let (list, negative) = self.list(Field::Country, |this, token| {
            countries::code(&token.text).ok_or_else(|| {
                let text = &token.text;
                let say = match nearest(countries::names(), text).and_then(countries::code) {
                    Some([a, b]) => {
                        let code: String = [char::from(a), char::from(b)].iter().collect();
                        say!(
                            "`{text}` is no country: did you mean `{code}`?",
                            "`{text}` 不是国家或地区：是否想写 `{code}`？",
                        )
                        .suggest(code)
                    }
                    None => say!(
                        "`{text}` is no country: write its two letters of ISO 3166-1, such as CN or US",
                        "`{text}` 不是国家或地区：请写 ISO 3166-1 的两个字母，如 CN、US",
                    ),
                };
                this.error(Some(token), say)
            })
        })?;
        Ok(negated(Test::Country(end, list), negative))
    }

    /// Several sets of flags are several tests.
    pub(super) fn flags(&mut self) -> Result<Expr, FilterError> {
        if let Some(token) = self.peek()
            && token.word == Some(Word::Sign(Sign::Equal))
        {
            let say = say!(
                "with `=` it is not clear whether other flags may be set: write `flags S` where they may, `flags S/FSRPAUEC` where they may not",
                "`=` 未说明其他标志是否允许置位：允许请写 `flags S`，不允许请写 `flags S/FSRPAUEC`",
            );
            return Err(self.error(Some(token), say));
        }
        let (list, negative) = self.list(Field::Flags, |this, token| {
            values::flags(&token.text).map_err(|say| this.error(Some(token), say))
        })?;
        Ok(one_of(
            list.into_iter().map(|(set, clear)| Test::Flags(set, clear)),
            negative,
        ))
    }

    /// Whether types of ICMP follow, rather than the next test.
    pub(super) fn icmp_follows(&mut self) -> bool {
        self.want(Want::Value(Field::Icmp));
        let Some(token) = self.peek() else { return false };
        let number = token.kind == Kind::Word && token.text.starts_with(|c: char| c.is_ascii_digit());
        let list = token.kind == Kind::ListOpen || matches!(token.word, Some(Word::In | Word::Sign(_)));
        number && !address::looks_like_address(&token.text) || list || is_type(token)
    }

    pub(super) fn icmp(&mut self) -> Result<Expr, FilterError> {
        self.next += usize::from(self.peek().is_some_and(is_type));
        let number = |text: &str| {
            text.parse::<u8>()
                .ok()
                .filter(|_| text.bytes().all(|b| b.is_ascii_digit()))
        };
        let (list, negative) = self.list(Field::Icmp, |this, token| {
            let (kind, code) = token
                .text
                .split_once('/')
                .map_or((token.text.as_str(), None), |(kind, code)| (kind, Some(code)));
            let bad = |this: &Self, token: &Token| {
                let text = &token.text;
                let say = say!(
                    "`{text}` is no ICMP type and code: write numbers up to 255, such as 3 or 3/1",
                    "`{text}` 不是 ICMP 类型和代码：请写不大于 255 的数，如 3、3/1",
                );
                this.error(Some(token), say)
            };
            let kind = number(kind).ok_or_else(|| bad(this, token))?;
            if code.is_none() && this.peek().is_some_and(is_code) {
                this.next += 1;
                let Some(token) = this.peek().filter(|token| token.kind == Kind::Word) else {
                    return Err(this.missing_value(Field::Icmp, this.peek()));
                };
                let code = number(&token.text).ok_or_else(|| bad(this, token))?;
                this.next += 1;
                return Ok(Test::Icmp(kind, Some(code)));
            }
            let code = code
                .map(|code| number(code).ok_or_else(|| bad(this, token)))
                .transpose()?;
            Ok(Test::Icmp(kind, code))
        })?;
        Ok(one_of(list.into_iter(), negative))
    }
}

/// Whether a word of the language may be a name without quotes, where there is such a name.
pub(crate) const fn may_name(word: Word) -> bool {
    word.begins() && !matches!(word, Word::Not)
}

fn is_type(token: &Token) -> bool {
    token.kind == Kind::Word && matches!(token.text.to_lowercase().as_str(), "type" | "类型")
}

fn is_code(token: &Token) -> bool {
    token.kind == Kind::Word && matches!(token.text.to_lowercase().as_str(), "code" | "代码")
}

/// `AS64512` is written for 64512, at both ends of a range.
fn without_as(text: &str) -> String {
    let bare = |part: &str| {
        let cut = part
            .get(..2)
            .filter(|head| head.eq_ignore_ascii_case("as"))
            .and_then(|_| part.get(2..));
        cut.unwrap_or(part).to_owned()
    };
    match address::split_range(text) {
        Some((first, last)) => format!("{}-{}", bare(first), bare(last)),
        None => bare(text),
    }
}

/// One of several tests, or none of them.
fn one_of(tests: impl Iterator<Item = Test>, negative: bool) -> Expr {
    let expr = Expr::any_of(tests.map(Expr::Test).collect());
    if negative { Expr::Not(Box::new(expr)) } else { expr }
}
