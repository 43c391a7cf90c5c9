//! Names that are the same on every box: applications, protocols, and EtherTypes (IEEE 802, IANA ieee-802-numbers).

use api::labels::PROTOCOLS;
use serde::Serialize;

const ETHER_TYPES: &[(u16, &str)] = &[
    (0x0800, "IPv4"),
    (0x0806, "ARP"),
    (0x0842, "Wake-on-LAN"),
    (0x22f3, "TRILL"),
    (0x8035, "RARP"),
    (0x8100, "VLAN (802.1Q)"),
    (0x86dd, "IPv6"),
    (0x8808, "Flow control"),
    (0x8809, "LACP"),
    (0x8847, "MPLS"),
    (0x8848, "MPLS multicast"),
    (0x8863, "PPPoE discovery"),
    (0x8864, "PPPoE"),
    (0x888e, "802.1X"),
    (0x8892, "PROFINET"),
    (0x88a4, "EtherCAT"),
    (0x88a8, "Q-in-Q (802.1ad)"),
    (0x88b8, "GOOSE"),
    (0x88ba, "Sampled values"),
    (0x88cc, "LLDP"),
    (0x88e5, "MACsec"),
    (0x88e7, "PBB"),
    (0x88f7, "PTP"),
    (0x8902, "CFM"),
    (0x8906, "FCoE"),
    (0x9000, "Loopback test"),
];

/// The name of an EtherType. Numbers up to 1500 are lengths of 802.3 frames, which carry LLC (spanning tree, for one).
pub(crate) fn ether_type(number: u16) -> String {
    match ETHER_TYPES.iter().find(|(n, _)| *n == number) {
        Some((_, name)) => (*name).to_owned(),
        None if number <= 1_500 => "802.3 LLC".to_owned(),
        None => format!("EtherType 0x{number:04x}"),
    }
}

/// Names that are the same on every box: the pages put them to numbers in answers.
#[derive(Serialize)]
pub(crate) struct Names {
    /// The firmware's applications by number: the name that filters take, and what people in China say where that is
    /// another.
    apps: Vec<(u16, &'static str, Option<&'static str>)>,
    /// IP protocols by number.
    protocols: &'static [(u8, &'static str)],
}

/// The names.
pub(crate) async fn names() -> axum::Json<Names> {
    let apps = model::App::known();
    axum::Json(Names {
        apps: apps
            .filter_map(|app| Some((app.number(), app.name()?, app.chinese_name())))
            .collect(),
        protocols: PROTOCOLS,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_unknown_ether_types_have_names() {
        assert_eq!(ether_type(0x0806), "ARP");
        assert_eq!(ether_type(0x0026), "802.3 LLC");
        assert_eq!(ether_type(0xabcd), "EtherType 0xabcd");
    }
}
