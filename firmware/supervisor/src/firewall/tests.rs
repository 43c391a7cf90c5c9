use super::*;
use crate::network::tests::port;
use crate::tests::golden;
use proptest::prelude::*;
use settings::Exporter;
use std::io::Write as _;
use std::process::{Command, Stdio};

mod packets;

fn ports() -> Vec<NetworkPort> {
    vec![
        port("enp0s2", "0000:00:02.0", None),
        port("enp0s3", "0000:00:03.0", Some(1)),
        port("enp0s4", "0000:00:04.0", Some(2)),
    ]
}

/// Settings whose exporter `n` has `lists[n - 1]`'s addresses.
pub(crate) fn registered(lists: &[&[&str]]) -> Settings {
    let exporter = |addresses: &[&str]| Exporter {
        name: addresses.concat(),
        addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        enabled: true,
        sampling: None,
        utc_offset_min: 0,
        snmp: None,
        interfaces: std::collections::BTreeMap::new(),
    };
    Settings {
        exporters: (1..).zip(lists.iter().map(|list| exporter(list))).collect(),
        ..Settings::default()
    }
}

fn collecting_at(name: &str) -> (Vec<NetworkPort>, Settings) {
    let (mut ports, mut settings) = (ports(), Settings::default());
    settings.collection.port = Some(name.to_owned());
    ports::assign(&mut ports, &settings.collection);
    (ports, settings)
}

#[test]
fn the_rules_are_these() {
    golden("golden/host.nft", &host_rules(&ports(), &Settings::default()));
    golden("golden/capture.nft", &capture_rules(&ports()));
    let (ports, mut settings) = collecting_at("enp0s4");
    settings.collection.discovery = true;
    settings.collection.syslog_tls.enabled = false;
    golden("golden/host-collection.nft", &host_rules(&ports, &settings));
    golden("golden/capture-collection.nft", &capture_rules(&ports));
}

#[test]
fn the_rules_of_the_image_let_nothing_in() {
    let rules = host_rules(&[], &Settings::default());
    golden("../../rootfs-overlay/usr/share/spanwatch/firewall.nft", &rules);
    assert!(!rules.contains("add element"));
}

#[test]
fn a_collection_port_that_is_not_there_opens_no_other() {
    let (ports, settings) = collecting_at("enp9s9");
    let rules = host_rules(&ports, &settings);
    assert!(rules.contains("add element inet spanwatch management { \"enp0s2\" }"));
    assert_eq!(rules.matches("add element").count(), 1);
    let analyzer = Settings {
        role: Role::Analyzer,
        ..Settings::default()
    };
    assert_eq!(host_rules(&super::tests::ports(), &analyzer), rules);
}

#[test]
fn odd_names_do_not_reach_the_rules() {
    let odd = [
        port("a\" accept", "0000:00:02.0", None),
        port("b;", "0000:00:03.0", Some(1)),
    ];
    let settings = Settings::default();
    assert_eq!(host_rules(&odd, &settings), host_rules(&[], &settings));
    assert!(!capture_rules(&odd).contains(';'));
}

#[test]
fn the_allow_list_changes_by_what_came_and_went() {
    let mut settings = registered(&[&["192.0.2.2", "2001:db8::2"], &["192.0.2.3"]]);
    settings.exporters.get_mut(&2).unwrap().enabled = false;
    let first = senders(&settings);
    assert_eq!(
        sender_rules(None, &first),
        "flush set inet spanwatch exporters4\nflush set inet spanwatch exporters6\n\
         add element inet spanwatch exporters4 { 192.0.2.2 }\nadd element inet spanwatch exporters6 { 2001:db8::2 }\n"
    );
    let second = senders(&registered(&[&["2001:db8::2"], &["192.0.2.3"]]));
    assert_eq!(
        sender_rules(Some(&first), &second),
        "delete element inet spanwatch exporters4 { 192.0.2.2 }\nadd element inet spanwatch exporters4 { 192.0.2.3 }\n"
    );
    assert_eq!(sender_rules(Some(&second), &second), "");
}

/// What a set holds after the rules, done line by line.
fn done(rules: &str, mut set: BTreeSet<IpAddr>) -> BTreeSet<IpAddr> {
    for line in rules.lines() {
        if line.starts_with("flush set") {
            let four = line.ends_with('4');
            set.retain(|address| address.is_ipv4() != four);
            continue;
        }
        let (head, rest) = line.split_once(" { ").unwrap();
        for address in rest.strip_suffix(" }").unwrap().split(", ") {
            let address: IpAddr = address.parse().unwrap();
            assert!(head.ends_with(if address.is_ipv4() { "exporters4" } else { "exporters6" }));
            // nft refuses to delete what is not there.
            let changed = if head.starts_with("add ") {
                set.insert(address)
            } else {
                set.remove(&address)
            };
            assert!(changed, "{line}");
        }
    }
    set
}

fn addresses() -> impl Strategy<Value = BTreeSet<IpAddr>> {
    let v4 = (0u8..20).prop_map(|n| IpAddr::from([192, 0, 2, n]));
    let v6 = (0u16..20).prop_map(|n| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, n]));
    prop::collection::btree_set(prop_oneof![v4, v6], 0..20)
}

proptest! {
    #[test]
    fn the_allow_list_becomes_the_new_one_whatever_was_there(old in addresses(), new in addresses()) {
        prop_assert_eq!(&done(&sender_rules(Some(&old), &new), old.clone()), &new);
        prop_assert_eq!(&done(&sender_rules(None, &new), old), &new);
    }
}

#[test]
fn counters_are_read_or_missing() {
    let listing = "table inet spanwatch {\n\tcounter registered {\n\t\tpackets 7 bytes 700\n\t}\n\tcounter discovered {\n\
        \t\tpackets 0 bytes 0\n\t}\n\tcounter unregistered {\n\t\tpackets 18446744073709551615 bytes 1\n\t}\n}\n";
    let expected = CollectionCounters {
        registered: 7,
        discovered: 0,
        unregistered: u64::MAX,
    };
    assert_eq!(counters(listing), Some(expected));
    assert_eq!(counters(&listing.replace("discovered", "other")), None);
    assert_eq!(counters(""), None);
}

pub(crate) fn available() -> bool {
    let nft = Command::new("nft").arg("--version").stdout(Stdio::null()).status();
    let available = nix::unistd::geteuid().is_root() && nft.is_ok_and(|status| status.success());
    if !available {
        eprintln!("SKIPPED: needs root and nft");
    }
    available
}

/// Gives rules to `nft` in a network namespace of its own; the script finds them in the file `$0`.
fn in_namespace(script: &str, rules: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut child = Command::new("unshare")
        .args(["--net", "sh", "-e", "-c", &format!("cat >\"$0\"\n{script}")])
        .arg(file.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success());
    String::from_utf8(out.stdout).unwrap()
}

/// Needs root and nftables.
#[test]
fn nft_accepts_the_rules() {
    if !available() {
        return;
    }
    let (ports, settings) = collecting_at("enp0s2");
    let rules = format!("{}{}", host_rules(&ports, &settings), capture_rules(&ports));
    // Twice: the second time replaces what is there.
    let script = "ip link add enp0s3 type veth peer name enp0s4\nnft -c -f \"$0\"\nnft -f \"$0\"\nnft -f \"$0\"\nnft list ruleset";
    let listed = in_namespace(script, &rules);
    assert!(
        listed.contains("elements = { \"enp0s2\" }") && listed.contains("chain egress-1"),
        "{listed}"
    );
    assert_eq!(listed.matches("policy drop;").count(), 7, "{listed}");
    assert_eq!(listed.matches("tcp dport 22 ").count(), 1, "{listed}");
}

/// As many exporters with as many addresses as settings may name, twice: at a start the list is loaded anew.
#[test]
fn nft_accepts_the_longest_allow_list() {
    if !available() {
        return;
    }
    let v4 = (0..80_000u32).map(|n| IpAddr::from(std::net::Ipv4Addr::from(0x0a00_0000 + n)));
    let v6 = (0..80_000u128).map(|n| IpAddr::from(std::net::Ipv6Addr::from((0x2001_0db8_u128 << 96) + n)));
    let list: BTreeSet<IpAddr> = v4.chain(v6).collect();
    let rules = format!("{}{}", host_rules(&[], &Settings::default()), sender_rules(None, &list));
    let script =
        "nft -f \"$0\"\nnft -f \"$0\"\nnft list set inet spanwatch exporters4 | tr -c '0-9.' '\\n' | grep -c '^10[.]'";
    assert_eq!(in_namespace(script, &rules).trim(), "80000");
}
