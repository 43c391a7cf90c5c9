//! Whatever comes is read within bounds, and what is printed is read back.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use model::{LinkId, Severity, Timestamp};
use proptest::prelude::*;
use syslog::{Encoding, Format, HOST_MAX, MESSAGE_MAX, Message, NAME_MAX, parse, print};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn check(now: Timestamp, offset: i32, bytes: &[u8]) {
    let m = parse(now, PEER, offset, bytes);
    assert_eq!((m.octets, m.cut), (bytes.len(), bytes.len() > MESSAGE_MAX));
    // A replaced octet takes three, and so does the picture of a control character.
    assert!(m.text.len() <= 3 * MESSAGE_MAX && m.data.len() <= 3 * MESSAGE_MAX);
    assert!(m.host.as_deref().is_none_or(|h| !h.is_empty() && h.len() <= HOST_MAX));
    for name in [&m.app, &m.pid, &m.code] {
        assert!(name.as_deref().is_none_or(|n| !n.is_empty() && n.len() <= NAME_MAX));
    }
    assert!(m.facility <= 23);
    let parts = [
        Some(m.text.clone()),
        m.host.clone(),
        m.app.clone(),
        m.pid.clone(),
        m.code.clone(),
    ];
    for part in parts.iter().flatten() {
        assert!(
            !part.chars().any(|c| c.is_control() && c != '\n' && c != '\t'),
            "{part:?}"
        );
    }
    let off = m.time.nanos_since(now).max(now.nanos_since(m.time));
    assert!(off <= syslog::CLOCK_TOLERANCE_NANOS);
    assert!(m.time == now || m.stated == Some(m.time));
    let record = m.into_record(LinkId(7));
    assert!(!record.host.is_empty());
}

/// Pieces that headers are made of, so that random messages come far into the grammar.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "<189>",
            "<13>",
            "<",
            ">",
            "1 ",
            "- ",
            "123: ",
            ": ",
            " : ",
            "*",
            ".",
            "%",
            "%%",
            "%%01",
            "#",
            "Jan  5 12:00:00",
            "Jan 5 2021 12:00:00.123",
            "2021-01-05T12:00:00Z",
            "2021 Jan 5 12:00:00",
            "+08:00",
            " UTC",
            " CST",
            "12:00:00:123 2021",
            "00:00:46: ",
            "3w4d: ",
            "1609848000.1 ",
            "router1",
            "router1: ",
            "10.0.0.1 ",
            "fe80::1 ",
            "RP/0/RSP0/CPU0:",
            "sshd[12]: ",
            "app: ",
            "%SYS-5-CONFIG_I: ",
            "IFNET/4/IF_STATE(l)[12]:",
            "%$VDC-1%$ ",
            "[a@1 b=\"c\"]",
            "[a b=\"",
            "\\\"",
            "]",
            "date=2021-01-05 time=12:00:00 ",
            "level=",
            "devname=",
            "eventtime=1609848000123456789 ",
            "CEF:0|",
            "|",
            "MSWinEventLog\t",
            "\t",
            "system,info ",
            "An alarm 12 ",
            "1,2021/01/05 12:00:00,",
            ",",
            "00077 ports: ",
            "info ",
            "last message ",
            "端口",
            "\u{feff}",
            "\u{1b}",
            " ",
            "\n",
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,8}",
        "\\PC{0,4}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn any_octets_are_read(now in any::<u64>(), offset in any::<i32>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(Timestamp::from_nanos(now), offset, &bytes);
    }

    #[test]
    fn any_pieces_are_read(now in any::<u64>(), pieces in prop::collection::vec(piece(), 0..12)) {
        check(Timestamp::from_nanos(now), 0, pieces.concat().as_bytes());
    }

    #[test]
    fn pieces_in_gbk_and_cut_are_read(pieces in prop::collection::vec(piece(), 0..12), at in any::<prop::sample::Index>()) {
        let mut bytes = pieces.concat().into_bytes();
        bytes.truncate(at.index(bytes.len() + 1));
        bytes.extend_from_slice(b"\xb6\xcb\xbf\xda");
        check(Timestamp::from_secs(1_609_848_000), 28_800, &bytes);
    }

    #[test]
    fn long_messages_are_cut(piece in piece(), filler in "[a-z =\"\\[\\]端]", extra in 0usize..100) {
        let bytes = piece + &filler.repeat(MESSAGE_MAX + extra);
        check(Timestamp::from_secs(1_609_848_000), 0, bytes.as_bytes());
    }

    #[test]
    fn what_is_printed_is_read_back(
        facility in 0u8..24,
        severity in prop::sample::select(Severity::ALL.to_vec()),
        micros in prop::option::of(0u64..4_000_000_000_000_000),
        host in prop::option::of("[!-~&&[^-]][!-~]{0,31}"),
        pid in prop::option::of("[!-~&&[^-]][!-~]{0,31}"),
        // Where these are not given, the text's own would be taken.
        app in "[!-~&&[^-]][!-~]{0,31}",
        code in "[!-~&&[^-]][!-~]{0,31}",
        params in prop::collection::vec(("[a-z]{1,8}", "[^\"\\\\\\]\\p{C}]{0,10}"), 0..3),
        text in "([!-~端口]([ -~端口\t]{0,40}[!-~端口])?)?",
    ) {
        let now = Timestamp::from_secs(1_609_848_000);
        let stated = micros.map(|m| Timestamp::from_nanos(m * 1_000));
        let near = |s: &Timestamp| s.nanos_since(now).max(now.nanos_since(*s)) <= syslog::CLOCK_TOLERANCE_NANOS;
        let data = if params.is_empty() {
            String::new()
        } else {
            let params: String = params.iter().map(|(n, v)| format!(" {n}=\"{v}\"")).collect();
            format!("[x@1{params}]")
        };
        let part = |n: Option<String>| n.map(Cow::<str>::Owned);
        let message = Message {
            format: Format::Ietf,
            time: stated.filter(near).unwrap_or(now),
            stated,
            received: now,
            peer: PEER,
            severity,
            facility,
            host: part(host),
            app: part(Some(app)),
            pid: part(pid),
            code: part(Some(code)),
            sequence: None,
            data: Cow::Owned(data),
            text: Cow::Owned(text),
            encoding: Encoding::Utf8,
            cut: false,
            octets: 0,
        };
        let printed = print(&message);
        let read = parse(now, PEER, 0, printed.as_bytes());
        let expected = Message { octets: printed.len(), ..message.clone() };
        prop_assert_eq!(read, expected, "{}", printed);
    }
}

#[test]
fn a_record_keeps_what_it_has_no_field_for() {
    let now = Timestamp::parse("2021-01-05T12:00:00Z").unwrap();
    let line = b"<189>7: *Mar  1 1993 18:46:11: %SYS-5-CONFIG_I: Configured";
    let record = parse(now, PEER, 0, line).into_record(LinkId(3));
    assert_eq!(
        record.data,
        "[meta sequenceId=\"7\"][clock stated=\"1993-03-01T18:46:11.000000Z\"]"
    );
    assert_eq!(
        (record.host.as_str(), record.time, record.received),
        ("192.0.2.1", now, now)
    );
    let ids: Vec<_> = syslog::elements(&record.data).map(|e| e.id).collect();
    assert_eq!(ids, ["meta", "clock"]);
    let long = "x".repeat(MESSAGE_MAX + 5);
    let record = parse(now, PEER, 0, long.as_bytes()).into_record(LinkId(3));
    assert_eq!(record.data, "[cut octets=\"16389\"]");
}
