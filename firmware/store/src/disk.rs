//! The seam to the disk: what the store asks of a folder. Tests put disks behind it that fill up,
//! fail, or forget what was not synced.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use redb::StorageBackend;
use redb::backends::FileBackend;

/// Room on a file system, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// All of it.
    pub total: u64,
    /// What is still free for this program.
    pub available: u64,
}

impl Room {
    /// The share in use, in percent, rounded up.
    #[must_use]
    pub fn used_percent(&self) -> u64 {
        let used = u128::from(self.total.saturating_sub(self.available));
        let percent = (used * 100).div_ceil(u128::from(self.total.max(1)));
        u64::try_from(percent).unwrap_or(100)
    }
}

/// A folder of files, each known by its plain name.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Opens a file, or makes it; a file that was made survives a loss of power.
    ///
    /// # Errors
    /// The system's.
    fn open(&self, name: &str) -> io::Result<Box<dyn StorageBackend>>;

    /// Opens a file that is there, for reading alone.
    ///
    /// # Errors
    /// The system's.
    fn open_to_read(&self, name: &str) -> io::Result<Box<dyn StorageBackend>> {
        self.open(name)
    }

    /// Whether there is such a file.
    ///
    /// # Errors
    /// The system's.
    fn has(&self, name: &str) -> io::Result<bool> {
        Ok(self.list()?.iter().any(|(n, _)| n == name))
    }

    /// The files' names and the octets that each takes on disk.
    ///
    /// # Errors
    /// The system's.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;

    /// Removes a file; its room is free once nobody has it open.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Renames a file.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// The room there is.
    ///
    /// # Errors
    /// The system's.
    fn room(&self) -> io::Result<Room>;
}

/// A folder of the machine's file system.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    /// Held as long as anyone works in the folder.
    _lock: Arc<Flock<File>>,
}

impl Folder {
    /// The folder at `path`, made where it is missing. It is this program's alone while what this answers lives.
    ///
    /// # Errors
    /// When it cannot be made or opened; [`io::ErrorKind::ResourceBusy`] when another program works in it.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        fs::create_dir_all(&path)?;
        let lock = Flock::lock(File::open(&path)?, FlockArg::LockExclusiveNonblock).map_err(|(_, e)| match e {
            Errno::EWOULDBLOCK => io::Error::new(
                io::ErrorKind::ResourceBusy,
                "another program works in the folder: stop it first, or work with a copy of the folder",
            ),
            e => e.into(),
        })?;
        Ok(Self {
            path,
            _lock: Arc::new(lock),
        })
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

impl Disk for Folder {
    fn open(&self, name: &str) -> io::Result<Box<dyn StorageBackend>> {
        let path = self.path.join(name);
        let new = !path.try_exists()?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        if new {
            // The name itself must survive too.
            self.sync()?;
        }
        let backend = FileBackend::new(file).map_err(io::Error::other)?;
        Ok(Box::new(backend))
    }

    fn open_to_read(&self, name: &str) -> io::Result<Box<dyn StorageBackend>> {
        let file = File::open(self.path.join(name))?;
        Ok(Box::new(FileBackend::new(file).map_err(io::Error::other)?))
    }

    fn has(&self, name: &str) -> io::Result<bool> {
        self.path.join(name).try_exists()
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            if let (true, Ok(name)) = (meta.is_file(), entry.file_name().into_string()) {
                files.push((name, meta.blocks().saturating_mul(512)));
            }
        }
        files.sort();
        Ok(files)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))?;
        self.sync()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))?;
        self.sync()
    }

    fn room(&self) -> io::Result<Room> {
        let stat = nix::sys::statvfs::statvfs(&self.path)?;
        let unit = stat.fragment_size();
        Ok(Room {
            total: unit.saturating_mul(stat.blocks()),
            available: unit.saturating_mul(stat.blocks_available()),
        })
    }
}
