use std::collections::BTreeMap;
use std::sync::Arc;

use model::{App, Application, Definitions, Endpoint, HomeNetworks, LinkId, PortRange, TopKey, Window};
use settings::FlowTimeouts;

use super::*;
use crate::output::Output;
use crate::port::joiner::Joiner;
use crate::port::packer::Packer;

const NANOS: u64 = 1_000_000_000;
const T0: u64 = 1_700_000_000;

fn plan() -> PortPlan {
    PortPlan {
        link: LinkId(3),
        name: "eth3".to_owned(),
        label: String::new(),
        direction: PortDirection::HomeNetworks,
        capacity_bps: None,
        home: HomeNetworks::private(),
        timeouts: FlowTimeouts { idle_s: 2, active_s: 5 },
        definitions: Arc::default(),
        signatures: crate::plan::SignaturesInUse::default(),
        logs: true,
        rings: 1,
        ring_octets: 4 << 20,
        flows_max: 1 << 16,
    }
}

/// A port of one ring.
struct Port {
    ring: Pipeline,
    joiner: Joiner,
    packer: Packer,
    totals: model::LinkCounters,
}

impl Port {
    fn new(plan: PortPlan, now: Timestamp) -> Self {
        Self {
            joiner: Joiner::new(plan.link, 1, now),
            packer: Packer::default(),
            ring: Pipeline::new(plan, Arc::new(Names::new(64)), now),
            totals: model::LinkCounters::default(),
        }
    }

    fn tick(&mut self, now: Timestamp, up: bool) {
        self.joiner.set_up(up);
        self.ring.tick(now);
        self.join();
    }

    fn join(&mut self) {
        for part in self.ring.take() {
            match part {
                Part::Records(records) => self.packer.records(records),
                Part::Logs(lines) => self.packer.logs(LinkId(3), lines, at(0)),
                Part::Second(window, touched) => self.joiner.part(*window, touched),
                Part::Passed(second) => self.joiner.passed(0, second),
            }
        }
    }

    fn finish(&mut self) {
        self.ring.finish();
        self.join();
        self.joiner.finish();
    }

    fn take_output(&mut self) -> Vec<Output> {
        self.join();
        self.packer.flush_records();
        self.packer.flush_logs(LinkId(3));
        let mut out = self.packer.take();
        for window in self.joiner.take() {
            self.totals += &window.counters;
            out.push(Output::Window(Box::new(window)));
        }
        out
    }
}

/// Milliseconds after T0.
fn at(ms: u64) -> Timestamp {
    Timestamp::from_nanos(T0 * NANOS + ms * 1_000_000)
}

/// An Ethernet frame with a UDP datagram from 10.0.0.`host` to 8.8.8.8, port 53.
fn udp(host: u8, payload: u8) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, host, 8, 0];
    frame.extend([
        0x45,
        0,
        0,
        28 + payload,
        0,
        0,
        0,
        0,
        64,
        17,
        0,
        0,
        10,
        0,
        0,
        host,
        8,
        8,
        8,
        8,
    ]);
    frame.extend([0x80, host, 0, 53, 0, 8 + payload, 0, 0]);
    frame.resize(frame.len() + usize::from(payload), 0);
    frame
}

fn feed(port: &mut Port, time: Timestamp, data: &[u8]) {
    port.ring.frames(std::iter::once(capture::Frame {
        time,
        link_type: 1,
        data,
        wire_len: u32::try_from(data.len()).unwrap(),
        vlan_tci: None,
        vlan_tpid: capture::TPID,
    }));
}

fn windows(outputs: &[Output]) -> Vec<&Window> {
    let mut windows = Vec::new();
    for output in outputs {
        if let Output::Window(window) = output {
            windows.push(&**window);
        }
    }
    windows
}

fn records(outputs: &[Output]) -> Vec<FlowRecord> {
    let block = |o: &Output| match o {
        Output::Block(b) => Some(b.records().unwrap()),
        _ => None,
    };
    outputs.iter().filter_map(block).flatten().collect()
}

/// Seconds after T0 and frames of each window.
fn seconds(outputs: &[Output]) -> Vec<(i64, u64)> {
    let of = |w: &Window| {
        let start = i64::try_from(w.start.as_secs()).unwrap() - i64::try_from(T0).unwrap();
        (start, w.counters.frames.total.packets)
    };
    windows(outputs).into_iter().map(of).collect()
}

#[test]
fn each_frame_is_in_the_second_of_its_time() {
    let mut p = Port::new(plan(), at(0));
    p.tick(at(10), true);
    // The ring hands frames over late, some of them of the next second already.
    feed(&mut p, at(900), &udp(1, 0));
    feed(&mut p, at(990), &udp(1, 0));
    p.tick(at(1_020), true);
    feed(&mut p, at(999), &udp(2, 0));
    feed(&mut p, at(1_001), &udp(1, 0));
    p.tick(at(2_300), true);
    assert_eq!(seconds(&p.take_output()), [(0, 3), (1, 1)]);
}

#[test]
fn a_quiet_link_has_windows_of_nothing_and_a_dead_one_has_none() {
    let mut p = Port::new(plan(), at(0));
    for ms in (0..=5_300).step_by(100) {
        p.tick(at(ms), ms < 3_000);
    }
    assert_eq!(seconds(&p.take_output()), [(0, 0), (1, 0)]);
    // The last frames before it went down count.
    let mut p = Port::new(plan(), at(0));
    feed(&mut p, at(100), &udp(1, 0));
    p.tick(at(1_300), false);
    p.tick(at(2_300), false);
    assert_eq!(seconds(&p.take_output()), [(0, 1)]);
}

#[test]
fn a_thread_that_was_held_up_makes_up_for_the_seconds() {
    let mut p = Port::new(plan(), at(0));
    p.tick(at(100), true);
    p.tick(at(3_400), true);
    feed(&mut p, at(3_500), &udp(1, 0));
    p.tick(at(4_300), true);
    assert_eq!(seconds(&p.take_output()), [(0, 0), (1, 0), (2, 0), (3, 1)]);
}

#[test]
fn a_clock_that_is_set_breaks_nothing() {
    let mut p = Port::new(plan(), at(0));
    feed(&mut p, at(100), &udp(1, 0));
    p.tick(at(200), true);
    // An hour on: no hour of empty seconds.
    p.tick(at(3_600_000), true);
    feed(&mut p, at(3_600_100), &udp(1, 0));
    p.tick(at(3_600_200), true);
    // And back to where it was.
    p.tick(at(1_000), true);
    feed(&mut p, at(1_100), &udp(1, 0));
    p.tick(at(2_300), true);
    assert_eq!(seconds(&p.take_output()), [(0, 1), (3_600, 1), (1, 1)]);
    // A frame of times to come opens no second.
    feed(&mut p, at(9_000_000), &udp(1, 0));
    p.tick(at(3_300), true);
    assert_eq!(seconds(&p.take_output()), [(2, 1)]);
    p.finish();
    let all = records(&p.take_output());
    assert!(all.len() <= 4);
}

#[test]
fn windows_tell_frames_hosts_protocols_and_what_is_wrong() {
    let mut p = Port::new(plan(), at(0));
    feed(&mut p, at(10), &udp(1, 72));
    let mut arp = vec![0xff; 6];
    arp.extend([2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    arp.extend([2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
    feed(&mut p, at(20), &arp);
    let mut multicast = udp(1, 0);
    multicast[0] = 1;
    feed(&mut p, at(30), &multicast);
    feed(&mut p, at(40), &udp(1, 0)[..20]);
    feed(&mut p, at(50), &[1, 2, 3]);
    p.ring.lost(DropCounters {
        ring: 5,
        ..DropCounters::default()
    });
    p.tick(at(1_300), true);
    let out = p.take_output();
    let [w] = windows(&out)[..] else { panic!("{out:?}") };
    assert_eq!((w.link, w.start, w.seconds), (LinkId(3), at(0), 1));
    let c = &w.counters;
    assert_eq!(
        c.frames.total,
        Counters {
            packets: 5,
            bytes: 114 + 42 + 42 + 20 + 3
        }
    );
    assert_eq!(c.frames.outbound.packets, 2);
    assert_eq!(
        (c.broadcast, c.multicast, c.non_ip, c.drops.ring),
        (Some(1), Some(2), Some(1), 5)
    );
    assert_eq!(c.malformed_all(), Some(2));
    let has = |table: &model::TopTable, key: TopKey| table.rows.iter().find(|r| r.0 == key).map(|r| r.1.total);
    assert_eq!(
        has(&w.protocols, TopKey::Protocol(17)),
        Some(Counters { packets: 2, bytes: 128 })
    );
    assert_eq!(has(&w.protocols, TopKey::EtherType(0x0806)).map(|c| c.packets), Some(1));
    assert_eq!(
        has(&w.apps, TopKey::App(App::by_port(17, 1, 53))).map(|c| c.packets),
        Some(2)
    );
    assert_eq!(
        has(&w.hosts, TopKey::Host([10, 0, 0, 1].into())).map(|c| c.bytes),
        Some(128)
    );
    assert_eq!(p.totals, w.counters);
}

#[test]
fn records_leave_when_flows_end_and_at_the_end() {
    let mut p = Port::new(plan(), at(0));
    feed(&mut p, at(100), &udp(1, 0));
    for ms in (200..6_000).step_by(100) {
        feed(&mut p, at(ms), &udp(2, 0));
        p.tick(at(ms), true);
    }
    let idle = records(&p.take_output());
    assert!(idle.iter().any(|r| r.src_ip == std::net::IpAddr::from([10, 0, 0, 1])));
    p.finish();
    let last = records(&p.take_output());
    let sum = |list: &[FlowRecord]| list.iter().map(|r| r.packets).sum::<u64>();
    assert_eq!(sum(&idle) + sum(&last), 59);
    assert_eq!(p.ring.flows(), (0, (idle.len() + last.len()) as u64));
}

#[test]
fn new_settings_apply_while_it_runs() {
    let mut p = Port::new(plan(), at(0));
    feed(&mut p, at(100), &udp(1, 0));
    p.tick(at(200), true);
    p.ring.replan(PortPlan {
        direction: PortDirection::In,
        label: "uplink".to_owned(),
        ..plan()
    });
    feed(&mut p, at(300), &udp(1, 0));
    p.tick(at(400), true);
    p.finish();
    let out = p.take_output();
    let [window] = windows(&out)[..] else { panic!("{out:?}") };
    let frames = window.counters.frames;
    assert_eq!((frames.outbound.packets, frames.inbound.packets), (1, 1));
    assert_eq!(window.apps.rows[0].1.inbound.packets, 1);
    let directions: Vec<Direction> = records(&out).iter().map(|r| r.direction).collect();
    assert_eq!(directions, [Direction::Out, Direction::In]);
    // A label alone cuts no flow.
    let mut p = Port::new(plan(), at(0));
    feed(&mut p, at(100), &udp(1, 0));
    p.tick(at(200), true);
    p.ring.replan(PortPlan {
        label: "core".to_owned(),
        ..plan()
    });
    assert!(p.take_output().is_empty());
}

/// UDP port 9999 of hosts at home.
fn defined(number: u32) -> Arc<Definitions> {
    let endpoint = Endpoint {
        protocol: Some(17),
        ports: PortRange::new(9_999, 9_999).into_iter().collect(),
        addresses: Vec::new(),
    };
    let application = Application {
        name: format!("a{number}"),
        endpoints: vec![endpoint],
    };
    Arc::new(Definitions::new(&BTreeMap::from([(number, application)])))
}

/// As [`udp`], to port 9999.
fn to_9999(host: u8) -> Vec<u8> {
    let mut frame = udp(host, 0);
    frame[36..38].copy_from_slice(&9_999_u16.to_be_bytes());
    frame
}

#[test]
fn definitions_name_flows_and_other_ones_close_none() {
    let mut p = Port::new(plan(), at(0));
    feed(&mut p, at(100), &to_9999(1));
    feed(&mut p, at(110), &udp(1, 0));
    for (ms, number) in [(200, 7), (300, 8)] {
        p.ring.replan(PortPlan {
            definitions: defined(number),
            ..plan()
        });
        p.tick(at(ms), true);
        feed(&mut p, at(ms + 50), &to_9999(1));
        feed(&mut p, at(ms + 60), &to_9999(u8::try_from(number).unwrap()));
    }
    assert!(p.take_output().is_empty(), "nothing was closed");
    p.finish();
    let out = p.take_output();
    let mut seen: Vec<_> = records(&out)
        .iter()
        .map(|r| (r.src_ip, r.packets, r.dst_port, r.app))
        .collect();
    seen.sort();
    let ip = |host| std::net::IpAddr::from([10, 0, 0, host]);
    let app = App::defined(8).unwrap();
    let dns = App::by_name("dns").unwrap();
    // All were open when the last definitions came: their records have its name.
    assert_eq!(
        seen,
        [
            (ip(1), 1, 53, dns),
            (ip(1), 3, 9_999, app),
            (ip(7), 1, 9_999, app),
            (ip(8), 1, 9_999, app)
        ]
    );
    let window = windows(&out)[0];
    let of_apps = window.apps.rows.iter().find(|r| r.0 == TopKey::App(app));
    assert!(of_apps.is_some_and(|r| r.1.total.packets >= 1), "{:?}", window.apps);
}

/// A DNS query of 10.0.0.`host`, or its answer.
fn dns(host: u8, is_answer: bool) -> Vec<u8> {
    let name = b"\x03www\x07example\x03com\x00\x00\x01\x00\x01";
    let mut message = vec![
        0x12,
        host,
        if is_answer { 0x81 } else { 1 },
        0x80 * u8::from(is_answer),
        0,
        1,
        0,
        0,
        0,
        0,
        0,
        0,
    ];
    message.extend(name);
    let mut frame = udp(host, u8::try_from(message.len()).unwrap());
    frame.truncate(42);
    frame.extend(message);
    if is_answer {
        let (from, to) = (frame[26..30].to_vec(), frame[30..34].to_vec());
        frame[26..30].copy_from_slice(&to);
        frame[30..34].copy_from_slice(&from);
        let (from, to) = (frame[34..36].to_vec(), frame[36..38].to_vec());
        frame[34..36].copy_from_slice(&to);
        frame[36..38].copy_from_slice(&from);
    }
    frame
}

fn lines(outputs: &[Output]) -> Vec<model::LogRecord> {
    let block = |o: &Output| match o {
        Output::Logs { block, .. } => Some(block.records().unwrap()),
        _ => None,
    };
    outputs.iter().filter_map(block).flatten().collect()
}

#[test]
fn application_logs_are_kept_bounded_and_left_out_where_nobody_wants_them() {
    let run = |plan: PortPlan, most: u32| {
        let mut p = Port::new(plan, at(0));
        p.ring.logs.most = most;
        for host in 1..=10 {
            feed(&mut p, at(100), &dns(host, false));
            feed(&mut p, at(110), &dns(host, true));
        }
        p.tick(at(1_300), true);
        p.finish();
        p.take_output()
    };
    let out = run(plan(), 100);
    let kept = lines(&out);
    assert_eq!(kept.len(), 10, "{kept:?}");
    assert!(
        kept.iter()
            .all(|l| l.source == model::LogSource::Dns && l.exporter == LinkId(3))
    );
    assert!(
        records(&out)
            .iter()
            .all(|r| r.app == App::by_name("dns").unwrap() && r.l7.is_some())
    );
    let lost = |out: &[Output]| windows(out).iter().map(|w| w.counters.drops.logs).sum::<u64>();
    assert_eq!(lost(&out), 0);

    let out = run(plan(), 4);
    assert_eq!((lines(&out).len(), lost(&out)), (4, 6));

    let out = run(PortPlan { logs: false, ..plan() }, 100);
    assert_eq!((lines(&out).len(), lost(&out)), (0, 0));
    assert!(records(&out).iter().all(|r| r.l7.is_some()), "looked into all the same");
}

#[test]
fn sizes_count_with_the_tag_that_the_nic_took_off() {
    let mut p = Port::new(plan(), at(0));
    let frame = udp(1, 18);
    for (vlan_tci, cut) in [(None, 60), (Some(5), 60)] {
        p.ring.frames(std::iter::once(capture::Frame {
            time: at(10),
            link_type: 1,
            data: &frame[..cut],
            wire_len: 60,
            vlan_tci,
            vlan_tpid: capture::TPID,
        }));
    }
    p.tick(at(1_300), true);
    let out = p.take_output();
    assert_eq!(windows(&out)[0].counters.sizes, Some([1, 1, 0, 0, 0, 0, 0]));
    assert_eq!(windows(&out)[0].counters.frames.total.bytes, 124);
}
