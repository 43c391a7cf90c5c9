//! The filter: which runs of five octets the records' strings hold, so that a search for a word
//! steps over blocks that cannot have it.

use std::borrow::Cow;

use crate::LogRecord;

/// Octets of a run. Shorter runs are in nearly every block (all that addresses are made of), longer
/// ones are too many.
const GRAM: usize = 5;
/// Bits of the largest filter: 2 to the power of this.
const BITS_LOG: u32 = 18;
/// The most octets of a filter.
pub(super) const OCTETS_MAX: usize = 1 << (BITS_LOG - 3);
const OCTETS_MIN: usize = 64;

/// A filter's length is a power of two within its bounds.
pub(super) fn is_length(octets: usize) -> bool {
    octets.is_power_of_two() && (OCTETS_MIN..=OCTETS_MAX).contains(&octets)
}

/// Text as it is compared: each character's lower case.
#[must_use]
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    // Character by character: `str::to_lowercase` looks at what surrounds one.
    Cow::Owned(text.chars().flat_map(char::to_lowercase).collect())
}

/// A word to be searched for, whatever its case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyword {
    folded: String,
    places: Vec<u32>,
}

impl Keyword {
    /// A word; an empty one is everywhere.
    #[must_use]
    pub fn new(word: &str) -> Self {
        let folded = fold(word).into_owned();
        let places = grams(folded.as_bytes()).collect();
        Self { folded, places }
    }

    /// The word as texts are compared with it: see [`fold`].
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.folded
    }

    pub(super) fn may_be_in(&self, filter: &[u8]) -> bool {
        self.places.iter().all(|place| {
            let place = *place as usize & (filter.len().saturating_mul(8).wrapping_sub(1));
            filter
                .get(place / 8)
                .is_none_or(|octet| octet & (1 << (place % 8)) != 0)
        })
    }
}

/// The filter's bits of each run.
fn grams(octets: &[u8]) -> impl Iterator<Item = u32> {
    octets.array_windows::<GRAM>().map(|&[a, b, c, d, e]| {
        let gram = u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]);
        // Fibonacci hashing: the upper bits depend on all of the run.
        u32::try_from(gram.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - BITS_LOG)).unwrap_or(0)
    })
}

/// The filter of records, as short as keeps it mostly empty.
pub(super) fn build(records: &[&LogRecord]) -> Vec<u8> {
    let mut filter = vec![0u8; OCTETS_MAX];
    let mut before: [&str; 3] = [""; 3];
    for record in records {
        let names = [record.host.as_str(), record.app.as_str(), record.code.as_str()];
        // Neighbours mostly have the same names.
        let new = names
            .iter()
            .zip(before)
            .filter(|(name, before)| *name != before)
            .map(|(name, _)| *name);
        let texts = [super::columns::text(&record.text), super::columns::text(&record.data)];
        for string in new.map(super::columns::name).chain(texts) {
            for place in grams(fold(string).as_bytes()) {
                if let Some(octet) = filter.get_mut(place as usize / 8) {
                    *octet |= 1 << (place % 8);
                }
            }
        }
        before = names;
    }
    // A half's bits are laid over the other's while fewer than one of four would be set.
    loop {
        let set: usize = filter.iter().map(|octet| octet.count_ones() as usize).sum();
        let half = filter.len() / 2;
        if half < OCTETS_MIN || set > half * 8 / 4 {
            return filter;
        }
        let upper = filter.split_off(half);
        filter.iter_mut().zip(upper).for_each(|(low, high)| *low |= high);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_folded_character_by_character() {
        assert!(matches!(fold("already lower 1.2.3.4"), Cow::Borrowed(_)));
        assert_eq!(fold("GigabitEthernet0/0/1"), "gigabitethernet0/0/1");
        assert_eq!(fold("端口ÉΣ"), "端口éσ");
    }

    #[test]
    fn lengths_are_powers_of_two() {
        assert!(is_length(64) && is_length(OCTETS_MAX));
        assert!(!is_length(0) && !is_length(32) && !is_length(96) && !is_length(OCTETS_MAX * 2));
    }
}
