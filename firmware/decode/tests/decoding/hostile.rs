//! Bad input: no panic, no memory beyond the limits, nobody else disturbed.

use std::net::{IpAddr, Ipv4Addr};

use decode::craft::{FlowSample, Ipfix, Sample, Set, Sflow, V9, record};
use decode::{Config, Decoder, ErrorKind, FieldSpec, Limits};
use model::Timestamp;
use proptest::prelude::*;

use crate::{Bench, EXPORTER, Kept, SECS, be, fields, v9};

fn addr(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n))
}

fn limits() -> Limits {
    Limits {
        exporters: 10,
        domains: 4,
        templates: 8,
        fields: 32,
        fields_exporter: 200,
        fields_total: 1_000,
        pending_domain: 2_000,
        pending_total: 10_000,
        entries: 20,
        entries_total: 50,
        sources: 6,
    }
}

fn bounded() -> Config {
    Config {
        limits: limits(),
        ..Config::default()
    }
}

/// Everything that the limits bound stays within them.
fn within(decoder: &Decoder) {
    let limits = limits();
    let reports: Vec<_> = decoder
        .exporters()
        .filter_map(|address| decoder.exporter(address))
        .collect();
    assert!(reports.len() <= limits.exporters);
    let (mut all_fields, mut all_waiting, mut all_entries) = (0, 0, 0);
    for report in &reports {
        assert!(report.domains.len() <= limits.domains);
        let (mut fields, mut entries) = (0, 0);
        for domain in &report.domains {
            assert!(domain.templates.len() <= limits.templates);
            assert!(domain.waiting_octets <= limits.pending_domain);
            fields += domain.templates.iter().map(|known| known.fields.len()).sum::<usize>();
            entries += domain.samplers.len() + domain.sampled_interfaces.len();
            all_waiting += domain.waiting_octets;
        }
        entries += report.interfaces.len() + report.vrfs.len() + report.applications + report.elements.len();
        assert!(
            fields <= limits.fields_exporter && entries <= limits.entries,
            "{fields} {entries}"
        );
        all_fields += fields;
        all_entries += entries;
    }
    assert!(all_fields <= limits.fields_total && all_waiting <= limits.pending_total);
    assert!(all_entries <= limits.entries_total);
}

#[test]
fn a_hostile_exporter_stays_within_its_bounds() {
    let mut decoder = Decoder::new(bounded());
    let mut kept = Kept::default();
    let now = Timestamp::from_secs(SECS.into());
    let good = fields(&[(8, 4), (1, 4)]);
    let template = v9(0).datagram(&[Set::Template(256, good.clone())]);
    decoder.decode(now, EXPORTER, &template, &mut kept);
    let named = fields(&[(10, 4), (82, 8)]);
    for n in 0..2_000_u32 {
        let id = u16::try_from(256 + n % 1_000).expect("an identifier");
        let header = V9 {
            source: n % 37,
            ..v9(n)
        };
        let numbers: Vec<_> = (0..(n % 60) + 1)
            .map(|k| (u16::try_from(k + n % 900).expect("small"), 4))
            .collect();
        let interface = record(&named, &[be(n.into(), 4), be(n.into(), 8)]);
        let datagram = header.datagram(&[
            Set::Template(id, fields(&numbers)),
            Set::Data(id.wrapping_add(1).max(256), vec![vec![0; 100]]),
            Set::Options(60_000, 1, named.clone()),
            Set::Data(60_000, vec![interface]),
        ]);
        decoder.decode(now, addr(n % 3), &datagram, &mut kept);
        let sample = Sample::Flow(FlowSample {
            source: n,
            ..FlowSample::default()
        });
        let sflow = Sflow {
            agent: addr(n),
            sub_agent: n,
            sequence: n,
            uptime: 0,
        };
        decoder.decode(now, addr(n % 3), &sflow.datagram(&[sample]), &mut kept);
        if n % 50 == 0 {
            within(&decoder);
        }
    }
    within(&decoder);
    let report = decoder.exporter(addr(0)).expect("known");
    assert!(report.evictions.domains > 0 && report.evictions.templates > 0 && report.evictions.entries > 0);
    assert!(report.errors.of(ErrorKind::TemplateTooLarge) > 0);
    // The good one's template is still there.
    kept.flows.clear();
    let data = record(&good, &[vec![10, 0, 0, 1], be(5, 4)]);
    decoder.decode(now, EXPORTER, &v9(1).datagram(&[Set::Data(256, vec![data])]), &mut kept);
    assert_eq!(kept.flows.first().map(|flow| flow.bytes), Some(5));
}

#[test]
fn a_flood_of_senders_displaces_nobody_who_is_active() {
    let mut decoder = Decoder::new(bounded());
    let mut kept = Kept::default();
    let now = Timestamp::from_secs(SECS.into());
    for n in 0..1_000 {
        decoder.decode(now, addr(n), &v9(0).datagram(&[]), &mut kept);
    }
    assert!((0..10).all(|n| decoder.exporter(addr(n)).is_some()));
    assert_eq!(decoder.errors().of(ErrorKind::TooManyExporters), 990);
    // After an hour of silence a place is free.
    let later = now.plus_nanos(3_601_000_000_000);
    decoder.decode(later, addr(5), &v9(1).datagram(&[]), &mut kept);
    decoder.decode(later, addr(500), &v9(0).datagram(&[]), &mut kept);
    assert!(decoder.exporter(addr(500)).is_some() && decoder.exporter(addr(5)).is_some());
    assert_eq!(decoder.evictions().exporters, 1);
}

/// What the process holds, in octets.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize = statm.split(' ').nth(1).and_then(|n| n.parse().ok()).expect("a number");
    pages * 4_096
}

#[test]
fn ten_thousand_exporters_with_ten_templates_each_are_small() {
    let before = resident();
    let mut decoder = Decoder::new(Config::default());
    let mut kept = Kept::default();
    let now = Timestamp::from_secs(SECS.into());
    for n in 0..10_000_u32 {
        // No two exporters have the same template: nothing is shared.
        let sets: Vec<Set> = (0..10_u16)
            .map(|k| {
                let own = u16::try_from(n).expect("below 65,536");
                let mut all: Vec<FieldSpec> = (0..24).map(|f| FieldSpec::iana(1 + f + k, 4)).collect();
                all.push(FieldSpec::iana(1_000 + own % 30_000, 4));
                all.push(FieldSpec::iana(1_000 + k, 2));
                Set::Template(256 + k, all)
            })
            .collect();
        decoder.decode(
            now,
            addr(n),
            &Ipfix {
                domain: n,
                ..Ipfix::default()
            }
            .message(&sets),
            &mut kept,
        );
    }
    let held = resident().saturating_sub(before);
    assert_eq!((decoder.exporters().count(), decoder.plans()), (10_000, 100_000));
    assert!(held <= 200_000_000, "{held} octets");
    eprintln!("{held} octets for 100,000 different templates");
}

#[test]
fn lists_in_lists_end() {
    // A subTemplateList that holds itself.
    let itself = fields(&[(8, 4), (292, decode::VARIABLE)]);
    let mut value = vec![255, 1, 0];
    for _ in 0..40 {
        let inner = record(&itself, &[vec![1, 2, 3, 4], value]);
        value = [&[255, 1, 0][..], &inner].concat();
    }
    let data = record(&itself, &[vec![10, 0, 0, 1], value]);
    let mut bench = Bench::new();
    bench.ipfix(
        Ipfix::default(),
        &[Set::Template(256, itself), Set::Data(256, vec![data])],
    );
    assert_eq!(bench.kept.flows.len(), 1);
    assert!(bench.kept.json.first().is_some_and(|json| json.len() < 10_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_octets_are_taken(datagrams in prop::collection::vec((0_usize..5, prop::collection::vec(any::<u8>(), 0..300)), 1..20)) {
        let mut decoder = Decoder::new(bounded());
        let mut kept = Kept::default();
        for (version, octets) in datagrams {
            let front: &[u8] = [&[0, 5][..], &[0, 9], &[0, 10], &[0, 0, 0, 5, 0, 0, 0, 1], &[]].get(version).copied().unwrap_or(&[]);
            let datagram = [front, &octets].concat();
            decoder.decode(Timestamp::from_secs(SECS.into()), EXPORTER, &datagram, &mut kept);
        }
        within(&decoder);
        prop_assert!(Decoder::load(bounded(), &decoder.save()).is_ok());
    }

    /// Sound datagrams with some octets changed: templates, options and data meet.
    #[test]
    fn damaged_datagrams_are_taken(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
        variable in any::<bool>(),
    ) {
        let last = if variable { decode::VARIABLE } else { 6 };
        let specs = fields(&[(8, 4), (27, 16), (315, 20), (95, 4), (292, 9), (82, last)]);
        let values: Vec<Vec<u8>> = [4, 16, 20, 4, 9, 6].iter().map(|n| vec![7; *n]).collect();
        let data = record(&specs, &values);
        let named = fields(&[(10, 4), (82, 8), (34, 4)]);
        let option = record(&named, &[be(1, 4), be(2, 8), be(3, 4)]);
        let sets = [
            Set::Template(256, specs),
            Set::Options(257, 1, named),
            Set::Data(257, vec![option]),
            Set::Data(256, vec![data.clone(), data]),
        ];
        for mut datagram in [v9(0).datagram(&sets), Ipfix::default().message(&sets)] {
            let mut decoder = Decoder::new(bounded());
            let mut kept = Kept::default();
            let length = cut.index(datagram.len()) + 1;
            decoder.decode(Timestamp::from_secs(SECS.into()), EXPORTER, &datagram, &mut kept);
            for (place, octet) in &changes {
                let place = place.index(datagram.len());
                if let Some(target) = datagram.get_mut(place) {
                    *target = *octet;
                }
            }
            decoder.decode(Timestamp::from_secs(SECS.into()), EXPORTER, &datagram, &mut kept);
            datagram.truncate(length);
            decoder.decode(Timestamp::from_secs(SECS.into()), EXPORTER, &datagram, &mut kept);
            within(&decoder);
        }
    }
}
