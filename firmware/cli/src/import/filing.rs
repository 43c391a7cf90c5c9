//! Sorts a file's records into blocks and stores them, each once.

use std::cell::RefCell;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use model::{Block, BlockBuilder, FlowRecord, LogBlock, LogRecord, Timestamp};
use store::{Batch, BatchKey, Content, Outcome, Store};

/// Records that are sorted and stored together: one commit a day that they are of.
const CHUNK: usize = 4 * Block::RECORDS_MAX;
/// Application log lines that are sorted and stored together.
const LOGS: usize = LogBlock::RECORDS_MAX;
/// A block is cut at an hour's end where it has so many records: smaller ones go on to the day's end.
const ENOUGH: usize = 8_192;

/// Takes a file's records and application log lines in. The same records in the same order make the same batches, so that a file that was
/// imported before, in part or in whole, is stored once.
pub(super) struct Filing<'a> {
    store: &'a Store,
    /// What the file's batches are numbered under.
    epoch: u64,
    sequence: u64,
    now: Timestamp,
    waiting: Vec<FlowRecord>,
    logs: Vec<LogRecord>,
    builder: BlockBuilder,
    /// Why nothing more is stored.
    failure: Option<anyhow::Error>,
    /// What was done.
    pub(super) filed: Filed,
}

/// Seconds of a day.
const DAY: u64 = 86_400;

/// What was done with a file's records.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Filed {
    /// Records that were stored.
    pub(super) stored: u64,
    /// Records that were stored before.
    pub(super) known: u64,
    /// Their packets and octets, both directions.
    pub(super) packets: u64,
    pub(super) bytes: u64,
    /// Application log lines, stored now or before.
    pub(super) logs: u64,
    /// Blocks.
    pub(super) blocks: u64,
    /// Octets of the blocks.
    pub(super) block_bytes: u64,
    /// Earliest start and latest end.
    pub(super) span: Option<(Timestamp, Timestamp)>,
}

impl Filed {
    /// Records, stored now or before.
    pub(super) fn records(&self) -> u64 {
        self.stored + self.known
    }

    /// Adds what was done with another file.
    pub(super) fn add(&mut self, other: &Self) {
        self.stored += other.stored;
        self.known += other.known;
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.logs += other.logs;
        self.blocks += other.blocks;
        self.block_bytes += other.block_bytes;
        self.span = match (self.span, other.span) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
    }
}

impl<'a> Filing<'a> {
    /// For a file whose batches are numbered under `epoch`.
    pub(super) fn new(store: &'a Store, epoch: u64, now: Timestamp) -> Self {
        Self {
            store,
            epoch,
            sequence: 0,
            now,
            waiting: Vec::new(),
            logs: Vec::new(),
            builder: BlockBuilder::new(),
            failure: None,
            filed: Filed::default(),
        }
    }

    /// Whether records can be taken: after a failure none is.
    pub(super) fn is_well(&self) -> bool {
        self.failure.is_none()
    }

    /// Records that were taken.
    pub(super) fn taken(&self) -> u64 {
        self.filed.records() + self.waiting.len() as u64
    }

    /// Takes a record.
    pub(super) fn push(&mut self, record: FlowRecord) {
        if self.failure.is_some() {
            return;
        }
        let filed = &mut self.filed;
        filed.packets = filed
            .packets
            .saturating_add(record.packets)
            .saturating_add(record.packets_rev);
        filed.bytes = filed
            .bytes
            .saturating_add(record.bytes)
            .saturating_add(record.bytes_rev);
        filed.span = Some(match filed.span {
            Some((start, end)) => (start.min(record.start), end.max(record.end)),
            None => (record.start, record.end),
        });
        self.waiting.push(record);
        if self.waiting.len() >= CHUNK {
            self.failure = self.file().err();
        }
    }

    /// Takes an application log line.
    pub(super) fn push_log(&mut self, log: LogRecord) {
        if self.failure.is_some() {
            return;
        }
        self.logs.push(log);
        if self.logs.len() >= LOGS {
            self.failure = self.file_logs().err();
        }
    }

    /// Stores what is left; unless it is not all that the file has: the blocks would be others than those of the whole,
    /// and one of the two would be taken for the other.
    ///
    /// # Errors
    /// Why something is not stored.
    pub(super) fn finish(mut self, is_all: bool) -> (Filed, anyhow::Result<()>) {
        let done = match self.failure.take() {
            Some(failure) => Err(failure),
            None if is_all => self.file().and_then(|()| self.file_logs()),
            None => Ok(()),
        };
        (self.filed, done)
    }

    /// Stores the records that wait, in the order of their ends.
    fn file(&mut self) -> anyhow::Result<()> {
        let mut records = std::mem::take(&mut self.waiting);
        // The sort is stable: what ends together stays in the file's order.
        records.sort_by_key(|record| record.end);
        let mut batches = Vec::new();
        let mut hour = None;
        for record in &records {
            let of = record.end.as_secs() / 3_600;
            let is_new = hour.is_some_and(|hour| hour != of);
            let is_new_day = hour.is_some_and(|hour| hour / 24 != of / 24);
            if self.builder.is_full() || is_new_day || is_new && self.builder.len() >= ENOUGH {
                self.cut(&mut batches)?;
            }
            hour = Some(of);
            self.builder
                .push(record)
                .context("a record cannot be put into a block")?;
        }
        self.cut(&mut batches)?;
        self.append(&batches)
    }

    /// Stores the log lines that wait, in the order of their times: a day's are in blocks of their own.
    fn file_logs(&mut self) -> anyhow::Result<()> {
        let mut logs = std::mem::take(&mut self.logs);
        logs.sort_by_key(|log| log.time);
        let mut batches = Vec::new();
        for day in logs.chunk_by(|a, b| a.time.as_secs() / DAY == b.time.as_secs() / DAY) {
            for block in LogBlock::encode(day).context("log lines cannot be put into a block")? {
                batches.push(self.batch(Content::Logs(block)));
            }
        }
        self.append(&batches)?;
        self.filed.logs += logs.len() as u64;
        Ok(())
    }

    fn append(&mut self, batches: &[Batch]) -> anyhow::Result<()> {
        let counts: Vec<u64> = batches.iter().map(|batch| count(&batch.content)).collect();
        let outcomes = self.store.append(batches, self.now);
        for (outcome, count) in outcomes.into_iter().zip(counts) {
            match outcome {
                Outcome::Stored => self.filed.stored += count,
                Outcome::Duplicate => self.filed.known += count,
                Outcome::Refused(problem) => return Err(problem).context("the store refused a block"),
                Outcome::Later(problem) => return Err(later(&problem)),
            }
        }
        Ok(())
    }

    fn cut(&mut self, batches: &mut Vec<Batch>) -> anyhow::Result<()> {
        if self.builder.is_empty() {
            return Ok(());
        }
        let block = self.builder.finish().context("a block cannot be made")?;
        self.filed.blocks += 1;
        self.filed.block_bytes += block.bytes().len() as u64;
        batches.push(self.batch(Content::Block(block)));
        Ok(())
    }

    fn batch(&mut self, content: Content) -> Batch {
        self.sequence += 1;
        let key = BatchKey {
            epoch: self.epoch,
            sequence: self.sequence,
        };
        Batch { key, content }
    }
}

/// Flow records: those alone are counted as stored or known.
fn count(content: &Content) -> u64 {
    match content {
        Content::Block(block) => block.len() as u64,
        _ => 0,
    }
}

/// Takes what a meter gives.
pub(super) struct Metered<'a, 'b>(pub(super) &'a RefCell<&'a mut Filing<'b>>);

impl meter::Sink for Metered<'_, '_> {
    fn record(&mut self, record: FlowRecord) {
        self.0.borrow_mut().push(record);
    }

    fn log(&mut self, log: LogRecord) {
        self.0.borrow_mut().push_log(log);
    }
}

fn later(problem: &Arc<store::StoreError>) -> anyhow::Error {
    anyhow!("{problem}; what is stored stays: import the file again to store the rest")
}
