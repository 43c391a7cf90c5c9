//! What systemd-networkd is told: one file a port.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use api::supervisor::{NetworkPort, PortRole};
use settings::{Ipv4Config, Ipv6Config, Management};

/// The start of the names of the files that are ours.
pub(crate) const FILE_PREFIX: &str = "10-spanwatch-";

/// Longest frames that a capture port takes; networkd lowers it to what the NIC can do.
const CAPTURE_MTU: u32 = 9_216;

/// The files for networkd by name: the management port as the settings say, capture ports without any address.
pub(crate) fn files(ports: &[NetworkPort], management: &Management) -> BTreeMap<String, String> {
    let file = |(place, port): (usize, &NetworkPort)| {
        let mut text = String::from("# Written by the supervisor; changes are lost.\n");
        text.push_str(&match_section(port, ports));
        match port.role {
            PortRole::Management => text.push_str(&management_sections(management)),
            PortRole::Capture => text.push_str(&capture_sections()),
        }
        (format!("{FILE_PREFIX}{place:02}.network"), text)
    };
    ports.iter().enumerate().map(file).collect()
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
    let mut network = String::from("\n[Link]\nActivationPolicy=always-up\nRequiredForOnline=no\n");
    network.push_str("\n[Network]\nDescription=Management port\nLLDP=no\nEmitLLDP=no\nLLMNR=no\nMulticastDNS=no\nIPv6PrivacyExtensions=no\n");
    let mut line = |text: String| {
        let _ = writeln!(network, "{text}");
    };
    let dhcp4 = management.ipv4 == Ipv4Config::Dhcp;
    line(format!("DHCP={}", if dhcp4 { "ipv4" } else { "no" }));
    let ipv6 = management.ipv6 != Ipv6Config::Off;
    line(format!("LinkLocalAddressing={}", if ipv6 { "ipv6" } else { "no" }));
    let auto6 = management.ipv6 == Ipv6Config::Auto;
    line(format!("IPv6AcceptRA={}", if auto6 { "yes" } else { "no" }));
    if let Ipv4Config::Static {
        address,
        prefix,
        gateway,
    } = &management.ipv4
    {
        line(format!("Address={address}/{prefix}"));
        if let Some(gateway) = gateway {
            line(format!("Gateway={gateway}"));
        }
    }
    if let Ipv6Config::Static {
        address,
        prefix,
        gateway,
    } = &management.ipv6
    {
        line(format!("Address={address}/{prefix}"));
        if let Some(gateway) = gateway {
            line(format!("Gateway={gateway}"));
        }
    }
    for server in &management.dns {
        line(format!("DNS={server}"));
    }
    let dns = if management.dns.is_empty() { "" } else { "UseDNS=no\n" };
    if dhcp4 {
        let _ = write!(
            network,
            "\n[DHCPv4]\nClientIdentifier=mac\nUseHostname=no\nUseDomains=no\nUseMTU=no\n{dns}"
        );
    }
    if auto6 {
        let _ = write!(
            network,
            "\n[IPv6AcceptRA]\nUseDomains=no\n{dns}\n[DHCPv6]\nUseHostname=no\n{dns}"
        );
    }
    network
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::tests::golden;

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
        let files = files(&ports, &Management::default());
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
        };
        let files = files(&[port("enp0s2", "0000:00:02.0", None)], &management);
        golden("golden/management-static.network", &files["10-spanwatch-00.network"]);
    }

    #[test]
    fn ports_that_share_a_function_are_matched_by_hardware_address() {
        let ports = [port("a", "0000:00:02.0", None), port("b", "0000:00:02.0", Some(1))];
        let files = files(&ports, &Management::default());
        assert!(files["10-spanwatch-01.network"].contains("PermanentMACAddress=02:00:00:00:00:01\n"));
    }
}
