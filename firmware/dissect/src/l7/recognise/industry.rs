//! Plants, power, buildings, vehicles, hospitals.

use model::{App, DetailKey, L7};

use super::super::sample::{Sample, Verdict};
use super::octets::{
    be16, be32, begins, begins_any, contains, datagram, either, element, is_length, le16, le32, octet, on_port, parsed,
    pattern, stream, text,
};

const MODBUS: App = App::named("modbus");
const DNP3: App = App::named("dnp3");
const S7COMM: App = App::named("s7comm");
const MMS: App = App::named("iec61850-mms");
const IEC104: App = App::named("iec104");
const BACNET: App = App::named("bacnet");
const OPCUA: App = App::named("opcua");
const ETHERNET_IP: App = App::named("ethernet-ip");
const HART_IP: App = App::named("hart-ip");
const DLMS: App = App::named("dlms");
const C1222: App = App::named("ansi-c1222");
const SYNCHROPHASOR: App = App::named("synchrophasor");
const ETHER_SBUS: App = App::named("ether-sbus");
const ETHERSIO: App = App::named("ethersio");
const EGD: App = App::named("egd");
const KNX: App = App::named("knx");
const FINS: App = App::named("fins");
const COAP: App = App::named("coap");
const CAN: App = App::named("can");
const TRDP: App = App::named("trdp");
const SOMEIP: App = App::named("someip");
const RTPS: App = App::named("rtps");
const HL7: App = App::named("hl7");
const DICOM: App = App::named("dicom");
const TANK_GAUGE: App = App::named("tank-gauge");
const JT808: App = App::named("jt808");

/// MBAP's header: protocol 0, a length that counts the rest, a function.
pub(super) fn modbus(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(MODBUS, sample, |data| {
        let (protocol, length, function) = (be16(data, 2)?, be16(data, 4)?, octet(data, 7)?);
        let is_head = protocol == 0 && (2..=254).contains(&length);
        let is_function = matches!(function & 0x7f, 1..=8 | 11 | 12 | 15..=17 | 20..=24 | 43 | 90);
        let is_whole = data.len() >= 6 + usize::from(length);
        let is_known = on_port(sample, &[502]);
        // Elsewhere a request must be what its function says.
        let is_request = matches!(function, 1..=6)
            && length == 6
            && data.len() == 12
            && octet(data, 6)? != 0
            && be16(data, 10)? <= 2_000;
        Some(is_head && is_function && is_whole && (is_known || is_request))
    })
}

/// IEEE 1815: 0x0564, a length and a control octet.
pub(super) fn dnp3(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    either(DNP3, sample, |data| {
        Some(
            begins(data, &[0x05, 0x64])?
                && octet(data, 2)? >= 5
                && matches!(octet(data, 3)? & 0x0f, 0..=4 | 9 | 11 | 15)
                && data.len() >= 10,
        )
    })
}

/// The content of the first TPKT with COTP's data, behind a connection's request or confirm; `Some(None)` for another
/// message of ISO on TCP.
fn iso_data(mut data: &[u8]) -> Option<Option<&[u8]>> {
    for _ in 0..2 {
        if !begins(data, &[3, 0])? {
            return Some(None);
        }
        let length = usize::from(be16(data, 2)?);
        let header = usize::from(octet(data, 4)?);
        match octet(data, 5)? {
            0xf0 => return Some(data.get(5 + header..length.min(data.len()))),
            0xe0 | 0xd0 if length > 6 => data = data.get(length..).filter(|rest| !rest.is_empty())?,
            _ => return Some(None),
        }
    }
    Some(None)
}

/// S7's protocol octet 0x32 in ISO on TCP, or 0x72 of its successor.
pub(super) fn s7comm(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(S7COMM, sample, |data| {
        let inner = iso_data(data)?;
        Some(inner.is_some_and(|inner| matches!(inner, [0x32, 1..=3 | 7, ..] | [0x72, 1..=3, ..])))
    })
}

/// ISO session's connect with MMS's presentation, in ISO on TCP.
pub(super) fn mms(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(MMS, sample, |data| {
        let Some(inner) = iso_data(data)? else {
            return Some(false);
        };
        let is_connect = matches!(inner.first(), Some(0x0d | 0x0e)) && contains(inner, &[0x28, 0xca, 0x22]);
        let is_data = inner.starts_with(&[1, 0, 1, 0, 0x61]);
        Some(is_connect || is_data)
    })
}

/// IEC 60870-5-104, section 5: 0x68, a length, and a control field.
pub(super) fn iec104(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(IEC104, sample, |data| {
        let (length, control) = (octet(data, 1)?, octet(data, 2)?);
        if !begins(data, &[0x68])? || !(4..=253).contains(&length) {
            return Some(false);
        }
        let is_unnumbered =
            matches!(control, 0x07 | 0x0b | 0x13 | 0x23 | 0x43 | 0x83) && length == 4 && data.get(3..6)? == [0; 3];
        let is_supervisory = control == 1 && octet(data, 3)? == 0 && length == 4 && octet(data, 4)? & 1 == 0;
        let is_numbered = control & 1 == 0
            && length >= 10
            && octet(data, 4)? & 1 == 0
            && matches!(octet(data, 6)?, 1..=40 | 45..=64 | 70 | 100..=107 | 110..=127);
        let next = data.get(usize::from(length) + 2..).unwrap_or_default();
        let is_chain = next.is_empty() || next.first() == Some(&0x68);
        Some(is_chain && (is_unnumbered || on_port(sample, &[2404]) && (is_supervisory || is_numbered)))
    })
}

/// BACnet/IP: 0x81, a function, a length that is the datagram's.
pub(super) fn bacnet(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(BACNET, sample, |data| {
        let is_head =
            octet(data, 0)? == 0x81 && octet(data, 1)? <= 0x0c && is_length(data, usize::from(be16(data, 2)?));
        let is_network = match octet(data, 1)? {
            4 => octet(data, 10)? == 1,
            10 | 11 => octet(data, 4)? == 1,
            _ => on_port(sample, &[47_808]),
        };
        Some(is_head && is_network)
    })
}

/// OPC UA part 6, section 7.1: a message's name, `F`, and a length.
pub(super) fn opcua(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(OPCUA, sample, |data| {
        Some(
            begins_any(data, &[b"HELF", b"ACKF", b"ERRF", b"OPNF", b"MSGF", b"RHEF"])?
                && (8..1 << 24).contains(&le32(data, 4)?),
        )
    });
    if let Verdict::Is(..) = verdict
        && let Some(length) = le32(sample.client, 28)
            .and_then(|length| usize::try_from(length).ok())
            .filter(|length| *length < 4_096)
    {
        l7.details.set(
            DetailKey::Path,
            sample.client.get(32..32 + length).map(text).unwrap_or_default(),
        );
    }
    verdict
}

/// CIP's encapsulation: a command, a length, status and options.
pub(super) fn ethernet_ip(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if on_port(sample, &[2222]) && sample.transport == 17 {
        // Implicit messages: two items, an address and data.
        return datagram(ETHERNET_IP, sample, |data| {
            Some(le16(data, 0)? == 2 && matches!(le16(data, 2)?, 0x8002 | 0x00a1))
        });
    }
    either(ETHERNET_IP, sample, |data| {
        let (command, length) = (le16(data, 0)?, usize::from(le16(data, 2)?));
        let is_command = matches!(command, 0x0004 | 0x0063 | 0x0064 | 0x0065 | 0x0066 | 0x006f | 0x0070);
        let is_zero = le32(data, 8)? < 0x100 && le32(data, 20)? == 0;
        Some(
            is_command
                && is_zero
                && data.len() >= 24 + length
                && (on_port(sample, &[44_818]) || matches!(command, 0x65) && length == 4),
        )
    })
}

/// Version 1 (or 2), a message type, an identifier, a status and a length.
pub(super) fn hart_ip(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    either(HART_IP, sample, |data| {
        let is_head = matches!(octet(data, 0)?, 1 | 2) && matches!(octet(data, 1)?, 0..=3 | 15) && octet(data, 2)? <= 4;
        let length = usize::from(be16(data, 6)?);
        let is_first = octet(data, 2)? == 0 && length == 13 && octet(data, 8)? <= 1;
        Some(is_head && length >= 8 && is_length(data, length) && (is_first || on_port(sample, &[5094, 5095])))
    })
}

/// HDLC's frames with a format of type 3, or the wrapper's header; IEC 62056-46 and -47.
pub(super) fn dlms(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    either(DLMS, sample, |data| {
        let format = be16(data, 1)?;
        let is_frame = octet(data, 0)? == 0x7e
            && format & 0xf000 == 0xa000
            && data.get(usize::from(format & 0x07ff) + 1)? == &0x7e;
        let is_wrapper = on_port(sample, &[4059])
            && be16(data, 0)? == 1
            && is_length(data, 8 + usize::from(be16(data, 6).unwrap_or(u16::MAX)));
        Some(is_frame || is_wrapper)
    })
}

/// ACSE with an object identifier of C12.22.
pub(super) fn c1222(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[1153]) {
        return Verdict::No;
    }
    either(C1222, sample, |data| {
        let outer = element(data)?;
        Some(outer.tag == 0x60 && matches!(octet(outer.content, 0)?, 0xa1 | 0xa2 | 0xa4 | 0xa6 | 0xa8 | 0xbe))
    })
}

/// IEEE C37.118.2: 0xaa, a type and version, a size that counts the frame.
pub(super) fn synchrophasor(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    either(SYNCHROPHASOR, sample, |data| {
        let (kind, size) = (octet(data, 1)?, usize::from(be16(data, 2)?));
        let is_head =
            begins(data, &[0xaa])? && kind & 0x80 == 0 && kind >> 4 <= 5 && matches!(kind & 0x0f, 1..=3) && size >= 16;
        let is_command = kind >> 4 == 4 && be16(data, 14)? <= 8;
        Some(is_head && is_length(data, size) && (is_command || on_port(sample, &[4712, 4713])))
    })
}

/// A length, version 0 or 1, a type, and a checksum at the end.
pub(super) fn ether_sbus(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[5050]) {
        return Verdict::No;
    }
    datagram(ETHER_SBUS, sample, |data| {
        let length = usize::try_from(be32(data, 0)?).ok()?;
        Some(
            is_length(data, length)
                && octet(data, 4)? <= 1
                && octet(data, 5)? == 0
                && octet(data, 8)? <= 2
                && length >= 11,
        )
    })
}

/// `ESIO`.
pub(super) fn ethersio(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(ETHERSIO, sample, |data| Some(begins(data, b"ESIO")? && data.len() >= 8))
}

/// Ethernet global data: type 13, version 1, on its port.
pub(super) fn egd(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[18_246]) {
        return Verdict::No;
    }
    datagram(EGD, sample, |data| {
        Some(begins(data, &[0x0d, 0x01])? && data.len() >= 32)
    })
}

/// KNXnet/IP: a header of 6 octets, version 1.0, a length that is the datagram's.
pub(super) fn knx(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(KNX, sample, |data| {
        Some(
            begins(data, &[0x06, 0x10])?
                && matches!(octet(data, 2)?, 2..=7)
                && is_length(data, usize::from(be16(data, 4)?)),
        )
    })
}

/// `FINS` over streams; a header with a gateway count over datagrams.
pub(super) fn fins(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    match sample.transport {
        6 => stream(FINS, sample, |data| {
            Some(begins(data, b"FINS\0\0")? && be32(data, 8)? <= 6)
        }),
        _ if !on_port(sample, &[9600]) => Verdict::No,
        _ => datagram(FINS, sample, |data| {
            Some(
                octet(data, 0)? & 0x3e == 0
                    && octet(data, 1)? == 0
                    && octet(data, 2)? <= 7
                    && (1..=0x30).contains(&octet(data, 10)?)
                    && data.len() >= 12,
            )
        }),
    }
}

/// RFC 7252, section 3: version 1, a token of at most 8 octets, a known code, and options to the payload.
pub(super) fn coap(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = datagram(COAP, sample, |data| {
        let rest = coap_options(data)?;
        Some(
            on_port(sample, &[5683, 5684]) && coap_path(rest).is_some()
                || coap_path(rest).is_some_and(|path| !path.is_empty()) && octet(data, 1)? <= 7,
        )
    });
    if let Verdict::Is(..) = verdict
        && let Some(path) = coap_options(sample.client).and_then(coap_path)
    {
        l7.details.set(DetailKey::Path, &path);
    }
    verdict
}

/// The options of a sound message.
fn coap_options(data: &[u8]) -> Option<&[u8]> {
    let (first, code) = (octet(data, 0)?, octet(data, 1)?);
    let token = usize::from(first & 0x0f);
    let is_code = matches!(code, 0..=7 | 0x41..=0x45 | 0x5f | 0x80..=0x8f | 0x95 | 0xa0..=0xa5);
    let is_empty = code == 0 && token == 0 && data.len() == 4 && first >> 4 & 3 >= 2;
    (first >> 6 == 1 && token <= 8 && is_code && (code != 0 || is_empty))
        .then(|| data.get(4 + token..))
        .flatten()
}

/// The Uri-Path options of CoAP, joined; `None` where the options are unsound.
fn coap_path(mut rest: &[u8]) -> Option<String> {
    let mut path = String::new();
    let mut number = 0_u32;
    while let Some((first, after)) = rest.split_first() {
        if *first == 0xff {
            return (!after.is_empty()).then_some(path);
        }
        let (delta, after) = coap_field(first >> 4, after)?;
        let (length, after) = coap_field(first & 0x0f, after)?;
        number = number.checked_add(delta)?;
        let length = usize::try_from(length).ok()?;
        if number > 2_053 || length > 1_034 {
            return None;
        }
        if number == 11 {
            path.push('/');
            path.push_str(std::str::from_utf8(after.get(..length)?).ok()?);
        }
        rest = after.get(length..)?;
    }
    Some(path)
}

/// A half octet of an option, and the octets that extend it.
fn coap_field(half: u8, rest: &[u8]) -> Option<(u32, &[u8])> {
    match half {
        0..=12 => Some((u32::from(half), rest)),
        13 => Some((u32::from(octet(rest, 0)?) + 13, rest.get(1..)?)),
        14 => Some((u32::from(be16(rest, 0)?) + 269, rest.get(2..)?)),
        _ => None,
    }
}

/// `ISO11898` over UDP: frames of CAN in a gateway's datagrams.
pub(super) fn can(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    either(CAN, sample, |data| begins(data, b"ISO11898"))
}

/// IEC 61375-2-3: a sequence, version 1.0, a message type of two letters, and a data length.
pub(super) fn trdp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    either(TRDP, sample, |data| {
        let is_kind = matches!(
            data.get(6..8)?,
            b"Pd" | b"Pp" | b"Pr" | b"Pe" | b"Mn" | b"Mr" | b"Mp" | b"Mq" | b"Mc" | b"Me"
        );
        Some(octet(data, 4)? == 1 && is_kind && be32(data, 20)? <= 65_388 && data.len() >= 40)
    })
}

/// SOME/IP: a length that counts the rest, version 1, a message type and a return code.
pub(super) fn someip(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    either(SOMEIP, sample, |data| {
        let length = usize::try_from(be32(data, 4)?).ok()?;
        let is_kind = matches!(octet(data, 14)?, 0..=2 | 0x40..=0x42 | 0x80 | 0x81 | 0xc0 | 0xc1 | 0x20..=0x22);
        Some(
            (8..65_536).contains(&length)
                && length + 8 <= data.len()
                && octet(data, 12)? == 1
                && is_kind
                && octet(data, 15)? <= 0x5e,
        )
    })
}

/// DDS's wire protocol.
pub(super) fn rtps(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    either(RTPS, sample, |data| {
        Some(begins_any(data, &[b"RTPS\x02", b"RTPS\x01", b"RTPX\x02"])? && data.len() >= 16)
    })
}

/// The lower-layer protocol's start and a message header.
pub(super) fn hl7(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(HL7, sample, |data| begins(data, b"\x0bMSH|"))
}

/// PS3.8, section 9.3: an A-ASSOCIATE-RQ or -AC with protocol version 1.
pub(super) fn dicom(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(DICOM, sample, |data| {
        Some(
            matches!(octet(data, 0)?, 1 | 2)
                && octet(data, 1)? == 0
                && (68..65_536).contains(&be32(data, 2)?)
                && be16(data, 6)? & 0xfffe == 0
                && be16(data, 8)? == 0
                && data.get(10..42)?.iter().all(|octet| (b' '..0x7f).contains(octet)),
        )
    });
    if let Verdict::Is(..) = verdict {
        l7.details.set(
            DetailKey::Agent,
            sample.client.get(26..42).map(text).unwrap_or_default().trim(),
        );
        l7.details.set(
            DetailKey::Server,
            sample.client.get(10..26).map(text).unwrap_or_default().trim(),
        );
    }
    verdict
}

/// Gauges of fuel tanks: SOH, a function of a letter and five digits.
pub(super) fn tank_gauge(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(TANK_GAUGE, sample, |data| {
        let is_function = |code: &[u8]| matches!(code, [b'I' | b'S' | b'i' | b's', digits @ ..] if digits.iter().all(u8::is_ascii_digit));
        match octet(data, 0)? {
            1 => Some(is_function(data.get(1..7)?) && data.len() <= 64),
            b'I' => Some(on_port(sample, &[10_001]) && is_function(data.get(..6)?)),
            _ => Some(false),
        }
    })
}

/// JT/T 808: 0x7e, a message number of terminals, a length, and 0x7e at the end.
pub(super) fn jt808(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let look = |data: &[u8]| {
        let (kind, attributes) = (be16(data, 1)?, be16(data, 3)?);
        let is_kind = matches!(
            kind,
            0x0001..=0x0004 | 0x0100 | 0x0102 | 0x0200 | 0x0704 | 0x8001 | 0x8100
        );
        let head = if attributes & 0x4000 == 0 { 13 } else { 18 };
        let end = head + usize::from(attributes & 0x03ff) + 1;
        // Escapes may make it longer.
        let is_end = data.get(end..)?.iter().take(16).any(|octet| *octet == 0x7e);
        Some(octet(data, 0)? == 0x7e && is_kind && is_end)
    };
    match stream(JT808, sample, look) {
        Verdict::Is(..) if on_port(sample, &[808, 7611, 6808]) => parsed(JT808),
        Verdict::Is(..) => pattern(JT808),
        other => other,
    }
}
