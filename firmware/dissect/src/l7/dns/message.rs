//! DNS messages (RFC 1035, section 4), as far as they are there.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::l7::text::lossy;

/// The most octets of a name (RFC 1035, section 2.3.4).
const NAME_MAX: usize = 255;
/// Pointers that a name may follow.
const POINTERS_MAX: usize = 64;
/// Records of an answer that are looked at.
const RECORDS_MAX: u16 = 64;

/// Room for a name, so that reading one allocates nothing.
#[derive(Debug, Clone)]
pub(super) struct NameRoom([u8; NAME_MAX]);

impl NameRoom {
    pub(super) const fn new() -> Self {
        Self([0; NAME_MAX])
    }
}

/// The fixed part, and the first question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message<'a, 'n> {
    octets: &'a [u8],
    /// Identification.
    pub id: u16,
    /// The second word: QR, opcode, flags and response code.
    pub flags: u16,
    /// The first question; `None` where there is none.
    pub question: Option<Question<'n>>,
    /// Questions, answers, authority records and additional records that it announces.
    pub counts: [u16; 4],
    /// Where the answers begin; `None` where the questions are not all there.
    answers_at: Option<usize>,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question<'n> {
    /// The name, lower case, without a dot at its end; empty for the root.
    pub name: Cow<'n, str>,
    /// The type's number.
    pub kind: u16,
    /// The class; the top bit is mDNS's own.
    pub class: u16,
}

/// A record of the answer section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    octets: &'a [u8],
    /// Type.
    pub kind: u16,
    /// Time to live, in seconds.
    pub ttl: u32,
    /// The address of an A or AAAA record.
    pub address: Option<IpAddr>,
    /// Where its data lies.
    at: usize,
    data: &'a [u8],
}

/// Whether octets may be DNS by their header and whether there is a question, without its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Glance {
    /// The second word: QR, opcode, flags and response code.
    pub flags: u16,
    /// As in [`Message`].
    pub counts: [u16; 4],
    /// Whether the first question is there.
    pub asks: bool,
}

impl Glance {
    /// Looks at the header and the first question; `None` where it cannot be DNS.
    pub(super) fn at(octets: &[u8]) -> Option<Self> {
        let header = octets.first_chunk::<12>()?;
        let [_, flags, counts @ ..] = [0, 2, 4, 6, 8, 10].map(|at| number(header, at).unwrap_or(0));
        let end = (counts[0] > 0).then(|| labels(octets, 12, |_| {})).flatten();
        let asks = end.is_some_and(|end| number(octets, end + 2).is_some());
        Some(Self { flags, counts, asks })
    }
}

impl<'a, 'n> Message<'a, 'n> {
    /// Reads the header and the questions; `None` where it cannot be DNS. `room` is for the first question's name.
    pub(super) fn read(octets: &'a [u8], room: &'n mut NameRoom) -> Option<Self> {
        let header = octets.first_chunk::<12>()?;
        let [id, flags, counts @ ..] = [0, 2, 4, 6, 8, 10].map(|at| number(header, at).unwrap_or(0));
        let mut message = Self {
            octets,
            id,
            flags,
            question: None,
            counts,
            answers_at: None,
        };
        let word = |at: usize| number(octets, at);
        let mut at = 12;
        if counts[0] > 0 {
            let Some((name, end)) = name(octets, at, room) else {
                return Some(message);
            };
            let (Some(kind), Some(class)) = (word(end), word(end + 2)) else {
                return Some(message);
            };
            message.question = Some(Question { name, kind, class });
            at = end + 4;
        }
        for _ in 1..counts[0].min(RECORDS_MAX) {
            let Some(end) = labels(octets, at, |_| {}) else {
                return Some(message);
            };
            if word(end + 2).is_none() {
                return Some(message);
            }
            at = end + 4;
        }
        message.answers_at = Some(at);
        Some(message)
    }

    /// Whether it answers.
    pub(super) const fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    /// The operation: 0 is a query.
    pub(super) const fn opcode(&self) -> u16 {
        self.flags >> 11 & 0xf
    }

    /// The response code, without EDNS's upper bits.
    pub(super) const fn code(&self) -> u16 {
        self.flags & 0xf
    }

    /// Whether it looks like DNS where the port does not say so: the numbers are plausible, and so is the name.
    pub(super) fn is_plausible(&self) -> bool {
        let [questions, answers, authority, additional] = self.counts;
        let known_class = |class: u16| matches!(class & 0x7fff, 1 | 3 | 4 | 254 | 255);
        let question = match &self.question {
            Some(q) => kind_name(q.kind).is_some() && known_class(q.class) && !q.name.chars().any(char::is_control),
            None => {
                let known = self.answers().filter(|answer| kind_name(answer.kind).is_some());
                questions == 0 && self.is_response() && answers > 0 && known.count() == usize::from(answers)
            }
        };
        matches!(self.opcode(), 0 | 4 | 5)
            && questions <= 1
            && self.flags & 0x40 == 0
            && question
            && answers < 256
            && authority < 64
            && additional < 64
            && (self.is_response() || (answers == 0 && authority == 0) || self.opcode() != 0)
    }

    /// The records of the answer section, as far as they are there.
    pub(super) fn answers(&self) -> impl Iterator<Item = Record<'a>> + use<'a> {
        let octets = self.octets;
        let mut at = self.answers_at;
        (0..self.counts[1].min(RECORDS_MAX)).map_while(move |_| {
            let (record, end) = record(octets, at?)?;
            at = Some(end);
            Some(record)
        })
    }
}

fn number(octets: &[u8], at: usize) -> Option<u16> {
    let pair = octets.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(pair.try_into().ok()?))
}

/// Walks over a name's labels; where it ends. `None` where it is none: too long, cut short, or a maze of pointers.
fn labels<'a>(octets: &'a [u8], start: usize, mut act: impl FnMut(&'a [u8])) -> Option<usize> {
    let (mut at, mut end, mut pointers, mut said) = (start, None, 0, 0);
    loop {
        let length = *octets.get(at)?;
        match length {
            0 => return Some(end.unwrap_or(at + 1)),
            1..=63 => {
                let label = octets.get(at + 1..at + 1 + usize::from(length))?;
                if said + 1 + label.len() > NAME_MAX {
                    return None;
                }
                // With the dot before it, where it is not the first.
                said += label.len() + usize::from(said > 0);
                act(label);
                at += 1 + usize::from(length);
            }
            192.. => {
                let target = usize::from(number(octets, at)? & 0x3fff);
                end.get_or_insert(at + 2);
                pointers += 1;
                if pointers > POINTERS_MAX {
                    return None;
                }
                at = target;
            }
            64..=191 => return None,
        }
    }
}

/// A name, and where it ends. What is not text becomes the replacement character.
fn name<'n>(octets: &[u8], start: usize, room: &'n mut NameRoom) -> Option<(Cow<'n, str>, usize)> {
    let NameRoom(room) = room;
    let mut said = 0;
    let end = labels(octets, start, |label| {
        if said > 0 {
            if let Some(dot) = room.get_mut(said) {
                *dot = b'.';
            }
            said += 1;
        }
        if let Some(place) = room.get_mut(said..said + label.len()) {
            place.copy_from_slice(label);
        }
        said += label.len();
    })?;
    let name = room.get_mut(..said)?;
    name.make_ascii_lowercase();
    Some((lossy(name), end))
}

fn record(octets: &[u8], start: usize) -> Option<(Record<'_>, usize)> {
    let at = labels(octets, start, |_| {})?;
    let kind = number(octets, at)?;
    let ttl = octets.get(at + 4..at + 8)?;
    let ttl = u32::from_be_bytes(ttl.try_into().ok()?);
    let length = usize::from(number(octets, at + 8)?);
    let data_at = at + 10;
    let data = octets.get(data_at..data_at + length)?;
    let address = match kind {
        1 => <[u8; 4]>::try_from(data).ok().map(|ip| Ipv4Addr::from(ip).into()),
        28 => <[u8; 16]>::try_from(data).ok().map(|ip| Ipv6Addr::from(ip).into()),
        _ => None,
    };
    let record = Record {
        octets,
        kind,
        ttl,
        address,
        at: data_at,
        data,
    };
    Some((record, data_at + length))
}

impl Record<'_> {
    /// Writes what it says behind a text, in the form of zone files where it is short; nothing where it cannot be read.
    pub(super) fn write(&self, out: &mut String) {
        match self.address {
            Some(IpAddr::V4(ip)) => {
                for (number, octet) in ip.octets().into_iter().enumerate() {
                    if number > 0 {
                        out.push('.');
                    }
                    decimal(out, octet);
                }
            }
            Some(IpAddr::V6(ip)) => {
                // Writing to a String does not fail.
                let _ = write!(out, "{ip}");
            }
            None => {
                let before = out.len();
                if self.say(out).is_none() {
                    out.truncate(before);
                }
            }
        }
    }

    fn say(&self, out: &mut String) -> Option<()> {
        let Self { octets, at, data, .. } = *self;
        let mut room = NameRoom::new();
        let mut push_name = |at: usize, out: &mut String| {
            let (name, end) = name(octets, at, &mut room)?;
            out.push_str(if name.is_empty() { "." } else { &name });
            Some(end)
        };
        // Writing to a String does not fail.
        match self.kind {
            // NS, CNAME, PTR, DNAME
            2 | 5 | 12 | 39 => {
                push_name(at, out)?;
            }
            6 => {
                let start = out.len();
                let end = push_name(at, out)?;
                if out.get(start..) == Some(".") {
                    out.truncate(start);
                }
                out.push(' ');
                push_name(end, out)?;
            }
            15 => {
                let _ = write!(out, "{} ", number(octets, at)?);
                push_name(at + 2, out)?;
            }
            16 | 99 => {
                let mut rest = data;
                while let Some((length, tail)) = rest.split_first() {
                    let end = usize::from(*length).min(tail.len());
                    let (string, tail) = tail.split_at(end);
                    out.push_str(&String::from_utf8_lossy(string));
                    rest = tail;
                }
            }
            33 => {
                for at in [at, at + 2, at + 4] {
                    let _ = write!(out, "{} ", number(octets, at)?);
                }
                push_name(at + 6, out)?;
            }
            // SVCB, HTTPS
            64 | 65 => {
                let _ = write!(out, "{} ", number(octets, at)?);
                push_name(at + 2, out)?;
            }
            257 => {
                let length = usize::from(*data.get(1)?);
                out.push_str(&String::from_utf8_lossy(data.get(2..2 + length)?));
                out.push(' ');
                out.push_str(&String::from_utf8_lossy(data.get(2 + length..)?));
            }
            _ => {
                // RFC 3597, section 5, cut short.
                let _ = write!(out, "\\# {}", data.len());
                for (number, octet) in data.iter().take(16).enumerate() {
                    let blank = if number == 0 { " " } else { "" };
                    let _ = write!(out, "{blank}{octet:02x}");
                }
            }
        }
        Some(())
    }
}

/// Writes an octet as a number.
fn decimal(out: &mut String, octet: u8) {
    if octet >= 100 {
        out.push(char::from(b'0' + octet / 100));
    }
    if octet >= 10 {
        out.push(char::from(b'0' + octet / 10 % 10));
    }
    out.push(char::from(b'0' + octet % 10));
}

/// The name of a type (IANA, DNS parameters); `None` for one without.
pub(super) const fn kind_name(kind: u16) -> Option<&'static str> {
    Some(match kind {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        7 => "MB",
        8 => "MG",
        9 => "MR",
        10 => "NULL",
        11 => "WKS",
        12 => "PTR",
        13 => "HINFO",
        14 => "MINFO",
        15 => "MX",
        16 => "TXT",
        17 => "RP",
        18 => "AFSDB",
        24 => "SIG",
        25 => "KEY",
        28 => "AAAA",
        29 => "LOC",
        32 => "NB",
        33 => "SRV",
        35 => "NAPTR",
        36 => "KX",
        37 => "CERT",
        38 => "A6",
        39 => "DNAME",
        41 => "OPT",
        42 => "APL",
        43 => "DS",
        44 => "SSHFP",
        45 => "IPSECKEY",
        46 => "RRSIG",
        47 => "NSEC",
        48 => "DNSKEY",
        49 => "DHCID",
        50 => "NSEC3",
        51 => "NSEC3PARAM",
        52 => "TLSA",
        53 => "SMIMEA",
        55 => "HIP",
        59 => "CDS",
        60 => "CDNSKEY",
        61 => "OPENPGPKEY",
        62 => "CSYNC",
        63 => "ZONEMD",
        64 => "SVCB",
        65 => "HTTPS",
        99 => "SPF",
        108 => "EUI48",
        109 => "EUI64",
        249 => "TKEY",
        250 => "TSIG",
        251 => "IXFR",
        252 => "AXFR",
        255 => "ANY",
        256 => "URI",
        257 => "CAA",
        _ => return None,
    })
}

/// A type as people write it: `A`, `TYPE1234` (RFC 3597).
pub(super) struct Kind(pub(super) u16);

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match kind_name(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

/// The name of a response code (IANA, DNS parameters).
pub(super) const fn code_name(code: u16) -> &'static str {
    match code {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        6 => "YXDOMAIN",
        7 => "YXRRSET",
        8 => "NXRRSET",
        9 => "NOTAUTH",
        10 => "NOTZONE",
        11 => "DSOTYPENI",
        _ => "RESERVED",
    }
}
