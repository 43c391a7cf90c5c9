//! The alarm list's rows, in the file of small values.

use std::ops::Bound;

use model::Alarm;
use redb::TableDefinition;

use crate::StoreError;
use crate::state::State;
use crate::value::{self, opened};

/// Number → checksum, version and the alarm.
const ALARMS: TableDefinition<u64, &[u8]> = TableDefinition::new("alarms");
/// The version of the rows.
const VERSION: u8 = 1;

impl State {
    /// Gives alarms to `each`, the last number first, from the one below `before` on, until it says no.
    pub(crate) fn alarms(&self, before: Option<u64>, mut each: impl FnMut(Alarm) -> bool) -> Result<(), StoreError> {
        self.file().read(|txn| {
            let Some(table) = opened(txn.open_table(ALARMS))? else {
                return Ok(());
            };
            let below = before.map_or(Bound::Unbounded, Bound::Excluded);
            for entry in table.range::<u64>((Bound::Unbounded, below))?.rev() {
                let alarm = value::decode(VERSION, value::unseal(entry?.1.value())?)?;
                if !each(alarm) {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Writes and removes alarms, and keeps a small value under a name, in one go.
    pub(crate) fn put_alarms(
        &self,
        changed: &[Alarm],
        removed: &[u64],
        (name, state): (&str, &[u8]),
    ) -> Result<(), StoreError> {
        self.file().write(|txn| {
            let mut table = txn.open_table(ALARMS)?;
            for id in removed {
                table.remove(id)?;
            }
            for alarm in changed {
                let row = value::seal(&value::encode(VERSION, alarm)?);
                table.insert(alarm.id, row.as_slice())?;
            }
            drop(table);
            self.put_in(txn, name, state)
        })
    }
}
