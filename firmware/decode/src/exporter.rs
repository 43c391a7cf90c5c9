//! What is known of an exporter.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use model::{App, Timestamp};
use serde::{Deserialize, Serialize};

use crate::counters::DataSource;
use crate::error::ErrorCounts;
use crate::record::Version;
use crate::registry::{DataType, ElementId};
use crate::sampling::Rates;
use crate::sequence::Sequence;
use crate::store::Templates;

/// The longest name that is kept, in octets.
pub(crate) const NAME_MAX: usize = 255;

/// An interface's names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct InterfaceNames {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) description: Option<Arc<str>>,
}

/// Enterprise elements that an exporter described (RFC 5610).
#[derive(Debug, Default)]
pub(crate) struct ElementNames(HashMap<ElementId, (Arc<str>, DataType)>);

impl ElementNames {
    pub(crate) fn get(&self, element: ElementId) -> Option<(&str, DataType)> {
        self.0.get(&element).map(|(name, data_type)| (&**name, *data_type))
    }
}

/// The names that an exporter told by options.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) interfaces: HashMap<u32, InterfaceNames>,
    pub(crate) vrfs: HashMap<u32, Arc<str>>,
    applications: HashMap<u64, (App, Arc<str>)>,
    pub(crate) elements: ElementNames,
}

impl Names {
    pub(crate) fn application(&self, id: u64) -> Option<(App, &str)> {
        if self.applications.is_empty() {
            return None;
        }
        self.applications.get(&id).map(|(app, name)| (*app, &**name))
    }

    pub(crate) fn applications(&self) -> impl Iterator<Item = (u64, &Arc<str>)> {
        self.applications.iter().map(|(id, (_, name))| (*id, name))
    }

    pub(crate) fn elements(&self) -> impl Iterator<Item = (ElementId, &Arc<str>, DataType)> {
        self.elements
            .0
            .iter()
            .map(|(id, (name, data_type))| (*id, name, *data_type))
    }

    pub(crate) fn len(&self) -> usize {
        self.interfaces.len() + self.vrfs.len() + self.applications.len() + self.elements.0.len()
    }
}

/// Room for entries that options bring: of the exporter and of all.
pub(crate) struct Room<'a> {
    pub(crate) exporter: usize,
    pub(crate) total: &'a mut usize,
    /// Entries that found no room.
    pub(crate) refused: u64,
}

impl Room<'_> {
    /// Takes room for an entry, if there is any.
    pub(crate) fn take(&mut self) -> bool {
        if self.exporter == 0 || *self.total == 0 {
            self.refused += 1;
            return false;
        }
        self.exporter -= 1;
        *self.total -= 1;
        true
    }
}

impl Names {
    pub(crate) fn put_interface(&mut self, room: &mut Room<'_>, index: u32, names: InterfaceNames) {
        if let Some(known) = self.interfaces.get_mut(&index) {
            known.name = names.name.or(known.name.take());
            known.description = names.description.or(known.description.take());
        } else if room.take() {
            self.interfaces.insert(index, names);
        }
    }

    pub(crate) fn put_vrf(&mut self, room: &mut Room<'_>, id: u32, name: Arc<str>) {
        if self.vrfs.contains_key(&id) || room.take() {
            self.vrfs.insert(id, name);
        }
    }

    pub(crate) fn put_application(&mut self, room: &mut Room<'_>, id: u64, name: Arc<str>) {
        if self.applications.contains_key(&id) || room.take() {
            self.applications.insert(id, (crate::apps::by_name(&name), name));
        }
    }

    pub(crate) fn put_element(&mut self, room: &mut Room<'_>, id: ElementId, name: Arc<str>, data_type: DataType) {
        if self.elements.0.contains_key(&id) || room.take() {
            self.elements.0.insert(id, (name, data_type));
        }
    }
}

/// Names that many exporters use alike, kept once.
#[derive(Debug, Default)]
pub(crate) struct Strings {
    all: HashSet<Arc<str>>,
    kept: usize,
}

impl Strings {
    /// The shared copy of a name.
    pub(crate) fn get(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.all.get(name) {
            return known.clone();
        }
        if self.all.len() > 2 * self.kept + 4_096 {
            self.all.retain(|name| Arc::strong_count(name) > 1);
            self.kept = self.all.len();
        }
        let name: Arc<str> = name.into();
        self.all.insert(name.clone());
        name
    }

    /// The text of a padded name; `None` where it is empty.
    pub(crate) fn of_octets(&mut self, octets: &[u8]) -> Option<Arc<str>> {
        let end = octets.iter().position(|&octet| octet == 0).unwrap_or(octets.len());
        let text = String::from_utf8_lossy(octets.get(..end.min(NAME_MAX))?);
        let text = text.trim();
        (!text.is_empty()).then(|| self.get(text))
    }
}

/// Data that waits for its template.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) id: u16,
    pub(crate) octets: Box<[u8]>,
    pub(crate) origin: crate::record::Origin,
}

/// A source of sFlow samples.
#[derive(Debug, Default)]
pub(crate) struct SampleSource {
    pub(crate) sequence: Sequence,
    /// Its count of packets that it could not sample, as it was told last.
    pub(crate) drops: Option<u32>,
}

/// A stream of one protocol and one observation domain.
#[derive(Debug)]
pub(crate) struct Domain {
    pub(crate) version: Version,
    pub(crate) id: u32,
    pub(crate) agent: Option<IpAddr>,
    pub(crate) templates: Templates,
    pub(crate) rates: Rates,
    /// The rate in the latest header (v5), or of the latest sample (sFlow).
    pub(crate) header_rate: Option<NonZeroU32>,
    /// When the exporter started, from its options.
    pub(crate) boot: Option<Timestamp>,
    pub(crate) uptime: Option<u32>,
    pub(crate) sequence: Sequence,
    /// Sources of sFlow samples.
    pub(crate) sources: HashMap<DataSource, SampleSource>,
    pub(crate) waiting: VecDeque<Waiting>,
    pub(crate) waiting_octets: usize,
    pub(crate) last_seen: Timestamp,
    pub(crate) exported: Timestamp,
    pub(crate) datagrams: u64,
    pub(crate) records: u64,
    /// Packets that the exporter could not sample for want of resources (sFlow), by its own count.
    pub(crate) drops: u64,
}

impl Domain {
    pub(crate) fn new(version: Version, id: u32, agent: Option<IpAddr>) -> Self {
        Self {
            version,
            id,
            agent,
            templates: Templates::default(),
            rates: Rates::default(),
            header_rate: None,
            boot: None,
            uptime: None,
            sequence: Sequence::default(),
            sources: HashMap::new(),
            waiting: VecDeque::new(),
            waiting_octets: 0,
            last_seen: Timestamp::EPOCH,
            exported: Timestamp::EPOCH,
            datagrams: 0,
            records: 0,
            drops: 0,
        }
    }

    pub(crate) fn is(&self, version: Version, id: u32, agent: Option<IpAddr>) -> bool {
        self.id == id && self.version == version && self.agent == agent
    }

    /// Fields of all its templates.
    pub(crate) fn fields(&self) -> usize {
        self.templates.fields()
    }

    /// Entries that count against the limits.
    pub(crate) fn entries(&self) -> usize {
        self.rates.len() + self.sources.len()
    }
}

/// What was given up for want of room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evictions {
    /// Exporters.
    pub exporters: u64,
    /// Observation domains.
    pub domains: u64,
    /// Templates.
    pub templates: u64,
    /// Sets of data that waited for a template.
    pub waiting: u64,
    /// Entries that options brought.
    pub entries: u64,
}

/// An exporter.
#[derive(Debug)]
pub(crate) struct Exporter {
    pub(crate) first_seen: Timestamp,
    pub(crate) last_seen: Timestamp,
    pub(crate) datagrams: u64,
    pub(crate) octets: u64,
    pub(crate) flows: u64,
    pub(crate) options: u64,
    pub(crate) counters: u64,
    pub(crate) others: u64,
    pub(crate) announced: u64,
    pub(crate) waited: u64,
    pub(crate) errors: ErrorCounts,
    pub(crate) evictions: Evictions,
    pub(crate) domains: Vec<Domain>,
    pub(crate) names: Names,
}

impl Exporter {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            first_seen: now,
            last_seen: now,
            datagrams: 0,
            octets: 0,
            flows: 0,
            options: 0,
            counters: 0,
            others: 0,
            announced: 0,
            waited: 0,
            errors: ErrorCounts::default(),
            evictions: Evictions::default(),
            domains: Vec::new(),
            names: Names::default(),
        }
    }

    pub(crate) fn entries(&self) -> usize {
        self.names.len() + self.domains.iter().map(Domain::entries).sum::<usize>()
    }

    pub(crate) fn fields(&self) -> usize {
        self.domains.iter().map(Domain::fields).sum()
    }

    /// Forgets the templates that were unused for longest until so many fields are left; how many that were.
    pub(crate) fn shrink(&mut self, fields: usize) -> u64 {
        let mut all: Vec<_> = self
            .domains
            .iter()
            .enumerate()
            .flat_map(|(place, domain)| domain.templates.iter().map(move |known| (known.used, place, known.id)))
            .collect();
        all.sort_unstable();
        let mut left = self.fields();
        let mut gone = 0;
        for (_, place, id) in all {
            if left <= fields {
                break;
            }
            if let Some(domain) = self.domains.get_mut(place) {
                let before = domain.fields();
                domain.templates.withdraw(id);
                left -= before - domain.fields();
                gone += 1;
            }
        }
        gone
    }

    pub(crate) fn waiting_octets(&self) -> usize {
        self.domains.iter().map(|domain| domain.waiting_octets).sum()
    }
}
