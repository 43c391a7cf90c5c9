//! Applications that an administrator defined name what is unknown otherwise.

use std::collections::BTreeMap;
use std::sync::Arc;

use decode::Config;
use decode::craft::{FlowSample, Sample, Set, Sflow, record, sampled_header, tcp_frame};
use model::{App, Application, Definitions, Endpoint, PortRange};

use crate::{Bench, EXPORTER, be, fields, ipfix};

/// TCP port 9999 at 8.8.8.0/24.
fn defined(number: u32) -> Arc<Definitions> {
    let endpoint = Endpoint {
        protocol: Some(6),
        ports: PortRange::new(9_999, 9_999).into_iter().collect(),
        addresses: vec!["8.8.8.0/24".parse().expect("a network")],
    };
    let application = Application {
        name: format!("a{number}"),
        endpoints: vec![endpoint],
    };
    Arc::new(Definitions::new(&BTreeMap::from([(number, application)])))
}

fn bench() -> Bench {
    Bench::with(Config {
        definitions: defined(7),
        ..Config::default()
    })
}

/// Addresses, ports, protocol, and what the exporter calls the application.
fn flow(dst: [u8; 4], ports: (u64, u64), application: u64) -> Vec<u8> {
    let template = fields(&[(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (95, 4)]);
    let values = [
        vec![10, 0, 0, 1],
        dst.to_vec(),
        be(ports.0, 2),
        be(ports.1, 2),
        vec![6],
        be(application, 4),
    ];
    record(&template, &values)
}

fn send(bench: &mut Bench, sequence: u32, flows: Vec<Vec<u8>>) -> Vec<App> {
    let template = fields(&[(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (95, 4)]);
    bench.kept.flows.clear();
    bench.ipfix(ipfix(sequence), &[Set::Template(256, template), Set::Data(256, flows)]);
    bench.kept.flows.iter().map(|flow| flow.app).collect()
}

#[test]
fn records_are_named_by_the_definitions_of_the_time() {
    let mut bench = bench();
    let app = |name| App::by_name(name).expect("known");
    let seven = App::defined(7).expect("a number");
    let flows = vec![
        flow([8, 8, 8, 8], (50_000, 9_999), 0),
        // It is the end with the address that has the port.
        flow([8, 8, 8, 8], (9_999, 50_000), 0),
        flow([8, 8, 9, 8], (50_000, 9_999), 0),
        // The other port is known.
        flow([8, 8, 8, 8], (22, 9_999), 0),
        // The exporter knows: IANA's port 443.
        flow([8, 8, 8, 8], (50_000, 9_999), 3 << 24 | 443),
        // It has a name of its own for it, which nobody told us.
        flow([8, 8, 8, 8], (50_000, 9_999), 13 << 24 | 77),
    ];
    let unknown = App::UNKNOWN;
    assert_eq!(
        send(&mut bench, 0, flows.clone()),
        [seven, unknown, unknown, app("ssh"), app("https"), seven]
    );
    bench.decoder.set_definitions(defined(8));
    let eight = App::defined(8).expect("a number");
    assert_eq!(
        send(&mut bench, 6, flows.clone()),
        [eight, unknown, unknown, app("ssh"), app("https"), eight]
    );
    bench.decoder.set_definitions(Arc::default());
    assert_eq!(
        send(&mut bench, 12, flows),
        [unknown, unknown, unknown, app("ssh"), app("https"), unknown]
    );
}

#[test]
fn sampled_packets_are_named_too() {
    let mut bench = bench();
    let header = Sflow {
        agent: EXPORTER,
        sub_agent: 0,
        sequence: 1,
        uptime: 0,
    };
    let frame = |port| {
        sampled_header(
            1,
            1_514,
            &tcp_frame(0x0a00_0001, 0x0808_0808, 50_000, port, 0x18, 1_500),
        )
    };
    let sample = |port| {
        Sample::Flow(FlowSample {
            source: 3,
            records: vec![frame(port)],
            ..FlowSample::default()
        })
    };
    bench.send(&header.datagram(&[sample(9_999), sample(443), sample(9_998)]));
    let apps: Vec<App> = bench.kept.flows.iter().map(|flow| flow.app).collect();
    let known = App::by_name("https").expect("known");
    assert_eq!(apps, [App::defined(7).expect("a number"), known, App::UNKNOWN]);
}
