//! Why something is as it is: a code that stays the same, what stands in it, and its words in Chinese and English.

pub mod phrases;

use std::fmt;

use api::hardware::Text;
use serde::{Serialize, Serializer};

/// One reason's words. `{0}` to `{9}` in them stand for its values.
#[derive(Debug, PartialEq, Eq)]
pub struct Phrase {
    code: &'static str,
    zh: &'static str,
    en: &'static str,
}

impl Phrase {
    /// In English, without values.
    pub(crate) const fn en(&self) -> &'static str {
        self.en
    }

    /// With its values.
    #[must_use]
    pub fn with<const N: usize>(&'static self, values: [Value; N]) -> Why {
        Why {
            phrase: self,
            values: values.into(),
        }
    }
}

/// What stands in a phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A number with its unit, a name, a device's own words: the same in every language.
    Plain(String),
    /// Another reason.
    Why(Why),
}

impl From<Why> for Value {
    fn from(why: Why) -> Self {
        Self::Why(why)
    }
}

impl From<&'static Phrase> for Value {
    fn from(phrase: &'static Phrase) -> Self {
        Self::Why(phrase.into())
    }
}

macro_rules! plain {
    ($($kind:ty),*) => {
        $(impl From<$kind> for Value {
            fn from(value: $kind) -> Self {
                Self::Plain(value.to_string())
            }
        })*
    };
}

plain!(&str, &String, String, u8, u16, u32, u64, usize, i32, i64);

/// A reason with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    phrase: &'static Phrase,
    values: Vec<Value>,
}

#[derive(Clone, Copy)]
enum Language {
    Chinese,
    English,
}

impl Why {
    /// What hardware or its driver calls itself: the same in every language.
    #[must_use]
    pub fn given(name: impl Into<String>) -> Self {
        phrases::PLAIN.with([Value::Plain(name.into())])
    }

    /// What a device says in its own words, which Chinese puts in quotes.
    pub(crate) fn own_words(words: impl Into<Value>) -> Self {
        phrases::OWN_WORDS.with([words.into()])
    }

    /// Something of a part that has a name of its own: `eth0 link`.
    #[must_use]
    pub fn of(part: impl Into<Value>, what: impl Into<Value>) -> Self {
        phrases::OWNED.with([part.into(), what.into()])
    }

    /// A word for programs, which stays the same over releases.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.phrase.code
    }

    /// In Chinese.
    #[must_use]
    pub fn zh(&self) -> String {
        self.say(Language::Chinese)
    }

    /// In English.
    #[must_use]
    pub fn en(&self) -> String {
        self.say(Language::English)
    }

    /// All of them in one; `None` where there is none.
    pub(crate) fn all(reasons: impl IntoIterator<Item = Self>) -> Option<Self> {
        reasons
            .into_iter()
            .reduce(|before, next| phrases::AND.with([before.into(), next.into()]))
    }

    fn say(&self, language: Language) -> String {
        let mut rest = match language {
            Language::Chinese => self.phrase.zh,
            Language::English => self.phrase.en,
        };
        let mut said = String::new();
        while let Some((before, after)) = rest.split_once('{') {
            said.push_str(before);
            let Some((number, after)) = after.split_once('}') else {
                break;
            };
            match number.parse().ok().and_then(|at: usize| self.values.get(at)) {
                Some(Value::Plain(text)) => said.push_str(text),
                Some(Value::Why(inner)) => said.push_str(&inner.say(language)),
                None => {}
            }
            rest = after;
        }
        said.push_str(rest);
        said
    }
}

impl From<&'static Phrase> for Why {
    fn from(phrase: &'static Phrase) -> Self {
        phrase.with([])
    }
}

/// In English, as logs and the command line of other machines have it.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en())
    }
}

/// Documents for programs have the English words; the code stands beside them.
impl Serialize for Why {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<Why> for Text {
    fn from(why: Why) -> Self {
        (&why).into()
    }
}

impl From<&Why> for Text {
    fn from(why: &Why) -> Self {
        Self {
            zh: why.zh(),
            en: why.en(),
        }
    }
}

impl From<&'static Phrase> for Text {
    fn from(phrase: &'static Phrase) -> Self {
        Why::from(phrase).into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The places of values in a text.
    fn places(text: &str) -> BTreeSet<&str> {
        text.split('{')
            .skip(1)
            .map(|part| part.split_once('}').expect("closed").0)
            .collect()
    }

    #[test]
    fn every_reason_has_both_languages_with_the_same_values_and_a_code_of_its_own() {
        let mut codes = BTreeSet::new();
        for phrase in phrases::ALL {
            assert!(codes.insert(phrase.code), "{} stands twice", phrase.code);
            assert_eq!(places(phrase.zh), places(phrase.en), "{}", phrase.code);
            assert!(
                !phrase.en.is_empty() && phrase.en.is_ascii() || phrase.en.contains('°'),
                "{}",
                phrase.code
            );
            let chinese = phrase.zh.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
            let frame = places(phrase.zh).len() > 1 || phrase.code.starts_with("frame_");
            assert!(chinese || frame, "{} has no Chinese", phrase.code);
        }
        assert!(codes.len() > 100);
    }

    #[test]
    fn values_stand_where_they_belong_and_are_not_read_again() {
        let inner = phrases::AND.with([Value::from("{1}"), Value::from(2u8)]);
        let why = phrases::NAMED.with([Value::from("a{0}b"), inner.into()]);
        assert_eq!(
            (why.en().as_str(), why.zh().as_str()),
            ("a{0}b: {1}, 2", "a{0}b：{1}，2")
        );
        assert_eq!(serde_json::to_value(&why).expect("json"), "a{0}b: {1}, 2");
        assert_eq!(phrases::NAMED.with([]).en(), ": ");
    }
}
