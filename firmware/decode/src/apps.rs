//! Applications: by an exporter's own identifier and its name, else by port.

use std::collections::HashMap;
use std::sync::LazyLock;

use model::{App, Definitions, FlowRecord};

/// Names that exporters give to what we call otherwise.
const ALIASES: &[(&str, &str)] = &[
    ("ssl", "https"),
    ("tls", "https"),
    ("secure-http", "https"),
    ("http2", "https"),
    ("web-browsing", "http"),
    ("http-proxy", "http"),
    ("http-alt", "http"),
    ("quic-udp", "quic"),
    ("domain", "dns"),
    ("secure-ftp", "ftp"),
    ("ftp-data", "ftp"),
    ("ftps", "ftp"),
    ("secure-telnet", "telnet"),
    ("secure-smtp", "smtp"),
    ("smtps", "smtp"),
    ("submission", "smtp"),
    ("secure-pop3", "pop3"),
    ("pop3s", "pop3"),
    ("secure-imap", "imap"),
    ("imaps", "imap"),
    ("snmptrap", "snmp"),
    ("bootps", "dhcp"),
    ("bootpc", "dhcp"),
    ("dhcp-client", "dhcp"),
    ("dhcp-server", "dhcp"),
    ("dhcpv6-client", "dhcpv6"),
    ("dhcpv6-server", "dhcpv6"),
    ("secure-ldap", "ldap"),
    ("ldaps", "ldap"),
    ("cifs", "smb"),
    ("microsoft-ds", "smb"),
    ("ms-ds-smb", "smb"),
    ("netbios-ns", "netbios"),
    ("netbios-dgm", "netbios"),
    ("netbios-ssn", "netbios"),
    ("ms-wbt", "rdp"),
    ("ms-rdp", "rdp"),
    ("ms-wbt-server", "rdp"),
    ("rfb", "vnc"),
    ("postgres", "postgresql"),
    ("oracle-sqlnet", "oracle"),
    ("sqlnet", "oracle"),
    ("ms-sql", "mssql"),
    ("ms-sql-s", "mssql"),
    ("mssql-db", "mssql"),
    ("sqlserver", "mssql"),
    ("mongo", "mongodb"),
    ("secure-mqtt", "mqtt"),
    ("modbus-tcp", "modbus"),
    ("sip-tls", "sip"),
    ("stun-nat", "stun"),
    ("multicast-dns", "mdns"),
    ("ssdp-upnp", "ssdp"),
    ("sunrpc", "rpcbind"),
    ("portmapper", "rpcbind"),
    ("isakmp", "ipsec"),
    ("ike", "ipsec"),
    ("ipsec-nat-t", "ipsec"),
    ("vxlan-vtep", "vxlan"),
    ("bittorrent-networking", "bittorrent"),
    ("gtp-user", "gtp"),
    ("gtp-control", "gtp"),
    ("gtpu", "gtp"),
    ("msrpc-base", "msrpc"),
    ("ms-rpc", "msrpc"),
    ("epmap", "msrpc"),
    ("ping", "icmp"),
    ("ipv6-icmp", "icmpv6"),
    ("icmp6", "icmpv6"),
    ("ospfigp", "ospf"),
    ("ipinip", "ipip"),
];

/// The application that an exporter's name means; unknown where we have none for it.
pub(crate) fn by_name(name: &str) -> App {
    static NAMES: LazyLock<HashMap<&'static str, App>> =
        LazyLock::new(|| App::known().filter_map(|app| Some((app.name()?, app))).collect());
    let name = name.trim().to_ascii_lowercase().replace(['_', ' '], "-");
    let ours = ALIASES
        .iter()
        .find(|(theirs, _)| *theirs == name)
        .map(|(_, ours)| *ours);
    NAMES.get(ours.unwrap_or(&name)).copied().unwrap_or(App::UNKNOWN)
}

/// The application of a record whose exporter names none: by port, else by the definitions.
#[inline]
pub(crate) fn of(record: &FlowRecord, definitions: &Definitions) -> App {
    let app = App::by_port(record.protocol, record.src_port, record.dst_port);
    let (src, dst) = (record.src_ip, record.dst_ip);
    definitions.name(app, record.protocol, src, record.src_port, dst, record.dst_port)
}

/// applicationId as [`model::Exported`] keeps it: the classification engine in the upper 8 of 64 bits, the selector
/// below (RFC 6759, section 4). Of a selector under a private enterprise number (engine 20) the selector's octets are
/// kept as far as they fit beside the lower octets of the number.
pub(crate) fn identifier(octets: &[u8]) -> Option<u64> {
    let (engine, selector) = octets.split_first()?;
    let selector = crate::wire::number(selector) & 0x00ff_ffff_ffff_ffff;
    Some(u64::from(*engine) << 56 | selector)
}

/// What an identifier says without a table: IANA's protocol numbers (engine 1) and ports (engine 3).
pub(crate) fn by_identifier(id: u64, protocol: u8) -> App {
    let selector = id & 0x00ff_ffff_ffff_ffff;
    match (id >> 56, u16::try_from(selector)) {
        (1, Ok(number)) => u8::try_from(number).map_or(App::UNKNOWN, |protocol| App::by_port(protocol, 0, 0)),
        (3, Ok(port)) => App::by_port(protocol, 0, port),
        _ => App::UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exporters_names_find_ours() {
        assert_eq!(by_name("Secure-HTTP").name(), Some("https"));
        assert_eq!(by_name("dns").name(), Some("dns"));
        assert_eq!(by_name("OSPF").name(), Some("ospf"));
        assert_eq!(by_name("no-such-application"), App::UNKNOWN);
        for (_, ours) in ALIASES {
            assert_ne!(by_name(ours), App::UNKNOWN, "{ours}");
        }
    }

    #[test]
    fn identifiers_keep_engine_and_selector() {
        assert_eq!(identifier(&[13, 0, 0, 53]), Some(13 << 56 | 53));
        assert_eq!(identifier(&[]), None);
        assert_eq!(by_identifier(3 << 56 | 443, 6).name(), Some("https"));
        assert_eq!(by_identifier(1 << 56 | 89, 89).name(), Some("ospf"));
        assert_eq!(by_identifier(13 << 56 | 443, 6), App::UNKNOWN);
    }
}
