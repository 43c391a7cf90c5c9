//! The inspector: opens, feeds, bounds and ends inspections.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use model::{App, Delays, L7, LinkId, LogRecord, Timestamp};

use super::signatures::Signatures;
use crate::Packet;

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
    /// Names that DNS gave to addresses.
    pub max_names: usize,
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
            max_names: 65_536,
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

/// Looks into flows; one for each capture ring.
#[derive(Debug)]
pub struct Inspector {
    config: Config,
    statistics: Statistics,
}

impl Inspector {
    /// An inspector without open inspections.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            statistics: Statistics::default(),
        }
    }

    /// Takes other signatures, for the flows that begin.
    pub fn set_signatures(&mut self, signatures: Arc<Signatures>) {
        self.config.signatures = signatures;
    }

    /// Opens the inspection of a flow at its first packet with payload; `None` where nothing is to be looked at: another
    /// protocol than TCP, UDP and SCTP. Show the packet to [`Self::observe`] then.
    pub fn open(&mut self, packet: &Packet, begin: Begin, now: Timestamp) -> Option<Inspection> {
        let _ = (packet, begin, now);
        let generation = NonZeroU32::new(1)?;
        Some(Inspection { slot: 0, generation })
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
        let _ = (inspection, packet, payload, forward, now, out);
        Progress::Done
    }

    /// What is known so far: the application (`None`: nothing better than its port), and the facts.
    #[must_use]
    pub fn identity(&self, inspection: &Inspection) -> (Option<App>, L7) {
        let _ = inspection;
        (None, L7::default())
    }

    /// Response delays of transactions that were measured since the last call; `None` where the protocol's transactions
    /// are not known, and the meter may measure by itself.
    pub fn take_responses(&mut self, inspection: &Inspection) -> Option<Delays> {
        let _ = inspection;
        None
    }

    /// The flow ends, or was decided: what waits in it becomes log records, and the inspection's room is free.
    pub fn close(&mut self, inspection: Inspection, out: &mut impl FnMut(LogRecord)) -> (Option<App>, L7) {
        let _ = out;
        self.identity(&inspection)
    }

    /// The name under which DNS gave `server` to `client`, or to anybody: for flows that say nothing.
    pub fn name_of(&mut self, client: IpAddr, server: IpAddr, now: Timestamp) -> Option<&str> {
        let _ = (client, server, now);
        None
    }

    /// What was done so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }
}
