//! What people wrote beside flowtest's captures.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use model::DetailKey;

use super::flows;
use crate::l7::tls::ciphers;
use crate::l7::tls::session::version_name;

/// Annotations that differ, and why: (file, what, theirs).
const EXPLAINED: &[(&str, &str, &str)] = &[
    // GREASE is no version (RFC 8701)
    ("tls_invalid_cert.yml", "tls_client_version", "0xeaea"),
    // the versions of the alerts' records: nothing was agreed on
    ("tls_cipher_error.yml", "tls_server_version", "0x0303"),
    ("tls_version_error.yml", "tls_server_version", "0x0303"),
];

/// The flows of an annotation: the lines `key: value` after each `- `.
fn annotated(text: &str) -> Vec<BTreeMap<&str, &str>> {
    let mut flows: Vec<BTreeMap<&str, &str>> = Vec::new();
    for line in text.lines().skip_while(|line| !line.starts_with("flows:")).skip(1) {
        let line = line.trim_start();
        if line.starts_with("- ") {
            flows.push(BTreeMap::new());
        }
        if let (Some(flow), Some((key, value))) = (flows.last_mut(), line.trim_start_matches("- ").split_once(": ")) {
            flow.insert(key, value.trim_matches('\''));
        }
    }
    flows
}

fn number(text: &str) -> u32 {
    u32::from_str_radix(text.trim_start_matches("0x"), 16).expect("a number")
}

fn version(text: &str) -> String {
    version_name(u16::try_from(number(text)).expect("two octets")).into_owned()
}

fn cipher(text: &str) -> String {
    let name = match u16::try_from(number(text)) {
        Ok(number) => ciphers::name(number),
        Err(_) => {
            let [_, a, b, c] = number(text).to_be_bytes();
            ciphers::ssl2_name([a, b, c])
        }
    };
    name.expect("a cipher that has a name").to_owned()
}

#[test]
fn handshakes_are_as_annotated() {
    let Some(folder) = super::folder("flowtest") else {
        return;
    };
    let mut same = 0;
    let mut differences = Vec::new();
    for path in super::files(&folder.join("expected")) {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("the annotation can be read");
        let pcap = text
            .lines()
            .find_map(|line| line.strip_prefix("pcap: "))
            .expect("a capture");
        if !text.contains("  tls_") {
            continue;
        }
        let flows = flows::read(&folder.join("pcap").join(pcap));
        for wanted in annotated(&text) {
            let end = |ip, port| {
                let address: IpAddr = wanted.get(ip)?.parse().ok()?;
                Some(SocketAddr::new(address, wanted.get(port)?.parse().ok()?))
            };
            let (Some(client), Some(server)) = (end("src_ip", "src_port"), end("dst_ip", "dst_port")) else {
                continue;
            };
            let l7 = flows
                .get(&(6, client, server))
                .and_then(flows::Flow::facts)
                .unwrap_or_default();
            let detail = |key| l7.details.get(key).unwrap_or_default().to_owned();
            for (key, value) in &wanted {
                let (theirs, ours) = match *key {
                    "tls_sni" => ((*value).to_owned(), l7.host.as_deref().unwrap_or_default().to_owned()),
                    "tls_alpn" => ((*value).to_owned(), detail(DetailKey::Alpn)),
                    "tls_server_version" => (version(value), detail(DetailKey::TlsVersion)),
                    "tls_client_version" => (version(value), detail(DetailKey::TlsClientVersion)),
                    "tls_cipher_suite" => (cipher(value), detail(DetailKey::Cipher)),
                    "tls_subject_cn" => ((*value).to_owned(), detail(DetailKey::Subject)),
                    "tls_issuer_cn" => ((*value).to_owned(), detail(DetailKey::Issuer)),
                    "tls_validity_not_before" => ((*value).to_owned(), detail(DetailKey::ValidFrom)),
                    "tls_validity_not_after" => ((*value).to_owned(), detail(DetailKey::ValidUntil)),
                    "tls_public_key_alg" => ((*value).to_owned(), detail(DetailKey::KeyAlgorithm)),
                    "tls_ja3" => (value.trim_start_matches("0x").to_owned(), detail(DetailKey::Ja3)),
                    other if other.starts_with("tls_") => panic!("{name} says {other}, which is not compared"),
                    _ => continue,
                };
                let explained = EXPLAINED.contains(&(name.as_str(), *key, *value));
                if explained != (theirs != ours) {
                    differences.push(format!("{name} {client} {key}: annotated {theirs:?}, ours {ours:?}"));
                } else if !explained {
                    same += 1;
                }
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    eprintln!("as annotated: {same} values");
    assert_eq!(same, 71);
}

/// The outcomes of the handshakes that fail.
#[test]
fn failures_are_told() {
    let Some(folder) = super::folder("flowtest/pcap") else {
        return;
    };
    for (capture, alert) in [
        ("tls_cipher_error.pcap", Some("handshake_failure")),
        ("tls_version_error.pcap", Some("protocol_version")),
        ("tls12_alpn.pcap", None),
    ] {
        let flows = flows::read(&folder.join(capture));
        let failures: Vec<_> = flows.values().filter_map(flows::Flow::failure).collect();
        assert_eq!(failures.first().copied(), alert, "{capture}");
    }
}
