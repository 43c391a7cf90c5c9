//! The links: those that collectors have, and exporters that they had, whose names stay known with what was stored.

use std::collections::BTreeMap;

use api::ingest::{LinkInfo, LinkKind};
use model::LinkId;
use serde::{Deserialize, Serialize};

/// Removed exporters that are remembered.
const REMOVED_MAX: usize = 16_384;

/// The links by number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Links {
    current: BTreeMap<LinkId, LinkInfo>,
    removed: BTreeMap<LinkId, LinkInfo>,
}

/// A link as it is kept over a restart.
#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    info: LinkInfo,
    #[serde(default)]
    removed: bool,
}

impl Links {
    /// Takes the links that a collector has now in place of those that it had before (of all of them, where it is the
    /// first that says hello).
    pub(crate) fn replace(&mut self, before: Option<&[LinkId]>, now: Vec<LinkInfo>) {
        let gone: Vec<LinkInfo> = match before {
            None => std::mem::take(&mut self.current).into_values().collect(),
            Some(ids) => ids.iter().filter_map(|id| self.current.remove(id)).collect(),
        };
        let exporters = gone.into_iter().filter(|l| l.kind == LinkKind::Exporter);
        self.removed.extend(exporters.map(|l| (l.id, l)));
        for link in now {
            self.removed.remove(&link.id);
            self.current.insert(link.id, link);
        }
        while self.removed.len() > REMOVED_MAX {
            // Numbers are given in order: the lowest are the oldest.
            self.removed.pop_first();
        }
    }

    /// The links that collectors have.
    pub(crate) fn current(&self) -> &BTreeMap<LinkId, LinkInfo> {
        &self.current
    }

    /// Whether the link is known, be it removed.
    pub(crate) fn get(&self, id: LinkId) -> Option<&LinkInfo> {
        self.current.get(&id).or_else(|| self.removed.get(&id))
    }

    /// All links, and whether they were removed: those that are there come first.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&LinkInfo, bool)> {
        let current = self.current.values().map(|l| (l, false));
        current.chain(self.removed.values().map(|l| (l, true)))
    }

    /// JSON to keep them.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let kept = |(info, removed): (&LinkInfo, bool)| Kept {
            info: info.clone(),
            removed,
        };
        serde_json::to_vec(&self.all().map(kept).collect::<Vec<_>>())
    }

    /// Links from what was kept.
    pub(crate) fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        let mut links = Self::default();
        for kept in serde_json::from_slice::<Vec<Kept>>(json)? {
            let place = if kept.removed {
                &mut links.removed
            } else {
                &mut links.current
            };
            place.insert(kept.info.id, kept.info);
        }
        Ok(links)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(id: u32, kind: LinkKind, name: &str) -> LinkInfo {
        LinkInfo {
            id: LinkId(id),
            kind,
            name: name.to_owned(),
            label: String::new(),
            capacity_bps: None,
            up: true,
        }
    }

    #[test]
    fn removed_exporters_keep_their_names_and_ports_go() {
        let mut links = Links::default();
        let (port, r1) = (
            link(1, LinkKind::Port, "enp1s0"),
            link(65_536, LinkKind::Exporter, "r1"),
        );
        links.replace(None, vec![port.clone(), r1.clone()]);
        links.replace(Some(&[port.id, r1.id]), vec![]);
        assert!(links.current().is_empty());
        assert_eq!(links.get(r1.id), Some(&r1));
        assert_eq!(links.get(port.id), None);
        let kept = Links::from_json(&links.to_json().unwrap()).unwrap();
        assert_eq!(kept, links);
        // It comes back.
        links.replace(Some(&[]), vec![r1.clone()]);
        assert_eq!(links.all().collect::<Vec<_>>(), [(&r1, false)]);
        // Another collector's links stay when one says what it has.
        links.replace(Some(&[]), vec![port.clone()]);
        assert_eq!(links.current().len(), 2);
        links.replace(None, vec![port]);
        assert_eq!(
            links.all().map(|(l, gone)| (l.id.0, gone)).collect::<Vec<_>>(),
            [(1, false), (65_536, true)]
        );
    }

    #[test]
    fn what_the_last_release_kept_is_read() {
        let json = br#"[{"id":1,"name":"enp1s0","label":"","capacity_bps":null,"up":true}]"#;
        assert_eq!(Links::from_json(json).unwrap().current().len(), 1);
    }
}
