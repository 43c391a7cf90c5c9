//! Looking at every octet, and making files small: for the command line, while nobody else works in the folder.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use model::{Block, Timestamp};
use redb::{ReadableTableMetadata, TableHandle};
use settings::KeptClass;

use crate::day::Day;
use crate::file::DbFile;
use crate::hours::{ClosedHour, filed};
use crate::{BlockId, BlockMeta, Store, StoreError};

/// Below this share of a file in use, in percent, it is made smaller.
const COMPACT_BELOW: u64 = 90;
const PAGE: u64 = 4_096;

/// What a look at every octet of a file found.
#[derive(Debug)]
pub struct FileCheck {
    /// The file.
    pub file: String,
    /// What is in it; `None`: what all classes need.
    pub class: Option<KeptClass>,
    /// Octets on disk.
    pub octets: u64,
    /// Blocks of records or of log records that were read.
    pub blocks: u64,
    /// Records in them.
    pub records: u64,
    /// What is wrong with it; empty: nothing.
    pub problems: Vec<StoreError>,
}

/// What a file has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStats {
    /// The file.
    pub file: String,
    /// What is in it; `None`: what all classes need.
    pub class: Option<KeptClass>,
    /// Octets on disk.
    pub octets: u64,
    /// Flow records or log records in it, where it has such.
    pub records: Option<u64>,
    /// Its tables.
    pub tables: Vec<TableStats>,
}

/// What a table has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableStats {
    /// Its name.
    pub name: String,
    /// Rows.
    pub rows: u64,
    /// Octets of keys and values.
    pub octets: u64,
    /// Octets that its pages take beyond that.
    pub overhead: u64,
}

/// A file of the store.
struct Known<'a> {
    file: Borrowed<'a>,
    class: Option<KeptClass>,
    day: Option<Day>,
}

/// A file that the store has, or one of a day.
enum Borrowed<'a> {
    Single(&'a DbFile),
    OfDay(Arc<DbFile>),
}

impl std::ops::Deref for Borrowed<'_> {
    type Target = DbFile;

    fn deref(&self) -> &DbFile {
        match self {
            Self::Single(file) => file,
            Self::OfDay(file) => file,
        }
    }
}

impl Store {
    /// The files that are there, with their octets.
    fn known(&self) -> Result<Vec<(Known<'_>, u64)>, StoreError> {
        let usage = self.usage_now()?;
        let octets: BTreeMap<String, u64> = usage.names().map(|(name, octets)| (name.clone(), octets)).collect();
        let single = [
            (self.state.file(), None),
            (self.devices.file(), None),
            (self.windows.file(), Some(KeptClass::Minutes)),
            (self.hours.index.file(), Some(KeptClass::Rollups)),
            (self.hours.rollups.file(), Some(KeptClass::Rollups)),
        ];
        let mut known: Vec<Known<'_>> = Vec::new();
        for (file, class) in single {
            known.push(Known {
                file: Borrowed::Single(file),
                class,
                day: None,
            });
        }
        for (class, files) in [
            (KeptClass::Records, self.blocks.files()),
            (KeptClass::Minutes, self.exporters.files()),
            (KeptClass::Logs, self.logs.files()),
            (KeptClass::Transactions, self.transactions.files()),
        ] {
            for day in files.days() {
                let Some(file) = files.existing(day) else { continue };
                known.push(Known {
                    file: Borrowed::OfDay(file),
                    class: Some(class),
                    day: Some(day),
                });
            }
        }
        let there = known.into_iter().filter_map(|known| {
            let octets = *octets.get(known.file.name())?;
            Some((known, octets))
        });
        Ok(there.collect())
    }

    /// Reads every page of every file, and every block, and gives what it found to `each`, file by file. What is
    /// damaged stays where it is: it is set aside when it is next used.
    ///
    /// Nobody else may use the store meanwhile.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn check(&self, mut each: impl FnMut(&FileCheck)) -> Result<(), StoreError> {
        for (known, octets) in self.known()? {
            let file = &*known.file;
            let mut check = FileCheck {
                file: file.name().to_owned(),
                class: known.class,
                octets,
                blocks: 0,
                records: 0,
                problems: Vec::new(),
            };
            // redb answers some damage with a panic.
            let looked = catch_unwind(AssertUnwindSafe(|| {
                let sound = file.alone(|db| Ok(db.check_integrity()?))?;
                if !sound {
                    check.problems.push(StoreError::Damaged {
                        file: check.file.clone(),
                        reason: "its record of free pages was wrong; it was made anew".to_owned(),
                    });
                }
                match (known.class, known.day) {
                    (Some(KeptClass::Records), Some(day)) => self.check_blocks(day, &mut check),
                    (Some(KeptClass::Logs), Some(day)) => self.logs.check(day, &mut check),
                    (Some(KeptClass::Transactions), Some(day)) => self.transactions.check(day, &mut check),
                    _ => Ok(()),
                }
            }));
            match looked {
                Ok(Ok(())) => {}
                Ok(Err(problem)) => check.problems.push(problem),
                Err(_) => check.problems.push(StoreError::Damaged {
                    file: check.file.clone(),
                    reason: "its pages lead nowhere".to_owned(),
                }),
            }
            file.close();
            each(&check);
        }
        Ok(())
    }

    fn check_blocks(&self, day: Day, check: &mut FileCheck) -> Result<(), StoreError> {
        let list = self.blocks.list(day, Timestamp::EPOCH)?;
        let metas: BTreeMap<BlockId, BlockMeta> = list.iter().map(|meta| (meta.id, *meta)).collect();
        let ids: Vec<BlockId> = list.iter().map(|meta| meta.id).collect();
        self.read_blocks(&ids, |id, octets| {
            match octets.map(|octets| Block::parse(octets.to_vec())) {
                Ok(Ok(block)) => {
                    check.blocks += 1;
                    check.records += block.len() as u64;
                    let agrees = metas.get(id).is_some_and(|meta| {
                        (meta.min_start, meta.max_end) == (block.min_start(), block.max_end())
                            && usize::try_from(meta.records) == Ok(block.len())
                    });
                    if !agrees {
                        check.problems.push(StoreError::Damaged {
                            file: check.file.clone(),
                            reason: format!("its index says otherwise than batch {}", id.batch().sequence),
                        });
                    }
                }
                Ok(Err(source)) => check.problems.push(StoreError::Block {
                    file: check.file.clone(),
                    batch: id.batch(),
                    source,
                }),
                Err(problem) => check.problems.push(problem),
            }
            ControlFlow::Continue(())
        });
        // What the hours' index has of the day.
        let mut hours: BTreeMap<u32, BTreeSet<BlockId>> = BTreeMap::new();
        for meta in &list {
            hours.entry(filed(meta)).or_default().insert(meta.id);
        }
        let of_day = crate::hours::hours_of(day);
        let closed: BTreeMap<u32, ClosedHour> = {
            let state = self.hours.lock();
            let closed = state.closed.range(of_day);
            closed.map(|(hour, (row, _))| (*hour, *row)).collect()
        };
        self.hours.index.read(|index| {
            index.check_day(day, &closed)?;
            for hour in closed.into_keys() {
                let indexed: BTreeSet<BlockId> = index.list(hour)?.unwrap_or_default().iter().map(|b| b.id).collect();
                if hours.get(&hour) != Some(&indexed) {
                    check.problems.push(StoreError::Damaged {
                        file: crate::hours::INDEX.to_owned(),
                        reason: format!("hour {hour} has other blocks in {}", check.file),
                    });
                }
            }
            Ok(())
        })
    }

    /// What each file has. Walks through all pages.
    ///
    /// # Errors
    /// When the folder or a file cannot be read.
    pub fn stats(&self) -> Result<Vec<FileStats>, StoreError> {
        let mut all = Vec::new();
        for (known, octets) in self.known()? {
            let file = &*known.file;
            let tables = file.read(|txn| {
                let mut tables = Vec::new();
                for handle in txn.list_tables()? {
                    let name = handle.name().to_owned();
                    let table = txn.open_untyped_table(handle)?;
                    let stats = table.stats()?;
                    tables.push(TableStats {
                        name,
                        rows: table.len()?,
                        octets: stats.stored_bytes(),
                        overhead: stats.metadata_bytes() + stats.fragmented_bytes(),
                    });
                }
                Ok(tables)
            })?;
            let records = match (known.class, known.day) {
                (Some(KeptClass::Records), Some(day)) => {
                    let list = self.blocks.list(day, Timestamp::EPOCH)?;
                    Some(list.iter().map(|meta| u64::from(meta.records)).sum())
                }
                (Some(KeptClass::Logs), Some(day)) => Some(self.logs.records_of(day)?),
                (Some(KeptClass::Transactions), Some(day)) => Some(self.transactions.records_of(day)?),
                _ => None,
            };
            file.close();
            all.push(FileStats {
                file: file.name().to_owned(),
                class: known.class,
                octets,
                records,
                tables,
            });
        }
        Ok(all)
    }

    /// Makes files smaller where that gains a tenth or more; gives each one's name and its octets before and after to
    /// `each`.
    ///
    /// Nobody else may use the store meanwhile.
    ///
    /// # Errors
    /// When the folder cannot be read, or a file cannot be written.
    pub fn compact(&self, mut each: impl FnMut(&str, u64, u64)) -> Result<(), StoreError> {
        for (known, octets) in self.known()? {
            let file = &*known.file;
            let is_index = file.name() == crate::hours::INDEX;
            let compacted = file.alone(|db| {
                let stats = {
                    // What it holds of pages is known to a transaction that writes.
                    let txn = db.begin_write()?;
                    let stats = txn.stats()?;
                    txn.abort()?;
                    stats
                };
                let kept = stats.stored_bytes() + stats.metadata_bytes();
                // What is empty in pages is gained where rows are written anew.
                let used = match is_index {
                    true => kept,
                    false => {
                        (kept + stats.fragmented_bytes()).max(stats.allocated_pages().saturating_mul(PAGE).min(octets))
                    }
                };
                if used.saturating_mul(100) >= octets.saturating_mul(COMPACT_BELOW) {
                    return Ok(false);
                }
                Ok(is_index || db.compact()?)
            })?;
            let compacted = match compacted && is_index {
                true => self.hours.index.renew(octets / 100 * (100 - COMPACT_BELOW))?,
                false => compacted,
            };
            if compacted {
                let after = self.usage_now()?;
                let name = file.name();
                let after = after
                    .names()
                    .find(|(other, _)| *other == name)
                    .map_or(0, |(_, octets)| octets);
                each(name, octets, after);
            }
        }
        Ok(())
    }
}
