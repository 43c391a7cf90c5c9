//! What happens to a ring's frames: dissected, metered, counted; out come records, application logs and seconds. No clock
//! and no socket: the time comes in with the frames and the ticks.

use std::ops::Range;
use std::sync::Arc;

use aggregate::{FrameSeen, WindowBuilder};
use dissect::l7::Names;
use dissect::{Cast, NotMetered};
use meter::Meter;
use model::{Counters, Direction, DropCounters, FlowDelta, FlowRecord, LogRecord, Timestamp};
use settings::PortDirection;

use crate::plan::PortPlan;
use crate::port::joiner::FILL_MAX;

/// Nanoseconds that a second waits for frames that are still in the ring.
const GRACE: u64 = 250_000_000;
/// Seconds that the clock must go back to be taken for one that was set.
const BACK_MIN: u64 = 2;
/// Records, or log lines, that leave together.
const TOGETHER: usize = 1_024;

/// What leaves a ring.
#[derive(Debug)]
pub(crate) enum Part {
    /// Records of flows that ended, or go on for long.
    Records(Vec<FlowRecord>),
    /// Application logs.
    Logs(Vec<LogRecord>),
    /// What was seen in a second, and whether anything was.
    Second(Box<WindowBuilder>, bool),
    /// The second that the ring is in: there is no more of those before.
    Passed(u64),
}

/// A ring's stages.
#[derive(Debug)]
pub(crate) struct Pipeline {
    plan: PortPlan,
    /// What DNS said, as seen by all rings of the port.
    names: Arc<Names>,
    meter: Meter,
    window: WindowBuilder,
    /// Whether the open window saw anything.
    touched: bool,
    now: Timestamp,
    records: Vec<FlowRecord>,
    logs: Logs,
    evictions: u64,
    records_made: u64,
    out: Vec<Part>,
}

impl Pipeline {
    /// Stages for a ring of a port, from `now` on.
    pub(crate) fn new(plan: PortPlan, names: Arc<Names>, now: Timestamp) -> Self {
        Self {
            meter: Meter::new(plan.meter_config(&names)),
            window: WindowBuilder::new(plan.link, now, 1),
            touched: false,
            now,
            records: Vec::new(),
            logs: Logs::new(&plan),
            evictions: 0,
            records_made: 0,
            out: Vec::new(),
            names,
            plan,
        }
    }

    /// What is captured and how.
    pub(crate) fn plan(&self) -> &PortPlan {
        &self.plan
    }

    /// Changes the plan; where flows are metered differently from now on, the open ones are closed. Other definitions
    /// or signatures of applications close none.
    pub(crate) fn replan(&mut self, plan: PortPlan) {
        if self.plan.meters_differently(&plan) {
            self.close_second(self.now.as_secs());
            self.end_flows();
            self.meter = Meter::new(plan.meter_config(&self.names));
            self.evictions = 0;
            self.window = WindowBuilder::new(plan.link, self.now, 1);
            self.logs = Logs::new(&plan);
        } else {
            if self.plan.definitions != plan.definitions {
                self.meter.set_definitions(plan.definitions.clone());
            }
            if self.plan.signatures != plan.signatures {
                self.meter.set_signatures(plan.signatures.get());
            }
        }
        self.plan = plan;
    }

    /// Counts frames. The time of one may open a new second, but never one that the clock has not reached.
    pub(crate) fn frames<'a>(&mut self, mut frames: impl Iterator<Item = capture::Frame<'a>>) {
        let mut waiting = frames.next();
        while let Some(first) = waiting.take() {
            if self.opens(&first) {
                self.close_second(first.time.as_secs());
            }
            self.touched = true;
            let seconds = self.next_seconds();
            let fixed = self.fixed_direction();
            let mut first = Some(first);
            let mut not_metered = Vec::new();
            let mut sink = Sink {
                records: &mut self.records,
                logs: &mut self.logs,
                direction: self.plan.direction,
                out: &mut self.out,
                made: &mut self.records_made,
            };
            let window = &mut self.window;
            self.meter.observe_all(
                capture::fetch_line,
                |packet| {
                    while let Some(frame) = first.take().or_else(|| frames.next()) {
                        if seconds.contains(&frame.time.as_secs()) {
                            // All before it is counted first.
                            waiting = Some(frame);
                            return false;
                        }
                        let view = dissect::Frame {
                            link_type: frame.link_type,
                            data: frame.data,
                            wire_len: frame.wire_len,
                            vlan_tci: frame.vlan_tci,
                        };
                        let on_link = OnLink {
                            octets: frame.link_octets(),
                            cast: Some(dissect::cast(&view)),
                        };
                        match dissect::dissect_into(&view, &mut packet.packet) {
                            Ok(()) => {
                                packet.time = frame.time;
                                packet.payload = packet.packet.payload_in(frame.data);
                                packet.note = on_link;
                                return true;
                            }
                            Err(why) => not_metered.push((on_link, why)),
                        }
                    }
                    false
                },
                &mut sink,
                |on_link, by_home| window.observe_frame(&on_link.seen(fixed.unwrap_or(by_home))),
            );
            for (on_link, why) in not_metered {
                let mut seen = on_link.seen(fixed.unwrap_or(Direction::Unknown));
                seen.non_ip = why.ether_type();
                if let NotMetered::Malformed(kind) = why {
                    seen.malformed = Some(kind);
                }
                window.observe_frame(&seen);
            }
        }
    }

    /// The seconds that a frame would open.
    fn next_seconds(&self) -> Range<u64> {
        self.window.start().as_secs().saturating_add(1)..self.now.as_secs().saturating_add(2)
    }

    fn opens(&self, frame: &capture::Frame<'_>) -> bool {
        self.next_seconds().contains(&frame.time.as_secs())
    }

    /// Time goes on, with frames or without: closes what timed out, and seconds that are over.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        self.now = now;
        let mut sink = Sink {
            records: &mut self.records,
            logs: &mut self.logs,
            direction: self.plan.direction,
            out: &mut self.out,
            made: &mut self.records_made,
        };
        self.meter.advance(now, &mut sink);
        let open = self.window.start().as_secs();
        let over = Timestamp::from_nanos(now.as_nanos().saturating_sub(GRACE)).as_secs();
        if over > open {
            // A clock that was set on has no grace to give.
            let next = if over - open > FILL_MAX { now.as_secs() } else { over };
            self.close_second(next);
        } else if now.as_secs().saturating_add(BACK_MIN) < open {
            // The clock was set back.
            self.close_second(now.as_secs());
        }
    }

    /// Counts what was lost.
    pub(crate) fn lost(&mut self, drops: DropCounters) {
        if drops != DropCounters::default() {
            self.touched = true;
            self.window.observe_drops(drops);
        }
    }

    /// Closes everything: the ring's thread ends.
    pub(crate) fn finish(&mut self) {
        self.end_flows();
        self.close_second(self.now.as_secs());
    }

    /// What is ready to go.
    pub(crate) fn take(&mut self) -> Vec<Part> {
        std::mem::take(&mut self.out)
    }

    /// Flows in the cache, and records made since the start.
    pub(crate) fn flows(&self) -> (u64, u64) {
        (self.meter.statistics().active as u64, self.records_made)
    }

    fn fixed_direction(&self) -> Option<Direction> {
        match self.plan.direction {
            PortDirection::HomeNetworks => None,
            PortDirection::In => Some(Direction::In),
            PortDirection::Out => Some(Direction::Out),
        }
    }

    /// Closes the open second and opens `next`.
    fn close_second(&mut self, next: u64) {
        let fixed = self.fixed_direction();
        let window = &mut self.window;
        self.meter.deltas(|delta| match fixed {
            None => window.observe(&delta),
            // All that the port sees goes one way: each direction of the flow for itself.
            Some(direction) => {
                window.observe(&FlowDelta {
                    direction,
                    reverse: Counters::default(),
                    ..delta
                });
                window.observe(&FlowDelta {
                    direction,
                    src_ip: delta.dst_ip,
                    dst_ip: delta.src_ip,
                    forward: delta.reverse,
                    reverse: Counters::default(),
                    ..delta
                });
            }
        });
        let evictions = self.meter.statistics().evictions;
        window.observe_drops(DropCounters {
            flow_cache_evictions: evictions - self.evictions,
            logs: self.logs.next_second(),
            ..DropCounters::default()
        });
        self.evictions = evictions;
        self.flush();

        let following = WindowBuilder::new(self.plan.link, Timestamp::from_secs(next), 1);
        let closed = std::mem::replace(&mut self.window, following);
        let touched = std::mem::replace(&mut self.touched, false);
        self.out.push(Part::Second(Box::new(closed), touched));
        self.out.push(Part::Passed(next));
    }

    fn end_flows(&mut self) {
        let mut sink = Sink {
            records: &mut self.records,
            logs: &mut self.logs,
            direction: self.plan.direction,
            out: &mut self.out,
            made: &mut self.records_made,
        };
        self.meter.flush(&mut sink);
        self.flush();
    }

    fn flush(&mut self) {
        if !self.records.is_empty() {
            self.out.push(Part::Records(std::mem::take(&mut self.records)));
        }
        self.logs.flush(&mut self.out);
    }
}

/// What the link's counters need of a frame.
#[derive(Debug, Clone, Copy, Default)]
struct OnLink {
    octets: u32,
    cast: Option<Cast>,
}

impl OnLink {
    fn seen(&self, direction: Direction) -> FrameSeen {
        FrameSeen {
            bytes: u64::from(self.octets),
            direction,
            broadcast: self.cast == Some(Cast::Broadcast),
            multicast: self.cast == Some(Cast::Multicast),
            non_ip: None,
            malformed: None,
        }
    }
}

/// Application logs that wait, and how many more of this second are kept.
#[derive(Debug)]
struct Logs {
    lines: Vec<LogRecord>,
    /// Lines a second that are kept.
    most: u32,
    kept: u32,
    lost: u64,
}

impl Logs {
    fn new(plan: &PortPlan) -> Self {
        Self {
            lines: Vec::new(),
            most: plan.ring_logs_per_s(),
            kept: 0,
            lost: 0,
        }
    }

    /// Lines that were lost in the second that is over.
    fn next_second(&mut self) -> u64 {
        self.kept = 0;
        std::mem::take(&mut self.lost)
    }

    fn flush(&mut self, out: &mut Vec<Part>) {
        if !self.lines.is_empty() {
            out.push(Part::Logs(std::mem::take(&mut self.lines)));
        }
    }
}

/// Takes records and log lines from the meter.
struct Sink<'a> {
    records: &'a mut Vec<FlowRecord>,
    logs: &'a mut Logs,
    direction: PortDirection,
    out: &'a mut Vec<Part>,
    made: &'a mut u64,
}

impl meter::Sink for Sink<'_> {
    fn record(&mut self, mut record: FlowRecord) {
        match self.direction {
            PortDirection::HomeNetworks => {}
            PortDirection::In => record.direction = Direction::In,
            PortDirection::Out => record.direction = Direction::Out,
        }
        *self.made += 1;
        self.records.push(record);
        if self.records.len() >= TOGETHER {
            self.out.push(Part::Records(std::mem::take(self.records)));
        }
    }

    fn log(&mut self, log: LogRecord) {
        if self.logs.kept >= self.logs.most {
            self.logs.lost += 1;
            return;
        }
        self.logs.kept += 1;
        self.logs.lines.push(log);
        if self.logs.lines.len() >= TOGETHER {
            self.logs.flush(self.out);
        }
    }
}

#[cfg(test)]
mod tests;
