//! Hardware alarms as RFC 5424 syslog messages and SNMPv2c traps, for whoever has a UDP stack: the box's own monitor, and a
//! management controller without Linux.
//!
//! No standard library, no allocation, no unsafe code, no floating point, no formatting machinery. The caller owns every
//! buffer: [`SYSLOG_MAX`] and [`TRAP_MAX`] octets always suffice for what their doc says.
//!
//! ```
//! use notifier::{Alarm, Origin, Severity, Stamp, State, syslog};
//!
//! let origin = Origin { host: "box-7", enterprise: 32473 };
//! let alarm = Alarm {
//!     severity: Severity::Critical,
//!     state: State::Raised,
//!     code: "FAN",
//!     source: "fan3",
//!     value: "0 rpm",
//!     text: "fan 3 stands still: replace it",
//! };
//! let mut buffer = [0; notifier::SYSLOG_MAX];
//! let message = syslog(&origin, &alarm, Stamp::from_unix(1_609_848_010, 5), &mut buffer).expect("room");
//! assert!(message.starts_with(b"<130>1 2021-01-05T12:00:10.005Z box-7 hwmon - FAN [hwmon@32473 "));
//! ```
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

mod alarm;
mod ber;
mod send;
mod stamp;
mod syslog;
mod trap;

pub use alarm::{Alarm, Origin, Severity, State};
pub use send::{Failure, notify};
pub use stamp::Stamp;
pub use syslog::{SYSLOG_MAX, syslog};
pub use trap::{TRAP_MAX, trap};

/// The buffer is too small for what must not be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl core::fmt::Display for Full {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the buffer is too small for an alarm: give it 1,024 octets")
    }
}

impl core::error::Error for Full {}
