//! Protocols that networks run on: time, addresses, management, routing, flow export.

use model::{App, DetailKey, L7};

use super::super::sample::{Sample, Verdict};
use super::octets::{
    be16, be32, begins, datagram, either, element, is_length, more_until, octet, on_port, parsed, pattern, stream, text,
};

const NTP: App = App::named("ntp");
const SNMP: App = App::named("snmp");
const SYSLOG: App = App::named("syslog");
const DHCP: App = App::named("dhcp");
const DHCPV6: App = App::named("dhcpv6");
const TFTP: App = App::named("tftp");
const RADIUS: App = App::named("radius");
const TACACS: App = App::named("tacacs");
const DIAMETER: App = App::named("diameter");
const BGP: App = App::named("bgp");
const BMP: App = App::named("bmp");
const LDP: App = App::named("ldp");
const RIP: App = App::named("rip");
const BFD: App = App::named("bfd");
const HSRP: App = App::named("hsrp");
const LISP: App = App::named("lisp");
const CAPWAP: App = App::named("capwap");
const NAT_PMP: App = App::named("nat-pmp");
const NETFLOW: App = App::named("netflow");
const IPFIX: App = App::named("ipfix");
const SFLOW: App = App::named("sflow");
const OPENFLOW: App = App::named("openflow");
const COLLECTD: App = App::named("collectd");
const ROUGHTIME: App = App::named("roughtime");

/// RFC 5905, section 7.3: version, mode and stratum of a header of 48 octets.
pub(super) fn ntp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(NTP, sample, |data| {
        let first = octet(data, 0)?;
        let (version, mode) = (first >> 3 & 7, first & 7);
        let is_private = mode >= 6 && data.len() >= 8 && on_port(sample, &[123]);
        let is_time = (1..=5).contains(&mode) && data.len() >= 48 && octet(data, 1)? <= 16 && poll_is_sane(data)?;
        Some((1..=4).contains(&version) && (is_private || is_time && (on_port(sample, &[123]) || is_stamped(data)?)))
    })
}

/// The poll interval is a power of two up to 2^17 s, the precision below 2^0 s (or not said).
fn poll_is_sane(data: &[u8]) -> Option<bool> {
    Some(octet(data, 2)? <= 17 && (octet(data, 3)? == 0 || octet(data, 3)? >= 0xe0))
}

/// Away from its port: a transmit time stamp of this century, and 48 or 68 octets.
fn is_stamped(data: &[u8]) -> Option<bool> {
    Some(matches!(data.len(), 48 | 68) && be32(data, 40)? > 0xbc00_0000)
}

/// RFC 3416, RFC 3412: a sequence of a version and a community, or of a version and a header.
pub(super) fn snmp(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let look = |data: &[u8]| {
        let message = element(data).filter(|e| e.tag == 0x30 && e.length + 2 <= data.len() && e.length > 8)?;
        let version = element(message.content).filter(|e| e.tag == 2 && e.length == 1)?;
        let next = element(version.rest)?;
        let number = octet(version.content, 0)?;
        let pdu = element(next.rest);
        Some(match (number, next.tag) {
            (0 | 1, 4) => pdu.is_some_and(|pdu| (0xa0..=0xa8).contains(&pdu.tag)),
            (3, 0x30) => element(next.content).is_some_and(|id| id.tag == 2),
            _ => false,
        })
    };
    let verdict = datagram(SNMP, sample, look);
    if let Verdict::Is(..) = verdict
        && let Some(version) = element(sample.client).and_then(|e| octet(e.content, 2))
    {
        l7.details.set(
            DetailKey::Version,
            match version {
                0 => "1",
                1 => "2c",
                _ => "3",
            },
        );
    }
    verdict
}

/// RFC 5424, RFC 3164: a priority between angle brackets, then text.
pub(super) fn syslog(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let look = |data: &[u8]| {
        let inner = data.strip_prefix(b"<")?;
        let end = inner.iter().take(4).position(|octet| *octet == b'>')?;
        let priority = text(inner.get(..end)?).parse::<u8>();
        let rest = inner.get(end + 1..)?;
        let is_text = rest
            .iter()
            .take(16)
            .all(|octet| (b' '..0x7f).contains(octet) || *octet >= 0x80 || *octet == b'\t');
        Some(priority.is_ok_and(|priority| priority <= 191) && is_text && rest.len() >= 4)
    };
    match sample.transport {
        17 => datagram(SYSLOG, sample, look),
        _ if on_port(sample, &[514, 601, 6514]) => stream(SYSLOG, sample, look),
        _ => Verdict::No,
    }
}

/// RFC 2131: a BOOTP message with the magic cookie, or without options on its ports.
pub(super) fn dhcp(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = datagram(DHCP, sample, |data| {
        let is_message = matches!(octet(data, 0)?, 1 | 2) && matches!(octet(data, 1)?, 1..=32) && octet(data, 2)? <= 16;
        let is_cookie = be32(data, 236) == Some(0x6382_5363);
        Some(is_message && (is_cookie || on_port(sample, &[67, 68]) && data.len() >= 200))
    });
    if let Verdict::Is(..) = verdict {
        for (kind, value) in dhcp_options(sample.client) {
            match kind {
                12 => l7.details.set(DetailKey::User, text(value)),
                60 => l7.details.set(DetailKey::Agent, text(value)),
                _ => {}
            }
        }
    }
    verdict
}

/// The options of a DHCP message: code and value.
fn dhcp_options(data: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = data.get(240..).unwrap_or_default();
    std::iter::from_fn(move || {
        while let Some(after) = rest.strip_prefix(&[0]) {
            rest = after;
        }
        let (kind, length) = (octet(rest, 0)?, octet(rest, 1)?);
        let value = rest.get(2..2 + usize::from(length))?;
        rest = rest.get(2 + usize::from(length)..)?;
        (kind != 255).then_some((kind, value))
    })
}

/// RFC 8415, section 8: a known message type, and options that fill the datagram.
pub(super) fn dhcpv6(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[546, 547]) {
        return Verdict::No;
    }
    datagram(DHCPV6, sample, |data| {
        let kind = octet(data, 0)?;
        let mut rest = data.get(if matches!(kind, 12 | 13) { 34 } else { 4 }..)?;
        while let (Some(_), Some(length)) = (be16(rest, 0), be16(rest, 2)) {
            let Some(after) = rest.get(4 + usize::from(length)..) else {
                return Some(false);
            };
            rest = after;
        }
        Some((1..=36).contains(&kind) && rest.is_empty())
    })
}

/// RFC 1350: a request names a file and a mode; later messages count blocks.
pub(super) fn tftp(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    if let Some(file) = tftp_file(sample.client) {
        l7.details.set(DetailKey::Path, text(file));
        return parsed(TFTP);
    }
    // The answer comes from a port of its own: a flow of data and acknowledgements.
    let is_data =
        |data: &[u8], block: u16| be16(data, 0) == Some(3) && be16(data, 2) == Some(block) && data.len() <= 1_472;
    let is_ack = |data: &[u8], block: u16| be16(data, 0) == Some(4) && be16(data, 2) == Some(block) && data.len() == 4;
    let is_option_ack = |data: &[u8]| {
        be16(data, 0) == Some(6)
            && data.len() > 4
            && data.last() == Some(&0)
            && octet(data, 2).is_some_and(|o| o.is_ascii_alphabetic())
    };
    let is_error = |data: &[u8]| {
        be16(data, 0) == Some(5)
            && be16(data, 2).is_some_and(|code| code <= 8)
            && data.len() > 5
            && data.last() == Some(&0)
    };
    let (a, b) = (sample.client, sample.server);
    let is_pair = is_data(a, 1) && is_ack(b, 1)
        || is_ack(a, 0) && is_data(b, 1)
        || is_option_ack(a) && (is_ack(b, 0) || is_error(b));
    if is_pair {
        return parsed(TFTP);
    }
    if sample.server.is_empty()
        && (is_data(a, 1) && (data_fits(a) || sample.client_packets > 1)
            || is_error(a)
            || is_option_ack(a) && text(a.get(2..).unwrap_or_default()).contains("size"))
    {
        return pattern(TFTP);
    }
    more_until(sample, 3)
}

/// What a request names.
fn tftp_file(data: &[u8]) -> Option<&[u8]> {
    if !matches!(be16(data, 0)?, 1 | 2) {
        return None;
    }
    let mut words = data.get(2..)?.split(|octet| *octet == 0);
    let (file, mode) = (words.next()?, words.next()?);
    let is_mode = [&b"octet"[..], b"netascii", b"mail"]
        .iter()
        .any(|m| mode.eq_ignore_ascii_case(m));
    (is_mode && file.iter().all(|octet| *octet >= b' ')).then_some(file)
}

/// A data message of the usual size.
fn data_fits(data: &[u8]) -> bool {
    data.len() == 516
}

/// RFC 2865, section 3: a code, and a length that counts attributes to their end.
pub(super) fn radius(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let look = |data: &[u8]| {
        let length = usize::from(be16(data, 2)?);
        let is_code = matches!(octet(data, 0)?, 1..=5 | 11..=13 | 40..=45);
        Some(is_code && length >= 20 && length <= data.len() && attributes_fill(data.get(20..length)?))
    };
    let verdict = datagram(RADIUS, sample, |data| {
        let is_lax = on_port(sample, &[1812, 1813, 1645, 1646, 3799]) && usize::from(be16(data, 2)?) == data.len();
        Some(look(data)? && (data.len() > 20 || is_lax) || is_lax && matches!(octet(data, 0)?, 1..=5 | 11))
    });
    if let (Verdict::Is(..), Some(attributes)) = (verdict, sample.client.get(20..)) {
        let mut rest = attributes;
        while let (Some(kind), Some(length)) = (octet(rest, 0), octet(rest, 1).filter(|l| *l >= 2)) {
            if kind == 1 {
                l7.details.set(
                    DetailKey::User,
                    rest.get(2..usize::from(length)).map(text).unwrap_or_default(),
                );
            }
            rest = rest.get(usize::from(length)..).unwrap_or_default();
        }
    }
    verdict
}

/// Whether type-length-value attributes of at least two octets fill the octets.
fn attributes_fill(mut rest: &[u8]) -> bool {
    while let Some(length) = octet(rest, 1).filter(|length| *length >= 2) {
        let Some(after) = rest.get(usize::from(length)..) else {
            return false;
        };
        rest = after;
    }
    rest.is_empty()
}

/// RFC 8907, section 4.1: version 12.0 or 12.1, a type, an odd first sequence number.
pub(super) fn tacacs(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(TACACS, sample, |data| {
        let length = be32(data, 8)?;
        Some(
            matches!(octet(data, 0)?, 0xc0 | 0xc1)
                && (1..=3).contains(&octet(data, 1)?)
                && matches!(octet(data, 2)?, 1 | 2)
                && octet(data, 3)? & !5 == 0
                && length > 0
                && is_length(data, 12 + usize::try_from(length).ok()?),
        )
    })
}

/// RFC 6733, section 3: version 1, a length in words, no reserved flags, a known kind of command.
pub(super) fn diameter(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(DIAMETER, sample, |data| {
        let (first, length) = (octet(data, 0)?, be32(data, 0)? & 0x00ff_ffff);
        let (flags, command) = (octet(data, 4)?, be32(data, 4)? & 0x00ff_ffff);
        Some(
            first == 1
                && (20..65_536).contains(&length)
                && length.is_multiple_of(4)
                && flags & 0x0f == 0
                && (257..=8_388_999).contains(&command)
                && be32(data, 16).is_some()
                && octet(data, 20).is_some(),
        )
    })
}

/// RFC 4271, section 4.1: a marker of ones, a length and a type.
pub(super) fn bgp(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(BGP, sample, |data| match begins(data, &[0xff; 16]) {
        Some(true) => Some((19..=4_096).contains(&be16(data, 16)?) && (1..=5).contains(&octet(data, 18)?)),
        other => other,
    });
    if let (Verdict::Is(..), Some(number)) = (verdict, be16(sample.client, 20)) {
        l7.details.set(DetailKey::Agent, &format!("AS{number}"));
    }
    verdict
}

/// RFC 7854, section 4.1: version 3, a length, and an initiation message first.
pub(super) fn bmp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(BMP, sample, |data| {
        let length = be32(data, 1)?;
        let is_head = octet(data, 0)? == 3 && (6..65_536).contains(&length);
        // Its first TLV: a string, or the system's description or name.
        Some(is_head && octet(data, 5)? == 4 && be16(data, 6)? <= 2 && u32::from(be16(data, 8)?) + 10 <= length)
    })
}

/// RFC 5036, section 3.1: version 1, a PDU's length, and a message type.
pub(super) fn ldp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    either(LDP, sample, |data| {
        let length = usize::from(be16(data, 2)?);
        let kind = be16(data, 10)? & 0x7fff;
        let is_kind = matches!(
            kind,
            0x0001 | 0x0100 | 0x0200 | 0x0201 | 0x0300 | 0x0301 | 0x0400..=0x0404
        );
        Some(
            be16(data, 0)? == 1
                && (14..=4_096).contains(&length)
                && is_kind
                && usize::from(be16(data, 12)?) + 10 <= length + 4,
        )
    })
}

/// RFC 2453: a command, a version, and routes of 20 octets.
pub(super) fn rip(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[520, 521]) {
        return Verdict::No;
    }
    datagram(RIP, sample, |data| {
        Some(matches!(octet(data, 0)?, 1 | 2) && matches!(octet(data, 1)?, 1 | 2) && data.len() % 20 == 4)
    })
}

/// RFC 5880, section 4.1: version 1, a length, a detection multiplier and a discriminator.
pub(super) fn bfd(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[3784, 3785, 4784, 6784, 7784]) {
        return Verdict::No;
    }
    if on_port(sample, &[3785]) {
        // What is echoed is the sender's own affair: RFC 5880, section 5.
        return pattern(BFD);
    }
    datagram(BFD, sample, |data| {
        let length = usize::from(octet(data, 3)?);
        Some(
            octet(data, 0)? >> 5 == 1
                && octet(data, 2)? > 0
                && length >= 24
                && length <= data.len()
                && be32(data, 4)? != 0,
        )
    })
}

/// RFC 2281, section 5; version 2 begins with a TLV of a group's state.
pub(super) fn hsrp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[1985, 2029]) {
        return Verdict::No;
    }
    datagram(HSRP, sample, |data| {
        let is_first = octet(data, 0)? == 0 && octet(data, 1)? <= 3 && (data.len() >= 20 || octet(data, 1)? == 3);
        let is_second =
            (1..=4).contains(&octet(data, 0)?) && usize::from(octet(data, 1)?) + 2 <= data.len() && data.len() >= 6;
        Some(is_first || is_second)
    })
}

/// RFC 6830, RFC 6833.
pub(super) fn lisp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[4341, 4342]) {
        return Verdict::No;
    }
    either(LISP, sample, |data| match sample.transport {
        17 => Some(data.len() >= 8 && matches!(octet(data, 0)? >> 4, 1..=5 | 8)),
        _ => Some(be16(data, 0)? < 64 && usize::from(be16(data, 2)?) >= 8),
    })
}

/// RFC 5415, section 4: a preamble, and a header length or DTLS.
pub(super) fn capwap(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[5246, 5247]) {
        return Verdict::No;
    }
    datagram(CAPWAP, sample, |data| {
        let preamble = octet(data, 0)?;
        Some(
            preamble == 1 && be16(data, 4)? >> 8 >= 0x14 || preamble == 0 && (2..=31).contains(&(octet(data, 1)? >> 3)),
        )
    })
}

/// RFC 6886, RFC 6887: a version, an opcode and the length that it has.
pub(super) fn nat_pmp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[5350, 5351]) {
        return Verdict::No;
    }
    datagram(NAT_PMP, sample, |data| {
        let (version, code) = (octet(data, 0)?, octet(data, 1)? & 0x7f);
        Some(match version {
            0 => code <= 2 && matches!(data.len(), 2 | 8 | 12 | 16),
            2 => code <= 2 && data.len() >= 24 && data.len().is_multiple_of(4),
            _ => false,
        })
    })
}

/// NetFlow v1, v5, v7 with the number of records that fits, or v9 with sound sets; RFC 3954.
pub(super) fn netflow(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let record = |version: u16| match version {
        1 => Some((16, 52)),
        5 => Some((24, 48)),
        7 => Some((24, 52)),
        _ => None,
    };
    let verdict = datagram(NETFLOW, sample, |data| {
        let (version, count) = (be16(data, 0)?, usize::from(be16(data, 2)?));
        Some(match record(version) {
            Some((header, record)) => (1..=64).contains(&count) && is_length(data, header + count * record),
            None => version == 9 && (1..=1_000).contains(&count) && sets_fill(data.get(20..)?, 0),
        })
    });
    if let (Verdict::Is(..), Some(version)) = (verdict, be16(sample.client, 0)) {
        l7.details.set(DetailKey::Version, &version.to_string());
    }
    verdict
}

/// RFC 7011, section 3.1: version 10 and a length that is the datagram's.
pub(super) fn ipfix(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(IPFIX, sample, |data| {
        Some(be16(data, 0)? == 10 && is_length(data, usize::from(be16(data, 2)?)) && sets_fill(data.get(16..)?, 2))
    })
}

/// Whether sets with sound numbers fill the octets.
fn sets_fill(mut rest: &[u8], template: u16) -> bool {
    let mut sets = 0;
    while let (Some(id), Some(length)) = (be16(rest, 0), be16(rest, 2)) {
        if !(id == template || id == template + 1 || id >= 256) || length < 4 {
            return false;
        }
        let Some(after) = rest.get(usize::from(length)..) else {
            return false;
        };
        (rest, sets) = (after, sets + 1);
    }
    sets > 0
}

/// sFlow version 5 (or 2, 4): an agent's address, then samples.
pub(super) fn sflow(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = datagram(SFLOW, sample, |data| {
        let (version, kind) = (be32(data, 0)?, be32(data, 4)?);
        let samples = be32(data, if kind == 1 { 24 } else { 36 })?;
        Some(matches!(version, 2 | 4 | 5) && matches!(kind, 1 | 2) && (1..=256).contains(&samples) && data.len() >= 28)
    });
    if let (Verdict::Is(..), Some(version)) = (verdict, be32(sample.client, 0)) {
        l7.details.set(DetailKey::Version, &version.to_string());
    }
    verdict
}

/// OpenFlow: a hello of a version, whose length counts itself.
pub(super) fn openflow(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(OPENFLOW, sample, |data| {
        let (version, kind, length) = (octet(data, 0)?, octet(data, 1)?, usize::from(be16(data, 2)?));
        be32(data, 4)?;
        let is_sound = (1..=6).contains(&version) && (8..=4_096).contains(&length);
        let is_hello = kind == 0 && (length == 8 || be16(data, 8) == Some(1));
        Some(is_sound && (is_hello || kind <= 35 && on_port(sample, &[6653, 6633])) && data.len() >= 8)
    });
    if let (Verdict::Is(..), Some(version)) = (verdict, octet(sample.client, 0)) {
        l7.details.set(
            DetailKey::Version,
            match version {
                1 => "1.0",
                2 => "1.1",
                3 => "1.2",
                4 => "1.3",
                5 => "1.4",
                _ => "1.5",
            },
        );
    }
    verdict
}

/// collectd's binary protocol: parts of a type and a length, the first one a host's name or a signature.
pub(super) fn collectd(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = datagram(COLLECTD, sample, |data| {
        let (kind, length) = (be16(data, 0)?, usize::from(be16(data, 2)?));
        let part = data.get(4..length)?;
        Some(match kind {
            0 => {
                length > 5
                    && part.last() == Some(&0)
                    && part.iter().take(part.len() - 1).all(u8::is_ascii_graphic)
                    && be16(data, length).is_none_or(|next| next < 16)
            }
            0x0200 => length > 36,
            0x0210 => length > 26 && is_length(data, length),
            _ => false,
        })
    });
    if let (Verdict::Is(..), Some(0), Some(length)) = (verdict, be16(sample.client, 0), be16(sample.client, 2)) {
        l7.details.set(
            DetailKey::Agent,
            sample
                .client
                .get(4..usize::from(length))
                .map(text)
                .unwrap_or_default()
                .trim_end_matches('\0'),
        );
    }
    verdict
}

/// Roughtime: tags in ascending order, or `ROUGHTIM` before them.
pub(super) fn roughtime(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(ROUGHTIME, sample, |data| {
        if begins(data, b"ROUGHTIM")? {
            return Some(true);
        }
        let count = super::octets::le32(data, 0)?;
        let tags = usize::try_from(count)
            .ok()
            .filter(|count| (2..=16).contains(count))?
            .checked_mul(8)?;
        let tags = data.get(tags - 4 + 4 - tags / 2..tags)?;
        Some(
            data.len().is_multiple_of(4) && data.len() >= 64 && super::octets::contains(tags, b"NONC")
                || super::octets::contains(tags, b"SREP"),
        )
    })
}
