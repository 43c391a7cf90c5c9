//! Capture files: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng), plain or gzipped.
//!
//! Files are mapped, streams are read in large pieces into one buffer; frames borrow from either,
//! nothing is copied or allocated for a packet.

mod buffer;
mod map;
mod pcap;
mod pcapng;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use crate::{Error, Frame, Polled, Source};
use buffer::Buffer;
use map::FileMap;

/// The largest packet record or block that is taken for one; libpcap refuses packets beyond 128 MiB,
/// and no link has frames near this.
const MAX_RECORD: usize = 64 << 20;

/// A capture file, or a stream of one.
pub struct CaptureFile {
    buffer: Buffer,
    format: Format,
    failed: bool,
}

enum Format {
    Pcap(pcap::Header),
    PcapNg(pcapng::Section),
}

/// Whether reading can go on.
enum Step {
    /// The buffer holds no whole record.
    Starved {
        /// Octets that the record needs, as far as is known.
        needed: usize,
        /// What is being read, for an error.
        what: &'static str,
    },
    /// Octets to pass over without looking at them.
    Skip(u64),
}

impl CaptureFile {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be read, or is no capture.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|source| Error::Open {
            path: path.to_owned(),
            source,
        })?;
        match FileMap::new(&file) {
            Some(map) => Self::start(Buffer::mapped(map)),
            None => Self::from_reader(Box::new(file)),
        }
    }

    /// Reads a capture from anything that can be read: a pipe, a decompressor.
    ///
    /// # Errors
    /// When it cannot be read, or is no capture.
    pub fn from_reader(reader: Box<dyn Read + Send>) -> Result<Self, Error> {
        Self::start(Buffer::new(reader))
    }

    fn start(mut buffer: Buffer) -> Result<Self, Error> {
        let read_error = |source| Error::Read { offset: 0, source };
        buffer.fill_to(4).map_err(read_error)?;
        if let [0x1f, 0x8b, ..] = buffer.ahead() {
            buffer = buffer.gunzip();
            buffer.fill_to(4).map_err(read_error)?;
        }
        buffer.fill_to(24).map_err(read_error)?;
        let ahead = buffer.ahead();
        let format = if pcapng::is_section(ahead) {
            Format::PcapNg(pcapng::Section::default())
        } else if let Some(header) = pcap::Header::parse(ahead) {
            let header = header?;
            buffer.consume(24);
            Format::Pcap(header)
        } else {
            return Err(refusal(ahead));
        };
        Ok(Self {
            buffer,
            format,
            failed: false,
        })
    }

    /// Octets of the (decompressed) capture that were read so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.buffer.position()
    }
}

impl Source for CaptureFile {
    fn poll_together(
        &mut self,
        _wait: Duration,
        mut on_frames: impl FnMut(&mut dyn Iterator<Item = Frame<'_>>),
    ) -> Result<Polled, Error> {
        if self.failed {
            return Ok(Polled::End);
        }
        let mut frames = 0;
        let result = loop {
            let step = match &mut self.format {
                Format::Pcap(header) => header.read(&mut self.buffer, &mut frames, &mut on_frames),
                Format::PcapNg(section) => section.read(&mut self.buffer, &mut frames, &mut on_frames),
            };
            match step.and_then(|step| more(&mut self.buffer, &step)) {
                Ok(true) => {}
                Ok(false) => break Ok(Polled::End),
                Err(error) => break Err(error),
            }
            if frames > 0 {
                return Ok(Polled::Frames(frames));
            }
        };
        self.failed = true;
        match result {
            // The end is reported by the next call, frames first.
            Ok(_) if frames > 0 => Ok(Polled::Frames(frames)),
            other => other,
        }
    }
}

/// Brings the next octets into the buffer; `false` at the capture's end.
fn more(buffer: &mut Buffer, step: &Step) -> Result<bool, Error> {
    let offset = buffer.position();
    let read_error = |source| Error::Read { offset, source };
    match *step {
        Step::Skip(octets) => {
            let passed = buffer.pass(octets).map_err(read_error)?;
            if passed < octets {
                return Err(Error::Truncated {
                    offset,
                    end: offset + passed,
                    what: "block",
                });
            }
            Ok(true)
        }
        Step::Starved { needed, what } => {
            let have = buffer.ahead().len();
            if needed > MAX_RECORD {
                return Err(Error::Damaged {
                    offset,
                    what: format!("a {what} of {needed} bytes"),
                });
            }
            match buffer.fill_to(needed) {
                Ok(now) if now >= needed => Ok(true),
                Ok(0) => Ok(false),
                Ok(now) => Err(Error::Truncated {
                    offset,
                    end: offset + now as u64,
                    what,
                }),
                // A gzip file that was cut off ends in such an error; all that it held was used.
                Err(source) => Err(Error::Read {
                    offset: offset + have as u64,
                    source,
                }),
            }
        }
    }
}

/// Says what a file that is no capture looks like.
fn refusal(start: &[u8]) -> Error {
    let what = match start {
        [] => return Error::Empty,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "a zstd archive (decompress it first: zstd -d)",
        [0xfd, b'7', b'z', b'X', b'Z', ..] => "an xz archive (decompress it first: xz -d)",
        [b'B', b'Z', b'h', ..] => "a bzip2 archive (decompress it first: bzip2 -d)",
        [0x04, 0x22, 0x4d, 0x18, ..] => "an lz4 archive (decompress it first: lz4 -d)",
        [b'P', b'K', 3, 4, ..] => "a zip archive (unpack it first)",
        [b's', b'n', b'o', b'o', b'p', 0, ..] => "a snoop capture",
        [b'G', b'M', b'B', b'U', ..] | [b'R', b'T', b'S', b'S', ..] => "a Network Monitor capture",
        [b'T', b'R', b'S', b'N', b'I', ..] => "a Sniffer capture",
        _ if start.len() < 24 => "a file too short for a capture",
        _ => "a file of unknown format",
    };
    let mut what = what.to_owned();
    if what.starts_with("a file") {
        let head: Vec<String> = start.iter().take(4).map(|b| format!("{b:02x}")).collect();
        what = format!("{what} (it starts with {})", head.join(" "));
    }
    Error::NotACapture { what }
}

#[cfg(test)]
mod tests;
