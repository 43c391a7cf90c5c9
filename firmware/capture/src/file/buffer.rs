//! One buffer between a reader and the records in it.

use std::io::{self, Chain, Cursor, Read};

/// Small enough to stay in the second-level cache: copied once, parsed while hot.
const PIECE: usize = 256 << 10;

/// Octets read ahead of where parsing is.
pub(crate) struct Buffer {
    reader: Box<dyn Read + Send>,
    data: Vec<u8>,
    start: usize,
    end: usize,
    /// The offset of `start` in the capture.
    position: u64,
    ended: bool,
}

impl Buffer {
    pub(crate) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self {
            reader,
            data: vec![0; PIECE],
            start: 0,
            end: 0,
            position: 0,
            ended: false,
        }
    }

    /// The same stream decompressed, from where it is. Several gzip members are one stream.
    pub(crate) fn gunzip(self) -> Self {
        let read_ahead = Cursor::new(self.ahead().to_vec());
        let whole: Chain<_, _> = read_ahead.chain(self.reader);
        Self::new(Box::new(flate2::read::MultiGzDecoder::new(
            io::BufReader::with_capacity(PIECE, whole),
        )))
    }

    /// What was read and not consumed.
    #[inline]
    pub(crate) fn ahead(&self) -> &[u8] {
        self.data.get(self.start..self.end).unwrap_or(&[])
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
        if self.start > 0 && self.end - self.start < needed {
            self.data.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        // Grown step by step, so that a false length costs no memory that the file does not fill.
        while self.end - self.start < needed && !self.ended {
            if self.end == self.data.len() {
                let grown = (self.data.len() * 2).min(needed.max(PIECE) + PIECE);
                self.data.resize(grown.max(self.end + 1), 0);
            }
            let room = self.data.get_mut(self.end..).unwrap_or(&mut []);
            match self.reader.read(room) {
                Ok(0) => self.ended = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
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
