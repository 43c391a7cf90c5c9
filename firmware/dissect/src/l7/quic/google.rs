//! Google's QUIC before it took TLS: its hello (CHLO) says the server's name in the clear.

use model::{DetailKey, L7};

use super::version;
use crate::l7::tls::octets::Octets;

/// How far from the beginning of the frames a hello may begin.
const BEGIN_MAX: usize = 256;
/// The most tags of a hello.
const TAGS_MAX: u16 = 128;

/// The packet of a client with a public header (versions up to Q043).
pub(super) struct Public<'a> {
    pub(super) version: u32,
    pub(super) rest: &'a [u8],
}

/// A client's hello.
#[derive(Debug, Default)]
pub(super) struct Hello {
    read: bool,
    host: Option<Box<str>>,
    agent: Option<Box<str>>,
}

/// Whether a version's first packets are in the clear under a long header.
pub(super) fn is_clear(version: u32) -> bool {
    version::is_google(version) && version < version::Q050
}

/// Reads a public header that names a version.
pub(super) fn public(datagram: &[u8]) -> Option<Public<'_>> {
    const HAS_VERSION: u8 = 1;
    const HAS_CONNECTION: u8 = 8;
    let mut octets = Octets(datagram);
    let flags = octets.u8()?;
    // reset, and two bits that are not used
    if flags & (HAS_VERSION | 0xc2) != HAS_VERSION {
        return None;
    }
    if flags & HAS_CONNECTION != 0 {
        octets.take(8)?;
    }
    let version = octets.u32()?;
    version::is_google(version).then_some(Public {
        version,
        rest: octets.0,
    })
}

impl Hello {
    /// Reads the hello among the frames of a packet, where there is one.
    pub(super) fn read(&mut self, frames: &[u8]) {
        if self.read {
            return;
        }
        let beginning = frames.get(..BEGIN_MAX).unwrap_or(frames);
        let Some(at) = beginning.windows(4).position(|tag| tag == b"CHLO") else {
            return;
        };
        let mut tags = Octets(frames.get(at + 4..).unwrap_or_default());
        let Some(count) = tags
            .take(4)
            .and_then(<[u8]>::first_chunk)
            .copied()
            .map(u16::from_le_bytes)
        else {
            return;
        };
        if count > TAGS_MAX {
            return;
        }
        self.read = true;
        let Some(table) = tags.take(usize::from(count) * 8) else {
            return;
        };
        let mut from = 0;
        for entry in table.as_chunks::<8>().0 {
            let [a, b, c, d, end @ ..] = *entry;
            let end = usize::try_from(u32::from_le_bytes(end)).unwrap_or(usize::MAX);
            let Some(value) = tags.0.get(from..end) else {
                break;
            };
            let text = String::from_utf8_lossy(value.get(..L7::HOST_MAX).unwrap_or(value));
            match &[a, b, c, d] {
                b"SNI\0" => self.host = L7::host_name(&text),
                b"UAID" => self.agent = Some(text.into()),
                _ => {}
            }
            from = end;
        }
    }

    /// Whether a hello was read.
    pub(super) fn is_read(&self) -> bool {
        self.read
    }

    /// The server's name that the client asks for.
    pub(super) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The same, of a hello that is done with.
    pub(super) fn take_host(&mut self) -> Option<Box<str>> {
        self.host.take()
    }

    /// Writes what is known into a flow's facts, where nothing else stands.
    pub(super) fn describe(&self, l7: &mut L7) {
        if l7.host.is_none() {
            l7.host.clone_from(&self.host);
        }
        l7.details
            .set(DetailKey::Agent, self.agent.as_deref().unwrap_or_default());
    }
}
