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
