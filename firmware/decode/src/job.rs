//! One datagram: its header, its sets, their records.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use model::Timestamp;

use crate::assemble::{self, Surroundings, assemble};
use crate::decoder::{Shared, nanos};
use crate::error::ErrorKind;
use crate::exporter::{Domain, Exporter, Names, Room, Waiting};
use crate::fixed;
use crate::options;
use crate::plan::Compiled;
use crate::record::{Context, Kind, Origin, Record, Version, record_length};
use crate::sink::Sink;
use crate::store::Learnt;
use crate::template::{self, Announced, Form, Refused};
use crate::wire::Reader;

/// Uptimes that differ by less go back because datagrams came in another order, in ms.
const REORDERED: u32 = 60_000;
/// What keeping a set costs besides its octets.
const WAITING_EXTRA: usize = 128;

/// A datagram on its way.
pub(crate) struct Job<'a, S> {
    pub(crate) now: Timestamp,
    pub(crate) address: IpAddr,
    pub(crate) exporter: &'a mut Exporter,
    pub(crate) shared: &'a mut Shared,
    pub(crate) rate_override: Option<NonZeroU32>,
    pub(crate) sink: &'a mut S,
}

impl<S: Sink> Job<'_, S> {
    pub(crate) fn datagram(&mut self, datagram: &[u8]) -> Result<(), ErrorKind> {
        let mut rest = Reader::new(datagram);
        match rest.u16().ok_or(ErrorKind::TooShort)? {
            1 => self.fixed(Version::NetflowV1, rest),
            5 => self.fixed(Version::NetflowV5, rest),
            7 => self.fixed(Version::NetflowV7, rest),
            9 => self.v9(rest),
            10 => self.messages(datagram),
            0 if rest.u16() == Some(5) => self.sflow(rest),
            _ => Err(ErrorKind::UnknownVersion),
        }
    }

    /// The place of the domain, which is made if it is new.
    pub(crate) fn domain(&mut self, version: Version, id: u32, agent: Option<IpAddr>) -> Result<usize, ErrorKind> {
        let domains = &mut self.exporter.domains;
        let place = match domains.iter().position(|domain| domain.is(version, id, agent)) {
            Some(place) => place,
            None => {
                if domains.len() >= self.shared.config.limits.domains.max(1) {
                    let oldest = domains.iter().enumerate().min_by_key(|(_, domain)| domain.last_seen);
                    let oldest = oldest.map_or(0, |(place, _)| place);
                    let gone = domains.swap_remove(oldest);
                    self.shared.entries_left += gone.entries();
                    self.shared.waiting_left += gone.waiting_octets;
                    self.shared.fields_left += gone.fields();
                    self.exporter.evictions.domains += 1;
                }
                domains.push(Domain::new(version, id, agent));
                domains.len() - 1
            }
        };
        Ok(place)
    }

    fn at(&mut self, place: usize) -> Result<&mut Domain, ErrorKind> {
        // Places come from `domain` and nothing is removed meanwhile.
        self.exporter.domains.get_mut(place).ok_or(ErrorKind::BadLength)
    }

    /// Counts a datagram for its domain, and notices a restart by the uptime.
    pub(crate) fn begin(&mut self, place: usize, exported: Timestamp, uptime: Option<u32>) -> Result<(), ErrorKind> {
        let now = self.now;
        let domain = self.at(place)?;
        if let (Some(before), Some(uptime)) = (domain.uptime, uptime) {
            let elapsed = now.nanos_since(domain.last_seen) / 1_000_000;
            let ahead = u64::from(uptime.wrapping_sub(before));
            let behind = before.wrapping_sub(uptime);
            if ahead > elapsed + elapsed / 8 + u64::from(REORDERED) && behind > REORDERED {
                domain.sequence.restart();
                domain.sources.values_mut().for_each(|source| source.sequence.restart());
            }
        }
        domain.uptime = uptime;
        domain.exported = exported;
        domain.last_seen = now;
        domain.datagrams += 1;
        Ok(())
    }

    fn fixed(&mut self, version: Version, mut rest: Reader<'_>) -> Result<(), ErrorKind> {
        let header = fixed::header(version, &mut rest).ok_or(ErrorKind::TooShort)?;
        let compiled = fixed::records(version, header.count, rest.len());
        let length = usize::from(header.count) * compiled.plan.length_min;
        // Some exporters pad; none sends less than it says: then it is something else.
        let records = rest.rest().get(..length).ok_or(ErrorKind::BadLength)?;
        let id = u32::from(header.engine);
        let place = self.domain(version, id, None)?;
        self.begin(place, header.exported, Some(header.uptime))?;
        let domain = self.at(place)?;
        domain.header_rate = header.rate;
        if let Some(sequence) = header.sequence {
            domain.sequence.observe(sequence, Some(u32::from(header.count)));
        }
        let origin = Origin {
            exporter: self.address,
            version,
            domain: id,
            agent: None,
            sequence: header.sequence.unwrap_or(0),
            exported: header.exported,
            received: self.now,
            uptime: Some(header.uptime),
        };
        self.flows(place, &origin, 0, compiled, records);
        Ok(())
    }

    /// RFC 3954, section 5.1.
    fn v9(&mut self, mut rest: Reader<'_>) -> Result<(), ErrorKind> {
        let mut header = || Some((rest.u16()?, rest.u32()?, rest.u32()?, rest.u32()?, rest.u32()?));
        let (_count, uptime, secs, sequence, id) = header().ok_or(ErrorKind::TooShort)?;
        let exported = Timestamp::from_secs(u64::from(secs));
        let place = self.domain(Version::NetflowV9, id, None)?;
        self.begin(place, exported, Some(uptime))?;
        self.at(place)?.sequence.observe(sequence, Some(1));
        let origin = Origin {
            exporter: self.address,
            version: Version::NetflowV9,
            domain: id,
            agent: None,
            sequence,
            exported,
            received: self.now,
            uptime: Some(uptime),
        };
        let mut records = Some(0);
        self.sets(place, &origin, rest, &mut records)
    }

    /// IPFIX messages: over UDP one a datagram (RFC 7011, section 10.3), but some send several.
    fn messages(&mut self, datagram: &[u8]) -> Result<(), ErrorKind> {
        let mut rest = datagram;
        loop {
            let length = self.ipfix(rest)?;
            match rest.get(length..) {
                Some([]) => return Ok(()),
                Some(more @ [0, 10, ..]) => rest = more,
                _ => return Err(ErrorKind::BadLength),
            }
        }
    }

    /// RFC 7011, section 3.1. Gives the message's length, which may be more than there is.
    fn ipfix(&mut self, message: &[u8]) -> Result<usize, ErrorKind> {
        let mut rest = Reader::new(message);
        let mut header = || Some((rest.u32()?, rest.u32()?, rest.u32()?, rest.u32()?));
        let (version_and_length, secs, sequence, id) = header().ok_or(ErrorKind::TooShort)?;
        let length = usize::from(assemble::low16(version_and_length.into()));
        let exported = Timestamp::from_secs(u64::from(secs));
        let place = self.domain(Version::Ipfix, id, None)?;
        self.begin(place, exported, None)?;
        let origin = Origin {
            exporter: self.address,
            version: Version::Ipfix,
            domain: id,
            agent: None,
            sequence,
            exported,
            received: self.now,
            uptime: None,
        };
        let body = length.checked_sub(16).ok_or(ErrorKind::BadLength)?;
        let sets = rest.rest().get(..body).unwrap_or(rest.rest());
        let mut records = Some(0);
        let outcome = self.sets(place, &origin, Reader::new(sets), &mut records);
        let records = records.filter(|_| outcome.is_ok());
        self.at(place)?.sequence.observe(sequence, records);
        outcome.map(|()| length)
    }

    /// The sets of a message; `records` counts its data records as long as all can be counted.
    fn sets(
        &mut self,
        place: usize,
        origin: &Origin,
        mut rest: Reader<'_>,
        records: &mut Option<u32>,
    ) -> Result<(), ErrorKind> {
        let is_v9 = origin.version == Version::NetflowV9;
        while rest.len() >= 4 {
            let padding = rest;
            let (id, length) = rest.u16().zip(rest.u16()).ok_or(ErrorKind::BadSet)?;
            // Some exporters fill their datagrams up with zeros.
            if length == 0 && padding.rest().iter().all(|&octet| octet == 0) {
                break;
            }
            let body = usize::from(length).checked_sub(4).and_then(|length| rest.take(length));
            let body = body.ok_or(ErrorKind::BadSet)?;
            match (is_v9, id) {
                (true, 0) => self.templates(place, Form::V9, body)?,
                (true, 1) => self.templates(place, Form::V9Options, body)?,
                (false, 2) => self.templates(place, Form::Ipfix, body)?,
                (false, 3) => self.templates(place, Form::IpfixOptions, body)?,
                (_, 256..) => {
                    let count = self.data(place, origin, id, body)?;
                    *records = records.zip(count).map(|(all, more)| all.wrapping_add(more));
                }
                _ => self.exporter.errors.count(ErrorKind::ReservedSet),
            }
        }
        Ok(())
    }

    /// A template set or an options template set.
    fn templates(&mut self, place: usize, form: Form, set: &[u8]) -> Result<(), ErrorKind> {
        let mut set = Reader::new(set);
        let limits = self.shared.config.limits;
        while let Some(announced) = template::next(form, &mut set, limits.fields) {
            match announced {
                Ok(Announced::Shape(id, shape)) => {
                    self.exporter.announced += 1;
                    self.learn(place, id, shape)?;
                }
                Ok(Announced::Withdrawn(id)) => {
                    let domain = self.at(place)?;
                    let before = domain.fields();
                    match (form, id) {
                        (Form::Ipfix, 2) => domain.templates.withdraw_all(false),
                        (Form::IpfixOptions, 3) => domain.templates.withdraw_all(true),
                        _ => domain.templates.withdraw(id),
                    }
                    let after = domain.fields();
                    self.shared.fields_left += before - after;
                    self.shared.learnt += u64::from(before != after);
                }
                Err(Refused::TooLarge) => self.exporter.errors.count(ErrorKind::TemplateTooLarge),
                Err(Refused::Malformed) => return Err(ErrorKind::BadTemplate),
            }
        }
        Ok(())
    }

    fn learn(&mut self, place: usize, id: u16, shape: template::Shape) -> Result<(), ErrorKind> {
        let limits = self.shared.config.limits;
        let now = self.now;
        let before = self.exporter.fields();
        if shape.fields.len() > self.shared.fields_left || shape.fields.len() > limits.fields_exporter {
            return Err(ErrorKind::TemplateTooLarge);
        }
        let compiled = self.shared.plans.get(shape);
        let (learnt, mut evicted) = self.at(place)?.templates.learn(now, id, compiled, limits.templates);
        // Within the exporter alone: nobody else's templates make room. An eighth at once, since looking for the oldest
        // takes time.
        if self.exporter.fields() > limits.fields_exporter {
            evicted += self.exporter.shrink(limits.fields_exporter / 8 * 7);
        }
        let after = self.exporter.fields();
        self.exporter.evictions.templates += evicted;
        self.shared.fields_left = (self.shared.fields_left + before).saturating_sub(after);
        self.shared.learnt += u64::from(learnt != Learnt::Same);
        if learnt == Learnt::New {
            self.release(place, id)?;
        }
        Ok(())
    }

    /// Decodes what waited for a template.
    fn release(&mut self, place: usize, id: u16) -> Result<(), ErrorKind> {
        self.expire_waiting(place)?;
        let domain = self.at(place)?;
        if domain.waiting.iter().all(|waiting| waiting.id != id) {
            return Ok(());
        }
        let all = std::mem::take(&mut domain.waiting).into_iter();
        let (released, kept): (VecDeque<Waiting>, _) = all.partition(|waiting| waiting.id == id);
        domain.waiting = kept;
        let octets: usize = released.iter().map(cost).sum();
        domain.waiting_octets -= octets;
        self.shared.waiting_left += octets;
        for waiting in &released {
            let before = self.exporter.flows + self.exporter.options + self.exporter.others;
            // A fault in one set leaves the others.
            if let Err(kind) = self.data(place, &waiting.origin, id, &waiting.octets) {
                self.exporter.errors.count(kind);
            }
            let after = self.exporter.flows + self.exporter.options + self.exporter.others;
            self.exporter.waited += after - before;
        }
        Ok(())
    }

    fn expire_waiting(&mut self, place: usize) -> Result<(), ErrorKind> {
        let lifetime = nanos(self.shared.config.pending_lifetime);
        let now = self.now;
        let domain = self.at(place)?;
        let mut gone = 0;
        let mut octets = 0;
        while let Some(oldest) = domain.waiting.front() {
            if now.nanos_since(oldest.origin.received) <= lifetime {
                break;
            }
            octets += cost(oldest);
            gone += 1;
            domain.waiting.pop_front();
        }
        domain.waiting_octets -= octets;
        self.shared.waiting_left += octets;
        self.exporter.errors.add(ErrorKind::TemplateNeverCame, gone);
        Ok(())
    }

    /// Keeps data until its template comes.
    fn keep(&mut self, place: usize, origin: &Origin, id: u16, set: &[u8]) -> Result<(), ErrorKind> {
        self.exporter.errors.count(ErrorKind::NoTemplate);
        self.expire_waiting(place)?;
        let limits = self.shared.config.limits;
        // An eighth of all for an exporter, or a domain's worth: nobody takes the others' room.
        let room = limits.pending_domain.max(limits.pending_total / 8);
        let of_exporter = self.exporter.waiting_octets();
        let waiting = Waiting {
            id,
            octets: set.into(),
            origin: *origin,
        };
        let cost_of_it = cost(&waiting);
        let left = self.shared.waiting_left;
        let domain = self.at(place)?;
        let others = of_exporter - domain.waiting_octets;
        let limit = limits.pending_domain.min(room.saturating_sub(others));
        let mut freed = 0;
        let mut gone = 0;
        while domain.waiting_octets - freed + cost_of_it > limit {
            let Some(oldest) = domain.waiting.pop_front() else {
                break;
            };
            freed += cost(&oldest);
            gone += 1;
        }
        domain.waiting_octets -= freed;
        let fits = cost_of_it <= limit && cost_of_it <= left + freed;
        if fits {
            domain.waiting_octets += cost_of_it;
            domain.waiting.push_back(waiting);
        } else {
            gone += 1;
        }
        self.shared.waiting_left = left + freed - if fits { cost_of_it } else { 0 };
        self.exporter.evictions.waiting += gone;
        self.exporter.errors.add(ErrorKind::TemplateNeverCame, gone);
        Ok(())
    }

    /// A data set; how many records it has, `None` where nobody can say.
    fn data(&mut self, place: usize, origin: &Origin, id: u16, set: &[u8]) -> Result<Option<u32>, ErrorKind> {
        let now = self.now;
        let lifetime = self.shared.config.template_lifetime.map(nanos);
        let domain = self.at(place)?;
        let known = domain.templates.get_mut(id);
        let is_fresh = |announced: Timestamp| lifetime.is_none_or(|lifetime| now.nanos_since(announced) <= lifetime);
        let Some(known) = known.filter(|known| is_fresh(known.announced)) else {
            self.keep(place, origin, id, set)?;
            return Ok(None);
        };
        known.used = now;
        let compiled = known.compiled.clone();
        if compiled.shape.options {
            self.options(place, origin, id, &compiled, set)
        } else {
            Ok(self.flows(place, origin, id, &compiled, set))
        }
    }

    /// The records of a data set; their number, `None` where one goes beyond the set.
    fn flows(
        &mut self,
        place: usize,
        origin: &Origin,
        template_id: u16,
        compiled: &Arc<Compiled>,
        set: &[u8],
    ) -> Option<u32> {
        let domain = self.exporter.domains.get(place)?;
        let (plan, shape) = (&compiled.plan, &compiled.shape);
        let scratch = &mut self.shared.scratch;
        assemble::clear(&mut scratch.record, origin.domain);
        scratch.numbers.clear();
        let around = Surroundings {
            exported: origin.exported,
            uptime: origin.uptime,
            boot: domain.boot,
            rates: &domain.rates,
            header_rate: domain.header_rate,
            rate_override: self.rate_override,
            names: &self.exporter.names,
            home: &self.shared.home,
            definitions: &self.shared.config.definitions,
        };
        let context = Context {
            templates: Some(&domain.templates),
            names: Some(&self.exporter.names.elements),
        };
        let mut rest = set;
        let (mut count, mut unsound) = (0_u32, 0_u64);
        let mut whole = true;
        while rest.len() >= plan.length_min {
            let length = match plan.length {
                Some(length) => {
                    if plan.is_flow {
                        plan.read_fixed(rest, &mut scratch.numbers);
                    }
                    length
                }
                None => {
                    let read = plan.read_variable(rest, &mut scratch.numbers, &mut scratch.pieces);
                    let Some(length) = read else {
                        whole = false;
                        break;
                    };
                    length
                }
            };
            let (octets, after) = rest.split_at_checked(length)?;
            if S::RECORDS {
                self.sink.record(&Record {
                    origin,
                    kind: Kind::Flow,
                    template_id,
                    shape: &shape.fields,
                    scope: 0,
                    data: octets,
                    context,
                });
            }
            if plan.is_flow {
                if plan.has_head {
                    assemble::clear(&mut scratch.record, origin.domain);
                } else if plan.has_pieces
                    && let Some(export) = scratch.record.export.as_deref_mut()
                {
                    export.enterprise.clear();
                }
                let pieces = match plan.length {
                    Some(_) => plan.pieces(),
                    None => &scratch.pieces,
                };
                let outcome = assemble(plan, &scratch.numbers, pieces, octets, &around, &mut scratch.record);
                unsound += u64::from(outcome.is_err());
                let (ingress, egress) = match &scratch.record.export {
                    Some(export) => (export.ingress_if, export.egress_if),
                    None => (None, None),
                };
                scratch.record.link = self.sink.link(origin, ingress, egress);
                self.sink.flow(origin, &scratch.record);
            }
            count += 1;
            rest = after;
        }
        self.counted(place, template_id, count);
        if plan.is_flow {
            self.exporter.flows += u64::from(count);
        } else {
            self.exporter.others += u64::from(count);
        }
        self.exporter.errors.add(ErrorKind::BadHeader, unsound);
        if !whole {
            self.exporter.errors.count(ErrorKind::BadRecord);
        }
        whole.then_some(count)
    }

    fn counted(&mut self, place: usize, template_id: u16, count: u32) {
        if let Some(domain) = self.exporter.domains.get_mut(place) {
            domain.records += u64::from(count);
            if let Some(known) = domain.templates.get_mut(template_id) {
                known.records += u64::from(count);
            }
        }
    }

    /// The records of an options data set.
    fn options(
        &mut self,
        place: usize,
        origin: &Origin,
        template_id: u16,
        compiled: &Arc<Compiled>,
        set: &[u8],
    ) -> Result<Option<u32>, ErrorKind> {
        let (plan, shape) = (&compiled.plan, &compiled.shape);
        let mut room = Room {
            exporter: self
                .shared
                .config
                .limits
                .entries
                .saturating_sub(self.exporter.entries()),
            total: &mut self.shared.entries_left,
            refused: 0,
        };
        let Exporter { domains, names, .. } = &mut *self.exporter;
        let domain = domains.get_mut(place).ok_or(ErrorKind::BadSet)?;
        let mut rest = set;
        let mut count = 0;
        let mut whole = true;
        while rest.len() >= plan.length_min {
            let Some(length) = plan.length.or_else(|| record_length(shape, rest)) else {
                whole = false;
                break;
            };
            let Some((octets, after)) = rest.split_at_checked(length) else {
                whole = false;
                break;
            };
            let mut record = Record {
                origin,
                kind: Kind::Options,
                template_id,
                shape: &shape.fields,
                scope: shape.scope,
                data: octets,
                context: Context::default(),
            };
            let before = names.len() + domain.entries();
            options::learn(&record, domain, names, &mut self.shared.strings, &mut room);
            self.shared.learnt += u64::from(names.len() + domain.entries() != before);
            record.context = context(domain, names);
            if S::RECORDS {
                self.sink.record(&record);
            }
            self.sink.options(&record);
            count += 1;
            rest = after;
        }
        let refused = room.refused;
        self.exporter.evictions.entries += refused;
        self.exporter.options += u64::from(count);
        self.counted(place, template_id, count);
        if !whole {
            self.exporter.errors.count(ErrorKind::BadRecord);
        }
        Ok(whole.then_some(count))
    }
}

fn context<'a>(domain: &'a Domain, names: &'a Names) -> Context<'a> {
    Context {
        templates: Some(&domain.templates),
        names: Some(&names.elements),
    }
}

fn cost(waiting: &Waiting) -> usize {
    waiting.octets.len() + WAITING_EXTRA
}
