//! TLS over TCP: what its handshake says in the clear, from SSL 2.0 to TLS 1.3 and TLCP. Octets of both directions go in as
//! they come, in order and cut anywhere; facts come out. What is held is bounded: a hello of 32 KiB, a certificate of
//! 16 KiB.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod alert;
mod check;
mod ciphers;
mod datagrams;
mod hello;
mod ja3;
pub(crate) mod octets;
pub(crate) mod pieces;
mod records;
pub(crate) mod session;
mod ssl2;

use model::L7;

use super::fingerprints::Fingerprints;
use super::ja4::Carrier;
pub(crate) use check::check;
pub(crate) use datagrams::{Datagrams, check as check_dtls};
use records::{Broken, Records};
pub(crate) use session::Session;
use ssl2::{Next, Ssl2};

/// How far a handshake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing is known yet.
    More,
    /// The client's hello is read: the name is known; the server's part is to come.
    Hello,
    /// Nothing more is said in the clear.
    Done,
    /// This is not it.
    No,
}

/// The handshake of a TLS session over a stream.
#[derive(Debug, Default)]
pub(crate) struct Handshake {
    /// The first sender's direction, and the other.
    sides: [Side; 2],
    session: Session,
    broken: bool,
}

/// One direction, by what its first octet is.
#[derive(Debug, Default)]
enum Side {
    #[default]
    Begin,
    Tls(Records),
    Ssl2(Ssl2),
}

impl Handshake {
    /// The next octets of a direction. `forward`: from the flow's first sender; the client may be either.
    pub(crate) fn read(&mut self, forward: bool, octets: &[u8], prints: &mut Fingerprints) -> Progress {
        let [first, second] = &mut self.sides;
        let side = if forward { first } else { second };
        if !self.broken && !self.session.is_done() {
            self.broken = side.push(octets, forward, &mut self.session, prints).is_err();
        }
        self.progress()
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> Progress {
        self.session.progress(self.broken)
    }

    /// Octets held of messages that are not whole.
    pub(crate) fn held(&self) -> usize {
        let held = |side: &Side| match side {
            Side::Begin => 0,
            Side::Tls(records) => records.held(),
            Side::Ssl2(ssl2) => ssl2.held(),
        };
        self.sides.iter().map(held).sum()
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

impl Side {
    fn push(
        &mut self,
        octets: &[u8],
        forward: bool,
        session: &mut Session,
        prints: &mut Fingerprints,
    ) -> Result<(), Broken> {
        if matches!(self, Self::Begin) {
            match octets.first() {
                None => return Ok(()),
                Some(first) if first & 0x80 != 0 => *self = Self::Ssl2(Ssl2::default()),
                Some(_) => *self = Self::Tls(Records::default()),
            }
        }
        match self {
            Self::Begin => Ok(()),
            Self::Tls(records) => records.push(octets, forward, session, prints),
            Self::Ssl2(ssl2) => match ssl2.push(octets, forward, session)? {
                Next::Ssl2 => Ok(()),
                Next::Tls(read) => {
                    let mut records = Records::default();
                    let result = records.push(octets.get(read..).unwrap_or_default(), forward, session, prints);
                    *self = Self::Tls(records);
                    result
                }
            },
        }
    }
}

#[cfg(test)]
impl Handshake {
    /// [`Self::read`], with fingerprints computed anew.
    pub(crate) fn push(&mut self, forward: bool, octets: &[u8]) -> Progress {
        self.read(forward, octets, &mut Fingerprints::new())
    }
}

#[cfg(test)]
impl Datagrams {
    /// [`Self::read`], with fingerprints computed anew.
    pub(crate) fn datagram(&mut self, forward: bool, octets: &[u8]) -> Progress {
        self.read(forward, octets, &mut Fingerprints::new())
    }
}

#[cfg(test)]
mod captures;
#[cfg(test)]
mod tests;
