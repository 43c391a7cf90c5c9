//! What a file is, by what it holds.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, bail};
use flate2::bufread::MultiGzDecoder;

use super::csv;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A pcap or pcapng capture.
    Capture,
    /// IPFIX messages, one after the other (RFC 5655).
    Ipfix,
    /// nfdump's own file.
    Nfcapd,
    /// CSV with a header line.
    Csv,
    /// Objects of JSON.
    Json,
}

impl Kind {
    /// The name in summaries.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Ipfix => "IPFIX file",
            Self::Nfcapd => "nfdump file",
            Self::Csv => "CSV",
            Self::Json => "JSON",
        }
    }

    /// What the file is.
    ///
    /// # Errors
    /// When it cannot be read, is empty or is nothing that is known; the file is not named.
    pub(super) fn of(path: &Path) -> anyhow::Result<Self> {
        let mut reader = text(path)?;
        let start = start(&mut reader)?;
        match start.as_slice() {
            [] => bail!("the file is empty"),
            // Layout 1 is nfdump 1.6's, 2 is 1.7's, in either order of octets.
            [0x0c, 0xa5, 1..=2, 0, ..] | [0xa5, 0x0c, 0, 1..=2, ..] => Ok(Self::Nfcapd),
            [0, 10, high, low, ..] if u16::from_be_bytes([*high, *low]) >= 16 => Ok(Self::Ipfix),
            _ if is_capture(&start) => Ok(Self::Capture),
            _ => Self::of_text(&start),
        }
    }

    fn of_text(start: &[u8]) -> anyhow::Result<Self> {
        let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
        if matches!(text, [b'{' | b'[', ..]) {
            return Ok(Self::Json);
        }
        let mut lines = text.split(|octet| *octet == b'\n').take(16);
        if lines.any(|line| std::str::from_utf8(line).is_ok_and(|line| csv::is_header(line.trim()))) {
            return Ok(Self::Csv);
        }
        if text.starts_with(b"Date first seen") || text.starts_with(b"Date flow start") {
            bail!("this is nfdump's output for people: have it written with `nfdump -o json` or `-o csv`");
        }
        let first = text.split(|octet| *octet == b'\n').next().unwrap_or_default();
        if first.is_ascii() && first.iter().filter(|octet| **octet == b',').count() >= 3 {
            bail!("this looks like CSV without the header line that says what its columns are: write it without -q");
        }
        // Whatever else it may be, this says what it looks like.
        Ok(Self::Capture)
    }
}

fn is_capture(start: &[u8]) -> bool {
    const MAGICS: [[u8; 4]; 5] = [
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x0a, 0x0d, 0x0d, 0x0a],
    ];
    start.first_chunk::<4>().is_some_and(|magic| MAGICS.contains(magic))
}

/// The first octets, decompressed.
fn start(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    reader.take(16 << 10).read_to_end(&mut start)?;
    Ok(start)
}

/// A file's octets, unpacked where it is gzipped.
///
/// # Errors
/// When it cannot be opened.
pub(super) fn text(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    let file = File::open(path).context("it cannot be opened")?;
    if file.metadata().is_ok_and(|about| about.is_dir()) {
        bail!("this is a folder: name the files in it");
    }
    let mut reader = BufReader::with_capacity(256 << 10, file);
    if reader
        .fill_buf()
        .context("it cannot be read")?
        .starts_with(&[0x1f, 0x8b])
    {
        return Ok(Box::new(BufReader::with_capacity(
            256 << 10,
            MultiGzDecoder::new(reader),
        )));
    }
    Ok(Box::new(reader))
}

/// A reader that counts what was read, for progress.
pub(super) struct Counted<R> {
    inner: R,
    octets: Rc<Cell<u64>>,
}

impl<R: BufRead> Counted<R> {
    /// Counts from 0.
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            octets: Rc::default(),
        }
    }

    /// Octets that were read, up to date at any time.
    pub(super) fn octets(&self) -> Rc<Cell<u64>> {
        self.octets.clone()
    }

    fn add(&self, octets: usize) {
        self.octets.set(self.octets.get() + octets as u64);
    }
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.add(length);
        Ok(length)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.add(amount);
        self.inner.consume(amount);
    }
}
