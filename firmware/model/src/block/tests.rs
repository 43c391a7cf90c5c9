use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::{App, Direction, EndReason, IcmpType, LinkId, MacAddr};

fn addresses() -> impl Strategy<Value = (std::net::IpAddr, std::net::IpAddr)> {
    prop_oneof![
        (any::<u32>(), any::<u32>()).prop_map(|(a, b)| (Ipv4Addr::from(a).into(), Ipv4Addr::from(b).into())),
        (any::<u128>(), any::<u128>()).prop_map(|(a, b)| (Ipv6Addr::from(a).into(), Ipv6Addr::from(b).into())),
        (0u32..4, 0u32..4).prop_map(|(a, b)| (Ipv4Addr::from(a).into(), Ipv4Addr::from(b).into())),
    ]
}

prop_compose! {
    fn record()(
        ips in addresses(),
        times in (any::<u64>(), any::<u64>()),
        link in any::<u32>(),
        ports in any::<(u16, u16)>(),
        vlans in any::<(Option<u16>, Option<u16>)>(),
        macs in any::<(Option<[u8; 6]>, Option<[u8; 6]>)>(),
        counts in any::<[u64; 4]>(),
        octets in any::<[u8; 4]>(),
        icmp in any::<(Option<(u8, u8)>, Option<(u8, u8)>)>(),
        app in any::<u16>(),
        direction in prop::sample::select(vec![
            Direction::In, Direction::Out, Direction::Internal, Direction::External, Direction::Unknown,
        ]),
        end_reason in prop::sample::select(vec![
            EndReason::Idle, EndReason::Active, EndReason::EndOfFlow, EndReason::Forced, EndReason::LackOfResources,
        ]),
    ) -> FlowRecord {
        let icmp_of = |m: Option<(u8, u8)>| m.map(|(kind, code)| IcmpType { kind, code });
        FlowRecord {
            link: LinkId(link),
            start: Timestamp::from_nanos(times.0),
            end: Timestamp::from_nanos(times.1),
            src_ip: ips.0,
            dst_ip: ips.1,
            src_port: ports.0,
            dst_port: ports.1,
            protocol: octets[0],
            vlan: vlans.0,
            vlan_inner: vlans.1,
            src_mac: macs.0.map(MacAddr),
            dst_mac: macs.1.map(MacAddr),
            packets: counts[0],
            bytes: counts[1],
            packets_rev: counts[2],
            bytes_rev: counts[3],
            tcp_flags: octets[1],
            tcp_flags_rev: octets[2],
            icmp: icmp_of(icmp.0),
            icmp_rev: icmp_of(icmp.1),
            tos: octets[3],
            app: App::from_number(app),
            direction,
            end_reason,
            export: None,
        }
    }
}

fn sample(count: usize) -> Vec<FlowRecord> {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = prop::collection::vec(record(), count);
    strategy.new_tree(&mut runner).unwrap().current()
}

/// The same octets with a checksum that fits: what a hostile writer can make.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some((head, body)) = bytes.split_at_checked(HEADER) {
        let crc = checksum(&head[..CRC_AT], body);
        bytes[CRC_AT..HEADER].copy_from_slice(&crc.to_le_bytes());
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn records_come_back_sorted_by_start(records in prop::collection::vec(record(), 1..60)) {
        let block = Block::encode(&records).unwrap();
        let read = Block::parse(block.bytes().to_vec()).unwrap();
        prop_assert_eq!(&read, &block);
        let mut expected = records;
        expected.sort_by_key(|r| r.start);
        prop_assert_eq!(read.records().unwrap(), expected);
    }

    #[test]
    fn hostile_octets_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Block::parse(bytes).is_err());
    }

    #[test]
    fn a_hostile_writer_never_makes_the_reader_panic(
        records in prop::collection::vec(record(), 1..20),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        compressed in any::<bool>(),
    ) {
        let block = Block::encode(&records).unwrap();
        let mut bytes = block.bytes().to_vec();
        if compressed {
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
        } else {
            // Change the columns themselves, then compress them anew.
            let mut raw = zstd::bulk::decompress(&bytes[HEADER..], Block::RAW_MAX).unwrap();
            for (at, value) in changes {
                let at = at.index(raw.len());
                raw[at] = value;
            }
            let body = zstd::bulk::compress(&raw, LEVEL).unwrap();
            bytes.truncate(HEADER);
            bytes[48..52].copy_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
            bytes.extend_from_slice(&body);
        }
        // Either an error or records; never a panic.
        if let Ok(block) = Block::parse(resealed(bytes)) {
            let _ = block.records();
        }
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let good = Block::encode(&sample(20)).unwrap().into_bytes();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            assert!(Block::parse(bytes).is_err(), "octet {at}, bit {bit}");
        }
    }
}

#[test]
fn every_cut_and_every_addition_is_noticed() {
    let good = Block::encode(&sample(3)).unwrap().into_bytes();
    for length in 0..good.len() {
        assert!(
            matches!(
                Block::parse(good[..length].to_vec()),
                Err(BlockError::Length { .. } | BlockError::Magic(_))
            ),
            "{length}"
        );
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(matches!(Block::parse(longer), Err(BlockError::Length { .. })));
}

#[test]
fn the_largest_block_keeps_the_stated_bounds() {
    let mut records = sample(1_000);
    for record in &mut records {
        // The longest forms of everything.
        record.packets = u64::MAX;
        record.bytes = u64::MAX;
        record.packets_rev = u64::MAX;
        record.bytes_rev = u64::MAX;
    }
    let many: Vec<_> = (0..Block::RECORDS_MAX)
        .map(|n| {
            let mut record = records[n % records.len()].clone();
            record.src_ip = Ipv6Addr::from((n as u128) << 64 | 1).into();
            record.dst_ip = Ipv6Addr::from((n as u128) << 64 | 2).into();
            record
        })
        .collect();
    let block = Block::encode(&many).unwrap();
    assert!(block.bytes().len() <= Block::BYTES_MAX && (block.header.raw_len as usize) <= Block::RAW_MAX);
    assert_eq!(block.records().unwrap().len(), Block::RECORDS_MAX);
    assert_eq!(Block::encode(&[]), Err(BlockError::Count(0)));
    let mut more = many;
    more.push(records[0].clone());
    assert_eq!(Block::encode(&more), Err(BlockError::Count(Block::RECORDS_MAX + 1)));
}

#[test]
fn a_header_cannot_make_the_reader_allocate() {
    let mut bytes = Block::encode(&sample(3)).unwrap().into_bytes();
    bytes[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(
        Block::parse(resealed(bytes)),
        Err(BlockError::Contents("decompressed length"))
    );
    let mut bytes = Block::encode(&sample(3)).unwrap().into_bytes();
    bytes[8..12].copy_from_slice(&65_000u32.to_le_bytes());
    let block = Block::parse(resealed(bytes)).unwrap();
    assert!(block.records().is_err());
}

#[test]
fn a_column_of_a_later_release_is_stepped_over() {
    let records = sample(5);
    let block = Block::encode(&records).unwrap();
    let mut raw = zstd::bulk::decompress(&block.bytes()[HEADER..], Block::RAW_MAX).unwrap();
    raw.extend_from_slice(&[200, 3, 0, 0, 0, 1, 2, 3]);
    let body = zstd::bulk::compress(&raw, LEVEL).unwrap();
    let mut bytes = block.bytes()[..HEADER].to_vec();
    bytes[12..16].copy_from_slice(&u32::try_from(raw.len()).unwrap().to_le_bytes());
    bytes[48..52].copy_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(&body);
    let read = Block::parse(resealed(bytes)).unwrap().records().unwrap();
    assert_eq!(read, block.records().unwrap());
}
