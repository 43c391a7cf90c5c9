//! The cache against a naive model, and its edges one by one.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use dissect::{Fragment, Packet, Payload};
use model::{
    AddressRange, App, Application, Counters, Definitions, Direction, EndReason, Endpoint, FlowRecord, HomeNetworks,
    IcmpType, LinkId, PortRange, Timestamp,
};
use proptest::prelude::*;

use crate::{Config, Meter};

const SYN: u8 = 2;
const ACK: u8 = 16;
const FIN: u8 = 1;
const RST: u8 = 4;

fn v4(last: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, last).into()
}

fn packet(protocol: u8, src: (IpAddr, u16), dst: (IpAddr, u16), flags: u8) -> Packet {
    Packet {
        src: src.0,
        dst: dst.0,
        src_port: src.1,
        dst_port: dst.1,
        protocol,
        tos: 0,
        ttl: 64,
        tcp_flags: flags,
        tcp_seq: 0,
        tcp_ack: 0,
        tcp_window: None,
        ip_bytes: 100,
        icmp: None,
        fragment: None,
        has_transport: true,
        vlan: None,
        vlan_inner: None,
        src_mac: None,
        dst_mac: None,
        tunnels: 0,
        payload: Payload::default(),
    }
}

fn tcp(src: u8, dst: u8, flags: u8) -> Packet {
    packet(6, (v4(src), u16::from(src)), (v4(dst), u16::from(dst)), flags)
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_nanos(1_700_000_000_000_000_000 + millis * 1_000_000)
}

/// What all the records of a run are.
fn run(config: Config, packets: &[(u64, Packet)]) -> Vec<FlowRecord> {
    let mut meter = Meter::new(config);
    let mut records = Vec::new();
    for (millis, packet) in packets {
        meter.observe(packet, &[], at(*millis), &mut |r: FlowRecord| records.push(r));
    }
    meter.flush(&mut |r: FlowRecord| records.push(r));
    records
}

fn offline() -> Config {
    Config::offline()
}

#[test]
fn the_first_packet_is_forward_whatever_the_ports() {
    let records = run(
        offline(),
        &[(0, tcp(9, 1, ACK)), (1, tcp(1, 9, SYN | ACK)), (2, tcp(9, 1, FIN))],
    );
    let [record] = records.as_slice() else {
        panic!("{records:?}")
    };
    assert_eq!((record.src_ip, record.src_port, record.dst_port), (v4(9), 9, 1));
    assert_eq!(
        (record.packets, record.bytes, record.packets_rev, record.bytes_rev),
        (2, 200, 1, 100)
    );
    assert_eq!((record.tcp_flags, record.tcp_flags_rev), (ACK | FIN, SYN | ACK));
    assert_eq!((record.start, record.end), (at(0), at(2)));
}

#[test]
fn an_address_that_talks_to_itself_has_one_direction() {
    let land = packet(6, (v4(1), 5), (v4(1), 5), SYN);
    let records = run(offline(), &[(0, land), (1, land)]);
    assert_eq!((records.len(), records[0].packets, records[0].packets_rev), (1, 2, 0));
}

#[test]
fn a_new_connection_on_old_ports_is_a_new_flow() {
    let open = |seq| Packet {
        tcp_seq: seq,
        ..tcp(1, 2, SYN)
    };
    let mut packets = vec![(0, open(7)), (1, tcp(2, 1, SYN | ACK)), (2, tcp(1, 2, FIN | ACK))];
    // Half closed: a SYN is a stray one.
    packets.push((3, open(8)));
    assert_eq!(run(offline(), &packets).len(), 1);
    packets.push((4, tcp(2, 1, FIN | ACK)));
    packets.push((5, tcp(1, 2, ACK)));
    // The same SYN again belongs to the old connection.
    packets.push((6, open(7)));
    assert_eq!(run(offline(), &packets).len(), 1);
    packets.push((7, open(9)));
    let records = run(offline(), &packets);
    assert_eq!(records.len(), 2);
    assert_eq!(
        (records[0].packets + records[0].packets_rev, records[0].end_reason),
        (7, EndReason::EndOfFlow)
    );
    assert_eq!((records[1].packets, records[1].end_reason), (1, EndReason::Forced));
}

#[test]
fn a_reset_ends_a_flow_after_its_stragglers() {
    let config = Config {
        linger: Some(Duration::from_secs(2)),
        idle: Some(Duration::from_secs(30)),
        ..offline()
    };
    let mut meter = Meter::new(config);
    let mut records = Vec::new();
    meter.observe(&tcp(1, 2, SYN), &[], at(0), &mut |r: FlowRecord| records.push(r));
    meter.observe(&tcp(2, 1, RST), &[], at(1), &mut |r: FlowRecord| records.push(r));
    meter.observe(&tcp(1, 2, ACK), &[], at(1_500), &mut |r: FlowRecord| records.push(r));
    meter.advance(at(3_400), &mut |r: FlowRecord| records.push(r));
    assert_eq!(records.len(), 0);
    meter.advance(at(4_000), &mut |r: FlowRecord| records.push(r));
    assert_eq!(records.len(), 0, "the timer of an open flow is checked when it comes");
    meter.advance(at(30_500), &mut |r: FlowRecord| records.push(r));
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].packets, records[0].end_reason), (2, EndReason::EndOfFlow));
}

#[test]
fn timeouts_close_and_report() {
    let config = Config {
        idle: Some(Duration::from_secs(30)),
        active: Some(Duration::from_secs(60)),
        ..offline()
    };
    let mut meter = Meter::new(config);
    let mut records = Vec::new();
    for second in 0..100 {
        meter.observe(&tcp(1, 2, ACK), &[], at(second * 1_000), &mut |r: FlowRecord| {
            records.push(r)
        });
        meter.advance(at(second * 1_000), &mut |r: FlowRecord| records.push(r));
    }
    meter.advance(at(129_000), &mut |r: FlowRecord| records.push(r));
    assert_eq!(meter.statistics().active, 1);
    meter.advance(at(130_000), &mut |r: FlowRecord| records.push(r));
    assert_eq!(meter.statistics().active, 0);
    // Seconds 0 to 59, and 60 to 99; nothing is left to report when the flow is idle.
    let seen: Vec<_> = records.iter().map(|r| (r.packets, r.end_reason)).collect();
    assert_eq!(seen, [(60, EndReason::Active), (40, EndReason::Active)]);
    assert!(records[1].start > records[0].end);
}

/// TCP port 9 of one host.
fn defined(number: u32) -> Arc<Definitions> {
    let endpoint = Endpoint {
        protocol: Some(6),
        ports: PortRange::new(9, 9).into_iter().collect(),
        addresses: vec![AddressRange::One(v4(9))],
    };
    let application = Application {
        name: format!("a{number}"),
        endpoints: vec![endpoint],
    };
    Arc::new(Definitions::new(&BTreeMap::from([(number, application)])))
}

#[test]
fn definitions_name_what_is_unknown() {
    let config = Config {
        definitions: defined(7),
        ..offline()
    };
    // Either end matches; SSH is known, whatever is defined of the other end.
    let ssh = packet(6, (v4(9), 9), (v4(2), 22), SYN);
    let records = run(
        config,
        &[(0, tcp(9, 1, SYN)), (1, tcp(2, 9, SYN)), (2, tcp(1, 2, SYN)), (3, ssh)],
    );
    let mut apps: Vec<_> = records.iter().map(|r| (r.start, r.app)).collect();
    apps.sort();
    let seven = App::defined(7).unwrap();
    let ssh = App::by_name("ssh").unwrap();
    assert_eq!(
        apps,
        [(at(0), seven), (at(1), seven), (at(2), App::UNKNOWN), (at(3), ssh)]
    );
}

#[test]
fn a_flow_s_next_record_has_the_name_of_today() {
    let config = Config {
        active: Some(Duration::from_secs(10)),
        ..offline()
    };
    let mut meter = Meter::new(config);
    let mut records = Vec::new();
    let mut second = 0;
    let mut go_on = |meter: &mut Meter, records: &mut Vec<FlowRecord>| {
        for _ in 0..10 {
            meter.observe(&tcp(9, 1, ACK), &[], at(second * 1_000), &mut |r: FlowRecord| {
                records.push(r)
            });
            second += 1;
        }
    };
    go_on(&mut meter, &mut records);
    meter.set_definitions(defined(7));
    go_on(&mut meter, &mut records);
    meter.set_definitions(defined(8));
    go_on(&mut meter, &mut records);
    // What is defined no more is unknown again.
    meter.set_definitions(Arc::default());
    meter.flush(&mut |r: FlowRecord| records.push(r));
    let seen: Vec<_> = records.iter().map(|r| (r.packets, r.app.definition())).collect();
    assert_eq!(seen, [(10, Some(7)), (10, Some(8)), (10, None)]);
    assert_eq!(records[2].app, App::UNKNOWN);
}

#[test]
fn fragments_follow_their_first() {
    let udp = |src_port, fragment| Packet {
        fragment: Some(fragment),
        ..packet(17, (v4(1), src_port), (v4(2), if src_port == 0 { 0 } else { 53 }), 0)
    };
    let part = |id, offset, more| Fragment {
        id,
        offset,
        length: 80,
        more,
    };
    let packets = [
        // The last fragment comes first, then the head, then the middle.
        (0, udp(0, part(1, 2960, false))),
        (1, udp(4000, part(1, 0, true))),
        (2, udp(0, part(1, 1480, true))),
        // A datagram whose head never comes.
        (3, udp(0, part(2, 1480, true))),
        (4, udp(0, part(2, 2960, false))),
    ];
    let mut records = run(offline(), &packets);
    records.sort_by_key(|r| r.start);
    assert_eq!(records.len(), 2);
    let seen: Vec<_> = records
        .iter()
        .map(|r| (r.src_port, r.dst_port, r.packets, r.start, r.end))
        .collect();
    assert_eq!(seen, [(4000, 53, 3, at(0), at(2)), (0, 0, 2, at(3), at(4))]);

    // In IPv6 later fragments carry another protocol number when the head has more extension headers.
    let v6 = |last| IpAddr::from(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last));
    let head = Packet {
        fragment: Some(part(9, 0, true)),
        ..packet(17, (v6(1), 4000), (v6(2), 53), 0)
    };
    let tail = Packet {
        fragment: Some(part(9, 1448, false)),
        ..packet(60, (v6(1), 0), (v6(2), 0), 0)
    };
    for order in [[(0, head), (1, tail)], [(0, tail), (1, head)]] {
        let records = run(offline(), &order);
        assert_eq!((records.len(), records[0].protocol, records[0].packets), (1, 17, 2));
    }
}

#[test]
fn fragments_without_a_head_are_bounded() {
    let mut meter = Meter::new(offline());
    let mut records = Vec::new();
    for id in 0..10_000_u32 {
        let fragment = Fragment {
            id,
            offset: 1480,
            length: 80,
            more: true,
        };
        let packet = Packet {
            fragment: Some(fragment),
            ..packet(17, (v4(1), 0), (v4(2), 0), 0)
        };
        meter.observe(&packet, &[], at(0), &mut |r: FlowRecord| records.push(r));
    }
    // All but the 4,096 that are remembered went to the flow without ports.
    assert_eq!(meter.statistics().active, 1);
    meter.flush(&mut |r: FlowRecord| records.push(r));
    assert_eq!((records.len(), records[0].packets), (1, 10_000));
}

#[test]
fn icmp_between_two_hosts_is_one_flow_but_for_neighbour_discovery() {
    let icmp = |protocol, src, dst, kind| Packet {
        icmp: Some(IcmpType { kind, code: 0 }),
        ..packet(protocol, (v4(src), 0), (v4(dst), 0), 0)
    };
    let records = run(
        offline(),
        &[(0, icmp(1, 1, 2, 8)), (1, icmp(1, 2, 1, 0)), (2, icmp(1, 2, 1, 3))],
    );
    assert_eq!((records.len(), records[0].packets, records[0].packets_rev), (1, 1, 2));
    assert_eq!(records[0].icmp_rev, Some(IcmpType { kind: 0, code: 0 }));
    let discovery = [
        (0, icmp(58, 1, 2, 136)),
        (1, icmp(58, 1, 2, 135)),
        (2, icmp(58, 2, 1, 136)),
        (3, icmp(58, 2, 1, 136)),
    ];
    let counts: Vec<_> = run(offline(), &discovery)
        .iter()
        .map(|r| (r.packets, r.packets_rev))
        .collect();
    assert_eq!(counts, [(1, 0), (1, 0), (2, 0)]);
}

#[test]
fn vlans_part_flows_only_when_asked() {
    let packets = [
        (
            0,
            Packet {
                vlan: Some(5),
                ..tcp(1, 2, ACK)
            },
        ),
        (
            1,
            Packet {
                vlan: Some(6),
                ..tcp(2, 1, ACK)
            },
        ),
    ];
    assert_eq!(run(offline(), &packets).len(), 1);
    assert_eq!(run(offline(), &packets)[0].vlan, Some(5));
    assert_eq!(
        run(
            Config {
                vlan_in_key: true,
                ..offline()
            },
            &packets
        )
        .len(),
        2
    );
}

#[test]
fn a_full_cache_evicts_the_silent() {
    let mut meter = Meter::new(Config {
        max_flows: 100,
        ..offline()
    });
    let mut records = Vec::new();
    for number in 0..1_000_u64 {
        let port = u16::try_from(number).unwrap();
        let one = packet(17, (v4(1), 1_000 + port), (v4(2), 53), 0);
        meter.observe(&one, &[], at(number * 100), &mut |r: FlowRecord| records.push(r));
        // One flow that is never silent.
        meter.observe(&tcp(7, 8, ACK), &[], at(number * 100), &mut |r: FlowRecord| {
            records.push(r)
        });
        assert!(meter.statistics().active <= 100);
    }
    assert_eq!(meter.statistics().evictions, 901);
    assert!(
        records
            .iter()
            .all(|r| r.end_reason == EndReason::LackOfResources && r.protocol == 17)
    );
    meter.flush(&mut |r: FlowRecord| records.push(r));
    let packets: u64 = records.iter().map(|r| r.packets).sum();
    assert_eq!(packets, 2_000);
}

#[test]
fn deltas_add_up_to_the_records() {
    let mut meter = Meter::new(Config {
        idle: Some(Duration::from_secs(5)),
        ..Config::live(LinkId(3), HomeNetworks::private())
    });
    let mut records = Vec::new();
    let mut sum = Counters::default();
    for second in 0..60_u64 {
        for number in 0..20_u8 {
            // Some flows fall silent and come back.
            if !(second + u64::from(number)).is_multiple_of(u64::from(number) + 1) {
                continue;
            }
            let direction = meter.observe(
                &tcp(number + 10, 2, ACK),
                &[],
                at(second * 1_000),
                &mut |r: FlowRecord| records.push(r),
            );
            assert_eq!(direction, Direction::Internal);
        }
        meter.advance(at(second * 1_000), &mut |r: FlowRecord| records.push(r));
        let mut seen = 0;
        meter.deltas(|delta| {
            assert!(delta.forward.packets + delta.reverse.packets > 0);
            seen += 1;
            sum += delta.forward;
            sum += delta.reverse;
        });
        assert!(seen > 0);
        meter.deltas(|_| panic!("nothing is new"));
    }
    meter.flush(&mut |r: FlowRecord| records.push(r));
    let total: u64 = records.iter().map(|r| r.bytes + r.bytes_rev).sum();
    assert_eq!((sum.bytes, sum.packets), (total, meter.statistics().packets));
    assert_eq!(total, meter.statistics().bytes);
}

#[test]
fn directions_follow_the_packet() {
    let mut meter = Meter::new(Config::live(LinkId(1), HomeNetworks::private()));
    let outside: IpAddr = Ipv4Addr::new(8, 8, 8, 8).into();
    let query = packet(17, (v4(1), 4000), (outside, 53), 0);
    let answer = packet(17, (outside, 53), (v4(1), 4000), 0);
    assert_eq!(
        meter.observe(&query, &[], at(0), &mut |_: FlowRecord| {}),
        Direction::Out
    );
    assert_eq!(
        meter.observe(&answer, &[], at(1), &mut |_: FlowRecord| {}),
        Direction::In
    );
}

#[test]
fn a_clock_that_is_set_back_closes_and_goes_on() {
    let mut meter = Meter::new(Config::live(LinkId(1), HomeNetworks::private()));
    let mut records = Vec::new();
    meter.observe(&tcp(1, 2, ACK), &[], at(10_000_000), &mut |r: FlowRecord| {
        records.push(r)
    });
    meter.advance(at(10_000_000), &mut |r: FlowRecord| records.push(r));
    meter.advance(at(9_990_000), &mut |r: FlowRecord| records.push(r));
    assert_eq!(records.len(), 0, "ten seconds are packets out of order");
    meter.advance(at(0), &mut |r: FlowRecord| records.push(r));
    assert_eq!((records.len(), meter.statistics().active), (1, 0));
    meter.observe(&tcp(1, 2, ACK), &[], at(0), &mut |r: FlowRecord| records.push(r));
    meter.advance(at(31_000), &mut |r: FlowRecord| records.push(r));
    assert_eq!((records.len(), meter.statistics().active), (2, 0));
}

/// The plainest meter: a list of open records, looked through for each packet.
#[derive(Default)]
struct Naive {
    open: Vec<(FlowRecord, u32, u8)>,
    done: Vec<FlowRecord>,
}

const IDLE: u64 = 3_000;
const ACTIVE: u64 = 7_000;
const LINGER: u64 = 1_000;

impl Naive {
    fn observe(&mut self, p: &Packet, now: Timestamp) {
        let forward = |r: &FlowRecord| {
            (r.src_ip, r.src_port, r.dst_ip, r.dst_port, r.protocol)
                == (p.src, p.src_port, p.dst, p.dst_port, p.protocol)
        };
        let reverse = |r: &FlowRecord| {
            (r.dst_ip, r.dst_port, r.src_ip, r.src_port, r.protocol)
                == (p.src, p.src_port, p.dst, p.dst_port, p.protocol)
        };
        let found = self.open.iter().position(|(r, ..)| forward(r) || reverse(r));
        let is_syn = p.protocol == 6 && p.tcp_flags & (SYN | ACK) == SYN;
        let mut keep = None;
        if let Some(place) = found {
            let (record, seq, marks) = self.open[place].clone();
            let over = marks & RST != 0 || marks & 0x60 == 0x60;
            let silence = now.nanos_since(record.end) / 1_000_000;
            let ended = over && (silence > LINGER || (is_syn && p.tcp_seq != seq));
            let long = now.nanos_since(record.start) / 1_000_000 >= ACTIVE;
            if silence > IDLE || long || ended {
                self.open.remove(place);
                self.done.push(record.clone());
                if silence <= IDLE && !ended {
                    keep = Some((record, seq, marks));
                }
            }
        }
        let place = self
            .open
            .iter()
            .position(|(r, ..)| forward(r) || reverse(r))
            .unwrap_or_else(|| {
                let (mut record, seq, marks) = keep.unwrap_or_else(|| {
                    let fresh = run(offline(), &[(0, *p)]).remove(0);
                    (fresh, if is_syn { p.tcp_seq } else { 0 }, 0)
                });
                (record.start, record.end) = (now, now);
                (record.packets, record.bytes, record.packets_rev, record.bytes_rev) = (0, 0, 0, 0);
                (record.tcp_flags, record.tcp_flags_rev) = (0, 0);
                self.open.push((record, seq, marks));
                self.open.len() - 1
            });
        let (record, _, marks) = &mut self.open[place];
        record.end = now;
        let fin = p.tcp_flags & FIN != 0;
        if forward(record) {
            record.packets += 1;
            record.bytes += u64::from(p.ip_bytes);
            record.tcp_flags |= p.tcp_flags;
            *marks |= if fin { 0x20 } else { 0 };
        } else {
            record.packets_rev += 1;
            record.bytes_rev += u64::from(p.ip_bytes);
            record.tcp_flags_rev |= p.tcp_flags;
            *marks |= if fin { 0x40 } else { 0 };
        }
        *marks |= p.tcp_flags & RST;
    }
}

fn any_packet() -> impl Strategy<Value = (u64, Packet)> {
    let flags = prop::sample::select(vec![SYN, SYN | ACK, ACK, ACK, ACK, FIN | ACK, RST]);
    (
        0_u8..3,
        0_u8..3,
        0_u16..2,
        0_u16..2,
        any::<bool>(),
        flags,
        0_u32..3,
        40_u32..1_500,
        0_u64..2_500,
    )
        .prop_map(|(src, dst, sport, dport, is_tcp, flags, seq, bytes, gap)| {
            let protocol = if is_tcp { 6 } else { 17 };
            let one = packet(
                protocol,
                (v4(src), sport),
                (v4(dst), dport),
                if is_tcp { flags } else { 0 },
            );
            (
                gap / 10 * u64::from(gap % 7 == 0) * 10 + gap % 50,
                Packet {
                    tcp_seq: seq,
                    ip_bytes: bytes,
                    ..one
                },
            )
        })
}

fn normal(mut records: Vec<FlowRecord>) -> Vec<FlowRecord> {
    for record in &mut records {
        record.end_reason = EndReason::Forced;
        // Quality has a model of its own.
        record.quality = None;
    }
    records.sort_by_key(|r| {
        (
            r.start, r.end, r.src_ip, r.src_port, r.dst_ip, r.dst_port, r.protocol, r.packets,
        )
    });
    records
}

proptest! {
    #[test]
    fn it_meters_as_the_naive_one(packets in prop::collection::vec(any_packet(), 0..300), batches in any::<bool>()) {
        let config = Config {
            idle: Some(Duration::from_millis(IDLE)),
            active: Some(Duration::from_millis(ACTIVE)),
            linger: Some(Duration::from_millis(LINGER)),
            ..Config::offline()
        };
        let mut meter = Meter::new(config);
        let mut naive = Naive::default();
        let mut records = Vec::new();
        let mut now = 0;
        let timed: Vec<_> = packets.iter().map(|(gap, p)| { now += gap; (at(now), *p) }).collect();
        for (now, packet) in &timed {
            naive.observe(packet, *now);
        }
        if batches {
            let mut directions = 0;
            let mut packets = timed.iter().enumerate();
            let next = |observed: &mut crate::Observed<'_, usize>| {
                let Some((number, (time, packet))) = packets.next() else { return false };
                (observed.time, observed.packet, observed.note) = (*time, *packet, number);
                true
            };
            let each = |&number: &usize, _| {
                assert_eq!(number, directions);
                directions += 1;
            };
            meter.observe_all(|_| {}, next, &mut |r: FlowRecord| records.push(r), each);
            prop_assert_eq!(directions, timed.len());
        } else {
            for (place, (now, packet)) in timed.iter().enumerate() {
                if place % 3 == 0 {
                    meter.advance(*now, &mut |r: FlowRecord| records.push(r));
                }
                meter.observe(packet, &[], *now, &mut |r: FlowRecord| records.push(r));
            }
        }
        meter.flush(&mut |r: FlowRecord| records.push(r));
        prop_assert_eq!(meter.statistics().active, 0);
        let mut expected = naive.done;
        expected.extend(naive.open.into_iter().map(|(record, ..)| record));
        prop_assert_eq!(normal(records), normal(expected));
    }

    #[test]
    fn times_in_any_order_lose_nothing(times in prop::collection::vec((any::<u64>(), 0_u8..4), 0..200)) {
        let mut meter = Meter::new(Config::live(LinkId(1), HomeNetworks::private()));
        let mut packets = 0;
        for (nanos, host) in &times {
            let time = Timestamp::from_nanos(*nanos);
            meter.observe(&tcp(*host, 9, ACK), &[], time, &mut |r: FlowRecord| packets += r.packets);
            meter.advance(time, &mut |r: FlowRecord| packets += r.packets);
        }
        meter.flush(&mut |r: FlowRecord| packets += r.packets);
        prop_assert_eq!(packets, times.len() as u64);
    }
}
