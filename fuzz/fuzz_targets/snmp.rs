#![no_main]
//! Octets as an SNMP datagram: an agent's answer, or a notification.

use std::net::{IpAddr, Ipv4Addr};

use model::Timestamp;
use snmp::Datagram;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Ok(datagram) = Datagram::decode(input, PEER, Timestamp::EPOCH) else {
        return;
    };
    assert!(datagram.variables.len() <= 1_024);
    assert!(datagram.variables.iter().all(|(_, value)| value.chars().count() <= 256));
    if let Some(trap) = datagram.trap {
        assert!(trap.variables.len() <= 64);
        assert!(trap.text().chars().count() <= 2_048);
        let log = trap.log();
        assert_eq!(log.severity, trap.severity);
        assert!(!log.code.is_empty());
    }
});
