//! Templates and records made at random, decoded, and read again by the plainest code there is.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use decode::craft::{Set, record};
use decode::{Config, Decoder, ElementId, FieldSpec, Origin, Record, Sink, VARIABLE};
use model::{Exported, FlowRecord, IcmpType, MacAddr, Timestamp};
use proptest::prelude::*;

use crate::{EXPORTER, SECS, ipfix, v9};

/// The elements that are drawn from, and the lengths that they may have.
const ELEMENTS: &[(u16, &[u16])] = &[
    (1, &[1, 2, 3, 4, 5, 8]),
    (2, &[1, 4, 8]),
    (4, &[1]),
    (5, &[1]),
    (6, &[1, 2]),
    (7, &[1, 2]),
    (8, &[4]),
    (9, &[1]),
    (10, &[2, 4]),
    (11, &[2]),
    (12, &[4]),
    (13, &[1]),
    (14, &[2, 4]),
    (15, &[4]),
    (16, &[2, 4]),
    (17, &[2, 4]),
    (18, &[4]),
    (27, &[16]),
    (28, &[16]),
    (29, &[1]),
    (30, &[1]),
    (31, &[3, 4]),
    (52, &[1]),
    (53, &[1]),
    (56, &[6]),
    (58, &[2]),
    (60, &[1]),
    (62, &[16]),
    (70, &[3]),
    (71, &[3]),
    (80, &[6]),
    (82, &[VARIABLE, 12]),
    (89, &[1, 4]),
    (95, &[4, 3, VARIABLE]),
    (136, &[1]),
    (210, &[0, 1, 3, 7]),
    (225, &[4]),
    (227, &[2]),
    (230, &[1]),
    (234, &[4]),
    (243, &[2]),
    (245, &[2]),
    (281, &[16]),
    (999, &[VARIABLE, 5]),
];

/// Fields, and the values of some records.
#[derive(Debug, Clone)]
struct Made {
    fields: Vec<FieldSpec>,
    records: Vec<Vec<Vec<u8>>>,
}

fn octets(length: u16) -> BoxedStrategy<Vec<u8>> {
    let length = match length {
        VARIABLE => 0..300,
        fixed => usize::from(fixed)..usize::from(fixed) + 1,
    };
    // Zeros and small numbers matter more than others.
    prop_oneof![
        prop::collection::vec(any::<u8>(), length.clone()),
        prop::collection::vec(0..3_u8, length.clone()),
        length.prop_map(|n| vec![0; n]),
    ]
    .boxed()
}

fn made() -> impl Strategy<Value = Made> {
    let field = (prop::sample::select(ELEMENTS), any::<prop::sample::Index>())
        .prop_map(|((number, lengths), which)| FieldSpec::iana(number, *which.get(lengths)));
    let protocol = Just(FieldSpec::iana(4, 1));
    prop::collection::vec(prop_oneof![9 => field, 1 => protocol], 1..24)
        .prop_filter("records have octets", |fields| {
            fields.iter().any(|field| field.length != 0)
        })
        .prop_flat_map(|fields| {
            let values: Vec<_> = fields
                .iter()
                .map(|field| match field.element.number {
                    4 => prop::sample::select(vec![vec![1], vec![6], vec![17], vec![58], vec![47]]).boxed(),
                    _ => octets(field.length),
                })
                .collect();
            (Just(fields), prop::collection::vec(values, 1..4))
        })
        .prop_map(|(fields, records)| Made { fields, records })
}

#[derive(Default)]
struct All {
    flows: Vec<FlowRecord>,
    records: Vec<Vec<(ElementId, Vec<u8>)>>,
}

impl Sink for All {
    const RECORDS: bool = true;

    fn flow(&mut self, _: &Origin, flow: &FlowRecord) {
        self.flows.push(flow.clone());
    }

    fn record(&mut self, record: &Record<'_>) {
        let fields = record.fields().map(|field| (field.element, field.octets.to_vec()));
        self.records.push(fields.collect());
    }
}

/// The values of a record by element, in their order.
struct Values<'a>(HashMap<u16, Vec<&'a [u8]>>);

impl<'a> Values<'a> {
    fn new(made: &'a Made, record: &'a [Vec<u8>]) -> Self {
        let mut values: HashMap<u16, Vec<&[u8]>> = HashMap::new();
        for (field, value) in made.fields.iter().zip(record) {
            values.entry(field.element.number).or_default().push(value);
        }
        Self(values)
    }

    fn nth(&self, element: u16, n: usize) -> Option<&'a [u8]> {
        self.0.get(&element)?.get(n).copied()
    }

    fn number(&self, element: u16) -> Option<u64> {
        self.nth(element, 0)
            .map(|value| value.iter().fold(0, |n, octet| n << 8 | u64::from(*octet)))
    }

    fn or_zero(&self, element: u16) -> u64 {
        self.number(element).unwrap_or(0)
    }

    fn ip(&self, element: u16, n: usize) -> Option<IpAddr> {
        let value = self.nth(element, n)?;
        Some(match value.len() {
            4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?)),
            _ => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(value).ok()?)),
        })
    }

    fn mac(&self, element: u16) -> Option<MacAddr> {
        let mac = MacAddr(self.nth(element, 0)?.try_into().ok()?);
        Some(mac).filter(|mac| mac.0 != [0; 6])
    }
}

/// The order in which the first fields of IPv4 and IPv6 addresses come last.
fn is_six_last(made: &Made) -> bool {
    let mut seen = Vec::new();
    for field in &made.fields {
        let number = field.element.number;
        if [8, 12, 27, 28].contains(&number) && !seen.contains(&number) {
            seen.push(number);
        }
    }
    seen.last().is_some_and(|last| [27, 28].contains(last))
}

fn given(ip: Option<IpAddr>) -> Option<IpAddr> {
    ip.filter(|ip| !ip.is_unspecified())
}

/// The addresses: of the version that the record has; of a tunnel the inner ones.
fn addresses(made: &Made, values: &Values<'_>, carries: bool) -> (IpAddr, IpAddr) {
    let pair =
        |a: u16, b: u16, n: usize, none: IpAddr| (values.ip(a, n).unwrap_or(none), values.ip(b, n).unwrap_or(none));
    let (four, six) = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    let said = |(a, b): (IpAddr, IpAddr)| !a.is_unspecified() || !b.is_unspecified();
    if carries {
        let inner = [pair(8, 12, 1, four), pair(27, 28, 1, six)];
        if let Some(inner) = inner.into_iter().find(|pair| said(*pair)) {
            return inner;
        }
    }
    let has = |numbers: [u16; 2]| numbers.iter().any(|number| values.0.contains_key(number));
    let (v4, v6) = (pair(8, 12, 0, four), pair(27, 28, 0, six));
    match (has([8, 12]), has([27, 28])) {
        (true, false) => v4,
        (false, true) => v6,
        (false, false) if values.number(60) == Some(6) => (six, six),
        (false, false) => (four, four),
        (true, true) => match (said(v4), said(v6)) {
            (true, true) if is_six_last(made) => v6,
            (false, true) => v6,
            (false, false) if values.number(60) == Some(6) => v6,
            _ => v4,
        },
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the decoder takes the lower bits too")]
fn naive(made: &Made, record: &[Vec<u8>], ours: &FlowRecord) -> FlowRecord {
    let values = Values::new(made, record);
    let n = |element| values.or_zero(element);
    let second = |element| {
        values
            .nth(element, 1)
            .map_or(0, |v| v.iter().fold(0, |n, o| n << 8 | u64::from(*o)))
    };
    let carries = second(4) != 0;
    let (src_ip, dst_ip) = addresses(made, &values, carries);
    let of = |element| if carries { second(element) } else { n(element) };
    let protocol = of(4) as u8;
    let (src_port, dst_port) = (of(7) as u16, of(11) as u16);
    let is_icmp = matches!(protocol, 1 | 58);
    let has_ports = matches!(protocol, 6 | 17);
    let tos = match carries && values.nth(5, 1).is_some() {
        true => second(5),
        false => n(5),
    };
    let vlan = |element| Some(n(element) as u16 & 0xfff).filter(|vlan| *vlan != 0);
    let tcp_flags = if protocol == 6 { of(6) as u8 } else { 0 };
    let mut labels = model::MplsLabels::default();
    for element in [70, 71] {
        let entry = n(element) as u32;
        if entry == 0 {
            break;
        }
        labels.push(entry >> 4);
        if entry & 1 == 1 {
            break;
        }
    }
    if values.number(70).is_none() {
        labels = model::MplsLabels::default();
    }
    let either = |a: u16, b: u16| {
        let (a, b) = (values.number(a), values.number(b));
        a.filter(|n| *n != 0).or(b).or(a)
    };
    let application = values.nth(95, 0).and_then(|value| {
        let (engine, selector) = value.split_first()?;
        let selector = selector.iter().fold(0_u64, |n, octet| n << 8 | u64::from(*octet));
        Some(u64::from(*engine) << 56 | selector & 0x00ff_ffff_ffff_ffff)
    });
    // Of several applications the last one.
    let application = match values.0.get(&95).map(Vec::len) {
        Some(0..=1) | None => application,
        Some(_) => ours.export.as_ref().and_then(|export| export.application),
    };
    let export = Exported {
        domain: 7,
        sampling: None,
        ingress_if: values.number(10).map(|n| n as u32),
        egress_if: values.number(14).map(|n| n as u32),
        observed: model::Observed::Unknown,
        src_as: values.number(16).map(|n| n as u32),
        dst_as: values.number(17).map(|n| n as u32),
        src_prefix: either(9, 29).map(|n| n as u8),
        dst_prefix: either(13, 30).map(|n| n as u8),
        next_hop: given(values.ip(15, 0)).or(given(values.ip(62, 0))),
        bgp_next_hop: given(values.ip(18, 0)),
        ingress_vrf: values.number(234).map(|n| n as u32),
        egress_vrf: None,
        mpls: labels,
        translated: model::Translated {
            src_ip: given(values.ip(225, 0)).or(given(values.ip(281, 0))),
            dst_ip: None,
            src_port: values.number(227).map(|n| n as u16),
            dst_port: None,
        },
        nat_event: values.number(230).map(|n| n as u8),
        firewall_event: None,
        forwarding_status: values.number(89).map(|n| n as u8),
        application,
        ttl: {
            let (min, max) = (values.number(52).map(|n| n as u8), values.number(53).map(|n| n as u8));
            min.or(max).zip(max.or(min))
        },
        flow_label: values.number(31).map(|n| n as u32),
        vni: None,
        srv6_segment: None,
        enterprise: model::EnterpriseFields::default(),
    };
    FlowRecord {
        link: model::LinkId::default(),
        start: Timestamp::from_secs(SECS.into()),
        end: Timestamp::from_secs(SECS.into()),
        src_ip,
        dst_ip,
        src_port: if has_ports { src_port } else { 0 },
        dst_port: if has_ports { dst_port } else { 0 },
        protocol,
        vlan: vlan(243).or(vlan(58)),
        vlan_inner: vlan(245),
        src_mac: values.mac(56),
        dst_mac: values.mac(80),
        packets: n(2),
        bytes: n(1),
        packets_rev: 0,
        bytes_rev: 0,
        tcp_flags,
        tcp_flags_rev: 0,
        icmp: is_icmp.then_some(IcmpType {
            kind: (dst_port >> 8) as u8,
            code: dst_port as u8,
        }),
        icmp_rev: None,
        tos: tos as u8,
        // Its own tests say what it is.
        app: ours.app,
        direction: match src_ip.is_unspecified() && dst_ip.is_unspecified() {
            true => model::Direction::Unknown,
            false => model::HomeNetworks::private().direction(src_ip, dst_ip),
        },
        l7: None,
        quality: None,
        end_reason: match n(136) {
            1 => model::EndReason::Idle,
            2 => model::EndReason::Active,
            3 => model::EndReason::EndOfFlow,
            4 => model::EndReason::Forced,
            5 => model::EndReason::LackOfResources,
            _ if tcp_flags & 5 != 0 => model::EndReason::EndOfFlow,
            _ => model::EndReason::Idle,
        },
        export: Some(Box::new(export)),
    }
}

/// Whether a template's records are flows: some field says who, where or how much.
fn is_flow(made: &Made) -> bool {
    let telling = [1, 2, 7, 8, 11, 12, 27, 28, 56, 70, 80, 225, 281];
    made.fields.iter().any(|field| telling.contains(&field.element.number))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Two templates in turn, so that nothing of one record is left in the next.
    #[test]
    fn records_are_what_the_plainest_reading_says(first in made(), second in made(), is_v9 in any::<bool>()) {
        let data = |made: &Made| -> Vec<Vec<u8>> {
            made.records.iter().map(|values| record(&made.fields, values)).collect()
        };
        // Padding of a v9 set could be taken for records as short as it.
        let is_long = |made: &Made| made.fields.iter().map(|f| if f.length == VARIABLE { 1 } else { f.length }).sum::<u16>() >= 4;
        prop_assume!(is_long(&first) && is_long(&second));
        let sets = [
            Set::Template(300, first.fields.clone()),
            Set::Template(301, second.fields.clone()),
            Set::Data(300, data(&first)),
            Set::Data(301, data(&second)),
            Set::Data(300, data(&first)),
        ];
        let datagram = if is_v9 { v9(0).datagram(&sets) } else { ipfix(0).message(&sets) };
        let mut all = All::default();
        let mut decoder = Decoder::new(Config::default());
        decoder.decode(Timestamp::from_secs(SECS.into()), EXPORTER, &datagram, &mut all);
        let report = decoder.exporter(EXPORTER).expect("known");
        prop_assert_eq!(report.errors.total(), 0, "{:?}", report.errors);
        let made: Vec<(&Made, &Vec<Vec<u8>>)> = [&first, &second, &first]
            .into_iter()
            .flat_map(|made| made.records.iter().map(move |values| (made, values)))
            .collect();
        prop_assert_eq!(all.records.len(), made.len());
        for (got, (made, values)) in all.records.iter().zip(&made) {
            let theirs: Vec<_> = made.fields.iter().map(|field| field.element).zip(values.iter().cloned()).collect();
            prop_assert_eq!(got, &theirs);
        }
        let flows: Vec<_> = made.iter().filter(|(made, _)| is_flow(made)).collect();
        prop_assert_eq!(all.flows.len(), flows.len());
        for (ours, (made, values)) in all.flows.iter().zip(flows) {
            let theirs = naive(made, values, ours);
            prop_assert_eq!(ours, &theirs);
        }
    }
}
