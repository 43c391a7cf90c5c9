//! One buffer between a reader and the records in it; for a mapped file, a window on it.

use std::io::{self, Chain, Cursor, Read};

use super::map::FileMap;

/// Small enough to stay in the second-level cache: copied once, parsed while hot.
const PIECE: usize = 256 << 10;

/// Octets read ahead of where parsing is.
pub(crate) struct Buffer {
    from: From,
    /// What is ahead: this part of the data read, or of the file.
    start: usize,
    end: usize,
    /// The offset of `start` in the capture.
    position: u64,
}

enum From {
    Reader {
        reader: Box<dyn Read + Send>,
        data: Vec<u8>,
        ended: bool,
    },
    File(FileMap),
}

impl Buffer {
    pub(crate) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self::over(From::Reader {
            reader,
            data: vec![0; PIECE],
            ended: false,
        })
    }

    pub(crate) fn mapped(file: FileMap) -> Self {
        Self::over(From::File(file))
    }

    const fn over(from: From) -> Self {
        Self {
            from,
            start: 0,
            end: 0,
            position: 0,
        }
    }

    /// The same stream decompressed, from its start. Several gzip members are one stream.
    pub(crate) fn gunzip(self) -> Self {
        let ahead = self.start..self.end;
        let packed: Box<dyn Read + Send> = match self.from {
            From::Reader { reader, data, .. } => {
                let ahead = data.get(ahead).unwrap_or(&[]).to_vec();
                let whole: Chain<_, _> = Cursor::new(ahead).chain(reader);
                Box::new(io::BufReader::with_capacity(PIECE, whole))
            }
            From::File(file) => Box::new(Cursor::new(file)),
        };
        Self::new(Box::new(flate2::read::MultiGzDecoder::new(
            io::BufReader::with_capacity(PIECE, packed),
        )))
    }

    /// What was read and not consumed.
    #[inline]
    pub(crate) fn ahead(&self) -> &[u8] {
        let data = match &self.from {
            From::Reader { data, .. } => data.as_slice(),
            From::File(file) => file.as_slice(),
        };
        data.get(self.start..self.end).unwrap_or(&[])
    }

    /// The offset in the capture of what [`Self::ahead`] starts with.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Done with the next `octets`; no more than are ahead.
    #[inline]
    pub(crate) fn consume(&mut self, octets: usize) {
        let octets = octets.min(self.end - self.start);
        self.start += octets;
        self.position += octets as u64;
    }

    /// Reads until `needed` octets are ahead or the stream ends; how many are ahead then.
    pub(crate) fn fill_to(&mut self, needed: usize) -> io::Result<usize> {
        match &mut self.from {
            From::File(file) => {
                let window = self.start.saturating_add(needed.max(PIECE));
                self.end = window.min(file.as_slice().len());
            }
            From::Reader { reader, data, ended } => {
                if self.start > 0 && self.end - self.start < needed {
                    data.copy_within(self.start..self.end, 0);
                    self.end -= self.start;
                    self.start = 0;
                }
                // Grown step by step, so that a false length costs no memory that the stream does not fill.
                while self.end - self.start < needed && !*ended {
                    if self.end == data.len() {
                        let grown = (data.len() * 2).min(needed.max(PIECE) + PIECE);
                        data.resize(grown.max(self.end + 1), 0);
                    }
                    let room = data.get_mut(self.end..).unwrap_or(&mut []);
                    match reader.read(room) {
                        Ok(0) => *ended = true,
                        Ok(read) => self.end += read,
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        Ok(self.end - self.start)
    }

    /// Passes over octets; how many there were.
    pub(crate) fn pass(&mut self, octets: u64) -> io::Result<u64> {
        let mut left = octets;
        while left > 0 {
            let have = self.fill_to(1)?;
            if have == 0 {
                break;
            }
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(have);
            self.consume(step);
            left -= step as u64;
        }
        Ok(octets - left)
    }
}
