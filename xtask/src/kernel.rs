//! The appliance's kernel.
use std::path::PathBuf;
use anyhow::Result;

/// What a kernel build leaves.
pub(crate) struct Kernel {
    /// The bootable image (bzImage).
    pub(crate) image: PathBuf,
    /// The full configuration that it was built with.
    pub(crate) config: PathBuf,
    /// The kernel's release, as `uname -r` prints it.
    pub(crate) release: String,
}

/// Builds the kernel, or takes it from the cache.
pub(crate) fn build() -> Result<Kernel> {
    anyhow::bail!("kernel")
}
