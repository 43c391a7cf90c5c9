//! BER, written from the end of a buffer to its beginning, so that every length is known when it is written.

use crate::Full;

/// A buffer that fills from its end.
pub(crate) struct Backward<'b> {
    buffer: &'b mut [u8],
    /// Where what is written begins.
    begin: usize,
}

impl<'b> Backward<'b> {
    pub(crate) fn new(buffer: &'b mut [u8]) -> Self {
        let begin = buffer.len();
        Self { buffer, begin }
    }

    /// What is written.
    pub(crate) fn finish(self) -> Result<&'b [u8], Full> {
        self.buffer.get(self.begin..).ok_or(Full)
    }

    /// The mark from which a later [`Self::wrap`] counts.
    pub(crate) fn mark(&self) -> usize {
        self.begin
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let begin = self.begin.checked_sub(bytes.len()).ok_or(Full)?;
        self.buffer
            .get_mut(begin..self.begin)
            .ok_or(Full)?
            .copy_from_slice(bytes);
        self.begin = begin;
        Ok(())
    }

    /// Puts tag and length before what was written since `mark`.
    pub(crate) fn wrap(&mut self, tag: u8, mark: usize) -> Result<(), Full> {
        let [_, _, _, _, _, _, high, low] = (mark.saturating_sub(self.begin) as u64).to_be_bytes();
        match (high, low) {
            (0, 0..=0x7f) => self.put(&[low])?,
            (0, _) => self.put(&[0x81, low])?,
            _ => self.put(&[0x82, high, low])?,
        }
        self.put(&[tag])
    }

    /// An octet string.
    pub(crate) fn octets(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let mark = self.mark();
        self.put(bytes)?;
        self.wrap(0x04, mark)
    }

    /// A number that is not negative: INTEGER is 0x02, `TimeTicks` 0x43.
    pub(crate) fn unsigned(&mut self, tag: u8, value: u32) -> Result<(), Full> {
        let mark = self.mark();
        let octets = value.to_be_bytes();
        let zeros = octets.iter().take(3).take_while(|o| **o == 0).count();
        let significant = octets.get(zeros..).unwrap_or_default();
        self.put(significant)?;
        if significant.first().is_some_and(|o| o & 0x80 != 0) {
            // else it would be negative
            self.put(&[0])?;
        }
        self.wrap(tag, mark)
    }

    /// An object identifier: 1.3 and these parts.
    pub(crate) fn object(&mut self, parts: &[u32]) -> Result<(), Full> {
        let mark = self.mark();
        for part in parts.iter().rev() {
            let mut rest = *part;
            let mut more = 0;
            loop {
                let [low, ..] = rest.to_le_bytes();
                self.put(&[(low & 0x7f) | more])?;
                more = 0x80;
                rest >>= 7;
                if rest == 0 {
                    break;
                }
            }
        }
        self.put(&[0x2b])?;
        self.wrap(0x06, mark)
    }
}
