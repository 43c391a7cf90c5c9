//! What the kernel says under /sys, from any root: the live one or a copy of one.

mod chips;
mod cpu;
mod disks;
mod memory;
mod net;
mod pci;
mod places;
mod raid;
mod watchdog;

pub(crate) use chips::named;

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use crate::{Error, NoData, Reading};

/// The most octets of one attribute; the kernel gives a page at most.
const ATTRIBUTE_MAX: u64 = 4096;
/// The most entries of one folder.
const ENTRIES_MAX: usize = 4096;
/// The most readings of one root.
pub const READINGS_MAX: usize = 16_384;

/// A folder that holds `class`, `devices` and so on.
#[derive(Debug, Clone)]
pub struct Root {
    path: PathBuf,
}

impl Root {
    /// Opens `path`, which is a /sys or holds one by the name `sys`.
    ///
    /// # Errors
    /// Where neither is so.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let inner = path.join("sys");
        for candidate in [inner.as_path(), path] {
            if ["class", "devices", "block"]
                .iter()
                .any(|name| candidate.join(name).is_dir())
            {
                return Ok(Self {
                    path: candidate.to_owned(),
                });
            }
        }
        Err(Error::NoSysfs { path: path.to_owned() })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every reading, ordered by source.
    #[must_use]
    pub fn readings(&self) -> Vec<Reading> {
        let mut out = Vec::new();
        chips::read(self, &mut out);
        raid::read(self, &mut out);
        memory::read(self, &mut out);
        net::read(self, &mut out);
        cpu::read(self, &mut out);
        disks::read(self, &mut out);
        pci::read(self, &mut out);
        watchdog::read(self, &mut out);
        out.truncate(READINGS_MAX);
        out
    }

    /// An attribute's text without surrounding white space.
    fn text(&self, path: &str) -> Result<String, NoData> {
        let mut bytes = Vec::new();
        // a FIFO or device in a copy would block for ever
        let path = self.path.join(path);
        let plain = std::fs::metadata(&path).map_err(|e| missing(&e))?.is_file();
        if !plain {
            return Err(NoData::NotPresent);
        }
        File::open(&path)
            .and_then(|file| file.take(ATTRIBUTE_MAX).read_to_end(&mut bytes))
            .map_err(|e| missing(&e))?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// An attribute's number.
    fn number(&self, path: &str) -> Result<i64, NoData> {
        self.text(path)?.parse().map_err(|_| NoData::Invalid)
    }

    /// A count that cannot be negative.
    fn count(&self, path: &str) -> Result<f64, NoData> {
        let count: u64 = self.text(path)?.parse().map_err(|_| NoData::Invalid)?;
        #[allow(clippy::cast_precision_loss, reason = "a count beyond 2^53 is as good rounded")]
        Ok(count as f64)
    }

    /// The names in a folder, numbers in their order; empty where there is none.
    fn names(&self, path: &str) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path.join(path)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .take(ENTRIES_MAX)
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort_by(|a, b| natural(a).cmp(&natural(b)).then_with(|| a.cmp(b)));
        names
    }

    fn is_folder(&self, path: &str) -> bool {
        self.path.join(path).is_dir()
    }

    /// The last part of what a link names.
    fn link_name(&self, path: &str) -> Option<String> {
        let target = std::fs::read_link(self.path.join(path)).ok()?;
        target.file_name()?.to_str().map(str::to_owned)
    }

    /// All of what a link names.
    fn link(&self, path: &str) -> Option<String> {
        std::fs::read_link(self.path.join(path))
            .ok()?
            .to_str()
            .map(str::to_owned)
    }
}

/// A name without its last number, and that number, so that `eth10` follows `eth9`.
fn natural(name: &str) -> (&str, u64) {
    let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (prefix, number) = name.split_at_checked(name.len() - digits).unwrap_or((name, ""));
    (prefix, number.parse().unwrap_or(0))
}

/// The type of what is missing, by the system's reason.
fn missing(error: &std::io::Error) -> NoData {
    // errno.h: ENXIO 6, EAGAIN 11, ENODEV 19, EINVAL 22, ENODATA 61, EOPNOTSUPP 95
    match (error.kind(), error.raw_os_error()) {
        (ErrorKind::NotFound, _) | (_, Some(6 | 19)) => NoData::NotPresent,
        (ErrorKind::PermissionDenied, _) => NoData::Denied,
        (ErrorKind::TimedOut, _) => NoData::Timeout,
        (ErrorKind::Unsupported, _) | (_, Some(95)) => NoData::Unsupported,
        (_, Some(11 | 22 | 61)) => NoData::NotReported,
        _ => NoData::Failed,
    }
}

#[cfg(test)]
mod tests;
