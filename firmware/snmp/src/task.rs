//! One agent's polling: the counters and gauges at its interval, and what changes seldom now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::{DeviceFacts, InterfaceFacts, Timestamp};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::agent::{Agent, INTERVAL_MAX};
use crate::error::Failure;
use crate::history::{History, Moment, SPAN_MAX};
use crate::mib::counters::{Group, Sample as Counted, Width};
use crate::mib::sensors::{Entities, Source};
use crate::mib::{addresses, bridge, counters, host, interfaces, neighbours, sensors, system};
use crate::poller::{Sample, Shared, now, open_session};
use crate::reading::{READINGS_MAX, Reading};
use crate::schedule::{offset, wait};
use crate::sockets::Socket;
use crate::state::AgentState;
use crate::wire::Session;

/// Gauges and error counters change too slowly to be asked for more often.
const GAUGES_MIN: Duration = Duration::from_secs(60);

/// How long a round may take, whatever the interval: a slow agent is then polled as often as it can answer.
const ROUND_MAX: Duration = Duration::from_secs(600);

/// The shortest time between two readings of the slow tables, however often the device changes.
const SLOW_MIN: Duration = Duration::from_secs(60);

/// An agent's task.
pub(crate) struct Task {
    agent: Agent,
    shared: Arc<Shared>,
    state: Arc<Mutex<AgentState>>,
    device: Mutex<Device>,
    /// Tells the slow part that the agent answers.
    stirred: Notify,
    /// The device has other interfaces than the slow tables were read for.
    changed: AtomicBool,
}

/// What is known of the device, by the slow tables.
#[derive(Default)]
struct Device {
    interfaces: Vec<InterfaceFacts>,
    /// Interfaces that count but have no facts, though these were read.
    unnamed: BTreeSet<u32>,
    speeds: BTreeMap<u32, u64>,
    object_id: String,
    entities: Arc<Entities>,
    had: Had,
}

/// What the agent turned out not to have, so that it is not asked at each round.
#[derive(Debug, Default)]
struct Lacks {
    groups: Vec<Group>,
    processors: bool,
    ucd: bool,
    storage: bool,
    vendor: bool,
    sensors: Vec<Source>,
}

/// The fast part's memory.
struct Fast {
    history: History,
    width: Width,
    lacks: Lacks,
    lacks_since: Instant,
    gauges: Option<Instant>,
}

impl Fast {
    fn new() -> Self {
        Self {
            history: History::default(),
            width: Width::Both,
            lacks: Lacks::default(),
            lacks_since: Instant::now(),
            gauges: None,
        }
    }
}

impl Task {
    pub(crate) fn new(agent: Agent, shared: Arc<Shared>, state: Arc<Mutex<AgentState>>) -> Self {
        Self {
            agent,
            shared,
            state,
            device: Mutex::default(),
            stirred: Notify::new(),
            changed: AtomicBool::new(false),
        }
    }

    fn device(&self) -> MutexGuard<'_, Device> {
        self.device.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, AgentState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(&self, sample: Sample) {
        // The consumer is gone when the program ends; the task is about to be dropped then.
        let _ = self.shared.out.send(sample).await;
    }

    fn interval(&self) -> Duration {
        self.agent
            .interval
            .max(self.shared.options.interval_min)
            .min(INTERVAL_MAX)
    }

    /// Polls until the task is aborted. A session is opened anew after what a new one may mend.
    pub(crate) async fn run(self) {
        sleep(offset(self.agent.id, self.interval())).await;
        let tally = Arc::default();
        let mut memory = Fast::new();
        loop {
            let opened = match self.shared.sockets.of(self.agent.id, self.agent.target()) {
                Ok(socket) => {
                    let session = open_session(&self.agent, &self.shared, &socket.transport, Arc::clone(&tally)).await;
                    session.map(|session| (socket, session))
                }
                Err(error) => Err(Failure::Local(error.to_string())),
            };
            match opened {
                Ok((socket, session)) => self.converse(&socket, &session, &mut memory).await,
                Err(failure) => {
                    self.settle(None, false, Some(failure), None).await;
                    let failures = self.state().failures;
                    sleep(wait(self.interval(), Duration::ZERO, failures)).await;
                }
            }
        }
    }

    /// Polls with one session until that is of no more use.
    async fn converse(&self, socket: &Socket, session: &Session, memory: &mut Fast) {
        tokio::select! {
            () = self.fast(session, memory) => (),
            () = self.slow(session) => (),
        }
        if session.is_closed()
            && let Err(error) = self.shared.sockets.replace(socket).await
        {
            log::warn!("agent {}: {error}", self.agent.target());
            sleep(Duration::from_secs(5)).await;
        }
    }

    async fn fast(&self, session: &Session, memory: &mut Fast) {
        loop {
            let began = Instant::now();
            // What a round needs is given back between two of them: thousands of agents wait most of the time.
            let answers = session.tally().responses;
            let outcome = match timeout(ROUND_MAX, Box::pin(self.round(session, memory))).await {
                Ok(outcome) => outcome,
                Err(_) => Err(Failure::TooSlow(ROUND_MAX.as_secs())),
            };
            // An answer of any kind is a sign of life, but one that refuses us is no poll.
            let heard = session.tally().responses > answers;
            let (answered, over, failure) = match outcome {
                Ok(trouble) => (true, false, trouble),
                Err(failure) => {
                    let answered = heard && !failure.is_silence() && !failure.is_of_session();
                    (answered, session.is_over(&failure), Some(session.explain(failure)))
                }
            };
            self.settle(Some(session), answered, failure, Some(began.elapsed()))
                .await;
            if answered {
                self.stirred.notify_one();
            }
            let failures = self.state().failures;
            sleep(wait(self.interval(), began.elapsed(), failures)).await;
            if over {
                return;
            }
        }
    }

    async fn settle(
        &self,
        session: Option<&Session>,
        answered: bool,
        failure: Option<Failure>,
        poll: Option<Duration>,
    ) {
        let news = {
            let mut state = self.state();
            if let Some(session) = session {
                state.count(&session.tally());
            }
            state.poll = poll.filter(|_| answered).or(state.poll);
            state.settle(answered, failure, now()).then(|| state.clone())
        };
        if let Some(state) = news {
            self.send(Sample::State(Box::new(state))).await;
        }
    }

    /// One poll of the counters and gauges. Fails where the agent does not answer; gives what else went wrong.
    async fn round(&self, session: &Session, memory: &mut Fast) -> Result<Option<Failure>, Failure> {
        let continuity = system::continuity(session).await?;
        let mut trouble = continuity.is_none().then_some(Failure::NoUpTime);
        let first = self.state().last_answer.is_none();
        if !memory.history.observe(continuity) && !first && continuity.is_some() {
            self.state().last_restart = Some(now());
            memory.width = Width::Both;
            memory.lacks = Lacks::default();
            self.changed.store(true, Ordering::Relaxed);
        }
        if memory.lacks_since.elapsed() > self.shared.options.slow_interval {
            memory.lacks = Lacks::default();
            memory.lacks_since = Instant::now();
            session.ask_for_more();
        }
        let samples = counters::read(session, Group::Interfaces, memory.width).await?;
        let wide = samples.values().all(Counted::is_wide) && !samples.is_empty();
        memory.width = if wide { Width::Wide } else { Width::Both };
        self.state().interfaces = samples.len();
        self.notice(&samples).await;
        self.publish(session, memory, Group::Interfaces, samples).await;
        match memory.history.ambiguous() {
            0 => (),
            interfaces => trouble = trouble.or(Some(Failure::Ambiguous(interfaces))),
        }
        if memory
            .gauges
            .is_none_or(|at| at.elapsed() + Duration::from_secs(1) >= GAUGES_MIN)
        {
            memory.gauges = Some(Instant::now());
            for group in [Group::Rmon, Group::EtherLike] {
                if memory.lacks.groups.contains(&group) {
                    continue;
                }
                match counters::read(session, group, Width::Both).await {
                    Ok(samples) if samples.is_empty() => memory.lacks.groups.push(group),
                    Ok(samples) => self.publish(session, memory, group, samples).await,
                    Err(failure) => trouble = Some(failure),
                }
            }
            if let Err(failure) = self.gauges(session, &mut memory.lacks).await {
                trouble = Some(failure);
            }
        }
        Ok(trouble)
    }

    async fn publish(&self, session: &Session, memory: &mut Fast, group: Group, samples: BTreeMap<u32, Counted>) {
        let moment = Moment {
            steady: session.now(),
            calendar: now(),
        };
        let minutes = {
            let device = self.device();
            let speed = |index| device.speeds.get(&index).copied();
            let span = SPAN_MAX.max(self.interval() * 3);
            memory.history.push(self.agent.id, group, samples, speed, span, moment)
        };
        if !minutes.is_empty() {
            self.send(Sample::Interfaces(minutes)).await;
        }
    }

    /// Passes changes of interfaces' states on at once, and has the names read again where there are new interfaces.
    async fn notice(&self, samples: &BTreeMap<u32, Counted>) {
        let changed = {
            let mut device = self.device();
            if device.interfaces.is_empty() {
                return;
            }
            let mut changed = false;
            for interface in &mut device.interfaces {
                let Some((admin, oper)) = samples.get(&interface.index).and_then(|sample| sample.states) else {
                    continue;
                };
                changed |= (interface.admin, interface.oper) != (admin, oper);
                (interface.admin, interface.oper) = (admin, oper);
            }
            let named: BTreeSet<u32> = device.interfaces.iter().map(|i| i.index).collect();
            let unnamed: BTreeSet<u32> = samples.keys().filter(|index| !named.contains(index)).copied().collect();
            if !unnamed.is_subset(&device.unnamed) {
                self.changed.store(true, Ordering::Relaxed);
            }
            device.unnamed = unnamed;
            changed.then(|| device.interfaces.clone())
        };
        if let Some(interfaces) = changed {
            let facts = DeviceFacts {
                interfaces: Some(interfaces),
                ..DeviceFacts::default()
            };
            self.send(Sample::Device(self.agent.id, Box::new(facts))).await;
        }
    }

    async fn gauges(&self, session: &Session, lacks: &mut Lacks) -> Result<(), Failure> {
        let (object_id, entities) = {
            let device = self.device();
            (device.object_id.clone(), Arc::clone(&device.entities))
        };
        let mut readings = Vec::new();
        let outcome = self
            .read_gauges(session, lacks, &object_id, &entities, &mut readings)
            .await;
        readings.truncate(READINGS_MAX);
        let at = now();
        let gauges: Vec<_> = readings
            .into_iter()
            .map(|reading| reading.gauge(self.agent.id, at))
            .collect();
        if !gauges.is_empty() {
            self.send(Sample::Gauges(gauges)).await;
        }
        outcome
    }

    async fn read_gauges(
        &self,
        session: &Session,
        lacks: &mut Lacks,
        object_id: &str,
        entities: &Entities,
        readings: &mut Vec<Reading>,
    ) -> Result<(), Failure> {
        let none = |found: &[Reading]| found.is_empty();
        if !lacks.processors {
            let found = host::processors(session).await?;
            lacks.processors = none(&found);
            readings.extend(found);
        }
        if !lacks.ucd {
            let found = host::ucd(session, lacks.processors).await?;
            lacks.ucd = none(&found);
            readings.extend(found);
        }
        if !lacks.storage {
            let found = host::fill(&host::storage(session).await?.unwrap_or_default(), lacks.ucd);
            lacks.storage = none(&found);
            readings.extend(found);
        }
        // Before the slow tables were read the vendor is not known.
        if !lacks.vendor && !object_id.is_empty() {
            let found = host::vendor(session, object_id, |index| entities.get(&index).cloned()).await?;
            lacks.vendor = none(&found);
            readings.extend(found);
        }
        for source in Source::ALL {
            if !lacks.sensors.contains(&source) {
                let found = sensors::read(session, source, entities).await?;
                if none(&found) {
                    lacks.sensors.push(source);
                }
                readings.extend(found);
            }
        }
        Ok(())
    }

    /// Reads what changes seldom: when the agent first answers, then at an interval of its own, or soon after the device has
    /// changed; always after a round that was answered.
    async fn slow(&self, session: &Session) {
        loop {
            self.stirred.notified().await;
            let began = Instant::now();
            let outcome = timeout(ROUND_MAX, Box::pin(self.tables(session))).await;
            let failure = match outcome {
                Ok(outcome) => outcome.err(),
                Err(_) => Some(Failure::TooSlow(ROUND_MAX.as_secs())),
            };
            {
                let mut state = self.state();
                state.tables_read = Some(now());
                state.tables_failure = failure;
            }
            sleep(SLOW_MIN.min(self.shared.options.slow_interval)).await;
            let rest = self.shared.options.slow_interval.saturating_sub(began.elapsed());
            self.until_changed(rest).await;
        }
    }

    /// Waits, but no longer than until the device was seen to have changed.
    async fn until_changed(&self, rest: Duration) {
        let until = Instant::now() + rest;
        while !self.changed.swap(false, Ordering::Relaxed) {
            // Each good round stirs; most of them bring nothing new.
            let left = until.saturating_duration_since(Instant::now());
            if timeout(left, self.stirred.notified()).await.is_err() {
                break;
            }
        }
    }

    async fn tables(&self, session: &Session) -> Result<(), Failure> {
        let id = self.agent.id;
        let now: Timestamp = now();
        let device = |facts: DeviceFacts| Sample::Device(id, Box::new(facts));
        if let Some(system) = system::read(session, now).await? {
            self.device().object_id.clone_from(&system.object_id);
            self.send(device(DeviceFacts {
                system: Some(system),
                ..DeviceFacts::default()
            }))
            .await;
        }
        if let Some(interfaces) = interfaces::read(session).await? {
            {
                let mut device = self.device();
                device.speeds = interfaces
                    .iter()
                    .filter_map(|i| Some((i.index, i.speed_bps?)))
                    .collect();
                device.interfaces.clone_from(&interfaces);
            }
            self.send(device(DeviceFacts {
                interfaces: Some(interfaces),
                ..DeviceFacts::default()
            }))
            .await;
        }
        // Each table by itself: one that fails keeps none of the others back.
        let mut outcome = Ok(());
        match sensors::entities(session).await {
            Ok(entities) => self.device().entities = Arc::new(entities),
            Err(failure) => outcome = Err(failure),
        }
        let known = self.device().interfaces.clone();
        match neighbours::read(session, &known).await {
            Ok(found) => {
                let neighbours = still(found, &mut self.device().had.neighbours);
                self.tell(DeviceFacts {
                    neighbours,
                    ..DeviceFacts::default()
                })
                .await;
            }
            Err(failure) => outcome = Err(failure),
        }
        match host::storage(session).await {
            Ok(found) => {
                let storage = still(found, &mut self.device().had.storage);
                self.tell(DeviceFacts {
                    storage,
                    ..DeviceFacts::default()
                })
                .await;
            }
            Err(failure) => outcome = Err(failure),
        }
        match addresses::read(session).await {
            Ok(found) => {
                let arp = still(found, &mut self.device().had.arp);
                self.tell(DeviceFacts {
                    arp,
                    ..DeviceFacts::default()
                })
                .await;
            }
            Err(failure) => outcome = Err(failure),
        }
        match bridge::read(session).await {
            Ok(found) => {
                let forwarding = still(found, &mut self.device().had.forwarding);
                self.tell(DeviceFacts {
                    forwarding,
                    ..DeviceFacts::default()
                })
                .await;
            }
            Err(failure) => outcome = Err(failure),
        }
        outcome
    }

    async fn tell(&self, facts: DeviceFacts) {
        if facts != DeviceFacts::default() {
            self.send(Sample::Device(self.agent.id, Box::new(facts))).await;
        }
    }
}

/// Which tables the agent has had rows in.
#[derive(Debug, Default)]
struct Had {
    neighbours: bool,
    storage: bool,
    arp: bool,
    forwarding: bool,
}

/// A table that had rows and has none any more is empty; one that never had any is not there.
fn still<T>(found: Option<Vec<T>>, had: &mut bool) -> Option<Vec<T>> {
    *had |= found.is_some();
    if *had { Some(found.unwrap_or_default()) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_ran_empty_is_told_from_one_that_never_was() {
        let mut had = false;
        assert_eq!(still::<u8>(None, &mut had), None);
        assert_eq!(still(Some(vec![1]), &mut had), Some(vec![1]));
        assert_eq!(still::<u8>(None, &mut had), Some(vec![]));
    }
}
