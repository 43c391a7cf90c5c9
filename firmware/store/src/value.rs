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

/// Octets behind their CRC-32: redb verifies a page's checksum only when a file is repaired.
pub(crate) fn seal(octets: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(4 + octets.len());
    sealed.extend_from_slice(&crc32fast::hash(octets).to_le_bytes());
    sealed.extend_from_slice(octets);
    sealed
}

/// What was sealed.
pub(crate) fn unseal(sealed: &[u8]) -> Result<&[u8], redb::Error> {
    match sealed.split_first_chunk::<4>() {
        Some((sum, octets)) if u32::from_le_bytes(*sum) == crc32fast::hash(octets) => Ok(octets),
        _ => Err(redb::Error::Corrupted("a row's checksum is wrong".to_owned())),
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
