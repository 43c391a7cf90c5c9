//! Small values that outlive a restart, by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use redb::{ReadableTable, TableDefinition, WriteTransaction};

use crate::StoreError;
use crate::disk::Disk;
use crate::file::DbFile;
use crate::value::opened;

const VALUES: TableDefinition<&str, &[u8]> = TableDefinition::new("values");
const CACHE_BYTES: usize = 256 << 10;

/// The file of small values.
#[derive(Debug)]
pub(crate) struct State {
    file: DbFile,
}

impl State {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self {
            file: DbFile::new(disk, "state.redb".to_owned(), CACHE_BYTES),
        }
    }

    pub(crate) fn file(&self) -> &DbFile {
        &self.file
    }

    pub(crate) fn put(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.file.write(|txn| self.put_in(txn, name, value))
    }

    /// The same as a part of a larger write.
    pub(crate) fn put_in(&self, txn: &WriteTransaction, name: &str, value: &[u8]) -> Result<(), redb::Error> {
        txn.open_table(VALUES)?.insert(name, value)?;
        Ok(())
    }

    pub(crate) fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.file.read(|txn| {
            let Some(table) = opened(txn.open_table(VALUES))? else {
                return Ok(None);
            };
            Ok(table.get(name)?.map(|value| value.value().to_vec()))
        })
    }

    pub(crate) fn all(&self) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
        self.file.read(|txn| {
            let Some(table) = opened(txn.open_table(VALUES))? else {
                return Ok(BTreeMap::new());
            };
            let mut values = BTreeMap::new();
            for entry in table.iter()? {
                let (name, value) = entry?;
                values.insert(name.value().to_owned(), value.value().to_vec());
            }
            Ok(values)
        })
    }
}
