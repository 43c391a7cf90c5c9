//! Which of many ranges hold a value: of addresses cut into places, and of any numbers.

use std::net::IpAddr;
use std::ops::Range;

use crate::AddressRange;

/// All addresses, cut where a range begins or has ended: those between two cuts are in the same ranges.
#[derive(Debug, Clone, Default)]
pub(super) struct Cuts {
    /// The first address of each place; the first of them is the smallest address there is.
    fours: Vec<u32>,
    sixes: Vec<u128>,
}

/// Where an address stands among the ranges of an index: addresses of one place are in the same ranges. Of the index
/// that gave it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub(super) u32);

impl Cuts {
    pub(super) fn new<'a>(ranges: impl Iterator<Item = &'a AddressRange>) -> Self {
        let mut cuts = Self {
            fours: vec![0],
            sixes: vec![0],
        };
        for range in ranges {
            match range.bounds() {
                (IpAddr::V4(first), IpAddr::V4(last)) => {
                    cuts.fours.push(first.to_bits());
                    cuts.fours.extend(last.to_bits().checked_add(1));
                }
                (IpAddr::V6(first), IpAddr::V6(last)) => {
                    cuts.sixes.push(first.to_bits());
                    cuts.sixes.extend(last.to_bits().checked_add(1));
                }
                // A range is of one version.
                _ => {}
            }
        }
        cuts.fours.sort_unstable();
        cuts.fours.dedup();
        cuts.sixes.sort_unstable();
        cuts.sixes.dedup();
        cuts
    }

    /// Places are numbered from 0: IPv4 first.
    pub(super) fn len(&self) -> u32 {
        number(self.fours.len() + self.sixes.len())
    }

    pub(super) fn place(&self, address: IpAddr) -> Place {
        let behind = match address {
            IpAddr::V4(four) => {
                let four = four.to_bits();
                self.fours.partition_point(|first| *first <= four)
            }
            IpAddr::V6(six) => {
                let six = six.to_bits();
                self.fours.len() + self.sixes.partition_point(|first| *first <= six)
            }
        };
        Place(number(behind.saturating_sub(1)))
    }

    /// The places of some ranges, in order, those that touch made one.
    pub(super) fn places(&self, ranges: &[AddressRange]) -> Vec<Range<u32>> {
        let places = |range: &AddressRange| {
            let (first, last) = range.bounds();
            self.place(first).0..self.place(last).0 + 1
        };
        merged(ranges.iter().map(places).collect())
    }
}

/// Ranges in order, those that touch made one.
pub(super) fn merged(mut ranges: Vec<Range<u32>>) -> Vec<Range<u32>> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|next, kept| {
        let touches = next.start <= kept.end;
        if touches {
            kept.end = kept.end.max(next.end);
        }
        touches
    });
    ranges
}

/// Whether one of some ranges in order holds the value.
pub(super) fn holds(ranges: &[Range<u32>], value: u32) -> bool {
    let behind = ranges.partition_point(|range| range.start <= value);
    behind.checked_sub(1).is_some_and(|at| ranges[at].contains(&value))
}

/// Which items' ranges hold a value: a segment tree, so that ranges within ranges cost no room for each pair. A look-up
/// touches what it finds, and one list for each size of range at most.
#[derive(Debug, Clone, Default)]
pub(super) struct Holders {
    /// Values are below this.
    values: u32,
    /// For each node, root 1, value `v` at `values + v`: itself or the nearest above that has items; 0: none.
    nearest: Vec<u32>,
    /// For each node, where its items begin; and where the last's end.
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Holders {
    /// Ranges below `values` and whose they are; an item's ranges do not overlap. Without any, nothing is taken.
    pub(super) fn new(values: u32, ranges: &[(Range<u32>, u32)]) -> Self {
        if ranges.is_empty() {
            return Self::default();
        }
        let nodes = values as usize * 2;
        let mut starts = vec![0_u32; nodes + 1];
        for (range, _) in ranges {
            parts(values, range, |node| starts[node] += 1);
        }
        let mut nearest = vec![0; nodes];
        let mut sum = 0;
        for node in 0..nodes {
            let own = starts[node] > 0;
            nearest[node] = if own { number(node) } else { nearest[node / 2] };
            sum += std::mem::replace(&mut starts[node], sum);
        }
        starts[nodes] = sum;
        let mut items = vec![0; sum as usize];
        let mut next = starts.clone();
        for (range, item) in ranges {
            parts(values, range, |node| {
                items[next[node] as usize] = *item;
                next[node] += 1;
            });
        }
        Self {
            values,
            nearest,
            starts,
            items,
        }
    }

    /// The items whose ranges hold a value, each once, in lists that keep the order in which they were given.
    #[inline]
    pub(super) fn of(&self, value: u32) -> impl Iterator<Item = &[u32]> + Clone {
        let leaf = (value < self.values).then(|| self.nearest[(self.values + value) as usize]);
        let mut node = leaf.unwrap_or(0);
        std::iter::from_fn(move || {
            let here = node as usize;
            if here == 0 {
                return None;
            }
            node = self.nearest[here / 2];
            Some(&self.items[self.starts[here] as usize..self.starts[here + 1] as usize])
        })
    }

    /// How many items' ranges hold a value.
    #[inline]
    pub(super) fn count(&self, value: u32) -> usize {
        self.of(value).map(<[u32]>::len).sum()
    }
}

/// The nodes that together are a range.
fn parts(values: u32, range: &Range<u32>, mut take: impl FnMut(usize)) {
    let (mut left, mut right) = (
        values as usize + range.start as usize,
        values as usize + range.end as usize,
    );
    while left < right {
        if left % 2 == 1 {
            take(left);
            left += 1;
        }
        if right % 2 == 1 {
            right -= 1;
            take(right);
        }
        left /= 2;
        right /= 2;
    }
}

/// Settings are some MB: what is counted in them fits.
pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against asking each range.
        #[test]
        fn holders_are_those_whose_range_holds_the_value(
            values in 1u32..40,
            given in prop::collection::vec((0u32..40, 0u32..40), 0..30),
        ) {
            let ranges: Vec<(Range<u32>, u32)> = (0u32..)
                .zip(&given)
                .map(|(item, (a, b))| (a.min(b) % values..(a.max(b) % values).max(a.min(b) % values), item))
                .collect();
            let holders = Holders::new(values, &ranges);
            for value in 0..values + 2 {
                let mut found: Vec<u32> = holders.of(value).flatten().copied().collect();
                found.sort_unstable();
                let asked: Vec<u32> = ranges.iter().filter(|(r, _)| r.contains(&value)).map(|(_, item)| *item).collect();
                prop_assert_eq!(holders.count(value), asked.len());
                prop_assert_eq!(found, asked);
                for list in holders.of(value) {
                    prop_assert!(list.is_sorted());
                }
            }
        }

        #[test]
        fn merged_ranges_hold_what_any_of_them_holds(given in prop::collection::vec((0u32..40, 0u32..10), 0..10)) {
            let ranges: Vec<Range<u32>> = given.iter().map(|(start, length)| *start..start + length).collect();
            let merged = merged(ranges.clone());
            for value in 0..60 {
                prop_assert_eq!(holds(&merged, value), ranges.iter().any(|r| r.contains(&value)));
            }
            prop_assert!(merged.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
