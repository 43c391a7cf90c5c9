//! Blocks' octets in a file, cut so that redb's pages are full: it gives a value that is longer than a page a run of 2ⁿ
//! pages, of which a block of just over 1 MiB would leave half empty.

use redb::{ReadOnlyTable, ReadTransaction, Table, TableDefinition};

use super::Key;
use crate::value::opened;

/// (the block's key, place of the piece) → a piece.
type PieceKey = (u64, u64, u64, u16);
const PIECES: TableDefinition<PieceKey, &[u8]> = TableDefinition::new("pieces");
/// Whole blocks: as the release before stored them.
const WHOLE: TableDefinition<Key, &[u8]> = TableDefinition::new("blocks");

/// The runs of pages that pieces fill, in octets, and what redb needs of each for itself.
const LARGEST: usize = 128 << 10;
const PAGE: usize = 4 << 10;
const ROOM: usize = 64;

/// Cuts octets into pieces that fill runs of pages, the longest first.
fn cut(mut octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut run = LARGEST;
    std::iter::from_fn(move || {
        if octets.is_empty() {
            return None;
        }
        while run > PAGE && run - ROOM > octets.len() {
            run /= 2;
        }
        let (piece, rest) = octets.split_at(octets.len().min(run - ROOM));
        octets = rest;
        Some(piece)
    })
}

/// The blocks of a file, open for writing.
pub(super) struct Writer<'txn>(Table<'txn, PieceKey, &'static [u8]>);

impl<'txn> Writer<'txn> {
    pub(super) fn open(txn: &'txn redb::WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self(txn.open_table(PIECES)?))
    }

    pub(super) fn insert(&mut self, key: Key, octets: &[u8]) -> Result<(), redb::Error> {
        for (place, piece) in (0..=u16::MAX).zip(cut(octets)) {
            self.0.insert((key.0, key.1, key.2, place), piece)?;
        }
        Ok(())
    }
}

/// The blocks of a file, open for reading.
pub(super) struct Reader {
    pieces: Option<ReadOnlyTable<PieceKey, &'static [u8]>>,
    whole: Option<ReadOnlyTable<Key, &'static [u8]>>,
}

impl Reader {
    pub(super) fn open(txn: &ReadTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            pieces: opened(txn.open_table(PIECES))?,
            whole: opened(txn.open_table(WHOLE))?,
        })
    }

    /// A block's octets, in `buffer`; `None` where there is no such block.
    pub(super) fn get<'b>(&self, key: Key, buffer: &'b mut Vec<u8>) -> Result<Option<&'b [u8]>, redb::Error> {
        buffer.clear();
        if let Some(pieces) = &self.pieces {
            for piece in pieces.range((key.0, key.1, key.2, 0)..=(key.0, key.1, key.2, u16::MAX))? {
                buffer.extend_from_slice(piece?.1.value());
            }
        }
        if buffer.is_empty()
            && let Some(whole) = &self.whole
            && let Some(octets) = whole.get(key)?
        {
            buffer.extend_from_slice(octets.value());
        }
        Ok((!buffer.is_empty()).then_some(buffer.as_slice()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_block_and_leave_little_room() {
        let octets: Vec<u8> = (0..15_269_888u32).map(|n| n.to_le_bytes()[1]).collect();
        for length in [
            1,
            4_031,
            4_032,
            4_033,
            131_008,
            131_009,
            1_048_576,
            1_060_000,
            2_000_003,
            octets.len(),
        ] {
            let octets = &octets[..length];
            let pieces: Vec<&[u8]> = cut(octets).collect();
            assert_eq!(pieces.concat(), octets);
            let pages = pieces.iter().map(|p| (p.len() + ROOM).next_power_of_two().max(PAGE));
            let taken: usize = pages.sum();
            assert!(taken <= length + length / 200 + 2 * PAGE, "{length}: {taken}");
        }
    }
}
