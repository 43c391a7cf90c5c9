//! What exporters taught, kept over a restart: templates, sampling rates, names. Written in docs/formats.md.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::decoder::Decoder;
use crate::error::LoadError;
use crate::exporter::{Domain, Exporter, InterfaceNames, NAME_MAX, Room};
use crate::plan::Compiled;
use crate::record::Version;
use crate::registry::{DataType, ElementId};
use crate::sampling::put;
use crate::template::Shape;

const MAGIC: &[u8; 4] = b"SWDS";
const VERSION: u16 = 1;
/// Magic, version, reserved, checksum.
const HEAD: usize = 12;

#[derive(Serialize, Deserialize)]
struct Saved {
    /// Each shape once; templates name them by their place.
    shapes: Vec<Shape>,
    exporters: Vec<SavedExporter>,
}

#[derive(Serialize, Deserialize)]
struct SavedExporter {
    address: IpAddr,
    last_seen: Timestamp,
    domains: Vec<SavedDomain>,
    interfaces: Vec<(u32, Option<String>, Option<String>)>,
    vrfs: Vec<(u32, String)>,
    applications: Vec<(u64, String)>,
    elements: Vec<(ElementId, String, DataType)>,
}

#[derive(Serialize, Deserialize)]
struct SavedDomain {
    version: Version,
    id: u32,
    agent: Option<IpAddr>,
    last_seen: Timestamp,
    boot: Option<Timestamp>,
    all: Option<NonZeroU32>,
    samplers: Vec<(u64, NonZeroU32)>,
    interfaces: Vec<(u32, NonZeroU32)>,
    /// Identifier, place of the shape, when it came last.
    templates: Vec<(u16, u32, Timestamp)>,
}

impl Decoder {
    /// The octets that [`Decoder::load`] takes: all that exporters taught. Counts and data that waits are not saved.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        let mut shapes = Shapes::default();
        let exporters = self
            .exporters
            .iter()
            .map(|(address, known)| exporter(*address, known, &mut shapes))
            .collect();
        let saved = Saved {
            shapes: shapes.all,
            exporters,
        };
        let mut octets = Vec::with_capacity(1 << 16);
        octets.extend_from_slice(MAGIC);
        octets.extend_from_slice(&VERSION.to_le_bytes());
        octets.extend_from_slice(&[0; 2]);
        // Writing these types to memory does not fail.
        let body = postcard::to_stdvec(&saved).unwrap_or_default();
        octets.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
        octets.extend_from_slice(&body);
        octets
    }

    /// A decoder that knows what another one had learnt.
    ///
    /// # Errors
    /// When the octets are not what [`Decoder::save`] gives. What exceeds the limits is left out.
    pub fn load(config: Config, octets: &[u8]) -> Result<Self, LoadError> {
        let mut decoder = Self::new(config);
        decoder.learn_from(octets, |_| true)?;
        Ok(decoder)
    }

    /// Learns what another one had learnt of the exporters for which `keep` holds and which are not known yet.
    ///
    /// # Errors
    /// When the octets are not what [`Decoder::save`] gives. What exceeds the limits is left out.
    pub fn learn_from(&mut self, octets: &[u8], keep: impl Fn(IpAddr) -> bool) -> Result<(), LoadError> {
        let (head, body) = octets.split_first_chunk::<HEAD>().ok_or(LoadError::Magic)?;
        let [m0, m1, m2, m3, v0, v1, _, _, c0, c1, c2, c3] = *head;
        if [m0, m1, m2, m3] != *MAGIC {
            return Err(LoadError::Magic);
        }
        let found = u16::from_le_bytes([v0, v1]);
        if found != VERSION {
            return Err(LoadError::Version { found, known: VERSION });
        }
        if crc32fast::hash(body) != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Err(LoadError::Damaged { what: "checksum" });
        }
        let saved: Saved = postcard::from_bytes(body).map_err(|_| LoadError::Damaged { what: "contents" })?;
        let limits = self.shared.config.limits;
        let shapes: Vec<Option<Arc<Compiled>>> = saved
            .shapes
            .into_iter()
            .map(|shape| {
                let is_sound = shape.length_min() > 0 && shape.fields.len() <= limits.fields;
                is_sound.then(|| self.shared.plans.get(shape))
            })
            .collect();
        let room = limits.exporters.saturating_sub(self.exporters.len());
        let wanted = saved
            .exporters
            .into_iter()
            .filter(|exporter| keep(exporter.address.to_canonical()));
        for exporter in wanted.take(room) {
            if !self.exporters.contains_key(&exporter.address.to_canonical()) {
                self.restore(exporter, &shapes);
            }
        }
        Ok(())
    }

    fn restore(&mut self, saved: SavedExporter, shapes: &[Option<Arc<Compiled>>]) {
        let limits = self.shared.config.limits;
        let mut exporter = Exporter::new(saved.last_seen);
        let mut room = Room {
            exporter: limits.entries,
            total: &mut self.shared.entries_left,
            refused: 0,
        };
        for saved in saved.domains.into_iter().take(limits.domains) {
            let mut domain = Domain::new(saved.version, saved.id, saved.agent);
            domain.last_seen = saved.last_seen;
            domain.boot = saved.boot;
            domain.rates.all = saved.all;
            for (sampler, rate) in saved.samplers.into_iter().take_while(|_| room.take()) {
                put(&mut domain.rates.samplers, sampler, rate);
            }
            for (interface, rate) in saved.interfaces.into_iter().take_while(|_| room.take()) {
                put(&mut domain.rates.interfaces, interface, rate);
            }
            for (id, place, announced) in saved.templates {
                let compiled = usize::try_from(place)
                    .ok()
                    .and_then(|place| shapes.get(place))
                    .cloned()
                    .flatten();
                let Some(compiled) = compiled else { continue };
                let fields = compiled.shape.fields.len();
                if fields > self.shared.fields_left || exporter.fields() + fields > limits.fields_exporter {
                    continue;
                }
                let before = domain.fields();
                domain.templates.learn(announced, id, compiled, limits.templates);
                self.shared.fields_left = (self.shared.fields_left + before).saturating_sub(domain.fields());
            }
            exporter.domains.push(domain);
        }
        let strings = &mut self.shared.strings;
        let mut text = |name: &str| strings.get(cut(name));
        for (index, name, description) in saved.interfaces {
            let names = InterfaceNames {
                name: name.map(|name| text(&name)),
                description: description.map(|name| text(&name)),
            };
            exporter.names.put_interface(&mut room, index, names);
        }
        for (id, name) in saved.vrfs {
            exporter.names.put_vrf(&mut room, id, text(&name));
        }
        for (id, name) in saved.applications {
            exporter.names.put_application(&mut room, id, text(&name));
        }
        for (id, name, data_type) in saved.elements {
            exporter.names.put_element(&mut room, id, text(&name), data_type);
        }
        self.exporters.insert(saved.address.to_canonical(), Box::new(exporter));
    }
}

/// A name within its bound.
fn cut(name: &str) -> &str {
    let mut end = name.len().min(NAME_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or("")
}

/// Shapes, each once.
#[derive(Default)]
struct Shapes {
    all: Vec<Shape>,
    places: HashMap<*const Compiled, u32>,
}

impl Shapes {
    fn place(&mut self, compiled: &Arc<Compiled>) -> u32 {
        *self.places.entry(Arc::as_ptr(compiled)).or_insert_with(|| {
            self.all.push(compiled.shape.clone());
            u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
        })
    }
}

fn exporter(address: IpAddr, exporter: &Exporter, shapes: &mut Shapes) -> SavedExporter {
    let names = &exporter.names;
    let text = |name: &Arc<str>| name.to_string();
    SavedExporter {
        address,
        last_seen: exporter.last_seen,
        domains: exporter
            .domains
            .iter()
            .map(|domain| SavedDomain {
                version: domain.version,
                id: domain.id,
                agent: domain.agent,
                last_seen: domain.last_seen,
                boot: domain.boot,
                all: domain.rates.all,
                samplers: domain.rates.samplers.clone(),
                interfaces: domain.rates.interfaces.clone(),
                templates: domain
                    .templates
                    .iter()
                    .map(|known| (known.id, shapes.place(&known.compiled), known.announced))
                    .collect(),
            })
            .collect(),
        interfaces: names
            .interfaces
            .iter()
            .map(|(index, names)| {
                (
                    *index,
                    names.name.as_ref().map(text),
                    names.description.as_ref().map(text),
                )
            })
            .collect(),
        vrfs: names.vrfs.iter().map(|(id, name)| (*id, text(name))).collect(),
        applications: names.applications().map(|(id, name)| (id, text(name))).collect(),
        elements: names
            .elements()
            .map(|(id, name, data_type)| (id, text(name), data_type))
            .collect(),
    }
}
