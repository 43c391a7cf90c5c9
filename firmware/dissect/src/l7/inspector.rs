//! The inspector: opens, feeds, bounds and ends inspections.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use model::{App, Delays, L7, LinkId, LogRecord, Timestamp};

use super::fingerprints::Fingerprints;
use super::flow::{Env, Flow, Pool, Stage};
use super::log::Lines;
use super::names::Names;
use super::sample::transport_bit;
use super::signatures::Signatures;
use super::stream::Held;
use crate::Packet;

/// Inspections that are looked at to find one that was not observed lately.
const EVICT_TRIES: usize = 64;
/// Slots that are made at a time: growing copies nothing.
const CHUNK: usize = 1_024;

/// The settings of an inspector.
#[derive(Debug, Clone)]
pub struct Config {
    /// The link that log records name.
    pub link: LinkId,
    /// Whether log records are wanted.
    pub logs: bool,
    /// Applications by name and by octets.
    pub signatures: Arc<Signatures>,
    /// Inspections that are open at a time; beyond, one that was not observed lately is given up.
    pub max_inspections: usize,
    /// Octets of streams held in all; beyond, out-of-order and incomplete octets are not held.
    pub max_held: usize,
    /// Octets held of one direction of a flow.
    pub max_held_direction: usize,
    /// Names that DNS gave to addresses; share them between the rings of a port, since a flow that asks DNS and the flow
    /// that uses the answer may be seen by different ones.
    pub names: Arc<Names>,
    /// Transactions of a flow that wait for their answer.
    pub max_transactions: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            link: LinkId::default(),
            logs: true,
            signatures: Signatures::builtin(),
            max_inspections: 262_144,
            max_held: 256 << 20,
            max_held_direction: 16 << 10,
            names: Arc::new(Names::new(65_536)),
            max_transactions: 64,
        }
    }
}

/// What an inspector did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Inspections that were opened.
    pub inspected: u64,
    /// Flows whose octets or names said what they are.
    pub decided: u64,
    /// Flows that were looked at to the end and stayed unknown.
    pub unknown: u64,
    /// Inspections that were given up for want of room.
    pub evicted: u64,
    /// Inspections that are open.
    pub open: usize,
    /// Octets of streams held now.
    pub held: usize,
    /// Octets of streams that were not held for want of room.
    pub not_held: u64,
    /// Flows with segments that overlap and differ.
    pub overlaps: u64,
    /// Names that DNS gave to addresses, held now.
    pub names: usize,
    /// Log records that were made.
    pub logs: u64,
}

/// How far an inspection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Not decided: show the next packets.
    More,
    /// Decided, or nothing more to learn: take the identity with [`Inspector::close`], and show no more.
    Done,
    /// Decided, and its transactions go on: take the identity with [`Inspector::identity`] once, and show all packets to
    /// the end.
    Transactions,
}

/// What the meter knows of a flow where its inspection begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begin {
    /// Whether the packet comes from the flow's first sender.
    pub forward: bool,
    /// TCP: the sequence number of the first payload octet of the first sender, and of the other side, where their SYN
    /// was seen (its number plus one). `None`: the first payload that is seen begins the stream.
    pub expected: [Option<u32>; 2],
}

/// One flow's inspection. A handle: drop it only through [`Inspector::close`]. One that was evicted knows nothing and is
/// [`Progress::Done`].
#[derive(Debug, PartialEq, Eq)]
pub struct Inspection {
    slot: u32,
    /// Tells a slot's inspections apart.
    generation: NonZeroU32,
}

/// A place for an inspection: four lines of the processor's cache.
#[derive(Debug)]
#[repr(align(64))]
struct Slot {
    generation: NonZeroU32,
    /// Observed since the clock's hand last came by.
    touched: bool,
    flow: Option<Flow>,
}

/// Looks into flows; one for each capture ring.
#[derive(Debug)]
pub struct Inspector {
    config: Config,
    statistics: Statistics,
    chunks: Vec<Vec<Slot>>,
    free: Vec<u32>,
    /// Where the search for one to evict goes on.
    hand: usize,
    held: Held,
    pool: Pool,
    /// Room for texts that are put together.
    scratch: String,
    prints: Fingerprints,
    fetch: fn(*const u8),
}

impl Inspector {
    /// An inspector without open inspections.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let max_inspections = config.max_inspections.clamp(1, u32::MAX as usize);
        Self {
            held: Held {
                max: config.max_held,
                ..Held::default()
            },
            config: Config {
                max_inspections,
                ..config
            },
            statistics: Statistics::default(),
            chunks: Vec::new(),
            free: Vec::new(),
            hand: 0,
            pool: Vec::new(),
            scratch: String::new(),
            prints: Fingerprints::new(),
            fetch: |_| {},
        }
    }

    /// Takes what fetches the cache line of an address that is looked at soon; without it nothing is fetched.
    pub fn set_fetch(&mut self, fetch: fn(*const u8)) {
        self.fetch = fetch;
    }

    /// Fetches what the next packet of an inspection looks at.
    #[inline]
    pub fn fetch(&self, inspection: &Inspection) {
        const LINE: usize = 64;
        let at = inspection.slot as usize;
        if let Some(slot) = self.chunks.get(at / CHUNK).and_then(|chunk| chunk.get(at % CHUNK)) {
            let first = std::ptr::from_ref(slot).cast::<u8>();
            for offset in (0..size_of::<Slot>()).step_by(LINE) {
                (self.fetch)(first.wrapping_add(offset));
            }
        }
    }

    /// Takes other signatures.
    pub fn set_signatures(&mut self, signatures: Arc<Signatures>) {
        self.config.signatures = signatures;
    }

    /// Opens the inspection of a flow at its first packet with payload; `None` where nothing is to be looked at: another
    /// protocol than TCP, UDP and SCTP. Show the packet to [`Self::observe`] then.
    pub fn open(&mut self, packet: &Packet, begin: Begin, now: Timestamp) -> Option<Inspection> {
        if transport_bit(packet.protocol) == 0 || !packet.has_transport {
            return None;
        }
        if self.statistics.open >= self.config.max_inspections {
            self.evict();
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => self.grow()?,
        };
        let place = self.slot_mut(slot)?;
        place.flow = Some(Flow::new(packet, begin.forward, begin.expected, now));
        place.touched = true;
        let generation = place.generation;
        self.statistics.inspected += 1;
        self.statistics.open += 1;
        Some(Inspection { slot, generation })
    }

    /// A packet with payload, or with SYN, FIN or RST of TCP. `payload` is what was captured of it, which may be less than
    /// `packet.payload.length`. `forward`: from the flow's first sender. Log records go to `out`.
    pub fn observe(
        &mut self,
        inspection: &mut Inspection,
        packet: &Packet,
        payload: &[u8],
        forward: bool,
        now: Timestamp,
        out: &mut impl FnMut(LogRecord),
    ) -> Progress {
        self.with(inspection, now, out, |flow, env| {
            flow.observe(packet, payload, forward, env);
            match flow.stage() {
                Stage::Open => Progress::More,
                Stage::Goes => Progress::Transactions,
                Stage::Over => Progress::Done,
            }
        })
        .unwrap_or(Progress::Done)
    }

    /// The application so far; `None`: nothing better than its port. Cheaper than [`Self::identity`].
    #[must_use]
    pub fn app(&self, inspection: &Inspection) -> Option<App> {
        self.flow(inspection)?.app(&self.config.signatures)
    }

    /// What is known so far: the application (`None`: nothing better than its port), and the facts.
    #[must_use]
    pub fn identity(&self, inspection: &Inspection) -> (Option<App>, L7) {
        let flow = self.flow(inspection);
        flow.map(|flow| flow.identity(&self.config.signatures))
            .unwrap_or_default()
    }

    /// Response delays of transactions that were measured since the last call; `None` where the protocol's transactions
    /// are not known, and the meter may measure by itself.
    pub fn take_responses(&mut self, inspection: &Inspection) -> Option<Delays> {
        self.slot_of(inspection)?.flow.as_mut()?.take_responses()
    }

    /// The flow ends, or was decided: what waits in it becomes log records, and the inspection's room is free.
    pub fn close(&mut self, inspection: Inspection, out: &mut impl FnMut(LogRecord)) -> (Option<App>, L7) {
        let ended = self.with(&inspection, Timestamp::default(), out, |flow, env| {
            env.now = flow.last();
            flow.end(env);
            (flow.take_identity(env.signatures), flow.overlaps())
        });
        let Some((identity, overlaps)) = ended else {
            return (None, L7::default());
        };
        if let Some(slot) = self.slot_of(&inspection) {
            slot.flow = None;
            self.release(inspection.slot);
        }
        self.statistics.overlaps += u64::from(overlaps);
        match identity.0 {
            Some(_) => self.statistics.decided += 1,
            None => self.statistics.unknown += 1,
        }
        identity
    }

    /// The name under which DNS gave `server` to `client`, else to anybody: for flows that say nothing. The identity of
    /// an inspected flow has it already.
    #[must_use]
    pub fn name_of(&self, client: IpAddr, server: IpAddr, now: Timestamp) -> Option<Arc<str>> {
        self.config.names.of(client, server, now)
    }

    /// What was done so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics {
            held: self.held.octets,
            not_held: self.held.refused,
            names: self.config.names.len(),
            ..self.statistics
        }
    }

    /// Acts on a flow; `None` where the inspection was evicted.
    fn with<T>(
        &mut self,
        inspection: &Inspection,
        now: Timestamp,
        out: &mut impl FnMut(LogRecord),
        act: impl FnOnce(&mut Flow, &mut Env<'_, '_>) -> T,
    ) -> Option<T> {
        let slot = inspection.slot as usize;
        let slot = self.chunks.get_mut(slot / CHUNK)?.get_mut(slot % CHUNK)?;
        let flow = slot
            .flow
            .as_mut()
            .filter(|_| slot.generation == inspection.generation)?;
        slot.touched = true;
        let mut lines = Lines {
            link: self.config.link,
            wanted: self.config.logs,
            made: &mut self.statistics.logs,
            out,
        };
        let mut env = Env {
            lines: &mut lines,
            names: &self.config.names,
            signatures: &self.config.signatures,
            held: &mut self.held,
            pool: &mut self.pool,
            scratch: &mut self.scratch,
            prints: &mut self.prints,
            fetch: self.fetch,
            now,
            max_transactions: self.config.max_transactions,
            max_held_direction: self.config.max_held_direction,
        };
        Some(act(flow, &mut env))
    }

    fn flow(&self, inspection: &Inspection) -> Option<&Flow> {
        let at = inspection.slot as usize;
        let slot = self.chunks.get(at / CHUNK)?.get(at % CHUNK)?;
        slot.flow.as_ref().filter(|_| slot.generation == inspection.generation)
    }

    fn slot_of(&mut self, inspection: &Inspection) -> Option<&mut Slot> {
        let slot = self.slot_mut(inspection.slot)?;
        (slot.generation == inspection.generation).then_some(slot)
    }

    fn slot_mut(&mut self, slot: u32) -> Option<&mut Slot> {
        let at = slot as usize;
        self.chunks.get_mut(at / CHUNK)?.get_mut(at % CHUNK)
    }

    /// Makes a slot behind the others.
    fn grow(&mut self) -> Option<u32> {
        let full = self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK);
        if full {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let before = (self.chunks.len() - 1) * CHUNK;
        let chunk = self.chunks.last_mut()?;
        chunk.push(Slot {
            generation: NonZeroU32::MIN,
            touched: false,
            flow: None,
        });
        u32::try_from(before + chunk.len() - 1).ok()
    }

    /// Gives a slot back, for an inspection of another generation.
    fn release(&mut self, number: u32) {
        if let Some(slot) = self.slot_mut(number) {
            slot.generation = slot.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        }
        self.free.push(number);
        self.statistics.open -= 1;
    }

    /// Gives up an inspection that was not observed lately, as far as a few looks tell.
    #[cold]
    fn evict(&mut self) {
        let slots = self.chunks.iter().map(Vec::len).sum::<usize>();
        let mut chosen = None;
        for _ in 0..EVICT_TRIES.min(2 * slots) {
            self.hand = (self.hand + 1) % slots;
            let Some(slot) = u32::try_from(self.hand).ok().and_then(|at| self.slot_mut(at)) else {
                continue;
            };
            if slot.flow.is_none() {
                continue;
            }
            let idle = !std::mem::take(&mut slot.touched);
            chosen = Some(self.hand);
            if idle {
                break;
            }
        }
        let Some(number) = chosen.and_then(|at| u32::try_from(at).ok()) else {
            return;
        };
        if let Some(mut flow) = self.slot_mut(number).and_then(|slot| slot.flow.take()) {
            flow.forget(&mut self.held, &mut self.pool);
            self.statistics.evicted += 1;
            self.release(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A million flows of which a quarter is open is what the meter's memory is planned for.
    #[test]
    fn a_place_is_small() {
        let size = size_of::<Slot>();
        assert!(size <= 256, "{size} octets");
    }
}
