//! Applications.

use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// The number of an application; 0 is "unknown". Numbers are stable over versions: they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct App(u16);

/// (number, name, IP protocols 6/17/132 as given by `t`, `u`, `s`, ports). New entries go at the end of the numbering.
const APPS: &[(u16, &str, &str, &[u16])] = &[
    (1, "dns", "tu", &[53]),
    (2, "http", "t", &[80, 8080, 8000, 8008, 8888, 3128]),
    (3, "https", "t", &[443, 8443]),
    (4, "quic", "u", &[443]),
    (5, "ssh", "t", &[22]),
    (6, "ftp", "t", &[21, 20]),
    (7, "telnet", "t", &[23]),
    (8, "smtp", "t", &[25, 465, 587]),
    (9, "pop3", "t", &[110, 995]),
    (10, "imap", "t", &[143, 993]),
    (11, "ntp", "u", &[123]),
    (12, "snmp", "u", &[161, 162]),
    (13, "syslog", "u", &[514]),
    (14, "dhcp", "u", &[67, 68]),
    (15, "dhcpv6", "u", &[546, 547]),
    (16, "tftp", "u", &[69]),
    (17, "ldap", "tu", &[389, 636, 3268, 3269]),
    (18, "kerberos", "tu", &[88]),
    (19, "smb", "t", &[445]),
    (20, "netbios", "tu", &[137, 138, 139]),
    (21, "rdp", "tu", &[3389]),
    (22, "vnc", "t", &[5900, 5901]),
    (23, "mysql", "t", &[3306]),
    (24, "postgresql", "t", &[5432]),
    (25, "oracle", "t", &[1521]),
    (26, "mssql", "t", &[1433]),
    (27, "redis", "t", &[6379]),
    (28, "mongodb", "t", &[27017]),
    (29, "kafka", "t", &[9092]),
    (30, "mqtt", "t", &[1883, 8883]),
    (31, "modbus", "t", &[502]),
    (32, "sip", "tu", &[5060, 5061]),
    (33, "rtsp", "t", &[554]),
    (34, "stun", "u", &[3478]),
    (35, "mdns", "u", &[5353]),
    (36, "llmnr", "u", &[5355]),
    (37, "ssdp", "u", &[1900]),
    (38, "nfs", "tu", &[2049]),
    (39, "rpcbind", "tu", &[111]),
    (40, "bgp", "t", &[179]),
    (41, "ipsec", "u", &[500, 4500]),
    (42, "openvpn", "tu", &[1194]),
    (43, "wireguard", "u", &[51820]),
    (44, "l2tp", "u", &[1701]),
    (45, "pptp", "t", &[1723]),
    (46, "radius", "u", &[1812, 1813]),
    (47, "vxlan", "u", &[4789]),
    (48, "netflow", "u", &[2055, 9995]),
    (49, "ipfix", "u", &[4739]),
    (50, "sflow", "u", &[6343]),
    (51, "bittorrent", "tu", &[6881]),
    (52, "elasticsearch", "t", &[9200, 9300]),
    (53, "memcached", "tu", &[11211]),
    (54, "gtp", "u", &[2152, 2123]),
    (55, "bfd", "u", &[3784]),
    (56, "rip", "u", &[520]),
    (57, "dns-over-tls", "t", &[853]),
    (58, "winrm", "t", &[5985, 5986]),
    (59, "msrpc", "t", &[135]),
    // Known by the IP protocol alone.
    (200, "icmp", "", &[]),
    (201, "icmpv6", "", &[]),
    (202, "igmp", "", &[]),
    (203, "ospf", "", &[]),
    (204, "vrrp", "", &[]),
    (205, "esp", "", &[]),
    (206, "ah", "", &[]),
    (207, "gre", "", &[]),
    (208, "ipip", "", &[]),
    (209, "pim", "", &[]),
    (210, "eigrp", "", &[]),
];

impl App {
    /// Not known.
    pub const UNKNOWN: App = App(0);

    /// The number that is stored.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// From a stored number; a number of a later version stays what it is and prints as `app-N`.
    #[must_use]
    pub const fn from_number(number: u16) -> Self {
        Self(number)
    }

    /// Numbers above this are applications that an administrator defined.
    const DEFINED: u16 = 0x8000;

    /// The application that an administrator defined under this number; `None` beyond 1–32,767.
    #[must_use]
    pub fn defined(number: u32) -> Option<Self> {
        let number = u16::try_from(number).ok().filter(|n| (1..Self::DEFINED).contains(n))?;
        Some(Self(Self::DEFINED + number))
    }

    /// The number of the definition, of an application that an administrator defined.
    #[must_use]
    pub const fn definition(self) -> Option<u32> {
        match self.0.checked_sub(Self::DEFINED) {
            None | Some(0) => None,
            Some(number) => Some(number as u32),
        }
    }

    /// The firmware's application of a name, `unknown` included.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        if name == "unknown" {
            return Some(Self::UNKNOWN);
        }
        APPS.iter()
            .find(|(_, n, ..)| *n == name)
            .map(|(number, ..)| Self(*number))
    }

    /// All applications that the firmware knows, `unknown` not among them.
    pub fn known() -> impl Iterator<Item = Self> {
        APPS.iter().map(|(number, ..)| Self(*number))
    }

    /// The application that the IANA registry gives to the protocol and one of the ports: the
    /// destination's first, since that is where a server listens. A look-up in a table.
    #[inline]
    #[must_use]
    pub fn by_port(protocol: u8, src_port: u16, dst_port: u16) -> Self {
        static TCP: LazyLock<Vec<u16>> = LazyLock::new(|| by_ports('t'));
        static UDP: LazyLock<Vec<u16>> = LazyLock::new(|| by_ports('u'));
        static SCTP: LazyLock<Vec<u16>> = LazyLock::new(|| by_ports('s'));
        let table = match protocol {
            6 => &*TCP,
            17 => &*UDP,
            132 => &*SCTP,
            1 => return Self(200),
            58 => return Self(201),
            2 => return Self(202),
            89 => return Self(203),
            112 => return Self(204),
            50 => return Self(205),
            51 => return Self(206),
            47 => return Self(207),
            4 | 41 => return Self(208),
            103 => return Self(209),
            88 => return Self(210),
            _ => return Self::UNKNOWN,
        };
        let of = |port: u16| table.get(usize::from(port)).copied().unwrap_or(0);
        match (of(dst_port), of(src_port)) {
            (0, by_src) => Self(by_src),
            (by_dst, _) => Self(by_dst),
        }
    }

    /// The name, lower case, as the filter language writes it; `None` for a number not known here.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        if self == Self::UNKNOWN {
            return Some("unknown");
        }
        APPS.iter()
            .find(|(number, ..)| *number == self.0)
            .map(|(_, name, ..)| *name)
    }
}

/// The number of the application of each port, as far as any has one: a flow has no time for a search.
fn by_ports(transport: char) -> Vec<u16> {
    let highest = APPS.iter().flat_map(|(.., ports)| ports.iter()).max();
    let mut table = vec![0; highest.map_or(0, |port| usize::from(*port) + 1)];
    // The first application that names a port has it.
    for (number, _, transports, ports) in APPS.iter().rev() {
        for port in ports.iter().filter(|_| transports.contains(transport)) {
            table[usize::from(*port)] = *number;
        }
    }
    table
}

impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "app-{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_side_port_decides_first() {
        assert_eq!(App::by_port(6, 22, 443).to_string(), "https");
        assert_eq!(App::by_port(6, 443, 50_000).to_string(), "https");
        assert_eq!(App::by_port(17, 50_000, 443).to_string(), "quic");
        assert_eq!(App::by_port(6, 50_000, 50_001), App::UNKNOWN);
        assert_eq!(App::by_port(58, 0, 0).to_string(), "icmpv6");
        assert_eq!(App::from_number(9_999).to_string(), "app-9999");
    }

    #[test]
    fn the_tables_say_what_the_list_says() {
        for (protocol, transport) in [(6, 't'), (17, 'u'), (132, 's')] {
            let find = |port: u16| {
                let found = APPS
                    .iter()
                    .find(|(_, _, t, ports)| t.contains(transport) && ports.contains(&port));
                found.map(|(number, ..)| App(*number))
            };
            for port in 0..=u16::MAX {
                let other = port.rotate_left(5) ^ 443;
                let naive = find(port).or_else(|| find(other)).unwrap_or(App::UNKNOWN);
                assert_eq!(App::by_port(protocol, other, port), naive, "{protocol} {other} {port}");
            }
        }
        assert_eq!(App::by_port(200, 53, 53), App::UNKNOWN);
    }

    #[test]
    fn numbers_and_names_are_unique() {
        let mut numbers: Vec<_> = APPS.iter().map(|a| a.0).collect();
        let mut names: Vec<_> = APPS.iter().map(|a| a.1).collect();
        numbers.sort_unstable();
        names.sort_unstable();
        numbers.dedup();
        names.dedup();
        assert_eq!((numbers.len(), names.len()), (APPS.len(), APPS.len()));
    }
}
