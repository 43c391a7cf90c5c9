//! The board's management controller, by IPMI 1.5 and 2.0's commands.
//!
//! [`sdr`] and [`states`] are pure: octets in, sensors and readings out. [`message`] builds and opens what goes over a
//! LAN, and [`Client`] asks, with a deadline. Discrete sensors are judged by their state bits alone: tools that print "ok"
//! beside "Redundancy Lost" look at the wrong column.

mod client;
mod message;
mod sdr;
mod states;

pub use client::{Client, Login};
pub use message::{Auth, MessageError, Session};
pub use sdr::{Sensor, parse as parse_sdr};
pub use states::reading;

/// Why the controller gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum IpmiError {
    /// No socket, or nothing can be sent.
    #[error("cannot reach the management controller at {at}: check address and port")]
    Socket {
        /// Its address.
        at: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// No answer came.
    #[error(
        "the management controller at {at} does not answer ({what}): check that IPMI over LAN is on, or restart the controller"
    )]
    Timeout {
        /// Its address.
        at: String,
        /// What was asked.
        what: &'static str,
    },
    /// It refused.
    #[error("the management controller at {at} refuses {what} with code {code:#04x}: {todo}")]
    Refused {
        /// Its address.
        at: String,
        /// What was asked.
        what: &'static str,
        /// The completion code (IPMI 2.0, table 5-2).
        code: u8,
        /// What to do.
        todo: &'static str,
    },
    /// It answered with what cannot be read.
    #[error("the management controller at {at} answers {what} with what makes no sense: update its firmware")]
    Malformed {
        /// Its address.
        at: String,
        /// What was asked.
        what: &'static str,
    },
}
