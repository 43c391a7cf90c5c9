//! Blocks from what the rings give: records, and application logs.

use model::{Block, FlowRecord, LinkId, LogBlock, LogRecord, Timestamp};

use crate::output::Output;

/// How long log lines wait for a block to fill. Nanoseconds.
const LOGS_WAIT: u64 = 3_000_000_000;

/// What waits to become a block.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    records: Vec<FlowRecord>,
    logs: Vec<LogRecord>,
    /// Weight of the log lines, as their block counts it.
    weight: usize,
    /// When the oldest of the log lines came.
    since: Option<Timestamp>,
    out: Vec<Output>,
}

impl Packer {
    /// Takes records.
    pub(crate) fn records(&mut self, records: Vec<FlowRecord>) {
        for record in records {
            self.records.push(record);
            if self.records.len() >= Block::RECORDS_MAX {
                self.flush_records();
            }
        }
    }

    /// Takes log lines.
    pub(crate) fn logs(&mut self, link: LinkId, logs: Vec<LogRecord>, now: Timestamp) {
        for log in logs {
            let weight = LogBlock::weight(&log);
            if self.weight + weight > LogBlock::WEIGHT_MAX || self.logs.len() >= LogBlock::RECORDS_MAX {
                self.flush_logs(link);
            }
            self.weight += weight;
            self.logs.push(log);
            self.since.get_or_insert(now);
        }
    }

    /// Closes the block of records, however few.
    pub(crate) fn flush_records(&mut self) {
        if self.records.is_empty() {
            return;
        }
        match Block::encode(&self.records) {
            Ok(block) => self.out.push(Output::Block(block)),
            // The count is between 1 and the most that a block takes.
            Err(e) => log::error!(EVENT = "no_block"; "{} records are lost: {e}", self.records.len()),
        }
        self.records.clear();
    }

    /// Closes the block of log lines where they waited for long enough.
    pub(crate) fn tick(&mut self, link: LinkId, now: Timestamp) {
        if self
            .since
            .is_some_and(|since| now.nanos_since(since) >= LOGS_WAIT || now < since)
        {
            self.flush_logs(link);
        }
    }

    /// Closes the block of log lines, however few.
    pub(crate) fn flush_logs(&mut self, link: LinkId) {
        self.since = None;
        self.weight = 0;
        if self.logs.is_empty() {
            return;
        }
        match LogBlock::encode(&self.logs) {
            // What is too long for one block comes as several: the shares are told once.
            Ok(blocks) => {
                let mut shares = vec![(link, self.logs.len() as u64)];
                self.out.extend(blocks.into_iter().map(|block| Output::Logs {
                    block,
                    shares: std::mem::take(&mut shares),
                }));
            }
            Err(e) => log::error!(EVENT = "no_block"; "{} application log lines are lost: {e}", self.logs.len()),
        }
        self.logs.clear();
    }

    /// Blocks that are ready.
    pub(crate) fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.out)
    }
}

#[cfg(test)]
mod tests {
    use model::{LogSource, Severity};

    use super::*;

    fn line(n: usize, length: usize) -> LogRecord {
        LogRecord {
            time: Timestamp::from_secs(5),
            received: Timestamp::from_secs(5),
            exporter: LinkId(1),
            peer: [10, 0, 0, 1].into(),
            source: LogSource::Dns,
            severity: Severity::Informational,
            facility: 1,
            host: "resolver".to_owned(),
            app: "dns".to_owned(),
            pid: String::new(),
            code: "NOERROR".to_owned(),
            text: format!("{n} {}", "x".repeat(length)),
            data: String::new(),
        }
    }

    fn lines(out: &[Output]) -> Vec<LogRecord> {
        let block = |o: &Output| match o {
            Output::Logs { block, shares } => {
                assert!(shares.iter().all(|s| s.0 == LinkId(1)));
                block.records().unwrap()
            }
            _ => Vec::new(),
        };
        out.iter().flat_map(block).collect()
    }

    #[test]
    fn log_lines_leave_when_they_waited_or_are_many() {
        let mut p = Packer::default();
        let at = Timestamp::from_secs;
        p.logs(LinkId(1), vec![line(0, 10)], at(5));
        p.tick(LinkId(1), at(7));
        assert!(p.take().is_empty());
        p.tick(LinkId(1), at(8));
        assert_eq!(lines(&p.take()), [line(0, 10)]);
        // More than a block's weight.
        let many: Vec<_> = (0..5_000).map(|n| line(n, 4_000)).collect();
        p.logs(LinkId(1), many.clone(), at(9));
        let first = p.take();
        assert!(!first.is_empty());
        p.flush_logs(LinkId(1));
        let rest = p.take();
        let shares: u64 = first
            .iter()
            .chain(&rest)
            .flat_map(|o| o.shares(LinkId(1)))
            .map(|s| s.1)
            .sum();
        assert_eq!(shares, 5_000);
        let mut all = lines(&first);
        all.extend(lines(&rest));
        assert_eq!(all.len(), many.len());
        // A clock that was set back holds nothing up.
        p.logs(LinkId(1), vec![line(1, 10)], at(900));
        p.tick(LinkId(1), at(10));
        assert_eq!(p.take().len(), 1);
    }
}
