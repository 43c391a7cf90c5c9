//! What systemd-networkd is told: one file a port.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use api::supervisor::{NetworkPort, PortRole};
use settings::{Collection, Ipv4Config, Ipv6Config, Management, Settings};

/// The start of the names of the files that are ours.
pub(crate) const FILE_PREFIX: &str = "10-spanwatch-";
/// The start of the names of VLAN interfaces that are ours; the VLAN's number follows.
pub(crate) const VLAN_PREFIX: &str = "mgmt.";

/// Longest frames that a capture port takes; networkd lowers it to what the NIC can do.
const CAPTURE_MTU: u32 = 9_216;

/// The metric of routes by the collection port: behind those of the management port, whether they are fixed, by DHCP
/// (1024) or by router advertisements (512–2048 as the router wishes).
const COLLECTION_METRIC: u32 = 4_096;
/// The table of the routes that the collector alone takes: polls and answers to exporters leave by the collection port,
/// whatever the default route of the management port is.
const COLLECTION_TABLE: u32 = 4_096;
/// Whose packets these are.
const COLLECTOR: &str = "spanwatch-collector";

/// The interface that has a port's addresses: the port, or for management the VLAN upon it.
pub(crate) fn interface(port: &NetworkPort, management: &Management) -> String {
    match (port.role, management.vlan) {
        (PortRole::Management, Some(vlan)) => vlan_name(vlan),
        _ => port.name.clone(),
    }
}

/// A VLAN's interface. Its name has the number, since networkd makes no other VLAN of one that is there.
pub(crate) fn vlan_name(vlan: u16) -> String {
    format!("{VLAN_PREFIX}{vlan}")
}

/// The files for networkd by name: management and collection port as the settings say, capture ports without any
/// address.
pub(crate) fn files(ports: &[NetworkPort], settings: &Settings) -> BTreeMap<String, String> {
    const HEAD: &str = "# Written by the supervisor; changes are lost.\n";
    let file = |(place, port): (usize, &NetworkPort)| {
        let mut text = String::from(HEAD);
        text.push_str(&match_section(port, ports));
        match (port.role, settings.management.vlan) {
            (PortRole::Management, None) => text.push_str(&management_sections(&settings.management)),
            (PortRole::Management, Some(vlan)) => text.push_str(&trunk_sections(vlan)),
            (PortRole::Collection, _) => text.push_str(&collection_sections(&settings.collection)),
            (PortRole::Capture, _) => text.push_str(&capture_sections()),
        }
        (format!("{FILE_PREFIX}{place:02}.network"), text)
    };
    let mut files: BTreeMap<String, String> = ports.iter().enumerate().map(file).collect();
    if let Some(vlan) = settings.management.vlan {
        let name = vlan_name(vlan);
        let device = format!("{HEAD}[NetDev]\nName={name}\nKind=vlan\n\n[VLAN]\nId={vlan}\n");
        let addresses = management_sections(&settings.management);
        files.insert(format!("{FILE_PREFIX}vlan.netdev"), device);
        files.insert(
            format!("{FILE_PREFIX}vlan.network"),
            format!("{HEAD}[Match]\nName={name}\n{addresses}"),
        );
    }
    files
}

/// A management port whose own traffic is that of a VLAN: without a tag it has nothing to say.
fn trunk_sections(vlan: u16) -> String {
    let silent = link_sections("Management port", "no", "no", "no");
    format!("{silent}VLAN={}\n", vlan_name(vlan))
}

/// By PCI path, which a renamed interface keeps; by permanent hardware address where several ports share a function.
fn match_section(port: &NetworkPort, all: &[NetworkPort]) -> String {
    let alone = |pci: &String| all.iter().filter(|other| other.pci.as_ref() == Some(pci)).count() == 1;
    match (&port.pci, &port.mac) {
        (Some(pci), _) if alone(pci) => format!("[Match]\nPath=pci-{pci} pci-{pci}-*\n"),
        (_, Some(mac)) => format!("[Match]\nPermanentMACAddress={mac}\n"),
        _ => format!("[Match]\nName={}\n", port.name),
    }
}

fn capture_sections() -> String {
    format!(
        "\n[Link]\nRequiredForOnline=no\nActivationPolicy=always-up\nARP=no\nMTUBytes={CAPTURE_MTU}\n\
         \n[Network]\nDescription=Capture port\nDHCP=no\nLinkLocalAddressing=no\nIPv6AcceptRA=no\nConfigureWithoutCarrier=yes\n\
         LLDP=no\nEmitLLDP=no\nLLMNR=no\nMulticastDNS=no\n"
    )
}

fn management_sections(management: &Management) -> String {
    let mut text = host_sections("Management port", &management.ipv4, &management.ipv6);
    for (address, gateway) in fixed(&management.ipv4, &management.ipv6) {
        let _ = writeln!(text, "Address={address}");
        if let Some(gateway) = gateway {
            let _ = writeln!(text, "Gateway={gateway}");
        }
    }
    for server in &management.dns {
        let _ = writeln!(text, "DNS={server}");
    }
    let dns = if management.dns.is_empty() { "" } else { "UseDNS=no\n" };
    if management.ipv4 == Ipv4Config::Dhcp {
        let _ = write!(
            text,
            "\n[DHCPv4]\nClientIdentifier=mac\nUseHostname=no\nUseDomains=no\nUseMTU=no\n{dns}"
        );
    }
    if management.ipv6 == Ipv6Config::Auto {
        let _ = write!(
            text,
            "\n[IPv6AcceptRA]\nUseDomains=no\n{dns}\n[DHCPv6]\nUseHostname=no\n{dns}"
        );
    }
    text
}

/// Addresses of its own, and routes in a table that only the collector's packets take. Name and time servers are
/// management's. An exporter may be behind this port's gateway while the default route is management's: a check of the
/// source (RFC 3704), which knows nothing of that table, would drop what it sends.
fn collection_sections(collection: &Collection) -> String {
    let mut text = host_sections("Collection port", &collection.ipv4, &collection.ipv6);
    text.push_str("IPv4ReversePathFilter=no\n");
    for (address, gateway) in fixed(&collection.ipv4, &collection.ipv6) {
        let _ = write!(
            text,
            "\n[Address]\nAddress={address}\nRouteMetric={COLLECTION_METRIC}\n"
        );
        if let Some(gateway) = gateway {
            for table in ["", &format!("Table={COLLECTION_TABLE}\n")] {
                let _ = write!(
                    text,
                    "\n[Route]\nGateway={gateway}\nMetric={COLLECTION_METRIC}\n{table}"
                );
            }
        }
    }
    if collection.ipv4 == Ipv4Config::Dhcp {
        let _ = write!(
            text,
            "\n[DHCPv4]\nClientIdentifier=mac\nUseHostname=no\nUseDomains=no\nUseMTU=no\nUseDNS=no\nUseNTP=no\n\
             RouteMetric={COLLECTION_METRIC}\nRouteTable={COLLECTION_TABLE}\n"
        );
    }
    if collection.ipv6 == Ipv6Config::Auto {
        let _ = write!(
            text,
            "\n[IPv6AcceptRA]\nUseDomains=no\nUseDNS=no\nRouteMetric={COLLECTION_METRIC}\n\
             RouteTable={COLLECTION_TABLE}\n\
             \n[DHCPv6]\nUseHostname=no\nUseDomains=no\nUseDNS=no\nUseNTP=no\n"
        );
    }
    // Networks that are known go first, whichever port leads there; then the collection port's own table.
    for (priority, table) in [
        (1_000, "main\nSuppressPrefixLength=0"),
        (1_001, &COLLECTION_TABLE.to_string()),
    ] {
        let _ = write!(
            text,
            "\n[RoutingPolicyRule]\nPriority={priority}\nFamily=both\nUser={COLLECTOR}\nTable={table}\n"
        );
    }
    text
}

/// The sections that ports with addresses have alike; the last one is `[Network]`.
fn host_sections(description: &str, ipv4: &Ipv4Config, ipv6: &Ipv6Config) -> String {
    let dhcp4 = if *ipv4 == Ipv4Config::Dhcp { "ipv4" } else { "no" };
    let link_local = if *ipv6 == Ipv6Config::Off { "no" } else { "ipv6" };
    let auto6 = if *ipv6 == Ipv6Config::Auto { "yes" } else { "no" };
    link_sections(description, dhcp4, link_local, auto6)
}

fn link_sections(description: &str, dhcp4: &str, link_local: &str, auto6: &str) -> String {
    format!(
        "\n[Link]\nActivationPolicy=always-up\nRequiredForOnline=no\n\
         \n[Network]\nDescription={description}\nLLDP=no\nEmitLLDP=no\nLLMNR=no\nMulticastDNS=no\nIPv6PrivacyExtensions=no\n\
         DHCP={dhcp4}\nLinkLocalAddressing={link_local}\nIPv6AcceptRA={auto6}\n"
    )
}

/// Fixed addresses with prefix lengths, and their gateways.
fn fixed(ipv4: &Ipv4Config, ipv6: &Ipv6Config) -> Vec<(String, Option<IpAddr>)> {
    let mut found = Vec::new();
    if let Ipv4Config::Static {
        address,
        prefix,
        gateway,
    } = ipv4
    {
        found.push((format!("{address}/{prefix}"), gateway.map(IpAddr::V4)));
    }
    if let Ipv6Config::Static {
        address,
        prefix,
        gateway,
    } = ipv6
    {
        found.push((format!("{address}/{prefix}"), gateway.map(IpAddr::V6)));
    }
    found
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::tests::golden;

    fn managed(management: Management) -> Settings {
        Settings {
            management,
            ..Settings::default()
        }
    }

    pub(crate) fn port(name: &str, pci: &str, link: Option<u16>) -> NetworkPort {
        NetworkPort {
            name: name.to_owned(),
            role: if link.is_some() {
                PortRole::Capture
            } else {
                PortRole::Management
            },
            link,
            pci: Some(pci.to_owned()),
            mac: Some(format!("02:00:00:00:00:{:02x}", link.unwrap_or(0))),
            driver: None,
            up: true,
            speed_bps: None,
            addresses: Vec::new(),
        }
    }

    #[test]
    fn files_are_as_networkd_reads_them() {
        let ports = [
            port("enp0s2", "0000:00:02.0", None),
            port("enp0s3", "0000:00:03.0", Some(1)),
        ];
        let files = files(&ports, &Settings::default());
        let names: Vec<_> = files.keys().map(String::as_str).collect();
        assert_eq!(names, ["10-spanwatch-00.network", "10-spanwatch-01.network"]);
        golden("golden/management-auto.network", &files["10-spanwatch-00.network"]);
        golden("golden/capture.network", &files["10-spanwatch-01.network"]);
    }

    #[test]
    fn a_fixed_address_leaves_no_automatic_one() {
        let management = Management {
            ipv4: Ipv4Config::Static {
                address: [192, 0, 2, 10].into(),
                prefix: 24,
                gateway: Some([192, 0, 2, 1].into()),
            },
            ipv6: Ipv6Config::Off,
            dns: vec!["192.0.2.53".parse().unwrap()],
            vlan: None,
        };
        let files = files(&[port("enp0s2", "0000:00:02.0", None)], &managed(management));
        golden("golden/management-static.network", &files["10-spanwatch-00.network"]);
    }

    #[test]
    fn a_vlan_has_the_addresses_and_its_port_has_none() {
        let management = Management {
            ipv4: Ipv4Config::Static {
                address: [192, 0, 2, 10].into(),
                prefix: 24,
                gateway: None,
            },
            vlan: Some(4_094),
            ..Management::default()
        };
        let port = port("enp0s2", "0000:00:02.0", None);
        assert_eq!(interface(&port, &management), "mgmt.4094");
        assert_eq!(interface(&port, &Management::default()), "enp0s2");
        let files = files(&[port], &managed(management));
        let all: Vec<String> = files.iter().map(|(name, text)| format!("== {name}\n{text}")).collect();
        golden("golden/management-vlan.networkd", &all.concat());
    }

    #[test]
    fn a_collection_port_has_addresses_and_routes_behind_those_of_management() {
        let mut ports = [
            port("enp0s2", "0000:00:02.0", None),
            port("enp0s3", "0000:00:03.0", Some(1)),
            port("enp0s4", "0000:00:04.0", Some(2)),
        ];
        let mut settings = Settings::default();
        settings.collection.port = Some("enp0s4".to_owned());
        crate::ports::assign(&mut ports, &settings.collection);
        let automatic = files(&ports, &settings);
        golden("golden/capture.network", &automatic["10-spanwatch-01.network"]);
        golden("golden/collection-auto.network", &automatic["10-spanwatch-02.network"]);
        settings.collection.ipv4 = Ipv4Config::Static {
            address: [198, 51, 100, 10].into(),
            prefix: 24,
            gateway: Some([198, 51, 100, 1].into()),
        };
        settings.collection.ipv6 = Ipv6Config::Static {
            address: "2001:db8:1::10".parse().unwrap(),
            prefix: 64,
            gateway: Some("2001:db8:1::1".parse().unwrap()),
        };
        let fixed = files(&ports, &settings);
        golden("golden/collection-static.network", &fixed["10-spanwatch-02.network"]);
    }

    #[test]
    fn ports_that_share_a_function_are_matched_by_hardware_address() {
        let ports = [port("a", "0000:00:02.0", None), port("b", "0000:00:02.0", Some(1))];
        let files = files(&ports, &Settings::default());
        assert!(files["10-spanwatch-01.network"].contains("PermanentMACAddress=02:00:00:00:00:01\n"));
    }
}
