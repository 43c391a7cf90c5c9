//! What many flows at a time take: `concurrent [FLOWS]` opens that many of the usual mix, none of which ends, and prints
//! the memory that the process takes for them.

use meter::craft::{Conversation, Ends, Opening, Random};
use meter::{Config, Meter};
use model::{FlowRecord, HomeNetworks, LinkId, Timestamp};

fn main() {
    let flows: u32 = std::env::args()
        .nth(1)
        .map_or(1_000_000, |n| n.parse().expect("how many flows"));
    let mut random = Random::new(0x5eed);
    let before = resident_kib();
    let mut config = Config::live(LinkId(1), HomeNetworks::private());
    config.on_memory = capture::favour_large_pages;
    config.idle = None;
    config.active = None;
    let mut meter = Meter::new(config);
    let mut records = 0_u64;
    let mut frame = Vec::new();
    let mut packets = 0_u64;
    for number in 0..flows {
        // Every fourth host is asked once only, as in life.
        let host = if number % 4 == 0 { number } else { random.zipf(20_000) };
        let host = format!("host{host}.example.com");
        let opening = match number % 20 {
            0..6 => Some(Opening::dns(&host, &mut random)),
            6..11 => Some(Opening::tls13(&host, &mut random)),
            11..13 => Some(Opening::tls12(&host, &mut random)),
            13..15 => Opening::quic(&host, &mut random),
            15 => Some(Opening::http(&host, &mut random)),
            16 => Some(Opening::unknown(6, 8_899, &mut random)),
            17 => Some(Opening::unknown(17, 40_404, &mut random)),
            _ => None,
        };
        let (protocol, port) = opening.as_ref().map_or((6, 445), |o| (o.protocol, o.port));
        #[allow(clippy::cast_possible_truncation, reason = "a port")]
        let client_port = (number % 50_000) as u16 + 1_024;
        let ends = Ends::numbered(
            protocol,
            number / 50_000,
            client_port,
            number / 7,
            port,
            number % 10 == 0,
        );
        let mut conversation = Conversation::new(ends, [random.below(u32::MAX), random.below(u32::MAX)]);
        let mut say = |forward: bool, flags: u8, payload: &[u8]| {
            frame.clear();
            conversation.frame(forward, flags, payload, &mut frame);
            let view = dissect::Frame {
                link_type: 1,
                data: &frame,
                wire_len: 0,
                vlan_tci: None,
            };
            let packet = dissect::dissect(&view).expect("a sound frame");
            packets += 1;
            let now = Timestamp::from_nanos(1_700_000_000_000_000_000 + packets * 1_000);
            meter.observe(&packet, packet.payload_in(&frame), now, &mut |_: FlowRecord| {
                records += 1
            });
        };
        if protocol == 6 {
            say(true, 2, &[]);
        }
        if let Some(opening) = &opening {
            if protocol == 6 {
                say(false, 18, &[]);
                say(true, 16, &[]);
            }
            for (forward, message) in &opening.messages {
                for part in message.chunks(1_448) {
                    say(*forward, 24, part);
                }
            }
        }
        // Nobody asks for deltas here.
        if number % 10_000 == 0 {
            meter.deltas(|_| {});
        }
    }
    let active = meter.statistics().active;
    println!(
        "{active} flows open, {records} records, {packets} packets: {} MB",
        (resident_kib() - before) * 1024 / 1_000_000
    );
    println!("{:?}", meter.layer7_statistics());
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .expect("a resident size");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
