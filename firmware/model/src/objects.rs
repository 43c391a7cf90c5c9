//! What an administrator names so that questions can be asked of it: applications, businesses, groups.
//!
//! Each object has a number that no object of any kind had before, since rollups keep it, and a name that is unique
//! within its kind, whatever the case. Names have no quotes and no control characters, and no blanks at their ends.

mod matching;
mod ranges;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{AddressRange, App, InterfaceId, LinkId, PortRange};

pub use matching::{Definitions, EndpointIndex, GroupIndex};
pub use ranges::Place;

/// The kinds of objects, named as in [`Objects`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the kinds' own names")]
pub enum ObjectKind {
    Applications,
    Businesses,
    IpGroups,
    InterfaceGroups,
    LinkGroups,
}

impl ObjectKind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Applications,
        Self::Businesses,
        Self::IpGroups,
        Self::InterfaceGroups,
        Self::LinkGroups,
    ];

    /// The name in the settings: `ip_groups`.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Applications => "applications",
            Self::Businesses => "businesses",
            Self::IpGroups => "ip_groups",
            Self::InterfaceGroups => "interface_groups",
            Self::LinkGroups => "link_groups",
        }
    }

    /// What one of them is called: `IP group`.
    #[must_use]
    pub const fn one(self) -> &'static str {
        match self {
            Self::Applications => "application",
            Self::Businesses => "business",
            Self::IpGroups => "IP group",
            Self::InterfaceGroups => "interface group",
            Self::LinkGroups => "link group",
        }
    }
}

/// Where something is served. An end of a flow matches where its address is one of `addresses` and its port one of
/// `ports`, and the flow's protocol is `protocol`; what is empty or `None` matches anything, but not all three are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// IP protocol number: 6, 17, 132 or `None` where there are ports.
    #[serde(default)]
    pub protocol: Option<u8>,
    /// Ports; none for "any". At most 64 ranges.
    #[serde(default)]
    pub ports: Vec<PortRange>,
    /// Addresses; none for "any". At most 256 ranges.
    #[serde(default)]
    pub addresses: Vec<AddressRange>,
}

/// An application that the firmware does not know. It names what is unknown otherwise: what was recognised keeps its
/// name. Where several match a flow, the one of the smallest number does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// The name, unique among all applications, the firmware's too: 1–32 of `a`–`z`, `0`–`9`, `.`, `-` and Chinese
    /// characters, no `.` or `-` first, and not `app-` with a number.
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
    /// The links; 1–1,024, capture ports alone or exporters alone: both may have seen the same packets.
    pub links: Vec<LinkId>,
}

/// All objects, each kind by number: 1–32,767, see [`App::defined`]. At most 1,000 of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objects {
    /// Applications.
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
    /// The highest number that an object of any kind ever had: one sequence for all.
    #[serde(default)]
    pub numbers: u32,
}

impl Objects {
    /// The highest number that an object can have.
    pub const NUMBER_MAX: u32 = 0x7fff;

    /// The objects of a kind: their numbers and names, by number.
    #[must_use]
    pub fn names(&self, kind: ObjectKind) -> Vec<(u32, &str)> {
        fn of<T>(all: &BTreeMap<u32, T>, name: fn(&T) -> &str) -> Vec<(u32, &str)> {
            all.iter().map(|(number, one)| (*number, name(one))).collect()
        }
        match kind {
            ObjectKind::Applications => of(&self.applications, |a| &a.name),
            ObjectKind::Businesses => of(&self.businesses, |b| &b.name),
            ObjectKind::IpGroups => of(&self.ip_groups, |g| &g.name),
            ObjectKind::InterfaceGroups => of(&self.interface_groups, |g| &g.name),
            ObjectKind::LinkGroups => of(&self.link_groups, |g| &g.name),
        }
    }

    /// The number of the object of a name, whatever its case.
    #[must_use]
    pub fn number_of(&self, kind: ObjectKind, name: &str) -> Option<u32> {
        let name = name.to_lowercase();
        let names = self.names(kind);
        names
            .iter()
            .find(|(_, n)| n.to_lowercase() == name)
            .map(|(number, _)| *number)
    }

    /// Takes an object out; whether there was one.
    pub fn remove(&mut self, kind: ObjectKind, number: u32) -> bool {
        match kind {
            ObjectKind::Applications => self.applications.remove(&number).is_some(),
            ObjectKind::Businesses => self.businesses.remove(&number).is_some(),
            ObjectKind::IpGroups => self.ip_groups.remove(&number).is_some(),
            ObjectKind::InterfaceGroups => self.interface_groups.remove(&number).is_some(),
            ObjectKind::LinkGroups => self.link_groups.remove(&number).is_some(),
        }
    }

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
