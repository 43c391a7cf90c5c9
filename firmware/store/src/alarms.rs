//! The alarm list's rows, in the file of small values.

use std::ops::Bound;

use model::Alarm;
use redb::TableDefinition;

use crate::StoreError;
use crate::state::State;
use crate::value::{self, opened};

/// Number → checksum, version and the alarm.
const ALARMS: TableDefinition<u64, &[u8]> = TableDefinition::new("alarms");
/// The version of the rows. New fields come at the end, and earlier releases ignore what follows those that they know:
/// a row that they cannot read would cost them the file.
const VERSION: u8 = 1;

/// A row's alarm.
fn alarm(row: &[u8]) -> Result<Alarm, redb::Error> {
    // rows of earlier releases end before the component's name: two empty texts are two lengths of 0
    value::decode(VERSION, &[row, &[0, 0]].concat())
}

impl State {
    /// Gives alarms to `each`, the last number first, from the one below `before` on, until it says no.
    pub(crate) fn alarms(&self, before: Option<u64>, mut each: impl FnMut(Alarm) -> bool) -> Result<(), StoreError> {
        self.file().read(|txn| {
            let Some(table) = opened(txn.open_table(ALARMS))? else {
                return Ok(());
            };
            let below = before.map_or(Bound::Unbounded, Bound::Excluded);
            for entry in table.range::<u64>((Bound::Unbounded, below))?.rev() {
                if !each(alarm(value::unseal(entry?.1.value())?)?) {
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

#[cfg(test)]
mod tests {
    use model::{AlarmSeverity, AlarmSource, AlarmText, AlarmWords, Timestamp};

    use super::*;

    #[test]
    fn rows_of_the_version_before_are_read_without_a_name() {
        let mut kept = Alarm {
            id: 7,
            source: AlarmSource::Hardware,
            name: "bay-2.pending".to_owned(),
            component: "bay 2".to_owned(),
            serial: Some("S1".to_owned()),
            code: "pending".to_owned(),
            severity: AlarmSeverity::Warning,
            text: AlarmText::default(),
            zh: AlarmWords::default(),
            en: AlarmWords::default(),
            raised: Timestamp::from_secs(1),
            recurrences: 0,
            acknowledged: None,
            cleared: None,
            part: AlarmText {
                zh: "槽位 2".to_owned(),
                en: "bay 2".to_owned(),
            },
        };
        let row = value::encode(VERSION, &kept).unwrap();
        assert_eq!(alarm(&row).unwrap(), kept);
        // the name's octets are the row's end, and those who know no name leave them
        let (name, mut before) = (postcard::to_allocvec(&kept.part).unwrap(), row);
        assert!(before.ends_with(&name));
        before.truncate(before.len() - name.len());
        kept.part = AlarmText::default();
        assert_eq!(alarm(&before).unwrap(), kept);
        assert!(alarm(&before[..before.len() - 1]).is_err() && alarm(&[]).is_err());
    }
}
