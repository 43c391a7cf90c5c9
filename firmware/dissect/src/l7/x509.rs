//! The names in a certificate (RFC 5280): a reader of just as much DER as that takes. Nothing is verified; a certificate
//! that was cut short says what is in its part.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::borrow::Cow;

use super::text::lossy;
use super::tls::octets::Octets;

/// The most DNS names that are read.
const NAMES_MAX: usize = 8;
/// The most octets of all DNS names, commas included.
const NAMES_LENGTH: usize = model::Details::VALUE_MAX;
/// Room that is made for them at first.
const NAMES_ROOM: usize = 64;
/// The most octets of a string that are looked at.
const STRING_MAX: usize = 1_024;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
/// Explicit tags of `TBSCertificate`: the version and the extensions.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// A `GeneralName` that is a DNS name.
const DNS_NAME: u8 = 0x82;

const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const ORGANISATION: &[u8] = &[0x55, 4, 10];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];

/// The names in a certificate, and what else of it is said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Names {
    /// The subject's common name; the last, which is the most specific.
    pub(crate) subject: Option<Box<str>>,
    /// The issuer's common name, else its organisation.
    pub(crate) issuer: Option<Box<str>>,
    /// The first eight DNS names that fit, with commas between; may be empty.
    pub(crate) dns: String,
    /// When it begins to be valid: seconds since 1970.
    pub(crate) from: Option<i64>,
    /// When it ends to be valid.
    pub(crate) until: Option<i64>,
    /// The algorithm of its public key, by the name that RFC 3279 and its like give it, else by its number: `1.2.3`.
    pub(crate) key: Option<Cow<'static, str>>,
}

/// Reads the names of a certificate in DER; `None` where it is no certificate.
pub(crate) fn names(certificate: &[u8]) -> Option<Names> {
    let mut outer = Octets(certificate);
    let mut certificate = Octets(constructed(&mut outer, SEQUENCE)?);
    let mut fields = Octets(constructed(&mut certificate, SEQUENCE)?);
    if fields.0.first() == Some(&VERSION) {
        element(&mut fields)?;
    }
    primitive(&mut fields, INTEGER)?;
    constructed(&mut fields, SEQUENCE)?;
    let mut found = Names::default();
    let issuer = constructed(&mut fields, SEQUENCE)?;
    found.issuer = attribute(issuer, COMMON_NAME).or_else(|| attribute(issuer, ORGANISATION));
    let Some(validity) = constructed(&mut fields, SEQUENCE) else {
        return Some(found);
    };
    let mut validity = Octets(validity);
    found.from = element(&mut validity).and_then(time);
    found.until = element(&mut validity).and_then(time);
    let Some(subject) = constructed(&mut fields, SEQUENCE) else {
        return Some(found);
    };
    found.subject = attribute(subject, COMMON_NAME);
    if let Some(key) = constructed(&mut fields, SEQUENCE) {
        let algorithm = constructed(&mut Octets(key), SEQUENCE).unwrap_or_default();
        found.key = primitive(&mut Octets(algorithm), OBJECT_IDENTIFIER).and_then(algorithm_name);
    }
    while let Some((tag, content, _)) = element(&mut fields) {
        if tag == EXTENSIONS {
            found.dns = alternative_names(content);
        }
    }
    Some(found)
}

/// Splits off an element: its tag, its content, and whether all of that is there.
fn element<'a>(octets: &mut Octets<'a>) -> Option<(u8, &'a [u8], bool)> {
    let mut rest = *octets;
    let tag = rest.u8()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    let length = match rest.u8()? {
        short @ 0..=0x7f => usize::from(short),
        0x81 => usize::from(rest.u8()?),
        0x82 => usize::from(rest.u16()?),
        0x83 => rest.u24()?,
        _ => return None,
    };
    let content = rest.take_up_to(length);
    *octets = rest;
    Some((tag, content, content.len() == length))
}

/// The content of an element that holds others, as far as it is there.
fn constructed<'a>(octets: &mut Octets<'a>, wanted: u8) -> Option<&'a [u8]> {
    element(octets).and_then(|(tag, content, _)| (tag == wanted).then_some(content))
}

/// The content of a whole element.
fn primitive<'a>(octets: &mut Octets<'a>, wanted: u8) -> Option<&'a [u8]> {
    element(octets).and_then(|(tag, content, whole)| (tag == wanted && whole).then_some(content))
}

/// The last value of an attribute of a distinguished name.
fn attribute(name: &[u8], wanted: &[u8]) -> Option<Box<str>> {
    let mut found = None;
    let mut sets = Octets(name);
    while let Some(set) = constructed(&mut sets, SET) {
        let mut pairs = Octets(set);
        while let Some(pair) = constructed(&mut pairs, SEQUENCE) {
            let mut pair = Octets(pair);
            if primitive(&mut pair, OBJECT_IDENTIFIER) == Some(wanted)
                && let Some((tag, content, true)) = element(&mut pair)
                && let Some(text) = text(tag, content)
            {
                found = Some(text);
            }
        }
    }
    found
}

/// The text of a string of any type; `None` for an empty one.
fn text(tag: u8, content: &[u8]) -> Option<Box<str>> {
    const TELETEX: u8 = 0x14;
    const UNIVERSAL: u8 = 0x1c;
    const BMP: u8 = 0x1e;
    let content = content.get(..STRING_MAX).unwrap_or(content);
    let text: Cow<'_, str> = match tag {
        BMP => {
            let units = content.as_chunks::<2>().0.iter().map(|unit| u16::from_be_bytes(*unit));
            char::decode_utf16(units)
                .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        UNIVERSAL => {
            let units = content.as_chunks::<4>().0.iter().map(|unit| u32::from_be_bytes(*unit));
            units
                .map(|c| char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        TELETEX if std::str::from_utf8(content).is_err() => content.iter().map(|c| char::from(*c)).collect(),
        _ => lossy(content),
    };
    let text = text.trim_matches(['\0', ' ']);
    (!text.is_empty()).then(|| text.into())
}

/// Seconds since 1970 of a `Time` (RFC 5280, section 4.1.2.5).
fn time((tag, content, whole): (u8, &[u8], bool)) -> Option<i64> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    let mut digits = Octets(content.strip_suffix(b"Z")?);
    let mut two = || {
        let pair = digits.take(2)?;
        pair.iter()
            .all(u8::is_ascii_digit)
            .then(|| pair.iter().fold(0, |n, d| n * 10 + i64::from(d - b'0')))
    };
    let year = match tag {
        UTC_TIME => match two()? {
            year @ 0..50 => 2_000 + year,
            year => 1_900 + year,
        },
        GENERALIZED_TIME => two()? * 100 + two()?,
        _ => return None,
    };
    let (month, day, hour, minute) = (two()?, two()?, two()?, two()?);
    // seconds are left out where BER is taken for DER
    let second = two().unwrap_or(0);
    let sound = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    (whole && sound).then(|| ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

/// Days since 1970-01-01 of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // years begin in March, so that the day that leap years add is their last
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    const TO_1970: i64 = 719_468;
    year * 365 + leaps + (month * 153 + 2) / 5 + day - 1 - TO_1970
}

/// The name of a public key's algorithm.
fn algorithm_name(identifier: &[u8]) -> Option<Cow<'static, str>> {
    let name = match identifier {
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01" => "rsaEncryption",
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a" => "id-RSASSA-PSS",
        b"\x2a\x86\x48\xce\x3d\x02\x01" => "id-ecPublicKey",
        b"\x2a\x86\x48\xce\x38\x04\x01" => "id-dsa",
        b"\x2a\x86\x48\xce\x3e\x02\x01" => "dhpublicnumber",
        b"\x2b\x65\x6e" => "id-X25519",
        b"\x2b\x65\x6f" => "id-X448",
        b"\x2b\x65\x70" => "id-Ed25519",
        b"\x2b\x65\x71" => "id-Ed448",
        b"\x2a\x85\x03\x02\x02\x13" => "gostR3410-2001",
        other => return dotted(other).map(Cow::Owned),
    };
    Some(name.into())
}

/// An object identifier as numbers with dots between; `None` where it is none.
fn dotted(identifier: &[u8]) -> Option<String> {
    const LENGTH_MAX: usize = 64;
    let mut text = String::new();
    let mut number = 0_u64;
    let identifier = identifier.get(..LENGTH_MAX).unwrap_or(identifier);
    for octet in identifier {
        number = number.checked_mul(128)? + u64::from(octet & 0x7f);
        if octet & 0x80 == 0 {
            if text.is_empty() {
                let first = (number / 40).min(2);
                text = format!("{first}.{}", number - first * 40);
            } else {
                text += &format!(".{number}");
            }
            number = 0;
        }
    }
    (!text.is_empty()).then_some(text)
}

/// The DNS names among a certificate's extensions.
fn alternative_names(extensions: &[u8]) -> String {
    let mut found = String::new();
    let mut extensions = Octets(extensions);
    let Some(list) = constructed(&mut extensions, SEQUENCE) else {
        return found;
    };
    let mut list = Octets(list);
    while let Some(extension) = constructed(&mut list, SEQUENCE) {
        let mut extension = Octets(extension);
        if primitive(&mut extension, OBJECT_IDENTIFIER) != Some(SUBJECT_ALT_NAME) {
            continue;
        }
        if extension.0.first() == Some(&BOOLEAN) {
            element(&mut extension);
        }
        let value = constructed(&mut extension, OCTET_STRING).unwrap_or_default();
        let mut value = Octets(value);
        let mut general = Octets(constructed(&mut value, SEQUENCE).unwrap_or_default());
        let mut count = 0;
        while let Some((tag, content, true)) = element(&mut general) {
            if tag != DNS_NAME || content.is_empty() || found.len() + 1 + content.len() > NAMES_LENGTH {
                continue;
            }
            if found.capacity() == 0 {
                found.reserve(NAMES_ROOM);
            }
            if !found.is_empty() {
                found.push(',');
            }
            found.extend(content.iter().map(|octet| match octet {
                b'!'..=b'~' if *octet != b',' => char::from(octet.to_ascii_lowercase()),
                _ => '?',
            }));
            count += 1;
            if count == NAMES_MAX {
                return found;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An element in DER.
    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let mut all = vec![tag];
        match length {
            0..=0x7f => all.push(u8::try_from(length).expect("short")),
            0x80..=0xff => all.extend([0x81, u8::try_from(length).expect("an octet")]),
            _ => {
                all.push(0x82);
                all.extend(u16::try_from(length).expect("two octets").to_be_bytes());
            }
        }
        all.extend(content);
        all
    }

    fn attribute_of(oid: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        der(
            SET,
            &der(SEQUENCE, &[der(OBJECT_IDENTIFIER, oid), der(tag, value)].concat()),
        )
    }

    fn certificate(issuer: &[Vec<u8>], subject: &[Vec<u8>], dns: &[&str]) -> Vec<u8> {
        let names: Vec<u8> = dns.iter().flat_map(|name| der(DNS_NAME, name.as_bytes())).collect();
        let names = der(
            SEQUENCE,
            &[
                der(OBJECT_IDENTIFIER, SUBJECT_ALT_NAME),
                der(BOOLEAN, &[0xff]),
                der(
                    OCTET_STRING,
                    &der(SEQUENCE, &[der(0x87, &[10, 0, 0, 1]), names].concat()),
                ),
            ]
            .concat(),
        );
        let usage = der(
            SEQUENCE,
            &[
                der(OBJECT_IDENTIFIER, &[0x55, 0x1d, 15]),
                der(OCTET_STRING, &[3, 2, 5, 0xa0]),
            ]
            .concat(),
        );
        let fields = [
            der(VERSION, &der(INTEGER, &[2])),
            der(INTEGER, &[1, 2, 3]),
            der(SEQUENCE, &der(OBJECT_IDENTIFIER, &[42, 3])),
            der(SEQUENCE, &issuer.concat()),
            der(
                SEQUENCE,
                &[der(0x17, b"260101000000Z"), der(0x17, b"270101000000Z")].concat(),
            ),
            der(SEQUENCE, &subject.concat()),
            der(
                SEQUENCE,
                &der(SEQUENCE, &der(OBJECT_IDENTIFIER, &[0x2a, 0x81, 0x1c, 0xcf, 0x55, 1, 1])),
            ),
            der(EXTENSIONS, &der(SEQUENCE, &[usage, names].concat())),
        ];
        let rest = [der(SEQUENCE, &[]), der(3, &[0])].concat();
        der(SEQUENCE, &[der(SEQUENCE, &fields.concat()), rest].concat())
    }

    fn sample() -> Vec<u8> {
        certificate(
            &[attribute_of(ORGANISATION, 0x13, b"An Authority")],
            &[
                attribute_of(ORGANISATION, 0x0c, "机构".as_bytes()),
                attribute_of(COMMON_NAME, 0x13, b"first"),
                attribute_of(COMMON_NAME, 0x1e, &[0x7f, 0x51, 0x95, 0x5c]),
            ],
            &["*.Example.com", "b,c", "d.example"],
        )
    }

    #[test]
    fn names_of_a_certificate() {
        let names = names(&sample()).expect("a certificate");
        assert_eq!(names.subject.as_deref(), Some("网镜"));
        assert_eq!(names.issuer.as_deref(), Some("An Authority"));
        assert_eq!(names.dns, "*.example.com,b?c,d.example");
        assert_eq!((names.from, names.until), (Some(1_767_225_600), Some(1_798_761_600)));
        assert_eq!(names.key.as_deref(), Some("1.2.156.10197.1.1"));
    }

    #[test]
    fn times_of_both_kinds() {
        for (tag, text, wanted) in [
            (0x17, &b"700101000000Z"[..], Some(0)),
            (0x17, b"491231235959Z", Some(2_524_607_999)),
            (0x17, b"500101000000Z", Some(-631_152_000)),
            (0x17, b"0002291200Z", Some(951_825_600)),
            (0x18, b"20500301000000Z", Some(2_529_705_600)),
            (0x18, b"99991231235959Z", Some(253_402_300_799)),
            (0x17, b"701301000000Z", None),
            (0x17, b"7001010000", None),
            (0x17, b"7x0101000000Z", None),
            (0x04, b"700101000000Z", None),
        ] {
            assert_eq!(time((tag, text, true)), wanted, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn at_most_eight_names_that_fit() {
        let long = "x".repeat(254);
        let names = names(&certificate(
            &[],
            &[],
            &["a", &long, "b", "c", "d", "e", "f", "g", "h", "i"],
        ))
        .expect("a certificate");
        assert_eq!(names.dns, "a,b,c,d,e,f,g,h");
        assert_eq!((names.subject, names.issuer), (None, None));
    }

    #[test]
    fn strings_of_all_types() {
        for (tag, octets, wanted) in [
            (0x0c, &b"caf\xc3\xa9"[..], Some("café")),
            (0x0c, b"caf\xe9", Some("caf\u{fffd}")),
            (0x14, b"caf\xe9", Some("café")),
            (0x16, b"a@b", Some("a@b")),
            (0x1c, &[0, 0, 0x4e, 0x2d, 0xff, 0, 0, 0], Some("中\u{fffd}")),
            (0x1e, &[0xd8, 0x3d, 0xde, 0x00], Some("😀")),
            (0x1e, &[0xd8, 0x3d, 0], Some("\u{fffd}")),
            (0x13, b" \0", None),
        ] {
            assert_eq!(text(tag, octets).as_deref(), wanted, "{tag:#x}");
        }
    }

    #[test]
    fn a_certificate_that_is_cut_says_less() {
        let whole = sample();
        let all = names(&whole).expect("a certificate");
        for cut in 0..whole.len() {
            let Some(part) = names(&whole[..cut]) else { continue };
            assert!(all.dns.starts_with(&part.dns));
            assert!(part.issuer.is_none() || part.issuer == all.issuer);
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_read_without_panic(mut octets in proptest::collection::vec(any::<u8>(), 0..400), at in any::<usize>(), flip in any::<u8>()) {
            let _ = names(&octets);
            octets = sample();
            let at = at % octets.len();
            octets[at] ^= flip;
            if let Some(names) = names(&octets) {
                prop_assert!(names.dns.len() <= NAMES_LENGTH);
            }
        }
    }
}
