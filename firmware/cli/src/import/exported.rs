//! What exporters sent, on its way into the store.

use decode::{Origin, Sink};
use model::{FlowRecord, LinkId};
use store::Store;

use super::filing::Filing;
use super::links::Links;

/// Takes what is decoded.
pub(super) struct Exports<'a, 'b> {
    pub(super) store: &'a Store,
    pub(super) links: &'a mut Links,
    /// The exporter's name where the file does not say which it is.
    pub(super) unnamed: &'a str,
    pub(super) filing: &'a mut Filing<'b>,
    /// Why links are not kept.
    pub(super) problem: Option<anyhow::Error>,
}

impl Sink for Exports<'_, '_> {
    fn link(&mut self, origin: &Origin, _: Option<u32>, _: Option<u32>) -> LinkId {
        let link = match origin.exporter.is_unspecified() {
            true => self.links.exporter_named(self.unnamed),
            false => self.links.exporter(origin.exporter),
        };
        // Before a record names it.
        if let Err(error) = self.links.keep(self.store) {
            self.problem.get_or_insert(error);
        }
        link
    }

    fn flow(&mut self, _: &Origin, flow: &FlowRecord) {
        if self.problem.is_none() {
            self.filing.push(flow.clone());
        }
    }
}
