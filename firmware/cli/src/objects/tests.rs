use super::*;
use crate::grammar::{Grammar, split};
use api::supervisor::{NetworkPort, PortRole};
use model::App;
use settings::Exporter;

fn answer() -> SettingsAnswer {
    let mut settings = Settings::default();
    for (number, name, address) in [(1, "core-1", "192.0.2.1"), (2, "edge 2", "2001:db8::2")] {
        let exporter = Exporter {
            name: name.to_owned(),
            addresses: vec![address.parse().unwrap()],
            enabled: true,
            sampling: None,
            utc_offset_min: 0,
            snmp: None,
            interfaces: Default::default(),
        };
        settings.exporters.insert(number, exporter);
    }
    let port = |name: &str, link| NetworkPort {
        name: name.to_owned(),
        role: PortRole::Capture,
        link,
        pci: None,
        mac: None,
        driver: None,
        up: true,
        speed_bps: None,
        addresses: Vec::new(),
    };
    SettingsAnswer {
        change: 1,
        settings,
        ports: vec![port("enp0s3", Some(1)), port("enp0s4", Some(2)), port("enp0s2", None)],
        unconfirmed_until: None,
    }
}

/// Does what a line says, as the supervisor would.
fn set(answer: &mut SettingsAnswer, line: &str) -> Result<(), String> {
    let grammar = Grammar::new(Language::English, true);
    let parsed = grammar.parse(&split(line, Language::English).unwrap())?;
    let named = |exporter: LinkId, name: &str| (exporter.exporter() == Some(1) && name == "Gi0/1:2").then_some(7);
    let mut next = answer.clone();
    edit(&mut next, &parsed, &named).map_err(|(english, _)| english)?;
    next.settings.check().map_err(|e| e.to_string())?;
    next.settings.follow(&answer.settings).map_err(|e| e.to_string())?;
    *answer = next;
    Ok(())
}

fn done(lines: &[&str]) -> SettingsAnswer {
    let mut answer = answer();
    for line in lines {
        assert_eq!(set(&mut answer, line), Ok(()), "{line}");
    }
    answer
}

#[test]
fn applications_and_businesses_are_defined_and_defined_anew() {
    let answer = done(&[
        "set application erp protocol tcp ports 8000-8099,9000 addresses 10.1.0.0/16,fd00::/8",
        "set application erp add protocol 47",
        "set application 网银 addresses 203.0.113.7",
        "set application 网银 ports 8443",
        "set business \"ERP system\" ports 443",
        "set business \"erp System\" add protocol any addresses 10.0.0.1-10.0.0.9",
    ]);
    let objects = &answer.settings.objects;
    assert_eq!(objects.numbers, 3);
    assert_eq!(
        (objects.app_of("erp"), objects.app_of("网银")),
        (App::defined(1), App::defined(2))
    );
    let [first, second] = objects.applications[&1].endpoints.as_slice() else {
        panic!("{objects:?}")
    };
    assert_eq!(
        (first.protocol, first.ports.len(), first.addresses.len()),
        (Some(6), 2, 2)
    );
    assert_eq!(
        (second.protocol, second.ports.len(), second.addresses.len()),
        (Some(47), 0, 0)
    );
    let [only] = objects.applications[&2].endpoints.as_slice() else {
        panic!("{objects:?}")
    };
    assert!(
        only.addresses.is_empty() && only.ports[0].contains(8_443),
        "it is defined anew"
    );
    // A name is the same whatever its case; it keeps the first.
    assert_eq!(objects.businesses.len(), 1);
    let business = &objects.businesses[&3];
    assert_eq!((business.name.as_str(), business.endpoints.len()), ("ERP system", 2));
    assert_eq!(business.endpoints[1].protocol, None);
}

#[test]
fn groups_hold_what_is_named() {
    let answer = done(&[
        "set group 总部 addresses 10.0.0.0/8",
        "set group 总部 addresses 10.0.0.0/8,fd00::/8",
        "set interface-group uplinks interfaces core-1:17 core-1:Gi0/1:2 \"edge 2:3\" 2001:db8::2:4",
        "set link-group taps links enp0s3 enp0s4",
        "set link-group routers links core-1 \"edge 2\"",
    ]);
    let objects = &answer.settings.objects;
    assert_eq!(objects.ip_groups[&1].addresses.len(), 2);
    let interfaces = &objects.interface_groups[&2].interfaces;
    let seen: Vec<_> = interfaces.iter().map(|i| (i.exporter.exporter(), i.index)).collect();
    assert_eq!(seen, [(Some(1), 17), (Some(1), 7), (Some(2), 3), (Some(2), 4)]);
    assert_eq!(objects.link_groups[&3].links, [LinkId(1), LinkId(2)]);
    assert_eq!(
        objects.link_groups[&4].links,
        [LinkId::of_exporter(1), LinkId::of_exporter(2)]
    );
}

#[test]
fn objects_are_renamed_and_deleted_by_name() {
    let answer = done(&[
        "set group hq addresses 10.0.0.0/8",
        "set business hq addresses 10.0.0.0/8",
        "rename group HQ \"head office\"",
        "delete business hq",
        "set application erp ports 8000",
        "rename application erp oa",
    ]);
    let objects = &answer.settings.objects;
    assert_eq!(objects.ip_groups[&1].name, "head office");
    assert!(objects.businesses.is_empty());
    assert_eq!((objects.app_of("oa"), objects.app_of("erp")), (App::defined(3), None));
}

#[test]
fn retention_changes_in_what_is_named() {
    let answer = done(&[
        "set retention records age 365 gb 2000",
        "set retention records gb 1500",
        "set retention logs gb unlimited age 30",
        "set retention seconds age 6",
        "set retention full 80",
    ]);
    let retention = &answer.settings.retention;
    assert_eq!((retention.records.age, retention.records.gb), (365, Some(1_500)));
    assert_eq!((retention.logs.age, retention.logs.gb), (30, None));
    assert_eq!((retention.seconds.age, retention.full_percent), (6, 80));
}

#[test]
fn what_is_wrong_is_said() {
    let mut answer = done(&["set group hq addresses 10.0.0.0/8"]);
    for (line, says) in [
        ("set application erp", "it matches everything"),
        ("set application dns ports 5300", "the firmware knows"),
        ("set application erp protocol icmp ports 80", "no ports"),
        ("set link-group all links enp0s3 core-1", "capture ports and exporters"),
        (
            "set link-group all links enp0s2",
            "no capture port and no exporter \"enp0s2\"",
        ),
        ("set interface-group up interfaces core-9:1", "names no exporter"),
        ("set interface-group up interfaces core-1:Gi9", "no interface \"Gi9\""),
        (
            "delete business hq",
            "there is no business \"hq\": see `show businesses`",
        ),
        ("rename group hq \"it's\"", "quotation mark"),
        (
            "set retention seconds age 49",
            "retention.seconds.age: 49 is not between 1 and 48 hours",
        ),
        ("set retention records age 2000", "retention.rollups.age"),
        ("set retention full 96", "50 to 95"),
        ("delete exporter core-1 now", "now"),
    ] {
        let error = set(&mut answer, line).unwrap_err();
        assert!(error.contains(says), "{line}: {error}");
    }
}
