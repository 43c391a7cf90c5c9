//! Timers: a wheel of lists of flows, by the time when each has to be looked at. A packet does not
//! touch it; a flow that is found alive goes back in.

use crate::index::NONE;

/// Nanoseconds of a tick: how late a timer may be.
const TICK: u64 = 250_000_000;
const SLOTS: u64 = 512;
/// Timers beyond this are looked at once in between.
pub(crate) const HORIZON: u64 = TICK * (SLOTS - 2);

/// The wheel. The lists' links are with the caller, one [`u32`] a flow.
#[derive(Debug)]
pub(crate) struct Wheel {
    heads: Vec<u32>,
    /// The tick up to which all is done; `None` before the first use.
    cursor: Option<u64>,
}

impl Wheel {
    pub(crate) fn new() -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "512")]
        let slots = SLOTS as usize;
        Self {
            heads: vec![NONE; slots],
            cursor: None,
        }
    }

    /// Puts a flow in; `links` holds each flow's successor.
    pub(crate) fn schedule(&mut self, flow: u32, deadline: u64, now: u64, links: &mut [u32]) {
        let cursor = *self.cursor.get_or_insert(now / TICK);
        // Rounded up: looked at when the deadline has passed.
        let tick = (deadline / TICK)
            .saturating_add(1)
            .clamp(cursor + 1, cursor + SLOTS - 1);
        let head = &mut self.heads[slot(tick)];
        links[flow as usize] = *head;
        *head = flow;
    }

    /// The next flow whose time has come by `now`; call again until `None`.
    pub(crate) fn due(&mut self, now: u64, links: &[u32]) -> Option<u32> {
        let now = now / TICK;
        let cursor = self.cursor.as_mut()?;
        // After a leap each list is visited once.
        *cursor = (*cursor).max(now.saturating_sub(SLOTS));
        loop {
            let flow = pop(&mut self.heads[slot(*cursor)], links);
            if flow.is_some() || *cursor >= now {
                return flow;
            }
            *cursor += 1;
        }
    }

    /// The flow whose time comes next.
    pub(crate) fn earliest(&mut self, links: &[u32]) -> Option<u32> {
        let cursor = self.cursor?;
        (cursor..cursor + SLOTS).find_map(|tick| pop(&mut self.heads[slot(tick)], links))
    }

    /// How far the clock went back, if it did: nanoseconds between `now` and where the wheel is.
    pub(crate) fn behind(&self, now: u64) -> u64 {
        self.cursor.map_or(0, |cursor| (cursor * TICK).saturating_sub(now))
    }

    /// Forgets all timers.
    pub(crate) fn clear(&mut self) {
        self.heads.fill(NONE);
        self.cursor = None;
    }
}

fn slot(tick: u64) -> usize {
    #[allow(clippy::cast_possible_truncation, reason = "below 512")]
    let slot = (tick % SLOTS) as usize;
    slot
}

fn pop(head: &mut u32, links: &[u32]) -> Option<u32> {
    let flow = *head;
    if flow == NONE {
        return None;
    }
    *head = links[flow as usize];
    Some(flow)
}
