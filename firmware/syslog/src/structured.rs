//! RFC 5424's structured data (section 6.3).

use std::borrow::Cow;

/// One element: `[id name="value" …]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// SD-ID, such as `timeQuality` or `exampleSDID@32473`.
    pub id: &'a str,
    params: &'a str,
}

impl<'a> Element<'a> {
    /// Its parameters, in order; a name may come more than once.
    #[must_use]
    pub fn params(&self) -> Params<'a> {
        Params(self.params)
    }

    /// The value of the first parameter of a name.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut params = self.params();
        params
            .find(|(found, _)| *found == name)
            .map(|(_, value)| unescape(value))
    }
}

/// The elements of structured data, such as [`Message::data`](crate::Message::data). Ends at what is none.
pub fn elements(data: &str) -> impl Iterator<Item = Element<'_>> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (element, after) = element(rest)?;
        rest = after;
        Some(element)
    })
}

/// Names and values as they were written; see [`unescape`].
#[derive(Debug, Clone)]
pub struct Params<'a>(&'a str);

impl<'a> Iterator for Params<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (param, rest) = param(self.0)?;
        self.0 = rest;
        Some(param)
    }
}

/// A value without its escapes: `\"`, `\\` and `\]` stand for the second character, any other
/// backslash for itself (RFC 5424, section 6.3.3).
#[must_use]
pub fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(&escaped @ ('"' | '\\' | ']')) if c == '\\' => {
                out.push(escaped);
                chars.next();
            }
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Splits text after its leading elements; `None` where there is no whole one.
pub(crate) fn split(text: &str) -> Option<(&str, &str)> {
    let mut rest = text;
    while let Some((_, after)) = element(rest) {
        rest = after;
    }
    let data = text.get(..text.len().checked_sub(rest.len())?)?;
    // What follows is a space and the message, or nothing.
    let ended = rest.is_empty() || rest.starts_with(' ');
    (ended && !data.is_empty()).then_some((data, rest))
}

fn element(text: &str) -> Option<(Element<'_>, &str)> {
    let inner = text.strip_prefix('[')?;
    let id_end = inner
        .bytes()
        .position(|b| matches!(b, b' ' | b']' | b'=' | b'"' | b'[' | b'\n'))?;
    let (id, params) = inner.split_at_checked(id_end).filter(|(id, _)| !id.is_empty())?;
    let mut rest = params;
    while let Some((_, after)) = param(rest) {
        rest = after;
    }
    let params = params.get(..params.len().checked_sub(rest.len())?)?;
    let after = rest.trim_start_matches(' ').strip_prefix(']')?;
    Some((Element { id, params }, after))
}

fn param(text: &str) -> Option<((&str, &str), &str)> {
    let text = text.strip_prefix(' ')?.trim_start_matches(' ');
    let name_end = text.bytes().position(|b| matches!(b, b' ' | b']' | b'=' | b'"'))?;
    let (name, rest) = text.split_at_checked(name_end).filter(|(name, _)| !name.is_empty())?;
    let rest = rest.strip_prefix("=\"")?;
    let mut escaped = false;
    let end = rest.bytes().position(|b| {
        let ends = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        ends
    })?;
    let (value, rest) = rest.split_at_checked(end)?;
    Some(((name, value), rest.strip_prefix('"')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_and_escapes_are_read() {
        let text = r#"[a@1 x="1" y="q\"b\\c\]d\n"][empty][b z=""] text [no]"#;
        let (data, rest) = split(text).unwrap();
        assert_eq!(rest, " text [no]");
        let read: Vec<_> = elements(data).collect();
        assert_eq!(read.iter().map(|e| e.id).collect::<Vec<_>>(), ["a@1", "empty", "b"]);
        let first = read.first().unwrap();
        assert_eq!(first.param("y").unwrap(), r#"q"b\c]d\n"#);
        assert_eq!(first.params().count(), 2);
        assert_eq!(first.param("z"), None);
    }

    #[test]
    fn what_is_no_structured_data_is_text() {
        for text in [
            "[",
            "[]",
            "[a",
            r#"[a x="1]"#,
            "[a x=1]",
            r#"[a x:"1"]"#,
            "[a]b",
            "text",
            "",
        ] {
            assert_eq!(split(text), None, "{text}");
        }
    }
}
