//! TCP, UDP, SCTP, DCCP and ICMP headers.

use model::{IcmpType, MalformedKind};
use pnet_packet::ip::IpNextHeaderProtocols as Proto;

use crate::view::{Short, View, be16};
use crate::{NotMetered, Packet, Payload};

const TCP: u8 = Proto::Tcp.0;
const UDP: u8 = Proto::Udp.0;
const UDP_LITE: u8 = Proto::UdpLite.0;
const DCCP: u8 = Proto::Dccp.0;
const SCTP: u8 = Proto::Sctp.0;
const ICMP: u8 = Proto::Icmp.0;
const ICMPV6: u8 = Proto::Icmpv6.0;

/// Reads the transport header into `packet`.
///
/// # Errors
/// When the packet ends within the header or the header's length is impossible. A header cut by
/// the snap length is no error: the packet is metered with what is known.
#[inline]
pub(crate) fn read(packet: &mut Packet, body: View<'_>) -> Result<(), NotMetered> {
    let malformed = NotMetered::Malformed(MalformedKind::TransportHeader);
    // A first fragment may be as short as 8 octets (RFC 791): enough for the ports.
    let whole = packet.fragment.is_none();
    let least = match packet.protocol {
        TCP => 20,
        UDP | UDP_LITE | ICMP => 8,
        DCCP | SCTP => 12,
        ICMPV6 => 4,
        _ => return Ok(()),
    };
    if body.wire() < if whole { least } else { least.min(8) } {
        return Err(malformed);
    }
    match packet.protocol {
        ICMP | ICMPV6 => {
            let Ok(&[kind, code]) = body.peek::<2>() else {
                return Ok(());
            };
            packet.icmp = Some(IcmpType { kind, code });
            packet.has_transport = true;
            packet.payload = payload(body, least);
            return Ok(());
        }
        _ => {
            let Ok(h) = body.peek::<4>() else { return Ok(()) };
            packet.src_port = be16(h[0], h[1]);
            packet.dst_port = be16(h[2], h[3]);
            packet.has_transport = true;
        }
    }
    match packet.protocol {
        TCP => match body.peek::<14>() {
            Ok(h) => {
                let header = u32::from(h[12] >> 4) * 4;
                if header < 20 || (whole && header > body.wire()) {
                    return Err(malformed);
                }
                packet.tcp_seq = u32::from_be_bytes([h[4], h[5], h[6], h[7]]);
                packet.tcp_ack = u32::from_be_bytes([h[8], h[9], h[10], h[11]]);
                packet.tcp_window = body.peek::<16>().ok().map(|h| be16(h[14], h[15]));
                packet.tcp_flags = h[13];
                packet.payload = payload(body, header);
            }
            Err(Short::Cut | Short::Ended) => packet.payload = Payload::default(),
        },
        UDP => {
            if let Ok(h) = body.peek::<6>() {
                // 0 is a jumbogram's (RFC 2675) or an offloading sender's.
                let length = u32::from(be16(h[4], h[5]));
                if length != 0 && (length < 8 || (whole && length > body.wire())) {
                    return Err(malformed);
                }
            }
            packet.payload = payload(body, least);
        }
        _ => packet.payload = payload(body, least),
    }
    Ok(())
}

fn payload(body: View<'_>, header: u32) -> Payload {
    match body.skip(header) {
        Ok(rest) => Payload {
            offset: rest.at(),
            captured: rest.captured(),
            length: rest.wire(),
        },
        Err(_) => Payload::default(),
    }
}
