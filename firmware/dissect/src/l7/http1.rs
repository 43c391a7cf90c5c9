//! HTTP/1 (RFC 9112): requests and their responses, as transactions. Bodies are passed over, not held.

use std::collections::VecDeque;

use model::{App, Confidence, DetailKey, L7, LogSource, Timestamp};

use super::flow::{Step, Talk};
use super::log::{Line, Size, Took, micros};
use super::sample::{Sample, Verdict};
use super::stream::Piece;
use super::text::{Partial, basic_user, short, text, word};

/// Octets of a request's first line that are waited for.
const FIRST_LINE_MAX: usize = 1_024;
/// What is kept of a path, an agent and the like.
const VALUE_MAX: usize = 1_024;
/// The most header lines of a message that are read.
const HEADERS_MAX: u16 = 256;
const METHODS: [&[u8]; 9] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"CONNECT ",
    b"TRACE ",
];
/// Parameters of a query whose values are not written.
const SECRETS: [&str; 10] = [
    "password",
    "passwd",
    "pwd",
    "pass",
    "passphrase",
    "secret",
    "token",
    "access_token",
    "api_key",
    "apikey",
];

/// The application that carries it.
pub(super) fn app() -> App {
    App::by_port(6, 0, 80)
}

/// Whether a flow is HTTP/1: its first line is a request's or a response's.
pub(super) fn check(sample: &Sample<'_>) -> Verdict {
    let found = [sample.client, sample.server].map(|octets| {
        if octets.is_empty() {
            return Verdict::More;
        }
        if octets.starts_with(b"HTTP/1.") {
            return Verdict::Is(app(), Confidence::Parsed);
        }
        if b"HTTP/1.".starts_with(octets) {
            return Verdict::More;
        }
        let window = octets.get(..FIRST_LINE_MAX).unwrap_or(octets);
        let token = window
            .iter()
            .take_while(|c| c.is_ascii_uppercase() || matches!(c, b'-' | b'_'))
            .count();
        if token == window.len() && token <= 24 {
            return Verdict::More;
        }
        if token < 3 || window.get(token) != Some(&b' ') {
            return Verdict::No;
        }
        match memchr::memchr(b'\n', octets) {
            Some(end) => {
                let line = octets.get(..end).unwrap_or_default();
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                let version = line.len().checked_sub(9).and_then(|at| line.get(at..));
                match version {
                    Some([b' ', b'H', b'T', b'T', b'P', b'/', b'1', b'.', _]) => Verdict::Is(app(), Confidence::Parsed),
                    _ => Verdict::No,
                }
            }
            None if window.len() < FIRST_LINE_MAX => Verdict::More,
            None if METHODS.iter().any(|method| octets.starts_with(method)) => Verdict::Is(app(), Confidence::Parsed),
            None => Verdict::No,
        }
    });
    match found {
        [is @ Verdict::Is(..), _] | [_, is @ Verdict::Is(..)] => is,
        [Verdict::More, _] if !sample.client.is_empty() => Verdict::More,
        [_, Verdict::More] if !sample.server.is_empty() => Verdict::More,
        _ => Verdict::No,
    }
}

/// Where a direction is in its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    First,
    Headers,
    /// Octets of the body that are still to come.
    Body(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    /// To the end of the connection.
    ToEnd,
    /// A gap took away where messages begin.
    Lost,
}

/// What the header lines of a message say of its body.
#[derive(Debug, Clone, Copy, Default)]
struct Framing {
    length: Option<u64>,
    chunked: bool,
    headers: u16,
}

#[derive(Debug, Default)]
struct Side {
    phase: Phase,
    partial: Partial,
    framing: Framing,
}

#[derive(Debug, Default)]
struct Request {
    method: Box<str>,
    host: Box<str>,
    /// With what follows the name, as in `:8080`.
    port: Box<str>,
    path: Box<str>,
    agent: Box<str>,
    user: Option<Box<str>>,
    began: Timestamp,
    octets: u64,
}

#[derive(Debug, Default)]
struct Response {
    status: u16,
    server: Box<str>,
    content_type: Box<str>,
    began: Timestamp,
    octets: u64,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Http1 {
    /// Whether requests come from the flow's first sender.
    client_forward: bool,
    /// Requests that wait for their responses; the last may still be coming.
    queue: VecDeque<Request>,
    /// A request is being read: it is the last of the queue.
    asking: bool,
    response: Option<Response>,
    request_side: Side,
    response_side: Side,
    /// The connection is another protocol's from here.
    switched: bool,
}

impl Http1 {
    /// The reader of a flow.
    pub(super) fn new(sample: &Sample<'_>) -> Self {
        let responds = |octets: &[u8]| octets.starts_with(b"HTTP/");
        Self {
            client_forward: !responds(sample.client)
                && (sample.server.is_empty() || responds(sample.server) || !sample.client.is_empty()),
            queue: VecDeque::new(),
            asking: false,
            response: None,
            request_side: Side::default(),
            response_side: Side::default(),
            switched: false,
        }
    }

    /// Octets held.
    pub(super) fn held(&self) -> usize {
        self.request_side.partial.held() + self.response_side.partial.held()
    }

    /// The next of a direction.
    pub(super) fn piece(&mut self, forward: bool, piece: Piece<'_>, talk: &mut Talk<'_, '_>) -> Step {
        let request = forward == self.client_forward;
        match piece {
            Piece::Octets(octets) if request => self.requests(octets, talk),
            Piece::Octets(octets) => self.responses(octets, talk),
            Piece::Gap(octets) => self.gap(request, octets.into(), talk),
        }
        if self.switched {
            return Step::Done;
        }
        Step::Goes
    }

    /// The flow ends.
    pub(super) fn finish(&mut self, talk: &mut Talk<'_, '_>) {
        if self.response.is_some() {
            self.answered(talk);
        }
        while let Some(request) = self.queue.pop_front() {
            if !request.method.is_empty() {
                self.unanswered(&request, talk);
            }
        }
    }

    fn requests(&mut self, mut octets: &[u8], talk: &mut Talk<'_, '_>) {
        if !self.request_side.resumes(octets) {
            return;
        }
        while !octets.is_empty() && !self.switched {
            let before = octets.len();
            if self.request_side.phase == Phase::First && !self.asking {
                if self.queue.len() >= talk.max_transactions
                    && let Some(request) = self.queue.pop_front()
                {
                    self.unanswered(&request, talk);
                }
                self.asking = true;
                self.queue.push_back(Request {
                    began: talk.now,
                    ..Request::default()
                });
            }
            let Some(request) = self.queue.back_mut() else { return };
            let (rest, event) = self.request_side.advance(octets, |line, phase, framing| match phase {
                Phase::First => request.first_line(line),
                _ => request.header(line, framing),
            });
            octets = rest;
            request.octets += (before - octets.len()) as u64;
            match event {
                Event::None => {}
                Event::HeadersEnd => {
                    let request = &*request;
                    if talk.l7.host.is_none() {
                        talk.l7.host = L7::host_name(&request.host);
                    }
                    if talk.l7.details.get(DetailKey::Method).is_none() {
                        talk.l7.details.set(DetailKey::Method, &request.method);
                        talk.l7.details.set(DetailKey::Path, &request.path);
                        talk.l7.details.set(DetailKey::Agent, &request.agent);
                    }
                    if let Some(user) = &request.user {
                        talk.l7.details.set(DetailKey::User, user);
                    }
                    let framing = self.request_side.framing;
                    self.request_side.phase = match framing {
                        Framing { chunked: true, .. } => Phase::ChunkSize,
                        Framing {
                            length: Some(length), ..
                        } if length > 0 => Phase::Body(length),
                        _ => Phase::First,
                    };
                    self.asking = self.request_side.phase != Phase::First;
                }
                Event::End => self.asking = false,
                Event::Blank => {
                    self.queue.pop_back();
                    self.asking = false;
                }
                Event::Broken => {
                    // Not a request: what follows is not understood.
                    self.queue.pop_back();
                    self.asking = false;
                    self.request_side.phase = Phase::Lost;
                    return;
                }
            }
        }
    }

    fn responses(&mut self, mut octets: &[u8], talk: &mut Talk<'_, '_>) {
        if !self.response_side.resumes(octets) {
            return;
        }
        while !octets.is_empty() && !self.switched {
            let before = octets.len();
            if self.response.is_none() && self.response_side.phase == Phase::First {
                self.response = Some(Response {
                    began: talk.now,
                    ..Response::default()
                });
            }
            let mut spare = Response::default();
            let response = self.response.as_mut().unwrap_or(&mut spare);
            let (rest, event) = self.response_side.advance(octets, |line, phase, framing| match phase {
                Phase::First => response.first_line(line),
                _ => response.header(line, framing),
            });
            octets = rest;
            response.octets += (before - octets.len()) as u64;
            match event {
                Event::None => {}
                Event::HeadersEnd => self.response_headers(talk),
                Event::End => self.answered(talk),
                Event::Blank => self.response = None,
                Event::Broken => {
                    self.response = None;
                    self.response_side.phase = Phase::Lost;
                }
            }
            if self.response_side.phase == Phase::Lost {
                return;
            }
        }
    }

    fn response_headers(&mut self, talk: &mut Talk<'_, '_>) {
        let Some(response) = &self.response else { return };
        let request = self.queue.front();
        let method = request.map_or("", |request| &*request.method);
        let status = response.status;
        if (100..200).contains(&status) && status != 101 {
            // An interim response; the final one follows.
            self.response = None;
            self.response_side.phase = Phase::First;
            return;
        }
        if let Some(request) = request {
            talk.responses.add(micros(request.began, response.began));
        }
        if talk.l7.details.get(DetailKey::Status).is_none() {
            talk.detail(DetailKey::Status, &status.to_string());
            talk.detail(DetailKey::Server, &response.server);
            talk.detail(DetailKey::ContentType, &response.content_type);
        }
        let framing = self.response_side.framing;
        let tunnel = status == 101 || (method == "CONNECT" && (200..300).contains(&status));
        self.response_side.phase = match framing {
            _ if tunnel || method == "HEAD" || matches!(status, 204 | 304) => Phase::First,
            Framing { chunked: true, .. } => Phase::ChunkSize,
            Framing { length: Some(0), .. } => Phase::First,
            Framing {
                length: Some(length), ..
            } => Phase::Body(length),
            _ => Phase::ToEnd,
        };
        self.switched = tunnel;
        if self.response_side.phase == Phase::First {
            self.answered(talk);
        }
    }

    /// The response is complete, or as complete as it becomes.
    fn answered(&mut self, talk: &mut Talk<'_, '_>) {
        let Some(response) = self.response.take() else { return };
        // A request that is still coming was answered early: it stays for its own octets.
        let request = if self.queue.len() == 1 && self.asking {
            self.queue.front_mut().map(|request| Request {
                began: request.began,
                octets: request.octets,
                method: std::mem::take(&mut request.method),
                host: std::mem::take(&mut request.host),
                port: std::mem::take(&mut request.port),
                path: std::mem::take(&mut request.path),
                agent: std::mem::take(&mut request.agent),
                user: request.user.take(),
            })
        } else {
            self.queue.pop_front()
        };
        if response.status == 0 || !talk.lines.wanted {
            return;
        }
        let known = request.is_some();
        let request = request.unwrap_or_default();
        let took = known.then(|| micros(request.began, response.began));
        let code = response.status.to_string();
        let shown = took.map(|us| format!(" {}", Took(us))).unwrap_or_default();
        let kind = match &*response.content_type {
            "" => String::new(),
            kind => format!(" {kind}"),
        };
        let line = Line {
            source: LogSource::Http,
            began: if known { request.began } else { response.began },
            over: talk.now,
            ends: talk.ends(self.client_forward),
            host: &request.host,
            app: talk.app_of(&request.host, app()),
            code: &code,
            failed: response.status >= 400,
            text: format_args!("{} → {code}{kind} {}{shown}", Asked(&request), Size(response.octets)),
        };
        talk.lines.write(&line, |data| {
            request.write(data);
            data.detail(DetailKey::Status, &code);
            data.detail(DetailKey::Server, &response.server);
            data.detail(DetailKey::ContentType, &response.content_type);
            data.push("request_bytes", &request.octets);
            data.push("response_bytes", &response.octets);
            data.push_some("response_us", took);
        });
    }

    fn unanswered(&self, request: &Request, talk: &mut Talk<'_, '_>) {
        let line = Line {
            source: LogSource::Http,
            began: request.began,
            over: talk.now,
            ends: talk.ends(self.client_forward),
            host: &request.host,
            app: talk.app_of(&request.host, app()),
            code: "",
            failed: true,
            text: format_args!("{} no answer", Asked(request)),
        };
        talk.lines.write(&line, |data| {
            request.write(data);
            data.push("request_bytes", &request.octets);
        });
    }

    /// Octets are missing: within a body that is no matter, else the direction waits for a message's beginning.
    fn gap(&mut self, request: bool, octets: u64, talk: &mut Talk<'_, '_>) {
        let side = if request {
            &mut self.request_side
        } else {
            &mut self.response_side
        };
        side.partial.clear();
        let within = match &mut side.phase {
            Phase::Body(left) if *left > octets => {
                *left -= octets;
                true
            }
            Phase::Chunk(left) if *left >= octets => {
                *left -= octets;
                if *left == 0 {
                    side.phase = Phase::ChunkEnd;
                }
                true
            }
            Phase::Body(left) if *left == octets => {
                side.phase = Phase::First;
                if request {
                    self.asking = false;
                } else {
                    if let Some(response) = &mut self.response {
                        response.octets += octets;
                    }
                    self.answered(talk);
                }
                return;
            }
            Phase::ToEnd => true,
            _ => false,
        };
        if within {
            let counted = if request {
                self.queue.back_mut().map(|request| &mut request.octets)
            } else {
                self.response.as_mut().map(|response| &mut response.octets)
            };
            if let Some(counted) = counted {
                *counted += octets;
            }
            return;
        }
        side.phase = Phase::Lost;
        if request {
            if std::mem::take(&mut self.asking) && self.queue.back().is_some_and(|r| r.method.is_empty()) {
                self.queue.pop_back();
            }
        } else {
            // Which response is which cannot be told any more.
            self.finish(talk);
        }
    }
}

/// What a side came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    None,
    /// An empty line before a message.
    Blank,
    HeadersEnd,
    End,
    Broken,
}

impl Side {
    /// Whether the octets are understood. After a gap, a message that begins with a segment is where it goes on.
    fn resumes(&mut self, octets: &[u8]) -> bool {
        if self.phase == Phase::Lost
            && (octets.starts_with(b"HTTP/1.") || METHODS.iter().any(|method| octets.starts_with(method)))
        {
            self.phase = Phase::First;
        }
        self.phase != Phase::Lost
    }

    /// Reads on to the next event. `act` gets the lines of the head, and says whether they are sound.
    fn advance<'a>(
        &mut self,
        octets: &'a [u8],
        act: impl FnOnce(&[u8], Phase, &mut Framing) -> bool,
    ) -> (&'a [u8], Event) {
        let skip = |left: u64| {
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(octets.len());
            (octets.get(count..).unwrap_or_default(), left - count as u64)
        };
        match self.phase {
            Phase::First | Phase::Headers => {
                let (phase, framing) = (self.phase, &mut self.framing);
                let taken = self.partial.take(octets, |line| match (line.is_empty(), phase) {
                    // Passed over (RFC 9112, section 2.2).
                    (true, Phase::First) => (phase, Event::Blank),
                    (true, _) => (phase, Event::HeadersEnd),
                    (false, _) => {
                        if phase == Phase::First {
                            *framing = Framing::default();
                        }
                        let sound = act(line, phase, framing);
                        (Phase::Headers, if sound { Event::None } else { Event::Broken })
                    }
                });
                match taken {
                    Some(((next, event), rest)) => {
                        self.phase = next;
                        (rest, event)
                    }
                    None => (&[], Event::None),
                }
            }
            Phase::Body(left) => {
                let (rest, left) = skip(left);
                if left == 0 {
                    self.phase = Phase::First;
                    return (rest, Event::End);
                }
                self.phase = Phase::Body(left);
                (rest, Event::None)
            }
            Phase::Chunk(left) => {
                let (rest, left) = skip(left);
                self.phase = if left == 0 { Phase::ChunkEnd } else { Phase::Chunk(left) };
                (rest, Event::None)
            }
            Phase::ChunkSize => match self.partial.take(octets, chunk_size) {
                None => (&[], Event::None),
                Some((None, rest)) => (rest, Event::Broken),
                Some((Some(0), rest)) => {
                    self.phase = Phase::Trailers;
                    (rest, Event::None)
                }
                Some((Some(size), rest)) => {
                    self.phase = Phase::Chunk(size);
                    (rest, Event::None)
                }
            },
            Phase::ChunkEnd => match self.partial.take(octets, <[u8]>::is_empty) {
                None => (&[], Event::None),
                Some((true, rest)) => {
                    self.phase = Phase::ChunkSize;
                    (rest, Event::None)
                }
                Some((false, rest)) => (rest, Event::Broken),
            },
            Phase::Trailers => match self.partial.take(octets, <[u8]>::is_empty) {
                None => (&[], Event::None),
                Some((true, rest)) => {
                    self.phase = Phase::First;
                    (rest, Event::End)
                }
                Some((false, rest)) => (rest, Event::None),
            },
            Phase::ToEnd | Phase::Lost => (&[], Event::None),
        }
    }
}

impl Request {
    fn first_line(&mut self, line: &[u8]) -> bool {
        let (method, rest) = word(line);
        let (target, version) = match rest.iter().rposition(|octet| *octet == b' ') {
            Some(at) => rest.split_at(at),
            None => (rest, &b""[..]),
        };
        // A line that was cut has lost its version.
        let versioned = version.trim_ascii_start().starts_with(b"HTTP/");
        let target = if versioned { target } else { rest };
        if method.is_empty() || method.len() > 24 || target.is_empty() {
            return false;
        }
        if !method
            .iter()
            .all(|c| c.is_ascii_uppercase() || matches!(c, b'-' | b'_'))
        {
            return false;
        }
        self.method = text(method).into();
        let target = text(target);
        // The absolute form, as proxies are asked (RFC 9112, section 3.2.2).
        let absolute = target
            .split_once("://")
            .filter(|(scheme, _)| scheme.len() <= 8 && !scheme.contains('/'));
        let path = match absolute {
            Some((_, rest)) => {
                let at = rest.find('/').unwrap_or(rest.len());
                let (authority, path) = rest.split_at(at);
                self.authority(authority.rsplit('@').next().unwrap_or(authority));
                if path.is_empty() { "/" } else { path }
            }
            None if &*self.method == "CONNECT" => {
                self.authority(&target);
                ""
            }
            None => &target,
        };
        self.path = without_secrets(path);
        true
    }

    fn authority(&mut self, said: &str) {
        let said = said.trim();
        // A bracketed IPv6 address has colons of its own.
        let name_end = said.rfind(']').unwrap_or(0);
        let colon = said
            .get(name_end..)
            .and_then(|rest| rest.find(':'))
            .map(|at| at + name_end);
        let (name, port) = said.split_at(colon.unwrap_or(said.len()));
        let name = name.trim_start_matches('[').trim_end_matches(']');
        self.host = L7::host_name(name).unwrap_or_default();
        self.port = short(port.as_bytes(), 6);
    }

    fn header(&mut self, line: &[u8], framing: &mut Framing) -> bool {
        let Some((name, value)) = header(line) else { return true };
        if name.eq_ignore_ascii_case(b"host") {
            if self.host.is_empty() {
                self.authority(&text(value));
            }
        } else if name.eq_ignore_ascii_case(b"user-agent") {
            self.agent = short(value, VALUE_MAX);
        } else if name.eq_ignore_ascii_case(b"authorization") || name.eq_ignore_ascii_case(b"proxy-authorization") {
            let (scheme, credentials) = word(value);
            if scheme.eq_ignore_ascii_case(b"basic") {
                self.user = basic_user(credentials);
            }
        }
        framing.header(name, value)
    }

    fn write(&self, data: &mut super::log::Data) {
        data.detail(DetailKey::Method, &self.method);
        data.detail(DetailKey::Path, &self.path);
        data.detail(DetailKey::Agent, &self.agent);
        data.detail(DetailKey::User, self.user.as_deref().unwrap_or_default());
    }
}

impl Response {
    fn first_line(&mut self, line: &[u8]) -> bool {
        let (version, rest) = word(line);
        let (status, _) = word(rest);
        let status = std::str::from_utf8(status).ok().and_then(|status| status.parse().ok());
        self.status = status.unwrap_or(0);
        version.starts_with(b"HTTP/") && (100..1_000).contains(&self.status)
    }

    fn header(&mut self, line: &[u8], framing: &mut Framing) -> bool {
        let Some((name, value)) = header(line) else { return true };
        if name.eq_ignore_ascii_case(b"server") {
            self.server = short(value, VALUE_MAX);
        } else if name.eq_ignore_ascii_case(b"content-type") {
            let media = value.split(|octet| *octet == b';').next().unwrap_or_default();
            self.content_type = short(media, 128).to_lowercase().into();
        }
        framing.header(name, value)
    }
}

impl Framing {
    /// Takes what a header says of the body; whether it is sound.
    fn header(&mut self, name: &[u8], value: &[u8]) -> bool {
        self.headers += 1;
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            let same = self.length.is_none() || self.length == length;
            self.length = length;
            // Lengths that differ are an attack on whoever reads them otherwise (RFC 9112, section 6.3).
            return same && length.is_some();
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.chunked = value.to_ascii_lowercase().ends_with(b"chunked");
        }
        self.headers < HEADERS_MAX
    }
}

/// Splits a header line.
fn header(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let (name, value) = line.split_at(colon);
    Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
}

/// The size that begins a chunk (RFC 9112, section 7.1).
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|octet| *octet == b';').next()?.trim_ascii();
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// A path whose query says no passwords.
fn without_secrets(path: &str) -> Box<str> {
    let mut end = path.len().min(VALUE_MAX);
    while !path.is_char_boundary(end) {
        end -= 1;
    }
    let path = path.get(..end).unwrap_or_default();
    let Some((before, query)) = path.split_once('?') else {
        return path.into();
    };
    let secret = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        !value.is_empty() && SECRETS.iter().any(|secret| secret.eq_ignore_ascii_case(name))
    };
    if !query.split('&').any(secret) {
        return path.into();
    }
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if secret(pair) => format!("{name}=***"),
        _ => pair.to_owned(),
    });
    format!("{before}?{}", pairs.collect::<Vec<_>>().join("&")).into()
}

/// A request as people read it: `GET http://www.example.com/index.html`.
struct Asked<'a>(&'a Request);

impl std::fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Request {
            method,
            host,
            port,
            path,
            ..
        } = self.0;
        match (&**method, &**host) {
            ("", _) => f.write_str("(request not seen)"),
            ("CONNECT", _) => write!(f, "CONNECT {host}{port}"),
            (_, "") => write!(f, "{method} {path}"),
            _ => write!(f, "{method} http://{host}{port}{path}"),
        }
    }
}
