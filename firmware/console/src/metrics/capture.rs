//! Capture ports, their rings, and the flow tables.

use api::collector::{CollectorStatus, PortStatus, RingStatus};
use model::{Counters, MalformedKind, SizeClass, Split};

use super::exposition::{Exposition, Family};
use super::{families as f, flag, number, octets_per_s, seconds};

/// What the collector says of itself.
pub(super) fn status(out: &mut Exposition, status: &CollectorStatus) {
    for port in [ports, losses, rings] {
        port(out, &status.ports);
    }
    out.one(&f::COLLECTOR_START, Some(seconds(status.started)));
    out.one(&f::COLLECTOR_CONNECTED, Some(flag(status.analyzer.is_ok())));
    out.one(&f::FLOWS, Some(number(status.flows)));
    out.one(&f::FLOWS_MAX, Some(number(status.flows_max)));
    out.one(&f::RECORDS_MADE, Some(number(status.records)));
    out.one(&f::RECORDS_WAITING, Some(number(status.unacknowledged)));
    out.one(&f::SPOOL, Some(number(status.spooled_bytes)));
}

fn named(port: &PortStatus) -> [String; 2] {
    [port.info.name.clone(), port.info.id.to_string()]
}

fn with(port: &PortStatus, more: &str) -> [String; 3] {
    let [name, link] = named(port);
    [name, link, more.to_owned()]
}

/// A number of each port that has one.
fn each(out: &mut Exposition, family: &Family<2>, ports: &[PortStatus], value: impl Fn(&PortStatus) -> Option<f64>) {
    out.family(
        family,
        ports.iter().filter_map(|port| Some((named(port), value(port)?))),
    );
}

/// Several numbers of each port, by a word.
fn several<const N: usize>(
    out: &mut Exposition,
    family: &Family<3>,
    ports: &[PortStatus],
    values: impl Fn(&PortStatus) -> [(&'static str, Option<u64>); N],
) {
    let samples = ports.iter().flat_map(|port| {
        let known = values(port)
            .into_iter()
            .filter_map(|(word, value)| Some((word, value?)));
        known
            .map(|(word, value)| (with(port, word), number(value)))
            .collect::<Vec<_>>()
    });
    out.family(family, samples);
}

fn ports(out: &mut Exposition, ports: &[PortStatus]) {
    each(out, &f::CAPTURE_UP, ports, |port| Some(flag(port.trouble.is_none())));
    each(out, &f::CAPTURE_LINK_UP, ports, |port| Some(flag(port.info.up)));
    each(out, &f::CAPTURE_CAPACITY, ports, |port| {
        port.info.capacity_bps.map(octets_per_s)
    });
    several(out, &f::CAPTURE_PACKETS, ports, |port| {
        directions(&port.counters.frames, |part| part.packets)
    });
    several(out, &f::CAPTURE_BYTES, ports, |port| {
        directions(&port.counters.frames, |part| part.bytes)
    });
    each(out, &f::CAPTURE_BROADCAST, ports, |port| {
        port.counters.broadcast.map(number)
    });
    each(out, &f::CAPTURE_MULTICAST, ports, |port| {
        port.counters.multicast.map(number)
    });
    each(out, &f::CAPTURE_NON_IP, ports, |port| port.counters.non_ip.map(number));
    several(out, &f::CAPTURE_MALFORMED, ports, |port| {
        MalformedKind::ALL.map(|kind| (kind.name(), port.counters.malformed_of(kind)))
    });
    several(out, &f::CAPTURE_SIZES, ports, |port| {
        SizeClass::ALL.map(|class| (class.name(), port.counters.frames_of(class)))
    });
}

/// What goes neither in nor out is the rest.
fn directions(split: &Split, of: impl Fn(&Counters) -> u64) -> [(&'static str, Option<u64>); 3] {
    let (total, inbound, outbound) = (of(&split.total), of(&split.inbound), of(&split.outbound));
    let other = total.saturating_sub(inbound).saturating_sub(outbound);
    [("in", Some(inbound)), ("out", Some(outbound)), ("other", Some(other))]
}

fn losses(out: &mut Exposition, ports: &[PortStatus]) {
    several(out, &f::CAPTURE_DROPPED, ports, |port| {
        let drops = &port.counters.drops;
        [("ring", Some(drops.ring)), ("nic", Some(drops.nic))]
    });
    each(out, &f::CAPTURE_NIC_ERRORS, ports, |port| {
        Some(number(port.counters.drops.nic_errors))
    });
    several(out, &f::CAPTURE_NIC_KINDS, ports, |port| {
        let nic = &port.counters.nic;
        [
            ("crc", nic.crc),
            ("alignment", nic.alignment),
            ("length", nic.length),
            ("missed", nic.missed),
            ("no_buffer", nic.no_buffer),
        ]
    });
    several(out, &f::CAPTURE_LOST_RECORDS, ports, |port| {
        let drops = &port.counters.drops;
        [("queue", Some(drops.queue)), ("spool", Some(drops.records))]
    });
    each(out, &f::CAPTURE_LOST_LOGS, ports, |port| {
        Some(number(port.counters.drops.logs))
    });
    each(out, &f::CAPTURE_EVICTIONS, ports, |port| {
        Some(number(port.counters.drops.flow_cache_evictions))
    });
}

fn rings(out: &mut Exposition, ports: &[PortStatus]) {
    let mut of_each = |family: &Family<2>, value: fn(&RingStatus) -> u64| {
        let samples = ports.iter().flat_map(|port| {
            port.rings.iter().enumerate().map(move |(place, ring)| {
                let labels = [port.info.name.clone(), place.to_string()];
                (labels, number(value(ring)))
            })
        });
        out.family(family, samples);
    };
    of_each(&f::RING_PACKETS, |ring| ring.frames);
    of_each(&f::RING_DROPPED, |ring| ring.drops);
    of_each(&f::RING_FREEZES, |ring| ring.freezes);
    of_each(&f::RING_FLOWS, |ring| ring.flows);
    of_each(&f::RING_MEMORY, |ring| ring.memory_bytes);
}
