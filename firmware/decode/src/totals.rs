//! What is asked of many exporters often: a few numbers each, without a copy of what they taught.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::decoder::Decoder;
use crate::record::Version;

/// An exporter's totals, of all its domains together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// The protocols that it spoke, the first spoken first.
    pub versions: Vec<Version>,
    /// Records (v5, v7, IPFIX) or datagrams (v9, sFlow) that never came. It goes down when one comes late.
    pub lost: u64,
    /// Errors of all kinds.
    pub errors: u64,
    /// Templates that are known.
    pub templates: usize,
    /// Sampling rates that are known, the smallest first; at most so many as asked for.
    pub sampling: Vec<u32>,
    /// Interfaces that it named.
    pub interfaces: usize,
}

impl Decoder {
    /// An exporter's totals, with at most `rates` sampling rates.
    #[must_use]
    pub fn totals(&self, address: IpAddr, rates: usize) -> Option<Totals> {
        let address = address.to_canonical();
        let exporter = self.exporters.get(&address)?;
        let mut totals = Totals {
            errors: exporter.errors.total(),
            interfaces: exporter.names.interfaces.len(),
            ..Totals::default()
        };
        let mut known = BTreeSet::new();
        for domain in &exporter.domains {
            if !totals.versions.contains(&domain.version) {
                totals.versions.push(domain.version);
            }
            totals.lost += domain.sequence.losses.lost;
            totals.templates += domain.templates.iter().count();
            let all = domain.rates.all.or(domain.header_rate);
            let samplers = domain.rates.samplers.iter().map(|(_, rate)| *rate);
            let interfaces = domain.rates.interfaces.iter().map(|(_, rate)| *rate);
            known.extend(all.into_iter().chain(samplers).chain(interfaces).map(u32::from));
        }
        if let Some(rate) = self.sampling_override(address) {
            known = BTreeSet::from([rate.get()]);
        }
        totals.sampling = known.into_iter().take(rates).collect();
        Some(totals)
    }

    /// Moves whenever an exporter taught something new: then there is something to be saved.
    #[must_use]
    pub const fn learnt(&self) -> u64 {
        self.shared.learnt
    }
}
