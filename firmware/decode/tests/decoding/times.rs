//! Starts and ends by every clock that the RFCs allow.

use decode::craft::{Ipfix, Set, V5, V5Record, V9, record};
use model::Timestamp;

use crate::{Bench, SECS, be, fields, ipfix, v9};

const MILLI: u64 = 1_000_000;
const NTP_1970: u64 = 2_208_988_800;

fn at(secs: u64, nanos: u64) -> Timestamp {
    Timestamp::from_nanos(secs * 1_000_000_000 + nanos)
}

/// Start and end of a record with these fields behind an address.
fn times(send: impl Fn(&mut Bench, &[Set]), clocks: &[(u16, usize, u64)]) -> (Timestamp, Timestamp) {
    let mut specs = fields(&[(8, 4), (1, 4)]);
    let mut values = vec![vec![10, 0, 0, 1], be(100, 4)];
    for (number, length, value) in clocks {
        specs.extend(fields(&[(*number, u16::try_from(*length).expect("a length"))]));
        values.push(be(*value, *length));
    }
    let data = record(&specs, &values);
    let mut bench = Bench::new();
    send(&mut bench, &[Set::Template(256, specs), Set::Data(256, vec![data])]);
    (bench.flow().start, bench.flow().end)
}

fn by_ipfix(clocks: &[(u16, usize, u64)]) -> (Timestamp, Timestamp) {
    times(|bench, sets| bench.ipfix(ipfix(0), sets), clocks)
}

#[test]
fn absolute_clocks() {
    let s = u64::from(SECS) - 100;
    assert_eq!(by_ipfix(&[(150, 4, s), (151, 4, s + 9)]), (at(s, 0), at(s + 9, 0)));
    let ms = s * 1_000 + 250;
    assert_eq!(
        by_ipfix(&[(152, 8, ms), (153, 8, ms + 9)]),
        (at(s, 250 * MILLI), at(s, 259 * MILLI))
    );
    let half = (s + NTP_1970) << 32 | 1 << 31;
    let quarter = half + (1 << 30);
    for clocks in [(154, 155), (156, 157)] {
        let got = by_ipfix(&[(clocks.0, 8, half), (clocks.1, 8, quarter)]);
        assert_eq!(got, (at(s, 500 * MILLI), at(s, 750 * MILLI)));
    }
    // Microseconds before the export.
    let export = u64::from(SECS);
    let got = by_ipfix(&[(158, 4, 2_000_000), (159, 4, 500)]);
    assert_eq!(got, (at(export - 2, 0), at(export - 1, 999_500_000)));
}

#[test]
fn the_finest_clock_counts() {
    let s = u64::from(SECS) - 100;
    let got = by_ipfix(&[
        (150, 4, s),
        (152, 8, s * 1_000 + 1),
        (151, 4, s + 1),
        (153, 8, s * 1_000 + 500),
    ]);
    assert_eq!(got, (at(s, MILLI), at(s, 500 * MILLI)));
}

#[test]
fn durations_and_events_fill_in() {
    let s = u64::from(SECS) - 100;
    assert_eq!(
        by_ipfix(&[(150, 4, s), (161, 4, 1_500)]),
        (at(s, 0), at(s + 1, 500 * MILLI))
    );
    assert_eq!(by_ipfix(&[(151, 4, s), (162, 4, 2_000_000)]), (at(s - 2, 0), at(s, 0)));
    assert_eq!(
        by_ipfix(&[(323, 8, s * 1_000 + 7)]),
        (at(s, 7 * MILLI), at(s, 7 * MILLI))
    );
    assert_eq!(by_ipfix(&[(322, 4, s), (161, 4, 1_000)]), (at(s - 1, 0), at(s, 0)));
    // An event of ASA's: when the flow was created, and when this happened.
    let got = by_ipfix(&[(152, 8, s * 1_000), (323, 8, s * 1_000 + 3)]);
    assert_eq!(got, (at(s, 0), at(s, 3 * MILLI)));
    let export = at(SECS.into(), 0);
    assert_eq!(by_ipfix(&[]), (export, export), "nothing is said");
    assert_eq!(
        by_ipfix(&[(152, 8, 0), (153, 8, 0)]),
        (export, export),
        "zeros say nothing"
    );
    assert_eq!(
        by_ipfix(&[(150, 4, s + 5), (151, 4, s)]),
        (at(s, 0), at(s, 0)),
        "an end before the start"
    );
}

#[test]
fn uptimes_count_from_the_header_s_and_wrap() {
    let by_v9 = |uptime: u32, first: u64, last: u64| {
        times(
            |bench, sets| bench.v9(V9 { uptime, ..v9(0) }, sets),
            &[(22, 4, first), (21, 4, last)],
        )
    };
    let s = u64::from(SECS);
    assert_eq!(
        by_v9(3_600_000, 3_590_000, 3_599_250),
        (at(s - 10, 0), at(s - 1, 250 * MILLI))
    );
    // The uptime passed 2³² ms between the flow and its export.
    let before = u64::from(u32::MAX) - 999;
    assert_eq!(by_v9(4_000, before, 1_000), (at(s - 5, 0), at(s - 3, 0)));
    // The flow's clock was read after the header's.
    assert_eq!(by_v9(1_000, 500, 1_200), (at(s - 1, 500 * MILLI), at(s, 200 * MILLI)));
}

#[test]
fn uptimes_of_ipfix_count_from_the_exporter_s_start() {
    // The start 100 days before: the uptime wrapped twice.
    let s = u64::from(SECS);
    let start = (s - 100 * 86_400) * 1_000 + 123;
    let uptime = s * 1_000 - start;
    let wrapped = |ago: u64| (uptime - ago) & u64::from(u32::MAX);
    let got = by_ipfix(&[(160, 8, start), (22, 4, wrapped(5_000)), (21, 4, wrapped(2_000))]);
    assert_eq!(got, (at(s - 5, 0), at(s - 2, 0)));
    // From nowhere: the flow ends with its export.
    let got = by_ipfix(&[(22, 4, 5_000), (21, 4, 8_000)]);
    assert_eq!(got, (at(s - 3, 0), at(s, 0)));
    let got = times(
        |bench, sets| {
            let options = fields(&[(149, 4), (160, 8)]);
            let boot = record(&options, &[be(7, 4), be(start, 8)]);
            bench.ipfix(ipfix(0), &[Set::Options(300, 1, options), Set::Data(300, vec![boot])]);
            bench.ipfix(
                Ipfix {
                    sequence: 1,
                    ..ipfix(1)
                },
                sets,
            );
        },
        &[(22, 4, wrapped(5_000)), (21, 4, wrapped(2_000))],
    );
    assert_eq!(got, (at(s - 5, 0), at(s - 2, 0)));
}

#[test]
fn version_5_has_nanoseconds_in_its_header() {
    let mut bench = Bench::new();
    let header = V5 {
        uptime: 100_000,
        secs: SECS,
        nanos: 500_000_000,
        ..V5::default()
    };
    bench.send(&header.datagram(&[V5Record {
        first: 90_000,
        last: 99_500,
        ..V5Record::default()
    }]));
    let s = u64::from(SECS);
    assert_eq!(
        (bench.flow().start, bench.flow().end),
        (at(s - 10, 500 * MILLI), at(s, 0))
    );
}
