//! Comparing versions, for the version floor.

/// A version as it is compared: its numbers one by one, and then whether it is a final one
/// (`1.2.0-rc1` comes before `1.2.0`), and what stands behind the hyphen.
pub fn version(text: &str) -> impl Ord + use<> {
    let (numbers, rest) = match text.trim().split_once('-') {
        Some((numbers, rest)) => (numbers, Some(rest.to_owned())),
        None => (text.trim(), None),
    };
    let mut numbers: Vec<u64> = numbers.split('.').map(|part| part.parse().unwrap_or(0)).collect();
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    (numbers, rest.is_none(), rest)
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_compare_as_numbers() {
        for (lower, higher) in [
            ("0.1.0", "0.1.1"),
            ("0.9.0", "0.10.0"),
            ("1.0.0-rc1", "1.0.0"),
            ("1.0.0", "1.0.1-rc1"),
            ("1.0.0-rc1", "1.0.0-rc2"),
        ] {
            assert!(version(lower) < version(higher), "{lower} {higher}");
        }
        assert!(version("1.0") == version("1.0.0"));
    }
}
