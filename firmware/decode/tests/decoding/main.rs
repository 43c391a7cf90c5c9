//! Datagrams made to order, and what becomes of them.

mod definitions;
mod exporters;
mod hostile;
mod learning;
mod naive;
mod records;
mod samples;
mod times;

use std::net::{IpAddr, Ipv4Addr};

use decode::craft::{Ipfix, Set, V9};
use decode::{Config, CounterSample, Decoder, FieldSpec, Origin, Record, Sink};
use model::{FlowRecord, Timestamp};

pub(crate) const SECS: u32 = 1_700_000_000;

/// The exporter of most tests.
pub(crate) const EXPORTER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Keeps what comes.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) flows: Vec<FlowRecord>,
    pub(crate) origins: Vec<Origin>,
    pub(crate) json: Vec<String>,
    pub(crate) counters: Vec<CounterSample>,
}

impl Sink for Kept {
    const RECORDS: bool = true;

    fn flow(&mut self, origin: &Origin, flow: &FlowRecord) {
        self.flows.push(flow.clone());
        self.origins.push(*origin);
    }

    fn counters(&mut self, _: &Origin, sample: &CounterSample) {
        self.counters.push(sample.clone());
    }

    fn record(&mut self, record: &Record<'_>) {
        let mut out = Vec::new();
        record.write_json(&mut out);
        self.json.push(String::from_utf8(out).expect("JSON is UTF-8"));
    }
}

/// A decoder and what it gave.
pub(crate) struct Bench {
    pub(crate) decoder: Decoder,
    pub(crate) kept: Kept,
    pub(crate) now: Timestamp,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        Self {
            decoder: Decoder::new(config),
            kept: Kept::default(),
            now: Timestamp::from_secs(SECS.into()),
        }
    }

    pub(crate) fn send(&mut self, datagram: &[u8]) {
        self.decoder.decode(self.now, EXPORTER, datagram, &mut self.kept);
    }

    pub(crate) fn v9(&mut self, header: V9, sets: &[Set]) {
        self.send(&header.datagram(sets));
    }

    pub(crate) fn ipfix(&mut self, header: Ipfix, sets: &[Set]) {
        self.send(&header.message(sets));
    }

    pub(crate) fn report(&self) -> decode::ExporterReport {
        self.decoder.exporter(EXPORTER).expect("the exporter is known")
    }

    /// The only flow.
    pub(crate) fn flow(&self) -> &FlowRecord {
        match self.kept.flows.as_slice() {
            [flow] => flow,
            flows => panic!("{} flows: {:?}", flows.len(), self.report()),
        }
    }
}

/// A v9 header one hour after the exporter's start.
pub(crate) fn v9(sequence: u32) -> V9 {
    V9 {
        uptime: 3_600_000,
        secs: SECS,
        sequence,
        source: 7,
    }
}

pub(crate) fn ipfix(sequence: u32) -> Ipfix {
    Ipfix {
        secs: SECS,
        sequence,
        domain: 7,
    }
}

/// Fields of IANA's elements: number, length.
pub(crate) fn fields(numbers: &[(u16, u16)]) -> Vec<FieldSpec> {
    numbers
        .iter()
        .map(|(number, length)| FieldSpec::iana(*number, *length))
        .collect()
}

/// A number in so many octets.
pub(crate) fn be(n: u64, octets: usize) -> Vec<u8> {
    n.to_be_bytes()
        .get(8 - octets..)
        .expect("at most eight octets")
        .to_vec()
}
