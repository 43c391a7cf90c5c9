//! The inspector knows of handshakes what their readers know: with its own streams, its packets' limits and its order of
//! protocols.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use capture::corpus;
use model::{DetailKey, L7, Timestamp};

use super::flows::{self, Key};
use crate::Frame;
use crate::l7::{Begin, Config, Inspection, Inspector, Progress};

/// What an inspector says of the flows of a capture.
fn inspect(path: &Path) -> BTreeMap<Key, L7> {
    let mut inspector = Inspector::new(Config::default());
    let mut open: BTreeMap<Key, Option<Inspection>> = BTreeMap::new();
    let mut begins: BTreeMap<Key, [Option<u32>; 2]> = BTreeMap::new();
    let mut found = BTreeMap::new();
    let mut now = Timestamp::from_secs(1_700_000_000);
    let _ = corpus::frames(path, |frame| {
        const SYN: u8 = 2;
        let view = Frame {
            link_type: frame.link_type,
            data: frame.data,
            wire_len: frame.wire_len,
            vlan_tci: frame.vlan_tci,
        };
        let Ok(packet) = crate::dissect(&view) else { return };
        if !matches!(packet.protocol, 6 | 17) || packet.fragment.is_some() {
            return;
        }
        now = now.plus_nanos(1_000_000);
        let src = SocketAddr::new(packet.src, packet.src_port);
        let dst = SocketAddr::new(packet.dst, packet.dst_port);
        let back = (packet.protocol, dst, src);
        let forward = !begins.contains_key(&back);
        let key = if forward { (packet.protocol, src, dst) } else { back };
        let expected = begins.entry(key).or_default();
        if packet.tcp_flags & SYN != 0 {
            expected[usize::from(!forward)] = Some(packet.tcp_seq.wrapping_add(1));
        }
        let payload = packet.payload_in(frame.data);
        if payload.is_empty() {
            return;
        }
        let begin = Begin {
            forward,
            expected: *expected,
        };
        let place = open.entry(key).or_insert_with(|| inspector.open(&packet, begin, now));
        if let Some(inspection) = place
            && inspector.observe(inspection, &packet, payload, forward, now, &mut |_| {}) == Progress::Done
            && let Some(inspection) = place.take()
        {
            found.insert(key, inspector.close(inspection, &mut |_| {}).1);
        }
    });
    for (key, inspection) in open {
        if let Some(inspection) = inspection {
            found.insert(key, inspector.close(inspection, &mut |_| {}).1);
        }
    }
    found
}

/// Differences that were looked into: (capture, flows, why). An entry without its flows fails the test.
const EXPLAINED: &[(&str, usize, &str)] = &[
    ("smtp-starttls.pcap", 1, "the host is the one of SMTP's greeting"),
    (
        "stun.pcap",
        1,
        "behind STUN the first datagram of DTLS is damaged, and the flow given up",
    ),
];

#[test]
fn the_inspector_knows_the_same() {
    let Some(flowtest) = super::folder("flowtest/pcap") else {
        return;
    };
    let Some(ndpi) = super::folder("ndpi/pcap") else { return };
    let (mut same, mut differences) = (0, BTreeMap::<String, Vec<String>>::new());
    for path in [flowtest, ndpi].iter().flat_map(|folder| super::files(folder)) {
        let flows = flows::read(&path);
        let facts: Vec<(&Key, L7)> = flows
            .iter()
            .filter_map(|(key, flow)| Some((key, flow.facts()?)))
            .collect();
        if facts.is_empty() {
            continue;
        }
        let inspected = inspect(&path);
        for (key, wanted) in facts {
            const KEYS: [DetailKey; 6] = [
                DetailKey::Ja4,
                DetailKey::Ja3,
                DetailKey::TlsVersion,
                DetailKey::Cipher,
                DetailKey::Alpn,
                DetailKey::CertificateNames,
            ];
            let nothing = L7::default();
            let known = inspected.get(key).unwrap_or(&nothing);
            // what the readers do not say, another protocol of the flow may
            let mut missing: Vec<String> = KEYS
                .iter()
                .filter(|k| wanted.details.get(**k).is_some() && wanted.details.get(**k) != known.details.get(**k))
                .map(|k| {
                    format!(
                        "{}: {:?}, inspector {:?}",
                        k.name(),
                        wanted.details.get(*k),
                        known.details.get(*k)
                    )
                })
                .collect();
            if wanted.host.is_some() && wanted.host != known.host {
                missing.push(format!("host: {:?}, inspector {:?}", wanted.host, known.host));
            }
            if missing.is_empty() {
                same += 1;
            } else {
                let capture = path.file_name().expect("a name").to_string_lossy().into_owned();
                let list = differences.entry(capture).or_default();
                list.push(format!("{} {}: {}", key.1, key.2, missing.join("; ")));
            }
        }
    }
    eprintln!("the same as the inspector: {same} flows");
    for (capture, flows, _) in EXPLAINED {
        let found = differences.remove(*capture).unwrap_or_default();
        assert_eq!(found.len(), *flows, "{capture}: {found:#?}");
    }
    assert!(differences.is_empty(), "{differences:#?}");
    assert!(same >= 490, "{same}");
}
