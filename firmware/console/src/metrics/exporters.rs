//! Exporters, and what is received from them.

use api::collector::{ExporterStatus, Exporters, SnmpStatus, SocketPurpose, SocketStatus};

use super::exposition::{Exposition, Family};
use super::{families as f, flag, number, seconds};

/// What the collector says of exporters.
pub(super) fn all(out: &mut Exposition, all: &Exporters) {
    let mut each = |family: &Family<1>, value: fn(&ExporterStatus) -> Option<f64>| {
        let known = all
            .exporters
            .iter()
            .filter_map(|one| Some(([one.name.clone()], value(one)?)));
        out.family(family, known);
    };
    each(&f::EXPORTER_ENABLED, |one| Some(flag(one.enabled)));
    each(&f::EXPORTER_SEEN, |one| one.last_seen.map(seconds));
    each(&f::EXPORTER_DATAGRAMS, |one| Some(number(one.datagrams)));
    each(&f::EXPORTER_BYTES, |one| Some(number(one.octets)));
    each(&f::EXPORTER_RECORDS, |one| Some(number(one.records)));
    each(&f::EXPORTER_MESSAGES, |one| Some(number(one.messages)));
    each(&f::EXPORTER_LOST, |one| Some(number(one.lost)));
    each(&f::EXPORTER_ERRORS, |one| Some(number(one.errors)));
    each(&f::EXPORTER_TEMPLATES, |one| Some(f64::from(one.templates)));
    each(&f::SNMP_UP, |one| one.snmp.as_ref().and_then(answers).map(flag));
    each(&f::SNMP_REQUESTS, |one| Some(number(one.snmp.as_ref()?.requests)));
    each(&f::SNMP_TIMEOUTS, |one| Some(number(one.snmp.as_ref()?.timeouts)));
    each(&f::SNMP_ROUND_TRIP, |one| Some(one.snmp.as_ref()?.round_trip_ms? / 1e3));

    let mut socket = |family: &Family<2>, value: fn(&SocketStatus) -> u64| {
        let samples = all.sockets.iter().map(|socket| {
            let purpose = match socket.purpose {
                SocketPurpose::Flow => "flow",
                SocketPurpose::Syslog => "syslog",
                SocketPurpose::SyslogTls => "syslog_tls",
                SocketPurpose::Traps => "traps",
            };
            ([purpose.to_owned(), socket.address.to_string()], number(value(socket)))
        });
        out.family(family, samples);
    };
    socket(&f::SOCKET_DATAGRAMS, |socket| socket.datagrams);
    socket(&f::SOCKET_DROPPED, |socket| socket.dropped);
    socket(&f::SOCKET_UNREGISTERED, |socket| socket.unregistered);
    out.one(&f::PENDING, Some(number(all.pending.len() as u64)));
}

/// Whether an agent answers; nobody knows before it did or failed.
fn answers(snmp: &SnmpStatus) -> Option<bool> {
    match (&snmp.trouble, snmp.last_answer) {
        (Some(_), _) => Some(false),
        (None, Some(_)) => Some(true),
        (None, None) => None,
    }
}
