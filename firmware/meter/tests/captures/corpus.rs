//! The captures that others recorded, with the results that they expect; they are not part of the
//! project. SPANWATCH_CAPTURES names their folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use capture::file::CaptureFile;
use capture::{Polled, Source};
use meter::{Config, Meter, Statistics};
use model::{FlowRecord, MalformedKind};

/// A folder of the corpus; `None`, said aloud, where it is absent.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SPANWATCH_CAPTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures"),
        PathBuf::from,
    );
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "skipped: {} is not there; SPANWATCH_CAPTURES names the folder of captures",
        folder.display()
    );
    None
}

/// The files of a folder, in order.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder can be listed");
    let mut files: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

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
    let mut source = match CaptureFile::open(path) {
        Ok(source) => source,
        Err(error) => {
            got.failure = Some(error.to_string());
            return got;
        }
    };
    loop {
        let polled = source.poll(Duration::ZERO, |frame| {
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
        match polled {
            Ok(Polled::End) => break,
            Ok(_) => {}
            Err(error) => {
                got.failure = Some(error.to_string());
                break;
            }
        }
    }
    meter.flush(&mut |record: FlowRecord| got.records.push(record));
    got.statistics = meter.statistics();
    got
}
