//! Results of long steps, kept outside the checkout and keyed by their inputs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// The cache's folder: `$SPANWATCH_CACHE`, else `~/.cache/spanwatch`.
pub(crate) fn dir() -> Result<PathBuf> {
    let dir = match (std::env::var_os("SPANWATCH_CACHE"), std::env::var_os("HOME")) {
        (Some(dir), _) => PathBuf::from(dir),
        (None, Some(home)) => PathBuf::from(home).join(".cache/spanwatch"),
        (None, None) => anyhow::bail!("neither SPANWATCH_CACHE nor HOME is set: no place for the cache"),
    };
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir)
}

/// A key made of everything that a step's result depends on.
#[derive(Default)]
pub(crate) struct Key(Sha256);

impl Key {
    /// Adds a named text to the key.
    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        self.part(name, value.as_bytes());
        self
    }

    /// Adds a file's bytes to the key.
    pub(crate) fn file(mut self, path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        self.part(&path.to_string_lossy(), &bytes);
        Ok(self)
    }

    /// The key as 16 hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        self.0.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect()
    }

    fn part(&mut self, name: &str, bytes: &[u8]) {
        self.0.update((name.len() as u64).to_le_bytes());
        self.0.update(name.as_bytes());
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}
