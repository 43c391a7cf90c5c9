//! Peers that share files, and ledgers.

use model::{App, DetailKey, L7};

use super::super::sample::{Sample, Verdict};
use super::octets::{
    be16, be32, be64, begins, begins_any, contains, datagram, header, le32, more_until, octet, on_port, parsed,
    pattern, stream, text,
};

const BITTORRENT: App = App::named("bittorrent");
const EDONKEY: App = App::named("edonkey");
const GNUTELLA: App = App::named("gnutella");
const NANO: App = App::named("nano");
const ZUG: App = App::named("zug");

/// The peers' handshake (BEP 3), the tracker's request over HTTP, the DHT (BEP 5), uTP (BEP 29), trackers over UDP (BEP
/// 15), local discovery (BEP 14).
pub(super) fn bittorrent(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = match sample.transport {
        6 => stream(BITTORRENT, sample, |data| {
            let is_handshake = begins(data, b"\x13BitTorrent protocol");
            if is_handshake != Some(false) {
                return is_handshake;
            }
            let is_tracker = begins_any(data, &[b"GET /announce?", b"GET /scrape?", b"GET /announce.php?"])?
                && contains(data, b"info_hash=");
            Some(
                is_tracker
                    || begins_any(data, &[b"GET /webseed?info_hash=", b"GET /data?fid="])?
                    || is_swarm_message(data),
            )
        }),
        _ => bittorrent_datagrams(sample),
    };
    if let Verdict::Is(..) = verdict
        && sample.transport == 6
    {
        l7.details.set(
            DetailKey::Agent,
            header(sample.client, "user-agent").unwrap_or_default(),
        );
    }
    verdict
}

/// A piece of a swarm whose handshake was missed: `piece` of a whole block, or the extension's bencoded handshake.
fn is_swarm_message(data: &[u8]) -> bool {
    let length = be32(data, 0);
    let is_piece =
        length == Some(0x4009) && octet(data, 4) == Some(7) && be32(data, 9).is_some_and(|begin| begin % 0x4000 == 0);
    let is_extended = length.is_some_and(|length| (20..4_096).contains(&length))
        && data.get(4..8) == Some(&[20, 0, b'd', b'1'])
        && contains(data, b"1:md");
    is_piece || is_extended
}

fn bittorrent_datagrams(sample: &Sample<'_>) -> Verdict {
    let dht = |data: &[u8]| {
        let is_dictionary = data.starts_with(b"d1:ad")
            || data.starts_with(b"d1:rd")
            || data.starts_with(b"d1:el")
            || data.starts_with(b"d2:ip")
            || data.starts_with(b"d1:q");
        is_dictionary && (contains(data, b"1:y1:") || contains(data, b"1:q4:ping") || contains(data, b"2:id20:"))
    };
    let discovery = |data: &[u8]| data.starts_with(b"BT-SEARCH * HTTP/1.1");
    let tracker = |data: &[u8]| be64(data, 0) == Some(0x0417_2710_1980) && be32(data, 8) == Some(0) && data.len() >= 16;
    let is_plain = |data: &[u8]| {
        dht(data)
            || discovery(data)
            || tracker(data)
            || contains(data.get(..32).unwrap_or(data), b"\x13BitTorrent protocol")
    };
    if is_plain(sample.latest) || is_plain(sample.client) || is_plain(sample.server) {
        return parsed(BITTORRENT);
    }
    match (transport_head(sample.client), transport_head(sample.server)) {
        // A connection and its state: the answer's identifier is the request's, its acknowledgement the sequence number.
        (Some((4, id, sequence, _)), Some((2, back, _, acknowledged))) if id == back && sequence == acknowledged => {
            parsed(BITTORRENT)
        }
        (Some((4, ..)), None) if sample.server.is_empty() && is_repeated(sample) => pattern(BITTORRENT),
        (Some((kind, id, ..)), Some((other, back, ..))) if kind <= 2 && other <= 2 && id.abs_diff(back) == 1 => {
            pattern(BITTORRENT)
        }
        (Some(_), _) => more_until(sample, 4),
        _ => more_until(sample, 2),
    }
}

/// A SYN of uTP that is sent again looks like itself, but for its times.
fn is_repeated(sample: &Sample<'_>) -> bool {
    sample.client_packets >= 2
        && sample.latest.get(..4) == sample.client.get(..4)
        && sample.latest.get(12..20) == sample.client.get(12..20)
        && sample.client.len() <= 30
}

/// uTP's header: type, connection, sequence number and acknowledgement.
fn transport_head(data: &[u8]) -> Option<(u8, u16, u16, u16)> {
    let (first, extension) = (octet(data, 0)?, octet(data, 1)?);
    let (kind, version) = (first >> 4, first & 0x0f);
    let is_chain = match extension {
        0 => true,
        1 | 2 => data
            .get(20..22)
            .is_some_and(|head| matches!(head, [0..=3, 4 | 8 | 12 | 16])),
        _ => false,
    };
    (version == 1 && kind <= 4 && is_chain && data.len() >= 20 && be32(data, 4)? != 0).then_some((
        kind,
        be16(data, 2)?,
        be16(data, 16)?,
        be16(data, 18)?,
    ))
}

/// A mark, a length and a known operation; of servers, peers and Kad.
pub(super) fn edonkey(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    match sample.transport {
        6 => stream(EDONKEY, sample, |data| {
            let (mark, length, code) = (octet(data, 0)?, le32(data, 1)?, octet(data, 5)?);
            let is_size = (1..=8_192).contains(&length);
            let is_hello = mark == 0xe3 && matches!(code, 0x01 | 0x4c) && length >= 20;
            // An answer is judged on its port alone.
            let is_known = on_port(sample, &[4661, 4662, 4242]) && matches!(mark, 0xe3 | 0xc5 | 0xd4);
            let is_sized = usize::try_from(length).ok()? + 5 <= data.len() || data.len() >= 1_300;
            Some(is_size && is_sized && (is_hello && (octet(data, 6)? == 0x10 || code == 1) || is_known))
        }),
        _ => {
            let kad = |data: &[u8]| matches!(data, [0xe4 | 0xe5, 0x01..=0x63, ..]) && data.len() >= 2;
            let servers = |data: &[u8]| matches!(data, [0xe3, 0x96..=0xa5, ..]);
            let is_port = on_port(sample, &[4665, 4672, 4246]);
            match is_port && (kad(sample.client) || servers(sample.client)) {
                true => pattern(EDONKEY),
                false => Verdict::No,
            }
        }
    }
}

/// The handshake of 0.4 and 0.6, and the datagrams' magic.
pub(super) fn gnutella(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = match sample.transport {
        6 => stream(GNUTELLA, sample, |data| {
            begins_any(data, &[b"GNUTELLA CONNECT/", b"GNUTELLA/0.6 ", b"GIV "])
        }),
        _ => datagram(GNUTELLA, sample, |data| {
            Some(begins_any(data, &[b"GND\x02", b"GND\x01"])? && octet(data, 3)? <= 3)
        }),
    };
    if let Verdict::Is(..) = verdict {
        l7.details.set(
            DetailKey::Agent,
            header(sample.client, "user-agent").unwrap_or_default(),
        );
    }
    verdict
}

/// `R`, a network's letter, and three versions that agree.
pub(super) fn nano(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(NANO, sample, |data| {
        let is_network = begins(data, b"R")? && matches!(octet(data, 1)?, b'A' | b'B' | b'C' | b'X');
        let (highest, using, lowest) = (octet(data, 2)?, octet(data, 3)?, octet(data, 4)?);
        Some(
            is_network
                && highest >= using
                && using >= lowest
                && (5..=64).contains(&lowest)
                && (2..=0x10).contains(&octet(data, 5)?),
        )
    })
}

/// `zUG` and 0x10 after one octet.
pub(super) fn zug(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    datagram(ZUG, sample, |data| {
        Some(text(data.get(1..4)?) == "zUG" && octet(data, 4)? == 0x10)
    })
}
