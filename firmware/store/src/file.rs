//! One redb file: opened when needed, closed after a failure, set aside when damaged.

mod renew;

use std::cell::{Cell, RefCell};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use model::Timestamp;
use redb::{
    BackendError, Builder, Database, ReadOnlyDatabase, ReadTransaction, ReadableDatabase, StorageBackend,
    WriteTransaction,
};

use crate::StoreError;
use crate::disk::Disk;

pub(crate) use renew::copy_table;

thread_local! {
    static IN_USE: RefCell<Option<String>> = const { RefCell::new(None) };
    /// Files that this thread holds open.
    static HELD: Cell<usize> = const { Cell::new(0) };
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
/// What is appended to the name of a file that is being made.
pub(crate) const UNFINISHED: &str = ".unfinished";

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
    inner: Mutex<Inner>,
    /// Told whenever a user leaves while a writer waits.
    left: Condvar,
    /// Whether it is written rarely: for reading it is then opened for reading alone, which neither writes nor syncs.
    is_settled: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    open: Option<Arc<Handle>>,
    /// Threads that use what is open.
    users: usize,
    /// Close it when the last of them leaves.
    close: bool,
    /// Threads that wait for them to leave.
    writers: usize,
    /// The file is no more: whoever still has this must not make it anew.
    is_gone: bool,
}

impl Inner {
    /// Whether a writer has to wait until it is closed.
    fn is_in_the_way(&self) -> bool {
        self.close || matches!(self.open.as_deref(), Some(Handle::Read(_)))
    }
}

enum Handle {
    Whole(Database),
    Read(ReadOnlyDatabase),
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Whole(_) => "Whole",
            Self::Read(_) => "Read",
        })
    }
}

impl Handle {
    fn begin_read(&self) -> Result<ReadTransaction, redb::TransactionError> {
        match self {
            Self::Whole(db) => db.begin_read(),
            Self::Read(db) => db.begin_read(),
        }
    }
}

/// What is open, for one thread; it stays open until all have left.
struct Held<'a> {
    file: &'a DbFile,
    handle: Option<Arc<Handle>>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // The last handle goes under the lock: what opens the file next must not find it still in use.
        self.handle = None;
        HELD.set(HELD.get().saturating_sub(1));
        let mut inner = self.file.lock();
        inner.users = inner.users.saturating_sub(1);
        if inner.users == 0 && inner.close {
            inner.open = None;
            inner.close = false;
        }
        self.file.left.notify_all();
    }
}

impl DbFile {
    pub(crate) fn new(disk: Arc<dyn Disk>, name: String, cache_bytes: usize) -> Self {
        Self {
            disk,
            name,
            cache_bytes,
            inner: Mutex::default(),
            left: Condvar::new(),
            is_settled: AtomicBool::new(false),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Says whether the file is written rarely from now on.
    pub(crate) fn settle(&self, is_settled: bool) {
        self.is_settled.store(is_settled, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // What is behind the lock is whole whenever it is released.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn to_read(&self) -> Result<Held<'_>, StoreError> {
        let mut inner = self.lock();
        // Writers come first; but a thread that already reads something would wait for itself.
        while inner.open.is_some() && inner.writers > 0 && inner.is_in_the_way() && HELD.get() == 0 {
            inner = self.left.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        if inner.open.is_none() {
            let read = match self.is_settled.load(Ordering::Relaxed) {
                true => self.open_to_read(&inner)?,
                false => None,
            };
            let open = match read {
                Some(db) => Handle::Read(db),
                None => match self.open(&inner) {
                    Ok(db) => Handle::Whole(db),
                    // A disk that cannot be written may still be read.
                    Err(problem @ StoreError::ReadOnly { .. }) => {
                        Handle::Read(self.open_to_read(&inner)?.ok_or(problem)?)
                    }
                    Err(problem) => return Err(problem),
                },
            };
            inner.open = Some(Arc::new(open));
            inner.close = false;
        }
        Ok(self.held(&mut inner))
    }

    fn to_write(&self) -> Result<Held<'_>, StoreError> {
        let mut inner = self.lock();
        while inner.open.is_some() && inner.is_in_the_way() {
            if inner.users == 0 {
                inner.open = None;
                inner.close = false;
            } else {
                inner.writers += 1;
                inner = self.left.wait(inner).unwrap_or_else(PoisonError::into_inner);
                inner.writers -= 1;
            }
        }
        if inner.open.is_none() {
            inner.open = Some(Arc::new(Handle::Whole(self.open(&inner)?)));
        }
        Ok(self.held(&mut inner))
    }

    fn held(&self, inner: &mut Inner) -> Held<'_> {
        inner.users += 1;
        HELD.set(HELD.get() + 1);
        Held {
            file: self,
            handle: inner.open.clone(),
        }
    }

    fn builder(&self) -> Builder {
        let mut builder = Builder::new();
        builder.set_cache_size(self.cache_bytes);
        builder
    }

    fn gone(&self) -> StoreError {
        StoreError::Gone {
            file: self.name.clone(),
        }
    }

    /// Opens the file for reading alone; `None` where it has to be repaired first.
    fn open_to_read(&self, inner: &Inner) -> Result<Option<ReadOnlyDatabase>, StoreError> {
        if inner.is_gone {
            return Err(self.gone());
        }
        let suspect = self.disk.has(&format!("{}{SUSPECT}", self.name));
        if suspect.map_err(|e| self.error(e.into()))? {
            return Ok(None);
        }
        let Ok(backend) = self.disk.open_to_read(&self.name) else {
            return Ok(None);
        };
        match self.builder().open_read_only_with_backend(Seam(backend)) {
            Ok(db) => Ok(Some(db)),
            Err(redb::DatabaseError::RepairAborted) => Ok(None),
            Err(e) => Err(self.error(e.into())),
        }
    }

    fn open(&self, inner: &Inner) -> Result<Database, StoreError> {
        if inner.is_gone {
            return Err(self.gone());
        }
        let has = |name: &str| self.disk.has(name).map_err(|e| self.error(e.into()));
        if !has(&self.name)? {
            return self.make();
        }
        let backend = self.disk.open(&self.name).map_err(|e| self.error(e.into()))?;
        let suspect = format!("{}{SUSPECT}", self.name);
        let is_suspect = has(&suspect)?;
        let mut builder = self.builder();
        builder.set_check_integrity_on_open(is_suspect);
        let db = builder
            .create_with_backend(Seam(backend))
            .map_err(|e| self.error(e.into()))?;
        if is_suspect {
            self.disk.remove(&suspect).map_err(|e| self.error(e.into()))?;
        }
        Ok(db)
    }

    /// Makes the file under another name first: half a file would be taken for a damaged one.
    fn make(&self) -> Result<Database, StoreError> {
        let unfinished = format!("{}{UNFINISHED}", self.name);
        // What a kill left; where there is none, none is removed.
        let _ = self.disk.remove(&unfinished);
        let make = || {
            let backend = self.disk.open(&unfinished)?;
            let db = self.builder().create_with_backend(Seam(backend))?;
            self.disk.rename(&unfinished, &self.name)?;
            Ok::<_, redb::Error>(db)
        };
        make().map_err(|e| {
            let _ = self.disk.remove(&unfinished);
            self.error(e)
        })
    }

    /// Closes the file once nobody uses it; it opens again when it is next needed.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        if inner.users == 0 {
            inner.open = None;
        } else {
            inner.close = true;
        }
    }

    /// Closes the file for ever: it is about to be removed or renamed.
    pub(crate) fn retire(&self) {
        self.close();
        self.lock().is_gone = true;
    }

    /// Runs a read.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let _in_use = InUse::of(&self.name);
        let held = self.to_read()?;
        let Some(handle) = &held.handle else {
            return Err(self.gone());
        };
        let run = || work(&handle.begin_read()?);
        run().map_err(|e| self.error(e))
    }

    /// Runs a write and commits it: when this returns, it is on disk. After an error nothing of it
    /// is there and the file is closed, since redb refuses a file after a failed write.
    ///
    /// Waits for reads of a settled file.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let _in_use = InUse::of(&self.name);
        let held = self.to_write()?;
        let Some(Handle::Whole(db)) = held.handle.as_deref() else {
            return Err(self.gone());
        };
        let run = || {
            let mut txn = db.begin_write()?;
            // Without it, a start after a kill would read the whole file.
            txn.set_quick_repair(true);
            let done = work(&txn)?;
            txn.commit()?;
            Ok(done)
        };
        let result = run();
        drop(held);
        result.map_err(|e| {
            self.close();
            self.error(e)
        })
    }

    /// Runs something that nobody else may be in the file for; waits until they have left.
    pub(crate) fn alone<T>(&self, work: impl FnOnce(&mut Database) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        let _in_use = InUse::of(&self.name);
        let mut inner = self.lock();
        while inner.users > 0 {
            inner.writers += 1;
            inner = self.left.wait(inner).unwrap_or_else(PoisonError::into_inner);
            inner.writers -= 1;
        }
        inner.open = None;
        let mut db = self.open(&inner)?;
        work(&mut db).map_err(|e| self.error(e))
    }

    fn error(&self, source: redb::Error) -> StoreError {
        let file = self.name.clone();
        match source {
            redb::Error::Corrupted(reason) => StoreError::Damaged { file, reason },
            redb::Error::DatabaseAlreadyOpen => StoreError::InUse { file },
            redb::Error::Io(e) if is_damage(&e) => StoreError::Damaged {
                file,
                reason: e.to_string(),
            },
            redb::Error::Io(e) if is_full(&e) => StoreError::Full { file },
            redb::Error::Io(e) if e.kind() == std::io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly { file },
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
