//! A capture port's thread: reads the ring, drives the pipeline, and looks once a second at the
//! link and at what was lost.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use api::collector::{PortStatus, Timestamps};
use api::ingest::{LinkInfo, LinkKind};
use capture::Polled;
use model::{DropCounters, LinkCounters, Timestamp};
use tokio::sync::{mpsc, watch};

use crate::opener::Opener;
use crate::output::Output;
use crate::pipeline::Pipeline;
use crate::plan::PortPlan;
use crate::tap::Tap;
use crate::uplink::{Health, Outgoing};
use service::Turns;

/// How long to wait for frames: the windows' close and a stop wait no longer.
const WAIT: Duration = Duration::from_millis(100);
/// How long to wait before an interface that cannot be opened is tried again.
const REOPEN: Duration = Duration::from_secs(1);
/// Outputs that wait in the thread when the uplink's queue is full.
const WAITING_MAX: usize = 128;

/// What a port's thread shares with the rest of the program.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) plan: Mutex<PortPlan>,
    pub(crate) stop: AtomicBool,
    pub(crate) state: Mutex<State>,
}

/// What is shown of a port.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) status: PortStatus,
    pub(crate) flows: u64,
    pub(crate) records: u64,
}

impl Port {
    pub(crate) fn new(plan: PortPlan) -> Self {
        let status = PortStatus {
            info: info(&plan, false),
            counters: LinkCounters::default(),
            trouble: Some("the port is being opened".to_owned()),
            rings: Vec::new(),
            timestamps: Timestamps::None,
            driver: None,
            mtu: None,
        };
        Self {
            plan: Mutex::new(plan),
            stop: AtomicBool::new(false),
            state: Mutex::new(State {
                status,
                flows: 0,
                records: 0,
            }),
        }
    }

    /// What is shown of the port now.
    pub(crate) fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the plan while the thread runs.
    pub(crate) fn replan(&self, plan: PortPlan) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = plan;
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

/// What a port's thread works with.
pub(crate) struct Tools {
    pub(crate) opener: Opener,
    pub(crate) outgoing: mpsc::Sender<Outgoing>,
    pub(crate) health: Arc<Health>,
    pub(crate) links: watch::Sender<Vec<LinkInfo>>,
    pub(crate) turns: Turns,
}

/// The machine's clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_nanos(since.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
}

/// Captures until the port is told to stop.
pub(crate) fn run(port: &Port, tools: &Tools) {
    let plan = || port.plan.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut worker = Worker {
        pipeline: Pipeline::new(plan(), now()),
        tap: None,
        reopen_at: Instant::now(),
        look_at: Instant::now(),
        waiting: VecDeque::new(),
        up: false,
        trouble: None,
    };
    while !port.stop.load(Ordering::Relaxed) {
        let wanted = plan();
        if wanted != *worker.pipeline.plan() {
            log::info!(EVENT = "replanned", PORT = wanted.name.as_str(); "{}: new settings", wanted.name);
            worker.pipeline.replan(wanted);
            worker.look_at = Instant::now();
        }
        worker.turn(tools);
        if Instant::now() >= worker.look_at {
            worker.look_at = Instant::now() + Duration::from_secs(1);
            worker.look(port, tools);
        }
        worker.hand_over(tools);
        tools.turns.tick();
    }
    worker.pipeline.finish();
    worker.waiting.extend(worker.pipeline.take_output());
    for output in worker.waiting {
        // The uplink takes everything until the last thread is gone.
        if let Err(e) = tools.outgoing.blocking_send((worker.pipeline.plan().link, output)) {
            tell_lost(tools, &e.0);
        }
    }
}

fn tell_lost(tools: &Tools, (link, output): &Outgoing) {
    tools.health.lose_all(output.shares(*link));
}

struct Worker {
    pipeline: Pipeline,
    tap: Option<Tap>,
    reopen_at: Instant,
    look_at: Instant,
    waiting: VecDeque<Output>,
    up: bool,
    trouble: Option<String>,
}

impl Worker {
    /// Waits for frames once and handles them.
    fn turn(&mut self, tools: &Tools) {
        let Some(tap) = &mut self.tap else {
            let wait = self.reopen_at.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                std::thread::sleep(wait.min(WAIT));
            } else {
                self.open(tools);
            }
            self.pipeline.tick(now(), self.up);
            return;
        };
        let pipeline = &mut self.pipeline;
        match tap.poll(WAIT, |frame| pipeline.frame(frame)) {
            Ok(Polled::Frames(_) | Polled::Idle) => {}
            Ok(Polled::End) => self.lose_tap("the interface is gone".to_owned()),
            Err(why) => self.lose_tap(why),
        }
        self.pipeline.tick(now(), self.up);
    }

    fn open(&mut self, tools: &Tools) {
        self.reopen_at = Instant::now() + REOPEN;
        let name = &self.pipeline.plan().name;
        match tools.opener.open(name) {
            Ok(tap) => {
                log::info!(EVENT = "capturing", PORT = name.as_str(); "{name}: capturing");
                self.tap = Some(tap);
                self.trouble = None;
                self.look_at = Instant::now();
            }
            Err(why) => {
                if self.trouble.as_ref() != Some(&why) {
                    log::warn!(EVENT = "not_capturing", PORT = name.as_str(); "{name}: {why}");
                }
                self.trouble = Some(why);
                self.up = false;
            }
        }
    }

    fn lose_tap(&mut self, why: String) {
        let name = &self.pipeline.plan().name;
        log::warn!(EVENT = "not_capturing", PORT = name.as_str(); "{name}: {why}");
        self.tap = None;
        self.up = false;
        self.trouble = Some(why);
        self.look_at = Instant::now();
    }

    /// Looks at the link, and at what was lost.
    fn look(&mut self, port: &Port, tools: &Tools) {
        let plan = self.pipeline.plan().clone();
        let mut trouble = self.trouble.clone();
        let mut drops = DropCounters {
            records: tools.health.take_lost(plan.link),
            ..DropCounters::default()
        };
        if let Some(tap) = &mut self.tap {
            let no_link = tap.no_link();
            let up = no_link.is_none();
            if up != self.up {
                log::info!(EVENT = "link", PORT = plan.name.as_str(); "{}: {}", plan.name, no_link.unwrap_or("the link is up"));
            }
            self.up = up;
            trouble = trouble.or(no_link.map(str::to_owned));
            tap.count_drops(&mut drops);
        }
        self.pipeline.lost(drops);

        let info = info(&plan, self.up);
        tools.links.send_if_modified(|links| replace(links, &info));
        let (flows, records) = self.pipeline.flows();
        let mut state = port.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State {
            status: PortStatus {
                info,
                counters: self.pipeline.totals().clone(),
                trouble,
                rings: Vec::new(),
                timestamps: Timestamps::None,
                driver: None,
                mtu: None,
            },
            flows,
            records,
        };
    }

    /// Gives what is ready to the uplink; keeps a little when its queue is full.
    fn hand_over(&mut self, tools: &Tools) {
        self.waiting.extend(self.pipeline.take_output());
        let link = self.pipeline.plan().link;
        while let Some(output) = self.waiting.pop_front() {
            if let Err(e) = tools.outgoing.try_send((link, output)) {
                let (_, output) = e.into_inner();
                self.waiting.push_front(output);
                break;
            }
        }
        while self.waiting.len() > WAITING_MAX {
            if let Some(output) = self.waiting.pop_back() {
                tell_lost(tools, &(link, output));
            }
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
