//! Sampling rates: what exporters say of them, and which holds for a record.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// The numbers that a record or options can say of sampling.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Statement {
    /// samplingInterval (34), or samplerRandomInterval (50).
    pub(crate) interval: u64,
    /// samplingPacketInterval (305).
    pub(crate) packets: u64,
    /// samplingPacketSpace (306).
    pub(crate) space: u64,
    /// samplingSize (309).
    pub(crate) size: u64,
    /// samplingPopulation (310).
    pub(crate) population: u64,
    /// samplingProbability (311).
    pub(crate) probability: f64,
}

impl Statement {
    /// How many packets a sampled one stands for; `None` where nothing is said.
    ///
    /// n out of N (309, 310) comes first, then n packets taken and m left out (305, 306: RFC 5477, section 8.2), the
    /// probability (311), and an interval alone (50, 34, 305).
    pub(crate) fn rate(&self) -> Option<NonZeroU32> {
        if self.size > 0 && self.population > 0 {
            return rounded(self.population, self.size);
        }
        if self.packets > 0 && self.space > 0 {
            return rounded(self.packets.saturating_add(self.space), self.packets);
        }
        if self.probability > 0.0 && self.probability <= 1.0 {
            let rate = (1.0 / self.probability).round().min(f64::from(u32::MAX));
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "1 ≤ rate ≤ u32::MAX"
            )]
            return NonZeroU32::new(rate as u32);
        }
        [self.interval, self.packets]
            .into_iter()
            .find(|n| *n > 0)
            .and_then(|n| rounded(n, 1))
    }
}

fn rounded(of: u64, one: u64) -> Option<NonZeroU32> {
    let rate = of.saturating_add(one / 2) / one;
    NonZeroU32::new(u32::try_from(rate).unwrap_or(u32::MAX).max(1))
}

/// What a domain's options say: by sampler, by interface, and for all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Rates {
    pub(crate) all: Option<NonZeroU32>,
    /// In the order of their identifiers.
    pub(crate) samplers: Vec<(u64, NonZeroU32)>,
    /// In the order of their ifIndex.
    pub(crate) interfaces: Vec<(u32, NonZeroU32)>,
}

impl Rates {
    /// The rate of a record: of its sampler, of the interface where it was seen, of the domain; and of the only sampler
    /// that there is, where records name none.
    #[inline]
    pub(crate) fn of(&self, sampler: Option<u64>, ingress: Option<u32>, egress: Option<u32>) -> Option<NonZeroU32> {
        if let Some(rate) = sampler.and_then(|id| find(&self.samplers, id)) {
            return Some(rate);
        }
        if !self.interfaces.is_empty() {
            let by_interface = [ingress, egress]
                .into_iter()
                .flatten()
                .find_map(|n| find(&self.interfaces, n));
            if by_interface.is_some() {
                return by_interface;
            }
        }
        match (self.all, sampler, self.samplers.as_slice()) {
            (None, None, [(_, only)]) => Some(*only),
            (all, ..) => all,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.samplers.len() + self.interfaces.len()
    }
}

#[inline]
fn find<K: Ord + Copy>(table: &[(K, NonZeroU32)], key: K) -> Option<NonZeroU32> {
    let place = table.binary_search_by_key(&key, |(known, _)| *known).ok()?;
    table.get(place).map(|(_, rate)| *rate)
}

/// Whether a table has an entry.
pub(crate) fn has<K: Ord + Copy>(table: &[(K, NonZeroU32)], key: K) -> bool {
    find(table, key).is_some()
}

/// Puts a rate into a table.
pub(crate) fn put<K: Ord + Copy>(table: &mut Vec<(K, NonZeroU32)>, key: K, rate: NonZeroU32) {
    match table.binary_search_by_key(&key, |(known, _)| *known) {
        Ok(place) => {
            if let Some((_, known)) = table.get_mut(place) {
                *known = rate;
            }
        }
        Err(place) => table.insert(place, (key, rate)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(statement: Statement) -> u32 {
        statement.rate().map_or(0, NonZeroU32::get)
    }

    #[test]
    fn a_rate_comes_from_whatever_is_said() {
        let none = Statement::default();
        assert_eq!(rate(none), 0);
        assert_eq!(rate(Statement { interval: 100, ..none }), 100);
        assert_eq!(
            rate(Statement {
                packets: 1,
                space: 999,
                ..none
            }),
            1_000
        );
        assert_eq!(
            rate(Statement {
                packets: 2,
                space: 1,
                ..none
            }),
            2,
            "1.5 is rounded up"
        );
        assert_eq!(rate(Statement { packets: 512, ..none }), 512);
        let xr = Statement {
            packets: 1,
            size: 1,
            population: 256,
            ..none
        };
        assert_eq!(rate(xr), 256);
        assert_eq!(
            rate(Statement {
                probability: 0.001,
                ..none
            }),
            1_000
        );
        assert_eq!(
            rate(Statement {
                probability: 1e-300,
                ..none
            }),
            u32::MAX
        );
        assert_eq!(
            rate(Statement {
                interval: u64::MAX,
                ..none
            }),
            u32::MAX
        );
    }

    #[test]
    fn the_nearest_statement_holds() {
        let n = |n| NonZeroU32::new(n).unwrap();
        let mut rates = Rates::default();
        assert_eq!(rates.of(None, Some(1), None), None);
        put(&mut rates.samplers, 7, n(70));
        assert_eq!(rates.of(None, Some(1), None), Some(n(70)), "the only sampler");
        assert_eq!(rates.of(Some(8), Some(1), None), None, "another sampler");
        put(&mut rates.samplers, 8, n(80));
        rates.all = Some(n(5));
        put(&mut rates.interfaces, 2, n(20));
        assert_eq!(rates.of(Some(8), Some(2), None), Some(n(80)));
        assert_eq!(rates.of(None, Some(2), None), Some(n(20)));
        assert_eq!(rates.of(None, Some(1), Some(2)), Some(n(20)));
        assert_eq!(rates.of(None, Some(1), None), Some(n(5)));
        put(&mut rates.samplers, 8, n(81));
        put(&mut rates.samplers, 1, n(10));
        assert_eq!((rates.of(Some(1), None, None), rates.len()), (Some(n(10)), 4));
        assert_eq!(rates.of(Some(8), None, None), Some(n(81)));
    }
}
