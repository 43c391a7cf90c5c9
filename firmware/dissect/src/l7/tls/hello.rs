//! The hellos of both sides (RFC 8446, section 4.1; RFC 5246, section 7.4.1; RFC 9147, section 5.3).

use super::ja3::{self, Ja3};
use super::octets::{Octets, numbers};
use crate::l7::fingerprints::Fingerprints;
use crate::l7::ja4::{self, Carrier, Parts, is_grease};
use crate::l7::text::lossy;

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

/// Extensions for which room is kept between hellos.
const TYPES_KEPT: usize = 256;
/// The same of octets of a key.
const KEY_KEPT: usize = 2_048;

/// What a client says first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClientHello {
    /// The highest version that it offers.
    pub(super) version: u16,
    /// The server's name that it asks for.
    pub(super) host: Option<Box<str>>,
    /// Its protocols, with commas between; may be empty.
    pub(super) protocols: String,
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
            protocols: String::new(),
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
    pub(super) protocol: Option<String>,
}

/// Reads a client's hello, its message header left out; `None` where it is none. Extensions that run over the message's end
/// are left out.
pub(super) fn client(body: &[u8], carrier: Carrier, prints: &mut Fingerprints) -> Option<ClientHello> {
    let mut octets = Octets(body);
    let legacy = octets.u16()?;
    octets.take(RANDOM)?;
    octets.vector8()?;
    if carrier == Carrier::Datagrams {
        octets.vector8()?;
    }
    let ciphers = octets.vector16()?;
    octets.vector8()?;

    let mut types = std::mem::take(&mut prints.rooms.types);
    types.clear();
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
    let parts = Parts {
        carrier,
        version,
        named,
        ciphers,
        extensions: &types,
        protocol: each_protocol(protocols).next().unwrap_or_default(),
        signatures,
    };
    let (ja3, ja4) = fingerprints(legacy, groups, formats, &parts, prints);
    types.truncate(TYPES_KEPT);
    types.shrink_to(TYPES_KEPT);
    prints.rooms.types = types;
    Some(ClientHello {
        version,
        host,
        protocols: joined(protocols),
        ja4: Some(ja4),
        ja3,
    })
}

/// A hello's fingerprints: as they were computed lately for another of the same lists, else anew.
fn fingerprints(
    legacy: u16,
    groups: &[u8],
    formats: &[u8],
    parts: &Parts<'_>,
    prints: &mut Fingerprints,
) -> (Ja3, [u8; ja4::LENGTH]) {
    let mut key = std::mem::take(&mut prints.rooms.key);
    key.clear();
    // No text that is hashed begins so.
    key.push(u8::MAX);
    key.extend(legacy.to_be_bytes());
    let mut push = |list: &mut dyn Iterator<Item = u16>| {
        let start = key.len();
        key.extend([0, 0]);
        for number in list.filter(|number| !is_grease(*number)) {
            key.extend(number.to_be_bytes());
        }
        // A hello's lists have less than 65,536 octets.
        let length = u16::try_from(key.len() - start).unwrap_or(u16::MAX);
        for (to, from) in key.iter_mut().skip(start).zip(length.to_be_bytes()) {
            *to = from;
        }
    };
    push(&mut numbers(parts.ciphers));
    push(&mut parts.extensions.iter().copied());
    push(&mut numbers(groups));
    push(&mut numbers(parts.signatures));
    key.extend(formats);
    let print = prints.of(&key, |prints| {
        let mut text = ja3::Text::new(legacy);
        text.list(numbers(parts.ciphers));
        text.list(parts.extensions.iter().copied());
        text.list(numbers(groups));
        text.wide(formats.iter().copied().map(u32::from));
        // Clients that shuffle their extensions have the same two hashes.
        let hashes = ja4::hashes(parts, |text| {
            let print = prints.of(text, |_| {
                let mut print = [0; 56];
                if let Some(hash) = print.first_chunk_mut() {
                    *hash = ja4::shortened_hash(text);
                }
                print
            });
            print.first_chunk().copied().unwrap_or_default()
        });
        let mut print = [0; 56];
        let found = text.hash();
        for (to, from) in print.iter_mut().zip(found.iter().chain(hashes.as_flattened())) {
            *to = *from;
        }
        print
    });
    key.shrink_to(KEY_KEPT);
    prints.rooms.key = key;
    let (ja3, hashes) = print.split_first_chunk().map_or(([0; 32], &[][..]), |(a, b)| (*a, b));
    let (hashes, _) = hashes.as_chunks::<{ ja4::HASH }>();
    let hashes = [0, 1].map(|at| hashes.get(at).copied().unwrap_or_default());
    (ja3, ja4::fingerprint(parts, &hashes))
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
            return model::L7::host_name(&lossy(name));
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
fn joined(list: &[u8]) -> String {
    let mut text = String::with_capacity(list.len().min(OFFER_MAX));
    for protocol in each_protocol(list).filter(|protocol| !protocol.is_empty()) {
        let protocol = lossy(protocol);
        if text.len() + 1 + protocol.len() > OFFER_MAX {
            break;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&protocol);
    }
    text
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
