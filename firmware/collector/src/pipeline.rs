//! What happens to a port's frames: dissected, metered, counted; out come blocks and windows of
//! one second. No clock and no socket: the time comes in with the frames and the ticks.

use aggregate::{FrameSeen, WindowBuilder};
use dissect::{Cast, NotMetered};
use meter::Meter;
use model::{Block, Counters, Direction, DropCounters, FlowDelta, FlowRecord, LinkCounters, Timestamp};
use settings::PortDirection;

use crate::output::Output;
use crate::plan::PortPlan;

/// Nanoseconds that a second waits for frames that are still in the ring.
const GRACE: u64 = 250_000_000;
/// Seconds without a window that are made up for when the link is up; more is a clock that was set.
const FILL_MAX: u64 = 10;
/// Seconds that the clock must go back to be taken for one that was set.
const BACK_MIN: u64 = 2;

/// A port's stages.
#[derive(Debug)]
pub(crate) struct Pipeline {
    plan: PortPlan,
    meter: Meter,
    window: WindowBuilder,
    /// Whether the open window saw anything.
    touched: bool,
    up: bool,
    now: Timestamp,
    records: Vec<FlowRecord>,
    evictions: u64,
    totals: LinkCounters,
    records_made: u64,
    out: Vec<Output>,
}

impl Pipeline {
    /// Stages for a port, from `now` on.
    pub(crate) fn new(plan: PortPlan, now: Timestamp) -> Self {
        Self {
            meter: Meter::new(plan.meter_config()),
            window: WindowBuilder::new(plan.link, now, 1),
            touched: false,
            up: false,
            now,
            records: Vec::new(),
            evictions: 0,
            totals: LinkCounters::default(),
            records_made: 0,
            out: Vec::new(),
            plan,
        }
    }

    /// What is captured and how.
    pub(crate) fn plan(&self) -> &PortPlan {
        &self.plan
    }

    /// Changes the plan; where flows are metered differently from now on, the open ones are closed. Other definitions
    /// of applications close none.
    pub(crate) fn replan(&mut self, plan: PortPlan) {
        if self.plan.meters_differently(&plan) {
            self.close_second(self.now.as_secs());
            self.end_flows();
            self.meter = Meter::new(plan.meter_config());
            self.evictions = 0;
            self.window = WindowBuilder::new(plan.link, self.now, 1);
        } else if self.plan.definitions != plan.definitions {
            self.meter.set_definitions(plan.definitions.clone());
        }
        self.plan = plan;
    }

    /// Counts a frame. Its time may open a new second, but never one that the clock has not reached.
    #[inline]
    pub(crate) fn frame(&mut self, frame: &capture::Frame<'_>) {
        let second = frame.time.as_secs();
        if second > self.window.start().as_secs() && second <= self.now.as_secs().saturating_add(1) {
            self.close_second(second);
        }
        self.touched = true;
        let view = dissect::Frame {
            link_type: frame.link_type,
            data: frame.data,
            wire_len: frame.wire_len,
            vlan_tci: frame.vlan_tci,
        };
        let cast = dissect::cast(&view);
        let mut seen = FrameSeen {
            bytes: u64::from(frame.wire_len),
            direction: self.fixed_direction().unwrap_or(Direction::Unknown),
            broadcast: cast == Cast::Broadcast,
            multicast: cast == Cast::Multicast,
            non_ip: None,
            malformed: None,
        };
        match dissect::dissect(&view) {
            Ok(packet) => {
                let (direction, fixed) = (self.plan.direction, self.fixed_direction());
                let mut sink = Sink {
                    records: &mut self.records,
                    direction,
                    out: &mut self.out,
                    made: &mut self.records_made,
                };
                let by_home = self.meter.observe(&packet, packet.payload_in(frame.data), frame.time, &mut |record| sink.push(record));
                seen.direction = fixed.unwrap_or(by_home);
            }
            Err(why) => {
                seen.non_ip = why.ether_type();
                if let NotMetered::Malformed(kind) = why {
                    seen.malformed = Some(kind);
                }
            }
        }
        self.window.observe_frame(&seen);
    }

    /// Time goes on, with frames or without: closes what timed out, and seconds that are over.
    pub(crate) fn tick(&mut self, now: Timestamp, up: bool) {
        self.now = now;
        self.up = up;
        let mut sink = Sink {
            records: &mut self.records,
            direction: self.plan.direction,
            out: &mut self.out,
            made: &mut self.records_made,
        };
        self.meter.advance(now, &mut |record| sink.push(record));
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

    /// Closes everything: the port's thread ends.
    pub(crate) fn finish(&mut self) {
        self.close_second(self.now.as_secs());
        self.end_flows();
    }

    /// What is ready to go.
    pub(crate) fn take_output(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.out)
    }

    /// What was counted since the start.
    pub(crate) fn totals(&self) -> &LinkCounters {
        &self.totals
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
            ..DropCounters::default()
        });
        self.evictions = evictions;
        self.flush_records();

        let following = WindowBuilder::new(self.plan.link, Timestamp::from_secs(next), 1);
        let closed = std::mem::replace(&mut self.window, following).close();
        let touched = std::mem::replace(&mut self.touched, false);
        let start = closed.start.as_secs();
        self.totals += &closed.counters;
        // A port that is down has no windows, unless it saw something before it went down.
        if touched || self.up {
            self.out.push(Output::Window(Box::new(closed)));
        }
        let gap = next.saturating_sub(start).saturating_sub(1);
        if self.up && gap <= FILL_MAX {
            for second in start + 1..start + 1 + gap {
                let empty = WindowBuilder::new(self.plan.link, Timestamp::from_secs(second), 1);
                self.out.push(Output::Window(Box::new(empty.close())));
            }
        }
    }

    fn end_flows(&mut self) {
        let mut sink = Sink {
            records: &mut self.records,
            direction: self.plan.direction,
            out: &mut self.out,
            made: &mut self.records_made,
        };
        self.meter.flush(&mut |record| sink.push(record));
        self.flush_records();
    }

    fn flush_records(&mut self) {
        push_block(&mut self.records, &mut self.out);
    }
}

/// Takes records from the meter.
struct Sink<'a> {
    records: &'a mut Vec<FlowRecord>,
    direction: PortDirection,
    out: &'a mut Vec<Output>,
    made: &'a mut u64,
}

impl Sink<'_> {
    fn push(&mut self, mut record: FlowRecord) {
        match self.direction {
            PortDirection::HomeNetworks => {}
            PortDirection::In => record.direction = Direction::In,
            PortDirection::Out => record.direction = Direction::Out,
        }
        *self.made += 1;
        self.records.push(record);
        if self.records.len() >= Block::RECORDS_MAX {
            push_block(self.records, self.out);
        }
    }
}

/// Makes a block of the records that wait, if any do.
fn push_block(records: &mut Vec<FlowRecord>, out: &mut Vec<Output>) {
    if records.is_empty() {
        return;
    }
    match Block::encode(records) {
        Ok(block) => out.push(Output::Block(block)),
        // The count is between 1 and the most that a block takes.
        Err(e) => log::error!(EVENT = "no_block"; "{} records are lost: {e}", records.len()),
    }
    records.clear();
}

#[cfg(test)]
mod tests;
