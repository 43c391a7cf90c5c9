use proptest::prelude::*;

use super::columns::NAMES;
use super::*;
use crate::import::skipped::Skipped;
use crate::import::{csv, json};

fn addresses() -> impl Strategy<Value = (IpAddr, IpAddr)> {
    let four = any::<[[u8; 4]; 2]>().prop_map(|[a, b]| (IpAddr::from(a), IpAddr::from(b)));
    let six = any::<[[u8; 16]; 2]>().prop_map(|[a, b]| (IpAddr::from(a), IpAddr::from(b)));
    prop_oneof![four, six]
}

prop_compose! {
    /// A record with all that `spanwatch flows` prints.
    fn records()(
        (src_ip, dst_ip) in addresses(),
        ports: [u16; 2],
        (protocol, flags) in prop_oneof![Just((6, true)), Just((17, false)), (0..=255_u8, Just(false))],
        tcp_flags: [u8; 2],
        (start, length) in (86_400_000_000_000..u64::MAX / 2, 0..u64::MAX / 4),
        counts in prop::array::uniform4(0..u64::MAX),
        vlan in prop::option::of(0..4_096_u16),
        macs in prop::option::of(any::<[[u8; 6]; 2]>()),
    ) -> FlowRecord {
        let has_ports = matches!(protocol, 6 | 17 | 132);
        let [src_port, dst_port] = if has_ports { ports } else { [0; 2] };
        let [tcp_flags, tcp_flags_rev] = if flags { tcp_flags } else { [0; 2] };
        let [packets, bytes, packets_rev, bytes_rev] = counts;
        let is_over = protocol == 6 && (tcp_flags | tcp_flags_rev) & 5 != 0;
        FlowRecord {
            link: LinkId(1),
            start: Timestamp::from_nanos(start),
            end: Timestamp::from_nanos(start + length),
            src_ip,
            dst_ip,
            src_port,
            dst_port,
            protocol,
            vlan,
            vlan_inner: None,
            src_mac: macs.map(|[mac, _]| MacAddr(mac)),
            dst_mac: macs.map(|[_, mac]| MacAddr(mac)),
            packets,
            bytes,
            packets_rev,
            bytes_rev,
            tcp_flags,
            tcp_flags_rev,
            icmp: None,
            icmp_rev: None,
            tos: 0,
            app: App::by_port(protocol, src_port, dst_port),
            direction: HomeNetworks::private().direction(src_ip, dst_ip),
            end_reason: if is_over { EndReason::EndOfFlow } else { EndReason::Idle },
            export: None,
            l7: None,
            quality: None,
        }
    }
}

type Reader = fn(&mut &[u8], &Around<'_>, &mut Skipped, &mut dyn FnMut(Row, bool) -> Result<bool, &'static str>);

fn read(reader: Reader, mut text: &[u8]) -> (Vec<FlowRecord>, Skipped) {
    let home = HomeNetworks::private();
    let around = Around { zone_s: 0, home: &home };
    let (mut found, mut skipped) = (Vec::new(), Skipped::default());
    reader(&mut text, &around, &mut skipped, &mut |row, exported| {
        found.push(row.record(LinkId(1), exported, &around)?);
        Ok(true)
    });
    (found, skipped)
}

const CSV: Reader = |text, around, skipped, each| csv::read(text, around, skipped, each).unwrap();
const JSON: Reader = |text, around, skipped, each| json::read(text, around, skipped, each).unwrap();

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_flows_prints_is_read_back(records in prop::collection::vec(records(), 1..20)) {
        let (mut as_csv, mut as_json) = (Vec::new(), Vec::new());
        crate::flows::write_csv(&records, &mut as_csv);
        crate::flows::write_json(&records, &mut as_json);
        for (reader, text) in [(CSV, &as_csv), (JSON, &as_json)] {
            let (found, skipped) = read(reader, text);
            prop_assert_eq!(skipped.count(), 0, "{:?}", skipped);
            prop_assert_eq!(&found, &records);
        }
    }

    #[test]
    fn whatever_the_text_reading_ends_without_a_panic(
        text in prop_oneof!["\\PC{0,200}", "[\\[\\]{}:,\"\\\\a-f0-9\n ]{0,200}"],
    ) {
        let header = format!("ts,te,sa,da,sp\n{text}");
        for (reader, text) in [(CSV, &header), (JSON, &text)] {
            let _ = read(reader, text.as_bytes());
        }
    }
}

#[test]
fn times_that_were_cut_are_the_earliest_that_fit() {
    let around = Around {
        zone_s: 0,
        home: &HomeNetworks::private(),
    };
    let times = |first: &str, last: &str, duration: &str| {
        let mut row = Row::default();
        for (column, text) in [
            (Column::First, first),
            (Column::Last, last),
            (Column::Duration, duration),
        ] {
            row.set(column, Datum::Text(text), &around).unwrap();
        }
        let (start, end) = row.times().unwrap();
        (start.to_string(), end.to_string())
    };
    let of = |start: &str, end: &str| (format!("2020-11-13T{start}Z"), format!("2020-11-13T{end}Z"));
    assert_eq!(
        times("2020-11-13 18:21:26", "2020-11-13 18:21:26", "0.097"),
        of("18:21:26.000000", "18:21:26.097000")
    );
    // It ended a second later than the duration alone says: it began late in its second.
    assert_eq!(
        times("2020-11-13 18:21:26", "2020-11-13 18:21:27", "0.111"),
        of("18:21:26.889000", "18:21:27.000000")
    );
    assert_eq!(
        times("2020-11-13 18:21:26.500", "2020-11-13 18:21:27.250", "0.750"),
        of("18:21:26.500000", "18:21:27.250000")
    );
    assert_eq!(
        times("2020-11-13 18:21:26.500", "", "0.750"),
        of("18:21:26.500000", "18:21:27.250000")
    );
}

#[test]
fn names_of_columns_are_known_once() {
    for (place, (name, column)) in NAMES.iter().enumerate() {
        assert_eq!(Column::of(name), *column, "{name}");
        assert!(NAMES.iter().skip(place + 1).all(|(other, _)| other != name), "{name}");
    }
    assert_eq!(
        (Column::of("mpls3"), Column::of("mplsLabel10")),
        (Column::Mpls, Column::Mpls)
    );
    assert_eq!(
        (Column::of("mpls_1"), Column::of("mplsX")),
        (Column::Mpls, Column::Ignored)
    );
    assert_eq!(PROTOCOLS.len(), 138);
    for (text, number) in [("TCP", 6), ("ICMP6", 58), ("ICMPv6", 58), ("17   ", 17), ("SCTP", 132)] {
        assert_eq!(protocol(Datum::Text(text)), Some(number), "{text}");
    }
}
