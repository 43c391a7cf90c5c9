//! Every frame of every capture is accounted for.

use std::time::Duration;

use capture::file::CaptureFile;
use capture::{Polled, Source};
use dissect::NotMetered;

use crate::corpus;

/// Files that end early, and where.
const CUT_OFF: &[&str] = &["fuzz-2021-10-13.pcap"];

#[test]
fn every_frame_is_metered_or_counted() {
    let folders = ["flowtest/pcap", "ndpi/pcap", "netgauze/pcap", "ddos"];
    let mut files = 0;
    for folder in folders.into_iter().filter_map(corpus::folder) {
        for path in corpus::files(&folder) {
            files += 1;
            let got = corpus::meter(&path);
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert_eq!(
                got.failure.is_some(),
                CUT_OFF.contains(&name.as_str()),
                "{name}: {:?}",
                got.failure
            );
            let malformed: u64 = got.malformed.iter().sum();
            let counted = got.statistics.packets + got.not_ip + got.cut_short + got.unsupported + malformed;
            assert_eq!(got.frames, counted, "{name}");
            let packets: u64 = got.records.iter().map(|r| r.packets + r.packets_rev).sum();
            let bytes: u64 = got.records.iter().map(|r| r.bytes + r.bytes_rev).sum();
            assert_eq!(
                (packets, bytes),
                (got.statistics.packets, got.statistics.bytes),
                "{name}"
            );
            for record in &got.records {
                assert!(
                    record.start <= record.end && record.packets + record.packets_rev > 0,
                    "{name}: {record:?}"
                );
            }
        }
    }
    eprintln!("{files} captures");
}

#[test]
fn a_snap_length_makes_no_real_frame_malformed() {
    let Some(folder) = corpus::folder("flowtest/pcap") else {
        return;
    };
    let mut cuts = 0_u64;
    for path in corpus::files(&folder) {
        let mut source = CaptureFile::open(&path).expect("it opens");
        let mut left = 40;
        while left > 0 {
            let polled = source.poll(Duration::ZERO, |frame| {
                if left == 0 {
                    return;
                }
                left -= 1;
                for length in 0..frame.data.len().min(200) {
                    let cut = dissect::Frame {
                        link_type: frame.link_type,
                        data: &frame.data[..length],
                        wire_len: frame.wire_len,
                        vlan_tci: None,
                    };
                    let got = dissect::dissect(&cut);
                    assert!(
                        !matches!(got, Err(NotMetered::Malformed(_))),
                        "{} cut to {length}: {got:?}",
                        path.display()
                    );
                    // Cut on the wire, it may be anything but a panic.
                    let wire_len = u32::try_from(length).unwrap_or(0);
                    let _ = dissect::dissect(&dissect::Frame { wire_len, ..cut });
                    cuts += 1;
                }
            });
            if matches!(polled.expect("it can be read"), Polled::End) {
                break;
            }
        }
    }
    assert!(cuts > 50_000, "only {cuts} cuts");
}
