//! Ranges of addresses and ports, as people write them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Prefix, address_order};

/// Some addresses of one IP version: one, a network, or all from one to another. Prints as it was written, so
/// `10.0.0.0/8` and `10.0.0.0-10.255.255.255` are equal in what they contain, not as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressRange {
    /// One address.
    One(IpAddr),
    /// A network; its host bits are zero.
    Network(Prefix),
    /// From the first to the second, both included; of one version, the first not larger.
    Span(IpAddr, IpAddr),
}

/// The text is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is neither an address, nor a network such as 10.0.0.0/8, nor a range such as 10.0.0.1-10.0.0.9: {problem}"
)]
pub struct ParseAddressRangeError {
    text: String,
    problem: &'static str,
}

impl AddressRange {
    /// The smallest and the largest address.
    #[must_use]
    pub fn bounds(&self) -> (IpAddr, IpAddr) {
        match *self {
            Self::One(address) => (address, address),
            Self::Network(prefix) => (prefix.base(), prefix.last()),
            Self::Span(first, last) => (first, last),
        }
    }

    /// Whether the address is one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (first, last) = self.bounds();
        first.is_ipv4() == address.is_ipv4()
            && (address_order(first)..=address_order(last)).contains(&address_order(address))
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(address) => address.fmt(f),
            Self::Network(prefix) => prefix.fmt(f),
            Self::Span(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

impl FromStr for AddressRange {
    type Err = ParseAddressRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |problem| ParseAddressRangeError {
            text: text.to_owned(),
            problem,
        };
        let address = |text: &str| text.trim().parse::<IpAddr>();
        if let Some((first, last)) = text.split_once('-') {
            let first = address(first).map_err(|_| error("the first address cannot be read"))?;
            let last = address(last).map_err(|_| error("the last address cannot be read"))?;
            if first.is_ipv4() != last.is_ipv4() {
                return Err(error("its ends are of different IP versions"));
            }
            if first > last {
                return Err(error("it ends before it begins"));
            }
            return Ok(Self::Span(first, last));
        }
        if let Some((base, length)) = text.split_once('/') {
            let base = address(base).map_err(|_| error("its address cannot be read"))?;
            let length = length.parse().map_err(|_| error("its prefix length is no number"))?;
            return Prefix::new(base, length)
                .map(Self::Network)
                .ok_or_else(|| error("a prefix has at most 32 bits (IPv4) or 128 (IPv6)"));
        }
        address(text)
            .map(Self::One)
            .map_err(|_| error("the address cannot be read"))
    }
}

impl Serialize for AddressRange {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AddressRange {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Ports from one to another, both included. Written `443` or `8000-8099`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

/// The text is no range of ports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is neither a port from 0 to 65535 nor a range such as 8000-8099")]
pub struct ParsePortRangeError {
    text: String,
}

impl PortRange {
    /// A range; `None` where it ends before it begins.
    #[must_use]
    pub const fn new(first: u16, last: u16) -> Option<Self> {
        if first <= last {
            Some(Self { first, last })
        } else {
            None
        }
    }

    /// The smallest port.
    #[must_use]
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The largest port.
    #[must_use]
    pub const fn last(self) -> u16 {
        self.last
    }

    /// Whether the port is one of them.
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { first, last } if first == last => first.fmt(f),
            Self { first, last } => write!(f, "{first}-{last}"),
        }
    }
}

impl FromStr for PortRange {
    type Err = ParsePortRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let ports = first.trim().parse().ok().zip(last.trim().parse().ok());
        ports
            .and_then(|(first, last)| Self::new(first, last))
            .ok_or_else(|| ParsePortRangeError { text: text.to_owned() })
    }
}

impl Serialize for PortRange {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_print_as_they_were_written() {
        for text in [
            "10.0.0.1",
            "fd00::/8",
            "10.0.0.0/8",
            "10.0.0.1-10.0.0.9",
            "fd00::1-fd00::9",
        ] {
            assert_eq!(text.parse::<AddressRange>().unwrap().to_string(), text);
        }
        for (text, why) in [
            ("10.0.0.9-10.0.0.1", "ends before"),
            ("10.0.0.1-fd00::1", "versions"),
            ("10.0.0.0/33", "at most 32"),
            ("10.0.0", "cannot be read"),
        ] {
            let error = text.parse::<AddressRange>().unwrap_err().to_string();
            assert!(error.contains(why) && error.contains(text), "{error}");
        }
        assert_eq!("8000-8099".parse::<PortRange>().unwrap().to_string(), "8000-8099");
        assert_eq!("443".parse::<PortRange>().unwrap().to_string(), "443");
        assert!("9-8".parse::<PortRange>().is_err() && "65536".parse::<PortRange>().is_err());
    }

    #[test]
    fn a_range_has_its_ends_and_no_other_version() {
        let holds = |range: &str, address: &str| {
            let range: AddressRange = range.parse().unwrap();
            range.contains(address.parse().unwrap())
        };
        assert!(holds("10.0.0.0/8", "10.255.255.255") && !holds("10.0.0.0/8", "11.0.0.0"));
        assert!(holds("10.0.0.1-10.0.0.9", "10.0.0.9") && !holds("10.0.0.1-10.0.0.9", "10.0.0.10"));
        assert!(holds("0.0.0.0/0", "255.255.255.255") && !holds("::/0", "10.0.0.1") && holds("::/0", "::1"));
        assert!(!holds("0.0.0.0/0", "::ffff:10.0.0.1"));
    }
}
