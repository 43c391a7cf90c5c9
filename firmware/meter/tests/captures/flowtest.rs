//! CESNET's FlowTest: flows annotated by hand, compared record by record.

use std::collections::BTreeMap;
use std::path::Path;

use model::FlowRecord;

use crate::corpus;

/// Where a flow of ours differs from its annotation, and why. An entry that no longer differs fails the test.
const DIFFERENCES: &[(Difference, &str)] = &[
    (("wireguard", 0, "packets", "138", "204"), SESSIONS),
    (("wireguard", 0, "packets@rev", "142", "238"), SESSIONS),
    (("wireguard", 0, "bytes", "17932", "26940"), SESSIONS),
    (("wireguard", 0, "bytes@rev", "24804", "39324"), SESSIONS),
    (("wireguard", 1, "flow", "147.32.110.220", "none"), SESSIONS),
    (("wireguard", 2, "flow", "147.32.110.220", "none"), SESSIONS),
];

/// Annotation file, its flow from 0, field, annotated, ours.
type Difference = (&'static str, usize, &'static str, &'static str, &'static str);

const SESSIONS: &str = "The annotation has a flow for each WireGuard session: three handshakes (frames 1, 90 and 163), all \
    between the same two addresses and ports without a pause longer than 9 s, while keys change. That is one flow, and \
    its counts are the sums of theirs.";

/// A flow: its fields as text.
type Annotated = BTreeMap<String, String>;

/// The `pcap` and the flows of an annotation: the subset of YAML that these files use.
fn parse(text: &str) -> (String, Vec<Annotated>) {
    let mut pcap = String::new();
    let mut flows: Vec<Annotated> = Vec::new();
    let mut in_flows = false;
    for line in text.lines() {
        if !line.starts_with(' ') {
            in_flows = line.starts_with("flows:");
            if let Some(name) = line.strip_prefix("pcap: ") {
                pcap = name.to_owned();
            }
            continue;
        }
        if !in_flows {
            continue;
        }
        let field = match (line.strip_prefix("  - "), line.strip_prefix("    ")) {
            (Some(first), _) => {
                flows.push(Annotated::new());
                first
            }
            (None, Some(next)) => next,
            (None, None) => continue,
        };
        // Deeper levels belong to application fields, which are not compared.
        if let (Some((name, value)), Some(flow)) = (field.split_once(": "), flows.last_mut())
            && !name.starts_with([' ', '-'])
        {
            flow.insert(name.to_owned(), value.trim_matches('\'').to_owned());
        }
    }
    (pcap, flows)
}

/// Our value of an annotated field, written as the annotation writes it; `None` for what is not in a record.
fn field(record: &FlowRecord, name: &str, annotated: &str) -> Option<String> {
    let number = |value: u64| {
        if annotated.starts_with("0x") {
            format!("{value:#04x}")
        } else {
            value.to_string()
        }
    };
    let icmp =
        |of: Option<model::IcmpType>, get: fn(model::IcmpType) -> u64| of.map_or("none".to_owned(), |i| number(get(i)));
    let kind_code = |i: model::IcmpType| u64::from(i.kind) << 8 | u64::from(i.code);
    Some(match name {
        "src_ip" => record.src_ip.to_string(),
        "dst_ip" => record.dst_ip.to_string(),
        "ip_version" => number(record.ip_version().into()),
        "protocol" => number(record.protocol.into()),
        "src_port" => number(record.src_port.into()),
        "dst_port" => number(record.dst_port.into()),
        "packets" => number(record.packets),
        "packets@rev" => number(record.packets_rev),
        "bytes" => number(record.bytes),
        "bytes@rev" => number(record.bytes_rev),
        "tcp_flags" => number(record.tcp_flags.into()),
        "tcp_flags@rev" => number(record.tcp_flags_rev.into()),
        "tos" => number(record.tos.into()),
        "icmp_type" => icmp(record.icmp, |i| i.kind.into()),
        "icmp_type@rev" => icmp(record.icmp_rev, |i| i.kind.into()),
        "icmp_code" => icmp(record.icmp, |i| i.code.into()),
        "icmp_code@rev" => icmp(record.icmp_rev, |i| i.code.into()),
        "icmp_type_code" => icmp(record.icmp, kind_code),
        "icmp_type_code@rev" => icmp(record.icmp_rev, kind_code),
        "vlan_id" => record.vlan.map_or("none".to_owned(), |v| number(v.into())),
        "vlan_id_inner" => record.vlan_inner.map_or("none".to_owned(), |v| number(v.into())),
        "src_mac" => record.src_mac.map_or("none".to_owned(), |m| m.to_string()),
        "dst_mac" => record.dst_mac.map_or("none".to_owned(), |m| m.to_string()),
        _ => return None,
    })
}

/// The fields of an annotation that differ from the record: (field, annotated, ours).
fn differences(flow: &Annotated, record: &FlowRecord) -> Vec<(String, String, String)> {
    let mut flow = flow.clone();
    // An annotation without them describes a flow in one direction.
    for name in ["packets@rev", "bytes@rev"] {
        flow.entry(name.to_owned()).or_insert_with(|| "0".to_owned());
    }
    flow.into_iter()
        .filter_map(|(name, annotated)| {
            let ours = field(record, &name, &annotated)?;
            (ours != annotated).then_some((name, annotated, ours))
        })
        .collect()
}

#[test]
fn every_annotated_flow_is_ours() {
    let Some(folder) = corpus::folder("flowtest") else {
        return;
    };
    let mut compared = 0;
    let mut found = Vec::new();
    for path in corpus::files(&folder.join("expected")) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let (pcap, flows) = parse(&std::fs::read_to_string(&path).unwrap());
        let mut ours = metered(&folder.join("pcap").join(&pcap));
        assert!(!flows.is_empty(), "{name}");
        for (place, flow) in flows.iter().enumerate() {
            compared += 1;
            // Each record answers for one annotation: the one that it resembles most.
            let best = (0..ours.len()).min_by_key(|&r| differences(flow, &ours[r]).len());
            let Some(best) = best else {
                found.push((
                    name.clone(),
                    place,
                    "flow".to_owned(),
                    flow["src_ip"].clone(),
                    "none".to_owned(),
                ));
                continue;
            };
            let record = ours.remove(best);
            for (field, annotated, ours) in differences(flow, &record) {
                found.push((name.clone(), place, field, annotated, ours));
            }
        }
        for record in ours {
            found.push((
                name.clone(),
                flows.len(),
                "flow".to_owned(),
                "none".to_owned(),
                record.src_ip.to_string(),
            ));
        }
    }
    assert!(compared >= 63, "only {compared} flows were compared");
    let known: Vec<_> = DIFFERENCES
        .iter()
        .map(|&((name, place, field, annotated, ours), _)| {
            (
                name.to_owned(),
                place,
                field.to_owned(),
                annotated.to_owned(),
                ours.to_owned(),
            )
        })
        .collect();
    let news: Vec<_> = found.iter().filter(|d| !known.contains(d)).collect();
    let gone: Vec<_> = known.iter().filter(|d| !found.contains(d)).collect();
    assert!(news.is_empty() && gone.is_empty(), "new: {news:#?}\ngone: {gone:#?}");
}

fn metered(path: &Path) -> Vec<FlowRecord> {
    let got = corpus::meter(path);
    assert_eq!(got.failure, None, "{}", path.display());
    got.records
}
