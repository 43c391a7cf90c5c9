//! Log records on their way into blocks, and what is known of their senders. Shared by the threads and tasks that
//! receive them; bounded: what finds no room is lost and counted.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use api::collector::{PendingSender, Protocol};
use model::{LinkId, LogRecord, Timestamp};

use super::pending::Pending;
use super::rates::Rates;

/// Nanoseconds that a record waits for others.
const WAIT: u64 = 2_000_000_000;
/// Records that go out at once, whatever the time.
pub(super) const RECORDS: usize = 16_384;
/// Records, and octets of their texts, that wait at most.
const RECORDS_MAX: usize = 131_072;
const OCTETS_MAX: usize = 64 << 20;
/// Of that, the share of one sender.
const SHARE: usize = 4;

/// What a sender sent since the start.
#[derive(Debug, Clone, Default)]
pub(super) struct LogAccount {
    pub(super) first_seen: Option<Timestamp>,
    pub(super) last_seen: Option<Timestamp>,
    pub(super) protocols: BTreeSet<Protocol>,
    pub(super) octets: u64,
    pub(super) messages: u64,
    pub(super) rates: Rates<1>,
    /// Records of it that wait.
    waiting: usize,
}

#[derive(Debug, Default)]
struct Inner {
    records: Vec<LogRecord>,
    octets: usize,
    since: Option<Timestamp>,
    accounts: HashMap<LinkId, LogAccount>,
    pending: Pending,
}

/// The records that wait.
#[derive(Debug, Default)]
pub(super) struct LogBook(Mutex<Inner>);

impl LogBook {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a record that came in so many octets. Answers whether there was room.
    pub(super) fn push(&self, protocol: Protocol, octets: usize, record: LogRecord) -> bool {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let now = record.received;
        let size = record.text.len() + record.data.len() + record.host.len() + 128;
        let account = inner.accounts.entry(record.exporter).or_default();
        account.first_seen.get_or_insert(now);
        account.last_seen = Some(now);
        account.protocols.insert(protocol);
        account.octets += octets as u64;
        account.messages += 1;
        account.rates.add(now, [1]);
        let full = inner.records.len() >= RECORDS_MAX || inner.octets + size > OCTETS_MAX;
        if full || account.waiting >= RECORDS_MAX / SHARE {
            return false;
        }
        account.waiting += 1;
        inner.since.get_or_insert(now);
        inner.octets += size;
        inner.records.push(record);
        true
    }

    /// Counts a sender that is not registered.
    pub(super) fn unregistered(&self, now: Timestamp, address: IpAddr, protocol: Protocol) {
        self.lock().pending.see(now, address, Some(protocol));
    }

    /// The records that are due now: all, or none yet.
    pub(super) fn take_due(&self, now: Timestamp, all: bool) -> Vec<LogRecord> {
        let mut inner = self.lock();
        let due = inner
            .since
            .is_some_and(|since| now.nanos_since(since) >= WAIT || since > now);
        if inner.records.is_empty() || !(all || due || inner.records.len() >= RECORDS) {
            return Vec::new();
        }
        inner.since = None;
        inner.octets = 0;
        inner.accounts.values_mut().for_each(|a| a.waiting = 0);
        std::mem::take(&mut inner.records)
    }

    /// What is known of a sender.
    pub(super) fn accounts(&self) -> HashMap<LinkId, LogAccount> {
        self.lock().accounts.clone()
    }

    pub(super) fn pending(&self) -> Vec<PendingSender> {
        self.lock().pending.list()
    }

    /// Forgets senders that are not registered, as far as `keep` does not hold, and exporters that are gone.
    pub(super) fn retain(&self, keep: impl Fn(IpAddr) -> bool, stays: impl Fn(LinkId) -> bool) {
        let mut inner = self.lock();
        inner.pending.retain(keep);
        inner.accounts.retain(|link, _| stays(*link));
    }
}
