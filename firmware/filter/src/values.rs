//! The values of tests: from text and to text.

use std::fmt;

use model::{Confidence, Direction, EndReason, MacAddr};

use crate::Quantity;
use crate::error::{Say, say};

/// A value that has a name.
#[derive(Debug)]
pub(crate) struct Named<T> {
    pub(crate) value: T,
    /// As it is printed.
    pub(crate) name: &'static str,
    pub(crate) aliases: &'static [&'static str],
    pub(crate) english: &'static str,
    pub(crate) chinese: &'static str,
}

const fn named<T>(
    value: T,
    name: &'static str,
    aliases: &'static [&'static str],
    english: &'static str,
    chinese: &'static str,
) -> Named<T> {
    Named {
        value,
        name,
        aliases,
        english,
        chinese,
    }
}

/// The value of a name, in any case and with `_` for `-`.
pub(crate) fn by_name<T: Copy>(all: &[Named<T>], text: &str) -> Option<T> {
    let text = text.to_lowercase().replace('_', "-");
    let found = all
        .iter()
        .find(|one| one.name == text || one.aliases.contains(&text.as_str()));
    found.map(|one| one.value)
}

/// The name of a value.
pub(crate) fn name_of<T: PartialEq>(all: &'static [Named<T>], value: &T) -> Option<&'static str> {
    all.iter().find(|one| one.value == *value).map(|one| one.name)
}

/// IP protocols (IANA protocol-numbers) that have a name here.
#[rustfmt::skip]
pub(crate) const PROTOCOLS: &[Named<u8>] = &[
    named(6, "tcp", &[], "TCP", "TCP"),
    named(17, "udp", &[], "UDP", "UDP"),
    named(1, "icmp", &[], "ICMP", "ICMP"),
    named(58, "icmpv6", &["icmp6", "ipv6-icmp"], "ICMPv6", "ICMPv6"),
    named(132, "sctp", &[], "SCTP", "SCTP"),
    named(2, "igmp", &[], "IGMP", "IGMP"),
    named(4, "ipip", &[], "IPv4 in IP", "IPv4 隧道"),
    named(41, "6in4", &["ipv6"], "IPv6 in IPv4", "IPv6 隧道"),
    named(47, "gre", &[], "GRE", "GRE"),
    named(50, "esp", &[], "ESP of IPsec", "IPsec 的 ESP"),
    named(51, "ah", &[], "AH of IPsec", "IPsec 的 AH"),
    named(88, "eigrp", &[], "EIGRP", "EIGRP"),
    named(89, "ospf", &[], "OSPF", "OSPF"),
    named(103, "pim", &[], "PIM", "PIM"),
    named(112, "vrrp", &[], "VRRP", "VRRP"),
    named(115, "l2tp", &[], "L2TP version 3", "L2TP 第 3 版"),
    named(33, "dccp", &[], "DCCP", "DCCP"),
    named(46, "rsvp", &[], "RSVP", "RSVP"),
    named(97, "etherip", &[], "Ethernet in IP", "IP 承载以太网"),
    named(136, "udplite", &["udp-lite"], "UDP-Lite", "UDP-Lite"),
    named(137, "mpls-in-ip", &[], "MPLS in IP", "IP 承载 MPLS"),
];

/// DSCP (RFC 2474, 2597, 3246, 5865, 8622).
#[rustfmt::skip]
pub(crate) const DSCPS: &[Named<u8>] = &[
    named(46, "ef", &[], "expedited forwarding: voice", "加速转发，语音"),
    named(0, "be", &["cs0", "default", "df"], "best effort", "尽力而为"),
    named(1, "le", &[], "lower effort", "低优先级"),
    named(8, "cs1", &[], "class selector 1", "类选择 1"),
    named(16, "cs2", &[], "class selector 2", "类选择 2"),
    named(24, "cs3", &[], "class selector 3", "类选择 3"),
    named(32, "cs4", &[], "class selector 4", "类选择 4"),
    named(40, "cs5", &[], "class selector 5", "类选择 5"),
    named(48, "cs6", &[], "class selector 6: routing protocols", "类选择 6，路由协议"),
    named(56, "cs7", &[], "class selector 7", "类选择 7"),
    named(10, "af11", &[], "assured forwarding 1, low drop", "确保转发 1，低丢弃"),
    named(12, "af12", &[], "assured forwarding 1, medium drop", "确保转发 1，中丢弃"),
    named(14, "af13", &[], "assured forwarding 1, high drop", "确保转发 1，高丢弃"),
    named(18, "af21", &[], "assured forwarding 2, low drop", "确保转发 2，低丢弃"),
    named(20, "af22", &[], "assured forwarding 2, medium drop", "确保转发 2，中丢弃"),
    named(22, "af23", &[], "assured forwarding 2, high drop", "确保转发 2，高丢弃"),
    named(26, "af31", &[], "assured forwarding 3, low drop", "确保转发 3，低丢弃"),
    named(28, "af32", &[], "assured forwarding 3, medium drop", "确保转发 3，中丢弃"),
    named(30, "af33", &[], "assured forwarding 3, high drop", "确保转发 3，高丢弃"),
    named(34, "af41", &[], "assured forwarding 4, low drop", "确保转发 4，低丢弃"),
    named(36, "af42", &[], "assured forwarding 4, medium drop", "确保转发 4，中丢弃"),
    named(38, "af43", &[], "assured forwarding 4, high drop", "确保转发 4，高丢弃"),
    named(44, "va", &[], "voice admit", "语音接纳"),
];

#[rustfmt::skip]
pub(crate) const DIRECTIONS: &[Named<Direction>] = &[
    named(Direction::In, "in", &["inbound", "入", "入向", "流入"], "from outside to the home network", "从外部到内网"),
    named(Direction::Out, "out", &["outbound", "出", "出向", "流出"], "from the home network to outside", "从内网到外部"),
    named(Direction::Internal, "internal", &["内部"], "within the home network", "内网之间"),
    named(Direction::External, "external", &["外部"], "neither end is at home", "两端都不在内网"),
    named(Direction::Unknown, "unknown", &["未知"], "not known", "未知"),
];

#[rustfmt::skip]
pub(crate) const END_REASONS: &[Named<EndReason>] = &[
    named(EndReason::Idle, "idle", &["空闲"], "no packet for the idle timeout", "空闲超时"),
    named(EndReason::Active, "active", &["活动"], "goes on: reported after the active timeout", "活动超时，流仍在继续"),
    named(EndReason::EndOfFlow, "end-of-flow", &["eof", "fin", "结束"], "FIN both ways, or RST", "正常结束（FIN 或 RST）"),
    named(EndReason::Forced, "forced", &["强制"], "the meter stopped", "计量停止"),
    named(EndReason::LackOfResources, "lack-of-resources", &["resources", "资源不足"], "the flow cache was full", "流缓存已满"),
];

#[rustfmt::skip]
pub(crate) const CONFIDENCES: &[Named<Confidence>] = &[
    named(Confidence::Port, "port", &["端口"], "by the registered port or IP protocol alone", "仅凭端口或 IP 协议"),
    named(Confidence::Dns, "dns", &["域名"], "by the name that DNS gave to the server's address", "凭域名解析结果"),
    named(Confidence::Pattern, "pattern", &["特征"], "by a pattern of the first octets", "凭首部特征"),
    named(Confidence::Parsed, "parsed", &["解析"], "messages of the protocol were read", "已解析协议报文"),
];

/// Whether a text can be a host's name: no signs of other things are in it.
pub(crate) fn is_host(name: &str) -> bool {
    let sign = |c: char| c.is_whitespace() || c.is_control() || (c.is_ascii_punctuation() && !"-_.".contains(c));
    !name.is_empty() && !name.starts_with('.') && !name.contains(sign)
}

/// TCP flags: letter, name, bit.
pub(crate) const FLAGS: &[(char, &str, u8)] = &[
    ('F', "fin", 1),
    ('S', "syn", 2),
    ('R', "rst", 4),
    ('P', "psh", 8),
    ('A', "ack", 16),
    ('U', "urg", 32),
    ('E', "ece", 64),
    ('C', "cwr", 128),
];

/// TCP flags: `SA`, `syn`, `0x12`, `18`, `none`.
pub(crate) fn flag_bits(text: &str) -> Option<u8> {
    let lower = text.to_lowercase();
    if let Some((.., bit)) = FLAGS.iter().find(|(_, name, _)| *name == lower) {
        return Some(*bit);
    }
    if matches!(lower.as_str(), "none" | "无") {
        return Some(0);
    }
    if let Some(hex) = lower.strip_prefix("0x") {
        return u8::from_str_radix(hex, 16).ok().filter(|_| !hex.starts_with('+'));
    }
    if lower.starts_with(|c: char| c.is_ascii_digit()) {
        return lower.parse().ok();
    }
    let mut bits = 0;
    for letter in lower.to_uppercase().chars() {
        let letter = if letter == 'W' { 'C' } else { letter };
        bits |= FLAGS.iter().find(|(one, ..)| *one == letter)?.2;
    }
    (bits != 0).then_some(bits)
}

/// The letters of TCP flags; `0` for none.
pub(crate) struct FlagLetters(pub(crate) u8);

impl fmt::Display for FlagLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0");
        }
        let set = FLAGS.iter().filter(|(.., bit)| self.0 & bit != 0);
        set.map(|(letter, ..)| *letter)
            .try_for_each(|letter| write!(f, "{letter}"))
    }
}

/// The bits that a test `flags` sets and clears: `S/SA` has S set and A not.
pub(crate) fn flags(text: &str) -> Result<(u8, u8), Say> {
    let (set, mask) = text
        .split_once('/')
        .map_or((text, None), |(set, mask)| (set, Some(mask)));
    let (set, mask) = match (flag_bits(set), mask.map(flag_bits)) {
        (Some(0), None) => (0, 0xff),
        (Some(set), None) => (set, set),
        (Some(set), Some(Some(mask))) => (set, mask),
        _ => {
            return Err(say!(
                "`{text}` are no TCP flags: write letters of F S R P A U E C (FIN, SYN, RST, PSH, ACK, URG, ECE, CWR), such as `S`, `SA` or `S/SA`",
                "`{text}` 不是 TCP 标志：请用字母 F S R P A U E C（FIN、SYN、RST、PSH、ACK、URG、ECE、CWR），如 `S`、`SA`、`S/SA`",
            ));
        }
    };
    if mask == 0 {
        return Err(say!(
            "`{text}` looks at no flag: the flags after the / are those that are looked at",
            "`{text}` 没有检查任何标志：斜杠后是要检查的标志",
        ));
    }
    if set & !mask != 0 {
        let (set, both) = (FlagLetters(set), FlagLetters(set | mask));
        return Err(say!(
            "`{text}` wants a flag that it does not look at: the flags after the / are those that are looked at, so those before it are among them",
            "`{text}` 要求的标志不在检查范围内：斜杠后是要检查的标志，应包含斜杠前的标志",
        )
        .suggest(format!("{set}/{both}")));
    }
    Ok((set, mask & !set))
}

/// A hardware address: `00:11:22:33:44:55`, `00-11-22-33-44-55`, `0011.2233.4455` or 12 hexadecimal digits.
pub(crate) fn mac(text: &str) -> Option<MacAddr> {
    let apart = |mark: char, parts: usize, digits: usize| {
        let all: Vec<&str> = text.split(mark).collect();
        all.len() == parts && all.iter().all(|part| part.len() == digits)
    };
    if !(apart(':', 6, 2) || apart('-', 6, 2) || apart('.', 3, 4) || apart(':', 1, 12)) {
        return None;
    }
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let bytes = u64::from_str_radix(&digits, 16).ok()?.to_be_bytes();
    let [_, _, a, b, c, d, e, f] = bytes;
    Some(MacAddr([a, b, c, d, e, f]))
}

/// A number with decimals, as digits and the power of ten that they are divided by: at most 9 decimals.
fn decimal(text: &str) -> Option<(u128, u128)> {
    let (whole, part) = text
        .split_once('.')
        .map_or((text, None), |(whole, part)| (whole, Some(part)));
    let digits = |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole, 20) || part.is_some_and(|part| !digits(part, 9)) {
        return None;
    }
    let part = part.unwrap_or("");
    let scale = 10_u128.pow(u32::try_from(part.len()).ok()?);
    Some((format!("{whole}{part}").parse().ok()?, scale))
}

/// `text` as a number with one of `units`, in the smallest of them; `None` where it is no such number, and `Some(None)`
/// where it is too large or has a fraction of the smallest unit.
fn with_unit(text: &str, units: &[(&[&str], u64)]) -> Option<Option<u64>> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let (number, scale) = decimal(number)?;
    let unit = unit.to_lowercase();
    let (_, factor) = units.iter().find(|(names, _)| names.contains(&unit.as_str()))?;
    let value = number * u128::from(*factor);
    Some(
        u64::try_from(value / scale)
            .ok()
            .filter(|_| value.is_multiple_of(scale)),
    )
}

#[rustfmt::skip]
const DURATIONS: &[(&[&str], u64)] = &[
    (&["d", "day", "days", "天", "日"], 86_400_000_000_000),
    (&["h", "hour", "hours", "小时", "时"], 3_600_000_000_000),
    (&["m", "min", "mins", "minute", "minutes", "分", "分钟"], 60_000_000_000),
    (&["s", "sec", "secs", "second", "seconds", "秒"], 1_000_000_000),
    (&["ms", "msec", "毫秒"], 1_000_000),
    (&["us", "µs", "μs", "usec", "微秒"], 1_000),
    (&["ns", "纳秒"], 1),
];

const COUNTS: &[(&[&str], u64)] = &[
    (&["", "b"], 1),
    (&["k", "kb"], 1_000),
    (&["m", "mb", "百万"], 1_000_000),
    (&["g", "gb"], 1_000_000_000),
    (&["t", "tb"], 1_000_000_000_000),
    (&["ki", "kib"], 1 << 10),
    (&["mi", "mib"], 1 << 20),
    (&["gi", "gib"], 1 << 30),
    (&["ti", "tib"], 1 << 40),
    (&["万"], 10_000),
    (&["亿"], 100_000_000),
];

/// The value of a quantity: octets and such with k, M, G, T (powers of 1,000), Ki, Mi, Gi, Ti (of 1,024); durations with
/// a unit.
pub(crate) fn quantity(quantity: Quantity, text: &str) -> Result<u64, Say> {
    if quantity.is_time() {
        return match with_unit(text, DURATIONS) {
            Some(Some(value)) => Ok(value),
            Some(None) => Err(too_fine(text, "1 ns")),
            None if text == "0" => Ok(0),
            None if decimal(text).is_some() => Err(say!(
                "the duration `{text}` has no unit: write `{text}s`, `{text}ms`, `{text}m` (minutes) or `{text}h`",
                "时长 `{text}` 没有单位：请写 `{text}s`（秒）、`{text}ms`（毫秒）、`{text}m`（分钟）或 `{text}h`（小时）",
            )
            .suggest(format!("{text}s"))),
            None => Err(say!(
                "`{text}` is no duration: write a number and a unit, such as `500ms`, `5s`, `2m` or `1h`",
                "`{text}` 不是时长：请写数字和单位，如 `500ms`、`5s`、`2m`（分钟）、`1h`",
            )),
        };
    }
    // The unit of the quantity itself may be said.
    let lower = text.to_lowercase();
    let endings: &[&str] = match quantity {
        Quantity::BitsPerSecond => &["bit/s", "bits", "bit", "bps", "b/s"],
        Quantity::PacketsPerSecond => &["pps", "p/s"],
        _ => &[],
    };
    let bare = endings
        .iter()
        .find_map(|ending| lower.strip_suffix(ending))
        .unwrap_or(&lower);
    match with_unit(bare, COUNTS) {
        Some(Some(value)) => Ok(value),
        Some(None) => Err(too_fine(text, "1")),
        None => Err(say!(
            "`{text}` is no number: write digits, with k, M, G or T for thousands, millions … or Ki, Mi, Gi for powers of 1,024, such as `1500`, `10k` or `1.5M`",
            "`{text}` 不是数字：请写数字，可加 k、M、G、T（千、百万……）或 Ki、Mi、Gi（1024 的幂），如 `1500`、`10k`、`1.5M`",
        )),
    }
}

/// Of a number that has the form of one, and cannot be counted.
fn too_fine(text: &str, smallest: &str) -> Say {
    let whole = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if whole > 15 || !text.contains('.') {
        return say!("`{text}` is larger than a counter can be", "`{text}` 超出计数范围");
    }
    say!(
        "`{text}` has a fraction, and nothing less than {smallest} is counted",
        "`{text}` 带有小数，最小计数单位为 {smallest}",
    )
}

/// A quantity's value as it is printed: the shortest that is exact.
pub(crate) struct QuantityText(pub(crate) Quantity, pub(crate) u64);

impl fmt::Display for QuantityText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(quantity, value) = *self;
        if value == 0 {
            return f.write_str("0");
        }
        let units: &[(&str, u64)] = if quantity.is_time() {
            &[
                ("d", 86_400_000_000_000),
                ("h", 3_600_000_000_000),
                ("m", 60_000_000_000),
                ("s", 1_000_000_000),
                ("ms", 1_000_000),
                ("us", 1_000),
                ("ns", 1),
            ]
        } else {
            &[
                ("T", 1_000_000_000_000),
                ("G", 1_000_000_000),
                ("M", 1_000_000),
                ("k", 1_000),
                ("Ti", 1 << 40),
                ("Gi", 1 << 30),
                ("Mi", 1 << 20),
                ("", 1),
            ]
        };
        match units.iter().find(|(_, factor)| value.is_multiple_of(*factor)) {
            Some((unit, factor)) => write!(f, "{}{unit}", value / factor),
            None => value.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_and_printed() {
        for (of, text, value, printed) in [
            (Quantity::Bytes, "1500", 1_500, "1500"),
            (Quantity::Bytes, "1.5M", 1_500_000, "1500k"),
            (Quantity::Bytes, "10kb", 10_000, "10k"),
            (Quantity::Bytes, "2Mi", 2 << 20, "2Mi"),
            (Quantity::Bytes, "1Ki", 1_024, "1024"),
            (Quantity::Bytes, "0", 0, "0"),
            (Quantity::Packets, "3亿", 300_000_000, "300M"),
            (Quantity::BitsPerSecond, "10Mbps", 10_000_000, "10M"),
            (Quantity::BitsPerSecond, "10Mbit/s", 10_000_000, "10M"),
            (Quantity::PacketsPerSecond, "1kpps", 1_000, "1k"),
            (
                Quantity::Bytes,
                "18446744073709551615",
                u64::MAX,
                "18446744073709551615",
            ),
            (Quantity::Duration, "500ms", 500_000_000, "500ms"),
            (Quantity::Duration, "2m", 120_000_000_000, "2m"),
            (Quantity::Duration, "90s", 90_000_000_000, "90s"),
            (Quantity::Duration, "1.5s", 1_500_000_000, "1500ms"),
            (Quantity::Duration, "0", 0, "0"),
            (Quantity::Duration, "5秒", 5_000_000_000, "5s"),
        ] {
            assert_eq!(quantity(of, text), Ok(value), "{text}");
            assert_eq!(QuantityText(of, value).to_string(), printed);
        }
        for (of, text) in [
            (Quantity::Bytes, "18446744073709551616"),
            (Quantity::Bytes, "1.5"),
            (Quantity::Bytes, "1.0000000001k"),
            (Quantity::Bytes, "-1"),
            (Quantity::Bytes, "+1"),
            (Quantity::Bytes, "1e3"),
            (Quantity::Bytes, "1Mbps"),
            (Quantity::Bytes, ""),
            (Quantity::Bytes, "1."),
            (Quantity::Duration, "0.5ns"),
            (Quantity::Duration, "5"),
            (Quantity::Duration, "10w"),
        ] {
            assert!(quantity(of, text).is_err(), "{text}");
        }
    }

    #[test]
    fn flags_are_letters_names_and_numbers() {
        assert_eq!(flags("S"), Ok((2, 0)));
        assert_eq!(flags("sa"), Ok((18, 0)));
        assert_eq!(flags("S/SA"), Ok((2, 16)));
        assert_eq!(flags("0/SA"), Ok((0, 18)));
        assert_eq!(flags("none"), Ok((0, 255)));
        assert_eq!(flags("0x12"), Ok((18, 0)));
        assert_eq!(flags("18/0xff"), Ok((18, 237)));
        assert_eq!(flags("ece"), Ok((64, 0)));
        assert_eq!(flags("SW"), Ok((130, 0)));
        assert_eq!(flags("S/A").unwrap_err().suggestion.unwrap(), "S/SA");
        for text in ["", "X", "/", "S/", "/S", "S/0", "0/0", "300", "0x+1", "S/SA/F"] {
            assert!(flags(text).is_err(), "{text}");
        }
        assert_eq!(FlagLetters(0xff).to_string(), "FSRPAUEC");
    }

    #[test]
    fn hardware_addresses_are_read_in_their_usual_forms() {
        let one = Some(MacAddr([0, 0x11, 0x22, 0xaa, 0xbb, 0xcc]));
        for text in [
            "00:11:22:aa:bb:cc",
            "00-11-22-AA-BB-CC",
            "0011.22aa.bbcc",
            "001122aabbcc",
        ] {
            assert_eq!(mac(text), one, "{text}");
        }
        for text in [
            "00:11:22:aa:bb",
            "00:11:22:aa:bb:c",
            "00:11:22:aa:bb:gg",
            "0:1:2:3:4:5",
            "+01122aabbcc",
            "é01122aabbc",
        ] {
            assert_eq!(mac(text), None, "{text}");
        }
    }
}
