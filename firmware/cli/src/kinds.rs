//! Values that commands take.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use model::{AddressRange, PortRange, Prefix};
use settings::hostname_problem;

use crate::lang::Text;
use crate::{keys, when};

/// A kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A length of time, 1 s to 31 days: seconds, or a number with s, m, h or d.
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
    /// An exporter's name.
    Exporter,
    /// Addresses with commas between.
    Addresses,
    /// A sampling rate, or `auto`.
    Rate,
    /// The name of SNMP credentials.
    Credentials,
    /// How grave a log record is.
    Severity,
    /// How SNMPv3 messages are authenticated.
    Authentication,
    /// How SNMPv3 messages are encrypted.
    Privacy,
    /// An application's name.
    Application,
    /// A business's name.
    Business,
    /// An IP group's name.
    IpGroup,
    /// An interface group's name.
    InterfaceGroup,
    /// A link group's name.
    LinkGroup,
    /// The name of any of these.
    Object,
    /// An IP protocol by its name or number, or `any`.
    Protocol,
    /// Ports with commas between.
    Ports,
    /// Ranges of addresses with commas between.
    Ranges,
    /// An interface of an exporter.
    Interface,
    /// A capture port or an exporter.
    Link,
    /// How long something is kept.
    Age,
    /// How much is kept.
    Gigabytes,
    /// A share of the disk.
    Percent,
    /// Keys of records with commas between.
    Keys,
    /// What weighs.
    Measure,
    /// An order of records.
    Order,
    /// A filter.
    Filter,
    /// A length of time, to ten years.
    Span,
    /// A time.
    Time,
    /// Links: `ports`, `exporters`, or one.
    Scope,
    /// A number of rows, 0–99,999.
    Rows,
    /// An address or a network.
    Client,
    /// An address or a network, perhaps with a port.
    Server,
    /// How much is shown of each.
    View,
    /// A number of capture rings.
    Rings,
    /// A bay's number.
    Bay,
    /// A drive: its bay's number, or its name.
    Disk,
    /// An alarm's number, or a hardware alarm's name.
    Alarm,
    /// A VLAN's number.
    Vlan,
    /// What servers are ordered by.
    Figure,
    /// Where a firmware bundle is.
    Bundle,
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
            Self::Exporter => "EXPORTER",
            Self::Addresses => "ADDRESS,...",
            Self::Rate => "RATE",
            Self::Credentials => "CREDENTIALS",
            Self::Severity => "SEVERITY",
            Self::Authentication => "AUTHENTICATION",
            Self::Privacy => "PRIVACY",
            Self::Application => "APPLICATION",
            Self::Business => "BUSINESS",
            Self::IpGroup => "GROUP",
            Self::InterfaceGroup => "INTERFACE-GROUP",
            Self::LinkGroup => "LINK-GROUP",
            Self::Object => "OBJECT",
            Self::Protocol => "PROTOCOL",
            Self::Ports => "PORT,...",
            Self::Ranges => "RANGE,...",
            Self::Interface => "INTERFACE",
            Self::Link => "LINK",
            Self::Age => "AGE",
            Self::Gigabytes => "GB",
            Self::Percent => "PERCENT",
            Self::Keys => "KEY,...",
            Self::Measure => "MEASURE",
            Self::Order => "ORDER",
            Self::Filter => "FILTER",
            Self::Span => "SPAN",
            Self::Time => "TIME",
            Self::Scope => "SCOPE",
            Self::Rows => "ROWS",
            Self::Client => "CLIENT",
            Self::Server => "SERVER",
            Self::View => "VIEW",
            Self::Rings => "RINGS",
            Self::Bay => "BAY",
            Self::Disk => "DISK",
            Self::Alarm => "ALARM",
            Self::Vlan => "VLAN",
            Self::Figure => "FIGURE",
            Self::Bundle => "BUNDLE",
            Self::Text => "TEXT",
        }
    }

    /// Every kind.
    pub(crate) const ALL: [Self; 51] = [
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
        Self::Exporter,
        Self::Addresses,
        Self::Rate,
        Self::Credentials,
        Self::Severity,
        Self::Authentication,
        Self::Privacy,
        Self::Application,
        Self::Business,
        Self::IpGroup,
        Self::InterfaceGroup,
        Self::LinkGroup,
        Self::Object,
        Self::Protocol,
        Self::Ports,
        Self::Ranges,
        Self::Interface,
        Self::Link,
        Self::Age,
        Self::Gigabytes,
        Self::Percent,
        Self::Keys,
        Self::Measure,
        Self::Order,
        Self::Filter,
        Self::Span,
        Self::Time,
        Self::Scope,
        Self::Rows,
        Self::Client,
        Self::Server,
        Self::View,
        Self::Rings,
        Self::Bay,
        Self::Disk,
        Self::Alarm,
        Self::Vlan,
        Self::Figure,
        Self::Bundle,
        Self::Text,
    ];

    /// What it is, with an example.
    pub(crate) const fn describe(self) -> Text {
        match self {
            Self::Seconds => (
                "seconds, or 30s, 5m, 2h, 7d; at most 31 days",
                "秒数，或 30s、5m、2h、7d，最长 31 天",
            ),
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
            Self::Exporter => (
                "an exporter's name; see `show exporters`",
                "网元名称，参见 show exporters",
            ),
            Self::Addresses => (
                "the addresses that it sends from, such as 192.0.2.1,2001:db8::1",
                "网元发送数据所用的地址，例如 192.0.2.1,2001:db8::1",
            ),
            Self::Rate => (
                "one packet in so many is sampled, 1 to 16777216; auto: as the exporter says",
                "采样率：每多少个包取 1 个，1 到 16777216；auto 由网元告知",
            ),
            Self::Credentials => (
                "the name of SNMP credentials; see `show collection`",
                "SNMP 凭据名称，参见 show collection",
            ),
            Self::Severity => (
                "emergency, alert, critical, error, warning, notice, informational or debug: at least so grave",
                "emergency、alert、critical、error、warning、notice、informational 或 debug：该级别及以上",
            ),
            Self::Authentication => (
                "md5, sha1, sha224, sha256, sha384 or sha512",
                "md5、sha1、sha224、sha256、sha384 或 sha512",
            ),
            Self::Privacy => (
                "des, aes128, aes192, aes256, aes192_cisco or aes256_cisco",
                "des、aes128、aes192、aes256、aes192_cisco 或 aes256_cisco",
            ),
            Self::Application => (
                "an application's name; see `show applications`",
                "应用名称，参见 show applications",
            ),
            Self::Business => (
                "a business's name; see `show businesses`",
                "业务名称，参见 show businesses",
            ),
            Self::IpGroup => ("an IP group's name; see `show groups`", "IP 组名称，参见 show groups"),
            Self::InterfaceGroup => (
                "an interface group's name; see `show groups`",
                "接口组名称，参见 show groups",
            ),
            Self::LinkGroup => ("a link group's name; see `show groups`", "链路组名称，参见 show groups"),
            Self::Object => (
                "its name; see `show applications`, `show businesses`, `show groups`",
                "其名称，参见 show applications、show businesses、show groups",
            ),
            Self::Protocol => (
                "tcp, udp, sctp, icmp, icmpv6, gre, esp, any, or a number of 0 to 255",
                "tcp、udp、sctp、icmp、icmpv6、gre、esp、any，或 0 到 255 的协议号",
            ),
            Self::Ports => ("ports, such as 443 or 80,8000-8099", "端口，例如 443 或 80,8000-8099"),
            Self::Ranges => (
                "addresses, such as 10.0.0.0/8,192.0.2.1-192.0.2.9,2001:db8::1",
                "地址，例如 10.0.0.0/8,192.0.2.1-192.0.2.9,2001:db8::1",
            ),
            Self::Interface => (
                "an exporter and its interface by number or name, such as core-1:17 or core-1:Gi0/1",
                "网元及其接口的编号或名称，例如 core-1:17 或 core-1:Gi0/1",
            ),
            Self::Link => (
                "a capture port or an exporter by its name; not both in a group",
                "采集口或网元的名称，同一组内不可混用",
            ),
            Self::Age => (
                "days, of seconds hours: 1 to 3650, 48 for seconds, 400 for minutes",
                "天数（秒级数据为小时数）：1 到 3650，秒级最大 48，分钟级最大 400",
            ),
            Self::Gigabytes => (
                "GB (10^9 octets), or `unlimited`",
                "GB（10^9 字节），或 unlimited 表示不限",
            ),
            Self::Percent => ("percent of the disk, 50 to 95", "磁盘百分比，50 到 95"),
            Self::Keys => (
                "1 to 8 keys such as src_ip,app: Tab lists them",
                "1 到 8 个维度，例如 src_ip,app；按 Tab 列出",
            ),
            Self::Measure => (
                "bytes, packets, flows, bytes_forward, bytes_reverse, rate or p95",
                "bytes、packets、flows、bytes_forward、bytes_reverse、rate 或 p95",
            ),
            Self::Order => (
                "end, start, duration, bytes or packets",
                "end、start、duration、bytes 或 packets",
            ),
            Self::Filter => (
                "a filter in quotes, such as \"src 10.1.0.0/16 and dport 443\": Tab completes",
                "用引号括起的过滤条件，例如 \"src 10.1.0.0/16 and dport 443\"；按 Tab 补全",
            ),
            Self::Span => (
                "a length of time: 30s, 5m, 2h, 7d or 4w",
                "时间长度：30s、5m、2h、7d 或 4w",
            ),
            Self::Time => (
                "now, -2h, 2026-11-21, \"2026-11-21 10:00\" or RFC 3339; UTC where no zone is named",
                "now、-2h、2026-11-21、\"2026-11-21 10:00\" 或 RFC 3339；未注明时区时为 UTC",
            ),
            Self::Scope => (
                "ports, exporters, or a link's name or number",
                "ports、exporters，或链路的名称或编号",
            ),
            Self::Rows => ("a number of rows, 0 to 99999", "行数，0 到 99999"),
            Self::Client => (
                "an address or a network, such as 10.0.0.11 or 10.0.0.0/8",
                "地址或网段，例如 10.0.0.11 或 10.0.0.0/8",
            ),
            Self::Server => (
                "an address or a network, perhaps with a port: 192.0.2.1:443, [2001:db8::1]:443",
                "地址或网段，可带端口：192.0.2.1:443、[2001:db8::1]:443",
            ),
            Self::View => (
                "line: a line each; full: all that is known",
                "line：每条一行；full：全部字段",
            ),
            Self::Vlan => ("a VLAN, 1 to 4094", "VLAN 号，1 到 4094"),
            Self::Rings => ("a number of rings, 1 to 64", "环数，1 到 64"),
            Self::Bay => ("a bay's number", "槽位号"),
            Self::Disk => (
                "a drive by its bay's number or its name, such as 2 or sda",
                "磁盘的槽位号或名称，例如 2 或 sda",
            ),
            Self::Alarm => (
                "an alarm's number, or a hardware alarm's name",
                "告警编号或硬件告警的名称",
            ),
            Self::Figure => (
                "flows, bytes, response, connect or retransmissions",
                "flows、bytes、response、connect 或 retransmissions",
            ),
            Self::Bundle => (
                "https://HOST/PATH, http://HOST/PATH, or usb:NAME (see `show firmware usb`)",
                "https://主机/路径、http://主机/路径 或 usb:文件名（见 show firmware usb）",
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
            Self::Seconds => seconds(word).is_some(),
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
            Self::Exporter
            | Self::Credentials
            | Self::Application
            | Self::Business
            | Self::IpGroup
            | Self::InterfaceGroup
            | Self::LinkGroup
            | Self::Object
            | Self::Link => (1..=64).contains(&word.chars().count()) && !word.chars().any(char::is_control),
            Self::Addresses => addresses(word).is_some(),
            Self::Rate => rate(word).is_some(),
            Self::Severity => one_of::<model::Severity>(word).is_some(),
            Self::Authentication => one_of::<settings::SnmpAuthentication>(word).is_some(),
            Self::Privacy => one_of::<settings::SnmpPrivacy>(word).is_some(),
            Self::Protocol => protocol(word).is_some(),
            Self::Ports => ports(word).is_some(),
            Self::Ranges => ranges(word).is_some(),
            Self::Interface => word
                .rsplit_once(':')
                .is_some_and(|(e, i)| !e.is_empty() && !i.is_empty()),
            Self::Age => word.parse::<u32>().is_ok_and(|n| (1..=3_650).contains(&n)),
            Self::Gigabytes => gigabytes(word).is_some(),
            Self::Percent => word.parse::<u8>().is_ok_and(|n| (50..=95).contains(&n)),
            Self::Keys => keys::keys(word).is_ok_and(|keys| (1..=8).contains(&keys.len())),
            Self::Measure => keys::measure(word).is_ok(),
            Self::Order => keys::order(word).is_ok(),
            Self::Span => when::length_s(word).is_some_and(|s| (1..=315_576_000).contains(&s)),
            Self::Time => when::asked(word, model::Timestamp::from_secs(1 << 33), 0).is_some(),
            Self::Rows => word.parse::<u32>().is_ok_and(|n| n < 100_000),
            Self::Client => is_network(word),
            Self::Server => is_server(word),
            Self::View | Self::Figure => self.choices().contains(&word),
            Self::Vlan => word.parse::<u16>().is_ok_and(|n| (1..=4_094).contains(&n)),
            Self::Rings => word.parse::<u16>().is_ok_and(|n| (1..=64).contains(&n)),
            Self::Bay => word.parse::<u8>().is_ok_and(|n| n > 0),
            Self::Disk => (1..=32).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric()),
            Self::Alarm => (1..=512).contains(&word.len()) && !word.chars().any(char::is_control),
            Self::Scope => (1..=64).contains(&word.chars().count()) && !word.chars().any(char::is_control),
            Self::Bundle => api::firmware::BundlePlace::parse(word).is_some() && !word.chars().any(char::is_control),
            Self::Filter | Self::Text => !word.chars().any(char::is_control),
        }
    }

    /// The words that it can be, where they are few.
    pub(crate) const fn choices(self) -> &'static [&'static str] {
        match self {
            Self::Severity => &[
                "emergency",
                "alert",
                "critical",
                "error",
                "warning",
                "notice",
                "informational",
                "debug",
            ],
            Self::Authentication => &["md5", "sha1", "sha224", "sha256", "sha384", "sha512"],
            Self::Privacy => &["des", "aes128", "aes192", "aes256", "aes192_cisco", "aes256_cisco"],
            Self::Protocol => &["tcp", "udp", "sctp", "icmp", "icmpv6", "gre", "esp", "any"],
            Self::Gigabytes => &["unlimited"],
            Self::Keys => keys::KEYS,
            Self::Measure => keys::MEASURES,
            Self::Order => keys::ORDERS,
            Self::Scope => &["ports", "exporters"],
            Self::View => &["line", "full"],
            Self::Figure => &["flows", "bytes", "response", "connect", "retransmissions"],
            _ => &[],
        }
    }
}

/// A length of time in seconds.
pub(crate) fn seconds(word: &str) -> Option<u32> {
    let (digits, factor) = match word.char_indices().next_back()? {
        (at, 's') => (word.get(..at)?, 1),
        (at, 'm') => (word.get(..at)?, 60),
        (at, 'h') => (word.get(..at)?, 3_600),
        (at, 'd') => (word.get(..at)?, 86_400),
        _ => (word, 1),
    };
    let value = digits.parse::<u32>().ok()?.checked_mul(factor)?;
    (1..=2_678_400).contains(&value).then_some(value)
}

fn is_network(word: &str) -> bool {
    word.parse::<IpAddr>().is_ok() || word.parse::<Prefix>().is_ok()
}

/// An address or a network, with a port behind it or not; one of IPv6 is then in brackets.
fn is_server(word: &str) -> bool {
    let port = |text: &str| text.parse::<u16>().is_ok();
    let bare = |text: &str| {
        text.strip_prefix('[')
            .and_then(|t| t.strip_suffix(']'))
            .map(str::to_owned)
    };
    if is_network(word) || bare(word).is_some_and(|text| is_network(&text)) {
        return true;
    }
    word.rsplit_once(':').is_some_and(|(address, number)| {
        let address = bare(address).unwrap_or_else(|| address.to_owned());
        is_network(&address) && port(number)
    })
}

/// Addresses with commas between; `None` where one is none.
pub(crate) fn addresses(word: &str) -> Option<Vec<IpAddr>> {
    word.split(',').map(|text| text.parse().ok()).collect()
}

/// The protocols that have names here.
pub(crate) const PROTOCOLS: [(&str, u8); 7] = [
    ("tcp", 6),
    ("udp", 17),
    ("sctp", 132),
    ("icmp", 1),
    ("icmpv6", 58),
    ("gre", 47),
    ("esp", 50),
];

/// An IP protocol's number; the inner `None` is `any`.
pub(crate) fn protocol(word: &str) -> Option<Option<u8>> {
    if word == "any" {
        return Some(None);
    }
    let named = PROTOCOLS.iter().find(|(name, _)| *name == word);
    named.map(|(_, number)| *number).or_else(|| word.parse().ok()).map(Some)
}

/// Ports with commas between; `None` where one is none.
pub(crate) fn ports(word: &str) -> Option<Vec<PortRange>> {
    word.split(',').map(|text| text.parse().ok()).collect()
}

/// Ranges of addresses with commas between; `None` where one is none.
pub(crate) fn ranges(word: &str) -> Option<Vec<AddressRange>> {
    word.split(',').map(|text| text.parse().ok()).collect()
}

/// GB; the inner `None` is `unlimited`.
pub(crate) fn gigabytes(word: &str) -> Option<Option<u32>> {
    match word {
        "unlimited" => Some(None),
        number => number.parse().ok().filter(|n| *n > 0).map(Some),
    }
}

/// A sampling rate; the inner `None` is `auto`.
pub(crate) fn rate(word: &str) -> Option<Option<u32>> {
    match word {
        "auto" => Some(None),
        number => number.parse().ok().filter(|n| (1..=16_777_216).contains(n)).map(Some),
    }
}

/// A value by the name that settings and JSON have for it.
pub(crate) fn one_of<T: serde::de::DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::from(word)).ok()
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
        assert_eq!(
            (seconds("2h"), seconds("31d"), seconds("32d")),
            (Some(7_200), Some(2_678_400), None)
        );
        assert!(Kind::Addresses.accepts("192.0.2.1,2001:db8::1") && !Kind::Addresses.accepts("192.0.2.1,"));
        assert_eq!(
            (rate("auto"), rate("1000"), rate("0")),
            (Some(None), Some(Some(1_000)), None)
        );
        for kind in Kind::ALL {
            assert!(kind.choices().iter().all(|word| kind.accepts(word)), "{kind:?}");
        }
        assert!(!Kind::Severity.accepts("grave"));
        assert_eq!(
            (protocol("tcp"), protocol("any"), protocol("89"), protocol("256")),
            (Some(Some(6)), Some(None), Some(Some(89)), None)
        );
        assert!(Kind::Ports.accepts("80,8000-8099") && !Kind::Ports.accepts("80,") && !Kind::Ports.accepts("9-8"));
        assert!(Kind::Ranges.accepts("10.0.0.0/8,::1,10.0.0.1-10.0.0.9") && !Kind::Ranges.accepts("10.0.0.0/33"));
        assert!(Kind::Interface.accepts("core-1:17") && Kind::Interface.accepts("2001:db8::1:17"));
        assert!(!Kind::Interface.accepts("core-1") && !Kind::Interface.accepts(":17"));
        assert_eq!(
            (gigabytes("unlimited"), gigabytes("7"), gigabytes("0")),
            (Some(None), Some(Some(7)), None)
        );
        for good in [
            "10.0.0.1",
            "10.0.0.0/8",
            "10.0.0.1:443",
            "[2001:db8::1]:443",
            "2001:db8::1",
            "[::1]",
        ] {
            assert!(Kind::Server.accepts(good), "{good}");
        }
        assert!(
            !Kind::Server.accepts("10.0.0.1:x") && !Kind::Server.accepts("www") && !Kind::Client.accepts("10.0.0.1:1")
        );
        assert!(Kind::Vlan.accepts("4094") && !Kind::Vlan.accepts("0") && !Kind::Vlan.accepts("4095"));
        assert!(Kind::Rings.accepts("64") && !Kind::Rings.accepts("0") && !Kind::View.accepts("all"));
        assert!(Kind::Percent.accepts("90") && !Kind::Percent.accepts("96") && !Kind::Age.accepts("0"));
        assert!(Kind::Text.accepts("核心交换机 1/0/24") && !Kind::Text.accepts("a\u{1b}[2J"));
    }
}
