//! TLS, and whatever else, behind what comes before it: a request for TLS, a proxy's handshake, STUN.

use meter::craft::{Opening, Random};
use model::{DetailKey, FlowRecord};
use proptest::prelude::*;

use crate::frames::{self, CLIENT, SERVER, ethernet, host, ipv4};
use crate::{corpus, tshark};

const HOST: &str = "inner.example.com";

/// What is said before TLS, by whom; the server's port and the application of the flow.
struct Preamble {
    name: &'static str,
    port: u16,
    app: &'static str,
    turns: Vec<(bool, Vec<u8>)>,
    /// Whether tshark reads on as well.
    tshark: bool,
}

fn preambles() -> Vec<Preamble> {
    let of = |name, port, app, turns: &[(bool, &[u8])]| Preamble {
        name,
        port,
        app,
        turns: turns
            .iter()
            .map(|(forward, octets)| (*forward, octets.to_vec()))
            .collect(),
        tshark: true,
    };
    let oid = b"1.3.6.1.4.1.1466.20037";
    let start_tls = [&[0x30, 29, 2, 1, 1, 0x77, 24, 0x80, 22][..], oid].concat();
    let started = [0x30, 12, 2, 1, 1, 0x78, 7, 0x0a, 1, 0, 4, 0, 4, 0];
    let started_long = [0x30, 0x84, 0, 0, 0, 12, 2, 1, 1, 0x78, 7, 0x0a, 1, 0, 4, 0, 4, 0];
    let rdp_asks: &[u8] = b"\x03\0\0\x2a\x25\xe0\0\0\0\0\0Cookie: mstshash=user\r\n\x01\0\x08\0\x03\0\0\0";
    let rdp_takes: &[u8] = &[3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0x1f, 8, 0, 2, 0, 0, 0];
    let name = HOST.as_bytes();
    let length = u8::try_from(name.len()).expect("short");
    let by_name = [&[5, 1, 0, 3, length][..], name, &[1, 187]].concat();
    let connect = format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\nUser-Agent: a/1\r\n\r\n");
    let stream: &[u8] = b"<?xml version='1.0'?><stream:stream to='inner.example.com' xmlns='jabber:client' \
        xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
    let features: &[u8] = b"<?xml version='1.0'?><stream:stream id='1' from='inner.example.com' xmlns='jabber:client' \
        xmlns:stream='http://etherx.jabber.org/streams' version='1.0'><stream:features>\
        <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>";
    let mut all = vec![
        of(
            "PostgreSQL",
            5432,
            "postgresql",
            &[(true, &[0, 0, 0, 8, 4, 210, 22, 47]), (false, b"S")],
        ),
        of("RDP", 3389, "rdp", &[(true, rdp_asks), (false, rdp_takes)]),
        of("LDAP", 389, "ldap", &[(true, &start_tls), (false, &started)]),
        of(
            "LDAP, lengths in four octets",
            389,
            "ldap",
            &[(true, &start_tls), (false, &started_long)],
        ),
        of(
            "XMPP",
            5222,
            "xmpp",
            &[
                (true, stream),
                (false, features),
                (true, b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
                (false, b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
            ],
        ),
        of(
            "SOCKS 5",
            1080,
            "https",
            &[
                (true, &[5, 1, 0]),
                (false, &[5, 0]),
                (true, &by_name),
                (false, &[5, 0, 0, 1, 192, 0, 2, 9, 1, 187]),
            ],
        ),
        of(
            "SOCKS 5 with a password",
            1080,
            "https",
            &[
                (true, &[5, 2, 0, 2]),
                (false, &[5, 2]),
                (true, &[1, 1, b'u', 2, b'p', b'w']),
                (false, &[1, 0]),
                (true, &[5, 1, 0, 1, 192, 0, 2, 9, 1, 187]),
                (
                    false,
                    &[
                        5, 0, 0, 4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 187,
                    ],
                ),
            ],
        ),
        of(
            "SOCKS 4",
            1080,
            "https",
            &[
                (true, b"\x04\x01\x01\xbb\xc0\0\x02\x09user\0"),
                (false, &[0, 0x5a, 0, 0, 0, 0, 0, 0]),
            ],
        ),
        of(
            "HTTP CONNECT",
            8080,
            "https",
            &[
                (true, connect.as_bytes()),
                (false, b"HTTP/1.1 200 Connection established\r\n\r\n"),
            ],
        ),
    ];
    for preamble in &mut all {
        preamble.tshark = !UNREAD.contains(&preamble.name);
    }
    all
}

/// Where tshark 4.0 takes what follows for data, unless it is told.
const UNREAD: [&str; 1] = ["RDP"];

/// A conversation in segments of so many octets.
fn frames_of(preamble: &Preamble, cut: usize) -> Vec<Vec<u8>> {
    let opening = Opening::tls13(HOST, &mut Random::new(7));
    let ports = |forward| {
        if forward {
            (40_000, preamble.port)
        } else {
            (preamble.port, 40_000)
        }
    };
    let ends = |forward| if forward { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
    let mut next = [u32::MAX - 30, 200];
    let frame = |forward, segment: &[u8]| ethernet(0x0800, &ipv4(ends(forward), 6, (1, 0), segment));
    let mut frames = vec![
        frame(true, &frames::tcp(ports(true), next[0].wrapping_sub(1), 0, 2, &[])),
        frame(false, &frames::tcp(ports(false), next[1] - 1, next[0], 18, &[])),
        frame(true, &frames::tcp(ports(true), next[0], next[1], 16, &[])),
    ];
    for (forward, octets) in preamble.turns.iter().chain(&opening.messages) {
        for part in octets.chunks(cut) {
            let (own, other) = if *forward { (0, 1) } else { (1, 0) };
            frames.push(frame(
                *forward,
                &frames::tcp(ports(*forward), next[own], next[other], 24, part),
            ));
            next[own] = next[own].wrapping_add(u32::try_from(part.len()).expect("short"));
        }
    }
    frames
}

fn detail(record: &FlowRecord, key: DetailKey) -> Option<&str> {
    record.l7.as_ref()?.details.get(key)
}

#[test]
fn tls_is_read_behind_what_asks_for_it() {
    let plain = Preamble {
        name: "none",
        port: 443,
        app: "https",
        turns: Vec::new(),
        tshark: true,
    };
    let alone = frames::meter(&frames_of(&plain, 1_200)).records.remove(0);
    let expected = detail(&alone, DetailKey::Ja4).expect("a fingerprint").to_owned();
    for preamble in preambles() {
        for cut in [1_200, 100, 30] {
            let got = frames::meter(&frames_of(&preamble, cut));
            let name = preamble.name;
            let [record] = got.records.as_slice() else {
                panic!("{name}: {:?}", got.records)
            };
            assert_eq!(record.app.to_string(), preamble.app, "{name} in {cut}");
            assert_eq!(host(record), Some(HOST), "{name} in {cut}");
            assert_eq!(detail(record, DetailKey::Ja4), Some(&*expected), "{name} in {cut}");
            assert_eq!(
                detail(record, DetailKey::TlsVersion),
                Some("TLS 1.3"),
                "{name} in {cut}"
            );
            let tls = got
                .logs
                .iter()
                .filter(|log| log.source == model::LogSource::Tls)
                .count();
            assert_eq!(tls, 1, "{name} in {cut}: {:?}", got.logs);
        }
    }
}

#[test]
fn tshark_reads_the_same_behind_it() {
    for preamble in preambles() {
        let frames = frames_of(&preamble, 1_200);
        let path = tshark::written("preamble", frames.iter().map(|frame| (0, frame.as_slice())));
        let Some(rows) = tshark::rows(&path) else { return };
        let said = rows
            .iter()
            .find_map(|row| row.get("tls.handshake.extensions_server_name"));
        assert_eq!(said == Some(HOST), preamble.tshark, "{}: {said:?}", preamble.name);
    }
}

#[test]
fn a_refusal_leaves_the_flow_what_it_is() {
    let refused = [
        (
            5432,
            "postgresql",
            vec![(true, vec![0, 0, 0, 8, 4, 210, 22, 47]), (false, b"N".to_vec())],
        ),
        (1080, "socks", vec![(true, vec![5, 1, 0]), (false, vec![5, 0xff])]),
        (
            8080,
            "http-proxy",
            vec![
                (
                    true,
                    b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n".to_vec(),
                ),
                (
                    false,
                    b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n".to_vec(),
                ),
            ],
        ),
    ];
    for (port, app, turns) in refused {
        let preamble = Preamble {
            name: app,
            port,
            app,
            turns,
            tshark: false,
        };
        // The handshake and what is said before TLS alone.
        let count = 3 + preamble.turns.len();
        let got = frames::meter(frames_of(&preamble, 1_200).iter().take(count));
        assert_eq!(got.records[0].app.to_string(), app);
        assert_eq!(detail(&got.records[0], DetailKey::Ja4), None, "{app}");
    }
}

#[test]
fn dtls_is_read_behind_stun() {
    let Some(folder) = corpus::folder("ndpi/pcap") else {
        return;
    };
    let mut found = Vec::new();
    for name in ["stun.pcap", "stun_dtls_rtp.pcapng", "stun_zoom.pcapng"] {
        for record in corpus::meter(&folder.join(name)).records {
            if record.protocol == 17
                && let Some(version) = detail(&record, DetailKey::TlsVersion)
            {
                found.push((name, record.app.to_string(), version.to_owned()));
            }
        }
    }
    eprintln!("{found:?}");
    assert!(found.len() >= 2, "{found:?}");
    assert!(found.iter().all(|(.., version)| version.starts_with("DTLS 1.")));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

    /// Whatever becomes of the octets, all packets are in records and nothing is held at the end.
    #[test]
    fn damaged_preambles_are_taken(
        which in 0_usize..9,
        cut in 1_usize..200,
        damages in prop::collection::vec((any::<prop::sample::Index>(), 54_usize..120, any::<u8>()), 0..12),
        lost in prop::collection::vec(any::<prop::sample::Index>(), 0..3),
    ) {
        let preambles = preambles();
        let mut frames = frames_of(&preambles[which], cut);
        for (frame, at, octet) in &damages {
            let frame = frame.index(frames.len());
            if let Some(place) = frames[frame].get_mut(*at) {
                *place = *octet;
            }
        }
        for frame in &lost {
            frames.remove(frame.index(frames.len()));
        }
        let got = frames::meter(&frames);
        let packets: u64 = got.records.iter().map(|r| r.packets + r.packets_rev).sum();
        prop_assert_eq!(packets, frames.len() as u64);
        prop_assert_eq!(got.layer7.map(|layer7| (layer7.open, layer7.held)), Some((0, 0)));
    }
}
