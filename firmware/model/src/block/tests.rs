use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;

use proptest::prelude::*;

use super::*;
use crate::{
    App, Confidence, Delays, DetailKey, Details, Direction, EndReason, EnterpriseFields, Exported, IcmpType, L7,
    LinkId, MacAddr, MplsLabels, Observed, Quality, SideQuality, Translated,
};

fn addresses() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    prop_oneof![
        (any::<u32>(), any::<u32>()).prop_map(|(a, b)| (Ipv4Addr::from(a).into(), Ipv4Addr::from(b).into())),
        (any::<u128>(), any::<u128>()).prop_map(|(a, b)| (Ipv6Addr::from(a).into(), Ipv6Addr::from(b).into())),
        (0u32..4, 0u32..4).prop_map(|(a, b)| (Ipv4Addr::from(a).into(), Ipv4Addr::from(b).into())),
    ]
}

fn address() -> impl Strategy<Value = IpAddr> {
    addresses().prop_map(|(address, _)| address)
}

prop_compose! {
    fn exported()(
        numbers in any::<[u32; 2]>(),
        optional in any::<[Option<u32>; 8]>(),
        sampling in any::<Option<NonZeroU32>>(),
        observed in prop::sample::select(vec![Observed::Unknown, Observed::Ingress, Observed::Egress]),
        octets in any::<[Option<u8>; 5]>(),
        ttl in any::<Option<(u8, u8)>>(),
        ports in any::<[Option<u16>; 2]>(),
        application in any::<Option<u64>>(),
        addresses in [(); 5].map(|()| prop::option::of(address())),
        labels in prop::collection::vec(any::<u32>(), 0..12),
        fields in prop::collection::vec(any::<(u32, u16, Vec<u8>)>(), 0..3),
    ) -> Exported {
        let mut mpls = MplsLabels::default();
        labels.into_iter().for_each(|label| mpls.push(label));
        let mut enterprise = EnterpriseFields::default();
        fields.iter().for_each(|(number, element, value)| { enterprise.push(*number, *element, value); });
        Exported {
            domain: numbers[0],
            sampling,
            ingress_if: optional[0],
            egress_if: optional[1],
            observed,
            src_as: optional[2],
            dst_as: optional[3],
            src_prefix: octets[0],
            dst_prefix: octets[1],
            next_hop: addresses[0],
            bgp_next_hop: addresses[1],
            ingress_vrf: optional[4],
            egress_vrf: optional[5],
            mpls,
            translated: Translated {
                src_ip: addresses[2],
                dst_ip: addresses[3],
                src_port: ports[0],
                dst_port: ports[1],
            },
            nat_event: octets[2],
            firewall_event: octets[3],
            forwarding_status: octets[4],
            application,
            ttl,
            flow_label: optional[6],
            vni: optional[7],
            srv6_segment: addresses[4],
            enterprise,
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    // Few and many, short and as long as they may be.
    prop_oneof!["[a-d]{1,2}", "[a-z.]{1,20}", "\\PC{0,300}"]
}

prop_compose! {
    fn l7()(
        confidence in prop::sample::select(vec![
            Confidence::Port, Confidence::Dns, Confidence::Pattern, Confidence::Parsed,
        ]),
        host in prop::option::of(text()),
        said in prop::collection::vec((prop::sample::select(DetailKey::ALL.to_vec()), text()), 0..6),
    ) -> L7 {
        let mut details = Details::default();
        said.iter().for_each(|(key, value)| details.set(*key, value));
        L7 { confidence, host: host.and_then(|host| L7::host_name(&host)), details }
    }
}

prop_compose! {
    fn side()(n in any::<[u32; 7]>(), little in any::<bool>()) -> SideQuality {
        let n = if little { n.map(|n| n % 3) } else { n };
        SideQuality {
            retransmitted: n[0],
            out_of_order: n[1],
            zero_windows: n[2],
            resets: n[3],
            rtp_packets: n[4],
            rtp_lost: n[5],
            rtp_jitter_us: n[6],
        }
    }
}

prop_compose! {
    fn quality()(
        connect in any::<[Option<u32>; 2]>(),
        response in any::<(u32, u64, u32)>(),
        forward in side(),
        reverse in side(),
    ) -> Quality {
        Quality {
            connect_client_us: connect[0],
            connect_server_us: connect[1],
            response: Delays { count: response.0, total_us: response.1, max_us: response.2 },
            forward,
            reverse,
        }
    }
}

prop_compose! {
    fn record()(
        // Boxed: a test's stack is short.
        record in plain().boxed(),
        l7 in prop::option::of(l7()).boxed(),
        quality in prop::option::of(quality()).boxed(),
    ) -> FlowRecord {
        FlowRecord { l7: l7.map(Box::new), quality: quality.map(Box::new), ..record }
    }
}

prop_compose! {
    /// What golden blocks were made of before there were layer 7 and quality.
    fn plain()(
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
        export in prop::option::of(exported()),
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
            export: export.map(Box::new),
            l7: None,
            quality: None,
        }
    }
}

fn made<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> T {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    strategy.new_tree(&mut runner).unwrap().current()
}

fn sample(count: usize) -> Vec<FlowRecord> {
    made(prop::collection::vec(plain(), count))
}

/// Many records of which each column is of a kind that packs in its own way: the same for all, few distinct values,
/// narrow, wide, with and without gaps.
fn varied(count: u64) -> Vec<FlowRecord> {
    let base = sample(1).remove(0);
    let scatter = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let small = |n: u64| u16::try_from(n % 65_536).unwrap();
    let wide = |n: u64| u32::try_from(n % (1 << 32)).unwrap();
    let record = |n: u64| FlowRecord {
        start: Timestamp::from_nanos(1_790_000_000_123_456_789 + scatter(n) % 60_000 * 1_000_000),
        end: Timestamp::from_nanos(1_790_000_060_123_456_789 + scatter(n) % 60_000 * 1_000_000),
        src_ip: if n.is_multiple_of(50) {
            Ipv6Addr::from(u128::from(scatter(n % 700))).into()
        } else {
            Ipv4Addr::from(wide(scatter(n % 5_000))).into()
        },
        dst_ip: Ipv4Addr::from(wide(scatter(n))).into(),
        src_port: small(scatter(n)),
        dst_port: [443, 53, 80][usize::try_from(n % 3).unwrap()],
        vlan: (!n.is_multiple_of(7)).then_some(small(scatter(n % 100))),
        vlan_inner: None,
        src_mac: n
            .is_multiple_of(2)
            .then_some(MacAddr([0, 1, 2, 3, 4, u8::try_from(n % 200).unwrap()])),
        packets: if n == 17 { u64::MAX } else { n % 40 },
        bytes: scatter(n) % 1_500,
        export: (n % 11 != 3).then(|| {
            Box::new(Exported {
                ingress_if: Some(436_207_616 + wide(n % 300) * 8),
                egress_if: n.is_multiple_of(5).then_some(wide(n % 3)),
                src_as: Some(wide(scatter(n % 90))),
                next_hop: Some(Ipv4Addr::from(wide(n % 4)).into()),
                ..Exported::default()
            })
        }),
        ..base.clone()
    };
    (0..count).map(record).collect()
}

/// Records whose networks follow from their addresses, as an exporter's do.
fn routed(count: u64) -> Vec<FlowRecord> {
    let mut records = varied(count);
    for (n, record) in (0u64..).zip(&mut records) {
        let (host, peer) = (u32::try_from(n % 60).unwrap(), u32::try_from(n * n % 97).unwrap());
        record.src_ip = Ipv4Addr::from(0x0a00_0000 + host * 7).into();
        record.dst_ip = match peer % 5 {
            0 => Ipv6Addr::from(u128::from(peer) << 90).into(),
            _ => Ipv4Addr::from(0x0800_0000 + peer * 1_000).into(),
        };
        record.direction = if host % 2 == 0 {
            Direction::Out
        } else {
            Direction::External
        };
        record.export = Some(Box::new(Exported {
            src_as: Some(65_000 + host % 7),
            dst_as: (peer % 3 != 0).then_some(peer * 1_000),
            dst_prefix: Some(u8::try_from(peer % 20).unwrap()),
            next_hop: (peer % 4 != 0).then(|| Ipv4Addr::from(peer % 4).into()),
            ..Exported::default()
        }));
    }
    records
}

/// Records of which some have layer 7 and quality, as the meter's do.
fn served(count: u64) -> Vec<FlowRecord> {
    let mut records = routed(count);
    for (n, record) in (0u32..).zip(&mut records).filter(|(n, _)| n % 5 != 2) {
        let mut details = Details::default();
        details.set(DetailKey::Alpn, ["h2", "http/1.1"][n as usize % 2]);
        details.set(DetailKey::Ja4, &format!("t13d{:04}h2_8daaf6152771", n % 37));
        if n % 3 == 0 {
            details.set(DetailKey::Path, &format!("/é/{}?id={n}", n % 11));
        }
        record.l7 = Some(Box::new(L7 {
            confidence: [Confidence::Port, Confidence::Parsed, Confidence::Dns][n as usize % 3],
            host: (n % 7 != 0).then(|| format!("www{}.example.com", n * n % 97).into()),
            details,
        }));
        if n % 2 == 0 {
            let side = |n: u32| SideQuality {
                retransmitted: n % 3,
                rtp_packets: 100 * (n % 2),
                rtp_jitter_us: n % 2 * n,
                ..SideQuality::default()
            };
            record.quality = Some(Box::new(Quality {
                connect_client_us: (n % 4 == 0).then_some(n % 1_000),
                connect_server_us: (n % 4 == 0).then_some(n % 50_000),
                response: Delays {
                    count: n % 3,
                    total_us: u64::from(n) * 3,
                    max_us: n * 2,
                },
                forward: side(n),
                reverse: side(n / 2),
            }));
        }
    }
    records
}

/// The same octets with checksums that fit: what a hostile writer can make.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = bytes
        .get(12..16)
        .map_or(0, |l| u32::from_le_bytes(l.try_into().unwrap()) as usize);
    if let Some((head, rest)) = bytes.split_at_checked(HEADER) {
        let crc = checksum(&head[..CRC_AT], rest.get(..length).unwrap_or(rest));
        bytes[CRC_AT..HEADER].copy_from_slice(&crc.to_le_bytes());
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn records_come_back_in_their_order(records in prop::collection::vec(record(), 1..60)) {
        let block = Block::encode(&records).unwrap();
        let read = Block::parse(block.bytes().to_vec()).unwrap();
        prop_assert_eq!(&read, &block);
        let spans = |time: fn(&FlowRecord) -> Timestamp| {
            (records.iter().map(time).min().unwrap(), records.iter().map(time).max().unwrap())
        };
        prop_assert_eq!((read.min_start(), read.max_start()), spans(|r| r.start));
        prop_assert_eq!((read.min_end(), read.max_end()), spans(|r| r.end));
        assert_filters_know(&read.view(), &records);
        prop_assert_eq!(read.records().unwrap(), records);
    }

    #[test]
    fn a_builder_is_as_new_after_each_block(batches in prop::collection::vec(prop::collection::vec(record(), 1..9), 1..5)) {
        let mut builder = BlockBuilder::new();
        for records in batches {
            records.iter().for_each(|r| builder.push(r).unwrap());
            prop_assert_eq!(builder.len(), records.len());
            prop_assert_eq!(builder.finish().unwrap(), Block::encode(&records).unwrap());
            prop_assert!(builder.is_empty());
        }
    }

    #[test]
    fn columns_answer_as_the_records_do(records in prop::collection::vec(record(), 1..40)) {
        let block = Block::encode(&records).unwrap();
        let block = BlockRef::open(block.bytes()).unwrap();
        let mut unpacker = Unpacker::new();
        let addresses = block.addresses(Dictionary::Addresses, &mut unpacker).unwrap();
        let mut check = |field: Field, value: &dyn Fn(&FlowRecord) -> Option<u64>| {
            let column = block.column(field).unwrap();
            let mut values = Values::default();
            unpacker.unpack(&column, &mut values).unwrap();
            let expected: Vec<_> = records.iter().map(value).collect();
            let found: Vec<_> = (0..records.len()).map(|at| values.get(at)).collect();
            assert_eq!(found, expected, "{field:?}");
            let present = || expected.iter().flatten().copied();
            assert_eq!(column.range(), present().min().zip(present().max()), "{field:?}");
            assert_eq!(column.has_absent(), expected.contains(&None), "{field:?}");
            if column.is_constant() {
                assert!(expected.iter().all(|v| v == &expected[0]), "{field:?}");
            }
            values
        };
        check(Field::End, &|r| Some(r.end.as_nanos()));
        check(Field::SrcPort, &|r| Some(r.src_port.into()));
        check(Field::Vlan, &|r| r.vlan.map(u64::from));
        check(Field::Bytes, &|r| Some(r.bytes));
        check(Field::Exported, &|r| Some(r.export.is_some().into()));
        check(Field::SrcAs, &|r| r.export.as_ref()?.src_as.map(u64::from));
        check(Field::Confidence, &|r| r.l7.as_ref().map(|l7| l7.confidence as u64));
        check(Field::Measured, &|r| Some(r.quality.is_some().into()));
        check(Field::ConnectServer, &|r| r.quality.as_ref()?.connect_server_us.map(u64::from));
        check(Field::ResponseMax, &|r| Some(r.quality.as_ref().map_or(0, |q| q.response.max_us.into())));
        check(Field::RtpJitterRev, &|r| Some(r.quality.as_ref().map_or(0, |q| q.reverse.rtp_jitter_us.into())));
        check(Field::TtlMax, &|r| r.export.as_ref()?.ttl.map(|ttl| ttl.1.into()));
        for (dictionary, field, text) in [
            (TextDictionary::Hosts, Field::Host, (|r| r.l7.as_ref()?.host.as_deref()) as fn(&FlowRecord) -> Option<&str>),
            (TextDictionary::Details, Field::detail(DetailKey::Path), |r| r.l7.as_ref()?.details.get(DetailKey::Path)),
        ] {
            prop_assert_eq!(field.text_dictionary(), Some(dictionary));
            let texts = block.texts(dictionary, &mut unpacker).unwrap();
            prop_assert!(texts.iter().is_sorted());
            let mut places = Values::default();
            unpacker.unpack(&block.column(field).unwrap(), &mut places).unwrap();
            let found: Vec<_> = (0..records.len()).map(|at| texts.get(places.get(at)?)).collect();
            prop_assert_eq!(found, records.iter().map(text).collect::<Vec<_>>());
            prop_assert!(texts.iter().enumerate().all(|(at, text)| texts.get(at as u64) == Some(text)));
        }
        let column = block.column(Field::SrcIp).unwrap();
        let mut places = Values::default();
        unpacker.unpack(&column, &mut places).unwrap();
        let found: Vec<_> = (0..records.len()).map(|at| addresses.get(places.get(at).unwrap()).unwrap()).collect();
        let expected: Vec<_> = records.iter().map(|r| r.src_ip).collect();
        let keys = || expected.iter().map(|ip| address_order(*ip));
        prop_assert_eq!(column.address_range(), keys().min().zip(keys().max()));
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn hostile_octets_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Block::parse(bytes.clone()).is_err());
        // With a header that fits, whatever the directory and the body are.
        let mut made = MAGIC.to_vec();
        made.extend_from_slice(&VERSION.to_le_bytes());
        made.extend_from_slice(&[0, 0, 2, 0, 0, 0]);
        let directory = bytes.len() / 2;
        made.extend_from_slice(&u32::try_from(directory).unwrap().to_le_bytes());
        made.extend_from_slice(&u32::try_from(bytes.len() - directory).unwrap().to_le_bytes());
        made.resize(HEADER, 0);
        made.extend_from_slice(&bytes);
        let made = resealed(made);
        if let Ok(block) = BlockRef::open(&made) {
            let _ = block.records();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_hostile_writer_never_makes_the_reader_panic(
        records in prop_oneof![prop::collection::vec(record(), 1..20), (1..400u64).prop_map(served)],
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        // The body's checksums stand in the directory: where one no longer fits, it is put right.
        let mut bytes = Block::encode(&records).unwrap().into_bytes();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let bytes = resealed(bytes);
        let mut bytes = bytes;
        for _ in 0..80 {
            match Block::parse(bytes.clone()) {
                Ok(block) => {
                    // Either an error or records; never a panic.
                    let _ = block.records();
                    let _ = BlockHashes::new().read(&block.view(), &mut Unpacker::new());
                    let _ = (block.view().may_have_address(1), block.view().may_have_flow(1));
                    break;
                }
                Err(BlockError::Checksum { found, expected }) => {
                    let Some(at) = bytes.windows(4).position(|w| w == expected.to_le_bytes()) else { break };
                    bytes[at..at + 4].copy_from_slice(&found.to_le_bytes());
                    bytes = resealed(bytes);
                }
                Err(_) => break,
            }
        }
    }
}

#[test]
fn large_blocks_come_back_and_pack_every_way() {
    for count in [1, 127, 128, 129, 1_000, 65_536] {
        for records in [varied(count), routed(count), served(count)] {
            let block = Block::encode(&records).unwrap();
            assert!(block.records().unwrap() == records, "{count}");
            assert_filters_know(&block.view(), &records);
        }
    }
    let block = Block::encode(&routed(2_000)).unwrap();
    let follows = |field: Field| block.column(field).unwrap().follows();
    assert_eq!(follows(Field::SrcAs), Some(Field::SrcIp));
    assert_eq!(follows(Field::Direction), Some(Field::SrcIp));
    assert_eq!(follows(Field::DstAs), Some(Field::DstIp));
    assert_eq!(follows(Field::NextHop), Some(Field::DstIp));
    assert_eq!(block.column(Field::DstAs).unwrap().range(), Some((1_000, 95_000)));
    assert_eq!(follows(Field::Bytes), None);
    let block = Block::encode(&varied(20_000)).unwrap();
    let form = |field: Field| block.head.directory.find(field as u8).map(|entry| entry.form);
    use directory::Form;
    assert!(matches!(form(Field::End), Some(Form::Scaled { scale: 1_000_000, .. })));
    assert!(matches!(form(Field::SrcPort), Some(Form::Scaled { scale: 1, .. })));
    assert!(matches!(form(Field::DstPort), Some(Form::Distinct { count: 3, .. })));
    assert!(matches!(form(Field::SrcAs), Some(Form::Distinct { count: 90, .. })));
    assert!(matches!(form(Field::Protocol), Some(Form::Constant)));
    assert!(form(Field::VlanInner).is_none() && form(Field::MplsLabels).is_none());
}

#[test]
fn every_flipped_bit_is_noticed() {
    let good = Block::encode(&served(150)).unwrap().into_bytes();
    for at in 0..good.len() {
        // All bits of the header and of what begins the directory, and one of each octet behind.
        for bit in (0..8).filter(|bit| at < 2 * HEADER || at % 8 == *bit) {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            let read = BlockRef::open(&bytes).and_then(|block| {
                block.records()?;
                // The records do not need these.
                block.address_filter()?;
                block.flow_filter()
            });
            assert!(read.is_err(), "octet {at}, bit {bit}");
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
    for texts in [false, true] {
        assert_bounds(texts);
    }
    assert_eq!(Block::encode(&[]), Err(BlockError::Count(0)));
    let more = vec![sample(1).remove(0); Block::RECORDS_MAX + 1];
    assert_eq!(Block::encode(&more), Err(BlockError::Count(Block::RECORDS_MAX + 1)));
}

/// Everything at its longest and without a pattern.
fn assert_bounds(texts: bool) {
    let mut random = 1u64;
    let mut next = move || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        random.rotate_left(32) ^ random
    };
    let full = made(record().prop_filter("all of it", |r| {
        r.export.is_some() && r.l7.is_some() && r.quality.is_some()
    }));
    let mut builder = BlockBuilder::new();
    let mut records = Vec::new();
    while !builder.is_full() {
        let mut wide = || u32::try_from(next() >> 32).unwrap();
        let mut record = full.clone();
        record.src_ip = Ipv6Addr::from(u128::from(wide()) << 96 | u128::from(wide())).into();
        record.dst_ip = Ipv4Addr::from(wide()).into();
        record.link = LinkId(wide());
        let export = record.export.as_mut().unwrap();
        (export.src_as, export.dst_as) = (Some(wide()), Some(wide()));
        (export.ingress_if, export.egress_if) = (Some(wide()), Some(wide()));
        (export.flow_label, export.vni) = (Some(wide()), Some(wide()));
        let mut short = || u16::try_from(wide() >> 16).unwrap();
        (record.vlan, record.vlan_inner) = (Some(short()), Some(short()));
        (record.src_port, record.dst_port, record.app) = (short(), short(), App::from_number(short()));
        let mut octet = || u8::try_from(short() >> 8).unwrap();
        (record.tcp_flags, record.tcp_flags_rev, record.tos, record.protocol) = (octet(), octet(), octet(), octet());
        record.src_mac = Some(MacAddr([octet(), octet(), octet(), octet(), octet(), octet()]));
        record.icmp = Some(IcmpType {
            kind: octet(),
            code: octet(),
        });
        (export.ttl, export.nat_event) = (Some((octet(), octet())), Some(octet()));
        (export.firewall_event, export.forwarding_status) = (Some(octet()), Some(octet()));
        (export.src_prefix, export.dst_prefix) = (Some(octet()), Some(octet()));
        (export.ingress_vrf, export.egress_vrf) = (Some(wide()), Some(wide()));
        (export.domain, export.sampling) = (wide(), NonZeroU32::new(wide()));
        export.enterprise = EnterpriseFields::default();
        export.translated.src_ip = Some(Ipv4Addr::from(wide()).into());
        export.next_hop = Some(Ipv4Addr::from(wide()).into());
        let mut wider = || u64::from(wide()) << 32 | u64::from(wide());
        (record.packets, record.bytes, record.packets_rev, record.bytes_rev) = (wider(), wider(), wider(), wider());
        (record.start, record.end) = (Timestamp::from_nanos(wider()), Timestamp::from_nanos(wider()));
        record.export.as_mut().unwrap().application = Some(wider());
        let mut wide = || u32::try_from(next() >> 32).unwrap();
        let mut side = || SideQuality {
            retransmitted: wide(),
            out_of_order: wide(),
            zero_windows: wide(),
            resets: wide(),
            rtp_packets: wide(),
            rtp_lost: wide(),
            rtp_jitter_us: wide(),
        };
        let (forward, reverse) = (side(), side());
        record.quality = Some(Box::new(Quality {
            connect_client_us: Some(wide()),
            connect_server_us: Some(wide()),
            response: Delays {
                count: wide(),
                total_us: u64::from(wide()) << 32 | u64::from(wide()),
                max_us: wide(),
            },
            forward,
            reverse,
        }));
        let mut details = Details::default();
        if texts {
            DetailKey::ALL
                .iter()
                .for_each(|key| details.set(*key, &format!("{:x}", wide())));
        }
        record.l7 = Some(Box::new(L7 {
            host: Some(format!("{:x}", wide()).into()),
            details,
            ..L7::default()
        }));
        builder.push(&record).unwrap();
        records.push(record);
    }
    assert!(matches!(builder.push(&full), Err(BlockError::Full(_))));
    let block = builder.finish().unwrap();
    let octets = block.bytes().len();
    // Texts fill their own room first.
    let least = Block::BYTES_MAX / if texts { 4 } else { 2 };
    assert!(octets <= Block::BYTES_MAX && octets > least, "{octets}");
    assert!(block.records().unwrap() == records);
}

#[test]
fn texts_fill_a_block_before_it_is_too_large() {
    let mut record = sample(1).remove(0);
    let mut builder = BlockBuilder::new();
    let mut records = Vec::new();
    while !builder.is_full() {
        let mut details = Details::default();
        let said = |n: usize| format!("{:07}{}", records.len(), "é".repeat(n));
        details.set(DetailKey::Path, &said(124));
        record.l7 = Some(Box::new(L7 {
            host: Some(said(60).into()),
            details,
            ..L7::default()
        }));
        builder.push(&record).unwrap();
        records.push(record.clone());
    }
    assert!(
        records.len() > 10_000 && records.len() < Block::RECORDS_MAX,
        "{}",
        records.len()
    );
    let block = builder.finish().unwrap();
    assert!(block.records().unwrap() == records);
    // Hardly any text is said twice, and it is stored once.
    assert!(block.bytes().len() < 2_000_000, "{}", block.bytes().len());
}

#[test]
fn enterprise_fields_fill_a_block_before_it_is_too_large() {
    let mut record = sample(1).remove(0);
    let mut export = Exported::default();
    while export.enterprise.push(9, 1, &[7; 200]) {}
    record.export = Some(Box::new(export));
    let mut builder = BlockBuilder::new();
    while !builder.is_full() {
        builder.push(&record).unwrap();
    }
    let pushed = builder.len();
    assert!(pushed > 1_000 && pushed < Block::RECORDS_MAX, "{pushed}");
    assert_eq!(builder.push(&record), Err(BlockError::Full(pushed)));
    let block = builder.finish().unwrap();
    assert!(block.records().unwrap() == vec![record; pushed]);
}

#[test]
fn a_header_cannot_make_the_reader_allocate() {
    for at in [8, 12, 16] {
        let mut bytes = Block::encode(&sample(3)).unwrap().into_bytes();
        bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(Block::parse(resealed(bytes)).is_err());
    }
    let mut bytes = Block::encode(&sample(3)).unwrap().into_bytes();
    bytes[8..12].copy_from_slice(&65_000u32.to_le_bytes());
    // The planes are too short for so many.
    assert_eq!(Block::parse(resealed(bytes)), Err(BlockError::Contents("directory")));
}

#[test]
fn a_column_of_a_later_release_is_stepped_over_and_verified() {
    let records = sample(5);
    let block = Block::encode(&records).unwrap();
    let mut directory = block.bytes()[HEADER..block.head.body].to_vec();
    let mut body = block.bytes()[block.head.body..].to_vec();
    body.extend_from_slice(b"new");
    directory.extend_from_slice(&[250, 2, 3]);
    directory.extend_from_slice(&crc32fast::hash(b"new").to_le_bytes());
    directory.extend_from_slice(&[9, 9]);
    let head = &block.head;
    let spans = [head.min_start, head.max_start, head.min_end, head.max_end];
    let mut bytes = Head::write(head.count, spans, &directory, &body).unwrap();
    assert_eq!(Block::parse(bytes.clone()).unwrap().records().unwrap(), records);
    *bytes.last_mut().unwrap() ^= 1;
    assert!(matches!(Block::parse(bytes), Err(BlockError::Checksum { .. })));
}

#[test]
fn the_format_stays_what_it_is() {
    let golden = include_bytes!("golden.block");
    let block = Block::parse(golden.to_vec()).unwrap();
    assert!(block.records().unwrap() == golden_records());
    let block = block.view();
    assert!(block.address_filter().unwrap().is_some() && block.flow_filter().unwrap().is_some());
    assert_filters_know(&block, &golden_records());
}

#[test]
fn a_block_without_filters_is_read_and_may_have_anything() {
    let golden = include_bytes!("golden-without-filters.block");
    let block = Block::parse(golden.to_vec()).unwrap();
    assert!(block.records().unwrap() == golden_records());
    let block = block.view();
    assert!(block.address_filter().unwrap().is_none() && block.flow_filter().unwrap().is_none());
    assert_eq!(
        (block.may_have_address(1), block.may_have_flow(2)),
        (Ok(true), Ok(true))
    );
}

/// The filters have every record, the hashes are those of the records, and what is not there is mostly denied.
fn assert_filters_know(block: &BlockRef<'_>, records: &[FlowRecord]) {
    for record in records {
        for address in [record.src_ip, record.dst_ip] {
            assert_eq!(block.may_have_address(address_hash(address)), Ok(true));
        }
        assert_eq!(block.may_have_flow(flow_of(record)), Ok(true));
    }
    let mut hashes = BlockHashes::new();
    hashes.read(block, &mut Unpacker::new()).unwrap();
    assert!(hashes.flows().iter().copied().eq(records.iter().map(flow_of)));
    let found: HashSet<u64> = hashes.addresses().iter().copied().collect();
    assert_eq!(found.len(), hashes.addresses().len());
    assert!(
        records
            .iter()
            .all(|r| found.contains(&address_hash(r.src_ip)) && found.contains(&address_hash(r.dst_ip)))
    );
}

fn flow_of(record: &FlowRecord) -> u64 {
    flow_hash(
        record.dst_ip,
        record.src_ip,
        record.dst_port,
        record.src_port,
        record.protocol,
    )
}

#[test]
fn an_outline_says_where_columns_lie() {
    let block = Block::encode(&served(2_000)).unwrap();
    let begin = BlockOutline::needs(&block.bytes()[..BlockOutline::BEGIN]).unwrap();
    assert_eq!(BlockOutline::needs(&block.bytes()[..BlockOutline::BEGIN - 1]), None);
    assert!(BlockOutline::read(&block.bytes()[..begin - 1]).is_err());
    let outline = BlockOutline::read(&block.bytes()[..begin]).unwrap();
    assert_eq!(outline.len(), block.bytes().len());
    // It follows from the source's address.
    let fields = [Field::SrcAs, Field::Host];
    let places = outline.places(&fields, true);
    let mut spoilt = block.bytes().to_vec();
    for (at, octet) in spoilt.iter_mut().enumerate().skip(begin) {
        *octet ^= u8::from(!places.iter().any(|place| place.contains(&at)));
    }
    let read = BlockRef::open(&spoilt).unwrap();
    let (mut unpacker, mut found, mut expected) = (Unpacker::new(), Values::default(), Values::default());
    for field in fields {
        unpacker.unpack(&read.column(field).unwrap(), &mut found).unwrap();
        unpacker.unpack(&block.column(field).unwrap(), &mut expected).unwrap();
        assert!(
            (0..block.len()).all(|at| found.get(at) == expected.get(at)),
            "{field:?}"
        );
    }
    assert!(read.address_filter().unwrap().is_some() && read.flow_filter().unwrap().is_some());
    assert!(read.records().is_err());
    let without = outline.places(&fields, false);
    let octets = |places: &[std::ops::Range<usize>]| places.iter().map(ExactSizeIterator::len).sum::<usize>();
    assert!(octets(&without) < octets(&places) && octets(&places) < block.bytes().len() / 4);
}

#[test]
fn a_filter_of_a_kind_that_is_not_known_is_stepped_over_and_one_that_lies_is_refused() {
    let block = Block::encode(&sample(5)).unwrap();
    let bytes = block.bytes();
    // The entry: number, octets of the rest, octets in the body, their checksum, kind, seed, bits, segments.
    let at = (HEADER..block.head.body)
        .rfind(|at| bytes[*at] == 240 && bytes[at + 1] == 11)
        .unwrap();
    let mut other = bytes.to_vec();
    other[at + 7] = 4;
    let other = resealed(other);
    let read = BlockRef::open(&other).unwrap();
    assert!(read.address_filter().unwrap().is_none() && read.flow_filter().unwrap().is_some());
    assert!(Block::parse(other.clone()).is_ok());
    for place in [16, 17] {
        let mut wrong = bytes.to_vec();
        wrong[at + place] ^= 1;
        assert_eq!(Block::parse(resealed(wrong)), Err(BlockError::Contents("directory")));
    }
}

#[test]
fn the_format_of_layer_7_and_quality_stays_what_it_is() {
    let golden = include_bytes!("golden-with-layer-7.block");
    let block = Block::parse(golden.to_vec()).unwrap();
    assert!(block.records().unwrap() == served(600));
    assert_filters_know(&block.view(), &served(600));
}

/// What the golden block was made of, by `Block::encode`.
fn golden_records() -> Vec<FlowRecord> {
    let mut records = sample(20);
    records.extend(varied(200));
    records.extend(routed(400));
    records
}
