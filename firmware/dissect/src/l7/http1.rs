//! HTTP/1 (RFC 9112): requests and their responses, as transactions. Bodies are passed over, not held.

pub(super) mod message;

use std::collections::VecDeque;

use model::{App, Confidence};

use super::flow::{Step, Talk};
use super::log::micros;
use super::sample::{Sample, Verdict};
use super::stream::Piece;
use super::text::Partial;
use message::{Framing, Request, Response, chunk_size, write_line};

/// Octets of a request's first line that are waited for.
const FIRST_LINE_MAX: usize = 1_024;
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
/// The application that carries it.
pub(super) fn app() -> App {
    const { App::named("http") }
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

#[derive(Debug, Default)]
struct Side {
    phase: Phase,
    partial: Partial,
    framing: Framing,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Http1 {
    /// Whether requests come from the flow's first sender.
    pub(super) client_forward: bool,
    /// Requests that wait for their responses; the last may still be coming.
    queue: VecDeque<Request>,
    /// A request is being read: it is the last of the queue.
    asking: bool,
    response: Option<Response>,
    request_side: Side,
    response_side: Side,
    /// The connection is another protocol's from here.
    switched: bool,
    /// That protocol is HTTP/2.
    to_http2: bool,
    /// It is whatever a proxy's client speaks.
    to_inner: bool,
    /// Octets of the latest piece that are that protocol's.
    rest: usize,
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
            to_http2: false,
            to_inner: false,
            rest: 0,
        }
    }

    /// Octets held.
    pub(super) fn held(&self) -> usize {
        self.request_side.partial.held() + self.response_side.partial.held()
    }

    /// Octets of the latest piece that another protocol has to read.
    pub(super) fn rest(&self) -> usize {
        self.rest
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
            return match () {
                () if self.to_http2 => Step::Http2,
                () if self.to_inner => Step::Inner,
                () => Step::Done,
            };
        }
        Step::Goes
    }

    /// Passes over octets that lie within a body; `false` where they do not, and [`Self::piece`] has to read them.
    pub(super) fn skip(&mut self, forward: bool, octets: usize) -> bool {
        let octets = octets as u64;
        let request = forward == self.client_forward;
        let (side, counted) = if request {
            (
                &mut self.request_side,
                self.queue.back_mut().map(|request| &mut request.octets),
            )
        } else {
            (
                &mut self.response_side,
                self.response.as_mut().map(|response| &mut response.octets),
            )
        };
        match (&mut side.phase, counted) {
            (Phase::Body(left), Some(counted)) if *left > octets && !self.switched => {
                *left -= octets;
                *counted += octets;
                true
            }
            _ => false,
        }
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
                    request.describe(talk.l7);
                    talk.refine(request.app);
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
            self.rest = rest.len();
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
        response.describe(talk.l7);
        talk.refine(response.app);
        let to_http2 = response.to_http2;
        let framing = self.response_side.framing;
        let to_inner = method == "CONNECT" && (200..300).contains(&status);
        let tunnel = status == 101 || to_inner;
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
        self.to_http2 = tunnel && to_http2;
        self.to_inner = to_inner;
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
                app: request.app,
            })
        } else {
            self.queue.pop_front()
        };
        if response.status != 0 {
            write_line(request.as_ref(), Some(&response), self.client_forward, talk);
        }
    }

    fn unanswered(&self, request: &Request, talk: &mut Talk<'_, '_>) {
        write_line(Some(request), None, self.client_forward, talk);
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
