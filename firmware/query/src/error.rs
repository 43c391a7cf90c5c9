//! What keeps a question from being answered.

use thiserror::Error;

/// A question cannot be answered as it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum QueryError {
    /// A name that nothing has.
    #[error("there is no {kind} named {name:?}")]
    Unknown {
        /// What it was taken for.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A filter or key asks for countries.
    #[error("no table of countries was imported: import one before asking for countries")]
    NoCountries,
    /// The span is empty.
    #[error("the span ends where it begins or before: choose an end after the start")]
    Span,
    /// A number of the question is out of its bounds.
    #[error("{what} must be {first} to {last}, not {found}")]
    Bounds {
        /// Which number.
        what: &'static str,
        /// The smallest that is allowed.
        first: u64,
        /// The largest.
        last: u64,
        /// What was asked for.
        found: u64,
    },
}

/// Errors unless the number lies within its bounds.
pub(crate) const fn check(what: &'static str, found: u64, first: u64, last: u64) -> Result<(), QueryError> {
    if found < first || found > last {
        return Err(QueryError::Bounds {
            what,
            first,
            last,
            found,
        });
    }
    Ok(())
}
