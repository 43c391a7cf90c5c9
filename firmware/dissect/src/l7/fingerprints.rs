//! Fingerprints that were computed lately: clients are many, and what they are built of is few.

use super::hash::Keyed;

/// Entries that share a place.
const WAYS: usize = 4;
const PLACES: usize = 256;
/// Longer keys are not kept: 1,024 entries stay below a megabyte and a half.
const KEY_MAX: usize = 1_024;

/// Rooms for messages that come in parts, and the most octets of one.
const PARTS_MAX: usize = 16;
const PART_MAX: usize = 32 << 10;

/// What is kept of one.
pub(super) type Print = [u8; 56];

#[derive(Debug)]
struct Entry {
    hash: u64,
    /// All that the fingerprint follows from: it is compared, so that no collision lies.
    key: Box<[u8]>,
    print: Print,
}

/// A bounded table of fingerprints by what they follow from.
#[derive(Debug)]
pub(crate) struct Fingerprints {
    hash: Keyed,
    /// Made with the first entry.
    entries: Vec<Option<Entry>>,
    /// Which of a place goes next.
    turn: usize,
    /// For what is put together on the way to a fingerprint.
    pub(super) rooms: Rooms,
}

/// Rooms that are used again.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    pub(super) key: Vec<u8>,
    pub(super) types: Vec<u16>,
    /// For a packet that is decrypted.
    pub(super) packet: Vec<u8>,
    /// For messages that come in parts.
    parts: Vec<Vec<u8>>,
}

impl Rooms {
    /// Room for a message that comes in parts.
    pub(super) fn part(&mut self) -> Vec<u8> {
        self.parts.pop().unwrap_or_default()
    }

    /// Keeps the room of a message for another.
    pub(super) fn give_back(&mut self, mut part: Vec<u8>) {
        if (1..=PART_MAX).contains(&part.capacity()) && self.parts.len() < PARTS_MAX {
            part.clear();
            self.parts.push(part);
        }
    }
}

impl Fingerprints {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Self {
            hash: Keyed::random(),
            entries: Vec::new(),
            turn: 0,
            rooms: Rooms::default(),
        }
    }

    /// The fingerprint of a key, made by `make` where it is not known. `make` may ask for others.
    pub(super) fn of(&mut self, key: &[u8], make: impl FnOnce(&mut Self) -> Print) -> Print {
        if key.len() > KEY_MAX {
            return make(self);
        }
        let hash = self.hash.octets(key);
        let first = usize::try_from(hash % PLACES as u64).unwrap_or(0) * WAYS;
        let place = self.entries.get(first..first + WAYS).unwrap_or_default();
        let known = place.iter().flatten().find(|e| e.hash == hash && *e.key == *key);
        if let Some(entry) = known {
            return entry.print;
        }
        let print = make(self);
        if self.entries.is_empty() {
            self.entries.resize_with(PLACES * WAYS, || None);
        }
        let place = self.entries.get_mut(first..first + WAYS).unwrap_or_default();
        self.turn = (self.turn + 1) % WAYS;
        let at = place.iter().position(Option::is_none).unwrap_or(self.turn);
        if let Some(entry) = place.get_mut(at) {
            let key = key.into();
            *entry = Some(Entry { hash, key, print });
        }
        print
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_and_the_table_stays_small() {
        let mut prints = Fingerprints::new();
        let mut made = 0;
        for round in 0..2 {
            for number in 0..10_000_u32 {
                let mut print = [0; 56];
                print[..4].copy_from_slice(&number.to_le_bytes());
                let key = format!("key {number}");
                let found = prints.of(key.as_bytes(), |_| {
                    made += 1;
                    print
                });
                assert_eq!(found, print, "{round}");
            }
        }
        assert!(prints.entries.len() == PLACES * WAYS && made > 10_000);
        let before = made;
        let mut again = || prints.of(b"key 9999", |_| [1; 56]);
        assert_eq!(again(), again());
        assert_eq!(made, before);
        assert_eq!(prints.of(&[0; KEY_MAX + 1], |_| [2; 56]), [2; 56]);
        assert_eq!(prints.of(&[0; KEY_MAX + 1], |_| [3; 56]), [3; 56]);
    }
}
