//! What is wrong with a filter, shown where it is.

use settings::Language;
use unicode_width::UnicodeWidthChar as _;

use crate::lang::say;

/// The filter with a mark below the characters from `at.0` to `at.1`, what is wrong, and what may have been meant.
pub(crate) fn explain(text: &str, at: (u32, u32), what: &str, suggestion: Option<&str>, language: Language) -> String {
    let shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let width = |from: u32, to: u32| -> usize {
        let chars = shown.chars().skip(from as usize).take(to.saturating_sub(from) as usize);
        chars.map(|c| c.width().unwrap_or(0)).sum()
    };
    let mark = "^".repeat(width(at.0, at.1).max(1));
    let head = say(language, ("the filter is wrong", "过滤条件有误"));
    let mut said = format!("{head}: {what}\n  {shown}\n  {}{mark}", " ".repeat(width(0, at.0)));
    // Most messages have it in them.
    if let Some(suggestion) = suggestion.filter(|s| !what.contains(&format!("`{s}`"))) {
        let meant = say(language, ("did you mean", "是否应为"));
        said.push_str(&format!("\n{meant}: {suggestion}"));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_below_the_place() {
        assert_eq!(
            explain(
                "业务 办公 and prot tcp",
                (10, 14),
                "what",
                Some("proto"),
                Language::English
            ),
            "the filter is wrong: what\n  业务 办公 and prot tcp\n                ^^^^\ndid you mean: proto"
        );
        let said = explain(
            "prot tcp",
            (0, 4),
            "did you mean `proto`?",
            Some("proto"),
            Language::English,
        );
        assert_eq!(said, "the filter is wrong: did you mean `proto`?\n  prot tcp\n  ^^^^");
        assert_eq!(
            explain("src", (3, 3), "缺少地址", None, Language::Chinese),
            "过滤条件有误: 缺少地址\n  src\n     ^"
        );
    }
}
