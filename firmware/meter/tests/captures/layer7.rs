//! What the annotated captures say of DNS, HTTP and TLS, beside what was read of them.

use std::path::Path;

use model::{DetailKey, FlowRecord};

use crate::corpus;

/// Where a record does not say what the annotation says: (annotation, field, annotated), and why.
const DIFFERENCES: &[((&str, &str, &str), &str)] = &[
    (("http2_switch", "http_status_code", "200"), SWITCHED),
    (("http_delete", "http_content_type", "[application/json]"), REQUESTS),
    (("http_put", "http_content_type", "[application/json]"), REQUESTS),
    (("tls_cipher_error", "tls_server_version", "0x0303"), NOT_AGREED),
    (("tls_version_error", "tls_server_version", "0x0303"), NOT_AGREED),
    (
        ("tls_invalid_cert", "tls_client_version", "0xeaea"),
        "a number that stands for nothing (GREASE, RFC 8701): the client offers TLS 1.3",
    ),
];
const SWITCHED: &str = "the first answer is 101, Switching Protocols; 200 follows it in HTTP/2";
const REQUESTS: &str = "what the request carries; the answer, whose type a record names, has none";
const NOT_AGREED: &str = "the version of an alert's record: no version was agreed on";

/// Cipher suites of the annotations, by their IANA names.
const CIPHERS: &[(&str, &str)] = &[
    ("0xc014", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    ("0xcca8", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    ("0x1302", "TLS_AES_256_GCM_SHA384"),
    ("0xc030", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    ("0x0700c0", "SSL_CK_DES_192_EDE3_CBC_WITH_MD5"),
];
const VERSIONS: &[(&str, &str)] = &[
    ("0x0002", "SSL 2.0"),
    ("0x0300", "SSL 3.0"),
    ("0x0301", "TLS 1.0"),
    ("0x0302", "TLS 1.1"),
    ("0x0303", "TLS 1.2"),
    ("0x0304", "TLS 1.3"),
    ("0x7f1c", "TLS 1.3 draft 28"),
];
const TYPES: &[(&str, &str)] = &[
    ("1", "A"),
    ("5", "CNAME"),
    ("6", "SOA"),
    ("15", "MX"),
    ("28", "AAAA"),
    ("33", "SRV"),
];
const CODES: &[(&str, &str)] = &[("0", "NOERROR"), ("2", "SERVFAIL"), ("3", "NXDOMAIN"), ("5", "REFUSED")];

/// The fields of an annotation, at whatever depth, in their order; a value that goes on in the next line is joined.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = Vec::new();
    let body = text.split_once("\nflows:").map_or("", |(_, body)| body);
    for line in body.lines() {
        let line = line.trim().trim_start_matches("- ");
        let is_name =
            |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_@".contains(&b));
        match line
            .split_once(':')
            .filter(|(name, value)| is_name(name) && (value.is_empty() || value.starts_with(' ')))
        {
            Some((name, value)) => fields.push((name.to_owned(), value.trim().to_owned())),
            None => {
                if let Some((_, value)) = fields.last_mut() {
                    *value = format!("{value} {line}").trim().to_owned();
                }
            }
        }
    }
    for (_, value) in &mut fields {
        *value = value.trim_matches('\'').to_owned();
    }
    fields
}

fn named(table: &[(&str, &str)], value: &str) -> String {
    let known = table.iter().find(|(number, _)| *number == value);
    known.map_or_else(|| format!("no name for {value}"), |(_, name)| (*name).to_owned())
}

/// Whether a record says what an annotated field says; `None` for fields that are not compared.
fn says(record: &FlowRecord, name: &str, value: &str) -> Option<bool> {
    let l7 = record.l7.as_deref();
    let detail = |key: DetailKey| l7.and_then(|l7| l7.details.get(key)).unwrap_or_default().to_owned();
    let host = l7.and_then(|l7| l7.host.as_deref()).unwrap_or_default();
    let (ours, expected) = match name {
        "dns_req_query_name" => (host.to_owned(), value.trim_end_matches('.').to_lowercase()),
        "dns_req_query_type" => (detail(DetailKey::DnsType), named(TYPES, value)),
        "dns_resp_rcode" => (detail(DetailKey::DnsCode), named(CODES, value)),
        "http_host" => (host.to_owned(), value.split(':').next().unwrap_or_default().to_owned()),
        "http_url" => (detail(DetailKey::Path), value.to_owned()),
        "http_method" => (detail(DetailKey::Method), value.to_owned()),
        "http_status_code" => (detail(DetailKey::Status), value.to_owned()),
        "http_agent" => (detail(DetailKey::Agent), value.to_owned()),
        "http_content_type" => {
            // A list of what may be said.
            let ours = detail(DetailKey::ContentType);
            let same = |said: &str| said.split(';').next().unwrap_or_default().trim().to_owned();
            return Some(
                value
                    .trim_matches(['[', ']'])
                    .split(", ")
                    .any(|may| same(may) == same(&ours)),
            );
        }
        "tls_sni" => (host.to_owned(), value.to_owned()),
        "tls_alpn" => (detail(DetailKey::Alpn), value.to_owned()),
        "tls_client_version" => (detail(DetailKey::TlsClientVersion), named(VERSIONS, value)),
        "tls_server_version" => (detail(DetailKey::TlsVersion), named(VERSIONS, value)),
        "tls_cipher_suite" => (detail(DetailKey::Cipher), named(CIPHERS, value)),
        "tls_issuer_cn" => (detail(DetailKey::Issuer), value.to_owned()),
        "tls_subject_cn" => (detail(DetailKey::Subject), value.to_owned()),
        "tls_validity_not_before" => (detail(DetailKey::ValidFrom), value.to_owned()),
        "tls_validity_not_after" => (detail(DetailKey::ValidUntil), value.to_owned()),
        "tls_public_key_alg" => (detail(DetailKey::KeyAlgorithm), value.to_owned()),
        "tls_ja3" => (detail(DetailKey::Ja3), value.trim_start_matches("0x").to_owned()),
        _ => return None,
    };
    Some(ours == expected)
}

fn compare(folder: &Path) -> (usize, Vec<(String, String, String, String)>) {
    let (mut compared, mut found) = (0, Vec::new());
    for path in corpus::files(&folder.join("expected")) {
        let annotation = path.file_stem().expect("a file's name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("an annotation");
        let pcap = text
            .lines()
            .find_map(|line| line.strip_prefix("pcap: "))
            .expect("its capture");
        let records = corpus::meter(&folder.join("pcap").join(pcap)).records;
        for (name, value) in fields(&text) {
            // A record of the capture says it: there is one each, but for two of them.
            let verdicts: Vec<bool> = records.iter().filter_map(|r| says(r, &name, &value)).collect();
            if verdicts.is_empty() {
                continue;
            }
            compared += 1;
            if !verdicts.contains(&true) {
                let ours: Vec<_> = records.iter().map(|r| format!("{:?}", r.l7)).collect();
                found.push((annotation.clone(), name, value, ours.join("; ")));
            }
        }
    }
    (compared, found)
}

#[test]
fn annotated_names_and_values_are_read() {
    let Some(folder) = corpus::folder("flowtest") else {
        return;
    };
    let (compared, found) = compare(&folder);
    assert!(compared > 150, "only {compared} fields were compared");
    let is = |known: &(&str, &str, &str), f: &(String, String, String, String)| *known == (&*f.0, &*f.1, &*f.2);
    let news: Vec<_> = found
        .iter()
        .filter(|f| !DIFFERENCES.iter().any(|(known, _)| is(known, f)))
        .collect();
    let gone: Vec<_> = DIFFERENCES
        .iter()
        .filter(|(known, _)| !found.iter().any(|f| is(known, f)))
        .collect();
    assert!(news.is_empty() && gone.is_empty(), "new: {news:#?}\ngone: {gone:#?}");
}
