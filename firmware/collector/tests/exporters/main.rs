//! Crafted datagrams through collector and analyzer as they run on the appliance: what was sent is what is stored, over
//! restarts, and what is dropped is shown.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod craft;
mod lab;

use std::collections::BTreeSet;

use api::analyzer::InterfaceSeriesQuery;
use api::collector::{Protocol, SocketPurpose};
use craft::{Flow, Stream, ipfix, sflow, v5};
use lab::{Lab, now};
use model::{App, Application, CounterSource, Endpoint, FlowRecord, InterfaceId, LinkId, PortRange, Timestamp};

const ONE: LinkId = LinkId::of_exporter(1);

/// Flows of these numbers and no others, once each.
fn check(records: &[FlowRecord], link: LinkId, flows: std::ops::Range<u32>) {
    assert_eq!(records.len(), flows.len());
    let mut left: BTreeSet<u32> = flows.collect();
    for r in records {
        let std::net::IpAddr::V4(src) = r.src_ip else {
            panic!("{r:?}")
        };
        let n = u32::from(src) - Flow(0).src();
        assert!(left.remove(&n), "flow {n} comes twice, or was never sent");
        let flow = Flow(n);
        assert_eq!(
            (r.link, r.packets, r.bytes),
            (link, u64::from(flow.packets()), u64::from(flow.octets()))
        );
        assert_eq!((r.src_port, r.dst_port, r.protocol), (flow.port(), 443, 6));
        let export = r.export.as_ref().unwrap();
        assert_eq!((export.ingress_if, export.egress_if), (Some(3), Some(4)));
        assert_eq!(r.end.nanos_since(r.start), 800_000_000);
    }
}

#[test]
fn every_protocol_arrives_as_it_was_sent() {
    let senders = ["127.1.0.1", "127.1.0.2", "127.1.0.3", "127.1.0.4"];
    let registered: Vec<&[&str]> = senders.iter().map(std::slice::from_ref).collect();
    let mut lab = Lab::new(&registered).start();
    let (port, secs) = (lab.flow_port(), now().as_secs());
    let flows: Vec<u32> = (0..20).collect();
    lab.sender(senders[0]).send(port, &v5(secs, 0, &flows));
    let mut stream = Stream::new();
    lab.sender(senders[1]).send(port, &stream.v9(secs, true, 20));
    lab.sender(senders[2]).send(port, &ipfix(secs, 0, &flows));
    lab.sender(senders[3]).send(port, &sflow(senders[3], 1, &flows[..10]));
    for number in 1..=3 {
        let link = LinkId::of_exporter(number);
        check(&lab.wait_for_records(link, 20), link, 0..20);
    }
    let sampled = lab.wait_for_records(LinkId::of_exporter(4), 10);
    for r in &sampled {
        assert_eq!((r.packets, r.bytes), (10, 1_000), "{r:?}");
        assert_eq!(r.export.as_ref().unwrap().sampling.map(u32::from), Some(10));
    }
    let status = lab.exporters().unwrap().exporters;
    let protocols: Vec<_> = status.iter().map(|e| e.protocols.as_slice()).collect();
    let all = [
        Protocol::NetflowV5,
        Protocol::NetflowV9,
        Protocol::Ipfix,
        Protocol::Sflow,
    ];
    assert_eq!(protocols, all.each_ref().map(std::slice::from_ref));
    assert!(status.iter().all(|e| e.datagrams == 1 && e.errors == 0 && e.lost == 0));
    assert_eq!(status[3].sampling, [10]);
    let detail = lab.exporter(LinkId::of_exporter(2));
    let template = &detail.streams[0].templates[0];
    assert_eq!((template.id, template.records, template.fields.len()), (300, 20, 11));
    assert_eq!(template.fields[0], ("sourceIPv4Address".to_owned(), 4));
    // The minutes hold what the records hold.
    let octets: u64 = (0..20).map(|n| u64::from(Flow(n).octets())).sum();
    let packets: u64 = (0..20).map(|n| u64::from(Flow(n).packets())).sum();
    for number in 1..=3 {
        lab.wait("the minutes", |lab| {
            let total = lab.counters(LinkId::of_exporter(number)).frames.total;
            assert!(total.bytes <= octets);
            ((total.packets, total.bytes) == (packets, octets)).then_some(())
        });
        // And so do the interfaces: in by 3, out by 4.
        let carried = |lab: &Lab, index| {
            let query = InterfaceSeriesQuery {
                interface: InterfaceId {
                    exporter: LinkId::of_exporter(number),
                    index,
                },
                from: Timestamp::from_secs(secs - 600),
                to: None,
                step_s: 60,
            };
            let sources = lab.call(query).map(|s| s.sources).unwrap_or_default();
            let points = sources
                .into_iter()
                .filter(|(s, _)| *s == CounterSource::Flow)
                .flat_map(|(_, p)| p);
            points.fold((0, 0), |(i, o), p| (i + p.inbound.bytes, o + p.outbound.bytes))
        };
        lab.wait("the interfaces' minutes", |lab| {
            (carried(lab, 3) == (octets, 0) && carried(lab, 4) == (0, octets)).then_some(())
        });
    }
}

#[test]
fn an_application_that_is_defined_names_new_records() {
    let mut lab = Lab::new(&[&["127.1.9.1"]]);
    let define = |lab: &mut Lab, number: u32, port: u16| {
        let endpoint = Endpoint {
            protocol: Some(6),
            ports: PortRange::new(port, port).into_iter().collect(),
            addresses: Vec::new(),
        };
        let application = Application {
            name: format!("a{number}"),
            endpoints: vec![endpoint],
        };
        lab.settings().objects.applications.insert(number, application);
    };
    define(&mut lab, 1, 9_999);
    let mut lab = lab.start();
    let (port, sender) = (lab.flow_port(), lab.sender("127.1.9.1"));
    let datagram = |sequence: u32| {
        let ports = [9_999, 443, 9_998].map(|port| (50_000, port));
        craft::v5_of_ports(now().as_secs(), sequence, &ports)
    };
    let apps =
        |records: &[FlowRecord]| -> BTreeSet<(u16, App)> { records.iter().map(|r| (r.dst_port, r.app)).collect() };
    let (https, unknown) = (App::by_name("https").unwrap(), App::UNKNOWN);
    let (one, two) = (App::defined(1).unwrap(), App::defined(2).unwrap());
    sender.send(port, &datagram(0));
    let mut seen = BTreeSet::from([(9_999, one), (443, https), (9_998, unknown)]);
    assert_eq!(apps(&lab.wait_for_records(ONE, 3)), seen);
    // Defined while it runs; what is stored stays.
    define(&mut lab, 2, 9_998);
    lab.reload();
    let mut sent = 3;
    lab.wait("the new application's name", |lab| {
        sender.send(port, &datagram(u32::try_from(sent).unwrap()));
        sent += 3;
        lab.records(ONE).iter().any(|r| r.app == two).then_some(())
    });
    seen.insert((9_998, two));
    assert_eq!(apps(&lab.wait_for_records(ONE, sent)), seen);
}

#[test]
fn templates_outlive_the_collector_however_it_ends() {
    let mut lab = Lab::new(&[&["127.1.1.1"]]).start();
    let port = lab.flow_port();
    let sender = lab.sender("127.1.1.1");
    let mut stream = Stream::new();
    // The template comes once.
    sender.send(port, &stream.v9(now().as_secs(), true, 10));
    let mut sent = 10;
    lab.wait_for_records(ONE, sent);
    lab.wait("the template kept", |lab| {
        let files = std::fs::read_dir(lab.path("collector/templates")).ok()?;
        (files
            .filter_map(Result::ok)
            .filter(|f| f.path().extension().is_some_and(|e| e == "state"))
            .count()
            > 0)
        .then_some(())
    });
    for signal in ["TERM", "KILL", "KILL", "TERM"] {
        lab.end_collector(signal);
        lab.start_collector();
        for _ in 0..5 {
            sender.send(port, &stream.v9(now().as_secs(), false, 10));
            sent += 10;
        }
        check(&lab.wait_for_records(ONE, sent), ONE, 0..u32::try_from(sent).unwrap());
    }
    let status = &lab.exporters().unwrap().exporters[0];
    assert_eq!((status.lost, status.errors), (0, 0));
}

#[test]
fn data_before_its_template_waits_for_it() {
    let mut lab = Lab::new(&[&["127.1.2.1"]]).start();
    let port = lab.flow_port();
    let sender = lab.sender("127.1.2.1");
    let mut stream = Stream::new();
    sender.send(port, &stream.v9(now().as_secs(), false, 10));
    lab.wait("data that waits", |lab| {
        let streams = lab.exporter(ONE).streams;
        streams.first().filter(|s| s.pending_octets > 0).map(|_| ())
    });
    sender.send(port, &stream.v9(now().as_secs(), true, 10));
    check(&lab.wait_for_records(ONE, 20), ONE, 0..20);
}

#[test]
fn what_cannot_be_decoded_is_told_in_words() {
    let mut lab = Lab::new(&[&["127.1.7.1"]]).start();
    let port = lab.flow_port();
    let sender = lab.sender("127.1.7.1");
    let mut stream = Stream::new();
    sender.send(port, &stream.v9(now().as_secs(), true, 3));
    lab.wait_for_records(ONE, 3);
    // Cut off in the middle of its data.
    sender.send(port, &stream.v9(now().as_secs(), false, 3)[..60]);
    let detail = lab.wait("the error", |lab| {
        let detail = lab.exporter(ONE);
        detail.last_error.is_some().then_some(detail)
    });
    assert!(detail.last_error.unwrap().starts_with("127.1.7.1: "));
    assert!(detail.status.errors > 0 && !detail.errors.is_empty());
}

#[test]
fn datagrams_that_never_came_are_counted() {
    let mut lab = Lab::new(&[&["127.1.3.1"]]).start();
    let port = lab.flow_port();
    let sender = lab.sender("127.1.3.1");
    let mut stream = Stream::new();
    sender.send(port, &stream.v9(now().as_secs(), true, 1));
    stream.sequence += 3;
    sender.send(port, &stream.v9(now().as_secs(), false, 1));
    lab.wait_for_records(ONE, 2);
    assert_eq!(lab.exporters().unwrap().exporters[0].lost, 3);
    lab.wait("the loss in the minutes", |lab| {
        (lab.counters(ONE).drops.export == 3).then_some(())
    });
}

#[test]
fn what_the_kernel_drops_is_shown() {
    let mut lab = Lab::new(&[&["127.1.4.1"]]).start();
    let port = lab.flow_port();
    let sender = lab.sender("127.1.4.1");
    let mut stream = Stream::new();
    sender.send(port, &stream.v9(now().as_secs(), true, 1));
    lab.wait_for_records(ONE, 1);
    // It reads nothing while more comes than its buffer holds.
    lab.signal("STOP");
    let room = lab_buffer(&lab.path("collector.log")).unwrap_or(64 << 20);
    let datagram = vec![0; 60_000];
    let many = room / datagram.len() + 100;
    for _ in 0..many {
        sender.send(port, &datagram);
    }
    lab.signal("CONT");
    let sent = u64::try_from(many).unwrap() + 1;
    let dropped = lab.wait("all datagrams, read or dropped", |lab| {
        let socket = lab.socket(SocketPurpose::Flow);
        (socket.datagrams + socket.dropped == sent).then_some(socket.dropped)
    });
    assert!(dropped > 0);
    lab.wait("the drops in the minutes", |lab| {
        (lab.counters(ONE).drops.socket == dropped).then_some(())
    });
}

/// The buffer is at most what is asked for, doubled by the kernel for its own use.
fn lab_buffer(_: &std::path::Path) -> Option<usize> {
    Some(64 << 20)
}

#[test]
fn who_is_not_registered_is_not_stored_and_listed_only_where_wanted() {
    let mut lab = Lab::new(&[&["127.1.5.1"], &["127.1.5.2"]]);
    lab.settings().exporters.get_mut(&2).unwrap().enabled = false;
    let mut lab = lab.start();
    let port = lab.flow_port();
    let secs = now().as_secs();
    for from in ["127.1.5.1", "127.1.5.2", "127.1.5.9"] {
        lab.sender(from).send(port, &v5(secs, 0, &[1, 2]));
    }
    let dropped = |lab: &Lab| lab.socket(SocketPurpose::Flow).unregistered;
    lab.wait("two that are dropped", |lab| (dropped(lab) == 2).then_some(()));
    lab.wait_for_records(ONE, 2);
    assert!(lab.exporters().unwrap().pending.is_empty());

    lab.settings().collection.discovery = true;
    lab.reload();
    let stranger = "127.1.5.9";
    lab.wait("the stranger listed", |lab| {
        lab.sender(stranger).send(port, &v5(secs, 0, &[3]));
        let pending = lab.exporters().unwrap().pending;
        pending.first().map(|p| {
            assert_eq!((pending.len(), p.address), (1, stranger.parse().unwrap()));
            assert_eq!(p.protocols, [Protocol::NetflowV5]);
        })
    });
    // Registered now, it is heard and no longer pending.
    let link = lab.register(&[stranger]);
    lab.reload();
    lab.wait("the new exporter taken in", |lab| {
        lab.exporters().unwrap().pending.is_empty().then_some(())
    });
    lab.sender(stranger).send(port, &v5(secs, 0, &[4, 5]));
    lab.wait_for_records(link, 2);
    assert!(lab.records(LinkId::of_exporter(2)).is_empty());
}

#[test]
fn new_ports_and_exporters_lose_no_template() {
    let mut lab = Lab::new(&[&["127.1.6.1"]]).start();
    let sender = lab.sender("127.1.6.1");
    let mut stream = Stream::new();
    sender.send(lab.flow_port(), &stream.v9(now().as_secs(), true, 5));
    lab.wait_for_records(ONE, 5);
    let second = lab::free_port();
    lab.settings().collection.flow.ports.push(second);
    // A second address of the same exporter, which another thread may have.
    lab.settings()
        .exporters
        .get_mut(&1)
        .unwrap()
        .addresses
        .push("127.1.6.2".parse().unwrap());
    lab.register(&["127.1.6.3"]);
    lab.reload();
    lab.wait("the second port", |lab| {
        let sockets = lab.exporters().unwrap().sockets;
        sockets.iter().any(|s| s.address.port() == second).then_some(())
    });
    sender.send(second, &stream.v9(now().as_secs(), false, 5));
    check(&lab.wait_for_records(ONE, 10), ONE, 0..10);
    lab.sender("127.1.6.2").send(second, &v5(now().as_secs(), 0, &[10, 11]));
    lab.wait_for_records(ONE, 12);
    lab.settings().collection.flow.ports.remove(0);
    lab.reload();
    lab.wait("the first port closed", |lab| {
        (lab.exporters().unwrap().sockets.len() == 1).then_some(())
    });
    sender.send(second, &stream.v9(now().as_secs(), false, 1));
    lab.wait_for_records(ONE, 13);
}
