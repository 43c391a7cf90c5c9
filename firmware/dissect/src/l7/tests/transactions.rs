//! What is read of each protocol.

use model::{DetailKey, LogSource, Severity};

use super::play::{tcp, udp};
use crate::l7::Config;

/// A DNS message of labels.
fn dns(id: u16, flags: u16, name: &str, kind: u16, answers: &[(u16, &[u8])]) -> Vec<u8> {
    let mut octets = Vec::new();
    let count = u16::try_from(answers.len()).expect("few");
    for word in [id, flags, 1, count, 0, 0] {
        octets.extend(word.to_be_bytes());
    }
    for label in name.split('.') {
        octets.push(u8::try_from(label.len()).expect("short"));
        octets.extend(label.bytes());
    }
    octets.push(0);
    octets.extend(kind.to_be_bytes());
    octets.extend(1_u16.to_be_bytes());
    for (kind, data) in answers {
        octets.extend([0xc0, 12]);
        octets.extend(kind.to_be_bytes());
        octets.extend([0, 1, 0, 0, 0, 60]);
        octets.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
        octets.extend(*data);
    }
    octets
}

#[test]
fn dns_queries_and_answers_are_matched() {
    let a = dns(7, 0x100, "WWW.example.com", 1, &[]);
    let aaaa = dns(8, 0x100, "www.example.com", 28, &[]);
    let none = dns(9, 0x100, "no.example.com", 1, &[]);
    let answer = dns(
        7,
        0x8180,
        "www.EXAMPLE.com",
        1,
        &[(5, &[1, b'x', 0xc0, 16]), (1, &[93, 184, 216, 34])],
    );
    let nx = dns(8, 0x8183, "www.example.com", 28, &[]);
    let turns = [
        (true, &a[..]),
        (true, &aaaa),
        (false, &nx),
        (false, &answer),
        (true, &none),
    ];
    let (player, known) = udp(Config::default(), 53, &turns);
    assert_eq!(
        player.lines(),
        [
            "10.0.0.5 AAAA www.example.com NXDOMAIN 1 ms",
            "10.0.0.5 A www.example.com → x.example.com, 93.184.216.34 NOERROR 3 ms",
            "10.0.0.5 A no.example.com no answer",
        ]
    );
    let codes: Vec<_> = player
        .logs
        .iter()
        .map(|log| (log.code.as_str(), log.severity))
        .collect();
    assert_eq!(
        codes,
        [
            ("NXDOMAIN", Severity::Warning),
            ("NOERROR", Severity::Informational),
            ("", Severity::Warning)
        ]
    );
    assert_eq!(
        player.logs[1].data,
        "client=\"10.0.0.5:50000\" server=\"192.0.2.1:53\" dns_type=\"A\" dns_code=\"NOERROR\" \
         dns_answers=\"x.example.com,93.184.216.34\" request_bytes=\"33\" response_bytes=\"65\" response_us=\"3000\""
    );
    assert_eq!(player.logs[0].source, LogSource::Dns);
    assert_eq!(known.l7.host.as_deref(), Some("www.example.com"));
    assert_eq!(known.l7.details.get(DetailKey::DnsType), Some("A"));
    assert_eq!(known.l7.details.get(DetailKey::DnsCode), Some("NXDOMAIN"));
}

#[test]
fn dns_over_tcp_however_it_is_cut() {
    let frame = |message: Vec<u8>| {
        let mut octets = u16::try_from(message.len()).expect("short").to_be_bytes().to_vec();
        octets.extend(message);
        octets
    };
    let ask = frame(dns(1, 0x100, "a.example", 1, &[]));
    let more = frame(dns(2, 0x100, "b.example", 16, &[]));
    let mut answers = frame(dns(1, 0x8180, "a.example", 1, &[(1, &[192, 0, 2, 7])]));
    answers.extend(frame(dns(2, 0x8180, "b.example", 16, &[(16, b"\x05hello\x06 world")])));
    for cut in 1..100 {
        let turns = [(true, &ask[..]), (true, &more), (false, &answers)];
        let (player, known) = tcp(Config::default(), 53, &turns, cut);
        assert_eq!(
            player.lines(),
            [
                "10.0.0.5 A a.example → 192.0.2.7 NOERROR 2 ms",
                "10.0.0.5 TXT b.example → hello world NOERROR 1 ms"
            ],
            "{cut}"
        );
        assert_eq!(known.app.map(|app| app.to_string()).as_deref(), Some("dns"));
    }
}

#[test]
fn names_of_dns_name_flows_that_say_nothing() {
    let config = Config::default();
    let answer = dns(7, 0x8180, "files.example", 1, &[(1, &[192, 0, 2, 1])]);
    udp(
        config.clone(),
        53,
        &[(true, &dns(7, 0x100, "files.example", 1, &[])), (false, &answer)],
    );
    let (_, known) = tcp(config, 40_000, &[(true, &[0xff; 400]), (false, &[0xfe; 400])], 100);
    assert_eq!(known.l7.host.as_deref(), Some("files.example"));
}
