//! What layer 7 said of flows, packed, and each saying kept once: many flows of a client to a server say the same.

use model::{Confidence, DetailKey, Details, L7};

use crate::index::Index;
use crate::key::Hasher;

/// No identity.
pub(crate) const NOBODY: u32 = u32::MAX;

/// Octets of confidence and host's length in front of the host, then for each detail its key, its length and its text.
/// Lengths are octets: neither a host nor a value is longer (see [`L7::HOST_MAX`], [`Details::VALUE_MAX`]).
type Packed = Box<[u8]>;

#[derive(Debug)]
struct Entry {
    packed: Packed,
    /// Flows that have it; 0 in a free entry.
    flows: u32,
}

/// Identities by number.
#[derive(Debug)]
pub(crate) struct Identities {
    hasher: Hasher,
    index: Index,
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// For packing, so that what is known already allocates nothing.
    scratch: Vec<u8>,
}

impl Identities {
    pub(crate) fn new() -> Self {
        Self {
            hasher: Hasher::random(),
            index: Index::new(),
            entries: Vec::new(),
            free: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Keeps an identity for one more flow; its number.
    pub(crate) fn keep(&mut self, l7: &L7) -> u32 {
        pack(l7, &mut self.scratch);
        let hash = self.hasher.octets(&self.scratch);
        let entries = &mut self.entries;
        let known = self.index.find(hash, |n| *entries[n as usize].packed == *self.scratch);
        if let Some(number) = known {
            entries[number as usize].flows += 1;
            return number;
        }
        let entry = Entry {
            packed: self.scratch.as_slice().into(),
            flows: 1,
        };
        let number = match self.free.pop() {
            Some(number) => {
                entries[number as usize] = entry;
                number
            }
            None => {
                #[allow(
                    clippy::cast_possible_truncation,
                    reason = "no more than flows, whose numbers have 32 bits"
                )]
                let number = entries.len() as u32;
                entries.push(entry);
                number
            }
        };
        self.index.insert(hash, number);
        number
    }

    /// One flow fewer has the identity.
    pub(crate) fn release(&mut self, number: u32) {
        let Some(entry) = self.entries.get_mut(number as usize) else {
            return;
        };
        entry.flows -= 1;
        if entry.flows == 0 {
            let packed = std::mem::take(&mut entry.packed);
            self.index.remove(self.hasher.octets(&packed), number);
            self.free.push(number);
        }
    }

    /// The identity of a number, or nothing known.
    pub(crate) fn get(&self, number: u32) -> Option<L7> {
        self.entries.get(number as usize).map(|entry| unpack(&entry.packed))
    }

    /// Identities that are kept.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }
}

fn pack(l7: &L7, out: &mut Vec<u8>) {
    out.clear();
    out.push(l7.confidence as u8);
    push(out, l7.host.as_deref().unwrap_or_default());
    for (key, value) in l7.details.iter() {
        out.push(key as u8);
        push(out, value);
    }
}

fn push(out: &mut Vec<u8>, text: &str) {
    let text = text.as_bytes();
    let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
    out.push(length);
    out.extend_from_slice(text.get(..usize::from(length)).unwrap_or_default());
}

fn unpack(packed: &[u8]) -> L7 {
    let mut l7 = L7::default();
    let Some((&confidence, rest)) = packed.split_first() else {
        return l7;
    };
    l7.confidence = Confidence::from_number(confidence).unwrap_or_default();
    let (host, mut rest) = pop(rest);
    l7.host = (!host.is_empty()).then(|| host.into());
    let mut details = Details::default();
    while let Some((&key, value)) = rest.split_first() {
        let (value, after) = pop(value);
        if let Some(key) = DetailKey::from_number(key) {
            details.set(key, value);
        }
        rest = after;
    }
    l7.details = details;
    l7
}

fn pop(packed: &[u8]) -> (&str, &[u8]) {
    let Some((&length, rest)) = packed.split_first() else {
        return ("", &[]);
    };
    let (text, rest) = rest.split_at_checked(usize::from(length)).unwrap_or_default();
    (std::str::from_utf8(text).unwrap_or_default(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn l7(number: u32) -> L7 {
        let mut l7 = L7 {
            confidence: Confidence::Parsed,
            host: (!number.is_multiple_of(3)).then(|| format!("host{}.example.org", number % 7).into()),
            ..L7::default()
        };
        if number.is_multiple_of(2) {
            l7.details.set(DetailKey::Path, &"é".repeat(200));
            l7.details.set(DetailKey::Alpn, "h2");
        }
        l7
    }

    #[test]
    fn each_is_kept_once_and_as_long_as_a_flow_has_it() {
        let mut identities = Identities::new();
        let numbers: Vec<u32> = (0..1_000).map(|n| identities.keep(&l7(n))).collect();
        let sayings = |range: std::ops::Range<u32>| range.map(l7).collect::<std::collections::HashSet<_>>().len();
        assert_eq!((identities.len(), sayings(0..1_000)), (16, 16));
        for (n, &number) in (0..).zip(&numbers) {
            assert_eq!(identities.get(number), Some(l7(n)));
        }
        for &number in &numbers[..990] {
            identities.release(number);
        }
        assert_eq!(identities.len(), sayings(990..1_000));
        for (n, &number) in (990..).zip(&numbers[990..]) {
            assert_eq!(identities.get(number), Some(l7(n)));
            identities.release(number);
        }
        assert_eq!((identities.len(), identities.get(NOBODY)), (0, None));
        assert_eq!(identities.keep(&l7(5)), identities.keep(&l7(5)));
    }
}
