//! What names in a question mean: objects, links, interfaces, countries.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use model::{InterfaceId, LinkId, Objects};

/// A table of countries.
pub trait CountryOf: Send + Sync + std::fmt::Debug {
    /// The country of an address, ISO 3166-1 alpha-2 in upper case; `None` where the table does not say.
    fn country(&self, address: IpAddr) -> Option<[u8; 2]>;
}

/// What names mean, and what definitions say, at the time of a question. A name is compared as it is.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// What an administrator named.
    pub objects: Arc<Objects>,
    /// The names of capture ports and exporters: the port's or exporter's own, and what people call it. A name that
    /// several have means all of them.
    pub links: BTreeMap<LinkId, Vec<String>>,
    /// The names of exporters' interfaces: ifName, description, alias, label.
    pub interfaces: BTreeMap<InterfaceId, Vec<String>>,
    /// The countries' table, where one was imported.
    pub countries: Option<Arc<dyn CountryOf>>,
}

impl Context {
    /// The links that have a name, or the number; exporters alone, by their numbers in the settings, where `exporters`.
    pub(crate) fn links(&self, name: &str, exporters: bool) -> Vec<LinkId> {
        let named = self.links.iter().filter(|(link, names)| {
            (!exporters || link.exporter().is_some()) && names.iter().any(|n| !n.is_empty() && n == name)
        });
        let named: Vec<_> = named.map(|(link, _)| *link).collect();
        if !named.is_empty() {
            return named;
        }
        // A number is taken as it is: records keep the numbers of links that are gone.
        let number = name.parse::<u32>().ok();
        let link = number.and_then(|n| match (exporters, n) {
            (true, 0) => None,
            (true, n) => Some(LinkId::of_exporter(n)),
            (false, n) => Some(LinkId(n)),
        });
        link.into_iter().collect()
    }

    /// The interfaces that have a name, of the exporters given, or of any.
    pub(crate) fn interfaces(&self, exporters: Option<&[LinkId]>, name: &str) -> Vec<InterfaceId> {
        let named = self.interfaces.iter().filter(|(id, names)| {
            exporters.is_none_or(|links| links.contains(&id.exporter))
                && names.iter().any(|n| !n.is_empty() && n == name)
        });
        named.map(|(id, _)| *id).collect()
    }
}
