//! Our own SNMPv3 engine: its identity and how often it started (RFC 3414, section 2.2).
//!
//! Informs are addressed to it, and DES salts are made of its boots, so both must outlive a restart.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use async_snmp::{AuthoritativeEngine, DesSaltState, PersistedAuthoritativeEngine, PersistedDesSaltState};
use serde::{Deserialize, Serialize};

use crate::Error;

/// The engine, with its record in a file: `{"engine_id":"8000…","boots":7}`.
#[derive(Clone)]
pub struct Engine {
    authoritative: AuthoritativeEngine,
    salts: DesSaltState,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    engine_id: String,
    boots: u32,
}

impl Engine {
    /// Reads the record, counts this start and writes it back before anything is sent; makes a new engine where there is
    /// no record. A record that cannot be understood is replaced by a new engine, since ours is known to nobody by heart.
    ///
    /// # Errors
    /// Where the file cannot be read or written.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |what, source: Box<dyn std::error::Error + Send + Sync>| Error::Engine {
            what,
            path: path.to_owned(),
            source,
        };
        let record = match fs::read(path) {
            Ok(bytes) => serde_json::from_slice::<Record>(&bytes).ok(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed("read", error.into())),
        };
        let previous =
            record.and_then(|record| PersistedAuthoritativeEngine::new(unhex(&record.engine_id)?, record.boots).ok());
        let at = path.to_owned();
        let keep = move |engine: &PersistedAuthoritativeEngine| write(&at, engine);
        let authoritative = match previous {
            Some(previous) => AuthoritativeEngine::restart(previous, keep),
            None => {
                let id = async_snmp::generate_engine_id().map_err(|e| failed("make", e))?;
                AuthoritativeEngine::install(id, keep)
            }
        }
        .map_err(|e| failed("write", e))?;
        let salts = salts(authoritative.engine_boots()).map_err(|e| failed("use", e))?;
        Ok(Self { authoritative, salts })
    }

    /// The engine's identity (snmpEngineID).
    #[must_use]
    pub fn id(&self) -> &[u8] {
        self.authoritative.engine_id()
    }

    /// How often the engine started (snmpEngineBoots).
    #[must_use]
    pub fn boots(&self) -> u32 {
        self.authoritative.engine_boots()
    }

    pub(crate) fn authoritative(&self) -> AuthoritativeEngine {
        self.authoritative.clone()
    }

    pub(crate) fn salts(&self) -> DesSaltState {
        self.salts.clone()
    }
}

/// Salts for this start. The engine's record is what outlives it, so there is no second one to write.
fn salts(boots: u32) -> Result<DesSaltState, Box<dyn std::error::Error + Send + Sync>> {
    let kept = |_: &PersistedDesSaltState| Ok::<(), std::convert::Infallible>(());
    Ok(match boots.checked_sub(1).filter(|&b| b > 0) {
        None => DesSaltState::install(kept)?,
        Some(previous) => DesSaltState::restart(PersistedDesSaltState::new(previous)?, kept)?,
    })
}

fn write(path: &PathBuf, engine: &PersistedAuthoritativeEngine) -> std::io::Result<()> {
    let record = Record {
        engine_id: hex(engine.engine_id()),
        boots: engine.engine_boots(),
    };
    let aside = path.with_extension("new");
    let mut file = fs::File::create(&aside)?;
    file.write_all(&serde_json::to_vec(&record)?)?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => fs::File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_start_is_counted_and_the_identity_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.json");
        let first = Engine::open(&path).unwrap();
        assert_eq!(first.boots(), 1);
        assert_eq!(first.salts().engine_boots(), 1);
        for boots in 2..5 {
            let again = Engine::open(&path).unwrap();
            assert_eq!(
                (again.id(), again.boots(), again.salts().engine_boots()),
                (first.id(), boots, boots)
            );
        }
    }

    #[test]
    fn a_damaged_record_makes_a_new_engine_and_an_unwritable_one_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.json");
        for text in [
            "",
            "{",
            r#"{"engine_id":"8","boots":1}"#,
            r#"{"engine_id":"8000","boots":0}"#,
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(Engine::open(&path).unwrap().boots(), 1, "{text}");
        }
        let missing = folder.path().join("no such folder/engine.json");
        assert!(
            Engine::open(&missing)
                .err()
                .unwrap()
                .to_string()
                .contains("no such folder")
        );
    }
}
