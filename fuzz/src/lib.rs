//! What the targets of the decoder do with octets.

pub mod flows;
pub mod frames;

use std::net::{IpAddr, Ipv4Addr};

use decode::{Config, CounterSample, Decoder, Limits, Origin, Record, Sink};
use model::{FlowRecord, Timestamp};

/// Looks at everything that comes.
#[derive(Default)]
struct Everything {
    json: Vec<u8>,
    records: u64,
}

impl Sink for Everything {
    const RECORDS: bool = true;

    fn flow(&mut self, _: &Origin, flow: &FlowRecord) {
        assert!(flow.start <= flow.end);
        assert_eq!(flow.src_ip.is_ipv4(), flow.dst_ip.is_ipv4());
        assert!(flow.export.is_some());
        self.records += 1;
    }

    fn counters(&mut self, _: &Origin, _: &CounterSample) {
        self.records += 1;
    }

    fn record(&mut self, record: &Record<'_>) {
        self.json.clear();
        record.write_json(&mut self.json);
        assert!(std::str::from_utf8(&self.json).is_ok());
    }
}

fn config() -> Config {
    Config {
        limits: Limits {
            exporters: 2,
            domains: 4,
            templates: 8,
            fields: 64,
            fields_exporter: 256,
            fields_total: 512,
            pending_domain: 4_096,
            pending_total: 8_192,
            entries: 32,
            entries_total: 48,
            sources: 8,
        },
        ..Config::default()
    }
}

/// Decodes octets as datagrams of a protocol, saves what was learnt and loads it again.
///
/// The input is cut into datagrams, so that templates, data and options meet: two octets of length before each, and the
/// version's own first octets are put in front where they are missing.
pub fn decode(version: &[u8], input: &[u8]) {
    let mut decoder = Decoder::new(config());
    let mut sink = Everything::default();
    let exporter = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let mut now = Timestamp::from_secs(1_700_000_000);
    decoder.decode(now, exporter, input, &mut sink);
    let mut rest = input;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length) & 0x7ff).min(after.len());
        let (body, after) = after.split_at(length);
        let datagram = [version, body].concat();
        decoder.decode(now, exporter, &datagram, &mut sink);
        now = now.plus_nanos(1_000_000_000);
        rest = after;
    }
    let saved = decoder.save();
    let loaded = Decoder::load(config(), &saved).expect("what was saved loads");
    assert_eq!(loaded.exporters().count(), decoder.exporters().count());
    for address in decoder.exporters() {
        let report = decoder.exporter(address).expect("an exporter has a report");
        assert!(report.domains.len() <= 4);
        let fields: usize = report.domains.iter().flat_map(|d| &d.templates).map(|t| t.fields.len()).sum();
        assert!(fields <= 256);
        let waiting: usize = report.domains.iter().map(|d| d.waiting_octets).sum();
        assert!(waiting <= 8_192);
        assert!(report.interfaces.len() + report.vrfs.len() + report.applications + report.elements.len() <= 32);
    }
}
