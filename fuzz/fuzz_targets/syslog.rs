#![no_main]
//! Octets as a syslog datagram and as a stream of messages.

use std::net::{IpAddr, Ipv4Addr};

use model::{LinkId, Timestamp};
use syslog::{Framer, MESSAGE_MAX, elements, parse, print, unescape};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    // 2021-01-05T12:00:10Z
    let now = Timestamp::from_secs(1_609_848_010);
    let message = parse(now, PEER, 28_800, input);
    for element in elements(&message.data) {
        element
            .params()
            .for_each(|(_, value)| assert!(unescape(value).len() <= value.len()));
    }
    // What is printed is read, and then stays as it is.
    let printed = print(&message);
    if printed.len() <= MESSAGE_MAX {
        let again = parse(now, PEER, 0, printed.as_bytes());
        assert_eq!(
            (again.severity, again.facility, again.host.is_some()),
            (message.severity, message.facility, message.host.is_some())
        );
    }
    assert!(!message.into_record(LinkId::of_exporter(1)).host.is_empty());

    let mut framer = Framer::default();
    let half = input.len() / 2;
    let parts = [&input[..half], &input[half..]];
    if parts
        .iter()
        .all(|part| framer.push(part, |m| assert!(m.len() <= MESSAGE_MAX + 1)).is_ok())
    {
        framer.finish(|m| assert!(m.len() <= MESSAGE_MAX + 1));
    }
});
