//! The root file system tree.
use std::path::PathBuf;
use anyhow::Result;

/// Builds the root tree and returns its folder.
pub(crate) fn build() -> Result<PathBuf> {
    anyhow::bail!("rootfs")
}
