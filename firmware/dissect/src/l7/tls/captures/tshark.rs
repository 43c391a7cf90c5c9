//! What tshark says: names, fingerprints, versions, ciphers and alerts. Skipped, and said so, where it is not installed.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::DetailKey;

use super::flows::{self, Key};

/// What tshark prints of a frame, in this order.
const FIELDS: [&str; 18] = [
    "ip.src",
    "ipv6.src",
    "tcp.srcport",
    "udp.srcport",
    "ip.dst",
    "ipv6.dst",
    "tcp.dstport",
    "udp.dstport",
    "tls.handshake.type",
    "tls.handshake.extensions_server_name",
    "tls.handshake.ja3",
    "tls.handshake.ciphersuite",
    "tls.handshake.version",
    "tls.handshake.extensions.supported_version",
    "dtls.handshake.type",
    "dtls.handshake.ciphersuite",
    "dtls.handshake.version",
    "tls.handshake.extensions_alpn_str",
];

/// The hellos of a flow, the first of each side.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Hellos {
    name: Option<String>,
    ja3: Option<String>,
    cipher: Option<String>,
    version: Option<String>,
    protocols: Option<String>,
}

fn hellos(path: &Path) -> BTreeMap<Key, Hellos> {
    let mut command = Command::new("tshark");
    command
        .arg("-r")
        .arg(path)
        .args(["-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,"]);
    command.args(["-Y", "tls.handshake.type in {1, 2} || dtls.handshake.type in {1, 2}"]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().expect("tshark runs");
    let mut found: BTreeMap<Key, Hellos> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Some(fields) = line.split('\t').collect::<Vec<_>>().first_chunk::<18>().copied() else {
            continue;
        };
        // the innermost of a tunnel stands last
        let last = |list: &str| list.rsplit(',').next().map(str::to_owned).filter(|one| !one.is_empty());
        let end = |at: usize| {
            let address: IpAddr = last(fields[at]).or_else(|| last(fields[at + 1]))?.parse().ok()?;
            let port: u16 = last(fields[at + 2]).or_else(|| last(fields[at + 3]))?.parse().ok()?;
            Some(SocketAddr::new(address, port))
        };
        let transport = if fields[2].is_empty() { 17 } else { 6 };
        let (Some(from), Some(to)) = (end(0), end(4)) else {
            continue;
        };
        let [
            ..,
            types,
            name,
            ja3,
            cipher,
            version,
            supported,
            types_d,
            cipher_d,
            version_d,
            protocols,
        ] = fields;
        let first = |list: &str| list.split(',').next().map(str::to_owned).filter(|one| !one.is_empty());
        let is = |kind: &str| types.split(',').chain(types_d.split(',')).any(|one| one == kind);
        if is("1") && !is("2") {
            let hellos = found.entry((transport, from, to)).or_default();
            hellos.name = hellos.name.take().or_else(|| first(name));
            hellos.ja3 = hellos.ja3.take().or_else(|| first(ja3));
            hellos.protocols = hellos.protocols.take().or_else(|| Some(protocols.to_owned()));
        } else if is("2") && !is("1") {
            let hellos = found.entry((transport, to, from)).or_default();
            hellos.cipher = hellos
                .cipher
                .take()
                .or_else(|| first(cipher).or_else(|| first(cipher_d)));
            let agreed = || first(supported).or_else(|| first(version)).or_else(|| first(version_d));
            hellos.version = hellos.version.take().or_else(agreed);
        }
    }
    found
}

/// Differences that were looked into: (capture, what, how many, why).
const EXPLAINED: &[(&str, &str, usize, &str)] = &[(
    "tls_cipher_lens.pcap",
    "ja3",
    1,
    "the lengths in this hello are wrong on purpose: tshark leaves off after an empty list of ciphers",
)];

#[test]
fn hellos_are_as_tshark_says() {
    if !Command::new("tshark")
        .arg("-v")
        .output()
        .is_ok_and(|output| output.status.success())
    {
        eprintln!("skipped: tshark is not installed");
        return;
    }
    let Some(flowtest) = super::folder("flowtest/pcap") else {
        return;
    };
    let Some(ndpi) = super::folder("ndpi/pcap") else { return };
    let files: Vec<PathBuf> = [flowtest, ndpi]
        .iter()
        .flat_map(|folder| super::files(folder))
        .collect();
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    // tshark is slow to start: several at a time
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let flows = flows::read(path);
                    if flows.values().any(|flow| flow.facts().is_some()) {
                        let result = (path.clone(), flows, hellos(path));
                        results.lock().expect("no thread panics").push(result);
                    }
                }
            });
        }
    });
    let mut same: BTreeMap<&str, usize> = BTreeMap::new();
    let mut differences: BTreeMap<(String, &str), Vec<String>> = BTreeMap::new();
    for (path, flows, theirs) in results.into_inner().expect("no thread panics") {
        let capture = path.file_name().expect("a name").to_string_lossy().into_owned();
        for ((transport, client, server), theirs) in &theirs {
            let flow = flows
                .get(&(*transport, *client, *server))
                .or_else(|| flows.get(&(*transport, *server, *client)));
            let l7 = flow.and_then(flows::Flow::facts).unwrap_or_default();
            let detail = |key| l7.details.get(key).map(str::to_owned);
            let mut compare = |what: &'static str, theirs: Option<String>, ours: Option<String>| {
                if theirs.is_none() || theirs == ours {
                    *same.entry(what).or_default() += usize::from(theirs.is_some());
                } else {
                    let difference = format!("{client} {server}: tshark {theirs:?}, ours {ours:?}");
                    differences.entry((capture.clone(), what)).or_default().push(difference);
                }
            };
            compare(
                "name",
                theirs.name.as_ref().map(|name| name.to_lowercase()),
                l7.host.as_deref().map(str::to_owned),
            );
            compare("ja3", theirs.ja3.clone(), detail(DetailKey::Ja3));
            let number = |text: &String| u16::from_str_radix(text.trim_start_matches("0x"), 16).expect("a number");
            let cipher = |number| crate::l7::tls::ciphers::name(number).map_or(format!("{number:#06x}"), str::to_owned);
            compare(
                "cipher",
                theirs.cipher.as_ref().map(|text| cipher(number(text))),
                detail(DetailKey::Cipher),
            );
            let version = |number| crate::l7::tls::session::version_name(number).into_owned();
            compare(
                "version",
                theirs.version.as_ref().map(|text| version(number(text))),
                detail(DetailKey::TlsVersion),
            );
        }
    }
    eprintln!("the same as tshark: {same:?}");
    let mut unexplained = Vec::new();
    for ((capture, what), list) in &differences {
        let explained = EXPLAINED.iter().find(|(c, w, ..)| c == capture && w == what);
        if explained.is_none_or(|(_, _, count, _)| *count != list.len()) {
            unexplained.push(format!("{capture} {what} ({}): {list:#?}", list.len()));
        }
    }
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    assert!(same.values().all(|count| *count > 200), "{same:?}");
}
