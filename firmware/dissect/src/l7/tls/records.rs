//! One direction's records, and the handshake messages in them (RFC 8446, section 5.1; GB/T 38636-2020 for TLCP).

use super::octets::Octets;
use super::session::{CERTIFICATE, Session};
use crate::l7::fingerprints::Fingerprints;
use crate::l7::ja4::Carrier;

/// Record: the sender encrypts from here on.
pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
/// Record: an alert.
pub(super) const ALERT: u8 = 21;
/// Record: handshake messages.
pub(super) const HANDSHAKE: u8 = 22;
/// Record: application data.
pub(super) const APPLICATION_DATA: u8 = 23;
/// Record: heartbeats (RFC 6520).
pub(super) const HEARTBEAT: u8 = 24;
/// Length of a record's header.
pub(super) const HEADER: usize = 5;
/// The most octets of a record (RFC 5246, section 6.2.3).
const RECORD_MAX: u16 = (1 << 14) + 2_048;

/// The most octets of a hello.
const HELLO_MAX: usize = 32 << 10;
/// The most octets of a certificate message that are kept: the names stand in its first certificate.
const CERTIFICATE_MAX: usize = 16 << 10;

/// The octets are not what they began as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

/// A record's header: its type and length; `None` where it is none.
pub(super) fn header(octets: [u8; HEADER]) -> Option<(u8, u16)> {
    let [kind, major, minor, high, low] = octets;
    let length = u16::from_be_bytes([high, low]);
    let known = matches!((major, minor), (3, 0..=4) | (1, 1));
    (matches!(kind, CHANGE_CIPHER_SPEC..=HEARTBEAT) && known && length <= RECORD_MAX).then_some((kind, length))
}

/// Reads one direction's records as they come.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// The beginning of a record's header.
    header: [u8; HEADER],
    header_have: u8,
    /// The record's type, and how much of it is to come.
    kind: u8,
    left: u16,
    /// The first octet of an alert.
    level: Option<u8>,
    encrypted: bool,
    message: Message,
}

impl Records {
    /// The next octets.
    pub(super) fn push(
        &mut self,
        octets: &[u8],
        forward: bool,
        session: &mut Session,
        prints: &mut Fingerprints,
    ) -> Result<(), Broken> {
        let mut rest = Octets(octets);
        while !rest.0.is_empty() && !session.is_done() {
            if self.left == 0 {
                self.begin(&mut rest, forward, session)?;
                continue;
            }
            let part = rest.take_up_to(usize::from(self.left));
            self.left -= u16::try_from(part.len()).map_err(|_| Broken)?;
            match self.kind {
                HANDSHAKE if !self.encrypted => self.message.push(part, forward, session, prints)?,
                ALERT if !self.encrypted => self.alert(part, session),
                _ => {}
            }
        }
        Ok(())
    }

    /// Octets held of a message.
    pub(super) fn held(&self) -> usize {
        self.message.kept.len()
    }

    /// Reads a record's header as far as it is there.
    fn begin(&mut self, rest: &mut Octets<'_>, forward: bool, session: &mut Session) -> Result<(), Broken> {
        let have = usize::from(self.header_have);
        let part = rest.take_up_to(HEADER - have);
        for (to, from) in self.header.iter_mut().skip(have).zip(part) {
            *to = *from;
            self.header_have += 1;
        }
        if usize::from(self.header_have) < HEADER {
            return Ok(());
        }
        self.header_have = 0;
        let (kind, length) = header(self.header).ok_or(Broken)?;
        (self.kind, self.left) = (kind, length);
        self.level = None;
        match kind {
            CHANGE_CIPHER_SPEC | APPLICATION_DATA => {
                self.encrypted = true;
                session.encrypted(forward, kind == APPLICATION_DATA);
            }
            // two octets in the clear; longer ones are encrypted
            ALERT => self.encrypted |= length != 2,
            _ => {}
        }
        Ok(())
    }

    fn alert(&mut self, part: &[u8], session: &mut Session) {
        for octet in part {
            match self.level {
                None => self.level = Some(*octet),
                Some(level) => session.alert(level, *octet),
            }
        }
    }
}

/// A handshake message as it comes, in parts of records.
#[derive(Debug, Default)]
struct Message {
    header: [u8; 4],
    header_have: u8,
    /// How much of its body is to come.
    left: usize,
    /// What is kept of the body so far.
    kept: Vec<u8>,
}

impl Message {
    fn push(
        &mut self,
        part: &[u8],
        forward: bool,
        session: &mut Session,
        prints: &mut Fingerprints,
    ) -> Result<(), Broken> {
        let mut rest = Octets(part);
        // What follows a hello that encrypts at once is not in the clear, even in the same record.
        while !rest.0.is_empty() && !session.is_done() {
            if usize::from(self.header_have) < self.header.len() {
                let have = usize::from(self.header_have);
                let octets = rest.take_up_to(self.header.len() - have);
                for (to, from) in self.header.iter_mut().skip(have).zip(octets) {
                    *to = *from;
                    self.header_have += 1;
                }
                if usize::from(self.header_have) < self.header.len() {
                    return Ok(());
                }
                self.left = Octets(&self.header[1..]).u24().ok_or(Broken)?;
                if session.wants(self.header[0]) && self.header[0] != CERTIFICATE && self.left > HELLO_MAX {
                    return Err(Broken);
                }
            }
            let mut body = Octets(rest.take_up_to(self.left));
            self.left -= body.0.len();
            let kind = self.header[0];
            if session.wants(kind) {
                let most = if kind == CERTIFICATE {
                    CERTIFICATE_MAX
                } else {
                    HELLO_MAX
                };
                let body = body.take_up_to(most.saturating_sub(self.kept.len()));
                if self.left > 0 || !self.kept.is_empty() {
                    if self.kept.capacity() == 0 {
                        self.kept = prints.rooms.part();
                    }
                    self.kept.extend_from_slice(body);
                } else if !session.message(kind, body, forward, Carrier::Stream, prints) {
                    return Err(Broken);
                }
            }
            if self.left == 0 {
                self.header_have = 0;
                let kept = std::mem::take(&mut self.kept);
                if !kept.is_empty() && !session.message(kind, &kept, forward, Carrier::Stream, prints) {
                    return Err(Broken);
                }
                prints.rooms.give_back(kept);
            }
        }
        Ok(())
    }
}
