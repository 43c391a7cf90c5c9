//! What the target of whole frames does with octets: dissects, meters and looks into them.

use std::time::Duration;

use meter::{Config, Meter, Sink};
use model::{FlowRecord, HomeNetworks, LinkId, LogRecord, Timestamp};

/// Link types that frames are taken for.
const LINK_TYPES: [u16; 8] = [1, 1, 1, 1, 101, 113, 276, 105];

/// Sums up what comes.
#[derive(Default)]
struct Sums {
    packets: u64,
    bytes: u64,
    logs: u64,
}

impl Sink for Sums {
    fn record(&mut self, record: FlowRecord) {
        assert!(record.start <= record.end);
        assert_eq!(record.src_ip.is_ipv4(), record.dst_ip.is_ipv4());
        self.packets += record.packets + record.packets_rev;
        self.bytes += record.bytes + record.bytes_rev;
    }

    fn log(&mut self, log: LogRecord) {
        assert!(log.source.is_application());
        self.logs += 1;
    }
}

/// Meters octets as frames: three octets before each say its link type, how much of it was cut off or how long ago the last one
/// was, and its length. Every packet that can be metered is in a record at the end.
pub fn meter(input: &[u8]) {
    let mut config = Config::live(LinkId(1), HomeNetworks::private());
    config.max_flows = 8;
    config.idle = Some(Duration::from_secs(4));
    config.active = Some(Duration::from_secs(8));
    let mut meter = Meter::new(config);
    let mut sums = Sums::default();
    let mut now = 1_700_000_000_000_000_000_u64;
    let mut rest = input;
    while let Some((head, after)) = rest.split_first_chunk::<3>() {
        let [kind, high, low] = *head;
        let length = usize::from(u16::from_be_bytes([high, low]) & 0x07ff).min(after.len());
        let (data, after) = after.split_at(length);
        rest = after;
        now += u64::from(kind >> 4).pow(4) * 100_000;
        let time = Timestamp::from_nanos(now);
        let frame = dissect::Frame {
            link_type: LINK_TYPES[usize::from(kind & 7)],
            data,
            wire_len: u32::try_from(length).unwrap_or(0) + if kind & 8 != 0 { 100 } else { 0 },
            vlan_tci: None,
        };
        let _ = dissect::cast(&frame);
        if let Ok(packet) = dissect::dissect(&frame) {
            meter.observe(&packet, packet.payload_in(data), time, &mut sums);
        }
        meter.advance(time, &mut sums);
    }
    meter.deltas(|delta| assert!(delta.forward.packets + delta.reverse.packets > 0));
    meter.flush(&mut sums);
    let statistics = meter.statistics();
    assert_eq!((sums.packets, sums.bytes), (statistics.packets, statistics.bytes));
    let layer7 = meter.layer7_statistics().expect("it is on");
    assert_eq!((layer7.open, layer7.held), (0, 0));
}
