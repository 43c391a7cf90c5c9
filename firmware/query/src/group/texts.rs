//! Keys that are texts: a hash of 128 bits stands for each in the tables, and what it stands for is kept beside them.

use std::collections::{HashMap, HashSet};

use super::table::hash;

/// What stands for a text.
pub(crate) type TextHash = [u64; 2];

/// The texts of keys.
#[derive(Debug, Clone)]
pub(crate) struct KeyTexts {
    seed: u64,
    texts: HashMap<TextHash, Box<str>>,
    octets: usize,
}

/// Octets that a text takes besides its own, about.
const TEXT: usize = 64;

impl KeyTexts {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            texts: HashMap::new(),
            octets: 0,
        }
    }

    /// What stands for a text, which is kept.
    pub(crate) fn key(&mut self, text: &str) -> TextHash {
        let key = hash_of(text, self.seed);
        self.texts.entry(key).or_insert_with(|| {
            self.octets += text.len() + TEXT;
            text.into()
        });
        key
    }

    /// The text that a hash stands for; empty where it was not kept.
    pub(crate) fn get(&self, key: TextHash) -> &str {
        self.texts.get(&key).map_or("", |text| text)
    }

    /// Octets that they take, about.
    pub(crate) const fn octets(&self) -> usize {
        self.octets
    }

    /// Forgets all but these.
    pub(crate) fn keep(&mut self, keys: &HashSet<TextHash>) {
        self.texts.retain(|key, _| keys.contains(key));
        self.octets = self.texts.values().map(|text| text.len() + TEXT).sum();
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (key, text) in &other.texts {
            self.texts.entry(*key).or_insert_with(|| {
                self.octets += text.len() + TEXT;
                text.clone()
            });
        }
    }
}

/// The hash of a text; senders of flows, who choose texts, cannot foresee it.
pub(crate) fn hash_of(text: &str, seed: u64) -> TextHash {
    let (chunks, rest) = text.as_bytes().as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let mut words = [0u64; 34];
    let mut count = 0;
    // A block's texts have at most 255 octets.
    for (word, octets) in words.iter_mut().zip(chunks.iter().chain([&last])) {
        *word = u64::from_le_bytes(*octets);
        count += 1;
    }
    let words = words.get_mut(..=count).unwrap_or_default();
    if let Some(length) = words.last_mut() {
        *length = text.len() as u64;
    }
    [
        hash(words, seed),
        hash(words, seed.rotate_left(17) ^ 0x5851_f42d_4c95_7f2d),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_differ_and_are_forgotten() {
        let mut texts = KeyTexts::new(7);
        let all: Vec<String> = (0..2_000).map(|n| "x".repeat(n % 250) + &n.to_string()).collect();
        let keys: Vec<TextHash> = all.iter().map(|text| texts.key(text)).collect();
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), 2_000);
        assert_ne!(texts.key("a\0"), texts.key("a"));
        let mut other = KeyTexts::new(7);
        assert_eq!(other.key(&all[9]), keys[9]);
        other.merge(&texts);
        assert!(keys.iter().zip(&all).all(|(key, text)| other.get(*key) == text));
        assert_eq!(other.octets(), texts.octets());
        other.keep(&keys.iter().take(2).copied().collect());
        assert_eq!((other.get(keys[1]), other.get(keys[2])), (all[1].as_str(), ""));
        assert_eq!(other.octets(), 2 * TEXT + all[0].len() + all[1].len());
    }
}
