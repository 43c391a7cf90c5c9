//! The links that imported records name: kept in the store as the analyzer keeps them, so that names are known.

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::Context;
use api::ingest::{LinkInfo, LinkKind};
use model::LinkId;
use serde::{Deserialize, Serialize};
use settings::Settings;
use store::Store;

/// The name that the store keeps them under.
const NAME: &str = "links";

/// A link as the analyzer keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    info: LinkInfo,
    #[serde(default)]
    removed: bool,
}

/// The links of a store.
#[derive(Debug, Default)]
pub(crate) struct Links {
    kept: BTreeMap<LinkId, Kept>,
    /// Exporters that the settings name, by address.
    known: BTreeMap<IpAddr, (LinkId, String)>,
    changed: bool,
}

impl Links {
    /// Those of the store, and the exporters of the settings.
    ///
    /// # Errors
    /// When the store cannot be read, or holds something else under the name.
    pub(crate) fn open(store: &Store, settings: Option<&Settings>) -> anyhow::Result<Self> {
        let mut links = Self::default();
        if let Some(json) = store.state()?.get(NAME) {
            let kept: Vec<Kept> = serde_json::from_slice(json).context("the store's list of links cannot be read")?;
            links.kept = kept.into_iter().map(|kept| (kept.info.id, kept)).collect();
        }
        for (number, exporter) in settings.iter().flat_map(|s| &s.exporters) {
            let id = LinkId::of_exporter(*number);
            for address in &exporter.addresses {
                links.known.insert(*address, (id, exporter.name.clone()));
            }
        }
        Ok(links)
    }

    /// All links.
    pub(crate) fn all(&self) -> impl Iterator<Item = &LinkInfo> {
        self.kept.values().map(|kept| &kept.info)
    }

    /// The capture port of a name, made where there is none.
    pub(super) fn port(&mut self, name: &str) -> LinkId {
        self.find(LinkKind::Port, name).unwrap_or_else(|| {
            let mut ports = self.kept.keys().filter(|id| id.exporter().is_none());
            let id = LinkId(ports.next_back().map_or(0, |id| id.0) + 1);
            self.add(id, LinkKind::Port, name)
        })
    }

    /// The exporter that sends from an address, made where there is none.
    pub(super) fn exporter(&mut self, address: IpAddr) -> LinkId {
        match self.known.get(&address).cloned() {
            Some((id, _)) if self.kept.contains_key(&id) => id,
            Some((id, name)) => self.add(id, LinkKind::Exporter, &name),
            None => self.exporter_named(&address.to_string()),
        }
    }

    /// The exporter of a name, made where there is none.
    pub(super) fn exporter_named(&mut self, name: &str) -> LinkId {
        self.find(LinkKind::Exporter, name).unwrap_or_else(|| {
            let taken = self.kept.keys().chain(self.known.values().map(|(id, _)| id));
            let number = taken.filter_map(|id| id.exporter()).max().unwrap_or(0);
            self.add(LinkId::of_exporter(number + 1), LinkKind::Exporter, name)
        })
    }

    fn find(&self, kind: LinkKind, name: &str) -> Option<LinkId> {
        let mut all = self.kept.values();
        all.find(|kept| kept.info.kind == kind && kept.info.name == name)
            .map(|kept| kept.info.id)
    }

    fn add(&mut self, id: LinkId, kind: LinkKind, name: &str) -> LinkId {
        let info = LinkInfo {
            id,
            kind,
            name: name.to_owned(),
            label: String::new(),
            capacity_bps: None,
            up: false,
        };
        self.kept.insert(id, Kept { info, removed: false });
        self.changed = true;
        id
    }

    /// Keeps the links in the store.
    ///
    /// # Errors
    /// When that fails.
    pub(super) fn keep(&mut self, store: &Store) -> anyhow::Result<()> {
        if std::mem::take(&mut self.changed) {
            let all: Vec<&Kept> = self.kept.values().collect();
            store.put_state(NAME, &serde_json::to_vec(&all)?)?;
        }
        Ok(())
    }
}
