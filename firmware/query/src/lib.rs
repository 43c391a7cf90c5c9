//! Answers questions about flow records: compiles filter and question to work on columns, decides what to read, reads
//! it in parallel, and keeps rollups of hours so that long spans answer at once.

mod rollup;

pub use rollup::{RollupError, RollupScope, Rows, Table};
