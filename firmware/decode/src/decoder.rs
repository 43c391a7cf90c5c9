//! The decoder: exporters and what they taught, and the way of a datagram.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use model::{Definitions, FlowRecord, Timestamp};

use crate::assemble;
use crate::config::Config;
use crate::error::{ErrorCounts, ErrorKind};
use crate::exporter::{Evictions, Exporter, Strings};
use crate::home::Home;
use crate::job::Job;
use crate::parts::Parts;
use crate::plan::{Piece, Plans};
use crate::sink::Sink;
use crate::slot::Numbers;

/// What all exporters share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) home: Home,
    pub(crate) plans: Plans,
    pub(crate) strings: Strings,
    /// Room for entries from options.
    pub(crate) entries_left: usize,
    /// Room for data that waits for its template, in octets.
    pub(crate) waiting_left: usize,
    /// Room for fields of templates.
    pub(crate) fields_left: usize,
    /// Counts what was learnt that was not known.
    pub(crate) learnt: u64,
    pub(crate) scratch: Scratch,
}

/// What is used again for every record.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) record: FlowRecord,
    pub(crate) numbers: Numbers,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) parts: Parts,
}

/// Decodes the datagrams of many exporters.
///
/// One is used by one thread; all datagrams of an exporter have to go to the same one, in their order.
#[derive(Debug)]
pub struct Decoder {
    pub(crate) shared: Shared,
    pub(crate) exporters: HashMap<IpAddr, Box<Exporter>>,
    overrides: HashMap<IpAddr, NonZeroU32>,
    pub(crate) errors: ErrorCounts,
    pub(crate) evictions: Evictions,
    /// No exporter becomes idle before.
    full_until: Timestamp,
}

impl Decoder {
    /// A decoder that knows no exporter.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let limits = config.limits;
        Self {
            shared: Shared {
                home: Home::new(&config.home),
                config,
                plans: Plans::default(),
                strings: Strings::default(),
                entries_left: limits.entries_total,
                waiting_left: limits.pending_total,
                fields_left: limits.fields_total,
                learnt: 0,
                scratch: Scratch {
                    record: assemble::blank(),
                    numbers: Numbers::default(),
                    pieces: Vec::new(),
                    parts: Parts::default(),
                },
            },
            exporters: HashMap::new(),
            overrides: HashMap::new(),
            errors: ErrorCounts::default(),
            evictions: Evictions::default(),
            full_until: Timestamp::EPOCH,
        }
    }

    /// Sets the home network anew.
    pub fn set_home(&mut self, home: model::HomeNetworks) {
        self.shared.home = Home::new(&home);
        self.shared.config.home = home;
    }

    /// Sets the definitions of applications anew: for the records that come from now on.
    pub fn set_definitions(&mut self, definitions: Arc<Definitions>) {
        self.shared.config.definitions = definitions;
    }

    /// Sets an exporter's sampling rate, whatever it says itself; `None` believes it again. 1 multiplies nothing.
    pub fn set_sampling(&mut self, exporter: IpAddr, rate: Option<NonZeroU32>) {
        let exporter = exporter.to_canonical();
        match rate {
            Some(rate) => self.overrides.insert(exporter, rate),
            None => self.overrides.remove(&exporter),
        };
    }

    pub(crate) fn sampling_override(&self, exporter: IpAddr) -> Option<NonZeroU32> {
        self.overrides.get(&exporter).copied()
    }

    /// Forgets an exporter and all that it taught.
    pub fn forget(&mut self, exporter: IpAddr) {
        if let Some(gone) = self.exporters.remove(&exporter) {
            self.release(&gone);
        }
    }

    /// Decodes a datagram. What is wrong with it is counted for its exporter, and what comes before the fault goes to
    /// the sink.
    pub fn decode<S: Sink>(&mut self, now: Timestamp, exporter: IpAddr, datagram: &[u8], sink: &mut S) {
        // An IPv4 exporter is the same on a socket of either family.
        let exporter = exporter.to_canonical();
        if !self.exporters.contains_key(&exporter) && !self.admit(now, exporter, datagram) {
            return;
        }
        let rate_override = match self.overrides.is_empty() {
            true => None,
            false => self.overrides.get(&exporter).copied(),
        };
        let Some(known) = self.exporters.get_mut(&exporter) else {
            return;
        };
        known.last_seen = known.last_seen.max(now);
        known.datagrams += 1;
        known.octets += datagram.len() as u64;
        let mut job = Job {
            now,
            address: exporter,
            exporter: known,
            shared: &mut self.shared,
            rate_override,
            sink,
        };
        if let Err(kind) = job.datagram(datagram) {
            known.errors.count(kind);
        }
    }

    /// Makes room for a new exporter. What is no datagram of a known protocol makes none.
    fn admit(&mut self, now: Timestamp, exporter: IpAddr, datagram: &[u8]) -> bool {
        let is_known = matches!(datagram, [0, 1 | 5 | 7 | 9 | 10, ..] | [0, 0, 0, 5, ..]);
        if !is_known {
            let kind = match datagram.len() {
                0..4 => ErrorKind::TooShort,
                _ => ErrorKind::UnknownVersion,
            };
            self.errors.count(kind);
            return false;
        }
        if self.exporters.len() >= self.shared.config.limits.exporters && !self.evict(now) {
            self.errors.count(ErrorKind::TooManyExporters);
            return false;
        }
        self.exporters.insert(exporter, Box::new(Exporter::new(now)));
        true
    }

    /// Forgets the exporter that was silent for longest, if it was for long enough.
    fn evict(&mut self, now: Timestamp) -> bool {
        if now < self.full_until {
            return false;
        }
        let oldest = self.exporters.iter().min_by_key(|(_, known)| known.last_seen);
        let Some((address, last_seen)) = oldest.map(|(address, known)| (*address, known.last_seen)) else {
            return false;
        };
        let idle_at = last_seen.plus_nanos(nanos(self.shared.config.exporter_idle));
        if now < idle_at {
            self.full_until = idle_at;
            return false;
        }
        self.evictions.exporters += 1;
        self.forget(address);
        true
    }

    /// Gives back the room that an exporter took.
    fn release(&mut self, gone: &Exporter) {
        self.shared.entries_left += gone.entries();
        self.shared.waiting_left += gone.waiting_octets();
        self.shared.fields_left += gone.fields();
    }
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
