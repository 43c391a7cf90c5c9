//! sFlow version 5 (sflow_version_5.txt, sflow_tunnels.txt, sflow_drops.txt): a sampled packet becomes a flow of the
//! packets that it stands for.

mod structures;

use std::collections::hash_map::Entry;
use std::num::NonZeroU32;

use model::EndReason;

use crate::apps;
use crate::assemble;
use crate::counters::{CounterSample, DataSource, OPAQUE, layout, opaque};
use crate::error::ErrorKind;
use crate::exporter::{Domain, SampleSource};
use crate::job::Job;
use crate::parts::Parts;
use crate::record::{Context, Kind, Origin, Record, Version};
use crate::sink::Sink;
use crate::wire::Reader;
use structures::{Found, address, take, unknown};

/// The port of a packet that the switch itself sent or received: "internal" in sFlow, 0 in IPFIX.
const INTERNAL: u32 = 0x3fff_ffff;

/// The head of a sample.
#[derive(Debug, Clone, Copy)]
struct Sample {
    sequence: u32,
    source: DataSource,
    rate: u32,
    pool: u32,
    drops: u32,
    input: Port,
    output: Port,
    reason: Option<u32>,
}

/// Where a packet came in or left: format 0 is one interface, 1 that it was dropped (and why), 2 several interfaces.
#[derive(Debug, Clone, Copy)]
struct Port {
    format: u32,
    value: u32,
}

impl Port {
    /// Two bits of format and 30 of value.
    const fn compact(both: u32) -> Self {
        Self {
            format: both >> 30,
            value: both & INTERNAL,
        }
    }

    /// The ifIndex; 0 where it is the switch itself, or dropped; `None` where it is not known or not one.
    const fn index(self) -> Option<u32> {
        match self {
            Self { format: 0, value: 0 } => None,
            Self {
                format: 0,
                value: INTERNAL,
            }
            | Self { format: 1, .. } => Some(0),
            Self { format: 0, value } => Some(value),
            _ => None,
        }
    }
}

impl<S: Sink> Job<'_, S> {
    pub(crate) fn sflow(&mut self, mut rest: Reader<'_>) -> Result<(), ErrorKind> {
        let agent = address(&mut rest).ok_or(ErrorKind::TooShort)?;
        let mut header = || Some((rest.u32()?, rest.u32()?, rest.u32()?, rest.u32()?));
        let (id, sequence, uptime, samples) = header().ok_or(ErrorKind::TooShort)?;
        let place = self.domain(Version::SflowV5, id, agent)?;
        self.begin(place, self.now, Some(uptime))?;
        let origin = Origin {
            exporter: self.address,
            version: Version::SflowV5,
            domain: id,
            agent,
            sequence,
            exported: self.now,
            received: self.now,
            uptime: Some(uptime),
        };
        if let Some(domain) = self.exporter.domains.get_mut(place) {
            domain.sequence.observe(sequence, Some(1));
        }
        for _ in 0..samples {
            let (format, length) = rest.u32().zip(rest.u32()).ok_or(ErrorKind::BadLength)?;
            let body = usize::try_from(length).ok().and_then(|length| rest.take(length));
            let body = body.ok_or(ErrorKind::BadLength)?;
            let known = match format {
                1 | 3 | 5 => self.flow_sample(place, &origin, format, body),
                2 | 4 => self.counter_sample(place, &origin, format, body),
                // Another enterprise's.
                _ => {
                    self.exporter.others += 1;
                    Some(())
                }
            };
            if known.is_none() {
                self.exporter.errors.count(ErrorKind::BadSample);
            }
        }
        Ok(())
    }

    /// Follows the numbers of a source.
    fn follow(&mut self, place: usize, sample: &Sample) {
        let limits = self.shared.config.limits;
        let Some(domain) = self.exporter.domains.get_mut(place) else {
            return;
        };
        let Domain { sources, drops, .. } = domain;
        let count = sources.len();
        let source = match sources.entry(sample.source) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if count >= limits.sources || self.shared.entries_left == 0 => {
                self.exporter.evictions.entries += 1;
                return;
            }
            Entry::Vacant(new) => {
                self.shared.entries_left -= 1;
                new.insert(SampleSource::default())
            }
        };
        source.sequence.observe(sample.sequence, Some(1));
        if sample.rate > 0 {
            // The count begins anew with the agent.
            if let Some(before) = source.drops.replace(sample.drops) {
                *drops += u64::from(sample.drops.saturating_sub(before));
            }
        }
    }

    fn flow_sample(&mut self, place: usize, origin: &Origin, format: u32, body: &[u8]) -> Option<()> {
        let mut rest = Reader::new(body);
        let sample = head_of(format, &mut rest)?;
        self.follow(place, &sample);
        let records = rest.u32()?;
        let scratch = &mut self.shared.scratch;
        assemble::clear(&mut scratch.record, origin.domain);
        scratch.parts.clear();
        if S::RECORDS {
            name_sample(&sample, &mut scratch.parts);
        }
        let record = &mut scratch.record;
        let mut found = Found::default();
        let mut whole = true;
        for _ in 0..records {
            let structure = rest
                .u32()
                .zip(rest.u32())
                .and_then(|(format, length)| Some((format, rest.take(usize::try_from(length).ok()?)?)));
            let Some((structure, body)) = structure else {
                whole = false;
                break;
            };
            let parts = S::RECORDS.then_some(&mut scratch.parts);
            if take(structure, body, record, &mut found, parts).is_none() {
                whole = false;
            }
        }
        let rate = self.rate_override.or(NonZeroU32::new(sample.rate));
        let is_flow = found.has_ends && format != 5;
        if let Some(export) = record.export.as_deref_mut() {
            export.ingress_if = sample.input.index();
            export.egress_if = sample.output.index();
            export.sampling = rate;
            if sample.output.format == 1 {
                // Dropped, as forwardingStatus (89) says it: RFC 7270, section 4.12.
                export.forwarding_status = Some(0x80);
            }
        }
        if S::RECORDS {
            self.sink.record(&Record {
                origin,
                kind: Kind::Flow,
                template_id: u16::try_from(format).unwrap_or(0),
                shape: &scratch.parts.specs,
                scope: 0,
                data: &scratch.parts.data,
                context: Context::default(),
            });
        }
        if is_flow {
            let each = rate.map_or(1, |rate| u64::from(rate.get()));
            record.packets = each;
            record.bytes = record.bytes.saturating_mul(each);
            (record.start, record.end) = (self.now, self.now);
            record.end_reason = EndReason::Active;
            record.app = apps::of(record, &self.shared.config.definitions);
            record.direction = self.shared.home.direction(record.src_ip, record.dst_ip);
            record.link = self.sink.link(origin, sample.input.index(), sample.output.index());
            self.sink.flow(origin, record);
            self.exporter.flows += 1;
        } else {
            self.exporter.others += 1;
        }
        if found.unsound {
            self.exporter.errors.count(ErrorKind::BadHeader);
        }
        if let Some(domain) = self.exporter.domains.get_mut(place) {
            domain.header_rate = rate;
            domain.records += 1;
        }
        whole.then_some(())
    }

    fn counter_sample(&mut self, place: usize, origin: &Origin, format: u32, body: &[u8]) -> Option<()> {
        let mut rest = Reader::new(body);
        let sequence = rest.u32()?;
        let source = source(format == 4, &mut rest)?;
        let records = rest.u32()?;
        // Flow and counter samples of a source are numbered apart.
        let numbered = Sample {
            sequence,
            source: DataSource {
                class: source.class | 1 << 31,
                ..source
            },
            rate: 0,
            pool: 0,
            drops: 0,
            input: Port::compact(0),
            output: Port::compact(0),
            reason: None,
        };
        self.follow(place, &numbered);
        let mut sample = CounterSample {
            source,
            sequence,
            ..CounterSample::default()
        };
        let parts = &mut self.shared.scratch.parts;
        parts.clear();
        if S::RECORDS {
            parts.sflow(1, &sequence.to_be_bytes());
            parts.sflow(2, &source.class.to_be_bytes());
            parts.sflow(3, &source.index.to_be_bytes());
        }
        let mut whole = true;
        for _ in 0..records {
            let structure = rest
                .u32()
                .zip(rest.u32())
                .and_then(|(format, length)| Some((format, rest.take(usize::try_from(length).ok()?)?)));
            let Some((structure, body)) = structure else {
                whole = false;
                break;
            };
            if sample.take(structure, body).is_none() {
                whole = false;
            }
            if S::RECORDS {
                name_counters(structure, body, parts);
            }
        }
        if S::RECORDS {
            self.sink.record(&Record {
                origin,
                kind: Kind::Counter,
                template_id: u16::try_from(format).unwrap_or(0),
                shape: &parts.specs,
                scope: 0,
                data: &parts.data,
                context: Context::default(),
            });
        }
        self.sink.counters(origin, &sample);
        self.exporter.counters += 1;
        whole.then_some(())
    }
}

fn source(is_expanded: bool, rest: &mut Reader<'_>) -> Option<DataSource> {
    if is_expanded {
        let (class, index) = rest.u32().zip(rest.u32())?;
        return Some(DataSource { class, index });
    }
    let both = rest.u32()?;
    Some(DataSource {
        class: both >> 24,
        index: both & 0xff_ffff,
    })
}

/// The head of a flow sample (1), an expanded one (3), or of a discarded packet (5).
fn head_of(format: u32, rest: &mut Reader<'_>) -> Option<Sample> {
    let sequence = rest.u32()?;
    let source = source(format != 1, rest)?;
    let (rate, pool) = match format {
        5 => (0, 0),
        _ => (rest.u32()?, rest.u32()?),
    };
    let drops = rest.u32()?;
    let mut port = |is_plain: bool| {
        Some(match format {
            1 => Port::compact(rest.u32()?),
            5 if is_plain => Port {
                format: 0,
                value: rest.u32()?,
            },
            _ => Port {
                format: rest.u32()?,
                value: rest.u32()?,
            },
        })
    };
    let (input, output) = (port(true)?, port(true)?);
    let reason = match format {
        5 => Some(rest.u32()?),
        _ => None,
    };
    Some(Sample {
        sequence,
        source,
        rate,
        pool,
        drops,
        input,
        output,
        reason,
    })
}

fn name_sample(sample: &Sample, parts: &mut Parts) {
    parts.sflow(1, &sample.sequence.to_be_bytes());
    parts.sflow(2, &sample.source.class.to_be_bytes());
    parts.sflow(3, &sample.source.index.to_be_bytes());
    match sample.reason {
        Some(reason) => parts.sflow(25, &reason.to_be_bytes()),
        None => {
            parts.iana(34, &sample.rate.to_be_bytes());
            parts.sflow(4, &sample.pool.to_be_bytes());
        }
    }
    parts.sflow(5, &sample.drops.to_be_bytes());
    for (port, interface, format) in [(sample.input, 10, 23), (sample.output, 14, 24)] {
        parts.iana(interface, &port.value.to_be_bytes());
        if port.format != 0 {
            parts.sflow(format, &port.format.to_be_bytes());
        }
    }
}

/// The fields of a counter structure; one that is not known stays octets.
fn name_counters(format: u32, body: &[u8], parts: &mut Parts) {
    let Some(layout) = layout(format) else {
        unknown(format, body, parts);
        return;
    };
    let mut rest = Reader::new(body);
    for (element, width) in (layout.first..).zip(layout.widths) {
        let octets = match *width {
            OPAQUE => opaque(&mut rest),
            width => rest.take(usize::from(width)),
        };
        // Agents of older versions end earlier.
        let Some(octets) = octets else { return };
        parts.sflow(element, octets);
    }
}
