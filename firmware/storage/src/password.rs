//! An administrator's password that was set in the recovery system, kept with the box's identity until the running
//! system has taken it over.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::reset::{Identity, replace, sync};

const FILE: &str = "password-recovery.json";

/// A password that was set in the recovery system.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// When, in seconds since 1970 by the box's clock.
    pub at_s: u64,
    /// argon2id in PHC string format.
    pub hash: String,
}

impl std::fmt::Debug for Recovery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recovery")
            .field("at_s", &self.at_s)
            .finish_non_exhaustive()
    }
}

/// Keeps a new password for the next start.
///
/// # Errors
/// The identity partition cannot be written.
pub fn note(identity: &Identity, recovery: &Recovery) -> Result<()> {
    identity.open(|folder| replace(folder, FILE, recovery, 0o600))
}

/// The password that waits, if any.
///
/// # Errors
/// There is one, and it cannot be read.
pub fn read(folder: &Path) -> Result<Option<Recovery>> {
    let file = folder.join(FILE);
    let text = match std::fs::read_to_string(&file) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read {}", file.display()))?,
    };
    let read = serde_json::from_str(&text).with_context(|| format!("{} holds no password", file.display()))?;
    Ok(Some(read))
}

/// Forgets it; one that is not there is no error.
///
/// # Errors
/// The identity partition cannot be written.
pub fn forget(identity: &Identity) -> Result<()> {
    identity.open(|folder| match std::fs::remove_file(folder.join(FILE)) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e.into()),
        _ => sync(folder),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_password_waits_until_it_is_forgotten() {
        let dir = tempfile::tempdir().expect("a folder");
        let identity = Identity::writable(dir.path());
        assert_eq!(read(dir.path()).expect("nothing"), None);
        let recovery = Recovery {
            at_s: 7,
            hash: "$argon2id$x".to_owned(),
        };
        note(&identity, &recovery).expect("kept");
        let mode = std::fs::metadata(dir.path().join(FILE))
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!format!("{recovery:?}").contains("argon2id"));
        assert_eq!(read(dir.path()).expect("kept"), Some(recovery));
        forget(&identity).expect("forgotten");
        forget(&identity).expect("forgotten already");
        assert_eq!(read(dir.path()).expect("nothing"), None);
        std::fs::write(dir.path().join(FILE), "x").expect("a file");
        assert!(read(dir.path()).is_err());
    }
}
