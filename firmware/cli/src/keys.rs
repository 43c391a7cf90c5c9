//! What records are grouped by and what weighs, as people write and read it.

use model::{Key, Measure, Order};

use crate::kinds::one_of;
use crate::lang::Text;

/// The names of the keys, as JSON has them.
pub(crate) const KEYS: &[&str] = &[
    "src_ip",
    "dst_ip",
    "host",
    "conversation",
    "src_net",
    "dst_net",
    "src_port",
    "dst_port",
    "protocol",
    "app",
    "business",
    "ip_group",
    "src_group",
    "dst_group",
    "link",
    "link_group",
    "in_if",
    "out_if",
    "interface",
    "interface_group",
    "direction",
    "tcp_flags",
    "vlan",
    "src_mac",
    "dst_mac",
    "src_as",
    "dst_as",
    "dscp",
    "src_country",
    "dst_country",
    "packet_size",
    "ip_version",
    "end_reason",
    "domain",
];

/// The names of the measures.
pub(crate) const MEASURES: &[&str] = &[
    "bytes",
    "packets",
    "flows",
    "bytes_forward",
    "bytes_reverse",
    "rate",
    "p95",
    "response",
    "connect",
    "retransmissions",
];

/// The names of the orders of records.
pub(crate) const ORDERS: &[&str] = &["end", "start", "duration", "bytes", "packets"];

/// A key by its name.
pub(crate) fn key(name: &str) -> Result<Key, String> {
    one_of(name).ok_or_else(|| unknown(name, KEYS))
}

/// Keys with commas between.
pub(crate) fn keys(names: &str) -> Result<Vec<Key>, String> {
    names.split(',').map(|name| key(name.trim())).collect()
}

/// A measure by its name.
pub(crate) fn measure(name: &str) -> Result<Measure, String> {
    one_of(name).ok_or_else(|| unknown(name, MEASURES))
}

/// An order by its name.
pub(crate) fn order(name: &str) -> Result<Order, String> {
    one_of(name).ok_or_else(|| unknown(name, ORDERS))
}

fn unknown(name: &str, known: &[&str]) -> String {
    let near = known.iter().filter(|k| k.contains(name) || name.contains(**k)).copied();
    let near: Vec<_> = near.collect();
    match near.as_slice() {
        [] => format!("{name:?} is none of {}", known.join(", ")),
        near => format!("{name:?} is none of them: did you mean {}?", near.join(" or ")),
    }
}

/// A key's name over a column.
pub(crate) const fn title(key: Key) -> Text {
    match key {
        Key::SrcIp => ("Source", "源地址"),
        Key::DstIp => ("Destination", "目的地址"),
        Key::Host => ("Host", "主机"),
        Key::Conversation => ("Conversation", "会话"),
        Key::SrcNet => ("Source network", "源网段"),
        Key::DstNet => ("Destination network", "目的网段"),
        Key::SrcPort => ("Source port", "源端口"),
        Key::DstPort => ("Destination port", "目的端口"),
        Key::Protocol => ("Protocol", "协议"),
        Key::App => ("Application", "应用"),
        Key::Business => ("Business", "业务"),
        Key::IpGroup => ("IP group", "IP 组"),
        Key::SrcGroup => ("Source group", "源 IP 组"),
        Key::DstGroup => ("Destination group", "目的 IP 组"),
        Key::Link => ("Link", "链路"),
        Key::LinkGroup => ("Link group", "链路组"),
        Key::InIf => ("In by", "入接口"),
        Key::OutIf => ("Out by", "出接口"),
        Key::Interface => ("Interface", "接口"),
        Key::InterfaceGroup => ("Interface group", "接口组"),
        Key::Direction => ("Direction", "方向"),
        Key::TcpFlags => ("TCP flags", "TCP 标志"),
        Key::Vlan => ("VLAN", "VLAN"),
        Key::SrcMac => ("Source MAC", "源 MAC"),
        Key::DstMac => ("Destination MAC", "目的 MAC"),
        Key::SrcAs => ("Source AS", "源 AS"),
        Key::DstAs => ("Destination AS", "目的 AS"),
        Key::Dscp => ("DSCP", "DSCP"),
        Key::SrcCountry => ("Source country", "源国家"),
        Key::DstCountry => ("Destination country", "目的国家"),
        Key::PacketSize => ("Mean packet, octets", "平均包长（字节）"),
        Key::IpVersion => ("IP version", "IP 版本"),
        Key::EndReason => ("End reason", "结束原因"),
        Key::Domain => ("Server's name", "服务器域名"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_model_and_none_is_missing() {
        let names = |list: &[&str]| {
            list.iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        // serde lists all names of an enum in the model's order.
        let said = |error: serde_json::Error| error.to_string();
        let of = |list: &[&str]| format!("unknown variant `?`, expected one of {}", names(list));
        let none = || serde_json::Value::from("?");
        assert_eq!(said(serde_json::from_value::<Key>(none()).unwrap_err()), of(KEYS));
        assert_eq!(
            said(serde_json::from_value::<Measure>(none()).unwrap_err()),
            of(MEASURES)
        );
        assert_eq!(said(serde_json::from_value::<Order>(none()).unwrap_err()), of(ORDERS));
    }

    #[test]
    fn what_is_no_key_is_said_with_what_was_meant() {
        assert_eq!(keys("src_ip, app"), Ok(vec![Key::SrcIp, Key::App]));
        assert!(key("dst").unwrap_err().contains("did you mean dst_ip or dst_net"));
        assert!(keys("src_ip,").unwrap_err().contains("did you mean"));
        assert!(key("colour").unwrap_err().contains("none of src_ip, dst_ip, host"));
    }
}
