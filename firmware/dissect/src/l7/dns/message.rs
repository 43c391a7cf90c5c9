//! DNS messages (RFC 1035, section 4), as far as they are there.

use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most octets of a name (RFC 1035, section 2.3.4).
const NAME_MAX: usize = 255;
/// Pointers that a name may follow.
const POINTERS_MAX: usize = 64;
/// Records of an answer that are looked at.
const RECORDS_MAX: u16 = 64;

/// The fixed part, and the first question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message<'a> {
    octets: &'a [u8],
    /// Identification.
    pub id: u16,
    /// The second word: QR, opcode, flags and response code.
    pub flags: u16,
    /// The first question; `None` where there is none.
    pub question: Option<Question>,
    /// Questions, answers, authority records and additional records that it announces.
    pub counts: [u16; 4],
    /// Where the answers begin; `None` where the questions are not all there.
    answers_at: Option<usize>,
}

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    /// The name, lower case, without a dot at its end; empty for the root.
    pub name: String,
    /// The type's number.
    pub kind: u16,
    /// The class; the top bit is mDNS's own.
    pub class: u16,
}

/// A record of the answer section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// Type.
    pub kind: u16,
    /// Time to live, in seconds.
    pub ttl: u32,
    /// The address of an A or AAAA record.
    pub address: Option<IpAddr>,
    /// What it says, as text.
    pub data: String,
}

impl<'a> Message<'a> {
    /// Reads the header and the questions; `None` where it cannot be DNS.
    pub(super) fn read(octets: &'a [u8]) -> Option<Self> {
        let word = |at: usize| number(octets, at);
        let counts = [word(4)?, word(6)?, word(8)?, word(10)?];
        let mut message = Self {
            octets,
            id: word(0)?,
            flags: word(2)?,
            question: None,
            counts,
            answers_at: None,
        };
        let mut at = 12;
        for number in 0..counts[0].min(RECORDS_MAX) {
            let Some((name, end)) = name(octets, at) else {
                return Some(message);
            };
            let (Some(kind), Some(class)) = (word(end), word(end + 2)) else {
                return Some(message);
            };
            if number == 0 {
                message.question = Some(Question { name, kind, class });
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
    pub(super) fn answers(&self) -> impl Iterator<Item = Record> + use<'a> {
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

/// A name, and where it ends. What is not text becomes the replacement character.
fn name(octets: &[u8], start: usize) -> Option<(String, usize)> {
    let (mut at, mut end, mut pointers) = (start, None, 0);
    let mut said: Vec<u8> = Vec::with_capacity(40);
    loop {
        let length = *octets.get(at)?;
        match length {
            0 => {
                let name = match String::from_utf8(said) {
                    Ok(name) => name,
                    Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
                };
                return Some((name, end.unwrap_or(at + 1)));
            }
            1..=63 => {
                let label = octets.get(at + 1..at + 1 + usize::from(length))?;
                if said.len() + 1 + label.len() > NAME_MAX {
                    return None;
                }
                if !said.is_empty() {
                    said.push(b'.');
                }
                said.extend(label.iter().map(u8::to_ascii_lowercase));
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

fn record(octets: &[u8], start: usize) -> Option<(Record, usize)> {
    let (_, at) = name(octets, start)?;
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
        kind,
        ttl,
        address,
        data: match address {
            Some(ip) => ip.to_string(),
            None => said(octets, kind, data_at, data).unwrap_or_default(),
        },
    };
    Some((record, data_at + length))
}

/// What a record's data says, in the form of zone files where it is short.
fn said(octets: &[u8], kind: u16, at: usize, data: &[u8]) -> Option<String> {
    let name_at = |at: usize| name(octets, at).map(|(name, _)| if name.is_empty() { ".".to_owned() } else { name });
    Some(match kind {
        // NS, CNAME, PTR, DNAME
        2 | 5 | 12 | 39 => name_at(at)?,
        6 => {
            let (primary, end) = name(octets, at)?;
            format!("{primary} {}", name_at(end)?)
        }
        15 => format!("{} {}", number(octets, at)?, name_at(at + 2)?),
        16 | 99 => {
            let mut text = String::new();
            let mut rest = data;
            while let Some((length, tail)) = rest.split_first() {
                let end = usize::from(*length).min(tail.len());
                let (string, tail) = tail.split_at(end);
                text.push_str(&String::from_utf8_lossy(string));
                rest = tail;
            }
            text
        }
        33 => format!(
            "{} {} {} {}",
            number(octets, at)?,
            number(octets, at + 2)?,
            number(octets, at + 4)?,
            name_at(at + 6)?
        ),
        // SVCB, HTTPS
        64 | 65 => format!("{} {}", number(octets, at)?, name_at(at + 2)?),
        257 => {
            let length = usize::from(*data.get(1)?);
            let tag = String::from_utf8_lossy(data.get(2..2 + length)?);
            format!("{tag} {}", String::from_utf8_lossy(data.get(2 + length..)?))
        }
        _ => {
            // RFC 3597, section 5, cut short.
            let mut text = format!("\\# {}", data.len());
            for (number, octet) in data.iter().take(16).enumerate() {
                let blank = if number == 0 { " " } else { "" };
                // Writing to a String does not fail.
                let _ = write!(text, "{blank}{octet:02x}");
            }
            text
        }
    })
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
