//! Frames of a conversation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who speaks with whom.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    /// IP protocol: 6 or 17.
    pub protocol: u8,
    /// The client's address.
    pub client: IpAddr,
    /// The server's address, of the same version.
    pub server: IpAddr,
    /// The client's port.
    pub client_port: u16,
    /// The server's port.
    pub server_port: u16,
}

impl Ends {
    /// Ends that two numbers name: of a client and of a server.
    #[must_use]
    pub fn numbered(protocol: u8, client: u32, client_port: u16, server: u32, server_port: u16, v6: bool) -> Self {
        let (client, server) = (client & 0x00ff_ffff | 0x0a00_0000, server & 0x00ff_ffff | 0xcb00_0000);
        let address = |number: u32| {
            if v6 {
                Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(number)).into()
            } else {
                Ipv4Addr::from(number).into()
            }
        };
        Self {
            protocol,
            client: address(client),
            server: address(server),
            client_port,
            server_port,
        }
    }
}

/// A conversation: what each side's next sequence number is.
#[derive(Debug, Clone, Copy)]
pub struct Conversation {
    ends: Ends,
    /// Next sequence numbers of the client and the server.
    next: [u32; 2],
}

impl Conversation {
    /// A conversation that has not begun.
    #[must_use]
    pub const fn new(ends: Ends, numbers: [u32; 2]) -> Self {
        Self { ends, next: numbers }
    }

    /// Appends an Ethernet frame of one side: TCP with these flags and the numbers that follow from what was sent so far,
    /// or UDP. At least 60 octets; checksums are left out.
    pub fn frame(&mut self, forward: bool, flags: u8, payload: &[u8], out: &mut Vec<u8>) {
        let Ends {
            protocol,
            client,
            server,
            client_port,
            server_port,
        } = self.ends;
        let start = out.len();
        let ends = [(client, client_port), (server, server_port)];
        let (src, dst) = if forward {
            (ends[0], ends[1])
        } else {
            (ends[1], ends[0])
        };
        out.extend([2, 0, 0, 0, 0, u8::from(forward), 2, 0, 0, 0, 0, u8::from(!forward)]);
        let header: usize = if protocol == 6 { 20 } else { 8 };
        let length = u16::try_from(header + payload.len()).unwrap_or(u16::MAX);
        match (src.0, dst.0) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                out.extend([8, 0, 0x45, 0]);
                out.extend((length + 20).to_be_bytes());
                out.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
                out.extend(src.octets());
                out.extend(dst.octets());
            }
            (src, dst) => {
                out.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
                out.extend(length.to_be_bytes());
                out.extend([protocol, 64]);
                for address in [src, dst] {
                    if let IpAddr::V6(address) = address {
                        out.extend(address.octets());
                    }
                }
            }
        }
        out.extend(src.1.to_be_bytes());
        out.extend(dst.1.to_be_bytes());
        if protocol == 6 {
            let (own, other) = if forward { (0, 1) } else { (1, 0) };
            out.extend(self.next[own].to_be_bytes());
            let acknowledged = if flags & 16 != 0 { self.next[other] } else { 0 };
            out.extend(acknowledged.to_be_bytes());
            out.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
            let octets = u32::try_from(payload.len()).unwrap_or(u32::MAX);
            self.next[own] = self.next[own].wrapping_add(octets + u32::from(flags & 3 != 0));
        } else {
            out.extend(length.to_be_bytes());
            out.extend([0, 0]);
        }
        out.extend_from_slice(payload);
        if out.len() < start + 60 {
            out.resize(start + 60, 0);
        }
    }
}
