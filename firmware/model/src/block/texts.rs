//! Texts of a block: numbered as they come, sorted when the block is packed, and read again.

use super::dictionary::Seed;
use super::{BlockError, Column, Unpacker, Values};

/// The most octets of a text that a block keeps.
const OCTETS_MAX: usize = 255;

/// Texts and their numbers, which are those of their first appearance.
#[derive(Debug)]
pub(super) struct TextNumbers {
    seed: Seed,
    /// The upper half of a text's hash, and its number plus one; 0 is an empty slot. A power of two of them, at most half
    /// of them taken.
    slots: Vec<(u32, u32)>,
    octets: Vec<u8>,
    /// Where each text ends.
    ends: Vec<u32>,
}

const SLOTS_MIN: usize = 1 << 10;

impl TextNumbers {
    /// Octets that a text counts besides its own: no more texts come of [`super::Block::SIDE_OCTETS_MAX`] than a reader
    /// takes.
    const TEXT_EXTRA: usize = 10;

    pub(super) fn new(seed: Seed) -> Self {
        Self {
            seed,
            slots: Vec::new(),
            octets: Vec::new(),
            ends: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// What the texts count.
    pub(super) fn octets(&self) -> usize {
        self.octets.len() + self.ends.len() * Self::TEXT_EXTRA
    }

    /// What one more text may count.
    pub(super) const fn octets_of_one() -> usize {
        OCTETS_MAX + Self::TEXT_EXTRA
    }

    fn get(&self, number: u32) -> &[u8] {
        let before = number.checked_sub(1).and_then(|n| self.ends.get(n as usize));
        let from = before.copied().unwrap_or(0) as usize;
        let to = self.ends.get(number as usize).copied().unwrap_or(0) as usize;
        self.octets.get(from..to).unwrap_or_default()
    }

    /// The number of a text: the next one where it is new. Longer ones than a block keeps are cut.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        let mut length = text.len().min(OCTETS_MAX);
        while !text.is_char_boundary(length) {
            length -= 1;
        }
        let text = text.as_bytes().get(..length).unwrap_or_default();
        if self.ends.len() * 2 >= self.slots.len() {
            self.grow();
        }
        let hash = self.seed.hash(text);
        let (mark, mask) = (mark(hash), self.slots.len() - 1);
        let mut at = place(hash, mask);
        while let Some((found, number)) = self.slots.get(at).copied().filter(|slot| slot.1 != 0) {
            if found == mark && self.get(number - 1) == text {
                return number - 1;
            }
            at = (at + 1) & mask;
        }
        self.octets.extend_from_slice(text);
        // A block has far fewer than 2³² octets.
        self.ends.push(u32::try_from(self.octets.len()).unwrap_or(u32::MAX));
        let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = (mark, number);
        }
        number - 1
    }

    #[cold]
    fn grow(&mut self) {
        let length = (self.slots.len() * 4).max(SLOTS_MIN);
        self.slots.clear();
        self.slots.resize(length, (0, 0));
        for number in (1u32..).take(self.ends.len()) {
            let hash = self.seed.hash(self.get(number - 1));
            let mut at = place(hash, length - 1);
            while self.slots.get(at).is_some_and(|slot| slot.1 != 0) {
                at = (at + 1) & (length - 1);
            }
            if let Some(slot) = self.slots.get_mut(at) {
                *slot = (mark(hash), number);
            }
        }
    }

    /// Forgets the texts and keeps the room.
    pub(super) fn clear(&mut self) {
        if !self.ends.is_empty() {
            self.octets.clear();
            self.ends.clear();
            self.slots.fill((0, 0));
        }
    }

    /// The texts in ascending order, and the place of each number there.
    pub(super) fn sorted(&self) -> SortedTexts {
        let mut order: Vec<(u64, u32)> = (0..).take(self.len()).map(|n| (front(self.get(n)), n)).collect();
        order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.get(a.1).cmp(self.get(b.1))));
        let mut sorted = SortedTexts {
            places: vec![0; order.len()],
            lengths: Vec::with_capacity(order.len()),
            octets: Vec::with_capacity(self.octets.len()),
        };
        for ((_, number), place) in order.iter().zip(0..) {
            let text = self.get(*number);
            sorted.octets.extend_from_slice(text);
            sorted.lengths.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
            if let Some(found) = sorted.places.get_mut(*number as usize) {
                *found = place;
            }
        }
        sorted
    }
}

/// The first octets of a text, which order as it does but for those that begin alike.
fn front(text: &[u8]) -> u64 {
    let mut octets = [0; 8];
    octets.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(octets)
}

/// Texts in ascending order.
#[derive(Debug)]
pub(super) struct SortedTexts {
    /// By number.
    places: Vec<u32>,
    pub(super) lengths: Vec<u8>,
    pub(super) octets: Vec<u8>,
}

impl SortedTexts {
    /// The place of an optional number: both are one larger, and 0 is none.
    pub(super) fn place(&self, number: u32) -> u32 {
        let place = number.checked_sub(1).and_then(|n| self.places.get(n as usize));
        place.map_or(0, |place| place + 1)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the upper half")]
const fn mark(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[allow(clippy::cast_possible_truncation, reason = "below the mask")]
const fn place(hash: u64, mask: usize) -> usize {
    hash as usize & mask
}

/// The texts of a dictionary, in ascending order of their octets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    octets: String,
    ends: Vec<usize>,
}

impl Texts {
    pub(super) fn read(lengths: Column<'_>, octets: Column<'_>, unpacker: &mut Unpacker) -> Result<Self, BlockError> {
        let fault = || BlockError::Contents("dictionary of texts");
        let mut values = Values::default();
        unpacker.unpack(&lengths, &mut values)?;
        let mut end = 0usize;
        let length = |at| {
            values
                .get(at)
                .and_then(|length| usize::try_from(length).ok())
                .unwrap_or(0)
        };
        let ends: Vec<usize> = (0..values.len())
            .map(|at| {
                end = end.saturating_add(length(at));
                end
            })
            .collect();
        unpacker.unpack(&octets, &mut values)?;
        if values.len() != end {
            return Err(fault());
        }
        let mut numbers = [0; 512];
        let mut octets = Vec::with_capacity(end);
        while octets.len() < end {
            let count = values.copy(octets.len(), &mut numbers);
            #[allow(clippy::cast_possible_truncation, reason = "a column of octets: see Field::bits")]
            octets.extend(numbers.iter().take(count).map(|n| *n as u8));
        }
        let octets = String::from_utf8(octets).map_err(|_| fault())?;
        if !ends.iter().all(|end| octets.is_char_boundary(*end)) {
            return Err(fault());
        }
        Ok(Self { octets, ends })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text of a place.
    #[must_use]
    pub fn get(&self, place: u64) -> Option<&str> {
        let place = usize::try_from(place).ok()?;
        let to = *self.ends.get(place)?;
        let from = place.checked_sub(1).and_then(|before| self.ends.get(before));
        self.octets.get(from.copied().unwrap_or(0)..to)
    }

    /// The texts, by place.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut from = 0;
        self.ends.iter().map(move |to| {
            let text = self.octets.get(from..*to).unwrap_or_default();
            from = *to;
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn numbers_are_those_of_a_naive_map_and_places_those_of_the_sorted_texts() {
        let mut texts = TextNumbers::new(Seed::random());
        for round in 0..2u64 {
            let mut naive: HashMap<String, u32> = HashMap::new();
            for n in 0..5_000u64 {
                let text = format!("{}.example{}.com", (n * n + round) % 1_319, n % 3);
                let next = u32::try_from(naive.len()).unwrap();
                assert_eq!(texts.number(&text), *naive.entry(text).or_insert(next));
            }
            let sorted = texts.sorted();
            let mut expected: Vec<_> = naive.iter().collect();
            expected.sort();
            assert_eq!(
                sorted.octets,
                expected
                    .iter()
                    .map(|(text, _)| text.as_str())
                    .collect::<String>()
                    .as_bytes()
            );
            for ((text, number), place) in expected.iter().zip(1..) {
                assert_eq!(sorted.place(**number + 1), place, "{text}");
                assert_eq!(usize::from(sorted.lengths[place as usize - 1]), text.len());
            }
            assert_eq!(sorted.place(0), 0);
            texts.clear();
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let mut texts = TextNumbers::new(Seed::random());
        texts.number(&"é".repeat(200));
        assert_eq!(texts.get(0), "é".repeat(127).as_bytes());
        texts.number("");
        assert_eq!((texts.get(1), texts.len()), (&b""[..], 2));
    }
}
