//! The intake as the program sees it: set up, asked, stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use api::collector::{
    ExporterDetail, ExporterStatus, Exporters, Protocol, SnmpStatus, SocketPurpose, SocketStatus, StreamStatus,
};
use model::{DropCounters, LinkId, Timestamp};
use service::Workers;
use tokio::sync::mpsc::Sender;

use super::ledger::Pace;
use super::listener::{BUFFER, Listener};
use super::pending;
use super::plan::{IntakePlan, Registry};
use super::shared::{Setup, Shared};
use super::store::Saver;
use super::thread::{self, QUESTIONS_MAX, Question, STRAYED_MAX, Tools};
use super::{logs, source};
use crate::opener::Opener;
use crate::port::now;
use crate::uplink::{Health, Outgoing};

/// Threads that receive flow records, at most.
const THREADS_MAX: usize = 4;
/// How long a thread may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a thread says of an exporter.
#[derive(Debug, Clone)]
pub(super) struct ExporterReport {
    pub(super) link: LinkId,
    pub(super) first_seen: Option<Timestamp>,
    pub(super) last_seen: Option<Timestamp>,
    pub(super) protocols: BTreeSet<Protocol>,
    pub(super) datagrams: u64,
    pub(super) octets: u64,
    pub(super) records: u64,
    /// Datagrams, records and octets of traffic a second.
    pub(super) rates: [f64; 3],
    pub(super) lost: u64,
    pub(super) errors: u64,
    pub(super) templates: u32,
    pub(super) sampling: BTreeSet<u32>,
}

/// What a thread says of an exporter in full.
#[derive(Debug, Clone, Default)]
pub(super) struct StreamReport {
    pub(super) streams: Vec<StreamStatus>,
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) last_error: Option<(Timestamp, String)>,
}

struct Thread {
    name: String,
    questions: SyncSender<Question>,
    handle: JoinHandle<()>,
}

/// The intake's threads and ports.
pub(crate) struct Intake {
    shared: Arc<Shared>,
    /// The uplink ends when the last of these is gone: nothing that outlives the threads may have one.
    outgoing: Sender<Outgoing>,
    opener: Opener,
    workers: Workers,
    folder: PathBuf,
    threads: Vec<Thread>,
    logs: Option<(String, JoinHandle<()>)>,
    /// Ports that could not be opened, and why.
    closed: BTreeMap<(SocketPurpose, u16), String>,
    plan: IntakePlan,
}

impl Intake {
    /// Nothing is received yet. What exporters taught is kept in `folder`.
    pub(crate) fn new(
        opener: Opener,
        outgoing: Sender<Outgoing>,
        health: Arc<Health>,
        workers: Workers,
        folder: &Path,
        pace: Pace,
    ) -> Self {
        Self {
            shared: Arc::new(Shared::new(health, pace)),
            outgoing,
            opener,
            workers,
            folder: folder.to_owned(),
            threads: Vec::new(),
            logs: None,
            closed: BTreeMap::new(),
            plan: IntakePlan::default(),
        }
    }

    /// What the log receivers share with this.
    pub(crate) fn book(&self) -> logs::Book {
        logs::Book::new(self.shared.clone())
    }

    /// What is known of devices.
    pub(crate) fn facts(&self) -> super::Facts {
        self.shared.facts.clone()
    }

    /// The registry in force.
    pub(crate) fn registry(&self) -> Arc<Registry> {
        self.plan.registry.clone()
    }

    /// Makes ports and exporters what the plan says. What threads know of exporters stays.
    pub(crate) fn apply(&mut self, plan: IntakePlan) {
        self.plan = plan;
        let listens = self.udp();
        if self.threads.is_empty() && !listens.is_empty() {
            // The threads need the registry from their first datagram on.
            self.shared.set_up(Setup {
                listeners: Vec::new(),
                registry: self.plan.registry.clone(),
            });
            if let Err(e) = self.start() {
                log::error!(EVENT = "not_receiving"; "no thread to receive with: {e}");
            }
        }
        self.open();
        let registry = &self.plan.registry;
        self.shared.book.retain(
            |address| registry.discovery && registry.place(address).is_none(),
            |link| registry.by_link(link).is_some(),
        );
    }

    /// Tries again what could not be opened.
    pub(crate) fn retry(&mut self) {
        if !self.closed.is_empty() {
            self.open();
        }
    }

    fn udp(&self) -> BTreeSet<(SocketPurpose, u16)> {
        let udp = |(purpose, _): &&(SocketPurpose, u16)| matches!(purpose, SocketPurpose::Flow | SocketPurpose::Syslog);
        self.plan.listens.iter().filter(udp).copied().collect()
    }

    fn open(&mut self) {
        let before = self.shared.setup();
        let wanted = self.udp();
        let stays = |l: &&Arc<Listener>| wanted.contains(&(l.purpose, l.port));
        let mut listeners: Vec<Arc<Listener>> = before.listeners.iter().filter(stays).cloned().collect();
        let had: BTreeSet<_> = listeners.iter().map(|l| (l.purpose, l.port)).collect();
        let mut closed = BTreeMap::new();
        for &(purpose, port) in wanted.difference(&had) {
            let sockets = match purpose {
                SocketPurpose::Flow => u32::try_from(self.threads.len()).unwrap_or(1),
                _ => 1,
            };
            match self.opener.datagrams(port, sockets, BUFFER) {
                Ok(sockets) => {
                    log::info!(EVENT = "receiving", PORT = port; "receiving {purpose:?} on UDP port {port}");
                    listeners.push(Arc::new(Listener::new(purpose, port, sockets)));
                }
                Err(why) => {
                    if self.closed.get(&(purpose, port)) != Some(&why) {
                        log::error!(EVENT = "not_receiving", PORT = port; "{purpose:?}: {why}");
                    }
                    closed.insert((purpose, port), why);
                }
            }
        }
        self.closed = closed;
        listeners.sort_by_key(|l| (l.purpose, l.port));
        self.shared.set_up(Setup {
            listeners,
            registry: self.plan.registry.clone(),
        });
    }

    fn start(&mut self) -> std::io::Result<()> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let count = cores.clamp(1, THREADS_MAX);
        let (others, strayed): (Vec<_>, Vec<_>) = (0..count).map(|_| mpsc::sync_channel(STRAYED_MAX)).unzip();
        for (place, strayed) in strayed.into_iter().enumerate() {
            let name = format!("intake-{place}");
            let (questions, asked) = mpsc::sync_channel(QUESTIONS_MAX);
            let tools = Tools {
                shared: self.shared.clone(),
                outgoing: self.outgoing.clone(),
                place,
                others: others.clone(),
                strayed,
                questions: asked,
                saver: Saver::new(&self.folder, place, count),
                turns: self.workers.add(&name),
            };
            let handle = std::thread::Builder::new()
                .name(name.clone())
                .spawn(move || thread::run(tools))?;
            self.threads.push(Thread {
                name,
                questions,
                handle,
            });
        }
        let name = "intake-logs".to_owned();
        let turns = self.workers.add(&name);
        let (shared, outgoing) = (self.shared.clone(), self.outgoing.clone());
        let handle = std::thread::Builder::new()
            .name(name.clone())
            .spawn(move || logs::run(shared, outgoing, &turns))?;
        self.logs = Some((name, handle));
        Ok(())
    }

    /// What threads and listeners are asked through, without holding this.
    pub(crate) fn asker(&self) -> Asker {
        let closed = self.closed.iter().map(|(&(purpose, port), why)| SocketStatus {
            purpose,
            address: (std::net::Ipv6Addr::UNSPECIFIED, port).into(),
            datagrams: 0,
            dropped: 0,
            unregistered: 0,
            buffer: 0,
            trouble: Some(why.clone()),
        });
        Asker {
            shared: self.shared.clone(),
            registry: self.plan.registry.clone(),
            questions: self.threads.iter().map(|t| t.questions.clone()).collect(),
            closed: closed.collect(),
        }
    }

    /// Stops all threads; each hands over what it has.
    pub(crate) fn stop(self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let threads = self.threads.into_iter().map(|t| (t.name, t.handle));
        for (name, handle) in threads.chain(self.logs) {
            self.workers.remove(&name);
            if handle.join().is_err() {
                log::error!(EVENT = "intake_failed"; "{name}: the thread failed");
            }
        }
    }
}

/// Asks the threads.
pub(crate) struct Asker {
    shared: Arc<Shared>,
    registry: Arc<Registry>,
    questions: Vec<SyncSender<Question>>,
    closed: Vec<SocketStatus>,
}

impl Asker {
    fn ask<T>(&self, question: impl Fn(SyncSender<T>) -> Question) -> Vec<T> {
        let ask = |to: &SyncSender<Question>| {
            let (reply, answer) = mpsc::sync_channel(1);
            to.try_send(question(reply)).ok().map(|()| answer)
        };
        // All are asked before the first is waited for.
        let answers: Vec<_> = self.questions.iter().filter_map(ask).collect();
        answers
            .into_iter()
            .filter_map(|answer| answer.recv_timeout(PATIENCE).ok())
            .collect()
    }

    /// Every exporter, and who else sends; `polled` says how an agent is.
    pub(crate) fn exporters(&self, polled: impl Fn(LinkId) -> Option<SnmpStatus>) -> Exporters {
        let mut pending = self.shared.book.pending();
        let mut reports: BTreeMap<LinkId, Vec<ExporterReport>> = BTreeMap::new();
        for report in self.ask(Question::Report) {
            pending.extend(report.pending);
            for exporter in report.exporters {
                reports.entry(exporter.link).or_default().push(exporter);
            }
        }
        let logs = self.shared.book.accounts();
        let now = now();
        let status = |exporter: &Arc<super::plan::ExporterPlan>| {
            let link = exporter.link;
            let mut status = silent(exporter);
            for report in reports.get(&link).into_iter().flatten() {
                add(&mut status, report);
            }
            if let Some(log) = logs.get(&link) {
                status.first_seen = earlier(status.first_seen, log.first_seen);
                status.last_seen = status.last_seen.max(log.last_seen);
                status.protocols.extend(log.protocols.iter().copied());
                let [rate] = log.rates.a_second(now);
                status.datagrams += log.messages;
                status.datagrams_per_s += rate;
                status.octets += log.octets;
                status.messages += log.messages;
            }
            status.protocols.sort_unstable();
            status.protocols.dedup();
            status.sampling.sort_unstable();
            status.sampling.dedup();
            status.sampling.truncate(8);
            status.snmp = polled(link);
            status
        };
        let mut sockets: Vec<SocketStatus> = self
            .shared
            .setup()
            .listeners
            .iter()
            .filter_map(|l| l.status())
            .collect();
        sockets.extend(self.closed.iter().cloned());
        Exporters {
            exporters: self.registry.exporters().iter().map(status).collect(),
            pending: pending::join(pending),
            sockets,
            syslog_certificate: None,
        }
    }

    /// One exporter in full; `None` where there is none of the number.
    pub(crate) fn exporter(
        &self,
        link: LinkId,
        polled: impl Fn(LinkId) -> Option<SnmpStatus>,
    ) -> Option<ExporterDetail> {
        let all = self.exporters(polled);
        let status = all.exporters.into_iter().find(|e| e.link == link)?;
        let mut joined = StreamReport::default();
        for report in self.ask(|reply| Question::Streams(link, reply)) {
            joined.streams.extend(report.streams);
            for (kind, count) in report.errors {
                *joined.errors.entry(kind).or_default() += count;
            }
            joined.last_error = joined.last_error.max(report.last_error);
        }
        joined.streams.sort_by_key(|s| (s.address, s.protocol, s.domain));
        Some(ExporterDetail {
            status,
            streams: joined.streams,
            errors: joined.errors.into_iter().collect(),
            last_error: joined.last_error.map(|(_, text)| text),
        })
    }

    /// Records that came, and what was lost, since the start.
    pub(crate) fn totals(&self) -> (u64, DropCounters) {
        let mut records = 0;
        let mut drops = DropCounters::default();
        for exporter in self.ask(Question::Report).into_iter().flat_map(|r| r.exporters) {
            records += exporter.records;
            drops.export += exporter.lost;
        }
        let setup = self.shared.setup();
        drops.socket = setup.listeners.iter().map(|l| l.dropped.load(Ordering::Relaxed)).sum();
        (records, drops)
    }
}

fn silent(exporter: &super::plan::ExporterPlan) -> ExporterStatus {
    let settings = &exporter.settings;
    ExporterStatus::silent(
        exporter.link,
        settings.name.clone(),
        settings.addresses.clone(),
        settings.enabled,
    )
}

fn add(status: &mut ExporterStatus, report: &ExporterReport) {
    let [datagrams, records, traffic] = report.rates;
    status.first_seen = earlier(status.first_seen, report.first_seen);
    status.last_seen = status.last_seen.max(report.last_seen);
    status.protocols.extend(report.protocols.iter().copied());
    status.datagrams += report.datagrams;
    status.octets += report.octets;
    status.records += report.records;
    status.datagrams_per_s += datagrams;
    status.records_per_s += records;
    status.bits_per_s += traffic * 8.0;
    status.lost += report.lost;
    status.errors += report.errors;
    status.templates += report.templates;
    status.sampling.extend(report.sampling.iter().copied());
}

fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The name of a protocol that was decoded.
pub(super) const fn protocol(version: source::Version) -> Protocol {
    match version {
        source::Version::NetflowV1 => Protocol::NetflowV1,
        source::Version::NetflowV5 => Protocol::NetflowV5,
        source::Version::NetflowV7 => Protocol::NetflowV7,
        source::Version::NetflowV9 => Protocol::NetflowV9,
        source::Version::Ipfix => Protocol::Ipfix,
        source::Version::SflowV5 => Protocol::Sflow,
    }
}
