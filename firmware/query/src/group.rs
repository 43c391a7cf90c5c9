//! Sums by group: records are numbered by the codes of their keys within a block, summed up by number, and only then
//! added to the groups of all blocks.

pub(crate) mod intern;
pub(crate) mod keys;
pub(crate) mod local;
pub(crate) mod sieve;
pub(crate) mod table;
pub(crate) mod texts;
pub(crate) mod value;
