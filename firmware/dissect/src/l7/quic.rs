//! QUIC: what its handshake says to anybody who sees it. Initial packets are encrypted with keys that follow from the
//! client's first packet (RFC 9001, section 5; RFC 9369 for version 2; the drafts, Facebook's mvfst and Google's last versions
//! differ in their salts), and hold the hellos of TLS. Google's earlier versions say theirs in the clear.
//!
//! Datagrams of both directions go in as they come; facts come out. At most [`OPENED_MAX`] packets of a flow are decrypted.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod check;
mod frames;
mod google;
mod keys;
mod packet;
mod version;

use std::ops::Range;

use model::{DetailKey, L7};

use super::fingerprints::Fingerprints;
use super::ja4::Carrier;
use super::tls::octets::Octets;
use super::tls::pieces::Pieces;
use super::tls::session::{CLIENT_HELLO, SERVER_HELLO};
use super::tls::{Progress, Session as Tls};
pub(crate) use check::check;
use keys::Keys;
use packet::{Kind, Long};
use version::Version;

/// The most packets of a flow that are decrypted.
const OPENED_MAX: u8 = 24;
/// The most keys that are derived for a flow.
const KEYS_MAX: u8 = 8;
/// Octets of a packet for which room is kept between packets.
const PACKET_KEPT: usize = 4 << 10;
/// The most packets of a datagram that are looked at.
const COALESCED_MAX: usize = 8;

/// The handshake of a QUIC connection.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// The version of the last packet that could be read.
    version: Option<u32>,
    tls: Tls,
    google: google::Hello,
    /// CRYPTO data of the first sender, and of the other side.
    sides: [Pieces; 2],
    keys: Option<Box<Derived>>,
    opened: u8,
    derived: u8,
    /// Whether something else than a long header came.
    went_on: bool,
    broken: bool,
}

/// Keys, and what they were derived from.
struct Derived {
    version: u32,
    connection: Box<[u8]>,
    keys: Keys,
}

impl std::fmt::Debug for Derived {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Derived")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A datagram. `forward`: from the flow's first sender; the client may be either.
    pub(crate) fn read(&mut self, forward: bool, payload: &[u8], prints: &mut Fingerprints) -> Progress {
        if self.is_done() {
            return self.progress();
        }
        if let Some(hello) = google::public(payload) {
            self.version.get_or_insert(hello.version);
            self.google.read(hello.rest);
            return self.progress();
        }
        let mut rest = payload;
        for number in 0..COALESCED_MAX {
            let Some((packet, after)) = packet::long(rest) else {
                // a datagram may end in anything; one of a short header says that the handshake is over
                if number == 0 && self.version.is_some() {
                    self.went_on = true;
                } else if number == 0 {
                    self.broken = true;
                }
                break;
            };
            if packet.version != 0 {
                self.version = self.version.or(Some(packet.version));
                if packet.kind == Kind::Initial && packet.whole {
                    self.initial(&packet, forward, prints);
                }
            }
            rest = after;
        }
        self.progress()
    }

    /// An Initial packet: decrypts it, and reads its frames.
    fn initial(&mut self, packet: &Long<'_>, forward: bool, prints: &mut Fingerprints) {
        if google::is_clear(packet.version) {
            self.google.read(packet.octets);
            return;
        }
        let mut room = std::mem::take(&mut prints.rooms.packet);
        if let Some((plain, from_client)) = self.open(packet, forward, &mut room) {
            let plain = room.get(plain).unwrap_or_default();
            self.version = Some(packet.version);
            if from_client {
                self.tls.client_is(forward);
            }
            if packet.version == version::Q050 {
                self.google.read(plain);
            } else {
                self.frames(packet.version, plain, forward, from_client, prints);
            }
        }
        room.shrink_to(PACKET_KEPT);
        prints.rooms.packet = room;
    }

    /// The frames of a packet: the hello may be whole in one of them, and is read where it lies then.
    fn frames(&mut self, version: u32, plain: &[u8], forward: bool, from_client: bool, prints: &mut Fingerprints) {
        let [first, second] = &mut self.sides;
        let pieces = if forward { first } else { second };
        let mut alone: Option<&[u8]> = None;
        frames::read(plain, version::is_google(version), &mut self.tls, |offset, octets| {
            if offset == 0 && alone.is_none() && pieces.is_empty() {
                alone = Some(octets);
                return;
            }
            if let Some(before) = alone.take() {
                pieces.insert(0, before);
            }
            pieces.insert(offset, octets);
        });
        let wanted = if from_client { CLIENT_HELLO } else { SERVER_HELLO };
        let body = |there| {
            let mut message = Octets(there);
            let (kind, length) = (message.u8()?, message.u24()?);
            message.take(length).filter(|_| kind == wanted)
        };
        let there = match alone {
            Some(octets) if octets.len() <= Pieces::MAX => octets,
            Some(octets) => {
                pieces.insert(0, octets);
                pieces.beginning()
            }
            None => pieces.beginning(),
        };
        let read = body(there).is_some_and(|body| self.tls.message(wanted, body, forward, Carrier::Quic, prints));
        if let Some(octets) = alone.filter(|_| !read) {
            pieces.insert(0, octets);
        }
    }

    /// Decrypts a packet in `room`: where its frames are there, and whether it came from the client. The keys follow from the connection that the client names in its
    /// first packet, or in its first after a Retry, and from the version.
    fn open(&mut self, packet: &Long<'_>, forward: bool, room: &mut Vec<u8>) -> Option<(Range<usize>, bool)> {
        let from_client = self.tls.client_forward().is_none_or(|client| client == forward);
        let fitting = |derived: &&mut Derived| derived.version == packet.version;
        if let Some(derived) = self.keys.as_deref_mut().filter(fitting) {
            if self.opened >= OPENED_MAX {
                return None;
            }
            self.opened += 1;
            if let Some(plain) = derived.keys.open(from_client, packet, room) {
                return Some((plain, from_client));
            }
        }
        // the server answers under the client's connection, perhaps in another version
        let connection = match &self.keys {
            Some(derived) if !from_client => &derived.connection,
            _ => packet.destination,
        };
        let connection: Box<[u8]> = connection.into();
        for version in version::candidates(packet.version) {
            if self.derived >= KEYS_MAX || self.opened >= OPENED_MAX {
                return None;
            }
            self.derived += 1;
            self.opened += 1;
            let mut keys = Keys::derive(version, &connection);
            if let Some(plain) = keys.open(from_client, packet, room) {
                self.keys = Some(Box::new(Derived {
                    version: packet.version,
                    connection,
                    keys,
                }));
                return Some((plain, from_client));
            }
        }
        None
    }

    fn is_done(&self) -> bool {
        let spent = self.derived >= KEYS_MAX || self.opened >= OPENED_MAX;
        self.broken || self.google.is_read() || self.tls.is_done() || spent || self.went_on
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> Progress {
        if self.version.is_none() && self.broken {
            Progress::No
        } else if self.is_done() {
            Progress::Done
        } else if self.tls.has_client_hello() {
            Progress::Hello
        } else {
            Progress::More
        }
    }

    /// Octets held of hellos that are not whole.
    pub(crate) fn held(&self) -> usize {
        self.sides.iter().map(Pieces::held).sum()
    }

    /// The server's name that the client asks for.
    pub(crate) fn host(&self) -> Option<&str> {
        self.tls.host().or_else(|| self.google.host())
    }

    /// The same, of a session that is through.
    pub(crate) fn take_host(&mut self) -> Option<Box<str>> {
        self.tls.take_host().or_else(|| self.google.take_host())
    }

    /// Why the handshake failed: the alert's name.
    pub(crate) fn failure(&self) -> Option<&'static str> {
        self.tls.failure()
    }

    /// Whether the client is the flow's first sender, where that is known.
    pub(crate) fn client_forward(&self) -> Option<bool> {
        self.tls.client_forward()
    }

    /// Writes what is known into a flow's facts, where nothing else stands.
    pub(crate) fn describe(&self, l7: &mut L7) {
        self.tls.describe(l7);
        self.google.describe(l7);
        if let Some(version) = self.version {
            l7.details.set(DetailKey::Version, &Version(version).to_string());
        }
    }
}

#[cfg(test)]
impl Session {
    /// [`Self::read`], with fingerprints computed anew.
    pub(crate) fn datagram(&mut self, forward: bool, octets: &[u8]) -> Progress {
        self.read(forward, octets, &mut Fingerprints::new())
    }
}

#[cfg(test)]
mod tests;
