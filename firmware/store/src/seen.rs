//! Which batches of a collector's run are stored already.

use serde::{Deserialize, Serialize};

/// Sequence numbers as ranges: batches come nearly in order, so there are few.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Seen(Vec<(u64, u64)>);

/// Ranges kept of one run. Beyond them the lowest is forgotten: a batch of it that came again
/// would be stored again, which is better than a new batch that is taken for an old one.
const RANGES_MAX: usize = 1_024;

impl Seen {
    /// Collector runs that are remembered.
    pub(crate) const EPOCHS_MAX: u64 = 256;

    pub(crate) fn contains(&self, sequence: u64) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= sequence);
        let range = after.checked_sub(1).and_then(|at| self.0.get(at));
        range.is_some_and(|(_, last)| sequence <= *last)
    }

    pub(crate) fn insert(&mut self, sequence: u64) {
        if self.contains(sequence) {
            return;
        }
        let at = self.0.partition_point(|(first, _)| *first < sequence);
        self.0.insert(at, (sequence, sequence));
        // Join with the neighbours that it touches.
        let mut joined: Vec<(u64, u64)> = Vec::with_capacity(self.0.len());
        for (first, last) in self.0.drain(..) {
            match joined.last_mut() {
                Some(before) if before.1.checked_add(1) == Some(first) => before.1 = last,
                _ => joined.push((first, last)),
            }
        }
        if joined.len() > RANGES_MAX {
            joined.remove(0);
        }
        self.0 = joined;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_is_a_set(numbers in prop::collection::vec(prop_oneof![0u64..40, Just(u64::MAX)], 0..60)) {
            let mut seen = Seen::default();
            let mut naive = BTreeSet::new();
            for n in numbers {
                seen.insert(n);
                naive.insert(n);
                prop_assert!(seen.0.is_sorted() && seen.0.len() <= naive.len());
            }
            for n in (0..41).chain([u64::MAX - 1, u64::MAX]) {
                prop_assert_eq!(seen.contains(n), naive.contains(&n), "{}", n);
            }
        }
    }
}
