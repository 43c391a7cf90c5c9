use super::*;
use model::{Application, Business, InterfaceGroup, IpGroup, LinkGroup, PortRange};
use proptest::prelude::*;

fn ports(text: &str) -> Vec<PortRange> {
    text.split_whitespace().map(|range| range.parse().unwrap()).collect()
}

fn addresses(text: &str) -> Vec<AddressRange> {
    text.split_whitespace().map(|range| range.parse().unwrap()).collect()
}

fn endpoint(protocol: Option<u8>, of_ports: &str, of_addresses: &str) -> Endpoint {
    Endpoint {
        protocol,
        ports: ports(of_ports),
        addresses: addresses(of_addresses),
    }
}

fn exporter(name: &str, address: &str) -> Exporter {
    Exporter {
        name: name.to_owned(),
        addresses: vec![address.parse().unwrap()],
        enabled: true,
        sampling: None,
        utc_offset_min: 0,
        snmp: None,
        interfaces: BTreeMap::new(),
    }
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.exporters.insert(1, exporter("core", "192.0.2.1"));
    settings.exporters.insert(2, exporter("edge", "192.0.2.2"));
    let objects = &mut settings.objects;
    let application = Application {
        name: "erp".to_owned(),
        endpoints: vec![endpoint(Some(6), "8000-8099 9000", "10.1.0.0/16 fd00::/8")],
    };
    objects.applications.insert(1, application);
    let business = Business {
        name: "ERP 系统".to_owned(),
        endpoints: vec![
            endpoint(None, "443", "10.1.0.1-10.1.0.9"),
            endpoint(None, "", "10.2.0.1"),
            endpoint(Some(47), "", ""),
        ],
    };
    objects.businesses.insert(2, business);
    let name = "总部".to_owned();
    let group = IpGroup {
        name,
        addresses: addresses("10.0.0.0/8 fd00::/8"),
    };
    objects.ip_groups.insert(3, group);
    let interface = |number, index| InterfaceId {
        exporter: LinkId::of_exporter(number),
        index,
    };
    let group = InterfaceGroup {
        name: "uplinks".to_owned(),
        interfaces: vec![interface(1, 1), interface(1, 2), interface(2, 1)],
    };
    objects.interface_groups.insert(4, group);
    let group = LinkGroup {
        name: "exporters".to_owned(),
        links: vec![LinkId::of_exporter(1), LinkId::of_exporter(2)],
    };
    objects.link_groups.insert(5, group);
    let group = LinkGroup {
        name: "ports".to_owned(),
        links: vec![LinkId(1), LinkId(7)],
    };
    objects.link_groups.insert(6, group);
    settings
}

fn problem(change: impl FnOnce(&mut Settings)) -> String {
    let mut settings = settings();
    assert_eq!(settings.check(), Ok(()));
    change(&mut settings);
    settings.check().unwrap_err().to_string()
}

fn application(change: impl FnOnce(&mut Application)) -> String {
    problem(|s| change(s.objects.applications.get_mut(&1).unwrap()))
}

fn business(change: impl FnOnce(&mut Business)) -> String {
    problem(|s| change(s.objects.businesses.get_mut(&2).unwrap()))
}

#[test]
fn errors_name_the_place() {
    let starts = |text: String, place: &str| assert!(text.starts_with(&format!("{place}: ")), "{text}");
    let place = |text| starts(business(|b| b.endpoints[2] = endpoint(Some(47), "80", "")), text);
    place("objects.businesses.2.endpoints[2].ports");
    starts(business(|b| b.endpoints.clear()), "objects.businesses.2.endpoints");
    let empty = business(|b| b.endpoints[1] = Endpoint::default());
    starts(empty, "objects.businesses.2.endpoints[1]");
    let zero = application(|a| a.endpoints[0].ports = ports("0-80"));
    starts(zero, "objects.applications.1.endpoints[0].ports");
    let twice = application(|a| a.endpoints[0].ports = ports("80 80"));
    assert_eq!(twice, "objects.applications.1.endpoints[0].ports: 80 is there twice");
    let twice = application(|a| a.endpoints[0].addresses = addresses("10.0.0.0/8 ::1 10.0.0.0/8"));
    assert_eq!(
        twice,
        "objects.applications.1.endpoints[0].addresses: 10.0.0.0/8 is there twice"
    );
    let twice = problem(|s| s.objects.ip_groups.get_mut(&3).unwrap().addresses = addresses("::1 ::1"));
    assert_eq!(twice, "objects.ip_groups.3.addresses: ::1 is there twice");
    let none = problem(|s| s.objects.ip_groups.get_mut(&3).unwrap().addresses.clear());
    starts(none, "objects.ip_groups.3.addresses");
}

#[test]
fn members_have_bounds() {
    let many = |count: u16| (1..=count).filter_map(|p| PortRange::new(p, p)).collect();
    assert!(application(|a| a.endpoints[0].ports = many(65)).contains("more than 64"));
    let many = |count: u32| -> Vec<AddressRange> {
        (1..=count)
            .map(|n| AddressRange::One(std::net::Ipv4Addr::from(n).into()))
            .collect()
    };
    assert!(application(|a| a.endpoints[0].addresses = many(257)).contains("more than 256"));
    assert!(application(|a| a.endpoints = vec![endpoint(Some(6), "", ""); 65]).contains("name 1–64"));
    assert!(business(|b| b.endpoints = vec![endpoint(Some(6), "", ""); 257]).contains("name 1–256"));
    let group = |count| problem(move |s| s.objects.ip_groups.get_mut(&3).unwrap().addresses = many(count));
    assert!(group(1_025).contains("name 1–1024"));
    let text = problem(|s| {
        let group = s.objects.ip_groups[&3].clone();
        s.objects.ip_groups = (10..1_011)
            .map(|n| {
                let name = format!("g{n}");
                (n, IpGroup { name, ..group.clone() })
            })
            .collect();
    });
    assert_eq!(text, "objects.ip_groups: 1001 of them, more than 1000");
}

#[test]
fn names_are_one_of_a_kind_whatever_the_case() {
    let add = |name: &str| {
        let name = name.to_owned();
        problem(|s| {
            let endpoints = vec![endpoint(Some(6), "", "")];
            _ = s.objects.businesses.insert(9, Business { name, endpoints });
        })
    };
    assert_eq!(
        add("erp 系统"),
        "objects.businesses.9.name: \"erp 系统\" is the name of the business 2 already"
    );
    for (bad, says) in [
        ("", "needs a name"),
        (" a", "blanks at its ends"),
        ("a ", "blanks at its ends"),
        ("a\"b", "quotation mark"),
        ("it's", "quotation mark"),
        ("a\nb", "printable"),
        (&"x".repeat(65), "at most 64"),
    ] {
        let text = add(bad);
        assert!(
            text.starts_with("objects.businesses.9.name: ") && text.contains(says),
            "{text}"
        );
    }
    // Another kind may have the name.
    let mut other = settings();
    other.objects.ip_groups.get_mut(&3).unwrap().name = "ERP 系统".to_owned();
    assert_eq!(other.check(), Ok(()));
}

#[test]
fn applications_names_are_words_that_the_firmware_does_not_know() {
    for good in [
        "erp",
        "9p",
        "oa-2.0",
        "网银",
        "erp系统",
        &"x".repeat(32),
        &"网".repeat(32),
    ] {
        let mut settings = settings();
        settings.objects.applications.get_mut(&1).unwrap().name = good.to_owned();
        assert_eq!(settings.check(), Ok(()), "{good}");
    }
    for bad in ["", "ERP", "a b", "-a", ".a", "a_b", "é", "a\"", &"x".repeat(33)] {
        let text = application(|a| a.name = bad.to_owned());
        assert!(
            text.starts_with("objects.applications.1.name: ") && text.contains("is no name"),
            "{text}"
        );
    }
    assert!(application(|a| a.name = "app-70".to_owned()).contains("by its number"));
}

#[test]
fn a_name_of_the_firmware_is_not_given_but_kept() {
    let before = settings();
    for name in ["dns", "unknown"] {
        let mut taken = before.clone();
        taken.objects.applications.get_mut(&1).unwrap().name = name.to_owned();
        // A document on disk, written before the firmware knew the application.
        assert_eq!(Settings::parse(&taken.to_json()), Ok(taken.clone()));
        let mut kept = taken.clone();
        assert_eq!(kept.follow(&taken), Ok(()));
        let refused = taken.clone().follow(&before).unwrap_err().to_string();
        assert!(
            refused.starts_with("objects.applications.1.name: ") && refused.contains("the firmware knows"),
            "{refused}"
        );
    }
}

#[test]
fn numbers_are_of_one_object() {
    let text = problem(|s| {
        let group = s.objects.ip_groups[&3].clone();
        s.objects.ip_groups = BTreeMap::from([(2, group)]);
    });
    assert_eq!(
        text,
        "objects.ip_groups.2: 2 is the number of the business \"ERP 系统\" already"
    );
    for number in [0, 32_768] {
        let text = problem(|s| {
            let one = s.objects.applications.remove(&1).unwrap();
            s.objects.applications.insert(number, one);
        });
        assert!(text.ends_with("numbered from 1 to 32767"), "{text}");
    }
}

#[test]
fn groups_hold_what_is_registered_and_of_one_kind() {
    let gone = problem(|s| _ = s.exporters.remove(&2));
    assert_eq!(
        gone,
        "objects.interface_groups.4.interfaces: the group \"uplinks\" holds exporter 2, which is not registered: register it, or take it out of the group first"
    );
    let interface = |change: fn(&mut Vec<InterfaceId>)| {
        problem(|s| change(&mut s.objects.interface_groups.get_mut(&4).unwrap().interfaces))
    };
    assert!(
        interface(|all| all[0].exporter = LinkId(3)).ends_with("link 3 is no exporter: name interfaces of exporters")
    );
    assert!(interface(|all| all[0].index = 0).ends_with("numbered from 1"));
    assert!(interface(|all| all[0] = all[1]).ends_with("interface 2 of core is there twice"));
    assert!(interface(Vec::clear).ends_with("name 1–1024"));
    let link = |number: u32, change: fn(&mut Vec<LinkId>)| {
        problem(|s| change(&mut s.objects.link_groups.get_mut(&number).unwrap().links))
    };
    let mixed = link(6, |all| all.push(LinkId::of_exporter(1)));
    assert!(
        mixed.starts_with("objects.link_groups.6.links: capture ports and exporters"),
        "{mixed}"
    );
    assert!(link(6, |all| all.push(LinkId(7))).ends_with("link 7 is there twice"));
    assert!(link(5, |all| all.push(LinkId::of_exporter(2))).ends_with("edge is there twice"));
    assert!(link(5, |all| all.push(LinkId::of_exporter(3))).contains("exporter 3, which is not registered"));
    assert!(link(6, |all| all.push(LinkId(0))).ends_with("numbered from 1"));
    assert!(link(6, Vec::clear).ends_with("name 1–1024"));
}

#[test]
fn objects_that_are_too_long_together_are_named() {
    let text = problem(|s| {
        s.objects.ip_groups = (10..300)
            .map(|n: u32| {
                let addresses = (0..1_000_u32).map(|i| {
                    let last = u128::from(n) << 48 | 0x4444_5555_0000 | u128::from(i);
                    AddressRange::One(std::net::Ipv6Addr::from(0xfd00_1111_2222_3333_u128 << 64 | last).into())
                });
                let addresses = addresses.collect();
                (
                    n,
                    IpGroup {
                        name: format!("g{n}"),
                        addresses,
                    },
                )
            })
            .collect();
    });
    assert!(text.starts_with("objects: the settings have "), "{text}");
}

proptest! {
    /// Against the rule said plainly.
    #[test]
    fn an_endpoint_is_accepted_when_it_says_something_and_its_protocol_has_ports(
        protocol in prop::option::of(prop::sample::select(&[1u8, 6, 17, 47, 132][..])),
        ports in prop::collection::vec((0u16..4, 0u16..4), 0..3),
        addresses in prop::collection::vec(0u8..3, 0..3),
    ) {
        let ports: Vec<PortRange> = ports.iter().filter_map(|(a, b)| PortRange::new(*a.min(b), *a.max(b))).collect();
        let addresses: Vec<AddressRange> = addresses.iter().map(|n| AddressRange::One([10, 0, 0, *n].into())).collect();
        let distinct = |count: usize, of: usize| count == of;
        let good = (protocol.is_some() || !ports.is_empty() || !addresses.is_empty())
            && (ports.is_empty() || matches!(protocol, None | Some(6 | 17 | 132)))
            && ports.iter().all(|range| range.first() > 0)
            && distinct(ports.len(), ports.iter().collect::<BTreeSet<_>>().len())
            && distinct(addresses.len(), addresses.iter().map(ToString::to_string).collect::<BTreeSet<_>>().len());
        let mut settings = settings();
        settings.objects.applications.get_mut(&1).unwrap().endpoints = vec![Endpoint { protocol, ports, addresses }];
        prop_assert_eq!(settings.check().is_ok(), good);
    }
}
