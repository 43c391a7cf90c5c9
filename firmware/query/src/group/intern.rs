//! Numbers for what records have, within a block.

/// Numbers from 0 on for words, in the order in which they come.
#[derive(Debug, Default)]
pub(crate) struct Intern {
    /// One more than a word's number; 0 where there is none. A power of two.
    slots: Vec<u32>,
    words: Vec<u64>,
}

const SLOTS_MIN: usize = 1 << 10;

impl Intern {
    pub(crate) fn clear(&mut self) {
        self.words.clear();
        if self.slots.is_empty() {
            self.slots.resize(SLOTS_MIN, 0);
        }
        self.slots.fill(0);
    }

    /// A word's number.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a mask of the slots; a few words a record of a block"
    )]
    pub(crate) fn number(&mut self, word: u64) -> u32 {
        if (self.words.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut at = Self::hash(word) & mask;
        loop {
            match self.slots[at] {
                0 => {
                    self.words.push(word);
                    self.slots[at] = self.words.len() as u32;
                    return self.words.len() as u32 - 1;
                }
                number if self.words[number as usize - 1] == word => return number - 1,
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// The words by number.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    #[allow(clippy::cast_possible_truncation, reason = "a hash")]
    fn hash(word: u64) -> usize {
        let product = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (product ^ product >> 32) as usize
    }

    #[allow(clippy::cast_possible_truncation, reason = "a few words a record of a block")]
    fn grow(&mut self) {
        let slots = (self.slots.len() * 4).max(SLOTS_MIN);
        self.slots.clear();
        self.slots.resize(slots, 0);
        for (number, word) in (1u32..).zip(&self.words) {
            let mut at = Self::hash(*word) & (slots - 1);
            while self.slots[at] != 0 {
                at = (at + 1) & (slots - 1);
            }
            self.slots[at] = number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_one_number_each() {
        let mut intern = Intern::default();
        for _ in 0..2 {
            intern.clear();
            let numbers: Vec<u32> = (0..9_000u64).map(|n| intern.number((n * n % 5_003) << 20)).collect();
            for (n, number) in (0..9_000u64).zip(numbers) {
                assert_eq!(intern.words()[number as usize], (n * n % 5_003) << 20);
            }
            assert_eq!(intern.words().len(), 2_502);
        }
    }
}
