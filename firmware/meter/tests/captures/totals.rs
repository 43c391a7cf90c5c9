//! Every frame of every capture is accounted for.

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
