//! One flow under inspection: from its first octets to what it is, and then its transactions.

use std::mem;
use std::net::IpAddr;

use model::{App, Confidence, Delays, DetailKey, L7, Timestamp};

use super::alpn;
use super::decide::{self, Candidates, Found};
use super::fingerprints::Fingerprints;
use super::log::{Ends, Lines};
use super::names::Names;
use super::preamble::Preamble;
use super::reader::Reader;
use super::recognise;
use super::sample::Sample;
use super::sctp;
use super::session;
use super::signatures::Signatures;
use super::stream::{Held, Kept, Piece, Segment, Stream};
use crate::Packet;

pub(super) const TCP: u8 = 6;
const SCTP: u8 = 132;
const SYN: u8 = 2;
const ACK: u8 = 16;
/// Packets with payload of one side, after which a flow stays what it is.
const PACKETS_MAX: u8 = 8;
/// As many where they carry next to nothing: typed characters.
const SMALL_PACKETS_MAX: u8 = 32;
const SMALL_OCTETS: usize = 64;
/// Octets of one side, and packets, that a reader may wait for: whoever cuts a request into octets does not hide it.
const READER_OCTETS: usize = 2_048;
/// Boxes that wait for their next flow.
const POOL_MAX: usize = 64;

/// What a reader makes of the next octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The handshake goes on.
    More,
    /// Transactions go on.
    Goes,
    /// Nothing more is to be learnt.
    Done,
    /// It is not this protocol.
    Not,
    /// From the next octet on it is TLS.
    Tls,
    /// From the next octet on it is HTTP/2.
    Http2,
    /// From this datagram on it is DTLS.
    Dtls,
    /// From the next octet on it is whatever it looks like.
    Inner,
}

/// What readers need of the world.
pub(super) struct Talk<'a, 'b> {
    /// What the flow is.
    app: &'a mut Option<App>,
    /// The flow's facts.
    pub l7: &'a mut L7,
    /// Delays of its transactions.
    pub responses: &'a mut Delays,
    /// Where log lines go.
    pub lines: &'a mut Lines<'b>,
    /// Names that DNS gave.
    pub names: &'a Names,
    /// Applications by name.
    pub signatures: &'a Signatures,
    /// When the packet came.
    pub now: Timestamp,
    /// When the flow's first packet came.
    pub began: Timestamp,
    /// Transactions that may wait.
    pub max_transactions: usize,
    /// Room for a text that is put together; see [`Talk::give_back`].
    pub scratch: &'a mut String,
    /// Fingerprints that were computed lately.
    pub prints: &'a mut Fingerprints,
    /// Fetches memory that is looked at soon.
    pub fetch: fn(*const u8),
    ends: Ends,
}

impl Talk<'_, '_> {
    /// The ends, where the sender of the `forward` direction asks.
    pub(super) fn ends(&self, forward: bool) -> Ends {
        if forward { self.ends } else { self.ends.swapped() }
    }

    /// Keeps the room of a text for the next one, unless it is large.
    pub(super) fn give_back(&mut self, scratch: String) {
        const SCRATCH_MAX: usize = 4 << 10;
        if scratch.capacity() <= SCRATCH_MAX {
            *self.scratch = scratch;
        }
    }

    /// Sets a detail that is not set.
    pub(super) fn detail(&mut self, key: DetailKey, value: &str) {
        self.l7.details.set(key, value);
    }

    /// A transaction tells what a carrier carries.
    pub(super) fn refine(&mut self, app: Option<App>) {
        const GENERAL: [App; 2] = [App::named("http"), App::named("dns")];
        if app.is_some() && self.app.is_some_and(|known| GENERAL.contains(&known)) {
            *self.app = app;
        }
    }

    /// The application of a host's name, else the carrier.
    pub(super) fn app_of(&self, host: &str, carrier: App) -> App {
        if host.is_empty() || !carries(carrier) {
            return carrier;
        }
        self.signatures.by_host(host).unwrap_or(carrier)
    }
}

/// Whether applications hide behind a protocol, so that a name says more.
pub(super) fn carries(app: App) -> bool {
    const CARRIERS: [App; 7] = [
        App::UNKNOWN,
        App::named("http"),
        App::named("https"),
        App::named("quic"),
        App::named("tls"),
        App::named("dtls"),
        App::named("websocket"),
    ];
    CARRIERS.contains(&app)
}

/// What an inspector shares with its flows while a packet is looked at.
pub(super) struct Env<'a, 'b> {
    /// Where log lines go.
    pub lines: &'a mut Lines<'b>,
    /// Names that DNS gave.
    pub names: &'a Names,
    /// Applications by name and octets.
    pub signatures: &'a Signatures,
    /// The budget of octets held.
    pub held: &'a mut Held,
    /// Boxes of flows that were decided, for those that begin.
    pub pool: &'a mut Pool,
    /// Room for a text that is put together.
    pub scratch: &'a mut String,
    /// Fingerprints that were computed lately.
    pub prints: &'a mut Fingerprints,
    /// Fetches memory that is looked at soon.
    pub fetch: fn(*const u8),
    /// When the packet came.
    pub now: Timestamp,
    /// Transactions of a flow that may wait.
    pub max_transactions: usize,
    /// Octets held of a direction.
    pub max_held_direction: usize,
}

/// Boxes that wait for their next flow.
#[allow(
    clippy::vec_box,
    reason = "a flow takes the box as it is: nothing is moved or allocated"
)]
pub(super) type Pool = Vec<Box<Undecided>>;

/// What is kept of a flow until it is decided.
#[derive(Debug, Default)]
pub(super) struct Undecided {
    /// The streams' first octets, or the first datagrams.
    heads: [Vec<u8>; 2],
    /// Octets that came behind a head and are not in it.
    missing: [u32; 2],
    packets: [u8; 2],
    candidates: Candidates,
}

impl Undecided {
    fn held(&self) -> usize {
        self.heads.iter().map(Vec::len).sum()
    }

    /// Appends to a head as long as nothing is missing.
    fn keep(&mut self, side: usize, octets: &[u8], gap: u32, most: usize) {
        let (Some(head), Some(missing)) = (self.heads.get_mut(side), self.missing.get_mut(side)) else {
            return;
        };
        let fits = if *missing == 0 {
            octets.len().min(most.saturating_sub(head.len()))
        } else {
            0
        };
        head.extend_from_slice(octets.get(..fits).unwrap_or_default());
        let cut = u32::try_from(octets.len() - fits).unwrap_or(u32::MAX);
        *missing = missing.saturating_add(cut).saturating_add(gap);
    }

    /// Whether enough was seen; `awaited`: a reader may still say yes.
    fn is_exhausted(&self, awaited: bool) -> bool {
        self.packets.iter().zip(&self.heads).any(|(packets, head)| {
            if awaited {
                return *packets == u8::MAX || (*packets >= PACKETS_MAX && head.len() >= READER_OCTETS);
            }
            *packets >= PACKETS_MAX && (head.len() >= SMALL_OCTETS || *packets >= SMALL_PACKETS_MAX)
        })
    }

    /// Makes room for the next flow.
    fn release(mut self: Box<Self>, pool: &mut Pool) {
        if pool.len() < POOL_MAX {
            self.heads.iter_mut().for_each(Vec::clear);
            self.missing = [0; 2];
            self.packets = [0; 2];
            self.candidates = Candidates::default();
            pool.push(self);
        }
    }
}

/// How far a flow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Not decided.
    Open,
    /// Decided; transactions go on.
    Goes,
    /// Nothing more is to be learnt.
    Over,
}

/// A flow.
#[derive(Debug)]
pub(super) struct Flow {
    client: (IpAddr, u16),
    server: (IpAddr, u16),
    transport: u8,
    stage: Stage,
    overlaps: bool,
    app: Option<App>,
    /// What carries the application, where that is not known.
    outer: Option<App>,
    /// When the first packet came, and the latest.
    began: Timestamp,
    last: Timestamp,
    l7: L7,
    responses: Delays,
    streams: [Stream; 2],
    undecided: Option<Box<Undecided>>,
    reader: Reader,
    /// Octets of it that count as held.
    held: u32,
    /// A recogniser knew it: no reader writes lines.
    by_recogniser: bool,
}

impl Flow {
    /// A flow whose packet comes `forward`, and whose streams begin at `expected`.
    pub(super) fn new(packet: &Packet, forward: bool, expected: [Option<u32>; 2], now: Timestamp) -> Self {
        let (src, dst) = ((packet.src, packet.src_port), (packet.dst, packet.dst_port));
        let (client, server) = if forward { (src, dst) } else { (dst, src) };
        Self {
            client,
            server,
            transport: packet.protocol,
            stage: Stage::Open,
            overlaps: false,
            app: None,
            outer: None,
            began: now,
            last: now,
            l7: L7::default(),
            responses: Delays::default(),
            streams: expected.map(Stream::new),
            undecided: None,
            reader: Reader::None,
            held: 0,
            by_recogniser: false,
        }
    }

    /// How far it is.
    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// When its latest packet came.
    pub(super) fn last(&self) -> Timestamp {
        self.last
    }

    /// Whether segments overlapped and differed.
    pub(super) fn overlaps(&self) -> bool {
        self.overlaps
    }

    /// Delays since the last call; `None` where the reader measures none.
    pub(super) fn take_responses(&mut self) -> Option<Delays> {
        (self.reader.measures() || self.responses.count > 0).then(|| mem::take(&mut self.responses))
    }

    /// The application, where anything better is known than the port.
    pub(super) fn app(&self, signatures: &Signatures) -> Option<App> {
        let app = self.app.or(self.outer);
        let carrier = app.unwrap_or(App::UNKNOWN);
        let host = self.l7.host.as_deref().or_else(|| self.reader.host());
        let by_host = host
            .filter(|_| carries(carrier))
            .and_then(|host| signatures.by_host(host));
        let is_nameless = host.is_none() && carries(carrier);
        let by_certificate = || {
            is_nameless
                .then(|| signatures.by_certificate(&self.l7.details))
                .flatten()
        };
        by_host.or_else(by_certificate).or(app)
    }

    /// The application, and the facts so far.
    pub(super) fn identity(&self, signatures: &Signatures) -> (Option<App>, L7) {
        let mut l7 = self.l7.clone();
        self.reader.describe(&mut l7);
        (self.app(signatures), l7)
    }

    /// The same of a flow that has ended; its facts are gone from it.
    pub(super) fn take_identity(&mut self, signatures: &Signatures) -> (Option<App>, L7) {
        (self.app(signatures), mem::take(&mut self.l7))
    }

    /// Looks at a packet.
    pub(super) fn observe(&mut self, packet: &Packet, payload: &[u8], forward: bool, env: &mut Env<'_, '_>) {
        self.last = env.now;
        if self.stage == Stage::Over {
            return;
        }
        let side = usize::from(!forward);
        if self.transport == TCP {
            if self.segment(packet, payload, side, env) {
                return;
            }
        } else if self.transport == SCTP {
            for message in sctp::messages(payload) {
                if self.stage != Stage::Over {
                    self.count_packet(side);
                    self.piece(side, Piece::Octets(message), env);
                }
            }
        } else if !payload.is_empty() {
            self.count_packet(side);
            self.piece(side, Piece::Octets(payload), env);
        }
        self.account(env);
    }

    /// Whether the segment was passed over, and changed nothing of what is held.
    fn segment(&mut self, packet: &Packet, payload: &[u8], side: usize, env: &mut Env<'_, '_>) -> bool {
        let syn = u32::from(packet.tcp_flags & SYN != 0);
        let captured = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let segment = Segment {
            seq: packet.tcp_seq.wrapping_add(syn),
            octets: payload,
            length: packet.payload.length.max(captured),
        };
        if packet.tcp_flags & ACK != 0
            && let Some(other) = self.streams.get_mut(1 - side)
            && other.waiting() > 0
        {
            let mut pieces = Vec::new();
            other.acknowledged(packet.tcp_ack, env.held, &mut pieces);
            self.pieces(1 - side, &pieces, env);
        }
        if segment.length == 0 || self.stage == Stage::Over {
            return false;
        }
        self.count_packet(side);
        let Some(stream) = self.streams.get_mut(side) else {
            return false;
        };
        let history = self.undecided.as_ref().and_then(|undecided| {
            let whole = undecided.missing.get(side) == Some(&0);
            undecided.heads.get(side).filter(|_| whole)
        });
        let mut differs = history.is_some_and(|history| stream.contradicts(segment, history));
        // In order, and nothing waits: the usual case, which copies nothing.
        if let Some(fresh) = stream.in_order(segment) {
            if fresh.missing() == 0
                && let Reader::Http1(http) = &mut self.reader
                && http.skip(side == 0, fresh.octets.len())
            {
                return true;
            }
            if !fresh.octets.is_empty() {
                self.piece(side, Piece::Octets(fresh.octets), env);
            }
            if fresh.missing() > 0 && self.stage != Stage::Over {
                self.piece(side, Piece::Gap(fresh.missing()), env);
            }
        } else {
            let mut pieces = Vec::new();
            differs |= stream.accept(segment, env.max_held_direction, env.held, &mut pieces);
            self.pieces(side, &pieces, env);
        }
        if differs {
            self.overlaps = true;
            self.l7.details.set(DetailKey::Anomaly, "overlap");
        }
        false
    }

    fn pieces(&mut self, side: usize, pieces: &[Kept], env: &mut Env<'_, '_>) {
        for piece in pieces {
            if self.stage != Stage::Over {
                self.piece(side, piece.piece(), env);
            }
        }
    }

    fn count_packet(&mut self, side: usize) {
        if let Some(packets) = self.undecided.as_mut().and_then(|u| u.packets.get_mut(side)) {
            *packets = packets.saturating_add(1);
        }
    }

    /// The next octets of a direction, or a datagram.
    fn piece(&mut self, side: usize, piece: Piece<'_>, env: &mut Env<'_, '_>) {
        if matches!(self.reader, Reader::None) {
            self.look(side, piece, env);
        } else {
            self.read(side, piece, env);
        }
    }

    /// Not decided: what does it look like now?
    fn look(&mut self, side: usize, piece: Piece<'_>, env: &mut Env<'_, '_>) {
        let (latest, gap) = match piece {
            Piece::Octets(octets) => (octets, 0),
            Piece::Gap(octets) => (&[][..], octets),
        };
        let Some(mut undecided) = self.undecided.take() else {
            // The first octets: most often they say it, and nothing is kept.
            let mut candidates = Candidates::default();
            let mut packets = [0, 0];
            let mut heads: [&[u8]; 2] = [&[], &[]];
            if let (Some(count), Some(head)) = (packets.get_mut(side), heads.get_mut(side)) {
                *count = 1;
                *head = latest;
            }
            let sample = self.sample(heads, packets, latest, side);
            let found = match gap {
                0 => decide::decide(&sample, &mut self.l7, env.signatures, &mut candidates),
                _ => Found::More { awaited: true },
            };
            match found {
                Found::More { .. } => {
                    let mut undecided = env.pool.pop().unwrap_or_default();
                    undecided.candidates = candidates;
                    undecided.packets = packets;
                    undecided.keep(side, latest, gap, env.max_held_direction);
                    self.undecided = Some(undecided);
                }
                Found::Reader(reader, app) => {
                    self.reader = reader;
                    self.named(app, Confidence::Parsed);
                    self.read(side, piece, env);
                }
                Found::App(app, confidence) => {
                    self.by_recogniser = true;
                    self.named(app, confidence);
                    let is_datagram = self.transport != TCP;
                    match Preamble::of(app, is_datagram, latest).filter(|_| side == 0 || is_datagram) {
                        Some(preamble) => {
                            self.reader = Reader::Preamble(Box::new(preamble));
                            self.read(side, piece, env);
                        }
                        None => self.settle(env),
                    }
                }
                Found::Nothing => self.settle(env),
            }
            return;
        };
        let once = self.transport != TCP && undecided.heads.get(side).is_some_and(|head| !head.is_empty());
        if !once {
            undecided.keep(side, latest, gap, env.max_held_direction);
        }
        if latest.is_empty() {
            self.undecided = Some(undecided);
            return;
        }
        let heads = [&*undecided.heads[0], &*undecided.heads[1]];
        let sample = self.sample(heads, undecided.packets, latest, side);
        let found = decide::decide(&sample, &mut self.l7, env.signatures, &mut undecided.candidates);
        match found {
            Found::More { awaited } if !undecided.is_exhausted(awaited) => {
                self.undecided = Some(undecided);
                return;
            }
            Found::More { .. } | Found::Nothing => self.settle(env),
            found @ (Found::App(..) | Found::Reader(..)) => {
                let reader = match found {
                    Found::Reader(reader, app) => {
                        self.named(app, Confidence::Parsed);
                        reader
                    }
                    Found::App(app, confidence) => {
                        self.by_recogniser = true;
                        self.named(app, confidence);
                        let preamble = Preamble::of(app, self.transport != TCP, heads[0]);
                        preamble.map_or(Reader::Nothing, |preamble| Reader::Preamble(Box::new(preamble)))
                    }
                    Found::More { .. } | Found::Nothing => Reader::Nothing,
                };
                let is_read = !matches!(reader, Reader::Nothing);
                let sides = if reader.is_server_first() { [1, 0] } else { [0, 1] };
                self.reader = reader;
                if !is_read {
                    self.settle(env);
                }
                for side in sides {
                    let head = undecided.heads.get(side).map_or(&[][..], |head| head);
                    let missing = undecided.missing.get(side).copied().unwrap_or(0);
                    if !head.is_empty() {
                        self.read(side, Piece::Octets(head), env);
                    }
                    if missing > 0 && self.transport == TCP {
                        self.read(side, Piece::Gap(missing), env);
                    }
                }
                if once {
                    self.read(side, Piece::Octets(latest), env);
                }
            }
        }
        undecided.release(env.pool);
    }

    fn sample<'a>(&self, heads: [&'a [u8]; 2], packets: [u8; 2], latest: &'a [u8], side: usize) -> Sample<'a> {
        Sample {
            transport: self.transport,
            src_port: self.client.1,
            dst_port: self.server.1,
            src: self.client.0,
            dst: self.server.0,
            client: heads[0],
            server: heads[1],
            client_packets: packets[0],
            server_packets: packets[1],
            latest,
            forward: side == 0,
        }
    }

    fn named(&mut self, app: App, confidence: Confidence) {
        self.app = Some(app);
        self.l7.confidence = confidence;
    }

    /// The reader's turn.
    fn read(&mut self, side: usize, piece: Piece<'_>, env: &mut Env<'_, '_>) {
        if self.stage == Stage::Over {
            return;
        }
        let mut reader = mem::replace(&mut self.reader, Reader::None);
        let stream = self.transport == TCP;
        let step = self.talk(env, |talk| match piece {
            Piece::Octets(octets) if !stream => reader.datagram(side == 0, octets, talk),
            piece => reader.piece(side == 0, piece, talk),
        });
        self.reader = reader;
        match step {
            Step::More => self.stage = Stage::Open,
            Step::Goes => self.stage = Stage::Goes,
            Step::Done => self.settle(env),
            Step::Not => {
                self.reader = Reader::Nothing;
                self.settle(env);
            }
            Step::Tls => {
                let rest = self.reader.rest();
                self.finish_reader(env);
                self.reader = Reader::tls();
                self.stage = Stage::Open;
                self.read_rest(side, piece, rest, env);
            }
            Step::Dtls => {
                self.reader = Reader::dtls();
                self.stage = Stage::Open;
                self.read(side, piece, env);
            }
            Step::Inner => {
                let rest = self.reader.rest();
                self.finish_reader(env);
                self.outer = self.app.take();
                self.by_recogniser = false;
                self.reader = Reader::None;
                self.stage = Stage::Open;
                self.read_rest(side, piece, rest, env);
            }
            Step::Http2 => {
                let forward = self.reader.is_client_forward();
                let rest = self.reader.rest();
                self.finish_reader(env);
                self.reader = Reader::http2(forward);
                self.stage = Stage::Goes;
                self.read_rest(side, piece, rest, env);
            }
        }
    }

    /// The last octets of a piece are the next reader's.
    fn read_rest(&mut self, side: usize, piece: Piece<'_>, rest: usize, env: &mut Env<'_, '_>) {
        if let Piece::Octets(octets) = piece
            && rest > 0
        {
            let rest = octets.get(octets.len().saturating_sub(rest)..).unwrap_or_default();
            self.piece(side, Piece::Octets(rest), env);
        }
    }

    /// What waits in the reader becomes log lines, and what it found the flow's facts.
    fn finish_reader(&mut self, env: &mut Env<'_, '_>) {
        // For lines: the application by the reader's name, before the reader is taken.
        let app = if env.lines.wanted {
            self.app(env.signatures)
        } else {
            self.app
        };
        let mut reader = mem::replace(&mut self.reader, Reader::Nothing);
        self.talk(env, |talk| reader.finish(app.unwrap_or(App::UNKNOWN), talk));
        if self.l7.host.is_none() {
            self.l7.host = reader.take_host();
        }
        reader.describe(&mut self.l7);
    }

    /// The flow ends: what waited behind a hole is read, and nothing more comes.
    pub(super) fn end(&mut self, env: &mut Env<'_, '_>) {
        for side in [0, 1] {
            if let Some(stream) = self.streams.get_mut(side).filter(|stream| stream.waiting() > 0) {
                let mut pieces = Vec::new();
                stream.finish(env.held, &mut pieces);
                self.pieces(side, &pieces, env);
            }
        }
        self.settle(env);
    }

    /// Nothing more is to be learnt.
    fn settle(&mut self, env: &mut Env<'_, '_>) {
        if self.stage == Stage::Over {
            return;
        }
        self.stage = Stage::Over;
        let silent = self.by_recogniser || matches!(self.reader, Reader::Ssh(_));
        self.finish_reader(env);
        self.app = self.app.or(self.outer);
        if self.app == Some(const { App::named("tls") })
            && let Some(app) = recognise::behind_tls(self.server.1)
        {
            self.app = Some(app);
        }
        if [const { Some(App::named("tls")) }, const { Some(App::named("https")) }].contains(&self.app)
            && let Some(app) = self.l7.details.get(DetailKey::Alpn).and_then(alpn::app)
        {
            self.app = Some(app);
        }
        if self.app == Some(const { App::named("quic") }) && self.l7.details.get(DetailKey::Alpn).is_some_and(is_doq) {
            self.app = Some(const { App::named("dns-over-quic") });
        }
        for stream in &mut self.streams {
            stream.clear(env.held);
        }
        if let Some(undecided) = self.undecided.take() {
            undecided.release(env.pool);
        }
        if self.l7.host.is_none()
            && let Some(name) = env.names.of(self.client.0, self.server.0, env.now)
        {
            if carries(self.app.unwrap_or(App::UNKNOWN))
                && let Some(app) = env.signatures.by_host(&name)
            {
                self.named(app, Confidence::Dns);
            }
            self.l7.host = Some((*name).into());
        }
        if silent {
            session::line(self.app, &self.l7, self.began, self.talk_ends(), env);
        }
        self.account(env);
    }

    /// Gives back what it holds, and says nothing more.
    pub(super) fn forget(&mut self, held: &mut Held, pool: &mut Pool) {
        self.stage = Stage::Over;
        self.reader = Reader::Nothing;
        for stream in &mut self.streams {
            stream.clear(held);
        }
        held.release(std::mem::take(&mut self.held) as usize);
        if let Some(undecided) = self.undecided.take() {
            undecided.release(pool);
        }
    }

    fn talk_ends(&self) -> Ends {
        Ends {
            client: self.client,
            server: self.server,
        }
    }

    /// Brings the budget of octets held up to date; a flow that does not fit is decided with what is known.
    fn account(&mut self, env: &mut Env<'_, '_>) {
        let heads = self.undecided.as_ref().map_or(0, |undecided| undecided.held());
        let held = u32::try_from(heads + self.reader.held()).unwrap_or(u32::MAX);
        env.held.release(self.held as usize);
        env.held.octets += held as usize;
        self.held = held;
        if env.held.octets > env.held.max && held > 0 {
            env.held.refused += u64::from(held);
            self.settle(env);
        }
    }

    fn talk<T>(&mut self, env: &mut Env<'_, '_>, act: impl FnOnce(&mut Talk<'_, '_>) -> T) -> T {
        let ends = self.talk_ends();
        let mut talk = Talk {
            app: &mut self.app,
            l7: &mut self.l7,
            responses: &mut self.responses,
            lines: &mut *env.lines,
            names: env.names,
            signatures: env.signatures,
            now: env.now,
            began: self.began,
            max_transactions: env.max_transactions,
            scratch: env.scratch,
            prints: env.prints,
            fetch: env.fetch,
            ends,
        };
        act(&mut talk)
    }
}

/// DNS over QUIC, and its drafts (RFC 9250, section 4.1.1).
fn is_doq(alpn: &str) -> bool {
    alpn.starts_with("doq")
}
