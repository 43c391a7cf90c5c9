use model::{App, Confidence, DetailKey};
use proptest::prelude::*;

use super::*;
use crate::l7::sample::{Sample, Verdict};

/// Octets of hexadecimal digits.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |d: u8| u8::try_from(char::from(d).to_digit(16).expect("a digit")).expect("a digit");
    digits
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

/// RFC 8448, section 3: the client's first record.
const CLIENT: &str = "
    16 03 01 00 c4 01 00 00 c0 03 03 cb 34 ec b1 e7 81 63 ba 1c 38 c6 da cb 19 6a 6d ff a2 1a 8d 99 12 ec 18 a2 ef 62 83 02 4d ec e7
    00 00 06 13 01 13 03 13 02 01 00 00 91 00 00 00 0b 00 09 00 00 06 73 65 72 76 65 72 ff 01 00 01 00 00 0a 00 14 00 12 00 1d 00 17
    00 18 00 19 01 00 01 01 01 02 01 03 01 04 00 23 00 00 00 33 00 26 00 24 00 1d 00 20 99 38 1d e5 60 e4 bd 43 d2 3d 8e 43 5a 7d ba
    fe b3 c0 6e 51 c1 3c ae 4d 54 13 69 1e 52 9a af 2c 00 2b 00 03 02 03 04 00 0d 00 20 00 1e 04 03 05 03 06 03 02 03 08 04 08 05 08
    06 04 01 05 01 06 01 02 01 04 02 05 02 06 02 02 02 00 2d 00 02 01 01 00 1c 00 02 40 01";
/// RFC 8448, section 3: the server's first record.
const SERVER: &str = "
    16 03 03 00 5a 02 00 00 56 03 03 a6 af 06 a4 12 18 60 dc 5e 6e 60 24 9c d3 4c 95 93 0c 8a c5 cb 14 34 da c1 55 77 2e d3 e2 69 28
    00 13 01 00 00 2e 00 33 00 24 00 1d 00 20 c9 82 88 76 11 20 95 fe 66 76 2b db f7 c6 72 e1 56 d6 cc 25 3b 83 3d f1 dd 69 b1 b0 4e
    75 1f 0f 00 2b 00 02 03 04";
/// RFC 8448, section 5: the server's request to try again.
const RETRY: &str = "
    16 03 03 00 b0 02 00 00 ac 03 03 cf 21 ad 74 e5 9a 61 11 be 1d 8c 02 1e 65 b8 91 c2 a2 11 16 7a bb 8c 5e 07 9e 09 e2 c8 a8 33 9c
    00 13 01 00 00 84 00 33 00 02 00 17 00 2c 00 74 00 72 71 dc d0 4b b8 8b c3 18 91 19 39 8a 00 00 00 00 ee fa fc 76 c1 46 b8 23 b0
    96 f8 aa ca d3 65 dd 00 30 95 3f 4e df 62 56 36 e5 f2 1b b2 e2 3f cc 65 4b 1b 5b 40 31 8d 10 d1 37 ab cb b8 75 74 e3 6e 8a 1f 02
    5f 7d fa 5d 6e 50 78 1b 5e da 4a a1 5b 0c 8b e7 78 25 7d 16 aa 30 30 e9 e7 84 1d d9 e4 c0 34 22 67 e8 ca 0c af 57 1f b2 b7 cf f0
    f9 34 b0 00 2b 00 02 03 04";

fn facts(handshake: &Handshake) -> L7 {
    let mut l7 = L7::default();
    handshake.describe(&mut l7);
    l7
}

fn detail(handshake: &Handshake, key: DetailKey) -> Option<String> {
    facts(handshake).details.get(key).map(str::to_owned)
}

/// A record of a version.
fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("a record's length").to_be_bytes();
    [&[kind, 3, 1], &length[..], content].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("short").to_be_bytes();
    [&[kind], &length[1..], body].concat()
}

/// A hello of TLS 1.2's server, with the protocol that it chose.
fn hello_12(protocol: &[u8]) -> Vec<u8> {
    let length = u8::try_from(protocol.len()).expect("short");
    let list = [&[0, length + 1, length], protocol].concat();
    let extension = [&[0, 16, 0, length + 3], &list[..]].concat();
    let body = [&[3, 3], &[7; 32][..], &[0, 0xc0, 0x2f, 0, 0, length + 7], &extension].concat();
    message(2, &body)
}

/// A certificate message with one certificate.
fn certificate() -> Vec<u8> {
    let name = hex("30 0d 31 0b 30 09 06 03 55 04 03 13 02 63 61");
    let subject = hex("30 10 31 0e 30 0c 06 03 55 04 03 13 05 61 2e 6f 72 67");
    let rest = hex("30 00 30 00");
    let fields = [&hex("02 01 01 30 00")[..], &name, &hex("30 00"), &subject, &rest].concat();
    let short = |content: &[u8]| [&[0x30, u8::try_from(content.len()).expect("short")], content].concat();
    let certificate = short(&short(&fields));
    let length = u8::try_from(certificate.len()).expect("short");
    message(11, &[&[0, 0, length + 3, 0, 0, length], &certificate[..]].concat())
}

#[test]
fn the_trace_of_a_handshake() {
    let mut handshake = Handshake::default();
    assert_eq!(handshake.push(true, &hex(CLIENT)), Progress::Hello);
    assert_eq!(handshake.host(), Some("server"));
    assert_eq!(handshake.client_forward(), Some(true));
    assert_eq!(detail(&handshake, DetailKey::TlsVersion), None);
    assert_eq!(handshake.push(false, &hex(SERVER)), Progress::Done);
    let wanted = [
        (DetailKey::Ja4, "t13d030900_55b375c5d22e_59cd3dafc54d"),
        (DetailKey::TlsVersion, "TLS 1.3"),
        (DetailKey::Cipher, "TLS_AES_128_GCM_SHA256"),
        (DetailKey::TlsClientVersion, "TLS 1.3"),
    ];
    for (key, value) in wanted {
        assert_eq!(detail(&handshake, key).as_deref(), Some(value));
    }
    assert_eq!(handshake.failure(), None);
}

#[test]
fn a_request_to_try_again_says_what_the_hello_will() {
    let mut handshake = Handshake::default();
    // the server's side of the flow was seen first
    assert_eq!(handshake.push(true, &hex(RETRY)), Progress::Done);
    assert_eq!(handshake.client_forward(), Some(false));
    assert_eq!(detail(&handshake, DetailKey::TlsVersion).as_deref(), Some("TLS 1.3"));
}

#[test]
fn tls_12_with_a_certificate() {
    let mut handshake = Handshake::default();
    handshake.push(true, &hex(CLIENT));
    // three messages in one record, another split over two
    let all = [hello_12(b"h2"), certificate(), message(14, &[])].concat();
    let (one, two) = all.split_at(60);
    assert_eq!(handshake.push(false, &record(22, one)), Progress::Hello);
    assert_eq!(handshake.push(false, &record(22, two)), Progress::Hello);
    for (key, value) in [
        (DetailKey::Alpn, "h2"),
        (DetailKey::TlsVersion, "TLS 1.2"),
        (DetailKey::Cipher, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        (DetailKey::Subject, "a.org"),
        (DetailKey::Issuer, "ca"),
    ] {
        assert_eq!(detail(&handshake, key).as_deref(), Some(value));
    }
    // the client's change is not the end: the server may still refuse
    assert_eq!(handshake.push(true, &record(20, &[1])), Progress::Hello);
    assert_eq!(handshake.push(false, &record(20, &[1])), Progress::Done);
}

#[test]
fn a_session_that_is_resumed_has_no_certificate() {
    let mut handshake = Handshake::default();
    handshake.push(true, &hex(CLIENT));
    let all = [record(22, &hello_12(b"h2")), record(20, &[1]), record(22, &[9; 40])].concat();
    assert_eq!(handshake.push(false, &all), Progress::Done);
    assert_eq!(detail(&handshake, DetailKey::Subject), None);
}

#[test]
fn a_fatal_alert_is_the_outcome() {
    let mut handshake = Handshake::default();
    handshake.push(true, &hex(CLIENT));
    assert_eq!(handshake.push(false, &record(21, &[1, 112])), Progress::Hello);
    assert_eq!(handshake.failure(), None);
    assert_eq!(handshake.push(false, &record(21, &[2, 40])), Progress::Done);
    assert_eq!(handshake.failure(), Some("handshake_failure"));
    assert_eq!(detail(&handshake, DetailKey::TlsVersion), None);
}

#[test]
fn early_data_is_not_the_end() {
    let mut handshake = Handshake::default();
    let early = [hex(CLIENT), record(20, &[1]), record(23, &[5; 300])].concat();
    assert_eq!(handshake.push(true, &early), Progress::Hello);
    assert_eq!(handshake.push(false, &hex(SERVER)), Progress::Done);
    assert_eq!(
        detail(&handshake, DetailKey::Cipher).as_deref(),
        Some("TLS_AES_128_GCM_SHA256")
    );
}

#[test]
fn a_hello_of_ssl_2_asks_for_a_later_version() {
    let hello = [
        &[0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10][..],
        &hex("000004 000005 00000a 010080 0700c0 030080 000009"),
    ]
    .concat();
    let hello = [&hello[..], &[7; 16]].concat();
    let mut handshake = Handshake::default();
    assert_eq!(handshake.push(true, &hello), Progress::Hello);
    assert_eq!(
        detail(&handshake, DetailKey::TlsClientVersion).as_deref(),
        Some("TLS 1.0")
    );
    assert_eq!(handshake.push(false, &record(22, &hello_12(b"x"))), Progress::Hello);
    // records of TLS follow
    assert_eq!(handshake.push(true, &record(21, &[2, 48])), Progress::Done);
    assert_eq!(handshake.failure(), Some("unknown_ca"));
    assert_eq!(ssl2::client_hello(&hello), Some(46));
}

#[test]
fn tlcp_is_named() {
    let mut server = record(22, &{
        let mut hello = hello_12(b"h2");
        hello[4..6].copy_from_slice(&[1, 1]);
        hello[39..41].copy_from_slice(&[0xe0, 0x13]);
        hello
    });
    server[1..3].copy_from_slice(&[1, 1]);
    let mut handshake = Handshake::default();
    handshake.push(false, &server);
    assert_eq!(detail(&handshake, DetailKey::TlsVersion).as_deref(), Some("TLCP 1.1"));
    assert_eq!(
        detail(&handshake, DetailKey::Cipher).as_deref(),
        Some("ECC_SM4_CBC_SM3")
    );
}

#[test]
fn other_octets_are_not_tls() {
    for (octets, progress) in [
        (&b"GET / HTTP/1.1\r\n"[..], Progress::No),
        (b"\x16\x03\x01", Progress::More),
        (b"\x16\x03\x09\x00\x10", Progress::No),
        (b"\x80\x05\x09\x09\x09\x09\x09", Progress::No),
        (b"", Progress::More),
    ] {
        assert_eq!(Handshake::default().push(true, octets), progress);
    }
    // the other side answers in something else: what is known stays
    let mut handshake = Handshake::default();
    handshake.push(true, &hex(CLIENT));
    assert_eq!(handshake.push(false, b"HTTP/1.1 400 Bad Request\r\n"), Progress::Done);
    assert_eq!(handshake.host(), Some("server"));
}

#[test]
fn what_is_held_is_bounded() {
    let mut handshake = Handshake::default();
    // a certificate message of 16 MiB, in records
    handshake.push(true, &hex(CLIENT));
    handshake.push(false, &record(22, &hello_12(b"h2")));
    handshake.push(false, &record(22, &[11, 0xff, 0xff, 0xff]));
    for _ in 0..100 {
        assert_eq!(handshake.push(false, &record(22, &[0; 16_000])), Progress::Hello);
    }
    assert_eq!(handshake.held(), 16 << 10);
    // a hello of more than 32 KiB is none
    assert_eq!(
        Handshake::default().push(true, &record(22, &[1, 0, 0x90, 0])),
        Progress::No
    );
}

#[test]
fn dtls_in_fragments() {
    let body = {
        let mut body = hex(CLIENT).split_off(9);
        body[0..2].copy_from_slice(&[0xfe, 0xfd]);
        // DTLS has a cookie after the session
        body.insert(35, 0);
        body
    };
    let length = u32::try_from(body.len()).expect("short").to_be_bytes();
    let fragment = |from: usize, to: usize| {
        let offset = u32::try_from(from).expect("short").to_be_bytes();
        let part = u32::try_from(to - from).expect("short").to_be_bytes();
        let content = [&[1], &length[1..], &[0, 0], &offset[1..], &part[1..], &body[from..to]].concat();
        let size = u16::try_from(content.len()).expect("short").to_be_bytes();
        [&[22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 9], &size[..], &content].concat()
    };
    let end = body.len();
    let mut datagrams = Datagrams::default();
    assert_eq!(datagrams.datagram(true, &fragment(90, end)), Progress::More);
    assert_eq!(
        datagrams.datagram(true, &[fragment(0, 50), fragment(50, 90)].concat()),
        Progress::Hello
    );
    let mut l7 = L7::default();
    datagrams.describe(&mut l7);
    assert_eq!(l7.host.as_deref(), Some("server"));
    // its supported version is TLS 1.3's, which DTLS does not know: the hello's own counts
    assert_eq!(l7.details.get(DetailKey::TlsClientVersion), Some("DTLS 1.2"));
    assert_eq!(
        l7.details.get(DetailKey::Ja4),
        Some("dd2d030900_55b375c5d22e_59cd3dafc54d")
    );
    // records of a later epoch are encrypted
    assert_eq!(
        datagrams.datagram(false, b"\x14\xfe\xfd\0\0\0\0\0\0\0\x01\0\x01\x01"),
        Progress::Done
    );
}

fn verdict(client: &[u8], server: &[u8], port: u16) -> Verdict {
    let sample = Sample {
        transport: 6,
        src_port: 50_000,
        dst_port: port,
        src: std::net::Ipv4Addr::LOCALHOST.into(),
        dst: std::net::Ipv4Addr::LOCALHOST.into(),
        client,
        server,
        client_packets: 1,
        server_packets: 1,
        latest: client,
        forward: true,
    };
    check(&sample, &mut L7::default())
}

#[test]
fn hellos_are_recognised_on_any_port_by_any_part() {
    let parsed = |name: &str| Verdict::Is(App::by_name(name).expect("an application"), Confidence::Parsed);
    let mut tlcp = hex(CLIENT);
    tlcp[1..3].copy_from_slice(&[1, 1]);
    for hello in [hex(CLIENT), hex(SERVER), tlcp] {
        for length in 1..=8 {
            assert_eq!(verdict(&hello[..length], b"", 443), Verdict::More, "{length}");
        }
        for length in 9..hello.len() {
            assert_eq!(verdict(&hello[..length], b"", 443), parsed("https"));
        }
        assert_eq!(verdict(b"", &hello, 12_345), parsed("tls"));
        assert_eq!(verdict(&hello, b"", 853), parsed("dns-over-tls"));
    }
    assert_eq!(verdict(b"", b"", 443), Verdict::More);
    let encrypted = Verdict::Is(App::named("https"), Confidence::Pattern);
    assert_eq!(verdict(&record(23, &[5; 20]), b"", 443), encrypted);
    for other in [
        &b"\x16\x03\x01\x00\x10\x05"[..],
        b"\x15\x03\x01\x00\x02",
        b"\x80\x2e\x02",
        b"\x16\x05",
        b"SSH-",
    ] {
        assert_eq!(verdict(other, b"", 443), Verdict::More, "the server has not spoken");
        assert_eq!(verdict(other, b"220 ", 443), Verdict::No);
    }
    assert_eq!(
        verdict(&[0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10], b"", 443),
        parsed("https")
    );
    assert_eq!(verdict(&[0x80, 0x2e, 1, 3], b"220 ", 443), Verdict::More);
}

/// A whole handshake of TLS 1.2, direction by direction.
fn conversation() -> [(bool, Vec<u8>); 4] {
    let flight = [hello_12(b"http/1.1"), certificate(), message(14, &[])].concat();
    [
        (true, hex(CLIENT)),
        (false, [record(22, &flight[..30]), record(22, &flight[30..])].concat()),
        (
            true,
            [
                record(22, &message(16, &[3; 64])),
                record(20, &[1]),
                record(22, &[5; 40]),
            ]
            .concat(),
        ),
        (
            false,
            [record(20, &[1]), record(22, &[6; 40]), record(23, &[7; 100])].concat(),
        ),
    ]
}

/// A server's hello of a draft of TLS 1.3 is the last that is read, also where its record goes on.
#[test]
fn a_hello_that_encrypts_at_once_ends_its_record() {
    let mut all = conversation();
    all[1].1[9] = 0x7f;
    let (mut whole, mut cut) = (Handshake::default(), Handshake::default());
    for (forward, octets) in &all {
        whole.push(*forward, octets);
        for octet in octets {
            cut.push(*forward, &[*octet]);
        }
    }
    assert_eq!(facts(&whole), facts(&cut));
    assert_eq!(facts(&whole).details.get(DetailKey::Subject), None);
}

proptest! {
    /// However the octets are cut, they say the same.
    #[test]
    fn cuts_change_nothing(cuts in proptest::collection::vec(1..80usize, 1..60), change in proptest::option::of((any::<prop::sample::Index>(), any::<u8>()))) {
        let mut all = conversation();
        if let Some((at, octet)) = change {
            let at = at.index(all[1].1.len());
            all[1].1[at] = octet;
        }
        let (mut whole, mut cut) = (Handshake::default(), Handshake::default());
        let mut sizes = cuts.iter().cycle();
        for (forward, octets) in &all {
            let expected = whole.push(*forward, octets);
            let mut rest = &octets[..];
            let mut progress = cut.progress();
            while !rest.is_empty() {
                let (part, after) = rest.split_at((*sizes.next().expect("a cycle")).min(rest.len()));
                progress = cut.push(*forward, part);
                rest = after;
            }
            prop_assert_eq!(progress, expected);
            prop_assert_eq!(facts(&whole), facts(&cut));
            prop_assert_eq!(whole.failure(), cut.failure());
        }
    }

    #[test]
    fn any_octets_are_read_without_panic(parts in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..200)), 0..10), kind in 20..25u8) {
        let (mut handshake, mut datagrams) = (Handshake::default(), Datagrams::default());
        let mut records = Handshake::default();
        for (forward, octets) in &parts {
            handshake.push(*forward, octets);
            datagrams.datagram(*forward, octets);
            records.push(*forward, &record(kind, octets));
            let header = [&[kind, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 200], &octets[..]].concat();
            datagrams.datagram(*forward, &header);
        }
        facts(&handshake);
        facts(&records);
    }

    #[test]
    fn damaged_hellos_are_read_without_panic(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut client = hex(CLIENT);
        for (at, octet) in changes {
            let at = at.index(client.len() - 9) + 9;
            client[at] = octet;
        }
        let mut handshake = Handshake::default();
        handshake.push(true, &client);
        handshake.push(false, &hex(SERVER));
        let l7 = facts(&handshake);
        prop_assert!(l7.host.is_none_or(|host| host.len() <= L7::HOST_MAX));
    }
}
