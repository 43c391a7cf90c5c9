//! `key=value key="value with spaces"`, as firewalls write.

/// The pairs of a text; words without `=` are stepped over. Values are as written, without their quotes.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches([' ', ',', ';']);
            let end = rest.bytes().position(|b| matches!(b, b'=' | b' ' | b','))?;
            let (key, after) = rest.split_at_checked(end)?;
            let Some(value) = after.strip_prefix('=') else {
                rest = after;
                continue;
            };
            if let Some(quoted) = value.strip_prefix('"') {
                let mut escaped = false;
                let end = quoted.bytes().position(|b| {
                    let ends = b == b'"' && !escaped;
                    escaped = b == b'\\' && !escaped;
                    ends
                });
                let (value, after) = quoted.split_at_checked(end.unwrap_or(quoted.len()))?;
                rest = after.strip_prefix('"').unwrap_or(after);
                return Some((key, value));
            }
            let end = value
                .bytes()
                .position(|b| matches!(b, b' ' | b','))
                .unwrap_or(value.len());
            let (value, after) = value.split_at_checked(end)?;
            rest = after;
            return Some((key, value));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read() {
        let found: Vec<_> = pairs(r#"a=1 b="x \"y\" z" word c= d=",",e=2,f="open"#).collect();
        let expected = [
            ("a", "1"),
            ("b", r#"x \"y\" z"#),
            ("c", ""),
            ("d", ","),
            ("e", "2"),
            ("f", "open"),
        ];
        assert_eq!(found, expected);
    }
}
