//! Batches that the analyzer has not acknowledged: in memory, and on disk when they become many
//! or the analyzer is away. When both are full, what is new is lost and counted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use api::ingest::{self, BatchId, Message};
use model::LinkId;

use crate::spool::{Place, Spool};

/// Batches that are remembered; each takes some 100 octets here wherever it lies.
const BATCHES_MAX: usize = 200_000;

#[derive(Debug)]
enum Held {
    Memory(Vec<u8>),
    Disk(Place),
}

#[derive(Debug)]
struct Entry {
    held: Held,
    records: u32,
    link: Option<LinkId>,
}

/// There is no room for a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// Records of a link that are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost {
    /// The link; `None` where the batch is of several, or of an earlier run.
    pub(crate) link: Option<LinkId>,
    pub(crate) records: u32,
}

/// The number of a message that is a batch.
fn id_of(message: &Message) -> Option<BatchId> {
    match message {
        Message::Block { id, .. }
        | Message::Windows { id, .. }
        | Message::WindowsBefore { id, .. }
        | Message::WindowsWithZeros { id, .. }
        | Message::Interfaces { id, .. }
        | Message::Gauges { id, .. }
        | Message::Devices { id, .. }
        | Message::Logs { id, .. } => Some(*id),
        Message::Hello { .. } | Message::Live { .. } => None,
    }
}

/// The batches.
#[derive(Debug)]
pub(crate) struct Backlog {
    pending: BTreeMap<BatchId, Entry>,
    unsent: BTreeSet<BatchId>,
    memory: usize,
    memory_max: usize,
    records: u64,
    spool: Spool,
}

impl Backlog {
    /// Takes up what an earlier run left in the folder.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub(crate) fn open(folder: PathBuf, spool_max: u64, memory_max: usize) -> std::io::Result<Self> {
        let mut pending = BTreeMap::new();
        let mut twice = Vec::new();
        let mut spool = Spool::open(folder, spool_max, |left| {
            let Some(id) = ingest::decode::<Message>(&left.message).ok().as_ref().and_then(id_of) else {
                // Of another release: nobody could read it.
                twice.push(left.place);
                return;
            };
            let entry = Entry {
                held: Held::Disk(left.place),
                records: left.records,
                link: None,
            };
            if let Some(Entry {
                held: Held::Disk(place),
                ..
            }) = pending.insert(id, entry)
            {
                twice.push(place);
            }
        })?;
        for place in twice {
            spool.remove(place)?;
        }
        Ok(Self {
            unsent: pending.keys().copied().collect(),
            memory: 0,
            memory_max,
            records: pending.values().map(|e: &Entry| u64::from(e.records)).sum(),
            pending,
            spool,
        })
    }

    /// Batches in memory alone: where there is no disk, or none that can be used.
    pub(crate) fn in_memory(memory_max: usize) -> Self {
        Self {
            pending: BTreeMap::new(),
            unsent: BTreeSet::new(),
            memory: 0,
            memory_max,
            records: 0,
            spool: Spool::none(),
        }
    }

    /// Takes a batch's message.
    ///
    /// # Errors
    /// When there is no room.
    pub(crate) fn push(
        &mut self,
        id: BatchId,
        message: Vec<u8>,
        records: u32,
        link: Option<LinkId>,
    ) -> Result<(), Full> {
        if self.pending.len() >= BATCHES_MAX {
            return Err(Full);
        }
        if self.memory + message.len() > self.memory_max {
            // Half of it goes, the oldest first, so that this is not done for each batch.
            let without = self.spill(self.memory_max / 2);
            if self.memory + message.len() > self.memory_max {
                log::debug!("no room for a batch: {without:?}");
                return Err(Full);
            }
        }
        self.memory += message.len();
        self.records += u64::from(records);
        let held = Held::Memory(message);
        self.pending.insert(id, Entry { held, records, link });
        self.unsent.insert(id);
        Ok(())
    }

    /// Moves batches from memory to disk, the oldest first, until no more than `keep` octets stay.
    ///
    /// # Errors
    /// When the spool is full or the disk fails: the rest stays in memory.
    pub(crate) fn spill(&mut self, keep: usize) -> std::io::Result<()> {
        if self.memory <= keep {
            return Ok(());
        }
        for entry in self.pending.values_mut() {
            if let Held::Memory(message) = &entry.held {
                let place = self.spool.push(message, entry.records)?;
                self.memory -= message.len();
                entry.held = Held::Disk(place);
                if self.memory <= keep {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The oldest batch that is to be sent; it counts as sent from now on.
    pub(crate) fn next(&mut self) -> Option<(BatchId, Vec<u8>)> {
        while let Some(id) = self.unsent.pop_first() {
            match self.pending.get(&id).map(|e| &e.held) {
                Some(Held::Memory(message)) => return Some((id, message.clone())),
                Some(Held::Disk(place)) => match self.spool.read(*place) {
                    Ok(message) => return Some((id, message)),
                    Err(e) => {
                        log::error!(EVENT = "spool_lost"; "a batch cannot be read from the spool and is lost: {e}");
                        self.done(id);
                    }
                },
                None => {}
            }
        }
        None
    }

    /// Whether there is something to send.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// The analyzer has the batch on disk, or will never take it; what it held is answered.
    pub(crate) fn done(&mut self, id: BatchId) -> Option<Lost> {
        let entry = self.pending.remove(&id)?;
        self.unsent.remove(&id);
        self.records = self.records.saturating_sub(u64::from(entry.records));
        match entry.held {
            Held::Memory(message) => self.memory -= message.len(),
            Held::Disk(place) => {
                if let Err(e) = self.spool.remove(place) {
                    log::warn!(EVENT = "spool_stays"; "a spool file that was sent cannot be removed: {e}");
                }
            }
        }
        Some(Lost {
            link: entry.link,
            records: entry.records,
        })
    }

    /// The analyzer takes the batch later.
    pub(crate) fn again(&mut self, id: BatchId) {
        if self.pending.contains_key(&id) {
            self.unsent.insert(id);
        }
    }

    /// The connection is gone: nothing that was sent and not acknowledged counts as sent.
    pub(crate) fn all_again(&mut self) {
        self.unsent = self.pending.keys().copied().collect();
    }

    /// Makes what is spooled survive a loss of power.
    ///
    /// # Errors
    /// When the disk fails.
    pub(crate) fn sync(&self) -> std::io::Result<()> {
        self.spool.sync()
    }

    /// Batches that are not acknowledged.
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Records in them.
    pub(crate) fn records(&self) -> u64 {
        self.records
    }

    /// Octets on disk.
    pub(crate) fn spooled(&self) -> u64 {
        self.spool.octets()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(sequence: u64) -> BatchId {
        BatchId { epoch: 1, sequence }
    }

    fn message(sequence: u64, octets: usize) -> Vec<u8> {
        let bytes = vec![7; octets];
        ingest::encode(&Message::Block {
            id: id(sequence),
            bytes,
        })
        .unwrap()
    }

    #[test]
    fn batches_are_kept_until_they_are_acknowledged_and_over_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let mut backlog = Backlog::open(dir.path().to_owned(), 1 << 20, 5_000).unwrap();
        for n in 1..=10 {
            backlog.push(id(n), message(n, 1_000), 3, Some(LinkId(1))).unwrap();
        }
        assert!(backlog.spooled() > 0 && backlog.memory <= 5_000);
        let mut sent: Vec<_> = std::iter::from_fn(|| backlog.next()).collect();
        assert_eq!(
            sent.iter().map(|(id, _)| id.sequence).collect::<Vec<_>>(),
            (1..=10).collect::<Vec<_>>()
        );
        assert!(sent.iter().all(|(id, m)| *m == message(id.sequence, 1_000)));
        assert_eq!(backlog.done(id(1)).unwrap().records, 3);
        assert!(backlog.done(id(1)).is_none());
        backlog.again(id(4));
        assert_eq!(backlog.next().unwrap().0, id(4));
        backlog.all_again();
        backlog.spill(0).unwrap();
        backlog.sync().unwrap();
        drop(backlog);

        let mut backlog = Backlog::open(dir.path().to_owned(), 1 << 20, 5_000).unwrap();
        // What was acknowledged may come again when its file holds others; the analyzer knows it.
        sent.retain(|(id, _)| id.sequence > 1);
        let again: Vec<_> = std::iter::from_fn(|| backlog.next()).collect();
        assert!(sent.iter().all(|s| again.contains(s)));
        for n in 1..=10 {
            backlog.done(id(n));
        }
        assert_eq!((backlog.len(), backlog.records(), backlog.spooled()), (0, 0, 0));
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let mut backlog = Backlog::open(dir.path().to_owned(), 3_000, 2_500).unwrap();
        let lost: u32 = (1..=10)
            .filter_map(|n| backlog.push(id(n), message(n, 1_000), 5, Some(LinkId(2))).err())
            .map(|Full| 5)
            .sum();
        assert_eq!(u64::from(lost) + backlog.records(), 50);
        assert!(lost > 0 && backlog.records() >= 15);
        // The oldest are the ones that stayed.
        assert_eq!(backlog.next().unwrap().0, id(1));
    }
}
