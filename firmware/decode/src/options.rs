//! What options records teach: sampling rates, names, the exporter's start.

use model::Timestamp;

use crate::apps;
use crate::exporter::{Domain, InterfaceNames, Names, Room, Strings};
use crate::record::Record;
use crate::registry::{DataType, ElementId, REVERSE, V9_SCOPE};
use crate::sampling::{Statement, has, put};
use crate::wire::number;

/// What a record says of the exporter.
#[derive(Debug, Default)]
struct Told<'a> {
    sampling: Statement,
    says_sampling: bool,
    sampler: Option<u64>,
    interfaces: [Option<u32>; 2],
    interface_name: Option<&'a [u8]>,
    interface_description: Option<&'a [u8]>,
    vrfs: [Option<u32>; 2],
    vrf_name: Option<&'a [u8]>,
    application: Option<u64>,
    application_name: Option<&'a [u8]>,
    boot: Option<u64>,
    element: Option<u64>,
    enterprise: Option<u64>,
    element_name: Option<&'a [u8]>,
    element_type: Option<u64>,
}

impl<'a> Told<'a> {
    fn by(record: &Record<'a>) -> Self {
        let mut told = Self::default();
        for field in record.fields() {
            let octets = field.octets;
            let index = || {
                u32::try_from(number(octets))
                    .ok()
                    .filter(|_| octets.len() <= 8 && !octets.is_empty())
            };
            match field.element {
                ElementId {
                    enterprise: V9_SCOPE,
                    number: 2,
                } => told.interfaces = [index(), told.interfaces[1]],
                ElementId {
                    enterprise: 0,
                    number: id,
                } => match id {
                    10 => told.interfaces = [index(), told.interfaces[1]],
                    14 => told.interfaces = [told.interfaces[0], index()],
                    34 | 50 => (told.sampling.interval, told.says_sampling) = (number(octets), true),
                    48 | 302 => told.sampler = Some(number(octets)),
                    82 => told.interface_name = Some(octets),
                    83 => told.interface_description = Some(octets),
                    95 => told.application = apps::identifier(octets),
                    96 => told.application_name = Some(octets),
                    160 => told.boot = Some(number(octets)),
                    234 => told.vrfs = [index(), told.vrfs[1]],
                    235 => told.vrfs = [told.vrfs[0], index()],
                    236 => told.vrf_name = Some(octets),
                    303 => told.element = Some(number(octets)),
                    305 => (told.sampling.packets, told.says_sampling) = (number(octets), true),
                    306 => told.sampling.space = number(octets),
                    309 => (told.sampling.size, told.says_sampling) = (number(octets), true),
                    310 => told.sampling.population = number(octets),
                    311 => {
                        if let Ok(octets) = <[u8; 8]>::try_from(octets) {
                            (told.sampling.probability, told.says_sampling) = (f64::from_be_bytes(octets), true);
                        }
                    }
                    339 => told.element_type = Some(number(octets)),
                    341 => told.element_name = Some(octets),
                    346 => told.enterprise = Some(number(octets)),
                    _ => {}
                },
                _ => {}
            }
        }
        told
    }
}

/// Learns from an options record.
pub(crate) fn learn(
    record: &Record<'_>,
    domain: &mut Domain,
    names: &mut Names,
    strings: &mut Strings,
    room: &mut Room<'_>,
) {
    let told = Told::by(record);
    if let Some(millis) = told.boot.filter(|millis| *millis != 0) {
        domain.boot = Some(Timestamp::from_nanos(millis.saturating_mul(1_000_000)));
    }
    if told.says_sampling {
        sampling(&told, domain, room);
    }
    if told.interface_name.is_some() || told.interface_description.is_some() {
        let mut name = |octets: Option<&[u8]>| octets.and_then(|octets| strings.of_octets(octets));
        let found = InterfaceNames {
            name: name(told.interface_name),
            description: name(told.interface_description),
        };
        for index in distinct(told.interfaces) {
            names.put_interface(room, index, found.clone());
        }
    }
    if let Some(name) = told.vrf_name.and_then(|octets| strings.of_octets(octets)) {
        for id in distinct(told.vrfs) {
            names.put_vrf(room, id, name.clone());
        }
    }
    if let Some((id, octets)) = told.application.zip(told.application_name)
        && let Some(name) = strings.of_octets(octets)
    {
        names.put_application(room, id, name);
    }
    element(&told, names, strings, room);
}

fn sampling(told: &Told<'_>, domain: &mut Domain, room: &mut Room<'_>) {
    let Some(rate) = told.sampling.rate() else {
        return;
    };
    if let Some(sampler) = told.sampler {
        if has(&domain.rates.samplers, sampler) || room.take() {
            put(&mut domain.rates.samplers, sampler, rate);
        }
        return;
    }
    let mut by_interface = false;
    for index in distinct(told.interfaces) {
        by_interface = true;
        if has(&domain.rates.interfaces, index) || room.take() {
            put(&mut domain.rates.interfaces, index, rate);
        }
    }
    if !by_interface {
        domain.rates.all = Some(rate);
    }
}

/// An element that the exporter describes (RFC 5610). IANA's are known better.
fn element(told: &Told<'_>, names: &mut Names, strings: &mut Strings, room: &mut Room<'_>) {
    let (Some(number), Some(enterprise), Some(octets)) = (told.element, told.enterprise, told.element_name) else {
        return;
    };
    let (Ok(number), Ok(enterprise)) = (u16::try_from(number), u32::try_from(enterprise)) else {
        return;
    };
    let data_type = told
        .element_type
        .and_then(|n| u8::try_from(n).ok())
        .and_then(DataType::of_number);
    if let Some(name) = strings.of_octets(octets)
        && !matches!(enterprise, 0 | REVERSE | V9_SCOPE)
    {
        let id = ElementId::of(enterprise, number & 0x7fff);
        names.put_element(room, id, name, data_type.unwrap_or(DataType::OctetArray));
    }
}

fn distinct([a, b]: [Option<u32>; 2]) -> impl Iterator<Item = u32> {
    a.into_iter().chain(b.filter(|_| a != b))
}
