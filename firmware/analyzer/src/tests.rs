//! The sockets' two ends: what collectors send comes back in answers, and what nobody may send hurts nobody.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use api::analyzer::{
    AnalyzerRequest, DeviceQuery, GaugeSeriesQuery, InterfaceSeriesQuery, InterfaceTopQuery, InterfacesQuery,
    LinksQuery, LogsQuery, RecordsQuery, Scope, SeriesQuery, StatusQuery, TopQuery,
};
use api::client::Client;
use api::frame;
use api::ingest::{self, BatchId, LinkInfo, LinkKind, Message, Receipt};
use model::{
    App, Block, CounterSource, Counters, DeviceFacts, Dimension, Direction, EndReason, Exported, FlowDelta, FlowRecord,
    Gauge, GaugeKind, InterfaceDetail, InterfaceFacts, InterfaceId, InterfaceMinute, LinkId, LogBlock, LogRecord,
    LogSource, Severity, SystemFacts, Timestamp,
};
use serde_json::Value;
use service::Workers;
use store::{Folder, Keep, Store};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use crate::links::Links;
use crate::live::Live;
use crate::recent::Recent;
use crate::writer::{self, Shared, now};
use crate::{Readers, answer, ingest as served};

const R1: LinkId = LinkId::of_exporter(1);
const UPLINK: InterfaceId = InterfaceId { exporter: R1, index: 7 };

/// What the analyzer's parts share, with nothing in it but what the store has.
pub(crate) fn shared(store: Store, folder: &Path) -> Arc<Shared> {
    let (live, recent, links) = (Live::new(now()), Recent::default(), Links::default());
    Arc::new(Shared::new(store, folder, live, recent, links))
}

/// An analyzer on a folder of its own.
struct Desk {
    shared: Arc<Shared>,
    folder: tempfile::TempDir,
    readers: Readers,
}

impl Desk {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Arc::new(Folder::open(folder.path()).unwrap()), Keep::default(), now()).unwrap();
        let shared = shared(store, folder.path());
        let (jobs, queue) = mpsc::channel(writer::QUEUE);
        let turns = Workers::default().add("writer");
        let writing = shared.clone();
        // Ends when the connections' task does.
        std::thread::spawn(move || writer::run(&writing, queue, &turns));
        let listener = UnixListener::bind(folder.path().join("ingest.sock")).unwrap();
        tokio::spawn(served::serve(listener, shared.clone(), jobs));
        Self {
            shared,
            folder,
            readers: Readers::new(),
        }
    }

    async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.folder.path().join("ingest.sock"))
            .await
            .unwrap()
    }

    async fn ask(&self, request: impl Into<AnalyzerRequest>) -> Value {
        let answered = answer(
            request.into(),
            self.shared.clone(),
            self.readers.clone(),
            Client::new(self.folder.path()),
        )
        .await;
        answered.unwrap_or_else(|e| panic!("{e}"))
    }
}

async fn send(stream: &mut UnixStream, message: &Message) {
    frame::write(stream, &ingest::encode(message).unwrap()).await.unwrap();
}

async fn receipt(stream: &mut UnixStream) -> Receipt {
    let body = frame::read(stream).await.unwrap().expect("a receipt");
    ingest::decode(&body).unwrap()
}

const fn id(sequence: u64) -> BatchId {
    BatchId { epoch: 1, sequence }
}

fn hello() -> Message {
    Message::Hello {
        version: ingest::VERSION,
        links: vec![LinkInfo {
            id: R1,
            kind: LinkKind::Exporter,
            name: "r1".to_owned(),
            label: String::new(),
            capacity_bps: Some(10_000),
            up: true,
        }],
    }
}

fn record(start: Timestamp, host: u8, ingress: u32, egress: u32, bytes: u64) -> FlowRecord {
    FlowRecord {
        link: R1,
        start,
        end: start.plus_nanos(1_000_000_000),
        src_ip: Ipv4Addr::new(10, 0, 0, host).into(),
        dst_ip: Ipv4Addr::new(192, 0, 2, 1).into(),
        src_port: 1_024,
        dst_port: 443,
        protocol: 6,
        vlan: None,
        vlan_inner: None,
        src_mac: None,
        dst_mac: None,
        packets: 1,
        bytes,
        packets_rev: 0,
        bytes_rev: 0,
        tcp_flags: 2,
        tcp_flags_rev: 0,
        icmp: None,
        icmp_rev: None,
        tos: 0,
        app: App::UNKNOWN,
        direction: Direction::Out,
        end_reason: EndReason::Idle,
        export: Some(Box::new(Exported {
            ingress_if: Some(ingress),
            egress_if: Some(egress),
            ..Exported::default()
        })),
        l7: None,
        quality: None,
    }
}

fn minute(start: Timestamp, source: CounterSource, bytes: u64) -> InterfaceMinute {
    InterfaceMinute {
        interface: UPLINK,
        start,
        source,
        seconds: 60,
        inbound: Counters { packets: 2, bytes },
        outbound: Counters { packets: 1, bytes: 60 },
        detail: InterfaceDetail {
            in_errors: Some(3),
            ..InterfaceDetail::default()
        },
    }
}

fn window(start: Timestamp, bytes: u64) -> model::Window {
    let mut builder = aggregate::WindowBuilder::new(R1, start, 60);
    builder.observe_exported(&FlowDelta {
        src_ip: Ipv4Addr::new(10, 0, 0, 1).into(),
        dst_ip: Ipv4Addr::new(192, 0, 2, 1).into(),
        protocol: 6,
        app: App::UNKNOWN,
        direction: Direction::Out,
        forward: Counters { packets: 1, bytes },
        reverse: Counters::default(),
    });
    builder.close()
}

/// A batch of each kind, with numbers from 1.
fn batches(base: Timestamp) -> Vec<Message> {
    let at = |s: u64| base.plus_nanos(s * 1_000_000_000);
    let facts = DeviceFacts {
        system: Some(SystemFacts {
            name: "r1".to_owned(),
            ..SystemFacts::default()
        }),
        interfaces: Some(vec![InterfaceFacts {
            index: 7,
            name: "uplink".to_owned(),
            speed_bps: Some(8_000),
            limits: [None, Some(50), None, None],
            ..InterfaceFacts::default()
        }]),
        ..DeviceFacts::default()
    };
    let gauge = |s, value| Gauge {
        exporter: R1,
        at: at(s),
        kind: GaugeKind::Cpu,
        name: "cpu 1".to_owned(),
        value,
        ok: None,
    };
    let log = LogRecord {
        time: at(10),
        received: at(11),
        exporter: R1,
        peer: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)),
        source: LogSource::Syslog,
        severity: Severity::Warning,
        facility: 23,
        host: "r1".to_owned(),
        app: "ifmgr".to_owned(),
        pid: String::new(),
        code: "LINK_DOWN".to_owned(),
        text: "uplink is down".to_owned(),
        data: String::new(),
    };
    let records = [
        record(at(1), 1, 7, 3, 100),
        record(at(2), 2, 3, 7, 50),
        record(at(3), 3, 1, 2, 9),
    ];
    vec![
        Message::Block {
            id: id(1),
            bytes: Block::encode(&records).unwrap().into_bytes(),
        },
        Message::Windows {
            id: id(2),
            windows: vec![window(base, 100), window(at(60), 75)],
        },
        Message::Windows {
            id: id(3),
            windows: vec![window(base, 59)],
        },
        Message::Interfaces {
            id: id(4),
            minutes: vec![
                minute(base, CounterSource::Flow, 150),
                minute(base, CounterSource::Snmp, 180),
                minute(at(60), CounterSource::Snmp, 6_000),
            ],
        },
        Message::Gauges {
            id: id(5),
            gauges: vec![gauge(5, 0.25), gauge(35, 0.75)],
        },
        Message::Devices {
            id: id(6),
            devices: vec![(R1, facts)],
        },
        Message::Logs {
            id: id(7),
            bytes: LogBlock::encode(&[log]).unwrap().remove(0).into_bytes(),
        },
    ]
}

/// Times as seconds after `base`, so that answers are the same whenever they are asked for.
fn relative(value: Value, base: Timestamp) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(|v| relative(v, base)).collect(),
        Value::Object(map) => map.into_iter().map(|(k, v)| (k, relative(v, base))).collect(),
        Value::Number(n) => match n.as_u64() {
            Some(nanos) if nanos > 1_000_000_000_000_000_000 => {
                let after = Timestamp::from_nanos(nanos).nanos_since(base);
                Value::String(format!("base + {} ms", after / 1_000_000))
            }
            _ => Value::Number(n),
        },
        other => other,
    }
}

#[tokio::test]
async fn what_a_collector_sends_comes_back_in_answers() {
    let desk = Desk::open();
    let base = Timestamp::from_secs(now().as_secs() / 3_600 * 3_600 - 7_200);
    let to = Some(base.plus_nanos(600_000_000_000));
    let batches = batches(base);
    let mut stream = desk.connect().await;
    send(&mut stream, &hello()).await;
    for round in 0..2 {
        for message in &batches {
            send(&mut stream, message).await;
        }
        for sequence in 1..=batches.len() as u64 {
            assert_eq!(
                receipt(&mut stream).await,
                Receipt::Stored { id: id(sequence) },
                "round {round}"
            );
        }
    }
    let status = desk.ask(StatusQuery {}).await;
    assert_eq!(
        (&status["records"], &status["duplicates"]),
        (&Value::from(3), &Value::from(7))
    );

    let mut answers = serde_json::Map::new();
    let mut keep = |name: &str, value| answers.insert(name.to_owned(), relative(value, base));
    for (name, scope) in [
        ("series", Scope::Link(R1)),
        ("series of all exporters", Scope::Exporters),
    ] {
        let query = SeriesQuery {
            scope,
            from: base,
            to,
            step_s: 1,
        };
        keep(name, desk.ask(query).await);
    }
    let query = TopQuery {
        by: Dimension::Host,
        scope: Scope::Exporters,
        from: base,
        to,
        limit: 1,
    };
    keep("top", desk.ask(query).await);
    let query = SeriesQuery {
        scope: Scope::Ports,
        from: base,
        to,
        step_s: 60,
    };
    keep("series of ports", desk.ask(query).await);
    let query = RecordsQuery {
        from: base,
        to,
        limit: 10,
        scope: None,
        interface: Some(UPLINK),
    };
    let records = desk.ask(query).await;
    assert_eq!(records["records"].as_array().unwrap().len(), 2);
    let query = InterfaceSeriesQuery {
        interface: UPLINK,
        from: base,
        to,
        step_s: 120,
    };
    keep("interface series", desk.ask(query).await);
    let query = InterfaceTopQuery {
        interface: UPLINK,
        by: Dimension::Host,
        from: base,
        to,
        limit: 2,
    };
    keep("interface top", desk.ask(query).await);
    let query = GaugeSeriesQuery {
        exporter: R1,
        kind: GaugeKind::Cpu,
        name: None,
        from: base,
        to,
        step_s: 60,
    };
    keep("gauge series", desk.ask(query).await);
    let query = LogsQuery {
        from: base,
        to,
        exporters: vec![R1],
        severity: Some(Severity::Error),
        limit: 10,
        ..LogsQuery::default()
    };
    keep("logs that are too mild", desk.ask(query.clone()).await);
    let query = LogsQuery {
        severity: None,
        keywords: vec!["UPLINK".to_owned(), "down".to_owned()],
        ..query
    };
    keep("logs", desk.ask(query).await);
    keep("interfaces", desk.ask(InterfacesQuery { exporter: Some(R1) }).await);
    let mut device = desk.ask(DeviceQuery { exporter: R1 }).await;
    assert!(device["at"].is_u64(), "{device}");
    device["at"] = Value::Null;
    keep("device", device);
    let mut links = desk.ask(LinksQuery {}).await;
    assert_eq!(links[0]["removed"], Value::from(false));
    keep("links", links.clone());

    let answers = Value::Object(answers);
    let golden: Value = serde_json::from_str(include_str!("tests/answers.json")).unwrap();
    assert!(answers == golden, "the answers are now:\n{answers}");

    // The exporter goes; its name stays with what was stored.
    let gone = Message::Hello {
        version: ingest::VERSION,
        links: Vec::new(),
    };
    send(&mut stream, &gone).await;
    send(&mut stream, batches.first().unwrap()).await;
    receipt(&mut stream).await;
    links = desk.ask(LinksQuery {}).await;
    assert_eq!(
        (&links[0]["removed"], &links[0]["info"]["name"]),
        (&Value::from(true), &Value::from("r1"))
    );
    let query = SeriesQuery {
        scope: Scope::Link(R1),
        from: base,
        to,
        step_s: 60,
    };
    assert_eq!(desk.ask(query).await["points"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_nobody_may_send_hurts_nobody() {
    let desk = Desk::open();
    let base = Timestamp::from_secs(now().as_secs() / 60 * 60 - 600);
    // Damaged blocks are refused, and the connection goes on.
    let mut stream = desk.connect().await;
    send(&mut stream, &hello()).await;
    for message in batches(base) {
        let (bad, sequence) = match message {
            Message::Block { id, mut bytes } => {
                *bytes.last_mut().unwrap() ^= 1;
                (Message::Block { id, bytes }, id)
            }
            Message::Logs { id, mut bytes } => {
                *bytes.last_mut().unwrap() ^= 1;
                (Message::Logs { id, bytes }, id)
            }
            Message::Windows { id, mut windows } => {
                windows[0].seconds = 3_600;
                (Message::Windows { id, windows }, id)
            }
            Message::Interfaces { id, mut minutes } => {
                minutes[0].seconds = 200;
                (Message::Interfaces { id, minutes }, id)
            }
            _ => continue,
        };
        send(&mut stream, &bad).await;
        let got = receipt(&mut stream).await;
        assert!(
            matches!(&got, Receipt::Refused { id, .. } if *id == sequence),
            "{got:?}"
        );
    }
    // Counts that cannot be added.
    let mut heavy = window(base, u64::MAX);
    heavy.counters.broadcast = Some(u64::MAX);
    heavy.counters.malformed = Some([u64::MAX; 8]);
    heavy.counters.drops.ring = u64::MAX;
    let twice = Message::Windows {
        id: id(50),
        windows: vec![heavy.clone(), heavy],
    };
    send(&mut stream, &twice).await;
    assert_eq!(receipt(&mut stream).await, Receipt::Stored { id: id(50) });
    let mut most = minute(base, CounterSource::Snmp, u64::MAX);
    most.detail.in_errors = Some(u64::MAX);
    let twice = Message::Interfaces {
        id: id(51),
        minutes: vec![most.clone(), most],
    };
    send(&mut stream, &twice).await;
    assert_eq!(receipt(&mut stream).await, Receipt::Stored { id: id(51) });

    // Any octets at all end the connection, and nothing else: each message cut and bent.
    for message in batches(base).iter().chain([&hello()]) {
        let whole = ingest::encode(message).unwrap();
        for at in (0..whole.len()).step_by(whole.len() / 24 + 1) {
            let mut bent = whole.clone();
            bent[at] = bent[at].wrapping_add(0x81);
            for octets in [&whole[..at], bent.as_slice()] {
                let mut stream = desk.connect().await;
                send(&mut stream, &hello()).await;
                frame::write(&mut stream, octets).await.unwrap();
            }
        }
    }
    // The analyzer still stores and answers.
    let mut stream = desk.connect().await;
    send(&mut stream, &hello()).await;
    let sound = Message::Windows {
        id: id(99),
        windows: vec![window(base, 1)],
    };
    send(&mut stream, &sound).await;
    assert_eq!(receipt(&mut stream).await, Receipt::Stored { id: id(99) });
    desk.ask(StatusQuery {}).await;
    desk.ask(InterfacesQuery::default()).await;
}

#[tokio::test]
async fn alarms_wait_for_no_question() {
    use api::alarms::{AcknowledgeAlarm, HardwareReport};

    let readers = Readers::new();
    let places = u32::try_from(crate::READERS).unwrap();
    // as many long questions as are read at a time
    let _reading = readers.all.clone().acquire_many_owned(places).await.unwrap();
    let at_once = async |request: AnalyzerRequest| {
        tokio::select! {
            biased;
            place = readers.place(&request) => place,
            () = std::future::ready(()) => None,
        }
    };
    assert!(at_once(StatusQuery {}.into()).await.is_none(), "a question more waits");
    let report = || HardwareReport {
        run: 1,
        at: Timestamp::EPOCH,
        edges_so_far: 0,
        edges: Vec::new(),
        open: Vec::new(),
    };
    let place = at_once(report().into()).await;
    assert!(place.is_some(), "a report does not wait");
    assert!(at_once(report().into()).await.is_none(), "one change at a time");
    drop(place);
    let seen = AcknowledgeAlarm {
        id: 1,
        user: "mei".to_owned(),
    };
    assert!(at_once(seen.into()).await.is_some(), "nor does who has seen an alarm");
}
