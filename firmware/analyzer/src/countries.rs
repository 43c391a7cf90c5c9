//! The database of countries: a file that came in parts, kept in a short form of our own.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use api::analyzer::{Countries, ImportCountries};
use api::{Failure, FailureKind};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use query::{CountryOf, CountryTable};
use store::Store;

/// The name of the file, and of one that is coming.
const FILE: &str = "countries.bin";
const PART: &str = "countries.part";
/// What is said of it, among the store's small values.
const STATE: &str = "countries";
/// Octets of a part, and of the file, at most.
const PART_MAX: usize = 8 << 20;
const FILE_MAX: u64 = 64 << 20;

/// The database in use.
#[derive(Debug)]
pub(crate) struct CountryFile {
    folder: PathBuf,
    held: RwLock<(Countries, Option<Arc<CountryTable>>)>,
    /// One part is written at a time.
    importing: Mutex<()>,
}

impl CountryFile {
    /// Reads what was imported. A file that cannot be read is none.
    pub(crate) fn open(folder: &Path, store: &Store) -> Self {
        let read = || -> anyhow::Result<Option<(Countries, Arc<CountryTable>)>> {
            let octets = match fs::read(folder.join(FILE)) {
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                octets => octets?,
            };
            let table = CountryTable::parse(&octets)?;
            let state = store.state()?;
            let said: Option<Countries> = state.get(STATE).and_then(|json| serde_json::from_slice(json).ok());
            let said = Countries {
                ranges: table.ranges(),
                ..said.unwrap_or_default()
            };
            Ok(Some((said, Arc::new(table))))
        };
        let held = match read() {
            Ok(held) => held.map_or_else(Default::default, |(said, table)| (said, Some(table))),
            Err(e) => {
                log::error!(EVENT = "unreadable"; "the database of countries cannot be read, import it again: {e:#}");
                Default::default()
            }
        };
        Self {
            folder: folder.to_owned(),
            held: RwLock::new(held),
            importing: Mutex::default(),
        }
    }

    /// The table, where there is one.
    pub(crate) fn table(&self) -> Option<Arc<dyn CountryOf>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.1.clone().map(|table| table as Arc<dyn CountryOf>)
    }

    /// What is said of it; `None` where there is none.
    pub(crate) fn said(&self) -> Option<Countries> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.1.is_some().then(|| held.0.clone())
    }

    /// Takes a part; with the last one the database is in use.
    pub(crate) fn import(&self, store: &Store, import: &ImportCountries, now: Timestamp) -> Result<Countries, Failure> {
        let _alone = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        let bad = |message: String| Failure::new(FailureKind::BadRequest, message);
        let failed = |e: std::io::Error| {
            let message = format!("the database of countries cannot be kept: {e}; is there room on the data disk?");
            Failure::new(FailureKind::Unavailable, message)
        };
        let part = STANDARD
            .decode(&import.part)
            .map_err(|e| bad(format!("the part is not base64: {e}")))?;
        let end = import.offset.saturating_add(part.len() as u64);
        if part.len() > PART_MAX || end > FILE_MAX {
            return Err(bad(format!(
                "a part has at most {} MiB, and the file {}",
                PART_MAX >> 20,
                FILE_MAX >> 20
            )));
        }
        let (coming, kept) = (self.folder.join(PART), self.folder.join(FILE));
        let mut file = match import.offset {
            0 => File::create(&coming),
            _ => OpenOptions::new().append(true).open(&coming),
        }
        .map_err(failed)?;
        if file.metadata().map_err(failed)?.len() != import.offset {
            let message = "parts are missing, or someone else imports a file: begin anew";
            return Err(Failure::new(FailureKind::Conflict, message));
        }
        file.write_all(&part).and_then(|()| file.sync_all()).map_err(failed)?;
        if !import.last {
            return Ok(self.said().unwrap_or_default());
        }
        let (said, table) = if end == 0 {
            remove(&kept).map_err(failed)?;
            (Countries::default(), None)
        } else {
            let octets = fs::read(&coming).map_err(failed)?;
            let table = CountryTable::parse(&octets).map_err(|e| {
                // Whether it can be removed does not matter: the next import begins anew.
                let _ = remove(&coming);
                bad(e.to_string())
            })?;
            let said = Countries {
                name: import.name.chars().take(200).collect(),
                imported: Some(now),
                ranges: table.ranges(),
            };
            let write = || {
                let mut file = File::create(&coming)?;
                file.write_all(&table.to_bytes())?;
                file.sync_all()?;
                fs::rename(&coming, &kept)
            };
            write().map_err(failed)?;
            (said, Some(Arc::new(table)))
        };
        let _ = remove(&coming);
        let named = serde_json::to_vec(&said).unwrap_or_default();
        if let Err(e) = store.put_state(STATE, &named) {
            log::warn!(EVENT = "not_kept"; "the name of the database of countries is not kept over a restart: {e}");
        }
        let folder = File::open(&self.folder).and_then(|folder| folder.sync_all());
        folder.map_err(failed)?;
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = (said.clone(), table);
        Ok(said)
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
