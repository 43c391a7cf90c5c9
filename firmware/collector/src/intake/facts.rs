//! What is known of devices: from SNMP first, then from what exporters say of themselves, and from people.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{DeviceFacts, InterfaceFacts, LinkId, LinkState};
use settings::ExporterInterface;

use super::account::INTERFACES_MAX;
use super::plan::Registry;

/// Devices whose facts go out in one batch.
const BATCH: usize = 64;

#[derive(Debug, Default)]
struct Device {
    /// By SNMP, each part as it was read last.
    polled: DeviceFacts,
    /// By the exporter's own records.
    told: BTreeMap<u32, InterfaceFacts>,
    /// What was sent of its interfaces.
    sent: Option<Vec<InterfaceFacts>>,
    /// Parts by SNMP that were not sent yet.
    fresh: Option<DeviceFacts>,
}

#[derive(Debug, Default)]
struct Inner {
    devices: HashMap<LinkId, Device>,
    changed: HashSet<LinkId>,
    registry: Arc<Registry>,
}

/// The facts of all devices. Shared by those who learn them; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts(Arc<Mutex<Inner>>);

impl Facts {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what people say; devices that are no longer registered are forgotten.
    pub(crate) fn register(&self, registry: Arc<Registry>) {
        let mut inner = self.lock();
        inner.devices.retain(|link, _| registry.by_link(*link).is_some());
        let labelled = registry
            .exporters()
            .iter()
            .filter(|e| !e.settings.interfaces.is_empty());
        let links: Vec<LinkId> = labelled.map(|e| e.link).chain(inner.devices.keys().copied()).collect();
        inner.changed.extend(links);
        inner.registry = registry;
    }

    /// An exporter says something of its interfaces: empty texts and unknown values leave what was known.
    pub(super) fn told(&self, link: LinkId, interfaces: impl IntoIterator<Item = InterfaceFacts>) {
        let mut inner = self.lock();
        let device = inner.devices.entry(link).or_default();
        let mut changed = false;
        for new in interfaces {
            if device.told.len() >= INTERFACES_MAX && !device.told.contains_key(&new.index) {
                continue;
            }
            let known = device.told.entry(new.index).or_default();
            let mut merged = new;
            fill(&mut merged, known);
            changed |= *known != merged;
            *known = merged;
        }
        if changed {
            inner.changed.insert(link);
        }
    }

    /// SNMP read something: each part that is there replaces what was known.
    pub(crate) fn polled(&self, link: LinkId, facts: DeviceFacts) {
        let mut inner = self.lock();
        let device = inner.devices.entry(link).or_default();
        take(&mut device.polled, &facts);
        take(device.fresh.get_or_insert_default(), &facts);
        inner.changed.insert(link);
    }

    /// The analyzer was connected to anew: everything goes out again.
    pub(crate) fn all_again(&self) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        for (link, device) in &mut inner.devices {
            device.sent = None;
            device.fresh = Some(device.polled.clone());
            inner.changed.insert(*link);
        }
    }

    /// What changed since this was last called, in batches.
    pub(crate) fn take_changed(&self) -> Vec<Vec<(LinkId, DeviceFacts)>> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let mut changes = Vec::new();
        for link in inner.changed.drain() {
            let Some(exporter) = inner.registry.by_link(link) else {
                continue;
            };
            let device = inner.devices.entry(link).or_default();
            let interfaces = merge(&device.polled, &device.told, &exporter.settings.interfaces);
            let mut facts = device.fresh.take().unwrap_or_default();
            facts.interfaces = None;
            if !interfaces.is_empty() && device.sent.as_ref() != Some(&interfaces) {
                device.sent = Some(interfaces.clone());
                facts.interfaces = Some(interfaces);
            }
            if facts != DeviceFacts::default() {
                changes.push((link, facts));
            }
        }
        let mut batches = Vec::new();
        while !changes.is_empty() {
            let rest = changes.split_off(changes.len().min(BATCH));
            batches.push(std::mem::replace(&mut changes, rest));
        }
        batches
    }
}

/// Replaces the parts that are there.
fn take(known: &mut DeviceFacts, new: &DeviceFacts) {
    let DeviceFacts {
        system,
        interfaces,
        neighbours,
        forwarding,
        arp,
        storage,
    } = new;
    replace(&mut known.system, system);
    replace(&mut known.interfaces, interfaces);
    replace(&mut known.neighbours, neighbours);
    replace(&mut known.forwarding, forwarding);
    replace(&mut known.arp, arp);
    replace(&mut known.storage, storage);
}

fn replace<T: Clone>(known: &mut Option<T>, new: &Option<T>) {
    if new.is_some() {
        known.clone_from(new);
    }
}

/// Fills what `facts` leaves open with what another source knows.
fn fill(facts: &mut InterfaceFacts, other: &InterfaceFacts) {
    let text = |mine: &mut String, theirs: &String| {
        if mine.is_empty() {
            mine.clone_from(theirs);
        }
    };
    text(&mut facts.name, &other.name);
    text(&mut facts.description, &other.description);
    text(&mut facts.alias, &other.alias);
    text(&mut facts.mac, &other.mac);
    facts.kind = facts.kind.or(other.kind);
    facts.speed_bps = facts.speed_bps.or(other.speed_bps);
    facts.full_duplex = facts.full_duplex.or(other.full_duplex);
    for (mine, theirs) in [(&mut facts.admin, other.admin), (&mut facts.oper, other.oper)] {
        if *mine == LinkState::Unknown {
            *mine = theirs;
        }
    }
}

/// The interfaces of a device, by ifIndex: SNMP first, then the exporter's own words; people's go before both.
fn merge(
    polled: &DeviceFacts,
    told: &BTreeMap<u32, InterfaceFacts>,
    labels: &BTreeMap<u32, ExporterInterface>,
) -> Vec<InterfaceFacts> {
    let polled = polled.interfaces.iter().flatten();
    let mut merged: BTreeMap<u32, InterfaceFacts> = polled.map(|i| (i.index, i.clone())).collect();
    for (index, told) in told {
        let facts = merged.entry(*index).or_default();
        facts.index = *index;
        fill(facts, told);
    }
    for (index, label) in labels {
        let facts = merged.entry(*index).or_default();
        facts.index = *index;
        facts.label.clone_from(&label.label);
        facts.speed_bps = label.capacity_bps.or(facts.speed_bps);
        let limits = &label.limits;
        facts.limits = [limits.in_min, limits.in_max, limits.out_min, limits.out_max];
    }
    merged.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::super::plan::ExporterPlan;
    use super::*;
    use model::SystemFacts;

    const LINK: LinkId = LinkId::of_exporter(1);

    fn facts(labels: BTreeMap<u32, ExporterInterface>) -> Facts {
        let settings = settings::Exporter {
            name: "a".to_owned(),
            addresses: vec![[192, 0, 2, 1].into()],
            enabled: true,
            sampling: None,
            utc_offset_min: 0,
            snmp: None,
            interfaces: labels,
        };
        let plan = ExporterPlan {
            link: LINK,
            settings,
            agent: None,
        };
        let facts = Facts::default();
        facts.register(Arc::new(Registry::new(
            vec![plan],
            false,
            model::HomeNetworks::default(),
        )));
        facts
    }

    fn named(index: u32, name: &str) -> InterfaceFacts {
        InterfaceFacts {
            index,
            name: name.to_owned(),
            ..InterfaceFacts::default()
        }
    }

    #[test]
    fn snmp_goes_before_records_and_people_before_both() {
        let label = ExporterInterface {
            label: "uplink".to_owned(),
            capacity_bps: Some(7),
            ..ExporterInterface::default()
        };
        let facts = facts(BTreeMap::from([(2, label)]));
        facts.told(LINK, [named(1, "told 1"), named(2, "told 2")]);
        let polled = DeviceFacts {
            system: Some(SystemFacts::default()),
            interfaces: Some(vec![InterfaceFacts {
                speed_bps: Some(1_000),
                ..named(2, "ge-0/0/2")
            }]),
            ..DeviceFacts::default()
        };
        facts.polled(LINK, polled);
        let changed = facts.take_changed().concat();
        let (link, device) = &changed[0];
        assert_eq!((changed.len(), *link, device.system.is_some()), (1, LINK, true));
        let of = |i: &InterfaceFacts| (i.index, i.name.clone(), i.label.clone(), i.speed_bps);
        assert_eq!(
            device.interfaces.iter().flatten().map(of).collect::<Vec<_>>(),
            [
                (1, "told 1".to_owned(), String::new(), None),
                (2, "ge-0/0/2".to_owned(), "uplink".to_owned(), Some(7))
            ]
        );
    }

    #[test]
    fn only_what_changed_goes_out_and_all_of_it_after_a_new_connection() {
        let facts = facts(BTreeMap::new());
        facts.told(LINK, [named(1, "x")]);
        assert_eq!(facts.take_changed().len(), 1);
        facts.told(LINK, [named(1, "x"), named(1, "")]);
        assert!(facts.take_changed().is_empty());
        facts.all_again();
        assert_eq!(facts.take_changed().len(), 1);
        facts.register(Arc::default());
        assert!(facts.take_changed().is_empty());
    }
}
