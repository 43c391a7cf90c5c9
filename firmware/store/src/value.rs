//! Values in the files: a version octet, then postcard.

use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) fn encode<T: Serialize>(version: u8, value: &T) -> Result<Vec<u8>, redb::Error> {
    let out = postcard::to_extend(value, vec![version]);
    out.map_err(|e| redb::Error::Corrupted(format!("a value cannot be written: {e}")))
}

pub(crate) fn decode<T: DeserializeOwned>(version: u8, octets: &[u8]) -> Result<T, redb::Error> {
    match octets.split_first() {
        Some((&found, rest)) if found == version => {
            postcard::from_bytes(rest).map_err(|e| redb::Error::Corrupted(format!("a value is not readable: {e}")))
        }
        found => {
            let found = found.map(|(v, _)| *v);
            Err(redb::Error::Corrupted(format!(
                "a value is of version {found:?}, not {version}"
            )))
        }
    }
}

/// A table; `None` where nothing was ever written to it.
pub(crate) fn opened<T>(table: Result<T, redb::TableError>) -> Result<Option<T>, redb::Error> {
    match table {
        Ok(table) => Ok(Some(table)),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(e) => Err(e.into()),
    }
}
