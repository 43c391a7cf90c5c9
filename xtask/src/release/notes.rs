//! A version's part of CHANGELOG.md, and the order of versions.

use anyhow::{Context, Result, ensure};

/// The changes under `## VERSION, DATE`; a version without a date is not released.
pub(super) fn of(changelog: &str, version: &str) -> Result<String> {
    let mut parts = changelog.split("\n## ").skip(1);
    let part = parts
        .find(|part| part.split([',', '\n']).next().map(str::trim) == Some(version))
        .with_context(|| format!("CHANGELOG.md has no heading `## {version}, DATE`"))?;
    let (heading, changes) = part.split_once('\n').unwrap_or((part, ""));
    let date = heading.split_once(',').map(|(_, date)| date.trim()).unwrap_or_default();
    ensure!(
        is_date(date),
        "CHANGELOG.md says {date:?} where the date of {version} belongs: write the day of the release, YYYY-MM-DD"
    );
    let changes = changes.trim();
    ensure!(!changes.is_empty(), "CHANGELOG.md names no change of {version}");
    Ok(format!("Released {date}.\n\n{changes}\n"))
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| {
            if at == 4 || at == 7 {
                byte == b'-'
            } else {
                byte.is_ascii_digit()
            }
        })
}

/// A version `A.B.C` as numbers, to compare.
pub(super) fn number(version: &str) -> Result<(u32, u32, u32)> {
    let parts: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
    match parts.as_deref() {
        Some([a, b, c]) => Ok((*a, *b, *c)),
        _ => anyhow::bail!("{version:?} is no version of the form 1.2.3"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Changelog\n\n## 1.1.0, unreleased\n\n- later\n\n## 1.0.0, 2026-12-01\n\n- first\n- second\n\n## 0.9.0, 2026-01-01\n";

    #[test]
    fn notes_are_those_of_one_version() {
        assert_eq!(
            of(TEXT, "1.0.0").unwrap_or_default(),
            "Released 2026-12-01.\n\n- first\n- second\n"
        );
    }

    #[test]
    fn what_is_not_ready_is_refused() {
        for version in ["1.1.0", "0.9.0", "2.0.0", "1.0"] {
            assert!(of(TEXT, version).is_err(), "{version}");
        }
    }

    #[test]
    fn versions_are_ordered_by_number() -> Result<()> {
        assert!(number("0.10.0")? > number("0.9.9")?);
        assert!(number("1.0").is_err() && number("1.0.x").is_err());
        Ok(())
    }
}
