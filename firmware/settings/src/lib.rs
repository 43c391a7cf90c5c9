//! The settings document: what an administrator may choose, checked once when it is parsed.

mod change;
mod exporters;
mod network;
mod retention;
mod secrets;
mod validate;

use std::collections::BTreeMap;

use model::{HomeNetworks, Objects};
use serde::{Deserialize, Serialize};

pub use exporters::{
    Collection, Exporter, ExporterInterface, Listen, Secret, SnmpAuthentication, SnmpCredentials, SnmpPolling,
    SnmpPrivacy, UtilisationLimits,
};
pub use network::{Ipv4Config, Ipv6Config, Management};
pub use retention::{KeepLimit, KeptClass, Retention};
pub use validate::{SettingsError, hostname_problem, password_problem, ssh_key_problem};

/// The version of the document that this release writes.
pub const VERSION: u32 = 1;

/// The most octets of an administrator's signatures.
pub const SIGNATURES_MAX: usize = 64 << 10;

/// The language of the console and the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Language {
    /// Simplified Chinese.
    #[default]
    #[serde(rename = "zh-CN")]
    Chinese,
    /// English.
    #[serde(rename = "en")]
    English,
}

/// What the box does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Captures and meters.
    Collector,
    /// Stores and answers.
    Analyzer,
    /// Both in one box.
    #[default]
    Standalone,
}

/// How a capture port tells in from out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortDirection {
    /// By the addresses, relative to the home networks.
    #[default]
    HomeNetworks,
    /// Everything that the port sees goes in (a tap's receive leg).
    In,
    /// Everything that the port sees goes out (a tap's transmit leg).
    Out,
}

/// A capture port's settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The name that people gave the link, such as "core switch 1/0/24"; at most 64 characters.
    #[serde(default)]
    pub label: String,
    /// How in and out are told apart.
    #[serde(default)]
    pub direction: PortDirection,
    /// The mirrored link's capacity in bit/s, where it is not the port's own speed.
    #[serde(default)]
    pub capacity_bps: Option<u64>,
    /// Capture rings, each with a thread of its own: 1–64; `None`: as many as the port and the processors call for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rings: Option<u16>,
}

/// When a flow is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowTimeouts {
    /// Seconds without a packet after which a flow ends; 1–600.
    pub idle_s: u32,
    /// Seconds after which a flow that goes on is reported; 1–3600, at least `idle_s`.
    pub active_s: u32,
}

impl Default for FlowTimeouts {
    fn default() -> Self {
        Self {
            idle_s: 30,
            active_s: 60,
        }
    }
}

/// The settings document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The document's version; this release reads and writes [`VERSION`].
    pub version: u32,
    /// Counts the changes; an apply must name the revision that it changed.
    pub revision: u64,
    /// The language of console and command line.
    pub language: Language,
    /// The box's name (RFC 1123 label).
    pub hostname: String,
    /// What the box does.
    pub role: Role,
    /// What counts as inside.
    pub home_networks: HomeNetworks,
    /// The management port's addresses.
    pub management: Management,
    /// Capture ports by name; a port that is not named here has the defaults.
    pub ports: BTreeMap<String, Port>,
    /// When flows are reported.
    pub flow: FlowTimeouts,
    /// The administrator's SSH keys, each as a line of `authorized_keys` without options; at most 16.
    #[serde(default)]
    pub ssh_keys: Vec<String>,
    /// Where exporters' datagrams are received.
    #[serde(default)]
    pub collection: Collection,
    /// Exporters by their number, which is never given twice; at most 10,000.
    #[serde(default)]
    pub exporters: BTreeMap<u32, Exporter>,
    /// The highest number that an exporter ever had.
    #[serde(default)]
    pub exporter_numbers: u32,
    /// SNMP credentials by name; at most 256.
    #[serde(default)]
    pub snmp: BTreeMap<String, SnmpCredentials>,
    /// Applications, businesses and groups that were defined.
    #[serde(default)]
    pub objects: Objects,
    /// How much is kept of what.
    #[serde(default)]
    pub retention: Retention,
    /// Whether application logs are made of what the capture ports see.
    #[serde(default = "yes")]
    pub application_logs: bool,
    /// Signatures of applications besides the firmware's own (docs/signatures.md): at most [`SIGNATURES_MAX`] octets.
    /// Whoever changes them checks that they can be read; the collector keeps the last ones that it could read.
    #[serde(default)]
    pub signatures: String,
}

const fn yes() -> bool {
    true
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: VERSION,
            revision: 0,
            language: Language::default(),
            hostname: "spanwatch".to_owned(),
            role: Role::default(),
            home_networks: HomeNetworks::private(),
            management: Management::default(),
            ports: BTreeMap::new(),
            flow: FlowTimeouts::default(),
            ssh_keys: Vec::new(),
            collection: Collection::default(),
            exporters: BTreeMap::new(),
            exporter_numbers: 0,
            snmp: BTreeMap::new(),
            objects: Objects::default(),
            retention: Retention::default(),
            application_logs: true,
            signatures: String::new(),
        }
    }
}

impl Settings {
    /// Parses and checks a document.
    ///
    /// # Errors
    /// Names the field, what is wrong with it, and what would be right.
    pub fn parse(json: &str) -> Result<Self, SettingsError> {
        let settings: Self = serde_json::from_str(json).map_err(|e| SettingsError::Json(e.to_string()))?;
        settings.check()?;
        Ok(settings)
    }

    /// The document as JSON that a person can read.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}
