//! The tests of what the first packets of a flow said.

use model::{DetailKey, L7};

use super::{Field, Parser, negated};
use crate::error::{FilterError, Say, say};
use crate::token::Token;
use crate::values::{self, CONFIDENCES};
use crate::{Expr, Test};

impl Parser<'_> {
    pub(super) fn domains(&mut self) -> Result<Expr, FilterError> {
        let (list, negative) = self.list(Field::Domain, |this, token| {
            domain(&token.text).map_err(|say| this.error(Some(token), say))
        })?;
        Ok(negated(Test::Domain(list), negative))
    }

    pub(super) fn confidences(&mut self) -> Result<Expr, FilterError> {
        let (list, negative) = self.list(Field::Confidence, |this, token| {
            this.named_value(CONFIDENCES, token, Field::Confidence, |_| None)
        })?;
        Ok(negated(Test::Confidence(list), negative))
    }

    pub(super) fn details(&mut self, key: DetailKey) -> Result<Expr, FilterError> {
        let field = Field::Detail(key);
        let (list, negative) = self.list(field, |this, token: &Token| {
            if token.text.is_empty() {
                return Err(this.missing_value(field, Some(token)));
            }
            Ok(token.text.clone())
        })?;
        Ok(negated(Test::Detail(key, list), negative))
    }
}

/// A name of hosts as it is compared: in lower case, without a dot or `*.` before it and a dot behind it.
fn domain(text: &str) -> Result<String, Say> {
    let mut name = text.trim();
    while let Some(rest) = name
        .strip_prefix('*')
        .or(Some(name))
        .and_then(|name| name.strip_prefix('.'))
    {
        name = rest;
    }
    let address = name.split_once("://").map_or(name, |(_, rest)| rest);
    let host = address.split(['/', ':', '?', '#']).next().unwrap_or_default();
    match L7::host_name(host) {
        Some(found) if host == name && values::is_host(&found) => Ok(found.into()),
        Some(found) if host != name && values::is_host(&found) => Err(say!(
            "`{text}` is more than a host's name: write `domain {found}`",
            "`{text}` 不只是主机名：请写 `domain {found}`",
        )
        .suggest(found.to_string())),
        _ => Err(say!(
            "`{text}` is no host's name: write one such as example.com; names below it are meant too",
            "`{text}` 不是主机名：请写如 example.com 的名称，其下级名称也包括在内",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_in_one_form() {
        for (text, name) in [
            ("Example.COM", "example.com"),
            ("*.example.com.", "example.com"),
            (".例子.中国", "例子.中国"),
            ("printer_3", "printer_3"),
        ] {
            assert_eq!(domain(text), Ok(name.to_owned()));
        }
        for (text, meant) in [
            ("https://Example.com/a?b", Some("example.com")),
            ("example.com:443", Some("example.com")),
            ("", None),
            ("*.", None),
            ("a b", None),
            ("a*b.com", None),
        ] {
            assert_eq!(domain(text).unwrap_err().suggestion.as_deref(), meant, "{text}");
        }
    }
}
