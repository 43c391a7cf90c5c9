//! Random records, filters and questions.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use filter::{Compare, End, Expr, InterfaceEnd, InterfaceTerm, Quantity, Sign, Test};
use model::{
    AddressRange, App, Application, Ask, Business, Confidence, Delays, DetailKey, Details, Direction, EndReason,
    Endpoint, Exported, FlowRecord, IcmpType, InterfaceGroup, InterfaceId, IpGroup, Key, L7, LinkGroup, LinkId,
    MacAddr, Measure, Objects, PortRange, Quality, Query, Scope, SideQuality, Timestamp,
};
use proptest::prelude::*;
use proptest::sample::select;

use super::{FROM, MINUTE, SECOND, ip};
use crate::{Context, CountryOf};

pub(super) const ADDRESSES: [&str; 14] = [
    "10.0.0.1",
    "10.0.0.2",
    "10.0.0.200",
    "10.0.1.7",
    "10.1.2.3",
    "192.0.2.1",
    "192.0.2.2",
    "8.8.8.8",
    "::1",
    "::ffff:10.0.0.1",
    "fd00::1",
    "fd00::2",
    "fd00:0:0:1::1",
    "2001:db8::8",
];
pub(super) const RANGES: [&str; 10] = [
    "10.0.0.1",
    "10.0.0.0/24",
    "10.0.0.0/8",
    "10.0.0.2-10.0.1.7",
    "0.0.0.0/0",
    "::/0",
    "fd00::/64",
    "::1-fd00::1",
    "203.0.113.0/24",
    "192.0.2.2",
];
pub(super) const PORTS: [u16; 9] = [0, 22, 53, 80, 443, 8_080, 8_443, 40_000, 65_535];

pub(super) fn macs() -> impl Strategy<Value = MacAddr> {
    select(vec![
        MacAddr([0, 1, 2, 3, 4, 5]),
        MacAddr([0, 1, 2, 3, 4, 6]),
        MacAddr([0xff; 6]),
    ])
}

pub(super) fn addresses() -> impl Strategy<Value = IpAddr> {
    select(ADDRESSES.to_vec()).prop_map(ip)
}

pub(super) fn links() -> impl Strategy<Value = LinkId> {
    select(vec![
        LinkId(1),
        LinkId(2),
        LinkId::of_exporter(1),
        LinkId::of_exporter(2),
        LinkId::of_exporter(9),
    ])
}

pub(super) fn counts() -> BoxedStrategy<u64> {
    prop_oneof![
        3 => 0u64..4,
        3 => select(vec![40u64, 64, 65, 128, 129, 1_000, 1_500, 1_518, 9_999, 10_000]),
        2 => 0u64..2_000_000,
        1 => Just(1 << 40),
    ]
    .boxed()
}

pub(super) fn directions() -> impl Strategy<Value = Direction> {
    select(vec![
        Direction::In,
        Direction::Out,
        Direction::Internal,
        Direction::External,
        Direction::Unknown,
    ])
}

pub(super) fn reasons() -> impl Strategy<Value = EndReason> {
    select(vec![
        EndReason::Idle,
        EndReason::Active,
        EndReason::EndOfFlow,
        EndReason::Forced,
        EndReason::LackOfResources,
    ])
}

prop_compose! {
    pub(super) fn exports()(
        ingress_if in select(vec![None, Some(0), Some(1), Some(2), Some(17), Some(u32::MAX)]),
        egress_if in select(vec![None, Some(0), Some(1), Some(2), Some(17)]),
        src_as in select(vec![None, Some(0), Some(64_512), Some(u32::MAX)]),
        dst_as in select(vec![None, Some(7), Some(64_513)]),
        next_hop in prop::option::of(addresses()),
        domain in 0u32..3,
    ) -> Exported {
        Exported { ingress_if, egress_if, src_as, dst_as, next_hop, domain, ..Exported::default() }
    }
}

pub(super) fn icmp() -> impl Strategy<Value = Option<IcmpType>> {
    prop::option::weighted(0.3, (select(vec![0u8, 3, 8, 128]), 0u8..3))
        .prop_map(|i| i.map(|(kind, code)| IcmpType { kind, code }))
}

pub(super) const HOSTS: [&str; 6] = [
    "example.com",
    "www.example.com",
    "badexample.com",
    "qq.com",
    "a.b.qq.com",
    "例子.cn",
];
pub(super) const TEXTS: [&str; 6] = ["curl/8.1", "CURL", "Mozilla/5.0 (X11) curl", "h2", "x", "5"];

prop_compose! {
    fn l7()(
        confidence in confidences(),
        host in prop::option::of(select(HOSTS.to_vec())),
        said in prop::collection::vec((select(vec![DetailKey::Agent, DetailKey::Ja4]), select(TEXTS.to_vec())), 0..3),
    ) -> L7 {
        let mut details = Details::default();
        said.into_iter().for_each(|(key, text)| details.set(key, text));
        L7 { confidence, host: host.map(Box::from), details }
    }
}

pub(super) fn confidences() -> impl Strategy<Value = Confidence> {
    select(vec![
        Confidence::Port,
        Confidence::Dns,
        Confidence::Pattern,
        Confidence::Parsed,
    ])
}

fn small() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(0u32), 2 => 0u32..4, 1 => select(vec![1_000u32, 100_000, u32::MAX])]
}

prop_compose! {
    fn quality_sides()(n in [small(), small(), small(), small(), small(), small(), small()]) -> SideQuality {
        SideQuality {
            retransmitted: n[0],
            out_of_order: n[1],
            zero_windows: n[2],
            resets: n[3],
            rtp_packets: n[4],
            rtp_lost: n[5],
            rtp_jitter_us: n[6],
        }
    }
}

prop_compose! {
    pub(super) fn qualities()(
        connect in [prop::option::of(small()), prop::option::of(small())],
        responses in prop::collection::vec(small(), 0..4),
        odd in prop::option::weighted(0.1, (small(), any::<u64>(), small())),
        (forward, reverse) in (quality_sides(), quality_sides()),
    ) -> Quality {
        let mut response = Delays::default();
        responses.into_iter().for_each(|us| response.add(us));
        if let Some((count, total_us, max_us)) = odd {
            response = Delays { count, total_us, max_us };
        }
        Quality { connect_client_us: connect[0], connect_server_us: connect[1], response, forward, reverse }
    }
}

prop_compose! {
    pub(super) fn records()(
        link in links(),
        end in prop_oneof![
            6 => FROM - 40 * MINUTE..FROM + 100 * MINUTE,
            1 => select(vec![FROM, FROM - 1, FROM + 30 * MINUTE, FROM + 30 * MINUTE - 1]),
        ],
        duration in prop_oneof![
            2 => Just(0u64),
            3 => 0u64..5 * SECOND,
            2 => 0u64..30 * MINUTE,
            1 => select(vec![1, SECOND, MINUTE, 60 * MINUTE, FROM - 1, u64::MAX - 5, u64::MAX]),
        ],
        (src, dst) in (addresses(), addresses()),
        (src_port, dst_port) in (select(PORTS.to_vec()), select(PORTS.to_vec())),
        protocol in select(vec![6u8, 6, 17, 1, 58, 132, 47]),
        (vlan, vlan_inner) in (select(vec![None, Some(0u16), Some(100), Some(4_095)]), select(vec![None, Some(100u16), Some(7)])),
        (src_mac, dst_mac) in (prop::option::of(macs()), prop::option::of(macs())),
        (packets, bytes, packets_rev, bytes_rev) in (counts(), counts(), counts(), counts()),
        (tcp_flags, tcp_flags_rev) in (select(vec![0u8, 2, 18, 0xff]), select(vec![0u8, 16, 1])),
        (icmp, icmp_rev) in (icmp(), icmp()),
        tos in select(vec![0u8, 1, 0xb8, 0xff]),
        app in select(vec![0u16, 0, 0, 1, 3, 900, 0x8001]),
        (direction, end_reason) in (directions(), reasons()),
        export in prop::option::of(exports()),
        // Boxed: a test's stack is short.
        (l7, quality) in (prop::option::of(l7()), prop::option::of(qualities())).boxed(),
    ) -> FlowRecord {
        FlowRecord {
            link,
            start: Timestamp::from_nanos(end.wrapping_sub(duration)),
            end: Timestamp::from_nanos(end),
            src_ip: src,
            dst_ip: dst,
            src_port,
            dst_port,
            protocol,
            vlan,
            vlan_inner,
            src_mac,
            dst_mac,
            packets,
            bytes,
            packets_rev,
            bytes_rev,
            tcp_flags,
            tcp_flags_rev,
            icmp,
            icmp_rev,
            tos,
            app: App::from_number(app),
            direction,
            end_reason,
            export: export.map(Box::new),
            l7: l7.map(Box::new),
            quality: quality.map(Box::new),
        }
    }
}

/// Records of a block: sometimes all alike in what others differ in, as a meter's are.
pub(super) fn blocks() -> impl Strategy<Value = Vec<Vec<FlowRecord>>> {
    let alike = (prop::collection::vec(records(), 1..40), any::<u8>()).prop_map(|(mut records, what)| {
        let first = records[0].clone();
        for r in &mut records {
            if what & 1 != 0 {
                (r.export, r.link) = (None, first.link);
            }
            if what & 2 != 0 {
                (r.packets_rev, r.bytes_rev) = (0, 0);
            }
            if what & 4 != 0 {
                r.protocol = first.protocol;
            }
            if what & 8 != 0 {
                r.start = r.start.min(r.end);
            }
            if what & 16 != 0 {
                (r.vlan, r.vlan_inner, r.src_mac, r.dst_mac) = (None, None, None, None);
            }
            if what & 32 != 0 {
                (r.src_ip, r.app) = (first.src_ip, first.app);
            }
            if what & 64 != 0 {
                r.end = first.end;
            }
            if what & 12 == 12 {
                (r.l7, r.quality) = (first.l7.clone(), None);
            }
            if what & 128 != 0 {
                // Such as exporters say: milliseconds.
                let milli = |t: Timestamp| Timestamp::from_nanos(t.as_nanos() / 1_000_000 * 1_000_000);
                (r.start, r.end) = (milli(r.start), milli(r.end));
            }
        }
        records
    });
    prop::collection::vec(alike, 1..6)
}

#[derive(Debug)]
pub(super) struct ByFirstOctet;

impl CountryOf for ByFirstOctet {
    fn country(&self, address: IpAddr) -> Option<[u8; 2]> {
        match address {
            IpAddr::V4(four) if four.octets()[0] == 10 => Some(*b"CN"),
            IpAddr::V4(four) if four.octets()[0] == 8 => Some(*b"US"),
            IpAddr::V6(six) if six.segments()[0] == 0xfd00 => Some(*b"CN"),
            _ => None,
        }
    }
}

pub(super) fn endpoint(protocol: Option<u8>, ports: &[(u16, u16)], addresses: &[&str]) -> Endpoint {
    Endpoint {
        protocol,
        ports: ports.iter().map(|(a, b)| PortRange::new(*a, *b).unwrap()).collect(),
        addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
    }
}

pub(super) fn context() -> Context {
    let application = |name: &str, endpoints| Application {
        name: name.to_owned(),
        endpoints,
    };
    let applications = BTreeMap::from([
        (
            1,
            application("erp", vec![endpoint(Some(6), &[(8_080, 8_443)], &["10.0.0.0/24"])]),
        ),
        (
            2,
            application("lab", vec![endpoint(None, &[], &["fd00::/16", "192.0.2.1"])]),
        ),
        (
            5,
            application(
                "tunnel",
                vec![endpoint(Some(47), &[], &[]), endpoint(Some(6), &[(80, 80)], &[])],
            ),
        ),
    ]);
    let business = |name: &str, endpoints| Business {
        name: name.to_owned(),
        endpoints,
    };
    let businesses = BTreeMap::from([
        (
            3,
            business("web", vec![endpoint(Some(6), &[(80, 80), (443, 443)], &[])]),
        ),
        (4, business("office", vec![endpoint(None, &[], &["10.0.0.0/8"])])),
        (
            9,
            business(
                "names",
                vec![endpoint(Some(17), &[(53, 53)], &["8.8.8.8", "2001:db8::8"])],
            ),
        ),
    ]);
    let group = |name: &str, addresses: &[&str]| IpGroup {
        name: name.to_owned(),
        addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
    };
    let ip_groups = BTreeMap::from([
        (1, group("all ten", &["10.0.0.0/8"])),
        (2, group("servers", &["10.0.0.0/24", "fd00::1"])),
        (8, group("one", &["8.8.8.8"])),
    ]);
    let (core, edge) = (LinkId::of_exporter(1), LinkId::of_exporter(2));
    let id = |exporter, index| InterfaceId { exporter, index };
    let interface_groups = BTreeMap::from([
        (
            1,
            InterfaceGroup {
                name: "uplinks".to_owned(),
                interfaces: vec![id(core, 1), id(core, 2), id(edge, 17)],
            },
        ),
        (
            2,
            InterfaceGroup {
                name: "core".to_owned(),
                interfaces: vec![id(core, 1), id(core, 17)],
            },
        ),
    ]);
    let link_groups = BTreeMap::from([
        (
            1,
            LinkGroup {
                name: "ports".to_owned(),
                links: vec![LinkId(1), LinkId(2)],
            },
        ),
        (
            2,
            LinkGroup {
                name: "mixed".to_owned(),
                links: vec![LinkId(1), core],
            },
        ),
    ]);
    let objects = Objects {
        applications,
        businesses,
        ip_groups,
        interface_groups,
        link_groups,
        numbers: 9,
    };
    Context {
        objects: Arc::new(objects),
        links: BTreeMap::from([
            (LinkId(1), vec!["eth0".to_owned(), "9".to_owned()]),
            (LinkId(2), vec!["eth1".to_owned(), String::new()]),
            (core, vec!["core-1".to_owned()]),
            (edge, vec!["edge".to_owned(), "eth1".to_owned()]),
        ]),
        interfaces: BTreeMap::from([
            (id(core, 1), vec!["Gi0/1".to_owned(), "uplink".to_owned()]),
            (id(core, 17), vec!["Gi0/17".to_owned()]),
            (id(edge, 2), vec!["Gi0/1".to_owned(), "17".to_owned()]),
        ]),
        countries: Some(Arc::new(ByFirstOctet)),
    }
}

pub(super) fn some<T: Clone + std::fmt::Debug + 'static>(list: &[T]) -> impl Strategy<Value = Vec<T>> + use<T> {
    prop::collection::vec(select(list.to_vec()), 1..4)
}

pub(super) fn names(list: &[&str]) -> impl Strategy<Value = Vec<String>> + use<> {
    let list: Vec<String> = list.iter().map(|s| (*s).to_owned()).collect();
    some(&list)
}

pub(super) fn ranges() -> impl Strategy<Value = Vec<AddressRange>> {
    let all: Vec<AddressRange> = RANGES.iter().map(|r| r.parse().unwrap()).collect();
    some(&all)
}

pub(super) fn ends() -> impl Strategy<Value = End> {
    select(vec![End::Any, End::Src, End::Dst])
}

pub(super) fn sides() -> impl Strategy<Value = InterfaceEnd> {
    select(vec![InterfaceEnd::Any, InterfaceEnd::In, InterfaceEnd::Out])
}

pub(super) fn compares() -> impl Strategy<Value = Compare> {
    let quantities = Quantity::ALL.to_vec();
    let signs = vec![
        Sign::Less,
        Sign::LessOrEqual,
        Sign::Equal,
        Sign::NotEqual,
        Sign::GreaterOrEqual,
        Sign::Greater,
    ];
    let values = prop_oneof![
        select(vec![
            0u64,
            1,
            2,
            40,
            64,
            1_000,
            1_500,
            10_000,
            SECOND,
            MINUTE,
            8_000_000,
            1_000_000,
            3,
            500,
            u64::MAX,
            u64::MAX - 1
        ]),
        0u64..100_000,
    ];
    (select(quantities), select(signs), values).prop_map(|(quantity, sign, value)| Compare { quantity, sign, value })
}

pub(super) fn tests() -> BoxedStrategy<Test> {
    let term = (
        select(vec![None, Some("core-1"), Some("edge"), Some("2"), Some("eth1")]),
        select(vec!["Gi0/1", "17", "1", "0", "4294967295"]),
    );
    let terms = prop::collection::vec(
        term.prop_filter("named", |(exporter, interface)| {
            *interface != "Gi0/1" || exporter.is_none_or(|e| e != "nobody")
        })
        .prop_map(|(exporter, interface)| InterfaceTerm {
            exporter: exporter.map(str::to_owned),
            interface: interface.to_owned(),
        }),
        1..3,
    );
    let port = select(PORTS.to_vec());
    let ports = prop::collection::vec((port.clone(), port), 1..4).prop_map(|list| {
        list.into_iter()
            .map(|(a, b)| PortRange::new(a.min(b), a.max(b)).unwrap())
            .collect()
    });
    prop_oneof![
        4 => (ends(), ranges()).prop_map(|(e, r)| Test::Address(e, r)),
        1 => (ends(), names(&["all ten", "servers", "one"])).prop_map(|(e, n)| Test::IpGroup(e, n)),
        3 => (ends(), ports).prop_map(|(e, p)| Test::Port(e, p)),
        2 => some(&[6u8, 17, 1, 200]).prop_map(Test::Protocol),
        3 => names(&["unknown", "dns", "https", "erp", "lab", "tunnel", "http"]).prop_map(Test::App),
        2 => names(&["web", "office", "names"]).prop_map(Test::Business),
        1 => names(&["eth0", "eth1", "9", "2", "core-1", "65536"]).prop_map(Test::Link),
        1 => names(&["ports", "mixed"]).prop_map(Test::LinkGroup),
        1 => names(&["core-1", "eth1", "2", "9", "77"]).prop_map(Test::Exporter),
        2 => (sides(), terms).prop_map(|(e, t)| Test::Interface(e, t)),
        1 => (sides(), names(&["uplinks", "core"])).prop_map(|(e, n)| Test::InterfaceGroup(e, n)),
        1 => prop::collection::vec(directions(), 1..3).prop_map(Test::Direction),
        2 => (select(vec![0u8, 2, 18, 1]), select(vec![0u8, 16, 1])).prop_map(|(a, b)| Test::Flags(a, b)),
        6 => compares().prop_map(Test::Compare),
        1 => some(&[(100u16, 100u16), (0, 0), (1, 200), (0, 4_095)]).prop_map(Test::Vlan),
        1 => (ends(), prop::collection::vec(macs(), 1..3)).prop_map(|(e, m)| Test::Mac(e, m)),
        1 => (ends(), some(&[(0u32, 0u32), (64_512, 65_534), (7, u32::MAX)])).prop_map(|(e, a)| Test::As(e, a)),
        1 => some(&[0u8, 46, 63]).prop_map(Test::Dscp),
        1 => (ends(), some(&[*b"CN", *b"US", *b"FR"])).prop_map(|(e, c)| Test::Country(e, c)),
        1 => select(vec![4u8, 6]).prop_map(Test::IpVersion),
        1 => (select(vec![0u8, 3, 8]), prop::option::of(0u8..3)).prop_map(|(k, c)| Test::Icmp(k, c)),
        1 => prop::collection::vec(reasons(), 1..3).prop_map(Test::EndReason),
        1 => ranges().prop_map(Test::NextHop),
        2 => names(&["example.com", "qq.com", "com", "cn", "x.com"]).prop_map(Test::Domain),
        2 => prop::collection::vec(confidences(), 1..3).prop_map(Test::Confidence),
        2 => (select(vec![DetailKey::Agent, DetailKey::Ja4, DetailKey::Path]), names(&["*curl*", "curl", "h*", "*", "5", "*l*1"]))
            .prop_map(|(key, list)| Test::Detail(key, list)),
        1 => Just(Test::Measured),
    ]
    .boxed()
}

pub(super) fn exprs() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![1 => Just(Expr::All), 9 => tests().prop_map(Expr::Test)];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
            inner.prop_map(|e| Expr::Not(Box::new(e))),
        ]
    })
}

pub(super) const KEYS: [Key; 34] = [
    Key::SrcIp,
    Key::DstIp,
    Key::Host,
    Key::Conversation,
    Key::SrcNet,
    Key::DstNet,
    Key::SrcPort,
    Key::DstPort,
    Key::Protocol,
    Key::App,
    Key::Business,
    Key::IpGroup,
    Key::SrcGroup,
    Key::DstGroup,
    Key::Link,
    Key::LinkGroup,
    Key::InIf,
    Key::OutIf,
    Key::Interface,
    Key::InterfaceGroup,
    Key::Direction,
    Key::TcpFlags,
    Key::Vlan,
    Key::SrcMac,
    Key::DstMac,
    Key::SrcAs,
    Key::DstAs,
    Key::Dscp,
    Key::SrcCountry,
    Key::DstCountry,
    Key::PacketSize,
    Key::IpVersion,
    Key::EndReason,
    Key::Domain,
];

pub(super) fn measures() -> impl Strategy<Value = Measure> {
    select(vec![
        Measure::Bytes,
        Measure::Packets,
        Measure::Flows,
        Measure::BytesForward,
        Measure::BytesReverse,
        Measure::Rate,
        Measure::P95,
        Measure::Response,
        Measure::Connect,
        Measure::Retransmissions,
    ])
}

pub(super) fn asks() -> BoxedStrategy<Ask> {
    let keys = |least| prop::collection::vec(select(KEYS.to_vec()), least..=3);
    let top = (
        keys(1),
        measures(),
        1u32..12,
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    let series = (
        select(vec![7u32, 60, 600, 3_599, 3_600, 86_400]),
        select(vec![0i32, 8 * 3_600, -3 * 3_600, 20_700]),
        keys(0),
        measures(),
        1u32..6,
        any::<bool>(),
        any::<bool>(),
    );
    let totals = (keys(0), any::<bool>(), any::<bool>());
    prop_oneof![
        top.prop_map(|(by, measure, limit, ascending, compare, quality)| Ask::Top {
            by,
            measure,
            limit,
            ascending,
            compare,
            quality,
        }),
        series.prop_map(|(step_s, zone_s, by, measure, limit, compare, quality)| Ask::Series {
            step_s: Some(step_s),
            zone_s,
            by,
            measure,
            limit,
            compare,
            quality,
        }),
        totals.prop_map(|(distinct, compare, quality)| Ask::Totals {
            distinct,
            compare,
            quality
        }),
    ]
    .boxed()
}

pub(super) fn scopes() -> impl Strategy<Value = Option<Scope>> {
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(Scope::Ports)),
        1 => Just(Some(Scope::Exporters)),
        1 => links().prop_map(|l| Some(Scope::Link(l))),
    ]
}

pub(super) fn query(ask: Ask, minutes: u64, scope: Option<Scope>) -> Query {
    Query {
        from: Timestamp::from_nanos(FROM),
        to: Some(Timestamp::from_nanos(FROM + minutes * MINUTE)),
        scope,
        filter: String::new(),
        ask,
        timeout_ms: 10_000,
    }
}
