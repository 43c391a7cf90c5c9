//! That the openings are what they are said to be, by the inspector.

use model::{App, Confidence, DetailKey, FlowRecord, Timestamp};

use crate::craft::{Conversation, Ends, Opening, Random};
use crate::{Config, Meter};

fn record_of(opening: &Opening) -> FlowRecord {
    let ends = Ends::numbered(opening.protocol, 1, 50_000, 2, opening.port, false);
    let mut conversation = Conversation::new(ends, [7, 9]);
    let mut meter = Meter::new(Config::offline());
    let mut records = Vec::new();
    let mut micros = 0;
    let mut say = |forward: bool, flags: u8, payload: &[u8]| {
        let mut frame = Vec::new();
        conversation.frame(forward, flags, payload, &mut frame);
        let view = dissect::Frame {
            link_type: 1,
            data: &frame,
            wire_len: 0,
            vlan_tci: None,
        };
        let packet = dissect::dissect(&view).unwrap();
        micros += 1_000;
        let now = Timestamp::from_nanos(1_700_000_000_000_000_000 + micros * 1_000);
        let payload = packet.payload_in(&frame);
        meter.observe(&packet, payload, now, &mut |record: FlowRecord| records.push(record));
    };
    if opening.protocol == 6 {
        say(true, 2, &[]);
        say(false, 18, &[]);
        say(true, 16, &[]);
    }
    for (forward, message) in &opening.messages {
        for part in message.chunks(1_448) {
            say(*forward, 24, part);
        }
    }
    meter.flush(&mut |record: FlowRecord| records.push(record));
    assert_eq!(records.len(), 1);
    records.remove(0)
}

#[test]
fn openings_are_known() {
    let mut random = Random::new(1);
    let host = "www.example.com";
    for (opening, app, name) in [
        (Opening::dns(host, &mut random), "dns", Some(host)),
        (Opening::tls13(host, &mut random), "https", Some(host)),
        (Opening::tls12(host, &mut random), "https", Some(host)),
        (Opening::quic(host, &mut random).unwrap(), "quic", Some(host)),
        (Opening::http(host, &mut random), "http", Some(host)),
        (Opening::ssh(&mut random), "ssh", None),
    ] {
        let record = record_of(&opening);
        assert_eq!(record.app, App::by_name(app).unwrap(), "{record:?}");
        let l7 = record.l7.unwrap_or_else(|| panic!("{app}"));
        assert_eq!((l7.host.as_deref(), l7.confidence), (name, Confidence::Parsed), "{app}");
        match app {
            "dns" => assert_eq!(l7.details.get(DetailKey::DnsCode), Some("NOERROR")),
            "quic" => assert_eq!(l7.details.get(DetailKey::Alpn), Some("h3")),
            "http" => assert_eq!(l7.details.get(DetailKey::Status), Some("200")),
            _ => {}
        }
        let quality = record.quality.unwrap_or_else(|| panic!("{app}"));
        assert!(quality.response.count > 0, "{app}");
        assert_eq!(quality.response.max_us, 1_000, "{app}");
        assert_eq!(
            (quality.forward.retransmitted, quality.reverse.retransmitted),
            (0, 0),
            "{app}"
        );
    }
    assert_eq!(record_of(&Opening::unknown(6, 8_899, &mut random)).app, App::UNKNOWN);
}
