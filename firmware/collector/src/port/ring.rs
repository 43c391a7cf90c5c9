//! A ring's thread: reads it, drives the pipeline, and gives what comes out to the port.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use api::collector::{RingStatus, Timestamps};
use capture::Polled;
use dissect::l7::Names;
use model::DropCounters;
use service::Turns;

use super::{Port, now};
use crate::machine::Machine;
use crate::pipeline::{Part, Pipeline};
use crate::tap::Tap;

/// How long to wait for frames: the windows' close and a stop wait no longer.
const WAIT: Duration = Duration::from_millis(100);
/// How long to wait for a ring that is being opened.
const NO_TAP: Duration = Duration::from_millis(20);
/// Parts that wait in the thread when the port's queue is full.
const WAITING_MAX: usize = 64;
/// Where a thread is held to no processor.
const ANY: usize = usize::MAX;

/// What a ring's thread shares with its port.
#[derive(Debug)]
pub(super) struct Seat {
    /// A ring that was opened for it, and of which opening.
    tap: Mutex<Option<(u64, Tap)>>,
    /// The opening whose ring came to its end.
    pub(super) lost: AtomicU64,
    cpu: AtomicUsize,
    pub(super) state: Mutex<RingState>,
}

/// What is shown of a ring.
#[derive(Debug, Clone)]
pub(super) struct RingState {
    pub(super) status: RingStatus,
    pub(super) records: u64,
    pub(super) timestamps: Timestamps,
    /// Why there is no link; `None` where there is one, or the ring is not open.
    pub(super) no_link: Option<&'static str>,
    pub(super) is_open: bool,
}

impl Seat {
    pub(super) fn new(cpu: Option<usize>) -> Self {
        Self {
            tap: Mutex::new(None),
            lost: AtomicU64::new(0),
            cpu: AtomicUsize::new(cpu.unwrap_or(ANY)),
            state: Mutex::new(RingState {
                status: RingStatus {
                    cpu: None,
                    frames: 0,
                    drops: 0,
                    freezes: 0,
                    flows: 0,
                    memory_bytes: 0,
                },
                records: 0,
                timestamps: Timestamps::None,
                no_link: None,
                is_open: false,
            }),
        }
    }

    /// Gives it the ring of an opening.
    pub(super) fn give(&self, opening: u64, tap: Tap) {
        *self.tap.lock().unwrap_or_else(PoisonError::into_inner) = Some((opening, tap));
    }

    /// Holds its thread to a processor from its next look on.
    pub(super) fn hold(&self, cpu: Option<usize>) {
        self.cpu.store(cpu.unwrap_or(ANY), Ordering::Relaxed);
    }

    pub(super) fn state(&self) -> RingState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What the thread works with.
pub(super) struct Tools {
    pub(super) number: usize,
    pub(super) parts: SyncSender<(usize, Part)>,
    pub(super) names: Arc<Names>,
    pub(super) turns: Turns,
    pub(super) machine: Machine,
}

struct Reader<'a> {
    seat: &'a Seat,
    tools: Tools,
    pipeline: Pipeline,
    opening: u64,
    tap: Option<Tap>,
    waiting: VecDeque<Part>,
    /// Where the thread is to be held, and where it is.
    wanted: Option<usize>,
    held: Option<usize>,
    totals: RingStatus,
}

/// Captures until the port is told to stop.
pub(super) fn run(port: &Port, seat: &Seat, tools: Tools) {
    let (mut version, plan) = port.plan();
    let mut reader = Reader {
        pipeline: Pipeline::new(plan, tools.names.clone(), now()),
        totals: seat.state().status,
        seat,
        tools,
        opening: 0,
        tap: None,
        waiting: VecDeque::new(),
        wanted: None,
        held: None,
    };
    let mut look_at = Instant::now();
    while !port.stop.load(Ordering::Relaxed) {
        if port.version.load(Ordering::Acquire) != version {
            let plan;
            (version, plan) = port.plan();
            reader.pipeline.replan(plan);
        }
        reader.turn(port.opening.load(Ordering::Acquire));
        if Instant::now() >= look_at {
            look_at = Instant::now() + Duration::from_secs(1);
            reader.look();
        }
        reader.hand_over();
        reader.tools.turns.tick();
    }
    reader.look();
    reader.pipeline.finish();
    let mut last = std::mem::take(&mut reader.waiting);
    last.extend(reader.pipeline.take());
    for part in last {
        // The port takes everything until the last ring is gone.
        let _ = reader.tools.parts.send((reader.tools.number, part));
    }
}

impl Reader<'_> {
    /// Waits for frames once and handles them.
    fn turn(&mut self, opening: u64) {
        if opening != self.opening {
            self.tap = None;
            let mut place = self.seat.tap.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((of, tap)) = place.take()
                && of == opening
            {
                self.opening = opening;
                self.tap = Some(tap);
            }
        }
        let pipeline = &mut self.pipeline;
        match &mut self.tap {
            None => std::thread::sleep(NO_TAP),
            Some(tap) => match tap.poll(WAIT, |frames| pipeline.frames(frames)) {
                Ok(Polled::Frames(_) | Polled::Idle) => {}
                Ok(Polled::End) => self.lose_tap(None),
                Err(why) => self.lose_tap(Some(&why)),
            },
        }
        self.pipeline.tick(now());
    }

    fn lose_tap(&mut self, why: Option<&str>) {
        if let Some(why) = why {
            let name = &self.pipeline.plan().name;
            log::warn!(EVENT = "not_capturing", PORT = name.as_str(); "{name}: {why}");
        }
        self.look();
        self.tap = None;
        self.seat.lost.store(self.opening, Ordering::Release);
    }

    /// Looks at what was lost, and shows how the ring is.
    fn look(&mut self) {
        let cpu = self.seat.cpu.load(Ordering::Relaxed);
        let wanted = (cpu != ANY).then_some(cpu);
        if wanted != self.wanted {
            self.wanted = wanted;
            self.held = self.tools.machine.sit(wanted);
        }
        let totals = &mut self.totals;
        if let Some(tap) = &mut self.tap {
            let counted = tap.count();
            totals.frames += counted.frames;
            totals.drops += counted.drops;
            totals.freezes = counted.freezes;
            self.pipeline.lost(DropCounters {
                ring: counted.drops,
                ..DropCounters::default()
            });
        }
        let (flows, records) = self.pipeline.flows();
        totals.cpu = self.held.and_then(|cpu| u32::try_from(cpu).ok());
        totals.flows = flows;
        totals.memory_bytes = self.tap.as_ref().map_or(0, Tap::memory);
        let mut state = self.seat.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = RingState {
            status: totals.clone(),
            records,
            timestamps: self.tap.as_ref().map_or(Timestamps::None, Tap::timestamps),
            no_link: self.tap.as_ref().and_then(Tap::no_link),
            is_open: self.tap.is_some(),
        };
    }

    /// Gives what is ready to the port; keeps a little when its queue is full. Seconds are kept before all else.
    fn hand_over(&mut self) {
        self.waiting.extend(self.pipeline.take());
        while let Some(part) = self.waiting.pop_front() {
            match self.tools.parts.try_send((self.tools.number, part)) {
                Ok(()) => {}
                Err(TrySendError::Full((_, part)) | TrySendError::Disconnected((_, part))) => {
                    self.waiting.push_front(part);
                    break;
                }
            }
        }
        if self.waiting.len() <= WAITING_MAX {
            return;
        }
        let mut drops = DropCounters::default();
        self.waiting.retain(|part| match part {
            Part::Records(records) => {
                drops.queue += records.len() as u64;
                false
            }
            Part::Logs(lines) => {
                drops.logs += lines.len() as u64;
                false
            }
            Part::Second(..) | Part::Passed(_) => true,
        });
        self.pipeline.lost(drops);
        if self.waiting.len() > WAITING_MAX {
            // The port's thread hangs, and the watchdog is about to end the program.
            log::error!(EVENT = "seconds_lost"; "{} seconds of a port are lost: nobody takes them", self.waiting.len() / 2);
            self.waiting.clear();
        }
    }
}

/// A stop that is asked for ends the thread, whatever else happens to the port's.
pub(super) struct StopAtEnd<'a>(pub(super) &'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
