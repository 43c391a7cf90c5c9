//! What layer 7 costs a flow, by kind of flow: `kinds [FLOWS] [ROUNDS] [KIND]`. Conversations of a kind, each as long as its
//! opening, are metered with layer 7 and without; the difference in processor time is layer 7's. With a kind, `ports-only`
//! behind it, and one round, an instruction counter tells the same without noise.

use std::net::IpAddr;

use meter::craft::{Conversation, Ends, Opening, Random};
use meter::{Config, Meter};
use model::{FlowRecord, Timestamp};

const SYN: u8 = 2;
const ACK: u8 = 16;
const PUSH_ACK: u8 = 24;
const FIN_ACK: u8 = 17;
const KINDS: [&str; 9] = [
    "dns",
    "tls13",
    "tls12",
    "quic",
    "http",
    "ssh",
    "unknown-tcp",
    "unknown-udp",
    "syn",
];
/// Hosts, of which each has an opening.
const HOSTS: usize = 512;

/// The packets of some flows, and their payloads.
struct Traffic {
    packets: Vec<(Timestamp, dissect::Packet)>,
    payloads: Vec<u8>,
    ends: Vec<usize>,
}

fn openings(kind: &str, random: &mut Random) -> Vec<Opening> {
    let host = |number: usize| format!("www{}.site{}.example.com", number % 16, number / 16);
    let of = |number: usize| {
        let host = host(number);
        Some(match kind {
            "dns" => Opening::dns(&host, random),
            "tls13" => Opening::tls13(&host, random),
            "tls12" => Opening::tls12(&host, random),
            "quic" => return Opening::quic(&host, random),
            "http" => Opening::http(&host, random),
            "ssh" => Opening::ssh(random),
            "unknown-tcp" => Opening::unknown(6, 8_899, random),
            "unknown-udp" => Opening::unknown(17, 40_404, random),
            _ => Opening {
                protocol: 6,
                port: 445,
                messages: Vec::new(),
            },
        })
    };
    (0..HOSTS).filter_map(of).collect()
}

fn traffic(kind: &str, flows: u32) -> Traffic {
    let mut random = Random::new(7);
    let openings = openings(kind, &mut random);
    let mut traffic = Traffic {
        packets: Vec::new(),
        payloads: Vec::new(),
        ends: Vec::new(),
    };
    let mut frame = Vec::new();
    let mut say = |conversation: &mut Conversation, forward, flags, payload: &[u8]| {
        frame.clear();
        conversation.frame(forward, flags, payload, &mut frame);
        let wire_len = u32::try_from(frame.len()).expect("a frame");
        let view = dissect::Frame {
            link_type: 1,
            data: &frame,
            wire_len,
            vlan_tci: None,
        };
        let packet = dissect::dissect(&view).expect("a sound frame");
        traffic.payloads.extend_from_slice(packet.payload_in(&frame));
        traffic.ends.push(traffic.payloads.len());
        let time = Timestamp::from_nanos(1_000_000_000_000 + traffic.packets.len() as u64 * 1_000);
        traffic.packets.push((time, packet));
    };
    for number in 0..flows {
        let opening = &openings[number as usize % openings.len()];
        let port = u16::try_from(1_024 + number % 60_000).expect("a port");
        let ends = Ends::numbered(
            opening.protocol,
            number % 5_000,
            port,
            number.wrapping_mul(2_654_435_761),
            opening.port,
            number.is_multiple_of(10),
        );
        assert!(matches!(ends.client, IpAddr::V4(_) | IpAddr::V6(_)));
        let mut conversation = Conversation::new(ends, [number, !number]);
        if opening.protocol == 6 {
            say(&mut conversation, true, SYN, &[]);
            if kind == "syn" {
                continue;
            }
            say(&mut conversation, false, SYN | ACK, &[]);
            say(&mut conversation, true, ACK, &[]);
        }
        for (forward, message) in &opening.messages {
            for part in message.chunks(1_448) {
                say(&mut conversation, *forward, PUSH_ACK, part);
            }
        }
        if opening.protocol == 6 {
            say(&mut conversation, true, FIN_ACK, &[]);
            say(&mut conversation, false, FIN_ACK, &[]);
        }
    }
    traffic
}

/// Meters; nanoseconds of processor time.
fn meter(traffic: &Traffic, config: &Config) -> f64 {
    let mut meter = Meter::new(config.clone());
    let mut records = 0_u64;
    let before = processor_nanos();
    let mut start = 0;
    let mut packets = traffic.packets.iter().zip(&traffic.ends);
    meter.observe_all(
        capture::fetch_line,
        |next| {
            let Some(((time, packet), &end)) = packets.next() else {
                return false;
            };
            (next.time, next.packet, next.payload) = (*time, *packet, &traffic.payloads[start..end]);
            start = end;
            true
        },
        &mut |_: FlowRecord| records += 1,
        |(), _| {},
    );
    meter.flush(&mut |_: FlowRecord| records += 1);
    let took = processor_nanos() - before;
    assert!(records > 0);
    took
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let flows: u32 = arguments.next().map_or(20_000, |n| n.parse().expect("how many flows"));
    let rounds: u32 = arguments.next().map_or(9, |n| n.parse().expect("how many rounds"));
    let only = arguments.next();
    let is_ports_only = arguments.next().is_some();
    let with = Config::offline();
    let mut without = Config::offline();
    without.layer7 = None;
    for kind in KINDS {
        if only.as_deref().is_some_and(|only| only != kind) {
            continue;
        }
        let traffic = traffic(kind, flows);
        if rounds == 1 {
            meter(&traffic, if is_ports_only { &without } else { &with });
            continue;
        }
        let best = |config: &Config| {
            let nanos = (0..rounds).map(|_| meter(&traffic, config));
            nanos.fold(f64::INFINITY, f64::min) / f64::from(flows)
        };
        let (with, without) = (best(&with), best(&without));
        println!(
            "{kind:<12} {:>7.0} ns a flow: {with:.0} with layer 7, {without:.0} without",
            with - without
        );
    }
}

/// User and system time of this process so far.
fn processor_nanos() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").expect("Linux");
    let nanos = stat.split(' ').next().and_then(|n| n.parse().ok());
    nanos.expect("nanoseconds")
}
