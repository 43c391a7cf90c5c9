//! What becomes an alarm, and when: readings and `now` go in, edges and events come out. No clock, no file.
//!
//! Times are seconds since 1970. A clock that steps back counts as one that stands still.

mod alarms;
mod growth;
mod redundancy;
mod reminder;
mod trigger;

pub use alarms::{Alarm, Book, Change, Event, Finding, Subject};
pub use growth::{Grown, Growth, Rate};
pub use redundancy::{Part, Redundancy, redundancy};
pub use reminder::due;
pub use trigger::{Edge, Limit, Trigger};

/// Degrees Celsius that the room may have (ASHRAE class A2): below and above, the box warns.
pub const ROOM_CELSIUS: (f64, f64) = (10.0, 35.0);

/// Corrected errors of one memory module in 24 hours from which on it is to be replaced, as rasdaemon counts for a page.
pub const CORRECTED_ERRORS_DAILY: u64 = 50;
