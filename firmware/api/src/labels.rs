//! The names that people know things by: links, interfaces, objects.

use std::collections::HashMap;

use model::{App, Direction, EndReason, InterfaceId, Key, KeyValue, LinkId, Objects};

/// Names by number. What has none is shown by its number.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    links: HashMap<LinkId, String>,
    interfaces: HashMap<InterfaceId, String>,
    objects: Objects,
}

impl Labels {
    /// Of names: an empty one is none.
    #[must_use]
    pub fn new(
        links: impl IntoIterator<Item = (LinkId, String)>,
        interfaces: impl IntoIterator<Item = (InterfaceId, String)>,
        objects: Objects,
    ) -> Self {
        Self {
            links: links.into_iter().collect(),
            interfaces: interfaces.into_iter().collect(),
            objects,
        }
    }

    /// A link's name.
    #[must_use]
    pub fn link(&self, link: LinkId) -> String {
        match self.links.get(&link).filter(|name| !name.is_empty()) {
            Some(name) => name.clone(),
            None => match link.exporter() {
                Some(number) => format!("exporter {number}"),
                None => format!("port {link}"),
            },
        }
    }

    /// An application's name.
    #[must_use]
    pub fn app(&self, app: App) -> String {
        self.objects
            .app_name(app)
            .map_or_else(|| app.to_string(), str::to_owned)
    }

    /// An interface's name, after its exporter's.
    #[must_use]
    pub fn interface(&self, interface: InterfaceId) -> String {
        let name = self.interfaces.get(&interface).filter(|name| !name.is_empty());
        let name = name.cloned().unwrap_or_else(|| interface.index.to_string());
        format!("{}:{name}", self.link(interface.exporter))
    }

    fn object(&self, key: Key, number: u32) -> String {
        let objects = &self.objects;
        let name = match key {
            Key::Business => objects.businesses.get(&number).map(|o| &o.name),
            Key::IpGroup | Key::SrcGroup | Key::DstGroup => objects.ip_groups.get(&number).map(|o| &o.name),
            Key::LinkGroup => objects.link_groups.get(&number).map(|o| &o.name),
            Key::InterfaceGroup => objects.interface_groups.get(&number).map(|o| &o.name),
            _ => None,
        };
        name.cloned().unwrap_or_else(|| format!("#{number}"))
    }

    /// A value of a key in words; empty where a record has none.
    #[must_use]
    pub fn value(&self, key: Key, value: &KeyValue) -> String {
        match value {
            KeyValue::None => String::new(),
            KeyValue::Address(address) => address.to_string(),
            KeyValue::Conversation(both) => format!("{} - {}", both.low(), both.high()),
            KeyValue::Network(network) => network.to_string(),
            KeyValue::Number(number) => number_of(key, *number),
            KeyValue::App(app) => self.app(*app),
            KeyValue::Object(number) => self.object(key, *number),
            KeyValue::Link(link) => self.link(*link),
            KeyValue::Interface(interface) => self.interface(*interface),
            KeyValue::Mac(mac) => mac.to_string(),
            KeyValue::Direction(direction) => direction_word(*direction).to_owned(),
            KeyValue::Country(letters) => String::from_utf8_lossy(letters).into_owned(),
            KeyValue::EndReason(reason) => reason_word(*reason).to_owned(),
            KeyValue::Text(text) => text.to_string(),
        }
    }
}

/// Names of IP protocols (IANA protocol-numbers).
pub const PROTOCOLS: &[(u8, &str)] = &[
    (0, "HOPOPT"),
    (1, "ICMP"),
    (2, "IGMP"),
    (4, "IPv4 (IPIP)"),
    (6, "TCP"),
    (17, "UDP"),
    (33, "DCCP"),
    (41, "IPv6 (6in4)"),
    (43, "IPv6-Route"),
    (44, "IPv6-Frag"),
    (46, "RSVP"),
    (47, "GRE"),
    (50, "ESP"),
    (51, "AH"),
    (58, "ICMPv6"),
    (59, "IPv6-NoNxt"),
    (60, "IPv6-Opts"),
    (88, "EIGRP"),
    (89, "OSPF"),
    (97, "EtherIP"),
    (103, "PIM"),
    (108, "IPComp"),
    (112, "VRRP"),
    (115, "L2TP"),
    (132, "SCTP"),
    (136, "UDPLite"),
    (137, "MPLS-in-IP"),
];

/// The name of an IP protocol; `IP protocol N` where it has none here.
#[must_use]
pub fn protocol(number: u8) -> String {
    match PROTOCOLS.iter().find(|(n, _)| *n == number) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("IP protocol {number}"),
    }
}

fn number_of(key: Key, number: u64) -> String {
    match key {
        Key::Protocol => u8::try_from(number).map_or_else(|_| number.to_string(), protocol),
        Key::TcpFlags => u8::try_from(number).map_or_else(|_| number.to_string(), flags),
        Key::PacketSize => {
            let classes = ["0-64", "65-128", "129-256", "257-512", "513-1024", "1025-1518", "1519-"];
            let class = usize::try_from(number).ok().and_then(|n| classes.get(n));
            class.map_or_else(|| number.to_string(), |text| (*text).to_owned())
        }
        _ => number.to_string(),
    }
}

/// TCP flags as letters, the highest bit first: `CEUAPRSF`.
#[must_use]
pub fn flags(bits: u8) -> String {
    let letters = ['C', 'E', 'U', 'A', 'P', 'R', 'S', 'F'];
    let set = letters.into_iter().enumerate().filter(|(n, _)| bits & (0x80 >> n) != 0);
    set.map(|(_, letter)| letter).collect()
}

/// The direction as JSON writes it.
#[must_use]
pub const fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
        Direction::Internal => "internal",
        Direction::External => "external",
        Direction::Unknown => "unknown",
    }
}

/// The end reason as JSON writes it.
#[must_use]
pub const fn reason_word(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Idle => "idle",
        EndReason::Active => "active",
        EndReason::EndOfFlow => "end_of_flow",
        EndReason::Forced => "forced",
        EndReason::LackOfResources => "lack_of_resources",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_name_is_shown_by_its_number() {
        let interface = InterfaceId {
            exporter: LinkId::of_exporter(3),
            index: 17,
        };
        let none = Labels::default();
        assert_eq!(none.interface(interface), "exporter 3:17");
        let link = (LinkId::of_exporter(3), "core".to_owned());
        let labels = Labels::new([link], [(interface, "Gi0/1".to_owned())], Objects::default());
        assert_eq!(labels.interface(interface), "core:Gi0/1");
        assert_eq!(labels.value(Key::Link, &KeyValue::Link(LinkId(2))), "port 2");
        assert_eq!(labels.value(Key::Business, &KeyValue::Object(4)), "#4");
        assert_eq!(labels.value(Key::Protocol, &KeyValue::Number(6)), "TCP");
        assert_eq!(labels.value(Key::DstPort, &KeyValue::Number(443)), "443");
        assert_eq!(labels.value(Key::TcpFlags, &KeyValue::Number(0x12)), "AS");
        assert_eq!(labels.value(Key::PacketSize, &KeyValue::Number(6)), "1519-");
        assert_eq!(labels.value(Key::DstCountry, &KeyValue::Country(*b"CN")), "CN");
    }
}
