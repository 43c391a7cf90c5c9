//! Messengers, meetings, and services that speak protocols of their own.

use std::net::IpAddr;

use model::{App, DetailKey, L7};

use super::super::sample::{Sample, Verdict};
use super::octets::{
    be16, be32, begins, begins_any, contains, datagram, either, first_line, is_length, le16, le32, more_until, octet,
    on_port, parsed, pattern, stream, text,
};

const WECHAT: App = App::named("wechat");
const QQ: App = App::named("qq");
const WHATSAPP: App = App::named("whatsapp");
const TELEGRAM: App = App::named("telegram");
const VIBER: App = App::named("viber");
const THREEMA: App = App::named("threema");
const IMO: App = App::named("imo");
const ZOOM: App = App::named("zoom");
const WEBEX: App = App::named("webex");
const DISCORD: App = App::named("discord");
const TEAMSPEAK: App = App::named("teamspeak");
const MUMBLE: App = App::named("mumble");
const AGORA: App = App::named("agora");
const ALIYUN: App = App::named("aliyun");
const AVAST: App = App::named("avast");
const SPOTIFY: App = App::named("spotify");
const SPEEDTEST: App = App::named("speedtest");
const TUYA: App = App::named("tuya");

/// mmtls: records of types 0x15–0x19 and version 0xf1 0x03 or 0xf1 0x04; the older long link's header.
pub(super) fn wechat(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    either(WECHAT, sample, |data| {
        if sample.transport == 17 {
            return Some(false);
        }
        let is_record = matches!(octet(data, 0)?, 0x15..=0x19)
            && octet(data, 1)? == 0xf1
            && matches!(octet(data, 2)?, 3 | 4)
            && be16(data, 3)? > 0;
        // Length of the whole, of the head (16), version 1, a command.
        let is_link = (16..1 << 20).contains(&be32(data, 0)?)
            && be16(data, 4)? == 16
            && be16(data, 6)? == 1
            && (1..=1_000_000_000).contains(&be32(data, 8)?);
        Some(is_record || is_link && on_port(sample, &[80, 443, 8080, 5222]))
    })
}

/// OICQ: 0x02, a version, a command, and 0x03 at the end; over streams behind a length.
pub(super) fn qq(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let is_oicq =
        |data: &[u8]| matches!(data, [2, ..]) && data.last() == Some(&3) && data.len() >= 12 && is_command(data);
    let verdict = match sample.transport {
        17 => datagram(QQ, sample, |data| {
            Some(is_oicq(data) && (on_port(sample, &[8000, 8001, 4000]) || data.len() > 20 && is_version(data)))
        }),
        _ => stream(QQ, sample, |data| {
            Some(is_length(data, usize::from(be16(data, 0)?)) && is_oicq(data.get(2..)?))
        }),
    };
    if let (Verdict::Is(..), Some(number)) = (verdict, be32(sample.client, 7).filter(|number| *number >= 10_000)) {
        l7.details.set(DetailKey::User, &number.to_string());
    }
    verdict
}

/// The commands of OICQ are below 0x1000.
fn is_command(data: &[u8]) -> bool {
    be16(data, 3).is_some_and(|command| command < 0x1000)
}

/// The versions that clients sent.
fn is_version(data: &[u8]) -> bool {
    be16(data, 1).is_some_and(|version| (0x0100..=0x3b0b).contains(&version))
}

/// The Noise handshake's prologue: `WA` (or `ED`), a version, a token of the dictionary.
pub(super) fn whatsapp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(WHATSAPP, sample, |data| {
        let is_prologue = begins(data, b"WA")? && octet(data, 2)? <= 6 && octet(data, 3)? <= 16;
        let is_edge = begins(data, b"ED\0\x01")? && contains(data.get(..64).unwrap_or(data), b"WA");
        Some(is_prologue || is_edge)
    })
}

/// MTProto: the abridged, intermediate and padded transports' first octets, and the calls' reflectors. The transport that
/// looks like noise is known where a Telegram network is at the other end: <https://core.telegram.org/resources/cidr.txt>.
pub(super) fn telegram(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if sample.transport == 17 {
        return telegram_call(sample);
    }
    let first = sample.client;
    let is_plain = begins_any(first, &[&[0xee; 4], &[0xdd; 4]]) == Some(true)
        || matches!(first, [0xef, length, ..] if usize::from(*length) * 4 + 2 == first.len() && *length > 4);
    if is_plain && on_port(sample, &[80, 443, 5222]) {
        return parsed(TELEGRAM);
    }
    let is_noise = first.len() >= 64 || sample.server.len() >= 64;
    match is_telegram(sample.dst) || is_telegram(sample.src) {
        true if is_noise => pattern(TELEGRAM),
        true => more_until(sample, 4),
        false => Verdict::No,
    }
}

/// Whether an address is in Telegram's networks.
pub(super) fn is_telegram(addr: IpAddr) -> bool {
    const NETWORKS: &[([u8; 4], u32)] = &[
        ([91, 105, 192, 0], 23),
        ([91, 108, 4, 0], 22),
        ([91, 108, 8, 0], 22),
        ([91, 108, 12, 0], 22),
        ([91, 108, 16, 0], 22),
        ([91, 108, 20, 0], 22),
        ([91, 108, 56, 0], 22),
        ([95, 161, 64, 0], 20),
        ([149, 154, 160, 0], 20),
        ([185, 76, 151, 0], 24),
    ];
    let IpAddr::V4(addr) = addr else { return false };
    let addr = u32::from(addr);
    let is_in = |(network, length): &([u8; 4], u32)| (addr ^ u32::from_be_bytes(*network)) >> (32 - length) == 0;
    NETWORKS.iter().any(is_in)
}

/// A reflector's message: a peer tag of 16 octets, twelve of ones, and a kind.
fn telegram_call(sample: &Sample<'_>) -> Verdict {
    datagram(TELEGRAM, sample, |data| {
        let is_kind = matches!(be32(data, 28)?, 0xfeff_ffff | 0xfdff_ffff | 0xffff_fffe | 0xffff_fffd);
        Some(data.get(16..28)? == [0xff; 12] && is_kind)
    })
}

/// A length that the octets are, and a kind; on the ports that the service uses.
pub(super) fn viber(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    match sample.transport {
        6 if on_port(sample, &[4244, 5242, 5243]) => stream(VIBER, sample, |data| {
            let length = usize::from(le16(data, 0)?);
            Some(length >= 11 && (octet(data, 3)? == 0 && length <= data.len() || is_length(data, length)))
        }),
        17 if on_port(sample, &[7985, 7987, 9785, 5243]) => datagram(VIBER, sample, |data| {
            Some(
                matches!(octet(data, 2)?, 3 | 0x0d | 9 | 0x19 | 0x1b | 0x1e | 0x08 | 0x0a | 0x14)
                    && octet(data, 3)? == 0
                    && data.len() >= 12,
            )
        }),
        _ => Verdict::No,
    }
}

/// The key exchange's sizes: 48 octets, then 80.
pub(super) fn threema(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[5222, 443]) || sample.client_packets > 1 && sample.server_packets == 0 {
        return Verdict::No;
    }
    let is_key = |data: &[u8]| data.iter().filter(|octet| octet.is_ascii_graphic()).count() < data.len() * 2 / 3;
    match (sample.client.len(), sample.server.len()) {
        (48, 0) if is_key(sample.client) => more_until(sample, 3),
        (48.., 80) if sample.server_packets == 1 && is_key(sample.client) && is_key(sample.server) => pattern(THREEMA),
        _ => Verdict::No,
    }
}

/// A probe of one octet and its answers, or a hello whose answer counts it.
pub(super) fn imo(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let (a, b) = (sample.client, sample.server);
    let is_probe = a == [0x07] && matches!(b, [0x76]);
    let is_hello = matches!(a, [0x81 | 0x82, ..]) && b.len() == 11 && matches!(b, [0, 9, 3, 0x21, ..]);
    if is_probe || is_hello || sample.latest.len() == 11 && begins(sample.latest, &[0, 9, 3, 0x21]) == Some(true) {
        return parsed(IMO);
    }
    if a == [0x07] || matches!(a, [0x81 | 0x82, ..]) {
        more_until(sample, 4)
    } else {
        Verdict::No
    }
}

/// Zoom's encapsulation: a kind, a sequence, and a media kind behind it; ports 8801 to 8810.
pub(super) fn zoom(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let is_port = (8801..=8810).contains(&sample.dst_port) || (8801..=8810).contains(&sample.src_port);
    datagram(ZOOM, sample, |data| {
        let first = octet(data, 0)?;
        let is_setup = is_port && matches!(first, 1..=7) && octet(data, 1)? == 0 && data.len() >= 12;
        let is_media = is_port && first == 5 && data.len() > 16;
        let is_direct = begins(data, &[0x1f, 2, 1, 0, 8, 0, 1, 0, 4, 0])? && data.len() >= 40;
        Some(is_setup || is_media || is_direct)
    })
}

/// A probe of eight octets and its answer, on the port of media.
pub(super) fn webex(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let (a, b) = (sample.client, sample.server);
    let is_pair = a.len() == 8 && b.len() == 8 && a.starts_with(&[1, 0, 0, 0]) && b.starts_with(&[2, 0, 0, 0]);
    match on_port(sample, &[9000]) {
        true if is_pair => pattern(WEBEX),
        true if a.len() == 8 => more_until(sample, 2),
        _ => Verdict::No,
    }
}

/// IP discovery: 0x0001, 70, the source; answered by 0x0002.
pub(super) fn discord(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(DISCORD, sample, |data| {
        Some(is_length(data, 74) && matches!(be16(data, 0)?, 1 | 2) && be16(data, 2)? == 70)
    })
}

/// `TS3INIT1`, or the weblist's announcement.
pub(super) fn teamspeak(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    match sample.transport {
        17 => datagram(TEAMSPEAK, sample, |data| {
            Some(
                begins_any(data, &[b"TS3INIT1"])?
                    || on_port(sample, &[2010, 2011]) && octet(data, 0)? == 1 && matches!(octet(data, 1)?, 0x80 | 0x81),
            )
        }),
        _ => stream(TEAMSPEAK, sample, |data| begins(data, b"TS3\n\rWelcome")),
    }
}

/// A ping of 12 octets, answered by 24.
pub(super) fn mumble(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let is_pair = sample.client.len() == 12
        && be32(sample.client, 0) == Some(0)
        && sample.server.len() == 24
        && sample.client.get(4..12) == sample.server.get(4..12);
    if is_pair && on_port(sample, &[64_738]) {
        parsed(MUMBLE)
    } else {
        more_until(sample, 2)
    }
}

/// A hello with a server's name under `SNI`.
pub(super) fn agora(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = datagram(AGORA, sample, |data| {
        Some(contains(data.get(..40)?, b"SNI\0") && (contains(data, b"agora.io") || contains(data, b"sd-rtn.com")))
    });
    if let Verdict::Is(..) = verdict
        && let Some(at) = sample.client.windows(4).position(|window| window == b"SNI\0")
        && let Some(length) = le16(sample.client, at + 4)
    {
        l7.host = sample
            .client
            .get(at + 6..at + 6 + usize::from(length))
            .map(text)
            .and_then(L7::host_name);
    }
    verdict
}

/// The magic of Alibaba's long links.
pub(super) fn aliyun(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(ALIYUN, sample, |data| {
        Some(be32(data, 0)? == 0xcefa_beba && le32(data, 4)? < 65_536)
    })
}

/// `NOSA`.
pub(super) fn avast(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(AVAST, sample, |data| {
        Some(begins(data, b"NOSA")? && octet(data, 4)? == 0)
    })
}

/// The access point's hello; the local network's announcement.
pub(super) fn spotify(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    match sample.transport {
        17 => datagram(SPOTIFY, sample, |data| begins(data, b"SpotUdp")),
        _ => stream(SPOTIFY, sample, |data| {
            let is_hello = be16(data, 0)? == 4
                && be16(data, 2)? == 0
                && octet(data, 6)? == 0x52
                && matches!(octet(data, 7)?, 0x0e | 0x0f)
                && octet(data, 8)? == 0x50;
            Some(is_hello)
        }),
    }
}

/// The commands of Ookla's servers.
pub(super) fn speedtest(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(SPEEDTEST, sample, |data| {
        if octet(data, 0)? != b'H' {
            return Some(false);
        }
        let line = first_line(data.get(..64.min(data.len()))?);
        let is_hello = line.starts_with("HELLO ") && line.contains('(') && line.contains('.');
        let is_hi = line.starts_with("HI ") && line.len() >= 30 && line.contains('-');
        Some(is_hello || is_hi || line == "HI" && on_port(sample, &[8080, 5060]))
    })
}

/// 0x55aa at the beginning, 0xaa55 at the end, a command and a length between.
pub(super) fn tuya(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    either(TUYA, sample, |data| {
        let is_head = be32(data, 0)? == 0x55aa
            && be32(data, 8)? <= 0x40
            && usize::try_from(be32(data, 12)?).ok()? + 16 == data.len();
        Some(
            is_head && data.ends_with(&[0, 0, 0xaa, 0x55])
                || be32(data, 0)? == 0x6699 && octet(data, 4)? == 0 && data.ends_with(&[0, 0, 0x99, 0x66]),
        )
    })
}
