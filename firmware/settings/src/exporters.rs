//! Exporters, how they are polled, and where their datagrams are received.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{Ipv4Config, Ipv6Config};

/// A secret: written out where settings are stored and where a program needs it, never by `Debug`. Whoever has no need
/// gets [`Secret::HIDDEN`] instead; given back, it means "as it is".
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// What stands for a secret that is not told.
    pub const HIDDEN: &str = "********";

    /// A secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether this stands for a secret that is not told.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.0 == Self::HIDDEN
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// UDP or TCP ports that something is received on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Whether it is received at all.
    pub enabled: bool,
    /// The ports; 1–16 of them where enabled.
    pub ports: Vec<u16>,
}

impl Listen {
    fn on(ports: &[u16]) -> Self {
        Self {
            enabled: true,
            ports: ports.to_vec(),
        }
    }
}

/// Where exporters' datagrams are received. Whatever the ports: only registered exporters get through the packet
/// filter, or anyone while discovery is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collection {
    /// The network port that receives them and polls; `None` is the management port. A port named here captures no more.
    #[serde(default)]
    pub port: Option<String>,
    /// IPv4 of that port; without effect on the management port.
    #[serde(default)]
    pub ipv4: Ipv4Config,
    /// IPv6 of that port; without effect on the management port.
    #[serde(default)]
    pub ipv6: Ipv6Config,
    /// NetFlow, IPFIX and sFlow over UDP: any of them on any of these ports.
    pub flow: Listen,
    /// Syslog over UDP.
    pub syslog: Listen,
    /// Syslog over TLS (RFC 5425).
    pub syslog_tls: Listen,
    /// SNMP traps and informs over UDP.
    pub traps: Listen,
    /// Whether senders that are not registered are let through the packet filter to be listed as pending; what they
    /// send is not stored.
    #[serde(default)]
    pub discovery: bool,
}

impl Default for Collection {
    fn default() -> Self {
        Self {
            port: None,
            ipv4: Ipv4Config::default(),
            ipv6: Ipv6Config::default(),
            flow: Listen::on(&[2055, 4739, 6343, 9995, 9996]),
            syslog: Listen::on(&[514]),
            syslog_tls: Listen::on(&[6514]),
            traps: Listen::on(&[162]),
            discovery: false,
        }
    }
}

/// How SNMPv3 messages are authenticated (RFC 3414, RFC 7860).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the algorithms' own names")]
pub enum SnmpAuthentication {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// How SNMPv3 messages are encrypted (RFC 3414, RFC 3826; longer AES keys by draft-blumenthal or as Cisco does it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the algorithms' own names")]
pub enum SnmpPrivacy {
    Des,
    Aes128,
    Aes192,
    Aes256,
    Aes192Cisco,
    Aes256Cisco,
}

/// What an agent asks for before it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "version", rename_all = "snake_case", deny_unknown_fields)]
pub enum SnmpCredentials {
    /// SNMPv1.
    V1 {
        /// The community.
        community: Secret,
    },
    /// SNMPv2c.
    V2c {
        /// The community.
        community: Secret,
    },
    /// SNMPv3 with the user-based security model.
    V3 {
        /// The user.
        user: String,
        /// Algorithm and password (8 characters at least); `None` is noAuthNoPriv.
        #[serde(default)]
        authentication: Option<(SnmpAuthentication, Secret)>,
        /// Algorithm and password; only with authentication.
        #[serde(default)]
        privacy: Option<(SnmpPrivacy, Secret)>,
    },
}

/// How an exporter is polled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnmpPolling {
    /// Which of [`crate::Settings::snmp`].
    pub credentials: String,
    /// The agent's UDP port.
    #[serde(default = "snmp_port")]
    pub port: u16,
    /// Seconds between two polls of the counters; 5–3600.
    #[serde(default = "snmp_interval")]
    pub interval_s: u32,
}

const fn snmp_port() -> u16 {
    161
}

const fn snmp_interval() -> u32 {
    60
}

/// Bounds of a link's utilisation in percent, ready for alarms; 0–100, the smaller first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UtilisationLimits {
    /// In: less is too little.
    #[serde(default)]
    pub in_min: Option<u8>,
    /// In: more is too much.
    #[serde(default)]
    pub in_max: Option<u8>,
    /// Out: less is too little.
    #[serde(default)]
    pub out_min: Option<u8>,
    /// Out: more is too much.
    #[serde(default)]
    pub out_max: Option<u8>,
}

/// What people say of an exporter's interface; it goes before what the device says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExporterInterface {
    /// The name that people gave it; at most 64 characters.
    #[serde(default)]
    pub label: String,
    /// Speed in bit/s in place of what the device says.
    #[serde(default)]
    pub capacity_bps: Option<u64>,
    /// Bounds of its utilisation.
    #[serde(default)]
    pub limits: UtilisationLimits,
}

/// An exporter: a router, switch, firewall or server that sends records or logs, or is polled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exporter {
    /// The name that people gave it; 1–64 characters, unique.
    pub name: String,
    /// The addresses that it sends from, the one that is polled first; 1–16, each of one exporter alone.
    pub addresses: Vec<IpAddr>,
    /// Whether anything of it is received and polled now.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Each sampled packet stands for so many, whatever the exporter says; 1–16,777,216.
    #[serde(default)]
    pub sampling: Option<u32>,
    /// Minutes east of UTC that its clock shows in logs without a time zone; -840–840.
    #[serde(default)]
    pub utc_offset_min: i16,
    /// How it is polled; `None`: not at all.
    #[serde(default)]
    pub snmp: Option<SnmpPolling>,
    /// What people say of its interfaces, by ifIndex; at most 4,096.
    #[serde(default)]
    pub interfaces: BTreeMap<u32, ExporterInterface>,
}

const fn yes() -> bool {
    true
}
