//! A disk in memory that fills up, and that forgets what was not synced.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use redb::StorageBackend;
use store::{Disk, Room};

/// A disk in memory with what was synced apart from what was only written.
#[derive(Debug, Default)]
pub(crate) struct Medium {
    pub(crate) files: Mutex<BTreeMap<String, Arc<Bytes>>>,
    /// Octets that may still be written before the disk is full.
    left: Arc<AtomicI64>,
    /// Changes that still happen before the power goes.
    changes: Arc<AtomicI64>,
    /// Whether it can only be read.
    pub(crate) read_only: AtomicBool,
    pub(crate) room: Mutex<Option<Room>>,
}

#[derive(Debug, Default)]
pub(crate) struct Bytes {
    pub(crate) written: Mutex<Vec<u8>>,
    synced: Mutex<Vec<u8>>,
    /// What each sync since the last look made durable would be, were it the last.
    syncs: AtomicU64,
}

#[derive(Debug)]
struct Backend {
    bytes: Arc<Bytes>,
    left: Arc<AtomicI64>,
    changes: Arc<AtomicI64>,
}

/// Whether the power is still there.
fn change(changes: &AtomicI64) -> io::Result<()> {
    match changes.fetch_sub(1, Ordering::Relaxed) {
        1.. => Ok(()),
        _ => Err(io::Error::other("the power is gone")),
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.bytes.written.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let written = self.bytes.written.lock().unwrap();
        let offset = usize::try_from(offset).unwrap();
        let found = written.get(offset..offset + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        change(&self.changes)?;
        self.bytes
            .written
            .lock()
            .unwrap()
            .resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        change(&self.changes)?;
        let written = self.bytes.written.lock().unwrap().clone();
        *self.bytes.synced.lock().unwrap() = written;
        self.bytes.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        change(&self.changes)?;
        let length = i64::try_from(data.len()).unwrap();
        if self.left.fetch_sub(length, Ordering::Relaxed) < length {
            return Err(io::Error::from_raw_os_error(28));
        }
        let mut written = self.bytes.written.lock().unwrap();
        let offset = usize::try_from(offset).unwrap();
        written[offset..offset + data.len()].copy_from_slice(data);
        Ok(())
    }
}

impl Medium {
    pub(crate) fn new() -> Arc<Self> {
        let medium = Self::default();
        medium.left.store(i64::MAX / 2, Ordering::Relaxed);
        medium.changes.store(i64::MAX / 2, Ordering::Relaxed);
        Arc::new(medium)
    }

    /// The power goes after so many writes, syncs, and changes of the folder.
    #[allow(dead_code, reason = "not every test does that")]
    pub(crate) fn lose_power_after(&self, changes: i64) {
        self.changes.store(changes, Ordering::Relaxed);
    }

    /// How many changes there were since that was set to `before`.
    #[allow(dead_code, reason = "not every test does that")]
    pub(crate) fn changes_since(&self, before: i64) -> i64 {
        before - self.changes.load(Ordering::Relaxed)
    }

    /// Loss of power: of what was not synced some sectors are there, by `seed`.
    #[allow(dead_code, reason = "not every test does that")]
    pub(crate) fn lose_power_halfway(&self, seed: u64) -> Arc<Self> {
        let after = self.lose_power();
        let mut state = seed | 1;
        let mut coin = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state & 1 == 1
        };
        for (name, bytes) in &*self.files.lock().unwrap() {
            let written = bytes.written.lock().unwrap();
            let file = after.files.lock().unwrap()[name].clone();
            let mut there = file.written.lock().unwrap();
            if coin() {
                there.resize(written.len(), 0);
            }
            for (old, new) in there.chunks_mut(512).zip(written.chunks(512)) {
                if old.len() == new.len() && old != new && coin() {
                    old.copy_from_slice(new);
                }
            }
            *file.synced.lock().unwrap() = there.clone();
        }
        after
    }

    /// Loss of power: what was not synced is gone.
    pub(crate) fn lose_power(&self) -> Arc<Self> {
        let after = Self::default();
        after.left.store(i64::MAX / 2, Ordering::Relaxed);
        after.changes.store(i64::MAX / 2, Ordering::Relaxed);
        for (name, bytes) in &*self.files.lock().unwrap() {
            let synced = bytes.synced.lock().unwrap().clone();
            let bytes = Bytes {
                written: Mutex::new(synced.clone()),
                synced: Mutex::new(synced),
                syncs: AtomicU64::new(0),
            };
            after.files.lock().unwrap().insert(name.clone(), Arc::new(bytes));
        }
        Arc::new(after)
    }

    #[allow(dead_code, reason = "not every test fills it up")]
    pub(crate) fn fill_up_after(&self, octets: i64) {
        self.left.store(octets, Ordering::Relaxed);
    }
}

impl Disk for Medium {
    fn open(&self, name: &str) -> io::Result<Box<dyn StorageBackend>> {
        if self.read_only.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        if !self.files.lock().unwrap().contains_key(name) {
            change(&self.changes)?;
        }
        let bytes = self.files.lock().unwrap().entry(name.to_owned()).or_default().clone();
        Ok(Box::new(Backend {
            bytes,
            left: self.left.clone(),
            changes: self.changes.clone(),
        }))
    }

    fn open_to_read(&self, name: &str) -> io::Result<Box<dyn StorageBackend>> {
        let bytes = self
            .files
            .lock()
            .unwrap()
            .get(name)
            .ok_or(io::ErrorKind::NotFound)?
            .clone();
        Ok(Box::new(Backend {
            bytes,
            left: self.left.clone(),
            changes: self.changes.clone(),
        }))
    }

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let files = self.files.lock().unwrap();
        Ok(files
            .iter()
            .map(|(n, b)| (n.clone(), b.written.lock().unwrap().len() as u64))
            .collect())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        change(&self.changes)?;
        let removed = self.files.lock().unwrap().remove(name);
        removed.map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        change(&self.changes)?;
        let mut files = self.files.lock().unwrap();
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn room(&self) -> io::Result<Room> {
        Ok(self.room.lock().unwrap().unwrap_or(Room {
            total: 1 << 40,
            available: 1 << 39,
        }))
    }
}
