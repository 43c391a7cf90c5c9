//! Templates, options, what waits, what is saved, what is lost.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use decode::craft::{Set, record};
use decode::{Config, Decoder, ElementId, ErrorKind, FieldSpec, Limits, V9_SCOPE};
use model::Timestamp;

use crate::{Bench, EXPORTER, be, fields, ipfix, v9};

/// Source address, destination port, octets.
fn simple() -> Vec<FieldSpec> {
    fields(&[(8, 4), (11, 2), (1, 4)])
}

fn one(octets: u64) -> Vec<u8> {
    record(&simple(), &[vec![10, 0, 0, 1], be(443, 2), be(octets, 4)])
}

fn octets(bench: &Bench) -> Vec<u64> {
    bench.kept.flows.iter().map(|flow| flow.bytes).collect()
}

#[test]
fn data_waits_for_its_template_with_its_own_header() {
    let mut bench = Bench::new();
    let early = decode::craft::V9 {
        secs: crate::SECS - 100,
        ..v9(0)
    };
    bench.v9(early, &[Set::Data(256, vec![one(1), one(2)])]);
    assert!(octets(&bench).is_empty());
    bench.now = bench.now.plus_nanos(60_000_000_000);
    bench.v9(v9(1), &[Set::Template(256, simple()), Set::Data(256, vec![one(3)])]);
    assert_eq!(octets(&bench), [1, 2, 3]);
    let first = bench.kept.origins.first().expect("three flows");
    assert_eq!(first.exported, Timestamp::from_secs(u64::from(crate::SECS) - 100));
    let report = bench.report();
    assert_eq!((report.waited, report.flows), (2, 3));
    assert_eq!(report.errors.of(ErrorKind::NoTemplate), 1);
    assert_eq!(report.errors.of(ErrorKind::TemplateNeverCame), 0);
    assert!(report.domains.iter().all(|domain| domain.waiting_octets == 0));
}

#[test]
fn data_does_not_wait_for_ever_nor_without_bound() {
    let mut bench = Bench::with(Config {
        limits: Limits {
            pending_domain: 1_000,
            ..Limits::default()
        },
        pending_lifetime: Duration::from_secs(60),
        ..Config::default()
    });
    for n in 0..100 {
        bench.v9(v9(n), &[Set::Data(256, vec![one(n.into())])]);
    }
    let waiting = bench.report().domains.first().map(|domain| domain.waiting_octets);
    assert!(
        waiting.is_some_and(|octets| (1..=1_000).contains(&octets)),
        "{waiting:?}"
    );
    let given_up = bench.report().errors.of(ErrorKind::TemplateNeverCame);
    assert!(given_up > 80);
    bench.now = bench.now.plus_nanos(61_000_000_000);
    bench.v9(v9(100), &[Set::Template(256, simple())]);
    assert!(octets(&bench).is_empty(), "too old by now");
    assert_eq!(bench.report().errors.of(ErrorKind::TemplateNeverCame), 100);
}

#[test]
fn nobody_takes_the_room_where_others_data_wait() {
    let mut bench = Bench::with(Config {
        limits: Limits {
            pending_domain: 1_000,
            pending_total: 16_000,
            ..Limits::default()
        },
        ..Config::default()
    });
    for n in 0..100 {
        let header = decode::craft::V9 {
            source: n % 30,
            ..v9(n)
        };
        bench.v9(header, &[Set::Data(256, vec![one(n.into())])]);
    }
    let waiting: usize = bench.report().domains.iter().map(|domain| domain.waiting_octets).sum();
    assert!((1_500..=2_000).contains(&waiting), "{waiting}");
    let other: IpAddr = "192.0.2.2".parse().expect("an address");
    let datagram = v9(0).datagram(&[Set::Data(256, vec![one(1)])]);
    bench.decoder.decode(bench.now, other, &datagram, &mut bench.kept);
    let report = bench.decoder.exporter(other).expect("known");
    assert!(report.domains.iter().any(|domain| domain.waiting_octets > 0));
}

#[test]
fn templates_belong_to_an_exporter_and_a_domain() {
    let mut bench = Bench::new();
    bench.v9(v9(0), &[Set::Template(256, simple())]);
    let other_domain = decode::craft::V9 { source: 8, ..v9(0) };
    bench.v9(other_domain, &[Set::Data(256, vec![one(1)])]);
    let other: IpAddr = "192.0.2.2".parse().expect("an address");
    let datagram = v9(1).datagram(&[Set::Data(256, vec![one(2)])]);
    bench.decoder.decode(bench.now, other, &datagram, &mut bench.kept);
    // An IPFIX domain of the same number is another one.
    bench.ipfix(ipfix(0), &[Set::Data(256, vec![one(3)])]);
    assert!(octets(&bench).is_empty());
    // And a hostile one changes nobody else's.
    let hostile = v9(2).datagram(&[Set::Template(256, fields(&[(1, 8)]))]);
    bench.decoder.decode(bench.now, other, &hostile, &mut bench.kept);
    bench.kept.flows.clear();
    bench.v9(v9(1), &[Set::Data(256, vec![one(4)])]);
    assert_eq!(octets(&bench), [4]);
}

#[test]
fn a_template_can_change_and_be_withdrawn() {
    let mut bench = Bench::new();
    bench.ipfix(ipfix(0), &[Set::Template(256, simple()), Set::Data(256, vec![one(1)])]);
    let changed = fields(&[(1, 2), (8, 4)]);
    let data = record(&changed, &[be(9, 2), vec![10, 0, 0, 2]]);
    bench.ipfix(ipfix(1), &[Set::Template(256, changed), Set::Data(256, vec![data])]);
    assert_eq!(octets(&bench), [1, 9]);
    bench.ipfix(ipfix(2), &[Set::Withdrawal(256), Set::Data(256, vec![one(2)])]);
    assert_eq!(octets(&bench), [1, 9]);
    let options = fields(&[(149, 4), (34, 4)]);
    bench.ipfix(
        ipfix(3),
        &[
            Set::Template(300, simple()),
            Set::Template(301, simple()),
            Set::Options(400, 1, options),
        ],
    );
    let templates = |bench: &Bench| -> Vec<u16> {
        let report = bench.report();
        report
            .domains
            .iter()
            .flat_map(|domain| &domain.templates)
            .map(|known| known.id)
            .collect()
    };
    assert_eq!(templates(&bench), [300, 301, 400]);
    bench.ipfix(ipfix(3), &[Set::Withdrawal(2)]);
    assert_eq!(templates(&bench), [400]);
    bench.ipfix(ipfix(3), &[Set::OptionsWithdrawal(3)]);
    assert!(templates(&bench).is_empty());
}

#[test]
fn a_template_can_be_made_to_expire() {
    let mut bench = Bench::with(Config {
        template_lifetime: Some(Duration::from_secs(1_800)),
        ..Config::default()
    });
    bench.v9(v9(0), &[Set::Template(256, simple())]);
    bench.now = bench.now.plus_nanos(1_801_000_000_000);
    bench.v9(v9(1), &[Set::Data(256, vec![one(1)])]);
    assert!(octets(&bench).is_empty());
    bench.v9(v9(2), &[Set::Template(256, simple())]);
    bench.v9(v9(3), &[Set::Data(256, vec![one(2)])]);
    assert_eq!(octets(&bench).last(), Some(&2));
}

#[test]
fn sampling_comes_from_options_records_and_settings() {
    let mut bench = Bench::new();
    let sampler = vec![
        FieldSpec {
            element: ElementId::of(V9_SCOPE, 1),
            length: 4,
        },
        FieldSpec::iana(48, 1),
        FieldSpec::iana(49, 1),
        FieldSpec::iana(50, 4),
    ];
    let data = |id: u8, rate| record(&sampler, &[be(0, 4), vec![id], vec![2], be(rate, 4)]);
    let sampled = fields(&[(8, 4), (1, 4), (2, 4), (48, 1)]);
    let flow = |id: u8| record(&sampled, &[vec![10, 0, 0, 1], be(100, 4), be(2, 4), vec![id]]);
    bench.v9(
        v9(0),
        &[
            Set::Options(300, 1, sampler.clone()),
            Set::Data(300, vec![data(1, 100), data(2, 1_000)]),
            Set::Template(256, sampled.clone()),
            Set::Data(256, vec![flow(1), flow(2), flow(3)]),
        ],
    );
    let seen = |bench: &Bench| -> Vec<(u64, u64, Option<u32>)> {
        let rate = |flow: &model::FlowRecord| {
            flow.export
                .as_ref()
                .and_then(|export| export.sampling)
                .map(NonZeroU32::get)
        };
        bench
            .kept
            .flows
            .iter()
            .map(|flow| (flow.bytes, flow.packets, rate(flow)))
            .collect()
    };
    assert_eq!(
        seen(&bench),
        [(10_000, 200, Some(100)), (100_000, 2_000, Some(1_000)), (100, 2, None)]
    );
    bench.kept.flows.clear();
    bench.decoder.set_sampling(EXPORTER, NonZeroU32::new(1));
    bench.v9(v9(1), &[Set::Data(256, vec![flow(1)])]);
    assert_eq!(seen(&bench), [(100, 2, Some(1))]);
    bench.kept.flows.clear();
    bench.decoder.set_sampling(EXPORTER, None);
    // The record's own statement comes before its sampler's.
    let own = fields(&[(8, 4), (1, 4), (48, 1), (305, 4), (306, 4)]);
    let data = record(&own, &[vec![10, 0, 0, 1], be(100, 4), vec![1], be(1, 4), be(9, 4)]);
    bench.v9(v9(2), &[Set::Template(257, own), Set::Data(257, vec![data])]);
    assert_eq!(seen(&bench), [(1_000, 0, Some(10))]);
}

#[test]
fn sampling_of_an_interface_holds_for_it_alone() {
    let mut bench = Bench::new();
    let by_interface = vec![
        FieldSpec {
            element: ElementId::of(V9_SCOPE, 2),
            length: 4,
        },
        FieldSpec::iana(34, 4),
        FieldSpec::iana(35, 1),
    ];
    let options = record(&by_interface, &[be(5, 4), be(64, 4), vec![1]]);
    let flows = fields(&[(8, 4), (1, 4), (10, 2)]);
    let flow = |interface| record(&flows, &[vec![10, 0, 0, 1], be(10, 4), be(interface, 2)]);
    bench.v9(
        v9(0),
        &[
            Set::Options(300, 1, by_interface.clone()),
            Set::Data(300, vec![options]),
            Set::Template(256, flows.clone()),
            Set::Data(256, vec![flow(5), flow(6)]),
        ],
    );
    assert_eq!(octets(&bench), [640, 10]);
}

/// Options of all the kinds that are learnt from.
fn teach(bench: &mut Bench) {
    let interfaces = fields(&[(10, 4), (82, 16), (83, 32)]);
    let text = |text: &str, length: usize| {
        let mut octets = text.as_bytes().to_vec();
        octets.resize(length, 0);
        octets
    };
    let interface = record(
        &interfaces,
        &[be(3, 4), text("Gi0/3", 16), text("to the data centre", 32)],
    );
    let vrfs = fields(&[(234, 4), (236, 32)]);
    let vrf = record(&vrfs, &[be(0x6000_0001, 4), text("customer-7", 32)]);
    let apps = fields(&[(95, 4), (96, 24), (94, 32)]);
    let app = record(
        &apps,
        &[vec![13, 0, 1, 0xc5], text("secure-http", 24), text("HTTP over TLS", 32)],
    );
    let described = fields(&[(346, 4), (303, 2), (339, 1), (344, 1), (341, decode::VARIABLE)]);
    let element = record(
        &described,
        &[be(64_999, 4), be(5, 2), vec![13], vec![0], b"customerName".to_vec()],
    );
    let start = fields(&[(149, 4), (160, 8)]);
    let boot = record(&start, &[be(7, 4), be(1_699_000_000_000, 8)]);
    bench.ipfix(
        ipfix(0),
        &[
            Set::Options(300, 1, interfaces),
            Set::Data(300, vec![interface]),
            Set::Options(301, 1, vrfs),
            Set::Data(301, vec![vrf]),
            Set::Options(302, 1, apps),
            Set::Data(302, vec![app]),
            Set::Options(303, 2, described),
            Set::Data(303, vec![element]),
            Set::Options(304, 1, start),
            Set::Data(304, vec![boot]),
        ],
    );
}

fn is_taught(bench: &Bench) {
    let report = bench.report();
    let interface = report.interfaces.first().expect("an interface");
    assert_eq!((interface.index, interface.name.as_deref()), (3, Some("Gi0/3")));
    assert_eq!(interface.description.as_deref(), Some("to the data centre"));
    assert_eq!(report.vrfs, [(0x6000_0001, "customer-7".to_owned())]);
    assert_eq!(
        bench.decoder.application_name(EXPORTER, 13 << 56 | 0x1c5),
        Some("secure-http")
    );
    let element = report.elements.first().expect("an element");
    assert_eq!((element.0, element.1, element.2.as_str()), (64_999, 5, "customerName"));
    let boot = report.domains.first().and_then(|domain| domain.boot);
    assert_eq!(boot, Some(Timestamp::from_secs(1_699_000_000)));
}

#[test]
fn names_and_the_start_are_learnt_and_used() {
    let mut bench = Bench::new();
    teach(&mut bench);
    is_taught(&bench);
    let mut flows = fields(&[(8, 4), (95, 4), (4, 1), (11, 2), (22, 4), (21, 4)]);
    flows.push(FieldSpec {
        element: ElementId::of(64_999, 5),
        length: 8,
    });
    let flow = record(
        &flows,
        &[
            vec![10, 0, 0, 1],
            vec![13, 0, 1, 0xc5],
            vec![6],
            be(50_000, 2),
            be(1_000, 4),
            be(2_000, 4),
            b"initech\0".to_vec(),
        ],
    );
    bench.ipfix(ipfix(5), &[Set::Template(256, flows), Set::Data(256, vec![flow])]);
    let flow = bench.flow();
    assert_eq!(flow.app.name(), Some("https"));
    // 2³² ms after the start the uptime wraps; 1,000,000 s had passed, which is less.
    assert_eq!(flow.start, Timestamp::from_secs(1_699_000_001));
    assert_eq!(flow.end, Timestamp::from_secs(1_699_000_002));
    let export = flow.export.as_deref().expect("exported");
    assert_eq!(export.application, Some(13 << 56 | 0x1c5));
    assert_eq!(
        export.enterprise.iter().collect::<Vec<_>>(),
        [(64_999, 5, &b"initech\0"[..])]
    );
    let json = bench.kept.json.last().expect("a record");
    assert!(json.contains(r#""customerName":"initech""#), "{json}");
}

#[test]
fn what_was_learnt_is_saved_and_a_restart_loses_nothing() {
    let mut bench = Bench::new();
    teach(&mut bench);
    bench.ipfix(ipfix(5), &[Set::Template(256, simple())]);
    let by_sampler = fields(&[(302, 4), (309, 4), (310, 4)]);
    let sampler = record(&by_sampler, &[be(1, 4), be(1, 4), be(50, 4)]);
    bench.ipfix(
        ipfix(5),
        &[Set::Options(310, 1, by_sampler), Set::Data(310, vec![sampler])],
    );
    let saved = bench.decoder.save();
    bench.decoder = Decoder::load(Config::default(), &saved).expect("it loads");
    is_taught(&bench);
    bench.ipfix(ipfix(6), &[Set::Data(256, vec![one(7)])]);
    assert_eq!(octets(&bench), [350], "its template and its rate are known");
    assert_eq!(bench.report().errors.total(), 0);
    assert_eq!(
        Decoder::load(Config::default(), &saved).expect("again").save().len(),
        saved.len()
    );
}

#[test]
fn damaged_state_is_refused() {
    let mut bench = Bench::new();
    teach(&mut bench);
    let saved = bench.decoder.save();
    for place in 0..saved.len() {
        let mut damaged = saved.clone();
        if let Some(octet) = damaged.get_mut(place) {
            *octet ^= 0x41;
        }
        let is_reserved = (6..8).contains(&place);
        assert_eq!(
            Decoder::load(Config::default(), &damaged).is_ok(),
            is_reserved,
            "{place}"
        );
        let cut = saved.get(..place).expect("within");
        assert!(Decoder::load(Config::default(), cut).is_err(), "{place}");
    }
}

#[test]
fn losses_are_counted_in_the_protocol_s_units() {
    let mut bench = Bench::new();
    bench.v9(v9(10), &[Set::Template(256, simple())]);
    for sequence in [11, 12, 15, 16] {
        bench.v9(v9(sequence), &[Set::Data(256, vec![one(1), one(2), one(3)])]);
    }
    let report = bench.report();
    let domain = report.domains.first().expect("a domain");
    assert_eq!(domain.losses.lost, 2, "datagrams");
    assert_eq!(report.records_lost, 5, "two of five datagrams that hold 12 records");
    let summary = [
        "192.0.2.1: 5 datagrams, 12 flows, 0 options records, 0 counter samples",
        "  NetFlow v9, domain 7: 1 templates, 12 records, 2 datagrams lost in 1 gaps",
    ];
    assert_eq!(report.to_string(), summary.join("\n"));
    bench.v9(v9(13), &[Set::Data(256, vec![one(1)])]);
    let report = bench.report();
    assert_eq!(report.domains.first().map(|domain| domain.losses.lost), Some(1));

    let mut bench = Bench::new();
    bench.ipfix(
        ipfix(100),
        &[Set::Template(256, simple()), Set::Data(256, vec![one(1); 3])],
    );
    bench.ipfix(ipfix(103), &[Set::Data(256, vec![one(1); 2])]);
    bench.ipfix(ipfix(110), &[Set::Data(256, vec![one(1); 2])]);
    // Nobody knows how many records a set holds whose template is missing.
    bench.ipfix(ipfix(112), &[Set::Data(999, vec![one(1); 2])]);
    bench.ipfix(ipfix(114), &[Set::Data(256, vec![one(1); 2])]);
    let report = bench.report();
    assert_eq!(report.records_lost, 5);
}

#[test]
fn a_restart_is_no_loss() {
    let mut bench = Bench::new();
    bench.v9(v9(1_000), &[Set::Template(256, simple())]);
    bench.now = bench.now.plus_nanos(120_000_000_000);
    let anew = decode::craft::V9 {
        uptime: 5_000,
        secs: crate::SECS + 120,
        sequence: 1_100,
        source: 7,
    };
    bench.v9(anew, &[Set::Data(256, vec![one(1)])]);
    let report = bench.report();
    let losses = report.domains.first().map(|domain| domain.losses).expect("a domain");
    assert_eq!((losses.lost, losses.restarts), (0, 1));
}
