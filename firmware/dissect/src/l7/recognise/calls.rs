//! Calls and streams: signalling, addresses behind NAT, media.

use model::{App, DetailKey, L7};

use super::super::sample::{Sample, Verdict};
use super::chats::is_telegram;
use super::octets::{
    be16, be24, be32, begins, begins_any, contains, datagram, either, first_line, header, is_length, le32, more_until,
    octet, on_port, packets, parsed, pattern, stream, text,
};

const SIP: App = App::named("sip");
const GB28181: App = App::named("gb28181");
const RTSP: App = App::named("rtsp");
const RTP: App = App::named("rtp");
const RTCP: App = App::named("rtcp");
const STUN: App = App::named("stun");
const SKINNY: App = App::named("skinny");
const H323: App = App::named("h323");
const MGCP: App = App::named("mgcp");
const IAX: App = App::named("iax");
const RTMP: App = App::named("rtmp");
const MPEG_TS: App = App::named("mpeg-ts");
const XMPP: App = App::named("xmpp");
const WHATSAPP: App = App::named("whatsapp");
const ZOOM: App = App::named("zoom");
const TEAMS: App = App::named("teams");
const GOOGLE_MEET: App = App::named("google-meet");
const MESSENGER: App = App::named("messenger");
const TELEGRAM: App = App::named("telegram");
const VIBER: App = App::named("viber");

const SIP_METHODS: &[&[u8]] = &[
    b"INVITE sip",
    b"REGISTER sip",
    b"OPTIONS sip",
    b"BYE sip",
    b"ACK sip",
    b"CANCEL sip",
    b"SUBSCRIBE sip",
    b"NOTIFY sip",
    b"MESSAGE sip",
    b"REFER sip",
    b"INFO sip",
    b"PRACK sip",
    b"UPDATE sip",
    b"PUBLISH sip",
    b"INVITE tel",
    b"SIP/2.0 ",
];

/// RFC 3261: a request with a SIP address, or a status line.
pub(super) fn sip(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    // Keep-alives of line ends come before.
    let said = |data: &[u8]| {
        data.iter()
            .position(|octet| !matches!(octet, b'\r' | b'\n' | 0))
            .unwrap_or(0)
    };
    let verdict = either(SIP, sample, |data| {
        let data = data.get(said(data)..)?;
        Some(begins_any(data, SIP_METHODS)? || on_port(sample, &[5060]) && data == b"hello")
    });
    let Verdict::Is(_, confidence) = verdict else {
        return verdict;
    };
    for side in [sample.client, sample.server] {
        l7.details
            .set(DetailKey::Agent, header(side, "user-agent").unwrap_or_default());
        l7.details
            .set(DetailKey::Server, header(side, "server").unwrap_or_default());
        let from = header(side, "from").or_else(|| header(side, "f")).unwrap_or_default();
        let user = from.split("sip:").nth(1).and_then(|rest| rest.split(['>', ';']).next());
        l7.details.set(DetailKey::User, user.unwrap_or_default());
    }
    l7.details.set(
        DetailKey::Method,
        first_line(sample.client)
            .split(' ')
            .next()
            .filter(|word| !word.starts_with("SIP/"))
            .unwrap_or_default(),
    );
    // Cameras of GB/T 28181 carry commands in MANSCDP.
    let is_gb = [sample.client, sample.server]
        .iter()
        .any(|side| contains(side, b"Application/MANSCDP"));
    if is_gb {
        Verdict::Is(GB28181, confidence)
    } else {
        verdict
    }
}

/// RFC 2326, RFC 7826: a request of an RTSP address, or a status line.
pub(super) fn rtsp(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = either(RTSP, sample, |data| {
        if begins(data, b"RTSP/")? {
            return Some(true);
        }
        let is_method = begins_any(
            data,
            &[
                b"OPTIONS ",
                b"DESCRIBE ",
                b"SETUP ",
                b"PLAY ",
                b"PAUSE ",
                b"TEARDOWN ",
                b"ANNOUNCE ",
                b"RECORD ",
                b"GET_PARAMETER ",
                b"SET_PARAMETER ",
                b"GET ",
                b"POST ",
            ],
        )?;
        if !is_method {
            return Some(false);
        }
        let line = first_line(data);
        let is_named = line.contains(" rtsp://") || line.ends_with(" RTSP/1.0") || line.ends_with(" RTSP/2.0");
        Some(is_named || contains(data, b"application/x-rtsp-tunnelled"))
    });
    if let Verdict::Is(..) = verdict {
        l7.details.set(
            DetailKey::Agent,
            header(sample.client, "user-agent").unwrap_or_default(),
        );
        l7.details
            .set(DetailKey::Server, header(sample.server, "server").unwrap_or_default());
        l7.details.set(
            DetailKey::Path,
            first_line(sample.client)
                .split(' ')
                .nth(1)
                .filter(|path| path.starts_with("rtsp"))
                .unwrap_or_default(),
        );
    }
    verdict
}

/// RFC 8489: the magic cookie and a length that is sound; RFC 3489's without a cookie, where all attributes are sound.
/// What calls which service adds attributes of its own.
pub(super) fn stun(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let message = |data: &[u8]| {
        let data = if sample.transport == 6 && be16(data, 0)? > 0x3fff {
            return Some(false);
        } else {
            data
        };
        let (kind, length) = (be16(data, 0)?, usize::from(be16(data, 2)?));
        // WhatsApp counts its own first attribute without padding.
        if kind & 0xc000 != 0 || !length.is_multiple_of(4) && be16(data, 20)? != 0x4000 {
            return Some(false);
        }
        let is_whole = if sample.transport == 6 {
            data.len() >= 20 + length
        } else {
            is_length(data, 20 + length)
        };
        let is_cookie = be32(data, 4)? == 0x2112_a442;
        let is_classic = matches!(kind, 1 | 2 | 0x0101 | 0x0111 | 0x0112)
            && attributes(data).all(|(kind, _)| matches!(kind, 0..=0x22 | 0x0101..=0x0103 | 0x8000..))
            && attribute_octets(data) == length
            && (length > 0 || on_port(sample, &[3478, 3479]));
        Some(is_whole && (is_cookie && (kind & 0x3eef) <= 0x0bff || is_classic))
    };
    // A message of TURN over TCP has two octets of length before it with Microsoft's and RFC 4571's framing.
    let framed = |data: &[u8]| match message(data)? {
        true => Some(true),
        false if sample.transport == 6 => {
            Some(usize::from(be16(data, 0)?) + 2 <= data.len() && message(data.get(2..)?)?)
        }
        false => Some(false),
    };
    let verdict = either(STUN, sample, framed);
    let Verdict::Is(_, confidence) = verdict else {
        return is_channel(sample).unwrap_or(verdict);
    };
    let software = [sample.latest, sample.client, sample.server]
        .into_iter()
        .find_map(|data| attributes(data).find(|(kind, _)| *kind == 0x8022));
    l7.details.set(
        DetailKey::Agent,
        software
            .map(|(_, value)| text(value))
            .unwrap_or_default()
            .trim_end_matches('\0'),
    );
    let said = [sample.latest, sample.client, sample.server]
        .into_iter()
        .find_map(service);
    let of_port = (8801..=8810).any(|port| sample.src_port == port || sample.dst_port == port);
    let of_network = is_telegram(sample.dst) || is_telegram(sample.src);
    let at_work = of_port.then_some(ZOOM).or(of_network.then_some(TELEGRAM));
    match said.or(at_work) {
        Some(app) => Verdict::Is(app, confidence),
        None => verdict,
    }
}

/// ChannelData of TURN (RFC 8656, section 12.4) on its port.
fn is_channel(sample: &Sample<'_>) -> Option<Verdict> {
    let number = be16(sample.client, 0)?;
    let is = (0x4000..=0x4fff).contains(&number)
        && usize::from(be16(sample.client, 2)?).abs_diff(sample.client.len().checked_sub(4)?) < 4;
    (is && sample.transport == 17 && on_port(sample, &[3478])).then(|| pattern(STUN))
}

/// The attributes of a STUN message.
fn attributes(data: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = data.get(20..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (kind, length) = (be16(rest, 0)?, usize::from(be16(rest, 2)?));
        let value = rest.get(4..4 + length)?;
        rest = rest.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The octets that sound attributes take.
fn attribute_octets(data: &[u8]) -> usize {
    attributes(data)
        .map(|(_, value)| 4 + value.len().next_multiple_of(4))
        .sum()
}

/// The service whose attributes a STUN message carries.
fn service(data: &[u8]) -> Option<App> {
    let kind = be16(data, 0)?;
    if (0x0800..=0x08ff).contains(&(kind & 0x3eef)) {
        return Some(WHATSAPP);
    }
    attributes(data).find_map(|(kind, value)| match kind {
        0x4000..=0x4004 => Some(WHATSAPP),
        // MS-TURN, section 2.2.2: version, service quality and others.
        0x8008 | 0x8054 | 0x8055 | 0x8070 | 0x8095 => Some(TEAMS),
        0x0101 | 0x0103 => Some(ZOOM),
        // The realm says whose server it is.
        0x0014 if contains(value, b"telegram.org") => Some(TELEGRAM),
        0x0014 if contains(value, b"facebook.com") => Some(MESSENGER),
        0x0014 if contains(value, b"viber") => Some(VIBER),
        0x0014 if contains(value, b"google") => Some(GOOGLE_MEET),
        0x8022 if contains(value, b"ViberStun") || contains(value, b"viber") => Some(VIBER),
        _ => None,
    })
}

/// RFC 3550, section 5.1: datagrams of one source whose sequence goes on; one alone only where its payload type and
/// length are a telephone's.
pub(super) fn rtp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let Some(first) = packet(sample.client) else {
        return more_until(sample, 1);
    };
    let is_on = |other: &[u8], from: &Media| {
        packet(other).is_some_and(|next| {
            next.source == from.source
                && next.sequence.wrapping_sub(from.sequence) <= 64
                && next.sequence != from.sequence
        })
    };
    if sample.forward && sample.client_packets >= 2 {
        return match is_on(sample.latest, &first) {
            true if sample.client_packets >= 3 || first.is_plain => parsed(RTP),
            true => Verdict::More,
            false => more_until(sample, 6),
        };
    }
    if let Some(back) = packet(sample.server)
        && first.is_plain
        && back.is_plain
        && back.kind == first.kind
        && back.source != first.source
    {
        return parsed(RTP);
    }
    if !sample.forward
        && sample.server_packets >= 2
        && packet(sample.server).is_some_and(|back| is_on(sample.latest, &back))
    {
        return parsed(RTP);
    }
    more_until(sample, 8)
}

struct Media {
    kind: u8,
    sequence: u16,
    source: u32,
    /// A static payload type with a telephone's length: RFC 3551, section 6.
    is_plain: bool,
}

/// The head of an RTP packet.
fn packet(data: &[u8]) -> Option<Media> {
    let (first, second) = (octet(data, 0)?, octet(data, 1)?);
    let kind = second & 0x7f;
    let contributors = usize::from(first & 0x0f);
    let length = data.len().checked_sub(12 + 4 * contributors)?;
    // 72–76 would be RTCP's 200–204; 35–63 and 77–95 are not assigned.
    let is_kind = kind <= 34 || (96..=127).contains(&kind);
    let is_plain = matches!(
        (kind, length),
        (0 | 8, 40 | 80 | 160 | 240 | 320)
            | (18, 10 | 20 | 30 | 40 | 60)
            | (4, 20 | 24 | 48)
            | (3, 33 | 66)
            | (9, 80 | 160 | 320)
            | (2, 40..=160)
            | (97..=127, 20..=80)
    );
    let source = be32(data, 8)?;
    (first >> 6 == 2 && is_kind && contributors <= 4 && source != 0 && length > 0).then_some(Media {
        kind,
        sequence: be16(data, 2)?,
        source,
        is_plain: is_plain && first & 0x0f == 0,
    })
}

/// RFC 3550, section 6.4: packets of known types whose lengths fill the datagram.
pub(super) fn rtcp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let look = |data: &[u8]| {
        let mut rest = data;
        let mut count = 0;
        while let (Some(first), Some(kind), Some(words)) = (octet(rest, 0), octet(rest, 1), be16(rest, 2)) {
            let length = 4 + 4 * usize::from(words);
            let is_first = count > 0 || matches!(kind, 200 | 201 | 205 | 206 | 207);
            if first >> 6 != 2 || !(192..=213).contains(&kind) || !is_first || words == 0 {
                return Some(false);
            }
            match rest.get(length..) {
                Some(after) => rest = after,
                None => return Some(false),
            }
            count += 1;
        }
        // SRTCP's index and tag may follow one packet.
        Some(count > 0 && rest.is_empty())
    };
    datagram(RTCP, sample, look)
}

/// A length, a header version and a message number that is known.
pub(super) fn skinny(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[2000, 2443]) {
        return Verdict::No;
    }
    stream(SKINNY, sample, |data| {
        let (length, version, number) = (le32(data, 0)?, le32(data, 4)?, le32(data, 8)?);
        Some((4..4_096).contains(&length) && version <= 22 && number <= 0x0160)
    })
}

/// Q.931 in TPKT: protocol 8 and a call reference.
pub(super) fn h323(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(H323, sample, |data| {
        Some(
            begins(data, &[3, 0])?
                && octet(data, 4)? == 8
                && octet(data, 5)? == 2
                && matches!(octet(data, 8)?, 1..=7 | 0x5a | 0x62)
                && usize::from(be16(data, 2)?) >= 9,
        )
    })
}

/// RFC 3435, section 3.2: a verb, a number, an endpoint and `MGCP`.
pub(super) fn mgcp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(MGCP, sample, |data| {
        let is_verb = begins_any(
            data,
            &[
                b"EPCF ", b"CRCX ", b"MDCX ", b"DLCX ", b"RQNT ", b"NTFY ", b"AUEP ", b"AUCX ", b"RSIP ",
            ],
        )?;
        Some(is_verb && first_line(data).contains("MGCP 1."))
    })
}

/// RFC 5456, section 8.1: a full frame whose kind and subclass are known, with sequence numbers of a beginning.
pub(super) fn iax(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(IAX, sample, |data| {
        let is_full = octet(data, 0)? & 0x80 != 0 && octet(data, 8)? <= 4 && octet(data, 9)? <= 4;
        Some(is_full && on_port(sample, &[4569]) && (1..=12).contains(&octet(data, 10)?) && data.len() >= 12)
    })
}

/// The handshake: version 3, a time, zeroes (or a version of the player).
pub(super) fn rtmp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(RTMP, sample, |data| {
        let is_head = begins(data, &[3])? && (be32(data, 5)? == 0 || on_port(sample, &[1935]));
        if !is_head || octet(data, 1)? > 0x7f {
            return Some(false);
        }
        // 1,537 octets come before anything else; a TPKT would count itself in the next ones.
        Some(data.len() >= 1_400 && be24(data, 1).is_some())
    })
}

/// Packets of 188 octets, each beginning with 0x47.
pub(super) fn mpeg_ts(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(MPEG_TS, sample, |data| {
        Some(
            !data.is_empty()
                && data.len().is_multiple_of(188)
                && data.chunks(188).all(|packet| packet.first() == Some(&0x47)),
        )
    })
}

/// RFC 6120, section 4.2: a stream's header.
pub(super) fn xmpp(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(XMPP, sample, |data| {
        let is_xml = begins_any(data, &[b"<?xml", b"<stream:"])?;
        if is_xml && data.len() < 64 && !contains(data, b"<stream:stream") {
            return if packets(sample) < 3 { None } else { Some(false) };
        }
        Some(is_xml && contains(data, b"<stream:stream"))
    });
    if let Verdict::Is(..) = verdict {
        let said = text(sample.client);
        let to = said
            .split(" to=")
            .nth(1)
            .and_then(|rest| rest.get(1..)?.split(['"', '\'']).next());
        l7.host = to.and_then(L7::host_name);
    }
    verdict
}
