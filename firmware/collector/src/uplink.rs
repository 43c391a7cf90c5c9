//! The way to the analyzer: numbers batches, keeps each until it is acknowledged, connects again
//! and again, and spools while nobody takes them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::frame;
use api::ingest::{self, BatchId, LinkInfo, Message, Receipt};
use model::{LinkId, Timestamp, Window};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::backlog::{Backlog, Full, Lost};
use crate::output::Output;
use service::Turns;

/// What the stages send: the port's link (0 where it is of exporters), and what they gave.
pub(crate) type Outgoing = (LinkId, Output);

/// Batches that are sent before the first of them is acknowledged.
const IN_FLIGHT_MAX: usize = 32;
/// How long the analyzer may be away before batches go to disk.
const SPOOL_AFTER: Duration = Duration::from_secs(2);
/// Pauses between attempts to connect.
const RETRY: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(1_000),
    Duration::from_millis(2_000),
    Duration::from_millis(5_000),
];
/// How long to wait when the analyzer has no room.
const LATER: Duration = Duration::from_secs(2);
/// What is left to be said when the program stops.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// How the uplink is, for the status.
#[derive(Debug)]
pub(crate) struct Health {
    pub(crate) unacknowledged: AtomicU64,
    pub(crate) spooled: AtomicU64,
    pub(crate) analyzer: Mutex<Result<(), String>>,
    /// Records that were lost, by link, until the link's thread takes them into its window.
    lost: Mutex<BTreeMap<LinkId, u64>>,
    /// Records that were lost since the start, of all links.
    pub(crate) records_lost: AtomicU64,
    /// How often the analyzer was connected to.
    pub(crate) connections: AtomicU64,
}

impl Health {
    pub(crate) fn new() -> Self {
        Self {
            unacknowledged: AtomicU64::new(0),
            spooled: AtomicU64::new(0),
            analyzer: Mutex::new(Err("not connected yet".to_owned())),
            lost: Mutex::new(BTreeMap::new()),
            records_lost: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        }
    }

    /// Counts records of a link that are lost.
    pub(crate) fn lose(&self, link: LinkId, records: u64) {
        if records == 0 {
            return;
        }
        self.records_lost.fetch_add(records, Ordering::Relaxed);
        if link == LinkId::default() {
            // Nobody's window has them; the status does.
            return;
        }
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        *lost.entry(link).or_default() += records;
    }

    /// Counts records of several links that are lost.
    pub(crate) fn lose_all(&self, shares: impl IntoIterator<Item = (LinkId, u64)>) {
        shares.into_iter().for_each(|(link, records)| self.lose(link, records));
    }

    /// Whether anything was lost that no window has yet.
    pub(crate) fn has_lost(&self) -> bool {
        !self.lost.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Records of a link that were lost since this was last asked.
    pub(crate) fn take_lost(&self, link: LinkId) -> u64 {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.remove(&link).unwrap_or(0)
    }

    fn set_analyzer(&self, state: Result<(), String>) {
        let mut place = self.analyzer.lock().unwrap_or_else(PoisonError::into_inner);
        if place.is_ok() != state.is_ok() {
            match &state {
                Ok(()) => log::info!(EVENT = "connected"; "connected to the analyzer"),
                Err(why) => log::warn!(EVENT = "not_connected"; "the analyzer is away: {why}; batches are kept"),
            }
        }
        *place = state;
    }
}

/// A connection: two tasks that read and write, so that the uplink itself never waits for a socket.
struct Connection {
    to: mpsc::Sender<Vec<u8>>,
    from: mpsc::Receiver<Receipt>,
    in_flight: usize,
}

/// The uplink's own state.
pub(crate) struct Uplink {
    socket: PathBuf,
    backlog: Backlog,
    health: Arc<Health>,
    links: watch::Receiver<Vec<LinkInfo>>,
    epoch: u64,
    sequence: u64,
    connection: Option<Connection>,
    attempts: usize,
    retry_at: Instant,
    away_since: Option<Instant>,
    resume_at: Option<Instant>,
    losing: bool,
    hello_due: bool,
    turns: Turns,
}

impl Uplink {
    /// An uplink to the analyzer's socket. `started` is the run's number.
    pub(crate) fn new(
        socket: PathBuf,
        backlog: Backlog,
        health: Arc<Health>,
        links: watch::Receiver<Vec<LinkInfo>>,
        started: Timestamp,
        turns: Turns,
    ) -> Self {
        Self {
            socket,
            backlog,
            health,
            links,
            epoch: started.as_nanos(),
            sequence: 0,
            connection: None,
            attempts: 0,
            retry_at: Instant::now(),
            away_since: Some(Instant::now()),
            resume_at: None,
            losing: false,
            hello_due: false,
            turns,
        }
    }

    /// Carries until every port's thread is gone, then says its last words: what the analyzer
    /// does not take in time is on disk when this returns.
    pub(crate) async fn run(mut self, mut outgoing: mpsc::Receiver<Outgoing>) {
        let mut upkeep = tokio::time::interval(Duration::from_millis(200));
        let mut until = None;
        loop {
            let can_send = self.can_send();
            let now = Instant::now();
            if until.is_some_and(|until| now >= until || self.backlog.len() == 0) {
                break;
            }
            tokio::select! {
                item = outgoing.recv(), if until.is_none() => match item {
                    Some((link, output)) => self.take(link, output),
                    None => until = Some(now + LAST_WORDS),
                },
                receipt = receipt(&mut self.connection) => match receipt {
                    Some(receipt) => self.receipt(receipt),
                    None => self.disconnected("it closed the connection".to_owned()),
                },
                () = std::future::ready(()), if can_send => self.send(),
                () = tokio::time::sleep_until(self.retry_at), if self.connection.is_none() => self.connect().await,
                changed = self.links.changed(), if self.connection.is_some() => {
                    if changed.is_ok() {
                        self.hello();
                    }
                }
                _ = upkeep.tick() => self.upkeep(),
            }
            self.turns.tick();
            self.health
                .unacknowledged
                .store(self.backlog.records(), Ordering::Relaxed);
            self.health.spooled.store(self.backlog.spooled(), Ordering::Relaxed);
        }
        let spooled = self.backlog.spill(0).and_then(|()| self.backlog.sync());
        match spooled {
            Ok(()) if self.backlog.len() == 0 => {}
            Ok(()) => log::info!(EVENT = "spooled"; "{} batches wait on disk for the next start", self.backlog.len()),
            Err(e) => log::error!(EVENT = "records_lost"; "what the analyzer did not take cannot be kept: {e}"),
        }
    }

    fn take(&mut self, link: LinkId, output: Output) {
        self.sequence += 1;
        let id = BatchId {
            epoch: self.epoch,
            sequence: self.sequence,
        };
        if let Output::Window(window) = &output {
            self.show(window);
        }
        let records = u32::try_from(output.records()).unwrap_or(u32::MAX);
        let shares = output.shares(link);
        let owner = match shares.as_slice() {
            [(one, _)] => Some(*one),
            _ => None,
        };
        let pushed = match ingest::encode(&output.into_message(id)) {
            Ok(message) => self.backlog.push(id, message, records, owner),
            Err(e) => {
                log::error!(EVENT = "records_lost"; "a batch cannot be written: {e}");
                Err(Full)
            }
        };
        match pushed {
            Ok(()) => self.losing = false,
            Err(Full) => {
                self.health.lose_all(shares);
                if !std::mem::replace(&mut self.losing, true) {
                    log::error!(EVENT = "records_lost"; "memory and spool are full: new records are lost until the analyzer takes the old ones");
                }
            }
        }
    }

    /// Live pages see the second although its batch has to wait.
    fn show(&self, window: &Window) {
        let (Some(_), Some(connection)) = (self.resume_at, &self.connection) else {
            return;
        };
        let message = Message::Live {
            window: Box::new(window.clone()),
        };
        if let Ok(body) = ingest::encode(&message) {
            // A full queue has older seconds in it: the next one is as good.
            let _ = connection.to.try_send(body);
        }
    }

    fn lost(&self, lost: Lost) {
        // Of a batch of several links nobody remembers the shares.
        self.health.lose(lost.link.unwrap_or_default(), u64::from(lost.records));
    }

    fn can_send(&self) -> bool {
        let paused = self.resume_at.is_some_and(|at| Instant::now() < at);
        let free = self
            .connection
            .as_ref()
            .is_some_and(|c| c.in_flight < IN_FLIGHT_MAX && c.to.capacity() > 0);
        free && !paused && self.backlog.has_unsent()
    }

    fn send(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        let Some((id, message)) = self.backlog.next() else {
            return;
        };
        match connection.to.try_send(message) {
            Ok(()) => connection.in_flight += 1,
            Err(_) => self.backlog.again(id),
        }
    }

    fn receipt(&mut self, receipt: Receipt) {
        if let Some(connection) = &mut self.connection {
            connection.in_flight = connection.in_flight.saturating_sub(1);
        }
        match receipt {
            Receipt::Stored { id } => drop(self.backlog.done(id)),
            Receipt::Refused { id, reason } => {
                log::error!(EVENT = "refused"; "the analyzer refused a batch: {reason}");
                if let Some(lost) = self.backlog.done(id) {
                    self.lost(lost);
                }
            }
            Receipt::Later { id, reason } => {
                self.backlog.again(id);
                if self.resume_at.is_none() {
                    log::warn!(EVENT = "later"; "the analyzer takes nothing now: {reason}");
                }
                self.resume_at = Some(Instant::now() + LATER);
            }
        }
    }

    async fn connect(&mut self) {
        match UnixStream::connect(&self.socket).await {
            Ok(stream) => {
                self.connection = Some(Connection::start(stream));
                self.attempts = 0;
                self.away_since = None;
                self.resume_at = None;
                self.backlog.all_again();
                self.hello();
                self.health.connections.fetch_add(1, Ordering::Relaxed);
                self.health.set_analyzer(Ok(()));
            }
            Err(e) => self.disconnected(format!("{}: {e}", self.socket.display())),
        }
    }

    fn hello(&mut self) {
        let links = self.links.borrow_and_update().clone();
        let hello = Message::Hello {
            version: ingest::VERSION,
            links,
        };
        let said = ingest::encode(&hello).ok().zip(self.connection.as_ref());
        if let Some((body, connection)) = said
            && connection.to.try_send(body).is_err()
        {
            // The queue is full: said again at the next upkeep.
            self.hello_due = true;
        }
    }

    fn disconnected(&mut self, why: String) {
        self.connection = None;
        self.backlog.all_again();
        let pause = RETRY.get(self.attempts).or(RETRY.last()).copied().unwrap_or_default();
        self.attempts += 1;
        self.retry_at = Instant::now() + pause;
        self.away_since.get_or_insert_with(Instant::now);
        self.health.set_analyzer(Err(why));
    }

    fn upkeep(&mut self) {
        if std::mem::take(&mut self.hello_due) {
            self.hello();
        }
        if self.resume_at.is_some_and(|at| Instant::now() >= at + LATER) {
            self.resume_at = None;
        }
        let away = self.away_since.is_some_and(|since| since.elapsed() >= SPOOL_AFTER);
        if (away || self.resume_at.is_some())
            && let Err(e) = self.backlog.spill(0)
        {
            log::debug!("the spool takes no more: {e}");
        }
    }
}

async fn receipt(connection: &mut Option<Connection>) -> Option<Receipt> {
    match connection {
        Some(connection) => connection.from.recv().await,
        None => std::future::pending().await,
    }
}

impl Connection {
    fn start(stream: UnixStream) -> Self {
        let (mut reader, mut writer) = stream.into_split();
        let (to, mut bodies) = mpsc::channel::<Vec<u8>>(4);
        let (receipts, from) = mpsc::channel(IN_FLIGHT_MAX);
        tokio::spawn(async move {
            while let Some(body) = bodies.recv().await {
                if frame::write(&mut writer, &body).await.is_err() {
                    return;
                }
            }
        });
        tokio::spawn(async move {
            while let Ok(Some(body)) = frame::read(&mut reader).await {
                let Ok(receipt) = ingest::decode(&body) else { return };
                if receipts.send(receipt).await.is_err() {
                    return;
                }
            }
        });
        Self { to, from, in_flight: 0 }
    }
}
