//! What a decoder knows of its exporters, to be shown.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;

use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decoder::Decoder;
use crate::error::ErrorCounts;
use crate::exporter::{Domain, Evictions, Exporter};
use crate::record::Version;
use crate::registry::DataType;
use crate::sequence::Losses;
use crate::template::VARIABLE;

/// What is known of an exporter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExporterReport {
    /// Its address.
    pub address: IpAddr,
    /// When its first datagram came.
    pub first_seen: Timestamp,
    /// When its latest datagram came.
    pub last_seen: Timestamp,
    /// Datagrams.
    pub datagrams: u64,
    /// Octets of their payload.
    pub octets: u64,
    /// Flows decoded, sFlow's samples included.
    pub flows: u64,
    /// Options records decoded.
    pub options: u64,
    /// Counter samples decoded.
    pub counters: u64,
    /// Records that are neither: no flow can be made of them.
    pub others: u64,
    /// Template records, repeated ones included.
    pub announced: u64,
    /// Records that were decoded after they had waited for their template.
    pub waited: u64,
    /// Records that were lost, as far as sequence numbers tell; of v9 and sFlow by the mean of records a datagram.
    pub records_lost: u64,
    /// What was wrong.
    pub errors: ErrorCounts,
    /// What was given up for want of room.
    pub evictions: Evictions,
    /// The rate that the settings give it.
    pub sampling_override: Option<NonZeroU32>,
    /// Its streams.
    pub domains: Vec<DomainReport>,
    /// Its interfaces' names, by ifIndex.
    pub interfaces: Vec<InterfaceName>,
    /// Its VRFs' names.
    pub vrfs: Vec<(u32, String)>,
    /// How many applications it named.
    pub applications: usize,
    /// Enterprise elements that it described: their numbers, name and type.
    pub elements: Vec<(u32, u16, String, DataType)>,
}

/// An interface's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceName {
    /// ifIndex.
    pub index: u32,
    /// interfaceName (82).
    pub name: Option<String>,
    /// interfaceDescription (83).
    pub description: Option<String>,
}

/// A stream of one protocol and one observation domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainReport {
    /// The protocol.
    pub version: Version,
    /// Observation domain, source id, engine or sub-agent.
    pub id: u32,
    /// The sFlow agent.
    pub agent: Option<IpAddr>,
    /// When its latest datagram came.
    pub last_seen: Timestamp,
    /// The time in its latest header.
    pub exported: Timestamp,
    /// How far the exporter's clock is ahead of ours, in ms, at its latest datagram.
    pub clock_ahead_ms: i64,
    /// When the exporter started, if its options say.
    pub boot: Option<Timestamp>,
    /// Datagrams.
    pub datagrams: u64,
    /// Records.
    pub records: u64,
    /// Losses by its sequence numbers: of records for v5, v7 and IPFIX, of datagrams for v9 and sFlow.
    pub losses: Losses,
    /// Losses of sFlow samples.
    pub sample_losses: Losses,
    /// Packets that the sampler dropped for want of resources (sFlow).
    pub drops: u64,
    /// Octets that wait for their template.
    pub waiting_octets: usize,
    /// The rate of the whole domain, from options or the latest header.
    pub sampling: Option<NonZeroU32>,
    /// Rates by sampler.
    pub samplers: Vec<(u64, NonZeroU32)>,
    /// Rates by interface.
    pub sampled_interfaces: Vec<(u32, NonZeroU32)>,
    /// Its templates.
    pub templates: Vec<TemplateReport>,
}

/// A template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateReport {
    /// Its identifier.
    pub id: u16,
    /// Whether its records are options.
    pub options: bool,
    /// How many of the fields are the scope.
    pub scope: u16,
    /// When it came last.
    pub announced: Timestamp,
    /// When data for it came last, or itself.
    pub used: Timestamp,
    /// Records decoded by it.
    pub records: u64,
    /// The fields: name and length; `None` where each record says the length.
    pub fields: Vec<(String, Option<u16>)>,
}

impl Decoder {
    /// The addresses of the exporters, in no order.
    pub fn exporters(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.exporters.keys().copied()
    }

    /// What is known of an exporter.
    #[must_use]
    pub fn exporter(&self, address: IpAddr) -> Option<ExporterReport> {
        let address = address.to_canonical();
        let exporter = self.exporters.get(&address)?;
        Some(report(address, exporter, self.sampling_override(address)))
    }

    /// An application's name, as the exporter told it; `application` as [`model::Exported`] has it.
    #[must_use]
    pub fn application_name(&self, exporter: IpAddr, application: u64) -> Option<&str> {
        let exporter = self.exporters.get(&exporter.to_canonical())?;
        exporter.names.application(application).map(|(_, name)| name)
    }

    /// The names of the applications that an exporter told.
    pub fn applications(&self, exporter: IpAddr) -> impl Iterator<Item = (u64, &str)> {
        let exporter = self.exporters.get(&exporter.to_canonical());
        exporter
            .into_iter()
            .flat_map(|exporter| exporter.names.applications().map(|(id, name)| (id, &**name)))
    }

    /// What was wrong with datagrams of senders that were not taken for exporters.
    #[must_use]
    pub const fn errors(&self) -> &ErrorCounts {
        &self.errors
    }

    /// Exporters that made room for others.
    #[must_use]
    pub const fn evictions(&self) -> &Evictions {
        &self.evictions
    }

    /// Different templates in use, however many exporters use them.
    #[must_use]
    pub fn plans(&self) -> usize {
        self.shared.plans.len()
    }
}

/// A summary for people: a line of counts, a line a domain with its losses, a line of errors where there are any.
impl fmt::Display for ExporterReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} datagrams, {} flows, {} options records, {} counter samples",
            self.address, self.datagrams, self.flows, self.options, self.counters
        )?;
        if self.others > 0 {
            write!(f, ", {} other records", self.others)?;
        }
        for domain in &self.domains {
            let unit = match domain.version {
                Version::NetflowV9 | Version::SflowV5 => "datagrams",
                _ => "records",
            };
            let losses = &domain.losses;
            write!(
                f,
                "\n  {}, domain {}: {} templates, {} records, {} {unit} lost in {} gaps",
                domain.version.name(),
                domain.id,
                domain.templates.len(),
                domain.records,
                losses.lost,
                losses.gaps
            )?;
            let rare = [
                (losses.reordered, "late"),
                (losses.repeated, "repeated"),
                (losses.restarts, "restarts"),
                (domain.sample_losses.lost, "samples lost"),
                (domain.drops, "packets not sampled for want of resources"),
            ];
            for (count, what) in rare.into_iter().filter(|(count, _)| *count > 0) {
                write!(f, ", {count} {what}")?;
            }
            if domain.waiting_octets > 0 {
                write!(f, ", {} octets wait for a template", domain.waiting_octets)?;
            }
        }
        let mut separator = "\n  errors: ";
        for (kind, count) in self.errors.iter() {
            write!(f, "{separator}{} {count}", kind.name())?;
            separator = ", ";
        }
        Ok(())
    }
}

fn report(address: IpAddr, exporter: &Exporter, sampling_override: Option<NonZeroU32>) -> ExporterReport {
    let text = |name: &std::sync::Arc<str>| name.to_string();
    let mut interfaces: Vec<_> = exporter
        .names
        .interfaces
        .iter()
        .map(|(index, names)| InterfaceName {
            index: *index,
            name: names.name.as_ref().map(text),
            description: names.description.as_ref().map(text),
        })
        .collect();
    interfaces.sort_by_key(|interface| interface.index);
    let mut vrfs: Vec<_> = exporter.names.vrfs.iter().map(|(id, name)| (*id, text(name))).collect();
    vrfs.sort();
    let mut elements: Vec<_> = exporter
        .names
        .elements()
        .map(|(id, name, data_type)| (id.enterprise, id.number, text(name), data_type))
        .collect();
    elements.sort_by_key(|(enterprise, number, ..)| (*enterprise, *number));
    let domains: Vec<_> = exporter.domains.iter().map(domain).collect();
    ExporterReport {
        address,
        first_seen: exporter.first_seen,
        last_seen: exporter.last_seen,
        datagrams: exporter.datagrams,
        octets: exporter.octets,
        flows: exporter.flows,
        options: exporter.options,
        counters: exporter.counters,
        others: exporter.others,
        announced: exporter.announced,
        waited: exporter.waited,
        records_lost: domains.iter().map(records_lost).sum(),
        errors: exporter.errors,
        evictions: exporter.evictions,
        sampling_override,
        domains,
        interfaces,
        vrfs,
        applications: exporter.names.applications().count(),
        elements,
    }
}

/// Lost datagrams are taken to have held as many records as those that came.
fn records_lost(domain: &DomainReport) -> u64 {
    match domain.version {
        Version::NetflowV9 | Version::SflowV5 => {
            let lost = u128::from(domain.losses.lost) * u128::from(domain.records);
            let datagrams = u128::from(domain.datagrams.max(1));
            u64::try_from((lost + datagrams / 2) / datagrams).unwrap_or(u64::MAX)
        }
        _ => domain.losses.lost,
    }
}

fn domain(domain: &Domain) -> DomainReport {
    let mut sample_losses = Losses::default();
    for source in domain.sources.values() {
        let of = &source.sequence.losses;
        sample_losses.lost += of.lost;
        sample_losses.gaps += of.gaps;
        sample_losses.reordered += of.reordered;
        sample_losses.repeated += of.repeated;
        sample_losses.restarts += of.restarts;
    }
    let millis = |time: Timestamp| i64::try_from(time.as_nanos() / 1_000_000).unwrap_or(i64::MAX);
    DomainReport {
        version: domain.version,
        id: domain.id,
        agent: domain.agent,
        last_seen: domain.last_seen,
        exported: domain.exported,
        clock_ahead_ms: millis(domain.exported) - millis(domain.last_seen),
        boot: domain.boot,
        datagrams: domain.datagrams,
        records: domain.records,
        losses: domain.sequence.losses,
        sample_losses,
        drops: domain.drops,
        waiting_octets: domain.waiting_octets,
        sampling: domain.rates.all.or(domain.header_rate),
        samplers: domain.rates.samplers.clone(),
        sampled_interfaces: domain.rates.interfaces.clone(),
        templates: domain
            .templates
            .iter()
            .map(|known| TemplateReport {
                id: known.id,
                options: known.compiled.shape.options,
                scope: known.compiled.shape.scope,
                announced: known.announced,
                used: known.used,
                records: known.records,
                fields: known
                    .compiled
                    .shape
                    .fields
                    .iter()
                    .map(|field| {
                        let length = Some(field.length).filter(|length| *length != VARIABLE);
                        (field.element.name(), length)
                    })
                    .collect(),
            })
            .collect(),
    }
}
