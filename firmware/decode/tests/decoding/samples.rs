//! sFlow.

use std::net::IpAddr;
use std::num::NonZeroU32;

use decode::ErrorKind;
use decode::craft::{self, FlowSample, Sample, Sflow, sampled_header, tcp_frame};
use model::{Direction, MacAddr};

use crate::{Bench, EXPORTER};

fn header(sequence: u32) -> Sflow {
    Sflow {
        agent: EXPORTER,
        sub_agent: 2,
        sequence,
        uptime: 1_000 * sequence,
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn text(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).expect("short");
    let mut out = words(&[length]);
    out.extend(text.as_bytes());
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn sample(records: Vec<(u32, Vec<u8>)>) -> FlowSample {
    FlowSample {
        sequence: 1,
        source: 3,
        rate: 512,
        pool: 5_120,
        drops: 0,
        input: (0, 3),
        output: (0, 4),
        records,
    }
}

fn frame() -> (u32, Vec<u8>) {
    sampled_header(1, 1_514, &tcp_frame(0x0a00_0001, 0x0808_0808, 50_000, 443, 0x18, 1_500))
}

#[test]
fn a_sampled_packet_stands_for_many() {
    for sample_of in [Sample::Flow, Sample::ExpandedFlow] {
        let mut bench = Bench::new();
        let next_hop: IpAddr = "192.0.2.254".parse().expect("an address");
        let router = [craft::address(next_hop), words(&[24, 16])].concat();
        let gateway = [
            craft::address(next_hop),
            words(&[65_000, 65_001, 65_002, 1, 2, 2, 65_010, 65_020, 1, 7, 100]),
        ];
        let records = vec![
            frame(),
            (1_001, words(&[100, 5, 200, 0])),
            (1_002, router),
            (1_003, gateway.concat()),
            (
                1_006,
                [
                    craft::address(next_hop),
                    words(&[2, 1_000 << 12, 2_000 << 12 | 0x1ff, 0]),
                ]
                .concat(),
            ),
            (1_007, [craft::address(next_hop), craft::address(EXPORTER)].concat()),
            (1_020, words(&[1_111, 2_222])),
            (1_030, words(&[5_000])),
            (4_300 << 12 | 7, vec![1, 2, 3, 4]),
        ];
        bench.send(&header(0).datagram(&[sample_of(sample(records))]));
        let flow = bench.flow();
        assert_eq!(
            (flow.src_ip.to_string(), flow.dst_ip.to_string()),
            ("10.0.0.1".into(), "8.8.8.8".into())
        );
        assert_eq!(
            (flow.src_port, flow.dst_port, flow.protocol, flow.tcp_flags),
            (50_000, 443, 6, 0x18)
        );
        assert_eq!((flow.packets, flow.bytes), (512, 512 * 1_500));
        assert_eq!(
            (flow.start, flow.end, flow.direction),
            (bench.now, bench.now, Direction::Out)
        );
        assert_eq!(
            (flow.vlan, flow.src_mac),
            (Some(100), Some(MacAddr([2, 0, 0, 0, 0, 1])))
        );
        let export = flow.export.as_deref().expect("exported");
        assert_eq!((export.domain, export.sampling), (2, NonZeroU32::new(512)));
        assert_eq!(
            (export.ingress_if, export.egress_if, export.ttl),
            (Some(3), Some(4), Some((61, 61)))
        );
        assert_eq!(
            (export.src_prefix, export.dst_prefix, export.next_hop),
            (Some(24), Some(16), Some(next_hop))
        );
        assert_eq!(
            (export.src_as, export.dst_as, export.bgp_next_hop),
            (Some(65_001), Some(65_020), Some(next_hop))
        );
        assert_eq!(export.mpls.as_slice(), [1_000, 2_000]);
        assert_eq!(
            (export.translated.src_ip, export.translated.dst_port),
            (Some(next_hop), Some(2_222))
        );
        assert_eq!(export.vni, Some(5_000));
        let json = bench.kept.json.first().expect("a record");
        for part in [
            r#""_kind":"flow""#,
            r#""observationDomainId":2"#,
            r#""agent":"192.0.2.1""#,
            r#""samplingInterval":512"#,
            r#""samplePool":5120"#,
            r#""sourceIPv4Address":"10.0.0.1""#,
            r#""dot1qPriority":5"#,
            r#""bgpDestinationAsNumber":65020"#,
            r#""ipNextHopIPv4Address":["192.0.2.254","192.0.2.254"]"#,
            r#""structure":"010cc00701020304""#,
        ] {
            assert!(json.contains(part), "{part} in {json}");
        }
        assert_eq!(bench.report().errors.total(), 0);
    }
}

#[test]
fn a_packet_without_its_header_is_taken_from_what_the_agent_parsed() {
    let ethernet = [
        words(&[1_000]),
        vec![2, 0, 0, 0, 0, 7, 0, 0, 2, 0, 0, 0, 0, 8, 0, 0],
        words(&[0x800]),
    ]
    .concat();
    let ipv4 = words(&[900, 17, 0x0a00_0001, 0x0a00_0002, 1_000, 53, 0, 0x20]);
    let mut bench = Bench::new();
    bench.send(&header(0).datagram(&[Sample::Flow(sample(vec![(2, ethernet), (3, ipv4)]))]));
    let flow = bench.flow();
    assert_eq!(
        (flow.dst_port, flow.protocol, flow.tos, flow.bytes),
        (53, 17, 0x20, 512 * 900)
    );
    assert_eq!(flow.dst_mac, Some(MacAddr([2, 0, 0, 0, 0, 8])));
    let mut ipv6 = words(&[900, 58]);
    ipv6.extend([&[0x20, 1][..], &[0; 13], &[1], &[0x20, 1], &[0; 13], &[2]].concat());
    ipv6.extend(words(&[128, 0, 0, 0]));
    let mut bench = Bench::new();
    bench.send(&header(0).datagram(&[Sample::Flow(sample(vec![(4, ipv6)]))]));
    let flow = bench.flow();
    assert_eq!((flow.src_ip.to_string(), flow.src_port), ("2001::1".into(), 0));
    assert_eq!(flow.icmp.map(|icmp| icmp.kind), Some(128));
}

#[test]
fn ports_that_are_none_are_not_made_up() {
    let of = |input: (u32, u32), output: (u32, u32)| {
        let mut bench = Bench::new();
        let sample = FlowSample {
            input,
            output,
            ..sample(vec![frame()])
        };
        bench.send(&header(0).datagram(&[Sample::Flow(sample)]));
        let export = bench.flow().export.clone().expect("exported");
        (export.ingress_if, export.egress_if, export.forwarding_status)
    };
    assert_eq!(of((0, 3), (2, 5)), (Some(3), None, None), "to five ports");
    assert_eq!(of((0, 3), (1, 256)), (Some(3), Some(0), Some(0x80)), "dropped");
    assert_eq!(
        of((0, 0x3fff_ffff), (0, 4)),
        (Some(0), Some(4), None),
        "from the switch itself"
    );
    assert_eq!(of((0, 0), (0, 4)), (None, Some(4), None), "unknown");
}

#[test]
fn counters_of_interfaces_hosts_and_the_like() {
    let interface = [
        words(&[7, 6, 0, 1_000_000_000, 1, 3, 0, 5_000]),
        words(&[10, 20, 30, 40, 50, u32::MAX]),
        words(&[1, 0, 60, 70, 80, 90, 100, 0]),
    ]
    .concat();
    let ethernet = words(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    let processor = words(&[100, 200, 300, 0, 4_096, 0, 1_024]);
    let vlan = words(&[100, 0, 9_000, 1, 2, 3, 4]);
    let host = [text("router-7"), vec![7; 16], words(&[3, 2]), text("6.12.1")].concat();
    let mut cpu = words(&[
        0.5_f32.to_bits(),
        1.0_f32.to_bits(),
        1.5_f32.to_bits(),
        1,
        200,
        8,
        2_400,
        86_400,
    ]);
    cpu.extend(words(&[0; 9]));
    let memory = words(&[1, 0, 0, 4_096, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let structures = vec![
        (1, interface),
        (2, ethernet),
        (5, vlan),
        (1_001, processor),
        (2_000, host),
        (2_003, cpu),
        (2_004, memory),
    ];
    for sample_of in [Sample::Counters, Sample::ExpandedCounters] {
        let mut bench = Bench::new();
        bench.send(&header(0).datagram(&[sample_of(9, 7, structures.clone())]));
        let [sample] = bench.kept.counters.as_slice() else {
            panic!("{:?}", bench.kept.counters);
        };
        assert_eq!((sample.sequence, sample.source.index), (9, 7));
        let interface = sample.interface.expect("an interface");
        assert_eq!(
            (interface.index, interface.speed, interface.oper_up),
            (7, Some(1_000_000_000), true)
        );
        assert_eq!(
            (interface.in_octets, interface.out_octets),
            (Some(5_000), Some(1 << 32))
        );
        assert_eq!((interface.in_unicast, interface.out_unicast), (Some(10), Some(60)));
        let detail = &sample.detail;
        assert_eq!(
            (detail.in_multicast, detail.in_errors, detail.in_unknown),
            (Some(20), Some(50), None)
        );
        assert_eq!((detail.out_discards, detail.out_errors), (Some(90), Some(100)));
        assert_eq!(
            (detail.alignment_errors, detail.fcs_errors, detail.collisions),
            (Some(1), Some(2), Some(7))
        );
        assert_eq!((detail.late_collisions, detail.oversize), (Some(7), Some(11)));
        assert_eq!(sample.vlan.and_then(|vlan| vlan.octets), Some(9_000));
        assert_eq!(
            sample.processor.and_then(|processor| processor.memory_free),
            Some(1_024)
        );
        let host = sample.host.clone().expect("a host");
        assert_eq!(
            (host.name.as_deref(), host.release.as_deref()),
            (Some("router-7"), Some("6.12.1"))
        );
        assert_eq!(
            (host.load, host.processors, host.uptime),
            (Some([0.5, 1.0, 1.5]), Some(8), Some(86_400))
        );
        assert_eq!((host.memory_total, host.memory_free), (Some(1 << 32), Some(4_096)));
        let json = bench.kept.json.first().expect("a record");
        for part in [
            r#""_kind":"counter""#,
            r#""ifInOctets":5000"#,
            r#""dot3StatsFCSErrors":2"#,
            r#""hostName":"router-7""#,
            r#""cpuLoadOne":0.5"#,
            r#""vlanOctets":9000"#,
        ] {
            assert!(json.contains(part), "{part} in {json}");
        }
        assert_eq!(bench.report().errors.total(), 0);
    }
}

#[test]
fn losses_and_drops_are_counted() {
    let mut bench = Bench::new();
    for (datagram, sequence, drops) in [(0, 1, 5), (1, 2, 5), (4, 7, 9)] {
        let sample = FlowSample {
            sequence,
            drops,
            ..sample(vec![frame()])
        };
        bench.send(&header(datagram).datagram(&[Sample::Flow(sample)]));
    }
    let report = bench.report();
    let domain = report.domains.first().expect("a domain");
    assert_eq!((domain.losses.lost, domain.sample_losses.lost, domain.drops), (2, 4, 4));
    assert_eq!(domain.sampling, NonZeroU32::new(512));
}

#[test]
fn what_is_wrong_is_counted() {
    let mut bench = Bench::new();
    let whole = header(0).datagram(&[Sample::Flow(sample(vec![frame()]))]);
    bench.send(whole.get(..whole.len() - 8).expect("longer"));
    assert_eq!(bench.report().errors.of(ErrorKind::BadLength), 1);
    // A structure that goes beyond its sample, and one that is too short.
    let mut beyond = words(&[1, 3, 512, 0, 0, 3, 4, 1]);
    beyond.extend(words(&[1, 400, 0]));
    bench.send(&header(1).datagram(&[Sample::Raw(1, beyond)]));
    bench.send(&header(2).datagram(&[Sample::Flow(sample(vec![(1_001, words(&[1]))]))]));
    assert_eq!(bench.report().errors.of(ErrorKind::BadSample), 2);
    // A header that is none; another enterprise's sample is none of ours.
    bench.send(&header(3).datagram(&[Sample::Flow(sample(vec![sampled_header(1, 60, &[1, 2, 3])]))]));
    bench.send(&header(4).datagram(&[Sample::Raw(9 << 12 | 1, vec![0; 8])]));
    assert_eq!(bench.report().errors.of(ErrorKind::BadHeader), 1);
    assert_eq!(bench.report().others, 4);
    assert!(bench.kept.flows.is_empty());
}
