//! Datagrams whose contents the tests know.

use decode::FieldSpec;
use decode::craft::{FlowSample, Ipfix, Sample, Set, Sflow, V5, V5Record, V9, record, sampled_header, tcp_frame};

/// IPv4 addresses, ports, protocol, octets, packets, interfaces, first and last.
const FIELDS: [(u16, u16); 11] = [
    (8, 4),
    (12, 4),
    (7, 2),
    (11, 2),
    (4, 1),
    (1, 4),
    (2, 4),
    (10, 4),
    (14, 4),
    (22, 4),
    (21, 4),
];

pub(crate) const TEMPLATE: u16 = 300;

fn fields() -> Vec<FieldSpec> {
    FIELDS.map(|(id, length)| FieldSpec::iana(id, length)).to_vec()
}

/// What a test's flow is: a number says all of it.
pub(crate) struct Flow(pub(crate) u32);

impl Flow {
    pub(crate) fn src(&self) -> u32 {
        0x0a01_0000 + self.0
    }
    pub(crate) fn dst(&self) -> u32 {
        0x0808_0808
    }
    pub(crate) fn octets(&self) -> u32 {
        1_000 + self.0
    }
    pub(crate) fn packets(&self) -> u32 {
        1 + self.0 % 7
    }
    pub(crate) fn port(&self) -> u16 {
        u16::try_from(1_024 + self.0 % 50_000).unwrap()
    }

    fn values(&self, uptime: u32) -> Vec<u8> {
        let values = [
            self.src().to_be_bytes().to_vec(),
            self.dst().to_be_bytes().to_vec(),
            self.port().to_be_bytes().to_vec(),
            443u16.to_be_bytes().to_vec(),
            vec![6],
            self.octets().to_be_bytes().to_vec(),
            self.packets().to_be_bytes().to_vec(),
            3u32.to_be_bytes().to_vec(),
            4u32.to_be_bytes().to_vec(),
            (uptime - 900).to_be_bytes().to_vec(),
            (uptime - 100).to_be_bytes().to_vec(),
        ];
        record(&fields(), &values)
    }
}

/// A stream of NetFlow v9 that announces its template when it is told to.
pub(crate) struct Stream {
    pub(crate) sequence: u32,
    next: u32,
}

impl Stream {
    pub(crate) fn new() -> Self {
        Self { sequence: 0, next: 0 }
    }

    /// Datagrams' next, with so many records.
    pub(crate) fn v9(&mut self, secs: u64, template: bool, records: u32) -> Vec<u8> {
        let header = V9 {
            uptime: 5_000_000,
            secs: u32::try_from(secs).unwrap(),
            sequence: self.sequence,
            source: 7,
        };
        self.sequence += 1;
        let mut sets = Vec::new();
        if template {
            sets.push(Set::Template(TEMPLATE, fields()));
        }
        let flows = self.next..self.next + records;
        self.next += records;
        if records > 0 {
            sets.push(Set::Data(TEMPLATE, flows.map(|n| Flow(n).values(5_000_000)).collect()));
        }
        header.datagram(&sets)
    }
}

pub(crate) fn ipfix(secs: u64, sequence: u32, flows: &[u32]) -> Vec<u8> {
    // IPFIX has no uptime in its header: absolute times in its place.
    let mut fields: Vec<FieldSpec> = FIELDS[..9]
        .iter()
        .map(|(id, length)| FieldSpec::iana(*id, *length))
        .collect();
    fields.extend([FieldSpec::iana(152, 8), FieldSpec::iana(153, 8)]);
    let data = flows.iter().map(|&n| {
        let flow = Flow(n);
        let values = [
            flow.src().to_be_bytes().to_vec(),
            flow.dst().to_be_bytes().to_vec(),
            flow.port().to_be_bytes().to_vec(),
            443u16.to_be_bytes().to_vec(),
            vec![6],
            flow.octets().to_be_bytes().to_vec(),
            flow.packets().to_be_bytes().to_vec(),
            3u32.to_be_bytes().to_vec(),
            4u32.to_be_bytes().to_vec(),
            (secs * 1_000 - 900).to_be_bytes().to_vec(),
            (secs * 1_000 - 100).to_be_bytes().to_vec(),
        ];
        record(&fields, &values)
    });
    let header = Ipfix {
        secs: u32::try_from(secs).unwrap(),
        sequence,
        domain: 9,
    };
    header.message(&[Set::Template(400, fields.clone()), Set::Data(400, data.collect())])
}

pub(crate) fn v5(secs: u64, sequence: u32, flows: &[u32]) -> Vec<u8> {
    let records: Vec<V5Record> = flows
        .iter()
        .map(|&n| {
            let flow = Flow(n);
            V5Record {
                src: flow.src(),
                dst: flow.dst(),
                src_port: flow.port(),
                dst_port: 443,
                protocol: 6,
                octets: flow.octets(),
                packets: flow.packets(),
                input: 3,
                output: 4,
                first: 4_999_100,
                last: 4_999_900,
                ..V5Record::default()
            }
        })
        .collect();
    v5_of(secs, sequence, &records)
}

/// TCP flows of these source and destination ports.
pub(crate) fn v5_of_ports(secs: u64, sequence: u32, ports: &[(u16, u16)]) -> Vec<u8> {
    let record = |(src_port, dst_port): &(u16, u16)| V5Record {
        src: Flow(0).src(),
        dst: Flow(0).dst(),
        src_port: *src_port,
        dst_port: *dst_port,
        protocol: 6,
        octets: 100,
        packets: 1,
        first: 4_999_100,
        last: 4_999_900,
        ..V5Record::default()
    };
    v5_of(secs, sequence, &ports.iter().map(record).collect::<Vec<_>>())
}

fn v5_of(secs: u64, sequence: u32, records: &[V5Record]) -> Vec<u8> {
    let header = V5 {
        uptime: 5_000_000,
        secs: u32::try_from(secs).unwrap(),
        sequence,
        ..V5::default()
    };
    header.datagram(records)
}

/// Each packet of 100 octets stands for ten.
pub(crate) fn sflow(agent: &str, sequence: u32, flows: &[u32]) -> Vec<u8> {
    let sample = |(place, &n): (u32, &u32)| {
        let flow = Flow(n);
        let frame = tcp_frame(flow.src(), flow.dst(), flow.port(), 443, 16, 100);
        Sample::Flow(FlowSample {
            sequence: sequence * 100 + place,
            source: 3,
            rate: 10,
            input: (0, 3),
            output: (0, 4),
            records: vec![sampled_header(1, 118, &frame)],
            ..FlowSample::default()
        })
    };
    let header = Sflow {
        agent: agent.parse().unwrap(),
        sub_agent: 0,
        sequence,
        uptime: 5_000_000,
    };
    let samples: Vec<Sample> = (0u32..).zip(flows).map(sample).collect();
    header.datagram(&samples)
}
