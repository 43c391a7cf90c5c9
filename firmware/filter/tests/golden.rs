//! Filters as they print, and what is said of wrong ones.
//!
//! `SPANWATCH_BLESS=1` writes the files anew from their inputs: read the difference before it is committed.

use std::fmt::Write as _;

use filter::{FilterError, InterfaceName, Names, parse};

const GOOD: &str = include_str!("good.txt");
const BAD: &str = include_str!("bad.txt");

fn names() -> Names {
    let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let interface = |exporter: &str, index, name: &str| InterfaceName {
        exporter: exporter.to_owned(),
        index,
        name: name.to_owned(),
    };
    Names {
        apps: of(&["billing", "财务系统", "2048"]),
        businesses: of(&["ERP", "办公 OA", "port"]),
        ip_groups: of(&["servers", "head office", "总部"]),
        interface_groups: of(&["uplinks", "出口 组"]),
        link_groups: of(&["campus"]),
        links: of(&["eth1", "core switch", "core-1"]),
        exporters: of(&["core-1", "core switch"]),
        interfaces: vec![
            interface("core-1", 17, "Gi0/1"),
            interface("core-1", 18, "Gi0/2"),
            interface("core switch", 3, "Ethernet 1/1"),
            interface("core switch", 4, ""),
        ],
    }
}

fn bless(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name);
    std::fs::write(path, text).expect("the golden file can be written");
}

fn blessing() -> bool {
    std::env::var_os("SPANWATCH_BLESS").is_some()
}

#[test]
fn filters_print_as_they_are_meant() {
    let names = names();
    let mut made = String::new();
    for line in GOOD.lines() {
        let text = line.split('\t').next().unwrap();
        if text.starts_with("# ") || text.is_empty() {
            made += line;
        } else {
            let expr = parse(text, &names).unwrap_or_else(|error| panic!("{text}: {error}"));
            write!(made, "{text}\t{expr}").unwrap();
            assert_eq!(parse(&expr.to_string(), &names), Ok(expr));
        }
        made.push('\n');
    }
    if blessing() {
        bless("good.txt", &made);
    } else {
        assert_eq!(made, GOOD);
    }
}

/// The text with a mark at both ends of what is wrong.
fn marked(text: &str, error: &FilterError) -> String {
    let chars: Vec<char> = text.chars().collect();
    let part = |from: usize, to: usize| chars[from..to].iter().collect::<String>();
    let (from, to) = (error.at.start as usize, error.at.end as usize);
    format!("{}⟦{}⟧{}", part(0, from), part(from, to), part(to, chars.len()))
}

#[test]
fn wrong_filters_are_explained() {
    let names = names();
    let mut made = String::new();
    for block in BAD.split("\n\n") {
        let text = block.trim_start_matches('\n').lines().next().unwrap_or_default();
        let text = text.replace(['⟦', '⟧'], "");
        if text.is_empty() {
            continue;
        }
        let error = parse(&text, &names).err().unwrap_or_else(|| panic!("{text} is right"));
        writeln!(made, "{}", marked(&text, &error)).unwrap();
        writeln!(made, "  {}", error.english()).unwrap();
        writeln!(made, "  {}", error.chinese()).unwrap();
        if let Some(suggestion) = error.suggestion() {
            let chars: Vec<char> = text.chars().collect();
            let mended: String = chars[..error.at.start as usize]
                .iter()
                .copied()
                .chain(suggestion.chars())
                .chain(chars[error.at.end as usize..].iter().copied())
                .collect();
            // What was meant is right, or lacks only the rest.
            if let Err(error) = parse(&mended, &names) {
                assert!(error.unfinished(), "{text} → {mended}: {error}");
            }
            writeln!(made, "  → {suggestion}").unwrap();
        }
        if error.unfinished() {
            made += "  …\n";
        }
        made.push('\n');
    }
    if blessing() {
        bless("bad.txt", &made);
    } else {
        assert_eq!(made, BAD);
    }
}

/// The cursor stands at `|`.
#[test]
fn completions_are_those_that_may_stand_there() {
    let names = names();
    let complete = |text: &str| {
        let cursor = text.chars().position(|c| c == '|').unwrap();
        filter::complete(&text.replace('|', ""), u32::try_from(cursor).unwrap(), &names)
    };
    let texts = |text: &str| {
        complete(text)
            .into_iter()
            .map(|one| one.text)
            .collect::<Vec<_>>()
            .join(" · ")
    };
    let mut wrong = Vec::new();
    for (text, first) in [
        // Words, in the order of their use.
        ("|", "src · dst · host · port"),
        (
            "s|",
            "src · sport · srcgroup · sctp · srccountry · srcas · smac · subject · status · srcip",
        ),
        ("SP|", "sport"),
        ("tcp an|", "and"),
        ("tcp |", "and · or"),
        ("(tcp |", "and · or · )"),
        ("tcp and |", "src · dst · host"),
        ("not |", "src · dst · host"),
        ("(|", "src · dst · host"),
        // By their other forms.
        ("源|", "src · srcgroup · sport"),
        ("应用|", "app"),
        ("protocol|", "proto"),
        ("方向|", "dir"),
        // After words.
        ("src |", "port · group · country · as · mac · 10.0.0.0/8"),
        ("src p|", "port"),
        ("host |", "group · 10.0.0.0/8"),
        ("port |", "443 · 80 · 53"),
        ("port 80,|", "443 · 80 · 53"),
        ("port in [80 |", "443 · 80 · 53"),
        ("port 80|", ""),
        ("port 80 |", "and · or"),
        ("bytes |", "> · >= · < · <= · = · !="),
        ("bytes > |", "100 · 1k · 10k · 1M"),
        ("bytes>|", "100 · 1k · 10k · 1M"),
        ("bytes > 1|", "100 · 1k · 10k · 1M · 10M · 1G"),
        ("duration >= |", "500ms · 1s"),
        ("response > |", "1ms · 10ms · 30ms"),
        ("retransmissions > |", "0 · 10 · 100"),
        ("connect|", "connect-client · connect-server"),
        ("响应|", "response · response-max"),
        ("confidence p|", "port · pattern · parsed"),
        ("dns-code N|", "NOERROR · NXDOMAIN"),
        ("domain |", ""),
        ("dir |", "in · out · internal · external · unknown"),
        ("dir in,|", "in · out · internal"),
        ("dir != e|", "external"),
        ("flags S|", "SA · S/SA"),
        ("flags syn|", "S"),
        ("proto t|", "tcp"),
        ("dscp af4|", "af41 · af42 · af43"),
        ("end |", "idle · active"),
        ("icmp |", "8 · 0 · 3 · 3/3"),
        ("country 中|", "CN · HK · MO · TW · CF"),
        ("country swi|", "CH"),
        ("country C|", "CA · CC · CD"),
        // Names.
        ("app d|", "dns · dhcp · dhcpv6 · dns-over-tls"),
        ("app |", "billing · 财务系统 · \"2048\" · unknown · dns"),
        ("app ldap,ht|", "http · https"),
        ("app 财|", "财务系统"),
        ("app sql|", "mysql · postgresql · mssql"),
        ("business |", "ERP · \"办公 OA\" · \"port\""),
        ("business 办|", "\"办公 OA\""),
        ("business \"办|", "\"办公 OA\""),
        ("business \"办公 O|A\"", "\"办公 OA\""),
        ("business “OA|", "\"办公 OA\""),
        ("src group h|", "\"head office\""),
        ("link |", "group · eth1 · \"core switch\" · core-1"),
        ("link group |", "campus"),
        ("exporter core|", "core-1 · \"core switch\""),
        (
            "if |",
            "group · core-1:Gi0/1 · core-1:Gi0/2 · \"core switch\":\"Ethernet 1/1\" · \"core switch\":4",
        ),
        ("if core-1:|", "core-1:Gi0/1 · core-1:Gi0/2"),
        ("if core-1:Gi0/2|", ""),
        ("if core-1:18|", "core-1:Gi0/2"),
        ("if \"core switch\":\"Eth|", "\"core switch\":\"Ethernet 1/1\""),
        ("if Gi0|", "core-1:Gi0/1 · core-1:Gi0/2"),
        // In the middle, and where the text before is wrong.
        ("app d| and tcp", "dns · dhcp"),
        ("ap|p dns", "app"),
        ("tcp udp |", ""),
        ("port 99999 |", ""),
        ("app nonesuch and s|", "src · sport"),
    ] {
        let found = texts(text);
        let fits = if first.is_empty() {
            found.is_empty()
        } else {
            found.starts_with(first)
        };
        if !fits {
            wrong.push(format!("{text}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let one = complete("tcp and ap| dns").swap_remove(0);
    assert_eq!((one.at, one.text.as_str()), (8..10, "app"));
    assert_eq!(one.english, "applications: app dns,https");
    assert_eq!(one.chinese, "应用：app dns,https");
    let one = complete("if \"core switch\":\"Eth|").swap_remove(0);
    assert_eq!(one.at, 3..21);
    assert!(complete("country |").len() == 50);
    assert!(filter::complete("tcp ", u32::MAX, &names).len() == 2);
}
