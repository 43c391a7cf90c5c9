//! The list of an hour's blocks (docs/formats.md).

use model::Timestamp;

use crate::day::Day;
use crate::rice::{put_varint, take_varint};
use crate::{BlockId, BlockMeta};

const VERSION: u8 = 1;

/// Writes it.
pub(super) fn pack_list(blocks: &[BlockMeta]) -> Vec<u8> {
    let mut blocks: Vec<&BlockMeta> = blocks.iter().collect();
    blocks.sort_unstable_by_key(|b| b.id);
    let mut out = vec![VERSION];
    let mut before = (0u64, 0u64, 0u64);
    for block in blocks {
        let key = block.id.key;
        put_varint(key.0.wrapping_sub(before.0), &mut out);
        put_varint(zigzag(key.1.wrapping_sub(before.1)), &mut out);
        put_varint(zigzag(key.2.wrapping_sub(before.2)), &mut out);
        put_varint(key.0.wrapping_sub(block.min_start.as_nanos()), &mut out);
        put_varint(block.records.into(), &mut out);
        before = key;
    }
    out
}

pub(super) fn unpack_list(hour: u32, row: &[u8]) -> Result<Vec<BlockMeta>, redb::Error> {
    let damaged = || redb::Error::Corrupted("a list of an hour's blocks is not readable".to_owned());
    let day = Day(u64::from(hour) / 24);
    let mut rest = match row.split_first() {
        Some((&VERSION, rest)) => rest,
        _ => return Err(damaged()),
    };
    let mut key = (0u64, 0u64, 0u64);
    let mut blocks = Vec::with_capacity(rest.len() / 12);
    while !rest.is_empty() {
        let mut number = || {
            let (number, after) = take_varint(rest).ok_or_else(damaged)?;
            rest = after;
            Ok::<_, redb::Error>(number)
        };
        key.0 = key.0.wrapping_add(number()?);
        key.1 = key.1.wrapping_add(unzigzag(number()?));
        key.2 = key.2.wrapping_add(unzigzag(number()?));
        let long = number()?;
        blocks.push(BlockMeta {
            id: BlockId { day, key },
            min_start: Timestamp::from_nanos(key.0.wrapping_sub(long)),
            max_end: Timestamp::from_nanos(key.0),
            records: u32::try_from(number()?).map_err(|_| damaged())?,
        });
    }
    Ok(blocks)
}

const fn zigzag(difference: u64) -> u64 {
    (difference << 1) ^ (difference >> 63).wrapping_neg()
}

const fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}
