//! Games and the libraries that carry them.

use model::{App, L7};

use super::super::sample::{Sample, Verdict};
use super::octets::{
    be16, be32, begins, begins_any, contains, datagram, is_length, le16, le32, more_until, octet, on_port, parsed,
    pattern, stream,
};

const RAKNET: App = App::named("raknet");
const KCP: App = App::named("kcp");
const YOJIMBO: App = App::named("yojimbo");
const STEAM: App = App::named("steam");
const MINECRAFT: App = App::named("minecraft");
const STARCRAFT: App = App::named("starcraft");
const GENSHIN: App = App::named("genshin-impact");
const CALL_OF_DUTY: App = App::named("call-of-duty");
const LEAGUE: App = App::named("league-of-legends");
const WAR_THUNDER: App = App::named("war-thunder");
const PATH_OF_EXILE: App = App::named("path-of-exile");
const TOCA_BOCA: App = App::named("toca-boca");
const TENCENT_GAMES: App = App::named("tencent-games");
const ROBLOX: App = App::named("roblox");

/// The magic that offline messages carry.
const RAKNET_MAGIC: &[u8] = &[
    0x00, 0xff, 0xff, 0x00, 0xfe, 0xfe, 0xfe, 0xfe, 0xfd, 0xfd, 0xfd, 0xfd, 0x12, 0x34, 0x56, 0x78,
];

/// Offline messages carry a magic number.
pub(super) fn raknet(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(RAKNET, sample, |data| {
        let is_offline = |at: usize| data.get(at..at + 16) == Some(RAKNET_MAGIC);
        // Roblox sends them behind a header of its own.
        Some(is_offline(1) || is_offline(9) || is_offline(17) || contains(data.get(..64).unwrap_or(data), RAKNET_MAGIC))
    })
}

/// Segments: a conversation, a command of four, a length that leads to the next one.
pub(super) fn kcp(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let look = |data: &[u8]| {
        let conversation = le32(data, 0)?;
        let mut rest = data;
        let mut count = 0;
        while let (Some(next), Some(command), Some(length)) = (le32(rest, 0), octet(rest, 4), le32(rest, 20)) {
            let length = usize::try_from(length).ok()?;
            let is_empty = matches!(command, 82..=84);
            if next != conversation
                || !(81..=84).contains(&command)
                || length > 1_500
                || is_empty && length != 0
                || le16(rest, 6)? == 0 && command == 81
            {
                return Some(false);
            }
            rest = rest.get(24 + length..)?;
            count += 1;
        }
        Some(count > 0 && rest.is_empty() && conversation != 0)
    };
    datagram(KCP, sample, look)
}

/// netcode's connection request.
pub(super) fn yojimbo(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(YOJIMBO, sample, |data| begins(data, b"\0NETCODE "))
}

/// Valve's queries of servers and of Steam's own network.
pub(super) fn steam(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    match sample.transport {
        6 => stream(STEAM, sample, |data| begins(data.get(4..)?, b"VT01")),
        _ => datagram(STEAM, sample, |data| {
            let is_query = begins(data, b"\xff\xff\xff\xff")?
                && matches!(
                    octet(data, 4)?,
                    b'T' | b'U' | b'V' | b'A' | b'I' | b'D' | b'E' | b'i' | b'W'
                );
            let is_text = is_query
                && (contains(data, b"Source Engine Query")
                    || data.len() == 9 && matches!(octet(data, 4)?, b'A' | b'U' | b'V'));
            let is_home = begins(data, b"\xff\xff\xff\xff\x21\x4c\x5f\xa0")?;
            Some(is_text || is_home || begins(data, b"VS01")?)
        }),
    }
}

/// The handshake of a Java client: a length, packet 0, a version, an address, a port, a next state.
pub(super) fn minecraft(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[25_565]) {
        return Verdict::No;
    }
    stream(MINECRAFT, sample, |data| {
        let length = usize::from(octet(data, 0)?);
        let is_state = matches!(octet(data, length)?, 1..=3);
        Some((8..0x80).contains(&length) && octet(data, 1)? == 0 && is_state)
    })
}

/// Battle.net's games on port 1119, and the two datagrams of a match.
pub(super) fn starcraft(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    match sample.transport {
        6 if on_port(sample, &[1119]) => stream(STARCRAFT, sample, |data| {
            begins_any(
                data,
                &[
                    &[0x4a, 0x00, 0x00, 0x0a, 0x66, 0x02, 0x0a, 0xed, 0x2d, 0x66],
                    &[0x49, 0x00, 0x00, 0x0a, 0x66, 0x02, 0x0a, 0xed, 0x2d, 0x66],
                ],
            )
        }),
        17 if on_port(sample, &[1119])
            && matches!(
                (sample.client, sample.server),
                ([9, a], [10, b]) if a == b
            ) =>
        {
            pattern(STARCRAFT)
        }
        17 if on_port(sample, &[1119]) && sample.client == [1] && matches!(sample.server, [2, _, _, _, _, _, _]) => {
            pattern(STARCRAFT)
        }
        17 if on_port(sample, &[1119, 1120, 6113]) => match [sample.client, sample.server, sample.latest]
            .iter()
            .any(|data| data.len() == 20)
        {
            true if sample.client_packets >= 2 || !sample.server.is_empty() => pattern(STARCRAFT),
            _ => more_until(sample, 4),
        },
        _ => Verdict::No,
    }
}

/// The control messages that open and close a conversation of miHoYo's KCP.
pub(super) fn genshin(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if sample.transport == 6 {
        // Both sides name the same session in the third word.
        let (a, b) = (sample.client, sample.server);
        let is_message =
            |data: &[u8]| be32(data, 0) == Some(0x0100_0000) && be16(data, 6) == Some(0) && data.len() >= 40;
        let session = a.get(10..16).filter(|session| *session != [0; 6]);
        return match is_message(a) && is_message(b) && session.is_some() && session == b.get(10..16) {
            true => parsed(GENSHIN),
            false if is_message(a) => more_until(sample, 3),
            false => Verdict::No,
        };
    }
    datagram(GENSHIN, sample, |data| {
        let is_open = be32(data, 0)? == 0xff && be32(data, 16)? == 0xffff_ffff;
        let is_answer = be32(data, 0)? == 0x145 && be32(data, 16)? == 0x1451_4545;
        let is_close = be32(data, 0)? == 0x194 && be32(data, 16)? == 0x1941_9494;
        Some(is_length(data, 20) && (is_open || is_answer || is_close))
    })
}

/// Two kinds of greeting whose tail is alike.
pub(super) fn call_of_duty(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let (a, b) = (sample.client, sample.server);
    let is_pair = matches!(
        (a, b),
        ([0x0d, 2, 0, ..], [0x0c, 2, 0, ..]) | ([0x0c, 2, 0, ..], [0x0d, 2, 0, ..])
    );
    if is_pair && a.len() == 29 && a.get(3..) == b.get(3..) {
        return parsed(CALL_OF_DUTY);
    }
    let is_ping = |data: &[u8]| data.len() == 12 && data.ends_with(b"\x03pinG".to_ascii_lowercase().as_slice());
    if is_ping(a) && (b.is_empty() || a == b) && on_port(sample, &[7500, 7501, 7502, 7503]) {
        return parsed(CALL_OF_DUTY);
    }
    more_until(sample, 2)
}

/// Wild Rift's and League's datagrams: a beginning of an octet and zeroes, answered by 0x10, or the voice's probes.
pub(super) fn league(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let (a, b) = (sample.client, sample.server);
    let is_request = be32(a, 0) == Some(0x0400_0000) && a.len() == 69;
    if is_request && be32(b, 0) == Some(0x1000_0000) && b.len() > 300 {
        return parsed(LEAGUE);
    }
    let is_probe = begins(a, &[1, 2]) == Some(true)
        && a.len() == 22
        && contains(a, b"\0\x04\0")
        && a.get(4..10) == Some(&[0, 0, 0, 1, 0, 1]);
    if is_probe {
        return pattern(LEAGUE);
    }
    if is_request { more_until(sample, 3) } else { Verdict::No }
}

/// Gaijin's client: ENet with a checksum, or metrics in text.
pub(super) fn war_thunder(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(WAR_THUNDER, sample, |data| {
        let is_metric = contains(data, b",env=production,circuit=production,app");
        let is_enet = begins(data, &[0x8f, 0xff])? && be32(data, 4)? == 0x82ff_0001 && data.len() == 52;
        Some(is_metric || is_enet && (20_000..=30_000).contains(&sample.dst_port))
    })
}

/// The login of Path of Exile.
pub(super) fn path_of_exile(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let _ = contains;
    if !on_port(sample, &[6112, 20_481]) {
        return Verdict::No;
    }
    stream(PATH_OF_EXILE, sample, |data| {
        Some(be16(data, 0)? == 3 && be32(data, 4)? == 0x7560_0002 && be16(data, 2)? == 0x0037)
    })
}

/// Photon's datagrams as Toca Boca's play them: commands of a peer on ports 5055 to 5058.
pub(super) fn toca_boca(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    if !on_port(sample, &[5055, 5056, 5058]) {
        return Verdict::No;
    }
    datagram(TOCA_BOCA, sample, |data| {
        let is_ping = data.len() == 13 && begins(data, &[0x7d; 12])?;
        let is_head = data.len() >= 24 && octet(data, 2)? <= 1 && (1..=16).contains(&octet(data, 3)?);
        Some(is_ping || is_head && octet(data, 12)? <= 14)
    })
}

/// The heads of Tencent's game gateways.
pub(super) fn tencent_games(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(TENCENT_GAMES, sample, |data| {
        let is_tdr = be32(data, 0)? == 0x3366_000b && be16(data, 4)? == 0x000b || be32(data, 0)? == 0x4366_aa00;
        let is_gateway = be32(data, 0)? == 0x4215_f787 && octet(data, 4)? == 3;
        let is_deflated = be16(data, 0)? == 0
            && is_length(data, usize::try_from(be32(data, 0)?).ok()? + 4)
            && be16(data, 4)? == 0x7801;
        Some(is_tdr || is_gateway || is_deflated)
    })
}

/// RakNet behind Roblox's own header.
pub(super) fn roblox(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(ROBLOX, sample, |data| {
        Some(begins(data, &[0xff, 0xff, 0xff])? && contains(data, b"roblox"))
    })
}
