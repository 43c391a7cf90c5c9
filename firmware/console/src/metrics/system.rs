//! The box itself and its firmware.

use api::firmware::{FirmwareStatus, Health, Update};
use api::supervisor::{PortRole, SystemStatus};
use settings::Role;

use super::exposition::Exposition;
use super::{families as f, flag, number, octets_per_s, states};

/// What the supervisor says of the box.
pub(super) fn status(out: &mut Exposition, status: &SystemStatus) {
    let role = match status.role {
        Role::Collector => "collector",
        Role::Analyzer => "analyzer",
        Role::Standalone => "standalone",
    };
    let build = [
        status.version.clone(),
        role.to_owned(),
        status.hostname.clone(),
        status.slot.clone().unwrap_or_default(),
        status.serial_number.clone().unwrap_or_default(),
    ];
    out.family(&f::BUILD, [(build, 1.0)]);
    out.one(&f::UPTIME, Some(number(status.uptime_s)));
    out.one(&f::CLOCK_SYNCHRONISED, status.clock_synchronised.map(flag));
    out.one(&f::TROUBLES, Some(number(status.troubles.len() as u64)));
    if let Some(load) = status.load {
        let minutes = ["1", "5", "15"].map(|minutes| [minutes.to_owned()]);
        out.family(&f::LOAD, minutes.into_iter().zip(load));
    }
    out.one(&f::CPU_USED, status.cpu_used);
    out.one(&f::MEMORY_TOTAL, status.memory.map(|memory| number(memory.total)));
    out.one(
        &f::MEMORY_AVAILABLE,
        status.memory.map(|memory| number(memory.available)),
    );
    out.one(
        &f::MEMORY_OURS,
        status.memory.and_then(|memory| memory.ours).map(number),
    );

    let disks = || status.disks.iter().map(|disk| ([disk.mount.clone()], disk));
    out.family(
        &f::FILESYSTEM_SIZE,
        disks().map(|(mount, disk)| (mount, number(disk.total))),
    );
    out.family(
        &f::FILESYSTEM_AVAILABLE,
        disks().map(|(mount, disk)| (mount, number(disk.available))),
    );
    out.family(
        &f::FILESYSTEM_READ_ONLY,
        disks().map(|(mount, disk)| (mount, flag(disk.read_only))),
    );

    let units = || status.units.iter().map(|unit| ([unit.name.clone()], unit));
    out.family(
        &f::UNIT_ACTIVE,
        units().map(|(name, unit)| (name, flag(unit.state == "active"))),
    );
    out.family(
        &f::UNIT_RESTARTS,
        units().map(|(name, unit)| (name, f64::from(unit.restarts))),
    );
    out.family(
        &f::UNIT_MEMORY,
        units().filter_map(|(name, unit)| Some((name, number(unit.memory?)))),
    );
    out.family(
        &f::UNIT_CPU,
        units().filter_map(|(name, unit)| Some((name, number(unit.cpu_nanos?) / 1e9))),
    );

    let ports = || {
        status.ports.iter().map(|port| {
            let role = match port.role {
                PortRole::Management => "management",
                PortRole::Collection => "collection",
                PortRole::Capture => "capture",
            };
            ([port.name.clone(), role.to_owned()], port)
        })
    };
    out.family(&f::PORT_UP, ports().map(|(labels, port)| (labels, flag(port.up))));
    out.family(
        &f::PORT_SPEED,
        ports().filter_map(|(labels, port)| Some((labels, octets_per_s(port.speed_bps?)))),
    );
    if let Some(filter) = status.collection {
        let counted = [
            ("registered", filter.registered),
            ("discovered", filter.discovered),
            ("unregistered", filter.unregistered),
        ];
        out.family(
            &f::FILTERED,
            counted.map(|(verdict, count)| ([verdict.to_owned()], number(count))),
        );
    }
}

/// What is installed, and what is on its way.
pub(super) fn firmware(out: &mut Exposition, status: &FirmwareStatus) {
    let slots = status.slots.iter().map(|slot| {
        let running = if status.running == Some(slot.slot) {
            "true"
        } else {
            "false"
        };
        let version = slot.version.clone().unwrap_or_default();
        ([slot.slot.name().to_owned(), version, running.to_owned()], 1.0)
    });
    out.family(&f::SLOT, slots);
    let boots = &status.boots;
    let unknown = [boots.ordered, boots.power, boots.watchdog, boots.panic]
        .into_iter()
        .fold(boots.total, u64::saturating_sub);
    let reasons = [
        ("ordered", boots.ordered),
        ("power", boots.power),
        ("watchdog", boots.watchdog),
        ("panic", boots.panic),
        ("other", unknown),
    ];
    out.family(
        &f::BOOTS,
        reasons.map(|(reason, count)| ([reason.to_owned()], number(count))),
    );
    let health = match status.health {
        Health::Unknown => "unknown",
        Health::Proving { .. } => "proving",
        Health::Failing { .. } => "failing",
        Health::Good => "good",
    };
    let all = ["unknown", "proving", "failing", "good"].map(|name| (name, name));
    out.family(
        &f::FIRMWARE_HEALTH,
        states(all, health).map(|(name, value)| ([name.to_owned()], value)),
    );
    let update = match status.update {
        Update::Idle => "idle",
        Update::Receiving { .. } => "receiving",
        Update::Verified { .. } => "verified",
        Update::Installing { .. } => "installing",
        Update::Ready { .. } => "ready",
        Update::Trying { .. } => "trying",
    };
    let all = ["idle", "receiving", "verified", "installing", "ready", "trying"].map(|name| (name, name));
    out.family(
        &f::FIRMWARE_UPDATE,
        states(all, update).map(|(name, value)| ([name.to_owned()], value)),
    );
}
