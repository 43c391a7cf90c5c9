//! A file system that is mounted as long as it is used.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A mounted file system; unmounted when this is dropped.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
}

impl Place {
    /// Mounts a device as one of these file systems, the first that fits.
    ///
    /// # Errors
    /// None fits, with what the kernel said of the last one.
    pub fn mount(device: &Path, path: &Path, kinds: &[&str], writable: bool) -> Result<Self> {
        std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        let mut flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::NOATIME;
        if !writable {
            flags |= MountFlags::RDONLY;
        }
        let mut last = None;
        for kind in kinds {
            match mount(device, path, *kind, flags, c"") {
                Ok(()) => {
                    return Ok(Self { path: path.to_owned() });
                }
                Err(e) => last = Some(e),
            }
        }
        let kinds = kinds.join(", ");
        let reason = last.map_or_else(|| "nothing was tried".to_owned(), |e| e.to_string());
        anyhow::bail!("{} cannot be read as {kinds}: {reason}", device.display())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Somebody may have pulled the stick: then it goes with its last user.
        if unmount(&self.path, UnmountFlags::empty()).is_err() {
            let _ = unmount(&self.path, UnmountFlags::DETACH);
        }
    }
}
