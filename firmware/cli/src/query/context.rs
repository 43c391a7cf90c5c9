//! What names mean in a store, without the programs that know them on an appliance.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use api::labels::Labels;
use model::{InterfaceId, LinkId, Timestamp};
use query::{Context, CountryTable};
use settings::Settings;
use store::{Probe, Store};

use crate::import::Links;

/// Names as questions understand them and as answers print them.
pub(crate) struct Known {
    pub(crate) context: Context,
    pub(crate) labels: Labels,
}

impl Known {
    /// From the store's own lists, and from settings where there are any.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn read(store: &Store, settings: Option<&Settings>) -> anyhow::Result<Self> {
        let mut context = Context::default();
        for info in Links::open(store, settings)?.all() {
            context
                .links
                .insert(info.id, vec![info.name.clone(), info.label.clone()]);
        }
        for (number, exporter) in settings.iter().flat_map(|s| &s.exporters) {
            let names = context.links.entry(LinkId::of_exporter(*number)).or_default();
            if !names.contains(&exporter.name) {
                names.insert(0, exporter.name.clone());
            }
        }
        let mut interfaces = BTreeMap::new();
        for (exporter, all) in store.interface_facts(None)? {
            for facts in all {
                let index = facts.index;
                let id = InterfaceId { exporter, index };
                interfaces.insert(id, facts.name.clone());
                let names = vec![facts.name, facts.description, facts.alias, facts.label];
                context.interfaces.insert(id, names);
            }
        }
        let objects = settings.map(|s| s.objects.clone()).unwrap_or_default();
        context.objects = Arc::new(objects.clone());
        let first = |(link, names): (&LinkId, &Vec<String>)| (*link, names.first().cloned().unwrap_or_default());
        let labels = Labels::new(context.links.iter().map(first), interfaces, objects);
        Ok(Self { context, labels })
    }

    /// Takes the database of countries of a file, or the one that an appliance keeps in the store's folder.
    ///
    /// # Errors
    /// When it cannot be read or is none; the file is named.
    pub(crate) fn read_countries(&mut self, named: Option<&Path>, folder: &Path) -> anyhow::Result<()> {
        let kept = folder.join(COUNTRIES);
        let Some(path) = named.or_else(|| kept.is_file().then_some(kept.as_path())) else {
            return Ok(());
        };
        let name = || path.display().to_string();
        let octets = std::fs::read(path).with_context(name)?;
        self.context.countries = Some(Arc::new(CountryTable::parse(&octets).with_context(name)?));
        Ok(())
    }
}

/// The analyzer's database of countries in its folder.
const COUNTRIES: &str = "countries.bin";

/// The whole seconds that the store's records lie in: the first, and the one after the last.
///
/// # Errors
/// When there are none, or they cannot be read.
pub(crate) fn span(store: &Store) -> anyhow::Result<(Timestamp, Timestamp)> {
    let everything = (Timestamp::EPOCH, Timestamp::from_nanos(u64::MAX));
    let found = store.candidates(everything, &Probe::default());
    let first = found.blocks.iter().map(|block| block.min_start).min();
    let last = found.blocks.iter().map(|block| block.max_end).max();
    let (Some(first), Some(last)) = (first, last) else {
        match found.problems.into_iter().next() {
            Some(problem) => return Err(problem.into()),
            None => bail!("the store has no records"),
        }
    };
    Ok((
        Timestamp::from_secs(first.as_secs()),
        Timestamp::from_secs(last.as_secs().saturating_add(1)),
    ))
}
