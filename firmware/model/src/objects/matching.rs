//! Which objects an address or an end of a flow belongs to, made ready for many questions.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;

use super::ranges::{Cuts, Holders, Place, holds, merged, number};
use super::{Application, Endpoint, IpGroup, Objects};
use crate::{App, PortRange};

/// A rule's protocol where it has none.
const ANY: u16 = 256;

impl Endpoint {
    /// Whether an end of a flow of this protocol matches.
    #[must_use]
    pub fn matches(&self, protocol: u8, address: IpAddr, port: u16) -> bool {
        self.protocol.is_none_or(|p| p == protocol)
            && (self.ports.is_empty() || self.ports.iter().any(|p| p.contains(port)))
            && (self.addresses.is_empty() || self.addresses.iter().any(|a| a.contains(address)))
    }
}

/// IP groups by address.
#[derive(Debug, Clone, Default)]
pub struct GroupIndex {
    cuts: Cuts,
    holders: Holders,
}

impl GroupIndex {
    /// An index of groups by their numbers, such as [`Objects::ip_groups`].
    #[must_use]
    pub fn new(groups: &BTreeMap<u32, IpGroup>) -> Self {
        let cuts = Cuts::new(groups.values().flat_map(|group| &group.addresses));
        let places = groups.iter().flat_map(|(number, group)| {
            let places = cuts.places(&group.addresses);
            places.into_iter().map(|range| (range, *number))
        });
        let holders = Holders::new(cuts.len(), &places.collect::<Vec<_>>());
        Self { cuts, holders }
    }

    /// Where an address stands, for [`Self::at`]: addresses of one place are in the same groups.
    #[inline]
    #[must_use]
    pub fn place(&self, address: IpAddr) -> Place {
        self.cuts.place(address)
    }

    /// The numbers of the groups at a place of this index, each once, in no order.
    #[inline]
    pub fn at(&self, place: Place) -> impl Iterator<Item = u32> {
        self.holders.of(place.0).flatten().copied()
    }

    /// The numbers of the groups that hold an address, each once, in no order.
    #[inline]
    pub fn groups_of(&self, address: IpAddr) -> impl Iterator<Item = u32> {
        self.at(self.place(address))
    }
}

/// An endpoint, made ready.
#[derive(Debug, Clone)]
struct Rule {
    owner: u32,
    /// The protocol, or [`ANY`].
    protocol: u16,
    ports: Box<[Range<u32>]>,
    places: Box<[Range<u32>]>,
}

/// Whose endpoints match an end of a flow: applications' or businesses'.
#[derive(Debug, Clone, Default)]
pub struct EndpointIndex {
    cuts: Cuts,
    /// In the order of their owners' numbers.
    rules: Vec<Rule>,
    /// For each port what stands for it: ports that the same rules name are one. Empty where no rule names a port.
    classes: Vec<u16>,
    /// Rules that name a protocol alone, or nothing.
    by_protocol: Holders,
    /// Rules with addresses and no ports.
    by_place: Holders,
    /// Rules with ports and no addresses.
    by_port: Holders,
    /// Rules with both, twice: it is the shorter list that is gone through.
    both_by_place: Holders,
    both_by_port: Holders,
}

impl EndpointIndex {
    /// An index of endpoints with their owners' numbers, each owner once.
    #[must_use]
    pub fn new<'a>(owners: impl Iterator<Item = (u32, &'a [Endpoint])>) -> Self {
        let mut owners: Vec<(u32, &[Endpoint])> = owners.collect();
        owners.sort_by_key(|(owner, _)| *owner);
        let endpoints = || owners.iter().flat_map(|(_, endpoints)| endpoints.iter());
        let cuts = Cuts::new(endpoints().flat_map(|endpoint| &endpoint.addresses));
        let mut index = Self {
            classes: classes(endpoints().flat_map(|endpoint| &endpoint.ports)),
            cuts,
            ..Self::default()
        };
        let class_range = |ports: &Range<u32>| {
            let of = |port: u32| u32::from(index.classes.get(port as usize).copied().unwrap_or(0));
            of(ports.start)..of(ports.end - 1) + 1
        };
        let (mut by_protocol, mut by_place, mut by_port) = (Vec::new(), Vec::new(), Vec::new());
        let (mut both_by_place, mut both_by_port) = (Vec::new(), Vec::new());
        let mut rules = Vec::new();
        for (owner, endpoint) in owners.iter().flat_map(|(owner, all)| all.iter().map(|e| (*owner, e))) {
            let ports = endpoint
                .ports
                .iter()
                .map(|p| u32::from(p.first())..u32::from(p.last()) + 1);
            let rule = Rule {
                owner,
                protocol: endpoint.protocol.map_or(ANY, u16::from),
                ports: merged(ports.collect()).into(),
                places: index.cuts.places(&endpoint.addresses).into(),
            };
            let at = number(rules.len());
            let places = rule.places.iter().map(|range| (range.clone(), at));
            let ports = rule.ports.iter().map(|range| (class_range(range), at));
            match (rule.places.is_empty(), rule.ports.is_empty()) {
                (true, true) if rule.protocol == ANY => by_protocol.push((0..256, at)),
                (true, true) => by_protocol.push((u32::from(rule.protocol)..u32::from(rule.protocol) + 1, at)),
                (false, true) => by_place.extend(places),
                (true, false) => by_port.extend(ports),
                (false, false) => {
                    both_by_place.extend(places);
                    both_by_port.extend(ports);
                }
            }
            rules.push(rule);
        }
        let classes = index.classes.last().map_or(0, |last| u32::from(*last) + 1);
        let places = index.cuts.len();
        index.rules = rules;
        index.by_protocol = Holders::new(256, &by_protocol);
        index.by_place = Holders::new(places, &by_place);
        index.by_port = Holders::new(classes, &by_port);
        index.both_by_place = Holders::new(places, &both_by_place);
        index.both_by_port = Holders::new(classes, &both_by_port);
        index
    }

    /// An index of the businesses.
    #[must_use]
    pub fn businesses(objects: &Objects) -> Self {
        Self::new(objects.businesses.iter().map(|(n, b)| (*n, b.endpoints.as_slice())))
    }

    /// Whether nothing can match.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Where an address stands, for the questions below: ends of one place, port and protocol match the same.
    #[inline]
    #[must_use]
    pub fn place(&self, address: IpAddr) -> Place {
        self.cuts.place(address)
    }

    /// The smallest number of those that have an endpoint which the end matches.
    #[must_use]
    pub fn first(&self, protocol: u8, place: Place, port: u16) -> Option<u32> {
        let mut best: Option<u32> = None;
        self.lists(protocol, place, port, |rules, fits| {
            // In the order of their owners: the first that fits is the best of the list.
            let better = rules.iter().map(|at| &self.rules[*at as usize]);
            let found = better
                .take_while(|rule| best.is_none_or(|best| rule.owner < best))
                .find(|rule| fits(rule));
            best = found.map(|rule| rule.owner).or(best);
        });
        best
    }

    /// The numbers of all that have an endpoint which the end matches go to the end of `into`; a number may come
    /// several times, in no order.
    pub fn all(&self, protocol: u8, place: Place, port: u16, into: &mut Vec<u32>) {
        self.lists(protocol, place, port, |rules, fits| {
            let rules = rules.iter().map(|at| &self.rules[*at as usize]);
            into.extend(rules.filter(|rule| fits(rule)).map(|rule| rule.owner));
        });
    }

    /// The numbers of all that have an endpoint which an end of the flow matches, in order, each once, in `into`, which
    /// is emptied before. Ends are address and port.
    pub fn of_flow(&self, protocol: u8, ends: [(IpAddr, u16); 2], into: &mut Vec<u32>) {
        into.clear();
        if self.is_empty() {
            return;
        }
        for (address, port) in ends {
            self.all(protocol, self.place(address), port, into);
        }
        into.sort_unstable();
        into.dedup();
    }

    /// Gives lists of rules, each with what is still to be asked of them.
    #[inline]
    fn lists(&self, protocol: u8, place: Place, port: u16, mut each: impl FnMut(&[u32], &dyn Fn(&Rule) -> bool)) {
        let of_protocol = |rule: &Rule| rule.protocol == ANY || rule.protocol == u16::from(protocol);
        for rules in self.by_protocol.of(u32::from(protocol)) {
            each(rules, &|_| true);
        }
        for rules in self.by_place.of(place.0) {
            each(rules, &of_protocol);
        }
        let Some(class) = self.classes.get(usize::from(port)) else {
            return;
        };
        let class = u32::from(*class);
        for rules in self.by_port.of(class) {
            each(rules, &of_protocol);
        }
        if self.both_by_place.count(place.0) <= self.both_by_port.count(class) {
            let port = u32::from(port);
            for rules in self.both_by_place.of(place.0) {
                each(rules, &|rule| of_protocol(rule) && holds(&rule.ports, port));
            }
        } else {
            for rules in self.both_by_port.of(class) {
                each(rules, &|rule| of_protocol(rule) && holds(&rule.places, place.0));
            }
        }
    }
}

/// For each port the number of its class; empty where there are no ranges.
fn classes<'a>(ranges: impl Iterator<Item = &'a PortRange>) -> Vec<u16> {
    let mut cuts: Vec<u16> = ranges
        .flat_map(|range| [Some(range.first()), range.last().checked_add(1)])
        .flatten()
        .collect();
    if cuts.is_empty() {
        return Vec::new();
    }
    cuts.sort_unstable();
    cuts.dedup();
    let mut cuts = cuts.into_iter().filter(|cut| *cut > 0).peekable();
    let mut class = 0;
    (0..=u16::MAX)
        .map(|port| {
            class += u16::from(cuts.next_if_eq(&port).is_some());
            class
        })
        .collect()
}

/// The applications that an administrator defined, ready to name flows. Equal where the definitions are.
#[derive(Debug, Clone, Default)]
pub struct Definitions {
    applications: BTreeMap<u32, Application>,
    index: EndpointIndex,
}

impl PartialEq for Definitions {
    fn eq(&self, other: &Self) -> bool {
        self.applications == other.applications
    }
}

impl Eq for Definitions {}

impl Definitions {
    /// From the definitions, such as [`Objects::applications`].
    #[must_use]
    pub fn new(applications: &BTreeMap<u32, Application>) -> Self {
        Self {
            index: EndpointIndex::new(applications.iter().map(|(n, a)| (*n, a.endpoints.as_slice()))),
            applications: applications.clone(),
        }
    }

    /// What they were made of.
    #[must_use]
    pub const fn applications(&self) -> &BTreeMap<u32, Application> {
        &self.applications
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The endpoints, for who asks of many flows with the same addresses. Its numbers are definitions': see
    /// [`App::defined`].
    #[must_use]
    pub const fn index(&self) -> &EndpointIndex {
        &self.index
    }

    /// The application that a flow has by the definitions: of those that an end matches, the one of the smallest
    /// number. Of use where the firmware does not know the application.
    #[inline]
    #[must_use]
    pub fn app(&self, protocol: u8, src_ip: IpAddr, src_port: u16, dst_ip: IpAddr, dst_port: u16) -> Option<App> {
        if self.is_empty() {
            return None;
        }
        let of = |address, port| self.index.first(protocol, self.index.place(address), port);
        let (src, dst) = (of(src_ip, src_port), of(dst_ip, dst_port));
        let number = src.into_iter().chain(dst).min()?;
        App::defined(number)
    }

    /// What the firmware knows of a flow stays; the rest is what the definitions say, whatever they said before.
    #[inline]
    #[must_use]
    pub fn name(&self, app: App, protocol: u8, src_ip: IpAddr, src_port: u16, dst_ip: IpAddr, dst_port: u16) -> App {
        if app != App::UNKNOWN && app.definition().is_none() {
            return app;
        }
        self.app(protocol, src_ip, src_port, dst_ip, dst_port)
            .unwrap_or(App::UNKNOWN)
    }
}

#[cfg(test)]
mod tests;
