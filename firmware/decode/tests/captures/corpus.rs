//! The folder of captures, and what is in them. SPANWATCH_CAPTURES names the folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use capture::file::CaptureFile;
use capture::{Polled, Source};
use decode::{Decoder, Extractor, Sink};

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

/// Decodes a capture's datagrams.
pub(crate) fn decode<S: Sink>(path: &Path, decoder: &mut Decoder, sink: &mut S) {
    let mut source = CaptureFile::open(path).expect("the capture opens");
    let mut extractor = Extractor::default();
    loop {
        let polled = source.poll(Duration::ZERO, |frame| {
            let frame_in = dissect::Frame {
                link_type: frame.link_type,
                data: frame.data,
                wire_len: frame.wire_len,
                vlan_tci: frame.vlan_tci,
            };
            if let Some(datagram) = extractor.push(&frame_in)
                && decode::looks_exported(&datagram.payload)
            {
                decoder.decode(frame.time, datagram.src, &datagram.payload, sink);
            }
        });
        if polled.expect("the capture reads") == Polled::End {
            break;
        }
    }
}
