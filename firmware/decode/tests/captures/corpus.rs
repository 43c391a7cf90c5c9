//! The folder of captures, and what is in them.

use std::path::Path;

pub(crate) use capture::corpus::{files, folder};
use decode::{Decoder, Extractor, Sink};

/// Decodes a capture's datagrams.
pub(crate) fn decode<S: Sink>(path: &Path, decoder: &mut Decoder, sink: &mut S) {
    let mut extractor = Extractor::default();
    let read = capture::corpus::frames(path, |frame| {
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
    read.expect("the capture reads");
}
