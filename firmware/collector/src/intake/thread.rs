//! A thread that receives flow records: it reads its sockets, decodes, and hands blocks and minutes to the uplink.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver as Queue, SyncSender, TrySendError};
use std::time::{Duration, Instant};

use api::collector::{PendingSender, SocketPurpose};
use capture::datagram::{self, BATCH, DatagramSocket, Receiver};
use model::{LinkId, Timestamp};
use service::Turns;
use tokio::sync::mpsc;

use super::desk::{ExporterReport, StreamReport};
use super::ledger::Ledger;
use super::listener::Listener;
use super::pending::{Pending, guess};
use super::plan::Registry;
use super::shared::{Exit, Setup, Shared, Strayed};
use super::source::Source;
use super::store::Saver;
use crate::port::now;
use crate::uplink::Outgoing;

/// How long to wait for datagrams: what is due, questions and a stop wait no longer.
const WAIT: Duration = Duration::from_millis(100);
/// A pause after few datagrams came, so that the next ones come together.
const REST: Duration = Duration::from_millis(1);
/// Batches that are read of a socket before the others have their turn.
const BATCHES: usize = 8;
/// Datagrams that wait on their way between threads.
pub(super) const STRAYED_MAX: usize = 1_024;
/// Questions that wait.
pub(super) const QUESTIONS_MAX: usize = 64;

/// What a thread is asked.
pub(super) enum Question {
    /// How the exporters are, and who else sends.
    Report(SyncSender<Report>),
    /// An exporter in full.
    Streams(LinkId, SyncSender<StreamReport>),
}

/// A thread's answer.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) exporters: Vec<ExporterReport>,
    pub(super) pending: Vec<PendingSender>,
}

/// What a thread works with.
pub(super) struct Tools {
    pub(super) shared: Arc<Shared>,
    pub(super) outgoing: mpsc::Sender<Outgoing>,
    /// Its place among the threads, and their ways in.
    pub(super) place: usize,
    pub(super) others: Vec<SyncSender<Strayed>>,
    pub(super) strayed: Queue<Strayed>,
    pub(super) questions: Queue<Question>,
    pub(super) saver: Saver,
    pub(super) turns: Turns,
}

/// Receives until it is told to stop.
pub(super) fn run(tools: Tools) {
    let mut seen = 0;
    let setup = tools.shared.newer(&mut seen).unwrap_or_else(|| tools.shared.setup());
    let mut worker = Worker {
        ledger: Ledger::new(setup.registry.clone(), tools.shared.pace),
        source: {
            let (place, threads) = tools.saver.place();
            Source::new(&setup.registry, place, threads, &tools.saver.load())
        },
        pending: Pending::default(),
        exit: Exit::new(tools.outgoing.clone(), tools.shared.health.clone()),
        look_at: Instant::now(),
        setup,
        tools,
    };
    let mut receiver = Receiver::new();
    while !worker.tools.shared.stops() {
        if let Some(setup) = worker.tools.shared.newer(&mut seen) {
            worker.set_up(setup);
        }
        let came = worker.turn(&mut receiver);
        worker.tools.turns.tick();
        if (1..BATCH).contains(&came) {
            std::thread::sleep(REST);
        }
    }
    // What the kernel holds already is not lost.
    while worker.read(&mut receiver, Duration::ZERO) > 0 {}
    worker.stop();
}

struct Worker {
    tools: Tools,
    setup: Arc<Setup>,
    ledger: Ledger,
    source: Source,
    pending: Pending,
    exit: Exit,
    look_at: Instant,
}

impl Worker {
    fn set_up(&mut self, setup: Arc<Setup>) {
        let registry = &setup.registry;
        if registry.discovery {
            self.pending.retain(|address| registry.place(address).is_none());
        } else {
            self.pending.clear();
        }
        self.source.reregister(self.ledger.registry(), registry);
        self.ledger.reregister(now(), registry.clone());
        self.setup = setup;
    }

    /// Waits for datagrams once and handles them, and what else is due; says how many came.
    fn turn(&mut self, receiver: &mut Receiver) -> usize {
        let came = self.read(receiver, WAIT);
        let time = now();
        if Instant::now() >= self.look_at {
            self.look_at = Instant::now() + Duration::from_secs(1);
            self.look(time);
        }
        self.ledger.tick(time);
        self.exit.give(self.ledger.take_output());
        while let Ok(question) = self.tools.questions.try_recv() {
            self.answer(question, time);
        }
        self.tools.saver.turn(&self.source);
        came
    }

    fn read(&mut self, receiver: &mut Receiver, wait: Duration) -> usize {
        let setup = self.setup.clone();
        let flows = || setup.listeners.iter().filter(|l| l.purpose == SocketPurpose::Flow);
        let mine: Vec<(&Arc<Listener>, &DatagramSocket)> = flows()
            .filter_map(|listener| Some((listener, listener.socket(self.tools.place)?)))
            .collect();
        let mut came = 0;
        for place in receiver.wait(mine.iter().map(|(_, socket)| *socket), wait) {
            let Some((listener, socket)) = mine.get(place) else {
                continue;
            };
            for _ in 0..BATCHES {
                let time = now();
                let mut take = |d: &datagram::Datagram<'_>| self.datagram(time, listener, d.from.ip(), d.octets);
                match receiver.receive(socket, &mut take) {
                    Ok(count) => {
                        came += count;
                        listener.received.fetch_add(count as u64, Ordering::Relaxed);
                        if count < BATCH {
                            break;
                        }
                    }
                    Err(e) => {
                        listener.fail(&e);
                        // An error that stays must not make this spin.
                        std::thread::sleep(REST);
                        break;
                    }
                }
                // Blocks that are full go out before more come.
                self.exit.give(self.ledger.take_output());
            }
        }
        let time = now();
        for _ in 0..STRAYED_MAX {
            let Ok(strayed) = self.tools.strayed.try_recv() else {
                break;
            };
            came += 1;
            let place = self.setup.registry.place(strayed.from);
            if let Some(place) = place {
                self.decode(time, place, strayed.from, &strayed.octets);
            }
        }
        came
    }

    fn datagram(&mut self, time: Timestamp, listener: &Listener, from: IpAddr, octets: &[u8]) {
        let registry = &self.setup.registry;
        let place = registry.place(from);
        let enabled = place.and_then(|place| registry.exporters().get(place).filter(|e| e.settings.enabled));
        let (Some(place), Some(exporter)) = (place, enabled) else {
            listener.unregistered.fetch_add(1, Ordering::Relaxed);
            if registry.discovery && place.is_none() {
                self.pending.see(time, from, guess(listener.purpose, octets));
            }
            return;
        };
        let home = exporter.settings.addresses.first().map_or(from, IpAddr::to_canonical);
        let owner = owner(home, self.tools.others.len());
        if owner == self.tools.place {
            return self.decode(time, place, from, octets);
        }
        let strayed = Strayed {
            from,
            octets: octets.to_vec(),
        };
        if let Some(Err(TrySendError::Full(_))) = self.tools.others.get(owner).map(|o| o.try_send(strayed)) {
            listener.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn decode(&mut self, time: Timestamp, place: usize, from: IpAddr, octets: &[u8]) {
        let facts = &self.tools.shared.facts;
        self.source.decode(time, place, from, octets, &mut self.ledger, facts);
    }

    /// Looks at what was lost, once a second.
    fn look(&mut self, time: Timestamp) {
        let dropped: u64 = self
            .setup
            .listeners
            .iter()
            .filter(|l| l.purpose == SocketPurpose::Flow)
            .map(|l| l.count_drops(self.tools.place))
            .sum();
        let shared = &self.tools.shared;
        self.source.look(time, &mut self.ledger, &shared.health, &shared.facts);
        self.ledger.lose_datagrams(time, dropped);
    }

    fn answer(&mut self, question: Question, time: Timestamp) {
        // Whoever does not wait any more needs no answer.
        match question {
            Question::Report(reply) => {
                let _ = reply.send(Report {
                    exporters: self.source.reports(time, &self.ledger),
                    pending: self.pending.list(),
                });
            }
            Question::Streams(link, reply) => {
                let _ = reply.send(self.source.streams(link, &self.ledger));
            }
        }
    }

    fn stop(mut self) {
        let time = now();
        self.look(time);
        self.ledger.finish(time);
        self.exit.give(self.ledger.take_output());
        self.tools.saver.finish(&self.source);
        self.exit.finish();
    }
}

/// The thread that an exporter's datagrams belong to, by its first address.
pub(super) fn owner(address: IpAddr, threads: usize) -> usize {
    let threads = u32::try_from(threads).unwrap_or(1);
    usize::try_from(datagram::place_of(address, threads)).unwrap_or_default()
}

/// The exporters of a registry that belong to a thread.
pub(super) fn belongs(registry: &Registry, address: IpAddr, place: usize, threads: usize) -> bool {
    let exporter = registry.place(address).and_then(|p| registry.exporters().get(p));
    let home = exporter.and_then(|e| e.settings.addresses.first()).copied();
    owner(home.unwrap_or(address).to_canonical(), threads) == place
}
