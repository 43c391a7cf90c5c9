use model::{App, Business, Direction, EndReason, KeyValue, LinkId, Measure, Read, SeriesRow, TopRow};

use super::*;

fn query(ask: Ask) -> model::Query {
    model::Query {
        from: Timestamp::EPOCH,
        to: None,
        scope: None,
        filter: String::new(),
        ask,
        timeout_ms: 1,
    }
}

fn answer(found: Found) -> Answer {
    Answer {
        from: Timestamp::EPOCH,
        to: Timestamp::from_secs(60),
        filter: String::new(),
        found,
        read: Read::default(),
        complete: true,
        exact: true,
        notes: Vec::new(),
    }
}

fn file(ask: Ask, found: Found, kind: FileKind) -> String {
    let labels = Labels::new(
        [],
        [],
        model::Objects {
            businesses: [(
                4,
                Business {
                    name: "ERP, \"old\"".to_owned(),
                    endpoints: Vec::new(),
                },
            )]
            .into(),
            ..model::Objects::default()
        },
    );
    let (query, answer) = (query(ask), answer(found));
    Sheet::new(&query, &answer, &labels).lines(kind).collect()
}

fn of(bytes: u64) -> Sums {
    Sums {
        flows: 1,
        packets: 2,
        bytes,
        ..Sums::default()
    }
}

#[test]
fn groups_have_their_keys_names_and_what_they_had_before() {
    let ask = Ask::Top {
        by: vec![model::Key::Business, model::Key::SrcIp],
        measure: Measure::P95,
        limit: 10,
        ascending: false,
        compare: true,
        quality: false,
    };
    let address = KeyValue::Address("10.0.0.1".parse().unwrap());
    let row = |value, before| TopRow {
        values: vec![value, address.clone()],
        sums: of(7),
        p95_bps: Some(1.5),
        before,
        quality: None,
    };
    let found = Found::Top {
        rows: vec![row(KeyValue::Object(4), Some(of(9))), row(KeyValue::None, None)],
        total: of(14),
        before: Some(of(9)),
        groups: 2,
        quality: None,
    };
    assert_eq!(
        file(ask.clone(), found.clone(), FileKind::Csv),
        "\u{feff}business,src_ip,flows,packets,bytes,packets_rev,bytes_rev,p95_bps,\
         before_flows,before_packets,before_bytes,before_packets_rev,before_bytes_rev\r\n\
         \"ERP, \"\"old\"\"\",10.0.0.1,1,2,7,0,0,1.5,1,2,9,0,0\r\n\
         ,10.0.0.1,1,2,7,0,0,1.5,,,,,\r\n"
    );
    let json: Value = serde_json::from_str(&file(ask, found, FileKind::Json)).unwrap();
    assert_eq!(json[0]["business"], "ERP, \"old\"");
    assert_eq!(
        (&json[0]["before_bytes"], &json[1]["before_bytes"]),
        (&Value::from(9), &Value::Null)
    );
}

#[test]
fn a_series_has_a_row_for_each_point() {
    let ask = Ask::Series {
        step_s: Some(60),
        zone_s: 0,
        by: vec![model::Key::Link],
        measure: Measure::Bytes,
        limit: 1,
        compare: false,
        quality: false,
    };
    let line = |values, rest, bytes: [u64; 2]| SeriesRow {
        values,
        rest,
        points: bytes.map(of).to_vec(),
        before: Vec::new(),
        quality: Vec::new(),
    };
    let found = Found::Series {
        step_s: 60,
        at: vec![Timestamp::EPOCH, Timestamp::from_secs(60)],
        series: vec![
            line(vec![KeyValue::Link(LinkId(1))], false, [3, 4]),
            line(Vec::new(), true, [5, 6]),
        ],
    };
    let text = file(ask, found, FileKind::Csv);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(
        lines[0],
        "\u{feff}time,link,rest,flows,packets,bytes,packets_rev,bytes_rev"
    );
    assert_eq!(lines[2], "1970-01-01T00:01:00.000000Z,port 1,false,1,2,4,0,0");
    assert_eq!(lines[3], "1970-01-01T00:00:00.000000Z,,true,1,2,5,0,0");
}

fn sample() -> FlowRecord {
    FlowRecord {
        link: LinkId::of_exporter(2),
        start: Timestamp::EPOCH,
        end: Timestamp::from_nanos(1_500_000_000),
        src_ip: "10.0.0.1".parse().unwrap(),
        dst_ip: "10.0.0.2".parse().unwrap(),
        src_port: 40_000,
        dst_port: 443,
        protocol: 6,
        vlan: Some(7),
        vlan_inner: None,
        src_mac: None,
        dst_mac: None,
        packets: 2,
        bytes: 100,
        packets_rev: 0,
        bytes_rev: 0,
        tcp_flags: 2,
        tcp_flags_rev: 0,
        icmp: None,
        icmp_rev: None,
        tos: 184,
        app: App::UNKNOWN,
        direction: Direction::Out,
        end_reason: EndReason::Idle,
        l7: None,
        quality: None,
        export: Some(Box::new(model::Exported {
            ingress_if: Some(17),
            ..model::Exported::default()
        })),
    }
}

#[test]
fn records_have_a_cell_for_every_column() {
    let record = sample();
    let ask = Ask::Records {
        order: model::Order::End,
        ascending: false,
        offset: 0,
        limit: 10,
    };
    let found = Found::Records {
        records: vec![record],
        apps: vec![App::by_name("https").unwrap()],
        more: false,
    };
    let json: Value = serde_json::from_str(&file(ask.clone(), found.clone(), FileKind::Json)).unwrap();
    let columns = RECORD.len();
    assert_eq!(json[0].as_object().unwrap().len(), columns);
    assert_eq!(
        (
            &json[0]["app"],
            &json[0]["in_if"],
            &json[0]["dscp"],
            &json[0]["duration_s"]
        ),
        (&"https".into(), &"exporter 2:17".into(), &46.into(), &1.5.into())
    );
    let csv = file(ask, found, FileKind::Csv);
    assert!(csv.lines().all(|line| line.split(',').count() == columns), "{csv}");
    let none = file(
        Ask::Totals {
            distinct: Vec::new(),
            compare: false,
            quality: false,
        },
        Found::Totals {
            total: of(1),
            before: None,
            distinct: vec![(model::Key::Host, 3)],
            quality: None,
        },
        FileKind::Json,
    );
    assert_eq!(serde_json::from_str::<Value>(&none).unwrap()[0]["distinct_host"], 3);
}

#[test]
fn quality_has_columns_where_it_was_measured() {
    let ask = Ask::Totals {
        distinct: Vec::new(),
        compare: false,
        quality: true,
    };
    let mut quality = model::QualitySums {
        flows: 2,
        ..model::QualitySums::default()
    };
    quality.response = model::DelaySums {
        count: 3,
        total_us: 10,
        max_us: 7,
    };
    quality.reverse.rtp_lost = 5;
    let found = Found::Totals {
        total: of(1),
        before: None,
        distinct: Vec::new(),
        quality: Some(Box::new(quality)),
    };
    let json: Value = serde_json::from_str(&file(ask, found, FileKind::Json)).unwrap();
    let cell = |name: &str| json[0][name].clone();
    assert_eq!((cell("measured_flows"), cell("rtp_lost_rev")), (2.into(), 5.into()));
    assert_eq!(
        (cell("response_mean_us"), cell("response_max_us")),
        (3.into(), 7.into())
    );
    assert_eq!(
        (cell("connect_server_mean_us"), cell("connect_server_max_us")),
        (Value::Null, Value::Null)
    );
}

#[test]
fn what_flows_said_has_columns_where_one_said_it() {
    let mut record = sample();
    let ask = || Ask::Records {
        order: model::Order::End,
        ascending: false,
        offset: 0,
        limit: 10,
    };
    let mut l7 = model::L7 {
        confidence: model::Confidence::Parsed,
        host: Some("example.com".into()),
        ..model::L7::default()
    };
    l7.details.set(model::DetailKey::Alpn, "h2");
    record.l7 = Some(Box::new(l7));
    record.quality = Some(Box::default());
    let found = Found::Records {
        records: vec![sample(), record],
        apps: vec![App::UNKNOWN; 2],
        more: false,
    };
    let json: Value = serde_json::from_str(&file(ask(), found, FileKind::Json)).unwrap();
    assert_eq!(
        (&json[1]["host"], &json[1]["alpn"]),
        (&"example.com".into(), &"h2".into())
    );
    assert_eq!(
        (&json[1]["confidence"], &json[0]["confidence"]),
        (&"parsed".into(), &Value::Null)
    );
    assert_eq!(
        (&json[1]["retransmitted"], &json[0]["retransmitted"]),
        (&0.into(), &Value::Null)
    );
    assert_eq!(
        (json[1].get("ja4"), json[0]["response_mean_us"].clone()),
        (None, Value::Null)
    );
}
