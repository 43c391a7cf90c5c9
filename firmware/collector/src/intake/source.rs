//! A thread's decoder, and the way of what it decodes into the ledger.

use std::collections::HashMap;
use std::net::IpAddr;

use api::collector::{Protocol, StreamStatus, TemplateStatus};
use decode::{Config, CounterSample, Decoder, DomainReport, ErrorCounts, ErrorKind, Limits, Origin, Record, Sink};
use foldhash::fast::RandomState;
use model::{DropCounters, FlowRecord, InterfaceFacts, InterfaceMinute, LinkId, LinkState, Timestamp};

pub(super) use decode::Version;

use super::counters::CounterTrack;
use super::desk::{ExporterReport, StreamReport, protocol};
use super::facts::Facts;
use super::ledger::Ledger;
use super::plan::Registry;
use super::thread::belongs;
use crate::uplink::Health;

/// Sampling rates that are shown of an exporter.
const RATES_SHOWN: usize = 8;
/// Exporters whose errors are put into words in one look.
const EXPLAINED_MAX: usize = 32;
/// The length of a template's field that each record says for itself, as IPFIX writes it.
const VARIABLE: u16 = u16::MAX;

/// What is remembered of a sender's address.
#[derive(Debug, Default)]
struct Known {
    /// Lost and undecoded until now, as far as windows have it.
    lost: u64,
    /// Whether it taught something since.
    taught: bool,
    /// Its errors when this was last looked at, and the newest of them.
    errors: ErrorCounts,
    last_error: Option<(Timestamp, String)>,
    counters: CounterTrack,
}

impl Known {
    /// Remembers in words what is wrong since the last time.
    fn explain(&mut self, now: Timestamp, address: IpAddr, errors: ErrorCounts) {
        let fresh = errors
            .iter()
            .map(|(kind, count)| (kind, count.saturating_sub(self.errors.of(kind))));
        if let Some((kind, times)) = fresh.filter(|(_, times)| *times > 0).max_by_key(|(_, times)| *times) {
            let often = if times > 1 {
                format!(" ({times} times within a second)")
            } else {
                String::new()
            };
            self.last_error = Some((now, format!("{address}: {}{often}", words(kind))));
        }
        self.errors = errors;
    }
}

/// What a kind of error says to people.
const fn words(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::TooShort => "a datagram ends within its header",
        ErrorKind::UnknownVersion => "a datagram is no NetFlow v1, v5, v7, v9, IPFIX or sFlow v5",
        ErrorKind::BadLength => "a header's count or length contradicts its datagram's length",
        ErrorKind::BadSet => "a set is shorter than its header or goes beyond its datagram",
        ErrorKind::ReservedSet => "a set has a reserved identifier",
        ErrorKind::BadTemplate => "a template contradicts itself",
        ErrorKind::TemplateTooLarge => "a template has too many fields",
        ErrorKind::BadRecord => "a record goes beyond its set",
        ErrorKind::NoTemplate => "data came before its template and waits for it",
        ErrorKind::TemplateNeverCame => "data was given up whose template did not come",
        ErrorKind::BadSample => "an sFlow sample contradicts its length",
        ErrorKind::BadHeader => "a sampled packet's header is no sound frame",
        ErrorKind::TooManyExporters => "there is no room for another exporter",
    }
}

/// The decoder of a thread's exporters.
pub(super) struct Source {
    decoder: Decoder,
    known: HashMap<IpAddr, Known, RandomState>,
    /// Which of the threads this is, and of how many.
    place: usize,
    threads: usize,
}

/// Takes what one datagram holds.
struct Taker<'a> {
    now: Timestamp,
    place: usize,
    link: LinkId,
    ledger: &'a mut Ledger,
    known: &'a mut Known,
    minutes: &'a mut Vec<InterfaceMinute>,
    facts: &'a Facts,
}

impl Sink for Taker<'_> {
    fn link(&mut self, _: &Origin, _: Option<u32>, _: Option<u32>) -> LinkId {
        self.link
    }

    fn flow(&mut self, _: &Origin, flow: &FlowRecord) {
        self.ledger.record(self.now, self.place, flow);
    }

    fn options(&mut self, _: &Record<'_>) {
        self.known.taught = true;
    }

    fn counters(&mut self, origin: &Origin, sample: &CounterSample) {
        let agent = origin.agent.unwrap_or(origin.exporter);
        let (uptime, known) = (origin.uptime, &mut self.known.counters);
        known.take(self.link, agent, self.now, uptime, sample, self.minutes);
        if let Some(interface) = &sample.interface {
            let state = |up| if up { LinkState::Up } else { LinkState::Down };
            let facts = InterfaceFacts {
                index: interface.index,
                kind: Some(interface.kind),
                speed_bps: interface.speed,
                admin: state(interface.admin_up),
                oper: state(interface.oper_up),
                ..InterfaceFacts::default()
            };
            self.facts.told(self.link, [facts]);
        }
    }
}

impl Source {
    /// A decoder for the thread at a place, with what was saved by whoever.
    pub(super) fn new(registry: &Registry, place: usize, threads: usize, saved: &[Vec<u8>]) -> Self {
        let share = |n: usize| n.div_ceil(threads.max(1));
        let limits = Limits::default();
        let mut source = Self {
            decoder: Decoder::new(Config {
                home: registry.home.clone(),
                definitions: registry.definitions.clone(),
                limits: Limits {
                    pending_total: share(limits.pending_total),
                    fields_total: share(limits.fields_total),
                    entries_total: share(limits.entries_total),
                    ..limits
                },
                ..Config::default()
            }),
            known: HashMap::default(),
            place,
            threads,
        };
        source.sample(registry);
        for octets in saved {
            let mine = |address: IpAddr| belongs(registry, address, place, threads);
            let enabled = |address: IpAddr| registry.enabled(address).is_some();
            if let Err(e) = source.decoder.learn_from(octets, |a| enabled(a) && mine(a)) {
                log::warn!(EVENT = "templates_lost"; "{e}");
            }
        }
        source
    }

    fn sample(&mut self, registry: &Registry) {
        for exporter in registry.exporters() {
            for address in &exporter.settings.addresses {
                self.decoder.set_sampling(address.to_canonical(), exporter.sampling());
            }
        }
    }

    /// Takes another registry: what exporters taught that stay goes on, the others are forgotten.
    pub(super) fn reregister(&mut self, before: &Registry, registry: &Registry) {
        if before.home != registry.home {
            self.decoder.set_home(registry.home.clone());
        }
        self.decoder.set_definitions(registry.definitions.clone());
        let gone: Vec<IpAddr> = self
            .decoder
            .exporters()
            .filter(|a| registry.enabled(*a).is_none() || !belongs(registry, *a, self.place, self.threads))
            .collect();
        for address in gone {
            self.decoder.set_sampling(address, None);
            self.decoder.forget(address);
        }
        self.known.retain(|address, _| registry.enabled(*address).is_some());
        for exporter in before.exporters() {
            for address in &exporter.settings.addresses {
                self.decoder.set_sampling(address.to_canonical(), None);
            }
        }
        self.sample(registry);
    }

    /// Decodes a datagram of the exporter at a place of the registry.
    pub(super) fn decode(
        &mut self,
        now: Timestamp,
        place: usize,
        from: IpAddr,
        octets: &[u8],
        ledger: &mut Ledger,
        facts: &Facts,
    ) {
        let Some(account) = ledger.account(place) else { return };
        let (link, before) = (account.plan.link, account.so_far());
        let known = self.known.entry(from).or_default();
        let mut minutes = Vec::new();
        let mut taker = Taker {
            now,
            place,
            link,
            ledger,
            known,
            minutes: &mut minutes,
            facts,
        };
        self.decoder.decode(now, from, octets, &mut taker);
        let seen = super::pending::guess(api::collector::SocketPurpose::Flow, octets);
        if let Some(account) = ledger.account(place) {
            account.datagram(now, octets.len(), seen, before);
        }
        ledger.count_interfaces(now, minutes);
    }

    /// Counts in the windows what never came since the last time, and what was lost on the way to the analyzer; tells
    /// names that are new.
    pub(super) fn look(&mut self, now: Timestamp, ledger: &mut Ledger, health: &Health, facts: &Facts) {
        let registry = ledger.registry().clone();
        let mut explained = 0;
        for (address, known) in &mut self.known {
            let Some(place) = registry.place(*address) else {
                continue;
            };
            // Only who sent something has lost something.
            let fresh = ledger.account(place).is_some_and(|a| a.recent > 0);
            if !fresh && !known.taught {
                continue;
            }
            let Some(totals) = self.decoder.totals(*address, 0) else {
                continue;
            };
            // One that comes late takes a loss back: then nothing is counted until the loss is larger.
            let export = totals.lost.saturating_sub(known.lost);
            known.lost = known.lost.max(totals.lost);
            let drops = DropCounters {
                export,
                ..DropCounters::default()
            };
            ledger.lose(now, place, drops);
            if totals.errors != known.errors.total()
                && explained < EXPLAINED_MAX
                && let Some(report) = self.decoder.exporter(*address)
            {
                explained += 1;
                known.explain(now, *address, report.errors);
            }
            if std::mem::take(&mut known.taught) && totals.interfaces > 0 {
                let Some(exporter) = registry.exporters().get(place) else {
                    continue;
                };
                let named = self
                    .decoder
                    .exporter(*address)
                    .map(|r| r.interfaces)
                    .unwrap_or_default();
                facts.told(
                    exporter.link,
                    named.into_iter().map(|i| InterfaceFacts {
                        index: i.index,
                        name: i.name.unwrap_or_default(),
                        description: i.description.unwrap_or_default(),
                        ..InterfaceFacts::default()
                    }),
                );
            }
        }
        // Each exporter's first thread takes what the uplink lost of it.
        let lost: Vec<(usize, u64)> = registry
            .exporters()
            .iter()
            .enumerate()
            .filter(|_| health.has_lost())
            .filter(|(_, e)| {
                e.settings
                    .addresses
                    .first()
                    .is_some_and(|a| belongs(&registry, *a, self.place, self.threads))
            })
            .map(|(place, e)| (place, health.take_lost(e.link)))
            .collect();
        for (place, records) in lost {
            let drops = DropCounters {
                records,
                ..DropCounters::default()
            };
            ledger.lose(now, place, drops);
        }
    }

    /// Moves whenever there is something new to be saved.
    pub(super) fn learnt(&self) -> u64 {
        self.decoder.learnt()
    }

    /// What exporters taught, to be kept.
    pub(super) fn save(&self) -> Vec<u8> {
        self.decoder.save()
    }

    /// How the exporters are.
    pub(super) fn reports(&self, now: Timestamp, ledger: &Ledger) -> Vec<ExporterReport> {
        let report = |account: &super::account::Account| {
            let mut report = ExporterReport {
                link: account.plan.link,
                first_seen: account.first_seen,
                last_seen: account.last_seen,
                protocols: account.protocols.clone(),
                datagrams: account.counts.datagrams,
                octets: account.counts.octets,
                records: account.counts.records,
                rates: account.rates.a_second(now),
                lost: 0,
                errors: account.counts.clock,
                templates: 0,
                sampling: Default::default(),
            };
            for address in &account.plan.settings.addresses {
                let Some(totals) = self.decoder.totals(*address, RATES_SHOWN) else {
                    continue;
                };
                report.lost += totals.lost;
                report.errors += totals.errors;
                report.templates += u32::try_from(totals.templates).unwrap_or(u32::MAX);
                report.sampling.extend(totals.sampling);
            }
            report
        };
        ledger.accounts().map(report).collect()
    }

    /// An exporter in full.
    pub(super) fn streams(&self, link: LinkId, ledger: &Ledger) -> StreamReport {
        let Some(account) = ledger.accounts().find(|a| a.plan.link == link) else {
            return StreamReport::default();
        };
        let mut report = StreamReport::default();
        if account.counts.clock > 0 {
            report.errors.insert("clock".to_owned(), account.counts.clock);
        }
        if account.interfaces.refused() > 0 {
            report
                .errors
                .insert("too_many_interfaces".to_owned(), account.interfaces.refused());
        }
        for address in &account.plan.settings.addresses {
            let Some(exporter) = self.decoder.exporter(*address) else {
                continue;
            };
            let newest = self.known.get(&exporter.address).and_then(|k| k.last_error.clone());
            report.last_error = report.last_error.max(newest);
            for (kind, count) in exporter.errors.iter() {
                *report.errors.entry(kind.name().to_owned()).or_default() += count;
            }
            let rate = exporter.sampling_override;
            let never = exporter.errors.of(decode::ErrorKind::TemplateNeverCame);
            let streams = exporter.domains.into_iter().map(|domain| {
                let mut stream = stream(exporter.address, domain);
                if let Some(rate) = rate {
                    stream.sampling = vec![(None, rate.get())];
                }
                stream
            });
            let mut streams: Vec<StreamStatus> = streams.collect();
            // The decoder counts these for the sender as a whole.
            if let Some(first) = streams
                .iter_mut()
                .find(|s| matches!(s.protocol, Protocol::NetflowV9 | Protocol::Ipfix))
            {
                first.undecodable = never;
            }
            report.streams.extend(streams);
        }
        report
    }
}

fn stream(address: IpAddr, domain: DomainReport) -> StreamStatus {
    let all = domain.sampling.map(|rate| (None, rate.get()));
    let samplers = domain.samplers.iter().map(|(id, rate)| (Some(*id), rate.get()));
    let interfaces = domain
        .sampled_interfaces
        .iter()
        .map(|(index, rate)| (Some(u64::from(*index)), rate.get()));
    StreamStatus {
        address: domain.agent.unwrap_or(address),
        protocol: protocol(domain.version),
        domain: domain.id,
        datagrams: domain.datagrams,
        records: domain.records,
        lost: domain.losses.lost,
        restarts: domain.losses.restarts,
        pending_octets: domain.waiting_octets as u64,
        undecodable: 0,
        sampling: all.into_iter().chain(samplers).chain(interfaces).collect(),
        templates: domain
            .templates
            .into_iter()
            .map(|template| TemplateStatus {
                id: template.id,
                options: template.options,
                seen: template.announced,
                records: template.records,
                fields: template
                    .fields
                    .into_iter()
                    .map(|(name, length)| (name, length.unwrap_or(VARIABLE)))
                    .collect(),
            })
            .collect(),
    }
}
