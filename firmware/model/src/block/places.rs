//! Places of addresses: their order in a block's dictionary, and what follows from an address.

use super::builder::{Addresses, Column, SIX};
use super::planes::Number;

/// A dictionary in ascending order, and the place of each number that the builder gave.
pub(super) struct Sorted {
    pub(super) fours: Vec<u32>,
    pub(super) sixes: Vec<u128>,
    four_places: Vec<u32>,
    six_places: Vec<u32>,
}

impl Sorted {
    pub(super) fn of(addresses: &Addresses) -> Self {
        let (fours, four_places) = sort(addresses.fours.values(), 0);
        // The IPv6 ones come after the IPv4 ones.
        let (sixes, six_places) = sort(addresses.sixes.values(), fours.len());
        Self {
            fours,
            sixes,
            four_places,
            six_places,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.fours.len() + self.sixes.len()
    }

    /// The place of a number; of an optional one, both are one larger and 0 is none.
    fn place(&self, number: u32, optional: bool) -> u32 {
        let base = u32::from(optional);
        let (places, at) = match number & SIX {
            0 => (&self.four_places, number),
            _ => (&self.six_places, number & !SIX),
        };
        let place = at.checked_sub(base).and_then(|at| places.get(at as usize));
        place.map_or(0, |place| place + base)
    }

    /// The address of a place, as the directory orders addresses.
    pub(super) fn key(&self, place: usize) -> u128 {
        match self.fours.get(place) {
            Some(four) => mapped(*four),
            None => self.sixes.get(place - self.fours.len()).copied().unwrap_or_default(),
        }
    }
}

/// Values in ascending order, and each value's place, counted from `first`.
fn sort<K: Copy + Ord>(values: &[K], first: usize) -> (Vec<K>, Vec<u32>) {
    let mut pairs: Vec<(K, u32)> = values.iter().copied().zip(0..).collect();
    pairs.sort_unstable();
    let mut places = vec![0; values.len()];
    // A block has fewer than 2³¹ addresses.
    for ((_, number), place) in pairs.iter().zip(u32::try_from(first).unwrap_or(u32::MAX)..) {
        if let Some(found) = places.get_mut(*number as usize) {
            *found = place;
        }
    }
    (pairs.into_iter().map(|(value, _)| value).collect(), places)
}

/// The order of addresses: IPv4 ones as RFC 4291, section 2.5.5.2, maps them into IPv6.
pub(super) const fn mapped(four: u32) -> u128 {
    0xffff_0000_0000 | four as u128
}

/// The places of a column of addresses.
#[derive(Default)]
pub(super) struct Places {
    /// Of each record; of an optional column one larger, and 0 for none.
    pub(super) values: Vec<u32>,
    /// Whether a record has the address.
    used: Vec<bool>,
    /// The smallest and the largest address.
    pub(super) bounds: (u128, u128),
}

impl Places {
    pub(super) fn set(&mut self, column: &Column<u32>, optional: bool, addresses: &Sorted) {
        self.used.clear();
        self.used.resize(addresses.len() + 1, false);
        self.values.clear();
        let base = usize::from(optional);
        let numbers = if column.varied {
            column.values.as_slice()
        } else {
            std::slice::from_ref(&column.first)
        };
        if addresses.sixes.is_empty() && !optional {
            let place = |number: &u32| addresses.four_places.get(*number as usize).copied().unwrap_or_default();
            self.values.extend(numbers.iter().map(place));
        } else {
            self.values
                .extend(numbers.iter().map(|number| addresses.place(*number, optional)));
        }
        for value in &self.values {
            if let Some(used) = self.used.get_mut(*value as usize) {
                *used = true;
            }
        }
        let mut used = self.used.iter().skip(base);
        // The order of places is that of addresses of one version.
        let (fours, sixes) = (addresses.fours.len(), addresses.len());
        let mut spans = [(0, fours), (fours, sixes)].into_iter().filter_map(|(from, to)| {
            let used = used.by_ref().take(to - from);
            let mut places = (from..to).zip(used).filter(|(_, used)| **used).map(|(place, _)| place);
            let first = places.next()?;
            Some((addresses.key(first), addresses.key(places.last().unwrap_or(first))))
        });
        let first = spans.next().unwrap_or_default();
        let second = spans.next().unwrap_or(first);
        self.bounds = (first.0.min(second.0), first.1.max(second.1));
    }

    /// The place of a record's address.
    #[inline]
    pub(super) fn at(&self, at: usize) -> Option<&u32> {
        // One alone is that of all records.
        self.values.get(at).or(self.values.first())
    }

    /// Whether a record has the address of a place.
    pub(super) fn has(&self, place: usize) -> bool {
        self.used.get(place).copied().unwrap_or_default()
    }

    /// The values by address, where each address of this column has one value only; the others' are made up.
    pub(super) fn led<T: Number>(&self, values: &[T]) -> Option<Vec<T>> {
        // Nothing is to be had of addresses that hardly come again.
        let addresses = self.used.len() - 1;
        if self.values.len() != values.len() || addresses > values.len() / 4 * 3 {
            return None;
        }
        let mut by_place = vec![T::default(); addresses];
        // Most of what does not follow shows early.
        for part in [values.len().min(2_048), values.len()] {
            let (places, values) = (self.values.get(..part)?, values.get(..part)?);
            for (place, value) in places.iter().zip(values) {
                if let Some(found) = by_place.get_mut(*place as usize) {
                    *found = *value;
                }
            }
            let follows = |(place, value): (&u32, &T)| by_place.get(*place as usize) == Some(value);
            if !places.iter().zip(values).all(follows) {
                return None;
            }
        }
        let mut before = *values.first()?;
        for (value, used) in by_place.iter_mut().zip(&self.used) {
            if *used {
                before = *value;
            }
            *value = before;
        }
        Some(by_place)
    }
}
