//! DNS over UDP and TCP: queries, their answers, and the names of addresses. mDNS and LLMNR are read for their names.

mod message;

use std::net::IpAddr;

use model::{App, Confidence, DetailKey, L7, LogSource, Timestamp};

use super::flow::{Step, Talk};
use super::log::{Line, Took, micros};
use super::sample::{Sample, Verdict};
use super::stream::Piece;
use message::{Glance, Kind, Message, NameRoom, Question, code_name, kind_name};

/// Addresses of an answer that are kept together.
const LEARN_TOGETHER: usize = 4;
/// Answers that a flow's details and a line name.
const ANSWERS_MAX: usize = 8;
/// The longest message over TCP that is put together; longer ones are read as far as that.
const MESSAGE_MAX: usize = 8 << 10;
/// A query without an answer for so long is logged without one, where another comes, in nanoseconds.
const PATIENCE: u64 = 10_000_000_000;
const PORT: u16 = 53;
const MDNS: u16 = 5353;
const LLMNR: u16 = 5355;

/// Which of the protocols that speak DNS's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Dns,
    Mdns,
    Llmnr,
}

impl Dialect {
    fn of(ports: [u16; 2]) -> Self {
        if ports.contains(&MDNS) {
            Self::Mdns
        } else if ports.contains(&LLMNR) {
            Self::Llmnr
        } else {
            Self::Dns
        }
    }

    fn app(self) -> App {
        match self {
            Self::Dns => const { App::named("dns") },
            Self::Mdns => const { App::named("mdns") },
            Self::Llmnr => const { App::named("llmnr") },
        }
    }
}

/// Whether a flow is DNS.
pub(super) fn check(sample: &Sample<'_>) -> Verdict {
    let ports = [sample.src_port, sample.dst_port];
    let of_port = ports.iter().any(|port| [PORT, MDNS, LLMNR].contains(port));
    let octets = if sample.client.is_empty() {
        sample.server
    } else {
        sample.client
    };
    let dialect = Dialect::of(ports);
    let octets = if sample.transport == 17 {
        octets
    } else {
        // Off its port, the length of the message must be the segment's.
        let Some((length, message)) = octets.split_first_chunk::<2>() else {
            return Verdict::More;
        };
        let length = usize::from(u16::from_be_bytes(*length));
        if length < 12 || (!of_port && length < message.len()) {
            return Verdict::No;
        }
        if message.len() < length.min(512) {
            // The header decides whether waiting is of use.
            return match Message::read(message, &mut NameRoom::new()) {
                Some(header) if !matches!(header.opcode(), 0 | 4 | 5) || header.counts[0] > 4 => Verdict::No,
                _ => Verdict::More,
            };
        }
        message.get(..length).unwrap_or(message)
    };
    let Some(glance) = Glance::at(octets) else {
        return Verdict::No;
    };
    let sound = of_port
        && match glance.asks {
            true => glance.counts[0] <= 32,
            false => glance.counts[0] == 0 && (glance.counts[1] > 0 || glance.flags & 0x8000 != 0),
        };
    let is_plausible = || Message::read(octets, &mut NameRoom::new()).is_some_and(|message| message.is_plausible());
    if (sound && glance.flags >> 11 & 0xf <= 6) || !is_netbios(ports) && is_plausible() {
        Verdict::Is(dialect.app(), Confidence::Parsed)
    } else {
        Verdict::No
    }
}

/// NetBIOS's name service has the same header.
fn is_netbios(ports: [u16; 2]) -> bool {
    ports.contains(&137)
}

/// A query that waits for its answer.
#[derive(Debug)]
struct Pending {
    /// The name that was asked for; `None`: the flow's host.
    name: Option<Box<str>>,
    at: Timestamp,
    octets: u32,
    id: u16,
    kind: u16,
    class: u16,
    /// From the flow's first sender.
    forward: bool,
}

impl Pending {
    fn name<'a>(&'a self, host: Option<&'a str>) -> &'a str {
        self.name.as_deref().or(host).unwrap_or_default()
    }

    fn asks(&self, question: &Question<'_>, host: Option<&str>) -> bool {
        (self.kind, self.class) == (question.kind, question.class) && self.name(host) == question.name
    }
}

/// Queries that wait behind another.
#[derive(Debug, Default)]
struct Later(Vec<Pending>);

/// A flow's DNS. It lies in the flow itself, and is small for that.
#[derive(Debug)]
pub(super) struct Dns {
    dialect: Dialect,
    /// The query that waits, and those that came while it did: most flows ask once at a time.
    waits: Option<Pending>,
    later: Option<Box<Later>>,
    /// TCP: what is there of each direction's next message.
    parts: Option<Box<[Part; 2]>>,
}

#[derive(Debug, Default)]
struct Part {
    octets: Vec<u8>,
    /// Octets of a message too long to hold, or lost, that are still to come.
    skip: usize,
    /// A gap took away where messages begin.
    lost: bool,
}

impl Dns {
    /// The reader of a flow.
    pub(super) fn new(ports: [u16; 2]) -> Self {
        Self {
            dialect: Dialect::of(ports),
            waits: None,
            later: None,
            parts: None,
        }
    }

    /// The application.
    pub(super) fn app(&self) -> App {
        self.dialect.app()
    }

    /// Octets held.
    pub(super) fn held(&self) -> usize {
        let parts = self.parts.as_ref();
        parts.map_or(0, |parts| parts.iter().map(|part| part.octets.len()).sum())
    }

    /// A datagram.
    pub(super) fn datagram(&mut self, forward: bool, octets: &[u8], talk: &mut Talk<'_, '_>) -> Step {
        if let Some(message) = Message::read(octets, &mut NameRoom::new()) {
            self.message(forward, &message, octets.len(), talk);
        }
        Step::Goes
    }

    /// The next of a stream.
    pub(super) fn piece(&mut self, forward: bool, piece: Piece<'_>, talk: &mut Talk<'_, '_>) -> Step {
        let mut parts = self.parts.take().unwrap_or_default();
        let side = usize::from(!forward);
        if let Some(part) = parts.get_mut(side) {
            match piece {
                Piece::Gap(octets) => part.gap(octets as usize),
                Piece::Octets(octets) if !part.lost => {
                    part.push(octets, |octets, length| {
                        if let Some(message) = Message::read(octets, &mut NameRoom::new()) {
                            self.message(forward, &message, length, talk);
                        }
                    });
                }
                Piece::Octets(_) => {}
            }
        }
        let lost = parts.iter().all(|part| part.lost);
        if parts
            .iter()
            .any(|part| !part.octets.is_empty() || part.skip > 0 || part.lost)
        {
            self.parts = Some(parts);
        }
        if lost { Step::Done } else { Step::Goes }
    }

    /// The flow ends.
    pub(super) fn finish(&mut self, talk: &mut Talk<'_, '_>) {
        while let Some(query) = self.take(0) {
            self.unanswered(&query, talk);
        }
    }

    /// The place of the first query that waits and is the one.
    fn find(&self, is: impl Fn(&Pending) -> bool) -> Option<usize> {
        if is(self.waits.as_ref()?) {
            return Some(0);
        }
        self.later().iter().position(is).map(|at| at + 1)
    }

    /// Queries that wait behind the first.
    fn later(&self) -> &[Pending] {
        self.later.as_ref().map(|later| later.0.as_slice()).unwrap_or_default()
    }

    /// Takes a query out, by its place among those that wait.
    fn take(&mut self, at: usize) -> Option<Pending> {
        let later = self.later.as_mut().map(|later| &mut later.0);
        let Some(later) = later.filter(|later| !later.is_empty()) else {
            return if at == 0 { self.waits.take() } else { None };
        };
        match at.checked_sub(1) {
            Some(at) => (at < later.len()).then(|| later.remove(at)),
            None => self.waits.replace(later.remove(0)),
        }
    }

    fn message(&mut self, forward: bool, message: &Message<'_, '_>, octets: usize, talk: &mut Talk<'_, '_>) {
        let response = message.is_response();
        if let Some(question) = &message.question {
            if talk.l7.host.is_none() {
                talk.l7.host = L7::host_name(&question.name);
                // The certificate of DNSCrypt is asked for in DNS.
                if question
                    .name
                    .get(1..)
                    .is_some_and(|name| name.starts_with(".dnscrypt-cert."))
                {
                    talk.refine(Some(const { App::named("dnscrypt") }));
                }
            }
            if talk.l7.details.get(DetailKey::DnsType).is_none() {
                match kind_name(question.kind) {
                    Some(name) => talk.detail(DetailKey::DnsType, name),
                    None => talk.detail(DetailKey::DnsType, &Kind(question.kind).to_string()),
                }
            }
        }
        if self.dialect == Dialect::Mdns {
            if response {
                self.mdns_answer(message, talk);
            }
            return;
        }
        if response {
            self.answer(forward, message, octets, talk);
        } else if let Some(question) = &message.question {
            self.query(forward, message.id, question, octets, talk);
        }
    }

    fn query(&mut self, forward: bool, id: u16, question: &Question<'_>, octets: usize, talk: &mut Talk<'_, '_>) {
        let host = talk.l7.host.as_deref();
        let known = |p: &Pending| p.id == id && p.forward == forward && p.asks(question, host);
        if self.find(known).is_some() {
            // Asked again: the answer's delay counts from the first time.
            return;
        }
        let late = |p: &Pending| talk.now.nanos_since(p.at) > PATIENCE;
        let waiting = usize::from(self.waits.is_some()) + self.later().len();
        if (waiting >= talk.max_transactions || self.waits.as_ref().is_some_and(late))
            && let Some(query) = self.take(0)
        {
            self.unanswered(&query, talk);
        }
        let is_host = talk.l7.host.as_deref() == Some(&*question.name);
        let query = Pending {
            name: (!is_host).then(|| (*question.name).into()),
            at: talk.now,
            octets: u32::try_from(octets).unwrap_or(u32::MAX),
            id,
            kind: question.kind,
            class: question.class,
            forward,
        };
        match &self.waits {
            Some(_) => self.later.get_or_insert_default().0.push(query),
            None => self.waits = Some(query),
        }
    }

    fn unanswered(&self, query: &Pending, talk: &mut Talk<'_, '_>) {
        // A multicast question is answered from another address, in another flow.
        if self.dialect != Dialect::Dns || !talk.lines.wanted {
            return;
        }
        let host = talk.l7.host.take();
        let name = query.name(host.as_deref());
        let line = Line {
            source: LogSource::Dns,
            began: query.at,
            over: talk.now,
            ends: talk.ends(query.forward),
            host: name,
            app: self.app(),
            code: "",
            failed: true,
            text: format_args!("{} {} no answer", Kind(query.kind), dotted(name)),
        };
        talk.lines.write(&line, |data| {
            data.push(DetailKey::DnsType.name(), &Kind(query.kind));
            data.push("request_bytes", &query.octets);
        });
        talk.l7.host = host;
    }

    /// Keeps which addresses a name has.
    fn learn(client: IpAddr, message: &Message<'_, '_>, name: Option<&str>, talk: &Talk<'_, '_>) {
        let Some(mut name) = name.map(|name| talk.names.name(name)) else {
            return;
        };
        let mut records = message.answers();
        let mut told = [None; LEARN_TOGETHER];
        loop {
            // Where the table keeps them is fetched for several at once.
            let mut number = 0;
            for (to, (address, ttl)) in told
                .iter_mut()
                .zip(records.by_ref().filter_map(|r| Some((r.address?, r.ttl))))
            {
                let pair = talk.names.pair(client, address);
                talk.names.fetch_places(&pair, talk.fetch);
                *to = Some((pair, ttl));
                number += 1;
            }
            let told = told.get(..number).unwrap_or_default();
            for (pair, _) in told.iter().flatten() {
                talk.names.fetch_entries(pair, talk.fetch);
            }
            for (pair, ttl) in told.iter().flatten() {
                talk.names.learn(pair, &mut name, *ttl, talk.now);
            }
            if number < LEARN_TOGETHER {
                return;
            }
        }
    }

    fn answer(&mut self, forward: bool, message: &Message<'_, '_>, octets: usize, talk: &mut Talk<'_, '_>) {
        let host = talk.l7.host.as_deref();
        let known = |p: &Pending| {
            p.id == message.id && p.forward != forward && message.question.as_ref().is_none_or(|q| p.asks(q, host))
        };
        let query = self.find(known).and_then(|at| self.take(at));
        let response_us = query.as_ref().map(|query| micros(query.at, talk.now));
        if let Some(us) = response_us {
            talk.responses.add(us);
        }
        // EDNS's upper bits of the code are rare: those of the header are told.
        let code = code_name(message.code());
        let first = talk.l7.details.get(DetailKey::DnsCode).is_none();
        if first {
            talk.detail(DetailKey::DnsCode, code);
        }
        let client = talk.ends(!forward).client.0;
        let told = talk.lines.wanted && self.dialect == Dialect::Dns;
        let mut answers = std::mem::take(talk.scratch);
        answers.clear();
        let host = talk.l7.host.take();
        let question = message.question.as_ref().map(|q| (&*q.name, q.kind));
        let question = question.or_else(|| query.as_ref().map(|q| (q.name(host.as_deref()), q.kind)));
        Self::learn(client, message, question.map(|(name, _)| name), talk);
        for (number, record) in message.answers().enumerate() {
            if number < ANSWERS_MAX && (first || told) {
                if number > 0 {
                    answers.push(',');
                }
                record.write(&mut answers);
            }
        }
        if first {
            talk.detail(DetailKey::DnsAnswers, &answers);
        }
        if told {
            let (host, kind) = question.unwrap_or_default();
            let began = query.as_ref().map_or(talk.now, |q| q.at);
            let shown = answers.replace(',', ", ");
            let (arrow, took) = (if answers.is_empty() { "" } else { " → " }, response_us.map(Took));
            let took = took.map(|took| format!(" {took}")).unwrap_or_default();
            let line = Line {
                source: LogSource::Dns,
                began,
                over: talk.now,
                ends: talk.ends(!forward),
                host,
                app: self.app(),
                code,
                failed: message.code() != 0,
                text: format_args!("{} {}{arrow}{shown} {code}{took}", Kind(kind), dotted(host)),
            };
            talk.lines.write(&line, |data| {
                data.push(DetailKey::DnsType.name(), &Kind(kind));
                data.detail(DetailKey::DnsCode, code);
                data.detail(DetailKey::DnsAnswers, &answers);
                data.push_some("request_bytes", query.as_ref().map(|q| q.octets));
                data.push("response_bytes", &octets);
                data.push_some("response_us", response_us);
            });
        }
        talk.l7.host = host;
        talk.give_back(answers);
    }

    /// A host says its own names and addresses.
    fn mdns_answer(&self, message: &Message<'_, '_>, talk: &mut Talk<'_, '_>) {
        if talk.l7.details.get(DetailKey::DnsAnswers).is_some() {
            return;
        }
        let mut answers = String::new();
        for (number, record) in message.answers().take(ANSWERS_MAX).enumerate() {
            if number > 0 {
                answers.push(',');
            }
            record.write(&mut answers);
        }
        talk.detail(DetailKey::DnsAnswers, &answers);
    }
}

fn dotted(name: &str) -> &str {
    if name.is_empty() { "." } else { name }
}

impl Part {
    fn gap(&mut self, octets: usize) {
        let wanted = match self.octets.split_first_chunk::<2>() {
            _ if self.skip > 0 => self.skip,
            Some((length, rest)) => usize::from(u16::from_be_bytes(*length)).saturating_sub(rest.len()),
            None => 0,
        };
        self.octets = Vec::new();
        match wanted.checked_sub(octets) {
            // Within one message, which is lost alone.
            Some(left) => self.skip = left,
            None => self.lost = true,
        }
    }

    /// Gives each message that is complete now, and its length; one that is too long, as far as it is held.
    fn push(&mut self, mut octets: &[u8], mut take: impl FnMut(&[u8], usize)) {
        while !octets.is_empty() {
            if self.skip > 0 {
                let skipped = self.skip.min(octets.len());
                self.skip -= skipped;
                octets = octets.get(skipped..).unwrap_or_default();
                continue;
            }
            if self.octets.is_empty()
                && let Some((length, rest)) = octets.split_first_chunk::<2>()
                && let length = usize::from(u16::from_be_bytes(*length))
                && let Some((message, rest)) = rest.split_at_checked(length)
            {
                // A whole message: nothing is copied.
                take(message.get(..MESSAGE_MAX).unwrap_or(message), length);
                octets = rest;
                continue;
            }
            let wanted = match self.octets.split_first_chunk::<2>() {
                None => 2 - self.octets.len(),
                Some((length, rest)) => usize::from(u16::from_be_bytes(*length)) - rest.len(),
            };
            let (now, later) = octets.split_at(wanted.min(octets.len()));
            self.octets.extend_from_slice(now);
            octets = later;
            if let Some((length, message)) = self.octets.split_first_chunk::<2>() {
                let length = usize::from(u16::from_be_bytes(*length));
                if message.len() == length.min(MESSAGE_MAX) || message.len() > MESSAGE_MAX {
                    take(message.get(..MESSAGE_MAX).unwrap_or(message), length);
                    self.skip = length - message.len();
                    self.octets = Vec::new();
                }
            }
        }
    }
}
