//! Polling thousands of agents over a few sockets.
//!
//! Each agent has a task of its own, which waits for its own answers alone: a slow or dead agent delays nobody. What all
//! share are the sockets, the keys and the queue to the consumer; while that is full the tasks wait, and lose nothing, since
//! the agents go on counting.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use model::{DeviceFacts, Gauge, InterfaceMinute, LinkId, SystemFacts, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::agent::Agent;
use crate::engine::Engine;
use crate::error::{Error, Failure};
use crate::mib::system;
use crate::sockets::Sockets;
use crate::state::AgentState;
use crate::task::Task;
use crate::wire::{Keys, Patience, Session, Tally};

/// Agents that one poller takes.
pub const AGENTS_MAX: usize = 10_000;

/// What the poller gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Sample {
    /// What interfaces carried, by minutes. Parts of the same minute add up.
    Interfaces(Vec<InterfaceMinute>),
    /// Readings of one agent.
    Gauges(Vec<Gauge>),
    /// Facts of a device; the parts that are there replace what was known.
    Device(LinkId, Box<DeviceFacts>),
    /// An agent came, went, or fails in another way.
    State(Box<AgentState>),
}

/// How a poller works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollerOptions {
    /// Where its sockets are bound, one each; agents are asked from one of their own family. Four are enough for thousands.
    pub sockets: Vec<SocketAddr>,
    /// How patient it is.
    pub patience: Patience,
    /// The shortest interval at which an agent's counters are polled, whatever the agent's own says.
    pub interval_min: Duration,
    /// How often neighbours, addresses, names and the like are read.
    pub slow_interval: Duration,
}

impl Default for PollerOptions {
    /// Four sockets for IPv4 and one for IPv6, on any address.
    fn default() -> Self {
        let any4 = SocketAddr::from(([0, 0, 0, 0], 0));
        let any6 = SocketAddr::from(([0u16; 8], 0));
        Self {
            sockets: vec![any4, any4, any4, any4, any6],
            patience: Patience::default(),
            interval_min: crate::agent::INTERVAL_MIN,
            slow_interval: crate::schedule::SLOW_INTERVAL,
        }
    }
}

/// What tasks have in common.
pub(crate) struct Shared {
    pub(crate) sockets: Sockets,
    pub(crate) keys: Arc<Keys>,
    pub(crate) engine: Engine,
    pub(crate) options: PollerOptions,
    pub(crate) started: Instant,
    pub(crate) out: mpsc::Sender<Sample>,
}

/// Polls agents until it is dropped. Lives within a Tokio runtime.
pub struct Poller {
    shared: Arc<Shared>,
    tasks: HashMap<LinkId, Polled>,
}

struct Polled {
    agent: Agent,
    state: Arc<Mutex<AgentState>>,
    handle: JoinHandle<()>,
}

impl Drop for Polled {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

impl Poller {
    /// Opens the sockets. Samples go to `out`.
    ///
    /// # Errors
    /// [`Error::Bind`] where a socket cannot be opened.
    pub async fn open(options: PollerOptions, engine: Engine, out: mpsc::Sender<Sample>) -> Result<Self, Error> {
        let sockets = Sockets::open(&options.sockets).await?;
        let shared = Shared {
            sockets,
            keys: Arc::default(),
            engine,
            options,
            started: Instant::now(),
            out,
        };
        Ok(Self {
            shared: Arc::new(shared),
            tasks: HashMap::new(),
        })
    }

    /// Where the sockets are bound.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.shared.sockets.addresses()
    }

    /// Polls these agents from now on and no others. Those that stay the same are not disturbed. Of more than
    /// [`AGENTS_MAX`] the first are taken; of several with the same id, the last. Returns how many were left out.
    pub fn set_agents(&mut self, agents: Vec<Agent>) -> usize {
        let given = agents.len();
        let mut wanted: HashMap<LinkId, Agent> = HashMap::new();
        for agent in agents {
            if wanted.len() < AGENTS_MAX || wanted.contains_key(&agent.id) {
                wanted.insert(agent.id, agent);
            }
        }
        let taken = wanted.len();
        let before = self.tasks.len();
        self.tasks.retain(|id, polled| wanted.get(id) == Some(&polled.agent));
        if self.tasks.len() < before {
            self.shared.keys.forget();
        }
        for (id, agent) in wanted {
            if self.tasks.contains_key(&id) {
                continue;
            }
            let state = Arc::new(Mutex::new(AgentState::new(id)));
            let task = Task::new(agent.clone(), Arc::clone(&self.shared), Arc::clone(&state));
            self.tasks.insert(
                id,
                Polled {
                    agent,
                    state,
                    handle: tokio::spawn(task.run()),
                },
            );
        }
        given - taken
    }

    /// How the agents are, in the order of their ids.
    #[must_use]
    pub fn states(&self) -> Vec<AgentState> {
        let state = |polled: &Polled| polled.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut states: Vec<_> = self.tasks.values().map(state).collect();
        states.sort_by_key(|state| state.id);
        states
    }

    /// How one agent is.
    #[must_use]
    pub fn state(&self, id: LinkId) -> Option<AgentState> {
        Some(
            self.tasks
                .get(&id)?
                .state
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        )
    }

    /// Asks any agent for its system group once, over the same sockets. The future does not borrow the poller.
    pub fn probe(&self, agent: Agent) -> impl Future<Output = Result<SystemFacts, Failure>> + Send + use<> {
        let shared = Arc::clone(&self.shared);
        async move {
            let socket = shared
                .sockets
                .of(agent.id, agent.target())
                .map_err(|e| Failure::Local(e.to_string()))?;
            let session = open_session(&agent, &shared, &socket.transport, Arc::default()).await?;
            let now = now();
            match system::read(&session, now).await {
                Ok(facts) => {
                    facts.ok_or_else(|| Failure::Refused("noSuchObject for the whole system group".to_owned()))
                }
                Err(failure) => Err(session.explain(failure)),
            }
        }
    }
}

pub(crate) async fn open_session(
    agent: &Agent,
    shared: &Shared,
    transport: &async_snmp::UdpTransport,
    tally: Arc<Mutex<Tally>>,
) -> Result<Session, Failure> {
    let Shared {
        engine,
        keys,
        options,
        started,
        ..
    } = shared;
    Session::open(agent, transport, engine, keys, tally, options.patience, *started).await
}

/// The calendar's time.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
