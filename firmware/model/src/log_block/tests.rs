use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::{LinkId, LogSource};

prop_compose! {
    fn record()(
        times in prop_oneof![any::<(u64, u64)>(), (0u64..50, 0u64..50)],
        exporter in prop_oneof![any::<u32>(), 0u32..3],
        peer in prop_oneof![
            any::<u32>().prop_map(|a| IpAddr::from(a.to_be_bytes())),
            any::<u128>().prop_map(|a| IpAddr::from(a.to_be_bytes())),
        ],
        trap in any::<bool>(),
        severity in prop::sample::select(Severity::ALL.to_vec()),
        facility in prop_oneof![0u8..24, any::<u8>()],
        names in prop::array::uniform4(prop_oneof![Just(String::new()), "[A-C]{1,3}", "\\PC{0,12}"]),
        text in prop_oneof!["[a-zA-Z0-9 .:端口é]{0,80}", "\\PC{0,40}"],
        data in "[a-z\\[\\]=\"]{0,20}",
    ) -> LogRecord {
        let [host, app, pid, code] = names;
        LogRecord {
            time: Timestamp::from_nanos(times.0),
            received: Timestamp::from_nanos(times.1),
            exporter: LinkId(exporter),
            peer,
            source: if trap { LogSource::Trap } else { LogSource::Syslog },
            severity,
            facility,
            host,
            app,
            pid,
            code,
            text,
            data,
        }
    }
}

fn sample(count: usize) -> Vec<LogRecord> {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = prop::collection::vec(record(), count);
    strategy.new_tree(&mut runner).unwrap().current()
}

fn one(records: &[LogRecord]) -> LogBlock {
    let mut blocks = LogBlock::encode(records).unwrap();
    assert_eq!(blocks.len(), 1);
    blocks.remove(0)
}

/// The same octets with checksums that fit: what a hostile writer can make.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let Ok(header) = Header::read(&bytes) else {
        return bytes;
    };
    let Some((head, body)) = bytes.split_at_checked(header.head_len()) else {
        return bytes;
    };
    let body_crc = checksum(&[body]).to_le_bytes();
    let mut sealed = head.to_vec();
    sealed[CRC_AT - 8..CRC_AT - 4].copy_from_slice(&body_crc);
    let crc = checksum(&[&sealed[..CRC_AT], &sealed[HEADER..]]);
    bytes[..CRC_AT].copy_from_slice(&sealed[..CRC_AT]);
    bytes[CRC_AT..HEADER].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The block with one of its parts (0 directory, 1 rows, 2 texts) changed and compressed anew.
fn with_part(block: &LogBlock, part: usize, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let header = block.header;
    let frames = [header.directory, header.rows, header.texts];
    let mut at = HEADER + header.filter_len as usize;
    let mut bytes = block.bytes[..at].to_vec();
    let mut change = Some(change);
    for (number, frame) in frames.iter().enumerate() {
        let packed = &block.bytes[at..at + frame.len as usize];
        at += frame.len as usize;
        let mut raw = zstd::bulk::decompress(packed, LogBlock::RAW_MAX).unwrap();
        if number == part {
            change.take().unwrap()(&mut raw);
            let packed = zstd::bulk::compress(&raw, LEVEL).unwrap();
            let field = 36 + number * 8;
            bytes[field..field + 4].copy_from_slice(&u32::try_from(packed.len()).unwrap().to_le_bytes());
            bytes[field + 4..field + 8].copy_from_slice(&u32::try_from(raw.len()).unwrap().to_le_bytes());
            bytes.extend_from_slice(&packed);
        } else {
            bytes.extend_from_slice(packed);
        }
    }
    resealed(bytes)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn records_come_back_sorted_by_time(records in prop::collection::vec(record(), 1..60)) {
        let block = one(&records);
        let read = LogBlock::parse(block.bytes().to_vec()).unwrap();
        prop_assert_eq!(&read, &block);
        let head = LogHead::parse(block.head().bytes()).unwrap();
        prop_assert_eq!(&head, &block.head());
        let mut expected = records;
        expected.sort_by_key(|r| r.time);
        prop_assert_eq!((head.min_time(), head.max_time()), (expected[0].time, expected[expected.len() - 1].time));
        prop_assert_eq!(head.len(), expected.len());
        prop_assert_eq!(read.records().unwrap(), expected);
    }

    #[test]
    fn the_head_never_hides_a_record(records in prop::collection::vec(record(), 1..20), cut in any::<(prop::sample::Index, prop::sample::Index)>()) {
        let block = one(&records);
        let head = block.head();
        let directory = head.directory().unwrap();
        for record in &records {
            prop_assert!(head.has_severity(record.severity) && head.has_facility(record.facility));
            prop_assert!(directory.hosts.contains(&record.host) && directory.apps.contains(&record.app));
            prop_assert!(directory.exporters.contains(&record.exporter));
            for string in [&record.text, &record.data, &record.host, &record.app, &record.code] {
                // Any part of a string, in capitals where that folds back.
                let chars: Vec<char> = string.chars().collect();
                let (a, b) = (cut.0.index(chars.len() + 1), cut.1.index(chars.len() + 1));
                let part: String = chars[a.min(b)..a.max(b)].iter().collect();
                prop_assert!(head.may_hold(&Keyword::new(&part)), "{:?}", part);
                prop_assert!(head.may_hold(&Keyword::new(&part.to_ascii_uppercase())), "{:?}", part);
            }
        }
        let gravest = records.iter().map(|r| r.severity).min().unwrap();
        for severity in Severity::ALL {
            prop_assert_eq!(head.has_severity(severity), gravest <= severity);
        }
    }

    #[test]
    fn hostile_octets_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(LogBlock::parse(bytes.clone()).is_err());
        prop_assert!(LogHead::parse(&bytes).is_err());
    }

    #[test]
    fn a_hostile_writer_never_makes_the_reader_panic(
        records in prop::collection::vec(record(), 1..20),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        part in 0usize..4,
    ) {
        let block = one(&records);
        let change = |bytes: &mut Vec<u8>| {
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
        };
        let bytes = if part == 3 {
            let mut bytes = block.bytes().to_vec();
            change(&mut bytes);
            resealed(bytes)
        } else {
            with_part(&block, part, change)
        };
        // Either an error or records; never a panic.
        if let Ok(block) = LogBlock::parse(bytes) {
            let _ = block.head().directory();
            let _ = block.records();
        }
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let good = one(&sample(10)).into_bytes();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            assert!(LogBlock::parse(bytes).is_err(), "octet {at}, bit {bit}");
        }
    }
}

#[test]
fn every_cut_and_every_addition_is_noticed() {
    let block = one(&sample(3));
    let head = block.head().bytes().len();
    let good = block.into_bytes();
    for length in 0..good.len() {
        let found = LogBlock::parse(good[..length].to_vec());
        assert!(
            matches!(found, Err(BlockError::Length { .. } | BlockError::Magic(_))),
            "{length}"
        );
        assert_eq!(LogHead::parse(&good[..length]).is_ok(), length == head, "{length}");
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(matches!(LogBlock::parse(longer), Err(BlockError::Length { .. })));
}

#[test]
fn many_and_large_records_become_several_blocks_within_bounds() {
    let mut records = sample(2_000);
    for (number, record) in records.iter_mut().enumerate() {
        // Longer than a block takes, and each another.
        record.text = format!("{number}端").repeat(if number % 100 == 0 { LogBlock::TEXT_MAX } else { 100 });
        record.host = format!("{number}-").repeat(LogBlock::NAME_MAX);
    }
    let blocks = LogBlock::encode(&records).unwrap();
    assert!(blocks.len() > 1);
    let mut found = Vec::new();
    for block in blocks {
        assert!(block.bytes().len() <= LogBlock::BYTES_MAX && block.len() <= LogBlock::RECORDS_MAX);
        let header = block.header;
        for frame in [header.directory, header.rows, header.texts] {
            assert!(frame.raw_len as usize <= LogBlock::RAW_MAX);
        }
        found.extend(LogBlock::parse(block.into_bytes()).unwrap().records().unwrap());
    }
    let mut expected = records;
    expected.sort_by_key(|r| r.time);
    for record in &mut expected {
        record.text = columns::text(&record.text).to_owned();
        record.host = columns::name(&record.host).to_owned();
    }
    assert!(found == expected);
    assert!(
        found
            .iter()
            .all(|r| r.text.len() <= LogBlock::TEXT_MAX && r.host.len() <= LogBlock::NAME_MAX)
    );

    let mut small = sample(1).remove(0);
    (small.text, small.data) = (String::new(), String::new());
    (small.host, small.app, small.pid, small.code) = <_>::default();
    let blocks = LogBlock::encode(&vec![small; LogBlock::RECORDS_MAX + 1]).unwrap();
    assert_eq!(
        blocks.iter().map(LogBlock::len).sum::<usize>(),
        LogBlock::RECORDS_MAX + 1
    );
    assert_eq!(LogBlock::encode(&[]), Err(BlockError::Count(0)));
}

#[test]
fn application_logs_and_messages_are_apart_and_the_head_says_which() {
    let mut records = sample(40);
    for (record, source) in records.iter_mut().zip(LogSource::ALL.into_iter().cycle()) {
        record.source = source;
    }
    let blocks = LogBlock::encode(&records).unwrap();
    assert_eq!(blocks.len(), 2);
    let mut found = Vec::new();
    for (block, is_application) in blocks.iter().zip([false, true]) {
        assert_eq!(block.is_application(), is_application);
        for source in LogSource::ALL {
            assert_eq!(
                block.head().may_have_source(source),
                source.is_application() == is_application
            );
        }
        found.extend(block.records().unwrap());
    }
    assert!(found.iter().is_sorted_by_key(|r| r.source.is_application()));
    assert_eq!(found.len(), 40);
    records.retain(|r| r.source == LogSource::Dns);
    let dns = one(&records);
    let may_have = |source| dns.head().may_have_source(source);
    assert!(may_have(LogSource::Dns) && !may_have(LogSource::Http) && !may_have(LogSource::Syslog));
    // A head that lies about it is found out.
    for kinds in [0, 1 << 4, 3 << 3] {
        let mut bytes = dns.bytes().to_vec();
        bytes[7] = kinds;
        let block = LogBlock::parse(resealed(bytes)).unwrap();
        assert_eq!(block.records(), Err(BlockError::Contents("summary of the records")));
    }
}

#[test]
fn a_header_cannot_make_the_reader_allocate() {
    let good = one(&sample(3)).into_bytes();
    for field in [40, 48, 56] {
        let mut bytes = good.clone();
        bytes[field..field + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(LogBlock::parse(bytes), Err(BlockError::Contents("decompressed length")));
    }
    let mut bytes = good.clone();
    bytes[8..12].copy_from_slice(&65_000u32.to_le_bytes());
    assert!(LogBlock::parse(resealed(bytes)).unwrap().records().is_err());
}

#[test]
fn a_column_of_a_later_release_is_stepped_over() {
    let block = one(&sample(5));
    for part in 0..3 {
        let bytes = with_part(&block, part, |raw| raw.extend_from_slice(&[200, 3, 0, 0, 0, 1, 2, 3]));
        assert_eq!(
            LogBlock::parse(bytes).unwrap().records().unwrap(),
            block.records().unwrap()
        );
    }
}

#[test]
fn a_word_that_is_not_there_is_mostly_stepped_over() {
    let texts = [
        "Interface GigabitEthernet0/1, changed state to down",
        "Accepted publickey for root from 10.0.0.5 port 51234",
    ];
    let mut records = sample(200);
    for (number, record) in records.iter_mut().enumerate() {
        record.text = format!("{} {}", texts[number % 2], number);
    }
    let block = one(&records);
    let head = block.head();
    let missing = [
        "configured from console",
        "192.168.77.13",
        "802.1x authentication",
        "端口已关闭的接口",
    ];
    for word in missing {
        assert!(!head.may_hold(&Keyword::new(word)), "{word}");
    }
    for word in ["GIGABITethernet0/1", "publickey for ROOT", "port 51234 19", "down", ""] {
        assert!(head.may_hold(&Keyword::new(word)), "{word}");
    }
}
