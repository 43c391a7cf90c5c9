//! The two languages.

use settings::Language;

/// A text in both languages: English, Chinese.
pub(crate) type Text = (&'static str, &'static str);

/// Chooses a text's language.
pub(crate) fn say(language: Language, text: Text) -> &'static str {
    match language {
        Language::English => text.0,
        Language::Chinese => text.1,
    }
}

/// A language by its tag, as `--lang` and `LANG` write it.
pub(crate) fn parse(tag: &str) -> Option<Language> {
    let tag = tag.to_ascii_lowercase();
    if tag.starts_with("zh") {
        Some(Language::Chinese)
    } else if tag.starts_with("en") {
        Some(Language::English)
    } else {
        None
    }
}
