//! Hellos of TLS (RFC 8446, RFC 5246), and certificates in DER.

use super::random::Random;

/// A length in `N` octets, and what it counts.
fn counted<const N: usize>(body: &[u8]) -> Vec<u8> {
    let length = body.len().to_be_bytes();
    let mut out = length.get(length.len() - N..).unwrap_or_default().to_vec();
    out.extend(body);
    out
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &counted::<2>(body)].concat()
}

fn numbers(numbers: &[u16]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &counted::<3>(body)].concat()
}

/// A record of TLS.
pub(super) fn record(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3][..], &counted::<2>(body)].concat()
}

/// A client's hello as browsers send it, as a handshake message. `parameters` are QUIC's, where it is for QUIC.
pub(super) fn client_hello(host: &str, alpn: &[&str], parameters: Option<&[u8]>, random: &mut Random) -> Vec<u8> {
    let ciphers = [
        0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
        0x0035,
    ];
    let ciphers = if parameters.is_some() {
        &ciphers[..3]
    } else {
        &ciphers[..]
    };
    let protocols: Vec<u8> = alpn.iter().flat_map(|p| counted::<1>(p.as_bytes())).collect();
    let name = [&[0][..], &counted::<2>(host.as_bytes())].concat();
    let share = [&numbers(&[0x001d])[..], &counted::<2>(&random.octets(32))].concat();
    let mut extensions = [
        extension(0, &counted::<2>(&name)),
        extension(10, &counted::<2>(&numbers(&[0x001d, 0x0017, 0x0018]))),
        extension(
            13,
            &counted::<2>(&numbers(&[
                0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
            ])),
        ),
        extension(16, &counted::<2>(&protocols)),
        extension(45, &[1, 1]),
        extension(51, &counted::<2>(&share)),
    ]
    .concat();
    match parameters {
        Some(parameters) => {
            extensions.extend(extension(43, &counted::<1>(&numbers(&[0x0304]))));
            extensions.extend(extension(57, parameters));
        }
        None => {
            for (kind, body) in [
                (23, &[][..]),
                (0xff01, &[0]),
                (11, &[1, 0]),
                (35, &[]),
                (5, &[1, 0, 0, 0, 0]),
            ] {
                extensions.extend(extension(kind, body));
            }
            extensions.extend(extension(43, &counted::<1>(&numbers(&[0x0304, 0x0303]))));
            // To 512 octets, as browsers do (RFC 7685).
            extensions.extend(extension(21, &vec![0; 300_usize.saturating_sub(extensions.len())]));
        }
    }
    let session = if parameters.is_some() {
        Vec::new()
    } else {
        random.octets(32)
    };
    let hello = [
        &[3, 3][..],
        &random.octets(32),
        &counted::<1>(&session),
        &counted::<2>(&numbers(ciphers)),
        &[1, 0],
        &counted::<2>(&extensions),
    ]
    .concat();
    handshake(1, &hello)
}

/// A server's hello that takes the cipher and, where it is TLS 1.3, says so.
pub(super) fn server_hello(cipher: u16, is_13: bool, alpn: Option<&str>, random: &mut Random) -> Vec<u8> {
    let mut extensions = Vec::new();
    if is_13 {
        extensions.extend(extension(43, &numbers(&[0x0304])));
        let share = [&numbers(&[0x001d])[..], &counted::<2>(&random.octets(32))].concat();
        extensions.extend(extension(51, &share));
    } else {
        extensions.extend(extension(0xff01, &[0]));
        if let Some(protocol) = alpn {
            extensions.extend(extension(16, &counted::<2>(&counted::<1>(protocol.as_bytes()))));
        }
    }
    let hello = [
        &[3, 3][..],
        &random.octets(32),
        &counted::<1>(&random.octets(32)),
        &cipher.to_be_bytes(),
        &[0],
        &counted::<2>(&extensions),
    ]
    .concat();
    handshake(2, &hello)
}

/// The rest of a TLS 1.2 server's first flight: certificate, key exchange, done.
pub(super) fn certificate_flight(host: &str, random: &mut Random) -> Vec<u8> {
    let chain = [
        counted::<3>(&certificate(host, random)),
        counted::<3>(&certificate("Example CA", random)),
    ]
    .concat();
    let exchange = [
        &[3, 0, 0x1d, 32][..],
        &random.octets(32),
        &[4, 3],
        &counted::<2>(&random.octets(71)),
    ]
    .concat();
    [
        handshake(11, &counted::<3>(&chain)),
        handshake(12, &exchange),
        handshake(14, &[]),
    ]
    .concat()
}

/// A value in DER.
fn der(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = match body.len() {
        short @ 0..128 => counted::<1>(&[])
            .into_iter()
            .take(0)
            .chain([u8::try_from(short).unwrap_or(0)])
            .collect(),
        middle @ 128..256 => vec![0x81, u8::try_from(middle).unwrap_or(0)],
        long => [&[0x82][..], &u16::try_from(long).unwrap_or(0).to_be_bytes()].concat(),
    };
    [&[tag][..], &length, body].concat()
}

fn common_name(name: &str) -> Vec<u8> {
    let attribute = [der(6, &[0x55, 4, 3]), der(12, name.as_bytes())].concat();
    der(0x30, &der(0x31, &der(0x30, &attribute)))
}

/// A certificate (RFC 5280) for a host and all below it, whose signature is of no use.
fn certificate(host: &str, random: &mut Random) -> Vec<u8> {
    let rsa = der(
        0x30,
        &[der(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]), der(5, &[])].concat(),
    );
    let key_kind = der(
        0x30,
        &[der(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]), der(5, &[])].concat(),
    );
    let key = [&[0][..], &random.octets(270)].concat();
    let names = [der(0x82, host.as_bytes()), der(0x82, format!("*.{host}").as_bytes())].concat();
    let alternative = [der(6, &[0x55, 0x1d, 17]), der(4, &der(0x30, &names))].concat();
    let body = [
        der(0xa0, &der(2, &[2])),
        der(2, &random.octets(16)),
        rsa.clone(),
        common_name("Example Issuing CA"),
        der(0x30, &[der(23, b"250101000000Z"), der(23, b"270101000000Z")].concat()),
        common_name(host),
        der(0x30, &[key_kind, der(3, &key)].concat()),
        der(0xa3, &der(0x30, &der(0x30, &alternative))),
    ]
    .concat();
    let signature = [&[0][..], &random.octets(256)].concat();
    der(0x30, &[der(0x30, &body), rsa, der(3, &signature)].concat())
}
