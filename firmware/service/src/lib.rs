//! What each program owes systemd: messages in the journal, a word when it is ready, and a
//! watchdog's pulse as long as its workers go on.

mod journal;
mod watchdog;

pub use journal::log_as;
pub use sd_notify::NotifyState;
pub use watchdog::{Turns, Workers, tell};
