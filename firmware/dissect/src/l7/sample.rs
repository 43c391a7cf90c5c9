//! What a recogniser is shown of a flow, and what it says.

use std::net::IpAddr;

use model::{App, Confidence, L7};

/// Bit of [`Recogniser::transports`]: TCP.
pub(crate) const TCP: u8 = 1;
/// Bit of [`Recogniser::transports`]: UDP.
pub(crate) const UDP: u8 = 2;
/// Bit of [`Recogniser::transports`]: SCTP.
pub(crate) const SCTP: u8 = 4;

/// The bit of an IP protocol number; 0 for one that recognisers are not asked about.
pub(crate) const fn transport_bit(protocol: u8) -> u8 {
    match protocol {
        6 => TCP,
        17 => UDP,
        132 => SCTP,
        _ => 0,
    }
}

/// Octets of which a look at the first ones wants no more.
pub(crate) const LONG: usize = 64;

/// A flow's first octets. "Client" is the sender of the flow's first packet that was seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample<'a> {
    /// IP protocol number: 6, 17 or 132.
    pub transport: u8,
    /// The client's port.
    pub src_port: u16,
    /// The server's port.
    pub dst_port: u16,
    /// The client's address.
    pub src: IpAddr,
    /// The server's address.
    pub dst: IpAddr,
    /// TCP: the first octets of the client's stream, in order; else its first datagram. Empty: nothing yet.
    pub client: &'a [u8],
    /// The same of the server.
    pub server: &'a [u8],
    /// Packets with payload from the client, this one included; stops at 255.
    pub client_packets: u8,
    /// Packets with payload from the server.
    pub server_packets: u8,
    /// The payload of the packet that is looked at: what was captured of it.
    pub latest: &'a [u8],
    /// Whether the client sent it.
    pub forward: bool,
}

/// What a recogniser says. After [`Verdict::No`] it is not asked about the flow again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is not this.
    No,
    /// It could still be this.
    More,
    /// It is this.
    Is(App, Confidence),
}

/// Knows one protocol by its first octets.
#[derive(Clone, Copy)]
pub(crate) struct Recogniser {
    /// The application that it knows.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "names the line of the table; the tests go by it")
    )]
    pub app: App,
    /// Bits of [`TCP`], [`UDP`], [`SCTP`].
    pub transports: u8,
    /// Asked first where one of the flow's ports is among these; never required.
    pub ports: &'static [u16],
    /// Says no where none of the flow's ports is among these; empty: asked everywhere.
    pub only: &'static [u16],
    /// A stream of [`LONG`] octets that begins with another octet is not this; empty: any may be. Whoever has such a list
    /// answers for streams as `octets::stream` does.
    pub streams: &'static [u8],
    /// The same of the latest datagram, and `octets::datagram`.
    pub datagrams: &'static [u8],
    /// Looks. Facts go into `L7::details` and `L7::host`, and only along with [`Verdict::Is`].
    pub check: fn(&Sample<'_>, &mut L7) -> Verdict,
}
