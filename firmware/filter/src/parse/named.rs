//! The tests of things that have names.

use std::ops::Range;

use super::{Field, Parser, negated};
use crate::error::{FilterError, Say, say};
use crate::names::{NameKind, is_number, nearest};
use crate::token::{Kind, Token};
use crate::{Expr, InterfaceEnd, InterfaceTerm, Test};

impl<'a> Parser<'a> {
    pub(super) fn named(
        &mut self,
        kind: NameKind,
        test: impl FnOnce(Vec<String>) -> Test,
    ) -> Result<Expr, FilterError> {
        let (list, negative) = self.list(Field::Name(kind), |this, token| this.name(kind, token))?;
        Ok(negated(test(list), negative))
    }

    /// A name, as it was given.
    fn name(&self, kind: NameKind, token: &Token) -> Result<String, FilterError> {
        let text = token.text.as_str();
        if let Some(name) = self.names.find(kind, text) {
            return Ok(name.to_owned());
        }
        if kind.numbered() && is_number(text) {
            return Ok(text.to_owned());
        }
        if !self.checked && !text.is_empty() {
            return Ok(text.to_owned());
        }
        let (english, chinese, noun) = (kind.said().0, kind.said().1, kind.noun());
        if text.is_empty() {
            let say = say!("the name of {english} is not empty", "{chinese}名称不能为空");
            return Err(self.error(Some(token), say));
        }
        let say = match nearest(self.names.of(kind), text) {
            Some(near) => {
                let meant = kind.print(near).to_string();
                say!(
                    "there is no {noun} called `{text}`: did you mean `{meant}`?",
                    "没有名为 `{text}` 的{chinese}：是否想写 `{meant}`？",
                )
                .suggest(meant)
            }
            None if self.names.of(kind).next().is_none() => say!(
                "there is no {noun} called `{text}`: none has been defined yet",
                "没有名为 `{text}` 的{chinese}：尚未定义任何{chinese}",
            ),
            None => say!(
                "there is no {noun} called `{text}`: write the name of {english} as it is defined, in quotes where it has spaces",
                "没有名为 `{text}` 的{chinese}：请写已定义的{chinese}名称，含空格时加引号",
            ),
        };
        Err(self.error(Some(token), say))
    }

    pub(super) fn interfaces(&mut self, end: InterfaceEnd) -> Result<Expr, FilterError> {
        let (list, negative) = self.list(Field::Interface, |this, token| this.interface(token))?;
        Ok(negated(Test::Interface(end, list), negative))
    }

    /// `core-1:17`, `core-1:"Ethernet 1/1"`, `"core 1":17`, `17`: pieces that touch each other are one.
    fn interface(&mut self, first: &'a Token) -> Result<InterfaceTerm, FilterError> {
        let (mut exporter, mut interface, mut end) = (None, first.text.clone(), first.at.end);
        if first.kind == Kind::Word
            && let Some((before, after)) = first.text.split_once(':')
        {
            (exporter, interface) = (
                Some((before.to_owned(), first.at.start..first.at.end)),
                after.to_owned(),
            );
        }
        if let Some(second) = self.touching(end)
            && first.kind == Kind::Quoted
            && let Some(rest) = second.text.strip_prefix(':').filter(|_| second.kind == Kind::Word)
        {
            self.next += 1;
            (exporter, interface, end) = (
                Some((first.text.clone(), first.at.clone())),
                rest.to_owned(),
                second.at.end,
            );
        }
        if let Some(last) = self.touching(end)
            && last.kind == Kind::Quoted
            && interface.is_empty()
            && exporter.is_some()
        {
            self.next += 1;
            (interface, end) = (last.text.clone(), last.at.end);
        }
        let at = first.at.start..end;
        let exporter = exporter.map(|(text, place)| {
            let known = self.names.find(NameKind::Exporter, &text).map(str::to_owned);
            known
                .or_else(|| (is_number(&text) || !self.checked).then(|| text.clone()))
                .ok_or((text, place))
        });
        let exporter = match exporter.transpose() {
            Ok(exporter) => exporter,
            Err((text, place)) => {
                let token = Token {
                    kind: Kind::Quoted,
                    text,
                    at: place,
                    word: None,
                };
                return Err(match self.name(NameKind::Exporter, &token) {
                    Err(mut error) if error.suggestion().is_some() => {
                        error.complete_suggestion(&format!(":{interface}"));
                        error
                    }
                    Err(error) => error,
                    Ok(_) => self.missing_value(Field::Interface, Some(&token)),
                });
            }
        };
        let known = self.names.interface(exporter.as_deref(), &interface).map(str::to_owned);
        let number = is_number(&interface) && !interface.is_empty();
        match known.or_else(|| (number || (!self.checked && !interface.is_empty())).then(|| interface.clone())) {
            Some(interface) => Ok(InterfaceTerm { exporter, interface }),
            None => Err(self.no_interface(exporter.as_deref(), &interface, at)),
        }
    }

    fn no_interface(&self, exporter: Option<&str>, interface: &str, at: Range<usize>) -> FilterError {
        if interface.is_empty() {
            let before = self.test_so_far();
            let say = say!(
                "after `{before}` comes the name or the ifIndex of an interface",
                "`{before}` 后应为接口名称或 ifIndex",
            );
            let error = FilterError::new(at.clone(), say);
            return if at.end == self.text.len() {
                error.unfinished_text()
            } else {
                error
            };
        }
        let of_it = self.names.interfaces_of(exporter);
        let (english, chinese) = match exporter {
            Some(name) => (
                format!("the exporter `{name}` has no interface"),
                format!("网元 `{name}` 没有接口"),
            ),
            None => ("no exporter has an interface".to_owned(), "没有网元有接口".to_owned()),
        };
        let say = match nearest(of_it.map(|one| one.name.as_str()), interface) {
            Some(near) => {
                let meant = InterfaceTerm {
                    exporter: exporter.map(str::to_owned),
                    interface: near.to_owned(),
                };
                say!(
                    "{english} called `{interface}`: did you mean `{meant}`?",
                    "{chinese} `{interface}`：是否想写 `{meant}`？",
                )
                .suggest(meant.to_string())
            }
            None => say!(
                "{english} called `{interface}`: write its name, or its ifIndex, such as core-1:17",
                "{chinese} `{interface}`：请写接口名称或 ifIndex，如 core-1:17",
            ),
        };
        FilterError::new(at, say)
    }

    /// The next piece, if it begins where the last ended.
    fn touching(&self, end: usize) -> Option<&'a Token> {
        self.peek().filter(|token| token.at.start == end)
    }
}
