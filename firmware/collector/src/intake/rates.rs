//! How much came in the last minute.

use model::Timestamp;

/// Seconds of a slot.
const SLOT: u64 = 10;
/// Six whole slots, and the one that is open.
const SLOTS: usize = 7;

/// Counts of the last 60 s, in slots of 10 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rates<const N: usize> {
    slots: [[u64; N]; SLOTS],
    /// The open slot's number since 1970.
    open: u64,
    first: Option<Timestamp>,
}

impl<const N: usize> Default for Rates<N> {
    fn default() -> Self {
        Self {
            slots: [[0; N]; SLOTS],
            open: 0,
            first: None,
        }
    }
}

impl<const N: usize> Rates<N> {
    pub(super) fn add(&mut self, now: Timestamp, counts: [u64; N]) {
        self.turn(now);
        self.first.get_or_insert(now);
        if let Some(slot) = self.slots.get_mut(place(self.open)) {
            for (sum, count) in slot.iter_mut().zip(counts) {
                *sum = sum.saturating_add(count);
            }
        }
    }

    /// Counts a second.
    #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
    pub(super) fn a_second(&self, now: Timestamp) -> [f64; N] {
        let Some(first) = self.first else { return [0.0; N] };
        let mut held = *self;
        held.turn(now);
        let since_first = now.nanos_since(first) as f64 / 1e9;
        let seconds = (60.0 + (now.as_secs() % SLOT) as f64).min(since_first).max(1.0);
        std::array::from_fn(|n| held.slots.iter().filter_map(|slot| slot.get(n)).sum::<u64>() as f64 / seconds)
    }

    /// Empties the slots that time has passed over. A clock that was set back empties all.
    fn turn(&mut self, now: Timestamp) {
        let open = now.as_secs() / SLOT;
        if open == self.open {
            return;
        }
        let passed = open.checked_sub(self.open).filter(|passed| *passed < SLOTS as u64);
        match passed {
            Some(passed) => (open + 1 - passed..=open).for_each(|slot| {
                if let Some(slot) = self.slots.get_mut(place(slot)) {
                    *slot = [0; N];
                }
            }),
            None => self.slots = [[0; N]; SLOTS],
        }
        self.open = open;
    }
}

fn place(slot: u64) -> usize {
    usize::try_from(slot % SLOTS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_that_rate_and_ends_a_minute_after() {
        let mut rates = Rates::<1>::default();
        assert_eq!(rates.a_second(Timestamp::from_secs(5)), [0.0]);
        for second in 1_000..1_200 {
            rates.add(Timestamp::from_secs(second), [7]);
            if second > 1_010 {
                let [rate] = rates.a_second(Timestamp::from_secs(second + 1));
                assert!((6.0..8.0).contains(&rate), "{rate} at {second}");
            }
        }
        assert_eq!(rates.a_second(Timestamp::from_secs(1_271)), [0.0]);
        rates.add(Timestamp::from_secs(10), [3]);
        assert_eq!(
            rates.a_second(Timestamp::from_secs(10)),
            [3.0],
            "a clock that was set back"
        );
    }
}
