//! Which records of a block are meant: a condition is translated to the columns' codes once, whole blocks are decided
//! by the directory, and columns are unpacked only while some record may still be meant.

pub(crate) mod bits;
pub(crate) mod codes;
pub(crate) mod columns;
mod marks;
pub(crate) mod select;
mod summed;
mod verdict;

pub(crate) use verdict::verdict as decided;
