//! Applications.

mod table;

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use self::table::{APPS, CHINESE};

/// The number of an application; 0 is "unknown". Numbers are stable over versions: they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct App(u16);

impl App {
    /// Not known.
    pub const UNKNOWN: App = App(0);

    const SCTP: App = App::named("sctp");
    const PGM: App = App::named("pgm");

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
        static NUMBERS: LazyLock<HashMap<&'static str, u16>> =
            LazyLock::new(|| APPS.iter().map(|(number, name, ..)| (*name, *number)).collect());
        NUMBERS.get(name).copied().map(Self)
    }

    /// The firmware's application of a name, for constants: a name that the firmware does not know does not compile
    /// there.
    ///
    /// # Panics
    /// Where the name is not known, outside of constants.
    #[must_use]
    pub const fn named(name: &'static str) -> Self {
        let mut at = 0;
        while at < APPS.len() {
            let (number, known, ..) = APPS[at];
            if is_same(known.as_bytes(), name.as_bytes()) {
                return Self(number);
            }
            at += 1;
        }
        panic!("no application of the firmware has this name")
    }

    /// All applications that the firmware knows, `unknown` not among them.
    pub fn known() -> impl Iterator<Item = Self> {
        APPS.iter().map(|(number, ..)| Self(*number))
    }

    /// The application that the IANA registry gives to the protocol and one of the ports. Where both have one, the system
    /// port (below 1024) decides, else the destination, since that is where a server listens. A look-up in a table.
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
            113 => return Self::PGM,
            _ => return Self::UNKNOWN,
        };
        let of = |port: u16| table.get(usize::from(port)).copied().unwrap_or(0);
        match (of(dst_port), of(src_port)) {
            (0, 0) if protocol == 132 => Self::SCTP,
            (0, by_src) => Self(by_src),
            (_, by_src) if by_src != 0 && src_port < 1_024 && dst_port >= 1_024 => Self(by_src),
            (by_dst, _) => Self(by_dst),
        }
    }

    /// The name, lower case, as the filter language writes it; `None` for a number not known here.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        if self == Self::UNKNOWN {
            return Some("unknown");
        }
        static NAMES: LazyLock<Vec<Option<&'static str>>> = LazyLock::new(names);
        NAMES.get(usize::from(self.0)).copied().flatten()
    }

    /// What people in China call it, where that is not its [`name`](Self::name): 微信 for `wechat`.
    #[must_use]
    pub fn chinese_name(self) -> Option<&'static str> {
        let name = self.name()?;
        CHINESE.iter().find(|(of, _)| *of == name).map(|(_, chinese)| *chinese)
    }
}

/// Whether two names are one: `==` of slices is not for constants.
const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

/// The names by number.
fn names() -> Vec<Option<&'static str>> {
    let highest = APPS.iter().map(|(number, ..)| *number).max().unwrap_or_default();
    let mut names = vec![None; usize::from(highest) + 1];
    for (number, name, ..) in APPS {
        names[usize::from(*number)] = Some(*name);
    }
    names
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
        assert_eq!(App::by_port(6, 443, 3_306).to_string(), "https");
        assert_eq!(App::by_port(6, 8_443, 3_306).to_string(), "mysql");
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
                let none = if protocol == 132 { App::SCTP } else { App::UNKNOWN };
                let system = find(other).filter(|_| other < 1_024 && port >= 1_024);
                let naive = system.or_else(|| find(port)).or_else(|| find(other)).unwrap_or(none);
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

    #[test]
    fn names_and_numbers_lead_to_each_other() {
        for (number, name, ..) in APPS {
            let app = App(*number);
            assert_eq!((app.name(), App::by_name(name)), (Some(*name), Some(app)));
            assert_eq!(App::named(name), app);
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
            assert!(name.len() <= 32 && name.chars().all(plain), "{name}");
            assert!(*number != 0 && *number < App::DEFINED, "{number}");
        }
        assert_eq!((App::by_name("unknown"), App::by_name("")), (Some(App::UNKNOWN), None));
        assert_eq!((App(u16::MAX).name(), App(199).name()), (None, Some("battlenet")));
    }

    #[test]
    fn numbers_that_are_stored_do_not_move() {
        let stored = [
            (1, "dns"),
            (59, "msrpc"),
            (60, "tls"),
            (200, "icmp"),
            (210, "eigrp"),
            (253, "wechat"),
        ];
        for (number, name) in stored {
            assert_eq!(App(number).name(), Some(name));
        }
    }

    #[test]
    fn chinese_names_are_of_applications_and_said_once() {
        let mut seen = std::collections::BTreeSet::new();
        for (name, chinese) in CHINESE {
            let app = App::by_name(name).expect(name);
            assert_eq!(app.chinese_name(), Some(*chinese));
            assert!(seen.insert(name) && seen.insert(chinese), "{name}");
        }
        assert_eq!(App::by_name("ssh").and_then(App::chinese_name), None);
    }
}
