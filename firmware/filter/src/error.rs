//! What is wrong with a filter, and where.

use std::ops::Range;

/// A filter that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the filter is wrong at character {}: {english}", .at.start + 1)]
pub struct FilterError {
    /// Where, in characters (Unicode scalar values): empty at the end of the text where something is missing there.
    pub at: Range<u32>,
    english: String,
    chinese: String,
    suggestion: Option<String>,
    unfinished: bool,
}

/// A message in both languages, and what may have been meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Say {
    pub(crate) english: String,
    pub(crate) chinese: String,
    pub(crate) suggestion: Option<String>,
}

/// A [`Say`] of two format strings.
macro_rules! say {
    ($english:literal, $chinese:literal $(,)?) => {
        Say {
            english: format!($english),
            chinese: format!($chinese),
            suggestion: None,
        }
    };
}
pub(crate) use say;

impl Say {
    /// With what is to stand there instead.
    pub(crate) fn suggest(mut self, text: impl Into<String>) -> Self {
        self.suggestion = Some(text.into());
        self
    }
}

/// Chinese with a space where it meets Latin letters or digits, as it is set; what is in backquotes stays as it is.
fn spaced(text: &str) -> String {
    let han = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
    let mut made = String::with_capacity(text.len() + 8);
    let (mut quoted, mut last) = (false, ' ');
    for c in text.chars() {
        if !quoted && ((han(last) && c.is_ascii_alphanumeric()) || (last.is_ascii_alphanumeric() && han(c))) {
            made.push(' ');
        }
        made.push(c);
        quoted ^= c == '`';
        last = c;
    }
    made
}

pub(crate) fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl FilterError {
    pub(crate) fn new(at: Range<usize>, say: Say) -> Self {
        Self {
            at: place(at.start)..place(at.end),
            english: say.english,
            chinese: spaced(&say.chinese),
            suggestion: say.suggestion,
            unfinished: false,
        }
    }

    /// The same, of a text that only lacks its end.
    pub(crate) fn unfinished_text(mut self) -> Self {
        self.unfinished = true;
        self
    }

    /// Lengthens the suggestion by what follows it in the same place.
    pub(crate) fn complete_suggestion(&mut self, rest: &str) {
        if let Some(suggestion) = &mut self.suggestion {
            suggestion.push_str(rest);
        }
    }

    /// What is wrong, and what could stand there, in English.
    #[must_use]
    pub fn english(&self) -> &str {
        &self.english
    }

    /// The same in Chinese.
    #[must_use]
    pub fn chinese(&self) -> &str {
        &self.chinese
    }

    /// The text that may have been meant in the place of [`Self::at`].
    #[must_use]
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }

    /// Whether the text only lacks its end: its writer may be about to go on.
    #[must_use]
    pub const fn unfinished(&self) -> bool {
        self.unfinished
    }
}
