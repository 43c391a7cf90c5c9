//! The box's network ports, read from sysfs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use api::supervisor::{NetworkPort, PortRole};
use settings::Collection;

/// A PCI address: domain, bus, device, function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct PciAddress(u32, u8, u8, u8);

impl PciAddress {
    fn parse(text: &str) -> Option<Self> {
        let (rest, function) = text.split_once('.')?;
        let mut parts = rest.split(':');
        let (domain, bus, device) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || domain.len() < 4 || bus.len() != 2 || device.len() != 2 || function.len() != 1 {
            return None;
        }
        Some(Self(
            u32::from_str_radix(domain, 16).ok()?,
            u8::from_str_radix(bus, 16).ok()?,
            u8::from_str_radix(device, 16).ok()?,
            u8::from_str_radix(function, 16).ok()?,
        ))
    }
}

/// The place of a port: ports on PCI first, by address; then the port's number on its card; then the name.
type Place = (bool, Option<PciAddress>, u32, (String, u64));

/// Addresses with prefix lengths by interface name.
pub(crate) type Addresses = BTreeMap<String, Vec<String>>;

/// The physical ports below `sys` (the root of sysfs) in PCI order. The first is for management, all others capture.
pub(crate) fn enumerate(sys: &Path, addresses: &Addresses) -> Vec<NetworkPort> {
    let Ok(entries) = fs::read_dir(sys.join("class/net")) else {
        return Vec::new();
    };
    let mut found: Vec<(Place, NetworkPort)> = entries
        .filter_map(|entry| read_port(&entry.ok()?.path(), addresses))
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let ports = found.into_iter().map(|(_, port)| port).enumerate();
    ports
        .map(|(place, mut port)| {
            if place > 0 {
                port.role = PortRole::Capture;
                port.link = u16::try_from(place).ok();
            }
            port
        })
        .collect()
}

/// Gives the ports their roles: the first is for management, the one that the settings name collects, all others
/// capture. A collection port keeps its link's number.
pub(crate) fn assign(ports: &mut [NetworkPort], wanted: &Collection) {
    for (place, port) in ports.iter_mut().enumerate() {
        port.role = if place == 0 {
            PortRole::Management
        } else if wanted.port.as_ref() == Some(&port.name) {
            PortRole::Collection
        } else {
            PortRole::Capture
        };
    }
}

/// The port that exporters reach: the one that the settings name, or else the management port. `None` where the one
/// that they name is not there.
pub(crate) fn collection<'a>(ports: &'a [NetworkPort], wanted: &Collection) -> Option<&'a NetworkPort> {
    match &wanted.port {
        Some(name) => ports.iter().find(|port| port.name == *name),
        None => ports.iter().find(|port| port.role == PortRole::Management),
    }
}

/// The capture ports among `now` that were none before, or are on another card.
pub(crate) fn new_captures(before: &[NetworkPort], now: &[NetworkPort]) -> Vec<String> {
    let captures = |port: &&NetworkPort| port.role == PortRole::Capture;
    let same = |port: &NetworkPort| {
        let mut old = before.iter().filter(captures);
        old.any(|old| (&old.name, &old.mac, &old.pci) == (&port.name, &port.mac, &port.pci))
    };
    let new = now.iter().filter(captures).filter(|port| !same(port));
    new.map(|port| port.name.clone()).collect()
}

/// The processors of the NUMA nodes that the capture ports' cards are at, as `0-7,16-23`. `None` where that is all of
/// them, or a card does not say where it is.
pub(crate) fn near(sys: &Path, ports: &[NetworkPort]) -> Option<String> {
    let nodes = sys.join("devices/system/node");
    let processors = |node: u32| read(nodes.join(format!("node{node}/cpulist"))).filter(|list| !list.is_empty());
    let captures = ports.iter().filter(|port| port.role == PortRole::Capture);
    let near: BTreeSet<u32> = captures.map(|port| node_of(sys, &port.name)).collect::<Option<_>>()?;
    let all: BTreeSet<u32> = fs::read_dir(&nodes)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_prefix("node")?.parse().ok())
        .filter(|node| processors(*node).is_some())
        .collect();
    if near.is_empty() || near.is_superset(&all) {
        return None;
    }
    let lists: Option<Vec<String>> = near.into_iter().map(processors).collect();
    Some(lists?.join(","))
}

/// The NUMA node of a port's card; `None` where that is not known.
fn node_of(sys: &Path, name: &str) -> Option<u32> {
    let device = fs::canonicalize(sys.join("class/net").join(name).join("device")).ok()?;
    let mut said = device.ancestors().filter_map(|folder| read(folder.join("numa_node")));
    // -1: the firmware does not say.
    said.next()?.parse().ok()
}

/// What is wrong with the collection port that the settings name.
pub(crate) fn collection_trouble(ports: &[NetworkPort], wanted: &Collection) -> Option<String> {
    let name = wanted.port.as_ref()?;
    match ports.iter().find(|port| port.name == *name) {
        None => Some(format!(
            "the collection port {name} is not there: nothing of exporters is received; choose another in the settings"
        )),
        Some(port) if port.role == PortRole::Management => Some(format!(
            "the collection port {name} is the management port now: choose another, or none, in the settings"
        )),
        Some(_) => None,
    }
}

/// `None` for what is no physical port: loopback, VLANs, bridges have no `device`.
fn read_port(path: &Path, addresses: &Addresses) -> Option<(Place, NetworkPort)> {
    let name = path.file_name()?.to_str()?.to_owned();
    let device = fs::canonicalize(path.join("device")).ok()?;
    // A virtio card's device is virtioN, whose parent is the PCI function.
    let pci = device
        .ancestors()
        .filter_map(|folder| folder.file_name()?.to_str())
        .find_map(|folder| PciAddress::parse(folder).map(|address| (address, folder.to_owned())));
    let number = |file: &str| read(path.join(file)).and_then(|text| text.parse::<u64>().ok());
    let card_port = number("dev_port").and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    let driver = fs::read_link(device.join("driver")).ok();
    let port = NetworkPort {
        role: PortRole::Management,
        link: None,
        pci: pci.as_ref().map(|(_, text)| text.clone()),
        mac: read(path.join("address")).filter(|mac| !mac.is_empty()),
        driver: driver.and_then(|link| Some(link.file_name()?.to_str()?.to_owned())),
        // Reading `carrier` fails while the interface is down.
        up: number("carrier") == Some(1),
        // In Mbit/s; -1 or an error where the driver does not know.
        speed_bps: number("speed")
            .filter(|s| (1..u64::from(u32::MAX)).contains(s))
            .map(|s| s * 1_000_000),
        addresses: addresses.get(&name).cloned().unwrap_or_default(),
        name: name.clone(),
    };
    let place = (
        pci.is_none(),
        pci.map(|(address, _)| address),
        card_port,
        natural(&name),
    );
    Some((place, port))
}

fn natural(name: &str) -> (String, u64) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name
        .get(stem.len()..)
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0);
    (stem.to_owned(), number)
}

fn read(path: PathBuf) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// The addresses of all interfaces now, IPv4 first, link-local last.
pub(crate) fn addresses() -> Addresses {
    let mut found: BTreeMap<String, Vec<(u8, String)>> = BTreeMap::new();
    for entry in nix::ifaddrs::getifaddrs().into_iter().flatten() {
        let (Some(address), Some(mask)) = (entry.address, entry.netmask) else {
            continue;
        };
        let text = if let (Some(ip), Some(mask)) = (address.as_sockaddr_in(), mask.as_sockaddr_in()) {
            (0, format!("{}/{}", ip.ip(), u32::from(mask.ip()).count_ones()))
        } else if let (Some(ip), Some(mask)) = (address.as_sockaddr_in6(), mask.as_sockaddr_in6()) {
            let rank = if ip.ip().is_unicast_link_local() { 2 } else { 1 };
            (rank, format!("{}/{}", ip.ip(), u128::from(mask.ip()).count_ones()))
        } else {
            continue;
        };
        found.entry(entry.interface_name).or_default().push(text);
    }
    for list in found.values_mut() {
        list.sort();
        list.dedup();
    }
    let plain = |list: Vec<(u8, String)>| list.into_iter().map(|(_, text)| text).collect();
    found.into_iter().map(|(name, list)| (name, plain(list))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn card(sys: &Path, name: &str, device: &str, files: &[(&str, &str)]) {
        let device = sys.join("devices").join(device);
        let port = device.join("net").join(name);
        fs::create_dir_all(&port).unwrap();
        fs::create_dir_all(sys.join("class/net")).unwrap();
        symlink("../..", port.join("device")).unwrap();
        for (file, text) in files {
            fs::write(port.join(file), text).unwrap();
        }
        symlink(&port, sys.join("class/net").join(name)).unwrap();
    }

    fn names(ports: &[NetworkPort]) -> Vec<&str> {
        ports.iter().map(|p| p.name.as_str()).collect()
    }

    #[test]
    fn ports_come_in_pci_order_and_the_first_is_management() {
        let dir = tempfile::tempdir().unwrap();
        let sys = dir.path();
        // Bus 0a after bus 02, function 1 after 0; names would sort otherwise.
        card(
            sys,
            "ens1",
            "pci0000:00/0000:00:1c.0/0000:0a:00.0",
            &[("speed", "10000\n"), ("carrier", "1\n")],
        );
        card(
            sys,
            "zz0",
            "pci0000:00/0000:00:01.0/0000:02:00.0",
            &[("address", "02:00:00:00:00:01\n")],
        );
        card(
            sys,
            "aa1",
            "pci0000:00/0000:00:01.0/0000:02:00.1",
            &[("speed", "-1\n"), ("carrier", "0\n")],
        );
        fs::create_dir_all(sys.join("class/net/lo")).unwrap();
        let addresses = Addresses::from([("zz0".to_owned(), vec!["192.0.2.1/24".to_owned()])]);
        let ports = enumerate(sys, &addresses);
        assert_eq!(names(&ports), ["zz0", "aa1", "ens1"]);
        assert_eq!(ports[0].role, PortRole::Management);
        assert_eq!(ports[0].mac.as_deref(), Some("02:00:00:00:00:01"));
        assert_eq!(ports[0].addresses, ["192.0.2.1/24"]);
        assert_eq!(
            (ports[1].link, ports[1].role, ports[1].speed_bps),
            (Some(1), PortRole::Capture, None)
        );
        assert_eq!(
            (ports[2].link, ports[2].speed_bps, ports[2].up),
            (Some(2), Some(10_000_000_000), true)
        );
        assert_eq!(ports[2].pci.as_deref(), Some("0000:0a:00.0"));
    }

    #[test]
    fn virtio_ports_are_at_their_pci_parent() {
        let dir = tempfile::tempdir().unwrap();
        let sys = dir.path();
        card(sys, "enp0s10", "pci0000:00/0000:00:0a.0/virtio1", &[]);
        card(sys, "enp0s9", "pci0000:00/0000:00:09.0/virtio7", &[]);
        let ports = enumerate(sys, &Addresses::new());
        assert_eq!(names(&ports), ["enp0s9", "enp0s10"]);
        assert_eq!(ports[1].pci.as_deref(), Some("0000:00:0a.0"));
    }

    #[test]
    fn ports_of_one_function_are_told_apart_and_usb_comes_last() {
        let dir = tempfile::tempdir().unwrap();
        let sys = dir.path();
        card(sys, "aa_usb", "platform/usb1/1-1", &[]);
        card(sys, "p10", "pci0000:00/0000:03:00.0", &[("dev_port", "1\n")]);
        card(sys, "q9", "pci0000:00/0000:03:00.0/x", &[("dev_port", "0\n")]);
        assert_eq!(names(&enumerate(sys, &Addresses::new())), ["q9", "p10", "aa_usb"]);
    }

    #[test]
    fn a_collection_port_keeps_its_number_and_troubles_are_told() {
        let port = crate::network::tests::port;
        let mut ports = [
            port("enp0s2", "0000:00:02.0", None),
            port("enp0s3", "0000:00:03.0", Some(1)),
            port("enp0s4", "0000:00:04.0", Some(2)),
        ];
        let mut wanted = Collection::default();
        let named = |ports: &[NetworkPort], wanted: &Collection| collection(ports, wanted).map(|p| p.name.clone());
        assert_eq!(named(&ports, &wanted).as_deref(), Some("enp0s2"));
        assert_eq!(collection_trouble(&ports, &wanted), None);

        wanted.port = Some("enp0s3".to_owned());
        assign(&mut ports, &wanted);
        let roles = ports.each_ref().map(|p| (p.role, p.link));
        assert_eq!(
            roles,
            [
                (PortRole::Management, None),
                (PortRole::Collection, Some(1)),
                (PortRole::Capture, Some(2))
            ]
        );
        assert_eq!(named(&ports, &wanted).as_deref(), Some("enp0s3"));
        assert_eq!(collection_trouble(&ports, &wanted), None);

        // Cards were exchanged, and the first port has its name now.
        wanted.port = Some("enp0s2".to_owned());
        assign(&mut ports, &wanted);
        assert_eq!(ports[0].role, PortRole::Management);
        assert_eq!(named(&ports, &wanted).as_deref(), Some("enp0s2"));
        assert!(
            collection_trouble(&ports, &wanted)
                .unwrap()
                .contains("is the management port now")
        );

        wanted.port = Some("enp9s9".to_owned());
        assert_eq!(named(&ports, &wanted), None);
        assert!(
            collection_trouble(&ports, &wanted)
                .unwrap()
                .contains("enp9s9 is not there")
        );
    }

    #[test]
    fn a_missing_sysfs_has_no_ports() {
        assert!(enumerate(Path::new("/nonexistent"), &Addresses::new()).is_empty());
    }

    #[test]
    fn the_processors_near_the_capture_ports_are_those_of_their_cards_nodes() {
        let dir = tempfile::tempdir().unwrap();
        let sys = dir.path();
        for (name, bus, node) in [
            ("p1", "01", "0\n"),
            ("p2", "02", "1\n"),
            ("p3", "03", "0\n"),
            ("p4", "04", "-1\n"),
        ] {
            let device = format!("pci0000:00/0000:{bus}:00.0");
            card(sys, name, &device, &[]);
            fs::write(sys.join("devices").join(device).join("numa_node"), node).unwrap();
        }
        for (node, list) in [("node0", "0-3,8-11\n"), ("node1", "4-7,12-15\n"), ("node2", "\n")] {
            fs::create_dir_all(sys.join("devices/system/node").join(node)).unwrap();
            fs::write(sys.join("devices/system/node").join(node).join("cpulist"), list).unwrap();
        }
        let ports = enumerate(sys, &Addresses::new());
        assert_eq!(names(&ports), ["p1", "p2", "p3", "p4"]);
        let of = |from: usize, to: usize| near(sys, &ports[from..to]);
        assert_eq!(of(1, 2).as_deref(), Some("4-7,12-15"), "the first is for management");
        assert_eq!(of(1, 3), None, "node 2 has no processors: these are all");
        assert_eq!(of(2, 3).as_deref(), Some("0-3,8-11"));
        assert_eq!(of(2, 4), None, "one card does not say");
        assert_eq!(of(0, 1), None, "nothing captures");
        assert_eq!(near(&sys.join("elsewhere"), &ports), None);
    }

    #[test]
    fn a_capture_port_is_new_when_it_comes_captures_again_or_is_on_another_card() {
        let dir = tempfile::tempdir().unwrap();
        let sys = dir.path();
        for (name, bus) in [("p1", "01"), ("p2", "02"), ("p3", "03")] {
            card(sys, name, &format!("pci0000:00/0000:{bus}:00.0"), &[]);
        }
        let now = enumerate(sys, &Addresses::new());
        assert_eq!(new_captures(&[], &now), ["p2", "p3"]);
        assert_eq!(new_captures(&now, &now), [""; 0]);
        let mut before = now.clone();
        before[1].role = PortRole::Collection;
        before[2].mac = Some("02:00:00:00:00:09".to_owned());
        assert_eq!(new_captures(&before, &now), ["p2", "p3"]);
    }
}
