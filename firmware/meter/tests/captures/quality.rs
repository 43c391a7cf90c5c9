//! Quality against Wireshark's analysis of the same packets.

use std::collections::BTreeMap;

use model::FlowRecord;

use crate::ndpi::{Key, key};
use crate::{corpus, tshark};

/// Captures where segments are judged otherwise, and why.
const SEGMENTS: &[(&str, &str)] = &[
    ("ajp.pcap", DAMAGED),
    ("reasm_crash_anon.pcapng", DAMAGED),
    (
        "tls_multiple_synack_different_seq.pcapng",
        "SYN/ACKs of several numbers: each that is far from the one before opens a connection",
    ),
];
const DAMAGED: &str = "IP lengths beyond the packet: such packets are malformed, and their octets not seen";
/// Captures where delays differ, and why.
const DELAYS: &[(&str, &str)] = &[
    ("ftp-start-tls.pcap", AGAIN),
    ("imaps.pcap", AGAIN),
    ("rtsp.pcap", AGAIN),
    ("tls_port_80.pcapng", AGAIN),
    ("webex.pcap", AGAIN),
];
const AGAIN: &str = "SYN/ACKs that come more than once, sent or mirrored: the client's part begins with the last one";

/// What is compared of a flow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Judged {
    /// Segments that are not new, those that closed the window; from the smaller end and from the other.
    old: [u64; 2],
    zero_windows: [u64; 2],
    /// Handshake, and the sum of the responses, in microseconds.
    connect: Option<u64>,
    responses: Option<u64>,
}

fn ours(records: &[FlowRecord]) -> BTreeMap<Key, Judged> {
    let mut flows: BTreeMap<Key, Judged> = BTreeMap::new();
    for r in records {
        let (src, dst) = ((r.src_ip.to_string(), r.src_port), (r.dst_ip.to_string(), r.dst_port));
        let from_smaller = src <= dst;
        let to = flows.entry(key(r.protocol, src, dst)).or_default();
        let quality = r.quality.as_deref().copied().unwrap_or_default();
        let sides = if from_smaller {
            [quality.forward, quality.reverse]
        } else {
            [quality.reverse, quality.forward]
        };
        for (side, of) in sides.iter().enumerate() {
            to.old[side] += u64::from(of.retransmitted) + u64::from(of.out_of_order);
            to.zero_windows[side] += u64::from(of.zero_windows);
        }
        let connect = quality.connect_client_us.zip(quality.connect_server_us);
        to.connect = to
            .connect
            .or(connect.map(|(client, server)| u64::from(client) + u64::from(server)));
        let is_parsed =
            r.l7.as_ref()
                .is_some_and(|l7| l7.confidence == model::Confidence::Parsed);
        if is_parsed && quality.response.count > 0 {
            *to.responses.get_or_insert(0) += quality.response.total_us;
        }
    }
    flows
}

fn theirs(rows: &[tshark::Row], known: impl Fn(&Key) -> bool) -> BTreeMap<Key, Judged> {
    let mut flows: BTreeMap<Key, Judged> = BTreeMap::new();
    for row in rows {
        let Some((key, from_smaller)) = row.key(&known) else {
            continue;
        };
        let to = flows.entry(key).or_default();
        let side = usize::from(!from_smaller);
        let is_old = [
            "retransmission",
            "fast_retransmission",
            "spurious_retransmission",
            "out_of_order",
        ];
        if is_old
            .iter()
            .any(|name| row.get(&format!("tcp.analysis.{name}")).is_some())
        {
            to.old[side] += 1;
        }
        to.zero_windows[side] += u64::from(row.get("tcp.analysis.zero_window").is_some());
        to.connect = to.connect.or(row.micros("tcp.analysis.initial_rtt"));
        // http.time ends with the last segment of the answer, ours with its first octet: not comparable.
        if let Some(response) = row.micros("dns.time") {
            *to.responses.get_or_insert(0) += response;
        }
    }
    flows
}

#[test]
fn quality_is_that_of_wireshark() {
    let (mut segments, mut delays) = (Vec::new(), Vec::new());
    let (mut flows, mut old, mut connects, mut responses) = (0, 0, 0, 0);
    for folder in ["flowtest/pcap", "ndpi/pcap"].into_iter().filter_map(corpus::folder) {
        for path in corpus::files(&folder) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let ours = ours(&corpus::meter(&path).records);
            let Some(rows) = tshark::rows(&path) else { return };
            let theirs = theirs(&rows, |key| ours.contains_key(key));
            for (key, expected) in &theirs {
                let got = &ours[key];
                flows += 1;
                old += expected.old.iter().sum::<u64>();
                if (got.old, got.zero_windows) != (expected.old, expected.zero_windows) {
                    segments.push((name.clone(), format!("{key:?} {got:?} {expected:?}")));
                }
                let near = |a: Option<u64>, b: Option<u64>, count: &mut u64| match (a, b) {
                    (Some(a), Some(b)) => {
                        *count += 1;
                        a.abs_diff(b) > 50
                    }
                    // Where only one of the two measures, there is nothing to compare.
                    _ => false,
                };
                let differs = near(got.connect, expected.connect, &mut connects);
                if near(got.responses, expected.responses, &mut responses) || differs {
                    delays.push((name.clone(), format!("{key:?} {got:?} {expected:?}")));
                }
            }
        }
    }
    if flows == 0 {
        return;
    }
    eprintln!(
        "{flows} flows, {old} segments sent again or late, {connects} handshakes, {responses} flows with responses"
    );
    assert!(
        flows > 2_000 && old > 500 && connects > 300 && responses > 300,
        "little was compared"
    );
    for (found, known) in [(&segments, SEGMENTS), (&delays, DELAYS)] {
        let news: Vec<_> = found
            .iter()
            .filter(|(name, _)| known.iter().all(|(k, _)| k != name))
            .collect();
        let gone: Vec<_> = known
            .iter()
            .filter(|(k, _)| found.iter().all(|(name, _)| k != name))
            .collect();
        assert!(news.is_empty() && gone.is_empty(), "new: {news:#?}\ngone: {gone:#?}");
    }
}
