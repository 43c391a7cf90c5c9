//! A page of a search's answer: the newest records, a bounded number and size of them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use model::{LogBlock, LogRecord, Timestamp};

use super::{LogSearch, LogsFound};
use crate::append::BatchKey;

/// Octets of records in a page, as [`LogBlock::weight`] counts them; one record is there whatever it takes.
const OCTETS_MAX: usize = 8 << 20;

/// The place of a record among all: by time, and by batch and place in its block within the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogCursor {
    time: u64,
    epoch: u64,
    sequence: u64,
    place: u32,
}

/// The text is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no cursor of a search for logs: send the one that the page before ended with")]
pub struct ParseLogCursorError {
    text: String,
}

impl LogCursor {
    pub(super) const fn new(time: Timestamp, batch: BatchKey, place: u32) -> Self {
        Self {
            time: time.as_nanos(),
            epoch: batch.epoch,
            sequence: batch.sequence,
            place,
        }
    }

    /// After every record of the time, and before any later one.
    const fn after_all_of(time: Timestamp) -> Self {
        let last = BatchKey {
            epoch: u64::MAX,
            sequence: u64::MAX,
        };
        Self::new(time, last, u32::MAX)
    }
}

impl fmt::Display for LogCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            time,
            epoch,
            sequence,
            place,
        } = self;
        write!(f, "{time:x}-{epoch:x}-{sequence:x}-{place:x}")
    }
}

impl FromStr for LogCursor {
    type Err = ParseLogCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let mut parts = text.split('-');
            let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
            let (time, epoch, sequence, place) = (number()?, number()?, number()?, number()?);
            parts.next().is_none().then_some(Self {
                time,
                epoch,
                sequence,
                place: u32::try_from(place).ok()?,
            })
        };
        read().ok_or_else(|| ParseLogCursorError { text: text.to_owned() })
    }
}

/// Takes records in any order and keeps the newest that are before the cursor.
pub(super) struct Page {
    from: Timestamp,
    to: Timestamp,
    before: Option<LogCursor>,
    limit: usize,
    kept: BTreeMap<LogCursor, LogRecord>,
    octets: usize,
    /// The newest that was left out for want of room: what is not newer is left out too.
    floor: Option<LogCursor>,
    /// The search was broken off: what is not later was not all searched.
    ended_at: Option<Timestamp>,
}

impl Page {
    pub(super) fn new(search: &LogSearch) -> Self {
        Self {
            from: search.from,
            to: search.to,
            before: search.before,
            limit: search.limit,
            kept: BTreeMap::new(),
            octets: 0,
            floor: None,
            ended_at: None,
        }
    }

    /// Whether no record of the time, or earlier, can come into the page any more.
    pub(super) fn is_settled_at(&self, time: Timestamp) -> bool {
        self.floor.is_some_and(|floor| floor.time > time.as_nanos())
    }

    /// Whether a record of the time, or a later one, can be wanted.
    pub(super) fn may_take(&self, time: Timestamp) -> bool {
        time < self.to && self.before.is_none_or(|before| time.as_nanos() <= before.time)
    }

    /// Whether a record may be put here; the earliest that may not be tells the same of all before it.
    pub(super) fn takes(&self, cursor: &LogCursor) -> bool {
        let time = Timestamp::from_nanos(cursor.time);
        self.from <= time
            && time < self.to
            && self.before.is_none_or(|before| *cursor < before)
            && self.floor.is_none_or(|floor| *cursor > floor)
    }

    /// Whether the page would get anywhere if it ended before this time: else the next one were the same.
    pub(super) fn may_end_at(&self, time: Timestamp) -> bool {
        time < self.to && self.before.is_none_or(|before| time.as_nanos() < before.time)
    }

    /// Ends the page: what is later than this time was all searched.
    pub(super) fn end_at(&mut self, time: Timestamp) {
        self.ended_at = Some(time);
    }

    pub(super) fn put(&mut self, cursor: LogCursor, record: LogRecord) {
        if !self.takes(&cursor) {
            return;
        }
        self.octets += LogBlock::weight(&record);
        self.kept.insert(cursor, record);
        while self.kept.len() > self.limit || (self.octets > OCTETS_MAX && self.kept.len() > 1) {
            if let Some((oldest, record)) = self.kept.pop_first() {
                self.octets -= LogBlock::weight(&record);
                self.floor = Some(oldest);
            }
        }
    }

    pub(super) fn finish(mut self, mut found: LogsFound) -> LogsFound {
        found.complete = self.ended_at.is_none();
        if let Some(time) = self.ended_at {
            let next = LogCursor::after_all_of(time);
            self.kept = self.kept.split_off(&next);
            found.next = Some(next);
        } else if self.floor.is_some() {
            // With no room at all, the next page begins where this one did.
            let last = self.kept.first_key_value().map(|(cursor, _)| *cursor);
            found.next = last.or(self.before);
        }
        found.records = self.kept.into_values().rev().collect();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_print_and_parse() {
        let cursor = LogCursor {
            time: u64::MAX,
            epoch: 0,
            sequence: 17,
            place: u32::MAX,
        };
        assert_eq!(cursor.to_string(), "ffffffffffffffff-0-11-ffffffff");
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "1-2-3", "1-2-3-4-5", "1-2-3-100000000", "x-1-2-3", "1 -2-3-4"] {
            assert!(text.parse::<LogCursor>().is_err(), "{text}");
        }
    }
}
