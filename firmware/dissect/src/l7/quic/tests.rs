use proptest::prelude::*;

use super::*;

/// Octets of hexadecimal digits.
fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |d: u8| u8::try_from(char::from(d).to_digit(16).expect("a digit")).expect("a digit");
    digits
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

/// RFC 9001, appendix A.
const CONNECTION: &str = "8394c8f03e515708";
/// RFC 9001, section A.2: the CRYPTO frame of the client's packet; padding follows up to 1,162 octets.
const CLIENT_CRYPTO: &str = "
    060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868 04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578
    616d706c652e636f6dff01000100000a00080006001d00170018001000070005 04616c706e000500050100000000003300260024001d00209370b2c9caa47fba
    baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400 0d0010000e0403050306030203080408050806002d00020101001c0002400100
    3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000 75300901100f088394c8f03e51570806048000ffff";
/// RFC 9001, section A.3: the server's packet.
const SERVER_PACKET: &str = "
    cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a 5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3
    dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84 022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc4
    2158407dd074ee";

fn keys(version: u32, connection: &[u8]) -> Keys {
    let derivation = version::candidates(version).next().expect("a version that is known");
    Keys::derive(derivation, connection)
}

/// The client's packet of RFC 9001, section A.2, or of RFC 9369, section A.2: as long as in there.
fn client_packet(version: u32) -> Vec<u8> {
    let mut plain = hex(CLIENT_CRYPTO);
    plain.resize(1_162, 0);
    let first = if version == version::V2 { "d3" } else { "c3" };
    let header = hex(&format!("{first}{version:08x}08{CONNECTION}0000449e00000002"));
    keys(version, &hex(CONNECTION)).seal(true, &header, &plain)
}

fn facts(session: &Session) -> L7 {
    let mut l7 = L7::default();
    session.describe(&mut l7);
    l7
}

fn assert_is_the_example(session: &Session, version: &str) {
    let l7 = facts(session);
    assert_eq!(l7.host.as_deref(), Some("example.com"));
    let detail = |key| l7.details.get(key);
    assert_eq!(detail(DetailKey::Alpn), Some("alpn"));
    assert_eq!(detail(DetailKey::Version), Some(version));
    assert_eq!(detail(DetailKey::Ja4), Some("q13d0211an_62ed6f6ca7ad_4d634acda6c0"));
}

/// The tag at the end vouches for all of a packet: where it is the document's, all is.
#[test]
fn packets_of_the_documents() {
    let packet = client_packet(version::V1);
    let begin = hex(
        "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11 d242b123dc9bd8bab936b47d92ec356c0bab7df5976d27cd449f63300099f399",
    );
    assert_eq!(&packet[..64], begin);
    assert_eq!(&packet[1_184..], hex("e221af44860018ab0856972e194cd934"));
    let mut session = Session::default();
    assert_eq!(session.datagram(true, &packet), Progress::Hello);
    assert_is_the_example(&session, "1");
    assert_eq!(session.datagram(false, &hex(SERVER_PACKET)), Progress::Done);
    let l7 = facts(&session);
    assert_eq!(l7.details.get(DetailKey::TlsVersion), Some("TLS 1.3"));
    assert_eq!(l7.details.get(DetailKey::Cipher), Some("TLS_AES_128_GCM_SHA256"));
    assert_is_the_example(&session, "1");

    // RFC 9369, section A.2
    let packet = client_packet(version::V2);
    let begin = hex(
        "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485 dd04de806071bf03dceebfa162e75d6c96058bdbfb127cdfcbf903388e99ad04",
    );
    assert_eq!(&packet[..64], begin);
    assert_eq!(&packet[1_184..], hex("a18b2faa745b6fe189cf772a9f84cbfc").as_slice());
    let mut session = Session::default();
    assert_eq!(session.datagram(true, &packet), Progress::Hello);
    assert_is_the_example(&session, "2");
}

/// Packets of the example's hello in pieces: (number, pieces of the CRYPTO stream).
fn pieces(version: u32, connection: &[u8], packets: &[&[(usize, usize)]]) -> Vec<Vec<u8>> {
    let hello = &hex(CLIENT_CRYPTO)[4..];
    let mut all = Vec::new();
    for (number, pieces) in packets.iter().enumerate() {
        let mut plain = Vec::new();
        for (from, to) in *pieces {
            let [high, low] = u16::try_from(*from).expect("short").to_be_bytes();
            let [length_high, length_low] = u16::try_from(to - from).expect("short").to_be_bytes();
            plain.extend([0, 1, 6, 0x40 | high, low, 0x40 | length_high, length_low]);
            plain.extend(&hello[*from..*to]);
        }
        plain.resize(1_100, 0);
        let length = 0x4000 | (4 + 1_100 + 16);
        let mut header = vec![0xc3];
        header.extend(version.to_be_bytes());
        header.push(u8::try_from(connection.len()).expect("short"));
        header.extend(connection);
        header.extend([0, 0]);
        header.extend(u16::to_be_bytes(length));
        header.extend(u32::to_be_bytes(u32::try_from(number).expect("few")));
        all.push(keys(version, connection).seal(true, &header, &plain));
    }
    all
}

#[test]
fn a_hello_in_pieces_out_of_order() {
    let connection = hex("0102030405060708");
    let packets = pieces(
        version::V1,
        &connection,
        &[&[(100, 180), (0, 40)], &[(170, 241), (30, 101)]],
    );
    for order in [[0, 1], [1, 0]] {
        let mut session = Session::default();
        assert_eq!(session.datagram(true, &packets[order[0]]), Progress::More);
        // one that is seen twice changes nothing
        assert_eq!(session.datagram(true, &packets[order[0]]), Progress::More);
        assert_eq!(session.datagram(true, &packets[order[1]]), Progress::Hello);
        assert_is_the_example(&session, "1");
    }
    // two packets in a datagram
    let mut session = Session::default();
    assert_eq!(session.datagram(false, &packets.concat()), Progress::Hello);
    assert_eq!(session.client_forward(), Some(false));
    assert_is_the_example(&session, "1");
}

#[test]
fn after_a_retry_the_keys_are_others() {
    let first = pieces(version::V1, &[1; 8], &[&[(0, 100)]]);
    let second = pieces(version::V1, &[2; 8], &[&[(0, 241)]]);
    let mut session = Session::default();
    assert_eq!(session.datagram(true, &first[0]), Progress::More);
    let retry = hex("ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba");
    assert_eq!(session.datagram(false, &retry), Progress::More);
    assert_eq!(session.datagram(true, &second[0]), Progress::Hello);
    assert_is_the_example(&session, "1");
}

#[test]
fn versions_of_drafts_and_reserved_ones() {
    for (version, name) in [
        (0xff00_001d, "draft-29"),
        (0xff00_0022, "draft-34"),
        (0xff00_001b, "draft-27"),
        (0xface_b002, "mvfst-02"),
        (0x1a2a_3a4a, "0x1a2a3a4a"),
    ] {
        let packets = pieces(version, &[7; 20], &[&[(0, 241)]]);
        let mut session = Session::default();
        assert_eq!(session.datagram(true, &packets[0]), Progress::Hello, "{name}");
        assert_is_the_example(&session, name);
    }
}

#[test]
fn a_packet_that_was_changed_says_nothing() {
    let mut packet = client_packet(version::V1);
    packet[600] ^= 1;
    let mut session = Session::default();
    assert_eq!(session.datagram(true, &packet), Progress::More);
    assert_eq!(facts(&session).host, None);
    for _ in 0..40 {
        session.datagram(true, &packet);
    }
    assert_eq!(session.progress(), Progress::Done);
    assert!(session.opened <= OPENED_MAX && session.derived <= KEYS_MAX);
}

#[test]
fn hellos_of_google() {
    let mut hello = b"CHLO\x04\x00\x00\x00".to_vec();
    for (tag, end) in [(b"PAD\0", 50_u32), (b"SNI\0", 64), (b"VER\0", 68), (b"UAID", 80)] {
        hello.extend(tag);
        hello.extend(end.to_le_bytes());
    }
    hello.extend([b'-'; 50]);
    hello.extend(b"www.Google.comQ043Chrome/80 xy");
    let q043 = [
        &b"\x09\x01\x02\x03\x04\x05\x06\x07\x08Q043\x01"[..],
        &[0; 12],
        b"\xa0\x01\x00\x04",
        &hello,
    ]
    .concat();
    let q046 = [
        &b"\xc3Q046\x50\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\x01"[..],
        &[0; 12],
        b"\xa0\x01\x00\x04",
        &hello,
    ]
    .concat();
    let q050 = {
        let plain = [&b"\x08\x00\x41\x00"[..], &hello].concat();
        let mut header = b"\xc3Q050\x08ABCDEFGH\0\0".to_vec();
        header.extend(u16::to_be_bytes(
            0x4000 | u16::try_from(plain.len() + 20).expect("short"),
        ));
        header.extend([0, 0, 0, 1]);
        keys(version::Q050, b"ABCDEFGH").seal(true, &header, &plain)
    };
    for (datagram, version) in [(q043, "Q043"), (q046, "Q046"), (q050, "Q050")] {
        let mut session = Session::default();
        assert_eq!(session.datagram(true, &datagram), Progress::Done, "{version}");
        let l7 = facts(&session);
        assert_eq!(l7.host.as_deref(), Some("www.google.com"));
        assert_eq!(l7.details.get(DetailKey::Version), Some(version));
        assert_eq!(l7.details.get(DetailKey::Agent), Some("Chrome/80 xy"));
    }
}

#[test]
fn other_datagrams_are_not_quic() {
    let mut session = Session::default();
    assert_eq!(session.datagram(true, b"\x12\x34\x01\x00\x00\x01"), Progress::No);
    assert_eq!(Session::default().datagram(true, b""), Progress::No);
}

proptest! {
    #[test]
    fn any_octets_are_read_without_panic(datagrams in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..100)), 0..20)) {
        let mut session = Session::default();
        session.datagram(true, &client_packet(version::V1));
        for (forward, octets) in &datagrams {
            session.datagram(*forward, octets);
        }
        let mut fresh = Session::default();
        for (forward, octets) in &datagrams {
            fresh.datagram(*forward, octets);
        }
    }

    #[test]
    fn frames_of_any_kind_are_read_without_panic(plain in proptest::collection::vec(any::<u8>(), 20..200), google in any::<bool>()) {
        let (mut pieces, mut tls) = (Pieces::default(), Tls::default());
        frames::read(&plain, google, &mut tls, |offset, octets| pieces.insert(offset, octets));
        let mut hello = google::Hello::default();
        hello.read(&[b"CHLO", &plain[..]].concat());
    }

    #[test]
    fn damaged_headers_are_read_without_panic(at in 0..40usize, flip in 1..=255u8, cut in 0..1_200usize) {
        let mut packet = client_packet(version::V1);
        packet[at] ^= flip;
        packet.truncate(cut);
        Session::default().datagram(true, &packet);
    }
}
