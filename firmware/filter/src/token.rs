//! From characters to words.

use std::ops::Range;

use crate::error::{FilterError, Say, say};
use crate::words::{Word, word};

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A word, of the language or a value, or a sign.
    Word,
    /// Text in quotes: never a word of the language.
    Quoted,
    Open,
    Close,
    ListOpen,
    ListClose,
    /// A sign that has no meaning: a lone `&` or `|`.
    Mark,
    /// A comma; a full-width one may also stand for `and`.
    Comma {
        wide: bool,
    },
}

/// A piece of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    /// Its text: what is in the quotes, without escapes; full-width forms of ASCII are replaced outside of them.
    pub(crate) text: String,
    /// Its characters.
    pub(crate) at: Range<usize>,
    /// What it means in the language; never of a quoted text.
    pub(crate) word: Option<Word>,
}

/// A character with full-width forms of ASCII and Chinese punctuation made ASCII.
const fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => match char::from_u32(c as u32 - 0xfee0) {
            Some(narrow) => narrow,
            None => c,
        },
        '、' => ',',
        '。' => '.',
        '【' => '[',
        '】' => ']',
        '–' | '—' => '-',
        _ => c,
    }
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{2060}')
}

/// Whether a word can go on with it.
pub(crate) fn in_word(c: char) -> bool {
    !is_space(c)
        && !matches!(
            c,
            '(' | ')' | '[' | ']' | '{' | '}' | ',' | '<' | '>' | '=' | '!' | '≤' | '≥' | '≠' | '&' | '|'
        )
        && !opens_quote(c)
}

const fn opens_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '「' | '\'' | '‘' | '’')
}

/// Whether a quote that was opened by `open` is closed by `c`.
const fn closes_quote(open: char, c: char) -> bool {
    match open {
        '"' => c == '"',
        '\'' => c == '\'',
        '「' => c == '」',
        '‘' | '’' => matches!(c, '‘' | '’'),
        _ => matches!(c, '“' | '”' | '"'),
    }
}

/// What a text is cut into.
pub(crate) struct Tokens {
    pub(crate) tokens: Vec<Token>,
    /// Where a quote begins that is not closed; the last token then goes to the end of the text.
    pub(crate) unclosed: Option<usize>,
}

/// Cuts a text into pieces. Every text can be cut.
pub(crate) fn tokens(text: &[char]) -> Tokens {
    let mut tokens: Vec<Token> = Vec::new();
    let mut unclosed = None;
    let mut at = 0;
    while let Some(&raw) = text.get(at) {
        // Full-width quotation marks of ASCII are quotes too.
        let c = narrow(raw);
        if is_space(c) {
            at += 1;
            continue;
        }
        let start = at;
        let (kind, content) = if opens_quote(c) {
            let (content, end) = quoted(text, start, c);
            at = end.unwrap_or(text.len());
            unclosed = unclosed.or(end.is_none().then_some(start));
            (Kind::Quoted, content)
        } else if in_word(c) {
            let rest = text.get(start..).unwrap_or(&[]);
            let content: String = rest.iter().map(|c| narrow(*c)).take_while(|c| in_word(*c)).collect();
            at += content.chars().count();
            (Kind::Word, content)
        } else {
            let pair: String = text
                .get(start..)
                .unwrap_or(&[])
                .iter()
                .take(2)
                .map(|c| narrow(*c))
                .collect();
            let sign = if matches!(pair.as_str(), "&&" | "||" | "==" | "!=" | "<>" | "<=" | ">=") {
                pair
            } else {
                c.to_string()
            };
            at += sign.chars().count();
            let kind = match c {
                '(' => Kind::Open,
                ')' => Kind::Close,
                '[' | '{' => Kind::ListOpen,
                ']' | '}' => Kind::ListClose,
                ',' => Kind::Comma { wide: raw == '，' },
                _ if word(&sign).is_none() => Kind::Mark,
                _ => Kind::Word,
            };
            (kind, sign)
        };
        let word = match kind {
            Kind::Word => word(&content),
            _ => None,
        };
        tokens.push(Token {
            kind,
            text: content,
            at: start..at,
            word,
        });
    }
    Tokens { tokens, unclosed }
}

/// The content of the quotes that open at `start`, and the place after the one that closes. A `\` before a quotation
/// mark or before another `\` is left out; elsewhere it is itself.
fn quoted(text: &[char], start: usize, open: char) -> (String, Option<usize>) {
    let mut content = String::new();
    let mut at = start + 1;
    while let Some(&c) = text.get(at) {
        let next = text.get(at + 1).copied();
        match (c, next) {
            ('\\', Some(escaped)) if escaped == '\\' || opens_quote(narrow(escaped)) => {
                content.push(escaped);
                at += 2;
            }
            // The closing mark may be the full-width form of the opening one.
            _ if closes_quote(open, c) || (c != open && narrow(c) == open) => return (content, Some(at + 1)),
            _ => {
                content.push(c);
                at += 1;
            }
        }
    }
    (content, None)
}

impl Tokens {
    /// The error of a quote that is not closed.
    pub(crate) fn check(&self, end: usize) -> Result<(), FilterError> {
        let Some(start) = self.unclosed else { return Ok(()) };
        Err(FilterError::new(
            start..end,
            say!(
                "this quotation mark is not closed: write `\"` at the end of the name",
                "引号没有闭合：请在名称末尾加上 `\"`"
            ),
        )
        .unfinished_text())
    }
}
