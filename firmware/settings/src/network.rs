//! A port's addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// How a port gets its IPv4 address.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ipv4Config {
    /// From a DHCP server.
    #[default]
    Dhcp,
    /// A fixed address.
    Static {
        /// The address.
        address: Ipv4Addr,
        /// The prefix length, 1–32.
        prefix: u8,
        /// The default gateway, on the same network.
        gateway: Option<Ipv4Addr>,
    },
}

/// How a port gets its IPv6 addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ipv6Config {
    /// From router advertisements (and DHCPv6 where they say so).
    #[default]
    Auto,
    /// A fixed address.
    Static {
        /// The address.
        address: Ipv6Addr,
        /// The prefix length, 1–128.
        prefix: u8,
        /// The default gateway.
        gateway: Option<Ipv6Addr>,
    },
    /// No IPv6, not even link-local addresses.
    Off,
}

/// The management port's network settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Management {
    /// IPv4.
    #[serde(default)]
    pub ipv4: Ipv4Config,
    /// IPv6.
    #[serde(default)]
    pub ipv6: Ipv6Config,
    /// Name servers; empty: those that DHCP or the router names.
    #[serde(default)]
    pub dns: Vec<IpAddr>,
    /// The VLAN that the port's own traffic is tagged with (IEEE 802.1Q), 1–4094; `None`: no tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
}
