//! What softflowd and pmacct exported; `tests/exporters/README.md` says how it was recorded.

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use capture::file::CaptureFile;
use capture::{Polled, Source};
use decode::{Extractor, Version};
use model::FlowRecord;

use crate::Bench;

/// The flows of the datagrams to a port that have this version number first.
fn flows(port: u16, version: [u8; 4]) -> Bench {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exporters/loopback.pcap");
    let mut source = CaptureFile::open(&path).expect("the capture opens");
    let mut extractor = Extractor::default();
    let mut bench = Bench::new();
    loop {
        let polled = source.poll(Duration::ZERO, |frame| {
            let frame_in = dissect::Frame {
                link_type: frame.link_type,
                data: frame.data,
                wire_len: frame.wire_len,
                vlan_tci: frame.vlan_tci,
            };
            let Some(datagram) = extractor.push(&frame_in) else {
                return;
            };
            let is_version = version == [0, 0, 0, 5] || datagram.payload.starts_with(&version[2..]);
            if datagram.dst_port == port && is_version {
                assert!(decode::looks_exported(&datagram.payload));
                let payload = &datagram.payload;
                bench.decoder.decode(frame.time, datagram.src, payload, &mut bench.kept);
            }
        });
        if polled.expect("the capture reads") == Polled::End {
            break;
        }
    }
    for address in bench.decoder.exporters() {
        let report = bench.decoder.exporter(address).expect("known");
        assert_eq!((report.errors.total(), report.records_lost), (0, 0), "{report:?}");
    }
    bench
}

/// Packets and octets, both ways.
fn totals<'a>(flows: impl IntoIterator<Item = &'a FlowRecord>) -> (u64, u64) {
    flows.into_iter().fold((0, 0), |(packets, octets), flow| {
        (
            packets + flow.packets + flow.packets_rev,
            octets + flow.bytes + flow.bytes_rev,
        )
    })
}

#[test]
fn softflowd_says_the_same_in_every_version() {
    let of = |port, version: u8| flows(port, [0, 0, 0, version]).kept;
    let all = [
        (of(9_701, 1), 4),
        (flows_of_v5(), 4),
        (of(9_709, 9), 4),
        (of(9_700, 10), 4),
        (of(9_710, 10), 3),
    ];
    for (kept, count) in all {
        let version = kept.origins.first().map(|origin| origin.version);
        assert_eq!(kept.flows.len(), count, "{version:?}");
        for (protocol, expected) in [(6, (330, 113_207)), (17, (9, 1_584))] {
            let of_protocol = kept.flows.iter().filter(|flow| flow.protocol == protocol);
            assert_eq!(totals(of_protocol), expected, "{version:?}");
        }
        let longest = kept
            .flows
            .iter()
            .map(|flow| flow.end.nanos_since(flow.start) / 10_000_000)
            .max();
        assert_eq!(longest, Some(4_227), "42.27 s");
    }
}

/// Version 5 has the number that sFlow's header ends its version with.
fn flows_of_v5() -> crate::Kept {
    let kept = flows(9_705, [0, 0, 0, 5]).kept;
    assert!(kept.origins.iter().all(|origin| origin.version == Version::NetflowV5));
    kept
}

#[test]
fn pmacct_s_sampling_is_applied() {
    for (port, version, raw) in [(9_701, 10, [(4_612, 5), (364, 7)]), (9_712, 9, [(3_429, 4), (208, 4)])] {
        let kept = flows(port, [0, 0, 0, version]).kept;
        let got: Vec<_> = kept.flows.iter().map(|flow| (flow.bytes, flow.packets)).collect();
        assert_eq!(got, raw.map(|(octets, packets)| (octets * 4, packets * 4)));
        for flow in &kept.flows {
            let export = flow.export.as_deref().expect("exported");
            assert_eq!(export.sampling, NonZeroU32::new(4));
            assert!(flow.src_mac.is_some() && flow.end >= flow.start);
        }
    }
    let kept = flows(9_703, [0, 0, 0, 5]).kept;
    assert!(!kept.flows.is_empty() && kept.origins.iter().all(|origin| origin.version == Version::SflowV5));
    let octets: Vec<u64> = kept.flows.iter().map(|flow| flow.bytes).collect();
    assert_eq!(octets, SAMPLED.map(|octets| octets * 2));
    assert!(kept.flows.iter().all(|flow| flow.packets == 2));
}

/// The IP lengths of the sampled packets.
const SAMPLED: [u64; 17] = [
    60, 186, 52, 52, 1_500, 1_500, 1_500, 52, 1_500, 1_500, 52, 52, 1_500, 1_500, 52, 52, 1_500,
];
