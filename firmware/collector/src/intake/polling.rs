//! SNMP: agents are polled, and their notifications received.

use std::collections::BTreeMap;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::collector::{ProbeAnswer, Protocol, SnmpStatus, SocketPurpose, SocketStatus};
use model::LinkId;
use snmp::{Engine, Poller, PollerOptions, Sample, TrapReceiver, TrapSender};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Facts;
use super::logs::Book;
use super::plan::{IntakePlan, Registry};
use crate::chain;
use crate::opener::Opener;
use crate::output::Output;
use crate::uplink::{Health, Outgoing};

/// Samples between the poller and the uplink; while they wait agents go on counting.
const SAMPLES: usize = 256;
/// How often what changed of devices is looked for.
const LOOK: Duration = Duration::from_secs(1);

/// A port that notifications come on.
struct TrapPort {
    receiver: Arc<TrapReceiver>,
    task: JoinHandle<()>,
}

impl Drop for TrapPort {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Default)]
struct Inner {
    engine: Option<Engine>,
    poller: Option<Poller>,
    /// Why nothing is polled.
    trouble: Option<String>,
    senders: Vec<TrapSender>,
    traps: BTreeMap<u16, Result<TrapPort, String>>,
    /// Where samples go; `None` at the end.
    samples: Option<mpsc::Sender<Sample>>,
}

/// The poller and the receivers of notifications.
pub(crate) struct Polling {
    inner: tokio::sync::Mutex<Inner>,
    states: Mutex<BTreeMap<LinkId, snmp::AgentState>>,
    folder: PathBuf,
    book: Book,
    opener: Opener,
}

impl Polling {
    /// Nothing is polled yet. Starts the task that carries what devices say; it ends with the last of the senders.
    pub(crate) fn start(
        folder: &Path,
        book: Book,
        opener: Opener,
        facts: Facts,
        outgoing: mpsc::Sender<Outgoing>,
        health: Arc<Health>,
    ) -> (Self, JoinHandle<()>) {
        let (samples, came) = mpsc::channel(SAMPLES);
        let polling = Self {
            inner: tokio::sync::Mutex::new(Inner {
                samples: Some(samples),
                ..Inner::default()
            }),
            states: Mutex::default(),
            folder: folder.to_owned(),
            book,
            opener,
        };
        (polling, tokio::spawn(carry(came, facts, outgoing, health)))
    }

    /// Polls the plan's agents and takes the notifications of its exporters.
    pub(crate) async fn apply(&self, plan: &IntakePlan) {
        let mut inner = self.inner.lock().await;
        let agents: Vec<_> = plan
            .registry
            .exporters()
            .iter()
            .filter_map(|e| e.agent.clone())
            .collect();
        let ports: Vec<u16> = plan.ports(SocketPurpose::Traps).collect();
        if agents.is_empty() && inner.poller.is_none() && ports.is_empty() && inner.traps.is_empty() {
            return;
        }
        let engine = match self.engine(&mut inner) {
            Ok(engine) => engine,
            Err(why) => {
                log::error!(EVENT = "no_snmp"; "SNMP: {why}");
                inner.trouble = Some(why);
                return;
            }
        };
        if !agents.is_empty()
            && inner.poller.is_none()
            && let Some(samples) = inner.samples.clone()
        {
            match open(engine.clone(), samples).await {
                Ok(poller) => {
                    inner.poller = Some(poller);
                    inner.trouble = None;
                }
                Err(why) => {
                    log::error!(EVENT = "no_snmp"; "SNMP: {why}");
                    inner.trouble = Some(why);
                }
            }
        }
        if let Some(poller) = &mut inner.poller {
            let left_out = poller.set_agents(agents);
            if left_out > 0 {
                log::warn!(EVENT = "agents_left_out"; "{left_out} SNMP agents are too many and are not polled");
            }
        }
        let senders = senders(&plan.registry);
        if senders != inner.senders {
            // A receiver takes its senders when it is opened.
            inner.traps.clear();
            inner.senders = senders;
        }
        inner.traps.retain(|port, state| ports.contains(port) && state.is_ok());
        for port in ports {
            if !inner.traps.contains_key(&port) {
                let opened = self.receive(port, inner.senders.clone(), engine.clone()).await;
                inner.traps.insert(port, opened);
            }
        }
    }

    fn engine(&self, inner: &mut Inner) -> Result<Engine, String> {
        if let Some(engine) = &inner.engine {
            return Ok(engine.clone());
        }
        std::fs::create_dir_all(&self.folder).map_err(|e| format!("{}: {e}", self.folder.display()))?;
        let engine = Engine::open(&self.folder.join("snmp-engine.json")).map_err(|e| chain(&e))?;
        Ok(inner.engine.insert(engine).clone())
    }

    async fn receive(&self, port: u16, senders: Vec<TrapSender>, engine: Engine) -> Result<TrapPort, String> {
        let at = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let (opener, runtime) = (self.opener.clone(), tokio::runtime::Handle::current());
        // The opener's thread has what it takes to open a port below 1024; the runtime that waits for it is this one.
        let opening = tokio::task::spawn_blocking(move || {
            opener.run(move || {
                runtime
                    .block_on(TrapReceiver::open(at, senders, &engine))
                    .map_err(|e| chain(&e))
            })
        });
        let opened = opening.await.map_err(|e| e.to_string()).and_then(|opened| opened);
        match &opened {
            Ok(_) => log::info!(EVENT = "receiving", PORT = port; "receiving SNMP notifications on UDP port {port}"),
            Err(why) => log::error!(EVENT = "not_receiving", PORT = port; "SNMP notifications: {why}"),
        }
        let receiver = Arc::new(opened?);
        for user in receiver.conflicts() {
            log::warn!(EVENT = "snmp_users"; "exporters have the SNMP user {user} with different keys: notifications are taken by one of them alone");
        }
        let task = tokio::spawn(notifications(receiver.clone(), self.book.clone()));
        Ok(TrapPort { receiver, task })
    }

    /// How an agent is, by what was last asked with [`Polling::refresh`].
    pub(crate) fn status(&self, link: LinkId) -> Option<SnmpStatus> {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let state = states.get(&link)?;
        let millis = |d: Option<Duration>| d.map(|d| d.as_secs_f64() * 1e3);
        Some(SnmpStatus {
            last_answer: state.last_answer,
            trouble: state.failure.as_ref().map(ToString::to_string),
            round_trip_ms: millis(state.round_trip),
            requests: state.requests,
            timeouts: state.time_outs,
            poll_ms: millis(state.poll),
        })
    }

    /// Looks at the agents, and gives the ports of notifications.
    pub(crate) async fn refresh(&self) -> Vec<SocketStatus> {
        let inner = self.inner.lock().await;
        let states = inner.poller.as_ref().map(Poller::states).unwrap_or_default();
        *self.states.lock().unwrap_or_else(PoisonError::into_inner) =
            states.into_iter().map(|state| (state.id, state)).collect();
        let status = |(&port, state): (&u16, &Result<TrapPort, String>)| {
            let counts = state.as_ref().map(|open| open.receiver.counts()).unwrap_or_default();
            SocketStatus {
                purpose: SocketPurpose::Traps,
                address: state
                    .as_ref()
                    .map_or((Ipv6Addr::UNSPECIFIED, port).into(), |open| open.receiver.address()),
                datagrams: counts.taken + counts.unregistered + counts.refused + counts.unknown_users,
                dropped: 0,
                unregistered: counts.unregistered,
                buffer: 0,
                trouble: state.as_ref().err().cloned(),
            }
        };
        inner.traps.iter().map(status).collect()
    }

    /// Asks an exporter's agent for its system group, now.
    pub(crate) async fn probe(&self, agent: snmp::Agent) -> ProbeAnswer {
        let since = Instant::now();
        let asked = {
            let inner = self.inner.lock().await;
            match &inner.poller {
                Some(poller) => Ok(poller.probe(agent)),
                None => Err(inner
                    .trouble
                    .clone()
                    .unwrap_or_else(|| "SNMP is not started yet".to_owned())),
            }
        };
        let system = match asked {
            Ok(asked) => asked.await.map_err(|e| e.to_string()),
            Err(why) => Err(why),
        };
        ProbeAnswer {
            system,
            took_ms: since.elapsed().as_secs_f64() * 1e3,
        }
    }

    /// Polls nothing and receives nothing any more.
    pub(crate) async fn stop(&self) {
        let mut inner = self.inner.lock().await;
        inner.poller = None;
        inner.samples = None;
        inner.traps.clear();
    }
}

/// Over IPv4 and IPv6, or IPv4 alone where there is no IPv6.
async fn open(engine: Engine, samples: mpsc::Sender<Sample>) -> Result<Poller, String> {
    let both = PollerOptions::default();
    match Poller::open(both.clone(), engine.clone(), samples.clone()).await {
        Ok(poller) => Ok(poller),
        Err(_) => {
            let sockets = both.sockets.iter().copied().filter(SocketAddr::is_ipv4).collect();
            let four = PollerOptions { sockets, ..both };
            Poller::open(four, engine, samples).await.map_err(|e| chain(&e))
        }
    }
}

fn senders(registry: &Registry) -> Vec<TrapSender> {
    let enabled = registry.exporters().iter().filter(|e| e.settings.enabled);
    let sender = |e: &Arc<super::plan::ExporterPlan>| TrapSender {
        id: e.link,
        addresses: e.settings.addresses.clone(),
        credentials: e.agent.as_ref().map(|agent| agent.credentials.clone()),
    };
    enabled.map(sender).collect()
}

async fn notifications(receiver: Arc<TrapReceiver>, book: Book) {
    loop {
        match receiver.recv().await {
            Ok(trap) => {
                let record = trap.log();
                book.record(Protocol::Trap, record.text.len(), record);
            }
            Err(e) => {
                log::warn!(EVENT = "not_receiving"; "SNMP notifications: {}", chain(&e));
                tokio::time::sleep(LOOK).await;
            }
        }
    }
}

/// Carries what devices say to the uplink, until nobody can say anything any more.
async fn carry(mut came: mpsc::Receiver<Sample>, facts: Facts, outgoing: mpsc::Sender<Outgoing>, health: Arc<Health>) {
    let mut look = tokio::time::interval(LOOK);
    let mut connections = 0;
    loop {
        let output = tokio::select! {
            sample = came.recv() => match sample {
                Some(Sample::Interfaces(minutes)) => Some(Output::Interfaces(minutes)),
                Some(Sample::Gauges(gauges)) => Some(Output::Gauges(gauges)),
                Some(Sample::Device(link, known)) => {
                    facts.polled(link, *known);
                    None
                }
                Some(Sample::State(_)) => None,
                None => break,
            },
            _ = look.tick() => {
                let now = health.connections.load(std::sync::atomic::Ordering::Relaxed);
                // Before the first connection nothing was sent that could be lost.
                if std::mem::replace(&mut connections, now) != now && now > 1 {
                    facts.all_again();
                }
                for batch in facts.take_changed() {
                    if outgoing.send((LinkId::default(), Output::Devices(batch))).await.is_err() {
                        return;
                    }
                }
                None
            }
        };
        if let Some(output) = output
            && outgoing.send((LinkId::default(), output)).await.is_err()
        {
            return;
        }
    }
    for batch in facts.take_changed() {
        let _ = outgoing.send((LinkId::default(), Output::Devices(batch))).await;
    }
}
