//! The captures that others recorded, with the results that they expect, metered.

use std::path::Path;

pub(crate) use capture::corpus::{files, folder};
use meter::{Config, Meter, Statistics};
use model::{FlowRecord, MalformedKind};

/// What became of a capture's frames.
#[derive(Debug, Default)]
pub(crate) struct Metered {
    pub(crate) records: Vec<FlowRecord>,
    pub(crate) frames: u64,
    pub(crate) not_ip: u64,
    pub(crate) cut_short: u64,
    pub(crate) unsupported: u64,
    pub(crate) malformed: [u64; MalformedKind::ALL.len()],
    pub(crate) statistics: Statistics,
    /// What stopped the reading before the file's end.
    pub(crate) failure: Option<String>,
}

/// Meters a capture as `spanwatch flows` does.
pub(crate) fn meter(path: &Path) -> Metered {
    let mut got = Metered::default();
    let mut meter = Meter::new(Config::offline());
    let read = capture::corpus::frames(path, |frame| {
        got.frames += 1;
        let frame_in = dissect::Frame {
            link_type: frame.link_type,
            data: frame.data,
            wire_len: frame.wire_len,
            vlan_tci: frame.vlan_tci,
        };
        match dissect::dissect(&frame_in) {
            Ok(packet) => {
                let payload = packet.payload_in(frame.data);
                meter.observe(&packet, payload, frame.time, &mut |record| got.records.push(record));
            }
            Err(dissect::NotMetered::Malformed(kind)) => got.malformed[kind.index()] += 1,
            Err(dissect::NotMetered::CutShort) => got.cut_short += 1,
            Err(dissect::NotMetered::UnsupportedLink(_)) => got.unsupported += 1,
            Err(_) => got.not_ip += 1,
        }
    });
    got.failure = read.err();
    meter.flush(&mut |record: FlowRecord| got.records.push(record));
    got.statistics = meter.statistics();
    got
}
