//! What is said where something else stands than may.

use super::Parser;
use crate::address;
use crate::error::{FilterError, Say, say};
use crate::names::{NameKind, nearest};
use crate::token::{Kind, Token};
use crate::words::{ROWS, Word};

/// The words with which a test may begin, and their other forms.
fn beginnings() -> impl Iterator<Item = &'static str> {
    let rows = ROWS.iter().filter(|row| row.word.begins());
    rows.flat_map(|row| std::iter::once(row.name).chain(row.aliases.iter().copied()))
}

impl Parser<'_> {
    /// A test must stand here, and something else does, or nothing.
    pub(super) fn missing_test(&self, token: Option<&Token>) -> FilterError {
        let say = match (self.last_written(), token) {
            (None, _) => say!(
                "the filter begins with a test, such as `src 10.0.0.0/8`, `port 443` or `app dns`",
                "过滤条件应以条件开头，如 `src 10.0.0.0/8`、`port 443`、`app dns`",
            ),
            (Some(before), _) => say!(
                "after `{before}` comes a test, such as `src 10.0.0.0/8`, `port 443` or `app dns`",
                "`{before}` 后应为条件，如 `src 10.0.0.0/8`、`port 443`、`app dns`",
            ),
        };
        self.error(token, say)
    }

    /// Something stands where a filter could have ended.
    pub(super) fn unexpected(&self, token: &Token) -> FilterError {
        let written = self.written(token.at.clone());
        let begins = token.word.is_some_and(Word::begins) || matches!(token.kind, Kind::Open | Kind::Quoted);
        let say = match token.kind {
            Kind::Close => say!(
                "this `)` closes nothing: leave it out, or write `(` before",
                "多余的 `)`：请删除，或在前面加上 `(`",
            )
            .suggest(""),
            Kind::ListClose => say!(
                "this `{written}` closes no list: leave it out",
                "多余的 `{written}`：请删除",
            )
            .suggest(""),
            Kind::ListOpen => say!(
                "a list stands after the word whose values it has, such as `port [80 443]`",
                "列表应写在对应的词之后，如 `port [80 443]`",
            ),
            Kind::Comma { .. } => say!(
                "a comma stands between values of one list, such as `port 80,443`: between tests write `and` or `or`",
                "逗号用于同一列表的值之间，如 `port 80,443`：条件之间请写 `and` 或 `or`",
            )
            .suggest(if self.text.get(token.at.end).is_some_and(|c| c.is_whitespace()) {
                " and"
            } else {
                " and "
            }),
            _ if begins || address::looks_like_address(&token.text) => say!(
                "two tests stand side by side: write `and` or `or` between them",
                "两个条件之间缺少连接词：请在中间写 `and` 或 `or`",
            )
            .suggest(format!("and {written}")),
            _ => match written.as_str() {
                "&" => say!("write `and` or `&&`", "请写 `and` 或 `&&`").suggest("and"),
                "|" => say!("write `or` or `||`", "请写 `or` 或 `||`").suggest("or"),
                _ => {
                    let joins = ["and", "or"];
                    let near = nearest(joins.into_iter().chain(beginnings()), &written);
                    match near {
                        Some(join) if joins.contains(&join) => say!(
                            "`{written}` is no word of a filter: did you mean `{join}`?",
                            "无法识别 `{written}`：是否想写 `{join}`？"
                        )
                        .suggest(join),
                        _ => {
                            let before = self.test_so_far();
                            let say = say!(
                                "`{written}` cannot stand after `{before}`: write `and` or `or` before a further test, or a comma before a further value",
                                "`{before}` 后不能是 `{written}`：后面是条件请先写 `and` 或 `or`，是同类的值请先写逗号",
                            );
                            // A number after a number is one more of the list.
                            let number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
                            let last = self.last_written().is_some_and(|last| number(&last));
                            if last && number(&written) {
                                say.suggest(format!(",{written}"))
                            } else {
                                say
                            }
                        }
                    }
                }
            },
        };
        self.error(Some(token), say)
    }

    /// A word that no test begins with: what was meant?
    pub(super) fn unknown(&self, token: &Token) -> FilterError {
        let written = self.written(token.at.clone());
        let text = token.text.as_str();
        if text.parse::<u16>().is_ok() {
            let say = say!(
                "`{written}` alone is no test: if it is a port, write `port {written}`",
                "单独的 `{written}` 不是条件：如果是端口，请写 `port {written}`",
            );
            return self.error(Some(token), say.suggest(format!("port {text}")));
        }
        let known = NameKind::ALL
            .into_iter()
            .find_map(|kind| Some((kind, self.names.find(kind, text)?)));
        if let Some((kind, name)) = known {
            let (english, chinese) = kind.said();
            let meant = format!("{} {}", kind.words(), kind.print(name));
            let say = say!(
                "`{written}` is the name of {english}: write `{meant}`",
                "`{written}` 是{chinese}名称：请写 `{meant}`",
            );
            return self.error(Some(token), say.suggest(meant));
        }
        if text.contains('.') && text.contains(char::is_alphabetic) && crate::values::is_host(text) {
            let say = say!(
                "`{written}` alone is no test: if it is a server's name, write `domain {text}`",
                "单独的 `{written}` 不是条件：如果是服务器域名，请写 `domain {text}`",
            );
            return self.error(Some(token), say.suggest(format!("domain {text}")));
        }
        let say = match nearest(beginnings(), text).filter(|_| token.kind == Kind::Word) {
            Some(near) => say!(
                "`{written}` is no word of a filter: did you mean `{near}`?",
                "无法识别 `{written}`：是否想写 `{near}`？",
            )
            .suggest(near),
            None => say!(
                "`{written}` is no word of a filter: a test begins with a word such as `src`, `host`, `port`, `app`, `bytes`, or with an address",
                "无法识别 `{written}`：条件应以 `src`、`host`、`port`、`app`、`bytes` 等词或地址开头",
            ),
        };
        self.error(Some(token), say)
    }

    pub(super) fn no_field(&self) -> FilterError {
        let before = self.test_so_far();
        let say = say!(
            "after `{before}` comes an address such as 10.0.0.0/8, or `port`, `group`, `country`, `as` or `mac`",
            "`{before}` 后应为地址（如 10.0.0.0/8）或 `port`、`group`、`country`、`as`、`mac`",
        );
        self.error(self.peek(), say)
    }
}
