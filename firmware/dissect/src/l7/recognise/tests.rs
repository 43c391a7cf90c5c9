//! Recognisers on real octets, and on octets that only look alike.

use std::net::{IpAddr, Ipv4Addr};

use model::{Confidence, DetailKey};
use proptest::prelude::*;

use super::*;

/// One flow a line: application, transport, ports, the client's first octets, the server's (`-`: none), and where an
/// octet of the client's (`c7`) or the server's (`s0`), turned over, makes it something else.
const OCTETS: &str = include_str!("octets.txt");

const ADDR: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct Row {
    app: App,
    transport: u8,
    ports: (u16, u16),
    client: Vec<u8>,
    server: Vec<u8>,
    spoil: Option<(bool, usize)>,
}

fn rows() -> Vec<Row> {
    let hex = |text: &str| -> Vec<u8> {
        let digits = text.trim_matches('-').as_bytes();
        let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(octet).collect()
    };
    let row = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        Row {
            app: App::by_name(words[0]).unwrap(),
            transport: if words[1] == "tcp" { 6 } else { 17 },
            ports: (words[2].parse().unwrap(), words[3].parse().unwrap()),
            client: hex(words[4]),
            server: hex(words[5]),
            spoil: words.get(6).map(|at| (at.starts_with('c'), at[1..].parse().unwrap())),
        }
    };
    OCTETS.lines().filter(|line| !line.starts_with('#')).map(row).collect()
}

fn sample<'a>(row: &Row, client: &'a [u8], server: &'a [u8]) -> Sample<'a> {
    Sample {
        transport: row.transport,
        src_port: row.ports.0,
        dst_port: row.ports.1,
        src: ADDR,
        dst: ADDR,
        client,
        server,
        client_packets: u8::from(!client.is_empty()),
        server_packets: u8::from(!server.is_empty()),
        latest: if server.is_empty() { client } else { server },
        forward: server.is_empty(),
    }
}

/// The samples of a flow whose sides said this: of datagrams each is looked at when it comes, the client's first.
fn as_they_came<'a>(sample: &Sample<'a>) -> Vec<Sample<'a>> {
    let first = Sample {
        server: &[],
        server_packets: 0,
        latest: sample.client,
        forward: true,
        ..*sample
    };
    let is_first = sample.transport == 17 && !sample.client.is_empty() && !sample.server.is_empty();
    is_first.then_some(first).into_iter().chain([*sample]).collect()
}

/// Who claims the octets.
fn claims(sample: &Sample<'_>) -> Vec<App> {
    let bit = super::super::sample::transport_bit(sample.transport);
    let asked = ALL.iter().filter(|recogniser| recogniser.transports & bit != 0);
    let claim = |recogniser: &Recogniser| {
        as_they_came(sample)
            .iter()
            .find_map(|sample| match (recogniser.check)(sample, &mut L7::default()) {
                Verdict::Is(app, _) => Some(app),
                _ => None,
            })
    };
    asked.filter_map(claim).collect()
}

/// Who wins: the first to be sure; those of the ports first, then in the order of the table.
fn winner(sample: &Sample<'_>, l7: &mut L7) -> Option<(App, Confidence)> {
    as_they_came(sample).iter().find_map(|sample| winner_at(sample, l7))
}

/// Who wins at one packet.
fn winner_at(sample: &Sample<'_>, l7: &mut L7) -> Option<(App, Confidence)> {
    let bit = super::super::sample::transport_bit(sample.transport);
    let asked = || ALL.iter().filter(|recogniser| recogniser.transports & bit != 0);
    let of_port = |port: u16| asked().filter(move |recogniser| recogniser.ports.contains(&port));
    let all = of_port(sample.dst_port).chain(of_port(sample.src_port)).chain(asked());
    let verdict = |recogniser: &Recogniser| match (recogniser.check)(sample, l7) {
        Verdict::Is(app, confidence) => Some((app, confidence)),
        _ => None,
    };
    all.map(verdict).find(Option::is_some).flatten()
}

#[test]
fn real_octets_are_claimed_by_their_recogniser_first() {
    let mut wrong = Vec::new();
    for row in rows() {
        let sample = sample(&row, &row.client, &row.server);
        let won = winner(&sample, &mut L7::default()).map(|(app, _)| app);
        if won != Some(row.app) {
            wrong.push(format!(
                "{} on {:?}: claimed by {:?}",
                row.app,
                row.ports,
                claims(&sample)
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_wrong_octet_is_not_claimed() {
    let mut spoilt = 0;
    for row in rows() {
        let Some((is_client, at)) = row.spoil else { continue };
        let (mut client, mut server) = (row.client.clone(), row.server.clone());
        let side = if is_client { &mut client } else { &mut server };
        side[at] ^= 0xff;
        assert!(
            !claims(&sample(&row, &client, &server)).contains(&row.app),
            "{} with another octet {at}",
            row.app
        );
        spoilt += 1;
    }
    assert!(spoilt > 150, "{spoilt}");
}

#[test]
fn every_recogniser_has_octets() {
    let rows = rows();
    // Telephone media and games that need several packets are held by the captures' comparison.
    let without = ["rtp", "roblox", "ultrasurf"];
    for recogniser in ALL {
        let name = recogniser.app.name().unwrap();
        assert!(
            rows.iter().any(|row| row.app == recogniser.app) || without.contains(&name),
            "{name}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn octets_of_any_kind_are_looked_at_without_panic(
        transport in prop::sample::select(vec![6_u8, 17, 132]),
        ports in any::<(u16, u16)>(),
        at in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        use_ports in any::<bool>(),
        packets in 0_u8..12,
    ) {
        static ROWS: std::sync::LazyLock<Vec<Row>> = std::sync::LazyLock::new(rows);
        let row = &ROWS[at.index(ROWS.len())];
        let mut client = row.client.clone();
        for (place, octet) in changes {
            let place = place.index(client.len());
            client[place] = octet;
        }
        client.truncate(cut.index(client.len()) + 1);
        let mut sample = sample(row, &client, &row.server);
        (sample.transport, sample.client_packets) = (transport, packets);
        if !use_ports {
            (sample.src_port, sample.dst_port) = ports;
        }
        let _ = winner(&sample, &mut L7::default());
        let swapped = Sample { client: sample.server, server: sample.client, ..sample };
        let _ = winner(&swapped, &mut L7::default());
    }
}

/// Octets without sense, the same in every run.
fn noise(seed: u64) -> impl Iterator<Item = u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Some(u8::try_from(state >> 56).unwrap_or_default())
    })
}

#[test]
fn noise_is_claimed_by_nobody() {
    let mut claimed = std::collections::BTreeMap::<(App, u8), u32>::new();
    for seed in 0..4_000 {
        let mut octets = noise(seed);
        let mut length = || usize::from(octets.next().unwrap_or_default()) + 4;
        let (a, b) = (length(), length());
        let (client, server): (Vec<u8>, Vec<u8>) =
            (octets.by_ref().take(a).collect(), octets.by_ref().take(b).collect());
        for transport in [6, 17] {
            let row = Row {
                app: App::UNKNOWN,
                transport,
                ports: (49_999, 40_001),
                client: client.clone(),
                server: server.clone(),
                spoil: None,
            };
            if let Some((app, _)) = winner(&sample(&row, &client, &server), &mut L7::default()) {
                *claimed.entry((app, transport)).or_default() += 1;
            }
        }
    }
    let named: Vec<_> = claimed
        .iter()
        .map(|((app, transport), count)| format!("{app} {transport} {count}"))
        .collect();
    // One in a thousand would be too many for traffic that is encrypted.
    assert!(claimed.values().sum::<u32>() < 5, "{named:?}");
}

#[test]
fn facts_are_kept() {
    let fact = |app: &str, key: DetailKey| {
        let rows = rows();
        let rows = rows.iter().filter(|row| row.app.name() == Some(app));
        let facts: Vec<String> = rows
            .filter_map(|row| {
                let mut l7 = L7::default();
                winner(&sample(row, &row.client, &row.server), &mut l7);
                l7.details.get(key).map(str::to_owned)
            })
            .collect();
        facts.join("|")
    };
    let mut wrong = Vec::new();
    for (app, key, value) in [
        ("rdp", DetailKey::User, "alice"),
        ("mysql", DetailKey::Version, "8.0.32-log"),
        ("mysql", DetailKey::User, "appuser"),
        ("smb", DetailKey::Version, "3.1.1"),
        ("sip", DetailKey::Agent, "Phone/1.0"),
        ("sip", DetailKey::User, "alice@example.com"),
        ("rtsp", DetailKey::Agent, "VLC"),
        ("ldap", DetailKey::User, "cn=admin,dc=example,dc=com"),
        ("oracle", DetailKey::Path, "orcl"),
        ("oracle", DetailKey::User, "scott"),
        ("kafka", DetailKey::Agent, "console-consumer"),
        ("mqtt", DetailKey::Agent, "dev-17"),
        ("tftp", DetailKey::Path, "boot.bin"),
        ("radius", DetailKey::User, "alice"),
        ("dhcp", DetailKey::User, "host"),
        ("opcua", DetailKey::Path, "opc.tcp://localhost:4840"),
        ("bgp", DetailKey::Agent, "AS65000"),
        ("postgresql", DetailKey::User, "alice"),
        ("snmp", DetailKey::Version, "2c"),
        ("coap", DetailKey::Path, "/.well-known/core"),
        ("qq", DetailKey::User, "123456789"),
    ] {
        if !fact(app, key).contains(value) {
            wrong.push(format!("{app} {key:?}: {}", fact(app, key)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Octets that look like anything, and what real flows say.
fn tails() -> Vec<Vec<u8>> {
    let mut tails: Vec<Vec<u8>> = rows().into_iter().flat_map(|row| [row.client, row.server]).collect();
    tails.push(Vec::new());
    tails.push(vec![0xff; 300]);
    let mut state = 7_u64;
    for length in 64..104 {
        let octets = (0..length).map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        });
        tails.push(octets.collect());
    }
    for tail in &mut tails {
        let length = tail.len().max(super::super::sample::LONG);
        tail.resize(length, 0);
    }
    tails
}

#[test]
fn who_need_not_be_asked_says_no() {
    let tails = tails();
    let answer = |recogniser: &Recogniser, sample: &Sample<'_>| (recogniser.check)(sample, &mut L7::default());
    let plain = |transport, ports: (u16, u16)| Sample {
        transport,
        src_port: ports.0,
        dst_port: ports.1,
        src: ADDR,
        dst: ADDR,
        client: &[],
        server: &[],
        client_packets: 1,
        server_packets: 0,
        latest: &[],
        forward: true,
    };
    for recogniser in ALL {
        let port = recogniser
            .only
            .first()
            .or(recogniser.ports.first())
            .copied()
            .unwrap_or(9);
        for (number, tail) in (0..8).cycle().zip(&tails) {
            // All first octets, an eighth of them with each tail.
            for first in (number..=u8::MAX).step_by(8) {
                let mut octets = tail.clone();
                octets[0] = first;
                let name = recogniser.app;
                if !recogniser.streams.is_empty()
                    && !recogniser.streams.contains(&first)
                    && recogniser.transports & TCP != 0
                {
                    let mut sample = plain(6, (50_000, port));
                    (sample.client, sample.latest) = (&octets, &octets);
                    assert_eq!(
                        answer(recogniser, &sample),
                        Verdict::More,
                        "{name} {first:#x} {tail:x?}"
                    );
                    sample.client_packets = 6;
                    assert_eq!(answer(recogniser, &sample), Verdict::No, "{name} {first:#x} {tail:x?}");
                    (sample.server, sample.server_packets, sample.client_packets) = (&octets, 1, 1);
                    assert_eq!(answer(recogniser, &sample), Verdict::No, "{name} {first:#x} {tail:x?}");
                }
                if !recogniser.datagrams.is_empty()
                    && !recogniser.datagrams.contains(&first)
                    && recogniser.transports & UDP != 0
                {
                    let mut sample = plain(17, (50_000, port));
                    (sample.client, sample.latest) = (&octets, &octets);
                    assert_eq!(
                        answer(recogniser, &sample),
                        Verdict::More,
                        "{name} {first:#x} {tail:x?}"
                    );
                    sample.client_packets = 3;
                    assert_eq!(answer(recogniser, &sample), Verdict::No, "{name} {first:#x} {tail:x?}");
                }
            }
            if !recogniser.only.is_empty() {
                for (transport, bit) in [(6, TCP), (17, UDP)] {
                    let mut sample = plain(transport, (50_000, 50_001));
                    (sample.client, sample.latest) = (tail, tail);
                    if recogniser.transports & bit != 0 {
                        assert_eq!(answer(recogniser, &sample), Verdict::No, "{}", recogniser.app);
                    }
                }
            }
        }
    }
}
