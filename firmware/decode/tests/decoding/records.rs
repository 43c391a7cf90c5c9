//! What records say, field by field.

use decode::craft::{self, Set, V5, V5Record, record};
use decode::{ElementId, ErrorKind, FieldSpec, REVERSE, VARIABLE};
use model::{Direction, EndReason, IcmpType, MacAddr, Observed, Timestamp};

use crate::{Bench, SECS, be, fields, ipfix, v9};

/// The record of these fields and values, through IPFIX.
fn through_ipfix(values: &[(u16, Vec<u8>)]) -> Bench {
    let specs: Vec<FieldSpec> = values
        .iter()
        .map(|(number, value)| FieldSpec::iana(*number, u16::try_from(value.len()).expect("short")))
        .collect();
    let octets: Vec<Vec<u8>> = values.iter().map(|(_, value)| value.clone()).collect();
    let mut bench = Bench::new();
    let data = record(&specs, &octets);
    bench.ipfix(ipfix(0), &[Set::Template(256, specs), Set::Data(256, vec![data])]);
    bench
}

fn ip6(text: &str) -> Vec<u8> {
    let addr: std::net::Ipv6Addr = text.parse().expect("an address");
    addr.octets().to_vec()
}

#[test]
fn version_5_says_all_that_it_has() {
    let mut bench = Bench::new();
    let header = V5 {
        uptime: 10_000,
        secs: SECS,
        sequence: 77,
        engine: 0x0102,
        sampling: 0x4000 | 100,
        ..V5::default()
    };
    let datagram = header.datagram(&[V5Record {
        src: 0x0a00_0001,
        dst: 0x0808_0808,
        next_hop: 0xc000_0201,
        input: 3,
        output: 4,
        packets: 5,
        octets: 600,
        first: 1_000,
        last: 2_000,
        src_port: 50_000,
        dst_port: 443,
        tcp_flags: 0x13,
        protocol: 6,
        tos: 0xb8,
        src_as: 65_001,
        dst_as: 15_169,
        src_mask: 24,
        dst_mask: 8,
    }]);
    bench.send(&datagram);
    let flow = bench.flow();
    assert_eq!(
        (flow.src_ip.to_string(), flow.dst_ip.to_string()),
        ("10.0.0.1".into(), "8.8.8.8".into())
    );
    assert_eq!((flow.src_port, flow.dst_port, flow.protocol), (50_000, 443, 6));
    assert_eq!(
        (flow.packets, flow.bytes, flow.tcp_flags, flow.tos),
        (500, 60_000, 0x13, 0xb8)
    );
    assert_eq!(
        (flow.direction, flow.end_reason),
        (Direction::Out, EndReason::EndOfFlow)
    );
    assert_eq!(flow.app.name(), Some("https"));
    let export = flow.export.as_deref().expect("exported");
    assert_eq!(
        (export.domain, export.ingress_if, export.egress_if),
        (0x0102, Some(3), Some(4))
    );
    assert_eq!((export.src_as, export.dst_as), (Some(65_001), Some(15_169)));
    assert_eq!((export.src_prefix, export.dst_prefix), (Some(24), Some(8)));
    assert_eq!(
        export.next_hop.map(|next| next.to_string()).as_deref(),
        Some("192.0.2.1")
    );
    let json = bench.kept.json.first().expect("a record");
    let expected = [
        r#""_kind":"flow""#,
        r#""exporter":"192.0.2.1""#,
        r#""observationDomainId":258"#,
        r#""sequence":77"#,
        r#""sourceIPv4Address":"10.0.0.1""#,
        r#""packetDeltaCount":5"#,
        r#""tcpControlBits":19"#,
        r#""flowStartSysUpTime":1000"#,
    ];
    for part in expected {
        assert!(json.contains(part), "{part} in {json}");
    }
    assert!(!json.contains("paddingOctets"), "{json}");
    // One octet less than the header says.
    bench.send(datagram.split_last().expect("octets").1);
    assert_eq!(
        (bench.report().errors.of(ErrorKind::BadLength), bench.kept.flows.len()),
        (1, 1)
    );
}

#[test]
fn versions_1_and_7_have_their_own_layouts() {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let common = words(&[
        0x0a00_0001,
        0x0a00_0002,
        0,
        3 << 16 | 4,
        7,
        700,
        1_000,
        2_000,
        1_234 << 16 | 53,
    ]);
    let mut v1 = [&[0, 1, 0, 1][..], &words(&[5_000, SECS, 0]), &common].concat();
    v1.extend([0, 0, 17, 0x20, 0]);
    v1.extend([0; 11]);
    let mut v7 = [&[0, 7, 0, 1][..], &words(&[5_000, SECS, 0, 9, 0]), &common].concat();
    v7.extend([0, 0, 17, 0x20, 0, 1, 0, 2, 24, 16, 0, 0]);
    v7.extend([192, 0, 2, 9]);
    // Some exporters' records of version 1 end four octets earlier.
    let short = v1.get(..v1.len() - 4).expect("longer").to_vec();
    for datagram in [v1, short, v7] {
        let mut bench = Bench::new();
        bench.send(&datagram);
        let flow = bench.flow();
        assert_eq!(
            (flow.src_port, flow.dst_port, flow.protocol, flow.tos),
            (1_234, 53, 17, 0x20)
        );
        assert_eq!((flow.packets, flow.bytes), (7, 700));
        assert_eq!(flow.start, Timestamp::from_secs(u64::from(SECS) - 4));
        assert_eq!(bench.report().errors.total(), 0);
    }
}

#[test]
fn routing_labels_and_translation_are_kept() {
    let bench = through_ipfix(&[
        (27, ip6("2001:db8::1")),
        (28, ip6("2001:db8::2")),
        (4, vec![17]),
        (7, be(4_000, 2)),
        (11, be(53, 2)),
        (1, be(300, 8)),
        (2, be(3, 8)),
        (29, vec![48]),
        (30, vec![64]),
        (62, ip6("fe80::1")),
        (63, ip6("2001:db8::ffff")),
        (16, be(4_200_000_000, 4)),
        (129, be(1, 4)),
        (128, be(64_512, 4)),
        (234, be(1, 4)),
        (235, be(2, 4)),
        (70, vec![0x00, 0x3e, 0x80]),
        (71, vec![0x00, 0x3e, 0x91]),
        (72, vec![0x12, 0x34, 0x51]),
        (31, be(0xabcde, 4)),
        (52, vec![1]),
        (53, vec![64]),
        (89, vec![0x40]),
        (61, vec![1]),
        (351, be(0x0100_0000_0000_1234, 8)),
        (281, ip6("2001:db8:1::1")),
        (228, be(5_353, 2)),
        (230, vec![4]),
        (233, vec![2]),
        (495, ip6("fc00::100")),
        (136, vec![4]),
    ]);
    let flow = bench.flow();
    assert_eq!(flow.src_ip.to_string(), "2001:db8::1");
    assert_eq!((flow.end_reason, flow.app.name()), (EndReason::Forced, Some("dns")));
    let export = flow.export.as_deref().expect("exported");
    let text = |ip: Option<std::net::IpAddr>| ip.map(|ip| ip.to_string()).unwrap_or_default();
    assert_eq!((export.src_prefix, export.dst_prefix), (Some(48), Some(64)));
    assert_eq!(text(export.next_hop), "fe80::1");
    assert_eq!(text(export.bgp_next_hop), "2001:db8::ffff");
    assert_eq!((export.src_as, export.dst_as), (Some(4_200_000_000), Some(64_512)));
    assert_eq!((export.ingress_vrf, export.egress_vrf), (Some(1), Some(2)));
    assert_eq!(
        export.mpls.as_slice(),
        [1_000, 1_001],
        "what lies below the bottom is padding"
    );
    assert_eq!((export.flow_label, export.ttl), (Some(0xabcde), Some((1, 64))));
    assert_eq!(
        (export.forwarding_status, export.observed),
        (Some(0x40), Observed::Egress)
    );
    assert_eq!(export.vni, Some(0x1234));
    assert_eq!(text(export.translated.src_ip), "2001:db8:1::1");
    assert_eq!(
        (export.translated.dst_port, export.translated.src_port),
        (Some(5_353), None)
    );
    assert_eq!((export.nat_event, export.firewall_event), (Some(4), Some(2)));
    assert_eq!(text(export.srv6_segment), "fc00::100");
}

#[test]
fn link_layers_are_kept() {
    let bench = through_ipfix(&[
        (56, vec![2, 0, 0, 0, 0, 1]),
        (80, vec![2, 0, 0, 0, 0, 2]),
        (58, be(99, 2)),
        (243, be(100, 2)),
        (245, be(200, 2)),
        (352, be(1_000, 8)),
        (2, be(10, 4)),
    ]);
    let flow = bench.flow();
    assert_eq!(flow.src_mac, Some(MacAddr([2, 0, 0, 0, 0, 1])));
    assert_eq!(flow.dst_mac, Some(MacAddr([2, 0, 0, 0, 0, 2])));
    assert_eq!((flow.vlan, flow.vlan_inner), (Some(100), Some(200)));
    assert_eq!(
        (flow.packets, flow.bytes, flow.direction),
        (10, 1_000, Direction::Unknown)
    );
}

#[test]
fn biflows_count_both_ways() {
    let reverse = |number, length| FieldSpec {
        element: ElementId::of(REVERSE, number),
        length,
    };
    let mut specs = fields(&[(8, 4), (12, 4), (4, 1), (1, 4), (2, 4), (6, 1)]);
    specs.extend([reverse(1, 4), reverse(2, 4), reverse(6, 1)]);
    let values = [
        vec![10, 0, 0, 1],
        vec![8, 8, 8, 8],
        vec![6],
        be(100, 4),
        be(2, 4),
        vec![0x02],
        be(900, 4),
        be(3, 4),
        vec![0x12],
    ];
    let data = record(&specs, &values);
    let mut bench = Bench::new();
    bench.ipfix(ipfix(0), &[Set::Template(256, specs), Set::Data(256, vec![data])]);
    let flow = bench.flow();
    assert_eq!((flow.bytes, flow.packets, flow.tcp_flags), (100, 2, 2));
    assert_eq!((flow.bytes_rev, flow.packets_rev, flow.tcp_flags_rev), (900, 3, 0x12));
    let json = bench.kept.json.first().expect("a record");
    assert!(json.contains(r#""reverseOctetDeltaCount":900"#), "{json}");
    // As firewalls say it: initiator and responder.
    let bench = through_ipfix(&[
        (8, vec![10, 0, 0, 1]),
        (231, be(10, 4)),
        (232, be(20, 4)),
        (298, be(1, 4)),
        (299, be(2, 4)),
    ]);
    let flow = bench.flow();
    assert_eq!(
        (flow.bytes, flow.bytes_rev, flow.packets, flow.packets_rev),
        (10, 20, 1, 2)
    );
}

#[test]
fn icmp_messages_come_from_wherever_they_are() {
    let message = |fields: &[(u16, Vec<u8>)], protocol| {
        let mut all = vec![(8, vec![10, 0, 0, 1]), (4, vec![protocol])];
        all.extend_from_slice(fields);
        let bench = through_ipfix(&all);
        let flow = bench.flow();
        assert_eq!((flow.src_port, flow.dst_port), (0, 0));
        flow.icmp.map(|IcmpType { kind, code }| (kind, code))
    };
    assert_eq!(message(&[(32, be(0x0301, 2))], 1), Some((3, 1)));
    assert_eq!(message(&[(176, vec![11]), (177, vec![1])], 1), Some((11, 1)));
    assert_eq!(message(&[(139, be(0x8000, 2))], 58), Some((128, 0)));
    assert_eq!(message(&[(178, vec![1]), (179, vec![4])], 58), Some((1, 4)));
    assert_eq!(
        message(&[(7, be(0, 2)), (11, be(0x0800, 2))], 1),
        Some((8, 0)),
        "in the port"
    );
    assert_eq!(message(&[(11, be(0x0800, 2)), (32, be(0, 2))], 1), Some((8, 0)));
    assert_eq!(message(&[(7, be(9, 2))], 47), None);
}

#[test]
fn cisco_s_security_events_are_read_from_version_9() {
    let mut specs = fields(&[(8, 4), (7, 2), (12, 4), (11, 2), (4, 1), (323, 8)]);
    let cisco = |number, length| FieldSpec {
        element: ElementId::of_v9(number),
        length,
    };
    specs.extend([
        cisco(40_001, 4),
        cisco(40_003, 2),
        cisco(40_005, 1),
        cisco(33_002, 2),
        cisco(40_000, 20),
    ]);
    let mut user = b"alice".to_vec();
    user.resize(20, 0);
    let values = [
        vec![10, 0, 0, 1],
        be(1_000, 2),
        vec![8, 8, 8, 8],
        be(53, 2),
        vec![17],
        be(u64::from(SECS) * 1_000 - 5, 8),
        vec![192, 0, 2, 50],
        be(40_000, 2),
        vec![3],
        be(1_001, 2),
        user,
    ];
    let data = record(&specs, &values);
    let mut bench = Bench::new();
    bench.v9(v9(0), &[Set::Template(256, specs), Set::Data(256, vec![data])]);
    let export = bench.flow().export.as_deref().expect("exported");
    assert_eq!(
        export.translated.src_ip.map(|ip| ip.to_string()).as_deref(),
        Some("192.0.2.50")
    );
    assert_eq!(
        (export.translated.src_port, export.firewall_event),
        (Some(40_000), Some(3))
    );
    let enterprise: Vec<_> = export.enterprise.iter().map(|(pen, number, _)| (pen, number)).collect();
    assert_eq!(enterprise, [(9, 234), (9, 7_232)]);
    let json = bench.kept.json.first().expect("a record");
    assert!(
        json.contains(r#""userName":"alice""#) && json.contains(r#""fwEvent":3"#),
        "{json}"
    );
}

#[test]
fn packet_heads_are_dissected() {
    let frame = craft::tcp_frame(0x0a00_0001, 0x0808_0808, 1_234, 443, 0x12, 1_500);
    let bench = through_ipfix(&[
        (10, be(3, 4)),
        (312, be(1_514, 2)),
        (315, frame.clone()),
        (305, be(1, 4)),
        (306, be(999, 4)),
    ]);
    let flow = bench.flow();
    assert_eq!(
        (flow.src_ip.to_string(), flow.dst_port, flow.tcp_flags),
        ("10.0.0.1".into(), 443, 0x12)
    );
    assert_eq!((flow.packets, flow.bytes, flow.tos), (1_000, 1_500_000, 0x10));
    assert_eq!(flow.src_mac, Some(MacAddr([2, 0, 0, 0, 0, 1])));
    let head = frame.get(14..).expect("a frame").to_vec();
    let bench = through_ipfix(&[(10, be(3, 4)), (313, head)]);
    assert_eq!(
        (bench.flow().src_port, bench.flow().packets, bench.flow().bytes),
        (1_234, 1, 1_500)
    );
    let bench = through_ipfix(&[(10, be(3, 4)), (315, vec![0; 20])]);
    assert_eq!(bench.report().errors.of(ErrorKind::BadHeader), 1);
}

#[test]
fn counters_come_from_where_they_are() {
    let counts = |fields: &[(u16, u64)]| {
        let mut all = vec![(8, vec![10, 0, 0, 1])];
        all.extend(fields.iter().map(|(number, n)| (*number, be(*n, 4))));
        let bench = through_ipfix(&all);
        (bench.flow().packets, bench.flow().bytes)
    };
    assert_eq!(counts(&[(2, 3), (1, 400), (86, 9), (85, 999)]), (3, 400));
    assert_eq!(counts(&[(86, 9), (85, 999), (24, 8), (23, 888)]), (9, 999));
    assert_eq!(
        counts(&[(2, 0), (1, 0), (24, 8), (23, 888)]),
        (8, 888),
        "seen on egress alone"
    );
    assert_eq!(counts(&[(2, 1), (1, 0), (24, 8), (23, 888)]), (1, 0));
    assert_eq!(counts(&[(352, 1_000)]), (0, 1_000));
}

#[test]
fn flags_of_yaf_are_those_of_the_first_packet_and_of_the_others() {
    let cert = |number| FieldSpec {
        element: ElementId::of(6_871, number),
        length: 1,
    };
    let mut specs = fields(&[(8, 4), (4, 1)]);
    specs.extend([cert(14), cert(15), cert(16_398), cert(16_399)]);
    let values = [vec![10, 0, 0, 1], vec![6], vec![2], vec![0x11], vec![0x12], vec![0x18]];
    let data = record(&specs, &values);
    let mut bench = Bench::new();
    bench.ipfix(ipfix(0), &[Set::Template(256, specs), Set::Data(256, vec![data])]);
    assert_eq!((bench.flow().tcp_flags, bench.flow().tcp_flags_rev), (0x13, 0x1a));
}

#[test]
fn datagrams_filled_up_with_zeros_and_two_messages_in_one_are_taken() {
    let specs = fields(&[(8, 4), (1, 4)]);
    let data = record(&specs, &[vec![10, 0, 0, 1], be(9, 4)]);
    let sets = [Set::Template(256, specs), Set::Data(256, vec![data])];
    let mut bench = Bench::new();
    let mut filled = v9(0).datagram(&sets);
    filled.resize(1_400, 0);
    bench.send(&filled);
    bench.send(&[ipfix(0).message(&sets), ipfix(1).message(&sets)].concat());
    assert_eq!(bench.kept.flows.len(), 3);
    assert_eq!((bench.report().errors.total(), bench.report().records_lost), (0, 0));
}

/// RFC 6313: a list of interfaces, of records of another template, and of records of several.
#[test]
fn lists_are_read_through_or_past() {
    let inner = fields(&[(8, 4), (11, 2)]);
    let specs = fields(&[(8, 4), (291, VARIABLE), (292, VARIABLE), (293, VARIABLE), (1, 4)]);
    let basic = [&[3][..], &be(10, 2), &be(4, 2), &be(7, 4), &be(8, 4)].concat();
    let one = record(&inner, &[vec![10, 9, 9, 9], be(53, 2)]);
    let sub = [&[255][..], &be(999, 2), &one, &one].concat();
    let multi = [&[4][..], &be(999, 2), &be(10, 2), &one, &be(998, 2), &be(6, 2), &[1, 2]].concat();
    let data = record(&specs, &[vec![10, 0, 0, 1], basic, sub, multi, be(77, 4)]);
    let mut bench = Bench::new();
    let sets = [
        Set::Template(999, inner),
        Set::Template(256, specs),
        Set::Data(256, vec![data.clone(), data]),
    ];
    bench.ipfix(ipfix(0), &sets);
    assert_eq!(
        bench.kept.flows.iter().map(|flow| flow.bytes).collect::<Vec<_>>(),
        [77, 77]
    );
    let json = bench.kept.json.first().expect("a record");
    let record = r#"{"templateId":999,"sourceIPv4Address":"10.9.9.9","destinationTransportPort":53}"#;
    assert!(
        json.contains(r#""basicList":[{"ingressInterface":7},{"ingressInterface":8}]"#),
        "{json}"
    );
    assert!(
        json.contains(&format!(r#""subTemplateList":[{record},{record}]"#)),
        "{json}"
    );
    let unknown = r#"{"templateId":998,"undecoded":"0102"}"#;
    assert!(
        json.contains(&format!(r#""subTemplateMultiList":[{record},{unknown}]"#)),
        "{json}"
    );
}

#[test]
fn padding_and_repeated_fields_do_no_harm() {
    let specs = fields(&[(8, 4), (10, 2), (10, 2), (82, 0), (1, 2)]);
    let one = record(&specs, &[vec![10, 0, 0, 1], be(3, 2), be(4, 2), Vec::new(), be(9, 2)]);
    let mut padded = one.repeat(2);
    padded.extend([0; 3]);
    let mut bench = Bench::new();
    bench.ipfix(ipfix(0), &[Set::Template(256, specs), Set::Raw(256, padded)]);
    assert_eq!(bench.kept.flows.len(), 2);
    let json = bench.kept.json.first().expect("a record");
    assert!(
        json.contains(r#""ingressInterface":[3,4]"#) && json.contains(r#""interfaceName":"""#),
        "{json}"
    );
    assert_eq!(bench.report().errors.total(), 0);
}

#[test]
fn what_is_wrong_is_counted_by_kind() {
    let errors = |datagrams: &[Vec<u8>]| {
        let mut bench = Bench::new();
        // The exporter has to be known first.
        bench.v9(v9(0), &[]);
        datagrams.iter().for_each(|datagram| bench.send(datagram));
        bench.report().errors.iter().collect::<Vec<_>>()
    };
    let set = |octets: &[u8]| [&v9(1).datagram(&[])[..], octets].concat();
    assert_eq!(errors(&[vec![0]]), [(ErrorKind::TooShort, 1)]);
    assert_eq!(errors(&[vec![0, 9, 0, 0, 1]]), [(ErrorKind::TooShort, 1)]);
    assert_eq!(errors(&[vec![0, 8, 0, 0, 1]]), [(ErrorKind::UnknownVersion, 1)]);
    assert_eq!(errors(&[set(&[1, 0, 0, 3])]), [(ErrorKind::BadSet, 1)]);
    assert_eq!(errors(&[set(&[1, 0, 0, 99, 0])]), [(ErrorKind::BadSet, 1)]);
    assert_eq!(errors(&[set(&[0, 77, 0, 4])]), [(ErrorKind::ReservedSet, 1)]);
    assert_eq!(
        errors(&[set(&[0, 0, 0, 12, 1, 0, 0, 9, 0, 1, 0, 4])]),
        [(ErrorKind::BadTemplate, 1)]
    );
    let variable = fields(&[(82, VARIABLE), (8, 4)]);
    let message = ipfix(0).message(&[Set::Template(256, variable), Set::Raw(256, vec![9, 1, 2, 3, 4])]);
    assert_eq!(errors(std::slice::from_ref(&message)), [(ErrorKind::BadRecord, 1)]);
    let longer = [&message[..], &[0]].concat();
    assert!(errors(&[longer]).contains(&(ErrorKind::BadLength, 1)));
    // What nobody sends is nobody's exporter.
    let mut bench = Bench::new();
    bench.send(b"GET / HTTP/1.1\r\n");
    assert_eq!(bench.decoder.exporters().count(), 0);
    assert_eq!(bench.decoder.errors().of(ErrorKind::UnknownVersion), 1);
}
