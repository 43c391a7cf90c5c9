//! What is known of a network interface: from /sys/class/net (Documentation/ABI/testing/sysfs-class-net), and from its
//! driver.

mod device;
mod ethtool;
mod statistics;

use std::fs;
use std::path::Path;

pub use device::Device;

/// Counters since the driver was loaded; `None` where the interface does not have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NicCounters {
    /// Frames received.
    pub rx_packets: Option<u64>,
    /// Octets received.
    pub rx_bytes: Option<u64>,
    /// Frames received with errors of any kind.
    pub rx_errors: Option<u64>,
    /// Frames that the kernel or the driver dropped.
    pub rx_dropped: Option<u64>,
    /// Frames that the NIC dropped because its ring was full.
    pub rx_missed_errors: Option<u64>,
    /// Frames with a wrong FCS.
    pub rx_crc_errors: Option<u64>,
    /// Frames that were not aligned to octets.
    pub rx_frame_errors: Option<u64>,
    /// Frames of a wrong length.
    pub rx_length_errors: Option<u64>,
    /// Frames lost by an overrun.
    pub rx_over_errors: Option<u64>,
}

/// What an interface says of itself; `None` where it does not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NicInfo {
    /// Bits a second; unknown while there is no carrier, and for virtual interfaces.
    pub speed: Option<u64>,
    /// `up`, `down`, `lowerlayerdown`, `unknown` … (RFC 2863's ifOperStatus).
    pub operstate: Option<String>,
    /// The largest payload of a frame, in octets.
    pub mtu: Option<u32>,
    /// The hardware address.
    pub address: Option<String>,
}

/// Reads an interface's counters; `class_net` is /sys/class/net, but for tests.
#[must_use]
pub fn counters(class_net: &Path, interface: &str) -> NicCounters {
    let folder = class_net.join(interface).join("statistics");
    let read = |name: &str| text(&folder, name).and_then(|text| text.parse().ok());
    NicCounters {
        rx_packets: read("rx_packets"),
        rx_bytes: read("rx_bytes"),
        rx_errors: read("rx_errors"),
        rx_dropped: read("rx_dropped"),
        rx_missed_errors: read("rx_missed_errors"),
        rx_crc_errors: read("rx_crc_errors"),
        rx_frame_errors: read("rx_frame_errors"),
        rx_length_errors: read("rx_length_errors"),
        rx_over_errors: read("rx_over_errors"),
    }
}

/// Reads what an interface says of itself; `class_net` is /sys/class/net, but for tests.
#[must_use]
pub fn info(class_net: &Path, interface: &str) -> NicInfo {
    let folder = class_net.join(interface);
    // The file has Mbit/s; -1 where the driver does not know, and no content at all when down.
    let speed = text(&folder, "speed").and_then(|text| text.parse::<u64>().ok());
    NicInfo {
        speed: speed.filter(|&s| s != u64::from(u32::MAX)).map(|s| s * 1_000_000),
        operstate: text(&folder, "operstate"),
        mtu: text(&folder, "mtu").and_then(|text| text.parse().ok()),
        address: text(&folder, "address"),
    }
}

fn text(folder: &Path, name: &str) -> Option<String> {
    fs::read_to_string(folder.join(name))
        .ok()
        .map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_not_zero() {
        let root = tempfile::tempdir().unwrap();
        let statistics = root.path().join("eth9/statistics");
        fs::create_dir_all(&statistics).unwrap();
        fs::write(statistics.join("rx_packets"), "12\n").unwrap();
        fs::write(statistics.join("rx_dropped"), "0\n").unwrap();
        fs::write(root.path().join("eth9/speed"), "-1\n").unwrap();
        fs::write(root.path().join("eth9/operstate"), "down\n").unwrap();
        let counters = counters(root.path(), "eth9");
        assert_eq!(
            (counters.rx_packets, counters.rx_dropped, counters.rx_errors),
            (Some(12), Some(0), None)
        );
        let seen = info(root.path(), "eth9");
        assert_eq!(
            (seen.speed, seen.operstate.as_deref(), seen.mtu),
            (None, Some("down"), None)
        );
        fs::write(root.path().join("eth9/speed"), "10000\n").unwrap();
        assert_eq!(info(root.path(), "eth9").speed, Some(10_000_000_000));
        assert_eq!(info(root.path(), "eth8"), NicInfo::default());
    }
}
