//! Values that commands take.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::Prefix;
use settings::hostname_problem;

use crate::lang::Text;

/// A kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A length of time, 1 s to 31 days.
    Seconds,
    /// A number of rows, 1–1000.
    Count,
    /// A host name.
    Name,
    /// An IPv4 address with its prefix length.
    Host4,
    /// An IPv6 address with its prefix length.
    Host6,
    /// An IPv4 address.
    Address4,
    /// An IPv6 address.
    Address6,
    /// An address of either version.
    Address,
    /// A network.
    Network,
    /// A network port's name.
    Port,
    /// A speed in bit/s, such as `10G`.
    Speed,
    /// Anything that prints.
    Text,
}

impl Kind {
    /// The name in usage lines.
    pub(crate) const fn placeholder(self) -> &'static str {
        match self {
            Self::Seconds => "SECONDS",
            Self::Count => "COUNT",
            Self::Name => "NAME",
            Self::Host4 => "ADDRESS4/LENGTH",
            Self::Host6 => "ADDRESS6/LENGTH",
            Self::Address4 => "ADDRESS4",
            Self::Address6 => "ADDRESS6",
            Self::Address => "ADDRESS",
            Self::Network => "NETWORK",
            Self::Port => "PORT",
            Self::Speed => "SPEED",
            Self::Text => "TEXT",
        }
    }

    /// Every kind.
    pub(crate) const ALL: [Self; 12] = [
        Self::Seconds,
        Self::Count,
        Self::Name,
        Self::Host4,
        Self::Host6,
        Self::Address4,
        Self::Address6,
        Self::Address,
        Self::Network,
        Self::Port,
        Self::Speed,
        Self::Text,
    ];

    /// What it is, with an example.
    pub(crate) const fn describe(self) -> Text {
        match self {
            Self::Seconds => ("seconds, 1 to 2678400, such as 300", "秒数，1 到 2678400，例如 300"),
            Self::Count => ("a number of rows, 1 to 1000", "行数，1 到 1000"),
            Self::Name => (
                "letters, digits and hyphens, at most 63",
                "字母、数字和连字符，最多 63 个",
            ),
            Self::Host4 => (
                "an IPv4 address and its prefix length, such as 192.0.2.10/24",
                "IPv4 地址和前缀长度，例如 192.0.2.10/24",
            ),
            Self::Host6 => (
                "an IPv6 address and its prefix length, such as 2001:db8::10/64",
                "IPv6 地址和前缀长度，例如 2001:db8::10/64",
            ),
            Self::Address4 => ("an IPv4 address, such as 192.0.2.1", "IPv4 地址，例如 192.0.2.1"),
            Self::Address6 => ("an IPv6 address, such as fe80::1", "IPv6 地址，例如 fe80::1"),
            Self::Address => ("an IPv4 or IPv6 address", "IPv4 或 IPv6 地址"),
            Self::Network => (
                "a network, such as 10.0.0.0/8 or fd00::/8",
                "网络，例如 10.0.0.0/8 或 fd00::/8",
            ),
            Self::Port => ("a port's name; see `show ports`", "端口名称，参见 show ports"),
            Self::Speed => (
                "bits per second, such as 100M, 1G or 2.5G",
                "每秒比特数，例如 100M、1G 或 2.5G",
            ),
            Self::Text => ("text; quotes keep spaces", "文字；用引号保留空格"),
        }
    }

    /// Whether a word is such a value.
    pub(crate) fn accepts(self, word: &str) -> bool {
        let host = |word: &str, most: u8| {
            let (address, length) = word.split_once('/')?;
            let length = length.parse::<u8>().ok().filter(|l| (1..=most).contains(l))?;
            Some((address.parse::<IpAddr>().ok()?, length))
        };
        match self {
            Self::Seconds => word.parse::<u32>().is_ok_and(|n| (1..=2_678_400).contains(&n)),
            Self::Count => word.parse::<u32>().is_ok_and(|n| (1..=1_000).contains(&n)),
            Self::Name => hostname_problem(word).is_none(),
            Self::Host4 => host(word, 32).is_some_and(|(address, _)| address.is_ipv4()),
            Self::Host6 => host(word, 128).is_some_and(|(address, _)| address.is_ipv6()),
            Self::Address4 => word.parse::<Ipv4Addr>().is_ok(),
            Self::Address6 => word.parse::<Ipv6Addr>().is_ok(),
            Self::Address => word.parse::<IpAddr>().is_ok(),
            Self::Network => word.parse::<Prefix>().is_ok(),
            Self::Port => (1..=15).contains(&word.len()) && !word.contains(['/', ' ']),
            Self::Speed => speed(word).is_some(),
            Self::Text => !word.chars().any(char::is_control),
        }
    }
}

/// A speed in bit/s: a number with K, M, G or T (powers of 1000).
pub(crate) fn speed(word: &str) -> Option<u64> {
    let word = word.strip_suffix("bps").unwrap_or(word);
    let (digits, factor) = match word.char_indices().next_back()? {
        (at, 'k' | 'K') => (word.get(..at)?, 1_000),
        (at, 'm' | 'M') => (word.get(..at)?, 1_000_000),
        (at, 'g' | 'G') => (word.get(..at)?, 1_000_000_000),
        (at, 't' | 'T') => (word.get(..at)?, 1_000_000_000_000),
        _ => (word, 1),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if fraction.len() > 3
        || (digits.contains('.') && fraction.is_empty())
        || !fraction.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let thousandths: u64 = format!("{fraction:0<3}").parse().ok()?;
    let value = whole
        .parse::<u64>()
        .ok()?
        .checked_mul(1_000)?
        .checked_add(thousandths)?
        .checked_mul(factor)?
        / 1_000;
    (value > 0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_powers_of_a_thousand() {
        assert_eq!(speed("10G"), Some(10_000_000_000));
        assert_eq!(speed("2.5g"), Some(2_500_000_000));
        assert_eq!(speed("64"), Some(64));
        for bad in ["", "G", "0", "1.G", "1.2345M", "-1", "99999999999T", "1X", "１G"] {
            assert_eq!(speed(bad), None, "{bad}");
        }
    }

    #[test]
    fn kinds_accept_what_they_say() {
        assert!(
            Kind::Host4.accepts("192.0.2.10/24")
                && !Kind::Host4.accepts("192.0.2.10")
                && !Kind::Host4.accepts("::1/64")
        );
        assert!(Kind::Host6.accepts("2001:db8::10/64") && !Kind::Host6.accepts("2001:db8::10/129"));
        assert!(Kind::Seconds.accepts("300") && !Kind::Seconds.accepts("0"));
        assert!(Kind::Text.accepts("核心交换机 1/0/24") && !Kind::Text.accepts("a\u{1b}[2J"));
    }
}
