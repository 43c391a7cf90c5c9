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
    // Without branches: nearly all logs are ASCII, or ASCII and a script that has no cases.
    let (upper, cased) = text.bytes().fold((false, false), |(upper, cased), b| {
        (upper | b.is_ascii_uppercase(), cased | begins_cased(b))
    });
    if cased {
        // Character by character: `str::to_lowercase` looks at what surrounds one.
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '\0'..='\x7f' => out.push(c.to_ascii_lowercase()),
                // Fullwidth punctuation, beside what has no cases.
                '\u{3000}'..='\u{9fff}' | '\u{ac00}'..='\u{d7ff}' | '\u{ff00}'..='\u{ff20}' => out.push(c),
                _ => out.extend(c.to_lowercase()),
            }
        }
        Cow::Owned(out)
    } else if upper {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether an octet of UTF-8 begins a character that may have cases: none of Chinese, Japanese and
/// Korean has (U+3000–9FFF, U+B000–D7FF).
const fn begins_cased(octet: u8) -> bool {
    octet >= 0xc0 && !matches!(octet, 0xe3..=0xe9 | 0xeb..=0xed)
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
        assert_eq!(fold("端口GE0/1，Ａ关闭"), "端口ge0/1，ａ关闭");
        assert!(matches!(fold("端口关闭"), Cow::Borrowed(_)));
    }

    #[test]
    fn every_character_is_folded_as_unicode_has_it() {
        for c in '\0'..=char::MAX {
            let lower: String = c.to_lowercase().collect();
            assert_eq!(fold(c.encode_utf8(&mut [0; 4])), lower, "{c:?}");
            assert_eq!(fold(&format!("é{c}")), format!("é{lower}"), "{c:?}");
        }
    }

    #[test]
    fn lengths_are_powers_of_two() {
        assert!(is_length(64) && is_length(OCTETS_MAX));
        assert!(!is_length(0) && !is_length(32) && !is_length(96) && !is_length(OCTETS_MAX * 2));
    }
}
