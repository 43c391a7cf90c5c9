//! A file written anew, without what is free in it: redb's compaction left a file as long as it was whose rows had been taken
//! out and put together into larger ones.

use redb::{Key, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, Value, WriteTransaction};

use super::{DbFile, Seam, UNFINISHED};
use crate::StoreError;
use crate::value::opened;

impl DbFile {
    /// Makes a new file of what `copy` takes over, which takes this one's place if it is smaller by `least` octets or
    /// more; answers whether it is. Until then the file is as it was, whatever happens; it needs room for both.
    ///
    /// Nobody else may be in the file; waits until they have left.
    pub(crate) fn renew(
        &self,
        least: u64,
        copy: impl FnOnce(&ReadTransaction, &WriteTransaction) -> Result<bool, redb::Error>,
    ) -> Result<bool, StoreError> {
        let unfinished = format!("{}{UNFINISHED}", self.name);
        let renewed = self.alone(|db| {
            // What a kill left; where there is none, none is removed.
            let _ = self.disk.remove(&unfinished);
            let backend = self.disk.open(&unfinished)?;
            let mut new = self.builder().create_with_backend(Seam(backend))?;
            let mut txn = new.begin_write()?;
            txn.set_quick_repair(true);
            if !copy(&db.begin_read()?, &txn)? {
                return Ok(false);
            }
            txn.commit()?;
            // What was free at times while it was made.
            new.compact()?;
            drop(new);
            let files = self.disk.list()?;
            let octets = |wanted: &str| files.iter().find(|(name, _)| name == wanted).map(|(_, octets)| *octets);
            let gains = octets(&unfinished)
                .zip(octets(&self.name))
                .is_some_and(|(after, before)| after.saturating_add(least) <= before);
            if gains {
                self.disk.rename(&unfinished, &self.name)?;
            }
            Ok(gains)
        });
        if !matches!(renewed, Ok(true)) {
            let _ = self.disk.remove(&unfinished);
        }
        renewed
    }
}

/// Takes a table over, if it is there.
pub(crate) fn copy_table<K: Key + 'static, V: Value + 'static>(
    table: TableDefinition<'_, K, V>,
    from: &ReadTransaction,
    to: &WriteTransaction,
) -> Result<(), redb::Error> {
    let Some(from) = opened(from.open_table(table))? else {
        return Ok(());
    };
    let mut to = to.open_table(table)?;
    for row in from.iter()? {
        let (key, value) = row?;
        to.insert(key.value(), value.value())?;
    }
    Ok(())
}
