//! What the filter language is told of names.

use filter::{InterfaceName, Names};

use crate::context::Context;

/// The names that filters may use where names mean what the context says.
#[must_use]
pub fn names(context: &Context) -> Names {
    let objects = &context.objects;
    let first = |link| {
        let names = context.links.get(&link).map(Vec::as_slice).unwrap_or_default();
        names.iter().find(|name| !name.is_empty()).cloned().unwrap_or_default()
    };
    let links = context.links.iter();
    let said = |names: &[String]| {
        names
            .iter()
            .filter(|name| !name.is_empty())
            .cloned()
            .collect::<Vec<_>>()
    };
    let exporters = links.clone().filter(|(link, _)| link.exporter().is_some());
    let interfaces = context.interfaces.iter().flat_map(|(id, names)| {
        let exporter = first(id.exporter);
        let name = move |name: String| InterfaceName {
            exporter: exporter.clone(),
            index: id.index,
            name,
        };
        let said = said(names);
        let some = if said.is_empty() { vec![String::new()] } else { said };
        some.into_iter().map(name)
    });
    Names {
        apps: objects.applications.values().map(|o| o.name.clone()).collect(),
        businesses: objects.businesses.values().map(|o| o.name.clone()).collect(),
        ip_groups: objects.ip_groups.values().map(|o| o.name.clone()).collect(),
        interface_groups: objects.interface_groups.values().map(|o| o.name.clone()).collect(),
        link_groups: objects.link_groups.values().map(|o| o.name.clone()).collect(),
        links: links.flat_map(|(_, names)| said(names)).collect(),
        exporters: exporters.flat_map(|(_, names)| said(names)).collect(),
        interfaces: interfaces.collect(),
    }
}

#[cfg(test)]
mod tests {
    use model::{InterfaceId, LinkId};

    use super::*;

    #[test]
    fn every_name_that_something_has_may_be_used() {
        let core = LinkId::of_exporter(1);
        let text = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let context = Context {
            links: [(LinkId(1), text(&["eth1", ""])), (core, text(&["core", "192.0.2.1"]))].into(),
            interfaces: [
                (
                    InterfaceId {
                        exporter: core,
                        index: 3,
                    },
                    text(&["Gi0/3", "uplink"]),
                ),
                (
                    InterfaceId {
                        exporter: core,
                        index: 4,
                    },
                    Vec::new(),
                ),
            ]
            .into(),
            ..Context::default()
        };
        let names = names(&context);
        assert_eq!(names.links, ["eth1", "core", "192.0.2.1"]);
        assert_eq!(names.exporters, ["core", "192.0.2.1"]);
        let interfaces: Vec<_> = names
            .interfaces
            .iter()
            .map(|i| (i.exporter.as_str(), i.index, i.name.as_str()))
            .collect();
        assert_eq!(
            interfaces,
            [("core", 3, "Gi0/3"), ("core", 3, "uplink"), ("core", 4, "")]
        );
    }
}
