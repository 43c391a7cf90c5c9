//! DTLS (RFC 6347, RFC 9147): what its handshake says in the clear. Datagrams of both directions go in as they come.

use model::{App, Confidence, L7};

use super::octets::Octets;
use super::pieces::Pieces;
use super::records::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE};
use super::session::{CLIENT_HELLO, SERVER_HELLO, Session};
use super::{Carrier, Progress};
use crate::l7::fingerprints::Fingerprints;
use crate::l7::sample::{Sample, Verdict};

const HELLO_VERIFY_REQUEST: u8 = 3;
/// Records with a connection identifier (RFC 9146).
const WITH_CONNECTION: u8 = 25;
const DTLS: App = App::named("dtls");

/// The handshake of a DTLS session.
#[derive(Debug, Default)]
pub(crate) struct Datagrams {
    sides: [Flight; 2],
    session: Session,
    broken: bool,
}

/// The message of a direction that is coming in fragments.
#[derive(Debug, Default)]
struct Flight {
    /// Its type, number and length.
    message: Option<(u8, u16, usize)>,
    pieces: Pieces,
}

/// A record that is whole.
struct Record<'a> {
    kind: u8,
    epoch: u16,
    content: &'a [u8],
}

/// Splits off a record; `None` where none begins. It may be cut short.
fn record<'a>(octets: &mut Octets<'a>) -> Option<Record<'a>> {
    let kind = octets.u8()?;
    let version = octets.u16()?;
    let epoch = octets.u16()?;
    octets.take(6)?;
    let length = octets.u16()?;
    let known = matches!(version, 0xfeff | 0xfefd | 0xfefc | 0x0100);
    (matches!(kind, CHANGE_CIPHER_SPEC..=WITH_CONNECTION) && known && length > 0).then(|| Record {
        kind,
        epoch,
        content: octets.take_up_to(usize::from(length)),
    })
}

impl Datagrams {
    /// A datagram. `forward`: from the flow's first sender; the client may be either.
    pub(crate) fn read(&mut self, forward: bool, payload: &[u8], prints: &mut Fingerprints) -> Progress {
        let mut octets = Octets(payload);
        while !octets.0.is_empty() && !self.session.is_done() {
            // the header of DTLS 1.3's encrypted records
            if octets.0.first().is_some_and(|first| first >> 5 == 1) && self.session.has_begun() {
                self.session.encrypted(forward, true);
                break;
            }
            let Some(record) = record(&mut octets) else {
                self.broken |= !self.session.has_begun();
                break;
            };
            match record.kind {
                CHANGE_CIPHER_SPEC => self.session.encrypted(forward, false),
                APPLICATION_DATA | WITH_CONNECTION => self.session.encrypted(forward, true),
                HANDSHAKE if record.epoch == 0 => self.handshake(record.content, forward, prints),
                ALERT if record.epoch == 0 => {
                    if let &[level, description] = record.content {
                        self.session.alert(level, description);
                    }
                }
                _ => {}
            }
        }
        self.progress()
    }

    /// The fragments of messages in a record.
    fn handshake(&mut self, content: &[u8], forward: bool, prints: &mut Fingerprints) {
        let mut octets = Octets(content);
        while let Some((kind, length, number, offset, part)) = fragment(&mut octets) {
            if !self.session.wants(kind) {
                continue;
            }
            if offset == 0 && part.len() == length {
                self.session.message(kind, part, forward, Carrier::Datagrams, prints);
                continue;
            }
            let [first, second] = &mut self.sides;
            let flight = if forward { first } else { second };
            if flight.message != Some((kind, number, length)) {
                *flight = Flight {
                    message: Some((kind, number, length)),
                    pieces: Pieces::default(),
                };
            }
            flight.pieces.insert(offset, part);
            let there = flight.pieces.beginning();
            if there.len() >= length.min(Pieces::MAX) {
                self.session.message(kind, there, forward, Carrier::Datagrams, prints);
                *flight = Flight::default();
            }
        }
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> Progress {
        self.session.progress(self.broken)
    }

    /// Octets held of messages that are not whole.
    pub(crate) fn held(&self) -> usize {
        self.sides.iter().map(|flight| flight.pieces.held()).sum()
    }

    /// The server's name that the client asks for.
    pub(crate) fn host(&self) -> Option<&str> {
        self.session.host()
    }

    /// The same, of a session that is through.
    pub(crate) fn take_host(&mut self) -> Option<Box<str>> {
        self.session.take_host()
    }

    /// Why the handshake failed: the alert's name.
    pub(crate) fn failure(&self) -> Option<&'static str> {
        self.session.failure()
    }

    /// Whether the client is the flow's first sender, where that is known.
    pub(crate) fn client_forward(&self) -> Option<bool> {
        self.session.client_forward()
    }

    /// Writes what is known into a flow's facts, where nothing else stands.
    pub(crate) fn describe(&self, l7: &mut L7) {
        self.session.describe(l7);
    }
}

/// Splits off a message's fragment: type, length of the whole, number, offset and the octets.
fn fragment<'a>(octets: &mut Octets<'a>) -> Option<(u8, usize, u16, usize, &'a [u8])> {
    let kind = octets.u8()?;
    let length = octets.u24()?;
    let number = octets.u16()?;
    let offset = octets.u24()?;
    let part = octets.u24()?;
    let part = octets.take(part)?;
    (offset + part.len() <= length).then_some((kind, length, number, offset, part))
}

/// Recognises DTLS on any port: by a flow's first datagram of either side, or by one that comes among those of another
/// protocol (RFC 7983).
pub(crate) fn check(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let verdicts = [sample.client, sample.server, sample.latest].map(begins);
    match verdicts.into_iter().max() {
        Some(Some(confidence)) => Verdict::Is(DTLS, confidence),
        _ => Verdict::No,
    }
}

/// How surely a datagram is of DTLS.
fn begins(datagram: &[u8]) -> Option<Confidence> {
    let mut octets = Octets(datagram);
    let record = record(&mut octets)?;
    let mut content = Octets(record.content);
    match record.kind {
        HANDSHAKE if record.epoch == 0 => {
            let hello = matches!(content.u8()?, CLIENT_HELLO | SERVER_HELLO | HELLO_VERIFY_REQUEST);
            hello.then_some(Confidence::Parsed)
        }
        // what is encrypted is longer than an explicit nonce and a tag
        HANDSHAKE | APPLICATION_DATA | WITH_CONNECTION if record.epoch > 0 && content.0.len() > 16 => {
            Some(Confidence::Pattern)
        }
        ALERT if record.epoch == 0 && content.0.len() == 2 => Some(Confidence::Pattern),
        _ => None,
    }
}
