//! Blocks' octets in a file, cut so that redb's pages are full: it gives a value that is longer than a page a run of 2ⁿ
//! pages, of which a block of just over 1 MiB would leave half empty.

use model::{BlockOutline, Field};
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

/// The lengths of the pieces that so many octets are cut into: they fill runs of pages, the longest first.
fn lengths(mut octets: usize) -> impl Iterator<Item = usize> {
    let mut run = LARGEST;
    std::iter::from_fn(move || {
        if octets == 0 {
            return None;
        }
        while run > PAGE && run - ROOM > octets {
            run /= 2;
        }
        let length = octets.min(run - ROOM);
        octets -= length;
        Some(length)
    })
}

/// Cuts octets into pieces.
fn cut(mut octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    lengths(octets.len()).map(move |length| {
        let (piece, rest) = octets.split_at(length);
        octets = rest;
        piece
    })
}

/// What is read of a block: these columns, and its filters or not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'w> {
    pub(crate) fields: &'w [Field],
    pub(crate) filters: bool,
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

    /// Of a block's octets its header and directory and the columns and filters of `wanted`, in their places in `buffer`;
    /// what lies between may be anything. All of it where that is no more to read, or its beginning is damaged.
    pub(super) fn get_some<'b>(
        &self,
        key: Key,
        wanted: &Wanted<'_>,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Option<&'b [u8]>, redb::Error> {
        let piece = |place: u16| match &self.pieces {
            Some(pieces) => pieces.get((key.0, key.1, key.2, place)),
            None => Ok(None),
        };
        let Some(first) = piece(0)? else {
            return self.get(key, buffer);
        };
        let first = first.value();
        let outline = BlockOutline::needs(first)
            .filter(|needs| *needs <= first.len())
            .and_then(|_| BlockOutline::read(first).ok());
        let Some(outline) = outline else {
            return self.get(key, buffer);
        };
        // What is there of the block before is as good as anything.
        buffer.resize(outline.len(), 0);
        let head = 0..BlockOutline::needs(first).unwrap_or(0);
        let mut wanted = outline.places(wanted.fields, wanted.filters);
        wanted.insert(0, head);
        let mut from = 0;
        for (place, length) in (0..=u16::MAX).zip(lengths(outline.len())) {
            let to = from + length;
            let inside = wanted.iter().map(|wanted| wanted.start.max(from)..wanted.end.min(to));
            let mut inside = inside.filter(|inside| inside.start < inside.end).peekable();
            if inside.peek().is_some() {
                let found = piece(place)?;
                let octets = found.as_ref().map_or(&[][..], |found| found.value());
                // Not as this release cuts blocks.
                if octets.len() != length {
                    return self.get(key, buffer);
                }
                for inside in inside {
                    let own = octets.get(inside.start - from..inside.end - from);
                    match (buffer.get_mut(inside), own) {
                        (Some(room), Some(own)) => room.copy_from_slice(own),
                        _ => return self.get(key, buffer),
                    }
                }
            }
            from = to;
        }
        Ok(Some(buffer.as_slice()))
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
            assert!(pieces.iter().map(|piece| piece.len()).eq(lengths(length)));
            let pages = pieces.iter().map(|p| (p.len() + ROOM).next_power_of_two().max(PAGE));
            let taken: usize = pages.sum();
            assert!(taken <= length + length / 200 + 2 * PAGE, "{length}: {taken}");
        }
    }
}
