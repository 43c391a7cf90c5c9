//! From a key's hash to its flow: open addressing with linear probing, at most half full.

/// No flow.
pub(crate) const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Slot {
    tag: u32,
    flow: u32,
}

const EMPTY: Slot = Slot { tag: 0, flow: NONE };

/// The table. Numbers of flows are what it stores; the keys are with the flows.
#[derive(Debug)]
pub(crate) struct Index {
    slots: Vec<Slot>,
    mask: usize,
    len: usize,
}

impl Index {
    pub(crate) fn new() -> Self {
        let size = 1024;
        Self {
            slots: vec![EMPTY; size],
            mask: size - 1,
            len: 0,
        }
    }

    /// The flow with this hash for which `is_it` holds.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let tag = tag(hash);
        let mut at = tag as usize & self.mask;
        loop {
            let slot = self.slots[at];
            if slot.flow == NONE {
                return None;
            }
            if slot.tag == tag && is_it(slot.flow) {
                return Some(slot.flow);
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Where the first slot for this hash is.
    #[inline]
    pub(crate) fn address(&self, hash: u64) -> *const u8 {
        std::ptr::from_ref(&self.slots[tag(hash) as usize & self.mask]).cast()
    }

    /// The flow with this hash as far as the table tells, which is nearly always the one; or [`NONE`].
    #[inline]
    pub(crate) fn likely(&self, hash: u64) -> u32 {
        let tag = tag(hash);
        let mut at = tag as usize & self.mask;
        loop {
            let slot = self.slots[at];
            if slot.tag == tag || slot.flow == NONE {
                return slot.flow;
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Adds a flow that is not in the table.
    pub(crate) fn insert(&mut self, hash: u64, flow: u32) {
        if (self.len + 1) * 2 > self.slots.len() {
            self.grow();
        }
        self.place(Slot { tag: tag(hash), flow });
        self.len += 1;
    }

    /// Removes a flow, and moves those up that had to make way for it: no tombstones.
    pub(crate) fn remove(&mut self, hash: u64, flow: u32) {
        let mut at = tag(hash) as usize & self.mask;
        while self.slots[at].flow != flow {
            if self.slots[at].flow == NONE {
                return;
            }
            at = (at + 1) & self.mask;
        }
        self.len -= 1;
        let mut next = (at + 1) & self.mask;
        while self.slots[next].flow != NONE {
            let home = self.slots[next].tag as usize & self.mask;
            // The entry may move to `at` if its home is not between the two.
            if next.wrapping_sub(home) & self.mask >= next.wrapping_sub(at) & self.mask {
                self.slots[at] = self.slots[next];
                at = next;
            }
            next = (next + 1) & self.mask;
        }
        self.slots[at] = EMPTY;
    }

    fn place(&mut self, slot: Slot) {
        let mut at = slot.tag as usize & self.mask;
        while self.slots[at].flow != NONE {
            at = (at + 1) & self.mask;
        }
        self.slots[at] = slot;
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        let old = std::mem::replace(&mut self.slots, vec![EMPTY; size]);
        self.mask = size - 1;
        for slot in old {
            if slot.flow != NONE {
                self.place(slot);
            }
        }
    }
}

/// The upper half of the hash; its low bits choose the slot.
#[allow(clippy::cast_possible_truncation, reason = "32 bits are left")]
const fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map(operations in prop::collection::vec((prop::bool::weighted(0.6), 0_u64..120), 0..400)) {
            let mut index = Index::new();
            let mut naive = HashMap::new();
            // Few different tags, many of them next to each other: long runs that wrap around.
            let hash = |key: u64| (key / 3 % 20 + 1010) << 32;
            for (insert, key) in operations {
                let flow = u32::try_from(key).unwrap();
                if insert {
                    if naive.insert(key, flow).is_none() {
                        index.insert(hash(key), flow);
                    }
                } else if naive.remove(&key).is_some() {
                    index.remove(hash(key), flow);
                }
            }
            for probe in 0..120 {
                let found = index.find(hash(probe), |f| u64::from(f) == probe);
                prop_assert_eq!(found, naive.get(&probe).copied());
            }
        }
    }

    #[test]
    fn it_grows() {
        let mut index = Index::new();
        for flow in 0..10_000_u32 {
            index.insert(u64::from(flow.wrapping_mul(2_654_435_761)) << 32, flow);
        }
        for flow in 0..10_000_u32 {
            let hash = u64::from(flow.wrapping_mul(2_654_435_761)) << 32;
            assert_eq!(index.find(hash, |f| f == flow), Some(flow));
        }
    }
}
