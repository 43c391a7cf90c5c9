//! Frames made octet by octet, and what is metered of them.

use std::net::{Ipv4Addr, Ipv6Addr};

use dissect::{NotMetered, l7};
use meter::{Config, Meter, Sink, Statistics};
use model::{DetailKey, FlowRecord, LogRecord, Timestamp};

pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 5);
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 9);

pub(crate) fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [
        &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2][..],
        &ether_type.to_be_bytes(),
        payload,
    ]
    .concat()
}

/// An IPv4 packet; `fragment` is its identification, and flags and offset as they stand in the header.
pub(crate) fn ipv4(ends: (Ipv4Addr, Ipv4Addr), protocol: u8, fragment: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 20).expect("a short packet");
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend(fragment.0.to_be_bytes());
    packet.extend(fragment.1.to_be_bytes());
    packet.extend([64, protocol, 0, 0]);
    packet.extend(ends.0.octets());
    packet.extend(ends.1.octets());
    let sum = packet
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum::<u32>();
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = !u16::try_from((sum & 0xffff) + (sum >> 16)).expect("16 bits");
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(payload);
    packet
}

pub(crate) fn ipv6(ends: (Ipv6Addr, Ipv6Addr), next: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("a short packet");
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([next, 64]);
    packet.extend(ends.0.octets());
    packet.extend(ends.1.octets());
    packet.extend(payload);
    packet
}

pub(crate) fn udp(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).expect("a short datagram");
    [
        &ports.0.to_be_bytes()[..],
        &ports.1.to_be_bytes(),
        &length.to_be_bytes(),
        &[0, 0],
        payload,
    ]
    .concat()
}

pub(crate) fn tcp(ports: (u16, u16), seq: u32, ack: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(ports.0.to_be_bytes());
    segment.extend(ports.1.to_be_bytes());
    segment.extend(seq.to_be_bytes());
    segment.extend(ack.to_be_bytes());
    segment.extend([0x50, flags, 0x10, 0, 0, 0, 0, 0]);
    segment.extend(payload);
    segment
}

/// What became of frames.
#[derive(Debug, Default)]
pub(crate) struct Metered {
    pub(crate) records: Vec<FlowRecord>,
    pub(crate) logs: Vec<LogRecord>,
    pub(crate) refused: Vec<NotMetered>,
    pub(crate) statistics: Statistics,
    pub(crate) layer7: Option<l7::Statistics>,
}

#[derive(Default)]
struct Out {
    records: Vec<FlowRecord>,
    logs: Vec<LogRecord>,
}

impl Sink for Out {
    fn record(&mut self, record: FlowRecord) {
        self.records.push(record);
    }

    fn log(&mut self, log: LogRecord) {
        self.logs.push(log);
    }
}

/// Meters Ethernet frames, a millisecond apart.
pub(crate) fn meter<'a>(frames: impl IntoIterator<Item = &'a Vec<u8>>) -> Metered {
    let mut config = Config::offline();
    if let Some(layer7) = &mut config.layer7 {
        layer7.logs = true;
    }
    let mut meter = Meter::new(config);
    let (mut out, mut got) = (Out::default(), Metered::default());
    let mut now = 1_700_000_000_000_000_000;
    for data in frames {
        now += 1_000_000;
        let frame = dissect::Frame {
            link_type: 1,
            data,
            wire_len: u32::try_from(data.len()).expect("a short frame"),
            vlan_tci: None,
        };
        match dissect::dissect(&frame) {
            Ok(packet) => {
                meter.observe(&packet, packet.payload_in(data), Timestamp::from_nanos(now), &mut out);
            }
            Err(refused) => got.refused.push(refused),
        }
    }
    meter.flush(&mut out);
    got.statistics = meter.statistics();
    got.layer7 = meter.layer7_statistics();
    (got.records, got.logs) = (out.records, out.logs);
    got
}

/// What a record says was odd.
pub(crate) fn anomaly(record: &FlowRecord) -> Option<&str> {
    record.l7.as_ref()?.details.get(DetailKey::Anomaly)
}

/// What a record says of the host's name.
pub(crate) fn host(record: &FlowRecord) -> Option<&str> {
    record.l7.as_ref()?.host.as_deref()
}
