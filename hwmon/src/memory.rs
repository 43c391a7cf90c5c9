//! What a restart must not forget, in a redb file: open alarms with their acknowledgements, counters, triggers.

use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::policy::{Alarm, Book};
use crate::series::{Chunk, ChunkKey, Grain, Label, Unsaved};

/// Open alarms: place, serial number and code, as JSON, to the alarm.
const ALARMS: TableDefinition<&str, &[u8]> = TableDefinition::new("alarms");
/// Anything else by its name: `growth/SERIAL/pending`, `trigger/hwmon/...`.
const STATES: TableDefinition<&str, &[u8]> = TableDefinition::new("states");
/// Whose course has which number, as JSON.
const LABELS: TableDefinition<u16, &[u8]> = TableDefinition::new("labels");
/// Chunks of courses by grain (1 minutes, 2 hours), chunk since 1970, and the course's number.
const CHUNKS: TableDefinition<(u8, u64, u16), &[u8]> = TableDefinition::new("chunks");
/// Octets of the file that stay in memory.
const CACHE: usize = 512 << 10;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// It cannot be opened, read or written.
    #[error("cannot {what} the hardware monitor's state {path}: check the data partition; without the file it begins anew", path = path.display())]
    File {
        /// Open, read or write.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: Box<redb::Error>,
    },
}

/// Whose courses a file has, by number.
#[derive(Debug, Default)]
pub struct Labels {
    /// Those that can be read.
    pub known: Vec<(u16, Label)>,
    /// The numbers of those that cannot: of a later release.
    pub unknown: Vec<u16>,
}

/// The file.
#[derive(Debug)]
pub struct Memory {
    database: Database,
    path: PathBuf,
}

impl Memory {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// Where that fails, or somebody else has it open.
    pub fn open(path: &Path) -> Result<Self, MemoryError> {
        let failed = |source: redb::Error| MemoryError::File {
            what: "open",
            path: path.to_owned(),
            source: Box::new(source),
        };
        let database = Database::builder()
            .set_cache_size(CACHE)
            .create(path)
            .map_err(|e| failed(e.into()))?;
        let memory = Self {
            database,
            path: path.to_owned(),
        };
        // so that readers find every table
        memory.write(|write| {
            write.open_table(ALARMS)?;
            write.open_table(STATES)?;
            write.open_table(LABELS)?;
            write.open_table(CHUNKS)?;
            Ok(())
        })?;
        Ok(memory)
    }

    fn failed(&self, what: &'static str, source: redb::Error) -> MemoryError {
        MemoryError::File {
            what,
            path: self.path.clone(),
            source: Box::new(source),
        }
    }

    fn write(
        &self,
        change: impl FnOnce(&redb::WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), MemoryError> {
        let all = || -> Result<(), redb::Error> {
            let write = self.database.begin_write()?;
            change(&write)?;
            write.commit()?;
            Ok(())
        };
        all().map_err(|e| self.failed("write", e))
    }

    /// The alarms that were open. An entry of another release that cannot be read is left out.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn book(&self) -> Result<Book, MemoryError> {
        let all = || -> Result<Vec<Alarm>, redb::Error> {
            let table = self.database.begin_read()?.open_table(ALARMS)?;
            let mut alarms = Vec::new();
            for entry in table.iter()? {
                alarms.extend(serde_json::from_slice(entry?.1.value()).ok());
            }
            Ok(alarms)
        };
        all().map(Book::of).map_err(|e| self.failed("read", e))
    }

    /// Keeps all alarms of `book`, and no others, in one transaction.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn keep_book(&self, book: &Book) -> Result<(), MemoryError> {
        self.write(|write| {
            let mut table = write.open_table(ALARMS)?;
            table.retain(|_, _| false)?;
            for alarm in book.open() {
                let key = serde_json::to_string(&(&alarm.subject.place, &alarm.subject.serial, &alarm.code));
                let (Ok(key), Ok(value)) = (key, serde_json::to_vec(alarm)) else {
                    continue;
                };
                table.insert(key.as_str(), value.as_slice())?;
            }
            Ok(())
        })
    }

    /// A state by its name: a [`crate::policy::Growth`], a [`crate::policy::Trigger`]. One of another release that cannot be
    /// read counts as none.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn state<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, MemoryError> {
        let one = || -> Result<Option<T>, redb::Error> {
            let table = self.database.begin_read()?.open_table(STATES)?;
            Ok(table
                .get(name)?
                .and_then(|bytes| serde_json::from_slice(bytes.value()).ok()))
        };
        one().map_err(|e| self.failed("read", e))
    }

    /// Keeps a state by its name.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn keep_state<T: Serialize>(&self, name: &str, state: &T) -> Result<(), MemoryError> {
        self.write(|write| {
            if let Ok(bytes) = serde_json::to_vec(state) {
                write.open_table(STATES)?.insert(name, bytes.as_slice())?;
            }
            Ok(())
        })
    }

    /// Keeps two states by their names, in one transaction.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn keep_states<A: Serialize, B: Serialize>(
        &self,
        first: (&str, &A),
        second: (&str, &B),
    ) -> Result<(), MemoryError> {
        self.write(|write| {
            let mut table = write.open_table(STATES)?;
            if let (Ok(a), Ok(b)) = (serde_json::to_vec(first.1), serde_json::to_vec(second.1)) {
                table.insert(first.0, a.as_slice())?;
                table.insert(second.0, b.as_slice())?;
            }
            Ok(())
        })
    }

    /// Forgets every state whose name begins with `prefix`: those of a drive that was replaced.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn forget(&self, prefix: &str) -> Result<(), MemoryError> {
        self.write(|write| {
            write.open_table(STATES)?.retain(|name, _| !name.starts_with(prefix))?;
            Ok(())
        })
    }

    /// Whose courses are kept.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn labels(&self) -> Result<Labels, MemoryError> {
        let all = || -> Result<Labels, redb::Error> {
            let table = self.database.begin_read()?.open_table(LABELS)?;
            let mut labels = Labels::default();
            for entry in table.iter()? {
                let (number, label) = entry?;
                match serde_json::from_slice(label.value()) {
                    Ok(label) => labels.known.push((number.value(), label)),
                    Err(_) => labels.unknown.push(number.value()),
                }
            }
            Ok(labels)
        };
        all().map_err(|e| self.failed("read", e))
    }

    /// A chunk of a course, where there is one.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn chunk(&self, key: ChunkKey) -> Result<Option<Chunk>, MemoryError> {
        let one = || -> Result<Option<Chunk>, redb::Error> {
            let table = self.database.begin_read()?.open_table(CHUNKS)?;
            let kept = table.get((key.grain.code(), key.chunk, key.number))?;
            Ok(kept.and_then(|octets| Chunk::from_octets(key.grain, octets.value())))
        };
        one().map_err(|e| self.failed("read", e))
    }

    /// Keeps labels and chunks, and removes those that are too old, in one transaction.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn keep_courses(&self, unsaved: &Unsaved) -> Result<(), MemoryError> {
        self.write(|write| {
            let mut labels = write.open_table(LABELS)?;
            let mut chunks = write.open_table(CHUNKS)?;
            for grain in [Grain::Minute, Grain::Hour] {
                let oldest = unsaved.now.saturating_sub(grain.kept()) / grain.step() / grain.slots();
                let code = grain.code();
                chunks.retain_in((code, 0, 0)..(code, oldest, 0), |_, _| false)?;
            }
            if !unsaved.forgotten.is_empty() {
                chunks.retain(|(_, _, number), _| !unsaved.forgotten.contains(&number))?;
                labels.retain(|number, _| !unsaved.forgotten.contains(&number))?;
            }
            for (number, label) in &unsaved.labels {
                if let Ok(bytes) = serde_json::to_vec(label) {
                    labels.insert(number, bytes.as_slice())?;
                }
            }
            for (key, chunk) in &unsaved.chunks {
                chunks.insert((key.grain.code(), key.chunk, key.number), chunk.octets())?;
            }
            Ok(())
        })
    }

    /// Keeps what is no label of this release.
    #[cfg(test)]
    pub(crate) fn keep_label(&self, number: u16, label: &[u8]) {
        let kept = self.write(|write| {
            write.open_table(LABELS)?.insert(number, label)?;
            Ok(())
        });
        kept.expect("kept");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::State;
    use crate::policy::{Finding, Grown, Growth, Subject};

    #[test]
    fn alarms_and_counters_survive_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.redb");
        let subject = Subject {
            place: "bay 2".to_owned(),
            serial: Some("S1".to_owned()),
        };
        let finding = Finding {
            subject: subject.clone(),
            code: "pending".to_owned(),
            state: State::Warning,
            text: api::hardware::Text::default(),
        };
        {
            let memory = Memory::open(&path).expect("a file");
            let mut book = memory.book().expect("a book");
            book.update(1, std::slice::from_ref(&finding), &[], &[]);
            book.acknowledge(&subject, "pending", "mei");
            memory.keep_book(&book).expect("kept");
            let mut growth = Growth::default();
            growth.observe(Some(8));
            memory.keep_state("growth/S1/pending", &growth).expect("kept");
        }
        let memory = Memory::open(&path).expect("the file again");
        let mut book = memory.book().expect("the book again");
        assert!(book.update(9_000_000, &[finding], &[], &[]).is_empty());
        let mut growth: Growth = memory.state("growth/S1/pending").expect("read").expect("kept");
        assert_eq!(growth.observe(Some(9)), Some(Grown { from: 8, to: 9 }));
        memory.forget("growth/S1/").expect("forgotten");
        assert_eq!(memory.state::<Growth>("growth/S1/pending").expect("read"), None);
        // a cleared alarm is gone from the file, too
        book.update(9_000_001, &[], &[], &[]);
        memory.keep_book(&book).expect("kept");
        assert_eq!(memory.book().expect("read").open().count(), 0);
    }
}
