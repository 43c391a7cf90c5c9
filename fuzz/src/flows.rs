//! What the targets of layer 7 do with octets: flows of an inspector.

use dissect::Frame;
use dissect::l7::{Begin, Config, Inspection, Inspector};
use model::Timestamp;

const ETHERNET: u16 = 1;
const TCP: u8 = 6;
/// The sequence numbers that both sides begin with.
const BEGINS: [u32; 2] = [0xffff_fff0, 7];
/// The most octets of a packet's payload.
const PAYLOAD_MAX: usize = 65_000;
/// Octets that an inspection may hold of a direction.
const HELD_MAX: usize = 16 << 10;

/// Shows octets to an inspector: as one packet of a client; and as packets of both sides, each after two octets that say its
/// direction, whether one before it was lost, and its length.
pub fn inspect(protocol: u8, port: u16, input: &[u8]) {
    let mut flow = Shown::new(protocol, port);
    flow.packet(true, 0, input);
    flow.close();
    let mut flow = Shown::new(protocol, port);
    let mut rest = input;
    while let Some((word, after)) = rest.split_first_chunk::<2>() {
        let word = u16::from_be_bytes(*word);
        let length = usize::from(word & 0x7ff).min(after.len());
        let (payload, after) = after.split_at(length);
        let lost = if word & 0x7000 == 0x7000 { 100 } else { 0 };
        flow.packet(word & 0x8000 == 0, lost, payload);
        rest = after;
    }
    flow.close();
}

struct Shown {
    inspector: Inspector,
    inspection: Option<Inspection>,
    protocol: u8,
    port: u16,
    next: [u32; 2],
    now: Timestamp,
}

impl Shown {
    fn new(protocol: u8, port: u16) -> Self {
        let config = Config {
            max_inspections: 2,
            max_held: 1 << 20,
            max_held_direction: HELD_MAX,
            max_transactions: 8,
            ..Config::default()
        };
        Self {
            inspector: Inspector::new(config),
            inspection: None,
            protocol,
            port,
            next: BEGINS,
            now: Timestamp::from_secs(1_700_000_000),
        }
    }

    fn packet(&mut self, forward: bool, lost: u32, payload: &[u8]) {
        let payload = &payload[..payload.len().min(PAYLOAD_MAX)];
        let next = &mut self.next[usize::from(!forward)];
        let number = next.wrapping_add(lost);
        *next = number.wrapping_add(u32::try_from(payload.len()).expect("a packet is short"));
        let frame = frame(self.protocol, self.port, forward, number, payload);
        let view = Frame {
            link_type: ETHERNET,
            data: &frame,
            wire_len: u32::try_from(frame.len()).expect("a frame is short"),
            vlan_tci: None,
        };
        let packet = dissect::dissect(&view).expect("the frame is sound");
        let begin = Begin {
            forward,
            expected: [Some(BEGINS[0]), Some(BEGINS[1])],
        };
        self.now = self.now.plus_nanos(1_000_000);
        if self.inspection.is_none() {
            self.inspection = self.inspector.open(&packet, begin, self.now);
        }
        if let Some(inspection) = &mut self.inspection {
            self.inspector
                .observe(inspection, &packet, payload, forward, self.now, &mut look);
        }
    }

    fn close(mut self) {
        if let Some(inspection) = self.inspection.take() {
            let (_, l7) = self.inspector.close(inspection, &mut look);
            assert!(l7.host.is_none_or(|host| host.len() <= model::L7::HOST_MAX));
            assert!(l7.details.iter().all(|(_, value)| value.len() <= model::Details::VALUE_MAX));
        }
        let statistics = self.inspector.statistics();
        assert_eq!((statistics.open, statistics.held), (0, 0));
    }
}

/// An Ethernet frame with an IPv4 packet of TCP or UDP.
fn frame(protocol: u8, port: u16, forward: bool, number: u32, payload: &[u8]) -> Vec<u8> {
    let short = |length: usize| u16::try_from(length).expect("a packet is short").to_be_bytes();
    let (mut ends, mut ports) = ([[192, 0, 2, 1], [198, 51, 100, 1]], [50_000_u16, port]);
    if !forward {
        ends.reverse();
        ports.reverse();
    }
    let mut header: Vec<u8> = ports.iter().flat_map(|port| port.to_be_bytes()).collect();
    if protocol == TCP {
        header.extend(number.to_be_bytes());
        header.extend([0, 0, 0, 0, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    } else {
        header.extend(short(8 + payload.len()));
        header.extend([0, 0]);
    }
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
    frame.extend(short(20 + header.len() + payload.len()));
    frame.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
    frame.extend(ends.concat());
    frame.extend(header);
    frame.extend(payload);
    frame
}

fn look(log: model::LogRecord) {
    assert!(log.source.is_application());
    assert!(!log.text.is_empty());
}
