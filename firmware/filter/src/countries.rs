//! Countries by code and name: ISO 3166-1.

/// The code that a text is, or the name of: two letters, which need not be assigned.
pub(crate) fn code(text: &str) -> Option<[u8; 2]> {
    if let [a, b] = *text.as_bytes()
        && a.is_ascii_alphabetic()
        && b.is_ascii_alphabetic()
    {
        return Some([a.to_ascii_uppercase(), b.to_ascii_uppercase()]);
    }
    let lower = text.to_lowercase();
    let found = ROWS.iter().find(|row| row.1.to_lowercase() == lower || row.2 == text);
    found.and_then(|row| row.0.as_bytes().try_into().ok())
}

/// All names, of both languages.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().flat_map(|(_, english, chinese)| [*english, *chinese])
}

/// Code, English name, Chinese name.
pub(crate) const ROWS: &[(&str, &str, &str)] = &[("CN", "China", "中国"), ("US", "United States", "美国")];
