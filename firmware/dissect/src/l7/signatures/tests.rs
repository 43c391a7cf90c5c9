use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::*;

const ADDR: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn sample<'a>(transport: u8, client: &'a [u8], server: &'a [u8]) -> Sample<'a> {
    Sample {
        transport,
        src_port: 50_000,
        dst_port: 8_000,
        src: ADDR,
        dst: ADDR,
        client,
        server,
        client_packets: 1,
        server_packets: u8::from(!server.is_empty()),
        latest: client,
        forward: true,
    }
}

fn with(text: &str) -> Arc<Signatures> {
    let app_of = |name: &str| match name {
        "oa" => App::defined(3),
        name => App::by_name(name),
    };
    Signatures::with(text, &app_of).unwrap()
}

fn refused(text: &str) -> String {
    Signatures::with(text, &App::by_name).unwrap_err().to_string()
}

#[test]
fn the_built_in_file_is_sound_and_says_no_name_twice() {
    let statements = parse::statements(BUILTIN, &App::by_name)
        .map_err(|error| error.to_string())
        .unwrap();
    let mut seen = HashMap::new();
    let mut hosts = 0;
    for statement in statements {
        if let Statement::Host(app, host) = statement {
            hosts += 1;
            let before = seen.insert((host.name.clone(), host.is_exact), app);
            assert_eq!(before, None, "{} is said twice", host.name);
        }
    }
    assert!(hosts > 500, "{hosts}");
    let own = Signatures::builtin();
    for (host, app) in [
        ("short.weixin.qq.com", "wechat"),
        ("mail.qq.com", "qq-mail"),
        ("im.dingtalk.com", "dingtalk"),
        ("open.feishu.cn", "feishu"),
        ("meeting.tencent.com", "tencent-meeting"),
        ("us04web.zoom.us", "zoom"),
        ("teams.microsoft.com", "teams"),
        ("rr4---sn-4g5e6nzz.googlevideo.com", "youtube"),
        ("www.baidu.com", "baidu"),
    ] {
        assert_eq!(own.by_host(host), App::by_name(app), "{host}");
    }
    assert_eq!(own.by_host("no-such.example"), None);
}

#[test]
fn the_longest_suffix_of_whole_labels_wins_and_the_administrators_among_equals() {
    let table = with("app oa host example.com a.tencent.com qq.com\napp ssh host =host.example.com b.example.com\n");
    let of = |host| table.by_host(host).map(App::number);
    let (oa, ssh) = (App::defined(3).map(App::number), Some(5));
    assert_eq!(
        (of("example.com"), of("x.y.example.com"), of("EXAMPLE.COM.")),
        (oa, oa, oa)
    );
    assert_eq!((of("notexample.com"), of("com"), of("")), (None, None, None));
    assert_eq!((of("host.example.com"), of("x.host.example.com")), (ssh, oa));
    assert_eq!((of("b.example.com"), of("a.b.example.com")), (ssh, ssh));
    assert_eq!((of("www.qq.com"), of("x.a.tencent.com")), (oa, oa));
    assert_eq!(of("weixin.qq.com"), App::by_name("wechat").map(App::number));
}

#[test]
fn a_certificate_names_the_application_where_its_names_agree() {
    let own = Signatures::builtin();
    let of = |subject: &str, names: &str| {
        let mut details = Details::default();
        details.set(DetailKey::Subject, subject);
        details.set(DetailKey::CertificateNames, names);
        own.by_certificate(&details)
    };
    assert_eq!(of("*.webex.com", "www.example.org"), App::by_name("webex"));
    assert_eq!(
        of("Some Organisation", "a.example,*.zoom.us,zoom.com"),
        App::by_name("zoom")
    );
    assert_eq!(of("shared.example", "*.zoom.us,www.reddit.com"), None);
    assert_eq!(of("", ""), None);
}

#[test]
fn patterns_are_matched_at_their_place() {
    let table = with(concat!(
        "app oa tcp ports 7000-7010,8000 payload 0 text \"OA\\x01 \\\"\" payload 7 hex ff??00 # ours\n",
        "app zug udp length 4 payload server 1 hex 0102\n",
        "app nano udp length 3-9 payload 1 hex 01\n",
    ));
    let oa = b"OA\x01 \"..\xff\x99\x00";
    let known = |sample| {
        table
            .by_payload(&sample)
            .map(|(app, confidence)| (app.to_string(), confidence))
    };
    let of = |name: &str| Some((name.to_owned(), Confidence::Pattern));
    assert_eq!(
        known(sample(6, oa, b"")),
        Some(("app-32771".to_owned(), Confidence::Pattern))
    );
    assert_eq!(
        known(sample(6, b"", oa)),
        Some(("app-32771".to_owned(), Confidence::Pattern))
    );
    assert_eq!(
        (known(sample(17, oa, b"")), known(sample(6, &oa[..9], b""))),
        (None, None)
    );
    let mut elsewhere = sample(6, oa, b"");
    elsewhere.dst_port = 8_001;
    assert_eq!(known(elsewhere), None);
    assert_eq!(known(sample(17, b"\x00\x01\x02\x03", b"")), of("nano"));
    assert_eq!(known(sample(17, b"\x00\x01\x02\x03", b"\x09\x01\x02\x03")), of("zug"));
    assert_eq!(known(sample(17, b"\x00\x01", b"\x09\x02\x02\x03")), None);
}

#[test]
fn errors_say_where_and_what_to_do() {
    for (text, says) in [
        (
            "# a\n\n  apq x",
            "line 3, column 3: a rule begins with `app NAME`, and \"apq\"",
        ),
        ("app", "line 1, column 4: the application's name is missing"),
        (
            "app nobody host a.b",
            "line 1, column 5: no application is called \"nobody\"",
        ),
        (
            "app unknown host a.b",
            "line 1, column 5: no application is called \"unknown\"",
        ),
        ("app ssh", "line 1, column 8: the rule says nothing to look for"),
        (
            "app ssh tcp ports 22",
            "line 1, column 21: the rule says nothing to look for",
        ),
        ("app ssh host", "line 1, column 13: no host name follows"),
        (
            "app ssh host ok.example com",
            "line 1, column 25: \"com\" is no host name",
        ),
        ("app ssh host a..b", "line 1, column 14: \"a..b\" is no host name"),
        (
            "app ssh tcp host a.b",
            "line 1, column 9: `host` stands alone after the application's name: take `tcp` away",
        ),
        (
            "app ssh tcp ports 0 payload",
            "line 1, column 19: \"0\" is no list of ports",
        ),
        (
            "app ssh tcp ports 9-8 payload",
            "line 1, column 19: \"9-8\" is no list of ports",
        ),
        (
            "app ssh payload 0 hex 00",
            "line 1, column 5: a rule with `payload` says which transport",
        ),
        ("app ssh tcp payload x hex 00", "line 1, column 21: \"x\" is no offset"),
        (
            "app ssh tcp payload 0 oct 00",
            "line 1, column 23: \"oct\" is no kind of pattern",
        ),
        ("app ssh tcp payload 0 hex 0", "line 1, column 27: \"0\" is no pattern"),
        (
            "app ssh tcp payload 0 hex ????",
            "line 1, column 27: \"????\" is no pattern",
        ),
        (
            "app ssh tcp payload 0 text \"a",
            "line 1, column 28: the text is not understood",
        ),
        (
            "app ssh tcp payload 0 text \"\\q\"",
            "line 1, column 28: the text is not understood",
        ),
        (
            "app ssh udp length 5-1 payload 0 hex 00",
            "line 1, column 20: \"5-1\" is no length",
        ),
        (
            "app ssh udp 网 payload",
            "line 1, column 13: \"网\" is not understood here",
        ),
    ] {
        let error = refused(text);
        assert!(error.starts_with(says), "{text:?}: {error}");
    }
    assert!(refused(&"app ssh tcp ".repeat(6_000)).contains("may have 65536"));
    assert!(refused(&format!("app ssh tcp{}", " payload 0 hex 00".repeat(9))).contains("at most 8 patterns"));
}

/// Suffixes by walking all rules.
fn naive_host<'a>(hosts: &'a [(String, bool, u32)], host: &str) -> Option<&'a (String, bool, u32)> {
    let is_below = |name: &str| host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
    let exact = hosts.iter().find(|(name, is_exact, _)| *is_exact && host == name);
    let below = hosts.iter().filter(|(name, is_exact, _)| !is_exact && is_below(name));
    let longest = below.rev().max_by_key(|(name, ..)| name.len());
    exact.or(longest)
}

proptest! {
    #[test]
    fn names_are_found_as_a_walk_over_all_rules_finds_them(
        rules in prop::collection::vec(("[ab](\\.[ab]){1,4}", any::<bool>(), 1_u32..5), 1..20),
        names in prop::collection::vec("[abc](\\.[ab]){0,6}", 1..20),
    ) {
        let app_of = |name: &str| name.strip_prefix('x').and_then(|n| App::defined(n.parse().ok()?));
        let line = |(name, is_exact, app): &(String, bool, u32)| {
            format!("app x{app} host {}{name}\n", if *is_exact { "=" } else { "" })
        };
        let text: String = rules.iter().map(line).collect();
        let table = Signatures::with(&text, &app_of).unwrap();
        for name in names {
            let naive = naive_host(&rules, &name).and_then(|(_, _, app)| App::defined(*app));
            prop_assert_eq!(table.by_host(&name), naive, "{}", name);
        }
    }

    #[test]
    fn patterns_are_found_as_a_walk_over_all_rules_finds_them(
        rules in prop::collection::vec((0_usize..3, prop::collection::vec(prop::option::of(0_u8..3), 1..4), 1_u32..9), 1..30),
        octets in prop::collection::vec(0_u8..3, 0..6),
        answer in prop::collection::vec(0_u8..3, 0..6),
    ) {
        let rules: Vec<_> = rules.into_iter().filter(|(_, octets, _)| octets.iter().any(Option::is_some)).collect();
        let hex = |octets: &[Option<u8>]| -> String {
            octets.iter().map(|octet| octet.map_or("??".to_owned(), |octet| format!("{octet:02x}"))).collect()
        };
        let text: String = rules.iter().map(|(at, octets, app)| format!("app x{app} udp payload {at} hex {}\n", hex(octets))).collect();
        let app_of = |name: &str| name.strip_prefix('x').and_then(|n| App::defined(n.parse().ok()?));
        let tables = Signatures::compile(parse::statements(&text, &app_of).unwrap());
        let is_there = |data: &[u8], at: usize, wanted: &[Option<u8>]| {
            wanted.iter().enumerate().all(|(i, octet)| data.get(at + i).is_some_and(|found| octet.is_none_or(|o| o == *found)))
        };
        let naive = rules.iter().find(|(at, wanted, _)| is_there(&octets, *at, wanted) || is_there(&answer, *at, wanted));
        let naive = naive.and_then(|(_, _, app)| App::defined(*app));
        prop_assert_eq!(tables.by_payload(&sample(17, &octets, &answer)).map(|(app, _)| app), naive);
    }

    #[test]
    fn no_text_is_worse_than_refused(text in "(app|host|payload|ports|hex|text|[ -~网\\n\"])*") {
        let _ = parse::statements(&text, &App::by_name);
    }
}
