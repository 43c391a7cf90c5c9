//! HTTP/2 in the clear (RFC 9113): with prior knowledge, or upgraded to from HTTP/1. Bodies are passed over.

use std::collections::VecDeque;

use model::{Confidence, DetailKey, L7};

use super::flow::{Step, Talk};
use super::hpack::Decoder;
use super::http1;
use super::http1::message::{Request, Response, app_of_media, media_type, without_secrets, write_line};
use super::log::micros;
use super::sample::{Sample, Verdict};
use super::stream::Piece;
use super::text::{short, text};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADER: usize = 9;
/// The longest frame that is put together, and the longest header block.
const BLOCK_MAX: usize = 16 << 10;
const VALUE_MAX: usize = 1_024;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const PUSH_PROMISE: u8 = 5;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 32;

/// Whether a flow begins with the client's preface.
pub(super) fn check(sample: &Sample<'_>) -> Verdict {
    for octets in [sample.client, sample.server] {
        if octets.starts_with(PREFACE) {
            return Verdict::Is(http1::app(), Confidence::Parsed);
        }
        if !octets.is_empty() && PREFACE.starts_with(octets) {
            return Verdict::More;
        }
    }
    Verdict::No
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

#[derive(Debug, Default)]
struct Side {
    /// Octets of the preface that are still to come.
    preface: usize,
    /// A frame's header, then its octets where they are needed.
    octets: Vec<u8>,
    /// Octets of a frame that are passed over.
    skip: usize,
    /// A header block whose continuation is to come: its stream and flags.
    block: Option<(u32, u8, Vec<u8>)>,
    decoder: Decoder,
}

#[derive(Debug, Default)]
struct Exchange {
    stream: u32,
    request: Request,
    response: Option<Response>,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Http2 {
    client_forward: bool,
    client: Side,
    server: Side,
    exchanges: VecDeque<Exchange>,
}

impl Http2 {
    /// The reader of a connection whose client is (or is not) the flow's first sender.
    pub(super) fn new(client_forward: bool) -> Self {
        Self {
            client_forward,
            client: Side {
                preface: PREFACE.len(),
                ..Side::default()
            },
            server: Side::default(),
            exchanges: VecDeque::new(),
        }
    }

    /// The reader of a flow.
    pub(super) fn of(sample: &Sample<'_>) -> Self {
        Self::new(sample.client.starts_with(PREFACE))
    }

    /// Octets held.
    pub(super) fn held(&self) -> usize {
        [&self.client, &self.server].iter().map(|side| side.held()).sum()
    }

    /// The next of a direction.
    pub(super) fn piece(&mut self, forward: bool, piece: Piece<'_>, talk: &mut Talk<'_, '_>) -> Step {
        let from_client = forward == self.client_forward;
        match piece {
            Piece::Gap(octets) => {
                let side = if from_client {
                    &mut self.client
                } else {
                    &mut self.server
                };
                // Within a frame that is passed over a gap is no matter; else the tables are lost.
                match side.skip.checked_sub(octets as usize) {
                    Some(left) if side.octets.is_empty() => side.skip = left,
                    _ => return Step::Done,
                }
                Step::Goes
            }
            Piece::Octets(octets) => {
                let mut side = std::mem::take(if from_client {
                    &mut self.client
                } else {
                    &mut self.server
                });
                let sound = self.frames(&mut side, octets, from_client, talk);
                *(if from_client {
                    &mut self.client
                } else {
                    &mut self.server
                }) = side;
                if sound { Step::Goes } else { Step::Done }
            }
        }
    }

    /// The flow ends.
    pub(super) fn finish(&mut self, talk: &mut Talk<'_, '_>) {
        for exchange in std::mem::take(&mut self.exchanges) {
            self.write(&exchange, talk);
        }
    }

    fn frames(&mut self, side: &mut Side, mut octets: &[u8], from_client: bool, talk: &mut Talk<'_, '_>) -> bool {
        let preface = side.preface.min(octets.len());
        side.preface -= preface;
        octets = octets.get(preface..).unwrap_or_default();
        while !octets.is_empty() {
            if side.skip > 0 {
                let skipped = side.skip.min(octets.len());
                side.skip -= skipped;
                octets = octets.get(skipped..).unwrap_or_default();
                continue;
            }
            let wanted = match side.frame() {
                None => HEADER - side.octets.len(),
                Some(frame) => HEADER + frame.length - side.octets.len(),
            };
            let (now, later) = octets.split_at(wanted.min(octets.len()));
            side.octets.extend_from_slice(now);
            octets = later;
            let Some(frame) = side.frame() else { continue };
            let needed = matches!(frame.kind, HEADERS | CONTINUATION | PUSH_PROMISE);
            if !needed {
                side.skip = frame.length;
                side.octets.clear();
                match frame.kind {
                    DATA => self.data(frame, from_client, talk),
                    RST_STREAM => self.ended(frame.stream, talk),
                    _ => {}
                }
                continue;
            }
            if frame.length > BLOCK_MAX {
                return false;
            }
            if side.octets.len() == HEADER + frame.length {
                let octets = std::mem::take(&mut side.octets);
                let payload = octets.get(HEADER..).unwrap_or_default();
                if self.block(side, frame, payload, from_client, talk).is_none() {
                    return false;
                }
            }
        }
        true
    }

    /// A frame of a header block; `None` where it is broken.
    fn block(
        &mut self,
        side: &mut Side,
        frame: Frame,
        payload: &[u8],
        from_client: bool,
        talk: &mut Talk<'_, '_>,
    ) -> Option<()> {
        let (stream, flags, block) = if frame.kind == CONTINUATION {
            let (stream, flags, mut block) = side.block.take()?;
            if stream != frame.stream || block.len() + payload.len() > BLOCK_MAX {
                return None;
            }
            block.extend_from_slice(payload);
            (stream, flags | frame.flags & END_HEADERS, block)
        } else {
            let mut start = 0;
            let mut end = payload.len();
            if frame.flags & PADDED != 0 {
                end = end.checked_sub(usize::from(*payload.first()?))?;
                start += 1;
            }
            if frame.kind == PUSH_PROMISE {
                start += 4;
            } else if frame.flags & PRIORITY != 0 {
                start += 5;
            }
            // A promise's requests are not followed, but what they do to the table is.
            let stream = if frame.kind == PUSH_PROMISE { 0 } else { frame.stream };
            (stream, frame.flags, payload.get(start..end)?.to_vec())
        };
        if flags & END_HEADERS == 0 {
            side.block = Some((stream, flags, block));
            return Some(());
        }
        if from_client {
            self.request(side, stream, &block, talk)?;
        } else {
            self.response(side, stream, &block, talk)?;
            if flags & END_STREAM != 0 {
                self.ended(stream, talk);
            }
        }
        Some(())
    }

    fn request(&mut self, side: &mut Side, stream: u32, block: &[u8], talk: &mut Talk<'_, '_>) -> Option<()> {
        let mut request = Request {
            began: talk.now,
            octets: block.len() as u64,
            ..Request::default()
        };
        let read = side.decoder.read(block, |name, value| match name {
            b":method" => request.method = short(value, 24),
            b":path" => request.path = without_secrets(&text(value)),
            b":authority" => request.authority(&text(value)),
            b"host" if request.host.is_empty() => request.authority(&text(value)),
            b"user-agent" => request.agent = short(value, VALUE_MAX),
            b"content-type" => request.app = app_of_media(&media_type(value)),
            _ => {}
        });
        read.ok()?;
        // Trailers belong to a request that is known.
        if request.method.is_empty() || stream == 0 {
            return Some(());
        }
        request.describe(talk.l7);
        talk.refine(request.app);
        if self.exchanges.len() >= talk.max_transactions
            && let Some(oldest) = self.exchanges.pop_front()
        {
            self.write(&oldest, talk);
        }
        self.exchanges.push_back(Exchange {
            stream,
            request,
            response: None,
        });
        Some(())
    }

    fn response(&mut self, side: &mut Side, stream: u32, block: &[u8], talk: &mut Talk<'_, '_>) -> Option<()> {
        let mut response = Response {
            began: talk.now,
            octets: block.len() as u64,
            ..Response::default()
        };
        let read = side.decoder.read(block, |name, value| match name {
            b":status" => response.status = text(value).parse().unwrap_or(0),
            b"server" => response.server = short(value, VALUE_MAX),
            b"content-type" => {
                response.content_type = media_type(value);
                response.app = app_of_media(&response.content_type);
            }
            _ => {}
        });
        read.ok()?;
        // Interim responses and trailers are no responses.
        if response.status < 200 {
            return Some(());
        }
        response.describe(talk.l7);
        talk.refine(response.app);
        if let Some(exchange) = self.exchanges.iter_mut().find(|exchange| exchange.stream == stream) {
            talk.responses.add(micros(exchange.request.began, talk.now));
            exchange.response = Some(response);
        }
        Some(())
    }

    fn data(&mut self, frame: Frame, from_client: bool, talk: &mut Talk<'_, '_>) {
        let exchange = self
            .exchanges
            .iter_mut()
            .find(|exchange| exchange.stream == frame.stream);
        if let Some(exchange) = exchange {
            let octets = match &mut exchange.response {
                Some(response) if !from_client => &mut response.octets,
                _ => &mut exchange.request.octets,
            };
            *octets += frame.length as u64;
        }
        if !from_client && frame.flags & END_STREAM != 0 {
            self.ended(frame.stream, talk);
        }
    }

    /// A response is complete, or its stream is given up.
    fn ended(&mut self, stream: u32, talk: &mut Talk<'_, '_>) {
        let at = self.exchanges.iter().position(|exchange| exchange.stream == stream);
        if let Some(exchange) = at.and_then(|at| self.exchanges.remove(at)) {
            self.write(&exchange, talk);
        }
    }

    fn write(&self, exchange: &Exchange, talk: &mut Talk<'_, '_>) {
        write_line(
            Some(&exchange.request),
            exchange.response.as_ref(),
            self.client_forward,
            talk,
        );
    }

    /// The protocol's own version.
    pub(super) fn describe(l7: &mut L7) {
        l7.details.set(DetailKey::Version, "HTTP/2");
    }
}

impl Side {
    fn held(&self) -> usize {
        let block = self.block.as_ref().map_or(0, |(.., block)| block.len());
        self.octets.len() + block + self.decoder.held()
    }

    /// The frame that is being read, once its header is there.
    fn frame(&self) -> Option<Frame> {
        let [a, b, c, kind, flags, stream @ ..] = *self.octets.first_chunk::<HEADER>()?;
        Some(Frame {
            length: usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c),
            kind,
            flags,
            stream: u32::from_be_bytes(stream) & 0x7fff_ffff,
        })
    }
}
