//! The fuzz targets for a moment: that they build, and that their seeds and some inputs more do no harm.

use anyhow::Result;

use super::tally::Tally;
use crate::fuzz::{self, Effort};

/// Inputs of each target; `make test-fuzz` runs them for minutes.
const INPUTS: u32 = 20_000;

/// Runs every target.
pub(super) fn run(tally: &mut Tally) -> Result<()> {
    let programs = fuzz::build()?;
    for name in fuzz::targets()? {
        tally.check(
            &format!("{name}: {INPUTS} inputs"),
            fuzz::run(&programs, &name, Effort::Inputs(INPUTS)),
        );
    }
    Ok(())
}
