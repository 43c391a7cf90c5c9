//! What must hold of every filter and of every text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use filter::{
    Compare, DEPTH_MAX, End, Expr, InterfaceEnd, InterfaceName, InterfaceTerm, Names, Quantity, Sign, TERMS_MAX,
    TEXT_MAX, Test, complete, parse,
};
use model::{AddressRange, App, Confidence, DetailKey, Direction, EndReason, MacAddr, PortRange, Prefix};
use proptest::prelude::*;
use proptest::sample::select;

const ODD: &[&str] = &[
    "servers",
    "head office",
    "总部 服务器",
    "核心",
    "and",
    "port",
    "in",
    "443",
    "10.0.0.0/8",
    "a\"b",
    "back\\slash\\",
    "“quoted”",
    "＂wide＂",
    "ＡＢＣ",
    "a,b",
    "-dash",
    "x:y",
    "(odd)",
    "lt",
    "源",
    "new\nline",
    "'single'",
    "é",
    "!",
    "any",
];

fn names() -> Names {
    let odd = || ODD.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut interfaces = Vec::new();
    for exporter in ["core-1", "head office", "x:y"] {
        for name in ["Gi0/1", "Ethernet 1/1", "eth0:1", "in", "17", "\"odd\""] {
            interfaces.push(InterfaceName {
                exporter: exporter.to_owned(),
                index: 17,
                name: name.to_owned(),
            });
        }
    }
    Names {
        apps: odd(),
        businesses: odd(),
        ip_groups: odd(),
        interface_groups: odd(),
        link_groups: odd(),
        links: odd(),
        exporters: odd().into_iter().chain(["core-1".to_owned()]).collect(),
        interfaces,
    }
}

fn name() -> impl Strategy<Value = String> {
    select(ODD).prop_map(str::to_owned)
}

fn some<T: std::fmt::Debug>(one: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    prop::collection::vec(one, 1..4)
}

fn end() -> impl Strategy<Value = End> {
    select(vec![End::Any, End::Src, End::Dst])
}

fn interface_end() -> impl Strategy<Value = InterfaceEnd> {
    select(vec![InterfaceEnd::Any, InterfaceEnd::In, InterfaceEnd::Out])
}

fn range() -> impl Strategy<Value = AddressRange> {
    let v4 = any::<u32>().prop_map(|a| IpAddr::V4(Ipv4Addr::from(a)));
    let v6 = any::<u128>().prop_map(|a| IpAddr::V6(Ipv6Addr::from(a)));
    let v6_short = any::<u16>().prop_map(|a| IpAddr::V6(Ipv6Addr::from(u128::from(a))));
    let address = prop_oneof![v4, v6, v6_short];
    prop_oneof![
        address.clone().prop_map(AddressRange::One),
        (address.clone(), 0_u8..=128)
            .prop_filter_map("too long", |(a, n)| Prefix::new(a, n).map(AddressRange::Network)),
        (address.clone(), address).prop_filter_map("two versions", |(a, b)| {
            (a.is_ipv4() == b.is_ipv4()).then(|| AddressRange::Span(a.min(b), a.max(b)))
        }),
    ]
}

fn quantity() -> impl Strategy<Value = Compare> {
    let quantities = Quantity::ALL.to_vec();
    let signs = vec![
        Sign::Less,
        Sign::LessOrEqual,
        Sign::Equal,
        Sign::NotEqual,
        Sign::GreaterOrEqual,
        Sign::Greater,
    ];
    let value = prop_oneof![
        any::<u64>(),
        0_u64..10_000,
        (0_u64..10_000, 0_u32..5).prop_map(|(n, k)| n * 1_000_u64.pow(k)),
        (0_u64..1_000, 0_u32..50).prop_map(|(n, k)| n << k),
        (0_u64..1_000).prop_map(|n| n * 60_000_000_000),
    ];
    (select(quantities), select(signs), value).prop_map(|(quantity, sign, value)| Compare { quantity, sign, value })
}

fn ordered<T: Ord + Copy>((a, b): (T, T)) -> (T, T) {
    (a.min(b), a.max(b))
}

fn test() -> impl Strategy<Value = Test> {
    let app = prop_oneof![
        name(),
        select(App::known().filter_map(|app| app.name()).collect::<Vec<_>>()).prop_map(str::to_owned),
        Just("unknown".to_owned()),
    ];
    let port = (any::<u16>(), any::<u16>()).prop_map(ordered);
    let port = prop_oneof![port, any::<u16>().prop_map(|p| (p, p))];
    let exporter = prop_oneof![
        select(vec!["core-1", "head office", "x:y"]).prop_map(str::to_owned),
        any::<u16>().prop_map(|n| n.to_string()),
    ];
    let interface = prop_oneof![
        select(vec!["Gi0/1", "Ethernet 1/1", "eth0:1", "in", "\"odd\""]).prop_map(str::to_owned),
        any::<u32>().prop_map(|n| n.to_string()),
    ];
    let term =
        (prop::option::of(exporter), interface).prop_map(|(exporter, interface)| InterfaceTerm { exporter, interface });
    let directions = vec![
        Direction::In,
        Direction::Out,
        Direction::Internal,
        Direction::External,
        Direction::Unknown,
    ];
    let reasons = vec![
        EndReason::Idle,
        EndReason::Active,
        EndReason::EndOfFlow,
        EndReason::Forced,
        EndReason::LackOfResources,
    ];
    let flags = (any::<u8>(), any::<u8>()).prop_map(|(set, clear)| (set, clear & !set));
    let flags = flags.prop_filter("no flag is looked at", |(set, clear)| set | clear != 0);
    let letters = (b'A'..=b'Z', b'A'..=b'Z').prop_map(|(a, b)| [a, b]);
    let country = prop_oneof![
        letters,
        select(vec![*b"IN", *b"AS", *b"NE", *b"LT", *b"OR", *b"IS", *b"IF"])
    ];
    let host = prop_oneof![
        "[a-z0-9_-]{1,8}(\\.[a-z0-9-]{1,8}){0,3}",
        select(vec!["in", "or", "not", "163", "例子.中国", "10.1", "port"]).prop_map(str::to_owned),
    ];
    let confidences = vec![
        Confidence::Port,
        Confidence::Dns,
        Confidence::Pattern,
        Confidence::Parsed,
    ];
    let details = vec![
        DetailKey::Ja4,
        DetailKey::Agent,
        DetailKey::Status,
        DetailKey::TlsVersion,
    ];
    let said = prop_oneof![
        "\\PC{1,12}",
        select(vec!["5*", "TLS 1.2", "or", "a\"b\\", "*", "-x", "a,b"]).prop_map(str::to_owned),
    ];
    prop_oneof![
        (end(), some(range())).prop_map(|(end, list)| Test::Address(end, list)),
        (end(), some(name())).prop_map(|(end, list)| Test::IpGroup(end, list)),
        (
            end(),
            some(port.prop_filter_map("never", |(a, b)| PortRange::new(a, b)))
        )
            .prop_map(|(end, list)| Test::Port(end, list)),
        some(any::<u8>()).prop_map(Test::Protocol),
        some(app).prop_map(Test::App),
        some(name()).prop_map(Test::Business),
        some(name()).prop_map(Test::Link),
        some(name()).prop_map(Test::LinkGroup),
        some(name()).prop_map(Test::Exporter),
        (interface_end(), some(term)).prop_map(|(end, list)| Test::Interface(end, list)),
        (interface_end(), some(name())).prop_map(|(end, list)| Test::InterfaceGroup(end, list)),
        some(select(directions)).prop_map(Test::Direction),
        flags.prop_map(|(set, clear)| Test::Flags(set, clear)),
        quantity().prop_map(Test::Compare),
        some((0_u16..=4_095, 0_u16..=4_095).prop_map(ordered)).prop_map(Test::Vlan),
        (end(), some(any::<[u8; 6]>().prop_map(MacAddr))).prop_map(|(end, list)| Test::Mac(end, list)),
        (end(), some((any::<u32>(), any::<u32>()).prop_map(ordered))).prop_map(|(end, list)| Test::As(end, list)),
        some(0_u8..64).prop_map(Test::Dscp),
        (end(), some(country)).prop_map(|(end, list)| Test::Country(end, list)),
        select(vec![4_u8, 6]).prop_map(Test::IpVersion),
        (any::<u8>(), prop::option::of(any::<u8>())).prop_map(|(kind, code)| Test::Icmp(kind, code)),
        some(select(reasons)).prop_map(Test::EndReason),
        some(range()).prop_map(Test::NextHop),
        some(host).prop_map(Test::Domain),
        some(select(confidences)).prop_map(Test::Confidence),
        (select(details), some(said)).prop_map(|(key, list)| Test::Detail(key, list)),
        Just(Test::Measured),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![20 => test().prop_map(Expr::Test), 1 => Just(Expr::All)];
    leaf.prop_recursive(5, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Expr::all_of),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Expr::any_of),
            inner.prop_map(|inner| Expr::Not(Box::new(inner))),
        ]
    })
}

/// Pieces of filters, right and wrong, one after the other.
fn soup() -> impl Strategy<Value = String> {
    let pieces = vec![
        "src",
        "dst",
        "and",
        "or",
        "not",
        "(",
        ")",
        "[",
        "]",
        ",",
        "，",
        "、",
        "host",
        "port",
        "app",
        "dns",
        "in",
        "!=",
        "=",
        ">",
        "443",
        "10.0.0.1",
        "10.0.0.0/8",
        "\"",
        "“",
        "总部",
        "bytes",
        "1M",
        "flags",
        "S/SA",
        "if",
        "core-1:",
        ":",
        "\"Ethernet 1/1\"",
        "country",
        "IN",
        "AS",
        "dir",
        "icmp",
        "3/1",
        "type",
        "code",
        "tcp",
        "tcp.port",
        "-",
        "to",
        "group",
        "servers",
        "link",
        "mac",
        "00:11:22:33:44:55",
        "as",
        "vlan",
        "dscp",
        "ef",
        "end",
        "idle",
        "next",
        "hop",
        "duration",
        "5",
        "s",
        "!",
        "&&",
        "||",
        "&",
        "源",
        "端口",
        "且",
        "any",
        "proto",
        "exporter",
        "out",
        "ipv6",
        "fd00::1",
        "-1",
        "99999",
        "1..2",
        "\\",
        "'",
        "business",
    ];
    let piece = (select(pieces), select(vec!["", " "])).prop_map(|(piece, space)| format!("{piece}{space}"));
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        soup(),
        ".{0,60}",
        prop::collection::vec(any::<char>(), 0..40).prop_map(String::from_iter)
    ]
}

/// What must hold of any text.
fn check(text: &str, names: &Names) -> Result<(), TestCaseError> {
    let length = text.chars().count();
    match parse(text, names) {
        Ok(expr) => {
            let printed = expr.to_string();
            prop_assert_eq!(parse(&printed, names), Ok(expr), "{}", printed);
        }
        Err(error) => {
            prop_assert!(error.at.start <= error.at.end);
            prop_assert!(error.at.end as usize <= length);
            let chinese = error.chinese().chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
            prop_assert!(chinese && !error.english().is_empty());
        }
    }
    Ok(())
}

fn replaced(text: &str, at: &std::ops::Range<u32>, by: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (before, after) = (&chars[..at.start as usize], &chars[at.end as usize..]);
    before
        .iter()
        .chain(&by.chars().collect::<Vec<_>>())
        .chain(after)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_printed_filter_reads_as_itself(expr in expr()) {
        let printed = expr.to_string();
        prop_assert_eq!(parse(&printed, &names()), Ok(expr), "{}", printed);
    }

    #[test]
    fn no_text_breaks_the_reader(text in any_text()) {
        check(&text, &names())?;
        check(&text, &Names::default())?;
    }

    #[test]
    fn a_cut_off_filter_breaks_nothing(expr in expr(), cut in any::<prop::sample::Index>()) {
        let printed = expr.to_string();
        let text: String = printed.chars().take(cut.index(printed.chars().count() + 1)).collect();
        check(&text, &names())?;
    }

    #[test]
    fn completions_lead_on(text in prop_oneof![soup(), expr().prop_map(|expr| expr.to_string())], cut in any::<prop::sample::Index>()) {
        let names = names();
        let cursor = cut.index(text.chars().count() + 1);
        let completions = complete(&text, u32::try_from(cursor).unwrap(), &names);
        prop_assert!(completions.len() <= 50);
        for one in &completions {
            prop_assert!(one.at.start as usize <= cursor && cursor <= one.at.end as usize);
            prop_assert!(!one.english.is_empty() && !one.chinese.is_empty());
        }
        // At the end of a text they are right, or lack only the rest.
        let text: String = text.chars().take(cursor).collect();
        for one in complete(&text, u32::try_from(cursor).unwrap(), &names) {
            let text = replaced(&text, &one.at, &one.text);
            if let Err(error) = parse(&text, &names) {
                // Completion goes on after a name that is not known.
                let before = error.at.end <= one.at.start;
                prop_assert!(error.unfinished() || before, "{}: {}", text, error);
            }
        }
    }
}

#[test]
fn limits_hold() {
    let names = Names::default();
    let nested = |depth: usize| format!("{}tcp{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(DEPTH_MAX), &names).is_ok());
    let error = parse(&nested(DEPTH_MAX + 1), &names).unwrap_err();
    assert_eq!(error.at, 64..65);
    let not = |depth: usize| format!("{}tcp", "!".repeat(depth));
    let expr = parse(&not(DEPTH_MAX), &names).unwrap();
    assert_eq!(parse(&expr.to_string(), &names), Ok(expr));
    assert!(parse(&not(DEPTH_MAX + 1), &names).is_err());
    assert!(parse(&format!("{}port != 1", "!".repeat(DEPTH_MAX)), &names).is_err());
    let ports = |count: usize| format!("port {}", vec!["1"; count].join(","));
    assert!(parse(&ports(TERMS_MAX), &names).is_ok());
    assert!(
        parse(&ports(TERMS_MAX + 1), &names)
            .unwrap_err()
            .english()
            .contains("1001")
    );
    let long = |length: usize| format!("{:length$}", "tcp");
    assert!(parse(&long(TEXT_MAX), &names).is_ok());
    assert!(parse(&long(TEXT_MAX + 1), &names).is_err());
    // `||` is printed longer than it was written.
    let tests = |count: usize| vec!["ah"; count].join("||");
    let within = parse(&tests(300), &names).unwrap().to_string();
    assert!(within.chars().count() <= TEXT_MAX);
    assert!(
        parse(&tests(999), &names)
            .unwrap_err()
            .english()
            .contains("written out")
    );
    assert!(parse(&"(".repeat(4_000), &names).is_err());
}
