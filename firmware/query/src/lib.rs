//! Answers questions about flow records: compiles filter and question to work on columns, decides what to read, reads
//! it in parallel, and keeps rollups of hours so that long spans answer at once.

mod compile;
mod context;
mod distinct;
mod error;
mod group;
mod records;
mod rollup;
mod scan;
mod series;
mod work;

pub use context::{Context, CountryOf};
pub use error::QueryError;
pub use rollup::{RollupError, RollupScope, Rows, Table};
pub use scan::columns::{Room, Unpacked};
pub use work::{BlockOutcome, Compiled, Finished, Partial, Worker};
