//! What an administrator names so that questions can be asked of it: applications, businesses, groups.
//!
//! Each object has a number of its kind that is never given twice, since rollups keep it, and a name that is unique
//! within its kind.

mod matching;
mod ranges;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{AddressRange, App, InterfaceId, LinkId, PortRange};

pub use matching::{Definitions, EndpointIndex, GroupIndex};
pub use ranges::Place;

/// Where something is served. An end of a flow matches where its address is one of `addresses` and its port one of
/// `ports`, and the flow's protocol is `protocol`; what is empty or `None` matches anything, but not all three are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// IP protocol number: 6, 17 or 132 where there are ports.
    #[serde(default)]
    pub protocol: Option<u8>,
    /// Ports; none for "any".
    #[serde(default)]
    pub ports: Vec<PortRange>,
    /// Addresses; none for "any".
    #[serde(default)]
    pub addresses: Vec<AddressRange>,
}

/// An application that the firmware does not know. It names what is unknown otherwise: what was recognised keeps its
/// name. Where several match a flow, the one of the smallest number does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// The name, unique among all applications, the firmware's too: `[a-z0-9][a-z0-9.-]*` or Chinese, at most 32
    /// characters.
    pub name: String,
    /// A flow is of the application when either end matches one of these; 1–64.
    pub endpoints: Vec<Endpoint>,
}

/// A business: what a flow with one of these ends is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Business {
    /// The name, unique among businesses; at most 64 characters.
    pub name: String,
    /// A flow belongs to the business when either end matches one of these; 1–256.
    pub endpoints: Vec<Endpoint>,
}

/// Addresses under one name. Groups may overlap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IpGroup {
    /// The name, unique among IP groups; at most 64 characters.
    pub name: String,
    /// The addresses; 1–1,024 ranges.
    pub addresses: Vec<AddressRange>,
}

/// Interfaces of exporters under one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterfaceGroup {
    /// The name, unique among interface groups; at most 64 characters.
    pub name: String,
    /// The interfaces; 1–1,024.
    pub interfaces: Vec<InterfaceId>,
}

/// Links under one name: capture ports or exporters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkGroup {
    /// The name, unique among link groups; at most 64 characters.
    pub name: String,
    /// The links; 1–1,024.
    pub links: Vec<LinkId>,
}

/// All objects, each kind by number.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objects {
    /// Applications, numbers 1–32,767: see [`App::defined`].
    #[serde(default)]
    pub applications: BTreeMap<u32, Application>,
    /// Businesses.
    #[serde(default)]
    pub businesses: BTreeMap<u32, Business>,
    /// IP groups.
    #[serde(default)]
    pub ip_groups: BTreeMap<u32, IpGroup>,
    /// Interface groups.
    #[serde(default)]
    pub interface_groups: BTreeMap<u32, InterfaceGroup>,
    /// Link groups.
    #[serde(default)]
    pub link_groups: BTreeMap<u32, LinkGroup>,
    /// The highest number that an object of any kind ever had.
    #[serde(default)]
    pub numbers: u32,
}

impl Objects {
    /// The name of an application, defined ones included; `None` for a number that is not known.
    #[must_use]
    pub fn app_name(&self, app: App) -> Option<&str> {
        match app.definition() {
            Some(number) => self.applications.get(&number).map(|a| a.name.as_str()),
            None => app.name(),
        }
    }

    /// The application of a name, defined ones included.
    #[must_use]
    pub fn app_of(&self, name: &str) -> Option<App> {
        let defined = self.applications.iter().find(|(_, a)| a.name == name);
        match defined {
            Some((number, _)) => App::defined(*number),
            None => App::by_name(name),
        }
    }
}
