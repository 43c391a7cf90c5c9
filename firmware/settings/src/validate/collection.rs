//! Where exporters' datagrams are received.

use std::collections::BTreeMap;

use super::{AddressFields, SettingsError, check_addresses, field, interface_problem};
use crate::{Collection, Ipv4Config, Ipv6Config, Settings};

const PORTS_MAX: usize = 16;

/// Ports that the box itself answers on, or gets answers on (SSH, the resolver's stub, DHCP, the console).
const TAKEN: [u16; 6] = [22, 53, 68, 80, 443, 546];

const COLLECTION: AddressFields = AddressFields {
    prefix4: "collection.ipv4.prefix",
    address4: "collection.ipv4.address",
    gateway4: "collection.ipv4.gateway",
    prefix6: "collection.ipv6.prefix",
    address6: "collection.ipv6.address",
};

pub(super) fn check(settings: &Settings) -> Result<(), SettingsError> {
    let collection = &settings.collection;
    if let Some(problem) = collection.port.as_deref().and_then(interface_problem) {
        return field("collection.port", problem);
    }
    check_addresses(&collection.ipv4, &collection.ipv6, &COLLECTION)?;
    check_own(settings)?;
    check_listens(collection)
}

/// The collection port's addresses are its own.
fn check_own(settings: &Settings) -> Result<(), SettingsError> {
    let (collection, management) = (&settings.collection, &settings.management);
    let v4 = |config: &Ipv4Config| match config {
        Ipv4Config::Static { address, .. } => Some(*address),
        Ipv4Config::Dhcp => None,
    };
    let v6 = |config: &Ipv6Config| match config {
        Ipv6Config::Static { address, .. } => Some(*address),
        Ipv6Config::Auto | Ipv6Config::Off => None,
    };
    let taken = |address: &dyn std::fmt::Display| {
        format!("{address} is the management port's: give the collection port another address")
    };
    if let Some(address) = v4(&collection.ipv4).filter(|a| Some(*a) == v4(&management.ipv4)) {
        return field(COLLECTION.address4, taken(&address));
    }
    if let Some(address) = v6(&collection.ipv6).filter(|a| Some(*a) == v6(&management.ipv6)) {
        return field(COLLECTION.address6, taken(&address));
    }
    Ok(())
}

fn check_listens(collection: &Collection) -> Result<(), SettingsError> {
    let purposes = [
        ("collection.flow", &collection.flow),
        ("collection.syslog", &collection.syslog),
        ("collection.syslog_tls", &collection.syslog_tls),
        ("collection.traps", &collection.traps),
    ];
    let mut used: BTreeMap<u16, &'static str> = BTreeMap::new();
    for (name, listen) in purposes {
        let count = listen.ports.len();
        if count > PORTS_MAX || (listen.enabled && count == 0) {
            return field(name, format!("{count} ports: name 1–{PORTS_MAX}, or switch it off"));
        }
        for port in &listen.ports {
            if *port == 0 {
                return field(name, "0 is not a port: use 1–65535".to_owned());
            }
            if TAKEN.contains(port) {
                return field(name, format!("port {port} is the box's own: use another"));
            }
            if listen.enabled
                && let Some(other) = used.insert(*port, name)
            {
                return field(name, format!("port {port} is named in {other} already: name it once"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Listen;
    use proptest::prelude::*;

    fn problem(change: impl FnOnce(&mut Settings)) -> String {
        let mut settings = Settings::default();
        change(&mut settings);
        settings.check().unwrap_err().to_string()
    }

    fn listen(ports: &[u16]) -> Listen {
        Listen {
            enabled: true,
            ports: ports.to_vec(),
        }
    }

    #[test]
    fn errors_name_the_field() {
        assert!(problem(|s| s.collection.port = Some("a b".into())).starts_with("collection.port: "));
        assert!(problem(|s| s.collection.port = Some(String::new())).starts_with("collection.port: "));
        assert!(problem(|s| s.collection.flow.ports = vec![]).starts_with("collection.flow: "));
        assert!(problem(|s| s.collection.flow.ports = (1000..1017).collect()).starts_with("collection.flow: "));
        assert!(problem(|s| s.collection.traps.ports = vec![0]).starts_with("collection.traps: "));
        assert!(problem(|s| s.collection.syslog_tls.ports = vec![443]).starts_with("collection.syslog_tls: "));
        let clash = problem(|s| s.collection.traps.ports = vec![2055]);
        assert_eq!(
            clash,
            "collection.traps: port 2055 is named in collection.flow already: name it once"
        );
        let address = |prefix| Ipv4Config::Static {
            address: [192, 0, 2, 1].into(),
            prefix,
            gateway: None,
        };
        assert!(problem(|s| s.collection.ipv4 = address(33)).starts_with("collection.ipv4.prefix: "));
        let same = problem(|s| {
            s.collection.ipv4 = address(24);
            s.management.ipv4 = address(25);
        });
        assert!(
            same.starts_with("collection.ipv4.address: 192.0.2.1 is the management port's"),
            "{same}"
        );
    }

    #[test]
    fn what_is_switched_off_takes_no_port_from_the_others() {
        let mut settings = Settings::default();
        settings.collection.traps.ports = vec![2055];
        settings.collection.traps.enabled = false;
        settings.collection.syslog.ports = vec![];
        settings.collection.syslog.enabled = false;
        assert_eq!(settings.check(), Ok(()));
    }

    proptest! {
        /// Against the rule said plainly: each purpose has ports, each port is good, and none comes twice.
        #[test]
        fn ports_are_accepted_when_they_are_good_and_distinct(lists in prop::collection::vec(prop::collection::vec(prop_oneof![0u16..30, 70u16..90, 440u16..450], 0..5), 4)) {
            let mut settings = Settings::default();
            let [flow, syslog, syslog_tls, traps] = lists.as_slice() else { unreachable!() };
            settings.collection.flow = listen(flow);
            settings.collection.syslog = listen(syslog);
            settings.collection.syslog_tls = listen(syslog_tls);
            settings.collection.traps = listen(traps);
            let mut all: Vec<u16> = lists.concat();
            let count = all.len();
            all.sort_unstable();
            all.dedup();
            let good = lists.iter().all(|list| !list.is_empty())
                && all.len() == count
                && all.iter().all(|port| *port > 0 && !TAKEN.contains(port));
            prop_assert_eq!(settings.check().is_ok(), good);
        }
    }
}
