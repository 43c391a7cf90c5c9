//! Syslog over UDP, and the way of all log records into blocks.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use api::collector::{Protocol, SocketPurpose};
use capture::datagram::{BATCH, Receiver};
use model::{LinkId, LogBlock, LogRecord, Timestamp};
use service::Turns;
use tokio::sync::mpsc;

use super::shared::{Exit, Shared};
use crate::output::Output;
use crate::port::now;
use crate::uplink::Outgoing;

const WAIT: Duration = Duration::from_millis(100);
const REST: Duration = Duration::from_millis(1);
const BATCHES: usize = 8;

/// The way in for those who receive log records elsewhere. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Book(Arc<Shared>);

impl Book {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Whether a sender is registered, or else is listed where that is wanted.
    pub(crate) fn admits(&self, now: Timestamp, peer: IpAddr, protocol: Protocol) -> bool {
        let registry = self.0.setup().registry.clone();
        if registry.enabled(peer).is_some() {
            return true;
        }
        if registry.discovery && registry.place(peer).is_none() {
            self.0.book.unregistered(now, peer, protocol);
        }
        false
    }

    /// Takes a syslog message of a sender, if it is registered; says whether it is.
    pub(crate) fn message(&self, now: Timestamp, peer: IpAddr, protocol: Protocol, octets: &[u8]) -> bool {
        let registry = self.0.setup().registry.clone();
        let Some(exporter) = registry.enabled(peer) else {
            return false;
        };
        let message = syslog::parse(now, peer, exporter.utc_offset_s(), octets);
        self.record(protocol, octets.len(), message.into_record(exporter.link));
        true
    }

    /// Takes a record of a registered exporter.
    pub(crate) fn record(&self, protocol: Protocol, octets: usize, record: LogRecord) {
        let link = record.exporter;
        if !self.0.book.push(protocol, octets, record) {
            self.0.health.lose(link, 1);
        }
    }
}

/// Receives syslog over UDP and makes blocks of all log records, until it is told to stop.
pub(super) fn run(shared: Arc<Shared>, outgoing: mpsc::Sender<Outgoing>, turns: &Turns) {
    let book = Book::new(shared.clone());
    let mut exit = Exit::new(outgoing, shared.health.clone());
    let mut receiver = Receiver::new();
    while !shared.stops() {
        let came = read(&shared, &book, &mut receiver, WAIT);
        hand_over(&shared, &mut exit, false);
        turns.tick();
        if (1..BATCH).contains(&came) {
            std::thread::sleep(REST);
        }
    }
    while read(&shared, &book, &mut receiver, Duration::ZERO) > 0 {}
    hand_over(&shared, &mut exit, true);
    exit.finish();
}

fn read(shared: &Shared, book: &Book, receiver: &mut Receiver, wait: Duration) -> usize {
    let setup = shared.setup();
    let listeners: Vec<_> = setup
        .listeners
        .iter()
        .filter(|l| l.purpose == SocketPurpose::Syslog)
        .filter_map(|l| Some((l, l.socket(0)?)))
        .collect();
    let mut came = 0;
    for place in receiver.wait(listeners.iter().map(|(_, socket)| *socket), wait) {
        let Some((listener, socket)) = listeners.get(place) else {
            continue;
        };
        for _ in 0..BATCHES {
            let time = now();
            let received = receiver.receive(socket, |datagram| {
                let peer = datagram.from.ip();
                if !book.admits(time, peer, Protocol::Syslog) {
                    listener.unregistered.fetch_add(1, Ordering::Relaxed);
                } else if !datagram.octets.is_empty() {
                    book.message(time, peer, Protocol::Syslog, datagram.octets);
                }
            });
            match received {
                Ok(count) => {
                    came += count;
                    listener.received.fetch_add(count as u64, Ordering::Relaxed);
                    if count < BATCH {
                        break;
                    }
                }
                Err(e) => {
                    listener.fail(&e);
                    std::thread::sleep(REST);
                    break;
                }
            }
        }
        listener.count_drops(0);
    }
    came
}

fn hand_over(shared: &Shared, exit: &mut Exit, all: bool) {
    // What finds no room stays in the book, whose bounds hold then.
    if exit.is_full() && !all {
        return exit.give([]);
    }
    exit.give(blocks(shared.book.take_due(now(), all)));
}

/// Blocks of log records, each of no more than one block takes.
fn blocks(records: Vec<LogRecord>) -> Vec<Output> {
    let mut blocks = Vec::new();
    let mut rest = records.as_slice();
    while !rest.is_empty() {
        let mut weight = 0;
        let fits = rest.iter().take(LogBlock::RECORDS_MAX).take_while(|record| {
            weight += LogBlock::weight(record);
            weight <= LogBlock::WEIGHT_MAX
        });
        // A record is never more than a block takes.
        let (first, after) = rest.split_at(fits.count().max(1));
        rest = after;
        let mut shares: HashMap<LinkId, u64> = HashMap::new();
        for record in first {
            *shares.entry(record.exporter).or_default() += 1;
        }
        match LogBlock::encode(first) {
            Ok(made) => blocks.extend(made.into_iter().map(|block| Output::Logs {
                block,
                shares: shares.drain().collect(),
            })),
            Err(e) => log::error!(EVENT = "no_block"; "{} log records are lost: {e}", first.len()),
        }
    }
    blocks
}
