//! Sorted ranges that do not touch.

use std::net::IpAddr;

use model::AddressRange;

/// Sorts ranges of first and last, and joins those that overlap or touch.
pub(crate) fn joined(mut ranges: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    ranges.sort_unstable();
    let mut out: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match out.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => out.push((first, last)),
        }
    }
    out
}

/// Addresses, as ranges of each IP version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Addresses {
    pub(crate) fours: Vec<(u32, u32)>,
    pub(crate) sixes: Vec<(u128, u128)>,
}

impl Addresses {
    pub(crate) fn new<'a>(ranges: impl IntoIterator<Item = &'a AddressRange>) -> Self {
        let mut all = Self::default();
        for range in ranges {
            match range.bounds() {
                (IpAddr::V4(first), IpAddr::V4(last)) => all.fours.push((first.to_bits(), last.to_bits())),
                (IpAddr::V6(first), IpAddr::V6(last)) => all.sixes.push((first.to_bits(), last.to_bits())),
                _ => {}
            }
        }
        all.fours.sort_unstable();
        all.fours.dedup_by(|next, before| {
            let joins = next.0 <= before.1.saturating_add(1);
            before.1 = if joins { before.1.max(next.1) } else { before.1 };
            joins
        });
        all.sixes.sort_unstable();
        all.sixes.dedup_by(|next, before| {
            let joins = next.0 <= before.1.saturating_add(1);
            before.1 = if joins { before.1.max(next.1) } else { before.1 };
            joins
        });
        all
    }

    /// All addresses of a version.
    pub(crate) fn of_version(version: u8) -> Self {
        match version {
            4 => Self {
                fours: vec![(0, u32::MAX)],
                sixes: Vec::new(),
            },
            6 => Self {
                fours: Vec::new(),
                sixes: vec![(0, u128::MAX)],
            },
            _ => Self::default(),
        }
    }

    /// The addresses one by one, where there are no more than `most`.
    pub(crate) fn list(&self, most: u32) -> Option<Vec<IpAddr>> {
        let mut list = Vec::new();
        for (first, last) in &self.fours {
            let left = u64::from(most).checked_sub(list.len() as u64)?;
            if u64::from(last - first) >= left {
                return None;
            }
            list.extend((*first..=*last).map(|n| IpAddr::V4(n.into())));
        }
        for (first, last) in &self.sixes {
            let left = u128::from(most).checked_sub(list.len() as u128)?;
            if last - first >= left {
                return None;
            }
            list.extend((*first..=*last).map(|n| IpAddr::V6(n.into())));
        }
        Some(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_joined() {
        assert_eq!(
            joined(vec![(5, 9), (1, 2), (3, 4), (20, 30), (25, 26)]),
            [(1, 9), (20, 30)]
        );
        assert_eq!(joined(vec![(0, u64::MAX), (7, 8)]), [(0, u64::MAX)]);
        let ranges: Vec<AddressRange> = ["10.0.0.0/31", "10.0.0.2", "fd00::1", "10.0.0.9-10.0.0.11", "fd00::2"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let all = Addresses::new(&ranges);
        assert_eq!(all.fours, [(0x0a00_0000, 0x0a00_0002), (0x0a00_0009, 0x0a00_000b)]);
        assert_eq!(all.sixes, [(0xfd00 << 112 | 1, 0xfd00 << 112 | 2)]);
        assert_eq!(all.list(8).map(|l| l.len()), Some(8));
        assert_eq!(all.list(7), None);
    }
}
