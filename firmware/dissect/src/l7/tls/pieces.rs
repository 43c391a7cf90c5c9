//! Octets that come in pieces, in any order.

/// Pieces of a message by their offset. Of octets that come twice, the first count.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    octets: Vec<u8>,
    /// What is there: rising ranges with room between.
    there: Vec<(usize, usize)>,
}

impl Pieces {
    /// The most octets.
    pub(crate) const MAX: usize = 32 << 10;
    /// The most ranges with gaps between.
    const RANGES_MAX: usize = 64;

    /// Puts a piece in its place. What lies beyond the limits is left out.
    pub(crate) fn insert(&mut self, offset: usize, piece: &[u8]) {
        let end = offset.saturating_add(piece.len()).min(Self::MAX);
        if offset >= end || self.there.len() >= Self::RANGES_MAX {
            return;
        }
        if self.octets.len() < end {
            self.octets.resize(end, 0);
        }
        // the ranges that touch the piece, and the gaps between them that it fills
        let first = self.there.partition_point(|(_, stop)| *stop < offset);
        let after = self.there.partition_point(|(start, _)| *start <= end);
        let mut from = offset;
        let (mut low, mut high) = (offset, end);
        for (start, stop) in self.there.get(first..after).unwrap_or_default() {
            fill(&mut self.octets, from, *start, offset, piece);
            from = from.max(*stop);
            low = low.min(*start);
            high = high.max(*stop);
        }
        fill(&mut self.octets, from, end, offset, piece);
        self.there.splice(first..after, [(low, high)]);
    }

    /// Whether nothing came.
    pub(crate) fn is_empty(&self) -> bool {
        self.there.is_empty()
    }

    /// Octets held.
    pub(crate) fn held(&self) -> usize {
        self.octets.len()
    }

    /// The octets from the beginning to the first gap.
    pub(crate) fn beginning(&self) -> &[u8] {
        match self.there.first() {
            Some((0, stop)) => self.octets.get(..*stop).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// Copies a part of a piece that lies at `offset`.
fn fill(octets: &mut [u8], from: usize, to: usize, offset: usize, piece: &[u8]) {
    if from < to
        && let Some(target) = octets.get_mut(from..to)
        && let Some(source) = piece.get(from - offset..to - offset)
    {
        target.copy_from_slice(source);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_are_as_a_map_of_octets(pieces in proptest::collection::vec((0..200usize, proptest::collection::vec(any::<u8>(), 0..60)), 0..40)) {
            let mut naive = std::collections::BTreeMap::new();
            let mut tested = Pieces::default();
            for (offset, piece) in &pieces {
                tested.insert(*offset, piece);
                for (at, octet) in piece.iter().enumerate() {
                    naive.entry(offset + at).or_insert(*octet);
                }
                let expected: Vec<u8> = naive.iter().enumerate().take_while(|(n, (at, _))| n == *at).map(|(_, (_, o))| *o).collect();
                prop_assert_eq!(tested.beginning(), &expected[..]);
            }
        }
    }

    #[test]
    fn limits_hold() {
        let mut pieces = Pieces::default();
        pieces.insert(usize::MAX, b"x");
        pieces.insert(Pieces::MAX - 1, b"xy");
        assert_eq!((pieces.octets.len(), pieces.there.len()), (Pieces::MAX, 1));
        for at in 0..1_000 {
            pieces.insert(at * 2 + 10, b"x");
        }
        assert_eq!(pieces.there.len(), Pieces::RANGES_MAX);
        assert!(pieces.beginning().is_empty());
    }
}
