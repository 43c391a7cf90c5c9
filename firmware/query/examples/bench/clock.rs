//! Processor time.

use nix::time::{ClockId, clock_gettime};

use crate::Result;

/// Seconds of all threads of this program so far.
pub(crate) fn cpu_s() -> Result<f64> {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?;
    Ok(time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9)
}
