//! SSL 2.0 (draft-hickman-netscape-ssl-00), and the hello of its form with which clients ask for later versions too
//! (RFC 5246, section E.2).

use super::octets::Octets;
use super::records::Broken;
use super::session::Session;

const ERROR: u8 = 0;
const CLIENT_HELLO: u8 = 1;
const CLIENT_MASTER_KEY: u8 = 2;
const SERVER_HELLO: u8 = 4;
/// SSL 2.0's own version.
pub(super) const VERSION: u16 = 2;
/// The most octets of a record that is kept: a server's hello holds its certificate.
const RECORD_MAX: usize = 16 << 10;

/// What follows in this direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// More records of SSL 2.0.
    Ssl2,
    /// Records of TLS; so many of the octets were read.
    Tls(usize),
}

/// One direction of SSL 2.0.
#[derive(Debug, Default)]
pub(super) struct Ssl2 {
    record: Vec<u8>,
}

/// The length of a client's hello that begins with these octets, header left out; `None` where none does. All of the fixed
/// part must be there.
pub(super) fn client_hello(octets: &[u8]) -> Option<usize> {
    let mut octets = Octets(octets);
    let length = usize::from(octets.u16()?.checked_sub(0x8000)?);
    let (kind, version) = (octets.u8()?, octets.u16()?);
    let (ciphers, session, challenge) = (octets.u16()?, octets.u16()?, octets.u16()?);
    let sound = kind == CLIENT_HELLO
        && matches!(version, VERSION | 0x0300..=0x0304)
        && ciphers > 0
        && ciphers % 3 == 0
        && matches!(session, 0 | 16)
        && (16..=32).contains(&challenge)
        && length == 9 + usize::from(ciphers) + usize::from(session) + usize::from(challenge);
    sound.then_some(length)
}

impl Ssl2 {
    /// The next octets of this direction.
    pub(super) fn push(&mut self, octets: &[u8], forward: bool, session: &mut Session) -> Result<Next, Broken> {
        let mut rest = Octets(octets);
        while !rest.0.is_empty() && !session.is_done() {
            let wanted = self.wanted()?;
            self.record
                .extend_from_slice(rest.take_up_to(wanted.saturating_sub(self.record.len())));
            if self.record.len() < self.wanted()? {
                continue;
            }
            let record = std::mem::take(&mut self.record);
            if self.message(&record, forward, session)? {
                return Ok(Next::Tls(octets.len() - rest.0.len()));
            }
        }
        Ok(Next::Ssl2)
    }

    /// Octets held of a record.
    pub(super) fn held(&self) -> usize {
        self.record.len()
    }

    /// How long the record is, its header included, as far as that is known.
    fn wanted(&self) -> Result<usize, Broken> {
        let Some((header, _)) = self.record.split_first_chunk::<2>() else {
            return Ok(2);
        };
        // a header of three octets is of a record with padding, which is encrypted
        let length = usize::from(u16::from_be_bytes(*header).checked_sub(0x8000).ok_or(Broken)?);
        if length == 0 || length > RECORD_MAX {
            return Err(Broken);
        }
        Ok(2 + length)
    }

    /// A whole record; whether records of TLS follow.
    fn message(&mut self, record: &[u8], forward: bool, session: &mut Session) -> Result<bool, Broken> {
        let mut octets = Octets(record.get(2..).unwrap_or_default());
        match octets.u8() {
            Some(CLIENT_HELLO) if !session.has_client_hello() => {
                client_hello(record).ok_or(Broken)?;
                let version = octets.u16().ok_or(Broken)?;
                let length = octets.u16().ok_or(Broken)?;
                octets.take(4).ok_or(Broken)?;
                session.client2(version, octets.take(usize::from(length)).ok_or(Broken)?, forward);
                Ok(version != VERSION)
            }
            Some(SERVER_HELLO) => server_hello(octets, forward, session).ok_or(Broken).map(|()| false),
            Some(CLIENT_MASTER_KEY) => {
                let cipher = octets.take(3).and_then(|c| c.first_chunk::<3>()).ok_or(Broken)?;
                session.cipher2(*cipher);
                Ok(false)
            }
            Some(ERROR) if session.has_begun() => {
                // SSL 2.0 has one error before encryption that matters: no cipher in common
                session.alert(2, 40);
                Ok(false)
            }
            _ => Err(Broken),
        }
    }
}

fn server_hello(mut octets: Octets<'_>, forward: bool, session: &mut Session) -> Option<()> {
    let resumed = octets.u8()? != 0;
    octets.u8()?;
    let version = octets.u16()?;
    let certificate = octets.u16()?;
    octets.u16()?;
    octets.u16()?;
    let certificate = octets.take(usize::from(certificate))?;
    (version == VERSION).then(|| session.server2(version, certificate, resumed, forward))
}
