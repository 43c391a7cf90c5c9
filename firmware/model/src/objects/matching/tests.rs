use super::*;
use crate::AddressRange;
use proptest::prelude::*;

/// Few addresses, so that they meet: some of both versions, the first and the last of each among them.
fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0u32..12).prop_map(|n| IpAddr::V4((0x0a00_0000 + n).into())),
        (0u128..12).prop_map(|n| IpAddr::V6((0xfd00_u128 << 112 | n).into())),
        prop_oneof![
            Just("0.0.0.0"),
            Just("255.255.255.255"),
            Just("::"),
            Just("::ffff:10.0.0.1")
        ]
        .prop_map(|text| text.parse().unwrap()),
        Just(IpAddr::V6(u128::MAX.into())),
    ]
}

const NETWORKS: [&str; 6] = [
    "10.0.0.0/29",
    "0.0.0.0/0",
    "::/0",
    "fd00::/126",
    "255.255.255.255/32",
    "ffff::/16",
];

fn range() -> impl Strategy<Value = AddressRange> {
    prop_oneof![
        address().prop_map(AddressRange::One),
        prop::sample::select(&NETWORKS[..]).prop_map(|text| text.parse().unwrap()),
        (address(), address()).prop_filter_map("ends of one version", |(a, b)| {
            (a.is_ipv4() == b.is_ipv4()).then(|| AddressRange::Span(a.min(b), a.max(b)))
        }),
    ]
}

fn port() -> impl Strategy<Value = u16> {
    prop_oneof![0u16..12, Just(u16::MAX), Just(u16::MAX - 1)]
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    let ports = (port(), port()).prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).unwrap());
    (
        prop::option::of(prop::sample::select(&[1u8, 6, 17, 255][..])),
        prop::collection::vec(ports, 0..3),
        prop::collection::vec(range(), 0..3),
    )
        .prop_map(|(protocol, ports, addresses)| Endpoint {
            protocol,
            ports,
            addresses,
        })
}

fn owners() -> impl Strategy<Value = BTreeMap<u32, Vec<Endpoint>>> {
    prop::collection::btree_map(1u32..40, prop::collection::vec(endpoint(), 1..4), 0..12)
}

fn protocol() -> impl Strategy<Value = u8> {
    prop::sample::select(&[0u8, 1, 6, 17, 255][..])
}

proptest! {
    /// Against asking each endpoint of each application.
    #[test]
    fn a_flow_has_the_first_application_that_an_end_matches(
        owners in owners(),
        flows in prop::collection::vec((protocol(), address(), port(), address(), port()), 1..20),
    ) {
        let applications: BTreeMap<u32, Application> = owners
            .into_iter()
            .map(|(number, endpoints)| (number, Application { name: format!("a{number}"), endpoints }))
            .collect();
        let definitions = Definitions::new(&applications);
        prop_assert_eq!(definitions.is_empty(), applications.is_empty());
        for (protocol, src, src_port, dst, dst_port) in flows {
            let matches = |a: &Application| {
                a.endpoints.iter().any(|e| e.matches(protocol, src, src_port) || e.matches(protocol, dst, dst_port))
            };
            let naive = applications.iter().find(|(_, a)| matches(a)).and_then(|(number, _)| App::defined(*number));
            prop_assert_eq!(definitions.app(protocol, src, src_port, dst, dst_port), naive);
            let named = definitions.name(App::UNKNOWN, protocol, src, src_port, dst, dst_port);
            prop_assert_eq!(named, naive.unwrap_or(App::UNKNOWN));
            let renamed = definitions.name(App::defined(99).unwrap(), protocol, src, src_port, dst, dst_port);
            prop_assert_eq!(renamed, named);
            let known = App::by_name("dns").unwrap();
            prop_assert_eq!(definitions.name(known, protocol, src, src_port, dst, dst_port), known);
        }
    }

    /// Against asking each endpoint of each business.
    #[test]
    fn a_flow_is_of_every_business_that_an_end_matches(
        owners in owners(),
        flows in prop::collection::vec((protocol(), address(), port(), address(), port()), 1..20),
    ) {
        let index = EndpointIndex::new(owners.iter().map(|(n, e)| (*n, e.as_slice())));
        let mut found = vec![7];
        for (protocol, src, src_port, dst, dst_port) in flows {
            let ends = [(src, src_port), (dst, dst_port)];
            let naive: Vec<u32> = owners
                .iter()
                .filter(|(_, e)| e.iter().any(|e| ends.iter().any(|(ip, port)| e.matches(protocol, *ip, *port))))
                .map(|(number, _)| *number)
                .collect();
            index.of_flow(protocol, ends, &mut found);
            prop_assert_eq!(&found, &naive);
        }
    }

    /// Against asking each range of each group; groups may overlap, and ranges within a group too.
    #[test]
    fn an_address_is_in_every_group_that_has_it(
        groups in prop::collection::btree_map(1u32..40, prop::collection::vec(range(), 1..5), 0..12),
        addresses in prop::collection::vec(address(), 1..30),
    ) {
        let groups: BTreeMap<u32, IpGroup> = groups
            .into_iter()
            .map(|(number, addresses)| (number, IpGroup { name: format!("g{number}"), addresses }))
            .collect();
        let index = GroupIndex::new(&groups);
        for address in addresses {
            let mut found: Vec<u32> = index.groups_of(address).collect();
            found.sort_unstable();
            let holds = |g: &&u32| groups[g].addresses.iter().any(|r| r.contains(address));
            let naive: Vec<u32> = groups.keys().filter(holds).copied().collect();
            prop_assert_eq!(&found, &naive);
            let mut at_place: Vec<u32> = index.at(index.place(address)).collect();
            at_place.sort_unstable();
            prop_assert_eq!(at_place, naive);
        }
    }
}

#[test]
fn definitions_are_equal_where_their_applications_are() {
    let application = |port: u16| {
        let endpoint = Endpoint {
            protocol: Some(6),
            ports: PortRange::new(port, port).into_iter().collect(),
            addresses: Vec::new(),
        };
        let application = Application {
            name: "erp".to_owned(),
            endpoints: vec![endpoint],
        };
        BTreeMap::from([(3, application)])
    };
    let of = |port| Definitions::new(&application(port));
    assert!(of(8_000) == of(8_000) && of(8_000) != of(8_001) && Definitions::default().is_empty());
    let ip = IpAddr::from([192, 0, 2, 1]);
    assert_eq!(of(8_000).app(6, ip, 50_000, ip, 8_000), App::defined(3));
    assert_eq!(of(8_000).app(6, ip, 8_000, ip, 50_000), App::defined(3));
    assert_eq!(of(8_000).app(17, ip, 50_000, ip, 8_000), None);
}

#[test]
fn ranges_within_ranges_take_little_room() {
    // A thousand groups, each with a thousand networks inside the next one's: pairs would be 500 million.
    let network = |n: u32| AddressRange::Span(n.into_ip(), (u32::MAX - n).into_ip());
    let groups = (1..=1_000_u32).map(|g| {
        let addresses = (0..100).map(|n| network(g * 100 + n)).collect();
        (
            g,
            IpGroup {
                name: g.to_string(),
                addresses,
            },
        )
    });
    let index = GroupIndex::new(&groups.collect());
    assert_eq!(index.groups_of(50_000_u32.into_ip()).count(), 500);
}

trait IntoIp {
    fn into_ip(self) -> IpAddr;
}

impl IntoIp for u32 {
    fn into_ip(self) -> IpAddr {
        IpAddr::V4(self.into())
    }
}
