//! UDP datagrams in batches (udp(7), recvmmsg(2)), shared among threads by their sender.
//!
//! [`open`] makes a group of sockets on one port, one for each thread. A filter in the kernel gives all datagrams of
//! an address to the same socket, and [`place_of`] says which one, so that what a thread knows of a sender needs no
//! lock. Opening a port below 1024 takes CAP_NET_BIND_SERVICE; a buffer beyond net.core.rmem_max takes CAP_NET_ADMIN,
//! and is as large as that allows without it.

mod batch;
mod filter;
mod socket;

use std::net::SocketAddr;

pub use batch::Receiver;
pub use filter::place_of;
pub use socket::{DatagramSocket, open};

/// The most datagrams that one call hands over.
pub const BATCH: usize = 64;
/// The most octets of a datagram: a UDP datagram has no more.
pub const OCTETS_MAX: usize = 65_535;

/// A datagram, borrowed from the receiver's buffer.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// Who sent it; an IPv4 address is written as one, never as an IPv6 address that maps it.
    pub from: SocketAddr,
    /// What it says.
    pub octets: &'a [u8],
}

#[cfg(test)]
mod tests;
