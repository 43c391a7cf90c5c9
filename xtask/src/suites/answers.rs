//! The same records and the same questions to the record store and to nfdump.

use anyhow::Result;

use super::tally::Tally;

/// Compares totals and rankings, of records and of rollups.
pub(super) fn run(tally: &mut Tally) -> Result<()> {
    crate::bench::compare(&mut |name, result| tally.check(name, result))
}
