//! Answers questions about flow records: compiles filter and question to work on columns, decides what to read, reads
//! it in parallel, and keeps rollups of hours so that long spans answer at once.

mod close;
mod compile;
mod context;
mod countries;
mod distinct;
mod error;
mod group;
#[cfg(test)]
mod naive;
mod names;
mod plan;
mod priority;
mod records;
mod rollup;
mod run;
mod scan;
mod series;
mod serve;
mod stamp;
mod work;

pub use close::{CloseError, Closed, close, close_all};
pub use context::{Context, CountryOf};
pub use countries::{COUNTRY_RANGES_MAX, CountriesError, CountryTable};
pub use error::QueryError;
pub use names::names;
pub use priority::lower_priority;
pub use rollup::{RollupError, RollupScope, Rows, Table};
pub use run::{Question, Watch};
pub use scan::columns::{Room, Unpacked};
pub use stamp::stamp;
pub use work::{BlockOutcome, Compiled, Finished, Partial, Worker};
