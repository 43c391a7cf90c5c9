//! `board/x86_64/kernel.version`: which Debian packages the kernel is made of.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// One package at one version.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pin {
    /// The package's name.
    pub(super) package: String,
    /// Its exact version, without an epoch.
    pub(super) version: String,
    /// The .deb's SHA-256, in lower-case hexadecimal.
    pub(super) sha256: String,
}

/// What the file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pins {
    pins: Vec<Pin>,
    /// The build time that the kernel reports.
    pub(super) timestamp: String,
}

impl Pins {
    /// Reads the file at `path`.
    pub(super) fn read(path: &Path) -> Result<Self> {
        Self::parse(&super::read(path)?).with_context(|| format!("in {}", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let mut pins = Vec::new();
        let mut timestamp = None;
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            if let Some(time) = line.strip_prefix("timestamp ") {
                timestamp = Some(time.trim().to_owned());
                continue;
            }
            let [package, version, sha256] = line.split_whitespace().collect::<Vec<_>>()[..] else {
                bail!("{line:?} is neither `package version sha256` nor `timestamp TIME`");
            };
            if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
                bail!("{sha256:?} is not a SHA-256 in lower-case hexadecimal");
            }
            pins.push(Pin {
                package: package.to_owned(),
                version: version.to_owned(),
                sha256: sha256.to_owned(),
            });
        }
        Ok(Self {
            pins,
            timestamp: timestamp.context("no `timestamp TIME` line")?,
        })
    }

    /// The pin of one package.
    pub(super) fn get(&self, package: &str) -> Result<&Pin> {
        let found = self.pins.iter().find(|pin| pin.package == package);
        found.with_context(|| format!("board/x86_64/kernel.version does not pin {package}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boards_file_parses() -> Result<()> {
        let pins = Pins::read(&super::super::board().join("kernel.version"))?;
        assert!(pins.get(super::super::SOURCE)?.version.starts_with("6.12."));
        assert!(pins.get("no-such-package").is_err());
        Ok(())
    }

    #[test]
    fn a_bad_line_is_refused() {
        let sha = "0".repeat(64);
        assert!(Pins::parse(&format!("timestamp now\na 1 {sha}")).is_ok());
        assert!(Pins::parse(&format!("a 1 {sha}")).is_err(), "no timestamp");
        assert!(Pins::parse("timestamp now\na 1").is_err(), "no checksum");
        assert!(Pins::parse("timestamp now\na 1 abc").is_err(), "short checksum");
        assert!(
            Pins::parse(&format!("timestamp now\na 1 {}", "A".repeat(64))).is_err(),
            "upper case"
        );
    }
}
