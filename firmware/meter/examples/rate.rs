//! How many packets of a capture a processor meters in a second: `rate FILE [ROUNDS] [ports-only]`. Reading, dissecting and
//! metering, without printing; the best of the rounds, in processor time.

use std::time::Duration;

use capture::file::CaptureFile;
use capture::{Polled, Source};
use meter::{Config, Meter};
use model::FlowRecord;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("the capture's path");
    let rounds: u32 = arguments.next().map_or(5, |n| n.parse().expect("how many rounds"));
    let mut config = Config::offline();
    if arguments.next().is_some() {
        config.layer7 = None;
    }
    let mut best = f64::INFINITY;
    let mut packets = 0;
    for _ in 0..rounds {
        let mut meter = Meter::new(config.clone());
        let mut records = 0_u64;
        let mut source = CaptureFile::open(path.as_ref()).expect("the capture");
        let before = processor_seconds();
        loop {
            let mut sink = |_: FlowRecord| records += 1;
            let polled = source.poll_together(Duration::ZERO, |mut frames| {
                let each = |(): &(), _| {};
                meter.observe_all(
                    capture::fetch_line,
                    |packet| {
                        Iterator::any(&mut frames, |frame| {
                            let view = dissect::Frame {
                                link_type: frame.link_type,
                                data: frame.data,
                                wire_len: frame.wire_len,
                                vlan_tci: frame.vlan_tci,
                            };
                            packet.time = frame.time;
                            let is_metered = dissect::dissect_into(&view, &mut packet.packet).is_ok();
                            packet.payload = packet.packet.payload_in(frame.data);
                            is_metered
                        })
                    },
                    &mut sink,
                    each,
                );
            });
            if matches!(polled.expect("a sound capture"), Polled::End) {
                break;
            }
        }
        meter.flush(&mut |_: FlowRecord| records += 1);
        best = best.min(processor_seconds() - before);
        packets = meter.statistics().packets;
        eprintln!("{records} records, {:?}", meter.layer7_statistics());
    }
    #[allow(clippy::cast_precision_loss, reason = "a few millions")]
    let rate = packets as f64 / best / 1e6;
    println!("{packets} packets, {rate:.2} M a CPU-second");
}

/// User and system time of this process so far.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").expect("Linux");
    let nanos: f64 = stat
        .split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .expect("nanoseconds");
    nanos / 1e9
}
