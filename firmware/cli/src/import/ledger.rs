//! Which files were imported into a store, and how.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context, bail};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::Store;

/// Batches of imports are numbered below the time at which a collector can have started (2006), so that neither takes
/// the other's numbers, and the store forgets those of imports first: its blocks' own keys know them all the same.
const EPOCH_BITS: u32 = 60;

/// What a file holds, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint {
    octets: [u8; 32],
}

impl Fingerprint {
    /// Of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn of(path: &Path) -> anyhow::Result<Self> {
        let mut file = File::open(path).context("it cannot be opened")?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let length = file.read(&mut buffer).context("it cannot be read")?;
            if length == 0 {
                break;
            }
            hash.update(buffer.get(..length).unwrap_or_default());
        }
        Ok(Self {
            octets: hash.finalize().into(),
        })
    }

    /// What the file's batches are numbered under.
    pub(super) fn epoch(&self) -> u64 {
        let first = self.octets.first_chunk::<8>().copied().unwrap_or_default();
        u64::from_be_bytes(first) >> (u64::BITS - EPOCH_BITS)
    }

    fn name(&self) -> String {
        let hex: String = self.octets.iter().map(|octet| format!("{octet:02x}")).collect();
        format!("import/{hex}")
    }
}

/// A file that was imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// What it was called.
    pub(super) name: String,
    /// When it was imported, or begun to be.
    pub(super) at: Timestamp,
    /// The release that did it.
    pub(super) version: String,
    /// What the records depend on besides the file.
    pub(super) options: String,
    /// Records in it; `None`: it was begun and not finished.
    pub(super) records: Option<u64>,
    /// Records in it that could not be read.
    #[serde(default)]
    pub(super) left_out: u64,
    /// How it is damaged.
    #[serde(default)]
    pub(super) damage: Option<String>,
}

/// What is known of a file.
pub(super) enum Known {
    /// It is new, or was begun in the same way.
    No,
    /// All of it is in the store.
    Done(Entry),
}

/// Whether a file is in the store.
///
/// # Errors
/// When it was begun in another way, so that going on would store some records twice and others never.
pub(super) fn look_up(store: &Store, of: &Fingerprint, options: &str) -> anyhow::Result<Known> {
    let values = store.state()?;
    let entry = values.get(&of.name()).map(|json| serde_json::from_slice::<Entry>(json));
    let Some(Ok(entry)) = entry else {
        return Ok(Known::No);
    };
    if entry.records.is_some() {
        return Ok(Known::Done(entry));
    }
    let version = env!("CARGO_PKG_VERSION");
    if entry.options != options || entry.version != version {
        bail!(
            "its import was begun at {} by release {} with {}, and broke off: finish it in the same way first (this is \
             release {version} with {options})",
            entry.at,
            entry.version,
            entry.options
        );
    }
    Ok(Known::No)
}

/// Notes a file.
///
/// # Errors
/// When that cannot be written.
pub(super) fn note(store: &Store, of: &Fingerprint, entry: &Entry) -> anyhow::Result<()> {
    store.put_state(&of.name(), &serde_json::to_vec(entry)?)?;
    Ok(())
}
