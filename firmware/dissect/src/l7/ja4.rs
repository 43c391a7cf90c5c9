//! JA4, the fingerprint of a TLS client, as FoxIO's specification says (technical_details/JA4.md in
//! <https://github.com/FoxIO-LLC/ja4>): what carries TLS, the version, whether a name is asked for, how many ciphers and
//! extensions, the first protocol; a hash of the ciphers; a hash of the extensions and signature algorithms.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::tls::octets::numbers;

/// What carries the handshake: the fingerprint's first character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// TLS over TCP.
    Stream,
    /// DTLS.
    Datagrams,
    /// QUIC.
    Quic,
}

/// A fingerprint's length.
pub(crate) const LENGTH: usize = 36;
/// The length of each of the two hashes in it.
pub(crate) const HASH: usize = 12;

const SERVER_NAME: u16 = 0;
const PROTOCOLS: u16 = 16;

/// What of a client's hello goes into its fingerprint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) carrier: Carrier,
    /// The highest of the supported versions, without GREASE; else the hello's own.
    pub(crate) version: u16,
    /// Whether the hello has the server name extension.
    pub(crate) named: bool,
    /// The list of cipher suites.
    pub(crate) ciphers: &'a [u8],
    /// Types of the extensions, in their order.
    pub(crate) extensions: &'a [u16],
    /// The first protocol of ALPN; empty where there is none.
    pub(crate) protocol: &'a [u8],
    /// The list of signature algorithms; empty where there is none.
    pub(crate) signatures: &'a [u8],
}

/// Whether a number is one of those that mean nothing (RFC 8701).
pub(crate) const fn is_grease(number: u16) -> bool {
    number & 0x0f0f == 0x0a0a && number >> 8 == number & 0xff
}

/// The hashes of a client's ciphers, and of its extensions and signature algorithms: the fingerprint's second and third
/// part. `shortened` gives [`shortened_hash`] of a text.
pub(crate) fn hashes(parts: &Parts<'_>, mut shortened: impl FnMut(&[u8]) -> [u8; HASH]) -> [[u8; HASH]; 2] {
    let mut ciphers: Vec<u16> = numbers(parts.ciphers).filter(|c| !is_grease(*c)).collect();
    ciphers.sort_unstable();
    let mut extensions: Vec<u16> = parts.extensions.iter().copied().filter(|e| !is_grease(*e)).collect();
    extensions.retain(|e| !matches!(*e, SERVER_NAME | PROTOCOLS));
    extensions.sort_unstable();

    let mut of_ciphers = Vec::with_capacity(ciphers.len() * 5);
    list(&mut of_ciphers, ciphers.iter().copied());
    let mut of_extensions = Vec::with_capacity((extensions.len() + parts.signatures.len() / 2) * 5 + 1);
    list(&mut of_extensions, extensions.iter().copied());
    if !of_extensions.is_empty() {
        let before = of_extensions.len();
        of_extensions.push(b'_');
        list(&mut of_extensions, numbers(parts.signatures).filter(|s| !is_grease(*s)));
        if of_extensions.len() == before + 1 {
            of_extensions.truncate(before);
        }
    }
    [shortened(&of_ciphers), shortened(&of_extensions)]
}

/// A client's fingerprint, of its [`hashes`].
pub(crate) fn fingerprint(parts: &Parts<'_>, hashes: &[[u8; HASH]; 2]) -> [u8; LENGTH] {
    let ciphers = numbers(parts.ciphers).filter(|c| !is_grease(*c)).count();
    let extensions = parts.extensions.iter().filter(|e| !is_grease(**e)).count();
    let mut text = [b'_'; LENGTH];
    let (head, tail) = text.split_at_mut(10);
    head.copy_from_slice(&first_part(parts, ciphers, extensions));
    if let Some((_, rest)) = tail.split_first_mut()
        && let Some((b, c)) = rest.split_first_chunk_mut::<HASH>()
        && let Some((_, c)) = c.split_first_mut()
        && let Some(c) = c.first_chunk_mut::<HASH>()
    {
        [*b, *c] = *hashes;
    }
    text
}

fn first_part(parts: &Parts<'_>, ciphers: usize, extensions: usize) -> [u8; 10] {
    let carrier = match parts.carrier {
        Carrier::Stream => b't',
        Carrier::Datagrams => b'd',
        Carrier::Quic => b'q',
    };
    let [v1, v2] = *match parts.version {
        0x0304 => b"13",
        0x0303 => b"12",
        0x0302 => b"11",
        0x0301 => b"10",
        0x0300 => b"s3",
        0x0002 => b"s2",
        0xfeff => b"d1",
        0xfefd => b"d2",
        0xfefc => b"d3",
        _ => b"00",
    };
    let named = if parts.named { b'd' } else { b'i' };
    let [c1, c2] = two_digits(ciphers);
    let [e1, e2] = two_digits(extensions);
    let [p1, p2] = ends(parts.protocol);
    [carrier, v1, v2, named, c1, c2, e1, e2, p1, p2]
}

/// The first and last character of a protocol's name; of its hexadecimal digits where one of them is neither a letter nor
/// a digit.
fn ends(protocol: &[u8]) -> [u8; 2] {
    let (Some(&first), Some(&last)) = (protocol.first(), protocol.last()) else {
        return *b"00";
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        [first, last]
    } else {
        [hex(first >> 4), hex(last & 15)]
    }
}

fn two_digits(count: usize) -> [u8; 2] {
    let count = u8::try_from(count).unwrap_or(99).min(99);
    [b'0' + count / 10, b'0' + count % 10]
}

/// A hexadecimal digit.
pub(crate) const fn hex(digit: u8) -> u8 {
    match digit {
        0..=9 => b'0' + digit,
        _ => b'a' + (digit & 15) - 10,
    }
}

/// Numbers as four hexadecimal digits with commas between.
fn list(text: &mut Vec<u8>, numbers: impl Iterator<Item = u16>) {
    for (at, number) in numbers.enumerate() {
        if at > 0 {
            text.push(b',');
        }
        let [high, low] = number.to_be_bytes();
        text.extend([high >> 4, high & 15, low >> 4, low & 15].map(hex));
    }
}

/// The first twelve hexadecimal digits of the SHA-256 of a text; zeros for no text.
pub(crate) fn shortened_hash(text: &[u8]) -> [u8; HASH] {
    if text.is_empty() {
        return [b'0'; HASH];
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, text);
    let mut digits = [b'0'; HASH];
    for (pair, octet) in digits.as_chunks_mut::<2>().0.iter_mut().zip(digest.as_ref()) {
        *pair = [hex(octet >> 4), hex(octet & 15)];
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(numbers: &[u16]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    fn text(parts: &Parts<'_>) -> String {
        let hashes = hashes(parts, shortened_hash);
        String::from_utf8(fingerprint(parts, &hashes).to_vec()).expect("fingerprints are ASCII")
    }

    /// The specification's own example.
    #[test]
    fn the_specifications_example() {
        let ciphers = octets(&[
            0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c,
            0x009d, 0x002f, 0x0035,
        ]);
        let signatures = octets(&[0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]);
        let mut parts = Parts {
            carrier: Carrier::Stream,
            version: 0x0304,
            named: true,
            ciphers: &ciphers,
            extensions: &[
                0x1a1a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b,
                0xff01, 0x000b, 0x000a, 0x0015, 0xfafa,
            ],
            protocol: b"h2",
            signatures: &signatures,
        };
        assert_eq!(text(&parts), "t13d1516h2_8daaf6152771_e5627efa2ab1");
        parts.signatures = &[];
        parts.carrier = Carrier::Quic;
        parts.protocol = b"http/1.1";
        assert_eq!(text(&parts), "q13d1516h1_8daaf6152771_6d807ffa2a79");
    }

    #[test]
    fn nothing_is_zeros_and_many_are_99() {
        let mut parts = Parts {
            carrier: Carrier::Datagrams,
            version: 0xfefd,
            named: false,
            ciphers: &[],
            extensions: &[],
            protocol: b"",
            signatures: &[4, 3],
        };
        assert_eq!(text(&parts), "dd2i000000_000000000000_000000000000");
        let many = octets(&(1..200).collect::<Vec<_>>());
        parts.ciphers = &many;
        parts.version = 0x7f1c;
        parts.extensions = &[0, 16];
        assert_eq!(&text(&parts)[..11], "d00i990200_");
        assert_eq!(&text(&parts)[23..], "_000000000000");
    }

    #[test]
    fn ends_of_protocols() {
        for (protocol, two) in [
            (&[0xab][..], b"ab"),
            (&[0xab, 0xcd], b"ad"),
            (&[0x30, 0xab], b"3b"),
            (&[0x30, 0x31, 0xab, 0xcd], b"3d"),
            (&[0x30, 0xab, 0xcd, 0x31], b"01"),
            (b"x", b"xx"),
            (b"http/1.1", b"h1"),
        ] {
            assert_eq!(&ends(protocol), two);
        }
    }

    #[test]
    fn grease_is_sixteen_numbers() {
        let all: Vec<u16> = (0..=u16::MAX).filter(|number| is_grease(*number)).collect();
        assert_eq!(all.len(), 16);
        assert_eq!((all[0], all[15]), (0x0a0a, 0xfafa));
    }
}
