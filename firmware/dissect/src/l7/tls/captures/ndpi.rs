//! What nDPI's reader printed.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use model::DetailKey;

use super::flows::{self, Key};

/// A flow's line.
#[derive(Debug)]
struct Line {
    key: Key,
    text: String,
}

impl Line {
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace().skip(1);
        let transport = match words.next()? {
            word if word.starts_with("TCP") => 6,
            word if word.starts_with("UDP") => 17,
            _ => return None,
        };
        let text = text.get(text.find(if transport == 6 { "TCP" } else { "UDP" })?..)?;
        let mut ends = text.split_whitespace().skip(1);
        let one: SocketAddr = ends.next()?.parse().ok()?;
        ends.next()?;
        let other: SocketAddr = ends.next()?.parse().ok()?;
        Some(Self {
            key: (transport, one, other),
            text: text.to_owned(),
        })
    }

    /// What stands after a name in brackets.
    fn value(&self, name: &str) -> Option<&str> {
        let begin = self.text.find(&format!("[{name}: "))? + name.len() + 3;
        let rest = self.text.get(begin..)?;
        rest.get(..rest.find(']')?)
    }
}

/// Differences that were looked into: (capture, what, how many, why).
const EXPLAINED: &[(&str, &str, usize, &str)] = &[
    ("capwap_data.pcapng", "JA4", 3, "CAPWAP's data frames are not opened"),
    ("capwap_data.pcapng", "JA3", 3, "CAPWAP's data frames are not opened"),
    ("capwap_data.pcapng", "name", 3, "CAPWAP's data frames are not opened"),
    (
        "quic-forcing-vn-with-data.pcapng",
        "JA4",
        1,
        "the client says hello twice, before and after the versions were negotiated: ours is the first hello's",
    ),
    (
        "quic-forcing-vn-with-data.pcapng",
        "JA3",
        1,
        "the second hello, as above",
    ),
    (
        "smtp-starttls.pcap",
        "name",
        1,
        "SMTP's greeting says the name, the hello does not",
    ),
    ("smtp-starttls.pcap", "JA4", 1, "a hello without a name, as above"),
];

/// nDPI's JA4 as the specification has it, in what nDPI does differently: it says `d` of every hello, with a server's name or
/// without; of the first protocol it takes the first two characters, or the first and `0`; and it hashes the empty list of
/// extensions, which is zeros.
fn specified(theirs: &str, ours: &str, line: &Line) -> String {
    const HASH_OF_NOTHING: &str = "e3b0c44298fc";
    let mut text = theirs.replace(HASH_OF_NOTHING, "000000000000");
    if line.value("Hostname/SNI").is_none() {
        text.replace_range(3..4, "i");
    }
    let first = line.value("(Advertised) ALPNs").and_then(|list| list.split(';').next());
    if let Some([first, .., last]) = first.map(str::as_bytes) {
        text.replace_range(8..10, &format!("{}{}", char::from(*first), char::from(*last)));
    }
    // OpenSSL's first DTLS 1.0 (0x0100) is no version of the specification's
    if text.starts_with("ds3") && ours.starts_with("d00") {
        text.replace_range(1..3, "00");
    }
    text
}

/// The first eight names of a certificate that are no addresses and fit.
fn first_names(all: &str) -> String {
    let mut text = String::new();
    let names = all.split(',').filter(|name| name.parse::<std::net::IpAddr>().is_err());
    for name in names.filter(|name| !name.is_empty()) {
        if text.len() + 1 + name.len() > 255 {
            continue;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&name.to_lowercase());
        if text.split(',').count() == 8 {
            break;
        }
    }
    text
}

/// A version by our name; `None` for what nDPI does not tell apart.
fn quic_version(theirs: &str) -> Option<String> {
    match theirs {
        "Ver-Negotiation" | "MVFST-22" | "MVFST-27" | "MVFST-EXP" => None,
        other => Some(other.trim_start_matches("V-").replace("Draft", "draft")),
    }
}

fn common_name(distinguished: &str) -> Option<&str> {
    distinguished.split("CN=").nth(1)?.split(", ").next()
}

#[test]
fn fingerprints_and_names_are_as_ndpi_says() {
    let Some(folder) = super::folder("ndpi") else { return };
    let mut same: BTreeMap<&str, usize> = BTreeMap::new();
    let mut differences: BTreeMap<(String, &str), Vec<String>> = BTreeMap::new();
    for expected in super::files(&folder.join("expected")) {
        let name = expected.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read(&expected).expect("the result can be read");
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<Line> = text
            .lines()
            .filter_map(Line::read)
            .filter(|line| line.value("JA4").or(line.value("QUIC ver")).is_some())
            .collect();
        if lines.is_empty() {
            continue;
        }
        let flows = flows::read(&folder.join("pcap").join(&name));
        for line in &lines {
            let (transport, one, other) = line.key;
            let flow = flows.get(&line.key).or_else(|| flows.get(&(transport, other, one)));
            let l7 = flow.and_then(flows::Flow::facts).unwrap_or_default();
            let detail = |key| l7.details.get(key).map(str::to_owned);
            let mut compare = |what: &'static str, theirs: Option<String>, ours: Option<String>| {
                if theirs == ours {
                    *same.entry(what).or_default() += usize::from(theirs.is_some());
                } else {
                    let difference = format!("{one} {other}: nDPI {theirs:?}, ours {ours:?}");
                    differences.entry((name.clone(), what)).or_default().push(difference);
                }
            };
            let own = |value: Option<&str>| value.map(str::to_owned);
            let ja4 = detail(DetailKey::Ja4);
            let theirs = line
                .value("JA4")
                .map(|text| specified(text, ja4.as_deref().unwrap_or_default(), line));
            if theirs.is_some() {
                compare("JA4", theirs, ja4);
                compare("JA3", own(line.value("JA3C")), detail(DetailKey::Ja3));
            }
            if let Some(version) = line.value("QUIC ver").and_then(quic_version) {
                compare("version", Some(version), detail(DetailKey::Version));
            }
            // of versions that are only negotiated nDPI reads no hello
            if line.value("QUIC ver") != Some("Ver-Negotiation") {
                let theirs = line.value("Hostname/SNI").map(str::to_lowercase);
                compare("name", theirs, own(l7.host.as_deref()));
            }
            if let Some(cipher) = line.value("Cipher") {
                compare("cipher", own(Some(cipher)), detail(DetailKey::Cipher));
            }
            if let Some(agreed) = line.value("(Negotiated) ALPN") {
                compare("protocol", own(Some(agreed)), detail(DetailKey::Alpn));
            } else if let Some(offered) = line.value("(Advertised) ALPNs") {
                compare("protocols", Some(offered.replace(';', ",")), detail(DetailKey::Alpn));
            }
            if let Some(names) = line.value("ServerNames") {
                compare(
                    "certificate",
                    Some(first_names(names)),
                    detail(DetailKey::CertificateNames),
                );
            }
            if let Some(subject) = line.value("Subject").and_then(common_name) {
                compare("subject", own(Some(subject)), detail(DetailKey::Subject));
            }
            if let Some(issuer) = line.value("Issuer").and_then(common_name) {
                compare("issuer", own(Some(issuer)), detail(DetailKey::Issuer));
            }
        }
    }
    eprintln!("the same as nDPI: {same:?}");
    let mut unexplained = Vec::new();
    for ((capture, what), list) in &differences {
        let explained = EXPLAINED.iter().find(|(c, w, ..)| c == capture && w == what);
        if explained.is_none_or(|(_, _, count, _)| *count != list.len()) {
            unexplained.push(format!("{capture} {what} ({}): {list:#?}", list.len()));
        }
    }
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
}
