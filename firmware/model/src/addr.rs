//! Hardware addresses, prefixes and the home network.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Direction;

/// A 48-bit IEEE 802 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MacAddr(pub [u8; 6]);

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl MacAddr {
    /// Whether the group bit is set: multicast, broadcast included.
    #[must_use]
    pub const fn is_multicast(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Whether this is ff:ff:ff:ff:ff:ff.
    #[must_use]
    pub const fn is_broadcast(self) -> bool {
        matches!(self.0, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
    }
}

/// An IPv4 or IPv6 prefix, such as 10.0.0.0/8; host bits are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    base: IpAddr,
    length: u8,
}

/// The text is no prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a network: write an address and a prefix length, such as 10.0.0.0/8 or fd00::/8")]
pub struct ParsePrefixError {
    text: String,
}

impl Prefix {
    /// A prefix; `None` where the length exceeds 32 (IPv4) or 128 (IPv6). Host bits are cleared.
    #[must_use]
    pub fn new(addr: IpAddr, length: u8) -> Option<Self> {
        let base = match addr {
            IpAddr::V4(v4) if length <= 32 => IpAddr::V4((u32::from(v4) & mask32(length)).into()),
            IpAddr::V6(v6) if length <= 128 => IpAddr::V6((u128::from(v6) & mask128(length)).into()),
            _ => return None,
        };
        Some(Self { base, length })
    }

    /// Its first address.
    #[must_use]
    pub const fn base(&self) -> IpAddr {
        self.base
    }

    /// Its last address.
    #[must_use]
    pub fn last(&self) -> IpAddr {
        match self.base {
            IpAddr::V4(base) => IpAddr::V4((u32::from(base) | !mask32(self.length)).into()),
            IpAddr::V6(base) => IpAddr::V6((u128::from(base) | !mask128(self.length)).into()),
        }
    }

    /// Its length in bits.
    #[must_use]
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// Whether the address lies in the prefix.
    #[must_use]
    pub fn contains(&self, addr: IpAddr) -> bool {
        match (self.base, addr) {
            (IpAddr::V4(base), IpAddr::V4(addr)) => u32::from(addr) & mask32(self.length) == u32::from(base),
            (IpAddr::V6(base), IpAddr::V6(addr)) => u128::from(addr) & mask128(self.length) == u128::from(base),
            _ => false,
        }
    }
}

fn mask32(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0)
}

fn mask128(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.length)
    }
}

impl FromStr for Prefix {
    type Err = ParsePrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = match text.split_once('/') {
            Some((addr, length)) => addr.parse().ok().zip(length.parse().ok()),
            None => text
                .parse::<IpAddr>()
                .ok()
                .map(|addr| (addr, if addr.is_ipv4() { 32 } else { 128 })),
        };
        parsed
            .and_then(|(addr, length)| Self::new(addr, length))
            .ok_or_else(|| ParsePrefixError { text: text.to_owned() })
    }
}

impl Serialize for Prefix {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The networks that count as inside: traffic towards them is "in", from them "out".
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HomeNetworks(Vec<Prefix>);

impl HomeNetworks {
    /// From a list of prefixes.
    #[must_use]
    pub fn new(prefixes: Vec<Prefix>) -> Self {
        Self(prefixes)
    }

    /// The private networks of RFC 1918, RFC 4193 and the link-local ones: the default.
    #[must_use]
    pub fn private() -> Self {
        let all = [
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "fc00::/7",
            "fe80::/10",
        ];
        Self(all.iter().filter_map(|p| p.parse().ok()).collect())
    }

    /// The prefixes.
    #[must_use]
    pub fn prefixes(&self) -> &[Prefix] {
        &self.0
    }

    /// Whether the address belongs to a home network.
    #[must_use]
    pub fn contains(&self, addr: IpAddr) -> bool {
        self.0.iter().any(|p| p.contains(addr))
    }

    /// The direction of a packet from `src` to `dst`. A group address (multicast, broadcast) is
    /// where its sender is: from home it is internal, from outside it comes in.
    #[must_use]
    pub fn direction(&self, src: IpAddr, dst: IpAddr) -> Direction {
        let group = dst.is_multicast() || matches!(dst, IpAddr::V4(v4) if v4.is_broadcast());
        match (self.contains(src), group || self.contains(dst)) {
            (false, true) => Direction::In,
            (true, false) => Direction::Out,
            (true, true) => Direction::Internal,
            (false, false) => Direction::External,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn prefixes_hold_their_addresses_and_no_others() {
        let p: Prefix = "10.1.2.3/8".parse().unwrap();
        assert_eq!(p.to_string(), "10.0.0.0/8");
        assert!(p.contains(ip("10.255.255.255")) && !p.contains(ip("11.0.0.0")) && !p.contains(ip("::a00:1")));
        let all: Prefix = "::/0".parse().unwrap();
        assert!(all.contains(ip("ff02::1")) && !all.contains(ip("1.2.3.4")));
        let one: Prefix = "192.0.2.7".parse().unwrap();
        assert!(one.contains(ip("192.0.2.7")) && !one.contains(ip("192.0.2.6")));
        for bad in ["10.0.0.0/33", "::/129", "ten/8", "10.0.0.0/", ""] {
            assert!(bad.parse::<Prefix>().is_err(), "{bad}");
        }
    }

    #[test]
    fn directions_are_relative_to_home() {
        let home = HomeNetworks::private();
        assert_eq!(home.direction(ip("8.8.8.8"), ip("10.0.0.1")), Direction::In);
        assert_eq!(home.direction(ip("10.0.0.1"), ip("8.8.8.8")), Direction::Out);
        assert_eq!(home.direction(ip("10.0.0.1"), ip("192.168.1.1")), Direction::Internal);
        assert_eq!(home.direction(ip("1.1.1.1"), ip("8.8.8.8")), Direction::External);
        assert_eq!(home.direction(ip("fe80::1"), ip("ff02::1")), Direction::Internal);
        assert_eq!(
            home.direction(ip("10.0.0.1"), ip("255.255.255.255")),
            Direction::Internal
        );
    }
}
