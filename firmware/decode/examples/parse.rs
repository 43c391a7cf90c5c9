//! How many records a CPU-second are decoded, from datagram to flow record: NetFlow v5 and v9, IPFIX (fixed and
//! variable lengths) and sFlow, of exporters that mix IPv4, IPv6 and MPLS.
//!
//! `cargo run --release -p decode --features craft --example parse [RECORDS]` prints a line a protocol: its name, records,
//! CPU-seconds, records a CPU-second, octets a datagram.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use decode::craft::{self, FlowSample, Ipfix, Sample, Set, Sflow, V5, V5Record, V9};
use decode::{Config, Decoder, FieldSpec, Origin, Sink, VARIABLE};
use model::{FlowRecord, LinkId, Timestamp};

const SECS: u32 = 1_700_000_000;
const EXPORTER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Counts what comes, and looks at it as a block's encoder would.
#[derive(Default)]
struct Count {
    records: u64,
    sum: u64,
}

impl Sink for Count {
    fn link(&mut self, _: &Origin, ingress: Option<u32>, _: Option<u32>) -> LinkId {
        LinkId(ingress.unwrap_or(0) & 0xff)
    }

    fn flow(&mut self, _: &Origin, flow: &FlowRecord) {
        let flow = black_box(flow);
        self.records += 1;
        self.sum = self
            .sum
            .wrapping_add(flow.bytes ^ flow.packets ^ u64::from(flow.src_port));
    }
}

/// A small generator: the same numbers every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// The fields that routers export by default, 23 of them.
fn template(v6: bool) -> Vec<FieldSpec> {
    let addresses: [(u16, u16); 5] = match v6 {
        true => [(27, 16), (28, 16), (62, 16), (29, 1), (30, 1)],
        false => [(8, 4), (12, 4), (15, 4), (9, 1), (13, 1)],
    };
    let rest: [(u16, u16); 18] = [
        (7, 2),
        (11, 2),
        (10, 4),
        (14, 4),
        (2, 4),
        (1, 4),
        (22, 4),
        (21, 4),
        (16, 4),
        (17, 4),
        (4, 1),
        (5, 1),
        (6, 1),
        (61, 1),
        (89, 1),
        (48, 2),
        (234, 4),
        (235, 4),
    ];
    addresses
        .iter()
        .chain(&rest)
        .map(|(number, length)| FieldSpec::iana(*number, *length))
        .collect()
}

/// A value as wide as its field.
fn value(field: &FieldSpec, numbers: &mut Numbers) -> Vec<u8> {
    let port = [443, 80, 53, 22, 50_000 + numbers.below(10_000)][usize::try_from(numbers.below(5)).unwrap_or(0)];
    let n = match field.element.number {
        4 => [6, 6, 6, 17][usize::try_from(numbers.below(4)).unwrap_or(0)],
        7 | 11 => port,
        8 | 12 => 0x0a00_0000 + numbers.below(1 << 24),
        10 | 14 => 1 + numbers.below(48),
        2 => 1 + numbers.below(100),
        1 => 40 + numbers.below(150_000),
        22 => 3_000_000 + numbers.below(1_000),
        21 => 3_001_000 + numbers.below(1_000),
        48 => 1,
        95 => 3 << 24 | 443,
        61 => 0,
        89 => 64,
        _ => numbers.below(200),
    };
    let mut octets = vec![0; 16];
    octets.extend(n.to_be_bytes());
    let length = match field.length {
        VARIABLE => usize::try_from(8 + numbers.below(20)).unwrap_or(8),
        fixed => usize::from(fixed),
    };
    octets.split_off(24 - length.min(24))
}

fn records(fields: &[FieldSpec], count: usize, numbers: &mut Numbers) -> Vec<Vec<u8>> {
    (0..count)
        .map(|_| {
            let values: Vec<_> = fields.iter().map(|field| value(field, numbers)).collect();
            craft::record(fields, &values)
        })
        .collect()
}

fn v9(numbers: &mut Numbers) -> Vec<Vec<u8>> {
    let (four, six) = (template(false), template(true));
    let sampler = vec![FieldSpec::iana(48, 2), FieldSpec::iana(34, 4)];
    let header = |sequence| V9 {
        uptime: 3_600_000,
        secs: SECS,
        sequence,
        source: 7,
    };
    let options = craft::record(&sampler, &[vec![0, 1], vec![0, 0, 0, 100]]);
    let mut datagrams = vec![header(0).datagram(&[
        Set::Template(256, four.clone()),
        Set::Template(257, six.clone()),
        Set::Options(258, 1, sampler),
        Set::Data(258, vec![options]),
    ])];
    for sequence in 1..1_000 {
        datagrams.push(header(sequence).datagram(&[
            Set::Data(256, records(&four, 16, numbers)),
            Set::Data(257, records(&six, 4, numbers)),
        ]));
    }
    datagrams
}

fn ipfix(numbers: &mut Numbers, variable: bool) -> Vec<Vec<u8>> {
    let mut four = template(false);
    // Absolute times instead of uptimes.
    four.retain(|field| !matches!(field.element.number, 21 | 22));
    four.extend([FieldSpec::iana(152, 8), FieldSpec::iana(153, 8)]);
    if variable {
        four.extend([FieldSpec::iana(95, 4), FieldSpec::iana(82, VARIABLE)]);
    }
    let header = |sequence| Ipfix {
        secs: SECS,
        sequence,
        domain: 7,
    };
    let mut datagrams = vec![header(0).message(&[Set::Template(256, four.clone())])];
    for message in 0..1_000 {
        datagrams.push(header(message * 20).message(&[Set::Data(256, records(&four, 20, numbers))]));
    }
    datagrams
}

fn v5(numbers: &mut Numbers) -> Vec<Vec<u8>> {
    let low = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let low16 = |n: u64| u16::try_from(n).unwrap_or(u16::MAX);
    (0..1_000)
        .map(|message| {
            let records: Vec<V5Record> = (0..30)
                .map(|_| V5Record {
                    src: 0x0a00_0000 + low(numbers.below(1 << 24)),
                    dst: low(numbers.below(1 << 32)),
                    input: low16(numbers.below(48)),
                    output: low16(numbers.below(48)),
                    packets: low(1 + numbers.below(100)),
                    octets: low(40 + numbers.below(150_000)),
                    first: 3_000_000,
                    last: 3_001_000,
                    src_port: low16(50_000 + numbers.below(10_000)),
                    dst_port: 443,
                    protocol: 6,
                    tcp_flags: 0x1b,
                    ..V5Record::default()
                })
                .collect();
            let header = V5 {
                uptime: 3_600_000,
                secs: SECS,
                sequence: message * 30,
                sampling: 100,
                ..V5::default()
            };
            header.datagram(&records)
        })
        .collect()
}

fn sflow(numbers: &mut Numbers) -> Vec<Vec<u8>> {
    let mut sequence = 0;
    (0..1_000)
        .map(|message| {
            let samples: Vec<Sample> = (0..8)
                .map(|_| {
                    sequence += 1;
                    let (src, dst) = (numbers.next(), numbers.next());
                    let low = |n: u64| u32::try_from(n >> 32).unwrap_or(0);
                    let mut frame = craft::tcp_frame(low(src), low(dst), 50_000, 443, 0x10, 1_500);
                    frame.resize(128, 0);
                    Sample::Flow(FlowSample {
                        sequence,
                        source: 3,
                        rate: 1_000,
                        pool: sequence * 1_000,
                        input: (0, 3),
                        output: (0, 4),
                        records: vec![craft::sampled_header(1, 1_514, &frame)],
                        ..FlowSample::default()
                    })
                })
                .collect();
            let header = Sflow {
                agent: EXPORTER,
                sub_agent: 0,
                sequence: message,
                uptime: 1_000 * message,
            };
            header.datagram(&samples)
        })
        .collect()
}

/// Processor time of this process so far, in s.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos: f64 = stat.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0.0);
    nanos / 1e9
}

#[allow(clippy::cast_precision_loss, reason = "some millions")]
fn run(name: &str, wanted: u64, datagrams: &[Vec<u8>]) {
    let mut decoder = Decoder::new(Config::default());
    let mut count = Count::default();
    let now = Timestamp::from_secs(u64::from(SECS));
    // Once for the templates, and to warm up.
    let round = |decoder: &mut Decoder, count: &mut Count| {
        datagrams
            .iter()
            .for_each(|datagram| decoder.decode(now, EXPORTER, datagram, count));
    };
    round(&mut decoder, &mut count);
    count.records = 0;
    let before = cpu_s();
    while count.records < wanted {
        round(&mut decoder, &mut count);
    }
    let took = cpu_s() - before;
    let octets: usize = datagrams.iter().map(Vec::len).sum();
    black_box(count.sum);
    println!(
        "{name}\t{} records\t{took:.3} s\t{:.2} M records a CPU-second\t{:.0} octets a datagram",
        count.records,
        count.records as f64 / took / 1e6,
        octets as f64 / datagrams.len() as f64,
    );
}

fn main() {
    let wanted = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(5_000_000);
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    run("NetFlow v5", wanted, &v5(&mut numbers));
    run("NetFlow v9", wanted, &v9(&mut numbers));
    run("IPFIX", wanted, &ipfix(&mut numbers, false));
    run("IPFIX, variable lengths", wanted, &ipfix(&mut numbers, true));
    run("sFlow v5", wanted, &sflow(&mut numbers));
}
