//! Records that carry the head of a packet (RFC 5477): what it says, where the record's own fields do not.

use dissect::{Frame, Packet, dissect};
use model::FlowRecord;

use crate::plan::{Addresses, Plan};
use crate::slot::{Mask, Numbers, Slot};

/// The octets are no sound packet, or of a kind that is not dissected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsound;

const ETHERNET: u16 = 1;
const RAW_IP: u16 = 101;

const PACKETS: Mask = Mask::of(&[
    Slot::Packets,
    Slot::PacketsInitiator,
    Slot::PacketsTotal,
    Slot::PacketsPost,
]);
const BYTES: Mask = Mask::of(&[
    Slot::Bytes,
    Slot::BytesInitiator,
    Slot::BytesTotal,
    Slot::BytesPost,
    Slot::BytesLayer2,
]);

/// ipHeaderPacketSection (313).
pub(crate) fn ip(octets: &[u8], plan: &Plan, numbers: &Numbers, record: &mut FlowRecord) -> Result<(), Unsound> {
    let wire = numbers.get(Slot::IpLength);
    fill(RAW_IP, octets, wire, plan, record)
}

/// dataLinkFrameSection (315); the frame is Ethernet's.
pub(crate) fn frame(octets: &[u8], plan: &Plan, numbers: &Numbers, record: &mut FlowRecord) -> Result<(), Unsound> {
    let wire = numbers.get(Slot::FrameSize);
    fill(ETHERNET, octets, wire, plan, record)
}

fn fill(link_type: u16, octets: &[u8], wire: u64, plan: &Plan, record: &mut FlowRecord) -> Result<(), Unsound> {
    let wire = u32::try_from(wire).unwrap_or(0);
    let frame = Frame {
        link_type,
        data: octets,
        // The exporter cuts the head off somewhere, and does not always say how long the frame was.
        wire_len: if wire == 0 { 0xffff } else { wire },
        vlan_tci: None,
    };
    let packet = dissect(&frame).map_err(|_| Unsound)?;
    if plan.addresses == Addresses::None {
        ends(&packet, record);
    }
    if !plan.present.any(PACKETS) {
        record.packets = 1;
    }
    if !plan.present.any(BYTES) {
        record.bytes = u64::from(packet.ip_bytes).saturating_mul(record.packets);
    }
    record.vlan = record.vlan.or(packet.vlan);
    record.vlan_inner = record.vlan_inner.or(packet.vlan_inner);
    record.src_mac = record.src_mac.or(packet.src_mac);
    record.dst_mac = record.dst_mac.or(packet.dst_mac);
    Ok(())
}

/// The innermost packet's ends, protocol and flags.
pub(crate) fn ends(packet: &Packet, record: &mut FlowRecord) {
    record.src_ip = packet.src;
    record.dst_ip = packet.dst;
    record.src_port = packet.src_port;
    record.dst_port = packet.dst_port;
    record.protocol = packet.protocol;
    record.tos = packet.tos;
    record.tcp_flags = packet.tcp_flags;
    record.icmp = packet.icmp;
}
