//! Host names, TLS's server names and DNS's questions against Wireshark's.

use std::collections::BTreeMap;

use model::Confidence;

use crate::ndpi::{Key, key};
use crate::{corpus, tshark};

/// Captures where a flow's name differs, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    ("android.pcap", SSDP),
    (
        "dns-invalid-chars.pcap",
        "control characters of a name become question marks",
    ),
    (
        "ipv6-routing-header.pcap",
        "an address in brackets with its port, kept as the address",
    ),
    (
        "smtp-starttls.pcap",
        "the server's greeting names it before TLS begins, in which the client names another",
    ),
    ("ssdp-m-search-ua.pcap", SSDP),
    ("starcraft_battle.pcap", SSDP),
    ("telegram_videocall.pcapng", QUESTIONS),
    ("tls_certificate_too_long.pcap", QUESTIONS),
    ("viber.pcap", QUESTIONS),
    ("zoom.pcap", SSDP),
    ("zoom_p2p.pcapng", QUESTIONS),
];
const SSDP: &str = "SSDP's host is the group that it is sent to: no server's name";
const QUESTIONS: &str = "a message of several questions: ours is the first one, tshark was asked for the last";

/// The name that a flow has by tshark: TLS's, else HTTP's, else the first question's.
#[derive(Debug, Default)]
struct Names {
    sni: Option<String>,
    host: Option<String>,
    question: Option<String>,
}

fn tidy(name: &str) -> String {
    let name = name.trim().trim_end_matches('.').to_lowercase();
    match name.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => host.to_owned(),
        _ => name,
    }
}

#[test]
fn names_are_those_of_wireshark() {
    let (mut compared, mut found) = (0, Vec::new());
    for folder in ["flowtest/pcap", "ndpi/pcap"].into_iter().filter_map(corpus::folder) {
        for path in corpus::files(&folder) {
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            let mut ours: BTreeMap<Key, Vec<Option<String>>> = BTreeMap::new();
            for r in corpus::meter(&path).records {
                let (src, dst) = ((r.src_ip.to_string(), r.src_port), (r.dst_ip.to_string(), r.dst_port));
                let l7 = r.l7.filter(|l7| l7.confidence > Confidence::Dns);
                let host = l7.and_then(|l7| l7.host).map(|host| host.into_string());
                ours.entry(key(r.protocol, src, dst)).or_default().push(host);
            }
            let Some(rows) = tshark::rows(&path) else { return };
            let mut theirs: BTreeMap<Key, Names> = BTreeMap::new();
            for row in &rows {
                let Some((key, _)) = row.key(|key| ours.contains_key(key)) else {
                    continue;
                };
                let names = theirs.entry(key).or_default();
                let said = |field: &str| {
                    row.get(field)
                        .map(tidy)
                        .filter(|name| !name.is_empty() && name != "<root>")
                };
                names.sni = names
                    .sni
                    .take()
                    .or_else(|| said("tls.handshake.extensions_server_name"));
                names.host = names.host.take().or_else(|| said("http.host"));
                names.question = names.question.take().or_else(|| said("dns.qry.name"));
            }
            for (key, names) in theirs {
                let Some(expected) = names.sni.or(names.host).or(names.question) else {
                    continue;
                };
                compared += 1;
                if !ours[&key].iter().any(|name| name.as_deref() == Some(&*expected)) {
                    found.push((file.clone(), format!("{key:?}: {:?}, theirs {expected:?}", ours[&key])));
                }
            }
        }
    }
    if compared == 0 {
        return;
    }
    eprintln!("{compared} names");
    assert!(compared > 700, "only {compared} names were compared");
    let news: Vec<_> = found
        .iter()
        .filter(|(f, _)| DIFFERENCES.iter().all(|(k, _)| k != f))
        .collect();
    let gone: Vec<_> = DIFFERENCES
        .iter()
        .filter(|(k, _)| found.iter().all(|(f, _)| k != f))
        .collect();
    assert!(news.is_empty() && gone.is_empty(), "new: {news:#?}\ngone: {gone:#?}");
}
