//! Tunnels, proxies and private networks.

use model::{App, DetailKey, L7};

use super::super::sample::{Sample, Verdict};
use super::octets::{
    be16, be32, be64, begins, begins_any, contains, datagram, le32, more_until, octet, on_port, packets, parsed,
    pattern, stream, text,
};

const WIREGUARD: App = App::named("wireguard");
const OPENVPN: App = App::named("openvpn");
const IPSEC: App = App::named("ipsec");
const L2TP: App = App::named("l2tp");
const PPTP: App = App::named("pptp");
const SOCKS: App = App::named("socks");
const VXLAN: App = App::named("vxlan");
const GENEVE: App = App::named("geneve");
const GTP: App = App::named("gtp");
const PFCP: App = App::named("pfcp");
const TEREDO: App = App::named("teredo");
const DNSCRYPT: App = App::named("dnscrypt");
const TAILSCALE: App = App::named("tailscale");
const ZEROTIER: App = App::named("zerotier");
const SOFTETHER: App = App::named("softether");
const ULTRASURF: App = App::named("ultrasurf");
const AJP: App = App::named("ajp");
const FASTCGI: App = App::named("fastcgi");
const STRATUM: App = App::named("stratum");
const WEBSOCKET: App = App::named("websocket");
const NETCONF: App = App::named("netconf");

/// Message types 1–4 with their lengths, and three zero octets.
pub(super) fn wireguard(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let kind = |data: &[u8]| (be32(data, 0)? & 0x00ff_ffff == 0).then(|| octet(data, 0)).flatten();
    let handshake = |data: &[u8]| match kind(data) {
        Some(1) => data.len() == 148 && data.get(116..132) != Some(&[0; 16]),
        Some(2) => data.len() == 92,
        Some(3) => data.len() == 64 && on_port(sample, &[51_820]),
        _ => false,
    };
    let transport = |data: &[u8]| kind(data) == Some(4) && data.len() >= 32 && data.len().is_multiple_of(16);
    let (a, b) = (sample.client, sample.server);
    if handshake(sample.latest) || handshake(a) || handshake(b) {
        return parsed(WIREGUARD);
    }
    // Without the handshake: both sides' counters.
    let is_both = transport(a) && transport(b) && counter_is_low(a) && counter_is_low(b);
    if is_both || transport(a) && on_port(sample, &[51_820]) {
        return pattern(WIREGUARD);
    }
    if transport(a) {
        more_until(sample, 4)
    } else {
        more_until(sample, 2)
    }
}

/// WireGuard's counter has its low octet first.
fn counter_is_low(data: &[u8]) -> bool {
    le32(data, 12) == Some(0)
}

/// A hard reset of the client or the server, in datagrams or behind a length; the session's number echoes.
pub(super) fn openvpn(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let packet = |data: &[u8]| -> Option<(u8, u64)> {
        let data = if sample.transport == 6 {
            let length = usize::from(be16(data, 0)?);
            data.get(2..).filter(|_| (14..=1_600).contains(&length))?
        } else {
            data
        };
        Some((octet(data, 0)?, be64(data, 1)?))
    };
    let code = |first: u8| first >> 3;
    if let Some(verdict) = openvpn_data(sample) {
        return verdict;
    }
    let client = packet(sample.client);
    let server = packet(sample.server);
    let is_client = |(first, session): (u8, u64)| matches!(code(first), 1 | 7 | 10) && first & 7 == 0 && session != 0;
    let is_server = |(first, session): (u8, u64)| matches!(code(first), 2 | 8) && first & 7 == 0 && session != 0;
    let Some(request) = client else {
        return if sample.transport == 6 && sample.client.len() < 11 {
            more_until(sample, 4)
        } else {
            Verdict::No
        };
    };
    let body = if sample.transport == 6 {
        sample.client.len().saturating_sub(2)
    } else {
        sample.client.len()
    };
    match server {
        Some(answer) if is_client(request) && is_server(answer) => {
            // The answer acknowledges the request: its session's number stands in it.
            let is_echo = contains(sample.server, &request.1.to_be_bytes());
            if is_echo || on_port(sample, &[1194]) {
                parsed(OPENVPN)
            } else {
                Verdict::No
            }
        }
        Some(answer) if is_client(answer) && is_server(request) => parsed(OPENVPN),
        Some(_) => Verdict::No,
        None if is_client(request) && (14..=100).contains(&body) => match on_port(sample, &[1194]) {
            true => pattern(OPENVPN),
            false => more_until(sample, 5),
        },
        None => Verdict::No,
    }
}

/// Data of a session whose beginning was not seen: the same peer, and a counter that goes on.
fn openvpn_data(sample: &Sample<'_>) -> Option<Verdict> {
    const DATA: u8 = 9 << 3;
    let first = if sample.forward { sample.client } else { sample.server };
    let is_data = sample.transport == 17 && octet(first, 0)? & 0xf8 == DATA && first.len() >= 24;
    if !is_data {
        return None;
    }
    let goes_on = first.get(..4) == sample.latest.get(..4)
        && (1..=32).contains(&be32(sample.latest, 4)?.wrapping_sub(be32(first, 4)?));
    Some(match goes_on && packets(sample) >= 3 {
        true => pattern(OPENVPN),
        false => more_until(sample, 6),
    })
}

/// RFC 7296, section 3.1: IKE's header; on port 4500 behind four zero octets, and ESP without them (RFC 3948).
pub(super) fn ipsec(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let ike = |data: &[u8]| {
        let (version, exchange, length) = (octet(data, 17)?, octet(data, 18)?, be32(data, 24)?);
        let is_version = matches!(version, 0x10 | 0x20);
        let is_exchange = matches!(exchange, 2..=6 | 32..=43);
        let is_size = usize::try_from(length).ok()?.abs_diff(data.len()) < 4
            || usize::try_from(length).ok()? > data.len() && data.len() > 400;
        Some(be64(data, 0)? != 0 && is_version && is_exchange && is_size && octet(data, 19)? & 0xc0 == 0)
    };
    let look = |data: &[u8]| match on_port(sample, &[4500]) {
        true if data == [0xff] => Some(true),
        true if be32(data, 0)? == 0 => ike(data.get(4..)?),
        true => {
            Some(be32(data, 0)? >= 256 && data.len() >= 24 && (be32(data, 4)? < 1 << 20 || ike(data) == Some(true)))
        }
        false => ike(data),
    };
    let verdict = datagram(IPSEC, sample, look);
    if let Verdict::Is(..) = verdict {
        let at = if be32(sample.client, 0) == Some(0) { 21 } else { 17 };
        l7.details.set(
            DetailKey::Version,
            match octet(sample.client, at) {
                Some(0x10) => "IKEv1",
                Some(0x20) => "IKEv2",
                _ => "",
            },
        );
    }
    verdict
}

/// RFC 2661, section 3.1; RFC 3931: a control message's flags, version and length.
pub(super) fn l2tp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(L2TP, sample, |data| {
        let flags = be16(data, 0)?;
        let is_control =
            matches!(flags & 0xff0f, 0xc802 | 0xc803) && usize::from(be16(data, 2)?) <= data.len() && data.len() >= 12;
        let is_data = flags & 0x800f == 2 && on_port(sample, &[1701]) && data.len() > 8;
        Some(is_control || is_data)
    })
}

/// RFC 2637, section 2: a length, type 1, the magic cookie.
pub(super) fn pptp(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(PPTP, sample, |data| {
        Some(be16(data, 2)? == 1 && be32(data, 4)? == 0x1a2b_3c4d)
    });
    if let Verdict::Is(..) = verdict {
        l7.details.set(
            DetailKey::Agent,
            sample
                .client
                .get(92..156)
                .map(text)
                .unwrap_or_default()
                .trim_end_matches('\0'),
        );
    }
    verdict
}

/// RFC 1928: version 5 and methods, which the server answers; version 4's connect.
pub(super) fn socks(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let (a, b) = (sample.client, sample.server);
    let methods = octet(a, 1).map(usize::from).unwrap_or_default();
    let is_five = octet(a, 0) == Some(5)
        && (1..=8).contains(&methods)
        && a.len() >= methods + 2
        && a.iter()
            .skip(2)
            .take(methods)
            .all(|method| *method <= 9 || *method >= 0x80);
    let is_answer = matches!(b, [5, 0..=9 | 0xff, ..])
        && (b.len() == 2 || on_port(sample, &[1080]) || b.get(2) == Some(&5) || a.len() > methods + 2);
    if is_five && is_answer {
        // The request behind the methods names the host.
        if let Some([5, 1, 0, 3, length, rest @ ..]) = a.get(methods + 2..) {
            l7.host = rest.get(..usize::from(*length)).map(text).and_then(L7::host_name);
        }
        return parsed(SOCKS);
    }
    let is_four =
        matches!(a, [4, 1 | 2, ..]) && a.len() >= 9 && a.last() == Some(&0) && a.len() < 300 && be16(a, 2) != Some(0);
    if is_four && (matches!(b, [0, 0x5a..=0x5d, ..]) && b.len() == 8 || b.is_empty() && on_port(sample, &[1080])) {
        return parsed(SOCKS);
    }
    if is_five && b.is_empty() && a.len() == methods + 2 || is_four {
        more_until(sample, 3)
    } else {
        Verdict::No
    }
}

/// RFC 7348, section 5: flags with a network's number; on its ports. What it carries is metered where it is sound.
pub(super) fn vxlan(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[4789, 8472]) {
        return Verdict::No;
    }
    datagram(VXLAN, sample, |data| {
        Some(octet(data, 0)? & 0x08 != 0 && octet(data, 7)? == 0 && data.len() > 8)
    })
}

/// RFC 8926, section 3.4: version 0 and the type of Ethernet.
pub(super) fn geneve(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[6081]) {
        return Verdict::No;
    }
    datagram(GENEVE, sample, |data| {
        Some(octet(data, 0)? >> 6 == 0 && matches!(be16(data, 2)?, 0x6558 | 0x0800 | 0x86dd) && data.len() > 8)
    })
}

/// 3GPP TS 29.060, 29.274 and 29.281: a version and a length; GTP', too.
pub(super) fn gtp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[2123, 2152, 3386]) {
        return Verdict::No;
    }
    datagram(GTP, sample, |data| {
        let (first, length) = (octet(data, 0)?, usize::from(be16(data, 2)?));
        Some(match first >> 5 {
            0 => on_port(sample, &[3386]) && length + 6 <= data.len(),
            1 => length + 8 <= data.len() || length + 6 <= data.len(),
            2 => length + 4 <= data.len(),
            _ => false,
        })
    })
}

/// 3GPP TS 29.244, section 7.2.2: version 1, a known message, a length.
pub(super) fn pfcp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[8805]) {
        return Verdict::No;
    }
    datagram(PFCP, sample, |data| {
        Some(
            octet(data, 0)? >> 5 == 1
                && matches!(octet(data, 1)?, 1..=15 | 50..=57)
                && usize::from(be16(data, 2)?) + 4 <= data.len(),
        )
    })
}

/// RFC 4380, section 5.1.1: IPv6 itself, or behind authentication and origin.
pub(super) fn teredo(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[3544]) {
        return Verdict::No;
    }
    datagram(TEREDO, sample, |data| {
        let is_six = |data: &[u8]| Some(octet(data, 0)? >> 4 == 6 && usize::from(be16(data, 4)?) + 40 <= data.len());
        Some(matches!(be16(data, 0)?, 0 | 1) && data.len() > 12 || is_six(data)?)
    })
}

/// DNSCrypt: a resolver's certificate is asked for by name, answers begin with a magic number, queries are padded.
pub(super) fn dnscrypt(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let look = |data: &[u8]| {
        let is_answer = begins(data, b"r6fnvWj8")?;
        Some(
            is_answer
                || contains(data.get(..80.min(data.len()))?, b"\x0d2\x0ddnscrypt-cert")
                || contains(data.get(..64.min(data.len()))?, b"dnscrypt-cert"),
        )
    };
    match sample.transport {
        6 => stream(DNSCRYPT, sample, |data| look(data.get(2..)?)),
        _ => datagram(DNSCRYPT, sample, look),
    }
}

/// Discovery messages begin with `TS` and a speech balloon.
pub(super) fn tailscale(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(TAILSCALE, sample, |data| begins(data, b"TS\xf0\x9f\x92\xac"))
}

/// A hello to a root: flags, then a cipher, hops and version; on its port.
pub(super) fn zerotier(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[9993]) {
        return Verdict::No;
    }
    datagram(ZEROTIER, sample, |data| {
        Some(octet(data, 27)? & 0x1f == 1 && (10..=13).contains(&octet(data, 28)?) && data.len() >= 60)
    })
}

/// NAT traversal of SoftEther: one `A`, answered by an address in text.
pub(super) fn softether(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let is_answer = |data: &[u8]| data.starts_with(b"IP=") && contains(data, b",PORT=");
    match sample.transport {
        17 if is_answer(sample.latest) || is_answer(sample.server) || is_answer(sample.client) => parsed(SOFTETHER),
        // Nobody answers, and it is asked again.
        17 if sample.client == b"A"
            && sample.latest == b"A"
            && sample.client_packets >= 2
            && on_port(sample, &[5004]) =>
        {
            pattern(SOFTETHER)
        }
        17 if sample.client == b"A" && on_port(sample, &[5004]) => more_until(sample, 6),
        17 => Verdict::No,
        _ => stream(SOFTETHER, sample, |data| {
            begins_any(data, &[b"POST /vpnsvc/", b"GET /vpnsvc/", b"POST /ddns/ddns.aspx"])
        }),
    }
}

/// A TLS session whose hello has a session ticket that Ultrasurf alone sends.
pub(super) fn ultrasurf(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(ULTRASURF, sample, |data| {
        Some(be32(data, 0)? == 0x1603_0300 && contains(data, &[0xa2, 0x44, 0x2f, 0x6f, 0x64]))
    })
}

/// A packet of a web server to its container, or back.
pub(super) fn ajp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(AJP, sample, |data| {
        let (length, code) = (be16(data, 2)?, octet(data, 4)?);
        let is_asked = begins(data, &[0x12, 0x34])? && matches!(code, 2 | 7 | 8 | 10);
        let is_answer = begins(data, b"AB")? && matches!(code, 3 | 4 | 5 | 6 | 9);
        Some((1..=8_192).contains(&length) && (is_asked || is_answer))
    })
}

/// Version 1, a beginning of a request with a role, or its parameters.
pub(super) fn fastcgi(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(FASTCGI, sample, |data| {
        let is_begin =
            begins(data, &[1, 1])? && be16(data, 4)? == 8 && (1..=3).contains(&be16(data, 8)?) && octet(data, 10)? <= 1;
        Some(is_begin && octet(data, 6)? <= 8 && be32(data, 12)? & 0x00ff_ffff == 0)
    })
}

/// JSON of mining pools: subscribe, authorise, log in.
pub(super) fn stratum(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(STRATUM, sample, |data| {
        if octet(data, 0)? != b'{' {
            return Some(false);
        }
        let words: &[&[u8]] = &[
            b"\"mining.subscribe\"",
            b"\"mining.authorize\"",
            b"\"mining.notify\"",
            b"\"eth_submitLogin\"",
            b"\"mining.set_difficulty\"",
            b"\"eth_getWork\"",
            b"\"rx/0\"",
        ];
        Some(
            words.iter().any(|word| contains(data, word))
                || contains(data, b"\"method\":\"login\"") && contains(data, b"\"agent\""),
        )
    });
    if let Verdict::Is(..) = verdict {
        let said = text(sample.client);
        let agent = said
            .split("\"agent\":\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        l7.details.set(DetailKey::Agent, agent.unwrap_or_default());
    }
    verdict
}

/// RFC 6455, section 5.2: frames of text or closing between a masked and an unmasked side, the request not seen.
pub(super) fn websocket(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let frame = |data: &[u8], is_masked: bool| {
        let (first, second) = (octet(data, 0)?, octet(data, 1)?);
        let head = if is_masked { 6 } else { 2 };
        let length = match second & 0x7f {
            126 => usize::from(be16(data, 2)?) + head + 2,
            127 => return Some(false),
            short => usize::from(short) + head,
        };
        Some(
            matches!(first, 0x81 | 0x82 | 0x88 | 0x89 | 0x8a | 0xc1)
                && (second & 0x80 != 0) == is_masked
                && length == data.len(),
        )
    };
    let (a, b) = (sample.client, sample.server);
    if frame(a, true) == Some(true) && frame(b, false) == Some(true)
        || frame(b, true) == Some(true) && frame(a, false) == Some(true)
    {
        return pattern(WEBSOCKET);
    }
    if frame(a, true) == Some(true) || frame(a, false) == Some(true) {
        more_until(sample, 3)
    } else {
        Verdict::No
    }
}

/// RFC 6242: a hello with capabilities.
pub(super) fn netconf(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(NETCONF, sample, |data| {
        Some(begins(data, b"<")? && data.len() > 60 && contains(data, b"urn:ietf:params:xml:ns:netconf:base:1."))
    })
}
