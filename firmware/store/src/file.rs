//! One redb file: opened when needed, closed after a failure, set aside when damaged.

use std::cell::RefCell;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::Timestamp;
use redb::{BackendError, Builder, Database, ReadTransaction, ReadableDatabase, StorageBackend, WriteTransaction};

use crate::StoreError;
use crate::disk::Disk;

thread_local! {
    static IN_USE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The file that this thread is working in. A damaged file can make redb panic: a program's panic
/// hook makes an empty file of this name and `.suspect` beside it, and the next start checks every
/// page of it before it is trusted.
#[must_use]
pub fn file_in_use() -> Option<String> {
    IN_USE.with_borrow(Clone::clone)
}

/// What is appended to the name of a file that is to be checked.
pub(crate) const SUSPECT: &str = ".suspect";

/// Says which file is in use until it is dropped.
struct InUse;

impl InUse {
    fn of(name: &str) -> Self {
        IN_USE.set(Some(name.to_owned()));
        Self
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        // While a panic unwinds, the name stays.
        if !std::thread::panicking() {
            IN_USE.set(None);
        }
    }
}

/// A redb file that may be open.
#[derive(Debug)]
pub(crate) struct DbFile {
    disk: Arc<dyn Disk>,
    name: String,
    cache_bytes: usize,
    open: Mutex<Option<Arc<Database>>>,
}

impl DbFile {
    pub(crate) fn new(disk: Arc<dyn Disk>, name: String, cache_bytes: usize) -> Self {
        Self {
            disk,
            name,
            cache_bytes,
            open: Mutex::new(None),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Database>>> {
        // What is behind the lock is whole whenever it is released.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn database(&self) -> Result<Arc<Database>, StoreError> {
        let mut open = self.lock();
        if let Some(db) = &*open {
            return Ok(db.clone());
        }
        let files = self.disk.list().map_err(|e| self.error(e.into()))?;
        let is_new = !files.iter().any(|(name, _)| *name == self.name);
        let backend = self.disk.open(&self.name).map_err(|e| self.error(e.into()))?;
        let mut builder = Builder::new();
        builder.set_cache_size(self.cache_bytes);
        let suspect = format!("{}{SUSPECT}", self.name);
        let is_suspect = files.iter().any(|(name, _)| *name == suspect);
        builder.set_check_integrity_on_open(is_suspect);
        let db = builder.create_with_backend(Seam(backend)).map_err(|e| {
            if is_new {
                // Half a file is none, and would be taken for a damaged one.
                let _ = self.disk.remove(&self.name);
            }
            self.error(e.into())
        })?;
        if is_suspect {
            self.disk.remove(&suspect).map_err(|e| self.error(e.into()))?;
        }
        let db = Arc::new(db);
        *open = Some(db.clone());
        Ok(db)
    }

    /// Closes the file; it opens again when it is next needed.
    pub(crate) fn close(&self) {
        *self.lock() = None;
    }

    /// Runs a read.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let _in_use = InUse::of(&self.name);
        let db = self.database()?;
        let run = || work(&db.begin_read()?);
        run().map_err(|e| self.error(e))
    }

    /// Runs a write and commits it: when this returns, it is on disk. After an error nothing of it
    /// is there and the file is closed, since redb refuses a file after a failed write.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let _in_use = InUse::of(&self.name);
        let db = self.database()?;
        let run = || {
            let mut txn = db.begin_write()?;
            // Without it, a start after a kill would read the whole file.
            txn.set_quick_repair(true);
            let done = work(&txn)?;
            txn.commit()?;
            Ok(done)
        };
        let result = run();
        drop(db);
        result.map_err(|e| {
            self.close();
            self.error(e)
        })
    }

    fn error(&self, source: redb::Error) -> StoreError {
        let file = self.name.clone();
        match source {
            redb::Error::Corrupted(reason) => StoreError::Damaged { file, reason },
            redb::Error::Io(e) if is_damage(&e) => StoreError::Damaged {
                file,
                reason: e.to_string(),
            },
            redb::Error::Io(e) if is_full(&e) => StoreError::Full { file },
            source => StoreError::Failed {
                file,
                source: Box::new(source),
            },
        }
    }

    /// Renames the damaged file so that a new one can take its place; answers the name it has now.
    pub(crate) fn set_aside(&self, now: Timestamp) -> Result<String, StoreError> {
        self.close();
        // The one that takes its place is a new file; where there is no mark, none is removed.
        let _ = self.disk.remove(&format!("{}{SUSPECT}", self.name));
        let aside = format!("{}.damaged-{}", self.name, now.as_secs());
        self.disk.rename(&self.name, &aside).map_err(|e| self.error(e.into()))?;
        Ok(aside)
    }
}

/// What redb and the file system answer when a file is not what redb wrote.
fn is_damage(e: &std::io::Error) -> bool {
    matches!(
        e.kind(),
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
    )
}

fn is_full(e: &std::io::Error) -> bool {
    matches!(
        e.kind(),
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
    )
}

/// Hands redb a backend whose type is known only at run time.
#[derive(Debug)]
struct Seam(Box<dyn StorageBackend>);

impl StorageBackend for Seam {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.0.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        self.0.read(offset, out)
    }
    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.0.set_len(len)
    }
    fn sync_data(&self) -> Result<(), std::io::Error> {
        self.0.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        self.0.write(offset, data)
    }
    fn close(&self) -> Result<(), std::io::Error> {
        self.0.close()
    }
    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }
    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }
    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_range(start, end)
    }
    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }
    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }
    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}
