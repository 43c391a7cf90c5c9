//! The words of the language.

use model::DetailKey;

use crate::{End, InterfaceEnd, Quantity, Sign};

/// What a word means, wherever it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    And,
    Or,
    Not,
    In,
    Sign(Sign),
    Any,
    /// `src` or `dst`: what follows says of what.
    Side(End),
    Address(End),
    Group(End),
    Port(End),
    /// Wireshark's `tcp.port`: of this protocol and this port.
    PortOf(u8, End),
    Proto,
    /// A protocol that is a test by itself.
    Protocol(u8),
    App,
    Business,
    Link,
    LinkGroup,
    Exporter,
    Interface(InterfaceEnd),
    InterfaceGroup,
    Direction,
    Flags,
    Quantity(Quantity),
    Vlan,
    Mac(End),
    As(End),
    Dscp,
    Country(End),
    IpVersion(u8),
    EndReason,
    NextHop,
    Domain,
    Confidence,
    Detail(DetailKey),
    Measured,
}

impl Word {
    /// Whether it joins tests rather than being part of one.
    pub(crate) const fn joins(self) -> bool {
        matches!(self, Self::And | Self::Or)
    }

    /// Whether a test may begin with it.
    pub(crate) const fn begins(self) -> bool {
        !matches!(self, Self::And | Self::Or | Self::In | Self::Sign(_))
    }
}

/// A word, how it is written, and what it says.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) word: Word,
    /// As it is printed.
    pub(crate) name: &'static str,
    /// Other ways to write it; `_` is the same as `-`, and case does not matter.
    pub(crate) aliases: &'static [&'static str],
    /// A filter with it.
    pub(crate) example: &'static str,
    pub(crate) english: &'static str,
    pub(crate) chinese: &'static str,
}

const fn row(
    word: Word,
    name: &'static str,
    aliases: &'static [&'static str],
    example: &'static str,
    english: &'static str,
    chinese: &'static str,
) -> Row {
    Row {
        word,
        name,
        aliases,
        example,
        english,
        chinese,
    }
}

/// All words, in the order in which they are offered.
#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
    row(Word::And, "and", &["&&", "且", "并且", "与", "和", "同时"], "tcp and port 443", "both tests", "两个条件都成立"),
    row(Word::Or, "or", &["||", "或", "或者"], "port 80 or port 443", "one of the tests", "任一条件成立"),
    row(Word::Side(End::Src), "src", &["source", "源", "源端", "来源"], "src 10.0.0.0/8", "the source: an address, or port, group, country, as, mac", "源端：地址，或端口、组、国家、AS、MAC"),
    row(Word::Side(End::Dst), "dst", &["dest", "destination", "目的", "目标", "目的端"], "dst port 53", "the destination: an address, or port, group, country, as, mac", "目的端：地址，或端口、组、国家、AS、MAC"),
    row(Word::Address(End::Any), "host", &["ip", "addr", "address", "net", "network", "ip.addr", "ipv6.addr", "主机", "地址", "ip地址", "网段", "网络"], "host 10.0.0.1,10.1.0.0/16", "an address, network or range, at either end", "任一端的地址、网段或地址范围"),
    row(Word::Port(End::Any), "port", &["ports", "portrange", "端口"], "port 80,443,8000-8099", "ports, at either end", "任一端的端口"),
    row(Word::Port(End::Src), "sport", &["srcport", "src-port", "source-port", "源端口"], "sport 1024-65535", "source ports", "源端口"),
    row(Word::Port(End::Dst), "dport", &["dstport", "dst-port", "destination-port", "目的端口", "目标端口"], "dport 443", "destination ports", "目的端口"),
    row(Word::App, "app", &["application", "应用"], "app dns,https", "applications", "应用"),
    row(Word::Business, "business", &["biz", "业务"], "business ERP", "businesses", "业务"),
    row(Word::Group(End::Any), "group", &["ipgroup", "ip-group", "组", "ip组", "地址组"], "src group servers", "IP groups", "IP 组"),
    row(Word::Group(End::Src), "srcgroup", &["src-group", "源组", "源地址组"], "srcgroup servers", "IP groups of the source", "源 IP 组"),
    row(Word::Group(End::Dst), "dstgroup", &["dst-group", "目的组", "目的地址组"], "dstgroup servers", "IP groups of the destination", "目的 IP 组"),
    row(Word::Proto, "proto", &["protocol", "ip.proto", "协议"], "proto tcp,udp,47", "IP protocols, by name or number", "IP 协议，名称或编号"),
    row(Word::Protocol(6), "tcp", &[], "tcp", "TCP", "TCP"),
    row(Word::Protocol(17), "udp", &[], "udp", "UDP", "UDP"),
    row(Word::Protocol(1), "icmp", &[], "icmp 3/1", "ICMP; with a number the type, and after a / the code", "ICMP；后跟数字为类型，斜杠后为代码"),
    row(Word::Protocol(58), "icmpv6", &["icmp6"], "icmpv6", "ICMPv6", "ICMPv6"),
    row(Word::Protocol(132), "sctp", &[], "sctp", "SCTP", "SCTP"),
    row(Word::Protocol(47), "gre", &[], "gre", "GRE", "GRE"),
    row(Word::Protocol(50), "esp", &[], "esp", "ESP of IPsec", "IPsec 的 ESP"),
    row(Word::Protocol(51), "ah", &[], "ah", "AH of IPsec", "IPsec 的 AH"),
    row(Word::Protocol(2), "igmp", &[], "igmp", "IGMP", "IGMP"),
    row(Word::Protocol(89), "ospf", &[], "ospf", "OSPF", "OSPF"),
    row(Word::Protocol(103), "pim", &[], "pim", "PIM", "PIM"),
    row(Word::Protocol(112), "vrrp", &[], "vrrp", "VRRP", "VRRP"),
    row(Word::Quantity(Quantity::Bytes), "bytes", &["octets", "字节", "字节数", "流量"], "bytes > 1M", "octets, both directions", "字节数（双向）"),
    row(Word::Quantity(Quantity::Packets), "packets", &["pkts", "包数", "报文数", "数据包"], "packets >= 10k", "packets, both directions", "数据包数（双向）"),
    row(Word::Quantity(Quantity::Duration), "duration", &["dur", "时长", "持续时间"], "duration > 5s", "from the first packet to the last", "首包到末包的时长"),
    row(Word::Quantity(Quantity::BitsPerSecond), "bps", &["rate", "速率", "比特率"], "bps > 10M", "bits a second", "每秒比特数"),
    row(Word::Quantity(Quantity::PacketsPerSecond), "pps", &["包速率"], "pps > 1k", "packets a second", "每秒包数"),
    row(Word::Quantity(Quantity::BytesPerPacket), "bpp", &["平均包长"], "bpp < 100", "octets a packet", "平均每包字节数"),
    row(Word::Quantity(Quantity::BytesForward), "bytes-forward", &["forward-bytes", "fwd-bytes", "正向字节", "正向字节数"], "bytes-forward > 1M", "octets from source to destination", "源到目的方向的字节数"),
    row(Word::Quantity(Quantity::BytesReverse), "bytes-reverse", &["reverse-bytes", "rev-bytes", "反向字节", "反向字节数"], "bytes-reverse = 0", "octets from destination to source", "目的到源方向的字节数"),
    row(Word::Quantity(Quantity::PacketsForward), "packets-forward", &["forward-packets", "fwd-packets", "正向包数"], "packets-forward > 100", "packets from source to destination", "源到目的方向的包数"),
    row(Word::Quantity(Quantity::PacketsReverse), "packets-reverse", &["reverse-packets", "rev-packets", "反向包数"], "packets-reverse = 0", "packets from destination to source", "目的到源方向的包数"),
    row(Word::Direction, "dir", &["direction", "方向"], "dir in", "direction: in, out, internal, external, unknown", "方向：in 入、out 出、internal 内部、external 外部、unknown 未知"),
    row(Word::Flags, "flags", &["flag", "tcpflags", "tcp-flags", "tcp.flags", "标志", "标志位"], "flags S/SA", "TCP flags that are set; after a / those that are looked at", "已置位的 TCP 标志；斜杠后为要检查的标志"),
    row(Word::Link, "link", &["链路"], "link eth1", "links: capture ports or exporters", "链路：采集口或网元"),
    row(Word::LinkGroup, "linkgroup", &["link-group", "链路组"], "linkgroup campus", "link groups", "链路组"),
    row(Word::Exporter, "exporter", &["router", "网元", "导出器"], "exporter core-1", "exporters, by name or number", "网元，名称或编号"),
    row(Word::Interface(InterfaceEnd::Any), "if", &["interface", "接口"], "if core-1:17", "interfaces of exporters, by name or ifIndex", "网元接口，名称或 ifIndex"),
    row(Word::Interface(InterfaceEnd::In), "inif", &["in-if", "iif", "入接口"], "inif core-1:Gi0/1", "interfaces by which a flow came in", "入接口"),
    row(Word::Interface(InterfaceEnd::Out), "outif", &["out-if", "oif", "出接口"], "outif 17", "interfaces by which a flow left", "出接口"),
    row(Word::InterfaceGroup, "ifgroup", &["if-group", "interface-group", "接口组"], "ifgroup uplinks", "interface groups", "接口组"),
    row(Word::Country(End::Any), "country", &["geo", "国家", "地区"], "country CN,HK", "countries, at either end", "任一端的国家或地区"),
    row(Word::Country(End::Src), "srccountry", &["src-country", "源国家"], "srccountry US", "countries of the source", "源国家或地区"),
    row(Word::Country(End::Dst), "dstcountry", &["dst-country", "目的国家"], "dstcountry US", "countries of the destination", "目的国家或地区"),
    row(Word::As(End::Any), "as", &["asn", "as号", "自治域", "自治系统"], "as 64512-65534", "AS numbers, at either end", "任一端的 AS 号"),
    row(Word::As(End::Src), "srcas", &["src-as", "sas", "源as", "源自治域"], "srcas 4134", "AS numbers of the source", "源 AS 号"),
    row(Word::As(End::Dst), "dstas", &["dst-as", "das", "目的as", "目的自治域"], "dstas 4134", "AS numbers of the destination", "目的 AS 号"),
    row(Word::Vlan, "vlan", &["vlan-id", "vlan.id"], "vlan 100-199", "VLANs, outer or inner", "VLAN（外层或内层）"),
    row(Word::Mac(End::Any), "mac", &["ether", "eth.addr", "mac地址"], "mac 00:11:22:33:44:55", "hardware addresses, at either end", "任一端的 MAC 地址"),
    row(Word::Mac(End::Src), "smac", &["srcmac", "src-mac", "eth.src", "源mac"], "smac 00:11:22:33:44:55", "source hardware addresses", "源 MAC 地址"),
    row(Word::Mac(End::Dst), "dmac", &["dstmac", "dst-mac", "eth.dst", "目的mac"], "dmac 00:11:22:33:44:55", "destination hardware addresses", "目的 MAC 地址"),
    row(Word::Dscp, "dscp", &["ip.dsfield.dscp"], "dscp ef,46", "DSCP, by name or number", "DSCP，名称或数值"),
    row(Word::IpVersion(4), "ipv4", &["ip4", "inet", "v4"], "ipv4", "IP version 4", "IPv4"),
    row(Word::IpVersion(6), "ipv6", &["ip6", "inet6", "v6"], "ipv6", "IP version 6", "IPv6"),
    row(Word::EndReason, "end", &["end-reason", "endreason", "结束", "结束原因"], "end idle,forced", "why the record was closed: idle, active, end-of-flow, forced, lack-of-resources", "记录结束原因：idle 空闲、active 活动超时、end-of-flow 正常结束、forced 强制、lack-of-resources 资源不足"),
    row(Word::NextHop, "next-hop", &["nexthop", "next", "nh", "下一跳"], "next-hop 10.0.0.254", "next hop of the exporter", "网元的下一跳"),
    row(Word::Domain, "domain", &["domain-name", "sni", "hostname", "域名", "站点"], "domain example.com,qq.com", "names of servers, and all names below them", "服务器域名，含其下级域名"),
    row(Word::Confidence, "confidence", &["识别依据", "置信度"], "confidence parsed", "how the application is known: port, dns, pattern, parsed", "应用的识别依据：port 端口、dns 域名解析、pattern 特征、parsed 解析"),
    row(Word::Quantity(Quantity::Connect), "connect", &["connect-time", "建连时延", "连接时延"], "connect > 100ms", "handshake: client's and server's side together", "建连时延：客户端侧与服务端侧之和"),
    row(Word::Quantity(Quantity::ConnectClient), "connect-client", &["client-connect", "客户端时延"], "connect-client > 50ms", "handshake, the client's side", "建连时延，客户端侧"),
    row(Word::Quantity(Quantity::ConnectServer), "connect-server", &["server-connect", "服务端时延"], "connect-server > 50ms", "handshake, the server's side", "建连时延，服务端侧"),
    row(Word::Quantity(Quantity::Response), "response", &["response-time", "响应时间", "响应时延"], "response > 1s", "mean time from request to answer", "平均响应时间：从请求到应答"),
    row(Word::Quantity(Quantity::ResponseMax), "response-max", &["max-response", "最大响应时间"], "response-max > 5s", "longest time from request to answer", "最长响应时间"),
    row(Word::Quantity(Quantity::Retransmissions), "retransmissions", &["retransmission", "retrans", "重传", "重传数"], "retransmissions > 0", "TCP segments sent again, both directions", "TCP 重传段数（双向）"),
    row(Word::Quantity(Quantity::OutOfOrder), "out-of-order", &["outoforder", "乱序", "乱序数"], "out-of-order > 10", "TCP segments out of order, both directions", "TCP 乱序段数（双向）"),
    row(Word::Quantity(Quantity::ZeroWindows), "zero-windows", &["zero-window", "zerowindows", "零窗口"], "zero-windows > 0", "TCP segments that closed the window, both directions", "TCP 零窗口段数（双向）"),
    row(Word::Quantity(Quantity::Resets), "resets", &["tcp-resets", "复位", "复位数"], "resets > 0", "TCP resets, both directions", "TCP 复位数（双向）"),
    row(Word::Quantity(Quantity::RtpPackets), "rtp-packets", &["rtppackets", "rtp包数"], "rtp-packets > 100", "RTP packets, both directions", "RTP 包数（双向）"),
    row(Word::Quantity(Quantity::RtpLost), "rtp-lost", &["rtplost", "rtp-loss", "rtp丢包"], "rtp-lost > 0", "RTP packets lost, both directions", "RTP 丢包数（双向）"),
    row(Word::Quantity(Quantity::Jitter), "jitter", &["rtp-jitter", "抖动"], "jitter > 30ms", "RTP jitter, the higher of both directions", "RTP 抖动（两个方向中较大者）"),
    row(Word::Measured, "measured", &["已测量"], "measured", "records whose quality was measured", "已测量服务质量的记录"),
    row(Word::Detail(DetailKey::Ja4), "ja4", &[], "ja4 t13d1516h2*", "TLS clients' fingerprints; * stands for any characters", "TLS 客户端指纹；* 代表任意字符"),
    row(Word::Detail(DetailKey::Ja3), "ja3", &[], "ja3 e7d705a3286e19ea42f587b344ee6865", "TLS clients' older fingerprints", "TLS 客户端旧式指纹"),
    row(Word::Detail(DetailKey::Alpn), "alpn", &[], "alpn h2,http/1.1", "protocols that TLS agreed on", "TLS 协商的上层协议"),
    row(Word::Detail(DetailKey::TlsVersion), "tls-version", &["tls版本"], "tls-version \"TLS 1.2\"", "TLS versions", "TLS 版本"),
    row(Word::Detail(DetailKey::Cipher), "cipher", &["加密套件"], "cipher TLS_RSA_*", "TLS cipher suites", "TLS 加密套件"),
    row(Word::Detail(DetailKey::Subject), "subject", &["证书主体"], "subject *.example.com", "subjects of certificates", "证书主体"),
    row(Word::Detail(DetailKey::Issuer), "issuer", &["证书颁发者"], "issuer \"Let's Encrypt*\"", "issuers of certificates", "证书颁发者"),
    row(Word::Detail(DetailKey::DnsType), "dns-type", &["dns类型"], "dns-type TXT,PTR", "types of DNS questions", "DNS 查询类型"),
    row(Word::Detail(DetailKey::DnsCode), "dns-code", &["rcode", "dns返回码"], "dns-code NXDOMAIN", "codes of DNS answers", "DNS 返回码"),
    row(Word::Detail(DetailKey::Method), "method", &["请求方法"], "method POST", "methods of HTTP requests", "HTTP 请求方法"),
    row(Word::Detail(DetailKey::Path), "path", &["url-path", "路径"], "path /login*", "paths of first HTTP requests", "首个 HTTP 请求的路径"),
    row(Word::Detail(DetailKey::Status), "status", &["状态码"], "status 5*", "status of first HTTP responses", "首个 HTTP 响应的状态码"),
    row(Word::Detail(DetailKey::Agent), "agent", &["user-agent", "客户端标识"], "agent *curl*", "what clients call themselves", "客户端标识"),
    row(Word::Detail(DetailKey::User), "user", &["用户"], "user admin", "users' names that were sent in the clear", "明文传输的用户名"),
    row(Word::Detail(DetailKey::Anomaly), "anomaly", &["异常"], "anomaly *", "what was odd in the stream", "流中的异常"),
    row(Word::Not, "not", &["!", "非", "不"], "not host 8.8.8.8", "those that the test does not mean", "不满足该条件"),
    row(Word::Any, "any", &["all", "全部", "所有"], "any", "all records", "全部记录"),
    row(Word::Address(End::Src), "srcip", &["src-ip", "sip", "srchost", "srcnet", "srcaddr", "ip.src", "ipv6.src", "源ip", "源地址", "源主机", "源网段"], "srcip 10.0.0.1", "addresses of the source; `src` says the same", "源地址，等同于 src"),
    row(Word::Address(End::Dst), "dstip", &["dst-ip", "dip", "dsthost", "dstnet", "dstaddr", "ip.dst", "ipv6.dst", "目的ip", "目的地址", "目标地址", "目的主机", "目的网段"], "dstip 10.0.0.1", "addresses of the destination; `dst` says the same", "目的地址，等同于 dst"),
    row(Word::PortOf(6, End::Any), "tcp.port", &[], "tcp.port == 443", "TCP and a port at either end", "TCP 且任一端的端口"),
    row(Word::PortOf(6, End::Src), "tcp.srcport", &[], "tcp.srcport == 443", "TCP and a source port", "TCP 且源端口"),
    row(Word::PortOf(6, End::Dst), "tcp.dstport", &[], "tcp.dstport == 443", "TCP and a destination port", "TCP 且目的端口"),
    row(Word::PortOf(17, End::Any), "udp.port", &[], "udp.port == 53", "UDP and a port at either end", "UDP 且任一端的端口"),
    row(Word::PortOf(17, End::Src), "udp.srcport", &[], "udp.srcport == 53", "UDP and a source port", "UDP 且源端口"),
    row(Word::PortOf(17, End::Dst), "udp.dstport", &[], "udp.dstport == 53", "UDP and a destination port", "UDP 且目的端口"),
    row(Word::In, "in", &["属于"], "port in [80 443]", "a list follows, in brackets or with commas", "后跟列表，用方括号或逗号"),
    row(Word::Sign(Sign::Equal), "=", &["==", "eq", "is", "等于", "是", "为"], "packets = 1", "equal", "等于"),
    row(Word::Sign(Sign::NotEqual), "!=", &["<>", "≠", "ne", "不等于", "不是", "不属于"], "port != 443", "not equal: none of the list", "不等于：不是列表中任何一个"),
    row(Word::Sign(Sign::Less), "<", &["lt", "小于"], "bytes < 100", "less", "小于"),
    row(Word::Sign(Sign::LessOrEqual), "<=", &["≤", "le", "小于等于", "不大于"], "bytes <= 100", "less or equal", "小于等于"),
    row(Word::Sign(Sign::Greater), ">", &["gt", "大于"], "bytes > 100", "more", "大于"),
    row(Word::Sign(Sign::GreaterOrEqual), ">=", &["≥", "ge", "大于等于", "不小于"], "bytes >= 100", "more or equal", "大于等于"),
];

/// The word that a text is, in any case and with `_` for `-`.
pub(crate) fn word(text: &str) -> Option<Word> {
    // No word is longer than 20 characters.
    if text.len() > 60 {
        return None;
    }
    let text = text.to_lowercase().replace('_', "-");
    let found = ROWS
        .iter()
        .find(|row| row.name == text || row.aliases.contains(&text.as_str()));
    found.map(|row| row.word)
}

/// The row of a word.
pub(crate) fn row_of(word: Word) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.word == word)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Puts what a part of the reference is to be in its place, or compares it.
    fn reference(part: &str, made: &str) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/filter.md");
        let text = std::fs::read_to_string(&path).unwrap();
        let begin = text.find(&format!("<!-- {part}")).unwrap();
        let begin = begin + text.get(begin..).unwrap().find("-->\n").unwrap() + 4;
        let end = text.find(&format!("<!-- end of {part} -->")).unwrap();
        let (before, there, after) = (&text[..begin], &text[begin..end], &text[end..]);
        if std::env::var_os("SPANWATCH_BLESS").is_some() {
            std::fs::write(&path, format!("{before}{made}{after}")).unwrap();
        } else {
            assert_eq!(there, made, "docs/filter.md is not up to date");
        }
    }

    /// A cell of a table.
    fn cell(text: &str) -> String {
        text.replace('|', "\\|")
    }

    #[test]
    fn the_reference_has_all_words_and_values() {
        let mut words = String::from("| word | also | example | meaning | 含义 |\n| --- | --- | --- | --- | --- |\n");
        for row in ROWS {
            let aliases: Vec<String> = row.aliases.iter().map(|alias| format!("`{}`", cell(alias))).collect();
            let (name, example) = (cell(row.name), cell(row.example));
            let (english, chinese) = (cell(row.english), cell(row.chinese));
            let aliases = aliases.join(" ");
            words += &format!("| `{name}` | {aliases} | `{example}` | {english} | {chinese} |\n");
        }
        let mut values = String::from("| word | value | also | meaning | 含义 |\n| --- | --- | --- | --- | --- |\n");
        let mut add = |word: &str, name: &str, aliases: &[&str], english: &str, chinese: &str| {
            let aliases: Vec<String> = aliases.iter().map(|alias| format!("`{alias}`")).collect();
            values += &format!(
                "| `{word}` | `{name}` | {} | {english} | {chinese} |\n",
                aliases.join(" ")
            );
        };
        for one in crate::values::DIRECTIONS {
            add("dir", one.name, one.aliases, one.english, one.chinese);
        }
        for one in crate::values::END_REASONS {
            add("end", one.name, one.aliases, one.english, one.chinese);
        }
        for one in crate::values::CONFIDENCES {
            add("confidence", one.name, one.aliases, one.english, one.chinese);
        }
        for one in crate::values::PROTOCOLS {
            add("proto", one.name, one.aliases, one.english, one.chinese);
        }
        for one in crate::values::DSCPS {
            add("dscp", one.name, one.aliases, one.english, one.chinese);
        }
        reference("words", &words);
        reference("values", &values);
    }

    #[test]
    fn examples_are_right_and_have_their_word() {
        let of = |name: &str| vec![name.to_owned()];
        let names = crate::Names {
            businesses: of("ERP"),
            ip_groups: of("servers"),
            interface_groups: of("uplinks"),
            link_groups: of("campus"),
            links: of("eth1"),
            exporters: of("core-1"),
            interfaces: vec![crate::InterfaceName {
                exporter: "core-1".to_owned(),
                index: 17,
                name: "Gi0/1".to_owned(),
            }],
            ..crate::Names::default()
        };
        for row in ROWS {
            let expr = crate::parse(row.example, &names).unwrap_or_else(|e| panic!("{}: {e}", row.example));
            let chars: Vec<char> = row.example.chars().collect();
            let words = crate::token::tokens(&chars).tokens;
            let place = words
                .iter()
                .find(|token| token.word == Some(row.word))
                .map(|token| token.at.clone());
            let place = place.unwrap_or_else(|| panic!("{}", row.example));
            let part = |at: std::ops::Range<usize>| chars.get(at).unwrap().iter().collect::<String>();
            let (before, after) = (part(0..place.start), part(place.end..chars.len()));
            // Other forms mean the same.
            for alias in row.aliases {
                let other = format!("{before} {alias} {after}");
                assert_eq!(crate::parse(&other, &names).as_ref(), Ok(&expr), "{other}");
            }
        }
    }

    #[test]
    fn no_word_has_two_meanings() {
        let mut seen = BTreeSet::new();
        for row in ROWS {
            for text in std::iter::once(&row.name).chain(row.aliases) {
                assert!(seen.insert(*text), "{text} is there twice");
                assert_eq!(*text, text.to_lowercase().replace('_', "-"));
                assert_eq!(word(&text.to_uppercase()), Some(row.word));
            }
            assert_eq!(row_of(row.word).unwrap().name, row.name);
        }
    }
}
