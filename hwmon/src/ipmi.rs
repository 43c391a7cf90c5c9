//! The board's management controller, by IPMI 1.5 and 2.0's commands.
//!
//! [`sdr`] and [`states`] are pure: octets in, sensors and readings out. [`message`] builds and opens what goes over a
//! LAN; [`Client`] asks over one and [`Device`] by the kernel's /dev/ipmi0, one question at a time and with a deadline, and a
//! [`Controller`] knows what to ask. Discrete sensors are judged by their state bits alone: tools that print "ok"
//! beside "Redundancy Lost" look at the wrong column.

mod client;
mod controller;
mod device;
pub mod fru;
mod message;
mod sdr;
pub mod sel;
mod states;

pub use client::{Client, Login};
pub use controller::{Ask, Controller};
pub use device::Device;
pub use message::{Auth, MessageError, Question, Session};
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
    /// The kernel's device cannot be used.
    #[error("cannot ask the management controller by {at}: check that the box has one and that this user may use it")]
    Device {
        /// The device.
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

impl IpmiError {
    /// A refusal, with what to do.
    fn refused(at: &str, what: &'static str, code: u8) -> Self {
        Self::Refused {
            at: at.to_owned(),
            what,
            code,
            todo: match code {
                0x81 | 0x82 => "name a user that it knows",
                0xc0 => "ask again later",
                0xc1 => "it does not know the question",
                0xd4 => "use an account with the operator's rights",
                _ => "check user and password",
            },
        }
    }
}
