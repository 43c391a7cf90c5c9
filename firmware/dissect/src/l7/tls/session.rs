//! What the messages of a handshake say, whatever carries them.

use std::borrow::Cow;

use model::{DetailKey, L7};

use super::hello::{self, ClientHello, ServerHello};
use super::octets::Octets;
use super::{Progress, alert, ciphers};
use crate::l7::fingerprints::Fingerprints;
use crate::l7::ja4::Carrier;
use crate::l7::x509;

/// Handshake message: a client's hello.
pub(crate) const CLIENT_HELLO: u8 = 1;
/// Handshake message: a server's hello, or TLS 1.3's request to try again.
pub(crate) const SERVER_HELLO: u8 = 2;
/// Handshake message: the server's (or client's) certificates.
pub(crate) const CERTIFICATE: u8 = 11;

/// A session's facts.
#[derive(Debug, Default)]
pub(crate) struct Session {
    client: Option<ClientHello>,
    server: Option<ServerHello>,
    /// Whether the client is the flow's first sender.
    client_forward: Option<bool>,
    certificate: Option<x509::Names>,
    /// SSL 2.0's cipher, which the client chooses.
    cipher2: Option<[u8; 3]>,
    /// The description of the alert that ended the handshake.
    alert: Option<u8>,
    /// The server encrypts from here on.
    settled: bool,
}

impl Session {
    /// Whether a handshake message is read at all.
    pub(super) fn wants(&self, kind: u8) -> bool {
        match kind {
            CLIENT_HELLO => self.client.is_none(),
            SERVER_HELLO => self.server.is_none(),
            CERTIFICATE => self.certificate.is_none(),
            _ => false,
        }
    }

    /// A handshake message, its header left out. `false` where it is not what it says.
    pub(crate) fn message(
        &mut self,
        kind: u8,
        body: &[u8],
        forward: bool,
        carrier: Carrier,
        prints: &mut Fingerprints,
    ) -> bool {
        match kind {
            CLIENT_HELLO if self.client.is_none() => {
                self.client = hello::client(body, carrier, prints);
                self.client_forward.get_or_insert(forward);
                self.client.is_some()
            }
            SERVER_HELLO if self.server.is_none() => {
                self.server = hello::server(body);
                self.client_forward.get_or_insert(!forward);
                self.server.is_some()
            }
            CERTIFICATE if self.client_forward == Some(!forward) && self.certificate.is_none() => {
                self.certificate = Some(first_certificate(body).unwrap_or_default());
                true
            }
            _ => true,
        }
    }

    /// A client hello of SSL 2.0's form, with its kinds of cipher.
    pub(super) fn client2(&mut self, version: u16, ciphers: &[u8], forward: bool) {
        self.client_forward.get_or_insert(forward);
        self.client
            .get_or_insert_with(|| ClientHello::of_ssl2(version, ciphers));
    }

    /// SSL 2.0's server hello.
    pub(super) fn server2(&mut self, version: u16, certificate: &[u8], resumed: bool, forward: bool) {
        self.client_forward.get_or_insert(!forward);
        self.server.get_or_insert(ServerHello {
            version,
            cipher: None,
            protocol: None,
        });
        self.certificate = self.certificate.take().or_else(|| x509::names(certificate));
        self.settled |= resumed;
    }

    /// The cipher that SSL 2.0's client chose.
    pub(super) fn cipher2(&mut self, cipher: [u8; 3]) {
        self.cipher2.get_or_insert(cipher);
        self.settled = true;
    }

    /// Which side the client is, where something else says it.
    pub(crate) fn client_is(&mut self, forward: bool) {
        self.client_forward.get_or_insert(forward);
    }

    /// An alert in the clear. Warnings change nothing.
    pub(crate) fn alert(&mut self, level: u8, description: u8) {
        const FATAL: u8 = 2;
        if level == FATAL {
            self.alert.get_or_insert(description);
        }
    }

    /// A side encrypts from here on. What the client sends before the server's hello is early data.
    pub(super) fn encrypted(&mut self, forward: bool, application_data: bool) {
        let from_server = self.client_forward == Some(!forward);
        let early = self.client.is_some() && self.server.is_none();
        self.settled |= from_server || (application_data && !early);
    }

    /// Whether a hello was read.
    pub(crate) fn has_begun(&self) -> bool {
        self.client.is_some() || self.server.is_some()
    }

    /// Whether the client's hello was read.
    pub(crate) fn has_client_hello(&self) -> bool {
        self.client.is_some()
    }

    /// Whether nothing more is said in the clear.
    pub(crate) fn is_done(&self) -> bool {
        let encrypts_at_once = |server: &ServerHello| is_13(server.version);
        self.alert.is_some() || self.settled || self.server.as_ref().is_some_and(encrypts_at_once)
    }

    /// How far the handshake is. `broken`: nothing that comes can be read.
    pub(crate) fn progress(&self, broken: bool) -> Progress {
        match (self.has_begun(), broken) {
            (true, true) => Progress::Done,
            (false, true) => Progress::No,
            _ if self.is_done() => Progress::Done,
            _ if self.has_client_hello() => Progress::Hello,
            _ => Progress::More,
        }
    }

    /// The server's name that the client asks for.
    pub(crate) fn host(&self) -> Option<&str> {
        self.client.as_ref()?.host.as_deref()
    }

    /// The same, of a session that is through.
    pub(crate) fn take_host(&mut self) -> Option<Box<str>> {
        self.client.as_mut()?.host.take()
    }

    /// The protocol that both agreed on, else those that the client offers, with commas between; may be empty.
    pub(crate) fn protocols(&self) -> &str {
        let agreed = self.server.as_ref().and_then(|server| server.protocol.as_deref());
        let offered = || self.client.as_ref().map(|client| client.protocols.as_str());
        agreed.or_else(offered).unwrap_or_default()
    }

    /// Why the handshake failed: the alert's name.
    pub(crate) fn failure(&self) -> Option<&'static str> {
        self.alert.map(alert::name)
    }

    /// Whether the client is the flow's first sender, where that is known.
    pub(crate) fn client_forward(&self) -> Option<bool> {
        self.client_forward
    }

    /// Writes what is known into a flow's facts.
    pub(crate) fn describe(&self, l7: &mut L7) {
        if l7.host.is_none() {
            l7.host = self.host().map(Into::into);
        }
        // By rising key: each is put behind the others.
        let details = &mut l7.details;
        details.make_room(if self.certificate.is_some() { 320 } else { 160 });
        details.set(DetailKey::Alpn, self.protocols());
        if let Some(ja4) = self.client.as_ref().and_then(|client| client.ja4.as_ref()) {
            details.set(DetailKey::Ja4, std::str::from_utf8(ja4).unwrap_or_default());
        }
        if let Some(server) = &self.server {
            details.set(DetailKey::TlsVersion, &version_name(server.version));
            if let Some(cipher) = server.cipher {
                match ciphers::name(cipher) {
                    Some(name) => details.set(DetailKey::Cipher, name),
                    None => details.set(DetailKey::Cipher, &format!("{cipher:#06x}")),
                }
            }
        }
        if let Some(cipher) = self.cipher2 {
            details.set(DetailKey::Cipher, ciphers::ssl2_name(cipher).unwrap_or_default());
        }
        if let Some(names) = &self.certificate {
            details.set(DetailKey::Subject, names.subject.as_deref().unwrap_or_default());
            details.set(DetailKey::Issuer, names.issuer.as_deref().unwrap_or_default());
            details.set(DetailKey::CertificateNames, &names.dns);
        }
        if let Some(client) = &self.client {
            details.set(DetailKey::Ja3, std::str::from_utf8(&client.ja3).unwrap_or_default());
            details.set(DetailKey::TlsClientVersion, &version_name(client.version));
        }
        if let Some(names) = &self.certificate {
            for (key, time) in [(DetailKey::ValidFrom, names.from), (DetailKey::ValidUntil, names.until)] {
                if let Some(time) = time {
                    details.set(key, &time.to_string());
                }
            }
            details.set(DetailKey::KeyAlgorithm, names.key.as_deref().unwrap_or_default());
        }
    }
}

/// Whether all after the server's hello is encrypted.
fn is_13(version: u16) -> bool {
    matches!(version, 0x0304 | 0xfefc | 0xfb17 | 0xfb1a) || version >> 8 == 0x7f
}

/// What people call a version.
pub(super) fn version_name(version: u16) -> Cow<'static, str> {
    let name = match version {
        0x0002 => "SSL 2.0",
        0x0300 => "SSL 3.0",
        0x0301 => "TLS 1.0",
        0x0302 => "TLS 1.1",
        0x0303 => "TLS 1.2",
        0x0304 => "TLS 1.3",
        0xfeff | 0x0100 => "DTLS 1.0",
        0xfefd => "DTLS 1.2",
        0xfefc => "DTLS 1.3",
        0x0101 => "TLCP 1.1",
        // Facebook's drafts
        0xfb17 => "TLS 1.3 draft 23",
        0xfb1a => "TLS 1.3 draft 26",
        0x7f00..=0x7fff => return format!("TLS 1.3 draft {}", version & 0xff).into(),
        _ => return format!("{version:#06x}").into(),
    };
    name.into()
}

/// The first certificate of a certificate message up to TLS 1.2 (RFC 5246, section 7.4.2), which may be cut short.
fn first_certificate(body: &[u8]) -> Option<x509::Names> {
    let mut octets = Octets(body);
    octets.u24()?;
    let length = octets.u24()?;
    x509::names(octets.take_up_to(length))
}
