//! Layer 7: what the first packets of a flow say of its application, and what its transactions say.
//!
//! An [`Inspector`] sees the packets with payload of each flow until it is decided what the flow is; flows whose
//! transactions are logged (DNS, HTTP/1, mail …) it sees to their end. Pure: octets and `now` go in, facts and log records
//! come out. Everything is bounded: open inspections, octets held of streams, names, transactions. docs/layer7.md says
//! what is read of which protocol.

mod alpn;
mod decide;
mod dns;
mod fingerprints;
mod flow;
mod hash;
mod hpack;
mod http1;
mod http2;
mod inspector;
mod ja4;
mod log;
mod login;
mod mail;
mod names;
mod preamble;
mod quic;
mod reader;
mod recognise;
mod sample;
mod sasl;
mod sctp;
mod session;
mod signatures;
mod ssh;
mod stream;
mod text;
mod tls;
mod x509;

pub use hash::Keyed;
pub use inspector::{Begin, Config, Inspection, Inspector, Progress, Statistics};
pub use names::Names;
pub use preamble::CALLS;
pub use signatures::{SignatureError, SignatureProblem, Signatures};

#[cfg(test)]
mod tests;
