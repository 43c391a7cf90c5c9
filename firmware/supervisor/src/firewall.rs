//! The packet filter's rules as `nft` reads them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use api::supervisor::{CollectionCounters, NetworkPort, PortRole};
use settings::{Listen, Role, Settings};

use crate::{network, ports};

/// More new SSH connections from one source than this are dropped: guessing passwords gets slow.
const SSH_LIMIT: &str = "limit rate over 30/minute burst 15 packets";

/// What the sets of ports hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Reach {
    management: Vec<String>,
    collection: Vec<String>,
    discovery: Vec<String>,
    udp: BTreeSet<u16>,
    tls: BTreeSet<u16>,
}

impl Reach {
    fn of(ports: &[NetworkPort], settings: &Settings) -> Self {
        let of_role = |role: PortRole| -> Vec<String> {
            let names = ports.iter().filter(|port| port.role == role);
            let interfaces = names.map(|port| network::interface(port, &settings.management));
            interfaces.filter_map(|name| quoted(&name)).collect()
        };
        let management = of_role(PortRole::Management);
        let wanted = &settings.collection;
        let port = ports::collection(ports, wanted).filter(|_| settings.role != Role::Analyzer);
        let Some(collection) = port.and_then(|port| quoted(&network::interface(port, &settings.management))) else {
            return Self {
                management,
                ..Self::default()
            };
        };
        let on = |listens: &[&Listen]| -> BTreeSet<u16> {
            let on = listens.iter().filter(|listen| listen.enabled);
            on.flat_map(|listen| listen.ports.iter().copied()).collect()
        };
        Self {
            discovery: wanted.discovery.then(|| collection.clone()).into_iter().collect(),
            management,
            collection: vec![collection],
            udp: on(&[&wanted.flow, &wanted.syslog, &wanted.traps]),
            tls: on(&[&wanted.syslog_tls]),
        }
    }
}

/// The rules for the host, as one transaction: what the management and the collection port need, and nothing else
/// in, through or out. The rules are always the same; sets say which ports they are about, and without ports
/// everything but the loopback is dropped. Exporters, counters and the sources of SSH connections stay as they are.
pub(crate) fn host_rules(ports: &[NetworkPort], settings: &Settings) -> String {
    let reach = Reach::of(ports, settings);
    let mut text = include_str!("firewall.nft").replace("$ssh_limit", SSH_LIMIT);
    let numbers = |set: &BTreeSet<u16>| set.iter().map(u16::to_string).collect::<Vec<_>>();
    for (set, elements) in [
        ("management", reach.management),
        ("collection", reach.collection),
        ("discovery", reach.discovery),
        ("collection_udp", numbers(&reach.udp)),
        ("collection_tls", numbers(&reach.tls)),
    ] {
        change_set(&mut text, "add", set, &elements);
    }
    text
}

/// Removes everything that [`host_rules`] makes, exporters and counters too: put before it where the kernel holds
/// something else under our names.
pub(crate) const CLEAN: &str = "table inet spanwatch\ndelete table inet spanwatch\n";

/// The addresses that may send: those of exporters that are not switched off.
pub(crate) fn senders(settings: &Settings) -> BTreeSet<IpAddr> {
    let on = settings.exporters.values().filter(|exporter| exporter.enabled);
    on.flat_map(|exporter| exporter.addresses.iter().copied()).collect()
}

/// One transaction that makes the allow list `new`; without `old` whatever the kernel holds goes first.
/// Empty where nothing is to be done.
pub(crate) fn sender_rules(old: Option<&BTreeSet<IpAddr>>, new: &BTreeSet<IpAddr>) -> String {
    let none = BTreeSet::new();
    let mut text = String::new();
    if old.is_none() {
        text.push_str("flush set inet spanwatch exporters4\nflush set inet spanwatch exporters6\n");
    }
    let old = old.unwrap_or(&none);
    for (verb, addresses) in [("delete", old.difference(new)), ("add", new.difference(old))] {
        let (v4, v6): (Vec<_>, Vec<_>) = addresses.partition(|address| address.is_ipv4());
        let texts = |list: Vec<&IpAddr>| list.into_iter().map(IpAddr::to_string).collect::<Vec<_>>();
        change_set(&mut text, verb, "exporters4", &texts(v4));
        change_set(&mut text, verb, "exporters6", &texts(v6));
    }
    text
}

fn change_set(text: &mut String, verb: &str, set: &str, elements: &[String]) {
    if !elements.is_empty() {
        let _ = writeln!(
            text,
            "{verb} element inet spanwatch {set} {{ {} }}",
            elements.join(", ")
        );
    }
}

/// The arguments that make `nft` print the counters, without the exporters.
pub(crate) const LIST_COUNTERS: [&str; 6] = ["--terse", "list", "counters", "table", "inet", "spanwatch"];

/// Reads the packets of the counters from `nft list counters`; `None` where one is missing.
pub(crate) fn counters(listing: &str) -> Option<CollectionCounters> {
    let packets = |name: &str| {
        let mut lines = listing.lines().map(str::trim);
        lines.find(|line| line.strip_prefix("counter ").and_then(|rest| rest.strip_suffix(" {")) == Some(name))?;
        let mut words = lines.next()?.split_whitespace();
        words.find(|word| *word == "packets")?;
        words.next()?.parse().ok()
    };
    Some(CollectionCounters {
        registered: packets("registered")?,
        discovered: packets("discovered")?,
        unregistered: packets("unregistered")?,
    })
}

/// The rules for capture ports: every frame is dropped, in and out, after the capture rings have seen it.
pub(crate) fn capture_rules(ports: &[NetworkPort]) -> String {
    let mut text = String::from("table netdev spanwatch\ndelete table netdev spanwatch\n");
    let capture = ports.iter().filter(|port| port.role == PortRole::Capture);
    let names: Vec<String> = capture.filter_map(|port| quoted(&port.name)).collect();
    if names.is_empty() {
        return text;
    }
    text.push_str("table netdev spanwatch {\n");
    for (place, name) in names.iter().enumerate() {
        for hook in ["ingress", "egress"] {
            let _ = writeln!(
                text,
                "\tchain {hook}-{place} {{\n\t\ttype filter hook {hook} device {name} priority -500; policy drop;\n\t}}"
            );
        }
    }
    text.push_str("}\n");
    text
}

/// A name in quotes; `None` for one that could end the quotes (the kernel allows odd names).
fn quoted(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    (!name.is_empty() && name.chars().all(plain)).then(|| format!("\"{name}\""))
}

#[cfg(test)]
pub(crate) mod tests;
