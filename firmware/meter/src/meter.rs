//! The cache itself.

use std::sync::Arc;
use std::time::Duration;

use dissect::{Packet, l7};
use model::{Counters, Definitions, Direction, EndReason, FlowDelta, Timestamp};

use crate::Config;
use crate::flow::{Arrival, Flow};
use crate::flows::Flows;
use crate::fragments::{Fragments, Resolved};
use crate::index::Index;
use crate::key::{Hasher, Key};
use crate::layer7::Layer7;
use crate::looks::{Look, Looks};
use crate::sink::Sink;
use crate::wheel::{HORIZON, Wheel};

/// Packets that are read before they are counted.
const READ_AHEAD: usize = 32;
/// Packets whose flows are fetched before they are counted.
const FETCH_AHEAD: usize = 16;
/// Packets whose inspections and payloads are fetched before layer 7 looks at them.
const LOOK_AHEAD: usize = 4;
/// Flows whose identities are fetched before they are closed all together.
const FLUSH_AHEAD: u32 = 16;
/// Flows that one call of [`Meter::advance`] looks at.
const ADVANCE_MAX: usize = 8192;
/// A clock that goes back further was set anew; less is packets out of order.
const CLOCK_STEP: u64 = 60_000_000_000;
/// Flows that are looked at to find one to make room.
const EVICT_TRIES: usize = 32;
/// Deltas of closed flows that wait to be asked for.
const MAX_ORPHANS: usize = 1 << 20;

/// What a meter did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Packets observed.
    pub packets: u64,
    /// Their IP-layer octets.
    pub bytes: u64,
    /// Flows that were opened.
    pub flows: u64,
    /// Flows that were closed because the cache was full.
    pub evictions: u64,
    /// Deltas that were lost because nobody asked for them.
    pub lost_deltas: u64,
    /// Flows in the cache.
    pub active: usize,
    /// Fragments that overlap others of their datagram, other than the same once more.
    pub overlapping_fragments: u64,
    /// Fragments that cut TCP's header into pieces, or lie behind the end of the longest datagram.
    pub odd_fragments: u64,
}

/// A packet to be counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Observed<'a, N = ()> {
    /// When it was captured.
    pub time: Timestamp,
    /// What it is.
    pub packet: Packet,
    /// What was captured of its transport payload ([`Packet::payload_in`]).
    pub payload: &'a [u8],
    /// What comes back with its direction.
    pub note: N,
}

/// Where a packet belongs.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    key: Key,
    from_low: bool,
    hash: u64,
}

/// A flow cache.
#[derive(Debug)]
pub struct Meter {
    config: Config,
    idle: u64,
    active: u64,
    linger: u64,
    hasher: Hasher,
    index: Index,
    flows: Flows,
    /// For each flow the next one in its timer list.
    links: Vec<u32>,
    free: Vec<u32>,
    wheel: Wheel,
    fragments: Fragments,
    layer7: Option<Layer7>,
    dirty: Vec<u32>,
    orphans: Vec<FlowDelta>,
    statistics: Statistics,
    /// Whether flows may be open that other definitions named.
    redefined: bool,
}

impl Meter {
    /// An empty cache.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let nanos =
            |timeout: Option<Duration>| timeout.map_or(u64::MAX, |t| u64::try_from(t.as_nanos()).unwrap_or(u64::MAX));
        // u32::MAX stands for "none" in the tables.
        let max_flows = config.max_flows.clamp(1, u32::MAX as usize - 1);
        Self {
            idle: nanos(config.idle),
            active: nanos(config.active),
            linger: nanos(config.linger),
            hasher: Hasher::random(),
            index: Index::new(),
            flows: Flows::default(),
            links: Vec::new(),
            free: Vec::new(),
            wheel: Wheel::new(),
            fragments: Fragments::default(),
            layer7: config.layer7.clone().map(|layer7| {
                Layer7::new(l7::Config {
                    link: config.link,
                    ..layer7
                })
            }),
            dirty: Vec::new(),
            orphans: Vec::new(),
            statistics: Statistics::default(),
            redefined: false,
            config: Config { max_flows, ..config },
        }
    }

    /// Takes other definitions of applications. They name the flows that begin, and the next record of those that are
    /// open.
    pub fn set_definitions(&mut self, definitions: Arc<Definitions>) {
        self.redefined |= self.statistics.active > 0;
        self.config.definitions = definitions;
    }

    /// Takes other signatures of applications, for the flows that begin.
    pub fn set_signatures(&mut self, signatures: Arc<l7::Signatures>) {
        if let Some(layer7) = &mut self.layer7 {
            layer7.set_signatures(signatures);
        }
    }

    /// Counts a packet, and gives its direction. `payload` is what was captured of its transport payload
    /// ([`Packet::payload_in`]). Records that it closes and logs of its application go to `sink`.
    #[inline]
    pub fn observe(&mut self, packet: &Packet, payload: &[u8], now: Timestamp, sink: &mut impl Sink) -> Direction {
        let mut looks = Looks::default();
        let direction = self.observe_at(packet, payload, &self.place_of(packet), now, &mut looks, sink);
        self.look_at_all(&mut looks, sink);
        direction
    }

    /// Counts packets in their order, as [`Self::observe`] does each; faster, since the memory of their flows is fetched
    /// before, and layer 7 looks at packets of a kind one after the other. `fetch` fetches the cache line of an address that
    /// is read soon, and may do nothing. `next` writes the next packet over the one that it is given, and says whether there
    /// was one; it is asked when another one was counted, so that their source has the time to fetch it. `on_direction` gets
    /// each one's note and direction. Of one flow all comes in the order of its packets; logs of different flows may not.
    pub fn observe_all<'a, N: Copy + Default>(
        &mut self,
        fetch: fn(*const u8),
        mut next: impl FnMut(&mut Observed<'a, N>) -> bool,
        sink: &mut impl Sink,
        mut on_direction: impl FnMut(&N, Direction),
    ) {
        if let Some(layer7) = &mut self.layer7 {
            layer7.set_fetch(fetch);
        }
        let mut looks = Looks::default();
        // Written in place, and moved nowhere.
        let mut ring = [(Place::default(), Observed::default()); READ_AHEAD];
        let (mut read, mut fetched, mut counted) = (0, 0, 0);
        let mut goes_on = true;
        loop {
            // A packet is read, another one's flow is fetched and a third one counted in turns: what each waits for of
            // memory comes while the others work. Nothing is decided before the packet is counted.
            while goes_on && read - counted < READ_AHEAD {
                let (place, observed) = &mut ring[read % READ_AHEAD];
                goes_on = next(observed);
                if goes_on {
                    self.place(&observed.packet, place);
                    fetch(self.index.address(place.hash));
                    read += 1;
                }
            }
            while fetched < read && fetched - counted < FETCH_AHEAD {
                let number = self.index.likely(ring[fetched % READ_AHEAD].0.hash);
                if number != crate::index::NONE {
                    self.flows[number].addresses().into_iter().for_each(fetch);
                }
                fetched += 1;
            }
            if counted == read {
                break;
            }
            let (place, observed) = &ring[counted % READ_AHEAD];
            let Observed {
                time,
                packet,
                payload,
                note,
            } = observed;
            on_direction(note, self.observe_at(packet, payload, place, *time, &mut looks, sink));
            counted += 1;
            if looks.are_many() {
                self.look_at_all(&mut looks, sink);
            }
        }
        self.look_at_all(&mut looks, sink);
    }

    /// Looks into the flows that wait for it.
    fn look_at_all(&mut self, looks: &mut Looks<'_>, sink: &mut impl Sink) {
        let Some(layer7) = &mut self.layer7 else { return };
        let flows = &mut self.flows;
        looks.sort();
        let mut place = 0;
        let mut fetched = 0;
        while let Some(look) = looks.get(place) {
            while fetched - place < LOOK_AHEAD
                && let Some(next) = looks.get(fetched)
            {
                layer7.fetch(&flows[next.flow], next.payload);
                fetched += 1;
            }
            let flow = &mut flows[look.flow];
            flow.set_waits(false);
            layer7.look(flow, look, sink);
            place += 1;
        }
        looks.clear();
        layer7.keep(flows);
    }

    /// Looks into a flow that waits for it, now: before anything else happens to it.
    #[cold]
    fn look_at(&mut self, number: u32, looks: &mut Looks<'_>, sink: &mut impl Sink) {
        let flow = &mut self.flows[number];
        flow.set_waits(false);
        if let (Some(look), Some(layer7)) = (looks.take(number), &mut self.layer7) {
            layer7.look(flow, &look, sink);
            layer7.keep(&mut self.flows);
        }
    }

    #[inline]
    fn observe_at<'a>(
        &mut self,
        packet: &Packet,
        payload: &'a [u8],
        place: &Place,
        now: Timestamp,
        looks: &mut Looks<'a>,
        sink: &mut impl Sink,
    ) -> Direction {
        let now = now.as_nanos();
        self.statistics.packets += 1;
        self.statistics.bytes += u64::from(packet.ip_bytes);
        let arrival = Arrival {
            first: now,
            last: now,
            counters: Counters {
                packets: 1,
                bytes: u64::from(packet.ip_bytes),
            },
        };
        if packet.fragment.is_some() {
            return self.observe_fragment(packet, payload, arrival, looks, sink);
        }
        self.count(packet, payload, place, &arrival, looks, sink)
    }

    #[inline(always)]
    fn place(&self, packet: &Packet, place: &mut Place) {
        (place.key, place.from_low) = Key::of(packet, self.config.vlan_in_key);
        place.hash = self.hasher.hash(&place.key);
    }

    fn place_of(&self, packet: &Packet) -> Place {
        let mut place = Place::default();
        self.place(packet, &mut place);
        place
    }

    #[cold]
    fn observe_fragment<'a>(
        &mut self,
        packet: &Packet,
        payload: &'a [u8],
        arrival: Arrival,
        looks: &mut Looks<'a>,
        sink: &mut impl Sink,
    ) -> Direction {
        let mut packet = *packet;
        // Later fragments continue a payload whose beginning was shown.
        let is_first = packet.fragment.is_none_or(|f| f.offset == 0);
        let payload = if is_first { payload } else { &[] };
        let direction = match self.fragments.resolve(&mut packet, arrival) {
            Resolved::Counts { arrival, odd } => {
                let place = self.place_of(&packet);
                let direction = self.count(&packet, payload, &place, &arrival, looks, sink);
                if odd.is_any()
                    && let Some(number) = self.index.find(place.hash, |n| self.flows[n].key == place.key)
                {
                    self.flows[number].mark_odd(odd);
                }
                direction
            }
            Resolved::Held => self.config.home.direction(packet.src, packet.dst),
        };
        self.expire_fragments(arrival.last, looks, sink);
        direction
    }

    /// Counts fragments whose header never came, as a flow without ports.
    fn expire_fragments(&mut self, now: u64, looks: &mut Looks<'_>, sink: &mut impl Sink) {
        while let Some((packet, arrival)) = self.fragments.expired(now) {
            self.count(&packet, &[], &self.place_of(&packet), &arrival, looks, sink);
            if looks.are_many() {
                self.look_at_all(looks, sink);
            }
        }
    }

    #[inline]
    fn count<'a>(
        &mut self,
        packet: &Packet,
        payload: &'a [u8],
        place: &Place,
        arrival: &Arrival,
        looks: &mut Looks<'a>,
        sink: &mut impl Sink,
    ) -> Direction {
        let from_low = place.from_low;
        let number = match self.index.find(place.hash, |n| self.flows[n].key == place.key) {
            Some(number) => {
                if self.flows[number].waits() {
                    self.look_at(number, looks, sink);
                }
                if let Some(reason) = self.outlived(&self.flows[number], packet, arrival.first) {
                    self.renew(number, reason, place, packet, arrival, sink);
                }
                number
            }
            None => self.open(place, packet, arrival, looks, sink),
        };
        let flow = &mut self.flows[number];
        let expected = flow.is_looked_at(packet, payload).then(|| flow.expected());
        let forward = flow.count(from_low, packet, payload, arrival);
        if let Some(expected) = expected {
            flow.set_waits(true);
            looks.push(Look {
                flow: number,
                packet: *packet,
                payload,
                forward,
                expected,
                now: arrival.last,
            });
        }
        let direction = flow.direction;
        if self.config.deltas && flow.mark_dirty() {
            self.dirty.push(number);
        }
        if forward { direction } else { direction.reversed() }
    }

    /// Why a packet does not go into the record of its flow that is open, if it does not.
    #[inline]
    fn outlived(&self, flow: &Flow, packet: &Packet, now: u64) -> Option<EndReason> {
        let silence = now.saturating_sub(flow.last);
        if silence > self.idle {
            return Some(EndReason::Idle);
        }
        if flow.is_reused_by(packet) || (silence > self.linger && flow.is_over()) {
            return Some(EndReason::EndOfFlow);
        }
        if now.saturating_sub(flow.start) >= self.active && !flow.is_empty() {
            return Some(EndReason::Active);
        }
        None
    }

    /// Closes a record of a flow that has the same key as what comes next.
    #[cold]
    #[allow(
        clippy::too_many_arguments,
        reason = "the flow's parts are at hand where it is called"
    )]
    fn renew(
        &mut self,
        number: u32,
        reason: EndReason,
        place: &Place,
        packet: &Packet,
        arrival: &Arrival,
        sink: &mut impl Sink,
    ) {
        self.close_record(number, reason, sink);
        if reason != EndReason::Active {
            let direction = self.config.home.direction(packet.src, packet.dst);
            self.flows[number] = self.flow(place, packet, arrival, direction);
            self.statistics.flows += 1;
        }
    }

    #[cold]
    fn open(
        &mut self,
        place: &Place,
        packet: &Packet,
        arrival: &Arrival,
        looks: &mut Looks<'_>,
        sink: &mut impl Sink,
    ) -> u32 {
        if self.statistics.active >= self.config.max_flows {
            self.evict(arrival.last, looks, sink);
        }
        let direction = self.config.home.direction(packet.src, packet.dst);
        let flow = self.flow(place, packet, arrival, direction);
        let number = match self.free.pop() {
            Some(number) => {
                self.flows[number] = flow;
                number
            }
            None => {
                self.links.push(crate::index::NONE);
                self.flows.push(flow, self.config.on_memory)
            }
        };
        self.index.insert(place.hash, number);
        self.statistics.flows += 1;
        self.statistics.active += 1;
        let deadline = self.deadline(number);
        self.wheel.schedule(number, deadline, arrival.last, &mut self.links);
        number
    }

    fn flow(&self, place: &Place, packet: &Packet, arrival: &Arrival, direction: Direction) -> Flow {
        let definitions = &self.config.definitions;
        let mut flow = Flow::new(place.key, place.from_low, packet, arrival.first, direction, definitions);
        if self.layer7.is_none() {
            flow.decide();
        }
        flow
    }

    /// When a flow has to be looked at next.
    fn deadline(&self, number: u32) -> u64 {
        let flow = &self.flows[number];
        let silence = if flow.is_over() {
            self.idle.min(self.linger)
        } else {
            self.idle
        };
        let active = if flow.is_empty() {
            u64::MAX
        } else {
            flow.start.saturating_add(self.active)
        };
        flow.last.saturating_add(silence.min(HORIZON)).min(active)
    }

    /// Makes room: closes the flow that was silent longest, as far as a few looks tell.
    #[cold]
    fn evict(&mut self, now: u64, looks: &mut Looks<'_>, sink: &mut impl Sink) {
        let mut chosen: Option<u32> = None;
        for _ in 0..EVICT_TRIES {
            let Some(number) = self.wheel.earliest(&self.links) else {
                break;
            };
            let oldest = chosen.is_none_or(|c| self.flows[number].last < self.flows[c].last);
            let back = if oldest { chosen.replace(number) } else { Some(number) };
            if let Some(back) = back {
                let deadline = self.deadline(back);
                self.wheel.schedule(back, deadline, now, &mut self.links);
            }
        }
        if let Some(number) = chosen {
            self.statistics.evictions += 1;
            if self.flows[number].waits() {
                self.look_at(number, looks, sink);
            }
            self.close(number, EndReason::LackOfResources, sink);
        }
    }

    /// Emits a flow's record; what was new in it is kept for the deltas.
    fn close_record(&mut self, number: u32, reason: EndReason, sink: &mut impl Sink) {
        let flow = &mut self.flows[number];
        if self.redefined {
            flow.name(&self.config.definitions);
        }
        if let Some(delta) = flow.take_delta() {
            if self.orphans.len() < MAX_ORPHANS {
                self.orphans.push(delta);
            } else {
                self.statistics.lost_deltas += 1;
            }
        }
        let layer7 = &mut self.layer7;
        let record = flow.take_record(self.config.link, reason, |flow| {
            layer7.as_mut()?.identity(flow, reason != EndReason::Active, sink)
        });
        if let Some(record) = record {
            sink.record(record);
        }
    }

    /// Emits a flow's record and forgets the flow, whose timer was taken off the wheel.
    fn close(&mut self, number: u32, reason: EndReason, sink: &mut impl Sink) {
        self.close_record(number, reason, sink);
        let flow = &mut self.flows[number];
        self.index.remove(self.hasher.hash(&flow.key), number);
        flow.release();
        self.free.push(number);
        self.statistics.active -= 1;
    }

    /// Closes what timed out by `now`. The work of a call is bounded: call it at least a few times a second.
    /// When the clock was set back by more than a minute, all open flows are closed.
    pub fn advance(&mut self, now: Timestamp, sink: &mut impl Sink) {
        let now = now.as_nanos();
        if self.wheel.behind(now) > CLOCK_STEP {
            self.flush(sink);
            return;
        }
        let mut looks = Looks::default();
        self.expire_fragments(now, &mut looks, sink);
        self.look_at_all(&mut looks, sink);
        for _ in 0..ADVANCE_MAX {
            let Some(number) = self.wheel.due(now, &self.links) else {
                return;
            };
            let flow = &self.flows[number];
            let silence = now.saturating_sub(flow.last);
            if silence > self.idle {
                self.close(number, EndReason::Idle, sink);
                continue;
            }
            if flow.is_over() && silence > self.linger {
                self.close(number, EndReason::EndOfFlow, sink);
                continue;
            }
            if !flow.is_empty() && now.saturating_sub(flow.start) >= self.active {
                self.close_record(number, EndReason::Active, sink);
            }
            let deadline = self.deadline(number);
            self.wheel.schedule(number, deadline, now, &mut self.links);
        }
    }

    /// Closes all flows: at the end of a capture, or before the meter stops.
    pub fn flush(&mut self, sink: &mut impl Sink) {
        if !self.fragments.is_empty() {
            let mut looks = Looks::default();
            self.expire_fragments(u64::MAX, &mut looks, sink);
            self.look_at_all(&mut looks, sink);
        }
        #[allow(clippy::cast_possible_truncation, reason = "max_flows is below u32::MAX")]
        for number in 0..self.flows.len() as u32 {
            if let Some(layer7) = &self.layer7
                && number.saturating_add(FLUSH_AHEAD) < self.flows.len() as u32
            {
                let [far, near] = [FLUSH_AHEAD, FLUSH_AHEAD / 2].map(|ahead| self.flows[number + ahead].identity);
                layer7.fetch_identity(far, near);
            }
            if !self.flows[number].is_used() {
                continue;
            }
            let reason = if self.flows[number].is_over() {
                EndReason::EndOfFlow
            } else {
                EndReason::Forced
            };
            self.close_record(number, reason, sink);
        }
        // Forgotten all together: what was new in them waits among the orphans.
        self.index = Index::new();
        self.flows = Flows::default();
        self.links.clear();
        self.free.clear();
        self.dirty.clear();
        self.statistics.active = 0;
        self.wheel.clear();
    }

    /// Gives what each flow carried since the last call; flows that carried nothing are left out.
    pub fn deltas(&mut self, mut sink: impl FnMut(FlowDelta)) {
        for delta in self.orphans.drain(..) {
            sink(delta);
        }
        for number in self.dirty.drain(..) {
            if let Some(delta) = self.flows[number].take_delta() {
                sink(delta);
            }
        }
    }

    /// What was done so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics {
            overlapping_fragments: self.fragments.overlapping(),
            odd_fragments: self.fragments.odd(),
            ..self.statistics
        }
    }

    /// What layer 7 did so far; `None` where flows are not looked into.
    #[must_use]
    pub fn layer7_statistics(&self) -> Option<l7::Statistics> {
        self.layer7.as_ref().map(Layer7::statistics)
    }
}
