//! Some of a block's records: a bit each.

/// A bit for each record; bits beyond the last record are 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    /// No record of so many.
    pub(crate) fn clear(&mut self, len: usize) {
        self.words.clear();
        self.words.resize(len.div_ceil(64), 0);
        self.len = len;
    }

    /// The words, the first record in the lowest bit of the first.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    pub(crate) fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }

    /// Clears the bits beyond the last record.
    pub(crate) fn trim(&mut self) {
        if let (Some(last), rest @ 1..) = (self.words.last_mut(), self.len % 64) {
            *last &= (1 << rest) - 1;
        }
    }

    pub(crate) fn and(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a &= b);
    }

    pub(crate) fn or(&mut self, other: &Self) {
        self.words.iter_mut().zip(&other.words).for_each(|(a, b)| *a |= b);
    }

    pub(crate) fn flip(&mut self) {
        self.words.iter_mut().for_each(|a| *a = !*a);
        self.trim();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The records' numbers, ascending, in place of what is in `out`.
    #[allow(clippy::cast_possible_truncation, reason = "a block has 65,536 records at most")]
    pub(crate) fn list(&self, out: &mut Vec<u32>) {
        out.clear();
        for (at, word) in self.words.iter().enumerate() {
            let base = (at * 64) as u32;
            if *word == u64::MAX {
                out.extend(base..base + 64);
                continue;
            }
            let mut word = *word;
            while word != 0 {
                out.push(base + word.trailing_zeros());
                word &= word - 1;
            }
        }
    }
}

/// Which records of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// All of them.
    All,
    /// None.
    None,
    /// Some; at least it is not known to be all or none.
    Some(Bits),
}

/// Sets a bit for each record whose octet is 1; octets are 0 or 1.
pub(crate) fn pack(octets: &[u8], out: &mut [u64]) {
    for (chunk, word) in octets.chunks(64).zip(out) {
        let mut packed = 0u64;
        let (eights, rest) = chunk.as_chunks::<8>();
        for (n, eight) in eights.iter().enumerate() {
            // Each product puts one octet's lowest bit into the uppermost octet, and none of them meet.
            let bits = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            packed |= bits << (n * 8);
        }
        for (n, octet) in rest.iter().enumerate() {
            packed |= u64::from(*octet) << (eights.len() * 8 + n);
        }
        *word = packed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_become_bits_and_numbers() {
        let octets: Vec<u8> = (0..300u32)
            .map(|n| u8::from(n.wrapping_mul(2_654_435_761) >> 30 == 1))
            .collect();
        let mut bits = Bits::default();
        bits.clear(octets.len());
        pack(&octets, bits.words_mut());
        let mut list = Vec::new();
        bits.list(&mut list);
        let naive: Vec<u32> = (0..300).filter(|n| octets[*n as usize] == 1).collect();
        assert_eq!(list, naive);
        bits.flip();
        bits.list(&mut list);
        assert_eq!(list.len(), 300 - naive.len());
        bits.clear(128);
        bits.flip();
        bits.list(&mut list);
        assert_eq!(list, (0..128).collect::<Vec<_>>());
    }
}
