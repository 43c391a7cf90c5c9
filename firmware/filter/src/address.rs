//! Addresses and numbers in ranges, and what is wrong with them.

use std::net::{IpAddr, Ipv4Addr};

use model::{AddressRange, Prefix};

use crate::error::{Say, say};

/// An address, a network or a range. A network's mask may be written out, as `10.0.0.0/255.0.0.0`.
pub(crate) fn addresses(text: &str) -> Result<AddressRange, Say> {
    if let Some((first, last)) = split_range(text) {
        return span(text, first, last);
    }
    if let Some((base, length)) = text.split_once('/') {
        return network(text, base, length);
    }
    address(text).map(AddressRange::One)
}

/// The two ends of a range.
pub(crate) fn split_range(text: &str) -> Option<(&str, &str)> {
    text.split_once("..").or_else(|| text.split_once(['-', '~']))
}

/// Whether a text means to be an address, rather than a word.
pub(crate) fn looks_like_address(text: &str) -> bool {
    let head = text.split(['/', '-', '~', '%']).next().unwrap_or("");
    let v4 = head.starts_with(|c: char| c.is_ascii_digit()) && head.contains('.');
    let v4 = v4 && head.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '*' | ':'));
    let v6 = head.contains(':') && head.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '.'));
    v4 || v6
}

fn span(text: &str, first: &str, last: &str) -> Result<AddressRange, Say> {
    let first = address(first)?;
    // `10.0.0.1-9` is meant as it looks.
    if let (IpAddr::V4(v4), Ok(octet)) = (first, last.parse::<u8>()) {
        let [a, b, c, _] = v4.octets();
        let last = Ipv4Addr::new(a, b, c, octet);
        return Err(say!(
            "the range `{text}` has no whole address at its end: write `{first}-{last}`",
            "地址范围 `{text}` 的末端不是完整地址：请写 `{first}-{last}`",
        )
        .suggest(format!("{first}-{last}")));
    }
    let last = address(last)?;
    if first.is_ipv4() != last.is_ipv4() {
        return Err(say!(
            "the range `{text}` begins with one IP version and ends with the other",
            "地址范围 `{text}` 的两端 IP 版本不同",
        ));
    }
    if first > last {
        return Err(say!(
            "the range `{text}` ends before it begins: write `{last}-{first}`",
            "地址范围 `{text}` 的末端小于起始：请写 `{last}-{first}`",
        )
        .suggest(format!("{last}-{first}")));
    }
    Ok(AddressRange::Span(first, last))
}

fn network(text: &str, base: &str, length: &str) -> Result<AddressRange, Say> {
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // `10.1/16` lacks octets that the mask leaves out.
    let parts: Vec<&str> = base.split('.').collect();
    if (1..4).contains(&parts.len()) && parts.iter().all(|part| all_digits(part)) && all_digits(length) {
        let whole = format!("{base}{}", ".0".repeat(4 - parts.len()));
        let whole = format!("{whole}/{length}");
        let say = say!(
            "the network `{text}` has no whole address before the /: write all four numbers",
            "网段 `{text}` 的斜杠前不是完整地址：请写全四个数",
        );
        return Err(if addresses(&whole).is_ok() {
            say.suggest(whole)
        } else {
            say
        });
    }
    let base = address(base)?;
    let mask = length
        .parse::<Ipv4Addr>()
        .ok()
        .filter(|_| base.is_ipv4())
        .map(u32::from);
    let bits = match mask {
        Some(mask) if mask.leading_ones() + mask.trailing_zeros() >= 32 => u8::try_from(mask.leading_ones()).ok(),
        Some(_) => {
            return Err(say!(
                "the mask `{length}` has a gap: a network mask is ones and then zeros, such as 255.255.0.0",
                "掩码 `{length}` 不连续：网络掩码应为连续的 1 后跟 0，如 255.255.0.0",
            ));
        }
        None if all_digits(length) => length.parse().ok().filter(|bits| Prefix::new(base, *bits).is_some()),
        None => {
            return Err(say!(
                "`{length}` is no prefix length: after the / comes a number of bits, such as {base}/24",
                "`{length}` 不是前缀长度：斜杠后应为位数，如 {base}/24",
            ));
        }
    };
    let most = if base.is_ipv4() { 32 } else { 128 };
    bits.and_then(|bits| Prefix::new(base, bits))
        .map(AddressRange::Network)
        .ok_or_else(|| {
            say!(
                "the prefix length {length} is larger than {most}: `{base}/{most}` is one address",
                "前缀长度 {length} 大于 {most}：`{base}/{most}` 即单个地址",
            )
        })
}

/// One address.
fn address(text: &str) -> Result<IpAddr, Say> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Some((address, port)) = text.split_once(':')
        && address.parse::<Ipv4Addr>().is_ok()
        && port.parse::<u16>().is_ok()
    {
        return Err(say!(
            "`{text}` is an address and a port: write `{address} and port {port}`",
            "`{text}` 是地址加端口：请写 `{address} and port {port}`",
        )
        .suggest(format!("{address} and port {port}")));
    }
    if text.contains(':') {
        if let Some((address, zone)) = text.split_once('%') {
            let say = say!(
                "`{text}` has a zone: write the address without `%{zone}`",
                "`{text}` 带有区域标识：请去掉 `%{zone}`",
            );
            return Err(say.suggest(address));
        }
        return Err(say!(
            "`{text}` is no IPv6 address: write groups of up to four hexadecimal digits, such as fd00::1",
            "`{text}` 不是 IPv6 地址：请写最多四位十六进制的分组，如 fd00::1",
        ));
    }
    let parts: Vec<&str> = text.split('.').collect();
    let numeric = |part: &&&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let numbers = parts.iter().take_while(numeric).count();
    // `10.1.*.*`
    if parts.len() == 4
        && (1..4).contains(&numbers)
        && parts.iter().skip(numbers).all(|part| matches!(*part, "*" | "x" | "X"))
    {
        let octets = parts.iter().take(numbers).copied().collect::<Vec<_>>().join(".");
        let meant = format!("{octets}{}/{}", ".0".repeat(4 - numbers), numbers * 8);
        if addresses(&meant).is_ok() {
            return Err(say!(
                "wildcards are not understood: write the network `{meant}`",
                "不支持通配符：请写网段 `{meant}`",
            )
            .suggest(meant));
        }
    }
    if numbers == parts.len() && parts.len() > 1 {
        let octet = |part: &&&str| part.parse::<u8>().is_err();
        if let Some(large) = parts.iter().find(octet) {
            return Err(say!(
                "`{text}` is no address: {large} is larger than 255",
                "`{text}` 不是地址：{large} 大于 255",
            ));
        }
        if parts.len() == 4 {
            let plain: Vec<String> = parts
                .iter()
                .flat_map(|p| p.parse::<u8>())
                .map(|p| p.to_string())
                .collect();
            return Err(say!(
                "`{text}` is no address: its numbers are written without zeros before them",
                "`{text}` 不是地址：各数不能有前导零",
            )
            .suggest(plain.join(".")));
        }
        let count = parts.len();
        return Err(say!(
            "`{text}` is no address: an IPv4 address has four numbers, this has {count}",
            "`{text}` 不是地址：IPv4 地址有四个数，这里有 {count} 个",
        ));
    }
    Err(say!(
        "`{text}` is no address: write an address, a network or a range, such as 10.0.0.1, 10.0.0.0/8, fd00::/8 or 10.0.0.1-10.0.0.9 (names of hosts are not looked up)",
        "`{text}` 不是地址：请写地址、网段或范围，如 10.0.0.1、10.0.0.0/8、fd00::/8、10.0.0.1-10.0.0.9（不解析主机名）",
    ))
}

/// Numbers from one to another, or one, up to `most`; `what` is their kind in English and Chinese.
pub(crate) fn numbers(text: &str, most: u32, what: (&str, &str)) -> Result<(u32, u32), Say> {
    let (english, chinese) = what;
    let number = |part: &str| {
        let part = part.trim();
        let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        match part.parse::<u32>() {
            Ok(number) if digits && number <= most => Ok(number),
            _ if digits => Err(say!(
                "{english} {part} is larger than {most}",
                "{chinese} {part} 大于 {most}",
            )),
            _ => Err(say!(
                "`{text}` is no {english}: write a number from 0 to {most} or a range such as 10-20",
                "`{text}` 不是{chinese}：请写 0 到 {most} 的数，或范围如 10-20",
            )),
        }
    };
    let Some((first, last)) = split_range(text) else {
        return number(text).map(|one| (one, one));
    };
    let (first, last) = (number(first)?, number(last)?);
    if first > last {
        return Err(say!(
            "the range `{text}` ends before it begins: write `{last}-{first}`",
            "范围 `{text}` 的末端小于起始：请写 `{last}-{first}`",
        )
        .suggest(format!("{last}-{first}")));
    }
    Ok((first, last))
}

/// The port of a service by the name that it has in other tools.
pub(crate) fn service_port(name: &str) -> Option<u16> {
    const SERVICES: &[(&str, u16)] = &[
        ("http", 80),
        ("www", 80),
        ("https", 443),
        ("domain", 53),
        ("dns", 53),
        ("ssh", 22),
        ("ftp", 21),
        ("telnet", 23),
        ("smtp", 25),
        ("pop3", 110),
        ("imap", 143),
        ("ntp", 123),
        ("snmp", 161),
        ("syslog", 514),
        ("ldap", 389),
        ("smb", 445),
        ("rdp", 3389),
        ("mysql", 3306),
        ("redis", 6379),
        ("bgp", 179),
        ("sip", 5060),
        ("radius", 1812),
    ];
    let name = name.to_ascii_lowercase();
    SERVICES.iter().find(|(one, _)| *one == name).map(|(_, port)| *port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_or_explained() {
        for (text, printed) in [
            ("10.0.0.1", "10.0.0.1"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("10.0.0.0/255.255.0.0", "10.0.0.0/16"),
            ("0.0.0.0/0.0.0.0", "0.0.0.0/0"),
            ("10.0.0.1..10.0.0.9", "10.0.0.1-10.0.0.9"),
            ("fd00::1~fd00::9", "fd00::1-fd00::9"),
            ("::/0", "::/0"),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
        ] {
            assert_eq!(addresses(text).unwrap().to_string(), printed, "{text}");
        }
        for (text, why, meant) in [
            ("10.0.0.300", "300 is larger than 255", None),
            ("10.0.0.1-300", "is no address", None),
            ("10.0.0", "this has 3", None),
            ("10.0.0.1.2", "this has 5", None),
            ("010.0.0.1", "without zeros", Some("10.0.0.1")),
            ("10.1/16", "no whole address", Some("10.1.0.0/16")),
            ("10.1.*.*", "wildcards", Some("10.1.0.0/16")),
            ("10.0.0.1-9", "no whole address", Some("10.0.0.1-10.0.0.9")),
            ("10.0.0.9-10.0.0.1", "ends before", Some("10.0.0.1-10.0.0.9")),
            ("10.0.0.1-fd00::1", "IP version", None),
            ("10.0.0.0/33", "larger than 32", None),
            ("10.0.0.0/999", "larger than 32", None),
            ("fd00::/129", "larger than 128", None),
            ("10.0.0.0/x", "no prefix length", None),
            ("10.0.0.0/", "no prefix length", None),
            ("10.0.0.0/+8", "no prefix length", None),
            ("10.0.0.0/255.0.255.0", "gap", None),
            ("10.0.0.1:443", "port", Some("10.0.0.1 and port 443")),
            ("fe80::1%eth0", "zone", Some("fe80::1")),
            ("fd00:::1", "no IPv6 address", None),
            ("www.example.com", "not looked up", None),
        ] {
            let say = addresses(text).unwrap_err();
            assert!(say.english.contains(why), "{text}: {}", say.english);
            assert_eq!(say.suggestion.as_deref(), meant, "{text}");
        }
    }
}
