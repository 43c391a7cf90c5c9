//! The hellos of both sides (RFC 8446, section 4.1; RFC 5246, section 7.4.1; RFC 9147, section 5.3).

use super::ja3::{self, Ja3};
use super::octets::{Octets, numbers};
use crate::l7::ja4::{self, Carrier, Parts, is_grease};

const SERVER_NAME: u16 = 0;
const GROUPS: u16 = 10;
const POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const PROTOCOLS: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;

/// Length of the random octets in a hello.
const RANDOM: usize = 32;
/// The most octets of the protocols offered that are kept.
const OFFER_MAX: usize = model::Details::VALUE_MAX;

/// What a client says first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClientHello {
    /// The highest version that it offers.
    pub(super) version: u16,
    /// The server's name that it asks for.
    pub(super) host: Option<Box<str>>,
    /// Its protocols, with commas between; may be empty.
    pub(super) protocols: Box<str>,
    /// Its fingerprint; `None` for a hello of SSL 2.0's form.
    pub(super) ja4: Option<[u8; ja4::LENGTH]>,
    /// Its older fingerprint.
    pub(super) ja3: Ja3,
}

impl ClientHello {
    /// A hello of SSL 2.0's form, which has no extensions. Its ciphers are numbers of three octets.
    pub(super) fn of_ssl2(version: u16, ciphers: &[u8]) -> Self {
        let mut ja3 = ja3::Text::new(version);
        let kinds = ciphers.as_chunks::<3>().0;
        ja3.wide(kinds.iter().map(|[a, b, c]| u32::from_be_bytes([0, *a, *b, *c])));
        for _ in 0..3 {
            ja3.wide(std::iter::empty());
        }
        Self {
            version,
            host: None,
            protocols: Box::default(),
            ja4: None,
            ja3: ja3.hash(),
        }
    }
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerHello {
    /// The version that both use.
    pub(super) version: u16,
    /// The cipher suite that both use; `None` where SSL 2.0's client chooses it.
    pub(super) cipher: Option<u16>,
    /// The protocol that both use; TLS 1.3 says it only under encryption.
    pub(super) protocol: Option<Box<str>>,
}

/// Reads a client's hello, its message header left out; `None` where it is none. Extensions that run over the message's end
/// are left out.
pub(super) fn client(body: &[u8], carrier: Carrier) -> Option<ClientHello> {
    let mut octets = Octets(body);
    let legacy = octets.u16()?;
    octets.take(RANDOM)?;
    octets.vector8()?;
    if carrier == Carrier::Datagrams {
        octets.vector8()?;
    }
    let ciphers = octets.vector16()?;
    octets.vector8()?;

    let mut types = Vec::with_capacity(24);
    let mut version = None;
    let mut named = false;
    let mut host = None;
    let mut protocols: &[u8] = &[];
    let mut signatures: &[u8] = &[];
    let mut groups: &[u8] = &[];
    let mut formats: &[u8] = &[];
    for (kind, data) in Extensions::of(&mut octets) {
        types.push(kind);
        match kind {
            SERVER_NAME => {
                named = true;
                host = host.or_else(|| server_name(data));
            }
            PROTOCOLS => protocols = Octets(data).vector16().unwrap_or_default(),
            GROUPS => groups = Octets(data).vector16().unwrap_or_default(),
            POINT_FORMATS => formats = Octets(data).vector8().unwrap_or_default(),
            SIGNATURE_ALGORITHMS => signatures = Octets(data).vector16().unwrap_or_default(),
            SUPPORTED_VERSIONS => version = highest(Octets(data).vector8().unwrap_or_default(), carrier),
            _ => {}
        }
    }
    let version = version.unwrap_or(legacy);
    let mut ja3 = ja3::Text::new(legacy);
    ja3.list(numbers(ciphers));
    ja3.list(types.iter().copied());
    ja3.list(numbers(groups));
    ja3.wide(formats.iter().copied().map(u32::from));
    let ja4 = ja4::fingerprint(&Parts {
        carrier,
        version,
        named,
        ciphers,
        extensions: &types,
        protocol: each_protocol(protocols).next().unwrap_or_default(),
        signatures,
    });
    Some(ClientHello {
        version,
        host,
        protocols: joined(protocols),
        ja4: Some(ja4),
        ja3: ja3.hash(),
    })
}

/// Reads a server's hello, or its request to try again, its message header left out.
pub(super) fn server(body: &[u8]) -> Option<ServerHello> {
    let mut octets = Octets(body);
    let mut version = octets.u16()?;
    octets.take(RANDOM)?;
    // the drafts of TLS 1.3 before the 22nd have neither a session nor a compression here
    let draft = version >> 8 == 0x7f;
    if !draft {
        octets.vector8()?;
    }
    let cipher = octets.u16()?;
    if !draft {
        octets.u8()?;
    }
    let mut protocol = None;
    for (kind, data) in Extensions::of(&mut octets) {
        match kind {
            SUPPORTED_VERSIONS => version = Octets(data).u16().unwrap_or(version),
            PROTOCOLS => {
                let list = Octets(data).vector16().unwrap_or_default();
                protocol = Some(joined(list)).filter(|list| !list.is_empty());
            }
            _ => {}
        }
    }
    Some(ServerHello {
        version,
        cipher: Some(cipher),
        protocol,
    })
}

/// The highest of the versions offered, without GREASE. Those of DTLS are counted downwards.
fn highest(versions: &[u8], carrier: Carrier) -> Option<u16> {
    let known = numbers(versions).filter(|version| !is_grease(*version));
    match carrier {
        Carrier::Datagrams => known.filter(|version| version >> 8 == 0xfe).min(),
        Carrier::Stream | Carrier::Quic => known.max(),
    }
}

/// The first host name of a server name extension (RFC 6066, section 3).
fn server_name(data: &[u8]) -> Option<Box<str>> {
    let mut names = Octets(Octets(data).vector16()?);
    while let Some(kind) = names.u8() {
        let name = names.vector16()?;
        if kind == 0 {
            return model::L7::host_name(&String::from_utf8_lossy(name));
        }
    }
    None
}

/// The protocols of a list (RFC 7301, section 3.1), without GREASE.
fn each_protocol(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Octets(list);
    std::iter::from_fn(move || rest.vector8()).filter(|protocol| !matches!(protocol, [a, b] if a == b && a & 15 == 10))
}

/// The protocols of a list with commas between, as many as fit.
fn joined(list: &[u8]) -> Box<str> {
    let mut text = String::new();
    for protocol in each_protocol(list).filter(|protocol| !protocol.is_empty()) {
        let protocol = String::from_utf8_lossy(protocol);
        if text.len() + 1 + protocol.len() > OFFER_MAX {
            break;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&protocol);
    }
    text.into()
}

/// The extensions of a hello: type and data.
struct Extensions<'a>(Octets<'a>);

impl<'a> Extensions<'a> {
    /// Those that follow, as far as they are there.
    fn of(octets: &mut Octets<'a>) -> Self {
        let length = octets.u16().unwrap_or_default();
        Self(Octets(octets.take_up_to(usize::from(length))))
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.u16()?, self.0.vector16()?))
    }
}
