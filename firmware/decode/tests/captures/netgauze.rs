//! NetGauze's captures of Cisco's and Huawei's exporters, compared field by field with what NetGauze saw.
//!
//! Its expected results are messages with sets; enumerations are written by name. Differences in how they are written:
//!
//! - ipv6ExtensionHeadersFull is an unsigned256 (RFC 9740) that the exporters send in 4 octets, as reduced-size encoding
//!   allows (RFC 7011, section 6.2). NetGauze widens it to an array of 32 octets; ours is the number.
//!
//! And in what flow records make of them:
//!
//! - Huawei's template 6017 describes a tunnel: IPv6 addresses, ports and protocol of the outer packet, then IPv4
//!   addresses, ports and protocol of the inner one. The flow record is the inner packet's.
//!
//! There is no difference in names, order, lengths or values.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;

use decode::{Config, Decoder, Field, Kind, Origin, Record, Sink, Value};
use model::{FlowRecord, Timestamp};
use serde_json::Value as Json;

use crate::corpus;

const SHAPE: &str = "the expected result has its shape";

/// A field as it is compared: name and value.
type Named = (String, Plain);

#[derive(Debug, Clone, PartialEq)]
enum Plain {
    Number(u64),
    Octets(Vec<u8>),
    Text(String),
    Address(IpAddr),
    Time(Timestamp),
}

/// A record: sequence number, domain, template, time of export, whether options, fields.
#[derive(Debug, Clone, PartialEq)]
struct Compared {
    sequence: u64,
    domain: u64,
    template: u64,
    exported: Timestamp,
    scope: usize,
    fields: Vec<Named>,
}

#[derive(Default)]
struct Ours {
    records: Vec<Compared>,
    flows: usize,
    wrong: Vec<String>,
}

impl Sink for Ours {
    const RECORDS: bool = true;

    fn flow(&mut self, origin: &Origin, flow: &FlowRecord) {
        self.flows += 1;
        let of_record = self.records.last().expect("the record comes first");
        if let Err(wrong) = agrees(flow, of_record, origin) {
            self.wrong.push(format!("{wrong}: {flow:?}\n{of_record:?}"));
        }
    }

    fn record(&mut self, record: &Record<'_>) {
        let fields: Vec<Field<'_>> = record.fields().collect();
        assert_eq!(record.kind == Kind::Options, fields.iter().any(|field| field.in_scope));
        self.records.push(Compared {
            sequence: record.origin.sequence.into(),
            domain: record.origin.domain.into(),
            template: record.template_id.into(),
            exported: record.origin.exported,
            scope: fields.iter().filter(|field| field.in_scope).count(),
            fields: fields
                .iter()
                .map(|field| (field.name().into_owned(), plain(field)))
                .collect(),
        });
    }
}

fn plain(field: &Field<'_>) -> Plain {
    match field.value() {
        Value::Unsigned(n) => Plain::Number(n),
        Value::Mac(mac) => Plain::Octets(mac.0.to_vec()),
        Value::Octets(octets) => Plain::Octets(octets.to_vec()),
        Value::Text(text) => Plain::Text(text.into_owned()),
        Value::Ipv4(addr) => Plain::Address(addr.into()),
        Value::Ipv6(addr) => Plain::Address(addr.into()),
        Value::Time(time, _) => Plain::Time(time),
        other => panic!("no such value in these captures: {other:?}"),
    }
}

/// Whether the flow record says what its fields say.
fn agrees(flow: &FlowRecord, record: &Compared, origin: &Origin) -> Result<(), String> {
    let mut said: HashMap<&str, &Plain> = HashMap::new();
    for (name, value) in &record.fields {
        // The second one is the inner packet's, if there is one.
        let is_padding = *value == Plain::Number(0) && said.contains_key(name.as_str());
        if !is_padding {
            said.insert(name, value);
        }
    }
    let number = |name: &str| match said.get(name) {
        Some(Plain::Number(n)) => Some(*n),
        _ => None,
    };
    let export = flow.export.as_deref().ok_or("nothing exported")?;
    let rate = export.sampling.map_or(1, |rate| u64::from(rate.get()));
    let is = |what: &str, ours: Option<u64>, theirs: Option<u64>| match ours == theirs {
        true => Ok(()),
        false => Err(format!("{what}: {ours:?} is not {theirs:?}")),
    };
    is(
        "packets",
        Some(flow.packets),
        number("packetDeltaCount").map(|n| n * rate),
    )?;
    is("octets", Some(flow.bytes), number("octetDeltaCount").map(|n| n * rate))?;
    is(
        "protocol",
        Some(flow.protocol.into()),
        number("protocolIdentifier").or(Some(0)),
    )?;
    is(
        "traffic class",
        Some(flow.tos.into()),
        number("ipClassOfService").or(Some(0)),
    )?;
    is("ingress", export.ingress_if.map(u64::from), number("ingressInterface"))?;
    is("egress", export.egress_if.map(u64::from), number("egressInterface"))?;
    is("source AS", export.src_as.map(u64::from), number("bgpSourceAsNumber"))?;
    is(
        "destination AS",
        export.dst_as.map(u64::from),
        number("bgpDestinationAsNumber"),
    )?;
    is("ingress VRF", export.ingress_vrf.map(u64::from), number("ingressVRFID"))?;
    is("egress VRF", export.egress_vrf.map(u64::from), number("egressVRFID"))?;
    is(
        "forwarding",
        export.forwarding_status.map(u64::from),
        number("forwardingStatus"),
    )?;
    if matches!(flow.protocol, 6 | 17) {
        is(
            "source port",
            Some(flow.src_port.into()),
            number("sourceTransportPort").or(Some(0)),
        )?;
        is(
            "destination port",
            Some(flow.dst_port.into()),
            number("destinationTransportPort").or(Some(0)),
        )?;
    }
    for (what, ours, names) in [
        ("source", flow.src_ip, ["sourceIPv4Address", "sourceIPv6Address"]),
        (
            "destination",
            flow.dst_ip,
            ["destinationIPv4Address", "destinationIPv6Address"],
        ),
    ] {
        let is_said = names
            .iter()
            .filter_map(|name| said.get(name))
            .any(|said| **said == Plain::Address(ours));
        let is_silent = names.iter().all(|name| !said.contains_key(name));
        match is_said || is_silent && ours.is_unspecified() {
            true => {}
            false => return Err(what.to_owned()),
        }
    }
    if let Some(Plain::Time(start)) = said.get("flowStartMilliseconds")
        && *start != flow.start
    {
        return Err("start".to_owned());
    }
    if let (Some(first), Some(last)) = (number("flowStartSysUpTime"), number("flowEndSysUpTime")) {
        is(
            "duration",
            Some(flow.end.nanos_since(flow.start) / 1_000_000),
            Some(last - first),
        )?;
        // A flow ends before its export, and not by an hour.
        let age = i128::from(origin.exported.as_nanos()) - i128::from(flow.end.as_nanos());
        if !(-2_000_000_000..3_600_000_000_000).contains(&age) {
            return Err(format!("end: {age} ns before the export"));
        }
    }
    Ok(())
}

/// The numbers behind NetGauze's names.
fn enumerated(name: &str, value: &Json) -> Option<u64> {
    let text = value.as_str().unwrap_or_default();
    let known: &[(&str, u64)] = match name {
        "protocolIdentifier" => &[
            ("ICMP", 1),
            ("IPv4", 4),
            ("TCP", 6),
            ("UDP", 17),
            ("IPv6", 41),
            ("IPv6ICMP", 58),
            ("VRRP", 112),
        ],
        "flowEndReason" => &[("idletimeout", 1), ("activetimeout", 2)],
        "flowDirection" => &[("ingress", 0), ("egress", 1)],
        "mplsTopLabelType" => &[("Unknown", 0), ("BGP", 4), ("LDP", 5)],
        "selectorAlgorithm" => &[("RandomnoutofNSampling", 3)],
        "forwardingStatus" => match value {
            Json::Object(one) => match one.iter().next()? {
                (status, Json::String(reason)) => {
                    return [("Forwarded", "Unknown", 64), ("Consumed", "Forus", 195)]
                        .iter()
                        .find(|(s, r, _)| s == status && r == reason)
                        .map(|(.., n)| *n);
                }
                (_, unknown) => return unknown.get("Unassigned")?.as_u64(),
            },
            _ => &[],
        },
        _ => &[],
    };
    let found = known.iter().find(|(known, _)| *known == text).map(|(_, n)| *n);
    found.or_else(|| value.get("Unassigned")?.as_u64())
}

fn expected_value(name: &str, value: &Json) -> Plain {
    if let ("ipv6ExtensionHeadersFull", Some(octets)) = (name, value.as_array()) {
        return Plain::Number(
            octets
                .iter()
                .fold(0, |n, octet| (n << 8) | octet.as_u64().expect(SHAPE)),
        );
    }
    if let Some(n) = enumerated(name, value) {
        return Plain::Number(n);
    }
    let octets = |items: &[Json]| {
        items
            .iter()
            .map(|n| u8::try_from(n.as_u64().expect(SHAPE)).expect(SHAPE))
            .collect()
    };
    match value {
        Json::Number(n) => Plain::Number(n.as_u64().expect("unsigned")),
        Json::Array(items) => Plain::Octets(octets(items)),
        Json::String(text) => match (text.parse(), Timestamp::parse(text)) {
            (Ok(addr), _) => Plain::Address(addr),
            (_, Ok(time)) => Plain::Time(time),
            _ => Plain::Text(text.clone()),
        },
        Json::Object(bits) if name == "tcpControlBits" => Plain::Number(
            ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"]
                .iter()
                .enumerate()
                .map(|(bit, flag)| u64::from(bits[*flag].as_bool().expect(SHAPE)) << bit)
                .sum(),
        ),
        other => panic!("{name} has {other}"),
    }
}

fn expected_field(field: &Json) -> Named {
    let (name, value) = field.as_object().expect(SHAPE).iter().next().expect(SHAPE);
    if name == "Huawei" {
        // An enterprise's element that NetGauze has no name for either.
        let unknown = &value["Unknown"];
        let name = format!("enterprise.2011.{}", unknown["id"]);
        return (name.clone(), expected_value(&name, &unknown["value"]));
    }
    (name.clone(), expected_value(name, value))
}

type Templates = HashMap<(u64, u64), Vec<(String, Option<u16>)>>;

/// The records of an expected result, and its templates as they were last.
fn expected(path: &Path) -> (Vec<Compared>, Templates) {
    let mut records = Vec::new();
    let mut templates = HashMap::new();
    let text = std::fs::read_to_string(path).expect("the expected result reads");
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let message: Json = serde_json::from_str(line).expect("a JSON object a line");
        let (protocol, message) = message.as_object().expect(SHAPE).iter().next().expect(SHAPE);
        let (domain, time) = match protocol.as_str() {
            "NetFlowV9" => ("source_id", "unix_time"),
            _ => ("observation_domain_id", "export_time"),
        };
        let domain = message[domain].as_u64().expect(SHAPE);
        let exported = Timestamp::parse(message[time].as_str().expect(SHAPE)).expect(SHAPE);
        for set in message["sets"].as_array().expect(SHAPE) {
            let (kind, set) = set.as_object().expect(SHAPE).iter().next().expect(SHAPE);
            if kind == "Data" {
                for record in set["records"].as_array().expect(SHAPE) {
                    let [scope, fields] = ["scope_fields", "fields"].map(|key| record[key].as_array().expect(SHAPE));
                    records.push(Compared {
                        sequence: message["sequence_number"].as_u64().expect(SHAPE),
                        domain,
                        template: set["id"].as_u64().expect(SHAPE),
                        exported,
                        scope: scope.len(),
                        fields: scope.iter().chain(fields).map(expected_field).collect(),
                    });
                }
                continue;
            }
            for template in set.as_array().expect(SHAPE) {
                let specs = ["scope_field_specifiers", "field_specifiers"].iter().flat_map(|key| {
                    template
                        .get(*key)
                        .and_then(Json::as_array)
                        .into_iter()
                        .flatten()
                        .map(|spec| {
                            let name = match &spec["element_id"] {
                                Json::String(name) => name.clone(),
                                // An enterprise's, without a name.
                                other => format!("enterprise.2011.{}", other["Huawei"]["Unknown"]["id"]),
                            };
                            let length = u16::try_from(spec["length"].as_u64().expect(SHAPE)).expect(SHAPE);
                            (name, Some(length).filter(|length| *length != decode::VARIABLE))
                        })
                });
                templates.insert((domain, template["id"].as_u64().expect(SHAPE)), specs.collect());
            }
        }
    }
    (records, templates)
}

#[test]
fn every_field_of_every_record_is_as_netgauze_saw_it() {
    let Some(folder) = corpus::folder("netgauze") else {
        return;
    };
    let captures = corpus::files(&folder.join("pcap"));
    assert!(!captures.is_empty(), "no captures in {}", folder.display());
    let mut total = 0;
    for path in captures {
        let name = path.file_stem().expect(SHAPE).to_string_lossy().into_owned();
        let (theirs, templates) = expected(&folder.join(format!("expected/{name}.json")));
        let mut decoder = Decoder::new(Config::default());
        let mut ours = Ours::default();
        corpus::decode(&path, &mut decoder, &mut ours);
        assert_eq!(ours.records.len(), theirs.len(), "{name}: records");
        for (place, (our, their)) in ours.records.iter().zip(&theirs).enumerate() {
            assert_eq!(our, their, "{name}: record {place}");
        }
        assert!(ours.wrong.is_empty(), "{name}: {}", ours.wrong.join("\n"));
        assert_eq!(
            ours.flows,
            theirs.iter().filter(|record| record.scope == 0).count(),
            "{name}: flows"
        );
        let reports: Vec<_> = decoder
            .exporters()
            .filter_map(|address| decoder.exporter(address))
            .collect();
        for report in &reports {
            assert_eq!(report.errors.total(), 0, "{name}: {:?}", report.errors);
        }
        for ((domain, id), fields) in templates {
            let known = reports
                .iter()
                .flat_map(|report| &report.domains)
                .filter(|known| u64::from(known.id) == domain)
                .flat_map(|known| &known.templates)
                .any(|known| u64::from(known.id) == id && known.fields == fields);
            assert!(known, "{name}: template {id} of domain {domain}");
        }
        total += theirs.len();
    }
    assert!(total > 6_000, "{total} records");
}
