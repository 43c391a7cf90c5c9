use model::{Business, Direction, EndReason, LinkId, MplsLabels, Objects, Order, Read, SeriesRow, TopRow};
use settings::Language;

use super::*;

fn labels() -> Labels {
    let business = Business {
        name: "办公系统 ERP".to_owned(),
        endpoints: Vec::new(),
    };
    let objects = Objects {
        businesses: [(4, business)].into(),
        ..Objects::default()
    };
    let links = [
        (LinkId(1), "enp0s3".to_owned()),
        (LinkId::of_exporter(1), "核心交换机".to_owned()),
    ];
    Labels::new(links, [], objects)
}

fn sums(flows: u64, packets: u64, bytes: u64, bytes_rev: u64) -> Sums {
    Sums {
        flows,
        packets,
        bytes,
        packets_rev: packets / 2,
        bytes_rev,
    }
}

fn record(second: u64, link: LinkId, src: &str, dst: &str) -> FlowRecord {
    let end = Timestamp::from_nanos(1_795_255_200_000_000_000 + second * 1_001_000_000);
    FlowRecord {
        link,
        start: Timestamp::from_nanos(end.as_nanos() - second * 250_000_000),
        end,
        src_ip: src.parse().unwrap(),
        dst_ip: dst.parse().unwrap(),
        src_port: if second == 3 { 0 } else { 50_000 },
        dst_port: if second == 3 { 0 } else { 443 },
        protocol: if second == 3 { 58 } else { 6 },
        vlan: None,
        vlan_inner: None,
        src_mac: None,
        dst_mac: None,
        packets: 10 * second,
        bytes: 123_456_789 * second,
        packets_rev: 7,
        bytes_rev: 999,
        tcp_flags: 27,
        tcp_flags_rev: 27,
        icmp: None,
        icmp_rev: None,
        tos: 0,
        app: App::by_port(6, 50_000, 443),
        direction: Direction::Out,
        end_reason: EndReason::EndOfFlow,
        export: Some(Box::new(model::Exported {
            mpls: MplsLabels::default(),
            ..model::Exported::default()
        })),
        l7: None,
        quality: None,
    }
}

fn question(ask: Ask) -> Query {
    Query {
        from: Timestamp::from_secs(1_795_255_200),
        to: Some(Timestamp::from_secs(1_795_258_800)),
        scope: None,
        filter: String::new(),
        ask,
        timeout_ms: 1_000,
    }
}

fn answer(found: Found) -> Answer {
    Answer {
        from: Timestamp::from_secs(1_795_255_200),
        to: Timestamp::from_secs(1_795_258_800),
        filter: "proto tcp".to_owned(),
        found,
        read: Read {
            from: AnsweredFrom::Records,
            rollups: 0,
            blocks: 120,
            blocks_skipped: 100,
            records: 1_310_720,
            matched: 4_711,
            bytes: 20_971_520,
            elapsed_ms: 1_234,
        },
        complete: true,
        exact: true,
        notes: Vec::new(),
    }
}

fn answers() -> Vec<(&'static str, Query, Answer, i32)> {
    let records = question(Ask::Records {
        order: Order::End,
        ascending: false,
        offset: 0,
        limit: 3,
    });
    let found = Found::Records {
        records: vec![
            FlowRecord {
                l7: Some(Box::new(model::L7 {
                    host: Some("www.example.com".into()),
                    ..model::L7::default()
                })),
                ..record(1, LinkId(1), "10.0.0.1", "192.0.2.1")
            },
            record(2, LinkId::of_exporter(1), "2001:db8::1", "2001:db8::2"),
            record(3, LinkId(9), "2001:db8::1", "2001:db8::2"),
        ],
        apps: vec![App::by_port(6, 1, 443), App::by_port(6, 1, 22), App::UNKNOWN],
        more: true,
    };
    let by = vec![Key::Business, Key::SrcIp];
    let row = |business, address: &str, sums, p95_bps, before| TopRow {
        values: vec![business, KeyValue::Address(address.parse().unwrap())],
        sums,
        p95_bps,
        before,
        quality: None,
    };
    let top = |measure, compare| {
        question(Ask::Top {
            by: by.clone(),
            measure,
            limit: 2,
            ascending: false,
            compare,
            quality: false,
        })
    };
    let (heavy, light) = (sums(3, 2_000, 2_000_000, 1_000), sums(1, 10, 500_000, 0));
    let rows = |p95, before: fn(Sums) -> Option<Sums>| Found::Top {
        rows: vec![
            row(KeyValue::Object(4), "10.0.0.1", heavy, p95, before(heavy)),
            row(KeyValue::None, "2001:db8::1", light, p95, before(light)),
        ],
        total: sums(7, 4_000, 4_000_000, 2_000),
        before: before(heavy),
        groups: 17,
        quality: None,
    };
    let step = |step_s, by: &[Key]| {
        question(Ask::Series {
            step_s: Some(step_s),
            zone_s: 0,
            by: by.to_vec(),
            measure: Measure::Rate,
            limit: 2,
            compare: false,
            quality: false,
        })
    };
    let at = vec![Timestamp::from_secs(1_795_255_200), Timestamp::from_secs(1_795_257_000)];
    let line = |values, rest, points: [Sums; 2], before: Vec<Sums>| SeriesRow {
        values,
        rest,
        points: points.to_vec(),
        before,
        quality: Vec::new(),
    };
    let app = |name| KeyValue::App(App::by_name(name).unwrap());
    let totals = question(Ask::Totals {
        distinct: vec![Key::SrcIp, Key::DstCountry],
        compare: true,
        quality: false,
    });
    vec![
        ("records", records.clone(), answer(found), 0),
        (
            "no record",
            records,
            answer(Found::Records {
                records: Vec::new(),
                apps: Vec::new(),
                more: false,
            }),
            0,
        ),
        ("top", top(Measure::Bytes, false), answer(rows(None, |_| None)), 0),
        (
            "top, compared",
            top(Measure::Packets, true),
            answer(rows(None, Some)),
            0,
        ),
        (
            "top, 95th percentile",
            top(Measure::P95, false),
            answer(rows(Some(123_456.7), |_| None)),
            0,
        ),
        (
            "series",
            step(1_800, &[]),
            answer(Found::Series {
                step_s: 1_800,
                at: at.clone(),
                series: vec![line(Vec::new(), false, [heavy, Sums::default()], vec![light, heavy])],
            }),
            0,
        ),
        (
            "series, split, in another zone",
            step(1_800, &[Key::App]),
            answer(Found::Series {
                step_s: 1_800,
                at,
                series: vec![
                    line(vec![app("https")], false, [heavy, light], Vec::new()),
                    line(vec![app("unknown")], false, [light, Sums::default()], Vec::new()),
                    line(Vec::new(), true, [Sums::default(), light], Vec::new()),
                ],
            }),
            28_800,
        ),
        (
            "totals",
            totals,
            Answer {
                complete: false,
                exact: false,
                notes: vec!["not everything was read within 1 s".to_owned()],
                ..answer(Found::Totals {
                    total: heavy,
                    before: Some(light),
                    distinct: vec![(Key::SrcIp, 12), (Key::DstCountry, 3)],
                    quality: None,
                })
            },
            -12_600,
        ),
    ]
}

#[test]
fn answers_are_printed_as_these() {
    let labels = labels();
    let mut text = String::new();
    for (name, query, answer, zone_s) in &answers() {
        for language in [Language::English, Language::Chinese] {
            let show = Show(language);
            let answered = Answered {
                query,
                answer,
                labels: &labels,
                zone_s: *zone_s,
            };
            text.push_str(&format!(
                "== {name}\n{}-- \n{}\n",
                show.answer(answered),
                show.footing(answer)
            ));
        }
        text.push_str(&format!(
            "== {name}, json\n{}\n",
            crate::query::json(query, answer, &labels).unwrap()
        ));
    }
    crate::tests::golden("golden/answers.txt", &text);
}
