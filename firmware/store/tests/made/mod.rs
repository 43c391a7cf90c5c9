//! Made-up flow records: what the store's tests and examples append.

use std::net::Ipv4Addr;

use model::{App, Direction, EndReason, FlowRecord, LinkId, Timestamp};

/// A record from the address of a number to 10.0.0.1, of a start and an end in seconds.
pub(crate) fn record(number: u32, start: u64, end: u64) -> FlowRecord {
    FlowRecord {
        link: LinkId(1),
        start: Timestamp::from_secs(start),
        end: Timestamp::from_secs(end),
        src_ip: Ipv4Addr::from(number).into(),
        dst_ip: Ipv4Addr::new(10, 0, 0, 1).into(),
        src_port: 1,
        dst_port: 2,
        protocol: 17,
        vlan: None,
        vlan_inner: None,
        src_mac: None,
        dst_mac: None,
        packets: 1,
        bytes: 100,
        packets_rev: 0,
        bytes_rev: 0,
        tcp_flags: 0,
        tcp_flags_rev: 0,
        icmp: None,
        icmp_rev: None,
        tos: 0,
        app: App::UNKNOWN,
        direction: Direction::In,
        end_reason: EndReason::Idle,
        export: None,
        l7: None,
        quality: None,
    }
}
