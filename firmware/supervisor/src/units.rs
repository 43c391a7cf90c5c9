//! systemd's units, as `systemctl show` tells of them.

use api::supervisor::Unit;
use model::Timestamp;

/// Units whose state is shown, in this order; those that are not installed are left out.
pub(crate) const SHOWN: [&str; 18] = [
    "spanwatch-supervisor.service",
    "spanwatch-collector.service",
    "spanwatch-analyzer.service",
    "spanwatch-console.service",
    "spanwatch-hwmon.service",
    "spanwatch-console.socket",
    "spanwatch-console-http.socket",
    "spanwatch-firewall.service",
    "spanwatch-tty@ttyS0.service",
    "spanwatch-tty@tty1.service",
    "sshd.socket",
    "systemd-networkd.service",
    "systemd-resolved.service",
    "systemd-timesyncd.service",
    "systemd-journald.service",
    "systemd-udevd.service",
    "dbus-broker.service",
    "data.mount",
];

/// The properties that [`parse`] reads.
pub(crate) const PROPERTIES: &str = "--property=Id,Description,LoadState,ActiveState,SubState,StateChangeTimestamp,\
NRestarts,MemoryCurrent,CPUUsageNSec";

/// Reads the output of `systemctl show --timestamp=unix`: a block of `Key=value` lines a unit.
pub(crate) fn parse(text: &str) -> Vec<Unit> {
    text.split("\n\n").filter_map(parse_unit).collect()
}

fn parse_unit(block: &str) -> Option<Unit> {
    let field = |key: &str| {
        let line = block
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        (!line.is_empty()).then_some(line)
    };
    if field("LoadState") == Some("not-found") {
        return None;
    }
    // "[not set]" and the largest number both mean that systemd does not count it.
    let counter = |key: &str| field(key)?.parse::<u64>().ok().filter(|n| *n != u64::MAX);
    let text = |key: &str| field(key).unwrap_or_default().to_owned();
    Some(Unit {
        name: field("Id")?.to_owned(),
        description: text("Description"),
        state: text("ActiveState"),
        detail: text("SubState"),
        since: field("StateChangeTimestamp")
            .and_then(|at| at.strip_prefix('@')?.parse().ok())
            .map(Timestamp::from_secs),
        restarts: counter("NRestarts").and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        memory: counter("MemoryCurrent"),
        cpu_nanos: counter("CPUUsageNSec"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_missing_figures_stay_missing() {
        let text = "Id=spanwatch-collector.service\nDescription=Captures and meters\nLoadState=loaded\nActiveState=active\n\
            SubState=running\nStateChangeTimestamp=@1700000000\nNRestarts=2\nMemoryCurrent=1048576\nCPUUsageNSec=77\n\n\
            Id=spanwatch-nothing.service\nLoadState=not-found\nActiveState=inactive\n\n\
            Id=data.mount\nDescription=Records\nLoadState=loaded\nActiveState=failed\nSubState=failed\n\
            StateChangeTimestamp=\nMemoryCurrent=[not set]\nCPUUsageNSec=18446744073709551615\n";
        let units = parse(text);
        assert_eq!(units.len(), 2);
        assert_eq!(
            (units[0].restarts, units[0].memory, units[0].cpu_nanos),
            (2, Some(1 << 20), Some(77))
        );
        assert_eq!(units[0].since, Some(Timestamp::from_secs(1_700_000_000)));
        assert_eq!(
            (units[1].state.as_str(), units[1].memory, units[1].cpu_nanos),
            ("failed", None, None)
        );
        assert_eq!(units[1].since, None);
        assert!(parse("").is_empty());
    }
}
