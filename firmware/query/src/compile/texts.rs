//! What texts are meant.

/// Texts that a condition means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Texts {
    /// These names, and those below them.
    Below(Vec<Name>),
    /// What is like one of these: the parts between their `*`, in lower case.
    Like(Vec<Vec<String>>),
}

/// A name, and the end of those below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    name: String,
    end: String,
}

impl Texts {
    /// Names of hosts and what is below them.
    pub(crate) fn below(names: &[String]) -> Self {
        let name = |name: &String| Name {
            name: name.clone(),
            end: format!(".{name}"),
        };
        Self::Below(names.iter().map(name).collect())
    }

    /// Texts in which `*` stands for any characters, in any case of ASCII letters.
    pub(crate) fn like(texts: &[String]) -> Self {
        let parts = |text: &String| text.split('*').map(str::to_ascii_lowercase).collect();
        Self::Like(texts.iter().map(parts).collect())
    }

    /// Whether a text is meant.
    pub(crate) fn mean(&self, text: &str) -> bool {
        match self {
            Self::Below(names) => names.iter().any(|one| text == one.name || text.ends_with(&one.end)),
            Self::Like(all) => {
                let text = text.to_ascii_lowercase();
                all.iter().any(|parts| is_like(&text, parts))
            }
        }
    }
}

/// Whether a text has the parts, the first at its beginning and the last at its end, in their order.
fn is_like(text: &str, parts: &[String]) -> bool {
    let (Some((first, rest)), Some(text)) = (
        parts.split_first(),
        parts.first().and_then(|p| text.strip_prefix(p.as_str())),
    ) else {
        return false;
    };
    let Some((last, between)) = rest.split_last() else {
        return text.is_empty() && !first.is_empty();
    };
    let mut text = text;
    for part in between {
        match text.split_once(part.as_str()) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(last.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_those_below_them() {
        let texts = Texts::below(&["example.com".to_owned(), "qq.com".to_owned()]);
        assert!(
            ["example.com", "www.example.com", "a.b.qq.com"]
                .iter()
                .all(|t| texts.mean(t))
        );
        assert!(
            !["example.com.cn", "badexample.com", "com", ""]
                .iter()
                .any(|t| texts.mean(t))
        );
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        let like = |pattern: &str, text: &str| Texts::like(&[pattern.to_owned()]).mean(text);
        for (pattern, text) in [
            ("curl", "CURL"),
            ("cu*", "curl/8"),
            ("*8", "curl/8"),
            ("*", ""),
            ("c*r*8", "curl/8"),
            ("*a*a*", "aa"),
            ("a**b", "ab"),
            ("é*", "éa"),
        ] {
            assert!(like(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("curl", "curl/8"),
            ("*a*a*", "a"),
            ("ab*ab", "ab"),
            ("c*x*8", "curl/8"),
            ("É", "é"),
        ] {
            assert!(!like(pattern, text), "{pattern} {text}");
        }
    }
}
