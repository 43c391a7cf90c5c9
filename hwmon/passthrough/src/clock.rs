//! How the kernel keeps its clock: adjtimex(2), which is asked to change nothing.
#![allow(unsafe_code, reason = "adjtimex takes a pointer")]

use std::io;

use nix::libc;

/// The clock's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Whether somebody keeps it: STA_UNSYNC is not set.
    pub synchronised: bool,
    /// The most that it may be wrong by, in microseconds, as the kernel counts it since it was last set.
    pub error: i64,
}

/// Reads it.
///
/// # Errors
/// The system's.
pub fn clock() -> io::Result<Clock> {
    // SAFETY: all zero is a valid timex, which asks for nothing to be changed.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the structure is the kernel's and outlives the call.
    let told = unsafe { libc::adjtimex(&raw mut state) };
    if told < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Clock {
        synchronised: state.status & libc::STA_UNSYNC == 0,
        error: state.maxerror,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_clock_of_any_machine_can_be_read() {
        assert!(super::clock().expect("a clock").error >= 0);
    }
}
