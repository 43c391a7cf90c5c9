//! A capture port: a thread for each of its rings, and one that joins what they see, makes blocks of it, and looks once a
//! second at the link and at what was lost.

pub(crate) mod joiner;
mod nic;
pub(crate) mod packer;
mod ring;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use api::collector::{PortStatus, Timestamps};
use api::ingest::{LinkInfo, LinkKind};
use dissect::l7::Names;
use model::{DropCounters, LinkCounters, Timestamp};
use service::{Turns, Workers};
use tokio::sync::{mpsc, watch};

use crate::machine::Machine;
use crate::opener::Opener;
use crate::output::Output;
use crate::pipeline::Part;
use crate::plan::PortPlan;
use crate::tap::GONE;
use crate::uplink::{Health, Outgoing};

use joiner::Joiner;
use nic::Nic;
use packer::Packer;
use ring::{RingState, Seat, StopAtEnd};

/// How long to wait for what the rings give.
const WAIT: Duration = Duration::from_millis(100);
/// How long to wait before an interface that cannot be opened is tried again.
const REOPEN: Duration = Duration::from_secs(1);
/// Parts between the rings and the port's thread.
const QUEUE: usize = 64;
/// Parts that are taken before the thread looks at anything else.
const TURN: usize = 256;
/// Outputs that wait in the thread when the uplink's queue is full.
const WAITING_MAX: usize = 128;
/// Names that DNS gave to addresses, remembered for all rings of a port.
const NAMES: usize = 65_536;

/// What a port's threads share with the rest of the program.
#[derive(Debug)]
pub(crate) struct Port {
    plan: Mutex<PortPlan>,
    /// Counts the plans.
    version: AtomicU64,
    /// Counts how often its rings were opened.
    opening: AtomicU64,
    pub(crate) stop: AtomicBool,
    state: Mutex<State>,
    seats: Vec<Seat>,
}

/// What is shown of a port.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) status: PortStatus,
    pub(crate) flows: u64,
    pub(crate) flows_max: u64,
    pub(crate) records: u64,
}

impl Port {
    /// A port whose rings' threads are held to these processors.
    pub(crate) fn new(plan: PortPlan, cpus: &[Option<usize>]) -> Self {
        let status = PortStatus {
            info: info(&plan, false),
            counters: LinkCounters::default(),
            trouble: Some("the port is being opened".to_owned()),
            rings: Vec::new(),
            timestamps: Timestamps::None,
            driver: None,
            mtu: None,
        };
        let cpu = |ring: u16| cpus.get(usize::from(ring)).copied().flatten();
        Self {
            seats: (0..plan.rings.max(1)).map(|ring| Seat::new(cpu(ring))).collect(),
            version: AtomicU64::new(0),
            opening: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            state: Mutex::new(State {
                status,
                flows: 0,
                flows_max: plan.flows_max as u64,
                records: 0,
            }),
            plan: Mutex::new(plan),
        }
    }

    /// What is shown of the port now.
    pub(crate) fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the plan while the threads run; says whether they have to be started anew for it.
    #[must_use]
    pub(crate) fn replan(&self, plan: PortPlan, cpus: &[Option<usize>]) -> bool {
        let mut place = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        if (place.link, place.rings, place.ring_octets) != (plan.link, plan.rings, plan.ring_octets) {
            return true;
        }
        for (seat, cpu) in self.seats.iter().zip(cpus) {
            seat.hold(*cpu);
        }
        if *place != plan {
            log::info!(EVENT = "replanned", PORT = plan.name.as_str(); "{}: new settings", plan.name);
            *place = plan;
            self.version.fetch_add(1, Ordering::Release);
        }
        false
    }

    /// The plan and its number.
    fn plan(&self) -> (u64, PortPlan) {
        let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        (self.version.load(Ordering::Acquire), plan.clone())
    }
}

fn info(plan: &PortPlan, up: bool) -> LinkInfo {
    LinkInfo {
        id: plan.link,
        kind: LinkKind::Port,
        name: plan.name.clone(),
        label: plan.label.clone(),
        capacity_bps: plan.capacity_bps,
        up,
    }
}

/// What a port's threads work with.
pub(crate) struct Tools {
    pub(crate) opener: Opener,
    pub(crate) outgoing: mpsc::Sender<Outgoing>,
    pub(crate) health: Arc<Health>,
    pub(crate) links: watch::Sender<Vec<LinkInfo>>,
    pub(crate) workers: Workers,
    pub(crate) machine: Machine,
}

/// The machine's clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_nanos(since.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
}

/// Captures until the port is told to stop.
pub(crate) fn run(port: &Port, tools: &Tools, turns: &Turns) {
    let (_, plan) = port.plan();
    let (sender, parts) = sync_channel(QUEUE * port.seats.len());
    let names = Arc::new(Names::new(NAMES));
    let worker = |number: usize| format!("{}/{number}", plan.name);
    std::thread::scope(|scope| {
        // The scope waits for the rings' threads, whatever happens here.
        let _stop = StopAtEnd(&port.stop);
        for (number, seat) in port.seats.iter().enumerate() {
            let ring = ring::Tools {
                number,
                parts: sender.clone(),
                names: names.clone(),
                turns: tools.workers.add(&worker(number)),
                machine: tools.machine.clone(),
            };
            let thread = std::thread::Builder::new().name(format!("ring-{}", worker(number)));
            if let Err(e) = thread.spawn_scoped(scope, move || ring::run(port, seat, ring)) {
                tools.workers.remove(&worker(number));
                log::error!(EVENT = "not_capturing", PORT = plan.name.as_str(); "{}: no thread: {e}", plan.name);
                return;
            }
        }
        drop(sender);
        Worker::new(port, tools).run(&parts, turns);
    });
    (0..port.seats.len()).for_each(|number| tools.workers.remove(&worker(number)));
}

struct Worker<'a> {
    port: &'a Port,
    tools: &'a Tools,
    plan: PortPlan,
    version: u64,
    joiner: Joiner,
    packer: Packer,
    nic: Nic,
    totals: LinkCounters,
    waiting: VecDeque<Output>,
    reopen_at: Instant,
    /// The second in which the link was looked at last.
    looked: u64,
    up: bool,
    /// Whether the interface was gone when it was looked at last.
    gone: bool,
    trouble: Option<String>,
}

impl<'a> Worker<'a> {
    fn new(port: &'a Port, tools: &'a Tools) -> Self {
        let (version, plan) = port.plan();
        Self {
            joiner: Joiner::new(plan.link, port.seats.len(), now()),
            packer: Packer::default(),
            nic: Nic::new(&plan.name),
            totals: LinkCounters::default(),
            waiting: VecDeque::new(),
            reopen_at: Instant::now(),
            looked: 0,
            up: false,
            gone: false,
            trouble: Some("the port is being opened".to_owned()),
            port,
            tools,
            plan,
            version,
        }
    }

    fn run(mut self, parts: &Receiver<(usize, Part)>, turns: &Turns) {
        loop {
            match parts.recv_timeout(WAIT) {
                Ok((ring, part)) => {
                    self.take(ring, part);
                    parts
                        .try_iter()
                        .take(TURN)
                        .for_each(|(ring, part)| self.take(ring, part));
                }
                Err(RecvTimeoutError::Timeout) => {}
                // All rings are at their end.
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.upkeep();
            self.hand_over();
            turns.tick();
        }
        self.look();
        self.joiner.finish();
        self.windows();
        self.packer.flush_records();
        self.packer.flush_logs(self.plan.link);
        self.waiting.extend(self.packer.take());
        for output in std::mem::take(&mut self.waiting) {
            // The uplink takes everything until the last thread is gone.
            if let Err(e) = self.tools.outgoing.blocking_send((self.plan.link, output)) {
                self.lose(&e.0);
            }
        }
    }

    fn take(&mut self, ring: usize, part: Part) {
        match part {
            Part::Records(records) => self.packer.records(records),
            Part::Logs(lines) => self.packer.logs(self.plan.link, lines, now()),
            Part::Second(window, touched) => self.joiner.part(*window, touched),
            Part::Passed(second) => {
                self.joiner.passed(ring, second);
                self.windows();
            }
        }
    }

    /// Takes the windows that are closed; the records until then leave with them.
    fn windows(&mut self) {
        let closed = self.joiner.take();
        if closed.is_empty() {
            return;
        }
        self.packer.flush_records();
        self.waiting.extend(self.packer.take());
        for window in closed {
            self.totals += &window.counters;
            self.waiting.push_back(Output::Window(Box::new(window)));
        }
    }

    fn upkeep(&mut self) {
        if self.port.version.load(Ordering::Acquire) != self.version {
            (self.version, self.plan) = self.port.plan();
            self.looked = 0;
        }
        let now = now();
        let opening = self.port.opening.load(Ordering::Relaxed);
        let is_lost = |seat: &Seat| seat.lost.load(Ordering::Acquire) == opening;
        // Opening 0 is none, and lost from the beginning.
        if self.port.seats.iter().any(is_lost) && Instant::now() >= self.reopen_at {
            self.open();
        }
        // As soon as a second is over, so that what is counted is of that second.
        if now.as_secs() != self.looked {
            self.looked = now.as_secs();
            self.look();
        }
        self.joiner.tick(now);
        self.windows();
        self.packer.tick(self.plan.link, now);
        self.waiting.extend(self.packer.take());
    }

    fn open(&mut self) {
        self.reopen_at = Instant::now() + REOPEN;
        let name = &self.plan.name;
        let rings = u16::try_from(self.port.seats.len()).unwrap_or(1);
        match self.tools.opener.open(name, rings, self.plan.ring_octets) {
            Ok(taps) => {
                log::info!(EVENT = "capturing", PORT = name.as_str(); "{name}: capturing with {rings} rings");
                let opening = self.port.opening.load(Ordering::Relaxed) + 1;
                for (seat, tap) in self.port.seats.iter().zip(taps) {
                    seat.give(opening, tap);
                }
                self.port.opening.store(opening, Ordering::Release);
                self.trouble = None;
                self.nic.renew();
            }
            Err(why) => {
                if self.trouble.as_ref() != Some(&why) {
                    log::warn!(EVENT = "not_capturing", PORT = name.as_str(); "{name}: {why}");
                }
                self.trouble = Some(why);
            }
        }
        // Shown at once.
        self.looked = 0;
    }

    /// Looks at the link, and at what was lost in the second that is just over.
    fn look(&mut self) {
        let second = now().as_secs().saturating_sub(1);
        let rings: Vec<RingState> = self.port.seats.iter().map(Seat::state).collect();
        let name = self.plan.name.as_str();
        let is_open = rings.iter().all(|ring| ring.is_open);
        let no_link = rings.iter().find_map(|ring| ring.no_link);
        let up = is_open && no_link.is_none();
        if up != self.up {
            log::info!(EVENT = "link", PORT = name; "{name}: {}", if up { "the link is up" } else { no_link.unwrap_or("not open") });
        }
        self.up = up;
        self.joiner.set_up(up);
        let gone = no_link == Some(GONE);
        if std::mem::replace(&mut self.gone, gone) && !gone {
            // Another interface may have its name now.
            self.nic.renew();
        }
        let (mut drops, errors) = self.nic.read();
        drops.records = self.tools.health.take_lost(self.plan.link);
        self.joiner.lost(second, drops);
        self.joiner.nic(second, errors);

        let being_opened = (!is_open).then(|| "the port is being opened".to_owned());
        let trouble = self.trouble.clone().or(no_link.map(str::to_owned)).or(being_opened);
        let info = info(&self.plan, up);
        self.tools.links.send_if_modified(|links| replace(links, &info));
        let (driver, described) = self.nic.describe();
        let of = |timestamps| rings.iter().any(|ring| ring.timestamps == timestamps);
        let timestamps = match (of(Timestamps::Hardware), of(Timestamps::Software)) {
            // A quiet ring does not know yet.
            (true, _) => Timestamps::Hardware,
            (false, true) => Timestamps::Software,
            (false, false) => Timestamps::None,
        };
        let mut state = self.port.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State {
            flows: rings.iter().map(|ring| ring.status.flows).sum(),
            flows_max: self.plan.flows_max as u64,
            records: rings.iter().map(|ring| ring.records).sum(),
            status: PortStatus {
                info,
                counters: self.totals.clone(),
                trouble,
                rings: rings.into_iter().map(|ring| ring.status).collect(),
                timestamps,
                driver,
                mtu: described.mtu,
            },
        };
    }

    /// Gives what is ready to the uplink; keeps a little when its queue is full.
    fn hand_over(&mut self) {
        let link = self.plan.link;
        while let Some(output) = self.waiting.pop_front() {
            if let Err(e) = self.tools.outgoing.try_send((link, output)) {
                let (_, output) = e.into_inner();
                self.waiting.push_front(output);
                break;
            }
        }
        while self.waiting.len() > WAITING_MAX {
            if let Some(output) = self.waiting.pop_back() {
                self.lose(&(link, output));
            }
        }
    }

    /// Counts what is lost with an output.
    fn lose(&mut self, (link, output): &Outgoing) {
        if let Output::Logs { .. } = output {
            let drops = DropCounters {
                logs: output.records(),
                ..DropCounters::default()
            };
            self.joiner.lost(now().as_secs(), drops);
        } else {
            self.tools.health.lose_all(output.shares(*link));
        }
    }
}

/// Puts a link's state in its place; answers whether that changed anything.
fn replace(links: &mut Vec<LinkInfo>, info: &LinkInfo) -> bool {
    match links.iter_mut().find(|l| l.id == info.id) {
        Some(link) if link == info => false,
        Some(link) => {
            *link = info.clone();
            true
        }
        None => {
            links.push(info.clone());
            links.sort_by_key(|l| l.id);
            true
        }
    }
}
