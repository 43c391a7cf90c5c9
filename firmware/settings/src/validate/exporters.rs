//! The exporters.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{SettingsError, field, label_problem};
use crate::{Exporter, Settings, UtilisationLimits};

const EXPORTERS_MAX: usize = 10_000;
const ADDRESSES_MAX: usize = 16;
const INTERFACES_MAX: usize = 4_096;
const SAMPLING_MAX: u32 = 16_777_216;
const OFFSET_MAX: i16 = 840;

pub(super) fn check(settings: &Settings) -> Result<(), SettingsError> {
    let exporters = &settings.exporters;
    if exporters.len() > EXPORTERS_MAX {
        return field("exporters", format!("more than {EXPORTERS_MAX} exporters"));
    }
    let mut names: BTreeMap<&str, u32> = BTreeMap::new();
    let mut addresses: BTreeMap<IpAddr, u32> = BTreeMap::new();
    for (number, exporter) in exporters {
        let at = |name: &'static str, problem: String| field(name, format!("exporter {number}: {problem}"));
        if *number == 0 {
            return field("exporters", "exporters are numbered from 1".to_owned());
        }
        if exporter.name.trim().is_empty() {
            return at("exporters.name", "it needs a name".to_owned());
        }
        if let Some(problem) = label_problem(&exporter.name) {
            return at("exporters.name", problem);
        }
        if let Some(other) = names.insert(&exporter.name, *number) {
            return at(
                "exporters.name",
                format!("{:?} is the name of exporter {other} already", exporter.name),
            );
        }
        // From here on people know it by its name.
        let at = |name: &'static str, problem: String| {
            field(name, format!("exporter {number} ({}): {problem}", exporter.name))
        };
        if !(1..=ADDRESSES_MAX).contains(&exporter.addresses.len()) {
            return at("exporters.addresses", format!("name 1–{ADDRESSES_MAX} addresses"));
        }
        for address in &exporter.addresses {
            if let Some(problem) = address_problem(*address) {
                return at("exporters.addresses", problem);
            }
            match addresses.insert(*address, *number) {
                Some(other) if other == *number => {
                    return at("exporters.addresses", format!("{address} is there twice"));
                }
                Some(other) => {
                    let other_name = exporters.get(&other).map_or("", |exporter| &exporter.name);
                    return at(
                        "exporters.addresses",
                        format!("{address} is an address of exporter {other} ({other_name}) already"),
                    );
                }
                None => {}
            }
        }
        if let Some((name, problem)) = value_problem(exporter, settings) {
            return at(name, problem);
        }
    }
    Ok(())
}

fn address_problem(address: IpAddr) -> Option<String> {
    let broadcast = address == IpAddr::V4(std::net::Ipv4Addr::BROADCAST);
    if broadcast || address.is_unspecified() || address.is_multicast() || address.is_loopback() {
        return Some(format!("{address} is not a host's address"));
    }
    let canonical = address.to_canonical();
    (canonical != address).then(|| format!("{address} is an IPv4 address: write {canonical}"))
}

fn value_problem(exporter: &Exporter, settings: &Settings) -> Option<(&'static str, String)> {
    if let Some(sampling) = exporter.sampling
        && !(1..=SAMPLING_MAX).contains(&sampling)
    {
        return Some((
            "exporters.sampling",
            format!("{sampling} is not between 1 and {SAMPLING_MAX}; leave it out to believe the exporter"),
        ));
    }
    if !(-OFFSET_MAX..=OFFSET_MAX).contains(&exporter.utc_offset_min) {
        return Some((
            "exporters.utc_offset_min",
            format!(
                "{} is not between -{OFFSET_MAX} and {OFFSET_MAX} minutes",
                exporter.utc_offset_min
            ),
        ));
    }
    if let Some(polling) = &exporter.snmp {
        if !settings.snmp.contains_key(&polling.credentials) {
            return Some((
                "exporters.snmp.credentials",
                format!(
                    "it is polled with the credentials {:?}, and there are none of that name: add them, or choose others for it first",
                    polling.credentials
                ),
            ));
        }
        if polling.port == 0 {
            return Some(("exporters.snmp.port", "0 is not a port: use 1–65535".to_owned()));
        }
        if !(5..=3_600).contains(&polling.interval_s) {
            return Some((
                "exporters.snmp.interval_s",
                format!("{} is not between 5 and 3600 seconds", polling.interval_s),
            ));
        }
    }
    interfaces_problem(exporter)
}

fn interfaces_problem(exporter: &Exporter) -> Option<(&'static str, String)> {
    if exporter.interfaces.len() > INTERFACES_MAX {
        return Some(("exporters.interfaces", format!("more than {INTERFACES_MAX} interfaces")));
    }
    for (index, interface) in &exporter.interfaces {
        let at = |problem: String| format!("interface {index}: {problem}");
        // RFC 2863: InterfaceIndex is greater than zero; 0 is the exporter itself, or nowhere.
        if *index == 0 {
            return Some(("exporters.interfaces", "interfaces are numbered from 1".to_owned()));
        }
        if let Some(problem) = label_problem(&interface.label) {
            return Some(("exporters.interfaces.label", at(problem)));
        }
        if interface.capacity_bps == Some(0) {
            return Some((
                "exporters.interfaces.capacity_bps",
                at("a speed is more than 0 bit/s; leave it out to take the device's".to_owned()),
            ));
        }
        if let Some(problem) = limits_problem(&interface.limits) {
            return Some(("exporters.interfaces.limits", at(problem)));
        }
    }
    None
}

fn limits_problem(limits: &UtilisationLimits) -> Option<String> {
    for (direction, min, max) in [
        ("in", limits.in_min, limits.in_max),
        ("out", limits.out_min, limits.out_max),
    ] {
        if let Some(percent) = [min, max].into_iter().flatten().find(|percent| *percent > 100) {
            return Some(format!("{percent} is more than 100 percent"));
        }
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            return Some(format!("{direction}: the least, {min}, is above the most, {max}"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ExporterInterface, Secret, SnmpCredentials, SnmpPolling};
    use proptest::prelude::*;

    fn exporter(name: &str, addresses: &[&str]) -> Exporter {
        Exporter {
            name: name.to_owned(),
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
            enabled: true,
            sampling: None,
            utc_offset_min: 0,
            snmp: None,
            interfaces: BTreeMap::new(),
        }
    }

    fn settings() -> Settings {
        let mut settings = Settings::default();
        let community = Secret::new("public");
        settings
            .snmp
            .insert("lab".to_owned(), SnmpCredentials::V2c { community });
        let mut core = exporter("core", &["192.0.2.1", "2001:db8::1"]);
        core.snmp = Some(SnmpPolling {
            credentials: "lab".to_owned(),
            port: 161,
            interval_s: 60,
        });
        core.interfaces.insert(1, ExporterInterface::default());
        settings.exporters.insert(7, core);
        settings.exporters.insert(8, exporter("edge", &["192.0.2.2"]));
        settings
    }

    fn problem(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = settings();
        assert_eq!(settings.check(), Ok(()));
        change(&mut settings);
        settings.check().unwrap_err().to_string()
    }

    fn core(change: impl FnOnce(&mut Exporter)) -> String {
        problem(|s| change(s.exporters.get_mut(&7).unwrap()))
    }

    #[test]
    fn credentials_in_use_cannot_go_and_the_error_names_who_uses_them() {
        let text = problem(|s| s.snmp.clear());
        assert!(
            text.starts_with("exporters.snmp.credentials: exporter 7 (core): "),
            "{text}"
        );
        assert!(text.contains("\"lab\""), "{text}");
    }

    #[test]
    fn names_and_addresses_are_of_one_exporter() {
        let text = problem(|s| s.exporters.get_mut(&8).unwrap().name = "core".to_owned());
        assert!(
            text.starts_with("exporters.name: exporter 8: \"core\" is the name of exporter 7"),
            "{text}"
        );
        let text = problem(|s| s.exporters.get_mut(&8).unwrap().addresses = vec!["2001:db8::1".parse().unwrap()]);
        assert!(
            text.starts_with("exporters.addresses: exporter 8 (edge): 2001:db8::1 is an address of exporter 7 (core)"),
            "{text}"
        );
        assert!(core(|e| e.addresses.push("192.0.2.1".parse().unwrap())).ends_with("is there twice"));
        for bad in [
            "0.0.0.0",
            "224.0.0.1",
            "127.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "ff02::1",
        ] {
            let text = core(|e| e.addresses = vec![bad.parse().unwrap()]);
            assert!(text.ends_with("is not a host's address"), "{text}");
        }
        assert!(core(|e| e.addresses = vec!["::ffff:192.0.2.9".parse().unwrap()]).ends_with("write 192.0.2.9"));
        assert!(problem(|s| _ = s.exporters.insert(0, exporter("zero", &["192.0.2.3"]))).contains("from 1"));
    }

    #[test]
    fn bounds_hold() {
        assert!(core(|e| e.addresses.clear()).starts_with("exporters.addresses: exporter 7 (core): "));
        assert!(core(|e| e.addresses = (1..=17).map(|n| [10, 0, 0, n].into()).collect()).contains("1–16"));
        assert!(core(|e| e.name = " ".to_owned()).starts_with("exporters.name: "));
        assert!(core(|e| e.name = "x".repeat(65)).starts_with("exporters.name: "));
        assert!(core(|e| e.sampling = Some(0)).starts_with("exporters.sampling: "));
        assert!(core(|e| e.sampling = Some(16_777_217)).starts_with("exporters.sampling: "));
        assert!(core(|e| e.utc_offset_min = -841).starts_with("exporters.utc_offset_min: "));
        let polled = |change: fn(&mut SnmpPolling)| core(|e| change(e.snmp.as_mut().unwrap()));
        assert!(polled(|p| p.port = 0).starts_with("exporters.snmp.port: "));
        assert!(polled(|p| p.interval_s = 4).starts_with("exporters.snmp.interval_s: "));
        assert!(polled(|p| p.interval_s = 3_601).starts_with("exporters.snmp.interval_s: "));
        let interface = |change: fn(&mut ExporterInterface)| core(|e| change(e.interfaces.get_mut(&1).unwrap()));
        assert!(interface(|i| i.label = "x".repeat(65)).starts_with("exporters.interfaces.label: "));
        assert!(interface(|i| i.capacity_bps = Some(0)).starts_with("exporters.interfaces.capacity_bps: "));
        assert!(interface(|i| i.limits.out_max = Some(101)).starts_with("exporters.interfaces.limits: "));
        let crossed = interface(|i| (i.limits.in_min, i.limits.in_max) = (Some(60), Some(50)));
        assert!(
            crossed.ends_with("interface 1: in: the least, 60, is above the most, 50"),
            "{crossed}"
        );
        assert!(core(|e| _ = e.interfaces.insert(0, ExporterInterface::default())).contains("from 1"));
        let many = |e: &mut Exporter| e.interfaces = (1..=4_097).map(|n| (n, ExporterInterface::default())).collect();
        assert!(core(many).contains("4096"));
    }

    #[test]
    fn the_whole_document_has_a_bound_that_ten_thousand_exporters_keep() {
        let mut settings = settings();
        settings.exporters = (1..=10_000_u32)
            .map(|n| {
                let mut each = exporter(&format!("access switch {n}"), &[]);
                each.addresses = vec![std::net::Ipv4Addr::from(0x0a00_0000 + n).into()];
                each.snmp = settings.exporters[&7].snmp.clone();
                (n, each)
            })
            .collect();
        assert_eq!(settings.check(), Ok(()));
        let interface = ExporterInterface {
            label: "x".repeat(64),
            ..ExporterInterface::default()
        };
        for each in settings.exporters.values_mut().take(20) {
            each.interfaces = (1..=4_096).map(|n| (n, interface.clone())).collect();
        }
        let text = settings.check().unwrap_err().to_string();
        assert!(text.contains("name fewer interfaces"), "{text}");
    }

    proptest! {
        /// Against comparing each address with each other.
        #[test]
        fn an_address_is_of_one_exporter_alone(lists in prop::collection::vec(prop::collection::vec(1u8..12, 1..4), 0..6)) {
            let mut settings = Settings::default();
            let mut all = Vec::new();
            for (number, list) in (1u32..).zip(&lists) {
                let addresses: Vec<String> = list.iter().map(|n| format!("192.0.2.{n}")).collect();
                let texts: Vec<&str> = addresses.iter().map(String::as_str).collect();
                settings.exporters.insert(number, exporter(&format!("e{number}"), &texts));
                all.extend(addresses);
            }
            let twice = all.iter().enumerate().any(|(i, a)| all.iter().skip(i + 1).any(|b| a == b));
            prop_assert_eq!(settings.check().is_err(), twice);
        }
    }
}
