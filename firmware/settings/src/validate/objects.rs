//! What an administrator named: applications, businesses, groups.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::hash::Hash;

use model::{AddressRange, App, Endpoint, InterfaceId, LinkId, ObjectKind, Objects};

use super::{SettingsError, field};
use crate::{Exporter, Settings};

const KIND_MAX: usize = 1_000;
const NAME_MAX: usize = 64;
const APPLICATION_NAME_MAX: usize = 32;
const APPLICATION_ENDPOINTS_MAX: usize = 64;
const BUSINESS_ENDPOINTS_MAX: usize = 256;
const ENDPOINT_PORTS_MAX: usize = 64;
const ENDPOINT_ADDRESSES_MAX: usize = 256;
const MEMBERS_MAX: usize = 1_024;
/// IP protocols with ports: TCP, UDP, SCTP.
const WITH_PORTS: [u8; 3] = [6, 17, 132];

/// A place within an object, and what is wrong there.
type Problem = (String, String);

pub(super) fn check(settings: &Settings) -> Result<(), SettingsError> {
    let objects = &settings.objects;
    for kind in ObjectKind::ALL {
        check_names(objects, kind)?;
    }
    check_numbers(objects)?;
    let exporters = &settings.exporters;
    let of = |kind, number: &u32, problem: Option<Problem>| match problem {
        Some((place, problem)) => field(at(kind, *number, &place), problem),
        None => Ok(()),
    };
    for (number, one) in &objects.applications {
        let problem = endpoints_problem(&one.endpoints, APPLICATION_ENDPOINTS_MAX);
        of(ObjectKind::Applications, number, problem)?;
    }
    for (number, one) in &objects.businesses {
        let problem = endpoints_problem(&one.endpoints, BUSINESS_ENDPOINTS_MAX);
        of(ObjectKind::Businesses, number, problem)?;
    }
    for (number, one) in &objects.ip_groups {
        let problem = members_problem("addresses", &one.addresses, AddressRange::to_string);
        of(ObjectKind::IpGroups, number, problem)?;
    }
    for (number, one) in &objects.interface_groups {
        let problem = interfaces_problem(&one.name, &one.interfaces, exporters);
        of(ObjectKind::InterfaceGroups, number, problem)?;
    }
    for (number, one) in &objects.link_groups {
        let problem = links_problem(&one.name, &one.links, exporters);
        of(ObjectKind::LinkGroups, number, problem)?;
    }
    Ok(())
}

fn at(kind: ObjectKind, number: u32, place: &str) -> String {
    format!("objects.{}.{number}.{place}", kind.field())
}

fn check_names(objects: &Objects, kind: ObjectKind) -> Result<(), SettingsError> {
    let names = objects.names(kind);
    if names.len() > KIND_MAX {
        let place = format!("objects.{}", kind.field());
        return field(place, format!("{} of them, more than {KIND_MAX}", names.len()));
    }
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for (number, name) in names {
        let problem = match kind {
            ObjectKind::Applications => application_name_problem(name),
            _ => name_problem(name),
        };
        let taken = || {
            let other = seen.insert(name.to_lowercase(), number)?;
            Some(format!("{name:?} is the name of the {} {other} already", kind.one()))
        };
        if let Some(problem) = problem.or_else(taken) {
            return field(at(kind, number, "name"), problem);
        }
    }
    Ok(())
}

/// What is wrong with the name of a business or a group.
fn name_problem(name: &str) -> Option<String> {
    if name.trim().is_empty() {
        return Some("it needs a name".to_owned());
    }
    if name.trim() != name {
        return Some(format!("{name:?} has blanks at its ends: leave them out"));
    }
    if name.contains(['"', '\'', '\\', '`']) {
        return Some(format!(
            "{name:?} has a quotation mark or a backslash: filters could not name it"
        ));
    }
    let long = name.chars().count() > NAME_MAX || name.chars().any(char::is_control);
    long.then(|| format!("use at most {NAME_MAX} printable characters"))
}

/// What is wrong with the name of an application.
fn application_name_problem(name: &str) -> Option<String> {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || is_chinese(c);
    let good = name.chars().next().is_some_and(letter)
        && name.chars().all(|c| letter(c) || matches!(c, '.' | '-'))
        && name.chars().count() <= APPLICATION_NAME_MAX;
    if !good {
        return Some(format!(
            "{name:?} is no name of an application: use 1–{APPLICATION_NAME_MAX} of a–z, 0–9, . and -, or Chinese characters, and no . or - first"
        ));
    }
    // So an application prints that a later release knows.
    let number = name.strip_prefix("app-");
    if number.is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())) {
        return Some(format!(
            "{name:?} is the name of an application by its number: choose another"
        ));
    }
    None
}

/// What is wrong with a name that an application is given now. One that has it already keeps it: the firmware may have
/// come to know an application of that name later.
pub(crate) fn new_application_name_problem(name: &str) -> Option<String> {
    App::by_name(name).map(|_| format!("the firmware knows an application {name:?}: choose another name"))
}

/// Han characters, 〇 included (Unicode 16, blocks of CJK unified ideographs and their extensions).
fn is_chinese(c: char) -> bool {
    matches!(c, '\u{3007}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
}

/// Numbers are within bounds, and each is of one object alone, whatever the kinds.
fn check_numbers(objects: &Objects) -> Result<(), SettingsError> {
    let mut seen: BTreeMap<u32, (ObjectKind, &str)> = BTreeMap::new();
    for kind in ObjectKind::ALL {
        for (number, name) in objects.names(kind) {
            let place = format!("objects.{}.{number}", kind.field());
            if !(1..=Objects::NUMBER_MAX).contains(&number) {
                let problem = format!("objects are numbered from 1 to {}", Objects::NUMBER_MAX);
                return field(place, problem);
            }
            if let Some((other, other_name)) = seen.insert(number, (kind, name)) {
                let problem = format!("{number} is the number of the {} {other_name:?} already", other.one());
                return field(place, problem);
            }
        }
    }
    Ok(())
}

fn endpoints_problem(endpoints: &[Endpoint], max: usize) -> Option<Problem> {
    if !(1..=max).contains(&endpoints.len()) {
        let problem = format!("{} endpoints: name 1–{max}", endpoints.len());
        return Some(("endpoints".to_owned(), problem));
    }
    let of = |(place, endpoint): (usize, &Endpoint)| {
        let (part, problem) = endpoint_problem(endpoint)?;
        Some((format!("endpoints[{place}]{part}"), problem))
    };
    endpoints.iter().enumerate().find_map(of)
}

fn endpoint_problem(endpoint: &Endpoint) -> Option<(&'static str, String)> {
    let Endpoint {
        protocol,
        ports,
        addresses,
    } = endpoint;
    if protocol.is_none() && ports.is_empty() && addresses.is_empty() {
        let problem = "it matches everything: name a protocol, ports or addresses";
        return Some(("", problem.to_owned()));
    }
    if ports.len() > ENDPOINT_PORTS_MAX {
        let problem = format!("{} ranges of ports, more than {ENDPOINT_PORTS_MAX}", ports.len());
        return Some((".ports", problem));
    }
    if addresses.len() > ENDPOINT_ADDRESSES_MAX {
        let problem = format!(
            "{} ranges of addresses, more than {ENDPOINT_ADDRESSES_MAX}",
            addresses.len()
        );
        return Some((".addresses", problem));
    }
    if let Some(protocol) = protocol.filter(|protocol| !ports.is_empty() && !WITH_PORTS.contains(protocol)) {
        let problem =
            format!("protocol {protocol} has no ports: take 6 (TCP), 17 (UDP) or 132 (SCTP), or leave the ports out");
        return Some((".ports", problem));
    }
    if ports.iter().any(|range| range.first() == 0) {
        return Some((".ports", "0 is not a port: use 1–65535".to_owned()));
    }
    let twice = twice(ports).map(|range| (".ports", format!("{range} is there twice")));
    twice.or_else(|| self::twice(addresses).map(|range| (".addresses", format!("{range} is there twice"))))
}

fn twice<T: Eq + Hash>(members: &[T]) -> Option<&T> {
    let mut seen = std::collections::HashSet::new();
    members.iter().find(|member| !seen.insert(*member))
}

/// That there are as many as may be, each once.
fn members_problem<T: Eq + Hash, D: Display>(place: &str, members: &[T], name: impl Fn(&T) -> D) -> Option<Problem> {
    let problem = |text| Some((place.to_owned(), text));
    if !(1..=MEMBERS_MAX).contains(&members.len()) {
        return problem(format!("{} {place}: name 1–{MEMBERS_MAX}", members.len()));
    }
    twice(members).and_then(|member| problem(format!("{} is there twice", name(member))))
}

fn interfaces_problem(group: &str, interfaces: &[InterfaceId], exporters: &BTreeMap<u32, Exporter>) -> Option<Problem> {
    let place = "interfaces";
    let name = |interface: &InterfaceId| {
        format!(
            "interface {} of {}",
            interface.index,
            link_name(interface.exporter, exporters)
        )
    };
    let wrong = |interface: &InterfaceId| {
        if let Some(problem) = absent_problem(group, interface.exporter, exporters) {
            return Some(problem);
        }
        if interface.exporter.exporter().is_none() {
            let problem = format!(
                "link {} is no exporter: name interfaces of exporters",
                interface.exporter
            );
            return Some(problem);
        }
        (interface.index == 0).then(|| "interfaces are numbered from 1".to_owned())
    };
    let wrong = interfaces
        .iter()
        .find_map(wrong)
        .map(|problem| (place.to_owned(), problem));
    wrong.or_else(|| members_problem(place, interfaces, name))
}

fn links_problem(group: &str, links: &[LinkId], exporters: &BTreeMap<u32, Exporter>) -> Option<Problem> {
    let place = "links";
    let wrong = |link: &LinkId| {
        let zero = (link.0 == 0).then(|| "links are numbered from 1".to_owned());
        zero.or_else(|| absent_problem(group, *link, exporters))
    };
    if let Some(problem) = links.iter().find_map(wrong) {
        return Some((place.to_owned(), problem));
    }
    let kinds: BTreeSet<bool> = links.iter().map(|link| link.exporter().is_some()).collect();
    if kinds.len() > 1 {
        let problem =
            "capture ports and exporters may have seen the same packets, which would count twice: make a group of each";
        return Some((place.to_owned(), problem.to_owned()));
    }
    members_problem(place, links, |link| link_name(*link, exporters))
}

fn link_name(link: LinkId, exporters: &BTreeMap<u32, Exporter>) -> String {
    let exporter = link.exporter().and_then(|number| exporters.get(&number));
    exporter.map_or_else(|| format!("link {link}"), |exporter| exporter.name.clone())
}

/// That a link is an exporter which is not registered. Said so that it also tells who removes an exporter.
fn absent_problem(group: &str, link: LinkId, exporters: &BTreeMap<u32, Exporter>) -> Option<String> {
    let number = link.exporter().filter(|number| !exporters.contains_key(number))?;
    Some(format!(
        "the group {group:?} holds exporter {number}, which is not registered: register it, or take it out of the group first"
    ))
}

#[cfg(test)]
mod tests;
