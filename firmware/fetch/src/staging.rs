//! The staging place: a file that grows under another name and gets its own when it is whole.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The name of a bundle that is whole.
pub const WHOLE: &str = "bundle.raucb";
/// The name of one that is being written.
pub const PART: &str = "bundle.part";
/// After so many octets the free space is looked at again.
const LOOK_EVERY: u64 = 4 << 20;

/// Why nothing more can be written.
#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    /// More than the bundle may take.
    #[error("it is larger than the {most} octets that there is room for: delete captures or let records expire")]
    TooLarge {
        /// The room.
        most: u64,
    },
    /// The data partition got too full meanwhile.
    #[error(
        "only {free} octets are free on the data partition, and {reserve} stay free for records: delete captures or let records expire"
    )]
    Full {
        /// What is free.
        free: u64,
        /// What must be.
        reserve: u64,
    },
    /// The disk does not take it.
    #[error("the bundle cannot be kept: {0}")]
    Disk(#[from] io::Error),
}

/// A bundle that is being written.
pub struct Staging {
    folder: PathBuf,
    file: File,
    most: u64,
    reserve: u64,
    at: u64,
    looked: u64,
    whole: bool,
}

impl Staging {
    /// Starts a new file in a folder; what was left of another goes.
    ///
    /// # Errors
    /// When the folder cannot be written, or is too full.
    pub fn start(folder: &Path, most: u64, reserve: u64) -> Result<Self, StagingError> {
        for name in [PART, WHOLE] {
            match fs::remove_file(folder.join(name)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e.into()),
                _ => {}
            }
        }
        let path = folder.join(PART);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(path)?;
        // Whatever the umask: the updater reads it as one of the group.
        file.set_permissions(Permissions::from_mode(0o640))?;
        let staging = Self {
            folder: folder.to_owned(),
            file,
            most,
            reserve,
            at: 0,
            looked: 0,
            whole: false,
        };
        staging.look()?;
        Ok(staging)
    }

    /// Octets so far.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// Whether so many octets may come in all.
    ///
    /// # Errors
    /// When that is too much.
    pub fn admit(&self, total: u64) -> Result<(), StagingError> {
        if total > self.most {
            return Err(StagingError::TooLarge { most: self.most });
        }
        let more = total.saturating_sub(self.at);
        let free = self.free()?;
        if free < self.reserve.saturating_add(more) {
            return Err(StagingError::Full {
                free,
                reserve: self.reserve,
            });
        }
        Ok(())
    }

    /// Writes the next octets.
    ///
    /// # Errors
    /// When they are too many, or the disk does not take them.
    pub fn write(&mut self, octets: &[u8]) -> Result<(), StagingError> {
        let end = self.at.saturating_add(octets.len() as u64);
        if end > self.most {
            return Err(StagingError::TooLarge { most: self.most });
        }
        if end.saturating_sub(self.looked) >= LOOK_EVERY {
            self.look()?;
            self.looked = end;
        }
        self.file.write_all_at(octets, self.at)?;
        self.at = end;
        Ok(())
    }

    /// Begins again.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn rewind(&mut self) -> Result<(), StagingError> {
        self.file.set_len(0)?;
        self.at = 0;
        self.looked = 0;
        Ok(())
    }

    /// Gives the bundle its name, once all of it is on the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(mut self) -> Result<u64, StagingError> {
        self.file.flush()?;
        self.file.sync_all()?;
        fs::rename(self.folder.join(PART), self.folder.join(WHOLE))?;
        self.whole = true;
        File::open(&self.folder)?.sync_all()?;
        Ok(self.at)
    }

    fn free(&self) -> io::Result<u64> {
        let stat = rustix::fs::fstatvfs(&self.file)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn look(&self) -> Result<(), StagingError> {
        let free = self.free()?;
        if free < self.reserve {
            return Err(StagingError::Full {
                free,
                reserve: self.reserve,
            });
        }
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.whole {
            // What did not become whole is of no use to anyone.
            let _ = fs::remove_file(self.folder.join(PART));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_gets_its_name_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(WHOLE), "an older one").unwrap();
        let mut staging = Staging::start(dir.path(), 8, 0).unwrap();
        assert!(!dir.path().join(WHOLE).exists());
        staging.write(b"bun").unwrap();
        staging.rewind().unwrap();
        staging.write(b"bundle").unwrap();
        assert_eq!(staging.finish().unwrap(), 6);
        assert_eq!(fs::read(dir.path().join(WHOLE)).unwrap(), b"bundle");
        let mode = fs::metadata(dir.path().join(WHOLE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn too_much_is_refused_and_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let mut staging = Staging::start(dir.path(), 5, 0).unwrap();
        assert!(matches!(staging.admit(6), Err(StagingError::TooLarge { most: 5 })));
        staging.admit(5).unwrap();
        staging.write(b"bundl").unwrap();
        assert!(matches!(staging.write(b"e"), Err(StagingError::TooLarge { most: 5 })));
        drop(staging);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_must_stay_free_stays_free() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(
            Staging::start(dir.path(), 5, u64::MAX),
            Err(StagingError::Full { .. })
        ));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
