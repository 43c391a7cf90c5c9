//! What layer 7 said of flows, packed, and each saying kept once: many flows of a client to a server say the same.

use std::ops::Range;

use model::{Confidence, Details, L7};

use crate::index::Index;
use crate::key::Hasher;

/// No identity.
pub(crate) const NOBODY: u32 = u32::MAX;

/// Confidence and the host's length as three ASCII characters (the length in two digits of 128), the host, and the details as
/// they are packed. A host is no longer than [`L7::HOST_MAX`].
type Packed = Box<str>;

/// Octets in front of the host.
const HEAD: usize = 3;

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
    /// What waits to be kept, packed one behind the other.
    packed: String,
    waiting: Vec<Waiting>,
}

/// An identity that is to be kept for a flow.
#[derive(Debug)]
struct Waiting {
    flow: u32,
    hash: u64,
    /// Where it is in [`Identities::packed`].
    at: Range<usize>,
}

impl Identities {
    pub(crate) fn new() -> Self {
        Self {
            hasher: Hasher::random(),
            index: Index::new(),
            entries: Vec::new(),
            free: Vec::new(),
            packed: String::new(),
            waiting: Vec::new(),
        }
    }

    /// An identity is to be kept for one more flow; [`Self::keep_all`] does it.
    pub(crate) fn put(&mut self, flow: u32, l7: &L7, fetch: fn(*const u8)) {
        let start = self.packed.len();
        pack(l7, &mut self.packed);
        let at = start..self.packed.len();
        let hash = self.hasher.octets(&self.packed.as_bytes()[at.clone()]);
        fetch(self.index.address(hash));
        self.waiting.push(Waiting { flow, hash, at });
    }

    /// Keeps what waits; `on_kept` gets each flow and the number of its identity, and gives the number of the one that it
    /// had.
    pub(crate) fn keep_all(&mut self, fetch: fn(*const u8), mut on_kept: impl FnMut(u32, u32) -> u32) {
        let waiting = std::mem::take(&mut self.waiting);
        let packed = std::mem::take(&mut self.packed);
        // Loads that depend on each other are done for all together: they overlap in the processor.
        for Waiting { hash, .. } in &waiting {
            if let Some(entry) = self.entries.get(self.index.likely(*hash) as usize) {
                fetch(std::ptr::from_ref(entry).cast());
            }
        }
        for Waiting { hash, .. } in &waiting {
            if let Some(entry) = self.entries.get(self.index.likely(*hash) as usize) {
                fetch(entry.packed.as_ptr());
            }
        }
        for Waiting { flow, hash, at } in &waiting {
            let number = self.keep(*hash, &packed[at.clone()]);
            let before = on_kept(*flow, number);
            self.release(before);
        }
        self.waiting = waiting;
        self.waiting.clear();
        self.packed = packed;
        self.packed.clear();
    }

    /// Keeps an identity for one more flow; its number.
    fn keep(&mut self, hash: u64, packed: &str) -> u32 {
        let entries = &mut self.entries;
        let known = self.index.find(hash, |n| *entries[n as usize].packed == *packed);
        if let Some(number) = known {
            entries[number as usize].flows += 1;
            return number;
        }
        let entry = Entry {
            packed: packed.into(),
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
            self.index.remove(self.hasher.octets(packed.as_bytes()), number);
            self.free.push(number);
        }
    }

    /// Fetches an entry, and the text of one that was fetched before.
    #[inline]
    pub(crate) fn fetch(&self, far: u32, near: u32, fetch: fn(*const u8)) {
        if let Some(entry) = self.entries.get(far as usize) {
            fetch(std::ptr::from_ref(entry).cast());
        }
        if let Some(entry) = self.entries.get(near as usize) {
            fetch(entry.packed.as_ptr());
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

fn pack(l7: &L7, out: &mut String) {
    let host = l7.host.as_deref().unwrap_or_default();
    let length = u8::try_from(host.len()).unwrap_or(0);
    let host = host.get(..usize::from(length)).unwrap_or_default();
    out.extend([l7.confidence as u8, length >> 7, length & 0x7f].map(char::from));
    out.push_str(host);
    out.push_str(l7.details.packed());
}

fn unpack(packed: &str) -> L7 {
    let Some(&[confidence, high, low]) = packed.as_bytes().first_chunk::<HEAD>() else {
        return L7::default();
    };
    let end = HEAD + (usize::from(high) << 7 | usize::from(low));
    let host = packed.get(HEAD..end).unwrap_or_default();
    L7 {
        confidence: Confidence::from_number(confidence).unwrap_or_default(),
        host: (!host.is_empty()).then(|| host.into()),
        details: Details::from_packed(packed.get(end..).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use model::DetailKey;

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
        let mut numbers = vec![NOBODY; 1_000];
        for n in 0..1_000 {
            identities.put(n, &l7(n), |_| {});
            if n % 7 == 0 || n == 999 {
                identities.keep_all(
                    |_| {},
                    |flow, number| std::mem::replace(&mut numbers[flow as usize], number),
                );
            }
        }
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
        // A flow that had one has the other then.
        let mut had = NOBODY;
        for n in [5, 6] {
            identities.put(0, &l7(n), |_| {});
            identities.keep_all(|_| {}, |_, number| std::mem::replace(&mut had, number));
        }
        assert_eq!((identities.len(), identities.get(had)), (1, Some(l7(6))));
    }
}
