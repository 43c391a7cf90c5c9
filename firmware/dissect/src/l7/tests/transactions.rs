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

/// Plays a conversation at several cuts; the lines, which are the same at each.
fn lines(port: u16, turns: &[(bool, &[u8])]) -> (Vec<String>, super::play::Known) {
    let (whole, known) = tcp(Config::default(), port, turns, 1_460);
    for cut in [1, 2, 3, 7, 20, 64] {
        let (player, same) = tcp(Config::default(), port, turns, cut);
        assert_eq!(same, known, "{cut}");
        assert_eq!(player.lines(), whole.lines(), "{cut}");
    }
    assert!(!format!("{:?} {known:?}", whole.logs).contains("secret"));
    (whole.lines().into_iter().map(str::to_owned).collect(), known)
}

fn app(known: &super::play::Known) -> String {
    known.app.map(|app| app.to_string()).unwrap_or_default()
}

#[test]
fn envelopes_of_mails() {
    let (lines, known) = lines(
        2_626,
        &[
            (false, b"220-mx.example.com ESMTP\r\n220 at your service\r\n"),
            (true, b"EHLO client.example\r\n"),
            (false, b"250-mx.example.com\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN\r\n"),
            // "alice" and "secretsecret"
            (true, b"AUTH LOGIN\r\n"),
            (false, b"334 VXNlcm5hbWU6\r\n"),
            (true, b"YWxpY2U=\r\n"),
            (false, b"334 UGFzc3dvcmQ6\r\n"),
            (true, b"c2VjcmV0c2VjcmV0\r\n"),
            (false, b"235 ok\r\n"),
            (true, b"MAIL FROM:<alice@a.example> SIZE=100\r\nRCPT TO:<bob@b.example>\r\nRCPT TO: carol@c.example\r\nDATA\r\n"),
            (false, b"250 ok\r\n250 ok\r\n550 no such user\r\n354 go on\r\n"),
            (true, b"Subject: x\r\n\r\nMAIL FROM:<not@an.envelope>\r\n..\r\n.\r\n"),
            (false, b"250 queued\r\n"),
            (true, b"MAIL FROM:<>\r\n"),
            (false, b"250 ok\r\n"),
            (true, b"RCPT TO:<x@y.example>\r\n"),
            (false, b"550 no\r\n"),
            (true, b"QUIT\r\n"),
            (false, b"221 bye\r\n"),
        ],
    );
    assert_eq!(
        lines,
        [
            "10.0.0.5 alice@a.example → bob@b.example, carol@c.example 250 50 B 1 ms",
            "10.0.0.5 <> → x@y.example 550",
        ]
    );
    assert_eq!(app(&known), "smtp");
    assert_eq!(known.l7.details.get(DetailKey::User), Some("alice"));
    assert_eq!(known.l7.details.get(DetailKey::Agent), Some("client.example"));
}

#[test]
fn mail_after_starttls_is_a_tls_session() {
    let (lines, known) = lines(
        25,
        &[
            (false, b"220 mx.example.com ESMTP\r\n"),
            (true, b"EHLO a\r\n"),
            (false, b"250 STARTTLS\r\n"),
            (true, b"STARTTLS\r\n"),
            (false, b"220 go\r\n"),
            (true, b"\x16\x03\x01\x00\x04\x01\x00\x00\x00"),
        ],
    );
    assert!(lines.is_empty(), "{lines:?}");
    assert_eq!(app(&known), "smtp");
    assert_eq!(known.l7.host.as_deref(), Some("mx.example.com"));
}

#[test]
fn logins_of_ftp() {
    let (lines, known) = lines(
        21,
        &[
            (false, b"220-Welcome\r\n220 to the server\r\n"),
            (true, b"USER alice\r\n"),
            (false, b"331 Password?\r\n"),
            (true, b"PASS secret1\r\n"),
            (false, b"530 Wrong\r\n"),
            (true, b"USER bob\r\nPASS secret2\r\n"),
            (false, b"331 Password?\r\n230-Hello\r\n230 In\r\n"),
            (true, b"LIST\r\n"),
        ],
    );
    assert_eq!(lines, ["10.0.0.5 ftp alice was refused", "10.0.0.5 ftp bob logged in"]);
    assert_eq!(
        (app(&known), known.l7.details.get(DetailKey::User)),
        ("ftp".to_owned(), Some("alice"))
    );
}

#[test]
fn logins_of_pop3_and_imap() {
    let (pop3, known) = lines(
        110,
        &[
            (false, b"+OK ready\r\n"),
            (true, b"USER alice\r\n"),
            (false, b"+OK\r\n"),
            (true, b"PASS secret\r\n"),
            (false, b"-ERR no\r\n"),
        ],
    );
    assert_eq!(pop3, ["10.0.0.5 pop3 alice was refused"]);
    assert_eq!(app(&known), "pop3");
    let (imap, known) = lines(
        143,
        &[
            (false, b"* OK [CAPABILITY IMAP4rev1] ready\r\n"),
            (true, b"a1 LOGIN \"alice smith\" \"secret word\"\r\n"),
            (false, b"* CAPABILITY X\r\na1 NO failed\r\n"),
            (true, b"a2 LOGIN {5}\r\n"),
            (false, b"+ go\r\n"),
            (true, b"alice {6}\r\n"),
            (false, b"+ go\r\n"),
            (true, b"secret\r\n"),
            (false, b"a2 OK in\r\n"),
        ],
    );
    assert_eq!(
        imap,
        ["10.0.0.5 imap alice smith was refused", "10.0.0.5 imap alice logged in"]
    );
    assert_eq!(app(&known), "imap");
}

#[test]
fn ssh_says_what_both_are() {
    let (lines, known) = lines(
        2_222,
        &[
            (false, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\x00\x00"),
            (true, b"SSH-2.0-libssh-0.9\r\n"),
        ],
    );
    assert_eq!(lines, ["10.0.0.5 ssh agent libssh-0.9 server OpenSSH_9.2p1 Debian-2"]);
    assert_eq!(
        (app(&known), known.l7.details.get(DetailKey::Version)),
        ("ssh".to_owned(), Some("2.0"))
    );
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("short");
    let mut octets = vec![0, 0, length, kind, flags, 0, 0, 0, stream];
    octets.extend(payload);
    octets
}

/// A header of a literal without indexing, with a name that is in the static table.
fn literal(index: u8, value: &str) -> Vec<u8> {
    let mut octets = vec![index, u8::try_from(value.len()).expect("short")];
    octets.extend(value.bytes());
    octets
}

#[test]
fn http2_in_the_clear() {
    let mut asks = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    asks.extend(frame(4, 0, 0, &[]));
    // GET http / with authority www.example.com, cut into a continuation; and a POST with a body.
    let first = [&[0x82, 0x86, 0x84][..], &literal(1, "www.example.com")].concat();
    asks.extend(frame(1, 1, 1, &first[..5]));
    asks.extend(frame(9, 4, 1, &first[5..]));
    let second = [
        &[0x83, 0x86][..],
        &literal(4, "/in?token=secret"),
        &literal(1, "www.example.com"),
    ]
    .concat();
    asks.extend(frame(1, 4, 3, &second));
    asks.extend(frame(0, 1, 3, b"body"));
    let mut answers = frame(4, 0, 0, &[]);
    answers.extend(frame(1, 5, 3, &[0x8d]));
    answers.extend(frame(1, 4, 1, &[0x88]));
    answers.extend(frame(0, 0, 1, &[b'x'; 100]));
    answers.extend(frame(0, 1, 1, &[b'y'; 20]));
    let (lines, known) = lines(50_051, &[(true, &asks), (false, &answers)]);
    assert_eq!(
        lines,
        [
            "10.0.0.5 POST http://www.example.com/in?token=*** → 404 1 B 1 ms",
            "10.0.0.5 GET http://www.example.com/ → 200 121 B 1 ms",
        ]
    );
    assert_eq!(
        (app(&known), known.l7.host.as_deref()),
        ("http".to_owned(), Some("www.example.com"))
    );
    assert_eq!(known.l7.details.get(DetailKey::Version), Some("HTTP/2"));
}

#[test]
fn http1_that_becomes_another_protocol() {
    let answer = [
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n".to_vec(),
        frame(4, 0, 0, &[]),
        frame(1, 5, 1, &[0x88]),
    ]
    .concat();
    let next = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(1, 5, 3, &[&[0x82, 0x86, 0x84][..], &literal(1, "a.example")].concat()),
    ]
    .concat();
    let (http2, known) = lines(
        80,
        &[
            (true, b"GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: h2c\r\n\r\n"),
            (false, &answer),
            (true, &next),
            (false, &frame(1, 5, 3, &[0x8d])),
        ],
    );
    assert_eq!(http2[0], "10.0.0.5 GET http://a.example/ → 101 71 B 1 ms");
    assert_eq!(http2[1], "10.0.0.5 GET http://a.example/ → 404 1 B 1 ms");
    assert_eq!(known.l7.details.get(DetailKey::Version), Some("HTTP/2"));
    let (web, known) = lines(
        80,
        &[
            (
                true,
                b"GET /chat HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n\r\n",
            ),
            (
                false,
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\n\r\n\x81\x02hi",
            ),
        ],
    );
    assert_eq!(web, ["10.0.0.5 GET http://a.example/chat → 101 56 B 1 ms"]);
    assert_eq!(app(&known), "websocket");
}

/// A ClientHello of TLS 1.2 for a name.
fn hello(name: &str) -> Vec<u8> {
    let word = |length: usize| u16::try_from(length).expect("short").to_be_bytes();
    let size = name.len();
    let names = [&[0][..], &word(size), name.as_bytes()].concat();
    let list = [&word(names.len())[..], &names].concat();
    let extension = [&[0, 0][..], &word(list.len()), &list].concat();
    let body = [
        &[3, 3][..],
        &[7; 32],
        &[0, 0, 2, 0x13, 1, 1, 0],
        &word(extension.len()),
        &extension,
    ]
    .concat();
    let message = [&[1, 0][..], &word(body.len()), &body].concat();
    [&[22, 3, 1][..], &word(message.len()), &message].concat()
}

#[test]
fn a_handshakes_line_carries_the_application_of_the_name() {
    let (player, known) = tcp(Config::default(), 443, &[(true, &hello("login.wechat.com"))], 1_460);
    assert_eq!(
        (app(&known), player.logs[0].app.as_str()),
        ("wechat".to_owned(), "wechat")
    );
    assert_eq!(player.logs[0].host, "login.wechat.com");
    assert_eq!(player.logs[0].source, LogSource::Tls);
}
